"""witness replay: runs a recorded report again and says what changed.

Nothing runs that the caller did not name: a report may name Python files, but only files given in
the call are executed, and only if their SHA-256 is the recorded one. A report whose text was
edited, or that is about other weights than today's, is refused before anything runs. Then the
whole document is made once more and compared field by field; only run times may differ.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import pool
from ..claim import VARIANTS, Budget
from ..inputs.claim_files import file_of, split
from ..inputs.errors import MOST_WORKERS, WrongCall, at_least
from ..inputs.files import reason
from ..inputs.names import Chosen, choose
from ..inputs.progress import Progress, Say, nothing
from ..report.as_json import dumps, sha256
from ..report.report import SCHEMA, Asked, UserFile, document, sha256_of
from ..report.tables import plural, short
from .options import WORKERS

Types = Mapping[str, type | tuple[type, ...]]
# what a report has, and of which type; anything else is refused by name
REPORT: Types = {
    "schema": str, "asked": dict, "claims": list, "seed": int, "quick": bool, "cases": int,
    "kernel": (str, type(None)), "numbers": dict, "versions": dict, "sha256": str,
}  # fmt: skip
ENTRY: Types = {
    "id": str, "variant": str, "source": str, "reading": str, "summary": str, "statement": str,
    "domain": str, "verdict": str, "expected": str, "evidence": list, "finding": str,
    "faults": list, "digest": (str, type(None)), "checks": list, "repair": (str, type(None)),
    "counterexample": (dict, type(None)), "first_difference": (dict, type(None)),
}  # fmt: skip
ENTRY_MAY: Types = {
    "where": str, "why": str, "bound": (float, int, str), "box": str, "detail": str,
    "file": str, "file_sha256": str, "paper": dict, "misfit": dict,
}  # fmt: skip
CHECK: Types = {
    "kind": str, "strength": str, "passed": (bool, type(None)), "cases": int,
    "max_error": (float, int, str, type(None)), "bound": (float, int, str, type(None)),
    "box": str, "domain": str, "about": (dict, type(None)), "detail": str,
}  # fmt: skip
CHECK_MAY: Types = {"seconds": (float, int)}

ABSENT = object()


@dataclass(frozen=True)
class Change:
    """One field that is not as recorded; `where` is the claim that it is of, "" for the report."""

    where: str
    what: str
    recorded: Any
    now: Any

    @property
    def is_verdict(self) -> bool:
        """Whether the verdict itself changed, not only its evidence."""
        return self.what == "verdict"

    @property
    def is_version(self) -> bool:
        """Whether it is only that other versions of packages were used."""
        return not self.where and self.what.startswith("versions.")

    def __str__(self) -> str:
        subject = f"{self.where}: " if self.where else ""
        before, after = _side_by_side(self.recorded, self.now)
        return f"{subject}{self.what} was {before}, is {after}"


def replay(
    report: Annotated[
        str, typer.Argument(metavar="REPORT.json", help="What `witness check --json` wrote.")
    ],
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE.py]...",
            help="The report's own files of claims: what is not named here is not executed.",
        ),
    ] = None,
    other_versions: Annotated[
        bool,
        typer.Option("--other-versions", help="Other versions of packages are no change."),
    ] = False,
    workers: WORKERS = 0,
) -> int:
    """Run a report again; compare all of it but run times.

    Refused, before anything runs: a report that was edited, is about other weights than today's,
    or has claims from a file that is not named here or is not the recorded one.

    Exit status 1: something is not as recorded; each such field is a line.
    """
    at_least("workers", workers, most=MOST_WORKERS)
    recorded = load(report)
    count = len(recorded["claims"])
    processes = workers or os.cpu_count() or 1
    with Progress("claims", count) as progress:
        now = run_again(recorded, report, files or (), processes, progress, progress.done)
    changes = compare(recorded, now)
    for change in changes:
        print(change)
    if other_versions:
        changes = tuple(change for change in changes if not change.is_version)
    verdicts = sum(change.is_verdict for change in changes)
    said = f"{verdicts} changed" if verdicts else "none changed"
    others = len(changes) - verdicts
    print(f"{plural(count, 'verdict')} compared, {said}; {others} other differences")
    return 1 if changes else 0


def run_again(
    recorded: Mapping[str, Any],
    path: str | Path,
    files: Sequence[str] = (),
    workers: int = 1,
    progress: Say = nothing,
    done: Say = nothing,
) -> dict[str, Any]:
    """The report that today's claims give to the same call, as JSON gives it back."""
    hashes = sha256_of(files)
    chosen = claims_of(recorded, path, files)
    for one, entry in zip(chosen, recorded["claims"]):
        progress(f"{named(entry)}: digest")
        digest = pool.digest(one.claim)
        if digest != entry["digest"]:
            raise WrongCall(
                f"{path}: the weights of {named(entry)} are not those of the report: "
                f"digest {_short(digest)}, recorded {_short(entry['digest'])}"
            )
    budget = Budget(
        recorded["seed"], recorded["cases"], recorded["quick"], recorded["kernel"] == "coq"
    )
    reports = pool.reports(chosen, budget, workers, progress, done)
    if sha256_of(files) != hashes:
        raise WrongCall("a file of claims was changed while it was being checked")
    asked = Asked(tuple(recorded["asked"]["names"]), recorded["asked"]["variant"])
    sources = [
        UserFile(entry["file"], entry["file_sha256"]) if "file" in entry else None
        for entry in recorded["claims"]
    ]
    again: dict[str, Any] = json.loads(dumps(document(reports, budget, asked, sources)))
    return again


def claims_of(
    recorded: Mapping[str, Any], path: str | Path, files: Sequence[str] = ()
) -> list[Chosen]:
    """The claims that the report was asked for: they must be those that it has, in their order.

    Raises WrongCall, before it executes anything, unless the files of the call are the report's.
    """
    entries, asked = recorded["claims"], recorded["asked"]
    stands_for = _files(recorded, path, files)
    names = [_renamed(name, stands_for) for name in asked["names"]]
    chosen = choose(names, asked["variant"])
    today = [(*one.claim.key, one.file) for one in chosen]
    there = [
        (entry["id"], entry["variant"], stands_for[entry["file"]] if "file" in entry else None)
        for entry in entries
    ]
    for key in there:
        if key not in today:
            raise WrongCall(f"{path}: {key[0]!r} ({key[1]}) is no claim that it was asked for")
    for key in today:
        if key not in there:
            raise WrongCall(f"{path}: {key[0]} ({key[1]}) was asked for and is missing in it")
    if there != today:
        raise WrongCall(f"{path}: its claims are not those it was asked for, each once, in order")
    return chosen


def _renamed(name: str, stands_for: Mapping[str, str]) -> str:
    """The same name of a claim, in the file of the call that stands for the recorded one."""
    parts = split(name)
    if parts is None:
        return name
    file, id = parts
    return stands_for[file] if id is None else f"{stands_for[file]}:{id}"


def _files(recorded: Mapping[str, Any], path: str | Path, files: Sequence[str]) -> dict[str, str]:
    """{file as the report names it: file of the call}, whose SHA-256 are equal."""
    wanted: dict[str, str] = {}
    for entry in recorded["claims"]:
        if "file" in entry:
            if wanted.setdefault(entry["file"], entry["file_sha256"]) != entry["file_sha256"]:
                raise WrongCall(f"{path}: two file_sha256 for {entry['file']!r}")
    asked = set(filter(None, map(file_of, recorded["asked"]["names"])))
    if asked != wanted.keys():
        names = ", ".join(sorted(map(_text, asked ^ wanted.keys())))
        raise WrongCall(f"{path}: its asked.names and the file of its claims do not agree: {names}")
    if wanted and not files:
        call = " ".join(shlex.quote(_text(name)) for name in (str(path), *wanted))
        raise WrongCall(
            f"{path}: it has claims from files, and only those that you name are executed: "
            f"witness replay {call}"
        )
    hashes: dict[str, str] = {}
    for file in files:
        found = sha256_of([file])
        if not found:
            raise WrongCall(f"{file}: there is no Python file of this name that can be read")
        hashes |= found
    found_for = {}
    for name, digest in wanted.items():
        same = next((file for file, of_file in hashes.items() if of_file == digest), None)
        if same is None:
            raise WrongCall(
                f"{path}: none of the files given is {name!r} of the report: file_sha256 "
                f"{_short(digest)}, given {', '.join(map(_short, hashes.values()))}"
            )
        found_for[name] = same
    for file in hashes:
        if file not in found_for.values():
            raise WrongCall(f"{path}: no claim of it is from {file}")
    return found_for


# -- comparing --------------------------------------------------------------------------------


def compare(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Change, ...]:
    """Every field that differs between two reports with the same claims, but for run times."""
    changes: list[Change] = []
    for name in REPORT:
        if name not in ("claims", "sha256"):
            changes += _differences("", name, recorded[name], now[name])
    for before, after in zip(recorded["claims"], now["claims"]):
        changes += _of_claim(before, after)
    return tuple(changes)


def _of_claim(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        if name != "checks":
            old, new = before.get(name, ABSENT), after.get(name, ABSENT)
            yield from _differences(named(after), name, old, new)
    kinds = [[check["kind"] for check in entry["checks"]] for entry in (before, after)]
    if kinds[0] != kinds[1]:
        yield Change(named(after), "checks", *kinds)
        return
    for old, new in zip(before["checks"], after["checks"]):
        for name in CHECK:
            yield from _differences(named(after), f"{new['kind']}: {name}", old[name], new[name])


def _differences(where: str, what: str, old: Any, new: Any) -> Iterator[Change]:
    """The parts in which two values differ; numbers and truth values are never each other's."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            inner = f"{what}.{name}" if name.isprintable() else f"{what}.{name!r}"
            before, after = old.get(name, ABSENT), new.get(name, ABSENT)
            yield from _differences(where, inner, before, after)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new)):
            yield from _differences(where, f"{what}[{number}]", before, after)
    elif type(old) is not type(new) or old != new:
        yield Change(where, what, old, new)


def _side_by_side(old: Any, new: Any, limit: int = 60) -> tuple[str, str]:
    """Two values as one line each, long ones from a little before the place where they differ."""
    texts = ["absent" if value is ABSENT else _text(value) for value in (old, new)]
    if max(map(len, texts)) <= limit:
        return texts[0], texts[1]
    same = next((i for i, (a, b) in enumerate(zip(*texts)) if a != b), min(map(len, texts)))
    start = max(0, same - 12)
    before, after = ("…" * (start > 0) + short(text[start:], limit) for text in texts)
    return before, after


def _text(value: Any) -> str:
    """A value from a file that may be anybody's: nothing in it can steer a terminal."""
    return value if isinstance(value, str) and value.isprintable() and value else repr(value)


# -- reading ----------------------------------------------------------------------------------


def load(path: str | Path) -> dict[str, Any]:
    """The report in a file. Raises WrongCall with one line where it is none, or was edited."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        report = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
        digest = sha256(report) if isinstance(report, dict) else ""
    except (OSError, ValueError, RecursionError) as error:
        raise WrongCall(f"{path}: no report can be read from it: {reason(error)}") from None
    if not isinstance(report, dict) or report.get("schema") != SCHEMA:
        raise WrongCall(f"{path} is no report of `witness check --json`, whose schema is {SCHEMA}")
    _shape(report, REPORT, {}, f"{path}")
    if digest != report["sha256"]:
        raise WrongCall(
            f"{path}: it was edited after it was written: its sha256 is {_short(digest)}, recorded "
            f"{_short(report['sha256'])}; nothing was run"
        )
    _values(report, f"{path}")
    for number, entry in enumerate(report["claims"]):
        where = f"{path}: claims[{number}]"
        if not isinstance(entry, dict):
            raise WrongCall(f"{where} is no claim")
        _shape(entry, ENTRY, ENTRY_MAY, where)
        if ("file" in entry) != ("file_sha256" in entry):
            raise WrongCall(f"{where} must have both of file and file_sha256, or none")
        for place, check in enumerate(entry["checks"]):
            if not isinstance(check, dict):
                raise WrongCall(f"{where}.checks[{place}] is no check")
            _shape(check, CHECK, CHECK_MAY, f"{where}.checks[{place}]")
    return report


def _shape(given: Mapping[str, Any], must: Types, may: Types, where: str) -> None:
    """Raises WrongCall for a field that is missing, unknown or of another type."""
    known = {**must, **may}
    for name in given:
        if name not in known:
            raise WrongCall(f"{where} has a field {name!r}, which no report has")
    for name in must:
        if name not in given:
            raise WrongCall(f"{where} has no field {name!r}; was it made by an older version?")
    for name, value in given.items():
        types = known[name]
        allowed = types if isinstance(types, tuple) else (types,)
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            raise WrongCall(f"{where}: {name} cannot be {short(repr(value))}")


def _values(report: Mapping[str, Any], where: str) -> None:
    """Raises WrongCall for what no call of `witness check` gives."""
    asked = report["asked"]
    _shape(asked, {"names": list, "variant": str}, {}, f"{where}: asked")
    if not all(isinstance(name, str) for name in asked["names"]):
        raise WrongCall(f"{where}: asked.names must be names")
    if asked["variant"] not in (*VARIANTS, "all"):
        raise WrongCall(f"{where}: asked.variant cannot be {short(repr(asked['variant']))}")
    if not 0 <= report["seed"] < 2**63:
        raise WrongCall(f"{where}: seed must be between 0 and 2^63 - 1, not {report['seed']}")
    if report["cases"] < 1:
        raise WrongCall(f"{where}: cases must be at least 1, not {report['cases']}")
    if report["kernel"] not in (None, "coq"):
        raise WrongCall(f"{where}: kernel must be null or coq, not {short(repr(report['kernel']))}")
    if not all(isinstance(version, str) for version in report["versions"].values()):
        raise WrongCall(f"{where}: versions must be text")
    if not report["claims"]:
        raise WrongCall(f"{where} has no claims")


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; two readers could take two different values for one name given twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(name for name, _ in pairs if [n for n, _ in pairs].count(name) > 1)
        raise ValueError(f"field {twice!r} is given twice")
    return made


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def named(entry: Mapping[str, Any]) -> str:
    """ "newton (improved)"."""
    return f"{_text(entry['id'])} ({_text(entry['variant'])})"


def _short(digest: Any) -> str:
    return _text(digest)[:12] if digest is not None else "none"
