"""Logistic regression by gradient descent, one layer per step.

Statement: w_k = w_{k-1} - eta X^T (s(X w_{k-1}) - y) from zero, targets y in [0, 1], prediction
s(w_k^T x). Tokens carry x, y, m = w^T x and p = s(m): one linear head moves m, a ReLU MLP makes p.
s is the sigmoid interpolated at 2 `pieces` + 1 knots on [-reach, reach]
(proofs.weights.piecewise_linear): exactly that algorithm, and within `logistic_bound` of the one
with the true sigmoid. k layers, width d + 4.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.weights.piecewise_linear import as_formula, relu_form, sigmoid_error, sigmoid_table

from ... import notation as n

query, key, value_y, value_p = n.letters("query key value_y value_p")
descend = n.head("gradient", {"x": query}, {"x": key}, {"m": {"y": value_y, "p": value_p}})


def _sigmoid(argument: Argument, weights: Mapping[str, Any], at: Mapping[Any, Any]) -> None:
    """The loss is log(1 + exp(v)) - y v, v = w^T x: its gradient is X^T (sigma(Xw) - y)."""
    v = sympy.Symbol("v")
    slope = sympy.exp(v) / (1 + sympy.exp(v))
    softplus = sympy.log(1 + sympy.exp(v))
    argument.equal(r"\tfrac{d}{dv}\log(1 + e^v) = ", sympy.diff(softplus, v), slope)


STEP = n.Template(
    "logistic.layer",
    n.stage({"x": "x", "y": "y", "one": "one", "p": ("one", Fraction(1, 2))},
            x="d", y="", m="", p="", one=""),
    states=r"w' = w - \eta X^\top(\sigma(Xw) - y)",
    layers=(n.Layer("w_{k}", (descend,)),),
    before={"x": "x_t", "y": "y_t", "m": "w.T*x_t", "p": "p_t"},
    becomes={"w": "w - eta*X.T*(p - y)"},
    letters={"w": "vector", "p": "token"},  # p is sigma(Xw): nothing else of it is used
    parameters=("eta",),
    also=_sigmoid,
)  # fmt: skip


def _probability(floor: Any, relus: tuple[tuple[Any, Any], ...]) -> n.MLP:
    """Puts s(m) in the place of p."""
    knots = [(f"knot {i}", change, knot) for i, (change, knot) in enumerate(relus)]
    return n.MLP(
        inner=n.slot_map(
            ("old", "p"),  # p >= 0, so relu(p) = p
            ("floor", "one"),
            *((name, "m") for name, _, _ in knots),
            *((name, "one", -knot) for name, _, knot in knots),
        ),
        outer=n.slot_map(
            ("p", "old", -1),
            ("p", "floor", floor),
            *(("p", name, change) for name, change, _ in knots),
        ),
        activation="relu",
    )


@n.construction(
    parameters={
        "steps": n.Whole(example=2),
        "step_size": n.Number(above=0, example=Fraction(1, 8)),
        "pieces": n.Whole(default=16),
        "reach": n.Whole(default=8),
    },
    outside_calculus=True,
    region="step_size < 8/top",
    states=r"k \text{ layers leave } s(w_k^\top x),\; w_k = w_{k-1} - \eta X^\top(s(Xw_{k-1}) "
    r"- y), \text{ s the sigmoid interpolated at } 2m + 1 \text{ knots}",
    computes="k steps of logistic regression, 33 knots",
    proved=(STEP,),
    source="logistic regression",
    tends_to="logistic",
    outputs=(0, 1),
)
def logistic(step_size: Any, pieces: int, reach: int) -> n.Parts:
    """k gradient steps of logistic regression in k layers, exact for an interpolated sigmoid.

    The probability s(w_k^T x) after k = `steps`, at every query.
    """
    table = sigmoid_table(pieces, reach)
    held = {"x": "x_t", "m": "w.T*x_t", "p": as_formula(table, "w.T*x_t")}
    (layer,) = STEP.at(eta=step_size)
    holds = tuple(n.Holds(slot, text) for slot, text in held.items())
    step = replace(layer, mlp=_probability(*relu_form(table)), holds=holds)
    return n.Parts(STEP.stage, n.Readout("p"), step=(step,), names={"w": "w{k}"})


def logistic_bound(
    X: Any, queries: Any, steps: int, step_size: Any, pieces: int, reach: int
) -> Any:
    """What the interpolation can do to the predictions (m,) of `logistic`, as upper bounds.

    X (n, d), queries (m, d) floats. Where step_size <= 8 / |S|_2 the true step does not increase
    distances (0 <= s' <= 1/4), so that k steps move w by at most k * eta * e * sqrt(n) * |X|, e the
    sigmoid's error. Raises ValueError for larger step sizes.
    """
    import numpy as np

    X, queries = np.asarray(X, dtype=float), np.asarray(queries, dtype=float)
    norm = float(np.linalg.norm(X))  # the Frobenius norm: at least |X|_2
    if float(step_size) * norm**2 > 8:
        raise ValueError(f"step_size must be at most 8/|X|^2 = {8 / norm**2:g}, not {step_size}")
    error = sigmoid_error(sigmoid_table(pieces, reach))
    moved = steps * float(step_size) * error * np.sqrt(len(X)) * norm
    return (error + moved * np.linalg.norm(queries, axis=-1) / 4) * (1 + 1e-12)
