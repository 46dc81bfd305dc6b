r"""N gradient steps become 3N + 1 in one layer of two linear heads: as many as a layer can make.

R = I − αS is what one gradient step of size α leaves of the error. After some layers tokens carry

    u = R^N x,   t = (α Σ_{i ≤ N} R^i) x,   r = y − xᵀw_N  (−xᵀw_N at query tokens),

with N = 0 in the embedding (u = x, t = αx, r = y). N and the letter U = R^N stay symbolic; T is
what S T = 1 − R U makes of it. Heads, with scores added up over query–key pairs:

    one   score tx ⟨t, x⟩ + tu ⟨t, u⟩ + ux ⟨u, x⟩   values u → u, r → r, t and u → t
    two   score ⟨t, x⟩                              values t and u → t

then t ← (1 + skip) t + lift u. Beside `proofs.depth` (six heads, width 3d + 2) this takes two
heads and width 3d + 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import sympy

from proofs.solve import Gauge, Solution, solve, unknown

alpha = sympy.Symbol("alpha")
S, U = sympy.symbols("S U")
ONE = sympy.Integer(1)
R = 1 - alpha * S
T = (1 - R * U) / S
NAMES = (
    "tx", "tu", "ux", "one_u", "one_r", "one_t", "one_tu", "two_t", "two_tu", "skip", "lift",
)  # fmt: skip


def steps(layers: int) -> int:
    """Gradient steps made by `layers` layers: 0, 1, 4, 13, 40, …"""
    return (3**layers - 1) // 2


def layer(values: Mapping[str, Any]) -> dict[str, Any]:
    """t and u (as multiples of x) and r (as multiple of what it was) after one layer."""
    v = values
    one = v["tx"] * T + v["tu"] * T * U + v["ux"] * U
    after_u = U + one * S * v["one_u"] * U
    read_t = one * S * (v["one_t"] * T + v["one_tu"] * U)
    read_t += T * S * (v["two_t"] * T + v["two_tu"] * U)
    return {
        "u": after_u,
        "r": 1 + one * S * v["one_r"],
        "t": (1 + v["skip"]) * (T + read_t) + v["lift"] * after_u,
    }


def required() -> dict[str, Any]:
    """The same with N replaced by 3N + 1; r goes from R^N to R^(3N + 1)."""
    following = R * U**3
    return {"u": following, "r": R * U**2, "t": (1 - R * following) / S}


@cache
def iteration() -> Solution:
    """The weights of one layer, all layers alike; the same for every N."""
    u = dict(zip(NAMES, unknown(*NAMES), strict=True))
    after, wanted = layer(u), required()
    found: dict[Any, None] = {}
    for slot in after:
        numerator = sympy.numer(sympy.together(after[slot] - wanted[slot]))
        found |= dict.fromkeys(map(sympy.expand, sympy.Poly(numerator, S, U).coeffs()))
    return solve(
        "deep_descent.iteration",
        r"N \mapsto 3N + 1:\ u = R^N x,\ t = \alpha\textstyle\sum_{i \leq N} R^i x,\ "
        r"r = y - x^\top w_N",
        tuple(u.values()),
        tuple(found),
        [Gauge(u["tx"], ONE, "the scores scaled up and the values scaled down")],
    )
