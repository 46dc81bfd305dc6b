"""A plan keeps slots small: only tokens that are not zero, and x @ matrix, not every token."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import constructions
from constructions.numbers import get
from constructions.parts import bilinear
from constructions.run.forward import streams
from constructions.run.plan import Plan
from constructions.run.planner import Planner, single
from constructions.run.sparse import Piece, Sparse
from constructions.run.steps import Array
from constructions.run.token_ranges import disjoint, hull, meet, within
from constructions.witness import Witness
from proofs.layer import Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import layout

RANGES = st.builds(
    lambda start, count, step: range(start, start + count * step, step),
    st.integers(0, 8), st.integers(0, 6), st.sampled_from((1, 2)),
)  # fmt: skip


@given(RANGES, RANGES)
def test_the_tokens_in_both_ranges_are_those_in_both_sets(a, b):
    assert set(meet(a, b)) == set(a) & set(b)
    assert [a[i] for i in within(meet(a, b), a)] == list(meet(a, b))


@given(st.lists(RANGES, max_size=6))
def test_covers_cover_and_disjoint_ranges_are_disjoint(ranges):
    tokens = {t for r in ranges for t in r}
    assert tokens <= set(hull(ranges))
    apart = disjoint(ranges)
    assert tokens <= {t for r in apart for t in r}
    assert sum(map(len, apart)) == len({t for r in apart for t in r})


def last(name: str, n: int, **parameters):
    """What a plan for n examples and one query knows of the stream after the last layer."""
    witness = constructions.build(name, **parameters)
    planner, d = Planner(), witness.d
    given = map(planner.given, (Array(n, d), Array(n, 1), Array(1, d)))
    return list(streams(witness, *given, witness.prompt.tokens(n, 1), planner))[-1]


def test_the_matrix_of_sherman_morrison_lives_at_the_register_alone():
    stream = last("sherman_morrison", 4, d=3, examples=4, ridge=1)
    ((_, (matrix,)),) = stream["P"].terms
    assert matrix.support == (range(0, 1),)


def test_what_a_layer_clears_is_gone():
    stream = last("sherman_morrison", 4, d=3, examples=4, ridge=1)
    assert not stream["u"].terms and not stream["g"].terms


def test_newtons_slot_is_a_matrix_where_there_are_more_tokens_than_dimensions():
    ((_, (x, matrix)),) = last("newton", 9, d=3, iterations=2, alpha=0.01)["t"].terms
    assert x.rows == 10 and (matrix.rows, matrix.columns) == (3, 3)


def test_newtons_slot_is_rows_where_there_are_fewer():
    ((_, (rows,)),) = last("newton", 2, d=8, iterations=2, alpha=0.01)["t"].terms
    assert (rows.rows, rows.columns) == (3, 8)


def test_a_sum_of_a_value_and_its_opposite_is_nothing():
    planner = Planner()
    x = planner.given(Array(2, 2))
    assert not planner.combine([(1, x), (-1, x)]).terms
    assert planner.combine([(1, x), (1, x)]).terms[0].scale == 2
    assert not planner.record.steps


def parts(size: int):
    """Some of range(size)."""
    return st.builds(
        lambda start, step, count: range(size)[start::step][:count],
        st.integers(0, size - 1), st.sampled_from((1, 1, 2)), st.integers(1, size),
    )  # fmt: skip


def matrices():
    """Up to six pieces of a (6, 5) matrix, which may meet: where, and ones or a number."""
    piece = st.tuples(parts(6), parts(5), st.sampled_from((None, 1, 2, -3)))
    return st.lists(piece, min_size=1, max_size=6)


@given(matrices(), matrices(), st.integers(-2, 2))
def test_sums_and_products_of_sparse_matrices_are_those_of_whole_ones(first, second, c):
    planner, system = Planner(), get("rational")
    arrays: list = []

    def taken(places, turned):
        total, whole = planner.zeros(6, 5), np.zeros((6, 5), dtype=object)
        for rows, columns, number in places:
            array, value = None, np.ones((len(rows), len(columns)), dtype=object)
            if number is not None:
                array = Array(*value.shape)
                value = number * np.arange(value.size, dtype=object).reshape(value.shape)
                arrays.append((array, value.tolist()))
            piece = Sparse(6, 5, (Piece(rows, columns, array),))
            total = planner.combine([(1, total), (1, single(piece))])
            whole[np.ix_(rows, columns)] += value
        return (planner.transpose(total), whole.T) if turned else (total, whole)

    (a, left), (b, right), (again, more) = taken(first, False), taken(second, True), taken(first, 0)
    made = planner.combine([(1, planner.product(planner.product(a, b, c), again, 1)), (2, a)])
    plan = Plan([name for name, _ in arrays], planner.record.steps, [planner.array(made)])
    got = plan.run(system, *(system.constant(rows) for _, rows in arrays))
    whole = c * left @ right @ more + 2 * left
    assert system.given(got) == [Fraction(entry) for entry in whole.ravel()]


@pytest.mark.parametrize("numbers", ["rational", "float64"])
def test_a_summed_bilinear_layer_is_the_matrix_product_of_each_token(numbers):
    d = 3
    stream = layout(x=(d,), A=(d, d), out=(d,), sum=())
    embedding = slot_map(("x", "x"), ("A", "x", 2, "ij<-i"), ("A", "x", 1, "ij<-j"))
    layer = Layer(
        "A x",
        mlp=bilinear(
            {"A*x": ("A", "ij<-ij", "x", "ij<-j")},
            ("out", "A*x", 5, "i<-ij"), ("sum", "A*x", 1, "<-ij"), d=d,
        ),
    )  # fmt: skip
    witness = Witness("w", stream, Prompt(d, embedding), (layer,), Readout("sum"))
    X, y, queries = np.arange(6).reshape(2, 3), np.zeros(2), np.array([[1, 0, -2]])
    made = witness.trace(X, y, queries, numbers)[-1]
    for t, x in enumerate(np.vstack([X, queries])):
        A = 2 * x[:, None] + x[None, :]
        assert (made["out"][t] == 5 * (A @ x)).all()
        assert made["sum"][t] == (A @ x).sum()


def test_a_coefficient_beyond_the_format_meets_its_array_without_vanishing():
    system = get("float64")
    huge = torch.full((1, 1), 1e300, dtype=torch.float64)
    tiny = Fraction(1, 10**600)
    assert float(system.scale(Fraction(10**600), system.scale(tiny, huge))) == pytest.approx(1e300)
    assert float(system.scale(tiny, system.scale(tiny, huge))) == 0.0
    assert float(system.scale(Fraction(1, 10**400), huge)) == pytest.approx(1e-100)
    assert float(system.combine([(0, huge), (Fraction(1, 10**400), huge)])) == pytest.approx(1e-100)


def test_half_precision_scales_in_single_and_rounds_once():
    system = get("float16")
    large = torch.full((1, 1), 2000.0, dtype=torch.float16)
    assert float(system.combine([(Fraction(1, 2**26), large), (0, large)])) == pytest.approx(
        2000 / 2**26, rel=1e-2
    )
