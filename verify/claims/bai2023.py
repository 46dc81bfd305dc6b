"""bai2023 (arXiv:2306.04637v2): ridge and proximal descent by ReLU attention.

The text that was read has the sentences, but not every display. What stands in those is put
together from the sentences and the norm bounds beside them; where that leaves a choice, each
reading is a claim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
from flint import arb
from hypothesis import strategies as st

from constructions.numbers.reals import as_ball, valued
from constructions.papers import bai2023
from constructions.witness import Witness
from proofs.calculus import form as c
from proofs.calculus import spectral
from proofs.calculus.tokens import OutsideCalculusError
from proofs.layer import Head
from proofs.slotmap import SlotMap

from .. import algorithms, strategies
from ..checks.analysis.accuracy import kept, supremum
from ..checks.statements import formula, theorem
from ..claim import Check, Domain, Promise, claim, repair
from ..papers import Paper
from ..statements import Certificate, for_every
from ..strategies import Case, as_text, fractions, grid, positive

PAPER = Paper(
    "bai2023",
    title="Transformers as Statisticians: Provable In-Context Learning with In-Context "
    "Algorithm Selection",
    authors="Yu Bai, Fan Chen, Huan Wang, Caiming Xiong, Song Mei",
    arxiv="2306.04637",
    version=2,
)

READ = "read in a text without the displays, from the sentences and norm bounds around them"
HALF = Fraction(1, 2)

# -- proposition C.1 ------------------------------------------------------------------------------


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
    checks=lambda: resources(prox_l1_layer, "4*d", "4 + eta*lam*sqrt(2*d)", RATES),
)
def l1_with_constant(**parameters: Any) -> Witness:
    """With a constant the soft threshold is four units an entry."""
    return prox_l1_layer(**parameters)


@claim(
    "bai2023.propC1.l1.noskip",
    source=f"{PAPER}, proposition C.1, 1, MLP(w) read as W_2 relu(W_1 w)",
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
    checks=lambda: resources(prox_l1_alone, "2*d", "3 + eta*lam*sqrt(2*d)", RATES),
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
    checks=lambda: resources(prox_l2_layer, "2*d", "2 + 2*eta*lam", RATES),
)
def l2(**parameters: Any) -> Witness:
    """The proximal operator of lam/2 |w|^2 is an MLP layer on w, its skip connection counted."""
    return prox_l2_layer(**parameters)


def prox_l2_alone(d: int, eta: Any, lam: Any) -> Witness:
    return prox_l2_layer(d, eta, lam, skip=False)


@claim(
    "bai2023.propC1.l2.noskip",
    source=f"{PAPER}, proposition C.1, 2, MLP(w) read as W_2 relu(W_1 w)",
    statement=r"W_2\sigma(W_1 w) = w/(1 + \eta\lambda),\ W_1 \in \mathbb{R}^{2d \times d},\ "
    r"\|W_1\| + \|W_2\| \le 2 + 2\eta\lambda",
    algorithm=prox_l2,
    cases=lambda: queries(**BY_L1),
    checks=lambda: (
        *resources(prox_l2_alone, "2*d", "2 + 2*eta*lam", RATES),
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
    checks=lambda: resources(prox_l2_alone, "2*d", "3 + 2*eta*lam", RATES),
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
    checks=lambda: resources(box_layer, "2*d", "3 + B*sqrt(2*d)", BOXES),
)
def box_with_constant(**parameters: Any) -> Witness:
    """With a constant the projection is two units an entry."""
    return box_layer(**parameters)


@claim(
    "bai2023.propC1.box.noskip",
    source=f"{PAPER}, proposition C.1, 3, MLP(w) read as W_2 relu(W_1 w)",
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
    checks=lambda: resources(box_alone, "4*d", "5 + B*sqrt(2*d)", BOXES),
)
def box_alone_with_constant(**parameters: Any) -> Witness:
    """With a constant, and without the skip connection, four units an entry do."""
    return box_alone(**parameters)


# -- proposition C.2 and the read-out -------------------------------------------------------------


def enough(R: Any, X: Any, y: Any, queries: Any, *weights: Any) -> bool:
    """R >= max{B_x B_w, B_y, 1}, with the largest |x|, |y| and |w| for the bounds."""
    x = max(row @ row for row in (*X, *queries))
    w = max(row @ row for row in map(np.asarray, weights))
    return R >= 1 and R >= max(abs(value) for value in y) and R * R >= x * w


DOMAIN = Domain(
    "one query, |x| <= B_x, |y| <= B_y, |w| <= B_w, R >= max{B_x B_w, B_y, 1}",
    lambda case: (
        len(case.queries) == 1
        and enough(case.parameters["R"], case.X, case.y, case.queries, case.parameters["w0"])
    ),
)


def _scaled(entries: Sequence[Any]) -> tuple[Any, ...]:
    """(c, a, b, e) with |a| + |b| + |e| <= 1."""
    c, *inner = entries
    length = max(1, sum(map(abs, inner)))
    return (c, *(Fraction(entry) / length for entry in inner))


RELUS = st.one_of(
    st.just(bai2023.SQUARE),
    st.lists(st.tuples(*[fractions()] * 4).map(_scaled), min_size=1, max_size=3).map(tuple),
)


def sized(parameters: Mapping[str, Any], d: int, n: int) -> dict[str, Any]:
    """n, and starting weights of size d from the one number that is drawn."""
    first = parameters["w0"]
    return {"examples": n, "w0": tuple(first * (i + 1) - i for i in range(d))}


def with_R(case: Case, *weights: Any) -> Case:
    """The case with an R that is large enough for these weights, and not much larger."""
    lengths = [sum(map(abs, row)) for row in (*case.X, *case.queries)]
    w = max(sum(map(abs, row)) for row in weights)
    R = max(1, max(lengths) * w, *map(abs, case.y))
    return replace(case, parameters={**case.parameters, "R": R})


def step_prompts(**parameters: Any) -> tuple[Any, ...]:
    """Prompts with one query, and R for the weights that they start from; d = N = 1 first."""
    parameters = {"eta": positive(), "w0": fractions(), **parameters}
    return tuple(
        strategies.prompts(size, size, st.just(1), build=sized, **parameters).map(
            lambda case: with_R(case, case.parameters["w0"])
        )
        for size in (st.just(1), st.integers(1, 3))
    )


def one_step(X: Any, y: Any, queries: Any, eta: Any, w0: Any, relus: Any) -> Any:
    """w0 - eta/N sum_j f(<w0, x_j>, y_j) x_j at every token, f the sum of relus."""
    w, n = np.asarray(w0, dtype=object), len(X)
    slopes = [
        sum(c * relu(a * (w @ x) + b * label + e) for c, a, b, e in relus) for x, label in zip(X, y)
    ]
    after = w - sum((slope * x for slope, x in zip(slopes, X)), w * 0) * (Fraction(1, n) * eta)
    return np.array([after] * (n + len(queries)), dtype=object)


STEP = (
    r"h_i = [x_i; y'_i; w; 0; 1; t_i] \mapsto [x_i; y'_i; w - \eta\nabla\hat L_N(w); 0; 1; t_i],\ "
    r"\hat L_N(w) = \tfrac1N \textstyle\sum_j \ell(w^\top x_j, y_j),\ \partial_s\ell(s, t) = "
    r"\sum_m c_m \sigma(a_m s + b_m t + e_m)"
)


def _square(d: int, examples: int, eta: Any, R: Any, gate: Any = "query") -> Witness:
    """One step for the square loss, C = 4."""
    return bai2023.descent(d, examples, 1, eta, R, gate=gate, read="w")


def _square_key(d: int, examples: int, eta: Any, R: Any) -> Witness:
    return _square(d, examples, eta, R, "key")


NORM = (Promise("norm", "2 + R + 2*eta*C", "<="), Promise("heads", "2"), Promise("layers", "1"))
AT = grid(d=(1, 3), examples=(1, 4), eta=(Fraction(1, 100), 1), R=(1, 5, 40))


@claim(
    "bai2023.propC2",
    source=f"{PAPER}, proposition C.2",
    statement=STEP + r",\ |||\theta||| \le 2 + R + 2\eta C",
    algorithm=one_step,
    cases=lambda: step_prompts(relus=RELUS),
    domain=DOMAIN,
    checks=lambda: (kept(_square, NORM, AT, {"C": "4"}),),
    theorems=("bai2023.propC2",),
    note=f"{READ}: the value is -(N + 1)/N eta c_m x_j, which the bound 2 eta C on the sum of the "
    "norms leaves room for, as the layer divides by N + 1; R stands in Q. The norm is counted for "
    "the square loss. With the weights N is fixed",
)
def prop_c2(examples: int, w0: Any, **parameters: Any) -> Witness:
    """One attention layer is one gradient step on any loss whose derivative is a sum of relus."""
    return bai2023.descent(len(w0), examples, 1, w0=w0, read="w", **_without_d(parameters))


def _without_d(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name != "d"}


@claim(
    "bai2023.propC2.square",
    source=f"{PAPER}, proposition C.2 and appendix D.1",
    statement=r"\partial_s\ell(s, t) = s - t = 2\sigma(\tfrac{s - t}{2}) - 2\sigma(-\tfrac{s - t}"
    r"{2}):\ \text{two heads are one step, for every } N, d \text{ and } w",
)
def prop_c2_square() -> tuple[Check, ...]:
    """For the square loss two heads are one gradient step, for every N and d."""
    return (theorem("bai2023.propC2"),)


@claim(
    "bai2023.propC2.mean",
    source=f"{PAPER}, proposition C.2, with figure 3's value -eta c_m x_j",
    statement=STEP + r",\ V_m h_j = -\eta c_m [0; 0; x_j; 0]",
    algorithm=one_step,
    cases=lambda: step_prompts(relus=RELUS),
    domain=DOMAIN,
    expected="refuted",
    note="the layer of definition 1 divides by the N + 1 tokens, the loss by N; figure 3's caption "
    "writes 1/N for both",
)
def prop_c2_mean(**parameters: Any) -> Witness:
    """With the value -eta c_m x_j one layer is one step of size eta."""
    return prop_c2(share="1", **parameters)


@repair("bai2023.propC2.mean", "the value: -(N + 1)/N eta c_m x_j", statement=STEP)
def prop_c2_mean_repaired(**parameters: Any) -> Witness:
    """With the factor (N + 1)/N in the value it is."""
    return prop_c2(**parameters)


@claim(
    "bai2023.propC2.norm",
    source=f"{PAPER}, proposition C.2, with R (1 - t_j) as an entry of K_m h_j",
    statement=r"|||\theta||| \le 2 + R + 2\eta C",
    expected="refuted",
    note=f"{READ}: the row R (1 - t_j) alone has the norm sqrt(2) R, above 2 + R from R = 5 on. "
    "Theorem 4's bound 4R + 8/(beta + lambda) leaves room for it",
)
def prop_c2_norm() -> tuple[Check, ...]:
    """The norm promised for one step, with R in the keys."""
    return (kept(_square_key, NORM, AT, {"C": "4"}),)


@repair("bai2023.propC2.norm", "R in Q: [a_m w; b_m; e_m; -R] and [x_j; y'_j; 1; 1 - t_j] in K")
def prop_c2_norm_repaired() -> tuple[Check, ...]:
    """The norm promised for one step, with R in the queries."""
    return (kept(_square, NORM, AT, {"C": "4"}),)


@claim(
    "bai2023.readout",
    source=f"{PAPER}, appendix C.3, part (b)",
    statement=r"[x_{N+1}; 0; w; 0; 1; 0] \mapsto [x_{N+1}; \langle w, x_{N+1}\rangle; w; 0; 1; 0] "
    r"\text{ by layer } L + 1,\ t = \sigma(t) - \sigma(-t)",
    algorithm=lambda X, y, queries, w: queries @ np.asarray(w, dtype=object),
    cases=lambda: strategies.prompts(
        w=fractions(), build=lambda drawn, d, n: {"w": tuple(drawn["w"] * (i + 1) - i
                                                             for i in range(d))}
    ),
    promises=(Promise("layers", "1"), Promise("heads", "2")),
    sizes=lambda: [{"d": d, "w": (1,) * d} for d in (1, 2, 4)],
    theorems=("bai2023.readout",),
    note=READ,
)  # fmt: skip
def readout(d: int, w: Any) -> Witness:
    """Two heads put the inner product of w and the query into its entry d + 1."""
    return bai2023.readout(d, w)


# -- theorem 4 ------------------------------------------------------------------------------------

WHERE = {"kappa": "(beta + lam)/(alpha + lam)", "R": "max(B_x*B_w, B_y, 1)"}
LAYERS = "ceil(2*kappa*log(B_x*B_w/(2*eps))) + 1"
HALVED = "ceil(kappa*log(B_x*B_w/(2*eps))) + 1"
PROBLEMS = grid(
    d=[2], examples=[3], eps=[HALF, Fraction(1, 16)], alpha=[0, HALF], beta=[Fraction(2)],
    lam=[Fraction(1), Fraction(2)], B_x=[2], B_w=[2], B_y=[1],
)  # fmt: skip
PROMISES = (
    Promise("layers", LAYERS, "<="),
    Promise("heads", "3", "<="),
    Promise("norm", "4*R + 8/(beta + lam)", "<="),
)


def ridge(d: int, examples: int, lam: Any, beta: Any, layers: str = LAYERS, **constants: Any) -> (
    Witness
):  # fmt: skip
    """The transformer of theorem 4's proof, with as many layers as the formula says."""
    given = {"lam": lam, "beta": beta, **constants}
    count, R = valued(layers, given, WHERE), valued("R", given, WHERE)
    assert isinstance(count, Fraction)  # a ceiling
    return bai2023.descent(d, examples, int(count) - 1, Fraction(1) / (beta + lam), R, lam)


def ridge_halved(**constants: Any) -> Witness:
    """The same with half the steps."""
    return ridge(layers=HALVED, **constants)


def within_bounds(witness: Witness, constants: Mapping[str, Any]) -> Certificate:
    """The error on every prompt of theorem 4, by the eigenvalues of X^T X/N.

    |w| <= B_w at every step: steps from 0 do not go farther from the solution, |solution| <= B_w/2.
    """
    try:
        bound = _relative(witness, constants)
    except OutsideCalculusError:
        bound = arb("inf")
    size = as_ball(valued("B_x*B_w/2", constants))
    words = (
        f"prompt of N = {constants['examples']} examples and d = {constants['d']}, the eigenvalues "
        f"of X^T X/N in [{constants['alpha']}, {constants['beta']}], |x| <= B_x, |y| <= B_y, the "
        "ridge weights within B_w/2"
    )
    return Certificate(bound * size, as_ball(attained_error(witness, constants)), words)


def _relative(witness: Witness, constants: Mapping[str, Any]) -> arb:
    """The largest |prediction/target - 1| at an eigenvalue of X^T X/N from alpha to beta."""
    n, lam = c.n, sympy.Rational(Fraction(constants["lam"]))
    Q = spectral.prediction(open_gates(witness, constants))
    of_mean = sympy.expand(n * Q.subs(spectral.s, n * spectral.s))
    if of_mean.has(n):
        raise OutsideCalculusError("the prediction is no function of X^T X/N and X^T y/N")
    relative = sympy.Poly(of_mean * (spectral.s + lam) - 1, spectral.s)
    bound, _ = supremum(relative, as_ball(constants["alpha"]), as_ball(constants["beta"]))
    return bound


def attained_error(witness: Witness, constants: Mapping[str, Any]) -> Fraction:
    """The largest error of the transformer itself on prompts x_1 = a e_1, x_2 = a e_2, x_j = 0.

    a goes through the quarters for which the prompt is one of the theorem's.
    """
    n, d, lam = constants["examples"], constants["d"], Fraction(constants["lam"])
    B_x, B_y = Fraction(constants["B_x"]), Fraction(constants["B_y"])
    largest = Fraction(0)
    for quarters in range(int(4 * B_x) + 1):
        a = Fraction(quarters, 4)
        weight = a * B_y / n / (a * a / n + lam)
        inside = constants["alpha"] <= a * a / n <= constants["beta"]
        if not inside or weight > Fraction(constants["B_w"]) / 2:
            continue
        X = [[a if i == j else Fraction(0) for i in range(d)] for j in range(n)]
        asked = [[B_x if i == 0 else Fraction(0) for i in range(d)]]
        (made,) = witness.predict(X, [B_y, *[Fraction(0)] * (n - 1)], asked, "rational")
        largest = max(largest, abs(made - weight * B_x))
    return largest


def open_gates(witness: Witness, constants: Mapping[str, Any]) -> Witness:
    """What the layers compute where |x| <= B_x and |w| <= B_w: the same with the gates left out.

    A gated score is <= 0 at the query, whose y' and t are 0, and ungated elsewhere; then these keys
    are the examples. A head that reads what all tokens share may read it from the examples alone.
    Raises ValueError for a head that is neither, and for a gate that does not close.
    """
    size, n = valued("B_x*B_w", constants), witness.examples
    assert n is not None
    share = Fraction(n, n + 1)

    def of(head: Head) -> Head:
        asked = {b.destination: b.coefficient for b in head.query if b.source == "one"}
        read = {b.source for b in (*head.query, *head.key)}
        maps, factor, attention = (head.query, head.key), Fraction(1), head.attention
        if "gate" in asked:
            a = max(abs(b.coefficient) for b in head.query if b.source == "w")
            met = {b.source: b.coefficient for b in head.key if b.destination == "gate"}
            shut = asked["gate"] * met["one"]
            if met["t"] != -met["one"] or not as_ball(a * size + asked["e"] + shut) <= 0:
                raise ValueError(f"{head.name}: the gate does not close at the query")
            maps, factor = (_ungated(maps[0]), _ungated(maps[1])), share
        elif {b.source for b in (*head.key, *head.value)} - {"one", "w"}:
            raise ValueError(f"{head.name} reads what tokens do not share")
        elif read == {"one"}:
            if min(b.coefficient for side in maps for b in side) < 0:
                raise ValueError(f"{head.name}: the relu of its score is not the score")
            attention = "linear"
        scaled = (replace(b, coefficient=b.coefficient * factor) for b in head.value)
        return replace(
            head, query=maps[0], key=maps[1], value=SlotMap(tuple(scaled)), attention=attention,
            keys="context", average="examples",
        )  # fmt: skip

    # N is in no weight any more: (N + 1)/N of the values and N/(N + 1) cancel
    opened = witness.with_layers(
        tuple(replace(layer, heads=tuple(map(of, layer.heads))) for layer in witness.layer_list)
    )
    return replace(opened, examples=None)


def _ungated(side: SlotMap) -> SlotMap:
    """Without the gate, and without the constant term where that is 0."""
    kept_blocks = (b for b in side if b.destination not in ("gate", "e"))
    return SlotMap(tuple(kept_blocks))


RIDGE = (
    r"|\hat y_{N+1} - \langle w^\lambda_{\mathrm{ridge}}, x_{N+1}\rangle| \le \varepsilon,\ L = "
    r"\lceil 2\kappa\log(B_x B_w/(2\varepsilon))\rceil + 1,\ \max_\ell M^{(\ell)} \le 3,\ "
    r"|||\theta||| \le 4R + 8(\beta + \lambda)^{-1},\ \kappa = \tfrac{\beta + \lambda}{\alpha + "
    r"\lambda},\ R = \max\{B_x B_w, B_y, 1\}"
)


@claim(
    "bai2023.theorem4",
    source=f"{PAPER}, theorem 4, eqs. 4 to 6, and appendix D.1",
    statement=RIDGE,
    expected="approximates",
    note="as its proof has it: steps of 1/(beta + lambda) from 0, the head of corollary C.1 for "
    "lambda, the read-out. alpha + lambda = 0, which it allows, leaves kappa without a value. "
    "Half as many steps do: see the improved one",
)
def theorem4() -> tuple[Check, ...]:
    """Ridge regression within eps, in the layers, heads and norm promised."""
    return for_every(ridge, PROMISES, PROBLEMS, "eps", WHERE, certificate=within_bounds)


@claim(
    "bai2023.theorem4",
    variant="improved",
    source=f"{PAPER}, theorem 4",
    statement=RIDGE.replace(r"2\kappa\log", r"\kappa\log"),
    expected="approximates",
    note="(1 - 1/kappa)^T <= exp(-T/kappa); the proof has it for the square of the distance",
)
def theorem4_halved() -> tuple[Check, ...]:
    """Half the steps are enough."""
    promises = (Promise("layers", HALVED, "<="), *PROMISES[1:])
    return for_every(ridge_halved, promises, PROBLEMS, "eps", WHERE, certificate=within_bounds)


# -- theorem C.1 ----------------------------------------------------------------------------------


def proximal_iterates(X: Any, y: Any, steps: int, eta: Any, tau: Any) -> list[Any]:
    """w^0 = 0, w^1, ...: a gradient step on 1/(2N) sum (w^T x - y)^2, then soft(., tau)."""
    made = [X[0] * 0]
    for _ in range(steps):
        moved = made[-1] - algorithms.gradient(X, y, made[-1], loss="mean") * eta
        made.append(each(lambda v: soft(v, tau), moved))
    return made


def _descended(X: Any, y: Any, queries: Any, steps: int, eta: Any) -> Any:
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


def _lasso_read(**constants: Any) -> Witness:
    return lasso(read="y", **constants)


APPROXIMATELY = (
    r"\|\hat w^\ell - w^\ell_{\mathrm{PGD}}\|_2 \le (\epsilon + \epsilon')\, L\eta B_x,\ "
    r"\ell = 1, \ldots, L"
)


@claim(
    "bai2023.theoremC1.icgd",
    source=f"{PAPER}, theorem C.1, in its words",
    statement=r"\text{``approximately implements (ICGD)'': } \hat w^\ell = w^\ell_{\mathrm{GD}} "
    r"\text{ for } \epsilon = \epsilon' = 0",
    algorithm=_descended,
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
    checks=lambda: (
        kept(
            _lasso_read,
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


@st.composite
def _problems(draw: Any, d: int) -> dict[str, Any]:
    """A problem with orthogonal examples, and an MLP that is off by at most eta epsilon'.

    B_x and B_y are attained, B_w is twice the solution's length, rounded up, and more.
    """
    size = st.sampled_from([Fraction(k, 4) for k in (1, 2, 3, 4, 8)])
    x, y = ([draw(size) for _ in range(d)] for _ in range(2))
    lam, steps = draw(st.sampled_from([Fraction(0), Fraction(1, 16)])), draw(st.integers(2, 3))
    X = np.array([[x[i] if i == j else Fraction(0) for j in range(d)] for i in range(d)])
    eta = draw(st.sampled_from([HALF, 1, 2])) * d / max(x) ** 2  # <= 2/smoothness
    solution = [soft(x[i] * y[i] / d, lam) / (x[i] ** 2 / d) for i in range(d)]
    B_w = 2 * sum(map(abs, solution)) + draw(st.sampled_from([Fraction(1, 8), Fraction(0)]))
    parts = [draw(st.sampled_from([0, HALF, 1])) for _ in range(2)]
    allowed = B_w / (2 * steps) / 2
    return {
        "X": X, "y": np.array(y), "lam": lam, "steps": steps, "eta": eta, "B_w": B_w,
        "epsilon": parts[0] * allowed, "epsilon'": parts[1] * allowed,
    }  # fmt: skip


def reach(case: Mapping[str, Any]) -> Any:
    """R': the largest |w - eta grad L(w)|, |w| <= B_w, plus eta epsilon; for d = 1, else 2 B_w."""
    X, y, B_w, eta = (case[name] for name in ("X", "y", "B_w", "eta"))
    if X.shape[1] > 1:
        return 2 * B_w + eta * case["epsilon"]
    ends = (np.array([sign * B_w]) for sign in (1, -1))
    return eta * case["epsilon"] + max(
        abs((w - algorithms.gradient(X, y, w, loss="mean") * eta)[0]) for w in ends
    )


def approximate_descent(case: Mapping[str, Any]) -> Witness:
    """Heads that are off by epsilon everywhere, and an MLP off by eta epsilon' |w|/R'."""
    X, y, eta, tau = case["X"], case["y"], case["eta"], case["eta"] * case["lam"]
    d = X.shape[1]
    R = max(max(abs(X.ravel())) * case["B_w"], *y, 1)
    radius = reach(case)
    units = [*bai2023.soft_units(tau)] if tau else []
    units += [(1, 0, eta * case["epsilon'"] / radius if radius else 0)]
    relus = (*bai2023.SQUARE, (case["epsilon"], 0, 0, 1))
    prox = bai2023.prox_mlp(units).at(d)
    return bai2023.descent(d, d, case["steps"], eta, R, prox=prox, relus=relus, read="w")


def beyond(case: Mapping[str, Any], allowed: Callable[[Mapping[str, Any], Any], Any]) -> Any:
    """The first layer after which w is farther from the iterate of (ICPGD) than is allowed."""
    X, y = case["X"], case["y"]
    if not case["B_w"]:
        return None
    wanted = proximal_iterates(X, y, case["steps"], case["eta"], case["eta"] * case["lam"])
    states = approximate_descent(case).trace(X, y, X[:1], "rational")
    for number in range(1, case["steps"] + 1):
        off = states[number]["w"][-1] - wanted[number]
        bound = allowed(case, max(abs(X.ravel())))
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


def perturbed(allowed: Callable[[Mapping[str, Any], Any], Any]) -> Check:
    """Descent with heads and MLPs that are off, on problems that the theorem allows."""
    return formula(
        lambda: (_problems(1), _problems(2)),
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
    return perturbed(printed_bound), theorem("bai2023.theoremC1.negation")


@repair(
    "bai2023.theoremC1",
    "L eta (epsilon B_x + epsilon') for (epsilon + epsilon') L eta B_x",
    statement=r"\|\hat w^\ell - w^\ell_{\mathrm{PGD}}\|_2 \le L\eta(\epsilon B_x + \epsilon')",
)
def theorem_c1_repaired() -> tuple[Check, ...]:
    """After every layer within L eta (eps B_x + eps') of proximal descent."""
    return perturbed(repaired_bound), theorem("bai2023.theoremC1.repaired")


# -- appendix B -----------------------------------------------------------------------------------


def converted(covariate: bool) -> Check:
    """Every token of (16), from prompts of the form (15)."""

    def test(case: Case) -> dict[str, Any] | None:
        n, d = case.X.shape
        witness = bai2023.conversion(d, covariate)
        made = witness.trace(case.X, case.y, case.queries, "rational")[-1]
        rows = [x for x in case.X for _ in range(2)] + [case.queries[0]]
        labels = [label for target in case.y for label in (0, target)] + [0]
        marks = [0, 1] * n + [0]
        for t, (x, label, mark) in enumerate(zip(rows, labels, marks, strict=True)):
            wanted = {"x": x, "y": [label], "t": [mark], "s": [0], "c": [t // 2 + 1]}
            for slot, value in wanted.items():
                if (made[slot][t] != np.asarray(value)).any():
                    return case.to_json() | {
                        "slot": slot, "token": t, "is": as_text(np.ravel(made[slot][t]).tolist()),
                        "should": as_text(np.ravel(value).tolist()),
                    }  # fmt: skip
        return None

    sizes = ((st.just(1), st.just(1)), (st.integers(1, 2), st.integers(1, 5)))
    return formula(
        lambda: tuple(strategies.prompts(d, n, st.just(1)) for d, n in sizes),
        test,
        "tokens 2k hold (x_k, y_k, 1), the others (x_k, 0, 0), the rest as it was",
    )


CONVERTED = (
    Promise("layers", "2"),
    Promise("heads", "3", "<="),
    Promise("hidden", "2", "<="),
    Promise("norm", "12", "<="),
)
CONVERSION = (
    r"x_1, y_1, \ldots, x_N, y_N, x_{N+1} \mapsto [x_1; 0], [x_1; y_1], \ldots, [x_N; y_N], "
    r"[x_{N+1}; 0]:\ 2 \text{ layers, 3 heads, hidden dimension } 2,\ |||\theta||| \le 12"
)


@claim(
    "bai2023.propB1",
    source=f"{PAPER}, proposition B.1, t_i = mod(i + 1, 2) as in appendix B.4",
    statement=CONVERSION,
    note=f"{READ}: the weights are ours, on the plan of B.4 (the numbers c_i squared in layer 1, "
    "three relus that select in layer 2). They do not depend on N. B.4's footnote has "
    "u_i = x_{(i-1)/2} for odd i where x_{(i+1)/2} is meant",
)
def prop_b1() -> tuple[Check, ...]:
    """Two layers of a decoder put x_k into the token of y_k."""
    return (
        kept(lambda d: bai2023.conversion(d), CONVERTED, grid(d=(1, 2, 5)), {}),
        converted(False),
        theorem("bai2023.propB1"),
    )


@claim(
    "bai2023.propB1.covariate",
    source=f"{PAPER}, proposition B.1, t_i the indicator of the tokens of x as in appendix B.2",
    statement=CONVERSION + r",\ t_i \mapsto 1 - t_i",
    note="B.2 calls t the indicator of the covariate tokens, and B.4 has t_i = 0 only for even i; "
    "format (3) wants it 1 at examples, so that the first MLP turns it round",
)
def prop_b1_covariate() -> tuple[Check, ...]:
    """The same where t marks the tokens of x."""
    return (
        kept(lambda d: bai2023.conversion(d, True), CONVERTED, grid(d=(1, 2, 5)), {}),
        converted(True),
    )


def decoded(scale: Any) -> Check:
    """Gradient steps on the examples so far, at every token 2j + 1, after the conversion."""

    def test(case: Case) -> dict[str, Any] | None:
        n, d = case.X.shape
        steps, eta = case.parameters["steps"], case.parameters["eta"]
        wanted = [case.X[0] * 0]  # at token 1, before any example
        wanted += [
            _descended(case.X[:j], case.y[:j], case.queries, steps, eta)[0] for j in range(1, n + 1)
        ]
        # prefixes have iterates of their own, all within what the largest step can do
        R = max(abs(v) for v in (*case.X.ravel(), *case.queries.ravel(), *case.y, Fraction(1)))
        R = (2 + eta * d * R * R) ** (steps + 1) * d * R * R
        witness = bai2023.decoder(d, n, steps, eta, R, scale)
        states = witness.trace(case.X, case.y, case.queries, "rational")[-1]["w"]
        for j in range(n + 1):
            if (states[2 * j] != wanted[j]).any():
                return case.to_json() | {
                    "layer": witness.layers, "slot": "w", "token": f"2j + 1, j = {j}",
                    "is": as_text(np.ravel(states[2 * j]).tolist()),
                    "should": as_text(np.ravel(wanted[j]).tolist()),
                }  # fmt: skip
        return None

    sizes = ((st.just(1), st.just(1), st.just(1)), (*[st.integers(1, 3)] * 2, st.integers(1, 2)))
    return formula(
        lambda: tuple(
            strategies.prompts(d, n, st.just(1), steps=steps, eta=positive())
            for d, n, steps in sizes
        ),
        test,
        "w at tokens 2j + 1 is after steps of size eta on examples 1 to j",
    )


DECODER = (
    r"\mathrm{MSK} = 1/((i - 1) \vee 1):\ \text{the same construction performs (ICGD) with the "
    r"examples } 1, \ldots, j \text{ at every token } i = 2j + 1"
)


@claim(
    "bai2023.decoder",
    source=f"{PAPER}, appendix B.3, with the value -(N + 1)/N eta c_m x_j of the encoder",
    statement=DECODER,
    expected="refuted",
    note="i - 1 = 2j tokens come before x_{j+1}, half of them with an example: the step is of size "
    "(N + 1)/(2N) eta",
)
def decoder() -> tuple[Check, ...]:
    """The very layer of the encoder, in the decoder, makes the step at every token of x."""
    return (decoded("(N + 1)/N"),)


@repair("bai2023.decoder", "the value: -2 eta c_m x_j")
def decoder_repaired() -> tuple[Check, ...]:
    """With the value -2 eta c_m x_j it does."""
    return decoded("2"), theorem("bai2023.decoder.repaired")


@claim(
    "bai2023.decoder.mean",
    source=f"{PAPER}, appendix B.3, with the value -eta c_m x_j",
    statement=DECODER + r",\ V_m h_j = -\eta c_m x_j",
    expected="refuted",
    note="the step is of size eta/2",
)
def decoder_mean() -> tuple[Check, ...]:
    """The layer without the factor (N + 1)/N makes the step at every token of x."""
    return (decoded("1"),)


@repair("bai2023.decoder.mean", "the value: -2 eta c_m x_j")
def decoder_mean_repaired() -> tuple[Check, ...]:
    """With the value -2 eta c_m x_j it does."""
    return (decoded("2"),)
