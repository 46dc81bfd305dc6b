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
from .families import Eigen, Family, choices

DECADES = 3.0  # to either side of the middle
POINTS = {0: 1, 1: 601, 2: 41}  # along each real parameter, by their number
KEPT = 2  # best points of the grid, and by smaller data, from which steps are taken
PARTS = 20  # of the grid of the last parameter
LIKELY = 4  # combinations of whole numbers that are looked at again, with more steps
FEW, MANY = 15, 100  # steps
SETTLED, STUCK = 1e-9, 1e10  # no nearer, relatively; damped so much that no step is nearer
APART = 1e9  # what is not finite counts as so far off
NEXT_TO_ONE = 1e-3  # the logarithm of a share that is all but 1
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
    grid = [axis.reshape(1, -1) for axis in np.meshgrid(*lines, indexing="ij")]
    found = [
        _Point(*nearest(residual(whole), starts(lines, residual(whole)(grid)), FEW), whole)
        for whole in choices(family)
    ]
    found = sorted(found, key=lambda one: one.error)[:LIKELY]
    found = [_further(residual(one.whole), one, MANY) for one in found]
    best = min(found, key=lambda one: one.error)
    if best.error > EXACT and prompts is not None:
        best = _to_prompts(family, found, *prompts)
    edge = [
        name
        for name, value, line in zip(names, best.reals, lines, strict=True)
        if value < line[1] or value > (line[-2] if name in family.real else -NEXT_TO_ONE)
    ]
    edge += [name for name, number in best.whole.items() if number == family.whole[name][-1]]
    reals = [float(10.0**value) for value in best.reals]
    given = dict(zip(names, reals, strict=True))
    return Fit(family.name, family.parameters(best.whole, given), best.error, tuple(edge))


def _further(residual: Residual, one: _Point, steps: int) -> _Point:
    return _Point(*nearest(residual, np.array([one.reals]), steps), one.whole)


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
    unit = np.abs(answers).max() or 1.0  # of diverging algorithms squares overflow
    scaled = answers / unit
    each = np.sqrt((scaled**2).mean(axis=1, keepdims=True))
    return unit * np.where(each > 0, each, np.sqrt((scaled**2).mean()) or 1.0)


def starts(lines: Sequence[np.ndarray], values: np.ndarray) -> np.ndarray:
    """Points (S, p) of the product of the lines, from its residuals (L, G): the best by all
    measurements, and by the first half of them, since where data are large a diverging algorithm is
    far off unless it is met exactly; of several lines, the best in each part of the last as well,
    since a parameter that is too small to matter has no slope."""
    grid = np.array([axis.ravel() for axis in np.meshgrid(*lines, indexing="ij")])
    if not len(lines):
        return np.zeros((1, 0))
    every, half = _size(values), _size(values[: (len(values) + 1) // 2])
    places = [place for errors in (every, half) for place in np.argsort(errors)[:KEPT]]
    if len(lines) > 1:
        on_last = np.arange(grid.shape[1]) % len(lines[-1])
        for part in np.array_split(np.arange(len(lines[-1])), PARTS):
            inside = np.flatnonzero(np.isin(on_last, part))
            places.append(inside[np.argmin(every[inside])])
    return grid.T[np.unique(places)]


def nearest(residual: Residual, points: np.ndarray, steps: int) -> tuple[float, list[float]]:
    """(least root mean square, point) after at most so many of Levenberg and Marquardt's steps from
    each of the points (S, p), the derivative by differences."""  # fmt: skip
    h, (S, p) = 1e-6, points.shape
    least = _size(residual(_columns(points)))
    damping, unit = np.full(S, 1e-3), np.eye(p)
    for _ in range(steps if p else 0):
        moved = np.concatenate([points[:, None], points[:, None] + h * unit], axis=1)
        values = residual(_columns(moved.reshape(-1, p))).reshape(-1, S, p + 1)
        slope = (values[..., 1:] - values[..., :1]) / h
        normal = np.einsum("lsi,lsj->sij", slope, slope)
        pull = np.einsum("lsi,ls->si", slope, values[..., 0])
        # parameters scaled to be alike; what none changes, it is not moved by
        sizes = np.sqrt(np.diagonal(normal, axis1=1, axis2=2))
        sizes = sizes + 1e-6 * sizes.max(axis=1, keepdims=True) + 1e-100
        damped = normal / (sizes[:, :, None] * sizes[:, None]) + unit * damping[:, None, None]
        step = np.linalg.solve(damped, (pull / sizes)[..., None])[..., 0] / sizes
        there = points - np.clip(step, -1, 1)
        errors = _size(residual(_columns(there)))
        nearer = errors < least
        slow = (errors > (1 - SETTLED) * least) & (damping <= 1)
        settled = np.where(nearer, slow, damping > STUCK)
        points = np.where(nearer[:, None], there, points)
        least = np.where(nearer, errors, least)
        damping = np.where(
            nearer, np.maximum(damping / 10, 1e-12), np.minimum(10 * damping, 10 * STUCK)
        )
        if settled.all():
            break
    best = int(np.argmin(least))
    return float(least[best]), [float(value) for value in points[best]]


def shown(value: Any) -> str:
    """A parameter in four digits."""
    if isinstance(value, (tuple, list, np.ndarray)):
        return f"({', '.join(map(shown, value))})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _columns(points: np.ndarray) -> list[np.ndarray]:
    """Points (G, p), a (1, G) array a coordinate."""
    return [coordinate[None] for coordinate in points.T]


def _size(residuals: np.ndarray) -> np.ndarray:
    """Root mean square over the measurements (L, G) -> (G,)."""
    return np.sqrt((residuals**2).mean(axis=0))
