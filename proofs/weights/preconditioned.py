r"""A step of gradient descent with a preconditioner, in one linear head.

    w' = w + η P Xᵀ(y − Xw)

Tokens carry x and r = y − wᵀx. The ansatz: query x, key P x, value r → r. P need not be symmetric.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import sympy

from proofs.calculus import form as c
from proofs.calculus.form import Form, X, Z, y
from proofs.solve import Gauge, Solution, equations, solve, unknown

eta = sympy.Symbol("eta")
P = c.letter("P", c.d, c.d)
w = c.letter("w", c.d, 1)
ONE = sympy.Integer(1)


def layer(values: Mapping[str, Any], rows: Form, targets: Form) -> Form:
    """r after the layer at tokens with x `rows` and y `targets` (0 at queries)."""
    error = y - X @ w
    read = c.head(values["value"] * error, values["key"] * (X @ P.T), values["query"] * rows)
    return targets - rows @ w + read


@cache
def step() -> Solution:
    """One step of size `eta`; weights query (on x), key (on P x), value (on r)."""
    names = unknown("query", "key", "value")
    values = {u.name: u for u in names}
    following = w + eta * (P @ (X.T @ (y - X @ w)))
    pairs = []
    for rows, targets in ((X, y), (Z, c.zero(c.m, 1))):
        pairs.append((layer(values, rows, targets), targets - rows @ following))
    return solve(
        "preconditioned.step",
        r"r_t = y_t - w^\top x_t \;\mapsto\; y_t - (w + \eta P X^\top(y - Xw))^\top x_t",
        names,
        equations(*pairs),
        [
            Gauge(names[0], ONE, "a query scaled up and the value scaled down"),
            Gauge(names[1], ONE, "a key scaled up and the value scaled down"),
        ],
    )
