"""Gradient descent on least squares, one linear-attention layer per step.

Statement (akyurek2022, eq. 11, summed over the prompt; vonoswald2022, proposition 1): after k
layers the token of x holds fit = w_k^T x, where w_k = w_{k-1} - eta grad L(w_{k-1}), never w
itself. With a ridge term `old`, the fit before the step, is kept in a slot of its own, so that one
layer does a step for every eta and lambda: without it the MLP shrinks fit and what attention read
alike, and 2 eta lambda = 1 is out of reach.
"""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import sympy

from proofs.argument import Argument
from proofs.statements.descent import is_gradient

from ... import notation as n

query, key, value_y, value_fit = n.letters("query key value_y value_fit")
keep, decay, copy, forget = n.letters("keep decay copy forget")
eta, lam = n.letters("eta lam")

GRADIENT = {"sum": "2*(X.T*X*w - X.T*y)", "mean": "(X.T*X*w - X.T*y)/n"}
SHRINKS = {"sum": " + 2*lam*w", "mean": " + lam*w"}  # what the ridge term adds
LOSS = {"sum": r"\sum_j (w^\top x_j - y_j)^2", "mean": r"\frac{1}{2n}\sum_j (w^\top x_j - y_j)^2"}
RIDGE = {"sum": r" + \lambda\|w\|^2", "mean": r" + \frac{\lambda}{2}\|w\|^2"}
PLAIN = n.stage({"x": "x", "y": "y"}, x="d", y="", fit="")
WITH_OLD = n.stage({"x": "x", "y": "y"}, x="d", y="", fit="", old="")
MLP = n.linear_mlp(
    ("fit", "fit", keep), ("fit", "old", decay), ("old", "fit", copy), ("old", "old", forget)
)
SCALED = n.Gauge(keep, sympy.Integer(0), "the MLP may scale what attention wrote", nonzero=False)


def _step(loss: str, ridge: bool, old: bool, mlp: n.MLP | None, name: str = "") -> n.Template:
    """One step in one layer, `ridge` in the loss, `old` in the stream."""
    values = {"fit": {"y": value_y, "fit": value_fit}}
    average = {"average": "examples" if loss == "mean" else ""}
    descend = n.head("gradient", {"x": query}, {"x": key}, values, **average)
    gradient = GRADIENT[loss] + SHRINKS[loss] * ridge
    fitted = dict.fromkeys(("fit", "old") if old else ("fit",), "w.T*x_t")
    return n.Template(
        name or f"gradient_descent.step.{loss}{'_ridge' * ridge}",
        WITH_OLD if old else PLAIN,
        (n.Layer("w_{k}", (descend,), mlp),),
        r"\mathrm{fit}_t = w^\top x_t \;\mapsto\; (w - \eta\nabla L(w))^\top x_t,\quad L(w) = "
        + LOSS[loss] + RIDGE[loss] * ridge,
        before={"x": "x_t", "y": "y_t", **fitted}, becomes={"w": f"w - eta*({gradient})"},
        letters={"w": "vector"}, parameters=("eta", "lam") if ridge else ("eta",),
        fix=(*n.scaled(query, key), *((SCALED,) if old else ())),
        also=is_gradient(gradient, loss, ridge),
    )  # fmt: skip


STEPS = {
    (loss, ridge): _step(loss, ridge, old=ridge, mlp=MLP if ridge else None)
    for loss in ("sum", "mean")
    for ridge in (False, True)
}
ITERATIONS = tuple(
    n.Induction(
        step.name.replace("step", "steps", 1),
        {"step": step},
        r"\text{k layers: } \mathrm{fit}_t = w_k^\top x_t,\quad "
        r"w_{k+1} = w_k - \eta \nabla L(w_k)\quad\text{for every } k, n, d, w_0",
        assumes=(r"\mathrm{fit} = \mathrm{old} = w_0^\top x \text{ in the embedding}",),
    )
    for step in STEPS.values()
)
WITHOUT_OLD = {
    loss: _step(loss, True, False, n.linear_mlp(("fit", "fit", keep)), "without old")
    for loss in ("sum", "mean")
}


def _needs_old(argument: Argument, share: Any = 1) -> None:
    """No solution where one step forgets w: 1 - 2 eta lambda = 0 (mean: 1 - eta lambda = 0)."""
    for loss, critical in (("sum", 1 / (2 * lam)), ("mean", 1 / lam)):
        layer, at = WITHOUT_OLD[loss], share * critical
        there = [sympy.numer(sympy.together(e.subs(eta, at))) for e in layer.conditions]
        where = rf"\text{{loss {loss}, }} \eta"
        argument.unsolvable(rf"{where} = {sympy.latex(at)}:\ ", there, layer.unknowns)
        argument.solvable(rf"{where} \text{{ elsewhere: }} ", layer.conditions, layer.unknowns)


NEEDS_OLD = n.Theorem(
    "gradient_descent.needs_old",
    ("gradient_descent",),
    r"\text{without a slot for the previous fit, one head and a linear MLP "
    r"cannot make the ridge step at } 2\eta\lambda = 1",
    "impossibility",
    _needs_old,
    inputs={"share": 1},
)


def _region(values: Any) -> str:
    """The Hessian is 2 (S + lambda I), or S/n + lambda I."""
    sums = values["loss"] == "sum"
    return "step_size < 1/(top + ridge)" if sums else "step_size < 2/(top/n + ridge)"


@n.construction(
    parameters={
        "steps": n.Whole(least=0, example=2),
        "step_size": n.Number(above=0, example=Fraction(1, 8)),
        "ridge": n.Number(least=0, default=0, unit="top"),
        "w0": n.Vector(default=None),
        "loss": n.OneOf(of=("sum", "mean"), default="sum"),
    },
    region=_region,
    rate=lambda values: "2*step_size" if values["loss"] == "sum" else "step_size/n",
    proved=(*STEPS.values(), *ITERATIONS, NEEDS_OLD),
    source="akyurek2022, eq. 11; vonoswald2022, proposition 1",
    states=r"k \text{ layers leave } w_k^\top x,\; w_k = w_{k-1} - \eta \nabla L(w_{k-1})",
    computes="k gradient steps",
    paper="vonoswald2022: k layers; akyurek2022: O(k) layers, O(d) units",
    tends_to=lambda values: "ridge: ridge" + "*n" * (values["loss"] == "mean"),
)
def gradient_descent(step_size: Any, ridge: Any, w0: Any, loss: str) -> n.Parts:
    """k gradient steps on least squares, ridge and starting weights included, in k layers.

    k = `steps` steps of `step_size` from w0 (default 0), at every query.

    loss "sum": sum of (w^T x - y)^2 + ridge |w|^2; "mean": 1/(2n) sum of (w^T x - y)^2 +
    ridge/2 |w|^2.
    """
    step = STEPS[loss, ridge != 0]
    rates = {"eta": step_size, "lam": ridge} if ridge != 0 else {"eta": step_size}
    stage = step.stage
    if any(entry != 0 for entry in w0):
        fits = (slot.name for slot in stage.layout.slots if slot.name in ("fit", "old"))
        starts = (n.Block(fit, "x", matrix=(w0,)) for fit in fits)
        stage = replace(stage, embedding=n.SlotMap((*stage.embedding, *starts)))
    return n.Parts(stage, n.Readout("fit"), step=step.at(**rates), names={"w": "w{k}"})
