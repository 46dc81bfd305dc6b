"""Theorem 1 of wang2024: a linear transformer evaluates a policy by TD(0), a step per layer.

Columns are (phi_j, gamma phi_j', R_j), and (phi_n, 0, 0) for the query. P keeps the rewards,
Q = (-C^T, C^T; 0, 0) on the rows of phi: any matrix C preconditions the step.
"""

import numpy as np
from hypothesis import strategies as st
from sympy import Symbol

from constructions import from_matrices, layout
from verify import claim, formula, matrix, strategies

TRANSITIONS = dict(parts=layout(phi="d", phi_next="d"), query_parts=("phi",))
TD = "w + C*phi.T*(y + gamma*phi_next*w - phi*w)/n"


def some_matrix(_, d, n):
    return {"C": tuple(tuple((i + 2 * j) % 3 - 1 for j in range(d)) for i in range(d))}


@claim(
    "wang2024.td0",
    source="wang2024, theorem 1",
    statement=r"w \leftarrow w + \tfrac1n C\sum_j(R_j + \gamma w^\top\phi'_j - w^\top\phi_j)\phi_j",
    algorithm=formula(
        "w.T*phi_t", start={"w": "O"}, step={"w": TD}, repeat="layers", **TRANSITIONS
    ),
    cases=lambda: strategies.prompts(
        layers=st.integers(0, 3), gamma=strategies.positive(), build=some_matrix, **TRANSITIONS
    ),
    assembled=lambda: [{"d": 3, "layers": 3, "gamma": Symbol("gamma"), "C": matrix("C")}],
)
def transformer(d, layers, gamma, C):
    """As printed, the prediction -[Z_L]_{2d+1, n+1}."""
    C = np.array(C)
    Q = {("phi", "phi"): -C.T, ("phi", "next"): C.T}
    layer = {"P": {("R", "R"): 1}, "Q": Q, "M": "examples", "factor": "1/n"}
    rows = {"phi": "d", "next": "d", "R": 1}
    start = {("phi", "phi"): 1, ("next", "phi_next"): gamma, ("R", "y"): 1}
    return from_matrices(
        [layer] * layers, rows=rows, d=d, embedding=start, prompt=TRANSITIONS, read={"R": -1}
    )
