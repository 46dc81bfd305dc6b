"""What predictions react to, of models of which it is known; and intervals that cover."""

from __future__ import annotations

import numpy as np
import pytest

import constructions
from constructions import from_matrices
from verify import algorithms
from verify.learners.data import tasks
from verify.learners.intervals import mean, median, ratio
from verify.learners.model import NoModelError, model
from verify.learners.sensitivity import NOISES, nearest_ridge, order, ridges, sensitivity

SIZES = {"d": 5, "n": 20}
RNG = np.random.default_rng


def descent(**more):
    return constructions.build("gradient_descent", d=5, steps=6, step_size=0.012, **more)


def bayes(noise):
    return constructions.build("bayes_ridge", d=5, examples=20, noise=noise**2, prior=1)


def online_descent(n):
    """A causal witness: one gradient step on each example in turn, as a triangular system."""
    earlier = {
        "P": {("e", "e"): -0.02, ("fit", "e"): 0.02},
        "Q": {("x", "x"): 1},
        "mask": "strictly causal",
    }
    itself = {"P": {("e", "e"): -1}, "Q": {("one", "one"): 1}, "mask": "j == t"}
    rows = {"x": "d", "e": 1, "one": 1, "fit": 1}
    start = {("x", "x"): 1, ("e", "y"): 1, ("one", "one"): 1}
    layers = [[earlier, itself]] * n
    return from_matrices(layers, rows=rows, d=5, n=n, embedding=start, read="fit")


# -- order ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "build",
    [
        descent,
        lambda: constructions.build("newton", d=5, iterations=3, alpha=0.0005),
        lambda: constructions.build("sherman_morrison", d=5, examples=20, ridge=1),  # causal
    ],
    ids=["gradient descent", "newton", "sherman-morrison"],
)
def test_what_sums_over_examples_does_not_see_their_order(build):
    found = order(model(build()), tasks(RNG(0), 32, 20, 5, 1, 0.5), RNG(1))
    assert found.of_spread.mean.high < 1e-12 and found.largest < 1e-11


def test_what_takes_examples_one_after_the_other_sees_their_order():
    drawn = tasks(RNG(0), 32, 20, 5, 1, 0.5)
    causal = order(model(online_descent(20)), drawn, RNG(1))
    assert causal.of_spread.mean.low > 0.02 and causal.of_spread.median.low > 0.02
    algorithm = model(lambda X, y, q: algorithms.one_pass_sgd(X, y, q, 0.01))
    assert order(algorithm, drawn, RNG(1)).of_spread.mean.value == pytest.approx(
        causal.of_spread.mean.value, rel=1e-9
    )


def test_weights_of_examples_that_differ_by_a_thousandth_are_seen_as_order():
    def weighted(X, y, queries):
        weight = 1 + 0.001 * np.arange(len(y))
        return algorithms.gradient_descent(X, y * weight, queries, 6, 0.012)

    found = order(model(weighted), tasks(RNG(0), 32, 20, 5, 1, 0.5), RNG(1))
    assert 1e-5 < found.of_spread.mean.low < found.of_spread.mean.high < 0.01


# -- noise ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.125, 0.5, 2.0])
def test_bayes_ridge_is_on_the_bayes_curve_at_its_noise_and_off_it_elsewhere(noise):
    found = sensitivity(bayes(noise), **SIZES, prompts=64)
    for at in found.noise:
        assert at.nearest.ridge == pytest.approx(noise**2, rel=1e-5) and not at.nearest.edge
        assert at.errors.bayes.mean.value <= at.errors.model.mean.value * 1.3
        if at.noise == noise:
            assert at.errors.to_bayes.mean.high < 1e-20
        else:
            assert at.errors.to_bayes.mean.low > 1e-6
            assert not at.nearest.low <= at.noise**2 <= at.nearest.high


def test_the_nearest_ridge_tells_least_squares_bayes_and_a_strength_that_is_a_little_off():
    drawn = tasks(RNG(0), 64, 20, 5, 4, 1.0)
    for strength in (0.0, 1.0, 1.1, 300.0):
        exact = model(lambda X, y, q, s=strength: algorithms.ridge(X, y, q, s))
        found = nearest_ridge(exact, drawn, RNG(1))
        assert found.ridge == pytest.approx(strength, rel=1e-5)
        assert found.distance.mean.high < 1e-10
    rng = RNG(2)
    noisy = model(
        lambda X, y, q: algorithms.ridge(X, y, q, 1.0) + 0.05 * rng.standard_normal(len(q))
    )
    found = nearest_ridge(noisy, drawn, RNG(1))
    assert found.low < 1.0 < found.high and found.high - found.low > 0.01
    assert nearest_ridge(model(lambda X, y, q: q[:, 0] * 0), drawn, RNG(1)).edge


def test_a_model_that_knows_the_noise_goes_from_least_squares_to_ridge():
    """Its strength is an estimate of the variance, of the residuals of least squares."""

    def empirical(X, y, queries):
        rest = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
        return algorithms.ridge(X, y, queries, max(rest @ rest / (len(y) - X.shape[1]), 1e-12))

    found = sensitivity(empirical, **SIZES, prompts=64).noise
    strengths = [at.nearest.ridge for at in found]
    assert strengths == sorted(strengths) and [at.noise for at in found] == list(NOISES)
    assert strengths[0] < 1e-4
    for at in found[1:]:
        assert at.nearest.ridge == pytest.approx(at.noise**2, rel=0.25)
    assert found[-1].errors.to_bayes.mean.high < found[-1].errors.to_least_squares.mean.low


@pytest.mark.parametrize(("n", "d"), [(3, 5), (5, 5), (9, 4), (1, 1)])
def test_references_are_the_algorithms(n, d):
    drawn = tasks(RNG(n), 3, n, d, 2, 0.5)
    made = ridges(drawn, (0.0, 0.7))
    for b, prompt in enumerate(zip(*drawn.prompts)):
        assert np.allclose(made[0, b], algorithms.least_squares(*prompt), rtol=1e-8, atol=1e-10)
        assert np.allclose(made[1, b], algorithms.ridge(*prompt, 0.7), rtol=1e-9)


# -- conditioning and few examples -----------------------------------------------------------------


def test_conditioning_slows_gradient_descent_and_leaves_least_squares():
    def slow(X, y, queries):  # in small steps, since the largest eigenvalue grows with kappa
        return algorithms.gradient_descent(X, y, queries, 60, 0.003)

    gaps = [
        at.errors.to_least_squares.median
        for at in sensitivity(slow, **SIZES, prompts=64, noise=0.1).conditioning
    ]
    assert gaps[0].high < gaps[1].low and gaps[0].high < gaps[2].low
    found = sensitivity(algorithms.least_squares, **SIZES, prompts=32)
    for at in found.conditioning:
        assert at.errors.to_least_squares.mean.high < 1e-20
    assert found.noise[0].errors.model.mean.high < 1e-20  # without noise it finds w


def test_with_few_examples_the_solution_of_minimum_norm_is_told_from_others():
    def few(given):
        found = sensitivity(given, **SIZES, prompts=64).minimum_norm
        assert [at.n for at in found] == [1, 2, 3, 4]
        return found

    def another(X, y, queries):  # as good a solution, with a part that no example sees
        rest = np.eye(5) - np.linalg.pinv(X) @ X
        return algorithms.least_squares(X, y, queries) + queries @ rest @ np.ones(5)

    for at in few(algorithms.least_squares):
        assert at.from_minimum_norm.mean.high < 1e-15 and at.outside.mean.high < 1e-15
    for at in few(descent()):  # stays within the examples' span, and is not there yet
        assert at.from_minimum_norm.median.low > 1e-3 and at.outside.mean.high < 1e-20
    for at in few(another):
        assert at.from_minimum_norm.mean.low > 0.01 and at.outside.mean.low > 0.1


def test_errors_fall_with_examples_and_a_model_for_n_examples_refuses_others():
    found = sensitivity(algorithms.least_squares, **SIZES, prompts=64, noise=0.1).examples
    assert [at.n for at in found] == list(range(1, 11))
    medians = [at.errors.model.median.value for at in found]
    assert medians[0] > 0.3 and medians[-1] < 0.05
    assert found[4].from_minimum_norm is None
    refused = sensitivity(bayes(0.5), **SIZES, prompts=32).examples
    assert all(at.errors is None and "was built for 20" in at.refused for at in refused)
    with pytest.raises(NoModelError, match="was built for 20"):
        sensitivity(bayes(0.5), d=5, n=19)


# -- intervals ------------------------------------------------------------------------------------

DRAWN = {
    "normal": (lambda rng, size: rng.standard_normal(size), 0.0, 0.0),
    "squares of normals": (lambda rng, size: rng.standard_normal(size) ** 2, 1.0, 0.45493642311957),
}
TRIED = 1500


def share(covered):
    return np.mean([covered(RNG(seed)) for seed in range(TRIED)])


def within(interval, value):
    return interval.low <= value <= interval.high


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("size", [32, 64])
def test_intervals_cover_as_often_as_they_say(name, size):
    draw, of_mean, of_median = DRAWN[name]
    error = 3 * np.sqrt(0.95 * 0.05 / TRIED)
    # of squares of normals the studentised bootstrap falls short by about 1 / 100 at these sizes
    least = 0.95 - error - (0.01 if name != "normal" else 0)
    assert least < share(lambda rng: within(mean(draw(rng, size)), of_mean)) < 0.95 + error
    assert share(lambda rng: within(median(draw(rng, size)), of_median)) > 0.95 - error


@pytest.mark.parametrize("size", [32, 64])
def test_the_interval_of_a_ratio_covers_as_often_as_it_says(size):
    def squares(rng):  # what R^2 is made of: 1 - sum |e|^2 / sum |t|^2, in 5 dimensions
        error, target = (rng.standard_normal((size, 5)) for _ in range(2))
        return 0.3 * (error**2).sum(axis=1), (target**2).sum(axis=1)

    covered = share(lambda rng: within(ratio(*squares(rng)), 0.3))
    assert abs(covered - 0.95) < 3 * np.sqrt(0.95 * 0.05 / TRIED)


def test_an_interval_that_is_too_short_is_seen_to_cover_too_seldom():
    draw, of_mean, _ = DRAWN["squares of normals"]

    def percentiles_of_half(rng):  # of the standard error of a sample twice as large
        values = draw(rng, 32)
        spread = 1.96 * values.std(ddof=1) / np.sqrt(64)
        return abs(values.mean() - of_mean) <= spread

    assert share(percentiles_of_half) < 0.85


def test_an_interval_of_equal_values_is_the_value_and_one_that_cannot_be_negative_is_not():
    for made in (
        mean(np.full(9, 0.1)),
        median(np.full(9, 0.1)),
        ratio(np.full(9, 0.2), np.full(9, 2.0)),
    ):
        assert made.low == made.high == pytest.approx(0.1)
    wild = np.array([1e-9] * 30 + [1.0])
    assert mean(wild).low < 0 == mean(wild, least=0.0).low
