"""When the iterations converge, how fast, and how many gradient steps they are worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus.form import S
from proofs.statements.polynomials import alpha, iterate, s, squared_residuals
from proofs.theorem import Theorem

SPECTRAL = (
    r"\text{the spectral theorem: a symmetric } S \text{ has an orthonormal basis of "
    r"eigenvectors, on which } p(S) \text{ is } p(s)"
)


def _eq5(argument: Argument, factor: Any = 2, first: int = 1) -> None:
    """At the top eigenvalue σ of S, 1 − ασ² = −1, its 2ᵏ-th power is 1 for k ≥ 1: M_k u = 0."""
    argument.assume(SPECTRAL)
    argument.equal(r"S \text{ is symmetric: } SS^\top = ", S @ S.T, S @ S)
    argument.note(
        r"\text{its norm is the square of the largest eigenvalue } \sigma \text{ of } S, "
        r"\text{ which is not negative}"
    )
    squared_residuals(argument)
    sigma = sympy.Symbol("sigma", positive=True)
    k = sympy.Symbol("k", integer=True, nonnegative=True)
    ratio = 1 - sympy.sympify(factor) / sigma**2 * sigma**2
    argument.equal(r"\alpha = 2/\sigma^2:\ 1 - \alpha\sigma^2 = ", ratio, -1)
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


def bernoulli(argument: Argument, excess: Any) -> None:
    """(1 + excess)^N ≥ 1 + N·excess for excess ≥ 0, by induction on N."""
    count = sympy.Symbol("N", integer=True, nonnegative=True)
    argument.equal(r"N = 0:\ (1 + e)^0 = ", (1 + excess) ** 0, 1 + 0 * excess)
    argument.at_least(
        r"N \to N + 1:\ (1 + e)(1 + Ne), \text{ at least }\ ",
        (1 + excess) * (1 + count * excess),
        1 + (count + 1) * excess,
    )


def _eq5_repaired(argument: Argument, factor: Any = 2) -> None:
    """For 0 < α < 2/σ²: |1 − αs²| < 1 at every eigenvalue 0 < s ≤ σ, and M_k = 0 at s = 0."""
    argument.assume(SPECTRAL)
    argument.equal(r"S \text{ is symmetric: } SS^\top = ", S @ S.T, S @ S)
    squared_residuals(argument)
    slack, part = sympy.symbols("a b", positive=True)
    # α = (factor/σ²)·1/(1 + a) covers (0, factor/σ²); s = σ/√(1 + b) covers (0, σ)
    for text, share in ((r"s < \sigma", 1 / (1 + part)), (r"s = \sigma", sympy.Integer(1))):
        ratio = sympy.together(1 - sympy.sympify(factor) / (1 + slack) * share)
        argument.greater(rf"{text}:\ 1 - \alpha s^2 = ", ratio, -1)
        argument.greater(rf"{text}:\ 1 > 1 - \alpha s^2:\ ", 1, ratio)
    excess = sympy.Symbol("e", positive=True)
    count, eigenvalue = sympy.Symbol("N", positive=True), sympy.Symbol("s", positive=True)
    argument.let(r"e", r"1/|1 - \alpha s^2| - 1")
    bernoulli(argument, excess)
    bound, more = 1 / (1 + count * excess), sympy.Symbol("g", nonnegative=True)
    argument.at_least(
        r"(1 + e)^N = 1 + Ne + g:\ |1 - \alpha s^2|^N \text{ is below } ",
        bound,
        1 / (1 + count * excess + more),
    )
    argument.limit(r"\text{that bound: } ", bound, count, sympy.oo, 0)
    for sign in (1, -1):
        argument.limit(
            r"p_k(s) = (1 - (1 - \alpha s^2)^{2^k})/s, \text{ the bound for the power: } ",
            (1 - sign * bound) / eigenvalue,
            count,
            sympy.oo,
            1 / eigenvalue,
        )
    k = sympy.Symbol("k", integer=True, nonnegative=True)
    argument.limit(r"N = 2^k:\ ", 2**k, k, sympy.oo, sympy.oo)
    argument.recurrence(
        r"s = 0, \text{ where } S^\dagger \text{ is 0}:\ ",
        0 * k,
        k,
        (alpha * s).subs(s, 0),
        lambda m: (2 * m - s * m**2).subs(s, 0),
    )


def _rates(argument: Argument, descent: Any = 1, newton: Any = 2) -> None:
    """Upper bounds with constants: k ≥ κ log 1/ε steps, and k ≥ 2 log₂ κ + log₂ log 1/ε."""
    argument.assume(SPECTRAL)
    v = sympy.Symbol("v", nonnegative=True)
    kappa, target = sympy.symbols("kappa L", positive=True)
    argument.let("L", r"\log(1/\varepsilon)")
    argument.let("t", r"s/\sigma_{\max}")
    argument.grows_from(r"e^{-v} \geq 1 - v:\ ", sympy.exp(-v), 1 - v, v)
    _powers_keep_order(argument)
    # t = 1/κ + y covers t ≥ 1/κ, and t = 1 − x covers t ≤ 1
    x, y = sympy.symbols("x y", nonnegative=True)
    least, t = 1 / kappa, 1 / kappa + y
    argument.note(r"\text{gradient descent, its step the reciprocal of } \sigma_{\max}")
    descent_residual(argument)
    argument.at_least(r"t = 1 - x:\ 1 - t = ", 1 - (1 - x), 0)
    argument.at_least(r"t = 1/\kappa + y:\ ", 1 - least, 1 - t)
    more = sympy.Symbol("m", nonnegative=True)
    k = descent * kappa * target + more
    argument.equal(
        r"(e^{-1/\kappa})^k = e^{-k/\kappa},\ \text{exponent: } ", -least * k, -k / kappa
    )
    argument.at_least(
        r"k = \kappa L + m,\ \varepsilon = e^{-L}:\ ", -target, sympy.expand(-k / kappa)
    )
    argument.note(r"\text{Newton, } \alpha \text{ the reciprocal of } \sigma_{\max}^2")
    squared_residuals(argument)
    argument.at_least(r"t = 1 - x \geq 0:\ 1 - t^2 = (1 - t)(1 + t) = ", x * (1 + t), 0)
    argument.equal(r"(1 - t)(1 + t) = ", (1 - v) * (1 + v), 1 - v**2)
    argument.at_least(r"t = 1/\kappa + y:\ ", 1 - least**2, 1 - t**2)
    power = kappa**newton * target * 2**more  # 2^k
    k = newton * sympy.log(kappa, 2) + sympy.log(target, 2) + more
    argument.equal(
        r"k = 2\log_2\kappa + \log_2 L + m:\ 2^k = ",
        sympy.exp(sympy.expand_log(k * sympy.log(2), force=True)).rewrite(sympy.Pow),
        power,
    )
    argument.at_least(r"2^k/\kappa^2 = ", power / kappa**2, target)


def _powers_keep_order(argument: Argument) -> None:
    """0 ≤ a ≤ b gives aᵏ ≤ bᵏ, by induction on k."""
    a, gap, power, more = sympy.symbols("a g A G", nonnegative=True)
    argument.at_least(
        r"a \leq b = a + g,\ a^k = A \leq b^k = A + G:\ b^{k+1} = ",
        (a + gap) * (power + more),
        a * power,
    )


def newton_step(t: Any) -> Any:
    return 2 * t - s * t**2


def third_order_step(t: Any) -> Any:
    return t * (3 - 3 * s * t + (s * t) ** 2)


def descent_residual(argument: Argument) -> None:
    """N gradient steps of size α from zero leave (1 − αs)^N: their p has s·p_N = 1 − (1 − αs)^N."""
    ratio, eigenvalue = sympy.Symbol("q"), sympy.Symbol("s")
    count = sympy.Symbol("N", integer=True, nonnegative=True)
    argument.let("q", 1 - alpha * eigenvalue)
    step = (1 - ratio) / eigenvalue  # α
    argument.equal(r"\alpha = (1 - q)/s:\ ", step.subs(ratio, 1 - alpha * eigenvalue), alpha)
    argument.recurrence(
        r"p_N = (1 - q^N)/s,\ p_{N+1} = p_N - \alpha(s p_N - 1):\ ",
        (1 - ratio**count) / eigenvalue,
        count,
        0,
        lambda p: p - step * (eigenvalue * p - 1),
    )


def _gradient_steps(argument: Argument, step: Callable[[Any], Any], order: int) -> None:
    """s·p = 1 − (1 − αs)^N for N gradient steps and for k layers of the iteration at N = r^k."""
    descent_residual(argument)
    ratio, t = sympy.symbols("q t")
    k = sympy.Symbol("k", integer=True, nonnegative=True)
    argument.equal(r"1 - s T' = (1 - s T)^r:\ ", 1 - s * step(t), (1 - s * t) ** order)
    argument.recurrence(
        r"s M_k = 1 - q^{r^k},\ M_0 = \alpha:\ ",
        1 - ratio ** (sympy.Integer(order) ** k),
        k,
        1 - ratio,
        lambda m: sympy.expand(s * step(m / s)),
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
        inputs={"descent": 1, "newton": 2},
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
