"""A row that holds a matrix, kept as that matrix: outer products and sums stay matrices."""

from __future__ import annotations

from typing import Any


class Folded:
    """The row (1, r * c) of one token that holds a matrix (r, c), kept as that matrix."""

    def __init__(self, matrix: Any) -> None:
        self.folded = matrix

    @property
    def shape(self) -> tuple[int, int]:
        """Of the matrix."""
        return self.folded.nrows(), self.folded.ncols()

    @property
    def denominator(self) -> Any:
        """Of the matrix, if it has a common one."""
        return self.folded.denominator

    def nrows(self) -> int:
        return 1

    def ncols(self) -> int:
        return self.folded.nrows() * self.folded.ncols()

    def entries(self) -> list[Any]:
        return self.folded.entries()

    def flat(self) -> Any:
        return reshaped(self.folded, 1, self.ncols())

    def alike(self, other: Any) -> Any:
        """The matrix of this one's shape that another row holds. ValueError if none."""
        if other.nrows() != 1 or other.ncols() != self.ncols():
            raise ValueError("rows of different sizes")
        return reshaped(other.folded if isinstance(other, Folded) else other, *self.shape)

    def transpose(self) -> Any:
        return self.flat().transpose()

    def __add__(self, other: Any) -> Any:
        return Folded(self.folded + self.alike(other))

    __radd__ = __add__

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Folded):
            return self.flat() * other.flat()
        if hasattr(other, "nrows"):
            return self.flat() * other
        return Folded(self.folded * other)

    def __rmul__(self, other: Any) -> Any:
        return other * self.flat()


def reshaped(a: Any, rows: int, columns: int) -> Any:
    """The entries of a matrix, row by row, in another shape."""
    if hasattr(a, "reshaped"):
        return a.reshaped(rows, columns)
    if (a.nrows(), a.ncols()) == (rows, columns):
        return a
    return type(a)(rows, columns, a.entries())


def flat(a: Any) -> Any:
    """The row as it is; every other array stays itself."""
    return a.flat() if isinstance(a, Folded) else a
