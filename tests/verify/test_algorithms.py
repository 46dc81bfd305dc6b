"""The references agree with other libraries and with each other, and are exact on fractions."""

from __future__ import annotations

import inspect
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import constructions
from constructions.numbers.ball import precision
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


@pytest.mark.parametrize(("n", "d"), [(2, 4), (3, 3), (4, 2)])
def test_newton_on_few_examples_is_newton_on_many(n, d):
    rng = np.random.default_rng(0)
    X, y, queries = fractions(*(rng.integers(-4, 5, s) for s in ((n, d), n, (2, d))))
    M = (S := X.T @ X) * Fraction(1, 50)
    for _ in range(3):
        M = 2 * M - M @ S @ M
    made = algorithms.newton(X, y, queries, 3, Fraction(1, 50))
    assert list(made) == list(queries @ M @ X.T @ y)


def test_newton_holds_three_large_matrices():
    """S, M and S M; what is read is left as it is."""
    rng = np.random.default_rng(0)
    S = rng.standard_normal((640, 640)) / 25
    S = S.T @ S / 8
    start = S * 0.5
    before = start.copy()
    tracemalloc.start()
    try:
        held = tracemalloc.get_traced_memory()[0]
        M = algorithms.newton_matrix(S, 3, start)
        peak = (tracemalloc.get_traced_memory()[1] - held) / S.nbytes
    finally:
        tracemalloc.stop()
    want = before
    for _ in range(3):
        want = 2 * want - want @ S @ want
    assert np.array_equal(start, before) and np.allclose(M, want, rtol=1e-9, atol=1e-12)
    assert peak < 2.5  # M and S M, and the rows that are made


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


# -- the arithmetic of the inputs -----------------------------------------------------------------

Settings = Callable[[float, float, int], dict[str, Any]]

# from the least and largest eigenvalue of X^T X and n: parameters inside the region of convergence
INSIDE: dict[str, Settings] = {
    "gradient_descent": lambda low, top, n: {"steps": 60, "step_size": 0.9 / top},
    "one_pass_sgd": lambda low, top, n: {"step_size": 0.5 / top, "ridge": 0.25},
    "deep_descent": lambda low, top, n: {"layers": 4, "alpha": 1.8 / top},
    "preconditioned": lambda low, top, n: {"steps": 60, "step_size": 1.8 / top},
    "momentum": lambda low, top, n: {"steps": 60, "step_size": 1 / top, "momentum": 0.75},
    "chebyshev": lambda low, top, n: {"steps": 60, "lowest": low / 2, "highest": top * 1.01},
    "minimax_descent": lambda low, top, n: {"layers": 4, "largest": top * 1.01},
    "gd_plus_plus": lambda low, top, n: {"steps": 60, "step_size": 0.5 / top, "gamma": 0.5 / top},
    "lasso": lambda low, top, n: {"steps": 60, "step_size": 0.4 / top, "penalty": 0.5},
    "newton": lambda low, top, n: {"iterations": 30, "alpha": 1 / top**2},
    "hyperpower": lambda low, top, n: {"iterations": 15, "alpha": 1 / top},
    "newton_carried": lambda low, top, n: {
        "iterations": 6, "alpha": 1 / top, "start": "identity",
    },
    "sherman_morrison": lambda low, top, n: {"ridge": 0.25},
    "ridge": lambda low, top, n: {"ridge": 0.25},
    "bayes_ridge": lambda low, top, n: {"noise": 0.5, "prior": 2.0},
    "least_squares": lambda low, top, n: {},
    "logistic": lambda low, top, n: {"steps": 10, "step_size": 1 / top},
    "kernel_regression": lambda low, top, n: {"steps": 20, "step_size": 1 / top},
}  # fmt: skip
# these invert S, or nearly, so that its condition multiplies every rounding
INVERT = {"newton", "hyperpower", "ridge", "least_squares"}
EPS = 2.0**-52


def balls(a: Any) -> Any:
    from flint import arb

    return np.vectorize(arb, otypes=[object])(a)


def middles(values: Any) -> np.ndarray:
    return np.array([float(value.mid()) for value in values.ravel()]).reshape(values.shape)


def spread(X: np.ndarray) -> tuple[float, float]:
    """The least and the largest eigenvalue of X^T X."""
    values = np.linalg.svd(X, compute_uv=False) ** 2
    return float(values[-1]), float(values[0])


@cache
def standardised() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """40 examples and 2 queries of scikit-learn's diabetes table, every column of variance 1."""
    from sklearn.datasets import load_diabetes

    loaded = load_diabetes()
    X = (loaded.data - loaded.data.mean(axis=0)) / loaded.data.std(axis=0)
    y = (loaded.target - loaded.target.mean()) / loaded.target.std()
    return X[:40], y[:40], X[40:42]


def rounding(
    function: Any,
    X: np.ndarray,
    y: np.ndarray,
    queries: np.ndarray,
    parameters: dict[str, Any],
    condition: float,
) -> tuple[np.ndarray, np.ndarray]:
    """The predictions in balls, and what float64 may be off from them.

    Every step and every sum of n or d products rounds relative to the iterates, whose size is read
    off in balls: the weights (the predictions at the unit vectors) after each number of steps.
    """
    with precision(2048):
        given = [balls(part) for part in (X, y, queries)]
        found = function(*given, **parameters)
        assert all(value.rad() < 1e-30 for value in found)
        key = next((k for k in ("steps", "iterations", "layers") if k in parameters), None)
        counts = range(1, parameters[key] + 1, 6) if key else (None,)
        pulled = (np.abs(queries) @ np.abs(X.T) @ np.abs(y)).max()  # before anything cancels
        sizes = [np.abs(middles(found)).max(), pulled / spread(X)[1]]
        if function.__name__ != "logistic":  # whose predictions are no multiples of a query
            unit = balls(np.eye(X.shape[1]))
            for count in counts:
                changed = parameters if count is None else parameters | {key: count}
                weights = middles(function(given[0], given[1], unit, **changed))
                sizes.append((np.abs(queries) @ np.abs(weights)).max())
            for seen in range(1, len(X)) if function.__name__ == "one_pass_sgd" else ():
                weights = middles(function(given[0][:seen], given[1][:seen], unit, **parameters))
                sizes.append((np.abs(queries) @ np.abs(weights)).max())
        if function.__name__ == "bayes_ridge":  # weights of examples, not of columns
            sizes.append(pulled * parameters["prior"] / parameters["noise"])
        rounds = 3 ** parameters["layers"] if key == "layers" else parameters.get(key or "", 1)
    if function.__name__ in ("chebyshev", "minimax_descent"):
        rounds *= rounds  # an error in step j is multiplied by U_{k-j}, at most k - j + 1
    allowed = EPS * (4 * rounds + len(X) + X.shape[1]) * max(sizes) * condition
    return middles(found), np.full(len(queries), allowed)


def condition(name: str, X: np.ndarray) -> float:
    """Of the matrix that the algorithm inverts, or of what it subtracts from a multiple of I."""
    low, top = spread(X)
    given_ = INSIDE[name](low, top, len(X))
    if name == "bayes_ridge":
        return 1 + top * given_["prior"] / given_["noise"]
    if name == "sherman_morrison":
        return 1 + top / given_["ridge"]
    return top / low if name in INVERT else 1.0


@pytest.mark.parametrize("name", INSIDE)
def test_floats_agree_with_balls_on_a_real_table(name):
    X, y, queries = standardised()
    if name == "logistic":
        y = (y > 0).astype(float)
    parameters = INSIDE[name](*spread(X), len(X))
    function = getattr(algorithms, name)
    want, allowed = rounding(function, X, y, queries, parameters, condition(name, X))
    got = function(X, y, queries, **parameters)
    assert got.dtype == np.float64
    assert (np.abs(got - want) <= allowed).all()
    assert allowed.max() < 1e-6  # the tolerance says something


@pytest.mark.parametrize(
    ("name", "changed"), [(n, k) for n, make in INSIDE.items() for k in make(1.0, 2.0, 3)]
)
def test_a_parameter_that_is_slightly_off_is_seen(name, changed):
    """The tolerance lets rounding pass and nothing else: a changed parameter exceeds it."""
    X, y, queries = standardised()
    parameters = INSIDE[name](*spread(X), len(X))
    value = parameters[changed]
    if isinstance(value, str):
        return
    function = getattr(algorithms, name)
    want, allowed = rounding(function, X, y, queries, parameters, condition(name, X))
    slightly = 1e-5 if name == "bayes_ridge" else 1e-8  # its matrix has a condition of thousands
    off = value + 1 if isinstance(value, int) else value * (1 + slightly)
    got = function(X, y, queries, **parameters | {changed: off})
    converged = {("newton", "iterations"), ("newton", "alpha"), ("hyperpower", "iterations"),
                 ("hyperpower", "alpha")}  # fmt: skip
    assert (np.abs(got - want) > allowed).any() == ((name, changed) not in converged)


@settings(max_examples=100)
@given(
    name=st.sampled_from(sorted(INSIDE)),
    d=st.integers(1, 4),
    more=st.integers(0, 6),
    m=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_floats_agree_with_balls_on_any_prompt(name, d, more, m, seed):
    rng = np.random.default_rng(seed)
    n = d + more
    X = rng.standard_normal((n, d)) + 2 * np.eye(n, d)
    y, queries = rng.uniform(0, 1, n), rng.standard_normal((m, d))
    parameters = INSIDE[name](*spread(X), n)
    function = getattr(algorithms, name)
    want, allowed = rounding(function, X, y, queries, parameters, condition(name, X))
    assert (np.abs(function(X, y, queries, **parameters) - want) <= allowed).all()


def polynomial(line: list[Any], k: int) -> list[Any]:
    """The coefficients of T_k(line[0] + line[1] s), as they are taught."""
    before: list[Any] = [line[0] * 0 + 1]
    now = list(line)
    for _ in range(1, k):
        twice = [2 * (line[0] * a + line[1] * b) for a, b in zip([*now, 0], [0, *now])]
        before, now = now, [a - b for a, b in zip(twice, [*before, 0, 0])]
    return now


def by_coefficients(X: Any, y: Any, queries: Any, p: list[Any]) -> Any:
    """x^T (1 - p(S)/p(0))/S X^T y by Horner's rule."""
    w = X[0] * 0
    for c in reversed(p[1:]):
        w = X.T @ (X @ w) - X.T @ y * (c / p[0])
    return queries @ w


def chebyshev_coefficients(k: int, low: Any, top: Any) -> list[Any]:
    return polynomial([(top + low) / (top - low), Fraction(-2) / (top - low)], k)


@settings(max_examples=30)
@given(
    d=st.integers(1, 3), n=st.integers(1, 3), m=st.integers(1, 2), k=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_chebyshev_and_minimax_descent_leave_their_polynomials(d, n, m, k, seed):
    given_ = prompt(d, n, m, seed)
    low, top, layers = Fraction(1, 3), Fraction(9, 2), min(k, 2)
    want = by_coefficients(*given_, chebyshev_coefficients(k, low, top))
    assert list(algorithms.chebyshev(*given_, k, low, top)) == list(want)
    # T_j(z)/z is even in z: its coefficients in s = top z^2
    even = polynomial([Fraction(0), Fraction(1)], 3**layers)[1::2]
    want = by_coefficients(*given_, [c / top**power for power, c in enumerate(even)])
    assert list(algorithms.minimax_descent(*given_, layers, top)) == list(want)


def test_coefficients_in_floats_would_fail_on_the_real_table():
    X, y, queries = standardised()
    parameters = INSIDE["chebyshev"](*spread(X), len(X))
    want, allowed = rounding(algorithms.chebyshev, X, y, queries, parameters, 1.0)
    p = chebyshev_coefficients(parameters["steps"], parameters["lowest"], parameters["highest"])
    assert (np.abs(by_coefficients(X, y, queries, p) - want) > 1e6 * allowed).all()


def prompt(d: int, n: int, m: int, seed: int, whole: bool = False) -> list[np.ndarray]:
    """X, y and queries of fractions, or of whole numbers."""
    rng = np.random.default_rng(seed)
    made = []
    for shape in ((n, d), (n,), (m, d)):
        entries = rng.integers(-6, 7, shape)
        below = 1 if whole else rng.integers(1, 5, shape)
        entry = np.vectorize(lambda a, b: Fraction(int(a), int(b)), otypes=[object])
        made.append(entries if whole else entry(entries, below))
    return made


EXACT: dict[str, dict[str, Any]] = {
    "gradient_descent": {"steps": 2, "step_size": 3, "ridge": 1, "w0": None},
    "one_pass_sgd": {"step_size": 3, "ridge": 1},
    "deep_descent": {"layers": 2, "alpha": 3},
    "preconditioned": {"steps": 2, "step_size": 3},
    "momentum": {"steps": 2, "step_size": 3, "momentum": 5},
    "chebyshev": {"steps": 3, "lowest": 1, "highest": 4},
    "minimax_descent": {"layers": 1, "largest": 3},
    "gd_plus_plus": {"steps": 2, "step_size": 3, "gamma": 1},
    "lasso": {"steps": 2, "step_size": 3, "penalty": 1},
    "newton": {"iterations": 2, "alpha": 3},
    "hyperpower": {"iterations": 2, "alpha": 3},
    "newton_carried": {"iterations": 2, "alpha": 3, "start": "identity"},
    "sherman_morrison": {"ridge": 3},
    "ridge": {"ridge": 3},
    "bayes_ridge": {"noise": 3, "prior": 7},
    "selection": {"validation": 1, "ridges": (1, 50)},
    "least_squares": {},
    "logistic": {"steps": 2, "step_size": 3, "pieces": 3, "reach": 2},
    "functional_descent": {"steps": 2, "rate": 3, "attention": "relu"},
    "kernel_regression": {"steps": 2, "step_size": 3},
    "spline_regression": {"basis": 4, "layers": 2, "alpha": 3, "degree": 2},
}
ONLY_FLOATS_AND_BALLS = {"true_logistic"}
PARTS = {"subleq_command", "what_followed", "solve", "newton_matrix", "gradient", "exp", "b_spline",
         "scores", "kernel_weights", "spline_features", "product_of_halves"}  # fmt: skip
# of prompts of another kind; tested with their papers
OF_PAPERS = {name for name in constructions.names() if not constructions.get(name).is_regression}


def references() -> set[str]:
    """Every public function of the module."""
    found = inspect.getmembers(algorithms, inspect.isfunction)
    return {name for name, f in found if name[0] != "_" and f.__module__ == algorithms.__name__}


def test_every_reference_is_put_to_these_tests():
    assert references() == {*EXACT, *ONLY_FLOATS_AND_BALLS, *PARTS, *OF_PAPERS}


@settings(max_examples=200)
@given(
    name=st.sampled_from(sorted(EXACT)), d=st.integers(1, 3), n=st.integers(2, 4),
    m=st.integers(1, 3), seed=st.integers(0, 2**32 - 1), whole=st.booleans(), floats=st.booleans(),
)  # fmt: skip
def test_what_is_exact_stays_exact(name, d, n, m, seed, whole, floats):
    """Fractions or whole numbers in, fractions out, and float parameters are taken exactly."""
    X, y, queries = prompt(1 if name == "spline_regression" else d, n, m, seed, whole)
    counts = {"steps", "iterations", "layers", "validation", "basis", "degree", "pieces", "reach"}
    given_ = {
        key: 0.3 + value if floats and key not in counts and isinstance(value, int) else value
        for key, value in EXACT[name].items()
    }
    function = getattr(algorithms, name)
    try:
        found = function(X, y, queries, **given_)
    except ZeroDivisionError:
        assert name == "selection"  # of two equal errors
        return
    assert found.shape == (m,)
    assert {type(value) for value in found} == {Fraction}
    exactly = {
        key: Fraction(value) if isinstance(value, float) else value for key, value in given_.items()
    }
    again = function(*(np.vectorize(Fraction, otypes=[object])(a) for a in (X, y, queries)),
                     **exactly)  # fmt: skip
    assert list(found) == list(again)


def test_the_mean_loss_divides_exactly():
    X, y = np.array([[1], [1], [1]]), np.array([1, 0, 0])
    assert list(algorithms.gradient(X, y, np.array([0]), loss="mean")) == [Fraction(-1, 3)]


@pytest.mark.parametrize("name", ["true_logistic", "kernel_regression"])
def test_exponentials_of_fractions_are_refused(name):
    X, y, queries = prompt(2, 3, 1, 0)
    given_ = {"kernel": "exponential"} if name == "kernel_regression" else {}
    with pytest.raises(TypeError, match="no exponential"):
        getattr(algorithms, name)(X, y, queries, 1, 1, **given_)


def test_floats_keep_their_format():
    X, y, queries = (part.astype(np.float32) for part in standardised())
    for name in ("gradient_descent", "chebyshev", "ridge", "lasso"):
        parameters = INSIDE[name](*spread(X), len(X))
        assert getattr(algorithms, name)(X, y, queries, **parameters).dtype == np.float32


# -- what balls cannot tell ----------------------------------------------------------------------


def test_balls_that_hold_a_knot_are_enclosed():
    from flint import arb

    with precision(64):
        y, query = balls(np.array([1.0, 0.0])), balls(np.array([[1.0]]))
        wide = np.array([[arb(0.5, 0.01)], [arb(1)]], dtype=object)
        for name, given_ in (
            ("spline_regression", {"basis": 3, "layers": 2, "alpha": 0.5, "degree": 2}),
            ("spline_regression", {"basis": 3, "layers": 2, "alpha": 0.5, "degree": 1}),
            ("logistic", {"steps": 2, "step_size": 1, "pieces": 2, "reach": 1}),
        ):
            function = getattr(algorithms, name)
            (found,) = function(wide, y, query, **given_)
            for inside in (0.49, 0.5, 0.51):
                (value,) = function(balls(np.array([[inside], [1.0]])), y, query, **given_)
                assert found.overlaps(value)
                assert found.rad() < 1


def test_a_rank_that_balls_leave_open_is_an_error():
    from flint import arb

    X = np.array([[arb(1), arb(1)], [arb(1), arb(1, 1e-9)]], dtype=object)
    with pytest.raises(ZeroDivisionError, match="rank"):
        algorithms.least_squares(X, balls(np.ones(2)), X[:1])


def test_a_choice_that_balls_leave_open_is_an_error():
    from flint import arb

    X = np.array([[arb(1, 0.5)], [arb(1, 0.5)], [arb(1)]], dtype=object)
    with pytest.raises(ZeroDivisionError, match="cannot tell"):
        algorithms.selection(X, balls(np.ones(3)), X[2:], 1, (1, 1.01))


def test_a_pivot_that_may_be_zero_is_an_error_and_a_tiny_one_is_not():
    from flint import arb

    with pytest.raises(ZeroDivisionError):
        algorithms.solve(np.array([[arb(0, 1)]], dtype=object), balls(np.ones(1)))
    tiny = np.array([[arb(2) ** -3000]], dtype=object)  # 0 as a float
    (value,) = algorithms.solve(tiny, tiny[0])
    assert value == 1


# -- two definitions of the same ------------------------------------------------------------------


def test_the_knots_of_the_sigmoid_are_those_of_the_witness():
    from proofs.weights.piecewise_linear import sigmoid_table

    for pieces, reach in [*((p, r) for p in range(1, 20) for r in (1, 3, 8)), (41, 12), (121, 30)]:
        values = tuple(value for _, value in sigmoid_table(pieces, reach))
        assert values == algorithms._sigmoid_values(pieces, reach), (pieces, reach)


def test_b_splines_are_scipys_and_sum_to_one():
    from scipy.interpolate import BSpline

    for degree, basis in ((1, 2), (1, 5), (2, 3), (2, 6), (3, 6)):
        knots = np.arange(-degree, basis + 1) / (basis - degree)
        places = np.linspace(0, 1, 41)[:-1]
        made = np.array(
            [[algorithms.b_spline(v, i, degree, basis) for i in range(basis)] for v in places]
        )
        want = BSpline.design_matrix(places, knots, degree).toarray()
        # each level of the recursion rounds four times, and divides rounded knots by their distance
        rounding = degree * (4 + 2 * basis) * np.finfo(float).eps
        np.testing.assert_allclose(made, want, rtol=0, atol=rounding)
        np.testing.assert_allclose(made.sum(axis=1), 1, rtol=0, atol=basis * rounding)
