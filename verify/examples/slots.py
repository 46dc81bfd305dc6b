"""Gradient descent by linear attention. Edit it into your own claim; as it stands, it holds.

witness check slots.py    the verdict, with a counterexample where it is wrong
witness show slots.py     the weights; then trace, prove, run, explain -o page.html
"""

from hypothesis import strategies as st
from sympy import Symbol

from constructions import Head, Holds, Layer, Prompt, Readout, Witness, layout, slot_map
from verify import claim, formula, strategies

# What shall be computed, without a transformer: from X (n, d), y (n, 1) and a query x_t (d, 1).
# Code will do too, f(X, y, queries, steps, eta) -> one number a query; but nothing is proved of it.
descent = formula("w.T*x_t", start={"w": "O"}, step={"w": "w - eta*X.T*(X*w - y)"}, repeat="steps")


@claim(
    "slots.descent",
    source="my draft, theorem 1",
    statement=r"k \text{ layers take } k \text{ gradient steps from } 0",
    algorithm=descent,
    # the parameters below, d apart: drawn for the cases that are tried,
    cases=lambda: strategies.prompts(steps=st.integers(0, 3), eta=strategies.positive()),
    domain=strategies.ANY,
    # and those with which it is proved, for every prompt and d: eta is a letter
    assembled=lambda: [{"d": 3, "steps": k, "eta": Symbol("eta")} for k in range(4)],
)
def transformer(d, steps, eta):
    """k layers of linear attention are k gradient steps."""
    # the stream of a token: its x, its y (0 at a query), and p, which is predicted so far
    stream = layout(x=(d,), y=(), p=())
    # a token t adds up, over the examples j, its score with j times the value of j:
    head = Head(
        query=slot_map(("score", "x")),  # score <x_t, x_j>
        key=slot_map(("score", "x")),
        value=slot_map(("p", "y", eta), ("p", "p", -eta)),  # p <- eta y - eta p
    )
    # what the slots hold after a layer, in the algorithm's own quantities: says where it goes wrong
    quantities, _ = descent.at({"steps": steps, "eta": eta})
    held = [Holds("p", f"w{k}.T*x_t") for k in range(1, steps + 1)]
    layers = [Layer("step", (head,), holds=(after,)) for after in held]
    prompt = Prompt(d, slot_map(("x", "x"), ("y", "y")))
    known = {"parameters": {"eta": eta}, "definitions": tuple(quantities.items())}
    return Witness("descent", stream, prompt, layers, Readout("p"), **known)
