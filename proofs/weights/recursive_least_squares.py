r"""One example (a, b) absorbed in two layers, without a layer to prepare: 2n layers for n examples.

    P' = (P⁻¹ + a aᵀ)⁻¹,   w' = w + P' a (b − aᵀw)

P is stored nowhere: token t carries z = P x_t and r = y_t − wᵀx_t. The example is read by every
token that may see it: slots a, b = P a and e = b − aᵀw, then

    layer 1  linear head reads a, b, e;  MLP c ← ⟨a, z⟩, s ← ⟨a, b⟩
    layer 2  normalised head with a null key, score query·key·s at the example alone:
             b ← b + divide_b·(P a) σ/(1 + σ), e likewise;
             MLP z ← z + update_z·b c, r ← r + update_r·e c, and the five slots are cleared.

`sherman_morrison.update_tokens` gates the example in an MLP instead, which costs a layer at the
start. With causal attention token t is changed by the examples up to t only, so that e at the
example itself is the error of the prediction from those before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import sympy

from proofs.calculus import form as c
from proofs.calculus.form import Form
from proofs.solve import Gauge, Solution, equations, solve, unknown
from proofs.weights.sherman_morrison import P, a, b, fit, required, s, target, w, z

ONE = sympy.Integer(1)


def layers(values: Mapping[str, Any]) -> dict[str, Form]:
    """Slots after the two layers at a token with row z = x_tᵀ and target y_t."""
    v = values
    read_b, read_e = P @ a, c.number(b) - w.T @ a
    own = v["c"] * (z @ P @ a)  # slot c of the token
    sigma = v["query"] * v["key"] * v["s"] * (a.T @ P @ a).scalar()
    share = sigma / (1 + sigma)
    divided_b = read_b + (v["divide_b"] * share) * read_b
    divided_e = read_e + (v["divide_e"] * share) * read_e
    left = 1 + v["clear"]
    return {
        "z": z @ P + v["update_z"] * (own @ divided_b.T),
        "r": c.number(target) - z @ w + v["update_r"] * (own @ divided_e),
        "a": left * a,
        "b": left * divided_b,
        "e": left * divided_e,
    }


@cache
def update() -> Solution:
    """One example in two layers; names as in `layers`, c and s the weights onto those slots."""
    names = unknown(
        "c", "s", "query", "key", "divide_b", "divide_e", "update_z", "update_r", "clear"
    )
    after = layers({u.name: u for u in names})
    inverse, weights = required()
    empty = [(after[slot], 0 * after[slot]) for slot in ("a", "b", "e")]
    found = equations(
        (after["z"], z @ inverse),
        (after["r"], c.number(target) - z @ weights),
        *empty,
        over=[s, fit, b, (z @ P @ a).scalar(), (z @ w).scalar(), target],
    )
    own, sigma, query, *_ = names
    return solve(
        "recursive_least_squares.update",
        r"z_t = P x_t,\ r_t = y_t - w^\top x_t \;\mapsto\; P' x_t,\ y_t - w'^\top x_t",
        names,
        found,
        [
            Gauge(own, ONE, "the scale of the slot c"),
            Gauge(sigma, ONE, "the scale of the slot s"),
            Gauge(query, ONE, "a query scaled up and its key scaled down"),
        ],
    )
