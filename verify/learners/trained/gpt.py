"""A causal softmax transformer: pre-norm, learned positions, GELU, no dropout."""

from __future__ import annotations

import torch
from torch import nn

from .interleaved import Interleaved
from .settings import NoLearnerError, Settings

SPREAD = 0.02  # standard deviation of the positions before training


class Block(nn.Module):
    """H + attention(norm(H)), then H + MLP(norm(H)); H (B, tokens, width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, H: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """seen (tokens, tokens): whether the token of a row sees that of a column."""
        B, length, width = H.shape
        made = self.query_key_value(self.before_attention(H))
        made = made.view(B, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = made
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        H = H + self.output(mixed.transpose(1, 2).reshape(B, length, width))
        return H + self.mlp(self.before_mlp(H))


class GPT(Interleaved):
    """(X, y, queries) -> predictions (B, m), of at most settings.n examples."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        width = settings.width
        self.embedding = nn.Linear(settings.d + 1, width)
        self.positions = nn.Parameter(SPREAD * torch.randn(2 * settings.n + 1, width))
        self.blocks = nn.ModuleList(Block(width, settings.heads) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(width)
        self.prediction = nn.Linear(width, 1)

    def states(self, examples: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        length, m = examples.shape[1], queries.shape[1]
        if length >= len(self.positions):
            raise NoLearnerError(
                f"{length // 2} examples are more than the {self.settings.n} it was trained for"
            )
        places = torch.arange(length + m).clamp(max=length)
        seen = torch.ones(length + m, length + m, dtype=torch.bool).tril()
        seen[length:, length:] = torch.eye(m, dtype=torch.bool)  # no query sees another
        H = self.embedding(torch.cat([examples, queries], dim=1)) + self.positions[places]
        states = [H]
        for block in self.blocks:
            states.append(block(states[-1], seen))
        return torch.stack(states, dim=1)

    def read_out(self, states: torch.Tensor) -> torch.Tensor:
        return self.prediction(self.norm(states))[..., 0]
