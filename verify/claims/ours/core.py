"""The three core witnesses, on the domain that their docstrings state.

Parameters are drawn together with the prompt. `alpha` and step sizes need not lie where the
algorithms converge: k steps are k steps, and equality holds for any of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st

import constructions
from constructions.witness import Witness

from ... import algorithms, strategies
from ...checks.proof import Vector
from ...checks.statements import counts
from ...claim import Promise, claim
from ...formulas import reference
from ...strategies import Case, positive

SIZES = st.sampled_from((1, 2, 3, 7))
ENTRIES = st.one_of(strategies.fractions(), strategies.fractions(9, 1))


def float_cases(suited: Any, **parameters: Any) -> st.SearchStrategy[Case]:
    """Prompts of floats, condition numbers to 1e12; `suited(X, drawn)` adds what X decides."""

    @st.composite
    def draw_case(draw: Any) -> Case:
        d, n = draw(SIZES), draw(SIZES)
        X, y, queries = draw(strategies.floats_with_condition(d, n))
        drawn = {
            name: draw(value) if isinstance(value, st.SearchStrategy) else value
            for name, value in parameters.items()
        }
        return Case({"d": d, **drawn, **suited(X, drawn)}, X, y, queries)

    return draw_case()


def grid(**values: Sequence[Any]) -> list[dict[str, Any]]:
    """Every combination of the values."""
    return [dict(zip(values, chosen)) for chosen in product(*values.values())]


def letters(*names: str) -> list[Any]:
    """Named parameters left open in a witness, for proofs."""
    import sympy

    return [sympy.Symbol(name) for name in names]


def _any_descent() -> list[dict[str, Any]]:
    step_size, ridge = letters("step_size", "ridge")
    return grid(
        d=(3,), steps=(4,), step_size=(step_size,), ridge=(0, ridge), loss=("sum", "mean"),
        w0=(None, Vector("w0")),
    )  # fmt: skip


def _any_pass() -> list[dict[str, Any]]:
    (ridge,) = letters("ridge")
    return grid(d=(3,), examples=(4,), ridge=(ridge,), storage=("matrix", "tokens"))


def _any_newton() -> list[dict[str, Any]]:
    (alpha,) = letters("alpha")
    return grid(
        d=(3,),
        iterations=(4,),
        alpha=(alpha,),
        attention=("linear", "relu"),
        prompt=("joint", "interleaved"),
    )


# the offset reading takes three heads and the token's number; one layer less than k + 3 is needed
INTERLEAVED = (
    Promise("layers", "k + 3", "<="), Promise("width", "2*d + 4"), Promise("heads", "4", "<="),
)  # fmt: skip


def _interleaved_newton(**parameters: Any) -> Witness:
    return constructions.build("newton", prompt="interleaved", **parameters)


def _interleaved_sizes() -> list[dict[str, Any]]:
    return grid(d=(1, 2, 3, 5), iterations=(0, 1, 3), alpha=(Fraction(1, 4),))


# -- gradient descent -------------------------------------------------------------------------


def _starts(parameters: Mapping[str, Any], d: int, n: int) -> dict[str, Any]:
    """Starting weights of size d, from the one number that is drawn; None at 0."""
    first = parameters["w0"]
    return {"w0": None if first == 0 else tuple(first * (i + 1) for i in range(d))}


def _descends(X: np.ndarray, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """A step size inside the region of convergence of either loss."""
    top = float(np.linalg.norm(X)) ** 2
    return {"step_size": 0.25 / top, "ridge": drawn["ridge"] * top}


@claim(
    "gradient_descent",
    variant="improved",
    source="witness",
    statement=r"k \text{ layers leave } w_k^\top x,\; w_k = w_{k-1} - \eta \nabla L(w_{k-1})",
    algorithm=algorithms.gradient_descent,
    formula=reference("gradient_descent"),
    domain=strategies.ANY,
    cases=lambda: strategies.prompts(
        entries=ENTRIES,
        build=_starts,
        steps=st.integers(0, 4),
        step_size=positive(),
        ridge=st.one_of(st.just(Fraction(0)), positive()),
        w0=strategies.fractions(),
        loss=st.sampled_from(("sum", "mean")),
    ),
    floats=lambda: float_cases(
        _descends,
        steps=st.integers(1, 6),
        ridge=st.sampled_from((0.0, 0.125)),
        loss=st.sampled_from(("sum", "mean")),
    ),
    symbolic={"d": 2, "n": 2, "steps": 1, "step_size": Fraction(1, 3), "ridge": Fraction(1, 2)},
    promises=(Promise("layers", "k"), Promise("width", "d + 3", "<="), Promise("heads", "1")),
    sizes=lambda: grid(d=(1, 2, 3, 5), steps=(1, 2, 4), step_size=(Fraction(1, 4),), ridge=(1,)),
    theorems=("gradient_descent",),
    assembled=_any_descent,
)
def gradient_descent(**parameters: Any) -> Witness:
    """k gradient steps on least squares, ridge and starting weights included, in k layers."""
    return constructions.build("gradient_descent", **parameters)


# -- Sherman-Morrison -------------------------------------------------------------------------


def _whole_prompt(parameters: Mapping[str, Any], d: int, n: int) -> dict[str, Any]:
    return {"examples": n}


@claim(
    "sherman_morrison",
    variant="improved",
    source="witness",
    statement=r"\text{after } n \text{ examples the prediction is } "
    r"x^\top (\lambda I + X^\top X)^{-1} X^\top y",
    algorithm=algorithms.ridge,
    formula=reference("sherman_morrison"),
    domain=strategies.ANY,
    cases=lambda: strategies.prompts(
        entries=ENTRIES,
        build=_whole_prompt,
        ridge=positive(),
        storage=st.sampled_from(("matrix", "tokens")),
    ),
    floats=lambda: float_cases(
        lambda X, drawn: {
            "examples": len(X),
            "ridge": float(np.linalg.norm(X, 2)) ** 2 * drawn["ridge"],
        },
        ridge=st.sampled_from((1.0, 1e-3)),
        storage=st.sampled_from(("matrix", "tokens")),
    ),
    symbolic={"d": 2, "n": 1, "examples": 1, "ridge": Fraction(1, 2)},
    promises=(
        Promise("layers", "2*n + 1"),
        Promise("width", "d**2 + 5*d + n + 8"),
        Promise("heads", "1"),
    ),
    sizes=lambda: grid(d=(1, 2, 3, 5), examples=(1, 2, 3, 4), ridge=(1,)),
    theorems=("sherman_morrison",),
    assembled=_any_pass,
)
def sherman_morrison(**parameters: Any) -> Witness:
    """The pass over the prompt, example by example, equals ridge regression."""
    return constructions.build("sherman_morrison", **parameters)


# -- Newton -----------------------------------------------------------------------------------


@claim(
    "newton",
    variant="improved",
    source="witness",
    statement=r"\text{the prediction is } x^\top M_k X^\top y,\; M_0 = \alpha S,\; "
    r"M_k = 2 M_{k-1} - M_{k-1} S M_{k-1}",
    algorithm=algorithms.newton,
    formula=reference("newton"),
    domain=strategies.ANY,
    cases=lambda: strategies.prompts(
        entries=ENTRIES,
        iterations=st.integers(0, 3),
        alpha=positive(2, 16),
        attention=st.sampled_from(("linear", "relu")),
        prompt=st.sampled_from(("joint", "interleaved")),
    ),
    floats=lambda: float_cases(
        lambda X, drawn: {"alpha": float(np.linalg.norm(X)) ** -4},
        iterations=st.integers(0, 20),
        attention=st.sampled_from(("linear", "relu")),
        prompt=st.sampled_from(("joint", "interleaved")),
    ),
    symbolic={"d": 2, "n": 1, "iterations": 1, "alpha": Fraction(1, 2)},
    promises=(
        Promise("layers", "k + 2"),
        Promise("width", "2*d + 3", "<="),
        Promise("heads", "1"),
    ),
    sizes=lambda: grid(d=(1, 2, 3, 5), iterations=(0, 1, 3), alpha=(Fraction(1, 4),)),
    theorems=("newton",),
    assembled=_any_newton,
    checks=lambda: (
        counts(_interleaved_newton, INTERLEAVED, _interleaved_sizes, "interleaved prompt"),
    ),
)
def newton(**parameters: Any) -> Witness:
    """k Newton iterations for the inverse in k + 2 layers, the query kept out of the keys."""
    return constructions.build("newton", **parameters)
