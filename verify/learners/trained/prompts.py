"""The prompts that learners are trained on, drawn with a seed."""

from __future__ import annotations

from typing import NamedTuple

import torch


class Drawn(NamedTuple):
    """X (B, n, d), y (B, n), queries (B, m, d), and w.x at the queries (B, m), without noise."""

    X: torch.Tensor
    y: torch.Tensor
    queries: torch.Tensor
    targets: torch.Tensor


def draw(
    generator: torch.Generator, count: int, n: int, d: int, m: int, noise: float, kind: torch.dtype
) -> Drawn:
    """x ~ N(0, I), w ~ N(0, I), y = w.x + N(0, noise^2)."""

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=kind)

    X, queries, w = normal(count, n, d), normal(count, m, d), normal(count, d, 1)
    y = (X @ w)[..., 0] + noise * normal(count, n)
    return Drawn(X, y, queries, (queries @ w)[..., 0])
