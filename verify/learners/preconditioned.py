"""Preconditioned gradient descent, whose preconditioner is a whole matrix: fitted to predictions.

k steps w <- w - P X^T (X w - y) leave x^T (I - (I - P S)^k) S^-1 X^T y: where data are small that
is k x^T P X^T y, which gives a matrix to begin with; then Gauss-Newton steps on its entries.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .data import Batch
from .fit import APART, EXACT, Fit, nearest, root_mean_square

STEPS = range(1, 9)
LARGEST = 12  # dimension up to which a matrix is looked for
GAUSS_NEWTON = 40  # steps at most


def fit_matrix(batch: Batch, answers: np.ndarray) -> Fit | None:
    """The steps and the matrix nearest to the answers (B, m); None in more than LARGEST dimensions.

    The step size is 1, the matrix has it.
    """
    d = batch.X.shape[-1]
    if d > LARGEST:
        return None
    order = np.argsort(np.linalg.norm(batch.X, ord=2, axis=(1, 2)))
    batch, answers = Batch(*(part[order] for part in batch)), answers[order]
    scale = root_mean_square(answers[..., None])[..., 0]
    begin = _first_order(batch, answers, scale)
    best: tuple[float, list[float], int] | None = None
    for steps in STEPS:

        def residual(entries: Sequence[np.ndarray], steps: int = steps) -> np.ndarray:
            P = np.concatenate(entries).T.reshape(-1, 1, d, d)
            with np.errstate(all="ignore"):
                made = (predictions(batch, steps, P) - answers) / scale
            made = np.clip(np.nan_to_num(made, nan=APART), -APART, APART)
            return made.reshape(len(made), -1).T

        found = nearest(residual, begin.reshape(1, -1) / steps, GAUSS_NEWTON)
        if best is None or found[0] < best[0]:
            best = (*found, steps)
        if best[0] < EXACT:
            break
    assert best is not None
    error, entries, steps = best
    rows = np.array(entries).reshape(d, d)
    rows[np.abs(rows) < EXACT * np.abs(rows).max()] = 0.0  # rounding
    matrix = tuple(tuple(float(entry) for entry in row) for row in rows)
    parameters = {"steps": steps, "step_size": 1.0, "preconditioner": matrix}
    return Fit("preconditioned", parameters, error, ("steps",) if steps == STEPS[-1] else ())


def predictions(batch: Batch, steps: int, P: np.ndarray) -> np.ndarray:
    """(G, B, m) for matrices (G, 1, d, d)."""
    X, y = batch.X, batch.y[..., None]
    w = np.zeros((1, 1, X.shape[-1], 1))
    for _ in range(steps):
        w = w - P @ (X.transpose(0, 2, 1) @ (X @ w - y))
    return (batch.queries @ w)[..., 0]


def _first_order(batch: Batch, answers: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The matrix (d, d) with answers nearest to x^T P X^T y on the quarter of smallest data, or as
    many prompts as it takes."""
    d, m = batch.X.shape[-1], batch.queries.shape[1]
    few = min(len(answers), max(len(answers) // 4, -(-2 * d * d // m)))
    pull = (batch.X.transpose(0, 2, 1) @ batch.y[..., None])[:few, None, None, :, 0]
    features = (batch.queries[:few, :, :, None] * pull).reshape(-1, d * d)
    features = features / scale[:few].repeat(m, axis=0).reshape(-1, 1)
    wanted = (answers[:few] / scale[:few]).ravel()
    return np.linalg.lstsq(features, wanted, rcond=None)[0].reshape(d, d)
