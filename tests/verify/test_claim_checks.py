"""What the claims are checked by passes what is right and refutes what is slightly wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction as F
from functools import partial
from typing import Any

import numpy as np
import pytest
import sympy
from changes import built_as, every_head, every_value
from hypothesis import strategies as st

import constructions
from constructions.numbers.ball import Ball
from constructions.papers import vonoswald2022 as vonoswald
from constructions.papers.akyurek2022 import chains as paper
from constructions.papers.akyurek2022.exact import exact_layer
from constructions.papers.akyurek2022.layers import Constants
from constructions.papers.fu2023.statements import eq30
from constructions.parts import scaled
from constructions.witness import Witness
from proofs.calculus import spectral
from proofs.weights.gelu_product import bound, closed_form, weights
from verify import Claim, algorithms, engine
from verify.checks import search
from verify.checks.bounds import balls, certified, chains, exact_operations, gelu, operations
from verify.checks.residual import leaves
from verify.checks.statements import counts, formula, slots_hold, theorem
from verify.claim import Budget, CheckResult, Promise, registered
from verify.claims import vonoswald2022
from verify.claims.akyurek2022 import approximations, equations, precision, primitives, theorems
from verify.claims.fu2023 import algorithm as newton
from verify.claims.fu2023 import layers as fu2023
from verify.claims.fu2023 import theorem as theorem51
from verify.claims.ours import derived
from verify.claims.ours import primitives as own_primitives
from verify.claims.ours.features import falls_as_fast
from verify.quality.mutants import sites, with_head, with_layer
from verify.strategies import Case

QUICK = Budget(quick=True, cases=20)
Build = Callable[..., Witness]

# -- what is wrong ----------------------------------------------------------------------------


def flipped(witness: Witness) -> Witness:
    """A value negated in the last layer."""
    last = witness.layer_list[-1]
    return with_layer(
        witness, witness.layers - 1, with_head(last, 0, value=scaled(last.heads[0].value, -1))
    )


def slightly_off(witness: Witness) -> Witness:
    """The first outer weight of the only MLP times 1 + 1e-6."""
    (outer,) = (site for site in sites(witness) if site.part == "outer")
    first = outer.slots.blocks[0]
    return outer.with_block(0, replace(first, coefficient=first.coefficient * (1 + F(1, 10**6))))


def built(name: str, **other: Callable[[Any], Any]) -> Build:
    """The construction, some of its parameters changed."""
    return lambda **given: constructions.build(
        name, **given | {key: change(given.get(key)) for key, change in other.items()}
    )


def another_annotation(T: Any, examples: int) -> Witness:
    """Equation 30 as repaired, which says of `top` what the printed one makes."""
    right = eq30(T, examples, printed=False)
    (layer,) = right.layer_list
    (held,) = [one for one in layer.holds if one.slot == "top"]
    wrong = replace(held, expression="2*T*x_t - 2*T*S*T.T*x_t")
    return right.with_layers((replace(layer, holds=(wrong,)),))


def narrower(d: int, steps: int, lowest: int, highest: int) -> Witness:
    """Chebyshev's steps for too small an interval."""
    return constructions.get("chebyshev")(d=d, steps=steps, lowest=lowest, highest=highest - 1)


def counted(text: str, quantity: Any = "layers", relation: Any = "=") -> Any:
    promise = (Promise(quantity, text, relation),)
    return counts(theorem51.theorem51_printed, promise, lambda: theorem51.SIZES)


def steps(count: Any) -> Any:
    """Counts of steps against the bound on Newton's."""
    return newton.count_steps(count, newton.newton_bound, (16,))


def smaller_alpha(kappa: int, digits: int) -> int:
    return newton.newton_steps(kappa, digits, F(1, 64))


def eq11_and(more: int) -> Any:
    def left(case: Case) -> Any:
        return equations._eq11(case) + more * case.X[0][0]

    return equations._identity(left, equations._eq11, theorems.descents(d=1))


def ridge_chain(times: int) -> Any:
    """Theorem 2's chain against ridge regression with a multiple of its ridge."""

    def algorithm(X: Any, y: Any, queries: Any, ridge: Any) -> Any:
        return algorithms.ridge(X, y, queries, times * ridge)

    sizes = [{"d": 2, "examples": 1, "ridge": F(1, 2)}]
    build = theorems.theorem2_repaired
    return chains.enclosure(build, paper.theorem2_chain, algorithm, lambda budget: sizes)


def descent_chain(*printed: str) -> Any:
    def chain(**parameters: Any) -> Any:
        return paper.theorem1_chain(**parameters, as_printed=printed)

    def build(d: int, step_size: Any, ridge: Any, w0: Any, examples: int, **free: Any) -> Witness:
        made = chain(d=d, step_size=step_size, ridge=ridge, w0=w0, examples=examples)
        return made.transformer(Constants(**free))

    sizes = theorems.descent_sizes((1,), QUICK)[:1]
    return chains.enclosure(build, chain, algorithms.one_pass_sgd, lambda budget: sizes)


@pytest.mark.parametrize("order", [2, 3, 6])
def test_the_derivatives_of_gelu_are_those_of_sympy(order: int) -> None:
    z = sympy.Symbol("z")
    gelu = z / 2 * (1 + sympy.erf(z / sympy.sqrt(2)))
    p = sum(sympy.Rational(str(c)) * z**k for k, c in enumerate(approximations.derivative(order)))
    wanted = sympy.sqrt(sympy.pi / 2) * sympy.diff(gelu, z, order)
    assert sympy.simplify(wanted * sympy.exp(z**2 / 2) - p) == 0


def product_order(order: int, off: float, by: Any) -> Any:
    def error(x: Any, y: Any) -> Any:
        return approximations.product_error(x, y) + off * by(x, y)

    return approximations._order(order, error)


def without_its_last_head(operation: Any, stream: Any) -> Any:
    layer = exact_layer(operation, stream)
    return replace(layer, heads=layer.heads[:-1])


def printed_bypass(N: Any, x: list[Any]) -> list[Any]:
    return [N, -N - sum(x[1:], x[0]), *x, N * 0]


def spectrum(name: str, **parameters: Any) -> tuple[Any, Any]:
    build = constructions.get(name)

    def left(s: Any, **values: Any) -> Any:
        return derived.residual(build, s, values)

    made = (leaves(one, left, lambda: [parameters]) for one in (build, built_as(build, flipped)))
    right, wrong = made
    return right, wrong


# {what is wrong: (a check of what is right, the same check of what is wrong)}
CHECKS: dict[str, tuple[Any, Any]] = {
    "a coefficient of an annotation": (
        slots_hold(
            lambda T, examples: eq30(T, examples, printed=False),
            lambda: fu2023.examples_only(given="T"),
        ),
        slots_hold(another_annotation, lambda: fu2023.examples_only(given="T")),
    ),
    "k + 7 layers": (counted("k + 8"), counted("k + 7")),
    "k + 9 layers": (counted("k + 8"), counted("k + 9")),
    "2 k + 8 layers": (counted("k + 8"), counted("2*k + 8")),
    "a width without d": (counted("k + 8"), counted("1", "width", "O")),
    "gradient descent within Newton's bound": (
        steps(newton.newton_steps), steps(newton.gradient_steps)
    ),
    "Newton from a smaller alpha": (steps(newton.newton_steps), steps(smaller_alpha)),
    "the printed sign, compiled": (
        theorem51.compiled_errors(), theorem51.compiled_errors(printed=True)
    ),
    "a theorem that negates the claim": (
        theorem("fu2023.eq38.repaired"), theorem("fu2023.eq38.negation")
    ),
    "a term more in eq. 11": (eq11_and(0), eq11_and(1)),
    "twice the ridge": (ridge_chain(1), ridge_chain(2)),
    "the printed sign of step 6": (descent_chain(), descent_chain("sign")),
    "a constant in lemma 4": (
        product_order(4, 0, lambda x, y: x * y), product_order(4, 0.001, lambda x, y: x * y)
    ),
    "the leading term of lemma 4": (
        product_order(6, -1, approximations.leading),
        product_order(6, -1.01, approximations.leading),
    ),
    "hyperpower, a sign": spectrum(
        "hyperpower", iterations=2, alpha=F(1, 3)
    ),
    "deep descent, a sign": spectrum(
        "deep_descent", layers=2, alpha=F(1, 3)
    ),
    "minimax descent, a sign": spectrum(
        "minimax_descent", layers=2, largest=5
    ),
    "Chebyshev, a sign": spectrum(
        "chebyshev", steps=3, lowest=1, highest=4
    ),
    "Chebyshev, another interval": (
        certified.chebyshev_bound(constructions.get("chebyshev"), (4,)),
        certified.chebyshev_bound(narrower, (4,)),
    ),
    "a coarser sigmoid": (
        certified.logistic_error(constructions.get("logistic")),
        certified.logistic_error(built("logistic", pieces=lambda pieces: 1)),
    ),
    "softmax of another temperature": (
        certified.exponential_kernel(constructions.get("kernel_regression")),
        certified.exponential_kernel(built("kernel_regression", temperature=lambda t: 3)),
    ),
    "GeLUs of twice the scale": (
        gelu.product_bound(own_primitives.product),
        gelu.product_bound(built("gelu_product", scale=lambda scale: 2 * scale)),
    ),
    "a GeLU's weight": (
        gelu.product_digits(own_primitives.product),
        gelu.product_digits(built_as(own_primitives.product, slightly_off)),
    ),
    "the printed bypass of layer norm": (gelu.norm_bypass(), gelu.norm_bypass(printed_bypass)),
    "a basis of splines that does not grow": (
        falls_as_fast(constructions.get("spline_regression"), 1),
        falls_as_fast(built("spline_regression", basis=lambda n: 5), 1),
    ),
    **{
        f"a head fewer, {kind}, {check.__name__}": (check(kind), check(kind, without_its_last_head))
        for kind in ("mov", "aff", "raw")
        for check in (exact_operations.in_fractions, exact_operations.in_balls)
    },
}  # fmt: skip


def result_of(check: Any) -> CheckResult:
    run = getattr(check, "run", check)
    return run(replace(QUICK, cases=60))


@pytest.mark.parametrize("wrong", CHECKS)
def test_a_check_passes_what_is_right_and_refutes_what_is_wrong(wrong):
    right, off = map(result_of, CHECKS[wrong])
    assert right.passed is True, right.detail
    assert off.passed is False
    assert off.counterexample or off.detail


def test_a_refutation_says_where_and_by_how_much():
    annotation = result_of(CHECKS["a coefficient of an annotation"][1])
    assert annotation.first_difference["slot"] == "top"
    assert result_of(CHECKS["the printed sign of step 6"][1]).first_difference["layer"] == 6
    assert result_of(steps(newton.gradient_steps)).counterexample["kappa"] == 16
    compiled = result_of(CHECKS["the printed sign, compiled"][1])
    assert compiled.max_error > 1e3 * compiled.bound


@pytest.mark.parametrize("name", ["prop1", "ksteps", "gdpp"])
def test_the_query_as_a_key_would_be_refuted(name):
    (claim,) = (c for c in registered() if c.id == f"vonoswald2022.{name}")
    broken = replace(
        claim, witness=built_as(claim.witness, partial(every_head, keys="full")), floats=None
    )
    assert engine.run(broken, QUICK).verdict.name == "refuted"


def test_nothing_is_decided_of_a_witness_outside_the_calculus():
    given = {"steps": 1, "step_size": 1, "penalty": 1}
    found = leaves(constructions.get("lasso"), lambda s, **_: 1 - s, lambda: [given]).run(QUICK)
    assert found.passed is None and "an activation, relu" in found.detail


def test_a_formula_that_is_wrong_comes_back_with_its_smallest_case():
    check = formula(lambda: st.integers(0, 99), lambda k: {"k": k} if k > 7 else None, "small")
    assert check.run(Budget()).counterexample == {"k": 8}


def test_a_theorem_that_fails_leaves_its_claim_undecided(monkeypatch):
    (sound,) = constructions.prove(("fu2023.eq38.repaired",))
    failed = replace(sound, proved=False, failed="1 = 2")
    monkeypatch.setattr(constructions, "prove", lambda names: (failed,))
    made = Claim("test.unproved", checks=lambda: (theorem(sound.id),))
    verdict = engine.run(made, QUICK).verdict
    assert verdict.name == "undecided" and "1 = 2" in verdict.why


# -- parts of the checks ----------------------------------------------------------------------


def one(value: Any) -> np.ndarray:
    return np.array([[F(value)]], dtype=object)


def test_another_coefficient_in_eq40_is_seen():
    case = Case({"d": 1, "alpha": F(1), "iterations": 2}, one(1), one(1)[0], one(1))
    right = newton.betas(2, F(1))
    assert newton.compare_iterate(case, 2, right) is None
    assert newton.compare_iterate(case, 2, right | {7: F(-2)}) is not None


def test_weights_outside_the_span_raise_the_rank():
    X = np.array([[F(1), F(2)]], dtype=object)
    assert newton.rank(np.vstack([X, 3 * X])) == 1
    assert newton.rank(np.vstack([X, [F(1), F(0)]])) == 2


@pytest.mark.parametrize("theta, converges", [(F(15, 8), True), (2, False), (3, False)])
def test_newton_converges_below_two_and_not_from_two_on(theta, converges):
    case = newton.Spectrum((F(1), F(1, 2)), F(theta))
    assert (newton.no_convergence(case, steps=7) is None) == converges


def test_newton_pays_two_steps_for_twice_the_condition_and_one_for_twice_the_digits():
    steps, gradient = newton.newton_steps, newton.gradient_steps
    assert [steps(kappa, 4) - steps(kappa // 2, 4) for kappa in (8, 16, 32)] == [2, 2, 2]
    assert [steps(16, 2 * digits) - steps(16, digits) for digits in (2, 4, 8)] == [1, 1, 1]
    assert 1.8 < gradient(32, 4) / gradient(16, 4) < 2.2
    assert 1.8 < gradient(16, 8) / gradient(16, 4) < 2.2


def test_the_check_of_all_tokens_sees_a_wrong_sign_of_the_identity(monkeypatch):
    case = {name: one(1) for name in ("X", "Y", "W0")}
    case |= {"query": one(1)[0], "step_size": F(1)}
    found = partial(vonoswald2022.token_difference, vonoswald.prop1)
    assert found(case) is None
    blocks = vonoswald.prop1_blocks
    monkeypatch.setattr(vonoswald, "prop1_blocks", lambda W0, n, eta: blocks(W0, n, -eta))
    wrong = found(case | {"Y": one(3)})
    assert (wrong["token"], wrong["by"]) == (1, "the printed blocks")


def test_lemma_6_needs_the_factor_with_l(monkeypatch):
    right = approximations.literal

    def without_one(N, M, c, y, zeros):  # sqrt(2/(L-1)) in place of sqrt(2/L)
        L = len(y) + zeros + 2
        return [entry * (F(L) / (L - 1) + 1) / 2 for entry in map(float, right(N, M, c, y, zeros))]

    assert approximations._norm_check(1, F(1), F(1), 4).run(QUICK).passed
    monkeypatch.setattr(approximations, "literal", without_one)
    assert approximations._norm_check(1, F(1), F(1), 4).run(QUICK).passed is False


@pytest.mark.parametrize(
    "operation",
    [
        primitives.Mov(0, 1, (1, 3), (3, 5)),
        primitives.Aff((1, 3), (0, 1), (7, 8), W1=((2, F(-1, 3)),), W2=5, b=F(1, 2)),
        primitives.Mul(1, 2, 1, (1, 3), (3, 5), (7, 8)),
        primitives.Div((1, 3), 0, (3, 5)),
    ],
    ids=str,
)
def test_bounds_of_single_layers_are_not_idle(operation):
    stream, draw = primitives.STREAM, random.Random(0)
    limit = operations.bound(operation, stream, 3, chains.COARSE, primitives.LEAST)
    away = getattr(operation, "by", None)
    points = [operations.draw_box(draw, stream, 3, away, primitives.LEAST) for _ in range(20)]
    if isinstance(operation, primitives.Mov):  # reached at a corner
        points += [[[1 if row in (1, 2) else s for row in range(8)] for s in (1, -1, 1)]]
    worst = max(operations.worst_point(operation, stream, H, chains.COARSE) for H in points)
    assert limit / 4 < worst <= limit


def test_supremum_encloses_a_known_one():
    with balls.precision(100):
        found = balls.supremum(lambda x, y: x * y - x, [(-1, 2), (-1, 1)], tolerance=0.01)
    assert found.low <= 4 <= found.high <= 4.05


@pytest.mark.parametrize("starts", [(), ({"a": 9, "b": 0}, {"a": 1, "b": -8})])
def test_golden_sections_find_the_least_error(starts):
    found = search.minimise(
        lambda at: abs(at["a"] - 3.3) + (at["b"] + 5) ** 2,
        {"a": search.Axis(0, 10, 3), "b": search.Axis(-8, 0, 4)},
        starts,
        sections=8,
    )
    assert found.at == pytest.approx({"a": 3.3, "b": -5}, abs=0.3)


@pytest.mark.parametrize("kind", ["mov", "aff", "raw"])
def test_balls_that_lost_half_of_their_bits_decide_nothing(kind, monkeypatch):
    monkeypatch.setattr(exact_operations, "Ball", lambda bits: Ball(bits // 3))
    assert exact_operations.in_balls(kind).run(QUICK).passed is None


# -- textbook bounds, GeLU products, degrees --------------------------------------------------


def test_the_textbook_bound_names_its_interval_and_is_rounded_down():
    result = certified.chebyshev_bound(constructions.get("chebyshev"), (4, 10)).run(QUICK)
    assert "every eigenvalue from 1 to kappa, kappa = 4, 10" in result.box
    for condition, count in ((4, 1), (10, 3), (100, 6)):
        exact = 2 * ((sympy.sqrt(condition) - 1) / (sympy.sqrt(condition) + 1)) ** count
        textbook = F(certified.textbook(condition, count))
        below = exact - sympy.Rational(textbook.numerator, textbook.denominator)
        assert 0 <= below < F(1, 2**50)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_deep_and_minimax_descent_have_the_largest_degree_there_is(layers):
    for name, parameters in (("deep_descent", {"alpha": 1}), ("minimax_descent", {"largest": 1})):
        witness = constructions.build(name, d=1, layers=layers, **parameters)
        assert spectral.degree(spectral.run(witness).states[0].values()) == 3**layers


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_minimax_descent_reaches_its_bound_at_the_largest_eigenvalue(layers):
    witness = constructions.build("minimax_descent", d=1, layers=layers, largest=4)
    residual = spectral.residual(witness)
    assert abs(residual.subs(spectral.s, 4)) == sympy.Rational(1, 3**layers)
    for eigenvalue in (sympy.Rational(1, 100), sympy.Integer(1), sympy.Rational(7, 2)):
        value = residual.subs(spectral.s, eigenvalue)
        assert eigenvalue * value**2 <= sympy.Rational(4, 9**layers)


@pytest.mark.parametrize("order", range(1, 9))
def test_solved_weights_are_the_closed_form(order):
    solved = [F(int(w.p), int(w.q)) for w in weights(order).weights.values()]
    assert solved == [closed_form(order, i) for i in range(1, order + 1)]


def test_products_gain_digits_over_the_printed_ones():
    queries = gelu.factors(200, 3)
    for system, gain in (("float64", 3.5), ("float32", 1.2)):
        printed, _ = gelu.best_scale(own_primitives.product, system, 1, "printed")
        order, scale = gelu.CHOSEN[system]
        own = own_primitives.product(d=2, order=order, scale=scale)
        assert np.log10(printed / gelu.error_in(system, own, queries)) > gain


def test_the_bound_falls_with_the_power_twice_the_order():
    for order in (1, 2, 5):
        assert bound(order, F(1, 4), F(1)) / bound(order, F(1, 8), F(1)) == 4**order


def test_inner_products_of_longer_halves_are_summed():
    witness = constructions.build("gelu_product", d=4, order=8, scale=F(1, 16))
    (found,) = witness.predict(np.zeros((1, 4)), [0.0], [[0.5, -1.0, 0.25, 0.75]])
    assert found == pytest.approx(0.125 - 0.75, abs=1e-13)
    assert witness.hidden == 4 * 8 * 2


# -- precision --------------------------------------------------------------------------------


def test_the_best_error_is_the_constructions_and_roundings():
    for row in precision.precision_table(quick=True):
        assert 0 < row.error <= (row.construction + row.rounding) * (1 + 1e-9)


def test_layer_norm_costs_half_the_digits():
    rows = {(r.name, r.format): r for r in precision.precision_table(quick=True)}
    for format, bits in precision.FORMATS.items():
        unit = 2.0**-bits
        assert unit**0.5 / 8 < rows["lemma 6", format].error < unit**0.5 * 8
        assert rows["lemma 5", format].error < 64 * unit


def test_a_row_that_is_no_optimum_is_found(monkeypatch):
    rows = precision.precision_table(quick=True)
    spoiled = tuple(
        replace(r, error=r.error * 100, construction=r.error * 100) if r.what == "lemma 6" else r
        for r in rows
    )
    assert precision._attained().run(QUICK).passed
    monkeypatch.setattr(precision, "precision_table", lambda quick=False: spoiled)
    assert precision._attained().run(QUICK).passed is False


def test_the_table_has_a_line_per_subject_and_the_plot_is_a_file(tmp_path):
    assert len(precision.precision_markdown(quick=True).splitlines()) == 2 + 4
    precision.precision_plot(tmp_path / "plot.png", quick=True)
    assert (tmp_path / "plot.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("formula", "relation", "passed"),
    [
        ("steps", "=", True),
        ("k", "=", True),
        ("steps + d", "<=", True),
        ("steps", "O", True),
        ("steps - 1", "=", False),
        ("steps - 1", "<=", False),
        ("d", "O", False),
    ],
)
def test_a_promise_is_made_in_the_names_of_the_builder(
    formula: str, relation: Any, passed: bool
) -> None:
    sizes = [{"d": d, "steps": k, "step_size": 1} for d in (1, 2, 3) for k in (1, 2, 3)]
    make = constructions.get("gradient_descent")
    found = counts(make, (Promise("layers", formula, relation),), lambda: sizes).run(Budget())
    assert found.passed is passed


def plain_descent(witness: Witness) -> Witness:
    """GD++ whose layers lack the head that transforms x."""
    return witness.with_layers(
        tuple(replace(layer, heads=layer.heads[:1], holds=()) for layer in witness.layer_list)
    )


@pytest.mark.parametrize("change", [plain_descent, lambda witness: every_value(witness, 0)])
def test_gdpp_that_leaves_x_as_it_is_makes_the_steps_that_a_map_makes(change, monkeypatch):
    """So that the refutation of k steps on one map of x is about what the layers do to x."""
    monkeypatch.setattr(vonoswald, "gdpp", built_as(vonoswald.gdpp, change))
    assert vonoswald2022.gdpp_ksteps()[0].run(QUICK).passed is True
