"""Statements of dherin2025: what a context does to a block, as an update of weights.

The contextual layer is any function: v stands for A(C, x) and u for A(C without Y, x), any vectors.
"""

from __future__ import annotations

from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.calculus.form import Form
from proofs.theorem import theorem

k = sympy.Symbol("k", integer=True, positive=True)
W = c.letter("W", k, c.d)
D = c.letter("D", k, c.d)
b = c.letter("b", k, 1)
u = c.letter("u", c.d, 1)
v = c.letter("v", c.d, 1)
epsilon = sympy.Symbol("epsilon")


def square(vector: Form) -> Any:
    """The squared norm."""
    return (vector.T @ vector).scalar()


def update(by: Form, at: Form) -> Form:
    """(W by) at^T / |at|^2."""
    return (W @ by) @ at.T / square(at)


def _nonzero(argument: Argument) -> None:
    argument.let("u", r"A(C \setminus Y, x)")
    argument.let("v", r"A(C, x)")
    argument.assume(r"u \neq 0")


def _theorem22(argument: Argument, sign: Any) -> None:
    _nonzero(argument)
    change = sign * update(v - u, u)
    argument.equal(r"(W + \Delta W) u + b:\ ", (W + change) @ u + b, W @ v + b)
    column, row = W @ (v - u), u.T / square(u)
    argument.equal(r"\Delta W \text{ is a column by a row: }", update(v - u, u), column @ row)


def _existence(argument: Argument, size: Any) -> None:
    """u = 0: no D moves what the network reads."""
    none = c.zero(c.d, 1)
    argument.equal(r"u = 0 \text{, any } D:\ (W + D) u + b = ", (W + D) @ none + b, b)
    argument.differ(r"W v + b:\ ", size * W @ v + b, b)


def _theoremB2(argument: Argument, moved: Any) -> None:
    """x + A + W' g(W A + b) + b': g reads the same, and b' + (v - u) makes up for A outside it."""
    _nonzero(argument)
    x, last = c.letter("x", c.d, 1), c.letter("e", c.d, 1)
    argument.equal(r"\text{what } g \text{ reads: }", (W + update(v - u, u)) @ u + b, W @ v + b)
    argument.equal(
        r"\text{beside it, with } b' = e \text{ moved: }",
        x + u + last + moved * (v - u),
        x + v + last,
    )


def _stream(argument: Argument, part: Any) -> None:
    """The network reads x + A: the update is made of A alone, or of x + A."""
    _nonzero(argument)
    x = c.letter("x", c.d, 1)
    argument.equal(
        r"\text{by } x + u:\ ", (W + update(v - u, part * x + u)) @ (x + u) + b, W @ (x + v) + b
    )


def _stream_negation(argument: Argument, part: Any) -> None:
    x = c.letter("x", c.d, 1)
    made = (W + update(v - u, part * x + u)) @ (x + u) + b
    argument.differ(r"\text{by } u:\ ", made, W @ (x + v) + b)


def _gradient(argument: Argument, loss: Any, left: Form, right: Form) -> None:
    """The gradient of the loss at W is left right^T: its derivative along D is left^T D right."""
    derivative = sympy.expand(loss(W + epsilon * D).scalar()).coeff(epsilon, 1)
    argument.equal(
        r"\text{the derivative along } D \text{, the trace of } (p q^\top)^\top D = p^\top D q:\ ",
        derivative,
        (left.T @ D @ right).scalar(),
    )


W0 = c.letter("W_0", k, c.d)
before, here, after = (c.letter(name, c.d, 1) for name in ("r", "s", "t"))


def weights(outputs: Form) -> Form:
    """W_i = W_0 + Delta W_0(c_1, ..., c_i), of A(c_1, ..., c_i, x)."""
    return W0 + (W0 @ (outputs - u)) @ u.T / square(u)


def _tokens(argument: Argument) -> None:
    argument.let("u", r"A(x)")
    argument.let("s", r"A(c_1, \dots, c_i, x)")
    argument.let("t", r"A(c_1, \dots, c_{i+1}, x)")
    argument.assume(r"u \neq 0")


def _prop31(argument: Argument, size: Any) -> None:
    _tokens(argument)
    left = W0 @ (here - after)
    _gradient(argument, lambda at: left.T @ at @ u, left, u)
    step = size / square(u) * (left @ u.T)
    argument.equal(r"W_i - h \nabla L_i(W_i) = W_{i+1}:\ ", weights(here) - step, weights(after))
    argument.equal(r"W_{i+1} u:\ ", weights(after) @ u, W0 @ after)


def _prop31_indices(argument: Argument, late: Any) -> None:
    _tokens(argument)
    argument.let("r", r"A(c_1, \dots, c_{i-1}, x)")
    moved = late * (here - after) + (1 - late) * (before - here)
    step = (W0 @ moved) @ u.T / square(u)
    argument.differ(r"W_{i-1} - h \Delta_i:\ ", weights(before) - step, weights(here))


def _squared(argument: Argument, size: Any) -> None:
    """The same updates, of 1/2 |W u - W_0 t|^2."""
    _tokens(argument)
    target = W0 @ after
    half = sympy.Rational(1, 2)
    _gradient(
        argument, lambda at: half * ((at @ u - target).T @ (at @ u - target)), W @ u - target, u
    )
    step = size / square(u) * ((weights(here) @ u - target) @ u.T)
    argument.equal(r"W_i - h \nabla L_i(W_i) = W_{i+1}:\ ", weights(here) - step, weights(after))
    argument.equal(r"\text{its loss is } 0 \text{ there: }", weights(after) @ u, target)


def _onequery_negation(argument: Argument, apart: Any) -> None:
    """u, v at the query that the update is made for, s, t at another one."""
    _nonzero(argument)
    without, within = u + apart * (here - u), v + apart * (after - v)
    argument.differ(r"\text{at another query: }", (W + update(v - u, u)) @ without, W @ within)


def _onequery(argument: Argument, size: Any) -> None:
    """Linear attention over the context: A(C, x) = M x, A(C without Y, x) = N x."""
    M, N = c.letter("M", c.d, c.d), c.letter("N", c.d, c.d)
    x = c.letter("x", c.d, 1)
    argument.assume(r"N \text{ is invertible}")
    argument.equal(
        r"\Delta W = W (M - N) N^{-1}:\ ",
        (W + size * W @ (M - N) @ c.inverse_letter(N)) @ (N @ x),
        W @ (M @ x),
    )


FORMULA = (
    r"\Delta W = \frac{(W \Delta A)\, A(C \setminus Y, x)^\top}{\|A(C \setminus Y, x)\|^2},\ "
    r"\Delta A = A(C, x) - A(C \setminus Y, x)"
)

THEOREMS = [
    theorem(
        "dherin2025.theorem2.2", "dherin2025.theorem2.2",
        r"A(C \setminus Y, x) \neq 0: f(W A(C, x) + b) = f((W + \Delta W) A(C \setminus Y, x) + b)"
        r" \text{ for any layer } A \text{ and network } f,\quad " + FORMULA,
        _theorem22, "repaired", inputs={"sign": 1},
    ),
    theorem(
        "dherin2025.theorem2.2.existence.negation", "dherin2025.theorem2.2.existence",
        r"A(C \setminus Y, x) = 0: W A(C, x) + b \neq (W + D) A(C \setminus Y, x) + b \text{ for "
        r"every } D \text{, where } W A(C, x) \neq 0",
        _existence, "printed", "negation", inputs={"size": 1},
    ),
    theorem(
        "dherin2025.theoremB.2", "dherin2025.theoremB.2",
        r"A(C \setminus Y, x) \neq 0: x + A + W' g(W A + b) + b' \text{ is the same without } Y "
        r"\text{ and with } W + \Delta W,\ b' + \Delta A",
        _theoremB2, "repaired", inputs={"moved": 1},
    ),
    theorem(
        "dherin2025.theoremB.2.stream", "dherin2025.theoremB.2.stream",
        r"\text{where the network reads } x + A(C, x): x + A(C \setminus Y, x) \text{ in place of "
        r"} A(C \setminus Y, x) \text{ in } \Delta W",
        _stream, "repaired", inputs={"part": 1},
    ),
    theorem(
        "dherin2025.theoremB.2.stream.negation", "dherin2025.theoremB.2.stream",
        r"\text{where the network reads } x + A(C, x) \text{, } W + \Delta W \text{ is wrong for "
        r"some } A",
        _stream_negation, "printed", "negation", inputs={"part": 0},
    ),
    theorem(
        "dherin2025.prop3.1", "dherin2025.prop3.1",
        r"A(x) \neq 0: W_{i+1} = W_i - \nabla L_i(W_i)/\|A(x)\|^2,\ L_i(W) = \mathrm{tr}(\Delta_i"
        r"^\top W),\ \Delta_i = W_0 (A(c_1, \dots, c_i, x) - A(c_1, \dots, c_{i+1}, x)) A(x)^\top",
        _prop31, "repaired", inputs={"size": 1},
    ),
    theorem(
        "dherin2025.prop3.1.indices.negation", "dherin2025.prop3.1.indices",
        r"W_i \neq W_{i-1} - \nabla L_i(W_{i-1})/\|A(x)\|^2 \text{ for some } A",
        _prop31_indices, "printed", "negation", inputs={"late": 1},
    ),
    theorem(
        "dherin2025.prop3.1.squared", "dherin2025.prop3.1.squared",
        r"A(x) \neq 0: \text{ the same } W_i \text{ by steps of } \tfrac12 \|W A(x) - W_0 A(c_1, "
        r"\dots, c_{i+1}, x)\|^2 \text{, each of which makes it } 0",
        _squared, "improved", inputs={"size": 1},
    ),
    theorem(
        "dherin2025.onequery.negation", "dherin2025.onequery",
        r"\Delta W \text{ of a query is wrong at another one for some } A",
        _onequery_negation, "printed", "negation", inputs={"apart": 1},
    ),
    theorem(
        "dherin2025.onequery", "dherin2025.onequery",
        r"A(C, x) = M x,\ A(C \setminus Y, x) = N x: \Delta W = W (M - N) N^{-1} \text{ serves "
        r"every } x",
        _onequery, "repaired", inputs={"size": 1},
    ),
]  # fmt: skip
