"""What `check` says on the terminal: a line a paper, what does not hold, where to look next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..claim import builtin
from . import index
from .report import Report
from .text import COLOURS, counted


def tally(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each paper of a report's entries, and one for what no paper prints."""
    rows = index.statements(entries)
    lines = [
        index.line(name, its, index.paper_in(its)) for name, its in index.by_paper(rows).items()
    ]
    if own := [row.said for row in rows if not row.paper]:
        lines.append(f"witness, its own: {counted([index.verdict(one) for one in own])}")
    return lines


def not_holding(reports: Iterable[Report]) -> list[Report]:
    """Those whose verdict is not "holds", or not as expected, or that have a note; these first."""
    found = [
        made
        for made in reports
        if made.verdict.name != "holds" or not made.as_expected or made.faults
    ]
    return sorted(found, key=lambda made: made.as_expected)


def lines(reports: Sequence[Report], width: int) -> list[Any]:
    """A line for each, as rich text: verdict, claim, the reason, cut where the terminal ends."""
    from rich.text import Text

    verdicts, claims = [_verdict(made) for made in reports], [_named(made) for made in reports]
    of_verdict = max(map(len, verdicts))
    of_claim = min(max(map(len, claims)), max(24, width // 3))
    made_lines = []
    for made, verdict, claim in zip(reports, verdicts, claims):
        why = made.finding or "; ".join(f"note: {fault}" for fault in made.faults)
        style = COLOURS[made.verdict.name] if made.as_expected else "bold red"
        line = Text(verdict.ljust(of_verdict), style=style)
        line.append(f"  {_cut(claim, of_claim).ljust(of_claim)}  ", style="default")
        line.append(_cut(" ".join(why.split()), width - len(line)), style="default")
        made_lines.append(line)
    return made_lines


def _verdict(made: Report) -> str:
    name = made.verdict.name
    return name if made.as_expected else f"{name}, expected {made.claim.expected}"


def _named(made: Report) -> str:
    claim = made.claim
    return claim.id if claim.variant == "printed" else f"{claim.id} ({claim.variant})"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def look_next(
    reports: Sequence[Report], entries: Sequence[Mapping[str, Any]], rows: bool, evidence: bool
) -> list[str]:
    """Where to look after this; `rows` says that every claim had its row already, `evidence` that
    it had every check."""
    named = [pair for pair in zip(reports, entries) if not _of_a_folder(pair[0])]
    pairs = sorted(named, key=lambda pair: _interest(pair[0]))
    if not pairs:
        return []
    first = index.called(pairs[0][1])
    only = " --only" if _has_others_below(pairs[0][0], reports) else ""
    ways = [] if evidence else [f"`witness check {first}{only}` shows its evidence"]
    ways.append(f"`witness explain {first}` opens its page")
    if not rows:
        ways.append("--verbose has a row for every claim")
    return [f"next: {', '.join(ways)}"]


def _has_others_below(made: Report, reports: Sequence[Report]) -> bool:
    """Whether the claim's id names others too, "fu2023.eq21.mean" beside "fu2023.eq21"."""
    id = made.claim.id
    others = [*(one.claim for one in reports), *builtin(id)]
    return any(one.id.startswith(f"{id}.") for one in others)


def _of_a_folder(made: Report) -> bool:
    """Whether it is the claim of an export, which no other command knows by its id."""
    return ".exports." in getattr(made.claim.checks, "__module__", "")


def _interest(made: Report) -> int:
    """The smaller, the more there is to look at."""
    if not made.as_expected:
        return 0
    return 1 if made.verdict.name in ("refuted", "ill-posed") else 2
