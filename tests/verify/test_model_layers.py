"""Models in every form, and what their layers hold, of models of which both are known."""

from __future__ import annotations

import json
import sys
import time
from functools import cache

import numpy as np
import pytest
import torch
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

import constructions
from constructions import from_matrices
from verify import algorithms
from verify.learners.data import gaussian, tasks
from verify.learners.layers import NOTHING, POSITIONS, layers
from verify.learners.model import NoModelError, interleaved, joint, model
from verify.learners.probes import PENALTIES, Standard, linear
from verify.learners.sensitivity import sensitivity

SIZES = {"d": 5, "n": 20}


def ridge(X, y, queries):
    return algorithms.ridge(X, y, queries, 1.0)


def ridge_of_many(X, y, queries):
    S = X.transpose(0, 2, 1) @ X + np.eye(X.shape[-1])
    return (queries @ np.linalg.solve(S, X.transpose(0, 2, 1) @ y[..., None]))[..., 0]


class Ridge(torch.nn.Module):
    """In float64, of (X, y, queries); says in what it was called."""

    def __init__(self, dtype=torch.float64):
        super().__init__()
        self.register_buffer("strength", torch.ones((), dtype=dtype))
        self.drop = torch.nn.Dropout()
        self.hidden = 64  # a number of units, and no hidden states

    def forward(self, X, y, queries):
        self.seen = X.dtype, torch.is_grad_enabled()
        S = X.mT @ X + self.strength * torch.eye(X.shape[-1])
        return self.drop(queries @ torch.linalg.solve(S, X.mT @ y[..., None]))[..., 0]


def on_joint_tokens(tokens):
    """Of every token it predicts, of all but the last it learns."""
    X, y, asked = tokens[:, :-1, :-1], tokens[:, :-1, -1], tokens[:, :, :-1]
    assert (tokens[:, -1, -1] == 0).all()
    return ridge_of_many(X, y, asked)


def on_interleaved_tokens(tokens):
    """At the tokens of x it predicts, as a module that answers (B, n + 1, 1)."""
    X, y, asked = tokens[:, :-1:2], tokens[:, 1::2, 0], tokens[:, ::2]
    assert (tokens[:, 1::2, 1:] == 0).all()
    return ridge_of_many(X, y, asked)[..., None]


FORMS = {
    "witness": lambda n, d: model(
        constructions.build("sherman_morrison", d=d, examples=n, ridge=1)
    ),
    "module": lambda n, d: model(Ridge()),
    "function of a prompt": lambda n, d: model(ridge),
    "function of a batch": lambda n, d: model(ridge_of_many),
    "model": lambda n, d: model(model(ridge)),
    "joint": lambda n, d: joint(on_joint_tokens),
    "joint, at the query": lambda n, d: joint(lambda tokens: on_joint_tokens(tokens)[:, -1]),
    "interleaved": lambda n, d: interleaved(on_interleaved_tokens),
    "interleaved, other tokens": lambda n, d: interleaved(
        lambda tokens: on_interleaved_tokens(tokens[..., 1:]),
        x_token=lambda X: np.pad(X, ((0, 0), (0, 0), (1, 0))),
        y_token=lambda y: np.pad(y[..., None], ((0, 0), (0, 0), (1, d - 1))),
    ),
}


@pytest.mark.parametrize("form", FORMS)
@given(B=st.integers(1, 3), n=st.integers(1, 6), d=st.integers(1, 4), m=st.integers(1, 3))
@settings(max_examples=8)
def test_a_model_is_the_same_in_every_form(form, B, n, d, m):
    batch = gaussian(np.random.default_rng(B + n + d + m), B, n, d, m)
    got = FORMS[form](n, d)(*batch)
    assert got.shape == (B, m) and got.dtype == float
    assert np.abs(got - ridge_of_many(*batch)).max() < 1e-8


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_module_runs_in_its_format_without_dropout_and_is_left_as_it_was(dtype):
    module = Ridge(dtype).train()
    module.drop.eval()
    what = model(module)
    batch = gaussian(np.random.default_rng(0), 3, 6, 2, 2)
    assert np.abs(what(*batch) - ridge_of_many(*batch)).max() < 10 * torch.finfo(dtype).eps * 6
    module.drop.train()
    assert np.array_equal(what(*batch), what(*batch))
    assert module.seen == (dtype, False)
    assert module.training and module.drop.training
    assert what.hidden is None  # 64 is no function


class WritesIntoItsInputs(torch.nn.Module):
    def forward(self, X, y, queries):
        made = (queries @ X.mT @ y[..., None])[..., 0]
        for part in (X, y, queries):
            part[...] = 7
        return made


def writes_into_its_inputs(X, y, queries):
    made = np.einsum("...md,...nd,...n->...m", queries, X, y)
    for part in (X, y, queries):
        part[...] = 7
    return made


def of_one_prompt(X, y, queries):
    X *= 2  # before it sees that this is no single prompt
    assert X.ndim == 2
    return queries @ X.T @ y / 2


@pytest.mark.parametrize(
    "given", [WritesIntoItsInputs(), WritesIntoItsInputs().double(), writes_into_its_inputs,
              of_one_prompt],
)  # fmt: skip
def test_a_model_that_writes_into_its_inputs_gets_copies(given):
    batch = gaussian(np.random.default_rng(0), 3, 6, 2, 2)
    kept = [part.copy() for part in batch]
    answers = [model(given)(*batch) for _ in range(2)]
    assert np.array_equal(*answers)
    assert all(np.array_equal(part, old) for part, old in zip(batch, kept, strict=True))
    pull = np.einsum("bmd,bnd,bn->bm", batch.queries, batch.X, batch.y)
    assert np.abs(answers[0] - pull).max() < 1e-12


def test_queries_of_a_net_on_tokens_do_not_see_each_other():
    what = joint(lambda tokens: tokens.sum(axis=(1, 2)))  # of all tokens, the query's too
    batch = gaussian(np.random.default_rng(0), 3, 6, 2, 4)
    alone = [what(batch.X, batch.y, batch.queries[:, k : k + 1]) for k in range(4)]
    assert np.array_equal(what(*batch), np.concatenate(alone, axis=1))


def states(*shape):
    return lambda X, y, queries: np.zeros((*X.shape[:-2], *shape))


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda p: model("text"), "str is no model"),
        (lambda p: joint(3), "int is no model"),
        (lambda p: model(ridge, hidden=64), "hidden is a int, not a function"),
        (
            lambda p: model(lambda X, y, q: q[..., 0, 0])(*p),
            "shape (3,) for 3 prompts of 2 queries, not (3, 2)",
        ),
        (lambda p: model(lambda X, y, q: y)(*p), "not (2,)"),
        (lambda p: model(lambda X, y, q: q[..., 0] * np.inf)(*p), "not finite"),
        (lambda p: model(lambda X, y, q: [["1"] * 2] * 3)(*p), "list, not with numbers"),
        (
            lambda p: model(lambda X, y, q: {}[0])(*p),
            "fails on X (3, 5, 4), y (3, 5), queries (3, 2, 4): KeyError",
        ),
        (lambda p: model(lambda X, y, q: q[..., 0] + 1j)(*p), "ndarray of complex numbers"),
        (lambda p: model(lambda X, y, q: sys.exit(3))(*p), "queries (3, 2, 4): SystemExit: 3"),
        (
            lambda p: joint(lambda t: sys.exit())(*p),
            "the net fails on tokens (6, 6, 5): SystemExit",
        ),
        (lambda p: joint(lambda t: t)(*p), "answers (6, 6, 5) to tokens (6, 6, 5), not (6, 6), a"),
        (lambda p: joint(lambda t: {}[0])(*p), "the net fails on tokens (6, 6, 5): KeyError"),
        (lambda p: interleaved(lambda t: t[:, 1::2, 0])(*p), "answers (6, 5) to tokens (6, 11, 4)"),
        (
            lambda p: interleaved(lambda t: t[..., 0], y_token=lambda y: y)(*p),
            "of y (6, 5), not (6, 6, width)",
        ),
        (
            lambda p: model(ridge, hidden=states(2, 7)).hidden(*p),
            "hidden states have shape (3, 2, 7) for 3 prompts",
        ),
        (
            lambda p: model(ridge, hidden=states(1, 7, 3)).hidden(*p),
            "not (3, layers + 1, tokens, width)",
        ),
        (
            lambda p: model(
                ridge, hidden=lambda *p: [np.zeros((3, 7, 3)), np.zeros((3, 7, 4))]
            ).hidden(*p),
            "differ in shape: [(3, 7, 3), (3, 7, 4)]",
        ),
        (
            lambda p: model(ridge, hidden=lambda *p: np.full((3, 2, 7, 3), np.nan)).hidden(*p),
            "not finite",
        ),
        (
            lambda p: joint(on_joint_tokens, hidden=states(2, 6, 3)).hidden(*p),
            "give queries (3, 1, 4), not (3, 2, 4)",
        ),
        (
            lambda p: joint(on_joint_tokens, lambda t: t).hidden(p[0], p[1], p[2][:, :1]),
            "shape (3, 6, 5) for 3 prompts of 1 queries",
        ),
        (
            lambda p: model(ridge, read_out=lambda h: h).read_out(np.zeros((3, 7))),
            "read_out answers (3, 7) to states (3, 7), not (3,)",
        ),
        (lambda p: layers(ridge, 4, 5), "no hidden states"),
        (
            lambda p: layers(model(ridge, states(2, 6, 3), query_tokens=lambda n, m: [9]), 4, 5),
            "gives [9], not the number of one of 6 tokens",
        ),
        (
            lambda p: layers(model(ridge, states(2, 6, 3), read_out=lambda h: h[:, 0]), 4, 5),
            "not the model's own",
        ),
    ],
)
def test_what_is_no_model_is_refused_in_a_line(call, why):
    with pytest.raises(NoModelError) as refused:
        call(gaussian(np.random.default_rng(0), 3, 5, 4, 2))
    assert why in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "label",
    [
        label
        for label, (name, _) in examples().items()
        if name != "gelu_product" and constructions.get(name).is_regression
    ],
)
def test_hidden_states_of_a_witness_are_its_trace_and_its_read_out_its_prediction(label, batch):
    name, parameters = examples()[label]
    witness = constructions.get(name)(**parameters)
    X, y, queries = batch
    if witness.d == 1:
        X, queries = X[..., :1], queries[..., :1]
    what = model(witness)
    got = what.hidden(X, y, queries)
    assert got.shape[:2] == (len(X), witness.layers + 1) and got.shape[3] == witness.width
    for layer, slots in enumerate(witness.trace(X, y, queries)):
        for slot, held in slots.items():
            rows = got[:, layer][..., list(witness.layout.rows(slot))]
            assert np.allclose(rows, held.reshape(rows.shape), rtol=1e-9, atol=1e-9)
    at = list(what.query_tokens(X.shape[1], queries.shape[1]))
    read = what.read_out(got[:, -1, at].reshape(-1, witness.width)).reshape(len(X), -1)
    assert np.allclose(read, what(X, y, queries), rtol=1e-12)


# -- predictions on the way -----------------------------------------------------------------------

KNOWN = {
    # layer k's own read-out is step k - before of the algorithm; before it, layers still prepare
    "gradient_descent": ({"steps": 5, "step_size": 0.012}, 0, "gradient_descent", "steps"),
    "newton_carried": (
        {"iterations": 4, "alpha": 0.0005, "start": "gram"},
        1,
        "newton",
        "iterations",
    ),
    "momentum": ({"steps": 4, "step_size": 0.02, "momentum": 0.4}, 0, "momentum", "steps"),
}


@cache
def known(name):
    """A witness of KNOWN and its layers."""
    witness = constructions.build(name, d=5, **KNOWN[name][0])
    return witness, layers(witness, **SIZES, prompts=128)


@pytest.mark.parametrize("name", KNOWN)
def test_the_layers_of_a_witness_are_the_steps_of_its_algorithm(name):
    parameters, before, algorithm, count = KNOWN[name]
    witness, found = known(name)
    what, drawn = model(witness), tasks(np.random.default_rng(0), 4, 20, 5, 1, 0.5)
    held = what.hidden(*drawn.prompts)
    real = {k: v for k, v in parameters.items() if k not in (count, "start")}
    for layer in range(before + 1, witness.layers + 1):
        step = layer - before
        own = what.read_out(held[:, layer, held.shape[2] - 1])
        expected = [
            getattr(algorithms, algorithm)(*one, **{count: step}, **real)[0]
            for one in zip(*drawn.prompts)
        ]
        assert np.allclose(own, expected, rtol=1e-9, atol=1e-12)
        best = found.exit(layer, "own").best
        if step > 1 or algorithm != "momentum":  # the family starts with its second step
            assert (best.name, best.step) == (algorithm, step)
            assert best.distance.mean.high < 1e-4
    last = found.exit(witness.layers, "own")
    assert last.to_final.mean.high == 0 and last.margin > 0
    assert found.exit(0, "own").best.name == NOTHING


def test_a_layer_that_takes_another_step_is_seen():
    witness, honest = known("gradient_descent")
    changed = witness.to_torch()
    with torch.no_grad():
        changed.layers[2].heads[0].value *= 0.5
    found = layers(changed, **SIZES, prompts=128)
    for layer in range(3, witness.layers + 1):
        off = [one.exit(layer, "own").best.distance.mean for one in (found, honest)]
        assert off[0].low > 1e3 * off[1].high


def least_squares_aside(X, y, queries):
    """States (B, 2, n + 1, 2): a layer that holds least squares at the query, and noise."""
    made = np.random.default_rng(0).standard_normal((len(X), 2, X.shape[1] + 1, 2))
    w = np.linalg.pinv(X) @ y[..., None]
    made[:, 1, -1, 0] = (queries @ w)[:, 0, 0]
    return made


def test_a_fitted_read_out_finds_what_the_model_does_not_predict_and_is_marked_fitted():
    half = model(lambda X, y, q: 0.5 * algorithms.ridge(X, y, q, 30.0), least_squares_aside)
    found = layers(half, **SIZES, prompts=256)
    assert {one.reading for one in found.exits} == {"fitted to prediction", "fitted to truth"}
    truth = found.exit(1, "fitted to truth")
    assert (
        truth.to_truth.mean.high < 0.05 < 0.9 < found.exit(0, "fitted to truth").to_truth.mean.value
    )
    assert truth.to_final.mean.low > 1  # far from what the model says


# -- probes ---------------------------------------------------------------------------------------


def holder(scale=1):
    """Layer 1 puts X^T y into every token, layer 2 reads x^T X^T y / 20, layer 3 erases it."""
    itself = {"Q": {("one", "one"): 1}, "mask": "j == t"}
    return from_matrices(
        [
            {"P": {("g", "x"): scale}, "Q": {("y", "one"): 1}, "M": "examples"},
            {"P": {("p", "one"): 0.05}, "Q": {("x", "g"): 1}, "mask": "j == t"},
            {"P": {("g", "g"): -1}, **itself},
        ],
        rows={"x": "d", "y": 1, "one": 1, "g": "d", "p": 1},
        d=5,
        read="p",
    )


def probe(found, layer, position, kind, target="X^T y"):
    key = layer, position, target, kind
    return next(p for p in found.probes if (p.layer, p.position, p.target, p.kind) == key)


def test_a_probe_finds_what_a_layer_holds_where_it_holds_it_and_nothing_in_the_controls():
    found = layers(holder(), **SIZES)
    for position in POSITIONS:
        for kind, least in (("linear", 1 - 1e-9), ("hidden layer", 0.9)):
            for layer in (1, 2):
                one = probe(found, layer, position, kind)
                assert one.r2.low > least and one.above_controls
                assert one.permuted.value < 0.05 and one.prompt.value < 0.05
                assert one.random.high < 0.5
            for layer in (0, 3):  # not yet there, and erased
                assert probe(found, layer, position, kind).r2.high < 0.5
        assert not probe(found, 0, position, "linear").above_controls
    # X^T y is near n w, and so says much of w, though no layer holds w
    assert 0.5 < probe(found, 1, "query", "linear", "w of least squares").r2.value < 0.99
    assert found.positions["query"] == "token 21 of 21" and found.tokens == 21


def test_without_the_weights_that_hold_it_a_probe_finds_nothing():
    found = layers(holder(scale=0), **SIZES)
    assert not any(one.above_controls for one in found.probes)
    assert probe(found, 1, "query", "linear").r2.high < 0.05


@pytest.mark.parametrize("seen", ["nothing", "the query"])
def test_a_model_that_sees_no_examples_has_no_r_squared_above_0(seen):
    def hidden(X, y, queries):
        made = np.ones((len(X), 3, 4, 5))
        return made * queries[:, :1, None] if seen == "the query" else made

    found = layers(model(lambda X, y, q: q[..., 0], hidden), **SIZES, prompts=128)
    for one in found.probes:
        assert one.r2.low <= 0 and not one.above_controls and one.random is None
        if seen == "nothing" and one.kind == "linear":
            assert one.r2.value <= 0
    for reading in found.exits:
        if reading.reading == "fitted to truth":
            assert reading.to_truth.mean.high > 1


def test_random_weights_have_the_shape_and_size_of_the_model_and_states_that_are_finite():
    witness = constructions.build("recursive_least_squares", d=3, examples=8, ridge=1)
    what, batch = model(witness), gaussian(np.random.default_rng(0), 8, 8, 3, 1)
    drawn = next(what.with_random_weights(batch, seed=1))
    again = next(what.with_random_weights(batch, seed=1))
    held, known = drawn.hidden(*batch), what.hidden(*batch)
    assert held.shape == known.shape and np.array_equal(held, again.hidden(*batch))
    assert not np.allclose(held, known)
    assert np.abs(held[:, -1]).mean() <= 100 * np.abs(held[:, 0]).mean()
    assert np.array_equal(what.hidden(*batch), known)  # the model's own weights stay
    assert not list(model(ridge, hidden=states(2, 9, 3)).with_random_weights(batch))


@given(N=st.integers(4, 12), F=st.integers(1, 15), T=st.integers(1, 3), seed=st.integers(0, 99))
@settings(max_examples=20)
def test_the_penalty_is_the_one_that_errs_least_when_each_prompt_is_left_out(N, F, T, seed):
    rng = np.random.default_rng(seed)
    features, target = rng.standard_normal((N, F)), rng.standard_normal((N, T))
    z = Standard.of(features)(features)
    errors = []
    for penalty in PENALTIES * N:
        missed = 0.0
        for i in range(N):
            rest = np.delete(np.arange(N), i)
            A = np.block(
                [[np.ones((N - 1, 1)), z[rest]], [np.zeros((F, 1)), penalty**0.5 * np.eye(F)]]
            )
            b = np.concatenate([target[rest], np.zeros((F, T))])
            fitted = np.linalg.lstsq(A, b, rcond=None)[0]
            missed += ((np.concatenate([[1.0], z[i]]) @ fitted - target[i]) ** 2).sum()
        errors.append(missed)
    chosen = linear(features, [target])[0].penalty
    assert errors[int(np.flatnonzero(PENALTIES * N == chosen)[0])] <= min(errors) * (1 + 1e-5)


def test_all_of_it_takes_less_than_20_seconds_and_is_data():
    witness = constructions.build("newton", d=5, iterations=3, alpha=0.0005)
    start = time.process_time()
    found, reacts = layers(witness, **SIZES), sensitivity(witness, **SIZES)
    assert time.process_time() - start < 20
    # before it reads out, the model's own read-out says nothing, though layers hold M_k x
    for layer in range(witness.layers):
        own = found.exit(layer, "own")
        assert own.best.name == NOTHING and own.to_final.mean.value == 1
    last = found.exit(witness.layers, "own").best
    assert (last.name, last.step) == ("newton", 3) and last.distance.mean.high < 1e-4
    assert len(reacts.noise) > 3 and reacts.order.of_spread.mean.high < 1e-12
    written = json.loads(json.dumps([found.to_json(), reacts.to_json()]))
    assert written[0]["exits"][0]["reading"] == "own" and "margin" in written[0]["exits"][0]
    assert {"r2", "permuted", "prompt", "random", "above_controls"} <= set(written[0]["probes"][0])
