"""Reads a GPT-2 whose examples stand in the prompt in copies; a linear head is pairs of heads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import exp

import numpy as np

from proofs.layer import MLP, Head, Layer

from ..differences import coefficients
from ..gpt2 import FAR, Constants
from .tensors import Hidden, OtherTensors, Part, ReadBack, dense


@dataclass
class Pairs(ReadBack):
    """One as `gpt2.py` says."""

    constants: Constants = field(kw_only=True)

    @cached_property
    def roles(self) -> list[tuple[int, bool]]:
        """Of which copy a role is, and whether the sink is seen with it."""
        each = ((self.read_by[number], head.attention != "softmax")
                for number, layer in enumerate(self.weights.layer_list)
                for head in layer.heads)  # fmt: skip
        return list(dict.fromkeys(each))

    @cached_property
    def read_by(self) -> tuple[int, ...]:
        """Of each layer the copy that its heads read, as the checkpoint says.

        Raises OtherTensors where something that they read is not right there: what is written is
        right in the copies after the one that is read, since those see all of it.
        """
        reads, right = self.made.copies.reads, np.zeros(self.weights.width, int)  # from this copy
        for layer, copy in zip(self.weights.layer_list, reads, strict=True):
            before = right.copy()
            for query, key, value in map(self.matrices, layer.heads):
                keys, asks = key.any(axis=0) | value.any(axis=0), before[query.any(axis=0)]
                if not before[keys].max(initial=0) <= copy < self.made.copies.count:
                    raise OtherTensors(
                        f"the heads of layer {layer.name} read copy {copy}, which is not right yet"
                    )
                rows, first = value.any(axis=1), max(copy + 1, asks.max(initial=0))
                right[rows] = np.maximum(right[rows], first)
            before = right.copy()
            for read, written in np.argwhere(self._product(layer.mlp)):
                right[written] = max(right[written], before[read])
        return tuple(reads)

    def _role(self, number: int) -> int:
        return self.weights.width + number

    @property
    def constant(self) -> int:
        return self._role(len(self.roles))

    def places(self, wanted: np.ndarray) -> None:
        """The first is the sink."""
        for number, (_, sees_sink) in enumerate(self.roles):
            wanted[0, self._role(number)] = self.constants.sink / FAR if sees_sink else -1

    def inputs(self) -> dict[str, np.ndarray]:
        """A role is 0 in one copy, -1 elsewhere; the last of the roles is that of queries."""
        by = self.embedded("x", "x_example", "x_query", "y", "one", "query")

        def together(*names: str) -> np.ndarray:
            return sum((by[name] for name in names if len(by[name])), self.blank(1))

        roles = np.repeat(together("one"), self.made.copies.count + 1, axis=0)
        roles[-1:] += together("query")
        for number, (copy, _) in enumerate(self.roles):
            roles[:, self._role(number)] = np.where(np.arange(len(roles)) == copy, 0, -1)
        return {
            "example": np.concatenate([together("x", "x_example"), together("y")]),
            "query": together("x", "x_query"),
            "roles": roles,
        }

    def parts(self, number: int, layer: Layer) -> Iterator[Part]:
        copy = self.read_by[number]
        for head, scale in zip(layer.heads, self.constants.scales[number], strict=True):
            score, value = self.products(head)
            role = self._role(self.roles.index((copy, head.attention != "softmax")))
            for factor, weight in self._factors(head, scale):
                part = Part(factor * score, weight * value)
                part.score[self.constant, role] = FAR
                yield part

    def _factors(self, head: Head, scale: float) -> Sequence[tuple[float, float]]:
        """By which scores and values are multiplied: of a linear head's pairs the difference of the
        exponentials of score and -score is 2 sinh, and the sink's share exp(-C)."""
        shown = exp(self.constants.sink)
        if head.attention != "linear":
            return [(1, shown if head.attention == "exponential" else 1)]
        each = list(enumerate(coefficients(self.constants.pairs), start=1))
        for i in range(len(each)):  # what they are to fulfil, and nothing else does
            if sum(c * r ** (2 * i + 1) for r, c in each) != (i == 0):
                raise OtherTensors(f"the sum of c_r r^{2 * i + 1} is not {int(i == 0)}")
        halves = [(r * scale, float(c) * shown / (2 * scale)) for r, c in each]
        return [(sign * factor, sign * weight) for factor, weight in halves for sign in (1, -1)]

    def mlp(self, name: str, hidden: Hidden, mlp: MLP | None) -> None:
        """gelu(u) - gelu(-u) = u."""
        made = self.twins(name, hidden)
        read = made.read
        self.same(f"{name}.c_fc of twins", read[:, 1::2], -read[:, ::2], exactly=True)
        self.halves(f"{name}.c_fc", read)
        self.same(f"{name}, its product", read[:, ::2] @ made.write, self.linear(mlp))

    def linear(self, mlp: MLP | None) -> np.ndarray:
        """(unit read, unit written) of a linear MLP."""
        return self.own(self._product(mlp))

    def _product(self, mlp: MLP | None) -> np.ndarray:
        if mlp is None:
            return np.zeros((self.weights.width,) * 2)
        stream, units = self.weights.layout, mlp.hidden(self.weights.layout)
        outer = dense(mlp.outer, stream, units)
        inner = np.eye(units.width) if mlp.inner is None else dense(mlp.inner, units, stream)
        return np.asarray((outer @ inner).T)
