"""Statements by paper: a row for each, and one line that sums up a paper's.

Entries are those of a JSON report. One that was not run has no "verdict"; what its claim expects
stands in for it, and that is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..papers import Paper
from .tables import plural
from .text import COLOURS

Entry = Mapping[str, Any]
ORDER = tuple(COLOURS)  # of verdicts, the best first
FAIL, STAND = ("refuted", "ill-posed"), ("holds", "approximates")
MANY = {"holds": "hold", "approximates": "approximate"}


@dataclass(frozen=True)
class Statement:
    """One statement: the entries of what is printed, its repair, and what is better than either."""

    variants: Mapping[str, Entry]

    @property
    def said(self) -> Entry:
        """The entry that says what it is about: as printed, if it is in print."""
        return self.printed or next(iter(self.variants.values()))

    @property
    def printed(self) -> Entry | None:
        return self.variants.get("printed")

    @property
    def repaired(self) -> Entry | None:
        return self.variants.get("repaired")

    @property
    def reading(self) -> str:
        """How its source is read, where what is claimed is not what is printed there; else ""."""
        return str((self.printed or {}).get("reading") or "")

    @property
    def place(self) -> str:
        """Where in the paper it stands; the reading is not said again."""
        source = str(self.said.get("source", ""))
        if self.reading:
            for said in (f", read {self.reading}", f", {self.reading}"):
                source = source.removesuffix(said)
        return source.removeprefix(f"{self.paper}, ")

    @property
    def paper(self) -> str:
        """What its id begins with; "" of the project's own, which no paper prints."""
        own = "file" not in self.said and "paper" not in self.said
        if own and not (self.printed or self.repaired):
            return ""
        return str(self.said["id"]).partition(".")[0]


def statements(entries: Iterable[Entry]) -> list[Statement]:
    """The entries by their ids, in order; two claims of one id and variant stay two."""
    rows: list[tuple[Any, dict[str, Entry]]] = []
    for entry in entries:
        key = entry.get("file"), entry["id"]
        row = next((v for known, v in rows if known == key and entry["variant"] not in v), None)
        if row is None:
            rows.append((key, row := {}))
        row[entry["variant"]] = entry
    return [Statement(row) for _, row in rows]


def by_paper(rows: Iterable[Statement]) -> dict[str, list[Statement]]:
    """{paper: its statements}, without the project's own."""
    found: dict[str, list[Statement]] = {}
    for row in rows:
        if row.paper:
            found.setdefault(row.paper, []).append(row)
    return found


def as_printed(rows: Iterable[Statement]) -> list[Statement]:
    """Those that are in print, word by word or formula by formula."""
    return [row for row in rows if row.printed and not row.reading]


def readings(rows: Iterable[Statement]) -> list[Statement]:
    """Those that are read into what is printed, or out of it."""
    return [row for row in rows if row.reading]


def paper_in(rows: Iterable[Statement]) -> Paper | None:
    """The paper that a report names of these statements, if it names one."""
    named = (row.said["paper"] for row in rows if row.said.get("paper"))
    return next((Paper.from_json(made) for made in named), None)


def verdict(entry: Entry) -> str:
    """The verdict that was found; the one that is expected where nothing was run."""
    return str(entry.get("verdict") or entry["expected"])


def called(entry: Entry) -> str:
    """What a command calls the claim: its id, of a user's file after the file's name."""
    return f"{entry['file']}:{entry['id']}" if "file" in entry else str(entry["id"])


def was_run(entry: Entry) -> bool:
    return bool(entry.get("verdict"))


def mended(row: Statement) -> bool:
    """Whether there is a repair of what is printed, and it stands."""
    return bool(row.printed and row.repaired and verdict(row.repaired) in STAND)


def counts(rows: Sequence[Statement]) -> str:
    """ "17 statements, 7 hold, 10 refuted (10 repaired); 4 readings, 4 refuted (3 repaired)".

    Statements are counted as they are printed; apart from them those that are read into them; at
    the end repairs and constructions of what no paper prints.
    """
    stated, read = as_printed(rows), readings(rows)
    parts = [_counted(stated, "statement")] if stated or not read else []
    if read:
        parts.append(_counted(read, "reading"))
    if beyond := len(rows) - len(stated) - len(read):
        parts.append(f"{beyond} more not in print")
    return "; ".join(parts)


def _counted(rows: Sequence[Statement], noun: str) -> str:
    parts = [plural(len(rows), noun)]
    number = Counter(verdict(row.printed) for row in rows if row.printed)
    fixed = Counter(verdict(row.printed) for row in rows if row.printed and mended(row))
    for name in sorted(number, key=ORDER.index):
        word = MANY.get(name, name) if number[name] > 1 else name
        repaired = f" ({fixed[name]} repaired)" if name in FAIL and fixed[name] else ""
        parts.append(f"{number[name]} {word}{repaired}")
    return ", ".join(parts)


def not_run(rows: Sequence[Statement]) -> str:
    """Of how many statements and repairs the verdict is what is expected, as they were not run."""
    said = [row.said for row in rows]
    repairs = [row.repaired for row in rows if row.repaired and row.repaired is not row.said]
    if not any(map(was_run, (*said, *repairs))):
        return "expected, not run"
    parts = [
        plural(missing, noun)
        for noun, entries in (("statement", said), ("repair", repairs))
        if (missing := sum(not was_run(entry) for entry in entries))
    ]
    return f"{' and '.join(parts)} expected, not run" if parts else ""


def line(name: str, rows: Sequence[Statement], paper: Paper | None = None) -> str:
    """One line for a paper: "fu2023 · arXiv:2310.17086: 21 statements, …"."""
    return f"{paper.cited if paper else name}: {counts(rows)}"
