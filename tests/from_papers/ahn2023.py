"""Lemma 1 of ahn2023, with a matrix A that need not be symmetric.

A linear transformer Z + 1/n P Z M (Z^T Q Z), M = diag(I_n, 0), whose P keeps the row of the labels
and whose Q is -A on the rows of x, makes a step of gradient descent per layer. For a symmetric A it
is preconditioned by A, as the lemma says; for any A by A^T.
"""

from hypothesis import strategies as st

from constructions import from_matrices, matrix
from verify import claim, formula, strategies
from verify.checks.proof import Matrix


def descent(by):
    """w <- w - by grad R(w), R(w) = 1/(2n) sum (w^T x_i - y_i)^2."""
    step = {"w": f"w - {by}*X.T*(X*w - y)/n"}
    return formula("w.T*x_t", start={"w": "O"}, step=step, repeat="layers")


def any_matrix(_, d, n):
    return {"A": tuple(tuple((3 * i + j * j + 1) % 5 - 2 for j in range(d)) for i in range(d))}


def transformer(d, layers, A):
    """As printed: P_l = diag(0, 1), Q_l = -diag(A, 0), prediction -[Z_L]_{d+1, n+1}."""
    layer = {
        "P": {("y", "y"): 1},
        "Q": {("x", "x"): -matrix(A)},
        "M": "examples",
        "factor": "1/n",
    }
    return from_matrices([layer] * layers, rows={"x": "d", "y": 1}, d=d, read={"y": -1})


said = dict(
    source="ahn2023, lemma 1",
    cases=lambda: strategies.prompts(layers=st.integers(0, 3), build=any_matrix),
    assembled=lambda: [{"d": 3, "layers": 3, "A": Matrix("A")}],
)
claim("ahn2023.lemma1", algorithm=descent("A"), expected="refuted", **said)(transformer)
claim("ahn2023.lemma1.transposed", algorithm=descent("A.T"), **said)(transformer)
