"""GPT-2 in torch's own functions: what an exported model computes, without transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.nn.functional import gelu, layer_norm


def forward(
    tensors: Mapping[str, np.ndarray], config: Mapping[str, Any], inputs: np.ndarray,
    kind: torch.dtype = torch.float32,
) -> tuple[np.ndarray, list[np.ndarray]]:  # fmt: skip
    """The last hidden state (B, tokens, D) of inputs_embeds (B, tokens, D), in floats of `kind`.

    Also what the layer norms read, each (B, tokens, D), in the order in which they come.
    """
    held = {name: torch.tensor(tensor, dtype=kind) for name, tensor in tensors.items()}
    reads: list[np.ndarray] = []

    def norm(name: str, stream: torch.Tensor) -> torch.Tensor:
        reads.append(stream.double().numpy())
        weight, bias = held[f"{name}.weight"], held[f"{name}.bias"]
        return layer_norm(stream, weight.shape, weight, bias, config["layer_norm_epsilon"])

    def linear(name: str, read: torch.Tensor) -> torch.Tensor:
        return read @ held[f"{name}.weight"] + held[f"{name}.bias"]

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
        return norm("ln_f", stream).double().numpy(), reads


def _heads(joined: torch.Tensor, heads: int) -> torch.Tensor:
    """(B, tokens, D) as (B, heads, tokens, size)."""
    return joined.unflatten(-1, (heads, -1)).transpose(1, 2)


def _attend(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Causal softmax attention, heads joined again: (B, tokens, D)."""
    scores = queries @ keys.transpose(-1, -2)
    scores *= queries.shape[-1] ** -0.5
    scores += torch.full(scores.shape[-2:], -torch.inf, dtype=scores.dtype).triu(1)
    return (torch.softmax(scores, dim=-1) @ values).transpose(1, 2).flatten(-2)
