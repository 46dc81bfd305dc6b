"""giannou2024: Newton's iteration for a matrix that stands in the tokens, by linear attention.

A layer is H + sum_i V_i H (K_i H)^T (Q_i H), every token reading every token. Column t of a matrix
stands in token t, and `unit` holds the columns of the identity: a head that scores `unit` with
`unit` adds what it values, token by token, and one with value a, key b and query c adds
a (b^T c) for the blocks a, b, c.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ..matrices import from_matrices
from ..parameters import whole
from ..witness import Witness

Head = dict[str, Any]
SOURCE = "giannou2024, arXiv:2403.03183"
# of token t: column t of X_0, then column t of A
MATRICES: dict[str, Any] = {
    "parts": {"initial": "d", "given": "d"},
    "query_parts": (),
    "targets": 0,
}


def identity(d: int) -> tuple[tuple[int, ...], ...]:
    """Its rows; places of tokens are counted in numbers, and so is this."""
    return tuple(tuple(int(i == j) for j in range(d)) for i in range(d))


def product(value: dict[tuple[str, str], Any], key: str, query: str) -> Head:
    """A head of linear attention: value (key^T query), for blocks of rows that are matrices."""
    return {
        "W_V": value,
        "W_K": {("score", key): 1},
        "W_Q": {("score", query): 1},
        "attention": "linear",
    }


def _newton(d: int, layers: list[list[Head]], fourth: str) -> Witness:
    """X_0, A, the identity and a block of zeros, 4 d rows; X_1 is read at the d tokens."""
    from proofs.layer import Readout

    d = whole("d", d)
    rows = {"inverse": "d", "matrix": "d", "unit": "d", fourth: "d"}
    embedding = {
        ("inverse", "initial"): 1,
        ("matrix", "given"): 1,
        ("unit", "position"): identity(d),
    }
    return from_matrices(
        layers,
        rows=rows,
        embedding=embedding,
        prompt={**MATRICES, "positions": d},
        read=Readout("inverse", tokens="examples"),
        d=d,
        name="giannou2024, lemma 4.1",
        source=SOURCE,
    )


def newton_step(d: int) -> Witness:
    """X_1 = X_0 (2 I - A X_0) in two layers, for any A; the block of zeros is zero again.

    The first puts A^T, I (A^T I), into the zeros; the second adds X_0 (I^T I) - X_0 ((A^T)^T X_0).
    """
    first = [product({("transposed", "unit"): 1}, "matrix", "unit")]
    again = {("inverse", "inverse"): 1, ("transposed", "transposed"): -1}
    second = [
        product(again, "unit", "unit"),
        product({("inverse", "inverse"): -1}, "transposed", "inverse"),
    ]
    return _newton(d, [first, second], "transposed")


def step(matrix: str) -> list[Head]:
    """X <- X + X (I^T I) - X (matrix^T X): Newton's iteration where the matrix is symmetric."""
    return [
        product({("inverse", "inverse"): 1}, "unit", "unit"),
        product({("inverse", "inverse"): -1}, matrix, "inverse"),
    ]


def symmetric_step(d: int) -> Witness:
    """X_1 = X_0 (2 I - A X_0) in one layer, for symmetric A."""
    return _newton(d, [step("matrix")], "zeros")


def least_squares(d: int, iterations: int, epsilon: Any) -> Witness:
    """Theorem 4.2 in 3 + T layers of two heads, 4 d + 3 rows; the first d tokens hold matrices.

    Rows: a^T's columns a_1 ... a_n, the identity, X_t, then A^T A and a_test in the test's column,
    y, u = y^T A X_T, and the prediction.
    """
    d, iterations = whole("d", d), whole("iterations", iterations, least=0)
    start = [
        product({("gram", "a"): 1}, "a", "unit"),
        product({("inverse", "a"): epsilon}, "a", "unit"),
    ]
    weights = [product({("u", "y"): 1}, "a", "inverse")]
    end = [
        product({("out", "u"): 1}, "unit", "gram"),
        product({("u", "u"): -1}, "unit", "unit"),
    ]
    repeated = step("gram")
    return from_matrices(
        [start, *[repeated] * iterations, weights, end],
        rows={"a": "d", "unit": "d", "inverse": "d", "gram": "d", "y": 1, "u": 1, "out": 1},
        embedding={
            ("a", "x_example"): 1,
            ("unit", "position"): identity(d),
            ("gram", "x_query"): 1,
            ("y", "y"): 1,
        },
        prompt={"positions": d},
        read="out",
        d=d,
        name="giannou2024, theorem 4.2",
        source=SOURCE,
        parameters={"iterations": iterations, "epsilon": epsilon},
    )


def token_least_squares(d: int, iterations: int, epsilon: Any) -> Witness:
    """The same with 2^-t X_t a_j in token j: no identity in the prompt, T + 2 layers of one head.

    Nothing is to be doubled: N = 2^-t X goes to N - 2^(t-1) N S N. Rows: a_j at examples, a_j at
    examples and tests, N a_j, y, the prediction; 3 d + 2 in all.
    """
    d, iterations = whole("d", d), whole("iterations", iterations, least=0)
    start = [product({("held", "a"): epsilon}, "a", "x")]
    steps = [
        [product({("held", "held"): -(Fraction(2) ** (t - 1))}, "a", "held")]
        for t in range(iterations)
    ]
    end = [product({("out", "y"): 2**iterations}, "a", "held")]
    return from_matrices(
        [start, *steps, end],
        rows={"a": "d", "x": "d", "held": "d", "y": 1, "out": 1},
        embedding={("a", "x_example"): 1, ("x", "x"): 1, ("y", "y"): 1},
        read="out",
        d=d,
        name="giannou2024, theorem 4.2 by tokens",
        source=SOURCE,
        parameters={"iterations": iterations, "epsilon": epsilon},
    )
