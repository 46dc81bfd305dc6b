"""The one forward pass: what a witness does to a prompt, in any number system.

A stream is a dict {slot: array (tokens, size)}, zeros included. The pass says what is to be done,
token by token and key by key; how little of it is needed is the business of `planner`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from weakref import WeakKeyDictionary

from proofs.exact import Exact
from proofs.layer import MLP, Head, Layer
from proofs.prompt import Tokens
from proofs.slotmap import Block, SlotMap
from proofs.stream import Layout, split_entry
from proofs.vocabulary import attention, unread

from .. import numbers as number_systems
from ..numbers.base import Numbers
from ..weights import Weights
from .plan import Plan
from .planner import Planner
from .steps import Array

Stream = dict[str, Any]
Shape = tuple[int, ...]
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
    prompt, run = witness.prompt, Pass(witness.layout, tokens, numbers)
    features = prompt.read(X, y, queries, tokens, numbers)
    stream = {slot.name: numbers.zeros(tokens.total, slot.size) for slot in witness.layout.slots}
    stream = run.written(stream, prompt.embedding, features, prompt.features)
    yield stream
    for layer in witness.layer_list:
        stream = run.after_layer(layer, stream)
        yield stream


@dataclass(frozen=True)
class Pass:
    """What layers do to a stream of these slots and tokens."""

    layout: Layout
    tokens: Tokens
    numbers: Numbers

    def after_layer(self, layer: Layer, stream: Stream) -> Stream:
        """stream += every head's result; then stream += mlp(norm(stream))."""
        after = stream
        for head in layer.heads:
            after = self.attended(head, stream, after)
        if layer.mlp is None:
            return after
        normed = self.normalised(after) if layer.norm else after
        after = self.written(after, layer.mlp.outer, *self.hidden_units(layer.mlp, normed))
        if layer.mlp.activation == "gelu":
            # differences of GeLUs cancel: they are added up before a later layer scales them
            for name in {split_entry(to)[0] for to in layer.mlp.outer.destinations}:
                after[name] = self.numbers.added_up(after[name])
        return after

    # -- attention --

    def attended(self, head: Head, stream: Stream, after: Stream) -> Stream:
        """after + sum_j weight(<query_t, key_j>) value_j, read from `stream`."""
        numbers, seen = self.numbers, self.seen(head)
        if names := head.query.destinations:
            queries, keys = (
                numbers.concatenate([self.read(slots, name, stream) for name in names])
                for slots in (head.query, head.key)
            )
        else:  # no feature at all: every score is 0
            queries = keys = numbers.zeros(self.tokens.total, 1)
        scores = numbers.product(queries, numbers.transpose(numbers.rows(keys, seen)), 1)
        table, average = self.weights(head, scores), self.average(head, seen)
        after = dict(after)
        for to in head.value.destinations:
            values = numbers.rows(self.read(head.value, to, stream, self.layout.shape(to)), seen)
            self.add(after, to, average, numbers.product(table, values, 1))
        return after

    def seen(self, head: Head) -> range:
        """The tokens that a head reads, of which a causal one sees those up to its own."""
        if head.keys == "context":
            return self.tokens.context
        if head.keys in ("full", "causal"):
            return range(self.tokens.total)
        unread(head.keys, "keys", READING)

    def average(self, head: Head, seen: range) -> Exact:
        """What every weight is multiplied by; causal keys, of another number each, are not here."""
        if head.average == "" or (head.average == "keys" and head.keys == "causal"):
            return 1
        if head.average == "examples":
            return Fraction(1, self.tokens.examples)
        if head.average == "keys":
            return Fraction(1, len(seen))
        unread(head.average, "average", READING)

    def weights(self, head: Head, scores: Any) -> Any:
        """The weight of every key (tokens, keys)."""
        causal = head.keys == "causal"
        kind = attention(head.attention, READING)
        if kind.exponential:
            return self.numbers.softmax(scores, causal, head.null)
        if kind.weigh is not None:
            scores = kind.weigh(self.numbers, scores)
        if causal:
            scores = self.numbers.lower(scores)
        if kind.shares:
            return self.numbers.normalised(scores, head.null)
        if causal and head.average == "keys":
            return self.numbers.divide_rows(scores, [t + 1 for t in range(self.tokens.total)])
        return scores

    # -- MLP and layer norm --

    def hidden_units(self, mlp: MLP, stream: Stream) -> tuple[Stream, Layout]:
        """activation(inner(stream)) * gate(stream) by name, without those that the gate lacks."""
        hidden_layout, letters = mlp.hidden(self.layout), dict(mlp.letters)
        hidden: Stream = {}
        for name in dict.fromkeys(split_entry(block.source)[0] for block in mlp.outer):
            shape = hidden_layout[name].shape
            if mlp.gate is not None and name not in mlp.gate.destinations:
                continue
            if mlp.inner is None:
                units = stream[name]
            else:
                units = self.read(mlp.inner, name, stream, shape, letters)
            hidden[name] = self.activated(mlp, units)
            if mlp.gate is not None:
                gate = self.read(mlp.gate, name, stream, shape, letters)
                hidden[name] = self.numbers.multiply(hidden[name], gate)
        return hidden, hidden_layout

    def activated(self, mlp: MLP, units: Any) -> Any:
        if mlp.activation == "identity":
            return units
        if mlp.activation == "relu":
            return self.numbers.relu(units)
        if mlp.activation == "gelu":
            return self.numbers.gelu(units)
        unread(mlp.activation, "activation", READING)

    def normalised(self, stream: Stream) -> Stream:
        """Layer norm over all units, without gain and bias: (h - mean) / sqrt(variance)."""
        units = self.numbers.concatenate([stream[slot.name] for slot in self.layout.slots])
        normed = self.numbers.layer_norm(units)
        at = {slot.name: self.layout.rows(slot.name) for slot in self.layout.slots}
        return {
            name: self.numbers.columns(normed, units.start, units.stop)
            for name, units in at.items()
        }

    # -- slot maps --

    def read(
        self,
        slots: SlotMap,
        destination: str,
        stream: Stream,
        shape: Shape | None = None,
        letters: dict[str, int] | None = None,
    ) -> Any:
        """What a slot map sends to one destination, of that shape if it is known."""
        return self.numbers.combine(
            [
                (block.coefficient, self.mapped(block, stream, self.layout, shape, letters or {}))
                for block in slots.to(destination)
            ]
        )

    def mapped(
        self,
        block: Block,
        source: Stream,
        names: Layout,
        shape: Shape | None,
        letters: dict[str, int],
    ) -> Any:
        """The block's matrix, without its coefficient, on every row of what it reads."""
        name, index = split_entry(block.source)
        value = source[name]
        if index is not None:
            value = self.numbers.columns(value, index, index + 1)
        if block.matrix is not None:
            return self.numbers.times_matrix(value, block.matrix)
        if block.pattern is None:
            return value
        shape_in = names.shape(block.source)
        shape_out = block.output_shape(shape_in, letters) if shape is None else shape
        return self.numbers.pattern(value, block, shape_out, shape_in)

    def written(self, stream: Stream, slots: SlotMap, source: Stream, names: Layout) -> Stream:
        """stream + slots(source), of what the source has."""
        after = dict(stream)
        for block in slots:
            if split_entry(block.source)[0] in source:
                to = block.destination
                value = self.mapped(block, source, names, self.layout.shape(to), {})
                self.add(after, to, block.coefficient, value)
        return after

    def add(self, stream: Stream, destination: str, c: Exact, value: Any) -> None:
        """stream[destination] += c * value; `destination` may be one entry of a slot."""
        name, index = split_entry(destination)
        if index is not None:
            value = self.numbers.place(value, index, self.layout[name].size)
        stream[name] = self.numbers.combine([(1, stream[name]), (c, value)])


# -- plans ------------------------------------------------------------------------------------

_plans: WeakKeyDictionary[Weights, dict[tuple[int, int], Plan]] = WeakKeyDictionary()


def plan(witness: Weights, n: int, m: int) -> Plan:
    """The operations by which the witness predicts for n examples and m queries.

    Those of the last few sizes of a witness are kept.
    """
    kept = _plans.setdefault(witness, {})
    if (n, m) not in kept:
        for oldest in list(kept)[: len(kept) + 1 - PLANS]:
            kept.pop(oldest, None)
        planner, given, passed = _planned(witness, n, m)
        (stream,) = deque(passed, maxlen=1)
        prediction = read_out(witness, stream, witness.prompt.tokens(n, m), planner)
        kept[n, m] = Plan(given, planner.record.steps, [planner.array(prediction)])
    return kept[n, m]


def _planned(
    witness: Weights, n: int, m: int
) -> tuple[Planner, tuple[Array, Array, Array], Iterator[Stream]]:
    """The pass in a planner, and the names of what is given to it."""
    planner, tokens = Planner(), witness.prompt.tokens(n, m)
    given = Array(n, witness.d), Array(n, 1), Array(m, witness.d)
    X, y, queries = map(planner.given, given)
    return planner, given, streams(witness, X, y, queries, tokens, planner)


def read_out(witness: Weights, stream: Stream, tokens: Tokens, numbers: Numbers) -> Any:
    """The read-out slot at the queries, (m, 1) in the number system."""
    name, index = split_entry(witness.readout.slot)
    value = stream[name]
    if index is not None:
        value = numbers.columns(value, index, index + 1)
    return numbers.scale(witness.readout.coefficient, numbers.rows(value, tokens.queries))


def trace(witness: Weights, X: Any, y: Any, queries: Any, numbers: Any) -> list[dict[str, Any]]:
    """See Witness.trace."""
    refuse_in_reference()
    system = number_systems.get(numbers)
    prompts = system.prompts(X, y, queries, witness)
    planner, given, passed = _planned(witness, prompts.n, prompts.m)
    slots = witness.layout.slots
    results = [planner.array(stream[slot.name]) for stream in passed for slot in slots]
    steps = Plan(given, planner.record.steps, results)
    with system.working():
        runs = [steps.results(system, *one) for one in prompts.each()]
    total = witness.prompt.tokens(prompts.n, prompts.m).total
    made = [
        prompts.give_slot(prompts.join(list(parts)), total, slots[i % len(slots)].shape)
        for i, parts in enumerate(zip(*runs))
    ]
    return [
        {slot.name: array for slot, array in zip(slots, made[start:])}
        for start in range(0, len(made), len(slots))
    ]
