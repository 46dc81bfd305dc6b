"""fu2023, section 4: what is inferred from layers that match an algorithm's steps.

The measurements of trained models are the paper's, and nothing is said against them. The inferences
are run as statements: a premise about a measured profile, a conclusion about the algorithm. A
witness whose algorithm is known has the profile at the paper's size, d = 20 and 40 examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb
from hypothesis import strategies as st

import constructions
from constructions.witness import Witness

from ... import algorithms, strategies
from ...checks.readings import profile, prompts, readout
from ...checks.statements import formula, theorem
from ...claim import Budget, Check, CheckResult, Differs, check, claim, repair
from ...strategies import Case, as_text, positive
from . import PAPER

D, N = 20, 40
STEP_SIZE = Fraction(1, 100)  # of gradient descent, as in the released code
LAYERS, QUICK = 7, 5
NEWTON = range(27)  # numbers of steps that are tried; the released code tries 1 to 23
GRADIENT = tuple(2**j for j in range(13))  # the released code's, in its logarithmic figure
RUN_IN_FRACTIONS = 4  # layers of which the predictions are compared in fractions


# -- the profile --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trend:
    """The premise: SimE with Newton, how much further each layer gets, and by what factor."""

    similar: Fraction = Fraction(98, 100)  # every layer's SimE with the steps it matches
    least: int = 2  # Newton steps that a layer adds
    most: int = 4
    mean: tuple[Fraction, Fraction] = (Fraction(5, 2), Fraction(7, 2))  # "roughly 3" of them
    factor: Fraction = Fraction(2)  # by which a layer multiplies gradient steps, at least

    def missing(
        self, newton: Sequence[profile.Match], descent: Sequence[profile.Match]
    ) -> str | None:
        """What of it a profile lacks."""
        if any(match.last for match in (*newton, *descent)):
            return "a layer matches the greatest number of steps that was tried"
        bound = arb(self.similar.numerator) / self.similar.denominator
        if not all(match.similarity > bound for match in (*newton, *descent)):
            return f"a layer's SimE is not above {self.similar}"
        more = [b.steps - a.steps for a, b in zip(newton, newton[1:])]
        low, high = self.mean
        if not all(self.least <= step <= self.most for step in more):
            return f"layers add {more} Newton steps"
        if not low * len(more) <= sum(more) <= high * len(more):
            return f"layers add {more} Newton steps, which is not about 3 each"
        if not all(b.steps >= self.factor * a.steps for a, b in zip(descent, descent[1:])):
            return "gradient steps do not grow by a factor a layer"
        return None


def gradient_steps(layers: int) -> list[int]:
    """Numbers of gradient steps that are tried: the released code's, and what layers make."""
    return sorted({*GRADIENT, *((3**layer - 1) // 2 for layer in range(layers + 1))})


@check("exact", "exact", transformer=False)
def second_order_by_profile(
    budget: Budget,
    model: Witness | None = None,
    case: Case | None = None,
    trend: Trend | None = None,
) -> CheckResult:
    """A model with this profile is no second-order method: each layer is gradient descent."""
    layers = QUICK if budget.quick else LAYERS
    model = model or constructions.build("deep_descent", d=D, layers=layers, alpha=STEP_SIZE)
    case, trend = case or prompts.gaussian(0, D, N + 1), trend or Trend()
    layers = len(model.layer_list)
    tried = gradient_steps(layers)
    measured = profile.of(
        model,
        case,
        {"newton": (profile.newton, NEWTON), "descent": (profile.descent(STEP_SIZE), tried)},
    )
    newton, descent = measured["newton"], measured["descent"]
    lacks = trend.missing(newton, descent)
    if lacks is not None:
        return CheckResult(None, detail=f"the premise is not met: {lacks}")
    last = Case(case.parameters, case.X[:-1], case.y[:-1], case.X[-1:])
    first = model.with_layers(model.layer_list[:RUN_IN_FRACTIONS])
    made = prompts.by_layer(first, last)
    steps = profile.descended(last, STEP_SIZE, [match.steps for match in descent[: len(made)]])
    for (predicted,), wanted, match in zip(made, steps, descent):
        if predicted != wanted:
            return CheckResult(
                None, detail=f"a layer is not {match.steps} gradient steps: nothing is concluded"
            )
    apart = profile.differ(last, [p for (p,) in made], [match.steps for match in newton])
    if not apart:
        return CheckResult(None, detail="a layer may be the Newton steps that it matches")
    shown = last.to_json() | {
        "model": f"deep_descent, {layers} layers, alpha = {STEP_SIZE}: gradient descent",
        "Newton steps matched": [match.steps for match in newton],
        "SimE with them": [f"{float(match.similarity.mid()):.4f}" for match in newton],
        "gradient steps matched": [match.steps for match in descent],
        "prediction": [as_text(made[-1][0])],
        "layer": len(made),
    }
    raise Differs(
        f"layers 1 to {layers} match {shown['Newton steps matched']} Newton steps, SimE above "
        f"{trend.similar}, and {shown['gradient steps matched']} gradient steps, which layers 1 to "
        f"{len(made)} are in fractions",
        shown,
    )


@claim(
    "fu2023.match",
    source=f"{PAPER}, section 4.2",
    statement=r"\text{layers that match Newton's steps linearly, about 3 a layer, and gradient "
    r"descent's exponentially, run a second-order method}",
    expected="refuted",
    note="the inference is refuted, not the measurement. By the paper's SimE, at its size and with "
    "its step size, layers 1 to 7 of plain gradient descent match 1, 4, 7, 11, 14, 16, 20 Newton "
    "steps: each makes 3N + 1 steps of N, which adds 2 log2(3) = 3.17. The lower bounds that rule "
    "out gradient methods count gradients, and a layer composes many. As a function of the prompt "
    "even Newton's iterate is first-order: 2^(k+1) gradient steps",
)
def match_printed() -> tuple[Check, ...]:
    """What layers match tells whether a model runs a second-order method."""
    return second_order_by_profile(), theorem("fu2023.match.rates", "deep_descent.layers")


def _by_turns(case: Case) -> dict[str, Any] | None:
    """The predictions of a case where k Newton steps are not 2^(k+1) gradient steps."""
    k, b = case.parameters["iterations"], case.parameters["root"]
    newton = algorithms.newton(case.X, case.y, case.queries, k, b * b)
    w = case.X[0] * 0
    for step in range(2 ** (k + 1)):
        size = b if step % 2 == 0 else -b
        w = w - algorithms.gradient(case.X, case.y, w) * (size / 2)
    descended = case.queries @ w
    if (newton == descended).all():
        return None
    return case.to_json() | {
        "prediction": as_text(newton.tolist()),
        "algorithm": as_text(descended.tolist()),
    }


@repair(
    "fu2023.match",
    "run a second-order method -> multiply the number of gradient steps by a factor each",
    statement=r"\text{such layers multiply the number of gradient steps; } k \text{ Newton steps "
    r"from } b^2 S \text{ are themselves } 2^{k+1} \text{ of them, of sizes } b, -b",
)
def match_repaired() -> tuple[Check, ...]:
    """What layers match tells by how much a layer multiplies the number of gradient steps."""
    found = formula(
        lambda: strategies.prompts(iterations=st.integers(0, 3), root=positive()),
        _by_turns,
        "k Newton steps from b^2 S are 2^(k+1) gradient steps of sizes b and -b, k = 0 to 3",
    )
    return found, theorem("fu2023.match.newton")


# -- fitted read-outs ---------------------------------------------------------------------------

ILL_CONDITIONED = [10] * (D // 2) + [1] * (D // 2)  # singular values: eigenvalues 100 and 1
DISTINCT = range(1, D + 1)


def _momentum() -> Witness:
    return constructions.build(
        "momentum", d=D, steps=4, step_size=Fraction(1, 128), momentum=Fraction(1, 2)
    )


def _drawn(roots: Sequence[int], seeds: Sequence[int], queries: int) -> list[Case]:
    return [prompts.with_spectrum(seed, roots, N, queries) for seed in seeds]


def _answers(case: Case) -> np.ndarray:
    return case.queries @ prompts.least_squares(case)


@check("exact", "exact", transformer=False)
def reached_by_read_out(
    budget: Budget, model: Witness | None = None, roots: Sequence[int] = ILL_CONDITIONED
) -> CheckResult:
    """What a read-out fitted to a layer predicts, the model predicts somewhere."""
    model = model or _momentum()
    to_fit, fresh = _drawn(roots, (0, 1, 2), 12), _drawn(roots, (3, 4), 4)
    found = readout.fitted(model, to_fit, [_answers(case) for case in to_fit])
    cases = len(to_fit) + len(fresh)
    exact = [(layer, weights) for layer, weights in enumerate(found) if weights is not None]
    if not exact:
        many = f"on prompts of {len(set(roots))} eigenvalues"
        detail = f"{many} no read-out of any layer gives least squares"
        return CheckResult(True, cases, detail=detail)
    first, weights = exact[0]
    for case in fresh:
        if (readout.query_states(model, case)[first] @ weights != _answers(case)).any():
            return CheckResult(None, detail="the read-out is exact only where it was fitted")
    for case in fresh:
        want, own = _answers(case), prompts.by_layer(model, case)
        if any((np.array(layer, dtype=object) == want).any() for layer in own):
            return CheckResult(None, detail="a layer of the model predicts the same somewhere")
    raise Differs(
        f"a read-out fitted to layer {first} is exactly least squares on all queries of fresh "
        "prompts; at none of them any layer of the model is",
        case.to_json()
        | {
            "layer": first,
            "weights of the read-out": [as_text(weight) for weight in weights if weight],
            "prediction": as_text(own[-1]),
            "algorithm": as_text(want.tolist()),
        },
    )


@claim(
    "fu2023.readout",
    source=f"{PAPER}, section 4.1",
    statement=r"\text{what a read-out re-trained on layer } \ell \text{ predicts, the model has "
    r"computed by layer } \ell",
    expected="refuted",
    note="the inference is refuted, not the measurement. Two slots of the heavy ball hold two "
    "polynomials of S, which two weights combine to its inverse on any two eigenvalues, here 100 "
    "and 1: the read-out solves what the model does not, at a condition number of 100",
)
def readout_printed() -> tuple[Check, ...]:
    """A layer has computed what a read-out that is fitted to it predicts."""
    return (reached_by_read_out(),)


@repair(
    "fu2023.readout",
    "on prompts with more different eigenvalues than a layer has slots for",
    statement=r"\text{on prompts of } d \text{ different eigenvalues no read-out is least squares "
    r"from a layer that holds polynomials in } S \text{ of degree below } d - 1",
)
def readout_repaired() -> tuple[Check, ...]:
    """Where the eigenvalues are many, no fitted read-out computes what the model has not."""
    return reached_by_read_out(roots=DISTINCT), theorem("readings.responses")
