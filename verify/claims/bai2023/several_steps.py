"""bai2023, theorem C.1: steps of (proximal) descent in layers, and how their errors add up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from math import isqrt
from typing import Any

import numpy as np
from hypothesis import strategies as st

from constructions.papers import bai2023
from constructions.witness import Witness

from ... import algorithms, strategies
from ...checks.analysis.accuracy import kept
from ...checks.statements import formula, theorem
from ...claim import Check, Domain, Promise, claim, repair
from ...strategies import Case, as_text, grid, positive
from . import HALF, PAPER
from .mlps import each, soft
from .one_step import enough, with_R


def proximal_iterates(X: Any, y: Any, steps: int, eta: Any, tau: Any) -> list[Any]:
    """w^0 = 0, w^1, ...: a gradient step on 1/(2N) sum (w^T x - y)^2, then soft(., tau)."""
    made = [X[0] * 0]
    for _ in range(steps):
        moved = made[-1] - algorithms.gradient(X, y, made[-1], loss="mean") * eta
        made.append(each(lambda v: soft(v, tau), moved))
    return made


def descended(X: Any, y: Any, queries: Any, steps: int, eta: Any) -> Any:
    """`steps` of (ICGD) on the square loss, at every token."""
    w = X[0] * 0
    for _ in range(steps):
        w = w - algorithms.gradient(X, y, w, loss="mean") * eta
    return np.array([w] * (len(X) + len(queries)), dtype=object)


def _proximal(X: Any, y: Any, queries: Any, steps: int, eta: Any, lam: Any) -> Any:
    """`steps` of (ICPGD) for lam |w|_1, at every token."""
    w = proximal_iterates(X, y, steps, eta, eta * lam)[-1]
    return np.array([w] * (len(X) + len(queries)), dtype=object)


def lasso_prompts() -> tuple[Any, ...]:
    """Prompts, and R for all iterates of (ICPGD); d = N = 1 first."""

    def complete(case: Case) -> Case:
        given = case.parameters
        tau = given["eta"] * given["lam"]
        made = proximal_iterates(case.X, case.y, given["steps"], given["eta"], tau)
        case = replace(case, parameters={**given, "examples": len(case.X)})
        return with_R(case, *made)

    return tuple(
        strategies.prompts(
            size, size, st.just(1), steps=st.integers(1, 3), eta=positive(), lam=positive()
        ).map(complete)
        for size in (st.just(1), st.integers(1, 2))
    )


def lasso_domain(case: Case) -> bool:
    """One query, and R for all iterates."""
    given = case.parameters
    tau = given["eta"] * given["lam"]
    made = proximal_iterates(case.X, case.y, given["steps"], given["eta"], tau)
    return len(case.queries) == 1 and enough(given["R"], case.X, case.y, case.queries, *made)


def lasso(d: int, examples: int, steps: int, eta: Any, R: Any, lam: Any, read: Any = "w") -> (
    Witness
):  # fmt: skip
    """Attention for the square loss and four hidden units an entry for lam |w|_1."""
    prox = bai2023.prox_mlp(bai2023.soft_units(eta * lam)).at(d)
    return bai2023.descent(d, examples, steps, eta, R, prox=prox, read=read)


APPROXIMATELY = (
    r"\|\hat w^\ell - w^\ell_{\mathrm{PGD}}\|_2 \le (\epsilon + \epsilon')\, L\eta B_x,\ "
    r"\ell = 1, \ldots, L"
)


@claim(
    "bai2023.theoremC1.icgd",
    source=f"{PAPER}, theorem C.1, in its words",
    statement=r"\text{``approximately implements (ICGD)'': } \hat w^\ell = w^\ell_{\mathrm{GD}} "
    r"\text{ for } \epsilon = \epsilon' = 0",
    algorithm=descended,
    cases=lasso_prompts,
    domain=Domain(
        "one query, the square loss, lambda |w|_1, R >= max{B_x B_w, B_y, 1} for all iterates",
        lasso_domain,
    ),
    expected="refuted",
    note="(ICGD) is defined without the regulariser, (ICPGD) just before the theorem with it; its "
    "bound is about the second",
)
def theorem_c1_icgd(**parameters: Any) -> Witness:
    """The layers with an exact proximal operator are steps of (ICGD)."""
    return lasso(**parameters)


@repair(
    "bai2023.theoremC1.icgd",
    "(ICPGD) for (ICGD)",
    statement=r"\hat w^\ell = w^\ell_{\mathrm{PGD}} \text{ for } \epsilon = \epsilon' = 0,\ L + 1 "
    r"\text{ layers},\ |||\theta||| \le 3 + R + 2\eta C + C'",
    algorithm=_proximal,
    checks=lambda build: (
        kept(
            partial(build, read="y"),
            (
                Promise("layers", "steps + 1"),
                Promise("heads", "2"),
                Promise("hidden", "4*d"),
                Promise("norm", "3 + R + 2*eta*4 + 4 + eta*lam*sqrt(2*d)", "<="),
            ),
            grid(d=(1, 3), examples=(1, 4), steps=(1, 3), eta=(HALF,), R=(1, 5), lam=(1, 3)),
            {},
        ),
    ),
    note="the MLP reads the 1 that tokens carry, as the repair of proposition C.1 does, whose norm "
    "is C'",
)
def theorem_c1_icpgd(**parameters: Any) -> Witness:
    """They are steps of (ICPGD)."""
    return lasso(**parameters)


SIZES = [Fraction(size) for size in ("1/4", "1/8", "1/2", "1", "2")]
AXES = [(Fraction(1, 4), Fraction(0)), (Fraction(2), Fraction(0)), (Fraction(0), Fraction(-1))]
# examples whose length is a fraction
NUMBERS = [(sign * size,) for sign in (1, -1) for size in SIZES]
VECTORS = [*AXES, (Fraction(3, 4), Fraction(1)), (Fraction(-1), Fraction(3, 4))]


@st.composite
def _problems(
    draw: Any, examples: Sequence[tuple[Fraction, ...]], n: Any, printed: bool
) -> dict[str, Any]:
    """A problem, and an MLP that is off by at most eta epsilon'; X has full rank.

    B_x is attained. B_w is twice the least squares' |w|_1, and more: no regularised solution has a
    larger one. epsilon + epsilon' is at most B_w/(2 L) where it is to be as `printed`; else
    2 |w*| + L eta (epsilon B_x + epsilon') is at most B_w.
    """
    count, d = draw(n), len(examples[0])
    rows = st.lists(st.sampled_from(examples), min_size=count, max_size=count)
    X = np.array(draw(rows.filter(_of_full_rank)), dtype=object)
    y = np.array(
        [draw(st.sampled_from(SIZES) | st.sampled_from([-size for size in SIZES])) for _ in X]
    )
    lam, steps = draw(st.sampled_from([Fraction(0), Fraction(1, 16)])), draw(st.integers(2, 3))
    # at most 2/smoothness, which is at most the trace
    eta = draw(st.sampled_from([HALF, 1, 2])) * len(X) / (X * X).sum()
    B_x, more = max(map(_length, X)), draw(st.sampled_from([Fraction(1, 8), Fraction(0), HALF]))
    solution = algorithms.least_squares(X, y, np.array(np.eye(d, dtype=int), dtype=object))
    B_w = 2 * sum(map(abs, solution)) + more or HALF
    parts = [draw(st.sampled_from([0, HALF, 1])) for _ in range(2)]
    allowed = B_w / (2 * steps) / 2 if printed else more / (steps * eta * (B_x + 1))
    return {
        "X": X, "y": y, "lam": lam, "steps": steps, "eta": eta, "B_x": B_x,
        "B_w": B_w, "epsilon": parts[0] * allowed, "epsilon'": parts[1] * allowed,
    }  # fmt: skip


def _of_full_rank(rows: Sequence[Sequence[Any]]) -> bool:
    """Of rows of one or two numbers, none of them 0."""
    first = rows[0]
    return len(first) == 1 or any(first[0] * b != first[1] * a for a, b in rows)


def _length(row: Any) -> Fraction:
    """|x|. Raises ValueError where it is no fraction."""
    square = Fraction(row @ row)
    length = Fraction(isqrt(square.numerator), isqrt(square.denominator))
    if length * length != square:
        raise ValueError(f"the length of {as_text(row.tolist())} is no fraction")
    return length


def reach(case: Mapping[str, Any]) -> Any:
    """R': the largest |w - eta grad L(w)|, |w| <= B_w, for d = 1, else 2 B_w; plus eta epsilon B_x.

    B_x, where it is below 1, is left out, as the paper does: the MLP is then near on a larger ball.
    """
    X, y, B_w, eta = (case[name] for name in ("X", "y", "B_w", "eta"))
    off = eta * case["epsilon"] * max(1, case["B_x"])
    if X.shape[1] > 1:
        return 2 * B_w + off
    ends = (np.array([sign * B_w]) for sign in (1, -1))
    return off + max(abs((w - algorithms.gradient(X, y, w, loss="mean") * eta)[0]) for w in ends)


def approximate_descent(case: Mapping[str, Any]) -> Witness:
    """Heads that are off by epsilon everywhere, and an MLP off by eta epsilon' w/R'."""
    X, y, eta, tau = case["X"], case["y"], case["eta"], case["eta"] * case["lam"]
    n, d = X.shape
    R = max(case["B_x"] * case["B_w"], *map(abs, y), 1)
    radius = reach(case)
    units = [*bai2023.soft_units(tau)] if tau else []
    factor = eta * case["epsilon'"] / radius if radius else 0  # then there is no w but 0
    units += [(1, 0, factor), (-1, 0, -factor)]
    relus = (*bai2023.SQUARE, (case["epsilon"], 0, 0, 1))
    prox = bai2023.prox_mlp(units).at(d)
    return bai2023.descent(d, n, case["steps"], eta, R, prox=prox, relus=relus, read="w")


def beyond(case: Mapping[str, Any], allowed: Callable[[Mapping[str, Any], Any], Any]) -> Any:
    """The first layer after which w is farther from the iterate of (ICPGD) than is allowed."""
    X, y = case["X"], case["y"]
    wanted = proximal_iterates(X, y, case["steps"], case["eta"], case["eta"] * case["lam"])
    states = approximate_descent(case).trace(X, y, X[:1], "rational")
    for number in range(1, case["steps"] + 1):
        off = states[number]["w"][-1] - wanted[number]
        bound = allowed(case, case["B_x"])
        if off @ off > bound * bound:
            shown = {name: as_text(np.asarray(value).tolist()) for name, value in case.items()}
            return shown | {
                "R'": str(reach(case)),
                "layer": number,
                "slot": "w",
                "w": as_text(states[number]["w"][-1].tolist()),
                "PGD": as_text(wanted[number].tolist()),
                "allowed": str(bound),
            }
    return None


def printed_bound(case: Mapping[str, Any], B_x: Any) -> Any:
    return (case["epsilon"] + case["epsilon'"]) * case["steps"] * case["eta"] * B_x


def repaired_bound(case: Mapping[str, Any], B_x: Any) -> Any:
    return case["steps"] * case["eta"] * (case["epsilon"] * B_x + case["epsilon'"])


def perturbed(allowed: Callable[[Mapping[str, Any], Any], Any], printed: bool = False) -> Check:
    """Descent with heads and MLPs that are off, on problems that the theorem allows."""
    return formula(
        lambda: (
            _problems(NUMBERS[:2], st.just(1), printed),  # small, where a factor B_x is missed
            _problems(NUMBERS, st.integers(1, 2), printed),
            _problems(VECTORS, st.integers(2, 3), printed),
        ),
        lambda case: beyond(case, allowed),
        "every layer within the bound, heads off by epsilon and MLPs by up to eta epsilon'",
    )


@claim(
    "bai2023.theoremC1",
    source=f"{PAPER}, theorem C.1, 1",
    statement=APPROXIMATELY,
    expected="refuted",
    note="the MLP's error eta epsilon' is not multiplied by an example, so B_x does not belong to "
    "it: wrong where B_x is small. (ICPGD), defined just before, is what is approximated",
)
def theorem_c1() -> tuple[Check, ...]:
    """After every layer within (eps + eps') L eta B_x of proximal descent."""
    return perturbed(printed_bound, printed=True), theorem("bai2023.theoremC1.negation")


@repair(
    "bai2023.theoremC1",
    "L eta (epsilon B_x + epsilon') for (epsilon + epsilon') L eta B_x, and 2 |w*| + that <= B_w "
    "for epsilon + epsilon' <= B_w/(2L), which lacks eta and lets w leave the ball of B_w",
    statement=r"\|\hat w^\ell - w^\ell_{\mathrm{PGD}}\|_2 \le L\eta(\epsilon B_x + \epsilon') "
    r"\text{ if } 2\|w^\star\|_2 + L\eta(\epsilon B_x + \epsilon') \le B_w",
)
def theorem_c1_repaired() -> tuple[Check, ...]:
    """After every layer within L eta (eps B_x + eps') of proximal descent."""
    return perturbed(repaired_bound), theorem("bai2023.theoremC1.repaired")
