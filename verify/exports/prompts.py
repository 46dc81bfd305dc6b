"""Prompts of a box, drawn to be unlike each other: for the largest error seen beside a bound."""

from __future__ import annotations

import numpy as np

from .spectrum import PromptBox

HELD_OUT = 10_000  # prompts that a check runs, and a twentieth with --quick
KINDS = ("anywhere", "corners", "aligned")


def drawn(box: PromptBox, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X (count, n, d), y (count, n), queries (count, 1, d), numbers of float32.

    A third each: anywhere in the box; at its corners; near those where all examples are one vector
    and its negative, as is the query, where scores and singular values are largest.
    """
    random = np.random.default_rng(seed)
    parts = [_drawn(random, box, kind, len(range(i, count, 3))) for i, kind in enumerate(KINDS)]
    X, y, queries = (np.concatenate(arrays) for arrays in zip(*parts))
    scaled = X * float(box.x), y * float(box.y), queries * float(box.query)
    inside = [np.trunc(one * 2.0**20) / 2.0**20 for one in scaled]  # no rounding leads out
    return inside[0], inside[1], inside[2]


def _drawn(
    random: np.random.Generator, box: PromptBox, kind: str, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, d = box.n, box.d
    if kind == "aligned":
        corner = random.choice([-1.0, 1.0], (count, 1, d))
        signs = random.choice([-1.0, 1.0], (count, n, 1))
        share = random.choice([0.0, 0.1, 0.3], (count, 1, 1))
        apart = random.random((count, n, d)) < share
        X = np.where(apart, random.uniform(-1, 1, (count, n, d)), corner * signs)
        flipped = np.where(random.random((count, n)) < 0.1, -1, 1)
        return X, signs[..., 0] * flipped, corner
    shapes = (count, n, d), (count, n), (count, 1, d)
    if kind == "corners":
        X, y, queries = (random.choice([-1.0, 1.0], shape) for shape in shapes)
    else:
        X, y, queries = (random.uniform(-1, 1, shape) for shape in shapes)
    return X, y, queries
