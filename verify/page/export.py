"""A construction as the data of a page: start, step and end once, for every d and every k.

The dimension d and the number k of a step stay letters, as step sizes and ridges do; the page puts
numbers in. What is chosen by a word, or changes the weights as the number of examples does, has
parts of its own: a page holds those of every choice, equal layers once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from inspect import signature
from itertools import product
from typing import Any

from sympy import Symbol

import constructions
from constructions.construction import Construction, Parts
from constructions.parameters import Numbers, OneOf, Parameter, Whole
from constructions.witness import Witness
from proofs.exact import is_symbolic
from proofs.layer import MLP, Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, SlotMap
from proofs.template import Stage

from .mathml import Tree, coefficient_mathml, coefficient_tree, mathml, power, scalar_tree, tree

STEPS = 3  # where cases are drawn up to as many steps, a page can show more
NUMBER = "9007199254"  # the number of a step while its formulas are read, then {k}
# What is written down of each part. A field that is not among these would be left out in silence.
WRITTEN: dict[type, set[str]] = {
    Witness: {
        "name", "layout", "prompt", "layer_list", "readout", "parameters", "definitions",
        "examples", "source",
    },
    Parts: {"stage", "readout", "start", "step", "end", "names", "also", "form"},
    Stage: {"layout", "embedding", "register", "positions", "examples", "d"},
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
        key = json.dumps(item).replace(NUMBER, "{k}")
        if key not in self._numbers:
            self._numbers[key] = len(self.items)
            self.items.append(json.loads(key))
        return self._numbers[key]


@dataclass
class Export:
    """Pools that everything on one page shares."""

    layers: Pool = field(default_factory=Pool)
    maps: Pool = field(default_factory=Pool)
    formulas: Pool = field(default_factory=Pool)
    definitions: Pool = field(default_factory=Pool)
    math: Pool = field(default_factory=Pool)

    def pools(self) -> dict[str, Any]:
        return {name: pool.items for name, pool in vars(self).items()}

    def witness(self, witness: Witness) -> dict[str, Any]:
        """A witness that is compiled as a whole: all of it is the start."""
        for part in (witness, prompt := witness.prompt):
            complete(part)
        stage = Stage(
            witness.layout, prompt.embedding, prompt.register, prompt.positions, witness.examples,
            prompt.d,
        )  # fmt: skip
        whole = Parts(stage, witness.readout, witness.layer_list, form=prompt.form)
        return self.parts(whole, 0, witness.definitions, witness.parameters)

    def parts(
        self,
        parts: Parts,
        steps: int,
        definitions: Iterable[tuple[str, str]],
        parameters: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Parts whose step is taken up to `steps` times, layers and definitions by number.

        Where it is not the same every time, each is listed.
        """
        for part in (parts, stage := parts.stage, parts.readout):
            complete(part)
        step, same = parts.step, not callable(parts.names)
        if callable(step):
            taken = [step(k) for k in range(1, steps + 1)]
        else:
            taken = [step] * (1 if same else steps)
        return {
            "layout": [[slot.name, list(slot.shape)] for slot in stage.layout.slots],
            "prompt": {
                "form": parts.form,
                "d": stage.d,
                "register": stage.register,
                "positions": stage.positions,
                "embedding": self.blocks(stage.embedding),
            },
            "start": self.numbered(parts, parts.start, 0),
            "steps": [
                self.numbered(parts, layers, int(NUMBER) if same else k)
                for k, layers in enumerate(taken, start=1)
            ],
            "end": self.numbered(parts, parts.end, int(NUMBER) if same else steps),
            "count": steps,
            "readout": {
                "slot": parts.readout.slot,
                "coefficient": coefficient_tree(parts.readout.coefficient),
            },
            "examples": stage.examples,
            "vectors": {
                name: [_entry(entry) for entry in value]
                for name, value in parameters.items()
                if isinstance(value, tuple)
            },
            "definitions": [self.definitions.add([name, tree(text)]) for name, text in definitions],
        }

    def numbered(self, parts: Parts, layers: Iterable[Layer], k: int) -> list[int]:
        """The layers as those of step k, by number."""
        return [self.layers.add(self.layer(parts.numbered(layer, k))) for layer in layers]

    def layer(self, layer: Layer) -> dict[str, Any]:
        complete(layer)
        for held in layer.holds:
            complete(held)
        return {
            "name": layer.name,
            "heads": [self.head(head) for head in layer.heads],
            "norm": layer.norm,
            "mlp": layer.mlp and self.mlp(layer.mlp),
            "holds": [
                [held.slot, self.formula(held.expression), held.tokens] for held in layer.holds
            ],
        }

    def formula(self, text: str) -> int:
        """Number of a formula's tree and its MathML."""
        return self.formulas.add([tree(text), mathml(text)])

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

    def blocks(self, slots: SlotMap | None) -> int | None:
        """Number of a slot map: its blocks with the coefficient as a tree.

        `shown` is the number of the coefficient's MathML if it has letters.
        """
        if slots is None:
            return None
        made = []
        for block in slots:
            complete(block)
            item: dict[str, Any] = {
                "to": block.destination,
                "from": block.source,
                "c": coefficient_tree(block.coefficient),
            }
            if is_symbolic(block.coefficient):
                item["shown"] = self.math.add(coefficient_mathml(block.coefficient))
            if block.pattern is not None:
                item["pattern"] = block.pattern
            if block.matrix is not None:
                item["matrix"] = [
                    [coefficient_tree(entry) for entry in row] for row in block.matrix
                ]
            made.append(item)
        return self.maps.add(made)

    def family(
        self,
        member: Callable[[dict[str, Any]], dict[str, Any]],
        axes: Mapping[str, tuple[Any, ...]],
        scalars: Mapping[str, Any],
        zero: Iterable[str] = (),
        letters: Iterable[str] = (),
    ) -> dict[str, Any]:
        """A member for all values of `axes` other than `letters`, which it has to stand for.

        `scalars` (name -> initial value) are letters too; one of `zero` may be 0 and brings an
        axis of its own, as the weights may differ there. Values that do not go together
        (ValueError) have no member.
        """
        own = [name for name in axes if name not in letters]
        members = {}
        built: set[tuple[str, Any]] = {(name, value) for name in letters for value in axes[name]}
        for values in product(*(axes[name] for name in own), *((False, True) for _ in zero)):
            chosen = dict(zip(own, values))
            is_zero = dict(zip(zero, values[len(own) :]))
            numbers = {name: 0 if is_zero.get(name) else Symbol(name) for name in scalars}
            try:
                made = member({**numbers, **chosen})
            except ValueError:
                continue
            built |= set(chosen.items())
            members[",".join(_key(value) for value in values)] = made
        return {
            "axes": {
                name: [value for value in values if (name, value) in built]
                for name, values in axes.items()
            },
            "letters": list(letters),
            "scalars": {name: float(value) for name, value in scalars.items()},
            "zero": list(zero),
            "fixed": {},
            "members": members,
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
    start = {key: parameters.get(key, made.parameters[key].default) for key in axes}
    letters = [key for key in unread(made, parameters) if key in axes]
    counted = axes[made.steps] if made.steps in letters else None

    def member(chosen: dict[str, Any]) -> dict[str, Any]:
        given = {**fixed, **{key: start[key] for key in letters}, **chosen}
        return _member(export, made, made.values(**given), counted)

    zero = [key for key in scalars if made.parameters[key].default == 0]
    family = export.family(member, axes, scalars, zero, letters)
    return family | {
        "fixed": {key: _plain(value) for key, value in fixed.items()},
        "start": start,
        "steps": made.steps if isinstance(made.steps, str) else None,
    }


def unread(made: Construction, parameters: Mapping[str, Any]) -> list[str]:
    """What of the dimension and the number of steps stays a letter in the parts."""
    parts = made.of(made.values(**parameters))
    if isinstance(parts, Witness):
        return []
    steps = [made.steps] if isinstance(made.steps, str) and not callable(parts.names) else []
    read = signature(made.parts).parameters
    return [name for name in ("d", *steps) if name not in read]


def _member(
    export: Export, made: Construction, values: dict[str, Any], counted: Sequence[int] | None
) -> dict[str, Any]:
    """A construction at these values, and for every number of steps that is `counted`."""
    parts = made.of(values)
    if isinstance(parts, Witness):
        return export.witness(parts)
    if callable(made.steps):
        steps, every = made.steps(values), [values]
    else:
        every = [{**values, made.steps: k} for k in counted or (values[made.steps],)]
        steps = every[-1][made.steps]
    known: dict[str, str] = {}
    for some in every:
        for name, text in made.definitions(some, parts):
            if known.setdefault(name, text) != text:
                raise TypeError(f"{made.name}: {name} is {known[name]} and, later, {text}")
    zeros = [name for name, value in values.items() if _is_zero(made.parameters[name], value)]
    known |= dict.fromkeys(zeros, "O")
    vectors = {name: value for name, value in values.items() if name not in zeros}
    return {
        **export.parts(parts, steps, known.items(), vectors),
        "count": made.steps if isinstance(made.steps, str) else steps,
        "left": left(made, values),
        "region": region(made, values),
    }


def left(made: Construction, values: Mapping[str, Any]) -> Tree | None:
    """What is left of the error as [base, exponent]; None where it is no such text."""
    once = {made.steps: 1} if isinstance(made.steps, str) else {}  # no text depends on how often
    return power(made.leaves({**values, **once, "s": Symbol("s")})) if made.left else None


def region(made: Construction, values: Mapping[str, Any]) -> Tree | None:
    """Below what which parameter has to be: [name, bound]; None where nothing is known."""
    name, below, bound = str(made.converges(values)).partition(" < ")
    return [name, scalar_tree(bound)] if below else None


def _is_zero(parameter: Parameter, value: Any) -> bool:
    """Whether it is the zero vector, of whatever dimension."""
    return isinstance(parameter, Numbers) and parameter.size == "d" and not any(value)


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


def _key(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _plain(value: Any) -> Tree:
    return [_plain(entry) for entry in value] if isinstance(value, (tuple, list)) else str(value)
