"""akyurek2022's reading of a model: which of some predictors is nearest to it, by SPD.

Figure 3 averages the squared difference of predictions over the underdetermined prefixes, fewer
examples than dimensions. Its predictors are least squares, ridge regression, one step of gradient
descent, one pass of its stochastic version, and the three nearest neighbours. Distances are balls;
one predictor is nearest only where they tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias

import numpy as np
from flint import arb, arb_mat

from constructions.numbers.ball import Ball
from constructions.witness import Witness
from proofs.flint_precision import precision

from ...strategies import Case
from . import profile, prompts


@dataclass(frozen=True)
class Asked:
    """Examples X (t, d) with t < d, their targets y (t,) and a query (d,), in fractions."""

    X: np.ndarray
    y: np.ndarray
    query: np.ndarray

    @cached_property
    def rows(self) -> arb_mat:
        return profile.matrix(self.X)

    @cached_property
    def targets(self) -> arb_mat:
        return profile.matrix(self.y.reshape(-1, 1))

    @cached_property
    def gram(self) -> arb_mat:
        """X X^T, which is smaller than X^T X."""
        return self.rows * self.rows.transpose()

    @cached_property
    def alike(self) -> arb_mat:
        """query^T X^T (1, t): what u predicts where the weights are X^T u."""
        return profile.matrix(self.query.reshape(1, -1)) * self.rows.transpose()

    @cached_property
    def distances(self) -> np.ndarray:
        """The squared distance of each example from the query (t,)."""
        apart = self.X - self.query
        return (apart * apart).sum(axis=1)


Predictor: TypeAlias = Callable[[Asked], arb]


def ridge(strength: Fraction) -> Predictor:
    """x^T X^T (X X^T + strength I)^-1 y; with 0 the least-squares weights of least norm."""

    def predict(asked: Asked) -> arb:
        kept = asked.gram + profile.identity(asked.gram) * profile.ball(strength)
        return (asked.alike * kept.solve(asked.targets))[0, 0]

    return predict


def descent(rate: Fraction, steps: int = 1) -> Predictor:
    """Steps of gradient descent of size `rate` from zero on sum (w^T x - y)^2.

    w stays X^T u, and u makes steps of the same kind: u <- u - 2 rate (X X^T u - y).
    """
    run = profile.descent(2 * rate)

    def predict(asked: Asked) -> arb:
        (u,) = run(asked.gram, asked.targets, (steps,))
        return (asked.alike * u)[0, 0]

    return predict


def one_pass(rate: Fraction) -> Predictor:
    """One step of size `rate` on each example in turn, from zero: u as of `descent`, of which each
    step makes one entry."""

    def predict(asked: Asked) -> arb:
        size = profile.ball(2 * rate)
        u: list[arb] = []
        for row, target in zip(asked.gram.tolist(), asked.targets.entries(), strict=True):
            u.append(size * (target - profile.dot(row[: len(u)], u)))
        return profile.dot(asked.alike.entries(), u)

    return predict


def neighbours(count: int, weighted: bool) -> Predictor:
    """The mean target of the nearest examples, weighted by 1/distance^2 or not."""

    def predict(asked: Asked) -> arb:
        far = asked.distances
        near = sorted(range(len(far)), key=lambda j: far[j])[:count]
        weights = [1 / far[j] if weighted else Fraction(1) for j in near]
        shares = (weight * asked.y[j] for weight, j in zip(weights, near, strict=True))
        return profile.ball(sum(shares, Fraction(0)) / sum(weights))

    return predict


def distances(
    witness: Witness, cases: Sequence[Case], predictors: Mapping[str, Predictor]
) -> list[dict[str, arb]]:
    """After each layer, the mean squared difference of each predictor over all prefixes of the
    cases; the last example of a case is only asked for."""
    with precision(profile.BITS):
        system, rows = Ball(profile.MODEL_BITS), []
        for t in range(1, max(len(case.X) for case in cases)):
            for case in (case for case in cases if t < len(case.X)):  # of one size, one plan
                X, y, query = case.X[:t], case.y[:t], case.X[t]
                part = Case(case.parameters, X, y, query.reshape(1, -1))
                own, asked = prompts.by_layer(witness, part, system), Asked(X, y, query)
                others = {name: predict(asked) for name, predict in predictors.items()}
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
