"""Statements of cheng2024: functional gradient descent in the space of any kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.calculus.form import y
from proofs.theorem import Theorem, theorem

r = sympy.Symbol("r")
K = c.letter("K", c.n, c.n, symmetric=True)  # the kernel at the examples
AT = c.letter("kappa", c.n, 1)  # the kernel between the examples and the query
E = c.letter("e", c.n, 1)  # what layers have left of y: y - f(x_i)


def _posterior(argument: Argument, weights: Mapping[str, Any]) -> None:
    """f_k(x) = kappa^T K^-1 (y - e_k), e_{k+1} = (I - rK) e_k, by induction."""
    argument.assume(r"K \text{ is invertible}")
    solved = c.inverse_letter(K)
    value = weights["value"]
    after = E + value * (K @ E)
    argument.equal(r"e_{k+1} = (I - rK)\,e_k:\ ", after, (c.identity(c.n) - r * K) @ E)
    argument.equal(r"k = 0:\ e_0 = y,\ f_0 = 0:\ ", AT.T @ solved @ (y - y), c.zero(1, 1))
    argument.equal(
        r"f_{k+1} = f_k + r \kappa^\top e_k:\ ",
        AT.T @ solved @ (y - E) - value * (AT.T @ E),
        AT.T @ solved @ (y - after),
    )


THEOREMS: list[Theorem] = [
    theorem(
        "cheng2024.prop2", "cheng2024.prop2",
        r"f_k(x) = \kappa^\top K^{-1}y - \kappa^\top K^{-1}(I - rK)^k y \text{ for every kernel}",
        _posterior, "printed", "induction on k", {"value": -r},
    ),
]  # fmt: skip
