"""An algorithm's formula, its code and its transformer are one function, where no proof says so."""

from fractions import Fraction as F

import numpy as np
import pytest

import constructions
from verify import algorithms
from verify.formulas import Formula

X = np.array([[F(1), F(2)], [F(-1), F(1, 2)], [F(3), F(0)]], dtype=object)
Y = np.array([F(1), F(0), F(1, 2)], dtype=object)
QUERIES = np.array([[F(1), F(-1)], [F(1, 3), F(2)]], dtype=object)
FEATURES = ((F(1), F(-1)), (F(1, 2), F(1)), (F(0), F(1)))
RELU = {"steps": 2, "step_size": F(1, 9), "kernel": "relu", "features": FEATURES}


@pytest.mark.parametrize(
    "name, parameters",
    [
        ("lasso", {"steps": 3, "step_size": F(1, 20), "penalty": F(1, 2)}),
        ("logistic", {"steps": 2, "step_size": F(1, 2), "pieces": 4, "reach": 2}),
        ("kernel_regression", {"steps": 3, "step_size": F(1, 9)}),
        ("kernel_regression", RELU),
        ("kernel_regression", {**RELU, "offsets": (F(1), F(0), F(-1))}),
    ],
)
def test_formula_code_and_transformer_agree(name, parameters):
    made = constructions.get(name)
    witness = made(d=2, **parameters)
    arrays = {k: np.array(v) if isinstance(v, tuple) else v for k, v in parameters.items()}
    found = Formula(name, made.reference)(X, Y, QUERIES, **witness.parameters)
    assert list(found) == list(getattr(algorithms, name)(X, Y, QUERIES, **arrays))
    assert list(found) == list(witness.predict(X, Y, QUERIES, numbers="rational"))


def test_the_exponential_kernel_has_no_formula():
    made = constructions.get("kernel_regression")
    witness = made(d=2, steps=2, step_size=F(1, 9), kernel="exponential")
    with pytest.raises(ValueError, match="no formula with these parameters"):
        Formula("kernel_regression", made.reference).at(witness.parameters)
    assert witness.definitions == ()
