"""The bound for softmax heads: each of its terms is needed, none is far above what can happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb

import constructions
from constructions import MLP, Head, Layer, Prompt, Readout, Witness, layout, slot_map
from constructions.exports.gpt2 import FAR, Checkpoint, checkpoint, room_for
from verify.checks.bounds.balls import top
from verify.exports.formats import FLOAT16, REALS, Format
from verify.exports.head_error import Reading
from verify.exports.prompts import drawn
from verify.exports.propagation import Setting
from verify.exports.spectrum import NoCertificate, PromptBox
from verify.exports.weighted_means import Means, Scores, WeightedMeans

NOTHING = Reading(arb(0), arb(0))
SCORES = Scores(arb(2), arb("1.5"), arb("0.25"), 3)
MANY = Scores(arb(2), arb("1.5"), arb("0.25"), 300)
N = 8


def shares(scores: np.ndarray) -> np.ndarray:
    """Softmax in the type of the scores."""
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


# -- scores -----------------------------------------------------------------------------------


def read_relatively(random: np.random.Generator) -> float:
    e = random.choice([-1, 1], (2, 3)) * 0.01
    return 0.25 * ((2 * (1 + e[0])) @ (1.5 * (1 + e[1])) - 9)


def read_absolutely(random: np.random.Generator) -> float:
    e = random.choice([-1, 1], (2, 3)) * 0.01
    return 0.25 * ((2 + e[0]) @ (1.5 + e[1]) - 9)


def multiplied_and_added_up(random: np.random.Generator) -> float:
    """A number that is rounded the same way each time that it is added."""
    query, key = random.uniform(1, 2, 1).astype("f2"), random.uniform(1, 1.5, 1).astype("f2")
    terms = np.full(MANY.features, (np.float16(0.25) * query) * key)
    return float(terms.cumsum(dtype="f2")[-1]) - 0.25 * MANY.features * float(query[0]) * float(
        key[0]
    )


@pytest.mark.parametrize(
    ("happens", "scores", "read", "form", "share"),
    [
        (read_relatively, SCORES, Reading(arb("0.01"), arb(0)), REALS, 0.9),
        (read_absolutely, SCORES, Reading(arb(0), arb("0.01")), REALS, 0.9),
        (multiplied_and_added_up, MANY, NOTHING, FLOAT16, 0.05),
    ],
)
def test_no_score_is_off_by_more_than_is_said(
    happens: Callable[[np.random.Generator], float],
    scores: Scores,
    read: Reading,
    form: Format,
    share: float,
):
    random, most = np.random.default_rng(0), top(scores.computed(read, form))
    off = max(abs(happens(random)) for _ in range(2000))
    assert share * most < off <= most * (1 + 1e-12)


def test_the_largest_score_is_subtracted_and_exp_taken_to_what_is_said():
    random, used = np.random.default_rng(0), 0.0
    may = top(SCORES.off(NOTHING, FLOAT16)) - top(SCORES.computed(NOTHING, FLOAT16))
    for _ in range(2000):
        scores = random.uniform(-2.25, 2.25, 2).astype("f2")
        difference = float(scores[1] - scores[0]) - (float(scores[1]) - float(scores[0]))
        used = max(used, abs(difference + np.log1p(-4 * 2.0**-11)) / may)
    assert 0.9 < used <= 1


def test_a_score_is_off_by_nothing_where_nothing_is_rounded():
    assert top(SCORES.off(NOTHING, REALS)) == 0


# -- means ------------------------------------------------------------------------------------


@pytest.mark.parametrize("off", [1e-3, 0.3, 2.0])
def test_errors_of_scores_move_a_mean_by_no_more_than_is_said_and_can_move_it_so(off):
    random, most = np.random.default_rng(1), Means(N, arb(3), arb(off), REALS)
    may, moved = top(most.error(arb(1), arb(0), arb(0))), []
    for number in range(3000):
        values = random.choice([-1.0, 1.0], N) if number % 2 else random.uniform(-1, 1, N)
        scores = random.uniform(-3, 3, N) if number % 3 else random.uniform(-0.1, 0.1, N)
        wrong = scores + off * np.sign(values)
        moved.append(abs((shares(wrong) - shares(scores)) @ values))
    assert 0.98 * may < max(moved) <= may


def test_a_mean_is_rounded_by_no_more_than_is_said():
    random, used = np.random.default_rng(2), 0.0
    may = top(Means(N, arb(3), arb(0), FLOAT16).error(arb(0), arb(1), arb(0)))
    for _ in range(3000):
        weights = random.uniform(0, 1, N).astype("f2")
        values = random.uniform(-1, 1, N).astype("f2")
        divided, mean = weights / weights.cumsum(dtype="f2")[-1], np.float16(0)
        for share, value in zip(divided, values):
            mean += share * value
        exactly = weights.astype(float) / weights.astype(float).sum() @ values.astype(float)
        used = max(used, abs(float(mean) - exactly) / may)
    assert 0.05 < used <= 1


def test_what_is_not_to_be_seen_reaches_a_mean_by_no_more_than_is_said():
    scores, values = np.array([0.0, -2.0, 2.0 - FAR]), np.array([0.5, -0.5, 1e120])
    off = abs(shares(scores) @ values - shares(scores[:2]) @ values[:2])
    means = Means(2, arb(2), arb(0), REALS)
    assert 0 < off <= top(means.error(arb(0), arb(1), arb(1e120)))
    assert top(means.error(arb(0), arb(1), arb(0))) < off


@pytest.mark.parametrize(
    ("score", "form", "known"),
    [(3, FLOAT16, True), (6, FLOAT16, False), (31, REALS, True), (33, REALS, False)],
)
def test_there_is_no_bound_where_weights_are_lost_or_what_is_far_comes_near(score, form, known):
    assert Means(N, arb(score), arb(0), form).known() is known


# -- the whole --------------------------------------------------------------------------------

BOX = PromptBox(2, 5, Fraction(1), Fraction(2), Fraction(3, 2))


def predictions(made: Checkpoint, X, y, queries, kind: str) -> np.ndarray:
    """Of the checkpoint in transformers' GPT2Model, in a type of floats."""
    import torch

    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(**made.config)
    model = transformers.GPT2Model._from_config(config, attn_implementation="eager")
    number = getattr(torch, kind)
    model.to(number).load_state_dict(
        {name: torch.tensor(one).to(number) for name, one in made.tensors.items()}
    )
    examples = np.concatenate([X, y[..., None]], axis=-1) @ made.example
    asked = queries @ made.query + made.roles[-1]
    tokens = [0 * asked, *(examples + role for role in made.roles[:-1]), asked]
    with torch.no_grad():
        inputs = torch.tensor(np.concatenate(tokens, axis=1)).to(number)
        last = model.eval()(inputs_embeds=inputs).last_hidden_state[:, -1]
    return last.double().numpy() @ made.readout


SMALL, LARGE = Fraction(1, 10**6), Fraction(2)
WITHOUT_SCORES = PromptBox(2, 5, SMALL, LARGE, SMALL)
SCORES_ALONE = PromptBox(2, 5, LARGE, Fraction(1, 100), LARGE)


@pytest.mark.parametrize("unit", [2**5, 2**8])
@pytest.mark.parametrize(
    ("box", "steps", "rate", "times"),
    [
        (BOX, 1, 1, 5),
        (BOX, 2, Fraction(1, 2), 9),
        (BOX, 4, Fraction(1, 4), 12),
        (WITHOUT_SCORES, 1, Fraction(1, 8), 1.5),
        (SCORES_ALONE, 1, 1, 8),
    ],
)
def test_what_layer_norms_cost_stays_below_the_bound_through_all_layers(
    box, steps, rate, times, unit
):
    """In float64, where a small unit makes an error that is seen."""
    descent = {"steps": steps, "step_size": rate, "kernel": "exponential"}
    witness = constructions.build("kernel_regression", d=2, temperature=2, **descent)
    bounded = WeightedMeans(witness, box)
    constants = bounded.constants(unit)
    X, y, queries = drawn(box, 600, 7)
    got = predictions(checkpoint(witness, constants), X, y, queries, "float64")
    off = abs(got - witness.predict(X, y, queries)[:, 0]).max()
    assert off <= top(bounded.error(constants, REALS)) < times * off


def test_errors_of_values_grow_in_a_layer_by_no_more_than_is_said():
    """At the examples each of which is off by a hundredth, and at a query, which is too."""
    descent = {"steps": 1, "step_size": Fraction(1, 2), "kernel": "exponential"}
    witness = constructions.build("kernel_regression", d=2, temperature=2, **descent)
    bounded, random = WeightedMeans(witness, BOX), np.random.default_rng(3)
    constants = bounded.constants(2**30)
    setting = Setting(room_for(witness, bounded.order, 1), constants, REALS)
    start, off = bounded.embedded(REALS), {"x": arb(0), "r": arb("0.01")}
    wrong = replace(start, examples=replace(start.examples, off=off),
                    query=replace(start.query, off=off))  # fmt: skip
    after = bounded.after(bounded.layers[0], wrong, setting)
    assert after is not None
    moved = []
    for X, _, queries in zip(*drawn(BOX, 200, 5)):
        for asked in (X, queries):
            weights = np.array([shares(X @ x / 2) for x in asked])
            signs = random.choice([-1, 1], len(X))
            own = signs if asked is X else -np.sign(weights @ signs)
            moved.append(abs(own - weights @ signs / 2).max() * 0.01)
    for held in (after.examples, after.query):
        assert 0.8 * top(held.off["r"]) < max(moved) <= top(held.off["r"])


def test_more_steps_a_larger_unit_and_fewer_bits_do_what_they_should():
    def bound(steps: int, unit: int, form: Format = REALS) -> float:
        witness = constructions.build(
            "kernel_regression", d=2, steps=steps, step_size=1, kernel="exponential"
        )
        bounded = WeightedMeans(witness, BOX)
        return top(bounded.error(bounded.constants(unit), form))

    assert bound(1, 2**8) < bound(2, 2**8) < bound(3, 2**8) < 1
    assert bound(2, 2**16) < bound(2, 2**8) / 60_000
    assert bound(2, 2**8, FLOAT16) == float("inf")  # the unit's square is no number of it


def witness(*layers: Layer) -> Witness:
    stream, prompt = layout(x=(2,), r=()), Prompt(2, slot_map(("x", "x"), ("r", "y")))
    return Witness("mine", stream, prompt, list(layers), Readout("r"))


def head(value: str, attention: str = "softmax") -> Head:
    return Head(
        slot_map(("f", "x")), slot_map(("f", "x")), slot_map((value, value)), attention=attention
    )


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Layer("a", (head("x"),)), "the scores of a head, of x, change"),
        (Layer("a", (head("r"), head("r", "linear"))), "linear attention is not softmax"),
        (
            Layer(
                "a",
                (head("r"),),
                MLP(inner=None, outer=slot_map(("r", "r")), activation="identity"),
            ),
            "an MLP beside",
        ),
    ],
)
def test_what_has_no_bound_is_said(layer, said):
    with pytest.raises(NoCertificate, match=said):
        WeightedMeans(witness(layer), BOX)
