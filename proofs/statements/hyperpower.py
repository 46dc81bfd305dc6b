"""The third-order iteration: each layer, k layers, and why the slot STx is needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.statements.newton import powers_of_order
from proofs.theorem import Theorem
from proofs.weights import hyperpower, newton
from proofs.weights.hyperpower import S, T, alpha

Values = Mapping[str, Any]


def _iteration(argument: Argument, weights: Values) -> None:
    argument.assume(r"T \text{ is a polynomial in } S")
    _layer(argument, weights)


def _layer(argument: Argument, weights: Values) -> None:
    """One layer for a T that is a polynomial in S, so that all letters commute."""
    after, wanted = hyperpower.layer(weights), hyperpower.third_order()
    argument.equal(r"t:\ ", after["t"], wanted)
    argument.equal(r"s:\ ", after["s"], sympy.expand(S * wanted))


def _start(argument: Argument, weights: Values, start: str) -> None:
    v = weights
    if start == "identity":
        got = hyperpower.head(v["value"], v["key"], v["query"] * v.get("embed", 0))
        argument.equal(r"t = \alpha x:\ ", v.get("embed", 0), alpha)
        argument.equal(r"s = \alpha S x:\ ", got, alpha * S)
    else:
        argument.equal(r"s = S t:\ ", hyperpower.head(v["value"], v["key"], v["query"] * T), S * T)


def _iterations(argument: Argument, weights: Values, start: str) -> None:
    first = {k.removeprefix("initial."): v for k, v in weights.items() if k.startswith("initial.")}
    each = {k: v for k, v in weights.items() if not k.startswith("initial.")}
    argument.note(r"\text{the first layers}")
    _start(argument, first, start)
    argument.note(r"\text{induction: } T \text{ stands for } M_k")
    begin = alpha * c.identity(c.d) if start == "identity" else alpha * c.S
    commuting = c.letter("T", c.d, c.d, commuting=True)
    product = c.S @ commuting
    following = commuting @ (3 * c.identity(c.d) - 3 * product + product @ product)
    for name, value in (("M_0", begin), ("T'", following)):
        argument.polynomial_in_s(name, value)
    _layer(argument, each)


def _with_initial(start: str) -> Values:
    first = hyperpower.initial("identity" if start == "identity" else "gram").weights
    return {**{f"initial.{k}": v for k, v in first.items()}, **hyperpower.iteration().weights}


def _residual(argument: Argument, order: int = 3) -> None:
    gram, one = c.S, c.identity(c.d)
    t = newton.T
    after = t @ (3 * one - 3 * (gram @ t) + (gram @ t) ** 2)
    argument.equal(r"I - T'S = (I - TS)^r:\ ", one - after @ gram, (one - t @ gram) ** order)
    powers_of_order(argument, order)


def _needs_s(argument: Argument, target: Any = None) -> None:
    """With slots x and t only, every head's result is S·(three combinations of 1 and T)."""
    wanted = hyperpower.third_order() if target is None else sympy.sympify(target)
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
        id="hyperpower.iteration",
        claims=("hyperpower",),
        statement=hyperpower.iteration_statement(),
        kind="identity",
        argue=_iteration,
        weights=lambda: hyperpower.iteration().weights,
    ),
    *(
        Theorem(
            id=f"hyperpower.iterations.{start}",
            claims=("hyperpower",),
            statement=rf"\text{{{layers} layers: }} t_t = M_k x_t,\ s_t = S M_k x_t,\quad "
            rf"M_0 = {first},\ M_{{k+1}} = M_k(3I - 3SM_k + (SM_k)^2)",
            kind="induction on k",
            argue=_iterations,
            weights=partial(_with_initial, start),
            inputs={"start": start},
        )
        for start, layers, first in (
            ("identity", "1 + k", r"\alpha I"),
            ("gram", "2 + k", r"\alpha S"),
        )
    ),
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
