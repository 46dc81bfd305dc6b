"""kim2024: features by a network, and one layer of linear attention on them.

The layer predicts <1/n sum_i y_i phi(x_i), Gamma phi(x)>. Features are held in a slot `phi`: given
as x itself (`head`), or made of a number by an MLP, where that can be done exactly, B-splines
(`spline_head`) and the indicators of equal bins, which are B-splines of degree 0 on a grid of
places that a ReLU tells apart (`bin_head`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from proofs.layer import MLP, Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import layout

from ..algorithms.kernels.spline_regression import with_splines
from ..construction import Parts
from ..parameters import whole
from ..witness import Witness

Matrix = Sequence[Sequence[Any]]
SOURCE = "kim2024, the linear attention layer"


def attention(gamma: Matrix, feature: str = "phi") -> Layer:
    """fit += 1/n sum_j <Gamma phi_t, phi_j> y_j."""
    rows = tuple(tuple(row) for row in gamma)
    head = Head(
        query=SlotMap((Block("f", feature, matrix=rows),)),
        key=slot_map(("f", feature)),
        value=slot_map(("fit", "y")),
        average="examples",
        name="plug-in",
    )
    return Layer("linear attention", (head,))


def head(d: int, gamma: Matrix, part: str = "phi") -> Witness:
    """The layer on features that the prompt gives: N = d of them, the only `part` of x."""
    d = whole("d", d)
    parts = None if part == "x" else layout(**{part: "d"})
    data = "X" if part == "x" else part
    held = Holds("fit", f"({data}.T*y).T*gamma*{part}_t/n")
    return Witness(
        name="kim2024, head",
        layout=layout(phi=(d,), y=(), fit=()),
        prompt=Prompt(d, slot_map(("phi", part), ("y", "y")), parts=parts),
        layer_list=(replace(attention(gamma), holds=(held,)),),
        readout=Readout("fit"),
        parameters={"gamma": tuple(map(tuple, gamma))},
        source=SOURCE,
    )


def spline_head(basis: int, gamma: Matrix, degree: int = 1, d: int = 1) -> Witness:
    """An MLP makes N = `basis` B-splines of a number in [0, 1], then the layer."""
    from proofs.template import stage

    if d != 1:
        raise ValueError(f"d must be 1: x is one number, not {d}")
    plain = stage({"x": "x", "y": "y"}, x="d", y="", fit="")
    parts = with_splines(
        Parts(plain, Readout("fit"), start=(attention(gamma, "x"),)), basis, degree
    )
    return Witness(
        name="kim2024, B-splines",
        layout=parts.stage.layout.at(1),
        prompt=replace(parts.stage.prompt, d=1, form=parts.form),
        layer_list=parts.layers(0),
        readout=parts.readout,
        parameters={"basis": basis, "degree": degree, "gamma": gamma},
        source=SOURCE,
    )


def bin_head(bins: int, places: int, gamma: Matrix, d: int = 1) -> Witness:
    """An MLP makes the indicators of N = `bins` equal bins of [0, 1], then the layer.

    x is one of `places` numbers in each bin, (k + 1/2)/(bins places), k = 0, 1, …: a bin's
    indicator is exact on them, as a ramp of ReLUs may rise between two places.
    """
    if d != 1:
        raise ValueError(f"d must be 1: x is one number, not {d}")
    bins, places = whole("bins", bins), whole("places", places)
    step = Fraction(1, bins * places)
    # the ramp from 0 to 1 between the last place of a bin and the first one of the next
    knots = [Fraction(b, bins) + side * step / 2 for b in range(bins + 1) for side in (-1, 1)]
    slopes = (1, -1, -1, 1)  # of the ramp up where a bin begins, and of that down where it ends
    combine = tuple(
        tuple(
            slopes[j - 2 * b] / step if 0 <= j - 2 * b < len(slopes) else 0
            for j in range(len(knots))
        )
        for b in range(bins)
    )
    ones, shifts = tuple((1,) for _ in knots), tuple((-knot,) for knot in knots)
    above = slot_map(Block("above", "x", matrix=ones), Block("above", "unit", matrix=shifts))
    mlp = MLP(SlotMap((Block("phi", "above", matrix=combine),)), above, activation="relu")
    return Witness(
        name="kim2024, bins",
        layout=layout(x=(1,), unit=(), phi=(bins,), y=(), fit=()),
        prompt=Prompt(1, slot_map(("x", "x"), ("unit", "one"), ("y", "y"))),
        layer_list=(Layer("indicators of bins", mlp=mlp), attention(gamma)),
        readout=Readout("fit"),
        parameters={"bins": bins, "places": places, "gamma": gamma},
        source=SOURCE,
    )
