"""exact: the witness's predictions equal the algorithm's, in exact fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from constructions.numbers import Unsupported

from ..claim import Budget, CheckResult, Claim
from ..engine import Differs, hunt
from ..strategies import Case, as_text
from .running import build, first_difference, reference


def run(claim: Claim, budget: Budget) -> CheckResult:
    """Hunts for a prompt on which the two differ; reports the smallest one found."""
    assert claim.cases is not None
    sizes: dict[str, set[int]] = {"d": set(), "n": set()}

    def test(case: Case) -> None:
        sizes["d"].add(case.X.shape[1])
        sizes["n"].add(case.X.shape[0])
        compare(claim, case)

    try:
        found = hunt(claim.cases(), test, budget)
    except Unsupported as error:
        return CheckResult(None, detail=f"not run: {error}")
    if found.failure is not None:
        return found.failure.result(found.cases)
    reach = ", ".join(
        f"{name} = {min(seen)} to {max(seen)}" for name, seen in sizes.items() if seen
    )
    return CheckResult(True, found.cases, 0.0, 0.0, f"equal in fractions; {reach}")


def compare(claim: Claim, case: Case) -> None:
    """Raises Differs if the witness and the algorithm differ on this case."""
    assert claim.witness is not None and claim.algorithm is not None
    witness = build(claim.witness, case.parameters)
    got = witness.predict(case.X, case.y, case.queries, "rational")
    want = reference(claim.algorithm, case, Fraction)
    if list(got) == list(want):
        return
    difference: dict[str, Any] | None = first_difference(witness, case)
    if difference is None:
        q = next(i for i, (a, b) in enumerate(zip(got, want)) if a != b)
        difference = {
            "layer": witness.layers,
            "name": "read-out",
            "slot": witness.readout.slot,
            "token": witness.prompt.tokens(len(case.X), len(case.queries)).queries[q],
            "is": as_text(got[q]),
            "should": as_text(want[q]),
        }
    counterexample = case.to_json() | {
        "prediction": [as_text(value) for value in got],
        "algorithm": [as_text(value) for value in want],
    }
    worst = max(abs(a - b) for a, b in zip(got, want))
    raise Differs(
        f"layer {difference['layer']} ({difference['name']}), slot {difference['slot']}",
        counterexample,
        difference,
        float(worst),
        0.0,
    )
