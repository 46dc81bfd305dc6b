"""Hypothesis strategies for parameters: small fractions, vectors, and matrices that are well posed.

A matrix is what it says by the way it is made, never by throwing others away: a product of
triangular factors with ones on the diagonal (so that nothing is singular) and a diagonal one. All
shrink to what is simplest of their kind, the identity or zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import combinations
from math import isqrt
from typing import Any

from hypothesis import strategies as st

from proofs.letters import (
    are_inverse,
    diagonal_rows,
    is_diagonal,
    is_invertible,
    is_matrices,
    is_positive_definite,
    is_square,
    is_stochastic,
    is_symmetric,
    is_vector,
)

SearchStrategy = st.SearchStrategy
Rows = tuple[tuple[Fraction, ...], ...]


@cache
def fractions(bound: int = 3, denominator: int = 2) -> SearchStrategy[Fraction]:
    """Small fractions p/q, |p| <= bound, 1 <= q <= denominator; shrinks to 0, 1, -1, …"""
    return _of(range(-bound, bound + 1), denominator)


@cache
def positive(top: int = 3, denominator: int = 4) -> SearchStrategy[Fraction]:
    """Small positive fractions; shrinks to 1, 2, …"""
    return _of(range(1, top + 1), denominator)


def _of(numerators: range, denominator: int) -> SearchStrategy[Fraction]:
    """Numerator and denominator in one draw, which takes a third of the time of several. The whole
    numbers are as frequent as they are among all p/q."""
    every = (Fraction(p, q) for q in range(1, denominator + 1) for p in numerators)
    return st.sampled_from(sorted(every, key=lambda x: (x.denominator, abs(x), x < 0)))


@dataclass(frozen=True)
class Sized:
    """A strategy that depends on a size of the prompts, "d" or "n": `prompts` puts theirs in."""

    size: str
    at: Callable[[int], SearchStrategy[Any]]


def vector(d: int | str = "d", entries: SearchStrategy[Any] | None = None) -> Any:
    """Vectors of d numbers as tuples; "d" is the dimension of the prompts, "n" their number of
    examples. `entries`: what each is drawn from, small fractions where nothing is said. Shrinks to
    zero."""
    values = fractions() if entries is None else entries
    return _sized(d, lambda size: st.tuples(*[values] * size))


def matrix(
    d: int | str = "d",
    *,
    symmetric: bool = False,
    invertible: bool = False,
    positive_definite: bool = False,
    stochastic: bool = False,
    condition: int | None = None,
) -> Any:
    """d × d matrices of small fractions as tuples of rows; "d" is the dimension of the prompts,
    "n" their number of examples.

    symmetric: A = Aᵀ. invertible: A = L D U, or L D Lᵀ, with non-zero D. positive_definite:
    A = L D Lᵀ, D > 0. stochastic: entries of at least 0, rows that add up to 1. condition: every
    singular value is between 1/√condition and √condition, so that ‖A‖₂‖A⁻¹‖₂ <= condition.
    They shrink to the identity, those of which no more is said than that they are symmetric to
    zero. Raises ValueError where the words contradict each other.
    """
    if stochastic and (symmetric or invertible or positive_definite or condition is not None):
        raise ValueError("a stochastic matrix is drawn without further properties")
    if condition is not None and condition < 1:
        raise ValueError(f"condition must be at least 1, not {condition}")
    symmetric = symmetric or positive_definite
    if stochastic:
        return _sized(d, _stochastic)
    if condition is not None:
        return _sized(d, lambda size: _conditioned(size, condition, symmetric, positive_definite))
    if invertible or positive_definite:
        return _sized(d, lambda size: _factored(size, symmetric, positive_definite))
    return _sized(d, _symmetric if symmetric else _any)


def diagonal(d: int | str = "d", entries: SearchStrategy[Any] | None = None) -> Any:
    """d × d matrices as tuples of rows, nothing off the diagonal and these entries on it, small
    fractions where none are said; "d" and "n" as for `matrix`. Shrinks to zero.

    `entries=strategies.positive()` for those that are positive definite.
    """
    values = fractions() if entries is None else entries
    return _sized(d, lambda size: st.tuples(*[values] * size).map(diagonal_rows))


def _sized(d: int | str, at: Callable[[int], SearchStrategy[Any]]) -> Any:
    if isinstance(d, str) and d in ("d", "n"):
        return Sized(d, at)
    if isinstance(d, bool) or not isinstance(d, int) or d < 1:
        raise ValueError(f'a size is a whole number of at least 1, "d" or "n", not {d!r}')
    return at(d)


@cache
def _any(d: int) -> SearchStrategy[Rows]:
    return st.tuples(*[st.tuples(*[fractions()] * d)] * d)


@cache
def _symmetric(d: int) -> SearchStrategy[Rows]:
    half = st.tuples(*(st.tuples(*[fractions()] * (i + 1)) for i in range(d)))
    return half.map(
        lambda rows: tuple(tuple(rows[max(i, j)][min(i, j)] for j in range(d)) for i in range(d))
    )


@cache
def _stochastic(d: int) -> SearchStrategy[Rows]:
    """Rows of whole numbers over their sum, more on the diagonal."""

    def shares(counts: tuple[tuple[int, ...], ...]) -> Rows:
        rows = [[c + int(i == j) for j, c in enumerate(row)] for i, row in enumerate(counts)]
        return tuple(tuple(Fraction(c, sum(row)) for c in row) for row in rows)

    return st.tuples(*[st.tuples(*[st.integers(0, 3)] * d)] * d).map(shares)


@st.composite
def _factored(draw: Any, d: int, symmetric: bool, positive: bool) -> Rows:
    """L D U, or L D Lᵀ: L, U triangular with ones on the diagonal, D diagonal without a zero."""
    lower = _unit_triangular(draw, d)
    upper = lower if symmetric else _unit_triangular(draw, d)
    sign = st.just(1) if positive else st.sampled_from((1, -1))
    middle = [draw(sign) * draw(_pivots) for _ in range(d)]
    return tuple(
        tuple(sum(lower[i][k] * middle[k] * upper[j][k] for k in range(d)) for j in range(d))
        for i in range(d)
    )


# 1 first, to which it shrinks
_pivots = st.sampled_from([Fraction(*pair) for pair in ((1, 1), (2, 1), (1, 2), (3, 1), (3, 2))])


def _unit_triangular(draw: Any, d: int) -> list[list[Fraction]]:
    below = st.sampled_from([Fraction(*p) for p in ((0, 1), (1, 1), (-1, 1), (1, 2), (-1, 2))])
    return [[draw(below) if j < i else Fraction(int(i == j)) for j in range(d)] for i in range(d)]


@st.composite
def _conditioned(draw: Any, d: int, condition: int, symmetric: bool, positive: bool) -> Rows:
    """U D Vᵀ with rational orthogonal U, V, and D between 1/√condition and √condition.

    Rotations in planes by angles with rational sine and cosine, (3, 4)/5 and the like, are
    orthogonal in fractions; then the singular values are those of D.
    """
    left = _orthogonal(draw, d)
    right = left if symmetric else _orthogonal(draw, d)
    root = isqrt(condition)
    values = [Fraction(1)] + [Fraction(k) for k in range(2, root + 1)]
    values += [1 / value for value in values[1:]]
    sign = st.just(1) if positive else st.sampled_from((1, -1))
    middle = [draw(sign) * draw(st.sampled_from(values)) for _ in range(d)]
    return tuple(
        tuple(sum(left[i][k] * middle[k] * right[j][k] for k in range(d)) for j in range(d))
        for i in range(d)
    )


ANGLES = ((1, 0, 1), (3, 4, 5), (4, 3, 5), (5, 12, 13), (0, 1, 1))


def _orthogonal(draw: Any, d: int) -> list[list[Fraction]]:
    """A product of a rotation in each plane of neighbours; shrinks to the identity."""
    made = [[Fraction(int(i == j)) for j in range(d)] for i in range(d)]
    for k in range(d - 1):
        a, b, c = draw(st.sampled_from(ANGLES))
        cosine, sine = Fraction(a, c), Fraction(b, c)
        for row in made:
            row[k], row[k + 1] = (
                cosine * row[k] - sine * row[k + 1], sine * row[k] + cosine * row[k + 1]
            )  # fmt: skip
    return made


# -- making them smaller ------------------------------------------------------------------------

KINDS = (is_symmetric, is_diagonal, is_invertible, is_positive_definite, is_stochastic)
Parameters = Mapping[str, Any]


def without(parameters: Parameters, i: int, d: int, n: int, axis: str) -> Iterator[dict[str, Any]]:
    """The parameters of prompts without coordinate i (axis "d"), or without example i ("n").

    A vector or matrix of as many numbers has one less; where d = n, whether it is one of
    coordinates or of examples cannot be seen, and each is tried. Those that are then no longer
    what they were, symmetric or inverse to each other, are left out.
    """
    size = d if axis == "d" else n
    named = [
        name
        for name, value in parameters.items()
        if isinstance(value, tuple)
        and len(value) == size
        and (axis == "d" or is_square(value))
        and not _matrices(value)
    ]
    lists = {k: v for k, v in parameters.items() if axis == "d" and _matrices(v)}
    chosen = [named]
    if d == n:
        chosen = [list(some) for k in range(len(named), -1, -1) for some in combinations(named, k)]
    for some in chosen:
        made = {k: _narrow(v, i, size) if k in some else v for k, v in parameters.items()}
        made |= {k: tuple(_narrow(one, i, d) for one in v) for k, v in lists.items()}
        if _as_before(parameters, made):
            yield made


def simpler(parameters: Parameters) -> Iterator[dict[str, Any]]:
    """The parameters with matrices made the identity, or vectors and matrices entry by entry 0 or
    1, as long as they stay what they are: symmetric, invertible, inverse to each other, …"""
    matrices = {k: v for k, v in parameters.items() if is_square(v) and v and _of_numbers(v)}
    identities = {name: _identity(value) for name, value in matrices.items()}
    changes = [identities, *({name: value} for name, value in identities.items())]
    for name, value in parameters.items():
        if name in matrices:
            changes += [{name: one} for one in _simpler_matrices(value)]
        elif is_vector(value) and _of_numbers((value,)):
            changes += [{name: one} for one in _simpler_vectors(value)]
    for change in changes:
        made = {**parameters, **change}
        if made != dict(parameters) and _as_before(parameters, made):
            yield made


def _matrices(value: Any) -> bool:
    """Whether it is a matrix for each of some steps."""
    return bool(value) and is_matrices(value)


def _narrow(value: Any, i: int, d: int) -> Any:
    """A vector or matrix (d, d) without its coordinate i; shares are made to add up to 1 again."""
    if not isinstance(value, tuple) or len(value) != d:
        return value
    kept = tuple(_narrow(entry, i, d) for j, entry in enumerate(value) if j != i)
    if is_square(value) and _of_numbers(value) and is_stochastic(value) and all(map(sum, kept)):
        return tuple(tuple(entry / sum(row) for entry in row) for row in kept)
    return kept


def _as_before(old: Parameters, new: Parameters) -> bool:
    """Whether every matrix has the properties that it had, and inverses are inverses still."""
    matrices = {k: v for k, v in old.items() if is_square(v) and v and _of_numbers(v)}
    return all(
        kind(new[name]) for name, value in matrices.items() for kind in KINDS if kind(value)
    ) and all(
        are_inverse(new[a], new[b])
        for a in matrices
        for b in matrices
        if a < b and are_inverse(old[a], old[b])
    )


def _of_numbers(rows: Any) -> bool:
    return all(isinstance(entry, (int, float, Fraction)) for row in rows for entry in row)


def _identity(rows: Any) -> Any:
    size = range(len(rows))
    return tuple(tuple(rows[i][j] * 0 + int(i == j) for j in size) for i in size)


def _simpler_vectors(entries: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for i, entry in enumerate(entries):
        for simple in (0, 1):
            if entry in (0, simple):
                break
            yield (*entries[:i], entry * 0 + simple, *entries[i + 1 :])


def _simpler_matrices(rows: Any) -> Iterator[Any]:
    """With one entry, or the two across, as in the identity."""
    size = range(len(rows))
    for i in size:
        for j in size:
            for places in ({(i, j)}, {(i, j), (j, i)}):
                yield tuple(
                    tuple(
                        rows[r][s] * 0 + int(r == s) if (r, s) in places else rows[r][s]
                        for s in size
                    )
                    for r in size
                )
