"""(3^L - 1)/2 steps of gradient descent in L layers: as many as linear attention can make.

Statement: from w_0 = 0, with N = (3^k - 1)/2 steps of size alpha on 1/2 sum (w^T x - y)^2 made
after k layers, tokens carry u = R^N x, t = M x and r = y - w_N^T x, where R = I - alpha S, M is
the matrix of N + 1 steps and r is minus the prediction at a query. One layer makes 3N + 1 of N: for
w_N = P X^T y it is R^N = I - S P and M = P + alpha R^N, whatever P is. All layers are alike: two
heads, width 3d + 1. That no transformer of L linear-attention layers makes more steps is
proofs.statements.depth.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.statements.depth import tripled_steps

from ... import notation as n

alpha, tx, tu, ux, skip, lift = n.letters("alpha tx tu ux skip lift")
one_u, one_r, one_t, one_tu = n.letters("one_u one_r one_t one_tu")
two_t, two_tu = n.letters("two_t two_tu")
power = n.Head(
    n.slot_map(("f", "t"), ("g", "u")),
    n.slot_map(("f", "x", tx), ("f", "u", tu), ("g", "x", ux)),
    n.slot_map(("u", "u", one_u), ("r", "r", one_r), ("t", "t", one_t), ("t", "u", one_tu)),
    name="to the power 3N + 1",
)
between = n.head("the sum between", {"t": 1}, {"x": 1}, {"t": {"t": two_t, "u": two_tu}})
layer = n.Layer("3N + 1 steps", (power, between), n.linear_mlp(("t", "t", skip), ("t", "u", lift)))


def stage(alpha: Any) -> n.Stage:
    """Tokens carry the matrix of one step, and the whole error y."""
    return n.stage({"x": "x", "u": "x", "t": ("x", alpha), "r": "y"}, x="d", u="d", t="d", r="")


ANY: dict[str, Any] = {
    "stage": stage(alpha), "letters": {"P": "commuting"}, "parameters": ("alpha",),
    "let": {"R": "I - S*P", "M": "P + alpha*R", "w": "P*X.T*y"},
}  # fmt: skip
HELD = {"x": "x_t", "u": "R*x_t", "t": "M*x_t", "r": "y_t - w.T*x_t"}
EMBEDDING = n.Template(
    "deep_descent.embedding", states=r"u = x,\ t = \alpha x,\ r = y", layers=(), after=HELD,
    becomes={"P": "0*S"}, **ANY,
)  # fmt: skip
LAYER = n.Template(
    "deep_descent.layer",
    states=r"\text{one layer of two heads takes } N \text{ gradient steps to } 3N + 1",
    layers=(layer,), before=HELD, becomes={"P": "P + P*R + P*R*R + alpha*R*R*R"},
    assumes=(r"P \text{ is a polynomial in } S",),
    also=lambda argument, weights, at: tripled_steps(argument), **ANY,
)  # fmt: skip


def _induction(argument: Argument, weights: Mapping[str, Any], at: Mapping[Any, Any]) -> None:
    L = sympy.Symbol("L", integer=True, nonnegative=True)
    steps = (sympy.Integer(3) ** L - 1) / 2
    argument.recurrence(r"N_{L+1} = 3 N_L + 1:\ ", steps, L, 0, lambda N: 3 * N + 1)


LAYERS = n.Induction(
    "deep_descent.layers",
    {"embedding": EMBEDDING, "layer": LAYER},
    r"L \text{ layers make } (3^L - 1)/2 \text{ gradient steps}",
    also=_induction,
)


@n.construction(
    parameters={
        "layers": n.Whole(example=2, tried=2),
        "alpha": n.Number(above=0, example=Fraction(1, 16)),
    },
    region="alpha < 2/top",
    rate="alpha",
    left="(1 - alpha*s)**((3**layers - 1)/2)",
    states=r"L \text{ layers make } (3^L - 1)/2 \text{ gradient steps; no linear-attention "
    r"transformer of } L \text{ layers makes more}",
    computes="(3^k - 1)/2 gradient steps",
    related=("depth.degree", "depth.limit"),
    expand=True,
    proved=(LAYER, LAYERS),
    source="(3^L - 1)/2 gradient steps in L layers",
    tends_to="least_squares",
)
def deep_descent(layers: int, alpha: Any) -> n.Parts:
    """(3^L - 1)/2 gradient steps in L layers of two heads: optimal in the number of layers."""
    made = n.references.descent_steps(layers)
    also = [("S", "X.T*X"), ("R0", "I"), ("M1", "alpha*I")]
    for i in range(1, made + 1):  # one by one, as gradient descent makes them
        also += [(f"R{i}", f"R{i - 1} - alpha*S*R{i - 1}"), (f"M{i + 1}", f"M{i} + alpha*R{i}")]

    def names(k: int) -> dict[str, str]:
        steps = n.references.descent_steps(k)
        return {"R": f"R{steps}", "M": f"M{steps + 1}", "w": f"w{steps}"}

    (layer,) = LAYER.at(alpha=alpha)

    def step(k: int) -> tuple[n.Layer, ...]:
        return (replace(layer, name=f"{n.references.descent_steps(k)} steps"),)

    return n.Parts(stage(alpha), n.Readout("r", -1), step=step, names=names, also=tuple(also))
