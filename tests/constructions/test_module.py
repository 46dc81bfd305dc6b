"""The torch module has the witness's weights and computes what the forward pass computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import constructions
from constructions.run.dense import TransformerModule
from proofs.formula import scalar


def test_the_module_equals_the_forward_pass(witness, batch):
    X, y, queries = (torch.from_numpy(part) for part in batch)
    dense = witness.to_torch()(X, y, queries).detach()
    tolerance = 2 * witness.rounding_bound(X, y, queries)
    # both round, each within the same bound: products with zeros add nothing
    assert (dense - witness.predict(X, y, queries)).abs().le(2 * tolerance).all()


def test_a_changed_weight_is_seen_in_the_module(witness, batch):
    X, y, queries = (torch.from_numpy(part) for part in batch)
    module = witness.to_torch()
    with torch.no_grad():
        module.layers[0].heads[0].value.mul_(1.01) if module.layers[
            0
        ].heads else module.readout.mul_(2)
    tolerance = 4 * witness.rounding_bound(X, y, queries)
    assert not (module(X, y, queries) - witness.predict(X, y, queries)).abs().le(tolerance).all()


def test_the_module_can_be_trained(batch):
    X, y, queries = (torch.from_numpy(part) for part in batch)
    module = constructions.build("newton", d=3, iterations=2, alpha=0.01).to_torch()
    module(X, y, queries).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_parameters_carry_the_names_of_the_matrices(witness):
    names = set(witness.to_torch().state_dict()) - {"embedding", "readout"}
    assert names == {name for name, _ in witness.matrices()}


def test_weights_read_back_equal(witness, batch, tmp_path):
    module = witness.to_torch()
    module.save(tmp_path / "w.safetensors")
    loaded = TransformerModule.load(tmp_path / "w.safetensors")
    assert loaded.witness.digest == witness.digest
    X, y, queries = (torch.from_numpy(part) for part in batch)
    assert torch.equal(module(X, y, queries), loaded(X, y, queries))
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_file_that_holds_no_witness_is_refused(tmp_path):
    path = tmp_path / "no.safetensors"
    path.write_bytes(b"pickle?")
    with pytest.raises(ValueError, match="no safetensors file"):
        TransformerModule.load(path)


def test_a_witness_reads_back_from_its_json(witness, prompt):
    again = type(witness).from_json(witness.to_json())
    assert again.digest == witness.digest
    assert list(again.predict(*prompt, "rational")) == list(witness.predict(*prompt, "rational"))


def test_scalars_read_back_and_code_does_not_run():
    import sympy

    assert scalar("-1/2") * 2 == -1
    assert scalar("sqrt(2)*sqrt(pi)/2") == sympy.sqrt(sympy.pi / 2)
    with pytest.raises(ValueError):
        scalar("__import__('os').getcwd()")


def test_float32_modules_are_within_their_bound(batch):
    w = constructions.build("gradient_descent", d=3, steps=4, step_size=0.05)
    X, y, queries = (torch.from_numpy(part) for part in batch)
    dense = w.to_torch(torch.float32)(X, y, queries).detach().double()
    exact = w.predict(*batch, "rational").astype(float)
    assert np.all(np.abs(dense.numpy() - exact) <= 2 * w.rounding_bound(*batch, "float32"))


@pytest.mark.parametrize(
    ("name", "parameters", "X", "y", "said"),
    [
        ("logistic", {"steps": 1, "step_size": 0.5}, [[1.0]], [2.0], "takes targets from 0 to 1"),
        ("spline_regression", {"basis": 4, "alpha": 0.1, "layers": 2, "degree": 1},
         [[1.25]], [1.0], "takes x from 0 to 1"),
    ],
)  # fmt: skip
def test_a_module_and_its_file_refuse_the_prompts_that_the_witness_refuses(
    name, parameters, X, y, said, tmp_path
):
    witness = constructions.build(name, d=1, **parameters)
    prompt = [torch.tensor(part, dtype=torch.float64) for part in (X, y, [[0.5]])]
    module = witness.to_torch()
    module.save(tmp_path / "w.safetensors")
    loaded = TransformerModule.load(tmp_path / "w.safetensors")
    for refuses in (witness.predict, module, module.hidden, loaded):
        with pytest.raises(ValueError, match=said):
            refuses(*prompt)
    prompt[0 if "x" in said.split() else 1].clamp_(0, 1)
    assert torch.equal(loaded(*prompt), module(*prompt))


def test_limits_that_are_none_are_refused(tmp_path):
    module = constructions.build("logistic", d=1, steps=1, step_size=0.5).to_torch()
    for said in ("[1, 0]", "0", "[0, 0.5]", "no"):
        path = tmp_path / "w.safetensors"
        path.write_bytes(module.serialised(outputs=said))
        with pytest.raises(ValueError, match="limits of its outputs"):
            TransformerModule.load(path)
