"""What the certificate of an export builds on, held against prompts and errors that are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import pytest
from flint import arb

import constructions
from verify.exports.formats import FLOAT32, REALS
from verify.exports.head_error import Asked, Reading, errors
from verify.exports.prompts import drawn
from verify.exports.propagation import Propagation
from verify.exports.spectrum import LinearLayer, NoCertificate, PromptBox

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


def predicted(
    propagation: Propagation, stream: Stream, errors: Mapping[tuple[int, int], Stream]
) -> float:
    """The prediction when errors are added after heads (layer, 0) and MLPs (layer, 1)."""
    for number, layer in enumerate(propagation.layers):
        for place, step in enumerate((after_heads, after_mlp)):
            stream = step(layer, stream)
            for name, error in errors.get((number, place), {}).items():
                stream[name] = stream[name] + error
    readout = propagation.weights.readout
    return float(readout.coefficient) * stream[readout.slot][0, -1]


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
    return {key: float(value) for key, value in made.items()}


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


def test_no_error_reaches_the_prediction_by_more_than_is_said(propagation):
    random, size, used = np.random.default_rng(0), 1e-7, []
    for X, y, queries in zip(*drawn(BOX, 30, 4)):
        stream = embedded(propagation, X, y, queries)
        exact = predicted(propagation, dict(stream), {})
        for number, places in enumerate(propagation.places):
            for place, sensitive in enumerate(places):
                for name in set(stream) - propagation.sizes.inputs:  # what is read is exact
                    held = stream[name]
                    for at_query in (False, True):
                        error = np.zeros_like(held)
                        columns = error[:, -1:] if at_query else error[:, :-1]
                        columns += random.normal(size=columns.shape)
                        error *= size / np.linalg.norm(error)
                        moved = predicted(
                            propagation, dict(stream), {(number, place): {name: error}}
                        )
                        side = sensitive.query if at_query else sensitive.examples
                        may = float(side[name]) * size
                        assert abs(moved - exact) <= may * 1.001 + 1e-14, (number, place, name)
                        used += [abs(moved - exact) / may] if may > 1e-12 else []
    assert max(used) > 0.3


def softmax_pairs(scores, values, tau, sink, pairs, kind):
    """The pairs of heads for one linear head, in a float format of numpy."""
    from constructions.exports.differences import coefficients

    total = kind(0)
    for r, c in enumerate(coefficients(pairs), start=1):
        weight = kind(float(c) * np.exp(sink) / (2 * tau))
        for sign in (1, -1):
            logits = np.append((kind(sign * r * tau) * scores.astype(kind)), kind(sink))
            shares = np.exp(logits - logits.max())
            shares = shares / shares.sum()
            total += kind(sign) * weight * (shares[:-1] @ values.astype(kind))
    return total


@pytest.mark.parametrize(("kind", "form"), [(np.float64, REALS), (np.float32, FLOAT32)])
@pytest.mark.parametrize(("pairs", "z"), [(1, 0.02), (1, 0.5), (2, 0.3), (3, 0.6), (4, 1.0)])
def test_pairs_of_heads_are_as_near_to_a_linear_head_as_is_said(kind, form, pairs, z):
    random, nothing, n, most, used = (
        np.random.default_rng(pairs),
        Reading(arb(0), arb(0)),
        7,
        2.0,
        0.0,
    )
    tau = z / most
    asked = Asked(n, arb(most), arb(most), arb(2), 1, 2 * pairs, arb(tau), arb(17), pairs)
    relative, absolute = map(float, errors(asked, form, nothing, nothing))
    for number in range(400):
        scores = random.choice([-most, most], n) if number % 2 else random.uniform(-most, most, n)
        values = random.uniform(-1, 1, n)
        off = abs(float(softmax_pairs(scores, values, tau, 17.0, pairs, kind)) - scores @ values)
        may = (relative * abs(scores) + absolute) @ abs(values)
        assert off <= may + 1e-9 * (form is REALS)
        used = max(used, off / may)
    assert used > (0.01 if form is FLOAT32 else 0.1)


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
