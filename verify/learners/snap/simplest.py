"""The simplest fraction in an interval."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor


def simplest(low: Fraction, high: Fraction) -> Fraction:
    """The fraction of least denominator in [low, high], and of these that of least numerator.

    By continued fractions: where no whole number lies between, the whole part is common to all,
    and the rest is 1 / the simplest between the inverses.
    """
    if low > high:
        raise ValueError(f"nothing is between {low} and {high}")
    if low <= 0 <= high:
        return Fraction(0)
    if high < 0:
        return -simplest(-high, -low)
    if ceil(low) <= high:
        return Fraction(ceil(low))
    whole = floor(low)
    return whole + 1 / simplest(1 / (high - whole), 1 / (low - whole))


def near(value: Fraction, within: Fraction) -> Fraction:
    """The simplest fraction that is no farther than `within` from a number."""
    return simplest(value - within, value + within)
