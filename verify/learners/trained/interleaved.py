"""Learners that read x_1, y_1, x_2, y_2, … and predict y_j at x_j: tokens (x, 0) and (0, y)."""

from __future__ import annotations

import torch
from torch import nn

from .settings import Settings


class Interleaved(nn.Module):
    """What a causal transformer and an LSTM share; states (B, layers + 1, tokens, width).

    The tokens are those of the examples, 2 n, then the m queries, each of which stands at place
    2 n, after the examples, and sees no other query.
    """

    kind = torch.float32
    settings: Settings

    def forward(self, X: torch.Tensor, y: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        return self.read_out(self.hidden(X, y, queries)[:, -1, 2 * X.shape[1] :])

    def hidden(self, X: torch.Tensor, y: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        """The states before and after each layer (B, layers + 1, 2 n + m, width), queries last."""
        self.settings.refuse(X, y, queries)
        return self.states(tokens(X, y), placed(queries))

    def states(self, examples: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        """From tokens (B, 2 n, d + 1) and (B, m, d + 1)."""
        raise NotImplementedError

    def read_out(self, states: torch.Tensor) -> torch.Tensor:
        """The prediction (…) at tokens (…, width)."""
        raise NotImplementedError

    def loss(self, X: torch.Tensor, y: torch.Tensor, queries: torch.Tensor, targets: torch.Tensor,
             ) -> torch.Tensor:  # fmt: skip
        """Mean squared error at every example, from those before it, and at the queries."""
        last = self.hidden(X, y, queries)[:, -1]
        n = X.shape[1]
        made = self.read_out(torch.cat([last[:, : 2 * n : 2], last[:, 2 * n :]], dim=1))
        return ((made - torch.cat([y, targets], dim=1)) ** 2).mean()


def tokens(X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """(B, 2 n, d + 1): (x_1, 0), (0, y_1), (x_2, 0), …"""
    labels = torch.cat([torch.zeros_like(X), y[..., None]], dim=2)
    return torch.stack([placed(X), labels], dim=2).flatten(1, 2)


def placed(X: torch.Tensor) -> torch.Tensor:
    """(B, n, d + 1): (x, 0)."""
    return nn.functional.pad(X, (0, 1))
