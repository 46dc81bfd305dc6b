"""The folder of all pages, the report, and what the terminal says: read as a visitor reads them."""

from __future__ import annotations

import html
import re
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path

import browser as driver
import pytest
from test_texts import PROGRAMMED

import constructions
from verify import kept
from verify.claim import builtin
from verify.command.cli import main
from verify.page import pages, readable, report_page, write_story
from verify.page.acts.cards import CARDS
from verify.page.misfit import misfit_html
from verify.page.site import documents, folder, links, markdown, notebook, reference
from verify.papers import paper_of
from verify.report import latex_text, tables
from verify.report.tables import told

DATA = re.compile(r"<(script|style)[^>]*>.*?</\1>", re.S)
# what Python prints and nobody writes: dictionaries, lists of text, empty brackets, raw LaTeX
UNTOLD = re.compile(r"\{'|\[\[?'|\[\]|\{\}|\w \(\)|\\[A-Za-z]+|Fraction\(|<[a-z.]+ object")


@cache
def read(path: Path) -> str:
    """A page without its scripts, data and styles."""
    return DATA.sub("", path.read_text(encoding="utf-8"))


def hrefs(text: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(r'href="([^"]*)"', text)]


def words(text: str) -> str:
    """What is read on a page: its text, and no formula."""
    text = re.sub(r"<math>.*?</math>", " ", text, flags=re.S)
    return html.unescape(re.sub(r"<[^>]+>", " ", text))


# -- in a browser ---------------------------------------------------------------------------------


def complaints(browser: driver.Browser, page: Path) -> list[str]:
    """What is wrong with a page as it opens: errors, what it asks for, what does not fit."""
    found = []
    for width in (1280, 390):
        browser.size(width, 844)
        browser.open(page)
        if browser.js("document.documentElement.scrollWidth") > width:
            found.append(f"wider than {width}")
        found += browser.errors
        found += [url for url in browser.requests if not url.startswith(("file:", "data:"))]
    return found


@pytest.mark.skipif(driver.find() is None, reason="no Chromium on this machine")
def test_every_page_opens_without_an_error_fetches_nothing_and_fits(site: Path, browser) -> None:
    wrong = {page.name: complaints(browser, page) for page in sorted(site.glob("*.html"))}
    assert len(wrong) > 150
    assert {name: said for name, said in wrong.items() if said} == {}


@pytest.mark.skipif(driver.find() is None, reason="no Chromium on this machine")
@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("<script>missing()</script>", "missing is not defined"),
        ("<p style='width: 2000px'>wide", "wider than 1280"),
        ("<img alt='' src='https://example.org/a.png'>", "example.org"),
    ],
)
def test_a_page_that_fails_fetches_or_is_too_wide_is_noticed(tmp_path, browser, body, word) -> None:
    (tmp_path / "page.html").write_text(f"<!DOCTYPE html><title>A</title>{body}")
    assert any(word in said for said in complaints(browser, tmp_path / "page.html"))


# -- links ----------------------------------------------------------------------------------------


def test_every_link_of_every_page_leads_somewhere_after_the_folder_was_moved(site: Path) -> None:
    assert len(list(site.iterdir())) > 150
    for page in site.iterdir():
        for href in hrefs(read(page)):
            if href.startswith(("https://arxiv.org/abs/", "data:")):
                continue
            address, _, fragment = href.partition("#")
            file, _, shown_as = address.partition("?")
            target = site / file if file else page
            assert shown_as in ("", "present"), (page.name, href)
            assert "/" not in file and target.is_file(), (page.name, href)
            state = re.match(r"[a-z]+=", fragment)  # a state of the page, which its script reads
            assert not fragment or state or f'id="{fragment}"' in read(target), (page.name, href)


def test_every_page_leads_to_the_index_and_the_next_one_until_all_were_seen(site: Path) -> None:
    first = re.search(r'class="begin" href="([^"]+)"', read(site / "index.html"))
    assert first
    seen, at = [], first[1]
    while at:
        seen.append(at)
        text = read(site / at)
        assert '<a class="home" href="index.html">' in text, at
        after = re.search(r'<a rel="next" href="([^"]+)">', text)
        at = html.unescape(after[1]) if after else ""
    assert sorted(seen) == sorted({path.name for path in site.iterdir()} - {"index.html"})
    told = {f"{claim.id}.html" for claim in builtin() if paper_of(claim)}
    names = [f"{name}.html" for name in constructions.names()]
    last = next(i for i, file in enumerate(seen) if file == documents.DOCUMENTS[0].file)
    assert set(seen[last - len(told) : last]) == told
    assert seen.index("gradient_descent.html") < seen.index("newton.html")
    assert set(names) <= set(seen)


def test_cards_of_the_story_lead_to_pages_and_these_back(site: Path, tmp_path: Path) -> None:
    told = {i: dict(card.pages) for i, card in enumerate(CARDS, start=1) if card.pages}
    assert "fu2023.theorem5.1" in told[8] and "newton" in told[7]
    text = read(site / "story.html")
    for i, said in told.items():
        card = re.search(rf'<article class="card" id="card-{i}".*?</article>', text, re.S)
        assert card and hrefs(card[0]) == [f"{name}.html" for name in said]
        for name in said:
            assert f"story.html#card-{i}" in hrefs(read(site / f"{name}.html"))
    write_story(tmp_path / "story.html")  # alone it has none of them beside it
    alone = re.sub("<!--.*?-->", "", read(tmp_path / "story.html"), flags=re.S)
    assert all(href.startswith(("#", "?", "data:")) for href in hrefs(alone))  # ?present: itself


def test_every_page_about_a_paper_links_to_it(site: Path) -> None:
    for claim in builtin():
        if (paper := paper_of(claim)) is not None:
            assert paper.url in hrefs(read(site / f"{claim.id}.html")), claim.id
    for name, arxiv in (("newton", "2310.17086"), ("gradient_descent", "2212.07677")):
        assert any(arxiv in href for href in hrefs(read(site / f"{name}.html"))), name


def test_a_page_that_is_written_alone_leads_to_no_file(tmp_path: Path) -> None:
    assert main(("explain", "gradient_descent", "-o", str(tmp_path))) == 0
    found = hrefs(read(tmp_path / "gradient_descent.html"))
    assert all(href.startswith(("#", "https://arxiv.org/", "data:")) for href in found)


def test_a_report_links_to_its_own_sections_and_to_papers_alone(whole) -> None:
    text = DATA.sub("", report_page.report_page(whole.report))
    found = set(hrefs(text))
    assert len(found) > 150
    for href in found:
        inside = href.startswith("#") and f'id="{href[1:]}"' in text
        assert inside or href.startswith(("https://arxiv.org/abs/", "data:")), href
    assert "witness explain fu2023.theorem5.1<" in text


# -- the index ------------------------------------------------------------------------------------


def test_the_index_has_a_picture_and_a_title_of_words_for_every_construction(site: Path) -> None:
    text = read(site / "index.html")
    cards = re.findall(r'<li class="panel"><a href="([^"]+)">(<svg.*?</svg>)<b>(.*?)</b>', text)
    assert {f"{name}.html" for name in constructions.names()} == {file for file, *_ in cards}
    pictures = [picture for _, picture, _ in cards]
    assert len(set(pictures)) == len(pictures)
    assert all(" " in title and "_" not in title for *_, title in cards)
    assert 'id="papers"' in text and text.count('<tr role="row" data-verdict') > 140


def test_no_title_is_an_identifier(site: Path) -> None:
    for page in site.iterdir():
        title = re.search(r"<h1>(.*?)</h1>", read(page), re.S)
        assert title and " " in title[1].strip(), page.name


# -- texts -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return {stop.file: html for stop, html in documents.documents().items()}


def test_the_index_leads_to_every_text_and_each_is_finished(texts: dict[str, str]) -> None:
    assert {one.file for one in documents.DOCUMENTS} <= set(texts)
    assert set(texts) == set(hrefs(documents.cards()))
    for file, page in texts.items():
        said = re.sub(r"<(pre|code)[^>]*>.*?</\1>", "", DATA.sub("", page), flags=re.S)
        assert not re.search(r"\$|^#|\]\(| \*\*\w", words(said), re.M), file  # Markdown, LaTeX
        assert not re.search(r" at 0x[0-9a-f]+", page), file  # what differs from run to run
        assert not [src for src in re.findall(r'src="([^"]*)"', page) if src[:5] != "data:"], file
        for href in hrefs(DATA.sub("", page)):
            other, _, fragment = href.partition("#")
            if not href.startswith(("https://", "data:")):
                assert not fragment or f'id="{fragment}"' in texts[other or file], (file, href)


def test_the_reference_has_every_public_name_with_what_its_docstring_says(texts) -> None:
    for module in ("constructions", "verify"):
        page = texts[reference.file_of(module)]
        offered = __import__(module).__all__
        modules = {"algorithms", "statements", "strategies"}
        assert {f'id="{name}"' in page for name in set(offered) - modules} == {True}
    page = texts[reference.file_of("constructions")]
    assert all(f'id="Witness.{name}"' in page for name in ("predict", "layers", "digest"))
    assert "The witness name with these parameters." in " ".join(words(page).split())


def test_without_pdoc_the_site_says_in_one_line_what_is_missing(monkeypatch) -> None:
    monkeypatch.setattr(reference, "find_spec", lambda name: None)
    files = {stop.file for stop in documents.documents()}
    assert files and not any(file.startswith("reference.") for file in files)
    assert html.escape(reference.MISSING, quote=True) in documents.cards()


def test_links_between_texts_lead_to_pages_and_others_are_words(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("")
    text = "# A\n\n## One part\n\n[b](b.md#x) [c](c.py) [d](#one-part) `x_1`\n\n## One part\n"
    made = markdown.html(text, tmp_path, {(tmp_path / "b.md").resolve(): "b.html"})
    assert hrefs(made) == ["b.html#x", "#one-part"] and " c " in words(made)
    assert re.findall(r'<h2 id="([^"]+)"', made) == ["one-part", "one-part-"]
    with pytest.raises(OSError):
        markdown.html("![picture](none.png)", tmp_path, {})


def test_products_in_a_table_are_no_emphasis_and_said_in_print() -> None:
    row = ("4*d**2*(k - 1)*n", "**holds**: x*y", "`a*b*c`")
    made = markdown.html(tables.markdown("abc", [row]), Path(), {})
    cells = ("4·d<sup>2</sup>·(k - 1)·n", "<strong>holds</strong>: x·y", "<code>a*b*c</code>")
    assert all(f"<td>{cell}</td>" in made for cell in cells)
    text = markdown.html("1/(2n) Σ e_j², `x_t` < W_Q & step_size", Path(), {})
    wanted = "Σ e<sub>j</sub>², <code>x_t</code> &lt; W<sub>Q</sub> &amp; step_size</p>"
    assert wanted in text


def test_a_notebook_is_read_with_its_formulas_and_what_its_cells_show() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["Of $x_j$:\n", "$$y \\leftarrow x$$"]},
        {
            "cell_type": "code",
            "source": ["1 + 1"],
            "outputs": [{"data": {"text/plain": ["2"]}}, {"text": ["seen\n"]}],
        },
    ]
    made = markdown.html(notebook.as_markdown({"cells": cells}), Path(), {})
    assert made.count("<math>") == 2 and "$" not in made
    assert re.sub(r"<[^>]+>", "", made).split()[-5:] == ["1", "+", "1", "2", "seen"]


def test_formulas_between_dollars_are_set_and_code_is_left_alone() -> None:
    code = "```text\n$ witness\n$ check\n```"
    text = f"Of $w_{{k}}^\\top x$ and `a$b` and $2^k$:\n\n{code}\n\n$$a*b*c$$\n"
    made = markdown.html(markdown.with_formulas(text), Path(), {})
    assert made.count("<math>") == 3 and made.count('<div class="display">') == 1
    assert "<code>a$b</code>" in made and made.count("$") == 3
    assert "<em>" not in made
    with pytest.raises(ValueError, match="overbrace"):
        markdown.with_formulas(r"$\overbrace{x}$")


BARE = re.compile(r"[=<>≤≥×√Σ⟨⌈‖·²³ᵀᵏ₁₂⁻α-ωΓΠΣ]|\b[a-z]_")  # what only formulas have


def test_no_formula_of_what_was_found_is_bare(texts) -> None:
    text = (documents.ROOT / "verify" / "FOUND.md").read_text(encoding="utf-8")
    assert BARE.findall(text)
    assert not BARE.findall(re.sub(r"\$[^$]+\$|`[^`]+`", "", text))
    body = texts["found.html"].partition("<main>")[2]
    assert len(re.findall("<math>", body)) == text.count("$") // 2 > 90
    assert not BARE.findall(words(re.sub("<math>.*?</math>|<code>.*?</code>", "", body)))


# -- what does not fit ----------------------------------------------------------------------------

ILL_POSED = [claim.id for claim in builtin() if claim.expected == "ill-posed"]


@pytest.mark.parametrize("name", ILL_POSED)
def test_an_ill_posed_claim_has_the_picture_of_its_evidence_or_a_sentence(name: str, whole) -> None:
    found = whole.claims[name, "printed"]
    claim = next(one for one in builtin() if one.key == (name, "printed"))
    text = pages.about(claim, None, found)
    drawn = re.search(r'<figure class="misfit">.*?</figure>', text, re.S)
    misfit = found.get("misfit")
    assert bool(drawn) == (misfit is not None)
    assert readable.typeset(found["where"]) in text and " " in found["where"]
    if misfit is None:
        assert "divides by" in found["where"] or "nothing is said" in found["where"]
    elif misfit["kind"] == "columns" and misfit["reads"] is not None:
        start, end = ends(drawn[0])
        assert (start > end) == (misfit["reads"] > misfit["writes"])
        assert str(misfit["needs"]) in html.unescape(drawn[0])
    elif misfit["kind"] == "shapes":
        sides = re.findall(r'<text class="side (\w+)"[^>]*>(\d+)</text>', drawn[0])
        (rows, columns), (m, n) = misfit["is"], misfit["should"]
        marks = ["wrong" if rows != m else "allowed", "wrong" if columns != n else "allowed"]
        assert sides == list(zip(marks * 2, map(str, (rows, columns, m, n))))


def ends(drawn: str) -> tuple[float, float]:
    """Where the red arrow begins and ends."""
    numbers = re.search(r'<path class="wrong" d="M ([\d.]+) [^"]* ([\d.]+) [\d.]+"></path>', drawn)
    assert numbers
    return float(numbers[1]), float(numbers[2])


@pytest.mark.parametrize(
    ("reads", "writes", "turn"), [(3, 1, 1), (40, 2, 1), (1, 1, -1), (1, 3, -1)]
)
def test_the_arrow_goes_from_what_is_read_to_what_is_written(reads, writes, turn) -> None:
    misfit = {"kind": "columns", "reads": reads, "writes": writes, "columns": 50, "needs": "t ≥ s"}
    start, end = ends(misfit_html(misfit))
    assert (start - end) * turn > 0


@pytest.mark.parametrize("misfit", [{"kind": "colours"}, {"kind": "columns"}, {}])
def test_a_misfit_that_cannot_be_drawn_is_refused(misfit) -> None:
    with pytest.raises(ValueError, match="misfit"):
        misfit_html(misfit)


# -- explain --------------------------------------------------------------------------------------


@pytest.fixture(params=["WITNESS_CACHE", "XDG_CACHE_HOME"])
def caches(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("WITNESS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if request.param == "WITNESS_CACHE":
        monkeypatch.setenv("WITNESS_CACHE", str(tmp_path / "mine"))
    return tmp_path / ("mine" if request.param == "WITNESS_CACHE" else "witness")


@pytest.mark.skipif(
    sys.platform in ("win32", "darwin"), reason="there, a display is taken for granted"
)
@pytest.mark.parametrize(
    ("more", "display", "asked"),
    [((), ":7", True), ((), "", False), (("--no-open",), ":7", False)],
)
def test_explain_without_a_file_writes_a_page_of_one_s_own_and_asks_the_browser(
    more, display, asked, caches, tmp_path, monkeypatch, capsys
) -> None:
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" > "{tmp_path}/asked"\nsleep 20\n')
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{program} %s")
    monkeypatch.setenv("DISPLAY", display)
    start = time.monotonic()
    assert main(("explain", "fu2023.eq40", *more)) == 0  # a statement, without a transformer
    said = capsys.readouterr().err
    page = caches / "pages" / "fu2023.eq40.html"
    assert page.read_text().endswith("</html>\n") and f"wrote {page}" in said
    assert ("a browser is asked" in said) == asked
    if asked:
        while not (tmp_path / "asked").exists() and time.monotonic() - start < 60:
            time.sleep(0.05)
        assert (tmp_path / "asked").read_text().strip() == page.as_uri()


def test_explain_without_a_name_has_the_story(caches) -> None:
    assert main(("explain",)) == 0
    assert (caches / "pages" / links.STORY).is_file()


def test_what_was_made_is_kept_for_the_same_sources_and_for_no_others(
    tmp_path, monkeypatch
) -> None:
    there = {"constructions": "a.py", "proofs": "b.v", "verify": "page.js"}
    for package, name in there.items():
        (tmp_path / package).mkdir()
        (tmp_path / package / name).write_text("1")
    before = kept.made_from(tmp_path)
    (tmp_path / "verify" / "page.js").write_text("2")
    kept.made_from.cache_clear()
    assert kept.made_from(tmp_path) != before
    shelf = kept.Kept(tmp_path / "made")
    made = folder.Made(links.Stop("a.html", "A title"), "<p>", "", (1, "One"), (2, "a"), ())
    monkeypatch.setattr(kept, "made_from", lambda: before)
    shelf.put("a", asdict(made))
    found = shelf.get("a")
    assert found is not None and folder.Made.from_json(found) == made
    file = shelf.current / "a.json"
    file.write_text(file.read_text().replace("A title", "Another"))
    assert shelf.get("a") is None
    shelf.put("a", asdict(made))
    shutil.copy(file, file.with_name("other.json"))  # it is what was kept of a, and of nothing else
    assert shelf.get("other") is None and shelf.get("a") is not None
    old = shelf.current
    monkeypatch.setattr(kept, "made_from", lambda: "f" * 64)
    assert shelf.get("a") is None
    shutil.copytree(old, shelf.current)  # nor is it of other sources
    assert shelf.get("a") is None
    shutil.rmtree(shelf.current)
    shelf.put("b", asdict(made))
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["f" * 32]


def test_pages_that_are_kept_are_not_made_again(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(constructions, "names", lambda: ("gradient_descent", "momentum"))
    monkeypatch.setattr(folder, "statements", tuple)
    heard: list[str] = []
    shelf = kept.Kept(tmp_path)
    first = folder.site(workers=1, progress=heard.append, kept=shelf)
    monkeypatch.setattr(folder, "make", lambda *call: pytest.fail(f"{call} was made again"))
    assert folder.site(workers=1, kept=shelf) == first
    assert sorted(heard) == ["gradient_descent", "momentum"]
    taught = {"gradient_descent.html", "momentum.html"}
    texts = {stop.file for stop in documents.documents()}
    assert set(first) == {links.INDEX, links.STORY, *taught, *texts}


@pytest.mark.parametrize(("made_by", "name"), [("pdoc 15.0", "texts pdoc 15.0"), ("", "texts")])
def test_texts_are_kept_for_what_made_their_reference(monkeypatch, made_by, name) -> None:
    monkeypatch.setattr(folder, "made_by", lambda: made_by)
    assert folder.kept_as(folder.TEXTS) == name
    assert folder.kept_as("newton") == "newton"


# -- words ----------------------------------------------------------------------------------------


def test_nothing_that_is_said_of_a_claim_is_a_dictionary_an_empty_bracket_or_latex(whole) -> None:
    for claim in whole.report["claims"]:
        said = [claim[name] for name in ("summary", "finding", "domain", "repair")]
        said += claim["faults"]
        said += [check[part] for check in claim["checks"] for part in ("detail", "box", "domain")]
        for text in filter(None, said):
            assert not UNTOLD.search(text), (claim["id"], claim["variant"], text)


def test_no_page_has_what_only_a_program_writes(
    site: Path,
) -> None:
    for page in site.iterdir():
        if page.name.startswith("reference."):  # docstrings, which speak of Python
            continue
        # the code of an algorithm, and code in texts
        text = re.sub(r"<(pre|code)>.*?</\1>", "code", read(page), flags=re.S)
        for kind in (UNTOLD, PROGRAMMED):
            found = kind.search(words(text))
            assert found is None, (page.name, found and words(text)[found.start() - 60 :][:160])


def subjects() -> Iterator[str]:
    yield from constructions.names()
    yield from (claim.id for claim in builtin() if claim.witness is not None)


@pytest.mark.parametrize("command", ["show", "trace"])
def test_show_and_trace_speak_to_people(command: str, capsys) -> None:
    for name in dict.fromkeys(subjects()):
        status = main((command, name))
        out, err = capsys.readouterr()
        assert status in (0, 1, 2), (name, err)
        for line in (out + err).splitlines():
            assert not UNTOLD.search(line), (name, line)


def test_check_says_what_holds_by_paper_and_then_what_does_not(capsys) -> None:
    names = ("fu2023.eq38", "fu2023.eq21", "vonoswald2022.prop1", "akyurek2022.theorem1", "newton")
    assert main(("check", *names, "--quick", "--workers", "1")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "fu2023 · arXiv:2310.17086: 2 statements, 2 refuted (2 repaired)"
    assert lines[1].startswith("vonoswald2022 · arXiv:2212.07677")
    assert lines[3] == "witness, its own: 1 claim: 1 holds"
    listed = [line.split()[:2] for line in lines[5 : lines.index("", 5)]]
    assert (
        listed[0] == ["refuted", "fu2023.eq38"] and ["ill-posed", "akyurek2022.theorem1"] in listed
    )
    assert not any(verdict == "holds" for verdict, _ in listed)
    why = next(line for line in lines if "fu2023.eq38" in line)
    assert re.search(r"alpha = .*, S = \(", why) and not UNTOLD.search("\n".join(lines))
    assert lines[-1].startswith("next: `witness check fu2023.eq38` shows its evidence")
    assert main(("check", *names, "--quick", "--workers", "1", "--verbose")) == 0
    assert not any("vonoswald2022.prop1" in line for line in lines)
    assert "vonoswald2022.prop1" in capsys.readouterr().out


def test_nested_values_are_told_in_one_line() -> None:
    given = {"parameters": {"d": "2"}, "X": [["1", "1/2"]], "y": []}
    assert told(given) == "d = 2, X = ((1, 1/2)), y = ()"


def test_latex_is_told_without_its_commands() -> None:
    said = r"\text{slot y: } y - \frac{1}{n} X A_{0}^{\top} \neq \alpha_{k+1}"
    assert latex_text.text(said) == "slot y: y - 1/n X A_0ᵀ ≠ α_(k+1)"
    for claim in builtin():
        assert not re.search(r"\\", latex_text.text(claim.statement)), claim.id
