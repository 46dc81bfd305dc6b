"""Statements of ahn2023: preconditioned descent by linear self-attention, and its best layer."""

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
A = c.letter("A", c.d, c.d)
B = c.letter("B", c.d, c.d)
w = c.letter("w", c.d, 1)
h = c.letter("h", c.d, 1)
Y = c.letter("Y", c.n, 1)
epsilon = sympy.Symbol("epsilon")


def attended(value: Form, keys: Form, rows: Form, scores: Form) -> Form:
    """(1/n) times what Z M (Z^T Q Z) adds: tokens are rows, so scores are rows Q^T keys^T."""
    return c.head(value, keys, rows @ scores.T) / c.n


def gradient(at: Form, data: Form = X, target: Form = y) -> Form:
    """The gradient of R(w) = 1/(2n) sum (w^T x_i - y_i)^2."""
    return data.T @ (data @ at - target) / c.n


def _is_gradient(argument: Argument) -> None:
    moved = sympy.expand(loss_value("mean", 0, w + epsilon * h))
    slope = (gradient(w).T @ h).scalar()
    argument.equal(r"\nabla R(w)^\top h:\ ", moved.coeff(epsilon, 1), slope)


def _lemma1(argument: Argument, weights: Values) -> None:
    """Induction with y_j - w^T x_j at the examples and -w^T x at the queries; any A_l."""
    _is_gradient(argument)
    after = w - A.T @ gradient(w)
    scores = weights["sign"] * A
    argument.equal(r"w_0 = 0:\ ", y - X @ c.zero(c.d, 1), y)
    held = y - X @ w
    argument.equal(
        r"\text{examples: }", held + weights["P"] * attended(held, X, X, scores), y - X @ after
    )
    argument.equal(
        r"\text{queries: }", -(Z @ w) + weights["P"] * attended(held, X, Z, scores), -(Z @ after)
    )


def _lemma1_negation(argument: Argument, turned: Any) -> None:
    made = -attended(y, X, Z, -1 * A)
    of_layer = turned * A.T + (1 - turned) * A
    stated = -(Z @ (of_layer @ gradient(c.zero(c.d, 1))))
    argument.differ(r"L = 1,\ -[Z_1]:\ ", made, stated)


def _second_order() -> Any:
    """h^T (Hessian of R) h: twice the coefficient of epsilon^2 in R(w + epsilon h)."""
    return 2 * sympy.expand(loss_value("mean", 0, w + epsilon * h)).coeff(epsilon, 2)


def _hessian(argument: Argument, share: Any) -> None:
    stated = share * (h.T @ S @ h).scalar() / c.n
    argument.equal(r"h^\top \nabla^2 R\, h:\ ", _second_order(), stated)


def _hessian_negation(argument: Argument, share: Any) -> None:
    stated = share * (h.T @ S @ h).scalar() / c.n
    argument.differ(r"h^\top \nabla^2 R\, h:\ ", _second_order(), stated)


# -- theorem 1: one layer, Gaussian data ----------------------------------------------------------

tau = sympy.Symbol("tau", positive=True)


def second_moment(Sigma: Form, G: Form, trace: Any) -> Form:
    """E[T G T], T = (1/n) sum x_i x_i^T, G symmetric, `trace` being that of G Sigma.

    n(n - 1) pairs of examples, and n fourth moments.
    """
    pairs = Sigma @ G @ Sigma
    fourth = Sigma @ G @ Sigma + Sigma @ G.T @ Sigma + trace * Sigma
    return ((c.n - 1) * pairs + fourth) / c.n


def _best_layer(argument: Argument, Sigma: Form, prior: Form, trace: Any, A: Form) -> None:
    """E[error * feature] = 0 for one layer with P = diag(0, 1), Q = -diag(A, 0)."""
    argument.assume(
        r"x_i, x_q \sim N(0, \Sigma) \text{ and } w_\star \text{ are independent, } E[x x^\top G"
        r" x x^\top] = \Sigma G \Sigma + \Sigma G^\top \Sigma + \mathrm{tr}(G \Sigma)\, \Sigma "
        r"\text{ (Isserlis)}"
    )
    argument.assume(
        r"\text{every layer predicts a combination of sums over the examples of products of two "
        r"entries of } (x_i, y_i) \text{, times an entry of } x_q \text{; those without a } y_i "
        r"\text{ or with two are even in } w_\star \text{, the error is odd}"
    )
    e, f, t = sympy.symbols("e f t", real=True)
    argument.at_least(
        r"E[\text{error} \cdot \text{feature}] = 0:\ ", e**2 + 2 * t * 0 + t**2 * f**2, e**2
    )
    argument.let("T", r"\tfrac1n \textstyle\sum_i x_i x_i^\top")
    argument.equal(
        r"E[\text{error} \cdot \textstyle\sum_i y_i x_i x_q^\top]/n = (E[T W T] A - E[T] W) \Sigma"
        r" \text{ with } W \text{ the covariance of } w_\star \text{, and } E[T W T] A = E[T] W:\ ",
        second_moment(Sigma, prior, trace) @ A,
        Sigma @ prior,
    )


def _theorem1(argument: Argument, own: Any, regular: Any) -> None:
    """A is the inverse of K = own Sigma + regular tau I; Sigma is written in K."""
    K = c.letter("K", c.d, c.d, symmetric=True)
    Sigma = (K - regular * tau * c.identity(c.d)) / own
    argument.let("A", r"\text{the inverse of } K")
    argument.let(r"\tau", r"\mathrm{tr}(\Sigma)")
    argument.equal("K:\\ ", own * Sigma + regular * tau * c.identity(c.d), K)
    _best_layer(argument, Sigma, c.identity(c.d), tau, c.inverse_letter(K))


def _prior(argument: Argument, rate: Any) -> None:
    Sigma = c.letter("Sigma", c.d, c.d, symmetric=True)
    inverse = c.inverse_letter(Sigma)
    argument.let(r"\mathrm{tr}(W \Sigma)", c.d)
    _best_layer(argument, Sigma, inverse, c.d, rate * inverse)


# -- equation 11 ----------------------------------------------------------------------------------


def _rows(argument: Argument, weights: Values) -> None:
    """One layer on what the tokens hold, X and Y at the examples, Z at the queries."""
    scores = weights["sign"] * A
    moved = (c.identity(c.d) + weights["sign"] * (B @ S @ A) / c.n).T
    for where, rows in (("examples", X), ("queries", Z)):
        argument.equal(
            rf"\text{{{where}, }} x:\ ",
            rows + attended(X @ B.T, X, rows, scores),
            rows @ moved,
        )


def _eq11(argument: Argument, weights: Values) -> None:
    _rows(argument, weights)
    step = A.T @ X.T @ Y / c.n
    scores = weights["sign"] * A
    for where, rows in (("examples", X), ("queries", Z)):
        added = attended(Y, X, rows, scores)
        argument.equal(rf"\text{{{where}, what }} y \text{{ gains: }}", added, rows @ step)


def _eq11_descent(argument: Argument, weights: Values) -> None:
    _is_gradient(argument)
    _rows(argument, weights)
    step = -1 * (A.T @ gradient(c.zero(c.d, 1), X, Y))
    scores = weights["sign"] * A
    for where, rows in (("examples", X), ("queries", Z)):
        added = attended(Y, X, rows, scores)
        argument.equal(rf"\text{{{where}, what }} y \text{{ loses: }}", -added, rows @ step)


RATE = c.n / (c.n + c.d + 1)
RISK = r"R(w) = \tfrac{1}{2n}\textstyle\sum_i (w^\top x_i - y_i)^2"

THEOREMS = [
    theorem(
        "ahn2023.lemma1", "ahn2023.lemma1",
        r"L \text{ layers with any } A_0, \dots, A_{L-1}: -[Z_L]_{d+1,n+1} = \langle x, w_L\rangle,"
        r"\ w_{\ell+1} = w_\ell - A_\ell^\top \nabla R(w_\ell),\ w_0 = 0,\quad " + RISK,
        _lemma1, "repaired", "induction on k", {"P": 1, "sign": -1},
    ),
    theorem(
        "ahn2023.lemma1.negation", "ahn2023.lemma1",
        r"L = 1: -[Z_1]_{d+1,n+1} \neq \langle x, -A_0 \nabla R(0)\rangle \text{ for some } A_0",
        _lemma1_negation, "printed", "negation", inputs={"turned": 0},
    ),
    theorem(
        "ahn2023.hessian", "ahn2023.hessian",
        r"\nabla^2 R = \tfrac1n X X^\top", _hessian, "repaired", inputs={"share": 1},
    ),
    theorem(
        "ahn2023.hessian.negation", "ahn2023.hessian",
        r"\nabla^2 R \neq \tfrac{1}{2n} X X^\top", _hessian_negation, "printed", "negation",
        inputs={"share": sympy.Rational(1, 2)},
    ),
    theorem(
        "ahn2023.theorem1", "ahn2023.theorem1",
        r"w_\star \sim N(0, I): \text{ no layer has a lower expected loss than } A = "
        r"(\tfrac{n+1}{n}\Sigma + \tfrac1n \mathrm{tr}(\Sigma) I)^{-1} \text{, for every } n, d, "
        r"\Sigma \succ 0",
        _theorem1, "printed", "analysis", inputs={"own": (c.n + 1) / c.n, "regular": 1 / c.n},
    ),
    theorem(
        "ahn2023.theorem1.prior", "ahn2023.theorem1.prior",
        r"w_\star \sim N(0, \Sigma^{-1}): \text{ no layer has a lower expected loss than } A = "
        r"\tfrac{n}{n+d+1}\Sigma^{-1} \text{, for every } n, d, \Sigma \succ 0",
        _prior, "repaired", "analysis", inputs={"rate": RATE},
    ),
    theorem(
        "ahn2023.eq11", "ahn2023.eq11",
        r"x \mapsto x + \tfrac1n B X^\top X A x,\ y \mapsto y + \tfrac1n Y^\top X A x "
        r"\text{, for the data } X, Y \text{ that the layer finds}",
        _eq11, "printed", weights={"sign": 1},
    ),
    theorem(
        "ahn2023.eq11.descent", "ahn2023.eq11.descent",
        r"Q = -\mathrm{diag}(A, 0): x \mapsto x - \tfrac1n B X^\top X A x \text{ and } y \text{ "
        r"loses } x^\top s,\ s = -A^\top \nabla R(0) \text{, for the data that the layer finds}",
        _eq11_descent, "repaired", weights={"sign": -1},
    ),
]  # fmt: skip
