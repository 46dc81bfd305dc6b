"""Expected traces of powers of S = XᵀX, X an n × d matrix of standard normal entries, exactly.

tr S^k is a sum of zonal polynomials, whose expectations are products (James 1964; Macdonald,
Symmetric Functions and Hall Polynomials, VII.2). In a diagram of k cells the cell (i, j), counted
from 0, has the content 2j - i, and E Z(S) is the product of (n + content)(d + content). Z has in
tr S^k the factor 2k prod' content / prod (2a + l + 1)(2a + l + 2), a and l being how many cells are
to the right of one and below it, and prod' leaving the first cell out. It is 0 where the diagram
has the cell (2, 1): two rows and a column are left, of order k² diagrams.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import Any


@lru_cache(maxsize=4096)
def trace_moment(k: int, n: Any, d: Any) -> Any:
    """E tr S^k; a polynomial in n and d where they are letters of sympy's."""
    if k == 0:
        return d
    total: Any = Fraction(0)
    letters = hasattr(n, "free_symbols") or hasattr(d, "free_symbols")
    longest = k if letters else min(k, n, d)  # with more rows a factor is 0
    for rows in _diagrams(k, longest):
        cells = [(i, j) for i, row in enumerate(rows) for j in range(row)]
        contents = [2 * j - i for i, j in cells]
        factor = Fraction(2 * k * prod(contents[1:]), prod(_hook(rows, *cell) for cell in cells))
        number = prod((n + c) * (d + c) for c in contents)
        total = total + (_letters(factor) if letters else factor) * number
    return total.expand() if letters else total


def _letters(number: Fraction) -> Any:
    from sympy import Rational

    return Rational(number.numerator, number.denominator)


def _diagrams(k: int, longest: int) -> Iterator[tuple[int, ...]]:
    """Partitions of k into at most so many rows, without the cell (2, 1)."""
    for first in range(1, k + 1):
        for second in range(min(first, k - first) + 1):
            rest = k - first - second
            rows = (first, *((second,) if second else ()), *(1,) * rest)
            if (rest == 0 or second) and len(rows) <= longest:
                yield rows


def _hook(rows: Sequence[int], i: int, j: int) -> int:
    """(2a + l + 1)(2a + l + 2) of a cell."""
    arm = rows[i] - j - 1
    leg = sum(row > j for row in rows[i + 1 :])
    return (2 * arm + leg + 1) * (2 * arm + leg + 2)
