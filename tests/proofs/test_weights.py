"""The solved weights: values, freedom, and which ansätze have no solution."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import sympy

import constructions
from constructions.algorithms.descent import gradient_descent as descent
from constructions.algorithms.inverse import newton
from proofs import solve as ansatz
from proofs.argument import Argument
from proofs.formula import latex
from proofs.slotmap import slot_map
from proofs.solve import Gauge, NoSolutionError, impossible
from proofs.template import Induction, Template
from proofs.weights import relu

PROVED = [
    one for name in constructions.names() for one in getattr(constructions.get(name), "proved", ())
]
TEMPLATES = {
    template.name: template
    for one in PROVED
    for template in (one.templates.values() if isinstance(one, Induction) else (one,))
    if isinstance(template, Template) and template.unknowns
}
SOLUTIONS: dict[str, Callable[[], ansatz.Solution]] = {
    **{name: partial(getattr, template, "solution") for name, template in TEMPLATES.items()},
    "relu pair": relu.pair,
    "hat": relu.hat,
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
    weights = TEMPLATES["newton.iteration"].weights
    assert weights["value"] * weights["query"] * weights["key"] == sympy.Rational(-1, 2)
    assert weights["skip"] == 1


def test_newton_has_exactly_two_families_with_query_and_key_exchanged():
    on_t, on_x = TEMPLATES["newton.iteration"].solution.families
    query, query_x, key, key_t = sympy.symbols("query query_x key key_t")
    assert on_t[query_x] == on_t[key_t] == 0
    assert on_x[query] == on_x[key] == 0


def test_a_template_that_names_no_free_weight_has_query_and_key_at_one():
    solution = TEMPLATES["newton.iteration"].solution
    query, key = sympy.symbols("query key")
    assert {gauge.symbol: gauge.value for gauge in solution.gauge} == {query: 1, key: 1}


def test_a_head_whose_value_is_fixed_has_no_scale_to_choose():
    (layer,) = TEMPLATES["newton.initial"].with_letters
    (head,) = layer.heads
    fixed = replace(head, value=slot_map(("t", "x", 3)))
    assert not replace(
        TEMPLATES["newton.initial"], layers=(replace(layer, heads=(fixed,)),)
    ).normalised


def test_an_induction_says_what_its_templates_hold_and_become():
    assert newton.PREDICTION.statement == (
        r"k + 2 \text{ layers: } p_t = w_k^\top x_t,\ w_k = M_k X^\top y,\ M_0 = \alpha S,\ "
        r"M_{k+1} = 2 M_k - M_k S M_k\quad\text{for every } k, n, d"
    )
    another = replace(newton.STEP, becomes={"T": "3*T"})
    changed = newton.PREDICTION.templates | {"iteration": another}
    assert r"M_{k+1} = 3 M_k\quad" in replace(newton.PREDICTION, templates=changed).statement
    assert newton.STEP.statement == (
        r"t_t = T x_t \;\mapsto\; t_t = T' x_t,\ T' = 2 T - T S T\quad\text{for every symmetric } T"
    )


@pytest.mark.parametrize(("formula", "said"), [
    ("(a + b)*(c - d)", r"\left(a + b\right) \left(c - d\right)"),
    ("a - (b - c)", r"a - \left(b - c\right)"), ("(a*b).T", r"\left(a b\right)^\top"),
    ("-(a + b)/2", r"\frac{-\left(a + b\right)}{2}"),
    ("relu(alpha - w1)", r"\mathrm{relu}(\alpha - w_{1})"), ("a*(-b)", r"a \left(-b\right)"),
])  # fmt: skip
def test_a_formula_in_latex_keeps_its_parentheses(formula, said):
    assert latex(formula) == said


def test_third_order_needs_one_head():
    weights = TEMPLATES["hyperpower.iteration"].weights
    used = {name for name, value in weights.items() if value != 0}
    assert used == {"query_t", "key_x", "key_s", "value_t", "value_s", "skip_t", "skip_s"}


def test_ridge_weights_stay_finite_where_a_plain_layer_fails():
    weights = descent.STEPS["sum", True].weights
    eta, lam = descent.eta, descent.lam
    at_critical = {name: e.subs({eta: sympy.Rational(1, 6), lam: 3}) for name, e in weights.items()}
    assert all(value.is_finite for value in at_critical.values())
    for loss, critical in (("sum", 1 / (2 * descent.lam)), ("mean", 1 / descent.lam)):
        found, unknowns = descent.WITHOUT_OLD[loss].conditions, descent.WITHOUT_OLD[loss].unknowns
        numerators = [sympy.numer(sympy.together(e.subs(descent.eta, critical))) for e in found]
        assert impossible(numerators, unknowns)
        assert not impossible(found, unknowns)


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


def test_conditions_that_are_sums_of_others_change_no_solution():
    a, b, c = sympy.symbols("a b c")
    few = [a * b - 1, b * c + a - 3, a - 2]
    many = [*few, -few[0], few[0] + 2 * few[1], few[1] - few[2] / 3]
    assert ansatz.branches(many, [a, b, c]) == ansatz.branches(few, [a, b, c])
    assert ansatz.branches(few, [a, b, c]) == [{a: 2, b: sympy.Rational(1, 2), c: 2}]
    assert ansatz.branches([*many, b - 1], [a, b, c]) == []


def test_an_unknown_that_is_forced_is_found_in_terms_of_the_letters_that_are_free():
    a, b, c, d = sympy.symbols("a b c d")
    found = ansatz.branches([a * b - c, b * d + a], [b, d])
    assert found == [{b: c / a, d: -(a**2) / c}]
    assert ansatz.branches([a * b - c, a * b + c], [b]) == []


def test_of_a_product_that_has_to_be_zero_the_one_factor_is_that_can_be(monkeypatch):
    a, b, c, d = sympy.symbols("a b c d")
    either = ansatz.branches([a * b, b * c, (a - 1) * (c - 1)], [a, b, c])
    assert {a: 1, b: 0, c: c} in [{u: one.get(u, u) for u in (a, b, c)} for one in either]
    assert len(either) > 1  # a = 1 or c = 1
    monkeypatch.setattr(sympy, "solve", None)  # which would import all units of physics for this
    assert ansatz.branches([a * b * d, a * c - d], [a, b]) == [{a: d / c, b: 0}]
    assert ansatz.branches([a * b, a * c + b - 1, a * d], [a, b]) == [{a: 0, b: 1}]
    assert ansatz.branches([a * b, a * b + a + b - 1, a * c + b * c], [a, b]) == []


def test_a_factor_that_cannot_be_zero_is_not_and_nothing_is_divided_by_zero():
    a, b, c = sympy.symbols("a b c")
    for positive in (sympy.Symbol("p", positive=True), sympy.Symbol("p", nonzero=True)):
        with pytest.raises(NoSolutionError):
            ansatz.solve("t", "s", (positive, b), [positive * b, b**2 - 1], [])
    assert ansatz.branches([a * b, c / a - 1], [a, b, c]) == [{a: c, b: 0}]


def test_a_condition_on_what_is_no_unknown_is_not_left_out():
    u, v, g, p = sympy.symbols("u v g p")
    free = [Gauge(g, sympy.Integer(1), "free")]
    conditions = [g * v, g - u**2 - 1, g - 1 + v, g * p - 1]  # v = 0, so that g = 1 is asked for
    with pytest.raises(NoSolutionError):
        ansatz.solve("t", "s", (u, v, g, p), conditions, free)
    assert ansatz.branches([g * v - v, 2 - v, u**2 + u * v], [u, v]) == []
    assert ansatz.branches([g * v - v, 2 - v, u**2 + u * v], [u, v, g]) == [
        {v: 2, g: 1, u: -2}, {v: 2, g: 1, u: 0}
    ]  # fmt: skip


def test_what_is_zero_however_it_is_written_makes_no_system_impossible():
    a, u = sympy.symbols("a u")
    for nothing in (
        1 / (a + 1) + a / (a + 1) - 1,
        sympy.sqrt(5 + 2 * sympy.sqrt(6)) - sympy.sqrt(2) - sympy.sqrt(3),
    ):
        assert not impossible([u - 1, nothing], [u])
        assert impossible([u - 1, nothing + 1], [u])
    assert not impossible([u, 0], [u]) and impossible([u, 1], [u])


def test_a_system_without_a_zero_is_impossible_whether_letters_are_zero_or_not():
    a, b = sympy.symbols("a b")
    assert impossible([a * b - 1, a], [a, b]) and not impossible([a * b - b, a], [a, b])
    assert impossible([a * b - 1, a + a * b, a], [a, b])
    assert impossible([a**2 - 1, a - 2], [a]) and not impossible([a**2 - 1, a - 1], [a])
    assert not impossible([], [a])


def test_one_gradient_layer_in_plain_numbers():
    rng = np.random.default_rng(1)
    X, y, w = rng.standard_normal((6, 3)), rng.standard_normal(6), rng.standard_normal(3)
    eta, lam = 0.1, 5.0
    v = {
        k: float(e.subs({descent.eta: eta, descent.lam: lam}))
        for k, e in descent.STEPS["sum", True].weights.items()
    }
    x = rng.standard_normal(3)
    fit = old = x @ w
    values = v["value_y"] * y + v["value_fit"] * (X @ w)
    fit = fit + values @ (X @ x) * v["query"] * v["key"]
    fit, old = fit + v["keep"] * fit + v["decay"] * old, old + v["copy"] * fit + v["forget"] * old
    expected = x @ (w - eta * (2 * X.T @ (X @ w - y) + 2 * lam * w))
    np.testing.assert_allclose([fit, old], expected)


def test_the_hat_is_one_at_zero_only():
    v = relu.hat().weights
    for u in range(-4, 5):
        total = sum(
            v[f"value_{part}"] * max(0, u + v[f"shift_{part}"])
            for part in ("plus", "zero", "minus")
        )
        assert total == (u == 0)


def test_a_template_whose_layer_changes_another_slot_is_not_proved():
    from constructions.algorithms.inverse.newton import STEP
    from constructions.notation import linear_mlp

    (layer,) = STEP.at()
    also_y = linear_mlp(("t", "t", 1), ("y", "y", 1))
    argument = Argument()
    replace(STEP, layers=(replace(layer, mlp=also_y),)).argue(argument, {})
    assert argument.failed is not None and "y is left alone" in argument.failed


def test_a_part_that_layers_have_in_common_is_one_part_of_the_witness():
    made = constructions.build("sherman_morrison", d=3, examples=4, ridge=1)
    renewing = {id(layer.mlp) for layer in made.layer_list if layer.name.startswith("update")}
    assert len(renewing) == 1
    other = constructions.build("sherman_morrison", d=2, examples=4, ridge=1)
    assert other.layer_list[1].mlp.letters != made.layer_list[1].mlp.letters
