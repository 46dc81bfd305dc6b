"""Nonlinear features in front of a witness: in-context nonparametric regression."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

import constructions
from constructions.witness import Witness

from ... import algorithms, strategies
from ...claim import Budget, Builder, CheckResult, Promise, check, claim
from ...strategies import grid, positive


@check("numeric", "tested")
def falls_as_fast(budget: Budget, build: Builder, degree: int) -> CheckResult:
    """The error falls with n no slower than the minimax rate, within three standard errors."""
    from ...checks.rates import decay

    sizes = (500, 2000, 8000) if budget.quick else (500, 1000, 2000, 4000, 8000, 16000)
    found = decay(build, degree, sizes, 8 if budget.quick else 16, seed=budget.seed)
    allowed = found.minimax + 3 * found.deviation
    return CheckResult(
        found.slope <= allowed, len(sizes), None, None,
        f"degree {degree}: error ~ n^{found.slope:.3f} (+- {found.deviation:.3f}), minimax "
        f"n^{found.minimax:.3f}",
        None if found.slope <= allowed else {"errors": [f"{e:.3g}" for e in found.errors]},
    )  # fmt: skip


@claim(
    "spline_regression",
    variant="improved",
    source="witness",
    statement=r"\text{one ReLU MLP makes } m \text{ B-splines of degree } p \in \{1, 2\} \text{ "
    r"exactly; the } k - 1 \text{ layers after it are } \tfrac12(3^{k-1} - 1) \text{ gradient "
    r"steps of least squares on them}",
    algorithm=algorithms.spline_regression,
    cases=lambda: strategies.prompts(
        d=st.just(1),
        entries=st.builds(Fraction, st.integers(0, 7), st.just(8)),
        basis=st.integers(3, 5),
        layers=st.integers(2, 3),
        alpha=positive(1, 8),
        degree=st.sampled_from((1, 2)),
    ),
    promises=(Promise("layers", "k"), Promise("heads", "2")),
    sizes=lambda: grid(d=(1,), basis=(3, 4), layers=(2, 3, 4), alpha=(1,)),
    theorems=("deep_descent",),
    checks=lambda build: (falls_as_fast(build, 1), falls_as_fast(build, 2)),
    note="measured on one function, not proved: on m ~ n^(1/(2s+1)) splines, s = p + 1, the error "
    "falls as n^(-2s/(2s+1)), the minimax rate, within what the prompts drawn let tell",
)
def spline_regression(**parameters: Any) -> Witness:
    """In-context nonparametric regression: least squares on B-splines of a number."""
    return constructions.build("spline_regression", **parameters)
