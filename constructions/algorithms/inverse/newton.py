"""Newton's iteration for the inverse: M_k = 2 M_{k-1} - M_{k-1} S M_{k-1}, S = X^T X.

Statement (fu2023, eqs. 24-35): k iterations from M_0 = alpha S leave x^T M_k X^T y at a query x.
Tokens carry x and t = T x, T standing for M_k. Queries are no keys, so S is that of the examples.
"""

from fractions import Fraction
from typing import Any

from ... import notation as n

query, key, value, skip = n.letters("query key value skip")
query_x, key_t, value_x, lift = n.letters("query_x key_t value_x lift")  # these have to vanish
gram = n.head("alpha S x", {"x": query}, {"x": key}, {"t": {"x": value}})
iterate = n.head(
    "T S T x", {"t": query, "x": query_x}, {"x": key, "t": key_t}, {"t": {"t": value, "x": value_x}}
)
correct = n.linear_mlp(("t", "t", skip), ("t", "x", lift))
read = n.head("read-out", {"t": query}, {"x": key}, {"p": {"y": value}})

STAGE = n.stage({"x": "x", "y": "y"}, x="d", y="", t="d", p="")
HELD = {"x": "x_t", "t": "T*x_t"}
ANY: dict[str, Any] = {"stage": STAGE, "letters": {"T": "symmetric"}, "parameters": ("alpha",)}
START = n.Template(
    "newton.initial", layers=(n.Layer("M_0", (gram,)),), after=HELD, becomes={"T": "alpha*S"}, **ANY
)
STEP = n.Template(
    "newton.iteration", layers=(n.Layer("M_{k}", (iterate,), correct),),
    before=HELD, becomes={"T": "2*T - T*S*T"}, **ANY,
)  # fmt: skip
END = n.Template(
    "newton.readout", layers=(n.Layer("read-out", (read,)),),
    before=HELD, after=HELD | {"p": "w.T*x_t"}, let={"w": "T*X.T*y"}, **ANY,
)  # fmt: skip
NAMES = {"T": "M{k}", "w": "w{k}"}
ITERATIONS = n.Induction("newton.iterations", {"initial": START, "iteration": STEP}, names=NAMES)
PREDICTION = n.Induction("newton.prediction", ITERATIONS.templates | {"readout": END}, names=NAMES)


@n.construction(
    parameters={
        "iterations": n.Whole(least=0, example=2),
        "alpha": n.Number(above=0, example=Fraction(1, 16)),
        "attention": n.OneOf(of={"linear": "", "relu": "the same by ReLU heads"}),
        "prompt": n.OneOf(of={"joint": "", "interleaved": "the same on tokens x_1, y_1, x_2, …"}),
    },
    region="alpha < 2/top**2",
    left="(1 - alpha*s**2)**(2**iterations)",
    computes="k Newton iterations from alpha S",
    paper="fu2023, theorem 5.1: k + 8 layers, O(d) units",
    proved=(START, STEP, ITERATIONS, END, PREDICTION),
    source="fu2023, theorem 5.1",
    tends_to="least_squares",
)
def newton(alpha: Any, attention: str, prompt: str) -> n.Parts:
    """k Newton iterations for the inverse in k + 2 layers, the query kept out of the keys."""
    made = n.Parts.of(PREDICTION, n.Readout("p"), alpha=alpha)
    made = made.each_layer(n.relu_heads) if attention == "relu" else made
    return n.interleaved(made) if prompt == "interleaved" else made
