"""Every way of breaking a core witness is refuted where it breaks, and not proved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
from changes import built_as, every_head, times, without_layer

import constructions
from constructions.witness import Witness
from proofs.layer import Head
from proofs.slotmap import Block, SlotMap, slot_map
from verify import Refuted, algorithms, engine, hunt
from verify.checks import floats, proof
from verify.claim import Budget, Claim, builtin
from verify.quality.mutants import with_head, with_layer
from verify.strategies import Case

CORE = {c.id: c for c in builtin() if c.id in ("gradient_descent", "sherman_morrison", "newton")}
QUICK = Budget(cases=25, quick=True)
Change = Callable[[Witness], Witness]


def with_value(witness: Witness, number: int, change: Callable[[SlotMap], SlotMap]) -> Witness:
    """The value of the first head of one layer changed."""
    layer = witness.layer_list[number]
    return with_layer(witness, number, with_head(layer, 0, value=change(layer.heads[0].value)))


def flip_a_sign(witness: Witness) -> Witness:
    """The last head negated; without steps there is nothing to break."""
    attending = [i for i, layer in enumerate(witness.layer_list) if layer.heads]
    return with_value(witness, attending[-1], partial(times, -1)) if attending else witness


def drop_a_layer(witness: Witness) -> Witness:
    """One layer out of the middle."""
    return without_layer(witness, len(witness.layer_list) // 2)


def let_the_query_be_a_key(witness: Witness) -> Witness:
    return every_head(witness, keys="full")


def broken(claim: Claim, change: Change) -> Claim:
    assert claim.witness is not None
    return replace(claim, witness=built_as(claim.witness, change))


def with_parameter(claim: Claim, name: str, change: Callable[[Any], Any]) -> Claim:
    """The claim whose builder gets another value of a parameter than the algorithm."""
    make = claim.witness
    assert make is not None
    return replace(
        claim, witness=lambda **given: make(**given | {name: change(given.get(name, 0))})
    )


def refutation(claim: Claim) -> Refuted:
    report = engine.run(claim, Budget(cases=80))
    assert isinstance(report.verdict, Refuted), report.checks
    assert report.verdict.counterexample is not None
    difference = report.verdict.first_difference
    assert difference is not None and difference["layer"] >= 1
    assert difference["is"] != difference["should"]
    return report.verdict


BROKEN: list[tuple[str, Change, str]] = [
    *((name, flip_a_sign, "") for name in CORE),
    *((name, drop_a_layer, "") for name in CORE),
    ("newton", let_the_query_be_a_key, "t"),
    ("gradient_descent", let_the_query_be_a_key, "fit"),
    # in Sherman-Morrison a query's key is zero: it makes no difference, and that is proved
]


@pytest.mark.parametrize(("name", "change", "slot"), BROKEN)
def test_a_broken_witness_is_refuted_in_its_first_wrong_layer_and_not_proved(name, change, slot):
    claim = CORE[name]
    if change is drop_a_layer and name == "gradient_descent":
        several = claim.cases().filter(lambda case: case.parameters["steps"] > 1)
        claim = replace(claim, cases=lambda: several)
    found = refutation(broken(claim, change)).first_difference
    assert slot in found["slot"]
    unproved = proof.run(broken(claim, change), QUICK)
    assert unproved.passed is False and unproved.detail


@pytest.mark.parametrize(
    ("name", "parameter", "change"),
    [
        ("sherman_morrison", "ridge", lambda ridge: ridge * Fraction(1, 2)),
        ("gradient_descent", "ridge", lambda ridge: ridge * Fraction(1, 2)),
        ("newton", "iterations", lambda k: max(0, k - 1)),
    ],
)
def test_another_parameter_than_the_algorithms_is_refuted(name, parameter, change):
    refutation(with_parameter(CORE[name], parameter, change))


def test_a_counterexample_is_checked_by_hand_with_plain_fractions():
    verdict = refutation(broken(CORE["newton"], let_the_query_be_a_key))
    given, difference = verdict.counterexample, verdict.first_difference
    assert given["parameters"]["prompt"] == "joint" and difference["layer"] == 1
    X = [[Fraction(entry) for entry in row] for row in given["X"]]
    queries = [[Fraction(entry) for entry in row] for row in given["queries"]]
    assert max(len(X), len(X[0]), len(queries)) == 1
    ((x,),), ((q,),) = X, queries
    alpha, token = Fraction(given["parameters"]["alpha"]), (x, q)[difference["token"]]
    # t = alpha S x_t, where S must not have the query in it
    assert Fraction(difference["should"]) == alpha * x * x * token
    assert Fraction(difference["is"]) == alpha * (x * x + q * q) * token


# -- floats -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CORE)
def test_a_wrong_weight_exceeds_the_float_tolerance(name):
    """A relative change of 1e-6 in one weight is seen by the numeric check alone, in float64."""
    rng = np.random.default_rng(0)
    X, y, queries = rng.standard_normal((7, 3)), rng.standard_normal(7), rng.standard_normal((2, 3))
    parameters: dict[str, Any] = {
        "gradient_descent": {"d": 3, "steps": 3, "step_size": 0.01},
        "sherman_morrison": {"d": 3, "examples": 7, "ridge": 0.5},
        "newton": {"d": 3, "iterations": 4, "alpha": np.linalg.norm(X) ** -4},
    }[name]
    case = Case(parameters, X, y, queries)
    error, tolerance = floats.compare(CORE[name], case, "float64")
    assert error <= tolerance
    slightly = partial(times, 1 + Fraction(1, 10**6))
    off = broken(CORE[name], lambda witness: with_value(witness, 1, slightly))
    with pytest.raises(hunt.Differs, match="where rounding explains"):
        floats.compare(off, case, "float64")


@pytest.mark.filterwarnings("ignore::constructions.PrecisionWarning")  # float32 at 12 iterations
@pytest.mark.parametrize("d", [1, 2, 7, 20, 32])
@pytest.mark.parametrize("system", ["float64", "float32"])
@pytest.mark.parametrize("name", CORE)
def test_a_batch_of_64_prompts_agrees_within_the_computed_bound(name, d, system):
    n, batch = 40, 64
    rng = np.random.default_rng(d)
    X, y = rng.standard_normal((batch, n, d)), rng.standard_normal((batch, n))
    queries = rng.standard_normal((batch, 1, d))
    top = max(np.linalg.norm(x, 2) for x in X)
    given: dict[str, dict[str, Any]] = {
        "gradient_descent": {"steps": 8, "step_size": 0.5 / top**2, "ridge": 0.25},
        "sherman_morrison": {"ridge": 1.0},
        "newton": {"iterations": 12, "alpha": 1 / top**4},
    }
    takes = given[name]
    algorithm = algorithms.ridge if name == "sherman_morrison" else getattr(algorithms, name)
    more = {"examples": n} if name == "sherman_morrison" else {}
    witness = constructions.build(name, d=d, **takes, **more)
    got = witness.predict(X, y, queries, system)
    for b in range(0, batch, 21):
        prompt = X[b], y[b], queries[b]
        (bound,), (own,) = (witness.rounding_bound(*prompt, s) for s in (system, "float64"))
        want = algorithm(*prompt, **takes)  # in float64: as accurate as a float64 witness
        assert (np.abs(got[b] - want) <= bound + own).all()
        if system == "float64":
            assert bound <= 1e-6 * np.abs(want).max() + 1e-9


# -- proofs are about the witness that runs ---------------------------------------------------


def test_a_block_more_is_not_proved_however_small_it_is():
    def add(witness: Witness) -> Witness:
        block = Block("t", "x", Fraction(1, 10**9))
        return with_value(witness, 0, lambda slots: SlotMap((*slots.blocks, block)))

    assert proof.run(broken(CORE["newton"], add), QUICK).passed is False


def test_a_witness_that_depends_on_d_is_not_proved_for_every_d():
    make = CORE["newton"].witness
    assert make is not None

    def odd(**given):
        """One iteration more from d = 5 on; it is proved at d = 3."""
        return make(**{**given, "iterations": given["iterations"] + (given["d"] >= 5)})

    result = proof.run(replace(CORE["newton"], witness=odd), QUICK)
    assert result.passed is False and "are others at d = 5" in result.detail


def test_a_claim_whose_proof_fails_is_undecided_and_not_refuted():
    def add_nothing(witness: Witness) -> Witness:
        """Two ReLU heads more, equal but for the sign of the value: outside the calculus."""
        first, *layers = witness.layer_list
        x = slot_map(("f", "x"))
        heads = (Head(x, x, slot_map(("t", "x", sign)), attention="relu") for sign in (1, -1))
        return witness.with_layers((replace(first, heads=(*first.heads, *heads)), *layers))

    unproved = replace(broken(CORE["newton"], add_nothing), promises=())
    report = engine.run(unproved, QUICK)
    assert report.verdict.name == "undecided" and "not proved" in report.verdict.why
