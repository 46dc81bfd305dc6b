"""Where an algorithm does not converge on a prompt, and its region is known, predict says so."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
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


PROMPTS = st.builds(
    lambda B, n, d, seed, sizes: (
        np.random.default_rng(seed).normal(size=(B, n, d)) * np.array(sizes[:B])[:, None, None]
    ),
    st.integers(1, 5), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from([0, 1e-150, 0.5, 1, 3, 1e150]), min_size=5, max_size=5),
)  # fmt: skip


@settings(max_examples=60)
@given(PROMPTS)
def test_bounds_on_the_largest_eigenvalue_of_a_batch_end_in_it(prompts):
    largest = float(np.linalg.norm(prompts, 2, (1, 2)).max()) ** 2
    for take in (np.asarray, torch.as_tensor):
        *bounds, found = convergence._tops(take(prompts))
        assert abs(found - largest) <= 1e-12 * largest
        assert all(bound >= found for bound in bounds)


def test_a_bound_takes_no_eigenvalue_where_it_tells_and_one_where_none_does(monkeypatch):
    turn = 2 * np.array([[1.0, 1], [1, -1]])  # X^T X = 8 I, of which each bound is above 8
    asked = []
    eigenvalues = np.linalg.eigvalsh
    monkeypatch.setattr(np.linalg, "eigvalsh", lambda S: asked.append(S) or eigenvalues(S))
    assert said("hyperpower", 0.7, data=turn) == [] and not asked
    assert said("hyperpower", 0.999, data=turn) == [] and len(asked) == 1
    assert len(said("hyperpower", 1.001, data=turn)) == 1 and len(asked) == 2


def says_what_the_eigenvalue_says(name: str, prompts: np.ndarray, factor: float) -> None:
    """With a parameter that is `factor` times the limit."""
    given, key, at = AT[name]
    top = float(np.linalg.eigvalsh(prompts.swapaxes(1, 2) @ prompts).max())
    if not top > 0:
        return
    witness = constructions.build(name, d=prompts.shape[2], **given, **{key: at})
    spectrum = convergence.Spectrum(top, 0.0, prompts.shape[1])
    limit = convergence.limit_of(witness.region, witness.parameters, spectrum)
    value = limit.value * factor
    witness = replace(witness, parameters={**witness.parameters, key: value})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        convergence.warn_if_it_diverges(witness, prompts)
    expected = [] if limit.holds(value) else [f"{name}: {limit.refusal(value)}"]
    assert [str(one.message) for one in caught] == expected


NEAR = st.sampled_from([0.5, 0.9, 0.999, 1 - 1e-9, 1 + 1e-9, 1.001, 1.1, 2])


@settings(max_examples=100)
@given(st.sampled_from(sorted(AT)), PROMPTS, NEAR)
def test_a_bound_that_tells_says_what_the_eigenvalue_says(name, prompts, factor):
    says_what_the_eigenvalue_says(name, prompts, factor)


def test_a_bound_below_the_eigenvalue_is_noticed(monkeypatch):
    says_what_the_eigenvalue_says("newton", X[None], 1.001)
    tops = convergence._tops
    monkeypatch.setattr(convergence, "_tops", lambda prompts: (0.99 * top for top in tops(prompts)))
    with pytest.raises(AssertionError):
        says_what_the_eigenvalue_says("newton", X[None], 1.001)


def test_a_region_with_letters_says_nothing():
    from sympy import Symbol

    given = {"steps": 1, "momentum": Symbol("b"), "step_size": Fraction(100)}
    witness = constructions.build("momentum", d=2, **given)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DivergenceWarning)
        (prediction, _) = witness.predict(X, y, QUERIES, numbers="symbolic")
    assert prediction == 300  # step_size X^T y: one step from 0 has no momentum yet


def test_a_root_is_no_letter():
    from sympy import sqrt

    witness = constructions.build("hyperpower", d=2, iterations=1, alpha=sqrt(2) / 4)  # 2 / 5.66
    with pytest.warns(DivergenceWarning, match="alpha = 0.353553 is outside"):
        witness.predict(X, y, QUERIES)


def test_a_prompt_of_more_numbers_than_numpy_is_asked_for_is_warned_of_alike():
    rows = convergence.FEW  # twice as many numbers
    many = np.zeros((rows, 2))
    many[:2] = X
    witness = constructions.build("hyperpower", d=2, iterations=1, alpha=Fraction(2001, 8000))
    for prompt in (many, torch.from_numpy(many)):
        with pytest.warns(DivergenceWarning, match="= 0.25$"):
            convergence.warn_if_it_diverges(witness, prompt)
    assert isinstance(convergence._in_floats(torch.from_numpy(many)), torch.Tensor)
    assert isinstance(convergence._in_floats(torch.from_numpy(X)), np.ndarray)


def test_torch_transforms_a_prediction_that_warns():
    witness = constructions.build("hyperpower", d=2, iterations=1, alpha=Fraction(1, 2))
    rest = torch.from_numpy(y), torch.from_numpy(QUERIES)
    with pytest.warns(DivergenceWarning):
        made = torch.func.grad(lambda X: witness.predict(X, *rest).sum())(torch.from_numpy(X))
    leaf = torch.from_numpy(X).requires_grad_()
    with pytest.warns(DivergenceWarning):
        witness.predict(leaf, *rest).sum().backward()
    assert torch.equal(made, leaf.grad)


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


def test_a_parameter_that_may_be_equal_to_an_eigenvalue_is_inside_within_its_rounding():
    limit = convergence.Limit("highest", 1 + 2**-52, "|X^T X|", from_below=True)
    assert limit.holds(1.0) and not limit.holds(1 - 1e-9)
    assert not convergence.Limit("alpha", 1.0, "2").holds(1.0)
