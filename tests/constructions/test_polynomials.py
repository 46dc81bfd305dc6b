"""Polynomials of a prediction are the prediction: at every number put in for a letter."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import constructions
from constructions.numbers import Unsupported
from constructions.numbers.polynomial import Polynomial

ALPHA = sympy.Symbol("alpha")
SMALL = st.fractions(-3, 3, max_denominator=3)
ABOVE = st.fractions(Fraction(1, 9), 3, max_denominator=9)
WITNESSES = {
    "gradient_descent": {"steps": 2, "step_size": ALPHA, "ridge": 1},
    "newton": {"iterations": 1, "alpha": ALPHA},
    "gd_plus_plus": {"steps": 1, "step_size": ALPHA, "gamma": Fraction(1, 3)},
}


def prompt(d: int, n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A prompt of letters."""
    return tuple(
        np.array([sympy.Symbol(f"{name}{i}") for i in range(np.prod(shape))]).reshape(shape)
        for name, shape in (("x", (n, d)), ("y", (n,)), ("q", (m, d)))
    )


@pytest.mark.parametrize("name", WITNESSES)
@settings(max_examples=10)
@given(st.data(), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), ABOVE)
def test_a_polynomial_is_the_prediction_at_every_number(name, data, d, n, m, alpha):
    X, y, queries = prompt(d, n, m)
    letters = [*X.ravel(), *y, *queries.ravel()]
    values = data.draw(st.lists(SMALL, min_size=len(letters), max_size=len(letters)))
    put = dict(zip(map(str, letters), values)) | {"alpha": alpha}
    ring = Polynomial((ALPHA, *letters))
    witness = constructions.build(name, d=d, **WITNESSES[name])
    made = witness.predict(X, y, queries, ring)
    lists = [[[ring.letter(e) for e in row] for row in a] for a in (X, queries)]
    same = witness.predict(lists[0], list(map(ring.letter, y)), lists[1], ring)
    assert list(map(str, same)) == list(map(str, made))  # sympy's letters or the ring's

    def at(polynomial) -> Fraction:
        return sum(
            c * Fraction(np.prod([put[x] ** e for x, e in zip(ring.letters, powers) if e] or [1]))
            for powers, c in ring.terms(polynomial).items()
        )

    fixed = {k: alpha if v is ALPHA else v for k, v in WITNESSES[name].items()}
    numbers = [np.vectorize(lambda x: put[str(x)], otypes=[object])(a) for a in (X, y, queries)]
    exact = constructions.build(name, d=d, **fixed).predict(*numbers, "rational")
    assert list(map(at, made)) == list(exact)


@pytest.mark.parametrize(
    ("name", "parameters", "why"),
    [
        ("sherman_morrison", {"examples": 1, "ridge": 1}, "cannot divide by"),
        ("lasso", {"steps": 1, "step_size": 1, "penalty": 1}, "no ReLU"),
        ("gelu_product", {"order": 1, "scale": 1}, "no GeLU"),
        ("gradient_descent", {"steps": 1, "step_size": sympy.Symbol("eta")}, "eta in .* no letter"),
        ("gradient_descent", {"steps": 1, "step_size": sympy.sqrt(2)}, "no fraction"),
        ("gradient_descent", {"steps": 1, "step_size": 1 / ALPHA}, "no polynomial"),
    ],
)
def test_what_is_no_polynomial_is_refused_by_name(name, parameters, why):
    X, y, queries = prompt(2, 1, 1)
    ring = Polynomial((ALPHA, *X.ravel(), *y, *queries.ravel()))
    with pytest.raises(Unsupported, match=why):
        constructions.build(name, d=2, **parameters).predict(X, y, queries, ring)


def test_a_polynomial_of_another_ring_is_refused():
    ring, other = Polynomial("ab"), Polynomial("abc")
    with pytest.raises(ValueError, match="other letters"):
        ring.element(other.letter("a"))
    with pytest.raises(Unsupported, match="c is no letter of these polynomials, which have a, b"):
        ring.letter("c")
