"""Unnormalised exponential attention: gradient descent with the kernel exp(x^T x').

f <- f + eta sum_j (y_j - f(x_j)) exp(x_j^T .): a layer of attention with weights exp(score), which
are not divided by their sum, is a step on the sum of squares in the kernel's space of functions.
"""

from constructions import Head, Layer, Prompt, Readout, Witness, layout, slot_map
from verify import Between, Box, algorithms, claim


def kernel_descent(X, y, queries, steps, eta):
    """What so many steps from f = 0 predict."""
    here, there = algorithms.exp(X @ X.T), algorithms.exp(queries @ X.T)
    fit, prediction = 0 * y, 0 * there[:, 0]
    for _ in range(steps):
        error = y - fit
        fit, prediction = fit + eta * here @ error, prediction + eta * there @ error
    return prediction


@claim(
    "exponential_attention",
    source="functional gradient descent, as in cheng2024",
    algorithm=kernel_descent,
    # exponentials are irrational: whether the two are one function is decided on boxes
    box=[Box(d=2, n=2, parameters={"steps": k, "eta": Between(0, 1)}) for k in (1, 2)],
    within=0,
)
def transformer(d, steps, eta):
    """k layers of exponential attention are k steps with the exponential kernel."""
    head = Head(
        query=slot_map(("score", "x")),
        key=slot_map(("score", "x")),
        value=slot_map(("f", "y", eta), ("f", "f", -eta)),
        attention="exponential",
    )
    stream = layout(x=(d,), y=(), f=())
    prompt = Prompt(d, slot_map(("x", "x"), ("y", "y")))
    return Witness("descent", stream, prompt, [Layer("step", (head,))] * steps, Readout("f"))
