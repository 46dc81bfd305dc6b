"""Fewer layers than the papers take: how much a linear-attention layer can do.

What is optimal. After L linear-attention layers every hidden unit is a polynomial of degree at most
3^L in the prompt (depth.degree), N gradient steps from zero need degree 2N + 1. Hence, whatever the
width and the number of heads:
- no L layers make more than (3^L - 1)/2 steps; `deep_descent` makes that many, for every L;
- 3^k steps take k + 1 layers at least; `hyperpower` takes k + 1, so it is optimal for what it does;
- no L layers have a smaller bound on sqrt(s) |error left at s|, 0 < s <= largest, than
  sqrt(largest)/3^L; `minimax_descent` attains it with one head and width d + 1;
- no iteration of order above three runs in one layer each (depth.order): three is attained.

What is only rate-optimal. `hyperpower` makes 2/3 of the steps that k + 1 layers could. Newton's
2^k steps in k + 1 layers (`newton_carried`) are below the rate: k log3(2) layers or so would do.
For a known condition number K, no L layers leave less than 1/T_m((K + 1)/(K - 1)) of the error,
m = (3^L - 1)/2; `deep_descent` needs about log3(K) layers where that bound allows log3(sqrt(K)).
Whether two layers per example (or one: `paired_least_squares`) are needed is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from sympy import Symbol

import constructions
from constructions.witness import Witness

from ... import algorithms, strategies
from ...claim import Promise, claim
from ...formulas import Formula, reference
from ...strategies import positive


def _cubed_steps(X: Any, y: Any, queries: Any, iterations: int, alpha: Any) -> Any:
    return algorithms.gradient_descent(X, y, queries, 3**iterations, alpha / 2)


def _cubed(parameters: Mapping[str, Any]) -> Any:
    """3^k steps of size alpha."""
    made, last = {"w0": "O"}, 3 ** parameters["iterations"]
    for k in range(1, last + 1):
        made[f"w{k}"] = f"w{k - 1} - alpha*(X.T*X*w{k - 1} - X.T*y)"
    return made, f"w{last}.T*x_t"


@claim(
    "hyperpower.steps",
    variant="improved",
    source="witness",
    statement=r"k \text{ third-order iterations from } \alpha I \text{ are exactly } 3^k "
    r"\text{ gradient steps of size } \alpha \text{ from zero}",
    algorithm=_cubed_steps,
    formula=Formula("gradient steps", _cubed),
    assembled=lambda: [{"d": 3, "iterations": 3, "alpha": Symbol("alpha"), "expand": True}],
    cases=lambda: strategies.prompts(iterations=st.integers(0, 3), alpha=positive(2, 16)),
    theorems=("hyperpower.residual",),
)
def hyperpower_steps(**parameters: Any) -> Witness:
    """k third-order iterations are exactly 3^k gradient steps."""
    return constructions.build("hyperpower", **parameters)


def _inside(X: Any, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """alpha = 1 / |X|^2, inside the region of convergence."""
    return {"alpha": float(np.linalg.norm(X)) ** -2}


@claim(
    "newton_carried.identity",
    variant="improved",
    source="witness",
    statement=r"M_0 = \alpha I: \text{ the same with tokens } (x, Mx, y - \text{prediction})",
    algorithm=algorithms.newton_carried,
    formula=reference("newton_carried"),
    assembled=lambda: [{"d": 3, "iterations": 4, "alpha": Symbol("alpha"), "start": "identity"}],
    cases=lambda: strategies.prompts(
        iterations=st.integers(0, 4), alpha=positive(2, 16), start="identity"
    ),
    floats=lambda: strategies.float_prompts(
        _inside, iterations=st.integers(0, 8), start="identity"
    ),
    promises=(
        Promise("layers", "k + 1"),
        Promise("width", "2*d + 1"),
        Promise("heads", "1"),
    ),
    sizes=lambda: strategies.grid(d=(1, 2, 3, 5), iterations=(0, 1, 3), alpha=(Fraction(1, 4),)),
    theorems=("carried.residual",),
)
def newton_from_identity(start: str = "identity", **parameters: Any) -> Witness:
    """2^k gradient steps in k + 1 layers of one head and width 2d + 1."""
    return constructions.build("newton_carried", start=start, **parameters)
