"""Prompts on which models are measured, drawn with a seed, in batches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Batch(NamedTuple):
    """X (B, n, d), y (B, n), queries (B, m, d)."""

    X: np.ndarray
    y: np.ndarray
    queries: np.ndarray


def with_spectrum(
    rng: np.random.Generator, eigenvalues: np.ndarray, n: int, d: int, m: int
) -> Batch:
    """Prompts whose X^T X has the eigenvalues (B, min(n, d)), in directions drawn at random.

    Targets are normal and not linear in x, so that they have a part in every direction.
    """
    B, rank = eigenvalues.shape
    left = np.linalg.qr(rng.standard_normal((B, n, rank)))[0]
    right = np.linalg.qr(rng.standard_normal((B, d, rank)))[0]
    X = (left * np.sqrt(eigenvalues)[:, None, :]) @ right.transpose(0, 2, 1)
    return Batch(X, rng.standard_normal((B, n)), rng.standard_normal((B, m, d)))


def uniform(
    rng: np.random.Generator, count: int, n: int, d: int, m: int, low: float, high: float,
    shorter: bool = False,
) -> Batch:  # fmt: skip
    """x uniform on [low, high]^d, or on a part of it drawn for each prompt, y ~ N(0, 1)."""
    ends = np.array([0.0, 1.0]).reshape(1, 1, 2)
    if shorter:
        ends = np.sort(rng.uniform(size=(count, d, 2)), axis=-1)
    begin, end = (low + (high - low) * ends[:, None, :, i] for i in (0, 1))
    X, queries = (begin + (end - begin) * rng.uniform(size=(count, k, d)) for k in (n, m))
    return Batch(X, rng.standard_normal((count, n)), queries)


def gaussian(
    rng: np.random.Generator,
    count: int,
    n: int,
    d: int,
    m: int,
    noise: float = 0.0,
    condition: float = 1.0,
) -> Batch:
    """x ~ N(0, C), y = w.x + N(0, noise^2), w ~ N(0, I); C is diagonal, of this condition number,
    and has trace d."""  # fmt: skip
    scales = condition ** (-np.linspace(0, 1, d) / 2)
    scales *= np.sqrt(d / (scales**2).sum())
    X, queries = (rng.standard_normal((count, k, d)) * scales for k in (n, m))
    w = rng.standard_normal((count, d, 1))
    y = (X @ w)[..., 0] + noise * rng.standard_normal((count, n))
    return Batch(X, y, queries)


class Tasks(NamedTuple):
    """A Batch, and what is true at its queries: w.x (B, m), without noise."""

    X: np.ndarray
    y: np.ndarray
    queries: np.ndarray
    truth: np.ndarray

    @property
    def prompts(self) -> Batch:
        return Batch(self.X, self.y, self.queries)


def tasks(
    rng: np.random.Generator,
    count: int,
    n: int,
    d: int,
    m: int,
    noise: float = 0.0,
    condition: float = 1.0,
) -> Tasks:
    """As `gaussian`, with the truth: queries are drawn as further examples without noise."""
    drawn = gaussian(rng, count, n + m, d, 1, 0.0, condition)
    y = drawn.y[:, :n] + noise * rng.standard_normal((count, n))
    return Tasks(drawn.X[:, :n], y, drawn.X[:, n:], drawn.y[:, n:])
