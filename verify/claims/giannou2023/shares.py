"""How far the shares of a softmax over addresses can be from those of one column, or of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb

from proofs.layer import Head, Layer
from proofs.slotmap import SlotMap
from proofs.stream import Layout

from ...checks.bounds.balls import ball
from .columns import Columns, Grid, NotSo, columns, largest, matrix, nothing
from .relus import slopes


@dataclass(frozen=True)
class Shares:
    """How far the shares of two columns may be from 1/2, or that of one from 1 (`second` is 0
    then), and all others together from 0."""

    first: arb
    second: arb
    others: arb


def of_two(c: arb, rest: arb) -> Shares:
    """Of exponentials 1, c and others that add up to `rest` at most."""
    low, high, half = c.lower().max(arb(0)), c.upper(), arb(1) / 2
    first = (1 / (1 + low) - half).max(half - 1 / (1 + high + rest))
    second = (high / (1 + high) - half).max(half - low / (1 + low + rest))
    return Shares(first.upper(), second.upper(), (rest / (1 + low + rest)).upper())


def of_one(rest: arb) -> Shares:
    share = (rest / (1 + rest)).upper()
    return Shares(share, arb(0), share)


def features(slots: SlotMap, to: Layout, of: Layout, column: Sequence[Any]) -> list[arb]:
    made = [arb(0)] * to.width
    for (i, j), value in slots.entries(to, of).items():
        made[i] += ball(value) * ball(column[j])
    return made


def exponential(query: Sequence[arb], key: Sequence[arb], best: Sequence[arb]) -> arb:
    """exp <query, key - best>: the difference first, so that what both have cancels."""
    return sum((q * (a - b) for q, a, b in zip(query, key, best)), arb(0)).exp()


class Attention:
    """Query and key of one head of softmax that sees every column. Raises NotSo for another."""

    def __init__(self, head: Head, stream: Layout) -> None:
        plain = Head(head.query, head.key, head.value, "softmax", "full", name=head.name)
        if head != plain:
            raise NotSo("a head is not a plain softmax over all columns")
        self.head, self.stream = head, stream
        self.to = head.query.features(stream, {})

    def query(self, column: Sequence[Any]) -> list[arb]:
        return features(self.head.query, self.to, self.stream, column)

    def key(self, column: Sequence[Any]) -> list[arb]:
        return features(self.head.key, self.to, self.stream, column)


def widest(found: Sequence[Shares]) -> Shares:
    return Shares(*(largest([getattr(one, name) for one in found])
                    for name in ("first", "second", "others")))  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What a layer of heads makes of a column, and of those that its heads see: all is linear.

    own (width, width): of the column itself; heads (width, width) each: of what a share is added.
    """

    own: Grid
    heads: list[Grid]


def seen(
    layer: Layer, stream: Layout, fixed: Mapping[str, Any], reach: np.ndarray, others: np.ndarray
) -> Seen:
    """In columns whose rows are `fixed`, or as large as `reach`; `others`: rows of any column.

    Raises NotSo where that is not one linear map, whatever the columns hold.
    """
    values = [matrix(head.value, stream, stream) for head in layer.heads]
    constant = [row for name in fixed for row in stream.rows(name)]
    if layer.norms() or any(value.whole[constant].any() for value in values):
        raise NotSo(f"{layer.name} has a norm, or heads that write to what is constant")
    off = reach + sum((one.spread(others) for one in values), nothing(stream))
    off[constant] = arb(0)
    given = columns(stream, fixed)
    found = slopes(layer.mlp, stream, Columns(given.exact, off))
    if found.low.differs(found.high).any() or found.exact.differs(given.exact).any():
        raise NotSo(f"{layer.name} is not linear in what its columns hold")
    return Seen(found.low, [found.low.times(value) for value in values])
