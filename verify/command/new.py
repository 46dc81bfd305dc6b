"""witness new: a claim file that runs as it stands, to be edited into one's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = Path(__file__).parents[1] / "examples"


def examples() -> dict[str, Path]:
    """The claim files that a new one can start from, by name."""
    return {file.stem: file for file in sorted(EXAMPLES.glob("*.py"))}


def new(
    path: Annotated[
        str, typer.Argument(metavar="FILE.py", help="The file to write; it must not be there.")
    ],
    start: Annotated[
        str, typer.Option("--from", metavar="EXAMPLE", help="Which example it begins as.")
    ] = "slots",
) -> None:
    """Write a claim file that runs, to be edited into your own.

    It begins as an example: two commented ones (slots; matrices, in a paper's notation), or one
    that is like your claim.
    """
    from ..inputs.errors import WrongCall
    from ..inputs.files import check_outputs, write

    there = examples()
    if start not in there:
        raise WrongCall(f"--from takes one of {', '.join(there)}, not {start!r}")
    file = Path(path)
    if file.suffix != ".py" or not re.fullmatch(r"[A-Za-z0-9_.-]+", file.stem):
        raise WrongCall(f"{path}: a claim file is named like my_claim.py")
    if file.exists() or file.is_symlink():
        raise WrongCall(f"{path} is there already; nothing is overwritten")
    check_outputs({"FILE.py": path})
    write(path, renamed(there[start].read_text(encoding="utf-8"), start, file.stem))
    typer.echo(f"wrote {path}; next: witness check {path}", err=True)


def renamed(text: str, old: str, new: str) -> str:
    """The file's text with its name, and that in the ids of its claims, replaced."""
    text = text.replace(f"{old}.py", f"{new}.py")
    return re.sub(rf'"{old}(?=[."])', f'"{new}', text)
