"""The rounding bound: above every error seen, small enough that a wrong weight exceeds it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import constructions
from constructions import PrecisionWarning


@pytest.mark.parametrize("system", ["float64", "float32", "bfloat16", "float16"])
def test_the_error_is_within_twice_the_bound(witness, batch, system):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        got = witness.predict(*batch, system)
    exact = witness.predict(*batch, "rational").astype(float)
    assert (np.abs(got - exact) <= 2 * witness.rounding_bound(*batch, system)).all()


def test_the_bound_is_small(witness, batch):
    exact = np.abs(witness.predict(*batch, "rational").astype(float)).max()
    assert (witness.rounding_bound(*batch) <= 1e-10 * exact).all()


def test_the_bound_shrinks_with_the_format(witness, batch):
    coarse, fine = (witness.rounding_bound(*batch, s) for s in ("float32", "float64"))
    assert (fine < coarse * 1e-7).all()


@pytest.mark.parametrize("iterations", [70, 90, 110, 130])
def test_newton_on_rank_deficient_data_warns_before_it_is_wrong(iterations):
    rng = np.random.default_rng(3)
    X, y, queries = rng.standard_normal((3, 5)), rng.standard_normal(3), rng.standard_normal((2, 5))
    alpha = np.linalg.norm(X, 2) ** -4
    w = constructions.build("newton", d=5, iterations=iterations, alpha=alpha)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = w.predict(X, y, queries)
    right = queries @ np.linalg.pinv(X) @ y
    good = np.abs(got - right).max() <= 1e-7 * np.abs(right).max()
    assert good or any(issubclass(c.category, PrecisionWarning) for c in caught)


def test_the_warning_carries_the_bound_and_says_what_to_do():
    X, y, queries = np.array([[1.0, 0.1]]), np.array([1.0]), np.array([[0.3, -1.0]])
    w = constructions.build("newton", d=2, iterations=120, alpha=0.9)
    with pytest.warns(
        PrecisionWarning, match=r"may have moved a prediction by \S+; numbers='rational'"
    ):
        w.predict(X, y, queries)


def test_few_iterations_do_not_warn(witness, batch):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        witness.predict(*batch)


def test_an_overflow_warns():
    w = constructions.build("gradient_descent", d=1, steps=400, step_size=1e3)
    with pytest.warns(PrecisionWarning, match="overflowed"):
        w.predict([[10.0]], [1.0], [[1.0]])


def test_a_literal_construction_in_float32_warns():
    from fractions import Fraction

    w = constructions.build("akyurek2022_theorem1", d=2, step_size=Fraction(1, 8), examples=1)
    with pytest.warns(PrecisionWarning):
        w.predict([[1.0, 2.0]], [1.0], [[0.5, 1.0]], "float32")
