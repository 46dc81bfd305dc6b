"""`witness replay report.json`: runs the recorded claims again and says what changed.

A report whose digests are not those of today's witnesses is refused before anything runs: its
verdicts would be about other weights.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .claim import Budget, Claim, builtin, load_file
from .engine import digest_of
from .errors import WrongCall
from .report import SCHEMA, document, versions

# what a claim's entry must have, and what is compared; seconds are a matter of the machine
FIELDS = ("verdict", "digest", "checks", "counterexample", "first_difference")
CHECKED = ("kind", "strength", "passed", "cases", "max_error", "bound", "detail")


@dataclass(frozen=True)
class Change:
    """One thing that is not as recorded: a claim's verdict, counterexample or check."""

    id: str
    variant: str
    what: str
    recorded: Any
    now: Any

    @property
    def is_verdict(self) -> bool:
        """Whether the verdict itself changed, not only its evidence."""
        return self.what == "verdict"

    def __str__(self) -> str:
        return f"{self.id} ({self.variant}): {self.what} was {self.recorded}, is {self.now}"


def replay(
    path: str | Path, progress: Callable[[str], None] = lambda what: None
) -> tuple[Change, ...]:
    """The changes against the report at `path`; none if everything is as recorded.

    Raises WrongCall if the file is no report, names unknown claims, or its digests do not match.
    """
    recorded = load(path)
    budget = Budget(
        seed=recorded["seed"],
        cases=recorded.get("cases", Budget.cases),
        quick=bool(recorded.get("quick")),
        coq=recorded.get("kernel") == "coq",
    )
    claims = [find(entry, path) for entry in recorded["claims"]]
    for entry, claim in zip(recorded["claims"], claims):
        progress(f"{claim.id} ({claim.variant}): digest")
        digest = digest_of(claim)
        if digest != entry["digest"]:
            raise WrongCall(
                f"{path}: the weights of {claim.id} ({claim.variant}) are not those of the report: "
                f"digest {_short(digest)}, recorded {_short(entry['digest'])}"
            )
    changes: list[Change] = []
    for entry, claim in zip(recorded["claims"], claims):
        changes += compare(entry, run_one(claim, budget, progress))
    return tuple(changes)


def run_one(claim: Claim, budget: Budget, progress: Callable[[str], None]) -> dict[str, Any]:
    """The claim's entry in a report of today, as JSON gives it back."""
    from . import engine
    from .pool import one_thread
    from .report import dumps

    with one_thread():
        report = engine.run(claim, budget, progress)
    return json.loads(dumps(document([report], budget)))["claims"][0]


def compare(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """What differs between two entries of one claim."""
    changes = [
        Change(now["id"], now["variant"], field, recorded[field], now[field])
        for field in FIELDS
        if field != "checks" and recorded[field] != now[field]
    ]
    before, after = recorded["checks"], now["checks"]
    kinds = [check.get("kind") for check in before], [check["kind"] for check in after]
    if kinds[0] != kinds[1]:
        return [*changes, Change(now["id"], now["variant"], "checks", *kinds)]
    for old, new in zip(before, after):
        for field in CHECKED:
            if old.get(field) != new[field]:
                what = f"{new['kind']}: {field}"
                changes.append(Change(now["id"], now["variant"], what, old.get(field), new[field]))
    return changes


def load(path: str | Path) -> dict[str, Any]:
    """The report in a file. Raises WrongCall with one line where it is none."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        report = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise WrongCall(
            f"{path}: no report can be read from it: {' '.join(said.split())}"
        ) from None
    if not isinstance(report, dict) or report.get("schema") != SCHEMA:
        raise WrongCall(f"{path} is no report of `witness check --json` ({SCHEMA})")
    if type(report.get("seed")) is not int or type(report.get("cases", 1)) is not int:
        raise WrongCall(f"{path}: its seed or number of cases is no whole number")
    if report.get("cases", 1) < 1:
        raise WrongCall(f"{path}: its number of cases must be at least 1")
    if not isinstance(report.get("claims"), list) or not report["claims"]:
        raise WrongCall(f"{path} has no claims")
    for entry in report["claims"]:
        if not isinstance(entry, dict) or any(
            field not in entry for field in ("id", "variant", *FIELDS)
        ):
            raise WrongCall(f"{path}: an entry of its claims is not whole")
        if not isinstance(entry["checks"], list) or not all(
            isinstance(c, dict) for c in entry["checks"]
        ):
            raise WrongCall(f"{path}: the checks of {entry['id']!r} are not a list of checks")
    return report


def find(entry: Mapping[str, Any], path: str | Path) -> Claim:
    """The claim of an entry, built in or from the user's file that it names."""
    file = entry.get("file")
    claims = load_file(file) if isinstance(file, str) else builtin()
    for claim in claims:
        if claim.key == (entry["id"], entry["variant"]):
            return claim
    raise WrongCall(f"{path}: there is no claim {entry['id']!r} with variant {entry['variant']!r}")


def other_versions(path: str | Path) -> dict[str, tuple[str, str]]:
    """{package: (recorded, now)} where the report was made with other versions."""
    recorded, now = load(path).get("versions", {}), versions()
    return {
        name: (str(recorded.get(name)), now[name])
        for name in now
        if recorded.get(name) != now[name]
    }


def _short(digest: Any) -> str:
    return str(digest)[:12]
