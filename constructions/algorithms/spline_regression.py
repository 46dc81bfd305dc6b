"""Nonlinear features in front of a witness: in-context nonparametric regression.

`with_splines` takes any witness on joint prompts and gives it B-spline features of a number x in
[0, 1] instead of a vector: one layer whose ReLU MLP (degree 2: with a linear gate) makes the basis
exactly (proofs.splines) and writes it wherever the witness's embedding wrote x.

`spline_regression` is `deep_descent` on them: least squares with `basis` B-splines, by
(3^(layers - 1) - 1)/2 gradient steps. With basis ~ n^(1/(2s+1)), s = degree + 1, the squared error
of an s times differentiable function falls as n^(-2s/(2s+1)), the minimax rate.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any, Literal

from proofs.layer import MLP, Layer
from proofs.prompt import Prompt
from proofs.slotmap import Block, SlotMap
from proofs.stream import Layout, Slot

from ..parameters import choice, number, substitute, whole
from ..witness import Witness
from .deep_descent import deep_descent


def spline_regression(
    basis: int, layers: int, alpha: Any, degree: Literal[1, 2] = 1, d: int = 1
) -> Witness:
    """Least squares with `basis` B-splines on [0, 1], by gradient steps of size alpha; layers >= 2.

    x is one number: d = 1.
    """
    if whole("d", d) != 1:
        raise ValueError(f"d must be 1: x is one number, not {d}")
    layers, alpha = whole("layers", layers, 2), number("alpha", alpha, above=0)
    basis = whole("basis", basis, 1)
    _degree(degree)
    made = with_splines(deep_descent(basis, layers - 1, alpha), degree)
    given = {"basis": basis, "layers": layers, "alpha": alpha, "degree": degree, "d": 1}
    return replace(made, name="spline_regression", parameters=given)


def with_splines(witness: Witness, degree: Literal[1, 2] = 1) -> Witness:
    """The witness on m = witness.d B-splines of x; knots i h, i = -degree … m, h = 1/(m - degree).

    The slots' annotations are dropped: they speak of another X. Raises ValueError for m <= degree,
    which has no spline, and for prompts other than plain joint ones.
    """
    p, m = _degree(degree), witness.d
    if m <= p:
        raise ValueError(f"basis must be greater than the degree {p}, not {m}")
    if witness.prompt.form != "joint" or witness.prompt.register:
        raise ValueError(f"{witness.name} has no plain joint prompt to put features in front of")
    from proofs.weights.splines import basis as solved

    c = substitute(solved(degree).weights)
    h = Fraction(1, m - p)
    knots = [h * i for i in range(-p, m + 1)]
    combine = tuple(
        tuple(c[f"c_{j - i}"] / h**p if 0 <= j - i <= p + 1 else 0 for j in range(len(knots)))
        for i in range(m)
    )
    ones = tuple((1,) for _ in knots)
    above = (
        Block("above", "raw", matrix=ones),
        Block("above", "unit", matrix=tuple((-knot,) for knot in knots)),
    )
    written, kept = [], [Block("raw", "x"), Block("unit", "one")]
    for block in witness.prompt.embedding:
        if block.source != "x":
            kept.append(block)
        elif block.matrix is None and block.pattern is None:
            written.append(Block(block.destination, "above", block.coefficient, matrix=combine))
        else:
            raise ValueError(f"{witness.name} embeds x by {block}: features cannot replace it")
    features = MLP(
        outer=SlotMap(tuple(written)),
        inner=SlotMap(above),
        gate=SlotMap(above) if degree == 2 else None,
        activation="relu",
    )
    stream = Layout((*witness.layout.slots, Slot("raw", (1,)), Slot("unit")))
    bare = tuple(replace(layer, holds=()) for layer in witness.layer_list)
    return replace(
        witness,
        name=f"{witness.name} on splines",
        layout=stream,
        prompt=Prompt(1, SlotMap(tuple(kept)), positions=witness.prompt.positions),
        layer_list=(Layer("B-splines", mlp=features), *bare),
        definitions=(),
    )


def _degree(degree: Any) -> int:
    return int(choice("degree", str(degree), ("1", "2")))
