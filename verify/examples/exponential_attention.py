"""Unnormalised exponential attention: gradient descent with the kernel exp<x, x'>.

f_{k+1} = f_k + eta sum_j (y_j - f_k(x_j)) exp<x_j, .>: a layer of attention with weights
exp(score), not divided by their sum, is one step on the sum of squares in the kernel's space.
"""

from constructions import Head, Layer, Prompt, Readout, Witness, layout, slot_map
from verify import Box, algorithms, claim


def kernel_descent(X, y, queries, steps, eta):
    """What so many steps predict. Exponentials are irrational: the claim is one on a box."""
    here, there = algorithms.exp(X @ X.T), algorithms.exp(queries @ X.T)
    fit, prediction = 0 * y, 0 * there[:, 0]
    for _ in range(steps):
        error = eta * (y - fit)
        fit, prediction = fit + here @ error, prediction + there @ error
    return prediction


@claim(
    "exponential_attention",
    source="functional gradient descent, as in cheng2024",
    algorithm=kernel_descent,
    box=[Box(d=2, n=2, parameters={"steps": k, "eta": eta}) for k, eta in ((1, 1), (2, 0.5))],
    within=0,
)
def transformer(d, steps, eta):
    """k layers of exponential attention are k steps with the exponential kernel."""
    head = Head(
        slot_map(("score", "x")), slot_map(("score", "x")),
        slot_map(("f", "y", eta), ("f", "f", -eta)), attention="exponential",
    )  # fmt: skip
    stream = layout(x=(d,), y=(), f=())
    prompt = Prompt(d, slot_map(("x", "x"), ("y", "y")))
    return Witness("exponential", stream, prompt, [Layer("step", (head,))] * steps, Readout("f"))
