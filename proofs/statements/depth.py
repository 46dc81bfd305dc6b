"""What L linear-attention layers can and cannot do, and the construction that does it all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from proofs import depth
from proofs.ansatz import impossible
from proofs.depth import P, S, alpha
from proofs.theorem import Argument, Theorem

L = sympy.Symbol("L", integer=True, nonnegative=True)
N = sympy.Symbol("N", integer=True, nonnegative=True)
THREE = sympy.Integer(3)
EXCESS = sympy.Symbol("a", positive=True)


def _iteration(argument: Argument, weights: Mapping[str, Any]) -> None:
    after, goal = depth.layer(weights), depth.tripled()
    argument.note(r"\sigma = s p,\ \rho = 1 - \sigma = (1 - \alpha s)^N")
    argument.equal(
        r"1 - s\,p_{3N+1} = \rho^3(1 - \alpha s):\ ",
        1 - S * goal,
        (1 - S * P) ** 3 * (1 - alpha * S),
    )
    argument.equal(r"g:\ ", after["g"], goal)
    argument.equal(r"s:\ ", after["s"], sympy.expand(S * goal))
    argument.note(r"\textstyle\sum_j (c\,y_j + e\,\mathrm{fit}_j) x_j = (c + e\,S p) X^\top y")
    argument.equal(r"\mathrm{fit}:\ ", after["fit"], goal)


def _iterations(argument: Argument, weights: Mapping[str, Any], order: int = 3) -> None:
    argument.note(r"L = 0:\ g = s = \mathrm{fit} = 0,\ p_0 = 0")
    base = sympy.Integer(order)
    argument.equal(r"N_0 = ", (base**0 - 1) / 2, 0)
    _iteration(argument, weights)
    argument.equal(
        r"L \to L+1:\ 3 N_L + 1 = ", 3 * (base**L - 1) / 2 + 1, (base ** (L + 1) - 1) / 2
    )


def _degree(argument: Argument, factors: int = 3) -> None:
    """Degrees add in a product: query · key · value has three times the degree."""
    tau = sympy.Symbol("tau", positive=True)
    argument.note(r"L = 0: \text{ the embedding is affine in the prompt, degree } \leq 1 = 3^0")
    bound = THREE**L
    product = sympy.powsimp(sympy.Mul(*[tau**bound] * factors))
    argument.note(
        r"\text{a head's result } \textstyle\sum_j V h_j \langle K h_j, Q h_t\rangle "
        r"\text{ is a sum of products of three units, of degree } \leq 3^L \text{ each}"
    )
    argument.equal(
        r"L \to L+1:\ \log_\tau \tau^{3^L}\tau^{3^L}\tau^{3^L} = ",
        product.as_base_exp()[1],
        THREE ** (L + 1),
    )
    argument.holds(
        r"\text{the skip connection and the linear MLP keep the larger degree: } 3^L \leq 3^{L+1}",
        sympy.expand(THREE ** (L + 1) - bound).is_positive,
    )


def leading(steps: int) -> Any:
    """Degree and leading coefficient in τ of x_q p_N(S) Xᵀy at the prompt x = y = x_q = τ."""
    tau = sympy.Symbol("tau")
    fit: Any = sympy.Integer(0)
    for _ in range(steps):
        fit = sympy.expand(fit - alpha * (tau**2 * fit - 1))
    found = sympy.Poly(tau**3 * fit, tau)
    return found.degree(), found.LC()


def _limit(argument: Argument, base: int = 3) -> None:
    argument.note(
        r"\text{prompt } x = y = x_q = \tau \text{ in the first coordinate of the first "
        r"example, zeros elsewhere: } d, n \text{ do not matter}"
    )
    r = sympy.Symbol("r")
    s = sympy.Symbol("s")
    # s·p_N = 1 − r and p_{N+1} = p_N − α (s p_N − 1): the top coefficient is multiplied by −α
    argument.equal(
        r"p_{N+1} = \alpha + (1 - \alpha s) p_N:\ ",
        (1 - r) / s - alpha * (s * (1 - r) / s - 1),
        alpha + (1 - alpha * s) * (1 - r) / s,
    )
    argument.note(
        r"\text{degree of } p_N \text{ is } N - 1 \text{ with leading coefficient "
        r"} -(-\alpha)^N \neq 0, \text{ by induction}"
    )
    for steps in range(1, 6):
        degree, coefficient = leading(steps)
        argument.holds(
            rf"N = {steps}: x_q p_N(S) X^\top y \text{{ has degree }} 2N + 1",
            degree == 2 * steps + 1 and coefficient == -((-alpha) ** steps),
        )
    argument.note(r"\text{so } 2N + 1 \leq 3^L, \text{ by } \texttt{depth.degree}")
    argument.equal(
        r"N = (3^L - 1)/2 \text{ meets it with equality: } 2N + 1 = ",
        2 * (sympy.Integer(base) ** L - 1) / 2 + 1,
        THREE**L,
    )
    argument.holds(r"\text{one layer: one step}", depth.steps(1) == 1 and 2 * 2 + 1 > base**1)


def _order(argument: Argument, ratio: Any = 1 + EXCESS) -> None:
    """r^k steps in k + c layers need 2 r^k + 1 ≤ 3^(k+c): false for large k if r/3 = 1 + a > 1."""
    k = sympy.Symbol("k", integer=True, positive=True)
    c = sympy.Symbol("c", positive=True)
    argument.note(
        r"M_0 = \alpha I \text{ and } 1 - sM_k = (1 - sM_0)^{r^k}: \ r^k \text{ gradient "
        r"steps; } M_0 = \alpha S: \text{ degree } 4 r^k + 1"
    )
    argument.note(r"2 r^k / 3^{k+c} = 2 \cdot 3^{-c} (r/3)^k,\ r/3 = 1 + a")
    excess = ratio - 1
    argument.holds(
        r"(1+a)^k \geq 1 + ka \text{ by induction: } (1+a)(1+ka) - (1 + (k+1)a) = ka^2 \geq 0",
        sympy.expand((1 + excess) * (1 + k * excess) - 1 - (k + 1) * excess).is_nonnegative,
    )
    argument.holds(
        r"1 + ka \to \infty: \text{ no } c \text{ will do}", sympy.sympify(excess).is_positive
    )
    argument.note(
        r"r = 3 \text{ is attained (hyperpower): the best order; } 3^k \text{ steps in } "
        r"k + 2 \text{ layers are rate-optimal, the least is } k + 1"
    )
    argument.holds(
        r"3^k \text{ steps: } 2 \cdot 3^k + 1 > 3^k, \text{ so } k \text{ layers do not do}",
        (2 * THREE**k + 1 - THREE**k).is_positive,
    )
    argument.holds(
        r"2 \cdot 3^k + 1 \leq 3^{k+1}, \text{ so the degree allows } k + 1",
        sympy.expand(THREE ** (k + 1) - 2 * THREE**k - 1).subs(THREE**k, 1 + c).is_positive,
    )


def _one_head(argument: Argument, target: Any = None) -> None:
    """The update of the slot s needs two heads: its polynomial is no product of three slots."""
    sigma = sympy.Symbol("sigma")
    forms = []
    unknowns: list[sympy.Symbol] = []
    for role in ("q", "k", "v"):
        coefficients = sympy.symbols(f"{role}_x {role}_g {role}_s")
        unknowns += coefficients
        forms.append(sympy.Add(*(a * e for a, e in zip(coefficients, (1, P, sigma), strict=True))))
    mlp = sympy.Symbol("c")
    goal = depth.tripled() if target is None else sympy.sympify(target)
    # p and σ = s·p are independent; α ≠ 0 becomes 1 by scaling p up and s down
    wanted = sympy.expand(sympy.expand(goal.subs(S, sigma / P)).subs(alpha, 1))
    argument.note(
        r"\text{needed: } S p_{3N+1} - (\text{MLP: } c\,Sp) = S\,q\,k\,v, \quad "
        r"q, k, v \in \mathrm{span}(1, p, \sigma)"
    )
    conditions = sympy.Poly(sympy.expand(wanted - mlp * P - sympy.Mul(*forms)), P, sigma).coeffs()
    argument.holds(
        r"\text{one head: the Gröbner basis of the coefficients' equations is } \{1\}",
        impossible(conditions, [*unknowns, mlp]),
    )
    argument.holds(r"\text{two heads do: the solved layer}", depth.iteration().check())


THEOREMS = [
    Theorem(
        id="depth.iteration",
        claims=("depth",),
        statement=r"\text{one layer takes } N \text{ gradient steps to } 3N + 1",
        kind="identity",
        argue=_iteration,
        weights=lambda: depth.iteration().weights,
    ),
    Theorem(
        id="depth.iterations",
        claims=("depth",),
        statement=r"L \text{ linear-attention layers make } (3^L - 1)/2 \text{ gradient steps}",
        kind="induction on k",
        argue=_iterations,
        weights=lambda: depth.iteration().weights,
        inputs={"order": 3},
    ),
    Theorem(
        id="depth.degree",
        claims=("depth", "hyperpower"),
        statement=r"\text{after } L \text{ linear-attention layers every hidden unit is a "
        r"polynomial of degree} \leq 3^L \text{ in the prompt}",
        kind="induction on k",
        argue=_degree,
        inputs={"factors": 3},
    ),
    Theorem(
        id="depth.limit",
        claims=("depth", "hyperpower", "gradient_descent"),
        statement=r"\text{no linear-attention transformer of } L \text{ layers makes more than "
        r"} (3^L - 1)/2 \text{ gradient steps from zero}",
        kind="impossibility",
        argue=_limit,
        inputs={"base": 3},
    ),
    Theorem(
        id="depth.order",
        claims=("hyperpower",),
        statement=r"\text{no iteration of order } r > 3 \text{ runs in } k + O(1) "
        r"\text{ linear-attention layers}",
        kind="impossibility",
        argue=_order,
        inputs={"ratio": 1 + EXCESS},
    ),
    Theorem(
        id="depth.one_head",
        claims=("depth",),
        statement=r"\text{one head cannot update the slot } S p_N(S) x \text{ to } "
        r"S p_{3N+1}(S) x, \text{ two can}",
        kind="impossibility",
        argue=_one_head,
        inputs={"target": None},
    ),
]
