"""The parameters at which a family of algorithms comes nearest to what was measured.

Whole numbers are all tried. Reals are looked for on a dense logarithmic grid, then by damped
Gauss-Newton steps from its best points; whether the best lies at the edge of the grid is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .families import Family, choices

DECADES = 3.0  # to either side of the middle
POINTS = {0: 1, 1: 601, 2: 41}  # along each real parameter, by their number
KEPT = 4  # best points of the grid from which steps are taken
STEPS = 60  # at most
APART = 1e9  # what is not finite counts as so far off

# (one (1, G) array a coordinate) -> (L, G): how far off each of L measurements is
Residual = Callable[[Sequence[np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Fit:
    """An algorithm with its parameters and how far it is from what was measured."""

    name: str
    parameters: Mapping[str, Any]
    error: float
    edge: tuple[str, ...] = ()  # parameters that are best at the edge of where they were looked for

    def __str__(self) -> str:
        given = (f"{name} = {shown(value)}" for name, value in self.parameters.items())
        return f"{self.name}({', '.join(given)})"


def fit(family: Family, s: np.ndarray, measured: np.ndarray, floor: float = 0.01) -> Fit:
    """The family's member nearest to the response r `measured` (L,) at eigenvalues s (L,).

    The distance is the root mean square over the eigenvalues of the difference of the shares r s,
    each divided by what was measured, or by `floor` where that is less.
    """
    column, shares = s[:, None], (measured * s)[:, None]
    scale = np.hypot(shares, floor)
    names = (*family.real, *family.of_one)

    def residual(whole: Mapping[str, int]) -> Residual:
        def at(reals: Sequence[np.ndarray]) -> np.ndarray:
            given = {name: 10.0**value for name, value in zip(names, reals, strict=True)}
            with np.errstate(all="ignore"):
                made = family.response(column, **family.parameters(whole, given)) * column
                apart = (made - shares) / scale
            apart = np.clip(np.nan_to_num(apart, nan=APART), -APART, APART)
            for name in family.of_one:
                apart = np.where(given[name] < 1, apart, APART)
            return apart

        return at

    middles = [-e * np.log10(s.max()) for e in family.real.values()]
    lines = [m + np.linspace(-DECADES, DECADES, POINTS[len(names)]) for m in middles]
    lines += [np.linspace(-DECADES, 0, POINTS[len(names)])[:-1] for _ in family.of_one]
    found = [(*nearest(residual(whole), lines), whole) for whole in choices(family)]
    error, point, whole = min(found, key=lambda one: one[0])
    ends = [(line[1], line[-2]) for line in lines[: len(family.real)]]
    edge = [
        name
        for name, value, (low, high) in zip(family.real, point, ends)
        if not low <= value <= high
    ]
    edge += [name for name, number in whole.items() if number == family.whole[name][-1]]
    reals = {name: float(10.0**value) for name, value in zip(names, point, strict=True)}
    return Fit(family.name, family.parameters(whole, reals), error, tuple(edge))


def nearest(
    residual: Residual, lines: Sequence[np.ndarray], kept: int = KEPT, steps: int = STEPS
) -> tuple[float, list[float]]:
    """(least root mean square, point): on the product of the lines, then by at most so many steps
    from the best points that are kept."""
    grid = [axis.reshape(1, -1) for axis in np.meshgrid(*lines, indexing="ij")]
    errors = _size(residual(grid))
    if not lines:
        return float(errors[0]), []
    starts = [np.array([axis[0, start] for axis in grid]) for start in np.argsort(errors)[:kept]]
    return min((_descended(residual, start, steps) for start in starts), key=lambda one: one[0])


def _descended(residual: Residual, point: np.ndarray, steps: int) -> tuple[float, list[float]]:
    """Levenberg and Marquardt's steps, the derivative by differences."""
    h, damping = 1e-6, 1e-3
    least = float(_size(residual(_as_grid(point[:, None])))[0])
    for _ in range(steps):
        moved = point[:, None] + h * np.eye(len(point))
        columns = np.concatenate([point[:, None], moved], axis=1)
        values = residual(_as_grid(columns))
        slope = (values[:, 1:] - values[:, :1]) / h
        normal, pull = slope.T @ slope, slope.T @ values[:, 0]
        step = np.linalg.lstsq(normal + damping * np.diag(np.diag(normal)), pull, rcond=None)[0]
        there = point - np.clip(step, -1, 1)
        error = float(_size(residual(_as_grid(there[:, None])))[0])
        if error < least:
            point, least, damping = there, error, damping / 4
        elif damping > 1e12:
            break
        else:
            damping *= 4
    return least, list(point)


def shown(value: Any) -> str:
    """A parameter in four digits."""
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _as_grid(points: np.ndarray) -> list[np.ndarray]:
    """Points (coordinates, G), a (1, G) array a coordinate."""
    return [coordinate[None] for coordinate in points]


def _size(residuals: np.ndarray) -> np.ndarray:
    """Root mean square over the measurements (L, G) -> (G,)."""
    return np.sqrt((residuals**2).mean(axis=0))
