"""Checks for claims that are no end-to-end prediction: slots after layers, counts, formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..claim import Budget, CheckResult, Differs, Domain, Object, check
from ..hunt import hunt
from ..report import latex_text
from ..report.tables import told
from .resources import counts as counts
from .steps import slots_hold as slots_hold


@check("exact", "exact", transformer=False)
def formula(
    budget: Budget,
    cases: Callable[[], Any],
    test: Callable[[Any], Mapping[str, Any] | None],
    detail: str,
    domain: Domain | None = None,
) -> CheckResult:
    """test(case) gives None where the formula holds, else the numbers that differ.

    Those numbers are the counterexample; the smallest one that Hypothesis finds is kept.
    """

    def once(case: Any) -> None:
        wrong = test(case)
        if wrong is not None:
            raise Differs(told(wrong), wrong)

    return CheckResult(True, hunt(cases(), once, budget, domain), 0.0, 0.0, detail)


@check("enclosure", "tested", transformer=False)
def balls_meet(
    budget: Budget,
    cases: Callable[[], Any],
    test: Callable[[Any], Mapping[str, Any] | None],
    detail: str,
    domain: Domain | None = None,
) -> CheckResult:
    """The same where test(case) compares balls: where they are apart the formula is wrong, and that
    they meet is no equality, but tested."""
    found: CheckResult = formula(cases, test, detail, domain).run(budget)
    return found.named(max_error=None, bound=None)


@check("proof", "derived", transformer=False)
def theorem(budget: Budget, *names: str) -> CheckResult:
    """These theorems of `proofs` stand, and what they state they state for all dimensions.

    They are evidence for a claim that is such a statement itself, and runs no transformer: beside
    a transformer they are only shown. One that negates the claim then refutes it; one that fails
    leaves it undecided.
    """
    from constructions import prove

    proofs = [proof for proof in prove(names) if proof.id in names]
    assumed = sum(bool(proof.assumes) for proof in proofs)
    under = f", {assumed} of them under assumptions" if assumed else ""
    about = Object(statement="; ".join(proof.statement for proof in proofs))
    made = CheckResult(True, len(proofs), about=about)
    for proof in proofs:
        if not proof.proved:
            failed = latex_text.text(proof.failed or "")
            return made.named(passed=False, detail=f"{proof.id} fails at {failed}")
        if proof.kind == "negation":
            detail = f"the negation is proved: {proof.id}"
            shown = {"theorem": proof.id}
            return made.named(passed=False, cases=1, detail=detail, counterexample=shown)
    return made.named(detail=f"theorems of their own: {', '.join(names)}{under}")
