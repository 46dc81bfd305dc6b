"""Lasso by proximal gradient descent (ISTA), one layer per step.

Statement: w_k = soft(w_{k-1} - 2 eta X^T (X w_{k-1} - y), eta lambda) from zero, on sum of
(w^T x - y)^2 + lambda |w|_1. Every token carries w: one linear head of two features makes the
gradient step, a ReLU MLP the soft threshold, exactly (proofs.weights.soft_threshold); a last layer
multiplies w and x. k + 1 layers, width 2d + 3.
"""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import sympy

from proofs.weights.soft_threshold import threshold

from ... import notation as n

fit, target, value = n.letters("fit target value")
descend = n.Head(
    n.slot_map(("w", "w", fit), ("y", "one", target)),
    n.slot_map(("w", "x"), ("y", "y")),
    n.slot_map(("w", "x", value)),
    name="gradient",
)
SCALED = n.Gauge(target, sympy.Integer(1), "the scores scaled up and the value scaled down")

GRADIENT = n.Template(
    "lasso.gradient",
    n.stage({"x": "x", "y": "y", "one": "one"}, x="d", y="", w="d", one="", p=""),
    states=r"w \mapsto w - 2\eta X^\top(Xw - y)",
    layers=(n.Layer("w_{k}", (descend,)),),
    before={"x": "x_t", "w": "w"},
    becomes={"w": "w - 2*eta*X.T*(X*w - y)"},
    letters={"w": "vector"},
    parameters=("eta",),
    fix=(SCALED,),
)


def _shrink(tau: Any) -> n.MLP:
    """Puts soft(w, tau) in the place of w."""
    units = {"above": 1, "below": -1, "up": 1, "down": -1}
    return n.MLP(
        inner=n.slot_map(
            *((name, "w", sign) for name, sign in units.items()),
            *((name, "one", -tau, "i<-") for name in ("above", "below")),
        ),
        outer=n.slot_map(*(("w", name, threshold().weights[name]) for name in units)),
        activation="relu",
        letters=(("i", "d"),),
    )


@n.construction(
    parameters={
        "steps": n.Whole(example=2),
        "step_size": n.Number(above=0, example=Fraction(1, 8)),
        "penalty": n.Number(least=0, example=Fraction(1, 8), unit="top**(1/2)"),
    },
    outside_calculus=True,
    region="step_size < 1/top",
    rate="2*step_size",
    states=r"k + 1 \text{ layers leave } w_k^\top x,\; w_k = \mathrm{soft}(w_{k-1} - "
    r"2\eta X^\top(Xw_{k-1} - y), \eta\lambda)",
    computes="k steps of proximal gradient descent",
    source="proximal gradient descent (ISTA)",
    tends_to="lasso: penalty",
)
def lasso(step_size: Any, penalty: Any) -> n.Parts:
    """k steps of proximal gradient descent for Lasso in k + 1 layers, the soft threshold exact.

    k = `steps` of proximal gradient descent with penalty lambda >= 0, at every query.

    Converges for 0 < step_size <= 1 / (2 |S|_2) at least.
    """
    held = (n.Holds("x", "x_t"), n.Holds("w", "w"))
    (layer,) = GRADIENT.at(eta=step_size)
    step = replace(layer, mlp=_shrink(step_size * penalty), holds=held)
    end = n.Layer(
        "read-out",
        mlp=n.bilinear({"w*x": ("w", "x")}, ("p", "w*x", 1, "<-i"), d="d"),
        holds=(n.Holds("w", "w"), n.Holds("p", "w.T*x_t")),
    )
    return n.Parts(GRADIENT.stage, n.Readout("p"), step=(step,), end=(end,), names={"w": "w{k}"})
