"""The primitives: exact meaning, side conditions, and one layer of the printed transformer each."""

from __future__ import annotations

from fractions import Fraction as F

import pytest

from constructions.papers.akyurek2022.layers import (
    Constants,
    layer,
    parallel,
    transformer,
    workspace,
)
from constructions.papers.akyurek2022.operations import Aff, Div, IllPosed, Mov, Mul, Program, Raw
from proofs.slotmap import Block, slot_map
from proofs.stream import layout
from verify.checks.bounds import operations

STREAM = layout(y=(), x=(2,), a=(2,), out=())
H = [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12], [-1, -2, F(1, 2), 3, 0, 5]]
SMALL = [[F(entry) / 16 for entry in column] for column in H]
OPERATIONS = [
    Mov(0, 2, (1, 3), (3, 5)),
    Mov((0, 1), (1, 2), (1, 3), (2, 4)),
    Aff((1, 3), (0, 1), (5, 6), W1=((2, 3),), W2=5, b=F(1, 3)),
    Aff((1, 3), (), (1, 3), W1=((0, 1), (1, 0))),
    Mul(1, 2, 1, (1, 3), (3, 5), (5, 6)),
    Mul(2, 1, 1, (1, 3), (0, 1), (1, 3)),
    Div((1, 3), 0, (3, 5)),
    Div((1, 3), 1, (1, 3)),
    Raw("+", (1, 3), (3, 5), (1, 3), ((), (0,), (0, 1)), Wa=2),
    Raw("⊙", (1, 3), (3, 5), (4, 6), ((0,), (0, 1), (0, 2)), strict=False),
    Raw("⊙", (1, 3), (3, 5), (4, 6), ((), (0,), (0, 1))),
]


# -- exact meaning ----------------------------------------------------------------------------


ROW = [1, 2, 3, 4, 5, 6, 0, 0]
FIRST_TWO = ((), (0,), (0, 1))
MEANING = {
    "mov copies rows to another column": (
        Mov(0, 2, (1, 3), (3, 5)), H, [H[0], H[1], [-1, -2, F(1, 2), 2, 3, 5]]
    ),
    "mov reads before it writes": (
        Mov(0, 0, (1, 3), (2, 4)), H, [[1, 2, 2, 3, 5, 6], H[1], H[2]]
    ),
    "mul is a matrix product, row by row": (
        Mul(2, 2, 1, (0, 4), (4, 6), (6, 8)), [ROW], [[*ROW[:6], 17, 39]]
    ),
    "div divides by the absolute value": (
        Div((1, 3), 0, (3, 5)), [[F(-2), 3, 4, 0, 0]], [[-2, 3, 4, F(3, 2), 2]]
    ),
    "aff without inputs writes its shift": (
        Aff((), (), (3, 5), b=(7, 8)), H, [[*h[:3], 7, 8, h[5]] for h in H]
    ),
    "raw averages over the columns it reads": (
        Raw("+", (0, 1), (1, 2), (5, 6), FIRST_TWO, W=0), H,
        [[*h[:5], mean] for h, mean in zip(H, (6, 2, 5))],
    ),
    "raw with a product: the mean times the own entry": (
        Raw("⊙", (0, 1), (1, 2), (5, 6), ((0,), (0, 1), (2,)), strict=False), H,
        [[*h[:5], product] for h, product in zip(H, (2, 7 * 5, 2))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", MEANING)
def test_an_operation_does_exactly(what):
    operation, before, after = MEANING[what]
    assert operation.apply(before) == after


# -- side conditions --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "where"),
    [
        (Mov(1, 0, (1, 3), (1, 3)), "t >= s"),
        (Mov(0, 3, (1, 3), (1, 3)), "no column 3"),
        (Mov(0, 1, (1, 3), (1, 4)), "2 rows cannot go to 3"),
        (Mul(2, 1, 1, (1, 3), (1, 3), (5, 6)), "A2, 1 x 1"),
        (Mul(1, 2, 1, (1, 3), (3, 5), (4, 6)), "A1 A2"),
        (Div((1, 3), 0, (5, 6)), "2 rows cannot go to 1"),
        (Aff((1, 3), (), (5, 6), W1=1), "cannot take 2 rows to 1"),
        (Aff((1, 3), (), (5, 6), W2=1), "W1 has 2 rows"),
        (Aff((), (), (3, 5), b=(1, 2, 3)), "b has 3 entries"),
        (Aff((), (), (5, 7), b=1), "not among the 6 rows"),
        (Raw("+", (1, 3), (3, 5), (1, 3), ((), (1,), (0,))), "j < i"),
        (Raw("+", (1, 3), (3, 5), (1, 3), ((), (2,), (0,)), strict=False), "j <= i"),
        (Raw("+", (1, 3), (3, 5), (1, 3), ((), (0,), (0,)), empty="refuse"), "undefined"),
    ],
)
def test_a_broken_side_condition_is_ill_posed_and_numbered(operation, where):
    with pytest.raises(IllPosed, match=r"operation 2, ") as caught:
        Program((Mov(0, 1, (1, 3), (1, 3)), operation), STREAM, 3)
    assert where in caught.value.where


# -- compiled ---------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_larger_constants_bring_the_layer_closer(operation):
    coarse = operations.worst_point(
        operation, STREAM, SMALL, Constants(40, 2**12, 2, F(1, 2**6), 16)
    )
    fine = operations.worst_point(
        operation, STREAM, SMALL, Constants(80, 2**24, 4, F(1, 2**12), 32)
    )
    assert fine < coarse / 50


def test_a_sign_turned_round_is_seen():
    operation = Mul(1, 2, 1, (1, 3), (3, 5), (5, 6))
    whole = workspace(STREAM, 3, [operation])
    made = layer(operation, whole, Constants())
    outer = slot_map(*(Block(b.destination, b.source, -b.coefficient, b.pattern, b.matrix)
                       for b in made.mlp.outer))  # fmt: skip
    wrong = type(made)(
        made.name, made.heads, type(made.mlp)(outer, made.mlp.inner, activation="gelu"), True
    )
    with operations.precision(1000):
        got = operations.run(operations.alone(wrong, whole, STREAM, 3), STREAM, SMALL)
    assert abs(float(got[0][5]) - float(operation.apply(SMALL)[0][5])) > 0.1


def test_mov_takes_two_heads_and_no_mlp_others_one_head():
    whole = workspace(STREAM, 3, OPERATIONS)
    counts = [
        (len(m.heads), m.mlp is not None)
        for m in (layer(o, whole, Constants()) for o in OPERATIONS)
    ]
    assert counts[:2] == [(2, False)] * 2
    assert counts[2:4] == [(1, False)] * 2
    assert counts[4:8] == [(1, True)] * 4
    assert counts[8:] == [(2, False), (2, True), (3, True)]


def test_layer_norm_comes_before_the_mlp_and_only_there():
    whole = workspace(STREAM, 3, OPERATIONS)
    for operation in OPERATIONS:
        made = layer(operation, whole, Constants())
        assert made.norm == (made.mlp is not None)
        assert all(h.attention == "softmax" and h.null and h.keys == "causal" for h in made.heads)


def test_parallel_raws_equal_them_one_after_the_other():
    one = Raw("⊙", (1, 3), (1, 3), (3, 5), ((0,), (0, 1), (1,)), strict=False)
    two = Raw("+", (1, 2), (0, 1), (5, 6), ((0,), (0, 1), (1,)), strict=False)
    whole = workspace(STREAM, 3, [one])
    witness = operations.alone(parallel([one, two], whole, Constants()), whole, STREAM, 3)
    want = two.apply(one.apply(SMALL))
    with operations.precision(1000):
        got = operations.run(witness, STREAM, SMALL)
        assert all(
            abs(float(g) - float(w)) < 1e-12 for gs, ws in zip(got, want) for g, w in zip(gs, ws)
        )


def test_the_free_constants_may_stay_letters():
    import sympy

    names = ("sharpness", "large", "very_large", "scale", "bypass")
    letters = Constants(*(sympy.Symbol(name, positive=True) for name in names))
    program = Program((Mul(2, 1, 1, (1, 3), (0, 1), (3, 5)), Div((1, 3), 0, (3, 5))), STREAM, 3)
    witness = transformer(program, 2, "out", letters, name="letters", examples=1, parameters={})
    assert {str(symbol) for symbol in witness.free_symbols} == set(names)
