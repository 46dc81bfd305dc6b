"""Sound cases are never refuted, however large, small or ill-conditioned; wrong ones are."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from verify.checks.judge import as_claim, judge
from verify.inputs.names import subject
from verify.quality import readme, soundness
from verify.strategies import Case


def test_sixty_cases_over_all_number_systems_have_no_false_alarm():
    result = soundness.run(cases=60, seed=1, start=1)
    assert result["refuted"] == result["silent"] == []
    assert result["undecided without a way out"] == []
    assert sum(one["count"] for one in result["outcomes"]) == 60
    assert {one["outcome"] for one in result["outcomes"]} >= {"equal", "within bound", "encloses"}
    assert soundness.table(result).row_count > 5


@pytest.mark.parametrize("number", range(200, 240))
def test_a_case_that_a_number_system_cannot_hold_says_what_can(number):
    said = soundness.one(0, number)
    assert said["outcome"] not in ("refuted", "silent")
    assert said["outcome"] != "undecided" or said["decides"] == "rational"


def test_the_same_seed_gives_the_same_cases():
    first, second = soundness.case(3, 17), soundness.case(3, 17)
    assert first[:2] == second[:2] and repr(first[2]) == repr(second[2])
    assert repr(first[2]) != repr(soundness.case(4, 17)[2])


def test_cases_reach_far_in_scale_and_condition():
    drawn = [soundness.case(0, i) for i in range(600)]
    sizes = [np.abs(case.X).max() for _, _, case in drawn]
    assert max(sizes) > 1e100 and min(size for size in sizes if size > 0) < 1e-100
    entries = np.concatenate([np.abs(case.X).ravel() for _, _, case in drawn])
    assert (entries[entries > 0] < 1e-310).any()  # subnormal
    columns = [np.abs(case.X).max(axis=0) for _, _, case in drawn if (np.abs(case.X) > 1e-50).all()]
    assert max(np.log10(column.max()) - np.log10(column.min()) for column in columns) > 6
    ridges = [
        case.parameters["ridge"] / (case.X.astype(float) ** 2).sum()
        for name, _, case in drawn
        if "ridge" in case.parameters and 1e-100 < np.abs(case.X).max() < 1e100
    ]
    assert min(map(float, ridges)) < 1e-12
    assert {name for name, _, _ in drawn} == set(soundness.WITNESSES)
    assert {system for _, system, _ in drawn} == set(soundness.NUMBERS)


def test_selections_come_near_a_tie_and_relus_to_their_kink():
    drawn = [soundness.case(0, i) for i in range(3000)]
    selections = [
        soundness.one(0, i) for i, (name, system, _) in enumerate(drawn[:1000])
        if name == "selection" and system in ("float64", "rational")
    ]  # fmt: skip
    outcomes = {(said["numbers"], said["outcome"]) for said in selections}
    assert outcomes >= {("float64", "undecided"), ("float64", "within bound"),
                        ("rational", "equal"), ("rational", "undefined")}  # fmt: skip
    kinks = 0
    for name, _, case in drawn:
        if name == "lasso":
            pairs = zip(case.X.astype(object).T, [case.y.astype(object)] * case.X.shape[1])
            sums = [sum(Fraction(a) * Fraction(b) for a, b in zip(x, y)) for x, y in pairs]
            kinks += any(2 * abs(value) == case.parameters["penalty"] for value in sums)
        elif name == "kernel_regression":
            features = np.array(case.parameters["features"], dtype=float)
            kinks += bool((case.X @ features.T + case.parameters["offsets"] == 0).any())
    assert kinks > 100


def test_a_missing_warning_is_noticed(monkeypatch):
    from constructions.rounding import bounds

    monkeypatch.setattr(bounds, "warn_if_lost", lambda *given: None)
    result = soundness.run(cases=60, seed=0, start=0)
    assert result["silent"] and all(said["error"] > 0 for said in result["silent"])
    assert sum(one["count"] for one in result["outcomes"] if one["outcome"] == "silent") == len(
        result["silent"]
    )


def test_a_bound_that_is_too_small_is_noticed(monkeypatch):
    from constructions.rounding import bounds

    full = bounds.full_bound
    monkeypatch.setattr(bounds, "full_bound", lambda *given: full(*given) * 2.0**-12)
    assert soundness.run(cases=60, seed=0, start=0)["refuted"]


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
    assert "old" not in text
    assert "12 sound cases, seed 1: 0 refuted, 0 off without a warning" in text
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
    assert sum(int(cell.strip(" |")) for row in rows for cell in row[1:]) == 12
    for wrong in ("soundness=missing.json", "verdicts=report.json", "speeed"):
        assert readme.main([wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert (tmp_path / "README.md").read_text() == text
