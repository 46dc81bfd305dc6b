"""Preconditioned gradient descent, one linear-attention layer per step.

Statement: w_k = w_{k-1} - eta P grad L(w_{k-1}) on 1/2 sum (w^T x - y)^2 from zero, P any fixed
matrix (d, d), which need not be symmetric. Tokens carry x and r = y - w^T x, minus the prediction
at a query; P sits in the key. One head per layer, width d + 1.
"""

from fractions import Fraction
from typing import Any

from ... import notation as n

query, key, value = n.letters("query key value")
descend = n.Head(
    n.slot_map(("f", "x", query)),
    n.slot_map(n.Block("f", "x", key, matrix=n.matrix_letter("P"))),
    n.slot_map(("r", "r", value)),
    name="preconditioned gradient",
)

STEP = n.Template(
    "preconditioned.layer",
    r"w' = w - \eta P \nabla L(w)",
    n.stage({"x": "x", "r": "y"}, x="d", r=""),
    layers=(n.Layer("w_{k}", (descend,)),),
    before={"x": "x_t", "r": "y_t - w.T*x_t"},
    becomes={"w": "w - eta*P*X.T*(X*w - y)"},
    letters={"w": "vector", "P": "matrix"},
    parameters=("eta",),
    fix=n.scaled(query, key),
)


@n.construction(
    parameters={
        "steps": n.Whole(example=2),
        "step_size": n.Number(above=0, example=Fraction(1, 8)),
        "preconditioner": n.Matrix(example=((Fraction(1, 3), 0), (0, Fraction(1, 2)))),
    },
    steps="steps",
    reference=n.references.preconditioned,
    states=r"k \text{ layers leave } w_k^\top x,\; w_k = w_{k-1} - \eta P\nabla L(w_{k-1})",
    costs=(
        n.Cost(
            "k gradient steps preconditioned by a full matrix",
            {"layers": "k", "width": "d + 1", "heads": "1"},
        ),
    ),
    proved=(STEP,),
    source="preconditioned gradient descent",
)
def preconditioned(step_size: Any, preconditioner: Any) -> n.Parts:
    """k preconditioned gradient steps in k layers of one head, for any matrix P.

    k = `steps` with the `preconditioner` P, given as d rows, at every query.
    """
    step = STEP.at(eta=step_size, P=preconditioner)
    return n.Parts(STEP.stage, n.Readout("r", -1), step=step, names={"w": "w{k}"})
