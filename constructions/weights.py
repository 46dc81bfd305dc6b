"""A transformer's weights and wiring as immutable data: what they are, cost, and are written as."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache, partial
from keyword import iskeyword
from types import MappingProxyType
from typing import Any, Self
from weakref import WeakValueDictionary

from proofs.exact import Exact, as_text
from proofs.layer import MLP, Head, Layer, Norm, Readout, validate_part
from proofs.prompt import Prompt, count
from proofs.rule import Rule
from proofs.slotmap import SlotMap
from proofs.stream import Layout
from proofs.vocabulary import ACTIVATIONS, ATTENTION, is_reserved, several, whole


@dataclass(frozen=True, eq=False, repr=False)
class Weights:
    """The weights whose existence a proof claims: layout, prompt, layers and read-out.

    `definitions` are the algorithm's own quantities, in order, each a formula over the prompt
    (X, y) and those before it; the layers' `holds` are written in them. `examples` fixes the
    number n of examples where the weights depend on it. `inputs`, `outputs`: (low, high) where the
    entries of x and the targets have to lie, None for anywhere; other prompts are refused.
    `region`: where the algorithm converges, in its parameters and what `convergence` knows of a
    prompt, "alpha < 2/top**2"; "" where nothing is known.
    """

    name: str
    layout: Layout
    prompt: Prompt
    layer_list: tuple[Layer, ...]
    readout: Readout
    parameters: Mapping[str, Any] = field(default_factory=dict)
    definitions: tuple[tuple[str, str], ...] = ()
    examples: int | None = None
    source: str = ""
    inputs: tuple[int, int] | None = None
    outputs: tuple[int, int] | None = None
    region: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))
        layers = several(self.layer_list, Layer, f"{self.name}: layers")
        object.__setattr__(self, "layer_list", layers)
        self._validate()

    # -- what it costs ------------------------------------------------------------------------

    def __deepcopy__(self, memo: Any) -> Weights:
        """Itself, since it never changes: a module that holds it can be copied."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return partial(type(self), **given | {"parameters": dict(self.parameters)}), ()

    def __repr__(self) -> str:
        size = f"{self.layers} layers, width {self.width}, d = {self.d}"
        return f"{type(self).__name__}({self.name}: {size}, digest {self.digest[:12]})"

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.layer_list)

    @property
    def width(self) -> int:
        """Hidden units of the residual stream."""
        return self.layout.width

    @cached_property
    def _bare_layers(self) -> tuple[Layer, ...]:
        """The layers without names and annotations: equal where weights and wiring are."""
        return tuple(
            replace(
                layer,
                name="",
                holds=(),
                heads=tuple(replace(head, name="") for head in layer.heads),
            )
            for layer in self.layer_list
        )

    @property
    def distinct_layers(self) -> int:
        """Number of different layers: 1 where all of them are tied."""
        return len(set(self._bare_layers))

    @property
    def period(self) -> int:
        """The least p such that every layer is tied to the p-th after it: a loop of p layers."""
        layers = self._bare_layers
        return next((p for p in range(1, len(layers)) if layers[p:] == layers[:-p]), len(layers))

    @property
    def heads(self) -> int:
        """The most heads that any layer has."""
        return max((len(layer.heads) for layer in self.layer_list), default=0)

    @property
    def hidden(self) -> int:
        """The most hidden units that any MLP has, not counting plain linear ones."""
        sizes = [
            layer.mlp.hidden(self.layout).width
            for layer in self.layer_list
            if layer.mlp is not None and layer.mlp.inner is not None
        ]
        return max(sizes, default=0)

    @cached_property
    def weights(self) -> int:
        """Number of non-zero weights of all layers, embedding and read-out, written out densely."""
        count = len(self.prompt.embedding.entries(self.layout, self.prompt.features))
        count += self.prediction_size
        for _, matrix in self.matrices():
            count += len(matrix)
        return count

    @cached_property
    def norm(self) -> Any:
        """The parameter norm of bai2023: a fraction where it is known to be one, else a flint.arb.

        max over layers of max_m max(|Q_m|, |K_m|) + sum_m |V_m| + |W_1| + |W_2|, operator norms.
        """
        from .norms import parameter_norm

        return parameter_norm(self)

    @property
    def d(self) -> int:
        """Dimension of one x."""
        return self.prompt.d

    @cached_property
    def prediction_size(self) -> int:
        """How many numbers are predicted at one token."""
        return len(self.layout.rows(self.readout.slot))

    def prediction_shape(self, n: int, m: int) -> tuple[int, ...]:
        """(tokens,), or (tokens, size) where more than one number is predicted at each."""
        at = self.readout.tokens
        tokens = m if at == "query" else count(self.prompt.tokens(n, m).read_out(at))
        return (tokens,) if self.prediction_size == 1 else (tokens, self.prediction_size)

    @cached_property
    def free_symbols(self) -> frozenset[Any]:
        """Named parameters (sympy symbols) that the weights still contain."""
        found: set[Any] = set(getattr(self.readout.coefficient, "free_symbols", ()))
        for slots in self.slot_maps():
            for block in slots:
                found |= getattr(block.coefficient, "free_symbols", set())
                for row in block.matrix or ():
                    for entry in row:
                        found |= getattr(entry, "free_symbols", set())
        for _, encoding in self.prompt.encodings:
            for rule in encoding:
                found |= rule.free_symbols
        for layer in self.layer_list:
            rules = (one for head in layer.heads for one in (head.mask, head.mix))
            for rule in filter(None, rules):
                found |= rule.free_symbols
            for norm in layer.norms().values():
                found |= norm.free_symbols
        return frozenset(found)

    @property
    def irrational(self) -> bool:
        """Whether it takes roots or exponentials: then it can only come close to an algorithm."""
        return any(
            layer.norms()
            or (layer.mlp is not None and ACTIVATIONS[layer.mlp.activation].irrational)
            or any(ATTENTION[head.attention].irrational for head in layer.heads)
            for layer in self.layer_list
        )

    def slot_maps(self) -> Iterator[SlotMap]:
        """Every slot map, embedding first."""
        yield self.prompt.embedding
        for layer in self.layer_list:
            for head in layer.heads:
                yield from (head.query, head.key, head.value)
            if layer.mlp is not None:
                yield from filter(None, (layer.mlp.inner, layer.mlp.gate, layer.mlp.outer))

    # -- reading it ---------------------------------------------------------------------------

    def matrices(self) -> Iterator[tuple[str, dict[tuple[int, int], Exact]]]:
        """Every weight matrix, sparse and exact: ("layers.0.heads.1.query", {(row, col): w})."""
        for number, layer in enumerate(self.layer_list):
            for h, head in enumerate(layer.heads):
                features = head.query.features(self.layout, {})
                where = f"layers.{number}.heads.{h}"
                yield f"{where}.query", head.query.entries(features, self.layout)
                yield f"{where}.key", head.key.entries(features, self.layout)
                yield f"{where}.value", head.value.entries(self.layout, self.layout)
            if layer.mlp is not None:
                hidden = layer.mlp.hidden(self.layout)
                where = f"layers.{number}.mlp"
                if layer.mlp.inner is not None:
                    yield f"{where}.inner", layer.mlp.inner.entries(hidden, self.layout)
                if layer.mlp.gate is not None:
                    yield f"{where}.gate", layer.mlp.gate.entries(hidden, self.layout)
                yield f"{where}.outer", layer.mlp.outer.entries(self.layout, hidden)
            for place, norm in layer.norms().items():
                for what in ("gain", "bias"):
                    if getattr(norm, what):
                        entries = norm.entries(what, self.layout)
                        yield f"layers.{number}.{place}.{what}", entries

    def to_json(self) -> dict[str, Any]:
        """The whole witness as plain JSON data; coefficients as exact text."""

        def blocks(slots: SlotMap | None) -> list[dict[str, Any]] | None:
            if slots is None:
                return None
            made = []
            for block in slots:
                item: dict[str, Any] = {
                    "to": block.destination,
                    "from": block.source,
                    "coefficient": as_text(block.coefficient),
                }
                if block.pattern is not None:
                    item["pattern"] = block.pattern
                if block.matrix is not None:
                    item["matrix"] = [[as_text(entry) for entry in row] for row in block.matrix]
                made.append(item)
            return made

        layers = []
        for layer in self.layer_list:
            mlp = layer.mlp and {
                "inner": blocks(layer.mlp.inner),
                "gate": blocks(layer.mlp.gate),
                "outer": blocks(layer.mlp.outer),
                "activation": layer.mlp.activation,
                "letters": dict(layer.mlp.letters),
            }
            heads = [
                {
                    "name": head.name,
                    "query": blocks(head.query),
                    "key": blocks(head.key),
                    "value": blocks(head.value),
                    "attention": head.attention,
                    "keys": head.keys,
                    "average": head.average,
                    "null": head.null,
                    **_rules(head),
                }
                for head in layer.heads
            ]
            norms: dict[str, Any] = {"norm": False}
            norms |= {place: _norm(one) for place, one in layer.norms().items()}
            if layer.norm is True:
                norms["norm"] = True
            layers.append({"name": layer.name, "heads": heads, "mlp": mlp, **norms})
        return {
            "name": self.name,
            "layout": {slot.name: list(slot.shape) for slot in self.layout.slots},
            "prompt": {
                "form": self.prompt.form,
                "d": self.prompt.d,
                "register": self.prompt.register,
                "positions": self.prompt.positions,
                "embedding": blocks(self.prompt.embedding),
                **self._fields(),
            },
            "layers": layers,
            "readout": {
                "slot": self.readout.slot,
                "coefficient": as_text(self.readout.coefficient),
                **({} if self.readout.tokens == "query" else {"tokens": self.readout.tokens}),
            },
            "examples": self.examples,
        }

    def _fields(self) -> dict[str, Any]:
        """What tokens carry beside x of d numbers and a number y, as JSON data."""
        prompt, made = self.prompt, dict[str, Any]()
        if prompt.parts is not None:
            made["parts"] = {part.name: list(part.shape) for part in prompt.parts.slots}
        if prompt.query_parts is not None:
            made["query_parts"] = list(prompt.query_parts)
        if prompt.targets != 1:
            made["targets"] = prompt.targets
        if prompt.encodings:
            made["encodings"] = [
                [name, [_rule_to_json(one) for one in rules]] for name, rules in prompt.encodings
            ]
        return made

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What `to_json` wrote, without annotations. Raises ValueError if it does not fit."""
        from .serial import from_json

        return from_json(data, cls)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the weights and the wiring: equal exactly when `to_json` is."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def with_layers(self, layers: tuple[Layer, ...]) -> Self:
        """The same witness with other layers."""
        return replace(self, layer_list=layers)

    def _validate(self) -> None:
        """Raises ValueError where slots, features, shapes and names do not fit together."""
        if self.examples is not None:
            whole(self.examples, 1, f"{self.name}: examples")
        try:
            self.prompt.embedding.check(self.layout, self.prompt.features)
            if not self.layout.rows(self.readout.slot):
                raise ValueError(f"the read-out slot {self.readout.slot} has no entry")
        except (KeyError, ValueError) as error:
            raise ValueError(f"{self.name}, prompt or read-out: {_message(error)}") from None
        fitting = _fitting(self.layout)
        for number, layer in enumerate(self.layer_list, start=1):
            try:
                for part in (*layer.heads, *((layer.mlp,) if layer.mlp else ())):
                    if fitting.get(id(part)) is not part:
                        validate_part(part, self.layout)
                        fitting[id(part)] = part
                for norm in layer.norms().values():
                    norm.check(self.layout)
                for held in layer.holds:
                    self.layout.rows(held.slot)
            except (KeyError, ValueError) as error:
                raise ValueError(
                    f"{self.name}, layer {number} ({layer.name}): {_message(error)}"
                ) from None
        self._validate_names()

    def _validate_names(self) -> None:
        """Raises ValueError where formulas could not tell what a name stands for."""
        names: list[tuple[str, Any]] = []
        if self.prompt.parts is not None:
            parts = [part.name for part in self.prompt.parts.slots]
            names += [("part of x", name) for name in parts if name != "x"]
            names += [("column of the part", f"{name}_t") for name in parts if name != "x"]
        names += [("parameter", name) for name in self.parameters]
        names += [("definition", name) for name, _ in self.definitions]
        taken: dict[str, str] = {}
        for what, name in names:
            where = f"{self.name}, {what} {name!r}"
            if not (isinstance(name, str) and name.isidentifier()) or iskeyword(name):
                raise ValueError(f"{where}: this is no name")
            if is_reserved(name):
                raise ValueError(f"{where}: the name is reserved")
            if name in taken:
                raise ValueError(f"{where}: a {taken[name]} has this name already")
            taken[name] = what


@lru_cache(maxsize=256)
def _fitting(layout: Layout) -> WeakValueDictionary[int, Head | MLP]:
    """Parts of layers, by identity, that were seen to fit the stream: many witnesses have them."""
    return WeakValueDictionary()


def _rules(head: Head) -> dict[str, Any]:
    """Mask and mix as JSON, those that there are."""
    rules = (("mask", head.mask), ("mix", head.mix))
    return {what: _rule_to_json(one) for what, one in rules if one is not None}


def _rule_to_json(one: Rule) -> dict[str, Any]:
    if one.matrix is not None:
        return {"matrix": [[as_text(entry) for entry in row] for row in one.matrix]}
    return {
        "text": one.text,
        "constants": {name: as_text(value) for name, value in one.constants},
    }


def _norm(norm: Norm) -> dict[str, Any]:
    """A norm as JSON."""

    def given(pairs: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
        return {
            slot: [as_text(entry) for entry in value]
            if isinstance(value, tuple)
            else as_text(value)
            for slot, value in pairs
        }

    return {
        "kind": norm.kind,
        "epsilon": as_text(norm.epsilon),
        "gain": given(norm.gain),
        "bias": given(norm.bias),
    }


def _message(error: Exception) -> str:
    return str(error.args[0]) if error.args else str(error)
