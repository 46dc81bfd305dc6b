"""Witnesses as the data of a page: every size and depth that its controls offer.

Slot maps do not depend on the dimension and layers repeat from one depth to the next, so a whole
family of witnesses is a pool of layers and, per size, the list of those that it uses. Step sizes
and ridges stay letters; the page puts numbers in.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from itertools import product
from typing import Any

import constructions
from constructions.construction import Construction
from constructions.parameters import OneOf, Whole
from constructions.witness import Witness
from proofs.exact import is_symbolic
from proofs.layer import MLP, Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, SlotMap

from .mathml import Tree, coefficient_mathml, coefficient_tree, equation, mathml, tree

STEPS = 3  # where cases are drawn up to as many steps, a page can show more
# What is written down of each part. A field that is not among these would be left out in silence.
WRITTEN: dict[type, set[str]] = {
    Witness: {
        "name", "layout", "prompt", "layer_list", "readout", "parameters", "definitions",
        "examples", "source",
    },
    Prompt: {"d", "embedding", "form", "register", "positions"},
    Layer: {"name", "heads", "mlp", "norm", "holds"},
    Holds: {"slot", "expression", "tokens"},
    Head: {"query", "key", "value", "attention", "keys", "average", "null", "name"},
    MLP: {"outer", "inner", "gate", "activation", "letters"},
    Block: {"destination", "source", "coefficient", "pattern", "matrix"},
    Readout: {"slot", "coefficient"},
}  # fmt: skip


def complete(part: Any) -> None:
    """Raises ValueError where a part has a field that is not written down."""
    known = next(names for kind, names in WRITTEN.items() if isinstance(part, kind))
    for one in fields(part):
        if one.name not in known:
            raise ValueError(f"the page has no {one.name} of a {type(part).__name__}")


@dataclass
class Pool:
    """Equal pieces of JSON once each, by number."""

    items: list[Any] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def add(self, item: Any) -> int:
        key = json.dumps(item, sort_keys=True)
        if key not in self._numbers:
            self._numbers[key] = len(self.items)
            self.items.append(item)
        return self._numbers[key]


@dataclass
class Export:
    """Pools that all witnesses of one page share."""

    layers: Pool = field(default_factory=Pool)
    definitions: Pool = field(default_factory=Pool)
    math: dict[str, str] = field(default_factory=dict)

    def witness(self, witness: Witness) -> dict[str, Any]:
        """One witness, its layers and definitions by number."""
        for part in (witness, witness.prompt, witness.readout):
            complete(part)
        return {
            "layout": [[slot.name, list(slot.shape)] for slot in witness.layout.slots],
            "prompt": {
                "form": witness.prompt.form,
                "d": witness.prompt.d,
                "register": witness.prompt.register,
                "positions": witness.prompt.positions,
                "embedding": self.blocks(witness.prompt.embedding),
            },
            "layers": [self.layers.add(self.layer(layer)) for layer in witness.layer_list],
            "readout": {
                "slot": witness.readout.slot,
                "coefficient": coefficient_tree(witness.readout.coefficient),
            },
            "examples": witness.examples,
            "approximate": witness.irrational,
            "vectors": {
                name: [_entry(entry) for entry in value]
                for name, value in witness.parameters.items()
                if isinstance(value, tuple)
            },
            "definitions": [
                self.definitions.add([name, tree(text), equation(name, text)])
                for name, text in witness.definitions
            ],
        }

    def layer(self, layer: Layer) -> dict[str, Any]:
        complete(layer)
        for held in layer.holds:
            complete(held)
            self.math[held.expression] = mathml(held.expression)
        return {
            "name": layer.name,
            "heads": [self.head(head) for head in layer.heads],
            "norm": layer.norm,
            "mlp": layer.mlp and self.mlp(layer.mlp),
            "holds": [
                [held.slot, tree(held.expression), held.tokens, held.expression]
                for held in layer.holds
            ],
        }

    def head(self, head: Head) -> dict[str, Any]:
        complete(head)
        return {
            "name": head.name,
            "query": self.blocks(head.query),
            "key": self.blocks(head.key),
            "value": self.blocks(head.value),
            "attention": head.attention,
            "keys": head.keys,
            "average": head.average,
            "null": head.null,
        }

    def mlp(self, mlp: MLP) -> dict[str, Any]:
        complete(mlp)
        return {
            "inner": self.blocks(mlp.inner),
            "gate": self.blocks(mlp.gate),
            "outer": self.blocks(mlp.outer),
            "activation": mlp.activation,
            "letters": dict(mlp.letters),
        }

    def blocks(self, slots: SlotMap | None) -> list[dict[str, Any]] | None:
        """Blocks with the coefficient as a tree; `shown` names its MathML if it has letters."""
        if slots is None:
            return None
        made = []
        for block in slots:
            complete(block)
            shown = str(block.coefficient)
            item: dict[str, Any] = {
                "to": block.destination,
                "from": block.source,
                "c": coefficient_tree(block.coefficient),
            }
            if is_symbolic(block.coefficient):
                item["shown"] = shown
                self.math.setdefault(shown, coefficient_mathml(block.coefficient))
            if block.pattern is not None:
                item["pattern"] = block.pattern
            if block.matrix is not None:
                item["matrix"] = [
                    [coefficient_tree(entry) for entry in row] for row in block.matrix
                ]
            made.append(item)
        return made

    def family(
        self,
        build: Callable[..., Witness],
        axes: Mapping[str, tuple[Any, ...]],
        scalars: Mapping[str, Any],
        fixed: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Witnesses at all values of `axes`, with `scalars` (name -> initial value) as letters.

        A scalar that may be 0 brings an axis of its own: its weights may differ at 0.
        """
        from sympy import Symbol

        zero = [name for name in scalars if _may_be_zero(build, name)]
        variants = {}
        built: set[tuple[str, Any]] = set()
        for values in product(*axes.values(), *((False, True) for _ in zero)):
            chosen = dict(zip(axes, values))
            given = {name: Symbol(name) for name in scalars}
            for name, is_zero in zip(zero, values[len(axes) :]):
                if is_zero:
                    del given[name]
                    chosen[name] = 0
            try:
                witness = build(**chosen, **given, **(fixed or {}))
            except ValueError:  # sizes and choices that do not go together
                continue
            built |= set(zip(axes, values))
            key = ",".join(_key(v) for v in values)
            variants[key] = self.witness(witness)
        return {
            "axes": {
                name: [value for value in values if (name, value) in built]
                for name, values in axes.items()
            },
            "scalars": {name: float(value) for name, value in scalars.items()},
            "zero": zero,
            "fixed": {name: _plain(value) for name, value in (fixed or {}).items()},
            "variants": variants,
        }

    def pools(self) -> dict[str, Any]:
        return {
            "layers": self.layers.items,
            "definitions": self.definitions.items,
            "math": self.math,
        }


def construction(
    export: Export,
    name: str,
    parameters: Mapping[str, Any],
    sizes: Mapping[str, tuple[int, ...]] | None = None,
) -> dict[str, Any]:
    """The family of a construction around `parameters`, which the page starts from.

    `sizes` narrows what the controls offer.

    Raises ValueError or TypeError on parameters that the construction does not take.
    """
    constructions.build(name, **parameters)  # the one place that knows what is allowed
    made = constructions.get(name)
    axes: dict[str, tuple[Any, ...]] = {}
    scalars: dict[str, Any] = {}
    fixed: dict[str, Any] = {}
    for key, parameter in made.parameters.items():
        value = parameters.get(key, parameter.default)
        if parameter.may_be_letter and (key in parameters or value == 0):
            scalars[key] = value
        elif isinstance(parameter, Whole) and (key in parameters or key == "d"):
            offered = (sizes or {}).get(key, range(parameter.least, most(made, key) + 1))
            axes[key] = tuple(sorted({value, *(s for s in offered if s >= parameter.least)}))
        elif isinstance(parameter, OneOf):
            axes[key] = tuple(dict.fromkeys((value, *parameter.of)))
        elif value is not parameter.default:
            fixed[key] = value
    if any(isinstance(value, (tuple, list)) for value in fixed.values()):
        axes["d"] = (parameters["d"],)  # a vector of weights fits one dimension only
    family = export.family(made, axes, scalars, fixed)
    family["start"] = {key: parameters.get(key, made.parameters[key].default) for key in axes}
    return family


def most(made: Construction, key: str) -> int:
    """The largest size that the controls of a page offer."""
    parameter = made.parameters[key]
    if key == "d":
        return 4
    tried = getattr(parameter, "tried", 0)
    return 8 if key == made.steps and tried >= STEPS else 2 * tried


def _entry(value: Any) -> Tree:
    """An entry of a vector, or a row of a matrix in brackets of its own."""
    if isinstance(value, tuple):
        return [[coefficient_tree(entry) for entry in value]]
    return coefficient_tree(value)


def _may_be_zero(build: Callable[..., Witness], name: str) -> bool:
    return inspect.signature(build).parameters[name].default == 0


def _key(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _plain(value: Any) -> Tree:
    return [_plain(entry) for entry in value] if isinstance(value, (tuple, list)) else str(value)
