"""Columns of a stream near exact ones, and matrices of fractions that are multiplied fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import lcm
from typing import Any

import numpy as np
from flint import arb

from proofs.slotmap import SlotMap
from proofs.stream import Layout

from ...checks.bounds.balls import ball

SMALL = 2**62  # sums below it are whole numbers of 64 bits


class NotSo(Exception):
    """A layer that does not leave what it should, or of which that is not seen."""


def largest(values: Sequence[arb]) -> arb:
    return reduce(arb.max, values, arb(0))


@dataclass(frozen=True)
class Grid:
    """An array of fractions: whole numbers, and the one number that they are divided by."""

    whole: np.ndarray
    below: int = 1

    @staticmethod
    def of(values: Mapping[tuple[int, int], Any], shape: tuple[int, int]) -> Grid:
        """Of the entries that are not 0."""
        fractions = {at: Fraction(value) for at, value in values.items()}
        below = lcm(*(value.denominator for value in fractions.values()))
        whole = {at: int(value * below) for at, value in fractions.items()}
        large = any(abs(value) >= SMALL for value in whole.values())
        made = np.zeros(shape, dtype=object if large else np.int64)
        for at, value in whole.items():
            made[at] = value
        return Grid(made, below)

    @property
    def T(self) -> Grid:
        return Grid(self.whole.T, self.below)

    def times(self, other: Grid) -> Grid:
        return Grid(product_of(self.whole, other.whole), self.below * other.below)

    def plus(self, other: Grid) -> Grid:
        left, right, below = self._together(other)
        return Grid(left + right, below)

    def half(self) -> Grid:
        return Grid(self.whole, 2 * self.below)

    def differs(self, other: Grid) -> np.ndarray:
        """Where the two are not the same."""
        left, right, _ = self._together(other)
        return np.asarray(left != right)

    def _together(self, other: Grid) -> tuple[np.ndarray, np.ndarray, int]:
        """The whole numbers of both, and the one number that they are divided by."""
        below = lcm(self.below, other.below)
        times = [(one.whole, below // one.below) for one in (self, other)]
        large = max(extent(whole) * by for whole, by in times) >= SMALL
        left, right = (whole.astype(object if large else np.int64) * by for whole, by in times)
        return left, right, below

    def at(self, place: tuple[int, int]) -> Fraction:
        return Fraction(int(self.whole[place]), self.below)

    def spread(self, off: np.ndarray) -> np.ndarray:
        """How far |self| off may be, (rows,)."""
        made = np.array([arb(0)] * len(self.whole), dtype=object)
        for i, j in zip(*np.nonzero(self.whole)):
            made[i] += arb(abs(int(self.whole[i, j]))) / self.below * off[j]
        return made


def shortened(values: np.ndarray) -> np.ndarray:
    """Whole numbers, of 64 bits where all of them are small."""
    return values.astype(np.int64 if extent(values) < SMALL else object)


def extent(values: np.ndarray) -> int:
    if values.dtype == object or not values.size:
        return max((abs(int(value)) for value in values.flat), default=0)
    return max(int(values.max()), -int(values.min()))


def product_of(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product of whole numbers: of 64 bits where no sum of it can be larger."""
    if extent(a) * extent(b) * max(1, a.shape[-1]) < SMALL:
        return np.asarray(a.astype(np.int64) @ b.astype(np.int64))
    return np.asarray(a.astype(object) @ b.astype(object))


def matrix(slots: SlotMap, to: Layout, of: Layout) -> Grid:
    return Grid.of(slots.entries(to, of), (to.width, of.width))


@dataclass(frozen=True)
class Columns:
    """exact (cases, width): columns; off (width,): how far each row may be from them.

    A row that may hold anything is a row that may be off by all that it can be.
    """

    exact: Grid
    off: np.ndarray


def columns(
    stream: Layout, exact: Mapping[str, Any], off: Mapping[str, Any] | None = None
) -> Columns:
    """Slots and entries by name, exact (cases, size) or one number; 0 and off by 0 otherwise."""
    given = {name: np.asarray(np.asarray(value) * 2) for name, value in exact.items()}  # of 1/2 too
    cases = max((len(value) for value in given.values() if value.ndim), default=1)
    made = np.zeros((cases, stream.width), dtype=np.int64)
    for name, value in given.items():
        made[:, list(stream.rows(name))] = value.astype(np.int64)
    may = nothing(stream)
    for name, far in (off or {}).items():
        for row in stream.rows(name):
            may[row] = ball(far).upper()
    return Columns(Grid(made, 2), may)


def nothing(stream: Layout) -> np.ndarray:
    return np.array([arb(0)] * stream.width, dtype=object)
