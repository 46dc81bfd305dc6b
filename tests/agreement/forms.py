"""Forms of the calculus with numbers put in: words as products of matrices, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy

Rows = list[list[Fraction]]


@dataclass(frozen=True)
class Numbers:
    """A concrete prompt, and which of its queries the calculus's one stands for."""

    X: Rows
    y: list[Fraction]
    queries: Rows
    place: int
    weights: Mapping[str, Rows]  # matrices of the witness that have a letter

    @property
    def symbols(self) -> dict[str, Any]:
        known: dict[str, Any] = {"n": len(self.X), "m": len(self.queries), "q": self.place}
        known["d"] = len(self.queries[0])
        return known | {f"y_{i}": value for i, value in enumerate(self.y, start=1)}

    def letter(self, name: str) -> Rows:
        """The matrix that a letter stands for."""
        count = len(self.X)
        known = {
            "X": self.X,
            "y": [[value] for value in self.y],
            "1_n": [[Fraction(1)]] * count,
            "i_n": [[Fraction(i)] for i in range(count)],
            "x_*": [[value] for value in self.queries[self.place]],
            **self.weights,
        }
        for i, row in enumerate(self.X, start=1):
            known[f"x_{{{i}}}"] = [[value] for value in row]
        return known[name]

    def size(self, size: Any) -> int:
        return int(_value(sympy.sympify(size), self))


def evaluated(form: Any, numbers: Numbers) -> Rows:
    """The matrix (rows, columns) of a form. Raises ZeroDivisionError where it is undefined."""
    rows, columns = numbers.size(form.rows), numbers.size(form.columns)
    total = [[Fraction(0)] * columns for _ in range(rows)]
    for word, coefficient in form.terms.items():
        factor = _value(coefficient, numbers)
        product = _product([_oriented(one, numbers) for one in word], rows)
        for i in range(rows):
            for j in range(columns):
                total[i][j] += factor * product[i][j]
    return total


def _oriented(letter: Any, numbers: Numbers) -> Rows:
    if letter.inverse:
        raise NotImplementedError(f"the inverse {letter}")
    matrix = numbers.letter(letter.name)
    return [list(column) for column in zip(*matrix)] if letter.transposed else matrix


def _product(matrices: Sequence[Rows], size: int) -> Rows:
    made = [[Fraction(int(i == j)) for j in range(size)] for i in range(size)]
    for matrix in matrices:
        columns = list(zip(*matrix))
        made = [
            [sum((a * b for a, b in zip(row, column, strict=True)), Fraction(0))
             for column in columns]
            for row in made
        ]  # fmt: skip
    return made


def _value(expression: Any, numbers: Numbers) -> Fraction:
    """A coefficient as a fraction; its symbols are sizes, targets y_i, or words of shape 1 x 1."""
    values: dict[Any, Any] = {}
    for symbol in expression.free_symbols:
        name = symbol.name
        known: Mapping[str, Any] = numbers.symbols
        value = known[name] if name in known else _scalar(name, numbers)
        values[symbol] = sympy.Rational(value.numerator, value.denominator)
    made = expression.subs(values, simultaneous=True)
    if made.has(sympy.zoo, sympy.nan, sympy.oo):
        raise ZeroDivisionError(str(expression))
    return Fraction(int(made.p), int(made.q))


def _scalar(name: str, numbers: Numbers) -> Fraction:
    """The value of a symbol that is written as a word: "(y^{\\top} X x_*)"."""
    if not (name.startswith("(") and name.endswith(")")):
        raise KeyError(f"the symbol {name}")
    matrices = []
    for text in name[1:-1].split(" "):
        transposed = text.endswith(r"^{\top}")
        matrix = numbers.letter(text.removesuffix(r"^{\top}"))
        matrices.append([list(c) for c in zip(*matrix)] if transposed else matrix)
    ((value,),) = _product(matrices, 1)
    return value
