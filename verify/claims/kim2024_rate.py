"""kim2024: how the plug-in estimator errs, against the minimax rate of s times smooth functions.

Pf is the projection of f on the features, in the mean square of the design; y_i = f(x_i) + noise of
variance sigma^2; Gamma = Sigma^-1. What was read of the paper is said in `kim2024`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import sympy

from constructions.papers import kim2024
from constructions.witness import Witness

from ..checks.analysis.evidence import about_its_own
from ..checks.analysis.losses import Loss, Regression, n
from ..checks.case import objects
from ..checks.rates import predictions
from ..claim import Budget, Check, CheckResult, Differs, check, claim
from .kim2024 import PAPER

RISK = r"\|f - \Pi f\|^2 + \tfrac1n\left(N (\|f\|^2 + \sigma^2) - \|\Pi f\|^2\right)"


def risk(N: Any, count: Any, square: Any, projected: Any, noise: Any) -> Any:
    """The expected squared error with bins: square = |f|^2, projected = |Pf|^2, Pf a projection."""
    return square - projected + (N * (square + noise) - projected) / count


def of_bins(bins: int) -> tuple[tuple[int, ...], ...]:
    """Gamma of equal bins: x is in each with probability 1/N."""
    return tuple(tuple(bins if i == j else 0 for j in range(bins)) for i in range(bins))


@check("proof", "derived")
@about_its_own
def every_basis(budget: Budget) -> CheckResult:
    """The error of the mean of n independent terms, Gamma = Sigma^-1, for any features and design.

    zeta_i = Gamma phi_i y_i has mean theta, the coefficients of Pf. In the norm of Sigma the mean
    square of 1/n sum zeta_i is counted by equal and by different pairs; f - Pf is orthogonal to the
    features. With equal bins phi^T Gamma phi = N at every x.
    """
    A, B, square, noise, N = sympy.symbols("A B F sigma2 N", positive=True)
    own, other = n * A / n**2, n * (n - 1) * B / n**2  # E|zeta_i|^2 = A, <E zeta_i, E zeta_j> = B
    spread = sympy.cancel(own + other - 2 * B + B)  # E|mean - theta|^2, |theta|^2 = B
    general = square - B + spread
    wanted = square - B + (A - B) / n
    if sympy.cancel(general - wanted) != 0:
        raise Differs(f"the error is {general}", {"error": str(general)})
    of_bins = wanted.subs(A, N * (square + noise))  # A = E[y^2 phi^T Gamma phi]
    left = sympy.cancel(of_bins - risk(N, n, square, B, noise))
    if left != 0:
        raise Differs(f"with bins the error is off by {left}", {"off": str(left)})
    return CheckResult(
        True, 2, 0.0, 0.0,
        "for every n, N, f, design and features the error is |f - Pf|^2 + (E[y^2 phi^T Gamma phi] "
        "- |Pf|^2)/n; with N equal bins phi^T Gamma phi = N",
    )  # fmt: skip


@check("exact", "exact")
@about_its_own
def every_prompt(budget: Budget) -> CheckResult:
    """The transformer with bins, run on every prompt there is: the average error is the formula's.

    x is one of `places` in each of N bins, y = f(x) +- s, each equally likely; every query.
    """
    cases = 0
    for bins, places, count in ((1, 2, 1), (2, 1, 2), (2, 2, 1), (2, 2, 2), (3, 1, 2)):
        total = bins * places
        grid = [Fraction(2 * k + 1, 2 * total) for k in range(total)]
        f = [Fraction(k * k + 1, k + 2) for k in range(total)]
        s = Fraction(1, 3)
        witness = kim2024.bin_head(bins, places, of_bins(bins))
        errors = list(_errors(witness, grid, f, s, count))
        cases += len(errors)
        square = sum(value**2 for value in f) / Fraction(total)
        means = [sum(f[b * places : (b + 1) * places]) / Fraction(places) for b in range(bins)]
        projected = sum(value**2 for value in means) / Fraction(bins)
        wanted, found = risk(bins, count, square, projected, s**2), sum(errors) / len(errors)
        if found != wanted:
            raise Differs(
                f"N = {bins}, n = {count}: the error is {found}, the formula gives {wanted}",
                {"N": bins, "n": count, "error": str(found), "formula": str(wanted)},
            )
    return CheckResult(
        True, cases, 0.0, 0.0, f"the mean over all {cases} prompts, at five sizes, is the formula's"
    )


def _errors(
    witness: Witness, grid: Sequence[Fraction], f: Sequence[Fraction], s: Fraction, count: int
) -> Iterator[Fraction]:
    """The squared error of every prompt, averaged over the queries."""
    drawn = list(product(range(len(grid)), (-s, s)))
    prompts = list(product(drawn, repeat=count))
    X = objects([[[grid[k]] for k, _ in one] for one in prompts], Fraction)
    y = objects([[f[k] + noise for k, noise in one] for one in prompts], Fraction)
    queries = objects([[[x] for x in grid]] * len(prompts), Fraction)
    for row in witness.predict(X, y, queries, "rational"):
        yield sum((a - b) ** 2 for a, b in zip(row, f)) / Fraction(len(grid))


@check("proof", "derived")
@about_its_own
def gaussian(budget: Budget) -> CheckResult:
    """Gaussian features, f(x) = w^T x, w ~ N(0, I): the transformer's expected loss, n a letter."""
    v = sympy.Symbol("v")
    for d in (1, 2, 3):
        unit = tuple(tuple(int(i == j) for j in range(d)) for i in range(d))
        found = Loss(kim2024.head(d, unit, "x"), Regression(noise=v)).expression
        wanted = (d * (d + 1) + d * v) / n  # E[(w.x)^2 |x|^2] = (d + 2)|w|^2, E|w|^2 = d
        if sympy.cancel(found - wanted) != 0:
            raise Differs(f"N = {d}: the loss is {found}", {"N": d, "loss": str(found)})
    return CheckResult(
        True, 3, 0.0, 0.0,
        "Gaussian features, w ~ N(0, I), noise of variance v: N (N + 1 + v)/n, by the moments of "
        "the transformer's prediction, for every n; N in [1, 2, 3]",
    )  # fmt: skip


@check("proof", "derived")
@about_its_own
def balanced(budget: Budget) -> CheckResult:
    """a N/n + b N^(-2s) is least at N ~ n^(1/(2s+1)), where it is ~ n^(-2s/(2s+1))."""
    a, b, s, N, count = sympy.symbols("a b s N n", positive=True)
    terms = a * N / count, b * N ** (-2 * s)
    best = (2 * s * b * count / a) ** (1 / (2 * s + 1))

    def log(value: Any) -> Any:
        return sympy.expand_log(sympy.log(value), force=True)

    slopes = [log(abs(sympy.diff(term, N))).subs(log(N), log(best)) for term in terms]
    slope = sympy.cancel(slopes[0] - slopes[1])
    curved = sympy.diff(sum(terms), N, 2)
    at_best = [log(term).subs(log(N), log(best)) for term in terms]
    exponents = [
        sympy.cancel(count * sympy.diff(one, count) + 2 * s / (2 * s + 1)) for one in at_best
    ]
    if slope != 0 or not curved.is_positive or any(exponents):
        raise Differs(f"slope {slope}, exponents off by {exponents}", {"slope": str(slope)})
    x, k = sympy.symbols("x k", positive=True)
    middle = (k + sympy.Rational(1, 2)) / N
    per_bin = sympy.integrate((x - middle) ** 2, (x, k / N, (k + 1) / N))
    bias = sympy.cancel(N * per_bin)  # the same in each of N bins
    if sympy.cancel(bias - 1 / (12 * N**2)) != 0:
        raise Differs(f"the bias of f(x) = x is {bias}", {"bias": str(bias)})
    return CheckResult(
        True, 2, 0.0, 0.0,
        "a N/n + b N^(-2s) is least at N = (2 s b n/a)^(1/(2s+1)) and there a constant times "
        "n^(-2s/(2s+1)), for every s > 0; with bins f(x) = x has bias 1/(12 N^2) exactly, s = 1",
    )  # fmt: skip


@check("numeric", "tested")
def measured(budget: Budget) -> CheckResult:
    """Bins on f(x) = x, N = n^(1/3): every measured error is the formula's, within four standard
    errors; from one n to the next it falls nearly as n^(-2/3)."""
    rng, repeats, noise, said = np.random.default_rng(budget.seed), 24, 0.5, []
    for count in (216, 1000) if budget.quick else (216, 512, 1000, 1728):
        bins, places = round(count ** (1 / 3)), 16
        total = bins * places
        grid = (np.arange(total) + 0.5) / total
        X = rng.choice(grid, (repeats, count, 1))
        y = X[..., 0] + noise * rng.standard_normal((repeats, count))
        queries = np.broadcast_to(grid[:, None], (repeats, total, 1))
        got = predictions(kim2024.bin_head(bins, places, of_bins(bins)), X, y, queries)
        each = np.mean((got - grid) ** 2, axis=1)
        error, deviation = each.mean(), each.std(ddof=1) / np.sqrt(repeats)
        means = grid.reshape(bins, places).mean(axis=1)
        wanted = risk(bins, count, np.mean(grid**2), np.mean(means**2), noise**2)
        said.append(f"n = {count}: {error:.3g} (+- {deviation:.1g}), formula {wanted:.3g}")
        if not abs(error - wanted) <= 4 * deviation:
            raise Differs(
                said[-1], {"n": count, "error": f"{error:.6g}", "formula": f"{wanted:.6g}"}
            )
    return CheckResult(True, len(said), None, None, f"f(x) = x, N = n^(1/3): {'; '.join(said)}")


@claim(
    "kim2024.rate",
    source=f"{PAPER}, the risk in context against the minimax rate",
    statement=r"\Gamma = \Sigma^{-1},\ N \text{ equal bins}: \operatorname{E}\|\hat f - f\|^2 = "
    + RISK
    + r";\ \|f - \Pi f\|^2 \sim N^{-2s} \text{ and } N \sim n^{1/(2s+1)} \text{ give } "
    r"n^{-2s/(2s+1)}",
    note="equal bins take in s = 1 alone, B-splines of degree p what is s <= p + 1; the weights "
    "are given, nothing is said of what training finds",
)
def rate() -> tuple[Check, ...]:
    """With the population's covariance the layer errs at the minimax rate."""
    return every_basis(), every_prompt(), gaussian(), balanced(), measured()
