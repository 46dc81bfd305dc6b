"""akyurek2022, section 4.3: the algorithm that is named after the nearest predictor of a grid.

The measurements of trained models are the paper's, and nothing is said against them. Run is the
inference from them, on a model that is gradient descent at every depth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import groupby

import numpy as np
from flint import arb

import constructions
from constructions.witness import Witness

from ...checks.readings import nearest, prompts
from ...checks.statements import theorem
from ...claim import Budget, Check, CheckResult, Differs, check, claim, repair
from ...strategies import Case, as_text
from . import PAPER

D = 20
LAYERS = 8
RATE = Fraction(1, 100)
# figure 3's, by the names that it gives them
PREDICTORS: Mapping[str, nearest.Predictor] = {
    "OLS": nearest.ridge(Fraction(0)),
    "Ridge(0.1)": nearest.ridge(Fraction(1, 10)),
    "Ridge(0.5)": nearest.ridge(Fraction(1, 2)),
    "GD(0.01)": nearest.descent(Fraction(1, 100)),
    "GD(0.02)": nearest.descent(Fraction(1, 50)),
    "SGD(0.01)": nearest.one_pass(Fraction(1, 100)),
    "SGD(0.03)": nearest.one_pass(Fraction(3, 100)),
    "KNN(3, uniform)": nearest.neighbours(3, weighted=False),
    "KNN(3, weighted)": nearest.neighbours(3, weighted=True),
}
SAME = arb(2) ** -60  # a mean squared difference that is rounding
PHASES = ("GD", "Ridge", "OLS")  # with growing depth, as the text reads the figure


def steps(layers: int) -> int:
    """Gradient steps that so many layers of deep_descent make."""
    return (3**layers - 1) // 2


def refined(layers: int) -> dict[str, nearest.Predictor]:
    """The figure's predictors, and more than one step of gradient descent among them."""
    more = {
        f"{steps(k)} steps of GD({float(RATE)})": nearest.descent(RATE, steps(k))
        for k in range(2, layers + 1)
    }
    return {**PREDICTORS, **more}


@check("exact", "exact", transformer=False)
def algorithm_by_nearest(budget: Budget, model: Witness | None = None) -> CheckResult:
    """A model whose nearest predictors go through these phases runs what is nearest to it."""
    model = model or constructions.build("deep_descent", d=D, layers=LAYERS, alpha=2 * RATE)
    cases = [prompts.gaussian(seed, D, D) for seed in (0, 1)]
    layers = len(model.layer_list)
    by_layer = nearest.distances(model, cases, refined(layers))
    better = [nearest.nearest(of_layer) for of_layer in by_layer]
    found = [
        nearest.nearest({name: of_layer[name] for name in PREDICTORS}) for of_layer in by_layer
    ]
    phases = tuple(name for name, _ in groupby(name.partition("(")[0] for name in found))
    if phases != PHASES:
        return CheckResult(None, detail=f"the premise is not met: phases {', '.join(phases)}")
    own = [name for name in better if name.rpartition(" ")[2] == f"GD({float(RATE)})"]
    if own != better or not all(
        of_layer[name] < SAME for of_layer, name in zip(by_layer, own, strict=True)
    ):
        return CheckResult(None, detail=f"a layer is not gradient descent: {', '.join(better)}")
    case = cases[0]
    shown = replace(case, X=case.X[:-1], y=case.y[:-1], queries=case.X[-1:]).to_json()
    raise Differs(
        f"nearest after 1 to {layers} layers: {', '.join(found)}; of a grid with more steps of "
        "gradient descent it is that, at every depth",
        {
            **shown,
            "model": f"deep_descent, 1 to {layers} layers, alpha = {2 * RATE}: gradient descent",
            "nearest of the figure's": found,
            "nearest with more steps": better,
        },
    )


@claim(
    "akyurek2022.phases",
    source=f"{PAPER}, section 4.3, figure 3",
    statement=r"\text{a model runs the predictor that is nearest to it: with depth it goes from "
    r"gradient descent to ridge regression to least squares}",
    expected="refuted",
    note="the inference is refuted, not the measurement. A model that is gradient descent at every "
    "depth, (3^L - 1)/2 steps in L layers, goes through the same phases by the same measure: the "
    "grid has one step of gradient descent and no more, so that later ones are nearest to ridge",
)
def phases_printed() -> tuple[Check, ...]:
    """The nearest predictor of a grid is the algorithm that a model runs."""
    return (algorithm_by_nearest(),)


# -- repaired: responses ------------------------------------------------------------------------


def response(model: Witness, eigenvalue: int, n: int) -> list[Fraction]:
    """r after each layer: prediction / x^T X^T y at a prompt with X^T X = eigenvalue I.

    Raises ValueError unless it is the same r for every query.
    """
    unit = prompts.with_spectrum(eigenvalue, [1] * model.d, n, 3)
    blocks = _scaled(unit, eigenvalue)
    pull = blocks.queries @ (blocks.X.T @ blocks.y)
    made = []
    for predictions in prompts.by_layer(model, blocks):
        found = {p / own for p, own in zip(predictions, pull, strict=True)}
        if len(found) > 1:
            raise ValueError("the model does not see the data through eigenvalues")
        made.append(found.pop())
    return made


def _scaled(case: Case, eigenvalue: int) -> Case:
    """As many copies of each example as the eigenvalue says."""
    X = np.concatenate([case.X] * eigenvalue)
    return Case(case.parameters, X, np.concatenate([case.y] * eigenvalue), case.queries)


@check("exact", "exact", transformer=False)
def told_by_response(budget: Budget, model: Witness | None = None) -> CheckResult:
    """At as many eigenvalues as degrees allow, the responses are those of gradient descent, and of
    no ridge regression whatever its strength."""
    model = model or constructions.build("deep_descent", d=D, layers=2, alpha=2 * RATE)
    layers = len(model.layer_list)
    eigenvalues = range(1, steps(layers) + 2)  # p has degree N - 1, and p (s + ridge) - 1 degree N
    measured = [response(model, s, D) for s in eigenvalues]
    for layer, values in enumerate(zip(*measured, strict=True), start=1):
        for s, value in zip(eigenvalues, values, strict=True):
            want = (1 - (1 - 2 * RATE * s) ** steps(layer)) / s
            if value != want:
                raise Differs(
                    f"layer {layer} at X^T X = {s} I: {value}, not {want}",
                    {"layer": layer, "eigenvalue": s, "response": as_text(value),
                     "gradient descent": as_text(want)},
                )  # fmt: skip
        strengths = {1 / value - s for s, value in zip(eigenvalues, values, strict=True)}
        if len(strengths) == 1:
            shown = {"layer": layer, "ridge": as_text(strengths.pop())}
            raise Differs(f"layer {layer} is ridge regression as well", shown)
    detail = (
        f"responses at X^T X = s I, s = 1 to {eigenvalues[-1]}: those of 1 to {steps(layers)} "
        "gradient steps after each layer, and no ridge regression has two of them"
    )
    return CheckResult(True, len(eigenvalues) * layers, detail=detail)


@repair(
    "akyurek2022.phases",
    "nearest of a grid -> equal response r(s) at X^T X = s I for D + 1 eigenvalues s",
    statement=r"\text{responses } p/q \text{ and } P/Q \text{ that agree at } D + 1 "
    r"\text{ eigenvalues, } D = \deg(pQ - Pq), \text{ are one function}",
)
def phases_repaired() -> tuple[Check, ...]:
    """Algorithms are told by their responses at enough eigenvalues, without a grid."""
    return told_by_response(), theorem("readings.responses")
