"""The improved witnesses: what they compute, what they cost, and that every weight matters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest
import torch

import constructions
from constructions.witness import Witness
from proofs.slotmap import SlotMap
from verify import algorithms
from verify.checks.case import first_difference
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


# what cannot matter: w is 0 before the first layer of lasso, and the second head of deep_descent
# reads alpha u - t = 0 in its first layer
IDLE = {
    "lasso": ["layer 1, query w <- -1 w", "layer 1, key w <- 1 x"],
    "deep_descent": ["layer 1, query f <- 1 t", "layer 1, key f <- 1 x"],
}


def built(name: str, **more: Any) -> Witness:
    return constructions.build(name.split()[0], d=2, **EXAMPLES[name], **more)


def rational(witness: Witness) -> list[F]:
    return list(witness.predict(X, y, QUERIES, "rational"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_prediction_is_the_algorithm_s(name: str) -> None:
    given = {"start": "identity"} if "identity" in name else {}
    parameters = {k: v for k, v in (EXAMPLES[name] | given).items() if k != "examples"}
    parameters = {
        k: np.array(v, dtype=object) if isinstance(v, tuple) else F(v)
        if isinstance(v, int) and k in ("largest", "lowest", "highest", "prior", "penalty") else v
        for k, v in parameters.items()
    }  # fmt: skip
    algorithm = "ridge" if name.endswith("least_squares") else name.split()[0]
    wanted = getattr(algorithms, algorithm)(X, y, QUERIES, **parameters)
    assert rational(built(name)) == list(wanted)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_torch_module_and_floats_agree(name: str) -> None:
    witness = built(name)
    floats = [torch.tensor(a.astype(float)) for a in (X, y, QUERIES)]
    wanted = witness.predict(*floats)
    torch.testing.assert_close(witness.to_torch(torch.float64)(*floats), wanted, rtol=1e-9, atol=0)
    exact = torch.tensor([float(value) for value in rational(witness)], dtype=torch.float64)
    torch.testing.assert_close(wanted, exact, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("examples", [1, 2, 3, 4, 5])
def test_pairs_of_examples_give_ridge_at_one_layer_each(examples: int) -> None:
    rows = np.concatenate([X, X[:2] * 2 + 1])[:examples]
    targets = np.concatenate([y, y[:2] + 1])[:examples]
    witness = constructions.build("paired_least_squares", d=2, examples=examples, ridge=F(1, 3))
    assert witness.layers == examples + examples % 2
    wanted = algorithms.ridge(rows, targets, QUERIES, F(1, 3))
    assert list(witness.predict(rows, targets, QUERIES, "rational")) == list(wanted)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_layer_holds_what_it_says(name: str) -> None:
    assert built(name).layer_list[-1].holds
    assert first_difference(built(name), CASE) is None


def mutants(witness: Witness) -> Iterator[tuple[str, Witness]]:
    """The witness with one coefficient of one layer changed a little, each in turn."""

    def changed(slots: SlotMap | None) -> Iterator[tuple[str, SlotMap]]:
        for i, block in enumerate(slots or ()):
            other = replace(block, coefficient=block.coefficient * F(1001, 1000))
            blocks = tuple(slots or ())
            yield str(block), SlotMap((*blocks[:i], other, *blocks[i + 1 :]))

    for number, layer in enumerate(witness.layer_list):
        made = []
        for h, head in enumerate(layer.heads):
            for role in ("query", "key", "value"):
                for text, slots in changed(getattr(head, role)):
                    heads = list(layer.heads)
                    heads[h] = replace(head, **{role: slots})
                    made.append((f"{role} {text}", replace(layer, heads=tuple(heads))))
        if layer.mlp is not None:
            for role in ("inner", "gate", "outer"):
                for text, slots in changed(getattr(layer.mlp, role)):
                    mlp = replace(layer.mlp, **{role: slots})
                    made.append((f"{role} {text}", replace(layer, mlp=mlp)))
        for text, other in made:
            layers = list(witness.layer_list)
            layers[number] = other
            yield f"layer {number + 1}, {text}", witness.with_layers(tuple(layers))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_changed_weight_is_found(name: str) -> None:
    witness = built(name)
    missed = [
        text
        for text, mutant in mutants(witness)
        if all(first_difference(mutant, case) is None for case in CASES)
    ]
    assert missed == IDLE.get(name, [])


def test_k_hyperpower_iterations_are_three_to_the_k_gradient_steps() -> None:
    for k in range(4):
        witness = constructions.build("hyperpower", d=2, iterations=k, alpha=F(1, 9))
        assert rational(witness) == list(algorithms.gradient_descent(X, y, QUERIES, 3**k, F(1, 18)))
        assert witness.layers == k + 1


def test_newton_from_identity_is_two_to_the_k_gradient_steps() -> None:
    for k in range(5):
        witness = constructions.build(
            "newton_carried", d=2, iterations=k, alpha=F(1, 9), start="identity"
        )
        assert rational(witness) == list(algorithms.gradient_descent(X, y, QUERIES, 2**k, F(1, 18)))


def test_one_step_more_is_another_prediction() -> None:
    witness = constructions.build("deep_descent", d=2, layers=2, alpha=F(1, 9))
    assert rational(witness) == list(algorithms.gradient_descent(X, y, QUERIES, 4, F(1, 18)))
    assert rational(witness) != list(algorithms.gradient_descent(X, y, QUERIES, 5, F(1, 18)))


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


def test_selection_takes_the_strength_with_the_smaller_held_out_error() -> None:
    for ridges in ((F(1, 2), 9), (9, F(1, 2))):
        witness = constructions.build("selection", d=2, examples=3, validation=1, ridges=ridges)
        assert rational(witness) == list(algorithms.selection(X, y, QUERIES, 1, ridges))
    fits = [algorithms.ridge(X[:2], y[:2], QUERIES, r).tolist() for r in (F(1, 2), F(9))]
    assert fits[0] != fits[1]
    assert rational(witness) in fits


def test_selection_refuses_a_tie() -> None:
    witness = constructions.build("selection", d=2, examples=3, validation=1, ridges=(1, 1))
    for numbers in ("rational", "float64"):
        with pytest.raises(ZeroDivisionError):
            witness.predict(X, y, QUERIES, numbers)


def test_softmax_attention_boosts_the_kernel_smoother() -> None:
    witness = constructions.build(
        "kernel_regression", d=2, steps=3, step_size=F(1, 2), kernel="exponential", temperature=2
    )
    floats = [a.astype(float) for a in (X, y, QUERIES)]
    wanted = algorithms.kernel_regression(*floats, 3, 0.5, kernel="exponential", temperature=2)
    np.testing.assert_allclose(witness.predict(*floats), wanted, rtol=1e-13)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("hyperpower", {"iterations": -1, "alpha": 1}, "iterations must be at least 0"),
        ("deep_descent", {"layers": 0, "alpha": 1}, "layers must be at least 1"),
        ("newton_carried", {"iterations": 0, "alpha": 1}, "iterations must be at least 1"),
        ("momentum", {"steps": 1, "step_size": 1, "momentum": 1}, "momentum must be less than 1"),
        ("chebyshev", {"steps": 1, "lowest": 2, "highest": 2}, "lowest must be less than highest"),
        ("preconditioned", {"steps": 1, "step_size": 1, "preconditioner": ((1, 2),)}, "2 rows"),
        ("lasso", {"steps": 1, "step_size": 1, "penalty": -1}, "penalty must be at least 0"),
        ("kernel_regression", {"steps": 1, "step_size": 1, "kernel": "relu"}, "features"),
        ("bayes_ridge", {"examples": 1, "noise": 0, "prior": 1}, "noise must be greater than 0"),
        ("selection", {"examples": 2, "validation": 2, "ridges": (1, 2)}, "less than examples"),
        ("minimax_descent", {"layers": 1, "largest": 0}, "largest must be greater than 0"),
    ],
)
def test_a_bad_parameter_is_named(name: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        constructions.build(name, d=2, **parameters)
