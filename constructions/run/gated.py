"""Products of two linear maps of the stream, summed without being written out.

A hidden unit of a bilinear MLP is left * gate, spread by index patterns: P[ij] * a[j]. The outer
map sums over an index, u[i] <- sum_j: then the hidden units are a matrix product, P @ a, and the
d^2 of them need never exist. What has no such form is multiplied entry by entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

from proofs.slotmap import Block, SlotMap
from proofs.stream import Layout

from .token_ranges import meet
from .values import Rows, Value, of_rows

AXES = "abcdefgh"


class Factor(NamedTuple):
    """One factor of hidden units, and which of their axes (a, b, …) its own axes are."""

    value: Value
    letters: str


@dataclass(eq=False)
class Gated:
    """Hidden units of shape `shape`: left * gate."""

    left: Factor
    gate: Factor
    shape: tuple[int, ...]
    _made: dict[Any, Value | None] = field(default_factory=dict)

    def summed(self, pattern: str | None, shape: tuple[int, ...] | None) -> Value | None:
        """The 0/1 matrix of an outer block's index pattern on the hidden units (None: I).

        `shape` is that of what is written: it sizes letters that the hidden units do not have.
        """
        key = pattern, shape
        if key not in self._made:
            out = _left_over(pattern, self.left.letters, self.gate.letters, len(self.shape))
            self._made[key] = (
                self._written(pattern, shape) if out is None else self._contracted(out)
            )
        return self._made[key]

    def _contracted(self, out: str) -> Value | None:
        numbers = self.left.value.numbers
        sizes = dict(zip(AXES, self.shape))
        (a,), (b,) = self.left.value.plain().terms, self.gate.value.plain().terms
        pieces = []
        for mine in a.rows.support:
            for theirs in b.rows.support:
                if common := meet(mine, theirs):
                    left, right = a.rows.take(common), b.rows.take(common)
                    array = numbers.contract(
                        left, self.left.letters, right, self.gate.letters, out, sizes
                    )
                    pieces.append((common, array))
        if not pieces:
            return None
        rows = Rows(numbers, prod(sizes[axis] for axis in out), pieces)
        return of_rows(rows).scaled(a.scale * b.scale)

    def _written(self, pattern: str | None, shape: tuple[int, ...] | None) -> Value | None:
        """The hidden units one by one."""
        if pattern is None:
            return self._spread(self.left).times(self._spread(self.gate))
        value = self.summed(None, None)
        if value is None:
            return None
        block = Block("out", "hidden", 1, pattern)
        if shape is None:
            shape = block.output_shape(self.shape, {})
        return value.patterned(block, shape, self.shape)

    def _spread(self, one: Factor) -> Value:
        """The factor repeated along the axes that it does not have."""
        sizes = dict(zip(AXES, self.shape))
        axes, source = AXES[: len(self.shape)], tuple(sizes[axis] for axis in one.letters)
        return one.value.patterned(
            Block("hidden", "factor", 1, f"{axes}<-{one.letters}"), self.shape, source
        )


def gated(left: Factor | None, gate: Factor | None, shape: tuple[int, ...]) -> Any:
    """The hidden units as Gated; NotImplemented where that does not say it or saves nothing."""
    if left is None or gate is None or left.value.is_ones or gate.value.is_ones:
        return NotImplemented
    return Gated(left, gate, shape)


def whole(value: Value, axes: int) -> Factor:
    """A factor with every axis of the hidden units, in their order."""
    return Factor(value, AXES[:axes])


def factor(
    slots: SlotMap,
    name: str,
    stream: Mapping[str, Value],
    layout: Layout,
    hidden: tuple[int, ...],
) -> Factor | None:
    """What `slots` sends to the hidden feature `name`, if one block without repeats does it."""
    blocks = slots.to(name)
    if len(blocks) != 1 or blocks[0].matrix is not None or blocks[0].source not in stream:
        return None
    (block,) = blocks
    source, value = layout.shape(block.source), stream[block.source].scaled(block.coefficient)
    if value is None or (block.pattern is None and source != hidden):
        return None
    letters = _axes(block.pattern, len(hidden))
    return None if letters is None else Factor(value, letters)


@lru_cache(maxsize=256)
def _axes(pattern: str | None, count: int) -> str | None:
    """The hidden axes that the source's axes are; None if an axis is repeated or summed."""
    axes = AXES[:count]
    if pattern is None or count > len(AXES):
        return axes if pattern is None else None
    left, _, right = pattern.partition("<-")
    if len(left) != count or not (_distinct(left) and _distinct(right) and set(right) <= set(left)):
        return None
    named = dict(zip(left, axes))
    return "".join(named[letter] for letter in right)


@lru_cache(maxsize=256)
def _left_over(pattern: str | None, ours: str, theirs: str, count: int) -> str | None:
    """The axes that `pattern` keeps, if left and gate are then one matrix product."""
    axes = out = AXES[:count]
    if pattern is not None:
        to, _, source = pattern.partition("<-")
        if len(source) != count or not (
            _distinct(source) and _distinct(to) and set(to) <= set(source)
        ):
            return None
        named = dict(zip(source, axes))
        out = "".join(named[letter] for letter in to)
    alone = (set(ours) ^ set(theirs)) - set(out)
    if set(ours) & set(theirs) & set(out) or alone or set(ours) | set(theirs) != set(axes):
        return None
    return out


def _distinct(letters: str) -> bool:
    return len(set(letters)) == len(letters)
