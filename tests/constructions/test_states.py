"""What some constructions hold on the way, and at the edge of what they take."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest

import constructions
from verify import algorithms

X = np.array([[F(1), F(2)], [F(-1), F(3, 2)], [F(2), F(0)]], dtype=object)
y = np.array([F(1), F(-2), F(3)], dtype=object)
QUERIES = np.array([[F(1), F(-1)], [F(3), F(1)]], dtype=object)
PASS = constructions.build("recursive_least_squares", d=2, examples=3, ridge=1)


def test_recursive_least_squares_predicts_each_example_from_those_before_it() -> None:
    last = PASS.trace(X, y, QUERIES, "rational")[-1]
    for t in range(1, 3):
        (wanted,) = algorithms.ridge(X[:t], y[:t], X[t : t + 1], F(1))
        assert last["f"][t] == wanted
    assert last["f"][0] == 0


def test_no_token_of_recursive_least_squares_sees_a_later_example() -> None:
    other = y.copy()
    other[2] += 5
    before, after = (PASS.trace(X, t, QUERIES, "rational")[-1] for t in (y, other))
    for slot in ("z", "r", "f"):
        assert (before[slot][:2] == after[slot][:2]).all()
    assert (before["r"][3:] != after["r"][3:]).any()


def test_posterior_variance_shrinks_to_the_prior_without_information() -> None:
    nothing = np.zeros((1, 2))
    witness = constructions.build(
        "bayes_ridge", d=2, examples=1, noise=F(1, 2), prior=3, output="variance"
    )
    assert list(witness.predict(nothing, [1], QUERIES, "rational")) == [3 * 2, 3 * 10]


def test_selection_refuses_a_tie() -> None:
    witness = constructions.build("selection", d=2, examples=3, validation=1, ridges=(1, 1))
    for numbers in ("rational", "float64"):
        with pytest.raises(ZeroDivisionError):
            witness.predict(X, y, QUERIES, numbers)
