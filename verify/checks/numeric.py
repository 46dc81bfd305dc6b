"""numeric: in float64 and float32 the prediction is within its computed rounding bound.

The reference is the algorithm in balls on the same floats, so it has no error to speak of. The
tolerance is twice the first-order bound of `Witness.rounding_bound`; where that bound takes half
of the format's digits, what is of second order no longer vanishes beside it: floats cannot
decide, and the case is counted as such.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from ..claim import Budget, CheckResult, Claim
from ..engine import Differs, hunt
from ..strategies import Case
from .running import build, reference

SYSTEMS = ("float64", "float32")
SAFETY = 2.0  # the bound is of first order


def run(claim: Claim, budget: Budget) -> CheckResult:
    """Hunts for a prompt of floats on which the error exceeds the bound."""
    assert claim.floats is not None
    worst = (0.0, 0.0, 0.0)  # ratio, error, tolerance
    open_cases = decided = 0

    def test(case: Case) -> None:
        nonlocal worst, open_cases, decided
        for system in SYSTEMS:
            outcome = compare(claim, case, system)
            if outcome is None:
                open_cases += 1
                continue
            decided += 1
            error, tolerance = outcome
            ratio = error / tolerance if tolerance > 0 else float(error > 0)
            worst = max(worst, (ratio, error, tolerance))

    found = hunt(claim.floats(), test, budget)
    if found.failure is not None:
        return found.failure.result(found.cases)
    _, error, tolerance = worst
    if decided == 0:
        return CheckResult(None, found.cases, detail="floats cannot decide; rational can")
    detail = f"worst error {error:.1e} of {tolerance:.1e} allowed, float64 and float32"
    if open_cases:
        detail += f"; {open_cases} runs left undecided by rounding, rational decides them"
    return CheckResult(True, found.cases, error, tolerance, detail)


def compare(claim: Claim, case: Case, system: str) -> tuple[float, float] | None:
    """(largest error, its tolerance), or None where rounding leaves it open.

    Raises Differs where the error exceeds the tolerance.
    """
    import warnings

    from constructions import PrecisionWarning

    assert claim.witness is not None and claim.algorithm is not None
    witness = build(claim.witness, case.parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)  # the bound below says the same
        try:
            got = witness.predict(case.X, case.y, case.queries, system)
        except ValueError as error:
            if "not finite" in str(error):  # the prompt does not fit into this format
                return None
            raise
        tolerance = SAFETY * witness.rounding_bound(case.X, case.y, case.queries, system)
    got = np.asarray(got, dtype=float)
    if not (np.isfinite(got).all() and np.isfinite(tolerance).all()):
        return None
    if tolerance.max() > float(np.abs(got).max()) * math.sqrt(unit_roundoff(system)):
        return None
    want = enclosed(claim.algorithm, case, lambda q: tolerance[q] * 2.0**-20)
    errors = np.array([abs(float(ball - float(value))) for ball, value in zip(want, got)])
    q = int(np.argmax(errors - tolerance))
    if errors[q] > tolerance[q]:
        raise Differs(
            f"off by {errors[q]:.2e} in {system}, where rounding explains {tolerance[q]:.2e}",
            case.to_json() | {"numbers": system},
            None,
            float(errors[q]),
            float(tolerance[q]),
        )
    q = int(np.argmax(errors))
    return float(errors[q]), float(tolerance[q])


def unit_roundoff(system: str) -> float:
    """Half the distance from 1 to the next number of a float format."""
    from constructions.numbers.floats import Floats

    return Floats(system).unit_roundoff


def enclosed(
    algorithm: Callable[..., Any], case: Case, wanted: Callable[[int], float]
) -> np.ndarray:
    """The algorithm in balls, at a precision at which query q's radius is below wanted(q)."""
    from flint import arb

    from constructions.numbers.ball import precision

    def ball(value: Any) -> Any:
        fraction = Fraction(value)
        return arb(fraction.numerator) / arb(fraction.denominator)

    for bits in (256, 1024, 4096):
        with precision(bits):
            made = reference(algorithm, case, ball)
        if all(float(value.rad()) <= wanted(q) for q, value in enumerate(made)):
            return made
    return made
