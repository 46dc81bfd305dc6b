"""Every weight of a construction matters, and what some constructions hold on the way."""

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

# of softmax or GeLU, of one input only, and one that computes what it does not choose
OTHERS = {
    "gelu_product", "akyurek2022_theorem1", "akyurek2022_theorem2", "spline_regression",
    "selection",
}  # fmt: skip
# what the smallest parameters leave out
CHOSEN: dict[str, dict[str, Any]] = {
    "gradient_descent": {"ridge": F(1, 2), "w0": (1, -2)},
    "logistic": {"pieces": 2, "reach": 2},
    "lasso": {"penalty": 3},
    "kernel_regression": {
        "kernel": "relu", "features": ((1, 1), (-1, 2), (0, 1)), "offsets": (1, F(1, 2), -1),
    },
    "newton relu": {"attention": "relu"},
    "newton_carried identity": {"start": "identity"},
    "bayes_ridge variance": {"output": "variance"},
}  # fmt: skip
EXAMPLES = sorted({*constructions.names(), *CHOSEN} - OTHERS)


def built(name: str) -> Witness:
    """For three examples, all else as small as it can be."""
    kind = name.split()[0]
    parameters = constructions.get(kind).parameters
    given = {key: parameter.small for key, parameter in parameters.items()}
    given |= {"examples": 3} if "examples" in given else {}
    return constructions.build(kind, **given | CHOSEN.get(name, {}))


def rational(witness: Witness) -> list[F]:
    return list(witness.predict(X, y, QUERIES, "rational"))


# w is 0 before the first layer of lasso, w and a before that of Sherman-Morrison, and the second
# head of deep_descent reads alpha u - t = 0 in its first layer
IDLE = {
    "sherman_morrison": [
        "layer 1, MLP inner: w*a <- 1 w", "layer 1, MLP gate: w*a <- 1 a",
        "layer 1, MLP outer: e <- -1 w*a [<-i]",
    ],
    "lasso": ["layer 1, head 1, query: w <- -1 w", "layer 1, head 1, key: w <- 1 x"],
    "deep_descent": ["layer 1, head 2, query: f <- 1 t", "layer 1, head 2, key: f <- 1 x"],
}  # fmt: skip


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
        (wanted,) = algorithms.ridge(X[:t], y[:t], X[t : t + 1], F(1))
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
