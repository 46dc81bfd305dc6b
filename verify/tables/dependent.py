"""Columns of a table that depend on each other: of which nobody needs all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np

from constructions.parameters import typed

from ..inputs.region import triangle
from .problem import Problem

NEARLY = 1e-3  # of a column: what others may leave of it and be said to nearly make it
ROUNDING = 1e-12  # of a column: what may be left of it where it is made up to rounding
EPS = 16 * 2.0**-52  # of a number: what rounding, of it and of what is computed here, does to it
MOST = 128  # columns that are looked at
PLACES, WHOLE = 15, 1e15  # of decimals that a float64 tells apart, and as whole numbers below this
FRACTIONS = 50_000  # products of fractions that exactness may cost, of all columns together
SHOWN, DENOMINATOR = 4, 10**4  # columns that are said in a sum; of a multiple that is short


def dependent(problem: Problem) -> Iterator[str]:
    """A line for each column of the examples that is 0, that is one number beside an intercept, or
    that is a sum of multiples of columns before it, exactly or nearly: within rounding and within
    NEARLY of its norm, about its mean where there is an intercept.

    Not of fewer examples than columns, which always depend on each other.
    """
    names, (n, d) = problem.names, problem.X.shape
    if not names or d > min(n, MOST):
        return
    if len(problem.singular) == d and problem.condition < 1 / NEARLY:
        return
    X = np.asarray(problem.X[:, : len(names)], dtype=float)
    whole = np.abs(X).max(axis=0)
    if problem.intercept:
        X = X - X.mean(axis=0)
    sizes = np.sqrt(np.square(X / np.where(whole > 0, whole, 1)).sum(axis=0)) * whole
    units = triangle(X / np.where(sizes > 0, sizes, 1))
    # what rounding of its numbers leaves of a column of norm 1, about its mean
    rounded = EPS * whole * np.sqrt(n) / np.where(sizes > 0, sizes, 1)
    decimals = _Decimals(problem)
    kept: list[int] = []
    for j, name in enumerate(names):
        if whole[j] == 0:
            yield f"note       column {name!r} is 0 in every example: nothing can be learnt of it"
        elif sizes[j] <= ROUNDING * whole[j] * np.sqrt(n):
            spread = _spread(problem.X[:, j])
            said = "is one number in every example, as the intercept is"
            if spread:
                share = f"{spread / whole[j]:.1g}"
                said = f"differs by only {share} of its size: nearly one number, as the intercept"
            yield f"note       column {name!r} {said}"
        elif (found := _sum(units, j, kept)) is None:
            kept.append(j)
        else:
            coefficients, off = found
            times = {i: float(c * sizes[j] / sizes[i]) for i, c in coefficients.items()}
            noise = rounded[j] + sum(abs(c) * rounded[i] for i, c in coefficients.items())
            exact = decimals.exactly(j, times) if off <= max(ROUNDING, noise) else None
            made = _made({names[i]: c for i, c in (exact or times).items()}, problem.intercept)
            if exact:
                said = f"is {made}"
            elif off <= noise and not _one_alone(problem, j, times):
                said = f"is, within rounding, {made}"
            else:
                said = f"is nearly {made} (off by {off:.1g} of it)"
            yield f"note       column {name!r} {said}; --features can leave one of them out"


def _sum(columns: Any, j: int, kept: Sequence[int]) -> tuple[dict[int, float], float] | None:
    """({column: how often it is taken}, what is left) of unit column j as a sum of the fewest kept
    ones; None where these do not make it."""
    if not kept:
        return None
    found, left = _left(columns, j, kept)
    if left > NEARLY:
        return None
    enough = NEARLY if left > ROUNDING else ROUNDING
    used = _fewer(columns, kept, np.array(found), left, enough)
    fewer, more = _left(columns, j, used)
    return (dict(zip(used, fewer)), more) if more <= enough else (dict(zip(kept, found)), left)


def _fewer(columns: Any, kept: Sequence[int], times: Any, left: float, enough: float) -> list[int]:
    """The kept columns less those, one by one, without which least squares leaves no more than
    enough: without column i it leaves times_i^2 / (G^-1)_ii more in squares, G being their Gram
    matrix, and the inverse of the others' is a rank-1 step away."""
    root = np.linalg.inv(np.linalg.qr(columns[:, kept], mode="r"))
    inverse, used = root @ root.T, list(kept)
    while len(used) > 1:
        more = np.abs(times) / np.sqrt(np.maximum(np.diag(inverse), 1))  # 1 of unit columns alone
        at = int(np.argmin(more))
        left = float(np.hypot(left, more[at]))
        if left > enough:
            break
        step = inverse[:, at] / inverse[at, at]
        times = np.delete(times - step * times[at], at)
        inverse = inverse - np.outer(step, inverse[at])
        inverse = np.delete(np.delete(inverse, at, axis=0), at, axis=1)
        del used[at]
    return used


def _left(columns: Any, j: int, used: Sequence[int]) -> tuple[list[float], float]:
    """The coefficients of least squares of column j on others, and the norm of what is left."""
    found = np.linalg.lstsq(columns[:, used], columns[:, j], rcond=None)[0]
    return found.tolist(), float(np.linalg.norm(columns[:, j] - columns[:, used] @ found))


def _spread(column: Any) -> float:
    """The largest of its numbers less the least."""
    return float(column.max() - column.min())


def _one_alone(problem: Problem, j: int, times: Mapping[int, float]) -> bool:
    """Whether column j is one number and the only one that it is a multiple of is not, or the other
    way round: then it is none, however many digits they share."""
    varies = [_spread(problem.X[:, i]) > 0 for i in (j, *times)]
    return len(times) == 1 and not problem.intercept and varies[0] != varies[1]


class _Decimals:
    """Whether columns are sums of others in the decimals that their numbers are: in whole numbers,
    and where these are too long in fractions, as many as may be."""

    def __init__(self, problem: Problem) -> None:
        self.X, self.intercept, self.left = problem.X, problem.intercept, FRACTIONS
        self.known: dict[int, tuple[np.ndarray, int] | None] = {}

    def exactly(self, j: int, times: Mapping[int, float]) -> dict[int, Fraction] | None:
        """The multiples as short fractions, of which column j is exactly the sum, but for a
        constant where there is an intercept; None where it is not, and where that is not asked."""
        sums = {i: Fraction(c).limit_denominator(DENOMINATOR) for i, c in times.items()}
        off = self._off({j: Fraction(1), **{i: -c for i, c in sums.items()}})
        if off is None:
            return None
        return sums if (off == off[0] if self.intercept else off == 0).all() else None

    def _off(self, sums: Mapping[int, Fraction]) -> Any:
        """A multiple of the sums of multiples (n,); None where that would cost too much."""
        whole = [(c, *made) for i, c in sums.items() if (made := self._whole(i)) is not None]
        if len(whole) == len(sums):
            common = lcm(*(c.denominator for c in sums.values()))
            places = max(k for _, _, k in whole)
            terms = [(int(c * common) * 10 ** (places - k), w) for c, w, k in whole]
            if sum(abs(c) * max(1, int(np.abs(w).max())) for c, w in terms) < 2**62:
                return sum(c * w for c, w in terms)
        self.left -= len(self.X) * len(sums)
        if self.left < 0:
            return None
        return sum(np.array([_fraction(x) for x in self.X[:, i]]) * c for i, c in sums.items())

    def _whole(self, i: int) -> tuple[np.ndarray, int] | None:
        """(w, k) with w / 10^k the decimals of a column of floats, of at most PLACES digits, which
        are then no others."""
        if i not in self.known:
            self.known[i] = None if self.X.dtype == object else _as_whole(self.X[:, i])
        return self.known[i]


def _as_whole(column: np.ndarray) -> tuple[np.ndarray, int] | None:
    for k in range(PLACES + 1):
        for part in (column[:64], column):  # most powers of ten are told by a few rows
            whole = np.rint(part * 10.0**k)
            if np.abs(whole).max() >= WHOLE:
                return None
            if (whole / 10.0**k != part).any():
                break
        else:
            return whole.astype(np.int64), k
    return None


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
