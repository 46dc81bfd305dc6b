"""steps: after every layer every slot holds what the witness says it holds, in exact fractions."""

from __future__ import annotations

from constructions.numbers import Unsupported

from ..claim import Budget, CheckResult, Claim
from ..hunt import Differs, hunt
from ..strategies import Case
from .case import build, compared, text


def run(claim: Claim, budget: Budget) -> CheckResult:
    """Hunts for a prompt on which an annotation is wrong."""
    assert claim.witness is not None and claim.cases is not None
    annotated = 0
    looked_at: set[tuple[int, str, str]] = set()
    said: set[tuple[int, str, str]] = set()

    def test(case: Case) -> None:
        nonlocal annotated
        assert claim.witness is not None
        witness = build(claim.witness, case.parameters)
        layers = witness.layer_list
        annotated = max(annotated, sum(len(layer.holds) for layer in layers))
        said.update(
            (number, held.slot, held.expression)
            for number, layer in enumerate(layers, start=1)
            for held in layer.holds
        )
        for held in compared(witness, case):
            looked_at.add((held["layer"], held["slot"], held["holds"]))
            if held["is"] != held["should"]:
                difference = held | {"is": text(held["is"]), "should": text(held["should"])}
                raise Differs(
                    f"layer {held['layer']} ({held['name']}): slot {held['slot']} is not "
                    f"{held['holds']}",
                    case.to_json(),
                    difference,
                )

    try:
        found = hunt(claim.cases(), test, budget, claim.domain)
    except Unsupported as error:
        return CheckResult(None, detail=f"not run: {error}")
    if found.failure is not None:
        return found.failure.result(found.cases)
    if annotated == 0:
        return CheckResult(None, found.cases, detail="the witness says of no slot what it holds")
    unseen = sorted(said - looked_at)
    if unseen:
        layer, slot, holds = unseen[0]
        return CheckResult(
            None,
            found.cases,
            detail=f"no case has the tokens of which layer {layer} says that {slot} is {holds}",
        )
    return CheckResult(
        True, found.cases, 0.0, 0.0, f"up to {annotated} slots hold what they should"
    )


def of_witness(claim: Claim, budget: Budget) -> CheckResult:
    """The same for what a builder's witness says of itself: a fault of it refutes no claim."""
    try:
        found = run(claim, budget)
    except (ValueError, KeyError, TypeError, IndexError, ZeroDivisionError) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return CheckResult(False, detail=f"an annotation cannot be evaluated: {said}")
    if found.passed is False:
        return found.named(detail=f"the annotation is wrong: {found.detail}")
    return found
