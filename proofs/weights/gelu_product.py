r"""Products from GeLU, accurate to any order, with weights in closed form.

GeLU(u) + GeLU(−u) = u erf(u/√2) = √(2/π) Σ_{n≥0} (−1)^n u^{2n+2} / (n! 2^n (2n+1)) =: E(u)

is even and starts with u². Richardson's extrapolation takes E at the scales c, 2c, …, mc and adds
them up with weights a_i / (i c)², such that u² stays and the next m − 1 powers cancel:

    Σ a_i = 1,   Σ a_i i^{2n} = 0  for 0 < n < m:   a_i = 2 (−1)^{i+1} (m!)² / ((m − i)! (m + i)!).

All |a_i| < 2: nothing is amplified, which is why these scales are taken and not powers of 2. With
xy = ((x + y)² − (x − y)²)/4 the product is

    xy ≈ ¼ √(π/2) Σ_i a_i / (i c)² (E(i c (x + y)) − E(i c (x − y))),

4m hidden units of one GeLU MLP. m = 1 has the order of the printed product (akyurek2022, lemma 4).

Error. E'' is the Fourier transform of a positive function ((1 + ω²) e^{−ω²/2}), so that its even
derivatives are largest at 0 and the Taylor remainder of E after the power 2m is at most the next
term. So the product is off by at most

    ¼ Σ_i |a_i| (i c)^{2m} (|x + y|^{2m+2} + |x − y|^{2m+2}) / (m! 2^m (2m + 1)).
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import factorial
from typing import Any

import sympy

from proofs.solve import Solution, solve, unknown

c = sympy.Symbol("c", positive=True)


@cache
def weights(order: int) -> Solution:
    """a_1, …, a_m of order m: solved from the conditions on the powers of u."""
    names = unknown(*(f"a_{i}" for i in range(1, order + 1)))
    found = [
        sympy.Add(*(a * i ** (2 * n) for i, a in enumerate(names, start=1))) - int(n == 0)
        for n in range(order)
    ]
    return solve(
        f"gelu_product.{order}",
        r"\textstyle\sum a_i = 1,\ \sum a_i i^{2n} = 0 \text{ for } 0 < n < m",
        names,
        [sympy.sympify(e) for e in found],
        [],
    )


def closed_form(order: int, i: int) -> Fraction:
    """a_i = 2 (−1)^{i+1} (m!)² / ((m − i)! (m + i)!)."""
    sign = 1 if i % 2 else -1
    return Fraction(2 * sign * factorial(order) ** 2, factorial(order - i) * factorial(order + i))


def coefficient(n: int) -> Any:
    """The coefficient of u^{2n+2} in E(u)."""
    return sympy.sqrt(2 / sympy.pi) * sympy.Rational((-1) ** n, factorial(n) * 2**n * (2 * n + 1))


def series(order: int, terms: int) -> list[Any]:
    """Coefficients of ¼√(π/2) Σ a_i/(ic)² E(ic u) in u², u⁴, …: ¼, 0, …, 0, then ~ c^{2m}."""
    made = []
    for n in range(terms):
        total = sum(closed_form(order, i) * i ** (2 * n) for i in range(1, order + 1))
        rational = sympy.Rational(total.numerator, total.denominator)
        made.append(sympy.sqrt(sympy.pi / 2) / 4 * coefficient(n) * rational * c ** (2 * n))
    return [sympy.simplify(e) for e in made]


def bound(order: int, scale: Fraction, size: Fraction) -> Fraction:
    """How far off the product is at most for |x|, |y| ≤ `size`, exactly evaluated.

    |x + y|^p + |x − y|^p is convex, so largest at a corner: (2 size)^p.
    """
    total = sum(
        (abs(closed_form(order, i)) * (i * scale) ** (2 * order) for i in range(1, order + 1)),
        Fraction(0),
    )
    power = (2 * size) ** (2 * order + 2)
    return total * power / (4 * factorial(order) * 2**order * (2 * order + 1))
