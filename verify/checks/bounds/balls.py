"""Certified bounds over whole boxes of inputs: balls and bisection."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from itertools import count
from math import inf, isfinite
from typing import Any

from flint import arb

from constructions.numbers.ball import precision as precision

Box = tuple[tuple[Fraction, Fraction], ...]


def ball(value: Any) -> arb:
    """An exact number as a ball at the present precision."""
    if isinstance(value, arb):
        return value
    if not isinstance(value, (int, float, Fraction)):
        value = Fraction(value)
    numerator, denominator = value.as_integer_ratio()
    return arb(numerator) / arb(denominator)


def interval(low: Any, high: Any) -> arb:
    """The smallest ball around [low, high]."""
    return ball(low).union(ball(high))


def top(value: arb) -> float:
    """A float that is at least |value|."""
    if not value.is_finite():
        return inf
    bound = value.abs_upper()
    nearest = float(bound)
    while nearest < inf and not ball(nearest) >= bound:
        nearest = nearest * (1 + 2**-50) + 5e-324
    return nearest


def at_most(value: float, digits: int = 2) -> str:
    """A bound as text, rounded up: what is printed is a bound too."""
    if not isfinite(value):
        return "infinity"
    up = Context(prec=digits, rounding=ROUND_CEILING).plus(Decimal(value))
    if not up:
        return "0"
    return f"{up:f}" if 1e-3 <= abs(up) < 10**digits else f"{up:.{digits - 1}e}"


@dataclass(frozen=True)
class Bound:
    """low <= sup |f| over the box <= high; `where` is a box in which |f| comes near `high`."""

    low: float
    high: float
    boxes: int
    where: Box


def supremum(
    f: Callable[..., arb],
    box: Sequence[tuple[Any, Any]],
    gradient: Callable[..., Sequence[arb]] | None = None,
    tolerance: float = 0.05,
    boxes: int = 4000,
) -> Bound:
    """Encloses sup |f| over a box by bisection, to `tolerance` or until `boxes` were tried.

    f takes one ball per coordinate. With `gradient` a box is also enclosed in the centred form
    f(middle) + gradient(box) (box - middle), which shrinks faster than f(box).
    """
    start: Box = tuple((Fraction(low), Fraction(high)) for low, high in box)
    number = count()
    low = 0.0

    def enclose(part: Box) -> float:
        nonlocal low
        middle = [ball((a + b) / 2) for a, b in part]
        at_middle = f(*middle)
        low = max(low, float(at_middle.abs_lower()))
        sides = [interval(a, b) for a, b in part]
        bound = top(f(*sides))
        if gradient is not None:
            slopes = gradient(*sides)
            centred = at_middle
            for slope, side, m in zip(slopes, sides, middle, strict=True):
                centred = centred + slope * (side - m)
            bound = min(bound, top(centred))
        return bound

    heap = [(-enclose(start), next(number), start)]
    tried = 1
    while tried < boxes and -heap[0][0] > (1 + tolerance) * low:
        _, _, part = heapq.heappop(heap)
        axis = max(range(len(part)), key=lambda i: part[i][1] - part[i][0])
        a, b = part[axis]
        for half in ((a, (a + b) / 2), ((a + b) / 2, b)):
            made = (*part[:axis], half, *part[axis + 1 :])
            heapq.heappush(heap, (-enclose(made), next(number), made))
        tried += 2
    return Bound(low, -heap[0][0], tried, heap[0][2])
