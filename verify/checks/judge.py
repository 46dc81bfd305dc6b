"""One witness, one prompt, one number system: what can be said of the prediction."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from constructions.numbers import FLOATS, Unsupported, get

from .. import algorithms
from ..claim import Claim, Differs, builtin
from ..inputs.errors import WrongCall
from ..inputs.names import Subject
from ..strategies import Case
from . import floats as numeric
from .case import InexactReference, both, build


def algorithm_of(subject: Subject) -> Callable[..., Any]:
    """The independent reference: the claim's own, else the one of this name. Raises WrongCall."""
    own = subject.claim.algorithm if subject.claim else None
    if own is not None:
        return own
    found = getattr(algorithms, subject.name, None)
    if callable(found):
        return found
    stated = getattr(subject.function, "equals", "")
    found = stated if callable(stated) else getattr(algorithms, stated or subject.name, None)
    if callable(found):
        return found
    for one in builtin(subject.name):
        if one.id == subject.name and one.algorithm is not None:
            return one.algorithm
    raise WrongCall(f"no algorithm to compare {subject.name} with is known")


def as_claim(subject: Subject) -> Claim:
    """The claim that a witness equals its algorithm."""
    return Claim(
        subject.name, witness=subject.function, algorithm=algorithm_of(subject), cases=lambda: None
    )


def judge(claim: Claim, case: Case, numbers: str) -> dict[str, Any]:
    """{"outcome", "error", "bound", "decides"}.

    outcome: "equal" (fractions), "within bound" (floats), "encloses" (balls), "undecided" (then
    `decides` names a number system that can, or `detail` says why none does), "undefined" (in
    fractions: a division by 0), or "refuted".
    """
    made: dict[str, Any] = {"outcome": "undecided", "error": None, "bound": None, "decides": None}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome = _judged(claim, case, numbers)
    except Differs as failure:
        found = failure.found
        outcome = {"outcome": "refuted", "error": found.max_error, "bound": found.bound}
    except InexactReference as error:
        outcome = {"detail": str(error)}
    except (Unsupported, ZeroDivisionError) as error:
        outcome = {"decides": get(numbers).decides_with, "detail": str(error)}
        if numbers == "rational" and isinstance(error, ZeroDivisionError):
            outcome["outcome"] = "undefined"
    return made | outcome


def _judged(claim: Claim, case: Case, numbers: str) -> dict[str, Any]:
    assert claim.witness is not None and claim.algorithm is not None
    if numbers in FLOATS:
        compared = numeric.compare(claim, case, numbers)
        if compared is None:
            return {"decides": get(numbers).decides_with}
        return {"outcome": "within bound", "error": compared[0], "bound": compared[1]}
    got, want = both(claim.algorithm, build(claim.witness, case.parameters), case, numbers)
    got, want = got.ravel(), want.ravel()
    if numbers == "rational":
        worst = max(abs(a - b) for a, b in zip(got, want))
        return {"outcome": "refuted" if worst else "equal", "error": _float(worst), "bound": 0.0}
    return _enclosure(got, want)


def _enclosure(got: np.ndarray, want: np.ndarray) -> dict[str, Any]:
    from flint import arb

    exact = [arb(value.numerator) / arb(value.denominator) for value in want]
    if not all(ball.overlaps(value) for ball, value in zip(got, exact)):
        return {"outcome": "refuted", "error": None, "bound": None}
    radius = max(float(ball.rad()) for ball in got)
    size = max(abs(_float(value)) for value in want)
    if not radius <= max(size, 1e-300) * 2.0**-4:
        return {"decides": "rational", "bound": radius if np.isfinite(radius) else None}
    return {"outcome": "encloses", "error": 0.0, "bound": radius}


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")
