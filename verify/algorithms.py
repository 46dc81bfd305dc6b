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
        first = next((j for j, entry in enumerate(row) if entry != 0), None)
        if first is not None:
            basis.append((first, row))
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


# -- algorithms of the improved witnesses -------------------------------------------------------
# All on 1/2 sum (w.x - y)^2 from w = 0 unless said otherwise.


def deep_descent(X: Any, y: Any, queries: Any, layers: int, alpha: Any) -> Any:
    """(3^layers - 1)/2 steps of gradient descent of size alpha."""
    return gradient_descent(X, y, queries, (3**layers - 1) // 2, alpha / 2)


def newton_carried(
    X: Any, y: Any, queries: Any, iterations: int, alpha: Any, start: str = "gram"
) -> Any:
    """Newton's iteration from alpha S ("gram"); 2^k gradient steps of size alpha ("identity")."""
    if start == "gram":
        return newton(X, y, queries, iterations, alpha)
    return gradient_descent(X, y, queries, 2**iterations, alpha / 2)


def momentum(X: Any, y: Any, queries: Any, steps: int, step_size: Any, momentum: Any) -> Any:
    """The heavy ball: w_{k+1} = w_k - step_size grad + momentum (w_k - w_{k-1})."""
    X, y, queries = np.asarray(X), np.asarray(y), np.asarray(queries)
    w, before = _zeros(X), _zeros(X)
    for _ in range(steps):
        w, before = w - (X.T @ (X @ w - y)) * step_size + (w - before) * momentum, w
    return queries @ w


def chebyshev(X: Any, y: Any, queries: Any, steps: int, lowest: Any, highest: Any) -> Any:
    """w = (1 - p(S))/S X^T y, p(s) = T_k((highest + lowest - 2 s)/(highest - lowest)) / (at s = 0).

    From the coefficients of the polynomial, not from a recurrence of iterates.
    """
    one = lowest / lowest
    length = highest - lowest
    line = [(highest + lowest) / length, -2 * one / length]
    before, p = [one], line
    for _ in range(1, steps):
        before, p = p, _add(_times(_times(p, line), [2 * one]), before, -1)
    return _with_residual(X, y, queries, [c / p[0] for c in p])


def minimax_descent(X: Any, y: Any, queries: Any, layers: int, largest: Any) -> Any:
    """w = (1 - q(S))/S X^T y, q(s) = T_m(z) / (+-m z), z^2 = s/largest, m = 3^layers."""
    one = largest / largest
    m = 3**layers
    # T_m(z)/z in powers of z^2, from T_{j+2} = 2 T_2 T_j - T_{j-2} for odd j, T_2 = 2 z^2 - 1
    double = [-2 * one, 4 * one / largest]
    before, p = [one], [-3 * one, 4 * one / largest]  # T_1/z, T_3/z
    for _ in range(3, m, 2):
        before, p = p, _add(_times(p, double), before, -1)
    return _with_residual(X, y, queries, [c / p[0] for c in p])


def _with_residual(X: Any, y: Any, queries: Any, p: list[Any]) -> Any:
    """queries @ (1 - p(S))/S X^T y for a polynomial with p(0) = 1, by Horner's rule."""
    X, y, queries = np.asarray(X), np.asarray(y), np.asarray(queries)
    pull = X.T @ y
    w = _zeros(X)
    for c in reversed(p[1:]):
        w = X.T @ (X @ w) - pull * c
    return queries @ w


def _times(p: list[Any], q: list[Any]) -> list[Any]:
    made = [0 * p[0]] * (len(p) + len(q) - 1)
    for i, a in enumerate(p):
        for j, b in enumerate(q):
            made[i + j] = made[i + j] + a * b
    return made


def _add(p: list[Any], q: list[Any], c: int) -> list[Any]:
    """p + c q, for q no longer than p."""
    return [a + c * q[i] if i < len(q) else a for i, a in enumerate(p)]


def preconditioned(
    X: Any, y: Any, queries: Any, steps: int, step_size: Any, preconditioner: Any
) -> Any:
    """w <- w - step_size P grad."""
    X, y, queries = np.asarray(X), np.asarray(y), np.asarray(queries)
    w = _zeros(X)
    for _ in range(steps):
        w = w - (np.asarray(preconditioner) @ (X.T @ (X @ w - y))) * step_size
    return queries @ w


def gd_plus_plus(X: Any, y: Any, queries: Any, steps: int, step_size: Any, gamma: Any) -> Any:
    """GD++ on the data, query included: every x loses gamma U^T U x, every target its fit."""
    U, y, Q = np.asarray(X), np.asarray(y), np.asarray(queries)
    prediction = Q @ _zeros(U)
    for _ in range(steps):
        w = (U.T @ y) * step_size
        y, prediction = y - U @ w, prediction + Q @ w
        shrink = (U.T @ U) * gamma
        U, Q = U - U @ shrink, Q - Q @ shrink
    return prediction


def lasso(X: Any, y: Any, queries: Any, steps: int, step_size: Any, penalty: Any) -> Any:
    """Proximal gradient descent on sum (w.x - y)^2 + penalty |w|_1."""
    X, y, queries = np.asarray(X), np.asarray(y), np.asarray(queries)
    w = _zeros(X)
    threshold = step_size * penalty
    for _ in range(steps):
        v = w - (X.T @ (X @ w - y)) * (2 * step_size)
        w = _each(lambda e: _positive(e - threshold) - _positive(-e - threshold), v)
    return queries @ w


def logistic(
    X: Any, y: Any, queries: Any, steps: int, step_size: Any, pieces: int = 16, reach: int = 8
) -> Any:
    """Logistic regression by gradient descent, the sigmoid interpolated at 2 pieces + 1 knots."""
    import math

    knots = [Fraction(reach * i, pieces) for i in range(-pieces, pieces + 1)]
    upper = [Fraction(round(2**40 / (1 + math.exp(-float(k)))), 2**40) for k in knots if k > 0]
    values = [1 - v for v in reversed(upper)] + [Fraction(1, 2)] + upper

    def interpolated(m: Any) -> Any:
        if m <= knots[0] or m >= knots[-1]:
            return values[0] if m <= knots[0] else values[-1]
        i = max(j for j, knot in enumerate(knots) if knot <= m)
        share = (m - knots[i]) / (knots[i + 1] - knots[i])
        return values[i] * (1 - share) + values[i + 1] * share

    return _logistic(X, y, queries, steps, step_size, interpolated)


def true_logistic(X: Any, y: Any, queries: Any, steps: int, step_size: Any) -> Any:
    """The same with the sigmoid itself; floats or balls."""
    return _logistic(X, y, queries, steps, step_size, lambda m: 1 / (1 + _exp(-m)))


def _logistic(X: Any, y: Any, queries: Any, steps: int, step_size: Any, sigmoid: Any) -> Any:
    X, y, queries = np.asarray(X), np.asarray(y), np.asarray(queries)
    w = _zeros(X)
    for _ in range(steps):
        w = w - (X.T @ (_each(sigmoid, X @ w) - y)) * step_size
    return _each(sigmoid, queries @ w)


def kernel_regression(
    X: Any, y: Any, queries: Any, steps: int, step_size: Any, kernel: str = "linear",
    features: Any = None, offsets: Any = None, temperature: Any = 1,
) -> Any:  # fmt: skip
    """Functional gradient descent with a kernel; "exponential" is divided by its sums over X."""
    X, y, queries = np.asarray(X), np.asarray(y), np.asarray(queries)
    if kernel == "relu":
        shift = 0 if offsets is None else np.asarray(offsets)
        X, queries = (_each(_positive, Z @ np.asarray(features).T + shift) for Z in (X, queries))

    def weights(Z: Any) -> Any:
        scores = Z @ X.T
        if kernel != "exponential":
            return scores
        powers = _each(_exp, scores / temperature)
        return powers / powers.sum(axis=-1, keepdims=True)

    here, there = weights(X), weights(queries)
    fit, prediction = y * 0, queries @ _zeros(X)
    for _ in range(steps):
        error = (y - fit) * step_size
        fit, prediction = fit + here @ error, prediction + there @ error
    return prediction


def bayes_ridge(X: Any, y: Any, queries: Any, noise: Any, prior: Any, output: str = "mean") -> Any:
    """Posterior mean, or variance, of w.x for w ~ N(0, prior I) and y = w.x + N(0, noise).

    By conditioning the Gaussian of (w.x, y) on y, as a Gaussian process does: no inverse (d, d).
    """
    X, y, queries = np.asarray(X), np.asarray(y), np.asarray(queries)
    covariance = X @ X.T * prior + _identity(X @ X.T) * noise
    made = []
    for q in queries:
        cross = X @ q * prior
        if output == "mean":
            made.append(cross @ solve(covariance, y))
        else:
            made.append(prior * (q @ q) - cross @ solve(covariance, cross))
    return np.array(made, dtype=object if X.dtype == object else None)


def selection(X: Any, y: Any, queries: Any, validation: int, ridges: Any) -> Any:
    """The one of two ridge regressions on the first examples that errs less on the last ones."""
    X, y, queries = np.asarray(X), np.asarray(y), np.asarray(queries)
    cut = len(y) - validation
    errors = []
    for strength in ridges:
        error = ridge(X[:cut], y[:cut], X[cut:], strength) - y[cut:]
        errors.append(error @ error)
    if errors[0] == errors[1]:
        raise ZeroDivisionError("the two validation errors are equal")
    return ridge(X[:cut], y[:cut], queries, ridges[0 if errors[0] < errors[1] else 1])


def _each(function: Any, a: Any) -> Any:
    """The function of every entry."""
    made = np.empty(a.shape, dtype=a.dtype)
    made.ravel()[:] = [function(entry) for entry in a.ravel()]
    return made


def _positive(value: Any) -> Any:
    """max(value, 0), of balls too."""
    return value.max(value * 0) if hasattr(value, "rad") else max(value, value * 0)


def _exp(value: Any) -> Any:
    return value.exp() if hasattr(value, "exp") else np.exp(value)


def spline_regression(
    X: Any, y: Any, queries: Any, basis: int, layers: int, alpha: Any, degree: int = 1
) -> Any:
    """Least squares on B-splines (Cox and de Boor's recursion) by (3^(layers-1) - 1)/2 steps."""
    X, queries = np.asarray(X), np.asarray(queries)
    steps = (3 ** (layers - 1) - 1) // 2

    def features(Z: Any) -> Any:
        rows = [[_b_spline(z, i, degree, basis) for i in range(basis)] for z in Z[:, 0]]
        return np.array(rows, dtype=Z.dtype).reshape(len(Z), basis)

    return gradient_descent(features(X), y, features(queries), steps, alpha / 2)


def _b_spline(v: Any, i: int, degree: int, basis: int) -> Any:
    """B-spline number i of the degree on the knots (i - degree)/(basis - degree), at v."""
    inner = basis - degree

    def value(i: int, p: int) -> Any:
        start = Fraction(i - degree, inner)
        if p == 0:
            return v * 0 + int(start <= v < start + Fraction(1, inner))
        left = (v - start) * inner / p
        right = (start + Fraction(p + 1, inner) - v) * inner / p
        return left * value(i, p - 1) + right * value(i + 1, p - 1)

    return value(i, degree)
