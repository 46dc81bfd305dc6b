r"""The soft threshold as ReLUs, and a proximal gradient step in one head and a ReLU MLP.

    soft(v, τ) = sign(v) max(|v| − τ, 0) = relu(v − τ) − relu(−v − τ),     τ ≥ 0

Every token carries w itself. Head: score ⟨w, x_j⟩·fit + y_j·target, value x → w, so that
w ← w − 2η Xᵀ(Xw − y); then the MLP puts soft(w, ηλ) in the place of w, taking w out by
w = relu(w) − relu(−w). This is a step of proximal gradient descent on Σ(wᵀx − y)² + λ‖w‖₁: for
v = w − η∇, soft(v, ηλ) minimises ½‖u − v‖² + ηλ‖u‖₁ (`statements.improved`).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sympy

from proofs.calculus import form as c
from proofs.calculus.form import S, X, y
from proofs.solve import Gauge, Solution, equations, solve, unknown

eta, lam = sympy.symbols("eta lam")
w = c.letter("w", c.d, 1)
ONE = sympy.Integer(1)


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


@cache
def gradient() -> Solution:
    """w ← w − 2η Xᵀ(Xw − y) in one head of two features; weights fit, target, value."""
    names = unknown("fit", "target", "value")
    fit, target, value = names
    read = value * (X.T @ (fit * (X @ w) + target * y))
    wanted = (-2 * eta) * (S @ w - X.T @ y)
    return solve(
        "soft_threshold.gradient",
        r"w \mapsto w - 2\eta X^\top(Xw - y)",
        names,
        equations((read, wanted)),
        [Gauge(target, ONE, "the scores scaled up and the value scaled down")],
    )
