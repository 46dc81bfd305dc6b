"""Explicit matrices of weights as letters of the calculus.

A builder works on the entries of an open matrix A, which are letters, and puts rows of them into a
block: those of A, of Aᵀ, of 2A - I. What such rows are is read off their entries: a sum of
coefficient · word, a word being an open vector or matrix, its transpose, or I. A product A B is
none: its factors can be given to two maps. The reading is exact at the d at which it is made; that
rows are the same sum at other d is compared there (`verify.checks.proof`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any, TypeAlias

import sympy

from proofs.calculus import form as c
from proofs.calculus.form import Form
from proofs.calculus.tokens import OutsideCalculusError
from proofs.formula import split_index
from proofs.letters import EXAMPLES, Matrix, Vector, is_square, is_vector

Rows: TypeAlias = tuple[tuple[Any, ...], ...]
Word: TypeAlias = tuple[tuple[str, bool], ...]  # (name, whether transposed)
LONGEST = 1  # letters in a word: of products the entries are too many to compare at every d


def multiplied_out(entry: Any) -> Any:
    """The entry as a sum of products; one letter or one product of letters is that already."""
    factors = getattr(entry, "args", None)
    if factors is None or entry.is_Atom or (entry.is_Mul and all(e.is_Atom for e in factors)):
        return entry
    return sympy.expand(entry)


@dataclass(frozen=True)
class Sum:
    """What rows of weights are: a sum of coefficient · word, of this shape in "1" and "d".

    flat: written as d² rows of one number, row after row, for a slot (d, d).
    """

    shape: tuple[str, str]
    terms: tuple[tuple[Any, Word], ...]
    flat: bool = False

    def at(self, letters: Mapping[str, Rows], d: int) -> Rows:
        """Its rows, for letters with these rows."""
        sizes = {"1": 1, "d": d}
        height, width = (sizes[axis] for axis in self.shape)
        words = [(factor, word and _product(word, letters, d)) for factor, word in self.terms]

        def times(factor: Any, rows: Any, i: int, j: int) -> Any:
            if not rows:  # of the identity, on the diagonal
                return factor
            return rows[i][j] if factor is sympy.S.One else factor * rows[i][j]

        def entry(i: int, j: int) -> Any:
            parts = [times(*word, i, j) for word in words if word[1] or i == j]
            return multiplied_out(parts[0] if len(parts) == 1 else sympy.Add(*parts))

        entries = [entry(i, j) for i in range(height) for j in range(width)]
        rows = tuple(tuple(entries[i * width : (i + 1) * width]) for i in range(height))
        return column(entries) if self.flat else rows

    def form(self, letters: Mapping[str, Form], size: Any) -> Form:
        """The same in the calculus, where "d" is this size."""
        sizes = {"1": sympy.Integer(1), "d": size}
        total = c.zero(*(sizes[axis] for axis in self.shape))
        for coefficient, word in self.terms:
            one = c.identity(size)
            for number, (name, turned) in enumerate(word):
                factor = letters[name].T if turned else letters[name]
                one = one @ factor if number else factor
            total = total + coefficient * one
        return total


class Arrays:
    """The vectors and matrices of one witness at dimension d: their entries, and their letters.

    `mixes` are the n × n ones among them, where n is written as EXAMPLES; they are such arrays
    again, with n for the `size`. `given` are open. Of the other `parameters` that are vectors or
    matrices nothing is known but that these very numbers are theirs, whatever name they have.
    """

    def __init__(
        self,
        given: Mapping[str, Vector | Matrix],
        d: int,
        parameters: Mapping[str, Any] | None = None,
        size: Any = c.d,
    ) -> None:
        self.d, self.size = d, size
        self.rows: dict[str, Rows] = {}
        self.letters: dict[str, Form] = {}
        for name, value in of_size(given, "n" if size == c.n else "d").items():
            self.rows[name] = column(value.at(d)) if isinstance(value, Vector) else value.at(d)
            self.letters[name] = _letter(value, given, size)
        mixes = of_size(given, "n") if size == c.d else {}
        self.mixes = Arrays(mixes, EXAMPLES, size=c.n) if size == c.d else self
        self.numbers: dict[Rows, Form] = {}
        for name, value in (parameters or {}).items():
            if is_vector(value) and any(value):
                self.numbers.setdefault(column(value), c.letter(indexed(name), c.d, 1))
            elif is_square(value) and value:
                self.numbers.setdefault(value, c.letter(indexed(name), c.d, c.d))
        for rows in (*self.rows.values(), *self.mixes.rows.values()):
            self.numbers.pop(rows, None)
        self.of_entry = {
            entry: name
            for name, rows in self.rows.items()
            for row in rows
            for entry in row
            if entry != 0  # off the diagonal
        }
        self._known: dict[Any, Sum | None] = {}

    def get(self, rows: Any, default: Any = None) -> Any:
        """The form of explicit rows: (d, d), (d, 1) or (1, d), or d² rows of one number for a
        slot (d, d); `default` where they are no sum of words."""
        if rows in self.numbers:
            return self.numbers[rows]
        if len(rows) == 1 and column(rows[0]) in self.numbers:
            return self.numbers[column(rows[0])].T
        made = self.sum(rows)
        return default if made is None else made.form(self.letters, self.size)

    def value(self, parameter: Any) -> Form:
        """The form of a parameter that is a vector (a column) or a matrix."""
        rows = column(parameter) if is_vector(parameter) else parameter
        made = self.get(rows)
        if made is None:
            made = self.mixes.get(rows)
        if made is None:
            raise OutsideCalculusError(f"{parameter}: a matrix that is no sum of letters")
        return made

    def sum(self, rows: Any) -> Sum | None:
        """What explicit rows are; None where they are no sum of words."""
        if rows not in self._known:
            self._known[rows] = self._read(rows)
        return self._known[rows]

    def _read(self, rows: Rows) -> Sum | None:
        d, height, width = self.d, len(rows), len(rows[0]) if rows else 0
        if d < 2 or any(len(row) != width for row in rows):
            return None  # at d = 1 a matrix is its own transpose
        one_column = (height, width) == (d * d, 1)
        if one_column:
            flat = [row[0] for row in rows]
            rows = tuple(tuple(flat[i * d : (i + 1) * d]) for i in range(d))
            height = width = d
        axes = {1: "1", d: "d"}
        if height not in axes or width not in axes or (height, width) == (1, 1):
            return None
        shape = axes[height], axes[width]
        for name, own in self.rows.items():
            if rows == own:
                return Sum(shape, ((sympy.Integer(1), ((name, False),)),), one_column)
        terms: list[tuple[Any, Word]] = []
        by_letters = self._by_letters(rows)
        if by_letters is None:
            return None
        for names, parts in by_letters.items():
            words = [word for word in self._words(names) if self._shape(word) == shape]
            found = self._coefficients(words, parts)
            if found is None:
                return None
            terms += found
        return Sum(shape, tuple(terms), one_column)

    def _by_letters(self, rows: Rows) -> dict[tuple[str, ...], dict[Any, Any]] | None:
        """The monomials of the entries by the letters of which they are: {(i, j, monomial): c};
        None where an entry is no polynomial."""
        entries = [*self.of_entry, sympy.Dummy()]  # which has to have a generator
        made: dict[tuple[str, ...], dict[Any, Any]] = {}
        for i, row in enumerate(rows):
            for j, entry in enumerate(row):
                try:
                    polynomial = sympy.Poly(sympy.sympify(entry), *entries)
                except sympy.PolynomialError:  # a quotient, say: no sum of words
                    return None
                for powers, coefficient in polynomial.terms():
                    if coefficient == 0:
                        continue
                    of = [e for e, power in zip(entries, powers) for _ in range(power)]
                    names = tuple(sorted(self.of_entry[e] for e in of))
                    made.setdefault(names, {})[i, j, sympy.Mul(*of)] = coefficient
        return made

    def _words(self, names: tuple[str, ...]) -> Iterator[Word]:
        """The words of these letters, each transposed or not."""
        if len(names) > LONGEST:
            return
        for order in sorted(set(permutations(names))):
            turns = [(False,) if self.letters[n] == self.letters[n].T else (False, True)
                     for n in order]  # fmt: skip
            for turned in product(*turns):
                yield tuple(zip(order, turned, strict=True))

    def _shape(self, word: Word) -> tuple[str, str] | None:
        """The word's shape; None where its factors do not fit."""
        shape = ("d", "d")
        for number, (name, turned) in enumerate(word):
            vector = len(self.rows[name][0]) == 1
            own = (("1", "d") if turned else ("d", "1")) if vector else ("d", "d")
            if number and shape[1] != own[0]:
                return None
            shape = (shape[0] if number else own[0], own[1])
        return shape

    def _coefficients(
        self, words: Sequence[Word], parts: Mapping[Any, Any]
    ) -> list[tuple[Any, Word]] | None:
        """The coefficients with which the words add up to `parts`; None if there are none."""
        if not words:
            return None
        unknowns = sympy.symbols(f"c_:{len(words)}", seq=True, cls=sympy.Dummy)
        sums = {at: -coefficient for at, coefficient in parts.items()}
        for unknown, word in zip(unknowns, words, strict=True):
            for i, row in enumerate(_product(word, self.rows, self.d)):
                for j, entry in enumerate(row):
                    for part in sympy.Add.make_args(sympy.expand(entry)):
                        number, monomial = part.as_coeff_Mul()
                        if number != 0:
                            at = i, j, monomial
                            sums[at] = sums.get(at, 0) + number * unknown
        solved = sympy.linsolve(list(dict.fromkeys(sums.values())), *unknowns)
        if not solved:
            return None
        (values,) = solved
        free = dict.fromkeys(unknowns, 0)
        found = [(value.subs(free), word) for value, word in zip(values, words, strict=True)]
        return [(value, word) for value, word in found if value != 0]


def _product(word: Word, letters: Mapping[str, Rows], d: int) -> Rows:
    """The rows of a word of at most one letter (LONGEST); those of the identity of none."""
    if not word:
        return tuple(tuple(sympy.Integer(i == j) for j in range(d)) for i in range(d))
    ((name, turned),) = word
    return tuple(zip(*letters[name], strict=True)) if turned else letters[name]


def _letter(value: Vector | Matrix, given: Mapping[str, Vector | Matrix], size: Any) -> Form:
    """The letter of an open vector or matrix; that of an inverse is the inverse letter."""
    if isinstance(value, Vector):
        return c.letter(indexed(value.name), size, 1)
    if not value.inverse:
        return c.letter(
            indexed(value.name), size, size, symmetric=value.symmetric, diagonal=value.diagonal
        )
    of = given[value.inverse]
    assert isinstance(of, Matrix)
    return c.inverse_letter(_letter(of, given, size))


def of_size(given: Mapping[str, Vector | Matrix], size: str) -> dict[str, Vector | Matrix]:
    """The vectors and matrices of "d", or of "n" numbers."""
    return {k: v for k, v in given.items() if getattr(v, "size", "d") == size}


def column(entries: Sequence[Any]) -> Rows:
    """A vector as rows of one number."""
    return tuple((entry,) for entry in entries)


def indexed(name: str) -> str:
    """M2 as M_{2}."""
    stem, index = split_index(name)
    return f"{stem}_{{{index}}}" if index else name
