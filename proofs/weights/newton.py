r"""Newton's iteration for the inverse of S = XᵀX, one linear head per iteration.

    T_0 = αS,   T' = 2T − T S Tᵀ,   prediction (Xᵀy)ᵀ T x

Tokens carry x and t = T x. The ansatz lets value, key and query each be any combination
of the slots x and t, followed by a linear MLP t ← t + skip·t + lift·x. T is symmetric,
as a polynomial in S is. Source: fu2023, eqs. 24, 30 and 35; one layer instead of three
to initialise, of five to read out, and without the ReLU pair (`relu_pair` adds it back).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import product
from types import MappingProxyType
from typing import Any

import sympy

from proofs.calculus import form as c
from proofs.calculus.form import Form, S, X, Z, y
from proofs.solve import Gauge, NoSolutionError, Solution, equations, impossible, solve, unknown

alpha = sympy.Symbol("alpha")
T = c.letter("T", c.d, c.d, symmetric=True)
ONE = sympy.Integer(1)
QUERY_GAUGE = "a query scaled up and the value scaled down"
KEY_GAUGE = "a key scaled up and the value scaled down"

query, key, value, skip, lift = unknown("query", "key", "value", "skip", "lift")
query_x, key_t, value_x = unknown("query_x", "key_t", "value_x")


def _scalings() -> list[Gauge]:
    return [Gauge(query, ONE, QUERY_GAUGE), Gauge(key, ONE, KEY_GAUGE)]


@cache
def initial() -> Solution:
    """t ← αSx by one head whose value, key and query are the slot x (slot t empty before)."""
    statement = r"t_t = \alpha S x_t"
    pairs = [(c.head(value * X, key * X, query * rows), rows @ (alpha * S)) for rows in (X, Z)]
    return solve(
        "newton.initial",
        statement,
        (query, key, value),
        equations(*pairs),
        _scalings(),
    )


def iteration_layer(values: Mapping[str, Any], rows: Form, inverse: Form = T) -> Form:
    """Slot t after one layer, stacked over the tokens whose x is `rows`; before: rows·T.

    Names: query and value act on t, key on x; query_x, key_t, value_x on the other slot;
    skip and lift are the MLP's. Those left out are zero.
    """

    def slot(data: Form, on_x: str, on_t: str) -> Form:
        return values.get(on_x, 0) * data + values.get(on_t, 0) * (data @ inverse)

    read = c.head(
        slot(X, "value_x", "value"), slot(X, "key", "key_t"), slot(rows, "query_x", "query")
    )
    after = rows @ inverse + read
    return (1 + values.get("skip", 0)) * after + values.get("lift", 0) * rows


@cache
def iteration() -> Solution:
    """T ← 2T − TSTᵀ in one layer. Weights query (on t), key (on x), value (on t), skip.

    All solutions form two families: query on t and key on x, or the two exchanged (which
    only T = Tᵀ allows). The other unknowns of the ansatz have to vanish.
    """
    unknowns = (query, query_x, key, key_t, value, value_x, skip, lift)
    values = {u.name: u for u in unknowns}
    statement = r"t_t = T x_t \;\mapsto\; (2T - T S T^\top) x_t"
    required = 2 * T - T @ S @ T.T
    pairs = [(iteration_layer(values, rows), rows @ required.T) for rows in (X, Z)]
    return solve(
        "newton.iteration",
        statement,
        unknowns,
        equations(*pairs),
        _scalings(),
        [rf"\text{{the layer: }} {iteration_layer(values, X).latex()}"],
        charts=[(query_x, key_t)],
    )


@cache
def readout() -> Solution:
    """p ← (Xᵀy)ᵀ T x by one head: value y, key x, query t (slot p empty before)."""
    statement = r"p_t = (X^\top y)^\top T x_t"
    pairs = [
        (c.head(value * y, key * X, query * (rows @ T)), rows @ T @ (X.T @ y)) for rows in (X, Z)
    ]
    return solve(
        "newton.readout",
        statement,
        (query, key, value),
        equations(*pairs),
        _scalings(),
    )


@cache
def relu_pair() -> Solution:
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
