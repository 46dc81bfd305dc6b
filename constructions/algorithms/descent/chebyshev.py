"""The Chebyshev semi-iteration, one linear-attention layer per step.

Statement (Golub and Varga): with the eigenvalues of S = X^T X in [lowest, highest], k steps leave
the error multiplied by T_k((theta - s)/delta) / T_k(theta/delta), theta and delta the middle and
half the length of the interval: at most 2 ((sqrt(kappa) - 1)/(sqrt(kappa) + 1))^k, kappa = highest
/ lowest. Tokens and layers are those of momentum, with a step size and a momentum per layer. One
head per layer, width d + 2.
"""

import math
from typing import Any

import sympy

from proofs.exact import exact, is_symbolic
from proofs.template import as_sympy

from ... import notation as n
from .momentum import NAMES, STEP


def rates(steps: int, lowest: Any, highest: Any) -> list[tuple[Any, Any]]:
    """(step size, momentum) of every step.

    With sigma = theta/delta, omega_0 = 1/sigma and omega_k = 1/(2 sigma - omega_{k-1}) they are
    2 omega_k/delta and omega_k omega_{k-1}, but 1/theta and, where v = 0, any momentum in the
    first: 1.
    """
    lowest, highest = as_sympy(lowest), as_sympy(highest)
    theta, delta = (highest + lowest) / 2, (highest - lowest) / 2
    made, before = [(1 / theta, 1)], delta / theta
    for _ in range(1, steps):
        omega = 1 / (2 * theta / delta - before)
        made.append((2 * omega / delta, omega * before))
        before = omega
    return [(exact(eta), exact(beta)) for eta, beta in made]


def _left(values: Any) -> Any:
    """T_k((theta - s)/delta) / T_k(theta/delta)."""
    length = sympy.sympify(values["highest"] - values["lowest"])
    middle = (values["highest"] + values["lowest"]) / length
    line = middle - 2 * values["s"] / length
    k = values["steps"]
    if getattr(line, "is_Float", False):
        return _ratio(k, float(line), float(middle))
    return sympy.chebyshevt(k, line) / sympy.chebyshevt(k, middle)


def _ratio(k: int, line: float, middle: float) -> float:
    """T_k(line) / T_k(middle), middle >= 1: by cosines and by logarithms of hyperbolic ones, since
    the coefficients cancel to nothing from k = 30 on and the values leave the floats."""
    below = _log_growth(k, middle)
    if abs(line) <= 1:
        return math.cos(k * math.acos(line)) * math.exp(-below)
    left = _log_growth(k, abs(line)) - below
    return (-1 if line < 0 and k % 2 else 1) * (math.exp(left) if left < 700 else math.inf)


def _log_growth(k: int, z: float) -> float:
    """log T_k(z) at z >= 1, T_k(z) = cosh(k acosh z)."""
    power = k * math.acosh(z)
    return power + math.log1p(math.exp(-2 * power)) - math.log(2)


@n.construction(
    parameters={
        "steps": n.Whole(example=2, tried=2),
        "lowest": n.Number(above=0, example=2),
        "highest": n.Number(above=0, example=3),
    },
    region="highest >= top",
    suited={"highest": "top", "lowest": "least/2"},
    left=_left,
    states=r"k \text{ layers leave } \rho_k(s) = T_k((\theta - s)/\delta)/T_k(\theta/\delta) "
    r"\text{ of the error: at most } 2\left(\frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}\right)^k",
    computes="k steps of the Chebyshev semi-iteration",
    source="Chebyshev semi-iteration (Golub, Varga)",
    tends_to="least_squares",
)
def chebyshev(steps: int, lowest: Any, highest: Any) -> n.Parts:
    """k steps of the Chebyshev semi-iteration in k layers, within the textbook bound.

    k = `steps` from zero on 1/2 sum (w^T x - y)^2, at every query; 0 < lowest < highest.

    Where S is singular, the errors that X sees are the same, for its other eigenvalues.
    """
    if not is_symbolic(highest - lowest) and not lowest < highest:
        raise ValueError(
            f"lowest must be less than highest, not {float(lowest):g} and {float(highest):g}"
        )
    chosen = rates(steps, lowest, highest)

    def step(k: int) -> tuple[n.Layer, ...]:
        eta, beta = chosen[k - 1]
        return STEP.at(eta=eta, beta=beta)

    moved = tuple((f"v{k}", f"w{k} - w{k - 1}") for k in range(1, steps + 1))
    return n.Parts(STEP.stage, n.Readout("r", -1), step=step, names=NAMES, also=moved)
