"""Two papers' measurements as their released codes make them, and where those leave the papers.

fu2023: github.com/DeqingFu/transformers-icl-second-order, src/eval_similarity.py and
src/models.py, commit c99333c. akyurek2022: github.com/google-research/google-research, folder
incontext, plotting.py, algos.py and model_trainer.py. Both feed sequences of examples and compare
after every number of them. Each choice that decides a number is a field, in its default as the
code has it; `DIFFERENCES` says what the paper has instead, and which fields make a run do that.
Everything is computed in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..data import gaussian
from ..families import SPECTRAL
from ..intervals import median
from ..model import NoModelError, Predict
from .similarity import Line, Match, Ranking, Say, implicit_weights, of_prompts, ranking

SIZES = {"d": 20, "n": 40}  # of both codes: n is the most examples before a prediction


@dataclass(frozen=True)
class Difference:
    """What the paper says, what the code does, and the fields that make a run do as the paper."""

    item: str
    paper: str
    code: str
    where: str
    as_in_paper: Mapping[str, Any]

    def to_json(self) -> dict[str, str]:
        return {"item": self.item, "paper": self.paper, "code": self.code, "where": self.where}


@dataclass(frozen=True)
class Released:
    """What a released code says of a model.

    empty: how the model's prediction without examples was had. curves: {measure: {candidate: the
    mean over prompts after each of `lengths` examples}}, where the code draws such.
    """

    paper: str
    choices: Any
    rankings: tuple[Ranking, ...]
    empty: str
    curves: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    lengths: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "paper": self.paper,
            "code": CODES[self.paper],
            "without_examples": self.empty,
            "differences": [one.to_json() for one in DIFFERENCES[self.paper]],
            "lengths": list(self.lengths),
            "curves": {
                measure: {name: list(curve) for name, curve in each.items()}
                for measure, each in self.curves.items()
            },
        }


class Sequences(NamedTuple):
    """X (B, n + 1, d), y (B, n + 1); got (B, n + 1): the model's prediction of each from those
    before; queries (B, m, d), at_queries (n + 1, B, m): of others, after 0, …, n examples."""

    X: np.ndarray
    y: np.ndarray
    got: np.ndarray
    queries: np.ndarray
    at_queries: np.ndarray
    empty: str


def _sequences(
    predict: Predict, d: int, n: int, prompts: int, noise: float, asked: int,
    rng: np.random.Generator, say: Say,
) -> Sequences:  # fmt: skip
    """Sequences and what the model makes of them. Raises NoModelError on one of fixed length."""
    X, y, queries = gaussian(rng, prompts, n + 1, d, asked, noise)
    got, others, empty = np.zeros_like(y), np.zeros((n + 1, prompts, asked)), "the model's own"
    for t in range(n, -1, -1):
        say(f"predictions after {t} examples")
        batch = X[:, :t], y[:, :t], np.concatenate([X[:, t : t + 1], queries], axis=1)
        try:
            made = predict(*batch)
        except NoModelError as error:
            if t == n:
                raise
            if t > 0:
                raise NoModelError(
                    f"the released codes compare after every number of examples; after {t}, {error}"
                ) from None
            empty = "0, as the code's algorithms predict, since the model takes no empty prompt"
            continue
        got[:, t], others[t] = made[:, 0], made[:, 1:]
    return Sequences(X, y, got, queries, others, empty)


# -- fu2023 -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fu2023:
    """prompts: sequences over which the cosine is averaged. first: examples before the first error
    that counts. start: alpha of Newton's M_0 = alpha S. newton_steps, descent_steps: grids.
    step_size: of gradient descent, on the sum or the mean of squares / 2. induced: with SimW."""

    prompts: int = 320
    first: int = 0
    start: str = "1 / |S S^T|_F"
    newton_steps: tuple[int, ...] = tuple(range(1, 24))
    descent_steps: tuple[int, ...] = tuple(
        sorted({1, *range(50, 1310, 50), *(2**e for e in range(13))})
    )
    step_size: float = 0.01
    loss: str = "sum"
    induced: bool = False


STARTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "1 / |S S^T|_F": lambda s: 1 / np.sqrt((s**4).sum(axis=1)),
    "2 / |S S^T|_2": lambda s: 2 / s.max(axis=1) ** 2,
}


def fu2023(
    predict: Predict, d: int, n: int, *, noise: float = 0.0, seed: int = 0,
    choices: Fu2023 = Fu2023(), say: Say = lambda what: None,
) -> Released:  # fmt: skip
    """SimE with Newton's iteration and with gradient descent at every step of the code's grids."""
    rng = np.random.default_rng(seed)
    asked = 4 * d if choices.induced else 0
    given = _sequences(predict, d, n, choices.prompts, noise, asked, rng, say)
    say("Newton's iteration and gradient descent after every number of examples")
    candidates = {
        "newton": ("iterations", choices.newton_steps, _newton(choices)),
        "gradient_descent": ("steps", choices.descent_steps, _descent(choices)),
    }
    errors = (given.got - given.y)[:, choices.first :]
    found: dict[str, list[Match]] = {"SimE": [], **({"SimW": []} if choices.induced else {})}
    for name, (counted, steps, response) in candidates.items():
        weights = _weights_after(given, steps, response)  # (n + 1, B, d, K)
        predictions = np.einsum("btd,tbdk->kbt", given.X, weights)
        apart = (predictions - given.y)[:, :, choices.first :]
        values = {"SimE": _cosine(apart, errors)}
        if choices.induced:
            ours = np.array([implicit_weights(given.queries, at) for at in given.at_queries[1:]])
            each = _cosine(weights[1:].transpose(3, 0, 1, 2), ours)  # (K, n, B)
            values["SimW"] = each.mean(axis=1)
        fixed = _fixed(name, choices)
        for measure, each in values.items():
            found[measure].append(_best_step(measure, name, counted, steps, each, fixed))
    ranked = tuple(ranking(measure, matches) for measure, matches in found.items())
    return Released("fu2023", choices, ranked, given.empty)


def _fixed(name: str, choices: Fu2023) -> dict[str, Any]:
    if name == "newton":
        return {"alpha": choices.start}
    on = "" if choices.loss == "sum" else " / examples"
    return {"step_size": f"{choices.step_size:g}{on}, of X^T (X w - y)"}


# (step, eigenvalues (B, r) of X^T X, how many examples there are) -> r (B, r)
Response = Callable[[int, np.ndarray, int], np.ndarray]
_NEWTON, _DESCENT = (
    next(family for family in SPECTRAL if family.name == name)
    for name in ("newton", "gradient_descent")
)


def _newton(choices: Fu2023) -> Response:
    def response(step: int, s: np.ndarray, examples: int) -> np.ndarray:
        alpha = STARTS[choices.start](s)[:, None]
        return _NEWTON.response(s, iterations=step, alpha=alpha)

    return response


def _descent(choices: Fu2023) -> Response:
    def response(step: int, s: np.ndarray, examples: int) -> np.ndarray:
        size = choices.step_size / (1 if choices.loss == "sum" else examples)
        return _DESCENT.response(s, steps=step, step_size=size / 2)

    return response


def _weights_after(given: Sequences, steps: Sequence[int], response: Response) -> np.ndarray:
    """(n + 1, B, d, K): weights of each step after 0, …, n examples; none give 0."""
    B, count, d = given.X.shape
    made = np.zeros((count, B, d, len(steps)))
    for t in range(1, count):
        left, sigma, right = np.linalg.svd(given.X[:, :t], full_matrices=False)
        pull = sigma * (left.transpose(0, 2, 1) @ given.y[:, :t, None])[..., 0]
        with np.errstate(all="ignore"):
            r = np.stack([response(step, sigma**2, t) for step in steps], axis=-1)
        r = np.nan_to_num(np.clip(r, -1e12, 1e12), nan=1e12)
        made[t] = right.transpose(0, 2, 1) @ (r * pull[..., None])
    return made


def _best_step(
    measure: str, name: str, counted: str, steps: Sequence[int], values: np.ndarray,
    fixed: Mapping[str, Any],
) -> Match:  # fmt: skip
    """The step (K,) of the largest mean of values (K, B)."""
    means = values.mean(axis=1)
    at = int(np.argmax(means))
    edge = (counted,) if at in (0, len(steps) - 1) else ()
    return Match(
        measure, name, {counted: steps[at], **fixed}, of_prompts(measure, values[at]),
        median(values[at]), edge,
        {counted: Line(steps[0], steps[-1], len(steps))},
        dict(zip(steps, map(float, means), strict=True)), values=values[at],
    )  # fmt: skip


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of vectors along the last axis; 0 where one vanishes, as the code's library has it."""
    product, square, other = (a * b).sum(-1), (a * a).sum(-1), (b * b).sum(-1)
    with np.errstate(all="ignore"):
        return np.nan_to_num(product / np.sqrt(square * other), nan=0.0, posinf=0.0, neginf=0.0)


# -- akyurek2022 --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Akyurek2022:
    """prompts: sequences over which SPD is averaged; queries: of which implicit weights are fitted.

    sgd, descents: (step size, weight decay) each; growing: a batch step for every example, on those
    up to it, instead of one on all. clamp: on each entry of a gradient. neighbours: (k, exponent).
    behind: examples that the model has seen fewer than least squares where ILWD compares the two.
    intercept: of the fit of implicit weights. contexts: over which ILWD is averaged, 0 for all.
    per_coordinate: ILWD is divided by d. per_dimension: SPD is. only_least_squares: ILWD compares
    with nothing else.
    """

    prompts: int = 64
    queries: int = 64
    ridges: tuple[float, ...] = (0.1, 0.5)
    sgd: tuple[tuple[float, float], ...] = ((0.02, 0.0),)
    descents: tuple[tuple[float, float], ...] = (
        (0.02, 0.0), (0.03, 0.0), (0.02, 1e-4), (0.03, 1e-4),
    )  # fmt: skip
    growing: bool = True
    clamp: float = 20.0
    neighbours: tuple[tuple[int, int], ...] = ()
    behind: int = 1
    intercept: bool = True
    contexts: int = 1
    per_coordinate: bool = True
    per_dimension: bool = False
    only_least_squares: bool = True


class Learner(NamedTuple):
    """A reference predictor: what it predicts at queries (B, m, d) after t examples, its weights
    (n + 1, B, d) where it is linear, its name in `algorithms` and its parameters."""

    label: str
    name: str
    parameters: Mapping[str, Any]
    predict: Callable[[int, np.ndarray], np.ndarray]
    weights: np.ndarray | None


def akyurek2022(
    predict: Predict, d: int, n: int, *, noise: float = 0.0, seed: int = 0,
    choices: Akyurek2022 = Akyurek2022(), say: Say = lambda what: None,
) -> Released:  # fmt: skip
    """SPD with the code's predictors and ILWD with least squares, after 1, …, n examples.

    The code draws curves over the number of examples; the rankings are of their means.
    """
    rng = np.random.default_rng(seed)
    given = _sequences(predict, d, n, choices.prompts, noise, choices.queries, rng, say)
    say("reference predictors after every number of examples")
    learners = list(_learners(given, choices))
    lengths = range(1, n + 1)
    spd, ilwd = [], []
    curves: dict[str, dict[str, np.ndarray]] = {"SPD": {}, "ILWD": {}}
    ours = np.array([_fit(given.queries, at, choices.intercept) for at in given.at_queries])
    some = slice(None) if not choices.contexts else slice(choices.contexts)
    for learner in learners:
        at = np.array([learner.predict(t, given.X[:, t : t + 1])[:, 0] for t in lengths])
        apart = (at - given.got.T[1:]) ** 2 / (d if choices.per_dimension else 1)  # (n, B)
        spd.append(_of_curve("SPD", learner, apart))
        curves["SPD"][learner.label] = apart.mean(axis=1)
        if choices.only_least_squares and learner.name != "least_squares":
            continue
        theirs = learner.weights
        if theirs is None:
            answers = [learner.predict(t, given.queries) for t in range(n + 1)]
            theirs = np.array([_fit(given.queries, each, choices.intercept) for each in answers])
        behind = choices.behind
        square = ((theirs[1:] - ours[1 - behind : n + 1 - behind]) ** 2)[:, some]
        apart = square.mean(axis=-1) if choices.per_coordinate else square.sum(axis=-1)
        ilwd.append(_of_curve("ILWD", learner, apart))
        curves["ILWD"][learner.label] = apart.mean(axis=1)
    ranked = tuple(ranking(measure, matches) for measure, matches in (("SPD", spd), ("ILWD", ilwd)))
    return Released("akyurek2022", choices, ranked, given.empty, curves, tuple(lengths))


def _fit(queries: np.ndarray, answers: np.ndarray, intercept: bool) -> np.ndarray:
    """Implicit weights (B, d); with an intercept, which is then left out of them."""
    if not intercept:
        return implicit_weights(queries, answers)
    centred = queries - queries.mean(axis=1, keepdims=True)
    return implicit_weights(centred, answers - answers.mean(axis=1, keepdims=True))


def _of_curve(measure: str, learner: Learner, apart: np.ndarray) -> Match:
    values = apart.mean(axis=0)
    return Match(
        measure, learner.label, learner.parameters, of_prompts(measure, values), median(values),
        values=values,
    )  # fmt: skip


def _learners(given: Sequences, choices: Akyurek2022) -> Iterator[Learner]:
    """The predictors that the model is compared with, labelled as in the code."""

    def linear(label: str, name: str, weights: np.ndarray, **parameters: Any) -> Learner:
        def predict(t: int, queries: np.ndarray) -> np.ndarray:
            return (queries @ weights[t][..., None])[..., 0]

        return Learner(label, name, parameters, predict, weights)

    X, y = given.X, given.y
    yield linear("Lstsq", "least_squares", _after(X, y, _least_squares))
    for strength in choices.ridges:
        weights = _after(X, y, partial(_ridge, strength))
        yield linear(f"Ridge({strength:g})", "ridge", weights, ridge=strength)
    for size, decay in choices.sgd:
        weights = _stepped(X, y, size, decay, choices.clamp, window=1)
        yield linear(f"SGD({size:g}, w=1)", "one_pass_sgd", weights, step_size=size, ridge=decay)
    for size, decay in choices.descents:
        suffix = f", lambda={decay:g}" if decay else ""
        if choices.growing:
            weights = _stepped(X, y, size, decay, choices.clamp, window=0)
            label, name = f"SGD({size:g}, w=full{suffix})", ""
        else:
            weights = _after(X, y, partial(_one_step, size))
            label, name = f"GD({size:g}{suffix})", "gradient_descent"
        yield linear(label, name, weights, step_size=size, ridge=decay)
    for k, exponent in choices.neighbours:
        weighting = f"1/distance^{exponent}" if exponent else "uniform"

        def nearest(
            t: int, queries: np.ndarray, k: int = k, exponent: int = exponent
        ) -> np.ndarray:
            return _neighbours(X[:, :t], y[:, :t], queries, k, exponent)

        yield Learner(f"KNN({k}, {weighting})", "", {"k": k}, nearest, None)


def _after(
    X: np.ndarray, y: np.ndarray, weights: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """(n + 1, B, d): what is fitted to the first 0, …, n of n + 1 examples; 0 to none."""
    none = np.zeros((len(X), X.shape[-1]))
    return np.array([none, *(weights(X[:, :t], y[:, :t]) for t in range(1, X.shape[1]))])


def _least_squares(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (np.linalg.pinv(X) @ y[..., None])[..., 0]


def _one_step(size: float, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """From 0, where a weight decay has nothing to shrink."""
    return 2 * size * (X.transpose(0, 2, 1) @ y[..., None])[..., 0]


def _ridge(strength: float, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    S = X.transpose(0, 2, 1) @ X + strength * np.eye(X.shape[-1])
    return np.linalg.solve(S, X.transpose(0, 2, 1) @ y[..., None])[..., 0]


def _stepped(
    X: np.ndarray, y: np.ndarray, size: float, decay: float, clamp: float, window: int
) -> np.ndarray:
    """(n + 1, B, d): from 0, a step for each example, on the last `window` up to it or on all."""
    w = np.zeros((len(X), X.shape[-1]))
    made = [w]
    for t in range(1, X.shape[1]):
        some = slice(t - window if window else 0, t)
        error = (X[:, some] @ w[..., None])[..., 0] - y[:, some]
        gradient = 2 * (X[:, some].transpose(0, 2, 1) @ error[..., None])[..., 0] + 2 * decay * w
        w = w - size * np.clip(gradient, -clamp, clamp)
        made.append(w)
    return np.array(made)


def _neighbours(
    X: np.ndarray, y: np.ndarray, queries: np.ndarray, k: int, exponent: int
) -> np.ndarray:
    """The mean (B, m) of the k nearest targets, weighted by distance to the power -exponent."""
    if not X.shape[1]:
        return np.zeros(queries.shape[:2])
    distance = np.linalg.norm(queries[:, :, None] - X[:, None], axis=-1)  # (B, m, t)
    near = np.argsort(distance, axis=-1)[..., :k]
    weights = np.take_along_axis(distance, near, axis=-1) ** -float(exponent)
    targets = np.take_along_axis(np.broadcast_to(y[:, None], distance.shape), near, axis=-1)
    return (weights * targets).sum(axis=-1) / weights.sum(axis=-1)


# -- where codes and papers differ --------------------------------------------------------------

CODES = {
    "fu2023": "DeqingFu/transformers-icl-second-order, commit c99333c",
    "akyurek2022": "google-research/google-research, folder incontext",
}
DIFFERENCES: dict[str, tuple[Difference, ...]] = {
    "fu2023": (
        Difference(
            "start of Newton's iteration",
            "M_0 = alpha S with alpha = 2 / |S S^T|_2, the spectral norm (section 3.1)",
            "alpha = 1 / |S S^T|_F, the Frobenius norm: a later step for the same error",
            "models.py, newton_inv",
            {"start": "2 / |S S^T|_2"},
        ),
        Difference(
            "first error that counts",
            "that after one example (section 3.3, footnote 2)",
            "that after none, where every algorithm predicts 0",
            "eval_similarity.py, method_resid; models.py, i == 0",
            {"first": 1},
        ),
        Difference(
            "steps of Newton's iteration",
            "from 0 on (definition 3.4)",
            "from 1 to 23",
            "eval_similarity.py, possible_model_params",
            {"newton_steps": tuple(range(24))},
        ),
        Difference(
            "steps of gradient descent",
            "every number from 0 on (definition 3.4)",
            "1, 50, 100, …, 1300, and powers of 2 to 4096 on a second map",
            "eval_similarity.py, gd_steps",
            {"descent_steps": (*range(64), *range(64, 4097, 32))},
        ),
        Difference(
            "loss of gradient descent",
            "the mean of squares / 2 (eq. 1 and 3; eq. 11 has the sum); no step size is given",
            "the sum of squares / 2, step size 0.01",
            "models.py, LeastSquaresModelGradientDescent; eval_similarity.py, lr",
            {"loss": "mean"},
        ),
        Difference(
            "similarity of induced weights",
            "SimW beside SimE (eq. 7 and 8)",
            "only SimE is computed",
            "eval_similarity.py",
            {"induced": True},
        ),
    ),
    "akyurek2022": (
        Difference(
            "batch gradient descent",
            "GD(alpha): one step on all previous examples (section 4.3)",
            "a step for every example, on all up to it",
            "algos.py, SGD.iterate with window = -1",
            {"growing": False},
        ),
        Difference(
            "gradients",
            "as they are",
            "each entry is clamped to [-20, 20]",
            "algos.py, SGD.iterate",
            {"clamp": np.inf},
        ),
        Difference(
            "step sizes of batch gradient descent",
            "0.01 and 0.02, no weight decay (figure 1)",
            "0.02 and 0.03, each without and with weight decay 0.0001",
            "plotting.py, algo_fns",
            {"descents": ((0.01, 0.0), (0.02, 0.0))},
        ),
        Difference(
            "step sizes of stochastic gradient descent",
            "0.01 and 0.03 (figure 1)",
            "0.02",
            "plotting.py, algo_fns",
            {"sgd": ((0.01, 0.0), (0.03, 0.0))},
        ),
        Difference(
            "nearest neighbours",
            "k = 3, uniform and weighted by distance^-2 (section 4.3)",
            "left out: k = 5 weighted by distance^-1 stands there as a comment",
            "plotting.py, plot_knn_errors",
            {"neighbours": ((3, 0), (3, 2))},
        ),
        Difference(
            "examples at which implicit weights are compared",
            "both learners after the same data set (eq. 17)",
            "the model's after one example fewer than those of least squares",
            "plotting.py, plot_implicit_w; algos.py, online_regression",
            {"behind": 0},
        ),
        Difference(
            "intercept",
            "implicit weights without one (eq. 16)",
            "fitted with one, which is then dropped",
            "plotting.py, plot_empirical_distribution",
            {"intercept": False},
        ),
        Difference(
            "data sets of ILWD",
            "in expectation over data sets (eq. 17)",
            "one data set, 64 queries",
            "model_trainer.py, test_empirical_statistics",
            {"contexts": 0},
        ),
        Difference(
            "scale of ILWD",
            "the squared norm of the difference (eq. 17)",
            "its mean over coordinates",
            "plotting.py, plot_implicit_w",
            {"per_coordinate": False},
        ),
        Difference(
            "scale of SPD",
            "divided by d in figures 1 to 3",
            "not divided",
            "plotting.py, plot_empirical_distribution",
            {"per_dimension": True},
        ),
        Difference(
            "learners of ILWD",
            "all (figure 1)",
            "least squares only",
            "plotting.py, plot_implicit_w",
            {"only_least_squares": False},
        ),
    ),
}
PAPERS: dict[str, tuple[Callable[..., Released], Any]] = {
    "fu2023": (fu2023, Fu2023()),
    "akyurek2022": (akyurek2022, Akyurek2022()),
}


def measured_as(
    paper: str, predict: Predict, d: int, n: int, *, prompts: int | None = None,
    noise: float = 0.0, seed: int = 0, say: Say = lambda what: None,
) -> Released:  # fmt: skip
    """What the paper's released code says of the model; prompts: None for as many as it takes.

    Raises ValueError on an unknown paper, NoModelError on a model that takes only one length.
    """
    if paper not in PAPERS:
        raise ValueError(f"there is no released code of {paper!r}; there are {', '.join(PAPERS)}")
    run, choices = PAPERS[paper]
    if prompts is not None:
        choices = replace(choices, prompts=prompts)
    return run(predict, d, n, noise=noise, seed=seed, choices=choices, say=say)
