"""Every kind of layer does what its definition says, in every number system that has it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from flint import arb

import constructions
from constructions import numbers
from constructions.numbers.ball import Ball
from constructions.parts import bilinear
from constructions.run import forward
from constructions.witness import Witness
from proofs.layer import MLP, Head, Layer, Readout
from proofs.prompt import Prompt
from proofs.rule import rule
from proofs.slotmap import slot_map
from proofs.stream import layout

ALL = slot_map(("x", "x"), ("y", "y"), ("index", "index"), ("one", "one"))


def one_layer(d: int, layer: Layer, **slots: tuple[int, ...]) -> Witness:
    """A witness of one layer on the slots x, y, index, one and those given."""
    stream = layout(x=(d,), y=(), index=(), one=(), **slots)
    return Witness("one layer", stream, Prompt(d, ALL), (layer,), Readout("y"))


def weights(scores: np.ndarray, attention: str, null: bool, seen: np.ndarray) -> np.ndarray:
    """The attention weights (tokens, tokens) by their definition, one query at a time."""
    made = np.zeros_like(scores)
    for t, row in enumerate(scores):
        keys = np.flatnonzero(seen[t])
        if attention == "linear":
            made[t, keys] = row[keys]
        elif attention == "relu":
            made[t, keys] = np.maximum(row[keys], 0)
        elif attention == "softmax":
            powers = np.exp(row[keys])
            made[t, keys] = powers / (powers.sum() + (1 if null else 0))
        else:
            made[t, keys] = row[keys] / (row[keys].sum() + (1 if null else 0))
    return made


KINDS = [("linear", False), ("relu", False), ("softmax", False), ("softmax", True),
         ("normalised", False), ("normalised", True)]  # fmt: skip


@pytest.mark.parametrize("keys", ["context", "full", "causal"])
@pytest.mark.parametrize(("attention", "null"), KINDS)
@pytest.mark.parametrize("average", ["", "keys", "examples"])
def test_a_head_adds_its_weighted_values(attention, null, keys, average, prompt):
    X, y, queries = prompt
    if attention in ("softmax", "normalised") and average:
        return
    if attention == "normalised":
        X, queries = np.abs(X) + 1, np.abs(queries) + 1  # no denominator is 0
    head = Head(
        query=slot_map(("f", "x", Fraction(1, 2)), ("g", "one", 2)),
        key=slot_map(("f", "x"), ("g", "index", Fraction(1, 4))),
        value=slot_map(("a", "x", -3), ("y", "index"), ("y", "y", 2)),
        attention=attention, keys=keys, average=average, null=null,
    )  # fmt: skip
    witness = one_layer(3, Layer("attend", (head,)), a=(3,))
    after = witness.trace(X, y, queries)[1]

    x = np.vstack([X, queries]).astype(float)
    t, n = len(x), len(X)
    index, target = np.arange(t), np.append(y, np.zeros(len(queries)))
    scores = x @ x.T / 2 + 2 * index / 4
    seen = {
        "context": np.arange(t)[None, :] < np.full((t, 1), n),
        "full": np.ones((t, t), bool),
        "causal": np.tri(t, dtype=bool),
    }[keys]
    A = weights(scores, attention, null, seen)
    if average == "examples":
        A = A / n
    elif average == "keys":
        A = A / seen.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(after["a"], A @ (-3 * x), rtol=1e-13, atol=1e-12)
    np.testing.assert_allclose(
        after["y"], target + A @ (index + 2 * target), rtol=1e-13, atol=1e-12
    )


@pytest.mark.parametrize("keys", ["context", "full", "causal"])
@pytest.mark.parametrize(("attention", "null"), [k for k in KINDS if k[0] != "softmax"])
def test_fractions_and_floats_agree_on_every_rational_head(attention, null, keys, prompt):
    X, y, queries = (np.abs(part) + 1 for part in prompt)
    head = Head(
        query=slot_map(("f", "x")), key=slot_map(("f", "x", Fraction(1, 3))),
        value=slot_map(("y", "y")), attention=attention, keys=keys, null=null,
    )  # fmt: skip
    witness = one_layer(3, Layer("attend", (head,)))
    exact = witness.trace(X, y, queries, "rational")[1]["y"].astype(float)
    np.testing.assert_allclose(witness.trace(X, y, queries)[1]["y"], exact, rtol=1e-14)


@pytest.mark.parametrize("activation", ["identity", "relu", "gelu"])
@pytest.mark.parametrize("norm", [False, True])
def test_an_mlp_reads_the_normed_stream_and_adds_to_the_stream(activation, norm, prompt):
    X, y, queries = prompt
    mlp = MLP(
        inner=slot_map(("h", "x", 2), ("k", "y"), ("k", "one", -1)),
        outer=slot_map(("x", "h", Fraction(1, 2)), ("y", "k", 3)),
        activation=activation,
    )
    witness = one_layer(3, Layer("mlp", mlp=mlp, norm=norm))
    after = witness.trace(X, y, queries)[1]
    x = np.vstack([X, queries]).astype(float)
    t = len(x)
    stream = np.column_stack([x, np.append(y, np.zeros(len(queries))), np.arange(t), np.ones(t)])
    read = stream
    if norm:
        read = (stream - stream.mean(1, keepdims=True)) / stream.std(1, keepdims=True)
    act = {
        "identity": lambda z: z,
        "relu": lambda z: np.maximum(z, 0),
        "gelu": np.vectorize(lambda z: z / 2 * (1 + math.erf(z / math.sqrt(2)))),
    }[activation]
    np.testing.assert_allclose(after["x"], x + act(2 * read[:, :3]) / 2, rtol=1e-13, atol=1e-13)
    should = stream[:, 3] + 3 * act(read[:, 3] - read[:, 5])
    np.testing.assert_allclose(after["y"], should, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("system", ["float64", "rational", "ball", "symbolic"])
def test_index_patterns_make_matrix_products(system, prompt):
    X, y, queries = prompt
    outer = bilinear({"x*x": ("x", "ij<-i", "x", "ij<-j")}, ("A", "x*x"), d=3)
    turn = bilinear(
        {"A*x": ("A", "ij<-ij", "x", "ij<-j"), "A*1": ("A", "ij<-ij", "one", "ij<-")},
        ("u", "A*x", 1, "i<-ij"), ("B", "A*1", 1, "ji<-ij"), ("y", "A*x", 1, "<-ij"), d=3,
    )  # fmt: skip
    stream = layout(x=(3,), y=(), index=(), one=(), A=(3, 3), B=(3, 3), u=(3,))
    layers = Layer("outer", mlp=outer), Layer("turn", mlp=turn)
    witness = Witness("patterns", stream, Prompt(3, ALL), layers, Readout("y"))
    after = witness.trace(X, y, queries, system)[2]
    x = X[0]
    assert [float(v) for v in after["A"][0].ravel()] == [float(v) for v in np.outer(x, x).ravel()]
    assert [float(v) for v in after["B"][0].ravel()] == [float(v) for v in np.outer(x, x).T.ravel()]
    assert [float(v) for v in after["u"][0]] == [float(v) for v in x * (x @ x)]
    assert float(after["y"][0]) == y[0] + sum(x) * (x @ x)


def test_both_orders_of_linear_attention_give_the_same_fractions():
    w = constructions.build("newton", d=2, iterations=1, alpha=Fraction(1, 7))
    rng = np.random.default_rng(0)
    long = rng.integers(-2, 3, (20, 2)), rng.integers(-2, 3, 20), rng.integers(-2, 3, (1, 2))
    X, y, queries = long  # n > d: keys with values first
    wide = constructions.build("newton", d=20, iterations=1, alpha=Fraction(1, 7))
    padded = [np.pad(part, ((0, 0), (0, 18))) for part in (X[:3], queries)]  # n < d: scores first
    short = w.predict(X[:3], y[:3], queries, "rational")
    assert list(short) == list(wide.predict(padded[0], y[:3], padded[1], "rational"))
    S = X.T @ X * Fraction(1)
    M = S / 7
    M = 2 * M - M @ S @ M
    assert list(w.predict(*long, "rational")) == list(queries @ M @ X.T @ y)


def test_number_systems_agree_on_every_witness(witness, prompt):
    exact = witness.predict(*prompt, "rational")
    with Ball(512).working():  # so that comparing adds nothing to the radius
        for ball, value in zip(witness.predict(*prompt, Ball(128)), exact):
            assert ball.contains(arb(value.numerator) / value.denominator)
            assert ball.rad() < 1e-20
    for system in ("float64", "float32"):
        error = np.abs(witness.predict(*prompt, system) - exact.astype(float))
        assert (error <= 2 * witness.rounding_bound(*prompt, system)).all()


def test_a_number_system_refuses_by_name_what_it_cannot_do(prompt):
    mlp = MLP(inner=slot_map(("h", "x[0]")), outer=slot_map(("y", "h")), activation="gelu")
    witness = one_layer(3, Layer("mlp", mlp=mlp))
    with pytest.raises(numbers.Unsupported, match="rational numbers have no GeLU"):
        witness.predict(*prompt, "rational")
    normed = one_layer(3, Layer("norm", mlp=MLP(outer=slot_map(("y", "x[0]"))), norm=True))
    with pytest.raises(numbers.Unsupported, match="no layer norm"):
        normed.predict(*prompt, "rational")
    with pytest.raises(ValueError, match="unknown number system 'quaternion'; there are float64"):
        normed.predict(*prompt, "quaternion")


def test_a_batch_is_its_prompts_one_by_one(witness, batch):
    X, y, queries = batch
    together = witness.predict(X, y, queries)
    assert together.shape == (5, 2)
    bound = witness.rounding_bound(X, y, queries)
    for i in range(5):
        alone = witness.predict(X[i], y[i], queries[i])
        assert (np.abs(alone - together[i]) <= 2 * bound[i]).all()


def test_batch_axes_are_broadcast(witness, batch):
    X, y, queries = batch
    shared = witness.predict(X[0], y, queries[0], "rational")
    assert shared.shape == (5, 2)
    assert list(shared[3]) == list(witness.predict(X[0], y[3], queries[0], "rational"))


def test_torch_in_torch_out_and_numpy_in_numpy_out(witness, batch):
    import torch

    assert isinstance(witness.predict(*batch), np.ndarray)
    assert isinstance(witness.predict(*map(torch.from_numpy, batch)), torch.Tensor)
    exact = witness.predict(*batch, "rational")
    assert exact.dtype == object and isinstance(exact.flat[0], Fraction)


def test_a_query_never_changes_another_querys_prediction(witness, prompt):
    X, y, queries = prompt
    both = witness.predict(X, y, queries, "rational")
    assert both[0] == witness.predict(X, y, queries[:1], "rational")[0]
    assert (
        both[1] == witness.predict(X, y, 5 * queries[[1, 0]] - 4 * queries[[1, 0]], "rational")[0]
    )


@pytest.mark.parametrize(
    ("X", "y", "queries", "message"),
    [
        ([[1, 2]], [1], [[1, 2]], "d = 2 columns, the witness was built for d = 3"),
        ([[1, 2, 3]], [1, 2], [[1, 2, 3]], "y has 2 values for n = 1"),
        ([[1, 2, 3]], [[1, 2]], [[1, 2, 3]], r"y has 2 values for n = 1 .* its shape is \(1, 2\)"),
        (
            [[1, 2, 3], [1, 0, 1]],
            [[1], [2]],
            [[1, 2, 3]],
            r"its shape is \(2, 1\), and not \(..., n\); y\[..., 0\] has such a shape",
        ),
        ([[1, 2, 3]], [1], [[1, 2]], "queries have d = 2"),
        (np.empty((0, 3)), [], [[1, 2, 3]], "the prompt is empty"),
        ([[1, 2, float("nan")]], [1], [[1, 2, 3]], "X has values that are not finite"),
        ([[1, 2, 3]], [float("inf")], [[1, 2, 3]], "y has values that are not finite"),
        ([1, 2, 3], [1], [[1, 2, 3]], "X must have shape"),
        ([["a", 2, 3]], [1], [[1, 2, 3]], "X is not an array of numbers"),
    ],
)
def test_input_that_does_not_fit_is_refused_with_one_line(X, y, queries, message):
    w = constructions.build("newton", d=3, iterations=1, alpha=0.1)
    with pytest.raises(ValueError, match=message) as caught:
        w.predict(np.asarray(X), np.asarray(y), np.asarray(queries))
    assert "\n" not in str(caught.value)


def test_a_nan_is_refused_in_fractions_too():
    w = constructions.build("newton", d=1, iterations=1, alpha=0.1)
    with pytest.raises(ValueError, match="no finite rational number"):
        w.predict([[float("nan")]], [1], [[1]], "rational")


@pytest.mark.parametrize("attention", ["linear", "softmax", "exponential"])
@pytest.mark.parametrize("small", [Fraction(1, 10**6), Fraction(1, 10**200)])
def test_numbers_of_a_mask_that_floats_do_not_hold_hide_no_key_and_spoil_none(attention, small):
    """decay^(t - j) of keys to come overflows, of keys long past underflows."""
    n = 60 if small == Fraction(1, 10**6) else 6
    head = Head(
        slot_map(("f", "one")), slot_map(("f", "one")), slot_map(("o", "y")), attention,
        "causal", mask=rule("decay**(t - j)", decay=small),
    )  # fmt: skip
    witness = Witness(
        "decaying", layout(y=(), one=(), o=()), Prompt(1, slot_map(("y", "y"), ("one", "one"))),
        (Layer("l", (head,)),), Readout("o", 1, "all"),
    )  # fmt: skip
    y = np.random.default_rng(0).normal(size=n)
    by = {"linear": 1, "exponential": math.e, "softmax": 1 / np.arange(1, n + 2)}[attention]
    wanted, held = [], 0.0
    for value in (*y, 0.0):
        held = held * float(small) + value
        wanted.append(held)
    prompt = np.zeros((n, 1)), y, np.zeros((1, 1))
    for found in (
        witness.predict(*prompt),
        witness.to_torch()(*map(torch.from_numpy, prompt)).detach().numpy(),
    ):
        off = np.abs(found - np.array(wanted) * by)
        assert (off <= 2 * witness.rounding_bound(*prompt)).all()  # the loop rounds as much


def test_a_trace_has_the_slots_that_are_asked_for_as_the_whole_one_has_them() -> None:
    witness = constructions.build("newton", d=2, iterations=2, alpha=Fraction(1, 4))
    prompt = [[1, 2], [0, 3], [1, 1]], [1, 0, 2], [[1, -1]]
    whole = witness.trace(*prompt, "rational")
    wanted = {(0, "x"), (len(witness.layer_list), witness.readout.slot)}
    made = forward.trace(witness, *prompt, "rational", wanted)
    assert {(layer, slot) for layer, slots in enumerate(made) for slot in slots} == wanted
    assert all((made[layer][slot] == whole[layer][slot]).all() for layer, slot in wanted)
