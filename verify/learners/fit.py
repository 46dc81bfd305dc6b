"""The parameters at which a family of algorithms comes nearest to what was measured.

Whole numbers are all tried. Reals are looked for on a dense logarithmic grid, then by damped
Gauss-Newton steps from its best points; whether the best lies at the edge of the grid is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .data import Batch
from .eigen import Eigen
from .families import Family, choices

DECADES = 3.0  # to either side of the middle
POINTS = {0: 1, 1: 601, 2: 41}  # along each real parameter, by their number
KEPT = 2  # best points of the grid, and of its judgement by small data, from which steps are taken
LIKELY = 4  # combinations of whole numbers that are looked at again, with more steps
FEW, MANY = 12, 60  # steps
APART = 1e9  # what is not finite counts as so far off
EXACT = 1e-9  # relative errors below are rounding

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


@dataclass(frozen=True)
class _Point:
    """Whole numbers, and the decimal logarithms of the reals."""

    error: float
    reals: list[float]
    whole: Mapping[str, int]


def fit(
    family: Family, s: np.ndarray, measured: np.ndarray,
    prompts: tuple[Batch, np.ndarray] | None = None, floor: float = 0.01,
) -> Fit:  # fmt: skip
    """The family's member nearest to the response r `measured` (L,) at eigenvalues s (L,) that
    ascend.

    The distance is the root mean square over the eigenvalues of the difference of the shares r s,
    each divided by what was measured, or by `floor` where that is less. Where that is more than
    rounding, the member nearest to the answers (B, m) to `prompts` is looked for from there.
    """
    column, shares = s[:, None], (measured * s)[:, None]
    scale = np.hypot(shares, floor)

    def residual(whole: Mapping[str, int]) -> Residual:
        def at(reals: Sequence[np.ndarray]) -> np.ndarray:
            given = family.of(whole, reals)
            with np.errstate(all="ignore"):
                apart = (family.response(column, **given) * column - shares) / scale
            return _inside(family, apart, reals)

        return at

    lines, names = _lines(family, s), (*family.real, *family.of_one)
    found = [
        _Point(*nearest(residual(whole), lines, KEPT, FEW), whole) for whole in choices(family)
    ]
    found = sorted(found, key=lambda one: one.error)[:LIKELY]
    found = [_further(residual(one.whole), one, MANY) for one in found]
    best = min(found, key=lambda one: one.error)
    if best.error > EXACT and prompts is not None:
        best = _to_prompts(family, found, *prompts)
    edge = [
        name
        for name, value, line in zip(names, best.reals, lines, strict=True)
        if value < line[1] or value > line[-2] and name in family.real
    ]
    edge += [name for name, number in best.whole.items() if number == family.whole[name][-1]]
    reals = [float(10.0**value) for value in best.reals]
    given = dict(zip(names, reals, strict=True))
    return Fit(family.name, family.parameters(best.whole, given), best.error, tuple(edge))


def _to_prompts(
    family: Family, found: Sequence[_Point], batch: Batch, answers: np.ndarray
) -> _Point:
    """From the points, the one nearest to the answers (B, m), each prompt's by its own size."""
    seen = Eigen.of(batch)
    expected = answers[..., None]
    scale = root_mean_square(expected)

    def residual(whole: Mapping[str, int]) -> Residual:
        def at(reals: Sequence[np.ndarray]) -> np.ndarray:
            made = (seen.predictions(family, family.of(whole, reals)) - expected) / scale
            return _inside(family, made.reshape(-1, made.shape[-1]), reals)

        return at

    moved = [_further(residual(one.whole), one, MANY) for one in found]
    return min(moved, key=lambda one: one.error)


def _lines(family: Family, s: np.ndarray) -> list[np.ndarray]:
    """The grid of each real's decimal logarithm."""
    points = POINTS[len(family.real) + len(family.of_one)]
    middles = [-e * np.log10(s.max()) for e in family.real.values()]
    lines = [middle + np.linspace(-DECADES, DECADES, points) for middle in middles]
    return lines + [np.linspace(-DECADES, 0, points)[:-1] for _ in family.of_one]


def _inside(family: Family, apart: np.ndarray, reals: Sequence[np.ndarray]) -> np.ndarray:
    """Finite numbers, far off where a parameter that is less than 1 is not."""
    apart = np.clip(np.nan_to_num(apart, nan=APART), -APART, APART)
    for value in reals[len(family.real) :]:
        apart = np.where(value < 0, apart, APART)
    return apart


def root_mean_square(answers: np.ndarray) -> np.ndarray:
    """Of answers (B, m, 1) over the queries (B, 1, 1), and over everything where a prompt's are all
    0; 1 if all are."""  # fmt: skip
    each = np.sqrt((answers**2).mean(axis=1, keepdims=True))
    return np.where(each > 0, each, np.sqrt((answers**2).mean()) or 1.0)


def nearest(
    residual: Residual, lines: Sequence[np.ndarray], kept: int, steps: int,
    on_grid: np.ndarray | None = None,
) -> tuple[float, list[float]]:  # fmt: skip
    """(least root mean square, point): on the product of the lines, then by at most so many steps
    from the best points that are kept: by all measurements, and by the first half of them, since
    where data are large a diverging algorithm is far off unless it is met exactly.

    on_grid: the residuals on the product of the lines, where they are known.
    """
    grid = [axis.reshape(1, -1) for axis in np.meshgrid(*lines, indexing="ij")]
    values = residual(grid) if on_grid is None else on_grid
    if not lines:
        return float(_size(values)[0]), []
    places: dict[int, None] = {}
    for errors in (_size(values), _size(values[: (len(values) + 1) // 2])):
        places.update(dict.fromkeys(int(i) for i in np.argsort(errors)[:kept]))
    starts = [np.array([axis[0, place] for axis in grid]) for place in places]
    return min((descended(residual, start, steps) for start in starts), key=lambda one: one[0])


def _further(residual: Residual, one: _Point, steps: int) -> _Point:
    if not one.reals:
        return _Point(float(_size(residual([]))[0]), [], one.whole)
    return _Point(*descended(residual, np.array(one.reals), steps), one.whole)


def descended(residual: Residual, point: np.ndarray, steps: int) -> tuple[float, list[float]]:
    """Levenberg and Marquardt's steps, the derivative by differences: (error, point)."""
    h, damping = 1e-6, 1e-3
    least = float(_size(residual(_as_grid(point[:, None])))[0])
    for _ in range(steps):
        moved = point[:, None] + h * np.eye(len(point))
        columns = np.concatenate([point[:, None], moved], axis=1)
        values = residual(_as_grid(columns))
        slope = (values[:, 1:] - values[:, :1]) / h
        normal, pull = slope.T @ slope, slope.T @ values[:, 0]
        while damping < 1e12:
            damped = normal + damping * np.diag(np.diag(normal))
            step = np.linalg.lstsq(damped, pull, rcond=None)[0]
            there = point - np.clip(step, -1, 1)
            error = float(_size(residual(_as_grid(there[:, None])))[0])
            if error < least:
                break
            damping *= 10
        else:
            return least, list(point)
        settled = error > (1 - 1e-9) * least
        point, least, damping = there, error, damping / 10
        if settled:
            break
    return least, list(point)


def shown(value: Any) -> str:
    """A parameter in four digits."""
    if isinstance(value, (tuple, list, np.ndarray)):
        return f"({', '.join(map(shown, value))})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _as_grid(points: np.ndarray) -> list[np.ndarray]:
    """Points (coordinates, G), a (1, G) array a coordinate."""
    return [coordinate[None] for coordinate in points]


def _size(residuals: np.ndarray) -> np.ndarray:
    """Root mean square over the measurements (L, G) -> (G,)."""
    return np.sqrt((residuals**2).mean(axis=0))
