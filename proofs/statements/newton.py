"""Newton's iteration: each layer, k layers and the prediction, for all n, d and k."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.calculus.form import S, X, Z, y
from proofs.theorem import Theorem
from proofs.weights import newton
from proofs.weights.newton import T, alpha

Values = Mapping[str, Any]
PLACES = (("context", X), ("query", Z))


def _initial(argument: Argument, weights: Values, at: Mapping[Any, Any] | None = None) -> None:
    start = (alpha * S).subs(at or {})
    v = weights
    for where, rows in PLACES:
        read = c.head(v["value"] * X, v["key"] * X, v["query"] * rows)
        argument.equal(rf"\text{{{where} tokens: }} ", read, rows @ start)


def _iteration(argument: Argument, weights: Values) -> None:
    required = 2 * T - T @ S @ T.T
    for where, rows in PLACES:
        argument.equal(
            rf"\text{{{where} tokens: }} ",
            newton.iteration_layer(weights, rows),
            rows @ required.T,
        )
    argument.equal(r"\text{the next } T \text{ is symmetric: } ", required, required.T)


def _iterations(argument: Argument, weights: Values, at: Mapping[Any, Any] | None = None) -> None:
    initial, iteration = _part(weights, "initial"), _part(weights, "iteration")
    argument.note(r"\text{the first layer}")
    _initial(argument, initial, at)
    start = (alpha * S).subs(at or {})
    argument.equal(r"M_0 \text{ is symmetric: } ", start, start.T)
    argument.note(
        r"\text{induction: } T \text{ stands for } M_k, \text{ of which only the symmetry is used}"
    )
    _iteration(argument, iteration)


def _readout(argument: Argument, weights: Values) -> None:
    v = weights
    for where, rows in PLACES:
        read = c.head(v["value"] * y, v["key"] * X, v["query"] * (rows @ T))
        argument.equal(rf"\text{{{where} tokens: }} ", read, rows @ T @ X.T @ y)


def _prediction(argument: Argument, weights: Values, at: Mapping[Any, Any] | None = None) -> None:
    _iterations(argument, {k: v for k, v in weights.items() if not k.startswith("readout.")}, at)
    argument.note(r"\text{read-out, } T \text{ standing for } M_k")
    _readout(argument, _part(weights, "readout"))


def _part(weights: Values, name: str) -> dict[str, Any]:
    start = name + "."
    return {k.removeprefix(start): v for k, v in weights.items() if k.startswith(start)}


def _parts(*names: str) -> dict[str, Any]:
    solved = {
        "initial": newton.initial,
        "iteration": newton.iteration,
        "readout": newton.readout,
    }
    return {
        f"{name}.{key}": value for name in names for key, value in solved[name]().weights.items()
    }


def _residual(argument: Argument, order: int = 2) -> None:
    one = c.identity(c.d)
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
    argument.solved(r"\text{two heads do: the ReLU pair, } ", newton.relu_pair())


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
        id="newton.initial",
        claims=("newton",),
        statement=r"t_t = M_0 x_t,\quad M_0 = \alpha S",
        kind="identity",
        argue=_initial,
        weights=lambda: newton.initial().weights,
    ),
    Theorem(
        id="newton.iteration",
        claims=("newton",),
        statement=r"t_t = T x_t \;\mapsto\; (2T - T S T^\top) x_t\quad"
        r"\text{for every symmetric } T",
        kind="identity",
        argue=_iteration,
        weights=lambda: newton.iteration().weights,
    ),
    Theorem(
        id="newton.iterations",
        claims=("newton",),
        statement=r"1 + k \text{ layers: } t_t = M_k x_t,\quad M_0 = \alpha S,\ "
        r"M_{k+1} = 2M_k - M_k S M_k\quad\text{for every } k, n, d",
        kind="induction on k",
        argue=_iterations,
        weights=lambda: _parts("initial", "iteration"),
    ),
    Theorem(
        id="newton.readout",
        claims=("newton",),
        statement=r"p_t = (X^\top y)^\top T x_t",
        kind="identity",
        argue=_readout,
        weights=lambda: newton.readout().weights,
    ),
    Theorem(
        id="newton.prediction",
        claims=("newton",),
        statement=r"k + 2 \text{ layers: } p_t = x_t^\top M_k X^\top y\quad"
        r"\text{for every } k, n, d, \text{ the query kept out of } S",
        kind="induction on k",
        argue=_prediction,
        weights=lambda: _parts("initial", "iteration", "readout"),
    ),
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
        weights=lambda: newton.relu_pair().weights,
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
        weights=lambda: newton.hat().weights,
    ),
]
