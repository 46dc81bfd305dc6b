"""Checks of the products from GeLU and of the bypass of layer norm: bounds, digits in floats."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from constructions import PrecisionWarning

from ...claim import Budget, Check, CheckResult
from .balls import at_most, ball, precision, top

Builder = Callable[..., Any]

# (order, scale) that serve well for |x|, |y| <= 1: found by `best_scale`, and checked by a test
CHOSEN = {"float64": (10, Fraction(1, 16)), "float32": (8, Fraction(1, 8))}


def factors(count: int, seed: int) -> np.ndarray:
    """Queries (count, 2) of pairs in [-1, 1], corners included."""
    rng = np.random.default_rng(seed)
    corners = [[a, b] for a in (-1, 0, 1) for b in (-1, 0, 1)]
    pairs = np.concatenate([corners, rng.uniform(-1, 1, (count, 2))])
    return pairs.astype(np.float32).astype(float)  # every format takes up the same factors


def error_in(system: str, witness: Any, queries: np.ndarray) -> float:
    """The largest error of the product in a float format, over pairs of numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)  # the error itself is what is asked for
        got = np.asarray(witness.predict(*_prompts(queries), system), dtype=float)[:, 0]
    return float(np.abs(got - queries[:, 0] * queries[:, 1]).max())


def _prompts(queries: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each pair as the query of a prompt of its own: a batch is one run."""
    count = len(queries)
    return np.zeros((count, 1, 2)), np.zeros((count, 1)), queries[:, None, :]


def best_scale(build: Builder, system: str, order: int, form: str) -> tuple[float, Fraction]:
    """(smallest error, its scale) over the scales 1, 1/2, …, 2^-24."""
    queries = factors(1000, 1)
    found = []
    for k in range(25):
        scale = Fraction(1, 2**k)
        witness = build(d=2, order=order, scale=scale, form=form)
        found.append((error_in(system, witness, queries), scale))
    return min(found)


def digits(build: Builder, orders: tuple[int, ...] = (1, 2, 4, 8, 10)) -> list[dict[str, Any]]:
    """Rows of the table: format, form, order, best scale, largest error and digits on [-1, 1]^2."""
    rows = []
    for system in ("float64", "float32"):
        for form, order in (("printed", 1), *(("richardson", m) for m in orders)):
            error, scale = best_scale(build, system, order, form)
            rows.append(
                {"numbers": system, "form": form, "order": order, "scale": str(scale),
                 "error": error, "digits": -np.log10(error)}
            )  # fmt: skip
    return rows


def product_bound(build: Builder, size: int = 1) -> Check:
    """In balls the product is within the proved bound, for the factors that are drawn."""

    def run(budget: Budget) -> CheckResult:
        from flint import arb

        from proofs.weights.gelu_product import bound

        queries = factors(12 if budget.quick else 40, budget.seed) * size
        worst, largest, cases = 0.0, 0.0, 0
        unsure = False
        for order in (1, 2, 3, 5, 8):
            for scale in (Fraction(1, 2), Fraction(1, 8), Fraction(1, 64)):
                witness = build(d=2, order=order, scale=scale)
                proved = bound(order, scale, Fraction(size))
                got = witness.predict(np.zeros((1, 2)), [0.0], queries, "ball")
                with precision(128):
                    for value, (x, y) in zip(got, queries):
                        cases += 1
                        error, allowed = abs(value - arb(float(x)) * arb(float(y))), ball(proved)
                        if error > allowed:
                            return CheckResult(
                                False, cases, top(error), top(allowed),
                                f"order {order}, scale {scale}",
                                {"x": str(Fraction(x)), "y": str(Fraction(y)),
                                 "order": str(order), "scale": str(scale)},
                            )  # fmt: skip
                        unsure = unsure or not error <= allowed  # the balls are too wide
                        worst = max(worst, top(error / allowed))
                        largest = max(largest, top(error))
        return CheckResult(
            None if unsure else True, cases, largest, None,
            f"on {len(queries)} drawn pairs at most {at_most(worst)} of the proved bound, "
            f"5 orders, 3 scales",
            domain=f"drawn: |x|, |y| <= {size}, corners among them",
        )  # fmt: skip

    return Check("enclosure", run, "tested")


def product_digits(build: Builder) -> Check:
    """In float64 and float32 the error is what the proved bound and rounding explain."""

    def run(budget: Budget) -> CheckResult:
        from proofs.weights.gelu_product import bound

        queries = factors(400, budget.seed)
        worst, told = 0.0, []
        for system, (order, scale) in CHOSEN.items():
            witness = build(d=2, order=order, scale=scale)
            rounding = witness.rounding_bound(*_prompts(queries), system)
            allowed = float(bound(order, scale, Fraction(1))) + float(np.max(rounding))
            error = error_in(system, witness, queries)
            printed, _ = best_scale(build, system, 1, "printed")
            if error > allowed:
                return CheckResult(False, len(queries), error, allowed, f"in {system}")
            worst = max(worst, error)
            told.append(
                f"{system}: {-np.log10(error):.1f} digits at order {order}, printed "
                f"{-np.log10(printed):.1f} at its best scale"
            )
        return CheckResult(True, 2 * len(queries), worst, None, "; ".join(told))

    return Check("numeric", run, "tested")


def norm_bypass(build: Callable[[Any, Any], list[Any]] | None = None) -> Check:
    """Layer norm undone by units N, -N, x, -x: relative error at most |x|^2/(2 N^2), in balls.

    On drawn x. The margin to the bound is of relative order |x|^2/N^2, which 256 bits resolve.
    """

    def run(budget: Budget) -> CheckResult:
        from flint import arb, arb_mat

        from constructions.numbers.ball import Ball

        units = build or (lambda N, x: [N, -N, *x, *(-e for e in x)])
        rng = np.random.default_rng(budget.seed)
        worst, largest, cases = 0.0, 0.0, 0
        with precision(256):
            for N in (4, 64, 2**20):
                for _ in range(4):
                    x = [arb(float(e)) for e in rng.uniform(-1, 1, int(rng.integers(1, 5)))]
                    row = units(arb(N), x)
                    L = len(row)
                    normed = Ball(256).layer_norm(arb_mat(1, L, row)).entries()
                    undo = (arb(2) / L).sqrt() * N
                    square = sum((e * e for e in x), arb(0))
                    for e, out in zip(x, normed[2 : 2 + len(x)]):
                        cases += 1
                        relative = abs(undo * out / e - 1)
                        allowed = square / (2 * N * N)
                        if not relative <= allowed:
                            return CheckResult(
                                False, cases, float(relative.mid()), float(allowed.mid()),
                                f"N = {N}: off by {float(relative.mid()):.2e}",
                                {"N": str(N), "x": [str(float(v.mid())) for v in x]},
                            )  # fmt: skip
                        worst = max(worst, top(relative / allowed))
                        largest = max(largest, top(relative))
        return CheckResult(
            True, cases, largest, None,
            f"for {cases} drawn entries at most {at_most(worst, 4)} of |x|^2/(2 N^2)",
            domain="drawn: up to four entries in [-1, 1], N = 4, 64 and 2^20",
        )  # fmt: skip

    return Check("enclosure", run, "tested", transformer=False)
