"""The index: papers found by looking, a line for each, and a table that is sorted and filtered."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import browser as driver
import pytest

from verify import Claim, claim_texts, kept, pool
from verify import page as explain
from verify.claim import builtin
from verify.command.cli import main
from verify.inputs import browser
from verify.page import pages
from verify.page.report_page import counterexample_html, report_page
from verify.page.site import folder as site
from verify.page.site import index_table
from verify.papers import Paper, paper_of, without_paper
from verify.report import index

claims = importlib.import_module("verify.claim")  # `verify.claim` is the decorator
TOY = Paper("toy2026", title="Toys", authors="A. Toy, B. Toy", arxiv="2601.00001", version=2)


# -- papers and their claims, read off the files --------------------------------------------------


def test_what_the_files_say_is_what_the_loaded_claims_are() -> None:
    loaded = [
        {name: getattr(claim, name) for name in claim_texts.SAID} | {"paper": paper.to_json()}
        for claim in builtin()
        if (paper := paper_of(claim)) is not None
    ]
    assert claim_texts.claims_of_papers() == loaded
    known = {paper for claim in builtin() if (paper := paper_of(claim)) is not None}
    assert set(claim_texts.papers().values()) == known


def test_a_claim_is_among_those_that_are_loaded_for_its_id() -> None:
    every = builtin()
    for claim in every:
        assert claim in builtin(claim.id), claim.id
    assert len(builtin("newton")) < len(every)
    for paper in claim_texts.papers():  # and no claim of another paper
        assert {one.id.partition(".")[0] for one in builtin(f"{paper}.any")} == {paper}


def test_every_claim_of_a_paper_stands_with_its_paper_and_cites_it() -> None:
    assert without_paper(builtin()) == [], "\n".join(without_paper(builtin()))


def stands_in(paper: Paper | None, **fields: Any) -> Claim:
    """A claim of a file in which PAPER is this."""
    there: dict[str, Any] = {"PAPER": paper, "Claim": Claim, "fields": fields}
    exec("made = Claim(checks=lambda: (), **fields)", there)
    made = there["made"]
    assert isinstance(made, Claim)
    return made


@pytest.mark.parametrize(
    ("paper", "fields", "said"),
    [
        (TOY, {"id": "toy2026.lemma1", "source": "toy2026, lemma 1"}, ""),
        (None, {"id": "sort", "variant": "improved", "source": "witness"}, ""),
        (None, {"id": "toy2026.lemma1", "source": "toy2026, lemma 1"}, 'PAPER = Paper("toy2026"'),
        (TOY, {"id": "game2026.lemma1", "source": "toy2026, 1"}, 'PAPER = Paper("game2026"'),
        (None, {"id": "toy2026.a", "variant": "repaired"}, 'PAPER = Paper("toy2026"'),
        (TOY, {"id": "toy2026.lemma1"}, "toy2026.lemma1 says its source otherwise"),
        (TOY, {"id": "toy2026.b", "source": "toy2026, arXiv:2601.00001, 1"}, "otherwise"),
        (TOY, {"id": "toy2026.lemma1", "source": "toys, 1"}, 'write source=f"{PAPER}, theorem'),
        ("toy2026", {"id": "toy2026.a", "source": "toy2026, 1"}, 'PAPER = Paper("toy2026"'),
    ],
)
def test_a_claim_without_its_paper_is_told_what_to_write(paper, fields, said) -> None:
    lines = without_paper([stands_in(paper, **fields)])
    assert bool(lines) == bool(said)
    assert all(said in line and "\n" not in line for line in lines)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "toy.2026"}, "before the dot"),
        ({"title": " "}, "title is text"),
        ({"authors": ("A. Toy",)}, "authors is text"),
        ({"arxiv": "2601.00001v2"}, "the version stands apart"),
        ({"version": 0}, "version is a whole number"),
        ({"version": True}, "version is a whole number"),
        ({"year": 2026}, "no fields"),
    ],
)
def test_what_is_no_paper_is_refused(changed, message) -> None:
    with pytest.raises(ValueError, match=message):
        Paper.from_json(TOY.to_json() | changed)
    assert Paper.from_json(TOY.to_json()) == TOY


TOYS = '''
"""toy2026, in a file of its own."""

from verify.checks.statements import formula
from verify.claim import claim, repair
from verify.papers import Paper

PAPER = Paper("toy2026", title="Toys", authors="A. Toy, B. Toy", arxiv="2601.00001", version=2)
WHERE = f"{PAPER}, lemma"
GIVEN = {"expected": "refuted", "source": WHERE + " 1"}


@claim("toy2026.lemma1", statement="1 = 2", reading="of two for one", **GIVEN)
def lemma1():
    """One is two."""
    return ()


@repair("toy2026.lemma1", by="1 for 2")
def lemma1_repaired():
    return ()
'''
LOOP = """

for number in (2, 3):
    claim(f"toy2026.lemma{number}", source=f"{WHERE} {number}", summary="again")(lambda: ())
"""


@pytest.mark.parametrize("more", ["", LOOP])
def test_a_paper_is_found_by_its_file_alone_and_loaded_where_it_is_not_plain(
    more, tmp_path, monkeypatch, capsys
) -> None:
    from verify import claims as package

    builtin()
    monkeypatch.setattr(claims, "_registry", dict(claims._registry))
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "verify.claims.toy2026", raising=False)
    claim_texts._loaded.cache_clear()
    (tmp_path / "toy2026.py").write_text(TOYS + more)
    try:
        assert claim_texts.papers()["toy2026"] == TOY
        found = [one for one in claim_texts.claims_of_papers() if one["paper"] == TOY.to_json()]
        assert main(("list", "--papers")) == 0
        said = capsys.readouterr().out
        assert ("verify.claims.toy2026" in sys.modules) == bool(more)
    finally:
        sys.modules.pop("verify.claims.toy2026", None)
    first = {"id": "toy2026.lemma1", "source": "toy2026, lemma 1", "summary": "One is two."}
    read = {"reading": "of two for one"}
    printed = first | read | {"variant": "printed", "expected": "refuted", "repair": ""}
    repaired = first | {"variant": "repaired", "reading": "", "expected": "holds"}
    repaired |= {"repair": "1 for 2"}
    assert found[:2] == [one | {"paper": TOY.to_json()} for one in (printed, repaired)]
    assert [one["id"] for one in found[2:]] == ["toy2026.lemma2", "toy2026.lemma3"] * bool(more)
    counted = ("2 statements, 2 hold; " if more else "") + "1 reading, 1 refuted (1 repaired)"
    assert f"toy2026 · arXiv:2601.00001v2: {counted}\n    Toys\n    A. Toy" in said


# -- the list -------------------------------------------------------------------------------------


def test_the_list_of_papers_has_a_line_for_each_and_the_statements_as_data(capsys) -> None:
    assert main(("list", "--papers")) == 0
    text = capsys.readouterr().out
    assert main(("list", "--papers", "--json")) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["schema"] == "witness-list/1"
    assert {one["name"] for one in made["papers"]} == claim_texts.papers().keys()
    by_id = {claim.key: claim for claim in builtin()}
    for one in made["papers"]:
        assert one["line"].startswith(f"{one['name']} · arXiv:{one['arxiv']}")
        assert f"{one['line']}\n    {one['title']}\n    {one['authors']}\n" in text
        for row in one["statements"]:
            for variant in ("printed", "repaired"):
                claim = by_id.get((row["id"], variant))
                assert row[variant] == (claim.expected if claim else None)
                assert variant == "printed" or row["repair"] == (claim.repair if claim else None)
            claim = by_id.get((row["id"], "printed"))
            assert row["reading"] == ((claim.reading if claim else "") or None)
    assert "Verdicts are those that the claims expect" in text


def test_the_list_takes_papers_or_claims(capsys) -> None:
    assert main(("list", "--papers", "--claims")) == 2
    assert "--papers or --claims, not both" in capsys.readouterr().err


def test_the_list_of_papers_loads_nothing_heavy() -> None:
    heavy = ("numpy", "sympy", "torch", "hypothesis", "flint")
    code = (
        "import sys; from verify.command.cli import main; main(['list', '--papers']);"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


# -- the line -------------------------------------------------------------------------------------


def entry(id: str, verdict: str, variant: str = "printed", run: bool = True, **more) -> dict:
    """What a report says of a claim; without `run` of one that was not run."""
    found = {"verdict": verdict} if run else {}
    known = {"checks": [], "evidence": [], "statement": "", "summary": "", "source": ""}
    return {"id": id, "variant": variant, "expected": verdict, **known, **found, **more}


ENTRIES = [
    entry("toy2026.a", "holds", evidence=["derived", "exact"], href="a.html"),
    entry("toy2026.b", "refuted", finding="seen at d = 1", evidence=["exact"]),
    entry("toy2026.b", "approximates", "repaired", repair="a sign", evidence=["enclosed"]),
    entry("toy2026.c", "refuted"),
    entry("toy2026.d", "ill-posed", expected="holds"),
    entry("toy2026.d", "refuted", "repaired", repair="not enough"),
    entry("toy2026.e", "holds", "repaired"),
    entry("game2026.a", "refuted", paper=TOY.to_json() | {"name": "game2026"}),
    entry("sort", "holds", "improved", source="witness"),
]
READ = [
    entry("read2026.a", "holds", source="read2026, lemma 1", href="a.html"),
    entry("read2026.b", "refuted", source="read2026, lemma 1, read of no x", reading="of no x"),
    entry("read2026.b", "holds", "repaired", source="read2026, lemma 1", repair="one x"),
]


def test_a_line_counts_what_is_printed_and_of_what_fails_the_repairs_that_stand() -> None:
    by_paper = index.by_paper(index.statements(ENTRIES))
    assert list(by_paper) == ["toy2026", "game2026"]
    line = "4 statements, 1 holds, 2 refuted (1 repaired), 1 ill-posed; 1 more not in print"
    assert index.line("toy2026", by_paper["toy2026"]) == f"toy2026: {line}"
    assert (
        index.line("toy2026", by_paper["toy2026"], TOY) == f"toy2026 · arXiv:2601.00001v2: {line}"
    )
    assert index.not_run(by_paper["toy2026"]) == ""


def test_readings_are_counted_apart_from_what_is_printed() -> None:
    rows = index.statements(READ)
    assert index.counts(rows) == "1 statement, 1 holds; 1 reading, 1 refuted (1 repaired)"
    assert index.counts(rows[1:]) == "1 reading, 1 refuted (1 repaired)"
    stated = [one | {"reading": ""} for one in READ]
    assert index.counts(index.statements(stated)) == "2 statements, 1 holds, 1 refuted (1 repaired)"
    printed, read = rows
    assert index.as_printed(rows) == [printed] and index.readings(rows) == [read]


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("read2026, lemma 1, read of no x", "lemma 1"),  # the reading is said beside it
        ("read2026, lemma 1, of no x", "lemma 1"),
        ("read2026, lemma 1", "lemma 1"),
    ],
)
def test_a_reading_is_said_once(source, place) -> None:
    read = entry("read2026.b", "refuted", source=source, reading="of no x", href="b.html")
    (row,) = index.statements([read])
    assert row.place == place
    html = index_table.statements_index([read])
    assert f"{place}, <b>read</b> of no x</small>" in html and html.count("of no x") == 1
    assert "<small>as read</small>" in html and 'data-kind="reading"' in html


def test_what_was_not_run_is_said_to_be_expected() -> None:
    entries = [
        entry("t.a", "holds", run=False),
        entry("t.b", "refuted"),
        entry("t.b", "holds", "repaired", run=False),
    ]
    assert index.not_run(index.statements(entries)) == "1 statement and 1 repair expected, not run"
    assert index.not_run(index.statements(entries[:1])) == "expected, not run"
    assert (
        index.counts(index.statements(entries)) == "2 statements, 1 holds, 1 refuted (1 repaired)"
    )


def test_a_file_s_claim_named_like_another_stays_its_own_row() -> None:
    twice = [*ENTRIES[:1], entry("toy2026.a", "refuted", file="mine.py")]
    assert [row.said["expected"] for row in index.statements(twice)] == ["holds", "refuted"]


# -- counterexamples ------------------------------------------------------------------------------


def test_a_counterexample_of_many_numbers_is_folded_away() -> None:
    few, many = [[1, 2], [3, 4]], [["1/2"] * 20] * 50
    shown, folded = counterexample_html({"X": few, "queries": many}, None).split("<details>")
    assert "<td>3</td><td>4</td>" in shown and "…" in shown
    assert 0 < shown.count("1/2") < 100 and folded.count("1/2") == 1000
    assert "<details>" not in counterexample_html({"X": few, "queries": few}, None)


# -- pages ----------------------------------------------------------------------------------------

CALLED = {"seed": 0, "versions": {"numpy": "2.0"}}


def document(entries: list[dict]) -> dict[str, Any]:
    unknown = dict.fromkeys(("counterexample", "first_difference", "digest"))
    return CALLED | {"claims": [unknown | one for one in entries]}


def test_a_verdict_that_is_not_expected_is_marked_and_text_stays_text() -> None:
    html = report_page(document([*ENTRIES, entry("toy2026.<i>", "holds", summary="<b>bold</b>")]))
    assert '<strong class="verdict-ill-posed">ill-posed</strong>, <b>expected holds</b>' in html
    assert "toy2026.&lt;i&gt;" in html and "&lt;b&gt;bold" in html and "<b>bold" not in html
    assert "not run" not in html


def test_the_folder_has_a_page_for_every_statement_and_takes_verdicts_from_a_report(
    tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(site.constructions, "names", lambda: ())
    ids = ("fu2023.eq38", "fu2023.eq40", "vonoswald2022.prop1")
    monkeypatch.setattr(site, "statements", lambda: ids)
    monkeypatch.setattr(pool, "load_ahead", lambda modules: None)
    report = tmp_path / "report.json"
    call = ("check", "fu2023.eq38", "fu2023.eq40", "--quick", "--workers", "1")
    assert main((*call, "--json", str(report))) == 0
    fu = claim_texts.papers()["fu2023"].to_json()
    assert [one["paper"] for one in json.loads(report.read_text())["claims"]] == [fu] * 3
    folder = tmp_path / "pages"
    monkeypatch.setattr(pages, "found", lambda claim: pytest.fail(f"{claim.id} was run again"))
    assert main(("explain", "--all", "-o", str(folder), "--report", str(report))) == 0
    pages_of_claims = {path.stem for path in folder.iterdir()} & {
        one["id"] for one in claim_texts.claims_of_papers()
    }
    assert pages_of_claims == set(ids) and (folder / "story.html").exists()
    html = (folder / "index.html").read_text()
    assert "<code>witness explain --all -o site --report report.json</code>" in html
    assert html.count("expected, not run") == 2  # in the line of vonoswald2022, and in its row
    assert "expected, not run" not in (folder / "fu2023.eq40.html").read_text()
    own = (folder / "vonoswald2022.prop1.html").read_text()
    assert "expected, not run" in own and "witness check vonoswald2022.prop1" in own
    assert "Johannes von Oswald" in own and "arXiv:2212.07677" in own
    capsys.readouterr()
    report.write_text("{}")
    assert main(("explain", "--all", "-o", str(folder), "--report", str(report))) == 2
    assert main(("explain", "newton", "-o", str(report), "--report", str(report))) == 2
    assert "--report is for --all" in capsys.readouterr().err


# -- in a browser ---------------------------------------------------------------------------------

needs_browser = pytest.mark.skipif(driver.find() is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("index") / "report.html"
    path.write_text(report_page(document(ENTRIES)), encoding="utf-8")
    return path


def shown(browser: driver.Browser) -> list[str]:
    """Ids of the rows that are seen, from above."""
    return browser.js(
        "[...document.querySelectorAll('table.index tbody tr')]"
        ".filter((row) => row.getBoundingClientRect().height > 0)"
        ".map((row) => row.querySelector('a').textContent)"
    )


IDS = ["toy2026.a", "toy2026.b", "toy2026.c", "toy2026.d", "toy2026.e", "game2026.a", "sort"]


@needs_browser
def test_a_click_on_a_head_sorts_and_another_turns_the_order_round(browser, page) -> None:
    browser.open(page)
    assert shown(browser) == IDS

    def order(column: int) -> tuple[list[str], list[str]]:
        browser.click(f"table.index th:nth-child({column}) button")
        sorts = browser.js(
            "[...document.querySelectorAll('table.index th')].map((h) => h.ariaSort)"
        )
        return shown(browser), sorts

    by_verdict = ["toy2026.a", "toy2026.b", "toy2026.c", "game2026.a", "toy2026.d", "toy2026.e",
                  "sort"]  # fmt: skip
    none = ["none"] * 5
    assert order(3) == (by_verdict, [*none[:2], "ascending", *none[3:]])
    turned, sorts = order(3)
    assert sorts[2] == "descending"
    assert turned == ["toy2026.e", "sort", "toy2026.d", "toy2026.b", "toy2026.c", "game2026.a",
                      "toy2026.a"]  # fmt: skip
    assert order(2) == (sorted(IDS), ["none", "ascending", *none[2:]])
    assert order(4)[0][:2] == ["toy2026.a", "toy2026.b"]  # derived before exact before nothing
    assert order(5)[0][:3] == ["toy2026.e", "toy2026.b", "toy2026.d"]  # the best repairs first
    assert browser.errors == []


@needs_browser
def test_text_and_verdict_filter_the_rows_and_their_number_is_said(browser, page) -> None:
    browser.open(page)

    def with_(text: str, verdict: str = "") -> tuple[list[str], str]:
        browser.type("form.filters input", text)
        browser.type("form.filters select", verdict)
        return shown(browser), browser.js("document.querySelector('form.filters output').value")

    assert with_("") == (IDS, "7 of 7 statements")
    assert with_("", "refuted") == (["toy2026.b", "toy2026.c", "game2026.a"], "3 of 7 statements")
    assert with_("GAME", "refuted") == (["game2026.a"], "1 of 7 statements")
    assert with_("sign a")[0] == ["toy2026.b"]  # of the repair, in any order
    assert with_("nowhere") == ([], "0 of 7 statements")
    assert with_("")[0] == IDS
    options = browser.js("[...document.querySelector('form.filters select').options].length")
    assert options == 4  # any, and those that occur
    browser.click('[data-paper="game2026"] button')
    assert shown(browser) == ["game2026.a"]
    browser.click('[data-paper="game2026"] button')
    assert shown(browser) == IDS


@needs_browser
def test_readings_are_shown_apart_where_there_are_some(browser, page, tmp_path) -> None:
    browser.open(page)
    assert browser.js("document.querySelector('form.filters [name=kind]')") is None
    path = tmp_path / "report.html"
    path.write_text(report_page(document([*ENTRIES, *READ])), encoding="utf-8")
    browser.open(path)

    def of(kind: str) -> tuple[list[str], str]:
        browser.type("form.filters [name=kind]", kind)
        return shown(browser), browser.js("document.querySelector('form.filters output').value")

    said = "of 9 statements and readings"
    assert of("reading") == (["read2026.b"], f"1 {said}")
    printed = [*IDS[:4], "game2026.a", "read2026.a"]  # what no paper prints is neither
    assert of("statement") == (printed, f"6 {said}")
    assert of("") == ([*IDS, "read2026.a", "read2026.b"], f"9 {said}")
    assert browser.errors == []


@needs_browser
def test_everything_is_reached_and_done_by_keys(browser, page) -> None:
    browser.open(page)
    browser.js("document.querySelector('form.filters input').focus()")
    reached = []
    for _ in range(9):
        browser.key("Tab")
        reached.append(
            browser.js("document.activeElement.textContent || document.activeElement.name")
        )
    assert reached[1:7] == ["Paper", "Statement", "As printed", "Evidence", "Repair", "toy2026.a"]
    browser.js("document.querySelector('table.index th:nth-child(2) button').focus()")
    browser.key("Enter")
    assert shown(browser) == sorted(IDS)


@needs_browser
def test_a_row_opens_to_its_evidence_on_the_page(browser, page) -> None:
    browser.open(page)
    browser.click("table.index tbody tr:nth-child(3) a")
    browser.wait("location.hash === '#claim-3'")
    opened = browser.js(
        "[...document.querySelectorAll('.verdicts details[open] .id')].map((e) => e.textContent)"
    )
    assert opened == ["toy2026.c"]
    assert all(url.startswith(("file:", "data:")) for url in browser.requests)


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_index_fits_the_window_and_fetches_nothing(browser, page, width) -> None:
    try:
        browser.size(width, 844)
        browser.open(page)
        assert browser.js("document.documentElement.scrollWidth") <= width
        assert shown(browser) == IDS and browser.errors == []
        assert all(url.startswith(("file:", "data:")) for url in browser.requests)
        browser.click("table.index th:nth-child(2) button")
        assert shown(browser) == sorted(IDS)
    finally:
        browser.size(1280, 720)


@needs_browser
def test_with_scripts_off_all_rows_are_there_without_buttons_that_do_nothing(browser, page) -> None:
    browser.open(page, scripts=False)
    assert shown(browser) == IDS
    assert browser.js("document.querySelector('form.filters').offsetHeight") == 0
    assert browser.js("document.querySelectorAll('#statements button').length") == 0


def test_processes_are_loaded_ahead_only_where_pages_are_to_be_made(tmp_path, monkeypatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setenv("WITNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pool, "load_ahead", asked.append)
    monkeypatch.setattr(explain, "write_all", lambda *given, **more: None)
    assert main(("explain", "--all", "-o", str(tmp_path))) == 0
    assert asked == [pool.LOADED_FOR_PAGES]
    kept.Kept(browser.pages_folder().parent / "made").current.mkdir(parents=True)
    assert main(("explain", "--all", "-o", str(tmp_path))) == 0
    assert len(asked) == 1
