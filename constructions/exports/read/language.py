"""Reads a GPT-2 that reads token ids: a head is a head, a hidden unit a hidden unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from proofs.layer import MLP, Layer

from ..language_model import BODY, by_number, embedded
from .tensors import Hidden, Part, ReadBack, dense


@dataclass
class Language(ReadBack):
    """One as `language_model.py` says. said (tokens, the witness's units): what tokens say of
    themselves, None for a beginning and one-hot words; one: the slot that holds N, if any does."""

    said: np.ndarray | None = field(kw_only=True, default=None)
    one: str = field(kw_only=True, default="")
    body = BODY
    halved = False

    @property
    def constant(self) -> int:
        return self.weights.layout.rows(self.one)[0] if self.one else self.weights.width

    def words(self) -> np.ndarray:
        if self.said is None:
            (word,) = self.weights.prompt.fields.at(self.weights.d).parts.slots
            by = self.embedded("register", word.name)
            return np.concatenate([by["register"], by[word.name]])
        made = self.blank(len(self.said))
        made[:, : self.weights.width] = self.said
        return made

    def places(self, wanted: np.ndarray) -> None:
        for unit, values in embedded(self.weights, by_number(self.weights, len(wanted))).items():
            wanted[:, unit] = [float(value) for value in values]

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
