"""The prompts that a teaching page draws: the same numbers from the same seed, here and there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

Rows = list[list[float]]


def drawn_prompt(
    d: int, n: int, condition: float, seed: int, unit: bool = False, classes: bool = False
) -> tuple[Rows, list[float], Rows]:
    """(X, y, queries) of n examples and one query, as model.js draws them.

    S has that condition number where n >= d, y is a linear function of x and some noise; all have
    two decimals. `unit`: x is moved into [0, 1]; `classes`: y is 1 where it was above 0, else 0.
    """
    gauss = gaussians(seed)
    columns = [[next(gauss) for _ in range(n)] for _ in range(d)]
    for i, column in enumerate(columns):
        for other in columns[: min(i, n)]:
            along = dot(column, other)
            for k in range(n):
                column[k] -= along * other[k]
        length = math.sqrt(dot(column, column))
        if i < n and length > 1e-9:
            column[:] = [v / length for v in column]
    turn = next(gauss) if d > 1 else 0.0
    rank = min(d, n)

    def singular(i: int) -> float:
        share = i / (rank - 1) if rank > 1 else 0.0
        return math.sqrt(n) * condition ** (-0.5 * share)

    X = []
    for k in range(n):
        x = [column[k] * singular(i) if i < rank else 0.0 for i, column in enumerate(columns)]
        if d > 1:
            c, s = math.cos(turn), math.sin(turn)
            x[0], x[1] = c * x[0] - s * x[1], s * x[0] + c * x[1]
        X.append([hundredths(v) for v in x])
    w = [next(gauss) for _ in range(d)]
    y = [hundredths(dot(x, w) + 0.15 * next(gauss)) for x in X]
    queries = [[hundredths(next(gauss)) for _ in range(d)]]
    if classes:
        y = [float(v > 0) for v in y]
    if unit:
        X, queries = ([[_inside(v) for v in x] for x in rows] for rows in (X, queries))
    return X, y, queries


def gaussians(seed: int) -> Iterator[float]:
    """Normal numbers: mulberry32, then Box and Muller."""
    uniform = _mulberry32(seed)
    while True:
        radius = math.sqrt(-2 * math.log(1 - uniform()))
        yield radius * math.cos(2 * math.pi * uniform())


def _mulberry32(seed: int) -> Callable[[], float]:
    state, bits = seed & 0xFFFFFFFF, 0xFFFFFFFF

    def uniform() -> float:
        nonlocal state
        state = (state + 0x6D2B79F5) & bits
        t = ((state ^ (state >> 15)) * (state | 1)) & bits
        t ^= (t + (t ^ (t >> 7)) * (t | 61)) & bits
        return (t ^ (t >> 14)) / 2**32

    return uniform


def dot(a: list[float], b: list[float]) -> float:
    """Summed from the left, as the page sums."""
    total = 0.0
    for x, y in zip(a, b):
        total += x * y
    return total


def hundredths(x: float) -> float:
    """Rounded to two decimals, halves upwards."""
    return math.floor(x * 100 + 0.5) / 100 or 0.0


def _inside(v: float) -> float:
    return math.floor(100 / (1 + math.exp(-v)) + 0.5) / 100
