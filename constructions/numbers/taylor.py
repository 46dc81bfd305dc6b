"""Taylor models in one letter: series whose coefficients are balls, and a bound on all the rest.

    run = Taylor("eps", 6, Fraction(1, 8))          # for every 0 < eps <= 1/8

A value is sum of terms[k] eps^k, up to rest * eps^order, for every such eps and every input of a
box: a user's arb is taken as the whole interval that it is. GeLU and the exponential are expanded
around 0, their remainders bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from fractions import Fraction
from math import factorial, inf
from typing import Any

import numpy as np
from flint import arb

from proofs.exact import is_symbolic
from proofs.flint_precision import precision

from .ball import Ball
from .base import Unsupported
from .flint import SharedRows
from .reals import as_ball
from .symbolic import Table

PRECISION = 192


class Model:
    """sum of terms[k] eps^k for k < order, up to rest * eps^order, for every 0 < eps <= top.

    A polynomial that is known has the order inf and no rest.
    """

    __slots__ = ("order", "over", "rest", "terms")

    def __init__(
        self,
        over: Taylor,
        terms: Mapping[int, arb],
        order: float = inf,
        rests: Iterable[tuple[arb, float]] = (),
    ) -> None:
        """rests: (R, k) for more that is at most R eps^k, k >= order.

        Terms from `order` or from over.order on go into the rest.
        """
        self.over = over
        kept = {k: c for k, c in terms.items() if not c.is_zero()}  # `c != 0` is another question
        self.order = min(order, over.order) if any(k >= over.order for k in kept) else order
        self.terms = {k: c for k, c in kept.items() if k < self.order}
        beyond = [(_upper(c), k) for k, c in kept.items() if k >= self.order]
        self.rest = arb(0)
        for size, k in (*beyond, *rests):
            if not size.is_zero():
                self.rest = (self.rest + size * over.power(k - self.order)).upper()

    @property
    def rests(self) -> list[tuple[arb, float]]:
        return [(self.rest, self.order)] if self.order < inf else []

    @property
    def valuation(self) -> float:
        """No power before it is there."""
        return min(self.terms, default=self.order)

    def size(self, after: int = 0) -> arb:
        """A bound on |value| / eps^after for every eps. Raises Unsupported where there is none."""
        if self.valuation < after:
            raise Unsupported(f"the value is of order {self.over.letter}^{self.valuation}")
        sizes = [(_upper(c), k) for k, c in self.terms.items()] + self.rests
        return sum((c * self.over.power(k - after) for c, k in sizes), arb(0)).upper()

    def since(self, power: int) -> Model:
        """The same without its terms before a power, which are known to be 0."""
        kept = {k: c for k, c in self.terms.items() if k >= power}
        return Model(self.over, kept, self.order, self.rests)

    def __add__(self, other: Any) -> Model:
        if isinstance(other, np.ndarray):
            return NotImplemented  # entry by entry, says numpy
        other = self.over.element(other)
        terms = dict(self.terms)
        for k, c in other.terms.items():
            terms[k] = terms[k] + c if k in terms else c
        return Model(self.over, terms, min(self.order, other.order), self.rests + other.rests)

    __radd__ = __add__

    def __neg__(self) -> Model:
        return self * -1

    def __sub__(self, other: Any) -> Model:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self + -self.over.element(other)

    def __rsub__(self, other: Any) -> Model:
        return self.over.element(other) - self

    def __mul__(self, other: Any) -> Model:
        if isinstance(other, np.ndarray):
            return NotImplemented
        other = self.over.element(other)
        for one in (self, other):
            if not one.terms and one.order == inf:  # 0 itself
                return one
        terms: dict[int, arb] = {}
        for i, a in self.terms.items():
            for j, b in other.terms.items():
                terms[i + j] = terms[i + j] + a * b if i + j in terms else a * b
        order = min(self.valuation + other.order, other.valuation + self.order)
        rests = [(a * b, i + j) for a, i in self.rests for b, j in other.rests]
        for one, two in ((self, other), (other, self)):
            rests += [(r * _upper(c), i + k) for r, i in one.rests for k, c in two.terms.items()]
        return Model(self.over, terms, order, rests)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Model:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self * self.over.element(other).inverse()

    def __rtruediv__(self, other: Any) -> Model:
        return self.over.element(other) * self.inverse()

    def inverse(self) -> Model:
        """1 / the value. Raises ZeroDivisionError where it may be 0 for an eps or an input."""
        first = int(min(self.terms, default=0))
        lead = self.terms.get(first, arb(0))
        if lead.contains(0):
            raise ZeroDivisionError("division by what may be 0")
        # 1 / (lead eps^first (1 - u)) = (1 + u + u² + …) / (lead eps^first)
        u = Model(
            self.over,
            {k - first: -c / lead for k, c in self.terms.items() if k != first},
            self.order - first,
            [(_upper(r / lead), k - first) for r, k in self.rests],
        )
        ratio = u.size(1) * self.over.power(1)
        if not ratio < 1:
            raise ZeroDivisionError(f"division by what may be 0 for a large {self.over.letter}")
        factor = Model(self.over, {-first: 1 / lead})
        return factor * self.over.powers(u, lambda j: arb(1), lambda j: 1 / (1 - ratio))


class Taylor(SharedRows):
    """Models in `letter` for every 0 < letter <= top, of this order; predictions are Model."""

    name = "Taylor"
    matrix = Table

    def __init__(self, letter: str, order: int, top: Any) -> None:
        self.letter, self.order, self.top = str(letter), order, Fraction(top)
        if self.top <= 0:
            raise ValueError(f"{letter} must be above 0, at most {top} is not")

    def working(self) -> AbstractContextManager[None]:
        return precision(PRECISION)

    def power(self, k: float) -> arb:
        """The largest value of letter^k, k >= 0."""
        return as_ball(self.top) ** int(k)

    def element(self, value: Any, what: str = "a value") -> Model:
        if isinstance(value, Model):
            return value
        if is_symbolic(value) and value.free_symbols:
            return self._from_sympy(value)
        return Model(self, {0: Ball(PRECISION).element(value, what)})

    def _from_sympy(self, value: Any) -> Model:
        import sympy

        others = sorted(e.name for e in value.free_symbols if e.name != self.letter)
        if others:
            raise Unsupported(f"Taylor models have no letter but {self.letter}, not {value}")
        letter = sympy.Symbol(self.letter)
        plain = value.subs({e: letter for e in value.free_symbols})
        try:
            parts = [
                Model(self, {k: Ball(PRECISION).element(c) for (k,), c in poly.terms()})
                for poly in (sympy.Poly(e, letter) for e in sympy.fraction(sympy.together(plain)))
            ]
        except (sympy.PolynomialError, sympy.CoercionFailed):
            raise Unsupported(f"{value} is no rational function of {self.letter}") from None
        return parts[0] / parts[1]

    def powers(
        self, u: Model, coefficient: Callable[[int], arb], beyond: Callable[[int], arb]
    ) -> Model:
        """sum over j of coefficient(j) u^j; what comes from u^J on is at most beyond(J) |u|^J."""
        size = u.size(1)
        total, power = self.element(0), self.element(1)
        for j in range(self.order):
            total = total + power * coefficient(j)
            power = power * u
        last = (beyond(self.order) * size**self.order).upper()
        order = min(self.order, total.order)
        return Model(self, total.terms, order, [*total.rests, (last, self.order)])

    def zeros(self, tokens: int, size: int) -> Table:
        return Table(tokens, size, [self.element(0)] * (tokens * size))

    def give(self, value: Any) -> Model:
        return value

    def divide(self, a: Any, b: Any) -> Any:
        rows = [[entry / by for entry in row] for row, by in zip(self.table(a), b.entries())]
        return self.from_table(rows, a.ncols())

    def relu(self, a: Any) -> Any:
        return self.entrywise(self._relu, a)

    def _relu(self, value: Model) -> Model:
        """Where the first term decides the sign for every letter and every input."""
        if not value.terms and value.rest.is_zero():
            return value
        first = value.valuation
        lead = value.terms.get(int(first), arb(0)) if value.terms else arb(0)
        others = Model(
            self, {k: c for k, c in value.terms.items() if k != first}, value.order, value.rests
        )
        for sign in (1, -1):
            if sign * lead > others.size(int(first)):
                return value if sign > 0 else self.element(0)
        raise Unsupported("Taylor models cannot tell the sign of a ReLU's argument")

    def gelu(self, a: Any) -> Any:
        return self.entrywise(self._gelu, a)

    def _gelu(self, u: Model) -> Model:
        """u/2 + (u² - u⁴/6 + …)/sqrt(2 pi): what is left out is at most its first term.

        See proofs.weights.gelu_product.
        """
        root = (2 * arb.pi()).sqrt()

        def size(j: int) -> arb:
            n = j // 2 - 1
            return 1 / (root * factorial(n) * 2**n * (2 * n + 1))

        def coefficient(j: int) -> arb:
            return arb(0) if j < 2 or j % 2 else (-1) ** (j // 2 - 1) * size(j)

        def beyond(j: int) -> arb:
            even = j + j % 2
            return size(even) * u.size() ** (even - j)

        if self.order < 2:
            raise Unsupported("Taylor models of GeLU have an order of at least 2")
        return u * Fraction(1, 2) + self.powers(u, coefficient, beyond)

    def exp(self, a: Any) -> Any:
        return self.entrywise(self._exp, a)

    def _shares(self, logits: list[Model]) -> list[Model]:
        weights = [self._exp(logit - logits[0]) for logit in logits]
        total = sum(weights[1:], weights[0])
        return [weight / total for weight in weights]

    def _exp(self, u: Model) -> Model:
        largest = u.size().exp()
        return self.powers(
            u, lambda j: 1 / arb(factorial(j)), lambda j: largest / arb(factorial(j))
        )


def _upper(value: arb) -> arb:
    """A number that is at least |value|."""
    return arb(value.abs_upper())
