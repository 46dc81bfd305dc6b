"""Which algorithm a model follows, told by what it makes of the eigenvalues of the data.

Where X^T X = lambda I, an algorithm that sees the data through S = X^T X predicts
r(lambda) x^T X^T y. The response r is measured on prompts of that kind over a range of lambda,
every family is fitted to it, and what was fitted is then held against predictions on other prompts,
of several eigenvalues each: only there it is accepted or rejected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import algorithms
from . import direct
from .data import Batch, gaussian, with_spectrum
from .families import SPECTRAL
from .fit import Fit, fit
from .model import Predict, model

LEVELS = 24  # eigenvalues at which the response is measured
PROMPTS = 12  # at each of them, and of each kind of prompt that decides
QUERIES = 4
WITHIN = 0.01  # relative error on the deciding prompts up to which an algorithm is accepted
SAME = 1e-6  # two algorithms that differ by less, relatively, are one function here


@dataclass(frozen=True)
class Interval:
    """A mean or a median over prompts, with its 95 % interval by resampling the prompts."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Response:
    """What was measured where X^T X = lambda I.

    eigenvalues, r: (L,). low, high: 95 % interval of each r over prompts. unexplained: the share of
    the predictions' root mean square that is no multiple of x^T X^T y, at each eigenvalue.
    """

    eigenvalues: np.ndarray
    r: np.ndarray
    low: np.ndarray
    high: np.ndarray
    unexplained: np.ndarray


@dataclass(frozen=True)
class Candidate:
    """An algorithm at its best parameters, and its error on the deciding prompts.

    error: median over prompts of |model - algorithm| / |model|, both root mean squares over the
    queries. edge: parameters that are best at the edge of where they were looked for. same: it is
    the same function, there, as the one in front of it.
    """

    name: str
    parameters: Mapping[str, Any]
    error: Interval
    mean_error: float
    edge: tuple[str, ...] = ()
    same: bool = False


@dataclass(frozen=True)
class Fingerprint:
    """The algorithm that a model follows within `error`, or None, and how the others fared."""

    best: str | None
    parameters: Mapping[str, Any]
    error: float
    runner_up: str | None
    margin: float
    candidates: tuple[Candidate, ...]
    response: Response
    within: float

    def to_json(self) -> dict[str, Any]:
        """As `witness measure --json` writes it."""
        plain = {k: v for k, v in self.parameters.items()}
        return {
            "best": self.best,
            "parameters": plain if self.best is not None else {},
            "error": self.error,
            "runner_up": self.runner_up,
            "margin": self.margin,
            "same": [c.name for c in self.candidates if c.same],
            "rejected": [
                {"name": c.name, "parameters": dict(c.parameters), "error": c.error.value,
                 "edge": list(c.edge)}
                for c in self.candidates if c.error.value > self.within
            ],
        }  # fmt: skip


def response(predict: Predict, d: int, n: int, rng: np.random.Generator) -> Response:
    """r over eigenvalues from n/50 to 3 n, which Gaussian data of n examples may have."""
    levels = np.geomspace(n / 50, 3 * n, LEVELS)
    rank, made = min(n, d), []
    for level in levels:
        batch = with_spectrum(rng, np.full((PROMPTS, rank), level), n, d, QUERIES)
        pulls = (batch.queries @ (batch.X.transpose(0, 2, 1) @ batch.y[..., None]))[..., 0]
        got = predict(*batch)
        slope = (got * pulls).sum() / (pulls**2).sum()
        each = (got * pulls).sum(axis=1) / (pulls**2).sum(axis=1)
        spread = 1.96 * each.std(ddof=1) / np.sqrt(PROMPTS)
        size = np.sqrt((got**2).mean())
        rest = np.sqrt(((got - slope * pulls) ** 2).mean()) / size if size > 0 else 0.0
        made.append((slope, slope - spread, slope + spread, rest))
    r, low, high, rest = map(np.array, zip(*made, strict=True))
    return Response(levels, r, low, high, rest)


def deciding_prompts(d: int, n: int, rng: np.random.Generator) -> list[Batch]:
    """Of drawn spectra, of Gaussian data, of Gaussian data of condition number 100."""
    spectra = np.exp(rng.uniform(np.log(n / 20), np.log(2 * n), (PROMPTS, min(n, d))))
    return [
        with_spectrum(rng, spectra, n, d, QUERIES),
        gaussian(rng, PROMPTS, n, d, QUERIES, noise=0.5),
        gaussian(rng, PROMPTS, n, d, QUERIES, noise=0.5, condition=100),
    ]


def fingerprint(
    given: Any, d: int, n: int, *, seed: int = 0, within: float = WITHIN
) -> Fingerprint:
    """The algorithm that the model follows on prompts of n examples in d dimensions.

    given: see `model`. Raises NoModelError (a ValueError) where it does not predict.
    """
    predict, rng = model(given), np.random.default_rng(seed)
    measured = response(predict, d, n, rng)
    fits = [fit(family, measured.eigenvalues, measured.r) for family in SPECTRAL]
    if measured.unexplained.max() > SAME:  # else it sees the data through eigenvalues alone
        to_fit = deciding_prompts(d, n, rng)
        fits += direct.fits(to_fit, [predict(*batch) for batch in to_fit])
    batches = deciding_prompts(d, n, rng)
    answers = [predict(*batch) for batch in batches]
    candidates = _ranked([_judged(one, batches, answers, rng) for one in fits])
    first = candidates[0]
    rival = next((c for c in candidates[1:] if not c.same), None)
    accepted = first.error.value <= within
    return Fingerprint(
        best=first.name if accepted else None,
        parameters=first.parameters,
        error=first.error.value,
        runner_up=rival.name if rival else None,
        margin=rival.error.value / max(first.error.value, 1e-16) if rival else np.inf,
        candidates=tuple(candidates),
        response=measured,
        within=within,
    )


def apart(got: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """|got - expected| / |got| for every prompt (B,), root mean squares over the queries."""
    size = np.sqrt((got**2).mean(axis=1))
    gap = np.sqrt(((got - expected) ** 2).mean(axis=1))
    return gap / np.maximum(size, np.finfo(float).tiny)


def predictions(name: str, parameters: Mapping[str, Any], batch: Batch) -> np.ndarray:
    """What the algorithm predicts for every prompt (B, m)."""
    algorithm: Callable[..., Any] = getattr(algorithms, name)
    return np.array([algorithm(*one, **parameters) for one in zip(*batch, strict=True)])


def _judged(
    one: Fit, batches: list[Batch], answers: list[np.ndarray], rng: np.random.Generator
) -> Candidate:
    with np.errstate(all="ignore"):
        errors = np.concatenate(
            [
                apart(got, predictions(one.name, one.parameters, batch))
                for batch, got in zip(batches, answers, strict=True)
            ]
        )
    errors = np.nan_to_num(errors, nan=np.inf)
    return Candidate(one.name, one.parameters, median(errors, rng), float(errors.mean()), one.edge)


def median(values: np.ndarray, rng: np.random.Generator, draws: int = 400) -> Interval:
    """The median of values (B,), with the interval of medians of resampled values."""
    picked = rng.integers(0, len(values), (draws, len(values)))
    low, high = np.quantile(np.median(values[picked], axis=1), (0.025, 0.975))
    return Interval(float(np.median(values)), float(low), float(high))


def _ranked(candidates: list[Candidate]) -> list[Candidate]:
    """Nearest first; of those that are one function, that with the fewest parameters."""
    candidates = sorted(candidates, key=lambda c: c.error.value)
    least = candidates[0].error.value
    order = [*(family.name for family in SPECTRAL), *(one.name for one in direct.DIRECT)]
    alike = [c for c in candidates if c.error.value <= least + SAME]
    alike.sort(key=lambda c: (len(c.parameters), order.index(c.name)))
    rest = [c for c in candidates if c.error.value > least + SAME]
    return [alike[0], *(Candidate(**{**vars(c), "same": True}) for c in alike[1:]), *rest]
