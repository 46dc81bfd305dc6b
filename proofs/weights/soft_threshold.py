r"""The soft threshold as ReLUs.

    soft(v, τ) = sign(v) max(|v| − τ, 0) = relu(v − τ) − relu(−v − τ),     τ ≥ 0

It is the proximal step of Lasso: soft(v, τ) minimises ½‖u − v‖² + τ‖u‖₁
(`statements.algorithms`). An MLP puts it in the place of v, taking v out by v = relu(v) − relu(−v).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sympy

from proofs.solve import Solution, solve, unknown


@cache
def threshold() -> Solution:
    """above·relu(v − τ) + below·relu(−v − τ) + up·relu(v) + down·relu(−v) = soft(v, τ) − v.

    v ← v + this, entry by entry. Equations on each piece on which all four are linear.
    """
    names = unknown("above", "below", "up", "down")
    above, below, up, down = names
    v, tau = sympy.symbols("v tau")
    pieces = (
        (above * (v - tau) + up * v, (v - tau) - v),  # v > τ
        (up * v, -v),  # 0 < v ≤ τ
        (down * -v, -v),  # −τ ≤ v < 0
        (below * (-v - tau) + down * -v, (v + tau) - v),  # v < −τ
    )
    found: dict[Any, None] = {}
    for got, wanted in pieces:
        found |= dict.fromkeys(sympy.Poly(sympy.expand(got - wanted), v, tau).coeffs())
    return solve(
        "soft_threshold.threshold",
        r"v \mapsto \mathrm{sign}(v)\max(|v| - \tau, 0)",
        names,
        tuple(found),
        [],
    )
