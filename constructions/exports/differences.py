"""Odd differences of exponentials that are linear up to a high order.

    s = sum_r c_r sinh(r s) + O(s^(2 p + 1)),    r = 1, …, p,

with sum_r c_r r = 1 and sum_r c_r r^(2 i + 1) = 0 for i = 1, …, p - 1: each r is two heads of
softmax attention, one for r s and one for -r s.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import prod


@cache
def coefficients(pairs: int) -> tuple[Fraction, ...]:
    """c_1, …, c_p.

    They interpolate: c_r r is Lagrange's weight at 0 of the nodes r².
    """
    nodes = [Fraction(r * r) for r in range(1, pairs + 1)]
    return tuple(
        prod((other / (other - node) for other in nodes if other != node), start=Fraction(1)) / r
        for r, node in enumerate(nodes, start=1)
    )


@cache  # a search for constants asks for the same ones some 100,000 times
def remainder(pairs: int, power: int) -> Fraction:
    """sum_r c_r r^power, that of s^power / power! in what the differences give."""
    return sum((c * r**power for r, c in enumerate(coefficients(pairs), start=1)), Fraction(0))
