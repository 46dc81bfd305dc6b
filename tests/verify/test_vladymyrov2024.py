"""Claims of vladymyrov2024: what is planted is seen; the counterexample in plain fractions."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F

import numpy as np
import pytest
from changes import (
    built_as,
    changed_weights,
    every_head,
    every_value,
    times,
    without_layer,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import constructions
from constructions.numbers.ball import Ball
from constructions.papers import vladymyrov2024 as paper
from verify import engine
from verify.checks import proof
from verify.checks.coq import bearing, kernel
from verify.checks.statements import formula
from verify.claim import Budget, builtin
from verify.claims import vladymyrov2024 as claims
from verify.quality.mutants import with_layer

CLAIMS = {(c.id.removeprefix("vladymyrov2024."), c.variant): c for c in builtin()
          if c.id.startswith("vladymyrov2024.")}  # fmt: skip
FEW = Budget(cases=25, quick=True)


def drawn(weights):
    return lambda: claims.cases(weights, st.integers(1, 2), st.integers(1, 2))


def refuted(cases, test):
    return formula(cases, test, "").run(Budget(cases=40)).passed is False


# -- theorem 4.1 -----------------------------------------------------------------------------------


@settings(max_examples=20)
@given(claims.cases(claims.full, st.integers(0, 2), st.integers(1, 2)))
def test_the_tokens_are_those_of_the_definition(case):
    """Against the printed sum, token by token."""
    tokens = [[*x, t] for x, t in zip(case["X"].tolist(), case["y"])]
    tokens.append([*case["query"], F(0)])
    for heads, state in zip([None, *case["layers"]], claims.states(case), strict=True):
        if heads is not None:
            examples, before = np.array(tokens[:-1], dtype=object), np.array(tokens, dtype=object)
            tokens = before.tolist()
            for i, e in enumerate(before):
                for P, Q in heads:
                    for other in examples:
                        tokens[i] = (np.array(tokens[i]) + P @ other * (other @ (Q @ e))).tolist()
        assert state.tolist() == [list(token) for token in tokens]


@pytest.mark.parametrize("part", range(4))
def test_another_recursion_of_m_u_a_or_w_is_refuted(part, monkeypatch):
    real = claims.maintained

    def other(case):
        made = [list(state) for state in real(case)]
        made[-1][part] = made[-1][part] + 1
        return made

    monkeypatch.setattr(claims, "maintained", other)
    assert refuted(drawn(claims.full), claims.other_than_maintained)


def test_a_query_that_is_read_is_not_maintained(monkeypatch):
    real = paper.linear_transformer
    monkeypatch.setattr(
        paper, "linear_transformer", lambda d, layers: every_head(real(d, layers), keys="full")
    )
    assert refuted(drawn(claims.full), claims.other_than_maintained)


def test_every_block_of_p_and_q_takes_part_in_the_proof():
    """Of lemma 4.3: negated one by one none is proved; nor with the query read, or 1/n."""
    claim = CLAIMS["lemma4.3", "printed"]
    (opened,) = claim.assembled()
    opened = {**opened, "layers": 1}
    assert proof.prove(claim, opened).proved
    sizes = len(list(changed_weights(claim.witness(**proof.opened(opened, 2)), -1)))
    for number in range(sizes):

        def change(witness, number=number):
            return list(changed_weights(witness, -1))[number][1]

        planted = replace(claim, witness=built_as(claim.witness, change))
        assert not proof.prove(planted, opened).proved
    for fields in ({"keys": "full"}, {"average": "examples"}):
        planted = replace(
            claim, witness=built_as(claim.witness, lambda w, f=fields: every_head(w, **f))
        )
        assert not proof.prove(planted, opened).proved
    assert sizes >= 8


# -- diagonal weights ------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (3, 1, 2, 0), (0, 1, 1, 3)])
def test_other_omegas_are_refuted(order, monkeypatch):
    real = claims.omegas
    monkeypatch.setattr(claims, "omegas", lambda heads: [real(heads)[i] for i in order])
    assert refuted(drawn(claims.diagonal), claims.other_than_diagonal)


def test_weights_that_are_not_diagonal_are_not_the_diagonal_update():
    assert refuted(drawn(claims.full), claims.other_than_diagonal)


def test_two_heads_are_not_tied_and_have_any_four_numbers():
    pairs = st.lists(st.tuples(claims.diagonal(1), claims.diagonal(1)), min_size=2, max_size=2)
    assert refuted(lambda: pairs, claims.products_differ)
    heads = [(np.diag([F(1), F(0)]), np.diag([F(2), F(3)])),
             (np.diag([F(0), F(1)]), np.diag([F(5), F(7)]))]  # fmt: skip
    assert claims.measured(heads) == (2, 3, 5, 7) == claims.omegas(heads)


# -- theorem 5.1 -----------------------------------------------------------------------------------


@pytest.mark.recomputes("vladymyrov2024.theorem5.1")
def test_the_counterexample_of_theorem_5_1_in_plain_fractions():
    """Fewer than no layers are promised, and none leave all of the error."""
    case = engine.run(CLAIMS["theorem5.1", "printed"], FEW).verdict.counterexample
    X = [[F(e) for e in row] for row in case["X"]]
    w, x = ([F(e) for e in case[name]] for name in ("w*", "x_t"))
    squares = sorted(sum(row[i] ** 2 for row in X) for i in range(len(w)))
    assert all(X[i][j] == 0 for i in range(len(w)) for j in range(len(w)) if i != j)
    nu, mu, eps = F(case["nu"]), F(case["mu"]), F(case["eps"])
    assert (nu, mu) == (squares[0], squares[-1]) and F(case["kappa"]) == nu / mu
    # log kappa + log log 1/eps < 0 where 1/eps < e^(mu/nu), which is above 2^(mu/nu)
    assert (mu / nu).denominator == 1 and 2 ** int(mu / nu) > 1 / eps
    exact = sum(a * b for a, b in zip(w, x))
    assert w == x and abs(0 - exact) > eps * exact  # |x_t| |w*| = <x_t, w*>


def test_gd_plus_plus_at_those_rates_is_within_eps_on_a_prompt():
    """Condition number 100, eps = 1/1000, two dimensions that are no axes."""
    rates = claims.fast(1, F(100), F(1, 1000)).parameters
    steps, gammas = rates["step_size"], rates["gamma"]
    X = np.array([[F(3, 5), F(4, 5)], [F(-8), F(6)]])  # rotated diag(1, 10)
    w, x = np.array([F(1), F(-2)]), np.array([F(2), F(1, 3)])
    witness = constructions.build("gd_plus_plus", d=2, steps=len(steps), step_size=steps,
                                  gamma=gammas)  # fmt: skip
    assert len(steps) == 1 + 9 + 4
    (found,) = witness.predict(X, X @ w, x[None], Ball(precision=2000))
    off = abs(found - int(6 * (w @ x)) / type(found)(6))
    assert off**2 < type(found)(1) / 10**6 * float(w @ w) * float(x @ x)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda reach, squarings: (max(reach - 3, 0), squarings), "is attained"),
        (lambda reach, squarings: (reach, max(squarings - 2, 0)), "is attained"),
        (lambda reach, squarings: (reach + 1, squarings), "layers = "),
    ],
)
def test_fewer_layers_are_too_few_and_more_are_not_promised(change, why, monkeypatch):
    real, rates = claims.fast, paper.fast_rates

    def fast(nu, mu, eps):
        with monkeypatch.context() as patch:
            patch.setattr(
                paper, "fast_rates", lambda *counts: rates(*change(*counts[:2]), counts[2])
            )
            return real(nu, mu, eps)

    monkeypatch.setattr(claims, "fast", fast)
    found = engine.run(CLAIMS["theorem5.1", "repaired"], FEW)
    assert found.verdict.name == "refuted" and why in found.finding


def test_rates_beyond_a_third_have_no_bound():
    """gamma = 1/2 leaves more of s = 2/3 than of both ends."""
    rates = {"step_size": (0, 2), "gamma": (F(1, 2), 0)}
    witness = constructions.build("gd_plus_plus", d=1, steps=2, **rates)
    found = claims.left_of_eigenvalues(witness, {"nu": F(1, 3), "mu": F(1)})
    assert found.bound == float("inf")
    assert found.attained > 0 and claims.left_at(witness, F(2, 3)) < found.attained
    assert claims.rates_of_layers(witness) == [(0, F(1, 2)), (2, 0)]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(0, 8)), min_size=1, max_size=3),
       st.integers(1, 8))  # fmt: skip
def test_what_is_left_is_the_product_at_the_rates_that_are_read_off_the_layers(rates, s):
    steps, gammas = (tuple(F(one[i], 8) for one in rates) for i in range(2))
    witness = constructions.build(
        "gd_plus_plus", d=1, steps=len(rates), step_size=steps, gamma=gammas
    )
    left, at = F(1), F(s)
    for eta, gamma in zip(steps, gammas):
        left, at = left * (1 - eta * at), at * (1 - gamma * at) ** 2
    assert claims.rates_of_layers(witness) == list(zip(steps, gammas))
    assert claims.left_at(witness, s).overlaps(abs(claims.as_ball(left)))


def test_the_rates_are_those_of_the_built_layers_not_those_that_were_asked_for():
    """All that heads add times 1.01, or a head that sees the query: other rates, or none."""
    right = claims.fast(1, F(3), F(1, 100))
    hundredth = [(e * F(101, 100), g * F(101, 100)) for e, g in claims.rates_of_layers(right)]
    assert claims.rates_of_layers(every_value(right, F(101, 100))) == hundredth
    assert claims.rates_of_layers(every_head(right, keys="full")) is None
    assert (
        claims.rates_of_layers(replace(right, readout=replace(right.readout, coefficient=1)))
        is None
    )


def first_query(witness):
    """The first query block of the first layer times 1.01."""
    layer = witness.layer_list[0]
    head = replace(layer.heads[0], query=times(F(101, 100), layer.heads[0].query))
    return with_layer(witness, 0, replace(layer, heads=(head, *layer.heads[1:])))


def last_value(witness):
    """What the last head adds to r, and to u, times 1.01."""
    last = witness.with_layers(witness.layer_list[-1:])
    return witness.with_layers(
        (*witness.layer_list[:-1], *every_value(last, F(101, 100)).layer_list)
    )


@pytest.mark.parametrize(
    "fault",
    [
        lambda witness: every_value(witness, 0),
        lambda witness: every_value(witness, -1),
        lambda witness: every_head(witness, keys="full"),
        lambda witness: without_layer(witness, witness.layers - 1),
        last_value,
    ],
)
def test_a_fault_of_the_layers_that_are_built_refutes_theorem_5_1(fault, monkeypatch):
    monkeypatch.setattr(claims, "fast", built_as(claims.fast, fault))
    assert engine.run(CLAIMS["theorem5.1", "repaired"], FEW).verdict.name == "refuted"


@pytest.mark.parametrize("fault", [first_query, lambda witness: every_value(witness, F(101, 100))])
def test_a_fault_that_no_end_shows_leaves_no_bound(fault, monkeypatch):
    """gamma a hundredth too large: squared again and again, of both ends less than eps is left."""
    monkeypatch.setattr(claims, "fast", built_as(claims.fast, fault))
    found = engine.run(CLAIMS["theorem5.1", "repaired"], FEW)
    (bounded,) = (check for check in found.checks if check.kind == "enclosure")
    assert found.verdict.name == "undecided" and bounded.passed is None
    assert "bound infinity" in bounded.detail


def test_theorem_4_1_is_one_of_coqs_theorems_and_supports_the_claim():
    """Compiled with all others in the kernel's tests."""
    (structure,) = kernel.select(["Vladymyrov.structure"])
    assert structure.supports == ("vladymyrov2024.theorem4.1",)
    found = {name for one in bearing.of(CLAIMS["theorem4.1", "printed"]) for name in one.names}
    assert found == {"Vladymyrov.structure"}
