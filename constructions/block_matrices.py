"""Matrices as papers write them, read into blocks between named rows.

A matrix is given whole (nested lists, numpy, torch, sympy, entries as numbers or as text such as
"1/3"), or by its blocks: {("y", "x"): w, ("x", "x"): -A}, a number standing for that multiple of
the identity. A shape that does not fit is refused in one line that names the matrix.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from numbers import Rational
from operator import mul
from typing import Any

from proofs.exact import Exact, exact, is_symbolic
from proofs.slotmap import Block, SlotMap
from proofs.stream import DIMENSION, Layout, Slot

from .parameters import typed

Rows = tuple[tuple[Exact, ...], ...]


# -- entries ----------------------------------------------------------------------------------


def entry(what: str, value: Any) -> Exact:
    """A number as it is given; text such as "1/3" as typed, floats exactly."""
    try:
        if isinstance(value, str):
            return exact(typed(value))
        extended = hasattr(value, "as_integer_ratio") and not isinstance(value, (float, Rational))
        if extended and not is_symbolic(value):  # numpy's floats of more than 64 bits
            value = Fraction(*value.as_integer_ratio())
        return exact(value, "it")
    except TypeError:
        raise TypeError(f"{what} must be a number, not {value!r}") from None
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{what}: {error}") from None


def nested(value: Any) -> Any:
    """Arrays of numpy, torch and sympy as nested lists; anything else as it is."""
    if hasattr(value, "detach"):
        value = value.detach()
    if hasattr(value, "tolist"):
        value = value.tolist()
    elif hasattr(value, "__array__"):
        value = value.__array__().tolist()
    return value


def is_number(value: Any) -> bool:
    """Whether it is one number (or text of one), not rows of them."""
    return isinstance(value, str) or not hasattr(value, "__iter__")


def rows_of(what: str, value: Any) -> Rows:
    """A matrix as rows of exact numbers. Raises ValueError or TypeError."""
    value = nested(value)
    if is_number(value):
        raise ValueError(f"{what} must be a matrix, given by its rows, not {value!r}")
    rows = [nested(row) for row in value]
    for row in rows:
        if is_number(row):
            raise ValueError(f"{what} must be a matrix, given by its rows, not a vector")
    made = tuple(
        tuple(entry(f"{what}[{i}, {j}]", e) for j, e in enumerate(row))
        for i, row in enumerate(rows)
    )
    lengths = sorted({len(row) for row in made})
    if len(lengths) != 1 or lengths[0] == 0:
        said = " and ".join(map(str, lengths)) if lengths else "no"
        raise ValueError(f"{what} is no matrix: its rows have {said} entries")
    return made


# -- blocks -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """One block: a number times the identity, or the rows of a matrix."""

    to: str
    source: str
    value: Exact | Rows

    def block(self, scale: Exact = 1) -> Block:
        """As a block of a slot map, times a number."""
        if isinstance(self.value, tuple):
            return Block(self.to, self.source, scale, matrix=self.value)
        return Block(self.to, self.source, exact(scale * self.value))


@dataclass(frozen=True)
class NamedRows:
    """Named rows of a matrix, or named columns: slots whose axes may be the letter d."""

    layout: Layout
    d: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(slot.name for slot in self.layout.slots)

    @property
    def total(self) -> int:
        return self.layout.at(self.d).width

    def size(self, name: str) -> int:
        return self.layout.at(self.d)[name].size

    def axes(self, name: str) -> tuple[Any, ...]:
        """The shape, in which an axis may be the letter d."""
        return self.layout[name].shape

    def starts(self) -> Iterator[tuple[str, int, int]]:
        """(name, first row, row after the last)."""
        at = 0
        for name in self.names:
            yield name, at, at + self.size(name)
            at += self.size(name)

    def __str__(self) -> str:
        return ", ".join(f"{name} ({self.counted(name)})" for name in self.names)

    def counted(self, name: str) -> str:
        letters = "".join(map(str, self.axes(name)))
        size = self.size(name)
        return (
            f"d = {size}" if letters == "d" else f"d d = {size}" if letters == "dd" else str(size)
        )


def alike(to: NamedRows, a: str, source: NamedRows, b: str) -> bool:
    """Whether two of them have one size, whatever d is."""
    shapes = to.axes(a), source.axes(b)
    letters = {shape.count(DIMENSION) for shape in shapes}
    return len(letters) == 1 and to.size(a) == source.size(b)


def parts_of(what: str, given: Any, to: NamedRows, source: NamedRows) -> tuple[Part, ...]:
    """A matrix from the rows of `source` to those of `to`, as parts; zeros are left out.

    Raises ValueError or TypeError in one line that names the matrix.
    """
    if isinstance(given, Mapping):
        return tuple(_named(what, key, value, to, source) for key, value in given.items())
    if is_number(nested(given)):
        raise ValueError(
            f"{what} must be a {to.total} x {source.total} matrix, or its blocks by name, "
            f"not {given!r}"
        )
    rows = rows_of(what, given)
    shape = len(rows), len(rows[0])
    if shape != (to.total, source.total):
        raise ValueError(
            f"{what} is {shape[0]} x {shape[1]}; {_between(to, source)} it must be "
            f"{to.total} x {source.total}"
        )
    return tuple(_split(rows, to, source))


def _between(to: NamedRows, source: NamedRows) -> str:
    if to == source:
        return f"with the rows {to}"
    return f"from {source} to {to}"


def _split(rows: Rows, to: NamedRows, source: NamedRows) -> Iterator[Part]:
    """The parts of a whole matrix."""
    for a, top, bottom in to.starts():
        for b, left, right in source.starts():
            block = tuple(row[left:right] for row in rows[top:bottom])
            value = simplified(block)
            if value != 0:
                yield Part(a, b, value if alike(to, a, source, b) else block)


def simplified(rows: Rows) -> Exact | Rows:
    """A multiple of the identity (0 included) as that number, any other matrix as it is."""
    first = rows[0][0] if rows and rows[0] else 0
    zero = all(e == 0 for row in rows for e in row)
    if zero:
        return 0
    scalar = len(rows) == len(rows[0]) and all(
        e == (first if i == j else 0) for i, row in enumerate(rows) for j, e in enumerate(row)
    )
    return first if scalar else rows


def _named(what: str, key: Any, value: Any, to: NamedRows, source: NamedRows) -> Part:
    """One block that is given by its names."""
    if not (isinstance(key, tuple) and len(key) == 2):
        raise ValueError(f"{what}: a block is named by a pair of rows, ('y', 'x'), not {key!r}")
    a, b = key
    for name, side in ((a, to), (b, source)):
        if not isinstance(name, str) or name not in side.layout:
            there = ", ".join(side.names)
            raise ValueError(f"{what}[{a}, {b}]: there is no {name!r} here, but {there}")
    where, value = f"{what}[{a}, {b}]", nested(value)
    if is_number(value):
        number = entry(where, value)
        if not alike(to, a, source, b):
            size = to.size(a), source.size(b)
            raise ValueError(
                f"{_fits(where, a, b, to, source)}: the number {number} is a multiple of the "
                f"identity, which needs as many rows as columns; a {size[0]} x {size[1]} matrix "
                "would fit"
            )
        return Part(a, b, number)
    fits, size = _fits(where, a, b, to, source), (to.size(a), source.size(b))
    rows = _upright(where, fits, value, to.axes(a) == (), source.axes(b) == ())
    shape = len(rows), len(rows[0])
    if shape != size:
        raise ValueError(
            f"{fits}: a {shape[0]} x {shape[1]} matrix does not fit, a {size[0]} x {size[1]} one "
            "would"
        )
    number_to_number = to.axes(a) == source.axes(b) == ()
    return Part(a, b, rows[0][0] if number_to_number else rows)


def _fits(where: str, a: str, b: str, to: NamedRows, source: NamedRows) -> str:
    return f"{where} goes from {b} ({source.counted(b)}) to {a} ({to.counted(a)})"


def _upright(where: str, fits: str, value: Any, one_row: bool, one_column: bool) -> Rows:
    """Rows as a matrix; a vector is the one row, or the one column, that there is."""
    entries = [nested(row) for row in value]
    if not entries or not all(map(is_number, entries)):
        return rows_of(where, entries)
    if one_row:
        return rows_of(where, [entries])
    if one_column:
        return rows_of(where, [[e] for e in entries])
    raise ValueError(f"{fits}: a vector of {len(entries)} numbers does not fit, rows are needed")


# -- features that a matrix names itself ------------------------------------------------------


def features(what: str, given: Any, source: NamedRows, name: str) -> NamedRows:
    """The rows of a matrix whose height is free: named by its blocks, or all together `name`."""
    if not isinstance(given, Mapping):
        return NamedRows(Layout((Slot(name, (len(rows_of(what, given)),)),)), source.d)
    made: dict[str, Slot] = {}
    for key, value in given.items():
        if not (isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], str)):
            raise ValueError(f"{what}: a block is named by a pair, ('f', 'x'), not {key!r}")
        a, b = key
        if b not in source.layout:
            there = ", ".join(source.names)
            raise ValueError(f"{what}[{a}, {b}]: there is no {b!r} here, but {there}")
        made.setdefault(a, Slot(a, _height(f"{what}[{a}, {b}]", value, source.axes(b))))
    return NamedRows(Layout(tuple(made.values())), source.d)


def _height(where: str, value: Any, axes: tuple[Any, ...]) -> tuple[Any, ...]:
    """The shape of what a block makes of something of these axes."""
    value = nested(value)
    if is_number(value):
        return axes
    entries = [nested(row) for row in value]
    if entries and all(map(is_number, entries)):  # one row, if it reads a vector
        return () if axes else (len(entries),)
    return (len(rows_of(where, entries)),)


def slot_map_of(
    parts: Sequence[Part], to: NamedRows, source: NamedRows, scale: Exact = 1
) -> SlotMap:
    """The parts, times a number, as a map that names its features: where nothing goes it is 0."""
    written = {part.to for part in parts}
    zeros = (_nothing(name, to, source) for name in to.names if name not in written)
    return SlotMap((*(part.block(scale) for part in parts), *zeros))


def _nothing(name: str, to: NamedRows, source: NamedRows) -> Block:
    for other in source.names:
        if alike(to, name, source, other):
            return Block(name, other, 0)
    first = source.names[0]
    return Block(name, first, 0, matrix=((0,) * source.size(first),) * to.size(name))


def product(left: Sequence[Part], right: Sequence[Part]) -> tuple[Part, ...]:
    """left · right, block by block."""
    made = []
    for a in left:
        for b in right:
            if a.source == b.to:
                made.append(Part(a.to, b.source, _times(a.value, b.value)))
    return tuple(part for part in made if part.value != 0)


def _times(a: Exact | Rows, b: Exact | Rows) -> Exact | Rows:
    if isinstance(a, tuple) and isinstance(b, tuple):
        columns = tuple(zip(*b))
        sums = (tuple(exact(sum(map(mul, row, column))) for column in columns) for row in a)
        return simplified(tuple(sums))
    if isinstance(b, tuple):
        a, b = b, a
    if isinstance(a, tuple):
        return tuple(tuple(exact(e * b) for e in row) for row in a)
    return exact(a * b)
