"""Statements of vonoswald2022: linear self-attention on joint tokens (x_j, y_j)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.calculus.form import Form, S, X, Z, y
from proofs.statements.descent import loss_value
from proofs.theorem import theorem

Values = Mapping[str, Any]
targets = sympy.Symbol("c", integer=True, positive=True)
Y = c.letter("Y", c.n, targets)
W = c.letter("W", targets, c.d)
W0 = c.letter("W_0", targets, c.d)
eta = sympy.Symbol("eta")
gamma = sympy.Symbol("gamma")


def target_layer(v: Values, rows: Form, slot: Form, context_y: Form, data: Form = X) -> Form:
    """The y slot of tokens with x = `rows` after one layer of prop. 1."""
    value = v["value_x"] * (data @ W0.T) + v["value_y"] * context_y
    return slot + v["projection"] * c.head(value, data, rows)


def _prop1_gradient(argument: Argument) -> None:
    row, h, epsilon = c.letter("w", c.d, 1), c.letter("h", c.d, 1), sympy.Symbol("epsilon")
    moved = sympy.expand(loss_value("mean", 0, row + epsilon * h))
    argument.note(
        r"\tfrac{1}{2n}\sum\|Wx_i - y_i\|^2 \text{ is a sum over the rows } w^\top "
        r"\text{ of } W"
    )
    argument.equal(
        r"\text{its gradient, row by row: }",
        moved.coeff(epsilon, 1),
        ((S @ row - X.T @ y).T @ h).scalar() / c.n,
    )


def _ksteps(argument: Argument, weights: Values) -> None:
    """Induction with y_j − (W_k − W_0)x_j in the slot; k = 0 → 1 is proposition 1."""
    _prop1_gradient(argument)
    following = W - (eta / c.n) * (W @ S - Y.T @ X)
    argument.assume(r"\text{the query's slot holds } -W_0 x \text{ in the embedding}")
    argument.equal(r"k = 0:\ y_j - (W_0 - W_0)x_j:\ ", Y - X @ (W0 - W0).T, Y)
    context = Y - X @ (W - W0).T
    argument.equal(
        r"\text{context tokens: }",
        target_layer(weights, X, context, context),
        Y - X @ (following - W0).T,
    )
    argument.equal(
        r"\text{query tokens: }",
        target_layer(weights, Z, -(Z @ W.T), context),
        -(Z @ following.T),
    )


def _prop1(argument: Argument, weights: Values) -> None:
    _prop1_gradient(argument)
    change = (-eta / c.n) * (W0 @ S - Y.T @ X)
    argument.equal(
        r"(x_j, y_j - \Delta W x_j):\ ", target_layer(weights, X, Y, Y), Y - X @ change.T
    )
    argument.equal(
        r"\text{query: } -(W_0 + \Delta W)x:\ ",
        target_layer(weights, Z, -(Z @ W0.T), Y),
        -(Z @ (W0 + change).T),
    )


def _gdpp(argument: Argument, weights: Values) -> None:
    """One layer for the current data X, Y: the x slot contracts while y takes a step at W_0 = 0."""
    v = dict(weights) | {"value_x": sympy.Integer(0)}
    change = (eta / c.n) * (Y.T @ X)
    for where, rows, slot in (("context", X, Y), ("query", Z, c.zero(c.m, targets))):
        argument.equal(
            rf"\text{{{where}, }} x:\ ",
            rows + c.head(weights["value_data"] * X, X, rows),
            rows @ (c.identity(c.d) - gamma * S),
        )
        argument.equal(
            rf"\text{{{where}, }} y:\ ", target_layer(v, rows, slot, Y), slot - rows @ change.T
        )


PROP1 = {"value_x": 1, "value_y": -1, "projection": eta / c.n}
GDPP = {"value_y": -1, "projection": eta / c.n, "value_data": -gamma}

THEOREMS = [
    theorem(
        "vonoswald2022.prop1", "vonoswald2022.prop1",
        r"(x_j, y_j) \mapsto (x_j, y_j - \Delta W x_j),\ (x, -W_0x) \mapsto (x, -(W_0 + "
        r"\Delta W)x),\quad \Delta W = -\eta\nabla L(W_0)",
        _prop1, "printed", "identity", PROP1,
    ),
    theorem(
        "vonoswald2022.ksteps", "vonoswald2022.ksteps",
        r"k \text{ such layers: } (x, -W_0x) \mapsto (x, -W_kx),\ W_{k+1} = W_k - "
        r"\eta\nabla L(W_k)",
        _ksteps, "printed", "induction on k", PROP1,
    ),
    theorem(
        "vonoswald2022.gdpp", "vonoswald2022.gdpp",
        r"W_0 = 0:\ x_j \mapsto (I - \gamma X^\top X)x_j \text{ and } y_j \mapsto y_j - "
        r"\Delta W x_j, \text{ for the data that the layer finds}",
        _gdpp, "printed", "identity", GDPP,
    ),
]  # fmt: skip
