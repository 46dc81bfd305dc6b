"""bai2023, appendix B and the decoder: other formats of the prompt, and causal attention."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from constructions.papers import bai2023

from ... import strategies
from ...checks.analysis.accuracy import kept
from ...checks.statements import formula, theorem
from ...claim import Check, Promise, claim, repair
from ...strategies import Case, as_text, grid, positive
from . import PAPER, READ
from .several_steps import descended


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
                        "slot": slot, "token": t + 1,
                        "is": as_text(np.ravel(made[slot][t]).tolist()),
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
            descended(case.X[:j], case.y[:j], case.queries, steps, eta)[0] for j in range(1, n + 1)
        ]
        # prefixes have iterates of their own, all within what the largest step can do
        R = max(abs(v) for v in (*case.X.ravel(), *case.queries.ravel(), *case.y, Fraction(1)))
        R = (2 + eta * d * R * R) ** (steps + 1) * d * R * R
        witness = bai2023.decoder(d, n, steps, eta, R, scale)
        predictions = witness.predict(case.X, case.y, case.queries, "rational")
        states = predictions.reshape(2 * n + 1, d)  # w at every token is what it predicts
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
    reading="with the value -eta c_m x_j",
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
