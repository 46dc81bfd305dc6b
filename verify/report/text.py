"""Reports for people and machines: one writer per format (terminal, Markdown, JSON)."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..claim import (
    Approximates,
    Broken,
    Budget,
    CheckResult,
    Claim,
    Holds,
    IllPosed,
    Refuted,
    Undecided,
    Verdict,
)

SCHEMA = "witness-report/1"
# what the words for evidence mean: no more than every check of that strength has earned
STRENGTHS = {
    "proved": "Coq's kernel, for every prompt, as far as the check says",
    "derived": "sympy, for every prompt, as far as the check says",
    "exact": "decided in fractions, on the instances tried",
    "enclosed": "a rigorous bound, for every input of the box that is named",
    "tested": "on the inputs tried alone: within what rounding explains, or the largest error seen",
}
COLOURS = {
    "holds": "green",
    "approximates": "cyan",
    "refuted": "red",
    "ill-posed": "magenta",
    "undecided": "yellow",
    "broken": "bold red",
}
NUMBERS = {
    "exact": ["rational"],
    "steps": ["rational"],
    "annotations": ["rational"],
    "symbolic": ["symbolic"],
    "numeric": ["float64", "float32"],
    "enclosure": ["ball"],
}
PACKAGES = (
    "icl-witness", "numpy", "torch", "sympy", "hypothesis", "python-flint",
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """A claim, its verdict, and the results of its checks."""

    claim: Claim
    verdict: Verdict
    checks: tuple[CheckResult, ...]
    digest: str | None = None

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one that the claim expects."""
        return self.verdict.name == self.claim.expected

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong beside the claim itself: annotations that do not hold.

        Of a claim that is refuted they are no news.
        """
        if isinstance(self.verdict, Refuted):
            return ()
        return tuple(
            check.detail
            for check in self.checks
            if check.kind == "annotations" and check.passed is False
        )

    def to_json(self) -> dict[str, Any]:
        """The claim's entry in a JSON report."""
        made: dict[str, Any] = plain(entry(self))
        return made


# -- JSON -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What a run was asked for: names of claims, papers and files, and which variants of them."""

    names: tuple[str, ...] = ()
    variant: str = "all"


@dataclass(frozen=True)
class UserFile:
    """The Python file that a claim comes from, as it was named, and the SHA-256 of its bytes.

    Files that it imports are not part of it.
    """

    name: str
    sha256: str


def sha256_of(names: Iterable[str]) -> dict[str, str]:
    """{name: SHA-256} of those names that are Python files and can be read."""
    found = {}
    for name in names:
        if name.endswith(".py"):
            with suppress(OSError, ValueError):  # whoever loads it says what is wrong with it
                found[name] = hashlib.sha256(Path(name).read_bytes()).hexdigest()
    return found


def document(
    reports: Sequence[Report],
    budget: Budget,
    asked: Asked | None = None,
    files: Sequence[UserFile | None] = (),
    seconds: bool = True,
) -> dict[str, Any]:
    """The JSON report. Equal for equal seeds, but for "seconds", which `seconds=False` leaves out.

    `files` says of each report which file its claim is from, None for built-in ones. `sha256` is
    that of all the rest and shows that the text is as it was written; it is no signature: who
    edits the report on purpose can write another. What the report says is tested by a replay.
    """
    claims = []
    for number, made in enumerate(reports):
        one = entry(made)
        if number < len(files) and (file := files[number]) is not None:
            one |= {"file": file.name, "file_sha256": file.sha256}
        if not seconds:
            for check in one["checks"]:
                del check["seconds"]
        claims.append(one)
    kinds = dict.fromkeys(check.kind for made in reports for check in made.checks)
    data = {
        "schema": SCHEMA,
        "asked": asked and {"names": asked.names, "variant": asked.variant},
        "claims": claims,
        "seed": budget.seed,
        "quick": budget.quick,
        "cases": budget.cases,
        "kernel": "coq" if budget.coq else None,
        "numbers": {kind: NUMBERS[kind] for kind in kinds if kind in NUMBERS},
        "versions": versions(),
    }
    written: dict[str, Any] = plain(data)
    return written | {"sha256": sha256(written)}


def entry(made: Report) -> dict[str, Any]:
    """A claim's part of the JSON report: the claim, its verdict with all its fields, its checks."""
    claim, verdict = made.claim, made.verdict
    found: dict[str, Any] = {"counterexample": None, "first_difference": None}
    found |= {field.name: getattr(verdict, field.name) for field in fields(verdict)}
    for name in ("strength", "strengths"):
        found.pop(name, None)  # `evidence` has them
    return {
        "id": claim.id,
        "variant": claim.variant,
        "source": claim.source,
        "summary": claim.summary,
        "statement": claim.statement,
        "domain": domain(made),
        "verdict": verdict.name,
        "expected": claim.expected,
        "evidence": list(evidence(made)),
        "finding": finding(made),
        "faults": list(made.faults),
        "digest": made.digest,
        "checks": [_check(check) for check in made.checks],
        "repair": claim.repair or None,
        **found,
    }


def _check(check: CheckResult) -> dict[str, Any]:
    return {
        "kind": check.kind,
        "strength": check.strength,
        "passed": check.passed,
        "cases": check.cases,
        "max_error": check.max_error,
        "bound": check.bound,
        "box": check.box,
        "domain": check.domain,
        "about": asdict(check.about) if check.about is not None else None,
        "detail": check.detail,
        "seconds": round(check.seconds, 3),
    }


def sha256(document: Mapping[str, Any]) -> str:
    """SHA-256 of a report's JSON but for the field of this name, whatever its spaces and order."""
    rest = {name: value for name, value in document.items() if name != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def dumps(data: Any) -> str:
    """JSON text; numbers that JSON lacks (inf, nan) as text, exact numbers as text."""
    return json.dumps(plain(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """The same as JSON gives it back: lists, dicts with text as keys, numbers that JSON has."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        # half of a surrogate pair is text in Python, but cannot be written
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return plain(str(value))


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


def evidence(made: Report) -> tuple[str, ...]:
    """Strengths of what the verdict rests on, strongest first; none where it rests on none."""
    verdict = made.verdict
    if isinstance(verdict, (Holds, Refuted)):
        return tuple(strength for strength in STRENGTHS if strength in verdict.strengths)
    if isinstance(verdict, Approximates):
        return ("enclosed",) if _bounded(verdict) else ("tested",)
    return ()


def _bounded(verdict: Approximates) -> bool:
    """Whether its bound is one: for inputs that it names."""
    return verdict.strength == "enclosed" and bool(verdict.box.strip())


def finding(made: Report) -> str:
    """What was found, beyond the verdict's word, in one line; "" if the word says all."""
    verdict = made.verdict
    if isinstance(verdict, IllPosed):
        return verdict.where
    if isinstance(verdict, Undecided):
        return verdict.why
    if isinstance(verdict, Broken):
        return f"{verdict.where}: {verdict.why}"
    if isinstance(verdict, Approximates):
        detail = f"; {verdict.detail}" if verdict.detail else ""
        if _bounded(verdict):
            return f"error at most {at_most(verdict.bound)} for every {verdict.box}{detail}"
        return f"largest error seen {at_most(verdict.bound)}, on the inputs tried{detail}"
    if isinstance(verdict, Refuted):
        difference = verdict.first_difference
        if difference:
            return (
                f"first wrong in layer {difference.get('layer')} ({difference.get('name', '')}), "
                f"slot {difference.get('slot')}, token {difference.get('token')}: is "
                f"{short(difference.get('is'))}, should be {short(difference.get('should'))}"
            )
        failed = (check.detail for check in made.checks if check.passed is False)
        return next(failed, "")
    return ""


def at_most(bound: Any) -> str:
    """Two digits of a bound, rounded up; what is no finite number as it is."""
    from ..checks.bounds import balls

    try:
        value = float(bound)
    except (TypeError, ValueError, OverflowError):
        return str(bound)
    return balls.at_most(value) if math.isfinite(value) else str(value)


def resources(made: Report) -> str:
    """Detail of the resources check."""
    return "; ".join(check.detail for check in made.checks if check.kind == "resources")


def short(value: Any, limit: int = 48) -> str:
    """Numbers as text, cut where they grow long."""
    several = isinstance(value, (list, tuple))
    text = "(" + ", ".join(map(str, value)) + ")" if several else str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def counts(reports: Sequence[Report]) -> str:
    """ "12 claims: 9 hold, 2 refuted, 1 undecided; all as expected"."""
    found: dict[str, int] = {}
    for made in reports:
        found[made.verdict.name] = found.get(made.verdict.name, 0) + 1
    words = {"holds": "hold", "approximates": "approximate"}
    listed = ", ".join(
        f"{found[name]} {words.get(name, name) if found[name] > 1 else name}"
        for name in COLOURS
        if name in found
    )
    surprises = sum(not made.as_expected for made in reports)
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
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    if wide:
        rows.add_column("claim", no_wrap=True)
        rows.add_column("variant", no_wrap=True)
        rows.add_column("verdict", no_wrap=True)
        rows.add_column("evidence", no_wrap=True)
    else:
        rows.add_column("claim\nvariant", overflow="fold", min_width=min(30, width // 3))
        rows.add_column("verdict\nevidence", no_wrap=True)
    rows.add_column("what it says, what was found", overflow="fold", ratio=1)
    for made in reports:
        colour = COLOURS[made.verdict.name]
        verdict = Text(made.verdict.name, style=colour)
        if not made.as_expected:
            verdict.append(f"\n! expected {made.claim.expected}", style="bold red")
        strengths = evidence(made)
        said = Text(str(made.claim.summary))
        for line, style in (
            (finding(made), colour),
            *((f"note: {fault}", "yellow") for fault in made.faults),
            (made.claim.repair and f"repair: {made.claim.repair}", "dim"),
        ):
            if line:
                said.append("\n" + " ".join(line.split()), style=style)
        if wide:
            rows.add_row(
                Text(made.claim.id), made.claim.variant, verdict, " ".join(strengths), said
            )
        else:
            name = Text(f"{made.claim.id}\n").append(made.claim.variant, style="dim")
            for strength in strengths:
                verdict.append(f"\n{strength}", style="dim")
            rows.add_row(name, verdict, said)
    return rows


def legend(reports: Iterable[Report]) -> str:
    """What the words for evidence mean, those that occur."""
    seen = {strength for made in reports for strength in evidence(made)}
    return "\n".join(f"{name:9}{said}" for name, said in STRENGTHS.items() if name in seen)


def domain(made: Report) -> str:
    """The inputs that the claim speaks of, in words; "" where it does not say."""
    stated = getattr(made.claim, "domain", None)
    return stated.words if stated is not None else ""


def checks_table(made: Report) -> Any:
    """The checks of one claim, for a closer look."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    words = {True: ("passed", "green"), False: ("failed", "red"), None: ("open", "yellow")}
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("check", "result", "cases", "detail"):
        rows.add_column(name, overflow="fold")
    for check in made.checks:
        word, colour = words[check.passed]
        detail = Text(str(check.detail))
        for label, line in (("drawn:", check.domain), ("for every", check.box)):
            if line:
                detail.append("\n" if detail else "").append(f"{label} {line}", style="dim")
        rows.add_row(check.kind, Text(word, style=colour), str(check.cases), detail)
    return rows


# -- Markdown ---------------------------------------------------------------------------------


def markdown(reports: Sequence[Report]) -> str:
    """The table of verdicts: the papers' claims, then the project's own, as Markdown."""
    own = [made for made in reports if made.claim.variant == "improved"]
    paper = _side_by_side(made for made in reports if made.claim.variant != "improved")
    parts: list[str] = []
    if paper:
        rows: list[tuple[str, ...]] = []
        for found in paper:
            printed, repaired = found.get("printed"), found.get("repaired")
            last = repaired or printed
            assert last is not None
            said = (printed or last).claim
            rows.append(
                (
                    said.source or said.id,
                    f"{said.summary} (`{said.id}`)",
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
        for made in own:
            strengths, counted = ", ".join(evidence(made)), resources(made)
            said = made.claim
            rows.append((f"`{said.id}`", said.summary, _verdict(made), strengths, counted))
        heads = ("witness", "statement", "verdict", "evidence", "resources")
        parts.append(_markdown_table(heads, rows))
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


def _verdict(made: Report | None) -> str:
    if made is None:
        return ""
    found = [said] if (said := finding(made)) else []
    found += [f"note: {fault}" for fault in made.faults]
    return f"**{made.verdict.name}**" + (f": {'; '.join(found)}" if found else "")


def _markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")
