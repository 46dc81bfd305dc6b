"""What the certificate of an export builds on, held against prompts and errors that are drawn."""

from __future__ import annotations

import contextlib
import itertools
import math
import warnings
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from flint import arb

import constructions
import verify.exports.propagation
from constructions import slot_map
from constructions.exports.copies import Copies
from constructions.exports.differences import coefficients, remainder
from constructions.exports.gpt2 import (
    EPSILON,
    Checkpoint,
    Constants,
    NoExport,
    Room,
    checkpoint,
    gain,
)
from verify.checks.bounds.balls import at_most
from verify.claim import Budget, Refuted, builtin
from verify.claims.ours import exported as exports
from verify.claims.ours.exported import EXPORTS
from verify.engine import run
from verify.exports.backward import Backward, Sensitive
from verify.exports.formats import FLOAT32, FUNCTION, REALS
from verify.exports.forward import forward
from verify.exports.head_error import Asked, Reading, drift, errors, left_out
from verify.exports.prompts import drawn
from verify.exports.propagation import Errors, Propagation, Readings, Setting, _written
from verify.exports.running import assembled
from verify.exports.search import bounded, certificate, search
from verify.exports.spectrum import (
    PIECES,
    LinearHead,
    LinearLayer,
    NoCertificate,
    Pieces,
    PromptBox,
    Slots,
)
from verify.quality import readme

BOX = PromptBox(3, 6, Fraction(1), Fraction(2), Fraction(1, 2))
WITNESSES = {
    "newton": {"iterations": 2, "alpha": Fraction(1, 400)},
    "gradient_descent": {"steps": 3, "step_size": Fraction(1, 50), "ridge": Fraction(1, 2)},
    "momentum": {"steps": 3, "step_size": Fraction(1, 40), "momentum": Fraction(1, 3)},
    "kernel_regression": {"steps": 2, "step_size": Fraction(1, 30)},
}


@pytest.fixture(params=WITNESSES)
def propagation(request) -> Propagation:
    witness = constructions.build(request.param, d=BOX.d, **WITNESSES[request.param])
    return Propagation(witness, BOX)


Stream = dict[str, np.ndarray]  # (rows, tokens), the query last


def after_heads(layer: LinearLayer, stream: Stream) -> Stream:
    made = {name: held.copy() for name, held in stream.items()}
    for head in layer.heads:
        scores = float(head.scale) * stream[head.key][:, :-1].T @ stream[head.query]
        for into, values in head.values.items():
            made[into] += sum(float(c) * stream[n][:, :-1] for n, c in values.items()) @ scores
    return made


def after_mlp(layer: LinearLayer, stream: Stream) -> Stream:
    made = {name: held.copy() for name, held in stream.items()}
    for into, values in layer.mlp.items():
        made[into] += sum(float(c) * stream[name] for name, c in values.items())
    return made


def embedded(propagation: Propagation, X, y, queries) -> Stream:
    slots = propagation.weights.trace(X, y, queries)[0]
    return {name: np.asarray(held, float).reshape(len(X) + 1, -1).T for name, held in slots.items()}


def bounds(propagation: Propagation, number: int) -> dict[tuple[str, str], float]:
    """Of each slot and head before a layer, by (what, slot or number of the head)."""
    sizes, slots, made = propagation.sizes, propagation.exact[number], {}
    for h, head in enumerate(propagation.layers[number].heads):
        made["scores", h], made["asked", h] = sizes.scores(slots, head)
        made["score", h], made["score asked", h] = sizes.score(slots, head)
        made["all", h] = sizes.all_scores(slots, head)
    for name in propagation.names:
        one = {name: arb(1)}
        made["spectral", name] = sizes.spectral(slots, one)
        made["frobenius", name] = sizes.frobenius(slots, one)
        made["summed", name] = sizes.summed(slots, one)
        made["token", name] = sizes.of_token(slots, name)
        made["query", name] = sizes.at_query(slots, name)
    return {key: float(value.upper()) for key, value in made.items()}


def measured(layer: LinearLayer, stream: Stream) -> dict[tuple[str, str], float]:
    made = {}
    for h, head in enumerate(layer.heads):
        scores = float(head.scale) * stream[head.key][:, :-1].T @ stream[head.query]
        own, asked = scores[:, :-1], scores[:, -1]
        made["scores", h], made["asked", h] = np.linalg.norm(own, 2), np.linalg.norm(asked)
        made["score", h], made["score asked", h] = abs(own).max(), abs(asked).max()
        made["all", h] = np.linalg.norm(own)
    for name, held in stream.items():
        tokens = np.linalg.norm(held[:, :-1], axis=0)
        made["spectral", name] = np.linalg.norm(held[:, :-1], 2)
        made["frobenius", name] = np.linalg.norm(held[:, :-1])
        made["token", name], made["summed", name] = tokens.max(), tokens.sum()
        made["query", name] = np.linalg.norm(held[:, -1])
    return made


def test_slots_and_scores_are_as_large_as_is_said_on_no_prompt_more(propagation):
    most = [bounds(propagation, number) for number in range(len(propagation.layers))]
    closest: dict[str, float] = {}
    for X, y, queries in zip(*drawn(BOX, 60, 3)):
        stream = embedded(propagation, X, y, queries)
        for layer, may in zip(propagation.layers, most):
            for (what, of), is_ in measured(layer, stream).items():
                assert is_ <= may[what, of] * (1 + 1e-9) + 1e-12, (what, of)
                if may[what, of]:
                    closest[what] = max(closest.get(what, 0), is_ / may[what, of])
            stream = after_mlp(layer, after_heads(layer, stream))
    assert min(closest.values()) > 0.2  # no bound is far above all that was drawn


Gradient = dict[tuple[int, int, str], Any]


def gradients(propagation: Propagation, stream: Stream) -> tuple[Gradient, Gradient]:
    """Of the prediction, by errors after heads (layer, 0) and MLPs (layer, 1), in a causal model:
    of the slot in each copy of the examples, then at the query.

    Also by what a head (layer, number) multiplies all queries by too much, for each slot.
    """
    order, errors, weights = propagation.order, {}, {}
    copies = [
        {name: torch.tensor(held[:, :-1]) for name, held in stream.items()}
        for _ in range(order.count)
    ] + [{name: torch.tensor(held[:, -1:]) for name, held in stream.items()}]
    for number, layer in enumerate(propagation.layers):
        read = copies[order.reads[number]]
        for which, head in enumerate(layer.heads):
            for into in head.values:
                shape = len(stream[into]), len(stream[head.query])
                weights[number, which, into] = torch.zeros(shape, dtype=float, requires_grad=True)
        for place in (0, 1):
            made = [dict(one) for one in copies]
            for at, (one, old) in enumerate(zip(made, copies)):
                if place == 0 and at > order.reads[number]:
                    for which, head in enumerate(layer.heads):
                        scores = float(head.scale) * read[head.key].T @ old[head.query]
                        for into, values in head.values.items():
                            carried = sum(float(c) * read[n] for n, c in values.items())
                            more = weights[number, which, into] @ old[head.query]
                            one[into] = one[into] + carried @ scores + more
                if place == 1:
                    for into, values in layer.mlp.items():
                        one[into] = one[into] + sum(float(c) * old[n] for n, c in values.items())
                for name in set(stream) - propagation.sizes.inputs:  # what is read is exact
                    error = torch.zeros_like(one[name], requires_grad=True)
                    errors.setdefault((number, place, name), []).append(error)
                    one[name] = one[name] + error
            copies = made
    readout = propagation.weights.readout
    copies[-1][readout.slot][0, 0].mul(float(readout.coefficient)).backward()
    of_errors = {
        key: [torch.zeros_like(one) if one.grad is None else one.grad for one in of]
        for key, of in errors.items()
    }
    return of_errors, {key: one.grad for key, one in weights.items() if one.grad is not None}


def test_the_worst_errors_of_all_copies_reach_the_prediction_by_no_more_than_is_said(propagation):
    used = []
    for X, y, queries in zip(*drawn(BOX, 30, 4)):
        found, _ = gradients(propagation, embedded(propagation, X, y, queries))
        for (number, place, name), (*examples, query) in found.items():
            may, of_all = propagation.places[number][place], sum(one.norm() for one in examples)
            for is_, most in (of_all, may.examples[name]), (query.norm(), may.query[name]):
                assert is_ <= float(most) * 1.001 + 1e-12, (number, place, name)
                used += [float(is_) / float(most)] if float(most) > 1e-12 else []
    assert max(used) > 0.3


def test_errors_that_all_copies_have_alike_reach_the_prediction_by_no_more_than_is_said(
    propagation,
):
    used = {"copies": [0.0], "queries": [0.0]}
    for X, y, queries in zip(*drawn(BOX, 30, 4)):
        found, weights = gradients(propagation, embedded(propagation, X, y, queries))
        asked = [
            ("copies", sum(examples).norm(), propagation.alike[number][place].examples[name])
            for (number, place, name), (*examples, _) in found.items()
        ] + [
            ("queries", one.norm(), propagation.weighed[number][which, into])
            for (number, which, into), one in weights.items()
        ]
        for kind, is_, most in asked:
            assert is_ <= float(most.upper()) * 1.001 + 1e-12
            used[kind] += [float(is_) / float(most)] if float(most) > 1e-12 else []
    assert all(max(of) > 0.3 for of in used.values())


def test_queries_that_are_off_have_scores_as_large_as_is_said(propagation):
    random, size = np.random.default_rng(2), 0.3
    now = Errors(*({name: arb(size) for name in propagation.names} for _ in range(2)))
    closest = 0.0
    for X, y, queries in zip(*drawn(BOX, 60, 3)):
        stream = embedded(propagation, X, y, queries)
        for number, layer in enumerate(propagation.layers):
            for head in layer.heads:
                asked, off = stream[head.query], random.normal(size=stream[head.query].shape)
                off[:, :-1] *= size / np.linalg.norm(off[:, :-1])
                off[:, -1] = asked[:, -1] * size / np.linalg.norm(asked[:, -1])
                scores = float(head.scale) * stream[head.key][:, :-1].T @ (asked + off)
                sides = (scores[:, :-1], asked + off), (scores[:, -1:], (asked + off)[:, -1:])
                for (own, query), asker in zip(
                    sides, propagation._askers(number, head, now, NO_READINGS, arb(0))
                ):
                    found = abs(own).max(), np.linalg.norm(own), np.linalg.norm(query, axis=0)[0]
                    for is_, may in zip(found, (asker.score, asker.scores, asker.query)):
                        assert is_ <= float(may.upper()) * (1 + 1e-9)
                        closest = max(closest, is_ / float(may.upper()))
            stream = after_mlp(layer, after_heads(layer, stream))
    assert closest > 0.95


ONE, ZERO = (arb(1),) * PIECES, (arb(0),) * PIECES
LOW = tuple(arb(int(i < PIECES // 2)) for i in range(PIECES))


def after_nothing(*heads: LinearHead, query: dict[str, Pieces], alike: bool = False) -> Sensitive:
    """What errors made before these heads, one a layer, reach; the last reads copy 1."""
    layers = [LinearLayer((), {}), *(LinearLayer((head,), {}) for head in heads)]
    slots = Slots(dict.fromkeys(query, ONE) | {"r": ZERO, "p": ZERO}, query)
    order = Copies((*[0] * len(heads), 1), 2, ())
    vectors = frozenset(query) - {"r", "p"}
    exact, norms = [slots] * (len(layers) + 1), (arb(1), arb(1))
    backward = Backward(layers, exact, order, vectors, *norms, alike=alike)
    return backward.places("p", arb(1))[0][1]


def reading_r(query: str, into: str, c: int = 1) -> LinearHead:
    return LinearHead(query, "x", arb(1), {into: {"r": arb(c)}}, frozenset((into,)))


def test_copies_may_be_off_in_directions_of_their_own():
    """Two layers, whose queries see the lower and the upper half of all singular values."""
    high = tuple(1 - one for one in LOW)
    query = {"x": ONE, "low": LOW, "high": high, "r": ZERO, "p": ZERO}
    found = after_nothing(reading_r("low", "p"), reading_r("high", "p"), query=query)
    # half of the query's square in each half: two errors of norm 1 come to 2 sqrt(1/2)
    assert float(found.examples["r"]) >= 2**0.5


def test_what_a_copy_keeps_and_what_is_read_of_another_do_not_cancel():
    query = {"x": ONE, "r": ZERO, "p": ZERO}
    heads = reading_r("x", "r", -1), reading_r("x", "p")
    assert float(after_nothing(*heads, query=query).examples["r"]) >= 2
    # but they do where both copies are off alike: a layer that takes away all that it reads
    assert after_nothing(*heads, query=query, alike=True).examples["r"] == 0


def test_a_factor_of_a_layers_heads_moves_the_prediction_by_no_more_than_is_said(propagation):
    random, size, used = np.random.default_rng(0), 1e-6, []
    readout, kept = propagation.weights.readout, propagation.layers
    for X, y, queries in zip(*drawn(BOX, 30, 5)):
        stream, found = embedded(propagation, X, y, queries), []
        for factors in (np.ones(len(kept)), 1 + size * random.choice([-1, 1], len(kept))):
            now = dict(stream)
            for layer, factor in zip(kept, factors):
                written = after_heads(layer, now)
                now = {n: held + (written[n] - held) * factor for n, held in now.items()}
                now = after_mlp(layer, now)
            found.append(float(readout.coefficient) * now[readout.slot][0, -1])
        off, may = abs(found[1] - found[0]), float(sum(propagation.moves)) * size
        assert off <= may * 1.001 + 1e-14
        used.append(off / may)
    assert max(used) > 0.2
    constants = propagation.constants(2, 0.1, 15.0, 2**14)
    sink = Setting(propagation.room(constants), constants, FLOAT32).sink
    counted = float(propagation.error(constants, FLOAT32))
    propagation.moves[-1] += 1
    factor = drift(arb(15), FLOAT32, sink).exp()
    factor = float((factor * (1 + propagation._usual(len(kept) - 1, constants)) - 1).upper())
    assert float(propagation.error(constants, FLOAT32)) - counted == pytest.approx(factor)


def softmax_pairs(scores, values, tau, sink, pairs, kind):
    """The pairs of heads for one linear head, in a float format of numpy; values may be of each."""
    total, of_each = kind(0), iter(np.broadcast_to(values, (2 * pairs, len(scores))))
    for r, c in enumerate(coefficients(pairs), start=1):
        weight = kind(float(c) * np.exp(sink) / (2 * tau))
        for sign in (1, -1):
            logits = np.append((kind(sign * r * tau) * scores.astype(kind)), kind(sink))
            shares = np.exp(logits - logits.max())
            shares = shares / shares.sum()
            total += kind(sign) * weight * (shares[:-1] @ next(of_each).astype(kind))
    return total


def asked_of(n: int, most: float, pairs: int, tau: float) -> Asked:
    """n keys of one number each, scores and queries up to `most`."""
    size, summed = arb(most), n + 2 * pairs
    return Asked(n, size, size, size, arb(1), arb(1), 1, summed, arb(tau), arb(17), pairs)


NOTHING = Reading(arb(0), arb(0))
NO_READINGS = Readings(NOTHING, NOTHING)
PAIRS = pytest.mark.parametrize(("pairs", "z"), [(1, 0.02), (1, 0.5), (2, 0.3), (3, 0.6), (4, 1.0)])


@pytest.mark.parametrize(("kind", "form"), [(np.float64, REALS), (np.float32, FLOAT32)])
@PAIRS
def test_pairs_of_heads_are_as_near_to_a_linear_head_as_is_said(kind, form, pairs, z):
    random, n, most, used = np.random.default_rng(pairs), 7, 2.0, 0.0
    tau = z / most
    found = errors(asked_of(n, most, pairs, tau), form, NOTHING, NOTHING)
    relative, absolute = (
        float(found.relative.upper()),
        float((found.alike + found.absolute).upper()),
    )
    factor = float(drift(arb(17), form, NOTHING).exp() - 1)
    for number in range(400):
        scores = random.choice([-most, most], n) if number % 2 else random.uniform(-most, most, n)
        values = random.uniform(-1, 1, n)
        off = abs(float(softmax_pairs(scores, values, tau, 17.0, pairs, kind)) - scores @ values)
        may = ((relative + factor) * abs(scores) + absolute) @ abs(values)
        assert off <= may + 1e-9 * (form is REALS)
        used = max(used, off / may)
    assert used > (0.01 if form is FLOAT32 else 0.1)


@pytest.mark.parametrize("pairs", [1, 2, 3, 4])
def test_what_pairs_leave_out_has_one_sign_so_that_half_of_it_is_the_middle(pairs):
    """Of c_r the sum of r^m is Lagrange's remainder: products of r², added up."""
    left = {remainder(pairs, m) > 0 for m in range(2 * pairs + 1, 200, 2)}
    assert left == {pairs % 2 == 1} and not any(remainder(pairs, m) for m in range(3, 2 * pairs, 2))
    random, n, most, tau = np.random.default_rng(pairs), 7, 2.0, 0.4
    asked = asked_of(n, most, pairs, tau)
    usual = left_out(pairs, asked.tau * asked.score) / 2
    found, in_middle = (
        errors(one, REALS, NOTHING, NOTHING) for one in (asked, replace(asked, usual=usual))
    )
    assert in_middle.relative < found.relative * arb(51) / 100
    linear = 1 - float(usual) * (-1) ** pairs
    for _ in range(200):
        scores, values = random.choice([-most, 0.3, most], n), random.uniform(-1, 1, n)
        made = softmax_pairs(scores, values, tau, 17.0, pairs, np.float64)
        may = float(in_middle.relative.upper()) * abs(scores) + float(in_middle.alike.upper())
        may = (may + float(in_middle.absolute.upper())) @ abs(values)
        assert abs(float(made) - linear * scores @ values) <= may + 1e-9


@PAIRS
def test_what_each_head_rounds_for_itself_costs_no_more_than_is_said(pairs, z):
    random, n, most, size, used = np.random.default_rng(pairs), 7, 2.0, 1e-3, 0.0
    tau = z / most
    found = errors(asked_of(n, most, pairs, tau), REALS, NOTHING, NOTHING)
    relative, absolute, apart = (
        float(one.upper()) for one in (found.relative, found.alike + found.absolute, found.apart)
    )
    for _ in range(400):
        scores, values = random.choice([-most, most], n), random.choice([-1.0, 1.0], n)
        rounded = [values * (1 + size * random.choice([-1, 1])) for _ in range(2 * pairs)]
        off = abs(float(softmax_pairs(scores, rounded, tau, 17.0, pairs, np.float64))
                  - scores @ values)  # fmt: skip
        may = (relative * abs(scores) + absolute + size * apart) @ abs(values)
        assert off <= may + 1e-9
        used = max(used, off / may)
    assert used > 0.1


def test_what_a_score_is_read_off_by_is_multiplied_by_its_scale():
    random, n, d, scale, tau, used = np.random.default_rng(0), 5, 2, 40.0, 0.005, 0.0
    read = Reading(arb(1e-4), arb(2e-4))
    most, root = arb(2 * scale), arb(2).sqrt()
    asked = Asked(n, most, most, root, root, arb(scale), d, n + 4, arb(tau), arb(17), 2)
    found = errors(asked, REALS, read, NOTHING)
    for _ in range(300):
        query, keys = random.choice([-1.0, 1.0], d), random.choice([-1.0, 1.0], (n, d))
        values = random.choice([-1.0, 1.0], n)
        off = [one * (1 + 1e-4 * random.choice([-1, 1], one.shape))
               + 2e-4 * random.choice([-1, 1], one.shape) for one in (query, keys)]  # fmt: skip
        made = softmax_pairs(scale * off[1] @ off[0], values, tau, 17.0, 2, np.float64)
        exact = scale * keys @ query
        absolute = float(found.alike + found.absolute)
        may = (float(found.relative) * abs(exact) + absolute) @ abs(values)
        assert abs(float(made) - exact @ values) <= may
        used = max(used, abs(float(made) - exact @ values) / may)
    assert used > 0.2


# -- the model as it runs ---------------------------------------------------------------------


@pytest.fixture(scope="module", params=WITNESSES)
def exported(request) -> tuple[Propagation, Constants]:
    witness = constructions.build(request.param, d=BOX.d, **WITNESSES[request.param])
    propagation = Propagation(witness, BOX)
    return propagation, search(propagation)


def tokens(made: Checkpoint, X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    examples = np.concatenate([X, y[..., None]], axis=-1) @ made.example
    copies = [examples + role for role in made.roles[:-1]]
    sink = np.zeros((len(X), 1, examples.shape[-1]))
    return np.concatenate([sink, *copies, queries @ made.query + made.roles[-1]], axis=1)


def off(propagation: Propagation, constants: Constants, kind: type, prompts) -> float:
    """The largest error that is seen when the model runs in floats of a kind."""
    made = checkpoint(propagation.weights, constants, kind=kind)
    floats = torch.float32 if kind is np.float32 else torch.float64
    last = forward(made.tensors, made.config, tokens(made, *prompts), floats)
    asked = last[:, -prompts[2].shape[1] :] @ made.readout
    with warnings.catch_warnings():  # float64 rounds some 10^8 times less than what is looked at
        warnings.simplefilter("ignore", constructions.PrecisionWarning)
        return abs(asked - propagation.weights.predict(*prompts)).max()


def test_neither_the_architecture_nor_rounding_costs_more_than_is_said(exported):
    propagation, constants = exported
    proved, prompts = certificate(propagation, constants), drawn(BOX, 600, 6)
    in_reals = off(propagation, constants, np.float64, prompts)
    in_floats = off(propagation, constants, np.float32, prompts)
    assert proved.architecture / 100 < in_reals <= proved.architecture
    assert proved.bounds["float32"] / 200 < in_floats <= proved.bounds["float32"]


def test_no_token_of_any_copy_holds_more_than_is_said(exported, monkeypatch):
    propagation, constants = exported
    said, square, order = [], verify.exports.propagation.square, propagation.order
    monkeypatch.setattr(
        verify.exports.propagation, "square", lambda held: said.append(square(held)) or said[-1]
    )
    propagation.error(constants, FLOAT32)
    *said, last = said  # at each norm of tokens on which something depends, and of all
    needed, every = [*said[::2], last], [*said[1::2], last]
    made, rows = checkpoint(propagation.weights, constants), propagation.weights.layout.rows
    units, half = propagation.weights.width, made.config["n_embd"] // 2
    forward(made.tensors, made.config, tokens(made, *drawn(BOX, 90, 7)), reads=(reads := []))
    assert len(reads) == len(every) == 2 * len(propagation.layers) + 1
    for at, (some, most, stream) in enumerate(zip(needed, every, reads)):
        pairs = np.maximum(abs(stream[..., :units]), abs(stream[..., half : half + units]))
        squares, first = (pairs**2).sum(-1), 1 + order.count * BOX.n
        copies = squares[:, 1:first].reshape(-1, order.count, BOX.n)
        asked = [squares[:, first:].max()]
        if at < 2 * len(propagation.layers):
            written = _written(propagation.layers[at // 2])
            right = min(order.right[at // 2 + 1][u] for into in written for u in rows(into))
            asked += [copies[:, right:].max(initial=0)]
            asked += [copies[:, order.reads[at // 2]].max()] * (at % 2 == 0)  # keys
            assert squares.max() <= float(most.upper()) * (1 + 1e-9)
        assert max(asked) <= float(some.upper()) * (1 + 1e-9)


def test_a_query_is_not_seen_by_itself_nor_by_later_ones_however_large_queries_are():
    box = PromptBox(2, 4, query=Fraction(300))
    propagation = Propagation(
        constructions.build("gradient_descent", d=2, steps=2, step_size=Fraction(1, 8)), box
    )
    constants = search(propagation)
    X, y, queries = drawn(box, 60, 8)
    queries = np.concatenate([queries, -queries, queries], axis=1)
    assert off(propagation, constants, np.float64, (X, y, queries)) <= (
        certificate(propagation, constants).architecture
    )


@pytest.mark.parametrize(
    ("step_size", "scale"),
    [(Fraction(1, 8), 1e42), (Fraction(1, 8), 1e-33), (Fraction(1, 10**60), 1)],
)
def test_there_is_no_bound_where_a_weight_is_no_normal_number(step_size, scale):
    def bound(step_size, scale):
        witness = constructions.build("gradient_descent", d=2, steps=1, step_size=step_size)
        propagation = Propagation(witness, PromptBox(2, 4))
        constants = propagation.constants(1, 0.1, 15.0, 2**14)
        scales = ((constants.scales[0][0] * scale,),)
        return certificate(propagation, replace(constants, scales=scales)).bounds["float32"]

    assert bound(Fraction(1, 8), 1) < 1
    assert bound(step_size, scale) == float("inf")


def new_gelu(x: torch.Tensor) -> torch.Tensor:
    """As transformers writes it."""
    return 0.5 * x * (1 + torch.tanh((2 / math.pi) ** 0.5 * (x + 0.044715 * torch.pow(x, 3))))


def test_torchs_exp_and_gelu_are_as_precise_as_the_bounds_assume():
    random, most = torch.Generator().manual_seed(0), FUNCTION * 2.0**-FLOAT32.bits
    logits = -80 * torch.rand(100_000, generator=random)
    exact = logits.double().exp()
    assert torch.exp(torch.zeros(99)).eq(1).all()
    assert ((logits.exp() - exact).abs() / exact).max() <= most
    for size in (1e-3, 1.0, 10.0, 1e3, 1e13):
        x = size * (2 * torch.rand(100_000, generator=random) - 1)
        for gelu in (new_gelu, partial(torch.nn.functional.gelu, approximate="tanh")):
            assert ((gelu(x) - new_gelu(x.double())).abs() / x.abs()).max() <= most


@pytest.mark.parametrize("width", [8, 30, 66, 200])
@pytest.mark.parametrize("unit", [2**10, 2**16])
def test_torchs_norms_are_as_precise_as_the_bounds_assume(width, unit):
    random, half = torch.Generator().manual_seed(width), width // 2
    v = 2 * torch.rand(2000, half - 1, generator=random) - 1
    v *= 10.0 ** torch.randint(-6, 1, v.shape, generator=random)
    for at in range(half):  # the place of N
        pairs = torch.cat([v[:, :at], torch.full((len(v), 1), float(unit)), v[:, at:]], dim=1)
        weight = torch.full((width,), gain(width, unit))
        made = torch.nn.functional.layer_norm(
            torch.cat([pairs, -pairs], dim=1), (width,), weight, torch.zeros(width), EPSILON
        )
        read = made[:, :half] / 2 - made[:, half:] / 2
        room = Room(half - 1, width, 1, width, 2, ())
        setting = Setting(room, Constants(1, 15.0, unit, ()), FLOAT32)
        may = setting.read(arb(float((v.double() ** 2).sum(1).max())))
        off = (read.double() - pairs.double()).abs()
        most = float(may.relative.upper()) * pairs.double().abs() + float(may.absolute.upper())
        assert (off <= most).all()


def of_one_head(embedding: tuple, *values: tuple) -> constructions.Witness:
    scores = slot_map(("f", "x"))
    head = constructions.Head(scores, scores, slot_map(*values))
    return constructions.Witness(
        "one head",
        constructions.layout(x=(2,), a=(), b=(), c=(), out=()),
        constructions.Prompt(2, slot_map(("x", "x"), embedding)),
        (constructions.Layer("one", (head,)),),
        constructions.Readout("out"),
    )


def test_what_a_head_carries_of_the_sink_is_0_in_any_order_of_adding_up():
    """A mean that is off is the same in all its units; 3/2 of it would be rounded."""
    witness = of_one_head(("a", "y"), ("out", "a"), ("out", "b"), ("out", "c", -1))
    (layer,) = Propagation(witness, PromptBox(2, 4)).layers
    assert len(layer.heads[0].carried("out")) == 3
    made = checkpoint(witness, Constants(1, 15.0, 2**14, ((0.1,),)))
    carried = made.tensors["h.0.attn.c_attn.weight"][:, 2 * made.config["n_embd"] :]
    for column in carried.T:
        for weights in itertools.permutations(column[column != 0]):
            total = np.float32(0)
            for weight in weights:
                total += weight * np.float32(1 / 3)
            assert total == 0


def test_the_mean_that_a_norm_subtracts_is_rounded_with_a_sum_of_two_pairs():
    """Every operation in float32, the mean and the four terms of each value added up in the worst
    orders, this export was off by 4.09e-9: the mean cancels in one pair, in every order."""
    witness = constructions.build("gradient_descent", d=3, steps=1, step_size=Fraction(1, 48))
    propagation = Propagation(witness, PromptBox(3, 8, 1, Fraction(1, 2**30), Fraction(1, 2**10)))
    found = certificate(propagation, propagation.constants(2, 0.001, 15.0, 2**14))
    assert found.bounds["float32"] > 4.09e-9


@pytest.mark.parametrize("embedding", [("a", "y", Fraction(1, 3)), ("x", "x", 2)])
def test_an_embedding_that_would_be_rounded_has_no_certificate(embedding):
    with pytest.raises(NoCertificate, match="would be rounded"):
        Propagation(of_one_head(embedding, ("out", "a")), PromptBox(2, 4))


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("gd_plus_plus", {"steps": 1, "step_size": Fraction(1, 9), "gamma": Fraction(1, 9)},
         "the keys of a head, u, change"),
        ("gradient_descent", {"steps": 1, "step_size": 1, "w0": (1, 2, 3)}, "is no multiple of x"),
        ("hyperpower", {"iterations": 1, "alpha": Fraction(1, 99)}, "read several slots"),
    ],
)  # fmt: skip
def test_what_has_no_certificate_is_said(name, parameters, said):
    with pytest.raises(NoCertificate, match=said):
        Propagation(constructions.build(name, d=3, **parameters), BOX)


def test_every_construction_that_has_a_certificate_has_a_claim():
    certified = set()
    for name in constructions.names():
        made = constructions.get(name)
        given = {key: 2 for key, of in made.signature.parameters.items() if of.default is of.empty}
        given |= {key: kind.example for key, kind in made.parameters.items()
                  if kind.example is not None}  # fmt: skip
        given |= {"storage": "tokens"} if "storage" in made.parameters else {}
        with contextlib.suppress(NoExport, NoCertificate):
            witness = constructions.build(name, **given)
            bounded(witness, PromptBox(witness.d, 2))
            certified.add(name)
    assert certified == set(EXPORTS)
    for name, (parameters, claimed) in EXPORTS.items():
        (claim,) = (one for one in builtin() if one.id == f"gpt2.{name}")
        assert claim.expected == "approximates" and str(claimed.denominator) in claim.statement
        assert constructions.build(name, d=3, **parameters).layers


def test_the_readmes_bounds_of_exports_are_those_that_are_claimed():
    text = (Path(readme.__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in readme.block(text, "exports").splitlines()[2:]]
    for (name, made), row in zip(((n, exports.exported(n)) for n in EXPORTS), rows):
        found = made.certificate
        assert row[0].startswith(f"| `{name}`, ") and row[2:4] == [
            at_most(found.bounds["float32"]), at_most(found.architecture)
        ]  # fmt: skip
    assert len(rows) == len(EXPORTS) + len(exports.FURTHER)


def test_a_claim_of_an_export_is_refuted_by_a_bound_or_an_error_beyond_it(monkeypatch):
    (claim,) = (one for one in builtin() if one.id == "gpt2.gradient_descent")
    made = exports.exported("gradient_descent")
    parameters, claimed = EXPORTS["gradient_descent"]
    assert run(claim, Budget(quick=True)).verdict.bound <= claimed
    monkeypatch.setitem(exports.EXPORTS, "gradient_descent", (parameters, claimed / 2))
    assert isinstance(run(claim, Budget(quick=True)).verdict, Refuted)
    monkeypatch.undo()
    tensors = dict(made.checkpoint.tensors)
    tensors["h.1.attn.c_proj.weight"] = tensors["h.1.attn.c_proj.weight"] * np.float32(1.1)
    wrong = replace(made, checkpoint=replace(made.checkpoint, tensors=tensors))
    monkeypatch.setattr(exports, "exported", lambda name: wrong)
    assert isinstance(run(claim, Budget(quick=True)).verdict, Refuted)


def test_long_prompts_are_run_a_few_at_a_time():
    made = exports.exported("gradient_descent").checkpoint
    model, seen = assembled(made), []
    model.last_hidden_state = lambda tokens: seen.append(tokens.shape[:2]) or 0 * tokens
    for n in (2, 300):
        model.predict(np.zeros((40, n, 3)), np.zeros((40, n)), np.zeros((40, 1, 3)))
    assert seen[0] == (40, 8) and sum(many for many, _ in seen) == 80
    assert all(many * length**2 <= 10**7 for many, length in seen)
