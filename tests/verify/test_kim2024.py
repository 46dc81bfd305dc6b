"""kim2024: the plug-in layer, when it is least squares, and that what is slightly wrong is seen."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest
from found import claims_of, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from constructions.papers import kim2024 as paper
from verify import Claim, engine, strategies
from verify.claim import Budget
from verify.claims import kim2024, kim2024_rate

CLAIMS = claims_of("kim2024")
FEW = Budget(cases=20)


def transposed(d: int, gamma: Any) -> Any:
    return paper.head(d, tuple(zip(*gamma)))


def summed(d: int, gamma: Any) -> Any:
    made = paper.head(d, gamma)
    (layer,) = made.layer_list
    return made.with_layers((replace(layer, heads=(replace(layer.heads[0], average=""),)),))


def with_queries(d: int, gamma: Any) -> Any:
    """Its average over all tokens, the queries among them."""
    made = paper.head(d, gamma)
    (layer,) = made.layer_list
    head = replace(layer.heads[0], keys="full", average="keys")
    return made.with_layers((replace(layer, heads=(head,)),))


@pytest.mark.parametrize("wrong", [transposed, summed, with_queries])
def test_another_layer_is_not_the_plug_in(wrong):
    assert verdict("kim2024.head", witness=wrong, assembled=None).name == "refuted"


def test_the_population_is_not_the_prompt_and_the_smallest_prompt_says_so():
    found = verdict("kim2024.head.population")
    assert found.name == "refuted" and len(found.counterexample["X"]) == 1
    assert verdict("kim2024.head.population", "repaired").name == "holds"

    def twice(d: int, covariance: Any) -> Any:
        return paper.head(d, [[2 * e for e in row] for row in kim2024.inverse(covariance)], "x")

    assert verdict("kim2024.head.population", "repaired", witness=twice).name == "refuted"


@settings(max_examples=20)
@given(strategies.matrix(2, invertible=True))
def test_an_inverse_is_one(rows):
    product = np.array(rows, dtype=object) @ np.array(kim2024.inverse(rows), dtype=object)
    assert product.tolist() == [[1, 0], [0, 1]]


def test_two_prompts_ask_for_two_gammas():
    assert kim2024.no_gamma({"first": F(2), "second": F(2)}) is None
    shown = kim2024.no_gamma({"first": F(1), "second": F(2)})
    assert shown and (shown["there"], shown["least squares"]) == ("2", "1/2")


@pytest.mark.parametrize("degree, basis", [(1, 3), (2, 4)])
def test_splines_are_made_by_the_network_and_a_changed_knot_is_seen(degree, basis):
    unit = tuple(tuple(int(i == j) for j in range(basis)) for i in range(basis))
    X = np.array([[F(k, 8)] for k in range(9)], dtype=object)
    y = np.array([F(k) for k in range(9)], dtype=object)
    made = paper.spline_head(basis, unit, degree).predict(X, y, X, "rational")
    assert (made == kim2024.spline_plug_in(X, y, X, basis, unit, degree)).all()
    other = kim2024.spline_plug_in(X + F(1, 100), y, X, basis, unit, degree)
    assert (made != other).any()


# -- the rate -------------------------------------------------------------------------------------


def rate(check: Any) -> Any:
    return engine.run(Claim("one", checks=lambda: check), Budget(quick=True)).verdict


CHECKS = ("every_basis", "every_prompt", "gaussian", "balanced", "measured")


@pytest.mark.parametrize("name", CHECKS)
def test_every_part_of_the_rate_stands(name):
    assert rate(getattr(kim2024_rate, name)()).name in ("holds", "undecided")
    assert getattr(kim2024_rate, name)().run(Budget(quick=True)).passed


@pytest.mark.parametrize("name", ["every_basis", "every_prompt", "measured"])
@pytest.mark.parametrize(
    "wrong",
    [
        lambda N, count, square, projected, noise: square - projected + N * noise / count,
        lambda N, count, square, projected, noise: square + N * (square + noise) / count,
    ],
)
def test_another_formula_of_the_error_is_refuted(name, wrong, monkeypatch):
    monkeypatch.setattr(kim2024_rate, "risk", wrong)
    found = getattr(kim2024_rate, name)().run(Budget(quick=True))
    assert found.passed is False and found.counterexample


def test_another_gamma_errs_otherwise(monkeypatch):
    monkeypatch.setattr(
        kim2024_rate,
        "of_bins",
        lambda N: [[N + 1 if i == j else 0 for j in range(N)] for i in range(N)],
    )
    assert kim2024_rate.every_prompt().run(Budget()).passed is False


@settings(max_examples=15)
@given(st.integers(1, 4), st.integers(1, 4))
def test_bins_are_the_indicators_on_their_places(bins, places):
    unit = [[int(i == j) for j in range(bins)] for i in range(bins)]
    total = bins * places
    X = np.array([[F(2 * k + 1, 2 * total)] for k in range(total)], dtype=object)
    states = paper.bin_head(bins, places, unit).trace(X, [F(0)] * total, X, "rational")
    made = np.asarray(states[1]["phi"])[:total]
    assert made.tolist() == [[int(k // places == b) for b in range(bins)] for k in range(total)]
