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
