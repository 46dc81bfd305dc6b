"""How the error of in-context nonparametric regression falls with the number of examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from constructions.witness import Witness


@dataclass(frozen=True)
class Decay:
    """Mean squared errors at each n, the slope of their logarithms with its standard error, and the
    minimax slope -2s/(2s+1)."""

    n: tuple[int, ...]
    errors: tuple[float, ...]
    slope: float
    deviation: float
    minimax: float


def basis_size(n: int, degree: int, scale: float = 3.0) -> int:
    """scale * n^(1/(2s+1)), s = degree + 1: the size that balances bias and variance."""
    return max(degree + 1, round(scale * n ** (1 / (2 * degree + 3))))


def decay(
    build: Callable[..., Witness],
    degree: int = 1,
    sizes: Sequence[int] = (500, 1000, 2000, 4000, 8000, 16000, 32000),
    repeats: int = 20,
    noise: float = 0.5,
    seed: int = 0,
) -> Decay:
    """Errors of what is built, as `spline_regression`, on noisy values of a smooth function at
    random places.

    Run as a transformer in float64, `repeats` prompts at a time; the error is the mean over 64
    queries of (prediction - f)^2.
    """
    rng = np.random.default_rng(seed)
    errors, noises = [], []
    for n in sizes:
        # the features of one x add up to 1 and are >= 0, so that S <= n I
        m = basis_size(n, degree)
        witness = build(basis=m, layers=9, alpha=1.0 / n, degree=degree)
        X = rng.uniform(0, 1, (repeats, n, 1))
        y = function(X[..., 0]) + noise * rng.standard_normal((repeats, n))
        queries = rng.uniform(0, 1, (repeats, 64, 1))
        got = predictions(witness, X, y, queries)
        each = np.mean((got - function(queries[..., 0])) ** 2, axis=1)  # per prompt
        errors.append(float(each.mean()))
        noises.append(float(each.std(ddof=1) / each.mean() / np.sqrt(repeats)))  # of the logarithm
    centred = np.log(sizes) - np.mean(np.log(sizes))
    weights = centred / (centred @ centred)
    slope, deviation = weights @ np.log(errors), np.sqrt(weights**2 @ np.square(noises))
    s = degree + 1
    return Decay(tuple(sizes), tuple(errors), float(slope), float(deviation), -2 * s / (2 * s + 1))


def function(x: Any) -> Any:
    """What is to be learned: smooth, and far from any polynomial of low degree."""
    return np.sin(8 * x)


def predictions(witness: Any, X: Any, y: Any, queries: Any) -> np.ndarray:
    """Predictions without the rounding bound, which is not needed at these sizes."""
    import warnings

    from constructions import PrecisionWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        return np.asarray(witness.predict(X, y, queries, "float64"))
