"""Sherman–Morrison: the formula, n examples equal ridge, and ridge as Bayes predictor."""

from __future__ import annotations

from typing import Any

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.calculus.form import Form, S, X, y
from proofs.statements.descent import loss_value
from proofs.theorem import Theorem

P = c.letter("P", c.d, c.d, symmetric=True)
a, w = c.letter("a", c.d, 1), c.letter("w", c.d, 1)
b = sympy.Symbol("b")
ONE = c.identity(c.d)
DEFINED = r"1 + a^\top P a \neq 0"
INVERTIBLE = rf"P \text{{ is invertible}},\ {DEFINED}"


def rank_one_update(inverse: Form, vector: Form, sign: int = -1) -> Form:
    """inverse ∓ inverse·v vᵀ·inverse / (1 + vᵀ·inverse·v)."""
    direction = inverse @ vector
    denominator = 1 + (vector.T @ direction).scalar()
    return inverse + (sympy.Integer(sign) / denominator) * (direction @ direction.T)


def _formula(argument: Argument, sign: int = -1) -> None:
    argument.assume(INVERTIBLE)
    updated = rank_one_update(P, a, sign)
    enlarged = c.inverse_letter(P) + a @ a.T
    argument.equal(r"P'(P^{-1} + aa^\top) = ", updated @ enlarged, ONE)
    argument.equal(r"(P^{-1} + aa^\top)P' = ", enlarged @ updated, ONE)


def _ridge(argument: Argument, sign: int = -1, ridge: Any = None) -> None:
    """P_i⁻¹ = λI + Σ_{j≤i} x_j x_jᵀ and w_i = P_i Σ_{j≤i} y_j x_j, by induction on i."""
    lam = sympy.Symbol("lam", positive=True) if ridge is None else sympy.sympify(ridge)
    argument.equal(r"i = 0:\ P_0 (\lambda I) = ", (ONE / lam) @ (lam * ONE), ONE)
    nothing = c.zero(c.d, 1)
    argument.equal(r"i = 0:\ w_0 = P_0 \cdot 0 = ", (ONE / lam) @ nothing, nothing)
    moment = c.letter("c", c.d, 1)  # Σ_{j ≤ i} y_j x_j
    updated = rank_one_update(P, a, sign)
    argument.equal(
        r"i \to i+1:\ P_{i+1}(P_i^{-1} + aa^\top) = ",
        updated @ (c.inverse_letter(P) + a @ a.T),
        ONE,
    )
    before = P @ moment
    error = c.number(b) - a.T @ before
    argument.equal(
        r"w_i = P_i c:\ w_i + P_{i+1} a (b - a^\top w_i) = P_{i+1}(c + b a):\ ",
        before + updated @ a @ error,
        updated @ (moment + b * a),
    )
    argument.greater(r"\lambda = ", lam, 0)
    # aᵀPa = vᵀ P⁻¹ v for v = P a, and P⁻¹ = λI + XᵀX over the examples so far
    direction, v = P @ a, c.letter("v", c.d, 1)
    argument.equal(
        r"v = P_i a:\ a^\top P_i a = ",
        a.T @ direction,
        direction.T @ c.inverse_letter(P) @ direction,
    )
    argument.equal(
        r"v^\top(\lambda I + X^\top X)v = ",
        v.T @ (lam * ONE + S) @ v,
        lam * (v.T @ v) + (X @ v).T @ (X @ v),
    )
    squares, fits = sympy.symbols("v f", nonnegative=True)  # |v|², |Xv|²
    argument.greater(
        r"\text{every division is defined: } 1 + a^\top P_i a = ", 1 + lam * squares + fits, 0
    )
    argument.equal(
        r"w_n = P_n X^\top y:\ P_n^{-1} w_n = ", c.inverse_letter(P) @ (P @ moment), moment
    )
    weights = c.letter("w_n", c.d, 1)
    h, epsilon = c.letter("h", c.d, 1), sympy.Symbol("epsilon")
    change = sympy.expand(loss_value("sum", lam, weights + epsilon * h))
    normal = (lam * ONE + S) @ weights - X.T @ y
    argument.equal(
        r"\nabla(\textstyle\sum(w^\top x - y)^2 + \lambda\|w\|^2) = "
        r"2((\lambda I + S)w - X^\top y):\ ",
        change.coeff(epsilon, 1),
        (2 * (h.T @ normal)).scalar(),
    )
    argument.equal(
        r"\text{the second-order term: }",
        change.coeff(epsilon, 2),
        ((X @ h).T @ (X @ h)).scalar() + lam * (h.T @ h).scalar(),
    )
    argument.at_least(r"\text{it is } \|Xh\|^2 + \lambda\|h\|^2:\ ", fits + lam * squares, 0)


def _eq11(argument: Argument, sign: int = 1, rate: Any = 2) -> None:
    x, target = c.letter("x", c.d, 1), sympy.Symbol("y_i")
    h, epsilon, lam = c.letter("h", c.d, 1), sympy.Symbol("epsilon"), sympy.Symbol("lam")
    moved = sympy.expand(loss_value("sum", lam, w + epsilon * h, x.T, c.number(target)))
    direction = x @ (x.T @ w) - target * x + sign * lam * w
    argument.equal(
        r"\tfrac{d}{d\epsilon} L(w + \epsilon h)|_0 = 2 h^\top(x w^\top x - y x + \lambda w):\ ",
        moved.coeff(epsilon, 1),
        (rate * (h.T @ direction)).scalar(),
    )
    alpha = sympy.Symbol("alpha")
    argument.equal(
        r"w - \alpha\nabla L = ",
        w - alpha * (rate * direction),
        w - 2 * alpha * (x @ (x.T @ w) - target * x + lam * w),
    )


def _eq14(argument: Argument, sign: int = -1) -> None:
    x, lam, target = c.letter("x", c.d, 1), sympy.Symbol("lam"), sympy.Symbol("y_i")
    argument.assume(r"\lambda \neq 0,\ \lambda + x^\top x \neq 0")
    inverse = rank_one_update(ONE / lam, x, sign)
    argument.equal(r"(\ldots)(\lambda I + xx^\top) = ", inverse @ (lam * ONE + x @ x.T), ONE)
    argument.equal(
        r"(\lambda I + xx^\top)\,\cdot\,\text{right side} = x y:\ ",
        (lam * ONE + x @ x.T) @ inverse @ (target * x),
        target * x,
    )


def _eq19(argument: Argument, strength: Any = None) -> None:
    """Completing the square: the posterior is Gaussian about the ridge solution."""
    sigma, tau = sympy.symbols("sigma tau", positive=True)
    lam = sigma**2 / tau**2 if strength is None else strength(sigma, tau)
    mean, A = c.letter("mu", c.d, 1), (S / sigma**2 + ONE / tau**2)

    def energy(weights: Form) -> Any:
        error = X @ weights - y
        return (error.T @ error).scalar() / (2 * sigma**2) + (weights.T @ weights).scalar() / (
            2 * tau**2
        )

    # Xᵀy = (S + λI)μ, the normal equations of ridge, enter as yᵀX v = μᵀ(S + λI) v
    h = c.letter("h", c.d, 1)
    change = energy(mean + h) - energy(mean)
    normal = (y.T @ X @ h).scalar()
    ridge_side = (mean.T @ (S + lam * ONE) @ h).scalar()
    argument.equal(
        r"(S + \lambda I)\mu = X^\top y \Rightarrow -\log p(\mu + h) + \log p(\mu) = "
        r"\tfrac12 h^\top A h,\ A = S/\sigma^2 + I/\tau^2:\ ",
        sympy.expand(change).subs(normal, ridge_side),
        (h.T @ A @ h).scalar() / 2,
    )
    guess, centre, spread = sympy.symbols("f m v")
    argument.equal(
        r"E(f - u)^2 = (f - m)^2 + v \text{ for } E u = m,\ \mathrm{Var}\,u = v:\ ",
        guess**2 - 2 * guess * centre + (spread + centre**2),
        (guess - centre) ** 2 + spread,
    )
    width = (h.T @ A @ h).scalar()
    argument.equal(r"h \text{ and } -h:\ ", width, ((-h).T @ A @ (-h)).scalar())
    argument.assume(r"\text{a density that is symmetric about } \mu \text{ has mean } \mu")
    off = sympy.Symbol("f", real=True)
    argument.at_least(r"f = \mu^\top x \text{ has the least risk: }", off**2, 0)


THEOREMS = [
    Theorem(
        id="sherman_morrison.formula",
        claims=("sherman_morrison",),
        statement=r"\left(P - \frac{P a a^\top P}{1 + a^\top P a}\right)(P^{-1} + a a^\top) = I",
        kind="identity",
        argue=_formula,
        inputs={"sign": -1},
    ),
    Theorem(
        id="sherman_morrison.ridge",
        claims=("sherman_morrison",),
        statement=r"\text{after } n \text{ examples } w_n = (\lambda I + S)^{-1}X^\top y,\ "
        r"\text{the minimum of } \textstyle\sum(w^\top x - y)^2 + \lambda\|w\|^2",
        kind="induction on k",
        argue=_ridge,
        inputs={"sign": -1, "ridge": None},
    ),
    Theorem(
        id="akyurek2022.eq11",
        claims=("akyurek2022.eq11",),
        statement=r"w' = w - 2\alpha(x w^\top x - y x + \lambda w) = w - \alpha\nabla L(w),\quad "
        r"L = (w^\top x - y)^2 + \lambda\|w\|^2",
        kind="identity",
        argue=_eq11,
        inputs={"sign": 1, "rate": 2},
        variant="printed",
    ),
    Theorem(
        id="akyurek2022.eq14",
        claims=("akyurek2022.eq14",),
        statement=r"(\lambda I + xx^\top)^{-1}xy = \left(\frac I\lambda - \frac{\frac I\lambda x"
        r"x^\top\frac I\lambda}{1 + x^\top\frac I\lambda x}\right)xy",
        kind="identity",
        argue=_eq14,
        inputs={"sign": -1},
        variant="printed",
    ),
    Theorem(
        id="akyurek2022.eq19",
        claims=("akyurek2022.eq19",),
        statement=r"w \sim N(0, \tau^2 I),\ y = Xw + N(0, \sigma^2) \Rightarrow "
        r"E[w \mid X, y] = (S + \tfrac{\sigma^2}{\tau^2}I)^{-1}X^\top y",
        kind="identity",
        argue=_eq19,
        inputs={"strength": None},
        variant="printed",
    ),
]
