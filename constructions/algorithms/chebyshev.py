"""The Chebyshev semi-iteration, one linear-attention layer per step.

Statement (Golub and Varga): with the eigenvalues of S = X^T X in [lowest, highest], k steps leave
the error multiplied by T_k((theta - s)/delta) / T_k(theta/delta), theta and delta the middle and
half the length of the interval: at most 2 ((sqrt(kappa) - 1)/(sqrt(kappa) + 1))^k, kappa = highest
/ lowest. Tokens and layers are those of momentum, with a step size and a momentum per layer
(proofs.momentum). One head per layer, width d + 2.
"""

from __future__ import annotations

from typing import Any

from proofs.exact import as_text, exact

from ..parameters import number, whole
from ..witness import Witness
from .momentum import two_term


def chebyshev(d: int, steps: int, lowest: Any, highest: Any) -> Witness:
    """k = `steps` from zero on 1/2 sum (w^T x - y)^2, at every query; 0 < lowest < highest.

    Where S is singular, the errors that X sees are the same, for its other eigenvalues.
    """
    d, steps = whole("d", d), whole("steps", steps)
    lowest, highest = number("lowest", lowest, above=0), number("highest", highest, above=0)
    if not hasattr(highest - lowest, "free_symbols") and not lowest < highest:
        raise ValueError(
            f"lowest must be less than highest, not {float(lowest):g} and {float(highest):g}"
        )
    from proofs.weights.momentum import chebyshev_rates

    rates = []
    for eta, beta in chebyshev_rates(steps, lowest, highest):
        eta, beta = exact(eta), exact(beta)
        rates.append((f"({as_text(eta)})", eta, f"({as_text(beta)})", beta))
    given = {"d": d, "steps": steps, "lowest": lowest, "highest": highest}
    return two_term("chebyshev", d, rates, given, "Chebyshev semi-iteration (Golub, Varga)")
