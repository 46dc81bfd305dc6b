"""Checks for claims that are no end-to-end prediction: slots after layers, counts, formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..claim import Budget, Check, CheckResult, Claim, Domain, Object, Promise
from ..hunt import Differs, hunt


def slots_hold(
    build: Callable[..., Any], cases: Callable[[], Any], domain: Domain | None = None
) -> Check:
    """steps: on every case of the domain, build(**parameters) leaves what its `holds` say."""

    def run(budget: Budget) -> CheckResult:
        from . import steps

        return steps.run(_unregistered(build, cases=cases, domain=domain), budget)

    return Check("steps", run, "exact")


def counts(
    build: Callable[..., Any],
    promises: tuple[Promise, ...],
    sizes: Callable[[], Sequence[Mapping[str, Any]]],
    of: str = "",
) -> Check:
    """resources: what build(**parameters) has at each size, against what is promised.

    `of` says which of a claim's witnesses these are, where there are several.
    """

    def run(budget: Budget) -> CheckResult:
        from . import resources

        found = resources.run(_unregistered(build, promises=promises, sizes=sizes), budget)
        return replace(found, detail=f"{of}: {found.detail}") if of else found

    return Check("resources", run, "exact")


def formula(
    cases: Callable[[], Any],
    test: Callable[[Any], Mapping[str, Any] | None],
    detail: str,
    domain: Domain | None = None,
) -> Check:
    """exact: test(case) gives None where the formula holds, else the numbers that differ.

    Those numbers are the counterexample; the smallest one that Hypothesis finds is kept.
    """

    def once(case: Any) -> None:
        wrong = test(case)
        if wrong is not None:
            raise Differs(", ".join(f"{name} = {value}" for name, value in wrong.items()), wrong)

    def run(budget: Budget) -> CheckResult:
        found = hunt(cases(), once, budget, domain)
        if found.failure is not None:
            return found.failure.result(found.cases)
        return CheckResult(True, found.cases, 0.0, 0.0, detail)

    return Check("exact", run, "exact", transformer=False)


def theorem(*names: str) -> Check:
    """proof: these theorems of `proofs` stand, and what they state they state for all dimensions.

    They are evidence for a claim that is such a statement itself, and runs no transformer: beside
    a transformer they are only shown. One that negates the claim then refutes it; one that fails
    leaves it undecided.
    """

    def run(budget: Budget) -> CheckResult:
        from proofs.registry import prove

        proofs = [proof for proof in prove(names) if proof.id in names]
        assumed = sum(bool(proof.assumes) for proof in proofs)
        under = f", {assumed} of them under assumptions" if assumed else ""
        about = Object(statement="; ".join(proof.statement for proof in proofs))
        made = CheckResult(True, len(proofs), about=about)
        for proof in proofs:
            if not proof.proved:
                return made.named(passed=False, detail=f"{proof.id} fails at {proof.failed}")
            if proof.kind == "negation":
                detail = f"the negation is proved: {proof.id}"
                shown = {"theorem": proof.id}
                return made.named(passed=False, cases=1, detail=detail, counterexample=shown)
        return made.named(detail=f"theorems of their own: {', '.join(names)}{under}")

    return Check("proof", run, "derived", transformer=False)


def _unregistered(build: Callable[..., Any], **fields: Any) -> Claim:
    """A claim that only carries what one check reads; it is not registered."""

    def none(*prompt: Any) -> None:
        raise NotImplementedError("this check compares no predictions")

    fields.setdefault("cases", lambda: None)
    return Claim(id="statement", witness=build, algorithm=none, **fields)
