r"""One linear-attention head and a linear MLP make one step of gradient descent.

    w' = w − η ∇L(w),   L = Σ(wᵀx − y)² + λ‖w‖²   or   (1/2n) Σ(wᵀx − y)² + (λ/2)‖w‖²

Tokens carry x, y (0 at query tokens) and fit = wᵀx, never w itself; with ridge also
old = wᵀx, the fit before this layer. One layer is

    fit ← fit + Σ_j (value_y·y_j + value_fit·fit_j) ⟨key·x_j, query·x⟩     (mean: Σ_j / n)
    fit ← fit + keep·fit + decay·old,   old ← old + copy·fit + forget·old

and must take fit = old = wᵀx to fit = old = w'ᵀx at every token. With `old` the weights
hold for every η and λ; without it a layer shrinks fit and the attention's result alike,
and 2ηλ = 1 is out of reach (`equations_without_old`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import sympy

from proofs.calculus import form as c
from proofs.calculus.form import Form, S, X, Z, y
from proofs.solve import Gauge, Solution, equations, solve, unknown

Loss = Literal["sum", "mean"]
eta, lam = sympy.symbols("eta lam")
w = c.letter("w", c.d, 1)

HEAD = unknown("query", "key", "value_y", "value_fit")
MLP = unknown("keep", "decay", "copy", "forget")
_SCALING = "a key scaled up and the value scaled down"


def gradient(loss: Loss, ridge: Any, weights: Form = w) -> Form:
    """∇L at `weights` (d, 1); `ridge` is λ."""
    data = S @ weights - X.T @ y
    if loss == "sum":
        return 2 * data + 2 * ridge * weights
    return data / c.n + ridge * weights


def layer(
    values: Mapping[str, Any], loss: Loss, rows: Form, fit: Form, old: Form
) -> tuple[Form, Form]:
    """What one layer leaves in fit and old, at tokens whose x is `rows`.

    `fit` and `old` (d, 1) are the weights behind the slots: fit_t = x_tᵀ·fit.
    """
    context_value = values["value_y"] * y + values["value_fit"] * (X @ fit)
    read = c.head(context_value, values["key"] * X, values["query"] * rows)
    scale = 1 / c.n if loss == "mean" else sympy.Integer(1)
    after = rows @ fit + scale * read
    before = rows @ old
    kept, decay = values.get("keep", 0), values.get("decay", 0)
    copied, forget = values.get("copy", 0), values.get("forget", 0)
    return (
        (1 + kept) * after + decay * before,
        copied * after + (1 + forget) * before,
    )


def conditions(loss: Loss, ridge: bool, values: Mapping[str, Any] | None = None) -> tuple:
    """The equations between the coefficients, at context and query tokens."""
    unknowns = HEAD + MLP if ridge else HEAD
    values = values or {u.name: u for u in unknowns}
    target = w - eta * gradient(loss, lam if ridge else 0)
    pairs = []
    for rows in (X, Z):
        fit, old = layer(values, loss, rows, w, w)
        pairs.append((fit, rows @ target))
        if ridge:
            pairs.append((old, rows @ target))
    return equations(*pairs)


def step_statement(loss: Loss, ridge: bool) -> str:
    """What one layer does, as LaTeX."""
    if loss == "sum":
        text = r"\sum_j (w^\top x_j - y_j)^2" + (r" + \lambda\|w\|^2" if ridge else "")
    else:
        text = r"\frac{1}{2n}\sum_j (w^\top x_j - y_j)^2"
        text += r" + \frac{\lambda}{2}\|w\|^2" if ridge else ""
    return (
        r"\mathrm{fit}_t = w^\top x_t \;\mapsto\; "
        rf"(w - \eta\nabla L(w))^\top x_t,\quad L(w) = {text}"
    )


@cache
def step(loss: Loss = "sum", ridge: bool = False) -> Solution:
    """One step of size `eta` (and ridge `lam`) on the loss summed or averaged.

    Weights query, key, value_y, value_fit; with ridge keep, decay, copy, forget. Source:
    akyurek2022 eq. 11 summed over the prompt (sum), vonoswald2022 prop. 1 (mean).
    """
    if loss not in ("sum", "mean"):
        raise ValueError(f"loss is 'sum' or 'mean', not {loss!r}")
    query, key = HEAD[:2]
    gauge = [
        Gauge(query, sympy.Integer(1), "a query scaled up and the value scaled down"),
        Gauge(key, sympy.Integer(1), _SCALING),
    ]
    if ridge:
        gauge.append(
            Gauge(MLP[0], sympy.Integer(0), "the MLP may scale what attention wrote", False)
        )
    statement = step_statement(loss, ridge)
    target = w - eta * gradient(loss, lam if ridge else 0)
    unknowns = HEAD + MLP if ridge else HEAD
    got, _ = layer({u.name: u for u in unknowns}, loss, X, w, w)
    steps = [
        rf"\text{{required: }} X\left({target.latex()}\right)",
        rf"\text{{the layer: }} {got.latex()}",
    ]
    found = conditions(loss, ridge)
    return solve(f"gradient_descent.{loss}", statement, unknowns, found, gauge, steps)


def equations_without_old(loss: Loss = "sum") -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The equations, and their unknowns, of a layer that makes the ridge step without `old`.

    Its MLP is fit ← fit + keep·fit.
    """
    target = w - eta * gradient(loss, lam)
    unknowns = (*HEAD, MLP[0])
    values = {u.name: u for u in unknowns}
    pairs = []
    for rows in (X, Z):
        fit, _ = layer(values, loss, rows, w, w)
        pairs.append((fit, rows @ target))
    return equations(*pairs), unknowns
