"""Balls with their derivatives: numbers in which a program is enclosed over a box of inputs.

A comparison that the box does not decide raises, where flint's balls would answer no: a program that
branches on it is not enclosed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flint import arb, arb_mat

from constructions.numbers import Unsupported
from constructions.numbers.ball import Ball

BALLS = Ball()


class Jet:
    """A value and its slopes in the inputs that vary, (1, inputs); None: it does not vary."""

    __slots__ = ("slopes", "value")

    def __init__(self, value: arb, slopes: arb_mat | None = None) -> None:
        self.value, self.slopes = value, slopes

    def _function(self, value: arb, slope: arb) -> Jet:
        return Jet(value, None if self.slopes is None else self.slopes * slope)

    def __add__(self, other: Any) -> Jet:
        other = element(other)
        return Jet(self.value + other.value, _sum(self.slopes, other.slopes))

    def __mul__(self, other: Any) -> Jet:
        other = element(other)
        mine = None if self.slopes is None else self.slopes * other.value
        theirs = None if other.slopes is None else other.slopes * self.value
        value = self.value**2 if other is self else self.value * other.value
        return Jet(value, _sum(mine, theirs))

    def inverse(self) -> Jet:
        if self.value.contains(0):
            raise ZeroDivisionError("a divisor may be 0 on the box")
        value = 1 / self.value
        return self._function(value, -value * value)

    def __neg__(self) -> Jet:
        return Jet(-self.value, None if self.slopes is None else -self.slopes)

    def __sub__(self, other: Any) -> Jet:
        return self + -element(other)

    def __rsub__(self, other: Any) -> Jet:
        return element(other) - self

    def __truediv__(self, other: Any) -> Jet:
        return self * element(other).inverse()

    def __rtruediv__(self, other: Any) -> Jet:
        return element(other) / self

    __radd__ = __add__
    __rmul__ = __mul__

    def __pow__(self, power: int) -> Jet:
        if not isinstance(power, int):
            raise Unsupported(f"jets do not know the power {power!r}")
        if power < 0:
            return self.inverse() ** -power
        if power == 0:
            return element(1)
        return self._function(self.value**power, power * self.value ** (power - 1))

    @property
    def is_zero(self) -> bool:
        return bool(self.value == 0) and self.slopes is None

    # -- functions --

    def exp(self) -> Jet:
        value = self.value.exp()
        return self._function(value, value)

    def sqrt(self) -> Jet:
        if not self.value > 0:
            raise ZeroDivisionError("a root may be of 0 on the box")
        value = self.value.sqrt()
        return self._function(value, 1 / (2 * value))

    def log(self) -> Jet:
        if not self.value > 0:
            raise ZeroDivisionError("a logarithm may be of 0 on the box")
        return self._function(self.value.log(), 1 / self.value)

    def tanh(self) -> Jet:
        value = self.value.tanh()
        return self._function(value, 1 - value**2)

    def erf(self) -> Jet:
        slope = 2 * (-(self.value**2)).exp() / arb.pi().sqrt()
        return self._function(self.value.erf(), slope)

    def relu(self) -> Jet:
        if self.value > 0:
            return self
        if self.value < 0:
            return element(0)
        # every slope of a chord of relu lies in [0, 1]
        return self._function(self.value.max(arb(0)), arb(0).union(arb(1)))

    def max(self, other: Any) -> Jet:
        return element(other) + (self - other).relu()

    def min(self, other: Any) -> Jet:
        return self - (self - other).relu()

    def __abs__(self) -> Jet:
        if self.value > 0:
            return self
        if self.value < 0:
            return -self
        return self._function(abs(self.value), arb(-1).union(arb(1)))

    # -- comparisons --

    def _decided(self, yes: Callable[[arb], bool], no: Callable[[arb], bool], other: Any) -> bool:
        difference = self.value - element(other).value
        if yes(difference) or no(difference):
            return bool(yes(difference))
        raise Unsupported("the algorithm compares two numbers, and the box does not decide how")

    def __gt__(self, other: Any) -> bool:
        return self._decided(lambda value: value > 0, lambda value: value <= 0, other)

    def __ge__(self, other: Any) -> bool:
        return self._decided(lambda value: value >= 0, lambda value: value < 0, other)

    def __lt__(self, other: Any) -> bool:
        return not self >= other

    def __le__(self, other: Any) -> bool:
        return not self > other

    def __eq__(self, other: object) -> bool:
        return self._decided(lambda value: value == 0, lambda value: not value.contains(0), other)

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return self != 0


def _sum(a: arb_mat | None, b: arb_mat | None) -> arb_mat | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def element(value: Any, what: str = "a value") -> Jet:
    """A number as a jet that does not vary."""
    return value if isinstance(value, Jet) else Jet(BALLS.element(value, what))


def variable(value: arb, number: int, count: int) -> Jet:
    """The input of this number among `count`, in the range of the ball."""
    slopes = arb_mat(1, count)
    slopes[0, number] = arb(1)
    return Jet(value, slopes)
