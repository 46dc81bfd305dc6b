"""How far a compiled chain is from its operations, done exactly, on every prompt of a box.

Two things go along the chain, for each entry of the program's stream: an interval R of what the
exact operations leave there, on every prompt of the box and for every value of the letters, and a
bound E on how far the transformer's entry is from it. So the transformer's stream lies within
R +- E, and there a layer is off from its operation by at most what `operation_bounds.after` says:

    E_after <= error of the operation for arguments off by E + error of the layer on R +- E.

The first term is Lipschitz: a b is off by |a| E_b + |b| E_a + E_a E_b, and a/c by
(E_a + |a/c| E_c)/(|c| - E_c), see `Near`. Entries that no operation knows (positions, pads,
scratch) keep the interval of what the layer leaves there. Rounding is no part of it: the
transformer is the one in exact arithmetic, with its constants as they are.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import arb

from constructions.papers.akyurek2022.layers import Constants, workspace
from constructions.papers.akyurek2022.operations import (
    Aff,
    Columns,
    Div,
    Mov,
    Mul,
    Operation,
    Program,
    size,
    span,
    vector,
)
from constructions.witness import Witness
from proofs.exact import is_symbolic
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import Layout

from ...strategies import Case
from ..case import reference
from ..symbolic import in_a_field, letters
from .balls import ball, interval, precision
from .operation_bounds import After, Box, NotCovered, after, in_letters, with_weights

Known = Mapping[int, Sequence[tuple[int, Any, Any]]]  # after operation k: (row, low, high)


@dataclass(frozen=True)
class Inputs:
    """The box: |x_i|, |y| <= size, and the range of each letter among the chain's parameters.

    letters: {"step_size": (0, 1/4)}; "1/ridge" gives the range of an inverse. A vector's entries
    are letters w0_0, w0_1, …, which all have the range of "w0".
    """

    letters: Mapping[str, tuple[Any, Any]]
    words: str
    size: Fraction = Fraction(1)

    def intervals(self, names: Sequence[str]) -> dict[str, arb]:
        """The range of each letter that occurs."""
        ranges = {name: self.letters.get(_family(name)) for name in names}
        ranges |= {name: bounds for name, bounds in self.letters.items() if name[:2] == "1/"}
        return {name: interval(*bounds) for name, bounds in ranges.items() if bounds is not None}

    def draw(
        self, draw: random.Random, d: int, examples: int, vectors: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Parameters for a chain, each letter an eighth part of its range, ends not rare."""

        def value(name: str) -> Fraction:
            low, high = map(Fraction, self.letters[name])
            part = draw.choice((0, 8, draw.randint(0, 8)))
            at = low + (high - low) * Fraction(part, 8)
            return 1 / (at or high) if name[:2] == "1/" else at

        return {"d": d, "examples": examples} | {
            name.removeprefix("1/"): tuple(value(name) for _ in range(d))
            if name in vectors
            else value(name)
            for name in self.letters
        }

    def contains(self, case: Case) -> bool:
        """Whether a prompt with its parameters is inside."""
        entries = [*case.X.ravel(), *case.y.ravel(), *case.queries.ravel()]
        return all(abs(entry) <= self.size for entry in entries) and all(
            low <= value <= high
            for name, (low, high) in self.letters.items()
            for value in _values(name, case.parameters)
        )


def _family(name: str) -> str:
    """w0_1 belongs to w0."""
    stem, _, index = name.rpartition("_")
    return stem if stem and index.isdigit() else name


def _values(name: str, parameters: Mapping[str, Any]) -> list[Any]:
    value = parameters[name.removeprefix("1/")]
    values = list(value) if isinstance(value, tuple) else [value]
    return [1 / Fraction(v) for v in values] if name[:2] == "1/" else values


def lettered(inputs: Inputs, d: int, examples: int, vectors: Sequence[str] = ()) -> dict[str, Any]:
    """Parameters for a chain, with symbols where the box has letters."""
    import sympy

    made: dict[str, Any] = {"d": d, "examples": examples}
    for name in (name.removeprefix("1/") for name in inputs.letters):
        if name in vectors:
            made[name] = tuple(sympy.Symbol(f"{name}_{i}") for i in range(d))
        else:
            made[name] = sympy.Symbol(name)
    return made


# -- the exact operations, with the error of what they read -------------------------------------


class Near:
    """A number in `value`, and how far at most the transformer's is from it."""

    __slots__ = ("error", "value")

    def __init__(self, value: arb, error: Any = 0) -> None:
        self.value, self.error = value, arb(error)

    def __add__(self, other: Any) -> Near:
        other = _near(other)
        return Near(self.value + other.value, self.error + other.error)

    def __mul__(self, other: Any) -> Near:
        other = _near(other)
        error = (
            self.value.abs_upper() * other.error
            + other.value.abs_upper() * self.error
            + self.error * other.error
        )
        return Near(self.value * other.value, error)

    __radd__ = __add__
    __rmul__ = __mul__

    def __truediv__(self, other: Near) -> Near:
        quotient = self.value / other.value
        away = other.value.abs_lower() - other.error
        if not away > 0:
            return Near(quotient, "inf")
        error = (self.error + quotient.abs_upper() * other.error) / away
        return Near(quotient, error)

    def __abs__(self) -> Near:
        return Near(abs(self.value), self.error)

    @property
    def range(self) -> arb:
        """Where the transformer's number is."""
        if not self.error.is_finite():
            return arb("nan")
        return self.value if self.error == 0 else self.value + self.error * arb(0, 1)


def _near(value: Any) -> Near:
    return value if isinstance(value, Near) else Near(ball(value))


# -- along a chain ------------------------------------------------------------------------------


def prompt_error(
    chain: Any, witness: Witness, constants: Constants, inputs: Inputs, known: Known
) -> arb:
    """A bound on |prediction of `witness` - that of the chain's operations|.

    Both have letters where `inputs` gives ranges; `constants` are the free ones of the witness's
    layers, for which balls have to be long enough. Raises NotCovered for what no bound is known,
    and for a witness whose rows, prompt or read-out are not the chain's.
    """
    program: Program = chain.program
    _as_compiled(witness, chain)
    (row,) = witness.layout.rows(witness.readout.slot)
    with precision(constants.bits(2)):
        letters = inputs.intervals([str(s) for s in sorted(witness.free_symbols, key=str)])
        stream, held = _start(chain, witness.layout, inputs)
        for number, (operation, layer) in enumerate(
            zip(program.operations, witness.layer_list, strict=True), start=1
        ):
            box = Box(_entries(stream, held), letters)
            made = after(layer, witness.layout, box, targets(operation, box, program.stream.width))
            stream = _operated(operation, stream, letters, known.get(number, ()), made)
            held = made.workspace
        return stream[-1][row].error


def _as_compiled(witness: Witness, chain: Any) -> None:
    """Raises NotCovered unless prompt, rows and read-out are those of the program."""
    program, readout = chain.program, witness.readout
    whole = workspace(program.stream, program.columns, program.operations)
    embedding = slot_map(("y", "y"), ("x", "x"), ("position", "position"))
    d = chain.parameters["d"]
    if witness.layout != whole or [s.name for s in whole.slots[:2]] != ["y", "x"]:
        raise NotCovered("the layers' rows are not those of the program")
    if witness.prompt != Prompt(d, embedding, form="interleaved", positions=program.columns):
        raise NotCovered("the embedding is not the printed prompt")
    if (readout.slot, readout.coefficient, readout.tokens) != (chain.readout, 1, "query"):
        raise NotCovered("the read-out is not the program's")
    if witness.layers != len(program.operations):
        raise NotCovered(f"{witness.layers} layers do {len(program.operations)} operations")


def _start(chain: Any, layout: Layout, inputs: Inputs) -> tuple[list[list[Near]], list[list[arb]]]:
    """The prompt: what the program's rows hold, and the others."""
    program, d = chain.program, chain.parameters["d"]
    n, entry = (program.columns - 1) // 2, interval(-inputs.size, inputs.size)
    columns = program.prompt([[entry] * d] * n, [entry] * n, [[entry] * d])
    positions = layout.rows("position")
    held = [
        [arb(int(row - positions.start == t)) for row in range(program.stream.width, layout.width)]
        for t in range(program.columns)
    ]
    return [[Near(ball(value)) for value in column] for column in columns], held


def _entries(stream: Sequence[Sequence[Near]], held: Sequence[Sequence[arb]]) -> list[list[arb]]:
    entries = [[*(one.range for one in column), *rest] for column, rest in zip(stream, held)]
    if not all(value.is_finite() for column in entries for value in column):
        raise NotCovered("an entry of the stream has no bound")
    return entries


def targets(operation: Operation, box: Box, rows: int) -> Columns:
    """What the operation leaves in the program's rows, as polynomials in the stream."""
    columns = [[box.variable(t, row) for row in range(rows)] for t in range(box.columns)]
    return with_weights(operation, box.weight).apply(columns)


def _operated(
    operation: Operation,
    stream: list[list[Near]],
    letters: Mapping[str, arb],
    known: Sequence[tuple[int, Any, Any]],
    made: After,
) -> list[list[Near]]:
    """R and E after one operation and its layer."""

    def letter(name: str) -> arb:
        if name not in letters:
            raise NotCovered(f"the weight {name} has no range")
        return letters[name]

    moved = with_weights(operation, lambda value: in_letters(value, letter)).apply(stream)
    result = []
    for column, errors in zip(moved, made.errors, strict=True):
        column = [_near(one) for one in column]
        for row, low, high in known:
            at_most = column[row].value.abs_upper() if high is None else high
            column[row] = Near(
                column[row].value.intersection(interval(low, at_most)), column[row].error
            )
        result.append([Near(o.value, o.error + e) for o, e in zip(column, errors, strict=True)])
    return result


# -- the operations against an algorithm ---------------------------------------------------------


def equal_in_letters(chain: Any, algorithm: Callable[..., Any]) -> bool:
    """Whether the operations predict what the algorithm does, as rational functions.

    Prompt and parameters are letters, generators of a field of sympy's. Divisors are taken without
    their absolute value: they have to be positive, as `prompt_error` has seen.
    """
    program, parameters = chain.program, chain.parameters
    X, y, queries = letters(parameters["d"], parameters["examples"])
    _, element = in_a_field(X, y, queries, *parameters.values())
    columns = [[element(v) for v in c] for c in program.prompt(X, y, queries)]
    (row,) = program.stream.rows(chain.readout)
    made = program.result(columns, row, lambda one, H: _divided(with_weights(one, element), H))
    (wanted,) = reference(algorithm, Case(parameters, X, y, queries), element)
    return bool(made == wanted)


def _divided(operation: Operation, columns: Columns) -> Columns:
    if not isinstance(operation, Div):
        return operation.apply(columns)
    made = []
    for column in columns:
        after_ = list(column)
        for row, old in zip(span(operation.to), span(operation.rows)):
            after_[row] = column[old] / column[operation.by]
        made.append(after_)
    return made


# -- what interval arithmetic does not see ------------------------------------------------------


def sherman_morrison(chain: Any, inputs: Inputs) -> Known:
    r"""Ranges that hold in every column of theorem 2's program, by the following.

    Let P be symmetric, 0 <= P <= c I, and u a vector. Then s = 1 + u^T P u >= 1. Put
    P' = P - P u u^T P / s. It is symmetric, P' <= P <= c I since P u u^T P >= 0, and P' >= 0:
    v^T P' v = v^T P v - (v^T P u)^2/s, and (v^T P u)^2 <= v^T P v u^T P u <= v^T P v s. The
    quotient P u u^T P / s = P - P' lies between 0 and P as well. A matrix between 0 and c I has its
    entries in [-c, c], those on the diagonal in [0, c].

    So if the rows of `inverse` hold such a P in every column (0 at the start does), they do so
    after each operation that is one of three: b = c I with no inputs; a move of all of them; the
    seven operations of Sherman and Morrison, one right after the other. Raises NotCovered if any
    other operation writes to them.
    """
    program: Program = chain.program
    operations, rows = program.operations, program.rows
    d, inverse, quotient = chain.parameters["d"], rows("inverse"), rows("quotient")
    (divisor, _) = rows("divisor")
    update = (
        Mul(d, d, 1, inverse, rows("x"), rows("Au")),
        Mul(1, d, d, rows("x"), inverse, rows("vA")),
        Mul(d, 1, d, rows("Au"), rows("vA"), rows("outer")),
        Mul(1, d, 1, rows("vA"), rows("x"), rows("divisor")),
        Aff(rows("divisor"), (), rows("divisor"), W1=1, b=1),
        Div(rows("outer"), divisor, quotient),
        Aff(inverse, quotient, inverse, W1=1, W2=-1),
    )
    divisions = [k for k, operation in enumerate(operations) if isinstance(operation, Div)]
    for k in divisions:
        if k < 5 or operations[k - 5 : k + 2] != update:
            raise NotCovered(f"operation {k + 1} does not divide by 1 + u^T P u")
    c = Fraction(0)
    for k, operation in enumerate(operations):
        if not set(span(operation.to)) & set(span(inverse)) or k - 1 in divisions:
            continue
        if isinstance(operation, Aff) and not operation.first and not operation.second:
            c = max(c, _multiple_of_identity(operation, d, inverse, inputs))
        elif not (
            isinstance(operation, Mov)
            and operation.rows == operation.to
            and set(span(inverse)) <= set(span(operation.to))
        ):
            raise NotCovered(f"operation {k + 1} writes to the inverse")

    def between(matrix: tuple[int, ...]) -> list[tuple[int, Any, Any]]:
        diagonal = range(matrix[0], matrix[1], d + 1)
        return [(row, 0 if row in diagonal else -c, c) for row in span(matrix)]

    known: dict[int, Sequence[tuple[int, Any, Any]]] = {}
    for k in divisions:  # operations count from 1: k + 1 divides
        known |= {k: [(divisor, 1, None)], k + 1: between(quotient), k + 2: between(inverse)}
    return known


def _multiple_of_identity(operation: Aff, d: int, inverse: Any, inputs: Inputs) -> Fraction:
    """The largest c of b = c I, for every letter of the box."""
    start = vector(operation.b, size(operation.to))
    c = start[0]
    if operation.to != inverse or any(
        entry != (c if i % (d + 1) == 0 else 0) for i, entry in enumerate(start)
    ):
        raise NotCovered("the inverse does not start as c I")
    low, high = (c, c)
    if is_symbolic(c):
        if str(c) not in inputs.letters:
            raise NotCovered(f"the inverse starts as {c} I, which has no range")
        low, high = inputs.letters[str(c)]
    if low < 0:
        raise NotCovered("the inverse starts below 0")
    return Fraction(high)
