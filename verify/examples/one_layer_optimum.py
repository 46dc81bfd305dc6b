"""The best single layer of linear attention under Gaussian data is one step of gradient descent.

Z + P Z M (Z^T Q Z), M = diag(I_n, 0), of which -[Z]_{d+1, n+1} is read; x and w are standard
normal, y = w^T x + noise of variance v. The step's rate is 1/(n + d + 1 + v).
"""

import sympy

from constructions import Block, Head, Layer, Prompt, Readout, Witness, layout, slot_map
from verify import claim
from verify.statements import Regression, n, optimum


def letters(name, size):
    return [[sympy.Symbol(f"{name}{i}{j}") for j in range(1, size + 1)] for i in range(1, size + 1)]


def layer(d):
    """One layer with every entry of P and Q a letter."""
    head = Head(
        query=slot_map(Block("f", "z", matrix=letters("Q", d + 1))),
        key=slot_map(("f", "z")),
        value=slot_map(Block("z", "z", matrix=letters("P", d + 1))),
    )
    place = sympy.eye(d + 1)[:, :d].tolist()
    prompt = Prompt(d, slot_map(Block("z", "x", matrix=place), (f"z[{d}]", "y")))
    read = Readout(f"z[{d}]", -1)
    return Witness("layer", layout(z=(d + 1,)), prompt, [Layer("attention", (head,))], read)


@claim(
    "one_layer_optimum",
    source="ahn2023, theorem 1, with noise and for the sum over the examples",
    statement="no P and Q have a lower expected loss than P = diag(0, 1), Q = -diag(rate I, 0)",
)
def optimal_step():
    v = sympy.Symbol("v")

    def step(d):
        rate = 1 / (n + d + 1 + v)
        return {"P": sympy.diag(sympy.zeros(d), 1), "Q": -sympy.diag(rate * sympy.eye(d), 0)}

    return optimum(layer, step, Regression(noise=v), sizes=(1, 2))
