"""Markdown as HTML with the look of the pages: READMEs, the tutorial, cells of notebooks."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from ..latex import statement
from ..readable import typeset

ABROAD = ("https://", "#")
PICTURES = {".png": "image/png", ".svg": "image/svg+xml"}


def html(text: str, folder: Path, pages: Mapping[Path, str]) -> str:
    """A text whose links and pictures start from `folder`, as HTML that needs no other file.

    `pages`: the page of each file that has one. A link to any other file is only its words.
    Pictures stand inside. Raises OSError for one that is not there.
    """
    parser = MarkdownIt("commonmark", {"highlight": _coloured}).enable("table")
    tokens = parser.parse(text)
    seen: set[str] = set()
    for token, after in zip(tokens, [*tokens[1:], None]):
        if token.type == "heading_open" and after is not None:
            token.attrs["id"] = _apart(slug(after.content), seen)
        for inner in token.children or ():
            if inner.type == "image":
                inner.attrs["src"] = _inside(folder / str(inner.attrs["src"]))
            elif inner.type == "text":
                inner.type, inner.content = "html_inline", typeset(inner.content)
        token.children = _linked(token.children or [], folder, pages) or token.children
    made = parser.renderer.render(tokens, parser.options, {})
    return made.replace("<table>", '<div class="scroll"><table>').replace(
        "</table>", "</table></div>"
    )


# fences and spans of code, which stay as they are; formulas, two dollars for a line of its own
FORMULA = re.compile(
    r"^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)|(?P<ticks>`+).+?(?P=ticks)"
    r"|(?P<dollars>\$\$?)(?P<formula>.+?)(?P=dollars)",
    re.S | re.M,
)


def with_formulas(text: str) -> str:
    """Markdown with MathML for the LaTeX between dollars. Raises ValueError on a command that is
    not known."""
    return FORMULA.sub(_formula, text)


def _formula(found: re.Match[str]) -> str:
    if found["formula"] is None:
        return found[0]
    math = statement(" ".join(found["formula"].split()))
    return f'<div class="display">{math}</div>' if found["dollars"] == "$$" else math


def slug(heading: str) -> str:
    """The fragment by which a heading is linked to, as it is where Markdown is usually read."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _apart(name: str, seen: set[str]) -> str:
    while name in seen:
        name += "-"
    seen.add(name)
    return name


def _linked(tokens: list[Token], folder: Path, pages: Mapping[Path, str]) -> list[Token]:
    """The tokens of a line, links leading to pages; those that have none are gone."""
    kept, dropped = [], False
    for token in tokens:
        if token.type == "link_open":
            href = _page(str(token.attrs["href"]), folder, pages)
            dropped = href is None
            if href is not None:
                token.attrs["href"] = href
        if not (dropped and token.type in ("link_open", "link_close")):
            kept.append(token)
    return kept


def _page(href: str, folder: Path, pages: Mapping[Path, str]) -> str | None:
    """Where a link leads from a page; None where there is no page."""
    if href.startswith(ABROAD):
        return href
    file, mark, fragment = href.partition("#")
    page = pages.get((folder / file).resolve())
    return None if page is None else f"{page}{mark}{fragment}"


def _inside(path: Path) -> str:
    return f"data:{PICTURES[path.suffix]};base64,{b64encode(path.read_bytes()).decode()}"


def _coloured(code: str, language: str, attributes: str) -> str:
    """Code with its words marked; "" (as it is) where the language is not known."""
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return ""
    made: str = highlight(code, lexer, HtmlFormatter(nowrap=True))
    return made
