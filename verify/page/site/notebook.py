"""A notebook as Markdown: its text, its code, and what the code printed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..latex import statement

FORMULA = re.compile(r"(\$\$?)(.+?)\1", re.S)
FENCE = "````"  # longer than what a cell has of its own


def as_markdown(notebook: Mapping[str, Any]) -> str:
    """The cells in order; figures as SVG, which Markdown takes as it is."""
    return "\n\n".join(part for cell in notebook["cells"] for part in _parts(cell))


def _parts(cell: Mapping[str, Any]) -> Iterator[str]:
    text = "".join(cell["source"])
    if cell["cell_type"] != "code":
        yield FORMULA.sub(_formula, text)
        return
    yield f"{FENCE}python\n{text}\n{FENCE}"
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "image/svg+xml" in data:
            yield f'<figure class="sheet">\n{"".join(data["image/svg+xml"]).strip()}\n</figure>'
        else:
            said = "".join(output.get("text", data.get("text/plain", ())))
            yield f"{FENCE}output\n{said.rstrip()}\n{FENCE}"


def _formula(found: re.Match[str]) -> str:
    """A formula between dollars; between two of them it has a line of its own."""
    math = statement(" ".join(found[2].split()))
    return f'<div class="display">{math}</div>' if found[1] == "$$" else math
