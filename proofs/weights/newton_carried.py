r"""The prediction carried along with the inverse, so that no layer is spent on reading it.

Tokens carry p = xᵀ M Xᵀy beside t = M x. An iteration M' = M (1 + f(SM)) reads M x_j from token j
with scores x_tᵀ M g x_j; the value p_j at the same scores gives xᵀ M g S M Xᵀy, which is what
p needs: one more column of the same head. From M_0 = αI a prediction with k iterations so takes
k + 1 layers, and no linear-attention transformer does it in fewer (`statements.depth`, order).

From M_0 = αS (Newton, as printed) p cannot be αxᵀSXᵀy after one layer: its degree is 5 > 3. It is
q = xᵀXᵀy then, and the first iteration makes p_1 out of t_0 and q; again k + 1 layers, k ≥ 1.

Everything is a polynomial in S (see `calculus.form`): x stands for 1, Xᵀy for 1.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sympy

from proofs.solve import Gauge, Solution, solve, unknown
from proofs.weights import hyperpower, newton

alpha = sympy.Symbol("alpha")
S, T = sympy.symbols("S T")
ONE = sympy.Integer(1)


def second_order(inverse: Any = T) -> Any:
    """T (2 − ST)."""
    return sympy.expand(inverse * (2 - S * inverse))


def scores(iteration: str) -> Any:
    """query · key of the solved iteration, as a polynomial between x_t and x_j."""
    if iteration == "newton":
        v = newton.iteration().weights
        return v["query"] * T * v["key"]
    v = hyperpower.iteration().weights
    slots = hyperpower.slots(T)
    query, key = (
        sympy.Add(*(v[f"{role}_{slot}"] * e for slot, e in slots.items()))
        for role in ("query", "key")
    )
    return query * key


def column(score: Any, value: Any, skip: Any, before: Any = T) -> Any:
    """A slot that holds `before` (times Xᵀy) after one head and the MLP's skip."""
    return sympy.expand((1 + skip) * (before + value * score * S * before))


@cache
def prediction(iteration: str = "hyperpower") -> Solution:
    """value_p and skip_p with which p follows t through a solved iteration, at its scores."""
    if iteration not in ("hyperpower", "newton"):
        raise ValueError(f"iteration is 'hyperpower' or 'newton', not {iteration!r}")
    value, skip = unknown("value_p", "skip_p")
    wanted = hyperpower.third_order() if iteration == "hyperpower" else second_order()
    difference = column(scores(iteration), value, skip) - wanted
    return solve(
        f"carried.{iteration}",
        r"p_t = x_t^\top T X^\top y \;\mapsto\; x_t^\top T' X^\top y",
        (value, skip),
        tuple(map(sympy.expand, sympy.Poly(sympy.expand(difference), S, T).coeffs())),
        [],
    )


@cache
def initial() -> Solution:
    """p ← αxᵀXᵀy in the layer that makes s = αSx: query t = αx, key x, value y."""
    value = unknown("value_p")[0]
    first = hyperpower.initial("identity").weights
    got = first["query"] * first["embed"] * first["key"] * value
    return solve(
        "carried.initial",
        r"p_t = \alpha x_t^\top X^\top y",
        (value,),
        tuple(sympy.Poly(got - alpha, alpha).coeffs()),
        [],
    )


def from_gram(values: dict[str, Any]) -> Any:
    """p after the first Newton iteration from t = αSx, p = first·xᵀXᵀy.

    Heads: query t, key x, value near·y; query t, key t, value far·p; query x, key x, value
    drop·y; then p ← (1 + skip_p) p, Newton's own skip.
    """
    v, start = values, alpha * S
    p = v["first"]
    read = v["near"] * start + v["far"] * start * start * S * p + v["drop"]
    return sympy.expand((1 + newton.iteration().weights["skip"]) * (p + read))


@cache
def first_iteration() -> Solution:
    """p_1 = xᵀ(2αS − α²S³)Xᵀy one layer after t = αSx; p held xᵀXᵀy times `first`."""
    first, near, far, drop = unknown("first", "near", "far", "drop")
    after = from_gram({u.name: u for u in (first, near, far, drop)})
    difference = sympy.expand(after - second_order(alpha * S))
    found = [sympy.expand(c) for c in sympy.Poly(difference, S).coeffs()]
    return solve(
        "carried.first_iteration",
        r"p_t = c\,x_t^\top X^\top y \;\mapsto\; x_t^\top(2\alpha S - \alpha^2 S^3) X^\top y",
        (first, near, far, drop),
        tuple(sympy.cancel(c / alpha ** _valuation(c)) for c in found),
        [Gauge(first, ONE, "the first value scaled up and both later ones scaled down")],
    )


def _valuation(expression: Any) -> int:
    """The power of α that every term has: α ≠ 0."""
    return min(m[0] for m in sympy.Poly(expression, alpha).monoms())


@cache
def residual() -> Solution:
    """r ← (I − TS) r at Newton's scores ⟨t_t, x_j⟩, r = y minus the prediction.

    The prediction from I − SM = R^a becomes the one from R^a (I − TS); no skip is needed.
    """
    value = unknown("value_r")[0]
    return solve(
        "carried.residual",
        r"r \mapsto (I - TS)\,r",
        (value,),
        tuple(sympy.Poly(1 + value * scores("newton") * S - (1 - S * T), S, T).coeffs()),
        [],
    )
