"""Newton's iteration for the inverse: M_k = 2 M_{k-1} - M_{k-1} S M_{k-1}, S = X^T X.

Statement (fu2023, eqs. 24-35): k iterations from M_0 = alpha S leave the prediction
x^T M_k X^T y at a query x. Tokens carry x and t = T x, T standing for M_k: one linear head makes
M_0, one each M_k, one reads the prediction; k + 2 layers, where the paper takes k + 8. Queries are
never keys, so S is that of the examples.
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
ANY: dict[str, Any] = {"stage": STAGE, "letters": {"T": "symmetric"}, "fix": n.scaled(query, key)}
START = n.Template(
    "newton.initial", r"t_t = M_0 x_t,\quad M_0 = \alpha S", layers=(n.Layer("M_0", (gram,)),),
    before={"x": "x_t"}, after=HELD, becomes={"T": "alpha*S"}, parameters=("alpha",), **ANY,
)  # fmt: skip
STEP = n.Template(
    "newton.iteration",
    r"t_t = T x_t \;\mapsto\; (2T - T S T^\top) x_t\quad\text{for every symmetric } T",
    layers=(n.Layer("M_{k}", (iterate,), correct),), before=HELD, becomes={"T": "2*T - T*S*T"},
    charts=((query_x, key_t),), **ANY,
)  # fmt: skip
END = n.Template(
    "newton.readout", r"p_t = (X^\top y)^\top T x_t", layers=(n.Layer("read-out", (read,)),),
    before=HELD, after=HELD | {"p": "w.T*x_t"}, let={"w": "T*X.T*y"}, **ANY,
)  # fmt: skip
ITERATIONS = n.Induction(
    "newton.iterations",
    r"1 + k \text{ layers: } t_t = M_k x_t,\quad M_0 = \alpha S,\ "
    r"M_{k+1} = 2M_k - M_k S M_k\quad\text{for every } k, n, d",
    {"initial": START, "iteration": STEP},
)
PREDICTION = n.Induction(
    "newton.prediction",
    r"k + 2 \text{ layers: } p_t = x_t^\top M_k X^\top y\quad"
    r"\text{for every } k, n, d, \text{ the query kept out of } S",
    {"initial": START, "iteration": STEP, "readout": END},
)


@n.construction(
    parameters={
        "iterations": n.Whole(least=0, example=2),
        "alpha": n.Number(above=0, example=Fraction(1, 16)),
        "attention": n.OneOf(of=("linear", "relu"), default="linear"),
        "prompt": n.OneOf(of=("joint", "interleaved"), default="joint"),
    },
    steps="iterations",
    reference=n.references.newton,
    region="alpha < 2/top**2",
    left="(1 - alpha*s**2)**(2**iterations)",
    states=r"\text{the prediction is } x^\top M_k X^\top y,\; M_0 = \alpha S,\; "
    r"M_k = 2 M_{k-1} - M_{k-1} S M_{k-1}",
    costs=(
        n.Cost(
            "k Newton iterations from alpha S",
            {"layers": "k + 2", "width": "2*d + 2", "heads": "1"},
            "fu2023, theorem 5.1: above",
        ),
        n.Cost(
            "the same by ReLU heads",
            {"layers": "k + 2", "width": "2*d + 2", "heads": "2"},
            "fu2023, theorem 5.1: above",
            choice={"attention": "relu"},
        ),
        n.Cost(
            "the same on tokens x_1, y_1, x_2, y_2, …",
            {"layers": "k + 2", "width": "2*d + 4", "heads": "4"},
            "fu2023, theorem 5.1: above",
            choice={"prompt": "interleaved"},
        ),
    ),
    proved=(START, STEP, ITERATIONS, END, PREDICTION),
    source="fu2023, theorem 5.1",
    tends_to="least_squares",
)
def newton(alpha: Any, attention: str, prompt: str) -> n.Parts:
    """k Newton iterations for the inverse in k + 2 layers, the query kept out of the keys.

    k = `iterations` of Newton's method from M_0 = alpha S, at every query.
    """
    names = {"T": "M{k}", "w": "w{k}"}
    made = n.Parts(STAGE, n.Readout("p"), START.at(alpha=alpha), STEP.at(), END.at(), names)
    made = made.each_layer(n.relu_heads) if attention == "relu" else made
    return n.interleaved(made) if prompt == "interleaved" else made
