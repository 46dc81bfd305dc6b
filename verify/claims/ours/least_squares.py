"""Ridge regression example by example, the inverse stored nowhere."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

import constructions
from constructions.witness import Witness

from ... import algorithms, strategies
from ...claim import Promise, claim
from ...formulas import reference
from ...strategies import positive
from .core import ENTRIES, grid, letters
from .shallow import small_floats


def _ridge_cases() -> Any:
    """Whole prompts with a ridge; the witness knows their length."""
    return strategies.prompts(
        entries=ENTRIES, build=lambda drawn, d, n: {"examples": n}, ridge=positive()
    )


def _ridge_floats(lowest: float) -> Any:
    """The same in floats; the ridge is |X|_2^2 or `lowest` times that."""
    return small_floats(
        lambda X, drawn: {
            "examples": len(X), "ridge": float(np.linalg.norm(X, 2)) ** 2 * drawn["ridge"],
        },
        ridge=st.sampled_from((1.0, lowest)),
    )  # fmt: skip


@claim(
    "recursive_least_squares",
    variant="improved",
    source="witness",
    statement=r"2n \text{ layers of width } 4d + n + 6 \text{ leave } w_n^\top x,\ w_n = "
    r"(\lambda I + X^\top X)^{-1} X^\top y, \text{ and at example } t \text{ the prediction } "
    r"w_{t-1}^\top x_t \text{ from those before it}",
    algorithm=algorithms.ridge,
    formula=reference("recursive_least_squares"),
    cases=_ridge_cases,
    floats=lambda: _ridge_floats(1e-3),
    symbolic={"d": 2, "n": 1, "examples": 1, "ridge": Fraction(1, 2)},
    promises=(
        Promise("layers", "2*n"),
        Promise("width", "4*d + n + 6"),
        Promise("heads", "1"),
    ),
    sizes=lambda: grid(d=(1, 2, 3, 5), examples=(1, 2, 4), ridge=(1,)),
    theorems=("recursive_least_squares",),
    assembled=lambda: grid(d=(3,), examples=(4,), ridge=letters("ridge")),
)  # fmt: skip
def recursive_least_squares(**parameters: Any) -> Witness:
    """Ridge regression after every prefix, two layers per example, O(d + n) hidden units."""
    return constructions.build("recursive_least_squares", **parameters)


@claim(
    "paired_least_squares",
    variant="improved",
    source="witness",
    statement=r"\text{one layer per example: } n \text{ layers (even } n) \text{ of width } 8d + n "
    r"+ 14 \text{ leave } x^\top(\lambda I + X^\top X)^{-1}X^\top y",
    algorithm=algorithms.ridge,
    formula=reference("paired_least_squares"),
    cases=_ridge_cases,
    floats=lambda: _ridge_floats(1e-2),
    symbolic={"d": 1, "n": 2, "examples": 2, "ridge": Fraction(1, 2)},
    promises=(
        Promise("layers", "n"),
        Promise("width", "8*d + n + 14"),
        Promise("heads", "4"),
    ),
    sizes=lambda: grid(d=(1, 2, 3, 5), examples=(2, 4, 6), ridge=(1,)),
    theorems=("paired_least_squares",),
    assembled=lambda: grid(d=(3,), examples=(4,), ridge=letters("ridge")),
)  # fmt: skip
def paired_least_squares(**parameters: Any) -> Witness:
    """Ridge regression at one layer per example, two examples at a time."""
    return constructions.build("paired_least_squares", **parameters)


# -- Bayes and selection --------------------------------------------------------------------------


@claim(
    "bayes_ridge",
    variant="improved",
    source="witness",
    statement=r"w \sim N(0, \tau^2 I),\ y = w^\top x + N(0, \sigma^2): \text{ posterior mean and "
    r"variance of } w^\top x,\ \lambda = \sigma^2/\tau^2",
    algorithm=algorithms.bayes_ridge,
    formula=reference("bayes_ridge"),
    cases=lambda: strategies.prompts(
        entries=ENTRIES,
        build=lambda drawn, d, n: {"examples": n},
        noise=positive(),
        prior=positive(),
        output=st.sampled_from(("mean", "variance")),
    ),
    promises=(
        Promise("layers", "2*n + 1"), Promise("width", "4*d + n + 7"), Promise("heads", "1"),
    ),
    sizes=lambda: grid(d=(1, 2, 3, 5), examples=(1, 2, 4), noise=(1,), prior=(1,)),
    theorems=("recursive_least_squares",),
    assembled=lambda: grid(
        d=(3,), examples=(4,), noise=letters("noise"), prior=letters("prior"),
        output=("mean", "variance"),
    ),
)  # fmt: skip
def bayes_ridge(**parameters: Any) -> Witness:
    """The Bayes predictor and its uncertainty, by recursive least squares."""
    return constructions.build("bayes_ridge", **parameters)


@claim(
    "selection",
    variant="improved",
    source="witness",
    statement=r"\text{of two ridge regressions on the first } n - v \text{ examples, the one with "
    r"the smaller squared error on the last } v",
    algorithm=algorithms.selection,
    cases=lambda: strategies.prompts(
        d=st.integers(1, 2),
        n=st.integers(2, 4),
        build=lambda drawn, d, n: {
            "examples": n,
            "validation": 1 + (n > 2),
            "ridges": (drawn["ridge"], drawn["ridge"] * 9),
        },
        ridge=positive(),
    ).filter(_decided),
    promises=(Promise("heads", "2"),),
    sizes=lambda: [
        {"d": d, "examples": n, "validation": 1, "ridges": (1, 2)} for d in (1, 2) for n in (2, 3)
    ],
    theorems=("recursive_least_squares",),
)  # fmt: skip
def selection(ridge: Any = None, **parameters: Any) -> Witness:
    """The better of two ridge strengths on held-out examples, chosen exactly, in context."""
    return constructions.build("selection", **parameters)


def _decided(case: Any) -> bool:
    """Whether the validation errors differ: a tie has no answer."""
    try:
        algorithms.selection(
            case.X, case.y, case.queries, case.parameters["validation"], case.parameters["ridges"]
        )
    except ZeroDivisionError:
        return False
    return True
