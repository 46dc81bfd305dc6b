"""What every witness of the registry has in common, and what its builder refuses."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import pytest

import constructions
from proofs.slotmap import Block, slot_map
from proofs.stream import layout


def test_every_core_witness_is_built_by_name():
    assert {"gradient_descent", "sherman_morrison", "newton"} <= set(constructions.names())


def test_a_witness_holds_no_tensors_and_cannot_be_changed(witness):
    with pytest.raises(AttributeError):
        witness.name = "other"
    with pytest.raises(TypeError):
        witness.parameters["d"] = 7
    exact = (int, Fraction)
    assert all(isinstance(b.coefficient, exact) for slots in witness.slot_maps() for b in slots)


def test_the_digest_sees_every_weight(witness):
    from dataclasses import replace

    seen = {witness.digest}
    for number, layer in enumerate(witness.layer_list):
        for h, head in enumerate(layer.heads):
            for part in ("query", "key", "value"):
                blocks = getattr(head, part).blocks
                for b, block in enumerate(blocks):
                    other = replace(block, coefficient=block.coefficient * 2)
                    slots = replace(
                        getattr(head, part), blocks=(*blocks[:b], other, *blocks[b + 1 :])
                    )
                    heads = (
                        *layer.heads[:h],
                        replace(head, **{part: slots}),
                        *layer.heads[h + 1 :],
                    )
                    layers = list(witness.layer_list)
                    layers[number] = replace(layer, heads=heads)
                    seen.add(witness.with_layers(tuple(layers)).digest)
    changed = sum(
        len(slots.blocks)
        for layer in witness.layer_list
        for head in layer.heads
        for slots in (head.query, head.key, head.value)
    )
    assert len(seen) == changed + 1


def test_the_same_parameters_give_the_same_digest(witness):
    again = constructions.build(witness.name, **witness.parameters)
    assert again.digest == witness.digest


@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_witness_is_the_same_small_object_for_every_d(d):
    blocks = {
        sum(
            len(s.blocks)
            for s in constructions.build("newton", d=d, iterations=3, alpha=1).slot_maps()
        )
        for d in (1, d)
    }
    assert len(blocks) == 1


NEWTON = {"d": 2, "iterations": 1, "alpha": 1}
PASS = {"d": 2, "examples": 2, "ridge": 1}
DESCENT = {"d": 2, "steps": 1, "step_size": 1}


@pytest.mark.parametrize(
    ("name", "parameters", "error", "message"),
    [
        ("neuton", {}, ValueError, "unknown witness 'neuton'; did you mean newton"),
        ("newton", {"d": 2, "iterations": 1}, TypeError, "missing a required argument: 'alpha'"),
        ("newton", NEWTON | {"beta": 2}, TypeError, "'beta'.*it takes d, iter"),
        ("newton", NEWTON | {"d": 0}, ValueError, "d must be at least 1, not 0"),
        ("newton", NEWTON | {"d": 2.5}, TypeError, "d must be a whole number"),
        ("newton", NEWTON | {"d": True}, TypeError, "whole number, not True"),
        ("newton", NEWTON | {"iterations": -1}, ValueError, "iterations must be at least 0"),
        ("newton", NEWTON | {"alpha": 0}, ValueError, "alpha must be greater than 0"),
        ("newton", NEWTON | {"alpha": "x"}, TypeError, "alpha must be a number"),
        ("newton", NEWTON | {"alpha": float("nan")}, ValueError, "alpha must be finite"),
        ("newton", NEWTON | {"attention": "soft"}, ValueError, "'linear' or 'relu'"),
        ("sherman_morrison", PASS | {"ridge": 0}, ValueError, "ridge must be greater than 0"),
        ("sherman_morrison", PASS | {"examples": 0}, ValueError, "examples must be at least 1"),
        ("gradient_descent", DESCENT | {"step_size": -1}, ValueError, "step_size must be greater"),
        ("gradient_descent", DESCENT | {"w0": [1]}, ValueError, "w0 must have d = 2"),
        ("gradient_descent", DESCENT | {"w0": 3}, TypeError, "w0 must be a list"),
        ("gradient_descent", DESCENT | {"loss": "max"}, ValueError, "'sum' or 'mean'"),
    ],
)
def test_a_builder_refuses_with_one_line(name, parameters, error, message):
    with pytest.raises(error, match=message) as caught:
        constructions.build(name, **parameters)
    assert "\n" not in str(caught.value)


def test_importing_constructions_loads_neither_torch_nor_sympy():
    code = (
        "import sys, constructions, verify; print({'torch', 'sympy', 'numpy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_imports_point_one_way():
    import ast
    from pathlib import Path

    root = Path(constructions.__file__).parent.parent
    forbidden = {"proofs": {"constructions", "verify"}, "constructions": {"verify"}}
    for folder, others in forbidden.items():
        for path in (root / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    names = [node.module or ""]
                assert not {name.split(".")[0] for name in names} & others, path


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
