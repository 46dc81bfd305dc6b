"""What the tensors of a GPT-2 do to the units of a witness, and whether that is what they should.

Of each head the products Q Kᵀ and V O of its blocks, of an MLP the product of its two matrices, on
the units +v and -v. Read are products, since a writer may put into one factor what another puts
into the other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np

from proofs.layer import MLP, Head, Layer
from proofs.slotmap import SlotMap
from proofs.stream import Layout

from ...weights import Weights
from ..gpt2 import EPSILON, TOGETHER, Checkpoint

# relatively: of a product one factor is rounded to float32, the other is 1/2
ROUNDED = 2.0**-23


class OtherTensors(ValueError):
    """A tensor that is not what the witness asks for; `shown` says where, and what it is."""

    def __init__(self, words: str, **shown: Any) -> None:
        super().__init__(words)
        self.shown = shown


@dataclass(frozen=True)
class Part:
    """One of GPT-2's heads: score (query's unit, key's), what a key's units add to every score,
    and value (unit read, unit written)."""

    score: np.ndarray
    added: np.ndarray
    value: np.ndarray


def dense(slots: SlotMap, to: Layout, of: Layout) -> np.ndarray:
    """(to, of)"""
    made = np.zeros((to.width, of.width))
    for at, value in slots.entries(to, of).items():
        made[at] = value
    return made


@dataclass
class ReadBack(ABC):
    """A checkpoint beside the witness that it is made of.

    Units are here those of half the stream: the witness's own, the roles, and N = `unit`.
    compared: the tensors that were looked at.
    """

    weights: Weights
    made: Checkpoint
    unit: int
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

    # -- what is asked of a kind of export

    @abstractmethod
    def places(self, wanted: np.ndarray) -> None:
        """Writes what positions (positions, units) hold beside N."""

    @abstractmethod
    def inputs(self) -> dict[str, np.ndarray]:
        """Of example, query and roles what they write to the units."""

    @abstractmethod
    def parts(self, number: int, layer: Layer) -> Iterator[Part]:
        """GPT-2's heads of a layer, in order; the others have nothing to write."""

    @abstractmethod
    def mlp(self, name: str, read: np.ndarray, write: np.ndarray, mlp: MLP | None) -> None:
        """Compares what hidden units read (units, hidden) and write (hidden, units)."""

    # -- the stream

    @property
    def half(self) -> int:
        return len(self.made.readout) // 2

    def blank(self, *rows: int) -> np.ndarray:
        """(*rows, units) of zeros."""
        return np.zeros((*rows, self.half))

    def own(self, matrix: np.ndarray) -> np.ndarray:
        """A matrix of the witness's units among all units."""
        made, units = self.blank(self.half), slice(0, self.weights.width)
        made[units, units] = matrix
        return made

    def tensor(self, name: str) -> np.ndarray:
        self.compared.add(name)
        return self.made.tensors[name].astype(float)

    def units(self, name: str, tensor: np.ndarray, axis: int) -> np.ndarray:
        """What is read from +v, or written there. Raises where -v's is not its negative."""
        plus, minus = np.split(tensor, 2, axis)
        self.same(f"{name} of the twins", minus, -plus, exactly=True)
        return plus

    def same(self, name: str, found: Any, wanted: Any, exactly: bool = False) -> None:
        """Raises OtherTensors where what is found is another number."""
        found, wanted = np.broadcast_arrays(found, wanted)
        right = np.abs(found - wanted) <= (0 if exactly else ROUNDED) * np.abs(wanted)
        if not right.all():
            at = tuple(np.argwhere(~right)[0].tolist())
            raise OtherTensors(
                f"{name}{list(at)} is {found[at]}, should be {wanted[at]}",
                what=name, at=list(at), **{"is": float(found[at]), "should be": float(wanted[at])},
            )  # fmt: skip

    def halves(self, name: str, read: np.ndarray) -> None:
        """Raises unless each column reads two pairs at most, by 1/2 and -1/2: of what is the same
        nothing is left then, in any order of adding up."""
        self.same(name, np.abs(read), np.where(read != 0, 1, 0), exactly=True)
        most = (read != 0).sum(axis=0).max(initial=0)
        if most > TOGETHER:
            raise OtherTensors(f"{name}: {most} pairs are read as one", what=name)

    # -- its two ends

    def _ends(self) -> None:
        self.same("wte.weight", self.tensor("wte.weight"), 0)
        places = self.units("wpe.weight", self.tensor("wpe.weight"), 1)
        wanted = np.zeros_like(places)
        wanted[:, self._constant] = self.unit
        self.places(wanted)
        self.same("wpe.weight", places, wanted)
        norms = [f"h.{k}.ln_{i}" for k in range(self.weights.layers) for i in (1, 2)]
        # a gain undoes the root of the variance, N² 2/D, and what is added to that
        gain = sqrt(self.unit**2 / self.half + EPSILON)
        for name in (*norms, "ln_f"):
            self.same(f"{name}.weight", self.tensor(f"{name}.weight"), gain)
            self.same(f"{name}.bias", self.tensor(f"{name}.bias"), 0)

    @property
    @abstractmethod
    def _constant(self) -> int:
        """The unit that holds N."""

    def _inputs(self) -> None:
        """What makes tokens, and what reads the prediction: no tensors, numbers of float64."""
        for name, right in self.inputs().items():
            self.same(name, self.units(name, getattr(self.made, name), 1), right)
        readout, wanted = self.weights.readout, self.blank()
        wanted[self.weights.layout.rows(readout.slot)] = float(readout.coefficient)
        self.same("readout", 2 * self.units("readout", self.made.readout, 0), wanted)

    # -- heads and MLPs

    def _heads(self, number: int, layer: Layer) -> None:
        name = f"h.{number}.attn"
        read, bias = self.tensor(f"{name}.c_attn.weight"), self.tensor(f"{name}.c_attn.bias")
        write = self.units(f"{name}.c_proj", self.tensor(f"{name}.c_proj.weight"), 1)
        self.same(f"{name}.c_proj.bias", self.tensor(f"{name}.c_proj.bias"), 0)
        queries, keys, values = np.split(2 * self.units(f"{name}.c_attn", read, 0), 3, axis=1)
        asked, others = np.split(bias, [len(bias) // 3])
        self.same(f"{name}.c_attn.bias of keys and values", others, 0)
        for what, of in (("keys", keys), ("values", values)):
            self.halves(f"{name}.c_attn, {what}", of)
        heads = self.made.config["n_head"]
        size, parts = queries.shape[1] // heads, list(self.parts(number, layer))
        for at in range(heads):
            cut, where = slice(at * size, (at + 1) * size), f"head {at} of {name}"
            value = parts[at].value if at < len(parts) else 0
            self.same(f"V O, {where}", values[:, cut] @ write[cut], value)
            if at < len(parts):
                key, root = keys[:, cut].T, sqrt(size)  # by which GPT-2 divides scores
                self.same(f"Q K^T, {where}", queries[:, cut] @ key / root, parts[at].score)
                self.same(f"bias K^T, {where}", asked[cut] @ key / root, parts[at].added)

    def products(self, head: Head) -> tuple[np.ndarray, np.ndarray]:
        """Of a head of the witness score and value, as a Part has them."""
        stream = self.weights.layout
        features = head.query.features(stream, {})
        query, key = (dense(slots, features, stream) for slots in (head.query, head.key))
        return self.own(query.T @ key), self.own(dense(head.value, stream, stream).T)

    def _mlp(self, number: int, mlp: MLP | None) -> None:
        name = f"h.{number}.mlp"
        read = self.units(f"{name}.c_fc", self.tensor(f"{name}.c_fc.weight"), 0)
        write = self.units(f"{name}.c_proj", self.tensor(f"{name}.c_proj.weight"), 1)
        for part in ("c_fc", "c_proj"):
            self.same(f"{name}.{part}.bias", self.tensor(f"{name}.{part}.bias"), 0)
        if read.shape[1] % 2:
            self.same(f"{name}.c_proj, without a twin", write[-1:], 0)
            read, write = read[:, :-1], write[:-1]
        self.same(f"{name}.c_proj of twins", write[1::2], -write[::2], exactly=True)
        self.mlp(name, 2 * read, write[::2], mlp)

    def embedded(self, *sources: str) -> Mapping[str, np.ndarray]:
        """Of fields of a prompt what each of their numbers writes to the units."""
        prompt, made = self.weights.prompt, {}
        embedding = dense(prompt.embedding, self.weights.layout, prompt.features)
        known = {slot.name for slot in prompt.features.slots}
        for name in sources:
            rows = list(prompt.features.rows(name)) if name in known else []
            made[name] = self.blank(len(rows))
            made[name][:, : self.weights.width] = embedding[:, rows].T
        return made
