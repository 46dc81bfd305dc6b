"""The one forward pass: what a witness does to a prompt, in any number system.

A stream is a dict {slot: Value (tokens, size)}; a slot that is absent is zero everywhere. The
arithmetic is that of a number system (see `numbers`); how little of it is needed, and on which
tokens, is the business of `values` and `gating`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from fractions import Fraction
from typing import Any

from proofs.layer import MLP, Head, Layer
from proofs.prompt import Prompt, Tokens
from proofs.slotmap import Block, SlotMap
from proofs.stream import Layout, split_entry
from proofs.vocabulary import unread

from .. import numbers as number_systems
from ..numbers.base import Numbers
from ..weights import Weights
from .gated import Factor, Gated, factor, gated, whole
from .keys_first import moments, through
from .plan import Array, Plan, Planning
from .token_ranges import hull, meet
from .values import Rows, Value, of_rows

Stream = dict[str, Value]
Shape = tuple[int, ...]
LINEAR = ("linear", "relu")
PLANS = 8  # sizes of prompts for which a witness keeps its plan
READING = "the forward pass"

# set while a reference is evaluated, which has to be another program than the witness
NO_WITNESS: ContextVar[bool] = ContextVar("NO_WITNESS", default=False)


def refuse_in_reference() -> None:
    """Raises ValueError while a reference is evaluated."""
    if NO_WITNESS.get():
        raise ValueError("the algorithm runs a witness; a reference must not")


def streams(
    witness: Weights, X: Any, y: Any, queries: Any, tokens: Tokens, numbers: Numbers
) -> Iterator[Stream]:
    """The stream after the embedding and after each layer, for one prompt (or a torch batch)."""
    prompt = witness.prompt
    features = token_features(prompt, X, y, queries, tokens, numbers)
    stream: Stream = {}
    write(stream, witness.layout, prompt.embedding, dict(features), prompt.features)
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
    hidden, hidden_layout = hidden_units(layer.mlp, normed, layout)
    write(after, layout, layer.mlp.outer, hidden, hidden_layout)
    if layer.mlp.activation == "gelu":
        # differences of GeLUs cancel: they are added up before a later layer scales them
        for name in {split_entry(to)[0] for to in layer.mlp.outer.destinations} & after.keys():
            after[name] = after[name].plain()
    return after


# -- attention --------------------------------------------------------------------------------


def attend(
    head: Head, stream: Stream, after: Stream, layout: Layout, tokens: Tokens, numbers: Numbers
) -> None:
    """Adds sum_j weight(<query_t, key_j>) value_j to `after`, all read from `stream`."""
    pairs = [
        (read(head.query, name, stream, layout), read(head.key, name, stream, layout))
        for name in head.query.destinations
    ]
    features = [(q, k) for q, k in pairs if q is not None and k is not None]
    sent = [
        (name, read(head.value, name, stream, layout, layout.shape(name)))
        for name in head.value.destinations
    ]
    values = [(name, value) for name, value in sent if value is not None]
    if not values or (not features and (head.attention in LINEAR or _null_only(head))):
        return
    seen = _seen(head, tokens)
    average = _average(head, seen, tokens)

    if head.attention == "linear" and head.keys != "causal" and _keys_first(features, values, seen):
        for name, value in values:
            for q, k in features:
                for scale, array in moments(k, value, seen):
                    add_to(after, layout, name, through(q, array, value.size, scale * average))
        return
    weighed = weights(head, features, seen, tokens, numbers)
    if weighed is None:
        return
    readers, keys, table = weighed
    for name, value in values:
        scale, rows = value.at(keys)
        result = numbers.product(table, rows, scale * average)
        add_to(after, layout, name, of_rows(Rows(numbers, value.size, [(readers, result)])))


def _seen(head: Head, tokens: Tokens) -> range:
    """The tokens that a head reads, of which a causal one sees those up to its own."""
    if head.keys == "context":
        return tokens.context
    if head.keys in ("full", "causal"):
        return range(tokens.total)
    unread(head.keys, "keys", READING)


def _average(head: Head, seen: range, tokens: Tokens) -> Fraction:
    """What every weight is multiplied by; causal keys, of another number each, are not here."""
    if head.average == "" or (head.average == "keys" and head.keys == "causal"):
        return Fraction(1)
    if head.average == "examples":
        return Fraction(1, tokens.examples)
    if head.average == "keys":
        return Fraction(1, len(seen))
    unread(head.average, "average", READING)


def _null_only(head: Head) -> bool:
    """Whether a head without any score gives 0: the null key takes all the weight."""
    return head.attention == "normalised" and head.null


def _keys_first(
    features: list[tuple[Value, Value]], values: list[tuple[str, Value]], seen: range
) -> bool:
    """Whether q (K^T V) takes less arithmetic than (q K^T) V."""
    dk, dv = sum(q.size for q, _ in features), sum(value.size for _, value in values)
    n = max(len(meet(r, seen)) for _, k in features for r in k.support)
    total = max(len(r) for q, _ in features for r in q.support)
    return n * dk * dv + total * dk * dv <= total * n * (dk + dv)


def weights(
    head: Head, features: list[tuple[Value, Value]], seen: range, tokens: Tokens, numbers: Numbers
) -> tuple[range, range, Any] | None:
    """(tokens that read, tokens that are read, their weights); None where every weight is 0."""
    readers, keys = range(tokens.total), seen
    if head.keys != "causal" and (head.attention in LINEAR or _null_only(head)):
        readers = hull(r for q, _ in features for r in q.support)
        keys = hull(meet(r, seen) for _, k in features for r in k.support)
        if not keys or not readers:
            return None
    if len(features) == 1:
        (scale_q, q), (scale_k, k) = features[0][0].at(readers), features[0][1].at(keys)
        scale = scale_q * scale_k
    elif features:
        q = numbers.concatenate([one.array(readers) for one, _ in features])
        k = numbers.concatenate([one.array(keys) for _, one in features])
        scale = 1
    else:  # no feature at all: every score is 0
        q, k, scale = numbers.zeros(len(readers), 1), numbers.zeros(len(keys), 1), 1
    scores = numbers.product(q, numbers.transpose(k), scale)
    causal = head.keys == "causal"
    if head.attention == "softmax":
        return readers, keys, numbers.softmax(scores, causal, head.null)
    if head.attention == "relu":
        scores = numbers.relu(scores)
    elif head.attention not in ("linear", "normalised"):
        unread(head.attention, "attention", READING)
    if causal:
        scores = numbers.lower(scores)
    if head.attention == "normalised":
        scores = numbers.divide(scores, numbers.row_sums(scores, 1 if head.null else 0))
    elif causal and head.average == "keys":
        scores = numbers.divide_rows(scores, [t + 1 for t in readers])
    return readers, keys, scores


# -- MLP and layer norm -----------------------------------------------------------------------


def hidden_units(
    mlp: MLP, stream: Stream, layout: Layout
) -> tuple[dict[str, Value | Gated], Layout]:
    """activation(inner(stream)) * gate(stream), by name of the hidden feature."""
    hidden_layout = mlp.hidden(layout)
    letters = dict(mlp.letters)
    hidden: dict[str, Value | Gated] = {}
    for name in dict.fromkeys(split_entry(block.source)[0] for block in mlp.outer):
        shape = hidden_layout[name].shape
        made: Value | Gated | None
        if mlp.gate is not None and mlp.activation == "identity":
            left = _inner_factor(mlp, name, stream, layout, shape)
            right = factor(mlp.gate, name, stream, layout, shape)
            made = gated(left, right, shape)
            if made is not NotImplemented:
                if made is not None:
                    hidden[name] = made
                continue
        if mlp.inner is None:
            made = stream.get(name)
        else:
            made = read(mlp.inner, name, stream, layout, shape, letters)
        made = made and _activated(mlp, made)
        if made is not None and mlp.gate is not None:
            gate = read(mlp.gate, name, stream, layout, shape, letters)
            made = gate and made.times(gate)
        if made is not None:
            hidden[name] = made
    return hidden, hidden_layout


def _inner_factor(
    mlp: MLP, name: str, stream: Stream, layout: Layout, shape: Shape
) -> Factor | None:
    if mlp.inner is not None:
        return factor(mlp.inner, name, stream, layout, shape)
    value = stream.get(name)
    return None if value is None else whole(value, len(shape))


def _activated(mlp: MLP, value: Value) -> Value:
    numbers = value.numbers
    if mlp.activation == "identity":
        return value
    if mlp.activation == "relu":
        return value.by_token(numbers.relu, value.size, linear=False)
    if mlp.activation == "gelu":
        return value.by_token(numbers.gelu, value.size, linear=False)
    unread(mlp.activation, "activation", READING)


def normalise(stream: Stream, layout: Layout, tokens: Tokens, numbers: Numbers) -> Stream:
    """Layer norm over all hidden units, without gain and bias: (h - mean) / sqrt(variance)."""
    everyone = range(tokens.total)
    whole = [
        stream[slot.name].array(everyone)
        if slot.name in stream
        else numbers.zeros(tokens.total, slot.size)
        for slot in layout.slots
    ]
    normed = numbers.layer_norm(numbers.concatenate(whole))
    made, start = {}, 0
    for slot in layout.slots:
        part = numbers.columns(normed, start, start + slot.size)
        made[slot.name] = of_rows(Rows(numbers, slot.size, [(everyone, part)]))
        start += slot.size
    return made


# -- slot maps --------------------------------------------------------------------------------


def read(
    slots: SlotMap,
    destination: str,
    source: Mapping[str, Value | Gated],
    layout: Layout,
    shape: Shape | None = None,
    letters: dict[str, int] | None = None,
) -> Value | None:
    """What a slot map sends to one destination; None if that is zero."""
    total: Value | None = None
    for made in sent(slots, destination, source, layout, shape, letters):
        total = made if total is None else total.plus(made)
    return total


def sent(
    slots: SlotMap,
    destination: str,
    source: Mapping[str, Value | Gated],
    layout: Layout,
    shape: Shape | None = None,
    letters: dict[str, int] | None = None,
) -> list[Value]:
    """What each block sends to one destination, zeros left out."""
    made = []
    for block in slots.to(destination):
        value = transform(block, source, layout, shape, letters)
        value = value and value.scaled(block.coefficient)
        if value is not None:
            made.append(value)
    return made


def transform(
    block: Block,
    source: Mapping[str, Value | Gated],
    layout: Layout,
    shape: Shape | None,
    letters: dict[str, int] | None,
) -> Value | None:
    """The block's matrix, without its coefficient, on every row of what it reads."""
    name, index = split_entry(block.source)
    value = source.get(name)
    if isinstance(value, Gated):
        if index is None and block.matrix is None:
            return value.summed(block.pattern, shape)
        value = value.summed(None, None)
    if value is not None and index is not None:
        value = value.column(index)
    if value is None:
        return None
    if block.matrix is not None:
        return value.mapped(block.matrix)
    if block.pattern is None:
        return value
    shape_in = layout.shape(block.source)
    if shape is None:
        shape = block.output_shape(shape_in, letters or {})
    return value.patterned(block, shape, shape_in)


def write(
    stream: Stream,
    layout: Layout,
    slots: SlotMap,
    source: Mapping[str, Value | Gated],
    names: Layout,
) -> None:
    """stream += slots(source)."""
    made = [(to, sent(slots, to, source, names, layout.shape(to))) for to in slots.destinations]
    for destination, values in made:
        for value in values:  # one by one: what a block clears is gone before the next one writes
            add_to(stream, layout, destination, value)


def add_to(stream: Stream, layout: Layout, destination: str, value: Value | None) -> None:
    """stream[destination] += value; `destination` may be one entry of a slot."""
    if value is None:
        return
    name, index = split_entry(destination)
    if index is not None:
        numbers, size, column = value.numbers, layout[name].size, index
        value = value.by_token(lambda a: numbers.place(a, column, size), size)
    total = stream[name].plus(value) if name in stream else value.kept()
    if total is None:
        del stream[name]
    else:
        stream[name] = total


def token_features(
    prompt: Prompt, X: Any, y: Any, queries: Any, tokens: Tokens, numbers: Numbers
) -> Stream:
    """What the embedding reads of the tokens (see Prompt), each only where it is not zero."""
    everyone, register = range(tokens.total), range(1 if prompt.register else 0)
    wanted = {split_entry(block.source)[0] for block in prompt.embedding}
    made = {
        "x": Rows(numbers, prompt.d, [(tokens.x, X), (tokens.queries, queries)]),
        "y": Rows(numbers, 1, [(tokens.y, y)]),
        "one": Rows(numbers, 1, [(everyone, None)], "ones"),
        "query": Rows(numbers, 1, [(tokens.queries, None)], "ones"),
        "register": Rows(numbers, 1, [(register, None)], "ones"),
        "x_example": Rows(numbers, prompt.d, [(tokens.x, X)]),
        "x_query": Rows(numbers, prompt.d, [(tokens.queries, queries)]),
        "position": Rows(
            numbers,
            prompt.positions,
            [(range(min(prompt.positions, tokens.total)), None)],
            "one_hot",
        ),
    }
    if "index" in wanted:
        count = numbers.constant([[t] for t in everyone])
        made["index"] = Rows(numbers, 1, [(everyone, count)])
    return {name: of_rows(rows) for name, rows in made.items() if name in wanted and rows.count}


# -- from arrays to arrays --------------------------------------------------------------------


def plan(witness: Weights, n: int, m: int) -> Plan:
    """The operations by which the witness predicts for n examples and m queries.

    A witness keeps those of the last few sizes.
    """
    kept: dict[tuple[int, int], Plan] = witness.__dict__.setdefault("_plans", {})
    if (n, m) not in kept:
        for oldest in list(kept)[: len(kept) + 1 - PLANS]:
            kept.pop(oldest, None)
        kept[n, m] = _recorded(witness, n, m)
    return kept[n, m]


def _recorded(witness: Weights, n: int, m: int) -> Plan:
    planning, tokens = Planning(), witness.prompt.tokens(n, m)
    given = Array(n, witness.d), Array(n, 1), Array(m, witness.d)
    (stream,) = deque(streams(witness, *given, tokens, planning), maxlen=1)
    return Plan(given, planning.steps, read_out(witness, stream, tokens, planning))


def read_out(witness: Weights, stream: Stream, tokens: Tokens, numbers: Numbers) -> Any:
    """The read-out slot at the queries, (m, 1) in the number system."""
    name, index = split_entry(witness.readout.slot)
    value = stream.get(name)
    if value is not None and index is not None:
        value = value.column(index)
    value = value and value.scaled(witness.readout.coefficient)
    if value is None:
        return numbers.zeros(len(tokens.queries), 1)
    return value.array(tokens.queries)


def trace(witness: Weights, X: Any, y: Any, queries: Any, numbers: Any) -> list[dict[str, Any]]:
    """See Witness.trace."""
    refuse_in_reference()
    system = number_systems.get(numbers)
    prompts = system.prompts(X, y, queries, witness)
    tokens = witness.prompt.tokens(prompts.n, prompts.m)
    everyone = range(tokens.total)
    with system.working():
        runs = [list(streams(witness, *one, tokens, system)) for one in prompts.each()]
        made = []
        for step in range(witness.layers + 1):
            slots = {}
            for slot in witness.layout.slots:
                parts = [
                    run[step][slot.name].array(everyone)
                    if slot.name in run[step]
                    else system.zeros(tokens.total, slot.size)
                    for run in runs
                ]
                slots[slot.name] = prompts.give_slot(prompts.join(parts), tokens.total, slot.shape)
            made.append(slots)
    return made
