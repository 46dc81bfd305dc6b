r"""How far two softmax layers are apart: a bound that takes their difference first.

f = sum_j p_j v_j and g = sum_j r_j w_j, p = softmax(a), r = softmax(b), with scores and values that
are polynomials in the prompt. Along c_t = b + t (a - b), from r to p, the mean of w moves by
Cov_{p_t}(a - b, w), so that with delta = a - b

    |f - g| <= max_j |v_j - w_j| + sup_t |Cov_{p_t}(delta, w)|.

Let W, R be bounds on the differences w_j - w_k and delta_j - delta_k. Two bounds on a covariance
are taken, and the smaller one counts:

1. |Cov(delta, w)| <= R W / 4 (Grüss).
2. Let delta = kappa a + rho with a number kappa < 1. Then a = (c_t + (1 - t) rho) / s for
   s = 1 - (1 - t) kappa, and so delta = (kappa c_t + rho) / s: Cov(delta, w) is
   (kappa Cov(c_t, w) + Cov(rho, w)) / s, the last of which is bounded as in 1. For the first: let
   p = softmax(c) on n points, m the mean of c, S the points where c > m, P = p(S). Since
   E|c - m| = 2 P (1 - P) (m_S - m_T), with the means of c over S and the rest T,

       |Cov(c, w)| <= W/2 E|c - m| = W P (1 - P) (m_S - m_T).

   The entropy of p given S is log sum_S e^c - m_S, between 0 and log |S|; so log(P/(1 - P)) =
   m_S - m_T + H_S - H_T, and m_S - m_T <= log(P/(1 - P)) + log(n - 1). It is at most the largest
   c_j - c_k as well. With tau = log(P/(1 - P)) there is P (1 - P) = 1/(2 + 2 cosh tau), and the
   bound is W `spread`(n, L), L a bound on c_j - c_k.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import arb, fmpq

from ..bounds.balls import precision, supremum, top
from .bernstein import fraction, up
from .forms import Form

Bound = Callable[[Any], Fraction]  # of a polynomial's absolute value, on the box


@dataclass(frozen=True)
class Smoother:
    """sum_j weight_j e^score_j value_j / sum_j weight_j e^score_j."""

    scores: tuple[Any, ...]
    weights: tuple[Fraction, ...]
    values: tuple[Any, ...]


def smoother(form: Form) -> Smoother | None:
    """The form as one softmax layer; None if it is none."""
    if list(form.by.values()) != [1]:
        return None
    ((number, _),) = form.by.items()
    below, above = form.letters.divisors[number], form.over
    if not set(above.terms) <= set(below.terms):
        return None
    scores, weights, values = [], [], []
    for score, weight in below.in_order():
        if not weight.is_constant() or weight.leading_coefficient() <= 0:
            return None
        _, value = above.terms.get(str(score), (score, form.letters.zero))
        scores.append(score)
        weights.append(fraction(weight.leading_coefficient()))
        values.append(value * (1 / weight.leading_coefficient()))
    return Smoother(tuple(scores), tuple(weights), tuple(values))


def difference(ours: Smoother, theirs: Smoother, bound: Bound) -> Fraction | None:
    """No less than |f - g| on the box; None where the two have other weights."""
    if len(ours.scores) != len(theirs.scores):
        return None
    a, b = _centred(ours), _centred(theirs)
    pairs = _paired(a, b)
    if any(ours.weights[j] != theirs.weights[k] for j, k in pairs):
        return None
    b, w = [b[k] for _, k in pairs], [theirs.values[k] for _, k in pairs]
    delta = [one - other for one, other in zip(a, b)]
    by_values = max(bound(v - other) for v, other in zip(ours.values, w))
    spread_w = _apart(w, bound)
    by_scores = _apart(delta, bound) * spread_w / 4
    points = sum(ours.weights, Fraction(0))
    kappa = _multiple(delta, a)
    # weights that are whole numbers are so many equal points
    if kappa < 1 and all(weight.denominator == 1 for weight in ours.weights):
        rho = [one - score * fmpq(kappa.numerator, kappa.denominator)
               for one, score in zip(delta, a)]  # fmt: skip
        length = max(_apart(a, bound), _apart(b, bound))
        larger = max(Fraction(1), 1 / (1 - kappa))
        multiple = abs(kappa) * spread(int(points), length) + _apart(rho, bound) / 4
        by_scores = min(by_scores, larger * multiple * spread_w)
    return by_values + by_scores


def _centred(one: Smoother) -> list[Any]:
    """The scores without their mean, which a softmax does not see."""
    mean = sum(one.scores[1:], one.scores[0]) * fmpq(1, len(one.scores))
    return [score - mean for score in one.scores]


def _paired(a: list[Any], b: list[Any]) -> list[tuple[int, int]]:
    """Which scores belong together: any choice is sound, the nearest is best."""
    apart = sorted(
        (sum(abs(fraction(c)) for c in (p - q).coeffs()), j, k)
        for j, p in enumerate(a)
        for k, q in enumerate(b)
    )
    pairs: dict[int, int] = {}
    for _, j, k in apart:
        if j not in pairs and k not in pairs.values():
            pairs[j] = k
    return sorted(pairs.items())


def _apart(polynomials: list[Any], bound: Bound) -> Fraction:
    """No less than any difference of two."""
    return max(
        (bound(p - q) for j, p in enumerate(polynomials) for q in polynomials[:j]),
        default=Fraction(0),
    )


def _multiple(delta: list[Any], scores: list[Any]) -> Fraction:
    """The number of which times the scores delta is nearest, by its coefficients."""
    above = below = Fraction(0)
    for one, score in zip(delta, scores):
        known = {m: fraction(c) for m, c in zip(one.monoms(), one.coeffs())}
        for monomial, coefficient in zip(score.monoms(), map(fraction, score.coeffs())):
            above += known.get(monomial, Fraction(0)) * coefficient
            below += coefficient * coefficient
    if not below:
        return Fraction(0)
    near = above / below
    short = near.limit_denominator(10**6)
    return short if abs(short - near) <= abs(near) * Fraction(1, 10**9) else Fraction(float(near))


def spread(n: int, length: Fraction) -> Fraction:
    """No less than P (1 - P) min(length, log(P/(1 - P)) + log(n - 1)), whatever 0 < P < 1."""
    if n < 2:
        return Fraction(0)
    with precision(64):
        more = arb(n - 1).log()

        def gap(tau: arb) -> arb:
            return (tau + more) / (2 + 2 * tau.cosh())

        # below -log(n - 1) it is negative, and from 40 on less than (40 + log(n - 1)) e^-40
        start = -math.log(n - 1) - 1
        found = supremum(gap, [(Fraction(start), Fraction(40))], tolerance=0.001, boxes=4000)
        tail = top((40 + more) * (-arb(40)).exp())
    return min(Fraction(max(found.high, tail)), Fraction(up(length)) / 4)
