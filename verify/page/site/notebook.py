"""A notebook as Markdown: its text, its code, and what the code printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .markdown import with_formulas

FENCE = "````"  # longer than what a cell has of its own


def as_markdown(notebook: Mapping[str, Any]) -> str:
    """The cells in order; figures as SVG, which Markdown takes as it is."""
    return "\n\n".join(part for cell in notebook["cells"] for part in _parts(cell))


def _parts(cell: Mapping[str, Any]) -> Iterator[str]:
    text = "".join(cell["source"])
    if cell["cell_type"] != "code":
        yield with_formulas(text)
        return
    yield f"{FENCE}python\n{text}\n{FENCE}"
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "image/svg+xml" in data:
            yield f'<figure class="sheet">\n{"".join(data["image/svg+xml"]).strip()}\n</figure>'
        else:
            said = "".join(output.get("text", data.get("text/plain", ())))
            yield f"{FENCE}output\n{said.rstrip()}\n{FENCE}"
