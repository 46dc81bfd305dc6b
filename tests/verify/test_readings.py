"""What is read from measurements: each refutation rests on its premise, and is lost without it."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import constructions
from constructions.papers.akyurek2022.frozen import frozen
from constructions.parts import head, scaled
from constructions.witness import Witness
from proofs.flint_precision import precision
from proofs.layer import Layer
from verify import algorithms, engine
from verify.checks.readings import nearest, probe, profile, prompts, readout
from verify.claim import Budget, Check, Refuted, Undecided, builtin
from verify.claims.akyurek2022 import phases
from verify.claims.akyurek2022 import probe as probes
from verify.claims.fu2023 import match

QUICK = Budget(quick=True)
CENTH = Fraction(1, 100)
WIDE = match.Trend(Fraction(9, 10), most=6, mean=(Fraction(2), Fraction(5)))


def descent(layers: int = 5, alpha: Fraction = CENTH) -> Witness:
    """(3^L - 1)/2 gradient steps in L layers."""
    return constructions.build("deep_descent", d=20, layers=layers, alpha=alpha)


def one_step_a_layer(layers: int) -> Witness:
    return constructions.build("gradient_descent", d=20, steps=layers, step_size=CENTH / 2)


def newton(alpha: Fraction) -> Witness:
    return constructions.build("newton", d=20, iterations=2, alpha=alpha)


def doubled(witness: Witness) -> Witness:
    """What the last layer's first head writes, twice."""
    *before, last = witness.layer_list
    first, *heads = last.heads
    first = replace(first, value=scaled(first.value, 2))
    return witness.with_layers((*before, replace(last, heads=(first, *heads))))


def told_of_the_others(witness: Witness) -> Witness:
    """One layer more, in which every token reads the sum of all y."""
    summing = head("sum of y", {"one": 1}, {"one": 1}, {"y": {"y": 1}})
    return witness.with_layers((*witness.layer_list, Layer("sum", (summing,))))


# -- each claim, broken -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "check, said",
    [
        (match.second_order_by_profile(one_step_a_layer(5)), "SimE is not above 49/50"),
        (match.second_order_by_profile(descent(alpha=CENTH / 2)), "SimE is not above 49/50"),
        (match.second_order_by_profile(doubled(descent(4))), r"layers add \[3, 3, 5\] Newton"),
        (match.second_order_by_profile(trend=match.Trend(Fraction(999, 1000))), "SimE"),
        (match.second_order_by_profile(trend=match.Trend(factor=Fraction(5))), "by a factor"),
        (match.second_order_by_profile(doubled(descent(4)), trend=WIDE), "is not .* steps"),
        (phases.algorithm_by_nearest(one_step_a_layer(8)), "phases SGD, GD"),
        (phases.algorithm_by_nearest(descent(5, 2 * CENTH)), "phases GD, Ridge$"),
        (probes.decoded_is_computed(weights=2 * probes.decoder(20)), "does not decode"),
        (probes.decoded_is_computed(frozen(20, seed=1)), "does not decode"),
        (probes.absent_is_not_computed(frozen(20)), "linear probe of layer 2 may decode"),
        (probes.absent_is_not_computed(newton(Fraction(1, 255))), "is not least squares"),
    ],
)  # fmt: skip
def test_without_its_premise_nothing_is_concluded(check: Check, said: str) -> None:
    found = check.run(QUICK)
    assert found.passed is None and re.search(said, found.detail), found.detail
    assert isinstance(engine.decide([found.named(kind="exact", strength="exact")]), Undecided)


@pytest.mark.parametrize(
    "check",
    [
        match.reached_by_read_out(roots=[10] * 8 + [5] * 4 + [1] * 8),
        probes.decoded_is_computed(told_of_the_others(frozen(20))),
    ],
)
def test_where_the_conclusion_is_true_the_inference_passes(check: Check) -> None:
    assert check.run(QUICK).passed is True


@pytest.mark.parametrize("model", [one_step_a_layer(2), doubled(descent(2, 2 * CENTH))])
def test_another_response_is_told_from_gradient_descent(model: Witness) -> None:
    found = phases.told_by_response(model).run(QUICK)
    assert found.passed is False and found.counterexample is not None


def test_ridge_regression_has_one_strength_at_every_eigenvalue() -> None:
    for s in (1, 2, 3):
        model = constructions.build("sherman_morrison", d=4, examples=4 * s, ridge=Fraction(1, 3))
        assert 1 / phases.response(model, s, 4)[-1] - s == Fraction(1, 3)


# -- the measures, against independent ones -----------------------------------------------------


def test_the_profile_is_that_of_floats() -> None:
    case, found = prompts.gaussian(0, 20, 41), []
    X, y = case.X.astype(float), case.y.astype(float)
    own, steps = np.zeros((2, 40, 27))
    for t in range(1, 41):
        s, V = np.linalg.eigh(X[:t].T @ X[:t])
        w, query = V.T @ np.linalg.lstsq(X, y, rcond=None)[0], X[t] @ V
        alpha = 1 / np.linalg.norm(s**2)
        for k in range(27):
            steps[t - 1, k] = -query @ ((1 - alpha * s * s) ** 2.0**k * w)
        for layer in range(1, 8):
            own[t - 1, layer] = -query @ ((1 - s / 100) ** ((3**layer - 1) // 2) * w)
    for layer in range(1, 8):
        similar = own[:, layer] @ steps / np.linalg.norm(steps, axis=0)
        found.append(int(np.argmax(similar)))
    assert found == [1, 4, 7, 11, 14, 16, 20]
    counterexample = match.second_order_by_profile().run(Budget()).counterexample
    assert counterexample is not None
    assert counterexample["Newton steps matched"] == found
    assert counterexample["gradient steps matched"] == [1, 4, 13, 40, 121, 364, 1093]


@settings(max_examples=8)
@given(d=st.integers(1, 4), n=st.integers(1, 6), steps=st.integers(0, 6), seed=st.integers(0, 99))
def test_the_steps_of_a_profile_are_the_references(d: int, n: int, steps: int, seed: int) -> None:
    case = prompts.gaussian(seed, d, n)
    S = case.X.T @ case.X
    if not S.any():
        return
    with precision(profile.BITS):
        balls, pull = profile.matrix(S), profile.matrix((case.X.T @ case.y).reshape(-1, 1))
        query = profile.matrix(case.queries)
        (by_newton,) = profile.newton(balls, pull, [steps])
        (by_descent,) = profile.descent(CENTH)(balls, pull, [steps])
        alpha = 1 / profile.norm(balls * balls)
        (want,) = algorithms.newton(case.X, case.y, case.queries, steps, alpha)
        assert (query * by_newton)[0, 0].overlaps(want)
        (fraction,) = algorithms.gradient_descent(case.X, case.y, case.queries, steps, CENTH / 2)
        assert profile.descended(case, CENTH, [steps]) == [fraction]
        described = (query * by_descent)[0, 0]
    with precision(4 * profile.BITS):  # a ball that is smaller than what the other's may leave out
        assert described.contains(profile.ball(fraction))


@settings(max_examples=8)
@given(d=st.integers(3, 6), seed=st.integers(0, 99))
def test_the_predictors_of_a_grid_are_the_references(d: int, seed: int) -> None:
    case = prompts.gaussian(seed, d, d - 1)
    X, y, query = case.X, case.y, case.queries
    asked = nearest.Asked(X, y, query[0])
    wanted = {
        "Ridge(0.5)": algorithms.ridge(X, y, query, Fraction(1, 2)),
        "GD(0.01)": algorithms.gradient_descent(X, y, query, 1, CENTH),
        "SGD(0.03)": algorithms.one_pass_sgd(X, y, query, 3 * CENTH),
    }
    with precision(profile.BITS):
        for name, (want,) in wanted.items():
            made = phases.PREDICTORS[name](asked)
            assert made.contains(profile.ball(want)), name
        if np.linalg.matrix_rank(X.astype(float)) == len(X):
            (want,) = algorithms.least_squares(X, y, query)
            assert phases.PREDICTORS["OLS"](asked).contains(profile.ball(want))


def test_a_greatest_value_that_balls_leave_open_is_none() -> None:
    with precision(64):
        row = [profile.ball(Fraction(1, 3)), profile.ball(Fraction(2, 7))]
        with pytest.raises(profile.Open):
            profile.matches([row], [row, row], (1, 2))
        with pytest.raises(profile.Open):
            nearest.nearest({"a": row[0], "b": row[0]})


@settings(max_examples=10)
@given(size=st.integers(1, 24), seed=st.integers(0, 99))
def test_reflections_are_orthogonal(size: int, seed: int) -> None:
    Q = prompts.reflections(np.random.default_rng(seed), size)
    assert (Q @ Q.T == np.eye(size, dtype=int)).all()


def test_no_certificate_is_given_where_a_probe_decodes() -> None:
    case = prompts.gaussian(0, 3, 5)
    made = frozen(3)
    floors, without = probe.affine_floor(made, case, probes.moment)
    assert floors == [without, without, None]
    assert probe.same_pooled(made, case, [[Fraction(1)] * 11], probes.moment) == [None]


def test_a_fitted_read_out_is_exact_or_there_is_none() -> None:
    half = Fraction(1, 2)
    model = constructions.build("momentum", d=3, steps=2, step_size=half / 4, momentum=half)
    cases = [prompts.with_spectrum(seed, [2, 2, 1], 5, 6) for seed in (0, 1)]
    targets = [case.queries @ prompts.least_squares(case) for case in cases]
    *early, weights = readout.fitted(model, cases, targets)
    assert early == [None, None] and weights is not None
    for case, target in zip(cases, targets, strict=True):
        assert (readout.query_states(model, case)[-1] @ weights == target).all()
    wrong = [targets[0], targets[1] + Fraction(1, 10**9) * np.arange(6)]
    assert readout.fitted(model, cases, wrong)[-1] is None


@pytest.mark.recomputes("fu2023.match", "akyurek2022.probe")
@pytest.mark.parametrize("key", [("fu2023.match", "printed"), ("akyurek2022.probe", "printed")])
def test_the_counterexample_can_be_run_by_hand(key: tuple[str, str]) -> None:
    (claim,) = [claim for claim in builtin() if claim.key == key]
    report = engine.run(claim, QUICK)
    assert isinstance(report.verdict, Refuted)
    shown = report.verdict.counterexample
    assert shown is not None
    exact = np.vectorize(Fraction, otypes=[object])
    X, y, queries = (exact(shown[part]) for part in ("X", "y", "queries"))
    assert X.shape == (40, 20)
    model = descent(shown["layer"]) if key[0] == "fu2023.match" else frozen(20)
    (predicted,) = model.predict(X, y, queries, "rational")
    assert str(predicted) == shown["prediction"][0]
    if key[0] == "fu2023.match":
        steps = shown["gradient steps matched"][shown["layer"] - 1]
        (want,) = algorithms.gradient_descent(X, y, queries, steps, CENTH / 2)
        assert predicted == want
