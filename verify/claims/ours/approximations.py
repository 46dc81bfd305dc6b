"""What constructions do beside their claim: bounds that hold, functions that they only approach."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import constructions

from ... import algorithms
from ...box import Between, Box
from ...checks.bounds import certified
from ...claim import Builder, Check, claim
from .derived import beside

# whatever they are, the two are one function: they stay letters
RATES = {"step_size": Between(Fraction(1, 8), 1), "temperature": Between(Fraction(1, 2), 2)}


@beside("chebyshev")
def chebyshev_bound(build: Builder) -> Check:
    """The error is within the textbook bound."""
    return certified.chebyshev_bound(build)


@claim(
    "logistic.sigmoid",
    variant="improved",
    source="witness",
    statement=r"|s(w_k^\top x) - \sigma(v_k^\top x)| \leq e + \tfrac14 k\eta e\sqrt n\,"
    r"\|X\|\,\|x\|,\ v_k \text{ with the true sigmoid},\ e = \sup|s - \sigma|",
    expected="approximates",
)
def logistic_sigmoid() -> Any:
    """Logistic regression with the true sigmoid, within the bound on every prompt tried."""
    return (certified.logistic_error(constructions.get("logistic")),)


@claim(
    "kernel_regression.exponential",
    variant="improved",
    source="witness",
    statement=r"\text{softmax attention: the same with } K(x, x') = e^{x^\top x'/\tau} / "
    r"\textstyle\sum_j e^{x_j^\top x'/\tau}",
    algorithm=algorithms.kernel_regression,
    box=tuple(
        Box(d, n, parameters={"steps": steps, "kernel": "exponential", **RATES})
        for d, n, steps in ((1, 1, 1), (2, 3, 1), (5, 10, 1), (1, 2, 2), (2, 3, 2), (2, 2, 3))
    ),
    expected="holds",
    checks=lambda build: (certified.exponential_kernel(build),),
)
def exponential_kernel(**parameters: Any) -> Any:
    """Boosting with the Nadaraya-Watson smoother is softmax attention."""
    return constructions.build("kernel_regression", **parameters)
