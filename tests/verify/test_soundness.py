"""Sound cases are never refuted, however large, small or ill-conditioned; wrong ones are."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from verify import readme, soundness
from verify.judging import as_claim, judge
from verify.strategies import Case
from verify.subjects import subject


def test_sixty_cases_over_all_number_systems_have_no_false_alarm():
    result = soundness.run(cases=60, seed=1, start=1)
    assert result["refuted"] == []
    assert result["undecided without a way out"] == []
    assert sum(one["count"] for one in result["outcomes"]) == 60
    assert {one["outcome"] for one in result["outcomes"]} >= {"equal", "within bound", "encloses"}
    assert soundness.table(result).row_count > 5


# cases that once were refuted: coefficients and derivatives beyond the range of the format, and
# errors of intermediate results as large as these
@pytest.mark.parametrize("number", [11, 29, 1353, 2302, 3116, 4558, 4811, 6712])
def test_a_case_that_floats_cannot_hold_is_undecided_and_says_what_can(number):
    said = soundness.one(0, number)
    assert said["outcome"] in ("undecided", "within bound")
    assert said["outcome"] == "within bound" or said["decides"] == "rational"


def test_the_same_seed_gives_the_same_cases():
    first, second = soundness.case(3, 17), soundness.case(3, 17)
    assert first[:2] == second[:2] and repr(first[2]) == repr(second[2])
    assert repr(first[2]) != repr(soundness.case(4, 17)[2])


def test_cases_reach_far_in_scale_and_condition():
    sizes = [np.abs(soundness.case(0, i)[2].X).max() for i in range(200)]
    assert max(sizes) > 1e100 and min(size for size in sizes if size > 0) < 1e-100


@pytest.mark.parametrize("numbers", ["float64", "float32", "rational", "ball"])
def test_a_wrong_algorithm_is_refuted_in_every_number_system(numbers):
    claim = as_claim(subject("newton"))
    off = replace(claim, algorithm=lambda X, y, queries, iterations, alpha: queries @ (X.T @ y))
    rng = np.random.default_rng(0)
    case = Case(
        {"d": 2, "iterations": 2, "alpha": Fraction(1, 16)},
        rng.standard_normal((3, 2)), rng.standard_normal(3), rng.standard_normal((1, 2)),
    )  # fmt: skip
    assert judge(claim, case, numbers)["outcome"] not in ("refuted", "undecided")
    assert judge(off, case, numbers)["outcome"] == "refuted"


def test_workers_find_the_same():
    one, two = (soundness.run(cases=8, seed=2, start=3, workers=w) for w in (1, 2))
    assert one["outcomes"] == two["outcomes"]


def test_readmes_table_is_written_from_a_report(tmp_path, monkeypatch, capsys):
    result = soundness.run(cases=12, seed=1, start=1)
    (tmp_path / "README.md").write_text("a\n<!-- soundness -->\nold\n<!-- /soundness -->\nb\n")
    (tmp_path / "report.json").write_text(json.dumps(result))
    monkeypatch.chdir(tmp_path)
    assert readme.main(["soundness=report.json"]) == 0
    text = (tmp_path / "README.md").read_text()
    assert "old" not in text and "12 sound cases, seed 1: 0 refuted, 0 undecided without" in text
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
    assert sum(int(cell.strip(" |")) for row in rows for cell in row[1:]) == 12
    for wrong in ("soundness=missing.json", "verdicts=report.json", "speeed"):
        assert readme.main([wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert (tmp_path / "README.md").read_text() == text
