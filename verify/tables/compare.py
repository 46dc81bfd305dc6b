"""A witness on a user's data: its predictions beside the algorithm's own and its limit's."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from constructions.numbers import get as number_system
from constructions.numbers import without_bits
from constructions.numbers.ball import Ball
from constructions.numbers.ball import system as balls_of
from constructions.numbers.floats import Floats
from constructions.rounding.bounds import predicted_and_bound
from constructions.witness import Witness

from ..checks.case import InexactReference, reference
from ..checks.floats import enclosed
from ..checks.judge import algorithm_of
from ..inputs.errors import WrongCall
from ..inputs.memory import give_back
from ..inputs.names import Subject
from ..inputs.progress import Progress
from ..inputs.region import MOST, share
from ..strategies import Case
from .limits import Limit, limit_of
from .problem import Problem, built_for
from .suited import changed, construction_of, converges, iterates, needs

BALLS = 3_000_000  # products that the algorithm may cost in balls; above, it runs in float64
NARROW = 2.0**-80  # of the largest target: the radius at which a ball counts as a number
BITS = (128, 512, 2048)  # of the balls in which a witness runs
MOST_BITS = 2**12  # of those that are tried for a prediction that too few say nothing of
PARTS = 4  # of a run, that its progress counts
WARNED = 2**20  # products of an example and a query up to which every prediction has a bound
EXACTER = " (--numbers rational or ball can tell)"
NEAR = 1e-6  # of the largest prediction: what a limit may differ by and be called reached


@dataclass(frozen=True)
class Run:
    """Predictions (m,) at the queries, three times, and what lies between them.

    `columns` are "transformer", "algorithm", "closed_form" where there is a limit, and "target"
    where it is known. `difference` is the largest |transformer - algorithm|, at query `worst`;
    `explained` is the rounding bound there (None in exact arithmetic). `reference` says in what the
    algorithm ran; where that was not exact and has no bound of its own, it `decides` nothing.
    `gap` is the largest distance to the limit, and where that is not reached `short_of` says by how
    much and what helps.
    """

    witness: Witness
    columns: Mapping[str, np.ndarray]
    limit: Limit
    reference: str
    decides: bool
    difference: float
    worst: int
    explained: float | None
    rounding: tuple[str, ...]
    notes: tuple[str, ...]
    approximates: bool
    gap: float
    short_of: str

    @property
    def warnings(self) -> tuple[str, ...]:
        """Of rounding, and then of what else is to be known."""
        return (*self.rounding, *self.notes)

    @property
    def beyond(self) -> bool:
        """Whether rounding may have done more than the prediction is, which is said beside it."""
        there = (abs(float(self.columns[of][self.worst])) for of in ("algorithm", "transformer"))
        return self.explained is not None and max(self.difference, *there) < self.explained


def run(
    subject: Subject,
    parameters: Mapping[str, Any],
    problem: Problem,
    numbers: str,
    progress: Progress | None = None,
) -> Run:
    """Runs the witness on the problem's prompt. Raises WrongCall."""
    exact = numbers == "rational"
    problem = problem.exactly() if exact else problem
    witness = built_for(subject, problem).build(parameters)
    during = progress.during if progress is not None else nullcontext
    with during("the transformer"):
        predicted, bound, said = _predicted(witness, problem, numbers)
    give_back()
    case = problem.case(parameters)
    with during("the algorithm"):
        try:
            algorithm, how, decides = _algorithm(subject, problem, case, exact)
        except ZeroDivisionError as error:
            raise WrongCall(f"{subject.name}: the algorithm is not defined here: {error}") from None
    with during("what the algorithm tends to"):
        limit = limit_of(construction_of(subject), case, exact, problem.intercept)
    del case  # which may be another table, of scaled columns
    floats = predicted
    if without_bits(numbers) == "ball":
        floats = np.array([float(value.mid()) for value in predicted])
    errors = np.abs(_differences(floats, algorithm))
    worst = int(np.argmax(np.where(np.isnan(errors), np.inf, errors)))
    explained: float | None = None
    size = float(np.abs(np.asarray(floats, dtype=float)).max())
    if without_bits(numbers) == "ball":
        explained = float(predicted[worst].rad())
    elif not exact and np.isfinite(errors[worst]):
        with during("what rounding did"):
            explained = _bound(witness, problem, numbers, worst) if bound is None else bound
        if problem.pairs > WARNED and explained > size * math.sqrt(Floats(numbers).unit_roundoff):
            by = f"{explained:.2g}" if math.isfinite(explained) else "any amount"
            said = (f"{subject.name}: rounding in {numbers} may have moved the prediction of row "
                    f"{problem.labels[worst]} by {by}",)  # fmt: skip
    columns, gap = {"transformer": floats, "algorithm": algorithm}, 0.0
    closed = own = 0.0
    if limit.values is not None:
        columns["closed_form"] = limit.values
        gap = float(np.abs(_differences(floats, limit.values)).max())
        own = float(np.abs(_differences(algorithm, limit.values)).max())
        closed = float(np.abs(limit.values.astype(float)).max())
    if problem.truth is not None and limit.of_targets:
        columns["target"] = problem.truth
    notes = [changed(subject, parameters, problem)]
    if without_bits(numbers) == "ball":
        notes.append(_too_wide(witness, problem, numbers, predicted, algorithm))
    return Run(
        witness, columns, limit, how, decides, float(errors[worst]), worst, explained, said,
        tuple(filter(None, notes)), _approximates(witness), gap,
        "" if _approximates(witness)
        else _reached(gap, own, closed, limit, parameters, subject, problem),
    )  # fmt: skip


def _predicted(
    witness: Witness, problem: Problem, numbers: str
) -> tuple[Any, float | None, tuple[str, ...]]:
    """The transformer's predictions, a bound on what rounding did to any of them where that came
    with them, and what it warns of; nothing of many rows, since a bound for each of them is far
    dearer than the predictions."""
    X, y, queries = problem.X, problem.y, problem.queries
    many = problem.pairs > WARNED
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore" if many else "always")
        try:
            if without_bits(numbers) == "ball":
                predicted = _in_balls(witness, problem, numbers)
            elif (
                many
                and numbers == "float64"
                and (both := predicted_and_bound(witness, X, y, queries))
            ):
                return *both, ()
            else:
                predicted = witness.predict(X, y, queries, numbers)
        except (ValueError, ArithmeticError) as error:
            raise WrongCall(f"{witness.name}: {' '.join(str(error).split())}") from None
    said = (str(w.message) for w in caught if w.category.__name__ == "PrecisionWarning")
    return predicted, None, tuple(said)


def _bound(witness: Witness, problem: Problem, numbers: str, row: int) -> float:
    """On what rounding did to the prediction of one row."""
    queries = problem.queries[row : row + 1]
    return float(witness.rounding_bound(problem.X, problem.y, queries, numbers)[0])


def _in_balls(witness: Witness, problem: Problem, numbers: str) -> np.ndarray:
    """Predictions as balls, at more bits, where none are named, where a ball holds a number that it
    must not hold."""
    systems = [number_system(numbers)] if ":" in numbers else [Ball(bits) for bits in BITS]
    for system in systems:
        try:
            return witness.predict(problem.X, problem.y, problem.queries, system)
        except ZeroDivisionError:
            if system is systems[-1]:
                raise
    raise AssertionError("there are no bits")


def _too_wide(
    witness: Witness, problem: Problem, numbers: str, balls: Any, algorithm: np.ndarray
) -> str:
    """Of the widest ball, where its radius is more than the prediction: that it decides nothing,
    and how many bits do, which is seen of that row; "" where there is none."""

    def wide(ball: Any, value: Any) -> bool:
        return not float(ball.rad()) <= max(abs(float(value)), least)

    least = NARROW * float(np.abs(problem.y.astype(float)).max())
    there = [row for row, pair in enumerate(zip(balls, algorithm)) if wide(*pair)]
    if not there:
        return ""
    row = max(there, key=lambda row: float(balls[row].rad()))
    one = replace(problem, queries=problem.queries[row : row + 1])
    radius = float(balls[row].rad())
    said = (f"{witness.name}: the enclosure of row {problem.labels[row]} has radius {radius:.2g}, "
            "more than the prediction itself, which decides nothing")  # fmt: skip
    bits = balls_of(numbers).precision
    while bits < MOST_BITS:
        bits *= 2
        try:
            ball: Any = _in_balls(witness, one, f"ball:{bits}")[0]
        except ArithmeticError:
            continue
        if not wide(ball, algorithm[row]):
            return f"{said}; --numbers ball:{bits} has bits enough"
    return said


def _reached(
    gap: float,
    own: float,
    closed: float,
    limit: Limit,
    parameters: Mapping[str, Any],
    subject: Subject,
    problem: Problem,
) -> str:
    """By what share of the largest prediction the limit is missed, and what helps; "" where it is
    reached. `own`: the distance of the algorithm, which is there where only rounding is between;
    `closed`: the largest prediction of the limit. It diverges where it is farther off than 0 is,
    and than it was at half as many steps, unless it is known to converge."""
    if not math.isfinite(gap):
        return "; it is not finite"
    if limit.values is None or gap <= NEAR * closed:
        return ""
    of = f", {share(gap / closed)} of the largest prediction" if closed else ""
    if own <= NEAR * closed:
        return f"{of}; the algorithm itself is there, within {own:.2g}"
    if not iterates(subject):
        return of
    closer = converges(subject, parameters)
    if not closer and (half := _at_half(limit.values, parameters, subject, problem)) is not None:
        said, before = half
        if max(closed, before) < own:
            return f"{of}: it diverges; with {said} the largest difference is {before:.2g}"
        closer = own < before
    return f"{of}: not there yet{needs(subject, parameters, problem, closer)}"


def _at_half(
    limit: np.ndarray, parameters: Mapping[str, Any], subject: Subject, problem: Problem
) -> tuple[str, float] | None:
    """("steps = 5", how far the algorithm is from its limit) with half as many steps as are made;
    None where it takes no fewer."""
    for key in MOST.keys() & parameters.keys():
        fewer = parameters[key] // 2
        case = problem.case({**parameters, key: fewer})
        try:
            predicted, _, _ = _algorithm(subject, problem, case, False)
        except (ValueError, TypeError, ArithmeticError):  # it has a parameter for each step
            continue
        return f"{key} = {fewer}", float(np.abs(_differences(predicted, limit)).max())
    return None


def _approximates(witness: Witness) -> bool:
    """Whether it has an activation by which an algorithm of numbers can only be approached."""
    mlps = (layer.mlp for layer in witness.layer_list)
    return any(mlp is not None and mlp.activation == "gelu" for mlp in mlps)


def summary(problem: Problem, result: Run, numbers: str) -> list[str]:
    """What separates the columns, a line for each pair of them, one below the other."""
    said = _against(problem, result, numbers)
    width = max(map(len, said))
    lines = [f"{what:{width}}  {found}" for what, found in said.items()]
    return [*lines, *_by_the_mean(problem, result)]


def _against(problem: Problem, result: Run, numbers: str) -> dict[str, str]:
    """{what is compared: what was found}."""
    said = {"transformer against algorithm": _against_the_algorithm(problem, result, numbers)}
    limit = result.limit
    if limit.values is None:
        said["closed form"] = limit.name
    else:
        found = f"largest difference {result.gap:.2g}{result.short_of}"
        said[f"transformer against {limit.name}"] = found
    if errors := _errors(problem, result):
        found = ", ".join(f"{name} {value:.4g}" for name, value in errors.items())
        said["root mean square error on the targets"] = found
    return said


def _errors(problem: Problem, result: Run) -> dict[str, float]:
    """Root mean square errors on the targets, where these are known, and tended to."""
    if problem.truth is None or not result.limit.of_targets:
        return {}
    known = ~np.isnan(problem.truth)
    named = {"transformer": result.columns["transformer"].astype(float)}
    if result.limit.values is not None:
        named["closed form"] = result.limit.values.astype(float)
    return {name: error(values[known], problem.truth[known]) for name, values in named.items()}


def _by_the_mean(problem: Problem, result: Run) -> Iterator[str]:
    """That a constant does better, where it does."""
    errors = _errors(problem, result)
    if not errors or problem.truth is None:
        return
    mean = error(problem.y.astype(float).mean(), problem.truth[~np.isnan(problem.truth)])
    if mean < min(errors.values()):
        constant = "" if problem.intercept else "; --intercept adds a constant"
        yield f"the mean of the examples' targets does better ({mean:.4g}){constant}"


def _against_the_algorithm(problem: Problem, result: Run, numbers: str) -> str:
    explained = result.explained
    if explained is None and numbers == "rational":
        same = "none: equal in fractions" if result.difference == 0 else f"{result.difference:.3g}"
        return same
    row = problem.labels[result.worst]
    said = f"largest difference {result.difference:.2g}, in row {row}"
    if explained is None:
        said += "; it is not finite"
    elif without_bits(numbers) == "ball":
        said += f"; the enclosure has radius {explained:.2g}"
    elif not math.isfinite(explained):
        said += (
            f"; what rounding in {numbers} did there has no bound, which decides nothing{EXACTER}"
        )
    else:
        said += f"; {_what_rounding_explains(result, explained, numbers)}"
    said += f"; the algorithm ran in {result.reference}"
    said += "" if result.decides else ", which decides nothing"
    return said


def _what_rounding_explains(result: Run, explained: float, numbers: str) -> str:
    """Of the largest difference, where rounding is bounded by `explained`."""
    printed = 2.0**-52 * abs(float(result.columns["algorithm"][result.worst]))  # balls as floats
    if result.difference <= explained + printed:
        if result.beyond:
            return (
                f"what rounding in {numbers} did there is at most {explained:.2g}, more than the "
                f"prediction itself, which decides nothing{EXACTER}"
            )
        verdict = "all of it"
    elif result.approximates:
        verdict = "not all of it, the construction approximates,"
    elif result.decides:
        verdict = "NOT all of it"
    else:
        verdict = "not all of it, but the algorithm's own rounding is not bounded"
    return f"rounding in {numbers} explains {verdict} (up to {explained:.2g} there)"


def error(predicted: Any, truth: np.ndarray) -> float:
    """Root mean square of predicted - truth, both (m,), or of one number for all."""
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


def _differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a - b (m,) as floats, taken exactly where both are fractions."""
    if a.dtype == object and b.dtype == object:
        return np.array([float(p - q) for p, q in zip(a, b)])
    with np.errstate(invalid="ignore"):  # of two infinities nothing is known, and nan says so
        return a.astype(float) - b.astype(float)


def _algorithm(
    subject: Subject, problem: Problem, case: Case, exact: bool
) -> tuple[np.ndarray, str, bool]:
    """The algorithm's predictions, the arithmetic it ran in, and whether they are certain."""
    function = algorithm_of(subject)
    if exact:
        try:
            return reference(function, case, Fraction), "fractions", True
        except InexactReference:
            pass
    elif _products(subject.name, case) <= BALLS:
        scale = max(1e-300, float(np.abs(case.y.astype(float)).max()))
        exactly = case if problem.scaling is None else problem.exactly().case(case.parameters)
        try:
            balls = enclosed(function, exactly, lambda q: scale * NARROW)
        except (ZeroDivisionError, InexactReference):
            pass  # a pivot that may be 0, two errors that may be equal; floats inside
        else:
            if all(float(ball.rad()) <= scale * NARROW for ball in balls):
                return np.array([float(ball.mid()) for ball in balls]), "256 bits or more", True
    X, y, queries = (np.asarray(a, dtype=float) for a in (case.X, case.y, case.queries))
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
