"""The places of a witness where another slot map can be put, and what became of the attempt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from constructions.witness import Witness
from proofs.layer import Layer
from proofs.slotmap import SlotMap
from proofs.stream import Layout


@dataclass(frozen=True)
class Mutant:
    """A changed witness: what kind of change, and where.

    `witness` is None where the vocabulary refuses it when it is made; `refused` says why.
    """

    change: str
    where: str
    witness: Witness | None
    refused: str = ""


def attempt(change: str, where: str, make: Callable[[], Witness]) -> Mutant:
    """The mutant that `make` builds, or the refusal to build it."""
    try:
        return Mutant(change, where, make())
    except ValueError as error:
        return Mutant(change, where, None, str(error))


@dataclass(frozen=True)
class Site:
    """One slot map of a witness, and how to put another one in its place."""

    where: str
    part: str  # "embedding", "query", "key", "value", "inner", "gate" or "outer"
    slots: SlotMap
    destination: Layout
    source: Layout
    put: Callable[[SlotMap], Witness]

    def with_block(self, number: int, block: Any) -> Witness:
        """The witness with another block in the place of block `number`."""
        blocks = list(self.slots.blocks)
        blocks[number] = block
        return self.put(SlotMap(tuple(blocks)))

    def with_added(self, block: Any) -> Witness:
        """The witness with one block more."""
        return self.put(SlotMap((*self.slots.blocks, block)))


def sites(witness: Witness) -> Iterator[Site]:
    """Every slot map, embedding first."""
    prompt, stream = witness.prompt, witness.layout

    def embed(slots: SlotMap) -> Witness:
        return replace(witness, prompt=replace(prompt, embedding=slots))

    yield Site("embedding", "embedding", prompt.embedding, stream, prompt.features, embed)
    for number, layer in enumerate(witness.layer_list):
        for h, head in enumerate(layer.heads):
            features = head.query.features(stream, {})
            for name, to in (("query", features), ("key", features), ("value", stream)):
                yield Site(
                    f"layer {number + 1}, head {h + 1}, {name}",
                    name,
                    getattr(head, name),
                    to,
                    stream,
                    partial(_with_head, witness, number, h, name),
                )
        if layer.mlp is None:
            continue
        hidden = layer.mlp.hidden(stream)
        for name, to, source in (
            ("inner", hidden, stream), ("gate", hidden, stream), ("outer", stream, hidden),
        ):  # fmt: skip
            slots = getattr(layer.mlp, name)
            if slots is not None:
                yield Site(
                    f"layer {number + 1}, MLP {name}",
                    name,
                    slots,
                    to,
                    source,
                    partial(_with_mlp, witness, number, name),
                )


def _with_head(witness: Witness, number: int, h: int, name: str, slots: SlotMap) -> Witness:
    layer = witness.layer_list[number]
    heads = list(layer.heads)
    fields: dict[str, Any] = {name: slots}
    heads[h] = replace(heads[h], **fields)
    return with_layer(witness, number, replace(layer, heads=tuple(heads)))


def _with_mlp(witness: Witness, number: int, name: str, slots: SlotMap) -> Witness:
    layer = witness.layer_list[number]
    assert layer.mlp is not None
    fields: dict[str, Any] = {name: slots}
    return with_layer(witness, number, replace(layer, mlp=replace(layer.mlp, **fields)))


def with_layer(witness: Witness, number: int, layer: Layer) -> Witness:
    """The witness with another layer in the place of layer `number`, counted from 0."""
    layers = witness.layer_list
    return witness.with_layers((*layers[:number], layer, *layers[number + 1 :]))
