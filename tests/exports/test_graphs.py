"""Witnesses as ONNX, torch.export and safetensors files: elsewhere too they predict the same."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import constructions
from constructions import Head, Layer, Prompt, Readout, Witness, layout, slot_map
from constructions.exports import graph
from constructions.exports.gpt2 import NoExport
from proofs.layer import Norm
from proofs.rule import rule
from verify.claim import Approximates, Budget, Refuted
from verify.command.cli import main
from verify.engine import run
from verify.exports import graphs
from verify.inputs.names import choose

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

# between them every word that a graph is made of
CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "index, tokens of x and y, relu": (
        "newton", {"d": 2, "iterations": 1, "alpha": Fraction(1, 9), "prompt": "interleaved"},
        "float64",
    ),
    "fixed n, positions, causal, null": (
        "recursive_least_squares", {"d": 2, "examples": 2, "ridge": Fraction(1, 2)}, "float64"
    ),
    "parts of x, an average": (
        "temporal_differences",
        {"d": 2, "steps": 1, "gamma": Fraction(1, 2), "C": ((1, 0), (Fraction(1, 3), 1))},
        "float64",
    ),
    "gelu": ("gelu_product", {"d": 2, "order": 2, "scale": Fraction(1, 4)}, "float32"),
    "encodings, softmax, no y": (
        "subleq", {"d": 1, "address": 2, "temperature": 10, "epsilon": Fraction(1, 10), "loops": 1},
        "float64",
    ),
}  # fmt: skip


def ruled() -> Witness:
    """Causal softmax with a mask, a norm, an average: what no construction has all together."""
    head = Head(
        slot_map(("s", "x")), slot_map(("s", "x")), slot_map(("p", "y")), keys="causal",
        attention="softmax", mask=rule("half**(t - j) * (j < n)", half=Fraction(1, 2)),
    )  # fmt: skip
    other = Head(
        slot_map(("s", "x")), slot_map(("s", "x")), slot_map(("p", "y")), keys="full",
        average="keys", mix=rule("(r <= c) / (c + 1)"),
    )  # fmt: skip
    layer = Layer("step", (head, other), attention_norm=Norm("rms", epsilon=Fraction(1, 8)))
    prompt = Prompt(2, slot_map(("x", "x"), ("y", "y")))
    return Witness("ruled", layout(x=(2,), y=(), p=()), prompt, [layer] * 2, Readout("p"))


def exact_and_bound(witness: Witness, prompts: dict[str, Any], numbers: str) -> tuple[Any, Any]:
    """The exact prediction as balls, and what the witness says that rounding may do to it."""
    bound = witness.rounding_bound(**prompts, numbers=numbers)
    return witness.predict(**prompts, numbers="ball"), bound


def agree(made: Any, witness: Witness, prompts: dict[str, Any], numbers: str) -> bool:
    exact, bound = exact_and_bound(witness, prompts, numbers)
    made = np.asarray(made, dtype=float)
    assert made.shape == exact.shape and np.isfinite(bound).all()
    pairs = zip(exact.ravel(), made.ravel(), bound.ravel())
    return all(abs(one - float(value)) <= most for one, value, most in pairs)


def drawn(witness: Witness, inputs: dict[str, Any], sizes: dict[str, int]) -> dict[str, Any]:
    random = np.random.default_rng(sizes["batch"])
    shapes = {name: [sizes.get(axis, axis) for axis in axes] for name, axes in inputs.items()}
    return {
        name: random.uniform(-1, 1, shape).astype(np.float32).astype(float)
        for name, shape in shapes.items()
    }


SIZES = ({"batch": 1, "n": 1, "m": 1}, {"batch": 4, "n": 6, "m": 3})


@pytest.mark.parametrize(
    ("words", "to"), [*((words, "onnx") for words in CASES), ("encodings, softmax, no y", "torch")]
)
def test_at_every_open_size_a_file_predicts_as_the_witness_within_its_rounding_bound(
    words, to, tmp_path
):
    name, parameters, numbers = CASES[words]
    witness = constructions.build(name, **parameters)
    made = graphs.export(to, name, parameters, witness, numbers)
    path = tmp_path / made.form.file
    path.write_bytes(made.content)
    predict = made.form.predictor(str(path), made.about["inputs"])
    for sizes in SIZES:
        prompts = drawn(witness, made.about["inputs"], sizes)
        assert agree(predict(**prompts), witness, prompts, numbers)
    assert ("n" in graph.open_axes(witness)) == (words[:5] not in ("fixed", "encod"))


def test_a_mask_fixes_the_sizes_and_is_in_the_graph():
    made = graphs.export("onnx", "ruled", {}, ruled(), "float64", n=3)
    assert made.about["inputs"] == {
        "X": ["batch", 3, 2], "y": ["batch", 3], "queries": ["batch", 1, 2]
    }  # fmt: skip
    assert 0 < made.error <= made.bound < 1e-13


# -- elsewhere --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> dict[str, Path]:
    made = {}
    for to in ("onnx", "torch", "safetensors"):
        made[to] = tmp_path_factory.mktemp("graphs") / to
        call = ["export", "newton", "--to", to, "-o", str(made[to]), "--set", "d=3,iterations=2"]
        assert main(call) == 0
    return made


PREDICTS = """
said = json.load(open(sys.argv[2]))
print(json.dumps([about["name"], predict(**said).tolist()]))
"""
# the formulas of the card, for heads that are linear
FOLLOWS = """
import numpy as np
W, said = tensors, json.load(open(sys.argv[2]))
X, y, queries = (np.array(said[name]) for name in ("X", "y", "queries"))
n, at = X.shape[1], dict(zip(about["features"], np.cumsum([0, *about["features"].values()])))
T = np.zeros((len(X), n + queries.shape[1], W["embedding"].shape[1]))
T[:, :n, at["x"] : at["x"] + 3], T[:, n:, at["x"] : at["x"] + 3] = X, queries
T[:, :n, at["y"]] = y
h = T @ W["embedding"].T
for number, layer in enumerate(wiring["layers"]):
    added = 0 * h
    for i, head in enumerate(layer["heads"]):
        assert (head["attention"], head["keys"], head["average"]) == ("linear", "context", "")
        Q, K, V = (W[f"layers.{number}.heads.{i}.{one}"] for one in ("query", "key", "value"))
        added += h @ Q.T @ (h[:, :n] @ K.T).swapaxes(1, 2) @ (h[:, :n] @ V.T)
    h = h + added
    if layer["mlp"]:
        assert layer["mlp"]["activation"] == "identity" and not layer["mlp"]["inner"]
        h = h + h @ W[f"layers.{number}.mlp.outer"].T
print(json.dumps([about["name"], (h[:, n:] @ W["readout"].T)[..., 0].tolist()]))
"""


@pytest.mark.parametrize("to", ["onnx", "torch", "safetensors"])
def test_the_cards_lines_load_it_without_this_package(to, folders, outside, tmp_path):
    witness = constructions.build("newton", **parameters_of(folders[to]))
    (file,) = folders[to].glob("model.*")
    prompts = drawn(witness, about_of(file)["inputs"], SIZES[1])
    given = tmp_path / "prompts.json"
    given.write_text(json.dumps({name: one.tolist() for name, one in prompts.items()}))
    lines = re.search(r"```python\n(.*?)```", (folders[to] / "README.md").read_text(), re.S)[1]
    script = lines + (FOLLOWS if to == "safetensors" else PREDICTS)
    name, made = json.loads(outside(script, file, given))
    assert name == "newton" and agree(made, witness, prompts, "float64")


def parameters_of(folder: Path) -> dict[str, Any]:
    """What the folder's file says that it was built of."""
    from verify.exports.parameters import from_json

    (file,) = folder.glob("model.*")
    return {key: from_json(value) for key, value in about_of(file)["parameters"].items()}


def about_of(file: Path) -> dict[str, Any]:
    if file.suffix == ".onnx":
        return json.loads({p.key: p.value for p in onnx.load(file).metadata_props}["witness"])
    if file.suffix == ".pt2":
        said = {"witness": ""}
        torch.export.load(file, extra_files=said)
        return json.loads(said["witness"])
    with safe_open(file, "np") as opened:
        return json.loads(opened.metadata()["about"])


@pytest.mark.parametrize("to", ["onnx", "torch", "safetensors"])
def test_a_file_says_what_it_is_and_nothing_of_where_it_was_made(to, folders):
    (file,) = folders[to].glob("model.*")
    about = about_of(file)
    witness = constructions.build("newton", **parameters_of(folders[to]))
    assert about["digest"] == witness.digest and about["numbers"] == "float64"
    assert about["inputs"]["queries"] == ["batch", "m", 3]
    for word in (str(Path(graph.__file__).parents[2]), str(Path(torch.__file__).parents[1])):
        assert word.encode() not in file.read_bytes()


def test_an_onnx_file_names_its_opset_its_axes_and_its_weights(folders):
    model = onnx.load(folders["onnx"] / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [(one.domain, one.version) for one in model.opset_import] == [("", graph.OPSET)]
    axes = {
        one.name: [axis.dim_param or axis.dim_value for axis in one.type.tensor_type.shape.dim]
        for one in (*model.graph.input, *model.graph.output)
    }
    assert axes["X"] == ["batch", "n", 3] and axes["prediction"] == ["batch", "m"]
    names = {one.name for one in model.graph.initializer}
    assert {"embedding", "readout", "layers.0.heads.0.query", "layers.1.mlp.outer"} <= names


@pytest.mark.parametrize("compiled", [False, True])
def test_an_exported_program_has_the_modules_gradients_compiled_whole_too(compiled, folders):
    program = torch.export.load(folders["torch"] / "model.pt2").module()
    module = constructions.build("newton", **parameters_of(folders["torch"])).to_torch()
    run_it = torch.compile(program, backend="aot_eager", fullgraph=True) if compiled else program
    for n in (2, 5):  # the second is what the first was not compiled for
        random = torch.Generator().manual_seed(n)
        shapes = {"X": (2, n, 3), "y": (2, n), "queries": (2, 2, 3)}
        prompts = {
            name: torch.rand(*shape, dtype=torch.float64, generator=random, requires_grad=True)
            for name, shape in shapes.items()
        }
        found = []
        for one in (run_it, module):
            parameters = dict((program if one is run_it else module).named_parameters())
            made = one(**prompts)
            gradients = torch.autograd.grad(
                made.square().sum(),
                [*prompts.values(), *(parameters[k] for k in sorted(parameters))],
            )
            found.append((made, *gradients))
        for mine, wanted in zip(*found):
            assert torch.equal(mine, wanted)
        assert len(found[0]) > 10 and all(one.abs().max() > 0 for one in found[1])


# -- what is wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["torch", "safetensors"])
def test_nothing_is_written_that_is_beyond_the_bound(to, tmp_path, monkeypatch, capsys):
    form = graphs.forms()[to]

    def wrong(module: Any, n: int, about: Any) -> bytes:
        with torch.no_grad():
            module.layers[0].heads[0].value.mul_(1 + 2.0**-30)
        return form.written(module, n, about)

    changed = graphs.Form(form.name, form.file, form.packages, form.imports, form.lines, wrong)
    monkeypatch.setattr(graphs, "forms", lambda: {to: changed})
    call = ["export", "gradient_descent", "--to", to, "-o", str(tmp_path / "out"), "--set", "d=1"]
    assert main(call) == 2
    assert "beyond the bound that rounding has" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_where_no_bound_could_tell(tmp_path, monkeypatch, capsys):
    def no_bound(witness: Any, X: Any, y: Any, queries: Any, numbers: str) -> Any:
        return np.full(np.shape(X)[:1] + np.shape(queries)[1:2], np.inf)

    monkeypatch.setattr(Witness, "rounding_bound", no_bound)
    call = ["export", "newton", "--to", "safetensors", "-o", str(tmp_path / "out")]
    assert main(call) == 2
    assert "nothing bounds what rounding in float64 does" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def change_weight(path: Path) -> str:
    """The next float: far too little for a prediction to leave its bound."""
    name = "layers.1.heads.0.value"
    if path.suffix == ".safetensors":
        tensors = load_file(path)
        tensors[name] = following(tensors[name].numpy())
        with safe_open(path, "pt") as opened:
            metadata = opened.metadata()
        save_file({k: torch.as_tensor(v) for k, v in tensors.items()}, path, metadata=metadata)
        return name
    model = onnx.load(path)
    (one,) = (one for one in model.graph.initializer if one.name == name)
    one.CopyFrom(onnx.numpy_helper.from_array(following(onnx.numpy_helper.to_array(one)), name))
    onnx.save(model, path)
    return name


def following(array: np.ndarray) -> np.ndarray:
    made = array.copy()
    at = tuple(np.argwhere(made)[0])
    made[at] = np.nextafter(made[at], np.inf)
    return made


def lose_weight(path: Path) -> str:
    name = "layers.1.mlp.outer"
    if path.suffix == ".safetensors":
        tensors = load_file(path)
        del tensors[name]
        with safe_open(path, "pt") as opened:
            metadata = opened.metadata()
        save_file(tensors, path, metadata=metadata)
        return name
    model = onnx.load(path)
    for one in model.graph.initializer:
        one.name = one.name.replace(name, "other")
    for node in model.graph.node:
        node.input[:] = [one.replace(name, "other") for one in node.input]
    onnx.save(model, path)
    return name


def change_graph(path: Path) -> str:
    model = onnx.load(path)
    last = [node for node in model.graph.node if node.op_type == "Add"][-1]
    last.op_type = "Sub"
    onnx.save(model, path)
    return "queries"


@pytest.mark.parametrize(
    ("to", "change"),
    [("onnx", change_weight), ("onnx", lose_weight), ("onnx", change_graph),
     ("safetensors", change_weight)],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_found_and_named(to, change, folders, tmp_path):
    (file,) = folders[to].glob("model.*")
    (chosen,) = choose([str(folders[to])])
    assert isinstance(run(chosen.claim, Budget(quick=True)).verdict, Approximates)
    copy = tmp_path / file.name
    copy.write_bytes(file.read_bytes())
    named = change(copy)
    (chosen,) = choose([str(copy)])
    verdict = run(chosen.claim, Budget(quick=True)).verdict
    assert isinstance(verdict, Refuted) and named in str(verdict.counterexample)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["gelu_product", "--to", "onnx", "--set", "scale=1,order=2,d=2"],
            "onnxruntime does not run it",
        ),
        (["newton", "--to", "onnx", "--numbers", "float16"], "--numbers takes float64 or float32"),
        (["newton", "--to", "gpt2", "--numbers", "float32"], "a GPT-2 is in float32"),
        (["newton", "--to", "onnx", "--y", "2"], "--y is of --to gpt2"),
        (["newton", "--to", "torch", "-o", "{}/out.onnx"], "a file of --to torch ends in .pt2"),
        (["newton", "--to", "gpt2", "-o", "{}/no/such"], "there is no folder"),
        (["newtonn", "--to", "onnx"], "did you mean newton?"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_line(arguments, said, tmp_path, capsys):
    given = [word.format(tmp_path) for word in arguments]
    given += [] if "-o" in given else ["-o", str(tmp_path / "out")]
    assert main(["export", *given]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("to", graphs.forms())
def test_a_step_size_that_suits_some_prompts_is_exported(to, tmp_path, capsys):
    """A file takes any prompt; GPT-2's bound is for every one of a box, here a larger one."""
    given = ["export", "newton", "--set", "d=2,iterations=3,alpha=0.02"]
    assert main([*given, "--to", to, "-o", str(tmp_path / "file")]) == 0
    capsys.readouterr()
    assert main([*given, "--to", "gpt2", "-o", str(tmp_path / "folder")]) == 2
    said = capsys.readouterr().err
    assert "newton converges for 8 examples with entries of x up to 1 (--n, --x)" in said
    assert main([*given, "--n", "2", "--to", "gpt2", "-o", str(tmp_path / "folder")]) == 0


def test_a_missing_library_is_named_with_the_extra_to_install(monkeypatch, tmp_path, capsys):
    import importlib.util

    known = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxscript" else known(name)
    )
    assert main(["export", "newton", "--to", "onnx", "-o", str(tmp_path / "out")]) == 2
    assert (
        "--to onnx needs onnxscript: pip install 'icl-witness[export]'" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.onnx", b"onnx", "is no export that can be checked"),
        ("a.safetensors", b"", "is no export that can be checked"),
        ("a.pt2", b"", "is not checked: opening it may run code"),
        ("a.onnx", None, "there is no file"),
    ],
)
def test_a_file_that_is_no_export_is_refused(name, content, said, tmp_path, capsys):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert main(["check", str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_letters_have_to_be_numbers():
    from sympy import Symbol

    witness = constructions.build("gradient_descent", d=1, steps=1, step_size=Symbol("eta"))
    with pytest.raises(NoExport, match="the letters eta have no numbers"):
        graphs.export("torch", "gradient_descent", {}, witness, "float64")
