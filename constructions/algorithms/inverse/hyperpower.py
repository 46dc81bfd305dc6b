"""A third-order iteration for the inverse: M_k = M (3I - 3SM + (SM)^2), S = X^T X, M_0 = alpha I.

Statement: after the first layer and k more the token of x holds t = M_k x, s = S M_k x and the
prediction p = x^T M_k X^T y; I - S M_k = (I - alpha S)^(3^k), so this is what 3^k gradient steps
of size alpha leave. One head makes T' - 3T = T (ST - 3I) S T: query t, key s - 3x, value t. The
values p_j at its scores are what p needs, so that nothing is spent on reading it: k + 1 layers, one
head each, width 3d + 2. No linear-attention transformer makes 3^k gradient steps in fewer layers
(proofs.statements.depth). In floats, s drifts away from S t once M_k has converged: more iterations
than needed lose digits again (`deep_descent` does not).
"""

from fractions import Fraction
from typing import Any

from ... import notation as n
from . import newton

alpha, query, key, value, value_p, skip_p = n.letters("alpha query key value value_p skip_p")
query_x, query_t, query_s, key_x, key_t = n.letters("query_x query_t query_s key_x key_t")
key_s, value_t, value_s, skip_t, skip_s = n.letters("key_s value_t value_s skip_t skip_s")
multiply = n.head("alpha S x", {"t": query}, {"x": key}, {"s": {"x": value}})
iterate = n.head(
    "T (ST/3 - I) S T x",
    {"x": query_x, "t": query_t, "s": query_s},
    {"x": key_x, "t": key_t, "s": key_s},
    {"t": {"t": value_t}, "s": {"s": value_s}},
)
skip = n.linear_mlp(("t", "t", skip_t), ("s", "s", skip_s))

SLOTS = {"x": "d", "y": "", "t": "d", "s": "d", "p": ""}
PLAIN = n.stage({"x": "x", "y": "y"}, **SLOTS)
HELD = {"x": "x_t", "t": "T*x_t", "s": "S*T*x_t"}
CARRIED = HELD | {"p": "w.T*x_t"}
CUBED = {"T": "3*T - 3*T*S*T + T*S*T*S*T"}
COMMUTES = (r"T \text{ is a polynomial in } S",)


def stage(alpha: Any) -> n.Stage:
    """Tokens carry t = alpha x, so that M_0 = alpha I."""
    return n.stage({"x": "x", "y": "y", "t": ("x", alpha)}, **SLOTS)


ANY: dict[str, Any] = {
    "letters": {"T": "commuting"}, "let": {"w": "T*X.T*y"}, "parameters": ("alpha",),
}  # fmt: skip

INITIAL = n.Template(
    "hyperpower.initial.identity", stage(alpha), (n.Layer("M_0", (multiply,)),),
    after=HELD, becomes={"T": "alpha*I"}, **ANY,
)  # fmt: skip
GRAM = n.Template(
    "hyperpower.initial.gram", PLAIN,
    lambda: (*newton.START.at(alpha=alpha), n.Layer("S t", (multiply,))),
    after=HELD, becomes={"T": "alpha*S"}, **ANY,
)  # fmt: skip
ITERATION = n.Template(
    "hyperpower.iteration",
    PLAIN, (n.Layer("M_{k}", (iterate,), skip),),
    r"t_t = T x_t,\ s_t = S T x_t \;\mapsto\; T' x_t,\ S T' x_t,\quad "
    r"T' = T(3I - 3ST + (ST)^2)",
    before=HELD, becomes=CUBED, assumes=COMMUTES,
    fix=(
        n.Gauge(query_t, 1, "a query scaled up and both values scaled down"),
        n.Gauge(value_t, 1, "the values scaled up and the key scaled down"),
    ), charts=((key_t, value_t),), **ANY,
)  # fmt: skip
START = n.Template(
    "carried.initial", stage(alpha),
    lambda: n.beside(INITIAL.at(alpha=alpha), {"p": {"y": value_p}}),
    after=CARRIED, becomes={"T": "alpha*I"}, **ANY,
)  # fmt: skip
STEP = n.Template(
    "carried.hyperpower", PLAIN,
    lambda: n.beside(ITERATION.at(), {"p": {"p": value_p}}, ("p", "p", skip_p)),
    r"p_t = x_t^\top T X^\top y \;\mapsto\; x_t^\top T' X^\top y \text{ in the layer that makes } "
    r"T'", before=CARRIED, becomes=CUBED, assumes=COMMUTES, **ANY,
)  # fmt: skip


def iterations(name: str, initial: n.Template) -> n.Induction:
    """k iterations from an M_0."""
    templates = {"initial": initial, "iteration": ITERATION}
    return n.Induction(f"hyperpower.iterations.{name}", templates, names={"T": "M{k}"})


@n.construction(
    parameters={
        "iterations": n.Whole(least=0, example=2),
        "alpha": n.Number(above=0, example=Fraction(1, 16)),
    },
    region="alpha < 2/top",
    rate="alpha",
    left="(1 - alpha*s)**(3**iterations)",
    states=r"k + 1 \text{ layers leave } x^\top M_k X^\top y,\; M_0 = \alpha I,\; "
    r"M_k = M_{k-1}(3I - 3SM_{k-1} + (SM_{k-1})^2)",
    computes="3^k gradient steps",
    proved=(ITERATION, iterations("identity", INITIAL), iterations("gram", GRAM), STEP),
    source="third-order hyperpower iteration",
    tends_to="least_squares",
)
def hyperpower(iterations: int, alpha: Any) -> n.Parts:
    """k third-order iterations in k + 1 layers of one head: as much as Newton in k log2 3."""
    return n.Parts(
        stage(alpha),
        n.Readout("p"),
        START.at(alpha=alpha),
        STEP.at(),
        names={"T": "M{k}", "w": "w{k}"},
        also=tuple((f"w{k}", f"M{k}*X.T*y") for k in range(iterations + 1)),
    )
