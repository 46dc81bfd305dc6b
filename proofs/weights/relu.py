r"""ReLU heads that together are a linear head, or select one token."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from types import MappingProxyType

import sympy

from proofs.solve import Gauge, NoSolutionError, Solution, impossible, solve, unknown

ONE = sympy.Integer(1)


@cache
def pair() -> Solution:
    """relu(u) − relu(−u) = u: a linear head is two ReLU heads with keys of opposite sign.

    Ansatz: value_plus·relu(plus·u) + value_minus·relu(minus·u) = u for every u. relu is
    linear on each side of 0, so the ansatz is solved once for every pair of signs of plus
    and minus; only opposite signs have a solution.
    """
    plus, minus, value_plus, value_minus = unknown("plus", "minus", "value_plus", "value_minus")
    solvable = {}
    terms = (value_plus * plus, value_minus * minus)
    for signs in product((1, 0, -1), repeat=2):
        # relu(a·u) is a·u on the side where a·u > 0, and 0 on the other
        found = tuple(
            sympy.Add(*(t for t, sign in zip(terms, signs, strict=True) if sign == side)) - 1
            for side in (1, -1)
        )
        if not impossible(found, (plus, minus, value_plus, value_minus)):
            solvable[signs] = found
    if set(solvable) != {(1, -1), (-1, 1)}:
        raise NoSolutionError("newton.relu_pair: the signs that work are not the opposite ones")
    return solve(
        "newton.relu_pair",
        r"c_+\,\mathrm{relu}(a_+ u) + c_-\,\mathrm{relu}(a_- u) = u",
        (plus, minus, value_plus, value_minus),
        solvable[1, -1],
        [
            Gauge(plus, ONE, "positive; a key scaled up and its value scaled down"),
            Gauge(minus, -ONE, "negative; a key scaled up and its value scaled down"),
        ],
        [r"a_+ > 0 > a_-\ \text{(or exchanged); with other signs there is no solution}"],
    )


@cache
def hat() -> Solution:
    """Three ReLUs that are 1 at u = 0 and 0 at every other integer.

    Ansatz: Σ value_i·relu(u + shift_i) with shifts 1, 0, −1. Equations at u = 0, for
    u ≥ 1 and for u ≤ −1, where each ReLU is linear. Two neighbouring ReLUs do not do.
    """
    names = unknown("value_plus", "value_zero", "value_minus")
    shifts = (1, 0, -1)
    u = sympy.Symbol("u")
    beyond = sympy.Add(*(v * (u + shift) for v, shift in zip(names, shifts, strict=True)))
    # at u = 0 only relu(0 + 1) is positive; for u ≥ 1 all three are linear; below, all are 0
    found = (names[0] - 1, *sympy.Poly(beyond, u).coeffs())
    for left_out in names:
        if not impossible([e.subs(left_out, 0) for e in found], names):
            raise NoSolutionError(f"newton.hat: {left_out} is not needed")
    solved = solve(
        "newton.hat",
        r"\sum_i c_i\,\mathrm{relu}(u + s_i) = [u = 0]\ \text{for integers } u",
        names,
        found,
        [],
        [r"s = (1, 0, -1)"],
    )
    positions = dict(zip(("shift_plus", "shift_zero", "shift_minus"), shifts, strict=True))
    weights = dict(solved.weights) | {k: sympy.Integer(v) for k, v in positions.items()}
    return replace(solved, weights=MappingProxyType(weights))
