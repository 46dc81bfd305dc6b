"""The table of costs: what constructions state is what is counted, and fits are exact."""

from __future__ import annotations

import pytest

import constructions
from verify.checks.resources import fit, value
from verify.quality import resources_table
from verify.quality.resources_table import QUANTITIES, costs, markdown, rows

ROWS = rows()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.construction}: {row.computes}")
def test_every_row_has_formulas_that_its_counts_have(row):
    stated = costs(row)
    assert list(stated) == list(QUANTITIES) and all(stated.values())
    size = {name: values[-1] for name, values in row.sizes.items()} | {"d": 3}
    witness = row.build(**resources_table.at_size(row, size))
    at = resources_table.variables(size)
    for quantity, formula in stated.items():
        assert value(formula, at) == getattr(witness, quantity), quantity


def test_every_construction_has_a_row_but_the_one_that_is_a_part_of_others():
    assert {*constructions.names()} - {row.construction for row in ROWS} == {"gelu_product"}


def test_too_few_sizes_fit_nothing():
    assert fit([{"k": 1}, {"k": 2}], [1, 3]) is None


def test_the_table_is_markdown():
    lines = markdown(ROWS[:2]).splitlines()
    assert len(lines) == 4 and all(line.count("|") == 8 for line in lines)
