"""Forms of the calculus with numbers put in: words as products of matrices, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy
from plain import divided, parts_of, query_parts_of

Rows = list[list[Fraction]]


@dataclass(frozen=True)
class Numbers:
    """A concrete prompt, and which of its queries the calculus's one stands for."""

    X: Rows
    y: list[Any]
    queries: Rows
    place: int
    weights: Mapping[str, Rows]  # matrices of the witness that have a letter
    prompt: Any = None  # the witness's, where it carries more than x and a number y

    @property
    def columns(self) -> dict[str, tuple[Rows, list[Fraction]]]:
        """The rows of all examples, and the row of the query, of each part of x; and y."""
        X, query = self.X, self.queries[self.place]
        if self.prompt is None:
            parts, asked = {"x": X}, {"x": query}
        else:
            names = parts_of(self.prompt)
            rows = [divided(row, names, self.prompt) for row in X]
            parts = {name: [row[name] for row in rows] for name in names}
            asked = divided(query, query_parts_of(self.prompt), self.prompt)
        y = [row if isinstance(row, list) else [row] for row in self.y]
        return {name: (rows, asked.get(name, [])) for name, rows in {**parts, "y": y}.items()}

    @property
    def symbols(self) -> dict[str, Any]:
        known: dict[str, Any] = {"n": len(self.X), "m": len(self.queries), "q": self.place}
        known["d"] = len(self.queries[0]) if self.prompt is None else self.prompt.d
        for name, (rows, query) in self.columns.items():
            known |= {f"{name}_{i}": row[0] for i, row in enumerate(rows, start=1) if len(row) == 1}
            known |= {f"{name}_*": query[0]} if len(query) == 1 else {}
        return known

    def letter(self, name: str) -> Rows:
        """The matrix that a letter stands for."""
        count = len(self.X)
        known = {
            "1_n": [[Fraction(1)]] * count,
            "i_n": [[Fraction(i)] for i in range(count)],
            **self.weights,
        }
        for part, (rows, query) in self.columns.items():
            known["X" if part == "x" else part] = rows
            known[f"{part}_*"] = [[value] for value in query]
            for i, row in enumerate(rows, start=1):
                known[f"{part}_{{{i}}}"] = [[value] for value in row]
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
