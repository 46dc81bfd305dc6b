"""akyurek2022: the primitives of lemma 1.

Each operation is compiled to one layer and bounded over the whole box of streams |h| <= 1, in
balls, at two settings of the free constants; RAW as a definition is decided in fractions.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product

import numpy as np

from constructions.primitive_layers import Constants
from constructions.primitives import (
    Aff,
    Div,
    Mov,
    Mul,
    Operation,
    Program,
)
from constructions.stream import layout

from ..checks import layers
from ..checks.programs import COARSE, FINE, SHRINKS
from ..claim import Budget, Check, CheckResult, claim
from ..strategies import as_text

LEAST = Fraction(1, 4)  # divisors stay away from 0 by this
STREAM = layout(y=(), x=(2,), a=(2,), b=(2,), c=())  # eight program rows
Bounded = tuple[Operation, Callable[[Constants], float]]


def _box(operations: Callable[[], Sequence[Bounded]], shrinks: float, what: str) -> Check:
    """Every layer stays inside its bound at drawn streams, and the bound falls as it should."""

    def run(budget: Budget) -> CheckResult:
        draw = random.Random(budget.seed)
        worst, nearest, cases = 0.0, 0.0, 0
        for operation, bound in operations()[: 3 if budget.quick else None]:
            Program((operation,), STREAM, 3)  # side conditions
            limits = {constants: bound(constants) for constants in (COARSE, FINE)}
            if not limits[FINE] <= limits[COARSE] * shrinks:
                return CheckResult(
                    False, cases, limits[FINE], limits[COARSE] * shrinks,
                    f"{operation}: bounds {limits[FINE]:.1e} and {limits[COARSE]:.1e}",
                )  # fmt: skip
            away = operation.by if isinstance(operation, Div) else None
            for _ in range(3 if budget.quick else 10):
                H = layers.draw_box(draw, STREAM, 3, away, LEAST)
                cases += 1
                for constants, limit in limits.items():
                    off = layers.worst_point(operation, STREAM, H, constants)
                    if not off <= limit:
                        return CheckResult(
                            False, cases, off, limit, f"{operation} is off by {off:.1e}",
                            {"operation": str(operation), "H": [as_text(column) for column in H]},
                        )  # fmt: skip
                    nearest = max(nearest, off / limit)
            worst = max(worst, limits[FINE])
        return CheckResult(
            True, cases, worst, worst,
            f"{what}; at drawn streams up to {nearest:.0%} of the bound is used",
        )  # fmt: skip

    return Check("enclosure", run, "enclosed")


def _affine(*operations: Operation) -> list[Bounded]:
    def bound(operation: Operation) -> Callable[[Constants], float]:
        return lambda constants: layers.affine_bound(operation, STREAM, 3, constants)

    return [(operation, bound(operation)) for operation in operations]


@claim(
    "akyurek2022.lemma1.mov",
    source="akyurek2022, lemma 1",
    statement=r"\mathrm{mov}(H; s, t, i, j, i', j'),\ t \geq s:\ \text{one layer}",
    summary="one layer copies rows of a column to a later column, or within it",
    expected="approximates",
)
def mov() -> tuple[Check, ...]:
    moves = [
        Mov(s, t, (1, 3), to)
        for s, t in ((0, 0), (0, 1), (1, 2), (0, 2))
        for to in ((3, 5), (2, 4))
    ]
    detail = "|h| <= 1, error of order exp(-sharpness), 256 here"
    return (_box(lambda: _affine(*moves), 2.0**-150, detail),)


@claim(
    "akyurek2022.lemma1.aff",
    source="akyurek2022, lemma 1",
    statement=r"\mathrm{aff}:\ W_1 h_{i:j} + W_2 h_{i':j'} + b:\ \text{one layer}",
    summary="one layer applies an affine map in each column",
    expected="approximates",
)
def aff() -> tuple[Check, ...]:
    maps = (
        Aff((1, 3), (3, 5), (5, 7), W1=1, W2=-1),
        Aff((1, 3), (0, 1), (7, 8), W1=((2, Fraction(-1, 3)),), W2=5, b=Fraction(1, 2)),
        Aff((), (), (1, 3), b=(1, -2)),
        Aff((1, 3), (), (1, 3), W1=((0, 1), (1, 0)), b=1),
    )
    detail = "|h| <= 1, error of order exp(-sharpness), 256 here"
    return (_box(lambda: _affine(*maps), 2.0**-150, detail),)


@claim(
    "akyurek2022.lemma1.mul",
    source="akyurek2022, lemma 1",
    statement=r"\mathrm{mul}:\ A_1 A_2,\ a \times b \text{ by } b \times c:\ \text{one layer}",
    summary="one layer multiplies two matrices in each column",
    expected="approximates",
)
def mul() -> tuple[Check, ...]:
    products = (
        Mul(1, 2, 1, (1, 3), (3, 5), (7, 8)),
        Mul(2, 1, 1, (1, 3), (0, 1), (3, 5)),
        Mul(2, 1, 1, (1, 3), (0, 1), (1, 3)),
        Mul(1, 1, 2, (0, 1), (1, 3), (0, 2)),
    )

    def bounded() -> list[Bounded]:
        def bound(operation: Mul) -> Callable[[Constants], float]:
            return lambda constants: layers.mul_bound(operation, STREAM, 3, constants)

        return [(operation, bound(operation)) for operation in products]

    return (_box(bounded, SHRINKS, "|h| <= 1, error of order scale^2 + 1/large"),)


@claim(
    "akyurek2022.lemma1.div",
    source="akyurek2022, lemma 1",
    statement=r"\mathrm{div}:\ h_{i:j} / |h_{i'}|:\ \text{one layer}",
    summary="one layer divides by the absolute value of a unit in each column",
    expected="approximates",
    note="where |h_{i'}| >= 1/4; no constants serve a divisor that may come near 0",
)
def div() -> tuple[Check, ...]:
    quotients = (Div((1, 3), 0, (3, 5)), Div((1, 3), 1, (1, 3)), Div((0, 1), 0, (7, 8)))

    def bounded() -> list[Bounded]:
        def bound(operation: Div) -> Callable[[Constants], float]:
            return lambda constants: layers.div_bound(operation, STREAM, 3, constants, LEAST)

        return [(operation, bound(operation)) for operation in quotients]

    return (_box(bounded, SHRINKS, "|h| <= 1, |divisor| >= 1/4, error of order 1/large"),)


# -- the footnote on sizes --------------------------------------------------------------------


def _sizes(promised: Callable[[int, int, int, int], int], formula: str) -> Check:
    """Rows that A1 A2 takes, against a formula in a, b, c and the dimension d."""

    def run(budget: Budget) -> CheckResult:
        sizes = sorted(product(range(1, 5), repeat=4), key=sum)
        for cases, (a, b, c, d) in enumerate(sizes, start=1):
            left, right = np.ones((a, b), dtype=int), np.ones((b, c), dtype=int)
            entries, wanted = (left @ right).size, promised(a, b, c, d)
            if entries != wanted:
                at = {"a": str(a), "b": str(b), "c": str(c), "d": str(d)}
                return CheckResult(
                    False, cases, abs(entries - wanted), 0.0, f"A1 A2 has {entries} entries",
                    {**at, "rows of A1 A2": str(entries), formula: str(wanted)},
                )  # fmt: skip
            fitting = Mul(a, b, c, (0, a * b), (a * b, a * b + b * c), (20, 20 + wanted))
            fitting.check()
        return CheckResult(
            True, len(sizes), detail=f"A1 A2 has {formula} entries, 1 <= a, b, c, d <= 4"
        )

    return Check("exact", run, "exact")


@claim(
    "akyurek2022.lemma1.sizes",
    source="akyurek2022, lemma 1, footnote",
    statement=r"i - j = a \cdot b,\ i' - j' = b \cdot c,\ i'' - j'' = c \cdot d \text{ up to sign}",
    summary="sizes that mul needs of its three ranges",
    expected="refuted",
    note="mul has no argument d; d is read as the dimension of x",
)
def sizes() -> tuple[Check, ...]:
    return (_sizes(lambda a, b, c, d: c * d, "c*d"),)


@claim(
    "akyurek2022.lemma1.sizes",
    variant="repaired",
    source="akyurek2022, lemma 1, footnote",
    statement=r"i - j = a \cdot b,\ i' - j' = b \cdot c,\ i'' - j'' = a \cdot c \text{ up to sign}",
    summary="sizes that mul needs of its three ranges",
    repair="i'' - j'' = a*c, not c*d",
)
def sizes_repaired() -> tuple[Check, ...]:
    return (_sizes(lambda a, b, c, d: a * c, "a*c"),)
