"""A witness in words: its stream, its layers and its weights as formulas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from constructions.witness import Witness
from proofs.exact import as_text
from proofs.layer import MLP, Head, Layer, Norm
from proofs.slotmap import Block, SlotMap
from proofs.vocabulary import ATTENTION

from ..report.tables import plural, readable

KEYS = {
    "context": "keys: the examples, never a query",
    "full": "keys: every token",
    "causal": "keys: the tokens so far",
    "strictly causal": "keys: the tokens before",
}
FORMS = {
    "joint": "one token (x, y) per example, then one per query with y = 0",
    "interleaved": "tokens x_1, y_1, x_2, y_2, …, then one per query",
}


def lines(witness: Witness) -> Iterator[str]:
    """The whole description, line by line."""
    if witness.source:
        yield f"source     {witness.source}"
    yield (
        f"size       {plural(witness.layers, 'layer')}, width {witness.width}, at most "
        f"{plural(witness.heads, 'head')} a layer, {witness.hidden} hidden units in an MLP, "
        f"{witness.weights} non-zero weights"
    )
    yield f"digest     {witness.digest[:16]}…"
    register = "one token without an example, then " if witness.prompt.register else ""
    yield f"prompt     {register}{FORMS[witness.prompt.form]}"
    slots = (
        f"{slot.name} ({' x '.join(map(str, slot.shape)) or '1'})" for slot in witness.layout.slots
    )
    yield f"stream     {', '.join(slots)}"
    yield f"embedding  {formulas(witness.prompt.embedding)}"
    for first, last, layer in groups(witness.layer_list):
        yield ""
        numbers = f"layer {first}" if first == last else f"layers {first} to {last}, alike"
        yield f"{numbers}: {readable(layer.name)}"
        yield from _layer(layer)
        holds = witness.layer_list[last - 1].holds
        held = ", ".join(f"{h.slot} = {h.expression}{_tokens(h.tokens)}" for h in holds)
        if first != last:
            yield f"  after {last:<4} {held}"
        elif held:
            yield f"  after it   {held}"
    yield ""
    coefficient = _coefficient(witness.readout.coefficient)
    yield f"prediction {coefficient}{witness.readout.slot} at each query"
    for number, (name, formula) in enumerate(witness.definitions):
        yield f"{'where' if number == 0 else '':10} {name} = {formula}"


def groups(layers: tuple[Layer, ...]) -> Iterator[tuple[int, int, Layer]]:
    """(first number, last number, first layer) of each run of layers with equal weights."""
    start = 0
    for number in range(1, len(layers) + 1):
        if number == len(layers) or not _alike(layers[number], layers[start]):
            yield start + 1, number, layers[start]
            start = number


def _alike(a: Layer, b: Layer) -> bool:
    return (a.heads, a.mlp, a.norms()) == (b.heads, b.mlp, b.norms())


def _layer(layer: Layer) -> Iterator[str]:
    norms = {place: _norm(norm) for place, norm in layer.norms().items()}
    if "attention_norm" in norms:
        yield f"  {norms['attention_norm']} before the heads"
    for head in layer.heads:
        yield from _head(head)
    if "after_attention" in norms:
        yield f"  {norms['after_attention']} of the stream after the heads"
    if layer.mlp is not None:
        if "norm" in norms:
            yield f"  {norms['norm']} before the MLP"
        yield from _mlp(layer.mlp)
    if "after_mlp" in norms:
        yield f"  {norms['after_mlp']} of the stream after the MLP"


def _norm(norm: Norm) -> str:
    """ "RMS norm, epsilon 1/8, gain x 2"."""
    words = [{"layer": "layer norm", "rms": "RMS norm"}[norm.kind]]
    if norm.epsilon != 0:
        words.append(f"epsilon {as_text(norm.epsilon)}")
    for what, given in (("gain", norm.gain), ("bias", norm.bias)):
        for slot, value in given:
            numbers = value if isinstance(value, tuple) else (value,)
            words.append(f"{what} of {slot} {' '.join(map(as_text, numbers))}")
    return ", ".join(words)


def _head(head: Head) -> Iterator[str]:
    null = ", one more key with value 0" if head.null else ""
    average = {"": "", "keys": ", divided by the number of keys", "examples": ", divided by n"}
    name = f" ({head.name})" if head.name else ""
    how = f"{ATTENTION[head.attention].words}{average[head.average]}"
    yield f"  head{name}: {how}; {KEYS[head.keys]}{null}"
    for part, rule in (("mask", head.mask), ("mix", head.mix)):
        if rule is not None:
            yield f"    {part:6} {rule}"
    for part, slots in (("query", head.query), ("key", head.key), ("value", head.value)):
        yield f"    {part:6} {formulas(slots)}"


def _mlp(mlp: MLP) -> Iterator[str]:
    if mlp.inner is None and mlp.gate is None:
        yield f"  MLP: linear; {formulas(mlp.outer)}"
        return
    yield f"  MLP: {mlp.activation}{', times a gate' if mlp.gate is not None else ''}"
    for part, slots in (("inner", mlp.inner), ("gate", mlp.gate), ("outer", mlp.outer)):
        if slots is not None:
            yield f"    {part:6} {formulas(slots)}"


def formulas(slots: SlotMap) -> str:
    """ "t ← alpha·x, p ← y": everything that the map writes, by destination."""
    written: dict[str, list[str]] = {}
    for block in slots:
        written.setdefault(block.destination, []).append(_term(block))
    return ", ".join(f"{name} ← {_sum(terms)}" for name, terms in written.items()) or "nothing"


def _term(block: Block) -> str:
    source = block.source
    if block.matrix is not None:
        rows = "; ".join(" ".join(as_text(entry) for entry in row) for row in block.matrix)
        source = f"[{rows if len(rows) <= 60 else 'a matrix'}]·{source}"
    elif block.pattern is not None:
        left, right = block.indices()
        source = f"{source}[{right}→{left}]" if left != right else source
    return _coefficient(block.coefficient) + source


def _sum(terms: list[str]) -> str:
    text = " + ".join(terms)
    return text.replace("+ -", "- ")


def _coefficient(value: Any) -> str:
    if value == 1:
        return ""
    if value == -1:
        return "-"
    text = as_text(value)
    return f"({text})·" if any(mark in text[1:] for mark in " +-") else f"{text}·"


def _tokens(tokens: str | int) -> str:
    if isinstance(tokens, int):
        return f" (token {tokens})"
    return "" if tokens == "all" else f" ({tokens})"


def matrices(witness: Witness) -> Iterator[str]:
    """Every weight matrix written out, rows of the stream downwards."""
    for name, entries in witness.matrices():
        yield ""
        yield name + ("" if entries else "  all zero")
        if not entries:
            continue
        height, width = (1 + max(at[axis] for at in entries) for axis in (0, 1))
        table = [
            [as_text(entries[i, j]) if (i, j) in entries else "." for j in range(width)]
            for i in range(height)
        ]
        sizes = [max(len(row[j]) for row in table) for j in range(width)]
        for row in table:
            yield "  " + "  ".join(cell.rjust(size) for cell, size in zip(row, sizes))
