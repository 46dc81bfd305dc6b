"""Statements beyond equality: files of claims get their verdicts, planted errors are refuted."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction as F
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import sympy
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

import constructions
from proofs.flint_precision import precision
from proofs.rule import rule
from verify import Promise, engine
from verify.box import Box
from verify.checks.analysis.accuracy import _slack, supremum
from verify.checks.analysis.losses import Loss, Regression, diagonal, symmetric
from verify.checks.analysis.optimum import evaluated, in_numbers, one_changed
from verify.claim import Budget, load_file
from verify.statements import (
    for_every,
    limit,
    on_box,
    on_eigenvalues,
    optimum,
    order,
    stationary,
    vanishing,
)
from verify.strategies import grid, prompts

FILES = Path(__file__).parent / "statements"
QUICK = Budget(cases=20)


def reports(text: str, folder: Path, *ids: str):
    """{claim: report} of a file with this text, or of some of its claims."""
    path = folder / "planted.py"
    path.write_text(text, encoding="utf-8")
    return {one.id: engine.run(one, QUICK) for one in load_file(path) if one.id in ids or not ids}


@pytest.mark.parametrize("name", ["nearest", "rates", "descent", "bai2023", "ahn2023"])
def test_a_file_of_claims_gets_the_verdicts_that_it_expects(name, tmp_path):
    made = reports((FILES / f"{name}.py").read_text(encoding="utf-8"), tmp_path)
    assert made and all(report.as_expected for report in made.values())


def test_the_claim_that_the_readme_shows_holds(tmp_path):
    text = (FILES.parents[2] / "verify" / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```python\n(import sympy\n.*?)```", text, re.DOTALL)
    assert reports(shown, tmp_path)["mine.rate"].verdict.name == "holds"
    wrong = reports(shown.replace("n + d + 1", "n + d + 2"), tmp_path)["mine.rate"]
    assert wrong.verdict.name == "refuted"


# file, claim, what is changed in it, what refutes it
PLANTED = [
    ("ahn2023", "ahn2023.theorem1", "(n + 1) / n * sigma", "sigma", "expected loss"),
    ("ahn2023", "ahn2023.theorem1", "sigma(d).trace() / n", "sigma(d).trace()", "expected loss"),
    ("ahn2023", "ahn2023.theorem1", "-sympy.diag(A, 0)", "sympy.diag(A, 0)", "expected loss"),
    ("ahn2023", "ahn2023.theorem1.isotropic", "d + 2", "d + 1", "expected loss"),
    ("ahn2023", "ahn2023.theorem1.isotropic", "d * (d + 1)", "d * (d + 2)", "least loss"),
    ("nearest", "nearest", "s == max(row)", "s == min(row)", "tends to"),
    ("nearest", "nearest", '("f", "x", beta)', '("f", "x", -beta)', "tends to"),
    ("nearest", "nearest", '"delta")', '"2*delta")', "promised is at most"),
    ("nearest", "nearest", '"(n - 1)*spread"', '"spread/4"', "promised is at most"),
    ("rates", "rates.lemma4", "3 * a * b", "2 * a * b", "leading coefficient"),
    ("rates", "rates.lemma4", "queries[:, 1], 2,", "queries[:, 1], 3,", "coefficient of eps^2"),
    ("rates", "rates.newton", "2**iterations", "2*iterations", "is 0"),
    (
        "rates",
        "rates.newton",
        "iterations=iterations,",
        "iterations=max(iterations-1, 0),",
        "eps^1",
    ),
    ("descent", "every.eps", "steps=int(steps)", "steps=int(steps) // 2", "attained"),
    ("descent", "every.eps", "rate = 1 /", "rate = 3 /", "attained"),
    ("descent", "every.eps", "steps=int(steps)", "steps=int(steps) + 1", "layers = 5"),
    ("descent", "every.eps", "5 + 2/(beta + lam)", "4 + 1/8", "norm = "),
    ("descent", "every.eps", '"1", "="', '"2", "="', "heads = 1"),
    ("bai2023", "bai2023.theorem4", "examples + 1, examples", "examples, examples", "the error is"),
    ("bai2023", "bai2023.theorem4", '("w", "w", -eta * lam)', '("w", "w", eta * lam)', "error is"),
    ("bai2023", "bai2023.theorem4", '"4*R + 8/(beta + lam)"', '"R + 3"', "norm = "),
]


@pytest.mark.parametrize(("name", "id", "right", "wrong", "why"), PLANTED)
def test_a_planted_error_is_refuted(name, id, right, wrong, why, tmp_path):
    text = (FILES / f"{name}.py").read_text(encoding="utf-8")
    assert right in text
    made = reports(text.replace(right, wrong), tmp_path, id)[id]
    assert made.verdict.name == "refuted" and why in made.finding
    assert made.verdict.counterexample


# -- the expected loss -----------------------------------------------------------------------------


def descent(d, **parameters):
    return constructions.build("gradient_descent", d=d, step_size=sympy.Symbol("eta"), **parameters)


def quadrature(witness, n: int, noise: float, eta: float) -> float:
    """The expected loss for d = 1 by Gauss-Hermite quadrature, which is exact for polynomials."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)
    count = 2 * n + 2
    at = np.array(list(product(range(6), repeat=count)))
    z, p = nodes[at], np.prod(weights[at], axis=1) / (2 * np.pi) ** (count / 2)
    X, w, q, e = z[:, :n, None], z[:, n, None], z[:, n + 1, None, None], z[:, n + 2 :]
    got = witness.predict(X, X[..., 0] * w + np.sqrt(noise) * e, q, "float64")
    return float(np.sum(p * (got - w * q[..., 0])[:, 0] ** 2))


@pytest.mark.parametrize("loss", ["sum", "mean"])
@pytest.mark.parametrize("n", [1, 2])
def test_the_loss_is_what_quadrature_finds(loss, n, recwarn):
    eta, noise = F(1, 5), F(1, 2)
    data = Regression(noise=sympy.Symbol("v"))
    polynomial = Loss(descent(1, steps=1, loss=loss), data)
    exact = evaluated(in_numbers(polynomial, {"n": F(n), "v": noise}), {"eta": eta})
    witness = constructions.build("gradient_descent", d=1, steps=1, step_size=eta, loss=loss)
    assert float(exact) == pytest.approx(quadrature(witness, n, float(noise), float(eta)))


@settings(max_examples=6)
@given(st.sampled_from(["sum", "mean"]), st.integers(1, 3), st.integers(1, 2), st.data())
def test_n_as_a_letter_is_every_number_of_examples(loss, n, d, data):
    """The sum over the examples is counted by n and n (n - 1), or taken as it stands."""
    regression = Regression(diagonal("l"), noise=sympy.Symbol("v"))
    witness = descent(d, steps=1, loss=loss)
    small = st.fractions(F(1, 3), 3, max_denominator=3)
    numbers = {"n": F(n), "v": data.draw(small)}
    numbers |= {f"l{i + 1}": data.draw(small) for i in range(d)}
    letter, number = (Loss(witness, regression, count) for count in (None, n))
    eta = {"eta": data.draw(small)}
    assert evaluated(in_numbers(letter, numbers), eta) == evaluated(
        in_numbers(number, numbers), eta
    )


@pytest.mark.parametrize("change", [F(1, 1000), F(-1, 1000)])
def test_a_best_step_size_that_is_a_little_off_is_refuted(change):
    """Of one step of sum (w.x - y)^2 the best step size is 1/(2 (n + d + 1 + v))."""
    from verify.statements import n

    data, v = Regression(noise=sympy.Symbol("v")), sympy.Symbol("v")
    at = {"right": lambda d: {"eta": 1 / (2 * (n + d + 1 + v))},
          "wrong": lambda d: {"eta": 1 / (2 * (n + d + 1 + change + v))}}  # fmt: skip
    right, wrong = (optimum(lambda d: descent(d, steps=1), at[k], data).run(QUICK) for k in at)
    assert right.passed and wrong.passed is False
    assert wrong.counterexample["d"] == 1 and "eta" in wrong.counterexample["lower with"]


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_loss_of_one_step_is_the_known_formula(d):
    """A step w = 2 eta sum y_i x_i has E|w - w*|² = d - 4 eta n d + 4 eta² n d (n + d + 1 + v)."""
    n, eta, v = sympy.symbols("n eta v")
    loss = Loss(descent(d, steps=1), Regression(noise=v)).expression
    known = d - 4 * eta * n * d + 4 * eta**2 * n * d * (n + d + 1 + v)
    assert sympy.expand(loss - known) == 0


def test_weights_of_lower_loss_do_have_a_lower_loss():
    polynomial = in_numbers(Loss(descent(2, steps=1), Regression()), {"n": F(3)})
    at = {"eta": F(1, 7)}
    lower = one_changed(polynomial, at)
    assert evaluated(polynomial, lower) < evaluated(polynomial, at)
    assert one_changed(polynomial, {"eta": F(1, 12)}) is None  # the best one


def test_two_steps_are_stationary_where_their_gradient_is_0_and_a_saddle_is_no_optimum():
    """Zero weights of a layer P Q are stationary, and no minimum."""

    def product_of_two(d):
        witness = descent(d, steps=1)
        (layer,) = witness.layer_list
        (head,) = layer.heads
        from proofs.slotmap import SlotMap

        value = SlotMap(tuple(replace(b, coefficient=sympy.Symbol("a")) for b in head.value))
        query = SlotMap(tuple(replace(b, coefficient=sympy.Symbol("b")) for b in head.query))
        return witness.with_layers((replace(layer, heads=(replace(head, value=value, query=query),),
                                            holds=()),))  # fmt: skip

    nothing = lambda d: {"a": 0, "b": 0}  # noqa: E731
    assert stationary(product_of_two, nothing, Regression()).run(QUICK).passed
    found = optimum(product_of_two, nothing, Regression()).run(QUICK)
    assert found.passed is False and len(found.counterexample["lower with"]) == 2
    one = stationary(product_of_two, lambda d: {"a": 1, "b": 0}, Regression()).run(QUICK)
    assert one.passed is False and one.counterexample["weight"] == "b"


def masked(d):
    """One step whose head has a mask, of which the count of pairs knows nothing."""
    step = descent(d, steps=1)
    (layer,) = step.layer_list
    heads = tuple(replace(head, mask=rule("1 + j")) for head in layer.heads)
    return step.with_layers((replace(layer, heads=heads, holds=()),))


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (masked, "mask is"),
        (lambda d: descent(d, steps=2), "2 layers, not one"),
        (
            lambda d: constructions.build("newton", d=d, iterations=1, alpha=sympy.Symbol("a")),
            "lay",
        ),
        (lambda d: constructions.build("gelu_product", d=2, order=1, scale=1), "MLP is not linear"),
    ],
)
def test_what_is_no_sum_over_the_examples_asks_for_their_number(build, why):
    found = optimum(build, lambda d: {}, Regression(), sizes=(2,)).run(QUICK)
    assert found.passed is None and why in found.detail


def test_two_layers_at_a_number_of_examples():
    """Of second degree in each step size; 1/6 is the best one step, and a second does better."""

    def two(d):
        first, second = (
            constructions.build("gradient_descent", d=d, steps=1, step_size=sympy.Symbol(e))
            for e in "ab"
        )
        return replace(first, layer_list=(*first.layer_list, *second.layer_list))

    found = stationary(two, lambda d: {"a": 0, "b": F(1, 6)}, Regression(), (1,), examples=1)
    assert found.run(QUICK).passed is False  # b is best, but a is not
    loss = Loss(two(1), Regression(), 1)
    assert loss.value.degrees()[: len(loss.weights)] == (2, 2)


@pytest.mark.parametrize(
    ("stated", "why"),
    [({}, "no value is stated for the weights eta"),
     ({"eta": 1, "Q": [[0, 2]]}, "Q12 = 2 is stated, but no weight is the letter Q12"),
     ({"eta": 1 / sympy.Symbol("k")}, "eta = 1/k: k is no letter of the data: n")],
)  # fmt: skip
def test_a_weight_of_which_the_theorem_says_nothing_is_named(stated, why):
    with pytest.raises(ValueError, match=why):
        optimum(lambda d: descent(d, steps=1), lambda d: stated, Regression()).run(QUICK)


@pytest.mark.parametrize(
    "check",
    [optimum(lambda d: descent(d, steps=1), lambda d: {}, Regression(), sizes=()),
     stationary(lambda d: descent(d, steps=1), lambda d: {}, Regression(), sizes=()),
     order(lambda d, eps: None, min, 1, []), vanishing(lambda d, eps: None, min, 1, [], 1)],
)  # fmt: skip
def test_a_statement_at_no_size_is_refused(check):
    with pytest.raises(ValueError, match="no size is given"):
        check.run(QUICK)


def test_a_witness_without_letters_has_nothing_to_optimise():
    fixed = lambda d: constructions.build("gradient_descent", d=d, steps=1, step_size=1)  # noqa: E731
    with pytest.raises(ValueError, match="no letters for its weights"):
        optimum(fixed, lambda d: {}, Regression()).run(QUICK)


def test_a_letter_is_known_by_its_name_whatever_is_assumed_of_it():
    count = sympy.Symbol("n", positive=True, integer=True)
    at = lambda d: {"eta": 1 / (2 * (count + d + 1))}  # noqa: E731
    assert optimum(lambda d: descent(d, steps=1), at, Regression()).run(QUICK).passed


# -- for every epsilon -----------------------------------------------------------------------------


@settings(max_examples=30)
@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=7), st.fractions(-2, 0), st.fractions(0, 3)
)
def test_the_largest_value_of_a_polynomial_is_enclosed(coefficients, low, high):
    from flint import arb

    s = sympy.Symbol("s")
    polynomial = sympy.Poly(coefficients, s, domain=sympy.QQ)
    bound, attained = supremum(polynomial, *(arb(e.numerator) / e.denominator for e in (low, high)))
    points = np.linspace(float(low), float(high), 201)
    seen = np.abs(np.polyval([float(c) for c in coefficients], points)).max()
    assert attained <= bound and float(bound) >= seen * (1 - 1e-12)
    assert float(bound) <= float(attained) * (1 + 1e-9) + 1e-30


@pytest.mark.parametrize(("change", "passed"), [(1, True), (3, False)])
def test_an_error_on_a_box_is_certified_for_every_epsilon(change, passed):
    """A step of size 1 + eps/4 is within eps |x_q| |x| |y| / 2 of the step of size 1."""

    def build(eps):
        return constructions.build(
            "gradient_descent", d=1, steps=1, step_size=(1 + change * eps / 4)
        )

    def algorithm(X, y, queries):
        return 2 * (queries @ X.T @ y)

    within = on_box(algorithm, lambda eps: Box(1, 1), effort=0.25)
    (check,) = for_every(build, (), [{"eps": F(1, 2)}, {"eps": F(1, 64)}], "51*eps/100",
                         certificate=within)  # fmt: skip
    found = check.run(QUICK)
    assert found.passed is passed
    assert not passed or ("|x| <= 1" in found.box and found.bound == pytest.approx(1 / 4))


def test_an_error_that_no_certificate_settles_is_left_open():
    from flint import arb

    from verify.statements import Certificate

    loose = lambda witness, constants: Certificate(arb(1), arb(0), "everything")  # noqa: E731
    build = lambda eps: constructions.build("gradient_descent", d=1, steps=1, step_size=1)  # noqa: E731
    (found,) = for_every(build, (), [{"eps": F(1, 2)}], certificate=loose)
    assert found.run(QUICK).passed is None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"over": []}, "a grid without a point"),
        ({}, "needs a certificate, or an algorithm with cases"),
        ({"algorithm": min}, "needs a certificate, or an algorithm with cases"),
    ],
)
def test_a_claim_for_every_epsilon_that_says_nothing_is_refused(fields, why):
    with pytest.raises(ValueError, match=why):
        for_every(min, (), fields.pop("over", [{"eps": 1}]), **fields)


def test_a_norm_is_promised_with_constants_alone():
    from verify.checks.resources import counts

    build = lambda steps: constructions.build("gradient_descent", d=1, steps=steps, step_size=1)  # noqa: E731
    check = counts(build, (Promise("norm", "3", "<="),), lambda: grid(steps=[1]))
    with pytest.raises(ValueError, match="a norm is no count"):
        check.run(QUICK)


def test_a_witness_without_a_parameter_norm_leaves_the_promise_open():
    newton = lambda eps: constructions.build("newton", d=1, iterations=1, alpha=sympy.Symbol("a"))  # noqa: E731
    kept, _ = for_every(newton, (Promise("norm", "3", "<="),), [{"eps": 1}],
                        certificate=lambda witness, constants: None)  # fmt: skip
    found = kept.run(QUICK)
    assert found.passed is None and "a parameter is free" in found.detail


def test_a_mean_over_keys_is_no_polynomial_in_the_mean_moment():
    within = on_eigenvalues("1/s", "1", "2", "1", mean=True)
    build = lambda eps: constructions.build("gradient_descent", d=1, steps=1, step_size=1)  # noqa: E731
    (found,) = for_every(build, (), [{"eps": 1}], certificate=within)
    with pytest.raises(ValueError, match="not every head takes a mean"):
        found.run(QUICK)


# -- rates and limits ------------------------------------------------------------------------------


def test_an_order_beyond_what_is_computed_is_not_guessed():
    same = lambda d, eps: constructions.build("gradient_descent", d=d, steps=1, step_size=eps)  # noqa: E731
    algorithm = lambda X, y, queries, eps: 2 * eps * queries @ X.T @ y  # noqa: E731
    found = order(same, algorithm, 3, [{"d": 1}]).run(QUICK)
    assert found.passed is False and "smaller than that" in found.detail


def scaled_product(d, eps, order=1):
    return constructions.build("gelu_product", d=d, order=order, scale=eps)


def product_of_query(X, y, queries):
    return queries[:, 0] * queries[:, 1]


def vanishes(exponent, top=F(1, 4), **more):
    check = vanishing(scaled_product, product_of_query, exponent, [{"d": 2}], top, **more)
    return check.run(QUICK)


def test_an_error_that_vanishes_has_a_bound_for_every_small_constant():
    """|xy(2x² + 2y²)/12 …| eps² and less: 1/3 at the corners of |x|, |y| <= 1, to first order."""
    found = vanishes(2)
    assert found.passed and found.max_error <= found.bound < 4 * found.max_error
    assert "0 < eps <= 1/4" in found.box and "at most 1 in absolute value" in found.box
    assert vanishes(2, box=2).bound > 8 * found.bound  # of fourth degree in the prompt
    assert vanishes(2, top=F(1, 16)).bound < found.bound / 12


@pytest.mark.parametrize(
    ("exponent", "within", "passed", "why"),
    [
        (2, 2, True, "at most"),
        (2, F(1, 10), False, "promised is 1/10"),
        (2, F(7, 10), None, "promised is 7/10"),
        (3, None, False, "the coefficient of eps^2"),
    ],
)
def test_a_promised_constant_is_proved_refuted_or_left_open(exponent, within, passed, why):
    found = vanishes(exponent, within=within)
    assert found.passed is passed and why in found.detail


def test_a_limit_that_grows_is_refused():
    from verify.algorithms import gradient_descent

    build = lambda d, beta: constructions.build("gradient_descent", d=d, steps=1, step_size=beta)  # noqa: E731
    check = limit(build, lambda X, y, queries: gradient_descent(X, y, queries, 1, 1), prompts)
    found = check.run(QUICK)
    assert found.passed is None and "grows like beta**1" in found.detail


def test_covariances_of_letters_are_symmetric():
    assert symmetric("s")(2) == symmetric("s")(2).T


# -- a builder that does something else with numbers than with a letter --------------


def scaled(d, by):
    """by times one gradient step."""
    return constructions.build("gradient_descent", d=d, steps=1, step_size=by)


def only_in_a_letter(make, instead):
    """The same of a letter, and of a number what is made of another one."""
    return lambda d, **given: make(
        d, *(one if isinstance(one, sympy.Basic) else instead(one) for one in given.values())
    )


def nothing(X, y, queries):
    return 0 * (queries @ X.T @ y)


@pytest.mark.parametrize(
    "shows",
    [
        lambda build: order(build, nothing, 1, [{"d": 1, "n": 1}]),
        lambda build: vanishing(build, nothing, 1, [{"d": 1, "n": 1}], top=F(1, 2)),
        lambda build: limit(
            lambda d, beta: build(d, eps=1 / beta), nothing, lambda: prompts(m=st.just(1))
        ),
    ],
    ids=["order", "vanishing", "limit"],
)
def test_what_is_shown_of_a_letter_counts_for_the_numbers_that_it_stands_for(shows):
    honest = shows(lambda d, eps: scaled(d, eps)).run(QUICK)
    for instead in (lambda eps: 1, lambda eps: -eps, lambda eps: eps + 1):
        found = shows(only_in_a_letter(scaled, lambda eps, f=instead: max(f(eps), F(1, 7)))).run(
            QUICK
        )
        assert found.passed is None and "than with a letter" in found.detail
    assert "than with a letter" not in honest.detail


def test_of_equal_slacks_the_first_is_named_and_of_others_the_least():
    """sqrt(5) is another float at another precision; the slack is one number."""
    promise = Promise("norm", "2 + eta", "<=")
    rows = []
    for bits, eta in ((200, F(1, 100)), (53, F(1)), (80, F(2))):
        with precision(bits):
            limit = arb(2) + arb(eta.numerator) / eta.denominator
            rows.append((limit - arb(5).sqrt() / 3, limit, {"eta": eta}))
    assert _slack(promise, rows).endswith("least at eta = 1/100")
    fact, limit, given = rows[1]
    rows[1] = (fact + arb(2) ** -40, limit, given)
    assert _slack(promise, rows).endswith("least at eta = 1")
