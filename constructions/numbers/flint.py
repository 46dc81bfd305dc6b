"""What exact fractions and balls share: python-flint matrices, one prompt at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from proofs.exact import Exact, written_out
from proofs.slotmap import Block

from .base import Numbers, Prompts, check_shapes, completed
from .contraction import contraction
from .folded import Folded, reshaped
from .given import array_of
from .seen import Seen


class FlintNumbers(Numbers):
    """Arrays are matrices (tokens, size), by default of the type `matrix`.

    An arithmetic may keep something beside the matrix, such as a common denominator: then an
    array's entries() are in a unit of its own, and `over`, `alike` and `zero` say how to go on.
    """

    matrix: Any
    folds = False  # whether a row may stay the matrix that it holds, see Folded

    def element(self, value: Any, what: str = "a value") -> Any:
        """A scalar of this arithmetic from an exact scalar or a user's number."""
        raise NotImplementedError

    def give(self, value: Any) -> Any:
        """A scalar of this arithmetic in the user's terms."""
        raise NotImplementedError

    @property
    def zero(self) -> Any:
        """The entry 0, in any unit."""
        return self.element(0)

    def over(self, matrix: Any, *arrays: Any) -> Any:
        """The array with these entries, in the product of the arrays' units."""
        return matrix

    def alike(self, arrays: list[Any]) -> list[Any]:
        """The same arrays in one unit."""
        return arrays

    def take_up(self, rows: int, size: int, values: list[Any], what: str = "a value") -> Any:
        """Array from exact scalars or a user's numbers, row by row."""
        return self.matrix(rows, size, [self.element(value, what) for value in values])

    def given(self, a: Any) -> list[Any]:
        """All entries in the user's terms."""
        return [self.give(entry) for entry in a.entries()]

    def make(self, rows: int, size: int, entries: list[Any], *arrays: Any) -> Any:
        """Array from entries in the product of the arrays' units."""
        return self.over(self.matrix(rows, size, entries), *arrays)

    def prompts(self, X: Any, y: Any, queries: Any, witness: Any) -> ExactPrompts:
        return ExactPrompts(self, X, y, queries, witness)

    def constant(self, rows: Sequence[Sequence[Exact]]) -> Any:
        size = len(rows[0]) if rows else 0
        return self.take_up(len(rows), size, [entry for row in rows for entry in row])

    def zeros(self, tokens: int, size: int) -> Any:
        return self.over(self.matrix(tokens, size))

    def assemble(self, total: int, parts: list[tuple[range, Any]]) -> Any:
        arrays = self.alike([array for _, array in parts])
        size = arrays[0].ncols()
        made = [[self.zero] * size for _ in range(total)]
        for (tokens, _), array in zip(parts, arrays):
            for token, row in zip(tokens, self.table(array)):
                made[token] = row
        return self.from_table(made, size, arrays[0])

    def table(self, a: Any) -> list[list[Any]]:
        """Rows as lists of entries."""
        entries, size = a.entries(), a.ncols()
        return (
            [entries[i : i + size] for i in range(0, len(entries), size)]
            if size
            else [[] for _ in range(a.nrows())]
        )

    def from_table(self, rows: list[list[Any]], size: int, *arrays: Any) -> Any:
        return self.make(len(rows), size, [entry for row in rows for entry in row], *arrays)

    def rows(self, a: Any, tokens: range) -> Any:
        if tokens == range(0, a.nrows()):
            return a
        table = self.table(a)
        return self.from_table([table[token] for token in tokens], a.ncols(), a)

    def columns(self, a: Any, start: int, stop: int) -> Any:
        if (start, stop) == (0, a.ncols()):
            return a
        return self.from_table([row[start:stop] for row in self.table(a)], stop - start, a)

    def concatenate(self, arrays: list[Any]) -> Any:
        if len(arrays) == 1:
            return arrays[0]
        arrays = self.alike(arrays)
        tables = [self.table(a) for a in arrays]
        rows: list[list[Any]] = [sum(parts, []) for parts in zip(*tables, strict=True)]
        return self.from_table(rows, sum(a.ncols() for a in arrays), arrays[0])

    def place(self, a: Any, index: int, size: int) -> Any:
        made = [self.zero] * (a.nrows() * size)
        made[index::size] = a.entries()
        return self.make(a.nrows(), size, made, a)

    def transpose(self, a: Any) -> Any:
        return a.transpose()

    def masked(self, scores: Any, seen: Seen) -> Any:
        zero = self.zero
        rows = [seen.kept(t, row, zero) for t, row in enumerate(self.table(scores))]
        return self.from_table(rows, scores.ncols(), scores)

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
        to = contraction(left, right, out, tuple(sizes.items()))
        if a.nrows() == 1:
            product = self._matrix(a, to.height, to.inner, to.first) * self._matrix(
                b, to.inner, to.width, to.second
            )
            if self.folds and to.back is None and min(to.height, to.width) > 1:
                return Folded(product)
            return self._matrix(product, 1, to.height * to.width, to.back)
        made: list[Any] = []
        for p, q in zip(self.table(a), self.table(b), strict=True):
            one = self.matrix(to.height, to.inner, _picked(p, to.first))
            two = self.matrix(to.inner, to.width, _picked(q, to.second))
            made += _picked((one * two).entries(), to.back)
        return self.make(a.nrows(), to.height * to.width, made, a, b)

    def _matrix(self, a: Any, rows: int, columns: int, order: tuple[int, ...] | None) -> Any:
        """(rows, columns), made of a's entries in that order."""
        if order is None:
            return reshaped(a.folded if isinstance(a, Folded) else a, rows, columns)
        return self.make(rows, columns, _picked(a.entries(), order), a)

    def times_matrix(self, a: Any, matrix: tuple[tuple[Exact, ...], ...]) -> Any:
        return a * self.constant(matrix).transpose()

    def pattern(
        self, a: Any, block: Block, destination: tuple[int, ...], source: tuple[int, ...]
    ) -> Any:
        where = [(i, j) for i, j, _ in block.entries(destination, source)]
        size = prod(destination)
        zero = self.zero
        made = []
        for row in self.table(a):
            new = [zero] * size
            for i, j in where:
                new[i] = row[j] if new[i] is zero else new[i] + row[j]
            made.append(new)
        return self.from_table(made, size, a)

    def row_sums(self, a: Any, extra: int) -> Any:
        start = self.element(extra)
        return self.make(a.nrows(), 1, [sum(row, start) for row in self.table(a)])

    def entrywise(self, function: Any, *arrays: Any) -> Any:
        """function of the arrays' entries, position by position, in the product of their units."""
        entries = [function(*items) for items in zip(*(a.entries() for a in arrays), strict=True)]
        return self.make(arrays[0].nrows(), arrays[0].ncols(), entries, *arrays)

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


def _picked(entries: list[Any], order: tuple[int, ...] | None) -> list[Any]:
    return entries if order is None else [entries[i] for i in order]


class ExactPrompts(Prompts):
    """Prompts run one after the other; results are numpy object arrays."""

    def __init__(self, system: FlintNumbers, X: Any, y: Any, queries: Any, witness: Any) -> None:
        self.system = system
        X, y, queries = completed(X, y, queries, witness)
        if all(hasattr(part, "shape") for part in (X, y, queries)):  # before anything is copied
            check_shapes(tuple(X.shape), tuple(y.shape), tuple(queries.shape), witness)
        arrays = [
            as_objects(part, name) for part, name in ((X, "X"), (y, "y"), (queries, "queries"))
        ]
        self.batch = check_shapes(arrays[0].shape, arrays[1].shape, arrays[2].shape, witness)
        self.n, self.m = arrays[0].shape[-2], arrays[2].shape[-2]
        self.predicted = witness.prediction_shape(self.n, self.m)
        if witness.prompt.targets == 1:
            arrays[1] = arrays[1][..., None]
        self.X, self.y, self.queries = map(self._one_by_one, arrays)

    def _one_by_one(self, a: np.ndarray) -> np.ndarray:
        """One for each prompt of the batch, (prompts, rows, columns)."""
        shape = a.shape[-2:]
        if a.shape[:-2] != self.batch:
            a = np.broadcast_to(a, (*self.batch, *shape))
        return a.reshape(prod(self.batch), *shape)

    def each(self) -> Iterator[tuple[Any, Any, Any]]:
        for X, y, queries in zip(self.X, self.y, self.queries):
            yield (
                self._matrix(X, "X"),
                self._matrix(y, "y"),
                self._matrix(queries, "queries"),
            )

    def _matrix(self, a: np.ndarray, name: str) -> Any:
        return self.system.take_up(a.shape[0], a.shape[1], a.ravel().tolist(), name)

    def outside(self, part: np.ndarray, low: int, high: int) -> Any:
        for value in part.ravel():
            if not getattr(value, "free_symbols", None):  # a letter may be anything
                number = to_fraction(value, "x") if isinstance(value, str | Decimal) else value
                if number < low or number > high:
                    return value
        return None

    def join(self, made: list[Any]) -> list[Any]:
        return made

    def give(self, result: list[Any]) -> np.ndarray:
        return self._array(result, self.predicted)

    def give_slot(self, array: list[Any], tokens: int, shape: tuple[int, ...]) -> np.ndarray:
        return self._array(array, (tokens, *shape))

    def _array(self, matrices: list[Any], shape: tuple[int, ...]) -> np.ndarray:
        made = np.empty((len(matrices), prod(shape)), dtype=object)
        for i, matrix in enumerate(matrices):
            made[i] = self.system.given(matrix)
        return made.reshape(*self.batch, *shape)


def as_objects(part: Any, name: str) -> np.ndarray:
    """A user's array with its entries as Python objects; torch tensors are taken over."""
    made = array_of(part, name, object)  # numbers of a list do not become floats by company
    if hasattr(made, "detach"):
        made = made.detach().cpu()
        made = (made.double() if made.is_floating_point() else made).numpy()
    return made.astype(object)


def to_fraction(value: Any, what: str) -> Fraction:
    """An int, Fraction, decimal text or finite float, exactly. Raises ValueError."""
    if isinstance(value, str | Decimal):
        try:
            return written_out(str(value))
        except (ValueError, ZeroDivisionError):
            said = str(value) if len(str(value)) <= 40 else f"{str(value)[:37]}…"
            raise ValueError(f"{what} has {said!r}, which is no finite rational number") from None
    if isinstance(value, np.generic):  # a Fraction would keep numpy's integers, which overflow
        value = value.item()
    try:
        return Fraction(value)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        if hasattr(value, "item") and not isinstance(value, np.generic):
            return to_fraction(value.item(), what)
        raise ValueError(f"{what} has {value!r}, which is no finite rational number") from None


class SharedRows(FlintNumbers):
    """A number system that says what the shares of a row of logits are."""

    @abstractmethod
    def _shares(self, logits: list[Any]) -> list[Any]:
        """e^logit / the sum of all e^logit."""

    def softmax(self, scores: Any, seen: Seen | None, null: bool) -> Any:
        made, zero = [], self.element(0)
        for t, row in enumerate(self.table(scores)):
            visible = [j for j in range(len(row)) if seen is None or seen.rows[t][j]]
            logits = [row[j] for j in visible] + [zero] * null
            shares = dict(zip(visible, self._shares(logits) if visible else ()))
            made.append([shares.get(j, zero) for j in range(len(row))])
        return self.from_table(made, scores.ncols())
