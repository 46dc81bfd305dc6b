"""Preconditioned gradient descent, one linear-attention layer per step.

Statement: w_k = w_{k-1} - eta P grad L(w_{k-1}) on 1/2 sum (w^T x - y)^2 from zero, P any fixed
matrix (d, d). Tokens carry x and r = y - w^T x, minus the prediction at a query; P sits in the
key. One head per layer, width d + 1. The weights are those of proofs.preconditioned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proofs.layer import Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, slot_map
from proofs.stream import layout

from ..parameters import number, substitute, vector, whole
from ..witness import Witness


def preconditioned(
    d: int, steps: int, step_size: Any, preconditioner: Sequence[Sequence[Any]]
) -> Witness:
    """k = `steps` with the `preconditioner` P, given as d rows, at every query."""
    d, steps = whole("d", d), whole("steps", steps)
    step_size = number("step_size", step_size, above=0)
    if isinstance(preconditioner, str) or not hasattr(preconditioner, "__len__"):
        raise TypeError(f"preconditioner must be d = {d} rows, not {preconditioner!r}")
    if len(preconditioner) != d:
        raise ValueError(f"preconditioner must have d = {d} rows, not {len(preconditioner)}")
    P = tuple(vector("a row of preconditioner", row, d) or () for row in preconditioner)
    from proofs.weights.preconditioned import step

    c = substitute(step().weights, eta=step_size)
    head = Head(
        query=slot_map(("f", "x", c["query"])),
        key=slot_map(Block("f", "x", c["key"], matrix=P)),
        value=slot_map(("r", "r", c["value"])),
        name="preconditioned gradient",
    )
    layers, definitions = [], [("w0", "O")]
    for k in range(1, steps + 1):
        held = (Holds("x", "x_t"), Holds("r", f"y_t - w{k}.T*x_t"))
        layers.append(Layer(f"w_{k}", (head,), holds=held))
        before = f"w{k - 1}"
        definitions.append((f"w{k}", f"{before} - step_size*preconditioner*X.T*(X*{before} - y)"))
    return Witness(
        name="preconditioned",
        layout=layout(x=(d,), r=()),
        prompt=Prompt(d, slot_map(("x", "x"), ("r", "y"))),
        layer_list=tuple(layers),
        readout=Readout("r", -1),
        parameters={"d": d, "steps": steps, "step_size": step_size, "preconditioner": P},
        definitions=tuple(definitions),
        source="preconditioned gradient descent",
    )
