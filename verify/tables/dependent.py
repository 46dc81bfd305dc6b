"""Columns of a table that depend on each other: of which nobody needs all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from constructions.parameters import typed

from ..inputs.region import triangle
from .problem import Problem

NEARLY = 1e-3  # of a column: what others may leave of it and be said to nearly make it
ROUNDING = 1e-12  # of a column: what is put down to the rounding of its numbers
MOST, MOST_ROWS = 128, 2**14  # columns that are looked at; rows, in fractions
SHOWN, DENOMINATOR = 4, 10**4  # columns that are said in a sum; of a multiple that is short


def dependent(problem: Problem) -> Iterator[str]:
    """A line for each column of the examples that is 0, that is one number beside an intercept, or
    that is a sum of multiples of columns before it, exactly or nearly: within ROUNDING and within
    NEARLY of its norm, about its mean where there is an intercept.

    Not of fewer examples than columns, which always depend on each other.
    """
    names, (n, d) = problem.names, problem.X.shape
    apart = len(problem.singular) == d and problem.condition < 1 / NEARLY
    if not names or apart or d > min(n, MOST):
        return
    X = np.asarray(problem.X[:, : len(names)], dtype=float)
    whole = np.abs(X).max(axis=0)
    if problem.intercept:
        X = X - X.mean(axis=0)
    sizes = np.sqrt(np.square(X / np.where(whole > 0, whole, 1)).sum(axis=0)) * whole
    units = triangle(X / np.where(sizes > 0, sizes, 1))
    kept: list[int] = []
    for j, name in enumerate(names):
        if whole[j] == 0:
            yield f"note       column {name!r} is 0 in every example: nothing can be learnt of it"
        elif sizes[j] <= ROUNDING * whole[j] * np.sqrt(n):
            yield f"note       column {name!r} is one number in every example, as the intercept is"
        elif (found := _sum(units, j, kept)) is None:
            kept.append(j)
        else:
            coefficients, off = found
            times = {i: float(c * sizes[j] / sizes[i]) for i, c in coefficients.items()}
            exact = _exactly(problem, j, times)
            how = "is" if exact else "is, within rounding,"
            made = _made({names[i]: c for i, c in (exact or times).items()}, problem.intercept)
            said = (
                f"{how} {made}" if off <= ROUNDING else f"is nearly {made} (off by {off:.1g} of it)"
            )
            yield f"note       column {name!r} {said}; --features can leave one of them out"


def _sum(columns: Any, j: int, kept: Sequence[int]) -> tuple[dict[int, float], float] | None:
    """({column: how often it is taken}, what is left) of unit column j as a sum of the fewest kept
    ones; None where these do not make it."""
    if not kept:
        return None
    left = _left(columns, j, kept)[1]
    if left > NEARLY:
        return None
    enough = NEARLY if left > ROUNDING else ROUNDING
    used = list(kept)
    for i in sorted(kept, key=lambda i: abs(float(columns[:, i] @ columns[:, j]))):
        others = [one for one in used if one != i]
        if others and _left(columns, j, others)[1] <= enough:
            used = others
    found, left = _left(columns, j, used)
    return dict(zip(used, found)), left


def _left(columns: Any, j: int, used: Sequence[int]) -> tuple[list[float], float]:
    """The coefficients of least squares of column j on others, and the norm of what is left."""
    found = np.linalg.lstsq(columns[:, used], columns[:, j], rcond=None)[0]
    return found.tolist(), float(np.linalg.norm(columns[:, j] - columns[:, used] @ found))


def _exactly(problem: Problem, j: int, times: Mapping[int, float]) -> dict[int, Fraction] | None:
    """The multiples as short fractions, of which column j is exactly the sum, but for a constant
    where there is an intercept; None where it is not, and where of many rows that is not asked."""
    if len(problem.X) > MOST_ROWS:
        return None
    exact = {i: Fraction(c).limit_denominator(DENOMINATOR) for i, c in times.items()}
    columns = {i: [_fraction(x) for x in problem.X[:, i]] for i in (j, *times)}
    off = {
        x - sum((c * columns[i][row] for i, c in exact.items()), start=Fraction(0))
        for row, x in enumerate(columns[j])
    }
    return exact if (len(off) == 1 if problem.intercept else off == {Fraction(0)}) else None


def _fraction(value: Any) -> Fraction:
    """A number of a table, as the decimal that it is."""
    return value if isinstance(value, Fraction) else typed(repr(float(value)))


def _made(of: Mapping[str, Any], intercept: bool) -> str:
    """ "2.54 times 'inch'", "'a' + 2 'b'"."""
    if len(of) > SHOWN:
        made = "a sum of multiples of " + ", ".join(map(repr, of))
    elif len(of) == 1:
        (name, times), = of.items()  # fmt: skip
        made = repr(name) if _times(times) == "" else f"{_times(times)}times {name!r}"
    else:
        signs = ("-" if times < 0 else "+" for times in of.values())
        terms = (f"{_times(abs(times))}{name!r}" for name, times in of.items())
        made = " ".join(f"{sign} {term}" for sign, term in zip(signs, terms)).removeprefix("+ ")
    return made + (" and a constant" if intercept else "")


def _times(number: Any) -> str:
    """In four digits; a fraction as it is."""
    said = f"{float(number):.4g}"
    if isinstance(number, Fraction):
        decimal = f"{float(number):.12g}"
        said = decimal if typed(decimal) == number else str(number)
    return "" if said == "1" else f"{said} "
