"""Chebyshev's residual and the soft threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.statements.improved import IDENTITY, INDUCTION, solved, theorem
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
        "lasso.threshold", "lasso",
        r"\text{four ReLUs make } \mathrm{soft}(v, \tau) = \arg\min_u \tfrac12(u-v)^2 + \tau|u|",
        _threshold, weights=solved("soft_threshold", "threshold"), **IDENTITY,
    ),
]  # fmt: skip
