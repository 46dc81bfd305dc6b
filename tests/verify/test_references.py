"""An algorithm's formula, its code and its transformer are one function, whatever is proved."""

import inspect
import sys
from dataclasses import replace

import numpy as np
import pytest
from examples import entries, examples

import constructions
from constructions import construction
from constructions.construction import Parts
from proofs.layer import Readout
from verify.checks.symbolic import shapes_of
from verify.claim import Budget, builtin
from verify.claims.ours import derived
from verify.formulas import Formula, formula
from verify.pool import checked

momentum = sys.modules[constructions.get("momentum").parts.__module__]
CLAIMS = {claim.id: claim for claim in builtin()}


@pytest.mark.parametrize("label", examples(2))
def test_formula_code_and_transformer_agree(label):
    name, parameters = examples(2)[label]
    made, code = constructions.get(name), CLAIMS[name].algorithm
    witness = made(**parameters)
    shapes = shapes_of(witness.prompt, 4, 2)
    prompt = [np.array(entries(*shape), dtype=object) for shape in shapes]
    found = list(witness.predict(*prompt, numbers="rational"))
    taken = {key: value for key, value in parameters.items()
             if key in inspect.signature(code).parameters}  # fmt: skip
    arrays = {k: np.array(v) if isinstance(v, tuple) else v for k, v in taken.items()}
    assert found == list(code(*prompt, **arrays))
    if made.reference is None:
        assert name == "selection"
    else:
        stated = Formula(name, made.reference, witness.prompt.fields)
        assert found == list(stated(*prompt, **witness.parameters))


def test_the_exponential_kernel_has_no_formula():
    made = constructions.get("kernel_regression")
    witness = made(d=2, steps=2, step_size=1, kernel="exponential")
    with pytest.raises(ValueError, match="no formula with these parameters"):
        Formula("kernel_regression", made.reference).at(witness.parameters)
    assert witness.definitions == ()


@pytest.mark.parametrize("name", ["X", "y", "n", "I", "O", "x_t", "x1", "y2"])
def test_a_quantity_has_no_name_of_a_part_of_the_prompt(name):
    with pytest.raises(ValueError, match=f"{name} is a part of the prompt"):
        formula("x_t.T*X.T*y", **{name: "2*y"}).at({})
    assert formula("z", z="2*n").at({}) == ({"z": "2*n"}, "z")


# -- a construction of one's own that is not finished ---------------------------------------------


def verdict_of(made):
    return checked(derived.claim_of(made), None, Budget(cases=2)).verdict


def mine(step=momentum.STEP, **changed):
    """The heavy ball once more, under a name that nothing else has, its layer as said."""

    def parts(step_size, momentum):
        layer, names = step.at(eta=step_size, beta=momentum), {"v": "v{k}", "w": "w{k}"}
        return Parts(step.stage, Readout("r", -1), step=layer, names=names)

    known = constructions.get("momentum")
    step_of = {"name": "mine", "equals": "momentum", "parts": parts, "proved": (step,)}
    return replace(known, **{**step_of, **changed})


def test_a_finished_construction_is_compared():
    assert verdict_of(mine()).name == "holds"


def test_a_layer_that_no_weights_make_true_is_named_with_its_letters():
    wrong = replace(momentum.STEP, name="mine.layer", let={"moved": "beta*v - eta*X.T*(X*w + y)"})
    verdict = verdict_of(mine(wrong))
    assert verdict.name == "broken"
    assert verdict.why == (
        "NoSolutionError: mine.layer: no numbers for query, key, value, lift, skip make it true "
        "(6 equations between them have no solution)"
    )


def test_a_broken_layer_is_looked_for_in_the_file_of_its_construction(monkeypatch):
    wrong = replace(momentum.STEP, let={"moved": "beta*v - eta*X.T*(X*w + y)"})
    monkeypatch.setattr(momentum, "STEP", wrong)
    monkeypatch.setattr(construction, "_kept", construction._kept.__wrapped__)
    verdict = verdict_of(replace(constructions.get("momentum"), name="mine", equals="momentum"))
    assert verdict.where.startswith("constructions/algorithms/descent/momentum.py, line ")


def test_a_recurrence_that_is_missing_is_asked_for():
    verdict = verdict_of(mine(reference=None))
    assert verdict.name == "broken" and verdict.why == (
        "ValueError: mine: its slots hold v1, w1, and nothing says what these are: write the "
        "recurrence mine in proofs/references.py"
    )


def test_an_algorithm_that_is_missing_is_asked_for():
    assert "write mine in verify/algorithms.py" in verdict_of(mine(equals="")).why
