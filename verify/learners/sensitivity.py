"""What a model's predictions react to: the order of the examples, noise, conditioning, and how
many examples there are, each beside what least squares and the Bayes predictor do there.

Tasks are y = w.x + N(0, noise^2) with w ~ N(0, I): the Bayes predictor is ridge regression of
strength noise^2, and without noise the least-squares solution of minimum norm. Errors are against
w.x, so that they are 0 where w is found. Of every number the mean and the median over prompts are
given, with 95 % intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .data import Tasks, tasks
from .intervals import Estimate, estimate
from .model import Model, NoModelError, model

NOISES = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0)
CONDITIONS = (1.0, 10.0, 100.0)
ORDERS = 8  # in which the examples of a prompt are given
# strengths of ridge that are tried, besides 0, in units of n
STRENGTHS = np.geomspace(1e-6, 1e4, 121)
RESAMPLES = 100  # of prompts, for the interval of the best strength
SECTIONS = 30
TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class Order:
    """shen2023: how much a prediction varies with the order of its prompt's examples.

    of_spread: per prompt, the root mean square over queries of the standard deviation over orders,
    over the standard deviation of all predictions. largest: the largest such deviation of a single
    prediction, over the same.
    """

    of_spread: Estimate
    largest: float
    orders: int


@dataclass(frozen=True)
class Errors:
    """Mean squared errors of a prompt's predictions, over the mean square of all that is true.

    to_least_squares, to_bayes: mean squared differences to these, over the same.
    """

    model: Estimate
    least_squares: Estimate
    bayes: Estimate
    to_least_squares: Estimate
    to_bayes: Estimate


@dataclass(frozen=True)
class Strength:
    """The ridge regression that comes nearest to a model at one level of noise.

    ridge: the strength with the least mean squared difference; low, high: 95 % of those of
    resampled prompts. distance: that difference, relative as in Errors. edge: it is the largest
    that was tried.
    """

    ridge: float
    low: float
    high: float
    distance: Estimate
    edge: bool


@dataclass(frozen=True)
class AtNoise:
    """At one standard deviation of the noise: errors, and the nearest ridge regression.

    The Bayes predictor's strength is noise^2.
    """

    noise: float
    errors: Errors
    nearest: Strength


@dataclass(frozen=True)
class AtCondition:
    """At one condition number of the covariance of x."""

    condition: float
    errors: Errors


@dataclass(frozen=True)
class AtExamples:
    """With so many examples; errors are None where the model refuses them, and `refused` says why.

    from_minimum_norm: for n < d, the mean squared difference to the least-squares solution of
    minimum norm, over the mean square of its predictions. outside: the mean square of predictions
    at queries that are orthogonal to all examples, where that solution predicts 0, over that of its
    predictions at queries of the same length within their span.
    """

    n: int
    errors: Errors | None
    from_minimum_norm: Estimate | None = None
    outside: Estimate | None = None
    refused: str = ""


@dataclass(frozen=True)
class Sensitivity:
    """All of it. refused: what was not measured, and why."""

    order: Order
    noise: tuple[AtNoise, ...]
    conditioning: tuple[AtCondition, ...]
    examples: tuple[AtExamples, ...]
    settings: dict[str, Any]

    @property
    def minimum_norm(self) -> tuple[AtExamples, ...]:
        """Where there are fewer examples than dimensions."""
        return tuple(at for at in self.examples if at.from_minimum_norm is not None)

    def to_json(self) -> dict[str, Any]:
        """As `witness measure --json` writes it."""
        return asdict(self)


def sensitivity(
    given: Any, d: int, n: int, *, prompts: int = 128, queries: int = 4, noise: float = 0.5,
    seed: int = 0,
) -> Sensitivity:  # fmt: skip
    """What a model (see `model`) reacts to, on prompts of n examples in d dimensions.

    noise: of the prompts whose order, conditioning and number of examples are varied. Raises
    NoModelError where it does not predict on n examples; other numbers of examples it may refuse.
    """
    what, rng = model(given), np.random.default_rng(seed)
    size = {"n": n, "d": d, "m": queries}
    return Sensitivity(
        order=order(what, tasks(rng, prompts, **size, noise=noise), rng),
        noise=tuple(
            _at_noise(what, tasks(rng, prompts, **size, noise=level), level, rng)
            for level in NOISES
        ),
        conditioning=tuple(
            AtCondition(
                kappa,
                _errors(what, tasks(rng, prompts, **size, noise=noise, condition=kappa), noise),
            )
            for kappa in (CONDITIONS if d > 1 else CONDITIONS[:1])
        ),
        examples=tuple(
            _at_examples(what, tasks(rng, prompts, count, d, queries, noise), noise)
            for count in range(1, 2 * d + 1)
        ),
        settings={
            "d": d, "n": n, "prompts": prompts, "queries": queries, "noise": noise, "seed": seed,
        },
    )  # fmt: skip


def order(what: Model, drawn: Tasks, rng: np.random.Generator, orders: int = ORDERS) -> Order:
    """The model's predictions with the examples of every prompt in `orders` orders."""
    B, n, _ = drawn.X.shape
    made = []
    for _ in range(orders):
        at = rng.permuted(np.tile(np.arange(n), (B, 1)), axis=1)
        X = np.take_along_axis(drawn.X, at[..., None], axis=1)
        made.append(what(X, np.take_along_axis(drawn.y, at, axis=1), drawn.queries))
    predicted = np.array(made)  # (orders, B, m)
    # of one prompt's first prediction, so that equal ones have no deviation at all
    variance = (predicted - predicted[0]).var(axis=0, ddof=1)
    spread = max(float(predicted.std()), TINY)
    each = np.sqrt(variance.mean(axis=1)) / spread
    return Order(estimate(each, 0.0), float(np.sqrt(variance.max()) / spread), orders)


# -- references -----------------------------------------------------------------------------------


def ridges(drawn: Tasks, strengths: np.ndarray | Sequence[float]) -> np.ndarray:
    """Predictions (strengths, B, m) of ridge regression; 0 is least squares of minimum norm."""
    left, sigma, right = np.linalg.svd(drawn.X, full_matrices=False)
    pulls = (left.transpose(0, 2, 1) @ drawn.y[..., None])[..., 0]
    along = drawn.queries @ right.transpose(0, 2, 1)
    at = np.asarray(strengths)[:, None, None]
    # a singular value of 0 is no part of the solution of minimum norm
    kept = sigma > sigma.max(axis=1, keepdims=True) * np.finfo(float).eps * max(drawn.X.shape)
    shares = np.where(kept, sigma, 0) / (np.where(kept, sigma, 1) ** 2 + at)
    return np.einsum("bmr,sbr->sbm", along, shares * pulls)


def _errors(what: Model, drawn: Tasks, noise: float) -> Errors:
    least_squares, bayes = ridges(drawn, (0.0, noise**2))
    predicted = what(*drawn.prompts)
    return Errors(
        *(
            _apart(a, b, drawn.truth)
            for a, b in (
                (predicted, drawn.truth),
                (least_squares, drawn.truth),
                (bayes, drawn.truth),
                (predicted, least_squares),
                (predicted, bayes),
            )
        )
    )


def _apart(a: np.ndarray, b: np.ndarray, size_of: np.ndarray) -> Estimate:
    """Mean squared difference per prompt, over the mean square of all of `size_of`."""
    return estimate(((a - b) ** 2).mean(axis=1) / max(float((size_of**2).mean()), TINY), 0.0)


# -- noise ----------------------------------------------------------------------------------------


def _at_noise(what: Model, drawn: Tasks, noise: float, rng: np.random.Generator) -> AtNoise:
    return AtNoise(noise, _errors(what, drawn, noise), nearest_ridge(what, drawn, rng))


def nearest_ridge(what: Model, drawn: Tasks, rng: np.random.Generator) -> Strength:
    """The ridge regression that comes nearest to the model: of a dense logarithmic grid and 0,
    then between the neighbours there by golden sections."""
    strengths = np.concatenate([[0.0], STRENGTHS * drawn.X.shape[1]])
    predicted = what(*drawn.prompts)
    B = len(predicted)
    # the prompts as they are, then resampled
    counts = np.concatenate([np.ones((1, B)), rng.multinomial(B, np.full(B, 1 / B), RESAMPLES)])
    each = ((ridges(drawn, strengths) - predicted) ** 2).mean(axis=2)  # (strengths, B)
    best = (counts @ each.T).argmin(axis=1)

    def apart(exponents: np.ndarray) -> np.ndarray:
        """Of each resample at a strength of its own."""
        off = ((ridges(drawn, 10.0**exponents) - predicted) ** 2).mean(axis=2)
        return (counts * off).sum(axis=1)

    last = len(strengths) - 1
    exponents = _least(
        apart,
        np.log10(strengths[np.clip(best - 1, 1, last)]),
        np.log10(strengths[np.clip(best + 1, 1, last)]),
    )
    found = np.where(best == 0, 0.0, 10.0**exponents)
    low, high = np.quantile(found[1:], (0.025, 0.975), method="inverted_cdf")
    nearest = ridges(drawn, found[:1])[0]
    distance = _apart(nearest, predicted, drawn.truth)
    return Strength(float(found[0]), float(low), float(high), distance, bool(best[0] == last))


def _least(
    function: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Where the function, of each entry by itself, is least between low and high."""
    share = (5**0.5 - 1) / 2
    for _ in range(SECTIONS):
        left, right = high - share * (high - low), low + share * (high - low)
        lower = function(left) < function(right)
        low, high = np.where(lower, low, left), np.where(lower, right, high)
    return (low + high) / 2


# -- number of examples ---------------------------------------------------------------------------


def _at_examples(what: Model, drawn: Tasks, noise: float) -> AtExamples:
    n, d = drawn.X.shape[1:]
    try:
        errors = _errors(what, drawn, noise)
        if n >= d:
            return AtExamples(n, errors)
        minimum_norm = ridges(drawn, (0.0,))[0]
        inside = _apart(what(*drawn.prompts), minimum_norm, minimum_norm)
        return AtExamples(n, errors, inside, _outside(what, drawn))
    except NoModelError as error:
        return AtExamples(n, None, refused=str(error))


def _outside(what: Model, drawn: Tasks) -> Estimate:
    """At the queries' parts orthogonal to all examples, made as long as the parts within."""
    span = np.linalg.svd(drawn.X, full_matrices=False)[2]  # (B, n, d)
    within = drawn.queries @ span.transpose(0, 2, 1) @ span
    beyond = drawn.queries - within
    length = np.linalg.norm(within, axis=-1, keepdims=True)
    beyond *= length / np.maximum(np.linalg.norm(beyond, axis=-1, keepdims=True), TINY)
    minimum_norm = ridges(drawn._replace(queries=within), (0.0,))[0]
    predicted = what(drawn.X, drawn.y, beyond)
    return _apart(predicted, np.zeros_like(predicted), minimum_norm)
