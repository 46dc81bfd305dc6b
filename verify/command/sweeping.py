"""witness sweep: one witness over a grid."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def sweep(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A witness.")],
    output: Annotated[
        str, typer.Option("-o", metavar="RESULTS", help="JSON lines; appended to, point by point.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUES", help="d=4, d=1:64, d=1:64:3 or d=2|4|8."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes on this machine.")] = 1,
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Dask scheduler, for many machines.")
    ] = None,
) -> None:
    """Judge a witness at every point of a grid.

    Axes are d, n, m, seed, numbers, condition, scale and the witness's own parameters. A sweep
    that was ended goes on where it was: points whose line is in RESULTS are not done again.
    """
    from ..inputs.errors import WrongCall
    from ..inputs.progress import Progress
    from . import sweep as over

    if workers < 1:
        raise WrongCall(f"--workers must be at least 1, not {workers}")
    if output == "-":
        raise WrongCall("-o must be a file: a sweep goes on from what is in it")
    with Progress("sweep", 1) as progress:
        done = over.run(name, settings or (), output, workers, dask, progress)
    before = f", {done['before']} were there" if done["before"] else ""
    print(f"{done['points']} points: {done['done']} judged{before}; {output}", file=sys.stderr)
