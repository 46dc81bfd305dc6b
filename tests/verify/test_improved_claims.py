"""The improved claims hold, and their checks refute what is wrong."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F
from typing import Any

import pytest
import sympy

import constructions
from constructions.witness import Witness
from proofs.calculus import spectral
from proofs.layer import Head
from verify.checks import residual as spectrum
from verify.checks.bounds import certified
from verify.claim import Budget
from verify.claims.ours import algorithms, shallow

QUICK = Budget(cases=8, quick=True)


def flipped(build: Any) -> Any:
    """The builder with the first head's value negated in the last layer."""

    def made(**parameters: Any) -> Witness:
        witness = build(**parameters)
        *others, last = witness.layer_list
        head: Head = last.heads[0]
        blocks = tuple(replace(b, coefficient=-b.coefficient) for b in head.value)
        head = replace(head, value=replace(head.value, blocks=blocks))
        return witness.with_layers((*others, replace(last, heads=(head, *last.heads[1:]))))

    return made


@pytest.mark.parametrize(
    ("build", "residual", "parameters"),
    [
        (shallow.hyperpower, shallow._hyperpower_residual, {"iterations": 2, "alpha": F(1, 3)}),
        (shallow.deep_descent, shallow._descent_residual, {"layers": 2, "alpha": F(1, 3)}),
        (shallow.minimax_descent, shallow._minimax_residual, {"layers": 2, "largest": 5}),
        (
            algorithms.chebyshev,
            algorithms._chebyshev_residual,
            {"steps": 3, "lowest": 1, "highest": 4},
        ),
    ],
    ids=lambda p: getattr(p, "__name__", None),
)
def test_the_spectrum_of_a_wrong_witness_is_refuted(
    build: Any, residual: Any, parameters: dict[str, Any]
) -> None:
    right = spectrum.leaves(build, residual, lambda: [parameters]).run(QUICK)
    wrong = spectrum.leaves(flipped(build), residual, lambda: [parameters]).run(QUICK)
    assert right.passed is True
    assert wrong.passed is False
    assert wrong.counterexample is not None


def test_the_textbook_bound_fails_for_another_iteration() -> None:
    def slower(d: int, steps: int, lowest: int, highest: int) -> Witness:
        """The same steps on too small an interval."""
        return algorithms.chebyshev(d=d, steps=steps, lowest=lowest, highest=highest - 1)

    assert certified.chebyshev_bound(algorithms.chebyshev, (4,)).run(QUICK).passed is True
    assert certified.chebyshev_bound(slower, (4,)).run(QUICK).passed is False


def test_the_textbook_bound_names_its_interval_and_is_rounded_down() -> None:
    result = certified.chebyshev_bound(algorithms.chebyshev, (4, 10)).run(QUICK)
    assert "every eigenvalue from 1 to kappa, kappa = 4, 10" in result.box
    for condition, steps in ((4, 1), (10, 3), (100, 6)):
        exact = 2 * ((sympy.sqrt(condition) - 1) / (sympy.sqrt(condition) + 1)) ** steps
        bound = F(certified.textbook(condition, steps))
        assert 0 <= exact - sympy.Rational(bound.numerator, bound.denominator) < F(1, 2**50)


def test_the_logistic_bound_fails_for_a_coarser_sigmoid() -> None:
    def coarser(**parameters: Any) -> Witness:
        return constructions.build("logistic", **parameters | {"pieces": 1})

    assert certified.logistic_error(algorithms.logistic).run(QUICK).passed is True
    assert certified.logistic_error(coarser).run(QUICK).passed is False


def test_softmax_attention_without_its_temperature_is_another_kernel() -> None:
    def hotter(**parameters: Any) -> Witness:
        return constructions.build("kernel_regression", **parameters | {"temperature": 3})

    assert certified.exponential_kernel(hotter).run(QUICK).passed is False


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_deep_and_minimax_descent_have_the_largest_degree_there_is(layers: int) -> None:
    for name, parameters in (("deep_descent", {"alpha": 1}), ("minimax_descent", {"largest": 1})):
        witness = constructions.build(name, d=1, layers=layers, **parameters)
        assert spectral.degree(spectral.run(witness)[-1].values()) == 3**layers


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_minimax_descent_reaches_its_bound_at_the_largest_eigenvalue(layers: int) -> None:
    witness = constructions.build("minimax_descent", d=1, layers=layers, largest=4)
    residual = spectral.residual(witness)
    assert abs(residual.subs(spectral.s, 4)) == sympy.Rational(1, 3**layers)
    for eigenvalue in (sympy.Rational(1, 100), sympy.Integer(1), sympy.Rational(7, 2)):
        value = residual.subs(spectral.s, eigenvalue)
        assert eigenvalue * value**2 <= sympy.Rational(4, 9**layers)


def test_a_witness_outside_the_calculus_is_not_called_proved() -> None:
    found = spectrum.leaves(
        algorithms.lasso,
        lambda s, **_: 1 - s,
        lambda: [{"steps": 1, "step_size": 1, "penalty": 1}],
    ).run(QUICK)
    assert found.passed is False
    assert "is no" in found.detail or "reads" in found.detail
