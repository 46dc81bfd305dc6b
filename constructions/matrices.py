"""Weights in the papers' own notation: Z + P Z M (Zᵀ Q Z), and W_O W_V H softmax((W_K H)ᵀ W_Q H).

    layer = {"P": {("y", "y"): 1}, "Q": {("x", "x"): -A}, "M": "examples", "factor": "1/n"}
    from_matrices([layer] * 3, rows={"x": "d", "y": 1}, d=4, read={"y": -1})

What is printed is executed literally: a P that reads the query's label, a Q on the wrong side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from proofs.layer import MLP, Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, SlotMap
from proofs.stream import DIMENSION, Layout, Slot
from proofs.vocabulary import ATTENTION, one_of

from .block_matrices import (
    NamedRows,
    Part,
    entry,
    features,
    parts_of,
    product,
    slot_map_of,
)
from .masks import seen
from .parameters import whole
from .witness import Witness

SCORES = ("Q", "W_Q", "W_K")
VALUES = ("P", "W_O", "W_V")
OF_A_HEAD = (*VALUES, *SCORES, "scale", "M", "mask", "factor", "attention", "null", "name")
OF_AN_MLP = ("W_1", "W_2", "W_gate", "activation")
# norms and the like go to the layer as they are; its heads and its MLP are made here
OF_A_LAYER = ("heads", "holds", *(f.name for f in fields(Layer) if f.name not in ("heads", "mlp")))


def from_matrices(
    layers: Sequence[Mapping[str, Any] | Sequence[Mapping[str, Any]]],
    *,
    rows: Mapping[str, Any],
    read: str | Mapping[str, Any] | Readout,
    d: int | None = None,
    n: int | None = None,
    embedding: Any = None,
    prompt: Mapping[str, Any] | None = None,
    name: str = "matrices",
    source: str = "",
    parameters: Mapping[str, Any] | None = None,
    definitions: Mapping[str, str] | None = None,
) -> Witness:
    """The witness whose layers have these matrices.

    rows: what the rows of Z (rows, tokens) are, in order: {"x": "d", "y": 1}. A row named like a
    feature of a token (x, y, one, index, position, query, x_example, …) begins as that; others
    begin as 0; or `embedding` says it, a matrix from features to rows. Matrices are given whole, or
    by blocks between rows, {("y", "x"): w}, a number for that multiple of the identity; entries are
    int, Fraction, sympy, text ("1/3"), or floats, taken exactly.

    A layer is a head, a list of heads, which are added up, or a mapping with "heads" and an MLP.
    A head is {"P": …, "Q": …} for Z + factor · P Z M (Zᵀ Q Z), or {"W_V", "W_O", "W_Q", "W_K"} for
    H + factor · W_O W_V H M a(scale · (W_K H)ᵀ W_Q H); P may stand for W_O, or W_V alone for both.
      attention: a, one of the vocabulary; "linear" unless W_Q and W_K are given.
      scale: a number that multiplies the scores, an inverse temperature.
      M: "all" (the identity, the default), "examples" (diag(I_n, 0): no query is read), a matrix
        of all tokens, or a rule for its row r and column c, "(r <= c) / (c + 1)".
      mask: which token sees which: "all", "examples", "causal" (itself and the past), "strictly
        causal", a matrix (keys, readers) of numbers that multiply the weights, 0 hiding the key, or
        a rule for the reader t and the key j, "j + 1 < t". `rule` gives names to constants.
      factor: a number, a formula in n (examples) and N (all tokens) such as "1/n", or "1/keys" of
        those that are seen.
    An MLP is {"W_1", "W_2", "activation"} for Z + W_2 a(W_1 Z), with "W_gate" for
    Z + W_2 (a(W_1 Z) * W_gate Z); W_1 may be left out for the identity; biases are columns that
    read a row `one`. Other fields of a layer (norm, …) are those of Layer; "holds" says what rows
    hold after it, {k} being its number: {"y": "y_t - w{k}.T*x_t"}.

    read: the row of a query that is the prediction, or {row: factor}; a Readout says other tokens.
    n: the number of examples, where it is fixed. prompt: further fields of Prompt (form, register,
    parts, …).

    Raises ValueError or TypeError in one line that names the matrix, its shape and what would fit.
    """
    if isinstance(layers, (str, Mapping)) or not isinstance(layers, Sequence):
        raise ValueError(f"layers must be a list of layers, [layer] * 3 for three, not {layers!r}")
    layout = _layout(rows)
    d = _dimension(d, layout)
    stream = NamedRows(layout, d)
    given = {} if prompt is None else dict(prompt)
    if "position" in layout and "positions" not in given:
        given["positions"] = stream.size("position")
    if embedding is None and "y" in layout and layout["y"].shape:
        given.setdefault("targets", layout["y"].shape[0])
    if isinstance(given.get("parts"), Mapping):
        given["parts"] = _layout(given["parts"])
    tokens = Prompt(d, _embedding(embedding, stream, given), **given)
    built: dict[int, Layer] = {}  # a layer that is repeated is read once
    made = []
    for number, layer in enumerate(layers, start=1):
        if id(layer) in built:
            made.append(_again(built[id(layer)], layer, number))
        else:
            made.append(_layer(layer, number, stream, tokens, n))
            built[id(layer)] = made[-1]
    return Witness(
        name=name,
        layout=layout.at(d),
        prompt=tokens,
        layer_list=tuple(made),
        readout=_readout(read),
        parameters={} if parameters is None else parameters,
        definitions=tuple((definitions or {}).items()),
        examples=n,
        source=source,
    )


# -- rows, embedding, read-out ----------------------------------------------------------------


def _layout(rows: Mapping[str, Any]) -> Layout:
    """{"x": "d", "y": 1, "A": "dd", "e": 3} as slots of the shapes (d,), (), (d, d), (3,)."""
    if not isinstance(rows, Mapping) or not rows:
        raise ValueError(
            f"rows must name the rows of Z in order, {{'x': 'd', 'y': 1}}, not {rows!r}"
        )
    return Layout(tuple(Slot(name, _shape(name, size)) for name, size in rows.items()))


def _shape(name: str, size: Any) -> tuple[Any, ...]:
    if isinstance(size, str) and set(size) == {DIMENSION}:
        return tuple(size)
    if isinstance(size, tuple):
        return size
    if isinstance(size, str):
        raise ValueError(f"rows: {name} has {size!r} rows, which is neither d, nor a whole number")
    count = whole(f"rows: the number of rows of {name}", size)
    return () if count == 1 else (count,)


def _dimension(d: int | None, layout: Layout) -> int:
    """d, which the number of rows called x can tell."""
    if d is not None:
        return whole("d", d)
    if any(DIMENSION in slot.shape for slot in layout.slots):
        lettered = [slot.name for slot in layout.slots if DIMENSION in slot.shape]
        raise ValueError(f"d is needed: {', '.join(lettered)} has d rows")
    if "x" not in layout:
        raise ValueError("d is needed, the number of columns of X: no rows are called x")
    return layout["x"].size


def _embedding(given: Any, stream: NamedRows, prompt: Mapping[str, Any]) -> SlotMap:
    """What the rows begin as: what they are called, or what is said."""
    known = Prompt(DIMENSION, SlotMap(), **prompt).features
    if not any(DIMENSION in slot.shape for slot in stream.layout.slots):
        known = known.at(stream.d)  # rows counted in numbers are held against numbers
    tokens = NamedRows(known, stream.d)
    if given is None:
        given = {(row, row): 1 for row in stream.names if row in known}
        if not given:
            there = ", ".join(tokens.names)
            raise ValueError(
                f"no row is called like a feature of a token ({there}): say with `embedding` "
                "what the rows begin as"
            )
    return SlotMap(tuple(part.block() for part in parts_of("embedding", given, stream, tokens)))


def _readout(given: Any) -> Readout:
    if isinstance(given, Readout):
        return given
    if isinstance(given, str):
        given = {given: 1}
    if not isinstance(given, Mapping) or len(given) != 1:
        raise ValueError(f"read must be a row, or {{row: factor}}, such as {{'y': -1}}: {given!r}")
    ((row, factor),) = given.items()
    return Readout(row, entry("the factor of the row that is read", factor))


# -- layers -----------------------------------------------------------------------------------


def _layer(
    given: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    number: int,
    stream: NamedRows,
    prompt: Prompt,
    n: int | None,
) -> Layer:
    where = f"layer {number}"
    if not isinstance(given, Mapping):
        given = {"heads": tuple(given)}
    elif "heads" not in given:
        head = {k: v for k, v in given.items() if k in OF_A_HEAD and k != "name"}
        rest = {k: v for k, v in given.items() if k not in head}
        given = {"heads": (head,) if head else (), **rest}
    known = (*OF_A_LAYER, *OF_AN_MLP)
    for word in given:
        if word not in known:
            of_head = ", ".join(OF_A_HEAD)
            raise ValueError(
                f"{where}: there is no {word!r}; a head has {of_head}, a layer {', '.join(known)}"
            )
    heads = given["heads"]
    if isinstance(heads, Mapping) or not isinstance(heads, Sequence):
        raise ValueError(f"{where}: heads must be a list of heads, not {heads!r}")
    more = {k: v for k, v in given.items() if k in OF_A_LAYER and k not in ("heads", "holds")}
    more.setdefault("name", where)
    return Layer(
        heads=tuple(
            _head(head, f"{where}, head {h}" if len(heads) > 1 else where, h, stream, prompt, n)
            for h, head in enumerate(heads, start=1)
        ),
        mlp=_mlp(given, where, stream),
        holds=_holds(given.get("holds", {}), number),
        **more,
    )


def _again(made: Layer, given: Any, number: int) -> Layer:
    """The same layer as the one of another number: what rows hold after it may depend on that."""
    words = given if isinstance(given, Mapping) else {}
    name = words.get("name", f"layer {number}")
    return replace(made, name=name, holds=_holds(words.get("holds", {}), number))


def _holds(given: Mapping[Any, str], number: int) -> tuple[Holds, ...]:
    """{"y": "w{k}.T*x_t"}, or {("y", "query"): …} for some tokens only."""
    made = []
    for key, text in given.items():
        slot, tokens = key if isinstance(key, tuple) else (key, "all")
        made.append(Holds(slot, text.replace("{k}", str(number)), tokens))
    return tuple(made)


def _head(
    given: Mapping[str, Any],
    where: str,
    number: int,
    stream: NamedRows,
    prompt: Prompt,
    n: int | None,
) -> Head:
    if not isinstance(given, Mapping):
        raise ValueError(f"{where}: a head is a mapping {{'P': …, 'Q': …}}, not {given!r}")
    for word in given:
        one_of(word, OF_A_HEAD, f"word in {where}")
    query, key = _scores(given, where, stream)
    kind = given.get("attention")
    if kind is None:
        if "Q" not in given:
            there = ", ".join(ATTENTION)
            raise ValueError(f"{where}: with W_Q and W_K, say which attention; there are {there}")
        kind = "linear"
    one_of(kind, ATTENTION, f"attention in {where}")
    which, factor = seen(given, where, kind, prompt, n)
    value = SlotMap(tuple(part.block(factor) for part in _values(given, where, stream)))
    return Head(
        query,
        key,
        value,
        attention=kind,
        null=given.get("null", False),
        name=given.get("name", f"head {number}"),
        **which,
    )


def _scores(given: Mapping[str, Any], where: str, stream: NamedRows) -> tuple[SlotMap, SlotMap]:
    """Query and key with <query_t, key_j> = scale · zᵀ_j Q z_t, or scale · (W_K h_j)ᵀ W_Q h_t."""
    there = [word for word in SCORES if word in given]
    scale = entry(f"{where}: scale", given.get("scale", 1))
    if there == ["Q"]:  # what Q makes of the reader meets the rows of the key
        asked = [part.block(scale) for part in parts_of(f"{where}: Q", given["Q"], stream, stream)]
        met = dict.fromkeys(block.destination for block in asked)
        return SlotMap(tuple(asked)), SlotMap(tuple(Block(row, row) for row in met))
    if there != ["W_Q", "W_K"]:
        said = " and ".join(there) or "nothing"
        raise ValueError(f"{where}: the scores need Q, or W_Q and W_K; there is {said}")
    queries, keys = (features(f"{where}: {word}", given[word], stream, "f") for word in there)
    _same_features(where, queries, keys, stream)
    return tuple(  # type: ignore[return-value]
        slot_map_of(parts_of(f"{where}: {word}", given[word], side, stream), side, stream, by)
        for word, side, by in (("W_Q", queries, scale), ("W_K", keys, 1))
    )


def _same_features(where: str, queries: NamedRows, keys: NamedRows, stream: NamedRows) -> None:
    """Raises ValueError where W_Q and W_K make features that cannot be multiplied."""
    for one, other, name in ((queries, keys, "W_K"), (keys, queries, "W_Q")):
        for feature in one.names:
            if feature not in other.layout:
                raise ValueError(
                    f"{where}: W_Q writes {', '.join(queries.names)} and W_K writes "
                    f"{', '.join(keys.names)}; (W_K H)ᵀ W_Q H needs {feature} in {name} too"
                )
            if one.size(feature) != other.size(feature):
                raise ValueError(
                    f"{where}: W_Q is {queries.total} x {stream.total} and W_K is "
                    f"{keys.total} x {stream.total}; (W_K H)ᵀ W_Q H needs as many rows in both"
                )


def _values(given: Mapping[str, Any], where: str, stream: NamedRows) -> tuple[Part, ...]:
    """P, or W_O W_V, as parts."""
    there = [word for word in VALUES if word in given]
    if not there or {"P", "W_O"} <= set(there):
        said = " and ".join(there) or "nothing"
        raise ValueError(f"{where}: the values need P, or W_V with W_O or alone; there is {said}")
    if there == ["W_O"]:
        raise ValueError(f"{where}: W_O needs W_V; a matrix that is both is called P")
    if len(there) == 1:
        return parts_of(f"{where}: {there[0]}", given[there[0]], stream, stream)
    out, into = there
    middle = features(f"{where}: W_V", given["W_V"], stream, "v")
    left = parts_of(f"{where}: {out}", given[out], stream, middle)
    return product(left, parts_of(f"{where}: W_V", given["W_V"], middle, stream))


def _mlp(given: Mapping[str, Any], where: str, stream: NamedRows) -> MLP | None:
    there = [word for word in OF_AN_MLP if word in given]
    if not there:
        return None
    if missing := [word for word in ("W_2", "activation") if word not in given]:
        raise ValueError(f"{where}: an MLP needs {', '.join(missing)} beside {', '.join(there)}")
    hidden, inner, gate = stream, None, None
    if "W_1" in given:
        hidden = features(f"{where}: W_1", given["W_1"], stream, "hidden")
        parts = parts_of(f"{where}: W_1", given["W_1"], hidden, stream)
        inner = slot_map_of(parts, hidden, stream)
    if "W_gate" in given:
        parts = parts_of(f"{where}: W_gate", given["W_gate"], hidden, stream)
        gate = slot_map_of(parts, hidden, stream)
    outer = parts_of(f"{where}: W_2", given["W_2"], stream, hidden)
    return MLP(SlotMap(tuple(map(Part.block, outer))), inner, gate, given["activation"])
