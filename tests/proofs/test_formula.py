"""The language of formulas: what it means, and that nothing else gets in."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from proofs import formula
from proofs.formula import COUNTS, PYTHON, SCALARS, names, parse, rename
from verify.checks.resources import value
from verify.formulas import formula as formula_of
from verify.prompt_scope import evaluate, prompt_scope

X = np.array([[1, 2], [0, 1], [3, -1]], dtype=object)
Y = np.array([1, 0, 2], dtype=object)


def scope(**definitions: str):
    return prompt_scope(X, Y, tuple(definitions.items()), {"alpha": Fraction(1, 2), "w0": (1, -1)})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("X.T*X", [[10, -1], [-1, 6]]),
        ("X.T*y", [[7], [0]]),
        ("alpha*I", [[Fraction(1, 2), 0], [0, Fraction(1, 2)]]),
        ("x1.T*x3", 1),
        ("y1 - w0.T*x1", 2),
        ("x1/(1 + x1.T*x1)", [[Fraction(1, 6)], [Fraction(1, 3)]]),
        ("-(X.T*X)*x2 + 2*x2", [[1], [-4]]),
        ("1/n", Fraction(1, 3)),
        ("(X.T*X).T - X.T*X", [[0, 0], [0, 0]]),
    ],
)
def test_expressions_are_matrix_formulas(text, value):
    got = evaluate(text, scope())
    want = np.array(value, dtype=object)
    assert np.array_equal(np.asarray(got, dtype=object).ravel(), want.ravel())


def test_definitions_are_evaluated_when_asked_for():
    made = scope(S="X.T*X", M0="alpha*S", M1="2*M0 - M0*S*M0", never="nothing*2")
    assert np.array_equal(evaluate("M1", made), X.T @ X - X.T @ X @ X.T @ X @ X.T @ X / Fraction(4))
    with pytest.raises(KeyError, match="nothing is not defined"):
        evaluate("never", made)


def test_tokens_have_their_own_x_and_y():
    local = scope().at(x_t=np.array([[1], [1]], dtype=object), y_t=Fraction(5))
    assert evaluate("y_t - w0.T*x_t", local) == 5


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "X[0]",
        "lambda: 1",
        "X.shape",
        "1.5*X",
        "a if b else c",
        "f(x)",
        "x =",
        "'s'",
    ],
)
def test_nothing_else_is_in_the_language(text):
    with pytest.raises(ValueError):
        parse(text)


def test_names_are_found():
    assert names("2*M0 - M0*S.T*x_t") == {"M0", "S", "x_t"}


@pytest.mark.parametrize(
    ("language", "text"),
    [(COUNTS, "d/2"), (COUNTS, "-d"), (COUNTS, "relu(d)"), (SCALARS, "X.T"), (SCALARS, "sin(1)")],
)
def test_each_language_has_its_own_signs_and_functions(language, text):
    with pytest.raises(ValueError, match="not in the language"):
        parse(text, language)


def test_names_are_replaced_where_they_stand_for_values():
    new = {"T": "T0", "relu": "no", "w": "w10", "X": "U"}
    assert rename("X.T*T - relu(w)*ww", new) == "U.T*T0 - relu(w10)*ww"
    assert rename("(X\n + θ)*w", new | {"θ": "eta"}) == "(U\n + eta)*w10"


def test_a_sign_without_a_meaning_is_refused_by_name():
    with pytest.raises(ValueError, match="relu is not in the language"):
        formula.evaluate("relu(x)", {"x": 1}, PYTHON)


def test_counts_are_polynomials_in_the_sizes_that_there_are():
    assert value("d**2 + 2*(k - 1)", {"d": 3, "k": 5}) == 17
    with pytest.raises(ValueError, match="'d/2' is no polynomial in the sizes"):
        value("d/2", {"d": 3})
    with pytest.raises(ValueError, match="there is no size n, only"):
        value("d + n", {"d": 3})


def test_a_long_formula_is_evaluated_and_a_name_without_a_value_is_said_before_a_sign() -> None:
    assert formula.evaluate(parse("+".join(["x"] * 600)), {"x": 1}, PYTHON) == 600
    with pytest.raises(KeyError, match="missing"):
        formula.evaluate(parse("missing - 2"), {}, {"number": int})
    with pytest.raises(ValueError, match="not in the language"):
        formula.evaluate(parse("2 - 2"), {}, {"number": int})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("X*(X*w - y)", r"X\*\(X\*w - y\): shape \(3, 2\) times \(3, 1\): 2 columns meet 3 rows"),
        ("X.T*X + y", r"X.T\*X \+ y: a sum of shapes \(2, 2\) and \(3, 1\), which differ"),
        ("w + w.T", r"w \+ w.T: a sum of shapes \(2, 1\) and \(1, 2\), which differ"),
    ],
)
def test_sides_that_do_not_fit_are_refused_with_the_formula_and_the_shapes(text, said):
    X, y = np.array([[1, 2], [2, 1], [0, 1]]), np.array([1, 2, 3])
    scope = prompt_scope(X, y, {"v": text}, {"w": (1, 2)})
    for asked in (text, "v.T*v"):  # itself, and as a quantity that another one asks for
        with pytest.raises(ValueError, match=said) as caught:
            evaluate(asked, scope)
        assert str(caught.value).startswith(text)


def test_what_is_not_in_the_language_is_refused_with_what_is():
    with pytest.raises(ValueError, match=r"diag\(p\) .* which has \+, -, .*, .T, relu\(…\), names"):
        parse("diag(p)*x_t")
    with pytest.raises(ValueError, match=r"sqrt\(…\), exp\(…\).*, names and whole numbers"):
        parse("x.T", SCALARS)
    with pytest.raises(ValueError, match="a formula is a text, such as .* not 5"):
        formula_of(5)
