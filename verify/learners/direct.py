"""Algorithms that no response to eigenvalues tells: fitted to predictions, prompt by prompt.

They are not linear in the targets, or see more of the data than X^T X: every combination of words
and whole numbers is tried, and reals are fitted as in `fit`, on coarser grids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from .. import algorithms
from .data import Batch
from .fit import Fit, nearest

POINTS = {0: 1, 1: 25, 2: 9}
DECADES = 2.0
PROMPTS = 6  # of each kind, to which parameters are fitted


@dataclass(frozen=True)
class Direct:
    """A function of `verify.algorithms`, its words and whole numbers, its reals as in Family.

    dimension: the only one that it takes; 0 for any.
    """

    name: str
    words: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    real: Mapping[str, int] = field(default_factory=dict)
    dimension: int = 0


STEPS = tuple(range(1, 6))
DIRECT = (
    Direct("one_pass_sgd", {}, {"step_size": 1}),
    Direct("lasso", {"steps": STEPS}, {"step_size": 1, "penalty": -1}),
    Direct("logistic", {"steps": STEPS}, {"step_size": 1}),
    Direct("true_logistic", {"steps": STEPS}, {"step_size": 1}),
    Direct(
        "kernel_regression", {"kernel": ("exponential",), "steps": (1, 2, 3)},
        {"step_size": 0, "temperature": 0},
    ),
    Direct("bayes_ridge", {"output": ("variance",)}, {"noise": -1, "prior": 0}),
    Direct("selection", {"validation": (1, 2, 3, 4)}, {"ridges": -1, "other": -1}),
    Direct(
        "spline_regression", {"basis": (3, 4, 5, 6), "layers": (2, 3), "degree": (1, 2, 3)},
        {"alpha": 1}, dimension=1,
    ),
)  # fmt: skip


def fits(batches: Sequence[Batch], answers: Sequence[np.ndarray]) -> list[Fit]:
    """Every algorithm of DIRECT at the parameters where it comes nearest to the answers."""
    d = batches[0].X.shape[-1]
    few = [Batch(*(part[:PROMPTS] for part in batch)) for batch in batches]
    expected = [got[:PROMPTS] for got in answers]
    return [_fit(one, few, expected) for one in DIRECT if one.dimension in (0, d)]


def parameters(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the algorithm: a selection's two strengths are one parameter."""
    if name != "selection":
        return dict(given)
    made = {key: value for key, value in given.items() if key != "other"}
    return made | {"ridges": (given["ridges"], given["other"])}


def _fit(one: Direct, batches: Sequence[Batch], answers: Sequence[np.ndarray]) -> Fit:
    top = max(float(np.linalg.eigvalsh(b.X.transpose(0, 2, 1) @ b.X).max()) for b in batches)
    lines = [
        -e * np.log10(top) + np.linspace(-DECADES, DECADES, POINTS[len(one.real)])
        for e in one.real.values()
    ]
    algorithm = getattr(algorithms, one.name)
    scale = [np.sqrt((got**2).mean()) or 1.0 for got in answers]
    best: tuple[float, list[float], dict[str, Any]] | None = None
    for words in _choices(one):

        def residual(reals: Sequence[np.ndarray], words: Mapping[str, Any] = words) -> np.ndarray:
            columns = []
            for point in zip(*(axis.ravel() for axis in reals), strict=True):
                exponents = dict(zip(one.real, point, strict=True))
                chosen = parameters(
                    one.name, {**words, **{k: 10.0**v for k, v in exponents.items()}}
                )
                columns.append(_apart(algorithm, chosen, batches, answers, scale))
            return np.array(columns).T

        found = nearest(residual, lines, kept=1, steps=12)
        if best is None or found[0] < best[0]:
            best = (*found, words)
    assert best is not None
    reals = {name: float(10.0**value) for name, value in zip(one.real, best[1], strict=True)}
    edge = tuple(
        name
        for name, value, line in zip(one.real, best[1], lines, strict=True)
        if not line[0] < value < line[-1]
    )
    return Fit(one.name, parameters(one.name, {**best[2], **reals}), best[0], edge)


def _choices(one: Direct) -> Iterator[dict[str, Any]]:
    for chosen in product(*one.words.values()):
        yield dict(zip(one.words, chosen, strict=True))


def _apart(
    algorithm: Any,
    chosen: Mapping[str, Any],
    batches: Sequence[Batch],
    answers: Sequence[np.ndarray],
    scale: Sequence[float],
) -> np.ndarray:
    """(algorithm - answers) / their size of all prompts and queries; 1e9 where it fails."""
    made = []
    for batch, got, size in zip(batches, answers, scale, strict=True):
        with np.errstate(all="ignore"):
            try:
                expected = [algorithm(*one, **chosen) for one in zip(*batch, strict=True)]
            except (ZeroDivisionError, ValueError, FloatingPointError):
                expected = [np.full(got.shape[1], 1e9)] * len(got)
        made.append(
            np.clip(np.nan_to_num((np.array(expected, float) - got) / size, nan=1e9), -1e9, 1e9)
        )
    return np.concatenate([part.ravel() for part in made])
