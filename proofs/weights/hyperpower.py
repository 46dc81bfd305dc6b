r"""A third-order iteration for the inverse of S = XᵀX in one linear-attention layer.

    T' = T (3I − 3ST + (ST)²),   I − S T' = (I − S T)³

Tokens carry x, t = T x and s = S T x. T is a polynomial in S, so everything commutes and
one variable per letter is enough (see `calculus.form`). The ansatz: one head
whose query and key are any combinations of the three slots and whose values t → t and
s → s share its scores, then a linear MLP t ← t + skip_t·t, s ← s + skip_s·s. One head
does it: T' − 3T = T·(ST − 3I)·S·T is query t, key s − 3x, value t.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import sympy

from proofs.solve import Gauge, Solution, solve, unknown

alpha = sympy.Symbol("alpha")
S, T = sympy.symbols("S T")
ONE = sympy.Integer(1)


def slots(inverse: sympy.Expr) -> dict[str, sympy.Expr]:
    """What the slots x, t, s multiply x_t by, in commuting letters."""
    return {"x": ONE, "t": inverse, "s": S * inverse}


def head(value: sympy.Expr, key: sympy.Expr, query: sympy.Expr) -> sympy.Expr:
    """A linear head on slots that are polynomials in S: Σ_j x_j x_jᵀ puts one S between."""
    return sympy.expand(query * key * S * value)


def layer(values: Mapping[str, Any], inverse: sympy.Expr = T) -> dict[str, sympy.Expr]:
    """t and s after one layer; absent names are zero."""
    before = slots(inverse)

    def combined(role: str) -> sympy.Expr:
        return sympy.Add(*(values.get(f"{role}_{slot}", 0) * e for slot, e in before.items()))

    after = {}
    for slot in ("t", "s"):
        value = values.get(f"value_{slot}", 0) * before[slot]
        read = head(value, combined("key"), combined("query"))
        after[slot] = sympy.expand((1 + values.get(f"skip_{slot}", 0)) * (before[slot] + read))
    return after


def third_order(inverse: sympy.Expr = T) -> sympy.Expr:
    """T (3 − 3ST + (ST)²)."""
    product = S * inverse
    return sympy.expand(inverse * (3 - 3 * product + product**2))


def iteration_statement() -> str:
    """What one layer does, as LaTeX."""
    return (
        r"t_t = T x_t,\ s_t = S T x_t \;\mapsto\; T' x_t,\ S T' x_t,\quad "
        r"T' = T(3I - 3ST + (ST)^2)"
    )


@cache
def iteration() -> Solution:
    """One layer for T ← T(3I − 3ST + (ST)²), carrying s = ST x along.

    Weights query_x, query_t, query_s, key_x, key_t, key_s (on the three slots), value_t
    and value_s (t → t, s → s), skip_t and skip_s (linear MLP after attention).
    """
    unknowns = unknown(
        "query_x", "query_t", "query_s", "key_x", "key_t", "key_s",
        "value_t", "value_s", "skip_t", "skip_s",
    )  # fmt: skip
    after = layer({u.name: u for u in unknowns})
    wanted = third_order()
    found: dict[sympy.Expr, None] = {}
    for got, required in ((after["t"], wanted), (after["s"], S * wanted)):
        for coefficient in sympy.Poly(got - required, S, T).coeffs():
            found[sympy.expand(coefficient)] = None
    query_t, key_t = unknowns[1], unknowns[4]
    return solve(
        "hyperpower.iteration",
        iteration_statement(),
        unknowns,
        tuple(found),
        [
            Gauge(query_t, ONE, "a query scaled up and both values scaled down"),
            Gauge(unknowns[6], ONE, "the values scaled up and the key scaled down"),
        ],
        [r"\text{T is a polynomial in S: all letters commute}"],
        charts=[(key_t, unknowns[6])],
    )


@cache
def initial(start: Literal["identity", "gram"] = "identity") -> Solution:
    """s ← S t by one head with value x, key x, query t.

    From M_0 = αI: the embedding has t = αx (weight `embed`), the head makes s = αSx in one
    layer. From M_0 = αS: the head of `newton.initial` makes t = αSx first, then s = S t.
    """
    query, key, value, embed = unknown("query", "key", "value", "embed")
    if start not in ("identity", "gram"):
        raise ValueError(f"start is 'identity' or 'gram', not {start!r}")
    if start == "identity":
        got = head(value, key, query * embed)
        conditions: tuple[Any, ...] = (embed - alpha, *sympy.Poly(got - alpha * S, S).coeffs())
        unknowns: tuple[sympy.Symbol, ...] = (query, key, value, embed)
        statement = r"t_t = \alpha x_t,\ s_t = \alpha S x_t"
    else:
        conditions = tuple(sympy.Poly(head(value, key, query * T) - S * T, S, T).coeffs())
        unknowns = (query, key, value)
        statement = r"s_t = S t_t"
    return solve(
        f"hyperpower.initial.{start}",
        statement,
        unknowns,
        conditions,
        [
            Gauge(query, ONE, "a query scaled up and the value scaled down"),
            Gauge(key, ONE, "a key scaled up and the value scaled down"),
        ],
    )
