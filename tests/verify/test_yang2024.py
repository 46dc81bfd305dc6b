"""yang2024: ridge regression in the limit, and that what is slightly wrong is seen."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructions.numbers.decaying import Decaying
from constructions.papers import yang2024 as paper
from verify import Claim, algorithms, engine
from verify.claim import Budget
from verify.claims import yang2024
from verify.statements import limit, order

FEW = Budget(cases=25)
ONE = (F(1),)


def verdict(check: Any) -> Any:
    return engine.run(Claim("one", checks=lambda: check), FEW).verdict


def in_the_limit(build: Any = paper.one_head_a_token, **given: Any) -> Any:
    cases = yang2024.prompts
    return verdict(limit(build, yang2024.ridge_of_the_rest, cases, "beta", **given))


def without_the_square(**given: Any) -> Any:
    """tau for m tau in A: another ridge where m > 1."""
    m = len(given["features"][0])
    return paper.one_head_a_token(**{**given, "noise": given["noise"] / m})


def other_tokens_found(**given: Any) -> Any:
    """Every head looks for the token furthest away."""
    made = paper.one_head_a_token(**given)
    (layer,) = made.layer_list
    heads = tuple(
        replace(head, key=type(head.key)(tuple(replace(b, coefficient=-1) for b in head.key)))
        for head in layer.heads
    )
    return made.with_layers((replace(layer, heads=heads),))


def one_head_less(**given: Any) -> Any:
    made = paper.one_head_a_token(**given)
    (layer,) = made.layer_list
    return made.with_layers((replace(layer, heads=layer.heads[1:]),))


def diagonal_of_the_first(**given: Any) -> Any:
    """Entry 1 of every column is read, not entry k of that of v_k."""
    made = paper.one_head_a_token(**given)
    embedding = tuple(
        replace(b, matrix=tuple(((1,) * made.d, *((0,) * made.d,) * (made.d - 1))))
        if b.destination == "place"
        else b
        for b in made.prompt.embedding
    )
    prompt = replace(made.prompt, embedding=type(made.prompt.embedding)(embedding))
    return replace(made, prompt=prompt)


def test_one_head_a_token_is_ridge_regression_in_the_limit_within_its_bound():
    given = {"within": yang2024.WITHIN, "quantities": yang2024.quantities}
    assert in_the_limit(**given).name == "holds"


@pytest.mark.parametrize(
    "wrong", [without_the_square, other_tokens_found, one_head_less, diagonal_of_the_first]
)
def test_another_layer_tends_to_something_else(wrong):
    assert in_the_limit(wrong).name == "refuted"


def test_a_faster_approach_than_it_has_is_not_shown():
    given = {"within": ("2*(n - 1)*size", "3*gap"), "quantities": yang2024.quantities}
    assert in_the_limit(**given).name in ("refuted", "undecided")


@settings(max_examples=25)
@given(st.data())
def test_what_is_memorised_is_ridge_regression_on_every_set_of_labels(data):
    case = data.draw(yang2024.prompts())
    given = case.parameters
    A = np.array(
        paper.memorised(given["features"], given["labelled"], given["noise"]), dtype=object
    )
    N, K = A.shape
    F_ = np.array(given["features"], dtype=object)
    assert A[:, :N].tolist() == np.eye(N, dtype=int).tolist()
    wanted = algorithms.ridge(F_[:N], case.y, F_[N:], F_.shape[1] * given["noise"])
    assert (case.y @ A[:, N:] == wanted).all()


def test_the_share_of_a_single_label_is_one_so_that_no_weights_tell_whose_it_is():
    found = yang2024.other_tokens().run(FEW)
    assert found.passed is False
    assert found.counterexample["ridge at v_3 with v_1 labelled"] == "1/2"
    assert found.counterexample["with v_2 labelled"] == "2/5"


@pytest.mark.parametrize(
    "features, fails", [(((1,), (2,), (1,)), False), (((1,), (-2,), (1,)), True)]
)
def test_one_head_fails_where_labels_count_with_both_signs(features, fails):
    case = {"features": tuple(tuple(map(F, row)) for row in features), "labelled": 2, "noise": F(1)}
    assert bool(yang2024.one_head_fails(case)) is fails


@pytest.mark.parametrize(
    "penalty, stands",
    [
        (lambda m, N: m, True),
        (lambda m, N: N, False),
        (lambda m, N: 1, False),
        (lambda m, N: 0, False),
    ],
)
def test_the_expected_loss_is_least_at_m_tau_alone(penalty, stands):
    assert yang2024.least_loss(penalty).run(FEW).passed is stands


def without_the_mean(d: int, rates: Any, eps: Any) -> Any:
    made = paper.one_head_a_direction(d, rates, eps)
    (layer,) = made.layer_list
    return made.with_layers((replace(layer, heads=layer.heads[:-1]),))


def uncentred(X: Any, y: Any, queries: Any, rates: Any) -> Any:
    """A step of gradient descent on the examples as they are."""
    return queries @ (np.array(rates, dtype=object) * (np.asarray(X).T @ y) / len(X))


SIZES = [{"d": 1, "n": 3, "rates": ONE}]


@pytest.mark.parametrize(
    "build, algorithm, exponent, name",
    [
        (paper.one_head_a_direction, yang2024.centred_step, 1, "holds"),
        (paper.one_head_a_direction, yang2024.centred_step, 2, "refuted"),
        (paper.one_head_a_direction, uncentred, 1, "refuted"),
        (paper.one_head_a_direction, yang2024.ridge_on(1), 1, "refuted"),
        (without_the_mean, yang2024.centred_step, 1, "refuted"),
    ],
)
def test_one_head_a_direction_is_a_step_on_centred_examples(build, algorithm, exponent, name):
    assert verdict(order(build, algorithm, exponent, SIZES)).name == name


def test_heads_of_a_dictionary_may_be_any():
    """Two heads of equal scores share a label out evenly: <y, w_1 (1/2, 1/2)>."""
    tokens = yang2024.UNIT[:2]
    even = [((0, 0), (0, 0)), (F(3), F(5))]
    layer = paper.transformer(tokens, [even])
    unit = yang2024.one_hot(2)
    made = layer.predict(unit, [F(2), F(4)], unit, Decaying("beta", 1))
    assert [one.limit for one in made] == [9, 15]
