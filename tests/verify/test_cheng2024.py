"""cheng2024: which functions of the scores are kernels, and that another layer is another step."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F
from functools import partial
from math import factorial
from typing import Any

import numpy as np
import pytest
from found import claims_of, verdict

from constructions.papers import cheng2024 as paper
from proofs.slotmap import slot_map
from verify.claim import Budget
from verify.claims import cheng2024 as claims

CLAIMS = claims_of("cheng2024")
FEW = Budget(cases=20)


# -- planted errors -------------------------------------------------------------------------------


def other_sign(made: Any) -> Any:
    return made.with_layers(
        tuple(
            replace(one, heads=(replace(one.heads[0], value=slot_map(("y", "y", 1))),))
            for one in made.layer_list
        )
    )


def with_queries(made: Any) -> Any:
    """Without M: the query is read as well."""
    return made.with_layers(
        tuple(
            replace(one, heads=(replace(one.heads[0], keys="full", mix=None),))
            for one in made.layer_list
        )
    )


def one_step_less(made: Any) -> Any:
    return made.with_layers(made.layer_list[:-1])


LINEAR = ("cheng2024.prop1", "printed", "linear")
RELU = ("cheng2024.prop1.relu", "repaired", "relu")


@pytest.mark.parametrize(
    "id, variant, attention, wrong",
    [(*LINEAR, one_step_less), (*RELU, other_sign), (*RELU, with_queries)],
)
def test_another_layer_is_not_the_step(id, variant, attention, wrong):
    def build(d: int, steps: int, rate: Any) -> Any:
        return wrong(paper.descent(d, steps, rate, attention))

    assert verdict(id, variant, witness=build, assembled=None, checks=None).name == "refuted"


@pytest.mark.parametrize(
    "id, variant, attention",
    [
        ("cheng2024.prop1.exponential", "printed", "softmax"),
        ("cheng2024.prop1.softmax", "repaired", "exponential"),
    ],
)
def test_softmax_and_exponential_attention_are_told_apart(id, variant, attention):
    def build(d: int, steps: int, rate: Any) -> Any:
        return paper.descent(d, steps, rate, attention)

    box = CLAIMS[id, variant].boxes[0]
    assert verdict(id, variant, witness=build, box=box, checks=None).name == "refuted"


def test_rates_are_as_many_as_layers():
    with pytest.raises(ValueError, match="rate must be a number or 2 of them, not 3"):
        paper.descent(1, 2, (F(1), F(1), F(1)))


# -- kernels --------------------------------------------------------------------------------------


@pytest.mark.recomputes("cheng2024.prop1.relu")
def test_relu_of_the_scores_is_not_positive():
    found = verdict("cheng2024.prop1.relu").counterexample
    X, K = ([[F(e) for e in row] for row in found[name]] for name in ("X", "K"))
    c = [F(e) for e in found["c"]]
    scores = [[sum(p * q for p, q in zip(a, b)) for b in X] for a in X]
    assert K == [[max(score, F(0)) for score in row] for row in scores]
    places = range(len(c))
    form = sum(c[i] * K[i][j] * c[j] for i in places for j in places)
    assert F(found["c^T K c"]) == form < 0
    # (I - rK)c is longer than c for every r > 0: |c|^2 - 2 r c^T K c + r^2 |Kc|^2
    left = [c[i] - F(1, 64) * sum(K[i][j] * c[j] for j in places) for i in places]
    assert F(found["after a step of 1/64"]) == sum(e * e for e in left) > sum(e * e for e in c)


def test_the_linear_kernel_is_not_called_indefinite():
    X = np.array([[F(1), F(0)], [F(1), F(1)], [F(-1), F(1)]], dtype=object)
    c = np.array([F(1), F(-1), F(-1)], dtype=object)
    assert claims.not_positive(paper.descent, {"X": X, "K": X @ X.T, "c": c}) is None


@pytest.mark.parametrize("order", range(5))
def test_an_order_of_the_exponential_kernel_is_a_sum_of_squares(order):
    X = np.array([[F(1), F(2)], [F(3), F(-1)]], dtype=object)
    c = np.array([F(1), F(2)], dtype=object)
    form = c @ (X @ X.T) ** order @ c / factorial(order)
    assert form == claims.squares_of_order(order, X, c)


def test_a_kernel_that_is_another_sum_of_squares_is_seen(monkeypatch):
    build = partial(paper.descent, attention="exponential")
    X, c = np.array([[F(1)], [F(-1, 2)]], dtype=object), np.array([F(2), F(3)], dtype=object)
    assert claims.not_all_squares(build, {"X": X, "c": c}) is None
    right = claims.squares_of_order
    monkeypatch.setattr(claims, "squares_of_order", lambda k, *given: right(k, *given) / (1 + k))
    assert claims.not_all_squares(build, {"X": X, "c": c})


@pytest.mark.recomputes("cheng2024.prop1.softmax")
def test_the_weights_of_a_softmax_are_not_symmetric():
    """x = 0, 1, the query 0: e/(1 + 1 + e) between other bounds than 1/3, as 5/2 < e < 11/4."""
    found = verdict("cheng2024.prop1.softmax").counterexample
    assert (found["x"], found["query"]) == (["0", "1"], "0")
    low = sum(F(1, factorial(k)) for k in range(3))  # of e
    high = low + sum(F(1, factorial(3) * 4**k) for k in range(20)) + F(1, 4**19)
    assert low < high < F(11, 4)
    # exp<x_i, x_j> over the sum of the column: x_1 seen by x_2 is 1/(1 + e + 1), x_2 by x_1 1/3
    assert 1 / (2 + low) < F(1, 3)
    assert 1 / (2 + high) <= F(found["k(x_1, x_2)"]) + F(1, 10**5) <= 1 / (2 + low)
    assert abs(F(found["k(x_2, x_1)"]) - F(1, 3)) < F(1, 10**5)
    # over the examples alone 1/(1 + e) and 1/2
    assert 1 / (1 + low) < F(1, 2)


# -- the limit ------------------------------------------------------------------------------------


@pytest.mark.recomputes("cheng2024.prop2.rate")
def test_with_too_large_a_rate_the_error_grows():
    found = verdict("cheng2024.prop2.rate").counterexample
    ((x, *more),) = [[F(e) for e in row] for row in found["X"]]
    y, r, query = F(found["y"]), F(found["r"]), [F(e) for e in found["query"]]
    assert not more
    f, errors = F(0), []
    fit = F(0)  # at the example
    for _ in range(claims.LAYERS + 1):
        errors.append(f - F(found["posterior mean"]))
        f, fit = f + r * (y - fit) * x * query[0], fit + r * (y - fit) * x * x
    assert F(found["posterior mean"]) == query[0] * y / x
    assert [F(e) for e in found["errors"]] == errors
    assert abs(errors[-1]) >= abs(errors[0]) > 0


def test_a_rate_at_the_boundary_is_not_called_convergent():
    one = np.array([F(1)], dtype=object)
    case = {"X": np.array([[F(1)]], dtype=object), "w": one, "query": one}
    assert claims.other_limit({**case, "rate": F(3, 2)}) is None
    assert claims.other_limit({**case, "rate": F(2)})["posterior mean"] == "1"


@pytest.mark.parametrize("attention", ["softmax", "linear"])
def test_the_limit_of_another_kernel_is_another(attention, monkeypatch):
    right = paper.descent
    case = {"x": [F(0), F(1)], "y": [F(1), F(2)], "query": F(2), "rate": F(1, 8)}
    assert claims.other_exponential_limit(case) is None
    monkeypatch.setattr(
        claims.cheng2024, "descent", lambda d, steps, rate, _: right(d, steps, rate, attention)
    )
    assert claims.other_exponential_limit(case)


@pytest.mark.parametrize("change", ["read-out", "depth"])
def test_limits_are_asked_of_models_of_every_depth_by_their_own_read_out(monkeypatch, change):
    right = paper.descent

    def other_read_out(*given: Any) -> Any:
        made = right(*given)
        return replace(made, readout=replace(made.readout, coefficient=-made.readout.coefficient))

    def other_depth(d: int, layers: int, *given: Any) -> Any:
        return right(d, layers if layers == claims.LAYERS else layers + 1, *given)

    wrong = {"read-out": other_read_out, "depth": other_depth}[change]
    case = {
        "X": np.array([[F(1)]], dtype=object),
        "w": np.array([F(1)], dtype=object),
        "query": np.array([F(1)], dtype=object),
        "rate": F(1, 2),
    }
    assert claims.other_limit(case) is None
    monkeypatch.setattr(claims.cheng2024, "descent", wrong)
    assert claims.other_limit(case) is not None
