"""A witness on a user's data: its predictions beside the algorithm's own and the closed form's."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .. import algorithms
from ..checks.case import InexactReference, reference
from ..checks.floats import enclosed
from ..claim import builtin
from ..inputs.errors import WrongCall
from ..inputs.names import Subject
from ..strategies import Case

BALLS = 20_000_000  # products that the algorithm may cost in balls; above, it runs in float64
NARROW = 2.0**-80  # of the largest target: the radius at which a ball counts as a number
BOUNDED = 1  # queries for which the rounding bound is computed: those that differ most


@dataclass(frozen=True)
class Run:
    """Predictions (m,) at the queries, three times, and what lies between them.

    `difference` is the largest |transformer - algorithm|, at query `worst`; `explained` is the
    rounding bound there (None in exact arithmetic). `reference` says in what the algorithm ran;
    where that was not exact and has no bound of its own, it `decides` nothing.
    """

    transformer: np.ndarray
    algorithm: np.ndarray
    closed_form: np.ndarray
    closed_name: str
    reference: str
    decides: bool
    difference: float
    worst: int
    explained: float | None
    warnings: tuple[str, ...]


def split(rows: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(numbers of the rows kept as examples, numbers of those held out), both in order.

    Raises WrongCall if one of them would be empty.
    """
    held = max(1, round(rows * share))
    if not 0 < share < 1:
        raise WrongCall(f"--hold-out must lie between 0 and 1, not {share:g}")
    if held >= rows:
        raise WrongCall(
            f"{rows} row{'s are' if rows > 1 else ' is'} too few to hold some out; "
            "give the rows to predict with --query"
        )
    chosen = np.random.default_rng(seed).permutation(rows)[:held]
    out = np.sort(chosen)
    return np.setdiff1d(np.arange(rows), out), out


def run(
    subject: Subject, parameters: Mapping[str, Any], X: Any, y: Any, queries: Any, numbers: str
) -> Run:
    """Runs the witness on X (n, d), y (n,), queries (m, d). Raises WrongCall."""
    witness = subject.build(parameters)
    case = Case(parameters, *(np.asarray(part) for part in (X, y, queries)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            predicted = witness.predict(case.X, case.y, case.queries, numbers)
        except (ValueError, ArithmeticError) as error:
            raise WrongCall(f"{subject.name}: {' '.join(str(error).split())}") from None
    said = tuple(str(w.message) for w in caught if w.category.__name__ == "PrecisionWarning")
    exact = numbers == "rational"
    try:
        algorithm, how, decides = _algorithm(subject, case, exact)
    except ZeroDivisionError as error:
        raise WrongCall(f"{subject.name}: the algorithm is not defined here: {error}") from None
    closed, closed_name = _closed_form(parameters, case, exact)
    if numbers == "ball":
        floats = np.array([float(value.mid()) for value in predicted])
    else:
        floats = predicted
    errors = np.array([abs(_difference(a, b)) for a, b in zip(floats, algorithm)], dtype=float)
    worst = int(np.argmax(np.where(np.isnan(errors), np.inf, errors)))
    explained: float | None = None
    if numbers == "ball":
        explained = float(predicted[worst].rad())
    elif not exact and np.isfinite(errors[worst]):
        row = slice(worst, worst + BOUNDED)
        bound = witness.rounding_bound(case.X, case.y, case.queries[row], numbers)
        explained = float(bound[0])
    return Run(
        transformer=floats,
        algorithm=algorithm,
        closed_form=closed,
        closed_name=closed_name,
        reference=how,
        decides=decides,
        difference=float(errors[worst]),
        worst=worst,
        explained=explained,
        warnings=said,
    )


def _difference(a: Any, b: Any) -> Any:
    """a - b, exactly where both are finite floats or fractions."""
    try:
        return Fraction(a) - Fraction(b)
    except (TypeError, ValueError, OverflowError):
        return float(a) - float(b)


def algorithm_of(subject: Subject) -> Callable[..., Any]:
    """The independent reference: the claim's own, else the one of this name. Raises WrongCall."""
    own = subject.claim.algorithm if subject.claim else None
    if own is not None:
        return own
    found = getattr(algorithms, subject.name, None)
    if callable(found):
        return found
    for one in builtin():
        if one.id == subject.name and one.algorithm is not None:
            return one.algorithm
    raise WrongCall(f"no algorithm to compare {subject.name} with is known")


def _algorithm(subject: Subject, case: Case, exact: bool) -> tuple[np.ndarray, str, bool]:
    """The algorithm's predictions, the arithmetic it ran in, and whether they are certain."""
    function = algorithm_of(subject)
    if exact:
        try:
            return reference(function, case, Fraction), "fractions", True
        except InexactReference:
            pass
    elif _products(subject.name, case) <= BALLS:
        scale = max(1e-300, float(np.abs(case.y.astype(float)).max()))
        try:
            balls = enclosed(function, case, lambda q: scale * NARROW)
        except (ZeroDivisionError, InexactReference):
            pass  # a pivot that may be 0, two errors that may be equal; floats inside
        else:
            if all(float(ball.rad()) <= scale * NARROW for ball in balls):
                return np.array([float(ball.mid()) for ball in balls]), "256 bits or more", True
    floats = Case(case.parameters, *(a.astype(float) for a in (case.X, case.y, case.queries)))
    return reference(function, floats, float), "float64", False


def _products(name: str, case: Case) -> int:
    """Products that the algorithm takes, roughly."""
    n, d = case.X.shape
    given = case.parameters
    rounds = sum(int(given.get(key, 0) or 0) for key in ("iterations", "steps", "examples"))
    if name in ("deep_descent", "minimax_descent", "spline_regression"):
        rounds += 3 ** given["layers"] // 2
    if name == "newton_carried" and given.get("start") == "identity":
        rounds += 2 ** given["iterations"]
    products = n * d * d + rounds * (n * d + d**3)
    if name == "bayes_ridge":
        products += n**3 // 3
    if name == "kernel_regression":
        products += n * n * (d + rounds)
    return products


def _closed_form(parameters: Mapping[str, Any], case: Case, exact: bool) -> tuple[np.ndarray, str]:
    """What the algorithm tends to: ridge regression, or least squares of minimum norm."""
    ridge = Fraction(parameters.get("ridge") or 0)
    if parameters.get("loss") == "mean":
        ridge *= len(case.X)
    take = _fractions if exact else (lambda part: part.astype(float))
    X, y, queries = take(case.X), take(case.y), take(case.queries)
    if ridge:
        strength: Any = ridge if exact else float(ridge)
        name = f"ridge regression, ridge {float(ridge):g}"
        return algorithms.ridge(X, y, queries, strength), name
    return algorithms.least_squares(X, y, queries), "least squares"


def _fractions(array: np.ndarray) -> np.ndarray:
    made = np.empty(array.shape, dtype=object)
    made.ravel()[:] = [Fraction(entry) for entry in array.ravel()]
    return made


def error(predicted: Any, truth: Any) -> float:
    """Root mean square of predicted - truth, both (m,)."""
    gap = np.asarray(predicted, dtype=float) - np.asarray(truth, dtype=float)
    return float(np.sqrt(np.mean(gap**2)))
