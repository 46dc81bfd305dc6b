"""Preconditioned gradient descent from a paper's matrices, for a matrix A that is not symmetric.

Z + 1/n P Z M (Z^T Q Z), M = diag(I_n, 0): with Q = -A on the rows of x, a layer is a step that is
preconditioned by A^T. For a symmetric A that is A, as lemma 1 of ahn2023 has it.
"""

import numpy as np
from hypothesis import strategies as st

from constructions import from_matrices
from verify import claim, count, formula, matrix, strategies


def descent(by):
    """w <- w - by grad R(w), R(w) = 1/(2n) sum (w^T x_i - y_i)^2."""
    step = {"w": f"w - {by}*X.T*(X*w - y)/n"}
    return formula("w.T*x_t", start={"w": "O"}, step=step, repeat="layers")


def transformer(d, layers, A):
    """As printed: P = diag(0, 1), Q = -diag(A, 0), the prediction -[Z_L]_{d+1, n+1}."""
    Q = {("x", "x"): -np.array(A)}
    layer = {"P": {("y", "y"): 1}, "Q": Q, "M": "examples", "factor": "1/n"}
    return from_matrices([layer] * layers, rows={"x": "d", "y": 1}, d=d, read={"y": -1})


def a_claim(name, by, declared, **fields):
    """The claim that layers are steps preconditioned `by`, for every A that is as declared."""
    any_size = {"d": 3, "layers": count("layers"), "A": matrix("A", **declared)}
    claim(
        f"preconditioned_descent.{name}",
        source="ahn2023, lemma 1",
        algorithm=descent(by),
        cases=lambda: strategies.prompts(layers=st.integers(0, 3), A=strategies.matrix(**declared)),
        assembled=lambda: [any_size],
        **fields,
    )(transformer)


a_claim("symmetric", "A", {"symmetric": True})
a_claim("transposed", "A.T", {})
a_claim("any", "A", {}, expected="refuted")
