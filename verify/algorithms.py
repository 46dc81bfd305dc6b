"""Independent references: what each algorithm computes, written without any transformer.

Every function takes X (n, d), y (n,), queries (m, d) and gives predictions (m,). They work on
numpy arrays of any element type that has + - * /: floats, Fractions, flint balls, elements of
sympy's fields; exact in, exact out. Arrays stand left of scalars, since only numpy knows how to
multiply the two. None shares code with `constructions`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np


def gradient_descent(
    X: Any, y: Any, queries: Any, steps: int, step_size: Any,
    ridge: Any = 0, w0: Any = None, loss: str = "sum",
) -> Any:  # fmt: skip
    """`steps` steps from w0 on sum (w.x - y)^2 + ridge |w|^2 ("sum") or
    1/(2n) sum (w.x - y)^2 + ridge/2 |w|^2 ("mean")."""
    X, y, queries = np.asarray(X), np.asarray(y), np.asarray(queries)
    w = _zeros(X) if w0 is None else np.asarray(w0)
    for _ in range(steps):
        w = w - gradient(X, y, w, ridge, loss) * step_size
    return queries @ w


def gradient(X: Any, y: Any, w: Any, ridge: Any = 0, loss: str = "sum") -> Any:
    """The gradient (d,) of that loss at w."""
    pull = X.T @ (X @ w - y)
    return (pull + w * ridge) * 2 if loss == "sum" else pull / len(y) + w * ridge


def one_pass_sgd(
    X: Any, y: Any, queries: Any, step_size: Any, ridge: Any = 0, w0: Any = None
) -> Any:
    """One step of akyurek2022, eq. 11, on each example in turn."""
    X, y, queries = np.asarray(X), np.asarray(y), np.asarray(queries)
    w = _zeros(X) if w0 is None else np.asarray(w0)
    for x, target in zip(X, y):
        w = w - (x * (x @ w) - x * target + w * ridge) * (2 * step_size)
    return queries @ w


def sherman_morrison(X: Any, y: Any, queries: Any, ridge: Any) -> Any:
    """Ridge regression, the inverse of ridge I + X^T X updated example by example."""
    X, y, queries = np.asarray(X), np.asarray(y), np.asarray(queries)
    inverse = _identity(X) / ridge
    for x in X:
        u = inverse @ x
        inverse = inverse - np.outer(u, u) / (1 + x @ u)
    return queries @ (inverse @ (X.T @ y))


def ridge(X: Any, y: Any, queries: Any, ridge: Any) -> Any:
    """argmin sum (w.x - y)^2 + ridge |w|^2, by elimination on (ridge I + X^T X) w = X^T y."""
    X, y, queries = np.asarray(X), np.asarray(y), np.asarray(queries)
    return queries @ solve(X.T @ X + _identity(X) * ridge, X.T @ y)


def least_squares(X: Any, y: Any, queries: Any) -> Any:
    """The least-squares solution of minimum norm. Exact elements stay exact.

    With rows R that span the row space, w = R^T v and (X R^T) v = y in least squares.
    """
    X, y, queries = np.asarray(X), np.asarray(y), np.asarray(queries)
    if X.dtype != object:
        return queries @ np.linalg.lstsq(X, y, rcond=None)[0]
    independent = _independent_rows(X)
    if not independent:
        return queries @ _zeros(X)
    R = X[independent]
    A = X @ R.T
    return queries @ (R.T @ solve(A.T @ A, A.T @ y))


def newton(X: Any, y: Any, queries: Any, iterations: int, alpha: Any) -> Any:
    """x^T M_k X^T y, M_0 = alpha S, M_k = 2 M_{k-1} - M_{k-1} S M_{k-1}, S = X^T X."""
    X, y, queries = np.asarray(X), np.asarray(y), np.asarray(queries)
    S = X.T @ X
    M = newton_matrix(S, iterations, S * alpha)
    return queries @ (M @ (X.T @ y))


def newton_matrix(S: Any, iterations: int, M: Any) -> Any:
    """M_k from M_0 = M."""
    for _ in range(iterations):
        M = 2 * M - M @ (S @ M)
    return M


def hyperpower(X: Any, y: Any, queries: Any, iterations: int, alpha: Any) -> Any:
    """x^T M_k X^T y, M_0 = alpha I, M_k = M (3 I - 3 S M + (S M)^2)."""
    X, y, queries = np.asarray(X), np.asarray(y), np.asarray(queries)
    S = X.T @ X
    M = _identity(X) * alpha
    for _ in range(iterations):
        SM = S @ M
        M = M @ (3 * _identity(X) - 3 * SM + SM @ SM)
    return queries @ (M @ (X.T @ y))


def solve(A: Any, b: Any) -> Any:
    """A^-1 b for square A (d, d), b (d,), by elimination with pivoting.

    Raises ZeroDivisionError if A is singular (exact elements) or may be (balls).
    """
    A, b = np.asarray(A), np.asarray(b)
    if A.dtype != object:
        return np.linalg.solve(A, b)
    rows = [list(row) + [value] for row, value in zip(A, b)]
    size = len(rows)
    for k in range(size):
        pivot = max(range(k, size), key=lambda i: _magnitude(rows[i][k]))
        if _magnitude(rows[pivot][k]) == 0:
            raise ZeroDivisionError("the matrix is singular")
        rows[k], rows[pivot] = rows[pivot], rows[k]
        for i in range(size):
            if i != k:
                factor = rows[i][k] / rows[k][k]
                if not (isinstance(factor, (int, Fraction)) and factor == 0):
                    rows[i] = [p - factor * q for p, q in zip(rows[i], rows[k])]
    solution = np.empty(size, dtype=object)
    solution[:] = [rows[k][size] / rows[k][k] for k in range(size)]
    return solution


def _magnitude(value: Any) -> float:
    """Size of a pivot; 0 where the element is, or may be, zero."""
    if hasattr(value, "contains"):  # a ball
        return 0.0 if value.contains(0) else abs(float(value.mid()))
    if hasattr(value, "free_symbols"):
        return 0.0 if value.equals(0) else 1.0
    return 0.0 if value == 0 else 1.0


def _independent_rows(X: Any) -> list[int]:
    """Numbers of rows that form a basis of the row space, by elimination."""
    chosen: list[int] = []
    basis: list[tuple[int, list[Any]]] = []
    for number, row in enumerate(X):
        row = list(row)
        for column, pivot in basis:
            factor = row[column] / pivot[column]
            row = [p - factor * q for p, q in zip(row, pivot)]
        column = next((j for j, entry in enumerate(row) if entry != 0), None)
        if column is not None:
            basis.append((column, row))
            chosen.append(number)
    return chosen


def _zeros(X: Any) -> Any:
    """The zero vector (d,) in X's arithmetic."""
    return X[0] * 0


def _identity(X: Any) -> Any:
    """I (d, d) in X's arithmetic."""
    d = X.shape[1]
    if X.dtype != object:
        return np.eye(d, dtype=X.dtype)
    made = np.full((d, d), Fraction(0), dtype=object)
    zero = X[0, 0] * 0
    for i in range(d):
        for j in range(d):
            made[i, j] = zero + 1 if i == j else zero
    return made
