"""Reads a GPT-2 that takes its examples one after the other: heads of sigmoids, and gates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from proofs.layer import MLP, Layer

from ..gpt2 import FAR
from ..one_by_one import GATE, Constants
from .tensors import Hidden, OtherTensors, Part, ReadBack, dense


@dataclass
class OneByOne(ReadBack):
    """One as `one_by_one.py` says; the role of an example is 0 there and at the sink, else -1."""

    constants: Constants = field(kw_only=True)
    unasked = True  # where an offset of scores is 0

    @property
    def examples(self) -> int:
        return self.weights.prompt.positions

    @property
    def constant(self) -> int:
        return self.weights.width + self.examples

    @cached_property
    def read_by(self) -> tuple[int | None, ...]:
        """Of each layer the example that its heads read: what they read is 0 at all others.

        Raises OtherTensors where heads of a layer read none or several.
        """
        found, filled = [], self._filled_by_embedding()
        for layer in self.weights.layer_list:
            at, keys = [self.matrices(head) for head in layer.heads], np.zeros_like(filled[0])
            for _, key, value in at:
                keys |= key.any(axis=0) | value.any(axis=0)
            read = np.flatnonzero(filled[:, keys].any(axis=1)).tolist()
            if len(read) != (1 if layer.heads else 0):
                raise OtherTensors(f"the heads of layer {layer.name} read examples {read}")
            found.append(read[0] if read else None)
            before = filled.copy()
            for query, _, value in at:
                asks = before[:, query.any(axis=0)].any(axis=1)
                filled |= np.outer(asks, value.any(axis=1))
            gated = self._gated(layer.mlp)
            nothing = np.zeros((self.weights.width,) * 2)
            for example, units in enumerate(filled.copy()):
                through = np.eye(self.weights.width) + gated.get(-1, nothing)
                filled[example] = (through + gated.get(example, nothing))[units].any(axis=0)
        return tuple(found)

    def _filled_by_embedding(self) -> np.ndarray:
        """(examples, units): whether a unit may be other than 0 at an example's token."""
        by = self.embedded("x", "y", "one", "position")
        every = np.concatenate([by["x"], by["y"], by["one"]]).any(axis=0)
        filled: np.ndarray = every | (by["position"] != 0)
        return filled[:, : self.weights.width]

    @cached_property
    def flags(self) -> dict[int, int | None]:
        """Units that are 1 at one example and 0 elsewhere, or (None) 1 at every token."""
        by = self.embedded("position", "one")
        found: dict[int, int | None] = {}
        for at, rows in ((None, by["one"]), *enumerate(by["position"])):
            found |= dict.fromkeys(np.flatnonzero(rows).tolist(), at)
        return found

    def places(self, wanted: np.ndarray) -> None:
        """The first is the sink, then examples, then queries."""
        by, roles = self.embedded("position", "one"), slice(self.weights.width, self.constant)
        wanted[1:] += by["one"]
        wanted[1:, roles] -= 1
        for example, flag in enumerate(by["position"]):
            wanted[1 + example] += flag
            wanted[1 + example, self.weights.width + example] += 1

    def inputs(self) -> dict[str, np.ndarray]:
        by = self.embedded("x", "y")
        both = np.concatenate([by["x"], by["y"]])
        return {"example": both, "query": by["x"], "roles": self.blank(2)}

    def parts(self, number: int, layer: Layer) -> Iterator[Part]:
        one = next(unit for unit, at in self.flags.items() if at is None)
        for head in layer.heads:
            (score, value), example = self.products(head), self.read_by[number]
            assert example is not None
            made = self.constants.attention[head.attention]
            for slope, offset, weight in zip(made.slopes, made.offsets, made.weights, strict=True):
                part = Part(slope * score, weight * value)
                part.score[self.constant, one] = offset
                part.score[self.constant, self.weights.width + example] = FAR
                yield part

    def mlp(self, name: str, hidden: Hidden, mlp: MLP | None) -> None:
        """gelu(v + G r) - gelu(-v + G r) is v where r is 0, and nothing where it is -1."""
        made = self.twins(name, hidden)
        read = made.read
        roles = slice(self.weights.width, self.constant)
        gates, values = read[roles], np.delete(read, range(roles.start, roles.stop), axis=0)
        self.same(f"{name}.c_fc of twins", values[:, 1::2], -values[:, ::2], exactly=True)
        self.same(f"{name}.c_fc of twins, gates", gates[:, 1::2], gates[:, ::2], exactly=True)
        self.halves(f"{name}.c_fc", values)
        gates = gates[:, ::2]
        self.same(f"{name}, gates", gates, np.where(gates != 0, GATE, 0))
        if ((gates != 0).sum(axis=0) > 1).any():
            raise OtherTensors(f"{name}: a hidden unit has two gates", what=name)
        of = np.where(gates.any(axis=0), np.argmax(gates != 0, axis=0), -1)
        wanted = self._gated(mlp)
        for gate in range(-1, self.examples):
            found = (read[: self.weights.width, ::2] * (of == gate)) @ made.write
            right = wanted.get(gate, np.zeros((self.weights.width,) * 2))
            self.same(f"{name} through gate {gate}", found[:, : self.weights.width], right)
            self.same(f"{name} through gate {gate}, beside", found[:, self.weights.width :], 0)

    def _gated(self, mlp: MLP | None) -> dict[int, np.ndarray]:
        """(unit read, unit written) of what the witness's MLP lets through at each example, or, -1,
        at every token."""
        if mlp is None or mlp.inner is None:
            return {}
        stream, hidden = self.weights.layout, mlp.hidden(self.weights.layout)
        outer, inner = dense(mlp.outer, stream, hidden), dense(mlp.inner, hidden, stream)
        of = [-1] * hidden.width
        if mlp.gate is not None:
            for row, units in enumerate(dense(mlp.gate, hidden, stream)):
                (unit,) = np.flatnonzero(units)
                at = self.flags[int(unit)]
                of[row] = -1 if at is None else at
        return {gate: (outer * (np.array(of) == gate) @ inner).T for gate in set(of)}
