"""How far the layers of a loop can be off, for every state of a size, from their weights alone.

A layer is taken by itself: of columns near exact ones it leaves columns near exact ones. Where
those that it is given are within their bounds and those that it leaves are too, layer after layer,
a whole loop is. `relus` says what an MLP passes on of an error, `shares` what a softmax does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from flint import arb

from constructions.papers import giannou2023 as paper
from constructions.witness import Witness
from proofs.layer import Layer
from proofs.slotmap import slot_map
from proofs.stream import Layout

from ...checks.bounds.balls import ball
from .columns import Columns, Grid, NotSo, columns, largest, matrix, nothing
from .machines import bits, number
from .relus import clamps, compared, named, through
from .shares import Attention, Seen, Shares, exponential, of_one, of_two, seen, widest


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
            to, of = named(self.stream, row), named(self.stream, column)
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
                raise NotSo(f"{layer.name} may leave {named(self.stream, row)} off")
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
