"""How far pairs of softmax heads are from the linear head that they stand for.

With scores s_j and values v_j they give

    sum_r c_r exp(C) / (2 tau) sum_j (p_j(r tau) - p_j(-r tau)) v_j,
    p_j(t) = exp(t s_j) / (exp(C) + sum_i exp(t s_i)),

where sum_j s_j v_j is meant. The difference is at most sum_j (relative |s_j| + alike + absolute)
|v_j| entry by entry, which is what is computed here, but for a factor that all tokens and heads of
a layer have in common, C as it comes out (`drift`), and for what keys weigh too much (`unlike`).
Parts of it, z = tau max |s|:
- what the odd difference leaves out: sum over odd m > 2 p of |sum_r c_r r^m| z^(m-1)/m!;
- the denominators: exp(t s_j) exp(-C) sum_i exp(t s_i), of t and of -t, are 2 exp(-C) sum_i
  sinh(t (s_i + s_j)) apart, and of all pairs together about exp(-C) sum_i (s_i + s_j);
- rounding that all heads have in common, of queries and keys as they are read: as much as the
  score is changed by it;
- rounding that each head has for itself, divided by tau: of scores, s_j - C, exp, the denominator,
  sums over keys and over heads, and of a v_j that is a sum (of one pair of units it is the same in
  all heads, in whatever order).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from flint import arb

from constructions.exports.differences import coefficients, remainder
from constructions.exports.gpt2 import FAR, POSITIONS

from ..checks.bounds.balls import ball
from .formats import FUNCTION, Format

TERMS = 61  # odd powers up to here are added up, the others bounded as a geometric series


@dataclass(frozen=True)
class Reading:
    """A number v is read as v (1 + e) + e', |e| <= relative, |e'| <= absolute.

    whole: what the norm of the e' of several numbers of one token is at most, where that is known.
    common: what both units of its pair hold beside that, the mean that was subtracted: it cancels
    in their difference, but is rounded with them in products and sums of parts.
    own: what it is off by each time that it is read, beside what it is off by every time.
    constant: what N is read off by, relatively, where a key says by it that it is not the sink.
    """

    relative: arb
    absolute: arb
    common: arb = arb(0)
    own: arb = arb(0)
    constant: arb = arb(0)
    whole: arb = arb("inf")

    def of(self, numbers: int) -> arb:
        """The norm of the e' of so many numbers of one token."""
        return (arb(numbers).sqrt() * self.absolute).min(self.whole)


@dataclass(frozen=True)
class Asked:
    """What a head meets: at most n keys, |s_j| <= score, |scale| sum_f |q_f k_f| <= products.

    query and key: of |q| and |k|; features: how many numbers q and k have; summed: how many
    roundings a product of a share and a value meets, and the product itself, until it is written;
    shift: how far scores may be from those of the query as it is without errors; usual: by which
    share the linear head is larger, or smaller where more is left out of it, to be in the middle.
    """

    n: int
    score: arb
    products: arb
    query: arb
    key: arb
    scale: arb
    features: int
    summed: int
    tau: arb
    sink: arb
    pairs: int
    shift: arb = arb(0)
    usual: arb = arb(0)


@dataclass(frozen=True)
class HeadError:
    """relative and absolute as above; apart: what an error e v_j of each head for itself costs.

    relative and alike are of all that depends on keys and on the query without errors alone, so
    that it is the same for queries that would be equal; absolute is beside alike. shaken: by how
    much, as a share of it, `apart` differs for such queries. lost: what is off in one number
    however small values are, by products that are not normal.
    """

    relative: arb
    alike: arb
    absolute: arb
    apart: arb
    shaken: arb
    lost: arb


NO_BOUND = HeadError(*(arb("inf"),) * 6)


def left_out(pairs: int, z: arb, derivative: bool = False) -> arb:
    """sup over |t| <= z of |sum_r c_r sinh(r t)/t - 1|.

    Or of |sum_r c_r r cosh(r t) - 1|, the derivative's, whose terms are m times those.
    """
    terms, rest = _series(pairs, derivative)
    square, found = z * z, arb(0)
    for term in reversed(terms):
        found = found * square + term
    ratio = (pairs * z) ** 2 / (TERMS * (TERMS + 1))
    if not bool(ratio < arb(1) / 2):
        return arb("inf")
    return found + rest * square ** (TERMS // 2) * ratio


@cache
def _series(pairs: int, derivative: bool) -> tuple[tuple[arb, ...], arb]:
    """The terms in z² up to TERMS, and what all later ones are below, over their ratio."""
    terms, factorial = [], arb(1)
    for m in range(1, TERMS + 1, 2):
        factorial *= max(m * (m - 1), 1)
        term = ball(abs(remainder(pairs, m))) / factorial if m > 2 * pairs else arb(0)
        terms.append(m * term if derivative else term)
    rest = sum((abs(c) * r**TERMS for r, c in enumerate(coefficients(pairs), 1)), start=Fraction(0))
    return tuple(terms), 2 * (TERMS + 2) * ball(rest) / factorial


def unseen() -> arb:
    """The weights of all keys that are not to be seen, above the sink's share of them."""
    return POSITIONS * (arb(-FAR) / 2).exp()


def drift(sink: arb, form: Format, read: Reading) -> arb:
    """How far C is off: in the sink's role, the bias and the factor that it meets, and twice more.

    It is one product for all queries and heads of a layer, of a key that is read once.
    """
    return sink * ((1 + read.relative) * (1 + form.unit) ** 5 - 1)


def shares(sink: arb, form: Format, read: Reading) -> arb:
    """What a key's share of the sink's score is off by, in all heads and for all queries."""
    return sink * read.constant * (1 + form.gamma(6))


def unlike(sink: arb, form: Format, read: Reading, sink_read: Reading) -> arb:
    """By how much, as a share of itself, a key weighs too much or too little by that.

    So all linear heads of the layer are of keys with other weights; it is no part of `errors`.
    """
    share = shares(sink, form, read)
    return (1 - (-share).exp()) * (drift(sink, form, sink_read) + share).exp()


def errors(asked: Asked, form: Format, read: Reading, sink_read: Reading) -> HeadError:
    """How far the pairs are from a linear head, in `form`; NO_BOUND where scores are too large.

    The linear head is multiplied by exp(e), |e| <= drift, in the score of the sink. read: of
    queries, keys and values; sink_read: of the sink's role, C / FAR.
    """
    n, tau, u, scale = asked.n, asked.tau, form.unit, abs(asked.scale)
    off, root = read.of(asked.features), arb(asked.features).sqrt()
    sums = root * (asked.query + asked.key)
    by_keys = read.relative * asked.products + off * asked.query * scale
    together = ((1 + read.relative) ** 2 - 1) * asked.products
    together += off * ((1 + read.relative) * (asked.query + asked.key) + off) * scale
    by_query = together - by_keys
    z = tau * (asked.score + together)
    by_constant = shares(asked.sink, form, read)
    away = drift(asked.sink, form, sink_read) + by_constant
    scored = tau * form.gamma(asked.features + 9) * (asked.products + together)
    # a query's two units are multiplied before they are added up, by weights of each head
    scored += tau * form.gamma(2) * read.common * sums * scale
    each = (1 + read.relative) * sums + (2 * read.absolute + read.own) * asked.features
    scored += tau * read.own * each * scale
    scored += form.gamma(asked.features + 9) * by_constant
    scored += form.least * (3 * asked.features + 2 * sums)
    logits = asked.pairs * (z + scored)
    if not (bool(logits < 8) and bool(logits < asked.sink - away)):
        return NO_BOUND  # the largest score has to be the sink's
    if not bool(-asked.sink - away - logits - 1 > form.tiny * arb(2).log()):
        return NO_BOUND  # weights are lost to underflow
    apart, shaken, down, hidden = arb(0), arb(0), (away - asked.sink).exp(), unseen()
    # sum_r c_r sinh(r tau (s_i + s_j)) is tau (s_i + s_j) but for what is left out, which is less
    # than its derivative
    denominators = 2 * n * down * (1 + left_out(asked.pairs, 2 * z, derivative=True))
    alike = denominators * (z / tau)
    # how fast this, and what is left out, changes with a score
    slope = left_out(asked.pairs, z, derivative=True).max(asked.usual)
    slope += denominators
    alike += by_keys * (1 + slope)
    absolute = by_query * (1 + slope) + asked.shift * (slope + 1 - (-by_constant).exp())
    for r, c in enumerate(coefficients(asked.pairs), start=1):
        share = ball(abs(c)) / tau
        # what t and -t are off by, each for itself, is weighed by exp(r z) and by exp(-r z)
        up, even, odd = (r * z).exp(), (r * z).cosh(), (r * z).sinh()
        nu = (n * up + hidden) * down
        moved = r * scored + form.rounding(asked.sink + away + r * (z + scored))
        weight = moved.exp() / (1 - FUNCTION * u)
        # a small number that is added to a large one changes it by no more than itself
        lost = nu * weight * (1 + form.gamma(n)) ** 2
        summed = form.gamma(n)
        if bool(lost < arb(1) / 2):
            summed = summed.min(lost / (1 - lost))
        own = weight * (1 + nu * (weight - 1)) * (1 + summed)
        own *= (1 + u) ** 2 * (1 + form.gamma(asked.summed))
        # keys are read once for all queries
        of_keys = (r * tau * read.own * root * asked.query * scale).exp()
        of_keys *= 1 + nu * (of_keys - 1)
        alike += share * (even * (of_keys - 1) * (1 + u) + (odd + even * nu) * u)
        off = even * (own - of_keys) + 2 * even * nu**2 + 2 * up * hidden * down
        other = (r * tau * (by_query + asked.shift)).exp()  # of a query that is not quite the same
        off += even * (other - 1) * (of_keys - 1 + u * (1 + nu))
        absolute += share * off * (1 + u)
        apart += share * even * own * (1 + u)
        shaken = shaken.max(own * other - 1)
    common = away.exp()
    # from 0 to all that is left out, which has one sign: remainders are sums of products of r²
    missing = left_out(asked.pairs, z)
    relative = (missing - asked.usual).max(asked.usual) + (1 - (-by_constant).exp()) * asked.usual
    relative *= common
    lost = apart * common * n * form.least * asked.sink.exp() + asked.summed * form.least
    return HeadError(relative, alike * common, absolute * common, apart * common, shaken, lost)
