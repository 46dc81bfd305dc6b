"""numeric: in float64 and float32 the prediction is within its computed rounding bound.

The reference is the algorithm in balls on the same floats, so it has no error to speak of. The
tolerance is `Witness.rounding_bound` itself: what exceeds it is not rounding. Where the bound takes
half of the format's digits or more, being within it says little: such a run is counted as left
open. An algorithm that computes in floats decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from ..claim import Budget, CheckResult, Claim, Differs, check
from ..hunt import hunt
from ..strategies import Case
from .case import build, left_open, reference

SYSTEMS = ("float64", "float32")


@check("numeric", "tested")
@left_open
def in_floats(budget: Budget, claim: Claim) -> CheckResult:
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

    cases = hunt(claim.floats(), test, budget)
    _, error, tolerance = worst
    if decided == 0:
        return CheckResult(None, cases, detail="floats cannot decide; rational can")
    detail = f"worst error {error:.1e} of {tolerance:.1e} allowed, float64 and float32"
    if open_cases:
        detail += f"; {open_cases} runs left undecided by rounding, rational decides them"
    return CheckResult(True, cases, error, tolerance, detail)


def compare(claim: Claim, case: Case, system: str) -> tuple[float, float] | None:
    """(largest error, its tolerance), or None where rounding leaves it open.

    Raises Differs where an error exceeds its bound, InexactReference if the algorithm computes in
    floats.
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
        bound = witness.rounding_bound(case.X, case.y, case.queries, system)
    shape = got.shape
    got, bound = np.asarray(got, dtype=float).ravel(), np.asarray(bound).ravel()
    known = np.isfinite(got) & np.isfinite(bound)
    if not known.any():
        return None
    want = enclosed(
        claim.algorithm, case, lambda q: bound[q] * 2.0**-20 if known[q] else math.inf, shape
    )
    return within(case, got, bound, want, system)


def within(
    case: Case, got: np.ndarray, bound: np.ndarray, want: Any, system: str
) -> tuple[float, float] | None:
    """What `compare` says of predictions, in a row, with these bounds, `want` being balls."""
    known = np.isfinite(got) & np.isfinite(bound)
    if not known.any():
        return None
    errors = np.zeros(len(got))
    for q in map(int, np.flatnonzero(known)):
        least, errors[q] = distance(want[q], float(got[q]))
        if least > bound[q]:
            raise Differs(
                f"off by {errors[q]:.2e} in {system}, where rounding explains {bound[q]:.2e}",
                case.to_json() | {"numbers": system},
                None,
                float(errors[q]),
                float(bound[q]),
            )
    size = float(np.abs(got[known]).max())
    if not known.all() or bound.max() > size * math.sqrt(unit_roundoff(system)):
        return None
    if errors[q := int(np.argmax(errors))] > bound[q]:  # the reference is too wide to tell
        return None
    return float(errors[q]), float(bound[q])


def distance(ball: Any, value: float) -> tuple[float, float]:
    """Floats at most and at least |ball - value|, the first 0 where that is open."""
    from flint import arb

    from constructions.numbers.ball import precision

    with precision(4096):
        distance = abs(arb(ball) - arb(value))
        least, most = float(distance.abs_lower()), float(distance.abs_upper())
    return (least * (1 - 2.0**-50) if math.isfinite(most) else 0.0), most


def unit_roundoff(system: str) -> float:
    """Half the distance from 1 to the next number of a float format."""
    from constructions.numbers.floats import Floats

    return Floats(system).unit_roundoff


def enclosed(
    algorithm: Callable[..., Any],
    case: Case,
    wanted: Callable[[int], float],
    shape: Any = None,
) -> np.ndarray:
    """The algorithm in balls, all predictions in a row, at a precision at which the radius of
    number q is below wanted(q). `shape` is that of the predictions, (m,) by default.

    Raises InexactReference if the algorithm computes in floats.
    """
    from flint import arb

    from constructions.numbers.ball import precision

    from .strict import refuse_floats

    refuse_floats(algorithm, case)

    def ball(value: Any) -> Any:
        fraction = Fraction(value)
        return arb(fraction.numerator) / arb(fraction.denominator)

    for bits in (256, 1024, 4096):
        with precision(bits):
            made = reference(algorithm, case, ball, shape).ravel()
        if all(float(value.rad()) <= wanted(q) for q, value in enumerate(made)):
            return made
    return made
