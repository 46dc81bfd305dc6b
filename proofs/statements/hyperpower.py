"""The third-order iteration: each layer, k layers, and why the slot STx is needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import product
from typing import Any

import sympy

from proofs import calculus as c
from proofs import hyperpower, newton
from proofs.hyperpower import S, T, alpha
from proofs.statements.newton import powers_of_order
from proofs.theorem import Argument, Theorem

Values = Mapping[str, Any]


def _iteration(argument: Argument, weights: Values) -> None:
    argument.note(r"T \text{ is a polynomial in } S: \text{ all letters commute}")
    after, wanted = hyperpower.layer(weights), hyperpower.third_order()
    argument.equal(r"t:\ ", after["t"], wanted)
    argument.equal(r"s:\ ", after["s"], sympy.expand(S * wanted))


def _start(argument: Argument, weights: Values, start: str) -> None:
    v = weights
    if start == "identity":
        got = hyperpower.head(v["value"], v["key"], v["query"] * v["embed"])
        argument.equal(r"t = \alpha x:\ ", v["embed"], alpha)
        argument.equal(r"s = \alpha S x:\ ", got, alpha * S)
    else:
        argument.equal(r"s = S t:\ ", hyperpower.head(v["value"], v["key"], v["query"] * T), S * T)


def _iterations(argument: Argument, weights: Values, start: str) -> None:
    first = {k.removeprefix("initial."): v for k, v in weights.items() if k.startswith("initial.")}
    each = {k: v for k, v in weights.items() if not k.startswith("initial.")}
    argument.note(r"k = 0")
    _start(argument, first, start)
    argument.note(
        r"k \to k+1:\ T \text{ stands for } M_k, \text{ a polynomial in } S; "
        r"\text{ so is the next one}"
    )
    _iteration(argument, each)


def _with_initial(start: str) -> Values:
    first = hyperpower.initial("identity" if start == "identity" else "gram").weights
    return {**{f"initial.{k}": v for k, v in first.items()}, **hyperpower.iteration().weights}


def _residual(argument: Argument, order: int = 3) -> None:
    gram, one = c.S, c.identity(c.d)
    t = newton.T
    after = t @ (3 * one - 3 * (gram @ t) + (gram @ t) ** 2)
    argument.equal(r"I - T'S = (I - TS)^r:\ ", one - after @ gram, (one - t @ gram) ** order)
    powers_of_order(argument, order)


def _needs_s(argument: Argument) -> None:
    """With slots x and t only, every head's result is S·(three factors from 1, T)."""
    one = sympy.Integer(1)
    reachable = {
        sympy.expand(S * sympy.Mul(*factors)) for factors in product((one, T), repeat=3)
    } | {one, T}
    monomials = [tuple(sympy.Poly(e, S, T).monoms()) for e in reachable]
    wanted = sympy.Poly(hyperpower.third_order(), S, T)
    argument.note(
        r"\text{any number of heads and a linear MLP reach the span of }"
        + ", ".join(sorted(sympy.latex(e) for e in reachable))
    )
    argument.holds(
        r"T(ST)^2 = S^2 T^3 \text{ has coefficient 1 in } T' \text{ and is outside that span}",
        wanted.coeff_monomial(S**2 * T**3) == 1 and all((2, 3) not in found for found in monomials),
    )


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
    ),
]
