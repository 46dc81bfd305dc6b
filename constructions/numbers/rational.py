"""Exact fractions: equality means equality."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from flint import fmpq, fmpq_mat

from ..exact import is_symbolic
from .base import Unsupported
from .flint import FlintNumbers, to_fraction


class Rational(FlintNumbers):
    """python-flint fmpq matrices; predictions come back as fractions.Fraction."""

    name = "rational"
    matrix = fmpq_mat
    folds = True

    def element(self, value: Any, what: str = "a value") -> fmpq:
        if type(value) is Fraction:
            return fmpq(value.numerator, value.denominator)
        if type(value) is int:
            return fmpq(value)
        if isinstance(value, fmpq):
            return value
        if is_symbolic(value):
            raise Unsupported(f"rational numbers cannot hold the weight {value}")
        fraction = to_fraction(value, what)
        return fmpq(fraction.numerator, fraction.denominator)

    def give(self, value: fmpq) -> Fraction:
        return Fraction(int(value.p), int(value.q))

    def relu(self, a: Any) -> Any:
        zero = fmpq(0)
        return self.entrywise(lambda x: x if x > 0 else zero, a)
