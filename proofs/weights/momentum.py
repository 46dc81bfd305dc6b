r"""Steps that remember the last one, in one linear head: momentum and the Chebyshev iteration.

    v' = β v + η Xᵀ(y − Xw),   w' = w + v'

Tokens carry x, r = y − wᵀx and v = vᵀx. Head: query x, key x, value r → v; MLP
v ← (1 + skip) v, r ← r + lift v. As multiples of y, with s for an eigenvalue of S: r is ρ, v is ν.

Chebyshev (Golub and Varga's semi-iteration) on eigenvalues in [lowest, highest]: with
θ = (highest + lowest)/2, δ = (highest − lowest)/2, σ = θ/δ, ω_0 = 1/σ, ω_k = 1/(2σ − ω_{k−1}),
step k has η = 2ω_k/δ and β = ω_k ω_{k−1}, but η = 1/θ in the first. Then
ρ_k(s) = T_k((θ − s)/δ) / T_k(σ), and |ρ_k| ≤ 1/T_k(σ) ≤ 2 ((√κ − 1)/(√κ + 1))^k on the interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from typing import Any

import sympy

from proofs.solve import Gauge, Solution, solve, unknown

s, rho, nu, eta, beta = sympy.symbols("s rho nu eta beta")
ONE = sympy.Integer(1)


def layer(values: Mapping[str, Any], error: Any = rho, last: Any = nu) -> tuple[Any, Any]:
    """(r, v) after one layer."""
    read = values["query"] * values["key"] * values["value"] * s * error
    after = last + read
    return error + values["lift"] * after, (1 + values["skip"]) * after


@cache
def step() -> Solution:
    """One step with momentum `beta` and step size `eta` on 1/2 Σ (wᵀx − y)²; beta ≠ 0."""
    names = unknown("query", "key", "value", "skip", "lift")
    query, key, *_ = names
    error, last = layer({u.name: u for u in names})
    following = beta * nu + eta * s * rho
    found: list[Any] = []
    for got, wanted in ((error, rho - following), (last, following)):
        found += sympy.Poly(sympy.expand(got - wanted), s, rho, nu).coeffs()
    return solve(
        "momentum.step",
        r"\nu' = \beta\nu + \eta s\rho,\quad \rho' = \rho - \nu'",
        names,
        tuple(map(sympy.expand, found)),
        [
            Gauge(query, ONE, "a query scaled up and the value scaled down"),
            Gauge(key, ONE, "a key scaled up and the value scaled down"),
        ],
    )


def chebyshev_rates(steps: int, lowest: Any, highest: Any) -> list[tuple[Any, Any]]:
    """(η, β) of every step, in the arithmetic of `lowest` and `highest`; β = 1 where v = 0."""
    if isinstance(lowest, int):
        lowest = Fraction(lowest)
    theta, delta = (highest + lowest) / 2, (highest - lowest) / 2
    made = [(1 / theta, lowest / lowest)]
    before = delta / theta
    for _ in range(1, steps):
        omega = 1 / (2 * theta / delta - before)
        made.append((2 * omega / delta, omega * before))
        before = omega
    return made[:steps]
