"""Masks, mixes and norms where they run: what no key is, what a plan spares, who refuses them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from constructions.run.forward import plan
from constructions.witness import Witness
from proofs.layer import MLP, Head, Layer, Norm, Readout
from proofs.prompt import Prompt
from proofs.prove_witness import prove_witness
from proofs.rule import rule
from proofs.slotmap import slot_map
from proofs.stream import layout
from verify.checks.coq.terms import NotUniformError, Writer

PROMPT = [[1, 2], [3, -1], [0, 1]], [1, -2, 4], [[2, 1]]
MAPS = slot_map(("f", "x")), slot_map(("f", "x")), slot_map(("y", "y"))


def built(*layers: Layer) -> Witness:
    embedding = slot_map(("x", "x"), ("y", "y"))
    return Witness("w", layout(x=(2,), y=()), Prompt(2, embedding), layers, Readout("y"))


def of_head(**fields) -> Witness:
    return built(Layer("one", (Head(*MAPS, **fields),)))


@pytest.mark.parametrize("attention", ["softmax", "normalised"])
@pytest.mark.parametrize("fields", [{"keys": "strictly causal"}, {"mask": rule("j < t")}])
@pytest.mark.parametrize("numbers", ["float64", "float32", "ball", "rational", "symbolic"])
def test_shares_over_no_key_are_an_error_in_every_arithmetic(attention, fields, numbers):
    witness = of_head(attention=attention, **fields)
    with pytest.raises(ZeroDivisionError, match="token 1 sees no key"):
        witness.predict(*PROMPT, numbers)
    with pytest.raises(ZeroDivisionError, match="sees no key"):
        witness.to_torch()(*(torch.tensor(p, dtype=torch.float64) for p in PROMPT))
    with_null = of_head(attention=attention, null=True, **fields)
    assert np.isfinite(with_null.predict(*PROMPT)).all()


def test_a_mean_over_no_key_is_nothing():
    witness = of_head(keys="strictly causal", average="keys")
    first, second, *_ = witness.trace(*PROMPT, "rational")[-1]["y"].ravel().tolist()
    assert (first, second) == (1, -2 + 1)  # <x_2, x_1> = 1, times y_1 = 1, by one key


def test_keys_that_nobody_sees_cost_nothing():
    hidden = plan(of_head(keys="full", mask=rule("j < n")), 5, 2)
    context = plan(of_head(keys="context"), 5, 2)
    assert [step.method for step in hidden.steps] == [step.method for step in context.steps]
    readers = plan(of_head(mask=rule("t >= n")), 50, 1)  # only the query reads
    sizes = [step.made.rows * step.made.columns for step in readers.steps]
    assert max(sizes) < 50 * 50


def test_a_weighted_mask_is_a_decay():
    X, y, ((a, b),) = PROMPT
    witness = of_head(keys="causal", mask=rule("half**(t - j)", half=Fraction(1, 2)))
    wanted = sum(
        Fraction(1, 2) ** (3 - j) * (a * u + b * v) * target
        for j, ((u, v), target) in enumerate(zip(X, y))
    )
    assert list(witness.predict(*PROMPT, "rational")) == [wanted]


def test_a_matrix_fits_one_number_of_tokens():
    witness = of_head(keys="full", mask=rule(np.eye(4, dtype=int)))
    assert list(witness.predict(*PROMPT, "rational")) == [0]
    with pytest.raises(ValueError, match="4 x 4, where 3 tokens"):
        witness.predict(PROMPT[0][:2], PROMPT[1][:2], PROMPT[2])


def test_the_papers_m_is_proved_for_every_n():
    """Z + P Z M (Zᵀ Q Z) with M the identity on the examples: a step of descent."""
    m = rule("(r == c) * (r < n)")
    witness = of_head(keys="full", mask=rule("j < n"), mix=m)
    assert prove_witness(witness, statement=({}, "x_t.T*X.T*y")).proved
    assert not prove_witness(witness, statement=({}, "2*x_t.T*X.T*y")).proved
    wrong = of_head(keys="full", mask=rule("j < n"), mix=rule("(r == c) * (r < n) * 2"))
    assert not prove_witness(wrong, statement=({}, "x_t.T*X.T*y")).proved


def test_strictly_causal_keys_are_proved_where_tokens_are_told_apart():
    witness = of_head(keys="strictly causal")
    witness = built(*witness.layer_list, Layer("two", (Head(*MAPS),)))
    right = "x_t.T*X.T*y + x_t.T*x1*y1 + x_t.T*x2*y2 + x_t.T*x2*x2.T*x1*y1"
    assert prove_witness(witness, examples=2, statement=({}, right)).proved
    causal = right + " + x_t.T*x1*x1.T*x1*y1"  # if the first one saw itself
    assert not prove_witness(witness, examples=2, statement=({}, causal)).proved


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"mask": rule("j < n")}, "no mask of a head"),
        ({"mix": rule("r < c")}, "no mix of a head"),
        ({"keys": "strictly causal"}, "no keys 'strictly causal'"),
        ({"attention": "exponential"}, "no attention 'exponential'"),
    ],
)
def test_the_writer_for_coq_refuses_by_name(fields, said):
    with pytest.raises(NotUniformError, match=said):
        Writer("w", {}, 2).witness(of_head(**fields))


@pytest.mark.parametrize("place", ["norm", "attention_norm", "after_attention", "after_mlp"])
def test_a_norm_is_refused_by_name_and_is_a_weight_of_the_dense_module(place):
    norm = Norm("rms", Fraction(1, 8), (("x", (1, 2)),), (("y", 3),))
    layer = Layer("one", (Head(*MAPS),), MLP(slot_map(("y", "x[0]"))), **{place: norm})
    witness = built(layer)
    with pytest.raises(NotUniformError, match=f"no rms norm \\({place}\\)"):
        Writer("w", {}, 2).witness(witness)
    proof = prove_witness(witness, statement=({}, "x_t.T*X.T*y"))
    assert f"rms norm ({place})" in str(proof.failed)
    module = witness.to_torch()
    named = {name for name, _ in witness.matrices()}
    assert {f"layers.0.{place}.gain", f"layers.0.{place}.bias"} <= named
    assert {f"layers.0.{place}.gain", f"layers.0.{place}.bias"} <= set(module.state_dict())
    tensors = [torch.tensor(part, dtype=torch.float64) for part in PROMPT]
    (ball,) = witness.predict(*PROMPT, "ball")
    assert abs(ball - module(*tensors).item()) < 1e-12
