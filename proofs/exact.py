"""Exact scalars: what a coefficient may be before any number system has rounded it."""

from __future__ import annotations

import math
import re
import sys
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from numbers import Integral, Rational
from typing import Any, TypeAlias

MOST_WHOLE = 10**6  # of sizes and of counts of layers: memory would end before more of them did
MOST_BITS = 2**14  # of a power that is written down
SHORT = 2**11  # bits of a whole number that Python writes, whatever limit it is given
LONG_POWER = re.compile(r"[eE][+-]?\d{4,}")

Exact: TypeAlias = Any  # int, Fraction, or a sympy expression (a constant or a named parameter)


def is_symbolic(value: object) -> bool:
    """True for sympy expressions, without importing sympy."""
    sympy = sys.modules.get("sympy")
    return sympy is not None and isinstance(value, sympy.Basic)


def exact(value: Any, what: str = "a coefficient") -> Exact:
    """`value` as int, Fraction or sympy expression; a float is taken exactly.

    Raises TypeError for anything else, ValueError for a non-finite float.
    """
    if type(value) is int:  # nearly every number, of which no abstract class has to be asked
        return value
    if type(value) is Fraction:
        return value.numerator if value.denominator == 1 else value
    if is_symbolic(value):
        if value.is_Rational:
            return exact(Fraction(int(value.p), int(value.q)))
        return value
    if isinstance(value, bool):
        raise TypeError(f"{what} must be a number, not {value!r}")
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Rational):
        value = Fraction(value)
        return value.numerator if value.denominator == 1 else value
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
        if not isinstance(value, float):
            return exact(value, what)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{what} must be finite, not {value}")
        return exact(Fraction(value))
    raise TypeError(f"{what} must be a number, not {value!r}")


def written_out(text: str) -> Fraction:
    """The number that a text such as "1/3" or "1e-12" is.

    Raises ValueError where it is none, or one that would fill the memory, such as "1e99999999".
    """
    if LONG_POWER.search(text):
        raise ValueError(f"{text} is a number that nobody means, and that would fill the memory")
    return Fraction(text)


def refuse_long_power(base: Fraction | int, exponent: int) -> None:
    """Raises ValueError where base ** exponent would fill the memory."""
    bits = max(abs(base.numerator), base.denominator).bit_length()
    if bits > 1 and bits * abs(exponent) > MOST_BITS:
        raise ValueError(f"the power {base}**{exponent} is too large")


def as_text(value: Exact) -> str:
    """One canonical spelling per value, for digests, JSON and printing, however long it is."""
    if isinstance(value, Rational) and not isinstance(value, bool):
        whole = value.denominator == 1
        parts = (value.numerator,) if whole else (value.numerator, value.denominator)
        return "/".join(_digits(int(part)) for part in parts)
    return str(value)


def _digits(number: int) -> str:
    """A whole number's: Python's own text of it ends at 4300 of them, a Decimal's does not."""
    return str(number) if number.bit_length() < SHORT else str(Decimal(number))


def nearest_float(value: Exact) -> float:
    """The float64 nearest to an exact scalar, infinite beyond its range.

    Raises TypeError if a parameter is still free.
    """
    if is_symbolic(value):
        return _symbolic_float(value)
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


@lru_cache(maxsize=4096)
def _symbolic_float(value: Any) -> float:
    if value.free_symbols:
        names = ", ".join(sorted(map(str, value.free_symbols)))
        raise TypeError(f"coefficient {value} still has free parameters: {names}")
    return float(value.evalf(30))
