"""The table of costs is counted, its fits are exact, and claims are held to what papers take."""

from __future__ import annotations

import pytest

import constructions
from constructions.parameters import OneOf
from verify.checks.resources import counts, fit, promised, value
from verify.claim import Budget, Promise
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


def test_what_a_paper_takes_is_read_from_its_words():
    said = promised("fu2023, theorem 5.1: k + 8 layers of two heads, 2 d + 1 or O(d^2) units")
    assert said == (
        Promise("layers", "k + 8", "<="),
        Promise("heads", "2", "<="),
        Promise("width", "d**2", "O"),
    )
    assert promised("akyurek2022, theorem 2: above") == ()


@pytest.mark.parametrize("paper", ["k + 1 layers", "O(1) layers", "2 d units", "O(1) units"])
def test_a_construction_that_takes_more_than_its_paper_is_refuted(paper):
    newton = constructions.get("newton")
    sizes = [{"d": d, "iterations": k, "alpha": 1} for d in (1, 2, 3, 4) for k in (1, 2, 3, 4)]
    found = counts(newton, promised(paper), lambda: sizes).run(Budget(cases=1))
    assert not found.passed and "promised" in found.detail


def test_a_count_that_is_no_polynomial_is_refuted():
    def doubling(d: int, steps: int):
        return constructions.build("gradient_descent", d=d, steps=2**steps, step_size=1)

    sizes = [{"d": d, "steps": k} for d in (1, 2) for k in range(6)]
    found = counts(doubling, (), lambda: sizes, "", ("layers",)).run(Budget(cases=1))
    assert not found.passed and "layers is no polynomial" in found.detail


def test_the_first_word_of_a_choice_that_says_what_each_computes_is_the_default():
    choice = OneOf(of={"plain": "", "twice": "the same twice"})
    assert choice.of == ("plain", "twice") and choice.default == "plain"
    assert choice.computes == ("", "the same twice")


def test_too_few_sizes_fit_nothing():
    assert fit([{"k": 1}, {"k": 2}], [1, 3]) is None and fit([], []) is None


def test_counts_are_fitted_exactly_by_the_polynomial_of_least_degree():
    sizes = [{"d": d, "k": k, "n": 5} for d in (1, 2, 3, 5) for k in (1, 2, 4)]
    wanted = {
        "7*d*k + 26*d + 50": [7 * at["d"] * at["k"] + 26 * at["d"] + 50 for at in sizes],
        "d**2/2 - d/2 + k": [at["d"] * (at["d"] - 1) // 2 + at["k"] for at in sizes],
        "4": [4] * len(sizes),
    }
    assert {str(fit(sizes, counted)) for counted in wanted.values()} == set(wanted)
    one_more = wanted["4"][:-1] + [5]
    assert fit(sizes, one_more) is None and fit(sizes, [2 ** at["k"] for at in sizes]) is not None
    assert fit(sizes, [2 ** (at["d"] * at["k"]) for at in sizes]) is None
    assert fit([{"d": 1}], [3]) == 3 and fit([{"d": 1}, {"d": 1}], [3, 4]) is None


def test_the_table_is_markdown():
    lines = markdown(ROWS[:2]).splitlines()
    assert len(lines) == 4 and all(line.count("|") == 8 for line in lines)
