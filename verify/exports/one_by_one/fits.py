"""How far a sum of sigmoids is from the function that it stands for, on a whole interval."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any

from flint import arb, arb_series

from constructions.exports.sigmoids import Sigmoids

from ...checks.bounds.balls import ball, interval

PIECES = 16  # to begin with
SPLITS = 12  # halvings of a piece at most
NEAR = 1 + Fraction(1, 8)
ORDER = 9  # of the Taylor polynomial on each piece: arb_series holds so many terms and one more


@lru_cache(maxsize=4096)
def fit_error(made: Sigmoids, attention: str, low: Fraction, high: Fraction) -> arb:
    """sup |sum_k c_k sigma(a_k s + b_k) - f(s)| over low <= s <= high, bounded.

    f(s) is s for linear attention, s/(1 + s) for normalised attention with a null key.
    On each piece: the Taylor polynomial of the difference at the middle, and the term after it on
    all of the piece. Pieces are halved until none is far above what is found at a middle.
    """
    step, largest, seen = (high - low) / PIECES, arb(0), arb(0)
    left = [(low + step * i, low + step * (i + 1), SPLITS) for i in range(PIECES)]
    while left:
        start, end, splits = left.pop()
        radius, middle = ball((end - start) / 2), (start + end) / 2
        terms = _difference(made, attention, ball(middle))[:ORDER]
        terms += _difference(made, attention, interval(start, end))[ORDER:]
        off = sum((abs(term) * radius**i for i, term in enumerate(terms)), arb(0))
        seen = seen.max(abs(terms[0]).lower())
        if splits and not bool(off < seen * ball(NEAR)):
            left += [(start, middle, splits - 1), (middle, end, splits - 1)]
        else:
            largest = largest.max(off.upper())
    return largest if largest.is_finite() else arb("inf")


def _difference(made: Sigmoids, attention: str, at: arb) -> list[arb]:
    """ORDER + 1 coefficients of its Taylor series."""
    s = arb_series([at, 1], prec=ORDER + 1)
    one = arb_series([1], prec=ORDER + 1)
    found = -s if attention == "linear" else one / (one + s) - one
    for slope, offset, weight in zip(made.slopes, made.offsets, made.weights):
        score = ball(slope) * s + ball(offset)
        if bool(score[0] > 0):
            found += ball(weight) * one / (one + (-score).exp())
        else:
            risen = score.exp()
            found += ball(weight) * risen / (one + risen)
    return [found[i] for i in range(ORDER + 1)]


def weight_at_most(slope: float, offset: float, low: Any, high: Any) -> arb:
    """The largest sigma(slope s + offset) of the interval."""
    score = (ball(slope) * ball(low)).max(ball(slope) * ball(high)) + ball(offset)
    return 1 / (1 + (-score).exp())
