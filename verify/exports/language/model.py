"""Runs an exported language model in the class that it was written for, or as that is defined."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from constructions.exports.text_model import BODY, LanguageModel

from ...algorithms import what_followed
from ..forward import forward
from ..running import SCORES, THIS, TOGETHER
from .certificate import Texts


@dataclass(frozen=True)
class Model:
    """Logits (B, tokens, d + 1) of token ids (B, tokens). runner: whose code runs it."""

    of_batch: Callable[[np.ndarray], np.ndarray]
    runner: str

    def logits(self, ids: np.ndarray) -> np.ndarray:
        size = max(1, min(TOGETHER, SCORES // ids.shape[1] ** 2))
        return np.concatenate([self.of_batch(ids[i : i + size]) for i in range(0, len(ids), size)])


def exported(folder: str | Path) -> Model:
    """The model in a folder, run by transformers where that is installed."""
    if find_spec("transformers") is not None:
        return Model(_of_transformers(folder), "transformers")
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    tensors = load_file(Path(folder) / "model.safetensors")
    return Model(_of_this_package(tensors, config), f"{THIS}, transformers not being installed")


def assembled(made: LanguageModel) -> Model:
    """The model that a folder would hold, run by this package."""
    return Model(_of_this_package(made.tensors, made.config), THIS)


def _of_this_package(
    tensors: Mapping[str, np.ndarray], config: Mapping[str, Any]
) -> Callable[[np.ndarray], np.ndarray]:
    body = {name.removeprefix(BODY): one for name, one in tensors.items()}

    def run(ids: np.ndarray) -> np.ndarray:
        last, _ = forward(body, config, body["wte.weight"][ids])
        logits: np.ndarray = last.astype(np.float32) @ body["lm_head.weight"].T
        return logits.astype(float)

    return run


def _of_transformers(folder: str | Path) -> Callable[[np.ndarray], np.ndarray]:
    import torch
    from transformers import GPT2LMHeadModel, logging

    logging.disable_progress_bar()
    model: Any = GPT2LMHeadModel.from_pretrained(str(folder), attn_implementation="eager").eval()

    def run(ids: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            found: np.ndarray = model(torch.tensor(ids)).logits.double().numpy()
        return found

    return run


def drawn(texts: Texts, count: int, seed: int) -> np.ndarray:
    """Token ids (count, length) of texts that are unlike each other.

    A third each: words of all kinds; one word again and again, with others here and there; all
    words in turn, in a new order each time, so that what is asked for is as far back as can be.
    """
    random, words = np.random.default_rng(seed), texts.length - 1
    ids = np.zeros((count, texts.length), dtype=np.int64)
    for number, text in enumerate(ids):
        said = random.integers(1, texts.d + 1, words)
        if number % 3 == 1:
            said = np.where(random.random(words) < 0.8, said[0], said)
        if number % 3 == 2:
            turns = -(-words // texts.d)
            every = [random.permutation(texts.d) + 1 for _ in range(turns)]
            said = np.concatenate(every)[:words]
        text[1:] = said
    return ids


def answers(ids: np.ndarray) -> np.ndarray:
    """The token that is right after each token, (count, tokens); 0 where nothing followed."""
    return np.array([[answer or 0 for answer in what_followed(text)] for text in ids.tolist()])
