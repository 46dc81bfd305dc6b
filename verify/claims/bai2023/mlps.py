"""bai2023, proposition C.1: proximal maps by MLPs, with and without a constant input."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from constructions.papers import bai2023
from constructions.witness import Witness

from ... import strategies
from ...checks.analysis.accuracy import kept
from ...checks.statements import formula, theorem
from ...claim import Check, Promise, claim, repair
from ...strategies import as_text, fractions, grid, positive
from . import PAPER


def relu(value: Any) -> Any:
    return max(value, 0)


def soft(v: Any, tau: Any) -> Any:
    """argmin 1/2 (u - v)^2 + tau |u|."""
    return v - tau if v > tau else v + tau if v < -tau else v * 0


def each(function: Callable[[Any], Any], array: Any) -> Any:
    made = np.empty(array.shape, dtype=object)
    made.ravel()[:] = [function(entry) for entry in array.ravel()]
    return made


def prox_l1(X: Any, y: Any, queries: Any, eta: Any, lam: Any) -> Any:
    """prox of lam |w|_1 with step eta, at each query."""
    return each(lambda v: soft(v, eta * lam), queries)


def prox_l2(X: Any, y: Any, queries: Any, eta: Any, lam: Any) -> Any:
    """prox of lam/2 |w|^2 with step eta."""
    return each(lambda v: v / (1 + eta * lam), queries)


def project(X: Any, y: Any, queries: Any, B: Any) -> Any:
    """The nearest point of the box |w_i| <= B."""
    return each(lambda v: max(-B, min(v, B)), queries)


Prox = Callable[..., Any]


@st.composite
def _mlps(draw: Any, **parameters: Any) -> dict[str, Any]:
    """W_1 (D, d), W_2 (d, D) and w (d,), with parameters of a proximal operator."""
    d, hidden = draw(st.integers(1, 2)), draw(st.integers(1, 3))

    def array(*shape: int) -> Any:
        made = np.empty(shape, dtype=object)
        made.ravel()[:] = [draw(fractions()) for _ in range(made.size)]
        return made

    drawn = {name: draw(value) for name, value in parameters.items()}
    return {"W_1": array(hidden, d), "W_2": array(d, hidden), "w": array(d), **drawn}


def no_mlp(prox: Prox, skip: bool, **parameters: Any) -> Check:
    """On MLPs that are drawn: each doubles where w does, and so is not prox at w or at 2w."""

    def test(case: Mapping[str, Any]) -> dict[str, Any] | None:
        witness = bai2023.any_mlp(case["W_1"], case["W_2"], skip)
        w, given = case["w"], {name: case[name] for name in parameters}
        asked = np.array([w, 2 * w], dtype=object)
        made = witness.predict(asked[:1], [0], asked, "rational").reshape(asked.shape)
        wanted = prox(None, None, asked, **given)
        if (made[1] != 2 * made[0]).any() or (wanted[1] == 2 * wanted[0]).all():
            return None
        shown = {name: as_text(np.asarray(value).tolist()) for name, value in case.items()}
        return shown | {
            "MLP at w, 2w": as_text(made.tolist()),
            "prox at w, 2w": as_text(wanted.tolist()),
        }

    return formula(lambda: _mlps(**parameters), test, "some MLP without a constant is prox")


CONSTANT = (
    "the constant 1 that every token carries as one more input of W_1 (its norm then grows with "
    "sqrt(d))"
)
BY_L1 = {"eta": positive(), "lam": positive()}
SIZES: dict[str, Sequence[Any]] = {"d": (1, 2, 3, 8)}
BOXES = grid(**SIZES, B=(Fraction(1, 4), Fraction(1), Fraction(3)))
RATES = grid(**SIZES, eta=(1,), lam=(Fraction(1, 16), Fraction(1), Fraction(3)))


def resources(build: Callable[..., Witness], hidden: str, norm: str, over: Any) -> tuple[Check]:
    """Hidden units and norm, at the sizes."""
    promises = (Promise("hidden", hidden, "<="), Promise("norm", norm, "<="))
    return (kept(build, promises, over, {}),)


def queries(**parameters: Any) -> Any:
    return strategies.prompts(n=st.just(1), **parameters)


L1 = r"\mathrm{prox}_{\eta\lambda\|\cdot\|_1}(w)"
FOR_L1 = r"W_1 \in \mathbb{R}^{4d \times d},\ \|W_1\| + \|W_2\| \le 4 + 2\eta\lambda"
FOR_BOX = r"W_1 \in \mathbb{R}^{2d \times d},\ \|W_1\| + \|W_2\| \le 2 + 2B"
HOMOGENEOUS = (
    "for every W_1 and W_2, of any size: an MLP without a bias doubles where w does, and this "
    "operator does not. Definition C.1 has W_1 in R^{D x d}, so that no input is a constant"
)


@claim(
    "bai2023.propC1.l1",
    source=f"{PAPER}, definition C.1 and proposition C.1, 1",
    statement=rf"w + W_2\sigma(W_1 w) = {L1},\ {FOR_L1}",
    expected="refuted",
    note=HOMOGENEOUS,
)
def l1() -> tuple[Check, ...]:
    """The soft threshold is an MLP layer on w, its skip connection counted."""
    return no_mlp(prox_l1, True, **BY_L1), theorem("bai2023.propC1.l1.negation")


def prox_l1_layer(d: int, eta: Any, lam: Any, skip: bool = True) -> Witness:
    """The soft threshold with the constant 1."""
    return bai2023.proximal(d, bai2023.soft_units(eta * lam, skip), skip)


@repair(
    "bai2023.propC1.l1",
    CONSTANT,
    statement=rf"w + W_2\sigma(W_1 [w; 1]) = {L1},\ W_1 \in \mathbb{{R}}^{{4d \times (d + 1)}},\ "
    r"\|W_1\| + \|W_2\| \le 4 + \eta\lambda\sqrt{2d}",
    algorithm=prox_l1,
    cases=lambda: queries(**BY_L1),
    checks=lambda build: resources(build, "4*d", "4 + eta*lam*sqrt(2*d)", RATES),
)
def l1_with_constant(**parameters: Any) -> Witness:
    """With a constant the soft threshold is four units an entry."""
    return prox_l1_layer(**parameters)


@claim(
    "bai2023.propC1.l1.noskip",
    source=f"{PAPER}, proposition C.1, 1, MLP(w) read as W_2 relu(W_1 w)",
    reading="without the skip connection of the MLP",
    statement=rf"W_2\sigma(W_1 w) = {L1},\ {FOR_L1}",
    expected="refuted",
    note=HOMOGENEOUS,
)
def l1_noskip() -> tuple[Check, ...]:
    """The soft threshold is W_2 relu(W_1 w)."""
    return no_mlp(prox_l1, False, **BY_L1), theorem("bai2023.propC1.l1.negation")


def prox_l1_alone(d: int, eta: Any, lam: Any) -> Witness:
    return prox_l1_layer(d, eta, lam, skip=False)


@repair(
    "bai2023.propC1.l1.noskip",
    CONSTANT,
    statement=rf"W_2\sigma(W_1 [w; 1]) = {L1},\ W_1 \in \mathbb{{R}}^{{2d \times (d + 1)}},\ "
    r"\|W_1\| + \|W_2\| \le 3 + \eta\lambda\sqrt{2d}",
    algorithm=prox_l1,
    cases=lambda: queries(**BY_L1),
    checks=lambda build: resources(build, "2*d", "3 + eta*lam*sqrt(2*d)", RATES),
)
def l1_alone_with_constant(**parameters: Any) -> Witness:
    """With a constant, and without the skip connection, two units an entry do."""
    return prox_l1_alone(**parameters)


def prox_l2_layer(d: int, eta: Any, lam: Any, skip: bool = True) -> Witness:
    """w/(1 + eta lam), two units an entry and no constant."""
    return bai2023.proximal(d, bai2023.shrink_units(eta * lam, skip), skip)


@claim(
    "bai2023.propC1.l2",
    source=f"{PAPER}, proposition C.1, 2",
    statement=r"w + W_2\sigma(W_1 w) = w/(1 + \eta\lambda),\ W_1 \in \mathbb{R}^{2d \times d},\ "
    r"\|W_1\| + \|W_2\| \le 2 + 2\eta\lambda",
    algorithm=prox_l2,
    cases=lambda: queries(**BY_L1),
    checks=lambda build: resources(build, "2*d", "2 + 2*eta*lam", RATES),
)
def l2(**parameters: Any) -> Witness:
    """The proximal operator of lam/2 |w|^2 is an MLP layer on w, its skip connection counted."""
    return prox_l2_layer(**parameters)


def prox_l2_alone(d: int, eta: Any, lam: Any) -> Witness:
    return prox_l2_layer(d, eta, lam, skip=False)


@claim(
    "bai2023.propC1.l2.noskip",
    source=f"{PAPER}, proposition C.1, 2, MLP(w) read as W_2 relu(W_1 w)",
    reading="without the skip connection of the MLP",
    statement=r"W_2\sigma(W_1 w) = w/(1 + \eta\lambda),\ W_1 \in \mathbb{R}^{2d \times d},\ "
    r"\|W_1\| + \|W_2\| \le 2 + 2\eta\lambda",
    algorithm=prox_l2,
    cases=lambda: queries(**BY_L1),
    checks=lambda build: (
        *resources(build, "2*d", "2 + 2*eta*lam", RATES),
        theorem("bai2023.propC1.l2.negation"),
    ),
    expected="refuted",
    note="exact, but the norm is larger, for every W_1 and W_2: W_2 W_1 = 2w/(1 + eta lam), so it "
    "is at least 2 sqrt(2/(1 + eta lam)), above the promise for eta lam < 2^(1/3) - 1",
)
def l2_noskip(**parameters: Any) -> Witness:
    """The proximal operator of lam/2 |w|^2 is W_2 relu(W_1 w)."""
    return prox_l2_alone(**parameters)


@repair(
    "bai2023.propC1.l2.noskip",
    "the norm: 3 + 2 eta lam for 2 + 2 eta lam",
    statement=r"W_2\sigma(W_1 w) = w/(1 + \eta\lambda),\ W_1 \in \mathbb{R}^{2d \times d},\ "
    r"\|W_1\| + \|W_2\| \le 3 + 2\eta\lambda",
    checks=lambda build: resources(build, "2*d", "3 + 2*eta*lam", RATES),
)
def l2_alone(**parameters: Any) -> Witness:
    """The same two units, within a norm that they have."""
    return prox_l2_alone(**parameters)


@claim(
    "bai2023.propC1.box",
    source=f"{PAPER}, definition C.1 and proposition C.1, 3",
    statement=rf"w + W_2\sigma(W_1 w) = \mathrm{{Proj}}_{{\|w\|_\infty \le B}}(w),\ {FOR_BOX}",
    expected="refuted",
    note=HOMOGENEOUS,
)
def box() -> tuple[Check, ...]:
    """The projection onto a box is an MLP layer on w, its skip connection counted."""
    return no_mlp(project, True, B=positive()), theorem("bai2023.propC1.box.negation")


def box_layer(d: int, B: Any, skip: bool = True) -> Witness:
    """The projection with the constant 1."""
    return bai2023.proximal(d, bai2023.clip_units(B, skip), skip)


@repair(
    "bai2023.propC1.box",
    CONSTANT,
    statement=r"w + W_2\sigma(W_1 [w; 1]) = \mathrm{Proj}_{\|w\|_\infty \le B}(w),\ "
    r"W_1 \in \mathbb{R}^{2d \times (d + 1)},\ \|W_1\| + \|W_2\| \le 3 + B\sqrt{2d}",
    algorithm=project,
    cases=lambda: queries(B=positive()),
    checks=lambda build: resources(build, "2*d", "3 + B*sqrt(2*d)", BOXES),
)
def box_with_constant(**parameters: Any) -> Witness:
    """With a constant the projection is two units an entry."""
    return box_layer(**parameters)


@claim(
    "bai2023.propC1.box.noskip",
    source=f"{PAPER}, proposition C.1, 3, MLP(w) read as W_2 relu(W_1 w)",
    reading="without the skip connection of the MLP",
    statement=rf"W_2\sigma(W_1 w) = \mathrm{{Proj}}_{{\|w\|_\infty \le B}}(w),\ {FOR_BOX}",
    expected="refuted",
    note=HOMOGENEOUS,
)
def box_noskip() -> tuple[Check, ...]:
    """The projection onto a box is W_2 relu(W_1 w)."""
    return no_mlp(project, False, B=positive()), theorem("bai2023.propC1.box.negation")


def box_alone(d: int, B: Any) -> Witness:
    return box_layer(d, B, skip=False)


@repair(
    "bai2023.propC1.box.noskip",
    f"{CONSTANT}, and two units more an entry",
    statement=r"W_2\sigma(W_1 [w; 1]) = \mathrm{Proj}_{\|w\|_\infty \le B}(w),\ "
    r"W_1 \in \mathbb{R}^{4d \times (d + 1)},\ \|W_1\| + \|W_2\| \le 5 + B\sqrt{2d}",
    algorithm=project,
    cases=lambda: queries(B=positive()),
    checks=lambda build: resources(build, "4*d", "5 + B*sqrt(2*d)", BOXES),
)
def box_alone_with_constant(**parameters: Any) -> Witness:
    """With a constant, and without the skip connection, four units an entry do."""
    return box_alone(**parameters)
