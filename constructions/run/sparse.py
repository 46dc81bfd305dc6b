"""Matrices of which only some rectangles are not zero, and their operations as steps.

So nothing is computed of tokens and features that are zero, and nothing is multiplied by what is
1 everywhere, the feature that is one on some tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations
from typing import Any, NamedTuple

from proofs.exact import Exact

from .steps import Array, Recorder
from .token_ranges import MOST_PIECES, disjoint, hull, meet, within

Place = tuple[range, range]
Outline = tuple[tuple[range, range, bool], ...]  # rows, columns, and whether every entry is 1


class Piece(NamedTuple):
    """A rectangle of a matrix; without an array every entry is 1."""

    rows: range
    columns: range
    array: Array | None


@dataclass(frozen=True)
class Sparse:
    """A matrix that is zero outside its pieces, of which no two meet."""

    rows: int
    columns: int
    pieces: tuple[Piece, ...]
    over_tokens: bool = False  # whether its columns are tokens, as those of attention weights

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Asked for with every product that may have been made before."""
        return hash((self.rows, self.columns, self.pieces, self.over_tokens))

    @cached_property
    def support(self) -> tuple[range, ...]:
        """The rows of its pieces."""
        return tuple(dict.fromkeys(piece.rows for piece in self.pieces))

    @cached_property
    def count(self) -> int:
        """How many rows may differ from zero."""
        return sum(map(len, disjoint(self.support)))

    @cached_property
    def is_ones(self) -> bool:
        """Whether it is 1 in every column, on its rows."""
        return all(p.array is None and len(p.columns) == self.columns for p in self.pieces)

    @cached_property
    def outline(self) -> Outline:
        return tuple((p.rows, p.columns, p.array is None) for p in self.pieces)


def ones_on(rows: int, columns: int, support: Iterable[range]) -> Sparse:
    """1 in every column of those rows."""
    return Sparse(rows, columns, tuple(Piece(r, range(columns), None) for r in support))


@lru_cache(maxsize=2**16)
def product_outline(a: Outline, b: Outline) -> tuple[int, Outline]:
    """How many multiplications a product takes, and the outline of what it makes."""
    cost = 0
    made: dict[Place, bool] = {}
    for rows, left, a_is_one in a:
        for right, columns, b_is_one in b:
            if inner := meet(left, right):
                copied = _is_copy(len(inner), len(rows), a_is_one, len(columns), b_is_one)
                cost += 0 if copied else len(rows) * len(inner) * len(columns)
                alone = (rows, columns) not in made
                made[rows, columns] = alone and copied and a_is_one and b_is_one
    return cost, tuple((*place, ones) for place, ones in made.items())


def _is_copy(inner: int, rows: int, a_is_one: bool, columns: int, b_is_one: bool) -> bool:
    """Whether a product of two pieces is one of them: 1 by 1, or one row or column by 1."""
    if inner > 1:
        return False
    return (a_is_one and (b_is_one or rows == 1)) or (b_is_one and columns == 1)


class SparseSteps:
    """Operations on sparse matrices, recorded as steps."""

    def __init__(self, record: Recorder) -> None:
        self.record = record
        self._products: dict[tuple[Sparse, Sparse], Sparse] = {}

    # -- parts --

    def array(self, piece: Piece) -> Array:
        """The piece's entries, also where they are all 1."""
        if piece.array is not None:
            return piece.array
        rows = ((1,) * len(piece.columns),) * len(piece.rows)
        return self.record("constant", known=(rows,))

    def rows_of(self, a: Array, mine: range, wanted: range) -> Array:
        """Some rows of an array that has the rows `mine`."""
        return a if wanted == mine else self.record("rows", a, known=(within(wanted, mine),))

    def cut(self, piece: Piece, rows: range, columns: range) -> Array | None:
        """The array of some rows and columns of a piece."""
        if piece.array is None:
            return None
        a = self.rows_of(piece.array, piece.rows, rows)
        if columns == piece.columns:
            return a
        inside = within(columns, piece.columns)
        if inside.step == 1:
            return self.record("columns", a, known=(inside.start, inside.stop))
        turned = self.record("transpose", a)
        return self.record("transpose", self.rows_of(turned, piece.columns, columns))

    def taken(self, a: Sparse, rows: range, columns: range) -> list[Piece]:
        """The pieces inside some rows and columns."""
        return [
            Piece(r, c, self.cut(piece, r, c))
            for piece in a.pieces
            if (r := meet(piece.rows, rows)) and (c := meet(piece.columns, columns))
        ]

    def rows(self, a: Sparse, tokens: range) -> Sparse:
        pieces = self.taken(a, tokens, range(a.columns))
        placed = (p._replace(rows=within(p.rows, tokens)) for p in pieces)
        return Sparse(len(tokens), a.columns, tuple(placed), a.over_tokens)

    def columns(self, a: Sparse, start: int, stop: int) -> Sparse:
        columns = range(start, stop)
        pieces = self.taken(a, range(a.rows), columns)
        placed = (p._replace(columns=within(p.columns, columns)) for p in pieces)
        return Sparse(a.rows, stop - start, tuple(placed))

    def restricted(self, a: Sparse, support: Sequence[range]) -> Sparse:
        """The same at those rows (disjoint ranges), zero elsewhere; itself if all."""
        if all(any(meet(mine, r) == mine for r in support) for mine in a.support):
            return a
        pieces = [piece for r in support for piece in self.taken(a, r, range(a.columns))]
        return Sparse(a.rows, a.columns, tuple(pieces), a.over_tokens)

    def shifted(self, a: Sparse, by: int, columns: int) -> Sparse:
        """Its columns as those from `by` on of a wider matrix."""
        pieces = (
            p._replace(columns=range(p.columns.start + by, p.columns.stop + by, p.columns.step))
            for p in a.pieces
        )
        return Sparse(a.rows, columns, tuple(pieces))

    def transposed(self, a: Sparse) -> Sparse:
        """Of a matrix whose rows are tokens."""
        pieces = (
            Piece(columns, rows, None if array is None else self.record("transpose", array))
            for rows, columns, array in a.pieces
        )
        return Sparse(a.columns, a.rows, tuple(pieces), True)

    # -- as arrays --

    def dense(self, a: Sparse) -> Array:
        return self.rectangle(a, range(a.rows), range(a.columns))

    def rectangle(self, a: Sparse, rows: range, columns: range) -> Array:
        """The array of some rows and columns, zeros included."""
        bands: dict[range, list[tuple[range, Array]]] = {}
        for piece in self.taken(a, rows, columns):
            part = within(piece.rows, rows), self.array(piece)
            bands.setdefault(within(piece.columns, columns), []).append(part)
        made = {band: self._padded(parts, len(rows)) for band, parts in bands.items()}
        if all(band.step == 1 for band in made) and not _overlap(made):
            return self._side_by_side(made, len(rows), len(columns))
        wide = [
            self._padded([(band, self.record("transpose", array))], len(columns))
            for band, array in made.items()
        ]
        return self.record("transpose", self.record.combine([(1, array) for array in wide]))

    def _side_by_side(self, bands: dict[range, Array], rows: int, columns: int) -> Array:
        """Arrays at some columns, zeros at the others."""
        parts, stop = [], 0
        for band in sorted(bands, key=lambda band: band.start):
            if band.start > stop:
                parts.append(self.record("zeros", known=(rows, band.start - stop)))
            parts.append(bands[band])
            stop = band.stop
        if stop < columns:
            parts.append(self.record("zeros", known=(rows, columns - stop)))
        return parts[0] if len(parts) == 1 else self.record("concatenate", *parts)

    def _padded(self, parts: Sequence[tuple[range, Array]], total: int) -> Array:
        """Arrays at some rows, zeros at the others."""
        places, arrays = zip(*parts)
        if places == (range(total),):
            return arrays[0]
        return self.record("assemble", *arrays, known=(total, places))

    def whole_rows(self, a: Sparse) -> list[tuple[range, Array]]:
        """Its non-zero rows, in ranges that do not meet."""
        everywhere = range(a.columns)
        if all(piece.columns == everywhere for piece in a.pieces):
            return [(piece.rows, self.array(piece)) for piece in a.pieces]
        return [(rows, self.rectangle(a, rows, everywhere)) for rows in disjoint(a.support)]

    # -- arithmetic --

    def each(self, a: Sparse, function: Callable[[Array], Array]) -> Sparse:
        """A function that maps 0 to 0 on every piece."""
        pieces = (Piece(p.rows, p.columns, function(self.array(p))) for p in a.pieces)
        return Sparse(a.rows, a.columns, tuple(pieces), a.over_tokens)

    def known(self, a: Any, b: Any) -> Sparse | None:
        """The product of two matrices that has been made."""
        return self._products.get((a, b))

    def product(self, a: Sparse, b: Sparse) -> Sparse:
        made = self._products.get((a, b))
        if made is None:
            terms = [
                (1, Piece(p.rows, q.columns, self._product(p, q, inner)))
                for p in a.pieces
                for q in b.pieces
                if (inner := meet(p.columns, q.rows))
            ]
            made = Sparse(a.rows, b.columns, self._summed(terms), b.over_tokens)
            self._products[a, b] = made
        return made

    def _product(self, p: Piece, q: Piece, inner: range) -> Array | None:
        left, right = self.cut(p, p.rows, inner), self.cut(q, inner, q.columns)
        if _is_copy(len(inner), len(p.rows), left is None, len(q.columns), right is None):
            return right if left is None else left
        a = self.array(Piece(p.rows, inner, left))
        return self.record("product", a, self.array(Piece(inner, q.columns, right)), known=(1,))

    def sum(self, terms: Sequence[tuple[Exact, Sparse]]) -> Sparse:
        """Sum of c * a."""
        pieces = self._summed([(c, piece) for c, a in terms for piece in a.pieces])
        first = terms[0][1]
        return Sparse(first.rows, first.columns, pieces, any(a.over_tokens for _, a in terms))

    def _summed(self, terms: Iterable[tuple[Exact, Piece]]) -> tuple[Piece, ...]:
        """Pieces that do not meet, of a sum of pieces that may."""
        places: dict[Place, dict[Array | None, Exact]] = {}
        for c, (rows, columns, array) in terms:
            total = places.setdefault((rows, columns), {})
            total[array] = total.get(array, 0) + c
        pieces = []
        for place, total in places.items():
            left = [(array, c) for array, c in total.items() if c != 0]
            if left == [(None, 1)]:
                pieces.append(Piece(*place, None))
            elif left:
                arrays = [(c, self.array(Piece(*place, array))) for array, c in left]
                pieces.append(Piece(*place, self.record.combine(arrays)))
        few = len(pieces) <= MOST_PIECES
        return tuple(pieces) if few and not _meet(pieces) else self._overlaid(pieces)

    def _overlaid(self, pieces: Sequence[Piece]) -> tuple[Piece, ...]:
        """The sum of pieces, as pieces of the same columns and of rows that do not meet."""
        columns = hull(piece.columns for piece in pieces)
        size = max(piece.rows[-1] for piece in pieces) + 1, columns[-1] + 1
        layers = [pieces] if not _meet(pieces) else [[piece] for piece in pieces]
        made = []
        for rows in disjoint(piece.rows for piece in pieces):
            arrays = [
                (1, self.rectangle(layer, rows, columns))
                for layer in (Sparse(*size, tuple(layer)) for layer in layers)
                if any(meet(mine, rows) for mine in layer.support)
            ]
            made.append(Piece(rows, columns, self.record.combine(arrays)))
        return tuple(made)


def _overlap(ranges: Iterable[range]) -> bool:
    """Whether two of them have something in common."""
    return any(meet(a, b) for a, b in combinations(ranges, 2))


def _meet(pieces: Sequence[Piece]) -> bool:
    """Whether two of them have a common place."""
    return any(
        meet(p.rows, q.rows) and meet(p.columns, q.columns) for p, q in combinations(pieces, 2)
    )
