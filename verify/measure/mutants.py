"""Wrong neighbours of a witness: every weight changed in turn, and its structure changed.

What is not a mutant is the read-out of a witness without change: each one differs in its digest.
Those that the vocabulary refuses when they are made are listed too, without a witness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import cycle
from math import prod
from typing import Any

from constructions.witness import Witness
from proofs.layer import MLP, Head, Layer
from proofs.slotmap import Block, slot_map
from proofs.vocabulary import ACTIVATIONS, ATTENTION, AVERAGES, KEYS

from .mutant_sites import Mutant, attempt, sites, with_layer
from .mutant_wiring import WIRING, wiring

# what a weight w becomes: w + change * w
CHANGES: dict[str, Fraction] = {
    "dropped": Fraction(-1),
    "negated": Fraction(-2),
    "1e-3": Fraction(1, 10**3),
    "1e-6": Fraction(1, 10**6),
    "1e-9": Fraction(1, 10**9),
}
STRUCTURE = ("heads", "layers", "masks", "normalisation", "gates", "activation")
ORDER = (*CHANGES, *STRUCTURE, *WIRING)
WEIGHTS = (
    "every block of weights, and the read-out, under each of the five changes; of a block with "
    "several entries each entry under one of them, in turn"
)


def of(witness: Witness) -> Iterator[Mutant]:
    """Every mutant that differs from the witness, and from those before it, in its digest."""
    seen = {witness.digest}
    for mutants in (weights, structure, wiring):
        for mutant in mutants(witness):
            if mutant.witness is not None:
                if mutant.witness.digest in seen:
                    continue
                seen.add(mutant.witness.digest)
            yield mutant


def weights(witness: Witness) -> Iterator[Mutant]:
    """See WEIGHTS."""
    turn = cycle(CHANGES)
    for site in sites(witness):
        for block in site.slots:
            for change, factor in CHANGES.items():
                extra = replace(block, coefficient=block.coefficient * factor)
                yield attempt(change, f"{site.where}: {block}", partial(site.with_added, extra))
            to, source = site.destination.shape(block.destination), site.source.shape(block.source)
            entries = list(block.entries(to, source))
            for i, j, value in entries if len(entries) > 1 else ():
                change = next(turn)
                extra = _entry(block, i, j, value * CHANGES[change], prod(to), prod(source))
                yield attempt(
                    change, f"{site.where}: {block} [{i}, {j}]", partial(site.with_added, extra)
                )
    out = witness.readout
    for change, factor in CHANGES.items():
        changed_out = replace(out, coefficient=out.coefficient * (1 + factor))
        yield attempt(change, "read-out", partial(replace, witness, readout=changed_out))


def _entry(block: Block, i: int, j: int, value: Any, rows: int, columns: int) -> Block:
    """value at (i, j) between the block's source and destination, zero elsewhere."""
    matrix = tuple(
        tuple(value if (r, c) == (i, j) else 0 for c in range(columns)) for r in range(rows)
    )
    return Block(block.destination, block.source, 1, matrix=matrix)


# -- layers, heads and MLPs -------------------------------------------------------------------


def structure(witness: Witness) -> Iterator[Mutant]:
    """Heads, layers, masks, normalisations, gates and activations changed."""
    layers = witness.layer_list
    for i, layer in enumerate(layers):
        where = f"layer {i + 1}"
        before, after = layers[:i], layers[i + 1 :]
        orders = {"dropped": (*before, *after), "doubled": (*before, layer, layer, *after)}
        if after:
            orders["exchanged with the next"] = (*before, after[0], layer, *after[1:])
        for what, order in orders.items():
            yield attempt("layers", f"{where} {what}", partial(witness.with_layers, order))

        def put(make: Callable[[], Layer], number: int = i) -> Witness:
            return with_layer(witness, number, make())

        for change, what, make in (*_other_heads(layer), *_other_mlps(layer, witness)):
            yield attempt(change, f"{where}: {what}", partial(put, make))


Changed = tuple[str, str, Callable[[], Layer]]


def _other_heads(layer: Layer) -> Iterator[Changed]:
    heads = layer.heads
    for h, head in enumerate(heads):

        def put(h: int = h, head: Head = head, **fields: Any) -> Layer:
            return replace(layer, heads=(*heads[:h], replace(head, **fields), *heads[h + 1 :]))

        name = f"head {h + 1}"
        yield (
            "heads",
            f"{name} dropped",
            partial(replace, layer, heads=(*heads[:h], *heads[h + 1 :])),
        )
        for other in range(h + 1, len(heads)):
            order = list(heads)
            order[h], order[other] = order[other], order[h]
            yield (
                "heads",
                f"{name} and {other + 1} exchanged",
                partial(replace, layer, heads=tuple(order)),
            )
            mixed = list(heads)
            mixed[h] = replace(head, value=heads[other].value)
            mixed[other] = replace(heads[other], value=head.value)
            yield (
                "heads",
                f"values of {name} and {other + 1} exchanged",
                partial(replace, layer, heads=tuple(mixed)),
            )
        for keys in KEYS:
            for average in AVERAGES:
                if (keys, average) != (head.keys, head.average):
                    what = f"{name}: keys {keys}, average {average!r}"
                    yield "masks", what, partial(put, keys=keys, average=average)
        for attention in ATTENTION:
            if attention != head.attention:
                shares = attention in ("softmax", "normalised")
                fitting: dict[str, Any] = {"null": head.null and shares}
                fitting["average"] = "" if shares else head.average
                make = partial(put, attention=attention, **fitting)
                yield "normalisation", f"{name}: {attention}", make
        null = not head.null
        yield "normalisation", f"{name}: null {null}", partial(put, null=null)
    norm = not layer.norm
    yield "normalisation", f"norm {norm}", partial(replace, layer, norm=norm)


def _other_mlps(layer: Layer, witness: Witness) -> Iterator[Changed]:
    mlp = layer.mlp
    if mlp is None:
        return

    def put(**fields: Any) -> Layer:
        assert mlp is not None
        return replace(layer, mlp=replace(mlp, **fields))

    yield "gates", "MLP dropped", partial(replace, layer, mlp=None, norm=False)
    for activation in ACTIVATIONS:
        if activation != mlp.activation:
            yield "activation", activation, partial(put, activation=activation)
    for what, fields in _other_gates(mlp, witness):
        yield "gates", what, partial(put, **fields)


def _other_gates(mlp: MLP, witness: Witness) -> Iterator[tuple[str, dict[str, Any]]]:
    """Gates and inner maps exchanged, left out, or put where there was none."""
    if mlp.gate is not None:
        yield "inner and gate exchanged", {"inner": mlp.gate, "gate": mlp.inner}
        yield "gate dropped", {"gate": None}
        if mlp.inner is not None:
            yield "inner dropped", {"inner": None}
            yield "gate in place of inner", {"inner": mlp.gate}
            yield "inner in place of the gate", {"gate": mlp.inner}
        return
    if mlp.inner is not None:
        yield "gated by its inner units", {"gate": mlp.inner}
        yield "inner as gate alone", {"inner": None, "gate": mlp.inner}
        return
    # without inner units a gate multiplies slots of the stream, and clears those it does not write
    read = tuple(dict.fromkeys(block.source.partition("[")[0] for block in mlp.outer))
    yield "gated by the slots themselves", {"gate": slot_map(*((name, name) for name in read))}
    for name in read:
        yield f"{name} alone gated, by itself", {"gate": slot_map((name, name))}
        for other in _alike(name, witness):
            blocks = [(one, other if one == name else one) for one in read]
            yield f"{name} gated by {other}", {"gate": slot_map(*blocks)}


def _alike(name: str, witness: Witness) -> list[str]:
    layout = witness.layout
    shape = layout.shape(name)
    return [slot.name for slot in layout.slots if slot.shape == shape and slot.name != name]
