"""Slots are kept small: only tokens that are not zero, and x @ matrix instead of every token."""

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
from constructions.run.token_ranges import disjoint, hull, meet, within
from constructions.run.values import Rows, of_rows
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


def last(name: str, X, y, queries, numbers: str = "float64", **parameters):
    witness = constructions.build(name, **parameters)
    system = get(numbers)
    prompts = system.prompts(X, y, queries, witness)
    tokens = witness.prompt.tokens(prompts.n, prompts.m)
    (one,) = prompts.each()
    return list(streams(witness, *one, tokens, system))[-1]


def prompt(n: int, d: int):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, d)), rng.standard_normal(n), rng.standard_normal((1, d))


def test_the_matrix_of_sherman_morrison_lives_at_the_register_alone():
    stream = last("sherman_morrison", *prompt(4, 3), d=3, examples=4, ridge=1)
    assert stream["P"].support == (range(0, 1),)


def test_what_a_layer_clears_is_gone():
    stream = last("sherman_morrison", *prompt(4, 3), d=3, examples=4, ridge=1)
    assert "u" not in stream and "g" not in stream


def test_newtons_slot_is_a_matrix_where_there_are_more_tokens_than_dimensions():
    (term,) = last("newton", *prompt(9, 3), d=3, iterations=2, alpha=0.01)["t"].terms
    assert tuple(term.matrix.shape) == (3, 3)


def test_newtons_slot_is_rows_where_there_are_fewer():
    (term,) = last("newton", *prompt(2, 8), d=8, iterations=2, alpha=0.01)["t"].terms
    assert term.matrix is None


def test_a_sum_of_a_value_and_its_opposite_is_nothing():
    system = get("rational")
    x = of_rows(Rows(system, 2, [(range(0, 2), system.constant([[1, 2], [3, 4]]))]))
    assert x.plus(x.scaled(-1)) is None
    assert x.plus(x).terms[0].scale == 2


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
