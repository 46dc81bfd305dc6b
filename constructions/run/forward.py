"""The one forward pass: what a witness does to a prompt, in any number system.

A stream is a dict {slot: array (tokens, size)}, zeros included. The pass says what is to be done,
token by token and key by key; how little of it is needed is the business of `planner`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from proofs.exact import Exact
from proofs.layer import MLP, Head, Layer, Norm
from proofs.prompt import Tokens
from proofs.rule import Rule, is_zero
from proofs.slotmap import Block, SlotMap
from proofs.stream import Layout, split_entry
from proofs.vocabulary import DIAGONALS, activation, attention, unread

from .. import numbers as number_systems
from ..numbers.base import Numbers, Prompts
from ..numbers.seen import Seen
from ..numbers.seen import seen as seen_keys
from ..weights import Weights
from .plan import Plan
from .planner import Planner
from .steps import Array

Stream = dict[str, Any]
Shape = tuple[int, ...]
Table = tuple[tuple[Exact, ...], ...]
Places = tuple[tuple[int, str], ...]  # (layer, slot)
PLANS = 8  # sizes of prompts for which a witness keeps its plan
SMALL = 4096  # entries; for arrays that are no larger a plan takes as long as it saves in
PLAIN_RUNS = 2  # prompts of one size
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
        """stream += every head's result; then stream += mlp(norm(stream)); norms as they stand."""
        after, read = stream, self.normalised(layer.attention_norm, stream)
        for head in layer.heads:
            after = self.attended(head, read, after)
        after = self.normalised(layer.after_attention, after)
        if layer.mlp is not None:
            after = self.perceived(layer.mlp, self.normalised(layer.before_mlp, after), after)
        return self.normalised(layer.after_mlp, after)

    # -- attention --

    def attended(self, head: Head, stream: Stream, after: Stream) -> Stream:
        """after + sum_j weight(<query_t, key_j>) value_j, read from `stream`."""
        numbers = self.numbers
        if names := head.query.destinations:
            queries, keys = (
                numbers.concatenate([self.read(slots, name, stream) for name in names])
                for slots in (head.query, head.key)
            )
        else:  # no feature at all: every score is 0
            queries = keys = numbers.zeros(self.tokens.total, 1)
        every = self.keys(head)
        seen, visible, mask = self.visible(head, every)
        scores = numbers.product(queries, numbers.transpose(numbers.rows(keys, seen)), 1)
        weights = self.weights(head, scores, visible, mask)
        average = self.average(head, seen, visible)
        after = dict(after)
        for to in head.value.destinations:
            values = self.read(head.value, to, stream, self.layout.shape(to))
            values = self.mixed(head, values, every, seen)
            self.add(after, to, average, numbers.product(weights, values, 1))
        return after

    def keys(self, head: Head) -> range:
        """The tokens that a head reads, of which a causal one sees those up to its own."""
        if head.keys == "context":
            return self.tokens.context
        if head.keys == "full" or head.keys in DIAGONALS:
            return range(self.tokens.total)
        unread(head.keys, "keys", READING)

    def visible(self, head: Head, every: range) -> tuple[range, Seen | None, Table | None]:
        """The keys that some token sees; which token sees which (None: all do); the mask, where
        it has other numbers than 0 and 1."""
        total, diagonal = self.tokens.total, DIAGONALS.get(head.keys)
        if head.mask is None:
            return every, seen_keys(total, len(every), diagonal, None), None
        mask = self.table(head.mask, ("t", "j"), range(total), every)
        table = tuple(tuple(not is_zero(entry) for entry in row) for row in mask)
        visible = seen_keys(total, len(every), diagonal, table)
        if visible is not None and 0 < len(visible.columns) < len(every):  # nobody sees the others
            keep = slice(visible.columns.start, visible.columns.stop)
            every, mask = every[keep], tuple(row[keep] for row in mask)
            table = tuple(tuple(visible.rows[t][keep]) for t in range(total))
            visible = seen_keys(total, len(every), None, table)
        if visible is not None:  # a number of what is not seen counts for nothing, however large
            mask = tuple(tuple(visible.kept(t, [*row], 0)) for t, row in enumerate(mask))
        plain = all(entry == 0 or entry == 1 for row in mask for entry in row)
        return every, visible, None if plain else mask

    def table(self, rule: Rule, pair: tuple[str, str], rows: range, columns: range) -> Table:
        """The numbers of a rule."""
        return rule.table(pair, rows, columns, self.tokens.examples, self.tokens.total)

    def mixed(self, head: Head, values: Any, every: range, seen: range) -> Any:
        """The value of each key: its own token's, or sum_r mix(r, c) value_r."""
        if head.mix is None:
            return self.numbers.rows(values, seen)
        mix = self.table(head.mix, ("r", "c"), every, every)
        columns = tuple(zip(*mix))[seen.start - every.start : seen.stop - every.start]
        turned = self.numbers.constant(columns)
        return self.numbers.product(turned, self.numbers.rows(values, every), 1)

    def average(self, head: Head, seen: range, visible: Seen | None) -> Exact:
        """What every weight is multiplied by; keys of another number each are not here."""
        if head.average == "" or (head.average == "keys" and visible is not None):
            return 1
        if head.average == "examples":
            return Fraction(1, self.tokens.examples)
        if head.average == "keys":
            return Fraction(1, len(seen))
        unread(head.average, "average", READING)

    def weights(self, head: Head, scores: Any, visible: Seen | None, mask: Table | None) -> Any:
        """The weight of every key (tokens, keys)."""
        kind, numbers = attention(head.attention, READING), self.numbers
        if kind.shares and visible is not None and not head.null and visible.blind is not None:
            raise ZeroDivisionError(
                f"{head.attention} attention: token {visible.blind + 1} sees no key, and shares of "
                "nothing are none; null=True gives it a key of value 0"
            )
        if kind.exponential and kind.shares:
            weights = numbers.softmax(scores, visible, head.null)
        else:
            weights = scores if kind.weigh is None else kind.weigh(numbers, scores)
            weights = numbers.exp(weights) if kind.exponential else weights
            weights = weights if visible is None else numbers.masked(weights, visible)
            if kind.shares:
                weights = numbers.normalised(weights, head.null)
            elif head.average == "keys" and visible is not None:
                weights = numbers.divide_rows(weights, [max(1, n) for n in visible.counts])
        return weights if mask is None else numbers.multiply(weights, numbers.constant(mask))

    # -- MLP and norms --

    def perceived(self, mlp: MLP, read: Stream, stream: Stream) -> Stream:
        """stream + mlp(read)"""
        after = self.written(stream, mlp.outer, *self.hidden_units(mlp, read))
        if activation(mlp.activation, READING).irrational:
            # differences of GeLUs cancel: they are added up before a later layer scales them
            for name in {split_entry(to)[0] for to in mlp.outer.destinations}:
                after[name] = self.numbers.added_up(after[name])
        return after

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
        kind = activation(mlp.activation, READING)
        return units if kind.apply is None else kind.apply(self.numbers, units)

    def normalised(self, norm: Norm | None, stream: Stream) -> Stream:
        """The norm of every token, over all units; the stream itself without one."""
        if norm is None:
            return stream
        units = self.numbers.concatenate([stream[slot.name] for slot in self.layout.slots])
        if norm.kind == "layer":
            normed = self.numbers.layer_norm(units, norm.epsilon)
        elif norm.kind == "rms":
            normed = self.numbers.rms_norm(units, norm.epsilon)
        else:
            unread(norm.kind, "norm", READING)
        made, gain, bias = {}, dict(norm.gain), dict(norm.bias)
        for slot in self.layout.slots:
            at = self.layout.rows(slot.name)
            value = self.numbers.columns(normed, at.start, at.stop)
            value = self.scaled(value, gain.get(slot.name, 1))
            made[slot.name] = self.shifted(value, bias.get(slot.name, 0), slot.size)
        return made

    def scaled(self, value: Any, gain: Any) -> Any:
        """Every column times a number, or times one of its own."""
        if not isinstance(gain, tuple):
            return self.numbers.scale(gain, value)
        rows = tuple(
            tuple(g if i == j else 0 for j in range(len(gain))) for i, g in enumerate(gain)
        )
        return self.numbers.times_matrix(value, rows)

    def shifted(self, value: Any, bias: Any, size: int) -> Any:
        """Every row plus a number in each column."""
        row = bias if isinstance(bias, tuple) else (bias,) * size
        if not any(row):
            return value
        constant = self.numbers.constant((row,) * self.tokens.total)
        return self.numbers.combine([(1, value), (1, constant)])

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


class Planned:
    """The pass in a planner, for n examples and m queries, and plans of what is asked of it."""

    def __init__(self, witness: Weights, n: int, m: int) -> None:
        prompt = witness.prompt
        self.planner, self._slots = Planner(), dict[Places, Plan]()
        self.given = (
            Array(n, prompt.inputs),
            Array(n, prompt.target_count),
            Array(m, prompt.query_inputs),
        )
        X, y, queries = map(self.planner.given, self.given)
        tokens = prompt.tokens(n, m)
        self.passed = tuple(streams(witness, X, y, queries, tokens, self.planner))
        # now, so that its steps are the same whatever else is asked for before
        self._predicted = self.planner.array(
            read_out(witness, self.passed[-1], tokens, self.planner)
        )

    @cached_property
    def prediction(self) -> Plan:
        return Plan(self.given, self.planner.record.steps, [self._predicted])

    def slots(self, places: Places) -> Plan:
        """Of the streams, what these slots hold after these layers, 0 being the embedding."""
        if places not in self._slots:
            results = [self.planner.array(self.passed[number][name]) for number, name in places]
            self._slots[places] = Plan(self.given, self.planner.record.steps, results)
        return self._slots[places]


# before there is a plan: how many prompts of that size were run plainly
_plans: WeakKeyDictionary[Weights, dict[tuple[int, int], Planned | int]] = WeakKeyDictionary()


def plan(witness: Weights, n: int, m: int) -> Plan:
    """The operations by which the witness predicts for n examples and m queries."""
    return _planned(witness, n, m).prediction


def _planned(witness: Weights, n: int, m: int) -> Planned:
    """Made once for predictions and traces; those of the last few sizes of a witness are kept."""
    made = _plans.get(witness, {}).get((n, m), 0)
    if isinstance(made, int):
        made = Planned(witness, n, m)
        _keep(witness, n, m, made)
    return made


def _keep(witness: Weights, n: int, m: int, made: Planned | int) -> None:
    kept = _plans.setdefault(witness, {})
    if (n, m) not in kept:
        for oldest in list(kept)[: len(kept) + 1 - PLANS]:
            kept.pop(oldest, None)
    kept[n, m] = made


def _plainly(
    witness: Weights, prompts: Prompts, tokens: Tokens, system: Numbers
) -> list[Stream] | None:
    """The stream after each layer of a prompt that is run without a plan: in fractions, of which no
    order of the operations makes others, if it is one of the first of its size, alone and small.

    None where it is to be planned: it is another, or the pass fails, maybe at what a plan omits.
    """
    size = prompts.n, prompts.m
    before = _plans.get(witness, {}).get(size, 0)
    if not isinstance(before, int) or before == PLAIN_RUNS:
        return None
    if system.name != "rational" or prompts.batch:
        return None
    if tokens.total * max(tokens.total, witness.width, witness.hidden) > SMALL:
        return None
    _keep(witness, *size, before + 1)
    [one] = prompts.each()
    try:
        return list(streams(witness, *one, tokens, system))
    except (ValueError, ZeroDivisionError):
        return None


def read_out(witness: Weights, stream: Stream, tokens: Tokens, numbers: Numbers) -> Any:
    """The read-out slot at the tokens where it predicts, (tokens, size) in the number system."""
    name, index = split_entry(witness.readout.slot)
    value = stream[name]
    if index is not None:
        value = numbers.columns(value, index, index + 1)
    at = tokens.read_out(witness.readout.tokens)
    return numbers.scale(witness.readout.coefficient, numbers.rows(value, at))


def prompts_of(witness: Weights, X: Any, y: Any, queries: Any, system: Numbers) -> Prompts:
    """The prompts. Raises ValueError on those of which the witness is not the algorithm that it is
    named for."""
    prompts = system.prompts(X, y, queries, witness)
    refuse_outside(witness, prompts)
    return prompts


def refuse_outside(witness: Weights, prompts: Prompts) -> None:
    """Raises ValueError where x or targets lie outside the witness's `inputs` or `outputs`."""
    for what, limits, names in (
        ("x", witness.inputs, ("X", "queries")),
        ("targets", witness.outputs, ("y",)),
    ):
        if limits is None:
            continue
        low, high = limits
        for name in names:
            if (found := prompts.outside(getattr(prompts, name), low, high)) is not None:
                raise ValueError(
                    f"{witness.name} takes {what} from {low} to {high}, and {name} has {found}"
                )


def predictions(
    witness: Weights, X: Any, y: Any, queries: Any, numbers: Any
) -> tuple[Prompts, Any]:
    """The prompts, and what is read out at each; whatever rounding did to it."""
    system = number_systems.get(numbers)
    prompts = prompts_of(witness, X, y, queries, system)
    tokens = witness.prompt.tokens(prompts.n, prompts.m)
    if (passed := _plainly(witness, prompts, tokens, system)) is not None:
        return prompts, prompts.join([read_out(witness, passed[-1], tokens, system)])
    steps = plan(witness, prompts.n, prompts.m)
    with system.working(), prompts.working():
        return prompts, prompts.join([steps.run(system, *one) for one in prompts.each()])


def run_once(witness: Weights, X: Any, y: Any, queries: Any, numbers: Any) -> Any:
    """The predictions at one prompt, by the pass as it stands: of a witness that never runs again,
    for which a plan would take longer than it saves."""
    refuse_in_reference()
    system = number_systems.get(numbers)
    prompts = prompts_of(witness, X, y, queries, system)
    tokens = witness.prompt.tokens(prompts.n, prompts.m)
    with system.working():
        [prompt] = prompts.each()
        *_, last = streams(witness, *prompt, tokens, system)
        return prompts.give(prompts.join([read_out(witness, last, tokens, system)]))


def trace(
    witness: Weights,
    X: Any,
    y: Any,
    queries: Any,
    numbers: Any,
    wanted: Collection[tuple[int, str]] | None = None,
) -> list[dict[str, Any]]:
    """See Witness.trace. `wanted`: (layer, slot), 0 being the embedding; all by default."""
    refuse_in_reference()
    system = number_systems.get(numbers)
    prompts = prompts_of(witness, X, y, queries, system)
    tokens = witness.prompt.tokens(prompts.n, prompts.m)
    places = tuple(
        (number, slot.name)
        for number in range(len(witness.layer_list) + 1)
        for slot in witness.layout.slots
        if wanted is None or (number, slot.name) in wanted
    )
    if (after := _plainly(witness, prompts, tokens, system)) is not None:
        runs = [[after[number][name] for number, name in places]]
    else:
        steps = _planned(witness, prompts.n, prompts.m).slots(places)
        with system.working():
            runs = [steps.results(system, *one) for one in prompts.each()]
    made: list[dict[str, Any]] = [{} for _ in range(len(witness.layer_list) + 1)]
    for (number, name), *parts in zip(places, *runs):
        shape = witness.layout.shape(name)
        made[number][name] = prompts.give_slot(prompts.join(parts), tokens.total, shape)
    return made
