"""Read-outs fitted to a layer, as fu2023 re-trains them (section 4.1): u^T h + c at the query.

A read-out is fitted in fractions: either one meets every target exactly, and is given, or the
targets are no affine function of the states, which a rank decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from constructions.witness import Witness

from ...strategies import Case
from . import probe, prompts


def query_states(witness: Witness, case: Case) -> list[np.ndarray]:
    """(queries, width + 1) after the embedding and each layer, a column of ones at the end."""
    asked = list(witness.prompt.tokens(len(case.X), len(case.queries)).queries)
    ones = np.array([[Fraction(1)]] * len(asked), dtype=object)
    return [np.concatenate([made[asked], ones], axis=1) for made in probe.states(witness, case)]


def fitted(
    witness: Witness, cases: Sequence[Case], targets: Sequence[np.ndarray]
) -> list[np.ndarray | None]:
    """After each layer, the embedding's first, the weights (width + 1,) of a read-out that is exact
    on all queries of the cases; None where none is."""
    layers = zip(*(query_states(witness, case) for case in cases), strict=True)
    aims = np.concatenate(list(targets)).reshape(-1, 1)
    return [_solution(np.concatenate(list(rows)), aims) for rows in layers]


def _solution(rows: np.ndarray, aims: np.ndarray) -> np.ndarray | None:
    """Weights that take every row to its aim, zero where they are free."""
    width = rows.shape[1]
    reduced, rank = prompts.rational(np.concatenate([rows, aims], axis=1)).rref()
    made = np.array([Fraction(0)] * width, dtype=object)
    for i in range(rank):
        place = next(j for j in range(width + 1) if reduced[i, j] != 0)
        if place == width:
            return None
        made[place] = prompts.fraction(reduced[i, width])
    return made
