"""Runs an exported folder in the class that it was written for, transformers' GPT2Model or its
GPT2LMHeadModel, or as that is defined."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from safetensors.numpy import load_file

from constructions.exports.gpt2 import Checkpoint
from constructions.exports.language_model import BODY, LanguageModel

# prompts in one batch, and fewer where a head of theirs has more scores than these: what torch
# holds for them it does not give back
TOGETHER = 1000
SCORES = 3 * 10**5
THIS = "this package"
Run: TypeAlias = Callable[[np.ndarray], Any]


class Model:
    """A model by its last hidden state, (B, tokens, D) of inputs_embeds of that shape.

    And what turns prompts into its inputs, as a Checkpoint or the io of witness.json has it.
    runner: whose code runs it.
    """

    def __init__(
        self, io: Mapping[str, Any], last_hidden_state: Callable[[np.ndarray], np.ndarray],
        runner: str,
    ) -> None:  # fmt: skip
        self.example, self.query = np.array(io["example"]), np.array(io["query"])
        self.roles, self.readout = np.array(io["roles"]), np.array(io["readout"])
        self.last_hidden_state, self.runner = last_hidden_state, runner

    def predict(self, X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        """Predictions (B, m) of X (B, n, d), y (B, n), queries (B, m, d)."""
        tokens = 1 + (len(self.roles) - 1) * X.shape[1] + queries.shape[1]
        size = max(1, min(TOGETHER, SCORES // tokens**2))
        made = [
            self._predict(X[i : i + size], y[i : i + size], queries[i : i + size])
            for i in range(0, len(X), size)
        ]
        return np.concatenate(made)

    def _predict(self, X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        asked = self.last_hidden_state(self.tokens(X, y, queries))[:, -queries.shape[1] :]
        return np.asarray(asked @ self.readout)

    def tokens(self, X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        """inputs_embeds (B, tokens, D)."""
        examples = np.concatenate([X, y[..., None]], axis=-1) @ self.example
        sink = np.zeros((len(X), 1, self.example.shape[1]))
        copies = [examples + role for role in self.roles[:-1]]
        asked = queries @ self.query + self.roles[-1]
        return np.concatenate([sink, *copies, asked], axis=1)


class Exported(Model):
    """The model in a folder, run by transformers where that is installed."""

    def __init__(self, folder: str | Path) -> None:
        io = json.loads((Path(folder) / "witness.json").read_text(encoding="utf-8"))["io"]
        super().__init__(io, *_of_folder(folder, _of_transformers, _of_this_package))


def _of_folder(
    folder: str | Path, theirs: Callable[[str | Path], Run],
    ours: Callable[[Mapping[str, np.ndarray], Mapping[str, Any]], Run],
) -> tuple[Run, str]:  # fmt: skip
    """What runs the folder's model, and whose code that is."""
    if find_spec("transformers") is not None:
        return theirs(folder), "transformers"
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    tensors = load_file(Path(folder) / "model.safetensors")
    return ours(tensors, config), f"{THIS}, transformers not being installed"


def assembled(made: Checkpoint) -> Model:
    """The model that a folder would hold, run by this package."""
    return Model(vars(made), _of_this_package(made.tensors, made.config), THIS)


def _of_this_package(tensors: Mapping[str, np.ndarray], config: Mapping[str, Any]) -> Run:
    from .forward import forward

    return lambda tokens: forward(tensors, config, tokens)


def _of_transformers(folder: str | Path) -> Run:
    import torch
    from transformers import GPT2Model, logging

    logging.disable_progress_bar()
    model: Any = GPT2Model.from_pretrained(str(folder), attn_implementation="eager").eval()

    def run(tokens: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            inputs = torch.tensor(tokens, dtype=torch.float32)
            found: np.ndarray = model(inputs_embeds=inputs).last_hidden_state.double().numpy()
        return found

    return run


# -- language models --------------------------------------------------------------------------


@dataclass(frozen=True)
class Speaker:
    """A language model: token ids (B, tokens) to logits (B, tokens, vocabulary) and the last hidden
    states (B, tokens, D). runner: whose code runs it."""

    run: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    runner: str

    def logits(self, ids: np.ndarray) -> np.ndarray:
        """Of many texts."""
        size = max(1, min(TOGETHER, SCORES // ids.shape[1] ** 2))
        return np.concatenate([self.run(ids[i : i + size])[0] for i in range(0, len(ids), size)])


def speaker_in(folder: str | Path) -> Speaker:
    """The language model in a folder, run by transformers where that is installed."""
    return Speaker(*_of_folder(folder, _speaker_of_transformers, _speaker_of_this_package))


def speaker(made: LanguageModel) -> Speaker:
    """The language model that a folder would hold, run by this package."""
    return Speaker(_speaker_of_this_package(made.tensors, made.config), THIS)


def _speaker_of_this_package(tensors: Mapping[str, np.ndarray], config: Mapping[str, Any]) -> Run:
    from .forward import forward

    body = {name.removeprefix(BODY): one for name, one in tensors.items()}
    table = body["wte.weight"]
    head = body.get("lm_head.weight", table)

    def run(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        last = forward(body, config, table[ids])
        return (last.astype(np.float32) @ head.T).astype(float), last

    return run


def _speaker_of_transformers(folder: str | Path) -> Run:
    import torch
    from transformers import GPT2LMHeadModel, logging

    logging.disable_progress_bar()
    model: Any = GPT2LMHeadModel.from_pretrained(str(folder), attn_implementation="eager").eval()

    def run(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            given = torch.tensor(ids)
            # nothing is padding, which ids that end a text would be taken for
            made = model(given, attention_mask=torch.ones_like(given), output_hidden_states=True)
        return made.logits.double().numpy(), made.hidden_states[-1].double().numpy()

    return run
