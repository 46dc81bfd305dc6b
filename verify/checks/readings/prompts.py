"""Prompts of the papers' sizes in fractions, and what each layer of a witness predicts there."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpq, fmpq_mat

from constructions.run.forward import trace
from constructions.witness import Witness

from ...strategies import Case

Array = np.ndarray  # of Fractions


def fractions(values: Any, parts: int = 4) -> Array:
    """The floats rounded to multiples of 1/parts."""
    values = np.asarray(values)
    made = np.empty(values.shape, dtype=object)
    made.ravel()[:] = [Fraction(round(parts * float(value)), parts) for value in values.ravel()]
    return made


def gaussian(seed: int, d: int, n: int, queries: int = 1) -> Case:
    """x ~ N(0, I) and w ~ N(0, I), rounded to quarters; y = w^T x."""
    rng = np.random.default_rng(seed)
    X = fractions(rng.standard_normal((n + queries, d)))
    w = fractions(rng.standard_normal(d))
    return Case({"d": d}, X[:n], X[:n] @ w, X[n:])


def reflections(rng: np.random.Generator, size: int, vectors: int = 3) -> Array:
    """An orthogonal matrix (size, size) of fractions: reflections at vectors of 16 signs.

    Of 4 signs where the size is below 16, of one below 4.
    """
    entries = 16 if size >= 16 else 4 if size >= 4 else 1
    made = np.eye(size, dtype=int).astype(object)  # entries^k times the product of k reflections
    for _ in range(vectors):
        v = np.zeros(size, dtype=int).astype(object)
        for place in rng.choice(size, entries, replace=False):
            v[place] = int(rng.choice((-1, 1)))
        made = made * entries - 2 * np.outer(v, v @ made)
    return made * Fraction(1, entries**vectors)


def with_spectrum(seed: int, roots: Sequence[int], n: int, queries: int) -> Case:
    """X = U diag(roots) V^T: X^T X has the squares of `roots` as eigenvalues. y = w^T x."""
    rng, d = np.random.default_rng(seed), len(roots)
    left, right = reflections(rng, n)[:, :d], reflections(rng, d)
    X = product(left * np.array(list(roots), dtype=object), right.T)
    w, asked = fractions(rng.standard_normal(d)), fractions(rng.standard_normal((queries, d)))
    return Case({"d": d}, X, X @ w, asked)


def by_layer(witness: Witness, case: Case, numbers: Any = "rational") -> list[list[Any]]:
    """[[a prediction for each query] after each layer], by the witness's own read-out."""
    readout = witness.readout
    asked = witness.prompt.tokens(len(case.X), len(case.queries)).queries
    read = {(layer, readout.slot) for layer in range(1, len(witness.layer_list) + 1)}
    states = trace(witness, case.X, case.y, case.queries, numbers, read)
    c = readout.coefficient
    return [[state[readout.slot][t] * c for t in asked] for state in states[1:]]


def least_squares(case: Case) -> Array:
    """The weights (d,) with X^T X w = X^T y. Raises ZeroDivisionError where they are not unique."""
    X, y = rational(case.X), rational(case.y.reshape(-1, 1))
    across = X.transpose()
    solved = (across * X).solve(across * y).entries()
    return np.array([fraction(v) for v in solved], dtype=object)


def product(a: Array, b: Array) -> Array:
    """a @ b."""
    made = rational(a) * rational(b)
    return np.array([[fraction(v) for v in row] for row in made.tolist()], dtype=object)


def rational(values: Any) -> fmpq_mat:
    """Fractions (rows, columns) as a matrix of flint, which multiplies a hundred times as fast."""
    return fmpq_mat([[fmpq(v.numerator, v.denominator) for v in row] for row in values])


def fraction(value: fmpq) -> Fraction:
    return Fraction(int(value.p), int(value.q))
