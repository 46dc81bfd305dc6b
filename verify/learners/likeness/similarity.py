"""The papers' measures of how alike two learners are, against every algorithm.

akyurek2022, section 4: SPD (eq. 15), the mean squared difference of predictions, and ILWD (eq. 17),
the squared distance of implicit weights (eq. 16), both after n examples. fu2023, section 3.3 (4.3
in its first version): SimE, the cosine of the errors at every next example of a sequence, SimW, the
cosine of implicit weights averaged over how many examples were seen, and the step of an iterative
algorithm that matches best. Expectations are means over prompts; medians stand beside them.

A best match says little alone. Beside it stand the runner-up, how far that is behind, whether the
match lies at the edge of its grid, the grid itself, and who wins on every second of its points.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal, NamedTuple

import numpy as np

from ...inputs.progress import duration
from .. import direct
from ..data import Batch, gaussian
from ..families import SPECTRAL, Family, choices
from ..intervals import Interval, mean, median
from ..model import NoModelError, Predict

Name = Literal["SPD", "ILWD", "SimE", "SimW"]
DISTANCES: tuple[Name, ...] = ("SPD", "ILWD")
SIMILARITIES: tuple[Name, ...] = ("SimE", "SimW")
MEASURES: tuple[Name, ...] = (*DISTANCES, *SIMILARITIES)
POINTS = {0: 1, 1: 121, 2: 25}  # along each real parameter, by how many there are
DECADES = 3.0
QUERIES = 4  # per dimension, of which implicit weights are fitted
STEPS = ("steps", "iterations", "layers")  # whole numbers that count steps of an algorithm
# of algorithms without a closed form: prompts by which a point is chosen, and its grids
FEW, COARSE, LAYERS = 16, {1: 61, 2: 21}, 4

Say = Callable[[str], None]


@dataclass(frozen=True)
class Line:
    """Where one parameter was looked for: so many points, evenly in the logarithm or all whole."""

    low: float
    high: float
    points: int

    def to_json(self) -> list[float]:
        return [self.low, self.high, self.points]


@dataclass(frozen=True)
class Match:
    """The member of a family that one measure likes best, and what it says of it.

    mean, median: over prompts, with 95 % intervals. edge: parameters that are
    best at the edge of their grid. steps: the measure's mean at each number of steps, other
    parameters at their best there. undefined: the share of predictions that the algorithm does not
    make, taken as 0.
    """

    measure: str
    name: str
    parameters: Mapping[str, Any]
    mean: Interval
    median: Interval
    edge: tuple[str, ...] = ()
    grid: Mapping[str, Line] = field(default_factory=dict)
    steps: Mapping[int, float] = field(default_factory=dict)
    undefined: float = 0.0
    values: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False, compare=False)
    coarser: float = np.nan  # the best mean on every second point of the grid

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "parameters": dict(self.parameters),
            "mean": self.mean.value,
            "mean_interval": [self.mean.low, self.mean.high],
            "median": self.median.value,
            "median_interval": [self.median.low, self.median.high],
            "edge": list(self.edge),
            "grid": {name: line.to_json() for name, line in self.grid.items()},
            "undefined": self.undefined,
            "steps": {str(step): value for step, value in self.steps.items()},
        }


@dataclass(frozen=True)
class Ranking:
    """The best match of each algorithm by one measure, best mean first.

    margin: the runner-up's mean distance over the best's, or the best's similarity less its.
    behind: runner-up less best (turned so that more is worse), prompt by prompt, with the interval
    of its mean. by_median, on_half_the_grid: who is first by the median, and on every second point
    of every grid.
    """

    measure: str
    matches: tuple[Match, ...]
    margin: float
    behind: Interval
    by_median: str
    on_half_the_grid: str

    @property
    def best(self) -> Match:
        return self.matches[0]

    @property
    def runner_up(self) -> Match | None:
        return self.matches[1] if len(self.matches) > 1 else None

    @property
    def cautions(self) -> tuple[str, ...]:
        """Why the best match may not be one, in words; empty where nothing speaks against it."""
        made = []
        if self.best.edge:
            made.append(f"at the edge of the grid: {', '.join(self.best.edge)}")
        if self.behind.low <= 0 < len(self.matches) - 1:
            made.append(f"{self.matches[1].name} is not told apart")
        if self.by_median != self.best.name:
            made.append(f"by the median it is {self.by_median}")
        if self.on_half_the_grid != self.best.name:
            made.append(f"on every second point of the grids it is {self.on_half_the_grid}")
        return tuple(made)

    def to_json(self) -> dict[str, Any]:
        second = self.runner_up
        return {
            "measure": self.measure,
            "best": self.best.name,
            "parameters": dict(self.best.parameters),
            "runner_up": second.name if second else None,
            "margin": self.margin,
            "behind": [self.behind.value, self.behind.low, self.behind.high],
            "by_median": self.by_median,
            "on_half_the_grid": self.on_half_the_grid,
            "cautions": list(self.cautions),
            "matches": [match.to_json() for match in self.matches],
        }


@dataclass(frozen=True)
class Likeness:
    """Every ranking, and over how many examples the sequence measures went.

    lengths: numbers of examples t after which SimE and SimW compare. refused: what the model says
    to shorter prompts, where it takes none.
    """

    rankings: tuple[Ranking, ...]
    lengths: tuple[int, ...]
    refused: str = ""


def likeness(
    predict: Predict, d: int, n: int, *, prompts: int = 64, noise: float = 0.0, seed: int = 0,
    say: Say = lambda what: None,
) -> Likeness:  # fmt: skip
    """Every measure of a model on Gaussian prompts, against every algorithm.

    Raises NoModelError where the model does not predict after n examples.
    """
    rng = np.random.default_rng(seed)
    asked = max(QUERIES * d, 8)
    drawn = gaussian(rng, prompts, n + 1 + asked, d, 0, noise)
    seen, refused = _answers(predict, drawn, n, say)
    found: dict[str, list[Match]] = {name: [] for name in MEASURES}
    seconds, left = _seconds_a_point(seen), sum(map(_points, SPECTRAL))
    for family in SPECTRAL:
        say(f"likeness to {family.name}, {duration(seconds * left)} left")
        left -= _points(family)
        for match in _spectral(family, seen):
            found[match.measure].append(match)
    for one in direct.DIRECT:
        if one.dimension in (0, d):
            say(f"likeness to {one.name}")
            for match in _direct(one, seen):
                found[match.measure].append(match)
    ranked = tuple(ranking(name, _best_of_each(matches)) for name, matches in found.items())
    return Likeness(ranked, tuple(one.t for one in seen), refused)


def ranking(measure: str, matches: Sequence[Match]) -> Ranking:
    """The matches in order, with what is to be said of the first beside the others."""
    sign = -1 if measure in SIMILARITIES else 1
    ordered = tuple(sorted(matches, key=lambda match: sign * match.mean.value))
    first = ordered[0]
    behind, margin = Interval(np.inf, np.inf, np.inf), np.inf
    if len(ordered) > 1:
        second = ordered[1]
        behind = mean(sign * (second.values - first.values))
        margin = sign * (second.mean.value - first.mean.value)
        if sign > 0:
            margin = second.mean.value / max(first.mean.value, np.finfo(float).tiny)
    by_median = min(ordered, key=lambda match: sign * match.median.value)
    if by_median.median.value == first.median.value:
        by_median = first
    coarser = min(
        ordered,
        key=lambda match: sign * (match.mean.value if np.isnan(match.coarser) else match.coarser),
    )
    return Ranking(measure, ordered, float(margin), behind, by_median.name, coarser.name)


def of_prompts(measure: str, values: np.ndarray) -> Interval:
    """The mean of a measure's values (B,) with its interval, which ends where the measure does."""
    if measure not in SIMILARITIES:
        return mean(values, least=0.0)
    apart = mean(1 - values, least=0.0)
    return Interval(1 - apart.value, 1 - apart.high, 1 - apart.low)


def implicit_weights(queries: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """The least-squares fit (B, d) of predictions (B, m) at queries (B, m, d): eq. 16."""
    return (np.linalg.pinv(queries) @ predictions[..., None])[..., 0]


# -- what the model answers ---------------------------------------------------------------------


class Seen(NamedTuple):
    """A model after t examples of each sequence: its answers, and the data as eigenvectors see it.

    batch: X (B, t, d), y (B, t), queries (B, 1 + m, d), the first the next example of the sequence,
    the others those of which implicit weights are fitted. truth, got (B, 1 + m): targets there and
    the model's answers. weights (B, d): its implicit ones. s, pull (B, r): eigenvalues of X^T X and
    V^T X^T y; asked (B, 1 + m, r), along (B, r): queries and weights in the eigenvectors V.
    """

    t: int
    batch: Batch
    truth: np.ndarray
    got: np.ndarray
    weights: np.ndarray
    s: np.ndarray
    pull: np.ndarray
    asked: np.ndarray
    along: np.ndarray

    @property
    def d(self) -> int:
        return self.batch.X.shape[-1]


def _answers(predict: Predict, drawn: Batch, n: int, say: Say) -> tuple[list[Seen], str]:
    """The model after t = 1, …, n examples, without the t to which it has no answer, and why.

    drawn: sequences of n + 1 examples, and then the queries with their targets.
    """
    made: list[Seen] = []
    for t in range(n, 0, -1):
        say(f"predictions after {t} examples")
        ahead = np.r_[t, n + 1 : drawn.X.shape[1]]
        batch = Batch(drawn.X[:, :t], drawn.y[:, :t], drawn.X[:, ahead])
        try:
            got = predict(*batch)
        except NoModelError as error:
            if t == n:
                raise
            return made[::-1], f"{t} and fewer examples: {error}"
        made.append(_seen(batch, drawn.y[:, ahead], got))
    return made[::-1], ""


def _seen(batch: Batch, truth: np.ndarray, got: np.ndarray) -> Seen:
    left, sigma, right = np.linalg.svd(batch.X, full_matrices=False)
    pull = sigma * (left.transpose(0, 2, 1) @ batch.y[..., None])[..., 0]
    weights = implicit_weights(batch.queries[:, 1:], got[:, 1:])
    along = (right @ weights[..., None])[..., 0]
    asked = batch.queries @ right.transpose(0, 2, 1)
    return Seen(batch.X.shape[1], batch, truth, got, weights, sigma**2, pull, asked, along)


# -- the measures -------------------------------------------------------------------------------


def _values(
    seen: Sequence[Seen],
    predictions: Callable[[Seen, slice], np.ndarray],
    weights: Callable[[Seen], tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> dict[Name, np.ndarray]:
    """Every measure (B, G) of G learners.

    predictions: theirs (B, k, G) at a slice of the queries. weights: what is known of theirs: their
    product with the model's, their square, their squared distance from the model's, each (B, G).

    Errors are those at the next examples of a sequence, or, where the model takes one length only,
    at all queries.
    """
    compared = slice(1) if len(seen) > 1 else slice(None)
    product, own, others = 0.0, 0.0, 0.0
    cosines = []
    for one in seen:
        target = one.truth[:, compared, None]
        made, got = predictions(one, compared) - target, one.got[:, compared, None] - target
        product = product + (made * got).sum(axis=1)
        own, others = own + (got**2).sum(axis=1), others + (made**2).sum(axis=1)
        along, square, apart = weights(one)
        cosines.append(_cosine(along, square, (one.weights**2).sum(axis=1)[:, None]))
    last = seen[-1]
    difference = predictions(last, slice(1, None)) - last.got[:, 1:, None]
    return {
        "SPD": (difference**2).mean(axis=1),
        "ILWD": apart,
        "SimE": _cosine(np.asarray(product), np.asarray(others), np.asarray(own)),
        "SimW": np.mean(cosines, axis=0),
    }


def _cosine(product: np.ndarray, square: np.ndarray, other: np.ndarray) -> np.ndarray:
    """<u, v> / (|u| |v|), given <u, v>, |u|^2 and |v|^2; 1 where both vanish, 0 where one does."""
    with np.errstate(all="ignore"):
        made = np.nan_to_num(product / np.sqrt(square * other), nan=0.0, posinf=0.0, neginf=0.0)
    return np.where((square == 0) & (other == 0), 1.0, made)


def _sign(measure: str) -> int:
    """Less is better for a distance, more for a similarity."""
    return -1 if measure in SIMILARITIES else 1


# -- against algorithms with a closed form ------------------------------------------------------


def _spectral(family: Family, seen: Sequence[Seen]) -> list[Match]:
    """The best member of the family by each measure, of all on a dense grid."""
    names = (*family.real, *family.of_one)
    lines, reals = _grid(family, seen)
    even = _every_second(lines)
    grid = {
        **{n: _logarithmic(line) for n, line in zip(names, lines)},
        **{n: Line(each[0], each[-1], len(each)) for n, each in family.whole.items()},
    }
    counted = next((name for name in family.whole if name in STEPS), "")
    best: dict[Name, _Best] = {name: _Best() for name in MEASURES}
    for whole in choices(family):
        for name, each in _closed(family, whole, reals, seen).items():
            best[name].take(_sign(name), each, whole, whole.get(counted), even)
    made = []
    for name, one in best.items():
        chosen = {key: float(axis[0, one.at]) for key, axis in reals.items()}
        edge = [key for key, line in zip(family.real, lines) if _at_an_end(chosen[key], line)]
        edge += [key for key, number in one.whole.items() if number == family.whole[key][-1]]
        made.append(
            Match(
                name, family.name, family.parameters(one.whole, chosen),
                of_prompts(name, one.values), median(one.values),
                tuple(edge), grid, one.steps, values=one.values, coarser=one.coarser,
            )
        )  # fmt: skip
    return made


def _grid(family: Family, seen: Sequence[Seen]) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """The decimal logarithms along each real parameter, and each at all points (1, G)."""
    names = (*family.real, *family.of_one)
    top, count = float(seen[-1].s.max()), POINTS[len(names)]
    lines = [
        -e * np.log10(top) + np.linspace(-DECADES, DECADES, count) for e in family.real.values()
    ]
    lines += [np.linspace(-DECADES, 0, count)[:-1] for _ in family.of_one]
    axes = [axis.reshape(1, -1) for axis in np.meshgrid(*lines, indexing="ij")]
    return lines, {name: 10.0**axis for name, axis in zip(names, axes, strict=True)}


def _points(family: Family) -> int:
    """How many members of the family are compared."""
    along = POINTS[len(family.real) + len(family.of_one)]
    real = along ** len(family.real) * (along - 1) ** len(family.of_one)
    return real * prod(map(len, family.whole.values()))


def _seconds_a_point(seen: Sequence[Seen]) -> float:
    """What one takes here: of the family that most of them are of, all with its last whole numbers
    are compared, and forgotten."""
    most = max(SPECTRAL, key=_points)
    *_, whole = choices(most)
    reals = _grid(most, seen)[1]
    start = time.perf_counter()
    _closed(most, whole, reals, seen)
    return (time.perf_counter() - start) * len([*choices(most)]) / _points(most)


@dataclass
class _Best:
    """The best of what was taken: values (B,), where; and beside it the best at each step."""

    mean: float = np.inf  # turned so that less is better
    values: np.ndarray = field(default_factory=lambda: np.empty(0))
    whole: Mapping[str, int] = field(default_factory=dict)
    at: int = 0
    steps: dict[int, float] = field(default_factory=dict)
    coarser: float = np.nan

    def take(
        self, sign: int, each: np.ndarray, whole: Mapping[str, int], step: int | None,
        even: np.ndarray,
    ) -> None:  # fmt: skip
        scores = sign * each.mean(axis=0)
        at = int(np.argmin(scores))
        if step is not None:
            self.steps[step] = sign * float(scores[at])
        self.coarser = sign * float(np.nanmin([sign * self.coarser, scores[even].min()]))
        if scores[at] < self.mean:
            self.mean, self.values, self.whole, self.at = float(scores[at]), each[:, at], whole, at


def _closed(
    family: Family, whole: Mapping[str, int], reals: Mapping[str, np.ndarray], seen: Sequence[Seen]
) -> dict[Name, np.ndarray]:
    """Every measure (B, G) of the family at every point of the grid (1, G)."""
    given = family.parameters(whole, reals)
    known: dict[int, np.ndarray] = {}  # weights in eigenvectors, (B, r, G)

    def weights(one: Seen) -> np.ndarray:
        if one.t not in known:
            with np.errstate(all="ignore"):
                r = family.response(one.s.reshape(-1, 1), **given)
            r = np.nan_to_num(np.clip(r, -1e12, 1e12), nan=1e12)
            known.clear()
            known[one.t] = one.pull[..., None] * r.reshape(*one.s.shape, -1)
        return known[one.t]

    def beside(one: Seen) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        w, along = weights(one), one.along[..., None]
        outside = (one.weights**2).sum(axis=1) - (one.along**2).sum(axis=1)
        apart = ((w - along) ** 2).sum(axis=1) + np.maximum(outside, 0)[:, None]
        return (w * along).sum(axis=1), (w**2).sum(axis=1), apart

    return _values(seen, lambda one, at: one.asked[:, at] @ weights(one), beside)


def _logarithmic(line: np.ndarray) -> Line:
    return Line(float(10.0 ** line[0]), float(10.0 ** line[-1]), len(line))


def _at_an_end(value: float, line: np.ndarray) -> bool:
    return not line[0] + 1e-9 < np.log10(value) < line[-1] - 1e-9


def _best_of_each(matches: Sequence[Match]) -> list[Match]:
    """One match a name: an algorithm may have several closed forms."""
    best: dict[str, Match] = {}
    for match in matches:
        sign = _sign(match.measure)
        before = best.get(match.name)
        if before is None or sign * match.mean.value < sign * before.mean.value:
            best[match.name] = match
    return list(best.values())


# -- against the others -------------------------------------------------------------------------


def _direct(one: direct.Direct, seen: Sequence[Seen]) -> list[Match]:
    """An algorithm without a closed form, at the point of a coarser grid that is nearest by SPD on
    the first FEW prompts; the other measures are of the same."""
    last = seen[-1]
    lines = [
        -e * np.log10(last.s.max()) + np.linspace(-DECADES, DECADES, COARSE[len(one.real)])
        for e in one.real.values()
    ]
    everywhere, on_half = _nearest(one, last, lines)
    values, undefined = _at(one, everywhere, seen)
    halved, _ = _at(one, on_half, seen)
    tried = {one.steps: range(1, _most(one) + 1)} if one.steps else {}
    grid = {
        **{name: _logarithmic(line) for name, line in zip(one.real, lines)},
        **{name: Line(each[0], each[-1], len(each)) for name, each in tried.items()},
    }
    if one.name == "selection":  # its two strengths are one parameter
        grid["ridges"] = grid.pop("other")
    edge = [key for key, line in zip(one.real, lines) if _at_an_end(everywhere[key], line)]
    edge += [key for key, each in tried.items() if everywhere[key] == each[-1]]
    return [
        Match(
            name, one.name, direct.parameters(one.name, everywhere), of_prompts(name, each),
            median(each), tuple(edge), grid, undefined=undefined, values=each,
            coarser=float(halved[name].mean()),
        )
        for name, each in values.items()
    ]  # fmt: skip


def _nearest(
    one: direct.Direct, last: Seen, lines: Sequence[np.ndarray]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters of least SPD: of all points, and of every second one."""
    X, y, queries = (part[:FEW] for part in last.batch)
    few, got = Batch(X, y, queries[:, 1:5]), last.got[:FEW, 1:5]
    axes = [axis.ravel() for axis in np.meshgrid(*lines, indexing="ij")]
    reals = {name: 10.0**axis for name, axis in zip(one.real, axes, strict=True)}
    even = np.flatnonzero(_every_second(lines))
    found: list[tuple[float, dict[str, Any]]] = [(np.inf, {}), (np.inf, {})]
    for chosen in one.choices(*X.shape[1:]):
        every = one.predictions(few, **chosen, **{k: v[:, None, None] for k, v in reals.items()})
        for step in range(1, _most(one) + 1):
            with np.errstate(all="ignore"):
                apart = ((next(every) - got) ** 2).mean(axis=(1, 2))
            apart = np.where(np.isfinite(apart), apart, np.finfo(float).max)
            for which, points in enumerate((np.arange(len(apart)), even)):
                at = int(points[apart[points].argmin()])
                if apart[at] < found[which][0]:
                    counted = {one.steps: step} if one.steps else {}
                    point = {name: float(axis[at]) for name, axis in reals.items()}
                    found[which] = float(apart[at]), {**chosen, **counted, **point}
    return found[0][1], found[1][1]


def _at(
    one: direct.Direct, parameters: Mapping[str, Any], seen: Sequence[Seen]
) -> tuple[dict[Name, np.ndarray], float]:
    """Every measure (B,) of an algorithm, and the share of predictions that it does not make."""
    made = {at.t: one.at(at.batch, parameters) for at in seen}
    undefined = float(np.mean([(~np.isfinite(each)).mean() for each in made.values()]))
    answers = {t: np.where(np.isfinite(each), each, 0.0)[..., None] for t, each in made.items()}

    def beside(at: Seen) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        w = implicit_weights(at.batch.queries[:, 1:], answers[at.t][:, 1:, 0])
        sums = w * at.weights, w**2, (w - at.weights) ** 2
        product, square, apart = (each.sum(axis=1)[:, None] for each in sums)
        return product, square, apart

    values = _values(seen, lambda at, which: answers[at.t][:, which], beside)
    return {name: each[:, 0] for name, each in values.items()}, undefined


def _most(one: direct.Direct) -> int:
    """Steps that are tried: of splines, whose layers take three times as many each, fewer."""
    return {"": 1, "layers": LAYERS}.get(one.steps, direct.MOST)


def _every_second(lines: Sequence[np.ndarray]) -> np.ndarray:
    """Which points of the product of the lines are on every second of each."""
    if not lines:
        return np.array([True])
    places = np.indices([len(line) for line in lines]).reshape(len(lines), -1)
    return (places % 2 == 0).all(axis=0)
