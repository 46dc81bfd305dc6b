"""How far a sum of sigmoids is from the function that it stands for, on a whole interval.

An error counts in proportion: 1 for linear attention, f(s) = s; (1 + s)^2 for normalised attention
with a null key, f(s) = s/(1 + s), since that is what it does to what is divided by 1 + s.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

import flint
import numpy as np
from flint import arb, arb_series

from constructions.exports.sigmoids import FUNCTIONS, Sigmoids

from ...checks.bounds.balls import ball, interval
from ..formats import FUNCTION, Format
from ..head_error import unseen

PIECES = 16  # to begin with
SPLITS = 12  # halvings of a piece at most
NEAR = 1 + Fraction(1, 8)
POINTS = 64  # at which a fit is looked at
ORDER = 9  # of the Taylor polynomial on each piece: arb_series holds so many terms and one more
Fit: TypeAlias = Callable[[Sigmoids, str, Fraction, Fraction], arb]


@lru_cache(maxsize=4096)
def fit_error(made: Sigmoids, attention: str, low: Fraction, high: Fraction) -> arb:
    """sup of |sum_k c_k sigma(a_k s + b_k) - f(s)|, in proportion, over low <= s <= high, bounded.

    On each piece: the Taylor polynomial of the difference at the middle, and the term after it on
    all of the piece. Pieces are halved until none is far above what is found at a middle.
    """
    step, largest, seen, heads = (high - low) / PIECES, arb(0), arb(0), _heads(made)
    left = [(low + step * i, low + step * (i + 1), SPLITS) for i in range(PIECES)]
    while left:
        start, end, splits = left.pop()
        radius, middle = ball((end - start) / 2), (start + end) / 2
        terms = _difference(heads, attention, ball(middle))[:ORDER]
        terms += _difference(heads, attention, interval(start, end))[ORDER:]
        off = sum((abs(term) * radius**i for i, term in enumerate(terms)), arb(0))
        seen = seen.max(abs(terms[0]).lower())
        if splits and not bool(off < seen * ball(NEAR)):
            left += [(start, middle, splits - 1), (middle, end, splits - 1)]
        else:
            largest = largest.max(off.upper())
    return largest if largest.is_finite() else arb("inf")


def fit_seen(made: Sigmoids, attention: str, low: Fraction, high: Fraction) -> arb:
    """What `fit_error` is not below: that error at a few points, in floats, and a tenth less.

    For a search: it proves nothing.
    """
    s = np.linspace(float(low), float(high), POINTS)
    scores = np.outer(s, made.slopes) + made.offsets
    off = (1 + np.tanh(scores / 2)) / 2 @ made.weights - FUNCTIONS[attention](s)
    counts = 1 if attention == "linear" else (1 + s) ** 2
    return arb(float(np.abs(counts * off).max())) * 9 / 10


@lru_cache
def _pieces(low: Fraction, high: Fraction, bits: int) -> list[arb]:
    """An interval, cut into pieces, at the present precision of so many bits."""
    ends = [ball(low + (high - low) * i / (2 * PIECES)) for i in range(2 * PIECES + 1)]
    return [start.union(end) for start, end in pairwise(ends)]


Heads: TypeAlias = list[tuple[arb, arb, arb]]


def _heads(made: Sigmoids) -> Heads:
    """c, a, b of each."""
    of_each = zip(made.weights, made.slopes, made.offsets)
    return [(ball(c), ball(a), ball(b)) for c, a, b in of_each]


def _difference(heads: Heads, attention: str, at: arb) -> list[arb]:
    """ORDER + 1 coefficients of its Taylor series."""
    s = arb_series([at, 1], prec=ORDER + 1)
    one, found = arb_series([1], prec=ORDER + 1), arb_series([0], prec=ORDER + 1)
    for c, a, b in heads:
        score = a * s + b
        if bool(score[0] > 0):
            found += c * one / (one + (-score).exp())
        else:
            risen = score.exp()
            found += c * risen / (one + risen)
    off = found - s if attention == "linear" else found * (one + s) ** 2 - s * (one + s)
    return [off[i] for i in range(ORDER + 1)]


def rounding_error(
    made: Sigmoids, attention: str, low: Fraction, high: Fraction, form: Format, features: int,
    products: arb, margin: arb, read: arb, lost: arb,
) -> tuple[arb, arb]:  # fmt: skip
    """What the heads are off by, each for itself: of their sum, in proportion; and what all weigh,
    sum_k |c_k| sigma(a_k s + b_k), the largest sum.

    A score has `features` products: what these add up to, in absolute values, is at most
    `products` for linear attention, and sqrt(products |s|) for normalised attention, whose query is
    P x of the key x, where both are off by no more than moves s by `margin`; `lost` beside that.
    Offsets are read from one number, off by `read`: the same for all heads. What is not the largest
    of the two scores goes through exp, is added to the 1 of the other, and divides.
    """
    of_score, of_weight = form.gamma(features + 11), form.gamma(3)
    of_sums, of_function = 4 * form.unit, (1 - FUNCTION * form.unit).log()
    absolute = unseen() + form.least
    heads = [(*one, *map(abs, one), one[2] * arb(1, read)) for one in _heads(made)]
    largest, most = arb(0), arb(0)
    for s in _pieces(low, high, flint.ctx.prec):
        size = products
        if attention == "normalised":
            size = (products * (abs(s).upper() + margin)).sqrt() + margin
        own, shift, weighed = arb(0), arb(0), arb(0)
        for c, a, b, weight, slope, offset, near_b in heads:
            share = 1 / (1 + (-a * s - b).exp())
            weighed += weight * share
            if a == b == 0:
                continue  # a score of 0, to the bit, weighs 1/2, to the bit
            score = slope * size + offset
            moved = of_score * score + slope * lost
            moved += of_sums * (score + moved) - of_function
            changed = (share * moved).min(moved / 4) if attention == "linear" else share * moved
            changed = changed * (2 * moved).exp() * (1 + of_weight) + share * of_weight
            own += weight * (changed + absolute)
            near = 1 / (1 + (-a * s - near_b).exp())
            shift += c * near * (1 - near) * b
        counts = arb(1) if attention == "linear" else (1 + s) ** 2
        largest = largest.max((counts * (own + abs(shift) * read)).upper())
        most = most.max(weighed.upper())
    return largest, most + largest
