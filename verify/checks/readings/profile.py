"""fu2023's profile of a model: which number of an algorithm's steps each of its layers matches.

SimE, section 3.3: the cosine of two algorithms' errors at x_2, …, x_{n+1}, each predicted from the
examples before it. Definition 3.4: a layer's match is the number of steps of the greatest SimE. A
rotation of all x and changed signs of examples leave every SimE as it is, so that one prompt stands
for all of those. All of it is enclosed in balls, and a greatest value is one only where they tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from flint import arb, arb_mat, fmpq

from constructions.numbers.ball import Ball
from constructions.witness import Witness
from proofs.flint_precision import precision

from ...strategies import Case
from . import prompts

BITS, MODEL_BITS = 192, 96  # Newton's steps lose half of them
Errors: TypeAlias = list[list[arb]]  # of each layer, or number of steps, at each position
# p(A) b for A = X^T X and b = X^T y, by each number of steps that is asked for
Algorithm: TypeAlias = Callable[[Any, Any, Sequence[int]], list[Any]]


class Open(ArithmeticError):
    """Balls that leave it open which similarity is the greatest."""


@dataclass(frozen=True)
class Match:
    """The number of steps that a layer matches, its SimE, and whether no more were tried."""

    steps: int
    similarity: arb
    last: bool


def of(
    witness: Witness, case: Case, algorithms: Mapping[str, tuple[Algorithm, Sequence[int]]]
) -> dict[str, list[Match]]:
    """What each layer of a witness matches of each algorithm, of the numbers of steps given, in
    increasing order. The last example of the case is only asked for."""
    with precision(BITS):
        own = errors(witness, case)
        return {
            name: matches(own, steps_errors(case, algorithm, steps), steps)
            for name, (algorithm, steps) in algorithms.items()
        }


def differ(case: Case, predictions: Sequence[Fraction], steps: Sequence[int]) -> bool:
    """Whether each prediction for the query is surely not Newton's after its number of steps."""
    with precision(BITS):
        X, query = matrix(case.X), matrix(case.queries)
        S, pull = X.transpose() * X, X.transpose() * matrix(case.y.reshape(-1, 1))
        made = newton(S, pull, sorted(set(steps)))
        by_steps = {k: (query * w)[0, 0] for k, w in zip(sorted(set(steps)), made, strict=True)}
        return all(not by_steps[k].overlaps(ball(p)) for p, k in zip(predictions, steps))


def descended(case: Case, step_size: Fraction, steps: Sequence[int]) -> list[Fraction]:
    """What gradient descent predicts for the query after each number of steps, in fractions."""
    X, y, query = (prompts.rational(a) for a in (case.X, case.y.reshape(-1, 1), case.queries))
    across = X.transpose()
    made = descent(step_size)(across * X, across * y, steps)
    return [prompts.fraction((query * w)[0, 0]) for w in made]


def errors(witness: Witness, case: Case) -> Errors:
    """Each layer's own errors at x_2, …, one row a layer."""
    system, columns = Ball(MODEL_BITS), []
    for t in range(1, len(case.X)):
        part = Case(case.parameters, case.X[:t], case.y[:t], case.X[t : t + 1])
        made = prompts.by_layer(witness, part, system)
        columns.append([predicted - system.element(case.y[t]) for (predicted,) in made])
    return [list(row) for row in zip(*columns, strict=True)]


def steps_errors(case: Case, algorithm: Algorithm, steps: Sequence[int]) -> Errors:
    """The algorithm's errors after each number of steps.

    p(X^T X) X^T y = X^T p(X X^T) y, of which the smaller matrix is taken.
    """
    columns = []
    for t in range(1, len(case.X)):
        X, y = matrix(case.X[:t]), matrix(case.y[:t].reshape(-1, 1))
        query, target = matrix(case.X[t : t + 1]), ball(case.y[t])
        across = X.transpose()
        if t < X.ncols():
            made, read = algorithm(X * across, y, steps), query * across
        else:
            made, read = algorithm(across * X, across * y, steps), query
        columns.append([(read * w)[0, 0] - target for w in made])
    return [list(row) for row in zip(*columns, strict=True)]


def matrix(values: np.ndarray) -> arb_mat:
    """Fractions (rows, columns) as balls."""
    return arb_mat([[ball(value) for value in row] for row in values])


def ball(value: Fraction) -> arb:
    return arb(fmpq(value.numerator, value.denominator))


def newton(S: arb_mat, pull: arb_mat, steps: Sequence[int]) -> list[arb_mat]:
    """w after so many steps, 0, 1, … in order, from M_0 = S / |S S^T|_F, as the released code.

    M <- 2M - M S M squares E = I - M S, so that w = M X^T y moves by E w: a product each.
    """
    square = S * S
    size = norm(square)
    left, w, made = identity(S) - square / size, S * pull / size, []
    for k in range(max(steps) + 1):
        if k > 0:
            w = w + left * w
            left = left * left if k < max(steps) else left
        if k in steps:
            made.append(w)
    return made


def descent(step_size: Fraction) -> Algorithm:
    """Gradient descent w <- w - step_size (S w - X^T y) from zero, in balls or in fractions.

    a + b steps make w_{a+b} = w_a + R^a w_b of w_b, R = I - step_size S: by powers of two.
    """

    def run(S: Any, pull: Any, steps: Sequence[int]) -> list[Any]:
        size = fmpq(step_size.numerator, step_size.denominator)
        left, moved = identity(S) - S * size, pull * size
        doubled = [(left, moved)]
        for _ in range(max(steps).bit_length() - 1):
            left, moved = left * left, moved + left * moved
            doubled.append((left, moved))
        made = []
        for count in steps:
            w = pull * 0
            for bit, (left, moved) in enumerate(doubled):
                w = moved + left * w if count >> bit & 1 else w
            made.append(w)
        return made

    return run


def identity(like: Any) -> Any:
    """I of the size and kind of a square matrix."""
    size = like.nrows()
    return type(like)(size, size, [int(i == j) for i in range(size) for j in range(size)])


def norm(A: arb_mat) -> arb:
    """The Frobenius norm."""
    return sum((entry * entry for entry in A.entries()), arb(0)).sqrt()


def matches(layers: Errors, steps: Errors, numbers: Sequence[int]) -> list[Match]:
    """The best match of each layer. Raises Open where balls cannot tell which it is."""
    made = []
    for row in layers:
        similar = [cosine(row, other) for other in steps]
        best = max(range(len(similar)), key=lambda k: similar[k].mid())
        others = (value for k, value in enumerate(similar) if k != best)
        if not all(value < similar[best] for value in others):
            raise Open(f"more than one number of steps may have the SimE {similar[best]}")
        made.append(Match(numbers[best], similar[best], best == len(similar) - 1))
    return made


def cosine(a: Iterable[arb], b: Iterable[arb]) -> arb:
    """Of two vectors of balls."""
    a, b = list(a), list(b)
    return dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()


def dot(a: Sequence[arb], b: Sequence[arb]) -> arb:
    return sum((x * y for x, y in zip(a, b, strict=True)), arb(0))
