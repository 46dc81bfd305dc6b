"""What was measured of a model, as one page with plots: the look of the other pages, no scripts."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...page import report_page
from ...page.readable import typeset
from ...page.report_page import frame, plain
from ..families import SPECTRAL, Family
from ..fit import shown
from ..judging import told_apart
from ..likeness.released import DIFFERENCES, Released
from ..likeness.similarity import DISTANCES, Match, Ranking
from .result import Result
from .words import (
    amount,
    in_brackets,
    is_matrix,
    margin,
    notes,
    parameters_of,
    rate,
    sized,
    stepped,
    verdict,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..fingerprint import Candidate, Fingerprint
    from ..layers import Layers, StepMap
    from ..sensitivity import Errors, Sensitivity

# the page's own colours
INK, SOFT, LINE = "#1d2327", "#5a646b", "#d9dcd8"
BEST, SECOND, OTHER = "#0067a5", "#a35200", "#9a3d80"
WIDTH, HEIGHT = 4.6, 3.1  # inches; text of 9 points then reads on a telephone
FLOOR = 1e-17  # what is drawn of a distance of 0


def page(result: Result) -> str:
    """The report as HTML."""
    from ...report.as_json import versions

    found = result.fingerprint
    sections = [_fingerprint(found)]
    if result.released is None:
        sections += [_measures(result), _steps(result.rankings)]
    else:
        sections.append(_released(result.released))
    sections.append(_sensitivity(result.sensitivity))
    if result.layers is not None:
        sections.append(_layers(result.layers))
    settings = ", ".join(f"{k} = {v}" for k, v in result.settings.items() if v is not None)
    used = ", ".join(f"{k} {v}" for k, v in versions().items())
    sections.append(f'<p class="source">{plain(settings)}<br>{plain(used)}</p>')
    return frame(
        f"Which algorithm does {result.model} run?", f"It {verdict(found)}.", "".join(sections)
    )


# -- pieces of a page ---------------------------------------------------------------------------


def section(title: str, *parts: str) -> str:
    return f"<h2>{typeset(title)}</h2>{''.join(parts)}"


def prose(text: str) -> str:
    return f'<p class="prose">{typeset(text)}</p>'


def panels(*figures: str) -> str:
    return f'<div class="example">{"".join(figures)}</div>'


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    return report_page.table([typeset(one) for one in heads], [list(map(typeset, r)) for r in rows])


def figure(
    title: str, shows: str, not_proved: str, draw: Callable[..., None], rows: int = 1,
    height: float = HEIGHT,
) -> str:  # fmt: skip
    """A panel with a plot, a sentence on what it shows, and one on what it does not prove.

    draw gets the axes, one below the other.
    """
    import matplotlib
    from matplotlib.figure import Figure

    style: Any = {
        "font.size": 9, "axes.edgecolor": SOFT, "axes.labelcolor": INK, "text.color": INK,
        "xtick.color": SOFT, "ytick.color": SOFT, "axes.linewidth": 0.7, "svg.hashsalt": "witness",
        "xtick.labelcolor": INK, "ytick.labelcolor": INK, "axes.grid": True, "grid.color": LINE,
        "grid.linewidth": 0.6, "axes.axisbelow": True, "axes.spines.top": False,
        "axes.spines.right": False, "legend.frameon": False, "legend.fontsize": 8,
    }  # fmt: skip
    buffer = io.BytesIO()
    with matplotlib.rc_context(style):
        made = Figure(figsize=(WIDTH, height), layout="constrained")
        made.patch.set_alpha(0)
        ratios = [2] + [1] * (rows - 1)
        axes = made.subplots(rows, 1, squeeze=False, sharex=rows > 1, height_ratios=ratios)[:, 0]
        draw(*axes)
        made.savefig(buffer, format="svg", metadata={"Date": None})
    data = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<figure class="panel"><h3>{typeset(title)}</h3>'
        f'<img src="data:image/svg+xml;base64,{data}" alt="{plain(shows)}" '
        'style="width:100%;height:auto">'
        f'<figcaption>{typeset(shows)} <span class="help">{typeset(not_proved)}</span>'
        "</figcaption>"
        "</figure>"
    )


# -- the fingerprint ----------------------------------------------------------------------------


def _fingerprint(found: Fingerprint) -> str:
    kinds = list(found.candidates[0].kinds)
    rows = [
        (
            plain(one.name), f"{one.error.value:.2g}",
            f"{one.error.low:.2g} to {one.error.high:.2g}",
            *(f"{one.kinds[kind].value:.2g}" for kind in kinds),
            plain(_said(one, found)), _parameters(one),
        )
        for one in found.candidates
    ]  # fmt: skip
    return section(
        "Fingerprint",
        prose(
            "Where all eigenvalues of XᵀX are λ, an algorithm that sees the data through XᵀX "
            "predicts r(λ) xᵀXᵀy, and r(λ) λ is the share of least squares that it reaches. r is "
            "measured, every algorithm is fitted, and what was fitted is held against predictions "
            "on other prompts, of several eigenvalues each: there it is accepted or rejected."
        ),
        panels(
            figure(
                "Response to eigenvalues",
                "The share r(λ) λ of least squares that the model reaches (dots, with 95 % "
                "intervals), the best algorithm’s and the runner-up’s; below, how far each is off.",
                "Equal curves are equal functions of one eigenvalue only as far as they were "
                "measured; beyond these λ, nothing is known.",
                lambda above, below: _draw_response(found, above, below), rows=2, height=4.2,
            ),
            figure(
                "Error of each algorithm",
                f"Relative error of each algorithm’s predictions at its best parameters, on "
                f"prompts to which it was not fitted, with 95 % intervals over prompts; accepted "
                f"is what stays within {found.within:g} (line).",
                "An algorithm that is not among these may be nearer.",
                lambda axes: _draw_candidates(found, axes), height=_tall(len(found.candidates)),
            ),
        ),
        report_page.table(
            ["algorithm", "error", "95 %", *map(plain, kinds), "verdict", "parameters"], rows
        ),
        *map(prose, notes(found)),
    )  # fmt: skip


def _parameters(one: Candidate) -> str:
    """Parameters and rate as HTML; matrices by their size, their numbers folded away."""
    folded = "".join(
        f"<details><summary>{plain(name)}</summary>{plain(shown(value))}</details>"
        for name, value in one.parameters.items()
        if is_matrix(value)
    )
    return f"{plain(parameters_of(sized(one)) + in_brackets(rate(one)))}{folded}"


def _said(one: Candidate, found: Fingerprint) -> str:
    if one.same:
        return "the same function"
    said = ["rejected" if one.error.high > found.within or not found.learns else "within"]
    if one.tied:
        said.append("not told apart from the first")
    if one.edge:
        said.append(f"at the edge of the grid: {', '.join(one.edge)}")
    return "; ".join(said)


def closed_form(one: Candidate) -> Callable[[np.ndarray], np.ndarray] | None:
    """r(λ) of an algorithm that has a closed form; None for one that has none."""
    for family in SPECTRAL:
        names = {*family.whole, *family.real, *family.of_one}
        if family.name == one.name and names == set(one.parameters):
            return partial(_response, family, one.parameters)
    return None


def _response(family: Family, parameters: Mapping[str, Any], s: np.ndarray) -> np.ndarray:
    return family.response(s[:, None], **parameters)[:, 0]


def _draw_response(found: Fingerprint, above: Axes, below: Axes) -> None:
    seen = found.response
    s, share = seen.eigenvalues, seen.r * seen.eigenvalues
    bars = np.abs(np.array([seen.r - seen.low, seen.high - seen.r])) * s
    above.errorbar(s, share, bars, fmt="o", color=INK, ms=3.5, lw=0.9, label="model", zorder=3)
    rivals = [one for one in found.candidates[1:] if not one.same and one.name == found.runner_up]
    for one, colour, dash in zip([found.candidates[0], *rivals], (BEST, SECOND), ("-", "--")):
        form = closed_form(one)
        if form is None:
            continue
        dense = np.geomspace(s[0], s[-1], 200)
        with np.errstate(all="ignore"):
            above.plot(dense, form(dense) * dense, dash, color=colour, lw=1.5, label=one.name)
            off = np.abs(form(s) * s - share)
        below.plot(s, np.maximum(off, FLOOR), dash, color=colour, lw=1.2, marker=".")
    if np.abs(share).max() > 3:
        above.set_yscale("symlog", linthresh=1)
    span = np.ptp(share) or 1.0
    above.set_ylim(share.min() - 0.15 * span, share.max() + 0.15 * span)
    above.set_ylabel("r(λ) λ")
    above.legend(loc="best")
    below.set_xscale("log")
    below.set_yscale("log")
    below.set_xlabel("eigenvalue λ of XᵀX")
    below.set_ylabel("off by")


def _draw_candidates(found: Fingerprint, axes: Axes) -> None:
    shown_ones = [one for one in found.candidates if np.isfinite(one.error.value)]
    for at, one in enumerate(shown_ones):
        colour = BEST if at == 0 else SOFT if one.same else SECOND
        low, value, high = (max(v, FLOOR) for v in (one.error.low, one.error.value, one.error.high))
        axes.plot([low, max(high, low)], [at, at], color=colour, lw=1.4)
        axes.plot(value, at, "o", color=colour, ms=4.5)
    axes.axvline(found.within, color=SOFT, lw=0.9, ls=":")
    _names(axes, told_apart(shown_ones))
    axes.set_xlabel("relative error")


def _names(axes: Axes, names: Sequence[str]) -> None:
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), labels=names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)


def _whole(axes: Axes) -> None:
    """Ticks at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _tall(rows: int) -> float:
    """Height of a plot with a line for each of so many names, in inches."""
    return max(2.2, 0.9 + 0.19 * rows)


# -- the papers' measures -----------------------------------------------------------------------


def _measures(result: Result) -> str:
    rows = []
    for ranking in result.rankings:
        first, second = ranking.best, ranking.runner_up
        rows.append(
            (
                ranking.measure, first.name, parameters_of(first.parameters),
                amount(ranking.measure, first.mean.value),
                amount(ranking.measure, first.median.value),
                second.name if second else "none", margin(ranking),
                "; ".join(ranking.cautions),
            )
        )  # fmt: skip
    lengths = result.likeness.lengths
    over = (
        f"over sequences, after {lengths[0]} to {lengths[-1]} examples"
        if len(lengths) > 1
        else f"over queries after {lengths[0]} examples"
    )
    refused = f" The model refuses {result.likeness.refused}." if result.likeness.refused else ""
    return section(
        "Likeness to every algorithm",
        prose(
            "SPD and ILWD are akyurek2022’s: mean squared differences of predictions (eq. 15) and "
            "of implicit weights (eq. 17). SimE and SimW are fu2023’s: cosines of errors and of "
            f"implicit weights, {over}.{refused} Each algorithm stands at its best on its grid."
        ),
        panels(*(_of_measure(ranking) for ranking in result.rankings)),
        table(
            ("measure", "best match", "parameters", "mean", "median", "runner-up", "behind by",
             "but"),
            rows,
        ),
        _grids(result.rankings),
    )  # fmt: skip


def _of_measure(ranking: Ranking) -> str:
    what = ranking.measure if ranking.measure in DISTANCES else f"1 − {ranking.measure}"
    return figure(
        ranking.measure,
        f"{what} of each algorithm at its best: the mean over prompts with its 95 % interval "
        "(dot), and the median (bar).",
        "The nearest of those on the grids need not be what the model runs"
        + (f"; {'; '.join(ranking.cautions)}." if ranking.cautions else "."),
        lambda axes: _draw_measure(ranking, axes, what), height=_tall(len(ranking.matches)),
    )  # fmt: skip


def _draw_measure(ranking: Ranking, axes: Axes, what: str) -> None:
    def distance(value: float) -> float:
        return max(value if ranking.measure in DISTANCES else 1 - value, FLOOR)

    for at, one in enumerate(ranking.matches):
        colour = BEST if at == 0 else SECOND if at == 1 else SOFT
        ends = sorted((distance(one.mean.low), distance(one.mean.high)))
        axes.plot(ends, [at, at], color=colour, lw=1.4)
        axes.plot(distance(one.mean.value), at, "o", color=colour, ms=4.5)
        axes.plot(distance(one.median.value), at, "|", color=colour, ms=9, mew=1.6)
    _names(axes, [one.name for one in ranking.matches])
    axes.set_xlabel(what)


def _grids(rankings: Sequence[Ranking]) -> str:
    """Where every parameter was looked for: grids are alike for all measures."""
    rows = []
    for one in sorted(rankings[0].matches, key=lambda match: match.name):
        for name, line in one.grid.items():
            rows.append((one.name, name, shown(line.low), shown(line.high), str(line.points)))
    made = table(("algorithm", "parameter", "from", "to", "points"), rows)
    return f"<details><summary>The grids</summary>{made}</details>"


def _steps(rankings: Sequence[Ranking]) -> str:
    profiles = [(ranking, [m for m in ranking.matches if len(m.steps) > 1]) for ranking in rankings]
    made = [_profile(ranking, matches) for ranking, matches in profiles if matches]
    return section(
        "Best-matching steps",
        prose(
            "The step of an iterative algorithm that matches best (fu2023, definition 3.4), the "
            "other parameters at their best for it."
        ),
        panels(*made),
    )


def _profile(ranking: Ranking, matches: Sequence[Match]) -> str:
    best = ", ".join(f"{m.name} {_step_of(ranking, m)}" for m in matches[:3])
    return figure(
        f"{ranking.measure} by step",
        f"{ranking.measure} with each iterative algorithm after so many steps. Best: {best}.",
        "Where a curve is flat, the step that matches best says nothing of how many were taken.",
        lambda axes: _draw_profile(ranking, matches[:5], axes),
    )


def _step_of(ranking: Ranking, match: Match) -> int:
    sign = 1 if ranking.measure in DISTANCES else -1
    return min(match.steps, key=lambda step: sign * match.steps[step])


def _draw_profile(ranking: Ranking, matches: Sequence[Match], axes: Axes) -> None:
    colours = (BEST, SECOND, OTHER, "#00734f", SOFT)
    of_distance = ranking.measure in DISTANCES
    for match, colour in zip(matches, colours):
        steps, values = list(match.steps), np.array(list(match.steps.values()))
        values = np.maximum(values if of_distance else 1 - values, FLOOR)
        axes.plot(steps, values, color=colour, lw=1.3, marker=".", label=match.name)
        best = _step_of(ranking, match)
        axes.plot(best, values[steps.index(best)], "o", mfc="none", mec=colour, ms=8)
    axes.set_yscale("log")
    axes.set_xscale("log", base=2)
    ticks = [2**e for e in range(13) if 2**e <= max(max(m.steps) for m in matches)]
    axes.set_xticks(ticks, labels=[str(tick) for tick in ticks])
    axes.set_xlabel("steps")
    axes.set_ylabel(ranking.measure if of_distance else f"1 − {ranking.measure}")
    axes.legend(loc="best")


# -- what predictions react to ------------------------------------------------------------------


def _sensitivity(seen: Sensitivity) -> str:
    order = seen.order
    least = seen.minimum_norm
    outside = (
        " With fewer examples than dimensions, at queries orthogonal to all examples, the mean "
        "square of predictions is "
        + ", ".join(f"{at.outside.mean.value:.2g} (n = {at.n})" for at in least if at.outside)
        + " of what they are within; least squares of minimum norm has 0 there."
        if least
        else ""
    )
    return section(
        "What predictions react to",
        prose(
            f"In {order.orders} orders of the same examples, predictions vary by "
            f"{order.of_spread.mean.value:.2g} of their spread (median "
            f"{order.of_spread.median.value:.2g}, at most {order.largest:.2g}).{outside}"
        ),
        panels(
            figure(
                "Strength of ridge, by noise",
                "Strength of the ridge regression that comes nearest to the model, with its 95 % "
                "interval, for targets with noise; the line is that of the Bayes predictor, "
                "noise². How far off the nearest is stands beside it.",
                "A nearest strength is not the model’s where even the nearest is far off.",
                lambda axes: _draw_strengths(seen, axes),
            ),
            figure(
                "Error, by noise",
                _ERRORS.format("for targets with noise"), _NO_PROOF,
                lambda axes: _draw_errors([(at.noise, at.errors) for at in seen.noise], axes,
                                          "standard deviation of the noise"),
            ),
            figure(
                "Error, by conditioning",
                _ERRORS.format("for inputs whose covariance has this condition number"), _NO_PROOF,
                lambda axes: _draw_errors(
                    [(at.condition, at.errors) for at in seen.conditioning], axes,
                    "condition number", log=True,
                ),
            ),
            figure(
                "Error, by examples",
                _ERRORS.format("after so many examples"), _NO_PROOF,
                lambda axes: _draw_errors(
                    [(at.n, at.errors) for at in seen.examples if at.errors], axes, "examples"
                ),
            ),
        ),
        "".join(
            prose(f"{at.n} examples are refused: {at.refused}")
            for at in seen.examples
            if at.refused
        ),
    )  # fmt: skip


_ERRORS = (
    "Mean squared error, over the mean square of what is true, of the model, of least squares and "
    "of the Bayes predictor {}: means over prompts with 95 % intervals."
)
_NO_PROOF = "Equal errors are no equal predictions: other algorithms may err as much."


def _draw_strengths(seen: Sensitivity, axes: Axes) -> None:
    noises = np.array([at.noise for at in seen.noise])
    axes.plot(noises, noises**2, "--", color=SECOND, lw=1.2, label="Bayes: noise²")
    for at in seen.noise:
        near = at.nearest
        axes.plot([at.noise] * 2, [near.low, near.high], color=BEST, lw=1.4)
        axes.annotate(
            f"{near.distance.mean.value:.1g}", (at.noise, near.ridge), xytext=(5, 3),
            textcoords="offset points", fontsize=6, color=SOFT, rotation=60,
        )  # fmt: skip
    axes.plot(
        noises, [at.nearest.ridge for at in seen.noise], "o", color=BEST, ms=4.5,
        label="nearest to the model",
    )  # fmt: skip
    axes.set_yscale("symlog", linthresh=1e-2)
    axes.set_ylim(bottom=-2e-3)
    axes.set_xlabel("standard deviation of the noise")
    axes.set_ylabel("strength")
    axes.legend(loc="best")


def _draw_errors(
    rows: Sequence[tuple[float, Errors]], axes: Axes, label: str, log: bool = False
) -> None:
    curves = (("model", "model", BEST, "-"), ("least squares", "least_squares", SECOND, "--"),
              ("Bayes", "bayes", OTHER, ":"))  # fmt: skip
    for name, attribute, colour, dash in curves:
        at = [x for x, _ in rows]
        every = [getattr(errors, attribute).mean for _, errors in rows]
        values = np.maximum([one.value for one in every], FLOOR)
        low = np.clip([one.low for one in every], FLOOR, None)
        axes.fill_between(at, low, np.maximum([one.high for one in every], low),
                          color=colour, alpha=0.15, lw=0)  # fmt: skip
        axes.plot(at, values, dash, color=colour, lw=1.4, marker=".", label=name)
    axes.set_yscale("log")
    # an interval that reaches 0 goes on below
    least = min(getattr(errors, key).mean.value for _, errors in rows for _, key, *_ in curves)
    axes.set_ylim(bottom=max(least, FLOOR) / 10)
    if log:
        axes.set_xscale("log")
    elif all(isinstance(x, int) for x in at):
        _whole(axes)
    axes.set_xlabel(label)
    axes.set_ylabel("relative squared error")
    axes.legend(loc="best")


# -- layer by layer -----------------------------------------------------------------------------

READINGS = {
    "own": ("by the model’s own read-out", BEST, "-"),
    "fitted to prediction": ("by one fitted to its prediction", SECOND, "--"),
    "fitted to truth": ("by one fitted to what is true", OTHER, ":"),
}


def _layers(seen: Layers) -> str:
    rows = [
        (
            one.layer, one.reading, f"{one.to_final.mean.value:.3g}",
            f"{one.to_truth.mean.value:.3g}", stepped(one.best), stepped(one.runner_up),
            f"{one.margin:.2g}",
        )
        for one in seen.exits
    ]  # fmt: skip
    kinds = [
        (target, kind) for target in _in_order(seen, "target") for kind in _in_order(seen, "kind")
    ]
    return section(
        "Layer by layer",
        prose(
            f"The model has {seen.layers} layers on {seen.tokens} tokens of width {seen.width}. "
            f"Predictions are read from the query’s token ({seen.positions['query']}) after each "
            "layer, 0 being the embedding. What is fitted may compute what the model has not; it "
            "is fitted on half of the prompts and judged on the others."
        ),
        panels(
            *(
                figure(
                    f"Distance {to}, by layer",
                    f"Mean squared difference between what is read after a layer and {what}, over "
                    "its mean square: means over prompts with 95 % intervals.",
                    "A layer that is far off may still hold the answer in another form.",
                    partial(_draw_exits, seen, attribute),
                )
                for to, what, attribute in (
                    ("to the prediction", "the model’s prediction", "to_final"),
                    ("to what is true", "what is true", "to_truth"),
                )
            ),
            *(_map(one) for one in _maps(seen)),
            *(_probe(seen, target, kind) for target, kind in kinds),
        ),
        table(
            ("layer", "read", "to the prediction", "to what is true", "most like (SimE)",
             "then", "behind by"),
            rows,
        ),
    )  # fmt: skip


def _in_order(seen: Layers, attribute: str) -> list[str]:
    return list(dict.fromkeys(getattr(one, attribute) for one in seen.probes))


def _draw_exits(seen: Layers, attribute: str, axes: Axes) -> None:
    for reading in dict.fromkeys(one.reading for one in seen.exits):
        label, colour, dash = READINGS[reading]
        exits = [one for one in seen.exits if one.reading == reading]
        at = [one.layer for one in exits]
        every = [getattr(one, attribute).mean for one in exits]
        low = np.clip([one.low for one in every], FLOOR, None)
        axes.fill_between(at, low, np.maximum([one.high for one in every], low),
                          color=colour, alpha=0.15, lw=0)  # fmt: skip
        values = np.maximum([one.value for one in every], FLOOR)
        axes.plot(at, values, dash, color=colour, lw=1.4, marker=".", label=label)
    axes.set_yscale("log")
    _whole(axes)
    axes.set_xlabel("layer")
    axes.set_ylabel("relative squared difference")
    axes.legend(loc="best", fontsize=7)


MAPPED = ("newton", "gradient_descent")  # as in fu2023, with one step size for all steps


def _maps(seen: Layers) -> list[StepMap]:
    return [one for one in seen.maps if one.name in MAPPED and "ridge" not in one.reals]


def _map(one: StepMap) -> str:
    best = ", ".join(map(str, one.best))
    return figure(
        f"{one.name}: SimE of layers and steps",
        f"1 − SimE of what is read after each layer ({READINGS[one.reading][0]}) and {one.name} "
        f"after so many steps, with {parameters_of(one.reals)}, mean over prompts; framed: the "
        f"best step of each layer ({best}).",
        "A straight line of best steps is no proof of this algorithm: others may have the same.",
        lambda axes: _draw_map(one, axes),
    )


def _draw_map(one: StepMap, axes: Axes) -> None:
    from matplotlib.colors import LogNorm
    from matplotlib.patches import Rectangle

    steps, values = one.steps, np.array(one.similarity)  # (layers + 1, steps)
    apart = np.clip(1 - values, 1e-10, None)
    mesh = axes.imshow(
        apart.T, origin="lower", aspect="auto", cmap="cividis_r", interpolation="nearest",
        norm=LogNorm(float(apart.min()), max(float(apart.max()), 2 * float(apart.min()))),
    )  # fmt: skip
    for layer, at in enumerate(values.argmax(axis=1)):
        frame = Rectangle((layer - 0.5, at - 0.5), 1, 1, fill=False, ec="#b3261e", lw=1.5)
        axes.add_patch(frame)
    every = max(1, -(-len(steps) // 9))
    axes.set_yticks(range(0, len(steps), every), labels=[str(s) for s in steps[::every]])
    axes.grid(visible=False)
    _whole(axes)
    axes.set_xlabel("layer")
    axes.set_ylabel("steps")
    axes.figure.colorbar(mesh, ax=axes, label="1 − SimE")


def _probe(seen: Layers, target: str, kind: str) -> str:
    return figure(
        f"{target}, {kind} probe",
        f"R² of a {kind} probe for {target} on held-out prompts after each layer, from the query’s "
        "token, the last example’s and the mean of all (lines); crosses: the largest control, "
        "which is that of other prompts’ targets, of the prompt itself, or of random weights.",
        "What a probe reads, the model need not use; what it does not find may be there.",
        lambda axes: _draw_probe(seen, target, kind, axes),
    )


def _draw_probe(seen: Layers, target: str, kind: str, axes: Axes) -> None:
    styles = zip(_in_order(seen, "position"), (BEST, SECOND, OTHER), ("-", "--", ":"))
    for position, colour, dash in styles:
        found = [
            one for one in seen.probes
            if (one.target, one.kind, one.position) == (target, kind, position)
        ]  # fmt: skip
        at = [one.layer for one in found]
        axes.fill_between(at, [one.r2.low for one in found], [one.r2.high for one in found],
                          color=colour, alpha=0.15, lw=0)  # fmt: skip
        axes.plot(at, [one.r2.value for one in found], dash, color=colour, lw=1.4, marker=".",
                  label=position)  # fmt: skip
        controls = [
            max(c.value for c in (one.permuted, one.prompt, one.random) if c is not None)
            for one in found
        ]
        axes.plot(at, controls, "x", color=colour, ms=5)
    axes.set_ylim(-0.3, 1.05)
    _whole(axes)
    axes.set_xlabel("layer")
    axes.set_ylabel("R²")
    axes.legend(loc="best", fontsize=7)


# -- as released codes --------------------------------------------------------------------------


def _released(released: Released) -> str:
    rows = [
        (
            ranking.measure, one.name, parameters_of(one.parameters), f"{one.mean.value:.4g}",
            f"{one.mean.low:.4g} to {one.mean.high:.4g}", f"{one.median.value:.4g}",
            "; ".join(ranking.cautions) if one is ranking.best else "",
        )
        for ranking in released.rankings
        for one in ranking.matches
    ]  # fmt: skip
    figures = []
    for ranking in released.rankings:
        matches = [match for match in ranking.matches if len(match.steps) > 1]
        if matches:
            figures.append(_profile(ranking, matches))
    for measure, curves in released.curves.items():
        figures.append(_of_curves(released, measure, curves))
    differences = [
        (one.item, one.paper, one.code, one.where) for one in DIFFERENCES[released.paper]
    ]
    return section(
        f"As the released code of {released.paper} measures",
        prose(
            "Step sizes, grids, prompts and means are those of the code, written again. Without "
            f"examples, the model’s prediction is {released.empty}."
        ),
        panels(*figures),
        table(("measure", "learner", "parameters", "mean", "95 %", "median", "but"), rows),
        "<h2>Where the code leaves its paper</h2>",
        table(("what", "paper", "code", "where"), differences),
    )


def _of_curves(released: Released, measure: str, curves: Any) -> str:
    return figure(
        f"{measure} by examples",
        f"{measure} between the model and each learner after so many examples, mean over prompts.",
        "The nearest curve is the nearest of these few learners at their fixed parameters.",
        lambda axes: _draw_curves(released.lengths, measure, curves, axes),
    )


def _draw_curves(lengths: Sequence[int], measure: str, curves: Any, axes: Axes) -> None:
    colours = (BEST, SECOND, OTHER, "#00734f", SOFT, INK)
    for at, (name, values) in enumerate(curves.items()):
        dash = "-" if at < len(colours) else "--"
        axes.plot(
            lengths, np.maximum(values, FLOOR), dash, color=colours[at % len(colours)], lw=1.3,
            label=name,
        )  # fmt: skip
    axes.set_yscale("log")
    _whole(axes)
    axes.set_xlabel("examples")
    axes.set_ylabel(measure)
    axes.legend(loc="best", fontsize=7)
