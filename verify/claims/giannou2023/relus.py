"""What an MLP of ReLUs leaves of columns near exact ones; among them the clamp.

It is a linear map on each piece, so that what it passes on of an error is bounded by the largest of
its slopes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb

from proofs.layer import MLP, Layer
from proofs.stream import Layout

from ...checks.bounds.balls import ball
from .columns import (
    SMALL,
    Columns,
    Grid,
    NotSo,
    columns,
    extent,
    matrix,
    product_of,
    shortened,
)


@dataclass(frozen=True)
class Slopes:
    """What an MLP and the skip connection make: of exact columns, and of what they are off.

    low, high (width, width): between which the slopes are, in all cases and within `off`.
    """

    exact: Grid
    low: Grid
    high: Grid

    def passed_on(self, off: np.ndarray) -> np.ndarray:
        """How far each row may be off, (width,)."""
        most = np.maximum(abs(self.low.whole), abs(self.high.whole))
        return Grid(most, self.low.below).spread(off)


def slopes(mlp: MLP | None, stream: Layout, given: Columns) -> Slopes:
    """relu(z + u) is relu(z) + s u, s 1 where z + u cannot be below 0, 0 where it cannot be above,
    and between them otherwise. Units of opposite sign are one: relu(-z) = relu(z) - z.

    Raises NotSo for an MLP that is not outer relu(inner x).
    """
    identity = Grid(np.eye(stream.width, dtype=np.int64))
    if mlp is None:
        return Slopes(given.exact, identity, identity)
    if mlp.inner is None or mlp.gate is not None or mlp.activation != "relu":
        raise NotSo("an MLP is not outer relu(inner x)")
    hidden = mlp.hidden(stream)
    inner, outer = matrix(mlp.inner, hidden, stream), matrix(mlp.outer, stream, hidden)
    at = given.exact.times(inner.T)  # (cases, hidden)
    added = Grid(np.maximum(at.whole, 0), at.below).times(outer.T)
    below = inner.below * outer.below
    varying = [row for row, off in enumerate(given.off) if not off == 0]
    linear = identity.whole.astype(object)[:, varying] * below
    units: dict[Any, np.ndarray] = {}  # what is read and where from: what is written
    for unit, read in enumerate(inner.whole[:, varying]):
        if not read.any():
            continue
        sign = 1 if next(value for value in read if value) > 0 else -1
        writes = outer.whole[:, unit].astype(object)
        if sign < 0:
            linear = linear + np.outer(writes, read.astype(object))
        key = tuple((sign * read).tolist()), tuple((sign * at.whole[:, unit]).tolist())
        units[key] = units.get(key, 0) + writes
    low = high = linear
    if kept := [(*key, writes) for key, writes in units.items() if writes.any()]:
        least, most = [], []  # of each unit and case: the slopes of its ReLU
        for read, z, _ in kept:
            far = sum((abs(c) * given.off[row] for c, row in zip(read, varying) if c), arb(0))
            room = _ceiling(far * given.exact.below)
            least.append([value >= room for value in z])
            most.append([value > -room for value in z])
        either = np.unique(np.array([*least, *most], dtype=np.int64).T, axis=0)
        least_, most_ = np.split(either, 2, axis=1)  # (patterns, units)
        written, reads = (
            shortened(np.array(one, dtype=object))
            for one in ([writes for *_, writes in kept], [read for read, *_ in kept])
        )
        if extent(written) * extent(reads) >= SMALL:
            written = written.astype(object)
        each = (written[:, :, None] * reads[:, None, :]).reshape(len(kept), -1)
        up, down = np.maximum(each, 0), np.minimum(each, 0)
        lowest, highest = (
            (product_of(a, up) + product_of(b, down)) for a, b in ((least_, most_), (most_, least_))
        )
        low = linear + lowest.min(axis=0).reshape(linear.shape)
        high = linear + highest.max(axis=0).reshape(linear.shape)
    made = [identity.whole.astype(object) * below for _ in range(2)]
    for full, part in zip(made, (low, high)):
        full[:, varying] = part
    least_slopes, most_slopes = (Grid(shortened(full), below) for full in made)
    return Slopes(given.exact.plus(added), least_slopes, most_slopes)


def _ceiling(value: arb) -> int:
    whole: Any = value.upper().ceil().unique_fmpz()
    if whole is None:
        raise NotSo("nothing bounds how far a column may be off")
    return int(whole)


def through(layer: Layer, stream: Layout, given: Columns) -> Columns:
    """The columns that a layer without attention leaves. Raises NotSo for one with."""
    if layer.heads or layer.norms():
        raise NotSo(f"{layer.name} has more than an MLP")
    found = slopes(layer.mlp, stream, given)
    return Columns(found.exact, found.passed_on(given.off))


def compared(layer: Layer, stream: Layout, found: Columns, wanted: Columns) -> None:
    """Raises NotSo where exact columns are left as others, or a row may be off by more than the
    bound `wanted.off`."""
    if (differs := np.argwhere(found.exact.differs(wanted.exact))).size:
        case, row = differs[0]
        of = case if len(wanted.exact.whole) > 1 else 0
        raise NotSo(
            f"{layer.name} leaves {found.exact.at((case, row))} in {named(stream, row)}, where "
            f"{wanted.exact.at((of, row))} should be"
        )
    for row, (off, bound) in enumerate(zip(found.off, wanted.off)):
        if not off <= bound:
            raise NotSo(
                f"{layer.name} may leave {named(stream, row)} off by {off.str(4)}, the bound "
                f"is {bound.str(4)}"
            )


def named(stream: Layout, row: int) -> str:
    slot = next(one.name for one in stream.slots if row in stream.rows(one.name))
    return f"{slot}[{row - stream.rows(slot)[0]}]"


def clamps(layer: Layer, stream: Layout, rows: Sequence[str], epsilon: Any) -> None:
    """That a layer leaves -1, 0 and 1 in these slots exactly, of what is off by less than epsilon.

    Each unit that concerns such a row reads and writes that row alone, beside what is constant; so
    the three numbers say it of every column. Raises NotSo.
    """
    at = [row for slot in rows for row in stream.rows(slot)]
    if layer.mlp is not None and layer.mlp.inner is not None:
        hidden = layer.mlp.hidden(stream)
        reads = matrix(layer.mlp.inner, hidden, stream).whole != 0
        writes = matrix(layer.mlp.outer, stream, hidden).T.whole != 0
        constant = [row for slot in ("scratchpad", "one") for row in stream.rows(slot)]
        reads[:, constant] = False
        if ((reads | writes).sum(axis=1) > 1).any():
            raise NotSo(f"a unit of {layer.name} concerns more than one row")
    every = np.array([[-1], [0], [1]])
    other = [one.name for one in stream.slots if one.name not in (*rows, "scratchpad", "one")]
    exact = {**{slot: every for slot in rows}, "scratchpad": Fraction(1, 2), "one": 1}
    off = {
        **dict.fromkeys(rows, ball(epsilon).lower()),
        **dict.fromkeys(other, 2),
        "scratchpad": Fraction(1, 2),
    }
    given = columns(stream, exact, off)
    found = through(layer, stream, given)
    bound = given.off.copy()
    bound[at] = arb(0)
    compared(layer, stream, found, Columns(given.exact, bound))
