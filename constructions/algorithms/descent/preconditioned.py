"""Preconditioned gradient descent, one linear-attention layer per step.

Statement: w_k = w_{k-1} - eta P_k grad L(w_{k-1}) from zero, L = 1/2 sum (w^T x - y)^2, or that
over n; P_k any matrices (d, d), which need not be symmetric. Tokens carry x and r = y - w^T x,
minus the prediction at a query; P sits in the key. One head per layer, width d + 1.

With the mean loss and a matrix for each step it is what ahn2023 prints (equation 8, lemma 1) as
Z + 1/n P Z M (Z^T Q Z) with Q = -diag(A, 0), which is P = A^T.
"""

from fractions import Fraction
from typing import Any

from ... import notation as n

query, key, value = n.letters("query key value")
GRADIENT = {"sum": "X.T*(X*w - y)", "mean": "X.T*(X*w - y)/n"}
NAMES = {"sum": "preconditioned.layer", "mean": "preconditioned.layer.mean"}
LOSS = {"sum": "", "mean": r",\quad L(w) = \frac{1}{2n}\sum_j (w^\top x_j - y_j)^2"}


def _step(loss: str) -> n.Template:
    """One step in one layer."""
    descend = n.Head(
        n.slot_map(("f", "x", query)),
        n.slot_map(n.Block("f", "x", key, matrix=n.matrix_letter("P"))),
        n.slot_map(("r", "r", value)),
        average="examples" if loss == "mean" else "",
        name="preconditioned gradient",
    )
    return n.Template(
        NAMES[loss],
        n.stage({"x": "x", "r": "y"}, x="d", r=""),
        states=r"w' = w - \eta P \nabla L(w)" + LOSS[loss],
        layers=(n.Layer("w_{k}", (descend,)),),
        before={"x": "x_t", "r": "y_t - w.T*x_t"},
        becomes={"w": f"w - eta*P*{GRADIENT[loss]}"},
        letters={"w": "vector", "P": "matrix"},
        parameters=("eta",),
    )


STEPS = {loss: _step(loss) for loss in GRADIENT}


@n.construction(
    parameters={
        "steps": n.Whole(example=2),
        "step_size": n.Number(above=0, example=Fraction(1, 8)),
        "preconditioner": n.MatrixPerStep(
            steps="steps", example=((Fraction(1, 3), 0), (0, Fraction(1, 2)))
        ),
        "loss": n.OneOf(of=("sum", "mean"), default="sum"),
    },
    states=r"k \text{ layers leave } w_k^\top x,\; w_k = w_{k-1} - \eta P_k\nabla L(w_{k-1})",
    computes="k gradient steps preconditioned by full matrices",
    paper="ahn2023: k layers of one head, d + 1 units",
    proved=tuple(STEPS.values()),
    source="preconditioned gradient descent; ahn2023, lemma 1",
    tends_to="preconditioned",
)
def preconditioned(step_size: Any, preconditioner: Any, loss: str) -> n.Parts:
    """k preconditioned gradient steps in k layers of one head, for any matrix P, or one a step.

    k = `steps` with the `preconditioner` P, given as d rows, at every query; or with k of them.

    loss "sum": 1/2 sum of (w^T x - y)^2; "mean": that over n.
    """
    template = STEPS[loss]

    def step(k: int) -> tuple[n.Layer, ...]:
        P = preconditioner[k - 1] if n.is_per_step(preconditioner) else preconditioner
        return template.at(eta=step_size, P=P)

    same = not n.is_per_step(preconditioner)
    layers = step(1) if same else step
    return n.Parts(template.stage, n.Readout("r", -1), step=layers, names={"w": "w{k}"})
