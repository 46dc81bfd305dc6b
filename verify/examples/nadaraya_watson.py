"""Softmax attention is kernel smoothing: the Nadaraya-Watson estimate with an exponential kernel."""

import numpy as np

from constructions import Head, Layer, Prompt, Readout, Witness, layout, slot_map
from verify import claim, strategies


def smoothed(X, y, queries, temperature):
    """sum_j y_j k(x_j, x) / sum_j k(x_j, x), k(x_j, x) = exp(<x_j, x> / temperature)."""
    weights = np.array([[(x @ query / temperature).exp() for x in X] for query in queries])
    return weights @ y / weights.sum(axis=1)


@claim(
    "nadaraya_watson",
    source="Nadaraya and Watson, 1964",
    algorithm=smoothed,
    cases=lambda: strategies.prompts(temperature=strategies.positive()),
)
def transformer(d, temperature):
    """One softmax head is the Nadaraya-Watson estimate."""
    head = Head(
        slot_map(("score", "x", 1 / temperature)), slot_map(("score", "x")),
        slot_map(("p", "y")), attention="softmax",
    )  # fmt: skip
    stream, prompt = layout(x=(d,), y=(), p=()), Prompt(d, slot_map(("x", "x"), ("y", "y")))
    return Witness("smoother", stream, prompt, [Layer("smooth", (head,))], Readout("p"))
