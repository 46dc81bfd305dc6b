"""No reader is shown what only a program would write: dictionaries, empty brackets, raw LaTeX."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import constructions
from verify.command import cli
from verify.report import counterexample, tables

RAW = re.compile(
    r"""\{['"]|\{\}|\[\]|(?<![\w.])\(\)|,\)|\\[A-Za-z]{2,}|\bmappingproxy\b|<class|"""
    r"""Fraction\(|\barray\(|\bobject at 0x|= ?None\b|=None\b"""
)
# formulas as Python and sympy write them: a power, a product, a transpose, x1_1, a flag
PROGRAMMED = re.compile(
    r"[\w)\]]\*\*[\w(]|[^\W_]\*\w|[)\]]\*[\w(\[]|[^\W_]\*[(\[]|\b[A-Za-z]\d*\.T\b|(?!x86_)[A-Za-z]\d+_\d"
    r"|[=:]\s+(True|False)\b"
)
# what a formula or a program reads; a page typesets the first
OF_MACHINES = ("statement", "counterexample", "first_difference", "versions", "asked")


def raw(text: str, of: re.Pattern[str] = RAW) -> list[str]:
    """What no reader should see of a text, with what stands around it."""
    return [text[max(0, found.start() - 30) : found.end() + 30] for found in of.finditer(text)]


def texts(value: Any) -> Iterator[str]:
    """Every text of a report that people read."""
    if isinstance(value, str):
        yield value
    for one in value if isinstance(value, list) else ():
        yield from texts(one)
    for key, one in value.items() if isinstance(value, dict) else ():
        if key not in OF_MACHINES:
            yield from texts(one)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str) -> str:
        capsys.readouterr()
        status = cli.main(arguments)
        out, err = capsys.readouterr()
        assert status in (0, 1), err
        return out + err

    return call


@pytest.mark.parametrize("kind", [RAW, PROGRAMMED])
def test_no_report_shows_it(kind: re.Pattern[str], whole: Any, tmp_path: Path) -> None:
    from verify.page import write_report

    assert [found for text in texts(whole.report) for found in raw(text, kind)] == []
    assert raw(whole.markdown.replace("\\*", "*"), kind) == []
    write_report(whole.report, str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text("utf-8")
    shown = re.sub(r"(?s)<(script|style|annotation).*?</\1>|<[^>]+>", " ", page)
    assert raw(html.unescape(shown), kind) == []
    counted = [one["counterexample"] for one in whole.report["claims"] if one["counterexample"]]
    assert len(counted) > 50
    for line in itertools.chain.from_iterable(map(counterexample.lines, counted)):
        assert raw(line, kind) == []


@pytest.mark.parametrize("name", constructions.names())
def test_no_construction_shows_it(name: str, said: Any) -> None:
    for command in ("show", "trace"):
        text = said(command, name)
        assert len(text) > 200 and raw(text) == []


@pytest.mark.parametrize(
    "call",
    [
        ("list", "--claims"),
        ("list", "--papers"),
        ("check", "fu2023.eq38", "akyurek2022.theorem1.sign", "--quick", "--verbose"),
        ("check", "akyurek2022.lemma1", "fu2023.eq38", "--quick"),
        ("prove", "gradient_descent"),
        ("show", "akyurek2022_theorem1", "--matrices"),
        ("doctor",),
    ],
)
def test_no_command_shows_it(call: tuple[str, ...], said: Any) -> None:
    text = said(*call)
    assert text and raw(text) == []


@pytest.mark.parametrize(
    "text",
    ["aff(; (), (5, 6))", "b = (1,)", "{'d': 2}", "{}", "w = []", r"X^\top y", "Fraction(1, 2)",
     "array([1.])", "w0 = None", "w0=None"],
)  # fmt: skip
def test_it_is_seen_where_it_is(text: str) -> None:
    assert raw(text)


@pytest.mark.parametrize(
    "text",
    ["x1**2", "(a + 1)**2", "2*d", "T*(S + 1)", "(n - 1)*size", "w.T x", "x1_1", "skip = False"],
)
def test_a_formula_of_a_program_is_seen_where_it_is(text: str) -> None:
    assert raw(text, PROGRAMMED) and not raw(tables.in_print(text), PROGRAMMED)
