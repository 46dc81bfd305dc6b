"""Temporal differences: the value of a state from transitions in the prompt, one layer per step.

Statement: w_k = w_{k-1} + C_k (sum_i delta_i e_i)/n from zero over the transitions of the prompt,
delta_i = r_i + gamma w^T phi'_i - w^T phi_i the temporal difference. A token has the features phi_i
of a state, phi'_i of the next one and the reward r_i as its y; a query has phi alone. Tokens carry
delta, which at a query is minus its value w^T phi; C sits in the key.

method "td0"       e_i = phi_i: batch TD(0). One head, width 2 d + 1.
method "residual"  e_i = phi_i - gamma phi'_i: gradient descent on the squared differences.

wang2024 prints the same with Q = [[-C^T, C^T, 0], …] on rows (phi, gamma phi', r), and further
ones that know the order of the transitions (constructions/papers/wang2024.py).
"""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from proofs.prompt import Fields

from ... import notation as n

ahead, here, key, next_key, value = n.letters("ahead here key next_key value")
TRANSITIONS = Fields(n.layout(phi="d", phi_next="d"), ("phi",))
STAGE = replace(
    n.stage({"phi": "phi", "next": "phi_next", "delta": "y"}, phi="d", next="d", delta=""),
    parts=TRANSITIONS.parts,
    query_parts=TRANSITIONS.query_parts,
)
ALONG = {"td0": "phi", "residual": "(phi - gamma*phi_next)"}
C = n.matrix_letter("C")


def _step(method: str) -> n.Template:
    """One step in one layer."""
    keys = [n.Block("f", "phi", key, matrix=C)]
    if method == "residual":
        keys.append(n.Block("f", "next", next_key, matrix=C))
    head = n.Head(
        n.slot_map(("f", "next", ahead), ("f", "phi", here)),
        n.slot_map(*keys),
        n.slot_map(("delta", "delta", value)),
        average="examples",
        name="temporal differences",
    )
    return n.Template(
        f"temporal_differences.{method}",
        STAGE,
        states=r"w' = w + \tfrac1n C \textstyle\sum_i \delta_i e_i,\ e_i = "
        + {"td0": r"\phi_i", "residual": r"\phi_i - \gamma\phi'_i"}[method],
        layers=(n.Layer("w_{k}", (head,)),),
        before={
            "phi": "phi_t",
            "next": "phi_next_t",
            "delta": "y_t + gamma*w.T*phi_next_t - w.T*phi_t",
        },
        becomes={"w": f"w + C*{ALONG[method]}.T*(y + gamma*phi_next*w - phi*w)/n"},
        letters={"w": "vector", "C": "matrix"},
        parameters=("gamma",),
        fix=n.scaled(here, key),
    )


STEPS = {method: _step(method) for method in ALONG}


@n.construction(
    parameters={
        "steps": n.Whole(example=2),
        "gamma": n.Number(least=0, example=Fraction(1, 2)),
        "C": n.MatrixPerStep(steps="steps", example=((Fraction(1, 2), 0), (0, Fraction(1, 3)))),
        "method": n.OneOf(of={"td0": "", "residual": "k steps of residual gradient"}),
    },
    fields=TRANSITIONS,
    states=r"k \text{ layers leave } w_k^\top\phi,\; w_k = w_{k-1} + \tfrac1n C_k "
    r"\textstyle\sum_i (r_i + \gamma w_{k-1}^\top\phi'_i - w_{k-1}^\top\phi_i) e_i",
    computes="k steps of batch TD(0)",
    paper="wang2024: k layers of one head, 2 d + 1 units",
    proved=tuple(STEPS.values()),
    related=("wang2024.td0", "wang2024.residual"),
    source="wang2024, theorem 1",
)
def temporal_differences(gamma: Any, C: Any, method: str) -> n.Parts:
    """k steps of TD(0) in k layers of one head, from transitions; or of residual gradient.

    k = `steps`, preconditioned by the matrix `C`, given as d rows, or by one for each step. X has
    the columns phi, phi' and queries phi; y are the rewards, `gamma` discounts.
    """
    template = STEPS[method]

    def step(k: int) -> tuple[n.Layer, ...]:
        return template.at(gamma=gamma, C=C[k - 1] if n.is_per_step(C) else C)

    layers = step if n.is_per_step(C) else step(1)
    return n.Parts(template.stage, n.Readout("delta", -1), step=layers, names={"w": "w{k}"})
