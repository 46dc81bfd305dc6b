"""Every reading of a witness agrees with every other: random witnesses, the whole vocabulary."""

from __future__ import annotations

from collections import Counter

import pytest
import readings
from readings import AGREES, REFUSED, UNDEFINED, outcomes
from witnesses import RATIONAL, RULES, VOCABULARY

# what a word of the calculus cannot say; the rest of the vocabulary is drawn more often without it
OUTSIDE = {
    "softmax", "exponential", "gelu", "norm", "irrational rule", "activation=relu", "matrix",
    "repeated letters", "reads entry", "writes entry", "pattern outside gates", "mixed shapes",
}  # fmt: skip
IN_THE_CALCULUS = {
    "attention=linear", "attention=relu", "attention=normalised", "null=True", "keys=context",
    "keys=full", "keys=causal", "average=", "average=keys", "average=examples", "form=joint",
    "form=interleaved", "register=True", "feature=x", "feature=y", "feature=one", "feature=index",
    "feature=query", "feature=register", "feature=x_example", "feature=x_query",
    "activation=identity, inner=True, gate=True", "activation=identity, inner=False, gate=True",
    "activation=identity, inner=True, gate=False", "activation=identity, inner=False, gate=False",
    "letters=True", "pattern", "coefficient=0", "keys=strictly causal", "mask=True", "mix=True",
    "rule that is a matrix", "rule with constants",
}  # fmt: skip


def share(came: Counter[str], outcome: str) -> float:
    """How much of what the witness is defined for came out like that."""
    return sum(came[one] for one in came if one.startswith(outcome)) / came.total()


@pytest.mark.parametrize(
    "reading", [readings.prediction, readings.every_slot, readings.written_and_read_back]
)
def test_fractions_agree_with_the_definition(reading):
    came, drawn = outcomes(reading, 300)
    assert set(came) == {AGREES, UNDEFINED} and share(came, AGREES) > 0.8
    assert set(drawn) == RATIONAL


def test_normal_forms_agree_with_the_definition():
    came, _ = outcomes(
        readings.in_normal_form, 80, shrink=False, least_layers=1, most_layers=1, most_d=2, most_n=2
    )
    assert set(came) <= {AGREES, UNDEFINED, readings.REFUSED} and share(came, AGREES) > 0.7


def test_the_dense_module_agrees_with_the_definition():
    came, drawn = outcomes(readings.dense, 200, least_layers=1)
    assert share(came, AGREES) > 0.8 and share(came, "agrees, nothing rounded") > 0.4
    assert set(drawn) == RATIONAL


def test_balls_and_the_dense_module_agree_where_fractions_do_not_reach():
    came, drawn = outcomes(readings.irrational, 250, without=set(), least_layers=1, most_layers=2)
    assert came[AGREES] > 60 and set(drawn) >= VOCABULARY - RATIONAL
    assert came[readings.UNBOUNDED] < came[AGREES]


@pytest.mark.filterwarnings("ignore::constructions.PrecisionWarning")
def test_bounds_on_rounding_hold_in_every_format():
    came, drawn = outcomes(
        readings.rounding, 200, without=set(), least_layers=1, most_layers=2, fixed={"rules": RULES}
    )
    assert came[AGREES] > 150 and set(drawn) >= VOCABULARY - {"letters=True"}


def test_the_calculus_agrees_on_masks_and_mixes_or_refuses():
    options = {
        "without": OUTSIDE | {"gate"}, "least_layers": 1, "most_layers": 2,
        "fixed": {"positions": 0, "rules": RULES},
    }  # fmt: skip
    single, drawn = outcomes(readings.calculus_of_single_tokens, 700, **options)
    assert share(single, AGREES) > 0.15
    words = ("mask=True", "mix=True", "keys=strictly causal", "rule that is a matrix")
    assert min(drawn[word] for word in words) > 10
    came, more = outcomes(readings.calculus, 300, **options)
    assert share(came, AGREES) > 0.1 and min(more["mask=True"], more["mix=True"]) > 5


def test_the_calculus_agrees_with_the_definition_or_refuses():
    options = {
        "without": OUTSIDE, "least_layers": 1, "most_layers": 2, "fixed": {"positions": 0}
    }  # fmt: skip
    came, drawn = outcomes(readings.calculus, 250, **options)
    assert share(came, AGREES) > 0.15
    single, more = outcomes(readings.calculus_of_single_tokens, 250, **options)
    assert share(single, AGREES) > 0.15
    assert set(drawn | more) >= IN_THE_CALCULUS


def test_the_calculus_agrees_on_one_hot_positions_or_refuses():
    came, drawn = outcomes(
        readings.calculus_of_single_tokens, 400,
        without=OUTSIDE - {"reads entry", "writes entry"}, least_layers=1, most_layers=2,
        fixed={"positions": 1},
    )  # fmt: skip
    assert share(came, AGREES) > 0.05 and drawn["feature=position"] > 10
    assert drawn["reads entry=True"]


def test_the_calculus_agrees_on_explicit_matrices_that_have_a_letter_or_refuses():
    came, drawn = outcomes(
        readings.calculus, 400,
        without=OUTSIDE - {"matrix"} | {"other matrices"}, least_layers=1, most_layers=2,
        fixed={"positions": 0},
    )  # fmt: skip
    assert share(came, AGREES) > 0.05 and drawn["matrix"] > 10


@pytest.mark.parametrize("reading", [readings.calculus, readings.calculus_of_single_tokens])
def test_the_calculus_refuses_what_it_does_not_know_of_the_whole_vocabulary(reading):
    came, drawn = outcomes(reading, 150)
    assert came[AGREES] and came[REFUSED]
    assert not any(word.startswith("activation=relu") for word in drawn)
