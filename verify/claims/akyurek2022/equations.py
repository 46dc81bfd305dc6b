"""akyurek2022: equations 11, 14 and 19, which need no network."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ... import algorithms, strategies
from ...checks.case import reference
from ...checks.statements import formula, theorem
from ...claim import Check, claim
from ...strategies import Case, as_text, positive
from . import PAPER

HALF = Fraction(1, 2)


def _identity(left: Any, right: Any, cases: Any) -> Check:
    """Two formulas of one case, equal in fractions."""

    def test(case: Case) -> dict[str, Any] | None:
        a, b = left(case), right(case)
        return None if a == b else case.to_json() | {"left": as_text(a), "right": as_text(b)}

    return formula(lambda: cases, test, "both sides equal in fractions")


def _start(case: Case) -> list[Fraction]:
    return list(case.queries[0])  # w of the statement


def _eq11(case: Case) -> Fraction:
    """One entry of w', written as printed, against a direction of the query."""
    (x,), (y,), w = case.X, case.y, _start(case)
    alpha, lam = case.parameters["step_size"], case.parameters["ridge"]
    fitted = sum(p * q for p, q in zip(w, x))
    after = [wi - 2 * alpha * (xi * fitted - y * xi + lam * wi) for xi, wi in zip(x, w)]
    return sum((i + 1) * wi for i, wi in enumerate(after))


def _central_difference(case: Case) -> Fraction:
    """The same from the loss alone: central differences are exact on quadratics."""
    (x,), (y,), w = case.X, case.y, _start(case)
    alpha, lam = case.parameters["step_size"], case.parameters["ridge"]

    def loss(v: Sequence[Fraction]) -> Fraction:
        return (sum(p * q for p, q in zip(v, x)) - y) ** 2 + lam * sum(p * p for p in v)

    after = []
    for i, wi in enumerate(w):
        up, down = list(w), list(w)
        up[i], down[i] = wi + HALF, wi - HALF
        after.append(wi - alpha * (loss(up) - loss(down)))
    return sum((i + 1) * wi for i, wi in enumerate(after))


@claim(
    "akyurek2022.eq11",
    source=f"{PAPER}, eq. 11",
    statement=r"w' = w - 2\alpha(x\,w^\top x - y x + \lambda w)",
    summary="one gradient step on one example with a ridge term",
)
def eq11() -> tuple[Check, ...]:
    cases = strategies.prompts(
        n=st.just(1), m=st.just(1), step_size=positive(), ridge=strategies.fractions()
    )
    return _identity(_eq11, _central_difference, cases), theorem("akyurek2022.eq11")


def _eq14(case: Case) -> Fraction:
    (x,), (y,), lam = case.X, case.y, case.parameters["ridge"]
    d = len(x)
    inverse = [
        [
            (i == j) / lam - x[i] * x[j] / lam**2 / (1 + sum(p * p for p in x) / lam)
            for j in range(d)
        ]
        for i in range(d)
    ]
    after = [sum(p * q for p, q in zip(row, x)) * y for row in inverse]
    return sum(p * q for p, q in zip(case.queries[0], after))


@claim(
    "akyurek2022.eq14",
    source=f"{PAPER}, eq. 14",
    statement=r"(\lambda I + x x^\top)^{-1} x y = \Bigl(\tfrac I\lambda - \frac{\tfrac I\lambda "
    r"x x^\top \tfrac I\lambda}{1 + x^\top \tfrac I\lambda x}\Bigr) x y",
    summary="Sherman-Morrison for one example gives the ridge weights",
)
def eq14() -> tuple[Check, ...]:
    cases = strategies.prompts(n=st.just(1), m=st.just(1), ridge=positive())
    ridge = partial(reference, algorithms.ridge)
    return _identity(_eq14, lambda case: ridge(case)[0], cases), theorem("akyurek2022.eq14")


def _posterior_mean(case: Case) -> Fraction:
    """E[w^T x | y] by conditioning the joint Gaussian: k^T (K + sigma^2 I)^-1 y."""
    noise, prior = case.parameters["noise"], case.parameters["prior"]
    gram = case.X @ case.X.T * prior + np.array(
        [[noise * (i == j) for j in range(len(case.X))] for i in range(len(case.X))], dtype=object
    )
    return (case.queries[0] @ case.X.T * prior) @ algorithms.solve(gram, case.y)


def _ridge_of_noise(case: Case) -> Fraction:
    lam = case.parameters["noise"] / case.parameters["prior"]
    return algorithms.ridge(case.X, case.y, case.queries, lam)[0]


@claim(
    "akyurek2022.eq19",
    source=f"{PAPER}, eq. 19",
    statement=r"w \sim N(0, \tau^2 I),\ \varepsilon \sim N(0, \sigma^2):\ \text{the minimum Bayes "
    r"risk predictor is ridge with } \lambda = \sigma^2/\tau^2",
    summary="the Bayes predictor under Gaussian prior and noise is ridge regression",
    note="noise and prior are the variances sigma^2 and tau^2; the risk is the squared error, "
    "whose best predictor is the posterior mean",
)
def eq19() -> tuple[Check, ...]:
    cases = strategies.prompts(m=st.just(1), noise=positive(), prior=positive())
    return _identity(_posterior_mean, _ridge_of_noise, cases), theorem("akyurek2022.eq19")
