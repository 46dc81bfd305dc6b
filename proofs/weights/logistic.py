r"""A step of gradient descent on the logistic loss, in one linear head.

    L(w) = Σ_j log(1 + exp(wᵀx_j)) − y_j wᵀx_j,    w' = w − η Xᵀ(σ(Xw) − y)

Tokens carry x, y, m = wᵀx and p = σ(m). Head: query x, key x, values y and p → m; then an MLP
puts σ(m) into p. σ(Xw) is a letter of its own here: nothing else of σ is used.
"""

from __future__ import annotations

from functools import cache

import sympy

from proofs.calculus import form as c
from proofs.calculus.form import X, Z, y
from proofs.solve import Gauge, Solution, equations, solve, unknown

eta = sympy.Symbol("eta")
w = c.letter("w", c.d, 1)
probability = c.letter("p", c.n, 1)  # σ(Xw)
ONE = sympy.Integer(1)


@cache
def step() -> Solution:
    """m ← xᵀw' at every token; weights query, key, value_y, value_p."""
    names = unknown("query", "key", "value_y", "value_p")
    query, key, value_y, value_p = names
    following = w - eta * (X.T @ (probability - y))
    pairs = []
    for rows in (X, Z):
        read = c.head(value_y * y + value_p * probability, key * X, query * rows)
        pairs.append((rows @ w + read, rows @ following))
    return solve(
        "logistic.step",
        r"m_t = w^\top x_t \;\mapsto\; (w - \eta X^\top(\sigma(Xw) - y))^\top x_t",
        names,
        equations(*pairs),
        [
            Gauge(query, ONE, "a query scaled up and the values scaled down"),
            Gauge(key, ONE, "a key scaled up and the values scaled down"),
        ],
    )
