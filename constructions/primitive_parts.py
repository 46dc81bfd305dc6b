"""What the layers of `primitive_layers` are put together from: heads on rows, and one GeLU MLP."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from .exact import Exact, is_symbolic
from .primitives import span
from .slotmap import Block, SlotMap, slot_map
from .stream import Layout
from .transformer import MLP, Head

Term = tuple[Sequence[int], Sequence[Sequence[Exact]]]  # (rows read, weights)


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
        return self.rows("position"), [[value] * self.columns for value in values]

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
            sums = [-sum((row[j] for row in weights), start=0) for j in range(len(rows))]
            made += self.blocks(self.rows("balance"), rows, [sums])
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
        made += self.blocks(self.rows("balance"), rest, [[-1] * len(rest)])
        return self.head("self, with the pads", None, made)

    def blocks(
        self, to: Sequence[int], rows: Sequence[int], weights: Sequence[Sequence[Exact]]
    ) -> list[Block]:
        """Blocks of the matrix `weights` from `rows` to `to`, whole slots where they fit."""
        made = []
        for target, i, m in pieces(self.stream, to):
            for source, j, n in pieces(self.stream, rows):
                part = tuple(tuple(row[j : j + n]) for row in weights[i : i + m])
                made += _block(target, source, part, self.stream.shape(source))
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
    target: str, source: str, weights: tuple[tuple[Exact, ...], ...], shape: tuple[int, ...] = ()
) -> list[Block]:
    """The block of a matrix in its shortest form; none if the matrix is 0."""
    m, n = len(weights), len(weights[0])
    first = weights[0][0]
    if all(entry == 0 for row in weights for entry in row):
        return []
    if m == n and all(
        weights[i][j] == (first if i == j else 0) for i in range(m) for j in range(n)
    ):
        return [Block(target, source, first)]
    if m == 1 and all(entry == first for entry in weights[0]) and len(shape) in (1, 2):
        return [Block(target, source, first, "<-" + "ij"[: len(shape)])]
    return [Block(target, source, matrix=weights)]


def scaled(blocks: Sequence[Block], scale: Exact) -> list[Block]:
    """scale * blocks."""
    return [replace(block, coefficient=scale * block.coefficient) for block in blocks]


# -- the MLP ----------------------------------------------------------------------------------


class Unit:
    """Hidden units of one GeLU MLP behind the layer norm, put together product by product."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.inner: list[Block] = []
        self.outer: list[Block] = []
        self.count = 0

    def product(self, left: Term, right: Term, to: Sequence[int], out: Any) -> None:
        """to += out (left * right), entry by entry: sqrt(pi/2)/e^2 (g(e(x+y)) - g(ex) - g(ey))."""
        from sympy import pi, sqrt

        scale = self.parts.constants.scale
        back = sqrt(pi / 2) / _sympy(scale) ** 2
        enlarge = scale * self.parts.undo
        both = self._feature("sum", (*left, enlarge), (*right, enlarge))
        self._write(to, both, out, back)
        for name, (rows, weights) in (("left", left), ("right", right)):
            used = [j for j in range(len(rows)) if any(row[j] != 0 for row in weights)]
            kept = [[int(j == k) for k in range(len(rows))] for j in used]
            alone = self._feature(name, (rows, kept, enlarge))
            spread = matrix_product(out, [[row[j] for j in used] for row in weights])
            self._write(to, alone, spread, -back)

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
            moved = self._feature("moved", (rows, identity(m), scale), (pad, [[1]] * m, k))
            base = self._feature("base", (pad, [[1]], k))
            self._write(to, moved, identity(m), sign)
            self._write(to, base, [[1]] * m, -sign)

    def _feature(self, name: str, *terms: tuple[Sequence[int], Any, Exact]) -> str:
        """A new hidden feature, the sum of scale * weights * rows over the terms."""
        self.count += 1
        feature = f"{name}{self.count}"
        for rows, weights, scale in terms:
            for source, j, n in pieces(self.parts.stream, rows):
                part = tuple(tuple(row[j : j + n]) for row in weights)
                self.inner += scaled(_block(feature, source, part), scale)
        return feature

    def _write(self, to: Sequence[int], feature: str, weights: Any, scale: Exact) -> None:
        for target, i, m in pieces(self.parts.stream, to):
            part = tuple(tuple(row) for row in weights[i : i + m])
            self.outer += scaled(_block(target, feature, part), scale)

    def mlp(self) -> MLP | None:
        if not self.inner:
            return None
        return MLP(slot_map(*self.outer), slot_map(*self.inner), activation="gelu")


# -- small matrices ---------------------------------------------------------------------------


def identity(n: int, c: Exact = 1) -> list[list[Exact]]:
    return [[c if i == j else 0 for j in range(n)] for i in range(n)]


def matrix_product(left: Any, right: Any) -> list[list[Exact]]:
    return [
        [sum(row[k] * right[k][j] for k in range(len(right))) for j in range(len(right[0]))]
        for row in left
    ]


def whole(value: Exact) -> Exact:
    return Fraction(value) if isinstance(value, int) else value


def _sympy(value: Exact) -> Any:
    from sympy import Rational

    if is_symbolic(value):
        return value
    return Rational(value.numerator, value.denominator)
