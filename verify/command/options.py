"""Arguments and options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

NAME = Annotated[
    str,
    typer.Argument(
        metavar="NAME|CLAIM|FILE.py[:CLAIM]", help="A witness, a claim, or a claim of your own."
    ),
]
SET = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter, e.g. d=4.")
]
AS = Annotated[
    str | None,
    typer.Option("--as", metavar="VARIANT", help="printed, repaired or improved, for a claim."),
]
JSON = Annotated[bool, typer.Option("--json", help="Machine-readable, on standard output.")]
WORKERS = Annotated[
    int, typer.Option(help="Processes; results do not depend on it. 0: one per core.")
]
