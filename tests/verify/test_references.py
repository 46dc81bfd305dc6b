"""An algorithm's formula, its code and its transformer are one function, whatever is proved."""

import inspect

import numpy as np
import pytest
from examples import entries, examples

import constructions
from verify.checks.symbolic import shapes_of
from verify.claim import builtin
from verify.formulas import Formula, formula

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
