"""Lasso by proximal gradient descent (ISTA), one layer per step.

Statement: w_k = soft(w_{k-1} - 2 eta X^T (X w_{k-1} - y), eta lambda) from zero, on sum of
(w^T x - y)^2 + lambda |w|_1. Every token carries w: one linear head of two features makes the
gradient step, a ReLU MLP the soft threshold, exactly; a last layer multiplies w and x. k + 1
layers, width 2d + 3. The weights are those of proofs.soft_threshold.
"""

from __future__ import annotations

from typing import Any

from proofs.layer import MLP, Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, slot_map
from proofs.stream import layout

from ..parameters import number, substitute, whole
from ..parts import bilinear
from ..witness import Witness


def lasso(d: int, steps: int, step_size: Any, penalty: Any) -> Witness:
    """k = `steps` of proximal gradient descent with penalty lambda >= 0, at every query.

    Converges for 0 < step_size <= 1 / (2 |S|_2).
    """
    d, steps = whole("d", d), whole("steps", steps)
    step_size = number("step_size", step_size, above=0)
    penalty = number("penalty", penalty, least=0)
    from proofs.weights import soft_threshold as derived

    g = substitute(derived.gradient().weights, eta=step_size)
    t = substitute(derived.threshold().weights)
    descend = Head(
        query=slot_map(("w", "w", g["fit"]), ("y", "one", g["target"])),
        key=slot_map(("w", "x"), ("y", "y")),
        value=slot_map(("w", "x", g["value"])),
        name="gradient",
    )
    tau = step_size * penalty
    inner = [("above", 1, True), ("below", -1, True), ("up", 1, False), ("down", -1, False)]
    shrink = MLP(
        inner=slot_map(
            *(Block(name, "w", sign) for name, sign, _ in inner),
            *(Block(name, "one", -tau, "i<-") for name, _, shifted in inner if shifted),
        ),
        outer=slot_map(*(("w", name, t[name]) for name, _, _ in inner)),
        activation="relu",
        letters=(("i", d),),
    )
    layers, definitions = [], [("w0", "O")]
    for k in range(1, steps + 1):
        held = (Holds("x", "x_t"), Holds("w", f"w{k}"))
        layers.append(Layer(f"w_{k}", (descend,), shrink, holds=held))
        definitions += [
            (f"v{k}", f"w{k - 1} - 2*step_size*X.T*(X*w{k - 1} - y)"),
            (f"w{k}", f"relu(v{k} - step_size*penalty) - relu(-v{k} - step_size*penalty)"),
        ]
    layers.append(
        Layer(
            "read-out",
            mlp=bilinear({"w*x": ("w", "x")}, ("p", "w*x", 1, "<-i"), d=d),
            holds=(Holds("w", f"w{steps}"), Holds("p", f"w{steps}.T*x_t")),
        )
    )
    return Witness(
        name="lasso",
        layout=layout(x=(d,), y=(), w=(d,), one=(), p=()),
        prompt=Prompt(d, slot_map(("x", "x"), ("y", "y"), ("one", "one"))),
        layer_list=tuple(layers),
        readout=Readout("p"),
        parameters={"d": d, "steps": steps, "step_size": step_size, "penalty": penalty},
        definitions=tuple(definitions),
        source="proximal gradient descent (ISTA)",
    )
