"""akyurek2022: the primitives of lemma 1.

Each operation is compiled to one layer and bounded over the whole box of streams |h| <= 1, at two
settings of the free constants: a few operations on eight rows, and every choice of rows and
columns on five.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import product

import numpy as np

from constructions.papers.akyurek2022.operations import Aff, Div, Mov, Mul, Operation, Program
from proofs.stream import layout

from ...checks.bounds import operations as layers
from ...checks.bounds.chains import COARSE, FINE, SHRINKS, in_words
from ...claim import Budget, Check, CheckResult, Differs, check, claim, repair
from ...report.tables import readable
from . import PAPER

LEAST = Fraction(1, 4)  # divisors stay away from 0 by this
STREAM = layout(y=(), x=(2,), a=(2,), b=(2,), c=())  # eight program rows
SMALL = layout(y=(), x=(2,), a=(2,))  # five, on which every choice of rows is looked at
COLUMNS = 3


@dataclass(frozen=True)
class Family:
    """Operations that differ in rows and columns alone, on SMALL; letters range over weights."""

    words: str
    operations: Callable[[], Iterable[Operation]]
    letters: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def pairs(width: int = SMALL.width, size: int = 2) -> list[tuple[int, int]]:
    """Every range of `size` rows."""
    return [(i, i + size) for i in range(width - size + 1)]


@check("enclosure", "enclosed")
def _box(
    budget: Budget, listed: Sequence[Operation], family: Family, shrinks: float, what: str
) -> CheckResult:
    """Bounds over |h| <= 1 of the listed operations and, unless it has to be quick, of a family.

    Those of the listed ones fall as they should, and layers stay inside them at drawn streams.
    """
    drawn = layers.Drawn(budget, STREAM, COLUMNS)
    bounds = []
    operations = listed[: 3 if budget.quick else None]
    for operation in operations:
        Program((operation,), STREAM, COLUMNS)  # side conditions
        limits = {c: layers.bound(operation, STREAM, COLUMNS, c, LEAST) for c in (COARSE, FINE)}
        coarse, fine = limits.values()
        if not fine <= coarse * shrinks:
            detail = f"{operation}: bounds {fine:.1e} and {coarse:.1e}"
            raise Differs(detail, None, None, fine, coarse * shrinks, drawn.cases)
        off = partial(layers.worst_point, operation, STREAM)
        away = operation.by if isinstance(operation, Div) else None
        drawn.stay_inside(limits, off, {"operation": str(operation)}, away, LEAST)
        bounds.append(fine)
    names = [f"{', '.join(readable(str(one)) for one in operations)} on {STREAM.width} rows"]
    cases = drawn.cases
    if not budget.quick:
        for operation in family.operations():
            Program((operation,), SMALL, COLUMNS)
            cases += 1
            bounds.append(layers.bound(operation, SMALL, COLUMNS, FINE, LEAST, family.letters))
        names.insert(0, f"{family.words} on {SMALL.width} rows")
    divides = any(isinstance(operation, Div) for operation in operations)
    entries = f"|h| <= 1, |divisor| >= {LEAST}" if divides else "|h| <= 1"
    box = (
        f"{entries}, the workspace empty, {COLUMNS} columns: {'; '.join(names)}; "
        f"{in_words(FINE)}; no rounding"
    )
    detail = f"{what}; at drawn streams up to {drawn.share:.0%} of a bound is used"
    return CheckResult(True, cases, drawn.largest, max(bounds), detail, box=box)


@claim(
    "akyurek2022.lemma1.mov",
    source=f"{PAPER}, lemma 1",
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

    def every() -> Iterable[Operation]:
        for size in (1, 2):
            for rows, to in product(pairs(size=size), repeat=2):
                yield from (Mov(s, t, rows, to) for t in range(COLUMNS) for s in range(t + 1))

    family = Family("every mov of one or two rows", every)
    return (_box(moves, family, 2.0**-150, "error of order exp(-sharpness)"),)


@claim(
    "akyurek2022.lemma1.aff",
    source=f"{PAPER}, lemma 1",
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
    names = [f"{weight}_{k}" for weight in "pqb" for k in range(2 if weight == "b" else 4)]

    def every() -> Iterable[Operation]:
        import sympy

        *w, b0, b1 = map(sympy.Symbol, names)
        W1, W2 = (((v[0], v[1]), (v[2], v[3])) for v in (w[:4], w[4:]))
        for first, second, to in product(pairs(), repeat=3):
            yield Aff(first, second, to, W1=W1, W2=W2, b=(b0, b1))

    family = Family(
        "every aff of two and two rows to two, |W1|, |W2|, |b| <= 2 entry by entry",
        every,
        dict.fromkeys(names, (-2, 2)),
    )
    return (_box(maps, family, 2.0**-150, "error of order exp(-sharpness)"),)


@claim(
    "akyurek2022.lemma1.mul",
    source=f"{PAPER}, lemma 1",
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

    def every() -> Iterable[Operation]:
        for a, b, c in ((1, 2, 1), (2, 1, 1), (1, 1, 2)):
            yield from (
                Mul(a, b, c, left, right, to)
                for left in pairs(size=a * b)
                for right in pairs(size=b * c)
                for to in pairs(size=a * c)
            )

    family = Family("every mul of 1 x 2 by 2 x 1, 2 x 1 by 1 x 1, 1 x 1 by 1 x 2", every)
    return (_box(products, family, SHRINKS, "error of order scale^2 + 1/large"),)


@claim(
    "akyurek2022.lemma1.div",
    source=f"{PAPER}, lemma 1",
    statement=r"\mathrm{div}:\ h_{i:j} / |h_{i'}|:\ \text{one layer}",
    summary="one layer divides by the absolute value of a unit in each column",
    expected="approximates",
    note="where |h_{i'}| >= 1/4; no constants serve a divisor that may come near 0",
)
def div() -> tuple[Check, ...]:
    quotients = (Div((1, 3), 0, (3, 5)), Div((1, 3), 1, (1, 3)), Div((0, 1), 0, (7, 8)))

    def every() -> Iterable[Operation]:
        for rows, to in product(pairs(), repeat=2):
            yield from (Div(rows, by, to) for by in range(SMALL.width))

    family = Family("every div of two rows", every)
    return (_box(quotients, family, SHRINKS, "error of order 1/large"),)


# -- the footnote on sizes --------------------------------------------------------------------


@check("exact", "exact")
def _sizes(
    budget: Budget, promised: Callable[[int, int, int, int], int], formula: str
) -> CheckResult:
    """Rows that A1 A2 takes, against a formula in a, b, c and the dimension d."""
    sizes = sorted(product(range(1, 5), repeat=4), key=sum)
    for cases, (a, b, c, d) in enumerate(sizes, start=1):
        left, right = np.ones((a, b), dtype=int), np.ones((b, c), dtype=int)
        entries, wanted = (left @ right).size, promised(a, b, c, d)
        if entries != wanted:
            at = {"a": a, "b": b, "c": c, "d": d, "rows of A1 A2": entries, formula: wanted}
            shown = {name: str(value) for name, value in at.items()}
            off = abs(entries - wanted)
            raise Differs(f"A1 A2 has {entries} entries", shown, None, off, 0.0, cases)
        fitting = Mul(a, b, c, (0, a * b), (a * b, a * b + b * c), (20, 20 + wanted))
        fitting.check()
    detail = f"A1 A2 has {formula} entries, 1 <= a, b, c, d <= 4"
    return CheckResult(True, len(sizes), detail=detail)


@claim(
    "akyurek2022.lemma1.sizes",
    source=f"{PAPER}, lemma 1, footnote",
    statement=r"i - j = a \cdot b,\ i' - j' = b \cdot c,\ i'' - j'' = c \cdot d \text{ up to sign}",
    summary="sizes that mul needs of its three ranges",
    expected="refuted",
    note="mul has no argument d; d is read as the dimension of x",
)
def sizes() -> tuple[Check, ...]:
    return (_sizes(lambda a, b, c, d: c * d, "c*d"),)


@repair(
    "akyurek2022.lemma1.sizes",
    "i'' - j'' = a*c, not c*d",
    statement=r"i - j = a \cdot b,\ i' - j' = b \cdot c,\ i'' - j'' = a \cdot c \text{ up to sign}",
)
def sizes_repaired() -> tuple[Check, ...]:
    return (_sizes(lambda a, b, c, d: a * c, "a*c"),)
