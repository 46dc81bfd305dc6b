"""Mutants of witnesses: each one differs, what is wrong is refuted, what is equal is proved so."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from constructions.heads import linear_mlp
from constructions.slotmap import slot_map
from verify import equality, mutants, sensitivity
from verify.errors import WrongCall


@pytest.fixture(scope="module")
def descent() -> sensitivity.Subject:
    return sensitivity.subject("gradient_descent")


def test_the_unchanged_witness_is_refuted_by_nothing(descent):
    said = sensitivity.judge(descent, descent.witness)
    assert said == {"exact": False, "steps": False, "numeric": False, "symbolic": False}


def test_every_weight_has_a_mutant_of_each_change(descent):
    made = list(mutants.weights(descent.witness))
    assert len(made) == len(mutants.CHANGES) * descent.witness.weights


def test_every_mutant_has_other_weights(descent):
    assert all(m.witness.digest != descent.witness.digest for m in mutants.of(descent.witness))


def test_a_dropped_weight_is_gone_from_the_matrices(descent):
    first = next(m for m in mutants.weights(descent.witness) if m.change == "dropped")
    assert first.witness.weights == descent.witness.weights - 1


def test_a_weight_off_by_one_part_in_a_billion_is_refuted_in_fractions(descent):
    off = next(
        m for m in mutants.weights(descent.witness) if m.change == "1e-9" and "value" in m.where
    )
    assert sensitivity.judge(descent, off.witness)["exact"] is True


@pytest.mark.parametrize("change", ["dropped", "negated", "1e-3", "1e-6"])
def test_floats_refute_every_change_that_matters(descent, change):
    for mutant in mutants.weights(descent.witness):
        if mutant.change == change and "layer 1" in mutant.where:
            said = sensitivity.judge(descent, mutant.witness)
            assert said["symbolic"] is False or said["exact"] is True
            assert said["symbolic"] is False or said["numeric"] in (True, None)


def test_what_nothing_reads_is_equal_by_proof(descent):
    layers = descent.witness.layer_list
    last = replace(layers[-1], mlp=linear_mlp(*layers[-1].mlp.outer.blocks, ("old", "y", 5)))
    changed = descent.witness.with_layers((*layers[:-1], last))
    assert changed.digest != descent.witness.digest
    assert equality.predicts_the_algorithm(descent.claim, changed, descent.parameters, 2)


def test_heads_in_another_order_are_the_same_by_proof():
    one = sensitivity.subject("newton relu")
    swapped = next(m for m in mutants.structure(one.witness) if m.change == "heads")
    assert equality.same_where_read(one.witness, swapped.witness)


def test_values_of_two_heads_exchanged_are_not_the_same():
    one = sensitivity.subject("newton relu")
    mixed = next(m for m in mutants.structure(one.witness) if m.where.startswith("layer 1: values"))
    assert not equality.same_where_read(one.witness, mixed.witness)
    assert sensitivity.judge(one, mixed.witness)["exact"] is True


def test_the_relu_pair_is_the_linear_head_by_proof():
    one = sensitivity.subject("newton relu")
    assert equality.predicts_the_algorithm(one.claim, one.witness, one.parameters, 2) is True


def test_a_wrong_relu_pair_is_not_equal_by_proof():
    one = sensitivity.subject("newton relu")
    layer = one.witness.layer_list[1]
    plus, minus = layer.heads
    wrong = replace(plus, value=slot_map(("t", "t", Fraction(1, 7))))
    changed = one.witness.with_layers(
        (
            one.witness.layer_list[0],
            replace(layer, heads=(wrong, minus)),
            *one.witness.layer_list[2:],
        )
    )
    assert equality.predicts_the_algorithm(one.claim, changed, one.parameters, 2) is False


def test_the_quick_report_counts_every_kind_and_misses_nothing():
    result = sensitivity.run(["gradient_descent mean"], quick=True)
    (witness,) = result["witnesses"]
    assert witness["missed"] == []
    assert sum(row["mutants"] for row in witness["changes"].values()) > 3
    assert all(row["false alarms"] == 0 for row in witness["changes"].values())
    assert sensitivity.table(result).row_count == len(witness["changes"])


def test_an_unknown_witness_is_refused_in_one_line():
    with pytest.raises(WrongCall, match="has no mutants"):
        sensitivity.subject("nothing")
