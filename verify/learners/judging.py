"""Algorithms held against a model on prompts to which none of them was fitted."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from .. import algorithms
from . import direct
from .data import Batch, gaussian, uniform, with_spectrum
from .families import SPECTRAL
from .fit import EXACT, Fit, fit
from .intervals import Interval, mean, median, root_mean_square
from .preconditioned import fit_matrix

PROMPTS = 16  # of each kind
QUERIES = 4
SAME = 1e-6  # two algorithms that differ by less, relatively, are one function here
FAR = 0.5  # of what is farther off nothing is said but that
NEAR = 1.5  # candidates at most so many times as far off as the nearest may be its function


@dataclass(frozen=True)
class Candidate:
    """An algorithm at its best parameters, and its error on prompts to which it was not fitted.

    error: the root mean square over prompts of |model - algorithm| relative to the larger of the
    two, each a root mean square over the queries. median: the same error's median, kinds: the error
    on each kind of prompt. edge: parameters that are best at the edge of where they were looked
    for. same: it is the same function as the first candidate. tied: it is another, but which of
    them is nearer the prompts leave open.
    """

    name: str
    parameters: Mapping[str, Any]
    error: Interval
    median: Interval
    kinds: Mapping[str, Interval]
    edge: tuple[str, ...] = ()
    same: bool = False
    tied: bool = False

    def to_json(self) -> dict[str, Any]:
        """As `witness measure --json` writes it."""
        return {
            "name": self.name, "parameters": dict(self.parameters), "error": self.error.value,
            "interval": [self.error.low, self.error.high], "median": self.median.value,
            "kinds": {kind: error.value for kind, error in self.kinds.items()},
            "edge": list(self.edge), "same": self.same, "tied": self.tied,
        }  # fmt: skip


@dataclass(frozen=True)
class _Measured:
    """A candidate, and the errors (B,) of its predictions on each kind of prompt."""

    candidate: Candidate
    errors: Mapping[str, np.ndarray]

    def over(self, kind: str | None) -> tuple[Interval, np.ndarray]:
        """The error on one kind of prompt, and of each prompt of it; None: on all together."""
        if kind is None:
            return self.candidate.error, np.concatenate(list(self.errors.values()))
        return self.candidate.kinds[kind], self.errors[kind]


Inputs = tuple[float, float] | None  # between which entries of x lie; None: anywhere


def prompts(
    d: int, n: int, rng: np.random.Generator, count: int = PROMPTS, inputs: Inputs = None
) -> dict[str, Batch]:
    """Of drawn spectra, of Gaussian data, of Gaussian data of condition number 100; or of data that
    are uniform where inputs lie, and there on intervals drawn for each prompt."""
    if inputs is not None:
        return {
            "uniform": uniform(rng, count, n, d, QUERIES, *inputs),
            "intervals": uniform(rng, count, n, d, QUERIES, *inputs, shorter=True),
        }
    spectra = np.exp(rng.uniform(np.log(n / 20), np.log(2 * n), (count, min(n, d))))
    return {
        "drawn spectra": with_spectrum(rng, spectra, n, d, QUERIES),
        "Gaussian": gaussian(rng, count, n, d, QUERIES, noise=0.5),
        "condition 100": gaussian(rng, count, n, d, QUERIES, noise=0.5, condition=100),
    }


def together(batches: Mapping[str, Batch]) -> Batch:
    """All kinds as one batch."""
    return Batch(*(np.concatenate(parts) for parts in zip(*batches.values(), strict=True)))


def predictions(name: str, parameters: Mapping[str, Any], batch: Batch) -> np.ndarray:
    """What `verify.algorithms` predicts for every prompt (B, m); no number where it has no answer.
    """  # fmt: skip
    algorithm: Callable[..., Any] = getattr(algorithms, name)

    def one(prompt: tuple[np.ndarray, ...]) -> np.ndarray:
        try:
            return np.asarray(algorithm(*prompt, **parameters), dtype=float)
        except (ZeroDivisionError, np.linalg.LinAlgError):  # it has no answer
            return np.full(len(prompt[2]), np.nan)

    with np.errstate(all="ignore"):
        return np.array([one(prompt) for prompt in zip(*batch, strict=True)])


def apart(got: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """|got - expected| for every prompt (B,), relative to the larger of the two, root mean squares
    over the queries: 0 only where they agree, at most 2."""  # fmt: skip
    # what is no number is as far off as can be; scaled down, nothing overflows
    wrong = ~np.isfinite(expected).all(axis=1)
    expected = np.where(wrong[:, None], 0.0, expected)
    largest = np.maximum(np.abs(got).max(axis=1), np.abs(expected).max(axis=1))
    unit = np.where(largest > 0, largest, 1.0)[:, None]
    got, expected = got / unit, expected / unit
    size = np.sqrt(np.maximum((got**2).mean(axis=1), (expected**2).mean(axis=1)))
    gap = np.sqrt(((got - expected) ** 2).mean(axis=1))
    return np.where(wrong, 2.0, np.divide(gap, size, out=np.zeros_like(gap), where=size > 0))


def with_start(one: Fit, batch: Batch, at_zero: np.ndarray) -> Fit | None:
    """The algorithm from the weights w0 with which it comes nearest to what answers are at y = 0.

    None where it has no w0.
    """
    if "w0" not in inspect.signature(getattr(algorithms, one.name)).parameters:
        return None
    quiet = Batch(batch.X, 0 * batch.y, batch.queries)
    unit = np.eye(batch.X.shape[-1])
    parts = [predictions(one.name, {**one.parameters, "w0": e}, quiet) for e in unit]
    features = np.stack([part.ravel() for part in parts], axis=1)
    if not np.isfinite(features).all():
        return None
    w0 = np.linalg.lstsq(features, at_zero.ravel(), rcond=None)[0]
    parameters = {**one.parameters, "w0": tuple(float(entry) for entry in w0)}
    return replace(one, parameters=parameters)


def judged(
    fits: Sequence[Fit], batches: Mapping[str, Batch], answers: Mapping[str, np.ndarray],
    within: float,
) -> tuple[list[Candidate], dict[str, Candidate]]:  # fmt: skip
    """Candidates, the `_leading` one in front of the others, of which the nearest come first; and
    by kind of prompt the one that is accepted there, where one is."""
    measured = []
    for one in fits:
        errors = {
            kind: apart(answers[kind], predictions(one.name, one.parameters, batch))
            for kind, batch in batches.items()
        }
        every = np.concatenate(list(errors.values()))
        kinds = {kind: root_mean_square(values) for kind, values in errors.items()}
        candidate = Candidate(
            one.name, one.parameters, root_mean_square(every), median(every), kinds, one.edge
        )
        measured.append(_Measured(candidate, errors))
    first, alike = _leading(measured, within)
    others = [one.candidate for one in measured if one.candidate is not first]
    marked = [_compared(c, first, c in alike, batches) for c in others]
    on = {kind: _leading(measured, within, kind)[0] for kind in batches}
    accepted = {kind: one for kind, one in on.items() if one.kinds[kind].high <= within}
    return [first, *sorted(marked, key=_order)], accepted


def _leading(
    measured: Sequence[_Measured], within: float, kind: str | None = None
) -> tuple[Candidate, list[Candidate]]:
    """The candidate that is said to be nearest, and all that prompts do not tell from the least.

    Of those that are accepted, that with the fewest parameters. Where none of them is, the nearest,
    since none is the model's; of those that differ from it by rounding, that with the fewest.
    """
    seen = [(one.candidate, *one.over(kind)) for one in measured]
    least, of_least = min(((error, errors) for _, error, errors in seen), key=lambda e: e[0].value)
    alike = [(c, error) for c, error, errors in seen if _no_farther(errors, of_least)]
    accepted = [c for c, error in alike if error.high <= within]
    nearest = [c for c, error in alike if _rounded(error.value) == _rounded(least.value)]
    return min(accepted or nearest, key=_simplicity), [c for c, _ in alike]


def _order(one: Candidate) -> tuple[bool, float, tuple[int, int]]:
    """The same function first, then the nearest; those that differ by rounding, the simplest."""
    return not one.same, _rounded(one.error.value), _simplicity(one)


def _rounded(error: float) -> float:
    return float(f"{error:.3g}")


def _simplicity(one: Candidate) -> tuple[int, int]:
    """Less for what has fewer parameters."""
    return _numbers(one.parameters), _place(one.name)


def _no_farther(errors: np.ndarray, least: np.ndarray) -> bool:
    """Whether the prompts leave open that these errors (B,) are larger than the least: both the
    mean and the median of what their squares are larger by may be 0 or less."""
    sizes = [float(np.sqrt((each**2).mean())) for each in (errors, least)]
    if sizes[0] <= max(EXACT, 1.001 * sizes[1]):
        return True
    gap = errors**2 - least**2
    return sizes[1] > EXACT and mean(gap).low <= 0 and median(gap).low <= 0


def _compared(
    one: Candidate, first: Candidate, alike: bool, batches: Mapping[str, Batch]
) -> Candidate:
    """Marked where it is the first one's function, at parameters fitted to that, or tied with it.
    """  # fmt: skip
    if not alike and one.error.value > max(NEAR * first.error.value, SAME):
        return one
    if first.error.value > FAR:
        return one
    batch = together(batches)
    of_first = predictions(first.name, first.parameters, batch)
    # what is fitted to it is nearer to the first one's function, unless the search misses it
    for member in (_fitted_to(one, first, batches), one):
        gaps = apart(of_first, predictions(member.name, member.parameters, batch))
        if np.sqrt((gaps**2).mean()) <= SAME:
            return replace(one, parameters=member.parameters, edge=member.edge, same=True)
    return replace(one, tied=alike)


def _fitted_to(
    one: Candidate, first: Candidate, batches: Mapping[str, Batch]
) -> Candidate | Fit:  # fmt: skip
    """The member of one family that comes nearest to an algorithm of another; as it is, where that
    is exact already or has a start."""  # fmt: skip
    if first.error.value <= EXACT or "w0" in first.parameters or "w0" in one.parameters:
        return one
    batch = together(batches)
    ours, theirs = (
        next((f for f in SPECTRAL if f.takes(c.parameters, c.name)), None) for c in (one, first)
    )
    if ours is not None and theirs is not None:
        top = np.linalg.norm(batch.X, ord=2, axis=(1, 2)).max() ** 2
        levels = np.geomspace(top / 300, top, 24)
        with np.errstate(all="ignore"):
            r = theirs.response(levels[:, None], **first.parameters)[:, 0]
        return fit(ours, levels, r) if np.isfinite(r).all() else one
    answers = predictions(first.name, first.parameters, batch)
    if ours is not None or not np.isfinite(answers).all():
        return one
    if one.name == "preconditioned":
        return fit_matrix(batch, answers) or one
    return min(direct.fits(batch, answers, only=one.name), key=lambda f: f.error)


def told_apart(ones: Sequence[Candidate]) -> list[str]:
    """What each is called where all of them are listed, no two alike: of those of one name with the
    parameters that others lack, then with the words and whole numbers in which they differ."""
    called = [
        ", ".join((one.name, *(key for key in one.parameters if _lacks(ones, one.name, key))))
        for one in ones
    ]
    keys = dict.fromkeys(key for one in ones for key in one.parameters)
    for kind, key in product((str, int), keys):
        for group in [_all_of(called, label) for label in dict.fromkeys(called)]:
            values = [ones[at].parameters.get(key) for at in group]
            if all(isinstance(one, kind) for one in values) and len(set(values)) > 1:
                for at, value in zip(group, values):
                    called[at] += f", {value}" if kind is str else f", {key} = {value}"
    for at, label in enumerate(called):
        before = called[:at].count(label)
        called[at] += f" ({before + 1})" if before else ""
    return called


def _all_of(called: Sequence[str], label: str) -> list[int]:
    return [at for at, other in enumerate(called) if other == label]


def _lacks(ones: Sequence[Candidate], name: str, key: str) -> bool:
    """Whether one of this name has no such parameter."""
    return any(one.name == name and key not in one.parameters for one in ones)


def _numbers(parameters: Mapping[str, Any]) -> int:
    """How many numbers the parameters are."""
    return sum(np.size(value) for value in parameters.values() if not isinstance(value, str))


def _place(name: str) -> int:
    """Where an algorithm stands among all, the simplest first."""
    order = [*(family.name for family in SPECTRAL), *(one.name for one in direct.DIRECT)]
    return order.index(name) if name in order else len(order)
