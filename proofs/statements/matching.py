r"""What matching a model's layers with the steps of an algorithm measures (fu2023, section 4.2).

S = XᵀX with eigenvalues s. N gradient steps of size α from zero leave (1 − αs)^N of the error in
the direction of s, k Newton steps from M₀ = βS leave (1 − βs²)^(2^k). Each has an eigenvalue below
which little is done yet, 1/(αN) and 1/√(β2^k); the best match puts the two at one place.
"""

from __future__ import annotations

from typing import Any

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
    argument.greater(r"\text{at most 4, } N \geq 1:\ 2^4 + 1 > ", 17, more.subs(N, 1 + v))
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


def _responses(argument: Argument, degree: Any = None) -> None:
    """p/q and P/Q with p Q − P q of degree D and D + 1 zeros: it is the zero polynomial."""
    D = sympy.Symbol("D", integer=True, nonnegative=True) if degree is None else degree
    x, root, value = sympy.symbols("x l f")
    argument.let("f", r"p Q - P q, \text{ of degree at most } D")
    argument.note(r"\text{Ruffini: division by } x - l \text{ by Horner's rule, degree by degree}")
    high, rest = sympy.symbols("h r")
    argument.equal(
        r"f = h x + r \text{ with } h \text{ of a degree less},\ f(l) = h l + r:\ ",
        sympy.expand(high * x + rest - (high * root + rest)), sympy.expand(high * (x - root)),
    )  # fmt: skip
    power = sympy.Symbol("j", integer=True, positive=True)
    lower = sympy.Symbol("g")  # (x^j - l^j)/(x - l)
    argument.equal(
        r"x^{j+1} - l^{j+1} = (x - l)(x^j + l g),\ x^j - l^j = (x - l) g:\ ",
        sympy.expand(x * x**power - root * (x**power - (x - root) * lower)),
        sympy.expand((x - root) * (x**power + root * lower)),
    )
    other = sympy.Symbol("m")
    argument.equal(
        r"\text{a further zero } m \text{ of } f = (x - l) h \text{ is one of } h:\ f(m)/(m - l) = ",
        ((x - root) * value).subs(x, other) / (other - root),
        value,
    )
    argument.recurrence(
        r"\text{zeros that leave a non-zero polynomial of degree } D:\ ",
        D, D, 0, lambda count: count + 1,
    )  # fmt: skip
    argument.greater(r"\text{one more than that: } ", D + 1, D)


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
]
