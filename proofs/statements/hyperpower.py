"""The third-order iteration: what it leaves, and why the slot STx is needed."""

from __future__ import annotations

from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.statements.newton import powers_of_order
from proofs.theorem import Theorem

S, T = sympy.symbols("S T")


def third_order(inverse: Any) -> Any:
    """T (3 − 3ST + (ST)²), a polynomial as everything that commutes."""
    product = S * inverse
    return sympy.expand(inverse * (3 - 3 * product + product**2))


def _residual(argument: Argument, order: int = 3) -> None:
    gram, one = c.S, c.identity(c.d)
    t = c.letter("T", c.d, c.d, symmetric=True)
    after = t @ (3 * one - 3 * (gram @ t) + (gram @ t) ** 2)
    argument.equal(r"I - T'S = (I - TS)^r:\ ", one - after @ gram, (one - t @ gram) ** order)
    powers_of_order(argument, order)


def _needs_s(argument: Argument, target: Any = None) -> None:
    """With slots x and t only, every head's result is S·(three combinations of 1 and T)."""
    wanted = third_order(T) if target is None else sympy.sympify(target)
    unknowns = sympy.symbols("q_x q_t k_x k_t v_x v_t m_x m_t")
    query, key, value, mlp = (a + b * T for a, b in zip(unknowns[::2], unknowns[1::2], strict=True))
    argument.note(
        r"\text{one head with slots } x \text{ and } t, \text{ and the linear MLP; more heads add "
        r"their results}"
    )
    for name, reached in (("S q k v", S * query * key * value), ("m_x + m_t T", mlp)):
        found = sympy.Poly(sympy.expand(reached), S, T).coeff_monomial(S**2 * T**3)
        argument.equal(rf"[S^2T^3]({name}) = ", found, 0)
    needed = sympy.Poly(wanted, S, T).coeff_monomial(S**2 * T**3)
    argument.differ(r"[S^2T^3]\,T' = ", needed, 0)


THEOREMS = [
    Theorem(
        id="hyperpower.residual",
        claims=("hyperpower",),
        statement=r"I - M_k S = (I - M_0 S)^{3^k}",
        kind="induction on k",
        argue=_residual,
        inputs={"order": 3},
    ),
    Theorem(
        id="hyperpower.needs_s",
        claims=("hyperpower",),
        statement=r"\text{without the slot } STx \text{ no number of linear heads makes the "
        r"third-order step in one layer}",
        kind="impossibility",
        argue=_needs_s,
        inputs={"target": None},
    ),
]
