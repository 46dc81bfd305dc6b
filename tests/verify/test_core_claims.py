"""The core claims hold, and every way of breaking a witness is refuted where it breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import constructions
from constructions.witness import Witness
from proofs.layer import Head
from proofs.slotmap import SlotMap, slot_map
from verify import Holds, Refuted, algorithms, engine, hunt
from verify.claim import Budget, Claim, builtin
from verify.strategies import Case

CORE = {c.id: c for c in builtin() if c.id in ("gradient_descent", "sherman_morrison", "newton")}
QUICK = Budget(cases=25, quick=True)


def test_there_are_three_core_claims():
    assert set(CORE) == {"gradient_descent", "sherman_morrison", "newton"}


@pytest.mark.parametrize("name", sorted(CORE))
def test_a_core_claim_holds_by_every_kind_of_check(name):
    report = engine.run(CORE[name], QUICK)
    assert isinstance(report.verdict, Holds)
    kinds = {check.kind: check.passed for check in report.checks}
    for kind in ("exact", "annotations", "symbolic", "numeric", "resources", "proof"):
        assert kinds[kind] is True, report.checks
    assert report.as_expected


# -- breaking them ----------------------------------------------------------------------------


def negate(slots: SlotMap) -> SlotMap:
    first, *rest = slots.blocks
    return SlotMap((replace(first, coefficient=-first.coefficient), *rest))


def flip_a_sign(witness: Witness) -> Witness:
    """The value of the first head of the last layer that has a head, negated."""
    layers = list(witness.layer_list)
    if not layers:  # no steps, nothing to break
        return witness
    number = max(i for i, layer in enumerate(layers) if layer.heads)
    head, *others = layers[number].heads
    layers[number] = replace(
        layers[number], heads=(replace(head, value=negate(head.value)), *others)
    )
    return witness.with_layers(tuple(layers))


def drop_a_layer(witness: Witness) -> Witness:
    """One layer out of the middle."""
    middle = len(witness.layer_list) // 2
    return witness.with_layers(witness.layer_list[:middle] + witness.layer_list[middle + 1 :])


def let_the_query_be_a_key(witness: Witness) -> Witness:
    layers = tuple(
        replace(layer, heads=tuple(replace(head, keys="full") for head in layer.heads))
        for layer in witness.layer_list
    )
    return witness.with_layers(layers)


def broken(claim: Claim, change: Callable[[Witness], Witness], **fixed: Any) -> Claim:
    assert claim.witness is not None
    make = claim.witness
    return replace(claim, witness=lambda **p: change(make(**{**p, **fixed})))


def refutation(claim: Claim) -> Refuted:
    report = engine.run(claim, Budget(cases=80))
    assert isinstance(report.verdict, Refuted), report.checks
    assert report.verdict.counterexample is not None
    return report.verdict


@pytest.mark.parametrize("name", sorted(CORE))
@pytest.mark.parametrize("change", [flip_a_sign, drop_a_layer])
def test_a_broken_witness_is_refuted_with_its_first_differing_layer(name, change):
    claim = CORE[name]
    if change is drop_a_layer and name == "gradient_descent":
        claim = replace(
            claim, cases=lambda: CORE[name].cases().filter(lambda c: c.parameters["steps"] > 1)
        )
    verdict = refutation(broken(claim, change))
    difference = verdict.first_difference
    assert difference is not None and difference["layer"] >= 1 and difference["slot"]
    assert difference["is"] != difference["should"]


def test_a_query_among_newtons_keys_is_refuted_in_the_first_layer():
    verdict = refutation(broken(CORE["newton"], let_the_query_be_a_key))
    assert verdict.first_difference is not None
    assert (verdict.first_difference["layer"], verdict.first_difference["slot"]) == (1, "t")


def test_a_query_among_the_keys_of_gradient_descent_is_refuted():
    verdict = refutation(broken(CORE["gradient_descent"], let_the_query_be_a_key))
    assert verdict.first_difference is not None and verdict.first_difference["slot"] == "fit"


def test_half_the_ridge_is_refuted():
    for name in ("sherman_morrison", "gradient_descent"):
        make = CORE[name].witness
        assert make is not None
        halved = replace(
            CORE[name],
            witness=lambda make=make, **p: make(
                **{**p, "ridge": p.get("ridge", 0) * Fraction(1, 2)}
            ),
        )
        verdict = refutation(halved)
        assert verdict.first_difference is not None and verdict.first_difference["layer"] >= 1


def test_one_iteration_too_few_is_refuted():
    make = CORE["newton"].witness
    assert make is not None
    fewer = replace(
        CORE["newton"], witness=lambda **p: make(**{**p, "iterations": max(0, p["iterations"] - 1)})
    )
    refutation(fewer)


def test_a_counterexample_is_checked_by_hand_with_plain_fractions():
    verdict = refutation(broken(CORE["newton"], let_the_query_be_a_key))
    given, difference = verdict.counterexample, verdict.first_difference
    assert given is not None and difference is not None
    assert given["parameters"]["prompt"] == "joint"
    X = [[Fraction(entry) for entry in row] for row in given["X"]]
    queries = [[Fraction(entry) for entry in row] for row in given["queries"]]
    assert max(len(X), len(X[0]), len(queries)) == 1
    ((x,),), ((q,),) = X, queries
    alpha, token = Fraction(given["parameters"]["alpha"]), (x, q)[difference["token"]]
    # t = alpha S x_t, where S must not have the query in it
    assert Fraction(difference["should"]) == alpha * x * x * token
    assert Fraction(difference["is"]) == alpha * (x * x + q * q) * token


@pytest.mark.parametrize("name", sorted(CORE))
def test_a_wrong_weight_exceeds_the_float_tolerance(name):
    """A relative change of 1e-6 in one weight is seen by the numeric check alone, in float64."""
    from verify.checks import floats

    claim = CORE[name]
    rng = np.random.default_rng(0)
    X, y, queries = rng.standard_normal((7, 3)), rng.standard_normal(7), rng.standard_normal((2, 3))
    parameters: dict[str, Any] = {
        "gradient_descent": {"d": 3, "steps": 3, "step_size": 0.01},
        "sherman_morrison": {"d": 3, "examples": 7, "ridge": 0.5},
        "newton": {"d": 3, "iterations": 4, "alpha": np.linalg.norm(X) ** -4},
    }[name]

    def change(witness: Witness) -> Witness:
        layers = list(witness.layer_list)
        head = layers[1].heads[0]
        first, *rest = head.value.blocks
        value = SlotMap(
            (replace(first, coefficient=first.coefficient * (1 + Fraction(1, 10**6))), *rest)
        )
        layers[1] = replace(layers[1], heads=(replace(head, value=value), *layers[1].heads[1:]))
        return witness.with_layers(tuple(layers))

    case = Case(parameters, X, y, queries)
    error, tolerance = floats.compare(claim, case, "float64")
    assert error <= tolerance
    with pytest.raises(hunt.Differs, match="where rounding explains"):
        floats.compare(broken(claim, change), case, "float64")


# -- as the issue of rounding asks: batches, sizes and formats ---------------------------------


@pytest.mark.filterwarnings("ignore::constructions.PrecisionWarning")  # float32 at 12 iterations
@pytest.mark.parametrize("d", [1, 2, 7, 20, 32])
@pytest.mark.parametrize("system", ["float64", "float32"])
@pytest.mark.parametrize("name", sorted(CORE))
def test_a_batch_of_64_prompts_agrees_within_the_computed_bound(name, d, system):
    n, batch = 40, 64
    rng = np.random.default_rng(d)
    X, y = rng.standard_normal((batch, n, d)), rng.standard_normal((batch, n))
    queries = rng.standard_normal((batch, 1, d))
    top = max(np.linalg.norm(x, 2) for x in X)
    make: dict[str, tuple[dict[str, Any], Any]] = {
        "gradient_descent": ({"steps": 8, "step_size": 0.5 / top**2, "ridge": 0.25}, None),
        "sherman_morrison": ({"examples": n, "ridge": 1.0}, algorithms.ridge),
        "newton": ({"iterations": 12, "alpha": 1 / top**4}, None),
    }
    parameters, algorithm = make[name]
    algorithm = algorithm or getattr(algorithms, name)
    witness = constructions.build(name, d=d, **parameters)
    got = witness.predict(X, y, queries, system)
    chosen = slice(0, batch, 21)
    bounds = witness.rounding_bound(X[chosen], y[chosen], queries[chosen], system)
    bound = dict(zip(range(batch)[chosen], bounds))
    for b in bound:  # the reference in float64: as accurate as a float64 witness
        takes = {k: v for k, v in parameters.items() if k != "examples"}
        want = algorithm(X[b], y[b], queries[b], **takes)
        own = witness.rounding_bound(X[b], y[b], queries[b], "float64")
        assert (np.abs(got[b] - want) <= bound[b] + own).all()
        if system == "float64":
            assert (bound[b] <= 1e-6 * np.abs(want).max() + 1e-9).all()


# -- proofs are about the witness that runs ----------------------------------------------------


@pytest.mark.parametrize(
    ("name", "change"),
    [
        *((name, flip_a_sign) for name in sorted(CORE)),
        ("newton", let_the_query_be_a_key),
        ("gradient_descent", let_the_query_be_a_key),
        # in Sherman-Morrison a query's key is zero: it makes no difference, and that is proved
    ],
)
def test_a_changed_witness_is_not_proved(name, change):
    from verify.checks import proof

    assert proof.run(CORE[name], QUICK).passed is True
    changed = broken(CORE[name], change)
    result = proof.run(changed, QUICK)
    assert result.passed is False and result.detail


def test_a_block_more_is_not_proved():
    from proofs.slotmap import Block
    from verify.checks import proof

    def add(witness: Witness) -> Witness:
        layers = list(witness.layer_list)
        head, *others = layers[-1].heads
        value = SlotMap((*head.value.blocks, Block("p", "p", 1)))
        layers[-1] = replace(layers[-1], heads=(replace(head, value=value), *others))
        return witness.with_layers(tuple(layers))

    # p is 0 at every token that is a key, so the block adds nothing at all: that is proved too
    assert proof.run(broken(CORE["newton"], add), QUICK).passed is not None

    def add_x(witness: Witness) -> Witness:
        layers = list(witness.layer_list)
        head, *others = layers[0].heads
        value = SlotMap((*head.value.blocks, Block("t", "x", Fraction(1, 10**9))))
        layers[0] = replace(layers[0], heads=(replace(head, value=value), *others))
        return witness.with_layers(tuple(layers))

    assert proof.run(broken(CORE["newton"], add_x), QUICK).passed is False


def test_a_witness_that_depends_on_d_is_not_proved_for_every_d():
    from verify.checks import proof

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
