"""What an algorithm tends to, reached by another route: the closed form beside its prediction.

A construction says the name of its limit (`tends_to`), with a strength where there is one: "ridge:
noise/prior". Each function here takes X (n, d), y (n,), queries (m, d) and what is known, and gives
the predictions (m,), in fractions where those are given and the route has no root in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from constructions.construction import Construction
from proofs.formula import PYTHON, SCALARS, evaluate, parse

from .. import algorithms
from ..checks.case import objects
from ..strategies import Case

SWEEPS = 20_000  # of coordinate descent; the optimum is checked afterwards
CLOSE = 1e-9  # of the largest pull: how far off an optimum may be and still be called one


class NoLimit(ValueError):
    """The algorithm tends to nothing here; the message says why."""


@dataclass(frozen=True)
class Limit:
    """Predictions (m,), None where there is no limit; `name` says of what, or why there is none.

    of_targets: they are predictions of the targets.
    """

    values: np.ndarray | None
    name: str
    of_targets: bool = True


@dataclass(frozen=True)
class Given:
    """The prompt in one arithmetic, the construction's values, and the strength if it has one."""

    X: Any
    y: Any
    queries: Any
    values: Mapping[str, Any]
    strength: Any


def limit_of(construction: Construction | None, case: Case, exact: bool, intercept: bool) -> Limit:
    """What the algorithm of a construction tends to on this prompt; of any other algorithm
    least squares, for comparison."""
    values = construction.values(**case.parameters) if construction is not None else {}
    said = construction.limit(values) if construction is not None else "least_squares"
    word, _, formula = said.partition(":")
    power = strength(formula, {**values, "n": len(case.X)})
    numbers = Fraction if exact and word in EXACT else float
    X, y, queries = (
        objects(a, Fraction) if numbers is Fraction else np.asarray(a, dtype=float)
        for a in (case.X, case.y, case.queries)
    )
    given = Given(X, y, queries, values, power if numbers is Fraction else float(power))
    try:
        made, name = LIMITS[word](given)
    except NoLimit as error:
        return Limit(None, f"none: {error}")
    if construction is None:
        name += ", for comparison: nothing says what this algorithm tends to"
    if power and intercept:
        name += ", the intercept penalised as every weight is"
    return Limit(made, name, word != "variance")


def strength(formula: str, values: Mapping[str, Any]) -> Fraction:
    """What a limit says after its name, such as "noise/prior"; 0 where it says nothing."""
    numbers = {k: Fraction(v) for k, v in values.items() if isinstance(v, (int, Fraction, float))}
    return (
        Fraction(evaluate(parse(formula.strip(), SCALARS), numbers, PYTHON))
        if formula
        else Fraction(0)
    )


def nothing(g: Given) -> Any:
    raise NoLimit("it ends where its steps do")


def no_kernel(g: Given) -> Any:
    raise NoLimit("relu(<x, x'>) is no kernel, and its steps need not converge")


def least_squares(g: Given) -> tuple[Any, str]:
    """The solution of minimum norm."""
    return algorithms.least_squares(g.X, g.y, g.queries), "least squares"


def ridge(g: Given) -> tuple[Any, str]:
    if not g.strength:
        return least_squares(g)
    return algorithms.ridge(g.X, g.y, g.queries, g.strength), f"ridge, {float(g.strength):g} |w|^2"


def variance(g: Given) -> tuple[Any, str]:
    """noise x^T (lambda I + X^T X)^-1 x, by the inverse of (d, d)."""
    d = g.X.shape[1]
    gram = g.X.T @ g.X
    shifted = gram + np.array([[g.strength * (i == j) for j in range(d)] for i in range(d)])
    solved = algorithms.solve(shifted, g.queries.T)
    noise = g.values["noise"] if g.X.dtype == object else float(g.values["noise"])
    made = (g.queries.T * solved).sum(axis=0) * noise
    return made, "posterior variance, which is no prediction of targets"


def selected(g: Given) -> tuple[Any, str]:
    """Ridge by singular values, of the strength that errs less on the last examples."""
    cut = len(g.y) - g.values["validation"]
    U, sizes, Vt = np.linalg.svd(g.X[:cut], full_matrices=False)
    fits = {
        strength: Vt.T @ (sizes / (sizes**2 + float(strength)) * (U.T @ g.y[:cut]))
        for strength in g.values["ridges"]
    }
    best = min(
        fits, key=lambda strength: float(np.square(g.X[cut:] @ fits[strength] - g.y[cut:]).sum())
    )
    return g.queries @ fits[best], f"ridge, {float(best):g} |w|^2, on the first {cut} examples"


def preconditioned(g: Given) -> tuple[Any, str]:
    """Of all solutions the one in the range of P X^T, to which the steps from 0 are confined."""
    if np.linalg.matrix_rank(g.X) == g.X.shape[1]:
        return least_squares(g)
    matrix = np.array(g.values["preconditioner"], dtype=float)
    if matrix.ndim != 2:
        raise NoLimit("another matrix in every step, and more columns than examples tell apart")
    dual = np.linalg.lstsq(g.X @ matrix @ g.X.T, g.y, rcond=None)[0]
    return g.queries @ (matrix @ (g.X.T @ dual)), "least squares in the range of P X^T"


def lasso(g: Given) -> tuple[Any, str]:
    """argmin sum (w.x - y)^2 + strength |w|_1, by coordinate descent, the optimum checked."""
    gram, moment = g.X.T @ g.X, g.X.T @ g.y
    sizes, half = np.diag(gram), g.strength / 2
    w, pull = np.zeros(len(moment)), moment.copy()  # pull = X^T (y - X w)
    for _ in range(SWEEPS):
        before = w.copy()
        for j in np.flatnonzero(sizes):
            aim = pull[j] + sizes[j] * w[j]
            new = np.sign(aim) * max(abs(aim) - half, 0.0) / sizes[j]
            if new != w[j]:
                pull -= gram[:, j] * (new - w[j])
                w[j] = new
        if (np.abs(w - before) <= 1e-15 * np.abs(w).max(initial=0)).all():
            break
    off = np.where(w != 0, np.abs(pull - half * np.sign(w)), np.maximum(np.abs(pull) - half, 0))
    if off.max() > CLOSE * max(np.abs(moment).max(), half):
        raise NoLimit(f"the optimum of the Lasso is not reached in {SWEEPS:,} sweeps")
    return g.queries @ w, f"Lasso, {float(g.strength):g} |w|_1"


def logistic(g: Given) -> tuple[Any, str]:
    """Largest likelihood under the sigmoid itself, by Newton's method."""
    w = np.zeros(g.X.shape[1])
    largest = np.abs(g.X.T @ g.y).max() + np.abs(g.X).sum(axis=0).max()
    for _ in range(60):
        p = _sigmoid(g.X @ w)
        pull = g.X.T @ (g.y - p)
        if np.abs(pull).max() <= CLOSE * largest and np.abs(g.X @ w).max(initial=0) < 30:
            return _sigmoid(g.queries @ w), "logistic regression, largest likelihood"
        weighted = g.X * np.sqrt(p * (1 - p))[:, None]
        w = w + np.linalg.lstsq(weighted.T @ weighted, pull, rcond=None)[0]
        if not np.isfinite(w).all():
            break
    raise NoLimit("the columns tell the targets apart, and the likelihood has no largest value")


def _sigmoid(m: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(m))
    return np.where(m >= 0, 1, small) / (1 + small)


def splines(g: Given) -> tuple[Any, str]:
    basis, degree = g.values["basis"], g.values["degree"]
    features = (algorithms.spline_features(Z, basis, degree) for Z in (g.X, g.queries))
    here, there = features
    return algorithms.least_squares(here, g.y, there), f"least squares on {basis} B-splines"


def kernel(g: Given) -> tuple[Any, str]:
    """What a smoother gives in one whole step, and else the function that steps with it tend to."""
    here, there = kernel_matrices(g.values, g.X, g.queries)
    smoother = g.values.get("kernel") == "exponential"
    if smoother and g.values["steps"] == 1:
        return there @ g.y * float(g.values["step_size"]), "kernel smoother"
    dual = np.linalg.lstsq(here, g.y, rcond=None)[0]
    return there @ dual, "kernel interpolation"


def kernel_matrices(values: Mapping[str, Any], X: Any, queries: Any) -> tuple[Any, Any]:
    """What every example counts for at the examples (n, n) and at the queries (m, n)."""
    if "attention" in values:
        return tuple(algorithms.scores(Z, X, values["attention"]) for Z in (X, queries))
    if values["kernel"] == "relu":
        A = np.array(values["features"], dtype=float)
        b = np.array(values["offsets"] or 0, dtype=float)
        X, queries = (np.maximum(Z @ A.T + b, 0) for Z in (X, queries))
    temperature = float(values["temperature"])
    return tuple(
        algorithms.kernel_weights(Z, X, values["kernel"], temperature) for Z in (X, queries)
    )


def product(g: Given) -> tuple[Any, str]:
    return algorithms.product_of_halves(g.X, g.y, g.queries), "the product of the two halves of x"


EXACT = ("least_squares", "ridge", "variance", "product")
LIMITS: dict[str, Callable[[Given], tuple[Any, str]]] = {
    made.__name__: made
    for made in (nothing, no_kernel, least_squares, ridge, variance, selected, preconditioned,
                 lasso, logistic, splines, kernel, product)
}  # fmt: skip
