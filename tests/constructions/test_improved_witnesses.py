"""Our own witnesses: every weight matters, and what some of them hold on the way."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest

import constructions
from constructions.witness import Witness
from verify import algorithms
from verify.checks.case import first_difference
from verify.measure.mutants import sites
from verify.strategies import Case

X = np.array([[F(1), F(2)], [F(-1), F(3, 2)], [F(2), F(0)]], dtype=object)
y = np.array([F(1), F(-2), F(3)], dtype=object)
QUERIES = np.array([[F(1), F(-1)], [F(3), F(1)]], dtype=object)
CASE = Case({}, X, y, QUERIES)
# together these reach every ReLU
CASES = (
    CASE,
    Case({}, X, -y, QUERIES),
    Case({}, X * 4, y, QUERIES),
    Case({}, X / 3, y * 2, QUERIES),
)

EXAMPLES: dict[str, dict[str, Any]] = {
    "hyperpower": {"iterations": 2, "alpha": F(1, 7)},
    "deep_descent": {"layers": 2, "alpha": F(1, 7)},
    "newton_carried": {"iterations": 2, "alpha": F(1, 50)},
    "newton_carried identity": {"iterations": 2, "alpha": F(1, 7), "start": "identity"},
    "gd_plus_plus": {"steps": 2, "step_size": F(1, 7), "gamma": F(1, 9)},
    "minimax_descent": {"layers": 2, "largest": 9},
    "momentum": {"steps": 3, "step_size": F(1, 7), "momentum": F(1, 3)},
    "chebyshev": {"steps": 3, "lowest": 1, "highest": 9},
    "preconditioned": {"steps": 2, "step_size": F(1, 7), "preconditioner": ((1, 2), (F(1, 3), 1))},
    "recursive_least_squares": {"examples": 3, "ridge": F(1, 2)},
    "paired_least_squares": {"examples": 3, "ridge": F(1, 2)},
    "bayes_ridge": {"examples": 3, "noise": F(1, 2), "prior": 3, "output": "variance"},
    "lasso": {"steps": 2, "step_size": F(1, 20), "penalty": 3},
    "logistic": {"steps": 2, "step_size": F(1, 4), "pieces": 2, "reach": 2},
    "kernel_regression": {
        "steps": 2, "step_size": F(1, 7), "kernel": "relu",
        "features": ((1, 1), (-1, 2), (0, 1)), "offsets": (1, F(1, 2), -1),
    },
}  # fmt: skip


def built(name: str, **more: Any) -> Witness:
    return constructions.build(name.split()[0], d=2, **EXAMPLES[name], **more)


def rational(witness: Witness) -> list[F]:
    return list(witness.predict(X, y, QUERIES, "rational"))


# w is 0 before the first layer of lasso, and the second head of deep_descent reads
# alpha u - t = 0 in its first layer
IDLE = {
    "lasso": ["layer 1, head 1, query: w <- -1 w", "layer 1, head 1, key: w <- 1 x"],
    "deep_descent": ["layer 1, head 2, query: f <- 1 t", "layer 1, head 2, key: f <- 1 x"],
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_changed_weight_is_found_unless_it_meets_zeros(name: str) -> None:
    missed = []
    for site in sites(built(name)):
        for number, block in enumerate(site.slots if site.part != "embedding" else ()):
            other = replace(block, coefficient=block.coefficient * F(1001, 1000))
            mutant = site.with_block(number, other)
            if all(first_difference(mutant, case) is None for case in CASES):
                missed.append(f"{site.where}: {block}")
    assert missed == IDLE.get(name, [])


def test_recursive_least_squares_predicts_each_example_from_those_before_it() -> None:
    last = built("recursive_least_squares").trace(X, y, QUERIES, "rational")[-1]
    for t in range(1, 3):
        (wanted,) = algorithms.ridge(X[:t], y[:t], X[t : t + 1], F(1, 2))
        assert last["f"][t] == wanted
    assert last["f"][0] == 0


def test_no_token_of_recursive_least_squares_sees_a_later_example() -> None:
    witness = built("recursive_least_squares")
    other = y.copy()
    other[2] += 5
    before, after = (witness.trace(X, t, QUERIES, "rational")[-1] for t in (y, other))
    for slot in ("z", "r", "f"):
        assert (before[slot][:2] == after[slot][:2]).all()
    assert (before["r"][3:] != after["r"][3:]).any()


def test_posterior_variance_shrinks_to_the_prior_without_information() -> None:
    nothing = np.zeros((1, 2))
    witness = constructions.build(
        "bayes_ridge", d=2, examples=1, noise=F(1, 2), prior=3, output="variance"
    )
    assert list(witness.predict(nothing, [1], QUERIES, "rational")) == [3 * 2, 3 * 10]


def test_selection_refuses_a_tie() -> None:
    witness = constructions.build("selection", d=2, examples=3, validation=1, ridges=(1, 1))
    for numbers in ("rational", "float64"):
        with pytest.raises(ZeroDivisionError):
            witness.predict(X, y, QUERIES, numbers)
