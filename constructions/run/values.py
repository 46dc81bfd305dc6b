"""What a slot holds, kept in the smallest form that is known of it.

A Value (tokens, size) is a sum of terms scale * rows @ matrix:
    rows    only the tokens where it may be non-zero, as (range, array) pieces;
    matrix  (size of a row, size), one for all tokens: linear attention makes nothing else, for
            sum_j <q_t, k_j> v_j = q_t (K^T V). Kept apart while that is smaller.
So the work is done on K^T V, and not on every token; and never on tokens that are zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from proofs.exact import Exact
from proofs.slotmap import Block

from ..numbers.base import Numbers
from .token_ranges import disjoint, meet, within

MOST_TERMS = 4


class Rows:
    """Rows (tokens, size) of a stream, zero outside the pieces. Equal only to itself.

    kind "ones" is 1 in every column, "one_hot" has row t = e_t; their arrays are made when asked.
    """

    def __init__(
        self,
        numbers: Numbers,
        size: int,
        pieces: Iterable[tuple[range, Any]],
        kind: Literal["array", "ones", "one_hot"] = "array",
    ) -> None:
        self.numbers, self.size, self.kind = numbers, size, kind
        self.pieces = tuple([piece for piece in pieces if piece[0]])
        self.support = tuple([tokens for tokens, _ in self.pieces])
        self.count = sum(map(len, self.support))
        self._taken: dict[range, Any] = {}
        self._grams: dict[tuple[int, range], tuple[Rows, Any]] = {}

    def take(self, tokens: range) -> Any:
        """The rows at `tokens` (len(tokens), size), zeros included."""
        if len(self.pieces) == 1 and self.pieces[0][0] == tokens and self.kind == "array":
            return self.pieces[0][1]
        if tokens not in self._taken:
            self._taken[tokens] = self._take(tokens)
        return self._taken[tokens]

    def _take(self, tokens: range) -> Any:
        if self.kind == "one_hot":
            return self.numbers.constant([[int(t == p) for p in range(self.size)] for t in tokens])
        if self.kind == "ones":
            inside = {t for piece in self.support for t in meet(piece, tokens)}
            return self.numbers.constant([[int(t in inside)] * self.size for t in tokens])
        parts = []
        for piece, array in self.pieces:
            common = meet(piece, tokens)
            if common:
                part = array if common == piece else self.numbers.rows(array, within(common, piece))
                parts.append((within(common, tokens), part))
        if len(parts) == 1 and len(parts[0][0]) == len(tokens):
            return parts[0][1]
        if not parts:
            return self.numbers.zeros(len(tokens), self.size)
        return self.numbers.assemble(len(tokens), parts)

    def restricted(self, support: tuple[range, ...]) -> Rows:
        """The same rows at those tokens (disjoint ranges), zero elsewhere; itself if all."""
        if all(any(meet(mine, r) == mine for r in support) for mine in self.support):
            return self
        kept = [common for mine in self.support for r in support if (common := meet(mine, r))]
        if self.kind != "array":
            return Rows(self.numbers, self.size, ((r, None) for r in kept), self.kind)
        return Rows(self.numbers, self.size, ((r, self.take(r)) for r in kept))

    def gram(self, other: Rows, seen: range) -> Any | None:
        """Sum over tokens in `seen` of self_t^T other_t, (size, other.size); None if zero. Kept."""
        key = id(other), seen
        if key not in self._grams:
            numbers, terms = self.numbers, []
            for mine in self.support:
                for theirs in other.support:
                    common = meet(meet(mine, theirs), seen)
                    if common:
                        terms.append((1, self._times(other, common)))
            self._grams[key] = (other, numbers.combine(terms) if terms else None)
        return self._grams[key][1]

    def has_gram(self, other: Rows, seen: range) -> bool:
        return (id(other), seen) in self._grams

    def _times(self, other: Rows, tokens: range) -> Any:
        if self.kind == "ones" and self.size == 1 and len(tokens) == 1:
            return other.take(tokens)
        return self.numbers.product(
            self.numbers.transpose(self.take(tokens)), other.take(tokens), 1
        )


class Product(NamedTuple):
    """left @ right, not multiplied yet: a sum may take it up in one operation."""

    left: Any
    right: Any


class Term(NamedTuple):
    """scale * rows @ matrix."""

    rows: Rows
    scale: Exact = 1
    matrix: Any = None


class Value:
    """A sum of terms of one size. Zero is not a Value but None."""

    __slots__ = ("numbers", "size", "terms")

    def __init__(self, numbers: Numbers, size: int, terms: tuple[Term, ...]) -> None:
        self.numbers, self.size, self.terms = numbers, size, terms

    def of(self, terms: Iterable[Term]) -> Value:
        """Other terms of the same size."""
        return Value(self.numbers, self.size, tuple(terms))

    # -- reading it --

    @property
    def support(self) -> tuple[range, ...]:
        """Ranges that cover every token where it may be non-zero; they may overlap."""
        if len(self.terms) == 1:
            return self.terms[0].rows.support
        return tuple(dict.fromkeys(r for term in self.terms for r in term.rows.support))

    @property
    def is_ones(self) -> bool:
        """Whether it is one number in every column, on its tokens."""
        return (
            len(self.terms) == 1
            and self.terms[0].rows.kind == "ones"
            and self.terms[0].matrix is None
        )

    def at(self, tokens: range) -> tuple[Exact, Any]:
        """Its rows at `tokens`, as (scale, array)."""
        if len(self.terms) == 1:
            return self.terms[0].scale, self._rows(self.terms[0], tokens)
        parts = [
            (term.scale, self._rows(term, tokens))
            for term in self.terms
            if any(meet(piece, tokens) for piece in term.rows.support)
        ]
        if not parts:
            return 1, self.numbers.zeros(len(tokens), self.size)
        return parts[0] if len(parts) == 1 else (1, self.numbers.combine(parts))

    def array(self, tokens: range) -> Any:
        """Its rows at `tokens`, multiplied out."""
        return self.numbers.scale(*self.at(tokens))

    def _rows(self, term: Term, tokens: range) -> Any:
        rows, matrix = term.rows.take(tokens), term.matrix
        if matrix is None:
            return rows
        if isinstance(matrix, Product):
            return self.numbers.product(self.numbers.product(rows, matrix.left, 1), matrix.right, 1)
        return self.numbers.product(rows, matrix, 1)

    def plain(self, seen: range | None = None) -> Value:
        """The same with a single term and no matrix; of the tokens in `seen` only, if given."""
        if len(self.terms) == 1 and self.terms[0].matrix is None:
            return self
        ranges = [r if seen is None else meet(r, seen) for r in self.support]
        pieces = [(tokens, self.array(tokens)) for tokens in disjoint(ranges)]
        return of_rows(Rows(self.numbers, self.size, pieces))

    # -- arithmetic --

    def scaled(self, c: Exact) -> Value | None:
        """c * self."""
        if c == 1:
            return self
        if c == 0:
            return None
        return self.of([Term(t.rows, t.scale * c, t.matrix) for t in self.terms])

    def kept(self) -> Value:
        """The same with every product multiplied: what a stream may hold."""
        if not any(isinstance(term.matrix, Product) for term in self.terms):
            return self
        return self.of([Term(t.rows, t.scale, self._matrix(t)) for t in self.terms])

    def _matrix(self, term: Term) -> Any:
        if isinstance(term.matrix, Product):
            return self.numbers.product(term.matrix.left, term.matrix.right, 1)
        return term.matrix

    def plus(self, other: Value) -> Value | None:
        """self + other. Terms of the same rows become one."""
        terms = list(self.terms)
        for new in other.terms:
            for i, old in enumerate(terms):
                merged = self._merged(old, new)
                if merged is not None:
                    terms[i] = merged
                    break
            else:
                terms.append(Term(new.rows, new.scale, self._matrix(new)))
        terms = [term for term in terms if term.scale != 0]
        if not terms:
            return None
        made = self.of(terms)
        return made.plain() if len(terms) > MOST_TERMS else made

    def _merged(self, old: Term, new: Term) -> Term | None:
        """old + new as one term, or None where they stay apart."""
        numbers, rows = self.numbers, old.rows
        if new.rows is rows and new.matrix is old.matrix:
            return Term(rows, old.scale + new.scale, old.matrix)
        if old.matrix is None and new.matrix is None:
            return Term(self._overlaid(old, new))
        if new.rows is not rows or old.matrix is None or new.matrix is None:
            return None
        before = self._matrix(old)
        if isinstance(new.matrix, Product):
            left, right = new.matrix.left, new.matrix.right
            return Term(rows, 1, numbers.add_product(old.scale, before, left, right, new.scale))
        return Term(rows, 1, numbers.combine([(old.scale, before), (new.scale, new.matrix)]))

    def _overlaid(self, a: Term, b: Term) -> Rows:
        """Rows of a + b: piece by piece where the pieces are the same or apart."""
        if a.rows.support == b.rows.support:
            pieces = [
                (
                    tokens,
                    self.numbers.combine(
                        [(a.scale, a.rows.take(tokens)), (b.scale, b.rows.take(tokens))]
                    ),
                )
                for tokens in a.rows.support
            ]
            return Rows(self.numbers, self.size, pieces)
        pieces = []
        for tokens in disjoint((*a.rows.support, *b.rows.support)):
            parts = [
                (term.scale, term.rows.take(tokens))
                for term in (a, b)
                if any(meet(tokens, piece) for piece in term.rows.support)
            ]
            pieces.append((tokens, self.numbers.combine(parts)))
        return Rows(self.numbers, self.size, pieces)

    def restricted(self, support: tuple[range, ...]) -> Value | None:
        """self at those tokens (disjoint ranges), zero elsewhere."""
        terms = []
        for term in self.terms:
            rows = term.rows.restricted(support)
            if rows.count:
                kept = Term(rows, term.scale, term.matrix)
                few = term.matrix is not None and rows.count <= rows.size
                terms.append(self.of((kept,)).plain().terms[0] if few else kept)
        return self.of(terms) if terms else None

    def times(self, other: Value) -> Value | None:
        """Entry by entry."""
        if other.is_ones:
            kept = self.restricted(other.support)
            return kept and kept.scaled(other.terms[0].scale)
        if self.is_ones:
            return other.times(self)
        a, b = self.plain().terms[0], other.plain().terms[0]
        pieces = []
        for mine in a.rows.support:
            for theirs in b.rows.support:
                if common := meet(mine, theirs):
                    product = self.numbers.multiply(a.rows.take(common), b.rows.take(common))
                    pieces.append((common, product))
        if not pieces:
            return None
        return of_rows(Rows(self.numbers, self.size, pieces)).scaled(a.scale * b.scale)

    def by_token(self, function: Callable[[Any], Any], size: int, linear: bool = True) -> Value:
        """function, which maps 0 to 0, on every row; a scale passes through one that is linear."""
        (term,) = self.plain().terms
        scale = term.scale if linear else 1
        pieces = []
        for tokens in term.rows.support:
            array = term.rows.take(tokens)
            pieces.append(
                (tokens, function(array if linear else self.numbers.scale(term.scale, array)))
            )
        return Value(self.numbers, size, (Term(Rows(self.numbers, size, pieces), scale),))

    # -- the maps of a block --

    def column(self, index: int) -> Value | None:
        """Its column `index`."""
        (term,) = self.terms if len(self.terms) == 1 else (None,)
        if term is not None and term.rows.kind != "array" and term.matrix is None:
            support = term.rows.support
            if term.rows.kind == "one_hot":
                support = tuple(meet(piece, range(index, index + 1)) for piece in support)
            rows = Rows(self.numbers, 1, ((r, None) for r in support), "ones")
            return Value(self.numbers, 1, (Term(rows, term.scale),)) if rows.count else None
        return self.by_token(lambda a: self.numbers.columns(a, index, index + 1), 1)

    def mapped(self, matrix: tuple[tuple[Exact, ...], ...]) -> Value:
        """An explicit matrix on every row."""
        plain = len(self.terms) == 1 and self.terms[0].matrix is None
        if plain and self.terms[0].rows.kind == "array" and self.terms[0].rows.count > self.size:
            right = self.numbers.transpose(self.numbers.constant(matrix))
            return Value(self.numbers, len(matrix), (self.terms[0]._replace(matrix=right),))
        return self.by_token(lambda a: self.numbers.times_matrix(a, matrix), len(matrix))

    def patterned(self, block: Block, shape: tuple[int, ...], source: tuple[int, ...]) -> Value:
        """The 0/1 matrix of the block's index pattern on every row."""
        size = 1
        for axis in shape:
            size *= axis
        if block.is_diagonal:
            return self
        left, right = block.indices()
        if self.is_ones and len(set(left)) == len(left) and set(right) <= set(left):
            rows = self.terms[0].rows
            ones = Rows(self.numbers, size, rows.pieces, "ones")
            return Value(self.numbers, size, (self.terms[0]._replace(rows=ones),))
        return self.by_token(lambda a: self.numbers.pattern(a, block, shape, source), size)


def of_rows(rows: Rows, scale: Exact = 1) -> Value:
    """scale * rows as a Value."""
    return Value(rows.numbers, rows.size, (Term(rows, scale),))
