"""The tensors of an export are read as the witness's layers: one number that is off is seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest

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
