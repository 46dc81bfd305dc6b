"""The algebra of slots: what it holds equal, what it keeps apart, and against numbers."""

import itertools

import numpy as np
import pytest
import sympy
from forms import Numbers, evaluated
from sympy.polys.fields import sfield

from proofs.argument import vanishes
from proofs.calculus import form as c
from proofs.calculus.form import S, X, Z, y
from proofs.calculus.scope import FORMS, plain
from proofs.calculus.tokens import ones
from proofs.formula import evaluate

A = c.letter("A", c.d, c.d)
B = c.letter("B", c.d, c.d)
P = c.letter("P", c.d, c.d, symmetric=True)
a = c.letter("a", c.d, 1)
b = c.letter("b", c.d, 1)


@pytest.fixture
def numbers():
    """Whole numbers for every letter: X is 5 x 3, Z 2 x 3, and M, R are polynomials in S."""
    rng = np.random.default_rng(0)

    def drawn(*shape):
        return np.array(rng.integers(-9, 10, shape), dtype=object)

    data, half = drawn(5, 3), drawn(3, 3)
    gram, eye = data.T @ data, np.eye(3, dtype=int).astype(object)
    weights = {"Z": drawn(2, 3), "A": drawn(3, 3), "B": drawn(3, 3), "a": drawn(3, 1)}
    weights |= {"b": drawn(3, 1), "P": half @ half.T + eye}
    weights |= {"M": gram @ gram - 3 * gram, "R": 2 * gram + eye}
    return Numbers(data, drawn(5), weights["Z"], 0, weights)


def value(form, numbers):
    return np.array(evaluated(form, numbers), dtype=object)


def letters_of(numbers):
    return {"X": numbers.X, "y": numbers.y[:, None], **numbers.weights}


def test_letters_do_not_commute():
    assert A @ B != B @ A


def test_transposition_reverses_a_word():
    assert (A @ B).T == B.T @ A.T
    assert P.T == P
    assert A.T != A


def test_the_gram_matrix_is_symmetric():
    assert S.T == S


def test_an_inverse_cancels_on_both_sides():
    inverse = c.inverse_letter(P)
    assert P @ inverse == c.identity(c.d) == inverse @ P
    assert A @ P @ inverse @ B == A @ B


def test_a_scalar_word_equals_its_transpose_and_leaves_the_product():
    assert (a.T @ A @ b).scalar() == (b.T @ A.T @ a).scalar()
    assert (a @ (b.T @ a) @ a.T) == (b.T @ a).scalar() * (a @ a.T)


def test_division_by_a_scalar_is_exact():
    s = (a.T @ P @ a).scalar()
    assert (A - (s / (1 + s)) * A) == A / (1 + s)
    assert (A - (s / (1 + s)) * A) != A / (1 - s)


def test_a_linear_head_is_the_sum_over_the_context(numbers):
    given = letters_of(numbers)
    by_hand = [
        sum((given["A"] @ x) * ((given["B"] @ x) @ z) for x in given["X"]) for z in given["Z"]
    ]
    assert (value(c.head(X @ A.T, X @ B.T, Z), numbers) == np.array(by_hand)).all()


def test_forms_are_evaluated_as_their_matrices(numbers):
    given = letters_of(numbers)
    by_hand = 2 * given["X"] @ given["P"] @ given["a"]
    by_hand = by_hand - (given["a"].T @ given["P"] @ given["b"]) * given["y"]
    form = 2 * (X @ P @ a) - (a.T @ P @ b).scalar() * y
    assert (value(form, numbers) == by_hand).all()


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="multiplied"):
        X @ X
    with pytest.raises(ValueError, match="added"):
        X + y
    with pytest.raises(ValueError, match="not a scalar"):
        X.scalar()


def test_rewriting_replaces_a_word_wherever_it_occurs():
    assert c.rewrite(A @ B @ A @ B, A @ B, P) == P @ P
    assert c.rewrite(2 * (B @ A) + A @ B, A @ B, P) == 2 * (B @ A) + P


def test_words_of_small_length_are_told_apart_by_numbers_too(numbers):
    words = [A, B, A.T, P, A @ B, B @ A, A @ A.T, A.T @ A, P @ A, A @ P, P @ P]
    for one, other in itertools.combinations(words, 2):
        assert one != other
        assert (value(one, numbers) != value(other, numbers)).any()


def test_polynomials_in_s_commute_with_each_other_and_with_s():
    M = c.letter("M", c.d, c.d, commuting=True)
    R = c.letter("R", c.d, c.d, commuting=True)
    assert M @ R == R @ M
    assert X @ M @ S @ R @ X.T @ y == X @ S @ R @ M @ X.T @ y
    assert (a.T @ M @ R @ b).scalar() == (a.T @ R @ M @ b).scalar()
    assert M @ A != A @ M
    assert c.is_polynomial_in_s(2 * M @ S - c.identity(c.d))
    assert not c.is_polynomial_in_s(M @ P)


def test_commuting_holds_for_actual_polynomials(numbers):
    given = letters_of(numbers)
    M = c.letter("M", c.d, c.d, commuting=True)
    R = c.letter("R", c.d, c.d, commuting=True)
    gram = given["X"].T @ given["X"]
    by_hand = given["X"] @ given["R"] @ gram @ given["M"] @ given["X"].T @ given["y"]
    assert (value(X @ R @ S @ M @ X.T @ y, numbers) == by_hand).all()


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("one.T*(y + b)", "one.T*y + n*b"),
        ("X + b", "X + b*one*side.T"),
        ("b - X", "b*one*side.T - X"),
        ("(X + 1).T*y", "X.T*y + side*(one.T*y)"),
        ("0*y + 1", "one"),
        ("a.T*a + b", "b + a.T*a"),
    ],
)
def test_a_number_added_to_a_matrix_is_added_to_every_entry(text, same):
    names = {"X": X, "y": y, "a": a, "n": c.n, "b": sympy.Symbol("b")}
    names |= {"one": ones(c.n), "side": ones(c.d)}
    left, right, twice = (
        plain(evaluate(each, names, FORMS)) for each in (text, same, f"{same} + b")
    )
    assert left == right and left != twice


u, v = sympy.symbols("u v", positive=True)


@pytest.mark.parametrize(
    "coefficient",
    [
        u / 2 + v / 3,
        (u + 1) ** 3 / (2 * v) - (u**3 + 1) / (2 * v),
        -u / (v - u),
        (u / 2 + 1) / (u / 3 - v) + 1 / (3 * v - u),
        (u**2 - v**2) / (u - v) * (1 / u + 1 / v) ** -2,
        (u + v) ** 2 - u**2 - 2 * u * v - v**2,
        1 - 1 / (1 + 1 / (1 + u)),
    ],
    ids=str,
)
def test_rational_coefficients_are_reduced_as_the_field_of_sympy_does_it(coefficient):
    above, below = c.in_letters(coefficient)
    reduced = sfield(coefficient)[1].as_expr()
    assert above.as_expr() / below.as_expr() == reduced
    assert c.is_zero(coefficient) is (reduced == 0)
    assert (coefficient * c.X).vanishes is (reduced == 0)


@pytest.mark.parametrize("coefficient", [u**v + 1, sympy.sqrt(u) * v, sympy.exp(u), sympy.pi * u])
def test_what_is_no_rational_function_is_left_to_the_field_of_sympy(coefficient):
    assert c.in_letters(coefficient) is None and c.reduced(coefficient) == coefficient
    assert c.is_zero(coefficient) is None and not (coefficient * c.X).vanishes
    square = sympy.expand((coefficient + 1) ** 2)
    assert ((square - coefficient**2 - 2 * coefficient - 1) * c.X).vanishes


@pytest.mark.parametrize("undefined", [sympy.nan, sympy.zoo, sympy.oo])
def test_what_was_divided_by_zero_equals_nothing(undefined):
    assert c.number(undefined) != c.number(undefined)
    assert undefined * c.X != undefined * c.X


def test_letters_that_do_not_commute_are_no_numbers():
    a, b = sympy.symbols("a b", commutative=False)
    assert not vanishes(a * b - b * a) and vanishes(a * b - a * b)
