"""Notebooks, a lecture and two questions, and what runs their cells without a notebook server.

    python -m verify.notebooks FOLDER     # runs them, and writes there what their cells show

A cell shows what it prints, the value of its last line, and the figures that it draws, as SVG. An
exception ends the run.
"""

from __future__ import annotations

import ast
import io
import json
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.ipynb")))


def load(name: str) -> dict[str, Any]:
    """A notebook of this folder."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    return found


def run(notebook: Mapping[str, Any], scope: dict[str, Any] | None = None) -> dict[str, Any]:
    """The notebook with what its cells show when they are run one after the other.

    Raises what a cell raises. What the cells define is left in `scope`.
    """
    scope = {} if scope is None else scope
    scope["__name__"] = "__main__"
    cells, number = [], 0
    with warnings.catch_warnings():  # what a cell says of warnings ends with the notebook
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                number += 1
                shown = _shown("".join(cell["source"]), number, scope)
                cell = cell | {"execution_count": number, "outputs": shown}
            cells.append(cell)
    return dict(notebook) | {"cells": cells}


def _shown(source: str, number: int, scope: dict[str, Any]) -> list[dict[str, Any]]:
    """Runs one cell; its outputs as a notebook has them."""
    where = f"cell {number}"
    body, last = ast.parse(source, where).body, None
    if body and isinstance(body[-1], ast.Expr):
        last = ast.Expression(body.pop().value)  # type: ignore[attr-defined]
    printed, value = io.StringIO(), None
    with redirect_stdout(printed):
        exec(compile(ast.Module(body, []), where, "exec"), scope)
        if last is not None:
            value = eval(compile(last, where, "eval"), scope)
    outputs: list[dict[str, Any]] = []
    if text := printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": _lines(text)})
    if value is not None:
        data = {"text/plain": _lines(repr(value))}
        made = {"output_type": "execute_result", "execution_count": number}
        outputs.append(made | {"data": data, "metadata": {}})
    return [*outputs, *map(_drawn, _figures())]


def _drawn(svg: str) -> dict[str, Any]:
    data = {"image/svg+xml": _lines(svg)}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def _figures() -> list[str]:
    """The figures that are open, as SVG without a date; then they are closed."""
    import matplotlib.pyplot as plt

    drawn = []
    with plt.rc_context({"svg.hashsalt": "witness", "svg.fonttype": "none"}):
        for number in plt.get_fignums():
            file = io.StringIO()
            plt.figure(number).savefig(
                file, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None}
            )
            drawn.append(file.getvalue()[file.getvalue().index("<svg") :])
    plt.close("all")
    return drawn


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
