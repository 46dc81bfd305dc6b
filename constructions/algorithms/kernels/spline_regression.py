"""Nonlinear features in front of a construction: in-context nonparametric regression.

`with_splines` takes any construction on joint prompts and gives it B-spline features of a number x
in [0, 1] instead of a vector: one layer whose ReLU MLP (degree 2: with a linear gate) makes the
basis exactly (proofs.weights.splines) and writes it wherever the embedding wrote x.

`spline_regression` is `deep_descent` on them: least squares with `basis` B-splines, by
(3^(layers - 1) - 1)/2 gradient steps. With basis ~ n^(1/(2s+1)), s = degree + 1, the squared error
of an s times differentiable function falls as n^(-2s/(2s+1)), the minimax rate.
"""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from proofs.exact import exact
from proofs.stream import DIMENSION, Layout, Slot
from proofs.weights.splines import basis as solved

from ... import notation as n
from ..descent.deep_descent import deep_descent


def with_splines(parts: n.Parts, basis: int, degree: int = 1) -> n.Parts:
    """The parts on m = `basis` B-splines of x; knots i h, i = -degree … m, h = 1/(m - degree).

    The slots' annotations are dropped: they speak of another X. Raises ValueError for m <= degree,
    which has no spline, and for prompts other than plain joint ones.
    """
    stage = parts.stage
    if basis <= degree:
        raise ValueError(f"basis must be greater than the degree {degree}, not {basis}")
    if parts.form != "joint" or stage.register:
        raise ValueError("only a plain joint prompt can have features put in front of it")
    combine, above = _splines(basis, degree)
    written, kept = [], [n.Block("raw", "x"), n.Block("unit", "one")]
    for block in stage.embedding:
        if block.source != "x":
            kept.append(block)
        elif block.matrix is None and block.pattern is None:
            written.append(replace(block, source="above", matrix=combine))
        else:
            raise ValueError(f"features cannot replace x in the embedding {block}")
    gate = above if degree == 2 else None
    features = n.MLP(n.SlotMap(tuple(written)), above, gate, activation="relu")
    slots = (*stage.layout.at(basis).slots, Slot("raw", (DIMENSION,)), Slot("unit"))
    bare = parts.each_layer(lambda layer: replace(layer.at(basis), holds=()))
    return replace(
        bare,
        stage=replace(stage, layout=Layout(slots), embedding=n.SlotMap(tuple(kept))),
        start=(n.Layer("B-splines", mlp=features), *bare.start),
        names={},
        also=(),
    )


def _splines(basis: int, degree: int) -> tuple[tuple[tuple[Any, ...], ...], n.SlotMap]:
    """Each spline as a sum of max(x - knot, 0)^degree, and the hidden units x - knot."""
    weights = [exact(weight) for weight in solved(degree).weights.values()]
    h = Fraction(1, basis - degree)
    knots = [h * i for i in range(-degree, basis + 1)]
    combine = tuple(
        tuple(
            weights[j - i] / h**degree if 0 <= j - i <= degree + 1 else 0 for j in range(len(knots))
        )
        for i in range(basis)
    )
    ones, shifts = tuple((1,) for _ in knots), tuple((-knot,) for knot in knots)
    return combine, n.slot_map(
        n.Block("above", "raw", matrix=ones), n.Block("above", "unit", matrix=shifts)
    )


@n.construction(
    parameters={
        "basis": n.Whole(example=4),
        "layers": n.Whole(least=2, example=2),
        "alpha": n.Number(above=0, example=Fraction(1, 4)),
        "degree": n.OneOf(of=(1, 2), default=1),
        "d": n.Whole(default=1),
    },
    steps=lambda values: values["layers"] - 1,
    inputs=(0, 1),
    source="nonlinear features; (3^(L - 1) - 1)/2 gradient steps in L layers",
    tends_to="splines",
)
def spline_regression(basis: int, layers: int, alpha: Any, degree: int, d: int) -> n.Parts:
    """Least squares with `basis` B-splines on [0, 1], by gradient steps of size alpha.

    x is one number: raises ValueError unless d = 1.
    """
    if d != 1:
        raise ValueError(f"d must be 1: x is one number, not {d}")
    plain = deep_descent.of({"layers": layers - 1, "alpha": alpha})
    assert isinstance(plain, n.Parts)
    return with_splines(plain, basis, degree)
