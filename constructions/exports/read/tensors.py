"""What the tensors of a GPT-2 do to the units of a witness, and whether that is what they should.

Of each head the products Q Kᵀ and V O of its blocks, of an MLP the product of its two matrices, on
the units +v and -v. Read are products, since a writer may put into one factor what another puts
into the other. A bias is what is read of the constant, the unit that holds N.
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
from ..gpt2 import EPSILON, TOGETHER

# relatively: of a product one factor is rounded to float32, the other is 1/2
ROUNDED = 2.0**-23


class OtherTensors(ValueError):
    """A tensor that is not what the witness asks for; `shown` says where, and what it is."""

    def __init__(self, words: str, **shown: Any) -> None:
        super().__init__(words)
        self.shown = shown


@dataclass(frozen=True)
class Part:
    """One of GPT-2's heads: score (query's unit, key's) and value (unit read, unit written)."""

    score: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class Hidden:
    """The hidden units of an MLP: what they read (units, hidden) and write (hidden, units)."""

    read: np.ndarray
    write: np.ndarray


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
    made: Any  # a Checkpoint or a LanguageModel
    unit: int
    compared: set[str] = field(default_factory=set)
    body = ""  # of the names of tensors
    halved = True  # whether keys and values are to be read by 1/2 and -1/2
    unasked = False  # whether keys may be read of which no query asks

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
    def mlp(self, name: str, hidden: Hidden, mlp: MLP | None) -> None:
        """Compares the hidden units of an MLP with those of the witness."""

    def words(self) -> Any:
        """What tokens write to the units."""
        return 0

    @property
    @abstractmethod
    def constant(self) -> int:
        """The unit that holds N."""

    # -- the stream

    @property
    def half(self) -> int:
        return int(self.made.config["n_embd"]) // 2

    def blank(self, *rows: int) -> np.ndarray:
        """(*rows, units) of zeros."""
        return np.zeros((*rows, self.half))

    def own(self, matrix: np.ndarray) -> np.ndarray:
        """A matrix of the witness's units among all units."""
        made, units = self.blank(self.half), slice(0, self.weights.width)
        made[units, units] = matrix
        return made

    def tensor(self, name: str) -> np.ndarray:
        name = self.body + name
        self.compared.add(name)
        return np.asarray(self.made.tensors[name].astype(float))

    def reads(self, name: str) -> np.ndarray:
        """(units, …) of weights that read the stream, and their biases, of the constant."""
        read = 2 * self.units(name, self.tensor(f"{name}.weight"), 0)
        self.same(f"{name}, N", read[self.constant], 0)
        read[self.constant] = self.tensor(f"{name}.bias")
        return read

    def writes(self, name: str) -> np.ndarray:
        """(…, units) of weights that write to the stream."""
        self.same(f"{name}.bias", self.tensor(f"{name}.bias"), 0)
        return self.units(name, self.tensor(f"{name}.weight"), 1)

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

    def paired(self, name: str, one: np.ndarray, other: np.ndarray) -> None:
        """Raises where a row of one factor is 0 and that of the other is not: it would do nothing,
        but should not be there."""
        alone = one.any(axis=1) != other.any(axis=1)
        if alone.any():
            at = int(np.flatnonzero(alone)[0])
            raise OtherTensors(f"{name}, {at}, is read or written alone", what=name, at=[at])

    # -- its two ends

    def _ends(self) -> None:
        self.same("wte", self.units("wte", self.tensor("wte.weight"), 1), self.words())
        places = self.units("wpe", self.tensor("wpe.weight"), 1)
        wanted = np.zeros_like(places)
        self.places(wanted)
        wanted[:, self.constant] = self.unit
        self.same("wpe", places, wanted)
        norms = [f"h.{k}.ln_{i}" for k in range(self.weights.layers) for i in (1, 2)]
        # a gain undoes the root of the variance, N² 2/D, and what is added to that
        gain = sqrt(self.unit**2 / self.half + EPSILON)
        for name in (*norms, "ln_f"):
            self.same(f"{name}.weight", self.tensor(f"{name}.weight"), gain)
            self.same(f"{name}.bias", self.tensor(f"{name}.bias"), 0)

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
        queries, keys, values = np.split(self.reads(f"{name}.c_attn"), 3, axis=1)
        write = self.writes(f"{name}.c_proj")
        for what, of in (("keys", keys), ("values", values)) if self.halved else ():
            self.halves(f"{name}.c_attn, {what}", of)
        asked = np.concatenate([queries, keys]) if self.unasked else queries
        self.paired(f"{name}, a place of queries and keys", asked.T, keys.T)
        self.paired(f"{name}, a place of values", values.T, write)
        heads = self.made.config["n_head"]
        size, parts = queries.shape[1] // heads, list(self.parts(number, layer))
        for at in range(heads):
            cut, where = slice(at * size, (at + 1) * size), f"head {at} of {name}"
            value = parts[at].value if at < len(parts) else 0
            self.same(f"V O, {where}", values[:, cut] @ write[cut], value)
            if at < len(parts):  # GPT-2 divides scores by the root of a head's size
                score = queries[:, cut] @ keys[:, cut].T / sqrt(size)
                self.same(f"Q K^T, {where}", score, parts[at].score)

    def products(self, head: Head) -> tuple[np.ndarray, np.ndarray]:
        """Of a head of the witness score and value, as a Part has them."""
        query, key, value = self.matrices(head)
        return self.own(query.T @ key), self.own(value.T)

    def matrices(self, head: Head) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Query and key (features, units), and value (units written, units read)."""
        stream = self.weights.layout
        features = head.query.features(stream, {})
        query, key = (dense(slots, features, stream) for slots in (head.query, head.key))
        return query, key, dense(head.value, stream, stream)

    def _mlp(self, number: int, mlp: MLP | None) -> None:
        name = f"h.{number}.mlp"
        hidden = Hidden(self.reads(f"{name}.c_fc"), self.writes(f"{name}.c_proj"))
        self.paired(f"{name}, a hidden unit", hidden.read.T, hidden.write)
        self.mlp(name, hidden, mlp)

    def twins(self, name: str, hidden: Hidden) -> Hidden:
        """Every other hidden unit, the next one writing the negative of what it writes."""
        read, write = hidden.read, hidden.write
        if read.shape[1] % 2:
            self.same(f"{name}.c_proj, without a twin", write[-1:], 0)
            read, write = read[:, :-1], write[:-1]
        self.same(f"{name}.c_proj of twins", write[1::2], -write[::2], exactly=True)
        return Hidden(read, write[::2])

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
