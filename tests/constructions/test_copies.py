"""Every construction, as a witness and as a module, can be copied, stored, moved and exported."""

from __future__ import annotations

import copy
import pickle
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

import constructions
from verify.checks.symbolic import shapes_of

EXAMPLES = 2


@cache
def given(name: str) -> dict[str, Any]:
    """Its example, for EXAMPLES examples where it asks how many."""
    made = {key: kind.small for key, kind in constructions.get(name).parameters.items()}
    return made | ({"examples": EXAMPLES} if "examples" in made else {})


@cache
def built(name: str) -> Any:
    return constructions.build(name, **given(name))


@cache
def prompt(name: str) -> tuple[torch.Tensor, ...]:
    """Two prompts that it takes, or one; an array that it does not have is left out."""
    made, witness = constructions.get(name), built(name)
    if made.sample is not None:
        arrays = made.sample(made.values(**given(name)))
        X, y, queries = (None if one is None else np.asarray(one, float)[None] for one in arrays)
    else:
        shapes = shapes_of(witness.prompt, EXAMPLES, 1)
        rng = np.random.default_rng(7)
        X, y, queries = (rng.uniform(0, 1, (2, *shape)) for shape in shapes)
    return tuple(torch.as_tensor(one) for one in (X, y, queries) if one is not None)


@pytest.mark.parametrize("name", constructions.names())
def test_a_witness_and_its_module_are_the_same_after_any_copy(name: str) -> None:
    witness, arrays = built(name), prompt(name)
    module = witness.to_torch()
    wanted = module(*arrays)
    for copied in (copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))):
        again, of_module = copied(witness), copied(module)
        assert type(again) is type(witness) and again.digest == witness.digest
        assert dict(again.parameters) == dict(witness.parameters)
        assert again.definitions == witness.definitions and again.source == witness.source
        assert [layer.holds for layer in again.layer_list] == [
            layer.holds for layer in witness.layer_list
        ]
        assert torch.equal(of_module(*arrays), wanted)
        assert of_module.witness.digest == witness.digest
    for one in (witness, module):
        assert witness.name in repr(one) and len(repr(one)) < 120


@pytest.mark.parametrize("name", constructions.names())
@pytest.mark.parametrize(
    ("move", "dtype"),
    [
        (lambda module: module.to(torch.float32), torch.float32),
        (lambda module: module.half(), torch.float16),
        (lambda module: module.bfloat16().double(), torch.float64),
    ],
)
def test_a_module_runs_in_the_numbers_that_it_was_moved_to(
    name: str, move: Any, dtype: torch.dtype
) -> None:
    module = move(built(name).to_torch())
    assert module.dtype == dtype and str(dtype) in repr(module)
    fresh = built(name).to_torch(dtype=dtype)
    if dtype == torch.float64:  # what bfloat16 has rounded stays rounded
        fresh.load_state_dict(module.state_dict())
    made = module(*prompt(name))
    assert made.dtype == dtype
    assert torch.equal(made, fresh(*prompt(name)).to(dtype)) or bool(made.isnan().any())


def test_a_module_moved_to_numbers_that_nothing_runs_in_says_so() -> None:
    module = built("newton").to_torch().to(torch.complex64)
    with pytest.raises(ValueError, match="runs in float64, float32, .*, not in torch.complex64"):
        module(*prompt("newton"))


@pytest.mark.parametrize("name", constructions.names())
def test_a_module_is_exported_as_a_graph(name: str) -> None:
    module, one = built(name).to_torch(), prompt(name)
    graph = torch.export.export(module, one).module()
    other = tuple(part.roll(1, 0) / 2 for part in one)
    for arrays in (one, other):
        assert torch.equal(graph(*arrays), module(*arrays))
