r"""One example (a, b) absorbed by ridge regression, with a division by 1 + aᵀPa.

    P' = (P⁻¹ + a aᵀ)⁻¹,   w' = w + P' a (b − aᵀw)

P is symmetric. `update_matrix` keeps P (d, d) and w (d,) in one token, the register;
`update_tokens` never stores P: token t carries P x_t and y_t − wᵀx_t, and an example
updates every token by one attention. Division is normalised attention with a null key,
Σ_j s_j v_j / (1 + Σ_j s_j). Source: akyurek2022, eq. 14 and theorem 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import sympy

from proofs.calculus import form as c
from proofs.calculus.form import Form
from proofs.solve import Gauge, Solution, equations, solve, unknown

P = c.letter("P", c.d, c.d, symmetric=True)
a = c.letter("a", c.d, 1)
w = c.letter("w", c.d, 1)
z = c.letter("z", 1, c.d)  # the row x_tᵀ of any token
b, target = sympy.symbols("b y_t")
ONE = sympy.Integer(1)

s = (a.T @ P @ a).scalar()
fit = (w.T @ a).scalar()


def required(inverse: Form = P, weights: Form = w) -> tuple[Form, Form]:
    """P' = P − P a aᵀ P/(1 + aᵀPa) and w'; that this P' inverts P⁻¹ + aaᵀ: see `inverts`."""
    direction = inverse @ a
    updated = inverse - (direction @ direction.T) / (1 + (a.T @ direction).scalar())
    error = c.number(b) - a.T @ weights
    return updated, weights + updated @ a @ error


def inverts() -> bool:
    """Whether the P' of `required` times P⁻¹ + aaᵀ is the identity, on both sides."""
    updated, _ = required()
    enlarged = c.inverse_letter(P) + a @ a.T
    one = c.identity(c.d)
    return bool(updated @ enlarged == one) and bool(enlarged @ updated == one)


def register_layers(values: Mapping[str, Any]) -> dict[str, Form]:
    """P, w and the workspace after the two layers of `update_matrix`, any coefficients."""
    v = values
    direction = P @ a
    u = v["u_from_Pa"] * direction
    g = v["g_from_Pa"] * direction
    e = v["e_from_b"] * c.number(b) + v["e_from_wa"] * (w.T @ a)
    score = (v["query"] * v["key"] * (u.T @ a)).scalar()
    g = g + v["value"] * score / (1 + score) * u
    left = 1 + v["clear"]
    return {
        "P": P + v["P_from_gu"] * (g @ u.T),
        "w": w + v["w_from_ge"] * (g @ e),
        "a": left * a,
        "b": left * c.number(b),
        "u": left * u,
        "e": left * e,
        "g": left * g,
    }


@cache
def update_matrix() -> Solution:
    """One example in two layers, P and w stored in the register token.

    Layer 1, bilinear MLP on an empty workspace: u ← u_from_Pa·Pa, g ← g_from_Pa·Pa,
    e ← e_from_b·b + e_from_wa·wᵀa. Layer 2, normalised attention with a null key, score
    σ = query·key·uᵀa: g ← g + value·u·σ/(1 + σ); then P ← P + P_from_gu·g uᵀ,
    w ← w + w_from_ge·g e, and a, b, u, e, g ← (1 + clear)·themselves.
    """
    unknowns = unknown(
        "u_from_Pa", "g_from_Pa", "e_from_b", "e_from_wa",
        "query", "key", "value", "P_from_gu", "w_from_ge", "clear",
    )  # fmt: skip
    after = register_layers({u.name: u for u in unknowns})
    inverse, weights = required()
    empty = [(after[slot], 0 * after[slot]) for slot in ("a", "b", "u", "e", "g")]
    found = equations((after["P"], inverse), (after["w"], weights), *empty, over=[s, fit, b])
    u_from_Pa, g_from_Pa, e_from_b, _, query, *_ = unknowns
    return solve(
        "sherman_morrison.update_matrix",
        r"P \mapsto (P^{-1} + a a^\top)^{-1},\quad w \mapsto w + P' a (b - a^\top w)",
        unknowns,
        found,
        [
            Gauge(u_from_Pa, ONE, "the scale of the workspace u"),
            Gauge(g_from_Pa, ONE, "the scale of the workspace g"),
            Gauge(e_from_b, ONE, "the scale of the workspace e"),
            Gauge(query, ONE, "a query scaled up and its key scaled down"),
        ],
        [
            r"\sigma = \mathrm{query}\cdot\mathrm{key}\cdot u^\top a,\quad "
            r"g \leftarrow g + \mathrm{value}\cdot u\,\sigma/(1 + \sigma)"
        ],
    )


def token_layers(values: Mapping[str, Any]) -> dict[str, Form]:
    """Slots after the two layers of `update_tokens`, at a token with row z and target y_t.

    The gated copies gx, gz, gr are zero except at the absorbed example, so the sum over
    tokens is its single term. gx, gz and gr after the first layer stand for that token.
    """
    v = values
    own_fit = z @ w
    gate_z, gate_r = P @ a, c.number(b) - w.T @ a  # gz and gr of the example
    score = (v["query"] * v["key"] * (gate_z.T @ a)).scalar()
    share = score / (1 + score)
    gate_z = gate_z + v["divide_z"] * share * gate_z
    gate_r = gate_r + v["divide_r"] * share * gate_r
    seen = (v["query2"] * v["key2"]) * (z @ P @ a)
    return {
        "z": z @ P + v["value_z"] * (seen @ gate_z.T),
        "r": c.number(target) - own_fit + v["value_r"] * (seen @ gate_r),
        "gz": gate_z,
        "gr": gate_r,
        "gx": (1 + v["clear"]) * a.T + v["gate"] * z,  # when z is the next example
    }


@cache
def update_tokens() -> Solution:
    """One example in two layers, P stored nowhere: token t carries P x_t and y_t − wᵀx_t.

    Layer 1, normalised attention with a null key, score query·key·⟨gz_t, gx_j⟩:
    gz ← gz + divide_z·gz·σ/(1 + σ), gr likewise with divide_r, leaving them divided by
    1 + aᵀPa. Layer 2, linear attention over all tokens, score query2·key2·⟨z_t, gx_j⟩:
    z ← z + value_z·gz·score, r ← r + value_r·gr·score; its MLP empties the gated copies
    by clear and fills those of the next example by gate.
    """
    unknowns = unknown(
        "query", "key", "divide_z", "divide_r",
        "query2", "key2", "value_z", "value_r", "gate", "clear",
    )  # fmt: skip
    after = token_layers({u.name: u for u in unknowns})
    inverse, weights = required()
    divided = ONE / (1 + s)
    found = equations(
        (after["gz"], divided * (P @ a)),
        (after["gr"], divided * (c.number(b) - w.T @ a)),
        (after["z"], z @ inverse),
        (after["r"], c.number(target) - z @ weights),
        (after["gx"], z),
        over=[s, fit, b, (z @ P @ a).scalar(), (z @ w).scalar(), target],
    )
    query, _, _, _, query2, key2, *_ = unknowns
    return solve(
        "sherman_morrison.update_tokens",
        r"z_t = P x_t,\ r_t = y_t - w^\top x_t \;\mapsto\; P' x_t,\ y_t - w'^\top x_t",
        unknowns,
        found,
        [
            Gauge(query, ONE, "a query scaled up and its key scaled down"),
            Gauge(query2, ONE, "a query scaled up and both values scaled down"),
            Gauge(key2, ONE, "a key scaled up and both values scaled down"),
        ],
    )
