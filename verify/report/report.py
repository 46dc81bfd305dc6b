"""What a run of checks found: the report of each claim, and all of them as one JSON document."""

from __future__ import annotations

import hashlib
import math
import re
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
    Strength,
    Undecided,
    Verdict,
    is_as_expected,
)
from ..inputs.claim_files import file_of
from ..papers import paper_of
from .as_json import plain, sha256, versions
from .tables import in_print, readable, short

SCHEMA = "witness-report/1"
# what the words for evidence mean, strongest first: no more than every check of that strength has
# earned
STRENGTHS: Mapping[Strength, str] = {
    "proved": "Coq's kernel, for every prompt, as far as the check says",
    "derived": "sympy, for every prompt, as far as the check says",
    "exact": "decided exactly, on the instances tried or for every prompt of the sizes named",
    "enclosed": "a rigorous bound, for every input of the box that is named",
    "tested": "on the inputs tried alone: within what rounding explains, or the largest error seen",
}
PROOFS = ("proof", "kernel")  # checks that refute nothing where they do not succeed


def outcome(kind: str, passed: bool | None) -> str:
    """What came of a check: "passed", "failed", of a proof "not proved"; or "undecided"."""
    if passed is None:
        return "undecided"
    return "passed" if passed else "not proved" if kind in PROOFS else "failed"


NUMBERS = {
    "exact": ["rational"],
    "steps": ["rational"],
    "annotations": ["rational"],
    "symbolic": ["symbolic"],
    "identity": ["normal form"],
    "numeric": ["float64", "float32"],
    "enclosure": ["ball"],
}


@dataclass(frozen=True)
class Report:
    """A claim, its verdict, and the results of its checks."""

    claim: Claim
    verdict: Verdict
    checks: tuple[CheckResult, ...]
    digest: str | None = None

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one that the claim expects, or more."""
        return is_as_expected(self.verdict.name, self.claim.expected)

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong beside the claim itself: annotations that do not hold.

        Of a claim that is refuted they are no news.
        """
        if isinstance(self.verdict, Refuted):
            return ()
        return tuple(
            in_print(check.detail)
            for check in self.checks
            if check.kind == "annotations" and check.passed is False
        )

    @property
    def domain(self) -> str:
        """The inputs that the claim speaks of, in words; "" where it does not say."""
        return self.claim.domain.words if self.claim.domain is not None else ""

    @property
    def resources(self) -> str:
        """Detail of the resources check."""
        return in_print(
            "; ".join(check.detail for check in self.checks if check.kind == "resources")
        )

    @property
    def evidence(self) -> tuple[Strength, ...]:
        """Strengths of what the verdict rests on, strongest first; none where it rests on none."""
        verdict = self.verdict
        if isinstance(verdict, (Holds, Refuted)):
            return tuple(strength for strength in STRENGTHS if strength in verdict.strengths)
        if isinstance(verdict, Approximates):
            return ("enclosed",) if _bounded(verdict) else ("tested",)
        return ()

    @property
    def finding(self) -> str:
        """What was found, beyond the verdict's word, in one line; "" if the word says all."""
        if isinstance(self.verdict, Broken):  # what the code said, as it is
            return f"{self.verdict.where}: {self.verdict.why}"
        return in_print(self._found)

    @property
    def _found(self) -> str:
        verdict = self.verdict
        if isinstance(verdict, IllPosed):
            return verdict.where
        if isinstance(verdict, Undecided):
            return verdict.why
        if isinstance(verdict, Approximates):
            detail = f"; {verdict.detail}" if verdict.detail else ""
            if _bounded(verdict):
                return f"error at most {at_most(verdict.bound)} for every {verdict.box}{detail}"
            return f"largest error seen {at_most(verdict.bound)}, on the inputs tried{detail}"
        if isinstance(verdict, Refuted):
            if verdict.first_difference:
                return first_wrong(verdict.first_difference)
            return next((check.detail for check in self.checks if check.passed is False), "")
        return ""

    def to_json(self) -> dict[str, Any]:
        """The claim's entry in a JSON report."""
        made: dict[str, Any] = plain(entry(self))
        return made


def _bounded(verdict: Approximates) -> bool:
    """Whether its bound is one: for inputs that it names."""
    return verdict.strength == "enclosed" and bool(verdict.box.strip())


def first_wrong(difference: Mapping[str, Any]) -> str:
    """Where a slot first is not what it should be, in one line."""
    layer, name = f"layer {difference.get('layer')}", difference.get("name", "")
    called = f" ({readable(str(name))})" if name not in ("", layer) else ""
    return (
        f"first wrong in {layer}{called}, {place(difference)}: is {short(difference.get('is'))}, "
        f"should be {short(difference.get('should'))}"
    )


def place(difference: Mapping[str, Any]) -> str:
    """The slot and token of a difference as people count them, from one: of "gradient[1]", 2 it is
    "slot gradient, entry 2, token 3"."""
    slot = re.sub(r"\[(\d+)\]$", lambda found: f", entry {int(found[1]) + 1}",
                  str(difference.get("slot")))  # fmt: skip
    token = difference.get("token")
    return f"slot {slot}, token {token + 1 if isinstance(token, int) else token}"


def at_most(bound: Any) -> str:
    """Two digits of a bound, rounded up; what is no finite number as it is."""
    from ..checks.bounds import balls

    try:
        value = float(bound)
    except (TypeError, ValueError, OverflowError):
        return str(bound)
    return balls.at_most(value) if math.isfinite(value) else str(value)


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
    """{file: SHA-256} of the Python files among the names, as FILE.py or FILE.py:CLAIM, that can
    be read."""
    found = {}
    for name in filter(None, map(file_of, names)):
        if name not in found:
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
        "asked": asked and asdict(asked),
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
    for name in {"where", "why", "detail"} & found.keys() if verdict.name != "broken" else ():
        found[name] = in_print(found[name])
    if found.get("misfit") is None:
        found.pop("misfit", None)
    return {
        "id": claim.id,
        "variant": claim.variant,
        "source": claim.source,
        "reading": in_print(claim.reading),
        "summary": in_print(claim.summary),
        "statement": claim.statement,
        "domain": made.domain,
        "verdict": verdict.name,
        "expected": claim.expected,
        "evidence": list(made.evidence),
        "finding": made.finding,
        "faults": list(made.faults),
        "digest": made.digest,
        "checks": [_check(check) for check in made.checks],
        "repair": in_print(claim.repair) or None,
        **({"paper": paper.to_json()} if (paper := paper_of(claim)) else {}),
        **found,
    }


def _check(check: CheckResult) -> dict[str, Any]:
    names = ("kind", "strength", "passed", "cases", "max_error", "bound", "box", "domain")
    return {
        **{name: getattr(check, name) for name in names},
        "about": asdict(check.about) if check.about is not None else None,
        "detail": in_print(check.detail),
        "seconds": round(check.seconds, 3),
    }
