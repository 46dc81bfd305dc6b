"""What a prediction tends to as a constant grows, and how far it is from there, exactly.

    run = Decaying("beta", 1)                       # for every beta >= 1
    (value,) = witness.predict(X, y, queries, run)
    value.limit, value.bounds()                     # a fraction, {(gap, power): C}

means that |prediction - limit| <= sum of C beta^power exp(-gap beta) for every beta >= 1. A softmax
whose scores grow with beta makes it: with scores u_j beta + c_j, a key that is not the best one has
a share of at most C exp(-(u_best - u_j) beta). Such a share is a letter here, known to lie between
0 and that; the best keys have what is left. So what cancels cancels: the rest are fractions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import comb
from typing import Any

from flint import arb

from proofs.exact import is_symbolic
from proofs.flint_precision import precision

from .base import Unsupported
from .flint import SharedRows, to_fraction
from .reals import Real, add, as_ball, multiply
from .symbolic import Table

Term = tuple[int, tuple[int, ...]]  # the power of the constant, the shares by number, ascending
PRECISION = 128


class Decay:
    """A polynomial in the constant and in shares that decay, with fractions for coefficients."""

    __slots__ = ("over", "terms")

    def __init__(self, over: Decaying, terms: Mapping[Term, Fraction]) -> None:
        self.over, self.terms = over, {term: c for term, c in terms.items() if c}

    def __add__(self, other: Any) -> Decay:
        made = dict(self.terms)
        for term, c in self.over.element(other).terms.items():
            made[term] = made.get(term, Fraction(0)) + c
        return Decay(self.over, made)

    __radd__ = __add__

    def __mul__(self, other: Any) -> Decay:
        made: dict[Term, Fraction] = {}
        others = self.over.element(other).terms.items()
        for (power, shares), a in self.terms.items():
            for (more, others_shares), b in others:
                term = power + more, tuple(sorted(shares + others_shares))
                made[term] = made.get(term, Fraction(0)) + a * b
        return Decay(self.over, made)

    __rmul__ = __mul__

    def __neg__(self) -> Decay:
        return self * -1

    def __sub__(self, other: Any) -> Decay:
        return self + -self.over.element(other)

    @property
    def polynomial(self) -> dict[int, Fraction]:
        """{power of the constant: coefficient} of what does not decay."""
        return {power: c for (power, shares), c in self.terms.items() if not shares}

    @property
    def limit(self) -> Fraction:
        """As the constant grows. Raises Unsupported where the value grows with it."""
        polynomial = self.polynomial
        if any(polynomial):
            grows = max(polynomial)
            raise Unsupported(f"there is no limit: it grows like {self.over.growing}**{grows}")
        return polynomial.get(0, Fraction(0))

    def bounds(self) -> dict[tuple[Fraction, int], Real]:
        """{(gap, power): C}: |value - polynomial| <= sum of C constant^power exp(-gap constant).

        A C is a fraction, or a ball of which the upper end counts.
        """
        made: dict[tuple[Fraction, int], Real] = {}
        with precision(PRECISION):
            for (power, shares), c in self.terms.items():
                if shares:
                    size: Real = abs(c)
                    for share in shares:
                        size = multiply(size, self.over.sizes[share])
                    gap = sum((self.over.gaps[share] for share in shares), Fraction(0))
                    made[gap, power] = add(made.get((gap, power), Fraction(0)), size)
        return made

    def largest(self) -> arb:
        """An upper bound of |value - polynomial| for every constant from `start` on."""
        total = arb(0)
        with precision(PRECISION):
            for (gap, power), size in self.bounds().items():
                total = total + as_ball(size) * _highest(gap, power, self.over.start)
            return total.upper()


class Decaying(SharedRows):
    """Values as the letter `growing` grows from `start` on; predictions are Decay."""

    name = "decaying"
    matrix = Table

    def __init__(self, growing: str, start: Any = 1) -> None:
        self.growing, self.start = str(growing), Fraction(start)
        if self.start <= 0:
            raise ValueError(f"{growing} must start above 0, not at {start}")
        self.sizes: list[Real] = []  # share k lies between 0 and sizes[k] exp(-gaps[k] constant)
        self.gaps: list[Fraction] = []

    def element(self, value: Any, what: str = "a value") -> Decay:
        if isinstance(value, Decay):
            return value
        if is_symbolic(value):
            return Decay(self, self._from_sympy(value))
        return Decay(self, {(0, ()): to_fraction(value, what)})

    def _from_sympy(self, value: Any) -> dict[Term, Fraction]:
        import sympy

        letters = sorted(value.free_symbols, key=str)
        if not value.is_Rational and list(map(str, letters)) != [self.growing]:
            raise Unsupported(f"decaying numbers have no letter but {self.growing}, not {value}")
        try:
            poly = sympy.Poly(value, *letters or [sympy.Symbol(self.growing)], domain=sympy.QQ)
        except (sympy.PolynomialError, sympy.CoercionFailed):
            raise Unsupported(f"{value} is no polynomial in {self.growing}") from None
        return {(k, ()): Fraction(str(sympy.Rational(c))) for (k,), c in poly.terms()}

    def zeros(self, tokens: int, size: int) -> Table:
        return Table(tokens, size, [self.element(0)] * (tokens * size))

    def give(self, value: Any) -> Decay:
        return value

    def divide(self, a: Any, b: Any) -> Any:
        rows = []
        for row, divisor in zip(self.table(a), b.entries()):
            if set(divisor.terms) - {(0, ())}:
                raise Unsupported("decaying numbers divide by fractions alone")
            if not divisor.terms:
                raise ZeroDivisionError("normalised attention: the scores of a token sum to 0")
            rows.append([entry * (1 / divisor.limit) for entry in row])
        return self.from_table(rows, a.ncols())

    def relu(self, a: Any) -> Any:
        return self.entrywise(self._relu, a)

    def _relu(self, value: Decay) -> Decay:
        """Where the value has one sign for every constant from the start on."""
        if not value.terms:
            return value
        sign = self._sign(value)
        if sign is None:
            raise Unsupported(f"decaying numbers cannot tell the sign of a ReLU's argument for "
                              f"every {self.growing} >= {self.start}")  # fmt: skip
        return value if sign > 0 else self.element(0)

    def _sign(self, value: Decay) -> int | None:
        """1 or -1 where it is seen to hold for every constant; None where it is not seen."""
        polynomial, off = value.polynomial, value.largest()
        top = max(polynomial, default=0)
        shifted = [  # in powers of (constant - start), which is at least 0
            sum(c * comb(k, i) * self.start ** (k - i) for k, c in polynomial.items() if k >= i)
            for i in range(top + 1)
        ]
        for sign in (1, -1):
            if all(sign * c >= 0 for c in shifted) and as_ball(sign * shifted[0]) >= off:
                return sign
        return None

    def _shares(self, scores: list[Decay]) -> list[Decay]:
        """Letters for the shares of all keys but the best ones, who share what is left."""
        lines = [score.polynomial for score in scores]
        if any(power > 1 for line in lines for power in line):
            raise Unsupported(f"decaying numbers take scores that are lines in {self.growing}")
        slopes, offsets = ([line.get(power, Fraction(0)) for line in lines] for power in (1, 0))
        best = [j for j, slope in enumerate(slopes) if slope == max(slopes)]
        at_best = offsets[best[0]]
        if any(offsets[j] != at_best for j in best):
            raise Unsupported("decaying numbers have no limit of equal scores that differ by c")
        if any(len(scores[j].terms) > len(lines[j]) for j in best) and len(best) > 1:
            raise Unsupported("decaying numbers cannot tell equal scores that decay apart")
        shares: list[Decay | None] = [None] * len(scores)
        left = self.element(1)
        with precision(PRECISION):
            doubt = _largest(scores[j].largest() for j in best)
            for j, slope in enumerate(slopes):
                if j not in best:
                    grown = as_ball(offsets[j] - at_best) + scores[j].largest() + doubt
                    size: Real = Fraction(1) if grown == 0 else grown.exp().upper()
                    size = multiply(size, Fraction(1, len(best)))
                    share = self._letter(size, max(slopes) - slope)
                    shares[j], left = share, left - share
        return [left * Fraction(1, len(best)) if share is None else share for share in shares]

    def _letter(self, size: Real, gap: Fraction) -> Decay:
        self.sizes.append(size)
        self.gaps.append(gap)
        return Decay(self, {(0, (len(self.sizes) - 1,)): Fraction(1)})


def _largest(values: Iterable[arb]) -> arb:
    most = arb(0)
    for value in values:
        most = most.max(value)
    return most


def _highest(gap: Fraction, power: int, start: Fraction) -> arb:
    """max of t^power exp(-gap t) over t >= start."""
    t = as_ball(max(start, power / gap if gap else start))
    return t**power * (-as_ball(gap) * t).exp()
