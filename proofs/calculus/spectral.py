r"""What is left of the error, as a polynomial in one eigenvalue s of S = XᵀX.

Run in the calculus, a linear transformer predicts xᵀ Q(S) Xᵀy at a query x: sums of words
xᵀ (XᵀX)^i Xᵀy, each standing for s^i. That Q is what an algorithm makes is then true for every n,
d and prompt.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy

from proofs.calculus import form as c
from proofs.calculus.form import Form
from proofs.calculus.run import Run
from proofs.calculus.tokens import OutsideCalculusError

s = sympy.Symbol("s")


def run(witness: Any) -> Run:
    """The run of all layers: the examples together, and the query. Raises OutsideCalculusError."""
    made = Run(witness, None)
    if made.carried.keys() != {"x", "x_example", "x_query"} or witness.readout.tokens != "query":
        raise OutsideCalculusError("only predictions of x and one target are polynomials in S")
    if len(made.groups) != 2:
        raise OutsideCalculusError("only plain joint prompts are polynomials in S")
    for layer in witness.layer_list:
        made.layer(layer)
    return made


def prediction(witness: Any) -> Any:
    """Q(s), as the examples' tokens hold it beside y. Raises OutsideCalculusError.

    That the query holds xᵀ Q(S) Xᵀy, and nothing else, is compared.
    """
    made, slot = run(witness), witness.readout.slot
    at_examples, at_query = (
        state.get(slot, c.zero(group.rows, 1))
        for group, state in zip(made.groups, made.states, strict=True)
    )
    powers = {
        (len(word) - 3) // 2: coefficient
        for word, coefficient in at_examples.normal().items()
        if len(word) > 1
    }
    x, column, total = made.groups[-1].features["x"], c.X.T @ c.y, c.zero(1, 1)
    for power in range(max(powers, default=-1) + 1):
        total = total + powers.get(power, 0) * (x @ column)
        column = c.S @ column
    if total != at_query:
        raise OutsideCalculusError(f"what {slot} holds is no polynomial in S")
    scale = sympy.sympify(witness.readout.coefficient)
    return scale * sympy.Add(*(q * s**power for power, q in powers.items()))


def residual(witness: Any) -> Any:
    """1 − s Q(s): what is left of the error of the weights, per eigenvalue."""
    return 1 - s * prediction(witness)


def degree(held: Iterable[Form]) -> int:
    """The largest degree in the prompt of what tokens hold: letters of a word."""
    return max(len(word) for form in held for word in form.normal())
