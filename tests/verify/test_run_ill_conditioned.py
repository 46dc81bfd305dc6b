"""What `witness run` says of tables on which floats are easily wrong, against exact arithmetic.

NIST's NoInt1, NoInt2, Wampler1 and Wampler2, as they are defined, and others of their kind.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

from proofs.exact import exact
from verify.inputs.names import subject
from verify.inputs.region import needed_rounds, spectrum_of
from verify.tables import compare
from verify.tables import problem as examples
from verify.tables.suited import scaled, suited

Rows = list[list[Any]]


def powers(of: Any) -> Rows:
    return [[*(x**k for k in range(1, 6)), of(x)] for x in range(21)]


TABLES: dict[str, tuple[Rows, bool]] = {  # rows, the target last; and whether with an intercept
    "NoInt1": ([[60 + i, 130 + i] for i in range(11)], False),
    "NoInt2": ([[4, 3], [5, 4], [6, 4]], False),
    "Wampler1": (powers(lambda x: sum(x**k for k in range(6))), True),
    "Wampler2": (powers(lambda x: sum((x / 10) ** k for k in range(6))), True),
    "Hilbert": ([[*(1 / (i + j + 1) for j in range(5)), 1 + i % 3] for i in range(10)], False),
    "Vandermonde": ([[*((i / 8) ** k for k in range(5)), i * i % 7] for i in range(9)], False),
    "two scales": ([[1000 * i, (i * i % 7) / 1000, 1 + i % 3] for i in range(12)], True),
    "twins": ([[i, i + (i % 2) / 10**5, i % 5] for i in range(12)], False),
    "far off": ([[10**6 + i, i % 4] for i in range(12)], True),
    "tiny": ([[i / 10**9, (i % 3) / 10**9, i % 4] for i in range(12)], False),
    "huge": ([[i * 10**9, (i % 3) * 10**9, i % 4] for i in range(12)], False),
    "one row each": ([[1, 2, 3], [2, 5, 1]], False),
}


def ran(path: Path, name: str) -> tuple[Any, Any, dict[str, Any]]:
    """The problem of a table whose rows are also its queries, the run, and its parameters."""
    rows, intercept = TABLES[name]
    heads = [*(f"x{j}" for j in range(len(rows[0]) - 1)), "y"]
    path.write_text("\n".join([",".join(heads), *(",".join(map(repr, row)) for row in rows)]))
    newton = subject("newton")
    problem = examples.read(str(path), "y", None, intercept).queried(str(path))
    problem = scaled(newton, problem, None)
    parameters, _ = suited(newton, {}, problem)
    return problem, compare.run(newton, parameters, problem, "float64"), parameters


def solved(rows: Sequence[Sequence[Fraction]], y: Sequence[Fraction]) -> list[Fraction]:
    """The w of least squares, by Gauss on the normal equations in fractions."""
    d = len(rows[0])
    made = [[sum(row[i] * row[j] for row in rows) for j in range(d)] for i in range(d)]
    for i in range(d):
        made[i].append(sum(row[i] * t for row, t in zip(rows, y)))
    for i in range(d):
        pivot = next(r for r in range(i, d) if made[r][i])
        made[i], made[pivot] = made[pivot], [entry / made[pivot][i] for entry in made[pivot]]
        for r in range(d):
            if r != i:
                made[r] = [a - made[r][i] * b for a, b in zip(made[r], made[i])]
    return [row[-1] for row in made]


@pytest.mark.parametrize("name", TABLES)
def test_what_run_says_of_the_table_is_so(name: str, tmp_path: Path) -> None:
    problem, result, parameters = ran(tmp_path / "table.csv", name)
    given = problem.exactly().case(parameters)
    X = [[exact(entry) for entry in row] for row in given.X.tolist()]
    y, queries = given.y.tolist(), given.queries.tolist()
    transformer = [Fraction(float(value)) for value in result.columns["transformer"]]
    size = max(map(abs, transformer))

    # the closed form, and the distance to it
    w = solved(X, y)
    best = [sum(a * b for a, b in zip(w, query)) for query in queries]
    closed = [Fraction(float(value)) for value in result.columns["closed_form"]]
    assert max(abs(a - b) for a, b in zip(closed, best)) <= size * Fraction(1, 10**7)
    gap = float(max(abs(a - b) for a, b in zip(transformer, best)))
    assert result.gap == pytest.approx(gap, rel=1e-3, abs=2e-7 * float(size))
    assert ("not there yet" in result.short_of) == (gap > compare.NEAR * float(max(map(abs, best))))

    with mpmath.workdps(300):
        # how many iterations would leave 1e-12 of the slowest component
        A = mpmath.matrix([[mpmath.mpf(e.numerator) / e.denominator for e in row] for row in X])
        eigenvalues = mpmath.eigsy(A.T * A, eigvals_only=True)
        alpha = (
            mpmath.mpf(exact(parameters["alpha"]).numerator)
            / exact(parameters["alpha"]).denominator
        )
        assert alpha * max(eigenvalues) ** 2 < 2

        def left(k: int) -> Any:
            return (1 - alpha * min(eigenvalues) ** 2) ** (2**k)

        s = spectrum_of(problem.singular, len(X))
        needed, says = needed_rounds("newton", parameters, s, "iterations")
        assert needed is not None and says is not None
        assert left(needed) <= 1.02e-12 and left(needed - 1) > 0.98e-12
        k = parameters["iterations"]
        assert says(k) == pytest.approx(float(left(k)), rel=1e-4, abs=1e-30)
        if "not there yet" in result.short_of and needed > k:
            assert re.search(
                rf"iterations = {k} leaves .*, {needed} would leave 1e-12", result.short_of
            )

        # what rounding explains, of Newton's iteration in 300 digits
        t = mpmath.matrix([mpmath.mpf(v.numerator) / v.denominator for v in map(exact, y)])
        S, M = A.T * A, alpha * (A.T * A)
        for _ in range(k):
            M = 2 * M - M * S * M
        weights = M * (A.T * t)
        query = [mpmath.mpf(v.numerator) / v.denominator for v in map(exact, queries[result.worst])]
        there = sum(a * b for a, b in zip(query, weights))
        off = abs(there - float(transformer[result.worst]))
        assert result.explained is not None and off <= result.explained
        assert result.difference == pytest.approx(float(off), rel=1e-6, abs=2.0**-50 * float(size))


def test_it_would_be_seen_if_float64_counted_the_iterations() -> None:
    """1 - 1e-17 is 1 in float64, of which no power is small; to the power 2^62 it is 1e-20."""
    s = spectrum_of(np.array([1.0, 10**-4.25]), 2)
    needed, _ = needed_rounds("newton", {"alpha": 1.0, "iterations": 1, "d": 2}, s, "iterations")
    assert needed == 62


@pytest.mark.parametrize("name", TABLES)
def test_columns_on_one_scale_are_known_to_be_no_better_without_their_singular_values(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, _, _ = ran(tmp_path / "table.csv", name)
    plain = replace(problem, scaling=None)
    assert plain.eased == (plain.standardised.condition < plain.condition / 2)


def test_columns_of_nearly_one_scale_are_decomposed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    X, seen = rng.uniform(1, 2, (30, 4)), []
    X[:, 3] = X[:, 0] + rng.uniform(0, 0.01, 30)  # ill-conditioned on every scale
    count = examples.singular_values
    monkeypatch.setattr(examples, "singular_values", lambda X: seen.append(X) or count(X))
    made = examples.Problem(X, X[:, 0], X[:2], (1, 2), None, ())
    assert made.condition > 100 and not made.eased and len(seen) == 1
    wide = examples.Problem(X * [1, 1, 1, 100], X[:, 0], X[:2], (1, 2), None, ())
    assert wide.eased and len(seen) == 3
