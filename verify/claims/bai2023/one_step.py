"""bai2023, proposition C.2: one step of gradient descent by ReLU heads; and the read-out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from constructions.papers import bai2023
from constructions.witness import Witness

from ... import strategies
from ...checks.analysis.accuracy import kept
from ...checks.statements import theorem
from ...claim import Check, Domain, Promise, claim, repair
from ...strategies import Case, fractions, grid, positive
from . import PAPER, READ
from .mlps import relu


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


def _of_square_loss(build: Callable[..., Witness]) -> Callable[..., Witness]:
    """The same of a builder of proposition C.2."""
    return lambda d, **given: build(w0=(0,) * d, relus=bai2023.SQUARE, **given)


NORM = (Promise("norm", "2 + R + 2*eta*C", "<="), Promise("heads", "2"), Promise("layers", "1"))
AT = grid(d=(1, 3), examples=(1, 4), eta=(Fraction(1, 100), 1), R=(1, 5, 40))


@claim(
    "bai2023.propC2",
    source=f"{PAPER}, proposition C.2",
    statement=STEP + r",\ |||\theta||| \le 2 + R + 2\eta C",
    algorithm=one_step,
    cases=lambda: step_prompts(relus=RELUS),
    domain=DOMAIN,
    checks=lambda build: (kept(_of_square_loss(build), NORM, AT, {"C": "4"}),),
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
    reading="with figure 3's value -eta c_m x_j",
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
    reading="with R (1 - t_j) as an entry of K_m h_j",
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
