"""giannou2023: words of N bits are subtracted by three layers of ReLUs."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from constructions.papers import giannou2023 as paper
from constructions.witness import Witness
from proofs.prompt import fields_of
from proofs.stream import layout

from ...checks.analysis.evidence import about_its_own
from ...claim import Budget, CheckResult, Differs, Domain, Promise, check, claim, repair
from ...strategies import Case, as_text
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
def every_pair(budget: Budget, build: Any = paper.subtractor) -> CheckResult:
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
    source="giannou2023, the subtraction (subtract_mem)",
    statement=r"\text{three ReLU layers: } \bar a = 2\,\mathrm{relu}(-a) - 1,\; -a = \bar a + 1,\; "
    r"b - a = b + (-a) \text{ on bits } \pm 1 \text{ in two's complement, for every } N",
    algorithm=difference,
    cases=pairs_of_words,
    domain=Domain("bits -1 and 1", lambda case: are_bits(case.queries.ravel())),
    checks=lambda: (every_pair(),),
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
    return are_bits(case.queries.ravel()) and all(
        number(row[N:]) - number(row[:N]) in _range(N) for row in case.queries
    )


def as_integers(X: Any, y: Any, queries: Any) -> Any:
    """The whole number second - first, in bits of -1 and 1 but for the first, which carries more:
    2^(N-1) (1 + first)/2 is minus what the other bits leave."""
    N = queries.shape[1] // 2
    made = []
    for row in queries:
        value = number(row[N:]) - number(row[:N])
        low = bits(value, N)[1:]
        rest = sum(2 ** (N - 2 - i) for i, bit in enumerate(low) if bit > 0)
        made.append([Fraction(2 * (rest - value), 2 ** (N - 1)) - 1, *low])
    return np.array(made, dtype=object)


@claim(
    "giannou2023.subtract.integers",
    source="giannou2023, the subtraction, read of whole numbers",
    expected="refuted",
    statement=r"\text{the bits of } b - a \text{ stand for the whole number, for every } a, b",
    algorithm=as_integers,
    cases=pairs_of_words,
    domain=Domain("bits -1 and 1", lambda case: are_bits(case.queries.ravel())),
    note="the difference of two words of N bits may need N + 1; the branch then sees a wrong sign",
)
def whole_numbers(d: int) -> Witness:
    """The difference is that of whole numbers."""
    return paper.subtractor(d)


@repair(
    "giannou2023.subtract.integers",
    "where -2^(N-1) <= b - a < 2^(N-1)",
    domain=Domain("-2^(N-1) <= b - a < 2^(N-1)", fits),
)
def whole_numbers_that_fit(d: int) -> Witness:
    """Where it has N bits, the difference is that of whole numbers."""
    return paper.subtractor(d)
