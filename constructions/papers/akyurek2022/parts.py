"""What the layers of `primitive_layers` are put together from: heads on rows, and one GeLU MLP."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from proofs.exact import Exact, is_symbolic
from proofs.layer import MLP, Head
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import Layout

from .operations import span
from .sparse import Matrix, column, identity, selection

Term = tuple[Sequence[int], Matrix]  # (rows read, weights)


@dataclass(frozen=True)
class Constants:
    """What the paper calls large or leaves free.

    sharpness   N of a query, "attends to one token"
    large       N of lemmas 6 and 8, undoes the layer norm
    very_large  M of lemma 8
    scale       factor inside the GeLU product of lemma 4
    bypass      N of lemma 5, carries a number through the GeLU
    """

    sharpness: Exact = 256
    large: Exact = 2**100
    very_large: Exact = 2**10
    scale: Exact = Fraction(1, 2**40)
    bypass: Exact = 2**10

    def bits(self, layers: int) -> int:
        """Precision for balls: each product widens them by up to 1/scale, the pads by `large`."""
        lost = math.log2(float(1 / whole(self.scale))) + 24
        return 256 + int(math.log2(float(self.large)) + lost * layers)


# -- heads ------------------------------------------------------------------------------------


class Parts:
    """Heads and slot maps on the rows of one stream."""

    def __init__(self, stream: Layout, constants: Constants) -> None:
        self.stream, self.constants = stream, constants
        self.columns = stream["position"].size
        from sympy import Rational, sqrt

        self.unscale = sqrt(Rational(2, stream.width))  # sqrt(2/L)
        self.undo = self.unscale * constants.large  # undoes the layer norm (lemma 6)

    def rows(self, slot: str) -> range:
        return self.stream.rows(slot)

    def constant(self, values: Sequence[Exact]) -> Term:
        """Constants as a linear function of the one-hot position, whose entries add up to 1."""
        return self.rows("position"), column(values, self.columns)

    def head(
        self, name: str, reads: Mapping[int, tuple[int, ...]] | None, value: list[Block]
    ) -> Head:
        """Column t attends to the columns reads[t], evenly; not in `reads`: to nothing.

        None: each column attends to itself. Keys are e_i; a query is N e_i, or -N everywhere.
        """
        N = self.constants.sharpness
        if reads is None or (
            len(reads) == self.columns and all(r == (t,) for t, r in reads.items())
        ):
            query = Block("at", "position", N)
        else:
            columns = range(self.columns)
            rows = tuple(
                tuple((1 if i in reads[t] else 0) if t in reads else -1 for t in columns)
                for i in columns
            )
            query = Block("at", "position", N, matrix=rows)
        key = slot_map(("at", "position"))
        return Head(
            SlotMap((query,)), key, slot_map(*value), "softmax", "causal", null=True, name=name
        )

    def write(self, to: Sequence[int], terms: Sequence[Term], clear: bool = True) -> list[Block]:
        """Value blocks: rows `to` receive the terms, minus what they held."""
        to = span(tuple(to)) if isinstance(to, tuple) else to
        made = []
        for rows, weights in terms:
            made += self.blocks(to, rows, weights)
        if clear:
            made += self.blocks(to, to, identity(len(to), -1))
        return made

    def unbalance(self, terms: Sequence[Term]) -> list[Block]:
        """-(sum of the terms) to the balance, for a head beside `norm_head`."""
        made = []
        for rows, weights in terms:
            made += self.blocks(self.rows("balance"), rows, weights.minus_sums())
        return made

    def norm_head(self, writes: Sequence[tuple[Sequence[int], Sequence[Term]]], pad: Term) -> Head:
        """The self head that writes, and sets pad = P, balance = -P - (sum of all other units)."""
        made: list[Block] = []
        written: set[int] = set()
        for to, terms in writes:
            made += self.write(to, terms) + self.unbalance(terms)
            written.update(to)
        pads = (*self.rows("pad"), *self.rows("balance"))
        made += self.write(self.rows("pad"), [pad]) + self.unbalance([pad])
        made += self.write(self.rows("balance"), [])
        rest = [row for row in range(self.stream.width) if row not in written and row not in pads]
        made += self.blocks(self.rows("balance"), rest, column([-1], len(rest)))
        return self.head("self, with the pads", None, made)

    def blocks(self, to: Sequence[int], rows: Sequence[int], weights: Matrix) -> list[Block]:
        """Blocks of the matrix `weights` from `rows` to `to`, whole slots where they fit."""
        made = []
        for target, i, m in pieces(self.stream, to):
            for source, j, n in pieces(self.stream, rows):
                part = weights.part(i, m, j, n)
                made += _block(target, source, part, shape=self.stream.shape(source))
        return made


def pieces(stream: Layout, rows: Sequence[int]) -> list[tuple[str, int, int]]:
    """(reference, offset, size): `rows` as whole slots and single entries `slot[i]`."""
    owner = _owners(stream)
    made, at = [], 0
    while at < len(rows):
        name = owner[rows[at]]
        whole = stream.rows(name)
        if list(rows[at : at + len(whole)]) == list(whole):
            made.append((name, at, len(whole)))
            at += len(whole)
        else:
            made.append((f"{name}[{rows[at] - whole.start}]", at, 1))
            at += 1
    return made


@lru_cache(maxsize=64)
def _owners(stream: Layout) -> tuple[str, ...]:
    """The slot of each row."""
    return tuple(slot.name for slot in stream.slots for _ in range(slot.size))


def _block(
    target: str, source: str, weights: Matrix, scale: Exact = 1, shape: tuple[int, ...] = ()
) -> list[Block]:
    """The block of scale * weights in its shortest form; none if the weights are 0."""
    if weights.is_zero():
        return []
    c = weights.multiple_of_identity()
    if c is not None:
        return [Block(target, source, scale * c)]
    c = weights.multiple_of_ones()
    if c is not None and len(shape) in (1, 2):
        return [Block(target, source, scale * c, "<-" + "ij"[: len(shape)])]
    return [Block(target, source, scale, matrix=weights.dense())]


# -- the MLP ----------------------------------------------------------------------------------


class Unit:
    """Hidden units of one GeLU MLP behind the layer norm, put together product by product."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.inner: list[Block] = []
        self.outer: list[Block] = []
        self.count = 0

    def product(self, left: Term, right: Term, to: Sequence[int], out: Matrix) -> None:
        """to += out (left * right), entry by entry: sqrt(pi/2)/e^2 (g(e(x+y)) - g(ex) - g(ey))."""
        from sympy import pi, sqrt

        scale = self.parts.constants.scale
        back = sqrt(pi / 2) / _sympy(scale) ** 2
        enlarge = scale * self.parts.undo
        both = self._feature("sum", (*left, enlarge), (*right, enlarge))
        self._write(to, both, out, back)
        for name, (rows, weights) in (("left", left), ("right", right)):
            used = weights.used()
            alone = self._feature(name, (rows, selection(used, len(rows)), enlarge))
            self._write(to, alone, out.times(weights.only(used)), -back)

    def bypass(
        self,
        rows: Sequence[int],
        to: Sequence[int],
        sign: int,
        scale: Exact,
        both: bool = False,
    ) -> None:
        """to += sign * scale * norm(rows), as g(K + z) - g(K) (lemma 5).

        K comes from the pad; `both` adds g(-K + z) - g(-K), as the pad may be negative.
        """
        K = self.parts.constants.bypass * self.parts.unscale
        m = len(rows)
        pad = self.parts.rows("pad")
        for k in (K, -K) if both else (K,):
            moved = self._feature("moved", (rows, identity(m), scale), (pad, column([1] * m), k))
            base = self._feature("base", (pad, identity(1), k))
            self._write(to, moved, identity(m), sign)
            self._write(to, base, column([1] * m), -sign)

    def _feature(self, name: str, *terms: tuple[Sequence[int], Matrix, Exact]) -> str:
        """A new hidden feature, the sum of scale * weights * rows over the terms."""
        self.count += 1
        feature = f"{name}{self.count}"
        for rows, weights, scale in terms:
            for source, j, n in pieces(self.parts.stream, rows):
                part = weights.part(0, weights.rows, j, n)
                self.inner += _block(feature, source, part, scale)
        return feature

    def _write(self, to: Sequence[int], feature: str, weights: Matrix, scale: Exact) -> None:
        for target, i, m in pieces(self.parts.stream, to):
            part = weights.part(i, m, 0, weights.columns)
            self.outer += _block(target, feature, part, scale)

    def mlp(self) -> MLP | None:
        if not self.inner:
            return None
        return MLP(slot_map(*self.outer), slot_map(*self.inner), activation="gelu")


def whole(value: Exact) -> Exact:
    return Fraction(value) if isinstance(value, int) else value


def _sympy(value: Exact) -> Any:
    from sympy import Rational

    if is_symbolic(value):
        return value
    return Rational(value.numerator, value.denominator)
