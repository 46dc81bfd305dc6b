"""Teaching pages: one self-contained HTML file that runs a witness where it is read.

A page holds the exported weights and a small interpreter of them. What Python renders (the
finished example, the text) can be read without scripts and on paper.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..inputs.files import write

if TYPE_CHECKING:
    from ..claim import Claim
    from ..inputs.names import Subject

__all__ = [
    "write_all",
    "write_own_page",
    "write_page",
    "write_report",
    "write_statement",
    "write_story",
]


def write_page(name: str, parameters: Mapping[str, Any], path: str | Path) -> None:
    """The teaching page of the construction or claim `name`, with these starting parameters.

    Raises ValueError or TypeError on an unknown name or parameters that it does not take; then,
    and on any other failure, nothing is written.
    """
    from .pages import html_of

    write(path, html_of(name, parameters))


def write_own_page(subject: Subject, parameters: Mapping[str, Any], path: str | Path) -> None:
    """The page of the claim of a user's file. Raises WrongCall; then nothing is written."""
    from .pages import html_of_own

    write(path, html_of_own(subject, parameters))


def write_statement(claims: Sequence[Claim], file: str | None, path: str | Path) -> None:
    """The page of the claim whose variants these are, none with a transformer; run now."""
    from .pages import html_of_statement

    write(path, html_of_statement(claims, file))


def write_all(
    folder: str | Path,
    report: Mapping[str, Any] | None = None,
    workers: int = 0,
    progress: Callable[[str], None] = lambda what: None,
    kept: str | Path | None = None,
) -> None:
    """index.html and a page per construction and per statement of a paper, linked.

    Verdicts are those of `report`, as `check --json` writes it; see `site.folder.site`. `progress`
    hears of every page that is finished. `kept`: a folder for pages that need not be made again.
    """
    from ..kept import Kept
    from .site.folder import site

    before = Kept(Path(kept)) if kept is not None else None
    made = site(report, workers, progress, before)
    Path(folder).mkdir(parents=True, exist_ok=True)
    for file, html in made.items():
        write(Path(folder) / file, html)


def write_report(report: Mapping[str, Any], path: str | Path) -> None:
    """The report of `check --json` as a page: one row per claim, opening to its evidence."""
    from .report_page import report_page

    write(path, report_page(report))


def write_story(path: str | Path) -> None:
    """The story: what attention does with a prompt, in one picture and eight cards."""
    from .acts import story_html

    write(path, story_html())
