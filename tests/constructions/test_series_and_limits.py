"""Series have the coefficients of the function; decaying shares bound it for every constant."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F

import numpy as np
import pytest
import sympy
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

import constructions
from constructions import Head, Layer, Prompt, Readout, Witness, layout, slot_map
from constructions.numbers import Unsupported
from constructions.numbers.ball import Ball
from constructions.numbers.decaying import Decaying
from constructions.numbers.reals import as_ball
from constructions.numbers.series import Series
from constructions.numbers.taylor import Taylor
from proofs.flint_precision import precision

EPS, BETA = sympy.Symbol("eps"), sympy.Symbol("beta")
SMALL = st.fractions(-2, 2, max_denominator=3)
KEYS = st.sampled_from(["context", "causal", "full"])


def polynomials(least: int):
    return st.lists(SMALL, min_size=1, max_size=4).map(
        lambda cs: sum(sympy.Rational(c) * EPS ** (k + least) for k, c in enumerate(cs))
    )


def coefficients(series, below: int):
    return [series.coefficient(k) for k in range(-4, below)]


def expansion(value, below: int):
    expanded = sympy.series(value, EPS, 0, below).removeO() if value != 0 else sympy.Integer(0)
    return [sympy.expand(expanded).coeff(EPS, k) for k in range(-4, below)]


@settings(max_examples=25)
@given(polynomials(0), polynomials(-1), polynomials(1))
def test_series_are_those_of_sympy(p, q, u):
    run = Series("eps", 6)
    a, b, c = map(run.element, (p, q, u))
    assert coefficients(a * b - c, 4) == expansion(sympy.expand(p * q - u), 4)
    if p != 0:
        quotient = b / a
        below = int(min(quotient.known, 4))
        assert coefficients(quotient, below) == expansion(sympy.cancel(q / p), below)


@settings(max_examples=10)
@given(polynomials(1))
def test_gelu_and_softmax_are_expanded_where_they_are_entered(u):
    run = Series("eps", 6)
    gelu = u / 2 * (1 + sympy.erf(u / sympy.sqrt(2)))
    (made,) = run.gelu(run.from_table([[run.element(u)]], 1)).entries()
    inside = [sympy.simplify(c.subs(run.root, run.two_pi)) for c in coefficients(made, 5)]
    assert inside == [sympy.simplify(c) for c in expansion(gelu, 5)]
    row = run.from_table([[run.element(u), run.element(0)]], 2)
    share, other = run.softmax(row, None, null=False).entries()
    assert coefficients(share, 4) == expansion(1 / (1 + sympy.exp(-u)), 4)
    assert (share + other - 1).coefficients == {}


def test_a_coefficient_that_was_cut_off_is_not_0():
    run = Series("eps", 4)
    cut = 1 / run.element(1 - EPS)
    assert cut.coefficient(3) == 1
    with pytest.raises(Unsupported, match=r"known below eps\^4"):
        cut.coefficient(4)
    with pytest.raises(ZeroDivisionError):
        1 / (cut - cut)


@pytest.mark.parametrize(
    ("name", "parameters", "why"),
    [
        ("gelu_product", {"order": 1, "scale": 1}, "expand GeLU around 0 alone"),
        ("lasso", {"steps": 1, "step_size": 1, "penalty": EPS}, "no sign where letters decide"),
        ("gradient_descent", {"steps": 1, "step_size": sympy.sqrt(EPS)}, "rational functions"),
        ("gradient_descent", {"steps": 1, "step_size": sympy.Symbol("eta")}, "rational functions"),
    ],
)
def test_what_series_cannot_say_they_refuse(name, parameters, why):
    x, z, y, q, r = sympy.symbols("x z y q r")
    witness = constructions.build(name, d=2, **parameters)
    with pytest.raises(Unsupported, match=why):
        witness.predict([[x, z]], [y], [[q, r]], Series("eps", 4, ["x", "z", "y", "q", "r"]))


# -- Taylor models ---------------------------------------------------------------------------------


def apart(model, value, eps) -> tuple[arb, arb]:
    """|value - the model's terms| and what it allows, at one eps."""
    terms = sum((c * as_ball(eps) ** k for k, c in model.terms.items()), arb(0))
    allowed = model.rest * as_ball(eps) ** int(model.order) if model.order < np.inf else arb(0)
    return abs(value - terms), allowed


@settings(max_examples=40)
@given(polynomials(0), polynomials(-1), polynomials(1), st.integers(2, 6))
def test_a_model_holds_the_function_at_every_eps(p, q, u, order):
    top = F(1, 3)
    run = Taylor("eps", order, top)

    def exactly(value, eps):
        return as_ball(F(str(sympy.sympify(value).subs(EPS, sympy.Rational(eps)))))

    with run.working():
        a, b, c = map(run.element, (p, q, u))
        table = run.from_table([[c]], 1)
        made = [(a * b, lambda e: exactly(p, e) * exactly(q, e)),
                (a * a * b - c, lambda e: exactly(p, e) ** 2 * exactly(q, e) - exactly(u, e)),
                (run.gelu(table).entries()[0],
                 lambda e: exactly(u, e) / 2 * (1 + (exactly(u, e) / arb(2).sqrt()).erf())),
                (run._exp(c), lambda e: exactly(u, e).exp())]  # fmt: skip
        try:
            made.append((1 / a, lambda e: 1 / exactly(p, e)))
        except ZeroDivisionError:
            pass  # may be 0 for some eps
        for model, function in made:
            for eps in (top, top / 2, top / 50):
                off, allowed = apart(model, function(eps), eps)
                assert not off > allowed


def test_a_model_of_intervals_keeps_what_may_be_0():
    run = Taylor("eps", 4, F(1, 2))
    with run.working():
        wide = run.element(arb(0, 1)) * run.element(EPS)
        assert wide.size() >= 0.5 and wide.valuation == 1
        with pytest.raises(ZeroDivisionError):
            1 / wide
        with pytest.raises(Unsupported, match="sign of a ReLU"):
            run.relu(run.from_table([[wide]], 1))


def test_half_of_a_rest_is_not_enough():
    """The test above can fail: without most of the remainder the value is outside."""
    run = Taylor("eps", 3, F(1, 3))
    with run.working():
        model = run._exp(run.element(EPS))
        off, allowed = apart(model, as_ball(F(1, 3)).exp(), F(1, 3))
        assert allowed / 2 < off and not off > allowed


# -- limits ----------------------------------------------------------------------------------------


def smooth(d, beta, layers=1, keys="context"):
    """Softmax heads that replace a slot by the mean of y under scores beta <x, x_j> + x_j[0]."""
    head = Head(
        query=slot_map(("f", "x", beta), ("g", "one")),
        key=slot_map(("f", "x"), ("g", "x[0]")),
        value=slot_map(("y", "y"), ("out", "y")),
        attention="softmax",
        keys=keys,
    )
    embedding = slot_map(("x", "x"), ("y", "y"), ("one", "one"))
    return Witness("smooth", layout(x=(d,), y=(), one=(), out=()), Prompt(d, embedding),
                   (Layer("attention", (head,)),) * layers, Readout("out"))  # fmt: skip


@settings(max_examples=20)
@given(
    st.data(), st.integers(1, 3), st.integers(1, 2), st.sampled_from(["context", "causal", "full"])
)
def test_a_limit_is_near_within_its_bound_at_every_constant(data, n, layers, keys):
    entries = st.integers(-2, 2).map(F)
    rows = data.draw(st.lists(st.tuples(entries, entries), min_size=n, max_size=n, unique=True))
    y = data.draw(st.lists(entries, min_size=n, max_size=n))
    query = [data.draw(st.tuples(entries, entries))]
    try:
        (value,) = smooth(2, BETA, layers, keys).predict(rows, y, query, Decaying("beta", F(1, 2)))
    except Unsupported as refused:
        assert "no limit of equal scores" in str(refused)
        return
    for beta in (F(1, 2), F(3), F(20)):
        with precision(300):
            witness = smooth(2, beta, layers, keys)
            (at,) = witness.predict(rows, y, query, Ball(300))
            bound = sum(
                (as_ball(size) * as_ball(beta) ** power * (-as_ball(gap) * as_ball(beta)).exp()
                 for (gap, power), size in value.bounds().items()), arb(0)
            )  # fmt: skip
            assert not abs(at - as_ball(value.limit)) > bound


def test_a_bound_without_what_the_best_key_loses_would_be_seen(monkeypatch):
    """Half of a share is no bound of it: the check above can fail."""
    letter = Decaying._letter
    monkeypatch.setattr(Decaying, "_letter", lambda run, size, gap: letter(run, size / 4, gap))
    (value,) = smooth(1, BETA).predict([[2], [1]], [0, 1], [[1]], Decaying("beta", 1))
    (at,) = smooth(1, 3).predict([[2], [1]], [0, 1], [[1]], Ball(200))
    bound = sum(as_ball(c) * (-as_ball(gap) * 3).exp() for (gap, _), c in value.bounds().items())
    assert abs(at - as_ball(value.limit)) > bound


def relu_of(beta, offset):
    layer = Layer("relu", mlp=constructions.MLP(
        outer=slot_map(("out", "h")), inner=slot_map(("h", "x", beta), ("h", "one", offset)),
        activation="relu"))  # fmt: skip
    embedding = slot_map(("x", "x"), ("one", "one"))
    return Witness("relu", layout(x=(1,), one=(), out=()), Prompt(1, embedding), (layer,),
                   Readout("out"))  # fmt: skip


def test_a_relu_has_one_sign_from_the_start_on_or_is_refused():
    def at(x, offset):
        return relu_of(BETA, offset).predict([[1]], [0], [[x]], Decaying("beta", 2))[0]

    assert at(-1, -1).limit == 0 and at(1, 1).polynomial == {0: 1, 1: 1}
    with pytest.raises(Unsupported, match="sign of a ReLU"):
        at(1, -3)  # -1 at beta = 2, 1 at beta = 4
    with pytest.raises(Unsupported, match=r"grows like beta\*\*1"):
        _ = at(1, 1).limit


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"beta": BETA**2}, "lines in beta"),
        ({"beta": sympy.Symbol("gamma")}, "no letter but beta"),
        ({"beta": sympy.sqrt(BETA)}, "no polynomial"),
    ],
)
def test_what_is_no_line_in_the_constant_is_refused(change, why):
    with pytest.raises(Unsupported, match=why):
        smooth(1, **change).predict([[1], [2]], [0, 1], [[1]], Decaying("beta"))


def test_a_start_at_0_is_refused_and_other_arithmetic_has_its_name():
    with pytest.raises(ValueError, match="must start above 0"):
        Decaying("beta", 0)
    witness = smooth(1, BETA)
    normed = replace(witness.layer_list[0], heads=(), norm=True,
                     mlp=constructions.MLP(outer=slot_map(("out", "out"))))  # fmt: skip
    with pytest.raises(Unsupported, match="decaying numbers have no layer norm"):
        witness.with_layers((normed,)).predict([[1]], [0], [[1]], Decaying("beta"))
    assert np.shape(smooth(1, 1).predict([[1]], [0], [[1]], "ball")) == (1,)


def test_two_series_are_compared_only_where_no_letter_and_no_term_cut_off_decides():
    run = Series("eps", 3, ["x"])
    eps, x = run.element(sympy.Symbol("eps")), run.element(sympy.Symbol("x"))
    assert eps != 0 and eps - eps == 0 and run.element(2) == 2
    with pytest.raises(Unsupported, match="letters decide"):
        x == 1  # noqa: B015
    cut = run.element(1) / (1 - eps) - (1 + eps + eps * eps)
    with pytest.raises(Unsupported, match="only zeros below"):
        cut == 0  # noqa: B015
