"""steps: after every layer every slot holds what the witness says it holds, in exact fractions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..claim import Budget, CheckResult, Claim, Differs, Domain, check
from ..hunt import hunt_drawn
from ..strategies import Case
from .case import build, compared, left_open, text

Make = Callable[..., Any]  # parameters -> Witness


@check("steps", "exact")
def slots_hold(
    budget: Budget, make: Make, cases: Callable[[], Any], domain: Domain | None = None
) -> CheckResult:
    """On every case of the domain, make(**parameters) leaves what its `holds` say."""
    return _look(budget, make, cases, domain)


@check("annotations", "exact")
def as_annotated(budget: Budget, claim: Claim) -> CheckResult:
    """The same for what a builder's witness says of itself: a fault of it refutes no claim."""
    assert claim.witness is not None and claim.cases is not None
    try:
        return _look(budget, claim.witness, claim.cases, claim.domain)
    except Differs as failure:
        return failure.found.named(detail=f"the annotation is wrong: {failure}")
    except (ValueError, KeyError, TypeError, IndexError, ZeroDivisionError) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise Differs(f"an annotation cannot be evaluated: {said}", cases=0) from None


@left_open
def _look(
    budget: Budget, make: Make, cases: Callable[[], Any], domain: Domain | None
) -> CheckResult:
    """Hunts for a prompt on which an annotation is wrong."""
    annotated = 0
    looked_at: set[tuple[int, str, str]] = set()
    said: set[tuple[int, str, str]] = set()

    def test(case: Case) -> None:
        nonlocal annotated
        witness = build(make, case.parameters)
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
                where = f"layer {held['layer']} ({held['name']}): slot {held['slot']}"
                raise Differs(f"{where} is not {held['holds']}", case.to_json(), difference)

    run = hunt_drawn(cases, test, budget, domain)
    if annotated == 0:
        return CheckResult(None, run, detail="the witness says of no slot what it holds")
    for layer, slot, holds in sorted(said - looked_at):
        detail = f"no case has the tokens of which layer {layer} says that {slot} is {holds}"
        return CheckResult(None, run, detail=detail)
    return CheckResult(True, run, 0.0, 0.0, f"up to {annotated} slots hold what they should")
