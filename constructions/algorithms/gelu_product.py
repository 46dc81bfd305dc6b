"""Inner products by one GeLU MLP, to any order: what the printed product loses is cancelled.

Statement: at a query x = (u, v) of two halves the read-out is the inner product of u and v, up to
an error of order scale^(2 * order), bounded by proofs.gelu_product.bound. 4 * order hidden units
for each product; order 1 has the order of the printed product (akyurek2022, lemma 4). One layer
without attention; width d + 1.
"""

from __future__ import annotations

from typing import Any, Literal

from proofs.layer import MLP, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, slot_map
from proofs.stream import layout

from ..parameters import choice, number, whole
from ..witness import Witness


def gelu_product(
    d: int, order: int, scale: Any, form: Literal["richardson", "printed"] = "richardson"
) -> Witness:
    """The product of the halves of x (d even); "printed" is lemma 4 at this `scale`, order 1."""
    d, order = whole("d", d), whole("order", order)
    if d % 2:
        raise ValueError(f"d must be even, the two factors being halves of x, not {d}")
    scale = number("scale", scale, above=0)
    choice("form", form, ("richardson", "printed"))
    if form == "printed" and order != 1:
        raise ValueError(f"order must be 1 for the printed product, not {order}")
    import sympy

    from proofs.weights.gelu_product import closed_form

    half = d // 2
    root = sympy.sqrt(sympy.pi / 2)
    inner: list[Block] = []
    outer: list[tuple[Any, ...]] = []

    def unit(name: str, left: Any, right: Any, weight: Any) -> None:
        """Hidden units GeLU(left u + right v), added to p with a weight."""
        rows = tuple(
            tuple(left if j == i else right if j == i + half else 0 for j in range(d))
            for i in range(half)
        )
        inner.append(Block(name, "x", matrix=rows))
        outer.append(("p", name, weight, "<-i"))

    if form == "printed":
        unit("u + v", scale, scale, root / scale**2)
        unit("u", scale, 0, -root / scale**2)
        unit("v", 0, scale, -root / scale**2)
    else:
        for i in range(1, order + 1):
            share = closed_form(order, i) / (i * scale) ** 2
            weight = root * sympy.Rational(share.numerator, share.denominator) / 4
            for sign in (1, -1):
                unit(f"{sign * i}(u + v)", sign * i * scale, sign * i * scale, weight)
                unit(f"{sign * i}(u - v)", sign * i * scale, -sign * i * scale, -weight)
    return Witness(
        name="gelu_product",
        layout=layout(x=(d,), p=()),
        prompt=Prompt(d, slot_map(("x", "x"))),
        layer_list=(
            Layer(
                "product",
                mlp=MLP(inner=slot_map(*inner), outer=slot_map(*outer), activation="gelu"),
            ),
        ),
        readout=Readout("p"),
        parameters={"d": d, "order": order, "scale": scale, "form": form},
        source="akyurek2022, lemma 4",
    )
