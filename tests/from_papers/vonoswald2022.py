"""Proposition 1 of vonoswald2022 from its dense matrices, on tokens e_j = (x_j, y_j).

W_K = W_Q = (I 0; 0 0), W_V = (0 0; W_0 -1) and P = eta/n I; every token reads the examples, and the
query enters as (x, -W_0 x). One layer is a step of gradient descent on 1/(2n) sum (w^T x - y)^2.
"""

import numpy as np
from hypothesis import strategies as st

from constructions import from_matrices
from verify import algorithms, claim, strategies


def descend(X, y, queries, steps, step_size, w0):
    return algorithms.gradient_descent(X, y, queries, steps, step_size, w0=w0, loss="mean")


@claim(
    "vonoswald2022.dense",
    source="vonoswald2022, proposition 1",
    statement=r"k \text{ layers are } k \text{ steps } W \leftarrow W - \eta\nabla L(W)",
    algorithm=descend,
    cases=lambda: strategies.prompts(
        steps=st.integers(0, 3),
        step_size=strategies.positive(),
        build=lambda _, d, n: {"w0": tuple(range(-1, d - 1))},
    ),
)
def transformer(d, steps, step_size, w0):
    """As printed, the prediction minus the last entry of the query's token."""
    W_0, column = np.array([w0]), np.zeros((d, 1), dtype=int)
    W_K = np.block([[np.eye(d, dtype=int), column], [column.T, 0]])
    W_V = np.block([[np.zeros((d, d), dtype=int), column], [W_0, -1]])
    layer = {"P": step_size * np.eye(d + 1, dtype=int), "W_V": W_V, "W_K": W_K, "W_Q": W_K}
    layer |= {"M": "examples", "factor": "1/n", "attention": "linear"}
    start = {("x", "x"): 1, ("y", "y"): 1, ("y", "x_query"): -W_0}
    rows = {"x": "d", "y": 1}
    return from_matrices([layer] * steps, rows=rows, d=d, embedding=start, read={"y": -1})
