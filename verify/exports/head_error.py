"""How far pairs of softmax heads are from the linear head that they stand for.

With scores s_j and values v_j they give

    sum_r c_r exp(C) / (2 tau) sum_j (p_j(r tau) - p_j(-r tau)) v_j,
    p_j(t) = exp(t s_j) / (exp(C) + sum_i exp(t s_i)),

where sum_j s_j v_j is meant. The difference is at most sum_j (relative |s_j| + absolute) |v_j|
entry by entry, which is what is computed here. Parts of it, z = tau max |s|:
- what the odd difference leaves out: sum over odd m > 2 p of |sum_r c_r r^m| z^(m-1)/m!;
- the denominator, exp(C) (1 + nu): nu, and how it differs between t and -t;
- rounding that all heads have in common, such as that of C, and of queries and keys as they are
  read: as much as the score, or the result, is changed by it;
- rounding that each head has for itself, divided by tau: of scores, s_j - C, exp, the denominator,
  sums over keys and over heads.
"""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb

from constructions.exports.differences import coefficients, remainder
from constructions.exports.gpt2 import FAR, POSITIONS

from ..checks.bounds.balls import ball
from .formats import FUNCTION, Format

TERMS = 61  # odd powers up to here are added up, the others bounded as a geometric series


@dataclass(frozen=True)
class Reading:
    """A number v is read as v (1 + e) + e', |e| <= relative, |e'| <= absolute."""

    relative: arb
    absolute: arb


@dataclass(frozen=True)
class Asked:
    """What a head meets: at most n keys, |s_j| <= score, sum_f |q_f k_f| <= products.

    sums: of sum_f |q_f| + |k_f|; features: how many numbers q and k have; added: how many terms are
    added up for one unit that is written.
    """

    n: int
    score: arb
    products: arb
    sums: arb
    features: int
    added: int
    tau: arb
    sink: arb
    pairs: int


def left_out(pairs: int, z: arb, derivative: bool = False) -> arb:
    """sup over |t| <= z of |sum_r c_r sinh(r t)/t - 1|.

    Or of |sum_r c_r r cosh(r t) - 1|, the derivative's, whose terms are m times those.
    """
    found, power, factorial = arb(0), arb(1), arb(1)
    for m in range(1, TERMS + 1, 2):
        if m > 1:
            power, factorial = power * z * z, factorial * m * (m - 1)
        if m > 2 * pairs:
            term = ball(abs(remainder(pairs, m))) * power / factorial
            found += m * term if derivative else term
    ratio = (pairs * z) ** 2 / (TERMS * (TERMS + 1))
    if not bool(ratio < arb(1) / 2):
        return arb("inf")
    rest = sum((abs(c) * r**TERMS for r, c in enumerate(coefficients(pairs), 1)), start=0)
    return found + 2 * (TERMS + 2) * ball(rest) * power / factorial * ratio


def unseen() -> arb:
    """The weights of all keys that are not to be seen, above the sink's share of them."""
    return POSITIONS * (arb(-FAR) / 2).exp()


def errors(asked: Asked, form: Format, read: Reading, sink_read: Reading) -> tuple[arb, arb]:
    """(relative, absolute) as above."""
    n, tau, sink, u = asked.n, asked.tau, asked.sink, form.unit
    z = tau * asked.score
    if not bool(asked.pairs * z < 8):
        return arb("inf"), arb("inf")
    if not bool((-sink - asked.pairs * z) > form.tiny * arb(2).log()):
        return arb("inf"), arb("inf")  # weights are lost to underflow
    common = (sink * ((1 + sink_read.relative) * (1 + u) ** 4 - 1)).exp() - 1
    together = ((1 + read.relative) ** 2 - 1) * asked.products + read.absolute * asked.sums
    scored = form.gamma(asked.features + 9) * (asked.products + together)
    absolute = together * (1 + left_out(asked.pairs, z + tau * together, derivative=True))
    for r, c in enumerate(coefficients(asked.pairs), start=1):
        share = ball(abs(c)) / tau
        up, odd = (r * z).exp(), (r * z).sinh()
        hidden = unseen()
        nu = (n * up + hidden) * (-sink).exp()
        between = 2 * n * odd * (-sink).exp() + hidden * (-sink).exp()
        absolute += share * (odd * nu + up * between / 2)
        absolute += share * up * ((r * tau * scored).exp() - 1)
        # a small number that is added to a large one changes it by no more than itself
        summed = form.gamma(n).min(nu * (1 + form.gamma(n))) if form.bits else arb(0)
        apart = (1 + form.rounding(sink + r * z)) * (1 + FUNCTION * u) * (1 + summed)
        apart *= (1 + u) ** 2 * (1 + form.gamma(n)) * (1 + form.gamma(asked.added))
        absolute += share * up * (apart - 1)
        absolute += share * odd * u
    relative = left_out(asked.pairs, z)
    return (1 + relative) * (1 + common) - 1, absolute * (1 + common)
