"""Each reading of a witness held against `plain` on one case: what came of it, in a word.

"agrees"; "undefined" where the witness divides by 0; "refused" where the reading says that it does
not know something. Anything else is a Disagreement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import torch
from float_bounds import FloatBounds, Unbounded
from forms import Numbers, evaluated
from plain import FRACTIONS, Decimals, predict, read_out_at, reference, states
from witnesses import IRRATIONAL, RATIONAL, Case, on_each, words

from constructions.numbers import Unsupported
from constructions.numbers.ball import precision
from constructions.numbers.floats import Floats
from constructions.rounding.bounds import norm_bound, taken
from constructions.run import forward
from proofs.calculus.form import d as symbol_d
from proofs.calculus.form import letter
from proofs.calculus.run import Run
from proofs.calculus.tokens import OutsideCalculusError
from verify.checks.boxes import jets
from verify.checks.boxes.forms import Letters
from verify.checks.boxes.system import Entries
from verify.checks.case import objects

AGREES, UNDEFINED, REFUSED, UNBOUNDED = "agrees", "undefined", "refused", "unbounded"
DIGITS = 60


class Disagreement(AssertionError):
    """Two readings of one witness differ."""


Reading = Callable[[Case], str]


def outcomes(
    reading: Reading,
    examples: int,
    without: Any = frozenset(IRRATIONAL),
    shrink: bool = True,
    **options: Any,
) -> tuple[Counter[str], Counter[str]]:
    """What came of the reading on random cases, and how often each word was in one that agrees."""
    came: Counter[str] = Counter()
    drawn: Counter[str] = Counter()

    def run(case: Case) -> None:
        outcome = reading(case)
        came[outcome] += 1
        if outcome.startswith(AGREES):
            drawn.update(words(case.witness))

    on_each(run, examples, shrink, without=frozenset(without), **options)
    return came, drawn


def same(what: str, found: Any, wanted: Any, case: Case) -> None:
    if found != wanted:
        raise Disagreement(f"{what}: {found} is not {wanted}, of {case.witness.to_json()}")


def undefined(run: Callable[[], Any], case: Case) -> str:
    """What divides by 0 has no value in the reading either, but in a head that writes nothing."""
    try:
        found = run()
    except ZeroDivisionError:
        return UNDEFINED
    layers = (
        replace(layer, heads=tuple(head for head in layer.heads if head.value.blocks))
        for layer in case.witness.layer_list
    )
    try:
        states(case.witness.with_layers(tuple(layers)), *case.prompt)
    except ZeroDivisionError as error:
        raise Disagreement(f"{found}, but {case.witness.to_json()} divides by 0") from error
    return UNDEFINED


def plain_and_planned(case: Case, run: Callable[[], Any]) -> Iterator[tuple[str, Any]]:
    """What is found as the first prompt of a size is run, and what once there is a plan for it."""
    yield "plain", run()
    forward.plan(case.witness, len(case.X), len(case.queries))
    yield "planned", run()


# -- in fractions -----------------------------------------------------------------------------


def prediction(case: Case) -> str:
    """The prediction in fractions: of the first prompts of a size, and the planned one."""
    try:
        wanted = predict(case.witness, *case.prompt)
    except ZeroDivisionError:
        return UNDEFINED
    prompt = case.witness.prompt.tokens(len(case.X), len(case.queries))
    count = len(prompt.read_out(case.witness.readout.tokens))
    size = case.witness.prediction_size

    def run() -> Any:
        return case.witness.predict(*case.prompt, "rational")

    for way, found in plain_and_planned(case, run):
        same(f"shape, {way}", found.shape, (count,) if size == 1 else (count, size), case)
        same(f"prediction, {way}", found.ravel().tolist(), wanted, case)
    return AGREES


def in_normal_form(case: Case) -> str:
    """The prediction as a normal form in the prompt's letters, at the prompt."""
    try:
        wanted = predict(case.witness, *case.prompt)
    except ZeroDivisionError:
        return UNDEFINED
    values = {f"l{i}": Fraction(v) for i, v in enumerate(np.concatenate(
        [np.asarray(part, dtype=object).ravel() for part in case.prompt]))}  # fmt: skip
    letters, names = Letters(values), iter(values)
    lettered = []
    for part in case.prompt:
        array = np.asarray(part, dtype=object)
        made = np.empty(array.shape, dtype=object)
        made.ravel()[:] = [letters.letter(next(names)) for _ in range(array.size)]
        lettered.append(made)
    try:
        found = case.witness.predict(*lettered, Entries("normal form", letters.element))
    except Unsupported:
        return REFUSED
    except ZeroDivisionError:  # of the zero function
        return UNDEFINED
    at = [*values.values()]
    for atom in letters.atoms:
        argument = _at(atom.argument, at)
        if atom.function != "relu":
            raise Disagreement(f"{atom.function} in a witness that fractions can run")
        at.append(max(argument, Fraction(0)))
    same("normal form", [_at(one, at) for one in found], wanted, case)
    return AGREES


def _at(form: Any, values: list[Fraction]) -> Fraction:
    """A form without exponentials at values of its letters and of the first atoms."""

    def of(one: Any) -> Fraction:
        total = Fraction(0)
        for exponent, coefficient in one.terms.values():
            assert exponent.is_zero()
            for powers, c in coefficient.to_dict().items():
                term = Fraction(int(c.p), int(c.q))
                for value, power in zip(values, powers):
                    term *= value ** int(power)
                total += term
        return total

    below = Fraction(1)
    for number, power in form.by.items():
        below *= of(form.letters.divisors[number]) ** power
    return of(form.over) / below


def every_slot(case: Case) -> str:
    """Every slot of every token after the embedding and after each layer, in fractions: of the
    first prompts of a size, and planned."""
    try:
        wanted = states(case.witness, *case.prompt)
    except ZeroDivisionError:
        return undefined(lambda: case.witness.trace(*case.prompt, "rational"), case)

    def run() -> Any:
        return case.witness.trace(*case.prompt, "rational")

    for way, found in plain_and_planned(case, run):
        same("steps", len(found), len(wanted), case)
        for number, (left, right) in enumerate(zip(found, wanted)):
            for name, rows in right.items():
                flat = left[name].reshape(len(rows), -1).tolist()
                same(f"{name} after layer {number}, {way}", flat, rows, case)
    return AGREES


def written_and_read_back(case: Case) -> str:
    """The witness as JSON and back."""
    again = type(case.witness).from_json(case.witness.to_json())
    same("digest", again.digest, case.witness.digest, case)
    try:
        wanted = predict(case.witness, *case.prompt)
    except ZeroDivisionError:
        return UNDEFINED
    try:
        found = predict(again, *case.prompt)
    except ZeroDivisionError as error:
        raise Disagreement(f"read back, {again.to_json()} divides by 0") from error
    same("prediction", found, wanted, case)
    return AGREES


# -- in floats --------------------------------------------------------------------------------


def dense(case: Case) -> str:
    """The dense module in float64: equal where nothing can round, else within the bound."""
    try:
        wanted = predict(case.witness, *case.prompt, FloatBounds())
    except ZeroDivisionError:
        return UNDEFINED
    except Unbounded:
        return UNBOUNDED
    found = _dense(case)
    for value, tracked in zip(found, wanted, strict=True):
        if abs(Fraction(value) - tracked.value) > (0 if tracked.is_exact else tracked.bound):
            raise Disagreement(f"dense: {value} is not {tracked}, of {case.witness.to_json()}")
    return "agrees, nothing rounded" if all(one.is_exact for one in wanted) else AGREES


def _dense(case: Case) -> list[float]:
    given = (torch.from_numpy(np.array(part, dtype=float)) for part in case.prompt)
    with torch.no_grad():
        return case.witness.to_torch()(*given).flatten().tolist()


def irrational(case: Case) -> str:
    """Balls and the dense module against decimals, for witnesses that fractions cannot run."""
    used = words(case.witness)
    if used <= RATIONAL:
        return "rational"
    with mpmath.workdps(DIGITS):
        try:
            wanted = predict(case.witness, *case.prompt, Decimals())
        except ZeroDivisionError:
            return UNDEFINED
        balls = list(case.witness.predict(*case.prompt, "ball").ravel())
        outcome = AGREES
        for ball, value in zip([*balls, *_jets(case)], wanted * 2, strict=True):
            if not ball.is_finite():
                outcome = UNBOUNDED
                continue
            middle = mpmath.mpf(ball.mid().str(DIGITS, radius=False))
            room = mpmath.mpf(ball.rad().str(20, radius=False)) + _tiny(value)
            if abs(middle - value) > room:
                raise Disagreement(f"ball: {ball} is not {value}, of {case.witness.to_json()}")
        floats = [np.array(part, dtype=float) for part in case.prompt]
        bounds = case.witness.rounding_bound(*floats).ravel()
        for found, value, bound in zip(_dense(case), wanted, bounds, strict=True):
            if not np.isfinite(bound):
                outcome = UNBOUNDED
            elif abs(found - value) > 2 * mpmath.mpf(float(bound)) + _tiny(value):
                raise Disagreement(f"dense: {found} is not {value}, of {case.witness.to_json()}")
    return outcome


def _jets(case: Case) -> list[Any]:
    """The predictions in balls with slopes."""
    with precision(128):
        prompt = [objects(part, jets.element) for part in case.prompt]
        made = case.witness.predict(*prompt, jets.JetEntries("jets", jets.element))
    return [one.value for one in made.ravel()]


def _tiny(value: Any) -> Any:
    """What printing a decimal may lose."""
    return mpmath.mpf(10) ** (10 - DIGITS) * (1 + abs(value))


FORMATS = ("float64", "float32", "bfloat16", "float16")


def rounding(case: Case) -> str:
    """A prediction in each float format against the exact one, within the bound on rounding."""
    rational = words(case.witness) <= RATIONAL
    with mpmath.workdps(DIGITS):
        try:
            wanted = predict(case.witness, *case.prompt, FRACTIONS if rational else Decimals())
        except ZeroDivisionError:
            return UNDEFINED
        floats = [np.array(part, dtype=float) for part in case.prompt]
        outcome = UNBOUNDED
        for name in FORMATS:
            found = case.witness.predict(*floats, name)
            bounds = case.witness.rounding_bound(*floats, name)
            prompts = Floats(name).prompts(*floats, case.witness)
            cheap = norm_bound(case.witness, prompts, taken(prompts))
            bounds = np.minimum(bounds, cheap.numpy())
            for value, exact, bound in zip(found, wanted, bounds, strict=True):
                if not np.isfinite(bound):
                    continue
                outcome = AGREES
                off = abs(mpmath.mpf(float(value)) - Decimals().number(exact))
                if not off <= mpmath.mpf(float(bound)) + (0 if rational else _tiny(exact)):
                    raise Disagreement(
                        f"{name}: {value} is {off} off, beyond {bound}, of "
                        f"{case.witness.to_json()} on {case.prompt}"
                    )
    return outcome


# -- in the calculus --------------------------------------------------------------------------


def calculus(case: Case) -> str:
    """The calculus for any number of examples: its forms, with the case's numbers put in."""
    return _calculus(case, None)


def calculus_of_single_tokens(case: Case) -> str:
    """The calculus for the case's number of examples, each a token of its own."""
    return _calculus(case, len(case.X))


def _calculus(case: Case, examples: int | None) -> str:
    try:
        wanted = states(case.witness, *case.prompt)
    except ZeroDivisionError:
        return UNDEFINED
    letters, weights = _letters(case.witness)
    try:
        run = Run(case.witness, examples, letters)
        _compare(run, wanted[0], case, 0, weights)
        for number, layer in enumerate(case.witness.layer_list, start=1):
            run.layer(layer)
            _compare(run, wanted[number], case, number, weights)
        predictions = run.predictions()
    except OutsideCalculusError:
        return REFUSED
    size, found = case.witness.prediction_size, {}
    for group, form in predictions:
        for token, numbers, i in tokens_of(group, case, weights):
            found[token] = _found("it", {"it": evaluated(form, numbers)}, i, size)
    row = [entry for token in sorted(found) for entry in found[token]]
    same("prediction", row, predict(case.witness, *case.prompt), case)
    return AGREES


def tokens_of(
    group: Any, case: Case, weights: dict[str, Any]
) -> Iterator[tuple[int, Numbers, int]]:
    """Every token of a group: its number, the numbers for letters, its row in the group."""
    m = len(case.queries)
    everywhere = replace(case.witness, readout=replace(case.witness.readout, tokens="all"))
    first_query = len(read_out_at(everywhere, len(case.X), m)) - m
    for place in range(1 if group.context else len(case.queries)):
        numbers = Numbers(*case.prompt, place, weights, case.witness.prompt)
        if group.context:
            first, step = numbers.size(group.first), numbers.size(group.step)
        else:
            first, step = first_query + place, 1
        for i in range(numbers.size(group.rows)):
            yield first + step * i, numbers, i


def _letters(witness: Any) -> tuple[dict[Any, Any], dict[str, Any]]:
    """Letters for the explicit matrices of one row or d rows of d numbers; and what they are."""
    letters, weights = {}, {}
    for slots in witness.slot_maps():
        for block in slots:
            matrix, d = block.matrix, witness.d
            if matrix is None or matrix in letters:
                continue
            if len(matrix) not in (1, d) or len(matrix[0]) != d:
                continue
            name = f"W_{{{len(letters)}}}"
            letters[matrix] = letter(name, 1 if len(matrix) == 1 else symbol_d, symbol_d)
            weights[name] = [[Fraction(entry) for entry in row] for row in matrix]
    return letters, weights


def _compare(
    run: Run, wanted: dict[str, Any], case: Case, number: int, weights: dict[str, Any]
) -> None:
    """Every slot of every token of every group, absent ones being 0."""
    first_query = len(next(iter(wanted.values()))) - len(case.queries)
    compared = set()
    for group, state in zip(run.groups, run.states, strict=True):
        for place in range(1 if group.context else len(case.queries)):
            numbers = Numbers(*case.prompt, place, weights, case.witness.prompt)
            count = numbers.size(group.rows)
            if group.context:
                first, step = numbers.size(group.first), numbers.size(group.step)
            else:
                first, step = first_query + place, 1
            held = {name: evaluated(form, numbers) for name, form in state.items()}
            for i in range(count):
                token = first + step * i
                compared.add(token)
                for name, rows in wanted.items():
                    found = _found(name, held, i, len(rows[token]))
                    where = f"calculus, {name} of token {token} after layer {number}"
                    same(where, found, rows[token], case)
    same("tokens of the calculus", len(compared), first_query + len(case.queries), case)


def _found(name: str, held: dict[str, Any], row: int, size: int) -> list[Fraction]:
    """What row `row` of a group holds in a slot, entries that are held alone put together."""
    if name in held:
        matrix = held[name]
        if len(matrix[0]) == size:
            return matrix[row]
        return [entry for one in matrix for entry in one]
    made = [Fraction(0)] * size
    for entry, matrix in held.items():
        slot, index = reference(entry)
        if slot == name and index is not None:
            made[index] = matrix[row][0]
    return made
