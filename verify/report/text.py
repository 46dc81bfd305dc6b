"""Reports for people: the tables of the terminal, and the Markdown of README."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from .report import STRENGTHS, Report, outcome
from .tables import grid, in_print, markdown, plural

COLOURS = {
    "holds": "green",
    "approximates": "cyan",
    "refuted": "red",
    "ill-posed": "magenta",
    "undecided": "yellow",
    "broken": "bold red",
}


def counts(reports: Sequence[Report]) -> str:
    """ "12 claims: 9 hold, 2 refuted, 1 undecided; all as expected"."""
    surprises = sum(not made.as_expected for made in reports)
    all_as = "all as expected" if not surprises else f"{surprises} not as expected"
    return f"{counted([made.verdict.name for made in reports])}; {all_as}"


def counted(verdicts: Sequence[str]) -> str:
    """ "12 claims: 9 hold, 2 refuted, 1 undecided"."""
    found = Counter(verdicts)
    words = {"holds": "hold", "approximates": "approximate"}
    listed = ", ".join(
        f"{found[name]} {words.get(name, name) if found[name] > 1 else name}"
        for name in COLOURS
        if name in found
    )
    return f"{plural(len(verdicts), 'claim')}: {listed}"


# -- terminal ---------------------------------------------------------------------------------


def verdicts(reports: Iterable[Report], width: int) -> Any:
    """A rich table, one row per claim; columns are joined where the terminal is narrow."""
    from rich.text import Text

    wide = width >= 130
    rows = grid(("claim", "variant", "verdict", "evidence") if wide else (), no_wrap=True)
    if not wide:
        rows.add_column("claim\nvariant", overflow="fold", min_width=min(30, width // 3))
        rows.add_column("verdict\nevidence", no_wrap=True)
    rows.add_column("what it says, what was found", overflow="fold", ratio=1)
    for made in reports:
        colour = COLOURS[made.verdict.name]
        verdict = Text(made.verdict.name, style=colour)
        if not made.as_expected:
            verdict.append(f"\n! expected {made.claim.expected}", style="bold red")
        said = Text(in_print(made.claim.summary))
        for line, style in (
            (made.claim.reading and f"read {in_print(made.claim.reading)}", "dim"),
            (made.finding, colour),
            *((f"note: {fault}", "yellow") for fault in made.faults),
            (made.claim.repair and f"repair: {in_print(made.claim.repair)}", "dim"),
        ):
            if line:
                said.append("\n" + " ".join(line.split()), style=style)
        if wide:
            id, variant = Text(made.claim.id), made.claim.variant
            rows.add_row(id, variant, verdict, " ".join(made.evidence), said)
        else:
            name = Text(f"{made.claim.id}\n").append(made.claim.variant, style="dim")
            for strength in made.evidence:
                verdict.append(f"\n{strength}", style="dim")
            rows.add_row(name, verdict, said)
    return rows


def legend(reports: Iterable[Report]) -> str:
    """What the words for evidence mean, those that occur."""
    seen = {strength for made in reports for strength in made.evidence}
    return "\n".join(f"{name:9}{said}" for name, said in STRENGTHS.items() if name in seen)


def checks(made: Report) -> Any:
    """The checks of one claim, for a closer look."""
    from rich.text import Text

    colours = {"passed": "green", "failed": "red"}
    rows = grid(("check", "result", "cases", "detail"), overflow="fold")
    for check in made.checks:
        word = outcome(check.kind, check.passed)
        detail = Text(in_print(check.detail))
        for label, line in (("drawn:", check.domain), ("for every", check.box)):
            if line:
                detail.append("\n" if detail else "").append(f"{label} {line}", style="dim")
        rows.add_row(
            check.kind, Text(word, style=colours.get(word, "yellow")), str(check.cases), detail
        )
    return rows


# -- Markdown ---------------------------------------------------------------------------------


def verdicts_in_markdown(reports: Sequence[Report]) -> str:
    """The table of verdicts: the papers' claims, then the project's own, as Markdown."""
    own = [made for made in reports if made.claim.variant == "improved"]
    paper = _side_by_side(made for made in reports if made.claim.variant != "improved")
    parts = []
    if paper:
        heads = (
            "source", "statement", "as printed", "repair", "repaired", "evidence", "resources",
        )  # fmt: skip
        parts.append(markdown(heads, map(_statement, paper)))
    if own:
        rows = [
            (
                f"`{made.claim.id}`",
                in_print(made.claim.summary),
                _verdict(made),
                ", ".join(made.evidence),
                made.resources,
            )
            for made in own
        ]
        parts.append(markdown(("witness", "statement", "verdict", "evidence", "resources"), rows))
    return "\n".join(parts)


def _side_by_side(reports: Iterable[Report]) -> list[dict[str, Report]]:
    """{variant: report} of each statement; two claims of one id and variant stay two."""
    rows: list[tuple[str, dict[str, Report]]] = []
    for made in reports:
        id, variant = made.claim.key
        row = next((found for known, found in rows if known == id and variant not in found), None)
        if row is None:
            row = {}
            rows.append((id, row))
        row[variant] = made
    return [row for _, row in rows]


def _statement(found: dict[str, Report]) -> tuple[str, ...]:
    """The row of one statement: as printed, and as repaired."""
    printed, repaired = found.get("printed"), found.get("repaired")
    last = repaired or printed
    assert last is not None
    said = (printed or last).claim
    return (
        said.source or said.id,
        f"{in_print(said.summary)} (`{said.id}`)",
        _verdict(printed, "as read" if said.reading else ""),
        in_print(last.claim.repair) if repaired else "",
        _verdict(repaired),
        ", ".join(last.evidence),
        last.resources,
    )


def _verdict(made: Report | None, of: str = "") -> str:
    if made is None:
        return ""
    found = [said] if (said := made.finding) else []
    found += [f"note: {fault}" for fault in made.faults]
    word = f"**{made.verdict.name}** {of}".rstrip()
    return word + (f": {'; '.join(found)}" if found else "")
