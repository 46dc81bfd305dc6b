"""What constructions do beside their claim: bounds that hold, functions that they only approach."""

from __future__ import annotations

from typing import Any

import constructions

from ...checks.bounds import certified
from ...claim import Check, claim
from .derived import beside


@beside("chebyshev")
def chebyshev_bound() -> Check:
    """The error is within the textbook bound."""
    return certified.chebyshev_bound(constructions.get("chebyshev"))


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
    expected="approximates",
)
def exponential_kernel() -> Any:
    """Boosting with the Nadaraya-Watson smoother is softmax attention, to 100 bits where tried."""
    return (certified.exponential_kernel(constructions.get("kernel_regression")),)
