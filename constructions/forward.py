"""The one forward pass: what a witness does to a prompt, in any number system.

A stream is a dict {slot: array (tokens, size)}; a slot that is absent is zero everywhere, which
is how execution skips zeros. The arithmetic is that of a number system (see `numbers`).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from . import numbers as number_systems
from .exact import Exact
from .numbers.base import Numbers
from .prompt import Tokens
from .slotmap import Block, SlotMap
from .stream import Layout, split_entry
from .transformer import MLP, Head, Layer, Witness

Stream = dict[str, Any]
LINEAR = ("linear", "relu")


def streams(
    witness: Witness, X: Any, y: Any, queries: Any, tokens: Tokens, numbers: Numbers
) -> Iterator[Stream]:
    """The stream after the embedding and after each layer, for one prompt (or a torch batch)."""
    prompt = witness.prompt
    features = prompt.read(X, y, queries, tokens, numbers)
    stream = write({}, witness.layout, prompt.embedding, features, prompt.features, numbers)
    yield stream
    for layer in witness.layer_list:
        stream = apply_layer(layer, stream, witness.layout, tokens, numbers)
        yield stream


def apply_layer(
    layer: Layer, stream: Stream, layout: Layout, tokens: Tokens, numbers: Numbers
) -> Stream:
    """stream += every head's result; then stream += mlp(norm(stream))."""
    after = dict(stream)
    for head in layer.heads:
        attend(head, stream, after, layout, tokens, numbers)
    if layer.mlp is None:
        return after
    normed = normalise(after, layout, tokens, numbers) if layer.norm else after
    hidden, hidden_layout = hidden_units(layer.mlp, normed, layout, numbers)
    return write(after, layout, layer.mlp.outer, hidden, hidden_layout, numbers)


def attend(
    head: Head, stream: Stream, after: Stream, layout: Layout, tokens: Tokens, numbers: Numbers
) -> None:
    """Adds sum_j weight(<query_t, key_j>) value_j to `after`, all read from `stream`."""
    seen = range(0, tokens.total) if head.keys != "context" else tokens.context
    causal = head.keys == "causal"
    features = [
        (read(head.query, name, stream, layout, numbers), read(head.key, name, stream, layout, numbers))
        for name in head.query.destinations
    ]
    values = [(name, read(head.value, name, stream, layout, numbers)) for name in head.value.destinations]
    values = [(name, value) for name, value in values if value is not None]
    features = [(q, k) for q, k in features if q is not None and k is not None]
    if not values:
        return
    if not features and head.attention not in ("softmax", "normalised"):
        return
    # Coefficients travel as exact scalars and meet the smallest array in the end.
    if len(features) == 1:
        (scale_q, q), (scale_k, k) = features[0]
        scale = scale_q * scale_k
    elif features:
        q = numbers.concatenate([numbers.scale(s, array) for (s, array), _ in features])
        k = numbers.concatenate([numbers.scale(s, array) for _, (s, array) in features])
        scale = 1
    else:  # no feature at all: every score is 0
        q = k = numbers.zeros(tokens.total, 1)
        scale = 1
    k = numbers.rows(k, seen)
    if len(values) == 1:
        scale_v, v = values[0][1]
    else:
        v = numbers.concatenate([numbers.scale(s, array) for _, (s, array) in values])
        scale_v = 1
    v = numbers.rows(v, seen)
    if head.average == "examples":
        scale_v = scale_v * Fraction(1, tokens.examples)
    elif head.average == "keys" and not causal:
        scale_v = scale_v * Fraction(1, len(seen))

    n, total = len(seen), tokens.total
    dk, dv = numbers.size(k), numbers.size(v)
    if head.attention == "linear" and not causal:
        if n * dk * dv + total * dk * dv <= total * n * (dk + dv):  # keys with values first
            moments = numbers.product(numbers.transpose(k), v, scale * scale_v)
            result = numbers.product(q, moments, 1)
        else:
            scores = numbers.product(q, numbers.transpose(k), scale * scale_v)
            result = numbers.product(scores, v, 1)
    else:
        scores = numbers.product(q, numbers.transpose(k), scale)
        if head.attention == "relu":
            scores = numbers.relu(scores)
        if head.attention in LINEAR:
            if causal:
                scores = numbers.lower(scores)
                if head.average == "keys":
                    scores = numbers.divide_rows(scores, [t + 1 for t in range(total)])
        elif head.attention == "softmax":
            scores = numbers.softmax(scores, causal, head.null)
        else:
            if causal:
                scores = numbers.lower(scores)
            scores = numbers.divide(scores, numbers.row_sums(scores, 1 if head.null else 0))
        result = numbers.product(scores, v, scale_v)

    start = 0
    for name, (_, value) in values:
        size = numbers.size(value)
        part = result if len(values) == 1 else numbers.columns(result, start, start + size)
        add_to(after, layout, name, part, 1, numbers)
        start += size


def hidden_units(
    mlp: MLP, stream: Stream, layout: Layout, numbers: Numbers
) -> tuple[Stream, Layout]:
    """activation(inner(stream)) * gate(stream), by name of the hidden feature."""
    if mlp.inner is None:
        return stream, layout
    hidden_layout = mlp.hidden(layout)
    letters = dict(mlp.letters)
    hidden: Stream = {}
    for name in mlp.inner.destinations:
        shape = hidden_layout[name].shape
        inner = read(mlp.inner, name, stream, layout, numbers, shape, letters)
        if inner is None:
            continue  # activation(0) * gate = 0 for every activation here
        scale, array = inner
        if mlp.activation != "identity":
            array, scale = getattr(numbers, mlp.activation)(numbers.scale(scale, array)), 1
        if mlp.gate is not None:
            gate = read(mlp.gate, name, stream, layout, numbers, shape, letters)
            if gate is None:
                continue
            scale, array = scale * gate[0], numbers.multiply(array, gate[1])
        hidden[name] = numbers.scale(scale, array)
    return hidden, hidden_layout


def normalise(stream: Stream, layout: Layout, tokens: Tokens, numbers: Numbers) -> Stream:
    """Layer norm over all hidden units, without gain and bias: (h - mean) / sqrt(variance)."""
    slots = [(slot.name, slot.size) for slot in layout.slots]
    whole = [
        stream[name] if name in stream else numbers.zeros(tokens.total, size)
        for name, size in slots
    ]
    normed = numbers.layer_norm(numbers.concatenate(whole))
    made, start = {}, 0
    for name, size in slots:
        made[name] = numbers.columns(normed, start, start + size)
        start += size
    return made


def read(
    slots: SlotMap,
    destination: str,
    stream: Stream,
    layout: Layout,
    numbers: Numbers,
    shape: tuple[int, ...] | None = None,
    letters: dict[str, int] | None = None,
) -> tuple[Exact, Any] | None:
    """What a slot map sends to one destination, as (exact scale, array); None if that is zero."""
    terms = []
    for block in slots:
        if block.destination != destination:
            continue
        name, index = split_entry(block.source)
        if name not in stream:
            continue
        array = stream[name]
        if index is not None:
            array = numbers.columns(array, index, index + 1)
        terms.append((block.coefficient, transform(block, array, layout, numbers, shape, letters)))
    if not terms:
        return None
    if len(terms) == 1:
        return terms[0]
    return 1, numbers.combine(terms)


def transform(
    block: Block,
    array: Any,
    layout: Layout,
    numbers: Numbers,
    shape: tuple[int, ...] | None,
    letters: dict[str, int] | None,
) -> Any:
    """The block's matrix (without its coefficient) on each row of `array`."""
    if block.matrix is not None:
        return numbers.times_matrix(array, block.matrix)
    if block.pattern is None:
        return array
    source = layout.shape(block.source)
    if shape is None:
        shape = block.output_shape(source, letters or {})
    return numbers.pattern(array, block, shape, source)


def write(
    stream: Stream, layout: Layout, slots: SlotMap, source: Stream, names: Layout, numbers: Numbers
) -> Stream:
    """stream + slots(source)."""
    after = dict(stream)
    for destination in slots.destinations:
        shape = layout.shape(destination)
        result = read(slots, destination, source, names, numbers, shape)
        if result is not None:
            scale, array = result
            add_to(after, layout, destination, array, scale, numbers)
    return after


def add_to(
    stream: Stream, layout: Layout, destination: str, array: Any, scale: Exact, numbers: Numbers
) -> None:
    """stream[destination] += scale * array; `destination` may be one entry of a slot."""
    name, index = split_entry(destination)
    old = stream.get(name)
    if index is not None:
        array = numbers.place(numbers.scale(scale, array), index, layout[name].size)
        scale = 1
    if old is None:
        stream[name] = numbers.scale(scale, array)
    elif old is array:  # a linear skip: one multiplication instead of an addition too
        stream[name] = numbers.scale(1 + scale, array)
    else:
        stream[name] = numbers.combine([(1, old), (scale, array)])


# -- from arrays to arrays --------------------------------------------------------------------


def predict(witness: Witness, X: Any, y: Any, queries: Any, numbers: Any) -> Any:
    """See Witness.predict."""
    system = number_systems.get(numbers)
    prompts = system.prompts(X, y, queries, witness)
    tokens = witness.prompt.tokens(prompts.n, prompts.m)
    made = []
    with system.working():
        for one in prompts.each():
            stream: Stream = {}
            for stream in streams(witness, *one, tokens, system):
                pass
            made.append(read_out(witness, stream, tokens, system))
    result = prompts.join(made)
    if prompts.floats:
        from .rounding import warn_if_lost

        warn_if_lost(witness, prompts, result)
    return prompts.give(result)


def read_out(witness: Witness, stream: Stream, tokens: Tokens, numbers: Numbers) -> Any:
    """The read-out slot at the queries, (m, 1) in the number system."""
    name, index = split_entry(witness.readout.slot)
    array = stream.get(name)
    if array is None:
        return numbers.zeros(len(tokens.queries), 1)
    if index is not None:
        array = numbers.columns(array, index, index + 1)
    return numbers.scale(witness.readout.coefficient, numbers.rows(array, tokens.queries))


def trace(
    witness: Witness, X: Any, y: Any, queries: Any, numbers: Any
) -> list[dict[str, Any]]:
    """See Witness.trace."""
    system = number_systems.get(numbers)
    prompts = system.prompts(X, y, queries, witness)
    tokens = witness.prompt.tokens(prompts.n, prompts.m)
    with system.working():
        runs = [list(streams(witness, *one, tokens, system)) for one in prompts.each()]
    made = []
    for step in range(witness.layers + 1):
        slots = {}
        for slot in witness.layout.slots:
            parts = [
                run[step][slot.name] if slot.name in run[step] else system.zeros(tokens.total, slot.size)
                for run in runs
            ]
            slots[slot.name] = prompts.give_slot(prompts.join(parts), tokens.total, slot.shape)
        made.append(slots)
    return made
