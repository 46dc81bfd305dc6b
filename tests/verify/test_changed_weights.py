"""No weight of any construction can be changed unseen: slots and predictions differ, and no proof

goes through but of what predicts the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from changes import TINY, changed_weights, every_head, without_layer
from examples import entries, examples

import constructions
from constructions.witness import Witness
from proofs.prove_witness import Proof, prove_witness
from verify.checks.case import first_difference
from verify.checks.symbolic import shapes_of
from verify.quality.mutants import with_layer
from verify.strategies import Case

# of selection it is chosen, not computed, which ridge is read
EXAMPLES = {label: one for label, one in examples(2, 2).items() if label != "selection"}
# outside the calculus: w is 0 before the first layer
IDLE = {"lasso": ["layer 1, head 1, query: w <- -1 w", "layer 1, head 1, key: w <- 1 x"]}


def built(label: str) -> Witness:
    name, parameters = EXAMPLES[label]
    return constructions.get(name)(**parameters)


def cases(witness: Witness) -> list[Case]:
    """Prompts that together reach every ReLU."""
    n = witness.examples or 3
    shapes = shapes_of(witness.prompt, n, 2)
    X, y, queries = (np.array(entries(*shape), dtype=object) for shape in shapes)
    prompts = ((X, y), (X, -y), (X * 4, y), (X / 9, y * 2))
    fields = witness.prompt.fields
    return [Case({}, *prompt, queries, fields) for prompt in prompts]


def proof_of(label: str) -> Callable[[Witness], Proof] | None:
    """Proves a witness against the algorithm of the example, if that is in the calculus."""
    made = constructions.get(EXAMPLES[label][0])
    parameters = built(label).parameters
    if not made.runs_in_letters(parameters):
        return None
    statement = made.reference(parameters)
    return lambda witness: prove_witness(witness, expand=made.expand, statement=statement)


def predict(witness: Witness) -> list[Any]:
    return [witness.predict(c.X, c.y, c.queries, "rational").tolist() for c in cases(witness)]


@pytest.mark.parametrize("label", EXAMPLES)
def test_a_billionth_of_any_weight_is_seen_or_proved_to_make_no_difference(label):
    witness, prove, missed = built(label), proof_of(label), []
    right, every = predict(witness), 7 if witness.examples else 1  # divisions take longer: a sample
    factors = (1 + TINY,) if prove is None else (1 + TINY, -1)
    for number, (where, mutant) in enumerate(changed_weights(witness, *factors)):
        seen = any(first_difference(mutant, case) is not None for case in cases(witness))
        if prove is not None and (not seen or number % every == 0) and prove(mutant).proved:
            assert predict(mutant) == right, where
        elif not seen:
            missed.append(where)
    assert missed == IDLE.get(label, [])


@pytest.mark.parametrize("label", [label for label in EXAMPLES if proof_of(label) is not None])
def test_a_witness_is_proved_and_not_without_a_layer_nor_with_queries_among_its_keys(label):
    witness, prove, right = built(label), proof_of(label), predict(built(label))
    proof = prove(witness)
    assert proof.proved and "prediction" in proof.steps[-1], proof.failed
    leaking = every_head(witness, keys="full")
    for number, layer in enumerate(witness.layer_list):
        fewer = without_layer(witness, number)  # the mean needs no last update of the covariance
        assert not prove(fewer).proved or label == "bayes_ridge-mean" and predict(fewer) == right
        mutant = with_layer(witness, number, leaking.layer_list[number])
        assert not prove(mutant).proved or predict(mutant) == right, layer.name
    assert not prove(leaking).proved or witness.name not in ("newton", "gradient_descent")
