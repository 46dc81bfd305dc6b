"""Independent references: what each algorithm computes, written without any transformer.

Every function takes X (n, d), y (n,), queries (m, d) and gives predictions (m,), computed in the
arithmetic of the prompt: whole numbers and fractions give Fractions, floats their own format, flint
balls enclose, elements of sympy's fields stay what they are. Parameters are taken into the same
arithmetic (a float exactly, where that is exact), so that nothing falls back to floats unseen; an
exponential, which fractions do not have, is refused there. Iterates follow recurrences that are
stable in floats, not the coefficients of polynomials. Arrays stand left of scalars, since only
numpy knows how to multiply the two. None shares code with `constructions`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache
from numbers import Rational
from typing import Any

import numpy as np

ROWS = 64  # of a matrix that are made at once

# -- one arithmetic -----------------------------------------------------------------------------


def _together(*prompt: Any, also: tuple[Any, ...] = ()) -> tuple[Any, ...]:
    """The prompt's arrays and the parameters `also` in one arithmetic; None stays None.

    The prompt decides between floats and fractions; a ball or a symbol anywhere prevails.
    """
    given = [None if value is None else np.asarray(value) for value in (*prompt, *also)]
    convert = _arithmetic([a for a in given[: len(prompt)] if a is not None], given)

    def converted(array: Any) -> Any:
        if array is None or array.ndim == 0:
            return None if array is None else convert(array.item())
        if array.dtype != object and isinstance(convert, type):
            return array.astype(convert, copy=False)
        made = np.empty(array.shape, dtype=convert if isinstance(convert, type) else object)
        made.ravel()[:] = [convert(entry) for entry in array.ravel().tolist()]
        return made

    return tuple(converted(array) for array in given)


def _arithmetic(prompt: list[Any], every: list[Any]) -> Callable[[Any], Any]:
    """What takes a number into the arithmetic of the arrays; a format of floats is its type."""
    entries = [e for a in every if a is not None and a.dtype == object for e in a.ravel()]
    balls = [entry for entry in entries if _is_ball(entry)]
    if any(not (_is_ball(e) or isinstance(e, (Rational, float, np.floating))) for e in entries):
        return lambda value: Fraction(value) if isinstance(value, Rational) else value
    if balls:
        kind = type(balls[0])
        return lambda value: value if _is_ball(value) else _ratio(Fraction(value), kind(1))
    formats = [a.dtype for a in prompt if a.dtype.kind == "f"]
    formats += [
        np.dtype(type(e))
        for a in prompt
        if a.dtype == object
        for e in a.ravel()
        if isinstance(e, (float, np.floating))
    ]
    if formats:
        return np.result_type(*formats).type
    return lambda value: value if type(value) is Fraction else Fraction(value)


def _is_ball(value: Any) -> bool:
    return hasattr(value, "rad")


def _ratio(value: Fraction, one: Any) -> Any:
    """The fraction in the arithmetic of `one`."""
    if isinstance(one, np.floating):
        return type(one)(value)
    return one * value.numerator / value.denominator


def _zeros(X: Any) -> Any:
    """The zero vector (d,) in X's arithmetic."""
    return X[0] * 0


def _identity(X: Any) -> Any:
    """I (d, d) in X's arithmetic."""
    zero, d = X[0, 0] * 0, X.shape[1]
    made = np.full((d, d), zero, dtype=X.dtype)
    for i in range(d):
        made[i, i] = zero + 1
    return made


def _each(function: Any, a: Any) -> Any:
    """The function of every entry; of floats at once, which the functions here know."""
    if a.dtype != object:
        return function(a)
    made = np.empty(a.shape, dtype=a.dtype)
    made.ravel()[:] = [function(entry) for entry in a.ravel()]
    return made


def _knows_max(value: Any) -> bool:
    """Whether it has a max of its own, as balls and letters have, which have no order."""
    return hasattr(value, "max") and not isinstance(value, np.generic)


def _positive(value: Any) -> Any:
    """max(value, 0), of balls and of arrays of floats too."""
    if isinstance(value, np.ndarray):
        return np.maximum(value, 0)
    return value.max(value * 0) if _knows_max(value) else max(value, value * 0)


def _at_most_one(value: Any) -> Any:
    """min(value, 1), of balls and of arrays of floats too."""
    if isinstance(value, np.ndarray):
        return np.minimum(value, 1)
    return value.min(value * 0 + 1) if _knows_max(value) else min(value, value * 0 + 1)


def exp(value: Any) -> Any:
    """The exponential of a float, a ball or an element with one of its own, or of every entry.

    Raises TypeError for a fraction, whose exponential is irrational.
    """
    if isinstance(value, np.ndarray) and value.dtype == object:
        return _each(exp, value)
    if hasattr(value, "exp"):
        return value.exp()
    if isinstance(value, (np.floating, np.ndarray)):
        return np.exp(value)
    raise TypeError(f"{value} has no exponential in its arithmetic; give floats or balls")


# -- linear systems -----------------------------------------------------------------------------


def solve(A: Any, b: Any) -> Any:
    """A^-1 b for square A (d, d), b (d,) or (d, m), by elimination with pivoting.

    Raises ZeroDivisionError if A is singular (exact elements) or may be (balls).
    """
    A, b = _together(A, b)
    if A.dtype != object:
        return np.linalg.solve(A, b)
    size = len(A)
    rows = np.concatenate([A, b.reshape(size, -1)], axis=1)
    for k in range(size):
        pivot = _pivot(rows[k:, k]) + k
        rows[[k, pivot]] = rows[[pivot, k]]
        for i in range(k + 1, size):
            rows[i, k + 1 :] = rows[i, k + 1 :] - rows[k, k + 1 :] * (rows[i, k] / rows[k, k])
    solution = rows[:, size:]
    for k in reversed(range(size)):
        known = rows[k, k + 1 : size] @ solution[k + 1 :] if k + 1 < size else 0
        solution[k] = (solution[k] - known) / rows[k, k]
    return solution.reshape(b.shape)


def _pivot(column: Any) -> int:
    """The place of an entry to divide by: not zero, of balls the one farthest from it."""
    sizes = [_distance_from_zero(entry) for entry in column]
    best = 0
    for i, size in enumerate(sizes):
        if size > sizes[best]:
            best = i
    if not sizes[best] > 0:
        raise ZeroDivisionError("the matrix is singular, or balls cannot tell")
    return best


def _distance_from_zero(value: Any) -> Any:
    """0 where the element is, or may be, zero; a ball's least absolute value, else 1."""
    if _is_ball(value):
        return value.abs_lower()
    if hasattr(value, "free_symbols"):
        return int(value.equals(0) is False)
    return int(value != 0)


def _independent_rows(X: Any) -> list[int]:
    """Numbers of rows that form a basis of the row space, by elimination.

    Raises ZeroDivisionError where balls leave it open whether an entry vanishes.
    """
    chosen: list[int] = []
    basis: list[tuple[int, list[Any]]] = []
    for number, row in enumerate(X):
        row = list(row)
        for column, pivot in basis:
            factor = row[column] / pivot[column]
            row = [p - factor * q for p, q in zip(row, pivot)]
            row[column] = row[column] * 0
        first = next((j for j, entry in enumerate(row) if _distance_from_zero(entry) > 0), None)
        if first is not None:
            basis.append((first, row))
            chosen.append(number)
        elif not all(entry == 0 for entry in row):
            raise ZeroDivisionError("balls leave the rank of the examples open")
    return chosen


def ridge(X: Any, y: Any, queries: Any, ridge: Any) -> Any:
    """argmin sum (w.x - y)^2 + ridge |w|^2, by elimination on (ridge I + X^T X) w = X^T y."""
    X, y, queries, ridge = _together(X, y, queries, also=(ridge,))
    return queries @ solve(X.T @ X + _identity(X) * ridge, X.T @ y)


def least_squares(X: Any, y: Any, queries: Any) -> Any:
    """The least-squares solution of minimum norm. Exact elements stay exact.

    With rows R that span the row space, w = R^T v and (X R^T) v = y in least squares.
    """
    X, y, queries = _together(X, y, queries)
    if X.dtype != object:
        return queries @ np.linalg.lstsq(X, y, rcond=None)[0]
    independent = _independent_rows(X)
    if not independent:
        return queries @ _zeros(X)
    R = X[independent]
    A = X @ R.T
    return queries @ (R.T @ solve(A.T @ A, A.T @ y))


def sherman_morrison(X: Any, y: Any, queries: Any, ridge: Any) -> Any:
    """Ridge regression, the inverse of ridge I + X^T X updated example by example."""
    X, y, queries, ridge = _together(X, y, queries, also=(ridge,))
    inverse = _identity(X) / ridge
    for x in X:
        u = inverse @ x
        inverse = inverse - np.outer(u, u) / (1 + x @ u)
    return queries @ (inverse @ (X.T @ y))


def bayes_ridge(X: Any, y: Any, queries: Any, noise: Any, prior: Any, output: str = "mean") -> Any:
    """Posterior mean, or variance, of w.x for w ~ N(0, prior I) and y = w.x + N(0, noise).

    By conditioning the Gaussian of (w.x, y) on y, as a Gaussian process does: no inverse (d, d).
    """
    X, y, queries, noise, prior = _together(X, y, queries, also=(noise, prior))
    covariance = X @ X.T * prior + _identity(X @ X.T) * noise
    cross = X @ queries.T * prior
    if output == "mean":
        return cross.T @ solve(covariance, y)
    explained = (cross * solve(covariance, cross)).sum(axis=0)
    return (queries * queries).sum(axis=1) * prior - explained


def selection(X: Any, y: Any, queries: Any, validation: int, ridges: Any) -> Any:
    """The one of two ridge regressions on the first examples that errs less on the last ones.

    Raises ZeroDivisionError where the two errors are equal, or balls leave open which is less.
    """
    X, y, queries, ridges = _together(X, y, queries, also=(ridges,))
    cut = len(y) - validation
    errors = []
    for strength in ridges:
        error = ridge(X[:cut], y[:cut], X[cut:], strength) - y[cut:]
        errors.append(error @ error)
    if not (errors[0] < errors[1] or errors[1] < errors[0]):
        raise ZeroDivisionError("the two validation errors are equal, or balls cannot tell")
    return ridge(X[:cut], y[:cut], queries, ridges[0 if errors[0] < errors[1] else 1])


# -- steps on the sum of squares ----------------------------------------------------------------


def gradient_descent(
    X: Any, y: Any, queries: Any, steps: int, step_size: Any,
    ridge: Any = 0, w0: Any = None, loss: str = "sum",
) -> Any:  # fmt: skip
    """`steps` steps from w0 on sum (w.x - y)^2 + ridge |w|^2 ("sum") or
    1/(2n) sum (w.x - y)^2 + ridge/2 |w|^2 ("mean")."""
    X, y, queries, step_size, ridge, w0 = _together(X, y, queries, also=(step_size, ridge, w0))
    w = _zeros(X) if w0 is None else w0
    for _ in range(steps):
        w = w - gradient(X, y, w, ridge, loss) * step_size
    return queries @ w


def gradient(X: Any, y: Any, w: Any, ridge: Any = 0, loss: str = "sum") -> Any:
    """The gradient (d,) of that loss at w."""
    X, y, w, ridge = _together(X, y, w, also=(ridge,))
    pull = X.T @ (X @ w - y)
    return (pull + w * ridge) * 2 if loss == "sum" else pull / len(y) + w * ridge


def one_pass_sgd(
    X: Any, y: Any, queries: Any, step_size: Any, ridge: Any = 0, w0: Any = None
) -> Any:
    """One step of akyurek2022, eq. 11, on each example in turn."""
    X, y, queries, step_size, ridge, w0 = _together(X, y, queries, also=(step_size, ridge, w0))
    w = _zeros(X) if w0 is None else w0
    for x, target in zip(X, y):
        w = w - (x * (x @ w) - x * target + w * ridge) * (2 * step_size)
    return queries @ w


# All further ones are on 1/2 sum (w.x - y)^2 from w = 0 unless said otherwise.


def deep_descent(X: Any, y: Any, queries: Any, layers: int, alpha: Any) -> Any:
    """(3^layers - 1)/2 steps of gradient descent of size alpha."""
    return preconditioned(X, y, queries, (3**layers - 1) // 2, alpha)


def preconditioned(
    X: Any,
    y: Any,
    queries: Any,
    steps: int,
    step_size: Any,
    preconditioner: Any = None,
    loss: str = "sum",
) -> Any:
    """w <- w - step_size P grad; P = I where it is not given, or it is a list of one for each step.

    loss "mean": the gradient is divided by the number of examples.
    """
    P = None if preconditioner is None else np.array(preconditioner, dtype=object)
    X, y, queries, step_size, P = _together(X, y, queries, also=(step_size, P))
    w = _zeros(X)
    for k in range(steps):
        pull = X.T @ (X @ w - y)
        pull = pull / len(X) if loss == "mean" else pull
        of_step = P if P is None or P.ndim == 2 else P[k]
        w = w - (pull if of_step is None else of_step @ pull) * step_size
    return queries @ w


def momentum(X: Any, y: Any, queries: Any, steps: int, step_size: Any, momentum: Any) -> Any:
    """The heavy ball: w_{k+1} = w_k - step_size grad + momentum (w_k - w_{k-1})."""
    X, y, queries, step_size, momentum = _together(X, y, queries, also=(step_size, momentum))
    w, before = _zeros(X), _zeros(X)
    for _ in range(steps):
        w, before = w - (X.T @ (X @ w - y)) * step_size + (w - before) * momentum, w
    return queries @ w


def chebyshev(X: Any, y: Any, queries: Any, steps: int, lowest: Any, highest: Any) -> Any:
    """w_k leaves T_k((highest + lowest - 2 s)/(highest - lowest)) / (at s = 0) of every error.

    As Golub and Varga write it: w_{k+1} = w_{k-1} + omega_{k+1} (w_k - w_{k-1} - grad / theta),
    theta the middle of [lowest, highest], rho = half its length / theta, omega_1 = 1,
    omega_2 = 2/(2 - rho^2), omega_{k+1} = 1/(1 - rho^2 omega_k / 4).
    """
    X, y, queries, lowest, highest = _together(X, y, queries, also=(lowest, highest))
    theta = (highest + lowest) / 2
    rho = (highest - lowest) / 2 / theta
    w, before, omega = _zeros(X), _zeros(X), lowest / lowest
    for k in range(1, steps + 1):
        if k > 1:
            omega = 2 / (2 - rho * rho) if k == 2 else 1 / (1 - rho * rho * omega / 4)
        moved = w - before - (X.T @ (X @ w - y)) / theta
        w, before = before + moved * omega, w
    return queries @ w


def minimax_descent(X: Any, y: Any, queries: Any, layers: int, largest: Any) -> Any:
    """w leaves T_m(z) / (+-m z) of every error, z^2 = s/largest, m = 3^layers.

    r_j = T_j(z) / (+-j z) for odd j has r_{-1} = r_1 = 1 and, from T_{j+2} = 2 T_2 T_j - T_{j-2},
    (j + 2) r_{j+2} = 2 j (1 - 2 s/largest) r_j - (j - 2) r_{j-2}: a recurrence of iterates.
    """
    X, y, queries, largest = _together(X, y, queries, also=(largest,))
    w, before = _zeros(X), _zeros(X)
    for j in range(1, 3**layers, 2):
        descended = w - (X.T @ (X @ w - y)) * (2 / largest)
        w, before = (descended * (2 * j) - before * (j - 2)) / (j + 2), w
    return queries @ w


def gd_plus_plus(X: Any, y: Any, queries: Any, steps: int, step_size: Any, gamma: Any) -> Any:
    """GD++ on the data, query included: every x loses gamma U^T U x, every target its fit.

    step_size and gamma are numbers, or one for each step.
    """
    U, y, Q, step_size, gamma = _together(X, y, queries, also=(step_size, gamma))
    prediction = Q @ _zeros(U)
    step_sizes, gammas = (r if np.ndim(r) else [r] * steps for r in (step_size, gamma))
    for eta, transforming in zip(step_sizes, gammas, strict=True):
        w = (U.T @ y) * eta
        y, prediction = y - U @ w, prediction + Q @ w
        shrink = (U.T @ U) * transforming
        U, Q = U - U @ shrink, Q - Q @ shrink
    return prediction


def lasso(X: Any, y: Any, queries: Any, steps: int, step_size: Any, penalty: Any) -> Any:
    """Proximal gradient descent on sum (w.x - y)^2 + penalty |w|_1."""
    X, y, queries, step_size, penalty = _together(X, y, queries, also=(step_size, penalty))
    w = _zeros(X)
    threshold = step_size * penalty
    for _ in range(steps):
        v = w - (X.T @ (X @ w - y)) * (2 * step_size)
        w = _each(lambda e: _positive(e - threshold) - _positive(-e - threshold), v)
    return queries @ w


# -- iterated inverses --------------------------------------------------------------------------


def newton(X: Any, y: Any, queries: Any, iterations: int, alpha: Any) -> Any:
    """x^T M_k X^T y, M_0 = alpha S, M_k = 2 M_{k-1} - M_{k-1} S M_{k-1}, S = X^T X.

    M_k X^T = X^T P_k, where P_k is the same iteration for X X^T, which is smaller if n < d.
    """
    X, y, queries, alpha = _together(X, y, queries, also=(alpha,))
    n, d = X.shape
    if n < d:
        K = X @ X.T
        return queries @ (X.T @ (newton_matrix(K, iterations, K * alpha) @ y))
    S = X.T @ X
    return queries @ (newton_matrix(S, iterations, S * alpha) @ (X.T @ y))


def newton_matrix(S: Any, iterations: int, M: Any) -> Any:
    """M_k from M_0 = M."""
    M = np.array(M)
    for _ in range(iterations):
        _newton_step(M, S @ M)
    return M


def _newton_step(M: Any, SM: Any) -> None:
    """M becomes 2 M - M (S M), some rows at a time: of large matrices no other one is held."""
    for start in range(0, len(M), ROWS):
        rows = M[start : start + ROWS]
        rows[:] = 2 * rows - rows @ SM


def newton_carried(
    X: Any, y: Any, queries: Any, iterations: int, alpha: Any, start: str = "gram"
) -> Any:
    """Newton's iteration from alpha S ("gram"); 2^k gradient steps of size alpha ("identity")."""
    if start == "gram":
        return newton(X, y, queries, iterations, alpha)
    return preconditioned(X, y, queries, 2**iterations, alpha)


def hyperpower(X: Any, y: Any, queries: Any, iterations: int, alpha: Any) -> Any:
    """x^T M_k X^T y, M_0 = alpha I, M_k = M (3 I - 3 S M + (S M)^2)."""
    X, y, queries, alpha = _together(X, y, queries, also=(alpha,))
    S = X.T @ X
    M = _identity(X) * alpha
    for _ in range(iterations):
        SM = S @ M
        M = M @ (3 * _identity(X) - 3 * SM + SM @ SM)
    return queries @ (M @ (X.T @ y))


# -- probabilities, kernels and splines ---------------------------------------------------------


def logistic(
    X: Any, y: Any, queries: Any, steps: int, step_size: Any, pieces: int = 16, reach: int = 8
) -> Any:
    """Logistic regression by gradient descent, the sigmoid interpolated at 2 pieces + 1 knots.

    The knots lie at equal distances on [-reach, reach]; beyond them the value stays. At a positive
    knot it is the sigmoid's, rounded to 40 binary places, at 0 it is 1/2, and the rest by symmetry.
    """
    X, y, queries, step_size = _together(X, y, queries, also=(step_size,))
    one = X[0, 0] * 0 + 1
    values = [_ratio(value, one) for value in _sigmoid_values(pieces, reach)]

    def interpolated(m: Any) -> Any:
        if isinstance(m, np.ndarray):  # floats, all at once
            return np.interp(m, np.linspace(-reach, reach, 2 * pieces + 1), values).astype(m.dtype)
        total = values[0]
        for i, (below, above) in enumerate(zip(values, values[1:])):
            share = m * pieces / reach - (i - pieces)  # of the way from knot i to the next
            total = total + (above - below) * _at_most_one(_positive(share))
        return total

    return _logistic(X, y, queries, steps, step_size, interpolated)


@cache
def _sigmoid_values(pieces: int, reach: int) -> tuple[Fraction, ...]:
    """The sigmoid at the knots, from exponentials in 60 decimal digits."""
    decimals, upper = Context(prec=60), []
    for i in range(1, pieces + 1):
        power = decimals.exp(decimals.divide(Decimal(-reach * i), Decimal(pieces)))
        value = decimals.divide(Decimal(1), decimals.add(Decimal(1), power))
        upper.append(Fraction(round(Fraction(value) * 2**40), 2**40))
    return (*(1 - value for value in reversed(upper)), Fraction(1, 2), *upper)


def true_logistic(X: Any, y: Any, queries: Any, steps: int, step_size: Any) -> Any:
    """The same with the sigmoid itself; floats or balls."""
    X, y, queries, step_size = _together(X, y, queries, also=(step_size,))
    return _logistic(X, y, queries, steps, step_size, lambda m: 1 / (1 + exp(-m)))


def _logistic(X: Any, y: Any, queries: Any, steps: int, step_size: Any, sigmoid: Any) -> Any:
    w = _zeros(X)
    for _ in range(steps):
        w = w - (X.T @ (_each(sigmoid, X @ w) - y)) * step_size
    return _each(sigmoid, queries @ w)


def functional_descent(
    X: Any, y: Any, queries: Any, steps: int, rate: Any, attention: str = "linear"
) -> Any:
    """f <- f + rate sum_j (y_j - f(x_j)) h(<x_j, .>) from 0, h the identity, the ReLU or the
    exponential; `rate` may be one for each step."""
    X, y, queries, rates = _together(X, y, queries, also=(np.array(rate, dtype=object),))
    here, there = (scores(Z, X, attention) for Z in (X, queries))
    fit, prediction = y * 0, queries[:, 0] * 0
    for k in range(steps):
        error = (y - fit) * (rates[k] if np.ndim(rates) else rates)
        fit, prediction = fit + here @ error, prediction + there @ error
    return prediction


def scores(Z: Any, X: Any, attention: str) -> Any:
    """h(<x_j, z>) for every row z of Z and x_j of X (|Z|, |X|)."""
    functions = {"linear": lambda score: score, "relu": _positive, "exponential": exp}
    return _each(functions[attention], Z @ X.T)


def kernel_regression(
    X: Any, y: Any, queries: Any, steps: int, step_size: Any, kernel: str = "linear",
    features: Any = None, offsets: Any = None, temperature: Any = 1,
) -> Any:  # fmt: skip
    """Functional gradient descent with a kernel; "exponential" is divided by its sums over X."""
    X, y, queries, step_size, features, offsets, temperature = _together(
        X, y, queries, also=(step_size, features, offsets, temperature)
    )
    if kernel == "relu":
        shift = 0 if offsets is None else offsets
        X, queries = (_each(_positive, Z @ features.T + shift) for Z in (X, queries))
    here, there = (kernel_weights(Z, X, kernel, temperature) for Z in (X, queries))
    fit, prediction = y * 0, queries @ _zeros(X)
    for _ in range(steps):
        error = (y - fit) * step_size
        fit, prediction = fit + here @ error, prediction + there @ error
    return prediction


def kernel_weights(Z: Any, X: Any, kernel: str, temperature: Any) -> Any:
    """What x_j counts for at z, for every row z of Z and x_j of X (|Z|, |X|)."""
    scores = Z @ X.T
    if kernel != "exponential":
        return scores
    # a shift of a row's scores cancels; by its largest entry it keeps floats in range, and
    # what is no float needs none, nor has to be compared
    shift = scores[:, :1] if scores.dtype == object else scores.max(axis=-1, keepdims=True)
    powers = _each(exp, (scores - shift) / temperature)
    return powers / powers.sum(axis=-1, keepdims=True)


def spline_regression(
    X: Any, y: Any, queries: Any, basis: int, layers: int, alpha: Any, degree: int = 1
) -> Any:
    """Least squares on B-splines of degree 1 or more by (3^(layers-1) - 1)/2 steps."""
    X, y, queries, alpha = _together(X, y, queries, also=(alpha,))
    here, there = (spline_features(Z, basis, degree) for Z in (X, queries))
    return deep_descent(here, y, there, layers - 1, alpha)


def spline_features(Z: Any, basis: int, degree: int) -> Any:
    """Every B-spline (|Z|, basis) at the one number of each row of Z."""
    columns = [_each(lambda v, i=i: b_spline(v, i, degree, basis), Z[:, 0]) for i in range(basis)]
    return np.stack(columns, axis=1)


def b_spline(v: Any, i: int, degree: int, basis: int) -> Any:
    """B-spline number i of the degree on the knots (i - degree)/(basis - degree), at v.

    By Cox and de Boor's recursion from the hats of degree 1, which are continuous: balls that
    hold a knot are enclosed.
    """
    place = v * (basis - degree) - (i - degree)  # in knots from the spline's first one

    def value(place: Any, p: int) -> Any:
        if p == 1:
            return _positive(1 - _positive(place - 1) - _positive(1 - place))
        left, right = value(place, p - 1), value(place - 1, p - 1)
        return (place * left + (p + 1 - place) * right) / p

    return value(place, degree)


# -- reinforcement learning -----------------------------------------------------------------------


def temporal_differences(
    X: Any,
    y: Any,
    queries: Any,
    C: Any,
    gamma: Any = 1,
    decay: Any = 0,
    method: str = "td0",
    centred: bool = False,
    steps: int | None = None,
) -> Any:
    """Values <w, phi> of batch TD(lambda) from w = 0, one step w + C (sum_i delta_i e_i)/n for each
    matrix of C, or `steps` of them with the one matrix C; rows of X are (phi, phi'), y has the
    rewards, queries are phi.

    decay: lambda of the traces e_i = lambda e_{i-1} + phi_i. method "residual": phi_i -
    gamma phi'_i in their place. centred: of each reward the mean of those so far, itself included,
    is taken off.
    """
    X, y, queries, gamma, decay = _together(X, y, queries, also=(gamma, decay))
    d, n = queries.shape[1], len(X)
    now, following = X[:, :d], X[:, d:] * gamma
    w = queries[0] * 0
    (matrices,) = _together(X, also=(np.array(C, dtype=object),))[1:]
    for preconditioner in [matrices] * (steps or 0) if matrices.ndim == 2 else matrices:
        moved, trace, total = w * 0, w * 0, y[0] * 0
        for i in range(n):
            total = total + y[i]
            reward = y[i] - total / (i + 1) if centred else y[i]
            trace = trace * decay + now[i]
            along = now[i] - following[i] if method == "residual" else trace
            moved = moved + along * (reward + following[i] @ w - now[i] @ w)
        w = w + (preconditioner @ moved) / n
    return queries @ w


# -- a product ----------------------------------------------------------------------------------


def product_of_halves(_examples: Any, _targets: Any, queries: Any) -> Any:
    """The inner product of the first half of a query with the other one; it learns nothing."""
    (queries,) = _together(queries)
    half = queries.shape[1] // 2
    return (queries[:, :half] * queries[:, half:]).sum(axis=1)


# -- a computer of one command ------------------------------------------------------------------


def subleq(X: Any, y: Any, queries: Any, address: int, loops: int = 1) -> Any:
    """The words of memory after so many commands of a SUBLEQ machine, (n, d), 0 where commands are.

    Rows of X are a word of d bits, or a command of three addresses; the one query begins with the
    address of the next command. Bits are -1 and 1, the highest first; a row without a word has
    zeros there. Raises ValueError where that is no machine.
    """
    k, d = address, X.shape[1] - 4 * address
    is_word = [bool(row[0] != 0) for row in X]
    memory = [_signed(row[:d]) for row in X[: sum(is_word)]]
    commands = []
    for row in X[sum(is_word) :]:
        a, b, c = (_unsigned(row[d + i * k : d + (i + 1) * k]) for i in range(3))
        commands.append((a, b, c))
    if not all(is_word[: sum(is_word)]):
        raise ValueError("a word of memory stands behind a command")
    counter = _unsigned(queries[0, :k])
    for _ in range(loops):
        memory, counter = subleq_command(memory, commands, counter, d)
    made = X[:, :d] * 0
    for row, word in zip(made, memory, strict=False):
        row += np.array([2 * (word >> i & 1) - 1 for i in reversed(range(d))], dtype=int)
    return made


def _unsigned(bits: Any) -> int:
    return sum(2**i for i, bit in enumerate(reversed(bits)) if bit > 0)


def _signed(bits: Any) -> int:
    """In two's complement."""
    return _unsigned(bits) - (2 ** len(bits) if bits[0] > 0 else 0)


def subleq_command(
    memory: Sequence[int], commands: Sequence[tuple[int, int, int]], counter: int, bits: int
) -> tuple[list[int], int]:
    """Memory and counter after the one command (a, b, c) at the counter: mem[b] -= mem[a] in two's
    complement of so many bits; then c where mem[b] <= 0, else the next command.

    Addresses count the memory from 1 on, the commands after it. Raises ValueError for a counter
    that is no command's, or a and b that are not of memory.
    """
    size = len(memory)
    if not size < counter <= size + len(commands):
        raise ValueError(f"there is no command at {counter}, but at {size + 1} and later")
    a, b, c = commands[counter - size - 1]
    if not (1 <= a <= size and 1 <= b <= size):
        raise ValueError(f"command {a, b, c} points beyond the memory, 1 to {size}")
    changed = list(memory)
    half = 2 ** (bits - 1)
    changed[b - 1] = (memory[b - 1] - memory[a - 1] + half) % (2 * half) - half
    return changed, c if changed[b - 1] <= 0 else counter + 1


def induction_head(X: Any, y: Any, queries: Any) -> Any:
    """What followed the last earlier occurrence of each query, (m, d + 1): one-hot, the first for
    nothing. Rows of X and queries are one-hot words of one text; there are no y.
    """
    words = [*X, *queries]
    said = [next(i for i, entry in enumerate(word) if entry != 0) for word in words]
    made = np.concatenate([queries[:, :1], queries], axis=1) * 0
    for row, answer in zip(made, what_followed(said)[len(X) :], strict=True):
        row[0 if answer is None else answer + 1] += 1
    return made


def what_followed(words: Sequence[Any]) -> list[Any]:
    """For each word of a text the word after its last earlier occurrence, None if there is none."""
    seen: dict[Any, int] = {}
    answers = []
    for place, word in enumerate(words):
        answers.append(words[seen[word] + 1] if word in seen else None)
        seen[word] = place
    return answers
