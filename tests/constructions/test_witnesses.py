"""What every witness of the registry has in common, and what its builder refuses."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

import constructions
from constructions.parameters import Number, Numbers, OneOf, Parameter, Rows, Whole
from proofs.slotmap import Block, slot_map
from proofs.stream import layout
from verify.quality.mutants import sites


def test_a_witness_holds_no_tensors_and_cannot_be_changed(witness):
    with pytest.raises(AttributeError):
        witness.name = "other"
    with pytest.raises(TypeError):
        witness.parameters["d"] = 7
    exact = (int, Fraction)
    assert all(isinstance(b.coefficient, exact) for slots in witness.slot_maps() for b in slots)


def test_the_digest_sees_every_weight(witness):
    seen, changed = {witness.digest}, 0
    for site in sites(witness):
        for number, block in enumerate(site.slots):
            twice = replace(block, coefficient=block.coefficient * 2)
            seen.add(site.with_block(number, twice).digest)
            changed += 1
    assert len(seen) == changed + 1


def test_the_same_parameters_give_the_same_digest(witness):
    again = constructions.build(witness.name, **witness.parameters)
    assert again.digest == witness.digest


def test_a_witness_is_the_same_small_object_for_every_d():
    made = (constructions.build("newton", d=d, iterations=3, alpha=1) for d in (1, 2, 5))
    assert len({sum(len(slots.blocks) for slots in one.slot_maps()) for one in made}) == 1


def refused(kind: Parameter) -> Iterator[tuple[Any, Any, str]]:
    """Values that a parameter refuses, being what it is: (value, error, what is said)."""
    if isinstance(kind, OneOf):
        yield "nothing", ValueError, repr(kind.of[0])
    if isinstance(kind, Whole):
        yield kind.least - 1, ValueError, f"must be at least {kind.least}, not {kind.least - 1}"
        yield 2.5, TypeError, "must be a whole number"
        yield True, TypeError, "whole number, not True"
    if isinstance(kind, Number):
        yield "x", TypeError, "must be a number"
        yield float("nan"), ValueError, "must be finite"
        for bound, beyond, said in (
            (kind.above, kind.above, "greater than"), (kind.below, kind.below, "less than"),
            (kind.least, (kind.least or 0) - 1, "at least"),
        ):  # fmt: skip
            if bound is not None:
                yield beyond, ValueError, f"must be {said} {bound}"
    if isinstance(kind, (Numbers, Rows)):
        yield 3, TypeError, "must be "
        yield (float("inf"),) * 2, (ValueError, TypeError), ""


@pytest.mark.parametrize("name", constructions.names())
def test_every_parameter_refuses_by_name_what_it_does_not_take(name):
    made = constructions.get(name)
    given = {key: kind.small for key, kind in made.parameters.items()}
    for key, kind in made.parameters.items():
        for value, error, said in refused(kind):
            with pytest.raises(error, match=f"{key}.*{re.escape(said)}") as caught:
                made(**given | {key: value})
            assert "\n" not in str(caught.value)


NEWTON = {"d": 2, "iterations": 1, "alpha": 1}
DESCENT = {"d": 2, "steps": 1, "step_size": 1}
SPLINES = {"layers": 2, "alpha": 1}


@pytest.mark.parametrize(
    ("name", "parameters", "error", "message"),
    [
        ("neuton", {}, ValueError, "unknown witness 'neuton'; did you mean newton"),
        ("newton", {"d": 2, "iterations": 1}, TypeError, "missing a required argument: 'alpha'"),
        ("newton", NEWTON | {"beta": 2}, TypeError, "'beta'.*it takes d, iter"),
        ("gradient_descent", DESCENT | {"w0": [1]}, ValueError, "w0 must have d = 2 entries"),
        ("chebyshev", {"d": 2, "steps": 1, "lowest": 2, "highest": 2}, ValueError,
         "lowest must be less than highest"),
        ("preconditioned", DESCENT | {"preconditioner": ((1, 2),)}, ValueError, "2 rows"),
        ("kernel_regression", DESCENT | {"kernel": "relu"}, ValueError, "features"),
        ("selection", {"d": 2, "examples": 2, "validation": 2, "ridges": (1, 2)}, ValueError,
         "less than examples"),
        ("spline_regression", SPLINES | {"basis": 2, "degree": 2}, ValueError,
         "greater than the degree"),
        ("spline_regression", SPLINES | {"basis": 3, "d": 2}, ValueError, "d must be 1"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused_in_one_line(name, parameters, error, message):
    with pytest.raises(error, match=message) as caught:
        constructions.build(name, **parameters)
    assert "\n" not in str(caught.value)


HEAVY = "torch", "sympy", "numpy", "hypothesis"
CALL = "from verify.command.cli import main; main(['{}'])"


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import constructions, verify", HEAVY),
        ("import proofs", ("sympy",)),
        (CALL.format("--help"), HEAVY),
        (CALL.format("list"), ("torch", "hypothesis")),
    ],
)
def test_what_is_heavy_is_loaded_when_it_is_needed(code, heavy):
    code = f"import sys; {code}; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


# -- slots and slot maps ----------------------------------------------------------------------


def test_a_layout_gives_rows():
    stream = layout(x=(2,), y=(), P=(2, 2))
    assert (stream.width, stream.rows("P"), stream.rows("P[2]")) == (7, range(3, 7), range(5, 6))
    with pytest.raises(KeyError, match="no slot 'z'"):
        stream.rows("z")
    with pytest.raises(KeyError, match="only 2 entries"):
        stream.rows("x[2]")


def test_blocks_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="2 units cannot go to 1"):
        slot_map(("y", "x")).entries(layout(y=()), layout(x=(2,)))
    with pytest.raises(ValueError, match="not 1 x 2"):
        slot_map(Block("y", "x", matrix=((1, 2, 3),))).entries(layout(y=()), layout(x=(2,)))


def test_a_slot_map_is_its_sparse_matrix():
    stream = layout(x=(2,), P=(2, 2))
    slots = slot_map(("x", "P", 3, "i<-ij"), ("P", "x", 2, "ji<-i"), ("x", "x", -1), ("x", "x", 1))
    assert slots.entries(stream, stream) == {
        **{(0, 2): 3, (0, 3): 3, (1, 4): 3, (1, 5): 3},  # x_i gets the sum over j of P_ij
        **{(2, 0): 2, (4, 0): 2, (3, 1): 2, (5, 1): 2},  # P_ji gets x_i, for every j
    }
