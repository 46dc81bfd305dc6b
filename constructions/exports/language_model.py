"""A causal witness as the weights of an unmodified GPT2LMHeadModel: token ids in, logits out.

Stream, layer norms and softmax heads are as in `gpt2.py`: a unit is a pair +v, -v beside +N, -N,
and a head is a head. Here nothing stands in the prompt twice, since the witness is causal itself.
What a token says of itself is its embedding, what its number says are learned positions, and
whatever reads the pair of N is a bias. An MLP of GELUs is one.

Queries are multiplied by the root of a head's size, by which GPT-2 divides scores. Heads and hidden
units that a layer has not, but others have, write nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from proofs.exact import nearest_float
from proofs.layer import MLP, Head, Layer
from proofs.prompt import encoded
from proofs.stream import Layout

from ..weights import Weights
from .gpt2 import NoExport, Room, config_of, directions, in_floats, norm_of

BODY = "transformer."  # of the names of all tensors but the head's
Entries = Mapping[tuple[int, int], Any]


@dataclass(frozen=True)
class Vocabulary:
    """tokens in the order of their ids; held: {field of a prompt: (tokens, size)}, what each says.

    tied: logits are products of the last hidden state with the tokens' embedding; else they are
    what the witness reads out. settings: of config.json, what ids mean.
    """

    tokens: Sequence[Any]
    held: Mapping[str, Sequence[Sequence[Any]]]
    tied: bool
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class LanguageModel:
    """A witness as config and tensors of a GPT2LMHeadModel, whose tokens are in order of their ids.

    Of the witness's unit u the hidden units u and u + D/2 hold +v and -v.
    """

    witness: Weights
    tokens: Sequence[Any]
    room: Room
    config: dict[str, Any]
    tensors: dict[str, np.ndarray]

    @property
    def directions(self) -> np.ndarray:
        """(units, D): a unit is its direction times the hidden state."""
        return directions(self.room)


def language_model(
    weights: Weights, vocabulary: Vocabulary, positions: int, unit: int, *,
    size: int | None = None, one: str = "", kind: type[np.floating[Any]] = np.float32,
) -> LanguageModel:  # fmt: skip
    """The GPT-2 that runs the witness on texts of up to so many tokens; unit: N, a power of two.

    size: of a head, the least if none is given. one: a slot that is 1 at every token, and holds N
    instead; without any N has a pair of its own.
    Its tensors are floats of a kind. Raises NoExport where it cannot.
    """
    for words in _unsaid(weights, vocabulary):
        raise NoExport(f"{weights.name}: a GPT-2 that reads words cannot say {words}")
    room = room_for(weights, size)
    constant = weights.layout.rows(one)[0] if one else room.constant
    made = _Writer(weights, vocabulary, room, positions, unit, constant)
    config = config_of(
        "GPT2LMHeadModel", room, weights.layers, positions, len(vocabulary.tokens),
        vocabulary.tied, vocabulary.settings,
    )  # fmt: skip
    tensors = {name: in_floats(tensor, kind) for name, tensor in made.tensors()}
    return LanguageModel(weights, vocabulary.tokens, room, config, tensors)


# -- what can be said in it -------------------------------------------------------------------


def _unsaid(weights: Weights, vocabulary: Vocabulary) -> Iterator[str]:
    if weights.free_symbols:
        yield f"the letters {', '.join(sorted(map(str, weights.free_symbols)))}"
    known = {*vocabulary.held, *by_number(weights, 1)}
    for block in weights.prompt.embedding:
        if block.source not in known:
            yield f"an embedding that reads {block.source}"
    for layer in weights.layer_list:
        if layer.norms():
            yield f"a norm of the witness's own (layer {layer.name})"
        mlp = layer.mlp
        if mlp is not None and (mlp.inner is None or mlp.gate or mlp.activation != "gelu"):
            yield f"an MLP that is none of GELUs (layer {layer.name})"
        for head in layer.heads:
            other = head.mask is not None or head.mix is not None or head.null
            if (head.attention, head.keys) != ("softmax", "causal") or other:
                yield f"a head that is not causal softmax attention (layer {layer.name})"


# -- embeddings -------------------------------------------------------------------------------


def by_number(weights: Weights, count: int) -> dict[str, list[list[Any]]]:
    """{field of a prompt: (tokens, size)} of what depends on a token's number alone."""
    prompt = weights.prompt
    texts = prompt.tokens(count - int(prompt.register), 0)
    rows = {name: encoded(rules, texts) for name, rules in prompt.encodings
            if all(rule.names <= {"t"} for rule in rules)}  # fmt: skip
    return rows | {"one": [[1]] * count, "index": [[t] for t in range(count)]}


def embedded(weights: Weights, held: Mapping[str, Sequence[Sequence[Any]]]) -> dict[int, list[Any]]:
    """{unit: its value at each token} of what tokens say in these fields of a prompt, exactly."""
    features = weights.prompt.features
    names = {row: (slot.name, i) for slot in features.slots
             for i, row in enumerate(features.rows(slot.name))}  # fmt: skip
    found: dict[int, list[Any]] = {}
    for (unit, row), weight in weights.prompt.embedding.entries(weights.layout, features).items():
        name, i = names[row]
        if name in held:
            said = [weight * token[i] for token in held[name]]
            found[unit] = [a + b for a, b in zip(found[unit], said)] if unit in found else said
    return found


# -- matrices ---------------------------------------------------------------------------------


def head_weights(head: Head, stream: Layout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(features, units) of the query and of the key; (units written, units read) of the value."""
    names, queries = head.key.features(stream, {}), head.query.features(stream, {})
    order = [queries.rows(slot.name)[i] for slot in names.slots for i in range(slot.size)]
    query = _dense(head.query.entries(queries, stream), (queries.width, stream.width))[order]
    key = _dense(head.key.entries(names, stream), (names.width, stream.width))
    return query, key, _dense(head.value.entries(stream, stream), (stream.width,) * 2)


def mlp_weights(mlp: MLP | None, stream: Layout) -> tuple[np.ndarray, np.ndarray]:
    """(hidden units, units) and (units, hidden units)."""
    if mlp is None:
        return np.zeros((0, stream.width)), np.zeros((stream.width, 0))
    assert mlp.inner is not None
    hidden = mlp.hidden(stream)
    inner = _dense(mlp.inner.entries(hidden, stream), (hidden.width, stream.width))
    return inner, _dense(mlp.outer.entries(stream, hidden), (stream.width, hidden.width))


def _dense(entries: Entries, shape: tuple[int, int]) -> np.ndarray:
    made = np.zeros(shape)
    for at, value in entries.items():
        made[at] = nearest_float(value)
    return made


def room_for(weights: Weights, size: int | None = None) -> Room:
    """The least room that the witness fits into, in heads of that size if one is given."""
    most = max(map(len, (layer.heads for layer in weights.layer_list)))
    hidden = max(1, *(len(mlp_weights(one.mlp, weights.layout)[0]) for one in weights.layer_list))
    if size is not None:
        heads = max(most, -(-2 * weights.width // size))
        return Room(weights.width, heads * size, heads, size, hidden, ())
    size = 1
    for layer in weights.layer_list:
        for head in layer.heads:
            query, _, value = head_weights(head, weights.layout)
            size = max(size, len(query), len(_carried(value)))
    width = 2 * (weights.width + 1)
    heads = max(most, width // size)
    size = max(size, -(-width // heads))
    size += heads * size % 2  # D is even
    return Room(weights.width, heads * size, heads, size, hidden, ())


def _carried(value: np.ndarray) -> np.ndarray:
    """The units that a head reads to write."""
    return np.flatnonzero(value.any(axis=0))


# -- tensors ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Writer:
    """constant: the unit that holds N."""

    weights: Weights
    vocabulary: Vocabulary
    room: Room
    positions: int
    unit: int
    constant: int

    def tensors(self) -> Iterator[tuple[str, np.ndarray]]:
        places = self._embedded(by_number(self.weights, self.positions), self.positions)
        places[:, self.constant] = self.unit
        words = self._embedded(self.vocabulary.held, len(self.vocabulary.tokens))
        yield f"{BODY}wte.weight", self._pairs(words)
        yield f"{BODY}wpe.weight", self._pairs(places)
        for name, tensor in norm_of("ln_f", self.room, self.unit):
            yield BODY + name, tensor
        for number, layer in enumerate(self.weights.layer_list):
            for name, tensor in self._block(layer):
                yield f"{BODY}h.{number}.{name}", tensor
        if not self.vocabulary.tied:
            readout = self.weights.readout
            rows = list(self.weights.layout.rows(readout.slot))
            logits = np.eye(self.room.half)[rows] * nearest_float(readout.coefficient)
            yield "lm_head.weight", self._pairs(logits / 2)

    def _embedded(self, held: Mapping[str, Sequence[Sequence[Any]]], count: int) -> np.ndarray:
        rows = np.zeros((count, self.room.half))
        for unit, values in embedded(self.weights, held).items():
            rows[:, unit] = list(map(nearest_float, values))
        return rows

    def _pairs(self, rows: np.ndarray) -> np.ndarray:
        """(…, units) as (…, D): +v, and -v in the other half."""
        half = np.zeros((*rows.shape[:-1], self.room.half))
        half[..., : rows.shape[-1]] = rows
        return np.concatenate([half, -half], axis=-1)

    def _reads(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights (D, rows) that read half of each difference, and a bias (rows,)."""
        biased = np.arange(rows.shape[1]) == self.constant
        return self._pairs(np.where(biased, 0, rows) / 2).T, rows @ biased

    def _block(self, layer: Layer) -> Iterator[tuple[str, np.ndarray]]:
        for name in ("ln_1", "ln_2"):
            yield from norm_of(name, self.room, self.unit)
        yield from self._attention(layer.heads)
        yield from self._mlp(layer.mlp)

    def _attention(self, heads: Sequence[Head]) -> Iterator[tuple[str, np.ndarray]]:
        width, size = self.room.width, self.room.size
        read, bias = np.zeros((width, 3, width)), np.zeros((3, width))
        write = np.zeros((width, width))
        for start, head in zip(range(0, width, size), heads):
            query, key, value = head_weights(head, self.weights.layout)
            carried = _carried(value)
            for part, rows in enumerate((sqrt(size) * query, key, np.eye(len(value))[carried])):
                at = slice(start, start + len(rows))
                read[:, part, at], bias[part, at] = self._reads(rows)
            write[start : start + len(carried)] = self._pairs(value[:, carried].T)
        yield "attn.c_attn.weight", read.reshape(width, -1)
        yield "attn.c_attn.bias", bias.ravel()
        yield "attn.c_proj.weight", write
        yield "attn.c_proj.bias", np.zeros(width)

    def _mlp(self, mlp: MLP | None) -> Iterator[tuple[str, np.ndarray]]:
        width, hidden = self.room.width, self.room.hidden
        inner, outer = mlp_weights(mlp, self.weights.layout)
        count = len(inner)
        read, bias = np.zeros((width, hidden)), np.zeros(hidden)
        write = np.zeros((hidden, width))
        read[:, :count], bias[:count] = self._reads(inner)
        write[:count] = self._pairs(outer.T)
        yield "mlp.c_fc.weight", read
        yield "mlp.c_fc.bias", bias
        yield "mlp.c_proj.weight", write
        yield "mlp.c_proj.bias", np.zeros(width)
