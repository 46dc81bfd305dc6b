r"""Two examples absorbed in two layers: one layer per example.

    P' = (P⁻¹ + a₁a₁ᵀ + a₂a₂ᵀ)⁻¹ = P − [Pa₁ Pa₂] (I + Σ)⁻¹ [Pa₁ Pa₂]ᵀ,   Σ_kl = a_kᵀ P a_l
    (I + Σ)⁻¹ = [[1 + s22, −s12], [−s12, 1 + s11]] / (1 + δ),   δ = s11 + s22 + s11 s22 − s12²

A layer's scores multiply what two tokens hold, so δ is a score, and normalised attention with a
null key divides by 1 + δ. Slots a_k, b_k = P a_k, e_k of both examples at every token; layer 1's
MLP makes c_k = ⟨a_k, z⟩ and s_kl, and again at the pair's first token alone (`near`). Layer 2:

    normalised head   score k11 s11 + k22 s22 + k1122 s11·near22 + k1212 s12·near12
                      b_k ← b_k + divide·b_k δ/(1 + δ), e_k likewise
    linear heads      d1 ← p1 c1·near22 + q1 c2·near12,  d2 ← p2 c2·near11 + q2 c1·near12
    MLP               z ← z + u Σ_k b_k (c_k + d_k),  r ← r + v Σ_k e_k (c_k + d_k)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import sympy

from proofs.calculus import form as c
from proofs.calculus.form import Form
from proofs.solve import Solution, solve, unknown
from proofs.weights.sherman_morrison import P, target, w, z

NAMES = (
    "k11", "k22", "k1122", "k1212", "divide", "p1", "q1", "p2", "q2", "update_z", "update_r",
)  # fmt: skip
A = (c.letter("a_1", c.d, 1), c.letter("a_2", c.d, 1))
B = sympy.symbols("b_1 b_2")


def _s(k: int, m: int) -> Any:
    return (A[k].T @ P @ A[m]).scalar()


def _c(k: int) -> Any:
    return (z @ P @ A[k]).scalar()


def _e(k: int) -> Any:
    return (c.number(B[k]) - A[k].T @ w).scalar()


def required() -> tuple[Form, Form]:
    """P' and w' = w + P'(a₁ e₁ + a₂ e₂)."""
    determinant = (1 + _s(0, 0)) * (1 + _s(1, 1)) - _s(0, 1) ** 2
    adjugate = ((1 + _s(1, 1), -_s(0, 1)), (-_s(0, 1), 1 + _s(0, 0)))
    updated = P
    for k in range(2):
        for m in range(2):
            rank_one = (P @ A[k]) @ (P @ A[m]).T
            updated = updated - (adjugate[k][m] / determinant) * rank_one
    pull = _e(0) * A[0] + _e(1) * A[1]
    return updated, w + updated @ pull


def layers(values: Mapping[str, Any]) -> dict[str, Form]:
    """z and r after the two layers at a token with row z = x_tᵀ and target y_t."""
    v = values
    delta = v["k11"] * _s(0, 0) + v["k22"] * _s(1, 1)
    delta += v["k1122"] * _s(0, 0) * _s(1, 1) + v["k1212"] * _s(0, 1) ** 2
    kept = 1 + v["divide"] * delta / (1 + delta)
    more = (
        _c(0) + v["p1"] * _c(0) * _s(1, 1) + v["q1"] * _c(1) * _s(0, 1),
        _c(1) + v["p2"] * _c(1) * _s(0, 0) + v["q2"] * _c(0) * _s(0, 1),
    )
    after_z, after_r = z @ P, c.number(target) - z @ w
    for k in range(2):
        after_z = after_z + (v["update_z"] * kept * more[k]) * (P @ A[k]).T
        after_r = after_r + c.number(v["update_r"] * kept * more[k] * _e(k))
    return {"z": after_z, "r": after_r}


@cache
def update() -> Solution:
    """Two examples in two layers; names as in `layers`.

    Solved part by part: the score is δ, the share leaves 1/(1 + δ), the adjugate is applied to
    (c1, c2), and both are subtracted. That the parts make P' and w' is `statements.improved`.
    """
    names = unknown(*NAMES)
    v: dict[str, Any] = {u.name: u for u in names}
    s11, s22, s12, c1, c2, delta = sympy.symbols("s11 s22 s12 c1 c2 delta")
    score = v["k11"] * s11 + v["k22"] * s22 + v["k1122"] * s11 * s22 + v["k1212"] * s12**2
    parts = (
        (score, (1 + s11) * (1 + s22) - s12**2 - 1),
        (1 + delta + v["divide"] * delta, 1),  # times 1/(1 + δ)
        (c1 + v["p1"] * c1 * s22 + v["q1"] * c2 * s12, (1 + s22) * c1 - s12 * c2),
        (c2 + v["p2"] * c2 * s11 + v["q2"] * c1 * s12, (1 + s11) * c2 - s12 * c1),
        (v["update_z"], -1),
        (v["update_r"], -1),
    )
    found: dict[Any, None] = {}
    for got, wanted in parts:
        difference = sympy.Poly(sympy.expand(got - wanted), s11, s22, s12, c1, c2, delta)
        found |= dict.fromkeys(map(sympy.expand, difference.coeffs()))
    return solve(
        "paired_least_squares.update",
        r"z_t = P x_t \;\mapsto\; (P^{-1} + a_1a_1^\top + a_2a_2^\top)^{-1} x_t",
        names,
        tuple(found),
        [],
    )
