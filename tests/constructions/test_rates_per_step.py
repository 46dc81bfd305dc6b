"""GD++ with rates of its own in every step: what a linear self-attention in blocks computes."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import constructions
from constructions import from_matrices
from proofs.letters import count, each
from verify import Claim, algorithms, engine, strategies
from verify.checks import proof
from verify.claim import Budget
from verify.formulas import Formula
from verify.inputs.settings import WrongCall, parse

FEW = Budget(cases=20, quick=True)
NUMBERS = st.fractions(-2, 2, max_denominator=6)
gd_plus_plus = constructions.get("gd_plus_plus")


@settings(max_examples=25)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.data())
def test_it_is_the_self_attention_whose_p_and_q_have_a_block_for_x_and_one_for_y(
    steps, d, n, m, data
):
    """Of any sign: trained layers have whatever rates they have. Z + P Z M (ZᵀQZ)."""
    eta, gamma = (tuple(data.draw(NUMBERS) for _ in range(steps)) for _ in range(2))
    X, y, queries = (
        np.array([[data.draw(NUMBERS) for _ in range(columns)] for _ in range(rows)])
        for rows, columns in ((n, d), (n, 1), (m, d))
    )
    layers = [
        {"P": {("x", "x"): -g, ("y", "y"): -e}, "Q": {("x", "x"): 1}, "M": "examples"}
        for e, g in zip(eta, gamma)
    ]
    trained = from_matrices(layers, rows={"x": "d", "y": 1}, d=d, read={"y": -1})
    named = constructions.build("gd_plus_plus", d=d, steps=steps, step_size=eta, gamma=gamma)
    prompt = (X, y[:, 0], queries)
    made = [one.predict(*prompt, numbers="rational").tolist() for one in (trained, named)]
    assert made[0] == made[1] == algorithms.gd_plus_plus(*prompt, steps, eta, gamma).tolist()


def test_one_rate_for_all_steps_is_the_list_of_equal_ones():
    one, many = (
        constructions.build("gd_plus_plus", d=2, steps=2, step_size=e, gamma=g)
        for e, g in ((F(1, 3), F(1, 5)), ((F(1, 3),) * 2, (F(1, 5),) * 2))
    )
    assert one.layer_list == many.layer_list
    assert constructions.build("gd_plus_plus", d=2, steps=2, step_size=F(1, 3),
                               gamma=(F(1, 5), 0)).layer_list[0] == one.layer_list[0]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "why"),
    [({"step_size": (1, 2, 3)}, "step_size must have a number for each of steps = 2, not 3"),
     ({"gamma": ()}, "gamma must have a number for each of steps = 2, not 0"),
     ({"step_size": -1}, "step_size must be greater than 0"),
     ({"gamma": (1, float("nan"))}, "an entry of gamma")],
)  # fmt: skip
def test_rates_that_do_not_fit_are_named(given, why):
    with pytest.raises((ValueError, TypeError), match=why):
        constructions.build("gd_plus_plus", d=1, **{"steps": 2, "step_size": 1, "gamma": 0} | given)


def test_they_are_typed_with_commas():
    read = parse("gd_plus_plus", gd_plus_plus.signature, ["step_size=1/8,-0.25", "gamma=1/5"])
    assert read == {"step_size": (F(1, 8), F(-1, 4)), "gamma": F(1, 5)}
    with pytest.raises(WrongCall, match="one for each step"):
        parse("gd_plus_plus", gd_plus_plus.signature, ["step_size=1/8,a"])


def _swapped(rates):
    return rates[::-1] if isinstance(rates, tuple) else rates


def _first(rates):
    return (rates[0],) * len(rates)


@pytest.mark.parametrize(
    ("change", "right"),
    [(lambda rates: rates, True), (_swapped, False), (_first, False),
     (lambda rates: (*rates[:-1], rates[-1] + 1), False)],
    ids=["as given", "in reverse", "the first for all", "the last one more"],
)  # fmt: skip
def test_a_rate_of_another_step_is_not_proved_and_is_refuted(change, right):
    def build(d, steps, step_size, gamma):
        return constructions.build(
            "gd_plus_plus", d=d, steps=steps, step_size=change(step_size), gamma=gamma
        )

    rates = st.tuples(*[strategies.fractions()] * 3)
    mine = Claim(
        "mine",
        witness=build,
        algorithm=algorithms.gd_plus_plus,
        formula=Formula("GD++", gd_plus_plus.reference),
        cases=lambda: strategies.prompts(steps=3, step_size=rates, gamma=rates),
        assembled=lambda: [
            {"d": 3, "steps": 3, "step_size": each("step_size", "steps"),
             "gamma": each("gamma", "steps")}
        ],
    )  # fmt: skip
    found = proof.run(mine, FEW)
    assert (found.passed is True) == right, found.detail
    verdict = engine.run(mine, FEW).verdict
    assert verdict.name == ("holds" if right else "refuted")
    if right:
        assert "any gamma of each step, step_size of each step" in found.detail


EVERY = {"d": 3, "steps": count("steps"), "step_size": each("step_size", "steps"),
         "gamma": each("gamma", "steps")}  # fmt: skip
TURNED = {
    "as given": lambda rates: rates,
    "in reverse": lambda rates: rates[::-1],
    "the first for all": lambda rates: rates[:1] * len(rates),
    "the first again in the second": lambda rates: (*rates[:1], *rates[:-1]),
    "the negative": lambda rates: tuple(-rate for rate in rates),
    "another from the tenth on": lambda rates: tuple(r + int(k > 8) for k, r in enumerate(rates)),
}


@pytest.mark.parametrize("name", TURNED)
def test_a_rate_for_each_step_is_proved_for_every_number_of_steps(name):
    def build(d, steps, step_size, gamma):
        return constructions.build(
            "gd_plus_plus", d=d, steps=steps, step_size=TURNED[name](step_size), gamma=gamma
        )

    mine = Claim("mine", witness=build, algorithm=Formula("GD++", gd_plus_plus.reference),
                 cases=lambda: strategies.prompts(steps=1))  # fmt: skip
    made = proof.prove(mine, EVERY)
    assert made.proved == (name == "as given"), made.failed


def test_a_claim_with_a_rate_for_each_of_any_number_of_steps_holds():
    def drawn():
        return st.integers(1, 3).flatmap(
            lambda k: strategies.prompts(
                steps=k, step_size=st.tuples(*[NUMBERS] * k), gamma=st.tuples(*[NUMBERS] * k)
            )
        )

    def build(**parameters):
        return constructions.build("gd_plus_plus", **parameters)

    mine = Claim("mine", witness=build, algorithm=Formula("GD++", gd_plus_plus.reference),
                 cases=drawn, assembled=lambda: [EVERY])  # fmt: skip
    found = proof.run(mine, FEW)
    assert found.passed, found.detail
    assert "every number steps by induction" in found.detail
    assert "any gamma of each step, step_size of each step" in found.detail


def test_a_rate_for_each_of_other_steps_is_refused():
    with pytest.raises(ValueError, match="no open number"):
        proof.per_step({"steps": 3, "layers": count("layers"), "eta": each("eta", "steps")})


def test_the_proof_speaks_of_the_steps_that_the_letters_are_of():
    """Lists of another length than the steps are no instance of one letter for each step."""
    letter = each("eta", "steps")
    assert letter.why_not((1, 2), {"steps": 2}) == ""
    assert letter.why_not((1, 2), {"steps": 3}) and letter.why_not(F(1, 2), {"steps": 1})
    assert [str(e) for e in letter.at(2)] == ["eta1", "eta2"]
