"""GPT-2 in torch's own functions: what an exported model computes, without transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.nn.functional import gelu, layer_norm

SHORT = 16  # entries of a row


def forward(
    tensors: Mapping[str, np.ndarray], config: Mapping[str, Any], inputs: np.ndarray,
    kind: torch.dtype = torch.float32, reads: list[np.ndarray] | None = None,
) -> np.ndarray:  # fmt: skip
    """The last hidden state (B, tokens, D) of inputs_embeds (B, tokens, D), in floats of `kind`.

    What the layer norms read, each (B, tokens, D), is added to `reads` in the order in which it
    comes.
    """
    held = {name: torch.tensor(tensor, dtype=kind) for name, tensor in tensors.items()}

    def norm(name: str, stream: torch.Tensor) -> torch.Tensor:
        if reads is not None:
            reads.append(stream.double().numpy())
        weight, bias = held[f"{name}.weight"], held[f"{name}.bias"]
        return layer_norm(stream, weight.shape, weight, bias, config["layer_norm_epsilon"])

    def linear(name: str, read: torch.Tensor) -> torch.Tensor:
        rows = torch.addmm(held[f"{name}.bias"], read.flatten(0, 1), held[f"{name}.weight"])
        return rows.unflatten(0, read.shape[:2])

    with torch.no_grad():
        stream = torch.tensor(inputs, dtype=kind)
        stream = stream + held["wpe.weight"][: stream.shape[1]]
        for number in range(config["n_layer"]):
            block = f"h.{number}"
            queries, keys, values = linear(
                f"{block}.attn.c_attn", norm(f"{block}.ln_1", stream)
            ).chunk(3, dim=-1)
            mixed = _attend(*(_heads(one, config["n_head"]) for one in (queries, keys, values)))
            stream = stream + linear(f"{block}.attn.c_proj", mixed)
            hidden = linear(f"{block}.mlp.c_fc", norm(f"{block}.ln_2", stream))
            stream = stream + linear(f"{block}.mlp.c_proj", gelu(hidden, approximate="tanh"))
        return norm("ln_f", stream).double().numpy()


def _heads(joined: torch.Tensor, heads: int) -> torch.Tensor:
    """(B, tokens, D) as (B, heads, tokens, size)."""
    return joined.unflatten(-1, (heads, -1)).transpose(1, 2)


def _attend(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Causal softmax attention, heads joined again: (B, tokens, D)."""
    scores = queries @ keys.transpose(-1, -2)
    scores *= queries.shape[-1] ** -0.5
    scores += torch.full(scores.shape[-2:], -torch.inf, dtype=scores.dtype).triu(1)
    return (_softmax(scores) @ values).transpose(1, 2).flatten(-2)


def _softmax(scores: torch.Tensor) -> torch.Tensor:
    """Over the last axis: where it is short, column by column, as torch is slow over short rows."""
    if scores.shape[-1] >= SHORT:
        return torch.softmax(scores, dim=-1)
    return torch.softmax(scores.transpose(-1, -2).contiguous(), dim=-2).transpose(-1, -2)
