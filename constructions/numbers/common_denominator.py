"""Matrices of fractions over one denominator, so that their arithmetic is that of integers.

A flint fmpq_mat brings every entry to lowest terms, a gcd per entry and operation. Here a product
is one product of integer matrices, and what all entries have in common is found from a few.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from math import log10
from typing import Any

from flint import fmpz, fmpz_mat
from flint.utils.flint_exceptions import DomainError

ONE = fmpz(1)
SAMPLES = 8  # entries whose gcd is likely to be that of all entries
LONGEST = 2**18  # bits: fractions in Python, of which a gcd takes the square of them, still end
FEW, SHORT = 64, 4096  # entries; bits
WORTH = 8  # a common factor is divided out from 1/WORTH of the denominator's bits on


class CommonDenominator:
    """numerators / denominator, with the methods of a flint matrix that are used.

    The denominator is positive. It may have a small factor in common with all numerators, see
    `reduced`.
    """

    __slots__ = ("denominator", "numerators")

    def __init__(self, numerators: fmpz_mat, denominator: fmpz = ONE) -> None:
        self.numerators, self.denominator = numerators, denominator

    def nrows(self) -> int:
        return self.numerators.nrows()

    def ncols(self) -> int:
        return self.numerators.ncols()

    def entries(self) -> list[fmpz]:
        """The numerators, row by row."""
        return self.numerators.entries()

    def fractions(self) -> list[Fraction]:
        """The entries, row by row, in lowest terms; equal ones, of which slots have many, once."""
        by, numerators = int(self.denominator), list(map(int, self.entries()))
        made = {numerator: Fraction(numerator, by) for numerator in set(numerators)}
        return [made[numerator] for numerator in numerators]

    def part(self, rows: range, columns: range) -> CommonDenominator:
        numerators = self.numerators
        entries = [numerators[i, j] for i in rows for j in columns]
        return CommonDenominator(fmpz_mat(len(rows), len(columns), entries), self.denominator)

    def reshaped(self, rows: int, columns: int) -> CommonDenominator:
        """The same entries, row by row, in another shape."""
        shape = self.nrows(), self.ncols()
        if shape == (rows, columns):
            return self
        if 1 in shape and shape == (columns, rows):
            return self.transpose()
        return CommonDenominator(fmpz_mat(rows, columns, self.entries()), self.denominator)

    def transpose(self) -> CommonDenominator:
        return CommonDenominator(self.numerators.transpose(), self.denominator)

    def over(self, denominator: fmpz) -> CommonDenominator:
        """The same fractions over a multiple of the denominator."""
        if denominator == self.denominator:
            return self
        return CommonDenominator(self.numerators * (denominator // self.denominator), denominator)

    def times(self, p: Any, q: Any) -> CommonDenominator:
        """p / q * self for integers p and q > 0."""
        if p == 1:
            return CommonDenominator(self.numerators, self.denominator * q)
        common = self.denominator.gcd(p)
        by = p // common
        numerators = self.numerators if by == 1 else self.numerators * by
        return CommonDenominator(numerators, self.denominator // common * q)

    def __add__(self, other: CommonDenominator) -> CommonDenominator:
        return total([(1, 1, self), (1, 1, other)])

    def bits(self) -> int:
        """Of the longest number, as far as the first and the last numerator tell."""
        rows, size = self.nrows(), self.ncols()
        if not rows * size:
            return 0
        first, last = self.numerators[0, 0], self.numerators[rows - 1, size - 1]
        return max(self.denominator.bit_length(), first.bit_length(), last.bit_length())

    def __mul__(self, other: CommonDenominator) -> CommonDenominator:
        """The matrix product. Raises ValueError where its numbers would be longer than LONGEST.

        In few short numbers no common factor is looked for: a gcd takes as long as a hundred
        products, and the sum that they enter finds it.
        """
        refuse_long(self, other)
        numerators = self.numerators * other.numerators
        denominator = self.denominator * other.denominator
        if self.nrows() * other.ncols() <= FEW and denominator.bit_length() <= SHORT:
            return CommonDenominator(numerators, denominator)
        return reduced(numerators, denominator)

    def __eq__(self, other: object) -> bool:
        """Whether the fractions are the same."""
        if not isinstance(other, CommonDenominator):
            return NotImplemented
        return self.numerators * other.denominator == other.numerators * self.denominator


def refuse_long(*factors: CommonDenominator) -> None:
    """Raises ValueError where a product of the factors' entries would be longer than LONGEST: in a
    few layers more it would not end."""
    if sum(factor.bits() for factor in factors) > LONGEST:
        raise ValueError(
            f"its fractions would grow beyond {int(LONGEST * log10(2)):,} digits, and longer with "
            "every layer; fewer layers, or numbers ball (enclosed) or float64"
        )


def reduced(numerators: fmpz_mat, denominator: fmpz) -> CommonDenominator:
    """numerators / denominator, divided by what they all have in common.

    Not for less than 1/WORTH of the denominator's bits: it is looked for after every operation,
    so numbers never grow by more than that.
    """
    bits = denominator.bit_length()
    if bits == 1:
        return CommonDenominator(numerators, denominator)
    common, enough = denominator, bits / WORTH + 1
    for place in _spread(numerators.nrows(), numerators.ncols()):
        common = common.gcd(numerators[place])
        if common.bit_length() < enough:
            return CommonDenominator(numerators, denominator)
    try:
        return CommonDenominator(numerators / common, denominator // common)
    except DomainError:  # other entries do not have it
        common = _gcd(common, numerators.entries())
    if common == 1:
        return CommonDenominator(numerators, denominator)
    return CommonDenominator(numerators / common, denominator // common)


def total(terms: list[tuple[Any, Any, CommonDenominator]]) -> CommonDenominator:
    """Sum of p / q * a over the terms (p, q, a); integers q > 0."""
    denominators = [a.denominator if q == 1 else a.denominator * q for _, q, a in terms]
    common = common_multiple(denominators)
    made: Any = None
    for (p, _, a), own in zip(terms, denominators):
        by = p if own == common else common // own * p
        if made is None:
            made = a.numerators if by == 1 else a.numerators * by
        elif by == -1:
            made = made - a.numerators
        else:
            made = made + (a.numerators if by == 1 else a.numerators * by)
    return reduced(made, common)


def common_multiple(numbers: Iterable[fmpz]) -> fmpz:
    """The least one > 0; 1 of no numbers."""
    common = ONE
    for number in numbers:
        if number != common:  # mostly one is a multiple of the other, which is seen faster
            common = abs(number) if number % common == 0 else common.lcm(number)
    return common


@lru_cache(maxsize=256)
def _spread(rows: int, columns: int) -> tuple[tuple[int, int], ...]:
    """SAMPLES of the places of a matrix, the first and the last among them; all of fewer."""
    count = rows * columns
    samples = min(count, SAMPLES)
    positions = (sample * (count - 1) // max(1, samples - 1) for sample in range(samples))
    return tuple(divmod(at, columns) for at in positions)


def _gcd(common: fmpz, entries: Iterable[fmpz]) -> fmpz:
    """Of all; ends as soon as it is 1."""
    for entry in entries:
        common = common.gcd(entry)
        if common == 1:
            break
    return common
