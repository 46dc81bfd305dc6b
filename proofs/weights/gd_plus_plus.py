r"""GD++: a step of gradient descent that also transforms the data, and its best step sizes.

Tokens carry u (at first x) and r (at first y, 0 at query tokens). One layer is one linear head
with score ⟨u_t, u_j⟩, values r → r and u → u:

    r_t ← r_t − η Σ_j r_j ⟨u_j, u_t⟩,     u_t ← u_t − γ Σ_j u_j ⟨u_j, u_t⟩

(vonoswald2022, GD++). With u = q(S) x, and r what ρ(S) leaves of the error, s an eigenvalue of S,

    ρ' = ρ (1 − η s q²),     q' = q (1 − γ s q²).

Best step sizes. For every S with eigenvalues in [0, ℓ] let η = γ = 4·9^(k−1) / (3ℓ) in layer k.
Then ρ = q and, with z = √(s/ℓ), p_k = 3^k z q_k is a Chebyshev polynomial, up to its sign:
p_0 = z = T_1(z) and p_k = 3 p_{k−1} − 4 p_{k−1}³ = −T_3(p_{k−1}), so |p_k| = |T_{3^k}(z)| ≤ 1 and

    √s |ρ_k(s)| ≤ √ℓ / 3^k       for 0 ≤ s ≤ ℓ,

with equality at s = ℓ. No linear-attention transformer of k layers has a smaller bound: see
`statements.improved`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sympy

from proofs.solve import Gauge, Solution, solve, unknown

s, q, rho, eta, gamma, ell = sympy.symbols("s q rho eta gamma ell")
ONE = sympy.Integer(1)


def layer(values: dict[str, Any], width: Any = q, error: Any = rho) -> tuple[Any, Any]:
    """(ρ', q') after one layer with weights query, key, value_r, value_u."""
    score = values["query"] * values["key"] * s * width**2
    return error * (1 + values["value_r"] * score), width * (1 + values["value_u"] * score)


@cache
def step() -> Solution:
    """One step with step size `eta` that transforms the data by `gamma`."""
    names = unknown("query", "key", "value_r", "value_u")
    query, key, *_ = names
    error, width = layer({u.name: u for u in names})
    found = [
        *sympy.Poly(sympy.expand(error - rho * (1 - eta * s * q**2)), s, q, rho).coeffs(),
        *sympy.Poly(sympy.expand(width - q * (1 - gamma * s * q**2)), s, q).coeffs(),
    ]
    return solve(
        "gd_plus_plus.step",
        r"\rho' = \rho(1 - \eta s q^2),\quad q' = q(1 - \gamma s q^2)",
        names,
        tuple(map(sympy.expand, found)),
        [
            Gauge(query, ONE, "a query scaled up and both values scaled down"),
            Gauge(key, ONE, "a key scaled up and both values scaled down"),
        ],
    )


def best_step(layer_number: int, largest: Any) -> Any:
    """η = γ of layer 1, 2, … for eigenvalues up to `largest`: 4·9^(k−1) / (3 `largest`)."""
    return sympy.Rational(4 * 9 ** (layer_number - 1), 3) / largest


@cache
def tripling() -> Solution:
    """The step size c with which p = 3^k z q follows p' = −T_3(p) = 3p − 4p³."""
    c, z, m = sympy.Symbol("c"), sympy.Symbol("z", positive=True), sympy.Symbol("m", positive=True)
    width = sympy.Symbol("p") / (m * z)  # q, with m = 3^(k−1)
    following = 3 * m * z * width * (1 - c * (ell * z**2) * width**2)
    p = sympy.Symbol("p")
    difference = sympy.expand(following + sympy.chebyshevt(3, p))
    return solve(
        "gd_plus_plus.tripling",
        r"p \mapsto -T_3(p),\ p = 3^{k-1} \sqrt{s/\ell}\, q",
        (c,),
        tuple(sympy.numer(sympy.together(e)) for e in sympy.Poly(difference, p).coeffs()),
        [],
    )
