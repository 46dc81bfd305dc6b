"""witness replay: a recorded report, run again."""

from __future__ import annotations

from typing import Annotated

import typer


def replay(
    report: Annotated[
        str, typer.Argument(metavar="REPORT.json", help="What `witness check --json` wrote.")
    ],
) -> int:
    """Run a report again and say what changed.

    A report about other weights than today's is refused. Exit status 1: a verdict changed.
    """
    from .. import replay as again
    from ..claim import NoClaimError
    from ..errors import WrongCall
    from ..progress import Progress

    recorded = again.load(report)
    count = len(recorded["claims"])
    with Progress("claims") as progress:
        try:
            changes = again.replay(report, progress)
        except NoClaimError as error:
            raise WrongCall(" ".join(str(error).split())) from None
    for name, (before, now) in again.other_versions(report).items():
        print(f"made with {name} {before}, run again with {now}")
    for change in changes:
        print(change)
    verdicts = sum(change.is_verdict for change in changes)
    plural = "s" if count != 1 else ""
    said = f"{verdicts} changed" if verdicts else "none changed"
    print(f"{count} verdict{plural} compared, {said}; {len(changes) - verdicts} other differences")
    return 1 if verdicts else 0
