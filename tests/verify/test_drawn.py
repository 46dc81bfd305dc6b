"""Matrices are drawn to be what they are said to be, and stay so when a case is made smaller."""

from __future__ import annotations

from fractions import Fraction
from math import inf
from typing import Any

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from verify import strategies
from verify.claim import Budget, Differs
from verify.drawn import simpler, without
from verify.hunt import hunt

SIZES = st.integers(1, 4)


def as_array(rows: Any) -> np.ndarray:
    return np.array(rows, dtype=float)


def det(rows: Any) -> Fraction:
    """By expansion along the first row: independent of how matrices are drawn."""
    if len(rows) == 1:
        return Fraction(rows[0][0])
    minors = ([row[:j] + row[j + 1 :] for row in map(list, rows[1:])] for j in range(len(rows)))
    return sum((-1) ** j * rows[0][j] * det(minor) for j, minor in enumerate(minors))


def is_symmetric(rows: Any) -> bool:
    return tuple(zip(*rows)) == tuple(map(tuple, rows))


def is_diagonal(rows: Any) -> bool:
    return not (as_array(rows) - np.diag(np.diag(as_array(rows)))).any()


def is_positive_definite(rows: Any) -> bool:
    """By Sylvester: the leading minors."""
    return all(det([row[:k] for row in rows[:k]]) > 0 for k in range(1, len(rows) + 1))


def is_stochastic(rows: Any) -> bool:
    return all(sum(row) == 1 and min(row) >= 0 for row in rows)


def is_invertible(rows: Any) -> bool:
    return det(rows) != 0


KINDS = {
    "symmetric": is_symmetric,
    "invertible": is_invertible,
    "positive_definite": lambda rows: is_symmetric(rows) and is_positive_definite(rows),
    "stochastic": is_stochastic,
}
ASKED = [
    {},
    {"symmetric": True},
    {"invertible": True},
    {"symmetric": True, "invertible": True},
    {"positive_definite": True},
    {"stochastic": True},
    {"condition": 9},
    {"condition": 9, "symmetric": True},
    {"condition": 4, "positive_definite": True},
]


@pytest.mark.parametrize("asked", ASKED, ids=str)
@settings(max_examples=60)
@given(st.data())
def test_a_matrix_is_what_is_asked(asked, data):
    d = data.draw(SIZES)
    rows = data.draw(strategies.matrix(d, **asked))
    assert len(rows) == d and all(len(row) == d for row in rows)
    assert all(isinstance(entry, Fraction) for row in rows for entry in row)
    for kind in asked:
        if kind != "condition":
            assert KINDS[kind](rows)
    if "condition" in asked:
        values = np.linalg.svd(as_array(rows), compute_uv=False)
        root = asked["condition"] ** 0.5
        assert values.max() <= root * (1 + 1e-12) and values.min() >= (1 - 1e-12) / root


@pytest.mark.parametrize("asked", ASKED, ids=str)
@pytest.mark.parametrize("other", ["not symmetric", "not the identity", "not positive definite"])
def test_not_more_than_what_is_asked_is_drawn(asked, other):
    """The strategies are no narrower than they say."""
    symmetric = asked.get("symmetric") or asked.get("positive_definite")
    wanted = {
        "not symmetric": lambda rows: not is_symmetric(rows),
        "not the identity": lambda rows: rows != ((1, 0), (0, 1)),
        "not positive definite": lambda rows: not is_positive_definite(rows),
    }[other]
    if (other, symmetric) == ("not symmetric", True):
        pytest.skip("asked")
    if other == "not positive definite" and asked.get("positive_definite"):
        pytest.skip("asked")
    assert find(strategies.matrix(2, **asked), wanted)


@given(st.data())
def test_a_diagonal_matrix_has_its_entries_on_the_diagonal_alone(data):
    rows = data.draw(strategies.diagonal(3, strategies.positive()))
    assert is_diagonal(rows) and all(rows[i][i] > 0 for i in range(3))


def test_a_diagonal_matrix_shrinks_to_zero():
    assert find(strategies.diagonal(2), is_diagonal) == ((0, 0), (0, 0))


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_a_matrix_shrinks_to_the_identity_or_zero(asked):
    least = find(strategies.matrix(3, **asked), lambda rows: True)
    simplest = 0 if set(asked) <= {"symmetric"} else 1
    assert least == tuple(tuple(Fraction(simplest * (i == j)) for j in range(3)) for i in range(3))
    assert find(strategies.vector(3), lambda entries: True) == (0, 0, 0)


def test_what_contradicts_itself_is_refused():
    with pytest.raises(ValueError, match="stochastic"):
        strategies.matrix(stochastic=True, symmetric=True)
    with pytest.raises(ValueError, match="condition"):
        strategies.matrix(condition=0)
    with pytest.raises(ValueError, match='whole number of at least 1, "d" or "n"'):
        strategies.matrix("k")


def inverse(rows: Any) -> Any:
    d, whole = len(rows), det(rows)

    def cofactor(i: int, j: int) -> Fraction:
        left = [r[:j] + r[j + 1 :] for k, r in enumerate(map(list, rows)) if k != i]
        return (-1) ** (i + j) * (det(left) if left else Fraction(1))

    return tuple(tuple(cofactor(j, i) / whole for j in range(d)) for i in range(d))


@settings(max_examples=40)
@given(st.data())
def test_a_smaller_case_has_the_properties_of_the_first(data):
    d, n = data.draw(SIZES), data.draw(SIZES)
    asked = data.draw(st.sampled_from([a for a in ASKED if "condition" not in a]))
    rows = data.draw(strategies.matrix(d, **asked))
    given_ = {"A": rows, "P": data.draw(strategies.matrix(d, positive_definite=True)), "k": 2}
    given_ |= {"Q": inverse(given_["P"]), "M": data.draw(strategies.matrix(n))}
    given_ |= {"D": data.draw(strategies.diagonal(d))}
    coordinates = (one for i in range(d if d > 1 else 0) for one in without(given_, i, d, n, "d"))
    examples = (one for i in range(n if n > 1 else 0) for one in without(given_, i, d, n, "n"))
    for made in (*coordinates, *examples, *simpler(given_)):
        assert made["k"] == 2
        for kind, wanted in KINDS.items():
            for name in ("A", "P", "M"):
                assert not wanted(given_[name]) or wanted(made[name]), (kind, name)
        assert is_diagonal(made["D"])
        assert is_invertible(made["P"]) and made["Q"] == inverse(made["P"])


@pytest.mark.parametrize("asked", [{}, {"positive_definite": True}, {"invertible": True}])
def test_a_counterexample_has_the_smallest_matrix(asked):
    """A claim that is wrong of all matrices that are not diagonal, one that is wrong of all."""

    def refuses(wrong: Any) -> Any:
        def test(case: strategies.Case) -> None:
            if wrong(case.parameters["A"]):
                raise Differs("wrong", case.to_json())

        drawn = strategies.prompts(
            d=st.integers(2, 4), A=strategies.matrix(**asked), M=strategies.matrix("n")
        )
        with pytest.raises(Differs) as failure:
            hunt(drawn, test, Budget(cases=40), strategies.ANY)
        return failure.value.found.counterexample["parameters"]

    found = refuses(lambda A: True)
    assert (found["d"], found["A"], len(found["M"])) == ("1", [["1"]], 1)
    found = refuses(lambda A: any(e for i, r in enumerate(A) for j, e in enumerate(r) if i != j))
    assert found["d"] == "2" and sum(e != "0" for row in found["A"] for e in row) <= 4


def test_without_a_domain_the_smallest_prompt_is_one_that_the_strategy_draws():
    """Two steps of sign descent, of which the second forgets to clear the first's gradient."""
    sizes = st.integers(2, 4)

    def test(case: strategies.Case) -> None:
        X, first = case.X, np.sign(case.X.T @ case.y)
        gradient = X.T @ (X @ first - case.y)
        if any(case.queries @ (np.sign(gradient - X.T @ case.y) - np.sign(gradient))):
            raise Differs("wrong", case.to_json())

    with pytest.raises(Differs) as failure:
        hunt(strategies.prompts(d=sizes, n=sizes), test, Budget(cases=60, seed=1))
    found = failure.value.found.counterexample
    assert np.shape(found["X"]) == (2, 2) and len(found["queries"]) == 1


def test_prompts_that_are_to_be_smaller_are_and_each_size_is_given_up_once():
    seen: list[strategies.Case] = []
    sizes: list[tuple[int, int]] = []

    def noted(d: int) -> int:
        sizes.append((d, 0))
        return d

    drawn = strategies.prompts(d=st.integers(1, 4).map(noted), n=st.integers(1, 4), m=st.just(1))
    hunt(drawn, seen.append, Budget(cases=30), below=5)
    assert {case.size for case in seen} == {3, 4} and len(seen) == 30
    given_up = len(sizes) - len(seen)
    assert given_up <= 7 * 16  # the kinds of a prompt, and its sizes
    seen.clear()
    hunt(drawn, seen.append, Budget(cases=30))
    assert max(case.size for case in seen) > 4


@pytest.mark.parametrize("least", [1, 2])
def test_what_fails_at_one_size_alone_is_found_there_and_kept_if_nothing_smaller_is_drawn(least):
    """Of a strategy that draws smaller cases too, which are right, and of one that draws none."""

    def test(case: strategies.Case) -> None:
        if case.size >= 5:
            raise Differs("wrong", case.to_json())

    with pytest.raises(Differs) as failure:
        hunt(strategies.prompts(n=st.integers(3 * least, 8)), test, Budget(cases=40))
    found = failure.value.found.counterexample
    assert np.size(found["y"]) + len(found["queries"]) + int(found["parameters"]["d"]) == max(
        5, 3 * least + 2
    )


def test_a_smaller_prompt_for_which_nothing_is_built_takes_no_failure_back():
    def test(case: strategies.Case) -> None:
        if strategies._below.get() < inf:
            refused.append(case)
            raise ValueError("no such size")
        if case.size >= 5:
            raise Differs("wrong", case.to_json())

    refused: list[strategies.Case] = []
    with pytest.raises(Differs):
        hunt(strategies.prompts(), test, Budget(cases=40))
    assert refused


def test_no_source_is_read_to_make_a_strategy_of_prompts(monkeypatch: Any) -> None:
    from hypothesis.strategies._internal import core

    def reads(function: Any) -> bool:
        raise AssertionError(f"the source of {function.__qualname__} is read again")

    monkeypatch.setattr(core, "is_first_param_referenced_in_function", reads)
    strategies.prompts(alpha=strategies.positive())
    assert strategies.fractions() is strategies.fractions()


def test_what_is_drawn_within_a_hunt_for_smaller_prompts_is_of_any_size() -> None:
    sizes: set[int] = set()

    def test(case: strategies.Case) -> None:
        hunt(strategies.prompts(), lambda one: sizes.add(one.size), Budget(cases=20))

    hunt(strategies.prompts(), test, Budget(cases=2), below=5)
    assert max(sizes) > 4
