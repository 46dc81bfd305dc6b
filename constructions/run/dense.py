"""The same weights, dense, in the usual layout: a torch.nn.Module to load, probe and train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from proofs.exact import nearest_float
from proofs.layer import MLP, Head, Layer
from proofs.prompt import Tokens
from proofs.stream import Layout
from proofs.vocabulary import attention, unread

from ..files import write_whole
from ..numbers.floats import FloatPrompts, Floats
from ..weights import Weights
from .forward import refuse_in_reference

READING = "the dense module"
NAMES = {torch.float64: "float64", torch.float32: "float32", torch.bfloat16: "bfloat16"}


def dense(
    entries: dict[tuple[int, int], Any], rows: int, columns: int, dtype: torch.dtype
) -> nn.Parameter:
    """A sparse exact matrix as a dense parameter (rows, columns)."""
    matrix = torch.zeros(rows, columns, dtype=dtype)
    for (i, j), value in entries.items():
        matrix[i, j] = nearest_float(value)
    return nn.Parameter(matrix)


class DenseHead(nn.Module):
    """query, key (features, width) and value (width, width), the output matrix included."""

    def __init__(self, head: Head, stream: Layout, dtype: torch.dtype) -> None:
        super().__init__()
        self.head = head
        features = head.query.features(stream, {})
        sizes = features.width, stream.width, dtype
        self.query = dense(head.query.entries(features, stream), *sizes)
        self.key = dense(head.key.entries(features, stream), *sizes)
        self.value = dense(head.value.entries(stream, stream), stream.width, stream.width, dtype)

    def forward(self, h: torch.Tensor, tokens: Tokens) -> torch.Tensor:
        head = self.head
        if head.keys == "context":
            seen = h[..., : len(tokens.context), :]
        elif head.keys in ("full", "causal"):
            seen = h
        else:
            unread(head.keys, "keys", READING)
        scores = (h @ self.query.T) @ (seen @ self.key.T).transpose(-1, -2)
        keys = scores.shape[-1]
        causal = head.keys == "causal"
        kind = attention(head.attention, READING)
        if kind.exponential:
            if causal:
                later = torch.ones_like(scores, dtype=torch.bool).triu(1)
                scores = scores.masked_fill(later, -torch.inf)
            if head.null:
                scores = nn.functional.pad(scores, (0, 1))
            weights = scores.softmax(dim=-1)[..., :keys]
        else:
            system = Floats(NAMES[scores.dtype], scores.device)
            weights = scores if kind.weigh is None else kind.weigh(system, scores)
            weights = weights.tril() if causal else weights
            if kind.shares:
                weights = weights / (weights.sum(dim=-1, keepdim=True) + int(head.null))
        if head.average == "examples":
            weights = weights / tokens.examples
        elif head.average == "keys":
            count = torch.arange(1, keys + 1).unsqueeze(-1) if causal else keys
            weights = weights / count
        elif head.average != "":
            unread(head.average, "average", READING)
        return weights @ (seen @ self.value.T)


class DenseMLP(nn.Module):
    """outer(activation(inner h) * gate h); without inner the hidden units are the stream."""

    def __init__(self, mlp: MLP, stream: Layout, dtype: torch.dtype) -> None:
        super().__init__()
        self.mlp = mlp
        hidden = mlp.hidden(stream)
        sizes = hidden.width, stream.width, dtype
        self.inner = None if mlp.inner is None else dense(mlp.inner.entries(hidden, stream), *sizes)
        self.gate = None if mlp.gate is None else dense(mlp.gate.entries(hidden, stream), *sizes)
        self.outer = dense(mlp.outer.entries(stream, hidden), stream.width, hidden.width, dtype)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        hidden = h if self.inner is None else h @ self.inner.T
        if self.mlp.activation == "relu":
            hidden = hidden.relu()
        elif self.mlp.activation == "gelu":
            hidden = nn.functional.gelu(hidden)
        elif self.mlp.activation != "identity":
            unread(self.mlp.activation, "activation", READING)
        if self.gate is not None:
            hidden = hidden * (h @ self.gate.T)
        return hidden @ self.outer.T


class DenseLayer(nn.Module):
    """h + heads(h), then h + mlp(norm(h))."""

    def __init__(self, layer: Layer, stream: Layout, dtype: torch.dtype) -> None:
        super().__init__()
        self.heads = nn.ModuleList(DenseHead(head, stream, dtype) for head in layer.heads)
        self.mlp = None if layer.mlp is None else DenseMLP(layer.mlp, stream, dtype)
        self.norm = layer.norm

    def forward(self, h: torch.Tensor, tokens: Tokens) -> torch.Tensor:
        h = h + sum((head(h, tokens) for head in self.heads), torch.zeros_like(h))
        if self.mlp is None:
            return h
        normed = h
        if self.norm:  # without epsilon, gain and bias, as in the papers
            centred = h - h.mean(dim=-1, keepdim=True)
            normed = centred / centred.square().mean(dim=-1, keepdim=True).sqrt()
        return h + self.mlp(normed)


class TransformerModule(nn.Module):
    """(X (…, n, d), y (…, n), queries (…, m, d)) -> predictions (…, m).

    `state_dict` has the names of `Witness.matrices`; `save` and `load` use safetensors, with the
    exact witness as metadata.
    """

    def __init__(self, witness: Weights, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        dtype = torch.float64 if dtype is None else dtype
        if dtype not in NAMES:
            raise ValueError(f"dtype must be one of {', '.join(NAMES.values())}, not {dtype}")
        self.witness = witness
        self.dtype = dtype
        stream, prompt = witness.layout, witness.prompt
        self.embedding = dense(
            prompt.embedding.entries(stream, prompt.features),
            stream.width, prompt.features.width, dtype,
        )  # fmt: skip
        self.layers = nn.ModuleList(DenseLayer(each, stream, dtype) for each in witness.layer_list)
        row = witness.layout.rows(witness.readout.slot).start
        self.readout = dense({(0, row): witness.readout.coefficient}, 1, stream.width, dtype)

    def forward(self, X: torch.Tensor, y: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        refuse_in_reference()
        system = Floats(NAMES[self.dtype], self.embedding.device)
        prompts = FloatPrompts(system, X, y, queries, self.witness)
        prompt = self.witness.prompt
        tokens = prompt.tokens(prompts.n, prompts.m)
        (one,) = prompts.each()
        features = prompt.read(*one, tokens, system)
        read = [
            features.get(slot.name, system.zeros(tokens.total, slot.size))
            for slot in prompt.features.slots
        ]
        h = system.concatenate(read) @ self.embedding.T
        for layer in self.layers:
            h = layer(h, tokens)
        return (h[..., tokens.queries.start :, :] @ self.readout.T)[..., 0]

    def save(self, path: str | Path) -> None:
        """Writes a safetensors file, whole or not at all."""
        from safetensors.torch import save

        metadata = {"witness": json.dumps(self.witness.to_json()), "digest": self.witness.digest}
        tensors = {name: one.detach().contiguous() for name, one in self.state_dict().items()}
        write_whole(Path(path), save(tensors, metadata=metadata))

    @classmethod
    def load(cls, path: str | Path) -> TransformerModule:
        """Reads what `save` wrote. Raises ValueError if it is not that."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(path), framework="pt") as opened:
                metadata = opened.metadata() or {}
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{path} is no safetensors file: {error}") from None
        if "witness" not in metadata:
            raise ValueError(f"{path} holds no witness")
        witness = Weights.from_json(json.loads(metadata["witness"]))
        if witness.digest != metadata.get("digest"):
            raise ValueError(f"{path}: the witness does not have the digest that was saved")
        made = cls(witness, dtype=tensors["embedding"].dtype)
        made.load_state_dict(tensors)
        return made
