"""A causal witness as the weights of an unmodified GPT2LMHeadModel: token ids in, logits out.

Token 0 begins a text, where the witness has its register; tokens 1, …, d are the words, one-hot in
the witness. The prediction at a token has d + 1 numbers: the logits of tokens 0, …, d.

Stream, layer norms and softmax heads are as in `gpt2.py`: a unit is a pair +v, -v beside +N, -N,
and a head is a head. Here nothing stands in the prompt twice, since the witness is causal itself;
its encodings are the learned positions, its words the embedding, its read-out the language model's
head. Heads that the witness has not, in which the width is cut all the same, write nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from proofs.exact import nearest_float
from proofs.layer import Head, Layer
from proofs.prompt import encoded

from ..weights import Weights
from .gpt2 import EPSILON, NoExport, gain

BODY = "transformer."  # of the names of all tensors but the head's
Entries = Mapping[tuple[int, int], Any]


@dataclass(frozen=True)
class LanguageModel:
    """config and tensors of a GPT2LMHeadModel; `size` units a head.

    Of the witness's unit u the hidden units u and u + D/2 hold +v and -v.
    """

    config: dict[str, Any]
    tensors: dict[str, np.ndarray]

    @property
    def width(self) -> int:
        """D, the hidden units."""
        return int(self.config["n_embd"])

    @property
    def size(self) -> int:
        """Units of a head."""
        return self.width // int(self.config["n_head"])


def speaks(weights: Weights) -> bool:
    """Whether prompts are texts: words, and nothing that is said of them, after a beginning."""
    return weights.prompt.register and weights.prompt.targets == 0


def language_model(
    weights: Weights, positions: int, unit: int, *, kind: type[np.floating[Any]] = np.float32
) -> LanguageModel:
    """The GPT-2 that runs the witness on texts of up to so many tokens; unit: N, a power of two.

    Its tensors are floats of a kind. Raises NoExport where it cannot.
    """
    for words in _unsaid(weights):
        raise NoExport(f"{weights.name}: a GPT-2 that reads words cannot say {words}")
    config = _config(weights, positions)
    made = LanguageModel(config, {})
    named = dict(_ends(weights, made, positions, unit))
    for number, layer in enumerate(weights.layer_list):
        block = f"{BODY}h.{number}."
        named |= {block + name: one for name, one in _block(weights, made, layer, unit)}
    made.tensors.update(
        (name, np.ascontiguousarray(one, dtype=kind)) for name, one in named.items()
    )
    return made


# -- what can be said in it -------------------------------------------------------------------


def _unsaid(weights: Weights) -> Iterator[str]:
    prompt, readout = weights.prompt, weights.readout
    if weights.free_symbols:
        yield f"the letters {', '.join(sorted(map(str, weights.free_symbols)))}"
    if prompt.form != "joint" or not speaks(weights) or prompt.inputs != weights.d:
        yield "prompts other than a beginning and one-hot words"
    if readout.tokens != "query" or weights.prediction_size != weights.d + 1:
        yield "predictions other than a number for each word, and one for none"
    words = [part.name for part in prompt.fields.parts.slots]
    of_number = [name for name, rules in prompt.encodings
                 if all(rule.names <= {"t"} for rule in rules)]  # fmt: skip
    for block in prompt.embedding:
        if block.source not in (*words, "register", "one", "index", *of_number):
            yield f"an embedding that reads {block.source}"
    for layer in weights.layer_list:
        if layer.norms() or layer.mlp is not None:
            yield f"a norm of the witness's own, or an MLP (layer {layer.name})"
        for head in layer.heads:
            other = head.mask is not None or head.mix is not None or head.null
            if (head.attention, head.keys) != ("softmax", "causal") or other:
                yield f"a head that is not causal softmax attention (layer {layer.name})"


# -- tensors ----------------------------------------------------------------------------------


def read_by(entries: Entries, width: int, columns: int, start: int = 0) -> np.ndarray:
    """(D, columns): half the difference of a pair, for {(column, unit): weight}."""
    made = np.zeros((width, columns))
    for (column, unit), weight in entries.items():
        made[unit, start + column] = nearest_float(weight) / 2
    made[width // 2 :] = -made[: width // 2]
    return made


def _written(rows: np.ndarray, width: int) -> np.ndarray:
    """(…, units) as (…, D): +v and -v."""
    made = np.zeros((*rows.shape[:-1], width))
    made[..., : rows.shape[-1]] = rows
    made[..., width // 2 :] = -made[..., : width // 2]
    return made


def _ends(
    weights: Weights, made: LanguageModel, positions: int, unit: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Embeddings, the last norm, the head."""
    width, units, prompt = made.width, weights.width, weights.prompt
    words = np.zeros((weights.d + 1, units))
    places = np.zeros((positions, units + 1))
    places[:, units] = unit
    (part,) = prompt.fields.at(weights.d).parts.slots
    rows = {row: (slot.name, i) for slot in prompt.features.slots
            for i, row in enumerate(prompt.features.rows(slot.name))}  # fmt: skip
    every = prompt.tokens(positions - 1, 0)
    values = {name: encoded(rules, every) for name, rules in prompt.encodings}
    values |= {"one": [[1]] * positions, "index": [[t] for t in range(positions)]}
    for (to, row), weight in prompt.embedding.entries(weights.layout, prompt.features).items():
        (name, i), by = rows[row], nearest_float(weight)
        if name in values:
            places[:, to] += [by * nearest_float(value[i]) for value in values[name]]
        else:
            words[0 if name == "register" else i + 1, to] += by
            assert name in ("register", part.name)
    yield f"{BODY}wte.weight", _written(words, width)
    yield f"{BODY}wpe.weight", _written(places, width)
    yield from _norm(f"{BODY}ln_f", width, unit)
    rows_read = weights.layout.rows(weights.readout.slot)
    logits = {(i, u): weights.readout.coefficient for i, u in enumerate(rows_read)}
    yield "lm_head.weight", read_by(logits, width, weights.d + 1).T


def _norm(name: str, width: int, unit: int) -> Iterator[tuple[str, np.ndarray]]:
    yield f"{name}.weight", np.full(width, gain(width, unit))
    yield f"{name}.bias", np.zeros(width)


def _block(
    weights: Weights, made: LanguageModel, layer: Layer, unit: int
) -> Iterator[tuple[str, np.ndarray]]:
    width, size = made.width, made.size
    for name in ("ln_1", "ln_2"):
        yield from _norm(name, width, unit)
    read, write = np.zeros((width, 3 * width)), np.zeros((width, width))
    for at, head in enumerate(layer.heads):
        query, key, value, out = parts(weights, head)
        start = at * size
        # GPT-2 divides scores by the root of a head's size
        read += read_by(query, width, 3 * width, start) * sqrt(size)
        read += read_by(key, width, 3 * width, width + start)
        read += read_by(value, width, 3 * width, 2 * width + start)
        for (row, place), weight in out.items():
            write[start + place, row] = nearest_float(weight)
    write[:, width // 2 :] = -write[:, : width // 2]
    yield "attn.c_attn.weight", read
    yield "attn.c_attn.bias", np.zeros(3 * width)
    yield "attn.c_proj.weight", write
    yield "attn.c_proj.bias", np.zeros(width)
    hidden = made.config["n_inner"]
    yield "mlp.c_fc.weight", np.zeros((width, hidden))
    yield "mlp.c_fc.bias", np.zeros(hidden)
    yield "mlp.c_proj.weight", np.zeros((hidden, width))
    yield "mlp.c_proj.bias", np.zeros(width)


def parts(weights: Weights, head: Head) -> tuple[Entries, Entries, Entries, Entries]:
    """Of a head: {(feature, unit): weight} of query and key, {(place, unit): 1} of what it carries,
    {(unit, place): weight} of what it writes of that."""
    stream = weights.layout
    features = head.query.features(stream, {})
    value = head.value.entries(stream, stream)
    place = {unit: i for i, unit in enumerate(sorted({unit for _, unit in value}))}
    return (
        head.query.entries(features, stream),
        head.key.entries(features, stream),
        {(i, unit): 1 for unit, i in place.items()},
        {(row, place[unit]): weight for (row, unit), weight in value.items()},
    )


def _sizes(weights: Weights) -> Sequence[int]:
    """D, how many heads, of which size: the least that the witness fits into."""
    heads = [head for layer in weights.layer_list for head in layer.heads]
    size = 1
    for head in heads:
        query, _, carried, _ = parts(weights, head)
        size = max(size, len({f for f, _ in query}), len(carried))
    width = 2 * (weights.width + 1)
    many = max([len(layer.heads) for layer in weights.layer_list] + [width // size])
    size = max(size, -(-width // many))
    size += many * size % 2  # D is even
    return many * size, many, size


def _config(weights: Weights, positions: int) -> dict[str, Any]:
    width, many, _ = _sizes(weights)
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_layer": weights.layers,
        "n_embd": width,
        "n_head": many,
        "n_inner": 1,
        "n_positions": positions,
        "vocab_size": weights.d + 1,
        "tie_word_embeddings": False,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": EPSILON,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "scale_attn_weights": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "use_cache": False,
        "dtype": "float32",
    }
