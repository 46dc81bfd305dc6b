"""Softmax attention is kernel smoothing: the Nadaraya-Watson estimate with an exponential kernel."""

from fractions import Fraction

from constructions import Head, Layer, Prompt, Readout, Witness, layout, slot_map
from verify import Between, Box, algorithms, claim


def smoothed(X, y, queries, temperature):
    """sum_j y_j k(x_j, x) / sum_j k(x_j, x), k(x_j, x) = exp(<x_j, x> / temperature)."""
    weights = algorithms.exp(queries @ X.T / temperature)
    return weights @ y / weights.sum(axis=1)


@claim(
    "nadaraya_watson",
    source="Nadaraya and Watson, 1964",
    algorithm=smoothed,
    within=0,
    box=(Box(d=2, n=3, parameters={"temperature": Between(Fraction(1, 2), 2)}),),
)
def transformer(d, temperature):
    """One softmax head is the Nadaraya-Watson estimate."""
    head = Head(
        slot_map(("score", "x", 1 / temperature)), slot_map(("score", "x")),
        slot_map(("p", "y")), attention="softmax",
    )  # fmt: skip
    stream, prompt = layout(x=(d,), y=(), p=()), Prompt(d, slot_map(("x", "x"), ("y", "y")))
    return Witness("smoother", stream, prompt, [Layer("smooth", (head,))], Readout("p"))
