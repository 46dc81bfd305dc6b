r"""As many gradient steps as linear-attention layers can make: N steps become 3N + 1.

p_N(S) Xᵀy is the N-th iterate of gradient descent with step α on ½ Σ (wᵀx − y)² from
zero, s·p_N(s) = 1 − (1 − αs)^N. Tokens carry x, y (0 at query tokens), g = p_N(S) x,
s = S p_N(S) x and fit = xᵀ p_N(S) Xᵀy, all but x and y zero at first (N = 0). With
σ = s·p and ρ = 1 − σ, ρ = (1 − αs)^N,

    p_{3N+1} = p (1 + ρ + ρ²) + α ρ³
             = 3p + α + s·p·[(σ − 3)(p − ασ) − 3α]

so six linear heads and a linear MLP on g take N to 3N + 1, and L layers make
(3^L − 1)/2 steps. No linear-attention transformer of L layers makes more
(`statements.depth`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import sympy

from proofs.solve import Gauge, Solution, solve, unknown

alpha = sympy.Symbol("alpha")
S, P = sympy.symbols("S p")
ONE = sympy.Integer(1)
SLOTS = {"x": ONE, "g": P, "s": S * P}
TARGETS = {"y": ONE, "fit": S * P}


def steps(layers: int) -> int:
    """Gradient steps made by `layers` layers: 0, 1, 4, 13, 40, …"""
    return (3**layers - 1) // 2


def _combined(values: Mapping[str, Any], role: str, slots: Mapping[str, Any]) -> Any:
    return sympy.Add(*(values.get(f"{role}_{slot}", 0) * e for slot, e in slots.items()))


def layer(values: Mapping[str, Any]) -> dict[str, Any]:
    """g and s (as multiples of x) and fit (as multiple of Xᵀy between x and p) after a layer.

    Heads, each named by its coefficients:
    - query g_query·g, key (key_x·x + key_s·s), value (value_g·g + value_s·s) → g
    - query square_g·g, key x, value x → g
    - query s_query·s, the same key and value → s
    - query (line_x·x + line_g·g + line_s·s), key x, value x → s
    - query (fit_x·x + fit_s·s), key g, value (near_y·y + near_fit·fit) → fit
    - the same query, key (far_x·x + far_s·s), value (last_y·y + last_fit·fit) → fit
    then the MLP g ← g + skip·g + lift·x.
    """
    v = values
    key, value = _combined(v, "key", SLOTS), _combined(v, "value", SLOTS)
    read_g = v["g_query"] * P * key * value * S + v["square_g"] * P * S
    read_s = v["s_query"] * S * P * key * value * S + _combined(v, "line", SLOTS) * S
    query = _combined(v, "fit", SLOTS)
    read_fit = query * P * _combined(v, "near", TARGETS)
    read_fit += query * _combined(v, "far", SLOTS) * _combined(v, "last", TARGETS)
    return {
        "g": (1 + v["skip"]) * (P + read_g) + v["lift"],
        "s": S * P + read_s,
        "fit": P + read_fit,
    }


def tripled(p: Any = P) -> Any:
    """p_{3N+1} from p = p_N."""
    rho = 1 - S * p
    return sympy.expand(p * (1 + rho + rho**2) + alpha * rho**3)


@cache
def iteration() -> Solution:
    """One layer from N to 3N + 1 gradient steps; names as in `layer`."""
    names = (
        "g_query", "key_x", "key_s", "value_g", "value_s", "square_g",
        "s_query", "line_x", "line_g", "line_s",
        "fit_x", "fit_s", "near_y", "near_fit", "far_x", "far_s", "last_y", "last_fit",
        "skip", "lift",
    )  # fmt: skip
    u = dict(zip(names, unknown(*names), strict=True))
    after = layer(u)
    goal = tripled()
    found: dict[Any, None] = {}
    for slot, wanted in (("g", goal), ("s", S * goal), ("fit", goal)):
        difference = sympy.Poly(sympy.expand(after[slot] - wanted), S, P)
        found |= dict.fromkeys(map(sympy.expand, difference.coeffs()))
    return solve(
        "depth.iteration",
        r"N \mapsto 3N + 1:\ g = p_N(S)x,\ s = S p_N(S) x,\ \mathrm{fit} = x^\top p_N(S) X^\top y",
        tuple(u.values()),
        tuple(found),
        [
            Gauge(u["key_s"], ONE, "the key scaled up and both queries scaled down"),
            Gauge(u["value_g"], ONE, "the value scaled up and both queries scaled down"),
            Gauge(u["fit_x"], ONE, "the query scaled up and the values scaled down"),
            Gauge(u["far_x"], ONE, "the key scaled up and its value scaled down"),
        ],
    )
