"""Linear self-attention on joint tokens, every entry of its matrices free.

Tokens are the columns of Z (d + 1, n + m): (x_j, y_j) of an example, (x, 0) of a query. A layer is
Z + 1/n P Z M (Z^T Q Z), where M keeps the examples, so that no query is ever read; a prediction is
minus the last entry of its query. As `constructions.layers_from` reads it:

    layers = layers_from(FILE, M="examples", factor="1/n")
    from_matrices(layers, rows={"x": "d", "y": 1}, d=d, read={"y": -1})
"""

from __future__ import annotations

import torch
from torch import nn

from .settings import Settings

SPREAD = 0.1  # standard deviation of the entries before training


class Layer(nn.Module):
    """P, Q (d + 1, d + 1)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.P = nn.Parameter(SPREAD * torch.randn(size, size, dtype=torch.float64))
        self.Q = nn.Parameter(SPREAD * torch.randn(size, size, dtype=torch.float64))

    def forward(self, Z: torch.Tensor, n: int) -> torch.Tensor:
        """Z (B, tokens, d + 1), a token a row, the n examples first."""
        examples = Z[:, :n]
        scores = Z @ self.Q.T @ examples.transpose(1, 2)  # (B, tokens, n): z_j^T Q z_t
        return Z + scores @ examples @ self.P.T / n


class LinearAttention(nn.Module):
    """(X, y, queries) -> predictions (B, m), in float64."""

    kind = torch.float64

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.layers = nn.ModuleList(Layer(settings.d + 1) for _ in range(settings.layers))

    def forward(self, X: torch.Tensor, y: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        return self.read_out(self.hidden(X, y, queries)[:, -1, X.shape[1] :])

    def hidden(self, X: torch.Tensor, y: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        """The tokens before and after each layer (B, layers + 1, n + m, d + 1), queries last."""
        self.settings.refuse(X, y, queries)
        n = X.shape[1]
        labels = torch.cat([y, y.new_zeros(queries.shape[:2])], dim=1)
        Z = torch.cat([torch.cat([X, queries], dim=1), labels[..., None]], dim=2)
        states = [Z]
        for layer in self.layers:
            states.append(layer(states[-1], n))
        return torch.stack(states, dim=1)

    def read_out(self, states: torch.Tensor) -> torch.Tensor:
        """The prediction (…) at tokens (…, d + 1)."""
        return -states[..., -1]

    def loss(self, X: torch.Tensor, y: torch.Tensor, queries: torch.Tensor, targets: torch.Tensor,
             ) -> torch.Tensor:  # fmt: skip
        """Mean squared error at the queries."""
        return ((self(X, y, queries) - targets) ** 2).mean()
