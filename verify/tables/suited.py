"""Parameters that suit a table: sizes read off it, step sizes from what the steps are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

import constructions
from constructions.construction import Construction
from constructions.parameters import Examples, typed

from .. import algorithms
from ..inputs.errors import WrongCall
from ..inputs.names import Subject
from ..inputs.region import (
    MOST,
    PLAIN,
    Spectrum,
    spectrum,
    spectrum_of,
    suit,
    what_is_left,
)
from .limits import kernel_matrices, strength
from .problem import Problem
from .scaling import ILL, Scaling, into

# limits that are functions of w^T x, of which there are many where columns depend on each other
OF_WEIGHTS = ("least_squares", "ridge", "preconditioned", "lasso", "logistic")
POWERS = 1e75  # sizes of X of which float64 holds |X^T X|^2, and what is divided by it
SQUARES = 1e150  # sizes of X of which float64 holds the square, and a sum of them
MANY = 2**28  # numbers in the stream that a table may take: 2 GB in float64
Own = dict[str, tuple[Any, str]]


def suited(
    subject: Subject, given: Mapping[str, Any], problem: Problem
) -> tuple[dict[str, Any], dict[str, str]]:
    """(all parameters, {parameter: why} of those chosen here). Raises WrongCall."""
    made = construction_of(subject)
    _refuse_beyond_floats(problem)
    X, plain = _read(problem), spectrum_of(problem.singular, len(problem.X))
    if made is None:
        return suit(subject.name, subject.signature, given, X, subject.of_cases, plain)
    _refuse_outside(made, problem)
    _refuse_many(made, problem)
    own = _sizes(made, given, X)
    so_far = {**{key: value for key, (value, _) in own.items()}, **given}
    s, rate = _steps_of(made, so_far, X)
    own |= rate
    own |= {
        key: (kind.example, "an example; --set gives another")
        for key, kind in made.parameters.items()
        if key not in own and kind.example is not None and not _depends_on_data(made, key, so_far)
    }
    return suit(subject.name, subject.signature, given, X, None, s or plain, own)


def _read(problem: Problem) -> np.ndarray:
    """What is read of X (n, d), in floats."""
    return np.asarray(problem.read, dtype=float)


def _depends_on_data(made: Construction, key: str, given: Mapping[str, Any]) -> bool:
    """Whether `suit` knows what a parameter should be on data."""
    kind = made.parameters[key]
    values = {name: one.small for name, one in made.parameters.items()}
    values |= given
    unit = getattr(kind, "unit", "")
    known = unit or key in made.suited or made.converges(values).partition(" ")[0] == key
    return bool(known) or isinstance(kind, Examples) or key in ("d", *PLAIN, *MOST)


def construction_of(subject: Subject) -> Construction | None:
    """The construction that a subject is; None of a user's claim."""
    found = constructions.get(subject.name) if subject.name in constructions.names() else None
    return found if subject.file is None else None


def iterates(subject: Subject) -> bool:
    """Whether it comes closer with every step, so that the columns' scales matter for how many."""
    known = {"iterations", "steps", "layers"} & set(subject.signature.parameters)
    return bool(known) and subject.file is None


def scaled(subject: Subject, problem: Problem, wanted: bool | None) -> Problem:
    """The problem with columns on one scale: where that is wanted; where nothing is said, for an
    algorithm of steps on a table whose condition number calls for it. And into the interval where
    the construction's inputs have to lie. Says what was done."""
    made = construction_of(subject)
    if made is not None and made.inputs is not None:
        low, high = made.inputs
        scaling = into(low, high, np.concatenate([problem.X, problem.queries]))
        if scaling is None:
            return problem
        said = f"scaled     into [{low}, {high}], where it works: {_said(scaling)}"
        return problem.scaled(scaling).told(said)
    if wanted is False or (wanted is None and not iterates(subject)):
        return problem
    if wanted is None and not (problem.condition > ILL and problem.eased):
        return problem
    then = problem.standardised
    before, after = problem.condition, then.condition
    chosen = "" if wanted else "chosen: "
    what = "less its mean, over its deviation" if problem.intercept else "over its root mean square"
    return then.told(
        f"scaled     {chosen}the embedding reads every column {what}; condition number "
        f"{before:.2g}, then {after:.2g}" + ("" if wanted else " (--no-standardise: as it is)"),
    )


def converges(subject: Subject, parameters: Mapping[str, Any]) -> bool:
    """Whether it is known to: it states a region, outside of which parameters are refused."""
    made = construction_of(subject)
    return made is not None and bool(made.converges(made.values(**parameters)))


def needs(
    subject: Subject, parameters: Mapping[str, Any], problem: Problem, closer: bool = True
) -> str:
    """What comes closer to the limit: "; iterations = 6 leaves …; --standardise …"; `closer`:
    whether more of them do, where nobody knows by how much."""
    made, said = construction_of(subject), ""
    if made is None or not iterates(subject):
        return said
    s, _ = _steps_of(made, parameters, _read(problem))
    s = s or spectrum_of(problem.singular, len(problem.X))
    for key in MOST.keys() & parameters.keys():
        count = parameters[key]
        left = what_is_left(subject.name, parameters, s, key, count)
        if left.startswith("leaves"):
            said += f"; {key} = {count} {left}"
        elif closer:
            said += f"; {left}"
    if problem.scaling is None and made.inputs is None:
        if problem.eased:
            before, after = problem.condition, problem.standardised.condition
            said += f"; --standardise brings the condition number {before:.2g} to {after:.2g}"
    return said


def changed(subject: Subject, parameters: Mapping[str, Any], problem: Problem) -> str:
    """What is solved on scaled columns, where that is another problem than on the columns as they
    are; "" where scales only matter for how fast it is solved."""
    made = construction_of(subject)
    if made is None or problem.scaling is None:
        return ""
    values = made.values(**parameters)
    word, _, formula = made.limit(values).partition(":")
    n, d = problem.X.shape
    if word == "selected" or strength(formula, {**values, "n": n}):
        other = "the penalty falls on the weights of the scaled columns"
    elif word in ("kernel", "no_kernel"):
        other = "the kernel compares rows of scaled columns"
    elif word in OF_WEIGHTS and len(problem.singular) < d:
        other = "of many solutions the one that is found depends on the columns' scales"
    else:
        return ""
    return f"{made.name}: {other}: another problem than on the columns as they are"


def _said(scaling: Scaling) -> str:
    columns = zip(scaling.centre, scaling.unit)
    return ", ".join(f"(x - {float(c):g}) / {float(u):g}" for c, u in columns)


def _refuse_beyond_floats(problem: Problem) -> None:
    """Where |X^T X|^2 is infinite or 0 in float64, no step size read off it is true."""
    size = float(problem.singular[0]) if len(problem.singular) else 0.0
    if size and not 1 / POWERS < size < POWERS:
        more = "" if 1 / SQUARES < size < SQUARES else " --numbers rational"
        raise WrongCall(
            f"the columns are of size {size:.2g}, and float64 does not hold the powers of that by "
            f"which parameters are chosen; give them in other units, or --standardise{more}"
        )


def _refuse_outside(made: Construction, problem: Problem) -> None:
    case = problem.case({})
    for limits, parts, what, hint in (
        (made.outputs, (case.y,), "targets", "give a column of 0 and 1"),
        (made.inputs, (case.X, case.queries), "x", "divide them by their largest"),
    ):
        if limits is None:
            continue
        low, high = limits
        for part in parts:
            values = part.astype(float)
            if values.min() < low or values.max() > high:
                found = values[(values < low) | (values > high)][0]
                raise WrongCall(
                    f"{made.name} takes {what} from {low} to {high}, and the prompt has {found:g}; "
                    f"{hint}"
                )


def _refuse_many(made: Construction, problem: Problem) -> None:
    """What has layers and slots for each example cannot take a million of them."""
    if not any(isinstance(kind, Examples) for kind in made.parameters.values()):
        return
    n, d = problem.X.shape
    if n * n * (n + d) > MANY * 2**6:
        raise WrongCall(
            f"{made.name} has layers for each example, and its stream a number for each of them: "
            f"{n:,} examples are too many; keep some, such as the first 500 rows"
        )


def _sizes(made: Construction, given: Mapping[str, Any], X: np.ndarray) -> Own:
    """Whole numbers that depend on how many examples there are."""
    n = len(X)
    degree = given.get("degree", 1)
    order = 2 * degree + 3  # n^(1/(2 s + 1)) splines, s = degree + 1
    basis = degree + max(2, round(n ** (1 / order)))
    held = max(1, n // 5)
    return {
        key: value
        for key, value in {
            "basis": (basis, f"the degree and n^(1/{order}), the best rate, at least 2"),
            "validation": (held, "a fifth of the examples"),
        }.items()
        if key in made.parameters and key not in given
    }


def _steps_of(
    made: Construction, given: Mapping[str, Any], X: np.ndarray
) -> tuple[Spectrum | None, Own]:
    """What the steps are made of where that is not X^T X, and the step size that suits it."""
    small = {key: kind.small for key, kind in made.parameters.items()}
    values = {**small, **given}
    word = made.limit(values).partition(":")[0]
    if word == "splines":
        s = spectrum(algorithms.spline_features(X[:, :1], values["basis"], values["degree"]))
        return s, {"alpha": (_down(1 / s.top), "1 / |F^T F|, F the splines of the examples")}
    if word == "kernel" or made.name == "kernel_regression":
        here, _ = kernel_matrices(values, X, X[:1])
        top = float(np.abs(np.linalg.eigvals(here)).max())
        s = Spectrum(top, 0.0, len(X))
        rate = "rate" if "rate" in made.parameters else "step_size"
        own: Own = {rate: (_down(1 / top), "1 / |K|, K the kernel's matrix of the examples")}
        if values.get("kernel") == "exponential":
            own["steps"] = 1, "a default: the kernel smoother"
        return s, own
    if word == "nothing" and "step_size" in made.parameters:  # a pass over the examples
        longest = float(np.square(X).sum(axis=1).max())
        return None, {"step_size": (_down(1 / (4 * longest)), "a quarter of 1 / the largest |x|^2")}
    if "preconditioner" in made.parameters:
        return _preconditioned(made, given, X)
    return None, {}


def _preconditioned(
    made: Construction, given: Mapping[str, Any], X: np.ndarray
) -> tuple[Spectrum | None, Own]:
    """Jacobi's matrix, where none is given, and half of the largest step that it allows."""
    squares = np.square(X).sum(axis=0)
    d = X.shape[1]
    diagonal = tuple(
        tuple(
            _down(1 / squares[i]) if i == j and squares[i] > 0 else Fraction(i == j)
            for j in range(d)
        )
        for i in range(d)
    )
    own: Own = {"preconditioner": (diagonal, "one over the sum of squares of every column")}
    matrix = given.get("preconditioner", diagonal)
    if np.ndim(np.array(matrix, dtype=float)) != 2 or np.shape(matrix) != (d, d):
        return None, own  # another one in every step, or one of another size
    moved = np.linalg.eigvals(np.array(matrix, dtype=float) @ (X.T @ X))
    top = float(np.abs(moved).max()) / (len(X) if given.get("loss") == "mean" else 1)
    own["step_size"] = _down(1 / top), "1 / |P X^T X|"
    return None, own


def _down(value: float) -> Fraction:
    """Three digits, rounded down."""
    exponent = math.floor(math.log10(value)) - 2
    return typed(f"{math.floor(value / 10.0**exponent)}e{exponent}")
