"""Gradient descent: one layer is one step, k layers are k steps, for all n, d and k."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.calculus.form import Form, X, Z, y
from proofs.theorem import Theorem
from proofs.weights import gradient_descent as gd
from proofs.weights.gradient_descent import eta, lam, w

Values = Mapping[str, Any]


def loss_value(loss: gd.Loss, ridge: Any, weights: Form, data: Form = X, target: Form = y) -> Any:
    """L(weights) as a scalar."""
    error = data @ weights - target
    squares, norm = (error.T @ error).scalar(), (weights.T @ weights).scalar()
    if loss == "sum":
        return squares + ridge * norm
    return squares / (2 * c.n) + ridge * norm / 2


def show_gradient(argument: Argument, loss: gd.Loss, ridge: Any) -> None:
    """The directional derivative of L along h is ∇Lᵀh, so that `gd.gradient` is ∇L."""
    h, epsilon = c.letter("h", c.d, 1), sympy.Symbol("epsilon")
    moved = sympy.expand(loss_value(loss, ridge, w + epsilon * h))
    argument.equal(
        r"\left.\tfrac{d}{d\epsilon} L(w + \epsilon h)\right|_0:\ ",
        moved.coeff(epsilon, 1),
        (gd.gradient(loss, ridge).T @ h).scalar(),
    )


def _step(
    argument: Argument,
    weights: Values,
    loss: gd.Loss,
    ridge: bool,
    at: Mapping[Any, Any] | None = None,
) -> None:
    show_gradient(argument, loss, lam if ridge else 0)
    target = (w - eta * gd.gradient(loss, lam if ridge else 0)).subs(at or {})
    for where, rows in (("context", X), ("query", Z)):
        fit, old = gd.layer(weights, loss, rows, w, w)
        argument.equal(rf"\text{{fit, {where} tokens: }}", fit, rows @ target)
        if ridge:
            argument.equal(rf"\text{{old, {where} tokens: }}", old, rows @ target)


def _steps(
    argument: Argument,
    weights: Values,
    loss: gd.Loss,
    ridge: bool,
    at: Mapping[Any, Any] | None = None,
) -> None:
    argument.assume(r"\mathrm{fit} = \mathrm{old} = w_0^\top x \text{ in the embedding}")
    argument.note(r"\text{induction on the layers: the letter } w \text{ stands for } w_k")
    _step(argument, weights, loss, ridge, at)
    # The step composed with itself is the step of the composed algorithm.
    values = {eta: (at or {}).get(eta, eta), lam: (at or {}).get(lam, lam)}
    once = (w - eta * gd.gradient(loss, lam if ridge else 0)).subs(values)
    twice = (once - eta * gd.gradient(loss, lam if ridge else 0, once)).subs(values)
    fit, _ = gd.layer(weights, loss, Z, once, once)
    argument.equal(r"\text{second layer: }", fit, Z @ twice)


def _closed_form(argument: Argument, rate: int = 2, exponent_shift: int = 0) -> None:
    """(λ + s) p_k = 1 − (1 − 2η(λ + s))ᵏ for w_k = p_k(S) Xᵀy from w_0 = 0, by induction."""
    s, k = sympy.Symbol("s"), sympy.Symbol("k", integer=True, nonnegative=True)
    r = 1 - rate * eta * (lam + s)

    def form(index: Any) -> Any:
        return (1 - r ** (index + exponent_shift)) / (lam + s)

    argument.equal(r"k = 0:\ p_0 = ", form(sympy.Integer(0)), 0)
    power = sympy.Symbol("r_k")  # r**k, any value
    now = form(k).subs(r**k, power)
    after = sympy.expand_power_exp(form(k + 1)).subs(r**k, power)
    argument.equal(
        r"p_{k+1} = p_k - 2\eta((\lambda + s)p_k - 1):\ ",
        now - 2 * eta * ((lam + s) * now - 1),
        after,
    )


def _without_old(argument: Argument, share: Any = 1) -> None:
    """No solution where one step forgets w: 1 − 2ηλ = 0 (mean: 1 − ηλ = 0)."""
    losses: tuple[tuple[gd.Loss, Any], ...] = (("sum", 1 / (2 * lam)), ("mean", 1 / lam))
    for loss, critical in losses:
        found, unknowns = gd.equations_without_old(loss)
        at_critical = [sympy.numer(sympy.together(e.subs(eta, share * critical))) for e in found]
        argument.unsolvable(
            rf"\text{{loss {loss}, }} \eta = {sympy.latex(share * critical)}:\ ",
            at_critical,
            unknowns,
        )
        argument.solvable(rf"\text{{loss {loss}, }} \eta \text{{ elsewhere: }} ", found, unknowns)


def _make() -> list[Theorem]:
    made = []
    for loss in ("sum", "mean"):
        for ridge in (False, True):
            kind: gd.Loss = "sum" if loss == "sum" else "mean"
            suffix = f"{loss}_ridge" if ridge else loss

            def weights(kind: gd.Loss = kind, ridge: bool = ridge) -> Values:
                return gd.step(kind, ridge).weights

            made.append(
                Theorem(
                    id=f"gradient_descent.step.{suffix}",
                    claims=("gradient_descent",),
                    statement=gd.step_statement(kind, ridge),
                    kind="identity",
                    argue=_step,
                    weights=weights,
                    inputs={"loss": kind, "ridge": ridge},
                )
            )
            made.append(
                Theorem(
                    id=f"gradient_descent.steps.{suffix}",
                    claims=("gradient_descent",),
                    statement=r"\text{k layers: } \mathrm{fit}_t = w_k^\top x_t,\quad "
                    r"w_{k+1} = w_k - \eta \nabla L(w_k)\quad\text{for every } k, n, d, w_0",
                    kind="induction on k",
                    argue=_steps,
                    weights=weights,
                    inputs={"loss": kind, "ridge": ridge},
                )
            )
    return made


THEOREMS = [
    *_make(),
    Theorem(
        id="gradient_descent.closed_form",
        claims=("gradient_descent",),
        statement=r"w_0 = 0 \Rightarrow w_k = p_k(S) X^\top y,\quad "
        r"(\lambda + s)\,p_k(s) = 1 - (1 - 2\eta(\lambda + s))^k",
        kind="induction on k",
        argue=_closed_form,
        inputs={"rate": 2, "exponent_shift": 0},
    ),
    Theorem(
        id="gradient_descent.needs_old",
        claims=("gradient_descent",),
        statement=r"\text{without a slot for the previous fit, one head and a linear MLP "
        r"cannot make the ridge step at } 2\eta\lambda = 1",
        kind="impossibility",
        argue=_without_old,
        inputs={"share": 1},
    ),
]
