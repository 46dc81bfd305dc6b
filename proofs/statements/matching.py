r"""What matching a model's layers with the steps of an algorithm measures (fu2023, section 4.2).

S = XᵀX with eigenvalues s. N gradient steps of size α from zero leave (1 − αs)^N of the error in
the direction of s, k Newton steps from M₀ = βS leave (1 − βs²)^(2^k). Each has an eigenvalue below
which little is done yet, 1/(αN) and 1/√(β2^k); the best match puts the two at one place.
"""

from __future__ import annotations

import sympy

from proofs.argument import Argument
from proofs.statements.convergence import SPECTRAL, descent_residual
from proofs.statements.polynomials import squared_residuals
from proofs.theorem import Theorem

alpha, beta = sympy.symbols("alpha beta", positive=True)
s, v = sympy.symbols("s v", positive=True)
N = sympy.Symbol("N", positive=True)
L = sympy.Symbol("L", integer=True, nonnegative=True)


def _rates(argument: Argument, factor: int = 3, power: int = 2) -> None:
    """A layer that makes `factor` N + 1 steps of N adds 2 log₂(factor) to Newton's match."""
    argument.assume(SPECTRAL)
    steps = (sympy.Integer(factor) ** L - 1) / (factor - 1)
    argument.recurrence(r"N_{L+1} = 3 N_L + 1:\ ", steps, L, 0, lambda count: 3 * count + 1)
    descent_residual(argument)
    squared_residuals(argument)
    argument.note(r"\text{both residuals, } s \text{ measured by where half of the work is done}")
    argument.equal(
        r"s = v/(\alpha N):\ 1 - \alpha s = ", (1 - alpha * s).subs(s, v / (alpha * N)), 1 - v / N
    )
    argument.limit(r"", (1 - v / N) ** N, N, sympy.oo, sympy.exp(-v))
    K = sympy.Symbol("K", positive=True)  # 2^k
    argument.equal(
        r"s = v/\sqrt{\beta K},\ K = 2^k:\ 1 - \beta s^2 = ",
        (1 - beta * s**2).subs(s, v / sympy.sqrt(beta * K)),
        1 - v**2 / K,
    )
    argument.limit(r"", (1 - v**2 / K) ** K, K, sympy.oo, sympy.exp(-(v**2)))
    matched = alpha**2 * N**power / beta
    argument.equal(
        r"\text{one place for both, } \sqrt{\beta K} = \alpha N:\ (\beta K) = ",
        beta * matched, (alpha * N) ** 2,
    )  # fmt: skip
    more = matched.subs(N, factor * N + 1) / matched
    argument.equal(r"K(3N + 1)/K(N) = ", more, (3 + 1 / N) ** 2)
    argument.limit(r"\text{the factor a layer, } 2^{2 \log_2 3}:\ ", more, N, sympy.oo, 9)
    argument.greater(r"\text{more than 3 Newton steps a layer, } 3^2 > 2^3:\ ", more, 2**3)
    argument.at_least(r"\text{at most 4, } N = 1 + v:\ 2^4 = ", 2**4, more.subs(N, 1 + v))
    argument.note(r"\text{the layers are no Newton steps, of whatever size and number}")
    argument.equal(
        r"\tfrac{d}{ds}(1 - \beta s^2)^K \text{ at } s = 0:\ ",
        sympy.diff((1 - beta * s**2) ** K, s).subs(s, 0),
        0,
    )
    argument.differ(
        r"\tfrac{d}{ds}(1 - \alpha s)^N \text{ at } s = 0:\ ",
        sympy.diff((1 - alpha * s) ** N, s).subs(s, 0),
        0,
    )


def _newton_descends(argument: Argument, sign: int = -1) -> None:
    """1 − b²s² = (1 − bs)(1 + bs): two gradient steps, 2^k times."""
    root = sympy.Symbol("b", positive=True)
    squared_residuals(argument, start=root**2 * s)
    step = (1 - root * s) * (1 - sign * root * s)
    argument.equal(r"\beta = b^2:\ 1 - \beta s^2 = ", 1 - root**2 * s**2, step)
    p, q = sympy.symbols("p q")
    once = p - root * (s * p - 1)
    twice = sympy.expand(once - sign * root * (s * once - 1))
    argument.equal(
        r"\text{a step of size } b \text{ and one of } -b \text{ on } p:\ 1 - s p'' = ",
        1 - s * twice,
        (1 - s * p) * step,
    )
    count = sympy.Symbol("m", integer=True, nonnegative=True)
    argument.recurrence(
        r"\text{m times from } p = 0,\ q = 1 - \beta s^2:\ s p_m = ",
        1 - q**count, count, 0, lambda made: sympy.expand(1 - (1 - made) * q),
    )  # fmt: skip
    k = sympy.Symbol("k", integer=True, nonnegative=True)
    argument.equal(
        r"m = 2^k,\ \text{steps of both signs: } 2m = ", 2 * 2**k, 2 ** (k + 1)
    )  # fmt: skip


def _responses(argument: Argument, zeros: int = 1) -> None:
    """A polynomial of degree D or less with D + 1 different zeros is zero, by induction on D."""
    D = sympy.Symbol("D", integer=True, nonnegative=True)
    x, zero, other, value = sympy.symbols("x l m f")
    argument.let("f", r"p Q - P q")
    constant = sympy.Symbol("c", nonzero=True)
    argument.differ(r"D = 0,\ \text{a constant } c \text{ that has no zero}:\ ", constant, 0)
    power, quotient = sympy.Symbol("j", integer=True, positive=True), sympy.Symbol("g")
    argument.note(r"\text{at a zero } l, f \text{ is a sum of multiples of } x^j - l^j")
    argument.equal(r"j = 1:\ (x^1 - l^1)/(x - l):\ ", (x - zero) / (x - zero), 1)
    below = x**power - (x - zero) * quotient  # l^j
    argument.equal(
        r"x^j - l^j = (x - l) g \Rightarrow x^{j+1} - l^{j+1} = (x - l)(x^j + l g):\ ",
        sympy.expand(x * x**power - zero * below),
        sympy.expand((x - zero) * (x**power + zero * quotient)),
    )
    argument.note(r"\text{so it is } (x - l) h \text{ with } h \text{ of a degree less}")
    argument.equal(
        r"h \text{ at another zero } m,\ f(m)/(m - l):\ ",
        (value / (other - zero)).subs(value, 0),
        0,
    )
    argument.equal(
        r"D \to D + 1,\ D + 2 \text{ zeros of } f, \text{ of } h \text{ those but } l:\ ",
        D + 2 - zeros,
        D + 1,
    )


THEOREMS = [
    Theorem(
        id="fu2023.match.rates",
        claims=("fu2023.match",),
        statement=r"L \text{ layers of } (3^L - 1)/2 \text{ gradient steps and nothing else are "
        r"matched by } k_L \text{ Newton steps with } 2^{k_L} = \alpha^2 N_L^2/\beta: \ 2 \log_2 3 "
        r"\approx 3.17 \text{ more a layer; they are Newton's for no } \beta, k",
        kind="analysis",
        argue=_rates,
        inputs={"factor": 3, "power": 2},
        variant="printed",
    ),
    Theorem(
        id="fu2023.match.newton",
        claims=("fu2023.match",),
        statement=r"k \text{ Newton steps from } M_0 = b^2 S \text{ are } 2^{k+1} \text{ gradient "
        r"steps from zero, of sizes } b \text{ and } -b \text{ by turns}",
        kind="induction on k",
        argue=_newton_descends,
        inputs={"sign": -1},
        variant="repaired",
    ),
    Theorem(
        id="readings.responses",
        claims=("akyurek2022.phases", "fu2023.readout"),
        statement=r"p/q = P/Q \text{ at } D + 1 \text{ eigenvalues}, D = \deg(pQ - Pq), "
        r"\text{ makes them one function}",
        kind="induction on k",
        argue=_responses,
        inputs={"zeros": 1},
        variant="repaired",
    ),
]
