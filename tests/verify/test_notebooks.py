"""The notebooks are run as they stand: their cells show what is written below them."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest

from verify import notebooks
from verify.inputs.errors import WrongCall
from verify.notebooks import __main__ as command


def said(notebook: dict[str, Any]) -> list[str]:
    """What each cell prints; figures, whose letters differ from machine to machine, by name."""
    shown = []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            text = "".join(output.get("text", data.get("text/plain", ())))
            shown.append("a figure" if "image/svg+xml" in data else text)
    return shown


@cache
def ran(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A notebook after its run, and what its cells define."""
    if name == "ground_truth":
        pytest.importorskip("transformers")
    scope: dict[str, Any] = {}
    return notebooks.run(notebooks.load(name), scope), scope


pytestmark = pytest.mark.xdist_group("notebooks")  # each is run once


@pytest.mark.parametrize("name", notebooks.NAMES)
def test_a_reader_of_a_notebook_gets_what_it_shows(name: str) -> None:
    written = notebooks.load(name)
    nbformat.validate(nbformat.from_dict(written))
    assert said(ran(name)[0]) == said(written)
    assert "a figure" in said(written) and len(said(written)) > 5


def test_the_notebooks_are_written_where_one_says_and_never_into_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in notebooks.FOLDER.glob("*.ipynb")}
    monkeypatch.setattr(command, "NAMES", ("lecture",))
    monkeypatch.setattr(command, "run", lambda notebook: {"cells": []})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    for arguments, file in (
        ([], "lecture.ipynb"),
        (["there"], "there/lecture.ipynb"),
        (["new/one"], "new/one/lecture.ipynb"),
    ):
        command.main(arguments)
        assert json.loads((tmp_path / file).read_text()) == {"cells": []}
    assert before == {path: path.read_bytes() for path in notebooks.FOLDER.glob("*.ipynb")}
    with pytest.raises(WrongCall, match="takes a folder, not lecture.ipynb"):
        command.main(["lecture.ipynb"])


def test_patching_finds_what_the_truth_file_says_is_read_later_and_nothing_else() -> None:
    _, scope = ran("ground_truth")
    found, bound, read_later = scope["found"], scope["bound"], scope["truth"]["read_later"]
    effects: dict[bool, list[float]] = {True: [], False: []}
    for (block, place, _, slot), (moved, holds_something) in found.items():
        effects[holds_something and slot in read_later[block][place]].append(moved)
    assert len(effects[True]) > 50 and min(effects[True]) > bound
    assert len(effects[False]) > 50 and max(effects[False]) < bound / 100


def test_a_probe_finds_every_slot_and_its_direction_whether_it_is_read_or_not() -> None:
    _, scope = ran("ground_truth")
    assert {slot for _, slot in scope["at_query"]} == {"x", "t"}
    for fit, cosine in scope["at_query"].values():
        assert fit > 0.999 and cosine > 0.999
    last = scope["at_end"][0]
    assert (last, "x") in scope["at_query"]
    assert "x" not in scope["truth"]["read_later"][last]["queries"]


def test_probes_are_misled_by_prompts_that_share_one_task() -> None:
    _, scope = ran("ground_truth")
    decoded, probes, size = scope["decoded"], scope["probes"], scope["norm"]
    last = scope["before_last"]
    assert decoded(scope["shared"], last) > 0.9 and decoded(scope["own"], last) < 0.1
    assert not scope["held"].any()
    fit, cosine = probes(scope["shared"], 1, 0)[0, "y"]
    assert fit > 0.999 and cosine == pytest.approx(size / (1 + size**2) ** 0.5, abs=1e-3)


def cells(*sources: str) -> dict[str, Any]:
    return {"cells": [{"cell_type": "code", "source": [one], "outputs": []} for one in sources]}


def test_cells_follow_each_other_and_show_prints_values_and_figures() -> None:
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nprint(a)\na + 1"
    (first, second) = notebooks.run(cells("a = 1", plot))["cells"]
    assert first["outputs"] == []
    assert said({"cells": [second]}) == ["1\n", "2", "a figure"]
    assert re.match("<svg", "".join(second["outputs"][2]["data"]["image/svg+xml"]))


def test_a_cell_that_fails_ends_the_run_and_is_named() -> None:
    with pytest.raises(ZeroDivisionError) as failed:
        notebooks.run(cells("a = 1", "\na / 0"))
    assert failed.traceback[-1].path == "cell 2" or "cell 2" in str(failed.traceback[-1])
