"""When the iterations converge, how fast, and how many gradient steps they are worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from proofs.newton import alpha
from proofs.statements.polynomials import iterate, s
from proofs.theorem import Argument, Theorem


def _eq5(argument: Argument, factor: Any = 2, first: int = 1) -> None:
    """At the top eigenvalue σ of S, 1 − ασ² = −1, its 2ᵏ-th power is 1 for k ≥ 1: M_k → 0."""
    sigma = sympy.Symbol("sigma", positive=True)
    k = sympy.Symbol("k", integer=True, nonnegative=True)
    ratio = 1 - sympy.sympify(factor) / sigma**2 * sigma**2
    argument.equal(r"\alpha = 2/\sigma^2:\ 1 - \alpha\sigma^2 = ", ratio, -1)
    argument.note(r"\|SS^\top\|_2 = \sigma^2, \text{ as } S \text{ is symmetric}")
    argument.equal(
        r"k \geq 1:\ (1 - \alpha\sigma^2)^{2^k} = ((-1)^2)^{2^{k-1}} = ",
        (ratio**2) ** (2**k),
        1,
    )
    argument.equal(
        r"M_k u = p_k(\sigma) u,\ p_k(\sigma) = (1 - 1)/\sigma = ",
        (1 - (ratio**2) ** (2**k)) / sigma,
        0,
    )
    argument.differ(r"S^\dagger u = u/\sigma:\ ", 1 / sigma, 0)
    for index in range(first, 4):
        argument.equal(
            rf"M_{index} \text{{ at }} s = \sigma:\ ",
            iterate(index).subs({alpha: factor / sigma**2, s: sigma}),
            0,
        )


def _eq5_repaired(argument: Argument, factor: Any = 2) -> None:
    """For 0 < α < 2/σ²: |1 − αs²| < 1 at every eigenvalue 0 < s ≤ σ, and M_k = 0 at s = 0."""
    slack, part = sympy.symbols("a b", positive=True)
    # α = (factor/σ²)·1/(1 + a) covers (0, factor/σ²); s = σ/√(1 + b) covers (0, σ)
    for text, share in ((r"s < \sigma", 1 / (1 + part)), (r"s = \sigma", sympy.Integer(1))):
        ratio = sympy.together(1 - sympy.sympify(factor) / (1 + slack) * share)
        below = sympy.expand(sympy.numer(sympy.together(1 - ratio)))
        above = sympy.expand(sympy.numer(sympy.together(1 + ratio)))
        argument.holds(
            rf"{text}:\ -1 < 1 - \alpha s^2 < 1", below.is_positive and above.is_positive
        )
    argument.equal(r"s = 0:\ M_k = 0 = S^\dagger:\ ", iterate(3).subs(s, 0), 0)
    argument.note(
        r"\text{so } p_k(s) = (1 - (1 - \alpha s^2)^{2^k})/s \to 1/s,\ "
        r"\text{quadratically}"
    )


def _rates(argument: Argument) -> None:
    """Upper bounds with constants: k ≥ κ log 1/ε steps, and k ≥ 2 log₂ κ + log₂ log 1/ε."""
    u, kappa, e = sympy.symbols("u kappa L", positive=True)
    argument.note(
        r"1 - v \leq e^{-v} \text{ for } v \geq 0:\ "
        r"f(v) = e^{-v} - 1 + v,\ f(0) = 0,\ f'(v) = 1 - e^{-v} \geq 0"
    )
    derivative = sympy.together(1 - 1 / (1 + u))  # v = log(1 + u)
    argument.holds(r"f'(\log(1+u)) = \tfrac{u}{1+u} > 0", derivative.is_positive)
    argument.note(
        r"\text{gradient descent, step } 1/\sigma_{\max}:\ "
        r"|1 - s/\sigma_{\max}|^k \leq (1 - 1/\kappa)^k \leq e^{-k/\kappa}"
    )
    argument.equal(r"k = \kappa L,\ L = \log 1/\varepsilon:\ k/\kappa = ", kappa * e / kappa, e)
    argument.note(
        r"\text{Newton, } \alpha = 1/\sigma_{\max}^2:\ "
        r"(1 - s^2/\sigma_{\max}^2)^{2^k} \leq (1 - \kappa^{-2})^{2^k} "
        r"\leq e^{-2^k/\kappa^2}"
    )
    k = 2 * sympy.log(kappa, 2) + sympy.log(e, 2)
    argument.equal(
        r"k = 2\log_2\kappa + \log_2 L:\ 2^k/\kappa^2 = ",
        sympy.simplify(sympy.exp(sympy.expand_log(k * sympy.log(2), force=True)) / kappa**2),
        e,
    )


def newton_step(t: Any) -> Any:
    return 2 * t - s * t**2


def third_order_step(t: Any) -> Any:
    return t * (3 - 3 * s * t + (s * t) ** 2)


def _gradient_steps(argument: Argument, step: Callable[[Any], Any], order: int) -> None:
    """s·p = 1 − (1 − αs)^N for N gradient steps and for k layers of the iteration at N = r^k."""
    power, t = sympy.symbols("r_N t")
    now = (1 - power) / s
    argument.note(r"N = 0:\ p_0 = 0,\ (1 - \alpha s)^0 = 1")
    argument.equal(
        r"w \leftarrow w - \alpha(Sw - X^\top y):\ s p_{N+1} = ",
        s * (now - alpha * (s * now - 1)),
        1 - power * (1 - alpha * s),
    )
    argument.note(r"\text{hence } s\,p_N = 1 - (1 - \alpha s)^N \text{ for gradient descent}")
    argument.note(r"M_0 = \alpha I:\ 1 - s M_0 = (1 - \alpha s)^1")
    argument.equal(r"1 - s T' = (1 - s T)^r:\ ", 1 - s * step(t), (1 - s * t) ** order)
    argument.note(
        r"\text{so } 1 - s M_k = (1 - \alpha s)^{r^k} = 1 - s\,p_{r^k}; "
        r"\text{ polynomials have no zero divisors, } M_k = p_{r^k}(S)"
    )
    value: Any = alpha
    for index in range(3):
        descent: Any = sympy.Integer(0)
        for _ in range(order**index):
            descent = sympy.expand(descent - alpha * (s * descent - 1))
        argument.equal(
            rf"k = {index}, \text{{ run: }} M_{index} = p_{{{order**index}}}:\ ", value, descent
        )
        value = sympy.expand(step(value))


THEOREMS = [
    Theorem(
        id="fu2023.eq5.negation",
        claims=("fu2023.eq5",),
        statement=r"\alpha = 2/\|SS^\top\|_2,\ S \neq 0 \Rightarrow M_k \not\to S^\dagger: "
        r"\ M_k u = 0 \text{ for the top eigenvector } u \text{ and every } k \geq 1",
        kind="negation",
        argue=_eq5,
        inputs={"factor": 2, "first": 1},
        variant="printed",
    ),
    Theorem(
        id="fu2023.eq5.repaired",
        claims=("fu2023.eq5",),
        statement=r"0 < \alpha < 2/\|SS^\top\|_2 \Rightarrow M_k \to S^\dagger",
        kind="analysis",
        argue=_eq5_repaired,
        inputs={"factor": 2},
        variant="repaired",
    ),
    Theorem(
        id="fu2023.rates",
        claims=("fu2023.rates",),
        statement=r"\text{gradient descent: } k \geq \kappa\log\tfrac1\varepsilon;\quad "
        r"\text{Newton: } k \geq 2\log_2\kappa + \log_2\log\tfrac1\varepsilon\quad"
        r"\text{steps suffice for a residual } \leq \varepsilon",
        kind="analysis",
        argue=_rates,
        variant="printed",
    ),
    Theorem(
        id="newton.gradient_steps",
        claims=("newton", "hyperpower"),
        statement=r"M_0 = \alpha I:\ k \text{ Newton layers are } 2^k \text{ gradient steps "
        r"of size } \alpha \text{ from zero}",
        kind="induction on k",
        argue=_gradient_steps,
        inputs={"step": newton_step, "order": 2},
    ),
    Theorem(
        id="hyperpower.gradient_steps",
        claims=("hyperpower",),
        statement=r"M_0 = \alpha I:\ k \text{ third-order layers are } 3^k \text{ gradient "
        r"steps of size } \alpha \text{ from zero}",
        kind="induction on k",
        argue=_gradient_steps,
        inputs={"step": third_order_step, "order": 3},
    ),
]
