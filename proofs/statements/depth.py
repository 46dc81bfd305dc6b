"""What L linear-attention layers cannot do; `deep_descent` does all that they can.

p_N(S) X^T y is the N-th iterate of gradient descent with step α on ½ Σ (wᵀx − y)² from zero:
s·p_N(s) = 1 − (1 − αs)^N. With ρ = 1 − s·p_N it is p_{3N+1} = p_N (1 + ρ + ρ²) + α ρ³.
"""

from __future__ import annotations

from typing import Any

import sympy

from proofs.argument import Argument
from proofs.references import descent_steps
from proofs.statements.convergence import bernoulli, descent_residual
from proofs.theorem import Theorem

alpha, S, P = sympy.symbols("alpha S p")
L = sympy.Symbol("L", integer=True, nonnegative=True)
N = sympy.Symbol("N", integer=True, nonnegative=True)
THREE = sympy.Integer(3)
EXCESS = sympy.Symbol("a", positive=True)


LAYERS = (
    r"\text{a linear-attention transformer embeds the prompt linearly; each layer adds } "
    r"\textstyle\sum_j V h_j \langle K h_j, Q h_t\rangle \text{ for each head, then a linear MLP}"
)


def tripled(p: Any) -> Any:
    """p_{3N+1} from p = p_N."""
    rho = 1 - S * p
    return sympy.expand(p * (1 + rho + rho**2) + alpha * rho**3)


def tripled_steps(argument: Argument) -> None:
    """States that `tripled` makes the polynomial of 3N + 1 gradient steps from that of N."""
    q = sympy.Symbol("q")
    descent_residual(argument)
    argument.let("p", "p_N")
    argument.equal(r"1 - s\,p_{3N+1} = ", 1 - S * tripled(P), (1 - S * P) ** 3 * (1 - alpha * S))
    argument.equal(r"1 - s p_N = q^N:\ (q^N)^3 q = ", (q**N) ** 3 * q, q ** (3 * N + 1))


def degree_bound(argument: Argument, factors: int = 3) -> None:
    """Degrees add in a product: query · key · value has three times the degree."""
    argument.assume(LAYERS)
    tau = sympy.Symbol("tau", positive=True)
    for degree in (1, 3):
        units = [
            sympy.Add(*(sympy.Symbol(f"{name}_{i}") * tau**i for i in range(degree + 1)))
            for name in ("q", "k", "v", "h")[:factors]
        ]
        product = sympy.Poly(sympy.Mul(*units), tau)
        argument.equal(
            rf"\text{{query, key and value of degree {degree}; their product: }}",
            product.degree(),
            3 * degree,
        )
    argument.recurrence(
        r"\text{the degree of a head's result, by } \tau^a \tau^b = \tau^{a+b}:\ ",
        THREE**L,
        L,
        1,
        lambda degree: sympy.powsimp(sympy.Mul(*[tau**degree] * factors)).as_base_exp()[1],
    )
    argument.at_least(
        r"\text{the skip connection and the linear MLP keep the larger degree: } ",
        THREE ** (L + 1),
        THREE**L,
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
    degree_bound(argument)
    argument.note(
        r"\text{a prompt for every } d \text{ and } n:\ x, y \text{ and } x_q \text{ are } \tau "
        r"\text{ in the first coordinate of the first example, zeros elsewhere}"
    )
    count = sympy.Symbol("N", integer=True, positive=True)
    s, lower = sympy.symbols("s l")
    first = -((-alpha) ** count)  # the leading coefficient of p_N, whose degree is N − 1
    argument.recurrence(
        r"\text{the leading coefficient of } p_{N+1} = \alpha + (1 - \alpha s) p_N:\ ",
        first,
        count,
        alpha,
        lambda coefficient: -alpha * coefficient,
        first=1,
    )
    argument.equal(
        r"p_N = c s^{N-1} + \dots:\ (1 - \alpha s) p_N = -\alpha c\,s^N + \dots:\ ",
        sympy.expand((1 - alpha * s) * (first * s + lower)).coeff(s, 2),
        -alpha * first,
    )
    argument.differ(r"\alpha \neq 0:\ ", first, 0)
    for steps in range(1, 6):
        argument.equal(
            rf"N = {steps}: \text{{ degree and leading coefficient of }} x_q p_N(S) X^\top y:\ ",
            leading(steps),
            (2 * steps + 1, first.subs(count, steps)),
        )
    argument.equal(
        r"\tau \cdot \tau^{2(N-1)} \cdot \tau^2:\ ", 1 + 2 * (count - 1) + 2, 2 * count + 1
    )
    more = sympy.Symbol("m", integer=True, nonnegative=True)
    most = (sympy.Integer(base) ** L - 1) / 2
    argument.equal(r"N = (3^L - 1)/2 \text{ has degree } 2N + 1 = ", 2 * most + 1, THREE**L)
    argument.greater(r"N = (3^L - 1)/2 + 1 + m:\ 2N + 1 = ", 2 * (most + 1 + more) + 1, THREE**L)
    argument.equal(r"\text{one layer: } ", descent_steps(1), (base - 1) // 2)


def _order(argument: Argument, ratio: Any = 1 + EXCESS) -> None:
    """r^k steps in k + c layers need 2 r^k + 1 ≤ 3^(k+c): false for large k if r/3 = 1 + a > 1."""
    _limit(argument)
    k = sympy.Symbol("k", integer=True, positive=True)
    extra = sympy.Symbol("c", positive=True)
    excess = ratio - 1
    order, q = sympy.symbols("r q", positive=True)
    argument.let("a", r"r/3 - 1")
    argument.note(
        r"\text{an iteration of order } r \text{ raises the residual } 1 - s M \text{ to } r"
    )
    argument.recurrence(
        r"1 - sM_k = q^{r^k},\ q = 1 - sM_0:\ ", q ** (order**k), k, q**order,
        lambda residual: residual**order, first=1,
    )  # fmt: skip
    argument.equal(
        r"N = r^k \text{ gradient steps from } \alpha I:\ ",
        (q**N).subs(N, order**k),
        q ** (order**k),
    )
    steps = sympy.Symbol("R", positive=True)  # r^k
    argument.greater(
        r"R = r^k \text{ from } \alpha S, M_k \text{ of degree } 2R - 1:\ ",
        1 + 2 * (2 * steps - 1) + 2,
        2 * steps + 1,
    )
    argument.equal(
        r"2 r^k/3^{k+c} = ", 2 * order**k / 3 ** (k + extra), 2 * 3**-extra * (order / 3) ** k
    )
    bernoulli(argument, excess)
    argument.greater(r"a = ", excess, 0)
    argument.limit(
        r"\text{with } 1 + ka \text{ for } (r/3)^k:\ ",
        2 * 3**-extra * (1 + k * excess), k, sympy.oo, sympy.oo,
    )  # fmt: skip
    argument.greater(
        r"3^k \text{ steps need more than } k \text{ layers: } ", 2 * THREE**k + 1, THREE**k
    )
    argument.at_least(
        r"\text{the degree allows them in } k + 1 \text{ layers: } ",
        THREE ** (k + 1),
        2 * THREE**k + 1,
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
    goal = tripled(P) if target is None else sympy.sympify(target)
    # p and σ = s·p are independent letters
    wanted = sympy.expand(goal.subs(S, sigma / P))
    argument.let(r"\sigma", S * P)
    argument.note(
        r"\text{the slot gets } S \text{ times a product of three combinations of } 1, p, \sigma, "
        r"\text{ and } c\,\sigma \text{ from the MLP}"
    )
    argument.equal(
        r"p = \alpha p':\ p_{3N+1} = \alpha \cdot (\text{at } \alpha = 1):\ ",
        wanted.subs(P, alpha * P),
        alpha * wanted.subs(alpha, 1),
    )
    at_one = sympy.expand(wanted.subs(alpha, 1))
    conditions = sympy.Poly(sympy.expand(at_one - mlp * P - sympy.Mul(*forms)), P, sigma).coeffs()
    argument.unsolvable(r"\alpha = 1,\ p_{3N+1} - c\,p = q k v:\ ", conditions, [*unknowns, mlp])
    key, value, line = sigma - 3, P - alpha * sigma, alpha + 2 * P - 3 * alpha * sigma
    argument.equal(
        r"\text{two heads do, } q k v = \sigma(\sigma - 3)(p - \alpha\sigma) \text{ and } "
        r"\alpha + 2p - 3\alpha\sigma:\ ",
        (P + sigma * key * value + line).subs(sigma, S * P),
        tripled(P),
    )


THEOREMS = [
    Theorem(
        id="depth.degree",
        claims=("hyperpower", "deep_descent"),
        statement=r"\text{after } L \text{ linear-attention layers every hidden unit is a "
        r"polynomial of degree} \leq 3^L \text{ in the prompt}",
        kind="induction on k",
        argue=degree_bound,
        inputs={"factors": 3},
    ),
    Theorem(
        id="depth.limit",
        claims=("hyperpower", "gradient_descent", "deep_descent"),
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
        claims=("deep_descent",),
        statement=r"\text{one head cannot update the slot } S p_N(S) x \text{ to } "
        r"S p_{3N+1}(S) x, \text{ two can}",
        kind="impossibility",
        argue=_one_head,
        inputs={"target": None},
    ),
]
