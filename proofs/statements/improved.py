"""Fewer layers: predictions carried along, the most gradient steps, the best step sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from proofs import carried, deep_descent, gd_plus_plus
from proofs.theorem import Argument, Theorem

Values = Mapping[str, Any]
L = sympy.Symbol("L", integer=True, nonnegative=True)
FACTOR = sympy.Rational(4, 3)


def _carried(argument: Argument, weights: Values, iteration: str) -> None:
    third = iteration == "hyperpower"
    wanted = carried.hyperpower.third_order() if third else carried.second_order()
    score = carried.scores(iteration)
    got = carried.column(score, weights["value_p"], weights["skip_p"])
    argument.note(r"T \text{ is a polynomial in } S; \text{ scores } " + sympy.latex(score))
    argument.equal(r"p:\ ", got, wanted)


def _first_iteration(argument: Argument, weights: Values) -> None:
    argument.equal(
        r"p_1:\ ", carried.from_gram(dict(weights)), carried.second_order(carried.alpha * carried.S)
    )


def _residual(argument: Argument, weights: Values) -> None:
    S, T = carried.S, carried.T
    argument.equal(r"r \mapsto ", 1 + weights["value_r"] * carried.scores("newton") * S, 1 - S * T)
    k = sympy.Symbol("k", integer=True, nonnegative=True)
    argument.note(r"T = M_j \text{ has } I - SM_j = R^{2^j},\ R = I - \alpha S")
    argument.equal(r"\text{after layer } 1:\ 2^0 = ", sympy.Integer(2) ** 0, 1)
    argument.equal(r"\text{layer } k+2:\ 2^k + 2^k = ", 2**k + 2**k, 2 ** (k + 1))


def _layer(argument: Argument, weights: Values) -> None:
    argument.note(r"U = R^N,\ R = I - \alpha S,\ S T = I - R U")
    after, wanted = deep_descent.layer(weights), deep_descent.required()
    for slot in ("u", "r", "t"):
        argument.equal(rf"{slot}:\ ", after[slot], wanted[slot])


def _layers(argument: Argument, weights: Values, order: int = 3) -> None:
    S, alpha = deep_descent.S, deep_descent.alpha
    argument.note(r"L = 0:\ u = x,\ t = \alpha x,\ r = y: \ N = 0")
    base = sympy.Integer(order)
    argument.equal(r"N_0 = ", (base**0 - 1) / 2, 0)
    argument.equal(r"S T_0 = 1 - R U_0:\ ", S * alpha, 1 - deep_descent.R)
    _layer(argument, weights)
    argument.equal(r"N_{L+1} = 3 N_L + 1:\ ", 3 * (base**L - 1) / 2 + 1, (base ** (L + 1) - 1) / 2)


def _gdpp(argument: Argument, weights: Values) -> None:
    g = gd_plus_plus
    error, width = g.layer(dict(weights))
    argument.equal(r"\rho':\ ", error, g.rho * (1 - g.eta * g.s * g.q**2))
    argument.equal(r"q':\ ", width, g.q * (1 - g.gamma * g.s * g.q**2))


def _tripling(argument: Argument, factor: Any = FACTOR) -> None:
    """p = 3^k z q, z² = s/ℓ: c = factor·9^(k−1)/ℓ in layer k."""
    p, z, theta, m = sympy.symbols("p z theta m")
    q = p / (m * z)  # m = 3^(k−1)
    argument.note(r"p_{k-1} = m z q_{k-1},\ m = 3^{k-1};\ c_k = 4 m^2 / (3\ell)")
    c = factor * m**2 / gd_plus_plus.ell
    after = 3 * m * z * q * (1 - c * gd_plus_plus.ell * z**2 * q**2)
    argument.equal(r"p_k:\ ", after, -sympy.chebyshevt(3, p))
    argument.equal(
        r"T_3(\cos\theta) = ",
        sympy.expand(sympy.chebyshevt(3, sympy.cos(theta))),
        sympy.expand(sympy.expand_trig(sympy.cos(3 * theta))),
    )
    argument.note(
        r"p_0 = z = \cos\theta \Rightarrow p_k = \pm\cos 3^k\theta: \ |p_k| \leq 1 "
        r"\text{ on } [-1, 1], \text{ with equality at } z = 1"
    )
    argument.equal(r"3 \cdot 3^L = ", 3 * sympy.Integer(3) ** L, sympy.Integer(3) ** (L + 1))


def _best(argument: Argument, multiplicity: int = 3) -> None:
    """No odd polynomial p of degree ≤ m with p'(0) = 1 stays below 1/m on [−1, 1]; m odd."""
    j = sympy.Symbol("j", integer=True, nonnegative=True)
    m = 2 * j + 1
    argument.note(
        r"\text{a transformer of } L \text{ layers: prompt } x_1 = \sigma,\ y_1 = \sigma w,\ "
        r"\text{query } 1 \text{ (first coordinate, zeros elsewhere). Averaging its prediction "
        r"over the signs of } (x_1, y_1), (x_q), \text{ and } w \text{ does not make the largest "
        r"error larger, and leaves } w\,(1 - q(\sigma^2))"
    )
    argument.note(
        r"q(0) = 1 \text{ since every term has a factor } y_1 = \sigma w; \ "
        r"\text{degree} \leq 3^L - 1 \text{ in } \sigma \text{ by depth.degree, one "
        r"factor being } x_q"
    )
    argument.note(r"p(z) = z\,q(\ell z^2) \text{ is odd, of degree } \leq m = 3^L,\ p'(0) = 1")
    # T_m(cos θ) = cos mθ, so T_m'(cos θ) = m sin(mθ)/sin θ, at θ = π/2:
    slope = sympy.simplify(m * sympy.sin(m * sympy.pi / 2) / sympy.sin(sympy.pi / 2))
    argument.equal(r"T_m'(0)^2 = ", sympy.simplify(slope**2), m**2)
    argument.note(
        r"\text{if } |p| < 1/m \text{ on } [-1, 1], \text{ then } D = \pm T_m/m - p, \text{ the "
        r"sign making } D'(0) = 0, \text{ changes sign between any two of the } m + 1 "
        r"\text{ extrema of } T_m: \ m \text{ zeros, one of them at } 0, \text{ in the middle}"
    )
    argument.note(r"D \text{ is odd with } D'(0) = 0: \text{ its zero at } 0 \text{ is triple}")
    zeros = (m - 1) + multiplicity
    argument.holds(
        rf"{sympy.latex(sympy.expand(zeros))} > m \text{{ zeros, but degree}} \leq m: "
        r"\text{ a contradiction, since } D(1) \neq 0",
        sympy.expand(zeros - m).is_positive,
    )


def theorem(name: str, claim: str, statement: str, argue: Any, **more: Any) -> Theorem:
    return Theorem(id=name, claims=(claim,), statement=statement, argue=argue, **more)


def solved(module: str, function: str, *given: Any) -> Any:
    def weights() -> Values:
        from importlib import import_module

        return getattr(import_module(f"proofs.{module}"), function)(*given).weights

    return weights


IDENTITY: dict[str, Any] = {"kind": "identity"}
INDUCTION: dict[str, Any] = {"kind": "induction on k"}

THEOREMS = [
    *(
        theorem(
            f"carried.{name}",
            claim,
            r"p_t = x_t^\top T X^\top y \;\mapsto\; x_t^\top T' X^\top y \text{ in the layer that "
            r"makes } T'",
            _carried,
            weights=solved("carried", "prediction", name),
            inputs={"iteration": name},
            **IDENTITY,
        )
        for name, claim in (("hyperpower", "hyperpower"), ("newton", "newton_carried"))
    ),
    theorem(
        "carried.first_iteration", "newton_carried",
        r"p_1 = x^\top(2\alpha S - \alpha^2S^3)X^\top y \text{ one layer after } \alpha S x",
        _first_iteration, weights=solved("carried", "first_iteration"), **IDENTITY,
    ),
    theorem(
        "carried.residual", "newton_carried",
        r"M_0 = \alpha I:\ k + 1 \text{ layers leave } (I - \alpha S)^{2^k} \text{ of the error}",
        _residual, weights=solved("carried", "residual"), **INDUCTION,
    ),
    theorem(
        "deep_descent.layer", "deep_descent",
        r"\text{one layer of two heads takes } N \text{ gradient steps to } 3N + 1",
        _layer, weights=solved("deep_descent", "iteration"), **IDENTITY,
    ),
    theorem(
        "deep_descent.layers", "deep_descent",
        r"L \text{ layers make } (3^L - 1)/2 \text{ gradient steps}",
        _layers, weights=solved("deep_descent", "iteration"), inputs={"order": 3}, **INDUCTION,
    ),
    theorem(
        "gd_plus_plus.layer", "gd_plus_plus",
        r"\rho' = \rho(1 - \eta s q^2),\ q' = q(1 - \gamma s q^2)",
        _gdpp, weights=solved("gd_plus_plus", "step"), **IDENTITY,
    ),
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
