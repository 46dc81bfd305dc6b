"""What is measured, and against what: the bare algorithms, a loop, Python's fractions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from constructions.numbers.flint import FlintNumbers, to_fraction
from constructions.numbers.symbolic import Table

from .. import algorithms


def witnesses(sizes: Mapping[str, int]) -> dict[str, tuple[str, dict[str, Any]]]:
    """The core witnesses at sizes d, n and k: label -> (name, parameters)."""
    d, n, k = sizes["d"], sizes["n"], sizes["k"]
    recursive = {"d": d, "examples": n, "ridge": 1}
    return {
        "newton": ("newton", {"d": d, "iterations": k, "alpha": 0.25}),
        "gradient_descent": ("gradient_descent", {"d": d, "steps": k, "step_size": 0.125}),
        "sherman_morrison": ("sherman_morrison", recursive),
        "sherman_morrison tokens": ("sherman_morrison", recursive | {"storage": "tokens"}),
    }


# -- the bare algorithm, in batched torch: X (B, n, d), y (B, n), queries (B, m, d) -> (B, m) --


def newton(X: Any, y: Any, queries: Any, iterations: int, alpha: float) -> torch.Tensor:
    S = X.mT @ X
    M = alpha * S
    for _ in range(iterations):
        M = 2 * M - M @ (S @ M)
    return (queries @ (M @ (X.mT @ y[..., None])))[..., 0]


def gradient_descent(X: Any, y: Any, queries: Any, steps: int, step_size: float) -> torch.Tensor:
    w = X.new_zeros(*X.shape[:-2], X.shape[-1], 1)
    for _ in range(steps):
        w = w - 2 * step_size * (X.mT @ (X @ w - y[..., None]))
    return (queries @ w)[..., 0]


def sherman_morrison(X: Any, y: Any, queries: Any, ridge: float, **_: Any) -> torch.Tensor:
    d = X.shape[-1]
    P = torch.eye(d, dtype=X.dtype, device=X.device).expand(*X.shape[:-2], d, d) / ridge
    for i in range(X.shape[-2]):
        x = X[..., i, :, None]
        u = P @ x
        P = P - u @ u.mT / (1 + x.mT @ u)
    return (queries @ (P @ (X.mT @ y[..., None])))[..., 0]


BARE: dict[str, Callable[..., torch.Tensor]] = {
    "newton": newton,
    "gradient_descent": gradient_descent,
    "sherman_morrison": sherman_morrison,
}


def loop(name: str, X: Any, y: Any, queries: Any, parameters: Mapping[str, Any]) -> np.ndarray:
    """The numpy reference, one prompt after the other."""
    import inspect

    algorithm = getattr(algorithms, name)
    takes = inspect.signature(algorithm).parameters
    chosen = {key: value for key, value in parameters.items() if key in takes}
    return np.stack([algorithm(*one, **chosen) for one in zip(X, y, queries)])


class PythonFractions(FlintNumbers):
    """The forward pass over fractions.Fraction, matrices being numpy arrays of objects."""

    name = "Python fractions"
    matrix = Table

    def element(self, value: Any, what: str = "a value") -> Fraction:
        return to_fraction(value, what)

    def give(self, value: Fraction) -> Fraction:
        return value

    def zeros(self, tokens: int, size: int) -> Table:
        return Table(tokens, size, [Fraction(0)] * (tokens * size))

    def relu(self, a: Table) -> Table:
        return self.entrywise(lambda x: max(x, Fraction(0)), a)
