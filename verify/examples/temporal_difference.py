"""TD(0) in context: transitions (phi_j, phi'_j, r_j), a step of batch TD a layer.

A token's delta is its temporal difference r + gamma w^T phi' - w^T phi; a query has phi alone.
"""

from hypothesis import strategies as st
from sympy import Symbol

from constructions import Block, Head, Holds, Layer, Prompt, Readout, Witness, layout, slot_map
from verify import claim, count, formula, matrix, strategies

TRANSITIONS = {"parts": layout(phi="d", phi_next="d"), "query_parts": ("phi",)}  # and y is r
STEP = "w + C*phi.T*(y + gamma*phi_next*w - phi*w)/n"
td = formula("w.T*phi_t", start={"w": "O"}, step={"w": STEP}, repeat="steps", **TRANSITIONS)


@claim(
    "temporal_difference",
    source="wang2024, theorem 1",
    statement=r"w \leftarrow w + \tfrac1n C\sum_j(r_j + \gamma w^\top\phi'_j - w^\top\phi_j)\phi_j",
    algorithm=td,
    cases=lambda: strategies.prompts(
        steps=st.integers(0, 3), gamma=strategies.positive(), C=strategies.matrix(), **TRANSITIONS
    ),
    assembled=lambda: [
        {"d": 3, "steps": count("steps"), "gamma": Symbol("gamma"), "C": matrix("C")}
    ],
)
def transformer(d, steps, gamma, C):
    """k layers of linear attention are k steps of TD(0), preconditioned by any matrix C."""
    head = Head(
        query=slot_map(("f", "next", gamma), ("f", "phi", -1)),
        key=slot_map(Block("f", "phi", matrix=C)),
        value=slot_map(("delta", "delta")),
        average="examples",
    )
    held = [f"y_t + gamma*w{k}.T*phi_next_t - w{k}.T*phi_t" for k in range(1, steps + 1)]
    layers = [Layer("step", (head,), holds=(Holds("delta", one),)) for one in held]
    embedding = slot_map(("phi", "phi"), ("next", "phi_next"), ("delta", "y"))
    given = {"steps": steps, "gamma": gamma, "C": C}
    known = {"parameters": given, "definitions": tuple(td.at(given)[0].items())}
    stream, prompt = layout(phi=(d,), next=(d,), delta=()), Prompt(d, embedding, **TRANSITIONS)
    return Witness("td", stream, prompt, layers, Readout("delta", -1), **known)
