"""One report in every format: nothing is lost, nothing is rounded up."""

from __future__ import annotations

import io
import json
import re
from dataclasses import asdict, replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from verify.claim import (
    VERDICTS,
    Approximates,
    Broken,
    Budget,
    CheckResult,
    Claim,
    Domain,
    Holds,
    IllPosed,
    Object,
    Refuted,
    Undecided,
    Verdict,
)
from verify.engine import with_kernel
from verify.page import report_page
from verify.report import as_json, counterexample, report, tables
from verify.report import text as words
from verify.report.report import Report, first_wrong, outcome, place

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
    expected = expected or ("holds" if isinstance(verdict, Broken) else verdict.name)
    stated = Claim(
        id=id, summary=f"what {id} says", expected=expected, variant=variant,
        checks=lambda: (), **claim,
    )  # fmt: skip
    return Report(stated, verdict, checks if passed else checks[:2], "0" * 64)


ALL = [
    made("a.holds", Holds(("exact",))),
    made("a.close", Approximates(1e-9, "falls with N", "|x| <= 1")),
    made("a.seen", Approximates(1e-9, "falls with N", strength="tested")),
    made("a.wrong", Refuted({"X": [["1"]]}, DIFFERENCE, ("exact",)), source="a, eq. 1"),
    made("a.wrong", Holds(("exact",)), variant="repaired", repair="+ -> -"),
    made("a.unfit", IllPosed("operation 14: 1 x 1 and 2 x 1")),
    made("a.open", Undecided("floats cannot decide")),
    made("a.breaks", Broken("claims.py, line 12", "ZeroDivisionError: division by zero")),
    made("own", Holds(("exact",)), variant="improved"),
]


def text(reports: list[Report], width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(words.verdicts(reports, width))
    return out.getvalue()


def test_every_verdict_has_a_colour() -> None:
    names = {kind.name for kind in Verdict.__subclasses__()}
    assert set(words.COLOURS) == names == {*VERDICTS, "broken"}


@pytest.mark.parametrize("width", [80, 130, 180])
def test_the_table_cuts_no_id_and_no_verdict(width: int) -> None:
    shown = text(ALL, width)
    for one in ALL:
        assert one.claim.id in shown and one.verdict.name in shown


def test_the_table_says_what_was_found() -> None:
    shown = " ".join(text(ALL, 180).split())
    assert "layer 6 (aff), slot gradient, token 2: is -1, should be 1" in shown
    assert "operation 14: 1 x 1 and 2 x 1" in shown
    assert "floats cannot decide" in shown
    assert "error at most 1.1e-9 for every |x| <= 1; falls with N" in shown
    assert "largest error seen 1.1e-9, on the inputs tried; falls with N" in shown
    assert "claims.py, line 12: ZeroDivisionError: division by zero" in shown
    assert "repair: + -> -" in shown


def test_a_verdict_that_is_not_expected_is_marked() -> None:
    shown = text([made("b", Undecided("?"), expected="holds")], 180)
    assert "! expected holds" in shown
    assert "expected" not in text([made("b", Undecided("?"))], 180)


def test_brackets_in_a_summary_are_text_and_not_markup() -> None:
    one = made("b", IllPosed("[red]W[/red] = [[1]]"))
    assert "[red]W[/red] = [[1]]" in text([one], 180)


def test_evidence_is_what_the_verdict_rests_on() -> None:
    found = {one.claim.id: one.evidence for one in ALL if one.claim.variant == "printed"}
    assert found == {
        "a.holds": ("exact",), "a.close": ("enclosed",), "a.seen": ("tested",),
        "a.wrong": ("exact",), "a.unfit": (), "a.open": (), "a.breaks": (),
    }  # fmt: skip


@pytest.mark.parametrize(
    "verdict", [Refuted(), IllPosed("14"), Undecided("?"), Broken("a.py, line 1", "no")]
)
def test_what_passed_elsewhere_is_no_evidence(verdict: Verdict) -> None:
    passed = CheckResult(True, 20, kind="proof", strength="derived", about=Object("w", "f"))
    one = replace(made("b", verdict), checks=(passed,))
    assert one.evidence == () and words.legend([one]) == ""
    assert "derived" not in text([one], 180) and "derived" not in text([one], 80)
    assert "derived" not in words.verdicts_in_markdown([one])
    (entry,) = report.document([one], Budget())["claims"]
    assert entry["evidence"] == []


def test_a_bound_without_a_box_is_only_seen() -> None:
    one = made("b", Approximates(1e-9, box=" ", strength="enclosed"))
    assert one.evidence == ("tested",)
    assert one.finding == "largest error seen 1.1e-9, on the inputs tried"


@given(st.floats(min_value=0, allow_infinity=False, allow_nan=False))
def test_at_most_is_never_below_the_bound(bound: float) -> None:
    assert float(report.at_most(bound)) >= bound
    assert float(report.at_most(bound)) <= 1.1 * bound + 1e-323


def test_a_bound_that_is_no_number_is_said_as_it_is() -> None:
    assert report.at_most(float("inf")) == "inf" and report.at_most(float("nan")) == "nan"
    assert report.at_most(Fraction(1249, 10**12)) == "1.3e-9"
    assert report.at_most("far") == "far"


def test_a_wrong_annotation_is_a_note_and_no_evidence() -> None:
    wrong = CheckResult(False, 3, detail="slot S is not X.T*X", kind="annotations")
    one = replace(made("b", Holds(("exact",))), checks=(wrong,))
    for width in (80, 180):
        assert "note: slot S is not X^T·X" in text([one], width)
    assert "note: slot S is not X^T·X" in words.verdicts_in_markdown([one])
    assert report.document([one], Budget())["claims"][0]["faults"] == ["slot S is not X^T·X"]


@pytest.mark.parametrize(
    ("programmed", "printed"),
    [
        ("-q1_1*x1_1*y1/(x1_1**2 + 1)", "-q_(1,1)·x_(1,1)·y1/(x_(1,1)^2 + 1)"),
        ("(T - T*C2*T.T/2)*x2, w1.T*x_t", "(T - T·C2·T^T/2)·x2, w1^T·x_t"),
        ("skip = False, stays = True", "skip = no, stays = yes"),
        ("True", "yes"),
        ("w* ~ N(0, I), E[error * feature], x_*, x_2, mine.T", None),  # nothing of a program
        ("`4*d**2` in `X.T`", None),  # code
    ],
)
def test_formulas_are_said_as_they_are_printed(programmed: str, printed: str | None) -> None:
    assert tables.in_print(programmed) == (printed or programmed)
    assert tables.in_print(printed or programmed) == (printed or programmed)


def test_what_is_found_is_said_in_print_and_what_code_says_as_it_is() -> None:
    failed = CheckResult(False, 1, detail="is y1/(x1_1**2 + 1)", kind="proof")
    refuted = replace(made("b", Refuted({"ratio": "a*b**2"}, None, ("exact",))), checks=(failed,))
    said = "is y1/(x_(1,1)^2 + 1)"
    assert refuted.finding == report.entry(refuted)["finding"] == said
    assert report.entry(refuted)["checks"][0]["detail"] == said
    assert "ratio = a·b^2" in "".join(counterexample.lines({"ratio": "a*b**2"}))
    broken = made("b", Broken("claim.py:3", "unsupported operand: a*b"))
    assert broken.finding == "claim.py:3: unsupported operand: a*b"


def test_a_closer_look_names_the_domain_and_the_box() -> None:
    check = CheckResult(
        True, 20, 0.0, 1e-9, "a detail", kind="enclosure", strength="enclosed",
        box="|h| <= 1", domain="d = 1 to 4",
    )  # fmt: skip
    one = replace(made("b", Approximates(1e-9, box="|h| <= 1")), checks=(check,))
    shown = io.StringIO()
    Console(file=shown, width=120).print(words.checks(one))
    assert "drawn: d = 1 to 4" in shown.getvalue() and "for every |h| <= 1" in shown.getvalue()
    (entry,) = report.document([one], Budget())["claims"]
    assert (entry["box"], entry["checks"][0]["box"]) == ("|h| <= 1", "|h| <= 1")
    assert entry["checks"][0]["domain"] == "d = 1 to 4"


def test_the_domain_of_a_claim_is_in_the_report() -> None:
    stated = Claim(
        id="b", witness=lambda: None, algorithm=lambda: None, cases=lambda: None,
        domain=Domain("every y > 0", lambda case: True),
    )  # fmt: skip
    one = Report(stated, Holds(("exact",)), ())
    assert one.domain == "every y > 0"
    assert report.document([one], Budget())["claims"][0]["domain"] == "every y > 0"


def test_no_word_for_evidence_says_more_than_its_checks() -> None:
    assert "as far as the check says" in report.STRENGTHS["proved"]
    assert "as far as the check says" in report.STRENGTHS["derived"]
    assert not any("dimension" in said for said in report.STRENGTHS.values())
    assert all("tried" in report.STRENGTHS[name] for name in ("exact", "tested"))


def test_counts_add_up() -> None:
    said = words.counts(ALL)
    assert said.startswith(
        "9 claims: 3 hold, 2 approximate, 1 refuted, 1 ill-posed, 1 undecided, 1 broken"
    )
    assert said.endswith("1 not as expected")
    assert words.counts(ALL[:1]).endswith("all as expected")
    assert words.counts([made("b", Undecided("?"), "holds")]).endswith("1 not as expected")


def test_json_is_json_even_where_numbers_are_infinite() -> None:
    data = json.loads(
        as_json.dumps(report.document(ALL, Budget(seed=7))),
        parse_constant=lambda name: pytest.fail(f"{name} is no JSON"),
    )
    assert data["seed"] == 7
    assert [claim["verdict"] for claim in data["claims"]] == [one.verdict.name for one in ALL]
    assert data["claims"][0]["checks"][2]["bound"] == "inf"
    assert data["claims"][3]["first_difference"] == DIFFERENCE
    assert data["claims"][-2]["where"] == "claims.py, line 12"
    assert data["numbers"] == {"exact": ["rational"]}


def test_the_digest_is_of_the_whole_document_however_it_is_laid_out() -> None:
    data = json.loads(as_json.dumps(report.document(ALL, Budget(seed=7))))
    assert data["sha256"] == as_json.sha256(data)
    assert data["sha256"] == as_json.sha256(dict(reversed(data.items())))
    for name in data.keys() - {"sha256"}:
        assert as_json.sha256(data | {name: "another"}) != data["sha256"], name


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.fractions(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    )
)
def test_what_is_plain_is_what_json_gives_back(value: Any) -> None:
    made = as_json.plain(value)
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert json.loads(as_json.dumps(value).encode("utf-8")) == made


def test_a_file_is_said_of_the_claim_that_is_from_it_alone() -> None:
    mine = report.UserFile("claims.py", "0" * 64)
    twice = [ALL[0], ALL[0]]  # a user's claim may have the name of a built-in one
    first, second = report.document(twice, Budget(), files=[None, mine])["claims"]
    assert "file" not in first and "file_sha256" not in first
    assert (second["file"], second["file_sha256"]) == ("claims.py", "0" * 64)


def test_seconds_can_be_left_out() -> None:
    data = report.document(ALL, Budget(), seconds=False)
    assert all("seconds" not in check for claim in data["claims"] for check in claim["checks"])


def test_markdown_has_one_row_per_statement_and_one_table_for_own_claims() -> None:
    lines = words.verdicts_in_markdown(ALL).splitlines()
    wrong = [line for line in lines if "`a.wrong`" in line]
    assert len(wrong) == 1
    assert "**refuted**: first wrong in layer 6" in wrong[0]
    assert "| + -> - | **holds** |" in wrong[0] and "a, eq. 1" in wrong[0]
    own = lines[lines.index("") :]
    assert any(line.startswith("| `own` |") for line in own)
    assert not any("`a." in line for line in own)


def test_two_claims_of_one_name_are_two_rows() -> None:
    lines = words.verdicts_in_markdown([ALL[0], made("a.holds", Undecided("?"))]).splitlines()
    assert sum("`a.holds`" in line for line in lines) == 2


def test_the_kernel_does_not_mend_what_is_broken() -> None:
    broken = next(one for one in ALL if isinstance(one.verdict, Broken))
    (again,) = with_kernel([broken])
    assert again.verdict == broken.verdict


def test_markdown_cells_stay_cells() -> None:
    one = made("b", IllPosed("a | b\nc"))
    (row,) = [line for line in words.verdicts_in_markdown([one]).splitlines() if "`b`" in line]
    assert r"a \| b c" in row
    assert row.replace(r"\|", "").count("|") == 8


@pytest.mark.parametrize(
    ("slot", "token", "said"),
    [
        ("gradient", 0, "slot gradient, token 1"),
        ("gradient[1]", 2, "slot gradient, entry 2, token 3"),
        ("rows 5, 6", 1, "slot rows 5, 6, token 2"),
        ("w", "the query", "slot w, token the query"),
    ],
)
def test_slots_entries_and_tokens_are_counted_from_one_in_words(slot, token, said) -> None:
    """And in data as code counts them, from zero."""
    difference = {"layer": 1, "slot": slot, "token": token, "is": "1", "should": "2"}
    assert place(difference) == said
    assert first_wrong(difference) == f"first wrong in layer 1, {said}: is 1, should be 2"
    html = re.sub(r"<[^>]+>", "", report_page.counterexample_html(None, difference))
    there = said.replace(", token", " of token")
    assert html.startswith(f"The first difference is after layer 1, in {there}: it holds 1")


@pytest.mark.parametrize(
    ("kind", "passed", "said"),
    [
        ("exact", True, "passed"),
        ("exact", False, "failed"),
        ("exact", None, "undecided"),
        ("proof", True, "passed"),
        ("proof", False, "not proved"),
        ("kernel", False, "not proved"),
        ("kernel", None, "undecided"),
    ],
)
def test_what_is_not_proved_has_not_failed(kind, passed, said) -> None:
    check = CheckResult(passed, 1, kind=kind, strength="exact")
    assert outcome(kind, passed) == said
    assert f">{said}</td>" in report_page.checks_table([asdict(check)])
