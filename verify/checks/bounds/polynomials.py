"""Polynomials in variables that range over intervals: balls for coefficients, the rest bounded.

A term that is tiny on the ranges may be given up into `rest`, a bound on all that is not written
down; so a layer of thousands of terms stays one of a few, and nothing is lost of its truth. They
add, multiply and divide like numbers, so that `Operation.apply` takes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from flint import arb

from .balls import ball

Monomial = tuple[int, ...]  # numbers of the variables, ascending
TINY = Fraction(1, 2**120)  # terms below go into the rest


class Ranges:
    """The variables: an interval each. One that is a single number is that constant."""

    def __init__(self, intervals: Iterable[arb]) -> None:
        self.intervals = list(intervals)
        self.sizes = [value.abs_upper() for value in self.intervals]
        self._variables: dict[int, Polynomial] = {}
        self._sizes: dict[Monomial, arb] = {}
        self._values: dict[Monomial, arb] = {}

    def variable(self, number: int) -> Polynomial:
        """The variable itself: the same object each time."""
        made = self._variables.get(number)
        if made is None:
            value = self.intervals[number]
            alone: dict[Monomial, arb] = {(number,): arb(1)}
            made = self.constant(value) if value.is_exact() else Polynomial(self, alone)
            self._variables[number] = made
        return made

    def constant(self, value: Any) -> Polynomial:
        value = ball(value)
        return Polynomial(self, {} if value == 0 else {(): value})

    def size(self, monomial: Monomial) -> arb:
        """The largest absolute value of a product of variables."""
        return _product(monomial, self.sizes, self._sizes)

    def value(self, monomial: Monomial) -> arb:
        """The interval of a product of variables."""
        return _product(monomial, self.intervals, self._values)


def _product(monomial: Monomial, factors: Sequence[arb], known: dict[Monomial, arb]) -> arb:
    if monomial not in known:
        made = arb(1)
        for number in monomial:
            made = made * factors[number]
        known[monomial] = made
    return known[monomial]


class Polynomial:
    """sum of coefficient * product of variables, off by at most `rest`."""

    __slots__ = ("over", "rest", "terms")

    def __init__(self, over: Ranges, terms: dict[Monomial, arb], rest: Any = 0) -> None:
        self.over, self.terms, self.rest = over, terms, arb(rest)

    def size(self) -> arb:
        """A bound on the absolute value."""
        return sum((abs(c) * self.over.size(m) for m, c in self.terms.items()), self.rest)

    def value(self) -> arb:
        """An interval of all values."""
        total = sum((c * self.over.value(m) for m, c in self.terms.items()), arb(0))
        return total + self.rest * arb(0, 1)

    def pruned(self) -> Polynomial:
        """The same with its tiny terms in the rest."""
        tiny, kept, rest = ball(TINY), {}, self.rest
        for monomial, coefficient in self.terms.items():
            size = abs(coefficient) * self.over.size(monomial)
            if size < tiny:
                rest = rest + size
            else:
                kept[monomial] = coefficient
        return Polynomial(self.over, kept, rest)

    def __add__(self, other: Any) -> Polynomial:
        other = self._like(other)
        if len(other.terms) > len(self.terms):
            self, other = other, self
        terms = dict(self.terms)
        for monomial, coefficient in other.terms.items():
            terms[monomial] = terms[monomial] + coefficient if monomial in terms else coefficient
        return Polynomial(self.over, terms, self.rest + other.rest)

    def __mul__(self, other: Any) -> Polynomial:
        if not isinstance(other, Polynomial):
            factor = ball(other)
            terms = {} if factor == 0 else {m: c * factor for m, c in self.terms.items()}
            return Polynomial(self.over, terms, self.rest * abs(factor))
        terms = {}
        for left, c in self.terms.items():
            for right, d in other.terms.items():
                monomial = tuple(sorted(left + right))
                terms[monomial] = terms[monomial] + c * d if monomial in terms else c * d
        rest = arb(0)
        if not (self.rest == 0 and other.rest == 0):  # of balls: unless both are certainly 0
            rest = self.rest * other.size() + other.rest * self.size()
        return Polynomial(self.over, terms, rest)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Polynomial:
        return Polynomial(self.over, {m: -c for m, c in self.terms.items()}, self.rest)

    def __sub__(self, other: Any) -> Polynomial:
        return self + -self._like(other)

    def __rsub__(self, other: Any) -> Polynomial:
        return self._like(other) - self

    def __truediv__(self, other: Any) -> Any:
        return Quotient(self, other.of) if isinstance(other, Absolute) else self * (1 / ball(other))

    def __abs__(self) -> Absolute:
        return Absolute(self)

    def _like(self, other: Any) -> Polynomial:
        return other if isinstance(other, Polynomial) else self.over.constant(other)


class Absolute:
    """|polynomial|, to divide by."""

    def __init__(self, of: Polynomial) -> None:
        self.of = of


class Quotient:
    """numerator / |divisor|."""

    def __init__(self, numerator: Polynomial, divisor: Polynomial) -> None:
        self.numerator, self.divisor = numerator, divisor


def accumulate(terms: dict[Monomial, arb], monomial: Monomial, coefficient: arb) -> None:
    """terms += coefficient * monomial."""
    known = terms.get(monomial)
    terms[monomial] = coefficient if known is None else known + coefficient
