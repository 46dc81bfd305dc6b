"""Balls against what is known of an algorithm: enclosures of an interval, and certified errors.

`chebyshev_bound` encloses every eigenvalue of an interval. The other two compute prompts that are
drawn, each with a certified error: that is tested, for nothing is said of other prompts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from flint import arb

from constructions.run.forward import run_once

from ...claim import Budget, CheckResult, Differs, check
from ..case import objects
from .balls import at_most, ball, precision, top

Builder = Callable[..., Any]
DRAWN = "d <= 3, n <= 5, k <= 5, entries of X and of two queries quarters in [-2, 2]"


@check("enclosure", "enclosed")
def chebyshev_bound(
    budget: Budget, build: Builder, conditions: tuple[int, ...] = (4, 10, 100)
) -> CheckResult:
    """On every eigenvalue of the interval, what is left of the error is within the textbook bound.

    The residual polynomial is read off the assembled witness. It is enclosed on every piece of a
    partition of the interval, in the Chebyshev variable, so that no eigenvalue is left out.
    """
    worst = 0.0
    numbers = (1, 2, 4, 6)
    cases = list(product(conditions, numbers))
    for count, (condition, steps) in enumerate(cases, start=1):
        bound = textbook(condition, steps)
        witness = build(d=1, steps=steps, lowest=1, highest=condition)
        largest = enclosed_residual(witness, 1, condition, bound)
        with precision(128):
            worst = max(worst, top(ball(largest) / ball(bound)))
        if largest > bound:
            raise Differs(
                f"kappa = {condition}, k = {steps}: {largest:.3g} > {bound:.3g}",
                {"condition": str(condition), "steps": str(steps)},
                max_error=largest,
                bound=bound,
                cases=count,
            )
    box = (
        f"every eigenvalue from 1 to kappa, kappa = {', '.join(map(str, conditions))}, "
        f"k = {', '.join(map(str, numbers))}; no rounding"
    )
    detail = f"at most {at_most(worst, 3)} of 2((sqrt kappa - 1)/(sqrt kappa + 1))^k"
    return CheckResult(True, len(cases), worst, 1.0, detail, box=box)


def textbook(condition: float, steps: int) -> float:
    """2 ((sqrt(kappa) - 1)/(sqrt(kappa) + 1))^k, rounded down."""
    with precision(128):
        root = arb(condition).sqrt()
        exact = 2 * ((root - 1) / (root + 1)) ** steps
        made = float(exact.mid())
        return made if ball(made) <= exact else math.nextafter(made, 0)


def enclosed_residual(
    witness: Any, lowest: int, highest: int, goal: float, deepest: int = 40
) -> float:
    """An upper bound on |residual polynomial| over [lowest, highest], rigorous.

    Pieces are bisected, at most `deepest` times, until their bounds are below `goal`. On a piece
    the mean value form holds: |p(middle)| + radius * |p'(piece)|, in balls.
    """
    import sympy

    from proofs.calculus import spectral

    polynomial = sympy.Poly(spectral.residual(witness), spectral.s)
    with precision(128):
        p, derivative = (
            [ball(Fraction(int(c.p), int(c.q))) for c in one.all_coeffs()]
            for one in (polynomial, polynomial.diff(spectral.s))
        )
        worst = 0.0
        pieces = [(Fraction(lowest), Fraction(highest), 0)]
        while pieces:
            start, end, depth = pieces.pop()
            middle, radius = (start + end) / 2, (end - start) / 2
            m, r = ball(middle), ball(radius)
            piece = arb(m.mid(), (r + m.rad()).upper())
            at_middle = abs(_value(p, m))
            inside = top(at_middle + r * abs(_value(derivative, piece)))
            if inside > goal and depth < deepest:
                pieces += [(start, middle, depth + 1), (middle, end, depth + 1)]
                if at_middle > goal:  # no bisection will help
                    return inside
            else:
                worst = max(worst, inside)
        return worst


def _value(coefficients: Sequence[arb], at: arb) -> arb:
    """A polynomial at a ball, by Horner's rule, the coefficient of the highest power first."""
    total = arb(0)
    for c in coefficients:
        total = total * at + c
    return total


@check("enclosure", "tested")
def logistic_error(budget: Budget, build: Builder) -> CheckResult:
    """Predictions with the interpolated and the true sigmoid, in balls: within the bound.

    On drawn prompts: the bound itself is proved in words, in `logistic_bound`.
    """
    from constructions.algorithms.descent.logistic import logistic_bound

    from ... import algorithms

    rng = np.random.default_rng(budget.seed)
    ratio = largest = 0.0
    cases = 8 if budget.quick else 24
    for _ in range(cases):
        X, queries, steps = _drawn(rng, 5)
        y = rng.integers(0, 2, len(X)).astype(float)
        step_size = 0.5 / max(1.0, float(np.linalg.norm(X)) ** 2)
        given = {"pieces": int(rng.choice([4, 16, 64])), "reach": int(rng.choice([8, 12]))}
        witness = build(d=X.shape[1], steps=steps, step_size=step_size, **given)
        got = run_once(witness, X, y, queries, "ball")
        want = _balls(algorithms.true_logistic, X, y, queries, steps, step_size)
        bounds = logistic_bound(X, queries, steps, step_size, **given)
        for value, truth, bound in zip(got, want, bounds):
            with precision(128):
                error = top(value - truth)
            if error > bound:
                shown = {"X": X.tolist(), "y": y.tolist(), "steps": steps}
                detail = f"off by {error:.3g}, bound {bound:.3g}"
                raise Differs(detail, shown, None, error, float(bound), cases)
            ratio, largest = max(ratio, error / bound), max(largest, error)
    detail = (
        f"on {cases} drawn prompts at most {at_most(ratio)} of "
        "e(1 + k eta sqrt(n)|X||x|/4); e falls as the square of the distance of the knots"
    )
    return CheckResult(True, cases, largest, None, detail, domain=f"drawn: {DRAWN}, y 0 or 1")


@check("enclosure", "tested")
def exponential_kernel(budget: Budget, build: Builder) -> CheckResult:
    """Softmax attention and the kernel smoother's formula, both in balls: they overlap.

    On drawn prompts. Balls that lost half of their bits overlap too easily to decide anything.
    """
    from ... import algorithms

    rng = np.random.default_rng(budget.seed)
    cases, widest = (6 if budget.quick else 20), 0.0
    given: dict[str, Any] = {"kernel": "exponential", "temperature": 2}
    for _ in range(cases):
        X, queries, steps = _drawn(rng, 4)
        y = rng.integers(-8, 9, len(X)) / 2
        witness = build(d=X.shape[1], steps=steps, step_size=0.5, **given)
        got = witness.predict(X, y, queries, "ball")
        want = _balls(algorithms.kernel_regression, X, y, queries, steps, 0.5, **given)
        for value, truth in zip(got, want):
            with precision(128):
                apart = top(value - truth)
            if not value.overlaps(truth):
                shown = {"X": X.tolist(), "y": y.tolist(), "steps": steps}
                raise Differs(f"apart by {apart:.3g}", shown, None, apart, 0.0, cases)
            widest = max(widest, apart)
    detail = (
        f"one formula: on {cases} drawn prompts the balls overlap, apart by at most "
        f"{at_most(widest, 1)}"
    )
    decided = True if widest < 2.0**-64 else None
    return CheckResult(decided, cases, widest, None, detail, domain=f"drawn: {DRAWN}, |y| <= 4")


def _drawn(rng: np.random.Generator, most: int) -> tuple[np.ndarray, np.ndarray, int]:
    """X (n, d) and two queries (2, d), quarters, with d <= 3, n <= 5 and at most `most` steps."""
    d, n, steps = (int(rng.integers(1, end)) for end in (4, 6, most + 1))
    return rng.integers(-8, 9, (n, d)) / 4, rng.integers(-8, 9, (2, d)) / 4, steps


def _balls(algorithm: Any, X: Any, y: Any, queries: Any, *given: Any, **more: Any) -> Any:
    def convert(value: Any) -> Any:
        return arb(float(value))

    with precision(128):
        scalars = [arb(v) if isinstance(v, float) else v for v in given]
        prompt = (objects(array, convert) for array in (X, y, queries))
        return algorithm(*prompt, *scalars, **more)
