"""Checks in floats that are made in a second process find what they would find in the first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest

from verify import beside, engine, pool
from verify.claim import Broken, Budget, Check, CheckResult, Claim, builtin
from verify.inputs.names import Chosen
from verify.report.report import Report

QUICK = Budget(quick=True)


@pytest.fixture
def as_in_the_command(monkeypatch: Any) -> None:
    """There torch is not loaded. Here it is, and these checks do not use it."""
    monkeypatch.setattr(beside, "may_fork", lambda: True)


def processes() -> list[Any]:
    return [process for process in active_children() if process.name == beside.NAME]


ONE_CLAIM = """
import sys
from dataclasses import replace
from verify import pool
from verify.claim import Budget
from verify.inputs.names import choose

(made,) = pool.reports(choose(["gradient_descent"]), Budget(quick=True), {workers})
print("torch" in sys.modules)
print(replace(made, checks=tuple(replace(check, seconds=0.0) for check in made.checks)).to_json())
"""


def test_a_report_is_the_same_and_torch_is_not_loaded_for_it() -> None:
    loaded, said = [], []
    for workers in (1, 2):
        code = ONE_CLAIM.format(workers=workers)
        made = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        first, rest = made.stdout.decode().split("\n", 1)
        loaded.append(first)
        said.append(rest)
    assert loaded == ["True", "False"]
    assert said[0] == said[1] and "'kind': 'numeric'" in said[0]


def test_no_process_is_begun_beside_threads_or_without_checks_in_floats(
    monkeypatch: Any,
) -> None:
    newton = next(claim for claim in builtin() if claim.id == "newton")
    statement = next(claim for claim in builtin() if claim.floats is None)
    for claims, workers, may in (([newton], 2, False), ([newton], 1, True), ([statement], 2, True)):
        monkeypatch.setattr(beside, "may_fork", lambda may=may: may)
        with beside.in_floats(claims, QUICK, workers) as found:
            assert not processes() and found.of_claim(0)(0) is None


def test_what_has_loaded_torch_is_not_forked() -> None:
    may = "print(beside.may_fork())"
    code = f"from verify import beside; {may}; import torch; {may}"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert made.stdout.split() == [b"True", b"False"]


def in_both(look: Any) -> Report:
    """The report of a claim with such a check in floats, and another one, made in two processes."""
    checks = [Check("exact", lambda budget: CheckResult(True, 1), "exact")]
    claim = Claim("mine.both", checks=lambda: [Check("numeric", look, "tested"), *checks])
    (made,) = pool.reports([Chosen(claim)], QUICK, 2)
    return made


def test_what_is_found_there_stands_in_its_place(as_in_the_command: None) -> None:
    here = os.getpid()
    made = in_both(lambda budget: CheckResult(True, 1, detail=str(os.getpid() - here)))
    assert [check.kind for check in made.checks] == ["numeric", "exact"]
    assert int(made.checks[0].detail) != 0


def test_what_fails_there_refutes(as_in_the_command: None) -> None:
    made = in_both(lambda budget: CheckResult(False, 1, counterexample={"x": 1}))
    assert made.verdict.name == "refuted"


def test_what_raises_there_is_broken_at_its_line(as_in_the_command: None) -> None:
    def fails(budget: Budget) -> CheckResult:
        raise ZeroDivisionError

    made = in_both(fails)
    assert isinstance(made.verdict, Broken) and made.verdict.why.startswith("ZeroDivisionError")
    assert Path(__file__).name in made.verdict.where


@pytest.mark.parametrize("fault", ["it is killed", "it cannot be sent"])
def test_what_does_not_come_from_there_is_made_here(fault: str, as_in_the_command: None) -> None:
    here = os.getpid()

    def look(budget: Budget) -> CheckResult:
        if os.getpid() == here:
            return CheckResult(True, 1, detail="made here")
        if fault == "it is killed":
            os.kill(os.getpid(), signal.SIGKILL)
        return CheckResult(False, 1, counterexample={"x": lambda: None})

    made = in_both(look)
    assert made.verdict.name == "holds" and made.checks[0].detail == "made here"


def test_what_is_found_of_another_check_is_no_evidence() -> None:
    other = CheckResult(False, 1, kind="exact", strength="exact")
    here = Check("numeric", lambda budget: CheckResult(True, 1, detail="made here"), "tested")
    made = engine.run(Claim("mine.other", checks=lambda: [here]), QUICK, elsewhere=lambda at: other)
    assert made.checks[0].detail == "made here" and made.verdict.name != "refuted"


def test_the_process_ends_with_the_run(as_in_the_command: None) -> None:
    def look(budget: Budget) -> CheckResult:
        signal.pause()
        raise AssertionError

    newton = next(claim for claim in builtin() if claim.id == "newton")
    claim = replace(newton, checks=lambda: [Check("numeric", look, "tested")])
    with beside.in_floats([claim], QUICK, 2):
        (process,) = processes()
    assert not process.is_alive()


def test_checks_in_floats_come_last_where_they_are_made_elsewhere() -> None:
    order: list[str] = []

    def of(kind: Any, strength: Any) -> Check:
        return Check(kind, lambda budget: order.append(kind) or CheckResult(True, 1), strength)

    claim = Claim("mine.order", checks=lambda: [of("numeric", "tested"), of("exact", "exact")])
    for elsewhere, wanted in (
        (None, ["numeric", "exact"]),
        (lambda at: None, ["exact", "numeric"]),
    ):
        order.clear()
        made = engine.run(claim, QUICK, elsewhere=elsewhere)
        assert order == wanted
        assert [check.kind for check in made.checks] == ["numeric", "exact"]
