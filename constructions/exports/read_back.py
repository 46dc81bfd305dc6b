"""The tensors of an exported GPT-2, read as heads and MLPs of the witness: all of them.

A bound of what an export errs by is proved of heads that score <K x, Q x'> and add V x, times
factors. That its tensors are these is seen here, without the writer: of each head the products
Q Kᵀ and V O of its blocks, of an MLP the product of its two matrices, on the units +v and -v.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import exp, sqrt
from typing import Any

import numpy as np

from proofs.layer import MLP, Head, Layer
from proofs.slotmap import SlotMap
from proofs.stream import Layout

from ..weights import Weights
from .differences import coefficients
from .gpt2 import EPSILON, FAR, TOGETHER, Checkpoint, Constants

# relatively: of a product one factor is rounded to float32, the other is 1/2
ROUNDED = 2.0**-23


class OtherTensors(ValueError):
    """A tensor that is not what the witness asks for; `shown` says where, and what it is."""

    def __init__(self, words: str, **shown: Any) -> None:
        super().__init__(words)
        self.shown = shown


def dense(slots: SlotMap, to: Layout, of: Layout) -> np.ndarray:
    """(to, of)"""
    made = np.zeros((to.width, of.width))
    for at, value in slots.entries(to, of).items():
        made[at] = value
    return made


@dataclass
class ReadBack:
    """A checkpoint beside the witness and the constants that it is made of.

    Units are here those of half the stream: the witness's own, the roles, N. compared: the tensors
    that were looked at.
    """

    weights: Weights
    constants: Constants
    made: Checkpoint
    compared: set[str] = field(default_factory=set)

    def check(self) -> int:
        """How many numbers the tensors have, all of which are right. Raises OtherTensors."""
        self._ends()
        for number, layer in enumerate(self.weights.layer_list):
            self._heads(number, layer)
            self._mlp(number, layer.mlp)
        self._inputs()
        if left := sorted(set(self.made.tensors) - self.compared):
            raise OtherTensors(f"{left[0]} is a tensor that no layer asks for", tensor=left[0])
        return sum(tensor.size for tensor in self.made.tensors.values())

    # -- the stream

    @property
    def half(self) -> int:
        return len(self.made.readout) // 2

    @cached_property
    def roles(self) -> list[tuple[int, bool]]:
        """Of which copy a role is, and whether the sink is seen with it."""
        reads = self.made.copies.reads
        each = ((reads[number], head.attention != "softmax")
                for number, layer in enumerate(self.weights.layer_list)
                for head in layer.heads)  # fmt: skip
        return list(dict.fromkeys(each))

    def _role(self, number: int) -> int:
        return self.weights.width + number

    def _tensor(self, name: str) -> np.ndarray:
        self.compared.add(name)
        return self.made.tensors[name].astype(float)

    def _units(self, name: str, tensor: np.ndarray, axis: int) -> np.ndarray:
        """What is read from +v, or written there. Raises where -v's is not its negative."""
        plus, minus = np.split(tensor, 2, axis)
        self._same(f"{name} of the twins", minus, -plus, exactly=True)
        return plus

    def _same(self, name: str, found: Any, wanted: Any, exactly: bool = False) -> None:
        found, wanted = np.broadcast_arrays(found, wanted)
        off = np.abs(found - wanted) > (0 if exactly else ROUNDED) * np.abs(wanted)
        if (off | ~np.isfinite(found)).any():
            at = tuple(np.argwhere(off | ~np.isfinite(found))[0].tolist())
            raise OtherTensors(
                f"{name}{list(at)} is {found[at]}, should be {wanted[at]}",
                what=name, at=list(at), **{"is": float(found[at]), "should be": float(wanted[at])},
            )  # fmt: skip

    # -- its two ends

    def _ends(self) -> None:
        width, unit = 2 * self.half, self.constants.unit
        self._same("wte.weight", self._tensor("wte.weight"), 0)
        places = self._units("wpe.weight", self._tensor("wpe.weight"), 1)
        wanted = np.zeros_like(places)
        wanted[:, self._role(len(self.roles))] = unit
        for number, (_, sees_sink) in enumerate(self.roles):
            wanted[0, self._role(number)] = self.constants.sink / FAR if sees_sink else -1
        self._same("wpe.weight", places, wanted)
        norms = [f"h.{k}.ln_{i}" for k in range(self.weights.layers) for i in (1, 2)]
        for name in (*norms, "ln_f"):
            gain = self._tensor(f"{name}.weight")
            # it undoes the root of the variance, N² 2/D, and what is added to that
            variance = 2 * unit**2 / width + EPSILON
            self._same(f"{name}.weight", gain, sqrt(variance))
            self._same(f"{name}.bias", self._tensor(f"{name}.bias"), 0)

    def _inputs(self) -> None:
        """What makes tokens, and what reads the prediction: no tensors, numbers of float64."""
        weights, made, d = self.weights, self.made, self.weights.d
        rows = weights.prompt.features
        embedding = dense(weights.prompt.embedding, weights.layout, rows)
        wanted = {
            "example": np.zeros((d + 1, self.half)),
            "query": np.zeros((d, self.half)),
            "roles": np.zeros((len(made.roles), self.half)),
        }
        for name in (slot.name for slot in rows.slots):
            read = embedding[:, rows.rows(name)].T  # (numbers, units)
            units = slice(0, weights.width)
            if name in ("x", "x_example"):
                wanted["example"][:d, units] += read
            if name in ("x", "x_query"):
                wanted["query"][:, units] += read
            if name == "y":
                wanted["example"][d:, units] += read
            if name == "one":
                wanted["roles"][:, units] += read
            if name == "query":
                wanted["roles"][-1:, units] += read
        for number, (copy, _) in enumerate(self.roles):
            others = np.arange(len(made.roles)) != copy
            wanted["roles"][:, self._role(number)] = np.where(others, -1, 0)
        for name, right in wanted.items():
            self._same(name, self._units(name, getattr(made, name), 1), right)
        readout = np.zeros(self.half)
        readout[weights.layout.rows(weights.readout.slot)] = float(weights.readout.coefficient)
        self._same("readout", 2 * self._units("readout", made.readout, 0), readout)

    # -- heads

    def _heads(self, number: int, layer: Layer) -> None:
        name = f"h.{number}.attn"
        read, write, bias = (
            self._tensor(f"{name}.{part}")
            for part in ("c_attn.weight", "c_proj.weight", "c_attn.bias")
        )
        self._same(f"{name}.c_proj.bias", self._tensor(f"{name}.c_proj.bias"), 0)
        queries, keys, values = np.split(2 * self._units(f"{name}.c_attn", read, 0), 3, axis=1)
        asked, others = np.split(bias, [len(bias) // 3])
        self._same(f"{name}.c_attn.bias of keys and values", others, 0)
        written = self._units(f"{name}.c_proj", write, 1)
        for what, of in (("keys", keys), ("values", values)):
            self._halves(f"{name}.c_attn, {what}", of)
        wanted = list(self._wanted(number, layer))
        many = self.made.config["n_head"]
        size = queries.shape[1] // many
        for at in range(many):
            part = slice(at * size, (at + 1) * size)
            score, role, value = wanted[at] if at < len(wanted) else (0.0, 0.0, 0.0)
            where = f"head {at} of {name}"
            if at < len(wanted):
                root = sqrt(size)
                self._same(f"Q K^T, {where}", queries[:, part] @ keys[:, part].T / root, score)
                self._same(f"its bias, {where}", keys[:, part] @ asked[part] / root, role)
            self._same(f"V O, {where}", values[:, part] @ written[part], value)

    def _wanted(
        self, number: int, layer: Layer
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Of each of GPT-2's heads: scores (query's unit, key's), what a role adds to a score,
        values (unit read, written)."""
        stream, units = self.weights.layout, slice(0, self.weights.width)
        copy = self.made.copies.reads[number]
        for head, scale in zip(layer.heads, self.constants.scales[number], strict=True):
            features = head.query.features(stream, {})
            query, key = (dense(slots, features, stream) for slots in (head.query, head.key))
            score, value = np.zeros((self.half, self.half)), np.zeros((self.half, self.half))
            score[units, units] = query.T @ key
            value[units, units] = dense(head.value, stream, stream).T
            role = np.zeros(self.half)
            role[self._role(self.roles.index((copy, head.attention != "softmax")))] = FAR
            for factor, weight in self._factors(head, scale):
                yield factor * score, role, weight * value

    def _factors(self, head: Head, scale: float) -> Sequence[tuple[float, float]]:
        """By which scores and values are multiplied: of a linear head's pairs the difference of the
        exponentials of score and -score is sinh, and the sink's share exp(-C)."""
        shown = exp(self.constants.sink)
        if head.attention != "linear":
            return [(1, shown if head.attention == "exponential" else 1)]
        each = enumerate(coefficients(self.constants.pairs), start=1)
        halves = [(r * scale, float(c) * shown / (2 * scale)) for r, c in each]
        return [(sign * factor, sign * weight) for factor, weight in halves for sign in (1, -1)]

    def _halves(self, name: str, read: np.ndarray) -> None:
        """Raises unless each column reads two pairs at most, by 1/2 and -1/2: of what is the same
        nothing is left then, in any order of adding up."""
        self._same(name, np.abs(read), np.where(read != 0, 1, 0), exactly=True)
        most = (read != 0).sum(axis=0)
        if (most > TOGETHER).any():
            raise OtherTensors(f"{name}: {most.max()} pairs are read as one", what=name)

    # -- MLP

    def _mlp(self, number: int, mlp: MLP | None) -> None:
        """gelu(u) - gelu(-u) = u."""
        name = f"h.{number}.mlp"
        read = 2 * self._units(f"{name}.c_fc", self._tensor(f"{name}.c_fc.weight"), 0)
        write = self._units(f"{name}.c_proj", self._tensor(f"{name}.c_proj.weight"), 1)
        for part in ("c_fc", "c_proj"):
            self._same(f"{name}.{part}.bias", self._tensor(f"{name}.{part}.bias"), 0)
        if read.shape[1] % 2:
            self._same(f"{name}.c_proj, without a twin", write[-1:], 0)
            read, write = read[:, :-1], write[:-1]
        self._same(f"{name}.c_fc of twins", read[:, 1::2], -read[:, ::2], exactly=True)
        self._same(f"{name}.c_proj of twins", write[1::2], -write[::2], exactly=True)
        self._halves(f"{name}.c_fc", read)
        wanted, units = np.zeros((self.half, self.half)), slice(0, self.weights.width)
        if mlp is not None:
            stream, hidden = self.weights.layout, mlp.hidden(self.weights.layout)
            outer = dense(mlp.outer, stream, hidden)
            inner = np.eye(hidden.width) if mlp.inner is None else dense(mlp.inner, hidden, stream)
            wanted[units, units] = (outer @ inner).T
        self._same(f"the MLP of h.{number}", read[:, ::2] @ write[::2], wanted)
