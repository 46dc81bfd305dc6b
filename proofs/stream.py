"""The residual stream as named slots: who lives in which rows of the hidden state."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from typing import Any

from proofs.vocabulary import whole

DIMENSION = "d"  # the letter for the dimension of one x
_ENTRY = re.compile(r"(?P<slot>.+)\[(?P<index>\d+)\]$")


@dataclass(frozen=True)
class Slot:
    """A named part of the stream of `shape` (), (d,) or (d, d), stored row-major.

    An axis may be a letter, "d", until `at` puts the number in.
    """

    name: str
    shape: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or "[" in self.name or "]" in self.name:
            raise ValueError(f"{self.name!r} is no name of a slot: text without brackets is")
        for axis in self.shape:
            if axis != DIMENSION:
                whole(axis, 0, f"an axis of slot {self.name!r}")

    @cached_property
    def size(self) -> int:
        return prod(self.shape)

    def at(self, d: int) -> Slot:
        """The same slot for inputs of dimension d."""
        return Slot(self.name, tuple(d if axis == DIMENSION else axis for axis in self.shape))


@dataclass(frozen=True)
class Layout:
    """Slots in order; gives rows when asked. Raises ValueError on a name used twice."""

    slots: tuple[Slot, ...]

    def __post_init__(self) -> None:
        names = [slot.name for slot in self.slots]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"slot {name!r} is laid out twice")

    @cached_property
    def _starts(self) -> dict[str, int]:
        starts, row = {}, 0
        for slot in self.slots:
            starts[slot.name] = row
            row += slot.size
        return starts

    @cached_property
    def _by_name(self) -> dict[str, Slot]:
        return {slot.name: slot for slot in self.slots}

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Slot:
        try:
            return self._by_name[name]
        except KeyError:
            known = ", ".join(self._by_name)
            raise KeyError(f"no slot {name!r} in this stream, which has {known}") from None

    @cached_property
    def width(self) -> int:
        """Hidden units of the stream."""
        return sum(slot.size for slot in self.slots)

    def at(self, d: int) -> Layout:
        """The same layout for inputs of dimension d."""
        if (made := self._at.get(d)) is None or type(d) is not int:
            made = Layout(tuple(slot.at(d) for slot in self.slots))
            if type(d) is int:
                self._at[d] = made
        return made

    def rows(self, reference: str) -> range:
        """The rows of a slot, or of one entry `slot[i]` of it (row-major, from 0)."""
        if (rows := self._rows.get(reference)) is None:
            rows = self._rows[reference] = self._found(reference)
        return rows

    @cached_property
    def _at(self) -> dict[int, Layout]:
        """What `at` has made, by d: every witness of a construction asks for it."""
        return {}

    @cached_property
    def _rows(self) -> dict[str, range]:
        """What `rows` has found."""
        return {}

    def _found(self, reference: str) -> range:
        name, index = split_entry(reference)
        slot = self[name]
        start = self._starts[name]
        if index is None:
            return range(start, start + slot.size)
        if index >= slot.size:
            raise KeyError(f"{reference}: slot {name!r} has only {slot.size} entries")
        return range(start + index, start + index + 1)

    def shape(self, reference: str) -> tuple[int, ...]:
        """Shape of a slot; of one entry `slot[i]`: ()."""
        name, index = split_entry(reference)
        return self[name].shape if index is None else ()


def layout(**shapes: Sequence[Any]) -> Layout:
    """layout(x=(d,), y=()) — a Layout in the order of the keywords.

    A shape may be text, a letter per axis: x="d", y="", P="dd".
    """
    for name, shape in shapes.items():
        if isinstance(shape, int) or not hasattr(shape, "__iter__"):
            raise TypeError(
                f"slot {name} has a shape {shape!r}; write {name}=({shape!r},) for a vector, "
                f"{name}=() for a number"
            )
    return Layout(tuple(Slot(name, tuple(shape)) for name, shape in shapes.items()))


@lru_cache(maxsize=4096)
def split_entry(reference: str) -> tuple[str, int | None]:
    """('position', 3) for 'position[3]', ('x', None) for 'x'."""
    match = _ENTRY.match(reference)
    if match:
        return match["slot"], int(match["index"])
    return reference, None
