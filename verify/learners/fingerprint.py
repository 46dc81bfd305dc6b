"""Which algorithm a model follows, told by what it makes of the eigenvalues of the data.

Where X^T X = lambda I, an algorithm that sees the data through S = X^T X predicts
r(lambda) x^T X^T y. The response r is measured on prompts of that kind over a range of lambda,
every family is fitted to it, and to predictions. Algorithms that are not told by their response are
fitted to predictions alone. What was fitted is then held against predictions on other prompts, of
several eigenvalues each: only there it is accepted or rejected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from . import direct
from .data import Batch
from .families import SPECTRAL
from .fit import EXACT, Fit, fit
from .intervals import Interval
from .judging import SAME, Candidate, Inputs, judged, prompts, together, told_apart, with_start
from .model import Predict, model
from .preconditioned import fit_matrix
from .rates import fit_rates
from .response import Response, at_levels, response

WITHIN = 0.01  # relative error on the deciding prompts up to which an algorithm is accepted
FITTED = 8  # prompts of each kind to which predictions are fitted
ODD = 1e-9  # answers change their sign with y where they miss it by less, relatively


@dataclass(frozen=True)
class Fingerprint:
    """The algorithm that a model follows within `error`, or None, and how the others fared.

    It is accepted where the upper end of its error's interval is at most `within`. runner_up: the
    nearest that is another function, margin: how many times as far. learns: the answers depend on
    the examples. alone: each query was asked in a prompt of its own, since an answer depends on the
    other queries. on: where nothing was accepted on all kinds of prompt together, what is accepted
    on one of them alone, by kind. why: the reason in words where nothing was accepted.
    """

    best: str | None
    parameters: Mapping[str, Any]
    error: float
    interval: Interval
    runner_up: str | None
    margin: float
    candidates: tuple[Candidate, ...]
    response: Response
    within: float
    learns: bool = True
    alone: bool = False
    on: Mapping[str, Candidate] = field(default_factory=dict)

    @property
    def same(self) -> tuple[Candidate, ...]:
        """The other families of which the first candidate is a member as well."""
        return tuple(one for one in self.candidates if one.same)

    @property
    def tied(self) -> tuple[Candidate, ...]:
        """Other functions that these prompts do not tell from the first candidate."""
        return tuple(one for one in self.candidates if one.tied)

    @property
    def why(self) -> str:
        """Why no algorithm was accepted; "" where one was."""
        if self.best is not None:
            return ""
        if not self.learns:
            return "its answers do not depend on the examples"
        first = self.candidates[0]
        return (
            f"the nearest, {first.name}, is off by {first.error.value:.2g} "
            f"({first.error.low:.2g} to {first.error.high:.2g}), more than {self.within:g}"
            f"{self.open}"
        )

    @property
    def open(self) -> str:
        """What prompts do not tell from the first candidate, in words, after a semicolon."""
        called = zip(self.candidates, told_apart(self.candidates))
        names = [f"{name} ({one.error.value:.2g})" for one, name in called if one.tied]
        return f"; not told apart from it: {', '.join(names)}" if names else ""

    def to_json(self) -> dict[str, Any]:
        """As `witness measure --json` writes it."""
        return {
            "best": self.best,
            "parameters": dict(self.parameters) if self.best is not None else {},
            "error": self.error,
            "interval": [self.interval.low, self.interval.high],
            "within": self.within,
            "runner_up": self.runner_up,
            "margin": self.margin if np.isfinite(self.margin) else None,
            "same": [one.to_json() for one in self.same],
            "tied": [one.name for one in self.tied],
            "learns": self.learns,
            "alone": self.alone,
            "why": self.why,
            "on": {
                kind: {
                    "name": one.name, "parameters": dict(one.parameters),
                    "error": one.kinds[kind].value,
                    "interval": [one.kinds[kind].low, one.kinds[kind].high],
                }
                for kind, one in self.on.items()
            },
            "rejected": self.best is None,
            "candidates": [one.to_json() for one in self.candidates],
        }  # fmt: skip


class Asked(NamedTuple):
    """Prompts of `fingerprint`: to see whether queries interact, to fit to, to measure responses
    by eigenvalue, and by kind those that decide."""

    few: Batch
    to_fit: Batch
    levels: Mapping[float, Batch]
    deciding: Mapping[str, Batch]


def asked(d: int, n: int, seed: int = 0, inputs: Inputs = None) -> Asked:
    """What `fingerprint` asks with this seed, whatever the model."""
    rng = np.random.default_rng(seed)
    few, to_fit = (together(prompts(d, n, rng, count, inputs)) for count in (2, FITTED))
    return Asked(few, to_fit, at_levels(d, n, rng), prompts(d, n, rng, inputs=inputs))


def fingerprint(
    given: Any, d: int, n: int, *, seed: int = 0, within: float = WITHIN, inputs: Inputs = None
) -> Fingerprint:
    """The algorithm that the model follows on prompts of n examples in d dimensions.

    given: see `model`. inputs: (low, high) if entries of x have to lie there. Raises NoModelError
    (a ValueError) where it does not predict.
    """
    few, to_fit, levels, batches = asked(d, n, seed, inputs)
    predict: Predict = model(given)
    alone = _queries_interact(predict, few)
    if alone:
        predict = one_query(predict)
    answers = predict(*to_fit)
    even = answers - _odd(predict)(*to_fit)
    starts = bool(np.abs(even).max() > ODD * np.abs(answers).max())
    measured = response(_odd(predict) if starts else predict, levels)
    fits = _fits(to_fit, answers, even if starts else None, measured)
    deciding = {kind: predict(*batch) for kind, batch in batches.items()}
    candidates, on = judged(fits, batches, deciding, within)
    first = candidates[0]
    learns = all(_learns(predict, batches[kind], deciding[kind]) for kind in batches)
    rival = next((one for one in candidates[1:] if not one.same and one.name != first.name), None)
    accepted = learns and first.error.high <= within
    return Fingerprint(
        best=first.name if accepted else None,
        parameters=first.parameters,
        error=first.error.value,
        interval=first.error,
        runner_up=rival.name if rival else None,
        margin=rival.error.value / max(first.error.value, 1e-16) if rival else np.inf,
        candidates=tuple(candidates),
        response=measured,
        within=within,
        learns=learns,
        alone=alone,
        on=on if learns and not accepted else {},
    )


def _fits(
    batch: Batch, answers: np.ndarray, at_zero: np.ndarray | None, measured: Response
) -> list[Fit]:
    """Every family at the parameters where it comes nearest.

    at_zero: what answers (B, m) would be for targets of 0, where that is not 0.
    """
    linear = answers if at_zero is None else answers - at_zero
    seen = (batch, linear)
    fits = [fit(family, measured.eigenvalues, measured.r, seen) for family in SPECTRAL]
    if min(one.error for one in fits) > EXACT:
        fits += fit_rates(measured.eigenvalues, measured.r, *seen)
    # else it is linear in the targets and sees the data through eigenvalues alone
    if measured.unexplained.max() > SAME or at_zero is not None:
        fits += direct.fits(batch, answers, linear)
        matrix = fit_matrix(batch, linear)
        fits += [matrix] if matrix is not None else []
    if at_zero is not None:
        started = [with_start(one, batch, at_zero) for one in fits]
        fits += [one for one in started if one is not None]
    return fits


def _odd(predict: Predict) -> Predict:
    """The part of predictions that changes its sign with the targets: all but w0 of an algorithm
    that is linear but for that."""

    def odd(X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        return (predict(X, y, queries) - predict(X, -y, queries)) / 2

    return odd


def one_query(predict: Predict) -> Predict:
    """The model, asked every query in a prompt of its own."""

    def alone(X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        m = queries.shape[1]
        every = (X.repeat(m, axis=0), y.repeat(m, axis=0), queries.reshape(-1, 1, queries.shape[2]))
        return predict(*every).reshape(len(X), m)

    return alone


def _queries_interact(predict: Predict, batch: Batch) -> bool:
    """Whether an answer depends on the other queries, of a model that answers the same again."""
    answers = predict(*batch)

    def same(others: np.ndarray) -> bool:
        return np.allclose(answers, others, rtol=1e-4, atol=1e-6 * np.abs(answers).max())

    return same(predict(*batch)) and not same(one_query(predict)(*batch))


def _learns(predict: Predict, batch: Batch, answers: np.ndarray) -> bool:
    """Whether other examples change the answers to the same queries."""
    moved = predict(np.roll(batch.X, 1, axis=0), np.roll(batch.y, 1, axis=0), batch.queries)
    return bool(np.abs(moved - answers).max() > 1e-9 * np.abs(answers).max())
