"""The references agree with other libraries and with each other, and are exact on fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from verify import algorithms


@pytest.fixture(params=[(1, 1), (2, 5), (4, 3), (7, 20)], ids=str)
def data(request):
    d, n = request.param
    rng = np.random.default_rng(d * 100 + n)
    return rng.standard_normal((n, d)), rng.standard_normal(n), rng.standard_normal((3, d))


def fractions(*arrays: np.ndarray) -> list[np.ndarray]:
    return [np.vectorize(Fraction, otypes=[object])(a) for a in arrays]


def test_ridge_is_scikit_learns(data):
    from sklearn.linear_model import Ridge

    X, y, queries = data
    model = Ridge(alpha=0.7, fit_intercept=False, solver="cholesky").fit(X, y)
    np.testing.assert_allclose(
        algorithms.ridge(X, y, queries, 0.7), model.predict(queries), rtol=1e-9
    )


def test_least_squares_is_the_one_of_minimum_norm(data):
    X, y, queries = data
    want = queries @ np.linalg.pinv(X) @ y
    np.testing.assert_allclose(algorithms.least_squares(X, y, queries), want, rtol=1e-9)
    exact = algorithms.least_squares(*fractions(X, y, queries))
    np.testing.assert_allclose(exact.astype(float), want, rtol=1e-9)


def test_least_squares_of_dependent_rows_is_exact():
    X, y, queries = fractions(np.array([[1, 2], [2, 4]]), np.array([1, 3]), np.array([[1, 0]]))
    assert list(algorithms.least_squares(X, y, queries)) == [Fraction(7, 25)]
    zero = algorithms.least_squares(X * 0, y, queries)
    assert list(zero) == [0]


def test_sherman_morrison_is_ridge_in_fractions(data):
    X, y, queries = fractions(*data)
    X, y, queries = X[:4], y[:4], queries
    one = algorithms.sherman_morrison(X, y, queries, Fraction(1, 3))
    assert list(one) == list(algorithms.ridge(X, y, queries, Fraction(1, 3)))


def test_gradient_descent_and_newton_converge_to_least_squares(data):
    X, y, queries = data
    want = algorithms.least_squares(X, y, queries)
    top = np.linalg.norm(X, 2)
    np.testing.assert_allclose(algorithms.newton(X, y, queries, 60, 1 / top**4), want, rtol=1e-6)
    few = [
        np.abs(algorithms.gradient_descent(X, y, queries, k, 0.5 / top**2) - want).max()
        for k in (5, 500)
    ]
    assert few[1] < few[0] / 2 or few[1] < 1e-9


def test_the_gradient_is_the_derivative_of_the_loss(data):
    X, y, _ = data
    w, h = np.ones(X.shape[1]), 1e-6

    def loss(w: np.ndarray, kind: str) -> float:
        squares = ((X @ w - y) ** 2).sum()
        return squares + 0.3 * w @ w if kind == "sum" else squares / (2 * len(y)) + 0.15 * w @ w

    for kind in ("sum", "mean"):
        gradient = algorithms.gradient(X, y, w, 0.3, kind)
        for i in range(len(w)):
            step = h * np.eye(len(w))[i]
            slope = (loss(w + step, kind) - loss(w - step, kind)) / (2 * h)
            assert abs(slope - gradient[i]) < 1e-5 * (1 + abs(gradient[i]))


def test_one_pass_sgd_over_one_example_is_a_gradient_step(data):
    X, y, queries = fractions(*data)
    eta, lam = Fraction(1, 7), Fraction(2, 3)
    once = algorithms.one_pass_sgd(X[:1], y[:1], queries, eta, lam)
    assert list(once) == list(algorithms.gradient_descent(X[:1], y[:1], queries, 1, eta, lam))


def test_hyperpower_cubes_the_residual():
    X, y, queries = fractions(np.array([[1, 2], [0, 1]]), np.array([1, -1]), np.array([[1, 0]]))
    one = algorithms.hyperpower(X, y, queries, 1, Fraction(1, 9))
    three = algorithms.gradient_descent(X, y, queries, 3, Fraction(1, 18))
    assert list(one) == list(three)  # 3 steps of size alpha on half the loss


def test_a_singular_system_is_an_error():
    A = np.array([[Fraction(1), Fraction(2)], [Fraction(2), Fraction(4)]], dtype=object)
    with pytest.raises(ZeroDivisionError):
        algorithms.solve(A, np.array([Fraction(1), Fraction(1)], dtype=object))


def test_references_import_nothing_of_the_witnesses():
    import ast
    from pathlib import Path

    tree = ast.parse(Path(algorithms.__file__).read_text())
    imported = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    imported += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    assert not [
        name for name in imported if name and name.split(".")[0] in ("constructions", "proofs")
    ]
