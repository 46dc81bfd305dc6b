"""Kernel regression by functional gradient descent, one attention layer per step.

Statement: f_k(x) = f_{k-1}(x) - eta sum_j (f_{k-1}(x_j) - y_j) K(x_j, x) from f_0 = 0. Tokens carry
r = y - f(x); the attention score is the kernel.

kernel "linear"       K = <x, x'>: gradient descent on least squares; linear attention.
kernel "relu"         K = <phi(x), phi(x')>, phi = relu(A x + b), made by one ReLU MLP before the
                      steps. Linear attention.
kernel "exponential"  K = exp(<x, x'>/tau), each row divided by its sum over the examples: the
                      Nadaraya-Watson smoother W, so that f_k = f_{k-1} + eta W (y - f_{k-1}) is
                      boosting with W, the functional gradient in the metric weighted by the sums.
                      Softmax attention; where all |x| are one, K is the Gaussian kernel.
"""

from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import sympy

from ... import notation as n

query, key, value, tau = n.letters("query key value tau")
TEMPERATURE = (
    n.Gauge(query, sympy.Integer(1), "a query scaled up and the value scaled down"),
    n.Gauge(key, 1 / tau, "a key scaled up and the value scaled down"),
)


@cache
def step(data: str) -> n.Template:
    """One step with the kernel <u, u'>/tau of the slot `data`, u standing for x here."""
    descend = n.head("functional gradient", {data: query}, {data: key}, {"r": {"r": value}})
    return n.Template(
        "kernel_regression.layer",
        n.stage({data: "x", "r": "y"}, **{data: "d", "r": ""}),
        states=r"f' = f - \eta \textstyle\sum_j (f(x_j) - y_j) K(x_j, \cdot)",
        layers=(n.Layer("f_{k}", (descend,)),),
        before={data: "x_t", "r": "y_t - w.T*x_t"},
        becomes={"w": "w - eta*X.T*(X*w - y)/tau"},
        letters={"w": "vector"},
        parameters=("eta", "tau"),
        fix=TEMPERATURE,
    )


def _features(rows: Any, offsets: Any) -> n.MLP:
    """phi = relu(A x + b)."""
    inner = [n.Block("h", "x", matrix=rows)]
    if any(offsets or ()):
        inner.append(n.Block("h", "one", matrix=tuple((entry,) for entry in offsets)))
    return n.MLP(
        inner=n.slot_map(*inner),
        outer=n.slot_map(("phi", "h")),
        activation="relu",
    )


@n.construction(
    parameters={
        "steps": n.Whole(example=2),
        "step_size": n.Number(above=0, example=Fraction(1, 8)),
        "kernel": n.OneOf(
            of={"linear": "", "relu": "", "exponential": "the same, exponential kernel"}
        ),
        "features": n.Rows(default=None),
        "offsets": n.Numbers(default=None),
        "temperature": n.Number(above=0, default=1),
    },
    outside_calculus=True,
    states=r"f_k = f_{k-1} - \eta\sum_j (f_{k-1}(x_j) - y_j) K(x_j, \cdot),\ K \text{ linear or "
    r"of ReLU features}",
    computes="k functional gradient steps",
    related=("preconditioned.layer",),
    source="functional gradient descent",
    tends_to=lambda values: "least_squares" if values["kernel"] == "linear" else "kernel",
)
def kernel_regression(
    step_size: Any, kernel: str, features: Any, offsets: Any, temperature: Any
) -> n.Parts:
    """k functional gradient steps in k layers (one more to make ReLU features).

    k = `steps` functional gradient steps of size eta, at every query.

    `features` A and `offsets` b (default 0) for "relu", `temperature` tau > 0 for "exponential".
    Converges for 0 < step_size < 2 / |K|_2, K the kernel matrix of the examples.
    """
    if (features is not None) != (kernel == "relu"):
        raise ValueError('features are needed for kernel "relu", and only there')
    if offsets is not None and kernel != "relu":
        raise ValueError(f'offsets are those of the features of kernel "relu", not of {kernel!r}')
    if kernel != "exponential" and temperature != 1:
        raise ValueError(f"temperature is that of the exponential kernel, not of {kernel!r}")
    if features is not None and not features:
        raise ValueError("features must have at least one row")
    slots: dict[str, Any] = {"x": "d", "r": ""}
    carried = {"x": "x", "r": "y"}
    start: tuple[n.Layer, ...] = ()
    data, own = "x", "x_t"
    if features is not None:
        if offsets is not None and len(offsets) != len(features):
            raise ValueError(f"offsets must be {len(features)}, as many as there are features")
        data, own = "phi", f"relu(features*x_t{' + offsets' if offsets is not None else ''})"
        slots |= {"phi": (len(features),), "one": ""}
        carried["one"] = "one"
        held = (n.Holds("phi", own), n.Holds("r", "y_t"))
        start = (n.Layer("features", mlp=_features(features, offsets), holds=held),)
    (layer,) = step(data).at(eta=step_size, tau=temperature)
    fitted = n.Holds("r", f"y_t - ({own}).T*PHI.T*a{{k}}")
    holds = (n.Holds("x", "x_t"), *((fitted,) if kernel != "exponential" else ()))
    if kernel == "exponential":
        layer = replace(layer, heads=tuple(replace(h, attention="softmax") for h in layer.heads))
    return n.Parts(
        n.stage(carried, **slots), n.Readout("r", -1), start, (replace(layer, holds=holds),)
    )
