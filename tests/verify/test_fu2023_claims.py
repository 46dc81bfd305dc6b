"""Verdicts on fu2023: what the engine says, and every counterexample again by hand in fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from verify.checks.statements import counts, formula, slots_hold, theorem
from verify.claim import Budget, Promise
from verify.claims.fu2023 import algorithm
from verify.claims.fu2023 import layers as fu2023
from verify.claims.fu2023 import theorem as fu2023_theorem
from verify.strategies import Case

QUICK = Budget(quick=True)


# -- counterexamples, recomputed ----------------------------------------------------------------


# -- the checks can fail ------------------------------------------------------------------------


def test_the_slots_check_sees_a_wrong_coefficient():
    from constructions.papers.fu2023.statements import eq30

    def wrong(T, examples):
        right = eq30(T, examples, printed=False)
        (layer,) = right.layer_list
        (held,) = [h for h in layer.holds if h.slot == "top"]
        from dataclasses import replace

        off = replace(held, expression="2*T*x_t - 2*T*S*T.T*x_t")
        return right.with_layers((replace(layer, holds=(off,)),))

    result = slots_hold(wrong, lambda: fu2023.examples_only(given="T")).run(QUICK)
    assert result.passed is False and result.first_difference["slot"] == "top"


def counted(promise):
    build, sizes = fu2023_theorem.theorem51_printed, fu2023_theorem.SIZES
    return counts(build, promise, lambda: sizes).run(QUICK)


@pytest.mark.parametrize("wrong", ["k + 7", "k + 9", "2*k + 8"])
def test_the_layer_count_is_exactly_k_plus_8(wrong):
    promise = (Promise("layers", wrong),)
    assert counted(promise).passed is False


def test_a_width_that_does_not_grow_with_d_is_refused():
    promise = (Promise("width", "1", "O"),)
    assert counted(promise).passed is False


def test_another_coefficient_in_eq40_is_seen():
    case = Case({"d": 1, "alpha": Fraction(1), "iterations": 2}, one(1), one(1)[0], one(1))
    right = algorithm.betas(2, Fraction(1))
    assert algorithm.compare_iterate(case, 2, right) is None
    assert algorithm.compare_iterate(case, 2, right | {7: Fraction(-2)}) is not None


def one(value):
    return np.array([[Fraction(value)]], dtype=object)


def test_weights_outside_the_span_raise_the_rank():
    X = np.array([[Fraction(1), Fraction(2)]], dtype=object)
    assert algorithm.rank(np.vstack([X, 3 * X])) == 1
    assert algorithm.rank(np.vstack([X, [Fraction(1), Fraction(0)]])) == 2


@pytest.mark.parametrize("theta, converges", [(Fraction(15, 8), True), (2, False), (3, False)])
def test_newton_converges_below_two_and_not_from_two_on(theta, converges):
    case = algorithm.Spectrum((Fraction(1), Fraction(1, 2)), Fraction(theta))
    assert (algorithm.no_convergence(case, steps=7) is None) == converges


def test_gradient_descent_does_not_keep_newtons_bound():
    count, bound = algorithm.gradient_steps, algorithm.newton_bound
    result = algorithm.count_steps(count, bound, (16,))
    assert result.passed is False and result.counterexample["kappa"] == 16


def test_a_smaller_alpha_costs_newton_more_steps_than_the_bound():
    def slow(kappa, digits):
        return algorithm.newton_steps(kappa, digits, Fraction(1, 64))

    assert algorithm.count_steps(slow, algorithm.newton_bound, (16,)).passed is False


def test_newton_pays_two_steps_for_twice_the_condition_and_one_for_twice_the_digits():
    steps = algorithm.newton_steps
    assert [steps(kappa, 4) - steps(kappa // 2, 4) for kappa in (8, 16, 32)] == [2, 2, 2]
    assert [steps(16, 2 * digits) - steps(16, digits) for digits in (2, 4, 8)] == [1, 1, 1]
    gradient = algorithm.gradient_steps
    assert 1.8 < gradient(32, 4) / gradient(16, 4) < 2.2
    assert 1.8 < gradient(16, 8) / gradient(16, 4) < 2.2


def test_a_formula_that_is_wrong_comes_back_with_its_smallest_case():
    from hypothesis import strategies as st

    check = formula(lambda: st.integers(0, 99), lambda k: {"k": k} if k > 7 else None, "small")
    assert check.run(Budget()).counterexample == {"k": 8}


def test_a_theorem_that_negates_a_claim_refutes_it():
    assert theorem("fu2023.eq38.negation").run(QUICK).passed is False
    assert theorem("fu2023.eq38.repaired").run(QUICK).passed is True
    with pytest.raises(KeyError):
        theorem("fu2023.no such theorem").run(QUICK)


def test_a_theorem_that_fails_leaves_its_claim_undecided(monkeypatch):
    from dataclasses import replace

    from proofs import registry
    from verify import Claim, engine

    (sound,) = registry.prove(("fu2023.eq38.repaired",))
    failed = replace(sound, proved=False, failed="1 = 2")
    monkeypatch.setattr(registry, "prove", lambda names: (failed,))
    made = Claim("test.unproved", checks=lambda: (theorem(sound.id),))
    verdict = engine.run(made, QUICK).verdict
    assert verdict.name == "undecided" and "1 = 2" in verdict.why


def test_the_compiled_network_with_the_printed_sign_does_not_come_close():
    assert fu2023_theorem.compiled_errors(QUICK).passed is True
    wrong = fu2023_theorem.compiled_errors(QUICK, printed=True)
    assert wrong.passed is False and wrong.max_error > 1e3 * wrong.bound
