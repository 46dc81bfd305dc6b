"""The best rates of linear self-attention on Gaussian regression, as exact claims.

Joint tokens (x_i, y_i), x ~ N(0, I), w ~ N(0, I), y = w·x + noise of variance v at the examples;
the loss is E (prediction - w·x_q)². The convention of a rate has to be said: w goes from 0 to rate
times sum_i y_i x_i, the step on 1/2 sum_i (w·x_i - y_i)². On sum_i (w·x_i - y_i)², whose gradient
has a factor of 2, the step size is half of it; on the mean of 1/2 (w·x_i - y_i)², n times.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import sympy
from hypothesis import strategies as st

import constructions
from constructions.witness import Witness

from ...checks.analysis.dimensions import best_layer, optimum_for_every_d
from ...checks.analysis.losses import Regression, n
from ...checks.statements import formula
from ...claim import Check, Domain, claim
from ...learners.optimal import expected_loss, least_of_steps, optimal_rates

eta, v = sympy.symbols("eta v")
DATA = Regression(noise=v)
NOISE = (Fraction(0), Fraction(1, 4), Fraction(1), Fraction(4))
SIZES = Domain(
    "d = 1 to 6, n = 1 to 12, noise of variance 0 to 4",
    lambda case: 1 <= case[0] <= 6 and 1 <= case[1] <= 12 and 0 <= case[2] <= 4,
)


def rate(d: Any) -> Any:
    """The best step on 1/2 sum_i (w·x_i - y_i)²."""
    return 1 / (n + d + 1 + v)


def least(d: Any) -> Any:
    """The loss that it has."""
    return d * (d + 1 + v) / (n + d + 1 + v)


def step(d: int) -> Witness:
    """One layer: a step of any size on 1/2 sum_i (w·x_i - y_i)²."""
    return constructions.build("gd_plus_plus", d=d, steps=1, step_size=eta, gamma=0)


def gradient_step(d: int, loss: str) -> Witness:
    """One step on sum_i (w·x_i - y_i)², or on its mean over 2n."""
    return constructions.build("gradient_descent", d=d, steps=1, step_size=eta, loss=loss)


@claim(
    "optimal_rate",
    variant="improved",
    source="witness; ahn2023, theorem 1, with noise",
    statement=r"\text{of all steps } w = \eta \textstyle\sum_i y_i x_i \text{ the expected loss is "
    r"least at } \eta = 1/(n + d + 1 + \sigma^2) \text{, where it is } d(d + 1 + \sigma^2)/"
    r"(n + d + 1 + \sigma^2) \text{, for every } n, d, \sigma",
)
def optimal_rate() -> list[Check]:
    """The best step of one layer is 1/(n + d + 1 + noise), whichever way the loss is scaled."""
    return [
        optimum_for_every_d(step, lambda d: {"eta": rate(d)}, DATA, least),
        optimum_for_every_d(
            lambda d: gradient_step(d, "sum"), lambda d: {"eta": rate(d) / 2}, DATA, least
        ),
        optimum_for_every_d(
            lambda d: gradient_step(d, "mean"), lambda d: {"eta": n * rate(d)}, DATA, least
        ),
    ]


@claim(
    "optimal_rate.layer",
    variant="improved",
    source="witness; ahn2023, theorem 1, with noise and any number of heads",
    statement=r"\text{no layer of linear self-attention over tokens } (x_i, y_i), (x_q, 0) \text{, "
    r"whatever its heads, weights and biases, has a lower expected loss than the step } \eta = "
    r"1/(n + d + 1 + \sigma^2) \text{, for every } n, d, \sigma",
)
def best_of_all_layers() -> Check:
    """One step at the best rate is the best that any layer of linear self-attention can do."""
    return best_layer(step, lambda d: {"eta": rate(d)}, DATA, least)


def sizes() -> st.SearchStrategy[tuple[int, int, Fraction]]:
    """(d, n, noise)"""
    return st.tuples(st.integers(1, 6), st.integers(1, 12), st.sampled_from(NOISE))


def not_better(case: tuple[int, int, Fraction]) -> Mapping[str, Any] | None:
    """Where two layers at these rates are no better than the best two steps; None if they are."""
    d, n, noise = case
    found = optimal_rates(2, d, n, float(noise))
    loss = expected_loss(found.step_sizes, found.gammas, d, n, noise)
    plain = least_of_steps(2, d, n, noise)
    if loss < plain:
        return None
    return {"d": d, "n": n, "noise": str(noise), "loss": str(loss), "two steps": str(plain)}


@claim(
    "optimal_rate.two_layers",
    variant="improved",
    source="witness",
    statement=r"\text{two layers that transform the data (GD++) have rates at which the expected "
    r"loss is lower than that of any two gradient steps, whatever their rates and momentum}",
)
def two_layers() -> Check:
    """Two layers of GD++ are better than any two gradient steps on Gaussian regression."""
    return formula(
        sizes,
        not_better,
        "both losses in fractions, from the moments E tr S^k; the rates are those of optimal_rates",
        SIZES,
    )
