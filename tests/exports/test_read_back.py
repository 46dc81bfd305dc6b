"""The tensors of an export are read as the witness's layers: one number that is off is seen."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest

import constructions.exports.read as read_by
from constructions.exports import (
    copies,
    differences,
    gpt2,
    language_model,
    one_by_one,
    subleq,
    words,
)
from constructions.exports.read import OtherTensors, read_back, read_back_language
from proofs.slotmap import Block, SlotMap
from verify import Budget
from verify.claim import Claim, Differs, builtin
from verify.claims.ours import exported, induction
from verify.engine import run
from verify.exports.subleq import export as programs

EACH = 8  # of a tensor's numbers that are not 0, and of those that are, evenly spread
MADE: dict[str, Callable[[], Any]] = {
    **{name: partial(exported.exported, name) for name in exported.EXPORTS},
    "newton, disguised": partial(exported.disguised, "newton"),
    "induction_head": induction.exported,
    "subleq": lru_cache(lambda: programs.export(d=1, address=2)),
}


def of(name: str) -> Any:
    return MADE[name]().checkpoint


def read(name: str, **changed: Any) -> str:
    """What is said of an export, some of whose fields are changed."""
    made = MADE[name]()
    return replace(made, checkpoint=replace(made.checkpoint, **changed)).tensors_read()


def spread(places: np.ndarray) -> Iterator[tuple[int, ...]]:
    for at in places[:: max(1, len(places) // EACH)]:
        yield tuple(at.tolist())


@pytest.mark.parametrize("name", MADE)
def test_every_tensor_is_read_as_the_layers_of_the_witness(name: str) -> None:
    numbers = sum(tensor.size for tensor in of(name).tensors.values())
    assert read(name) == f"its tensors, all {numbers:,} numbers, are read as the witness's layers"


@pytest.mark.parametrize("name", MADE)
def test_a_number_that_is_off_by_a_millionth_is_seen(name: str) -> None:
    """Of disguised ones by a few thousandths: there many are read together, each rounded."""
    for tensor, right in kinds(of(name).tensors).items():
        for at in spread(np.argwhere(right)):
            wrong = right.copy()
            wrong[at] *= 1 + (2.0**-12 if "disguised" in name else 2.0**-20)
            with pytest.raises(Differs):
                read(name, tensors={**of(name).tensors, tensor: wrong})


@pytest.mark.parametrize("name", MADE)
def test_a_number_where_none_should_be_is_seen(name: str) -> None:
    """Where it would do nothing too."""
    for tensor, right in kinds(of(name).tensors).items():
        for at in spread(np.argwhere(right == 0)):
            wrong = right.copy()
            wrong[at] = 1e-3
            with pytest.raises(Differs):
                read(name, tensors={**of(name).tensors, tensor: wrong})


def kinds(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Of the tensors that layers have in common those of the last layer that has any."""
    found = {}
    for name, tensor in tensors.items():
        if tensor.any() or name not in found:
            found[re.sub(r"h\.\d+\.", "", name)] = name
    return {name: tensors[name] for name in found.values()}


@pytest.mark.parametrize("name", MADE)
def test_a_tensor_whose_numbers_are_all_off_is_seen(name: str) -> None:
    """Of twins too: +v's and -v's are still opposite then."""
    for tensor, right in of(name).tensors.items():
        if right.any():
            with pytest.raises(Differs):
                wrong = right * np.float32(1.01)
                read(name, tensors={**of(name).tensors, tensor: wrong})


@pytest.mark.parametrize("field", ["example", "query", "roles", "readout"])
def test_another_embedding_or_read_out_is_seen(field: str) -> None:
    with pytest.raises(Differs):
        read("newton", **{field: getattr(of("newton"), field) * 1.01})


def heads_of_the_first(name: str, change: Callable[[np.ndarray, int], None]) -> dict[str, Any]:
    """The tensors, what the first layer's heads write being changed in place."""
    made, tensor = of(name), "h.0.attn.c_proj.weight"
    wrong = made.tensors[tensor].copy()
    change(wrong, len(wrong) // made.config["n_head"])
    return {**made.tensors, tensor: wrong}


def test_two_heads_that_are_exchanged_are_seen() -> None:
    def exchange(write: np.ndarray, size: int) -> None:
        write[: 2 * size] = np.roll(write[: 2 * size], size, axis=0)

    with pytest.raises(Differs, match="V O, head 0"):
        read("newton", tensors=heads_of_the_first("newton", exchange))


def test_a_head_of_no_part_in_the_layer_is_seen() -> None:
    right = of("newton").tensors
    with pytest.raises(Differs, match="no layer asks for"):
        read("newton", tensors={**right, "h.9.ln_1.bias": right["ln_f.bias"]})


def claim_of(name: str) -> Claim:
    (found,) = (one for one in builtin(f"gpt2.{name}") if one.id == f"gpt2.{name}")
    return found


def test_the_claim_is_refuted_by_a_weight_that_no_prompt_shows(monkeypatch) -> None:
    """Off by so little that every prompt that is run stays within the bound."""
    made = exported.exported("gradient_descent")
    tensor = "h.1.attn.c_proj.weight"
    wrong = made.checkpoint.tensors[tensor] * np.float32(1 + 2.0**-18)
    tensors = {**made.checkpoint.tensors, tensor: wrong}
    other = replace(made, checkpoint=replace(made.checkpoint, tensors=tensors))
    monkeypatch.setattr(exported, "exported", lambda name: other)
    report = run(claim_of("gradient_descent"), Budget(quick=True))
    assert report.verdict.name == "refuted"
    assert "V O, head 0 of h.1.attn" in report.checks[0].detail
    monkeypatch.setattr(type(other), "tensors_read", lambda made: "")
    assert run(claim_of("gradient_descent"), Budget(quick=True)).verdict.name == "approximates"


@pytest.mark.parametrize("kind", ["gradient_descent", "kernel_regression"])
def test_linear_and_softmax_heads_are_read_in_other_coordinates(kind: str) -> None:
    made = exported.disguised(kind)
    numbers = sum(tensor.size for tensor in made.checkpoint.tensors.values())
    assert f"all {numbers:,} numbers" in made.tensors_read()


def test_directions_that_are_another_units_are_seen() -> None:
    turned = of("newton, disguised").directions
    with pytest.raises(Differs):
        read("newton, disguised", directions=np.roll(turned, 1, axis=0))


def test_a_hidden_unit_without_its_twin_is_seen() -> None:
    """Its twin's GELU would be missing, though the product is what it was."""
    made = of("newton, disguised").tensors
    name = next(name for name, one in made.items() if "mlp.c_fc.weight" in name and one.any())
    other = name.replace("c_fc", "c_proj")
    asked, written = made[name].copy(), made[other].copy()
    unit = int(np.flatnonzero(written.any(axis=1))[0])
    asked[:, unit] *= 2
    written[unit] /= 2
    with pytest.raises(Differs, match="no twin"):
        read("newton, disguised", tensors={**made, name: asked, other: written})


# -- a fault of what writes the tensors is none of what reads them -------------------------------


def off(rows: Any) -> Any:
    """Rows of numbers, all of them off by a hundredth."""
    return [[value * Fraction(101, 100) for value in row] for row in rows]


def written_as_examples(name: str) -> None:
    """What is written now is read back."""
    made = exported.exported(name)
    constants = made.certificate.constants
    writer = gpt2 if isinstance(constants, gpt2.Constants) else one_by_one
    read_back(made.witness, constants, writer.checkpoint(made.witness, constants))


def written_as_words() -> None:
    made = induction.exported()
    unit = made.certificate.constants.unit
    read_back_language(words.word_model(made.witness, made.box.length, unit), unit)


def written_as_programs() -> None:
    model = subleq.machine(1, 2)
    said = programs.said_by(model.tokens, 1, 2)
    read_back_language(model, subleq.UNIT, said, "one")


FAULTS: dict[str, tuple[Callable[..., Any], Callable[[Any], Any], Callable[[], None]]] = {
    "what words of programs write": (
        language_model.embedded,
        lambda units: dict(zip(units, off(units.values()), strict=True)),
        written_as_programs,
    ),
    "what words write": (
        language_model.embedded,
        lambda units: dict(zip(units, off(units.values()), strict=True)),
        written_as_words,
    ),
    "the number of a token in a program": (
        language_model.by_number,
        lambda held: {name: off(rows) for name, rows in held.items()},
        written_as_programs,
    ),
    "the number of a token": (
        language_model.by_number,
        lambda held: {name: off(rows) for name, rows in held.items()},
        written_as_words,
    ),
    "digits": (subleq.bits, lambda digits: digits[::-1], written_as_programs),
    "kinds": (
        subleq.held,
        lambda said: {**said, "kind": [row[::-1] for row in said["kind"]]},
        written_as_programs,
    ),
    "the example that a layer reads": (
        one_by_one.schedule,
        lambda plan: replace(plan, reads=tuple(read and 0 for read in plan.reads)),
        lambda: written_as_examples("sherman_morrison"),
    ),
    "the copy that a layer reads": (
        copies.copies,
        lambda order: replace(order, reads=(0,) * len(order.reads)),
        lambda: written_as_examples("newton"),
    ),
    "how many copies there are": (
        copies.copies,
        lambda order: replace(order, count=order.count - 1),
        lambda: written_as_examples("newton"),
    ),
    "coefficients of a linear head": (
        differences.coefficients,
        lambda each: tuple(c * Fraction(101, 100) for c in each),
        lambda: written_as_examples("newton"),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_writers_helper_is_seen_wherever_it_is_used(fault, monkeypatch) -> None:
    """The helper is replaced in every module that has it, the reader's too if it has it."""
    helper, change, written = FAULTS[fault]
    written()
    for module in [one for name, one in sys.modules.items() if name.startswith(("constr", "ver"))]:
        for name in [name for name, one in vars(module).items() if one is helper]:
            monkeypatch.setattr(module, name, lambda *given: change(helper(*given)))
    with pytest.raises(OtherTensors):
        written()


def test_the_reader_has_one_function_of_the_writers() -> None:
    shared = {
        one.__name__
        for name, module in sys.modules.items() if name.startswith(f"{read_by.__name__}.")
        for one in vars(module).values()
        if callable(one) and not isinstance(one, type)
        and one.__module__.startswith("constructions.exports")
        and not one.__module__.startswith(read_by.__name__)
    }  # fmt: skip
    assert shared == {differences.coefficients.__name__}


def with_layer(number: int, change: Callable[[Any], Any]) -> None:
    """Reads a witness back, one of whose layers is changed, in the tensors of what it was."""
    made = exported.exported("sherman_morrison")
    layers = list(made.witness.layer_list)
    layers[number] = change(layers[number])
    other = replace(made.witness, layer_list=tuple(layers))
    read_back(other, made.certificate.constants, made.checkpoint)


def test_heads_that_read_every_example_are_seen() -> None:
    def also_of_all(layer: Any) -> Any:
        (head, *others) = layer.heads
        value = SlotMap((*head.value, Block("r", "one")))
        return replace(layer, heads=(replace(head, value=value), *others))

    with_layer(1, lambda layer: layer)
    with pytest.raises(OtherTensors, match=r"read examples \[0, 1, 2"):
        with_layer(1, also_of_all)


def test_heads_that_read_what_is_0_at_every_example_are_seen() -> None:
    heads = exported.exported("sherman_morrison").witness.layer_list[1].heads
    with pytest.raises(OtherTensors, match=r"read examples \[\]"):
        with_layer(0, lambda layer: replace(layer, heads=heads))


def test_an_embedding_that_no_tensor_holds_is_seen() -> None:
    model = subleq.machine(1, 2)
    prompt = model.witness.prompt
    embedding = SlotMap((*prompt.embedding, Block("flag", "query")))
    witness = replace(model.witness, prompt=replace(prompt, embedding=embedding))
    said = programs.said_by(model.tokens, 1, 2)
    with pytest.raises(OtherTensors, match="the embedding reads query"):
        read_back_language(replace(model, witness=witness), subleq.UNIT, said, "one")
