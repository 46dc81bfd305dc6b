"""What was measured of a model, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import constructions
from constructions.construction import Construction
from proofs.formula import PYTHON, SCALARS, evaluate, names, parse

from ..fingerprint import Fingerprint
from ..fit import shown
from ..judging import Candidate, told_apart
from ..layers import Layers, Step
from ..likeness.released import DIFFERENCES, Released
from ..likeness.similarity import DISTANCES, Ranking
from ..sensitivity import Errors, Sensitivity
from .result import Result

ON = {  # kinds of prompt, as they read after "on"
    "drawn spectra": "prompts of drawn spectra",
    "Gaussian": "Gaussian prompts (as most are trained on)",
    "condition 100": "Gaussian prompts of condition number 100",
    "uniform": "uniform prompts",
    "intervals": "prompts on shorter intervals",
}
RATE = (
    "rate: a step is w - rate X^T (X w - y), on half the sum of squares; parameters are those of "
    "the algorithm's own function, whose loss may be another"
)
SHOWN = 5  # candidates of the fingerprint, and of a paper's measure


def to_text(result: Result) -> str:
    """For the terminal."""
    parts = [f"{result.model}: {verdict(result.fingerprint)}", _candidates(result.fingerprint)]
    if result.released is not None:
        parts.append(_released(result.released))
    else:
        parts.append(_rankings(result))
    parts.append(_sensitivity(result.sensitivity))
    if result.layers is not None:
        parts.append(_layers(result.layers))
    return "\n\n".join(parts)


def _candidates(found: Fingerprint) -> str:
    shown = list(zip(found.candidates[:SHOWN], told_apart(found.candidates)))
    width = max(20, *(len(called) for _, called in shown))
    lines = [f"{'fingerprint':{width + 2}} {'error [95 %]':30} at"]
    for one, called in shown:
        interval = f"{one.error.value:.2g} [{one.error.low:.2g}, {one.error.high:.2g}]"
        note = " (the same function)" if one.same else at_edge(one.edge)
        note += " (not told apart)" if one.tied else ""
        given = parameters_of(one.parameters) + in_brackets(rate(one))
        lines.append(f"  {called:{width}} {interval:30} {given}{note}")
    for one, called in shown:
        each = ", ".join(f"{kind} {error.value:.2g}" for kind, error in one.kinds.items())
        lines += [] if one.same else [f"{called} by kind of prompt: {each}"]
    return "\n".join([*lines, *notes(found)])


def notes(found: Fingerprint) -> list[str]:
    """What a rate is, and what is left open."""
    made = [RATE] if any(map(rate, found.candidates)) else []
    if found.best is None and found.learns:
        made.append(
            "Accepted is what holds on all of these together, or on the kind that is named. They "
            "are not the prompts on which a model was trained: there it may be nearer to an "
            "algorithm than here."
        )
    return made


def _rankings(result: Result) -> str:
    heads = ("measure", "best match", "mean", "median", "runner-up", "behind by")
    widths = (9, 22, 12, 12, 22, 12)
    lines = ["".join(f"{head:{width}}" for head, width in zip(heads, widths)).rstrip()]
    for ranking in result.rankings:
        first, second = ranking.best, ranking.runner_up
        cells = (
            f"  {ranking.measure}", first.name, amount(ranking.measure, first.mean.value),
            amount(ranking.measure, first.median.value), second.name if second else "none",
            margin(ranking),
        )  # fmt: skip
        lines.append("".join(f"{cell:{width}}" for cell, width in zip(cells, widths)).rstrip())
        lines += [f"           {caution}" for caution in ranking.cautions]
    lines += ["", *(f"{line}" for line in _of_what(result))]
    return "\n".join(lines)


def _of_what(result: Result) -> list[str]:
    likeness = result.likeness
    first, last = likeness.lengths[0], likeness.lengths[-1]
    said = "" if not likeness.refused else f" (the model refuses {likeness.refused})"
    errors = (
        f"SimE and SimW are over sequences, after {first} to {last} examples{said}."
        if first < last
        else f"SimE and SimW are over queries after {last} examples{said}."
    )
    return [
        f"Means over {result.settings['prompts']} prompts; each algorithm at its best on a grid.",
        errors,
        "A best match by a measure is the nearest of those on its grid, and no proof.",
    ]


def _released(released: Released) -> str:
    lines = [f"as the released code of {released.paper} measures"]
    for ranking in released.rankings:
        lines.append(f"  {ranking.measure}")
        for one in ranking.matches[:SHOWN]:
            lines.append(
                f"    {one.name:34} mean {one.mean.value:<10.4g} median {one.median.value:<10.4g} "
                f"{parameters_of(one.parameters)}{at_edge(one.edge)}"
            )
        lines += [f"    {caution}" for caution in ranking.cautions]
    return "\n".join([*lines, "", *differences(released)])


def _sensitivity(seen: Sensitivity) -> str:
    """A line for each thing that predictions may react to."""
    order = seen.order
    lines = [
        f"order of the examples: predictions vary by {order.of_spread.mean.value:.2g} of their "
        f"spread over {order.orders} orders, at most by {order.largest:.2g}"
    ]
    lines.append("noise in y, strength of the nearest ridge regression (of Bayes), error of it:")
    for at in seen.noise:
        near = at.nearest
        lines.append(
            f"  {at.noise:<6g} {near.ridge:.3g} [{near.low:.3g}, {near.high:.3g}] "
            f"({at.noise**2:g})   {near.distance.mean.value:.2g}"
            f"{' (the largest that was tried)' if near.edge else ''}"
        )
    lines.append("condition number, squared error of the model, of least squares, of Bayes:")
    for of_kappa in seen.conditioning:
        errors = of_kappa.errors
        lines.append(f"  {of_kappa.condition:<6g} {_three(errors)}")
    lines.append("examples, the same:")
    for of_n in seen.examples:
        lines.append(f"  {of_n.n:<6d} {_three(of_n.errors) if of_n.errors else of_n.refused}")
    return "\n".join(lines)


def _three(errors: Errors) -> str:
    every = errors.model, errors.least_squares, errors.bayes
    return "   ".join(f"{one.mean.value:<8.3g}" for one in every).rstrip()


def _layers(seen: Layers) -> str:
    lines = ["layer  read by                to the final  to the truth  most like (SimE)"]
    for one in seen.exits:
        lines.append(
            f"  {one.layer:<5d}{one.reading:23}{one.to_final.mean.value:<14.3g}"
            f"{one.to_truth.mean.value:<14.3g}{stepped(one.best)}, then {stepped(one.runner_up)}"
        )
    lines.append("What a fitted read-out finds, the model need not have computed.")
    found = [one for one in seen.probes if one.above_controls]
    lines.append(
        f"probes: {len(found)} of {len(seen.probes)} read more than every control"
        + (
            f": {', '.join(sorted({f'{p.target} after layer {p.layer}' for p in found}))}."
            if found
            else "."
        )
    )
    return "\n".join(lines)


def stepped(step: Step) -> str:
    """An algorithm with its steps and its similarity."""
    after = "" if step.step is None else f" {step.step}"
    return f"{step.name}{after} ({amount('SimE', step.similarity.mean.value)})"


def differences(released: Released) -> list[str]:
    """What the code does otherwise than the paper, a line each."""
    lines = [f"where the released code of {released.paper} leaves its paper:"]
    lines += [
        f"  {one.item}: paper {one.paper}; code {one.code}" for one in DIFFERENCES[released.paper]
    ]
    return [*lines, f"  prediction without examples: {released.empty}"]


def verdict(found: Fingerprint) -> str:
    """The fingerprint in a sentence."""
    if found.best is None:
        tried = len({one.name for one in found.candidates})
        none = f"none of the {tried} algorithms tried"
        if not found.on:
            return f"follows {none}: {found.why}"
        return f"follows {_on_some(found)}; on all kinds of prompt together {none}: {found.why}"
    given = _briefly(found.candidates[0])
    behind = found.open or (
        "" if found.runner_up is None else f"; {found.runner_up} is {found.margin:.2g} x as far"
    )
    edge = at_edge(found.candidates[0].edge).replace(" (", "; ").removesuffix(")")
    return (
        f"follows {found.best}{f' ({given})' if given else ''}, off by {found.error:.2g}{behind}"
        f"{edge}"
    )


def _on_some(found: Fingerprint) -> str:
    """What is followed on prompts of one kind, where nothing is on all of them."""
    said = []
    for kind, one in found.on.items():
        off = one.kinds[kind]
        said.append(
            f"{one.name} ({_briefly(one)}) on {ON[kind]}, off by {off.value:.2g} "
            f"({off.low:.2g} to {off.high:.2g})"
        )
    return ", and ".join(said)


def _briefly(one: Candidate) -> str:
    """Parameters and rate, matrices by their size: they stand in full in the table."""
    given = parameters_of(sized(one))
    return f"{given}; {rate(one)}" if rate(one) else given


def sized(one: Candidate) -> dict[str, Any]:
    """Its parameters, of a matrix only the size."""
    return {k: f"{len(v)} x {len(v)}" if is_matrix(v) else v for k, v in one.parameters.items()}


def is_matrix(value: Any) -> bool:
    return np.ndim(value) == 2


def rate(one: Candidate) -> str:
    """ "rate 0.071": its step size in the convention of `RATE`; "" where it has none."""
    made = _with_rate(one.name)
    if made is None:
        return ""
    defaults = {name: parameter.default for name, parameter in made.parameters.items()}
    formula = made.rate_of_steps({**defaults, **one.parameters})
    tree = parse(formula, SCALARS)
    given = {name: one.parameters.get(name) for name in names(tree)}
    if None in given.values():
        return ""
    steps = [value for value in given.values() if isinstance(value, tuple)]
    each = [
        evaluate(tree, {k: v[i] if isinstance(v, tuple) else v for k, v in given.items()}, PYTHON)
        for i in range(len(steps[0]) if steps else 1)
    ]
    return f"rate {shown(tuple(each) if steps else each[0])}"


def _with_rate(algorithm: str) -> Construction | None:
    """The construction of this algorithm, by its name in `verify.algorithms`, that says a rate."""
    every = map(constructions.get, constructions.names())
    return next((one for one in every if one.rate and (one.equals or one.name) == algorithm), None)


def in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def amount(measure: str, value: float) -> str:
    """A distance, or a similarity, next to 1 by what it lacks."""
    if measure in DISTANCES or not 0.99 < value < 1:
        return f"{value:.4g}"
    return f"1 - {1 - value:.2g}"


def margin(ranking: Ranking) -> str:
    """How far the runner-up is behind: a ratio of distances, a difference of similarities."""
    if ranking.runner_up is None:
        return "-"
    if ranking.measure in DISTANCES:
        return f"{ranking.margin:.3g} x"
    return f"{ranking.margin:.2g}"


def parameters_of(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {shown(value)}" for name, value in given.items())


def at_edge(names: tuple[str, ...]) -> str:
    return f" (at the edge of the grid: {', '.join(names)})" if names else ""
