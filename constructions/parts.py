"""Heads that several constructions share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any, TypeAlias

from proofs.exact import Exact
from proofs.layer import MLP, Head, Layer
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import DIMENSION, Layout, Slot

from .construction import Parts

Terms: TypeAlias = Mapping[str, Any]  # slot -> coefficient: a sum of slots
# two factors, each with its index pattern where it has one
Product: TypeAlias = tuple[str, str] | tuple[str, str | None, str, str | None]


def inverse(value: Exact) -> Exact:
    """1 / value, exactly."""
    return 1 / (Fraction(value) if isinstance(value, int) else value)


def sums(by_destination: Mapping[str, Terms]) -> SlotMap:
    """{"t": {"x": 2}} is t <- 2 x."""
    return slot_map(
        *(
            (destination, slot, coefficient)
            for destination, terms in by_destination.items()
            for slot, coefficient in terms.items()
        )
    )


def head(name: str, query: Terms, key: Terms, value: Mapping[str, Terms], **more: Any) -> Head:
    """A head whose query and key are one vector (or number) each; `value` by where it goes."""
    return Head(sums({"f": query}), sums({"f": key}), sums(value), name=name, **more)


def scaled(slots: SlotMap, c: object) -> SlotMap:
    """c * slots."""
    return SlotMap(tuple(replace(block, coefficient=block.coefficient * c) for block in slots))


def as_attention(head: Head, attention: str) -> tuple[Head, ...]:
    """A linear head as itself ("linear") or as its pair of ReLU heads ("relu").

    The pair is relu(u) - relu(-u) = u on every score u (proofs.weights.relu.pair).
    """
    if attention == "linear":
        return (head,)
    from proofs.weights.relu import pair

    c = pair().weights
    return tuple(
        replace(
            head,
            attention="relu",
            key=scaled(head.key, c[sign]),
            value=scaled(head.value, c[f"value_{sign}"]),
            name=f"{head.name}, {sign}" if head.name else sign,
        )
        for sign in ("plus", "minus")
    )


@cache
def read_offset(offset: int, value: SlotMap) -> tuple[Head, ...]:
    """Three ReLU heads by which token t reads `value` from token t + offset, exactly.

    With u = index_j - index_t - offset the scores add up to [u = 0] (proofs.weights.relu.hat). It
    needs the slots `index` and `one`.
    """
    from proofs.weights.relu import hat

    c = hat().weights
    return tuple(
        Head(
            query=slot_map(("from", "one"), ("to", "index")),
            key=slot_map(
                ("from", "index"), ("from", "one", c[f"shift_{part}"] - offset), ("to", "one", -1)
            ),
            value=scaled(value, c[f"value_{part}"]),
            attention="relu",
            name=f"read token t{offset:+d}, {part}",
        )
        for part in ("plus", "zero", "minus")
    )


def beside(
    layers: tuple[Layer, ...], value: Mapping[str, Terms], *mlp: tuple | Block
) -> tuple[Layer, ...]:
    """The layers, more values read at the scores of the last one's first head, and more blocks in
    its linear MLP; what it holds is to be said anew.
    """
    *before, last = layers
    first, *others = last.heads
    first = replace(first, value=slot_map(*first.value, *sums(value)))
    kept = last.mlp.outer if last.mlp is not None else SlotMap()
    made = linear_mlp(*kept, *mlp) if kept or mlp else None
    return (*before, replace(last, heads=(first, *others), mlp=made, holds=()))


def relu_heads(layer: Layer) -> Layer:
    """The layer with every linear head as its pair of ReLU heads."""
    heads = (one for head in layer.heads for one in as_attention(head, "relu"))
    return replace(layer, heads=tuple(heads))


def interleaved(parts: Parts) -> Parts:
    """The same on tokens x_1, y_1, x_2, …: in the first layer x_j's token reads y_j."""
    plain = parts.stage
    stage = replace(
        plain,
        layout=Layout((*plain.layout.slots, Slot("one"), Slot("index"))),
        embedding=SlotMap((*plain.embedding, Block("one", "one"), Block("index", "index"))),
    )
    first, *others = parts.start
    first = replace(first, heads=(*first.heads, *read_offset(1, slot_map(("y", "y")))))
    return replace(parts, stage=stage, start=(first, *others), form="interleaved")


def linear_mlp(*blocks: tuple | Block) -> MLP:
    """stream += slot_map(stream), a linear map of every token."""
    return MLP(outer=slot_map(*blocks))


def bilinear(hidden: Mapping[str, Product], *out: tuple | Block, d: Any = DIMENSION) -> MLP:
    """A gated MLP: hidden[name] = left * right, given as (left, right) or, with index patterns,
    (left, left pattern, right, right pattern); then stream += out(hidden). Letters are 0..d-1.
    """
    inner, gate = [], []
    for name, product in hidden.items():
        if len(product) == 2:
            inner.append(Block(name, product[0]))
            gate.append(Block(name, product[1]))
        else:
            left, left_pattern, right, right_pattern = product
            inner.append(Block(name, left, 1, left_pattern))
            gate.append(Block(name, right, 1, right_pattern))
    return MLP(
        outer=slot_map(*out),
        inner=slot_map(*inner),
        gate=slot_map(*gate),
        letters=(("i", d), ("j", d)),
    )
