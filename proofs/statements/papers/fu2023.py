"""Statements of fu2023, as printed and repaired, where they hold or fail for all n and d.

A pair of ReLU heads with query·key of opposite signs and values v₊, v₋ acts on a score u as
v₊·relu(u) + v₋·relu(−u): slope v₊ for u > 0 and −v₋ for u < 0. It is a linear head exactly
if the slopes agree; the printed pairs, with equal values, give v|u|.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.calculus.form import Form, S, X, Z, y
from proofs.theorem import theorem

Values = Mapping[str, Any]
PLACES = (("context", X), ("query", Z))
u, alpha = sympy.Symbol("u", positive=True), sympy.Symbol("alpha")
T = c.letter("T", c.d, c.d, symmetric=True)


def relu_pair(v: Values, score: Any) -> Any:
    """value_plus·relu(plus·score) + value_minus·relu(minus·score)."""
    return v["value_plus"] * sympy.Max(0, v["plus"] * score) + v["value_minus"] * sympy.Max(
        0, v["minus"] * score
    )


def slope(argument: Argument, v: Values) -> Any:
    """The common slope of the pair, after showing that both sides of 0 have the same."""
    right, left = relu_pair(v, u) / u, relu_pair(v, -u) / -u
    argument.equal(r"\text{the pair's slope for } u > 0 \text{ and } u < 0:\ ", right, left)
    return right


def _pair(values: tuple[Any, Any]) -> dict[str, Any]:
    plus, minus = values
    return {"plus": 1, "minus": -1, "value_plus": plus, "value_minus": minus}


def _eq21(argument: Argument, weights: Values) -> None:
    for score in (u, -u):
        argument.equal(
            rf"\text{{score }} {sympy.latex(score)}:\ ", relu_pair(weights, score), score
        )


def _eq21_negation(argument: Argument, weights: Values) -> None:
    argument.equal(r"\text{at } u > 0:\ ", relu_pair(weights, u), u)
    argument.equal(r"\text{at } -u < 0:\ ", relu_pair(weights, -u), u)
    argument.greater(r"|-u| \text{ against } -u:\ ", relu_pair(weights, -u), -u)


def _eq24(argument: Argument, weights: Values) -> None:
    value = slope(argument, weights)
    for where, rows in PLACES:
        token = rows + c.head(value * X, X, rows) / c.n
        got = token + weights["subtract"] * rows
        argument.equal(rf"\text{{{where} tokens: }} ", got, rows @ (alpha * S))


def _eq24_negation(argument: Argument, weights: Values) -> None:
    argument.let("x_1", "e_1")
    argument.let("x_2", "-e_1")
    argument.note(r"\text{all other examples are zero; token 1, row 1}")
    examples = [sympy.Integer(1), sympy.Integer(-1)]
    weights = {k: sympy.sympify(v) for k, v in weights.items()}
    read = sympy.Add(*(relu_pair(weights, x) / c.n * x for x in examples))
    got = examples[0] + read + weights["subtract"] * examples[0]
    wanted = alpha * sum(x * x for x in examples) * examples[0]
    argument.differ(r"\text{printed against } \alpha S x_1:\ ", got, wanted)
    argument.no_other_root(r"\text{their difference: } ", got - wanted, alpha)


def newton_token(v: Values, pair: Any, rows: Form) -> Form:
    """The upper half [Tx; ·] after attention: query G h = g·x, key and value J h = T x."""
    read = c.head(pair * (X @ T), X @ T, v["query"] * rows)
    return rows @ T + read / c.n


def _eq30(argument: Argument, weights: Values) -> None:
    pair = slope(argument, weights)
    required = 2 * T - T @ S @ T.T
    for where, rows in PLACES:
        got = (1 + weights["mlp"]) * newton_token(weights, pair, rows)
        argument.equal(rf"\text{{{where} tokens: }} ", got, rows @ required.T)


def _remark_b6(argument: Argument, weights: Values) -> None:
    """Token t with x_1, …, x_t as context: n plays the part of t."""
    pair = slope(argument, weights)
    required = T - T @ (S / c.n) @ T.T / 2
    got = (1 + weights["mlp"]) * newton_token(weights, pair, Z)
    argument.equal(r"\hat\Sigma = S_t/t:\ ", got, Z @ required.T)


def _newton_negation(argument: Argument, weights: Values, doubled: bool) -> None:
    argument.let("x_1", "e_1")
    argument.let("T", r"\tau e_1 e_1^\top")
    argument.note(r"\tau \text{ is positive, all other examples are zero; token 1, row 1}")
    tau = sympy.Symbol("tau", positive=True)
    size = sympy.Symbol("n", integer=True, positive=True) if doubled else sympy.Integer(1)
    query = sympy.sympify(weights["query"]).subs(c.n, size)
    read = relu_pair(weights, query * tau) * tau / size
    got = (1 + sympy.sympify(weights["mlp"])) * (tau + read)
    wanted = 2 * tau - tau**2 if doubled else tau - tau**2 / 2
    argument.differ(r"\text{printed against required: }", got, wanted)


def _lemma_b3(argument: Argument, weights: Values) -> None:
    one_n, one_m = c.letter("1_n", c.n, 1), c.letter("1_m", c.m, 1)
    hidden = c.letter("H", c.n, c.d)
    v = {k: sympy.sympify(e) for k, e in weights.items()}
    argument.assume(r"\text{every token carries the number } 1")
    one = sympy.Integer(1)
    argument.equal(r"\text{every score } \langle 1, 1 \rangle:\ ", one * one, 1)
    score = relu_pair(v, one)
    got = one_m @ one_n.T @ (score * hidden) / c.n
    argument.equal(
        r"\text{every token gets } \textstyle\sum_j h_j:\ ", got, one_m @ (one_n.T @ hidden)
    )


def _readout(argument: Argument, value: Any = 1) -> None:
    test = c.letter("x_*", c.d, 1)
    argument.equal(r"\textstyle\sum_j y_j\, T x_j = ", value * ((X @ T).T @ y), T @ X.T @ y)
    argument.equal(
        r"\langle \hat w, x_* \rangle = ",
        (value * ((X @ T).T @ y).T @ test).scalar(),
        (test.T @ T @ X.T @ y).scalar(),
    )


EQ24 = {"subtract": -1}
EQ30 = {"query": -c.n / 2, "mlp": 1}
B6 = {"query": -sympy.Rational(1, 2), "mlp": 0}

THEOREMS = [
    theorem(
        "fu2023.eq21.negation", "fu2023.eq21",
        r"\mathrm{relu}(u) + \mathrm{relu}(-u) = |u| \neq u\quad\text{for every } u < 0",
        _eq21_negation, "printed", "negation", _pair((1, 1)),
    ),
    theorem(
        "fu2023.eq21.repaired", "fu2023.eq21",
        r"V_2 = -V_1:\ \mathrm{relu}(u) - \mathrm{relu}(-u) = u",
        _eq21, "repaired", "identity", _pair((1, -1)),
    ),
    theorem(
        "fu2023.eq24.negation", "fu2023.eq24",
        r"V_1 = V_2:\ \text{not } \alpha S x_t \text{ at some prompt, for every } n \geq 2, d "
        r"\text{ and } \alpha \neq 0",
        _eq24_negation, "printed", "negation", {**EQ24, **_pair((c.n * alpha, c.n * alpha))},
    ),
    theorem(
        "fu2023.eq24.repaired", "fu2023.eq24",
        r"V_2 = -V_1:\ [x_t; x_t] \mapsto [\alpha S x_t; x_t]",
        _eq24, "repaired", "identity", {**EQ24, **_pair((c.n * alpha, -c.n * alpha))},
    ),
    theorem(
        "fu2023.eq30.negation", "fu2023.eq30",
        r"V_1 = V_2 = J:\ \text{not } (2T - TST^\top)x_t \text{ at some prompt, for every } n, d",
        _newton_negation, "printed", "negation", {**EQ30, **_pair((1, 1))}, {"doubled": True},
    ),
    theorem(
        "fu2023.eq30.repaired", "fu2023.eq30",
        r"V_2 = -V_1:\ [Tx_t; x_t] \mapsto [(2T - TST^\top)x_t; x_t]",
        _eq30, "repaired", "identity", {**EQ30, **_pair((1, -1))},
    ),
    theorem(
        "fu2023.remarkB6.negation", "fu2023.remarkB6",
        r"V_1 = V_2 = J:\ \text{not } (T - \tfrac12 T\hat\Sigma T^\top)x_t \text{ at token 1}",
        _newton_negation, "printed", "negation", {**B6, **_pair((1, 1))}, {"doubled": False},
    ),
    theorem(
        "fu2023.remarkB6.repaired", "fu2023.remarkB6",
        r"V_2 = -V_1:\ [Tx_t; x_t] \mapsto [(T - \tfrac12 T\hat\Sigma T^\top)x_t; x_t], \text{ one "
        r"layer, the same } T \text{ at every token}",
        _remark_b6, "repaired", "identity", {**B6, **_pair((1, -1))},
    ),
    theorem(
        "fu2023.lemmaB3", "fu2023.lemmaB3",
        r"h'_t = \textstyle\sum_j h_j, \text{ over the } n \text{ tokens that the layer averages}",
        _lemma_b3, "printed", "identity", _pair((c.n, c.n)),
    ),
    theorem(
        "fu2023.eq34", "fu2023.eq34",
        r"\textstyle\sum_j y_j\,T x_j = T X^\top y,\quad \langle \hat w, x_* \rangle = "
        r"x_*^\top T X^\top y",
        _readout, "printed", inputs={"value": 1},
    ),
]  # fmt: skip
