"""A witness under a causal mask: the examples stand in the prompt several times.

In a witness every token reads all examples as they are after the layer before. A causal model's
example j sees the examples before it alone. So the prompt is a sink, the examples, the examples
again, and so on, then the queries. A layer reads one copy; what it writes is right in the copies
after that one, which see all of it, and at the queries. In the others it is something that nobody
reads. Layers, heads and weights stay the witness's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from proofs.layer import Head, Layer

from ..weights import Weights

Entries = Iterable[tuple[int, int]]


@dataclass(frozen=True)
class Copies:
    """reads: of each layer the copy that its heads read; count: how many copies there are.

    right: the first copy in which each unit is right, before each layer and after the last; what is
    `count` there is right at the queries alone.
    """

    reads: tuple[int, ...]
    count: int
    right: tuple[Mapping[int, int], ...]


def copies(weights: Weights) -> Copies:
    """Which copy each layer reads: the first in which all that it reads is right."""
    first = dict.fromkeys(range(weights.width), 0)  # the first copy in which a unit is right
    reads, right = [], [dict(first)]
    for layer in weights.layer_list:
        reads.append(
            max((first[u] for head in layer.heads for u in keys(weights, head)), default=0)
        )
        _attend(weights, layer, first, reads[-1])
        if layer.mlp is not None:
            _compute(weights, layer, first)
        right.append(dict(first))
    return Copies(tuple(reads), max(reads, default=0) + 1, tuple(right))


def keys(weights: Weights, head: Head) -> set[int]:
    """Units of the stream that a head reads at its keys."""
    features, stream = head.key.features(weights.layout, {}), weights.layout
    return _columns(head.key.entries(features, stream)) | _columns(
        head.value.entries(stream, stream)
    )


def _attend(weights: Weights, layer: Layer, first: dict[int, int], copy: int) -> None:
    stream, before = weights.layout, dict(first)
    for head in layer.heads:
        queries = _columns(head.query.entries(head.query.features(stream, {}), stream))
        own = max((before[u] for u in queries), default=0)
        for unit in _rows(head.value.entries(stream, stream)):
            first[unit] = max(first[unit], copy + 1, own)


def _compute(weights: Weights, layer: Layer, first: dict[int, int]) -> None:
    assert layer.mlp is not None
    hidden, before = layer.mlp.hidden(weights.layout), dict(first)
    inner = layer.mlp.inner
    sources = (
        _columns(inner.entries(hidden, weights.layout)) if inner is not None
        else _columns(layer.mlp.outer.entries(weights.layout, hidden))
    )  # fmt: skip
    own = max((before[u] for u in sources), default=0)
    for unit in _rows(layer.mlp.outer.entries(weights.layout, hidden)):
        first[unit] = max(first[unit], own)


def _rows(entries: Entries) -> set[int]:
    return {row for row, _ in entries}


def _columns(entries: Entries) -> set[int]:
    return {column for _, column in entries}
