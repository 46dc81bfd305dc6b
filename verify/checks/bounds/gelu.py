"""Checks of the products from GeLU and of the bypass of layer norm: bounds, digits in floats."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from flint import arb, arb_mat

from constructions import PrecisionWarning
from constructions.numbers.ball import Ball
from proofs.weights.gelu_product import bound

from ...claim import Budget, CheckResult, Differs, check
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
            row = {"numbers": system, "form": form, "order": order, "scale": str(scale)}
            rows.append(row | {"error": error, "digits": -np.log10(error)})
    return rows


@check("enclosure", "tested")
def product_bound(budget: Budget, build: Builder, size: int = 1) -> CheckResult:
    """In balls the product is within the proved bound, for the factors that are drawn."""
    queries = factors(12 if budget.quick else 40, budget.seed) * size
    worst, largest, cases = 0.0, 0.0, 0
    unsure = False
    for order, scale in product((1, 2, 3, 5, 8), map(Fraction, ("1/2", "1/8", "1/64"))):
        witness = build(d=2, order=order, scale=scale)
        got = witness.predict(np.zeros((1, 2)), [0.0], queries, "ball")
        with precision(128):
            allowed = ball(bound(order, scale, Fraction(size)))
            for value, (x, y) in zip(got, queries):
                cases += 1
                error = abs(value - arb(float(x)) * arb(float(y)))
                if error > allowed:
                    given = {"x": Fraction(x), "y": Fraction(y), "order": order, "scale": scale}
                    raise Differs(
                        f"order {order}, scale {scale}",
                        {name: str(one) for name, one in given.items()},
                        max_error=top(error),
                        bound=top(allowed),
                        cases=cases,
                    )
                unsure = unsure or not error <= allowed  # the balls are too wide
                worst = max(worst, top(error / allowed))
                largest = max(largest, top(error))
    detail = (
        f"on {len(queries)} drawn pairs at most {at_most(worst)} of the proved bound, "
        "5 orders, 3 scales"
    )
    domain = f"drawn: |x|, |y| <= {size}, corners among them"
    return CheckResult(None if unsure else True, cases, largest, None, detail, domain=domain)


@check("numeric", "tested")
def product_digits(budget: Budget, build: Builder) -> CheckResult:
    """In float64 and float32 the error is what the proved bound and rounding explain."""
    queries = factors(400, budget.seed)
    worst, told = 0.0, []
    for system, (order, scale) in CHOSEN.items():
        witness = build(d=2, order=order, scale=scale)
        rounding = witness.rounding_bound(*_prompts(queries), system)
        allowed = float(bound(order, scale, Fraction(1))) + float(np.max(rounding))
        error = error_in(system, witness, queries)
        printed, _ = best_scale(build, system, 1, "printed")
        if error > allowed:
            raise Differs(f"in {system}", None, None, error, allowed, len(queries))
        worst = max(worst, error)
        told.append(
            f"{system}: {-np.log10(error):.1f} digits at order {order}, printed "
            f"{-np.log10(printed):.1f} at its best scale"
        )
    return CheckResult(True, 2 * len(queries), worst, None, "; ".join(told))


@check("enclosure", "tested", transformer=False)
def norm_bypass(
    budget: Budget, build: Callable[[Any, Any], list[Any]] | None = None
) -> CheckResult:
    """Layer norm undone by units N, -N, x, -x: relative error at most |x|^2/(2 N^2), in balls.

    On drawn x. The margin to the bound is of relative order |x|^2/N^2, which 256 bits resolve.
    """
    units = build or (lambda N, x: [N, -N, *x, *(-e for e in x)])
    rng = np.random.default_rng(budget.seed)
    worst, largest, cases = 0.0, 0.0, 0
    with precision(256):
        for N, _ in product((4, 64, 2**20), range(4)):
            x = [arb(float(e)) for e in rng.uniform(-1, 1, int(rng.integers(1, 5)))]
            row = units(arb(N), x)
            L = len(row)
            normed = Ball(256).layer_norm(arb_mat(1, L, row)).entries()
            undo = (arb(2) / L).sqrt() * N
            allowed = sum((e * e for e in x), arb(0)) / (2 * N * N)
            for e, out in zip(x, normed[2 : 2 + len(x)]):
                cases += 1
                relative = abs(undo * out / e - 1)
                if not relative <= allowed:
                    off = float(relative.mid())
                    raise Differs(
                        f"N = {N}: off by {off:.2e}",
                        {"N": str(N), "x": [str(float(v.mid())) for v in x]},
                        max_error=off,
                        bound=float(allowed.mid()),
                        cases=cases,
                    )
                worst = max(worst, top(relative / allowed))
                largest = max(largest, top(relative))
    detail = f"for {cases} drawn entries at most {at_most(worst, 4)} of |x|^2/(2 N^2)"
    domain = "drawn: up to four entries in [-1, 1], N = 4, 64 and 2^20"
    return CheckResult(True, cases, largest, None, detail, domain=domain)
