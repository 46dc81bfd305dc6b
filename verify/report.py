"""Reports for people and machines: one writer per format (terminal, Markdown, JSON)."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .claim import Approximates, Budget, IllPosed, Refuted, Undecided
from .engine import Report

SCHEMA = "witness-report/1"
STRENGTHS = {
    "proved": "Coq's kernel, every dimension",
    "derived": "sympy, every dimension",
    "exact": "equal in fractions on the instances tried",
    "enclosed": "a rigorous bound on the stated box",
    "tested": "floats, within their computed rounding bound",
}
COLOURS = {
    "holds": "green",
    "approximates": "cyan",
    "refuted": "red",
    "ill-posed": "magenta",
    "undecided": "yellow",
}
NUMBERS = {
    "exact": ["rational"],
    "steps": ["rational"],
    "symbolic": ["symbolic"],
    "numeric": ["float64", "float32"],
    "enclosure": ["ball"],
}
PACKAGES = (
    "icl-witness", "numpy", "torch", "sympy", "hypothesis", "python-flint",
)  # fmt: skip


# -- JSON -------------------------------------------------------------------------------------


def document(
    reports: Sequence[Report],
    budget: Budget,
    files: Mapping[tuple[str, str], str] | None = None,
    seconds: bool = True,
) -> dict[str, Any]:
    """The JSON report. Equal for equal seeds, but for "seconds", which `seconds=False` leaves out.

    `files` gives the user's file that a claim (id, variant) comes from.
    """
    claims = []
    for report in reports:
        entry = report.to_json()
        if files and report.claim.key in files:
            entry["file"] = files[report.claim.key]
        if not seconds:
            for check in entry["checks"]:
                check.pop("seconds", None)
        claims.append(entry)
    kinds = dict.fromkeys(check.kind for report in reports for check in report.checks)
    return {
        "schema": SCHEMA,
        "claims": claims,
        "seed": budget.seed,
        "quick": budget.quick,
        "cases": budget.cases,
        "kernel": "coq" if budget.coq else None,
        "numbers": {kind: NUMBERS[kind] for kind in kinds if kind in NUMBERS},
        "versions": versions(),
    }


def dumps(data: Any) -> str:
    """JSON text; numbers that JSON lacks (inf, nan) as text, exact numbers as text."""
    return json.dumps(_finite(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    return str(value)


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    from importlib.metadata import PackageNotFoundError, version

    made = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            made[package] = version(package)
        except PackageNotFoundError:
            made[package] = "not installed as a package"
    return made


# -- words ------------------------------------------------------------------------------------


def evidence(report: Report) -> tuple[str, ...]:
    """Strengths of the checks that passed, strongest first."""
    passed = {check.strength for check in report.checks if check.passed}
    return tuple(strength for strength in STRENGTHS if strength in passed)


def finding(report: Report) -> str:
    """What was found, beyond the verdict's word, in one line; "" if the word says all."""
    verdict = report.verdict
    if isinstance(verdict, IllPosed):
        return verdict.where
    if isinstance(verdict, Undecided):
        return verdict.why
    if isinstance(verdict, Approximates):
        detail = f"; {verdict.detail}" if verdict.detail else ""
        return f"error at most {verdict.bound:.2g}{detail}"
    if isinstance(verdict, Refuted):
        difference = verdict.first_difference
        if difference:
            return (
                f"first wrong in layer {difference.get('layer')} ({difference.get('name', '')}), "
                f"slot {difference.get('slot')}, token {difference.get('token')}: is "
                f"{short(difference.get('is'))}, should be {short(difference.get('should'))}"
            )
        return next((check.detail for check in report.checks if check.passed is False), "")
    return ""


def resources(report: Report) -> str:
    """Detail of the resources check."""
    return "; ".join(check.detail for check in report.checks if check.kind == "resources")


def short(value: Any, limit: int = 48) -> str:
    """Numbers as text, cut where they grow long."""
    several = isinstance(value, (list, tuple))
    text = "(" + ", ".join(map(str, value)) + ")" if several else str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def counts(reports: Sequence[Report]) -> str:
    """ "12 claims: 9 hold, 2 refuted, 1 undecided; all as expected"."""
    found: dict[str, int] = {}
    for report in reports:
        found[report.verdict.name] = found.get(report.verdict.name, 0) + 1
    words = {"holds": "hold", "approximates": "approximate"}
    listed = ", ".join(
        f"{found[name]} {words.get(name, name) if found[name] > 1 else name}"
        for name in COLOURS
        if name in found
    )
    surprises = sum(not report.as_expected for report in reports)
    all_as = "all as expected" if not surprises else f"{surprises} not as expected"
    plural = "s" if len(reports) != 1 else ""
    return f"{len(reports)} claim{plural}: {listed}; {all_as}"


# -- terminal ---------------------------------------------------------------------------------


def console(stream: Any = None) -> Any:
    """A console that is wide where nobody's terminal limits it, so that no id is cut."""
    import sys

    from rich.console import Console

    class Quiet(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would exit with 1, which means something else here

    stream = stream or sys.stdout
    width = None if stream.isatty() else 180
    return Quiet(file=stream, width=width, highlight=False, soft_wrap=False)


def table(reports: Iterable[Report], width: int) -> Any:
    """A rich table, one row per claim; columns are joined where the terminal is narrow."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    wide = width >= 130
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    if wide:
        made.add_column("claim", no_wrap=True)
        made.add_column("variant", no_wrap=True)
        made.add_column("verdict", no_wrap=True)
        made.add_column("evidence", no_wrap=True)
    else:
        made.add_column("claim\nvariant", overflow="fold", min_width=min(30, width // 3))
        made.add_column("verdict\nevidence", no_wrap=True)
    made.add_column("what it says, what was found", overflow="fold", ratio=1)
    for report in reports:
        colour = COLOURS[report.verdict.name]
        verdict = Text(report.verdict.name, style=colour)
        if not report.as_expected:
            verdict.append(f"\n! expected {report.claim.expected}", style="bold red")
        strengths = evidence(report)
        said = Text(report.claim.summary)
        for line, style in (
            (finding(report), colour),
            (report.claim.repair and f"repair: {report.claim.repair}", "dim"),
        ):
            if line:
                said.append("\n" + " ".join(line.split()), style=style)
        if wide:
            made.add_row(
                Text(report.claim.id), report.claim.variant, verdict, " ".join(strengths), said
            )
        else:
            name = Text(f"{report.claim.id}\n").append(report.claim.variant, style="dim")
            for strength in strengths:
                verdict.append(f"\n{strength}", style="dim")
            made.add_row(name, verdict, said)
    return made


def legend(reports: Iterable[Report]) -> str:
    """What the words for evidence mean, those that occur."""
    seen = {strength for report in reports for strength in evidence(report)}
    return "\n".join(f"{name:9}{said}" for name, said in STRENGTHS.items() if name in seen)


def checks_table(report: Report) -> Any:
    """The checks of one claim, for a closer look."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    words = {True: ("passed", "green"), False: ("failed", "red"), None: ("open", "yellow")}
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("check", "result", "cases", "detail"):
        made.add_column(name, overflow="fold")
    for check in report.checks:
        word, colour = words[check.passed]
        made.add_row(check.kind, Text(word, style=colour), str(check.cases), Text(check.detail))
    return made


# -- Markdown ---------------------------------------------------------------------------------


def markdown(reports: Sequence[Report]) -> str:
    """The table of verdicts: the papers' claims, then the project's own, as Markdown."""
    claims: dict[str, dict[str, Report]] = {}
    for report in reports:
        claims.setdefault(report.claim.id, {})[report.claim.variant] = report
    paper = {id: found for id, found in claims.items() if set(found) != {"improved"}}
    own = [found["improved"] for found in claims.values() if "improved" in found]
    parts: list[str] = []
    rows: list[tuple[str, ...]] = []
    if paper:
        for id, found in paper.items():
            printed, repaired = found.get("printed"), found.get("repaired")
            last = repaired or printed
            assert last is not None
            said = (printed or last).claim
            rows.append(
                (
                    said.source or id,
                    f"{said.summary} (`{id}`)",
                    _verdict(printed),
                    last.claim.repair if repaired else "",
                    _verdict(repaired),
                    ", ".join(evidence(last)),
                    resources(last),
                )
            )
        heads: tuple[str, ...] = (
            "source", "statement", "as printed", "repair", "repaired", "evidence", "resources",
        )  # fmt: skip
        parts.append(_markdown_table(heads, rows))
    if own:
        rows = []
        for report in own:
            strengths, counted = ", ".join(evidence(report)), resources(report)
            said = report.claim
            rows.append((f"`{said.id}`", said.summary, _verdict(report), strengths, counted))
        heads = ("witness", "statement", "verdict", "evidence", "resources")
        parts.append(_markdown_table(heads, rows))
    return "\n".join(parts)


def _verdict(report: Report | None) -> str:
    if report is None:
        return ""
    said = finding(report)
    return f"**{report.verdict.name}**" + (f": {said}" if said else "")


def _markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")
