"""The table of resources: fitted to counts, and right at sizes that it was not fitted to."""

from __future__ import annotations

import re

import pytest
import sympy

import constructions
from verify.measure.resources_table import OURS, QUANTITIES, ROWS, Row, built, costs, markdown

OTHER = {"iterations": 6, "steps": 7, "layers": 5, "examples": 8}
LETTER = {"iterations": "k", "steps": "k", "layers": "k", "examples": "n"}


@pytest.mark.parametrize("row", ROWS[:2] + OURS, ids=lambda row: f"{row.witness}: {row.computes}")
def test_the_formulas_hold_at_other_sizes(row: Row) -> None:
    given = {name: OTHER.get(name, values[0]) for name, values in row.sizes.items()}
    witness = built(row, d=7, **given)
    at = {"d": 7} | {LETTER[name]: value for name, value in given.items() if name in LETTER}
    for quantity, formula in costs(row).items():
        expression = sympy.sympify(re.sub(r"(?<=\w) (?=\w)", "*", formula).replace("^", "**"))
        assert expression.subs(at) == getattr(witness, quantity), quantity


def test_every_construction_is_in_the_table() -> None:
    no_algorithm = {"gelu_product"}  # a product, with a table of its own
    assert {row.witness for row in ROWS} >= set(constructions.names()) - no_algorithm


def test_every_improvement_is_one_over_the_paper() -> None:
    k, d = sympy.symbols("k d")
    by_name = {(row.witness, row.computes): costs(row) for row in OURS[1:6]}
    for (name, _), counted in by_name.items():
        assert sympy.sympify(counted["layers"]) - (k + 8) != 0
        assert (k + 8 - sympy.sympify(counted["layers"])).subs(k, 1) >= 6, name


def test_a_count_that_is_no_polynomial_is_not_rounded_to_one() -> None:
    steps = Row("deep_descent", "")
    counted = costs(steps)
    assert counted["layers"] == "k"
    few = Row("deep_descent", "", given={"layers": (1,)})
    assert "k" not in "".join(costs(few).values())


def test_the_table_has_a_line_for_every_row() -> None:
    lines = markdown(ROWS[:2]).splitlines()
    assert len(lines) == 4
    assert lines[0].count("|") == lines[3].count("|") == len(QUANTITIES) + 4
