"""What is changed in a mutant: a weight, the structure, or what is read from where.

What is not a mutant is the witness without change: each one differs from it in its digest. Those
that the vocabulary refuses when they are made are listed too, without a witness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial, wraps
from itertools import cycle, product
from math import prod
from typing import Any

from constructions.witness import Witness
from proofs.layer import MLP, Layer
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import Layout, Slot, split_entry
from proofs.vocabulary import ACTIVATIONS, ATTENTION, AVERAGES, FORMS, KEYS

# what a weight w becomes: w + change * w
CHANGES: dict[str, Fraction] = {
    "dropped": Fraction(-1),
    "negated": Fraction(-2),
    "1e-3": Fraction(1, 10**3),
    "1e-6": Fraction(1, 10**6),
    "1e-9": Fraction(1, 10**9),
}
STRUCTURE = ("heads", "layers", "masks", "normalisation", "gates", "activation")
WIRING = ("embedding", "slots", "patterns", "positions", "prompt")
ORDER = (*CHANGES, *STRUCTURE, *WIRING)
WEIGHTS = (
    "every block of weights, and the read-out, under each of the five changes; of a block with "
    "several entries each entry under one of them, in turn"
)
POSITION = "position"

# kind of change, where, and how the changed witness (or layer) is made
Change = tuple[str, str, Callable[[], Witness]]
LayerChange = tuple[str, str, Callable[[], Layer]]


@dataclass(frozen=True)
class Mutant:
    """A changed witness: what kind of change, and where.

    `witness` is None where the vocabulary refuses it when it is made; `refused` says why.
    """

    change: str
    where: str
    witness: Witness | None
    refused: str = ""


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


def attempted(
    changes: Callable[[Witness], Iterable[Change]],
) -> Callable[[Witness], Iterator[Mutant]]:
    """The mutants that changes make, or the vocabulary's refusals to make them."""

    @wraps(changes)
    def mutants(witness: Witness) -> Iterator[Mutant]:
        for change, where, make in changes(witness):
            try:
                yield Mutant(change, where, make())
            except ValueError as error:
                yield Mutant(change, where, None, str(error))

    return mutants


# -- places -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Site:
    """One slot map of a witness, and how to put another one in its place."""

    where: str
    part: str  # "embedding", "query", "key", "value", "inner", "gate" or "outer"
    slots: SlotMap
    destination: Layout
    source: Layout
    put: Callable[[SlotMap], Witness]

    def with_block(self, number: int, block: Block) -> Witness:
        """The witness with another block in the place of block `number`."""
        return self.put(SlotMap(_exchanged(self.slots.blocks, number, block)))

    def with_added(self, block: Block) -> Witness:
        """The witness with one block more."""
        return self.put(SlotMap((*self.slots.blocks, block)))


def sites(witness: Witness) -> Iterator[Site]:
    """Every slot map, embedding first."""
    prompt, stream = witness.prompt, witness.layout

    def embed(slots: SlotMap) -> Witness:
        return with_prompt(witness, embedding=slots)

    yield Site("embedding", "embedding", prompt.embedding, stream, prompt.features, embed)
    for number, layer in enumerate(witness.layer_list):

        def in_head(h: int, name: str, slots: SlotMap, i: int = number) -> Witness:
            return with_layer(witness, i, with_head(witness.layer_list[i], h, **{name: slots}))

        def in_mlp(name: str, slots: SlotMap, i: int = number) -> Witness:
            return with_layer(witness, i, with_mlp(witness.layer_list[i], **{name: slots}))

        where = f"layer {number + 1}"
        for h, head in enumerate(layer.heads):
            features = head.query.features(stream, {})
            for name, to in (("query", features), ("key", features), ("value", stream)):
                place, put = f"{where}, head {h + 1}, {name}", partial(in_head, h, name)
                yield Site(place, name, getattr(head, name), to, stream, put)
        if layer.mlp is None:
            continue
        hidden = layer.mlp.hidden(stream)
        ends = {"inner": (hidden, stream), "gate": (hidden, stream), "outer": (stream, hidden)}
        for name, (to, source) in ends.items():
            slots = getattr(layer.mlp, name)
            if slots is not None:
                put_in = partial(in_mlp, name)
                yield Site(f"{where}, MLP {name}", name, slots, to, source, put_in)


def with_prompt(witness: Witness, **fields: Any) -> Witness:
    """The witness with other fields of its prompt."""
    return replace(witness, prompt=replace(witness.prompt, **fields))


def with_layer(witness: Witness, number: int, layer: Layer) -> Witness:
    """The witness with another layer in the place of layer `number`, counted from 0."""
    return witness.with_layers(_exchanged(witness.layer_list, number, layer))


def with_head(layer: Layer, number: int, **fields: Any) -> Layer:
    """The layer with other fields of one of its heads."""
    head = replace(layer.heads[number], **fields)
    return replace(layer, heads=_exchanged(layer.heads, number, head))


def with_mlp(layer: Layer, **fields: Any) -> Layer:
    """The layer with other fields of its MLP."""
    assert layer.mlp is not None
    return replace(layer, mlp=replace(layer.mlp, **fields))


def _exchanged(items: tuple[Any, ...], number: int, other: Any) -> tuple[Any, ...]:
    return (*items[:number], other, *items[number + 1 :])


# -- weights ----------------------------------------------------------------------------------


@attempted
def weights(witness: Witness) -> Iterator[Change]:
    """See WEIGHTS."""
    turn = cycle(CHANGES)
    for site in sites(witness):
        for block in site.slots:
            where = f"{site.where}: {block}"
            for change, factor in CHANGES.items():
                extra = replace(block, coefficient=block.coefficient * factor)
                yield change, where, partial(site.with_added, extra)
            to, source = site.destination.shape(block.destination), site.source.shape(block.source)
            entries = list(block.entries(to, source))
            for i, j, value in entries if len(entries) > 1 else ():
                change = next(turn)
                extra = _entry(block, i, j, value * CHANGES[change], prod(to), prod(source))
                yield change, f"{where} [{i}, {j}]", partial(site.with_added, extra)
    out = witness.readout
    for change, factor in CHANGES.items():
        changed = replace(out, coefficient=out.coefficient * (1 + factor))
        yield change, "read-out", partial(replace, witness, readout=changed)


def _entry(block: Block, i: int, j: int, value: Any, rows: int, columns: int) -> Block:
    """value at (i, j) between the block's source and destination, zero elsewhere."""
    matrix = tuple(
        tuple(value if (r, c) == (i, j) else 0 for c in range(columns)) for r in range(rows)
    )
    return Block(block.destination, block.source, 1, matrix=matrix)


# -- layers, heads and MLPs -------------------------------------------------------------------


@attempted
def structure(witness: Witness) -> Iterator[Change]:
    """Heads, layers, masks, normalisations, gates and activations changed."""
    layers = witness.layer_list
    for i, layer in enumerate(layers):
        where = f"layer {i + 1}"
        before, after = layers[:i], layers[i + 1 :]
        orders = {"dropped": (*before, *after), "doubled": (*before, layer, layer, *after)}
        if after:
            orders["exchanged with the next"] = (*before, after[0], layer, *after[1:])
        for what, order in orders.items():
            yield "layers", f"{where} {what}", partial(witness.with_layers, order)

        def put(make: Callable[[], Layer], number: int = i) -> Witness:
            return with_layer(witness, number, make())

        for change, what, make in (*_other_heads(layer), *_other_mlps(layer, witness)):
            yield change, f"{where}: {what}", partial(put, make)


def _other_heads(layer: Layer) -> Iterator[LayerChange]:
    heads = layer.heads
    for h, head in enumerate(heads):
        name, put = f"head {h + 1}", partial(with_head, layer, h)
        dropped = (*heads[:h], *heads[h + 1 :])
        yield "heads", f"{name} dropped", partial(replace, layer, heads=dropped)
        for other in range(h + 1, len(heads)):
            both = f"{name} and {other + 1} exchanged"
            order = _exchanged(_exchanged(heads, h, heads[other]), other, head)
            yield "heads", both, partial(replace, layer, heads=order)
            mixed = _exchanged(heads, h, replace(head, value=heads[other].value))
            mixed = _exchanged(mixed, other, replace(heads[other], value=head.value))
            yield "heads", f"values of {both}", partial(replace, layer, heads=mixed)
        for keys, average in product(KEYS, AVERAGES):
            if (keys, average) != (head.keys, head.average):
                what = f"{name}: keys {keys}, average {average!r}"
                yield "masks", what, partial(put, keys=keys, average=average)
        for attention, kind in ATTENTION.items():
            if attention != head.attention:
                null, average = head.null and kind.shares, "" if kind.shares else head.average
                make = partial(put, attention=attention, null=null, average=average)
                yield "normalisation", f"{name}: {attention}", make
        yield "normalisation", f"{name}: null {not head.null}", partial(put, null=not head.null)
    norm = not layer.norm
    yield "normalisation", f"norm {norm}", partial(replace, layer, norm=norm)


def _other_mlps(layer: Layer, witness: Witness) -> Iterator[LayerChange]:
    if layer.mlp is None:
        return
    yield "gates", "MLP dropped", partial(replace, layer, mlp=None, norm=False)
    for activation in ACTIVATIONS:
        if activation != layer.mlp.activation:
            yield "activation", activation, partial(with_mlp, layer, activation=activation)
    for what, fields in _other_gates(layer.mlp, witness):
        yield "gates", what, partial(with_mlp, layer, **fields)


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
    read = tuple(dict.fromkeys(split_entry(block.source)[0] for block in mlp.outer))
    yield "gated by the slots themselves", {"gate": slot_map(*((name, name) for name in read))}
    for name in read:
        yield f"{name} alone gated, by itself", {"gate": slot_map((name, name))}
        for other in _alike(witness.layout, name):
            blocks = [(one, other if one == name else one) for one in read]
            yield f"{name} gated by {other}", {"gate": slot_map(*blocks)}


def _alike(layout: Layout, name: str) -> list[str]:
    """The other slots of the same shape."""
    shape = layout.shape(name)
    return [slot.name for slot in layout.slots if slot.shape == shape and slot.name != name]


# -- what is read from where ------------------------------------------------------------------


@attempted
def wiring(witness: Witness) -> Iterator[Change]:
    """The embedding, slots, index patterns, positions and the prompt changed."""
    for site in sites(witness):
        for number, block in enumerate(site.slots):
            for source in _other_sources(site, block):
                crossed = replace(block, source=source)
                yield (
                    _kind(site, block),
                    f"{site.where}: {crossed} for {block}",
                    partial(site.with_block, number, crossed),
                )
            for pattern in _other_patterns(site, block):
                turned = replace(block, pattern=pattern)
                yield (
                    "patterns",
                    f"{site.where}: {turned} for {block}",
                    partial(site.with_block, number, turned),
                )
    yield from _embedded(witness)
    yield from _positions(witness)
    register = not witness.prompt.register
    yield "prompt", f"register {register}", partial(with_prompt, witness, register=register)
    for form in FORMS:
        if form != witness.prompt.form:
            yield "prompt", f"form {form}", partial(with_prompt, witness, form=form)


def _kind(site: Site, block: Block) -> str:
    if site.part == "embedding":
        return "embedding"
    if split_entry(block.source)[1] is not None:
        return "positions"
    return "gates" if site.part == "gate" else "slots"


def _other_sources(site: Site, block: Block) -> list[str]:
    """Other slots of the same shape; of an entry the other entries of its slot.

    In the embedding also single entries, where one number is read.
    """
    name, index = split_entry(block.source)
    layout, shape = site.source, site.source.shape(block.source)
    if site.part == "embedding":
        found = _readings(layout)
        return [one for one in found if layout.shape(one) == shape and one != block.source]
    if index is not None:
        return [f"{name}[{i}]" for i in range(layout[name].size) if i != index]
    return _alike(layout, name)


def _readings(layout: Layout) -> list[str]:
    """Every slot that is not empty; of vectors the first and the last entry too."""
    found = []
    for slot in layout.slots:
        if slot.size:
            found.append(slot.name)
        if len(slot.shape) == 1 and slot.size:
            found += dict.fromkeys((f"{slot.name}[0]", f"{slot.name}[{slot.size - 1}]"))
    return found


def _embedded(witness: Witness) -> Iterator[Change]:
    """One block more in the embedding: in empty slots whatever fits, in the others the query."""
    (site, *_) = sites(witness)
    written = {split_entry(block.destination)[0] for block in site.slots}
    of_query = {"query", *(f"{part}_query" for part in _parts(site.source))}
    for slot in site.destination.slots:
        for block in _fitting(slot, site.source, witness.d):
            if slot.name in written and split_entry(block.source)[0] not in of_query:
                continue
            yield "embedding", f"embedding: {block} added", partial(site.with_added, block)


def _fitting(slot: Slot, features: Layout, d: int) -> Iterator[Block]:
    """Blocks from a token's features to a slot."""
    known, parts = {one.name: one for one in features.slots}, _parts(features)
    asked = [f"{part}_query" for part in parts if f"{part}_query" in known]
    vectors = [part for part in parts if known[part].shape == (d,)]
    numbers = [one.name for one in features.slots if one.shape == ()]
    several = (name for part in parts for name in (part, f"{part}_query") if name in known)
    numbers += [f"{name}[0]" for name in (*several, POSITION) if len(known[name].shape) == 1
                and known[name].size]  # fmt: skip
    if slot.shape == ():
        yield from (Block(slot.name, name) for name in numbers)
    elif len(slot.shape) == 1:
        for part in vectors if slot.shape == (d,) else ():
            of_part = (part, f"{part}_example", f"{part}_query")
            yield from (Block(slot.name, name) for name in of_part if name in known)
        if slot.size == features[POSITION].size:
            yield Block(slot.name, POSITION)
        of_query = [f"{name}[0]" if known[name].shape else name for name in asked]
        yield from (Block(slot.name, name, 1, "i<-") for name in ("one", "query", *of_query))
        yield from (Block(f"{slot.name}[0]", name) for name in ("one", "query"))
    elif slot.shape == (d, d):
        yield from (Block(slot.name, name, 1, "ii<-") for name in ("one", "query", "register"))
        for part in vectors:
            yield from (Block(slot.name, part, 1, word) for word in ("ij<-i", "ij<-j", "ii<-i"))
            if f"{part}_query" in known:
                yield Block(slot.name, f"{part}_query", 1, "ij<-i")


def _parts(features: Layout) -> list[str]:
    """The parts of x: each has a feature that examples alone have."""
    end = "_example"
    return [slot.name.removesuffix(end) for slot in features.slots if slot.name.endswith(end)]


def _other_patterns(site: Site, block: Block) -> Iterator[str]:
    """Every other index pattern of at most two letters between the two shapes, up to names."""
    if block.matrix is not None:
        return
    right = len(site.source.shape(block.source))
    left = len(site.destination.shape(block.destination))
    own = block.pattern
    if own is not None:
        left = len(block.indices()[0])
    known = _canonical(*(block.indices() if own is not None else ("ij"[:left], "ij"[:right])))
    if own is None and left != right:
        return
    made = set()
    for letters in product("ij", repeat=left + right):
        text = "".join(letters)
        pattern = _canonical(text[:left], text[left:])
        if pattern != known and pattern not in made:
            made.add(pattern)
            yield pattern


def _canonical(left: str, right: str) -> str:
    """The pattern with its letters named i, j, … in the order in which they appear."""
    names = dict(zip(dict.fromkeys(left + right), "ijkl"))
    return "".join(map(names.__getitem__, left)) + "<-" + "".join(map(names.__getitem__, right))


def _positions(witness: Witness) -> Iterator[Change]:
    """One-hot positions too few and too many, and all of them read one too early or too late."""
    here = witness.prompt.positions
    if not here:
        yield "positions", "one position", partial(with_prompt, witness, positions=1)
        return
    for count in (here - 1, here + 1):
        what = f"{count} positions instead of {here}"
        yield "positions", what, partial(with_prompt, witness, positions=count)
        yield "positions", f"{what}, and in the stream", partial(_resized, witness, count)
    yield "positions", "every position read one too late", partial(_too_late, witness)
    yield "positions", "every position read one too early", partial(_shifted, witness, -1)


def _one_hot(witness: Witness) -> set[str]:
    """Slots that hold the one-hot position."""
    return {b.destination for b in witness.prompt.embedding if b.source == POSITION}


def _resized(witness: Witness, count: int) -> Witness:
    """Another number of positions, and slots of that size for them."""
    slots = tuple(
        replace(slot, shape=(count,)) if slot.name in _one_hot(witness) else slot
        for slot in witness.layout.slots
    )
    prompt = replace(witness.prompt, positions=count)
    return replace(witness, layout=Layout(slots), prompt=prompt)


def _too_late(witness: Witness) -> Witness:
    return _shifted(_resized(witness, witness.prompt.positions + 1), 1)


def _shifted(witness: Witness, by: int) -> Witness:
    """Every single entry of a one-hot slot read `by` further on, in every layer."""
    one_hot = _one_hot(witness)
    for place, site in enumerate(sites(witness)):
        if site.part == "embedding":
            continue
        moved = []
        for block in site.slots:
            name, index = split_entry(block.source)
            if name in one_hot and index is not None:
                block = replace(block, source=f"{name}[{max(index + by, 0)}]")
            moved.append(block)
        witness = list(sites(witness))[place].put(SlotMap(tuple(moved)))
    return witness
