"""Linear attention, and formulas that sum over examples, are polynomials in the moments G."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructions import from_matrices
from constructions.numbers import Unsupported
from verify import Box, formula
from verify.checks.boxes import moments
from verify.checks.boxes.certificate import certify
from verify.checks.boxes.moments import Difference, Moments, difference, g_name

ENTRIES = st.fractions(-1, 1, max_denominator=4)
DESCENT = formula(
    "w2.T*x_t",
    S="X.T*X/n",
    b="X.T*y/n",
    w1="3/5*b",
    Q1="I - 1/5*S",
    w2="w1 + 9/10*Q1*Q1*(b - S*w1)",
)


def array(draw, *shape):
    made = np.empty(shape, dtype=object)
    for at in np.ndindex(*shape):
        made[at] = draw(ENTRIES)
    return made


@st.composite
def networks(draw):
    """(network, X, y, queries) of any matrices and sizes, and rows that begin as 0."""
    d, n, rest = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(0, 1))
    size = d + 1 + rest
    made = [
        [
            {
                "P": array(draw, size, size).tolist(),
                "Q": array(draw, size, size).tolist(),
                "M": "examples",
                "factor": draw(st.sampled_from(("1/n", "1", "1/3"))),
            }
            for _ in range(draw(st.integers(1, 2)))
        ]
        for _ in range(draw(st.integers(1, 2)))
    ]
    rows = {"x": d, "y": 1} | ({"rest": rest} if rest else {})
    network = from_matrices(made, rows=rows, d=d, read={"y": -1})
    return network, array(draw, n, d), array(draw, n), array(draw, 1, d)


def value(seen, polynomial, X, y, query):
    """A polynomial in the moments, at a prompt."""
    Z = np.concatenate([X, y.reshape(-1, 1)], axis=1)
    G = Z.T @ Z
    at = {g_name(a, b): G[a, b] for a in range(len(G)) for b in range(a, len(G))}
    at |= {f"q_{i + 1}": entry for i, entry in enumerate(query[0])}
    total, names = Fraction(0), seen.letters.context.names()
    for exponents, c in polynomial.to_dict().items():
        term = Fraction(int(c.p), int(c.q))
        for name, e in zip(names, exponents):
            term *= at[name] ** int(e) if e else 1
        total += term
    return total


@settings(max_examples=25)
@given(networks())
def test_a_network_is_its_polynomial_in_the_moments(drawn):
    network, X, y, query = drawn
    seen = Moments.at(network.d, len(X))
    (want,) = network.predict(X, y, query, "rational")
    assert value(seen, seen.of_witness(network).polynomial, X, y, query) == want


@settings(max_examples=15)
@given(networks())
def test_a_formula_is_its_polynomial_in_the_moments(drawn):
    network, X, y, query = drawn
    seen = Moments.at(network.d, len(X))
    (want,) = DESCENT(X, y, query)
    assert value(seen, seen.of_formula(DESCENT, {}).polynomial, X, y, query) == want


@settings(max_examples=15)
@given(networks())
def test_both_bounds_hold_at_every_prompt_of_the_box(drawn):
    network, X, y, query = drawn
    box = Box(network.d, len(X))
    seen = Moments.at(network.d, len(X))
    apart = (seen.of_witness(network) - seen.of_formula(DESCENT, {})).polynomial
    (ours,), (theirs,) = network.predict(X, y, query, "rational"), DESCENT(X, y, query)
    assert abs(ours - theirs) <= seen.coarse(apart, box)
    if len(apart) < 300:  # the Bernstein form of longer ones takes long
        assert abs(ours - theirs) <= Difference(seen, apart).enclosure(box, 1e5).high


def gd_plus_plus(d, rates=((0.6, 0.2), (0.9, 0))):
    layers = [
        {
            "P": {("x", "x"): Fraction(str(gamma)), ("y", "y"): Fraction(str(eta))},
            "Q": {("x", "x"): -1},
            "M": "examples",
            "factor": "1/n",
        }
        for eta, gamma in rates
    ]
    return from_matrices(layers, rows={"x": "d", "y": 1}, d=d, read={"y": -1})


@pytest.mark.parametrize(("d", "n"), [(1, 4), (3, 8)])
def test_two_layers_that_are_the_formula_are_seen_to_be_it(d, n):
    found = certify(gd_plus_plus, DESCENT, Box(d, n))
    assert found.enclosure.zero and found.found == 0


@pytest.mark.parametrize("rates", [((0.6, 0.2), (0.8, 0)), ((0.6, 0.1), (0.9, 0))])
@pytest.mark.parametrize(("d", "times"), [(1, 3), (2, 10)])
def test_two_layers_with_another_rate_are_bounded_within_an_order_of_magnitude(d, times, rates):
    found = certify(lambda d: gd_plus_plus(d, rates), DESCENT, Box(d, 6))
    assert "moments" in found.enclosure.how
    assert 0 < found.found <= found.enclosure.high <= times * found.found


def test_the_bound_by_moments_is_no_less_than_that_by_every_entry_of_the_prompt():
    network, box = gd_plus_plus(1, ((0.6, 0.2), (0.8, 0))), Box(1, 2)
    closely = certify(lambda d: network, DESCENT, box).enclosure
    assert "moments" not in closely.how
    assert closely.high <= difference(network, DESCENT, {}, 2).enclosure(box).high


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (formula("x1.T*x_t"), "one example"),
        (formula("(X*x_t).T*(X*X.T)*y"), "examples by examples"),
        (formula("(X + 1).T*y*0*x_t"), "added to every example"),
        (lambda X, y, queries: queries @ X.T @ y, "formulas"),
    ],
)
def test_an_algorithm_that_sees_more_of_the_examples_is_refused(wrong, said):
    with pytest.raises(Unsupported, match=said):
        difference(gd_plus_plus(2), wrong, {}, 5)


@pytest.mark.parametrize("words", [{"mask": "causal"}, {"M": "all"}, {"attention": "softmax"}])
def test_a_network_that_sees_more_of_the_examples_is_refused(words):
    head = {"P": {("y", "y"): 1}, "W_Q": {("f", "x"): 1}, "W_K": {("f", "x"): 1},
            "attention": "linear", "M": "examples", **words}  # fmt: skip
    network = from_matrices([head], rows={"x": "d", "y": 1}, d=2, read="y")
    with pytest.raises(Unsupported, match="linear attention over all"):
        moments.refuse_others(network)
