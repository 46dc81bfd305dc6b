"""Reads a GPT-2 in other coordinates: of directions of its stream, whatever they are.

Units of the witness are known by their directions, N and the roles by what positions and copies
add to tokens. All of a tensor is rounded to float32, each number by itself: so what is read of many
is known up to as many roundings, which are added up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np

from proofs.layer import MLP, Layer

from ..gpt2 import EPSILON
from .pairs import Pairs
from .tensors import OtherTensors, Part

FACTOR = 2.0**-23  # of a product of two rounded numbers, and what float64 adds to it
DOUBLE = 2.0**-40  # of numbers that are not rounded to float32


@dataclass(frozen=True)
class Read:
    """Numbers, and their sizes: what they are if nothing cancels."""

    value: np.ndarray
    size: np.ndarray

    def times(self, other: Read) -> Read:
        return Read(self.value @ other.value, self.size @ other.size)

    @property
    def T(self) -> Read:
        return Read(self.value.T, self.size.T)

    def __getitem__(self, at: Any) -> Read:
        return Read(self.value[at], self.size[at])


def plain(values: np.ndarray) -> Read:
    return Read(values, np.abs(values))


@dataclass
class Turned(Pairs):
    """One as `disguise.py` says: a checkpoint of pairs, turned; the first token is nothing."""

    @property
    def half(self) -> int:
        """The units that a token holds, each in a direction."""
        return self.constant + 1

    def near(self, name: str, found: Read, wanted: Any, share: float = FACTOR) -> None:
        """Raises OtherTensors where what is found is another number, beyond what rounding does."""
        right = np.abs(found.value - wanted) <= share * found.size
        if not right.all():
            at = tuple(np.argwhere(~right)[0].tolist())
            is_, should = float(found.value[at]), float(np.broadcast_to(wanted, right.shape)[at])
            shown = {"what": name, "at": list(at), "is": is_, "should be": should}
            raise OtherTensors(f"{name}{list(at)} is {is_}, should be {should}", **shown)

    @property
    def sees_zeros(self) -> bool:
        """Whether the first token is nothing, and has a score by biases alone."""
        return any(sees_sink for _, sees_sink in self.roles)

    # -- directions

    @cached_property
    def written(self) -> np.ndarray:
        """(D, units): what a unit of 1 adds to the stream."""
        own = self.made.directions.T / (self.made.directions**2).sum(axis=1)
        constant = self.tensor("wpe.weight")[1] / self.unit
        queries = self.embedded("one", "query")
        said = sum((rows.sum(axis=0) for rows in queries.values()), self.blank())
        last = self.made.roles[-1] - own @ said[: self.weights.width]
        every = self.embedded("one")["one"].sum(axis=0)[: self.weights.width]
        roles = [self.made.roles[copy] - own @ every - last for copy, _ in self.roles]
        return np.column_stack([own, *roles, constant])

    @cached_property
    def read(self) -> np.ndarray:
        """(units, D): what a unit is of the stream."""
        return self.written.T / (self.written**2).sum(axis=0)[:, None]

    def _directions(self) -> None:
        """At right angles to each other and to the vector of ones, which norms leave alone."""
        products = plain(self.read).times(plain(self.written))
        self.near("directions", products, np.eye(self.half), DOUBLE)
        self.near("their sums", plain(self.read).times(plain(np.ones(self.written.shape[0]))), 0,
                  DOUBLE)  # fmt: skip
        alone = self.written[:, self.weights.width :]
        pairs = (np.sort(alone, axis=0)[[0, -1]] == [[-1], [1]]).all()
        if not pairs or (np.count_nonzero(alone, axis=0) != 2).any():
            raise OtherTensors("a role, or N, is no pair of units")

    def reads_of(self, name: str) -> tuple[Read, np.ndarray]:
        """(units, …) of what reads the stream, N's included, and its biases."""
        weight, bias = self.tensor(f"{name}.weight"), self.tensor(f"{name}.bias")
        found = plain(self.written.T).times(plain(weight))
        found.value[self.constant] = found.value[self.constant] * self.unit + bias
        found.size[self.constant] = found.size[self.constant] * self.unit + np.abs(bias)
        return found, bias

    def writes_of(self, name: str) -> Read:
        """(…, units) of what writes to the stream, which is nothing beside them."""
        self.same(f"{name}.bias", self.tensor(f"{name}.bias"), 0)
        weight = self.tensor(f"{name}.weight")
        found = plain(weight).times(plain(self.read.T))
        again = Read(found.value @ self.written.T, found.size @ np.abs(self.written.T))
        self.near(f"{name} beside the units", again, weight)
        return found

    # -- what is compared

    def _ends(self) -> None:
        self._directions()
        width = self.written.shape[0]
        self.same("wte", self.tensor("wte.weight"), 0)
        held = self.blank(len(self.tensor("wpe.weight")))
        self.places(held)
        held[:, self.constant] = self.unit
        if self.sees_zeros:
            held[0] = 0
        wanted = held @ self.written.T
        self.same("wpe", self.tensor("wpe.weight"), wanted, exactly=True)
        norms = [f"h.{k}.ln_{i}" for k in range(self.weights.layers) for i in (1, 2)]
        gain = sqrt(2 * self.unit**2 / width + EPSILON)
        for name in (*norms, "ln_f"):
            self.same(f"{name}.weight", self.tensor(f"{name}.weight"), gain)
            self.same(f"{name}.bias", self.tensor(f"{name}.bias"), 0)

    def _inputs(self) -> None:
        for name, right in self.inputs().items():
            found = plain(getattr(self.made, name)).times(plain(self.read.T))
            self.near(name, found, right, DOUBLE)
            again = Read(found.value @ self.written.T, found.size @ np.abs(self.written.T))
            self.near(f"{name} beside the units", again, getattr(self.made, name), DOUBLE)
        readout, wanted = self.weights.readout, self.blank()
        wanted[self.weights.layout.rows(readout.slot)] = float(readout.coefficient)
        self.near("readout", plain(self.written.T).times(plain(self.made.readout)), wanted, DOUBLE)

    def _heads(self, number: int, layer: Layer) -> None:
        name, heads = f"h.{number}.attn", self.made.config["n_head"]
        read, biases = self.reads_of(f"{name}.c_attn")
        write = self.writes_of(f"{name}.c_proj")
        across = len(biases) // 3
        queries, keys, values = read.size.T.reshape(3, across, -1)
        self.paired(f"{name}, a place of queries and keys", queries, keys)
        self.paired(f"{name}, a place of values", values, write.size)
        size, parts = (
            across // heads,
            dict(zip(self.made.places[number], self.parts(number, layer))),
        )
        for at in range(heads):
            where = f"head {at} of {name}"
            query, key, value = (
                slice(i * across + at * size, i * across + (at + 1) * size) for i in range(3)
            )
            self.same(f"bias of values, {where}", biases[value], 0)
            part = parts.get(at, Part(self.blank(self.half), self.blank(self.half)))
            carried = read[:, value].times(write[at * size : (at + 1) * size])
            self.near(f"V O, {where}", carried, part.value)
            if at in parts:
                root, asked = sqrt(size), read[:, query]
                self.near(f"Q K^T, {where}", asked.times(read[:, key].T), part.score * root)
                sink = self.blank()  # the score of the first token, which is its bias
                sink[self.constant] = self.constants.sink * root if self.sees_zeros else 0
                self.near(f"Q b, {where}", asked.times(plain(biases[key])), sink)

    def _mlp(self, number: int, mlp: MLP | None) -> None:
        """Of hidden units each has a twin, of which everything is the negative."""
        name = f"h.{number}.mlp"
        read, bias = self.reads_of(f"{name}.c_fc")
        write = self.writes_of(f"{name}.c_proj")
        self.same(f"{name}.c_fc.bias", bias, 0)
        self.paired(f"{name}, a hidden unit", read.size.T, write.size)
        rows = np.concatenate([self.tensor(f"{name}.c_fc.weight").T,
                               self.tensor(f"{name}.c_proj.weight")], axis=1)  # fmt: skip
        units = [tuple(row) for row in rows.tolist() if any(row[rows.shape[1] // 2 :])]
        if Counter(units) != Counter(tuple(-entry for entry in unit) for unit in units):
            raise OtherTensors(f"{name}: a hidden unit has no twin", what=name)
        found = read.times(write)
        self.near(f"{name}, its product", Read(found.value / 2, found.size), self.linear(mlp))
