"""A number system whose arrays are sums of products, not multiplied out: it plans a forward pass.

The pass is plain: every token meets every key, every hidden unit is written down. Here q K^T V is
three factors, which are multiplied in the order of least arithmetic when they are added to a
stream: K^T V first where there are more tokens than features. x @ matrix, the same matrix for all
tokens, is kept as these two factors, so that later layers work on the matrix alone. And hidden
units that are summed at once are a matrix product, and never made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from operator import itemgetter
from typing import Any, NamedTuple

from proofs.exact import Exact
from proofs.slotmap import Block
from proofs.vocabulary import Entrywise

from ..numbers.base import Numbers, Prompts
from ..numbers.seen import Seen
from .sparse import Outline, Piece, Sparse, SparseSteps, ones_on, product_outline
from .steps import Array, Recorder
from .token_ranges import disjoint, hull, meet

MOST_TERMS = 4
AXES = "abcdefgh"

Factors = tuple[Sparse, ...]
Shape = tuple[int, ...]
# of a part of a product: multiplications, outline, and how: what it is, or two parts of it
Part = tuple[int, Outline, Any]


class Term(NamedTuple):
    """scale * the product of the factors."""

    scale: Exact
    factors: Factors


class Repeats(NamedTuple):
    """Hidden units of `shape` that repeat a smaller row: which of their axes its own axes are."""

    source: Sum
    axes: tuple[int, ...]
    shape: Shape


class Sum:
    """Terms of one shape (rows, columns), zero without any. `make` makes them when they are asked
    for; what is known of hidden units, that they repeat a row or are a product of two, may spare
    it."""

    def __init__(
        self,
        rows: int,
        columns: int,
        terms: Iterable[Term] = (),
        make: Callable[[], Sum] | None = None,
        repeats: Repeats | None = None,
        gated: tuple[Sum, Sum] | None = None,
    ) -> None:
        self.rows, self.columns, self.repeats, self.gated = rows, columns, repeats, gated
        self._terms, self._make = tuple(terms), make

    @property
    def terms(self) -> tuple[Term, ...]:
        if self._make is not None:
            self._terms, self._make = self._make().terms, None
        return self._terms

    @property
    def ones(self) -> tuple[Exact, Sparse] | None:
        """(number, ones) if it is one number in every column, on its rows."""
        if len(self.terms) == 1 and len(self.terms[0].factors) == 1:
            scale, (matrix,) = self.terms[0]
            return (scale, matrix) if matrix.is_ones else None
        return None

    def times(self, c: Exact) -> Sum:
        return Sum(
            self.rows,
            self.columns,
            [Term(c * scale, factors) for scale, factors in self.terms if c != 0],
        )


def single(matrix: Sparse, scale: Exact = 1) -> Sum:
    """scale * matrix."""
    return Sum(matrix.rows, matrix.columns, [Term(scale, (matrix,))] if matrix.pieces else ())


class Planner(Numbers):
    """See above; `record.steps` collects what is to be done."""

    name = "plan"

    def __init__(self) -> None:
        self.record = Recorder()
        self.sparse = SparseSteps(self.record)
        self._constants: dict[Factors, Sequence[Sequence[Exact]]] = {}

    def prompts(self, X: Any, y: Any, queries: Any, witness: Any) -> Prompts:
        raise TypeError("a plan is made for sizes, not for prompts")

    def given(self, a: Array, over_tokens: bool = False) -> Sum:
        """An array as it is."""
        piece = Piece(range(a.rows), range(a.columns), a)
        return single(Sparse(a.rows, a.columns, (piece,), over_tokens))

    def array(self, a: Sum) -> Array:
        """All of it in one array, zeros included."""
        scale, matrix = self._single(a)
        return self.record.combine([(scale, self.sparse.dense(matrix))])

    # -- making arrays --

    def zeros(self, tokens: int, size: int) -> Sum:
        return Sum(tokens, size)

    def constant(self, rows: Sequence[Sequence[Exact]]) -> Sum:
        """Of rows that are all ones this is known, of others what their columns are."""
        size = len(rows[0]) if rows else 0
        filled = [t for t, row in enumerate(rows) if any(entry != 0 for entry in row)]
        if not filled:
            return self.zeros(len(rows), size)
        tokens = range(filled[0], filled[-1] + 1, filled[1] - filled[0] if filled[1:] else 1)
        if list(tokens) == filled and all(entry == 1 for t in filled for entry in rows[t]):
            return single(ones_on(len(rows), size, [tokens]))
        made = self.given(self.record("constant", known=(tuple(map(tuple, rows)),)))
        self._constants[made.terms[0].factors] = rows
        return made

    def assemble(self, total: int, parts: list[tuple[range, Sum]]) -> Sum:
        pieces = [
            piece._replace(rows=tokens[piece.rows.start : piece.rows.stop : piece.rows.step])
            for tokens, part in parts
            for piece in self._matrix(part).pieces
        ]
        return single(Sparse(total, parts[0][1].columns, tuple(pieces)))

    # -- moving: the rows are the first factor's, the columns the last one's --

    def _moved(self, a: Sum, rows: int, columns: int, move: Callable[[Factors], Factors]) -> Sum:
        terms = (Term(scale, move(factors)) for scale, factors in a.terms)
        return Sum(rows, columns, [term for term in terms if all(f.pieces for f in term.factors)])

    def rows(self, a: Sum, tokens: range) -> Sum:
        return self._moved(
            a, len(tokens), a.columns, lambda f: (self.sparse.rows(f[0], tokens), *f[1:])
        )

    def columns(self, a: Sum, start: int, stop: int) -> Sum:
        if len(a.terms) == 1 and a.terms[0].factors in self._constants:
            entries = self._constants[a.terms[0].factors]
            return self.constant([row[start:stop] for row in entries]).times(a.terms[0].scale)
        return self._moved(
            a, a.rows, stop - start, lambda f: (*f[:-1], self.sparse.columns(f[-1], start, stop))
        )

    def place(self, a: Sum, index: int, size: int) -> Sum:
        return self._moved(
            a, a.rows, size, lambda f: (*f[:-1], self.sparse.shifted(f[-1], index, size))
        )

    def concatenate(self, arrays: list[Sum]) -> Sum:
        if len(arrays) == 1:
            return arrays[0]
        size, start = sum(a.columns for a in arrays), 0
        terms: list[Term] = []
        for a in arrays:
            for term in self.place(a, start, size).terms:
                self._add(terms, term)
            start += a.columns
        return Sum(arrays[0].rows, size, terms)

    def transpose(self, a: Sum) -> Sum:
        return self._moved(
            a, a.columns, a.rows, lambda f: tuple(map(self.sparse.transposed, reversed(f)))
        )

    # -- sums --

    def scale(self, c: Exact, a: Sum) -> Sum:
        return self.combine([(c, a)])

    def combine(self, terms: list[tuple[Exact, Sum]]) -> Sum:
        if len(terms) == 1:
            return self._times(*terms[0])
        rows, columns = terms[0][1].rows, terms[0][1].columns
        total: list[Term] = []
        for c, a in terms:
            for scale, factors in a.terms if c != 0 else ():
                self._add(total, Term(c * scale, self._kept(factors)))
        made = Sum(rows, columns, total)
        return self.added_up(made) if len(total) > MOST_TERMS else made

    def _times(self, c: Exact, a: Sum) -> Sum:
        """c * a; what repeats a row still does."""
        if c == 1:
            return a
        if a.repeats is None:
            return a.times(c)
        repeats = a.repeats._replace(source=a.repeats.source.times(c))
        return Sum(a.rows, a.columns, make=lambda: a.times(c), repeats=repeats)

    def _kept(self, factors: Factors) -> Factors:
        """Multiplied, but for x @ matrix where more rows of x than columns may differ from 0."""
        first, *rest = factors
        if rest and first.count > first.columns and not (first.over_tokens or first.is_ones):
            return first, self._multiplied(tuple(rest))
        return (self._multiplied(factors),)

    def _add(self, total: list[Term], new: Term) -> None:
        """total += new; terms that differ in the last factor alone become one."""
        *before, last = new.factors
        if not last.pieces:
            return
        for i, (scale, factors) in enumerate(total):
            if list(factors[:-1]) == before:
                if factors[-1] == last:
                    made = Term(scale + new.scale, factors)
                else:
                    added = self.sparse.sum([(scale, factors[-1]), (new.scale, last)])
                    made = Term(1 if added.pieces else 0, (*before, added))
                total[i : i + 1] = [made] if made.scale != 0 else []
                return
        total.append(new)

    def added_up(self, a: Sum) -> Sum:
        scale, matrix = self._single(a)
        return single(matrix, scale)

    def _single(self, a: Sum) -> tuple[Exact, Sparse]:
        """(scale, matrix) of all terms."""
        if len(a.terms) == 1:
            return a.terms[0].scale, self._multiplied(a.terms[0].factors)
        terms = [(scale, self._multiplied(factors)) for scale, factors in a.terms]
        return 1, self.sparse.sum(terms) if terms else Sparse(a.rows, a.columns, ())

    def _matrix(self, a: Sum) -> Sparse:
        """All terms as one matrix."""
        scale, matrix = self._single(a)
        if scale == 1:
            return matrix
        return self.sparse.each(matrix, lambda array: self.record.combine([(scale, array)]))

    # -- products --

    def product(self, a: Sum, b: Sum, c: Exact) -> Sum:
        """Factors side by side; b is added up before every term of a would meet it."""
        right = self.added_up(b) if len(b.terms) > 1 and a.terms else b
        terms = [
            Term(c * p.scale * q.scale, (*p.factors, *q.factors))
            for p in a.terms
            for q in right.terms
        ]
        return Sum(a.rows, b.columns, terms)

    def times_matrix(self, a: Sum, matrix: tuple[tuple[Exact, ...], ...]) -> Sum:
        if not a.terms:
            return self.zeros(a.rows, len(matrix))
        turned = self.record("constant", known=(tuple(zip(*matrix)),))
        return self.product(a, self.given(turned), 1)

    def _multiplied(self, factors: Factors) -> Sparse:
        """Their product, in the order of least arithmetic; what has been made before is free."""
        if len(factors) == 1:
            return factors[0]

        best: dict[tuple[int, int], Part] = {
            (i, i): (0, factor.outline, factor) for i, factor in enumerate(factors)
        }
        for length in range(1, len(factors)):
            for first in range(len(factors) - length):
                last = first + length
                best[first, last] = min(
                    (
                        self._both(best[first, middle], best[middle + 1, last])
                        for middle in range(first, last)
                    ),
                    key=itemgetter(0),
                )
        return self._made(best[0, len(factors) - 1][2])

    def _both(self, a: Part, b: Part) -> Part:
        (taken, left, first), (more, right, second) = a, b
        made = self.sparse.known(first, second)
        if made is not None:
            return taken + more, made.outline, made
        cost, outline = product_outline(left, right)
        return taken + more + cost, outline, (first, second)

    def _made(self, how: Any) -> Sparse:
        if isinstance(how, Sparse):
            return how
        first, second = how
        return self.sparse.product(self._made(first), self._made(second))

    # -- hidden units: products of rows that repeat along index patterns --

    def multiply(self, a: Sum, b: Sum) -> Sum:
        if a.ones is not None:
            a, b = b, a
        if b.ones is not None:
            scale, ones = b.ones
            support = disjoint(ones.support)
            kept = self._moved(
                a, a.rows, a.columns, lambda f: (self.sparse.restricted(f[0], support), *f[1:])
            )
            return kept.times(scale)
        return Sum(a.rows, a.columns, make=lambda: self._entries(a, b), gated=(a, b))

    def _entries(self, a: Sum, b: Sum) -> Sum:
        """a * b, an outer product where that is what it is."""
        for repeats in filter(None, (a.repeats, b.repeats)):
            axes = AXES[: len(repeats.shape)]
            made = self._contracted(a, b, axes, axes, repeats.shape)
            if made is not None:
                return made
        (c, left), (d, right) = self._single(a), self._single(b)
        pieces = []
        for p in left.pieces:
            for q in self.sparse.taken(right, p.rows, p.columns):
                mine = self.sparse.cut(p, q.rows, q.columns)
                if mine is not None and q.array is not None:
                    mine = self.record("multiply", mine, q.array)
                pieces.append(q._replace(array=q.array if mine is None else mine))
        over_tokens = left.over_tokens or right.over_tokens
        return single(Sparse(a.rows, a.columns, tuple(pieces), over_tokens), c * d)

    def pattern(self, a: Sum, block: Block, destination: Shape, source: Shape) -> Sum:
        left, right = block.indices()
        if a.gated is not None:
            made = self._contracted(*a.gated, left, right, source)
            if made is not None:
                return made
        if block.is_diagonal:
            return a
        repeats = None
        if _distinct(left) and _distinct(right) and set(right) <= set(left):
            if a.ones is not None:
                scale, ones = a.ones
                return single(ones_on(a.rows, prod(destination), ones.support), scale)
            repeats = Repeats(a, tuple(left.index(letter) for letter in right), destination)
        return Sum(
            a.rows, prod(destination), repeats=repeats,
            make=lambda: self._patterned(a, block, destination, source),
        )  # fmt: skip

    def _patterned(self, a: Sum, block: Block, destination: Shape, source: Shape) -> Sum:
        (scale, matrix), size = self._single(a), prod(destination)
        # without its names and coefficient, so that another block may do the same
        known = Block("to", "from", 1, block.pattern), destination, source
        pieces = [
            Piece(rows, range(size), self.record("pattern", array, known=known))
            for rows, array in self.sparse.whole_rows(matrix)
        ]
        return single(Sparse(a.rows, size, tuple(pieces)), scale)

    def _contracted(self, a: Sum, b: Sum, kept: str, named: str, shape: Shape) -> Sum | None:
        """The axes `kept` of hidden units a * b with axes `named`, summed over the rest.

        None where that is no matrix product of what a and b repeat: where an axis of both is kept,
        or one of a single one is summed, or is repeated in the pattern.
        """
        (x, ours), (y, theirs) = (
            (one.repeats.source, "".join(named[axis] for axis in one.repeats.axes))
            if one.repeats is not None
            else (one, named)
            for one in (a, b)
        )
        if set(ours + theirs) != set(named) or sorted(set(ours) ^ set(theirs)) != sorted(kept):
            return None
        if not _distinct(named):
            return None
        sizes = dict(zip(named, shape))
        size, known = prod(sizes[i] for i in kept), (ours, theirs, kept, tuple(sizes.items()))
        (c, left), (d, right) = self._single(x), self._single(y)
        pieces = []
        for mine, p in self.sparse.whole_rows(left):
            for other, q in self.sparse.whole_rows(right):
                if common := meet(mine, other):
                    arrays = (
                        self.sparse.rows_of(p, mine, common),
                        self.sparse.rows_of(q, other, common),
                    )
                    array = self.record("contract", *arrays, known=known)
                    pieces.append(Piece(common, range(size), array))
        return single(Sparse(a.rows, size, tuple(pieces)), c * d)

    def contract(
        self, a: Sum, left: str, b: Sum, right: str, out: str, sizes: dict[str, int]
    ) -> Sum:
        known = left, right, out, tuple(sizes.items())
        return self.given(self.record("contract", self.array(a), self.array(b), known=known))

    # -- functions of entries and of rows --

    def _each(self, a: Sum, method: str) -> Sum:
        """A function that maps 0 to 0, entry by entry."""
        return single(self.sparse.each(self._matrix(a), lambda array: self.record(method, array)))

    def relu(self, a: Sum) -> Sum:
        return self._each(a, "relu")

    def gelu(self, a: Sum) -> Sum:
        return self._each(a, "gelu")

    def _whole(self, a: Sum, method: str, *known: Any) -> Sum:
        """A function of all entries together, zeros included."""
        return self.given(self.record(method, self.array(a), known=known), over_tokens=True)

    def exp(self, a: Sum) -> Sum:
        return self._whole(a, "exp")

    def applied(self, a: Sum, function: Entrywise) -> Sum:
        return self._whole(a, "applied", function)

    def masked(self, scores: Sum, seen: Seen) -> Sum:
        """Where every token sees all keys or none, factors stay factors: of fewer tokens."""
        tokens = seen.whole_rows
        if tokens is None:
            return self._whole(scores, "masked", seen)
        if not tokens:
            return self.zeros(scores.rows, scores.columns)
        support = [range(tokens[0], tokens[-1] + 1)]
        if list(support[0]) != tokens:
            return self._whole(scores, "masked", seen)
        return self._moved(
            scores,
            scores.rows,
            scores.columns,
            lambda f: (self.sparse.restricted(f[0], support), *f[1:]),
        )

    def softmax(self, scores: Sum, seen: Seen | None, null: bool) -> Sum:
        return self._whole(scores, "softmax", seen, null)

    def layer_norm(self, a: Sum, epsilon: Exact = 0) -> Sum:
        return self._whole(a, "layer_norm", epsilon)

    def rms_norm(self, a: Sum, epsilon: Exact = 0) -> Sum:
        return self._whole(a, "rms_norm", epsilon)

    def normalised(self, scores: Sum, null: bool) -> Sum:
        """Rows of zeros are left alone where the null key takes all the weight."""
        made = self._matrix(scores)
        columns = hull(piece.columns for piece in made.pieces) if null else range(scores.columns)
        rows = disjoint(made.support) if null else [range(scores.rows)]
        pieces = []
        for tokens in rows:
            array = self.sparse.rectangle(made, tokens, columns)
            sums = self.record("row_sums", array, known=(int(null),))
            pieces.append(Piece(tokens, columns, self.record("divide", array, sums)))
        return single(Sparse(scores.rows, scores.columns, tuple(pieces), True))

    def divide_rows(self, a: Sum, divisors: list[int]) -> Sum:
        return self._whole(a, "divide_rows", tuple(divisors))

    def row_sums(self, a: Sum, extra: int) -> Sum:
        return self.given(self.record("row_sums", self.array(a), known=(extra,)))

    def divide(self, a: Sum, b: Sum) -> Sum:
        return self.given(self.record("divide", self.array(a), self.array(b)))


def _distinct(letters: str) -> bool:
    return len(set(letters)) == len(letters)
