"""Whether the order of the examples matters: read off the layers, proved of formulas, or shown."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F
from typing import Any

import pytest
import sympy
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import constructions
from constructions import Block, Norm, Readout, layout, slot_map
from constructions.papers import shen2023
from proofs.prompt import sinusoidal
from proofs.rule import rule
from verify import Claim, engine, formula
from verify.checks import equivariance, order
from verify.checks.equivariance import order_reaches
from verify.claim import Budget, builtin
from verify.quality import order_table
from verify.statements import depends_on_order, independent_of_order

HALF = F(1, 2)


def descent(layers: int = 2, **head: Any) -> Any:
    """Gradient descent whose heads have other fields."""
    made = shen2023.full_batch(1, layers, HALF)
    return made.with_layers(
        tuple(replace(one, heads=(replace(one.heads[0], **head),)) for one in made.layer_list)
    )


def placed(**more: Any) -> Any:
    """Gradient descent whose residual also has what the embedding reads besides."""
    made = shen2023.full_batch(1, 1, HALF)
    fields = {k: v for k, v in more.items() if k != "source"}
    embedding = slot_map(*made.prompt.embedding, ("r", more["source"]))
    return replace(made, prompt=replace(made.prompt, embedding=embedding, **fields))


KNOWS_THE_ORDER = {
    "causal keys, two layers": descent(keys="causal"),
    "keys strictly before": descent(keys="strictly causal"),
    "a mask that fades": descent(1, mask=rule("half**j", half=HALF)),
    "a mask of the place of the reader": descent(mask=rule("t <= n - 2 or t >= n")),
    "a mask of the first example": descent(1, mask=rule("j == 0")),
    "a mix of neighbours": descent(1, mix=rule("r <= c")),
    "the number of a token": placed(source="index"),
    "a one-hot position": placed(source="position[1]", positions=3),
    "an encoding of the number": placed(source="wave[0]", encodings=(("wave", sinusoidal(1)),)),
}
SEES_ALL_ALIKE = {
    "context": descent(),
    "queries too": descent(keys="full"),
    "one causal layer": descent(1, keys="causal"),
    "one layer of what came before": descent(1, keys="strictly causal"),
    "a mask of itself": descent(mask=rule("2 * (t == j) + 1")),
    "a mask of queries": descent(keys="full", mask=rule("j < n")),
    "a mask of how many there are": descent(mask=rule("1 / n + N")),
    "a mix of itself": descent(mix=rule("(r == c) * (c < n)"), keys="full"),
    "an average": descent(average="examples"),
}


@pytest.mark.parametrize("words", KNOWS_THE_ORDER)
def test_layers_that_know_the_order_are_not_proved_and_a_prompt_shows_it(words):
    witness = KNOWS_THE_ORDER[words]
    assert order_reaches(witness)
    shown = order.exchanged(witness)
    assert shown is not None and shown["prediction"] != shown["after"]


@pytest.mark.parametrize("words", SEES_ALL_ALIKE)
def test_layers_that_see_all_examples_alike_are_proved_and_no_prompt_differs(words):
    witness = SEES_ALL_ALIKE[words]
    assert order_reaches(witness) is None and order.exchanged(witness) is None


def test_a_read_out_at_the_examples_is_read_out_in_their_order():
    witness = replace(descent(), readout=Readout("r", -1, tokens="examples"))
    assert "whose places are the order" in order_reaches(witness)


def test_the_order_reaches_what_is_made_of_a_place_and_nothing_else():
    """A place beside the prediction does no harm, until a norm or an MLP brings them together."""
    made = shen2023.full_batch(1, 1, HALF)
    prompt = replace(made.prompt, embedding=slot_map(*made.prompt.embedding, ("at", "index")))
    beside = replace(made, layout=layout(x=(1,), r=(), at=()), prompt=prompt)
    assert order_reaches(beside) is None
    (layer,) = beside.layer_list
    for together in (
        replace(layer, attention_norm=Norm("rms")),
        replace(layer, after_attention=Norm("layer")),
    ):
        last = replace(layer, name="last")  # the query reads what examples now hold
        assert order_reaches(beside.with_layers((together, last)))
    gated = constructions.MLP(slot_map(("r", "h")), slot_map(("h", "r")), slot_map(("h", "at")))
    assert order_reaches(beside.with_layers((replace(layer, mlp=gated), layer)))
    assert order_reaches(beside.with_layers((replace(layer, mlp=gated),))) is None


def test_a_field_of_which_nothing_is_known_is_refused_by_name(monkeypatch):
    known = {**equivariance.KNOWN, constructions.Head: frozenset({"query", "key"})}
    monkeypatch.setattr(equivariance, "KNOWN", known)
    with pytest.raises(ValueError, match="does not know value of a Head"):
        order_reaches(descent())


# -- formulas -------------------------------------------------------------------------------------


def stated(prediction: str, **parts: Any) -> Claim:
    """A claim about the full batch's transformer and this formula, which is not proved here."""
    made = formula(prediction, **parts)

    def build(d: int, examples: int = 3) -> Any:
        return replace(shen2023.full_batch(d, 1, HALF), examples=examples)

    return Claim("one", witness=build, algorithm=made, cases=lambda: None)


def chain(step: str, start: str = "O", last: str = "w3", **more: str) -> Claim:
    steps = {f"w{i}": step.format(old=f"w{i - 1}", x=f"x{i}", y=f"y{i}") for i in (1, 2, 3)}
    return stated(f"{last}.T*x_t", w0=start, **steps, **more)


@pytest.mark.parametrize(
    "claim, why",
    [
        (stated("(X.T*X*X.T*y).T*x_t"), None),
        (stated("relu(X*x_t).T*(y - y)"), None),
        (stated("(x1*y1 + x2*y2 + x3*y3).T*x_t"), "one after the other"),
        (chain("{old} + {x}*{y}"), None),
        (chain("{old} + {x}*({y} - {x}.T*{old})"), "depends on which came first"),
        (chain("{old} + {x}*{y}", last="w2"), "one after the other"),
        (chain("{old} + {x}*{y} + x1"), "not one step for each example"),
        (chain("{old} + {x}*{y}", start="x1"), "outside the step"),
    ],
)
def test_a_formula_is_the_same_in_every_order_if_neighbours_can_be_exchanged(claim, why):
    found = order.formula_depends(claim, {"d": 2, "examples": 3})
    assert found is None if why is None else why in found


def test_a_formula_that_leaves_an_example_out_is_not_proved():
    claim = chain("{old} + {x}*{y}")
    assert order.formula_depends(claim, {"d": 2, "examples": 3}) is None
    assert "takes 3 of 4 examples" in order.formula_depends(claim, {"d": 2, "examples": 4})


def test_least_squares_is_the_same_in_every_order_and_stochastic_descent_is_not():
    own = next(one for one in builtin() if one.id == "recursive_least_squares")
    assert order.independent_by_formula(lambda: own).run(Budget()).passed
    wrong = replace(
        own, witness=lambda **given: constructions.build(own.id, **given | {"ridge": 2})
    )
    assert order.independent_by_formula(lambda: wrong).run(Budget()).passed is None


# -- claims ---------------------------------------------------------------------------------------


def verdict(check: Any) -> Any:
    return engine.run(Claim("one", checks=lambda: check)).verdict


def test_a_claim_that_the_order_has_no_effect_is_decided_both_ways():
    sizes = lambda: [{"d": 1, "steps": 2, "step_size": sympy.Symbol("eta")}]  # noqa: E731
    assert verdict(independent_of_order(shen2023.full_batch, sizes)).name == "holds"
    epochs = lambda: [{"d": 1, "examples": 2, "step_size": HALF}]  # noqa: E731
    found = verdict(independent_of_order(shen2023.stochastic, epochs))
    assert found.name == "refuted" and found.counterexample["X"] == [["1"], ["1"]]
    assert (found.counterexample["prediction"], found.counterexample["after"]) == ("1/4", "1/2")


def test_a_claim_that_the_order_matters_is_decided_both_ways():
    epochs = lambda: [{"d": 1, "examples": 2, "step_size": HALF}]  # noqa: E731
    assert verdict(depends_on_order(shen2023.stochastic, epochs)).name == "holds"
    sizes = lambda: [{"d": 1, "steps": 2, "step_size": HALF}]  # noqa: E731
    assert verdict(depends_on_order(shen2023.full_batch, sizes)).name == "refuted"


def test_what_is_neither_proved_nor_shown_stays_open():
    """Newton's iteration on x_1, y_1, x_2, … reads by a token's number, to the same effect."""
    sizes = lambda: [{"d": 1, "iterations": 1, "alpha": HALF, "prompt": "interleaved"}]  # noqa: E731
    newton = lambda **given: constructions.build("newton", **given)  # noqa: E731
    assert verdict(independent_of_order(newton, sizes)).name == "undecided"
    assert verdict(depends_on_order(newton, sizes)).name == "undecided"


def test_every_construction_has_a_line_and_a_new_one_gets_its_own(monkeypatch):
    for name in constructions.names():
        assert list(order_table.choices(constructions.get(name))), name
    monkeypatch.setattr(constructions, "names", lambda: ("selection", "momentum"))
    monkeypatch.setattr(order_table, "papers", lambda: ())
    effects = {row.construction: row.effect for row in order_table.rows()}
    assert effects == {"selection": order_table.MATTERS, "momentum": order_table.FREE}


def test_blocks_of_dense_matrices_are_read_by_their_slots():
    made = descent(1)
    (layer,) = made.layer_list
    dense = replace(layer.heads[0], value=slot_map(Block("r", "r", matrix=((-HALF,),))))
    assert order_reaches(made.with_layers((replace(layer, heads=(dense,)),))) is None


# -- random witnesses -----------------------------------------------------------------------------

SLOTS = ("x", "r", "s")
RULES = ("j <= t", "j < n", "t == j", "1 / n + N", "t + 1", "j + 1", "2 - (j != t)")
HEADS = {
    "attention": ("linear", "linear", "relu", "normalised"),
    "keys": ("context", "full", "causal", "strictly causal"),
    "mask": (None, *map(rule, RULES)),
    "mix": (None, None, *(rule(text.translate(str.maketrans("tj", "rc"))) for text in RULES)),
}


@st.composite
def witnesses(draw: Any) -> Any:
    """Two or three layers on x, r = y and s, which may hold a place: all that they mix is read."""

    def either(values: Any) -> Any:
        return draw(st.sampled_from(values))

    def layer(number: int) -> Any:
        slot = st.sampled_from(SLOTS)
        heads = []
        for _ in range(draw(st.integers(1, 2))):
            fields = {name: either(words) for name, words in HEADS.items()}
            maps = (
                slot_map(("f", draw(slot)), ("g", "one")),
                slot_map(("f", draw(slot)), ("g", "x")),
            )
            heads.append(
                constructions.Head(*maps, slot_map((either(SLOTS), draw(slot), HALF)), **fields)
            )
        product = [slot_map(("h", draw(slot))), slot_map(("h", draw(slot)))]
        mlp = (
            constructions.MLP(slot_map((draw(slot), "h")), *product)
            if draw(st.booleans())
            else None
        )
        return constructions.Layer(f"{number}", tuple(heads), mlp)

    place = either(("one", "index", "position[1]", "wave[0]", "x"))
    embedding = slot_map(("x", "x"), ("r", "y"), ("s", place), ("one", "one"))
    encodings = (("wave", rule("t * t - n")),)
    prompt = constructions.Prompt(1, embedding, positions=4, encodings=encodings)
    stream = layout(x=(1,), r=(), s=(), one=())
    layers = tuple(layer(number) for number in range(draw(st.integers(2, 3))))
    return constructions.Witness("random", stream, prompt, layers, Readout("r"))


def permute(count: int) -> dict[tuple[bool, bool], int]:
    """How many random witnesses are (proved, seen to change); none of the proved may change."""
    came: dict[tuple[bool, bool], int] = {}
    entry = st.integers(-2, 2).map(F)
    prompts = st.lists(st.tuples(entry, entry), min_size=2, max_size=4)

    @settings(
        max_examples=count, database=None, phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @seed(1)
    @given(witnesses(), prompts, st.randoms(use_true_random=False))
    def once(witness: Any, pairs: Any, random: Any) -> None:
        other = random.sample(pairs, len(pairs))
        try:
            before, after = (
                witness.predict([[x] for x, _ in one], [y for _, y in one], [[F(1)]], "rational")[0]
                for one in (pairs, other)
            )
        except ZeroDivisionError:
            return
        found = order_reaches(witness) is None, before != after
        came[found] = came.get(found, 0) + 1
        assert found != (True, True)

    once()
    return came


def test_no_permutation_changes_a_prediction_that_is_proved_not_to_know_the_order():
    came = permute(250)
    assert came[True, False] > 20 and came[False, True] > 20


@pytest.mark.parametrize(
    "overlooked, instead",
    [
        ("_ordered_keys", lambda head, reader, prompt: None),
        ("_embedded", lambda prompt: equivariance.Uneven()),
        ("_varies", lambda rule, names, prompt: False),
        ("_received", lambda head, reader, where, read, prompt: ()),
    ],
)
def test_a_reading_that_overlooks_something_is_caught(overlooked, instead, monkeypatch):
    monkeypatch.setattr(equivariance, overlooked, instead)
    with pytest.raises(AssertionError):
        permute(250)
