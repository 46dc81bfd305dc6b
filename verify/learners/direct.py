"""Algorithms that no response to eigenvalues tells: fitted to predictions.

They are not linear in the targets, or see more of the data than X^T X. Each is written here once
more, in floats, for a batch of prompts and a grid of parameters at once; a test holds it to be its
function in `verify.algorithms`. Every combination of words and whole numbers is tried, and reals
are fitted as in `fit`, on coarser grids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from .data import Batch
from .fit import APART, FEW, LIKELY, MANY, Fit, Residual, nearest, root_mean_square, starts

POINTS = {1: 61, 2: 21}
DECADES = 3.0
MOST = 12  # steps that are tried
VALIDATIONS = 8  # numbers of examples that are held out


@dataclass(frozen=True)
class Direct:
    """A function of `verify.algorithms`, and where its parameters are looked for.

    predictions: (batch, words, reals (G, 1, 1)) -> (G, B, m), after 1, 2, … steps where `steps`
    names the parameter that counts them. words: {word: values to try, from (n, d)}. real: as in
    Family. linear: predictions are linear in the targets but for a `w0`. dimension: the only one
    that it takes; 0 for any.
    """

    name: str
    predictions: Callable[..., Iterator[np.ndarray]]
    real: Mapping[str, int]
    steps: str = ""
    words: Mapping[str, Callable[[int, int], Sequence[Any]]] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    linear: bool = False
    dimension: int = 0

    def choices(self, n: int, d: int) -> Iterator[dict[str, Any]]:
        """Every combination of words."""
        for chosen in product(*(values(n, d) for values in self.words.values())):
            yield {**self.fixed, **dict(zip(self.words, chosen, strict=True))}

    def at(self, batch: Batch, parameters: Mapping[str, Any]) -> np.ndarray:
        """The predictions (B, m)."""
        given = {k: v for k, v in parameters.items() if k not in (*self.real, self.steps)}
        reals = {k: np.full((1, 1, 1), float(parameters[k])) for k in self.real}
        with np.errstate(all="ignore"):
            every = self.predictions(batch, **given, **reals)
            for _ in range(parameters.get(self.steps, 1)):
                made = next(every)
        return made[0]


def _one_pass_sgd(batch: Batch, step_size: Any, ridge: Any = 0) -> Iterator[np.ndarray]:
    w: Any = 0.0
    for i in range(batch.y.shape[1]):
        x, y = batch.X[:, i], batch.y[:, i, None]  # (B, d), (B, 1)
        pull = (x * w).sum(axis=-1, keepdims=True) - y
        w = w - 2 * step_size * (x * pull + ridge * w)
    yield _read(batch.queries, w)


def _lasso(batch: Batch, step_size: Any, penalty: Any) -> Iterator[np.ndarray]:
    w = np.zeros((*np.broadcast(step_size, penalty).shape[:1], *batch.X.shape[::2]))
    while True:
        v = w - 2 * step_size * _pull(batch.X, _read(batch.X, w) - batch.y)
        w = np.sign(v) * np.maximum(np.abs(v) - step_size * penalty, 0)
        yield _read(batch.queries, w)


def _by_sigmoid(batch: Batch, step_size: Any, sigmoid: Any) -> Iterator[np.ndarray]:
    w = np.zeros((len(step_size), *batch.X.shape[::2]))
    while True:
        w = w - step_size * _pull(batch.X, sigmoid(_read(batch.X, w)) - batch.y)
        yield sigmoid(_read(batch.queries, w))


def _true_logistic(batch: Batch, step_size: Any) -> Iterator[np.ndarray]:
    return _by_sigmoid(batch, step_size, lambda m: 1 / (1 + np.exp(-m)))


def _logistic(
    batch: Batch, step_size: Any, pieces: int = 16, reach: int = 8
) -> Iterator[np.ndarray]:
    knots = np.linspace(-reach, reach, 2 * pieces + 1)
    values = 1 / (1 + np.exp(-knots))
    # rounded to 40 binary places, as the algorithm has it
    above = np.round(values[pieces + 1 :] * 2.0**40) / 2.0**40
    values = np.concatenate([1 - above[::-1], [0.5], above])
    return _by_sigmoid(batch, step_size, lambda m: np.interp(m, knots, values))


def _smoothed(
    batch: Batch, step_size: Any, temperature: Any, kernel: str = "exponential"
) -> Iterator[np.ndarray]:
    def weights(Z: np.ndarray) -> np.ndarray:
        scores = (Z @ batch.X.transpose(0, 2, 1)) / temperature[..., None]
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)

    here, there = weights(batch.X), weights(batch.queries)
    fit, prediction = 0 * batch.y, np.zeros(())
    while True:
        error = ((batch.y - fit) * step_size)[..., None]
        fit, prediction = fit + (here @ error)[..., 0], prediction + (there @ error)[..., 0]
        yield prediction


def _own_kernel(batch: Batch, rate: Any, attention: str) -> Iterator[np.ndarray]:
    def weigh(scores: Any) -> Any:
        return np.exp(scores) if attention == "exponential" else np.maximum(scores, 0)

    here, there = (weigh(Z @ batch.X.transpose(0, 2, 1)) for Z in (batch.X, batch.queries))
    fit, prediction = 0 * batch.y, np.zeros(())
    while True:
        error = ((batch.y - fit) * rate)[..., None]
        fit, prediction = fit + (here @ error)[..., 0], prediction + (there @ error)[..., 0]
        yield prediction


def _variance(
    batch: Batch, noise: Any, prior: Any, output: str = "variance"
) -> Iterator[np.ndarray]:
    s, V = np.linalg.eigh(batch.X.transpose(0, 2, 1) @ batch.X)
    of_query = (batch.queries @ V) ** 2  # (B, m, d)
    left = noise / (np.maximum(s, 0) + noise / prior)  # (G, B, d)
    yield (of_query @ left[..., None])[..., 0]


def _selection(batch: Batch, ridges: Any, other: Any, validation: int) -> Iterator[np.ndarray]:
    X, y = batch.X[:, :-validation], batch.y[:, :-validation, None]
    held, target = batch.X[:, -validation:], batch.y[:, -validation:]
    s, V = np.linalg.eigh(X.transpose(0, 2, 1) @ X)
    pull = (V.transpose(0, 2, 1) @ (X.transpose(0, 2, 1) @ y))[..., 0]
    made = []
    for strength in (ridges, other):
        w = (V @ (pull / (np.maximum(s, 0) + strength))[..., None])[..., 0]
        error = ((_read(held, w) - target) ** 2).sum(axis=-1, keepdims=True)
        made.append((error, _read(batch.queries, w)))
    (first, one), (second, two) = made
    yield np.where(first < second, one, two)


def _splines(batch: Batch, alpha: Any, basis: int, degree: int) -> Iterator[np.ndarray]:
    """After a number of layers, one more than that of layers of descent."""
    X, queries = (_b_splines(Z[..., 0], basis, degree) for Z in (batch.X, batch.queries))
    w = np.zeros((len(alpha), *X.shape[::2]))
    yield _read(queries, w)
    steps = 1
    while True:
        for _ in range(steps):
            w = w - alpha * _pull(X, _read(X, w) - batch.y)
        yield _read(queries, w)
        steps *= 3


def _b_splines(v: np.ndarray, basis: int, degree: int) -> np.ndarray:
    """(…, basis): the divided differences of max(x - knot, 0)^degree on equal knots, scaled."""
    places = v[..., None] * (basis - degree) - (np.arange(basis) - degree)  # from the first knot
    made, sign, binomial = np.zeros(places.shape), 1.0, 1.0
    factorial = float(np.prod(np.arange(1, degree + 1)))
    for j in range(degree + 2):
        made += sign * binomial * np.maximum(places - j, 0) ** degree / factorial
        sign, binomial = -sign, binomial * (degree + 1 - j) / (j + 1)
    return np.where((places > 0) & (places < degree + 1), made, 0)


def _read(queries: np.ndarray, w: np.ndarray) -> np.ndarray:
    """(G, B, m): w (G, B, d) at the queries (B, m, d)."""
    return (queries @ w[..., None])[..., 0]


def _pull(X: np.ndarray, error: np.ndarray) -> np.ndarray:
    """X^T error (G, B, d), for errors (G, B, n)."""
    return (X.transpose(0, 2, 1) @ error[..., None])[..., 0]


def _held_out(n: int, d: int) -> Sequence[int]:
    return range(1, min(n, VALIDATIONS + 1))


DIRECT = (
    Direct("one_pass_sgd", _one_pass_sgd, {"step_size": 1}, linear=True),
    Direct("one_pass_sgd", _one_pass_sgd, {"step_size": 1, "ridge": -1}, linear=True),
    Direct("true_logistic", _true_logistic, {"step_size": 1}, "steps"),
    Direct("logistic", _logistic, {"step_size": 1}, "steps"),
    Direct("lasso", _lasso, {"step_size": 1, "penalty": -1}, "steps"),
    Direct(
        "kernel_regression", _smoothed, {"step_size": 0, "temperature": 0}, "steps",
        fixed={"kernel": "exponential"},
    ),
    *(
        Direct("functional_descent", _own_kernel, {"rate": 1}, "steps", fixed={"attention": word})
        for word in ("relu", "exponential")
    ),
    Direct("bayes_ridge", _variance, {"noise": -1, "prior": 0}, fixed={"output": "variance"}),
    Direct(
        "selection", _selection, {"ridges": -1, "other": -1}, words={"validation": _held_out}
    ),
    Direct(
        "spline_regression", _splines, {"alpha": 1}, "layers",
        {"basis": lambda n, d: range(2, 9), "degree": lambda n, d: (1, 2, 3)}, dimension=1,
    ),
)  # fmt: skip


def fits(
    batch: Batch, answers: np.ndarray, linear: np.ndarray | None = None, only: str = ""
) -> list[Fit]:
    """Every algorithm of DIRECT, or `only` that, at the parameters where it comes nearest to the
    answers (B, m), or if its predictions are linear in the targets, to the `linear` part of them.
    """  # fmt: skip
    n, d = batch.X.shape[1:]
    return [
        _fit(one, batch, linear if one.linear and linear is not None else answers)
        for one in DIRECT
        if one.dimension in (0, d) and only in ("", one.name) and [*one.choices(n, d)]
    ]


def parameters(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the algorithm: a selection's two strengths are one parameter."""
    if name != "selection":
        return dict(given)
    made = {key: value for key, value in given.items() if key != "other"}
    return made | {"ridges": tuple(sorted((given["ridges"], given["other"])))}


def _fit(one: Direct, batch: Batch, answers: np.ndarray) -> Fit:
    """Prompts count by their own size, and begin with those of the smallest data."""
    tops = np.linalg.norm(batch.X, ord=2, axis=(1, 2)) ** 2
    order = np.argsort(tops)
    batch, answers = Batch(*(part[order] for part in batch)), answers[order]
    top, (n, d) = float(tops.max()), batch.X.shape[1:]
    scale = root_mean_square(answers[..., None])[..., 0]
    lines = [
        -e * np.log10(top) + np.linspace(-DECADES, DECADES, POINTS[len(one.real)])
        for e in one.real.values()
    ]

    def residuals(chosen: Mapping[str, Any], most: int) -> Callable[..., list[np.ndarray]]:
        def at(logarithms: Sequence[np.ndarray]) -> list[np.ndarray]:
            """(B m, G) after 1, 2, … steps."""
            reals = {
                key: 10.0 ** value.reshape(-1, 1, 1)
                for key, value in zip(one.real, logarithms, strict=True)
            }
            found = []
            with np.errstate(all="ignore"):
                every = one.predictions(batch, **chosen, **reals)
                for _ in range(most):
                    made = (next(every) - answers) / scale
                    made = np.clip(np.nan_to_num(made, nan=APART), -APART, APART)
                    found.append(made.reshape(len(made), -1).T)
            return found

        return at

    def last(chosen: Mapping[str, Any], steps: int) -> Residual:
        every = residuals(chosen, steps)
        return lambda logarithms: every(logarithms)[-1]

    grid = [axis.reshape(1, -1) for axis in np.meshgrid(*lines, indexing="ij")]
    most = MOST if one.steps else 1
    if one.steps == "layers":
        most = 4
    likely = [
        (*nearest(last(chosen, steps), starts(lines, values), FEW), chosen, steps)
        for chosen in one.choices(n, d)
        for steps, values in enumerate(residuals(chosen, most)(grid), start=1)
    ]
    likely = sorted(likely, key=lambda found: found[0])[:LIKELY]
    further = [
        (*nearest(last(chosen, steps), np.array([point]), MANY), chosen, steps)
        for _, point, chosen, steps in likely
    ]
    error, point, chosen, steps = min(further, key=lambda found: found[0])
    reals = {name: float(10.0**value) for name, value in zip(one.real, point, strict=True)}
    edge = [
        name
        for name, value, line in zip(one.real, point, lines, strict=True)
        if not line[0] < value < line[-1]
    ]
    counted = {one.steps: steps} if one.steps else {}
    edge += [one.steps] if one.steps and steps == most else []
    edge += [key for key, values in one.words.items() if chosen[key] == list(values(n, d))[-1]]
    return Fit(one.name, parameters(one.name, {**chosen, **counted, **reals}), error, tuple(edge))
