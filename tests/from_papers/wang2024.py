"""Theorem 1 of wang2024: a linear transformer evaluates a policy by TD(0), a step per layer.

Columns are (phi_j, gamma phi_j', R_j), the query's (phi_n, 0, 0); x = (phi, phi') and y = R.
P keeps the rewards, Q = (-C^T, C^T) on the rows of phi: any matrix C preconditions the step.
"""

import numpy as np
from hypothesis import strategies as st

from constructions import from_matrices
from verify import claim, strategies


def td0(X, y, queries, layers, gamma, C):
    """w <- w + 1/n C sum_j (R_j + gamma w^T phi_j' - w^T phi_j) phi_j."""
    phi, following = np.hsplit(X, 2)
    w = 0 * phi[0]
    for _ in range(layers):
        w = w + C @ (phi.T @ (y + gamma * following @ w - phi @ w)) / len(X)
    return queries[:, : len(w)] @ w


def some_matrix(_, d, n):
    return {"C": tuple(tuple((i + 2 * j) % 3 - 1 for j in range(d // 2)) for i in range(d // 2))}


@claim(
    "wang2024.td0",
    source="wang2024, theorem 1",
    statement=r"w \leftarrow w + \tfrac1n C\sum_j(R_j + \gamma w^\top\phi'_j - w^\top\phi_j)\phi_j",
    algorithm=td0,
    cases=lambda: strategies.prompts(
        d=st.sampled_from([2, 4]), layers=st.integers(0, 3), gamma=strategies.positive(),
        build=some_matrix,
    ),
)  # fmt: skip
def transformer(d, layers, gamma, C):
    """As printed, the prediction -[Z_L]_{2d+1, n+1}."""
    first, second = np.split(np.eye(d, dtype=int), 2)
    start = {("phi", "x"): first, ("next", "x_example"): gamma * second, ("r", "y"): 1}
    C = np.array(C)
    Q = {("phi", "phi"): -C.T, ("phi", "next"): C.T}
    layer = {"P": {("r", "r"): 1}, "Q": Q, "M": "examples", "factor": "1/n"}
    rows = {"phi": d // 2, "next": d // 2, "r": 1}
    return from_matrices([layer] * layers, rows=rows, d=d, embedding=start, read={"r": -1})
