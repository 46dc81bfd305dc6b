"""A witness as the weights of an unmodified GPT-2: layer norms, causal softmax, GELU.

Stream. A unit of the witness is two units here, +v and -v, and reading it is half their difference;
so every mean is 0, and what rounding makes of a mean cancels. One more pair is +N and -N. A layer
norm divides by sqrt(2 (N² + |v|²) / D), which its gain undoes up to a relative error |v|²/(2 N²).

Attention. The first token is a sink: its value is 0 and its score C, where all others are small. So
the weight of key j is exp(s_j - C) up to a relative error n exp(-C): an exponential without a
denominator. A linear head is pairs of heads with scores r tau s and -r tau s, whose difference is
2 sinh(r tau s) exp(-C), combined as `differences.py` says. A softmax head is one head that does not
see the sink. Of the copies of the examples (`copies.py`) all but one have 256 less as score.

MLP. gelu(u) - gelu(-u) = u, exactly: a linear MLP is pairs of hidden units.

What the sink holds is 0 to the last bit, in any order of adding up, since keys, values and hidden
units each read one pair of units, or two, by weights 1/2 and -1/2, and other weights come after:
what is not 0 there would be multiplied by exp(C).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import exp, isfinite, sqrt
from typing import Any

import numpy as np

from proofs.exact import nearest_float
from proofs.layer import MLP, Head, Layer
from proofs.prompt import Prompt

from ..weights import Weights
from .copies import Copies, copies
from .differences import coefficients

EPSILON = 1e-5  # of every layer norm, GPT-2's own
FAR = 256  # the score of a key that is not to be seen, below the others: a power of two
POSITIONS = 1024
TOGETHER = 2  # the most units that are carried as one number
KINDS = ("linear", "softmax", "exponential")
# of config.json where prompts are no token ids; a text of one begins with it
NO_TOKENS: Mapping[str, Any] = {"bos_token_id": 0, "eos_token_id": 0, "use_cache": False}
Entries = Mapping[tuple[int, int], Any]


class NoExport(ValueError):
    """The witness has something that GPT-2 cannot do, by name."""


@dataclass(frozen=True)
class Constants:
    """The free constants. pairs: of heads for a linear one; sink: C; unit: N, a power of two.

    scales: tau of each head of each layer, of a linear head; others take no notice.
    Raises ValueError where they are no such numbers.
    """

    pairs: int
    sink: float
    unit: int
    scales: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        whole = all(isinstance(one, int) and one > 0 for one in (self.pairs, self.unit))
        if not whole or self.unit & (self.unit - 1):
            raise ValueError(f"pairs {self.pairs!r} and unit {self.unit!r}: whole, a power of two")
        scales = [scale for row in self.scales for scale in row]
        for one in (self.sink, *scales):
            if not (isinstance(one, (int, float)) and isfinite(one) and one >= 0):
                raise ValueError(f"the sink and the scales are numbers from 0, not {one!r}")
        if 0 in scales:
            raise ValueError("a scale of 0")


def in_floats(tensor: np.ndarray, kind: type[np.floating[Any]]) -> np.ndarray:
    """The tensor, in floats of a kind; what those do not hold is infinite, and has no bound."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(tensor, dtype=kind)


@dataclass(frozen=True)
class Checkpoint:
    """config and tensors of a GPT-2, and what turns prompts into its inputs.

    example (d + 1, D) and query (d, D) make tokens of (x, y) and of a query; roles (copies + 1, D)
    are added to those of each copy, the last to the queries; the prediction is the last hidden
    state of a query's token times readout (D,). units: of the witness's unit u the hidden units
    u and u + D/2 hold +v and -v.

    directions (units, D): a unit is its direction times the hidden state. places: of each block,
    where its heads are, in the order of the layer's own.
    """

    config: dict[str, Any]
    tensors: dict[str, np.ndarray]
    example: np.ndarray
    query: np.ndarray
    roles: np.ndarray
    readout: np.ndarray
    directions: np.ndarray
    places: tuple[tuple[int, ...], ...]
    copies: Copies = field(repr=False)


@dataclass(frozen=True)
class Room:
    """Where things are: D = `width` hidden units, `heads` of `size` units, `hidden` of an MLP.

    A GPT-2 has heads * size = D; before it is turned (`disguise.py`) its pairs may take more.
    A role is a slot of a token that is 0 in one copy, -1 elsewhere; `roles` says of which copy, and
    whether the sink is seen with it.
    """

    units: int
    width: int
    heads: int
    size: int
    hidden: int
    roles: tuple[tuple[int, bool], ...]

    @property
    def half(self) -> int:
        return self.width // 2

    @property
    def across(self) -> int:
        """The places of all heads."""
        return self.heads * self.size

    @property
    def constant(self) -> int:
        """The unit that holds N."""
        return self.units + len(self.roles)


def checkpoint(
    weights: Weights, constants: Constants, room: Room | None = None, *,
    kind: type[np.floating[Any]] = np.float32,
) -> Checkpoint:  # fmt: skip
    """The GPT-2 that runs the witness, in more room than it needs where some is given.

    Its tensors are floats of a kind. Raises NoExport where it cannot.
    """
    refuse(weights)
    if [len(row) for row in constants.scales] != [len(one.heads) for one in weights.layer_list]:
        raise NoExport(f"{weights.name}: there has to be a scale for each head of each layer")
    order = copies(weights)
    room = room or room_for(weights, order, constants.pairs)
    tensors = dict(_ends(room, constants))
    for number, layer in enumerate(weights.layer_list):
        made = _Block(weights, room, constants, order.reads[number])
        tensors |= {f"h.{number}.{name}": tensor for name, tensor in made.tensors(layer, number)}
    example, query, roles = _embedding(weights.prompt, weights, room, order)
    readout = np.zeros(room.width)
    for unit in weights.layout.rows(weights.readout.slot):
        add_pair(readout, unit, room, nearest_float(weights.readout.coefficient) / 2)
    return Checkpoint(
        config_of("GPT2Model", room, max(weights.layers, 1)),
        {name: in_floats(one, kind) for name, one in tensors.items()},
        example, query, roles, readout, directions(room),
        (tuple(range(room.heads)),) * weights.layers, order,
    )  # fmt: skip


# -- what can be said in it -------------------------------------------------------------------


def refuse(weights: Weights) -> None:
    """Raises NoExport with the first thing that this writer has no way to say."""
    for words in _unsaid(weights):
        raise NoExport(f"{weights.name}: GPT-2's layers cannot say {words}")


def _unsaid(weights: Weights) -> Iterator[str]:
    prompt = weights.prompt
    if weights.free_symbols:
        letters = ", ".join(sorted(map(str, weights.free_symbols)))
        yield f"the letters {letters}: give them numbers"
    if prompt.form != "joint" or prompt.register or prompt.parts or prompt.targets != 1:
        yield "prompts other than tokens (x, y) and queries x"
    for block in prompt.embedding:
        if block.source not in ("x", "y", "one", "query", "x_example", "x_query"):
            yield f"an embedding that reads {block.source}"
    if weights.readout.tokens != "query" or weights.prediction_size != 1:
        yield "a prediction that is not one number at a query"
    for layer in weights.layer_list:
        yield from (f"{words} (layer {layer.name})" for words in _unsaid_of(layer))


def _unsaid_of(layer: Layer) -> Iterator[str]:
    if layer.norms():
        yield "a norm of the witness's own"
    for head in layer.heads:
        if head.attention not in KINDS:
            yield f"{head.attention} attention"
        if head.keys != "context":
            yield f"a head whose keys are {head.keys}"
        if head.mask is not None or head.mix is not None or head.null or head.average:
            yield "a head with a mask, a mix, a null key or an average"
    mlp = layer.mlp
    if mlp is not None and (mlp.gate is not None or mlp.activation != "identity"):
        yield f"an MLP that is not linear ({mlp.activation}{', gated' if mlp.gate else ''})"


# -- sizes ------------------------------------------------------------------------------------


def room_for(weights: Weights, order: Copies, pairs: int) -> Room:
    """The least room that the witness fits into, `pairs` of heads for each linear one."""
    least = needs(weights, order, pairs)
    size = max(least.size, -(-least.width // least.heads))
    size += least.heads * size % 2  # D is even
    return replace(least, width=least.heads * size, size=size)


def needs(weights: Weights, order: Copies, pairs: int) -> Room:
    """What any room for it has at least: D, heads, their size and the hidden units, one by one."""
    roles: dict[tuple[int, bool], None] = {}
    heads, size, hidden = 1, 1, 1
    for copy, layer in zip(order.reads, weights.layer_list):
        many = 0
        for head in layer.heads:
            roles[copy, head.attention != "softmax"] = None
            many += 2 * pairs if head.attention == "linear" else 1
            size = max(size, len(scores_of(weights, head)[0]) + 1, len(values(weights, head)[0]))
        heads = max(heads, many)
        if layer.mlp is not None:
            hidden = max(hidden, 2 * len(_linear(weights, layer.mlp)[0]))
    width = 2 * (weights.width + len(roles) + 1)
    return Room(weights.width, width, heads, size, hidden, tuple(roles))


def _by_source(entries: Entries) -> tuple[list[int], list[tuple[int, int, float]]]:
    """The units that are read, in order, and (place among them, row, weight)."""
    sources = sorted({column for _, column in entries})
    place = {unit: i for i, unit in enumerate(sources)}
    return sources, [(place[c], r, nearest_float(w)) for (r, c), w in entries.items()]


def products(weights: Weights, head: Head) -> dict[tuple[int, int], Any]:
    """Of a head's score {(unit of the query, unit of the key): weight}."""
    features = head.query.features(weights.layout, {})
    query = head.query.entries(features, weights.layout)
    names = head.key.features(weights.layout, {})
    key = head.key.entries(names, weights.layout)
    rows = {names.rows(slot.name)[i]: features.rows(slot.name)[i]
            for slot in names.slots for i in range(slot.size)}  # fmt: skip
    product: dict[tuple[int, int], Any] = {}
    for (f, unit), w in key.items():
        for (g, other), v in query.items():
            if rows[f] == g:
                product[other, unit] = product.get((other, unit), 0) + w * v
    return product


def scores_of(weights: Weights, head: Head) -> tuple[list[int], list[tuple[int, int, float]]]:
    """Units that keys hold; (place among them, unit of the query, weight in the score)."""
    return _by_source(products(weights, head))


def values(
    weights: Weights, head: Head
) -> tuple[list[dict[int, int]], list[tuple[int, int, float]]]:
    """What heads carry, sums of units with signs; (place among them, unit written, weight).

    Where all that one unit receives has one size, such as eta (y - f), it is carried as one number:
    of two units at most, as 3/2 of what a norm leaves in an empty unit is rounded (above).
    """
    rows: dict[int, dict[int, Any]] = {}
    for (row, unit), weight in head.value.entries(weights.layout, weights.layout).items():
        rows.setdefault(row, {})[unit] = weight
    carried: dict[tuple[tuple[int, int], ...], int] = {}
    made = []
    for row, read in rows.items():
        size = abs(next(iter(read.values())))
        if len(read) <= TOGETHER and all(abs(weight) == size for weight in read.values()):
            signs = tuple((unit, 1 if weight > 0 else -1) for unit, weight in read.items())
            made.append((carried.setdefault(signs, len(carried)), row, nearest_float(size)))
            continue
        for unit, weight in read.items():
            place = carried.setdefault(((unit, 1),), len(carried))
            made.append((place, row, nearest_float(weight)))
    return [dict(signs) for signs in carried], made


def _linear(weights: Weights, mlp: MLP) -> tuple[list[int], list[tuple[int, int, float]]]:
    """Units that a linear MLP reads; (place among them, unit written, weight)."""
    hidden = mlp.hidden(weights.layout)
    outer = mlp.outer.entries(weights.layout, hidden)
    if mlp.inner is None:
        return _by_source(outer)
    inner = mlp.inner.entries(hidden, weights.layout)
    product: dict[tuple[int, int], Any] = {}
    for (row, h), w in outer.items():
        for (g, unit), v in inner.items():
            if g == h:
                product[row, unit] = product.get((row, unit), 0) + w * v
    return _by_source(product)


# -- tensors ----------------------------------------------------------------------------------


def directions(room: Room) -> np.ndarray:
    """(units, D): a unit is half the difference of its pair."""
    made = np.zeros((room.units, room.width))
    for unit, row in enumerate(made):
        add_pair(row, unit, room, 0.5)
    return made


def add_pair(to: np.ndarray, unit: int, room: Room, value: float) -> None:
    """+value at the unit, -value at its twin, along the first axis."""
    to[unit] += value
    to[unit + room.half] -= value


def gain(width: int, unit: int) -> float:
    """What undoes a layer norm over +N, -N and zeros."""
    return sqrt((unit * unit + width * EPSILON / 2) * 2 / width)


def _ends(room: Room, constants: Constants) -> Iterator[tuple[str, np.ndarray]]:
    """Position 0 is the sink; every position holds N."""
    places = np.zeros((POSITIONS, room.width))
    for number, (_, sees_sink) in enumerate(room.roles):
        add_pair(places[0], room.units + number, room, constants.sink / FAR if sees_sink else -1.0)
    add_pair(places.T, room.constant, room, float(constants.unit))
    yield "wpe.weight", places
    yield "wte.weight", np.zeros((1, room.width))
    yield from norm_of("ln_f", room, constants.unit)


def norm_of(name: str, room: Room, unit: int) -> Iterator[tuple[str, np.ndarray]]:
    yield f"{name}.weight", np.full(room.width, gain(room.width, unit))
    yield f"{name}.bias", np.zeros(room.width)


def _embedding(
    prompt: Prompt, weights: Weights, room: Room, order: Copies
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """example (d + 1, D), query (d, D) and roles (copies + 1, D)."""
    d = weights.d
    example, query = np.zeros((d + 1, room.width)), np.zeros((d, room.width))
    roles = np.zeros((order.count + 1, room.width))
    for number, (copy, _) in enumerate(room.roles):
        for at in range(order.count + 1):
            add_pair(roles[at], room.units + number, room, 0.0 if at == copy else -1.0)
    names = {row: (slot.name, i) for slot in prompt.features.slots
             for i, row in enumerate(prompt.features.rows(slot.name))}  # fmt: skip
    for (unit, row), entry in prompt.embedding.entries(weights.layout, prompt.features).items():
        (name, i), value = names[row], nearest_float(entry)
        if name in ("x", "x_example"):
            add_pair(example[i], unit, room, value)
        if name in ("x", "x_query"):
            add_pair(query[i], unit, room, value)
        if name == "y":
            add_pair(example[d], unit, room, value)
        if name == "one":
            add_pair(roles.T, unit, room, value)
        if name == "query":
            add_pair(roles[-1], unit, room, value)
    return example, query, roles


@dataclass(frozen=True)
class _Block:
    """One of GPT-2's blocks, whose heads read `copy`."""

    weights: Weights
    room: Room
    constants: Constants
    copy: int

    def tensors(self, layer: Layer, number: int) -> Iterator[tuple[str, np.ndarray]]:
        for name in ("ln_1", "ln_2"):
            yield from norm_of(name, self.room, self.constants.unit)
        yield from self._attention(layer.heads, self.constants.scales[number])
        yield from self._mlp(layer.mlp)

    def _attention(
        self, heads: Sequence[Head], scales: Sequence[float]
    ) -> Iterator[tuple[str, np.ndarray]]:
        width, across = self.room.width, self.room.across
        read, bias, write = (
            np.zeros((width, 3 * across)),
            np.zeros(3 * across),
            np.zeros((across, width)),
        )
        at = 0
        for head, scale in zip(heads, scales):
            for factor, weight in self._parts(head.attention, scale):
                start = at * self.room.size
                self._score(head, factor, read, bias, start)
                carried, entries = values(self.weights, head)
                for place, signs in enumerate(carried):
                    for unit, sign in signs.items():
                        add_pair(read[:, 2 * across + start + place], unit, self.room, sign / 2)
                for place, unit, value in entries:
                    add_pair(write[start + place], unit, self.room, value * weight)
                at += 1
        yield "attn.c_attn.weight", read
        yield "attn.c_attn.bias", bias
        yield "attn.c_proj.weight", write
        yield "attn.c_proj.bias", np.zeros(width)

    def _parts(self, attention: str, scale: float) -> Iterator[tuple[float, float]]:
        """(factor of the score, weight of what is read) of each head for one of the witness's."""
        if attention == "softmax":
            yield 1.0, 1.0
        elif attention == "exponential":
            yield 1.0, exp(self.constants.sink)
        else:
            for r, c in enumerate(coefficients(self.constants.pairs), start=1):
                weight = float(c) * exp(self.constants.sink) / (2 * scale)
                yield from ((r * scale, weight), (-r * scale, -weight))

    def _score(
        self, head: Head, factor: float, read: np.ndarray, bias: np.ndarray, start: int
    ) -> None:
        """Queries are multiplied by sqrt(size), by which GPT-2 divides scores."""
        room, root = self.room, sqrt(self.room.size)
        sources, entries = scores_of(self.weights, head)
        for place, unit in enumerate(sources):
            add_pair(read[:, room.across + start + place], unit, room, 0.5)
        for place, unit, value in entries:
            add_pair(read[:, start + place], unit, room, value * factor * root / 2)
        role = room.units + room.roles.index((self.copy, head.attention != "softmax"))
        add_pair(read[:, room.across + start + len(sources)], role, room, 0.5)
        bias[start + len(sources)] = FAR * root

    def _mlp(self, mlp: MLP | None) -> Iterator[tuple[str, np.ndarray]]:
        width, hidden = self.room.width, self.room.hidden
        read, write = np.zeros((width, hidden)), np.zeros((hidden, width))
        sources, entries = _linear(self.weights, mlp) if mlp is not None else ([], [])
        for place, unit in enumerate(sources):
            add_pair(read[:, 2 * place], unit, self.room, 0.5)
            add_pair(read[:, 2 * place + 1], unit, self.room, -0.5)
        for place, unit, value in entries:
            add_pair(write[2 * place], unit, self.room, value)
            add_pair(write[2 * place + 1], unit, self.room, -value)
        yield "mlp.c_fc.weight", read
        yield "mlp.c_fc.bias", np.zeros(hidden)
        yield "mlp.c_proj.weight", write
        yield "mlp.c_proj.bias", np.zeros(width)


def config_of(
    architecture: str, room: Room, layers: int, positions: int = POSITIONS, vocabulary: int = 1,
    tied: bool | None = None, settings: Mapping[str, Any] = NO_TOKENS,
) -> dict[str, Any]:  # fmt: skip
    """config.json of a GPT-2. tied: whether logits are products with the embedding, of a language
    model; settings: which ids of tokens have a meaning, and what is to be done with a text."""
    return {
        "architectures": [architecture],
        "model_type": "gpt2",
        "n_layer": layers,
        "n_embd": room.width,
        "n_head": room.heads,
        "n_inner": room.hidden,
        "n_positions": positions,
        "vocab_size": vocabulary,
        **({"tie_word_embeddings": False} if tied is False else {}),
        "activation_function": "gelu_new",
        "layer_norm_epsilon": EPSILON,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "scale_attn_weights": True,
        **({"tie_word_embeddings": True} if tied else {}),
        **settings,
        "dtype": "float32",
    }
