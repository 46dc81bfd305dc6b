"""Gradient descent on targets that are vectors: y_j has q numbers, and so has the prediction."""

from hypothesis import strategies as st
from sympy import Symbol

from constructions import Head, Layer, Prompt, Readout, Witness, layout, slot_map
from verify import claim, count, formula, strategies


@claim(
    "vector_target",
    statement=r"W \leftarrow W + \tfrac{\eta}{n}\sum_j x_j (y_j - W^\top x_j)^\top",
    algorithm=formula(
        "W.T*x_t",
        start={"W": "0*X.T*y"},
        step={"W": "W + eta*X.T*(y - X*W)/n"},
        repeat="steps",
    ),
    cases=lambda: strategies.prompts(
        steps=st.integers(0, 3), eta=strategies.positive(), q=st.just(3), targets="q"
    ),
    assembled=lambda: [{"d": 4, "q": 3, "steps": count("steps"), "eta": Symbol("eta")}],
)
def transformer(d, q, steps, eta):
    """k layers of linear attention are k gradient steps on the mean squared length of y - W^T x."""
    head = Head(
        query=slot_map(("score", "x")),
        key=slot_map(("score", "x")),
        value=slot_map(("e", "e", -eta)),  # e = y - W^T x; of a query -W^T x
        average="examples",
    )
    prompt = Prompt(d, slot_map(("x", "x"), ("e", "y")), targets=q)
    stream = layout(x=(d,), e=(q,))
    return Witness("descent", stream, prompt, [Layer("step", (head,))] * steps, Readout("e", -1))
