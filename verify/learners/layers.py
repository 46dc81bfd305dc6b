"""Layer by layer: what a model predicts so far, which step of which algorithm that is like, and
what can be read off its states.

Predictions are read from the state of a query's token after every layer, in three ways that are
kept apart: by the model's own read-out ("own"), and by read-outs fitted to the model's final
prediction ("fitted to prediction") or to what is true ("fitted to truth"). What is fitted may
compute what the model has not; it is fitted on half of the prompts and judged on the other half.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from .data import Batch, Tasks, tasks
from .families import SPECTRAL, Eigen, Family, choices
from .intervals import Estimate, Interval, estimate
from .model import Model, NoModelError, model
from .probes import linear, r_squared, with_hidden_layer

Reading = Literal["own", "fitted to prediction", "fitted to truth"]
Position = Literal["query", "last example", "mean"]
Kind = Literal["linear", "hidden layer"]
POSITIONS: tuple[Position, ...] = ("query", "last example", "mean")
KINDS: tuple[Kind, ...] = ("linear", "hidden layer")
PROBED = 9  # layers at most, the embedding included: both ends and others at equal distances
CHUNK = 64  # prompts whose states are held at once
NOTHING = "nothing"  # a layer that has predicted nothing yet: 0
POINTS, DECADES = {1: 121, 2: 41}, 3.0  # of a grid, along each real
KEPT, ZOOMED, ZOOMS = 8, 5, 10  # its best points, around which finer grids are laid, so often
ALIKE = 6  # decimals of SimE up to which two algorithms are as near
FEW = 32  # prompts by which reals are chosen
EXACT = 1e-9  # a residual that is smaller, of the truth's size, is none
OWN_WITHIN = 0.01  # of the prediction: as far as rounding may take a read-out that is the model's


@dataclass(frozen=True)
class Step:
    """A member of a family, and its SimE with a layer's prediction over prompts (fu2023).

    step: how many steps or iterations, None of an algorithm without. distance: the mean squared
    difference of a prompt's predictions, over the mean square of all that is true. edge: parameters
    that are best at the edge of where they were looked for.
    """

    name: str
    step: int | None
    parameters: Mapping[str, Any]
    similarity: Estimate
    distance: Estimate
    edge: tuple[str, ...]


@dataclass(frozen=True)
class StepMap:
    """SimE of what is read after every layer with every step of an iterative algorithm, whose reals
    are the same for all: its mean over prompts (layers + 1, steps), as in figure 3 of fu2023."""

    name: str
    reading: Reading
    reals: Mapping[str, float]
    steps: tuple[int, ...]
    similarity: tuple[tuple[float, ...], ...]

    @property
    def best(self) -> tuple[int, ...]:
        """The best-matching step of each layer (definition 3.4)."""
        return tuple(self.steps[int(np.argmax(row))] for row in self.similarity)


@dataclass(frozen=True)
class Exit:
    """The prediction that is read after a layer, 0 being the embedding.

    to_final, to_truth: per prompt, the mean squared difference over its queries, over the mean
    square of all final predictions, of all that is true. best, runner_up: of two algorithms, by
    the mean of SimE; margin: by how much they differ.
    """

    layer: int
    reading: Reading
    to_final: Estimate
    to_truth: Estimate
    best: Step
    runner_up: Step

    @property
    def margin(self) -> float:
        return self.best.similarity.mean.value - self.runner_up.similarity.mean.value


@dataclass(frozen=True)
class Probe:
    """R^2 of a probe on held-out prompts, and of the same probe where it should find nothing.

    permuted: for targets of other prompts. prompt: of the prompt itself, all its numbers. random:
    of the same layer and position with random weights; None where no weights are known.
    """

    layer: int
    position: Position
    target: str
    kind: Kind
    r2: Interval
    permuted: Interval
    prompt: Interval
    random: Interval | None

    @property
    def above_controls(self) -> bool:
        """Whether it reads more than every control, beyond the intervals."""
        others = [one for one in (self.permuted, self.prompt, self.random) if one is not None]
        return self.r2.low > max(0.0, *(one.high for one in others))


@dataclass(frozen=True)
class Layers:
    """The picture of all layers; positions: the token of each, of so many, or in words."""

    layers: int
    tokens: int
    width: int
    positions: Mapping[Position, str]
    settings: Mapping[str, Any]
    exits: tuple[Exit, ...]
    probes: tuple[Probe, ...]
    maps: tuple[StepMap, ...]

    def exit(self, layer: int, reading: Reading) -> Exit:
        return next(e for e in self.exits if (e.layer, e.reading) == (layer, reading))

    def to_json(self) -> dict[str, Any]:
        """As `witness measure --json` writes it."""
        exits = [{**asdict(one), "margin": one.margin} for one in self.exits]
        probes = [{**asdict(one), "above_controls": one.above_controls} for one in self.probes]
        return {**asdict(self), "exits": exits, "probes": probes}


def layers(
    given: Any, d: int, n: int, *, prompts: int = 512, queries: int = 4, noise: float = 0.5,
    seed: int = 0,
) -> Layers:  # fmt: skip
    """What a model with hidden states (see `model`) does layer by layer.

    On `prompts` of n examples y = w.x + N(0, noise^2), x, w ~ N(0, I_d): half to fit, half to judge
    with so many queries each, of which the model gets one at a time. Raises NoModelError where it
    has no hidden states, or where its read-out of the last layer is not what it predicts.
    """
    what = model(given)
    if what.hidden is None:
        raise NoModelError("the model has no hidden states; give them as model(predict, hidden)")
    rng = np.random.default_rng(seed)
    fit = _seen(what, tasks(rng, prompts // 2, n, d, 1, noise))
    judged = _seen(what, tasks(rng, prompts - prompts // 2, n, d, queries, noise))
    exits, maps = _exits(what, fit, judged)
    return Layers(
        layers=judged.depth - 1,
        tokens=judged.tokens,
        width=judged.states["query"].shape[-1],
        positions={
            "query": f"token {judged.at + 1} of {judged.tokens}",
            "last example": f"token {judged.at} of {judged.tokens}",
            "mean": f"mean of all {judged.tokens} tokens",
        },
        settings={
            "d": d, "n": n, "prompts": prompts, "queries": queries, "noise": noise, "seed": seed,
        },
        exits=tuple(exits),
        probes=tuple(_probes(what, fit, judged, seed)),
        maps=tuple(maps),
    )  # fmt: skip


# -- states ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Seen:
    """Tasks, the final predictions (B, m), and the states (B, m, layers + 1, width) read."""

    tasks: Tasks
    final: np.ndarray
    states: Mapping[Position, np.ndarray]
    at: int  # the query's token
    tokens: int

    @property
    def depth(self) -> int:
        return self.states["query"].shape[2]


def _seen(what: Model, drawn: Tasks) -> _Seen:
    """Every query as a prompt of its own, CHUNK of them at a time."""
    B, m, d = drawn.queries.shape
    X, y = np.repeat(drawn.X, m, axis=0), np.repeat(drawn.y, m, axis=0)
    asked = drawn.queries.reshape(B * m, 1, d)
    final, parts = [], []
    for start in range(0, B * m, CHUNK):
        chunk = tuple(part[start : start + CHUNK] for part in (X, y, asked))
        assert what.hidden is not None
        states = what.hidden(*chunk)
        tokens = states.shape[2]
        at = what.query_token(X.shape[1], tokens)
        if at < 1:
            raise NoModelError(f"the query is the first of {tokens} tokens: it has no example")
        final.append(what.predict(*chunk)[:, 0])
        parts.append((states[:, :, at], states[:, :, at - 1], states.mean(axis=2)))
    read = {
        name: np.concatenate(one).reshape(B, m, *one[0].shape[1:])
        for name, one in zip(POSITIONS, zip(*parts, strict=True), strict=True)
    }
    return _Seen(drawn, np.concatenate(final).reshape(B, m), read, at, tokens)


# -- predictions on the way -----------------------------------------------------------------------


def _exits(what: Model, fit: _Seen, judged: _Seen) -> tuple[list[Exit], list[StepMap]]:
    readings = _readings(what, fit, judged)
    truth = judged.tasks.truth
    # the step sizes are those of the model's own predictions, where these are known
    first, predictions = next(iter(readings.items()))
    algorithms = suited(predictions, judged.tasks)
    made = []
    for reading, read in readings.items():
        ranked = nearest_steps(read, judged.tasks, algorithms)
        for layer, (predicted, (best, runner_up)) in enumerate(zip(read, ranked, strict=True)):
            to_final = ((predicted - judged.final) ** 2).mean(axis=1)
            to_truth = ((predicted - truth) ** 2).mean(axis=1)
            size = (judged.final**2).mean() or 1.0
            made.append(
                Exit(
                    layer, reading, estimate(to_final / size, 0.0),
                    estimate(to_truth / (truth**2).mean(), 0.0), best, runner_up,
                )
            )  # fmt: skip
    iterative = [one for one in algorithms if one.family.whole]
    return made, [step_map(predictions, judged.tasks, one, first) for one in iterative]


def _readings(what: Model, fit: _Seen, judged: _Seen) -> dict[Reading, np.ndarray]:
    """Predictions (layers + 1, B, m) of each kind."""
    states = judged.states["query"]
    B, m, depth, width = states.shape
    made: dict[Reading, np.ndarray] = {}
    if what.read_out is not None:
        own = what.read_out(states.reshape(-1, width)).reshape(B, m, depth)
        apart = np.sqrt(((own[:, :, -1] - judged.final) ** 2).mean())
        size = np.sqrt((judged.final**2).mean())
        if apart > OWN_WITHIN * size:
            raise NoModelError(
                f"read_out of the last layer is off the model's prediction by {apart:.2g}, of "
                f"{size:.2g}: it is not the model's own"
            )
        made["own"] = np.moveaxis(own, 2, 0)
    targets = fit.final, fit.tasks.truth
    of_prediction, of_truth = [], []
    for layer in range(depth):
        fitted = linear(fit.states["query"][:, 0, layer], targets)
        of_prediction.append(fitted[0](states[:, :, layer])[..., 0])
        of_truth.append(fitted[1](states[:, :, layer])[..., 0])
    made["fitted to prediction"] = np.array(of_prediction)
    made["fitted to truth"] = np.array(of_truth)
    return made


# -- steps of algorithms --------------------------------------------------------------------------


class Suited(NamedTuple):
    """A family with its reals (1, 1), and those of them that lie at the edge of the grid."""

    family: Family
    reals: Mapping[str, np.ndarray]
    edge: tuple[str, ...]


def suited(predicted: np.ndarray, drawn: Tasks) -> list[Suited]:
    """Every family with the reals that suit predictions (layers, B, m) best.

    They are the same in all layers, since an algorithm takes its steps with one step size: those
    with the least geometric mean over layers of 1 - the best step's SimE, so that a layer that no
    step is like weighs little. They are found on the first FEW prompts, on a logarithmic grid that
    is refined.
    """
    few = Tasks(*(part[:FEW] for part in drawn))
    residuals = _directions(predicted[:, :FEW] - few.truth, few.truth)
    nothing = _directions(-few.truth, few.truth)
    seen = Eigen.of(few.prompts)
    return [
        Suited(family, *_reals(family, seen, few.truth, residuals, nothing)) for family in SPECTRAL
    ]


def nearest_steps(
    predicted: np.ndarray, drawn: Tasks, algorithms: Sequence[Suited]
) -> list[tuple[Step, Step]]:
    """The two algorithms that come nearest to predictions (layers, B, m), for each layer.

    By the mean over prompts of SimE, the cosine of the residuals of a prompt's queries (fu2023).
    """
    residuals = _directions(predicted - drawn.truth, drawn.truth)
    nothing = _directions(-drawn.truth, drawn.truth)
    seen = Eigen.of(drawn.prompts)
    size = (drawn.truth**2).mean()
    steps: list[list[Step]] = []
    for layer, at in enumerate(predicted):
        cosines = (residuals[layer] * nothing).sum(axis=-1)
        distance = (at**2).mean(axis=1) / size
        steps.append([Step(NOTHING, 0, {}, estimate(cosines), estimate(distance, 0.0), ())])
    for family, reals, edge in algorithms:
        every = [(whole, _predictions(family, seen, whole, reals)[0]) for whole in choices(family)]
        toward = np.array([_directions(made - drawn.truth, drawn.truth) for _, made in every])
        for layer, at in enumerate(predicted):
            each = (toward * residuals[layer]).sum(axis=-1)  # (choices, B)
            best = int(each.mean(axis=1).argmax())
            whole, made = every[best]
            chosen = {name: float(value[0, 0]) for name, value in reals.items()}
            steps[layer].append(
                Step(
                    family.name,
                    next(iter(whole.values()), None),
                    family.parameters(whole, chosen),
                    estimate(each[best]),
                    estimate(((made - at) ** 2).mean(axis=1) / size, 0.0),
                    (*edge, *(k for k, number in whole.items() if number == family.whole[k][-1])),
                )
            )
    ranked = []
    for found in steps:
        # SPECTRAL runs from few parameters to many: of equals the first has the fewest
        found.sort(key=lambda step: -round(step.similarity.mean.value, ALIKE))
        ranked.append((found[0], next(step for step in found if step.name != found[0].name)))
    return ranked


def step_map(predicted: np.ndarray, drawn: Tasks, one: Suited, reading: Reading) -> StepMap:
    """Predictions (layers + 1, B, m) beside every step of one algorithm."""
    residuals = _directions(predicted - drawn.truth, drawn.truth)
    seen = Eigen.of(drawn.prompts)
    steps, columns = [], []
    for whole in choices(one.family):
        made = _predictions(one.family, seen, whole, one.reals)[0]
        toward = _directions(made - drawn.truth, drawn.truth)
        steps.append(next(iter(whole.values())))
        columns.append((toward * residuals).sum(axis=-1).mean(axis=1))
    rows = np.array(columns).T
    return StepMap(
        one.family.name,
        reading,
        {name: float(value[0, 0]) for name, value in one.reals.items()},
        tuple(steps),
        tuple(tuple(map(float, row)) for row in rows),
    )


def _predictions(
    family: Family, seen: Eigen, whole: Mapping[str, int], reals: Mapping[str, np.ndarray]
) -> np.ndarray:
    """(G, B, m) at every point of the grid, each real (1, G)."""
    return np.moveaxis(seen.predictions(family, family.parameters(whole, reals)), 2, 0)


def _directions(residuals: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Residuals (…, B, m) as unit vectors (…, B, m + 1), the last 1 where there is no residual."""
    size = np.linalg.norm(residuals, axis=-1, keepdims=True)
    none = size <= EXACT * np.linalg.norm(truth, axis=-1, keepdims=True)
    return np.concatenate([residuals / np.where(none, np.inf, size), none], axis=-1)


def _reals(
    family: Family, seen: Eigen, truth: np.ndarray, residuals: np.ndarray, nothing: np.ndarray
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The reals (1, 1) of a family that suit all layers best, and those at the edge of the grid.

    residuals (layers, B, m + 1) and nothing (B, m + 1) are directions. Where a layer predicts
    nothing yet, no step speaks for or against the reals.
    """
    names = (*family.real, *family.of_one)
    if not names:
        return {}, ()
    flat = residuals.reshape(len(residuals), -1).T
    idle = (residuals * nothing).sum(axis=-1).mean(axis=1)

    def score(points: np.ndarray) -> np.ndarray:
        """Of exponents (reals, G), (G,)."""
        reals = {name: 10.0 ** axis[None] for name, axis in zip(names, points, strict=True)}
        nearest = np.repeat(idle[None], points.shape[1], axis=0)  # (G, layers)
        for whole in choices(family):
            toward = _directions(_predictions(family, seen, whole, reals) - truth, truth)
            cosines = toward.reshape(len(toward), -1) @ flat / len(truth)
            nearest = np.maximum(nearest, cosines)
        return -np.log(np.maximum(1 - nearest, EXACT)).mean(axis=1)

    top = np.log10(float(seen.s.max()))
    count = POINTS[len(names)]
    lines = [-e * top + np.linspace(-DECADES, DECADES, count) for e in family.real.values()]
    lines += [np.linspace(-DECADES, 0, count)[:-1] for _ in family.of_one]
    point = _highest(score, lines)
    edge = tuple(
        name for name, at, line in zip(family.real, point, lines) if not line[0] < at < line[-1]
    )
    return {name: np.array([[10.0**at]]) for name, at in zip(names, point, strict=True)}, edge


def _highest(score: Callable[[np.ndarray], np.ndarray], lines: list[np.ndarray]) -> np.ndarray:
    """The point (reals,) with the highest score: grids are laid again, ever finer, around those
    KEPT points of the grid that are above their neighbours and highest."""
    grid = np.array(np.meshgrid(*lines, indexing="ij"))
    scores = score(grid.reshape(len(lines), -1)).reshape(grid.shape[1:])
    around = np.pad(scores, 1, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(around, (3,) * len(lines))
    above = scores >= windows.max(axis=tuple(range(-len(lines), 0)))
    tops = np.argwhere(above)[np.argsort(-scores[above], kind="stable")[:KEPT]]
    points = grid[(slice(None), *tops.T)]  # (reals, KEPT)
    low, high = (np.array([line[end] for line in lines])[:, None, None] for end in (0, -1))
    gap = np.array([line[1] - line[0] for line in lines])[:, None, None]
    steps = np.array(np.meshgrid(*[np.linspace(-1, 1, ZOOMED)] * len(lines)))
    steps = steps.reshape(len(lines), 1, -1)
    for _ in range(ZOOMS):
        near = np.clip(points[..., None] + gap * steps, low, high)  # (reals, KEPT, steps)
        of_near = score(near.reshape(len(lines), -1)).reshape(near.shape[1:])
        points = np.take_along_axis(near, of_near.argmax(axis=1)[None, :, None], axis=2)[..., 0]
        gap = gap * (2 / (ZOOMED - 1))
    return points[:, of_near.max(axis=1).argmax()]


# -- probes ---------------------------------------------------------------------------------------


def _targets(drawn: Tasks) -> dict[str, np.ndarray]:
    """What is looked for, (B, d) each."""
    return {
        "X^T y": (drawn.X.transpose(0, 2, 1) @ drawn.y[..., None])[..., 0],
        "w of least squares": (np.linalg.pinv(drawn.X) @ drawn.y[..., None])[..., 0],
    }


def _whole(drawn: Tasks) -> np.ndarray:
    """All numbers of each prompt with its first query (B, n d + n + d)."""
    parts = drawn.X, drawn.y, drawn.queries[:, :1]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def _probes(what: Model, fit: _Seen, judged: _Seen, seed: int) -> list[Probe]:
    """Of the states with each prompt's first query."""
    probed = np.unique(np.linspace(0, fit.depth - 1, min(PROBED, fit.depth)).round().astype(int))
    places: list[tuple[int, Position]] = [(int(k), at) for k in probed for at in POSITIONS]
    known, asked = _targets(fit.tasks), _targets(judged.tasks)
    own = [(known[name], asked[name]) for name in known]
    # a prompt gets the next one's target, since all are drawn alike
    others = [(np.roll(a, 1, axis=0), np.roll(b, 1, axis=0)) for a, b in own]

    def states(of: _Seen) -> np.ndarray:
        return np.array([of.states[at][:, 0, k] for k, at in places])

    found = _scores(states(fit), states(judged), [*own, *others], seed)
    prompt = _scores(_whole(fit.tasks)[None], _whole(judged.tasks)[None], own, seed)
    blank = _blank(what, fit.tasks, judged.tasks, seed)
    random = None
    if blank is not None:
        random = _scores(states(blank[0]), states(blank[1]), own, seed)
    return [
        Probe(
            layer, at, name, kind,
            r2=found[kind][place][t],
            permuted=found[kind][place][len(own) + t],
            prompt=prompt[kind][0][t],
            random=None if random is None else random[kind][place][t],
        )
        for place, (layer, at) in enumerate(places)
        for t, name in enumerate(known)
        for kind in KINDS
    ]  # fmt: skip


def _blank(what: Model, fit: Tasks, judged: Tasks, seed: int) -> tuple[_Seen, _Seen] | None:
    """What a model with random weights does on the same prompts; None where none are known."""
    X, y, queries, truth = judged
    first = Tasks(X, y, queries[:, :1], truth[:, :1])
    few = Batch(*(part[:CHUNK] for part in fit.prompts))
    for blank in what.with_random_weights(few, seed):
        try:
            return _seen(blank, fit), _seen(blank, first)
        except NoModelError:  # finite on these few, and not on all
            continue
    return None


def _scores(
    features: np.ndarray,
    held_out: np.ndarray,
    targets: Sequence[tuple[np.ndarray, np.ndarray]],
    seed: int,
) -> dict[Kind, list[list[Interval]]]:
    """R^2 of each kind of probe, by place and by target.

    features (places, N, F) and held_out (places, M, F); a target is (N, T) and, held out, (M, T).
    """
    places, count = len(features), len(targets)
    fitted = [linear(one, [known for known, _ in targets]) for one in features]
    by_line = [[probe(x) for probe in row] for row, x in zip(fitted, held_out, strict=True)]
    by_net = with_hidden_layer(
        np.repeat(features, count, axis=0),
        np.array([known for known, _ in targets] * places),
        np.repeat(held_out, count, axis=0),
        seed,
    )
    predicted: tuple[Any, ...] = by_line, by_net.reshape(places, count, *by_net.shape[1:])
    return {
        kind: [
            [
                r_squared(at, asked, known.mean(axis=0))
                for at, (known, asked) in zip(row, targets, strict=True)
            ]
            for row in rows
        ]
        for kind, rows in zip(KINDS, predicted, strict=True)
    }
