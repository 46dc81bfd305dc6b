"""A transformer as immutable data: heads, MLPs, layers, and the witness that they make up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from keyword import iskeyword
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .exact import Exact, as_text, exact
from .prompt import Prompt
from .slotmap import SlotMap
from .stream import Layout
from .vocabulary import (
    ACTIVATIONS,
    ATTENTION,
    AVERAGES,
    KEYS,
    TOKENS,
    Activation,
    Attention,
    Average,
    Keys,
    boolean,
    is_reserved,
    one_of,
    whole,
)

if TYPE_CHECKING:
    from .plan import Plan

PLANS = 8  # sizes of prompts for which a witness keeps its plan


@dataclass(frozen=True)
class Head:
    """token t receives sum_j weight(<query_t, key_j>) * value_j, added to the stream.

    `query` and `key` map the stream to features of one naming, `value` maps the key's stream to
    slots of the reader's (the output matrix included).
    attention: "linear" weight = score; "relu" weight = max(score, 0); "softmax" over the keys;
    "normalised" weight = score / sum of the scores. `null` adds one more key with value 0, whose
    exponential or score is 1: the softmax with an extra zero logit, and its linear counterpart.
    keys: "context" the tokens of the examples, never a query; "full" all; "causal" j <= t.
    average: divide "linear" and "relu" weights by the number of "keys" seen or of "examples".
    """

    query: SlotMap
    key: SlotMap
    value: SlotMap
    attention: Attention = "linear"
    keys: Keys = "context"
    average: Average = ""
    null: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        one_of(self.attention, ATTENTION, "attention")
        one_of(self.keys, KEYS, "keys")
        one_of(self.average, AVERAGES, "average")
        boolean(self.null, "null")
        shares = self.attention in ("softmax", "normalised")
        if shares and self.average:
            raise ValueError(
                f"average {self.average!r} with {self.attention} attention: "
                "only linear and relu weights are divided"
            )
        if self.null and not shares:
            raise ValueError(
                f"null with {self.attention} attention: only softmax and normalised have a null key"
            )
        self.query.check_names()
        self.key.check_names()
        object.__setattr__(self, "value", self.value.without_zeros())


@dataclass(frozen=True)
class MLP:
    """stream += outer(activation(inner(stream)) * gate(stream)), position by position.

    Without `inner` the hidden units are activation(stream) * gate(stream), by the names of the
    slots: a slot that the gate does not write is multiplied by 0. Without `gate` nothing
    multiplies. `letters` gives the sizes of pattern letters in `inner` and `gate` that no source
    fixes.
    """

    outer: SlotMap
    inner: SlotMap | None = None
    gate: SlotMap | None = None
    activation: Activation = "identity"
    letters: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        one_of(self.activation, ACTIVATIONS, "activation")
        for letter, size in self.letters:
            if not (isinstance(letter, str) and len(letter) == 1 and letter.isalpha()):
                raise ValueError(f"letters: {letter!r} is no letter")
            whole(size, 1, f"letters: the size of {letter}")
        for slots in (self.inner, self.gate):
            if slots is not None:
                slots.check_names()
        object.__setattr__(self, "outer", self.outer.without_zeros())

    def hidden(self, stream: Layout) -> Layout:
        """Layout of the hidden units."""
        if self.inner is None:
            return stream
        return self.inner.features(stream, dict(self.letters))


@dataclass(frozen=True)
class Holds:
    """What a slot holds after a layer, as an expression of the prompt, in the form "T2*x".

    Names are those of Witness.definitions and, per token, x (d, 1) and y (1, 1).
    tokens: for which tokens this is so: "all", "context", "query", or one token's number.
    """

    slot: str
    expression: str
    tokens: str | int = "all"

    def __post_init__(self) -> None:
        if isinstance(self.tokens, str):
            one_of(self.tokens, TOKENS, "tokens")
        else:
            whole(self.tokens, 0, f"tokens of {self.slot}")


@dataclass(frozen=True)
class Layer:
    """stream += heads(stream); then stream += mlp(norm(stream)), norm only if `norm`."""

    name: str
    heads: tuple[Head, ...] = ()
    mlp: MLP | None = None
    norm: bool = False
    holds: tuple[Holds, ...] = ()

    def __post_init__(self) -> None:
        boolean(self.norm, "norm")
        if self.norm and self.mlp is None:
            raise ValueError(f"layer {self.name!r}: norm without an MLP, which alone reads it")


@dataclass(frozen=True)
class Readout:
    """The prediction of each query token: coefficient * slot."""

    slot: str
    coefficient: Exact = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficient", exact(self.coefficient))


@dataclass(frozen=True, eq=False)
class Witness:
    """The weights whose existence a proof claims: layout, prompt, layers and read-out.

    `definitions` are the algorithm's own quantities, in order, each a formula over the prompt
    (X, y) and those before it; the layers' `holds` are written in them. `examples` fixes the
    number n of examples where the weights depend on it.
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))
        self._validate()

    # -- what it costs ------------------------------------------------------------------------

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.layer_list)

    @property
    def width(self) -> int:
        """Hidden units of the residual stream."""
        return self.layout.width

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
        count = len(self.prompt.embedding.entries(self.layout, self.prompt.features)) + 1
        for _, matrix in self.matrices():
            count += len(matrix)
        return count

    @property
    def d(self) -> int:
        """Dimension of one x."""
        return self.prompt.d

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
        return frozenset(found)

    def slot_maps(self) -> Iterator[SlotMap]:
        """Every slot map, embedding first."""
        yield self.prompt.embedding
        for layer in self.layer_list:
            for head in layer.heads:
                yield from (head.query, head.key, head.value)
            if layer.mlp is not None:
                yield from filter(None, (layer.mlp.inner, layer.mlp.gate, layer.mlp.outer))

    # -- running it ---------------------------------------------------------------------------

    @cached_property
    def plan(self) -> Callable[[int, int], Plan]:
        """plan(n, m): the operations by which it predicts for n examples and m queries."""
        from .forward import plan

        return lru_cache(maxsize=PLANS)(partial(plan, self))

    def predict(self, X: Any, y: Any, queries: Any, numbers: Any = "float64") -> Any:
        """Predictions (..., m) for X (..., n, d), y (..., n), queries (..., m, d).

        torch in, torch out; otherwise numpy. `numbers` names a number system: "float64",
        "float32", "bfloat16", "float16", "rational", "ball", "symbolic", or is one.
        Raises ValueError on input that does not fit; warns PrecisionWarning with a bound when
        rounding has reached the prediction.
        """
        from .forward import predict

        return predict(self, X, y, queries, numbers)

    def trace(self, X: Any, y: Any, queries: Any, numbers: Any = "float64") -> list[dict[str, Any]]:
        """The slots after the embedding and after every layer: [{slot: (..., tokens, *shape)}]."""
        from .forward import trace

        return trace(self, X, y, queries, numbers)

    def rounding_bound(self, X: Any, y: Any, queries: Any, numbers: str = "float64") -> Any:
        """Bound (..., m) on what rounding in `numbers` does to the predictions.

        Infinite where floats cannot tell.
        """
        from .rounding import rounding_bound

        return rounding_bound(self, X, y, queries, numbers)

    def to_torch(self, dtype: Any = None) -> Any:
        """The same weights, dense, as a torch.nn.Module: (X, y, queries) -> predictions."""
        from .module import TransformerModule

        return TransformerModule(self, dtype=dtype)

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
                }
                for head in layer.heads
            ]
            layers.append({"name": layer.name, "heads": heads, "norm": layer.norm, "mlp": mlp})
        return {
            "name": self.name,
            "layout": {slot.name: list(slot.shape) for slot in self.layout.slots},
            "prompt": {
                "form": self.prompt.form,
                "d": self.prompt.d,
                "register": self.prompt.register,
                "positions": self.prompt.positions,
                "embedding": blocks(self.prompt.embedding),
            },
            "layers": layers,
            "readout": {
                "slot": self.readout.slot,
                "coefficient": as_text(self.readout.coefficient),
            },
            "examples": self.examples,
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the weights and the wiring: equal exactly when `to_json` is."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def with_layers(self, layers: tuple[Layer, ...]) -> Witness:
        """The same witness with other layers."""
        return replace(self, layer_list=layers)

    def _validate(self) -> None:
        """Raises ValueError where slots, features, shapes and names do not fit together."""
        if self.examples is not None:
            whole(self.examples, 1, f"{self.name}: examples")
        try:
            self.prompt.embedding.check(self.layout, self.prompt.features)
            if len(self.layout.rows(self.readout.slot)) != 1:
                raise ValueError(f"the read-out slot {self.readout.slot} is not one number")
        except (KeyError, ValueError) as error:
            raise ValueError(f"{self.name}, prompt or read-out: {_message(error)}") from None
        seen: set[int] = set()
        for number, layer in enumerate(self.layer_list, start=1):
            try:
                for part in (*layer.heads, *((layer.mlp,) if layer.mlp else ())):
                    if id(part) not in seen:
                        seen.add(id(part))
                        _validate_part(part, self.layout)
                for held in layer.holds:
                    self.layout.rows(held.slot)
            except (KeyError, ValueError) as error:
                raise ValueError(
                    f"{self.name}, layer {number} ({layer.name}): {_message(error)}"
                ) from None
        self._validate_names()

    def _validate_names(self) -> None:
        """Raises ValueError where formulas could not tell what a name stands for."""
        names = [("parameter", name) for name in self.parameters]
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


def _validate_part(part: Head | MLP, stream: Layout) -> None:
    if isinstance(part, Head):
        query = part.query.features(stream, {})
        key = part.key.features(stream, {})
        sizes = [{slot.name: slot.size for slot in side.slots} for side in (query, key)]
        if sizes[0] != sizes[1]:
            raise ValueError(f"query features {sizes[0]} are not the key's {sizes[1]}")
        part.query.check(query, stream)
        part.key.check(query, stream)
        part.value.check(stream, stream)
        return
    hidden = part.hidden(stream)
    if part.inner is not None:
        part.inner.check(hidden, stream)
    if part.gate is not None:
        gate = part.gate.features(stream, dict(part.letters))
        made = {slot.name: slot.size for slot in gate.slots}
        units = {slot.name: slot.size for slot in hidden.slots}
        if part.inner is None:  # slots that the gate does not write are multiplied by 0
            units = {name: hidden[name].size for name in made}
        if made != units:
            raise ValueError(f"gate features {made} are not the hidden units {units}")
        part.gate.check(hidden, stream)
    part.outer.check(stream, hidden)


def _message(error: Exception) -> str:
    return str(error.args[0]) if error.args else str(error)
