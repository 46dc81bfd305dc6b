"""Numbers measured over prompts, with intervals by resampling the prompts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

DRAWS = 400


@dataclass(frozen=True)
class Interval:
    """A statistic over prompts, with its 95 % interval by resampling the prompts."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """Its three numbers."""
        return {"value": self.value, "low": self.low, "high": self.high}


def median(values: np.ndarray, rng: np.random.Generator, draws: int = DRAWS) -> Interval:
    """The median of values (B,), with its interval."""
    return interval(values, rng, lambda v: np.median(v, axis=-1), draws)


def root_mean_square(values: np.ndarray, rng: np.random.Generator, draws: int = DRAWS) -> Interval:
    """The root mean square of values (B,), with its interval."""
    return interval(values, rng, lambda v: np.sqrt((v**2).mean(axis=-1)), draws)


def interval(
    values: np.ndarray,
    rng: np.random.Generator,
    statistic: Callable[[np.ndarray], np.ndarray],
    draws: int = DRAWS,
) -> Interval:
    """A statistic of the last axis of values (B,), with the interval over resampled prompts."""
    picked = rng.integers(0, len(values), (draws, len(values)))
    low, high = np.quantile(statistic(values[picked]), (0.025, 0.975))
    return Interval(float(statistic(values)), float(low), float(high))
