"""Wrong neighbours of a witness: every weight changed in turn, and its structure changed.

What is not a mutant is the read-out of a witness without change: each one differs in its digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from math import prod
from typing import Any

from constructions.slotmap import Block, SlotMap
from constructions.stream import Layout, split_entry
from constructions.transformer import Layer, Witness

# what a weight w becomes: w + change * w
CHANGES: dict[str, Fraction] = {
    "dropped": Fraction(-1),
    "negated": Fraction(-2),
    "1e-3": Fraction(1, 10**3),
    "1e-6": Fraction(1, 10**6),
    "1e-9": Fraction(1, 10**9),
}
STRUCTURE = ("heads", "layers", "mask", "normalisation", "slots")


@dataclass(frozen=True)
class Mutant:
    """A changed witness: what kind of change, and where."""

    change: str
    where: str
    witness: Witness


@dataclass(frozen=True)
class Site:
    """One slot map of a witness, and how to put another one in its place."""

    where: str
    slots: SlotMap
    destination: Layout
    source: Layout
    put: Callable[[SlotMap], Witness]


def of(witness: Witness) -> Iterator[Mutant]:
    """Every mutant that can be assembled and differs from the witness in its weights."""
    for mutant in (*weights(witness), *structure(witness)):
        if mutant.witness.digest != witness.digest:
            yield mutant


def sites(witness: Witness) -> Iterator[Site]:
    """Every slot map, embedding first."""
    prompt, stream = witness.prompt, witness.layout

    def embed(slots: SlotMap) -> Witness:
        return replace(witness, prompt=replace(prompt, embedding=slots))

    yield Site("embedding", prompt.embedding, stream, prompt.features, embed)
    for number, layer in enumerate(witness.layer_list):
        for h, head in enumerate(layer.heads):
            features = head.query.features(stream, {})
            for name, to in (("query", features), ("key", features), ("value", stream)):
                yield Site(
                    f"layer {number + 1}, head {h + 1}, {name}",
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
                    slots,
                    to,
                    source,
                    partial(_with_mlp, witness, number, name),
                )


def weights(witness: Witness) -> Iterator[Mutant]:
    """Each non-zero weight, read-out included, under each of CHANGES."""
    for site in sites(witness):
        for block in site.slots:
            to, source = site.destination.shape(block.destination), site.source.shape(block.source)
            for i, j, value in block.entries(to, source):
                for change, factor in CHANGES.items():
                    extra = _entry(block, i, j, value * factor, prod(to), prod(source))
                    changed = SlotMap((*site.slots.blocks, extra))
                    yield Mutant(change, f"{site.where}: {block} [{i}, {j}]", site.put(changed))
    out = witness.readout
    for change, factor in CHANGES.items():
        changed_out = replace(out, coefficient=out.coefficient * (1 + factor))
        yield Mutant(change, "read-out", replace(witness, readout=changed_out))


def _entry(block: Block, i: int, j: int, value: Any, rows: int, columns: int) -> Block:
    """value at (i, j) between the block's source and destination, zero elsewhere."""
    matrix = tuple(
        tuple(value if (r, c) == (i, j) else 0 for c in range(columns)) for r in range(rows)
    )
    return Block(block.destination, block.source, 1, matrix=matrix)


def structure(witness: Witness) -> Iterator[Mutant]:
    """Heads, layers, masks, normalisations and slots changed."""
    layers = witness.layer_list
    for i, layer in enumerate(layers):
        where = f"layer {i + 1}"
        others = layers[:i], layers[i + 1 :]
        yield from _built("layers", f"{where} dropped", (*others[0], *others[1]), witness)
        yield from _built(
            "layers", f"{where} doubled", (*others[0], layer, layer, *others[1]), witness
        )
        if i + 1 < len(layers):
            yield from _built(
                "layers",
                f"{where} exchanged with the next",
                (*layers[:i], layers[i + 1], layer, *layers[i + 2 :]),
                witness,
            )
        for change, what, changed in _changed_layers(layer):
            yield from _built(
                change, f"{where}: {what}", (*others[0], changed, *others[1]), witness
            )
    for site in sites(witness):
        for number, block in enumerate(site.slots):
            for name in _alike(block.source, site.source):
                crossed = replace(block, source=name)
                blocks = list(site.slots.blocks)
                blocks[number] = crossed
                try:
                    yield Mutant(
                        "slots",
                        f"{site.where}: {crossed} for {block}",
                        site.put(SlotMap(tuple(blocks))),
                    )
                except ValueError:
                    continue


def _built(
    change: str, where: str, layers: tuple[Layer, ...], witness: Witness
) -> Iterator[Mutant]:
    """The mutant, if it can be assembled at all."""
    try:
        yield Mutant(change, where, witness.with_layers(layers))
    except ValueError:
        return


def _changed_layers(layer: Layer) -> Iterator[tuple[str, str, Layer]]:
    heads = layer.heads
    for h, head in enumerate(heads):

        def put(h: int = h, head: Any = head, **fields: Any) -> Layer:
            return replace(layer, heads=(*heads[:h], replace(head, **fields), *heads[h + 1 :]))

        name = f"head {h + 1}"
        for other in range(h + 1, len(heads)):
            order = list(heads)
            order[h], order[other] = order[other], order[h]
            yield "heads", f"{name} and {other + 1} exchanged", replace(layer, heads=tuple(order))
            mixed = list(heads)
            mixed[h] = replace(head, value=heads[other].value)
            mixed[other] = replace(heads[other], value=head.value)
            yield (
                "heads",
                f"values of {name} and {other + 1} exchanged",
                replace(layer, heads=tuple(mixed)),
            )
        for keys in ("context", "full", "causal"):
            if keys != head.keys:
                yield "mask", f"{name}: keys {keys}", put(keys=keys)
        for attention in ("linear", "relu", "softmax", "normalised"):
            if attention != head.attention:
                yield "normalisation", f"{name}: {attention}", put(attention=attention)
        for average in ("", "keys", "examples"):
            if average != head.average and head.attention in ("linear", "relu"):
                yield "normalisation", f"{name}: average {average!r}", put(average=average)
        if head.attention in ("softmax", "normalised"):
            yield "normalisation", f"{name}: null {not head.null}", put(null=not head.null)
    if layer.mlp is not None:
        yield "normalisation", "layer norm", replace(layer, norm=not layer.norm)
        for activation in ("identity", "relu", "gelu"):
            if activation != layer.mlp.activation:
                mlp = replace(layer.mlp, activation=activation)
                yield "normalisation", f"activation {activation}", replace(layer, mlp=mlp)


def _alike(reference: str, layout: Layout) -> list[str]:
    """Other slots of the same shape; for an entry, the other entries of its slot."""
    name, index = split_entry(reference)
    if index is not None:
        return [f"{name}[{i}]" for i in range(layout[name].size) if i != index]
    shape = layout.shape(name)
    return [slot.name for slot in layout.slots if slot.shape == shape and slot.name != name]


def _with_head(witness: Witness, number: int, h: int, name: str, slots: SlotMap) -> Witness:
    layer = witness.layer_list[number]
    heads = list(layer.heads)
    fields: dict[str, Any] = {name: slots}
    heads[h] = replace(heads[h], **fields)
    return _with_layer(witness, number, replace(layer, heads=tuple(heads)))


def _with_mlp(witness: Witness, number: int, name: str, slots: SlotMap) -> Witness:
    layer = witness.layer_list[number]
    assert layer.mlp is not None
    fields: dict[str, Any] = {name: slots}
    return _with_layer(witness, number, replace(layer, mlp=replace(layer.mlp, **fields)))


def _with_layer(witness: Witness, number: int, layer: Layer) -> Witness:
    layers = witness.layer_list
    return witness.with_layers((*layers[:number], layer, *layers[number + 1 :]))
