"""Operator norms of weights as rigorous intervals, and the parameter norm made of them.

A matrix falls apart into blocks that share no row and no column; its norm is the largest of theirs.
A block A has a norm of at least |v A| / |v| for any v, and of at most s where elimination in balls
shows that s² I - A Aᵀ is positive definite; floats only guess v and s. Of fractions it is s itself
where s² I - A Aᵀ is singular and has no negative eigenvalue, by its characteristic polynomial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import cache, reduce
from typing import Any

import numpy as np
from flint import arb, fmpq, fmpq_mat

from proofs.exact import Exact
from proofs.flint_precision import precision

from .numbers.ball import Ball
from .numbers.base import Unsupported
from .numbers.reals import Real, add, largest, root

Entries = Mapping[tuple[int, int], Exact]
Rows = tuple[tuple[Exact, ...], ...]
PRECISION = 128
SIMPLE = 10**6  # the largest denominator of a squared norm that is guessed
GUESSES = tuple(
    2.0**-k for k in (46, 40, 30, 20, 10, 4)
)  # how far above the guess the bound is tried


def operator_norm(matrix: Entries) -> Real:
    """The largest singular value of a sparse matrix {(row, column): value}.

    A fraction where it is known to be that one, else an interval. Raises Unsupported where a value
    has a free parameter.
    """
    return _norm(matrix, _block_norm)


def _norm(matrix: Entries, of_block: Callable[[Rows], Real]) -> Real:
    with precision(PRECISION):
        return largest(Fraction(0), *map(of_block, set(_blocks(matrix))))


def parameter_norm(weights: Any) -> Real:
    """max over layers of max_m max(|Q_m|, |K_m|) + sum_m |V_m| + |W_1| + |W_2|, operator norms.

    The definition of bai2023. An MLP without `inner` has W_1 = I. Raises Unsupported for a gate and
    for the gain or bias of a norm, of which that definition says nothing.
    """
    zero, of_block = Fraction(0), cache(_block_norm)  # layers are alike
    with precision(PRECISION):
        norms = {name: _norm(matrix, of_block) for name, matrix in weights.matrices()}
        totals: list[Real] = [zero]
        for number, layer in enumerate(weights.layer_list):
            if any(norm.gain or norm.bias for norm in layer.norms().values()):
                raise Unsupported(f"layer {layer.name!r}: a gain or bias has no parameter norm")
            heads = [f"layers.{number}.heads.{h}" for h in range(len(layer.heads))]
            scores = (norms[f"{head}.{part}"] for head in heads for part in ("query", "key"))
            parts: list[Real] = [
                largest(zero, *scores),
                *(norms[f"{head}.value"] for head in heads),
            ]
            if layer.mlp is not None:
                if layer.mlp.gate is not None:
                    raise Unsupported(f"layer {layer.name!r}: a gate has no parameter norm")
                mlp = f"layers.{number}.mlp"
                parts += [norms.get(f"{mlp}.inner", Fraction(1)), norms[f"{mlp}.outer"]]
            totals.append(reduce(add, parts))
        return largest(*totals)


def _blocks(matrix: Entries) -> Iterable[Rows]:
    """The matrix's blocks that share no row and no column, densely."""
    parent: dict[tuple[str, int], tuple[str, int]] = {}

    def root(node: tuple[str, int]) -> tuple[str, int]:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for i, j in matrix:
        parent[root(("row", i))] = root(("column", j))
    groups: dict[tuple[str, int], dict[tuple[int, int], Exact]] = {}
    for (i, j), value in matrix.items():
        groups.setdefault(root(("row", i)), {})[i, j] = value
    for group in groups.values():
        rows, columns = (sorted({at[side] for at in group}) for side in (0, 1))
        yield tuple(tuple(group.get((i, j), 0) for j in columns) for i in rows)


def _block_norm(block: Rows) -> Real:
    if len(block) > len(block[0]):
        block = tuple(zip(*block))
    if all(isinstance(value, (int, Fraction)) for row in block for value in row):
        if len(block) == 1:
            return root(Fraction(sum(value * value for value in block[0])))
        exact = _exactly(block)
        if exact is not None:
            return root(exact)
    system = Ball(PRECISION)
    A = [[system.element(value) for value in row] for row in block]
    size = max((abs(value).mid() for row in A for value in row), key=float)
    A = [[value / size for value in row] for row in A]  # floats only see what is near 1
    if len(A) == 1:
        return size * _length(A[0])
    left, guesses, _ = np.linalg.svd(np.array([[float(value.mid()) for value in row] for row in A]))
    v = [arb(float(entry)) for entry in left[:, 0]]
    lower = (_length(_combined(v, A)) / _length(v)).lower()
    gram = [[sum((a * b for a, b in zip(p, q)), arb(0)) for q in A] for p in A]
    upper = _length([value for row in A for value in row])  # the Frobenius norm is one
    for above in GUESSES:
        guess = arb(float(guesses[0]) * (1 + above))
        if _positive_definite(
            [[guess * guess * int(i == j) - g for j, g in enumerate(r)] for i, r in enumerate(gram)]
        ):
            upper = guess
            break
    return size * lower.union(upper.upper())


def _exactly(block: Rows) -> Fraction | None:
    """The square of the norm, if it is a fraction that is simple enough to guess."""
    size = max(abs(Fraction(value)) for row in block for value in row)
    A = fmpq_mat([[fmpq(v.numerator, v.denominator) for v in (Fraction(e) / size for e in row)]
                  for row in block])  # fmt: skip
    floats = np.array([[float(Fraction(e) / size) for e in row] for row in block])
    guess = Fraction(float(np.linalg.norm(floats, 2)) ** 2).limit_denominator(SIMPLE)
    square = fmpq(guess.numerator, guess.denominator)
    gram, count = A * A.transpose(), len(block)
    unit = fmpq_mat(count, count, [int(i == j) for i in range(count) for j in range(count)])
    powers = (unit * square - gram).charpoly().coeffs()
    signs_alternate = all((-1) ** (count - k) * c >= 0 for k, c in enumerate(powers))
    return guess * size * size if powers[0] == 0 and signs_alternate else None


def _combined(v: list[arb], A: list[list[arb]]) -> list[arb]:
    """vᵀ A."""
    return [sum((c * row[j] for c, row in zip(v, A)), arb(0)) for j in range(len(A[0]))]


def _length(values: list[arb]) -> arb:
    return sum((value * value for value in values), arb(0)).sqrt()


def _positive_definite(matrix: list[list[arb]]) -> bool:
    """Whether elimination shows it: every pivot is above 0, rounding included."""
    rows = [list(row) for row in matrix]
    for k, pivot in enumerate(rows):
        if not pivot[k] > 0:
            return False
        for row in rows[k + 1 :]:
            factor = row[k] / pivot[k]
            for j in range(k, len(row)):
                row[j] = row[j] - factor * pivot[j]
    return True
