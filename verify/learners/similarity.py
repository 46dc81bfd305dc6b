"""The papers' measures of how alike two learners are, against every family on dense grids.

akyurek2022, section 4: SPD, the mean squared difference of predictions, and ILWD, the mean squared
distance of implicit weights. fu2023, section 4.3: SimE, the cosine of residuals, and SimW, that of
implicit weights. The implicit weights of a learner on a prompt are the least-squares fit of its
predictions at `d` or more queries. A best match says little alone: beside it stand the runner-up
of another family, how far that is behind, and whether the match lies at the edge of its grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .data import Batch, gaussian
from .families import SPECTRAL, Family, choices
from .intervals import Interval, median
from .model import model

Name = Literal["SPD", "ILWD", "SimE", "SimW"]
DISTANCES: tuple[Name, ...] = ("SPD", "ILWD")
SIMILARITIES: tuple[Name, ...] = ("SimE", "SimW")
POINTS = {0: 1, 1: 121, 2: 25}  # along each real parameter
DECADES = 3.0


@dataclass(frozen=True)
class Match:
    """The member of a family that one measure likes best: value per prompt (mean, median)."""

    measure: Name
    name: str
    parameters: Mapping[str, Any]
    mean: float
    median: Interval
    edge: tuple[str, ...]


@dataclass(frozen=True)
class Ranking:
    """The best match of each family by one measure, best first.

    margin: the runner-up's distance over the best's, or the best's similarity less its.
    """

    measure: Name
    matches: tuple[Match, ...]

    @property
    def margin(self) -> float:
        if len(self.matches) < 2:
            return np.inf
        first, second = (match.median.value for match in self.matches[:2])
        return second / max(first, 1e-300) if self.measure in DISTANCES else first - second


def rankings(
    given: Any, d: int, n: int, *, prompts: int = 64, noise: float = 0.0, seed: int = 0
) -> tuple[Ranking, ...]:
    """Every measure of a model (see `model`) on Gaussian prompts, against every family."""
    predict, rng = model(given), np.random.default_rng(seed)
    batch = gaussian(rng, prompts, n, d, max(2 * d, 8), noise)
    truth = _targets(batch, rng, noise)
    got = predict(*batch)
    seen = _Eigen.of(batch)
    best: dict[Name, list[Match]] = {name: [] for name in (*DISTANCES, *SIMILARITIES)}
    for family in SPECTRAL:
        for match in _matches(family, seen, batch, got, truth, rng):
            best[match.measure].append(match)
    return tuple(
        Ranking(name, tuple(sorted(found, key=lambda m: m.median.value * _sign(name))))
        for name, found in best.items()
    )


def implicit_weights(queries: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """The least-squares fit (B, d, …) of predictions (B, m, …) at queries (B, m, d)."""
    return np.linalg.pinv(queries) @ predictions


@dataclass(frozen=True)
class _Eigen:
    """The data of each prompt through the eigenvectors of X^T X: s, X^T y and the queries."""

    s: np.ndarray  # (B, r)
    pull: np.ndarray  # (B, r)
    queries: np.ndarray  # (B, m, r)

    @classmethod
    def of(cls, batch: Batch) -> _Eigen:
        left, sigma, right = np.linalg.svd(batch.X, full_matrices=False)
        pull = sigma * (left.transpose(0, 2, 1) @ batch.y[..., None])[..., 0]
        return cls(sigma**2, pull, batch.queries @ right.transpose(0, 2, 1))

    def predictions(self, family: Family, whole: Mapping[str, int], reals: Any) -> np.ndarray:
        """(B, m, G) of the family at every point of the grid (1, G)."""
        given = family.parameters(whole, reals)
        with np.errstate(all="ignore"):
            r = family.response(self.s.reshape(-1, 1), **given)
        r = np.nan_to_num(np.clip(r, -1e12, 1e12), nan=1e12)
        weighted = self.pull[..., None] * r.reshape(*self.s.shape, -1)
        return self.queries @ weighted


def _targets(batch: Batch, rng: np.random.Generator, noise: float) -> np.ndarray:
    """What the queries' targets are (B, m): the weights that made y, without noise exactly."""
    w = np.linalg.pinv(batch.X) @ batch.y[..., None]
    clean = (batch.queries @ w)[..., 0]
    return clean + noise * rng.standard_normal(clean.shape)


def _matches(
    family: Family, seen: _Eigen, batch: Batch, got: np.ndarray, truth: np.ndarray,
    rng: np.random.Generator,
) -> list[Match]:  # fmt: skip
    """The best member of the family by each measure."""
    names = (*family.real, *family.of_one)
    top = float(seen.s.max())
    lines = [
        -e * np.log10(top) + np.linspace(-DECADES, DECADES, POINTS[len(names)])
        for e in family.real.values()
    ]
    lines += [np.linspace(-DECADES, 0, POINTS[len(names)])[:-1] for _ in family.of_one]
    grid = [axis.reshape(1, -1) for axis in np.meshgrid(*lines, indexing="ij")]
    reals = {name: 10.0**axis for name, axis in zip(names, grid, strict=True)}
    weights = implicit_weights(batch.queries, got[..., None])
    best: dict[Name, tuple[float, np.ndarray, dict[str, int], int]] = {}
    for whole in choices(family):
        made = seen.predictions(family, whole, reals)
        ours = implicit_weights(batch.queries, made)
        values: dict[Name, np.ndarray] = {
            "SPD": ((made - got[..., None]) ** 2).mean(axis=1),
            "ILWD": ((ours - weights) ** 2).sum(axis=1),
            "SimE": _cosine(made - truth[..., None], (got - truth)[..., None]),
            "SimW": _cosine(ours, weights),
        }
        for name, each in values.items():
            scores = _sign(name) * each.mean(axis=0)
            at = int(np.argmin(scores))
            if name not in best or scores[at] < best[name][0]:
                best[name] = float(scores[at]), each[:, at], whole, at
    return [_match(family, name, found, reals, lines, rng) for name, found in best.items()]


def _match(
    family: Family, name: Name, found: tuple[float, np.ndarray, dict[str, int], int],
    reals: Mapping[str, np.ndarray], lines: list[np.ndarray], rng: np.random.Generator,
) -> Match:  # fmt: skip
    _, values, whole, at = found
    chosen = {key: float(axis[0, at]) for key, axis in reals.items()}
    edge = [
        key
        for key, line in zip(family.real, lines)
        if np.log10(chosen[key]) <= line[0] + 1e-9 or np.log10(chosen[key]) >= line[-1] - 1e-9
    ]
    edge += [key for key, number in whole.items() if number == family.whole[key][-1]]
    parameters = family.parameters(whole, chosen)
    return Match(name, family.name, parameters, float(values.mean()), median(values), tuple(edge))


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of the vectors along axis 1; 1 where both vanish, 0 where one does."""
    sizes = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    both = (np.linalg.norm(a, axis=1) == 0) & (np.linalg.norm(b, axis=1) == 0)
    with np.errstate(all="ignore"):
        made = np.nan_to_num((a * b).sum(axis=1) / sizes, nan=0.0, posinf=0.0, neginf=0.0)
    return np.where(both, 1.0, made)


def _sign(name: Name) -> int:
    """Less is better for a distance, more for a similarity."""
    return 1 if name in DISTANCES else -1
