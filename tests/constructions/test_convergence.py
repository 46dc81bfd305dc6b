"""Where an algorithm does not converge on a prompt, and its region is known, predict says so."""

from __future__ import annotations

import copy
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import constructions
from constructions import DivergenceWarning, convergence

TOP = 8  # the largest eigenvalue of X^T X
X = np.array([[2.0, 2], [1, -1]])  # whose sum of squares, 10, says less
y, QUERIES = np.ones(2), np.eye(2)
# parameters at the limit; what is no step size is at least the largest eigenvalue
AT = {
    "newton": ({"iterations": 3}, "alpha", Fraction(2, TOP**2)),
    "hyperpower": ({"iterations": 3}, "alpha", Fraction(2, TOP)),
    "gradient_descent": ({"steps": 3}, "step_size", Fraction(1, TOP)),
    "momentum": ({"steps": 3, "momentum": Fraction(1, 2)}, "step_size", Fraction(3, TOP)),
    "deep_descent": ({"layers": 2}, "alpha", Fraction(2, TOP)),
    "lasso": ({"steps": 2, "penalty": 1}, "step_size", Fraction(1, TOP)),
    "chebyshev": ({"steps": 2, "lowest": 1}, "highest", TOP),
}


def said(name: str, factor: float, numbers: str = "float64", data: object = X) -> list[str]:
    given, key, limit = AT[name]
    value = Fraction(limit) * Fraction(factor)
    witness = constructions.build(name, d=2, **given, **{key: value})
    rest = (
        (torch.from_numpy(y), torch.from_numpy(QUERIES)) if torch.is_tensor(data) else (y, QUERIES)
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        witness.predict(data, *rest, numbers=numbers)
    return [str(one.message) for one in caught if one.category is DivergenceWarning]


@pytest.mark.parametrize("name", AT)
@pytest.mark.parametrize("numbers", ["float64", "rational", "ball"])
def test_a_step_size_just_outside_the_region_is_warned_of_and_one_just_inside_is_not(name, numbers):
    assert np.isclose(np.linalg.eigvalsh(X.T @ X)[-1], TOP)
    outside, inside = (0.999, 1.001) if name == "chebyshev" else (1.001, 0.999)
    (one,) = said(name, outside, numbers)
    assert f"{AT[name][1]} = " in one and f"= {float(AT[name][2]):.6g}" in one
    assert said(name, inside, numbers) == []


def test_the_worst_prompt_of_a_batch_counts_and_torch_is_asked_alike():
    for data in (np.stack([X / 2, X]), torch.from_numpy(np.stack([X / 2, X]))):
        assert len(said("hyperpower", 1.001, data=data)) == 1
        assert said("hyperpower", 1.001, data=data / 2) == []


@settings(max_examples=60)
@given(
    st.integers(1, 5), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from([0, 1e-150, 0.5, 1, 3, 1e150]), min_size=5, max_size=5),
)  # fmt: skip
def test_the_largest_eigenvalue_of_a_batch_is_found_without_asking_for_all(B, n, d, seed, sizes):
    prompts = (
        np.random.default_rng(seed).normal(size=(B, n, d)) * np.array(sizes[:B])[:, None, None]
    )
    squares = (prompts**2).sum((1, 2))
    largest = float(np.linalg.norm(prompts, 2, (1, 2)).max()) ** 2
    for library, take in ((np, np.asarray), (torch, torch.as_tensor)):
        found = convergence._largest(library, take(prompts), take(squares))
        assert abs(found - largest) <= 1e-12 * largest


def test_nothing_is_said_where_nothing_is_known():
    witness = constructions.build("sherman_morrison", d=2, examples=2, ridge=1)
    assert witness.region == ""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DivergenceWarning)
        witness.predict(X, y, QUERIES)


def test_a_warning_is_one_line_and_the_region_is_none_of_the_weights():
    (one,) = said("newton", 2)
    assert "\n" not in one
    witness = constructions.build("newton", d=2, iterations=1, alpha=Fraction(1, 64))
    bare = constructions.get("newton")(d=2, iterations=1, alpha=Fraction(1, 64))
    assert witness.digest == bare.digest and copy.deepcopy(witness).region == witness.region != ""


def test_a_check_does_not_ask_and_afterwards_it_is_asked_again():
    from constructions.convergence import not_asked

    with pytest.raises(KeyError), not_asked():
        assert said("newton", 2) == []
        raise KeyError
    assert len(said("newton", 2)) == 1
