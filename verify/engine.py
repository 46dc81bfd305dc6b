"""The check engine: runs a claim's checks and lets the verdict follow from what they found."""

from __future__ import annotations

import hashlib
import inspect
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from .claim import (
    Approximates,
    Broken,
    Budget,
    Builder,
    Check,
    CheckResult,
    Claim,
    Holds,
    IllPosed,
    Object,
    Refuted,
    Strength,
    Undecided,
    Verdict,
)
from .hunt import draw_anew, drawn
from .report.report import PROOFS, STRENGTHS, Report

NO_EVIDENCE = ("annotations",)  # kinds of checks: what a witness says of itself is its own fault
FIRST = 8  # cases of a quick check; their witnesses stand for a claim that counts no resources

# what is found of something else than a claim's own transformers
OF_ANOTHER = Object(statement="found without the transformers that the claim's builder makes")

IN_FLOATS = "numeric"  # the kind of checks that need torch

# what was found of the check at a place by somebody else, who may still be at it; None: nothing
Elsewhere: TypeAlias = Callable[[int], CheckResult | None]


def decide(
    results: Iterable[CheckResult],
    ill_posed: IllPosed | None = None,
    about: Object | None = None,
) -> Verdict:
    """The verdict that the evidence forces; `expected` plays no part in it.

    `about` is the object of a claim about transformers (Object() where it has no letters), None
    for a claim that is a statement. Each check of the claim's own is of a part of its statement,
    and one that is left open leaves the claim open; those that follow from a builder are several
    looks at one equality. Evidence about another object is left out, and so are annotations, whose
    faults are their own. A proof that fails refutes nothing unless it is a proof
    of the negation: then it names that theorem as its counterexample. Otherwise the claim is
    undecided, whatever else passed.
    """
    if ill_posed is not None:
        return ill_posed
    found = list(results)
    results = [result for result in found if counts(result, about)]
    failures = [result for result in results if result.passed is False]
    unproved = [r for r in failures if r.kind in PROOFS and r.counterexample is None]
    wrong = [failure for failure in failures if failure not in unproved]
    if wrong:
        shown = next((one for one in wrong if one.counterexample is not None), wrong[0])
        difference = shown.first_difference
        return Refuted(shown.counterexample, difference, _strengths(wrong))
    if unproved:
        return Undecided("; ".join(f"not proved: {result.detail}" for result in unproved))
    if any(map(_is_open_part, found)):
        return Undecided(_open_ends(found, about))
    # counted resources say nothing about what is computed, unless they are all that was asked
    asked = [result for result in results if result.kind != "resources"] or results
    passed = [result for result in asked if result.passed]
    strengths = _strengths(passed)
    if any(strength in ("exact", "derived", "proved") for strength in strengths):
        return Holds(strengths)
    near = _near(passed)
    return near if near is not None else Undecided(_open_ends(found, about))


def _is_open_part(result: CheckResult) -> bool:
    """Whether it leaves a part of the statement open, a proof that says of no object too."""
    return result.own and result.passed is None and result.kind not in NO_EVIDENCE


def counts(result: CheckResult, about: Object | None) -> bool:
    """Whether a result is evidence for or against the claim that is about this object."""
    if result.kind in NO_EVIDENCE:
        return False
    if result.strength in ("derived", "proved"):  # a proof that does not say of what is none
        of = result.about
        return of is not None and (about is None if of.statement else of == about)
    return result.about is None or result.about == about


def _strengths(results: Iterable[CheckResult]) -> tuple[Strength, ...]:
    found = {strength_of(result) for result in results}
    return tuple(strength for strength in STRENGTHS if strength in found)


def strength_of(result: CheckResult) -> str:
    """The strength of a result: what passes as enclosed without a box was tested."""
    unbounded = result.strength == "enclosed" and result.passed and not is_bound(result)
    return "tested" if unbounded else result.strength


def _near(passed: Sequence[CheckResult]) -> Approximates | None:
    """A bound on boxes, if every enclosure has one; else the largest error seen, if one was."""
    near = [r for r in passed if r.kind == "enclosure" or r.strength == "enclosed"]
    boxed = [result for result in near if strength_of(result) == "enclosed"]
    details = "; ".join(dict.fromkeys(result.detail for result in near if result.detail))
    if near and len(boxed) == len(near):
        boxes = "; ".join(dict.fromkeys(result.box for result in boxed))
        return Approximates(max(r.bound for r in boxed if r.bound is not None), details, boxes)
    errors = [result.max_error for result in near if result.max_error is not None]
    if len(errors) == len(near) and errors:
        return Approximates(max(errors), details, strength="tested")
    return None


def is_bound(result: CheckResult) -> bool:
    """Whether a result bounds the error for every input of a box that it names."""
    return result.bound is not None and math.isfinite(result.bound) and bool(result.box.strip())


def _open_ends(found: Iterable[CheckResult], about: Object | None) -> str:
    open_ends = []
    for result in found:
        if result.about == OF_ANOTHER:
            open_ends.append(f"{OF_ANOTHER.statement}: {result.detail or result.kind}")
        elif not counts(result, about) and not _is_open_part(result):
            continue
        elif result.passed is None:
            open_ends.append(result.detail)
        elif result.strength == "enclosed" and result.max_error is None and not is_bound(result):
            open_ends.append(f"no bound on a box and no error seen: {result.detail}")
    return "; ".join(filter(None, open_ends)) or "no check that could decide it was run"


def checks_of(claim: Claim) -> tuple[Check, ...]:
    """The claim's own checks, and those that follow from its witness."""
    from .checks import standard

    made: list[Check] = list(standard(claim)) if claim.witness is not None else []
    made += (_of_its_own(claim, one) for one in claim.own_checks())
    return tuple(made)


def _of_its_own(claim: Claim, check: Check) -> Check:
    """The check, of a part of the statement, which supports nothing where it passes and never asked
    for the claim's witness.

    What it found of an object that it names is compared by that name; resources support nothing
    beside what is computed.
    """
    builder = claim.witness if check.kind != "resources" else None

    def run(budget: Budget) -> CheckResult:
        before = builder.asked if isinstance(builder, Builder) else None
        result = check.run(budget).named(own=True)
        if not isinstance(builder, Builder) or builder.asked != before:
            return result
        if not result.passed or result.about not in (None, Object()):
            return result
        return result.named(about=OF_ANOTHER)

    return replace(check, run=run)


def run(
    claim: Claim,
    budget: Budget | None = None,
    progress: Callable[[str], None] | None = None,
    only_evidence: bool = False,
    elsewhere: Elsewhere | None = None,
) -> Report:
    """Runs every check of a claim and decides; `only_evidence`: none that counts for no verdict.

    Checks in floats are looked for `elsewhere` first, after the others are made.
    """
    budget = budget or Budget()
    from constructions.papers.akyurek2022.operations import IllPosed as IllPosedError

    draw_anew()
    found: dict[int, CheckResult] = {}
    ill_posed: dict[int, IllPosed] = {}
    try:
        checks = checks_of(claim)
    except IllPosedError as error:
        checks, ill_posed[0] = (), IllPosed(str(error), error.misfit)
    in_order = list(enumerate(checks))
    if elsewhere is not None:
        in_order.sort(key=lambda one: one[1].kind == IN_FLOATS)
    for place, check in in_order:
        if only_evidence and check.kind in NO_EVIDENCE:
            continue
        if progress is not None:
            progress(f"{claim.id} ({claim.variant}): {check.kind}")
        known = elsewhere(place) if elsewhere is not None and check.kind == IN_FLOATS else None
        if known is not None and (known.kind, known.strength) != (check.kind, check.strength):
            known = None  # a claim that makes other checks each time: its own are run
        start = time.perf_counter()
        try:
            found[place] = known or result_of(check, budget)
        except IllPosedError as error:
            ill_posed[place] = IllPosed(str(error), error.misfit)
            failed = CheckResult(None, detail=str(error))
            found[place] = _named(failed, check, start)
    results = tuple(found[place] for place in sorted(found))
    first = ill_posed[min(ill_posed)] if ill_posed else None
    return Report(
        claim,
        decide(results, first, object_of(claim, checks)),
        results,
        digest_of(claim),
    )


def result_of(check: Check, budget: Budget) -> CheckResult:
    """What a check finds, with its kind, its strength and its seconds."""
    from constructions.convergence import not_asked

    if budget.quick:
        budget = replace(budget, cases=min(budget.cases, FIRST))
    start = time.perf_counter()
    with not_asked():
        return _named(check.run(budget), check, start)


def _named(result: CheckResult, check: Check, start: float) -> CheckResult:
    seconds = time.perf_counter() - start
    return result.named(kind=check.kind, strength=check.strength, seconds=seconds)


def object_of(claim: Claim, checks: Iterable[Check]) -> Object | None:
    """What the claim is about: transformers, or (None) a statement about none."""
    from .checks import proof

    if claim.witness is None and not any(check.transformer for check in checks):
        return None
    try:
        return proof.object_of(claim) or Object()
    except Exception:  # a builder that fails is seen by the checks that call it
        return Object()


def with_kernel(reports: Sequence[Report]) -> list[Report]:
    """The reports with the evidence of Coq's kernel added, and decided again.

    A theorem about a transformer counts for a claim whose own builder is written down as that
    transformer and whose formula is the theorem's (checks.bearing). A theorem about formulas alone
    counts for the built-in claim that states them. Without Coq the check is not run.
    """
    from .checks.coq import bearing, kernel

    found = [bearing.of(report.claim) for report in reports]
    wanted = sorted({name for evidence in found for one in evidence for name in one.names})
    outcomes = {result.theorem.id: result for result in kernel.run(wanted)} if wanted else {}
    made = []
    for report, evidence in zip(reports, found):
        checks = [*report.checks, *(one.result(outcomes) for one in evidence)]
        if len(checks) > len(report.checks):
            report = replace(report, checks=tuple(checks))
            if not isinstance(report.verdict, (Broken, IllPosed)):
                about = object_of(report.claim, checks_of(report.claim))
                report = replace(report, verdict=decide(checks, None, about))
        made.append(report)
    return made


def digest_of(claim: Claim) -> str:
    """Digest of what the claim is about.

    Its witnesses at the sizes on which its resources are counted, or those of its first cases, or
    of its boxes; without a witness, the statement and the code that makes its checks.
    """
    return hashlib.sha256("".join(_parts(claim)).encode()).hexdigest()


def _parts(claim: Claim) -> Iterator[str]:
    if claim.witness is None:
        assert claim.checks is not None
        yield claim.statement
        yield from _code(getattr(inspect.unwrap(claim.checks), "__code__", None))
        return
    from .checks.case import build

    if claim.sizes is not None and (sizes := list(claim.sizes())):
        yield from (build(claim.witness, parameters).digest for parameters in sizes)
        return
    if claim.cases is None:
        import sympy

        for box in claim.boxes:
            yield build(claim.witness, box.lettered(sympy.Symbol)).digest
        return
    first = drawn(claim.cases, Budget(cases=FIRST), claim.domain)
    yield from (build(claim.witness, case.parameters).digest for case in first)


def _code(code: Any) -> Iterator[str]:
    """What is loaded of a function and of those written inside it, wherever its file stands."""
    if code is None:
        return
    yield from (code.co_code.hex(), str(code.co_names), str(code.co_varnames))
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            yield from _code(constant)
        elif isinstance(constant, frozenset):
            yield str(sorted(map(repr, constant)))
        else:
            yield repr(constant)
