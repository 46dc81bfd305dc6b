"""The notebooks are run as they stand: their cells show what is written below them."""

from __future__ import annotations

import re
from typing import Any

import nbformat
import pytest

from verify import notebooks


def said(notebook: dict[str, Any]) -> list[str]:
    """What each cell prints; figures, whose letters differ from machine to machine, by name."""
    shown = []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            text = "".join(output.get("text", data.get("text/plain", ())))
            shown.append("a figure" if "image/svg+xml" in data else text)
    return shown


@pytest.mark.parametrize("name", notebooks.NAMES)
def test_a_reader_of_a_notebook_gets_what_it_shows(name: str) -> None:
    written = notebooks.load(name)
    nbformat.validate(nbformat.from_dict(written))
    assert said(notebooks.run(written)) == said(written)
    assert "a figure" in said(written) and len(said(written)) > 5


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
