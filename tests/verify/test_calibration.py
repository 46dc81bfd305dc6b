"""Every witness is told by its fingerprint, and what is said of it stands in a table."""

from __future__ import annotations

import time
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

import constructions
from verify.learners import calibration
from verify.learners.families import SPECTRAL
from verify.learners.fingerprint import fingerprint
from verify.learners.judging import apart, predictions, prompts, together
from verify.learners.model import model
from verify.quality import calibration_table, readme

SECONDS = 20  # of processor time, to build and to measure a witness


@cache
def table():
    path = readme.home("calibration", readme.Path(__file__).parents[2])
    return readme.block(path.read_text(encoding="utf-8"), "calibration")


def line(name):
    (found,) = (row for row in table().splitlines() if row.startswith(f"| `{name}`"))
    return [cell.strip() for cell in found.strip("|").split("|")]


def told(name, d=calibration.D, n=calibration.N, **given):
    """A witness, its fingerprint, and how long that took."""
    began = time.process_time()
    one = calibration.known(name, d, n, **given)
    found = calibration.measured(one)
    return one, found, time.process_time() - began


def answers_alike(one, found):
    """How far what was found is from the witness on prompts of another seed."""
    inputs = constructions.get(one.name).inputs
    batch = together(prompts(one.d, one.n, np.random.default_rng(9), 3, inputs))
    batch = batch._replace(queries=batch.queries[:, :1])
    wanted = model(one.witness)(*batch)
    return np.median(apart(wanted, predictions(found.best, found.parameters, batch)))


@pytest.mark.parametrize("name", calibration_table.measured_names())
def test_a_witness_is_told_as_the_table_says(name):
    one, found, seconds = told(name)
    assert seconds < SECONDS
    assert list(calibration_table.told(one, found)) == line(name)[:4]
    if not any(layer.heads for layer in one.witness.layer_list):
        assert not found.learns  # without attention nothing is known of the examples
        return
    assert found.learns and found.error < 1e-6 and found.margin > 1e3
    assert answers_alike(one, found) < 1e-6
    own, exact = calibration.algorithm(name), calibration.proved(one, found)
    # its own algorithm, or one that is proved to be the same function
    assert found.best == own or exact is not None
    if found.best in {family.name for family in SPECTRAL}:
        assert exact is not None


@pytest.mark.parametrize(
    ("name", "d", "n", "given", "best"),
    [
        ("newton", 6, 12, {"iterations": 5}, "newton"),
        ("newton", 6, 4, {"attention": "relu"}, "newton"),
        ("newton", 3, 3, {"prompt": "interleaved"}, "newton"),
        ("newton_carried", 3, 8, {"start": "identity", "iterations": 3}, "gradient_descent"),
        ("gradient_descent", 3, 8, {"loss": "mean", "w0": (1, -2, 3)}, "gradient_descent"),
        ("kernel_regression", 3, 8, {"kernel": "exponential", "temperature": 3},
         "kernel_regression"),
        ("bayes_ridge", 2, 3, {"output": "variance", "prior": 5}, "bayes_ridge"),
        ("spline_regression", 1, 9, {"basis": 6, "layers": 3, "degree": 2}, "spline_regression"),
        ("selection", 2, 6, {"validation": 2, "ridges": (Fraction(1, 2), 8)}, "selection"),
        ("preconditioned", 2, 9, {"steps": 3, "preconditioner": ((1, Fraction(1, 2)), (0, 2)),
         "step_size": Fraction(1, 50)}, "preconditioned"),
        ("preconditioned", 4, 3, {}, "preconditioned"),
        ("gd_plus_plus", 3, 8, {"gamma": 0}, "gradient_descent"),
        ("gd_plus_plus", 4, 12, {"step_size": (Fraction(1, 30), Fraction(-1, 90)),
         "gamma": (Fraction(-1, 50), 0)}, "gd_plus_plus"),
        ("gd_plus_plus", 3, 2, {"steps": 3, "step_size": (Fraction(1, 9), Fraction(1, 5), 2),
         "gamma": (Fraction(1, 50), Fraction(1, 30), 0)}, "gd_plus_plus"),
        ("chebyshev", 3, 2, {"steps": 5}, "chebyshev"),
        ("logistic", 2, 1, {}, "logistic"),
    ],
)  # fmt: skip
def test_a_witness_of_another_size_is_told(name, d, n, given, best):
    one, found, seconds = told(name, d, n, **given)
    assert found.best == best and found.error < 1e-9 and seconds < SECONDS
    assert answers_alike(one, found) < 1e-8


def test_a_witness_with_one_weight_changed_follows_none():
    module = calibration.known("newton").witness.to_torch()
    weights = next(p for p in module.parameters() if p.ndim >= 2 and (p != 0).sum() > 2)
    place = tuple(int(i) for i in (weights != 0).nonzero()[0])
    with np.errstate(all="ignore"):
        weights.data[place] *= 1.2
    found = fingerprint(module, calibration.D, calibration.N)
    assert found.best is None and found.interval.low > 0.01


def test_every_construction_has_a_row_unless_its_prompts_are_no_examples():
    assert calibration_table.names_in(table()) == calibration_table.measured_names()
    others = {*constructions.names()} - {*calibration_table.measured_names()}
    assert others == {"temporal_differences", "subleq", "induction_head"}
    for name in others:
        assert constructions.get(name).other_prompts


@pytest.mark.parametrize("name", ["newton", "selection"])
def test_what_the_papers_measures_say_is_measured_again(name):
    assert list(calibration_table.row(name)) == line(name)


def test_a_measure_that_names_another_family_is_marked():
    assert all(cell.endswith("✗") for cell in line("minimax_descent")[4:])
    assert all("✗" not in cell for cell in line("sherman_morrison")[4:])
