"""Runs an exported folder in the class that it was written for, transformers' GPT2Model, or as that
is defined."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

TOGETHER = 1000  # prompts in one batch


class Exported:
    """The model in a folder, and what turns prompts into its inputs; runner: whose code runs it."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        io = json.loads((self.folder / "witness.json").read_text(encoding="utf-8"))["io"]
        self.example, self.query = np.array(io["example"]), np.array(io["query"])
        self.roles, self.readout = np.array(io["roles"]), np.array(io["readout"])
        there = find_spec("transformers") is not None
        self.runner = "transformers" if there else "this package, transformers not being installed"
        self.last_hidden_state = self._of_transformers() if there else self._of_this_package()

    def _of_transformers(self) -> Callable[[np.ndarray], np.ndarray]:
        import torch
        from transformers import GPT2Model, logging

        logging.disable_progress_bar()
        model: Any = GPT2Model.from_pretrained(str(self.folder), attn_implementation="eager").eval()

        def run(tokens: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                inputs = torch.tensor(tokens, dtype=torch.float32)
                found: np.ndarray = model(inputs_embeds=inputs).last_hidden_state.double().numpy()
            return found

        return run

    def _of_this_package(self) -> Callable[[np.ndarray], np.ndarray]:
        from safetensors.numpy import load_file

        from .forward import forward

        config = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        tensors = load_file(self.folder / "model.safetensors")
        return lambda tokens: forward(tensors, config, tokens)[0]

    def predict(self, X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        """Predictions (B, m) of X (B, n, d), y (B, n), queries (B, m, d)."""
        made = [
            self._predict(X[i : i + TOGETHER], y[i : i + TOGETHER], queries[i : i + TOGETHER])
            for i in range(0, len(X), TOGETHER)
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
