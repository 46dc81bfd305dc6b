"""Statements of bai2023 (arXiv:2306.04637), for every d and N."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.calculus.form import S, X, y
from proofs.statements.descent import loss_value
from proofs.theorem import Theorem, theorem

HALF, EIGHTH = sympy.Rational(1, 2), sympy.Rational(1, 8)
u, g, tau, B = (sympy.Symbol(name, positive=True) for name in ("u", "g", "tau", "B"))
eta, epsilon, size = (sympy.Symbol(name, positive=True) for name in ("eta", "epsilon", "B_x"))
w = c.letter("w", c.d, 1)


def relu(value: Any) -> Any:
    return sympy.Max(0, value)


# -- proposition C.1 ------------------------------------------------------------------------------


def _doubles(argument: Argument, constant: Any) -> None:
    """An MLP doubles where its input does, if no unit has a constant; k = 1 with a skip, else 0."""
    a, k, v = sympy.symbols("a k v", real=True)
    for sign in (1, -1):
        argument.equal(
            r"\text{one unit and the skip: }",
            a * relu(sign * 2 * u + constant) + k * 2 * v,
            2 * (a * relu(sign * u + constant) + k * v),
        )


def _soft(argument: Argument, constant: Any) -> None:
    _doubles(argument, constant)

    def soft(value: Any) -> Any:
        return relu(value - tau) - relu(-value - tau)

    argument.differ(
        r"\tau = \eta\lambda > 0:\ \mathrm{prox}(2\tau e_1), 2\,\mathrm{prox}(\tau e_1):\ ",
        soft(2 * tau), 2 * soft(tau),
    )  # fmt: skip


def _soft_units(argument: Argument, constant: Any) -> None:
    """The four units of an entry v and the skip, on each side of tau, tau = u + g inside."""
    for sign in (1, -1):
        for v, threshold, wanted in ((u + g, u, g), (u, u + g, 0)):
            cut = constant * threshold
            units = relu(sign * v - cut) - relu(-sign * v - cut) - relu(sign * v) + relu(-sign * v)
            argument.equal(r"\mathrm{soft}(v, \tau):\ ", sign * v + units, sign * wanted)


def _box(argument: Argument, constant: Any) -> None:
    _doubles(argument, constant)

    def clip(value: Any) -> Any:
        return sympy.Max(-B, sympy.Min(value, B))

    argument.differ(r"P(2 B e_1), 2 P(B e_1):\ ", clip(2 * B), 2 * clip(B))


def _box_units(argument: Argument, constant: Any) -> None:
    for sign in (1, -1):
        for v, bound, wanted in ((u + g, u, u), (u, u + g, u)):
            cut = constant * bound
            units = relu(-sign * v - cut) - relu(sign * v - cut)
            argument.equal(r"\text{an entry of the projection: }", sign * v + units, sign * wanted)


def _shrink(argument: Argument, rate: Any, least: Any) -> None:
    """Every W_1, W_2 with W_2 relu(W_1 w) = w/(1 + rate) has a norm above least + 2 rate."""
    for sign in (1, -1):
        argument.equal(
            r"\mathrm{relu}(u) - \mathrm{relu}(-u):\ ", relu(sign * u) - relu(-sign * u), sign * u
        )
    argument.note(r"\text{the values at } w \text{ and } -w \text{ are apart by } W_2 W_1 w")
    argument.assume(r"\|W_2 W_1\| \leq \|W_2\|\,\|W_1\|")
    p, q = sympy.symbols("p q", positive=True)
    product = 2 / (1 + rate)  # the least that |W_1| |W_2| can be
    argument.at_least(r"(p + q)^2 \text{ against } 4 p q:\ ", (p + q) ** 2, 4 * p * q)
    argument.greater(
        r"4 p q \text{ against the square of the promise: }", 4 * product, (least + 2 * rate) ** 2
    )


def _shrink_units(argument: Argument, least: Any) -> None:
    rate = sympy.Symbol("r", nonnegative=True)
    for sign in (1, -1):
        units = (relu(sign * u) - relu(-sign * u)) / (1 + rate)
        argument.equal(r"\text{an entry: }", units, sign * u / (1 + rate))
    norm = sympy.sqrt(2) * (1 + 1 / (1 + rate))  # of (1, -1) and (1, -1)/(1 + rate)
    argument.at_least(
        r"\text{the square of the promise against that of the norm: }",
        (least + 2 * rate) ** 2, sympy.expand(norm**2),
    )  # fmt: skip


# -- proposition C.2 and the read-out -------------------------------------------------------------


def _step(argument: Argument, factor: Any, relus: Any) -> None:
    scale, slope = relus
    for sign in (1, -1):
        argument.equal(
            r"t_j = 1:\ ",
            scale * relu(slope * sign * u) - scale * relu(-slope * sign * u),
            sign * u,
        )
    bound = u + g  # R, at least the size u of <w, x_{N+1}>
    argument.assume(r"|\langle w, x_{N+1}\rangle| \leq R,\ y'_{N+1} = t_{N+1} = 0")
    for sign in (1, -1):
        argument.equal(r"t_j = 0:\ ", relu(slope * sign * u - bound), 0)
    row, h, small = c.letter("w", c.d, 1), c.letter("h", c.d, 1), sympy.Symbol("epsilon")
    moved = sympy.expand(loss_value("mean", 0, row + small * h))
    gradient = (S @ row - X.T @ y) / c.n
    argument.equal(
        r"\tfrac{1}{N}\textstyle\sum_j \tfrac12(w^\top x_j - y_j)^2 \text{ along } h:\ ",
        moved.coeff(small, 1), (gradient.T @ h).scalar(),
    )  # fmt: skip
    added = (-eta * factor / (c.n + 1)) * (X.T @ (X @ w - y))
    argument.equal(r"\text{every token: } w \mapsto ", w + added, w - eta * (S @ w - X.T @ y) / c.n)


def _readout(argument: Argument, sign: Any) -> None:
    tokens = c.n + 1
    for score in (u, -u):
        argument.equal(
            r"\tfrac{1}{N + 1}\textstyle\sum_j:\ ",
            tokens * (relu(score) + sign * relu(-score)) / tokens,
            score,
        )


# -- theorem C.1 ----------------------------------------------------------------------------------


def _accumulated(argument: Argument, factor: Any) -> None:
    """d = N = 1, x = y = 1/4, eta = 16, L = 2, R = 0, B_x = 1/4, B_w = 2, R' = 1, epsilon = 0."""
    x = label = sympy.Rational(1, 4)
    rate, layers, largest = sympy.Integer(16), 2, sympy.Integer(2)
    second = sympy.Symbol("epsilon'", positive=True)
    argument.let("x_1", x)
    argument.let("y_1", label)
    argument.let(r"\eta", rate)
    minimiser = label / x
    argument.at_least(r"2/\eta \text{ against the smoothness } x_1^2:\ ", 2 / rate, x**2)
    argument.at_least(r"B_w/2 \text{ against } |w^\star|:\ ", largest / 2, minimiser)
    argument.equal(r"R' = \max |w - \eta x_1(w x_1 - y_1)|:\ ", sympy.simplify(
        g - rate * x * (g * x - label)), 1)  # fmt: skip
    inside = 1 - g  # of the ball of radius R' = 1, on the side where the MLP differs from prox
    argument.at_least(
        r"\eta\epsilon' \text{ against } |w + \eta\epsilon'\mathrm{relu}(w) - w|:\ ",
        rate * second, rate * second * inside,
    )  # fmt: skip
    first = rate * x * label
    argument.equal(r"w^1:\ ", first, 1)
    made = first + rate * second * relu(first)
    argument.greater(
        r"|\hat w^1 - w^1| \text{ against } (\epsilon + \epsilon') L \eta B_x:\ ",
        made - first, second * layers * rate * factor,
    )  # fmt: skip


def _composed(argument: Argument, factor: Any) -> None:
    step = sympy.Symbol("l", integer=True, nonnegative=True)
    second = sympy.Symbol("epsilon'", positive=True)
    argument.assume(
        r"w \mapsto \mathrm{prox}_{\eta R}(w - \eta\nabla L(w)) \text{ does not expand distances}"
    )
    argument.assume(r"2\|w^\star\| + L\eta(\epsilon B_x + \epsilon') \le B_w")
    argument.note(
        r"\text{so no iterate leaves the ball of } B_w, \text{ on which heads and MLP are near: a "
        r"step adds } \eta\epsilon B_x \text{ by attention, and } \eta\epsilon' \text{ by "
        r"the MLP, to the distance that there was}"
    )
    argument.recurrence(
        r"\text{distance after step } ", step * eta * (epsilon * size + factor * second), step, 0,
        lambda before: before + eta * epsilon * size + eta * second,
    )  # fmt: skip


# -- appendix B -----------------------------------------------------------------------------------


def _conversion(argument: Argument, lift: Any) -> None:
    k, more = sympy.Symbol("k", integer=True, nonnegative=True), sympy.Symbol("p", nonnegative=True)
    total = k * (k + 1)
    argument.recurrence(
        r"\textstyle\sum_{j \le 2k} c_j:\ ", total, k, 0, lambda before: before + 2 * (k + 1)
    )
    i = 1 + more  # the example's number, any from 1 on
    at = total.subs(k, i)
    argument.equal(r"\text{at } y_k:\ s = ", 2 * i * at / (2 * i), i * (i + 1))
    for delta, wanted in ((0, i), (1 + g, 0), (-1 - g, 0)):  # k - c_j, an integer
        hat = relu(i * (delta + 1)) - 2 * relu(i * delta) + relu(i * (delta - 1))
        argument.equal(
            r"\text{the three heads where } k - c_j \text{ is } "
            rf"{sympy.latex(sympy.sympify(delta))}:\ ",
            sympy.expand(hat), wanted,
        )  # fmt: skip
    argument.equal(r"2 k/(2k) = ", 2 * i / (2 * i), 1)
    odd = total.subs(k, i - 1) + i  # over the 2k - 1 tokens up to x_k
    s = (2 * i * odd + lift * i * i) / (2 * i - 1)
    argument.at_least(
        r"\text{at } x_k:\ s - c - c\,c_j \text{ against } c, c_j = k:\ ", s - i - i * i, i
    )
    v = i + g
    argument.equal(r"\text{there the three heads add up to } ", (v + i) - 2 * v + (v - i), 0)


def _decoder(argument: Argument, scale: Any) -> None:
    j = sympy.Symbol("j", integer=True, positive=True)
    token = 2 * j + 1
    argument.equal(
        r"\text{the } j \text{ tokens of } y \text{ before token } 2j + 1:\ ",
        scale * eta / sympy.Max(token - 1, 1), eta / j,
    )  # fmt: skip


def _of_both(claim: str, statement: str, argue: Callable[..., None]) -> Iterator[Theorem]:
    """The negation of a claim, and of its reading without the skip connection."""
    made = theorem(
        f"{claim}.negation", claim, statement, argue, "printed", "negation", inputs={"constant": 0}
    )
    yield replace(made, claims=(claim, f"{claim}.noskip"))


THEOREMS = [
    *_of_both(
        "bai2023.propC1.l1",
        r"\text{no } W_1, W_2 \text{ of any size have } w + W_2\,\mathrm{relu}(W_1 w) \text{ or } "
        r"W_2\,\mathrm{relu}(W_1 w) = \mathrm{prox}_{\eta\lambda\|\cdot\|_1}(w),\ \eta\lambda > 0",
        _soft,
    ),
    *_of_both(
        "bai2023.propC1.box",
        r"\text{no } W_1, W_2 \text{ of any size project onto } \{\|w\|_\infty \le B\},\ B > 0",
        _box,
    ),
    theorem(
        "bai2023.propC1.l2.negation", "bai2023.propC1.l2.noskip",
        r"W_2\,\mathrm{relu}(W_1 w) = w/(1 + \eta\lambda),\ \eta\lambda = \tfrac18:\ "
        r"\|W_1\| + \|W_2\| > 2 + 2\eta\lambda",
        _shrink, "printed", "negation", inputs={"rate": EIGHTH, "least": 2},
    ),
    theorem(
        "bai2023.propC1.l1.repaired", "bai2023.propC1.l1",
        r"w + W_2\,\mathrm{relu}(W_1 [w; 1]) = \mathrm{prox}_{\eta\lambda\|\cdot\|_1}(w)",
        _soft_units, "repaired", inputs={"constant": 1},
    ),
    theorem(
        "bai2023.propC1.box.repaired", "bai2023.propC1.box",
        r"w + W_2\,\mathrm{relu}(W_1 [w; 1]) \text{ projects onto } \{\|w\|_\infty \le B\}",
        _box_units, "repaired", inputs={"constant": 1},
    ),
    theorem(
        "bai2023.propC1.l2.repaired", "bai2023.propC1.l2.noskip",
        r"W_2\,\mathrm{relu}(W_1 w) = w/(1 + \eta\lambda) \text{ with } \|W_1\| + \|W_2\| \le 3 + "
        r"2\eta\lambda, \text{ for every } \eta\lambda \ge 0",
        _shrink_units, "repaired", inputs={"least": 3},
    ),
    theorem(
        "bai2023.propC2", "bai2023.propC2",
        r"\text{the square loss: every token's } w \mapsto w - \eta\nabla L_N(w),\ L_N(w) = "
        r"\tfrac1N \textstyle\sum_j \tfrac12 (w^\top x_j - y_j)^2",
        _step, "printed", inputs={"factor": (c.n + 1) / c.n, "relus": (2, HALF)},
    ),
    theorem(
        "bai2023.readout", "bai2023.readout",
        r"y'_{N+1} = 0 \mapsto \langle w, x_{N+1}\rangle", _readout, "printed",
        inputs={"sign": -1},
    ),
    theorem(
        "bai2023.theoremC1.negation", "bai2023.theoremC1",
        r"\|\hat w^1 - w^1_{\mathrm{PGD}}\| > (\epsilon + \epsilon') L \eta B_x "
        r"\text{ at a prompt with } B_x = \tfrac14, \text{ for every } \epsilon' > 0",
        _accumulated, "printed", "negation", inputs={"factor": sympy.Rational(1, 4)},
    ),
    theorem(
        "bai2023.theoremC1.repaired", "bai2023.theoremC1",
        r"\|\hat w^\ell - w^\ell_{\mathrm{PGD}}\| \le \ell\eta(\epsilon B_x + \epsilon')",
        _composed, "repaired", "induction on k", inputs={"factor": 1},
    ),
    theorem(
        "bai2023.propB1", "bai2023.propB1",
        r"\text{two layers, whose weights do not depend on } N, \text{ put } x_k \text{ into the "
        r"token of } y_k \text{ and leave the tokens of } x",
        _conversion, "printed", "induction on k", inputs={"lift": 4},
    ),
    theorem(
        "bai2023.decoder.repaired", "bai2023.decoder",
        r"V_m h_j = -2\eta c_m x_j:\ \text{token } 2j + 1 \text{ steps by } \eta \text{ on "
        r"examples } 1, \ldots, j",
        _decoder, "repaired", inputs={"scale": 2},
    ),
]  # fmt: skip
