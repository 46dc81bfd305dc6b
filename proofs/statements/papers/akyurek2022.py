"""Statements of akyurek2022: the printed chains with exact operations, and lemma 4."""

from __future__ import annotations

from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.calculus.form import Form
from proofs.theorem import theorem

alpha, lam = sympy.Symbol("alpha"), sympy.Symbol("lam", positive=True)
x1 = c.letter("x", c.d, 1)
w = c.letter("w", c.d, 1)
label = sympy.Symbol("y_i")


def theorem1_chain(step6: Any, step7: Any) -> Form:
    """The weights that the chain of theorem 1 computes, every operation exact."""
    error = x1.T @ w - c.number(label)  # operations 2 and 3
    product = x1 @ error  # 4
    regularised = product + step6 * w  # 6
    return w + step7 * regularised  # 7


def _theorem1(argument: Argument, step6: Any, step7: Any, equal: bool) -> None:
    eq11 = w - 2 * alpha * (x1 @ (x1.T @ w) - label * x1 + lam * w)
    decide = argument.equal if equal else argument.differ
    decide(r"\text{operations 1 to 7 against eq. 11: }", theorem1_chain(step6, step7), eq11)
    if not equal:
        gap = theorem1_chain(step6, step7) - eq11
        argument.equal(r"\text{the difference: }", gap, 4 * alpha * lam * w)


def _theorem2(argument: Argument, step10: Any = -1, step8: Any = 1) -> None:
    one = c.identity(c.d)
    first = one / lam  # 3
    left, right = first @ x1, x1.T @ first  # 4, 5
    outer = left @ right  # 6
    denominator = (right @ x1).scalar() + step8  # 7, 8
    second = first + step10 * (outer / denominator)  # 9, 10
    square = sympy.Symbol("v", nonnegative=True)
    argument.greater(
        r"v := x^\top x,\ \text{the denominator of div, so its absolute value does nothing: }",
        step8 + square / lam,
        0,
    )
    argument.equal(r"A_1^{-1}(\lambda I + xx^\top) = ", second @ (lam * one + x1 @ x1.T), one)
    argument.equal(
        r"\text{operations 11, 12: } A_1^{-1}x y:\ ",
        (lam * one + x1 @ x1.T) @ (second @ (label * x1)),
        label * x1,
    )


def gelu(value: Any) -> Any:
    return value / 2 * (1 + sympy.erf(value / sympy.sqrt(2)))


def _lemma4(argument: Argument, scale: Any = None) -> None:
    """Along (x, y) = t(a, b): the expansion in t, and the first error term."""
    t, a, b = sympy.symbols("t a b")
    factor = sympy.sqrt(sympy.pi / 2) if scale is None else scale

    v = sympy.Symbol("v")
    series = sympy.series(gelu(v), v, 0, 6).removeO()

    def expanded(z: Any) -> Any:
        return series.subs(v, z * t)

    total = sympy.expand(factor * (expanded(a + b) - expanded(a) - expanded(b)))
    for power, wanted in ((0, 0), (1, 0), (2, a * b), (3, 0), (5, 0)):
        argument.equal(rf"t^{power}:\ ", total.coeff(t, power), wanted)
    argument.equal(
        r"t^4, \text{ the leading error: }",
        total.coeff(t, 4),
        -(a * b * (2 * a**2 + 3 * a * b + 2 * b**2)) / 6,
    )


THEOREMS = [
    theorem(
        "akyurek2022.theorem1.negation", "akyurek2022.theorem1",
        r"W_2 = -\lambda \text{ in operation 6: } w - 2\alpha(x(w^\top x - y) - \lambda w) "
        r"\neq w' \text{ unless } \alpha\lambda w = 0",
        _theorem1, "printed", "negation",
        inputs={"step6": -lam, "step7": -2 * alpha, "equal": False},
    ),
    theorem(
        "akyurek2022.theorem1.repaired", "akyurek2022.theorem1",
        r"W_2 = \lambda \text{ in operation 6, exact operations: the chain computes } w' "
        r"\text{ of eq. 11}",
        _theorem1, "repaired",
        inputs={"step6": lam, "step7": -2 * alpha, "equal": True},
    ),
    theorem(
        "akyurek2022.theorem2.formula", "akyurek2022.theorem2",
        r"\text{with exact operations the chain computes } (\lambda I + xx^\top)^{-1}x y",
        _theorem2, "printed", inputs={"step10": -1, "step8": 1},
    ),
    theorem(
        "akyurek2022.lemma4", "akyurek2022.lemma4",
        r"\sqrt{\pi/2}(\mathrm{GeLU}(x+y) - \mathrm{GeLU}(x) - \mathrm{GeLU}(y)) = xy - "
        r"\tfrac16 xy(2x^2 + 3xy + 2y^2) + O(6)",
        _lemma4, "printed", "analysis", inputs={"scale": None},
    ),
]  # fmt: skip
