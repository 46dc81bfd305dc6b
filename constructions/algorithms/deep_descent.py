"""(3^L - 1)/2 steps of gradient descent in L layers: as many as linear attention can make.

Statement: from w_0 = 0, with N = (3^k - 1)/2 steps of size alpha on 1/2 sum (w^T x - y)^2 made
after k layers, tokens carry u = R^N x, t = M x and r = y - w_N^T x, where R = I - alpha S, M is
the matrix of N + 1 steps and r is minus the prediction at a query. One layer makes 3N + 1 of N.
All layers are alike: two heads, width 3d + 1. The weights are those of proofs.deep_descent; that
no transformer of L linear-attention layers makes more steps is proofs.statements.depth.
"""

from __future__ import annotations

from typing import Any

from proofs.layer import Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import layout

from ..parameters import number, substitute, whole
from ..parts import linear_mlp
from ..witness import Witness


def deep_descent(d: int, layers: int, alpha: Any) -> Witness:
    """(3^`layers` - 1)/2 gradient steps of size `alpha` from zero, at every query.

    Converges for 0 < alpha < 2 / |S|_2.
    """
    d, layers = whole("d", d), whole("layers", layers)
    alpha = number("alpha", alpha, above=0)
    from proofs.weights import deep_descent as derived

    c = substitute(derived.iteration().weights, alpha=alpha)
    heads = (
        Head(
            query=slot_map(("f", "t"), ("g", "u")),
            key=slot_map(("f", "x", c["tx"]), ("f", "u", c["tu"]), ("g", "x", c["ux"])),
            value=slot_map(
                ("u", "u", c["one_u"]),
                ("r", "r", c["one_r"]),
                ("t", "t", c["one_t"]),
                ("t", "u", c["one_tu"]),
            ),
            name="to the power 3N + 1",
        ),
        Head(
            query=slot_map(("f", "t")),
            key=slot_map(("f", "x")),
            value=slot_map(("t", "t", c["two_t"]), ("t", "u", c["two_tu"])),
            name="the sum between",
        ),
    )
    mlp = linear_mlp(("t", "t", c["skip"]), ("t", "u", c["lift"]))

    # R0 = I, R1 = R, …; M1 = alpha I, …: one by one, as gradient descent makes them
    made = derived.steps(layers)
    definitions = [("S", "X.T*X"), ("R0", "I"), ("M1", "alpha*I"), ("w0", "O")]
    for i in range(1, made + 1):
        definitions += [
            (f"R{i}", f"R{i - 1} - alpha*S*R{i - 1}"),
            (f"M{i + 1}", f"M{i} + alpha*R{i}"),
            (f"w{i}", f"w{i - 1} - alpha*X.T*(X*w{i - 1} - y)"),
        ]
    stack = []
    for k in range(1, layers + 1):
        steps = derived.steps(k)
        held = (
            Holds("x", "x_t"),
            Holds("u", f"R{steps}*x_t"),
            Holds("t", f"M{steps + 1}*x_t"),
            Holds("r", f"y_t - w{steps}.T*x_t"),
        )
        stack.append(Layer(f"{steps} steps", heads, mlp, holds=held))
    embedding = slot_map(("x", "x"), ("u", "x"), ("t", "x", alpha), ("r", "y"))
    return Witness(
        name="deep_descent",
        layout=layout(x=(d,), u=(d,), t=(d,), r=()),
        prompt=Prompt(d, embedding),
        layer_list=tuple(stack),
        readout=Readout("r", -1),
        parameters={"d": d, "layers": layers, "alpha": alpha},
        definitions=tuple(definitions),
        source="(3^L - 1)/2 gradient steps in L layers",
    )
