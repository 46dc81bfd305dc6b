"""Searching free constants for the least error: powers of two first, then golden sections."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

Point = tuple[float, ...]  # exponents of two, one per axis
GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Axis:
    """Exponents from low to high, in steps of `stride` at first."""

    low: float
    high: float
    stride: int = 1

    def grid(self) -> list[float]:
        count = int((self.high - self.low) // self.stride)
        return [self.low + k * self.stride for k in range(count + 1)]

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Optimum:
    """The least error found, where, and how often the error was computed."""

    error: float
    at: Mapping[str, float]
    tried: int


def minimise(
    error: Callable[[Mapping[str, float]], float],
    axes: Mapping[str, Axis],
    starts: Sequence[Mapping[str, float]] = (),
    sections: int = 4,
) -> Optimum:
    """The least error(exponents) over the axes.

    A grid with the axes' strides (or `starts` alone), then single steps along each axis as long
    as one helps, then `sections` golden-section steps within one step of the best on each axis.
    """
    names = list(axes)
    known: dict[Point, float] = {}

    def value(point: Point) -> float:
        if point not in known:
            found = error(dict(zip(names, point, strict=True)))
            known[point] = found if math.isfinite(found) else math.inf
        return known[point]

    grid = product(*(axis.grid() for axis in axes.values()))
    for point in [tuple(start[name] for name in names) for start in starts] or grid:
        value(point)
    best = min(known, key=lambda point: known[point])
    better = True
    while better:
        better = False
        for i, axis in enumerate(axes.values()):
            for step in (axis.stride, 1) if axis.stride > 1 else (1,):
                for sign in (-step, step):
                    near = (*best[:i], best[i] + sign, *best[i + 1 :])
                    if axis.holds(near[i]) and value(near) < value(best):
                        best, better = near, True
    for i in range(len(names)):
        low, high = best[i] - 1, best[i] + 1
        for _ in range(sections):
            a, b = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
            left, right = ((*best[:i], x, *best[i + 1 :]) for x in (a, b))
            if value(left) <= value(right):
                high = b
            else:
                low = a
        best = min(known, key=lambda point: known[point])
    return Optimum(known[best], dict(zip(names, best, strict=True)), len(known))
