"""The reference of trained linear self-attention: exact losses, the best rates of each depth."""

from __future__ import annotations

from fractions import Fraction as F
from functools import cache

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import constructions
from verify import engine
from verify.checks.analysis.losses import Loss, Regression
from verify.checks.analysis.optimum import evaluated, in_numbers
from verify.checks.analysis.wishart import trace_moment
from verify.claim import Budget, builtin
from verify.claims.ours import optimal as claims
from verify.learners.optimal import (
    expected_loss,
    least_loss,
    least_of_steps,
    optimal_rate,
    optimal_rates,
    spectral_law,
)

n, d = sympy.symbols("n d")
SIZES = st.tuples(st.integers(1, 5), st.integers(1, 8), st.fractions(0, 3, max_denominator=4))
RATES = st.fractions(-1, 1, max_denominator=8)


@cache
def by_parts(traces: tuple[int, ...]):
    """E of a product of traces of powers of S, by Gaussian integration by parts (Stein)."""
    if not traces:
        return sympy.Integer(1)
    k, *rest = traces

    def expected(*powers):
        left = tuple(sorted((p for p in powers if p), reverse=True))
        return d ** (len(powers) - len(left)) * by_parts(left)

    total = (n + k - 1) * expected(k - 1, *rest)
    total += sum(expected(j, k - 1 - j, *rest) for j in range(1, k))
    for i, m in enumerate(rest):
        total += 2 * m * expected(k + m - 1, *rest[:i], *rest[i + 1 :])
    return sympy.expand(total)


@pytest.mark.parametrize("k", range(8))
def test_a_moment_is_what_integration_by_parts_gives_for_every_n_and_d(k):
    expected = by_parts((k,)) if k else d
    assert sympy.expand(trace_moment(k, n, d) - expected) == 0


@settings(max_examples=20)
@given(st.integers(0, 6), st.integers(1, 4), st.integers(1, 4))
def test_a_moment_in_numbers_is_that_of_the_letters(k, examples, size):
    """Where diagrams with more rows than n or d are left out: they add 0."""
    assert trace_moment(k, examples, size) == trace_moment(k, n, d).subs({n: examples, d: size})


@settings(max_examples=5)
@given(st.integers(1, 2), st.integers(1, 2), st.data())
def test_the_loss_is_that_of_the_transformer_with_a_rate_in_each_layer(size, examples, data):
    """The witness run in letters, every monomial's expectation by Isserlis."""
    eta = sympy.symbols("a b")
    witness = constructions.build(
        "gd_plus_plus", d=size, steps=2, step_size=eta, gamma=(sympy.Symbol("g"), 0)
    )
    at = {name: data.draw(RATES) for name in "abg"}
    noise = data.draw(st.fractions(0, 2, max_denominator=3))
    loss = Loss(witness, Regression(noise=sympy.Symbol("v")), examples)
    run = evaluated(in_numbers(loss, {"n": F(examples), "v": noise}), at)
    assert run == expected_loss((at["a"], at["b"]), (at["g"], 0), size, examples, noise)


def test_a_loss_with_quotients_for_its_weights_is_what_substitution_makes_of_it():
    a, v = sympy.symbols("a v")
    witness = constructions.build("gradient_descent", d=2, steps=2, step_size=a)
    loss = Loss(witness, Regression(noise=v), 2)
    field = sympy.QQ.frac_field(*map(sympy.Symbol, loss.letters))
    for value in ((v - n) / (2 * v + n), 1 / v, n, 0):
        assert loss.at(loss.value, field, {"a": value}) == field.from_sympy(
            loss.expression.subs(a, value)
        )


@settings(max_examples=20)
@given(SIZES)
def test_one_layer_has_the_rate_and_the_loss_that_are_claimed(case):
    size, examples, noise = case
    rate = optimal_rate(size, examples, noise)
    assert rate == 1 / (examples + size + 1 + noise)
    assert expected_loss((rate,), (0,), size, examples, noise) == least_loss(*case)
    assert least_loss(*case) == least_of_steps(1, *case)
    found = optimal_rates(1, size, examples, float(noise))
    assert found.step_sizes == pytest.approx((float(rate),), rel=1e-6) and found.gammas == (0.0,)
    assert found.loss == pytest.approx(float(least_loss(*case)), rel=1e-12)


@pytest.mark.parametrize(
    ("layers", "case"),
    [(1, (3, 10, F(0))), (2, (3, 10, F(0))), (2, (4, 3, F(1, 2))), (3, (5, 10, F(1, 4))),
     (4, (20, 40, F(0)))],
)  # fmt: skip
def test_the_rates_are_stationary_and_their_loss_is_exact(layers, case):
    size, examples, noise = case
    found = optimal_rates(layers, size, examples, float(noise))
    exact = expected_loss(found.step_sizes, found.gammas, size, examples, noise)
    assert found.loss == pytest.approx(float(exact), rel=1e-12)
    assert found.slope < 1e-6 * size and found.gammas[-1] == 0
    assert exact >= least_of_steps((3**layers - 1) // 2, size, examples, noise)
    assert found.at_least <= found.loss * (1 + 1e-12)
    for k in range(layers):  # a change of any rate, up or down, does not lower it
        for step in (F(1, 100), -F(1, 100)):
            moved = [F(rate) * (1 + step * (j == k)) for j, rate in enumerate(found.step_sizes)]
            turned = [F(rate) * (1 + step * (j == k)) for j, rate in enumerate(found.gammas)]
            assert expected_loss(moved, found.gammas, size, examples, noise) > exact
            if k < layers - 1:
                assert expected_loss(found.step_sizes, turned, size, examples, noise) > exact


@pytest.mark.parametrize(("case", "deepest"), [((3, 10, 0.0), 4), ((10, 20, 1.0), 3)])
def test_more_layers_and_transforming_the_data_lower_the_loss(case, deepest):
    plain, transforming = (
        [optimal_rates(k, *case, transforming=t).loss for k in range(1, deepest + 1)]
        for t in (False, True)
    )
    for losses in (plain, transforming):
        assert all(b < a for a, b in zip(losses, losses[1:]))
    assert transforming[0] == pytest.approx(plain[0])
    assert all(b < a for a, b in zip(plain[1:], transforming[1:]))
    for losses, degrees in ((plain, (1, 2, 3, 4)), (transforming, (1, 4, 13, 40))):
        bounds = [float(least_of_steps(k, *case[:2], F(case[2]))) for k in degrees]
        assert all(loss >= bound * (1 - 1e-12) for loss, bound in zip(losses, bounds))


def test_no_lower_minimum_of_two_layers_lies_on_a_fine_grid():
    """The best second step and transformation by a grid, the first step solved for."""
    case = (3, 10, 0.0)
    nodes, weights = spectral_law(10, 3, 5)
    second, gamma = np.meshgrid(np.linspace(-1, 1, 201), np.linspace(-0.5, 0.5, 201))
    s = nodes[:, None, None]
    left = 1 - second * s * (1 - gamma * s) ** 2  # of the error after the first step 1 - a s
    mean = lambda terms: np.einsum("i,ijk->jk", weights, terms)  # noqa: E731
    first = mean(s * left**2) / mean(s**2 * left**2)
    lowest = mean(((1 - first * s) * left) ** 2).min()
    found = optimal_rates(2, *case).loss
    assert found <= lowest <= found * 1.2


@pytest.mark.parametrize(("size", "examples", "points"), [(3, 10, 5), (5, 3, 14), (20, 40, 41)])
def test_the_quadrature_has_the_exact_moments(size, examples, points):
    nodes, weights = spectral_law(examples, size, points)
    assert weights.min() > 0 and nodes.min() > -1e-9
    for k in range(2 * points):
        moment = float(trace_moment(k, examples, size))
        assert weights @ nodes**k == pytest.approx(moment, rel=1e-13)


def test_two_layers_beat_two_steps_and_a_layer_that_only_steps_does_not(monkeypatch):
    claim = next(one for one in builtin() if one.id == "optimal_rate.two_layers")
    assert engine.run(claim, Budget(cases=12, quick=True)).verdict.name == "holds"
    monkeypatch.setattr(
        claims, "optimal_rates", lambda k, *case: optimal_rates(k, *case, transforming=False)
    )
    report = engine.run(claim, Budget(cases=12, quick=True))
    assert report.verdict.name == "refuted" and "two steps" in str(report.verdict.counterexample)


@pytest.mark.parametrize("layers", [0, 5])
def test_depths_without_a_grid_are_refused(layers):
    with pytest.raises(ValueError, match="layers must be 1 to 4"):
        optimal_rates(layers, 2, 3)


def test_as_many_gammas_as_step_sizes():
    with pytest.raises(ValueError, match="2 step sizes and 1 gammas"):
        expected_loss((1, 1), (0,), 2, 3)
