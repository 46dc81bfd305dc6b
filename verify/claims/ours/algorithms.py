"""More algorithms as transformers: each step of each of them is one layer."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

import constructions
from constructions.witness import Witness

from ... import algorithms, strategies
from ...checks import residual
from ...checks.bounds import certified
from ...checks.proof import Matrix
from ...claim import Promise, claim
from ...formulas import reference
from ...strategies import positive
from .core import ENTRIES, grid, letters
from .shallow import SMALL, small_floats

HALVES = st.sampled_from((Fraction(1, 2), Fraction(1, 3), Fraction(9, 10)))


def _scaled(**names: float) -> Any:
    """Parameters that are multiples of |X|^-2."""
    return lambda X, drawn: {
        name: factor / float(np.linalg.norm(X)) ** 2 for name, factor in names.items()
    }


# -- momentum, Chebyshev, preconditioner ----------------------------------------------------------


def _momentum_residual(s: Any, steps: int, step_size: Any, momentum: Any) -> Any:
    before, now = 1, 1
    for _ in range(steps):
        before, now = now, now - step_size * s * now + momentum * (now - before)
    return now


def _momentum_letters() -> list[dict[str, Any]]:
    import sympy

    eta, beta = sympy.symbols("eta beta")
    return [{"steps": k, "step_size": eta, "momentum": beta} for k in (1, 2, 3, 4)]


@claim(
    "momentum",
    variant="improved",
    source="witness",
    statement=r"k \text{ layers leave } w_k^\top x,\; w_{k+1} = w_k - \eta\nabla L(w_k) + "
    r"\beta(w_k - w_{k-1})",
    algorithm=algorithms.momentum,
    formula=reference("momentum"),
    cases=lambda: strategies.prompts(
        entries=ENTRIES, steps=SMALL, step_size=positive(), momentum=HALVES
    ),
    floats=lambda: small_floats(
        _scaled(step_size=1.0), steps=st.integers(1, 8), momentum=st.sampled_from((0.5, 0.9))
    ),
    symbolic={"d": 2, "n": 1, "steps": 2, "step_size": Fraction(1, 2), "momentum": Fraction(1, 3)},
    promises=(Promise("layers", "k"), Promise("width", "d + 2"), Promise("heads", "1")),
    sizes=lambda: grid(d=(1, 2, 3, 5), steps=(1, 2, 4), step_size=(1,), momentum=(Fraction(1, 2),)),
    theorems=("momentum",),
    assembled=lambda: grid(
        d=(3,), steps=(3,), step_size=letters("step_size"), momentum=letters("momentum")
    ),
    checks=lambda: (residual.leaves(momentum, _momentum_residual, _momentum_letters),),
)
def momentum(**parameters: Any) -> Witness:
    """k steps of the heavy ball in k layers of one head."""
    return constructions.build("momentum", **parameters)


def _chebyshev_residual(s: Any, steps: int, lowest: Any, highest: Any) -> Any:
    import sympy

    middle = sympy.Rational(highest + lowest, highest - lowest)
    line = middle - 2 * s / (highest - lowest)
    return sympy.chebyshevt(steps, line) / sympy.chebyshevt(steps, middle)


@claim(
    "chebyshev",
    variant="improved",
    source="witness",
    statement=r"k \text{ layers leave } \rho_k(s) = T_k((\theta - s)/\delta)/T_k(\theta/\delta) "
    r"\text{ of the error: at most } 2\left(\frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}\right)^k",
    algorithm=algorithms.chebyshev,
    formula=reference("chebyshev"),
    assembled=lambda: grid(
        d=(3,), steps=(3,), lowest=letters("lowest"), highest=letters("highest")
    ),
    cases=lambda: strategies.prompts(
        entries=ENTRIES,
        steps=SMALL,
        lowest=positive(),
        build=lambda drawn, d, n: {"highest": drawn["lowest"] * 7},
    ),
    floats=lambda: small_floats(
        lambda X, drawn: {
            "lowest": float(np.linalg.norm(X)) ** 2 / 16, "highest": float(np.linalg.norm(X)) ** 2,
        },
        steps=st.integers(1, 8),
    ),
    symbolic={"d": 2, "n": 1, "steps": 3, "lowest": Fraction(1, 2), "highest": Fraction(9, 2)},
    promises=(Promise("layers", "k"), Promise("width", "d + 2"), Promise("heads", "1")),
    sizes=lambda: grid(d=(1, 2, 3, 5), steps=(1, 2, 4), lowest=(1,), highest=(9,)),
    theorems=("chebyshev", "momentum.layer"),
    checks=lambda: (
        residual.leaves(
            chebyshev,
            _chebyshev_residual,
            lambda: [{"steps": k, "lowest": 1, "highest": 10} for k in (1, 2, 3, 5)],
        ),
        certified.chebyshev_bound(chebyshev),
    ),
)  # fmt: skip
def chebyshev(**parameters: Any) -> Witness:
    """k steps of the Chebyshev semi-iteration in k layers, within the textbook bound."""
    return constructions.build("chebyshev", **parameters)


@claim(
    "preconditioned",
    variant="improved",
    source="witness",
    statement=r"k \text{ layers leave } w_k^\top x,\; w_k = w_{k-1} - \eta P\nabla L(w_{k-1})",
    algorithm=algorithms.preconditioned,
    formula=reference("preconditioned"),
    assembled=lambda: grid(
        d=(3,),
        steps=(3,),
        step_size=letters("step_size"),
        preconditioner=(Matrix("preconditioner"),),
    ),
    cases=lambda: strategies.prompts(
        entries=ENTRIES,
        steps=SMALL,
        step_size=positive(),
        first=strategies.fractions(),
        build=lambda drawn, d, n: {
            "preconditioner": tuple(
                tuple(drawn["first"] * (i - j) + (2 if i == j else 0) for j in range(d))
                for i in range(d)
            )
        },
    ),
    promises=(Promise("layers", "k"), Promise("width", "d + 1"), Promise("heads", "1")),
    sizes=lambda: [
        {"d": d, "steps": k, "step_size": 1, "preconditioner": ((1,) * d,) * d}
        for d in (1, 2, 3, 5)
        for k in (1, 2, 4)
    ],
    theorems=("preconditioned",),
)
def preconditioned(first: Any = None, **parameters: Any) -> Witness:
    """k preconditioned gradient steps in k layers of one head, for any matrix P."""
    return constructions.build("preconditioned", **parameters)


# -- Lasso, logistic regression, kernels ----------------------------------------------------------


@claim(
    "lasso",
    variant="improved",
    source="witness",
    statement=r"k + 1 \text{ layers leave } w_k^\top x,\; w_k = \mathrm{soft}(w_{k-1} - "
    r"2\eta X^\top(Xw_{k-1} - y), \eta\lambda)",
    algorithm=algorithms.lasso,
    cases=lambda: strategies.prompts(
        entries=ENTRIES,
        steps=SMALL,
        step_size=positive(1, 8),
        penalty=st.one_of(st.just(Fraction(0)), positive(9, 2)),
    ),
    floats=lambda: small_floats(
        lambda X, drawn: {
            "step_size": 0.25 / float(np.linalg.norm(X)) ** 2,
            "penalty": drawn["penalty"] * float(np.linalg.norm(X)),
        },
        steps=st.integers(1, 5),
        penalty=st.sampled_from((0.0, 0.5)),
    ),
    promises=(Promise("layers", "k + 1"), Promise("width", "2*d + 3"), Promise("heads", "1")),
    sizes=lambda: grid(d=(1, 2, 3, 5), steps=(1, 2, 4), step_size=(1,), penalty=(1,)),
    theorems=("lasso",),
)
def lasso(**parameters: Any) -> Witness:
    """k steps of proximal gradient descent for Lasso in k + 1 layers, the soft threshold exact."""
    return constructions.build("lasso", **parameters)


@claim(
    "logistic",
    variant="improved",
    source="witness",
    statement=r"k \text{ layers leave } s(w_k^\top x),\; w_k = w_{k-1} - \eta X^\top(s(Xw_{k-1}) "
    r"- y), \text{ s the sigmoid interpolated at } 2m + 1 \text{ knots}",
    algorithm=algorithms.logistic,
    cases=lambda: strategies.prompts(
        entries=st.sampled_from((Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 2))),
        steps=SMALL,
        step_size=positive(1, 4),
        pieces=st.sampled_from((1, 4)),
        reach=st.sampled_from((2, 8)),
    ),
    promises=(Promise("layers", "k"), Promise("width", "d + 4"), Promise("heads", "1")),
    sizes=lambda: grid(d=(1, 2, 3, 5), steps=(1, 2, 4), step_size=(1,)),
    theorems=("logistic",),
)
def logistic(**parameters: Any) -> Witness:
    """k gradient steps of logistic regression in k layers, exact for an interpolated sigmoid."""
    return constructions.build("logistic", **parameters)


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
    return (certified.logistic_error(logistic),)


@claim(
    "kernel_regression",
    variant="improved",
    source="witness",
    statement=r"f_k = f_{k-1} - \eta\sum_j (f_{k-1}(x_j) - y_j) K(x_j, \cdot),\ K \text{ linear or "
    r"of ReLU features}",
    algorithm=algorithms.kernel_regression,
    cases=lambda: strategies.prompts(
        entries=ENTRIES,
        steps=SMALL,
        step_size=positive(),
        kernel=st.sampled_from(("linear", "relu")),
        slope=strategies.fractions(),
        build=_features,
    ),
    promises=(Promise("layers", "k"), Promise("width", "d + 1"), Promise("heads", "1")),
    sizes=lambda: grid(d=(1, 2, 3, 5), steps=(1, 2, 4), step_size=(1,)),
    theorems=("preconditioned",),
)
def kernel_regression(slope: Any = None, **parameters: Any) -> Witness:
    """k functional gradient steps in k layers (one more to make ReLU features)."""
    return constructions.build("kernel_regression", **parameters)


def _features(drawn: Any, d: int, n: int) -> dict[str, Any]:
    """Two ReLU features for kernel "relu"."""
    if drawn["kernel"] == "linear":
        return {}
    rows = ((drawn["slope"],) * d, tuple(Fraction(i - 1) for i in range(d)))
    return {"features": rows, "offsets": (Fraction(1), drawn["slope"])}


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
    return (certified.exponential_kernel(kernel_regression),)
