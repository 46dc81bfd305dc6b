"""Balls with their derivatives: numbers in which a program is enclosed over a box of inputs.

A comparison that the box does not decide raises, where flint's balls would answer no: a program
that branches on it is not enclosed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flint import arb, arb_mat

from constructions.numbers import Unsupported
from constructions.numbers.ball import Ball
from proofs.vocabulary import Entrywise

from .system import Entries, with_number

BALLS = Ball()


class Jet:
    """A value and its slopes in the inputs that vary, (1, inputs); None: it does not vary."""

    __slots__ = ("slopes", "value")

    def __init__(self, value: arb, slopes: arb_mat | None = None) -> None:
        self.value, self.slopes = value, slopes

    def _function(self, value: arb, slope: arb) -> Jet:
        return Jet(value, None if self.slopes is None else self.slopes * slope)

    @with_number
    def __add__(self, other: Any) -> Jet:
        other = element(other)
        return Jet(self.value + other.value, _sum(self.slopes, other.slopes))

    @with_number
    def __mul__(self, other: Any) -> Jet:
        other = element(other)
        mine = None if self.slopes is None else self.slopes * other.value
        theirs = None if other.slopes is None else other.slopes * self.value
        value = _power(self.value, 2) if other is self else self.value * other.value
        return Jet(value, _sum(mine, theirs))

    def inverse(self) -> Jet:
        if self.value.contains(0):
            raise ZeroDivisionError("a divisor may be 0 on the box")
        value = 1 / self.value
        return self._function(value, -value * value)

    def __neg__(self) -> Jet:
        return Jet(-self.value, None if self.slopes is None else -self.slopes)

    @with_number
    def __sub__(self, other: Any) -> Jet:
        if other is self:
            return element(0)
        return self + -element(other)

    def __rsub__(self, other: Any) -> Jet:
        return element(other) - self

    @with_number
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
        return self._function(_power(self.value, power), power * _power(self.value, power - 1))

    @property
    def is_zero(self) -> bool:
        return bool(self.value == 0) and self.slopes is None

    # -- functions --

    def exp(self) -> Jet:
        value = _increasing(self.value, arb.exp)
        return self._function(value, value)

    def sqrt(self) -> Jet:
        if not self.value > 0:
            raise ZeroDivisionError("a root may be of 0 on the box")
        value = _increasing(self.value, arb.sqrt)
        return self._function(value, 1 / (2 * value))

    def log(self) -> Jet:
        if not self.value > 0:
            raise ZeroDivisionError("a logarithm may be of 0 on the box")
        return self._function(_increasing(self.value, arb.log), 1 / self.value)

    def tanh(self) -> Jet:
        value = _increasing(self.value, arb.tanh)
        return self._function(value, 1 - _power(value, 2))

    def erf(self) -> Jet:
        slope = 2 * _increasing(-_power(self.value, 2), arb.exp) / arb.pi().sqrt()
        return self._function(_increasing(self.value, arb.erf), slope)

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


def _power(value: arb, power: int) -> arb:
    """Its values on the ball (flint's own takes logarithms, and has none of 0)."""
    made = arb(1)
    for _ in range(power):
        made = made * value
    if power % 2 or value.is_exact():
        return made
    size, upper = value.abs_lower(), value.abs_upper()
    return (size**power if size > 0 else arb(0)).union(upper**power)


def _increasing(value: arb, function: Callable[[arb], arb]) -> arb:
    """Its values on the ball, from those at the ends: flint's own spread evenly about a middle."""
    if value.is_exact():
        return function(value)
    return function(value.lower()).union(function(value.upper()))


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


class JetEntries(Entries):
    """Witnesses run on jets. The share of a key is 1 / sum_k e^(score_k - score), in which each
    difference of scores is taken before it is enclosed.
    """

    def applied(self, a: Any, function: Entrywise) -> Any:
        """A user's function, in balls: of its slopes nothing is known."""
        if function.balls is None:
            return super().applied(a, function)
        ball = function.balls
        unknown = arb("nan")
        return self.entrywise(lambda x: x._function(ball(x.value), unknown), a)

    def shares(self, scores: list[Any], null: bool) -> list[Any]:
        others = [*scores, self.zero] if null else scores
        return [
            sum(
                # by number: keys whose scores are one object are several keys all the same
                ((other - score).exp() for k, other in enumerate(others) if k != j),
                element(1),
            ).inverse()
            for j, score in enumerate(scores)
        ]
