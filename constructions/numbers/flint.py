"""What exact fractions and balls share: python-flint matrices, one prompt at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ..exact import Exact
from ..slotmap import Block
from .base import Numbers, Prompts, check_shapes


class FlintNumbers(Numbers):
    """Arrays are flint matrices (tokens, size) of the type `matrix`."""

    matrix: Any
    folds = False  # whether a row may stay the matrix that it holds, see Folded

    def element(self, value: Any, what: str = "a value") -> Any:
        """A scalar of this arithmetic from an exact scalar or a user's number."""
        raise NotImplementedError

    def give(self, value: Any) -> Any:
        """A scalar of this arithmetic in the user's terms."""
        raise NotImplementedError

    def prompts(self, X: Any, y: Any, queries: Any, witness: Any) -> ExactPrompts:
        return ExactPrompts(self, X, y, queries, witness)

    def make(self, rows: int, size: int, entries: list[Any]) -> Any:
        return self.matrix(rows, size, entries)

    def constant(self, rows: Sequence[Sequence[Exact]]) -> Any:
        size = len(rows[0]) if rows else 0
        return self.make(len(rows), size, [self.element(e) for row in rows for e in row])

    def zeros(self, tokens: int, size: int) -> Any:
        return self.matrix(tokens, size)

    def assemble(self, total: int, parts: list[tuple[range, Any]]) -> Any:
        size = parts[0][1].ncols()
        zero = self.element(0)
        made = [[zero] * size for _ in range(total)]
        for tokens, array in parts:
            for token, row in zip(tokens, self.table(array)):
                made[token] = row
        return self.from_table(made, size)

    def table(self, a: Any) -> list[list[Any]]:
        """Rows as lists."""
        entries, size = a.entries(), a.ncols()
        return (
            [entries[i : i + size] for i in range(0, len(entries), size)]
            if size
            else [[] for _ in range(a.nrows())]
        )

    def from_table(self, rows: list[list[Any]], size: int) -> Any:
        return self.make(len(rows), size, [entry for row in rows for entry in row])

    def size(self, a: Any) -> int:
        return a.ncols()

    def rows(self, a: Any, tokens: range) -> Any:
        if tokens == range(0, a.nrows()):
            return a
        table = self.table(a)
        return self.from_table([table[token] for token in tokens], a.ncols())

    def columns(self, a: Any, start: int, stop: int) -> Any:
        if (start, stop) == (0, a.ncols()):
            return a
        return self.from_table([row[start:stop] for row in self.table(a)], stop - start)

    def concatenate(self, arrays: list[Any]) -> Any:
        tables = [self.table(a) for a in arrays]
        rows: list[list[Any]] = [sum(parts, []) for parts in zip(*tables, strict=True)]
        return self.from_table(rows, sum(a.ncols() for a in arrays))

    def place(self, a: Any, index: int, size: int) -> Any:
        made = self.zeros(a.nrows(), size)
        for token, entry in enumerate(a.entries()):
            made[token, index] = entry
        return made

    def transpose(self, a: Any) -> Any:
        return a.transpose()

    def lower(self, scores: Any) -> Any:
        zero = self.element(0)
        rows = self.table(scores)
        return self.from_table(
            [row[: t + 1] + [zero] * (len(row) - t - 1) for t, row in enumerate(rows)],
            scores.ncols(),
        )

    def scale(self, c: Exact, a: Any) -> Any:
        return a if c == 1 else a * self.element(c)

    def combine(self, terms: list[tuple[Exact, Any]]) -> Any:
        total = self.scale(*terms[0])
        for c, array in terms[1:]:
            total = total + self.scale(c, array)
        return total

    def product(self, a: Any, b: Any, c: Exact) -> Any:
        return self.scale(c, a * b)

    def contract(
        self, a: Any, left: str, b: Any, right: str, out: str, sizes: dict[str, int]
    ) -> Any:
        summed = [letter for letter in left if letter in right]
        ours = [letter for letter in left if letter not in right]
        theirs = [letter for letter in right if letter not in left]
        first, second = (
            _order(left, [*ours, *summed], sizes),
            _order(right, [*summed, *theirs], sizes),
        )
        back = _order("".join([*ours, *theirs]), list(out), sizes)
        height, inner, width = (
            int(np.prod([sizes[letter] for letter in letters], dtype=int))
            for letters in (ours, summed, theirs)
        )
        if a.nrows() == 1:
            left_matrix = _unfolded(a, height, inner, first)
            if left_matrix is None:
                left_matrix = self.make(height, inner, _picked(a, first))
            right_matrix = _unfolded(b, inner, width, second)
            if right_matrix is None:
                right_matrix = self.make(inner, width, _picked(b, second))
            product = left_matrix * right_matrix
            in_order = back == list(range(len(back)))
            if self.folds and in_order and min(height, width) > 1:
                return Folded(product)
            entries = product.entries()
            return self.make(1, len(back), [entries[i] for i in back])
        made: list[Any] = []
        for p, q in zip(self.table(a), self.table(b), strict=True):
            one = self.make(height, inner, [p[i] for i in first])
            two = self.make(inner, width, [q[i] for i in second])
            entries = (one * two).entries()
            made += [entries[i] for i in back]
        return self.make(a.nrows(), len(back), made)

    def times_matrix(self, a: Any, matrix: tuple[tuple[Exact, ...], ...]) -> Any:
        return a * self.constant(matrix).transpose()

    def pattern(
        self, a: Any, block: Block, destination: tuple[int, ...], source: tuple[int, ...]
    ) -> Any:
        where = [(i, j) for i, j, _ in block.entries(destination, source)]
        size = int(np.prod(destination, dtype=int))
        zero = self.element(0)
        made = []
        for row in self.table(a):
            new = [zero] * size
            for i, j in where:
                new[i] = row[j] if new[i] is zero else new[i] + row[j]
            made.append(new)
        return self.from_table(made, size)

    def row_sums(self, a: Any, extra: int) -> Any:
        start = self.element(extra)
        return self.make(a.nrows(), 1, [sum(row, start) for row in self.table(a)])

    def entrywise(self, function: Any, *arrays: Any) -> Any:
        """function of the arrays' entries, position by position."""
        entries = [function(*items) for items in zip(*(a.entries() for a in arrays), strict=True)]
        return self.make(arrays[0].nrows(), arrays[0].ncols(), entries)

    def multiply(self, a: Any, b: Any) -> Any:
        return self.entrywise(lambda p, q: p * q, a, b)

    def divide(self, a: Any, b: Any) -> Any:
        divisors = b.entries()
        self.refuse_zero(divisors)
        rows = [[entry / by for entry in row] for row, by in zip(self.table(a), divisors)]
        return self.from_table(rows, a.ncols())

    def refuse_zero(self, divisors: list[Any]) -> None:
        """Raises ZeroDivisionError if one of the divisors is (or may be) 0."""
        if any(divisor == 0 for divisor in divisors):
            raise ZeroDivisionError("normalised attention: the scores of a token sum to 0")

    def divide_rows(self, a: Any, divisors: list[int]) -> Any:
        return self.divide(a, self.constant([[divisor] for divisor in divisors]))


class Folded:
    """The row (1, r * c) of one token that holds a matrix (r, c), kept as that matrix."""

    def __init__(self, matrix: Any) -> None:
        self.folded = matrix

    def nrows(self) -> int:
        return 1

    def ncols(self) -> int:
        return self.folded.nrows() * self.folded.ncols()

    def entries(self) -> list[Any]:
        return self.folded.entries()

    def flat(self) -> Any:
        return type(self.folded)(1, self.ncols(), self.entries())

    def transpose(self) -> Any:
        return self.flat().transpose()

    def __add__(self, other: Any) -> Any:
        if other.nrows() != 1 or other.ncols() != self.ncols():
            raise ValueError("rows of different sizes")
        if isinstance(other, Folded):
            if other.folded.nrows() != self.folded.nrows():
                other = other.flat()
            else:
                return Folded(self.folded + other.folded)
        shape = self.folded.nrows(), self.folded.ncols()
        return Folded(self.folded + type(self.folded)(*shape, other.entries()))

    __radd__ = __add__

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Folded):
            return self.flat() * other.flat()
        if hasattr(other, "nrows"):
            return self.flat() * other
        return Folded(self.folded * other)

    def __rmul__(self, other: Any) -> Any:
        return other * self.flat()


def _unfolded(a: Any, rows: int, columns: int, order: list[int]) -> Any | None:
    """The matrix that a folded row holds, if it has this shape and order."""
    if isinstance(a, Folded) and (a.folded.nrows(), a.folded.ncols()) == (rows, columns):
        return a.folded if order == list(range(len(order))) else None
    return None


def _picked(a: Any, order: list[int]) -> list[Any]:
    entries = a.entries()
    return entries if order == list(range(len(order))) else [entries[i] for i in order]


def _order(letters: str, wanted: list[str], sizes: dict[str, int]) -> list[int]:
    """Positions by which a row, row-major in `letters`, becomes row-major in `wanted`."""
    shape = [sizes[letter] for letter in letters]
    axes = [letters.index(letter) for letter in wanted]
    return [
        int(i)
        for i in np.arange(int(np.prod(shape, dtype=int))).reshape(shape).transpose(axes).ravel()
    ]


class ExactPrompts(Prompts):
    """Prompts run one after the other; results are numpy object arrays."""

    def __init__(self, system: FlintNumbers, X: Any, y: Any, queries: Any, witness: Any) -> None:
        self.system = system
        if all(hasattr(part, "shape") for part in (X, y, queries)):  # before anything is copied
            check_shapes(tuple(X.shape), tuple(y.shape), tuple(queries.shape), witness)
        arrays = [
            as_objects(part, name) for part, name in ((X, "X"), (y, "y"), (queries, "queries"))
        ]
        self.batch = check_shapes(arrays[0].shape, arrays[1].shape, arrays[2].shape, witness)
        self.n, self.m = arrays[0].shape[-2], arrays[2].shape[-2]
        self.X, self.y, self.queries = (
            np.broadcast_to(a, (*self.batch, *a.shape[a.ndim - axes :])).reshape(
                -1, *a.shape[a.ndim - axes :]
            )
            for a, axes in zip(arrays, (2, 1, 2))
        )

    def each(self) -> Iterator[tuple[Any, Any, Any]]:
        for X, y, queries in zip(self.X, self.y, self.queries):
            yield (
                self._matrix(X, "X"),
                self._matrix(y[:, None], "y"),
                self._matrix(queries, "queries"),
            )

    def _matrix(self, a: np.ndarray, name: str) -> Any:
        entries = [self.system.element(entry, name) for entry in a.ravel()]
        return self.system.make(a.shape[0], a.shape[1], entries)

    def join(self, made: list[Any]) -> list[Any]:
        return made

    def give(self, result: list[Any]) -> np.ndarray:
        return self._array(result, (self.m,))

    def give_slot(self, array: list[Any], tokens: int, shape: tuple[int, ...]) -> np.ndarray:
        return self._array(array, (tokens, *shape))

    def _array(self, matrices: list[Any], shape: tuple[int, ...]) -> np.ndarray:
        made = np.empty((len(matrices), int(np.prod(shape, dtype=int))), dtype=object)
        for i, matrix in enumerate(matrices):
            for j, entry in enumerate(matrix.entries()):
                made[i, j] = self.system.give(entry)
        return made.reshape(*self.batch, *shape)


def as_objects(part: Any, name: str) -> np.ndarray:
    """A user's array with its entries as Python objects; torch tensors are taken over."""
    if hasattr(part, "detach"):
        part = part.detach().cpu()
        part = (part.double() if part.is_floating_point() else part).numpy()
    try:
        array = np.asarray(part, dtype=object)
    except ValueError as error:
        raise ValueError(f"{name} is not a rectangular array of numbers: {error}") from None
    return array


def to_fraction(value: Any, what: str) -> Fraction:
    """An int, Fraction, decimal text or finite float, exactly. Raises ValueError."""
    try:
        return Fraction(value)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        if hasattr(value, "item"):
            return to_fraction(value.item(), what)
        raise ValueError(f"{what} has {value!r}, which is no finite rational number") from None
