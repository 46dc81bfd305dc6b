"""akyurek2022's reading of a model: which of some predictors is nearest to it, by SPD.

Figure 3 averages the squared difference of predictions over the underdetermined prefixes, fewer
examples than dimensions. Its predictors are least squares, ridge regression, one step of gradient
descent, one pass of its stochastic version, and the three nearest neighbours. Distances are balls;
one predictor is nearest only where they tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

import numpy as np
from flint import arb, arb_mat

from constructions.numbers.ball import Ball
from constructions.witness import Witness
from proofs.flint_precision import precision

from ...strategies import Case
from . import profile, prompts

# prediction at a query (1, d) from examples (t, d) and targets (t, 1), t < d
Predictor: TypeAlias = Callable[[np.ndarray, np.ndarray, np.ndarray], arb]


def ridge(strength: Fraction) -> Predictor:
    """x^T X^T (X X^T + strength I)^-1 y; with 0 the least-squares weights of least norm."""

    def predict(X: np.ndarray, y: np.ndarray, query: np.ndarray) -> arb:
        rows = profile.matrix(X)
        gram = rows * rows.transpose() + profile.identity(len(X)) * profile.ball(strength)
        dual = gram.solve(profile.matrix(y))
        return (profile.matrix(query) * (rows.transpose() * dual))[0, 0]

    return predict


def descent(rate: Fraction, steps: int = 1) -> Predictor:
    """Steps of gradient descent of size `rate` from zero on sum (w^T x - y)^2."""
    run = profile.descent(2 * rate)

    def predict(X: np.ndarray, y: np.ndarray, query: np.ndarray) -> arb:
        rows = profile.matrix(X)
        S, pull = rows.transpose() * rows, rows.transpose() * profile.matrix(y)
        (w,) = run(S, pull, (steps,))
        return (profile.matrix(query) * w)[0, 0]

    return predict


def one_pass(rate: Fraction) -> Predictor:
    """One step of size `rate` on each example in turn, from zero."""

    def predict(X: np.ndarray, y: np.ndarray, query: np.ndarray) -> arb:
        w = arb_mat(X.shape[1], 1)
        for x, target in zip(X, y, strict=True):
            row = profile.matrix(x.reshape(1, -1))
            miss = (row * w)[0, 0] - profile.ball(target[0])
            w = w - row.transpose() * (profile.ball(2 * rate) * miss)
        return (profile.matrix(query) * w)[0, 0]

    return predict


def neighbours(count: int, weighted: bool) -> Predictor:
    """The mean target of the nearest examples, weighted by 1/distance^2 or not."""

    def predict(X: np.ndarray, y: np.ndarray, query: np.ndarray) -> arb:
        far = ((X - query) ** 2).sum(axis=1)
        near = sorted(range(len(X)), key=lambda j: far[j])[:count]
        weights = [1 / far[j] if weighted else Fraction(1) for j in near]
        shares = (weight * y[j, 0] for weight, j in zip(weights, near, strict=True))
        return profile.ball(sum(shares, Fraction(0)) / sum(weights))

    return predict


def distances(
    witness: Witness, cases: Sequence[Case], predictors: Mapping[str, Predictor]
) -> list[dict[str, arb]]:
    """After each layer, the mean squared difference of each predictor over all prefixes of the
    cases; the last example of a case is only asked for."""
    with precision(profile.BITS):
        system, rows = Ball(profile.MODEL_BITS), []
        for case in cases:
            for t in range(1, len(case.X)):
                X, y, query = case.X[:t], case.y[:t], case.X[t : t + 1]
                own = prompts.by_layer(witness, Case(case.parameters, X, y, query), system)
                others = {
                    name: predict(X, y.reshape(-1, 1), query)
                    for name, predict in predictors.items()
                }
                rows.append(([predicted for (predicted,) in own], others))
        return [
            {name: _mean([(own[k], others[name]) for own, others in rows]) for name in predictors}
            for k in range(len(witness.layer_list))
        ]


def _mean(pairs: Sequence[tuple[arb, arb]]) -> arb:
    """Of the squared differences."""
    return sum(((a - b) * (a - b) for a, b in pairs), arb(0)) / len(pairs)


def nearest(found: Mapping[str, arb]) -> str:
    """The predictor of the least distance. Raises profile.Open where balls cannot tell."""
    best = min(found, key=lambda name: found[name].mid())
    if not all(found[best] < value for name, value in found.items() if name != best):
        raise profile.Open(f"{best} may not be the nearest")
    return best
