"""mov, aff and RAW (+) of akyurek2022, each exactly, in one layer of its transformer.

Causal softmax heads with the extra logit 0, finite weights, no MLP. Two heads whose weights depend
on positions alone and differ by epsilon * M add M V h: see proofs.exact_primitives, which also
shows that mul, div and the bypass of layer norm have no such weights. Scores are logarithms of
rational numbers; `mixing` gives a head's weights back as fractions.

    stream = with_positions(layout(y=(), x=(2,), p=(2,)), columns=4)
    exact_layer(Mov(0, 1, (1, 3), (3, 5)), stream)
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from proofs.exact import Exact
from proofs.layer import Head, Layer
from proofs.slotmap import Block, SlotMap
from proofs.stream import Layout, Slot

from .operations import Aff, Columns, Mov, Raw, matrix, size, span, vector

Table = tuple[tuple[Fraction, ...], ...]
Entry = tuple[int, int, Exact]  # row written, row read, weight


def with_positions(stream: Layout, columns: int) -> Layout:
    """The stream and one unit per column, for the one-hot position embedding."""
    return Layout((*stream.slots, Slot("position", (columns,))))


def exact_layer(operation: Mov | Aff | Raw, stream: Layout) -> Layer:
    """One layer that does `operation` on every input; rows are those of `stream`.

    Raises IllPosed where its side conditions are not met, ValueError for RAW with ⊙.
    """
    operation.check()
    T = stream["position"].size
    terms: list[tuple[Table, list[Entry]]]
    everywhere = _table(T, {(t, t): Fraction(1) for t in range(T)})
    if isinstance(operation, Mov):
        moved = {(t, s): Fraction(1) for s, t in operation.pairs}
        targets = {(t, t): Fraction(1) for _, t in operation.pairs}
        copy = [(i, j, 1) for i, j in zip(span(operation.to), span(operation.rows))]
        terms = [(_table(T, moved), copy), (_table(T, targets), _clear(operation.to))]
    elif isinstance(operation, Aff):
        m = size(operation.to)
        entries = _clear(operation.to)
        for rows, weight in ((operation.first, operation.W1), (operation.second, operation.W2)):
            if weight is not None:
                entries += _product(operation.to, rows, matrix(weight, m, size(rows)))
        bias = vector(operation.b, m)
        ones = stream.rows("position")  # exactly one of them is 1: their sum carries the bias
        entries += [(i, p, b) for i, b in zip(span(operation.to), bias) if b != 0 for p in ones]
        terms = [(everywhere, entries)]
    else:
        if operation.star != "+":
            raise ValueError("RAW with ⊙ is a product: no finite weights make it exact")
        read = [(i, K) for i, K in enumerate(operation.K) if K or operation.empty == "zero"]
        means = {(i, j): Fraction(1, len(K)) for i, K in read for j in K}
        own = {(i, i): Fraction(1) for i, _ in read}
        Wo, Wa, W = operation.weights()
        far = _product(operation.w, operation.r, _times(Wo, Wa))
        near = _clear(operation.w) + _product(operation.w, operation.s, _times(Wo, W))
        terms = [(_table(T, means), far), (_table(T, own), near)]
    return Layer(str(operation), heads(terms, stream))


def heads(terms: Sequence[tuple[Table, Sequence[Entry]]], stream: Layout) -> tuple[Head, ...]:
    """Heads that add Σ_k Σ_j M_k[t][j] V_k h_j to h_t: one per term and one for all of them."""
    from proofs.weights.exact_primitives import spread

    T = stream["position"].size
    small = spread(*(table for table, _ in terms))
    common: list[Entry] = []
    made = []
    for number, (table, entries) in enumerate(terms, start=1):
        weights = tuple(tuple(small * (1 + entry) for entry in row) for row in table)
        scaled = [(i, j, w / small) for i, j, w in entries]
        made.append(_head(weights, scaled, stream, f"M{number}"))
        common += [(i, j, -w / small) for i, j, w in entries]
    uniform = tuple((small,) * T for _ in range(T))
    return (*made, _head(uniform, common, stream, "subtract"))


def mixing(head: Head) -> Table:
    """The softmax weights of a head of this module, exactly; zero after the query."""
    from proofs.weights.exact_primitives import softmax

    (block,) = head.query
    assert block.matrix is not None
    T = len(block.matrix)
    rows = []
    for t in range(T):
        seen = softmax([block.matrix[j][t] for j in range(t + 1)])
        rows.append((*seen, *(Fraction(0),) * (T - t - 1)))
    return tuple(rows)


def run_exactly(layer: Layer, stream: Layout, H: Columns) -> Columns:
    """The layer on rational columns H[t][row] (positions included), in fractions."""
    after = [list(column) for column in H]
    for head in layer.heads:
        table, matrix = mixing(head), head.value.entries(stream, stream)
        for t, row in enumerate(table):
            for (i, j), weight in matrix.items():
                read = sum((share * H[k][j] for k, share in enumerate(row)), start=Fraction(0))
                after[t][i] = after[t][i] + weight * read
    return after


def _head(weights: Table, entries: Sequence[Entry], stream: Layout, name: str) -> Head:
    from proofs.weights.exact_primitives import scores

    table = scores(weights)
    by_query = tuple(zip(*table))  # row j, column t: the feature j of the query of token t
    return Head(
        query=SlotMap((Block("f", "position", matrix=by_query),)),
        key=SlotMap((Block("f", "position"),)),
        value=SlotMap(
            tuple(Block(_entry(stream, i), _entry(stream, j), w) for i, j, w in entries if w != 0)
        ),
        attention="softmax",
        keys="causal",
        null=True,
        name=name,
    )


def _entry(stream: Layout, row: int) -> str:
    """The slot entry of a row."""
    for slot in stream.slots:
        rows = stream.rows(slot.name)
        if row in rows:
            return slot.name if not slot.shape else f"{slot.name}[{row - rows.start}]"
    raise ValueError(f"row {row} is outside the stream of {stream.width} rows")


def _table(T: int, entries: dict[tuple[int, int], Fraction]) -> Table:
    return tuple(tuple(entries.get((t, j), Fraction(0)) for j in range(T)) for t in range(T))


def _clear(rows: Any) -> list[Entry]:
    return [(i, i, -1) for i in span(rows)]


def _product(to: Any, rows: Any, weights: Sequence[Sequence[Exact]]) -> list[Entry]:
    return [(i, j, weights[a][b]) for a, i in enumerate(span(to)) for b, j in enumerate(span(rows))]


def _times(A: Sequence[Sequence[Exact]], B: Sequence[Sequence[Exact]]) -> list[list[Exact]]:
    columns = list(zip(*B))
    return [[sum(a * b for a, b in zip(row, column)) for column in columns] for row in A]
