"""witness check: claims and their verdicts."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import WORKERS

if TYPE_CHECKING:
    from ..report.report import Report

VARIANTS = ("printed", "repaired", "improved", "all")
FEW = 3  # claims, of which every check is shown


def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CLAIM|PAPER|FILE.py|FOLDER]...",
            help="Claims; a folder is one of `witness export`. All built-in ones if none is named.",
        ),
    ] = None,
    variant: Annotated[
        str, typer.Option("--as", metavar="|".join(VARIANTS), help="Which variants to check.")
    ] = "all",
    only: Annotated[
        bool, typer.Option("--only", help="The named claims alone, without those below them.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer cases, small sizes.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of every random case.")] = 0,
    kernel: Annotated[
        str | None, typer.Option(metavar="coq", help="Run Coq's kernel on the theorems too.")
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the report as JSON; - for stdout.")
    ] = None,
    html: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the report as a web page.")
    ] = None,
    markdown: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the table as Markdown.")
    ] = None,
    seconds: Annotated[
        bool,
        typer.Option(
            "--seconds/--no-seconds",
            help="Whether the JSON has run times; without, equal seeds give equal files.",
        ),
    ] = True,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="A row for every claim, not only for what fails.")
    ] = False,
    workers: WORKERS = 0,
) -> int:
    """Say of each claim whether it holds, and where not.

    The verdict follows from the evidence: holds, approximates (within a bound), refuted (with the
    smallest counterexample), ill-posed (the printed shapes do not fit), undecided, or broken (the
    claim's own code failed; where, is said, and the other claims are checked all the same).

    Exit status 0: every verdict is the one that its claim expects; 1: one is not.
    """
    import time

    from .. import pool
    from ..claim import Broken, Budget
    from ..draws import refuse_unknown
    from ..inputs.errors import MOST_WORKERS, WrongCall, at_least
    from ..inputs.files import check_outputs, write
    from ..inputs.names import choose
    from ..inputs.progress import Progress
    from ..report import as_json, report, text

    start = time.perf_counter()
    if variant not in VARIANTS:
        raise WrongCall(f"--as takes {', '.join(VARIANTS[:-1])} or all, not {variant!r}")
    if kernel not in (None, "coq"):
        raise WrongCall(f"--kernel takes coq, not {kernel!r}")
    if not 0 <= seed < 2**63:
        raise WrongCall(f"--seed must be between 0 and 2^63 - 1, not {seed}")
    at_least("workers", workers, most=MOST_WORKERS)
    outputs = {"--json": json, "--html": html, "--markdown": markdown}
    check_outputs(outputs, names or ())
    asked = report.Asked(tuple(names or ()), variant)
    hashes = report.sha256_of(asked.names)
    count = workers or os.cpu_count() or 1
    if not names and count > 1:
        pool.load_ahead()
    refuse_unknown()  # before the claims are checked, of which each would fail for itself
    chosen = choose(asked.names, variant, only)
    budget = Budget(seed=seed, quick=quick, coq=kernel == "coq")
    with Progress("claims", len(chosen), at_once=len(chosen) >= pool.WORTH_IT) as progress:
        ended: list[str] = []

        def done(said: str) -> None:
            ended.append(said.rpartition(": ")[2])
            progress.done(said)

        try:
            reports = pool.reports(chosen, budget, count, progress, done)
        except KeyboardInterrupt:
            if ended:
                print(f"witness: so far {text.counted(ended)}", file=sys.stderr)
            raise
    if report.sha256_of(asked.names) != hashes:
        raise WrongCall("a file of claims was changed while it was being checked")
    files = [report.UserFile(one.file, hashes[one.file]) if one.file else None for one in chosen]
    document = report.document(reports, budget, asked, files, seconds)
    if json is not None:
        write(json, as_json.dumps(document))
    if markdown is not None:
        write(markdown, text.verdicts_in_markdown(reports))
    if html is not None:
        from ..page import write_report

        write_report(document, html)
    if "-" not in outputs.values():
        took = f"{time.perf_counter() - start:.1f} s, seed {seed}{', quick' if quick else ''}"
        _print(reports, document["claims"], took, verbose, budget.coq and not kernel_here())
    for made in reports:
        if isinstance(made.verdict, Broken):
            said = f"{made.claim.id} ({made.claim.variant}) is broken: {made.finding}"
            print(f"witness: {said}", file=sys.stderr)
    return 0 if all(made.as_expected for made in reports) else 1


def _print(
    reports: Sequence[Report],
    entries: Sequence[Mapping[str, Any]],
    took: str,
    verbose: bool,
    without_coq: bool,
) -> None:
    """A line for each paper, then what does not hold; every check where there are few claims.

    `entries` are the reports as JSON has them.
    """
    from ..claim import Refuted
    from ..report import summary, text
    from ..report.tables import console

    out = console()
    few = len(reports) <= FEW
    for line in summary.tally(entries):
        out.print(line, soft_wrap=True)
    if verbose or few:
        out.print()
        out.print(text.verdicts(reports, out.width))
    elif found := summary.not_holding(reports):
        out.print()
        for row in summary.lines(found, out.width):
            out.print(row, soft_wrap=True)
    for made in reports:
        if few:
            _print_checks(out, made)
        if isinstance(made.verdict, Refuted) and (few or not made.as_expected):
            _print_counterexample(out, made, few)
    if (verbose or few) and (words := text.legend(reports)):
        out.print(f"\n{words}", style="dim")
    out.print(f"\n{text.counts(reports)} ({took})", soft_wrap=True)
    if without_coq:
        out.print("Coq's kernel was not run: see `witness doctor`")
    for line in summary.look_next(reports, entries, verbose or few, few):
        out.print(line, soft_wrap=True)


def _print_checks(out: Any, made: Report) -> None:
    """A claim and what each of its checks found."""
    from ..report import text

    out.print(f"\n{made.claim.id} ({made.claim.variant})")
    if made.domain:
        out.print(f"for {made.domain}", style="dim")
    if made.checks:
        out.print(text.checks(made))
    else:
        out.print(made.finding or "no check was run")


def _print_counterexample(out: Any, made: Report, few: bool) -> None:
    """The case that refutes a claim; with the claim's name where that does not stand above."""
    from ..report import counterexample

    shown = getattr(made.verdict, "counterexample", None)
    if not shown:
        return
    out.print("" if few else f"\n{made.claim.id} ({made.claim.variant})")
    for line in counterexample.lines(shown):
        out.print(line, soft_wrap=True)
    if hint := (getattr(made.verdict, "first_difference", None) or {}).get("hint"):
        out.print(f"  hint: {hint}", soft_wrap=True)


def kernel_here() -> bool:
    """Whether Coq can be run on this machine."""
    from ..checks.coq import kernel

    return not kernel.why_not()
