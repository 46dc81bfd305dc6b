"""A causal witness of one-hot words as a language model: token ids in, logits out.

Token 0 begins a text, where the witness has its register; tokens 1, …, d are the words, one-hot in
the witness. The prediction at a token has d + 1 numbers: the logits of tokens 0, …, d.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..weights import Weights
from .gpt2 import NO_TOKENS, NoExport
from .language_model import LanguageModel, Vocabulary, language_model


def speaks(weights: Weights) -> bool:
    """Whether prompts are texts: words, and nothing that is said of them, after a beginning."""
    return weights.prompt.register and weights.prompt.targets == 0


def word_model(
    weights: Weights, positions: int, unit: int, *, kind: type[np.floating[Any]] = np.float32
) -> LanguageModel:
    """The GPT-2 that runs the witness on texts of up to so many tokens; unit: N, a power of two.

    Its tensors are floats of a kind. Raises NoExport where it cannot.
    """
    for said in _unsaid(weights):
        raise NoExport(f"{weights.name}: a GPT-2 that reads words cannot say {said}")
    (part,) = weights.prompt.fields.at(weights.d).parts.slots
    tokens = range(weights.d + 1)
    one_hot = np.eye(len(tokens), dtype=int)
    held = {"register": one_hot[:, :1].tolist(), part.name: one_hot[:, 1:].tolist()}
    vocabulary = Vocabulary(tokens, held, False, NO_TOKENS)
    return language_model(weights, vocabulary, positions, unit, kind=kind)


def _unsaid(weights: Weights) -> Iterator[str]:
    prompt, readout = weights.prompt, weights.readout
    one_kind = len(prompt.fields.parts.slots) == 1
    if prompt.form != "joint" or not speaks(weights) or prompt.inputs != weights.d or not one_kind:
        yield "prompts other than a beginning and one-hot words"
    if readout.tokens != "query" or weights.prediction_size != weights.d + 1:
        yield "predictions other than a number for each word, and one for none"
