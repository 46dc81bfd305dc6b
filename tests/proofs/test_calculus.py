"""The algebra of slots: what it holds equal, what it keeps apart, and against numbers."""

import itertools

import numpy as np
import pytest

from proofs.calculus import form as c
from proofs.calculus.form import S, X, Z, y

A = c.letter("A", c.d, c.d)
B = c.letter("B", c.d, c.d)
P = c.letter("P", c.d, c.d, symmetric=True)
a = c.letter("a", c.d, 1)
b = c.letter("b", c.d, 1)


def value(form, letters):
    """The form at numbers; scalar symbols are named after their word and come with it."""
    total = np.zeros((_size(form.rows), _size(form.columns)))
    for word, coefficient in form.terms.items():
        product = np.eye(_size(form.rows))
        for one in word:
            matrix = letters[one.name]
            matrix = np.linalg.inv(matrix) if one.inverse else matrix
            product = product @ (matrix.T if one.transposed else matrix)
        numbers = {symbol: _scalar(symbol.name, letters) for symbol in coefficient.free_symbols}
        total = total + float(coefficient.subs(numbers)) * product
    return total


def _size(size):
    return {c.n: 5, c.d: 3, c.m: 2}.get(size) or int(size)


def _scalar(name, letters):
    product = np.eye(1)
    for part in name.strip("()").split():
        matrix = letters[part.partition("^")[0]]
        product = product @ (matrix.T if "top" in part else matrix)
    return product[0, 0]


@pytest.fixture
def letters():
    rng = np.random.default_rng(0)
    made = {
        "X": (5, 3),
        "y": (5, 1),
        "Z": (2, 3),
        "A": (3, 3),
        "B": (3, 3),
        "a": (3, 1),
        "b": (3, 1),
    }
    numbers = {name: rng.standard_normal(shape) for name, shape in made.items()}
    half = rng.standard_normal((3, 3))
    return numbers | {"P": half @ half.T + np.eye(3)}


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


def test_a_linear_head_is_the_sum_over_the_context(letters):
    read = c.head(X @ A.T, X @ B.T, Z)
    x, z = letters["X"], letters["Z"]
    by_hand = np.array(
        [sum((letters["A"] @ xj) * ((letters["B"] @ xj) @ zt) for xj in x) for zt in z]
    )
    np.testing.assert_allclose(value(read, letters), by_hand)


def test_forms_are_evaluated_as_their_matrices(letters):
    form = 2 * (X @ P @ a) - (a.T @ P @ b).scalar() * y
    by_hand = 2 * letters["X"] @ letters["P"] @ letters["a"]
    by_hand = by_hand - (letters["a"].T @ letters["P"] @ letters["b"]) * letters["y"]
    np.testing.assert_allclose(value(form, letters), by_hand)


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


def test_words_of_small_length_are_told_apart_by_numbers_too(letters):
    words = [A, B, A.T, P, A @ B, B @ A, A @ A.T, A.T @ A, P @ A, A @ P, P @ P]
    for one, other in itertools.combinations(words, 2):
        assert one != other
        assert not np.allclose(value(one, letters), value(other, letters))


def test_polynomials_in_s_commute_with_each_other_and_with_s():
    M = c.letter("M", c.d, c.d, commuting=True)
    R = c.letter("R", c.d, c.d, commuting=True)
    assert M @ R == R @ M
    assert X @ M @ S @ R @ X.T @ y == X @ S @ R @ M @ X.T @ y
    assert (a.T @ M @ R @ b).scalar() == (a.T @ R @ M @ b).scalar()
    assert M @ A != A @ M
    assert c.is_polynomial_in_s(2 * M @ S - c.identity(c.d))
    assert not c.is_polynomial_in_s(M @ P)


def test_commuting_holds_for_actual_polynomials(letters):
    gram = letters["X"].T @ letters["X"]
    numbers = letters | {"M": gram @ gram - 3 * gram, "R": 2 * gram + np.eye(3)}
    M = c.letter("M", c.d, c.d, commuting=True)
    R = c.letter("R", c.d, c.d, commuting=True)
    form = X @ R @ S @ M @ X.T @ y
    by_hand = letters["X"] @ numbers["R"] @ gram @ numbers["M"] @ letters["X"].T @ letters["y"]
    np.testing.assert_allclose(value(form, numbers), by_hand)
