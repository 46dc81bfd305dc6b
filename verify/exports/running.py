"""Runs an exported folder in the class that it was written for: transformers' GPT2Model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

TOGETHER = 1000  # prompts in one batch


class Missing(ImportError):
    """A package that the export's model needs is not installed."""


class Exported:
    """The model in a folder, and what turns prompts into its inputs."""

    def __init__(self, folder: str | Path) -> None:
        try:
            from transformers import GPT2Model, logging
        except ImportError:
            words = "transformers is not installed: pip install 'icl-witness[export]'"
            raise Missing(words) from None

        logging.disable_progress_bar()
        self.model: Any = GPT2Model.from_pretrained(str(folder), attn_implementation="eager").eval()
        written = json.loads((Path(folder) / "witness.json").read_text(encoding="utf-8"))
        io = written["io"]
        self.example, self.query = np.array(io["example"]), np.array(io["query"])
        self.roles, self.readout = np.array(io["roles"]), np.array(io["readout"])

    def predict(self, X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        """Predictions (B, m) of X (B, n, d), y (B, n), queries (B, m, d)."""
        made = [
            self._predict(X[i : i + TOGETHER], y[i : i + TOGETHER], queries[i : i + TOGETHER])
            for i in range(0, len(X), TOGETHER)
        ]
        return np.concatenate(made)

    def _predict(self, X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        import torch

        with torch.no_grad():
            inputs = torch.tensor(self.tokens(X, y, queries), dtype=torch.float32)
            last = self.model(inputs_embeds=inputs).last_hidden_state
        asked = last[:, -queries.shape[1] :].double().numpy()
        return np.asarray(asked @ self.readout)

    def tokens(self, X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
        """inputs_embeds (B, tokens, D)."""
        examples = np.concatenate([X, y[..., None]], axis=-1) @ self.example
        sink = np.zeros((len(X), 1, self.example.shape[1]))
        copies = [examples + role for role in self.roles[:-1]]
        asked = queries @ self.query + self.roles[-1]
        return np.concatenate([sink, *copies, asked], axis=1)
