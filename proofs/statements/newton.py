"""What Newton's iteration leaves, and ReLU heads that are a linear one or select a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.calculus.form import S
from proofs.theorem import Theorem
from proofs.weights import relu as heads

Values = Mapping[str, Any]


def _residual(argument: Argument, order: int = 2) -> None:
    one, T = c.identity(c.d), c.letter("T", c.d, c.d, symmetric=True)
    following = 2 * T - T @ S @ T
    argument.equal(r"I - (2T - TST)S = (I - TS)^r:\ ", one - following @ S, (one - T @ S) ** order)
    powers_of_order(argument, order)


def powers_of_order(argument: Argument, order: int) -> None:
    """R_{k+1} = R_k^r gives R_k = R_0^(r^k): the induction on the exponent."""
    k = sympy.Symbol("k", integer=True, nonnegative=True)
    argument.equal(r"k = 0:\ r^0 = ", sympy.Integer(order) ** 0, 1)
    argument.equal(
        r"k \to k+1:\ r \cdot r^k = ",
        order * sympy.Integer(order) ** k,
        sympy.Integer(order) ** (k + 1),
    )


def relu(value: Any) -> Any:
    return sympy.Max(0, sympy.sympify(value))


def _relu_pair(argument: Argument, weights: Values) -> None:
    size = sympy.Symbol("u", positive=True)
    for u in (size, sympy.Integer(0), -size):
        total = weights["value_plus"] * relu(weights["plus"] * u)
        total += weights["value_minus"] * relu(weights["minus"] * u)
        argument.equal(rf"\text{{at }} {sympy.latex(u)}:\ ", total, u)


def _one_relu_head(argument: Argument, target: Any = 1) -> None:
    """For a > 0, a < 0 and a = 0 a point u at which c·relu(a u) is 0 and target·u is not."""
    value, p = sympy.Symbol("c"), sympy.Symbol("p", positive=True)
    for sign in (1, -1, 0):
        scale, u = sign * p, -sign if sign else 1
        argument.differ(
            rf"a = {sympy.latex(scale)},\ u = {u}:\ c\,\mathrm{{relu}}(a u) = ",
            value * relu(scale * u),
            target * u,
        )
    argument.solved(r"\text{two heads do: the ReLU pair, } ", heads.pair())


def _hat(argument: Argument, weights: Values) -> None:
    step = sympy.Symbol("j", integer=True, nonnegative=True)
    places: tuple[tuple[Any, int], ...] = ((sympy.Integer(0), 1), (1 + step, 0), (-1 - step, 0))
    for u, wanted in places:
        total: Any = sympy.Integer(0)
        for part in ("plus", "zero", "minus"):
            total += weights[f"value_{part}"] * relu(u + weights[f"shift_{part}"])
        argument.equal(rf"u = {sympy.latex(u)},\ j \geq 0:\ ", total, wanted)


THEOREMS = [
    Theorem(
        id="newton.residual",
        claims=("newton",),
        statement=r"I - M_k S = (I - M_0 S)^{2^k}",
        kind="induction on k",
        argue=_residual,
        inputs={"order": 2},
    ),
    Theorem(
        id="newton.relu_pair",
        claims=("newton",),
        statement=r"\mathrm{relu}(u) - \mathrm{relu}(-u) = u\quad\text{for every real } u",
        kind="identity",
        argue=_relu_pair,
        weights=lambda: heads.pair().weights,
    ),
    Theorem(
        id="heads.relu",
        claims=("newton",),
        statement=r"\text{one ReLU head cannot be a linear head, two can}",
        kind="impossibility",
        argue=_one_relu_head,
        inputs={"target": 1},
    ),
    Theorem(
        id="newton.hat",
        claims=("newton",),
        statement=r"\mathrm{relu}(u+1) - 2\,\mathrm{relu}(u) + \mathrm{relu}(u-1) = [u = 0]\quad"
        r"\text{for every integer } u",
        kind="identity",
        argue=_hat,
        weights=lambda: heads.hat().weights,
    ),
]
