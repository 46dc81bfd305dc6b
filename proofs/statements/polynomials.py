"""Newton's iterates as polynomials in S: their coefficients, and the span of the weights.

One variable s stands for S (see `calculus.form`). An identity of polynomials
holds at every S; two polynomials that differ give different matrices at some S.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.calculus.form import S, X
from proofs.theorem import Theorem

alpha, s = sympy.symbols("alpha s")

EQ38_PRINTED = {1: 2 * alpha, 3: -4 * alpha**2}
EQ39_PRINTED = {1: 4 * alpha, 3: -12 * alpha**2, 5: 16 * alpha**3, 7: -16 * alpha**4}


def iterate(k: int, start: Any = alpha * s) -> Any:
    """M_k as a polynomial in s, by k steps of the iteration itself."""
    value = sympy.expand(start)
    for _ in range(k):
        value = sympy.expand(2 * value - s * value**2)
    return value


def beta(k: int, power: int) -> Any:
    """The coefficient of S^power in M_k from M_0 = αS.

    −(−α)ʲ C(2ᵏ, j) at power 2j − 1, j = 1 … 2ᵏ, and 0 at every other power.
    """
    j, odd = divmod(power + 1, 2)
    if odd or not 1 <= j <= 2**k:
        return sympy.Integer(0)
    return term(sympy.Integer(2) ** k, j)


def term(count: Any, j: Any) -> Any:
    """−(−α)ʲ C(N, j): the coefficient of S^(2j − 1) in M_k, N = 2ᵏ."""
    return -((-alpha) ** j) * sympy.binomial(count, j)


def polynomial(coefficients: Mapping[int, Any]) -> Any:
    return sympy.Add(*(value * s**power for power, value in coefficients.items()))


def closed_form(k: int) -> dict[int, Any]:
    """All non-zero β of M_k, by power of S."""
    return {power: beta(k, power) for power in range(1, 2 ** (k + 1), 2)}


def squared_residuals(argument: Argument, order: int = 2, start: Any = alpha * s) -> None:
    """s M_k = 1 − (1 − s M_0)^(2^k) for Newton's iterates from M_0 = `start`, by induction on k."""
    ratio = sympy.Symbol("q")
    k = sympy.Symbol("k", integer=True, nonnegative=True)
    argument.let("q", 1 - s * start)
    argument.equal(r"s M_0 = ", s * start, (1 - ratio).subs(ratio, 1 - s * start))
    argument.recurrence(
        r"s M_k = 1 - q^{2^k}:\ ",
        1 - ratio ** (sympy.Integer(order) ** k),
        k,
        1 - ratio,
        lambda m: sympy.expand(2 * m - m**2),
    )


def _coefficients(argument: Argument, sign: int = 1, order: int = 2) -> None:
    """s M_k = 1 − (1 − αs²)^(2^k) by induction, then the binomial theorem, itself by induction."""
    squared_residuals(argument, order)
    power = sympy.Symbol("N")
    u = sympy.Symbol("u")
    argument.equal(r"N = 1:\ ", 1 + u, sympy.Add(*(sympy.binomial(1, i) * u**i for i in range(2))))
    j = sympy.Symbol("j", integer=True, positive=True)
    big = sympy.Symbol("N", integer=True, positive=True)
    pascal = sympy.binomial(big, j) + sympy.binomial(big, j - 1) - sympy.binomial(big + 1, j)
    argument.equal(
        r"(1 + u)\sum_j \tbinom{N}{j} u^j \text{ has the coefficients } \tbinom{N+1}{j}:\ ",
        sympy.combsimp(pascal),
        0,
    )
    argument.equal(
        r"M_k = (1 - (1 + u)^N)/s,\ u = -\alpha s^2,\ \text{its term } j \geq 1:\ ",
        -sympy.binomial(big, j) * (-alpha * s**2) ** j / s,
        sign * term(big, j) * s ** (2 * j - 1),
    )
    argument.equal(r"\text{top power: } 2 \cdot 2^k - 1 = ", 2 * 2**power - 1, 2 ** (power + 1) - 1)
    for k in range(5):
        argument.equal(
            rf"\text{{the iteration itself, }} M_{k} = ",
            iterate(k),
            sign * polynomial(closed_form(k)),
        )


def _stated(argument: Argument, k: int, coefficients: Mapping[int, Any]) -> None:
    argument.equal(rf"M_{k} = ", iterate(k), polynomial(coefficients))


def _negated(argument: Argument, k: int, coefficients: Mapping[int, Any]) -> None:
    """The printed polynomial differs from M_k for every α ≠ 0, at every prompt with S ≠ 0.

    With u = αs² the difference is s⁻¹ q(u): where q has no real root but 0, the matrices
    differ on every eigenvector of S with a non-zero eigenvalue.
    """
    difference = sympy.expand(iterate(k) - polynomial(coefficients))
    argument.differ(rf"M_{k} - \text{{printed}} = ", difference, 0)
    at_one = difference.subs({s: 1, alpha: 1})
    argument.differ(r"d = n = 1,\ x = 1,\ \alpha = 1:\ ", at_one, 0)
    u = sympy.Symbol("u")
    in_u = sympy.expand(sympy.expand(s * difference).subs(alpha, u / s**2))
    argument.equal(
        rf"u = \alpha s^2:\ s \cdot (M_{k} - \text{{printed}}) = ",
        s * difference,
        in_u.subs(u, alpha * s**2),
    )
    argument.no_other_root("", in_u, u)


def _eq39_from_eq38(argument: Argument, factor: Any = 1) -> None:
    """The printed M_2 is one Newton step from the printed M_1: a single slip, carried on."""
    argument.equal(
        r"2M_1 - M_1 S M_1 \text{ at the printed } M_1:\ ",
        iterate(1, factor * polynomial(EQ38_PRINTED)),
        polynomial(EQ39_PRINTED),
    )


def _span(argument: Argument, factor: Any = 2) -> None:
    """M_k Xᵀ = Xᵀ N_k with N_k (n, n), by induction; so ŵ_k = Xᵀ(N_k y)."""
    gram = X @ X.T
    argument.equal(
        r"k = 0,\ N_0 = \alpha XX^\top:\ M_0 X^\top = ",
        alpha * (S @ X.T),
        X.T @ (alpha * gram),
    )
    inverse = c.letter("M", c.d, c.d, symmetric=True)
    outer = c.letter("N", c.n, c.n)
    following = (factor * inverse - inverse @ S @ inverse) @ X.T
    for _ in range(2):  # the hypothesis M Xᵀ = Xᵀ N, used until no M Xᵀ is left
        following = c.rewrite(following, inverse @ X.T, X.T @ outer)
    argument.equal(
        r"k \to k+1,\ M X^\top = X^\top N:\ (2M - MSM)X^\top = ",
        following,
        X.T @ (2 * outer - outer @ gram @ outer),
    )
    argument.equal(
        r"M X^\top = X^\top N:\ M X^\top y = ",
        c.rewrite(inverse @ X.T @ c.y, inverse @ X.T, X.T @ outer),
        X.T @ (outer @ c.y),
    )
    argument.note(r"X^\top v \text{ is the sum of } v_i x_i")


THEOREMS = [
    Theorem(
        id="fu2023.eq40",
        claims=("fu2023.eq40",),
        statement=r"M_k = \sum_{s=1}^{2^{k+1}-1} \beta_s S^s,\quad "
        r"\beta_{2j-1} = -(-\alpha)^j \tbinom{2^k}{j},\ \beta_{2j} = 0",
        kind="induction on k",
        argue=_coefficients,
        inputs={"sign": 1, "order": 2},
        variant="printed",
    ),
    Theorem(
        id="fu2023.eq38.negation",
        claims=("fu2023.eq38",),
        statement=r"M_1 \neq 2\alpha S - 4\alpha^2 S^3\quad\text{whenever } \alpha, S \neq 0",
        kind="negation",
        argue=_negated,
        inputs={"k": 1, "coefficients": EQ38_PRINTED},
        variant="printed",
    ),
    Theorem(
        id="fu2023.eq38.repaired",
        claims=("fu2023.eq38",),
        statement=r"M_1 = 2\alpha S - \alpha^2 S^3",
        kind="identity",
        argue=_stated,
        inputs={"k": 1, "coefficients": closed_form(1)},
        variant="repaired",
    ),
    Theorem(
        id="fu2023.eq39.negation",
        claims=("fu2023.eq39",),
        statement=r"M_2 \neq 4\alpha S - 12\alpha^2 S^3 + 16\alpha^3 S^5 - 16\alpha^4 S^7"
        r"\quad\text{whenever } \alpha, S \neq 0",
        kind="negation",
        argue=_negated,
        inputs={"k": 2, "coefficients": EQ39_PRINTED},
        variant="printed",
    ),
    Theorem(
        id="fu2023.eq39.repaired",
        claims=("fu2023.eq39",),
        statement=r"M_2 = 4\alpha S - 6\alpha^2 S^3 + 4\alpha^3 S^5 - \alpha^4 S^7",
        kind="identity",
        argue=_stated,
        inputs={"k": 2, "coefficients": closed_form(2)},
        variant="repaired",
    ),
    Theorem(
        id="fu2023.eq39.from_eq38",
        claims=("fu2023.eq39",),
        statement=r"\text{the printed } M_2 \text{ is the Newton step of the printed } M_1",
        kind="identity",
        argue=_eq39_from_eq38,
        inputs={"factor": 1},
        variant="printed",
    ),
    Theorem(
        id="fu2023.eq43",
        claims=("fu2023.eq43",),
        statement=r"\hat w_k = M_k X^\top y \in \mathrm{span}(x_1, \dots, x_n)",
        kind="induction on k",
        argue=_span,
        inputs={"factor": 2},
        variant="printed",
    ),
]
