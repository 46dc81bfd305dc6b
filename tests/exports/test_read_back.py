"""The tensors of an export are read as the witness's layers: one number that is off is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from constructions.exports.gpt2 import Checkpoint
from constructions.exports.read import OtherTensors, read_back
from verify import Budget
from verify.claim import Claim, builtin
from verify.claims.ours import exported
from verify.engine import run

PAIRED = [name for name, (given, _) in exported.EXPORTS.items() if "examples" not in given]
EACH = 25  # of a tensor's numbers that are not 0, evenly spread


def read(name: str, **changed: Any) -> int:
    """How many numbers are read of an export, some of whose fields are changed."""
    made = exported.exported(name)
    checkpoint = replace(made.checkpoint, **changed)
    return read_back(made.witness, made.certificate.constants, checkpoint)


def spread(places: np.ndarray) -> Iterator[tuple[int, ...]]:
    for at in places[:: max(1, len(places) // EACH)]:
        yield tuple(at.tolist())


def of(name: str) -> Checkpoint:
    return exported.exported(name).checkpoint


@pytest.mark.parametrize("name", PAIRED)
def test_every_tensor_is_read_as_the_layers_of_the_witness(name: str) -> None:
    assert read(name) == sum(tensor.size for tensor in of(name).tensors.values())


@pytest.mark.parametrize("name", PAIRED)
def test_a_number_that_is_off_by_a_millionth_is_seen(name: str) -> None:
    for tensor, right in of(name).tensors.items():
        for at in spread(np.argwhere(right)):
            wrong = right.copy()
            wrong[at] *= 1 + 2.0**-20
            with pytest.raises(OtherTensors):
                read(name, tensors={**of(name).tensors, tensor: wrong})


@pytest.mark.parametrize("name", PAIRED)
def test_a_tensor_whose_numbers_are_all_off_is_seen(name: str) -> None:
    """Of twins too: +v's and -v's are still opposite then."""
    for tensor, right in of(name).tensors.items():
        if right.any():
            with pytest.raises(OtherTensors):
                wrong = right * np.float32(1.01)
                read(name, tensors={**of(name).tensors, tensor: wrong})


@pytest.mark.parametrize("field", ["example", "query", "roles", "readout"])
def test_another_embedding_or_read_out_is_seen(field: str) -> None:
    with pytest.raises(OtherTensors):
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

    with pytest.raises(OtherTensors, match="V O, head 0"):
        read("newton", tensors=heads_of_the_first("newton", exchange))


def test_a_head_of_no_part_in_the_layer_is_seen() -> None:
    right = of("newton").tensors
    with pytest.raises(OtherTensors, match="no layer asks for"):
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


def test_a_claim_says_whether_its_tensors_are_read() -> None:
    said = {one.id: one.note for one in builtin("gpt2") if one.id.startswith("gpt2.")}
    assert {f"gpt2.{name}" for name in PAIRED} == {
        id for id, note in said.items() if note == exported.PAIRED
    }
    assert all(note == exported.BY_RUNNING or note == exported.PAIRED for note in said.values())
