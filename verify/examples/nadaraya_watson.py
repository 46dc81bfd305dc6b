"""Softmax attention is kernel smoothing: the estimate of Nadaraya and Watson.

Exponentials are irrational, so that the two are compared on a box, where it is decided whether
they are one function.
"""

from fractions import Fraction

from constructions import Head, Layer, Prompt, Readout, Witness, layout, slot_map
from verify import Between, Box, algorithms, claim


def smoothed(X, y, queries, temperature):
    """sum_j y_j k(x_j, x) / sum_j k(x_j, x), k(x_j, x) = exp(<x_j, x> / temperature)."""
    kernel = algorithms.exp(queries @ X.T / temperature)
    return kernel @ y / kernel.sum(axis=1)


@claim(
    "nadaraya_watson",
    source="Nadaraya and Watson, 1964",
    algorithm=smoothed,
    box=Box(d=2, n=3, parameters={"temperature": Between(Fraction(1, 2), 2)}),
    within=0,
)
def transformer(d, temperature):
    """One softmax head is the Nadaraya-Watson estimate."""
    head = Head(
        query=slot_map(("score", "x", 1 / temperature)),
        key=slot_map(("score", "x")),
        value=slot_map(("p", "y")),
        attention="softmax",
    )
    stream, prompt = layout(x=(d,), y=(), p=()), Prompt(d, slot_map(("x", "x"), ("y", "y")))
    return Witness("smoother", stream, prompt, [Layer("smooth", (head,))], Readout("p"))
