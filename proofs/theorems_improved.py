"""Fewer layers: predictions carried along, the most gradient steps, the best step sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from proofs import carried, deep_descent, gd_plus_plus
from proofs.calculus import Form
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
    argument.note(r"p_0 = z = \cos\theta \Rightarrow p_k = \pm\cos 3^k\theta: \ |p_k| \leq 1 "
                  r"\text{ on } [-1, 1], \text{ with equality at } z = 1")
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
    argument.note(r"q(0) = 1 \text{ since every term has a factor } y_1 = \sigma w; \ "
                  r"\text{degree} \leq 3^L - 1 \text{ in } \sigma \text{ by depth.degree, one "
                  r"factor being } x_q")
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


def _momentum(argument: Argument, weights: Values) -> None:
    from proofs import momentum as mo

    error, last = mo.layer(weights)
    following = mo.beta * mo.nu + mo.eta * mo.s * mo.rho
    argument.equal(r"v':\ ", last, following)
    argument.equal(r"r':\ ", error, mo.rho - following)


def _chebyshev(argument: Argument, factor: Any = 2) -> None:
    """ρ_k = T_k(z)/T_k(σ), z = (θ − s)/δ: the recurrences of T and of ω give the step's."""
    z, sigma, t, before = sympy.symbols("z sigma T_k(z) T_{k-1}(z)")
    T, Tb = sympy.symbols("T_k(sigma) T_{k-1}(sigma)")
    delta = sympy.Symbol("delta")
    s = delta * (sigma - z)  # θ = σδ
    following = factor * sigma * T - Tb  # T_{k+1}(σ)
    omega, previous = T / following, Tb / T  # ω_k, ω_{k−1}
    argument.equal(r"\omega_k = 1/(2\sigma - \omega_{k-1}):\ ", omega, 1 / (2 * sigma - previous))
    rho, rho_before = t / T, before / Tb
    # r changes by v' = ω_k ω_{k−1} (last change) − (2 ω_k/δ) s r
    after = rho + omega * previous * (rho - rho_before) - 2 * omega / delta * s * rho
    argument.equal(r"\rho_{k+1}:\ ", after, (2 * z * t - before) / following)
    argument.equal(r"k = 1:\ 1 - s/\theta = ", 1 - s / (sigma * delta), z / sigma)


def _preconditioned(argument: Argument, weights: Values) -> None:
    from proofs import calculus as c
    from proofs import preconditioned as pre

    following = pre.w + pre.eta * (pre.P @ (pre.X.T @ (pre.y - pre.X @ pre.w)))
    places: tuple[tuple[str, Form, Form], ...] = (
        ("context", pre.X, pre.y),
        ("query", pre.Z, c.zero(c.m, 1)),
    )
    for where, rows, targets in places:
        argument.equal(
            rf"\text{{{where} tokens: }} ",
            pre.layer(weights, rows, targets),
            targets - rows @ following,
        )


def _least_squares(argument: Argument, weights: Values) -> None:
    from proofs import calculus as c
    from proofs import recursive_least_squares as rls

    inverse, following = rls.required()
    enlarged = c.inverse_letter(rls.P) + rls.a @ rls.a.T
    argument.equal(r"P'(P^{-1} + a a^\top) = ", inverse @ enlarged, c.identity(c.d))
    after = rls.layers(weights)
    argument.equal(r"z:\ ", after["z"], rls.z @ inverse)
    argument.equal(r"r:\ ", after["r"], c.number(rls.target) - rls.z @ following)
    for slot in ("a", "b", "e"):
        argument.equal(rf"{slot}:\ ", after[slot], 0 * after[slot])


def _pairs(argument: Argument, weights: Values) -> None:
    from proofs import calculus as c
    from proofs import paired_least_squares as pls

    inverse, following = pls.required()
    enlarged = c.inverse_letter(pls.P) + pls.A[0] @ pls.A[0].T + pls.A[1] @ pls.A[1].T
    argument.equal(
        r"P'(P^{-1} + a_1a_1^\top + a_2a_2^\top) = ", inverse @ enlarged, c.identity(c.d)
    )
    after = pls.layers(weights)
    argument.equal(r"z:\ ", after["z"], pls.z @ inverse)
    argument.equal(r"r:\ ", after["r"], c.number(pls.target) - pls.z @ following)


def _threshold(argument: Argument, weights: Values) -> None:
    tau = sympy.Symbol("tau", positive=True)
    excess = sympy.Symbol("e", positive=True)
    part = sympy.Symbol("a", positive=True)  # |v| = τ a/(1 + a) < τ

    def relu(value: Any) -> Any:
        return sympy.Max(0, sympy.factor(value))

    for v, wanted in (
        (tau + excess, excess),
        (tau * part / (1 + part), sympy.Integer(0)),
        (sympy.Integer(0), sympy.Integer(0)),
        (-tau * part / (1 + part), sympy.Integer(0)),
        (-tau - excess, -excess),
    ):
        got = v + weights["above"] * relu(v - tau) + weights["below"] * relu(-v - tau)
        got += weights["up"] * relu(v) + weights["down"] * relu(-v)
        argument.equal(rf"v = {sympy.latex(v)}:\ ", got, wanted)
        if wanted != 0:  # the minimum of ½(u − v)² + τ|u| at u ≠ 0: v − u = τ sign(u)
            force = tau * sympy.sign(wanted)
            argument.equal(r"v - u = \tau\,\mathrm{sign}(u):\ ", v - wanted, force)
    argument.note(r"|v| \leq \tau:\ v - 0 \in [-\tau, \tau] = \tau\,\partial|0|")


def _logistic(argument: Argument, weights: Values) -> None:
    from proofs import calculus as c
    from proofs import logistic as lo

    following = lo.w - lo.eta * (lo.X.T @ (lo.probability - lo.y))
    for where, rows in (("context", lo.X), ("query", lo.Z)):
        value = weights["value_y"] * lo.y + weights["value_p"] * lo.probability
        read = c.head(value, weights["key"] * lo.X, weights["query"] * rows)
        argument.equal(rf"\text{{{where} tokens: }} ", rows @ lo.w + read, rows @ following)
    v = sympy.Symbol("v")
    slope = sympy.exp(v) / (1 + sympy.exp(v))
    softplus = sympy.log(1 + sympy.exp(v))
    argument.equal(r"\tfrac{d}{dv}\log(1 + e^v) = ", sympy.diff(softplus, v), slope)


def _theorem(name: str, claim: str, statement: str, argue: Any, **more: Any) -> Theorem:
    return Theorem(id=name, claims=(claim,), statement=statement, argue=argue, **more)


def _solved(module: str, function: str, *given: Any) -> Any:
    def weights() -> Values:
        from importlib import import_module

        return getattr(import_module(f"proofs.{module}"), function)(*given).weights

    return weights


_IDENTITY: dict[str, Any] = {"kind": "identity"}
_INDUCTION: dict[str, Any] = {"kind": "induction on k"}

THEOREMS = [
    *(
        _theorem(
            f"carried.{name}",
            claim,
            r"p_t = x_t^\top T X^\top y \;\mapsto\; x_t^\top T' X^\top y \text{ in the layer that "
            r"makes } T'",
            _carried,
            weights=_solved("carried", "prediction", name),
            inputs={"iteration": name},
            **_IDENTITY,
        )
        for name, claim in (("hyperpower", "hyperpower"), ("newton", "newton_carried"))
    ),
    _theorem(
        "carried.first_iteration", "newton_carried",
        r"p_1 = x^\top(2\alpha S - \alpha^2S^3)X^\top y \text{ one layer after } \alpha S x",
        _first_iteration, weights=_solved("carried", "first_iteration"), **_IDENTITY,
    ),
    _theorem(
        "carried.residual", "newton_carried",
        r"M_0 = \alpha I:\ k + 1 \text{ layers leave } (I - \alpha S)^{2^k} \text{ of the error}",
        _residual, weights=_solved("carried", "residual"), **_INDUCTION,
    ),
    _theorem(
        "deep_descent.layer", "deep_descent",
        r"\text{one layer of two heads takes } N \text{ gradient steps to } 3N + 1",
        _layer, weights=_solved("deep_descent", "iteration"), **_IDENTITY,
    ),
    _theorem(
        "deep_descent.layers", "deep_descent",
        r"L \text{ layers make } (3^L - 1)/2 \text{ gradient steps}",
        _layers, weights=_solved("deep_descent", "iteration"), inputs={"order": 3}, **_INDUCTION,
    ),
    _theorem(
        "gd_plus_plus.layer", "gd_plus_plus",
        r"\rho' = \rho(1 - \eta s q^2),\ q' = q(1 - \gamma s q^2)",
        _gdpp, weights=_solved("gd_plus_plus", "step"), **_IDENTITY,
    ),
    _theorem(
        "gd_plus_plus.tripling", "minimax_descent",
        r"\sqrt{s}\,|\rho_L(s)| = \sqrt{\ell}\,|T_{3^L}(\sqrt{s/\ell})| / 3^L "
        r"\leq \sqrt{\ell}/3^L",
        _tripling, inputs={"factor": FACTOR}, **_INDUCTION,
    ),
    _theorem(
        "gd_plus_plus.best", "minimax_descent",
        r"\text{no transformer of } L \text{ linear-attention layers has } "
        r"\sup_{0 < s \leq \ell} \sqrt{s}\,|\rho(s)| < \sqrt{\ell}/3^L",
        _best, inputs={"multiplicity": 3}, kind="impossibility",
    ),
    _theorem(
        "momentum.layer", "momentum", r"v' = \beta v - \eta\nabla L(w),\ w' = w + v'",
        _momentum, weights=_solved("momentum", "step"), **_IDENTITY,
    ),
    _theorem(
        "chebyshev.residual", "chebyshev",
        r"\rho_k(s) = T_k((\theta - s)/\delta) / T_k(\theta/\delta)",
        _chebyshev, inputs={"factor": 2}, **_INDUCTION,
    ),
    _theorem(
        "preconditioned.layer", "preconditioned", r"w' = w - \eta P \nabla L(w)",
        _preconditioned, weights=_solved("preconditioned", "step"), **_IDENTITY,
    ),
    _theorem(
        "recursive_least_squares.layers", "recursive_least_squares",
        r"\text{two layers: } P' = (P^{-1} + aa^\top)^{-1},\ w' = w + P'a(b - a^\top w)",
        _least_squares, weights=_solved("recursive_least_squares", "update"), **_IDENTITY,
    ),
    _theorem(
        "paired_least_squares.layers", "paired_least_squares",
        r"\text{two layers: } P' = (P^{-1} + a_1a_1^\top + a_2a_2^\top)^{-1},\ w' = w + "
        r"P'\textstyle\sum_k a_k(b_k - a_k^\top w)",
        _pairs, weights=_solved("paired_least_squares", "update"), **_IDENTITY,
    ),
    _theorem(
        "lasso.threshold", "lasso",
        r"\text{four ReLUs make } \mathrm{soft}(v, \tau) = \arg\min_u \tfrac12(u-v)^2 + \tau|u|",
        _threshold, weights=_solved("soft_threshold", "threshold"), **_IDENTITY,
    ),
    _theorem(
        "logistic.layer", "logistic", r"w' = w - \eta X^\top(\sigma(Xw) - y)",
        _logistic, weights=_solved("logistic", "step"), **_IDENTITY,
    ),
]  # fmt: skip

