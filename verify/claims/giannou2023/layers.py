"""How far the layers of a loop can be off, for every state of a size, from their weights alone.

A layer is taken by itself: of columns near exact ones it leaves columns near exact ones. Where
those that it is given are within their bounds and those that it leaves are too, layer after layer,
a whole loop is. An MLP of ReLUs is a linear map on each piece, so that what it passes on of an
error is bounded by the largest of its slopes; a softmax by how far its shares are from 1/2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from itertools import product
from math import lcm
from typing import Any

import numpy as np
from flint import arb

from constructions.papers import giannou2023 as paper
from constructions.witness import Witness
from proofs.layer import MLP, Head, Layer
from proofs.slotmap import SlotMap, slot_map
from proofs.stream import Layout

from ...checks.bounds.balls import ball
from .machines import bits, number

SMALL = 2**62  # sums below it are whole numbers of 64 bits


class NotSo(Exception):
    """A layer that does not leave what it should, or of which that is not seen."""


def largest(values: Sequence[arb]) -> arb:
    return reduce(arb.max, values, arb(0))


# -- columns near exact ones ----------------------------------------------------------------------


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
        return Grid(_times(self.whole, other.whole), self.below * other.below)

    def plus(self, other: Grid) -> Grid:
        below = lcm(self.below, other.below)
        times = [below // one.below for one in (self, other)]
        large = max(_top(one.whole) * by for one, by in zip((self, other), times)) >= SMALL
        parts = [
            one.whole.astype(object if large else np.int64) * by
            for one, by in zip((self, other), times)
        ]
        return Grid(parts[0] + parts[1], below)

    def half(self) -> Grid:
        return Grid(self.whole, 2 * self.below)

    def differs(self, other: Grid) -> np.ndarray:
        """Where the two are not the same."""
        by = other.below, self.below
        large = max(_top(one.whole) * one_by for one, one_by in zip((self, other), by)) >= SMALL
        left, right = (
            one.whole.astype(object if large else np.int64) * one_by
            for one, one_by in zip((self, other), by)
        )
        return np.asarray(left != right)

    def at(self, place: tuple[int, int]) -> Fraction:
        return Fraction(int(self.whole[place]), self.below)

    def spread(self, off: np.ndarray) -> np.ndarray:
        """How far |self| off may be, (rows,)."""
        made = np.array([arb(0)] * len(self.whole), dtype=object)
        for i, j in zip(*np.nonzero(self.whole)):
            made[i] += arb(abs(int(self.whole[i, j]))) / self.below * off[j]
        return made


def _short(values: np.ndarray) -> np.ndarray:
    """Whole numbers, of 64 bits where all of them are small."""
    return values.astype(np.int64 if _top(values) < SMALL else object)


def _top(values: np.ndarray) -> int:
    if values.dtype == object or not values.size:
        return max((abs(int(value)) for value in values.flat), default=0)
    return max(int(values.max()), -int(values.min()))


def _times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product of whole numbers: of 64 bits where no sum of it can be larger."""
    if _top(a) * _top(b) * max(1, a.shape[-1]) < SMALL:
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


# -- an MLP of ReLUs ------------------------------------------------------------------------------


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
            _short(np.array(one, dtype=object))
            for one in ([writes for *_, writes in kept], [read for read, *_ in kept])
        )
        if _top(written) * _top(reads) >= SMALL:
            written = written.astype(object)
        each = (written[:, :, None] * reads[:, None, :]).reshape(len(kept), -1)
        up, down = np.maximum(each, 0), np.minimum(each, 0)
        lowest, highest = (
            (_times(a, up) + _times(b, down)) for a, b in ((least_, most_), (most_, least_))
        )
        low = linear + lowest.min(axis=0).reshape(linear.shape)
        high = linear + highest.max(axis=0).reshape(linear.shape)
    made = [identity.whole.astype(object) * below for _ in range(2)]
    for full, part in zip(made, (low, high)):
        full[:, varying] = part
    least_slopes, most_slopes = (Grid(_short(full), below) for full in made)
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
            f"{layer.name} leaves {found.exact.at((case, row))} in {_named(stream, row)}, where "
            f"{wanted.exact.at((of, row))} should be"
        )
    for row, (off, bound) in enumerate(zip(found.off, wanted.off)):
        if not off <= bound:
            raise NotSo(
                f"{layer.name} may leave {_named(stream, row)} off by {off.str(4)}, the bound "
                f"is {bound.str(4)}"
            )


def _named(stream: Layout, row: int) -> str:
    slot = next(one.name for one in stream.slots if row in stream.rows(one.name))
    return f"{slot}[{row - stream.rows(slot)[0]}]"


# -- the clamp ------------------------------------------------------------------------------------


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


# -- a softmax over addresses ---------------------------------------------------------------------


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


# -- a loop ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Loop:
    """The layers of one loop on words of `word` bits and addresses of `address`.

    found: how far parts of the stream may be off when the layers before leave them.
    """

    witness: Witness
    word: int
    address: int
    found: dict[str, arb] = field(default_factory=dict)

    @property
    def stream(self) -> Layout:
        return self.witness.layout

    def errors(self) -> dict[str, arb]:
        """How far each part may be off when the layers leave it, for every state of that size.

        Any memory, any commands, counter and command before, as many columns as there are
        addresses or fewer. Raises NotSo for layers that are not a loop of the interpreter's.
        """
        if self.witness.layers != 10:
            raise NotSo(f"a loop has {self.witness.layers} layers, not 10")
        clamps(self.witness.layer_list[9], self.stream, ("memory", "counter", "pointers"),
               paper.EPSILON)  # fmt: skip
        parts = {
            "pointers": self._command, "operands": self._memory, "difference": self._difference,
            "memory": self._written, "flag": self._flag, "counter": self._counter,
        }  # fmt: skip
        for name, passed_on in parts.items():
            self.found[name] = passed_on().upper()
        return self.found

    # the rows of columns, and how large they are

    @property
    def _places(self) -> list[list[int]]:
        """The bits of every address that a column may have."""
        return [_bits(t, self.address) for t in range(1, 2**self.address)]

    def _other(self) -> np.ndarray:
        """How large rows of a column of memory or of a command are, before they are written."""
        sizes = dict.fromkeys(("memory", "command", "position", "one"), 1)
        return columns(self.stream, {}, sizes).off

    def _scratchpad(self, **more: Any) -> np.ndarray:
        """The same of the scratchpad's: its mark, counter and pointers, and `more`."""
        pointers = 1 + self.found.get("pointers", arb(0))
        sizes = {"scratchpad": 1, "one": 1, "counter": 1, "pointers": pointers, **more}
        return columns(self.stream, {}, sizes).off

    def _column(self, reach: np.ndarray, **exact: Sequence[Any]) -> list[arb]:
        made = [arb(0, 1) * one for one in reach]
        for name, values in exact.items():
            for row, value in zip(self.stream.rows(name), values):
                made[row] = ball(value)
        made[self.stream.rows("one")[0]] = arb(1)
        return made

    def _keys(self, head: Attention) -> list[list[arb]]:
        """Those of every column but the scratchpad."""
        return [head.key(self._column(self._other(), position=at)) for at in self._places]

    def _pointer(self, part: int, place: Sequence[int], reach: np.ndarray) -> list[arb]:
        """The scratchpad, whose pointer number `part` is near the address of a column."""
        off, k = self.found["pointers"], self.address
        made = self._column(reach, scratchpad=[1])
        for row, bit in zip(self.stream.rows("pointers")[part * k : (part + 1) * k], place):
            made[row] = arb(bit) + arb(0, 1) * off
        return made

    # reading: layers 1 and 2

    def _command(self) -> arb:
        layer, reach = self.witness.layer_list[0], self._scratchpad(pointers=1)
        asked = [[self._column(reach, scratchpad=[1], counter=at) for at in self._places]]
        none = nothing(self.stream)  # a loop begins at an exact state
        return self._read(layer, asked, reach, none, (("pointers", "command"),))

    def _memory(self) -> arb:
        layer, reach = self.witness.layer_list[1], self._scratchpad()
        asked = [[self._pointer(part, at, reach) for at in self._places] for part in (0, 1)]
        off = columns(self.stream, {}, {"pointers": self.found["pointers"]}).off
        return self._read(layer, asked, reach, off, (("first", "memory"), ("second", "memory")))

    def _read(
        self, layer: Layer, asked: Sequence[Sequence[list[arb]]], reach: np.ndarray,
        off: np.ndarray, copied: Sequence[tuple[str, str]],
    ) -> arb:  # fmt: skip
        """asked: by head, the scratchpads that name column 1, 2, …; copied: (where, what)."""
        if len(layer.heads) != len(copied):
            raise NotSo(f"{layer.name} has {len(layer.heads)} heads, not {len(copied)}")
        other = self._other()
        self._untouched(layer, other, {"scratchpad": 0, "one": 1})
        found = self._seen(layer, reach, {"scratchpad": 1, "one": 1})
        stream, keeps = self.stream, found.own
        for one in found.heads:
            keeps = keeps.plus(one.half())
        self._equal(layer, keeps, self._identity("buffer", *(to for to, _ in copied)), reach)
        made = keeps.spread(off)
        for head, (to, what), each, m in zip(layer.heads, copied, asked, found.heads, strict=True):
            self._equal(layer, m.half(), matrix(slot_map((to, what)), stream, stream), other)
            shares = self._of_scratchpad(Attention(head, stream), each)
            made += (shares.first + shares.others) * m.spread(other)
            made += shares.second * m.spread(reach)
        return self._parts(layer, made, off, tuple(to for to, _ in copied))

    def _of_scratchpad(self, head: Attention, asked: Sequence[list[arb]]) -> Shares:
        """Of the column that is named, and of the scratchpad itself."""
        keys, found = self._keys(head), []
        for own, column in zip(keys, asked, strict=True):
            query = head.query(column)
            rest = sum((exponential(query, key, own) for key in keys if key is not own), arb(0))
            found.append(of_two(exponential(query, head.key(column), own), rest.upper()))
        return widest(found)

    # writing: layer 6

    def _written(self) -> arb:
        layer, changed = self.witness.layer_list[5], self.found["difference"]
        column = self._other()
        reach = self._scratchpad(second=1 + changed)
        self._untouched(layer, reach, {"scratchpad": 1, "one": 1})
        found = self._seen(layer, column, {"scratchpad": 0, "one": 1})
        if len(layer.heads) != 1:
            raise NotSo(f"{layer.name} has {len(layer.heads)} heads, not 1")
        (m,), stream = found.heads, self.stream
        self._equal(layer, found.own.plus(m.half()), self._identity("buffer", "memory"), column)
        self._equal(layer, m.half(), matrix(slot_map(("memory", "second")), stream, stream), reach)
        self._equal(layer, found.own.plus(m), self._identity("buffer"), column)
        head = Attention(layer.heads[0], stream)
        keys = self._keys(head)
        asked = [head.query(self._column(column, position=at)) for at in self._places]
        named = [head.key(self._pointer(1, at, reach)) for at in self._places]
        there, elsewhere = [], []
        for query, own in zip(asked, keys):
            rest = sum((exponential(query, key, own) for key in keys if key is not own), arb(0))
            for place, key in zip(keys, named):
                c = exponential(query, key, own)
                if place is own:
                    there.append(of_two(c, rest.upper()))
                else:
                    elsewhere.append(of_one((rest + c).upper()))
        both = np.array([a.max(b) for a, b in zip(reach, column)], dtype=object)
        off = columns(stream, {}, {"second": changed}).off
        one, other = widest(there), widest(elsewhere)
        of_it = m.spread(column)
        written = (one.first + one.others) * of_it + one.second * m.spread(reach)
        written += m.half().spread(off)
        kept = other.first * of_it + other.others * m.spread(both)
        none = nothing(stream)
        parts = [self._parts(layer, made, none, ("memory",)) for made in (written, kept)]
        return largest(parts)

    # what both have in common

    def _seen(self, layer: Layer, reach: np.ndarray, fixed: Mapping[str, Any]) -> Seen:
        every = self._scratchpad(second=1 + self.found.get("difference", arb(0)))
        both = np.array([a.max(b) for a, b in zip(every, self._other())], dtype=object)
        return seen(layer, self.stream, fixed, reach, both)

    def _untouched(self, layer: Layer, reach: np.ndarray, fixed: Mapping[str, Any]) -> None:
        """Raises NotSo unless columns of a kind are left as they are, whatever their heads see."""
        found = self._seen(layer, reach, fixed)
        self._equal(layer, found.own, self._identity("buffer"), reach)
        if any(one.whole.any() for one in found.heads):
            raise NotSo(f"{layer.name} changes other columns than it should")

    def _identity(self, *without: str) -> Grid:
        made = np.eye(self.stream.width, dtype=np.int64)
        for name in without:
            made[list(self.stream.rows(name))] = 0
        return Grid(made)

    def _equal(self, layer: Layer, found: Grid, wanted: Grid, reach: np.ndarray) -> None:
        """Compared but for what is read of rows that are 0."""
        columns = [row for row, one in enumerate(reach) if not one == 0]
        wrong = np.argwhere(found.differs(wanted)[:, columns])
        if len(wrong):
            row, column = wrong[0][0], columns[wrong[0][1]]
            to, of = _named(self.stream, row), _named(self.stream, column)
            raise NotSo(
                f"{layer.name}: without error {to} gets {found.at((row, column))} times {of}, "
                f"where it should be {wanted.at((row, column))}"
            )

    def _parts(
        self, layer: Layer, made: np.ndarray, before: np.ndarray, names: Sequence[str]
    ) -> arb:
        """How far the rows of these slots may be off. Raises NotSo if another's grew."""
        rows = [row for name in names for row in self.stream.rows(name)]
        for row in range(self.stream.width):
            if row not in rows and not made[row] <= before[row]:
                raise NotSo(f"{layer.name} may leave {_named(self.stream, row)} off")
        return largest([made[row] for row in rows])

    # columns by themselves: layers 3 to 5 and 7 to 9

    def _difference(self) -> arb:
        words, N, off = range(2**self.word), self.word, self.found["operands"]
        pairs = [(a, b) for a in words for b in words]
        first, second, left = (
            [_bits(value, N) for value in values]
            for values in ([a for a, _ in pairs], [b for _, b in pairs], [b - a for a, b in pairs])
        )
        operands = {"first": off, "second": off}
        return self._left(
            (3, 4, 5), {"first": first, "second": second}, operands, {"second": left}, "second"
        )

    def _flag(self) -> arb:
        words = [_bits(value, self.word) for value in range(2**self.word)]
        flag = [[int(number(word) <= 0)] for word in words]
        off = {"second": self.found["difference"]}
        return self._left((7,), {"second": words}, off, {"first[0]": flag}, "first[0]")

    def _counter(self) -> arb:
        """The next one is exact whatever the flag; the branch chooses between it and the target."""
        k, flag, addresses = self.address, self.found["flag"], range(2**self.address)
        half = Fraction(1, 2)
        at, after = ([_bits(t + more, k) for t in addresses] for more in (0, 1))
        undecided = {"counter": 0, "first[0]": ball(half) + flag}
        further = {"first[0]": half, "counter": after}
        self._left((8,), {"first[0]": half, "counter": at}, undecided, further)
        cases = list(product((0, 1), addresses, addresses))
        counter, target, chosen = (
            [_bits(t, k) for t in values]
            for values in zip(*((old, new, new if yes else old) for yes, old, new in cases))
        )
        to = {f"pointers[{2 * k + i}]": [[bit] for bit in bits] for i, bits in
              enumerate(zip(*target))}  # fmt: skip
        exact = {"first[0]": [[yes] for yes, _, _ in cases], "counter": counter, **to}
        off = {**dict.fromkeys(to, self.found["pointers"]), "first[0]": flag, "counter": 0}
        return self._left((9,), exact, off, {"counter": chosen, **to}, "counter")

    def _left(
        self, numbers: Sequence[int], exact: Mapping[str, Any], off: Mapping[str, Any],
        wanted: Mapping[str, Any], part: str = "",
    ) -> arb:  # fmt: skip
        """How far layers of these numbers, from 1, may leave a slot of the scratchpad off.

        `wanted`: what they leave exactly, 0 in slots that are not named; they are off by nothing
        but where they were and are still named. Counter and pointers may hold anything that is not
        said. Other columns are left as they are.
        """
        stream, constant = self.stream, {"scratchpad": 1, "one": 1}
        anything = {"counter": 1, "pointers": 1 + self.found.get("pointers", arb(0))}
        may = {name: far for name, far in off.items() if name in wanted or name in anything}
        made = columns(stream, {**constant, **exact}, {**anything, **off})
        right = columns(stream, {**constant, **wanted}, {**anything, **may})
        elsewhere = Columns(columns(stream, {"one": 1}).exact, 2 * self._other())
        elsewhere.off[list(stream.rows("one"))] = arb(0)
        other = elsewhere
        for layer in (self.witness.layer_list[at - 1] for at in numbers):
            made, other = (through(layer, stream, given) for given in (made, other))
        compared(layer, stream, other, elsewhere)
        rows = list(stream.rows(part)) if part else []
        right.off[rows] = arb("inf")
        compared(layer, stream, made, right)
        return largest([made.off[row] for row in rows])


def _bits(value: int, size: int) -> list[int]:
    return [int(bit) for bit in bits(value, size)]
