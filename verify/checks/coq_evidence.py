"""kernel: what Coq's kernel says of a claim, with the weights of the very witness that runs."""

from __future__ import annotations

from functools import cache

from ..claim import Budget, CheckResult, Claim
from . import kernel
from .weights_coq import SOURCES, weights_file


def bearing(claim: Claim) -> tuple[kernel.Theorem, ...]:
    """The theorems on the claim's statement: as printed, repaired, or of its witness."""
    names = {claim.id, *claim.theorems}

    def bears(theorem: kernel.Theorem) -> bool:
        if claim.variant == "repaired":
            return bool(names & set(theorem.repairs))
        return bool(names & {theorem.id, *theorem.supports, *theorem.refutes})

    return tuple(theorem for theorem in kernel.theorems() if bears(theorem))


def run(claim: Claim, budget: Budget) -> CheckResult:
    """Every theorem has to be proved; a proved negation refutes. None where Coq was not run."""
    theorems = bearing(claim)
    if not budget.coq or not theorems:
        why = "not run: --kernel coq asks for it" if theorems else "no theorem in Coq bears on it"
        return CheckResult(None, detail=why)
    if reason := kernel.why_not():
        return CheckResult(None, detail=reason)
    ids = {theorem.id for theorem in theorems}
    results = [result for result in _results(claim, frozenset(ids)) if result.name in ids]
    cases, seconds = len(results), sum(result.seconds for result in results)
    for result in results:
        if result.status != "proved":
            detail = f"{result.name} is not proved: {result.log}"
            return CheckResult(False, cases, detail=detail, seconds=seconds)
    negations = [r.name for r in results if {claim.id, *claim.theorems} & set(r.theorem.refutes)]
    if negations and claim.variant == "printed":
        detail = f"the negation is proved: {', '.join(negations)}"
        return CheckResult(False, cases, detail=detail, seconds=seconds)
    detail = f"{cases} theorem{'s' if cases > 1 else ''}, closed under the global context"
    return CheckResult(True, cases, detail=detail, seconds=seconds)


def _results(claim: Claim, ids: frozenset[str]) -> tuple[kernel.Result, ...]:
    """Results with the claim's own witness; those of the unchanged witnesses are kept."""
    if claim.witness is not None and claim.id in {source.witness for source in SOURCES}:
        own = {claim.id: claim.witness}
        if weights_file(own) != weights_file():
            return kernel.run(ids, builders=own)
    return _everything()


@cache
def _everything() -> tuple[kernel.Result, ...]:
    return kernel.run()
