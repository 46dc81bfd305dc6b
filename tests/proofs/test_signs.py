"""A sign that is returned is true of every value that the assumptions allow."""

import operator

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.signs import sign

x, y = sympy.symbols("x y", positive=True)
n, m = sympy.symbols("n m", nonnegative=True)
r, t = sympy.symbols("r t", real=True)
k = sympy.Symbol("k", integer=True, positive=True)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        (x + y, ">"), (x * n, ">="), (x + n, ">"), (-x - n, "<"), (x - x, "="), (-(r**2), "<="),
        ((r - t) ** 2, ">="), (r**2 + 1, ">"), (n**2 - n + 1, ">"), (x**2 - 2 * x + 1, ">="),
        (x / (1 + x) - 1, "<"), (-x / (x - 1) ** 2, "<"), (sympy.exp(x) - 1, ">"),
        (sympy.exp(n) - 1, ">="), (sympy.exp(-n) - 1, "<="), (1 - sympy.exp(-x), ">"),
        (2 * 3**k + 1 - 3**k, ">"), (3 ** (k + 1) - 2 * 3**k - 1, ">"), (2**n - 1, ">="),
        (x**3 + 1, ">"), (n**3 + 1, ">"), (-(n**3) - n, "<="), (x**3 * n + n, ">="),
        (sympy.exp(r), ">"), (sympy.exp(x) * sympy.exp(-x) - 1, "="), (sympy.sqrt(2) * x, ">"),
    ],
)  # fmt: skip
def test_signs_that_are_decided(expression, wanted):
    assert sign(expression) == wanted


@pytest.mark.parametrize(
    "expression",
    [x - y, r, r**2 - 1, 1 / (1 - x), n - 1, x**2 - 3 * x + 1, r * t, sympy.sin(r) + 2,
     sympy.exp(r) - 1, x**2 - 2 * x + 1 - sympy.Rational(1, 10**20), r**3, (r - 1) * (t - 2) ** 2],
)  # fmt: skip
def test_signs_that_are_not(expression):
    assert sign(expression) is None


def test_a_letter_without_a_domain_has_no_sign():
    with pytest.raises(ValueError, match="must be said to be real"):
        sign(sympy.Symbol("z") ** 2)


COMPARE = {
    ">": operator.gt, ">=": operator.ge, "=": operator.eq, "<=": operator.le, "<": operator.lt,
}  # fmt: skip
VALUES = {
    x: st.fractions(min_value=0, max_value=9).filter(bool),
    n: st.one_of(st.just(0), st.fractions(min_value=0, max_value=9)),
    r: st.fractions(min_value=-9, max_value=9),
}


@st.composite
def rational_functions(draw):
    """Quotients of small polynomials in a positive, a non-negative and a real letter."""

    def factor():
        total = sympy.Integer(draw(st.integers(-3, 3)))
        for _ in range(draw(st.integers(1, 3))):
            term = sympy.Integer(draw(st.integers(-3, 3)))
            for letter in (x, n, r):
                term *= letter ** draw(st.integers(0, 2))
            total += term
        return total ** draw(st.integers(1, 2))

    return (
        factor() * factor() / draw(st.sampled_from((sympy.Integer(1), 1 + x, r**2 + n + 1, x - 2)))
    )


@settings(max_examples=150)
@given(expression=rational_functions(), data=st.data())
def test_a_sign_is_true_at_every_value(expression, data):
    found = sign(expression)
    if found is None:
        return
    for _ in range(5):
        values = {
            letter: sympy.Rational(data.draw(strategy)) for letter, strategy in VALUES.items()
        }
        value = expression.subs(values)
        if value.is_finite:
            assert COMPARE[found](value, 0), (expression, found, values)


@settings(max_examples=200)
@given(
    coefficients=st.lists(st.integers(-4, 4), min_size=4, max_size=4),
    exponents=st.lists(st.sampled_from((k, -k, n, x, r, k + 1, 2 * k)), min_size=3, max_size=3),
    base=st.sampled_from((sympy.E, sympy.Integer(2), sympy.Integer(3))),
    place=st.tuples(st.integers(1, 6), st.fractions(0, 5), st.fractions(1, 5), st.fractions(-5, 5)),
)
def test_a_sign_of_powers_is_true_at_every_value(coefficients, exponents, base, place):
    first, *rest = coefficients
    powers = (a * base**e for a, e in zip(rest, exponents, strict=True))
    expression = sympy.Add(first, *powers)
    found = sign(expression)
    if found is not None:
        values = dict(zip((k, n, x, r), map(sympy.Rational, place), strict=True))
        assert COMPARE[found](sympy.nsimplify(expression.subs(values)).evalf(30), 0)
