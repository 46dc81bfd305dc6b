"""Reads a GPT-2 that reads token ids: a head is a head, a hidden unit a hidden unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from proofs.layer import MLP, Layer
from proofs.prompt import encoded
from proofs.slotmap import SlotMap
from proofs.stream import split_entry

from ..language_model import BODY
from .tensors import Hidden, OtherTensors, Part, ReadBack, dense


@dataclass
class Language(ReadBack):
    """One as `language_model.py` says.

    said: {field of a prompt: (tokens, size)}, what tokens say of themselves, None for a beginning
    and one-hot words; one: the slot that holds N, if any does.
    """

    said: Mapping[str, np.ndarray] | None = field(kw_only=True, default=None)
    one: str = field(kw_only=True, default="")
    body = BODY
    halved = False

    @property
    def constant(self) -> int:
        return self.weights.layout.rows(self.one)[0] if self.one else self.weights.width

    def words(self) -> np.ndarray:
        return self._embedding(self._said())

    def places(self, wanted: np.ndarray) -> None:
        """Raises OtherTensors where a token is embedded by what is neither its word nor number."""
        numbered = self._numbered(len(wanted))
        if left := _sources(self.weights.prompt.embedding) - {*numbered, *self._said()}:
            raise OtherTensors(f"the embedding reads {min(left)}, which no tensor holds")
        wanted += self._embedding(numbered)

    def _said(self) -> Mapping[str, np.ndarray]:
        if self.said is not None:
            return self.said
        (word,) = self.weights.prompt.fields.at(self.weights.d).parts.slots
        one_hot = np.eye(1 + word.size)
        return {"register": one_hot[:, :1], word.name: one_hot[:, 1:]}

    def _numbered(self, count: int) -> Mapping[str, np.ndarray]:
        """What a token's number says: fields as a prompt defines them, whatever its length."""
        prompt = self.weights.prompt
        tokens, numbers = prompt.tokens(count - int(prompt.register), 0), np.arange(count)
        found = {"one": np.ones((count, 1)), "index": numbers[:, None]}
        for name, rules in prompt.encodings:
            if all(rule.names <= {"t"} for rule in rules):
                found[name] = np.array(encoded(rules, tokens), dtype=float)
        return found

    def _embedding(self, fields: Mapping[str, np.ndarray]) -> np.ndarray:
        """(tokens, units) of what fields of a prompt write."""
        by = self.embedded(*fields)
        return np.asarray(sum(fields[name] @ by[name] for name in fields if len(by[name])))

    def inputs(self) -> dict[str, np.ndarray]:
        return {}

    def _inputs(self) -> None:
        """The logits: products with what tokens say, or what the witness reads out."""
        if self.made.config["tie_word_embeddings"]:
            return
        readout, self.body = self.weights.readout, ""
        rows = list(self.weights.layout.rows(readout.slot))
        logits = 2 * self.units("lm_head", self.tensor("lm_head.weight"), 1)
        self.same("lm_head", logits, np.eye(self.half)[rows] * float(readout.coefficient))

    def parts(self, number: int, layer: Layer) -> Iterator[Part]:
        for head in layer.heads:
            yield Part(*self.products(head))

    def mlp(self, name: str, hidden: Hidden, mlp: MLP | None) -> None:
        """Each hidden unit by itself, as there is a GELU in between."""
        read, write = np.zeros_like(hidden.read), np.zeros_like(hidden.write)
        if mlp is not None and mlp.inner is not None:
            stream, units = self.weights.layout, mlp.hidden(self.weights.layout)
            own = slice(0, self.weights.width), slice(0, units.width)
            read[own] = dense(mlp.inner, units, stream).T
            write[own[::-1]] = dense(mlp.outer, stream, units).T
        self.same(f"{name}.c_fc", hidden.read, read)
        self.same(f"{name}.c_proj", hidden.write, write)


def _sources(embedding: SlotMap) -> set[str]:
    return {split_entry(block.source)[0] for block in embedding}
