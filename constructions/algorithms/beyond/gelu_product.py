"""Inner products by one GeLU MLP, to any order: what the printed product loses is cancelled.

Statement: at a query x = (u, v) of two halves the read-out is the inner product of u and v, up to
an error of order scale^(2 * order), bounded by proofs.weights.gelu_product.bound. 4 * order hidden
units for each product; order 1 has the order of the printed product (akyurek2022, lemma 4). One
layer without attention; width d + 1.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import sympy

from proofs.exact import Exact
from proofs.template import as_sympy
from proofs.weights.gelu_product import closed_form

from ... import notation as n

ROOT = sympy.sqrt(sympy.pi / 2)
Unit = tuple[str, Exact, Exact, Any]  # name, a, b and the weight of GeLU(a u + b v)


def printed(scale: Exact) -> Iterator[Unit]:
    """The three units of lemma 4."""
    yield "u + v", scale, scale, ROOT / scale**2
    yield "u", scale, 0, -ROOT / scale**2
    yield "v", 0, scale, -ROOT / scale**2


def richardson(order: int, scale: Exact) -> Iterator[Unit]:
    """E at the scales scale, 2 scale, …, four units each."""
    for i in range(1, order + 1):
        share = closed_form(order, i) / (i * scale) ** 2
        weight = ROOT * as_sympy(share) / 4
        for sign in (1, -1):
            a = sign * i * scale
            yield f"{sign * i}(u + v)", a, a, weight
            yield f"{sign * i}(u - v)", a, -a, -weight


@n.construction(
    parameters={
        "d": n.Whole(example=2),
        "order": n.Whole(example=2),
        "scale": n.Number(above=0, example=Fraction(1, 4)),
        "form": n.OneOf(of=("richardson", "printed"), default="richardson"),
    },
    steps=lambda values: 0,
    source="akyurek2022, lemma 4",
    equals="product_of_halves",
    tends_to="product",
)
def gelu_product(d: int, order: int, scale: Any, form: str) -> n.Parts:
    """The product of the halves of x (d even); "printed" is lemma 4 at this `scale`, order 1."""
    if d % 2:
        raise ValueError(f"d must be even, the two factors being halves of x, not {d}")
    if form == "printed" and order != 1:
        raise ValueError(f"order must be 1 for the printed product, not {order}")
    half = d // 2

    def rows(a: Exact, b: Exact) -> tuple[tuple[Exact, ...], ...]:
        """a u + b v, entry by entry."""
        return tuple(
            tuple(a if j == i else b if j == i + half else 0 for j in range(d)) for i in range(half)
        )

    units = list(printed(scale) if form == "printed" else richardson(order, scale))
    inner = n.slot_map(*(n.Block(name, "x", matrix=rows(a, b)) for name, a, b, _ in units))
    outer = n.slot_map(*(("p", name, weight, "<-i") for name, _, _, weight in units))
    product = n.Layer("product", mlp=n.MLP(outer, inner, activation="gelu"))
    return n.Parts(n.stage({"x": "x"}, x="d", p=""), n.Readout("p"), start=(product,))
