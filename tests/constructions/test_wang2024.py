"""wang2024: the matrices as printed, and the authors' own size."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from constructions import from_matrices
from constructions.numbers.ball import Ball
from constructions.papers import wang2024
from proofs.flint_precision import precision
from verify import algorithms

KINDS = ("td0", "tdlambda", "residual", "average")
ROWS = {"phi": "d", "next": "d", "y": 1}


def numbers(rng: np.random.Generator, *shape: int, over: int = 2) -> np.ndarray:
    """Small fractions."""
    made = np.empty(shape, dtype=object)
    made.ravel()[:] = [Fraction(int(e), over) for e in rng.integers(-3, 4, made.size)]
    return made


def as_rows(matrix: np.ndarray) -> tuple:
    return tuple(map(tuple, matrix))


def built(kind: str, C: list[np.ndarray], n: int, gamma: Fraction, decay: Fraction):
    """The witness, and the values by the algorithm."""
    given = {"d": len(C[0]), "layers": len(C), "C": tuple(map(as_rows, C))}
    said = {"gamma": gamma}
    if kind == "average":
        made, said = wang2024.average(**given, R=wang2024.centred(n)), {"centred": True}
    elif kind == "tdlambda":
        made = wang2024.tdlambda(**given, gamma=gamma, M=wang2024.traces(decay, n))
        said["decay"] = decay
    elif kind == "residual":
        made, said = wang2024.residual(**given, gamma=gamma), {"gamma": gamma, "method": "residual"}
    else:
        made = wang2024.td0(**given, gamma=gamma)
    return made, lambda X, y, queries: algorithms.temporal_differences(X, y, queries, C, **said)


def printed(kind: str, C: list[np.ndarray], n: int, gamma: Fraction, decay: Fraction):
    """Z + 1/n P Z M (Z^T Q Z) with the matrices written out, one query: n + 1 tokens."""
    d, last = len(C[0]), Fraction(0)
    width = 2 * d + (2 if kind == "average" else 1)
    M = np.array([[Fraction(int(r == c and r < n)) for c in range(n + 1)] for r in range(n + 1)])
    if kind == "tdlambda":
        for r in range(n):
            for c in range(r):
                M[r, c] = decay ** (r - c)
    U = np.array([[Fraction(int(r <= c), c + 1) - (r == c) for c in range(n + 1)]
                  for r in range(n + 1)])  # fmt: skip
    layers = []
    for one in C:
        Q, P, P_1 = (np.full((width, width), last) for _ in range(3))
        Q[:d, :d], Q[:d, d : 2 * d] = -one.T, one.T
        if kind == "residual":
            Q[d : 2 * d, :d], Q[d : 2 * d, d : 2 * d] = one.T, -one.T
        P[-1, -1] = P_1[-1, -2] = Fraction(1)
        head = {"P": P, "Q": Q, "M": M, "factor": Fraction(1, n)}
        layers.append([head, head | {"P": P_1, "M": U @ M}] if kind == "average" else [head])
    rows = {"phi": "d", "next": "d", "r": 1, "v": 1} if kind == "average" else ROWS
    start = {("phi", "phi"): 1, ("next", "phi_next"): 1 if kind == "average" else gamma}
    start[("r" if kind == "average" else "y", "y")] = 1
    read = "v" if kind == "average" else {"y": -1}
    return from_matrices(layers, rows=rows, d=d, embedding=start, read=read,
                         prompt=wang2024.TRANSITIONS)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12)
@given(seed=st.integers(0, 2**20), d=st.integers(1, 3), n=st.integers(1, 4), k=st.integers(1, 3))
def test_the_layers_are_the_printed_matrices(kind, seed, d, n, k):
    rng = np.random.default_rng(seed)
    C = [numbers(rng, d, d) for _ in range(k)]
    gamma, decay = Fraction(int(rng.integers(0, 5)), 4), Fraction(int(rng.integers(0, 4)), 3)
    X, y, query = numbers(rng, n, 2 * d), numbers(rng, n), numbers(rng, 1, d)
    made, algorithm = built(kind, C, n, gamma, decay)
    literal = printed(kind, C, n, gamma, decay)
    should = algorithm(X, y, query).tolist()
    assert made.predict(X, y, query, "rational").tolist() == should
    assert literal.predict(X, y, query, "rational").tolist() == should


@pytest.mark.parametrize("kind", KINDS)
def test_at_the_authors_size_with_any_matrices_it_is_the_algorithm_exactly(kind):
    """d = 3, n = 100, 40 layers, which they run in float64 with C = I: here in fractions and balls,
    a matrix for each layer."""
    rng = np.random.default_rng(42)
    d, n, layers = 3, 100, 40
    C = [numbers(rng, d, d, over=4) for _ in range(layers)]
    X, y, query = numbers(rng, n, 2 * d), numbers(rng, n), numbers(rng, 1, d)
    made, algorithm = built(kind, C, n, Fraction(9, 10), Fraction(1, 2))
    (should,) = algorithm(X, y, query)
    assert made.predict(X, y, query, "rational").tolist() == [should]
    (ball,) = made.predict(X, y, query, Ball(precision=384))
    with precision(384):
        exact = arb(fmpq(should.numerator, should.denominator))
        assert ball.contains(exact) and not ball.contains(exact * (1 + arb(2) ** -150))
    assert should.denominator > 10**100  # far beyond what floats have
