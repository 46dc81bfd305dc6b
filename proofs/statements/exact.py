"""Exact primitives of the printed transformer, and those that no finite weights make exact."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.theorem import Theorem, theorem
from proofs.weights import gelu_product

HALF = sympy.Rational(1, 2)
ORDERS = 10  # up to which the sums of the weights are formed


def gelu(value: Any) -> Any:
    return value / 2 * (1 + sympy.erf(value / sympy.sqrt(2)))


def _softmax(argument: Argument, extra: int = 1) -> None:
    """Scores log(W_j/(1 − Σ W)) with `extra` more exponentials e^0 give the weights W_j."""
    weight, total, rest = sympy.symbols("W_j Sigma t", positive=True)
    argument.let(r"\Sigma", r"\textstyle\sum_j W_j")
    argument.let("s_j", r"\log(W_j/(1 - \Sigma))")
    argument.greater(
        r"W_j = \epsilon(1 + M_{tj}),\ t = \textstyle\sum_j(1 + M_{tj}),\ \epsilon = 1/(1 + t):\ "
        r"1 - \Sigma = ",
        1 - rest / (1 + rest),
        0,
    )
    power = sympy.exp(sympy.log(weight / (1 - total)))
    powers = total / (1 - total)  # Σ_j exp(s_j), each being W_j/(1 − Σ)
    argument.equal(r"e^{s_j}/(1 + \sum_i e^{s_i}) = ", power / (extra + powers), weight)
    entry, small = sympy.symbols("M_tj epsilon", positive=True)
    argument.equal(
        r"\tfrac1\epsilon(\epsilon(1 + M_{tj}) - \epsilon) = ",
        (small * (1 + entry) - small) / small,
        entry,
    )
    argument.note(
        r"\text{the table of mov has a single entry, that of aff is the identity; a bias is a sum "
        r"over the positions}"
    )


def _bypass(argument: Argument, sign: int = -1) -> None:
    x = sympy.Symbol("x", real=True)
    argument.equal(r"\sigma(x) - \sigma(-x) = ", sympy.expand(gelu(x) + sign * gelu(-x)), x)


def _growth(argument: Argument, exponent: int = 2) -> None:
    """A layer adds at most C + B max ‖h_j‖; what mul, div and the bypass need grows faster."""
    tau, C, B = sympy.symbols("tau C B", positive=True)
    L, v = sympy.symbols("L v", positive=True)  # v: the variance, Σ (h_i − mean)² = L v
    argument.equal(r"\textstyle\sum_i \lambda_i^2 = ", L * v / sympy.sqrt(v) ** 2, L)
    argument.assume(
        r"|W_1\sigma(W_2\lambda)| \leq C \text{ on the ball } \|\lambda\|^2 \leq L "
        r"\text{ (a continuous function on a closed and bounded set)}"
    )
    argument.assume(
        r"|a| \leq B\max_j\|h_j\| \text{ for a softmax head } a \text{ (a mean with weights "
        r"} \geq 0)"
    )
    bound = C + B * tau
    argument.limit(
        r"\text{mul at } x = y = \tau:\ ", tau**exponent / bound, tau, sympy.oo, sympy.oo
    )
    argument.limit(
        r"\text{div at } y = 1,\ c = \tau:\ ", tau ** (1 - exponent) / (C + B), tau, 0, sympy.oo
    )
    argument.limit(
        r"\text{bypass of } \lambda, \text{ no attention: }", tau / C, tau, sympy.oo, sympy.oo
    )


def _norm_bypass(argument: Argument, printed: bool = False) -> None:
    """The relative error of λ undone by units N, −N, x, −x, beside the printed ones."""
    N = sympy.Symbol("N", positive=True)
    square, total = sympy.symbols("r S", real=True)  # ‖x‖² and Σx
    ours = (N**2 + N**2 + 2 * square) / (2 * N**2)  # L·variance/(2N²)
    theirs = (N**2 + (N + total) ** 2 + square) / (2 * N**2)
    chosen = theirs if printed else ours
    factor = sympy.series(chosen.subs(N, 1 / N) ** (-HALF), N, 0, 3).removeO()
    argument.equal(r"N^{-1}:\ ", sympy.expand(factor).coeff(N, 1), 0)
    argument.equal(r"N^{-2}:\ ", sympy.expand(factor).coeff(N, 2), -square / 2)
    first = sympy.series(theirs.subs(N, 1 / N) ** (-HALF), N, 0, 2).removeO()
    argument.equal(r"\text{printed, } N^{-1}:\ ", sympy.expand(first).coeff(N, 1), -total / 2)
    # 1 − e/2 ≤ (1 + e)^(−1/2) for e = ‖x‖²/N² > 0: both sides squared below 2
    a = sympy.Symbol("a", positive=True)
    e = 2 * a / (1 + a)
    argument.greater(r"e = 2a/(1 + a) < 2:\ (1 + e)^{-1} = ", 1 / (1 + e), (1 - e / 2) ** 2)
    argument.greater(r"e < 2:\ 1 - e/2 = ", 1 - e / 2, 0)
    rest = sympy.Symbol("a", nonnegative=True)
    argument.at_least(r"e = 2 + a:\ ", 0, 1 - (2 + rest) / 2)
    argument.greater(r"e > 0:\ 1 + e = ", 1 + a, 1)


def _weights(argument: Argument, shift: int = 0) -> None:
    for m in range(1, ORDERS + 1):
        a = [gelu_product.closed_form(m, i) for i in range(1, m + 1)]
        a[0] += shift
        sums = [
            sum((w * i ** (2 * n) for i, w in enumerate(a, start=1)), Fraction(0)) for n in range(m)
        ]
        argument.equal(
            rf"m = {m}:\ (\textstyle\sum a_i i^{{2n}})_{{n < m}} = ", sums, [1] + [0] * (m - 1)
        )
    argument.assume(
        r"\text{Lagrange interpolation: } P(0) = \textstyle\sum_i a_i P(i^2),\ a_i = "
        r"\prod_{j \neq i} j^2/(j^2 - i^2), \text{ for every } P \text{ of degree below } m"
    )
    # the product over j ≠ i, j ≤ m, is the closed form: by induction on m from m = i
    m, i, j = sympy.symbols("m i j", integer=True, positive=True)
    factorial = sympy.factorial

    def closed(m: Any, i: Any) -> Any:
        sign = (-1) ** (i + 1)
        return 2 * sign * factorial(m) ** 2 / (factorial(m - i) * factorial(m + i))

    def ratio(after: Any, before: Any) -> Any:
        return sympy.simplify(sympy.gammasimp((after / before).rewrite(sympy.gamma)))

    argument.equal(
        rf"m = {ORDERS}:\ (a_i) = ",
        [gelu_product.closed_form(ORDERS, k) for k in range(1, ORDERS + 1)],
        [closed(ORDERS, k) for k in range(1, ORDERS + 1)],
    )
    argument.equal(r"j^2 - i^2 = ", (j - i) * (j + i), j**2 - i**2)
    argument.equal(
        r"a_i(m + 1)/a_i(m) = ",
        ratio(closed(m + 1, i), closed(m, i)),
        (m + 1) ** 2 / ((m + 1) ** 2 - i**2),
    )
    argument.note(
        r"m \text{ is } i: \text{ the factors } j^2, j - i \text{ and } j + i \text{ below } i"
    )
    products = (-1) ** (i - 1) * factorial(i - 1) * factorial(2 * i - 1) / factorial(i)
    argument.equal(
        r"\textstyle\prod_{j<i} j^2/((j - i)(j + i)) = ",
        ratio(factorial(i - 1) ** 2 / products, closed(i, i)),
        1,
    )
    argument.equal(
        r"b_i = (m!)^2/((m-i)!(m+i)!):\ b_{i+1}/b_i = ",
        ratio(closed(m, i + 1), -closed(m, i)),
        (m - i) / (m + i + 1),
    )
    size, more = sympy.symbols("i g", nonnegative=True)
    argument.equal(r"b_0 = ", factorial(m) ** 2 / (factorial(m) * factorial(m)), 1)
    argument.greater(
        r"m = i + g:\ b_{i+1}/b_i \text{ is below } 1, \text{ so } |a_i| \text{ below } 2:\ ",
        1,
        more / (2 * size + more + 1),
    )


def _bound(argument: Argument, constant: int = 2, rate: int = 1) -> None:
    u, omega = sympy.symbols("u omega", real=True)
    E = u * sympy.erf(u / sympy.sqrt(2))
    argument.equal(r"\sigma(u) + \sigma(-u):\ ", sympy.expand(gelu(u) + gelu(-u)), E)
    density = sympy.exp(-(u**2) / 2)
    argument.equal(
        r"E'' = ", sympy.diff(E, u, 2), sympy.sqrt(2 / sympy.pi) * (constant - u**2) * density
    )
    # T(ω) = ∫ e^{−u²/2} cos ωu du has T' = −ωT; u² under the integral is −d²/dω²
    argument.assume(
        r"\textstyle\int e^{-u^2/2}\cos\omega u\,du \text{ is differentiated under the integral "
        r"sign}"
    )
    wave = density * sympy.cos(omega * u)
    argument.equal(
        r"\partial_\omega(e^{-u^2/2}\cos\omega u) = \partial_u(e^{-u^2/2}\sin\omega u) - "
        r"\omega e^{-u^2/2}\cos\omega u:\ ",
        sympy.diff(wave, omega),
        sympy.diff(density * sympy.sin(omega * u), u) - rate * omega * wave,
    )
    argument.limit(r"|e^{-u^2/2}\sin\omega u| \leq e^{-u^2/2}:\ ", density, u, sympy.oo, 0)
    T, growth = sympy.Function("T")(omega), sympy.exp(rate * omega**2 / 2)
    slope = sympy.diff(T * growth, omega).subs(sympy.diff(T, omega), -rate * omega * T)
    argument.equal(r"T' = -\omega T:\ (T e^{\omega^2/2})' = ", slope, 0)
    area = sympy.sqrt(sympy.pi / 2) * sympy.erf(u / sympy.sqrt(2))
    argument.equal(r"F' = ", sympy.diff(area, u), density)
    transform = sympy.sqrt(2 * sympy.pi) / growth
    whole = area.subs(u, sympy.oo) - area.subs(u, -sympy.oo)
    argument.equal(r"T(0) = F(\infty) - F(-\infty) = ", whole, transform.subs(omega, 0))
    ours = sympy.expand((constant * transform + sympy.diff(transform, omega, 2)) / transform)
    argument.equal(r"\text{transform of } (2 - u^2)e^{-u^2/2}:\ ", ours, 1 + omega**2)
    argument.greater(r"\text{the transform's factor: }", 1 + omega**2, 0)
    argument.assume(
        r"|f(u)| \leq f(0) \text{ for an } f \text{ whose Fourier transform is positive, and its "
        r"even derivatives likewise}"
    )
    argument.assume(r"\text{Taylor's formula with Lagrange's remainder}")
    p = sympy.Function("p")(u)
    argument.equal(
        r"(p\,e^{-u^2/2})' = ", sympy.diff(p * density, u), (sympy.diff(p, u) - u * p) * density
    )
    factor = sympy.Poly(constant - u**2, u)  # of the derivative of order 2n + 2
    for n in range(6):
        argument.equal(
            rf"[u^{{{2 * n + 2}}}]E = ",
            sympy.sqrt(2 / sympy.pi) * factor.eval(0) / sympy.factorial(2 * n + 2),
            gelu_product.coefficient(n),
        )
        for _ in range(2):
            factor = factor.diff(u) - u * factor
    x, y = sympy.symbols("x y")
    argument.equal(r"\tfrac14((x+y)^2 - (x-y)^2) = ", ((x + y) ** 2 - (x - y) ** 2) / 4, x * y)


THEOREMS: list[Theorem] = [
    theorem(
        "exact.softmax", "exact.mov",
        r"\text{two softmax heads with the extra logit and finite weights add } \textstyle"
        r"\sum_{j \leq t} M_{tj} V h_j \text{ for any table } M \geq 0",
        _softmax, "improved", inputs={"extra": 1},
    ),
    theorem(
        "exact.gelu_bypass", "exact.gelu_bypass", r"\sigma(x) - \sigma(-x) = x",
        _bypass, "improved", inputs={"sign": -1},
    ),
    theorem(
        "exact.growth", "exact.impossible",
        r"\text{mul, div and the bypass of layer norm are exact for no finite weights}",
        _growth, "improved", "impossibility", inputs={"exponent": 2},
    ),
    theorem(
        "exact.norm_bypass", "exact.norm_bypass",
        r"\text{units } N, -N, x, -x: \text{ relative error} \leq \|x\|^2/(2N^2); "
        r"\text{ printed: } -\Sigma x/(2N) + \dots",
        _norm_bypass, "improved", "analysis", inputs={"printed": False},
    ),
    theorem(
        "gelu_product.weights", "gelu_product",
        r"a_i = 2(-1)^{i+1}(m!)^2/((m-i)!(m+i)!): \ \textstyle\sum a_i i^{2n} = [n = 0],\ n < m",
        _weights, "improved", inputs={"shift": 0},
    ),
    theorem(
        "gelu_product.bound", "gelu_product",
        r"\text{the product of order } m \text{ is off by at most } \tfrac14\textstyle\sum_i |a_i| "
        r"(ic)^{2m}(|x+y|^{2m+2} + |x-y|^{2m+2})/(m!\,2^m(2m+1))",
        _bound, "improved", "analysis", inputs={"constant": 2, "rate": 1},
    ),
]  # fmt: skip
