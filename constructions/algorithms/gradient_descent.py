"""Gradient descent on least squares, one linear-attention layer per step.

Statement (akyurek2022, eq. 11, summed over the prompt; vonoswald2022, proposition 1): after k
layers the token of x holds w_k^T x, where w_k = w_{k-1} - eta grad L(w_{k-1}). The weights are
those of proofs.gradient_descent. With a ridge term the fit before the step is kept in a slot
of its own, so that one layer does a step for every eta and lambda.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from proofs.layer import Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, slot_map
from proofs.stream import layout

from ..parameters import choice, number, substitute, vector, whole
from ..parts import linear_mlp
from ..witness import Witness

GRADIENTS = {
    "sum": "2*X.T*(X*{w} - y) + 2*ridge*{w}",
    "mean": "1/n*X.T*(X*{w} - y) + ridge*{w}",
}


def gradient_descent(
    d: int,
    steps: int,
    step_size: Any,
    ridge: Any = 0,
    w0: Sequence[Any] | None = None,
    loss: Literal["sum", "mean"] = "sum",
) -> Witness:
    """k = `steps` steps of `step_size` from w0 (default 0), at every query.

    loss "sum": sum of (w^T x - y)^2 + ridge |w|^2; "mean": 1/(2n) sum of (w^T x - y)^2 +
    ridge/2 |w|^2.
    """
    d, steps = whole("d", d), whole("steps", steps, 0)
    step_size = number("step_size", step_size, above=0)
    ridge = number("ridge", ridge, least=0)
    start = vector("w0", w0, d) or (0,) * d
    choice("loss", loss, ("sum", "mean"))
    from proofs.weights.gradient_descent import step

    with_ridge = ridge != 0
    c = substitute(step(loss, with_ridge).weights, eta=step_size, lam=ridge)

    stream = layout(x=(d,), y=(), fit=())
    embedding: list[Any] = [("x", "x"), ("y", "y")]
    fits = ["fit"]
    mlp = None
    if with_ridge:
        stream = layout(x=(d,), y=(), fit=(), old=())
        fits = ["fit", "old"]
        mlp = linear_mlp(
            ("fit", "fit", c["keep"]),
            ("fit", "old", c["decay"]),
            ("old", "fit", c["copy"]),
            ("old", "old", c["forget"]),
        )
    if any(entry != 0 for entry in start):
        embedding += [Block(fit, "x", matrix=(start,)) for fit in fits]

    descend = Head(
        query=slot_map(("f", "x", c["query"])),
        key=slot_map(("f", "x", c["key"])),
        value=slot_map(("fit", "y", c["value_y"]), ("fit", "fit", c["value_fit"])),
        average="examples" if loss == "mean" else "",
        name="gradient",
    )
    layers, definitions = [], []
    for k in range(1, steps + 1):
        fitted = (Holds(fit, f"w{k}.T*x_t") for fit in fits)
        held = (Holds("x", "x_t"), Holds("y", "y_t"), *fitted)
        layers.append(Layer(f"w_{k}", (descend,), mlp, holds=held))
        before = f"w{k - 1}"
        definitions.append((f"w{k}", f"{before} - step_size*({GRADIENTS[loss].format(w=before)})"))
    return Witness(
        name="gradient_descent",
        layout=stream,
        prompt=Prompt(d, slot_map(*embedding)),
        layer_list=tuple(layers),
        readout=Readout("fit"),
        parameters={
            "d": d,
            "steps": steps,
            "step_size": step_size,
            "ridge": ridge,
            "w0": start,
            "loss": loss,
        },
        definitions=tuple(definitions),
        source="akyurek2022, eq. 11; vonoswald2022, proposition 1",
    )
