"""The solved weights: values, freedom, and which ansätze have no solution."""

import numpy as np
import pytest
import sympy

from proofs import solve as ansatz
from proofs.solve import Gauge, NoSolutionError, impossible
from proofs.weights import depth, hyperpower, newton, sherman_morrison
from proofs.weights import gradient_descent as descent

SOLUTIONS = {
    "sum": lambda: descent.step("sum"),
    "sum ridge": lambda: descent.step("sum", ridge=True),
    "mean": lambda: descent.step("mean"),
    "mean ridge": lambda: descent.step("mean", ridge=True),
    "newton.initial": newton.initial,
    "newton.iteration": newton.iteration,
    "newton.readout": newton.readout,
    "relu pair": newton.relu_pair,
    "hat": newton.hat,
    "hyperpower": hyperpower.iteration,
    "hyperpower.initial": hyperpower.initial,
    "hyperpower.gram": lambda: hyperpower.initial("gram"),
    "register": sherman_morrison.update_matrix,
    "tokens": sherman_morrison.update_tokens,
    "depth": depth.iteration,
}


@pytest.fixture(params=SOLUTIONS, ids=str)
def solution(request):
    return SOLUTIONS[request.param]()


def test_the_representative_satisfies_its_equations(solution):
    assert solution.check()


def test_changing_any_weight_breaks_an_equation(solution):
    for unknown in solution.unknowns:
        changed = solution.weights[unknown.name] + sympy.Rational(1, 10**9)
        assert not solution.check({unknown.name: changed}), unknown


def test_every_member_of_every_family_satisfies_the_equations(solution):
    primes = dict(zip(solution.unknowns, sympy.primerange(2, 200), strict=False))
    for family in solution.families:
        weights = {u.name: e.subs(primes) for u, e in family.items()}
        assert solution.check(weights)


def test_the_steps_end_with_the_reason_of_each_gauge(solution):
    assert all(any(g.reason in line for line in solution.steps) for g in solution.gauge)


def test_newton_halves_minus_one_and_doubles():
    weights = newton.iteration().weights
    assert weights["value"] * weights["query"] * weights["key"] == sympy.Rational(-1, 2)
    assert weights["skip"] == 1


def test_newton_has_exactly_two_families_with_query_and_key_exchanged():
    on_t, on_x = newton.iteration().families
    query, query_x, key, key_t = sympy.symbols("query query_x key key_t")
    assert on_t[query_x] == on_t[key_t] == 0
    assert on_x[query] == on_x[key] == 0


def test_third_order_needs_one_head():
    weights = hyperpower.iteration().weights
    used = {name for name, value in weights.items() if value != 0}
    assert used == {"query_t", "key_x", "key_s", "value_t", "value_s", "skip_t", "skip_s"}


def test_ridge_weights_stay_finite_where_a_plain_layer_fails():
    weights = descent.step("sum", ridge=True).weights
    eta, lam = descent.eta, descent.lam
    at_critical = {name: e.subs({eta: sympy.Rational(1, 6), lam: 3}) for name, e in weights.items()}
    assert all(value.is_finite for value in at_critical.values())
    for loss, critical in (("sum", 1 / (2 * descent.lam)), ("mean", 1 / descent.lam)):
        found, unknowns = descent.equations_without_old(loss)
        numerators = [sympy.numer(sympy.together(e.subs(descent.eta, critical))) for e in found]
        assert impossible(numerators, unknowns)
        assert not impossible(found, unknowns)


def test_a_wrong_loss_is_named():
    with pytest.raises(ValueError, match="'sum' or 'mean'"):
        descent.step("max")


def test_an_impossible_ansatz_is_refused():
    a, b = sympy.symbols("a b")
    with pytest.raises(NoSolutionError):
        ansatz.solve("toy", "ab = 0 and ab = 1", (a, b), (a * b, a * b - 1), [])


def test_a_family_that_leaves_its_chart_is_noticed():
    a, b = sympy.symbols("a b")
    with pytest.raises(NoSolutionError, match="may be zero"):
        ansatz.solve("toy", "ab = 0", (a, b), (a * b,), [Gauge(a, sympy.Integer(1), "free")])


def test_unmentioned_freedom_is_noticed():
    a, b = sympy.symbols("a b")
    with pytest.raises(NoSolutionError, match="no gauge"):
        ansatz.solve("toy", "ab = 1", (a, b), (a * b - 1,), [])


def test_one_gradient_layer_in_plain_numbers():
    rng = np.random.default_rng(1)
    X, y, w = rng.standard_normal((6, 3)), rng.standard_normal(6), rng.standard_normal(3)
    eta, lam = 0.1, 5.0
    v = {
        k: float(e.subs({descent.eta: eta, descent.lam: lam}))
        for k, e in descent.step("sum", ridge=True).weights.items()
    }
    x = rng.standard_normal(3)
    fit = old = x @ w
    values = v["value_y"] * y + v["value_fit"] * (X @ w)
    fit = fit + values @ (X @ x) * v["query"] * v["key"]
    fit, old = fit + v["keep"] * fit + v["decay"] * old, old + v["copy"] * fit + v["forget"] * old
    expected = x @ (w - eta * (2 * X.T @ (X @ w - y) + 2 * lam * w))
    np.testing.assert_allclose([fit, old], expected)


@pytest.mark.parametrize("layers, steps", [(0, 0), (1, 1), (2, 4), (3, 13)])
def test_layers_of_tripling_in_plain_numbers_are_gradient_steps(layers, steps):
    rng = np.random.default_rng(2)
    X, y, x = rng.standard_normal((4, 2)), rng.standard_normal(4), rng.standard_normal(2)
    alpha = 0.07
    v = {k: float(e.subs(depth.alpha, alpha)) for k, e in depth.iteration().weights.items()}
    tokens, targets = np.vstack([X, x]), np.append(y, 0.0)
    g, s, fit = np.zeros_like(tokens), np.zeros_like(tokens), np.zeros(len(tokens))
    n = len(X)

    def head(query, key, value):
        return query @ (key[:n].T @ value[:n])

    for _ in range(layers):
        key = v["key_x"] * tokens + v["key_s"] * s
        value = v["value_g"] * g + v["value_s"] * s
        query = v["fit_x"] * tokens + v["fit_s"] * s
        far = v["far_x"] * tokens + v["far_s"] * s
        line = v["line_x"] * tokens + v["line_g"] * g + v["line_s"] * s
        read_g = head(v["g_query"] * g, key, value) + head(v["square_g"] * g, tokens, tokens)
        read_s = head(v["s_query"] * s, key, value) + head(line, tokens, tokens)
        read_fit = head(query, g, v["near_y"] * targets + v["near_fit"] * fit)
        read_fit = read_fit + head(query, far, v["last_y"] * targets + v["last_fit"] * fit)
        g = (1 + v["skip"]) * (g + read_g) + v["lift"] * tokens
        s, fit = s + read_s, fit + read_fit
    w = np.zeros(2)
    for _ in range(steps):
        w = w - alpha * X.T @ (X @ w - y)
    assert depth.steps(layers) == steps
    np.testing.assert_allclose(fit[-1], x @ w, rtol=1e-9, atol=1e-12)


def test_the_hat_is_one_at_zero_only():
    v = newton.hat().weights
    for u in range(-4, 5):
        total = sum(
            v[f"value_{part}"] * max(0, u + v[f"shift_{part}"])
            for part in ("plus", "zero", "minus")
        )
        assert total == (u == 0)


def test_sherman_morrison_inverts_on_both_sides():
    assert sherman_morrison.inverts()
