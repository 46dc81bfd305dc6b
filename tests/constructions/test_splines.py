"""B-spline features: exact, and in front of any witness."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest

import constructions
from constructions.algorithms.spline_regression import with_splines
from proofs.weights.splines import basis
from verify import algorithms

X = np.array([[F(i, 7)] for i in range(7)], dtype=object)
y = np.array([F(i * i - 3 * i) for i in range(7)], dtype=object)
QUERIES = np.array([[F(1, 3)], [F(9, 10)], [F(0)]], dtype=object)


@pytest.mark.parametrize("degree", [1, 2])
def test_relus_make_the_b_splines_of_cox_and_de_boor(degree: int) -> None:
    plain = constructions.build("gradient_descent", d=5, steps=1, step_size=1)
    witness = with_splines(plain, degree)
    features = witness.trace(X, y, QUERIES, "rational")[1]["x"]
    for t, (v,) in enumerate(X):
        assert list(features[t]) == [algorithms._b_spline(v, i, degree, 5) for i in range(5)]
        assert sum(features[t]) == 1 or v == 1


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("hyperpower", {"iterations": 2, "alpha": F(1, 9)}),
        ("recursive_least_squares", {"examples": 7, "ridge": F(1, 2)}),
        ("lasso", {"steps": 2, "step_size": F(1, 9), "penalty": F(1, 4)}),
    ],
)
def test_any_witness_can_stand_behind_the_features(name: str, given: dict) -> None:
    witness = constructions.build(name, d=3, **given)
    rows = [[algorithms._b_spline(v, i, 1, 3) for i in range(3)] for (v,) in (*X[:-1], *QUERIES)]
    table = np.array(rows, dtype=object)
    inputs = X[:-1], y[:-1]
    if name == "recursive_least_squares":
        witness = constructions.build(name, d=3, **given | {"examples": 6})
    wanted = witness.predict(table[:6], inputs[1], table[6:], "rational")
    found = with_splines(witness).predict(*inputs, QUERIES, "rational")
    assert list(found) == list(wanted)


def test_solved_weights_are_binomial() -> None:
    assert [int(w) for w in basis(1).weights.values()] == [1, -2, 1]
    assert [2 * w for w in basis(2).weights.values()] == [1, -3, 3, -1]


def test_another_prompt_is_refused() -> None:
    interleaved = constructions.build("newton", d=3, iterations=1, alpha=1, prompt="interleaved")
    with pytest.raises(ValueError, match="joint prompt"):
        with_splines(interleaved)
