"""The numeric check allows the rounding bound and no more; references in floats decide nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb

import constructions
from constructions.numbers.ball import precision
from verify import algorithms
from verify.checks import floats as numeric
from verify.checks.case import InexactReference
from verify.checks.judge import as_claim, judge
from verify.checks.strict import Strict
from verify.claim import Budget, Claim
from verify.hunt import Differs
from verify.inputs.names import subject
from verify.strategies import Case


def drawn(seed: int = 0, d: int = 2, n: int = 3, m: int = 2, **parameters) -> Case:
    rng = np.random.default_rng(seed)
    shapes = (n, d), n, (m, d)
    return Case({"d": d, **parameters}, *(rng.standard_normal(shape) for shape in shapes))


def newton(algorithm=algorithms.newton) -> Claim:
    claim = as_claim(subject("newton"))
    return replace(claim, algorithm=algorithm)


STEPS = {"iterations": 2, "alpha": Fraction(1, 16)}


def test_the_tolerance_is_the_bound_itself():
    case = drawn(**STEPS)
    error, tolerance = numeric.compare(newton(), case, "float64")
    witness = constructions.build("newton", **case.parameters)
    assert tolerance in witness.rounding_bound(case.X, case.y, case.queries)
    assert error <= tolerance


@pytest.mark.parametrize("system", numeric.SYSTEMS)
def test_what_exceeds_the_bound_is_refuted_however_little(system):
    case = drawn(**STEPS)
    witness = constructions.build("newton", **case.parameters)
    bound = witness.rounding_bound(case.X, case.y, case.queries, system)
    got = np.asarray(witness.predict(case.X, case.y, case.queries, system), dtype=float)

    def off_by(share):
        """Balls away from what was predicted, by that share of the bound at query 1."""
        with precision(256):
            return [arb(float(got[0])), arb(float(got[1])) + arb(float(share * bound[1]))]

    assert numeric.within(case, got, bound, off_by(0.99), system) is not None
    with pytest.raises(Differs):
        numeric.within(case, got, bound, off_by(1.01), system)


NOTHING = Case({}, np.zeros((1, 1)), np.zeros(1), np.zeros((1, 1)))


def test_what_exceeds_a_large_bound_is_refuted_too():
    got, bound = np.array([1.0]), np.array([0.5])
    # within a bound of half the digits nothing is decided
    assert numeric.within(NOTHING, got, bound, [arb(1.4)], "float64") is None
    with pytest.raises(Differs):
        numeric.within(NOTHING, got, bound, [arb(1.6)], "float64")


@pytest.mark.parametrize("bound", [math.inf, math.nan])
def test_a_bound_that_is_not_finite_decides_nothing(bound):
    assert numeric.within(NOTHING, np.ones(1), np.array([bound]), [arb(7)], "float64") is None


# -- right witnesses are not accused -----------------------------------------------------------


def test_newton_with_relus_at_their_kink_is_not_refuted():
    parameters = {"d": 1, "iterations": 1, "alpha": Fraction(1, 2), "attention": "relu"}
    case = Case(parameters, np.array([[1.0]]), np.array([1e300]), np.array([[5e-324], [1.0]]))
    assert judge(newton(), case, "float64")["outcome"] != "refuted"


# -- references that compute in floats ---------------------------------------------------------


def mean_as_float(X, y, queries, iterations, alpha):
    return algorithms.newton(X, y, queries, iterations, alpha) * (3 / float(len(X)))


def cast(X, y, queries, iterations, alpha):
    made = np.asarray(X, dtype=float).T @ np.asarray(y, dtype=float)
    return np.asarray(queries, dtype=float) @ made


def rounded_parameter(X, y, queries, iterations, alpha):
    return algorithms.newton(X, y, queries, iterations, float(alpha))


def a_float_of_its_own(X, y, queries, iterations, alpha):
    return algorithms.newton(X, y, queries, iterations, alpha) + 0.25


def numpy_float(X, y, queries, iterations, alpha):
    return algorithms.newton(X, y, queries, iterations, alpha) * np.float64(1)


INEXACT = [mean_as_float, cast, rounded_parameter, a_float_of_its_own, numpy_float]


@pytest.mark.parametrize("algorithm", INEXACT)
def test_an_algorithm_in_floats_decides_nothing_and_says_so(algorithm):
    case = drawn(**STEPS)
    with pytest.raises(InexactReference, match="floats"):
        numeric.compare(newton(algorithm), case, "float64")
    # exactly representable, the rounded parameter is harmless in fractions
    exact = () if algorithm is rounded_parameter else ("ball", "rational")
    for numbers in ("float64", *exact):
        said = judge(newton(algorithm), case, numbers)
        assert said["outcome"] == "undecided" and "floats" in said["detail"]


@pytest.mark.parametrize("algorithm", INEXACT)
def test_a_check_by_such_an_algorithm_is_open(algorithm):
    from verify.claim import builtin

    (core,) = (claim for claim in builtin() if claim.id == "newton")
    result = numeric.in_floats(replace(core, algorithm=algorithm)).run(Budget(cases=3))
    assert result.passed is None and "decides nothing" in result.detail


def test_a_strict_number_is_a_ball_that_meets_no_float():
    x = Strict(Fraction(1, 3))
    assert (3 * x - 1).ball.contains(0) and (x / 2 + Fraction(1, 3) * x - x**2).ball > 0
    assert x < 1 and -x < 0 and abs(-x) > 0
    assert (x.exp() > 1) and bool(x)
    for meet in (lambda: x * 0.5, lambda: 0.5 - x, lambda: x < 0.5, lambda: float(x),
                 lambda: np.float32(2) * x, lambda: np.array([1.5]) * x):  # fmt: skip
        with pytest.raises(InexactReference):
            meet()
    assert (np.array([1, 2]) * x)[1].ball > 0
