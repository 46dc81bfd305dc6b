"""Fractions that know how far a float may be from them, in whatever order sums are added up.

A number carries `size`, the sum of the absolute values of its terms multiplied out, and the most
roundings that one term meets: a float is off by at most ((1 + u)^roundings - 1) size. While all
terms are whole multiples of one power of 2, and size is below 2^53 of them, nothing is rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from plain import Fractions

UNIT = Fraction(1, 2**53)
LOST = Fraction(1, 2)  # a divisor that may be off by this share bounds nothing


class Unbounded(ArithmeticError):
    """A divisor that rounding may have made 0."""


@dataclass(frozen=True)
class Tracked:
    value: Fraction
    size: Fraction
    depth: int = 0  # roundings of the factors and quotients below the sum
    sums: int = 0  # additions of the sum
    grain: int | None = 0  # all terms are multiples of 2^-grain; None: not known

    @property
    def roundings(self) -> int:
        return self.depth + self.sums

    @property
    def is_exact(self) -> bool:
        return self.roundings == 0

    @property
    def bound(self) -> Fraction:
        """The most that a float may be off."""
        k = self.roundings
        assert k * UNIT < 1
        return k * UNIT / (1 - k * UNIT) * self.size

    def __add__(self, other: Tracked) -> Tracked:
        if other.size == 0 and other.is_exact:
            return self
        if self.size == 0 and self.is_exact:
            return other
        sums = self.sums + other.sums + 1
        return _made(
            self.value + other.value, self.size + other.size, max(self.depth, other.depth), sums,
            _finer(self, other, max),
        )  # fmt: skip

    def __mul__(self, other: Tracked) -> Tracked:
        depth = self.roundings + other.roundings + 1
        grain = _finer(self, other, lambda a, b: a + b)
        return _made(self.value * other.value, self.size * other.size, depth, 0, grain)


def _finer(a: Tracked, b: Tracked, rule: Any) -> int | None:
    if a.grain is None or b.grain is None or not (a.is_exact and b.is_exact):
        return None
    return rule(a.grain, b.grain)


def _made(value: Fraction, size: Fraction, depth: int, sums: int, grain: int | None) -> Tracked:
    if grain is not None and grain < 1000 and size * 2**grain <= 2**53:
        return Tracked(value, size, 0, 0, grain)
    return Tracked(value, size, depth, sums, None)


class FloatBounds(Fractions):
    """Arithmetic of `plain` in tracked fractions."""

    def number(self, value: Any) -> Tracked:
        exact = super().number(value)
        twos = exact.denominator.bit_length() - 1
        if exact.denominator == 2**twos and abs(exact.numerator) <= 2**53:
            return Tracked(exact, abs(exact), 0, 0, twos)
        return Tracked(exact, abs(exact), 1, 0, None)

    def relu(self, x: Tracked) -> Tracked:
        return Tracked(max(x.value, Fraction(0)), x.size, x.depth, x.sums, x.grain)

    def quotient(self, x: Tracked, by: Tracked) -> Tracked:
        """What a float quotient is off by: twice both relative errors, if `by` is known well."""
        if by.value == 0:
            raise ZeroDivisionError
        if by.bound >= LOST * abs(by.value):
            raise Unbounded
        value = x.value / by.value
        twos = by.value.denominator == 1 and abs(by.value.numerator).bit_count() == 1
        if by.is_exact and by.size == abs(by.value):
            grain = None
            if twos and x.grain is not None and x.is_exact:
                grain = x.grain + abs(by.value.numerator).bit_length() - 1
            return _made(value, x.size / abs(by.value), x.roundings + 1, 0, grain)
        size = 2 * x.size * by.size / by.value**2
        return _made(value, size, x.roundings + by.roundings + 1, 0, None)
