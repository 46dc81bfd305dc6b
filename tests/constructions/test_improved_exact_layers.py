"""Exact mov, aff and RAW (+): finite softmax weights do the operation on every input."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F

import pytest
from changes import times

from constructions.papers.akyurek2022.exact import exact_layer, mixing, run_exactly, with_positions
from constructions.papers.akyurek2022.operations import Aff, IllPosed, Mov, Raw
from proofs.slotmap import SlotMap
from proofs.stream import layout
from proofs.weights.exact_primitives import scores, softmax

T = 4
STREAM = with_positions(layout(y=(), x=(2,), p=(2,)), T)
H = [
    [F(t + 1), F(-2 * t), F(1, t + 1), F(t * t), F(5)] + [F(int(t == p)) for p in range(T)]
    for t in range(T)
]
OPERATIONS = {
    "copy": Mov(0, 2, (1, 3), (3, 5)),
    "copy twice": Mov((0, 1), (1, 3), (1, 3), (1, 3)),
    "copy to itself": Mov(2, 2, (1, 3), (3, 5)),
    "affine": Aff((1, 3), (3, 5), (0, 1), W1=((2, -1),), W2=((F(1, 3), 4),), b=7),
    "in place": Aff((1, 3), (), (1, 3), W1=-1),
    "bias alone": Aff((), (), (3, 5), b=(1, -1)),
    "mean": Raw("+", (1, 3), (3, 5), (3, 5), K=((), (0,), (0, 1), (0, 2)), Wa=2, W=-1),
    "mean, empty as zero": Raw("+", (1, 2), (3, 4), (0, 1), K=((),) * T, empty="zero"),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_layer_is_the_operation(name: str) -> None:
    operation = OPERATIONS[name]
    layer = exact_layer(operation, STREAM)
    assert run_exactly(layer, STREAM, H) == operation.apply(H)
    assert layer.mlp is None
    assert len(layer.heads) == (2 if isinstance(operation, Aff) else 3)


@pytest.mark.parametrize("name", ["copy", "affine", "mean"])
def test_a_value_changed_in_any_head_is_found(name: str) -> None:
    operation = OPERATIONS[name]
    layer = exact_layer(operation, STREAM)
    for h, head in enumerate(layer.heads):
        wrong = times(F(1001, 1000), head.value)
        heads = list(layer.heads)
        heads[h] = replace(head, value=wrong)
        assert run_exactly(replace(layer, heads=tuple(heads)), STREAM, H) != operation.apply(H)


def test_a_query_changed_by_a_little_copies_something_else() -> None:
    operation = OPERATIONS["copy"]
    layer = exact_layer(operation, STREAM)
    head = layer.heads[0]
    doubled = tuple(
        replace(block, matrix=tuple(tuple(2 * e for e in row) for row in block.matrix or ()))
        for block in head.query
    )
    heads = (replace(head, query=SlotMap(doubled)), *layer.heads[1:])
    assert run_exactly(replace(layer, heads=heads), STREAM, H) != operation.apply(H)


def test_every_head_has_softmax_weights_below_one_in_sum() -> None:
    for head in exact_layer(OPERATIONS["affine"], STREAM).heads:
        for t, row in enumerate(mixing(head)):
            assert all(w > 0 for w in row[: t + 1])
            assert not any(row[t + 1 :])
            assert sum(row) < 1


def test_softmax_of_logarithms_gives_the_weights_back() -> None:
    weights = [[F(1, 2), F(0)], [F(1, 3), F(1, 7)]]
    assert [softmax(row[: t + 1]) for t, row in enumerate(scores(weights))] == [
        (F(1, 2),), (F(1, 3), F(1, 7)),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no row of softmax weights"):
        scores([[F(1)]])
    with pytest.raises(ValueError, match="logarithm"):
        softmax([1])


def test_what_cannot_be_exact_is_refused() -> None:
    product = Raw("⊙", (1, 2), (3, 4), (0, 1), K=((), (0,), (0,), (0,)))
    with pytest.raises(ValueError, match="no finite weights"):
        exact_layer(product, STREAM)
    with pytest.raises(IllPosed):
        exact_layer(Mov(2, 1, (1, 3), (3, 5)), STREAM)
