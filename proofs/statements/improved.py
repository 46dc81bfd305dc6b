"""Fewer layers: the best step sizes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.statements.depth import degree_bound
from proofs.theorem import Theorem

Values = Mapping[str, Any]
L = sympy.Symbol("L", integer=True, nonnegative=True)
FACTOR = sympy.Rational(4, 3)


def _tripling(argument: Argument, factor: Any = FACTOR) -> None:
    """p = 3^k z q, z² = s/ℓ: c = factor·9^(k−1)/ℓ in layer k."""
    z, m, theta = sympy.symbols("z m theta", real=True)
    s, q, rho, eta, gamma, ell, p = sympy.symbols("s q rho eta gamma ell p")
    argument.equal(
        r"\eta = \gamma, \rho = q:\ \rho' = ",
        rho * (1 - eta * s * q**2).subs(rho, q),
        (rho / q) * (q * (1 - gamma * s * q**2)).subs(gamma, eta),
    )
    argument.let("m", "3^{k-1}")
    argument.let("p_{k-1}", r"m z q_{k-1}")
    argument.let("c_k", r"4 m^2/(3\ell)")
    c, width = factor * m**2 / ell, p / (m * z)  # q_{k-1}
    after = 3 * m * z * width * (1 - c * ell * z**2 * width**2)
    argument.equal(r"p_k = 3 m z q_k:\ ", after, -sympy.chebyshevt(3, p))
    argument.equal(
        r"T_3(\cos\theta) = ",
        sympy.expand(sympy.chebyshevt(3, sympy.cos(theta))),
        sympy.expand(sympy.expand_trig(sympy.cos(3 * theta))),
    )
    argument.equal(r"T_3(-p) = ", sympy.chebyshevt(3, -p), -sympy.chebyshevt(3, p))
    argument.recurrence(
        r"p_0 = \cos\theta:\ p_k = \pm\cos(3^k\theta),\ \text{angle: }",
        sympy.Integer(3) ** L * theta,
        L,
        theta,
        lambda angle: 3 * angle,
    )
    sine = sympy.Symbol("sin", real=True)
    argument.equal(
        r"1 - \cos^2\theta = ", sympy.trigsimp(1 - sympy.cos(theta) ** 2), sympy.sin(theta) ** 2
    )
    argument.at_least(r"\sin^2\theta:\ ", sine**2, 0)
    argument.equal(r"z = 1,\ \theta = 0:\ ", sympy.cos(3**L * theta).subs(theta, 0), 1)
    largest, size = sympy.symbols("ell p", positive=True)
    argument.equal(
        r"s = \ell z^2,\ |p| = 3^L z |q|:\ \sqrt{s}\,|q| = ",
        sympy.sqrt(largest * z**2) * size / (3**L * abs(z)),
        sympy.sqrt(largest) * size / 3**L,
    )


def _best(argument: Argument, multiplicity: int = 3) -> None:
    """No odd polynomial p of degree ≤ m with p'(0) = 1 stays below 1/m on [−1, 1]; m odd."""
    degree_bound(argument)
    _averaged(argument)
    z, ell = sympy.symbols("z ell", positive=True)
    j = sympy.Symbol("j", integer=True, nonnegative=True)
    m = 2 * j + 1
    argument.equal(r"m = 3^L = 2j + 1,\ j = (3^L - 1)/2:\ ", m.subs(j, (3**L - 1) / 2), 3**L)
    argument.recurrence(
        r"(3^L - 1)/2 \text{ is whole}:\ ", (3**L - 1) / 2, L, 0, lambda whole: 3 * whole + 1
    )
    rest, even = sympy.Function("g"), sympy.Function("E")
    odd = z * (1 - ell * z**2 * rest(ell * z**2))  # z q(ℓ z²)
    argument.let("p(z)", odd)
    argument.equal(r"p'(0) = ", sympy.diff(odd, z).subs(z, 0).doit(), 1)
    # T_m(cos θ) = cos mθ, so T_m'(cos θ) = m sin(mθ)/sin θ, at θ = π/2:
    slope = sympy.simplify(m * sympy.sin(m * sympy.pi / 2) / sympy.sin(sympy.pi / 2))
    argument.equal(r"T_m'(0)^2 = ", sympy.simplify(slope**2), m**2)
    i = sympy.Symbol("i", integer=True)
    argument.equal(r"T_m(\cos(i\pi/m)) = ", sympy.cos(m * (i * sympy.pi / m)), (-1) ** i)
    argument.let("D", r"\pm T_m/m - p, \text{ with the sign of } T_m'(0)")
    share = sympy.Symbol("a", positive=True)
    for sign in (1, -1):
        argument.greater(
            r"|p| < 1/m,\ m p = (a - 1)/(a + 1):\ 1 \pm m p = ",
            1 + sign * (share - 1) / (share + 1),
            0,
        )
    argument.assume(
        r"\text{a continuous function has a zero between two places where its signs differ}"
    )
    argument.equal(
        r"\text{the middle interval is symmetric: } -\cos((j + 1)\pi/m) = ",
        -sympy.cos(sympy.pi - sympy.pi * j / m),
        sympy.cos(sympy.pi * j / m),
    )
    argument.equal(r"\pi - j\pi/m = ", sympy.pi - sympy.pi * j / m, (j + 1) * sympy.pi / m)
    found = z * even(z**2)
    argument.equal(r"D = z E(z^2):\ D(0) = ", found.subs(z, 0), 0)
    argument.equal(r"D'(0) = \pm T_m'(0)/m - p'(0) = ", sympy.sqrt(m**2) / m - 1, 0)
    argument.equal(r"D''(0) = ", sympy.diff(found, z, 2).subs(z, 0).doit(), 0)
    argument.assume(r"\text{a polynomial other than } 0 \text{ has no more zeros than its degree}")
    argument.greater(
        r"m - 1 \text{ zeros in the other intervals and those at } 0, \text{ against the degree: }",
        sympy.expand((m - 1) + multiplicity),
        m,
    )


def _averaged(argument: Argument) -> None:
    """A transformer's error at one example, averaged over signs: w q(σ²), q(0) = 1, deg q < 3^L."""
    argument.assume(r"\text{the largest of several errors is at least the size of their mean}")
    argument.note(
        r"\text{prompts with } x_1, y_1 \text{ and the query in the first coordinate of the first "
        r"example, zeros elsewhere; } w \text{ is a sign, } \sigma \text{ the size of } x_1"
    )
    argument.let("y_1", r"w x_1")
    for parities in product((0, 1), repeat=3):
        a, b, e = parities
        kept = (1 + (-1) ** (a + b)) * (1 - (-1) ** e) * (1 - (-1) ** b)
        argument.equal(
            rf"x_1^a y_1^b x_q^e,\ (a, b, e) \equiv {parities}, \text{{ averaged over the signs }}"
            r"\text{of } (x_1, y_1),\ x_q \text{ and } w:\ ",
            sympy.Rational(kept, 8),
            int(parities in ((1, 1, 1),)),
        )
    one, two, three, gap = sympy.symbols("a b e g", integer=True, nonnegative=True)
    both = (2 * one + 1) + (2 * two + 1)
    argument.at_least(r"\text{the degree in } \sigma \text{ of what stays: }", both, 2)
    for w in (1, -1):
        argument.equal(rf"w = {w}:\ w^b = ", sympy.Integer(w) ** (2 * two + 1), w)
    most = sympy.Integer(3) ** L
    argument.at_least(
        r"\text{that degree, one factor at least being } x_q, \text{ is below } 3^L:\ ",
        most - 1,
        most - (2 * three + 1) - gap,
    )
    s, rest = sympy.Symbol("s"), sympy.Function("g")
    argument.equal(r"q(s) = 1 - s g(s):\ q(0) = ", (1 - s * rest(s)).subs(s, 0), 1)


def theorem(name: str, claim: str, statement: str, argue: Any, **more: Any) -> Theorem:
    return Theorem(id=name, claims=(claim,), statement=statement, argue=argue, **more)


def solved(module: str, function: str, *given: Any) -> Any:
    def weights() -> Values:
        from importlib import import_module

        return getattr(import_module(f"proofs.weights.{module}"), function)(*given).weights

    return weights


IDENTITY: dict[str, Any] = {"kind": "identity"}
INDUCTION: dict[str, Any] = {"kind": "induction on k"}

THEOREMS = [
    theorem(
        "gd_plus_plus.tripling", "minimax_descent",
        r"\sqrt{s}\,|\rho_L(s)| = \sqrt{\ell}\,|T_{3^L}(\sqrt{s/\ell})| / 3^L "
        r"\leq \sqrt{\ell}/3^L",
        _tripling, inputs={"factor": FACTOR}, **INDUCTION,
    ),
    theorem(
        "gd_plus_plus.best", "minimax_descent",
        r"\text{no transformer of } L \text{ linear-attention layers has } "
        r"\sup_{0 < s \leq \ell} \sqrt{s}\,|\rho(s)| < \sqrt{\ell}/3^L",
        _best, inputs={"multiplicity": 3}, kind="impossibility",
    ),
]  # fmt: skip
