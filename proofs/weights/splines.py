r"""B-splines of degree 1 and 2 on equal knots as sums of ReLUs, or of gated ReLUs.

With r(v) = max(v, 0)^p and knots a, a + h, …, a + (p + 1) h, the B-spline of degree p is the
divided difference (Schoenberg)

    B(v) = Σ_j c_j r(v − a − j h) / h^p,    c_j = (−1)^j binom(p + 1, j) / p!

p = 1: the hat of three ReLUs. p = 2: max(v, 0)² = relu(v)·v, one ReLU with a linear gate. The
weights are solved for: zero right of the last knot (left of the first it is zero by itself), and
the B-splines of all shifts add up to 1.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import sympy

from proofs.solve import Solution, solve, unknown


@cache
def basis(degree: Literal[1, 2] = 1) -> Solution:
    """c_0, …, c_{p+1} for h = 1."""
    if degree not in (1, 2):
        raise ValueError(f"degree is 1 or 2, not {degree!r}")
    names = unknown(*(f"c_{j}" for j in range(degree + 2)))
    v = sympy.Symbol("v")
    beyond = sympy.expand(sum(c * (v - j) ** degree for j, c in enumerate(names)))
    found: list[Any] = list(sympy.Poly(beyond, v).coeffs())
    # on [p, p + 1] the shifts by 0, …, p are not zero there: their pieces add up to 1
    total = sympy.expand(
        sum(
            c * (v - shift - j) ** degree
            for shift in range(degree + 1)
            for j, c in enumerate(names)
            if shift + j <= degree
        )
    )
    found += sympy.Poly(total - 1, v).coeffs()
    return solve(
        f"splines.{degree}",
        r"B(v) = \textstyle\sum_j c_j \max(v - j, 0)^p,\ B = 0 \text{ right of } p + 1,\ "
        r"\textstyle\sum_i B(v - i) = 1",
        names,
        tuple(dict.fromkeys(map(sympy.expand, found))),
        [],
    )
