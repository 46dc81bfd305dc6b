"""steps: after every layer every slot holds what the witness says it holds, in exact fractions."""

from __future__ import annotations

from constructions.numbers import Unsupported

from ..claim import Budget, CheckResult, Claim
from ..engine import Differs, hunt
from ..strategies import Case
from .running import build, first_difference


def run(claim: Claim, budget: Budget) -> CheckResult:
    """Hunts for a prompt on which an annotation is wrong."""
    assert claim.witness is not None and claim.cases is not None
    annotated = 0

    def test(case: Case) -> None:
        nonlocal annotated
        assert claim.witness is not None
        witness = build(claim.witness, case.parameters)
        annotated = max(annotated, sum(len(layer.holds) for layer in witness.layer_list))
        difference = first_difference(witness, case)
        if difference is not None:
            raise Differs(
                f"layer {difference['layer']} ({difference['name']}): slot {difference['slot']} is "
                f"not {difference['holds']}",
                case.to_json(),
                difference,
            )

    try:
        found = hunt(claim.cases(), test, budget)
    except Unsupported as error:
        return CheckResult(None, detail=f"not run: {error}")
    if found.failure is not None:
        return found.failure.result(found.cases)
    if annotated == 0:
        return CheckResult(None, found.cases, detail="the witness says of no slot what it holds")
    return CheckResult(
        True, found.cases, 0.0, 0.0, f"up to {annotated} slots hold what they should"
    )
