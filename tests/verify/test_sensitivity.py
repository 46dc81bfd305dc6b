"""Mutants of witnesses: each one differs, what is wrong is refuted, what is equal is proved so."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from constructions.parts import linear_mlp
from proofs.slotmap import slot_map
from verify.claim import builtin
from verify.inputs.errors import WrongCall
from verify.papers import paper_of
from verify.quality import equality, mutants, sensitivity
from verify.quality.judges import KINDS, Finding, Trial, judge
from verify.quality.trials import judged, label, left_out, not_judged, of_papers, trial


@pytest.fixture(scope="module")
def descent() -> Trial:
    return trial("gradient_descent")


@pytest.mark.parametrize("change", ["dropped", "negated", "1e-3", "1e-6"])
def test_floats_refute_every_change_that_matters(descent, change):
    for mutant in mutants.weights(descent.witness):
        if mutant.change == change and "layer 1" in mutant.where:
            said = judge(descent, mutant.witness)
            assert said.equal or said.refutes["exact"]
            assert said.equal or said.refutes["numeric"] in (True, None)


def test_what_nothing_reads_is_equal_by_proof(descent):
    layers = descent.witness.layer_list
    last = replace(layers[-1], mlp=linear_mlp(*layers[-1].mlp.outer.blocks, ("old", "y", 5)))
    changed = descent.witness.with_layers((*layers[:-1], last))
    assert changed.digest != descent.witness.digest
    assert equality.predicts_the_algorithm(descent.claim, changed, descent.parameters, 2)


def test_the_relu_pair_is_the_linear_head_by_proof():
    one = trial("newton relu")
    assert equality.predicts_the_algorithm(one.claim, one.witness, one.parameters, 2) is True


def test_a_wrong_relu_pair_is_not_equal_by_proof():
    one = trial("newton relu")
    layer = one.witness.layer_list[1]
    plus, minus = layer.heads
    wrong = replace(plus, value=slot_map(("t", "t", Fraction(1, 7))))
    changed = one.witness.with_layers(
        (
            one.witness.layer_list[0],
            replace(layer, heads=(wrong, minus)),
            *one.witness.layer_list[2:],
        )
    )
    assert equality.predicts_the_algorithm(one.claim, changed, one.parameters, 2) is False


def test_what_is_equal_at_one_size_only_is_no_false_alarm_of_the_proof(descent):
    flipped, said = next(
        (m, said)
        for m in mutants.weights(descent.witness)
        if m.where.endswith("]")  # one entry of a matrix
        and (said := judge(descent, m.witness)).equal
        and said.refutes["proof"]
    )
    assert said.refutes["symbolic"] is False
    row = sensitivity.counted(descent, [("dropped", flipped.where, said)])["changes"]["dropped"]
    assert row["equal, proved"] == 1 and row["equal for every size"] == 0
    assert row["proof"] == {"refuted": 0, "of": 0, "outside": 0} and row["false alarms"] == 0


def test_a_wrong_read_out_is_missed_by_steps_and_by_nothing_else(descent):
    wrong = next(m for m in mutants.weights(descent.witness) if m.where == "read-out")
    said = judge(descent, wrong.witness)
    assert {kind for kind in KINDS if said.refutes[kind] is False} == {"steps"}
    (missed,) = sensitivity.counted(descent, [(wrong.change, wrong.where, said)])["missed"]
    assert missed["differs"] and list(missed["by"]) == ["steps"]
    assert "holds what it should" in missed["by"]["steps"]


def test_a_mutant_that_no_check_can_run_is_listed_as_open(descent):
    open_ended = Finding(dict.fromkeys(KINDS), None, dict.fromkeys(KINDS, "not run: a reason"))
    made = sensitivity.counted(descent, [("mask", "layer 1", open_ended)])
    assert made["changes"]["mask"]["open"] == 1
    assert made["missed"][0]["differs"] is None and made["missed"][0]["by"]


def test_a_witness_that_is_refuted_as_it_is_ends_the_run(monkeypatch, descent):
    wrong = next(m for m in mutants.weights(descent.witness) if m.where == "read-out")
    broken = replace(descent, witness=wrong.witness)
    monkeypatch.setattr(sensitivity, "trial", lambda name, seed=0: broken)
    with pytest.raises(RuntimeError, match="refuted as it is"):
        sensitivity.run(["gradient_descent"], quick=True)


@pytest.fixture(scope="module")
def report() -> dict:
    return sensitivity.run(["gradient_descent mean"], quick=True)


def test_the_quick_report_counts_every_kind_and_misses_nothing(report):
    (witness,) = report["witnesses"]
    assert report["missed"] == []
    for one in witness["missed"]:
        assert one["differs"] and set(one["by"]) <= {"steps", "kernel", *one["outside"]}
    assert sum(row["mutants"] for row in witness["changes"].values()) > 3
    assert all(row["false alarms"] == 0 for row in witness["changes"].values())
    assert sensitivity.table(report).row_count == len(witness["changes"])
    rows = witness["changes"].values()
    assert {kind for row in rows for kind in KINDS if row[kind]["of"]} == {*KINDS}


def test_every_miss_of_a_kind_has_its_reason(report):
    (witness,) = report["witnesses"]
    for kind in KINDS:
        let_pass = sum(
            row[kind]["of"] - row[kind]["refuted"] + row[kind]["outside"]
            for row in witness["changes"].values()
        )
        assert let_pass == sum(kind in one["by"] for one in witness["missed"])


def test_the_report_does_not_depend_on_the_number_of_workers(report):
    assert sensitivity.run(["gradient_descent mean"], quick=True, workers=2) == report


def test_readme_s_table_adds_the_witnesses_up(report):
    text = sensitivity.markdown(report)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(report["witnesses"][0]["changes"])
    assert "False alarms: 0." in text and "`gradient_descent mean`" in text


def test_every_construction_is_judged_or_named():
    import constructions

    known = {name: constructions.get(name).claim or name for name in constructions.names()}
    assert {n for n, id in known.items() if id in judged()} | set(not_judged()) == {*known}
    within_bounds = {"gelu_product", "akyurek2022_theorem1", "akyurek2022_theorem2"}
    assert set(not_judged()) == within_bounds | {"induction_head"}


def test_a_machine_whose_planted_error_changes_a_program_is_told_apart():
    one = trial("subleq")
    assert len(one.exact) > 300  # every program of its size
    branch, little = (
        next(m for m in mutants.weights(one.witness) if m.change == change and layer in m.where)
        for change, layer in (("dropped", "layer 9, MLP outer"), ("1e-6", "layer 6, MLP"))
    )
    assert judge(one, branch.witness).equal is False
    assert judge(one, little.witness).equal is True  # the clamp takes it off


def test_every_claim_of_a_paper_that_holds_and_has_layers_is_judged_or_said_not_to_be():
    holding = {
        label(c) for c in builtin()
        if c.expected == "holds" and paper_of(c) is not None and c.witness is not None
        and c.id not in judged()
    }  # fmt: skip
    assert holding == {*of_papers(), *left_out()} and len(of_papers()) > 40
    assert set(left_out().values()) <= {
        "it is compared in balls", "it is compared in balls, for every prompt of a box",
    }  # fmt: skip


@pytest.mark.parametrize("name", of_papers())
def test_no_mutant_of_what_a_paper_s_claim_builds_is_missed(name):
    (witness,) = sensitivity.run([name], quick=True)["witnesses"]
    assert sensitivity.missed([witness]) == []
    rows = witness["changes"].values()
    assert sum(row["false alarms"] for row in rows) == 0
    assert sum(row["exact"]["refuted"] + row["numeric"]["refuted"] for row in rows) > 0


def test_a_paper_s_claim_whose_cases_say_nothing_would_be_seen(monkeypatch):
    from verify.quality import judges

    name = "wang2024.td0"
    wrong = next(m for m in mutants.weights(trial(name).witness) if m.where == "read-out")
    assert judge(trial(name), wrong.witness).refutes["exact"]
    monkeypatch.setattr(judges, "differs", lambda *_: False)
    assert not judge(trial(name), wrong.witness).refutes["exact"]


def test_an_unknown_witness_is_refused_in_one_line():
    with pytest.raises(WrongCall, match="has no mutants"):
        trial("nothing")
