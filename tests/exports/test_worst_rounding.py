"""A bound in float32 holds for the worst roundings that are admissible, and is below twice them."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from worst_rounding import Roundings, run, worst

import constructions
from verify.claims.ours import exported as exports
from verify.exports.formats import FLOAT32
from verify.exports.forward import forward
from verify.exports.running import assembled
from verify.exports.search import bounded, disguise_of
from verify.exports.spectrum import PromptBox

HALF = Fraction(1, 2)
# a witness, its box, and the disguise's seed
CASES = {
    "newton": ({"iterations": 2, "alpha": Fraction(1, 100)}, PromptBox(3, 3, HALF), None),
    "gradient_descent": ({"steps": 1, "step_size": Fraction(1, 12)}, PromptBox(2, 3), None),
    "momentum": (
        {"steps": 2, "step_size": Fraction(1, 8), "momentum": HALF}, PromptBox(2, 2, HALF), None,
    ),
    "functional_descent": ({"steps": 2, "rate": Fraction(1, 8)}, PromptBox(1, 2, HALF), 950),
}  # fmt: skip


def corners(box: PromptBox) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Prompts X (n, d), y (n,), queries (1, d) at the ends of the box, all examples alike."""
    made = []
    for signs in product((-1.0, 1.0), repeat=box.d):
        for sign in (-1.0, 1.0):
            x = np.array(signs)
            X, y = np.tile(x, (box.n, 1)) * float(box.x), np.full(box.n, sign * float(box.y))
            made.append((X, y, x[None] * float(box.query)))
    return made


@pytest.fixture(params=CASES)
def exported(request):
    """(witness, what bounds its export, its constants, the box)."""
    parameters, box, seed = CASES[request.param]
    witness = constructions.build(request.param, d=box.d, **parameters)
    disguise = None if seed is None else disguise_of(witness, box, seed)
    made = bounded(witness, box, disguise)
    return witness, made, made.constants(pairs=2, spread=0.05, sink=18.0, unit=2**14), box


def reached(witness, checkpoint, prompts) -> float:
    """The largest error that the worst roundings were found to make on these prompts."""
    model, seen = assembled(checkpoint), 0.0
    for X, y, queries in prompts:
        (inputs,) = model.tokens(X[None], y[None], queries[None]).astype(np.float32).astype(float)
        (wanted,) = witness.predict(X, y, queries)
        ends = worst(checkpoint.tensors, checkpoint.config, inputs, model.readout)
        seen = max(seen, *(abs(end - wanted) for end in ends))
    return seen


def test_the_worst_roundings_are_within_the_bound_and_reach_half_of_it(exported) -> None:
    witness, made, constants, box = exported
    bound = float(made.error(constants, FLOAT32).upper())
    assert bound / 2 < reached(witness, made.checkpoint(constants), corners(box)) <= bound


@pytest.mark.parametrize("name", exports.EXPORTS)
def test_no_claimed_bound_is_exceeded_by_the_worst_roundings(name: str) -> None:
    made = exports.exported(name)
    seen = reached(made.witness, made.checkpoint, corners(made.box)[:2])
    assert 0 < seen <= made.certificate.bounds["float32"]


def test_without_a_rounding_it_is_the_model(exported) -> None:
    _, made, constants, box = exported
    checkpoint = made.checkpoint(constants)
    model = assembled(checkpoint)
    prompt = [part[None] for part in corners(box)[0]]
    (inputs,) = model.tokens(*prompt)
    last = run(checkpoint.tensors, checkpoint.config, inputs, Roundings()).detach().numpy()
    (other,) = forward(checkpoint.tensors, checkpoint.config, inputs[None], torch.float64)
    assert abs(last - other).max() <= 2.0**-40 * abs(other).max()
