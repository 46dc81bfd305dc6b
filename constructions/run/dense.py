"""The same weights, dense, in the usual layout: a torch.nn.Module to load, probe and train."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from proofs.exact import nearest_float
from proofs.layer import MLP, Head, Layer, Norm
from proofs.prompt import Tokens, count
from proofs.rule import Rule, is_zero
from proofs.stream import Layout
from proofs.vocabulary import activation, attention, unread

from ..files import read_safetensors, write_whole
from ..numbers.floats import DTYPES, FloatPrompts, Floats
from ..weights import Weights
from .forward import refuse_in_reference, refuse_outside

READING = "the dense module"
LIMITS = ("inputs", "outputs")  # of x and of targets, outside of which it refuses
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def dense(
    entries: dict[tuple[int, int], Any], rows: int, columns: int, dtype: torch.dtype
) -> nn.Parameter:
    """A sparse exact matrix as a dense parameter (rows, columns)."""
    matrix = torch.zeros(rows, columns, dtype=dtype)
    for (i, j), value in entries.items():
        matrix[i, j] = nearest_float(value)
    return nn.Parameter(matrix)


class DenseHead(nn.Module):
    """query, key (features, width) and value (width, width), the output matrix included.

    Masks and mixes are no parameters: they are made for the number of tokens.
    """

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
            seen = h[..., : count(tokens.context), :]
        elif head.keys in ("full", "causal", "strictly causal"):
            seen = h
        else:
            unread(head.keys, "keys", READING)
        scores = (h @ self.query.T) @ (seen @ self.key.T).transpose(-1, -2)
        keys = scores.shape[-1]
        visible, mask = self.visible(tokens, scores)
        kind = attention(head.attention, READING)
        asked = kind.shares and not head.null and not torch.compiler.is_compiling()
        if asked and visible is not None and not visible.any(dim=-1).all():
            raise ZeroDivisionError(f"{head.attention} attention of a token that sees no key")
        if kind.exponential and kind.shares:
            if visible is not None:
                scores = scores.masked_fill(~visible, -torch.inf)
            if head.null:
                scores = nn.functional.pad(scores, (0, 1))
            weights = scores.softmax(dim=-1)[..., :keys]
        else:
            system = Floats(NAMES[scores.dtype], scores.device)
            weights = scores if kind.weigh is None else kind.weigh(system, scores)
            weights = weights.exp() if kind.exponential else weights
            if visible is not None:
                weights = weights.masked_fill(~visible, 0.0)
            if kind.shares:
                weights = weights / (weights.sum(dim=-1, keepdim=True) + int(head.null))
        if mask is not None:
            weights = weights * mask
        if head.average == "examples":
            weights = weights / tokens.examples
        elif head.average == "keys":
            counted = None if visible is None else visible.sum(dim=-1, keepdim=True)
            weights = weights / (keys if counted is None else counted.clamp(min=1))
        elif head.average != "":
            unread(head.average, "average", READING)
        values = seen @ self.value.T
        if head.mix is not None:
            every = range(keys)
            values = self.numbers(head.mix, ("r", "c"), every, every, tokens, values).mT @ values
        return weights @ values

    def visible(
        self, tokens: Tokens, scores: torch.Tensor
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Which keys each token sees (tokens, keys), None for all; and the mask if there is one."""
        size, head = scores.shape[-2:], self.head
        if head.keys in ("context", "full") and head.mask is None:
            return None, None
        made = torch.ones(size, dtype=torch.bool, device=scores.device)
        if head.keys in ("causal", "strictly causal"):
            made = made.tril(0 if head.keys == "causal" else -1)
        if head.mask is None:
            return made, None
        at = range(size[0]), range(size[1]), tokens.examples, tokens.total
        table = head.mask.table(("t", "j"), *at)
        # a number that the format takes for 0 is seen all the same
        made &= ~made.new_tensor([[bool(is_zero(entry)) for entry in row] for row in table])
        mask = self.numbers(head.mask, ("t", "j"), range(size[0]), range(size[1]), tokens, scores)
        return made, mask.masked_fill(~made, 0.0)

    @staticmethod
    def numbers(
        rule: Rule, pair: Any, rows: range, columns: range, tokens: Tokens, like: torch.Tensor
    ) -> torch.Tensor:
        """The table of a rule (rows, columns)."""
        table = rule.table(pair, rows, columns, tokens.examples, tokens.total)
        made = [[nearest_float(entry) for entry in row] for row in table]
        return torch.tensor(made, dtype=like.dtype, device=like.device)


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
        kind = activation(self.mlp.activation, READING)
        if kind.apply is not None:
            hidden = kind.apply(Floats(NAMES[hidden.dtype], hidden.device), hidden)
        if self.gate is not None:
            hidden = hidden * (h @ self.gate.T)
        return hidden @ self.outer.T


class DenseNorm(nn.Module):
    """gain * u / sqrt(mean(u^2) + epsilon) + bias; `gain` and `bias` (1, width) if it has them."""

    def __init__(self, norm: Norm, stream: Layout, dtype: torch.dtype) -> None:
        super().__init__()
        self.kind, self.epsilon = norm.kind, nearest_float(norm.epsilon)
        size = 1, stream.width, dtype
        self.gain = dense(norm.entries("gain", stream), *size) if norm.gain else None
        self.bias = dense(norm.entries("bias", stream), *size) if norm.bias else None

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        if self.kind == "layer":
            h = h - h.mean(dim=-1, keepdim=True)
        elif self.kind != "rms":
            unread(self.kind, "norm", READING)
        h = h / (h.square().mean(dim=-1, keepdim=True) + self.epsilon).sqrt()
        h = h if self.gain is None else h * self.gain
        return h if self.bias is None else h + self.bias


class DenseLayer(nn.Module):
    """h + heads(attention_norm(h)), after_attention of it, h + mlp(norm(h)), after_mlp of it."""

    def __init__(self, layer: Layer, stream: Layout, dtype: torch.dtype) -> None:
        super().__init__()
        self.heads = nn.ModuleList(DenseHead(head, stream, dtype) for head in layer.heads)
        self.mlp = None if layer.mlp is None else DenseMLP(layer.mlp, stream, dtype)
        known = {field: DenseNorm(one, stream, dtype) for field, one in layer.norms().items()}
        self.attention_norm = known.pop("attention_norm", None)
        self.after_attention = known.pop("after_attention", None)
        self.norm = known.pop("norm", None)
        self.after_mlp = known.pop("after_mlp", None)
        if known:
            unread(next(iter(known)), "place of a norm", READING)

    def forward(self, h: torch.Tensor, tokens: Tokens) -> torch.Tensor:
        read = h if self.attention_norm is None else self.attention_norm(h)
        h = h + sum((head(read, tokens) for head in self.heads), torch.zeros_like(h))
        h = h if self.after_attention is None else self.after_attention(h)
        if self.mlp is not None:
            h = h + self.mlp(h if self.norm is None else self.norm(h))
        return h if self.after_mlp is None else self.after_mlp(h)


class TransformerModule(nn.Module):
    """(X (…, n, d), y (…, n), queries (…, m, d)) -> predictions (…, m), as Witness.predict, also in
    the prompts that it refuses, until it is compiled or exported.

    `state_dict` has the names of `Witness.matrices`; `save` and `load` use safetensors, with the
    exact witness as metadata.
    """

    def __init__(self, witness: Weights, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        dtype = torch.float64 if dtype is None else dtype
        if dtype not in NAMES:
            raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, not {dtype}")
        self.witness = witness
        stream, prompt = witness.layout, witness.prompt
        self.embedding = dense(
            prompt.embedding.entries(stream, prompt.features),
            stream.width, prompt.features.width, dtype,
        )  # fmt: skip
        self.layers = nn.ModuleList(DenseLayer(each, stream, dtype) for each in witness.layer_list)
        rows, coefficient = witness.layout.rows(witness.readout.slot), witness.readout.coefficient
        self.readout = dense(
            {(i, row): coefficient for i, row in enumerate(rows)}, len(rows), stream.width, dtype
        )

    @property
    def dtype(self) -> torch.dtype:
        """That of the weights, which `to` and `half` change."""
        return self.embedding.dtype

    def __repr__(self) -> str:
        size = f"{self.witness.layers} layers, width {self.witness.width}"
        return f"{type(self).__name__}({self.witness.name}: {size}, {self.dtype})"

    def forward(
        self, X: torch.Tensor, y: torch.Tensor | None = None, queries: torch.Tensor | None = None
    ) -> torch.Tensor:
        prompts = self._prompts(X, y, queries)
        for h in self._stream(prompts):
            last = h
        at = self.query_tokens(prompts.n, prompts.m)
        made = self.read_out(prompts.system.rows(last, at))
        return made.reshape(*made.shape[:-2], *prompts.predicted)

    def hidden(
        self, X: torch.Tensor, y: torch.Tensor | None = None, queries: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The stream after the embedding and after every layer: (…, layers + 1, tokens, width)."""
        return torch.stack(list(self._stream(self._prompts(X, y, queries))), dim=-3)

    def read_out(self, states: torch.Tensor) -> torch.Tensor:
        """What the weights read off states (…, width) of the stream: (…, size of the read-out)."""
        return states @ self.readout.T

    def query_tokens(self, n: int, m: int) -> range:
        """The tokens that are read out, of a prompt of n examples and m queries."""
        return self.witness.prompt.tokens(n, m).read_out(self.witness.readout.tokens)

    def _prompts(
        self, X: torch.Tensor, y: torch.Tensor | None, queries: torch.Tensor | None
    ) -> FloatPrompts:
        refuse_in_reference()
        if self.dtype not in NAMES:
            raise ValueError(f"it runs in {', '.join(DTYPES)}, not in {self.dtype}")
        system = Floats(NAMES[self.dtype], self.embedding.device)
        prompts = FloatPrompts(system, X, y, queries, self.witness)
        if not torch.compiler.is_compiling():  # what is compiled has no exceptions, nor an export
            refuse_outside(self.witness, prompts)
        return prompts

    def _stream(self, prompts: FloatPrompts) -> Iterator[torch.Tensor]:
        """The stream (…, tokens, width) after the embedding and after every layer."""
        prompt, system = self.witness.prompt, prompts.system
        tokens = prompt.tokens(prompts.n, prompts.m)
        (one,) = prompts.each()
        features = prompt.read(*one, tokens, system)
        read = [
            features.get(slot.name, system.zeros(tokens.total, slot.size))
            for slot in prompt.features.slots
        ]
        h = system.concatenate(read) @ self.embedding.T
        yield h
        for layer in self.layers:
            h = layer(h, tokens)
            yield h

    def save(self, path: str | Path) -> None:
        """Writes a safetensors file, whole or not at all."""
        write_whole(Path(path), self.serialised())

    def serialised(self, **more: str) -> bytes:
        """A safetensors file, with more metadata."""
        from safetensors.torch import save

        witness = self.witness
        metadata = {"witness": json.dumps(witness.to_json()), "digest": witness.digest}
        for name in LIMITS:  # no weights, so not in the digest
            if (limits := getattr(witness, name)) is not None:
                metadata[name] = json.dumps(limits)
        tensors = {name: one.detach().contiguous() for name, one in self.state_dict().items()}
        return save(tensors, metadata=metadata | more)

    @classmethod
    def load(cls, path: str | Path) -> TransformerModule:
        """Reads what `save` wrote. Raises ValueError if it is not that."""
        tensors, metadata = read_safetensors(path)
        if "witness" not in metadata:
            raise ValueError(f"{path} holds no witness")
        witness = Weights.from_json(json.loads(metadata["witness"]))
        if witness.digest != metadata.get("digest"):
            raise ValueError(f"{path}: the witness does not have the digest that was saved")
        limits: dict[str, Any] = {
            name: _limits(path, name, metadata[name]) for name in LIMITS if name in metadata
        }
        made = cls(replace(witness, **limits), dtype=tensors["embedding"].dtype)
        made.load_state_dict(tensors)
        return made


def _limits(path: str | Path, name: str, text: str) -> tuple[int, int]:
    """(low, high) as it was saved. Raises ValueError where it is not that."""
    try:
        low, high = json.loads(text)
    except (TypeError, ValueError):
        low = high = None
    if type(low) is not int or type(high) is not int or low >= high:
        raise ValueError(f"{path}: the limits of its {name} are not two whole numbers")
    return low, high
