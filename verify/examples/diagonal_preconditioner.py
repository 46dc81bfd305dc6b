"""Gradient descent with a step size of its own for each coordinate, from any start.

The step sizes are the diagonal of P, as a learned diagonal preconditioner has them.
"""

from hypothesis import strategies as st

from constructions import Block, Head, Layer, Prompt, Readout, Witness, layout, slot_map
from verify import claim, count, diagonal, formula, strategies, vector


@claim(
    "diagonal_preconditioner",
    statement=r"w \leftarrow w - P X^\top (X w - y) \text{ from any } w_0,\ P \text{ diagonal}",
    algorithm=formula(
        "w.T*x_t",
        start={"w": "v"},
        step={"w": "w - P*X.T*(X*w - y)"},
        repeat="steps",
    ),
    cases=lambda: strategies.prompts(
        steps=st.integers(0, 3), P=strategies.diagonal(), v=strategies.vector()
    ),
    assembled=lambda: [{"d": 3, "steps": count("steps"), "P": diagonal("P"), "v": vector("v")}],
)
def transformer(d, steps, P, v):
    """A token holds its x, its y, and p, what is predicted for it so far: vᵀx at first."""
    head = Head(
        query=slot_map(("score", "x")),
        key=slot_map(Block("score", "x", matrix=P)),
        value=slot_map(("p", "y"), ("p", "p", -1)),
    )
    start = Block("p", "x", matrix=(v,))
    prompt = Prompt(d, slot_map(("x", "x"), ("y", "y"), start))
    stream = layout(x=(d,), y=(), p=())
    return Witness("descent", stream, prompt, [Layer("step", (head,))] * steps, Readout("p"))
