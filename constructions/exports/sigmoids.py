"""Any smooth function of a score, out of heads that read one token and a sink.

Where a head sees one key, of score l, and a sink of score 0 and value 0, the softmax weighs the key
by sigma(l) = 1/(1 + exp(-l)). So heads of scores a_k s + b_k, whose outputs are added up with
weights c_k, give the value times

    sum_k c_k sigma(a_k s + b_k),

which is to be a function f of s on an interval: s itself for linear attention, and for normalised
attention with a null key s/(1 + s), a division. The slopes a_k are fixed first; then the c_k of the
least largest error are a linear problem. That error is bounded elsewhere, in balls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite

import numpy as np

POINTS = 200  # Chebyshev points at which a fit is made
ROUNDS = 15  # of reweighting: the largest error then stands near its least
FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda s: s,
    "normalised": lambda s: s / (1 + s),  # with a null key
}


@dataclass(frozen=True)
class Sigmoids:
    """sum_k weights_k sigma(slopes_k s + offsets_k). Raises ValueError where it is no such sum."""

    slopes: tuple[float, ...]
    offsets: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.slopes) == len(self.offsets) == len(self.weights) > 0:
            raise ValueError("as many slopes as offsets and weights, and one at least")
        for one in (*self.slopes, *self.offsets, *self.weights):
            if not (isinstance(one, (int, float)) and isfinite(one)):
                raise ValueError(f"slopes, offsets and weights are numbers, not {one!r}")

    @property
    def heads(self) -> int:
        return len(self.slopes)


@lru_cache(maxsize=4096)
def odd(pairs: int, slope: float, offset: float, largest: float) -> Sigmoids:
    """Nearly s on [-largest, largest]: sigma(r slope s + offset) - sigma(-r slope s + offset).

    r = 1, …, pairs. It is odd, and exactly 0 at 0.
    """
    slopes = np.float32(slope) * np.arange(1, pairs + 1)
    s = largest * np.cos(np.pi * (np.arange(POINTS) + 0.5) / (2 * POINTS))
    both = _sigma(np.outer(s, slopes) + offset) - _sigma(-np.outer(s, slopes) + offset)
    weights = _fitted(both, FUNCTIONS["linear"](s))
    both_signs = (np.concatenate([one, -one]) for one in (slopes, weights))
    return _sum(next(both_signs), np.full(2 * pairs, offset), next(both_signs))


@lru_cache(maxsize=4096)
def divider(heads: int, slope: float, growth: float, offset: float, largest: float) -> Sigmoids:
    """Nearly s/(1 + s) on [0, largest], the error least in proportion to 1/(1 + s)^2.

    One head has score 0, and weighs 1/2 without any error; the others have slopes
    -slope growth^k: 1/(1 + s) is an integral of exp(-t s).
    """
    slopes = np.concatenate([[0.0], -slope * growth ** np.arange(heads - 1.0)])
    slopes = slopes.astype(np.float32).astype(np.float64)
    offsets = np.concatenate([[0.0], np.full(heads - 1, offset)])
    s = largest * (1 + np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)) / 2
    share = (1 + s) ** 2
    columns = _sigma(np.outer(s, slopes) + offsets) * share[:, None]
    return _sum(slopes, offsets, _fitted(columns, share * FUNCTIONS["normalised"](s)))


def _sum(slopes: np.ndarray, offsets: np.ndarray, weights: np.ndarray) -> Sigmoids:
    """All of it numbers of float32, so that what is bounded is what is written."""
    of = (slopes, offsets, weights)
    made = (tuple(float(one) for one in row.astype(np.float32)) for row in of)
    return Sigmoids(*made)


def _sigma(score: np.ndarray) -> np.ndarray:
    return np.asarray((1 + np.tanh(score / 2)) / 2)


def _fitted(columns: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The weights of nearly the least largest error: least squares, points off by more weighing
    more (Lawson's way)."""
    share, least, best = np.ones(len(wanted)), np.inf, np.zeros(columns.shape[1])
    for _ in range(ROUNDS):
        root = np.sqrt(share)
        weights = np.linalg.lstsq(columns * root[:, None], wanted * root, rcond=None)[0]
        off = np.abs(columns @ weights - wanted)
        if off.max() < least:
            least, best = off.max(), weights
        share = share * (off + off.max() / 1000)
        share /= share.sum()
    return best
