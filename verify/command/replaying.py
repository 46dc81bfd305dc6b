"""witness replay: a recorded report, run again."""

from __future__ import annotations

import os
from typing import Annotated

import typer


def replay(
    report: Annotated[
        str, typer.Argument(metavar="REPORT.json", help="What `witness check --json` wrote.")
    ],
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE.py]...",
            help="The report's own files of claims: what is not named here is not executed.",
        ),
    ] = None,
    other_versions: Annotated[
        bool,
        typer.Option("--other-versions", help="Other versions of packages are no change."),
    ] = False,
    workers: Annotated[
        int, typer.Option(help="Processes; results do not depend on it. 0: one per core.")
    ] = 0,
) -> int:
    """Run a report again and compare every field of it, but for run times.

    Refused, before anything runs: a report that was edited, is about other weights than today's,
    or has claims from a file that is not named here or is not the recorded one.

    Exit status 1: something is not as recorded; each such field is a line.
    """
    from ..inputs.errors import WrongCall
    from ..inputs.progress import Progress
    from . import replay as again

    if workers < 0:
        raise WrongCall(f"--workers must be 0 or more, not {workers}")
    recorded = again.load(report)
    count = len(recorded["claims"])
    processes = workers or os.cpu_count() or 1
    with Progress("claims", count) as progress:
        now = again.run_again(recorded, report, files or (), processes, progress, progress.done)
    changes = again.compare(recorded, now)
    for change in changes:
        print(change)
    if other_versions:
        changes = tuple(change for change in changes if not change.is_version)
    verdicts = sum(change.is_verdict for change in changes)
    plural = "s" if count != 1 else ""
    said = f"{verdicts} changed" if verdicts else "none changed"
    print(f"{count} verdict{plural} compared, {said}; {len(changes) - verdicts} other differences")
    return 1 if changes else 0
