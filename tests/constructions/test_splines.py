"""B-spline features: exact, and in front of any construction."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest

import constructions
from constructions.algorithms.kernels.spline_regression import with_splines
from constructions.parameters import Whole
from constructions.witness import Witness
from proofs.weights.splines import basis
from verify import algorithms

X = np.array([[F(i, 7)] for i in range(7)], dtype=object)
y = np.array([F(i * i - 3 * i) for i in range(7)], dtype=object)
QUERIES = np.array([[F(1, 3)], [F(9, 10)], [F(0)]], dtype=object)


def on_splines(name: str, basis: int, degree: int = 1, **given: Any) -> Witness:
    """The construction on so many splines of a number."""
    made = constructions.get(name)
    values = made.values(d=basis, **given)
    steps = made.steps(values) if callable(made.steps) else values[made.steps]
    return replace(
        made,
        parts=lambda: with_splines(made.of(values), basis, degree),
        parameters={"d": Whole()},
        steps=lambda _: steps,
        reference=None,
    )(d=1)


@pytest.mark.parametrize("degree", [1, 2])
def test_relus_make_the_b_splines_of_cox_and_de_boor(degree: int) -> None:
    witness = on_splines("gradient_descent", 5, degree, steps=1, step_size=1)
    features = witness.trace(X, y, QUERIES, "rational")[1]["x"]
    for t, (v,) in enumerate(X):
        assert list(features[t]) == [algorithms.b_spline(v, i, degree, 5) for i in range(5)]
        assert sum(features[t]) == 1 or v == 1


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("hyperpower", {"iterations": 2, "alpha": F(1, 9)}),
        ("recursive_least_squares", {"examples": 6, "ridge": F(1, 2)}),
        ("lasso", {"steps": 2, "step_size": F(1, 9), "penalty": F(1, 4)}),
    ],
)
def test_any_construction_can_stand_behind_the_features(name: str, given: dict) -> None:
    rows = [[algorithms.b_spline(v, i, 1, 3) for i in range(3)] for (v,) in (*X[:-1], *QUERIES)]
    table = np.array(rows, dtype=object)
    plain = constructions.build(name, d=3, **given)
    wanted = plain.predict(table[:6], y[:-1], table[6:], "rational")
    found = on_splines(name, 3, **given).predict(X[:-1], y[:-1], QUERIES, "rational")
    assert list(found) == list(wanted)


def test_solved_weights_are_binomial() -> None:
    assert [int(w) for w in basis(1).weights.values()] == [1, -2, 1]
    assert [2 * w for w in basis(2).weights.values()] == [1, -3, 3, -1]


def test_another_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match="joint prompt"):
        on_splines("newton", 3, iterations=1, alpha=1, prompt="interleaved")
