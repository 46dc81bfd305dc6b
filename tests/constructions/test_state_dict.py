"""A state_dict's layers do what the module of its floats does."""

from __future__ import annotations

import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import constructions
from constructions import from_matrices, layers_from
from constructions.numbers.floats import Floats
from constructions.numbers.seen import Seen

D, N = 3, 4  # numbers of x, examples


@pytest.fixture
def drawn() -> np.random.Generator:
    return np.random.default_rng(3)


def tensor(drawn: np.random.Generator, *shape: int) -> torch.Tensor:
    """Entries so small that float64 has every product and sum of two layers exactly."""
    return torch.from_numpy(drawn.integers(-2, 3, shape) / 2)


def prompt(drawn: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return tuple(drawn.integers(-1, 2, shape) / 1 for shape in ((N, D), (N,), (1, D)))  # type: ignore


def columns(X: np.ndarray, y: np.ndarray, queries: np.ndarray) -> torch.Tensor:
    """Z_0 (d + 1, n + 1)."""
    top = np.vstack([X, queries])
    return torch.from_numpy(np.hstack([top, np.append(y, 0)[:, None]]).T)


def witness(layers: Any, **more: Any) -> Any:
    return from_matrices(layers, rows={"x": "d", "y": 1}, d=D, read={"y": -1}, **more)


@pytest.fixture
def saved(tmp_path: Path) -> Any:
    def save(tensors: dict[str, torch.Tensor]) -> Path:
        save_file({name: one.clone().contiguous() for name, one in tensors.items()}, path)
        return path

    path = tmp_path / "weights.safetensors"
    return save


def bilinear(Z: torch.Tensor, P: torch.Tensor, Q: torch.Tensor) -> torch.Tensor:
    M = torch.eye(Z.shape[1], dtype=Z.dtype)
    M[-1, -1] = 0
    return P @ Z @ M @ (Z.T @ Q @ Z) / N


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_matrices_called_P_and_Q(drawn, saved, dtype):
    tensors = {
        f"model.layers.{k}.{one}": tensor(drawn, D + 1, D + 1) for k in (0, 1) for one in "PQ"
    }
    given = prompt(drawn)
    Z = columns(*given)
    for k in (0, 1):
        Z = Z + bilinear(Z, tensors[f"model.layers.{k}.P"], tensors[f"model.layers.{k}.Q"])
    path = saved({name: one.to(dtype) for name, one in tensors.items()})
    made = witness(layers_from(path, M="examples", factor="1/n")).predict(*given, "rational")
    assert list(made) == [-Fraction(Z[D, N].item())]


def test_heads_and_names_of_ones_own(drawn, saved):
    tensors = {f"block1.att.{h}.{one}": tensor(drawn, D + 1, D + 1) for h in (0, 1) for one in "vs"}
    tensors |= {name.replace("block1", "block0"): one for name, one in tensors.items()}
    given = prompt(drawn)
    Z = columns(*given)
    for k in (0, 1):
        at = {name: tensors[f"block{k}.att.{name}"] for name in ("0.v", "0.s", "1.v", "1.s")}
        Z = Z + bilinear(Z, at["0.v"], at["0.s"].T) + bilinear(Z, at["1.v"], at["1.s"].T)
    names = {"block{l}.att.{h}.v": "P", "block{l}.att.{h}.s": "Q^T"}
    layers = layers_from(saved(tensors), names=names, M="examples", factor="1/n")
    assert list(witness(layers).predict(*given, "rational")) == [-Fraction(Z[D, N].item())]


def test_the_published_code_of_ahn2023_has_the_reader_on_the_left(drawn, saved):
    """Its Z is (tokens, rows), and what it calls Q the paper's formula has as Q^T."""
    parameters = tensor(drawn, 2, 2, 2, D, D)
    given = prompt(drawn)
    Z = columns(*given).T
    for layer in parameters:
        added = torch.zeros_like(Z)
        for P, Q in layer:
            value = Z.clone()
            value[:, :D] = Z[:, :D] @ P.T
            scores = Z[:, :D] @ Q @ Z[:, :D].T  # (readers, keys)
            scores[:, -1] = 0
            added += scores @ value / N
        Z = Z + added
    made = witness(layers_from(saved({"allparam": parameters}))).predict(*given, "rational")
    assert list(made) == [-Fraction(Z[N, D].item())]


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("kind", ["torch", "projections"])
def test_softmax_of_torch(drawn, saved, heads, kind):
    module = nn.MultiheadAttention(D + 1, heads, bias=False, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for one in module.parameters():
            one.copy_(tensor(drawn, *one.shape))
    given = prompt(drawn)
    Z = columns(*given).T[None]
    causal = torch.ones(N + 1, N + 1, dtype=torch.bool).triu(1)
    for _ in range(2):
        Z = Z + module(Z, Z, Z, attn_mask=causal, need_weights=False)[0]
    tensors = dict(module.state_dict())
    if kind == "projections":
        parts = tensors.pop("in_proj_weight").chunk(3)
        tensors |= {f"{one}_proj.weight": part for one, part in zip("qkv", parts)}
    both = {f"layers.{k}.{name}": one for k in (0, 1) for name, one in tensors.items()}
    layers = layers_from(saved(both), heads=heads, mask="causal")
    made = witness(layers)
    assert made.heads == heads
    off = np.abs(made.predict(*given) + Z[0, N, D].item())
    assert (off <= 2 * made.rounding_bound(*given)).all()  # torch's rounds as much
    if heads < 4:  # sqrt(4), sqrt(2)
        (ball,) = made.predict(*given, "ball")
        assert abs(float(ball.mid()) + Z[0, N, D].item()) < 1e-9 and ball.rad() < 1e-9


@pytest.mark.parametrize("table", [None, ((True, False), (True, True))])
def test_what_is_kept_of_a_mask_serves_runs_with_gradients_too(table):
    """Also where the first run was one without."""
    seen = Seen(2, 2, 0, table)
    with torch.inference_mode():
        seen.hidden(torch.device("cpu"))
    scores = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
    Floats("float64").softmax(scores, seen, False)[0, 0].backward()
    assert (scores.grad == 0).all()  # the first token sees one key


def test_what_to_torch_saves(drawn, saved):
    newton = constructions.build("newton", d=D, iterations=2, alpha=Fraction(1, 8))
    layers = layers_from(
        saved(newton.to_torch().state_dict()), ignore=["embedding", "readout"], mask="examples",
        attention="linear", activation="identity",
    )  # fmt: skip
    rows, start = {slot.name: slot.shape for slot in newton.layout.slots}, newton.prompt.embedding
    embedding = {(block.destination, block.source): block.coefficient for block in start}
    again = from_matrices(layers, rows=rows, d=D, embedding=embedding, read=newton.readout)
    given = prompt(drawn)
    assert list(again.predict(*given, "rational")) == list(newton.predict(*given, "rational"))


BAD = {
    "a name that nothing knows": (
        {"layers.0.P": (4, 4), "ln_1.weight": (4, 4)}, {}, "'ln_1.weight' has no place here"
    ),
    "a gap in the layers": ({"layers.1.P": (4, 4)}, {}, "numbered [1], which does not go up"),
    "a gap in the heads": (
        {"heads.0.P": (4, 4), "heads.2.P": (4, 4)}, {},
        "the heads of layer 0 are numbered [0, 2], which does not go up from 0",
    ),
    "no matrix": ({"P": (4,), "Q": (4, 4)}, {}, "P must be a matrix, given by its rows"),
    "two of one": (
        {"layers.0.P": (4, 4), "layers.0.P.weight": (4, 4)}, {}, "is a second P of layer 0"
    ),
    "nothing": ({"P": (4, 4)}, {"ignore": ["P"]}, "no tensor to make layers of"),
    "what is ignored": ({"P": (4, 4)}, {"ignore": ["Z"]}, "there is no tensor 'Z'"),
    "a missing projection": ({"q_proj.weight": (4, 4)}, {}, "there is no projection W_K"),
    "heads that do not divide": (
        {"in_proj_weight": (12, 4), "out_proj.weight": (4, 4)}, {"heads": 3},
        "projections of 4 rows are not 3 equal heads",
    ),
    "linear scores without a scale": (
        {"in_proj_weight": (12, 4), "out_proj.weight": (4, 4)}, {"attention": "linear"},
        "scale is needed",
    ),
    "a bias": (
        {"in_proj_weight": (12, 4), "out_proj.weight": (4, 4), "in_proj_bias": (12,)}, {},
        "'in_proj_bias' is a bias that is not 0",
    ),
    "a name beside the projections": (
        {"in_proj_weight": (12, 4), "out_proj.weight": (4, 4), "norm.weight": (4,)}, {},
        "'norm.weight' has no place beside the projections",
    ),
    "another shape of allparam": ({"allparam": (1, 2, 3, 3)}, {}, "not (layers, heads, 2, d, d)"),
    "no such role": ({"a": (4, 4)}, {"names": {"a": "V"}}, "'V' is no matrix; there are P, Q"),
    "heads without projections": ({"P": (4, 4)}, {"heads": 2}, "heads is of torch's projections"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_what_is_not_known_is_refused_by_name(kind, saved):
    shapes, more, words = BAD[kind]
    path = saved({name: torch.ones(shape) for name, shape in shapes.items()})
    with pytest.raises(ValueError) as refused:
        layers_from(path, **more)
    assert words in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_refused(saved, value):
    with pytest.raises(ValueError, match=r"layers.0.P\[0, 1\]: .* must be finite"):
        layers_from(saved({"layers.0.P": torch.tensor([[1.0, value], [0.0, 1.0]])}))


class Harm:
    """What would run if a file were unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("harm"),))


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, data in (("a.pt", pickle.dumps({"P": Harm()})), ("b.safetensors", b"\x80\x04")):
        Path(name).write_bytes(data)
        with pytest.raises(ValueError, match="is no safetensors file"):
            layers_from(name)
    torch.save({"P": torch.eye(2)}, "c.bin")
    with pytest.raises(ValueError, match="is no safetensors file"):
        layers_from("c.bin")
    assert not Path("harm").exists()
