"""A witness that reads its examples one after the other, as the weights of an unmodified GPT-2.

Such a witness gates: a slot is written at the token of one example alone, and the heads that read
it read that example, whatever `keys` they have. So each layer reads one token, which is before all
tokens that still need it: a causal mask takes away nothing, and the examples stand in the prompt
once. Positions say which is which: `wpe` holds, for every example, a role that is 0 there and at
the sink and -1 elsewhere.

Stream, norms, and what linear MLPs are: as in `gpt2.py`.

Heads. A head reads the token of its example and the sink, whose value and score are 0: weights of
keys are sigma(score), and several heads add up to the function of the score that the witness's
attention is (`sigmoids.py`).

Gates. gelu(v + G r) - gelu(-v + G r), r the role: v, exactly, where r is 0, and nothing where it is
-1, G being far beyond |v|.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from typing import Any

import numpy as np

from proofs.exact import nearest_float
from proofs.layer import MLP, Head, Layer

from ..weights import Weights
from .copies import Copies, keys
from .gpt2 import (
    FAR,
    POSITIONS,
    Checkpoint,
    NoExport,
    Room,
    add_pair,
    config_of,
    directions,
    in_floats,
    norm_of,
    scores_of,
    values,
)
from .sigmoids import Sigmoids

GATE = 32  # a power of two; what a gate lets through is below half of it
LINEAR = -1  # in place of an example: for every token


@dataclass(frozen=True)
class Constants:
    """The free constants. unit: N, a power of two; attention: the sigmoids of each kind of head.

    Raises ValueError where they are no such numbers.
    """

    unit: int
    attention: Mapping[str, Sigmoids]

    def __post_init__(self) -> None:
        whole = isinstance(self.unit, int) and self.unit > 0
        if not whole or self.unit & (self.unit - 1):
            raise ValueError(f"unit {self.unit!r}: a power of two")


@dataclass(frozen=True)
class Schedule:
    """reads: of each layer the example that its heads read, or None without heads."""

    examples: int
    reads: tuple[int | None, ...]


def is_one_by_one(weights: Weights) -> bool:
    """Whether a witness is meant to be written so: its tokens know which example they are."""
    return weights.prompt.positions > 0


def schedule(weights: Weights) -> Schedule:
    """Which example each layer reads. Raises NoExport with what stands in the way."""
    for words in _unsaid(weights):
        raise NoExport(f"{weights.name}: GPT-2's layers cannot say {words}")
    only: dict[int, int] = {}  # units that hold 0 at every token but that of this example
    reads = []
    for layer in weights.layer_list:
        found = {only.get(unit, LINEAR) for head in layer.heads for unit in keys(weights, head)}
        if found == {LINEAR} or len(found) > 1:
            raise NoExport(
                f"{weights.name}: the heads of layer {layer.name} read more than one example"
            )
        reads.append(next(iter(found), None))
        for head in layer.heads:
            entries = head.query.entries(head.query.features(weights.layout, {}), weights.layout)
            asks = {only.get(unit, LINEAR) for _, unit in entries}
            for unit, _ in head.value.entries(weights.layout, weights.layout):
                if asks != {only.get(unit)}:
                    only.pop(unit, None)
        if layer.mlp is not None:
            _written(weights, layer.mlp, only)
    return Schedule(weights.prompt.positions, tuple(reads))


def _written(weights: Weights, mlp: MLP, only: dict[int, int]) -> None:
    """What an MLP leaves: a unit that it clears, and then writes through one gate."""
    entries, before = gated(weights, mlp), dict(only)
    for row in {row for _, row, _ in entries}:
        terms = {at: c for at, to, c in entries if to == row}
        cleared = terms.pop((row, LINEAR), 0) == -1
        gates = {before.get(unit, LINEAR) if g == LINEAR else g for unit, g in terms}
        if not cleared:
            gates.add(before.get(row, LINEAR))
        if len(gates) == 1 and LINEAR not in gates:
            only[row] = next(iter(gates))
        else:
            only.pop(row, None)


def checkpoint(
    weights: Weights, constants: Constants, *, kind: type[np.floating[Any]] = np.float32
) -> Checkpoint:
    """The GPT-2 that runs the witness. Its tensors are floats of a kind.

    Raises NoExport where it cannot.
    """
    plan = schedule(weights)
    room = room_for(weights, constants)
    tensors = dict(_ends(weights, room, constants))
    for number, (layer, read) in enumerate(zip(weights.layer_list, plan.reads)):
        block = _Block(weights, room, constants, read)
        tensors |= {f"h.{number}.{name}": tensor for name, tensor in block.tensors(layer)}
    example, query = _embedding(weights, room)
    readout = np.zeros(room.width)
    for unit in weights.layout.rows(weights.readout.slot):
        add_pair(readout, unit, room, nearest_float(weights.readout.coefficient) / 2)
    order = Copies((0,) * weights.layers, 1, ())
    return Checkpoint(
        config_of("GPT2Model", room, max(weights.layers, 1)),
        {name: in_floats(one, kind) for name, one in tensors.items()},
        example, query, np.zeros((2, room.width)), readout, directions(room),
        (tuple(range(room.heads)),) * weights.layers, order,
    )  # fmt: skip


# -- what can be said in it -------------------------------------------------------------------


def _unsaid(weights: Weights) -> Iterator[str]:
    prompt = weights.prompt
    if weights.free_symbols:
        letters = ", ".join(sorted(map(str, weights.free_symbols)))
        yield f"the letters {letters}: give them numbers"
    if prompt.form != "joint" or prompt.register or prompt.parts or prompt.targets != 1:
        yield "prompts other than tokens (x, y) and queries x"
    for block in prompt.embedding:
        if block.source not in ("x", "y", "one", "position"):
            yield f"an embedding that reads {block.source}"
        elif block.source in ("one", "position") and (block.coefficient != 1 or block.matrix):
            yield f"a multiple of {block.source}"
    if weights.readout.tokens != "query" or weights.prediction_size != 1:
        yield "a prediction that is not one number at a query"
    if LINEAR not in _flags(weights).values():
        yield "offsets of scores without a unit that is 1 at every token"
    for layer in weights.layer_list:
        yield from (f"{words} (layer {layer.name})" for words in _unsaid_of(weights, layer))


def _unsaid_of(weights: Weights, layer: Layer) -> Iterator[str]:
    if layer.norms():
        yield "a norm of the witness's own"
    for head in layer.heads:
        if head.attention not in ("linear", "normalised") or head.null != (
            head.attention == "normalised"
        ):
            yield f"{head.attention} attention{' with' if head.null else ' without'} a null key"
        if head.keys != "context":
            yield f"a head whose keys are {head.keys}"
        if head.mask is not None or head.mix is not None or head.average:
            yield "a head with a mask, a mix or an average"
    mlp = layer.mlp
    if mlp is None:
        return
    if mlp.activation != "identity" or mlp.inner is None:
        yield f"an MLP of another form ({mlp.activation})"
    elif mlp.gate is not None:
        flags = _flags(weights)
        gates = mlp.gate.entries(mlp.hidden(weights.layout), weights.layout)
        of_one = len({hidden for hidden, _ in gates}) == len(gates)
        if not of_one or any(unit not in flags or c != 1 for (_, unit), c in gates.items()):
            yield "an MLP that multiplies by what is no flag of an example"


@lru_cache(maxsize=8)
def _flags(weights: Weights) -> Mapping[int, int]:
    """Units that are 1 at one example and 0 elsewhere, or 1 everywhere (LINEAR)."""
    written = {unit for layer in weights.layer_list for unit in _rows(weights, layer)}
    flags = _embedded_flags(weights)
    return {unit: at for unit, at in flags.items() if unit not in written}


def one_of(weights: Weights) -> int:
    """The unit that is 1 at every token: heads read it for the offsets of their scores."""
    return next(unit for unit, at in _flags(weights).items() if at == LINEAR)


def _rows(weights: Weights, layer: Layer) -> set[int]:
    stream = weights.layout
    rows = {row for head in layer.heads for row, _ in head.value.entries(stream, stream)}
    if layer.mlp is not None:
        rows |= {row for row, _ in layer.mlp.outer.entries(stream, layer.mlp.hidden(stream))}
    return rows


def gated(weights: Weights, mlp: MLP) -> list[tuple[tuple[int, int], int, Any]]:
    """((unit that is read, example of the gate or LINEAR), unit written, weight)."""
    assert mlp.inner is not None
    hidden, flags = mlp.hidden(weights.layout), _flags(weights)
    gates = {h: LINEAR for h in range(hidden.width)}
    if mlp.gate is not None:
        gates = {h: flags[u] for h, u in mlp.gate.entries(hidden, weights.layout)}
    reads: dict[int, list[tuple[int, Any]]] = {}
    for (h, unit), c in mlp.inner.entries(hidden, weights.layout).items():
        reads.setdefault(h, []).append((unit, c))
    made: dict[tuple[tuple[int, int], int], Any] = {}
    for (row, h), w in mlp.outer.entries(weights.layout, hidden).items():
        for unit, c in reads.get(h, ()) if h in gates else ():
            at = (unit, gates[h]), row
            made[at] = made.get(at, 0) + w * c
    return [(source, row, weight) for (source, row), weight in made.items()]


# -- sizes and tensors ------------------------------------------------------------------------


def room_for(weights: Weights, constants: Constants) -> Room:
    """The least room that the witness fits into."""
    examples = weights.prompt.positions
    width = 2 * (weights.width + examples + 1)
    heads, size, hidden = 1, 1, 1
    for layer in weights.layer_list:
        heads = max(heads, sum(constants.attention[one.attention].heads for one in layer.heads))
        for head in layer.heads:
            size = max(size, len(scores_of(weights, head)[0]) + 2, len(values(weights, head)[0]))
        if layer.mlp is not None:
            hidden = max(hidden, 2 * len({at for at, _, _ in gated(weights, layer.mlp)}))
    size = max(size, -(-width // heads))
    size += heads * size % 2
    roles = tuple((example, True) for example in range(examples))
    return Room(weights.width, heads * size, heads, size, hidden, roles)


def _ends(weights: Weights, room: Room, constants: Constants) -> Iterator[tuple[str, np.ndarray]]:
    """Position 0 is the sink, then the examples, then queries: flags, roles, and N everywhere."""
    places = np.zeros((POSITIONS, room.width))
    for unit, at in _embedded_flags(weights).items():
        add_pair(places[1:].T if at == LINEAR else places[1 + at], unit, room, 1.0)
    for example in range(len(room.roles)):
        add_pair(places[1:].T, room.units + example, room, -1.0)
        add_pair(places[1 + example], room.units + example, room, 1.0)
    add_pair(places.T, room.constant, room, float(constants.unit))
    yield "wpe.weight", places
    yield "wte.weight", np.zeros((1, room.width))
    yield from norm_of("ln_f", room, constants.unit)


def _embedded_flags(weights: Weights) -> dict[int, int]:
    """Units that the embedding makes such flags."""
    features = weights.prompt.features
    places = {row: at for at, row in enumerate(features.rows("position"))}
    places[features.rows("one")[0]] = LINEAR
    entries = weights.prompt.embedding.entries(weights.layout, features)
    return {unit: places[source] for unit, source in entries if source in places}


def _embedding(weights: Weights, room: Room) -> tuple[np.ndarray, np.ndarray]:
    """example (d + 1, D) and query (d, D)."""
    d, features = weights.d, weights.prompt.features
    example, query = np.zeros((d + 1, room.width)), np.zeros((d, room.width))
    xs, ys = features.rows("x"), features.rows("y")
    for (unit, row), entry in weights.prompt.embedding.entries(weights.layout, features).items():
        value = nearest_float(entry)
        if row in xs:
            add_pair(example[row - xs[0]], unit, room, value)
            add_pair(query[row - xs[0]], unit, room, value)
        if row in ys:
            add_pair(example[d], unit, room, value)
    return example, query


@dataclass(frozen=True)
class _Block:
    """One of GPT-2's blocks, whose heads read one example."""

    weights: Weights
    room: Room
    constants: Constants
    example: int | None

    def tensors(self, layer: Layer) -> Iterator[tuple[str, np.ndarray]]:
        for name in ("ln_1", "ln_2"):
            yield from norm_of(name, self.room, self.constants.unit)
        yield from self._attention(layer.heads)
        yield from self._mlp(layer.mlp)

    def _attention(self, heads: Sequence[Head]) -> Iterator[tuple[str, np.ndarray]]:
        width = self.room.width
        read, bias = np.zeros((width, 3 * width)), np.zeros(3 * width)
        write, at = np.zeros((width, width)), 0
        for head in heads:
            made = self.constants.attention[head.attention]
            carried, entries = values(self.weights, head)
            for slope, offset, weight in zip(made.slopes, made.offsets, made.weights):
                start = at * self.room.size
                self._score(head, slope, offset, read, bias, start)
                for place, signs in enumerate(carried):
                    for unit, sign in signs.items():
                        add_pair(read[:, 2 * width + start + place], unit, self.room, sign / 2)
                for place, unit, value in entries:
                    add_pair(write[start + place], unit, self.room, value * weight)
                at += 1
        yield "attn.c_attn.weight", read
        yield "attn.c_attn.bias", bias
        yield "attn.c_proj.weight", write
        yield "attn.c_proj.bias", np.zeros(width)

    def _score(
        self, head: Head, slope: float, offset: float, read: np.ndarray, bias: np.ndarray,
        start: int,
    ) -> None:  # fmt: skip
        """slope s + offset, 256 less at all tokens but the example's and the sink.

        Queries are multiplied by sqrt(size), by which GPT-2 divides scores.
        """
        assert self.example is not None
        room, root = self.room, sqrt(self.room.size)
        sources, entries = scores_of(self.weights, head)
        key = [*sources, one_of(self.weights), room.units + self.example]
        for place, unit in enumerate(key):
            add_pair(read[:, room.width + start + place], unit, room, 0.5)
        for place, unit, value in entries:
            add_pair(read[:, start + place], unit, room, value * slope * root / 2)
        bias[start + len(sources)] = offset * root
        bias[start + len(sources) + 1] = FAR * root

    def _mlp(self, mlp: MLP | None) -> Iterator[tuple[str, np.ndarray]]:
        width, hidden = self.room.width, self.room.hidden
        read, write = np.zeros((width, hidden)), np.zeros((hidden, width))
        places: dict[tuple[int, int], int] = {}
        for (unit, gate), row, weight in gated(self.weights, mlp) if mlp is not None else ():
            place = places.setdefault((unit, gate), 2 * len(places))
            add_pair(write[place], row, self.room, nearest_float(weight))
            add_pair(write[place + 1], row, self.room, -nearest_float(weight))
        for (unit, gate), place in places.items():
            for sign, column in ((0.5, place), (-0.5, place + 1)):
                add_pair(read[:, column], unit, self.room, sign)
                if gate != LINEAR:
                    add_pair(read[:, column], self.room.units + gate, self.room, GATE / 2)
        yield "mlp.c_fc.weight", read
        yield "mlp.c_fc.bias", np.zeros(hidden)
        yield "mlp.c_proj.weight", write
        yield "mlp.c_proj.bias", np.zeros(width)
