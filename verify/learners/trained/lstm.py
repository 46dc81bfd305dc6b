"""An LSTM on the same tokens as the transformer, for comparison."""

from __future__ import annotations

import torch
from torch import nn

from .interleaved import Interleaved
from .settings import Settings


class LSTM(Interleaved):
    """(X, y, queries) -> predictions (B, m); layers of cells, each reads the one below."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        width = settings.width
        self.embedding = nn.Linear(settings.d + 1, width)
        self.cells = nn.ModuleList(
            nn.LSTM(width, width, batch_first=True) for _ in range(settings.layers)
        )
        self.prediction = nn.Linear(width, 1)

    def states(self, examples: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        B, length, _ = examples.shape
        m = queries.shape[1]
        states = [self.embedding(torch.cat([examples, queries], dim=1))]
        for cells in self.cells:
            below = states[-1]
            past, memory = cells(below[:, :length])
            # every query goes on from the memory of the examples alone
            each = tuple(part.repeat_interleave(m, dim=1) for part in memory)
            asked = below[:, length:].reshape(B * m, 1, -1)
            now = cells(asked, each)[0].reshape(B, m, -1)
            states.append(torch.cat([past, now], dim=1))
        return torch.stack(states, dim=1)

    def read_out(self, states: torch.Tensor) -> torch.Tensor:
        return self.prediction(states)[..., 0]


def width_of(parameters: int, d: int, layers: int) -> int:
    """The width at which an LSTM has the number of parameters nearest to this."""
    return min(
        range(1, 1 + parameters), key=lambda width: abs(count(width, d, layers) - parameters)
    )


def count(width: int, d: int, layers: int) -> int:
    """The parameters of an LSTM: embedding, cells (four gates, two biases each), prediction."""
    return width * (d + 2) + layers * (8 * width * width + 8 * width) + width + 1
