"""Sums over indices as matrix products."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np


class Contraction(NamedTuple):
    """A sum of a[left] * b[right] as a product (height, inner) @ (inner, width).

    first, second: the positions in a row of a and b of those matrices' entries; back: of the
    result's entries in the product's. None where nothing moves.
    """

    height: int
    inner: int
    width: int
    first: tuple[int, ...] | None
    second: tuple[int, ...] | None
    back: tuple[int, ...] | None


@lru_cache(maxsize=256)
def contraction(left: str, right: str, out: str, known: tuple[tuple[str, int], ...]) -> Contraction:
    sizes = dict(known)
    summed = [letter for letter in left if letter in right]
    ours = [letter for letter in left if letter not in right]
    theirs = [letter for letter in right if letter not in left]
    height, inner, width = (
        prod(sizes[letter] for letter in letters) for letters in (ours, summed, theirs)
    )
    return Contraction(
        height,
        inner,
        width,
        _order(left, [*ours, *summed], sizes),
        _order(right, [*summed, *theirs], sizes),
        _order("".join([*ours, *theirs]), list(out), sizes),
    )


def _order(letters: str, wanted: list[str], sizes: dict[str, int]) -> tuple[int, ...] | None:
    """Positions by which a row, row-major in `letters`, becomes row-major in `wanted`."""
    shape = [sizes[letter] for letter in letters]
    axes = [letters.index(letter) for letter in wanted]
    order = np.arange(prod(shape)).reshape(shape).transpose(axes).ravel().tolist()
    return None if order == sorted(order) else tuple(order)
