"""Lemma 1 of ahn2023: preconditioned gradient descent, and what a non-symmetric A makes of it.

A linear transformer Z + 1/n P Z M (Z^T Q Z), M = diag(I_n, 0), whose P keeps the row of the labels
and whose Q is -A on the rows of x, makes a step per layer. For a symmetric A the step is
preconditioned by A; for any A it is by A^T, and not by A.
"""

import numpy as np
from hypothesis import strategies as st

from constructions import from_matrices
from verify import claim, formula, matrix, strategies


def descent(by):
    """w <- w - by grad R(w), R(w) = 1/(2n) sum (w^T x_i - y_i)^2."""
    step = {"w": f"w - {by}*X.T*(X*w - y)/n"}
    return formula("w.T*x_t", start={"w": "O"}, step=step, repeat="layers")


def drawn(entry):
    def build(_, d, n):
        return {"A": tuple(tuple(entry(i, j) % 5 - 2 for j in range(d)) for i in range(d))}

    return lambda: strategies.prompts(layers=st.integers(0, 3), build=build)


symmetric, other = drawn(lambda i, j: i * j + i + j + 3), drawn(lambda i, j: 3 * i + j * j + 1)


def transformer(d, layers, A):
    """As printed: P_l = diag(0, 1), Q_l = -diag(A, 0), prediction -[Z_L]_{d+1, n+1}."""
    Q = {("x", "x"): -np.array(A)}
    layer = {"P": {("y", "y"): 1}, "Q": Q, "M": "examples", "factor": "1/n"}
    return from_matrices([layer] * layers, rows={"x": "d", "y": 1}, d=d, read={"y": -1})


any_A = [{"d": 3, "layers": 3, "A": matrix("A")}]
by_A = dict(algorithm=descent("A"), source="ahn2023, lemma 1")
claim("ahn2023.lemma1", cases=symmetric, **by_A)(transformer)
claim("ahn2023.lemma1.any", cases=other, expected="refuted", **by_A)(transformer)
by_A |= dict(algorithm=descent("A.T"), assembled=lambda: any_A)
claim("ahn2023.lemma1.transposed", cases=other, **by_A)(transformer)
