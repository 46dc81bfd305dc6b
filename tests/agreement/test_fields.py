"""Every reading agrees on parts of x, targets that are vectors, read-outs of several numbers."""

from __future__ import annotations

import pytest
import readings
from readings import AGREES, REFUSED, UNDEFINED, outcomes
from test_agreement import OUTSIDE, share
from witnesses import FIELDS


@pytest.mark.parametrize(
    "reading", [readings.prediction, readings.every_slot, readings.written_and_read_back]
)
def test_fractions_agree_with_the_definition(reading):
    came, drawn = outcomes(reading, 120, fields=True)
    assert set(came) == {AGREES, UNDEFINED} and share(came, AGREES) > 0.8
    assert FIELDS <= set(drawn)


def test_the_dense_module_agrees_with_the_definition():
    came, drawn = outcomes(readings.dense, 120, fields=True)
    assert share(came, AGREES) > 0.8 and FIELDS <= set(drawn)


def test_balls_and_bounds_agree_where_fractions_do_not_reach():
    options = {
        "without": {"linear", "normalised"},
        "least_layers": 1,
        "most_layers": 2,
        "fields": True,
    }
    came, drawn = outcomes(readings.irrational, 150, **options)
    assert came[AGREES] > 30 and FIELDS | {"encoding wave"} <= set(drawn)


@pytest.mark.parametrize("reading", [readings.calculus, readings.calculus_of_single_tokens])
def test_the_calculus_agrees_with_the_definition_or_refuses(reading):
    came, drawn = outcomes(
        reading,
        250,
        without=OUTSIDE | {"encodings"},
        most_layers=2,
        fixed={"positions": 0},
        fields=True,
    )
    assert share(came, AGREES) > 0.15 and came[REFUSED]
    assert FIELDS - set(drawn) == {"encoding bits"}
