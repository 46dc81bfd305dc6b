"""Chebyshev's residual, least squares by rank-one updates, and the soft threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.statements.improved import IDENTITY, INDUCTION, solved, theorem
from proofs.statements.ridge import INVERTIBLE
from proofs.theorem import Theorem

Values = Mapping[str, Any]


def _chebyshev(argument: Argument, factor: Any = 2) -> None:
    """ρ_k = T_k(z)/T_k(σ), z = (θ − s)/δ: the recurrences of T and of ω give the step's."""
    excess, last = sympy.symbols("u b", positive=True)
    grown = sympy.Symbol("g", nonnegative=True)
    argument.at_least(r"\sigma = 1 + u:\ T_1(\sigma) = ", 1 + excess, 1)
    argument.greater(
        r"T_{k-1}(\sigma) = b > 0,\ T_k(\sigma) = b + g:\ T_{k+1}(\sigma) = ",
        factor * (1 + excess) * (last + grown) - last,
        last + grown,
    )
    z, sigma, t, before = sympy.symbols("z sigma T_k(z) T_{k-1}(z)")
    T, Tb = sympy.symbols("T_k(sigma) T_{k-1}(sigma)")
    delta = sympy.Symbol("delta")
    s = delta * (sigma - z)  # θ = σδ
    following = factor * sigma * T - Tb  # T_{k+1}(σ)
    omega, previous = T / following, Tb / T  # ω_k, ω_{k−1}
    argument.equal(r"\omega_k = 1/(2\sigma - \omega_{k-1}):\ ", omega, 1 / (2 * sigma - previous))
    rho, rho_before = t / T, before / Tb
    # r changes by v' = ω_k ω_{k−1} (last change) − (2 ω_k/δ) s r
    after = rho + omega * previous * (rho - rho_before) - 2 * omega / delta * s * rho
    argument.equal(r"\rho_{k+1}:\ ", after, (2 * z * t - before) / following)
    argument.equal(r"k = 1:\ 1 - s/\theta = ", 1 - s / (sigma * delta), z / sigma)


def _least_squares(argument: Argument, weights: Values) -> None:
    from proofs.calculus import form as c
    from proofs.weights import recursive_least_squares as rls

    argument.assume(INVERTIBLE)
    inverse, following = rls.required()
    enlarged = c.inverse_letter(rls.P) + rls.a @ rls.a.T
    argument.equal(r"P'(P^{-1} + a a^\top) = ", inverse @ enlarged, c.identity(c.d))
    after = rls.layers(weights)
    argument.equal(r"z:\ ", after["z"], rls.z @ inverse)
    argument.equal(r"r:\ ", after["r"], c.number(rls.target) - rls.z @ following)
    for slot in ("a", "b", "e"):
        argument.equal(rf"{slot}:\ ", after[slot], 0 * after[slot])


def _pairs(argument: Argument, weights: Values) -> None:
    from proofs.calculus import form as c
    from proofs.weights import paired_least_squares as pls

    argument.assume(r"P \text{ and } I + A^\top P A \text{ are invertible},\ A = (a_1, a_2)")
    inverse, following = pls.required()
    enlarged = c.inverse_letter(pls.P) + pls.A[0] @ pls.A[0].T + pls.A[1] @ pls.A[1].T
    argument.equal(
        r"P'(P^{-1} + a_1a_1^\top + a_2a_2^\top) = ", inverse @ enlarged, c.identity(c.d)
    )
    after = pls.layers(weights)
    argument.equal(r"z:\ ", after["z"], pls.z @ inverse)
    argument.equal(r"r:\ ", after["r"], c.number(pls.target) - pls.z @ following)


def _threshold(argument: Argument, weights: Values) -> None:
    tau = sympy.Symbol("tau", positive=True)
    excess = sympy.Symbol("e", positive=True)
    part = sympy.Symbol("a", positive=True)  # |v| = τ a/(1 + a) < τ

    def relu(value: Any) -> Any:
        return sympy.Max(0, sympy.factor(value))

    size = sympy.Symbol("u", nonnegative=True)
    places = (
        (tau + excess, excess),
        (tau, sympy.Integer(0)),
        (tau * part / (1 + part), sympy.Integer(0)),
        (sympy.Integer(0), sympy.Integer(0)),
        (-tau * part / (1 + part), sympy.Integer(0)),
        (-tau, sympy.Integer(0)),
        (-tau - excess, -excess),
    )
    for v, wanted in places:
        got = v + weights["above"] * relu(v - tau) + weights["below"] * relu(-v - tau)
        got += weights["up"] * relu(v) + weights["down"] * relu(-v)
        argument.equal(rf"v = {sympy.latex(v)}:\ ", got, wanted)
        least = (wanted - v) ** 2 / 2 + tau * abs(wanted)
        for other in (size, -size):
            argument.at_least(
                rf"\tfrac12(u - v)^2 + \tau|u| \text{{ at }} {sympy.latex(other)}:\ ",
                (other - v) ** 2 / 2 + tau * size,
                least,
            )


THEOREMS: list[Theorem] = [
    theorem(
        "chebyshev.residual", "chebyshev",
        r"\rho_k(s) = T_k((\theta - s)/\delta) / T_k(\theta/\delta)",
        _chebyshev, inputs={"factor": 2}, **INDUCTION,
    ),
    theorem(
        "recursive_least_squares.layers", "recursive_least_squares",
        r"\text{two layers: } P' = (P^{-1} + aa^\top)^{-1},\ w' = w + P'a(b - a^\top w)",
        _least_squares, weights=solved("recursive_least_squares", "update"), **IDENTITY,
    ),
    theorem(
        "paired_least_squares.layers", "paired_least_squares",
        r"\text{two layers: } P' = (P^{-1} + a_1a_1^\top + a_2a_2^\top)^{-1},\ w' = w + "
        r"P'\textstyle\sum_k a_k(b_k - a_k^\top w)",
        _pairs, weights=solved("paired_least_squares", "update"), **IDENTITY,
    ),
    theorem(
        "lasso.threshold", "lasso",
        r"\text{four ReLUs make } \mathrm{soft}(v, \tau) = \arg\min_u \tfrac12(u-v)^2 + \tau|u|",
        _threshold, weights=solved("soft_threshold", "threshold"), **IDENTITY,
    ),
]  # fmt: skip
