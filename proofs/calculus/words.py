"""Words: products of matrix letters, and their normal form (see `calculus`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Any

import sympy

ONE = sympy.Integer(1)

Size = Any  # a sympy integer or symbol
Word = tuple["Letter", ...]


@dataclass(frozen=True)
class Letter:
    """A matrix of symbolic shape; `inverse` and `transposed` mark its two variants.

    `commuting`: a polynomial in S, symmetric too. `diagonal` ones are symmetric, and commute with
    each other.
    """

    name: str
    rows: Size
    columns: Size
    symmetric: bool = False
    commuting: bool = False
    transposed: bool = False
    inverse: bool = False
    diagonal: bool = False

    @cached_property
    def _hash(self) -> int:
        return hash((self.name, self.rows, self.columns, self.transposed, self.inverse))

    def __hash__(self) -> int:  # words are looked up more often than anything else is done to them
        return self._hash

    @cached_property
    def T(self) -> Letter:
        if self.symmetric:
            return self
        return replace(self, rows=self.columns, columns=self.rows, transposed=not self.transposed)

    def undoes(self, other: Letter) -> bool:
        """Whether self · other is the identity."""
        if self.name != other.name or self.inverse == other.inverse:
            return False
        return self == replace(other, inverse=self.inverse)

    def __str__(self) -> str:
        marks = ("-1" if self.inverse else "") + ("T" if self.transposed else "")
        return f"{self.name}^{marks}" if marks else self.name

    def latex(self) -> str:
        marks = ("-1" if self.inverse else "") + (r"\top" if self.transposed else "")
        return f"{self.name}^{{{marks}}}" if marks else self.name


def transpose_word(word: Word) -> Word:
    return tuple(letter.T for letter in reversed(word))


def _cancel_inverses(word: Iterable[Letter]) -> Word:
    kept: list[Letter] = []
    for letter in word:
        if kept and kept[-1].undoes(letter):
            kept.pop()
        else:
            kept.append(letter)
    return tuple(kept)


def _scalar(word: Word) -> sympy.Expr:
    """The commuting symbol of a 1 × 1 word; a word and its transpose share it.

    Ones times ones are as many as there are.
    """
    last = word[-1]
    if len(word) == 2 and last.name == f"1_{last.rows}" and word[0] == last.T:
        return last.rows
    both = (_sorted(word), _sorted(transpose_word(word)))
    chosen = min(both, key=lambda w: [str(letter) for letter in w])
    return sympy.Symbol("(" + " ".join(letter.latex() for letter in chosen) + ")")


@lru_cache(maxsize=2**14)  # sums and products are of the same few words
def normal_word(word: Word) -> tuple[sympy.Expr, Word]:
    """Scalar factors and the remaining word, inverses cancelled."""
    word = _cancel_inverses(_diagonal_in_order(word))
    factor: sympy.Expr = ONE
    pieces: list[list[Letter]] = [[]]
    for letter in word:  # cut where the inner dimension is 1
        if pieces[-1] and pieces[-1][-1].columns == 1:
            pieces.append([])
        pieces[-1].append(letter)
    kept: list[Letter] = []
    for piece in pieces:
        if piece and piece[0].rows == 1 and piece[-1].columns == 1:
            factor *= _scalar(tuple(piece))
        else:
            kept += piece
    return factor, _sorted(tuple(kept))


def is_gram(pair: Sequence[Letter]) -> bool:
    """Whether two letters are XᵀX."""
    return [(a.name, a.transposed, a.inverse) for a in pair] == [
        ("X", True, False),
        ("X", False, False),
    ]


def _diagonal_in_order(word: Word) -> Word:
    """The word with every run of diagonal letters by name, a letter beside its inverse."""
    runs = groupby(word, key=lambda letter: letter.diagonal)
    return tuple(
        letter
        for diagonal, run in runs
        for letter in (sorted(run, key=lambda one: one.name) if diagonal else run)
    )


def _sorted(word: Word) -> Word:
    """The word with every run of commuting letters and S in order, letters by name, then S; and
    every run of diagonal ones."""
    word = _diagonal_in_order(word)
    if not any(letter.commuting for letter in word):
        return word
    kept: list[Letter] = []
    run: list[Word] = []

    def close() -> None:
        run.sort(key=lambda unit: (len(unit), str(unit[0])))
        kept.extend(letter for unit in run for letter in unit)
        run.clear()

    at = 0
    while at < len(word):
        size = 1 if word[at].commuting else 2 if is_gram(word[at : at + 2]) else 0
        if size:
            run.append(word[at : at + size])
        else:
            close()
            kept.append(word[at])
        at += size or 1
    close()
    return tuple(kept)
