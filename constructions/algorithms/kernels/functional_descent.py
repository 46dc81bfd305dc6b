"""Functional gradient descent whose kernel is the attention itself, one layer per step.

Statement: f_k(x) = f_{k-1}(x) + r_k sum_j (y_j - f_{k-1}(x_j)) h(<x_j, x>) from f_0 = 0. Tokens
carry r = y - f(x), minus the prediction at a query; the weight of a score is h of it.

attention "linear"       h(s) = s: gradient descent on 1/2 sum (w^T x - y)^2.
attention "exponential"  h(s) = exp(s), a kernel: a gradient step in its space.
attention "relu"         h(s) = relu(s), which is no kernel: the sum is no gradient
                         (cheng2024.prop1.relu).

cheng2024 prints it as Z + V Z M h(BX, CX) with V = diag(0, -r), M = diag(I_n, 0), B = C = I.
`kernel_regression` has ReLU features, and divides an exponential by its sum.
"""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from ... import notation as n
from .kernel_regression import step as linear_step

STEP = linear_step("x")
LIMITS = {"linear": "least_squares", "relu": "no_kernel", "exponential": "kernel"}
HELD = {
    "linear": (n.Holds("r", "y_t - w{k}.T*x_t"),),
    "relu": (n.Holds("r", "y_t - relu(X*x_t).T*a{k}"),),
    "exponential": (),
}


@n.construction(
    parameters={
        "steps": n.Whole(example=2),
        "rate": n.NumberPerStep(steps="steps", above=0, example=Fraction(1, 8), unit="1/top"),
        "attention": n.OneOf(of=("linear", "relu", "exponential"), default="linear"),
    },
    outside_calculus=lambda values: values["attention"] != "linear",
    region=lambda values: "rate < 2/top" if values["attention"] == "linear" else "",
    states=r"f_k = f_{k-1} + r_k\sum_j (y_j - f_{k-1}(x_j))\, h(\langle x_j, \cdot \rangle),\ h "
    r"\text{ the identity or the ReLU}",
    computes="k functional gradient steps with the attention's own kernel",
    paper="cheng2024, proposition 1: k layers of one head",
    related=("preconditioned.layer",),
    source="cheng2024, proposition 1",
    tends_to=lambda values: LIMITS[values["attention"]],
)
def functional_descent(rate: Any, attention: str) -> n.Parts:
    """k functional gradient steps in k layers, the kernel being what the attention does to a score.

    k = `steps` of size `rate`, one number or one for each, at every query. Converges for
    0 < rate < 2 / |K|_2, K_ij = h(<x_i, x_j>), where h is a kernel.
    """

    def step(k: int) -> tuple[n.Layer, ...]:
        r = rate[k - 1] if isinstance(rate, tuple) else rate
        (layer,) = STEP.at(eta=r, tau=1)
        heads = tuple(replace(head, attention=attention) for head in layer.heads)
        holds = (n.Holds("x", "x_t"), *HELD[attention])
        return (replace(layer, heads=heads, holds=holds),)

    layers = step if isinstance(rate, tuple) else step(1)
    return n.Parts(STEP.stage, n.Readout("r", -1), step=layers)
