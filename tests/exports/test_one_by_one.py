"""Exports that read one example after the other: each part of their bound is needed, and holds."""

from __future__ import annotations

import warnings
from dataclasses import replace
from fractions import Fraction
from math import isinf
from typing import Any

import numpy as np
import pytest
from flint import arb

import constructions
from constructions import Head, Layer, Prompt, Readout, Witness, layout, slot_map
from constructions.exports.gpt2 import NoExport
from constructions.exports.needed import needed_one_by_one
from constructions.exports.one_by_one import Constants, checkpoint, schedule
from constructions.exports.sigmoids import Sigmoids, divider, odd
from verify.checks.bounds.balls import top
from verify.command.cli import main
from verify.exports.formats import FLOAT32, REALS
from verify.exports.one_by_one import search
from verify.exports.one_by_one.error import Noise, OneByOne, Sizes
from verify.exports.one_by_one.fits import fit_error, fit_seen, rounding_error
from verify.exports.prompts import drawn
from verify.exports.running import assembled
from verify.exports.spectrum import NoCertificate, PromptBox

D, N, RIDGE = 2, 5, Fraction(1, 2)
BOX = PromptBox(D, N, Fraction(1), Fraction(1), Fraction(1))
ROOT = arb(D).sqrt()
SIZES = Sizes(N, D, arb(1) / 2, ROOT, ROOT, arb(1))


def built(examples: int = N, ridge: Any = RIDGE, d: int = D) -> Witness:
    return constructions.build(
        "sherman_morrison", d=d, examples=examples, ridge=ridge, storage="tokens"
    )


# -- sigmoids ---------------------------------------------------------------------------------


FITS = {
    "linear": (odd(3, 0.25, 0.0, 2.0), -2, 2),
    "linear, below 0": (odd(4, 0.4, -1.0, 2.0), -2, 2),
    "normalised": (divider(7, 0.35, 2.0, -3.0, 2.0), 0, 2),
}


def off_by(made: Sigmoids, attention: str, s: np.ndarray) -> np.ndarray:
    """In proportion, as it counts."""
    score = np.outer(s, made.slopes) + made.offsets
    found = (1 / (1 + np.exp(-score))) @ np.array(made.weights)
    if attention == "linear":
        return abs(found - s)
    return (1 + s) ** 2 * abs(found - s / (1 + s))


@pytest.mark.parametrize("name", FITS)
def test_a_fit_is_off_by_what_is_said_on_all_of_its_interval(name):
    made, low, high = FITS[name]
    attention, s = name.split(",")[0], np.linspace(low, high, 20_001)
    most = top(fit_error(made, attention, Fraction(low), Fraction(high)))
    seen = off_by(made, attention, s).max()
    assert most / 1.2 < seen <= most < 1e-4


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("field", ["slopes", "offsets", "weights"])
def test_a_fit_with_another_number_is_off_by_more(name, field):
    made, low, high = FITS[name]
    attention = name.split(",")[0]
    for k in range(made.heads):
        row = list(getattr(made, field))
        row[k] += 0.01
        wrong = replace(made, **{field: tuple(row)})
        seen = off_by(wrong, attention, np.linspace(low, high, 2001)).max()
        found = top(fit_error(wrong, attention, Fraction(low), Fraction(high)))
        assert seen <= found < 1.2 * seen + 1e-9
        if field == "weights":
            assert found > 2 * top(fit_error(made, attention, Fraction(low), Fraction(high)))


@pytest.mark.parametrize("name", FITS)
def test_what_is_seen_of_a_fit_is_below_its_bound_and_near_it(name):
    made, low, high = FITS[name]
    attention = name.split(",")[0]
    seen, found = (
        top(fit(made, attention, Fraction(low), Fraction(high))) for fit in (fit_seen, fit_error)
    )
    assert found / 2 < seen < found


def test_a_search_that_looks_at_few_fits_finds_the_least_of_all():
    bounded, asked = OneByOne(built(ridge=2), BOX), []

    def error(choice, fit=fit_error):
        asked.append(fit)
        return top(bounded.error(search.constants(bounded, choice), FLOAT32, fit))

    choices = [search.Choice(pairs=p, spread=s) for p in (2, 3, 4) for s in search.SPREADS]
    least = min(choices, key=error)
    assert isinf(error(choices[0])) and error(least) < 1e-3
    asked.clear()
    assert search._least(error, choices) == least
    assert asked.count(fit_seen) == len(choices) and asked.count(fit_error) <= 3
    assert search._least(error, choices[:1]) == choices[0]


@pytest.mark.parametrize("name", FITS)
def test_heads_are_rounded_by_less_than_is_said(name):
    """Queries and keys of random direction, scores and softmax in float32."""
    made, low, high = FITS[name]
    attention, random, one = name.split(",")[0], np.random.default_rng(0), np.float32
    most, _ = rounding_error(
        made, attention, Fraction(low), Fraction(high), FLOAT32, 2, arb(2), arb(0), arb(0), arb(0)
    )
    query, key = random.uniform(-1, 1, (2, 40_000, 2)).astype(one)
    if attention == "normalised":
        query = key * random.uniform(0, 1, (len(key), 1)).astype(one)
    s = (query.astype(float) * key).sum(axis=1)
    read = [np.float32(slope) * query for slope in made.slopes]
    scores = [(q[:, 0] * key[:, 0] + q[:, 1] * key[:, 1]) + one(b)
              for q, b in zip(read, made.offsets)]  # fmt: skip
    off = np.zeros(len(s))
    for score, slope, offset, weight in zip(scores, made.slopes, made.offsets, made.weights):
        largest = np.maximum(score, 0)
        seen, sink = np.exp(score - largest), np.exp(-largest)
        off += weight * (
            (seen / (seen + sink)).astype(float) - 1 / (1 + np.exp(-slope * s - offset))
        )
    counts = 1 if attention == "linear" else (1 + s) ** 2
    assert top(most) / 40 < abs(off * counts).max() <= top(most)


# -- how far noise reaches ----------------------------------------------------------------------


def run(X: np.ndarray, y: np.ndarray, query: np.ndarray, noise: dict[Any, Any]) -> np.ndarray:
    """(z, r) of the query after all examples, what is in `noise` added where it says."""
    points = np.vstack([X, query])
    z, r = points / float(RIDGE), np.append(y, 0.0)
    for i in range(len(X)):
        s = X[i] @ z[i]
        by = 1 + noise.get(("divided", i), 0) / (1 + s)
        g = by * z[i] / (1 + s) + noise.get(("g", i), 0)
        residual = by * r[i] / (1 + s) + noise.get(("residual", i), 0)
        score = z @ X[i]
        more = np.array([noise.get(("shared", i, t), 0) for t in range(len(z))])
        of_score = np.array([noise.get(("of_score", i, t), 0) for t in range(len(z))])
        taken = score * (1 + of_score) + more
        z, r = z - np.outer(taken, g), r - taken * residual
        for t in range(i, len(z)):
            z[t] += noise.get(("z", i, t), 0)
            r[t] += noise.get(("r", i, t), 0)
    return np.append(z[-1], r[-1])


def places(kind: str) -> list[tuple[Any, ...]]:
    if kind in ("divided", "g", "residual"):
        return [(kind, i) for i in range(N)]
    return [(kind, i, t) for i in range(N) for t in range(i + 1, N + 1)]


def reach(kind: str, X: np.ndarray, y: np.ndarray, query: np.ndarray) -> np.ndarray:
    """The most that noise up to 1 of this kind, everywhere, moves z and r of the query by."""
    small, moved = 1e-6, np.zeros(2)
    exact = run(X, y, query, {})
    for place in places(kind):
        units = np.eye(D) if kind in ("z", "g") else [1.0]
        by = np.array([(run(X, y, query, {place: small * e}) - exact) / small for e in units])
        moved += np.linalg.norm(by[:, :-1], 2), np.linalg.norm(by[:, -1])
    return moved


@pytest.mark.parametrize("kind", ["shared", "of_score", "divided", "z", "r", "g", "residual"])
def test_noise_reaches_no_further_than_is_said(kind):
    noise = Noise(**{
        name: [arb(name == kind)] * N
        for name in ("shared", "of_score", "divided", "z", "r", "g", "residual")
    })  # fmt: skip
    most = [float(one.upper()) for one in noise.reaches(SIZES, SIZES.q)]
    seen = np.zeros(2)
    for X, y, queries in zip(*drawn(BOX, 150, 4)):
        seen = np.maximum(seen, reach(kind, X, y, queries[0]))
    assert (seen <= np.array(most) * (1 + 1e-4) + 1e-9).all()
    assert seen[1] > most[1] / 12, seen[1] / most[1]


def test_what_later_examples_make_of_noise_is_as_large_as_is_said():
    closest = {"turned": 0.0, "pulled": 0.0, "divided": 0.0, "r": 0.0}
    for X, y, queries in zip(*drawn(BOX, 200, 6)):
        P = [np.linalg.inv(float(RIDGE) * np.eye(D) + X[:i].T @ X[:i]) for i in range(N + 1)]
        w = [P[i] @ X[:i].T @ y[:i] for i in range(N + 1)]
        for m in range(N + 1):
            for i in range(m + 1):
                back = np.linalg.inv(P[i])
                seen = {
                    "turned": (np.linalg.norm(P[m] @ back, 2), SIZES.turned(i, m)),
                    "pulled": (np.linalg.norm(back @ (w[m] - w[i])), SIZES.pulled(i, m)),
                    "divided": (np.linalg.norm(P[i] @ X[i - 1]) * (i > 0), SIZES.divided),
                    "r": (abs(queries[0] @ w[m]), SIZES.r - SIZES.y),
                }
                for name, (is_, most) in seen.items():
                    assert is_ <= float(most.upper()) * (1 + 1e-9), (name, i, m)
                    if is_:
                        closest[name] = max(closest[name], is_ / float(most.upper()))
    assert all(share > 0.4 for share in closest.values()), closest


# -- the bound --------------------------------------------------------------------------------


def constants(bounded: OneByOne, **changes: Any) -> Constants:
    linear, own = (float(bounded.largest(kind)) for kind in ("linear", "normalised"))
    given = {"linear": odd(4, 0.9 / linear, -1.0, linear),
             "normalised": divider(8, 0.4, 1.8, -2.0, own)}  # fmt: skip
    return Constants(2**14, given | changes)


@pytest.mark.parametrize("attention", ["linear", "normalised"])
@pytest.mark.parametrize("share", [1e-4, 3e-4])
def test_a_bound_covers_sigmoids_that_are_off(attention, share):
    """In exact arithmetic, whatever the weights are: the model as it is then written."""
    bounded = OneByOne(built(ridge=2), BOX)
    good = constants(bounded)
    old = good.attention[attention]
    wrong = replace(old, weights=tuple(w * (1 + share) for w in old.weights))
    bad = Constants(good.unit, {**good.attention, attention: wrong})
    most, usual = top(bounded.error(bad, REALS)), top(bounded.error(good, REALS))
    model = assembled(checkpoint(bounded.weights, bad))
    X, y, queries = drawn(BOX, 300, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", constructions.PrecisionWarning)
        wanted = bounded.weights.predict(X, y, queries)
    seen = abs(model.predict(X, y, queries) - wanted).max()
    assert 2 * usual < most < 100 * seen and seen <= most


def test_where_sigmoids_are_far_off_nothing_is_said():
    bounded = OneByOne(built(), BOX)
    for kind in ("linear", "normalised"):
        nothing = Sigmoids((0.0,), (0.0,), (1.0,))
        assert top(bounded.error(constants(bounded, **{kind: nothing}), FLOAT32)) == float("inf")
    large = OneByOne(built(ridge=Fraction(1, 64)), BOX)  # a gate would let z through
    assert top(large.error(constants(large), FLOAT32)) == float("inf")


def test_another_witness_of_the_same_form_is_not_bounded():
    with pytest.raises(NoCertificate, match="nothing bounds it"):
        OneByOne(replace(built(), name="mine"), BOX)
    with pytest.raises(NoCertificate, match="nothing bounds it"):
        OneByOne(replace(built(), readout=Readout("r", 1)), BOX)
    with pytest.raises(NoCertificate, match="takes 4 examples, not 5"):
        OneByOne(built(4), BOX)
    with pytest.raises(NoCertificate, match="would be rounded"):
        OneByOne(built(ridge=3), BOX)


# -- what is read -----------------------------------------------------------------------------


def test_each_layer_reads_the_example_whose_gate_was_opened():
    assert schedule(built(3)).reads == (None, 0, 0, 1, 1, 2, 2)


def test_heads_that_read_several_examples_are_refused():
    head = Head(slot_map(("f", "x")), slot_map(("f", "x")), slot_map(("p", "y")))
    given = slot_map(("x", "x"), ("y", "y"), ("one", "one"), ("at", "position"))
    stream = layout(x=(1,), y=(), p=(), one=(), at=(2,))
    prompt = Prompt(1, given, positions=2)
    witness = Witness("mine", stream, prompt, [Layer("step", (head,))], Readout("p"))
    with pytest.raises(NoExport, match="read more than one example"):
        schedule(witness)


def test_what_is_read_later_is_what_changes_the_prediction():
    """A number of any slot, of any token, after any block, moved a little in the model's stream."""
    witness = built(2, ridge=1)
    bounded = OneByOne(witness, PromptBox(D, 2))
    made = checkpoint(witness, constants(bounded), kind=np.float64)
    X, y, queries = (one[:1] for one in drawn(PromptBox(D, 2), 1, 3))
    told = needed_one_by_one(witness)
    for block in range(witness.layers + 1):
        for token in range(3):
            for unit in range(witness.width):
                moves = changes(made, block, token, unit, X, y, queries)
                if unit not in told[block][token]:
                    assert moves < 1e-6, (block, token, unit)
    stream = witness.layout
    slots = [
        {slot.name for slot in stream.slots if units & set(stream.rows(slot.name))}
        for after in (told[0], told[-1])
        for units in after.values()
    ]
    read = {"x", "z", "r", "one"}
    assert slots == [read, read, {"z", "r"}, set(), set(), {"r"}]


def changes(made: Any, block: int, token: int, unit: int, *prompt: np.ndarray) -> float:
    """What the prediction moves by, per unit, where this number is moved before a block."""
    import torch

    from verify.exports.forward import forward

    half, moved = made.config["n_embd"] // 2, []
    for by in (0.0, 0.01):
        model = assembled(made)
        stream = model.tokens(*prompt) + made.tensors["wpe.weight"][:4]
        rest = made.tensors | {"wpe.weight": np.zeros_like(made.tensors["wpe.weight"])}
        first = {**rest}
        config = made.config | {"n_layer": block}
        forward(first, config, stream, torch.float64, reads := [])
        stream = reads[-1]
        stream[:, 1 + token, unit] += by
        stream[:, 1 + token, unit + half] -= by
        later = {f"h.{int(name.split('.')[1]) - block}.{name.split('.', 2)[2]}": one
                 for name, one in rest.items() if name.startswith("h.")
                 and int(name.split(".")[1]) >= block}  # fmt: skip
        later |= {name: one for name, one in rest.items() if not name.startswith("h.")}
        config = made.config | {"n_layer": made.config["n_layer"] - block}
        moved.append(forward(later, config, stream, torch.float64)[0, -1] @ made.readout)
    return float(abs(moved[1] - moved[0]) / 0.01)


# -- the command ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("storage=matrix", "prompts other than tokens"),
        ("ridge=3", "would be rounded"),
        ("examples=7", "examples is 7, but the data has 8 examples"),
        ("ridge=1/64", "no bound is finite"),
    ],
)
def test_what_has_no_bound_is_refused_in_one_line(settings, said, tmp_path, capsys):
    call = ["export", "sherman_morrison", "--to", "gpt2", "--set", settings]
    assert main([*call, "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()
