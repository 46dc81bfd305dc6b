"""witness explain: the teaching pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from .options import SET

MOST_LAYERS, MOST_D = 500, 100  # of a page, which holds every layer's numbers


def explain(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|CLAIM|FILE.py[:CLAIM]]",
            help="A witness, a claim, or one of your own; without it the story of all of them.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            metavar="PAGE.html|FOLDER",
            help="Where to write; without it a folder of yours, and a browser shows it.",
        ),
    ] = None,
    all_of_them: Annotated[
        bool, typer.Option("--all", help="Every page, and an index, into a folder.")
    ] = False,
    report: Annotated[
        str | None,
        typer.Option(
            metavar="REPORT.json", help="With --all: verdicts from what `check --json` wrote."
        ),
    ] = None,
    settings: SET = None,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Open no browser, only say where the page is.")
    ] = False,
) -> None:
    """Write a page that runs the weights, step by step, and open it."""
    from ..inputs import browser
    from ..inputs.errors import WrongCall

    if all_of_them and name is not None:
        raise WrongCall("explain takes one NAME, or --all for every page")
    if settings and (all_of_them or name is None):
        raise WrongCall("--set is for the page of one NAME; the others are written as they are")
    if report is not None and not all_of_them:
        raise WrongCall("--report is for --all: a page of its own runs its checks itself")
    written: Path | None
    if all_of_them:
        written = _write_all(Path(output) if output else browser.pages_folder() / "all", report)
    elif name is None:
        written = _write_story(output)
    else:
        written = _write_page(name, settings or (), output)
    if written is None:  # standard output has it
        return
    opened = output is None and not no_open and browser.show(written)
    typer.echo(f"wrote {written}{', which a browser is asked to show' if opened else ''}", err=True)


def _write_all(folder: Path, report: str | None) -> Path:
    """Every page into a folder; the index."""
    from .. import page, pool
    from ..inputs import browser
    from ..inputs.errors import WrongCall
    from ..inputs.files import reason
    from ..inputs.progress import Progress
    from ..kept import Kept

    if folder.exists() and not folder.is_dir():
        raise WrongCall(f"{folder} is a file; --all needs a folder")
    recorded = None
    if report is not None:
        from .replay import load

        recorded = load(report)
    kept = browser.pages_folder().parent / "made"
    if recorded is not None or not Kept(kept).current.is_dir():
        pool.load_ahead(pool.LOADED_FOR_PAGES)
    from ..page.site.folder import statements  # beside it: this takes half a second

    total = len(constructions_named()) + len(statements())
    with Progress("pages", total) as progress:
        progress("starting")
        try:
            page.write_all(folder, recorded, progress=progress.done, kept=kept)
        except OSError as error:
            raise WrongCall(f"{folder}: cannot be written: {reason(error)}") from None
    return folder / "index.html"


def _write_story(output: str | None) -> Path | None:
    """The story, which needs no name."""
    from .. import page
    from ..page.site.links import STORY

    target = _place(output, STORY)
    page.write_story(target)
    return None if output == "-" else Path(target)


def _write_page(name: str, settings: Sequence[str], output: str | None) -> Path | None:
    """The page of one construction, claim, or claim of a user's file."""
    from .. import page
    from ..inputs.claim_files import file_of
    from ..inputs.errors import WrongCall
    from ..inputs.names import subject, variants
    from ..inputs.settings import at_most, parse
    from ..pool import one_thread

    known = name in constructions_named() and file_of(name) is None
    claims = [] if known else variants(name)
    try:
        if not known and all(claim.witness is None for claim in claims):
            if settings:
                raise WrongCall(f"{name} is a statement without a transformer: it takes no --set")
            target = _place(output, f"{claims[0].id}.html", name)
            with one_thread():
                page.write_statement(claims, file_of(name), target)
        else:
            found = subject(name)
            given = parse(name, found.signature, settings, at_most(MOST_LAYERS, d=MOST_D))
            target = _place(output, f"{found.title}.html", name)
            with one_thread():
                if found.file is not None:
                    page.write_own_page(found, given, target)
                else:
                    page.write_page(name, given, target)
    except WrongCall:
        raise
    except (TypeError, ValueError, ArithmeticError) as error:
        raise WrongCall(" ".join(str(error).split())) from None
    return None if output == "-" else Path(target)


def constructions_named() -> tuple[str, ...]:
    """The names of the constructions."""
    import constructions

    return tuple(constructions.names())


def _place(output: str | None, file: str, *read: str) -> str:
    """Where a page is to be written: the file that was named, or in the folder that was.

    Raises WrongCall where it would replace what is `read`.
    """
    from ..inputs import browser
    from ..inputs.files import check_outputs

    if output is None:
        target = str(browser.pages_folder() / file)
    else:
        target = str(Path(output) / file) if output != "-" and Path(output).is_dir() else output
    check_outputs({"-o": target}, read)
    return target
