"""What is read from where, changed: the embedding, slots, index patterns, positions, the prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

from constructions.witness import Witness
from proofs.layer import Head, Layer
from proofs.slotmap import Block, SlotMap
from proofs.stream import Layout, Slot, split_entry
from proofs.vocabulary import FORMS

from .mutant_sites import Mutant, Site, attempt, sites

WIRING = ("embedding", "slots", "patterns", "positions", "prompt")
POSITION = "position"


def wiring(witness: Witness) -> Iterator[Mutant]:
    """Every change of what is read from where."""
    for site in sites(witness):
        for number, block in enumerate(site.slots):
            for source in _other_sources(site, block):
                crossed = replace(block, source=source)
                yield attempt(
                    _kind(site, block),
                    f"{site.where}: {crossed} for {block}",
                    partial(site.with_block, number, crossed),
                )
            for pattern in _other_patterns(site, block):
                turned = replace(block, pattern=pattern)
                yield attempt(
                    "patterns",
                    f"{site.where}: {turned} for {block}",
                    partial(site.with_block, number, turned),
                )
    yield from embedded(witness)
    yield from positions(witness)
    prompt = witness.prompt
    others: list[dict[str, Any]] = [{"register": not prompt.register}]
    others += [{"form": form} for form in FORMS if form != prompt.form]
    for fields in others:
        ((name, value),) = fields.items()
        yield attempt("prompt", f"{name} {value}", partial(_with_prompt, witness, **fields))


def _with_prompt(witness: Witness, **fields: Any) -> Witness:
    return replace(witness, prompt=replace(witness.prompt, **fields))


def _kind(site: Site, block: Block) -> str:
    if site.part == "embedding":
        return "embedding"
    if split_entry(block.source)[1] is not None:
        return "positions"
    return "gates" if site.part == "gate" else "slots"


# -- sources ----------------------------------------------------------------------------------


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
    return [slot.name for slot in layout.slots if slot.shape == shape and slot.name != name]


def _readings(layout: Layout) -> list[str]:
    """Every slot that is not empty; of vectors the first and the last entry too."""
    found = []
    for slot in layout.slots:
        if slot.size:
            found.append(slot.name)
        if len(slot.shape) == 1 and slot.size:
            found += dict.fromkeys((f"{slot.name}[0]", f"{slot.name}[{slot.size - 1}]"))
    return found


def embedded(witness: Witness) -> Iterator[Mutant]:
    """One block more in the embedding: in empty slots whatever fits, in the others the query."""
    (site, *_) = sites(witness)
    features, stream, d = site.source, site.destination, witness.d
    written = {split_entry(block.destination)[0] for block in site.slots}
    for slot in stream.slots:
        for block in _fitting(slot, features, d):
            if slot.name in written and split_entry(block.source)[0] not in ("query", "x_query"):
                continue
            yield attempt("embedding", f"embedding: {block} added", partial(site.with_added, block))


def _fitting(slot: Slot, features: Layout, d: int) -> Iterator[Block]:
    """Blocks from a token's features to a slot."""
    numbers = [one.name for one in features.slots if one.shape == ()]
    numbers += [f"{name}[0]" for name in ("x", "x_query", POSITION) if features[name].size]
    vectors = ("x", "x_example", "x_query")
    if slot.shape == ():
        yield from (Block(slot.name, name) for name in numbers)
    elif len(slot.shape) == 1:
        if slot.shape == (d,):
            yield from (Block(slot.name, name) for name in vectors)
        if slot.size == features[POSITION].size:
            yield Block(slot.name, POSITION)
        yield from (Block(slot.name, name, 1, "i<-") for name in ("one", "query", "x_query[0]"))
        yield from (Block(f"{slot.name}[0]", name) for name in ("one", "query"))
    elif slot.shape == (d, d):
        yield from (Block(slot.name, name, 1, "ii<-") for name in ("one", "query", "register"))
        yield from (Block(slot.name, "x", 1, pattern) for pattern in ("ij<-i", "ij<-j", "ii<-i"))
        yield Block(slot.name, "x_query", 1, "ij<-i")


# -- patterns ---------------------------------------------------------------------------------


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


# -- positions --------------------------------------------------------------------------------


def positions(witness: Witness) -> Iterator[Mutant]:
    """One-hot positions too few and too many, and all of them read one too early or too late."""
    prompt = witness.prompt
    if not prompt.positions:
        yield attempt("positions", "one position", partial(_with_prompt, witness, positions=1))
        return
    for change in (-1, 1):
        count = prompt.positions + change
        what = f"{count} positions instead of {prompt.positions}"
        yield attempt("positions", what, partial(_with_prompt, witness, positions=count))
        yield attempt("positions", f"{what}, and in the stream", partial(_resized, witness, count))
    wider = _resized(witness, prompt.positions + 1)
    yield attempt("positions", "every position read one too late", partial(_shifted, wider, 1))
    yield attempt("positions", "every position read one too early", partial(_shifted, witness, -1))


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


def _shifted(witness: Witness, by: int) -> Witness:
    """Every single entry of a one-hot slot read `by` further on."""
    one_hot = _one_hot(witness)

    def move(slots: SlotMap | None) -> Any:
        if slots is None:
            return None
        blocks = []
        for block in slots:
            name, index = split_entry(block.source)
            if name in one_hot and index is not None:
                block = replace(block, source=f"{name}[{max(index + by, 0)}]")
            blocks.append(block)
        return SlotMap(tuple(blocks))

    def head(old: Head) -> Head:
        return replace(old, query=move(old.query), key=move(old.key), value=move(old.value))

    def layer(old: Layer) -> Layer:
        mlp = old.mlp and replace(
            old.mlp, inner=move(old.mlp.inner), gate=move(old.mlp.gate), outer=move(old.mlp.outer)
        )
        return replace(old, heads=tuple(map(head, old.heads)), mlp=mlp)

    return witness.with_layers(tuple(map(layer, witness.layer_list)))
