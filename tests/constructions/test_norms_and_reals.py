"""Norms and the formulas of theorems: exact where that is known, else intervals that hold them."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest
import sympy
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

import constructions
from constructions import MLP, Layer, Norm, Prompt, Readout, Witness, layout, norms, slot_map
from constructions.norms import operator_norm
from constructions.numbers import Unsupported
from constructions.numbers.reals import Unresolved, as_ball, at_most, largest, valued
from proofs.flint_precision import precision

ENTRIES = st.one_of(st.just(0), st.integers(-5, 5), st.fractions(-3, 3, max_denominator=7))


@st.composite
def matrices(draw):
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    return [[draw(ENTRIES) for _ in range(columns)] for _ in range(rows)]


def sparse(matrix):
    return {(i, j): e for i, row in enumerate(matrix) for j, e in enumerate(row) if e}


@given(matrices(), st.sampled_from([1, F(1, 10**40), 10**40]))
def test_a_norm_is_enclosed_tightly(matrix, scale):
    norm = operator_norm(sparse([[e * scale for e in row] for row in matrix]))
    with precision(128):
        floats = np.linalg.norm(np.array(matrix, dtype=float), 2)
        assert float(as_ball(norm) / as_ball(scale)) == pytest.approx(floats, rel=1e-12, abs=1e-12)
        for row in matrix:  # a row is no longer than the norm
            length = as_ball(sum(F(e * scale) ** 2 for e in row))
            assert not length > as_ball(norm) ** 2
    assert isinstance(norm, F) or norm.rel_accuracy_bits() > 40


@given(st.fractions(0, 9, max_denominator=5), st.integers(1, 4), st.integers(1, 4))
def test_a_norm_that_is_a_fraction_is_that_fraction(c, rows, columns):
    """c u vᵀ of unit vectors: a promise that is met exactly is seen to be met."""
    u, v = ([F(1, 2)] * 4 if size == 4 else [F(3, 5), F(4, 5)][:size] if size == 2 else [F(1)]
            for size in (rows, columns))  # fmt: skip
    assert operator_norm(sparse([[c * a * b for b in v] for a in u])) == c


def test_a_bound_that_is_too_low_is_not_taken(monkeypatch):
    """Floats only guess: a guess below the norm is found out, and the Frobenius norm is taken."""
    A = {(0, 0): sympy.sqrt(2), (0, 1): sympy.Integer(1), (1, 0): sympy.Integer(1), (1, 1): 3}
    right = operator_norm(A)
    monkeypatch.setattr(norms, "GUESSES", (-1e-9, -1e-3))
    assert operator_norm(A).contains(right) and operator_norm(A).upper() > right
    monkeypatch.setattr(norms, "_positive_definite", lambda matrix: True)
    assert not operator_norm(A).contains(right)


def test_the_parameter_norm_is_that_of_the_definition():
    """max(|Q|, |K|) + |V| of each head, and |W_1| + |W_2| (bai2023; the MLP of proposition C.1)."""
    eta = F(1, 3)
    relu = MLP(
        outer=slot_map(("w", "p", 1), ("w", "m", -1), ("w", "q", -1), ("w", "r", 1)),
        inner=slot_map(("p", "w"), ("p", "one", -eta), ("m", "w", -1), ("m", "one", -eta),
                       ("q", "w"), ("r", "w", -1)),
        activation="relu",
    )  # fmt: skip
    prompt = Prompt(1, slot_map(("w", "x"), ("one", "one")))
    witness = Witness(
        "prox", layout(w=(), one=()), prompt, (Layer("prox", mlp=relu),), Readout("w")
    )
    inner = [[1, -eta], [-1, -eta], [1, 0], [-1, 0]]
    assert float(witness.norm) == pytest.approx(np.linalg.norm(np.array(inner, float), 2) + 2)
    step = constructions.build("gradient_descent", d=3, steps=2, step_size=eta)
    values = {(0, 0): 2 * eta, (0, 1): -2 * eta}
    assert float(step.norm) == pytest.approx(1 + float(operator_norm(values)))


def test_what_has_no_parameter_norm_is_refused_by_name():
    newton = constructions.build("newton", d=2, iterations=1, alpha=sympy.Symbol("alpha"))
    with pytest.raises(Unsupported, match="a parameter is free"):
        _ = newton.norm
    gated = MLP(outer=slot_map(("y", "h")), inner=slot_map(("h", "y")), gate=slot_map(("h", "y")))
    prompt = Prompt(1, slot_map(("y", "y")))
    witness = Witness("gated", layout(y=()), prompt, (Layer("square", mlp=gated),), Readout("y"))
    with pytest.raises(Unsupported, match="'square': a gate"):
        _ = witness.norm
    relu = MLP(outer=slot_map(("y", "y")), activation="relu")
    normed = Layer("normed", mlp=relu, norm=Norm("rms", gain=(("y", 2),)))
    with pytest.raises(Unsupported, match="'normed': a gain or bias"):
        _ = witness.with_layers((normed,)).norm


# -- formulas --------------------------------------------------------------------------------------

THETA = F(1, 3)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ceil(2*log(100))", 10),
        ("ceil(log2(big))", 101),  # floats say 100
        ("floor(log2(big))", 100),
        ("ceil(log2(2**100))", 100),
        ("ceil(sqrt(9/4))", 2),
        ("ceil(log(exp(0)))", 0),
        ("max(1, theta, 3/2)", F(3, 2)),
        ("min(1, theta)", THETA),
        ("max(abs(-2), 0.25)", 2),
        ("ceil(sqrt(2)**2 + 1/10**400)", 3),  # nothing rounds it down
        ("4**(1/2)", 2),
        ("-theta + 1", F(2, 3)),
    ],
)
def test_a_formula_has_its_value(text, value):
    assert valued(text, {"theta": THETA, "big": 2**100 + 1}) == value


def test_names_are_defined_before_they_are_used():
    where = {"kappa": "(beta + 1)/(alpha + 1)", "twice": "2*kappa"}
    assert valued("ceil(twice)", {"alpha": 1, "beta": 4}, where) == 5


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ceil(log(4)/log(2))", "cannot tell which whole number"),
        ("log(0)", "log of 0 is not defined"),
        ("sqrt(-1)", "sqrt of -1 is not defined"),
        ("1/(theta - 1/3)", "divides by 0"),
        ("0**-1", "divides by 0"),
        ("missing + 1", "missing has no value"),
        ("theta.T", "not in the language"),
        ("round(theta)", "not in the language"),
        ("ceil(theta, 2)", "not in the language"),
    ],
)
def test_what_cannot_be_told_is_not_guessed(text, why):
    with pytest.raises(ValueError, match=why):
        valued(text, {"theta": THETA})


def test_balls_that_overlap_are_not_compared():
    wide = arb(1, 0.5)
    with pytest.raises(Unresolved):
        at_most(wide, F(1))
    assert at_most(wide, F(2)) and not at_most(F(2), wide)
    assert largest(F(1), wide).contains(as_ball(F(3, 2)))
