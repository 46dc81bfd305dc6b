"""witness explain: the teaching page."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import SET


def explain(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME|CLAIM|FILE.py[:CLAIM]", help="A witness, a claim, or one of your own."
        ),
    ] = None,
    output: Annotated[
        str | None, typer.Option("-o", metavar="PAGE.html|FOLDER", help="Where to write.")
    ] = None,
    all_of_them: Annotated[
        bool, typer.Option("--all", help="Every construction, and an index, into a folder.")
    ] = False,
    report: Annotated[
        str | None,
        typer.Option(
            metavar="REPORT.json", help="With --all: verdicts from what `check --json` wrote."
        ),
    ] = None,
    settings: SET = None,
) -> None:
    """Write a page that runs the weights, step by step."""
    from pathlib import Path

    from .. import page as pages
    from ..inputs.errors import WrongCall
    from ..inputs.files import check_writable, reason
    from ..inputs.names import subject
    from ..inputs.progress import Progress
    from ..inputs.settings import parse

    if all_of_them == (name is not None):
        raise WrongCall("explain takes one NAME, or --all for every page")
    if output is None:
        wanted = "a folder" if all_of_them else "a file, such as page.html"
        raise WrongCall(f"-o is missing: {wanted}")
    if all_of_them:
        if settings:
            raise WrongCall("--set is for one page; --all writes them as they are")
        if Path(output).exists() and not Path(output).is_dir():
            raise WrongCall(f"{output} is a file; --all needs a folder")
        recorded = None
        if report is not None:
            from .replay import load

            recorded = load(report)
        with Progress("pages") as progress:
            progress("writing")
            try:
                pages.write_all(output, recorded)
            except OSError as error:
                raise WrongCall(f"{output}: cannot be written: {reason(error)}") from None
        typer.echo(f"wrote {Path(output) / 'index.html'}", err=True)
        return
    assert name is not None
    if report is not None:
        raise WrongCall("--report is for --all: a page of its own runs its checks itself")
    found = subject(name)
    given = parse(name, found.signature, settings or ())
    check_writable(output)
    try:
        if found.file is not None:
            pages.write_own_page(found, given, output)
        else:
            pages.write_page(name, given, output)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise WrongCall(" ".join(str(error).split())) from None
    typer.echo(f"wrote {output}", err=True)
