"""giannou2023: words of N bits are subtracted by three layers of ReLUs."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from constructions.papers import giannou2023 as paper
from constructions.witness import Witness
from proofs.prompt import fields_of
from proofs.stream import layout

from ...checks.analysis.evidence import about_its_own
from ...claim import (
    Budget,
    Builder,
    Check,
    CheckResult,
    Differs,
    Domain,
    Promise,
    check,
    claim,
    repair,
)
from ...hunt import hunt
from ...strategies import Case, as_text
from . import PAPER
from .machines import NOTE, are_bits, bits, number

WORDS = fields_of(layout(first="d", second="d"), None)


def difference(X: Any, y: Any, queries: Any) -> Any:
    """The bits of second - first modulo 2^N, from whole numbers."""
    N = queries.shape[1] // 2
    return np.array([bits(number(row[N:]) - number(row[:N]), N) for row in queries], dtype=object)


def words(N: int, pairs: Sequence[tuple[int, int]]) -> Case:
    rows = [[*bits(a, N), *bits(b, N)] for a, b in pairs]
    X = np.array([[Fraction(0)] * (2 * N)], dtype=object)
    y = np.zeros((1, 0), dtype=object)
    return Case({"d": N}, X, y, np.array(rows, dtype=object), WORDS, 0)


@st.composite
def pairs_of_words(draw: Any) -> Case:
    N = draw(st.integers(1, 8))
    word = st.integers(-(2 ** (N - 1)), 2 ** (N - 1) - 1)
    return words(N, draw(st.lists(st.tuples(word, word), min_size=1, max_size=3)))


def _range(N: int) -> range:
    return range(-(2 ** (N - 1)), 2 ** (N - 1))


@check("exact", "exact")
@about_its_own
def every_pair(budget: Budget, build: Builder) -> CheckResult:
    """All pairs of words of up to 5 bits, in fractions."""
    cases = 0
    for N in range(1, 5 if budget.quick else 6):
        pairs = [(a, b) for a in _range(N) for b in _range(N)]
        case = words(N, pairs)
        made = build(N).predict(case.X, None, case.queries, "rational").reshape(-1, N)
        cases += len(pairs)
        for (a, b), got in zip(pairs, made, strict=True):
            if list(got) != bits(b - a, N):
                raise Differs(
                    f"N = {N}, b - a = {b} - {a}: the bits {as_text(list(got))}",
                    {"N": N, "a": a, "b": b, "bits": as_text(list(got))},
                    cases=cases,
                )
    return CheckResult(True, cases, 0.0, 0.0, "every pair of words of 1, 2, … bits, in fractions")


@claim(
    "giannou2023.subtract",
    source=f"{PAPER}, the subtraction (subtract_mem)",
    statement=r"\text{three ReLU layers: } \bar a = 2\,\mathrm{relu}(-a) - 1,\; -a = \bar a + 1,\; "
    r"b - a = b + (-a) \text{ on bits } \pm 1 \text{ in two's complement, for every } N",
    algorithm=difference,
    cases=pairs_of_words,
    domain=Domain("bits -1 and 1", lambda case: are_bits(case.queries.ravel())),
    checks=lambda build: (every_pair(build),),
    theorems=("giannou2023.subtract",),
    promises=(Promise("layers", "3"), Promise("hidden", "15*d")),
    sizes=lambda: [{"d": N} for N in range(1, 6)],
    note="modulo 2^N; the theorem of that name is for every N. The code has 14 N units, as biases "
    "are none there. " + NOTE,
)
def subtraction(d: int) -> Witness:
    """Words of any number of bits are subtracted exactly."""
    return paper.subtractor(d)


def fits(case: Case) -> bool:
    """Whether every difference is a word of N bits."""
    N = case.parameters["d"]
    return all(number(row[N:]) - number(row[:N]) in _range(N) for row in case.queries)


@check("exact", "exact")
@about_its_own
def whole_numbers(
    budget: Budget, domain: Domain | None = None, build: Any = paper.subtractor
) -> CheckResult:
    """The bits that are predicted, read as a number, against b - a in whole numbers."""
    built = cache(build)  # of a few N, which keep their plans

    def once(case: Case) -> None:
        N = case.parameters["d"]
        made = built(N).predict(case.X, None, case.queries, "rational").reshape(-1, N)
        for row, got in zip(case.queries, made, strict=True):
            a, b = number(row[:N]), number(row[N:])
            if number(got) != b - a:
                raise Differs(
                    f"N = {N}: {b} - {a} = {b - a}, the bits say {number(got)}",
                    {"N": N, "a": a, "b": b, "b - a": b - a, "bits": as_text(list(got))},
                )

    cases = hunt(pairs_of_words(), once, budget, domain)
    return CheckResult(True, cases, 0.0, 0.0, "the number of the bits is b - a")


@claim(
    "giannou2023.subtract.integers",
    source=f"{PAPER}, the subtraction, read of whole numbers",
    reading="of whole numbers",
    expected="refuted",
    statement=r"\text{the bits of } b - a \text{ stand for the whole number, for every } a, b",
    note="the difference of two words of N bits may need N + 1; the branch then sees a wrong sign",
)
def of_all_words() -> tuple[Check, ...]:
    """The difference is that of whole numbers."""
    return (whole_numbers(),)


@repair(
    "giannou2023.subtract.integers",
    "where -2^(N-1) <= b - a < 2^(N-1)",
    statement=r"-2^{N-1} \leq b - a < 2^{N-1}: \text{ the bits stand for the whole number}",
)
def of_words_that_fit() -> tuple[Check, ...]:
    """Where it has N bits, the difference is that of whole numbers."""
    return (whole_numbers(Domain("-2^(N-1) <= b - a < 2^(N-1)", fits)),)
