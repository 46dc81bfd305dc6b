"""Statements of vladymyrov2024: linear self-attention with any P and Q on tokens (x_i, y_i).

Blocks of a head's matrices are letters: P = [[P_xx, p_xy], [p_yx^T, p_yy]], Q likewise. Keys and
values are the examples; the query has y = 0 at first.
"""

from __future__ import annotations

import sympy

from proofs.argument import Argument
from proofs.calculus import form as c
from proofs.calculus.form import Form, X, Z, y
from proofs.theorem import theorem

Pair = tuple[Form, Form]  # the x and the y of tokens, stacked as rows

M, N = c.letter("M", c.d, c.d), c.letter("N", c.d, c.d)
u, v, w, z = (c.letter(name, c.d, 1) for name in ("u", "v", "w", "z"))
a, b = sympy.symbols("a b")


def received(values: Pair, keys: Pair, asked: Pair) -> Pair:
    """What tokens that ask for `asked` receive: the sum over the examples of value <key, asked>."""
    x, y = (c.head(value, keys[0], asked[0]) + c.head(value, keys[1], asked[1]) for value in values)
    return x, y


def held(tokens: str, M: Form, u: Form, a: sympy.Expr, w: Form) -> Pair:
    """The examples as (M x_i + y_i u, a y_i - <w, x_i>), the query as (M x, -<w, x>)."""
    if tokens == "examples":
        return X @ M.T + y @ u.T, a * y - X @ w
    return Z @ M.T, -(Z @ w)


def _structure(argument: Argument, sign: int = -1) -> None:
    """Induction on layers, and in each on its heads: M, u, a, w of before the layer, N, v, b, z
    of after some of its heads; `sign` is that of M^T c in w."""
    Pxx, Qxx = c.letter("P_{xx}", c.d, c.d), c.letter("Q_{xx}", c.d, c.d)
    pxy, pyx, qxy, qyx = (
        c.letter(name, c.d, 1) for name in ("p_{xy}", "p_{yx}", "q_{xy}", "q_{yx}")
    )
    pyy, qyy = sympy.symbols("p_yy q_yy")
    for tokens in ("examples", "query"):
        x_first, y_first = (X, y) if tokens == "examples" else (Z, c.zero(c.m, 1))
        start = held(tokens, c.identity(c.d), c.zero(c.d, 1), sympy.Integer(1), c.zero(c.d, 1))
        argument.equal(rf"\text{{no layer, {tokens}, x: }}", x_first, start[0])
        argument.equal(rf"\text{{no layer, {tokens}, y: }}", y_first, start[1])
    keys = held("examples", M, u, a, w)
    values = keys[0] @ Pxx.T + keys[1] @ pxy.T, keys[0] @ pyx + pyy * keys[1]
    gram, moment = keys[0].T @ keys[0], keys[0].T @ keys[1]
    squares = (keys[1].T @ keys[1]).scalar()
    # P (sum_j e_j e_j^T) Q = [[A, b], [c^T, d]]
    of_x, of_y = gram @ Qxx + moment @ qyx.T, moment.T @ Qxx + squares * qyx.T
    by_x, by_y = gram @ qxy + qyy * moment, (moment.T @ qxy).scalar() + squares * qyy
    A, down = Pxx @ of_x + pxy @ of_y, (pyx.T @ of_x + pyy * of_y).T
    right, corner = Pxx @ by_x + by_y * pxy, (pyx.T @ by_x).scalar() + pyy * by_y
    argument.note(r"\text{a head adds } P E Q \text{ times the token, E the sum of the examples' "
                  r"squares; its blocks are A, b, c and d}")  # fmt: skip
    after = (
        N + A @ M - right @ w.T,
        v + A @ u + a * right,
        b + corner * a + (down.T @ u).scalar(),
        z + corner * w + sign * (M.T @ down),
    )
    for tokens in ("examples", "query"):
        before, now = held(tokens, M, u, a, w), held(tokens, N, v, b, z)
        asked = before[0] @ Qxx.T + before[1] @ qxy.T, before[0] @ qyx + qyy * before[1]
        more, should = received(values, keys, asked), held(tokens, *after)
        for name, at in (("x", 0), ("y", 1)):
            argument.equal(
                rf"\text{{one head more, {tokens}, {name}: }}", now[at] + more[at], should[at]
            )
    argument.note(
        r"\text{a layer's heads begin with N, v, b, z as M, u, a, w, and the next layer with those "
        r"of the last head}"
    )


def _diagonal(argument: Argument, cross: str = "p_x*q_y") -> None:
    """Induction on heads, each P = diag(p_x I, p_y), Q = diag(q_x I, q_y), at any tokens.

    `cross` is what a head adds to omega_xy."""
    px, py, qx, qy = sympy.symbols("p_x p_y q_x q_y")
    wxx, wxy, wyx, wyy = sympy.symbols("omega_xx omega_xy omega_yx omega_yy")
    t = c.letter("t", c.m, 1)
    alpha, lam = X.T @ y, (y.T @ y).scalar()
    argument.let("Z, t", r"\text{the x and the y of any tokens}")

    def tokens(wxx: sympy.Expr, wxy: sympy.Expr, wyx: sympy.Expr, wyy: sympy.Expr) -> Pair:
        return (
            Z + wxx * (Z @ X.T @ X) + wxy * (t @ alpha.T),
            t + wyx * (Z @ alpha) + wyy * lam * t,
        )

    none = (sympy.Integer(0),) * 4
    for name, given, start in zip("xy", (Z, t), tokens(*none), strict=True):
        argument.equal(rf"\text{{no head, {name}: }}", given, start)
    added = received((px * X, py * y), (X, y), (qx * Z, qy * t))
    summed = tokens(wxx, wxy, wyx, wyy)
    crossed = sympy.sympify(cross)
    should = tokens(wxx + px * qx, wxy + crossed, wyx + py * qx, wyy + py * qy)
    for name, at in (("x", 0), ("y", 1)):
        argument.equal(rf"\text{{one head more, {name}: }}", summed[at] + added[at], should[at])


def _one_head(argument: Argument, power: int = 1) -> None:
    """The products agree; two heads, P = diag(I, 0) and diag(0, 1), have any four numbers."""
    px, py, qx, qy = sympy.symbols("p_x p_y q_x q_y")
    xx, xy, yx, yy = px * qx, px * qy, py * qx, py * qy
    argument.equal(r"\text{one head: } \omega_{xx}\omega_{yy}:\ ", xx * yy**power, xy * yx)
    numbers = wxx, wxy, wyx, wyy = sympy.symbols("omega_xx omega_xy omega_yx omega_yy")
    heads = ((1, 0, wxx, wxy), (0, 1, wyx, wyy))  # p_x, p_y, q_x, q_y
    for place, number in enumerate(numbers):
        p, q = divmod(place, 2)
        argument.equal(r"\text{two heads: }", sum(h[p] * h[2 + q] for h in heads), number)
    argument.differ(r"\text{which need not agree: }", wxx * wyy, wxy * wyx)


def _fast(argument: Argument, third: int = 3) -> None:
    """GD++ with gamma = 1/(3 mu): s = mu r goes to mu (4/9) g(r), g(r) = r (3 - r)^2/4.

    On [1/2, 1] the distance to 1 is at least squared, below 1/2 r grows by 25/16; the last layer,
    of step 1/mu', leaves what r is short of 1. `third` is the 3 in gamma.
    """
    r, mu = sympy.symbols("r mu", positive=True)
    slack = sympy.Symbol("e", nonnegative=True)
    part = sympy.Symbol("q", positive=True)
    mapped = mu * r * (1 - r / third) ** 2
    g = r * (3 - r) ** 2 / 4
    argument.equal(r"s(1 - \gamma s)^2, s = \mu r:\ ", mapped, sympy.Rational(4, 9) * mu * g)
    argument.equal(r"\text{its largest value stays at } r = 1:\ ", g.subs(r, 1), 1)
    share = 1 / (1 + slack)  # any number in (0, 1]
    argument.at_least(r"\text{it does not fall, } r = 1/(1 + e):\ g'(r) = ",
                      sympy.diff(g, r).subs(r, share), 0)  # fmt: skip
    argument.at_least(r"\text{nor is it below } r:\ ", g.subs(r, share), share)
    argument.at_least(r"r = 1 - 1/(1 + e):\ (1 - r)^2 \text{ and } 1 - g(r):\ ",
                      share**2, 1 - g.subs(r, 1 - share))  # fmt: skip
    below = share / 2
    argument.at_least(r"r = 1/(2(1 + e)):\ g(r)/r = ",
                      (g / r).subs(r, below), sympy.Rational(25, 16))  # fmt: skip
    j = sympy.Symbol("j", integer=True, nonnegative=True)
    argument.recurrence(r"\text{squared j times, from } q:\ ", part ** (2**j), j, part,
                        lambda short: short**2)  # fmt: skip
    argument.equal(r"\text{what a step } 1/\mu' \text{ leaves of } s' = \mu' r:\ ",
                   1 - (mu * r) / mu, 1 - r)  # fmt: skip


THEOREMS = [
    theorem(
        "vladymyrov2024.theorem4.1", "vladymyrov2024.theorem4.1",
        r"\text{for all } P_k, Q_k \text{ in any heads of any layers: } x_i^l = M^l x_i + y_i u^l,"
        r"\ y_i^l = a^l y_i - \langle w^l, x_i \rangle \text{ with one } M^l, u^l, a^l, w^l; "
        r"\text{ the query: } x^l = M^l x,\ y^l = -\langle w^l, x \rangle",
        _structure, "printed", "induction on k", inputs={"sign": -1},
    ),
    theorem(
        "vladymyrov2024.diagonal", "vladymyrov2024.diagonal",
        r"P_k = \mathrm{diag}(p_x I, p_y),\ Q_k = \mathrm{diag}(q_x I, q_y): x_i \leftarrow x_i + "
        r"\omega_{xx}\Sigma x_i + \omega_{xy} y_i \alpha,\ y_i \leftarrow y_i + \omega_{yx}\langle "
        r"\alpha, x_i \rangle + \omega_{yy}\lambda y_i",
        _diagonal, "printed", "induction on k", inputs={"cross": "p_x*q_y"},
    ),
    theorem(
        "vladymyrov2024.onehead", "vladymyrov2024.onehead",
        r"\text{one head: } \omega_{xx}\omega_{yy} = \omega_{xy}\omega_{yx}; \text{ two have any}",
        _one_head, "printed", inputs={"power": 1},
    ),
    theorem(
        "vladymyrov2024.theorem5.1", "vladymyrov2024.theorem5.1",
        r"\gamma\mu = 1/3:\ \mu/\nu \text{ falls by } 25/16 \text{ a layer down to } 2, \text{ "
        r"then } 1 - \nu/\mu \text{ is squared}; \text{ the last step leaves } 1 - \nu/\mu",
        _fast, "repaired", "analysis", inputs={"third": 3},
    ),
]  # fmt: skip
