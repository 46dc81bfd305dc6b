"""Truncated Laurent series in one letter, whose coefficients are exact.

    run = Series("eps", 6, letters=("x1", "y1"))    # up to eps^6
    witness.predict(…, run)[0].coefficient(2)       # of eps^2, a sympy expression

Coefficients are rational functions of the letters and of sqrt(2 pi), which no such function makes 0
unless it is 0 itself: so a coefficient that is 0 here is 0, and an exponent is no fit. GeLU and the
exponential are expanded around 0; where their argument grows without bound and its sign is known
they are x, 0 or a choice of keys, up to less than every power of eps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from math import factorial, inf
from typing import Any

import numpy as np

from proofs.exact import is_symbolic

from .base import Unsupported
from .flint import SharedRows, to_fraction
from .symbolic import Table

ROOT = "sqrt(2*pi)"


class Laurent:
    """sum of coefficients[k] eps^k for k < known; from there on nothing is said."""

    __slots__ = ("coefficients", "known", "over")

    def __init__(self, over: Series, coefficients: Mapping[int, Any], known: float = inf) -> None:
        self.over = over
        seen = {k: c for k, c in coefficients.items() if c != 0}
        self.known = min(known, over.order) if any(k >= over.order for k in seen) else known
        self.coefficients = {k: c for k, c in seen.items() if k < self.known}

    @property
    def valuation(self) -> float:
        """The least exponent with a coefficient; `known` where none is seen."""
        return min(self.coefficients, default=self.known)

    def coefficient(self, k: int) -> Any:
        """Of eps^k, as a sympy expression. Raises Unsupported where it was cut off."""
        if k >= self.known:
            raise Unsupported(f"the series is known below {self.over.letter}^{self.known} only")
        return self.over.field.to_sympy(self.coefficients.get(k, self.over.field.zero))

    def __add__(self, other: Any) -> Laurent:
        if isinstance(other, np.ndarray):
            return NotImplemented  # entry by entry, says numpy
        other = self.over.element(other)
        made = dict(self.coefficients)
        for k, c in other.coefficients.items():
            made[k] = made[k] + c if k in made else c
        return Laurent(self.over, made, min(self.known, other.known))

    __radd__ = __add__

    def __neg__(self) -> Laurent:
        return Laurent(self.over, {k: -c for k, c in self.coefficients.items()}, self.known)

    def __sub__(self, other: Any) -> Laurent:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self + -self.over.element(other)

    def __rsub__(self, other: Any) -> Laurent:
        return self.over.element(other) - self

    def __mul__(self, other: Any) -> Laurent:
        if isinstance(other, np.ndarray):
            return NotImplemented
        other = self.over.element(other)
        if not (self.coefficients and other.coefficients) and inf in (self.known, other.known):
            for one in (self, other):
                if one.known == inf and not one.coefficients:  # 0 itself
                    return one
        known = min(self.valuation + other.known, other.valuation + self.known)
        made: dict[int, Any] = {}
        for i, a in self.coefficients.items():
            for j, b in other.coefficients.items():
                made[i + j] = made[i + j] + a * b if i + j in made else a * b
        return Laurent(self.over, made, known)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Laurent:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self * self.over.element(other).inverse()

    def __rtruediv__(self, other: Any) -> Laurent:
        return self.over.element(other) * self.inverse()

    def __pow__(self, exponent: int) -> Laurent:
        made = self.over.element(1)
        for _ in range(abs(exponent)):
            made = made * self
        return made if exponent >= 0 else made.inverse()

    def __eq__(self, other: object) -> bool:
        """For every small eps > 0. Raises Unsupported if letters decide it, or terms cut off."""
        return (self - other).sign == 0

    __hash__ = None  # type: ignore[assignment]

    def inverse(self) -> Laurent:
        """1 / the series. Raises ZeroDivisionError where it is not seen to be other than 0."""
        if not self.coefficients:
            raise ZeroDivisionError(f"division by a series that is 0 below eps^{self.known}")
        first = int(self.valuation)
        lead = self.coefficients[first]
        # 1 / (lead eps^first (1 - rest)) = (1 + rest + rest² + …) / (lead eps^first)
        rest = {k - first: -c / lead for k, c in self.coefficients.items() if k != first}
        sum_of_powers = self.over.powers(
            Laurent(self.over, rest, self.known - first), lambda k: Fraction(1)
        )
        return Laurent(self.over, {-first: 1 / lead}) * sum_of_powers

    @property
    def sign(self) -> int:
        """Of the series for every small eps > 0. Raises Unsupported if letters decide it, or terms
        that are cut off."""
        if not self.coefficients:
            if self.known < inf:
                below = f"{self.over.letter}^{self.known}"
                raise Unsupported(
                    f"a series of which only zeros below {below} are known has no sign"
                )
            return 0
        lead = self.over.field.to_sympy(self.coefficients[int(self.valuation)])
        if lead.subs(self.over.root, self.over.two_pi).is_number:
            return 1 if lead.subs(self.over.root, self.over.two_pi) > 0 else -1
        raise Unsupported(f"series have no sign where letters decide it: {lead}")


class Series(SharedRows):
    """Series in `letter`, cut off from letter^order on; predictions are Laurent."""

    name = "series"
    matrix = Table

    def __init__(self, letter: str, order: int, letters: Iterable[Any] = ()) -> None:
        import sympy

        self.letter, self.order = str(letter), order
        self.root = sympy.Symbol(ROOT, positive=True)
        self.two_pi = sympy.sqrt(2 * sympy.pi)
        self.letters = tuple(name for name in dict.fromkeys(map(str, letters)) if name != letter)
        self.field = sympy.QQ.frac_field(self.root, *map(sympy.Symbol, self.letters))

    def element(self, value: Any, what: str = "a value") -> Laurent:
        if isinstance(value, Laurent):
            return value
        if is_symbolic(value):
            return self._from_sympy(value)
        fraction = to_fraction(value, what)
        return Laurent(self, {0: self._number(fraction)})

    def _number(self, fraction: Fraction) -> Any:
        from sympy import QQ

        return self.field.convert_from(QQ(fraction.numerator, fraction.denominator), QQ)

    def _from_sympy(self, value: Any) -> Laurent:
        import sympy
        from sympy.polys.polyerrors import CoercionFailed, PolynomialError

        plain = {e: sympy.Symbol(e.name) for e in value.free_symbols if e.name != ROOT}
        value = sympy.powsimp(value.subs(plain).subs(sympy.pi, self.root**2 / 2))
        letter = sympy.Symbol(self.letter)
        try:
            parts = [
                Laurent(self, {k: self.field.from_sympy(c) for (k,), c in poly.terms()})
                for poly in (sympy.Poly(e, letter) for e in sympy.fraction(sympy.together(value)))
            ]
        except (CoercionFailed, PolynomialError, ValueError):  # of sympy's fields
            raise Unsupported(
                f"series take rational functions of {self.letter}, sqrt(2*pi) and "
                f"{', '.join(self.letters) or 'no letters'}, not {value}"
            ) from None
        return parts[0] / parts[1]

    def powers(self, u: Laurent, coefficient: Callable[[int], Fraction]) -> Laurent:
        """sum over k of coefficient(k) u^k, where u has no term at or before eps^0."""
        total, power, k = self.element(0), self.element(1), 0
        while power.coefficients:
            total = total + power * coefficient(k)
            power, k = power * u, k + 1
        return Laurent(self, total.coefficients, min(total.known, power.known))

    def zeros(self, tokens: int, size: int) -> Table:
        return Table(tokens, size, [self.element(0)] * (tokens * size))

    def give(self, value: Any) -> Laurent:
        return value

    def refuse_zero(self, divisors: list[Any]) -> None:
        if any(not divisor.coefficients for divisor in divisors):
            raise ZeroDivisionError("normalised attention: the scores of a token sum to 0")

    def relu(self, a: Any) -> Any:
        return self.entrywise(lambda x: x if x.sign > 0 else self.element(0), a)

    def gelu(self, a: Any) -> Any:
        return self.entrywise(self._gelu, a)

    def _gelu(self, u: Laurent) -> Laurent:
        """u/2 + (u² - u⁴/6 + …) / sqrt(2 pi), as in proofs.weights.gelu_product."""
        if u.valuation < 0:
            return u if u.sign > 0 else self.element(0)
        if u.coefficients.get(0, 0) != 0:
            raise Unsupported("series expand GeLU around 0 alone: its argument does not go to 0")

        def coefficient(k: int) -> Fraction:
            if k < 2 or k % 2:
                return Fraction(0)
            n = k // 2 - 1
            return Fraction((-1) ** n, factorial(n) * 2**n * (2 * n + 1))

        even = self.powers(u, coefficient)
        root = Laurent(self, {0: 1 / self.field.from_sympy(self.root)})
        return u * Fraction(1, 2) + even * root

    def exp(self, a: Any) -> Any:
        return self.entrywise(self._exp, a)

    def _shares(self, logits: list[Laurent]) -> list[Laurent]:
        top = logits[0]
        for logit in logits[1:]:
            if (logit - top).valuation < 0 and (logit - top).sign > 0:
                top = logit
        weights = [self._exp(logit - top) for logit in logits]
        share = sum(weights[1:], weights[0]).inverse()
        return [weight * share for weight in weights]

    def _exp(self, u: Laurent) -> Laurent:
        """exp of what goes to 0, or to minus infinity."""
        if u.valuation < 0:
            return self.element(0)
        if u.coefficients.get(0, 0) != 0:
            raise Unsupported("series expand the softmax where scores come together or part alone")
        return self.powers(u, lambda k: Fraction(1, factorial(k)))
