"""One report in every format: nothing is lost, nothing is rounded up."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from verify import report
from verify.claim import (
    VERDICTS,
    Approximates,
    Budget,
    CheckResult,
    Claim,
    Holds,
    IllPosed,
    Refuted,
    Undecided,
    Verdict,
)
from verify.engine import Report

DIFFERENCE = {"layer": 6, "name": "aff", "slot": "gradient", "token": 1, "is": "-1", "should": "1"}


def made(
    id: str, verdict: Verdict, expected: str = "", variant: Any = "printed", **claim: Any
) -> Report:
    passed = isinstance(verdict, Holds)
    checks = (
        CheckResult(passed, 20, 0.0, 0.0, "a detail", kind="exact", strength="exact"),
        CheckResult(None, 0, None, None, "not run", kind="kernel", strength="proved"),
        CheckResult(True, 3, None, float("inf"), "layers = k", kind="resources", strength="exact"),
    )
    stated = Claim(
        id=id, summary=f"what {id} says", expected=expected or verdict.name, variant=variant,
        checks=lambda: (), **claim,
    )  # fmt: skip
    return Report(stated, verdict, checks if passed else checks[:2], "0" * 64)


ALL = [
    made("a.holds", Holds(("exact",))),
    made("a.close", Approximates(1e-9, "falls with N")),
    made("a.wrong", Refuted({"X": [["1"]]}, DIFFERENCE), source="a, eq. 1"),
    made("a.wrong", Holds(("exact",)), variant="repaired", repair="+ -> -"),
    made("a.unfit", IllPosed("operation 14: 1 x 1 and 2 x 1")),
    made("a.open", Undecided("floats cannot decide")),
    made("own", Holds(("exact",)), variant="improved"),
]


def text(reports: list[Report], width: int) -> str:
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=width).print(report.table(reports, width))
    return out.getvalue()


def test_every_verdict_has_a_colour() -> None:
    assert set(report.COLOURS) == set(VERDICTS)


@pytest.mark.parametrize("width", [80, 130, 180])
def test_the_table_cuts_no_id_and_no_verdict(width: int) -> None:
    shown = text(ALL, width)
    for one in ALL:
        assert one.claim.id in shown and one.verdict.name in shown


def test_the_table_says_what_was_found() -> None:
    shown = " ".join(text(ALL, 180).split())
    assert "layer 6 (aff), slot gradient, token 1: is -1, should be 1" in shown
    assert "operation 14: 1 x 1 and 2 x 1" in shown
    assert "floats cannot decide" in shown
    assert "error at most 1e-09; falls with N" in shown
    assert "repair: + -> -" in shown


def test_a_verdict_that_is_not_expected_is_marked() -> None:
    shown = text([made("b", Undecided("?"), expected="holds")], 180)
    assert "! expected holds" in shown
    assert "expected" not in text([made("b", Undecided("?"))], 180)


def test_brackets_in_a_summary_are_text_and_not_markup() -> None:
    one = made("b", IllPosed("[red]W[/red] = [[1]]"))
    assert "[red]W[/red] = [[1]]" in text([one], 180)


def test_checks_that_did_not_pass_are_no_evidence() -> None:
    refuted = made("b", Refuted())
    assert report.evidence(refuted) == ()
    assert report.evidence(ALL[0]) == ("exact",)  # the kernel was not run


def test_counts_add_up() -> None:
    said = report.counts(ALL)
    assert said.startswith("7 claims: 3 hold, 1 approximates, 1 refuted, 1 ill-posed, 1 undecided")
    assert said.endswith("all as expected")
    assert report.counts([made("b", Undecided("?"), "holds")]).endswith("1 not as expected")


def test_json_is_json_even_where_numbers_are_infinite() -> None:
    data = json.loads(
        report.dumps(report.document(ALL, Budget(seed=7))),
        parse_constant=lambda name: pytest.fail(f"{name} is no JSON"),
    )
    assert data["seed"] == 7
    assert [claim["verdict"] for claim in data["claims"]] == [one.verdict.name for one in ALL]
    assert data["claims"][0]["checks"][2]["bound"] == "inf"
    assert data["claims"][2]["first_difference"] == DIFFERENCE
    assert data["numbers"] == {"exact": ["rational"]}


def test_seconds_can_be_left_out() -> None:
    data = report.document(ALL, Budget(), seconds=False)
    assert all("seconds" not in check for claim in data["claims"] for check in claim["checks"])


def test_markdown_has_one_row_per_statement_and_one_table_for_own_claims() -> None:
    lines = report.markdown(ALL).splitlines()
    wrong = [line for line in lines if "`a.wrong`" in line]
    assert len(wrong) == 1
    assert "**refuted**: first wrong in layer 6" in wrong[0]
    assert "| + -> - | **holds** |" in wrong[0] and "a, eq. 1" in wrong[0]
    own = lines[lines.index("") :]
    assert any(line.startswith("| `own` |") for line in own)
    assert not any("`a." in line for line in own)


def test_markdown_cells_stay_cells() -> None:
    one = made("b", IllPosed("a | b\nc"))
    (row,) = [line for line in report.markdown([one]).splitlines() if "`b`" in line]
    assert r"a \| b c" in row
    assert row.replace(r"\|", "").count("|") == 8
