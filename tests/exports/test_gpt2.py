"""Witnesses in transformers' own GPT2Model: what the folder says is what the model does."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

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
from verify.exports.folder import as_run, claims_of, read
from verify.exports.prompts import drawn


def needs(*packages: str) -> pytest.MarkDecorator:
    """Skips a test where a package that an export is loaded with is not installed."""
    missing = [name for name in packages if find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


needs_transformers = needs("transformers")
EXPORTS = {
    "newton": ("--set", "d=3,iterations=3"),
    "gradient_descent": ("--set", "d=2,steps=2,ridge=1", "--n", "6"),
    "kernel_regression": ("--set", "kernel=exponential,steps=3,step_size=1/8"),
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
def test_in_transformer_lens_the_cache_holds_the_slots(folders, outside):
    """Outside: the prediction, and slots of the cached residual stream, on the truth's example."""
    folder = folders["gradient_descent"]
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


@needs_transformers
def test_the_bound_holds_on_ten_thousand_prompts_and_is_at_most_a_hundred_times_the_error(folder):
    made = read(folder)
    found = as_run(str(folder), made).run(Budget())
    assert found.passed and found.cases == 10_000
    assert found.bound / 100 <= found.max_error <= found.bound


@needs_transformers
def test_an_error_beyond_the_bound_is_seen(folders):
    made = read(folders["gradient_descent"])
    made.certificate.bounds["float32"] /= 1000
    found = as_run(str(folders["gradient_descent"]), made).run(Budget(quick=True))
    assert found.passed is False and found.max_error > found.bound


@needs_transformers
def test_the_residual_stream_holds_what_the_truth_file_says(folder):
    import torch

    from verify.exports.running import Exported

    said = json.loads((folder / "witness.json").read_text())
    example, model = said["example"], Exported(folder)
    X, y, queries = (np.array(example[key]) for key in ("X", "y", "queries"))
    inputs = torch.tensor(model.tokens(X[None], y[None], queries[None]), dtype=torch.float32)
    states = model.model(inputs_embeds=inputs, output_hidden_states=True).hidden_states
    bound = said["bounds"]["with_rounding_in"]["float32"]
    compared = 0
    for number, layer in enumerate(said["layers"][:-1]):  # the last is followed by a norm
        wanted = example["slots_after_embedding_and_blocks"][number + 1]
        stream = states[number + 1][0].detach().double().numpy()
        n, copies_read = len(X), [one["reads_copy"] for one in said["layers"][: number + 1]]
        right = max(copies_read) + 1
        for name, directions in said["slots"].items():
            held = stream @ np.array(directions).T
            want = np.array(wanted[name], dtype=float).reshape(n + 1, -1)
            assert abs(held[-1] - want[-1]).max() <= bound, (layer["name"], name)
            for copy in range(right, len(model.roles) - 1):
                mine = held[1 + copy * n : 1 + (copy + 1) * n]
                assert abs(mine - want[:n]).max() <= bound, (layer["name"], name, copy)
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
    weights = tensors["h.0.attn.c_proj.weight"]
    at = tuple(np.argwhere(weights)[0])
    weights[at] = np.nextafter(weights[at], np.float32(np.inf))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return "h.0.attn.c_proj.weight"


def add_tensor(folder: Path) -> str:
    tensors = load_file(folder / "model.safetensors")
    save_file(tensors | {"lm_head": np.zeros(1, np.float32)}, folder / "model.safetensors")
    return "lm_head"


def change_config(folder: Path) -> str:
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | {"activation_function": "relu"}))
    return "activation_function"


def change_adapter(folder: Path) -> str:
    said = json.loads((folder / "witness.json").read_text())
    said["io"]["readout"][0] += 1
    (folder / "witness.json").write_text(json.dumps(said))
    return "io"


@pytest.mark.parametrize("name", ["gradient_descent", "kernel_regression"])
@pytest.mark.parametrize("change", [change_weight, add_tensor, change_config, change_adapter])
def test_what_is_wrong_in_a_folder_is_found_and_named(change, name, folders, tmp_path):
    copy = changed(folders[name], tmp_path / "copy")
    named = change(copy)
    (claim,) = claims_of(str(copy))
    report = run(claim, Budget(quick=True))
    assert isinstance(report.verdict, Refuted)
    assert named in str(report.verdict.counterexample)


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
