"""Proof that a transformer of k tied steps predicts what an algorithm does in k steps, for every k.

The transformers for k = b, b + 1, … are seen to be start, k times the same step, end, and the
algorithm's definitions to be one text with the index moved on: M2 = 2*M1 - M1*S*M1 after M1 =
2*M0 - M0*S*M0. Then, for every n, d and k,

    start: after it the slots hold what is said, with the quantities of index b
    step:  from what is said of any M1, the same layers make what is said of M2
    end:   from what is said of M1, the prediction is the algorithm's of index 1

is an induction on k. M1 is a letter: symmetric, or a polynomial in S, if that is so of M_b and the
step keeps it so. What the slots hold is said by the last layer of the step (`Holds`); where no
layer says anything, that the read-out's slot holds the prediction, or what it leaves of y. A slot
of which nothing is said has to stay as the start left it.

A number, or a matrix, for each step (`each`) is a letter for each: eta2 of the second layer, and of
the formula's second step. The layers are then one step repeated but for the index of that letter,
and the step is shown with the letter of the step that it makes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import sympy

from proofs.argument import Line
from proofs.calculus import form as c
from proofs.calculus.arrays import Arrays, indexed
from proofs.calculus.form import Form, ShapeError
from proofs.calculus.run import Run
from proofs.calculus.scope import Scope, Stack, UndefinedError
from proofs.calculus.tokens import OutsideCalculusError
from proofs.exact import is_symbolic
from proofs.formula import names, rename, split_index
from proofs.layer import Holds
from proofs.letters import Each, Matrix, Vector
from proofs.prove_witness import decide, plain_text, proof_of, rows_of
from proofs.references import Statement
from proofs.template import substituted
from proofs.theorem import Proof
from proofs.vocabulary import NUMBERED

SEEN = 12  # steps at which witness and algorithm are seen to be one step repeated


class NotOneStepError(ValueError):
    """Layers, or definitions, that are not one step repeated."""


@dataclass(frozen=True)
class Sizes:
    """One transformer and its algorithm at each number of steps, from the least that there is.

    values: what the names of the algorithm's parameters stand for, at each. per_step: those of
    which each step has its own.
    """

    least: int
    witnesses: Sequence[Any]
    statements: Sequence[Statement]
    values: Sequence[Mapping[str, Any]]
    per_step: Mapping[str, Each] = field(default_factory=dict)


def prove_steps(
    sizes: tuple[int, Sequence[Any]],
    state: Callable[[int, Any], Statement],
    values: Callable[[int, Any], Mapping[str, Any]],
    name: str,
    arrays: Mapping[str, Vector | Matrix],
    examples: int | None = None,
    per_step: Mapping[str, Each] | None = None,
) -> Proof:
    """The proof for every number `name` of steps; not proved, with the reason in `failed`, where
    the layers are not one step repeated or a line is false.

    sizes: the least number of steps and the transformers from there to SEEN more. state, values:
    (number of steps, transformer) -> the algorithm, and what its parameters' names stand for.
    per_step: the parameters of which each step has its own, letters eta1, eta2, … of a parameter
    eta; `arrays` has the matrices of the first steps among them, to `needed(least)`.
    """
    start = time.perf_counter()
    numbered = list(enumerate(sizes[1], start=sizes[0]))
    made = Sizes(
        sizes[0],
        [one for _, one in numbered],
        [state(k, one) for k, one in numbered],
        [values(k, one) for k, one in numbered],
        per_step or {},
    )
    lines: list[Line] = []
    witness = made.witnesses[0]
    together = witness.examples is None and examples is None
    try:
        failed = _prove(made, arrays, examples, lines)
    except NotOneStepError as error:
        failed = f"not one step repeated: {error}"
    except (OutsideCalculusError, ShapeError, UndefinedError) as error:
        failed = f"outside the calculus: {error}"
    every = f"{'n, d' if together else 'd'} and {name}"
    said = (
        rf"\text{{the assembled {plain_text(witness.name)} predicts "
        rf"{plain_text(made.statements[-1][1])} (here {plain_text(name)} = "
        rf"{made.least + SEEN}), for every }} {plain_text(every)}"
    )
    return proof_of(witness, said, "induction on k", lines, failed, start)


# -- one step repeated -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Split:
    """start + step × (k - least) + end, of the layers of every size."""

    start: tuple[Any, ...]
    step: tuple[Any, ...]
    end: tuple[Any, ...]


def needed(least: int) -> int:
    """Up to which step the induction names what is a step's own: that of the step it makes."""
    return least + 2


def splits(
    witnesses: Sequence[Any], least: int = 0, per_step: Mapping[str, Each] | None = None
) -> list[Split]:
    """The ways in which the layers of all sizes, from the `least` number of steps on, are start,
    the same step repeated but for the index of what it has of its own, end.

    Raises NotOneStepError where there is none.
    """
    d, plain = witnesses[0].d, [_without_layers(one) for one in witnesses]
    if any(one != plain[0] for one in plain):
        raise NotOneStepError("slots, embedding, prompt or read-out depend on the number of steps")
    all_layers = [tuple(map(_bare, one.layer_list)) for one in witnesses]
    fewest, next_one = all_layers[0], all_layers[1]
    length = len(next_one) - len(fewest)
    if length < 1:
        raise NotOneStepError("one step more has no layer more")
    found = []
    for at in range(len(fewest) + 1):
        step = next_one[at : at + length]
        if next_one != (*fewest[:at], *step, *fewest[at:]):
            continue
        repeated = [_moved(step, per_step, least + 1, by, d) for by in range(len(all_layers))]
        if all(
            layers == (*fewest[:at], *chain(*repeated[:count]), *fewest[at:])
            for count, layers in enumerate(all_layers)
        ):
            own = witnesses[1].layer_list
            found.append(Split(own[:at], own[at : at + length], own[at + length :]))
    if not found:
        raise NotOneStepError("the layers of a step are others in another step: they are not tied")
    return found


def _moved(
    layers: Sequence[Any], per_step: Mapping[str, Each] | None, index: int, by: int, d: int
) -> tuple[Any, ...]:
    """Layers of the step `index` as those of a later one: its own letters have that index."""
    if not per_step or by == 0:
        return tuple(layers)
    at: dict[Any, Any] = {}
    for one in per_step.values():
        own, later = one.of_step(index, d), one.of_step(index + by, d)
        at |= zip(_letters_in(own), _letters_in(later), strict=True)

    def moved(entry: Any) -> Any:
        return at[entry] if entry in at else entry.xreplace(at) if is_symbolic(entry) else entry

    explicit = {block.matrix for layer in layers for slots in _slot_maps(layer) for block in slots}
    matrices = {
        rows: tuple(tuple(map(moved, row)) for row in rows) for rows in explicit if rows is not None
    }
    return tuple(substituted(layer, at, matrices) for layer in layers)


def _slot_maps(layer: Any) -> Iterator[Any]:
    for head in layer.heads:
        yield from (head.query, head.key, head.value)
    if layer.mlp is not None:
        maps = (layer.mlp.outer, layer.mlp.inner, layer.mlp.gate)
        yield from (slots for slots in maps if slots is not None)


def _letters_in(value: Any) -> Iterator[Any]:
    """The letters of a number or of rows, one by one."""
    if isinstance(value, tuple):
        for part in value:
            yield from _letters_in(part)
    else:
        yield value


def _without_layers(witness: Any) -> Any:
    return witness.layout, witness.prompt, witness.readout, witness.examples


def _bare(layer: Any) -> Any:
    """The layer without names and annotations."""
    return replace(
        layer, name="", holds=(), heads=tuple(replace(head, name="") for head in layer.heads)
    )


@dataclass(frozen=True)
class Text:
    """The definitions in indices: `base` up to index b, `step` those of index b + 1 from those of
    b, `last` those that only the last index has, and the prediction, both of index b + 1."""

    stems: frozenset[str]
    base: Mapping[str, str]
    step: Mapping[str, str]
    last: Mapping[str, str]
    prediction: str

    @property
    def renewed(self) -> list[str]:
        """The quantities of a step that are made of those before it."""
        before = {self.moved_name(name, -1) for name in self.step}
        return [name for name, text in self.step.items() if names(text) & before]

    def moved(self, text: str, by: int = 1) -> str:
        """A formula with the indices of its quantities moved on."""
        return rename(text, {name: self.moved_name(name, by) for name in names(text)})

    def moved_name(self, name: str, by: int = 1) -> str:
        stem, index = split_index(name)
        return f"{stem}{int(index) + by}" if index and stem in self.stems else name


def text_of(
    definitions: Sequence[Mapping[str, str]],
    predictions: Sequence[str],
    per_step: Iterable[str] = (),
) -> Text:
    """The definitions of all sizes as one text with an index, which `per_step` have too.

    Raises NotOneStepError.
    """
    kept, last = [], []
    for here, more in zip(definitions, definitions[1:]):
        kept.append({name: text for name, text in here.items() if more.get(name) == text})
        last.append({name: text for name, text in here.items() if more.get(name) != text})
    steps = [{k: v for k, v in more.items() if k not in here} for here, more in zip(kept, kept[1:])]
    indexed_names = map(split_index, (*steps[0], *last[0], *last[1]))
    stems = frozenset((*(stem for stem, index in indexed_names if index), *per_step))
    if taken := stems & set(NUMBERED):
        raise NotOneStepError(f"{', '.join(taken)} with an index is an example")
    made = Text(stems, kept[0], steps[0], last[1], predictions[1])
    for what, found in (
        ("a step", steps),
        ("what follows the last step", last),
        ("the prediction", [{"": text} for text in predictions]),
    ):
        for here, more in zip(found, found[1:]):
            if {made.moved_name(k): made.moved(v) for k, v in here.items()} != more:
                raise NotOneStepError(f"{what} of the algorithm is another with another index")
    return made


# -- the induction ---------------------------------------------------------------------------------


def _prove(
    made: Sizes,
    open_arrays: Mapping[str, Vector | Matrix],
    examples: int | None,
    lines: list[Line],
) -> str | None:
    """The first line that is false, None if all are true."""
    definitions = [
        {**dict(one.definitions), **stated[0]}
        for one, stated in zip(made.witnesses, made.statements, strict=True)
    ]
    text = text_of(definitions, [prediction for _, prediction in made.statements], made.per_step)
    failed: str | None = ""
    for split in splits(made.witnesses, made.least, made.per_step):
        for holds in _said(made, split, text):
            attempt: list[Line] = []
            failed = _Induction(made, split, text, holds, open_arrays, examples, attempt).failed()
            if failed is None or not lines:
                lines[:] = attempt
            if failed is None:
                return None
    return str(lines[-1]) if lines else failed


def _said(made: Sizes, split: Split, text: Text) -> Iterator[tuple[Holds, ...]]:
    """What the slots hold after the step of index b + 1: as its last layer says, or else guesses.

    That the guesses hold is proved like what is said.
    """
    said = split.step[-1].holds
    if said:
        yield said
        return
    readout = made.witnesses[0].readout
    if getattr(readout.coefficient, "free_symbols", None):
        raise OutsideCalculusError("no layer says what the slots hold after a step")
    prediction = text.prediction
    while defined := names(prediction) & set(text.last):
        prediction = rename(prediction, {name: f"({text.last[name]})" for name in defined})
    part = f"({prediction})/({readout.coefficient})"
    yield (Holds(readout.slot, f"{part} + y_t"),)
    yield (Holds(readout.slot, part),)


@dataclass
class _Induction:
    made: Sizes
    split: Split
    text: Text
    holds: tuple[Holds, ...]
    open_arrays: Mapping[str, Vector | Matrix]
    examples: int | None
    lines: list[Line]

    def failed(self) -> str | None:
        """The first line that is false, None if all are true."""
        run, scope = self._fresh(0)
        for layer in self.split.start:
            run.layer(layer)
        left = [state.copy() for state in run.states]
        before = tuple(replace(h, expression=self.text.moved(h.expression, -1)) for h in self.holds)
        if not self._compare("start", run, scope, before):
            return str(self.lines[-1])
        letters = self._letters(scope)
        d = self.made.witnesses[0].d
        step = _moved(self.split.step, self.made.per_step, self.made.least + 1, 1, d)
        for part, layers in (("step", step), ("end", self.split.end)):
            run, scope = self._fresh(1)
            scope.letters |= letters
            for group, state, kept in zip(run.groups, run.states, left, strict=True):
                state.clear()
                for slot, form in kept.items():
                    state[slot] = form
                for hold in self.holds:
                    if group.matches(hold.tokens):
                        state.pop(hold.slot, None)
                        state.add(hold.slot, self._rows(scope, hold, group))
            entered = [state.copy() for state in run.states]
            for layer in layers:
                run.layer(layer)
            if part == "step":
                same = self._compare("step", run, scope, self._after()) and self._stays(
                    run, entered
                )
            else:
                same = self._predicts(run, scope)
            if not same:
                return str(self.lines[-1])
        return None

    def _after(self) -> tuple[Holds, ...]:
        return tuple(replace(h, expression=self.text.moved(h.expression)) for h in self.holds)

    def _fresh(self, size: int) -> tuple[Run, Scope]:
        """The embedded prompt, and the names: those of index b + 1 and of the step after it."""
        values = {**self.made.witnesses[size].parameters, **self.made.values[size]}
        arrays = Arrays(self.open_arrays, self.made.witnesses[size].d, values)
        following = {
            self.text.moved_name(name): self.text.moved(text)
            for name, text in self.text.step.items()
        }
        definitions = {**self.text.base, **self.text.step, **self.text.last, **following}
        open_values = {k: v for k, v in values.items() if isinstance(v, tuple) and any(v)}
        if twice := set(open_values) & set(definitions):
            raise OutsideCalculusError(f"{', '.join(sorted(twice))}: both a parameter and defined")
        if used := {h.expression for h in self.holds if names(h.expression) & set(self.text.last)}:
            raise OutsideCalculusError(
                f"{', '.join(sorted(used))}: what only the last step defines"
            )
        known = {k: v for k, v in values.items() if k not in definitions} | self._varying()
        run = Run(self.made.witnesses[size], self.examples, arrays)
        return run, Scope(known, arrays, run, definitions)

    def _varying(self) -> dict[str, Any]:
        """Parameters that depend on the number of steps, such as it itself: of them nothing is
        known."""
        all_values = [
            {**one.parameters, **values}
            for one, values in zip(self.made.witnesses, self.made.values, strict=True)
        ]
        first, *others = all_values
        varying = (k for k in first if any(values.get(k) != first[k] for values in others))
        indices = range(1, needed(self.made.least) + 1)
        own = [f"{name}{k}" for name in self.made.per_step for k in indices]
        return {name: sympy.Symbol(name) for name in (*varying, *own)} | {
            matrix.name: matrix.at(self.made.witnesses[0].d)
            for each in self.made.per_step.values()
            for matrix in each.matrices(needed(self.made.least))
        }

    def _letters(self, base: Scope) -> dict[str, Any]:
        """A letter for each quantity of index b + 1, of a kind that index b has and a step keeps.

        One that is made of others of its own index, such as w1 = M1*X.T*y, stays as it is made.
        """
        kinds = {}
        for name, made in self.text.step.items():
            if name not in self.text.renewed:
                before = self.text.moved_name(name, -1)
                where = rf"\text{{start, {before} is made like {name}: }}"
                at_start = base.evaluate(self.text.moved(made, -1), {})
                if not decide(self.lines, where, form_of(base.value(before)), form_of(at_start)):
                    raise NotOneStepError(str(self.lines[-1]))
        for name in self.text.renewed:
            value = base.value(self.text.moved_name(name, -1))
            kinds[name] = _kinds(value)
        while True:
            letters = {
                name: _letter(name, base.value(self.text.moved_name(name, -1)), kind[0])
                for name, kind in kinds.items()
            }
            _, scope = self._fresh(1)
            scope.letters |= letters
            kept = {
                name: [k for k in kind if k in _kinds(scope.value(self.text.moved_name(name)))]
                for name, kind in kinds.items()
            }
            if changed := [name for name, kind in kept.items() if not kind]:
                raise OutsideCalculusError(f"{', '.join(changed)}: of another shape after a step")
            if kept == kinds:
                return letters
            kinds = kept

    def _rows(self, scope: Scope, hold: Holds, group: Any) -> Form:
        return rows_of(scope, hold.expression, group, hold.slot)

    def _compare(self, part: str, run: Run, scope: Scope, holds: tuple[Holds, ...]) -> bool:
        for group, state in zip(run.groups, run.states, strict=True):
            for hold in holds:
                if group.matches(hold.tokens):
                    wanted = self._rows(scope, hold, group)
                    found = state.get(hold.slot, c.zero(wanted.rows, wanted.columns))
                    where = rf"\text{{{part}, {group.name}, {hold.slot}: }}"
                    if not decide(self.lines, where, found, wanted):
                        return False
        return True

    def _stays(self, run: Run, entered: Sequence[Any]) -> bool:
        """Whether the step leaves what nothing is said of as it was."""
        for group, state, before in zip(run.groups, run.states, entered, strict=True):
            said = {hold.slot for hold in self.holds if group.matches(hold.tokens)}
            for slot in sorted((set(state) | set(before)) - said):
                some = state.get(slot) or before[slot]
                zero = c.zero(some.rows, some.columns)
                where = rf"\text{{step, {group.name}, {slot} stays: }}"
                if not decide(self.lines, where, state.get(slot, zero), before.get(slot, zero)):
                    return False
        return True

    def _predicts(self, run: Run, scope: Scope) -> bool:
        slot = self.made.witnesses[0].readout.slot
        return all(
            decide(
                self.lines,
                r"\text{prediction: }" if not group.context else rf"\text{{at the {group.name}: }}",
                found,
                rows_of(scope, self.text.prediction, group, slot),
            )
            for group, found in run.predictions()
        )


def form_of(value: Any) -> Form:
    """A number as a 1 × 1 form."""
    return value if isinstance(value, Form) else c.number(value)


def _kinds(value: Any) -> list[str]:
    """What is true of a value, the most first."""
    if isinstance(value, Stack):
        raise OutsideCalculusError("a quantity of single tokens")
    if not isinstance(value, Form):
        return ["number"]
    if (value.rows, value.columns) == (1, 1):
        return ["number"]
    kinds = ["any"]
    if value.rows == value.columns and value == value.T:
        kinds.insert(0, "symmetric")
    if c.is_polynomial_in_s(value):
        kinds.insert(0, "commuting")
    return kinds


def _letter(name: str, like: Any, kind: str) -> Any:
    """A letter of the shape of a value."""
    if kind == "number":
        return sympy.Symbol(indexed(name))
    return c.letter(
        indexed(name), like.rows, like.columns, kind == "symmetric", kind == "commuting"
    )
