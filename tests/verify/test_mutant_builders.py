"""Builders that are wrong for some parameters: each check notices what it claims to cover."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy

from verify.checks import equal, proof
from verify.checks.coq import bearing, kernel
from verify.claim import CheckResult
from verify.quality import builders, judges, sensitivity
from verify.quality.builders import IN_COQ, Fault, faults, read_out_doubled
from verify.quality.judges import THEOREMS, judge_builder, judge_in_coq, sizes_named, unwritten
from verify.quality.trials import trial

needs_coq = pytest.mark.skipif(kernel.available() is None, reason=kernel.why_not() or "Coq is here")


@pytest.fixture(scope="module")
def newton() -> Any:
    return trial("newton").claim


def fault(claim: Any, where: str) -> Fault:
    return next(one for one in faults(claim) if one.where.startswith(where))


@pytest.mark.parametrize(
    "where",
    [
        "d >= 3", "d >= 6", "d = 6", "iterations >= 2", "iterations >= 7", "alpha >= ", "alpha > ",
        "attention = relu", "prompt = joint", "every parameter is a number",
        "some parameter is a letter",
    ],
)  # fmt: skip
def test_a_fault_is_there_where_its_words_say(newton, where):
    one = fault(newton, where)
    build = one.built(newton.witness)
    wrong = right = 0
    for d in (2, 3, 6, 7):
        for iterations in (1, 2, 7):
            for alpha in (Fraction(1, 16), Fraction(100), sympy.Symbol("alpha")):
                for words in (("linear", "joint"), ("relu", "interleaved")):
                    given = {
                        "d": d, "iterations": iterations, "alpha": alpha,
                        "attention": words[0], "prompt": words[1],
                    }  # fmt: skip
                    changed = build(**given).digest != newton.witness(**given).digest
                    assert changed == one.wrong(given)
                    wrong, right = wrong + changed, right + (not changed)
    assert wrong and right


@pytest.mark.parametrize("change", builders.CHANGES.values())
@pytest.mark.parametrize(
    "name", ["newton", "newton relu", "gradient_descent", "sherman_morrison tokens", "momentum"]
)
def test_every_change_of_a_builder_is_wrong_on_prompts(name, change):
    one = trial(name)
    case = one.exact[0]
    right, wrong = (
        w.predict(case.X, case.y, case.queries, "rational")
        for w in (one.witness, change(one.witness))
    )
    assert list(right) != list(wrong)


def test_exact_and_proof_miss_nothing_that_they_cover(newton):
    for one in list(faults(newton))[::2]:
        said = judge_builder(newton, one)
        for kind in ("exact", "proof"):
            assert said.refutes[kind] or kind in said.outside, (one.where, said.why)


def test_what_is_wrong_for_small_sizes_is_noticed_by_both(newton):
    said = judge_builder(newton, fault(newton, "d >= 3"))
    assert said.refutes["exact"] and said.refutes["proof"]


def test_a_dimension_that_is_not_drawn_is_outside_of_exact_and_noticed_by_proof(newton):
    said = judge_builder(newton, fault(newton, "d >= 6"))
    assert said.refutes["exact"] is False and "exact" in said.outside
    assert said.refutes["proof"] is True
    assert "d = 1 to 4" in said.why["exact"]


def test_a_number_of_steps_that_is_not_named_is_outside_of_proof(newton):
    said = judge_builder(newton, fault(newton, "iterations >= 7"))
    assert said.refutes["proof"] is False and "proof" in said.outside
    assert max(sizes_named(said.why["proof"])["iterations"]) < 7


def test_letters_and_numbers_are_told_apart(newton):
    letters = judge_builder(newton, fault(newton, "some parameter is a letter"))
    assert letters.refutes["exact"] is False and "exact" in letters.outside
    assert letters.refutes["proof"] is True
    numbers = judge_builder(newton, fault(newton, "every parameter is a number"))
    assert numbers.refutes["exact"] is True and numbers.refutes["proof"] is True


def test_a_proof_that_builds_at_one_dimension_only_is_seen_to_miss(newton, monkeypatch):
    monkeypatch.setattr(proof, "shape_free", lambda *_: {})
    said = judge_builder(newton, fault(newton, "d >= 6"))
    assert said.refutes["proof"] is False and "proof" not in said.outside


def test_a_proof_that_runs_no_case_is_seen_to_miss(newton, monkeypatch):
    monkeypatch.setattr(proof, "_covered", lambda *_: None)
    said = judge_builder(newton, fault(newton, "every parameter is a number"))
    assert said.refutes["proof"] is False and "proof" not in said.outside


def test_an_exact_check_that_sees_nothing_is_seen_to_miss(newton, monkeypatch):
    monkeypatch.setattr(equal, "compare", lambda claim, case: np.array([Fraction(0), Fraction(1)]))
    said = judge_builder(newton, fault(newton, "d >= 3"))
    assert said.refutes["exact"] is False and "exact" not in said.outside


def test_theorems_that_do_not_look_at_the_builder_are_seen_to_miss(newton, monkeypatch):
    real = bearing.of(newton)
    monkeypatch.setattr(bearing, "of", lambda claim: real)
    said = judge_builder(newton, fault(newton, "attention = relu"))
    assert said.refutes["kernel"] is False and "kernel" not in said.outside


def test_a_check_that_says_nothing_of_the_right_builder_notices_nothing(newton, monkeypatch):
    monkeypatch.setattr(judges, "_of_right_builders", {})
    monkeypatch.setattr(proof, "run", lambda *_: CheckResult(None, detail="cannot say"))
    said = judge_builder(newton, fault(newton, "d >= 3"))
    assert said.refutes["proof"] is None and "cannot say" in said.why["proof"]


@pytest.mark.parametrize(
    "text, sizes",
    [
        ("iterations = 0 to 4, d = 1 to 24, any alpha", {"iterations": 5, "d": 24}),
        ("steps = 0, 2, 3, 4, d = 1 to 24; each of 60 cases", {"steps": 4, "d": 24}),
        ("examples = 3; weights written at d = 2 to 12, where", {"examples": 1, "d": 11}),
        ("proved for every n, d", {}),
    ],
)
def test_sizes_are_read_from_the_words_of_a_result(text, sizes):
    assert {name: len(found) for name, found in sizes_named(text).items()} == sizes


# -- written in Coq -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", THEOREMS)
def test_a_builder_that_is_another_one_from_six_on_is_not_written_down(name):
    late = next(one for one in IN_COQ if "d >= 6" in one.where)
    assert "d = 6" in unwritten(name, late)


@pytest.mark.parametrize("name", THEOREMS)
def test_the_right_builder_is_written_down(name):
    assert unwritten(name, Fault("none", lambda p: False, read_out_doubled)) is None


@pytest.mark.parametrize("name", THEOREMS)
@pytest.mark.parametrize("one", IN_COQ, ids=lambda one: one.where)
def test_every_wrong_builder_is_unwritten_or_another_text(name, one):
    import constructions
    from verify.checks.coq.weights import weights_files

    text, problems = weights_files({name: one.built(constructions.get(name))})
    assert problems or text != weights_files()[0]


@needs_coq
def test_the_kernel_leaves_a_wrong_coefficient_unproved():
    said = judge_in_coq("newton", IN_COQ[0])
    assert said.refutes["kernel"] is True and "Newton.v" in said.why["kernel"]


def test_without_coq_the_kernel_says_nothing(monkeypatch):
    monkeypatch.setattr(kernel, "why_not", lambda: "not run: coqc not found")
    assert judge_in_coq("newton", IN_COQ[0]).refutes["kernel"] is None


def test_a_theorem_that_is_proved_of_a_wrong_builder_is_missed(monkeypatch):
    proved = kernel.Result(kernel.theorems()[0], "proved", True, True)
    monkeypatch.setattr(kernel, "why_not", lambda: "")
    monkeypatch.setattr(kernel, "run", lambda *_, **__: (proved,))
    one = trial("newton")
    witness = sensitivity.counted(
        one, [(sensitivity.IN_COQ, "", judge_in_coq("newton", IN_COQ[0]))]
    )
    (miss,) = sensitivity.missed([witness])
    assert miss["kind"] == "kernel" and miss["change"] == "written in Coq"


def test_running_out_of_time_is_no_refutation(monkeypatch):
    late = kernel.Result(kernel.theorems()[0], "failed", log="Newton.v: out of time")
    monkeypatch.setattr(kernel, "why_not", lambda: "")
    monkeypatch.setattr(kernel, "run", lambda *_, **__: (late,))
    assert judge_in_coq("newton", IN_COQ[0]).refutes["kernel"] is None
