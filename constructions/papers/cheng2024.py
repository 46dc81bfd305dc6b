"""cheng2024: attention with any function of the scores, as a step of functional gradient descent.

Z + V Z M h(BX, CX) with V = diag(0, -r), M = diag(I_n, 0) and B = C = I, on Z = [x; y], y = 0 at
the query: the last row of an example becomes y_i - f(x_i), that of the query -f(x).
"""

from __future__ import annotations

from typing import Any

from ..matrices import from_matrices
from ..parameters import whole
from ..witness import Witness

SOURCE = "cheng2024, arXiv:2312.06528, proposition 1"


def descent(d: int, steps: int, rate: Any, attention: str = "linear") -> Witness:
    """k layers, h being the attention: `linear`, `relu`, `exponential`, `softmax` or one's own.

    rate: r, or a tuple of one for each layer. M stands behind h: a softmax is one over all tokens,
    of which those of queries are then left out.
    """
    steps = whole("steps", steps, least=0)
    rates = rate if isinstance(rate, tuple) else (rate,) * steps
    if len(rates) != steps:
        raise ValueError(f"rate must be a number or {steps} of them, not {len(rates)}")
    scores = {"W_K": {("score", "x"): 1}, "W_Q": {("score", "x"): 1}}
    return from_matrices(
        [
            {"W_V": {("y", "y"): -r}, **scores, "attention": attention, "M": "examples"}
            for r in rates
        ],
        rows={"x": "d", "y": 1},
        read={"y": -1},
        d=d,
        name=f"cheng2024, {attention}",
        source=SOURCE,
        parameters={"steps": steps, "rate": rate, "attention": attention},
    )
