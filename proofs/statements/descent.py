"""Gradient descent: the loss, its gradient, and the closed form of k steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.calculus.form import Form, X, y
from proofs.calculus.scope import FORMS
from proofs.formula import evaluate
from proofs.template import Also
from proofs.theorem import Theorem

eta, lam = sympy.symbols("eta lam")
w = c.letter("w", c.d, 1)


def loss_value(loss: str, ridge: Any, weights: Form, data: Form = X, target: Form = y) -> Any:
    """L(weights) as a scalar: Σ(wᵀx − y)² + λ‖w‖² ("sum") or (1/2n) Σ(wᵀx − y)² + (λ/2)‖w‖²."""
    error = data @ weights - target
    squares, norm = (error.T @ error).scalar(), (weights.T @ weights).scalar()
    if loss == "sum":
        return squares + ridge * norm
    return squares / (2 * c.n) + ridge * norm / 2


def is_gradient(gradient: str, loss: str, ridge: bool) -> Also:
    """Argues that the formula `gradient` in w is ∇L: the derivative of L along h is ∇Lᵀh."""

    def argue(argument: Argument, weights: Mapping[str, Any], at: Mapping[Any, Any]) -> None:
        h, epsilon = c.letter("h", c.d, 1), sympy.Symbol("epsilon")
        moved = sympy.expand(loss_value(loss, lam if ridge else 0, w + epsilon * h))
        value = evaluate(gradient, {"X": X, "y": y, "w": w, "n": c.n, "lam": lam}, FORMS)
        argument.equal(
            r"\left.\tfrac{d}{d\epsilon} L(w + \epsilon h)\right|_0:\ ",
            moved.coeff(epsilon, 1),
            (value.T @ h).scalar(),
        )

    return argue


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


THEOREMS = [
    Theorem(
        id="gradient_descent.closed_form",
        claims=("gradient_descent",),
        statement=r"w_0 = 0 \Rightarrow w_k = p_k(S) X^\top y,\quad "
        r"(\lambda + s)\,p_k(s) = 1 - (1 - 2\eta(\lambda + s))^k",
        kind="induction on k",
        argue=_closed_form,
        inputs={"rate": 2, "exponent_shift": 0},
    ),
]
