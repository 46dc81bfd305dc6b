"""What the package's learners show: the tables of the README, and the algorithms beside them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import constructions
from verify import algorithms
from verify.learners.model import model
from verify.quality import learners, readme

README = Path(learners.__file__).parents[1] / "README.md"
NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?")


def known(name: str, predict: object, layers: int, noise: float = 0.0) -> learners.Known:
    return learners.Known(name, layers, noise, 3, 12, model(predict))


@pytest.fixture(scope="module")
def asked() -> learners.Asked:
    return learners.ask(known("none", lambda X, y, queries: y, 1), 5, 64)


def per_prompt(algorithm, prompts, **given):
    return np.array([algorithm(*one, **given) for one in zip(*prompts)])


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_closed_forms_are_the_algorithms(asked, layers):
    etas = {f"eta{k}": 0.03 for k in range(layers)}
    gammas = {f"gamma{k}": 0.01 for k in range(layers - 1)}
    descent = learners.predictions(learners.descent(layers), etas, asked.prompts)
    given = {"steps": layers, "step_size": 0.015}  # of the sum of squares: twice the rate
    assert np.allclose(
        descent, per_prompt(algorithms.gradient_descent, asked.prompts, **given), rtol=1e-9
    )
    made = learners.predictions(learners.descent_plus_plus(layers), etas | gammas, asked.prompts)
    given = {"steps": layers, "step_size": 0.03, "gamma": 0.01}
    expected = per_prompt(algorithms.gd_plus_plus, asked.prompts, **given)
    assert np.allclose(made, expected, rtol=1e-9)
    assert layers == 1 or not np.allclose(made, descent, rtol=1e-3)


def test_rates_are_found_again_from_predictions_and_by_another_family_are_not(asked):
    layers, rates = 2, {"eta0": 0.02, "eta1": 0.07, "gamma0": 0.03}
    family = learners.descent_plus_plus(layers)
    answers = learners.predictions(family, rates, asked.prompts)
    found = learners.fitted(family, asked, answers)
    assert found == pytest.approx(rates, rel=1e-5)
    other = learners.descent(layers)
    nearest = learners.predictions(other, learners.fitted(other, asked, answers), asked.prompts)
    assert learners.distance(answers, nearest).low > 0.01


@pytest.mark.parametrize("noise", [0.0, 2.0])
@pytest.mark.parametrize("make", [learners.descent, learners.descent_plus_plus])
def test_the_best_rates_err_less_than_others(make, noise):
    one = known("none", lambda X, y, queries: y, 2, noise)
    drawn, family = learners.ask(one, 3, 4000), make(2)
    rates = learners.best(family, one)

    def error(rates):
        made = learners.predictions(family, rates, drawn.prompts)
        return learners.squared(made, drawn.targets).mean()

    least = error(rates)
    for name in rates:
        for factor in (0.7, 1.4):
            assert error({**rates, name: rates[name] * factor}) > least


def test_what_sees_no_order_does_not_spread_over_orders_and_online_descent_does(asked):
    ridge = known("ridge", lambda X, y, q: algorithms.ridge(X, y, q, 1.0), 1)
    assert learners.order(ridge, asked).high < 1e-12
    online = known("sgd", lambda X, y, q: algorithms.one_pass_sgd(X, y, q, 0.05), 1)
    assert learners.order(online, asked).low > 0.01


def test_the_nearest_ridge_of_a_ridge_is_that():
    one = known("ridge", constructions.build("gradient_descent", d=3, steps=1, step_size=0.1), 1)
    asked = learners.ask(one, 1, 64)
    got = learners.predictions(learners.RIDGE, {"ridge": 0.37}, asked.prompts)
    made = learners.Seen.of(asked.prompts).by(learners.RIDGE, {"ridge": learners.RIDGES[None]})
    found = learners.least_on_average(((made - got[..., None]) ** 2).mean(axis=1))
    assert found.value == pytest.approx(0.37, rel=0.03) and found.low == found.high


def test_the_readme_has_what_the_learners_show():
    """Numbers as they were, but for the rounding of another processor."""
    written, made = readme.block(README.read_text(encoding="utf-8"), "learners"), readme.learners()
    assert NUMBER.sub("#", written) == NUMBER.sub("#", made)
    then, now = ([float(one) for one in NUMBER.findall(text)] for text in (written, made))
    assert now == pytest.approx(then, rel=0.03, abs=1e-4)
    assert 1.05 * then[0] != pytest.approx(then[0], rel=0.03, abs=1e-4)


def rows(text: str, first: str) -> dict[str, list[list[float]]]:
    """The table whose first head is this: {learner: its numbers, cell by cell}."""
    table = f"\n{text}"[f"\n{text}".index(f"\n| {first} |") + 1 :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {
        name.strip("`"): [[float(one) for one in NUMBER.findall(cell)] for cell in rest]
        for name, *rest in cells
    }


def test_the_readme_s_words_are_those_of_its_numbers():
    text = readme.block(README.read_text(encoding="utf-8"), "learners")
    for _, _, _, apart, away, _ in rows(text, "one layer").values():
        assert abs(apart[0]) < 0.1  # per cent
        assert away[2] < 0.01
    depth = rows(text, "depth")
    error, descent, plus_plus, to_descent, to_plus_plus, _ = depth["linear_2"]
    assert error[2] < descent[1] and plus_plus[1] < error[0] < plus_plus[2]
    assert to_descent[1] > 0.2 and to_plus_plus[2] < 0.011
    by_depth = [depth[f"linear_{layers}"] for layers in (1, 2, 3, 4)]
    assert sorted(by_depth, key=lambda row: -row[5][0]) == by_depth
    for row in by_depth[2:]:
        assert row[0][1] > row[2][2]  # the best rates would err less
        assert row[4][2] < 0.02 < row[3][1]
    for name, (variance, _, _, to_bayes, to_least_squares, _, _) in rows(text, "noise").items():
        assert name == "linear_4" or to_bayes[2] < to_least_squares[1] and variance[0] > 0
    order = rows(text, "order")
    assert order["gpt"][4][1] > 0.01 and order["lstm"][4][1] > 0.01 > order["linear_4"][4][2]
