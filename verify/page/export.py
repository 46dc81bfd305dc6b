"""A construction as the data of a page: start, step and end once, for every d and every k.

The dimension d and the number k of a step stay letters, as step sizes and ridges do; the page puts
numbers in. What is chosen by a word, or changes the weights as the number of examples does, has
parts of its own: a page holds those of every choice, equal layers once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from fractions import Fraction
from functools import cache
from inspect import signature
from itertools import product
from typing import Any

from sympy import Symbol

import constructions
from constructions.construction import Construction, Parts
from constructions.parameters import MatrixPerStep, Numbers, OneOf, Parameter, Whole, is_per_step
from constructions.witness import Witness
from proofs.exact import is_symbolic
from proofs.layer import Holds, Layer, Norm
from proofs.prompt import Prompt
from proofs.slotmap import Block, SlotMap
from proofs.stream import Layout
from proofs.template import Stage

from .mathml import Tree, coefficient_mathml, coefficient_tree, mathml, power, scalar_tree, tree

STEPS = 3  # where cases are drawn up to as many steps, a page can show more
SAMPLES = 6  # prompts that a page holds for each size, where it cannot draw them
NUMBER = "9007199254"  # the number of a step while its formulas are read, then {k}
# Every field of a part is written down, most under its own name.
SHORT = {"destination": "to", "source": "from", "coefficient": "c"}
AS_THEY_ARE = (str, type(None), bool)


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
    prompts: Pool = field(default_factory=Pool)

    def pools(self) -> dict[str, Any]:
        return {name: pool.items for name, pool in vars(self).items()}

    def witness(self, witness: Witness) -> dict[str, Any]:
        """A witness that is compiled as a whole: all of it is the start."""
        prompt = witness.prompt
        made = Stage(witness.layout, prompt.embedding, examples=witness.examples)
        parts = Parts(made, witness.readout, witness.layer_list)
        return self.parts(parts, prompt, 0, witness.definitions, witness.parameters)

    def parts(
        self,
        parts: Parts,
        prompt: Prompt,
        steps: int,
        definitions: Iterable[tuple[str, str]],
        parameters: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Parts whose step is taken up to `steps` times, layers and definitions by number.

        Where it is not the same every time, each is listed.
        """
        same, step = alike(parts), parts.step
        if callable(step):
            taken = [step(k) for k in range(1, steps + 1)]
        else:
            taken = [step] * (1 if same else steps)
        return {
            "layout": shapes(parts.stage.layout),
            "prompt": self.prompt(prompt),
            "start": self.numbered(parts, parts.start, 0),
            "steps": [
                self.numbered(parts, layers, int(NUMBER) if same else k)
                for k, layers in enumerate(taken, start=1)
            ],
            "end": self.numbered(parts, parts.end, int(NUMBER) if same else steps),
            "count": steps,
            "readout": self.written(parts.readout),
            "examples": parts.stage.examples,
            "vectors": {
                name: [self.entry(entry) for entry in value]
                for name, value in parameters.items()
                if isinstance(value, tuple)
            },
            "definitions": [self.definitions.add([name, tree(text)]) for name, text in definitions],
        }

    def entry(self, entry: Any) -> Any:
        """A number of a vector; a row of a matrix, or a matrix, in brackets of its own."""
        if isinstance(entry, tuple):
            return [[self.entry(one) for one in entry]]
        return self.written(entry)

    def prompt(self, prompt: Prompt) -> dict[str, Any]:
        """A prompt; the parts of x and of a query are named, also where they are x alone."""
        fields = prompt.fields
        named = {"parts": shapes(fields.parts), "query_parts": list(fields.query_parts)}
        return self.written(prompt) | named

    def numbered(self, parts: Parts, layers: Iterable[Layer], k: int) -> list[int]:
        """The layers as those of step k, by number."""
        return [self.layers.add(self.written(parts.numbered(layer, k))) for layer in layers]

    def written(self, part: Any) -> Any:
        """A part with all that it consists of, as JSON; a slot map by number.

        A coefficient is a tree; where it has letters, `shown` is the number of its MathML.
        """
        kind: Any = type(part)
        if kind in AS_THEY_ARE:
            return part
        if kind is Fraction or kind is int:
            return coefficient_tree(part)
        if isinstance(part, SlotMap):
            return self.maps.add([self.written(block) for block in part])
        if isinstance(part, Holds):
            text = part.expression
            return [part.slot, self.formulas.add([tree(text), mathml(text)]), part.tokens]
        if isinstance(part, tuple):
            return [self.written(one) for one in part]
        if isinstance(part, Norm):
            return self.norm(part)
        if not is_dataclass(part):
            return coefficient_tree(part)
        made = {short: self.written(getattr(part, name)) for name, short in names_of(kind)}
        if isinstance(part, Block):
            made = {name: value for name, value in made.items() if value is not None}
            if is_symbolic(part.coefficient):
                made["shown"] = self.math.add(coefficient_mathml(part.coefficient))
        return made

    def norm(self, part: Norm) -> dict[str, Any]:
        """A norm; gain and bias as the numbers of each slot, or one for all of it."""

        def given(pairs: Iterable[tuple[str, Any]]) -> list[Any]:
            return [
                [slot, [self.written(e) for e in (value if isinstance(value, tuple) else (value,))]]
                for slot, value in pairs
            ]

        known = {"kind": part.kind, "epsilon": self.written(part.epsilon)}
        known |= {"gain": given(part.gain), "bias": given(part.bias)}
        if set(known) != {one.name for one in fields(part)}:
            raise TypeError(f"a page does not know every field of {type(part).__name__}")
        return known

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
            key = (*chosen.values(), *map(int, is_zero.values()))
            members[",".join(map(said, key))] = made
        return {
            "axes": {
                name: [value for value in values if (name, value) in built]
                for name, values in axes.items()
            },
            "letters": list(letters),
            "scalars": {name: float(value) for name, value in scalars.items()},
            "exact": {name: str(v) for name, v in scalars.items() if _is_ratio(v)},
            "zero": list(zero),
            "fixed": {},
            "members": members,
        }


@cache
def names_of(kind: type) -> tuple[tuple[str, str], ...]:
    """(name, name on the page) of every field of a part."""
    return tuple((one.name, SHORT.get(one.name, one.name)) for one in fields(kind))


def said(value: Any) -> str:
    """A choice as scripts and addresses write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def shapes(layout: Layout) -> list[list[Any]]:
    """[name, shape] of every slot; an axis may be the letter d."""
    return [[slot.name, list(slot.shape)] for slot in layout.slots]


def _is_ratio(value: Any) -> bool:
    """Whether a float is not all of it, or not how it would be typed."""
    return isinstance(value, Fraction) and value.denominator > 1


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
        several = isinstance(value, (tuple, list))
        if parameter.may_be_letter and not several and (key in parameters or value == 0):
            scalars[key] = value
        elif isinstance(parameter, Whole) and (key in parameters or key == "d"):
            offered = (sizes or {}).get(key, range(parameter.least, most(made, key) + 1))
            axes[key] = tuple(sorted({value, *(s for s in offered if s >= parameter.least)}))
        elif isinstance(parameter, OneOf):
            axes[key] = tuple(dict.fromkeys((value, *parameter.of)))
        elif value is not parameter.default:
            fixed[key] = value
    for key, value in fixed.items():
        if isinstance(value, (tuple, list)):  # a list fits one number of steps, one dimension
            for fits in sized_by(made.parameters[key], value):
                axes[fits] = (parameters[fits],)
    start = {key: parameters.get(key, made.parameters[key].default) for key in axes}
    letters = [key for key in unread(made, parameters) if key in axes]

    def member(chosen: dict[str, Any]) -> dict[str, Any]:
        given = {**fixed, **{key: start[key] for key in letters}, **chosen}
        return _member(export, made, made.values(**given), axes, letters)

    zero = [key for key in scalars if made.parameters[key].default == 0]
    family = export.family(member, axes, scalars, zero, letters)
    return family | {
        "fixed": {key: _plain(value) for key, value in fixed.items()},
        "start": start,
        "suited": {key: scalar_tree(text) for key, text in made.suited.items() if key in scalars},
    }


def sized_by(parameter: Parameter, value: Any) -> list[str]:
    """The parameters of which a list or a matrix fits one value: d, or a number of steps."""
    if isinstance(parameter, MatrixPerStep):
        return ["d", parameter.steps] if is_per_step(value) else ["d"]
    return [getattr(parameter, "steps", "d")]


def unread(made: Construction, parameters: Mapping[str, Any]) -> list[str]:
    """What of the dimension and the number of steps stays a letter in the parts."""
    parts = made.of(made.values(**parameters))
    if isinstance(parts, Witness):
        return []
    steps = [made.steps] if isinstance(made.steps, str) and alike(parts) else []
    read = signature(made.parts).parameters
    return [name for name in ("d", *steps) if name not in read]


def sampled(export: Export, made: Construction, values: Mapping[str, Any]) -> dict[str, Any]:
    """Prompts to be drawn from, by number, where not every one is a prompt of the construction."""
    if made.sample is None:
        return {}
    drawn = []
    for seed in range(SAMPLES):
        X, y, queries = (part.astype(float).tolist() for part in made.sample(values, seed))
        drawn.append(export.prompts.add({"X": X, "y": y, "queries": queries}))
    return {"prompts": drawn}


def alike(parts: Parts) -> bool:
    """Whether the number of a step stands in names alone: as a factor it is worked out."""
    layers = (*(() if callable(parts.step) else parts.step), *parts.end)
    held = (one.expression for layer in layers for one in layer.holds)
    return not callable(parts.names) and not any(re.search(r"(?<!\w){k}", text) for text in held)


def _member(
    export: Export,
    made: Construction,
    values: dict[str, Any],
    axes: Mapping[str, tuple[Any, ...]],
    letters: Sequence[str],
) -> dict[str, Any]:
    """A construction at these values, and with every number of steps where that is a letter."""
    parts = made.of(values)
    if isinstance(parts, Witness):
        return export.witness(parts) | sampled(export, made, values)
    if callable(made.steps):
        steps, every = made.steps(values), [values]
    else:
        counts = axes[made.steps] if made.steps in letters else (values[made.steps],)
        steps, every = max(counts), [{**values, made.steps: k} for k in counts]
    known: dict[str, str] = {}
    for some in every:
        for name, text in made.definitions(some, parts):
            if known.setdefault(name, text) != text:
                raise TypeError(f"{made.name}: {name} is {known[name]} and, later, {text}")
    zeros = [name for name, value in values.items() if _is_zero(made.parameters[name], value)]
    known |= dict.fromkeys(zeros, "O")
    vectors = {name: value for name, value in values.items() if name not in zeros}
    prompt = replace(parts.stage.prompt, form=parts.form)
    data = export.parts(parts, prompt, steps, known.items(), vectors)
    data |= {"region": region(made, values)}
    if made.steps in axes:
        data |= {"count": made.steps, "left": left(made, values)}
    return data


def left(made: Construction, values: Mapping[Any, Any]) -> Tree | None:
    """What is left of the error as [base, exponent]; None where it is no such text."""
    once: dict[Any, Any] = {made.steps: 1, "s": Symbol("s")}  # in a text the number is a letter
    return power(made.leaves({**values, **once})) if made.left else None


def region(made: Construction, values: Mapping[str, Any]) -> Tree | None:
    """What a parameter has to be: [name, bound, "<" or ">="]; None where nothing is known."""
    said = str(made.converges(values))
    mark = ">=" if ">=" in said else "<"
    name, found, bound = said.partition(f" {mark} ")
    return [name, scalar_tree(bound), mark] if found else None


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


def _plain(value: Any) -> Tree:
    return [_plain(entry) for entry in value] if isinstance(value, (tuple, list)) else str(value)
