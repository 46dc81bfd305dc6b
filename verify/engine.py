"""The check engine: runs a claim's checks and lets the verdict follow from what they found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .claim import (
    Approximates,
    Budget,
    Check,
    CheckResult,
    Claim,
    Holds,
    IllPosed,
    Refuted,
    Undecided,
    Verdict,
)


class Differs(Exception):
    """Raised by a test on a case in which the claim is wrong."""

    def __init__(
        self,
        detail: str,
        counterexample: Mapping[str, Any] | None = None,
        first_difference: Mapping[str, Any] | None = None,
        max_error: float | None = None,
        bound: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.counterexample = counterexample
        self.first_difference = first_difference
        self.max_error = max_error
        self.bound = bound

    def result(self, cases: int) -> CheckResult:
        return CheckResult(
            False,
            cases,
            self.max_error,
            self.bound,
            self.detail,
            self.counterexample,
            self.first_difference,
        )


@dataclass(frozen=True)
class Hunt:
    """What a search for a counterexample found: cases run, and the shrunk failure if any."""

    cases: int
    failure: Differs | None


def hunt(strategy: Any, test: Callable[[Any], None], budget: Budget) -> Hunt:
    """Runs Hypothesis on `test`: seeded, without deadline, database or pytest.

    `test` raises Differs on a case where the claim fails; the smallest such case is returned.
    Any other exception is passed on. A tuple of strategies is hunted through in its order, at
    most half the cases in each but the last (or 20, which small sizes need): with small sizes
    first, what is found is of the smallest size.
    """
    if isinstance(strategy, tuple):
        cases = 0
        for number, stage in enumerate(strategy, start=1):
            fewer = min(budget.cases, max(20, budget.cases // 2))
            part = budget if number == len(strategy) else replace(budget, cases=fewer)
            found = hunt(stage, test, part)
            cases += found.cases
            if found.failure is not None:
                break
        return Hunt(cases, found.failure)
    import hypothesis
    from hypothesis import HealthCheck, Phase, Verbosity

    cases = 0
    smallest: tuple[Any, Differs] | None = None

    def once(case: Any) -> None:
        nonlocal cases, smallest
        cases += 1
        try:
            test(case)
        except Differs as failure:
            smallest = case, failure  # Hypothesis ends on the smallest one it can find
            raise

    searched = hypothesis.settings(
        max_examples=budget.cases,
        deadline=None,
        database=None,
        print_blob=False,
        verbosity=Verbosity.quiet,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )(hypothesis.seed(budget.seed)(hypothesis.given(strategy)(once)))
    try:
        searched()
    except Differs:
        assert smallest is not None
        return Hunt(cases, minimise(*smallest, test))
    return Hunt(cases, None)


def minimise(case: Any, failure: Differs, test: Callable[[Any], None]) -> Differs:
    """The failure of a case from which nothing more can be taken away, where a case knows how.

    Hypothesis shrinks entries well but not the sizes that they depend on.
    """
    shrunk = True
    while shrunk:
        shrunk = False
        for candidate in case.smaller() if hasattr(case, "smaller") else ():
            try:
                test(candidate)
            except Differs as found:
                case, failure, shrunk = candidate, found, True
                break
            except (ValueError, TypeError, ZeroDivisionError, IndexError):
                continue  # no case of this claim
    return failure


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

    def to_json(self) -> dict[str, Any]:
        """The claim's entry in a JSON report."""
        verdict = self.verdict
        checks = [
            {
                "kind": check.kind,
                "strength": check.strength,
                "passed": check.passed,
                "cases": check.cases,
                "max_error": check.max_error,
                "bound": check.bound,
                "detail": check.detail,
                "seconds": round(check.seconds, 3),
            }
            for check in self.checks
        ]
        where: dict[str, Any] = {}
        if isinstance(verdict, IllPosed):
            where = {"where": verdict.where}
        elif isinstance(verdict, Undecided):
            where = {"why": verdict.why}
        elif isinstance(verdict, Approximates):
            where = {"bound": verdict.bound}
        return {
            "id": self.claim.id,
            "variant": self.claim.variant,
            "source": self.claim.source,
            "summary": self.claim.summary,
            "verdict": verdict.name,
            "expected": self.claim.expected,
            "digest": self.digest,
            "checks": checks,
            "counterexample": getattr(verdict, "counterexample", None),
            "first_difference": getattr(verdict, "first_difference", None),
            "repair": self.claim.repair or None,
            **where,
        }


def decide(results: Iterable[CheckResult], ill_posed: str | None = None) -> Verdict:
    """The verdict that the evidence forces; `expected` plays no part in it.

    A proof that fails refutes nothing unless it is a proof of the negation: then it names that
    theorem as its counterexample. Otherwise the claim is undecided, whatever else passed.
    """
    if ill_posed is not None:
        return IllPosed(ill_posed)
    results = list(results)
    failures = [result for result in results if result.passed is False]
    unproved = [r for r in failures if r.kind in ("proof", "kernel") and r.counterexample is None]
    for failure in failures:
        if failure not in unproved:
            return Refuted(failure.counterexample, failure.first_difference)
    if unproved:
        return Undecided("; ".join(f"not proved: {result.detail}" for result in unproved))
    passed = [result for result in results if result.passed]
    # counted resources say nothing about what is computed, unless they are all that is claimed
    passed = [result for result in passed if result.kind != "resources"] or passed
    strengths = tuple(dict.fromkeys(result.strength for result in passed))
    if any(strength in ("exact", "derived", "proved") for strength in strengths):
        return Holds(strengths)  # type: ignore[arg-type]
    bounds = [result for result in passed if result.strength == "enclosed"]
    if bounds:
        worst = max((result.bound or 0.0 for result in bounds), default=0.0)
        details = "; ".join(result.detail for result in bounds if result.detail)
        return Approximates(worst, details)
    open_ends = [result.detail for result in results if result.passed is None and result.detail]
    return Undecided("; ".join(open_ends) or "no check that could decide it was run")


def checks_of(claim: Claim) -> tuple[Check, ...]:
    """The claim's own checks, and those that follow from its witness."""
    from .checks import standard

    made: list[Check] = list(standard(claim)) if claim.witness is not None else []
    if claim.checks is not None:
        made += list(claim.checks())
    return tuple(made)


def run(
    claim: Claim,
    budget: Budget | None = None,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Runs every check of a claim and decides."""
    budget = budget or Budget()
    if budget.quick:
        budget = replace(budget, cases=min(budget.cases, 20))
    from constructions.primitives import IllPosed as IllPosedError

    results: list[CheckResult] = []
    ill_posed: str | None = None
    try:
        checks = checks_of(claim)
    except IllPosedError as error:
        checks, ill_posed = (), str(error)
    for check in checks:
        if progress is not None:
            progress(f"{claim.id} ({claim.variant}): {check.kind}")
        start = time.perf_counter()
        try:
            result = check.run(budget)
        except IllPosedError as error:
            ill_posed = ill_posed or str(error)
            result = CheckResult(None, detail=str(error))
        results.append(
            result.named(
                kind=check.kind, strength=check.strength, seconds=time.perf_counter() - start
            )
        )
    return Report(claim, decide(results, ill_posed), tuple(results), digest_of(claim))


def with_kernel(reports: Sequence[Report]) -> list[Report]:
    """The reports with the evidence of Coq's kernel added, and decided again.

    The theories are compiled once for all claims. A theorem supports a claim as printed or
    improved, refutes it as printed, or supports its repair. Without Coq the check is not run.
    """
    from .checks import kernel
    from .checks.weights_coq import SOURCES

    written = {source.witness for source in SOURCES}  # those whose weights go into the theories
    builders = {
        report.claim.id: report.claim.witness
        for report in reports
        if report.claim.id in written and report.claim.witness is not None
    }
    bearing = {report.claim.key: _bearing(report.claim, kernel.theorems()) for report in reports}
    wanted = sorted({theorem.id for found in bearing.values() for theorem in found})
    outcomes = (
        {result.theorem.id: result for result in kernel.run(wanted, builders)} if wanted else {}
    )
    made = []
    for report in reports:
        results = [outcomes[theorem.id] for theorem in bearing[report.claim.key]]
        if not results:
            made.append(report)
            continue
        check = _kernel_check(report.claim, results).named(
            kind="kernel", strength="proved", seconds=sum(result.seconds for result in results)
        )
        checks = (*report.checks, check)
        ill_posed = report.verdict.where if isinstance(report.verdict, IllPosed) else None
        made.append(replace(report, checks=checks, verdict=decide(checks, ill_posed)))
    return made


def _bearing(claim: Claim, theorems: Iterable[Any]) -> list[Any]:
    if claim.variant == "repaired":
        return [theorem for theorem in theorems if claim.id in theorem.repairs]
    return [t for t in theorems if claim.id in t.supports or claim.id in t.refutes]


def _kernel_check(claim: Claim, results: Sequence[Any]) -> CheckResult:
    """The results of the theorems that bear on a claim, as one check."""
    not_run = next((result for result in results if result.status == "not run"), None)
    if not_run is not None:
        return CheckResult(None, detail=not_run.log)
    broken = next((result for result in results if result.status != "proved"), None)
    if broken is not None:
        last = broken.log.strip().splitlines()[-1:] or ["no reason given"]
        return CheckResult(False, detail=f"{broken.name} does not compile: {last[0]}")
    names = ", ".join(result.name for result in results)
    refuting = [result.name for result in results if claim.id in result.theorem.refutes]
    if refuting and claim.variant == "printed":
        return CheckResult(
            False, len(results), detail=f"the negation is proved: {', '.join(refuting)}",
            counterexample={"theorem": refuting[0]},
        )  # fmt: skip
    return CheckResult(True, len(results), detail=f"closed under the global context: {names}")


def digest_of(claim: Claim) -> str | None:
    """Digest of the claim's witnesses at the sizes on which its resources are counted."""
    import hashlib

    if claim.witness is None or claim.sizes is None:
        return None
    digests = [claim.witness(**parameters).digest for parameters in claim.sizes()]
    return hashlib.sha256("".join(digests).encode()).hexdigest()
