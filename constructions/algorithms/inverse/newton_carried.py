"""Newton's iteration with the prediction carried along: k + 1 layers, width at most 2d + 2.

Statement: M_k = 2 M_{k-1} - M_{k-1} S M_{k-1}, prediction x^T M_k X^T y. `newton` reads the
prediction in a layer of its own; here it is one more column of the head that iterates.

start "gram"      M_0 = alpha S, as fu2023 prints it; k >= 1. Width 2d + 2. After one layer p cannot
                  be x^T M_0 X^T y, whose degree is 5 > 3: it is x^T X^T y, and the first iteration
                  makes p_1 of it.
start "identity"  M_0 = alpha I: exactly 2^k gradient steps of size alpha. Tokens carry
                  r = y - (prediction), which the first layer multiplies by I - alpha S and
                  layer j + 1 by (I - alpha S)^(2^(j-1)). Width 2d + 1.
"""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from proofs.statements.polynomials import squared_residuals

from ... import notation as n
from ...parameters import whole
from . import newton

alpha, value_p, skip_p, value_r = n.letters("alpha value_p skip_p value_r")
first, near, far, drop = n.letters("first near far drop")
square = n.head("x T S T S X^T y", {"t": 1}, {"t": 1}, {"p": {"p": far}})
clear = n.head("clear p", {"x": 1}, {"x": 1}, {"p": {"y": drop}})
once = n.head("error times I - T S", {"t": 1}, {"x": 1}, {"r": {"r": value_r}})

PREDICTED = newton.HELD | {"p": "w.T*x_t"}
LEFT = newton.HELD | {"r": "y_t - w.T*x_t"}
SQUARED = {"T": "2*T - T*S*T"}
ANY: dict[str, Any] = {
    "letters": {"T": "symmetric"}, "let": {"w": "T*X.T*y"}, "parameters": ("alpha",),
}  # fmt: skip


def stage(alpha: Any) -> n.Stage:
    """Tokens carry alpha x, so that M_0 = alpha I, and the whole error y."""
    return n.stage({"x": "x", "t": ("x", alpha), "r": "y"}, x="d", t="d", r="")


def first_two() -> tuple[n.Layer, ...]:
    """t = alpha S x and p = first x^T X^T y, then the first iteration."""
    (initial,) = n.beside(newton.START.at(alpha=alpha), {"p": {"y": first}})
    (second,) = n.beside(newton.STEP.at(), {"p": {"y": near}}, ("p", "p", STEP.weights["skip_p"]))
    held = (("x", "x_t"), ("t", "T*x_t"), ("p", "x_t.T*X.T*y"))
    return (
        replace(initial, holds=tuple(n.Holds(*each) for each in held)),
        replace(second, heads=(*second.heads, square, clear)),
    )


STEP = n.Template(
    "carried.newton", newton.STAGE,
    lambda: n.beside(newton.STEP.at(), {"p": {"p": value_p}}, ("p", "p", skip_p)),
    r"p_t = x_t^\top T X^\top y \;\mapsto\; x_t^\top T' X^\top y \text{ in the layer that makes } "
    r"T'", before=PREDICTED, becomes=SQUARED, **ANY,
)  # fmt: skip
TURN = n.Template(
    "carried.first_iteration", newton.STAGE, first_two,
    r"p_1 = x^\top(2\alpha S - \alpha^2S^3)X^\top y \text{ one layer after } \alpha S x",
    after=PREDICTED, becomes={"T": "2*alpha*S - alpha*S*S*alpha*S"},
    fix=(n.Gauge(first, 1, "the first value scaled up and both later ones scaled down"),), **ANY,
)  # fmt: skip
ONCE = n.Template(
    "carried.error", stage(alpha), (n.Layer("M_0", (once,)),),
    after=LEFT, becomes={"T": "alpha*I"}, **ANY,
)  # fmt: skip
LATER = n.Template(
    "carried.error.iteration", stage(alpha),
    lambda: n.beside(newton.STEP.at(), {"r": {"r": value_r}}), r"r \mapsto (I - TS)\,r",
    before=LEFT, becomes=SQUARED, **ANY,
)  # fmt: skip
RESIDUAL = n.Induction(
    "carried.residual",
    {"initial": ONCE, "iteration": LATER},
    r"M_0 = \alpha I:\ k + 1 \text{ layers leave } (I - \alpha S)^{2^k} \text{ of the error}",
    also=lambda argument, weights, at: squared_residuals(argument, start=alpha),
)


@n.construction(
    parameters={
        "iterations": n.Whole(least=0, example=2),
        "alpha": n.Number(above=0, example=Fraction(1, 16)),
        "start": n.OneOf(of={"gram": "", "identity": "2^k gradient steps"}),
    },
    region=lambda values: f"alpha < 2/top{'**2' if values['start'] == 'gram' else ''}",
    left=lambda values: (
        f"(1 - alpha*s{'**2' if values['start'] == 'gram' else ''})**(2**iterations)"
    ),
    states=r"k + 1 \text{ layers leave } x^\top M_k X^\top y,\; M_k = 2M_{k-1} - "
    r"M_{k-1}SM_{k-1}; \text{ from } M_0 = \alpha I \text{ exactly } 2^k \text{ gradient steps}",
    computes="the same, the prediction carried along",
    paper="fu2023, theorem 5.1: above",
    related=("newton.residual",),
    proved=(STEP, TURN, RESIDUAL),
    source="fu2023, theorem 5.1, the prediction carried along",
    tends_to="least_squares",
)
def newton_carried(iterations: int, alpha: Any, start: str) -> n.Parts:
    """k Newton iterations in k + 1 layers; from alpha I they are exactly 2^k gradient steps.

    Raises ValueError for start "gram" without an iteration.
    """
    named: dict[str, Any] = {
        "names": {"T": "M{k}", "w": "w{k}"},
        "also": tuple((f"w{k}", f"M{k}*X.T*y") for k in range(iterations + 1)),
    }
    if start == "identity":
        once, later = ONCE.at(alpha=alpha), LATER.at()
        return n.Parts(stage(alpha), n.Readout("r", -1), once, later, **named)
    whole("iterations", iterations, 1)
    (initial, turn), step = TURN.at(alpha=alpha), STEP.at()
    return n.Parts(
        newton.STAGE,
        n.Readout("p"),
        (initial,),
        lambda k: (turn,) if k == 1 else step,
        **named,
    )
