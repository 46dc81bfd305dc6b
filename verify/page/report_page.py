"""Pages without a transformer in them: the report of a check, and what they are framed in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..claim import is_as_expected
from ..report import index
from ..report.counterexample import Table
from ..report.counterexample import shown as shown_as_tables
from ..report.report import STRENGTHS, outcome, place
from .glossary import glossed_page
from .mathml import plain
from .misfit import misfit_html
from .readable import counted, finding, typeset
from .site.index_table import INDEX_SCRIPT, statements_index, strengths
from .site.links import HOME, ONWARD


def frame(
    title: str,
    lead: str,
    body: str,
    source: str = "",
    script: str = "",
    name: str = "",
    sheets: tuple[str, ...] = (),
) -> str:
    """A page with the style of the teaching pages; `script` is a file of theirs that it runs.

    `body` and `source` are HTML; `name` is what a command calls what the page is about; `sheets`
    are files of more style.
    """
    from .build import STYLES, resource, style

    run = f"<script>\n{resource(script)}</script>" if script else ""
    note = f'<p class="source">{source}</p>' if source else ""
    said = f'<p class="lead">{plain(lead)}</p>' if lead else ""
    place = onward = ""
    if name:
        place = (
            f'<nav aria-label="Pages">{HOME}<span class="witness-name">{plain(name)}</span></nav>'
        )
        onward = f"<footer>{ONWARD}</footer>"
    return glossed_page(
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{plain(title)}</title>'
        f"<style>{style((*STYLES, *sheets))}</style></head><body>{place}"
        f"<header><h1>{typeset(title)}</h1>{said}{note}</header><main><section>{body}</section></main>"
        f"{onward}{run}</body></html>\n"
    )


def report_page(report: Mapping[str, Any]) -> str:
    """The report of `check --json` as HTML: the index of its statements, and below it a row per
    claim that opens to its evidence.

    Raises ValueError on a dict that is no such report.
    """
    if not isinstance(report.get("claims"), Sequence):
        raise ValueError("a report has a list of claims; this has none")
    claims = report["claims"]
    counts: dict[str, int] = {}
    for claim in claims:
        counts[claim["verdict"]] = counts.get(claim["verdict"], 0) + 1
    unexpected = sum(not is_as_expected(claim["verdict"], claim["expected"]) for claim in claims)
    summary = ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) or "no claims"
    lead = f"{summary}; " + (
        "every verdict is the one expected" if not unexpected else f"{unexpected} not as expected"
    )
    versions = ", ".join(f"{plain(k)} {plain(v)}" for k, v in report.get("versions", {}).items())
    rows = "".join(claim_row(claim, number) for number, claim in enumerate(claims))
    linked = [claim | {"href": f"#claim-{number}"} for number, claim in enumerate(claims)]
    body = (
        f"{statements_index(linked)}"
        f'<h2>Evidence, claim by claim</h2><div class="verdicts">{rows}</div>'
        f'<p class="source">seed {plain(report.get("seed"))} · {versions}</p>'
    )
    return frame("Verdicts", lead, body, script=INDEX_SCRIPT)


def claim_row(claim: Mapping[str, Any], number: int) -> str:
    """One claim, folded: verdict, id, strengths; inside its checks and counterexample.

    What is inside is `#claim-NUMBER`: browsers unfold it for whoever goes there.
    """
    tags = strengths(claim)
    expected = (
        ""
        if is_as_expected(claim["verdict"], claim["expected"])
        else f", <b>expected {plain(claim['expected'])}</b>"
    )
    parts = []
    for key in ("summary", "reading", "domain", "finding", "repair"):
        if said := finding(claim) if key == "finding" else claim.get(key):
            parts.append(f"<p><i>{key}</i>: {typeset(said)}</p>")
    parts += [f"<p><i>note</i>: {typeset(fault)}</p>" for fault in claim.get("faults", ())]
    shown = counterexample_html(claim.get("counterexample"), claim.get("first_difference"))
    if shown:
        parts.append(f"<p><i>smallest counterexample</i>:</p>{shown}")
    if claim.get("digest"):
        parts.append(f'<p class="source">weights {plain(claim["digest"][:16])}…</p>')
    if picture := misfit_html(claim.get("misfit")):
        parts.append(picture)
    # no link to a file: a report lies anywhere, and pages may lie elsewhere, or nowhere
    name = plain(index.called(claim))
    parts.append(f"<p><code>witness explain {name}</code> opens its page</p>")
    return (
        f'<details class="claim {plain(claim["verdict"])}"><summary>'
        f'<strong class="verdict-{plain(claim["verdict"])}">{plain(claim["verdict"])}</strong> '
        f'<span class="id">{plain(claim["id"])}</span> <small>{plain(claim["variant"])}</small> '
        f'{tags}{expected}</summary><div id="claim-{number}">{"".join(parts)}'
        f"{checks_table(claim['checks'])}</div></details>"
    )


def checks_table(checks: Sequence[Mapping[str, Any]]) -> str:
    """Every check of a claim: kind, outcome, cases, error beside its bound; no column is empty."""
    names = ("check", "outcome", "evidence", "cases", "largest error", "bound", "said")
    rows = [
        (
            plain(c["kind"]),
            outcome(c["kind"], c["passed"]),
            plain(STRENGTHS.get(c.get("strength", ""), "")) if c["passed"] else "",
            str(c["cases"] or ""),
            _number(c["max_error"]),
            _number(c["bound"]),
            typeset(c["detail"]),
        )
        for c in checks
    ]
    filled = [column for column in zip(names, *rows) if any(column[1:])]
    head, *body = zip(*filled) if filled else [()]
    return table(head, body)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Heads and rows of HTML. What is short stays on one line, all else is wrapped; on a phone a
    row is a block of lines, each with its head."""
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(map(_cell, heads, row))}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table class="checks"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


SHORT = 22  # characters that stay on one line


def _cell(head: str, cell: str) -> str:
    short = ' class="short"' if len(re.sub(r"<[^>]*>|&\w+;", "", cell)) <= SHORT else ""
    return f'<td{short} data-head="{head}">{cell}</td>'


def counterexample_html(
    counterexample: Mapping[str, Any] | None, first: Mapping[str, Any] | None
) -> str:
    """A counterexample and the first difference, as HTML; "" if there is none.

    It is in the tables of the terminal; what is longer than these show is folded away, whole.
    """
    made = ""
    if counterexample:
        shown = shown_as_tables(counterexample)
        said = f"<p>{typeset(shown.said)}</p>" if shown.said else ""
        tables = "".join(map(_table, shown.tables))
        whole = _whole(counterexample) if shown.shortened else ""
        made += f'<div class="counterexample">{said}{tables}{whole}</div>'
    if first:
        held = formula(first["holds"]) + " = " if first.get("holds") else ""
        slot, _, token = place(first).partition(", token ")
        made += (
            f"<p>The first difference is after layer {plain(first['layer'])}, in "
            f"{plain(counted(slot))} of token {plain(token)}: it holds "
            f"{plain(_text(first['is']))} and should hold "
            f"{held}{plain(_text(first['should']))}.</p>"
        )
    return made


def _table(table: Table) -> str:
    """Heads and rows as HTML, a group of columns for every name."""

    def row(groups: Sequence[Sequence[str]], tag: str) -> str:
        begins = f'<{tag} class="begins">'
        cells = "".join(
            f"{begins if k and not i else f'<{tag}>'}{typeset(entry)}</{tag}>"
            for k, group in enumerate(groups)
            for i, entry in enumerate(group)
        )
        return f"<tr>{cells}</tr>"

    body = "".join(row(groups, "td") for groups in table.rows)
    return (
        f'<div class="scroll"><table class="numbers"><caption>{plain(table.title)}</caption>'
        f"<thead>{row(table.heads, 'th')}</thead><tbody>{body}</tbody></table></div>"
    )


def _whole(counterexample: Mapping[str, Any]) -> str:
    items = "".join(
        f"<li><i>{typeset(name)}</i>: {typeset(_text(value))}</li>"
        for name, value in counterexample.items()
        if not isinstance(value, Mapping)
    )
    return f"<details><summary>all of its numbers</summary><ul>{items}</ul></details>"


def formula(text: str) -> str:
    """A `holds` expression as MathML, or as it is."""
    from .mathml import mathml

    try:
        return mathml(text)
    except ValueError:
        return plain(text)


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_text(v) for v in value) + "]"
    return str(value)


def _number(value: Any) -> str:
    if value is None:
        return ""
    return f"{float(value):.2g}".replace("-", "−") if not isinstance(value, str) else plain(value)
