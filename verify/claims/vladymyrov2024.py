"""vladymyrov2024: what linear self-attention with any weights maintains, and how fast GD++ is.

Vladymyrov, von Oswald, Sandler, Ge, "Linear Transformers are Versatile In-Context Learners",
arXiv:2402.14180. The text that was read has its displayed formulas as pictures: those of lemma 4.3
and of the diagonal layer are given from the text around them and from the proofs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy
from flint import arb
from hypothesis import strategies as st
from sympy import Symbol

import constructions
from constructions.numbers.ball import Ball
from constructions.numbers.reals import as_ball
from constructions.papers import vladymyrov2024
from constructions.run.forward import run_once
from constructions.witness import Witness
from proofs.calculus import form as c
from proofs.calculus.run import Run
from proofs.calculus.tokens import OutsideCalculusError
from proofs.flint_precision import precision
from proofs.layer import Layer, Readout
from proofs.letters import count, matrix, vector
from proofs.prompt import Prompt
from proofs.stream import Layout

from .. import strategies
from ..checks.statements import formula, theorem
from ..claim import Check, Promise, claim, repair
from ..formulas import Formula
from ..papers import Paper
from ..statements import Certificate, for_every
from ..strategies import as_text

PAPER = Paper(
    "vladymyrov2024",
    title="Linear Transformers are Versatile In-Context Learners",
    authors="Max Vladymyrov, Johannes von Oswald, Mark Sandler, Rong Ge",
    arxiv="2402.14180",
)

Case = Mapping[str, Any]
LAYER = r"e_i \leftarrow e_i + \textstyle\sum_k P_k \sum_{j \leq n} e_j e_j^\top Q_k e_i"
SMALL = strategies.fractions(2, 2)


@st.composite
def cases(draw: Any, weights: Callable[[int], Any], layers: Any, heads: Any) -> dict[str, Any]:
    """A prompt (X, y, query) and for each of some layers the (P, Q) of its heads."""
    d, n = draw(st.integers(1, 2)), draw(st.integers(1, 4))
    numbers = [draw(SMALL) for _ in range(n * d + n + d)]
    X, y, query = np.split(np.array(numbers, dtype=object), (n * d, n * d + n))
    pair = st.tuples(weights(d), weights(d))
    made = [[draw(pair) for _ in range(draw(heads))] for _ in range(draw(layers))]
    return {"X": X.reshape(n, d), "y": y, "query": query, "layers": made}


def full(d: int) -> Any:
    """Any (d + 1) x (d + 1) matrix."""
    return st.lists(SMALL, min_size=(d + 1) ** 2, max_size=(d + 1) ** 2).map(
        lambda entries: np.array(entries, dtype=object).reshape(d + 1, d + 1)
    )


def diagonal(d: int) -> Any:
    """diag(p I, q) for any two numbers."""
    return st.tuples(SMALL, SMALL).map(
        lambda pair: np.diag(np.array([pair[0]] * d + [pair[1]], dtype=object))
    )


def states(case: Case) -> list[np.ndarray]:
    """Tokens (n + 1, d + 1) after 0, 1, … layers of the transformer, in fractions."""
    X, y, query = case["X"], case["y"], case["query"]
    witness = vladymyrov2024.linear_transformer(len(query), case["layers"])
    start = np.hstack([np.vstack([X, query[None]]), np.append(y, 0)[:, None]])
    traced = witness.trace(X, y, query[None], "rational")[-len(case["layers"]) :]
    after = traced if case["layers"] else []
    return [start, *(np.hstack([at["x"], np.reshape(at["y"], (-1, 1))]) for at in after)]


def said(case: Case, **more: Any) -> dict[str, Any]:
    """The case as numbers, in text."""
    made = {name: as_text(case[name].tolist()) for name in ("X", "y", "query")}
    made["layers"] = [
        [{"P": as_text(P.tolist()), "Q": as_text(Q.tolist())} for P, Q in heads]
        for heads in case["layers"]
    ]
    return made | more


# -- theorem 4.1, lemma 4.3 -----------------------------------------------------------------------


def maintained(case: Case) -> list[tuple[np.ndarray, np.ndarray, Any, np.ndarray]]:
    """(M, u, a, w) after 0, 1, … layers, by lemma 4.3, from the examples alone."""
    X, y = case["X"], case["y"]
    d = X.shape[1]
    M, a = np.array(np.eye(d, dtype=int), dtype=object), 1
    u, w = np.zeros(d, dtype=object), np.zeros(d, dtype=object)
    made = [(M, u, a, w)]
    for heads in case["layers"]:
        E = np.hstack([X @ M.T + np.outer(y, u), (a * y - X @ w)[:, None]])
        B = sum(P @ (E.T @ E) @ Q for P, Q in heads)
        A, b, c, e = B[:d, :d], B[:d, d], B[d, :d], B[d, d]
        M, u, a, w = (M + A @ M - np.outer(b, w), u + A @ u + a * b, a + e * a + c @ u,
                      w + e * w - M.T @ c)  # fmt: skip
        made.append((M, u, a, w))
    return made


def other_than_maintained(case: Case) -> dict[str, Any] | None:
    """The first layer after which a token is not (M x + y u, a y - <w, x>), with one M, u, a, w."""
    X, y, query = case["X"], case["y"], case["query"]
    for layer, (tokens, (M, u, a, w)) in enumerate(
        zip(states(case), maintained(case), strict=True)
    ):
        for i, (x, target) in enumerate([*zip(X, y), (query, 0)]):
            should = [*(M @ x + target * u), a * target - w @ x]
            if tokens[i].tolist() != should:
                token = "query" if i == len(X) else f"example {i + 1}"
                return said(case, layer=layer, token=token, found=as_text(tokens[i].tolist()),
                            should=as_text(should))  # fmt: skip
    return None


@claim(
    "vladymyrov2024.theorem4.1",
    source=f"{PAPER}, theorem 4.1",
    statement=LAYER + r":\ x_i^l = M^l x_i + y_i u^l,\ y_i^l = a^l y_i - \langle w^l, x_i \rangle,"
    r"\ x_t^l = M^l x_t,\ y_t^l = -\langle w^l, x_t \rangle",
    note="M, u, a, w are those of lemma 4.3",
)
def theorem41() -> tuple[Check, ...]:
    """Whatever the weights, each layer maintains one linear regression model of the examples."""
    drawn = formula(
        lambda: (cases(full, st.just(1), st.just(1)), cases(full, st.integers(0, 2),
                                                            st.integers(1, 2))),
        other_than_maintained,
        "M, u, a, w of the examples alone give every token, 0 to 2 layers of 1 or 2 heads",
    )  # fmt: skip
    return drawn, theorem("vladymyrov2024.theorem4.1")


KINDS: dict[str, Any] = {"xx": matrix, "xy": vector, "yx": vector, "yy": Symbol}
LETTERS: dict[str, Any] = {
    f"{one}_{block}": kind(f"{one}_{block}") for one in "PQ" for block, kind in KINDS.items()
}


def tied_prompts() -> Any:
    kinds: dict[str, Any] = {
        "xx": strategies.matrix(),
        "xy": strategies.vector(),
        "yx": strategies.vector(),
        "yy": strategies.fractions(),
    }
    drawn = {name: kinds[name[2:]] for name in LETTERS}
    sizes = st.integers(1, 2), st.integers(1, 3), st.just(1)
    return strategies.prompts(*sizes, layers=st.integers(0, 2), **drawn)


@claim(
    "vladymyrov2024.lemma4.3",
    source=f"{PAPER}, lemma 4.3 and appendix A.1",
    statement=r"\sum_k P_k \sum_j e_j^l e_j^{l\top} Q_k = \begin{bmatrix} A & b \\ c^\top & d "
    r"\end{bmatrix}:\ M^{l+1} = (I + A)M^l - b w^{l\top},\ u^{l+1} = (I + A)u^l + a^l b,\ a^{l+1} "
    r"= (1 + d)a^l + \langle c, u^l \rangle,\ w^{l+1} = (1 + d)w^l - M^{l\top}c",
    algorithm=Formula(
        "lemma 4.3",
        lambda given: (
            vladymyrov2024.lemma43(given["layers"]), f"w{given['layers']}.T*x_t"
        ),
    ),
    assembled=lambda: [{"d": 3, "layers": count("layers"), **LETTERS}],
    cases=tied_prompts,
    theorems=("vladymyrov2024.theorem4.1",),
    note="one head, the same in every layer; any heads of any layers are in theorem 4.1",
)  # fmt: skip
def lemma43(**parameters: Any) -> Witness:
    """The prediction is <w, x>, w by the recursion of M, u, a and w."""
    return vladymyrov2024.tied(**parameters)


# -- diagonal weights -----------------------------------------------------------------------------


def omegas(heads: Any) -> tuple[Any, Any, Any, Any]:
    """omega_xx, omega_xy, omega_yx, omega_yy: sums over heads of products of diagonal entries."""
    ends = (0, -1)
    sums = [sum(P[i, i] * Q[j, j] for P, Q in heads) for i in ends for j in ends]
    return sums[0], sums[1], sums[2], sums[3]


def other_than_diagonal(case: Case) -> dict[str, Any] | None:
    """The first layer that is not the printed diagonal update of the tokens before it."""
    d, made = case["X"].shape[1], states(case)
    for layer, (before, after, heads) in enumerate(
        zip(made, made[1:], case["layers"], strict=False), start=1
    ):
        xx, xy, yx, yy = omegas(heads)
        x, y = before[:, :d], before[:, d]
        X, labels = x[:-1], y[:-1]
        Sigma, alpha, lam = X.T @ X, X.T @ labels, labels @ labels
        should = np.hstack([x + xx * (x @ Sigma) + xy * np.outer(y, alpha),
                            (y + yx * (x @ alpha) + yy * lam * y)[:, None]])  # fmt: skip
        if (after != should).any():
            return said(case, layer=layer, found=as_text(after.tolist()),
                        should=as_text(should.tolist()))  # fmt: skip
    return None


@claim(
    "vladymyrov2024.diagonal",
    source=f"{PAPER}, section 5, eqs. 9 and 10",
    statement=r"P_k = \mathrm{diag}(p_{x,k} I, p_{y,k}),\ Q_k = \mathrm{diag}(q_{x,k} I, q_{y,k}):"
    r"\ x_i^{l+1} = x_i^l + \omega_{xx}\Sigma^l x_i^l + \omega_{xy} y_i^l \alpha^l,\ y_i^{l+1} = "
    r"y_i^l + \omega_{yx}\langle \alpha^l, x_i^l \rangle + \omega_{yy}\lambda^l y_i^l,\ \omega_{ab}"
    r" = \textstyle\sum_k p_{a,k} q_{b,k}",
)
def diagonal_layers() -> tuple[Check, ...]:
    """With diagonal weights a layer is four numbers, whatever its heads."""
    drawn = formula(
        lambda: (cases(diagonal, st.just(1), st.just(1)), cases(diagonal, st.integers(1, 3),
                                                                st.integers(1, 3))),
        other_than_diagonal,
        "each of 1 to 3 layers of 1 to 3 heads is the update of the tokens that it finds",
    )  # fmt: skip
    return drawn, theorem("vladymyrov2024.diagonal")


def measured(heads: Any) -> tuple[Any, Any, Any, Any]:
    """The four numbers of one diagonal layer at d = 1, from what it makes of three prompts."""

    def moved(x: int, y: int) -> Any:
        case = {"X": np.array([[Fraction(x)]]), "y": np.array([Fraction(y)]),
                "query": np.array([Fraction(0)]), "layers": [heads]}  # fmt: skip
        before, after = states(case)
        return (after - before)[0]

    xx, yy, (of_x, of_y) = moved(1, 0)[0], moved(0, 1)[1], moved(1, 1)
    return xx, of_x - xx, of_y - yy, yy


def products_differ(heads: Any) -> dict[str, Any] | None:
    """The four numbers of a layer of which the products are not the same."""
    xx, xy, yx, yy = measured(heads)
    if xx * yy == xy * yx:
        return None
    numbers = dict(zip(("omega_xx", "omega_xy", "omega_yx", "omega_yy"), (xx, xy, yx, yy)))
    return {name: as_text(value) for name, value in numbers.items()}


@claim(
    "vladymyrov2024.onehead",
    source=f"{PAPER}, section 5",
    statement=r"\text{one head: } \omega_{xx}\omega_{yy} = \omega_{xy}\omega_{yx} \text{ always; "
    r"more heads do not have this limitation}",
)
def one_head() -> tuple[Check, ...]:
    """The four numbers of a single head are tied by one equation; two heads have any four."""
    pairs = st.tuples(diagonal(1), diagonal(1)).map(lambda pair: [pair])
    drawn = formula(
        lambda: pairs, products_differ, "measured on layers of one head: the products are the same"
    )
    return drawn, theorem("vladymyrov2024.onehead")


# -- theorem 5.1 ----------------------------------------------------------------------------------

PROMISED = "log(kappa) + log(log(1/eps))"
EXPLICIT = "1 + max(0, ceil(log(kappa/2)/log(25/16))) + max(0, ceil(log(log(1/eps)/log(2))/log(2)))"


@st.composite
def well_posed(draw: Any) -> dict[str, Any]:
    """X diagonal, so that Sigma has the squares as eigenvalues; labels of w* = (1, …, 1).

    log log 1/eps is positive for eps < 1/e: it is log kappa that can make the count negative.
    """
    values = draw(st.lists(st.integers(1, 4), min_size=1, max_size=2))
    return {"singular": values, "eps": Fraction(1, draw(st.integers(3, 9)))}


def no_layers(case: Case) -> dict[str, Any] | None:
    """Where log(nu/mu) + log log(1/eps) is negative: any constant times it is less than 0 layers.

    Not even the fewest that there are, none, are so few, and those predict 0 at x_t = w*.
    """
    values, eps = case["singular"], case["eps"]
    nu, mu = min(values) ** 2, max(values) ** 2
    with precision(192):
        promised = (arb(nu) / mu).log() + (1 / (arb(eps.numerator) / eps.denominator)).log().log()
    if not promised < 0:
        return None
    d = len(values)
    X = np.diag(np.array([Fraction(v) for v in values], dtype=object))
    w = np.array([Fraction(1)] * d, dtype=object)
    nothing = vladymyrov2024.linear_transformer(d, [])
    (made,) = nothing.predict(X, X @ w, w[None], "rational")
    error, allowed = abs(made - w @ w), eps * (w @ w)  # |x_t| |w*| = w*^T w*
    if error <= allowed:
        return None
    return {"X": as_text(X.tolist()), "w*": as_text(w.tolist()), "x_t": as_text(w.tolist()),
            "nu": nu, "mu": mu, "kappa": as_text(Fraction(nu, mu)), "eps": as_text(eps),
            PROMISED: promised.str(6, radius=False), "prediction without a layer": as_text(made),
            "error": as_text(error), "allowed": as_text(allowed)}  # fmt: skip


@claim(
    "vladymyrov2024.theorem5.1",
    source=f"{PAPER}, theorem 5.1",
    expected="refuted",
    statement=r"\Sigma \text{ has eigenvalues in } [\nu, \mu],\ \kappa = \nu/\mu:\ |\hat y - "
    r"\langle x_t, w^* \rangle| \leq \epsilon\|x_t\|\|w^*\| \text{ in } l = O(\log\kappa + "
    r"\log\log 1/\epsilon) \text{ layers of GD}^{++}",
    note="nu/mu is at most 1 in the range [nu, mu], and its logarithm not positive: the count "
    "falls as the problem grows worse. In appendix A.4 nu is the largest eigenvalue, "
    "and mu the smallest",
)
def theorem51_printed() -> Check:
    """GD++ solves least squares in a number of layers that is doubly logarithmic in 1/eps."""
    return formula(well_posed, no_layers, "the promised number of layers is nowhere negative")


def fast(nu: Any, mu: Any, eps: Any) -> Witness:
    """GD++ for eigenvalues in [nu, mu]: layers until they are within a factor 2, then squarings."""
    spread, reach, squarings = Fraction(mu) / nu, 0, 0
    while Fraction(25, 16) ** reach < spread / 2:
        reach += 1
    while 2 ** (2**squarings) < 1 / eps:
        squarings += 1
    steps, gammas = vladymyrov2024.fast_rates(reach, squarings, mu)
    return constructions.build("gd_plus_plus", d=1, steps=len(steps), step_size=steps, gamma=gammas)


BITS = 512  # eps goes down to 2^-40, and some 40 layers lose a few bits each
Rates = Sequence[tuple[Fraction, Fraction]]  # (eta, gamma) of each layer


def left_of_eigenvalues(witness: Witness, constants: Mapping[str, Any]) -> Certificate:
    """What the witness leaves of the error at any eigenvalue of X^T X in [nu, mu].

    What it leaves of the two ends it leaves of a prompt of one example, and is run there. They are
    the largest errors if its layers, read one by one, are GD++ at rates of which that is known;
    else there is no bound.
    """
    ends = [left_at(witness, constants[end]) for end in ("nu", "mu")]
    worst, rates = ends[0].max(ends[1]), rates_of_layers(witness)
    known = rates is not None and ends_are_largest(rates, Fraction(constants["mu"]))
    box = (
        "prompt, for every n and d, with the eigenvalues of X^T X in "
        f"[{constants['nu']}, {constants['mu']}], relative to |x_t| |w*|"
    )
    return Certificate(worst.upper() if known else arb("inf"), worst.lower(), box)


def left_at(witness: Witness, s: Any) -> arb:
    """|prediction - 1| at x_t = 1 of the one example x = y = sqrt(s): X^T X = (s), w* = 1."""
    with precision(BITS):
        x = as_ball(s).sqrt()
        one = np.array([[arb(1)]], dtype=object)
        (made,) = run_once(witness, x * one, x * one[0], one, Ball(BITS))
        return abs(made - 1)


def ends_are_largest(rates: Rates, mu: Fraction) -> bool:
    """Whether |prod_k (1 - eta_k s_k)|, s_{k+1} = s_k (1 - gamma_k s_k)^2, is largest at an end.

    Of any part of [0, mu]. It is if only the last eta is not 0, and 3 gamma_k s_k <= 1 before: then
    no s_k falls as s_0 grows, and the last 1 - eta s is largest at an end.
    """
    if any(eta != 0 for eta, _ in rates[:-1]):
        return False
    for _, gamma in rates[:-1]:
        if not 0 <= 3 * gamma * mu <= 1:
            return False
        mu = mu * (1 - gamma * mu) ** 2
    return True


def rates_of_layers(witness: Witness) -> Rates | None:
    """(eta, gamma) of each layer if each is a step of GD++ on (x, y), and -r is read; else None."""
    made = Run(witness, None)
    tokens = [dict(state) for state in made.states]
    at_the_query = made.groups[-1].features["x"]
    if tokens != [{"u": c.X, "r": c.y}, {"u": at_the_query}] or witness.readout != Readout("r", -1):
        return None
    found = [_rates(witness.layout, witness.prompt, layer) for layer in witness.layer_list]
    rates = [one for one in found if one is not None]
    return rates if len(rates) == len(found) else None


@lru_cache(maxsize=256)  # the layers for one eps are those for a larger one, but for the last
def _rates(layout: Layout, prompt: Prompt, layer: Layer) -> tuple[Fraction, Fraction] | None:
    """(eta, gamma) if the layer makes a step of GD++ of whatever tokens it finds, for every n, d.

    They hold u = Q x, Q a polynomial in S, and r = y - w^T x, without y at the query: afterwards
    Q - gamma Q^2 S Q stands there for Q, and w + eta Q^2 X^T (y - X w) for w.
    """
    made = Run(SimpleNamespace(layout=layout, prompt=prompt, examples=None), None)
    Q, w = c.letter("Q", c.d, c.d, commuting=True), c.letter("w", c.d, 1)
    data = [(group.features["x"], y) for group, y in zip(made.groups, (c.y, c.zero(1, 1)))]
    for (x, y), state in zip(data, made.states, strict=True):
        state.clear()
        state.add("u", x @ Q)
        state.add("r", y - x @ w)
    try:
        made.layer(layer)
    except OutsideCalculusError:
        return None
    held = [dict(state) for state in made.states]
    eta = -_factor(c.X @ Q @ Q @ c.X.T @ c.y, held[0].get("r"))
    gamma = -_factor(c.X @ Q @ Q @ Q @ c.S, held[0].get("u"))
    step = Q @ Q @ c.X.T @ (c.y - c.X @ w)
    after = [{"u": x @ (Q - gamma * (Q @ Q @ c.S @ Q)), "r": y - x @ (w + eta * step)}
             for x, y in data]  # fmt: skip
    return (eta, gamma) if held == after else None


def _factor(word: c.Form, form: c.Form | None) -> Fraction:
    """Of `word` in a form; 0 where it has none that is a number."""
    (letters,) = word.terms
    found = sympy.sympify(form.terms.get(letters, 0) if form is not None else 0)
    return Fraction(int(found.p), int(found.q)) if found.is_Rational else Fraction(0)


@repair(
    "vladymyrov2024.theorem5.1",
    "kappa = mu/nu, eps <= 1/2, with constants",
    statement=r"\kappa = \mu/\nu,\ \epsilon \leq \tfrac12:\ l = 1 + \lceil\log_{25/16}(\kappa/2)"
    r"\rceil^+ + \lceil\log_2\log_2 1/\epsilon\rceil",
    expected="approximates",
)
def theorem51_repaired() -> tuple[Check, ...]:
    """The same with the condition number that it has, and with the constants."""
    over = [
        {"nu": nu, "mu": Fraction(mu), "eps": Fraction(1, inverse)}
        for nu, mu in ((1, 1), (1, 3), (1, 100), (2, 10**6))
        for inverse in (3, 100, 10**12)
    ]
    checks = for_every(
        fast,
        (Promise("layers", EXPLICIT, "<="), Promise("heads", "1", "<=")),
        over,
        where={"kappa": "mu/nu"},
        certificate=left_of_eigenvalues,
    )
    return (*checks, theorem("vladymyrov2024.theorem5.1"))
