"""A witness of tokens as an unmodified GPT2LMHeadModel, which says what comes next.

The stream is that of `gpt2.py`: a unit of the witness is +v and -v, reading it is half their
difference, and the slot `one` is +N and -N, which makes layer norms linear up to |v|^2/(2 N^2);
what reads it is a bias. `place`, the position / 1024, is what learned positions add; all else of a
token is its embedding, and a token's logit is the product of the last hidden state with that
embedding: input and output are tied, as GPT-2 has them.

Scores are divided by the root of a head's size, 8, and queries multiplied by it: every weight but
the norms' gain is a power of two times a small whole number, and a float as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from proofs.layer import MLP, Head
from proofs.stream import Layout

from ..witness import Witness
from . import subleq
from .gpt2 import EPSILON, POSITIONS, gain
from .subleq import Token

ROOT = 8
SIZE = ROOT**2  # of a head, GPT-2's own
UNIT = 4096  # N, a power of two
Entries = Mapping[tuple[int, int], Any]


@dataclass(frozen=True)
class LanguageModel:
    """config and tensors of a GPT2LMHeadModel, and its tokens in the order of their ids.

    Of the witness's unit u the hidden units u and u + n_embd/2 hold +v and -v.
    """

    witness: Witness
    tokens: list[Token]
    config: dict[str, Any]
    tensors: dict[str, np.ndarray]


def language_model(word: int, address: int) -> LanguageModel:
    """The GPT-2 that runs SUBLEQ on words and addresses of so many bits. Raises ValueError."""
    witness, tokens = subleq.decoder(word, address), subleq.vocabulary(word, address)
    most = max(len(layer.heads) for layer in witness.layer_list)
    heads = max(most, -(-2 * witness.width // SIZE))
    config: dict[str, Any] = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_layer": witness.layers,
        "n_embd": heads * SIZE,
        "n_head": heads,
        "n_inner": max(len(mlp_weights(one.mlp, witness.layout)[0]) for one in witness.layer_list),
        "n_positions": POSITIONS,
        "vocab_size": len(tokens),
        "activation_function": "gelu_new",
        "layer_norm_epsilon": EPSILON,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "scale_attn_weights": True,
        "tie_word_embeddings": True,
        "bos_token_id": tokens.index(subleq.END),
        "eos_token_id": tokens.index(subleq.END),
        "pad_token_id": tokens.index(subleq.END),
        "dtype": "float32",
    }
    tensors = {
        f"transformer.{name}": np.ascontiguousarray(tensor, dtype=np.float32)
        for name, tensor in _Writer(witness, config["n_embd"], config["n_inner"]).tensors(tokens)
    }
    return LanguageModel(witness, tokens, config, tensors)


def embeddings(tokens: Iterable[Token], stream: Layout) -> np.ndarray:
    """What tokens hold: (tokens, units of the witness)."""
    word, address = stream["word"].size, stream["address"].size
    made = []
    for token in tokens:
        row = np.zeros(stream.width)
        for slot, values in subleq.held(token, word, address).items():
            row[list(stream.rows(slot))] = values
        made.append(row)
    return np.array(made)


def head_weights(head: Head, stream: Layout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(features, units) of the query and of the key; (units written, units read) of the value."""
    names, queries = head.key.features(stream, {}), head.query.features(stream, {})
    order = [queries.rows(slot.name)[i] for slot in names.slots for i in range(slot.size)]
    query = _dense(head.query.entries(queries, stream), (queries.width, stream.width))[order]
    key = _dense(head.key.entries(names, stream), (names.width, stream.width))
    return query, key, _dense(head.value.entries(stream, stream), (stream.width,) * 2)


def mlp_weights(mlp: MLP | None, stream: Layout) -> tuple[np.ndarray, np.ndarray]:
    """(hidden units, units) and (units, hidden units)."""
    assert mlp is not None and mlp.inner is not None
    hidden = mlp.hidden(stream)
    inner = _dense(mlp.inner.entries(hidden, stream), (hidden.width, stream.width))
    return inner, _dense(mlp.outer.entries(stream, hidden), (stream.width, hidden.width))


def _dense(entries: Entries, shape: tuple[int, int]) -> np.ndarray:
    made = np.zeros(shape)
    for at, value in entries.items():
        made[at] = float(value)
    return made


@dataclass(frozen=True)
class _Writer:
    """width, hidden: of the GPT-2."""

    witness: Witness
    width: int
    hidden: int

    def tensors(self, tokens: Iterable[Token]) -> Iterator[tuple[str, np.ndarray]]:
        stream = self.witness.layout
        places = np.zeros((POSITIONS, stream.width))
        places[:, stream.rows("place")[0]] = np.arange(POSITIONS) / POSITIONS
        places[:, stream.rows("one")[0]] = UNIT
        yield "wte.weight", self._pairs(embeddings(tokens, stream))
        yield "wpe.weight", self._pairs(places)
        yield from self._norm("ln_f")
        for number, layer in enumerate(self.witness.layer_list):
            yield from self._norm(f"h.{number}.ln_1")
            yield from self._norm(f"h.{number}.ln_2")
            for name, tensor in (*self._attention(layer.heads), *self._mlp(layer.mlp)):
                yield f"h.{number}.{name}", tensor

    def _pairs(self, rows: np.ndarray) -> np.ndarray:
        """(…, units of the witness) as (…, width): +v, and -v in the other half."""
        half = np.zeros((*rows.shape[:-1], self.width // 2))
        half[..., : rows.shape[-1]] = rows
        return np.concatenate([half, -half], axis=-1)

    def _reads(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights (width, rows) that read half of each difference, and a bias (rows,)."""
        one = self.witness.layout.rows("one")[0]
        units = np.where(np.arange(rows.shape[1]) == one, 0, rows)
        return self._pairs(units / 2).T, rows[:, one]

    def _norm(self, name: str) -> Iterator[tuple[str, np.ndarray]]:
        yield f"{name}.weight", np.full(self.width, gain(self.width, UNIT))
        yield f"{name}.bias", np.zeros(self.width)

    def _attention(self, heads: Iterable[Head]) -> Iterator[tuple[str, np.ndarray]]:
        read, bias = np.zeros((self.width, 3, self.width)), np.zeros((3, self.width))
        write = np.zeros((self.width, self.width))
        for number, head in enumerate(heads):
            query, key, value = head_weights(head, self.witness.layout)
            written, sources = np.nonzero(value)
            carried = list(dict.fromkeys(sources))
            at = number * SIZE
            for part, rows in enumerate((ROOT * query, key, np.eye(len(value))[carried])):
                read[:, part, at : at + len(rows)], bias[part, at : at + len(rows)] = self._reads(
                    rows
                )
            write[at : at + len(carried)] = self._pairs(value[:, carried].T)
        yield "attn.c_attn.weight", read.reshape(self.width, -1)
        yield "attn.c_attn.bias", bias.ravel()
        yield "attn.c_proj.weight", write
        yield "attn.c_proj.bias", np.zeros(self.width)

    def _mlp(self, mlp: MLP | None) -> Iterator[tuple[str, np.ndarray]]:
        inner, outer = mlp_weights(mlp, self.witness.layout)
        count = len(inner)
        read, bias = np.zeros((self.width, self.hidden)), np.zeros(self.hidden)
        write = np.zeros((self.hidden, self.width))
        read[:, :count], bias[:count] = self._reads(inner)
        write[:count] = self._pairs(outer.T)
        yield "mlp.c_fc.weight", read
        yield "mlp.c_fc.bias", bias
        yield "mlp.c_proj.weight", write
        yield "mlp.c_proj.bias", np.zeros(self.width)
