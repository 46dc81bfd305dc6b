"""What the learners of the package show of what papers report, measured on prompts drawn here.

Four tables: one layer beside the best gradient step, depth, noise, and a transformer beside an
LSTM. Errors are mean squares over queries without noise; intervals are 95 %, by resampling prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..learners.data import Batch, gaussian
from ..learners.families import Family
from ..learners.fingerprint import Interval
from ..learners.fit import nearest
from ..learners.model import model
from ..learners.optimal import optimal_rates
from ..learners.trained import load, names
from ..report import tables

PROMPTS, QUERIES = 1024, 4
TO_FIT = 256  # other prompts, to which algorithms are fitted
STEPS = 200  # of least squares, at most
STARTS = 24
RIDGES = np.geomspace(1e-3, 1e2, 501)
SHUFFLES = 8
DRAWS = 400  # of prompts anew, for an interval


class Asked(NamedTuple):
    """Prompts, and w.x at their queries (B, m)."""

    prompts: Batch
    targets: np.ndarray


class Known(NamedTuple):
    """A learner of the package."""

    name: str
    layers: int
    noise: float
    d: int
    n: int
    predict: Callable[..., np.ndarray]


class Seen(NamedTuple):
    """Prompts in the eigenvectors of X^T X: s (B, r), X^T y (B, r), queries (B, m, r)."""

    s: np.ndarray
    pull: np.ndarray
    queries: np.ndarray

    @classmethod
    def of(cls, prompts: Batch) -> Seen:
        left, sigma, right = np.linalg.svd(prompts.X, full_matrices=False)
        pull = sigma * (left.mT @ prompts.y[..., None])[..., 0]
        return cls(sigma**2, pull, prompts.queries @ right.mT)

    def by(self, family: Family, parameters: Mapping[str, Any]) -> np.ndarray:
        """The predictions (B, m, G) of the family at parameters (1, G) or at numbers, G = 1."""
        with np.errstate(all="ignore"):
            r = family.response(self.s.reshape(-1, 1), **parameters)
        r = np.nan_to_num(np.clip(r, -1e12, 1e12), nan=1e12)
        return self.queries @ (self.pull[..., None] * r.reshape(*self.s.shape, -1))


# -- algorithms of as many steps as a learner has layers ---------------------------------------


def descent(layers: int) -> Family:
    """Gradient descent with a rate for each step: w <- w + eta_k X^T (y - X w)."""

    def response(s: Any, **rates: Any) -> np.ndarray:
        left: Any = 1.0
        for k in range(layers):
            left = left * (1 - rates[f"eta{k}"] * s)
        return (1 - left) / s

    return Family("gradient descent", response, real={f"eta{k}": 1 for k in range(layers)})


def descent_plus_plus(layers: int) -> Family:
    """GD++ with two rates for each step; the last step's transformation is seen by nothing."""

    def response(s: Any, **rates: Any) -> np.ndarray:
        made: Any = 0.0
        moved = left = np.ones(np.broadcast(s, rates["eta0"]).shape)  # of the query; the residual
        for k in range(layers):
            now = s * moved**2  # the eigenvalue of the data as they are transformed
            made, left = (
                made + rates[f"eta{k}"] * moved**2 * left,
                left * (1 - rates[f"eta{k}"] * now),
            )
            if k + 1 < layers:
                moved = moved * (1 - rates[f"gamma{k}"] * now)
        return made

    rates = [f"eta{k}" for k in range(layers)] + [f"gamma{k}" for k in range(layers - 1)]
    return Family("GD++", response, real=dict.fromkeys(rates, 1))


LEAST_SQUARES = Family("least squares", lambda s: 1 / s)
RIDGE = Family("ridge", lambda s, ridge: 1 / (s + ridge), real={"ridge": -1})


def fitted(family: Family, asked: Asked, answers: np.ndarray) -> Mapping[str, Any]:
    """The rates at which the family comes nearest to answers (B, m), in the mean square."""
    seen = Seen.of(asked.prompts)

    def residual(logarithms: Any) -> np.ndarray:
        made = seen.by(family, _rates(family, logarithms))
        return np.clip(made - answers[..., None], -1e9, 1e9).reshape(-1, made.shape[-1])

    return _nearest(family, asked.prompts, residual)


def best(family: Family, one: Known) -> Mapping[str, Any]:
    """The rates of least expected error on prompts like the learner's, as `optimal` has them."""
    transforming = family.name == "GD++"
    found = optimal_rates(one.layers, one.d, one.n, one.noise**2, transforming)
    named = {f"eta{k}": rate for k, rate in enumerate(found.step_sizes)}
    named |= {f"gamma{k}": rate for k, rate in enumerate(found.gammas)}
    return {name: named[name] for name in family.real}


def _rates(family: Family, logarithms: Any) -> dict[str, Any]:
    return {name: 10.0**value for name, value in zip(family.real, logarithms, strict=True)}


def _nearest(family: Family, prompts: Batch, residual: Any) -> Mapping[str, Any]:
    """From starts drawn around 1 / n, the best of where the steps end."""
    away = np.random.default_rng(0).uniform(-0.8, 0.4, (STARTS, len(family.real)))
    starts = away - np.log10(prompts.X.shape[1])
    _, point = nearest(residual, starts, STEPS)
    return {name: float(10.0**value) for name, value in zip(family.real, point, strict=True)}


# -- what is measured --------------------------------------------------------------------------


@cache
def known(name: str) -> Known:
    learner = load(name)
    given = learner.settings
    return Known(name, given.layers, given.noise, given.d, given.n, model(learner))


def ask(one: Known, seed: int, count: int, n: int | None = None, condition: float = 1.0) -> Asked:
    """Prompts as the learner was trained on, or with another n or condition number."""
    rng, n = np.random.default_rng(seed), one.n if n is None else n
    drawn = gaussian(rng, count, n + QUERIES, one.d, 1, condition=condition)
    y = drawn.y[:, :n] + one.noise * rng.standard_normal((count, n))
    return Asked(Batch(drawn.X[:, :n], y, drawn.X[:, n:]), drawn.y[:, n:])


def predictions(family: Family, parameters: Mapping[str, Any], prompts: Batch) -> np.ndarray:
    """(B, m)."""
    return Seen.of(prompts).by(family, parameters)[..., 0]


def squared(got: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Mean squared difference of each prompt (B,)."""
    return ((got - wanted) ** 2).mean(axis=1)


def resampled(count: int, statistic: Callable[[np.ndarray], np.ndarray]) -> Interval:
    """A statistic of the numbers of prompts (…, count), with its interval over resampled ones."""
    picked = np.random.default_rng(0).integers(0, count, (DRAWS, count))
    low, high = np.quantile(statistic(picked), (0.025, 0.975))
    return Interval(float(statistic(np.arange(count))), float(low), float(high))


def mean(values: np.ndarray) -> Interval:
    """Of values (B,)."""
    return resampled(len(values), lambda at: values[at].mean(axis=-1))


def ratio(over: np.ndarray, under: np.ndarray) -> Interval:
    """Of two means over the same prompts (B,)."""
    return resampled(len(over), lambda at: over[at].mean(axis=-1) / under[at].mean(axis=-1))


def distance(got: np.ndarray, algorithm: np.ndarray) -> Interval:
    """The root mean square of their difference over that of the learner's predictions."""
    over, under = squared(got, algorithm), squared(got, np.zeros_like(got))
    made = ratio(over, under)
    return Interval(*(float(np.sqrt(value)) for value in (made.value, made.low, made.high)))


def least_on_average(gaps: np.ndarray) -> Interval:
    """The ridge at which the mean over prompts of gaps (B, ridges) is least."""

    def ridge(at: np.ndarray) -> np.ndarray:
        times = np.apply_along_axis(np.bincount, -1, at, minlength=len(gaps))
        return RIDGES[(times @ gaps).argmin(axis=-1)]

    return resampled(len(gaps), ridge)


# -- the tables ----------------------------------------------------------------------------------


def one_layer() -> Iterator[tuple[str, ...]]:
    """Learners of one layer beside the step of least expected error."""
    for one in _learners("linear_1"):
        asked = ask(one, 1, PROMPTS)
        X, y, queries = asked.prompts
        got, pulls = one.predict(*asked.prompts), (queries @ (X.mT @ y[..., None]))[..., 0]
        rate = ratio((got * pulls).mean(axis=1), (pulls**2).mean(axis=1))
        optimum = 1 / (one.n + one.d + 1 + one.noise**2)
        yield (
            f"`{one.name}`",
            f"{one.noise:g}",
            shown(rate, 5),
            f"1/{1 / optimum:g} = {optimum:.5f}",
            f"{100 * (rate.value / optimum - 1):+.2f} %",
            shown(distance(got, optimum * pulls)),
            shown(ratio(squared(got, asked.targets), squared(optimum * pulls, asked.targets)), 4),
        )


def depth() -> Iterator[tuple[str, ...]]:
    """Learners of 1 to 4 layers beside as many steps of gradient descent and of GD++."""
    for one in _learners("linear", noise=0.0):
        asked, to_fit = ask(one, 1, PROMPTS), ask(one, 2, TO_FIT)
        got, before = one.predict(*asked.prompts), one.predict(*to_fit.prompts)
        errors, near = [mean(squared(got, asked.targets))], []
        for family in (descent(one.layers), descent_plus_plus(one.layers)):
            made = predictions(family, best(family, one), asked.prompts)
            errors.append(mean(squared(made, asked.targets)))
            made = predictions(family, fitted(family, to_fit, before), asked.prompts)
            near.append(distance(got, made))
        near.append(distance(got, predictions(LEAST_SQUARES, {}, asked.prompts)))
        yield (f"`{one.name}`", *map(shown, errors), *map(shown, near))


def noise() -> Iterator[tuple[str, ...]]:
    """The ridge that is nearest to each learner, beside that of the Bayes predictor."""
    for one in _learners("linear_4"):
        asked = ask(one, 1, PROMPTS)
        got = one.predict(*asked.prompts)
        made = Seen.of(asked.prompts).by(RIDGE, {"ridge": RIDGES[None]})
        gaps = ((made - got[..., None]) ** 2).mean(axis=1)  # (B, ridges)
        nearest_ridge = least_on_average(gaps)
        at = float(nearest_ridge.value)
        bayes = predictions(RIDGE, {"ridge": max(one.noise**2, 1e-12)}, asked.prompts)
        yield (
            f"`{one.name}`",
            f"{one.noise**2:g}",
            shown(nearest_ridge, 2) + (" (the edge)" if at in (RIDGES[0], RIDGES[-1]) else ""),
            shown(distance(got, predictions(RIDGE, {"ridge": at}, asked.prompts))),
            shown(distance(got, bayes)),
            shown(distance(got, predictions(LEAST_SQUARES, {}, asked.prompts))),
            shown(mean(squared(got, asked.targets))),
            shown(mean(squared(bayes, asked.targets))),
        )


def sequences() -> Iterator[tuple[str, ...]]:
    """A transformer and an LSTM beside least squares, of which no order is seen."""
    for name in ("gpt", "lstm", "linear_4"):
        one = known(name)
        columns = []
        for n, condition in ((one.n, 1.0), (one.n // 2, 1.0), (one.n, 100.0)):
            asked = ask(one, 1, PROMPTS, n, condition)
            got = one.predict(*asked.prompts)
            columns.append(distance(got, predictions(LEAST_SQUARES, {}, asked.prompts)))
        asked = ask(one, 1, PROMPTS)
        error = mean(squared(one.predict(*asked.prompts), asked.targets))
        yield (f"`{name}`", shown(error), *map(shown, columns), shown(order(one, asked)))


def order(one: Known, asked: Asked) -> Interval:
    """How far predictions spread over orders of the examples: the root mean square of their
    standard deviation over that of the predictions."""  # fmt: skip
    rng, (X, y, queries) = np.random.default_rng(4), asked.prompts
    made = []
    for _ in range(SHUFFLES):
        at = rng.permutation(X.shape[1])
        made.append(one.predict(X[:, at], y[:, at], queries))
    every = np.array(made)
    spread = every.var(axis=0, ddof=1).mean(axis=1)
    found = ratio(spread, (every**2).mean(axis=(0, 2)))
    return Interval(*(float(np.sqrt(value)) for value in (found.value, found.low, found.high)))


def _learners(beginning: str, noise: float | None = None) -> Iterator[Known]:
    for name in names():
        if name.startswith(beginning) and noise in (None, known(name).noise):
            yield known(name)


def shown(found: Interval, digits: int = 3) -> str:
    """0.123 [0.120, 0.126]."""
    return f"{found.value:.{digits}g} [{found.low:.{digits}g}, {found.high:.{digits}g}]"


TABLES: Mapping[Callable[[], Iterator[tuple[str, ...]]], tuple[str, ...]] = {
    one_layer: (
        "one layer", "noise", "rate", "the best step's", "apart", "distance to that step",
        "error over that step's",
    ),
    depth: (
        "depth", "error", "of the best steps of gradient descent", "of the best steps of GD++",
        "distance to gradient descent", "to GD++", "to least squares",
    ),
    noise: (
        "noise", "its variance", "nearest ridge", "distance to it", "to Bayes' ridge",
        "to least squares", "error", "of Bayes' ridge",
    ),
    sequences: (
        "order", "error", "distance to least squares", "after half of the examples",
        "with condition number 100", "spread over orders",
    ),
}  # fmt: skip


def markdown() -> str:
    """The tables, one below the other."""
    return "\n".join(tables.markdown(heads, made()) for made, heads in TABLES.items())
