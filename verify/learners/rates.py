"""GD++ with a rate for each step, as trained layers of linear self-attention have them: fitted.

Rates are of any sign, so that they are looked for by Gauss-Newton steps from points drawn with a
seed, in units of 1 over the largest eigenvalue.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .data import Batch
from .eigen import Eigen
from .families import SPECTRAL
from .fit import APART, EXACT, MANY, Fit, nearest, root_mean_square

STEPS = range(2, 5)
STARTS = 48  # points drawn, of which the best BEGUN are begun from
BEGUN = 12
FLOOR = 0.01  # shares that were measured to be less count as so large
FAMILY = next(family for family in SPECTRAL if family.name == "gd_plus_plus")


def fit_rates(s: np.ndarray, measured: np.ndarray, batch: Batch, answers: np.ndarray) -> Fit:
    """The steps and the rates nearest to the response r `measured` (L,) at eigenvalues s (L,), and
    from there to the answers (B, m), each prompt's by its own size.

    The last gamma, which moves no prediction, is 0.
    """
    top, column, shares = s.max(), s[:, None], (measured * s)[:, None]
    seen, expected = Eigen.of(batch), answers[..., None]
    size = root_mean_square(expected)
    rng = np.random.default_rng(0)
    best: tuple[float, list[float], int] | None = None
    for steps in STEPS:

        def of_response(rates: Sequence[np.ndarray], steps: int = steps) -> np.ndarray:
            with np.errstate(all="ignore"):
                made = FAMILY.response(column, **_parameters(rates, steps, top)) * column
            return _finite((made - shares) / np.hypot(shares, FLOOR))

        def of_answers(rates: Sequence[np.ndarray], steps: int = steps) -> np.ndarray:
            made = seen.predictions(FAMILY, _parameters(rates, steps, top))
            return _finite(((made - expected) / size).reshape(-1, made.shape[-1]))

        drawn = rng.uniform(-1, 3, (STARTS, 2 * steps - 1))
        errors = (of_response([rates[None] for rates in drawn.T]) ** 2).mean(axis=0)
        error, point = nearest(of_response, drawn[np.argsort(errors)[:BEGUN]], MANY)
        if error > EXACT:
            error, point = nearest(of_answers, np.array([point]), MANY)
        if best is None or error < best[0]:
            best = error, point, steps
        if error <= EXACT:
            break
    assert best is not None
    error, point, steps = best
    given = _parameters([np.array(rate) for rate in point], steps, top)
    parameters = {
        key: tuple(map(float, value)) if isinstance(value, tuple) else value
        for key, value in given.items()
    }
    return Fit(FAMILY.name, parameters, error, ("steps",) if steps == STEPS[-1] else ())


def _parameters(rates: Sequence[np.ndarray], steps: int, top: float) -> dict[str, Any]:
    """Step sizes, then gammas but for the last."""
    scaled = tuple(rate / top for rate in rates)
    gammas = (*scaled[steps:], 0 * scaled[0])
    return {"steps": steps, "step_size": scaled[:steps], "gamma": gammas}


def _finite(apart: np.ndarray) -> np.ndarray:
    return np.clip(np.nan_to_num(apart, nan=APART), -APART, APART)
