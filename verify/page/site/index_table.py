"""The index: a line for each paper, and a table of statements that can be sorted and filtered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...claim import is_as_expected
from ...papers import Paper
from ...report import index
from ...report.index import Entry, Statement
from ...report.report import STRENGTHS
from ..latex import stated
from ..mathml import plain
from ..readable import finding, typeset

HEADS = ("Paper", "Statement", "As printed", "Evidence", "Repair")
INDEX_SCRIPT = "scripts/index.js"  # what a page with the table runs
KINDS = {"statement": "statements as printed", "reading": "readings"}  # of a row, as filtered
HOW = (  # verdicts get into a site
    "<p>Where nothing was run stands the verdict that is expected. "
    "<code>witness check --as all --json report.json</code> finds the verdicts, and "
    "<code>witness explain --all -o site --report report.json</code> writes them here.</p>"
)
LAST = "9"  # sorts what a column does not have behind all that it has


def statements_index(entries: Iterable[Entry], papers: Mapping[str, Paper] | None = None) -> str:
    """The index of these entries of a report as HTML, each statement linked to its "href".

    Without "verdict" an entry was not run, and is said to be so. `papers` are those that the
    entries do not name themselves.
    """
    rows = index.statements(entries)
    lines = [
        _line(name, its, (papers or {}).get(name) or index.paper_in(its))
        for name, its in index.by_paper(rows).items()
    ]
    found = f'<ul class="papers">{"".join(lines)}</ul>' if lines else ""
    how = (
        "" if all(index.was_run(entry) for row in rows for entry in row.variants.values()) else HOW
    )
    return f'<div id="statements">{how}{found}{_filters(rows)}{_table(rows)}</div>'


def _line(name: str, rows: Sequence[Statement], paper: Paper | None) -> str:
    """What `index.line` says, its parts linked; below it title and authors."""
    cited, about = f"<b>{plain(name)}</b>", ""
    if paper is not None:
        cited += f' · <a href="{plain(paper.url)}">arXiv:{plain(paper.identifier)}</a>'
        about = f"<p><cite>{plain(paper.title)}</cite>, {plain(paper.authors)}</p>"
    missing = index.not_run(rows)
    missing = f" <small>({missing})</small>" if missing else ""
    return (
        f'<li class="panel" data-paper="{plain(name)}"><span class="summed">{cited}: '
        f"{plain(index.counts(rows))}</span>{missing}{about}</li>"
    )


def _filters(rows: Sequence[Statement]) -> str:
    """What the script shows and reads: text, verdict, how many are shown."""
    there = {index.verdict(row.printed) for row in rows if row.printed}
    kinds = "".join(
        f'<option value="{value}">{words}</option>'
        for value, words in (("", "statements and readings"), *KINDS.items())
    )
    asked = f'<label>Of <select name="kind">{kinds}</select></label>'
    options = "".join(f"<option>{name}</option>" for name in index.ORDER if name in there)
    return (
        '<form class="filters panel" hidden>'
        '<label>Filter <input type="search" name="text" placeholder="paper, words, repair …">'
        "</label>"
        f'<label>As printed <select name="verdict"><option value="">any verdict</option>{options}'
        f"</select></label>{asked if index.readings(rows) else ''}"
        '<output role="status"></output></form>'
    )


def _table(rows: Sequence[Statement]) -> str:
    heads = "".join(f'<th scope="col" role="columnheader">{head}</th>' for head in HEADS)
    return (
        '<table class="index" role="table"><thead role="rowgroup">'
        f'<tr role="row">{heads}</tr></thead>'
        f'<tbody role="rowgroup">{"".join(map(_row, rows))}</tbody></table>'
    )


def _row(row: Statement) -> str:
    said, printed, repaired = row.said, row.printed, row.repaired
    latex = said.get("statement")
    formula = f'<div class="formula">{stated(latex)}</div>' if latex else ""
    place = plain(row.place)
    if row.reading:
        place += f", <b>read</b> {typeset(row.reading)}"
    cells = (
        (row.paper or "witness", row.paper or "own"),
        (
            said["id"],
            f'<a href="{plain(said["href"])}">{plain(said["id"])}</a>'
            f"<p>{typeset(said.get('summary', ''))}</p>{formula}<small>{place}</small>",
        ),
        (_order(printed), _printed(row)),
        (_strength(printed or said), _evidence(printed or said)),
        (_order(repaired), _repair(row)),
    )
    made = "".join(
        f'<td role="cell" data-head="{head}" data-sort="{plain(key)}">{html}</td>'
        for head, (key, html) in zip(HEADS, cells)
    )
    shown = index.verdict(printed) if printed else ""
    kind = "reading" if row.reading else "statement" if printed else ""
    return f'<tr role="row" data-verdict="{plain(shown)}" data-kind="{kind}">{made}</tr>'


def _printed(row: Statement) -> str:
    """The verdict on what is printed, or on how it is read, which is said then."""
    if row.printed is None:
        return "<small>not in print</small>"
    found = verdict_html(row.printed)
    return f"{found} <small>as read</small>" if row.reading else found


def _order(entry: Entry | None) -> str:
    return str(index.ORDER.index(index.verdict(entry))) if entry else LAST


def _strength(entry: Entry) -> str:
    places = [str(i) for i, name in enumerate(STRENGTHS) if name in entry.get("evidence", ())]
    return places[0] if places else LAST


def verdict_html(entry: Entry) -> str:
    """The verdict; where it was not run, or is not what the claim expects, that too."""
    name = index.verdict(entry)
    made = f'<strong class="verdict-{plain(name)}">{plain(name)}</strong>'
    if not index.was_run(entry):
        return f"{made} <small>expected, not run</small>"
    if is_as_expected(name, entry["expected"]):
        return made
    return f"{made}, <b>expected {plain(entry['expected'])}</b>"


def strengths(entry: Entry) -> str:
    """What the verdict rests on, strongest first, as small labels that say what they mean."""
    return "".join(
        f'<span class="strength" title="{plain(STRENGTHS.get(name, name))}">{plain(name)}</span>'
        for name in entry.get("evidence", ())
    )


def _evidence(entry: Entry) -> str:
    said = finding(entry)
    return strengths(entry) + (f'<p class="finding">{typeset(said)}</p>' if said else "")


def _repair(row: Statement) -> str:
    """The repair, its verdict and what that rests on."""
    if row.repaired is None:
        return ""
    text = f"<p>{typeset(row.repaired['repair'])}</p>" if row.repaired.get("repair") else ""
    return f"{verdict_html(row.repaired)} {strengths(row.repaired)}{text}"
