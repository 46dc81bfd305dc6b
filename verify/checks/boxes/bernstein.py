"""The maximum of a polynomial over a box, between what it attains and what is proved.

In the Bernstein form of the degrees D_v a polynomial on a box is a mean of its coefficients, with
weights that depend on the point: so it is at most the largest. The coefficients at the corners are
values; of a polynomial that is affine in each variable all are, and nothing is lost. Where the
largest is not a value the box is cut in two. Everything is computed in floats, and what rounding
can have done is added (`_rounding`).

Where the table of coefficients would be too large the terms are shared out to polynomials in fewer
variables: the sum of their maxima is no less than the maximum of the sum.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import count
from math import comb, inf, prod
from typing import Any

import numpy as np

from constructions.numbers import Unsupported

from ...box import Range

LARGEST_TABLE = 2**23  # Bernstein coefficients that are written out at once
LARGEST_PART = 2**15  # and of one of several polynomials that share the terms
WORK = 6e7  # coefficients that are computed for one maximum
UNIT = 2.0**-53
Point = tuple[Fraction, ...]


@dataclass(frozen=True)
class Polynomial:
    """sum of coefficients[t] * product of variables[v] ** exponents[t][v]."""

    variables: tuple[str, ...]
    exponents: tuple[tuple[int, ...], ...]
    coefficients: tuple[Fraction, ...]

    @staticmethod
    def of(terms: Mapping[tuple[int, ...], Any], names: Sequence[str]) -> Polynomial:
        """From {exponents: coefficient}, in the variables that occur."""
        used = [v for v in range(len(names)) if any(exponents[v] for exponents in terms)]
        return Polynomial(
            tuple(names[v] for v in used),
            tuple(tuple(int(exponents[v]) for v in used) for exponents in terms),
            tuple(fraction(c) for c in terms.values()),
        )

    @cached_property
    def degrees(self) -> tuple[int, ...]:
        return tuple(map(max, zip(*self.exponents))) if self.variables else ()

    @cached_property
    def powers(self) -> np.ndarray:
        """The exponents (terms, variables)."""
        shape = len(self.exponents), len(self.variables)
        return np.array(self.exponents, dtype=int).reshape(shape)

    @cached_property
    def floats(self) -> np.ndarray:
        """The coefficients, rounded. Raises Unsupported where one is out of their range."""
        made = np.array([_float(c) for c in self.coefficients])
        if not np.isfinite(made).all() or ((abs(made) < 1e-280) & (made != 0)).any():
            raise Unsupported("a coefficient of the difference is beyond the range of floats")
        return made

    @cached_property
    def parts(self) -> list[Polynomial]:
        """Polynomials with small tables of which it is the sum."""
        return shared_out(self)

    def __neg__(self) -> Polynomial:
        return Polynomial(self.variables, self.exponents, tuple(-c for c in self.coefficients))

    def given(self, values: Mapping[str, Fraction]) -> Polynomial:
        """What is left of it with these values of some variables; of a variable that goes too."""
        terms: dict[tuple[int, ...], Fraction] = {}
        for exponents, coefficient in zip(self.exponents, self.coefficients):
            left = list(exponents)
            for v, name in enumerate(self.variables):
                if name in values and exponents[v]:
                    coefficient *= values[name] ** exponents[v]
                    left[v] = 0
            terms[tuple(left)] = terms.get(tuple(left), Fraction(0)) + coefficient
        kept = {exponents: c for exponents, c in terms.items() if c != 0}
        return Polynomial.of(kept or {(0,) * len(self.variables): Fraction(0)}, self.variables)

    def at(self, point: Mapping[str, Fraction]) -> Fraction:
        """Its value, exactly."""
        values = [point[name] for name in self.variables]
        return sum(
            (
                c * prod(value**e for value, e in zip(values, exponents) if e)
                for c, exponents in zip(self.coefficients, self.exponents)
            ),
            Fraction(0),
        )

    def values(self, points: np.ndarray) -> np.ndarray:
        """Its values (points,) at points (points, variables), in floats."""
        made: np.ndarray = self.monomials(points) @ self.floats
        return made

    @cached_property
    def factors(self) -> np.ndarray:
        """The variables of each term, each as often as it occurs, filled up with one that is 1."""
        one = len(self.variables)
        longest = int(self.powers.sum(axis=1).max(initial=0))
        made = np.full((longest, len(self.exponents)), one)
        for t, exponents in enumerate(self.exponents):
            names = [v for v, e in enumerate(exponents) for _ in range(e)]
            made[: len(names), t] = names
        return made

    def monomials(self, points: np.ndarray, leaving_out: int | None = None) -> np.ndarray:
        """(points, terms), without the powers of one variable."""
        one = len(self.variables)
        factors = self.factors
        if leaving_out is not None:
            factors = np.where(factors == leaving_out, one, factors)
        full = np.ones((len(points), one + 1))
        full[:, :one] = points
        made = np.ones((len(points), len(self.exponents)))
        for row in factors:
            made *= full[:, row]
        return made

    def size(self, box: Sequence[Range]) -> float:
        """A bound on the sum of the absolute values of the terms."""
        largest = np.array([max(abs(float(low)), abs(float(high))) for low, high in box])
        sizes = np.prod(largest**self.powers, axis=1) if len(box) else np.ones(len(self.floats))
        return float(abs(self.floats) @ sizes) * (1 + 1e-9)


@dataclass(frozen=True)
class Maximum:
    """low <= the maximum <= high; `low` is the value at `at`, {variable: number}."""

    low: float
    high: float
    at: Mapping[str, Fraction]
    boxes: int = 1


def fraction(value: Any) -> Fraction:
    """A rational number of flint or Python."""
    if hasattr(value, "p"):
        return Fraction(int(value.p), int(value.q))
    return Fraction(value)


def _float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return inf


def up(value: Fraction | float) -> float:
    """A float that is no less."""
    nearest = _float(Fraction(value))
    return nearest if nearest >= value else float(np.nextafter(nearest, inf))


def down(value: Fraction | float) -> float:
    """A float that is no more."""
    return -up(-value)


# -- the form ---------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _weights(low: Fraction, high: Fraction, degree: int) -> np.ndarray:
    """(degree + 1, degree + 1): Bernstein coefficient i of the power x^e on [low, high]."""
    made = np.empty((degree + 1, degree + 1))
    for i in range(degree + 1):
        for e in range(degree + 1):
            total = sum(
                comb(i, k) * comb(degree - i, e - k) * high**k * low ** (e - k)
                for k in range(max(0, e - degree + i), min(i, e) + 1)
            )
            made[i, e] = float(Fraction(total, comb(degree, e)))
    return made


def table(polynomial: Polynomial, box: Sequence[Range]) -> np.ndarray:
    """The Bernstein coefficients (D_1 + 1, …), in floats."""
    if not polynomial.variables:
        return np.array(polynomial.floats.sum())
    shape = [degree + 1 for degree in polynomial.degrees]
    made = np.zeros(shape)
    made[tuple(polynomial.powers.T)] = polynomial.floats
    for (low, high), degree in zip(reversed(box), reversed(polynomial.degrees)):
        # the last axis goes first: after all of them their order is what it was
        made = _weights(low, high, degree) @ made.reshape(-1, degree + 1).T
    return made.reshape(shape)


def _rounding(polynomial: Polynomial, box: Sequence[Range]) -> float:
    """A bound on what rounding has done to any coefficient of the table.

    Each is a sum of products: of a coefficient of the polynomial, rounded once, and for every
    variable of a weight, rounded once, in a sum of D + 1 products. So it is off by at most
    (1 + u)^k - 1 times the sum of the absolute values, k = 1 + sum of (D + 3), and weights are at
    most the power of the larger end. What is lost below the least normal float is added.
    """
    k = 1 + sum(degree + 3 for degree in polynomial.degrees)
    cells = prod(degree + 1 for degree in polynomial.degrees)
    ends = [max(1.0, abs(float(low)), abs(float(high))) for low, high in box]
    grown = prod((d + 1) * end**d for end, d in zip(ends, polynomial.degrees))
    return 1.01 * k * UNIT * polynomial.size(box) + 1e-320 * cells * grown


def cost(polynomial: Polynomial) -> int:
    """How many coefficients are computed for one bound."""
    tables = [polynomial] if cells(polynomial) <= LARGEST_TABLE else polynomial.parts
    return sum(
        cells(one) * (len(one.variables) + 1) for one in tables if len(one.coefficients) > 1
    ) + len(polynomial.coefficients)


def cells(polynomial: Polynomial) -> int:
    """How many Bernstein coefficients it has."""
    return prod(degree + 1 for degree in polynomial.degrees)


# -- bounds and bisection ---------------------------------------------------------------------


def bound(polynomial: Polynomial, box: Sequence[Range]) -> tuple[float, tuple[int, ...] | None]:
    """No less than the maximum, and the place of the largest coefficient if there is one table."""
    fixed = {name: low for name, (low, high) in zip(polynomial.variables, box) if low == high}
    if fixed:
        left = polynomial.given(fixed)
        at = dict(zip(polynomial.variables, box))
        high, found = bound(left, [at[name] for name in left.variables])
        if found is None:
            return high, None
        known = dict(zip(left.variables, found))
        return high, tuple(known.get(name, 0) for name in polynomial.variables)
    if cells(polynomial) <= LARGEST_TABLE:
        coefficients = table(polynomial, box)
        place = np.unravel_index(int(coefficients.argmax()), coefficients.shape)
        largest = float(coefficients.max())
        return largest + _rounding(polynomial, box), tuple(map(int, place))
    total = 0.0
    at = dict(zip(polynomial.variables, box))
    parts = polynomial.parts
    for part in parts:
        sides = [at[name] for name in part.variables]
        alone = len(part.coefficients) == 1
        total += part.size(sides) if alone else bound(part, sides)[0]
    return total + len(parts) * UNIT * polynomial.size(box), None


def shared_out(polynomial: Polynomial) -> list[Polynomial]:
    """Polynomials with tables that are not too large, of which it is the sum.

    Greedily: the terms of the largest coefficients first, each to the first part that has room. A
    term that has no room at all is a part of its own.
    """
    order = sorted(range(len(polynomial.coefficients)), key=lambda t: -abs(polynomial.floats[t]))
    parts: list[tuple[np.ndarray, list[int]]] = []
    for t in order:
        own = polynomial.powers[t]
        for k, (degrees, terms) in enumerate(parts):
            together = np.maximum(degrees, own)
            if prod(int(degree) + 1 for degree in together) <= LARGEST_PART:
                parts[k] = together, [*terms, t]
                break
        else:
            parts.append((own, [t]))
    return [
        Polynomial.of(
            {polynomial.exponents[t]: polynomial.coefficients[t] for t in terms},
            polynomial.variables,
        )
        for _, terms in parts
    ]


def maximum(
    polynomial: Polynomial,
    ranges: Mapping[str, Range],
    gap: float = 0.0,
    tolerance: float = 0.02,
    work: float = WORK,
    seed: int = 0,
) -> Maximum:
    """Encloses the maximum over a box: until high - low is at most `gap` or `tolerance` of |low|,
    or that much was computed. `low` is attained, exactly, at a point that a search found.
    """
    box = tuple(ranges[name] for name in polynomial.variables)
    if not polynomial.variables:
        value = sum(polynomial.coefficients, Fraction(0))
        return Maximum(down(value), up(value), {})
    low, at = climbed(polynomial, box, seed)
    number, boxes = count(), 1
    most = work / cost(polynomial)

    def enough(high: float) -> bool:
        return high - low <= max(gap, tolerance * abs(low))

    def node(part: tuple[Range, ...]) -> tuple[float, int, Any, Any]:
        nonlocal low, at
        high, place = bound(polynomial, part)
        if place is not None and high > low:
            corner = _at(part, place, polynomial.degrees)
            value = polynomial.at(dict(zip(polynomial.variables, corner)))
            if down(value) > low:
                low, at = down(value), corner
        return -high, next(number), part, place

    heap = [node(box)]
    while not enough(-heap[0][0]) and boxes < most:
        _, _, part, place = heap[0]
        axis = _axis(polynomial, part, place)
        if axis is None:  # the largest coefficient is a value: what is left is rounding
            break
        heapq.heappop(heap)
        for half in halves(part[axis], polynomial.degrees[axis]):
            heapq.heappush(heap, node((*part[:axis], half, *part[axis + 1 :])))
            boxes += 1
    return Maximum(low, max(-heap[0][0], low), dict(zip(polynomial.variables, at)), boxes)


def _at(part: Sequence[Range], place: Sequence[int], degrees: Sequence[int]) -> Point:
    """The point that a coefficient stands for; at a corner it is the value there."""
    return tuple(
        low + (high - low) * Fraction(i, degree)
        for (low, high), i, degree in zip(part, place, degrees)
    )


def halves(side: Range, degree: int = 2) -> tuple[Range, ...]:
    """Two parts that hold every maximum: the ends of what is affine, else the halves."""
    low, high = side
    if degree == 1:
        return (low, low), (high, high)
    middle = (low + high) / 2
    return (low, middle), (middle, high)


def _axis(polynomial: Polynomial, part: Sequence[Range], place: Sequence[int] | None) -> int | None:
    """The variable to cut: one in which the largest coefficient is no value, the most curved.

    Without a table: one in which the polynomial has the most terms by size. None if none is left.
    """
    widths = np.array([float(high - low) for low, high in part])
    degrees = polynomial.degrees
    largest = np.array([max(abs(float(low)), abs(float(high)), 1e-30) for low, high in part])
    terms = abs(polynomial.floats) * np.prod(largest**polynomial.powers, axis=1)
    if place is None:
        moves = ((polynomial.powers > 0) * terms[:, None]).sum(axis=0) * (widths / largest)
    else:
        inside = np.array([0 < i < degree for i, degree in zip(place, degrees)])
        curved = ((polynomial.powers > 1) * terms[:, None]).sum(axis=0)
        moves = inside * curved * (widths / largest) ** 2
    axis = int(moves.argmax())
    return axis if moves[axis] > 0 else None


# -- searching --------------------------------------------------------------------------------

STARTS, SWEEPS = 48, 12
STEP = 1_500_000  # starts * terms * variables of a step along one variable


def climbed(polynomial: Polynomial, box: Sequence[Range], seed: int = 0) -> tuple[float, Point]:
    """A point where it is large, and a float that is no more than its value there, exactly.

    Coordinate ascent from random corners and random points: on each line the polynomial of one
    variable is computed, and its largest value taken (of degree 3 or more: on a grid).
    """
    rng = np.random.default_rng(seed)
    starts = max(4, min(STARTS, STEP // max(1, polynomial.powers.size)))
    lows, highs = (np.array([float(side[end]) for side in box]) for end in (0, 1))
    points = rng.uniform(lows, highs, (starts, len(box)))
    corners = rng.integers(0, 2, points.shape).astype(bool)
    points[::2] = np.where(corners, highs, lows)[::2]
    best = polynomial.values(points)
    for _ in range(SWEEPS):
        before = best.copy()
        for v in rng.permutation(len(box)):
            points[:, v], best = _along(polynomial, points, v, lows[v], highs[v])
        if (best <= before + 1e-12 * abs(before)).all():
            break
    found = points[int(best.argmax())]
    exact = tuple(
        min(max(Fraction(value), low), high) for value, (low, high) in zip(found.tolist(), box)
    )
    return down(polynomial.at(dict(zip(polynomial.variables, exact)))), exact


def _along(
    polynomial: Polynomial, points: np.ndarray, v: int, low: float, high: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where along variable v the polynomial is largest from each point, and the values there."""
    rest = polynomial.monomials(points, leaving_out=v) * polynomial.floats
    coefficients = [
        rest[:, polynomial.powers[:, v] == e].sum(axis=1) for e in range(polynomial.degrees[v] + 1)
    ]
    tried = [np.full(len(points), at) for at in (low, high)]
    tried.append(points[:, v])
    if polynomial.degrees[v] == 2:
        with np.errstate(all="ignore"):
            vertex = -coefficients[1] / (2 * coefficients[2])
        tried.append(np.clip(np.nan_to_num(vertex, nan=low), low, high))
    elif polynomial.degrees[v] > 2:
        tried += [np.full(len(points), at) for at in np.linspace(low, high, 17)[1:-1]]
        for step in (-0.02, -0.002, 0.002, 0.02):
            tried.append(np.clip(points[:, v] + step * (high - low), low, high))
    places = np.array(tried)
    values = sum(c * places**e for e, c in enumerate(coefficients))
    which, rows = np.argmax(values, axis=0), np.arange(len(points))
    return places[which, rows], values[which, rows]
