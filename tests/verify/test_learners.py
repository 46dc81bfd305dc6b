"""Which algorithm a model follows: told of every witness, and of no model that follows none."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import constructions
from verify import algorithms
from verify.command import cli
from verify.learners import calibration
from verify.learners.data import gaussian
from verify.learners.families import SPECTRAL
from verify.learners.fingerprint import apart, fingerprint, predictions
from verify.learners.model import NoModelError, model
from verify.learners.report import measured

SIZES = {"d": 3, "n": 8}
# no learners in context: a product out of GeLUs, and chains for prompts of their own
NOT_MEASURED = ("gelu_product", "akyurek2022_theorem1", "akyurek2022_theorem2")
LEARNERS = [name for name in constructions.names() if name not in NOT_MEASURED]


@pytest.mark.parametrize("family", SPECTRAL, ids=lambda family: family.name)
def test_a_closed_form_is_the_algorithm(family):
    rng = np.random.default_rng(0)
    batch = gaussian(rng, 4, 7, 3, 2)
    for _ in range(3):
        whole = {name: int(rng.choice(numbers[:4])) for name, numbers in family.whole.items()}
        reals = {name: 0.02**e * rng.uniform(0.5, 1) for name, e in family.real.items()}
        given = family.parameters(whole, reals | {name: 0.4 for name in family.of_one})
        s, V = np.linalg.eigh(batch.X.transpose(0, 2, 1) @ batch.X)
        r = family.response(s.reshape(-1, 1), **given).reshape(s.shape)
        pull = V.transpose(0, 2, 1) @ (batch.X.transpose(0, 2, 1) @ batch.y[..., None])
        made = (batch.queries @ (V @ (r[..., None] * pull)))[..., 0]
        assert apart(predictions(family.name, given, batch), made).max() < 1e-9


@pytest.mark.parametrize("name", LEARNERS)
def test_a_witness_is_told_by_its_fingerprint(name):
    known = calibration.known(name, **SIZES)
    found = calibration.measured(known)
    assert found.best is not None and found.error < 1e-9
    equals = constructions.get(name).equals or name
    batch = gaussian(np.random.default_rng(1), 4, known.n, known.d, 3)
    if isinstance(equals, str):  # its own algorithm, or one that is the same function
        own = {
            k: v
            for k, v in known.parameters.items()
            if k not in ("d", "examples", "attention", "prompt")
        }
        own = {
            k: float(v) if not isinstance(v, (int, str, tuple)) and v is not None else v
            for k, v in own.items()
        }
        wanted = predictions(equals, own, batch)
        assert apart(wanted, predictions(found.best, found.parameters, batch)).max() < 1e-7
    assert found.runner_up is None or found.margin > 1e3


def nearest_neighbour(X, y, queries):
    return np.array([y[((X - q) ** 2).sum(axis=1).argmin()] for q in queries])


@pytest.mark.parametrize(
    "follows_none",
    [
        nearest_neighbour,
        lambda X, y, queries: np.tanh(algorithms.least_squares(X, y, queries)),
        lambda X, y, queries: algorithms.ridge(X, np.abs(y), queries, 1.0),
    ],
    ids=["nearest neighbour", "squashed", "of other targets"],
)
def test_a_model_that_follows_none_is_rejected(follows_none):
    found = fingerprint(follows_none, **SIZES)
    assert found.best is None and found.error > 0.1
    assert found.to_json()["best"] is None and found.to_json()["parameters"] == {}


def test_another_step_size_is_another_parameter_and_noise_in_the_answers_is_the_error():
    rng = np.random.default_rng(0)

    def model_of(X, y, queries):
        made = algorithms.gradient_descent(X, y, queries, 4, 0.013)
        return made * (1 + 0.003 * rng.standard_normal(made.shape))

    found = fingerprint(model_of, **SIZES)
    assert found.best == "gradient_descent" and 1e-4 < found.error < 0.01
    assert found.parameters["step_size"] == pytest.approx(0.013, rel=0.03)


def test_a_torch_module_and_a_function_of_one_prompt_or_of_many_are_models():
    class Ridge(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.penalty = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float32))

        def forward(self, X, y, queries):
            S = X.transpose(-1, -2) @ X + self.penalty * torch.eye(X.shape[-1])
            w = torch.linalg.solve(S, X.transpose(-1, -2) @ y[..., None])
            return (queries @ w)[..., 0]

    found = fingerprint(Ridge(), **SIZES)
    assert found.best == "ridge" and found.parameters["ridge"] == pytest.approx(2, rel=1e-4)
    assert found.error < 1e-4  # float32


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (3, "is no model"),
        (lambda X, y, queries: y, "not (2,)"),
        (lambda X, y, queries: queries[..., 0] * np.nan, "not finite"),
        (lambda X, y, queries: "text", "not with numbers"),
        (lambda X, y: y, "fails on X"),
    ],
)
def test_what_does_not_predict_is_refused_in_a_line(given, why):
    batch = gaussian(np.random.default_rng(0), 2, 5, 3, 2)
    with pytest.raises(NoModelError) as refused:
        model(given)(*batch)
    assert why in str(refused.value) and "\n" not in str(refused.value)


def test_a_file_of_ones_own_is_measured(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n\n\ndef predict(X, y, queries):\n"
        "    return queries @ np.linalg.solve(X.T @ X + np.eye(X.shape[1]), X.T @ y)\n"
    )
    out = tmp_path / "out.json"
    status = cli.main(["measure", f"{file}:predict", "--d", "3", "--n", "8", "--json", str(out)])
    text = capsys.readouterr().out
    assert status == 0 and "follows ridge (ridge = 1)" in text
    made = json.loads(out.read_text())
    assert made["fingerprint"]["best"] == "ridge" and made["settings"]["d"] == 3
    assert [one["measure"] for one in made["measures"]] == ["SPD", "ILWD", "SimE", "SimW"]
    for wrong, why in (
        (["measure", str(file)], "name the function"),
        (["measure", f"{file}:nothing"], "it has predict"),
        (["measure", f"{file}x.py:predict"], "no such file"),
        (["measure", f"{file}:predict", "--set", "d=3"], "--d and --n"),
        (["measure", f"{file}:predict", "--noise", "-1"], "standard deviation"),
    ):
        assert cli.main(wrong) == 2
        assert why in capsys.readouterr().err


def test_measures_say_the_runner_up_and_the_edge_of_the_grid():
    result = measured(lambda X, y, q: algorithms.ridge(X, y, q, 1e-7), **SIZES, prompts=16)
    for ranking in result.measures:
        assert len(ranking.matches) > 5 and ranking.margin >= 0
    ridge = [m for m in result.measures[0].matches if m.name == "ridge"][0]
    assert ridge.edge == ("ridge",)
