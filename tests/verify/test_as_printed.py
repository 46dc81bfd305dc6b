"""Whether a claim is what its paper prints, or read into it: told by a field, and counted apart."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from verify import Claim, claim_texts
from verify.claim import Refuted, builtin, claim, repair
from verify.claims import giannou2024
from verify.page import pages
from verify.papers import paper_of
from verify.quality import readme
from verify.report import index, text
from verify.report.report import Report, entry

claims = importlib.import_module("verify.claim")  # `verify.claim` is the decorator
README = Path(__file__).parents[2] / "README.md"
PRINTED = {one.id: one for one in builtin() if one.variant == "printed"}
# of a source: how it is read; of a note: that the paper does not say it, or says otherwise
READ = re.compile(r"\bread (of|as|with|without)\b|lets one read|for an h that is no kernel")
UNSAID = re.compile(
    r"no theorem of the paper|the theorem says|the paper says that (it is impossible|eqs\.)"
    r"|what fails is its hypothesis|other reading|leaves open|called informal"
)


def taken_for_printed(some: Iterable[Claim]) -> list[str]:
    """The claims that count as printed though their source or note says that they are read so."""
    return [
        one.id
        for one in some
        if not one.reading and (READ.search(one.source) or UNSAID.search(one.note))
    ]


def test_what_a_source_or_a_note_calls_a_reading_is_not_counted_as_printed() -> None:
    assert taken_for_printed(PRINTED.values()) == []


@pytest.mark.parametrize("id", [
    "ahn2023.theorem1.prior", "akyurek2022.lemma2.empty", "bai2023.propC1.l1.noskip",
    "cheng2024.prop1.relu", "cheng2024.prop1.softmax", "dherin2025.onequery",
    "giannou2023.read.softmax", "giannou2024.lemma4.1.alone", "giannou2024.theorem4.2.few",
    "shen2023.order.online", "yang2024.ridge.heads", "yang2024.ridge.noise",
    "yang2024.ridge.prompts", "yang2024.ridge.directions",
])  # fmt: skip
def test_without_its_reading_it_would_be_taken_for_printed(id) -> None:
    assert taken_for_printed([replace(PRINTED[id], reading="")]) == [id]


def test_only_what_is_printed_is_read() -> None:
    assert {one.variant for one in builtin() if one.reading} == {"printed"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"reading": "  "}, "reading says in words how the source is read"),
        ({"reading": None}, "reading says in words how the source is read"),
        ({"reading": True}, "reading says in words how the source is read"),
        ({"reading": "of no x", "variant": "repaired"}, "and this claim is repaired"),
        ({"reading": "of no x", "variant": "improved"}, "and this claim is improved"),
    ],
)
def test_what_is_no_reading_is_refused(fields, message) -> None:
    with pytest.raises(ValueError, match=message):
        Claim("mine.a", checks=lambda: (), **fields)


def test_a_repair_does_not_take_the_reading_over(monkeypatch) -> None:
    monkeypatch.setattr(claims, "_registry", {})
    claim("mine.a", reading="of no x")(lambda: ())
    repair("mine.a", by="one x")(lambda: ())
    assert [one.reading for one in claims._registry.values()] == ["of no x", ""]


# -- counts ---------------------------------------------------------------------------------------


def test_the_readme_counts_statements_as_printed_and_readings_apart() -> None:
    table = readme.block(README.read_text(encoding="utf-8"), "papers")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    heads, counted = rows[0], {row[0].partition(",")[0]: row for row in rows[2:]}
    number = Counter[tuple[str, str]]()
    for one in PRINTED.values():
        paper = paper_of(one)
        assert paper is not None
        for name in (paper.name, "together"):
            number[name, "readings" if one.reading else "statements"] += 1
            if one.reading:
                number[name, "that fail"] += one.expected in index.FAIL
            else:
                words = {"holds": "hold", "approximates": "approximate"}
                number[name, words.get(one.expected, one.expected)] += 1
    assert counted.keys() == {*claim_texts.papers(), "together"}
    for name, row in counted.items():
        for head, cell in zip(heads[1:], row[1:]):
            if head != "repaired":
                assert int(cell or 0) == number[name, head], (name, head)
    assert number["together", "statements"] + number["together", "readings"] == len(PRINTED)


def line(paper: str) -> str:
    rows = index.by_paper(index.statements(claim_texts.claims_of_papers()))
    return index.counts(rows[paper])


def test_yang2024_is_right_in_what_it_prints() -> None:
    assert line("yang2024") == "1 statement, 1 holds; 4 readings, 4 refuted (4 repaired)"


def test_proposition_1_of_cheng2024_is_not_refuted_where_its_hypothesis_fails() -> None:
    assert line("cheng2024") == "3 statements, 3 hold; 3 readings, 3 refuted (3 repaired)"


# -- where it is said -----------------------------------------------------------------------------

DEPTH = PRINTED["giannou2024.logistic.depth"]


def found(one: Claim) -> Report:
    return Report(one, Refuted(), ())


@pytest.mark.parametrize("one", [DEPTH, replace(DEPTH, reading="")])
def test_a_reading_is_said_wherever_its_verdict_is(one: Claim) -> None:
    assert entry(found(one))["reading"] == pages.not_run(one)["reading"] == one.reading
    page = pages.about(one, None, None, pages.label("printed", 2, one.reading))
    assert ("read with natural logarithms; not as printed" in page) == bool(one.reading)
    assert ("as read" in page) == bool(one.reading)
    table = text.verdicts_in_markdown([found(one)])
    assert ("**refuted** as read" in table) == bool(one.reading)


# -- theorem 4.2 of giannou2024 -------------------------------------------------------------------


def test_theorem_4_2_is_asked_for_no_fewer_than_one_iteration() -> None:
    few = PRINTED["giannou2024.theorem4.2.few"]
    assert few.domain is not None and few.reading

    class Drawn:
        def __init__(self, iterations: int) -> None:
            self.parameters = {"iterations": iterations}

    assert few.domain.contains(Drawn(1)) and not few.domain.contains(Drawn(0))


def test_what_fails_with_few_examples_are_weights_not_the_theorem() -> None:
    """d = 2, n = 1, T = 1: the weights that need d tokens fail, others of the promised size do."""
    case: dict[str, Any] = {"d": 2, "iterations": 1, "epsilon": 1}
    prompt = ([[0, 1]], [1], [[0, 1]])
    arrays = (np.array(rows, dtype=object) for rows in prompt)
    should = giannou2024.prediction(*arrays, iterations=1, epsilon=1)
    by_matrices = giannou2024.few(**case).predict(*prompt, "rational")
    witness = giannou2024.by_tokens(**case)
    assert list(by_matrices) != list(should) == list(witness.predict(*prompt, "rational"))
    assert witness.layers <= 3 + 1 and witness.width <= 4 * 2 + 3
