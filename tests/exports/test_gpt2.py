"""Witnesses in transformers' own GPT2Model: what the folder says is what the model does."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import constructions
from constructions.exports.copies import copies
from constructions.exports.differences import coefficients, remainder
from constructions.exports.needed import needed
from verify.claim import Approximates, Budget, Refuted
from verify.command.cli import main
from verify.engine import run
from verify.exports.folder import Export, as_run, as_written, claims_of, read
from verify.exports.forward import forward
from verify.exports.prompts import drawn
from verify.exports.running import Exported
from verify.inputs.errors import WrongCall


def needs(*packages: str) -> pytest.MarkDecorator:
    """Skips a test where a package that an export is loaded with is not installed."""
    missing = [name for name in packages if find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


needs_transformers = needs("transformers")
EXPORTS = {
    "newton": ("--set", "d=3,iterations=3"),
    "gradient_descent": ("--set", "d=2,steps=2,ridge=1", "--n", "6"),
    "kernel_regression": ("--set", "kernel=exponential,steps=3,step_size=1/8"),
    "sherman_morrison": ("--set", "d=2", "--n", "4"),
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> dict[str, Path]:
    made = {}
    for name, options in EXPORTS.items():
        made[name] = tmp_path_factory.mktemp("exports") / name
        assert main(["export", name, "--to", "gpt2", "-o", str(made[name]), *options]) == 0
    return made


@pytest.fixture(params=EXPORTS)
def folder(request, folders) -> Path:
    return folders[request.param]


def changed(folder: Path, to: Path) -> Path:
    """A copy of an exported folder."""
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


# -- the model --------------------------------------------------------------------------------


@needs_transformers
def test_the_cards_lines_predict_within_its_bound_without_this_package(folder, outside, tmp_path):
    card = (folder / "README.md").read_text()
    made = read(folder)
    X, y, queries = drawn(made.box, 6, 5)
    np.savez(tmp_path / "prompts.npz", X=X, y=y, queries=queries)
    script = lines_of(card)[0] + (
        "\np = np.load(sys.argv[2])\n"
        "print(json.dumps([list(predict(*one)) for one in zip(p['X'], p['y'], p['queries'])]))"
    )
    predicted = json.loads(outside(script, folder, tmp_path / "prompts.npz"))
    off = np.array(predicted) - made.witness.predict(X, y, queries)
    assert 0 < abs(off).max() <= printed_bound(card)


def lines_of(card: str) -> list[str]:
    """The pieces of code in a card."""
    return re.findall(r"```python\n(.*?)```", card, re.S)


def printed_bound(card: str) -> float:
    return float(re.search(r"\| float32 \| ([\d.e-]+) \|", card)[1])


@needs("transformers", "transformer_lens")
@pytest.mark.parametrize("name", ["gradient_descent", "sherman_morrison"])
def test_in_transformer_lens_the_cache_holds_the_slots(name, folders, outside):
    """Outside: the prediction, and slots of the cached residual stream, on the truth's example."""
    folder = folders[name]
    card, said = (
        (folder / "README.md").read_text(),
        json.loads((folder / "witness.json").read_text()),
    )
    example = said["example"]
    script = "\n".join(lines_of(card)) + (
        "\nexample = json.load(open(f'{folder}/witness.json'))['example']\n"
        "given = [np.array(example[name]) for name in ('X', 'y', 'queries')]\n"
        "out, held = seen(*given)\n"
        "held = [{name: one.tolist() for name, one in each.items()} for each in held]\n"
        "print(json.dumps([out.tolist(), predict(*given).tolist(), held]))"
    )
    lens, transformers, held = json.loads(outside(script, folder).splitlines()[-1])
    bound = printed_bound(card)
    assert abs(np.array(lens) - example["prediction"]).max() <= bound
    assert abs(np.array(lens) - transformers).max() <= bound
    changed = 0.0
    for number, slots in enumerate(held):
        before, wanted = example["slots_after_embedding_and_blocks"][number : number + 2]
        for name, rows in slots.items():
            at_query, first = np.array(rows[-1]), np.ravel(wanted[name][-1])
            assert abs(at_query - first).max() <= bound, (number, name)
            changed = max(changed, abs(first - np.ravel(before[name][-1])).max())
    assert changed > 100 * bound  # what a block writes is seen, not only what it leaves alone


def test_the_bound_holds_on_ten_thousand_prompts_and_is_at_most_a_hundred_times_the_error(folder):
    made = read(folder)
    found = as_run(str(folder), made).run(Budget())
    assert found.passed and found.cases == 10_000
    assert found.bound / 100 <= found.max_error <= found.bound


def test_an_error_beyond_the_bound_is_seen(folders):
    made = read(folders["gradient_descent"])
    made.certificate.bounds["float32"] /= 1000
    found = as_run(str(folders["gradient_descent"]), made).run(Budget(quick=True))
    assert found.passed is False and found.max_error > found.bound


@needs_transformers
def test_without_transformers_a_folder_is_run_as_gpt2_is_defined(folder, monkeypatch):
    made = read(folder)
    prompts, theirs = drawn(made.box, 30, 9), Exported(folder)
    monkeypatch.setattr("verify.exports.running.find_spec", lambda name: None)
    ours = Exported(folder)
    assert theirs.runner == "transformers" and "this package" in ours.runner
    apart = abs(ours.predict(*prompts) - theirs.predict(*prompts)).max()
    assert apart <= made.certificate.rounding("float32") / 10


def right_at(layers: list[dict[str, Any]], copies: int) -> list[tuple[int, int]]:
    """Copies of the examples that hold what the last layer says, from which example on."""
    if "reads_copy" in layers[-1]:
        return [(at, 0) for at in range(max(one["reads_copy"] for one in layers) + 1, copies)]
    return [(0, max((one["reads_example"] or 1) - 1 for one in layers))]


def test_the_residual_stream_holds_what_the_truth_file_says(folder):
    said = json.loads((folder / "witness.json").read_text())
    example, model = said["example"], Exported(folder)
    X, y, queries = (np.array(example[key]) for key in ("X", "y", "queries"))
    config = json.loads((folder / "config.json").read_text())
    inputs = model.tokens(X[None], y[None], queries[None])
    forward(load_file(folder / "model.safetensors"), config, inputs, reads=(reads := []))
    bound = said["bounds"]["with_rounding_in"]["float32"]
    compared = 0
    for number, layer in enumerate(said["layers"]):
        wanted = example["slots_after_embedding_and_blocks"][number + 1]
        stream = reads[2 * number + 2][0]  # two norms a block
        n, so_far = len(X), said["layers"][: number + 1]
        for name, directions in said["slots"].items():
            held = stream @ np.array(directions).T
            want = np.array(wanted[name], dtype=float).reshape(n + 1, -1)
            assert abs(held[-1] - want[-1]).max() <= bound, (layer["name"], name)
            for at, first in right_at(so_far, len(model.roles) - 1):
                mine = held[1 + at * n : 1 + (at + 1) * n]
                assert abs(mine - want[:n])[first:].max() <= bound, (layer["name"], name, at)
                compared += 1
        # what is not 0 in the sink would be multiplied by exp(sink)
        units = [np.flatnonzero(row) for rows in said["slots"].values() for row in rows]
        assert not stream[0, np.concatenate(units)].any()
    assert compared


# -- the claim --------------------------------------------------------------------------------


def test_the_folder_is_a_claim_with_a_bound_for_its_box(folder, capsys):
    (claim,) = claims_of(str(folder))
    verdict = run(claim, Budget(quick=True)).verdict
    assert isinstance(verdict, Approximates) and verdict.strength == "enclosed"
    assert verdict.bound < 2e-3 and verdict.box == read(folder).box.words


def test_no_command_is_advised_that_does_not_know_the_folder(folders, capsys):
    assert main(["check", str(folders["gradient_descent"]), "--quick"]) == 0
    shown = capsys.readouterr().out
    assert "export.gradient_descent" in shown and "next:" not in shown


def change_weight(folder: Path) -> str:
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name, one in tensors.items() if "c_proj" in name and one.any())
    weights = tensors[name]
    at = tuple(np.argwhere(weights)[0])
    weights[at] = np.nextafter(weights[at], np.float32(np.inf))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return name


def add_tensor(folder: Path) -> str:
    tensors = load_file(folder / "model.safetensors")
    save_file(tensors | {"lm_head": np.zeros(1, np.float32)}, folder / "model.safetensors")
    return "lm_head"


@pytest.mark.parametrize("name", ["gradient_descent", "kernel_regression", "sherman_morrison"])
@pytest.mark.parametrize("change", [change_weight, add_tensor])
def test_what_is_wrong_in_a_folder_is_found_and_named(change, name, folders, tmp_path):
    copy = changed(folders[name], tmp_path / "copy")
    named = change(copy)
    (claim,) = claims_of(str(copy))
    report = run(claim, Budget(quick=True))
    assert isinstance(report.verdict, Refuted)
    assert named in str(report.verdict.counterexample)


def leaves(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Where a JSON value has entries: every field, the first and the last of a list."""
    if isinstance(value, (dict, list)) and value:
        keys = value if isinstance(value, dict) else sorted({0, len(value) - 1})
        for key in keys:
            yield from leaves(value[key], (*path, key))
    else:
        yield path


def another(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    return "another" if isinstance(value, str) else [*value, 0]


def with_another(said: Any, path: tuple) -> Any:
    if not path:
        return another(said)
    made = copy.copy(said)
    made[path[0]] = with_another(said[path[0]], path[1:])
    return made


READ = ("schema", "name", "parameters", "constants", "box")  # what the folder is made anew from


@pytest.mark.parametrize("file", ["config.json", "witness.json"])
def test_another_value_of_any_field_is_noticed(file, folders, tmp_path, monkeypatch):
    folder = changed(folders["gradient_descent"], tmp_path / "copy")
    made, said = read(folder), json.loads((folder / file).read_text())
    files, seen = made.files(), set()
    for path in leaves(said):
        (folder / file).write_text(json.dumps(with_another(said, path)))
        seen.add(path[0])
        if file == "witness.json" and path[0] in READ:
            try:
                anew = read(folder)
            except WrongCall:
                continue
        else:
            anew = made
            monkeypatch.setattr(Export, "files", lambda self: files)
        found = as_written(str(folder), anew).run(Budget())
        monkeypatch.undo()
        assert found.passed is False, path
    assert seen == set(said) and len(seen) > 10
    for text in (json.dumps({**said, "more": 1}), "[]", "{", "[[1, 2]]"):
        (folder / file).write_text(text)
        found = as_written(str(folder), made).run(Budget())
        assert found.passed is False and file in str(found.counterexample), text


# -- the parts --------------------------------------------------------------------------------


@pytest.mark.parametrize("pairs", range(1, 6))
def test_the_differences_are_linear_up_to_their_order(pairs):
    assert remainder(pairs, 1) == 1
    assert all(remainder(pairs, m) == 0 for m in range(3, 2 * pairs, 2))
    assert remainder(pairs, 2 * pairs + 1) != 0 and len(coefficients(pairs)) == pairs


def test_each_layer_reads_the_first_copy_that_is_right():
    newton = constructions.build("newton", d=2, iterations=3, alpha=Fraction(1, 64))
    assert copies(newton).reads == (0, 1, 2, 3, 0)  # the read-out reads x and y alone


def test_what_is_read_later_is_followed_from_the_read_out_to_the_embedding():
    newton = constructions.build("newton", d=1, iterations=1, alpha=Fraction(1, 64))
    names, order = [slot.name for slot in newton.layout.slots], copies(newton)
    assert (names, order.reads) == (["x", "y", "t", "p"], (0, 1, 0))
    found = [
        [sorted(names[unit] for unit in after[place]) for place in range(order.count + 1)]
        for after in needed(newton, order)
    ]
    assert found == [  # of the first copy, the second, and the query
        [["x", "y"], ["t", "x"], ["p", "t", "x"]],
        [["x", "y"], ["t", "x"], ["p", "t"]],
        [["x", "y"], [], ["p", "t"]],
        [[], [], ["p"]],
    ]


# -- the command ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["newton", "--to", "bert"], "--to takes gpt2, onnx, torch, safetensors, not 'bert'"),
        (["newtonn", "--to", "gpt2"], "did you mean newton?"),
        (["newton", "--to", "gpt2", "--n", "0"], "--n must be at least 1, not 0"),
        (["newton", "--to", "gpt2", "--x", "big"], "--x is a number above 0"),
        (["newton", "--to", "gpt2", "--set", "alpha=1"], "outside the region where newton"),
        (["newton", "--to", "gpt2", "--set", "prompt=interleaved"], "prompts other than tokens"),
        (["newton", "--to", "gpt2", "--set", "attention=relu"], "relu attention"),
        (["lasso", "--to", "gpt2"], "an MLP that is not linear (relu)"),
        (["newton", "--to", "gpt2", "--n", "400"], "tokens"),
        (["hyperpower", "--to", "gpt2"], "read several slots"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_line(arguments, said, tmp_path, capsys):
    assert main(["export", *arguments, "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(tmp_path, capsys):
    (tmp_path / "mine").write_text("mine")
    assert main(["export", "newton", "--to", "gpt2", "-o", str(tmp_path)]) == 2
    assert "is there already; nothing is overwritten" in capsys.readouterr().err


def test_a_folder_that_is_no_export_is_refused(folders, tmp_path, capsys):
    copy = changed(folders["gradient_descent"], tmp_path / "copy")
    (copy / "witness.json").write_text("{}")
    assert main(["check", str(copy)]) == 2
    assert "is not what an export writes" in capsys.readouterr().err
    (copy / "model.safetensors").unlink()
    assert main(["check", str(copy)]) == 2
    assert "has no model.safetensors" in capsys.readouterr().err
