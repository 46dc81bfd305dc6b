"""akyurek2022's probe of hidden states, section 5: v = FF(sum_t alpha_t W h_t), learnt for one
layer and one number of examples. What it can and cannot decode, with certificates in fractions.

An affine probe, of all tokens of a layer at once even, is refuted on prompts P_i with numbers c_i
whose states cancel, sum c_i h(P_i) = 0 = sum c_i: its guesses cancel too, so that its squared error
over the prompts is at least |sum c_i v(P_i)|^2 / sum c_i^2. A probe with any function FF at all is
refuted by two prompts of one pooled state sum_t alpha_t h_t and two targets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from flint import fmpq_mat

from constructions.run.forward import trace
from constructions.witness import Witness

from ...strategies import Case
from .prompts import fraction, rational

States: TypeAlias = list[np.ndarray]  # after the embedding and each layer: (tokens, width)
Target: TypeAlias = Callable[[Case], np.ndarray]
FLIPS = ((1, 1, 1), (-1, 1, -1), (1, -1, -1), (-1, -1, 1))  # signs of all x, of all y, and c


def states(witness: Witness, case: Case, layers: Collection[int] | None = None) -> States:
    """All slots of every token, in fractions, after these layers, 0 the embedding, or after all."""
    layers = range(len(witness.layer_list) + 1) if layers is None else layers
    wanted = {(layer, slot.name) for layer in layers for slot in witness.layout.slots}
    streams, made = trace(witness, case.X, case.y, case.queries, "rational", wanted), []
    for layer in layers:
        rows = [np.asarray(slot, dtype=object) for slot in streams[layer].values()]
        made.append(np.concatenate([row.reshape(len(row), -1) for row in rows], axis=1))
    return made


def flipped(case: Case) -> list[tuple[int, Case]]:
    """The prompt with the signs of all x, query included, and of all y changed, and its c."""
    return [
        (c, replace(case, X=case.X * x, y=case.y * y, queries=case.queries * x))
        for x, y, c in FLIPS
    ]


def affine_floor(
    witness: Witness, case: Case, target: Target, layers: Collection[int] | None = None
) -> tuple[list[Fraction | None], Fraction]:
    """(least squared error of every affine probe over the four prompts, layer by layer as those of
    `states`; that of the guess 0). None for a layer whose states do not cancel, of which the
    certificate says nothing."""
    prompts = flipped(case)
    made = [states(witness, one, layers) for _, one in prompts]
    aims = [target(one) for _, one in prompts]
    left = sum((c * aim for (c, _), aim in zip(prompts, aims, strict=True)), 0 * aims[0])
    bound = _squared(left) / len(prompts)
    floors: list[Fraction | None] = []
    for layer in zip(*made, strict=True):
        first, *more = (rational(state) * c for (c, _), state in zip(prompts, layer, strict=True))
        kept = sum(more, first)
        floors.append(bound if kept == 0 * kept else None)
    return floors, sum(map(_squared, aims), Fraction(0))


def _squared(vector: Any) -> Fraction:
    return sum((entry * entry for entry in vector), Fraction(0))


def beside(made: States) -> fmpq_mat:
    """The states of all layers side by side, (tokens, all widths): a row of attention times it is
    the pooled state of every layer."""
    return rational(np.concatenate(made, axis=1))


def same_pooled(
    witness: Witness,
    case: Case,
    attentions: Sequence[Sequence[Fraction]],
    target: Target,
    tries: int = 4,
) -> list[Case | None]:
    """For each attention, a prompt with other y, of the same pooled state in every layer and with
    another target. Looked for along `tries` directions of y: None where none of them is one."""
    before = beside(states(witness, case))
    moves = [_direction(len(case.y), k) for k in range(tries)]
    changes = [beside(states(witness, replace(case, y=case.y + move))) - before for move in moves]
    return [
        _other(witness, case, rational([alpha]), target, before, list(zip(moves, changes)))
        for alpha in attentions
    ]


def _other(
    witness: Witness, case: Case, alpha: fmpq_mat, target: Target, before: fmpq_mat,
    moves: Sequence[tuple[np.ndarray, fmpq_mat]],
) -> Case | None:  # fmt: skip
    """The case moved so that the changes of its pooled state cancel, run again to be sure."""
    pooled = fmpq_mat([(alpha * change).entries() for _, change in moves])
    for weights in _kernel(pooled.transpose()):
        change = sum((w * move for w, (move, _) in zip(weights, moves, strict=True)), 0 * case.y)
        other = replace(case, y=case.y + change)
        if alpha * beside(states(witness, other)) == alpha * before:
            if (target(other) != target(case)).any():
                return other
    return None


def _direction(n: int, k: int) -> np.ndarray:
    """Changes of the first examples' targets: one of them each."""
    return np.array([Fraction(int(j == k)) for j in range(n)], dtype=object)


def _kernel(rows: fmpq_mat) -> list[list[Fraction]]:
    """A basis of the vectors that a matrix takes to zero."""
    reduced, rank = rows.rref()
    columns = rows.ncols()
    leading = [next(j for j in range(columns) if reduced[i, j] != 0) for i in range(rank)]
    basis = []
    for free in (j for j in range(columns) if j not in leading):
        vector = [Fraction(0)] * columns
        vector[free] = Fraction(1)
        for i, place in enumerate(leading):
            vector[place] = -fraction(reduced[i, free])
        basis.append(vector)
    return basis
