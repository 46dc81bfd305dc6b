"""Gradient descent with momentum (the heavy ball), one linear-attention layer per step.

Statement: v_k = beta v_{k-1} - eta grad L(w_{k-1}), w_k = w_{k-1} + v_k on 1/2 sum (w^T x - y)^2
from w_0 = v_0 = 0. Tokens carry x, r = y - w^T x and v = v^T x; r is minus the prediction at a
query. One head per layer, width d + 2.
"""

from fractions import Fraction
from typing import Any

from ... import notation as n

query, key, value, lift, skip = n.letters("query key value lift skip")
descend = n.head("gradient", {"x": query}, {"x": key}, {"v": {"r": value}})

STEP = n.Template(
    "momentum.layer",
    n.stage({"x": "x", "r": "y"}, x="d", r="", v=""),
    states=r"v' = \beta v - \eta\nabla L(w),\ w' = w + v'",
    layers=(n.Layer("w_{k}", (descend,), n.linear_mlp(("r", "v", lift), ("v", "v", skip))),),
    before={"x": "x_t", "v": "v.T*x_t", "r": "y_t - w.T*x_t"},
    becomes={"v": "moved", "w": "w + moved"},
    let={"moved": "beta*v - eta*X.T*(X*w - y)"},
    letters={"v": "vector", "w": "vector"},
    parameters=("eta", "beta"),
)
NAMES = {"v": "v{k}", "w": "w{k}"}


def _left(values: Any) -> Any:
    """What two terms leave: p_{k+1} = p_k - eta s p_k + beta (p_k - p_{k-1})."""
    before, now = 1, 1
    for _ in range(values["steps"]):
        change = values["momentum"] * (now - before) - values["step_size"] * values["s"] * now
        before, now = now, now + change
    return now


@n.construction(
    parameters={
        "steps": n.Whole(example=2),
        "step_size": n.Number(above=0, example=Fraction(1, 8)),
        "momentum": n.Number(above=0, below=1, example=Fraction(1, 2)),
    },
    region="step_size < 2*(1 + momentum)/top",
    rate="step_size",
    left=_left,
    states=r"k \text{ layers leave } w_k^\top x,\; w_{k+1} = w_k - \eta\nabla L(w_k) + "
    r"\beta(w_k - w_{k-1})",
    computes="k steps of the heavy ball",
    proved=(STEP,),
    source="heavy ball (Polyak)",
    tends_to="least_squares",
)
def momentum(step_size: Any, momentum: Any) -> n.Parts:
    """k steps of the heavy ball in k layers of one head.

    k = `steps` of the heavy ball from zero, at every query; momentum 0 is gradient_descent.
    """
    step = STEP.at(eta=step_size, beta=momentum)
    return n.Parts(STEP.stage, n.Readout("r", -1), step=step, names=NAMES)
