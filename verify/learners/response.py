"""What a model makes of the eigenvalues of its data, measured where they are all alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .data import Batch, with_spectrum
from .model import Predict

LEVELS = 24  # eigenvalues at which the response is measured
PROMPTS = 12  # at each of them
QUERIES = 4


@dataclass(frozen=True)
class Response:
    """What was measured where X^T X = lambda I (on its range, where n < d).

    eigenvalues, r: (L,). low, high: 95 % interval of each r over prompts. unexplained: the share of
    the predictions' root mean square that is no multiple of x^T X^T y, at each eigenvalue.
    """

    eigenvalues: np.ndarray
    r: np.ndarray
    low: np.ndarray
    high: np.ndarray
    unexplained: np.ndarray


def at_levels(d: int, n: int, rng: np.random.Generator) -> dict[float, Batch]:
    """Prompts at eigenvalues from n/50 to 3 n, which Gaussian data of n examples may have."""
    return {
        level: with_spectrum(rng, np.full((PROMPTS, min(n, d)), level), n, d, QUERIES)
        for level in np.geomspace(n / 50, 3 * n, LEVELS)
    }


def response(predict: Predict, prompts: Mapping[float, Batch]) -> Response:
    """r at the eigenvalues of `at_levels`."""
    made = []
    for batch in prompts.values():
        pulls = (batch.queries @ (batch.X.transpose(0, 2, 1) @ batch.y[..., None]))[..., 0]
        got = predict(*batch)
        unit = np.abs(got).max() or 1.0  # of diverging algorithms squares overflow
        got = got / unit
        slope = (got * pulls).sum() / (pulls**2).sum()
        each = (got * pulls).sum(axis=1) / (pulls**2).sum(axis=1)
        spread = 1.96 * each.std(ddof=1) / np.sqrt(PROMPTS)
        size = np.sqrt((got**2).mean())
        rest = np.sqrt(((got - slope * pulls) ** 2).mean()) / size if size > 0 else 0.0
        made.append((unit * slope, unit * (slope - spread), unit * (slope + spread), rest))
    r, low, high, rest = map(np.array, zip(*made, strict=True))
    return Response(np.array(list(prompts)), r, low, high, rest)
