"""Softmax attention with scores beta <x, x_j> tends to the label of the best example."""

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from constructions import Head, Layer, Prompt, Readout, Witness, layout, slot_map
from verify import claim, strategies
from verify.statements import limit


def smooth(d, beta):
    """One softmax head of temperature 1/beta."""
    head = Head(
        query=slot_map(("f", "x", beta)),
        key=slot_map(("f", "x")),
        value=slot_map(("out", "y")),
        attention="softmax",
    )
    prompt = Prompt(d, slot_map(("x", "x"), ("y", "y")))
    return Witness("smooth", layout(x=(d,), y=(), out=()), prompt, (Layer("attention", (head,)),),
                   Readout("out"))  # fmt: skip


def best(X, y, queries):
    """The mean label of the examples with the largest score."""
    scores = queries @ X.T
    chosen = [[j for j, s in enumerate(row) if s == max(row)] for row in scores]
    return np.array([sum(y[j] for j in js) / Fraction(len(js)) for js in chosen], dtype=object)


def gap(case):
    """The gap of the best score to the next, and how far labels are apart."""
    scores = sorted(set(case.queries[0] @ case.X.T))
    return {"delta": scores[-1] - scores[-2] if len(scores) > 1 else 10**6,
            "spread": max(case.y) - min(case.y)}  # fmt: skip


@claim("nearest", statement="within (n - 1) spread exp(-beta delta) of the best example's label")
def nearest():
    return limit(smooth, best, lambda: strategies.prompts(m=st.just(1)), "beta",
                 within=("(n - 1)*spread", "delta"), quantities=gap)  # fmt: skip
