"""A GPT-2 in other coordinates: what rotations, permutations and signs leave alone.

Stream. A unit of the witness is a direction b_u of the residual stream, of norm sqrt(2), at right
angles to the others and to the vector of ones: so that every mean is 0, as of pairs, and a layer
norm is what it was. There are no more units than that takes: a sum of few numbers is rounded less.
No unit holds one number of a vector slot and hardly more. N and the roles keep a pair of units
each, anywhere: what is added up with them is rounded as they are. N is 10^4 times a slot, and of
roles a score counts 256 times.

Sink. With it what is read of a slot is 0 no more to the last bit: the mean that a norm subtracts
is rounded, and is read by weights of any size. So the first token is nothing but zeros, which every
norm and every map leave as zeros. A key has one place more, 1 - N'/N of what it reads as N': 1 in
the sink, 0 elsewhere, exactly rounded. A query multiplies it by C.

Scales. What is rounded in a unit is a share of all that a token holds. A slot that is small beside
the others is written larger, by a power of two, and read smaller.

Heads. Queries and keys are turned together, what is carried and what is written of it too; heads
change places. MLP. gelu(u) - gelu(-u) = u in any direction, so hidden units are turned as well.

All numbers come from the raw bits of a seed, by sums and products that no library reorders: so a
seed is the same weights on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count
from math import fsum, sqrt
from typing import Any

import numpy as np

from proofs.layer import MLP, Head, Layer
from proofs.slotmap import SlotMap

from ..weights import Weights
from .copies import Copies, copies
from .gpt2 import (
    Checkpoint,
    Constants,
    NoExport,
    Room,
    checkpoint,
    config_of,
    in_floats,
    needs,
    norm_of,
)

ALONE = 2.0**-30  # of a row of norm 1, what is left of it is beyond all rounding
MIXED = 1 / 16  # the least share that a unit holds of a vector slot beside any one number of it,
DRAWS = 256  # or half of that where so many draws had no such units, and so on


def sees_zeros(weights: Weights) -> bool:
    """Whether the first token is a sink, and so all zeros: softmax heads do not see it."""
    return any(head.attention != "softmax" for one in weights.layer_list for head in one.heads)


def room(weights: Weights, order: Copies, pairs: int) -> Room:
    """The least room, with one place more in each head where there is a sink.

    The directions of the witness's units and the vector of ones take one unit each, at least.
    """
    least = needs(weights, order, pairs)
    width = least.units + 1 + 2 * (len(least.roles) + 1)
    size = max(least.size + sees_zeros(weights), -(-width // least.heads))
    return replace(least, width=least.heads * size, size=size)


def paired(room: Room) -> Room:
    """The same, before it is turned: each unit and role is a pair, and so is N."""
    return replace(room, width=2 * (room.constant + 1))


@dataclass(frozen=True)
class Disguise:
    """A seed, from 0, and by which power of two each slot is written larger, 1 if not named.

    Raises ValueError where they are no such numbers.
    """

    seed: int
    scales: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        for one in (self.seed, *(scale for _, scale in self.scales)):
            if not isinstance(one, int) or isinstance(one, bool) or one < 0:
                raise ValueError(f"a seed and scales are whole numbers from 0, not {one!r}")
        for name, scale in self.scales:
            if scale == 0 or scale & (scale - 1):
                raise ValueError(f"the scale of {name} is no power of two: {scale}")


def disguised(
    weights: Weights, constants: Constants, disguise: Disguise, *,
    kind: type[np.floating[Any]] = np.float32,
) -> Checkpoint:  # fmt: skip
    """`checkpoint`, turned as the seed says. Raises NoExport where that does."""
    larger = scaled(weights, disguise)
    within = room(larger, copies(larger), constants.pairs)
    made = checkpoint(larger, constants, paired(within), kind=np.float64)
    turned = _Turn(larger, constants, within, disguise.seed).checkpoint(made, kind)
    by = dict(disguise.scales)
    for slot in weights.layout.slots:
        turned.directions[weights.layout.rows(slot.name)] /= by.get(slot.name, 1)
    return turned


def scaled(weights: Weights, disguise: Disguise) -> Weights:
    """The same transformer, each slot multiplied by its scale. Raises NoExport for other slots."""
    by = dict(disguise.scales)
    if none := sorted(by.keys() - {slot.name for slot in weights.layout.slots}):
        raise NoExport(f"{weights.name} has no slot {none[0]} to be written larger")

    def blocks(of: SlotMap, written: Mapping[str, int], read: Mapping[str, int]) -> SlotMap:
        """In maps between slots or their entries, slot[i]."""
        made = []
        for block in of:
            into, source = _slot(block.destination), _slot(block.source)
            by = Fraction(written.get(into, 1), read.get(source, 1))
            made.append(replace(block, coefficient=block.coefficient * by))
        return SlotMap(tuple(made))

    def head(one: Head) -> Head:
        query, key = (blocks(side, {}, by) for side in (one.query, one.key))
        return replace(one, query=query, key=key, value=blocks(one.value, by, by))

    def mlp(one: MLP) -> MLP:
        if one.inner is None:
            return replace(one, outer=blocks(one.outer, by, by))
        return replace(one, inner=blocks(one.inner, {}, by), outer=blocks(one.outer, by, {}))

    def layer(one: Layer) -> Layer:
        heads = tuple(map(head, one.heads))
        return replace(one, heads=heads, mlp=None if one.mlp is None else mlp(one.mlp))

    readout, prompt = weights.readout, weights.prompt
    return Weights(
        weights.name, weights.layout,
        replace(prompt, embedding=blocks(prompt.embedding, by, {})),
        tuple(map(layer, weights.layer_list)),
        replace(readout, coefficient=readout.coefficient / Fraction(by.get(readout.slot, 1))),
    )  # fmt: skip


def _slot(name: str) -> str:
    return name.partition("[")[0]


class Drawn:
    """Numbers of a seed, from its raw bits."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def order(self, many: int) -> np.ndarray:
        """A permutation."""
        return np.argsort(self._bits.random_raw(many), kind="stable")

    def signs(self, many: int) -> np.ndarray:
        """Numbers 1 and -1."""
        return np.where(self._bits.random_raw(many) >> np.uint64(63), 1.0, -1.0)

    def isometry(self, rows: int, columns: int, balanced: bool = False) -> np.ndarray:
        """Orthonormal rows; balanced: each adds up to 0. Four dice a number, then Gram-Schmidt.

        A row of which nearly nothing is left is drawn again: dice may show nothing but zeros.
        """
        basis: list[np.ndarray] = [np.full(columns, 1 / sqrt(columns))] if balanced else []
        for bits in self._bits.random_raw(rows * columns).reshape(rows, columns):
            while (row := _apart(_rolled(bits), basis)) is None:
                bits = self._bits.random_raw(columns)
            basis.append(row)
        return np.array(basis[int(balanced) :]).reshape(rows, columns)


def _rolled(bits: np.ndarray) -> np.ndarray:
    """A row of numbers, the sum of four dice each, about 0."""
    dice = [(bits >> np.uint64(shift)) & np.uint64(0xFFFF) for shift in (0, 16, 32, 48)]
    made: np.ndarray = np.sum(dice, axis=0).astype(float) - 2 * 0xFFFF
    return made


def _apart(row: np.ndarray, basis: Sequence[np.ndarray]) -> np.ndarray | None:
    """The part of norm 1 at right angles to the basis; None where that is rounding alone."""
    size = sqrt(fsum(row * row))
    row = row / (size or 1)
    for other in [*basis] * 2:  # once more for what the first time was rounded
        row = row - fsum(row * other) * other
    left = sqrt(fsum(row * row))
    return row / left if left > ALONE else None


def _mixes(turned: np.ndarray, weights: Weights, least: float) -> bool:
    """Whether each unit, of turned (units, D), holds beside any one number of a vector slot that
    share of it at least."""
    for slot in weights.layout.slots:
        squares = turned[weights.layout.rows(slot.name)] ** 2
        most, total = squares.max(axis=0), squares.sum(axis=0)
        if slot.size > 1 and (total - most < least**2 * total).any():
            return False
    return True


class _Turn:
    """One change of coordinates. pairs (D, units): where the pair +v and -v of a unit goes."""

    def __init__(self, weights: Weights, constants: Constants, room: Room, seed: int) -> None:
        self.weights, self.constants, self.room = weights, constants, room
        self.drawn = Drawn(seed)
        alone, at = len(room.roles) + 1, self.drawn.order(room.width)
        self.pairs = np.zeros((room.width, room.constant + 1))
        for pair, (plus, minus) in enumerate(at[: 2 * alone].reshape(alone, 2), start=room.units):
            self.pairs[plus, pair], self.pairs[minus, pair] = 1, -1
        mixed = at[2 * alone :]
        self.pairs[mixed, : room.units] = sqrt(2) * self._mixed(len(mixed)).T

    def _mixed(self, many: int) -> np.ndarray:
        """(units, many): orthonormal rows, drawn again where a unit all but is a number of a slot.

        Of many units some nearly always are, so less and less is asked.
        """
        for least in (MIXED / 2 ** (draw // DRAWS) for draw in count()):
            turned = self.drawn.isometry(self.room.units, many, balanced=True)
            if _mixes(turned, self.weights, least):
                break
        return turned

    def checkpoint(self, made: Checkpoint, kind: type[np.floating[Any]]) -> Checkpoint:
        room, tensors = self.room, dict(made.tensors) | dict(self._alike())
        tensors["wpe.weight"] = self._written(tensors["wpe.weight"])
        if sees_zeros(self.weights):
            tensors["wpe.weight"][0] = 0
        places = []
        for number, layer in enumerate(self.weights.layer_list):
            name = f"h.{number}"
            order = self.drawn.order(room.heads)
            self._attention(tensors, f"{name}.attn", order)
            places.append(tuple(int(place) for place in np.argsort(order)))
            self._mlp(
                tensors, f"{name}.mlp", layer.mlp is None or layer.mlp.activation == "identity"
            )
        return replace(
            made, config=config_of("GPT2Model", room, made.config["n_layer"]),
            example=self._written(made.example), query=self._written(made.query),
            roles=self._written(made.roles), readout=self._read(made.readout[:, None])[:, 0],
            directions=np.ascontiguousarray(self.pairs[:, : room.units].T / 2),
            places=tuple(places),
            tensors={k: in_floats(one, kind) for k, one in tensors.items()},
        )  # fmt: skip

    def _alike(self) -> Iterator[tuple[str, np.ndarray]]:
        """What is the same in all coordinates."""
        room, unit = self.room, self.constants.unit
        blocks = [f"h.{number}" for number in range(self.weights.layers)]
        for name in ("ln_f", *(f"{block}.{norm}" for block in blocks for norm in ("ln_1", "ln_2"))):
            yield from norm_of(name, room, unit)
        for name in (f"{block}.{part}" for block in blocks for part in ("attn", "mlp")):
            yield f"{name}.c_proj.bias", np.zeros(room.width)
        yield "wte.weight", np.zeros((1, room.width))

    def _read(self, weights: np.ndarray) -> np.ndarray:
        """Weights (units, …) that read pairs, by half their difference, first those of +v."""
        return _product(self.pairs, weights[: self.pairs.shape[1]])

    def _written(self, weights: np.ndarray) -> np.ndarray:
        """Weights (…, units) that write pairs."""
        return _product(weights[:, : self.pairs.shape[1]], self.pairs.T)

    def _attention(self, tensors: dict[str, np.ndarray], name: str, order: np.ndarray) -> None:
        """Head order[i] comes to be head i."""
        room, width = self.room, self.room.width
        read = self._read(tensors[f"{name}.c_attn.weight"]).reshape(width, 3, room.heads, room.size)
        bias = tensors[f"{name}.c_attn.bias"].reshape(3, room.heads, room.size).copy()
        write = self._written(tensors[f"{name}.c_proj.weight"]).reshape(room.heads, -1, width)
        for head in range(room.heads):
            self._scores(read[:, :2, head], bias[:2, head])
            carried = int(np.count_nonzero(read[:, 2, head].any(axis=0)))
            turn, places = self.drawn.isometry(carried, carried), self.drawn.order(room.size)
            read[:, 2, head, :carried] = _product(read[:, 2, head, :carried], turn)
            write[head, :carried] = _product(turn.T, write[head, :carried])
            read[:, 2, head], write[head] = read[:, 2, head, places], write[head, places]
        tensors[f"{name}.c_attn.weight"] = read[:, :, order].reshape(width, -1)
        tensors[f"{name}.c_attn.bias"] = bias[:, order].reshape(-1)
        tensors[f"{name}.c_proj.weight"] = write[order].reshape(-1, width)

    def _scores(self, read: np.ndarray, bias: np.ndarray) -> None:
        """Of one head (D, queries and keys, size), in place: scores, and the sink's."""
        room, root = self.room, sqrt(self.room.size)
        if not bias.any():
            return  # it has nothing to do
        role = int(np.flatnonzero(bias[0])[0])
        turn = self.drawn.isometry(role, role)
        for side in (0, 1):
            read[:, side, :role] = _product(read[:, side, :role], turn)
        if sees_zeros(self.weights):
            plus = int(np.argmax(self.pairs[:, room.constant]))
            read[plus, 1, -1] = -1 / self.constants.unit
            bias[:, -1] = self.constants.sink * root, 1
        order, signs = self.drawn.order(room.size), self.drawn.signs(room.size)
        read[:] = read[:, :, order] * signs
        bias[:] = bias[:, order] * signs

    def _mlp(self, tensors: dict[str, np.ndarray], name: str, linear: bool) -> None:
        """Hidden units come in pairs, of which one reads what the other reads, negated."""
        read = self._read(tensors[f"{name}.c_fc.weight"])
        write = self._written(tensors[f"{name}.c_proj.weight"])
        hidden = read.shape[1]
        used = int(np.count_nonzero(read[:, : hidden // 2 * 2 : 2].any(axis=0)))
        if linear and used:
            turn = self.drawn.isometry(used, hidden // 2)
            turned = _product(read[:, : 2 * used : 2], turn)
            made = _product(turn.T, write[: 2 * used : 2])
            read[:, ::2], read[:, 1::2], write[::2], write[1::2] = turned, -turned, made, -made
        order = self.drawn.order(hidden)
        tensors[f"{name}.c_fc.weight"], tensors[f"{name}.c_proj.weight"] = (
            read[:, order],
            write[order],
        )


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The product of two matrices, one addition after the other."""
    made = np.zeros((left.shape[0], right.shape[1]))
    for column, row in zip(left.T, right):
        if column.any() and row.any():
            made += column[:, None] * row
    return made
