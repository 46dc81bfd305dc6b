"""Weight matrices while a layer of `primitive_layers` is put together: their non-zero entries only.

A product of d x d matrices has d^2 hidden units, and written out their selections would have d^4
entries, nearly all of them 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proofs.exact import Exact

from .operations import Weight, fits


@dataclass(frozen=True)
class Matrix:
    """{column: entry} of each row, zeros left out."""

    columns: int
    entries: tuple[Mapping[int, Exact], ...]

    @property
    def rows(self) -> int:
        return len(self.entries)

    def part(self, i: int, m: int, j: int, n: int) -> Matrix:
        """Rows i, …, i+m-1 and columns j, …, j+n-1."""
        if j == 0 and n == self.columns:
            return Matrix(n, self.entries[i : i + m])
        return Matrix(
            n,
            tuple(
                {k - j: value for k, value in row.items() if j <= k < j + n}
                for row in self.entries[i : i + m]
            ),
        )

    def times(self, right: Matrix) -> Matrix:
        """self @ right."""
        made = []
        for row in self.entries:
            total: dict[int, Exact] = {}
            for k, value in row.items():
                for j, other in right.entries[k].items():
                    total[j] = total.get(j, 0) + value * other
            made.append(_non_zero(total))
        return Matrix(right.columns, tuple(made))

    def minus_sums(self) -> Matrix:
        """-(sum of the rows), as one row."""
        total: dict[int, Exact] = {}
        for row in self.entries:
            for j, value in row.items():
                total[j] = total.get(j, 0) - value
        return Matrix(self.columns, (_non_zero(total),))

    def used(self) -> list[int]:
        """Columns that are not 0."""
        return sorted({j for row in self.entries for j in row})

    def only(self, columns: Sequence[int]) -> Matrix:
        """Those columns."""
        at = {j: new for new, j in enumerate(columns)}
        return Matrix(
            len(at),
            tuple({at[j]: v for j, v in row.items() if j in at} for row in self.entries),
        )

    def is_zero(self) -> bool:
        return not any(self.entries)

    def multiple_of_identity(self) -> Exact | None:
        """c of c*I; None of any other matrix, and of 0."""
        c = self.entries[0].get(0)
        if c is None or self.rows != self.columns:
            return None
        same = all(len(row) == 1 and row.get(i) == c for i, row in enumerate(self.entries))
        return c if same else None

    def multiple_of_ones(self) -> Exact | None:
        """c of a single row of nothing but c; None of any other matrix, and of 0."""
        (row, *more) = self.entries
        if more or len(row) != self.columns:
            return None
        c = row[0]
        return c if all(value == c for value in row.values()) else None

    def dense(self) -> tuple[tuple[Exact, ...], ...]:
        """Written out."""
        made = []
        for row in self.entries:
            full: list[Exact] = [0] * self.columns
            for j, value in row.items():
                full[j] = value
            made.append(tuple(full))
        return tuple(made)


def written_out(rows: Sequence[Sequence[Exact]], columns: int) -> Matrix:
    """The matrix with these rows."""
    return Matrix(columns, tuple(_non_zero(dict(enumerate(row))) for row in rows))


def identity(n: int, c: Exact = 1) -> Matrix:
    """c*I of n rows."""
    return Matrix(n, tuple(_non_zero({i: c}) for i in range(n)))


def selection(taken: Sequence[int], columns: int) -> Matrix:
    """Row i reads column taken[i]."""
    return Matrix(columns, tuple({j: 1} for j in taken))


def column(values: Sequence[Exact], columns: int = 1) -> Matrix:
    """values in each of the columns."""
    return Matrix(
        columns, tuple(_non_zero(dict.fromkeys(range(columns), value)) for value in values)
    )


def of_weight(weight: Weight, m: int, n: int, name: str = "a weight") -> Matrix:
    """A weight as m x n; a number c stands for c*I. Raises IllPosed."""
    fits(weight, m, n, name)
    return written_out(weight, n) if isinstance(weight, Sequence) else identity(m, weight)


def _non_zero(row: Mapping[int, Exact]) -> dict[int, Exact]:
    return {j: value for j, value in row.items() if value != 0}
