"""Learners: equal seeds give equal weights, files give back what was trained, curves go down."""

from __future__ import annotations

import configparser
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import constructions
from constructions.files import read_safetensors
from verify.learners import trained
from verify.learners.model import model
from verify.learners.trained import NoLearnerError, Settings
from verify.learners.trained.linear_attention import LinearAttention
from verify.learners.trained.lstm import width_of
from verify.learners.trained.recipes import RECIPES
from verify.learners.trained.stored import FOLDER, READ_AS
from verify.learners.trained.training import all_steps, untrained

ROOT = Path(__file__).parents[2]
SMALL: dict[str, dict[str, Any]] = {
    "linear_attention": {"layers": 2, "batch": 32, "rate": 0.02},
    "gpt": {"layers": 2, "width": 16, "heads": 2, "batch": 32, "rate": 0.005},
    "lstm": {"layers": 2, "width": 16, "batch": 32, "rate": 0.01},
}
ARCHITECTURES = pytest.mark.parametrize("architecture", SMALL)


def small(architecture: str, **more: Any) -> Settings:
    given = {"d": 2, "n": 6, "steps": 3, **SMALL[architecture], **more}
    return Settings(architecture=architecture, **given)


def prompts(learner: Any, count: int, n: int, m: int, seed: int = 0) -> tuple[torch.Tensor, ...]:
    drawn, d = torch.Generator().manual_seed(seed), learner.settings.d
    return tuple(
        torch.randn(*shape, generator=drawn, dtype=learner.kind)
        for shape in ((count, n, d), (count, n), (count, m, d))
    )


# -- training ---------------------------------------------------------------------------------


@ARCHITECTURES
def test_a_seed_says_every_bit(architecture):
    one, again = (trained.train(small(architecture, noise=0.5)) for _ in range(2))
    assert one[1] == again[1]
    for name, tensor in one[0].state_dict().items():
        assert torch.equal(tensor, again[0].state_dict()[name])
    other, _ = trained.train(small(architecture, noise=0.5, seed=1))
    assert any(not torch.equal(a, b) for a, b in zip(one[0].parameters(), other.parameters()))


@ARCHITECTURES
def test_training_leaves_the_caller_s_chance_and_threads_as_they_were(architecture):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    trained.train(small(architecture, steps=1))
    assert torch.equal(torch.rand(1), expected) and torch.get_num_threads() == threads


@ARCHITECTURES
def test_a_few_steps_improve_a_learner(architecture):
    _, curve = trained.train(small(architecture, steps=300))
    assert curve.losses[-1] < 0.8 * curve.losses[0]
    assert curve.steps[0] == 0 and curve.steps[-1] == 300
    assert curve.bayes < 1e-9 < curve.losses[-1]


@pytest.mark.parametrize(("seed", "noise", "starts"), [(1, 0.0, 8), (2, 2.0, 8), (1, 0.0, 1)])
def test_of_several_starts_one_layer_finds_the_best_step_for_its_noise(seed, noise, starts):
    """n / (n + d + 1 + noise^2) in each direction: 8/11, and 8/15 with noise. This seed's first
    start alone leads elsewhere."""
    given = {"d": 2, "n": 8, "noise": noise, "seed": seed, "batch": 256, "starts": starts}
    learner, _ = trained.train(Settings.of("linear_attention", steps=400, **given))
    (layer,) = learner.layers
    step = -(layer.P[-1, -1] * layer.Q[:-1, :-1]).detach()
    wanted = 8 / (11 + noise**2) * torch.eye(2, dtype=step.dtype)
    assert torch.allclose(step, wanted, rtol=0, atol=0.03) == (starts > 1)


def test_the_curve_has_the_error_of_the_bayes_predictor_beside_it():
    """Of ridge with noise^2: d noise^2 / n where examples are many."""
    _, curve = trained.train(small("linear_attention", n=100, noise=2.0, steps=0))
    assert curve.bayes == pytest.approx(2 * 4 / 100, rel=0.2)
    assert curve.nothing == pytest.approx(2, rel=0.2)


def test_an_lstm_as_large_as_a_transformer_is_found():
    count = sum(one.numel() for one in untrained(RECIPES["gpt"]).parameters())
    chosen = RECIPES["lstm"]
    assert width_of(count, chosen.d, chosen.layers) == chosen.width
    ours = sum(one.numel() for one in untrained(chosen).parameters())
    assert abs(ours - count) < 0.02 * count


# -- what a learner answers -------------------------------------------------------------------


@ARCHITECTURES
@settings(max_examples=10)
@given(d=st.integers(1, 3), n=st.integers(1, 6), m=st.integers(1, 3), seed=st.integers(0, 9))
def test_each_query_is_answered_as_if_it_were_alone_and_read_out_of_the_last_states(
    architecture, d, n, m, seed
):
    learner = untrained(small(architecture, d=d, seed=seed))
    X, y, queries = prompts(learner, 3, n, m, seed)
    with torch.no_grad():
        together, states = learner(X, y, queries), learner.hidden(X, y, queries)
        alone = torch.cat([learner(X, y, queries[:, k : k + 1]) for k in range(m)], dim=1)
        assert torch.allclose(together, alone, rtol=1e-4, atol=1e-6)
        assert torch.equal(learner.read_out(states[:, -1, -m:]), together)
    tokens = n + m if architecture == "linear_attention" else 2 * n + m
    assert together.shape == (3, m) and states.shape[:3] == (3, 3, tokens)


@pytest.mark.parametrize("architecture", ["gpt", "lstm"])
def test_what_is_predicted_of_an_example_depends_on_those_before_it_alone(architecture):
    learner = untrained(small(architecture))
    X, y, queries = prompts(learner, 2, 6, 1)

    def states(y: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return learner.hidden(X, y, queries)[:, -1]

    changed = y.clone()
    changed[:, 3] += 1  # the token of place 7
    before, after = states(y), states(changed)
    assert torch.allclose(before[:, :7], after[:, :7], atol=1e-6)
    assert (before[:, 7:] - after[:, 7:]).abs().amax(dim=(0, 2)).min() > 1e-5


@ARCHITECTURES
def test_prompts_that_do_not_fit_are_refused_by_their_shapes(architecture):
    learner = untrained(small(architecture))
    X, y, queries = prompts(learner, 2, 4, 1)
    wrong = [(X[..., :1], y, queries), (X, y[:, :3], queries), (X[0], y[0], queries[0])]
    for one in (*wrong, (X, y, queries[:1])):
        with pytest.raises(NoLearnerError, match=r"X \(B, n, 2\)"):
            learner(*one)
    if architecture == "gpt":
        with pytest.raises(NoLearnerError, match="7 examples are more than the 6"):
            learner(*prompts(learner, 2, 7, 1))


# -- files ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Path]]:
    folder, made = tmp_path_factory.mktemp("learners"), {}
    for architecture in SMALL:
        learner, curve = trained.train(small(architecture))
        path = folder / f"{architecture}.safetensors"
        trained.save(path, learner, curve)
        made[architecture] = learner, path
    return made


@ARCHITECTURES
def test_a_file_gives_back_the_learner_bit_for_bit(files, architecture):
    learner, path = files[architecture]
    again = trained.load(path)
    given = prompts(learner, 3, 5, 2)
    with torch.no_grad():
        assert torch.equal(learner(*given), again(*given))
        expected = learner(*given).double().numpy()
    assert again.settings == learner.settings and not again.training
    assert trained.curve(path)["settings"] == learner.settings.to_json()
    assert np.array_equal(model(again)(*(one.double().numpy() for one in given)), expected)


def changed(change: Any) -> Any:
    """Writes the file again with its tensors and metadata changed."""

    def write(path: Path) -> None:
        tensors, metadata = read_safetensors(path)
        change(tensors, metadata)
        save_file(tensors, path, metadata)

    return write


def setting(**new: Any) -> Any:
    def change(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
        metadata["settings"] = json.dumps({**json.loads(metadata["settings"]), **new})

    return changed(change)


FIRST = "layers.0.P"
FAULTS = {
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-9]), "no safetensors file"),
    "text": (lambda path: path.write_text("weights"), "no safetensors file"),
    "a tensor less": (changed(lambda t, m: t.pop(FIRST)), "'layers.0.P' is missing"),
    "a tensor more": (
        changed(lambda t, m: t.update(more=torch.zeros(1))),
        "'more' has no place",
    ),
    "another shape": (changed(lambda t, m: t.update({FIRST: t[FIRST][:2]})), "not (3, 3)"),
    "another format": (changed(lambda t, m: t.update({FIRST: t[FIRST].half()})), "float64"),
    "not finite": (changed(lambda t, m: t[FIRST].mul_(torch.nan)), "not finite"),
    "of others": (changed(lambda t, m: m.pop("format")), "not of `witness train`"),
    "no settings": (changed(lambda t, m: m.update(settings="{")), "cannot be read"),
    "settings of no kind": (changed(lambda t, m: m.update(settings="[1]")), "no mapping"),
    "an unknown setting": (setting(colour=1), "'colour' is unknown"),
    "no architecture": (setting(architecture=["gpt"]), "there is no learner ['gpt']"),
    "another architecture": (
        setting(architecture="lstm", width=3),
        "'cells.0.bias_hh_l0' is missing",
    ),
    "no dimension": (setting(d=0), "d must be a whole number from 1 to 100, not 0"),
    "another dimension": (setting(d=99), "not (100, 100)"),
    "a dimension too large": (setting(d=10**6), "a whole number from 1 to 100, not 1000000"),
    "layers without end": (setting(layers=10**9), "layers must be a whole number from 1 to 24"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_learner_is_refused_in_a_line(files, tmp_path, fault):
    spoil, why = FAULTS[fault]
    path = tmp_path / "spoiled.safetensors"
    path.write_bytes(files["linear_attention"][1].read_bytes())
    spoil(path)
    with pytest.raises(NoLearnerError) as refused:
        trained.load(path)
    assert why in str(refused.value) and str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_name_that_is_none_is_refused_with_those_that_are():
    with pytest.raises(NoLearnerError, match="no such file; .*linear_1"):
        trained.load("linear_99")


# -- linear attention as matrices -------------------------------------------------------------


def as_witness(path: Path, d: int) -> Any:
    read_as = READ_AS["linear_attention"]
    layers = constructions.layers_from(path, **read_as["layers"])
    return constructions.from_matrices(layers, rows=read_as["rows"], d=d, read=read_as["read"])


@settings(max_examples=15)
@given(
    d=st.integers(1, 3), n=st.sampled_from([1, 2, 4]), layers=st.integers(1, 2),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_its_file_is_read_as_the_matrices_that_it_runs(tmp_path_factory, d, n, layers, seed):
    """Exactly: of halves, floats have every sum and product of two layers."""
    drawn = np.random.default_rng(seed)

    def halves(*shape: int) -> torch.Tensor:
        return torch.from_numpy(drawn.integers(-2, 3, shape) / 2)

    learner = LinearAttention(small("linear_attention", d=d, layers=layers))
    for one in learner.parameters():
        one.data = halves(d + 1, d + 1)
    path = tmp_path_factory.mktemp("halves") / "learner.safetensors"
    trained.save(path, learner, trained.train(small("linear_attention", steps=0))[1])
    X, y, queries = halves(1, n, d), halves(1, n), halves(1, 2, d)
    exact = as_witness(path, d).predict(X[0].numpy(), y[0].numpy(), queries[0].numpy(), "rational")
    assert [Fraction(value) for value in learner(X, y, queries)[0].tolist()] == list(exact)


def test_with_a_matrix_transposed_it_would_predict_something_else(files):
    learner, path = files["linear_attention"]
    X, y, queries = (one.numpy() for one in prompts(learner, 1, 4, 1))
    exact = as_witness(path, 2).predict(X[0], y[0], queries[0], "rational")
    assert float(exact[0]) == pytest.approx(float(model(learner)(X, y, queries)[0, 0]), rel=1e-12)
    turned = trained.load(path)
    for layer in turned.layers:
        layer.Q.data = layer.Q.data.T
    assert float(exact[0]) != pytest.approx(float(model(turned)(X, y, queries)[0, 0]), rel=1e-6)


# -- the package's own ------------------------------------------------------------------------


def test_the_package_has_the_learners_of_the_recipes_in_2_megabytes():
    assert set(trained.names()) == set(RECIPES)
    files = [path for path in FOLDER.iterdir() if path.name != "__pycache__"]
    assert {path.name for path in files} == {
        f"{name}{ending}" for name in RECIPES for ending in (".safetensors", ".json")
    }
    assert sum(path.stat().st_size for path in files) <= 2_000_000


def test_they_are_data_of_the_package():
    read = configparser.ConfigParser()
    read.read(ROOT / "setup.cfg")
    patterns = read["options.package_data"]["verify"].replace(",", " ").split()
    kept = {path for pattern in patterns for path in (ROOT / "verify").glob(pattern)}
    assert set(FOLDER.iterdir()) <= kept


@pytest.mark.parametrize("name", RECIPES)
def test_a_learner_of_the_package_is_what_its_recipe_says_and_its_curve_went_down(name):
    learner, curve = trained.load(name), trained.curve(name)
    assert learner.settings == RECIPES[name]
    assert curve["settings"] == RECIPES[name].to_json()
    losses = np.array(curve["losses"])
    assert np.isfinite(losses).all() and len(losses) == len(curve["steps"]) == 50
    assert curve["bayes"] < losses[-1] < losses[0] / 2
    assert curve["steps"][-1] == learner.settings.steps


class Enough(Exception):
    pass


@pytest.mark.parametrize("name", ["linear_1", "linear_1_noise_2", "linear_2"])
def test_its_recipe_starts_on_its_curve(name):
    curve = trained.curve(name)
    until, loss = curve["steps"][1], []

    def say(step: int, error: float) -> None:
        loss.append(error)
        if step == until:
            raise Enough

    with pytest.raises(Enough):
        trained.train(RECIPES[name], say)
    # of another processor the last digits may be others
    assert (loss[0], loss[-1]) == pytest.approx(tuple(curve["losses"][:2]), rel=1e-6)


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("linear")])
def test_a_linear_learner_is_a_witness_that_predicts_the_same(name):
    learner, rng = trained.load(name), np.random.default_rng(0)
    built = as_witness(trained.path_of(name), learner.settings.d)
    X, y, queries = (rng.standard_normal(shape) for shape in ((20, 5), (20,), (3, 5)))
    exact = built.predict(X, y, queries, "rational")
    got = model(learner)(X[None], y[None], queries[None])[0]
    bound = built.rounding_bound(X, y, queries, "float64")
    # the module sums in another order than the witness: each is within such a bound
    assert (np.abs(got - exact.astype(float)) <= 2 * np.asarray(bound)).all()


# -- the command ------------------------------------------------------------------------------

QUICK = ("train", "linear_attention", "--d", "2", "--n", "4", "--steps", "4", "--batch", "8")


def test_the_command_writes_weights_and_curve_alike_for_equal_seeds(witness, tmp_path):
    one, two, other = (tmp_path / f"{name}.safetensors" for name in ("one", "two", "other"))
    for path, seed in ((one, "3"), (two, "3"), (other, "4")):
        status, out, err = witness(*QUICK, "--seed", seed, "--noise", "0.5", "-o", str(path))
        assert (status, err) == (0, "") and path.name in out
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()
    assert trained.load(one).settings.noise == 0.5
    assert json.loads(one.with_suffix(".json").read_text())["steps"][-1] == 4
    metadata = read_safetensors(one)[1]
    assert json.loads(metadata["settings"])["seed"] == 3
    assert "icl-witness" in json.loads(metadata["versions"])


def test_every_step_is_told_those_of_the_starts_too(tmp_path):
    """Of deep learners the starts alone take minutes."""
    settings = trained.Settings.of("linear_attention", d=1, n=2, steps=5, starts=3, batch=2)
    told = []
    trained.train(settings, lambda *step: told.append("step"), lambda *step: told.append("start"))
    assert told == ["start"] * 15 + ["step"] * 5 and len(told) == all_steps(settings)
    one = trained.Settings.of("linear_attention", d=1, n=2, steps=5, starts=1, batch=2)
    assert all_steps(one) == 5


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("linear_attention",), "-o FILE.safetensors is needed"),
        (("-o", "F.safetensors"), "name a learner"),
        (("mamba", "-o", "F.safetensors"), "no learner 'mamba'; there are linear_attention"),
        (("gpt", "-o", "F.pt"), "ends in .safetensors"),
        (("gpt", "-o", "no/F.safetensors"), "no folder"),
        (("gpt", "--heads", "5", "-o", "F.safetensors"), "not 5 equal heads"),
        (("gpt", "--layers", "0", "-o", "F.safetensors"), "layers must be"),
        (("lstm", "--heads", "2", "-o", "F.safetensors"), "heads are not of an lstm"),
        (("linear_attention", "--width", "8", "-o", "F.safetensors"), "d says its width"),
        (("linear_attention", "--noise", "nan", "-o", "F.safetensors"), "noise must be"),
        (("linear_attention", "--noise", "-1", "-o", "F.safetensors"), "noise must be"),
        (("linear_attention", "--d", "0", "-o", "F.safetensors"), "d must be"),
        (("linear_attention", "--steps", "-1", "-o", "F.safetensors"), "steps must be"),
        (("linear_attention", "--steps", "x", "-o", "F.safetensors"), "--steps"),
        (("--all",), "-o FOLDER"),
        (("--all", "-o", "no"), "no such folder"),
        (("--all", "gpt", "-o", "."), "--all takes -o alone"),
        (("--all", "--d", "3", "-o", "."), "--all takes -o alone"),
    ],
)
def test_a_wrong_call_is_refused_in_a_line(witness, tmp_path, monkeypatch, arguments, why):
    monkeypatch.chdir(tmp_path)
    status, out, err = witness("train", *arguments)
    assert status == 2 and out == "" and why in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
