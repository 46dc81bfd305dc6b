"""What a check of a claim's own finds is about what the claim's builder makes.

With every weight of that off by a hundredth it fails, or raises. One that passed all the same would
support nothing, whatever it asked the builder for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial, wraps
from typing import Any

import pytest
from changes import every_weight

import constructions
from verify import strategies
from verify.claim import Budget, Builder, Check, CheckResult, Claim, Object, builtin
from verify.engine import result_of

FEW = Budget(cases=8, quick=True)
OFF = Fraction(101, 100)
# checks that do not notice a hundredth: of these all weights are 0 instead
MEASURED = {("spline_regression", "numeric"): "how fast an error falls, whatever is left of it"}


def own_checks(claim: Claim) -> Iterator[tuple[int, Check]]:
    """Checks that may support the claim: counts and theorems do not, beside what is computed."""
    for place, check in enumerate(claim.own_checks()):
        if check.kind != "resources" and (check.transformer or check.kind != "proof"):
            yield place, check


OWN = [
    pytest.param(claim, place, id=f"{claim.id}, {claim.variant}, {check.kind} {place}")
    for claim in builtin()
    if claim.witness is not None
    for place, check in own_checks(claim)
]


def with_weights(claim: Claim, factor: Any) -> Claim:
    """The claim, with all weights that its builder makes times a factor."""
    build = claim.witness.__wrapped__  # type: ignore[union-attr]

    @wraps(build)
    def off(*given: Any, **named: Any) -> Any:
        return every_weight(build(*given, **named), factor)

    return replace(claim, witness=Builder(off))


def supports(claim: Claim, place: int) -> bool:
    """Whether the check at a place passes, of the claim's own object."""
    found: CheckResult = result_of(claim.own_checks()[place], FEW)
    return found.passed is True and found.about in (None, Object())


def notices(claim: Claim, place: int, factor: Any) -> bool:
    """Whether it does not pass, or raises, where all weights are off by a factor."""
    try:
        return not supports(with_weights(claim, factor), place)
    except (ValueError, ArithmeticError):
        return True


@pytest.mark.parametrize("claim, place", OWN)
def test_weights_that_are_off_are_noticed(claim: Claim, place: int) -> None:
    assert supports(claim, place)
    measured = (claim.id, claim.own_checks()[place].kind) in MEASURED
    assert notices(claim, place, OFF) is not measured
    assert notices(claim, place, 0)


def test_a_check_that_only_asks_is_told() -> None:
    """It builds the claim's transformer, as the engine asks, and reads no more than a parameter."""

    def look(build: Builder, budget: Budget) -> CheckResult:
        made = build(d=1)
        return CheckResult(made.parameters["step_size"] == 1, 1)

    def descent(d: int) -> Any:
        return constructions.build("gradient_descent", d=d, steps=1, step_size=1)

    claim = Claim(
        "test.asks",
        witness=descent,
        algorithm=lambda X, y, queries: 2 * queries @ (X.T @ y),
        cases=strategies.prompts,
        checks=lambda build: Check("exact", partial(look, build), "exact"),
    )
    assert supports(claim, 0)
    assert not notices(claim, 0, OFF)
    assert not notices(claim, 0, 0)
