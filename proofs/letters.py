"""Parameters that a proof leaves open: vectors, matrices and numbers of steps.

    matrix("A")    any d × d matrix         matrix("S", symmetric=True)     any with S = Sᵀ
    vector("w0")   any d numbers            matrix("G", inverse="S")        any that undoes S
    diagonal("P")  any d × d with nothing off the diagonal
    count("k")     0, 1, 2, … steps         matrix("M", "n")                any n × n, of a `mix`
    each("eta", "k")    a number for each of k steps: eta1, eta2, …
    each("C", "k", "d")    a d × d matrix for each of k steps: C1, C2, …

A builder is given the entries, which are letters too (`at`). The calculus has one letter for the
whole, of which it uses what is declared and nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import lru_cache
from typing import Any

from proofs.exact import is_symbolic
from proofs.vocabulary import is_reserved

EXAMPLES = 4  # rows and columns with which an open n × n matrix is written down


@dataclass(frozen=True, repr=False)
class Open(ABC):
    """A named parameter without a value."""

    name: str

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name.isidentifier()):
            raise ValueError(f"{self.name!r} is no name of a letter")
        if is_reserved(self.name):
            raise ValueError(f"{self.name} is a part of the prompt, and no letter")

    def __repr__(self) -> str:
        said = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if self._says(f))
        return f"{type(self).__name__}({', '.join(said)})"

    def _says(self, field: Any) -> bool:
        return field.name == "name" or getattr(self, field.name) != field.default

    @property
    def words(self) -> str:
        """What it stands for: "A", "symmetric S", "G the inverse of S"."""
        return self.name

    @abstractmethod
    def why_not(self, value: Any, others: Mapping[str, Any]) -> str:
        """Why a value is not one of those that the letter stands for; "" if it is.

        `others` are the values of all parameters.
        """


@dataclass(frozen=True, repr=False)
class Vector(Open):
    """Any d numbers."""

    def at(self, d: int) -> tuple[Any, ...]:
        """Its entries as letters name_0, name_1, …"""
        import sympy

        return tuple(sympy.symbols(f"{self.name}_:{d}", seq=True))

    def why_not(self, value: Any, others: Mapping[str, Any]) -> str:
        return "" if is_vector(value) else f"{self.name} is no vector"


@dataclass(frozen=True, repr=False)
class Each(Open):
    """Any numbers, one for each of so many steps; `steps` is the parameter that counts them.

    With `size` "d" any d × d matrices.
    """

    steps: str
    size: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size not in ("", "d"):
            raise ValueError(f'{self.name}: a step has a number, or a matrix of size "d"')

    @property
    def words(self) -> str:
        """What it stands for: "eta of each step"."""
        return f"{self.name} of each step" + (" (d × d)" if self.size else "")

    def _says(self, field: Any) -> bool:
        return field.name != "size" or bool(self.size)

    def at(self, steps: int, d: int = 0) -> tuple[Any, ...]:
        """Its entries as letters name1, name2, …, or as the rows of matrices of that name."""
        return tuple(self.of_step(k, d) for k in range(1, steps + 1))

    def of_step(self, k: int, d: int = 0) -> Any:
        """The letter of step k, or the rows of its matrix."""
        import sympy

        name = f"{self.name}{k}"
        return Matrix(name).at(d) if self.size else sympy.Symbol(name)

    def matrices(self, steps: int) -> tuple[Matrix, ...]:
        """The matrices of so many steps, each open; none where each has a number."""
        return tuple(Matrix(f"{self.name}{k}") for k in range(1, steps + 1) if self.size)

    def why_not(self, value: Any, others: Mapping[str, Any]) -> str:
        what = is_matrices if self.size else is_vector
        if what(value) and len(value) == others.get(self.steps):
            return ""
        one = "matrix" if self.size else "number"
        return f"{self.name} is not one {one} for each of {self.steps}"


@dataclass(frozen=True, repr=False)
class Matrix(Open):
    """Any matrix with `size` rows and columns, "d" or "n", with what is declared of it.

    `positive_definite` and `diagonal` ones are symmetric, and diagonal ones commute. `inverse`
    names the matrix that it is the inverse of, which is then invertible; it is symmetric if that is
    declared of either.
    """

    symmetric: bool = False
    positive_definite: bool = False
    inverse: str = ""
    size: str = "d"
    diagonal: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size not in ("d", "n"):
            raise ValueError(f'{self.name}: a matrix has size "d" or "n", not {self.size!r}')
        if self.positive_definite or self.diagonal:
            object.__setattr__(self, "symmetric", True)

    @property
    def words(self) -> str:
        """What it stands for: "A", "symmetric S", "G the inverse of S"."""
        kind = "positive definite " if self.positive_definite else "symmetric " * self.symmetric
        kind = "diagonal " if self.diagonal else kind
        where = f" the inverse of {self.inverse}" if self.inverse else ""
        return kind + self.name + where + (" (n × n)" if self.size == "n" else "")

    def _says(self, field: Any) -> bool:
        implied = field.name == "symmetric" and (self.positive_definite or self.diagonal)
        return super()._says(field) and not implied

    def at(self, size: int) -> tuple[tuple[Any, ...], ...]:
        """Its rows as letters name_0_0, name_0_1, …, the same across where it is symmetric; of a
        diagonal one name_0, name_1, … and 0."""
        if self.diagonal:
            entries = Vector(self.name).at(size)
            return diagonal_rows(entries)
        return _rows(self.name, size, self.symmetric)

    def why_not(self, value: Any, others: Mapping[str, Any]) -> str:
        if not is_square(value):
            return f"{self.name} is no matrix"
        if self.diagonal and not is_diagonal(value):
            return f"{self.name} is not diagonal"
        if self.symmetric and not is_symmetric(value):
            return f"{self.name} is not symmetric"
        if self.positive_definite and not is_positive_definite(value):
            return f"{self.name} is not positive definite"
        if self.inverse and not are_inverse(value, others.get(self.inverse)):
            return f"{self.name} is not the inverse of {self.inverse}"
        return ""


@lru_cache(maxsize=1024)  # of every step at every d, asked for again and again
def _rows(name: str, size: int, symmetric: bool) -> tuple[tuple[Any, ...], ...]:
    import sympy

    def entry(i: int, j: int) -> Any:
        row, column = sorted((i, j)) if symmetric else (i, j)
        return sympy.Symbol(f"{name}_{row}_{column}")

    return tuple(tuple(entry(i, j) for j in range(size)) for i in range(size))


@dataclass(frozen=True, repr=False)
class Count(Open):
    """Any number of steps: 0, 1, 2, …"""

    def why_not(self, value: Any, others: Mapping[str, Any]) -> str:
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return "" if whole else f"{self.name} is no number of steps"


def matrix(
    name: str,
    size: str = "d",
    *,
    symmetric: bool = False,
    positive_definite: bool = False,
    inverse: str = "",
) -> Matrix:
    """Any d × d matrix: symmetric, positive definite, or the inverse of another, as declared.

    size: "n" for one with a row and a column for each example, which a head's `mix` may be.
    """
    return Matrix(name, symmetric, positive_definite, inverse, size)


def diagonal(name: str, *, inverse: str = "") -> Matrix:
    """Any d × d matrix with nothing off its diagonal, or the inverse of another such one.

    It is its own transpose and commutes with other diagonal ones, and the proof knows both:
    `P*E` is `E*P`. A builder is given its rows, and a formula has its name, as of any matrix.
    """
    return Matrix(name, inverse=inverse, diagonal=True)


def vector(name: str) -> Vector:
    """Any vector of d numbers, such as the weights from which descent starts.

    A builder is given its entries, of which it may make a block's matrix: `matrix=(v,)` reads vᵀx
    off a slot of d numbers.
    """
    return Vector(name)


def count(name: str) -> Count:
    """Any number of steps, for which the proof goes by induction."""
    return Count(name)


def each(name: str, steps: str, size: str = "") -> Each:
    """Any numbers, one for each of the steps that the parameter `steps` counts.

    size: "d" for a d × d matrix for each.
    """
    return Each(name, steps, size)


def entries(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """{"eta1": …, "eta2": …} of a parameter eta that is a list, as formulas name them: of numbers,
    or of matrices.

    A name that is a parameter's own is left out.
    """
    return {
        f"{name}{k}": entry
        for name, value in parameters.items()
        if is_vector(value) or is_matrices(value)
        for k, entry in enumerate(value, start=1)
        if f"{name}{k}" not in parameters
    }


def arrays(given: Mapping[str, Any], steps: int = 0) -> dict[str, Vector | Matrix]:
    """The open vectors and matrices among parameters, and those of the first `steps` steps where
    each has its own. Raises ValueError where they do not fit."""
    made = {k: v for k, v in given.items() if isinstance(v, (Vector, Matrix))}
    made |= {
        one.name: one for v in given.values() if isinstance(v, Each) for one in v.matrices(steps)
    }
    for name, value in made.items():
        if name != value.name:
            raise ValueError(f"the parameter {name} is given the letter {value.name}, not its own")
        if isinstance(value, Matrix) and value.inverse:
            of = made.get(value.inverse)
            if not isinstance(of, Matrix) or of.inverse:
                raise ValueError(f"{name} is the inverse of {value.inverse}, no open matrix")
            if (of.symmetric, of.diagonal, of.size) != (
                value.symmetric,
                value.diagonal,
                value.size,
            ):
                raise ValueError(f"{name} and its inverse {of.name} are not declared alike")
    return made


# -- what matrices of numbers are ------------------------------------------------------------------

Rows = Sequence[Sequence[Any]]


def is_vector(value: Any) -> bool:
    """Whether it is a tuple of numbers."""
    return isinstance(value, tuple) and not any(isinstance(entry, tuple) for entry in value)


def is_square(value: Any) -> bool:
    """Whether it is a tuple of as many tuples of numbers, each as long."""
    return isinstance(value, tuple) and all(
        is_vector(row) and len(row) == len(value) for row in value
    )


def is_matrices(value: Any) -> bool:
    """Whether it is a tuple of square matrices, none empty; of none, as of no numbers, it is."""
    return isinstance(value, tuple) and all(is_square(one) and one for one in value)


def is_symmetric(rows: Rows) -> bool:
    return all(rows[i][j] == rows[j][i] for i in range(len(rows)) for j in range(i))


def is_diagonal(rows: Rows) -> bool:
    return all(entry == 0 for i, row in enumerate(rows) for j, entry in enumerate(row) if i != j)


def diagonal_rows(entries: Sequence[Any]) -> tuple[tuple[Any, ...], ...]:
    """The rows of the diagonal matrix with these entries."""
    size = range(len(entries))
    return tuple(tuple(entries[i] if i == j else 0 for j in size) for i in size)


def pivots(rows: Rows) -> list[Any]:
    """The pivots of elimination without exchanging rows, up to the first that is 0.

    Exact for exact numbers. A symmetric matrix is positive definite if and only if all are
    positive: det of the leading k × k block is the product of the first k.
    """
    left = [[Fraction(e) if isinstance(e, int) else e for e in row] for row in rows]
    found: list[Any] = []
    for k in range(len(left)):
        found.append(left[k][k])
        if left[k][k] == 0:
            break
        for i in range(k + 1, len(left)):
            factor = left[i][k] / left[k][k]
            left[i] = [a - factor * b for a, b in zip(left[i], left[k])]
    return found


def is_positive_definite(rows: Rows) -> bool:
    """Whether xᵀAx > 0 for every x ≠ 0; not asked of letters, which are taken to be."""
    if any(is_symbolic(entry) for row in rows for entry in row):
        return is_symmetric(rows)
    return is_symmetric(rows) and all(pivot > 0 for pivot in pivots(rows))


def is_invertible(rows: Rows) -> bool:
    """Whether the determinant is not 0, by elimination with exchanges of rows; letters are taken
    to be such that it is not, unless it is 0 identically."""
    return determinant(rows) != 0


def determinant(rows: Rows) -> Any:
    """The determinant, exactly for exact numbers."""
    if any(is_symbolic(entry) for row in rows for entry in row):
        import sympy

        return sympy.Matrix(rows).det(method="berkowitz").expand()
    left = [[Fraction(e) if isinstance(e, int) else e for e in row] for row in rows]
    value: Any = Fraction(1)
    for k in range(len(left)):
        at = next((i for i in range(k, len(left)) if left[i][k] != 0), None)
        if at is None:
            return Fraction(0)
        if at != k:
            left[k], left[at], value = left[at], left[k], -value
        value = value * left[k][k]
        for i in range(k + 1, len(left)):
            factor = left[i][k] / left[k][k]
            left[i] = [a - factor * b for a, b in zip(left[i], left[k])]
    return value


def is_stochastic(rows: Rows) -> bool:
    """Whether entries are at least 0 and every row adds up to 1."""
    return all(entry >= 0 for row in rows for entry in row) and all(sum(row) == 1 for row in rows)


def are_inverse(one: Any, other: Any) -> bool:
    """Whether the product of two square matrices is the identity."""
    if not (is_square(one) and is_square(other)) or len(one) != len(other):
        return False
    size = range(len(one))
    return all(
        sum(one[i][k] * other[k][j] for k in size) == int(i == j) for i in size for j in size
    )
