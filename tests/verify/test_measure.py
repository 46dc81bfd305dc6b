"""What a model is like: the papers' measures, their released codes, and how it is reported."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import browser
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import constructions
import verify
from constructions.construction import REGISTERED
from constructions.parameters import Whole
from verify import algorithms
from verify.command import cli
from verify.inputs.progress import duration
from verify.learners import direct
from verify.learners.data import gaussian
from verify.learners.families import SPECTRAL
from verify.learners.intervals import Interval
from verify.learners.judging import Candidate, told_apart
from verify.learners.likeness import released, similarity
from verify.learners.likeness.similarity import MEASURES, Match, likeness, ranking
from verify.learners.model import NoModelError, model
from verify.learners.report.measured import measure
from verify.learners.report.words import rate
from verify.learners.trained import load
from verify.quality import readme
from verify.report.as_json import dumps

README = Path(__file__).parents[2] / "verify" / "README.md"
SIZES = {"d": 3, "n": 6}


def each(algorithm, *parameters, **named):
    """The algorithm as a model of batches, and of single prompts."""

    def predict(X, y, queries):
        if X.ndim == 2:
            return algorithm(X, y, queries, *parameters, **named)
        return np.array([algorithm(*one, *parameters, **named) for one in zip(X, y, queries)])

    return predict


class Recorded:
    """A model that keeps what it was asked and what it answered, by number of examples."""

    def __init__(self, predict):
        self.predict, self.seen = predict, {}

    def __call__(self, X, y, queries):
        answers = self.predict(X, y, queries)
        self.seen[X.shape[1]] = X, y, queries, answers
        return answers


def cosine(u, v):
    """1 where both vanish, 0 where one does."""
    if not u.any() or not v.any():
        return float(not u.any() and not v.any())
    return u @ v / np.linalg.norm(u) / np.linalg.norm(v)


def as_defined(recorded, name, parameters, truth_of):
    """The four measures (B,) of a model and an algorithm, from the papers' definitions alone."""
    n = max(recorded.seen)
    B = len(recorded.seen[n][0])
    made = {measure: np.zeros(B) for measure in MEASURES}
    for b in range(B):
        errors, cosines = ([], []), []
        for t in range(1, n + 1):
            X, y, queries, answers = (part[b] for part in recorded.seen[t])
            other = np.asarray(getattr(algorithms, name)(X, y, queries, **parameters), float)
            truth = truth_of(b, queries[0])
            errors[0].append(answers[0] - truth)
            errors[1].append(other[0] - truth)
            ours, theirs = (
                np.linalg.lstsq(queries[1:], one[1:], rcond=None)[0] for one in (answers, other)
            )
            cosines.append(cosine(ours, theirs))
        made["SPD"][b] = ((answers - other)[1:] ** 2).mean()
        made["ILWD"][b] = ((ours - theirs) ** 2).sum()
        u, v = map(np.array, errors)
        made["SimE"][b] = cosine(u, v)
        made["SimW"][b] = np.mean(cosines)
    return made


# -- the measures -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_each_measure_is_what_the_papers_define(seed):
    rng = np.random.default_rng(seed)
    d, extra, strength = int(rng.integers(1, 4)), int(rng.integers(1, 4)), rng.uniform(0.1, 3)
    n = d + extra
    recorded = Recorded(each(algorithms.ridge, strength))
    found = likeness(recorded, d, n, prompts=5, seed=seed).rankings
    X, y = recorded.seen[n][:2]
    w = np.linalg.pinv(X) @ y[..., None]  # without noise, n >= d examples say what is true
    undefined = {"selection"}  # after one example, of which one is held out
    for one in found:
        for match in one.matches:
            if match.name in undefined:
                continue
            with np.errstate(all="ignore"):
                wanted = as_defined(
                    recorded, match.name, match.parameters, lambda b, q: (q @ w[b])[0]
                )
            assert match.values == pytest.approx(wanted[one.measure], rel=1e-5, abs=1e-9)
            assert match.mean.value == pytest.approx(match.values.mean())
            assert match.median.value == pytest.approx(np.median(match.values))


@pytest.fixture(scope="module")
def of_newton():
    """Three steps of Newton's iteration, measured."""
    return measure(each(algorithms.newton, 3, 2e-3), **SIZES, prompts=24, name="newton of mine")


# the same function as one that is compared, for some parameters
ALSO = {
    "sherman_morrison": "ridge",
    "preconditioned": "gradient_descent",
    "newton_carried": "newton",
}


def test_every_algorithm_is_compared(of_newton):
    learners = {
        name
        for name, one in vars(algorithms).items()
        if inspect.isfunction(one)
        and name[0] != "_"
        and list(inspect.signature(one).parameters)[:3] == ["X", "y", "queries"]
    } - {name for name in constructions.names() if not constructions.get(name).is_regression}
    known = {one.name for one in SPECTRAL} | {
        one.name for one in direct.DIRECT if one.dimension == 0
    }
    other = {one.name for one in direct.DIRECT} - known  # of one dimension only
    for one in of_newton.rankings:
        assert {match.name for match in one.matches} == known
        assert known | other | set(ALSO) == learners


@pytest.mark.parametrize(
    ("name", "own", "as_", "theirs"),
    [
        ("sherman_morrison", {"ridge": 0.7}, "ridge", {"ridge": 0.7}),
        (
            "preconditioned", {"steps": 3, "step_size": 0.1}, "gradient_descent",
            {"steps": 3, "step_size": 0.05},
        ),
        (
            "newton_carried", {"iterations": 2, "alpha": 0.01}, "newton",
            {"iterations": 2, "alpha": 0.01},
        ),
    ],
)  # fmt: skip
def test_what_is_not_compared_is_the_function_of_another(name, own, as_, theirs):
    rng = np.random.default_rng(0)
    prompt = rng.standard_normal((6, 3)), rng.standard_normal(6), rng.standard_normal((2, 3))
    one = getattr(algorithms, name)(*prompt, **own)
    assert one == pytest.approx(getattr(algorithms, as_)(*prompt, **theirs))


def test_newton_is_nearest_by_every_measure_and_its_grid_is_said(of_newton):
    for one in of_newton.rankings:
        assert one.best.name == "newton" and one.runner_up.name != "newton"
        assert one.best.mean.low <= one.best.mean.value <= one.best.mean.high
        assert one.best.grid["alpha"].points == similarity.POINTS[1]
        alpha = one.best.grid["alpha"]
        assert alpha.low < one.best.parameters["alpha"] < alpha.high
        assert set(one.best.steps) == set(range(9))
    spd = of_newton.rankings[0]
    assert spd.margin == pytest.approx(spd.runner_up.mean.value / spd.best.mean.value)
    assert spd.behind.low > 0


def made(name, values, mean=None, **more):
    values = np.asarray(values, float)
    value = values.mean() if mean is None else mean
    return Match(
        "SPD", name, {}, Interval(value, value, value), Interval(np.median(values), 0, 0),
        values=values, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("matches", "caution"),
    [
        ([made("a", [1] * 9, edge=("alpha",)), made("b", [2] * 9)], "edge of the grid: alpha"),
        ([made("a", [1, 3] * 9), made("b", [3, 1.1] * 9)], "b is not told apart"),
        ([made("a", [2] * 9), made("b", [1] * 8 + [90])], "by the median it is b"),
        (
            [made("a", [1] * 9, coarser=3), made("b", [2] * 9, coarser=2)],
            "second point of the grids it is b",
        ),
    ],
)
def test_what_speaks_against_a_best_match_is_said(matches, caution):
    found = ranking("SPD", matches)
    assert found.best.name == "a"
    assert any(caution in said for said in found.cautions)
    quiet = ranking("SPD", [made("a", [1] * 9), made("b", [2] * 9)])
    assert quiet.cautions == ()


def test_a_model_that_needs_as_many_examples_as_dimensions_is_compared_from_there_on():
    def solved(X, y, queries):
        if X.shape[-2] < 3:
            raise ValueError("too few examples")
        S = X.swapaxes(-1, -2) @ X
        return (queries @ np.linalg.solve(S, X.swapaxes(-1, -2) @ y[..., None]))[..., 0]

    found = likeness(model(solved), 3, 6, prompts=6)
    assert found.lengths == (3, 4, 5, 6) and "2 and fewer examples" in found.refused
    assert "too few examples" in found.refused


def test_a_model_of_one_length_is_compared_over_queries():
    def fixed(X, y, queries):
        if X.shape[-2] != 6:
            raise ValueError("takes six examples")
        return each(algorithms.ridge, 1.0)(X, y, queries)

    found = likeness(model(fixed), 3, 6, prompts=6)
    assert found.lengths == (6,)
    (sim_e,) = (one for one in found.rankings if one.measure == "SimE")
    assert sim_e.best.name in ("ridge", "gradient_descent")
    values = sim_e.best.values
    assert ((values > 0.9) & (values <= 1 + 1e-12)).all() and len(np.unique(values)) == 6


# -- released codes -----------------------------------------------------------------------------


def with_code_s_start(steps):
    """Newton's iteration from the alpha of fu2023's code."""

    def predict(X, y, queries):
        if not X.shape[1]:
            return np.zeros(queries.shape[:2])
        S = X.transpose(0, 2, 1) @ X
        M = S / np.linalg.norm(S @ S, axis=(1, 2))[:, None, None]
        for _ in range(steps):
            M = M @ (2 * np.eye(S.shape[-1]) - S @ M)
        return (queries @ M @ X.transpose(0, 2, 1) @ y[..., None])[..., 0]

    return predict


@pytest.mark.parametrize(
    ("predict", "name", "step"),
    [
        (with_code_s_start(5), "newton", 5),
        (each(algorithms.preconditioned, 50, 0.01), "gradient_descent", 50),
        (each(algorithms.preconditioned, 1, 0.01), "gradient_descent", 1),
    ],
    ids=["Newton", "descent", "one step"],
)
def test_as_fu2023_a_model_of_the_code_s_grid_is_found_on_it(predict, name, step):
    found = released.measured_as("fu2023", model(predict), 3, 6, prompts=20)
    (one,) = found.rankings
    assert one.best.name == name and step in one.best.parameters.values()
    assert one.best.mean.value == pytest.approx(1)
    assert one.runner_up.mean.value < 0.999


def one_pass(X, y, queries, size=0.02):
    made = [algorithms.one_pass_sgd(*one, size) for one in zip(X, y, queries)]
    return np.array(made)


def growing_batches(X, y, queries, size=0.02):
    """A step for every example, on all of those up to it."""
    w = np.zeros((len(X), X.shape[2], 1))
    for t in range(1, X.shape[1] + 1):
        some = X[:, :t]
        w = w - 2 * size * some.transpose(0, 2, 1) @ (some @ w - y[:, :t, None])
    return (queries @ w)[..., 0]


@pytest.mark.parametrize(
    ("predict", "label"),
    [
        (each(algorithms.least_squares), "Lstsq"),
        (each(algorithms.ridge, 0.5), "Ridge(0.5)"),
        (one_pass, "SGD(0.02, w=1)"),
        (growing_batches, "SGD(0.02, w=full)"),
    ],
    ids=["least squares", "ridge", "stochastic", "growing"],
)
def test_as_akyurek2022_a_model_of_the_code_s_learners_is_found(predict, label):
    # inputs so small that no gradient is clamped
    choices = replace(released.Akyurek2022(), prompts=12, clamp=np.inf)
    found = released.akyurek2022(model(predict), 3, 6, choices=choices)
    spd, ilwd = found.rankings
    assert spd.best.name == label and spd.best.mean.value < 1e-20
    assert spd.runner_up.mean.value > 1e-12
    assert [match.name for match in ilwd.matches] == ["Lstsq"]


def test_least_squares_differs_from_itself_by_ilwd_as_the_code_compares_it():
    given = model(each(algorithms.least_squares))
    as_code = released.akyurek2022(given, 3, 6)
    as_paper = released.akyurek2022(given, 3, 6, choices=replace(released.Akyurek2022(), behind=0))
    by_code, by_paper = (found.rankings[1].best.mean.value for found in (as_code, as_paper))
    assert by_code > 1e-3 and by_paper < 1e-20


def test_the_reference_learners_are_those_of_the_library_that_the_code_calls():
    from sklearn.linear_model import LinearRegression, Ridge
    from sklearn.neighbors import KNeighborsRegressor

    rng = np.random.default_rng(0)
    X, y, Q = (
        rng.standard_normal((1, 7, 3)),
        rng.standard_normal((1, 7)),
        rng.standard_normal((1, 9, 3)),
    )
    intercept = LinearRegression().fit(X[0], y[0]).coef_
    assert released._fit(X, y, intercept=True)[0] == pytest.approx(intercept)
    ridge = Ridge(0.5, fit_intercept=False).fit(X[0], y[0]).coef_
    assert released._ridge(0.5, X, y)[0] == pytest.approx(ridge)
    for exponent, weights in ((0, "uniform"), (2, lambda distance: distance**-2.0)):
        near = KNeighborsRegressor(3, weights=weights).fit(X[0], y[0]).predict(Q[0])
        assert released._neighbours(X, y, Q, 3, exponent)[0] == pytest.approx(near)


DIFFERENCES = [(paper, one) for paper, found in released.DIFFERENCES.items() for one in found]


@pytest.mark.parametrize(
    ("paper", "difference"), DIFFERENCES, ids=[f"{p}: {d.item}" for p, d in DIFFERENCES]
)
def test_each_difference_between_code_and_paper_changes_a_number(paper, difference):
    run, choices = released.PAPERS[paper]
    choices = replace(choices, prompts=8)

    def bent(X, y, queries):  # not linear in the query, so that an intercept matters
        made = algorithms.gradient_descent(X, y, queries, 2, 0.04)
        return made + 0.3 * (queries**2).sum(axis=-1)

    given = model(each(bent))

    def numbers(choices):
        found = run(given, 3, 7, choices=choices)
        return {
            (
                one.measure,
                match.name,
                str(match.parameters),
                match.mean.value,
                *match.steps.values(),
            )
            for one in found.rankings
            for match in one.matches
        }

    assert numbers(choices) == numbers(choices)
    assert numbers(choices) != numbers(replace(choices, **difference.as_in_paper))


def test_without_examples_a_model_that_takes_none_predicts_0_as_the_code_s_algorithms_do():
    def needs_one(X, y, queries):
        if not X.shape[-2]:
            raise ValueError("an example, please")
        return each(algorithms.ridge, 1.0)(X, y, queries)

    def zero_from_none(X, y, queries):
        S = X.swapaxes(-1, -2) @ X + np.eye(2)
        return (queries @ np.linalg.solve(S, X.swapaxes(-1, -2) @ y[..., None]))[..., 0] + 0.5

    own = released.measured_as("fu2023", model(zero_from_none), 2, 4, prompts=4)
    none = released.measured_as("fu2023", model(needs_one), 2, 4, prompts=4)
    assert own.empty == "the model's own" and none.empty.startswith("0")
    assert own.rankings[0].best.mean.value < none.rankings[0].best.mean.value


def test_a_model_of_one_length_is_not_measured_as_released_codes_do():
    def fixed(X, y, queries):
        if X.shape[-2] != 4:
            raise ValueError("takes four examples")
        return each(algorithms.ridge, 1.0)(X, y, queries)

    with pytest.raises(NoModelError, match="after every number of examples.*takes four"):
        released.measured_as("fu2023", model(fixed), 2, 4, prompts=4)


def test_the_readme_lists_the_differences():
    assert readme.block(README.read_text("utf-8"), "released") == readme.released()


# -- the report ---------------------------------------------------------------------------------


def test_importing_verify_loads_no_numbers_until_measure_is_asked_for():
    code = (
        "import sys, verify; heavy = {'numpy', 'torch', 'sympy', 'matplotlib'}; "
        "assert not heavy & set(sys.modules), heavy & set(sys.modules); "
        "assert callable(verify.measure) and 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=README.parents[1])
    assert verify.measure is measure and "measure" in verify.__all__


def test_the_json_says_what_a_script_relies_on(of_newton):
    found = json.loads(dumps(of_newton.to_json()))
    assert set(found) >= {"schema", "model", "settings", "fingerprint", "measures", "layers"}
    told = found["fingerprint"]
    assert set(told) >= {"best", "parameters", "error", "runner_up", "margin", "rejected"}
    assert told["best"] == "newton" and told["rejected"] is False and told["error"] < 1e-9
    assert callable(getattr(algorithms, told["best"])) and told["parameters"]["iterations"] == 3
    assert [one["measure"] for one in found["measures"]] == list(MEASURES)
    for one in found["measures"]:
        first = one["matches"][0]
        assert one["best"] == first["name"] and one["runner_up"] == one["matches"][1]["name"]
        low, high = first["mean_interval"]
        assert low <= first["mean"] <= high
        assert first["grid"]["iterations"] == [0, 8, 9]
    assert found["layers"] == [] and found["settings"]["lengths"] == [1, 2, 3, 4, 5, 6]


def test_a_model_that_is_none_of_them_is_rejected_in_every_form():
    def nearest(X, y, queries):
        at = ((X[:, None] - queries[:, :, None]) ** 2).sum(-1).argmin(-1)
        return np.take_along_axis(y, at, axis=1)

    result = measure(nearest, **SIZES, prompts=8)
    found = result.to_json()["fingerprint"]
    alone = result.fingerprint.to_json()
    assert alone == {key: found[key] for key in alone} and alone["rejected"] is True
    assert result.best is None and found["best"] is None and found["rejected"] is True
    assert found["candidates"] and all(
        one["interval"][1] > found["within"] for one in found["candidates"]
    )
    assert "follows none" in str(result) and "It follows none" in result.to_html()


def ridge_of_batches(X, y, queries):
    S = X.mT @ X + np.eye(X.shape[-1])
    return (queries @ np.linalg.solve(S, X.mT @ y[..., None]))[..., 0]


@pytest.mark.parametrize("relative", [0.005, 0.05, 1.0])
def test_a_model_that_draws_at_random_is_refused(relative):
    rng = np.random.default_rng(0)

    def drawn(X, y, queries):
        made = ridge_of_batches(X, y, queries)
        return made * (1 + relative * rng.standard_normal(made.shape))

    with pytest.raises(NoModelError, match="otherwise when asked again, by .*draws at random"):
        measure(drawn, **SIZES, prompts=8)


def test_a_model_that_changes_while_it_is_measured_is_refused_at_the_end():
    calls = []

    def aging(X, y, queries):
        calls.append(None)
        return ridge_of_batches(X, y, queries) * (1 if len(calls) < 40 else 1.02)

    with pytest.raises(NoModelError, match="by 0.02 of its answers.*keeps something"):
        measure(aging, **SIZES, prompts=8)


def test_what_differs_from_call_to_call_by_rounding_is_measured():
    rng = np.random.default_rng(0)

    def rounded(X, y, queries):
        made = ridge_of_batches(X, y, queries)
        return made * (1 + 1e-6 * rng.standard_normal(made.shape))

    assert measure(rounded, **SIZES, prompts=8).best == "ridge"


def test_a_rejection_says_by_kind_of_prompt_how_far_off_the_nearest_is():
    learner = measure(load("linear_1"), d=5, n=20, prompts=8, layers=False)
    assert learner.best is None
    first = learner.fingerprint.candidates[0]
    assert set(first.kinds) == {"drawn spectra", "Gaussian", "condition 100"}
    text, html = str(learner), learner.to_html()
    for kind, error in first.kinds.items():
        assert f"{kind} {error.value:.2g}" in text
        assert f'data-head="{kind}">{error.value:.2g}</td>' in html
    for report in (text, html):
        assert "not the prompts on which a model was trained" in report


RATED = [name for name in constructions.names() if constructions.get(name).rate]


@pytest.mark.parametrize("construction", RATED)
def test_a_rate_is_that_of_a_step_on_half_the_sum_of_squares(construction):
    """From w = 0, of steps so small that later ones see the same gradient: hyperpower makes 3.

    What is no count and no step size is 0: a penalty, a momentum, what transforms the data.
    """
    rng = np.random.default_rng(0)
    X, y, queries = rng.normal(size=(6, 2)), rng.normal(size=6), rng.normal(size=(3, 2))
    made = constructions.get(construction)
    name = made.equals or made.name
    taken = inspect.signature(getattr(algorithms, name)).parameters
    kinds = {k: kind for k, kind in made.parameters.items() if k in taken}
    required = {k: kind for k, kind in kinds.items() if kind.default is kind.REQUIRED}
    given = {k: int(isinstance(kind, Whole)) for k, kind in required.items()}
    given |= dict.fromkeys({"step_size", "alpha"} & set(required), 1e-7)
    made = getattr(algorithms, name)(X, y, queries, **given)
    none = Interval(0.0, 0.0, 0.0)
    said = rate(Candidate(name, given, none, none, {}))
    times = 3 if name == "hyperpower" else 1
    eta = float(said.removeprefix("rate "))
    first = np.linalg.norm(queries) * eta * np.linalg.norm(X) * np.linalg.norm(y)
    second = times**2 * eta * np.linalg.norm(X) ** 2 * first  # what a later step sees of the first
    assert np.abs(made - times * eta * queries @ X.T @ y).max() <= second


def test_a_construction_says_its_rate_itself(monkeypatch):
    """Each of several where its step size is one for each step; none where n is not known."""
    own = replace(constructions.get("gd_plus_plus"), name="mine", equals="mine", rate="3*step_size")
    none = Interval(0.0, 0.0, 0.0)
    candidate = Candidate("mine", {"steps": 2, "step_size": (0.5, 0.25)}, none, none, {})
    assert rate(candidate) == ""
    monkeypatch.setitem(REGISTERED, "mine", own)
    assert rate(candidate) == "rate (1.5, 0.75)"
    mean = Candidate("gradient_descent", {"step_size": 0.5, "loss": "mean"}, none, none, {})
    assert rate(mean) == ""


def test_one_step_has_one_rate_whatever_the_loss_of_the_family():
    """And in the page as in the terminal; the numbers themselves are those of the functions."""

    def step(X, y, queries):
        return 0.04 * (queries @ X.mT @ y[..., None])[..., 0]

    result = measure(step, **SIZES, prompts=8)
    assert "step_size = 0.02; rate 0.04)" in str(result).splitlines()[0]
    for report in (str(result), result.to_html()):
        for said in ("step_size = 0.02 (rate 0.04)", "alpha = 0.04 (rate 0.04)"):
            assert said in report
        plain = report.replace("<sup>T</sup>", "^T")
        assert "a step is w - rate X^T (X w - y), on half the sum of squares" in plain


def test_the_verdict_says_what_lies_at_the_edge_of_the_search():
    """200 steps are more than are looked for: what is nearest is another family's member."""

    def descended(X, y, queries):
        w = np.zeros((len(X), X.shape[-1], 1))
        for _ in range(200):
            w = w - 0.002 * X.mT @ (X @ w - y[..., None])
        return (queries @ w)[..., 0]

    result = measure(descended, **SIZES, prompts=8)
    first = result.fingerprint.candidates[0]
    assert first.edge and result.best is not None
    assert f"at the edge of the grid: {', '.join(first.edge)}" in str(result).splitlines()[0]


def test_a_module_in_single_precision_has_no_runner_up_that_is_its_own_function():
    """Two steps of GD++ of which the second is 1e-8 of the first are one step, but for rounding."""

    class Step(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rate = torch.nn.Parameter(torch.tensor(0.05))

        def forward(self, X, y, queries):
            return self.rate * (queries @ X.mT @ y[..., None])[..., 0]

    found = measure(Step(), d=4, n=12, prompts=8).fingerprint
    assert found.best == "gradient_descent" and found.parameters["steps"] == 1
    assert found.error < 1e-6 and found.margin > 50


def test_layers_are_reported_one_by_one_where_hidden_states_are_known():
    witness = constructions.build("gradient_descent", d=2, steps=2, step_size=0.02)
    result = measure(witness, d=2, n=4, prompts=4)
    layers = json.loads(dumps(result.to_json()))["layers"]
    assert [one["layer"] for one in layers] == [0, 1, 2]
    for steps, one in enumerate(layers):
        own = next(each for each in one["readings"] if each["reading"] == "own")
        descent = next(each for each in one["similarity"] if each["name"] == "gradient_descent")
        assert len(descent["SimE"]) == len(descent["steps"])
        if steps:
            assert own["best"]["name"] == "gradient_descent" and own["best"]["step"] == steps
            assert descent["best"] == steps and max(descent["SimE"]) > 1 - 1e-6
    text, html = str(result), result.to_html()
    assert "What a fitted read-out finds, the model need not have computed." in text
    assert html.count("<figure") == 14 + 2 + 2 + 4  # distances, maps of steps, probes


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"d": 0}, "d is a whole number from 1 on, not 0"),
        ({"n": 2.5}, "n is a whole number from 1 on, not 2.5"),
        ({"prompts": 1}, "prompts is a whole number from 2 on, not 1"),
        ({"noise": float("nan")}, "noise is a standard deviation from 0 on"),
        ({"within": 0}, "within is a relative error above 0"),
        ({"as_": "garg2022"}, "as_ is one of fu2023, akyurek2022"),
    ],
)
def test_wrong_arguments_are_refused_in_a_line(wrong, why):
    with pytest.raises(ValueError, match=why) as refused:
        measure(each(algorithms.least_squares), **{**SIZES, **wrong})
    assert "\n" not in str(refused.value)


def test_the_readme_s_model_is_measured_as_it_stands(tmp_path, monkeypatch, capsys):
    (snippet,) = re.findall(
        r"```python\n(import torch\nfrom verify import measure.*?)```",
        README.read_text("utf-8"),
        re.S,
    )
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    exec(compile(snippet, "README.md", "exec"), {"__name__": "readme"})
    said = capsys.readouterr().out
    assert "follows gradient_descent (steps = 1, step_size = 0.015; rate 0.03)" in said
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "return X.unsqueeze(0)",
            "the model fails on X (8, 12, 4), y (8, 12), queries (8, 4, 4): AttributeError: "
            "'numpy.ndarray' object has no attribute 'unsqueeze'; arrays are numpy's here, and "
            "torch.as_tensor takes them",
        ),
        (
            "return queries @ X[:, :4] @ [1] if X.ndim == 3 else y[queries.size]",
            "the model fails on X (8, 12, 4), y (8, 12), queries (8, 4, 4): ValueError: ",
        ),
        (
            "return queries @ X[:, :4] @ [1] if X.ndim == 3 else y[queries.size]",
            "; and one prompt at a time: the model fails on X (12, 4), y (12,), queries (4, 4): "
            "IndexError: ",
        ),
    ],
)
def test_a_model_that_fails_is_quoted_on_a_batch_and_on_a_prompt(body, said):
    made: dict = {}
    exec(f"def predict(X, y, queries):\n    {body}", made)
    with pytest.raises(NoModelError, match=re.escape(said)):
        measure(made["predict"], d=4, n=12)


# -- the command --------------------------------------------------------------------------------


@pytest.fixture
def mine(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n\n\ndef predict(X, y, queries):\n"
        "    return queries @ np.linalg.solve(X.T @ X + np.eye(X.shape[1]), X.T @ y)\n"
    )
    return file


def test_a_file_of_ones_own_is_measured_to_json_and_html(mine, capsys):
    outputs = mine.with_suffix(".json"), mine.with_suffix(".html")
    call = ["measure", f"{mine}:predict", "--d", "2", "--n", "5", "--prompts", "8"]
    status = cli.main([*call, "--json", str(outputs[0]), "--html", str(outputs[1])])
    assert status == 0 and "follows ridge (ridge = 1)" in capsys.readouterr().out
    found = json.loads(outputs[0].read_text())
    assert found["fingerprint"]["best"] == "ridge" and found["settings"]["d"] == 2
    assert "<h2>Fingerprint</h2>" in outputs[1].read_text()
    assert cli.main([*call, "--as", "fu2023", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["measure"] for one in found["measures"]] == ["SimE"]
    assert found["released"]["paper"] == "fu2023" and found["released"]["differences"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--set", "d=3"], "--d and --n"),
        (["--noise", "-1"], "standard deviation"),
        (["--within", "0"], "relative error above 0"),
        (["--as", "garg2022"], "--as takes fu2023 or akyurek2022"),
        (["--prompts", "1"], "--prompts must be at least 2"),
        (["--d", "-1"], "--d must be 0 or more"),
        (["--d", "1000"], "--d must be at most 100"),
        (["--n", "100000"], "--n must be at most 1000"),
        (["--json", "-", "--html", "-"], "only one of --json and --html"),
        (["--html", "no/such/folder/x.html"], "there is no folder"),
    ],
)
def test_a_wrong_call_ends_with_2_and_one_line(mine, capsys, more, why):
    assert cli.main(["measure", f"{mine}:predict", *more]) == 2
    said = capsys.readouterr()
    assert why in said.err and said.err.count("\n") == 1 and not said.out


def test_more_layers_than_could_be_measured_are_refused(capsys):
    assert cli.main(["measure", "newton", "--set", "iterations=2000"]) == 2
    assert "iterations must be at most 1000" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("sizes", "asked"),
    [
        ([], "; say its sizes by --d (4) and --n (12)"),
        (["--n", "7"], "by --d (4)\n"),
        (["--d", "5", "--n", "7"], None),
    ],
)
def test_a_model_that_fails_where_no_sizes_were_said_asks_for_them(tmp_path, capsys, sizes, asked):
    file = tmp_path / "model.py"
    file.write_text(
        "def of_three(X, y, queries):\n    assert X.shape[-1] == 3\n    return queries[..., 0]\n"
    )
    assert cli.main(["measure", f"{file}:of_three", *sizes]) == 2
    err = capsys.readouterr().err
    assert "fails on X" in err and err.count("\n") == 1
    assert asked in err if asked else "sizes" not in err


def test_what_takes_long_is_said_at_once(capsys, monkeypatch):
    """Before any clock is asked; of small prompts nothing is said."""
    from verify.learners.report import measured

    def begun(*given, say, **more):
        say("fingerprint")
        raise NoModelError("it ends here")

    monkeypatch.setattr(measured, "measure", begun)
    for d, said in ((4, ""), (40, "1 part: fingerprint\n")):
        assert cli.main(["measure", "newton", "--d", str(d)]) == 2
        assert capsys.readouterr().err == f"{said}witness: newton: it ends here\n"


@pytest.mark.parametrize(("seconds", "said"), [
    (44, "less than a minute"), (45, "about a minute"), (89, "about a minute"),
    (100, "about 2 minutes"), (3000, "about 50 minutes"), (7300, "about 2 hours"),
])  # fmt: skip
def test_how_long_it_takes_is_said_in_words(seconds, said):
    assert duration(seconds) == said


def test_before_every_family_it_is_said_how_long_the_rest_takes(monkeypatch):
    """By the members that are left: all at first, those of the last family at last."""
    monkeypatch.setattr(similarity, "_seconds_a_point", lambda seen: 1.0)
    said, tried = [], []
    closed = similarity._closed

    def counted(family, whole, reals, seen):
        tried.append((family.name, max(one.size for one in reals.values()) if reals else 1))
        return closed(family, whole, reals, seen)

    monkeypatch.setattr(similarity, "_closed", counted)
    likeness(each(algorithms.ridge, 1.0), 2, 3, prompts=2, say=said.append)
    left = [one.split(", ")[1] for one in said if "likeness" in one and "left" in one]
    members = sum(count for _, count in tried)
    assert left[0] == f"{duration(members)} left"
    assert left[-1] == f"{duration(sum(c for name, c in tried if name == 'chebyshev'))} left"


def test_what_takes_a_point_is_measured_on_the_family_of_most(monkeypatch):
    ticks = iter((10.0, 14.0))
    monkeypatch.setattr(similarity.time, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(
        similarity, "_closed", lambda family, whole, reals, seen: asked.append(whole)
    )
    asked = []
    batch = gaussian(np.random.default_rng(0), 2, 5, 2, 3)
    seen = similarity._seen(batch, np.zeros((2, 3)), np.zeros((2, 3)))
    most = max(SPECTRAL, key=similarity._points)
    assert similarity._seconds_a_point([seen]) == 4.0 / (similarity._points(most) / 32)
    assert asked == [{"steps": 32}]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("{mine}", "name the function of the file"),
        ("{mine}:nothing", "it has predict"),
        ("{mine}x.py:predict", "there is no such file"),
        ("{mine}:np", "is no model"),
        ("nowhere.safetensors", "there is no such file"),
        ("linear_99", "unknown witness"),
        ("mine.pt", "a model of your own is given as MODEL.py:FUNCTION"),
        ("{folder}", "a model of your own is given as MODEL.py:FUNCTION"),
        ("{folder}/other.safetensors", "a model of your own is given as MODEL.py:FUNCTION"),
    ],
)
def test_what_is_no_model_is_refused_in_a_line(mine, capsys, name, why):
    save_file({"P.0": torch.ones(2, 2)}, mine.parent / "other.safetensors")
    assert cli.main(["measure", name.format(mine=mine, folder=mine.parent)]) == 2
    said = capsys.readouterr()
    assert why in said.err and said.err.count("\n") == 1 and not said.out


@pytest.mark.parametrize(
    ("more", "why"),
    [(["--d", "3"], "was trained on inputs of"), (["--set", "d=3"], "--set is for parameters of")],
)
def test_a_trained_learner_is_measured_as_it_was_trained(capsys, more, why):
    assert cli.main(["measure", "linear_1", *more]) == 2
    assert why in capsys.readouterr().err


# -- the page -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page_of_newton(of_newton):
    return of_newton.to_html()


def test_the_page_says_of_every_plot_what_it_shows_and_what_it_does_not_prove(
    of_newton, page_of_newton
):
    html = page_of_newton
    figures = re.findall(r"<figure.*?</figure>", html, re.S)
    assert len(figures) == 14  # two of the fingerprint, four measures, by step, sensitivities
    for one in figures:
        shows, does_not = re.search(
            r"<figcaption>(.*?)<span class=\"help\">(.*?)</span>", one, re.S
        ).groups()
        assert shows.strip().endswith(".") and does_not.strip().endswith(".")
        assert "data:image/svg+xml;base64," in one
    # its one script marks the words of the glossary
    assert re.findall(r'<script[^>]*id="(\w+)"', html) == ["glossary"]
    assert "http" not in re.sub(r"base64,[^\"]*", "", html)
    assert html == of_newton.to_html()  # equal results are equal pages


def test_the_page_of_a_released_code_lists_where_it_leaves_its_paper():
    result = measure(each(algorithms.ridge, 1.0), **SIZES, prompts=4, as_="akyurek2022")
    html = result.to_html()
    for one in released.DIFFERENCES["akyurek2022"]:
        assert one.item in html and one.item in str(result)


def many(*given):
    """Candidates of these names and parameters, each off by 1/2."""
    off = Interval(0.5, 0.25, 1.0)
    return tuple(
        Candidate(name, parameters, off, off, {"Gaussian": off}) for name, parameters in given
    )


ALIKE = many(
    ("gd_plus_plus", {"steps": 3, "step_size": (0.0264, 0.1779, 1.4e-6), "gamma": (0.02, 0.01, 0)}),
    ("gd_plus_plus", {"steps": 2, "step_size": (0.0264, 0.1779), "gamma": (0.02, 0)}),
    ("gradient_descent", {"steps": 6, "step_size": 0.0157}),
    ("gradient_descent", {"steps": 5, "step_size": 0.0157, "ridge": 6e-12}),
    ("functional_descent", {"attention": "relu", "steps": 6, "rate": 0.03}),
    ("functional_descent", {"attention": "exponential", "steps": 4, "rate": 0.03}),
    ("momentum", {"steps": 4, "step_size": 0.0157, "momentum": 0.3}),
    ("momentum", {"steps": 4, "step_size": 0.0158, "momentum": 0.3}),
    ("preconditioned", {"steps": 8, "step_size": 1, "preconditioner": ((-0.012345,) * 20,) * 20}),
)  # fmt: skip


def test_no_two_candidates_are_called_alike():
    assert told_apart(ALIKE) == [
        "gd_plus_plus, steps = 3", "gd_plus_plus, steps = 2", "gradient_descent",
        "gradient_descent, ridge", "functional_descent, relu", "functional_descent, exponential",
        "momentum", "momentum (2)", "preconditioned",
    ]  # fmt: skip


def test_what_is_not_told_apart_from_its_own_name_is_called_by_its_steps(of_newton):
    found = replace(
        of_newton.fingerprint, best=None, learns=True, on={},
        candidates=(ALIKE[0], replace(ALIKE[1], tied=True)),
    )  # fmt: skip
    assert found.why.endswith("not told apart from it: gd_plus_plus, steps = 2 (0.5)")


def test_a_matrix_is_its_size_in_the_table_and_its_numbers_are_folded_away(of_newton):
    found = replace(of_newton.fingerprint, candidates=ALIKE)
    html = replace(of_newton, fingerprint=found).to_html()
    assert "step_size = 1, preconditioner = 20 x 20" in html
    assert "<details><summary>preconditioner</summary>((-0.01235, -0.01235" in html


@pytest.mark.skipif(browser.find() is None, reason="no Chromium on this machine")
def test_the_page_fits_a_telephone_and_asks_for_nothing(of_newton, tmp_path):
    """Its tables too, whatever the parameters: nothing in them is scrolled sideways."""
    page = tmp_path / "report.html"
    found = replace(of_newton.fingerprint, candidates=ALIKE)
    page.write_text(replace(of_newton, fingerprint=found).to_html())
    window = browser.Browser()
    try:
        for width in (390, 1280):
            window.size(width, 900)
            window.open(page)
            assert window.js("document.documentElement.scrollWidth") <= width
            window.js("document.querySelectorAll('details').forEach(one => one.open = true)")
            tables = "[...document.querySelectorAll('.scroll')]"
            assert window.js(f"{tables}.length") == 3
            assert window.js(f"{tables}.every(one => one.scrollWidth <= one.clientWidth)")
            assert window.js("[...document.images].every(one => one.naturalWidth > 0)")
            assert window.errors == []
            assert [u for u in window.requests if not u.startswith(("file:", "data:"))] == []
    finally:
        window.close()
