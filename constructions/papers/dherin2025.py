"""dherin2025, as printed: a contextual layer A, and after it a network f(W A(C, x) + b), f ReLU.

The tokens of a prompt, its x's, are c_1, …, c_n and, last of all, x; what the last token holds is
read. A(C, x) is in slot `a`. There is no y, and no query.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from proofs.layer import MLP, Head, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, SlotMap
from proofs.stream import layout

from ..parameters import whole
from ..witness import Witness

Matrix = Sequence[Sequence[Any]]


def contextual(
    K: Matrix, V: Matrix, attention: str = "linear", keys: str = "causal", skip: bool = False
) -> Witness:
    """The layer A alone: A(C, x) = sum of weight(<K x, c>) V c over c in C, and x (`keys` causal).

    `keys` strictly causal: over C alone. `skip`: x itself is added.
    """
    return _witness("dherin2025.contextual", (K, V, attention, keys, skip))


def block(
    W: Matrix,
    b: Sequence[Any],
    K: Matrix,
    V: Matrix,
    attention: str = "linear",
    keys: str = "causal",
    skip: bool = False,
) -> Witness:
    """A contextual block, relu(W A(C, x) + b), W (k, d)."""
    head = (K, V, attention, keys, skip)
    return _witness("dherin2025.block", head, W, b)


def residual_block(
    W: Matrix,
    b: Sequence[Any],
    outer: Matrix,
    last: Sequence[Any],
    K: Matrix,
    V: Matrix,
    attention: str = "linear",
    keys: str = "causal",
    stream: bool = False,
) -> Witness:
    """x + A(C, x) + W' relu(W A(C, x) + b) + b', W' = `outer` (d, k) and b' = `last` (d).

    `stream`: the network reads x + A(C, x).
    """
    head = (K, V, attention, keys, stream)
    return _witness("dherin2025.residual_block", head, W, b, outer, last)


def _witness(
    name: str,
    layer: tuple[Matrix, Matrix, str, str, bool],
    W: Matrix | None = None,
    b: Sequence[Any] = (),
    outer: Matrix | None = None,
    last: Sequence[Any] = (),
) -> Witness:
    """Slots: x; a, what the network reads; out, the prediction (a where there is no network)."""
    K, V, attention, keys, read_x = layer
    d = whole("d", len(K))
    embedding, value = [Block("x", "x"), Block("one", "one")], [Block("a", "x", matrix=_rows(V))]
    embedding += [Block("a", "x")] if read_x else []
    slots, layers = {"x": (d,), "a": (d,), "one": ()}, []
    if W is not None:
        inner = SlotMap((Block("u", "a", matrix=_rows(W)), Block("u", "one", matrix=_column(b))))
        step = tuple(map(tuple, np.eye(len(W), dtype=int).tolist())) if outer is None else outer
        mlp = MLP(SlotMap((Block("out", "u", matrix=_rows(step)),)), inner, activation="relu")
        layers.append(Layer("network", mlp=mlp))
        slots["out"] = (len(step),)
    if outer is not None:
        embedding += [Block("out", "x"), Block("out", "one", matrix=_column(last))]
        value.append(Block("out", "x", matrix=_rows(V)))
    head = Head(
        query=SlotMap((Block("f", "x", matrix=_rows(K)),)),
        key=SlotMap((Block("f", "x"),)),
        value=SlotMap(tuple(value)),
        attention=attention,
        keys=keys,  # type: ignore[arg-type]
        name="contextual layer",
    )
    return Witness(
        name=name,
        layout=layout(**slots),
        prompt=Prompt(d, SlotMap(tuple(embedding)), targets=0),
        layer_list=(Layer("contextual layer", (head,)), *layers),
        readout=Readout("a" if W is None else "out", tokens="examples"),
        source="dherin2025, section 2",
    )


def _rows(matrix: Matrix) -> tuple[tuple[Any, ...], ...]:
    return tuple(map(tuple, matrix))


def _column(vector: Sequence[Any]) -> tuple[tuple[Any, ...], ...]:
    return tuple((entry,) for entry in vector)
