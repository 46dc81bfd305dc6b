"""A witness on a user's data: its predictions beside the algorithm's own and the closed form's."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .. import algorithms
from ..checks.case import InexactReference, objects, reference
from ..checks.floats import enclosed
from ..checks.judge import algorithm_of
from ..inputs.errors import WrongCall
from ..inputs.names import Subject
from ..strategies import Case
from .examples import Problem

BALLS = 20_000_000  # products that the algorithm may cost in balls; above, it runs in float64
NARROW = 2.0**-80  # of the largest target: the radius at which a ball counts as a number
BOUNDED = 1  # queries for which the rounding bound is computed: those that differ most


@dataclass(frozen=True)
class Run:
    """Predictions (m,) at the queries, three times, and what lies between them.

    `columns` are "transformer", "algorithm", "closed_form", and "target" where it is known.
    `difference` is the largest |transformer - algorithm|, at query `worst`; `explained` is the
    rounding bound there (None in exact arithmetic). `reference` says in what the algorithm ran;
    where that was not exact and has no bound of its own, it `decides` nothing.
    """

    columns: Mapping[str, np.ndarray]
    closed_name: str
    reference: str
    decides: bool
    difference: float
    worst: int
    explained: float | None
    warnings: tuple[str, ...]


def run(subject: Subject, parameters: Mapping[str, Any], problem: Problem, numbers: str) -> Run:
    """Runs the witness on the problem's prompt. Raises WrongCall."""
    witness = subject.build(parameters)
    case = Case(parameters, problem.X, problem.y, problem.queries)
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
    floats = predicted
    if numbers == "ball":
        floats = np.array([float(value.mid()) for value in predicted])
    errors = np.array([abs(_difference(a, b)) for a, b in zip(floats, algorithm)], dtype=float)
    worst = int(np.argmax(np.where(np.isnan(errors), np.inf, errors)))
    explained: float | None = None
    if numbers == "ball":
        explained = float(predicted[worst].rad())
    elif not exact and np.isfinite(errors[worst]):
        row = slice(worst, worst + BOUNDED)
        bound = witness.rounding_bound(case.X, case.y, case.queries[row], numbers)
        explained = float(bound[0])
    columns = {"transformer": floats, "algorithm": algorithm, "closed_form": closed}
    if problem.truth is not None:
        columns["target"] = problem.truth
    return Run(columns, closed_name, how, decides, float(errors[worst]), worst, explained, said)


def summary(problem: Problem, result: Run, numbers: str) -> list[str]:
    """What separates the columns, a line for each pair of them."""
    transformer, closed = (
        result.columns[name].astype(float) for name in ("transformer", "closed_form")
    )
    made = [_against_the_algorithm(problem, result, numbers)]
    gap = np.abs(transformer - closed).max()
    made.append(f"transformer against closed form  largest difference {gap:.2g}")
    if problem.truth is None:
        return made
    errors = f"transformer {error(transformer, problem.truth):.4g}, "
    errors += f"closed form {error(closed, problem.truth):.4g}"
    made.append(f"root mean square error on the targets  {errors}")
    mean = error(np.full(len(problem.truth), problem.y.mean()), problem.truth)
    if mean < error(closed, problem.truth):
        made.append(
            f"the mean of the examples' targets does better ({mean:.4g}): the algorithms fit "
            "no constant; --intercept adds one"
        )
    return made


def _against_the_algorithm(problem: Problem, result: Run, numbers: str) -> str:
    explained = result.explained
    if explained is None and numbers == "rational":
        same = "none: equal in fractions" if result.difference == 0 else f"{result.difference:.3g}"
        return f"transformer against algorithm  {same}"
    row = problem.labels[result.worst]
    said = f"largest difference {result.difference:.2g}, in row {row}"
    if explained is None:
        said += "; it is not finite"
    elif numbers == "ball":
        said += f"; the enclosure has radius {explained:.2g}"
    else:
        there = float(result.columns["algorithm"][result.worst])
        printed = 2.0**-52 * abs(there)  # balls as floats
        verdict = "all of it"
        if result.difference > explained + printed:
            verdict = "NOT all of it"
            if not result.decides:
                verdict = "not all of it, but the algorithm's own rounding is not bounded"
        said += f"; rounding in {numbers} explains {verdict} (up to {explained:.2g} there)"
    said += f"; the algorithm ran in {result.reference}"
    said += "" if result.decides else ", which decides nothing"
    return f"transformer against algorithm    {said}"


def error(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square of predicted - truth, both (m,)."""
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


def _difference(a: Any, b: Any) -> Any:
    """a - b, exactly where both are finite floats or fractions."""
    try:
        return Fraction(a) - Fraction(b)
    except (TypeError, ValueError, OverflowError):
        return float(a) - float(b)


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
    X, y, queries = (a.astype(float) for a in (case.X, case.y, case.queries))
    floats = Case(case.parameters, X, y, queries)
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
    X, y, queries = (
        objects(part, Fraction) if exact else part.astype(float)
        for part in (case.X, case.y, case.queries)
    )
    if ridge:
        strength: Any = ridge if exact else float(ridge)
        name = f"ridge regression, ridge {float(ridge):g}"
        return algorithms.ridge(X, y, queries, strength), name
    return algorithms.least_squares(X, y, queries), "least squares"
