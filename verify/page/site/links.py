"""Where a page leads: to the index and the next page, where they stand beside it, and its paper.

Links between pages are names of files of one folder, so that a folder can be moved. A page that is
written alone leads to no other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...papers import Paper
from ..mathml import plain
from ..readable import typeset

INDEX, STORY = "index.html", "story.html"


@dataclass(frozen=True)
class Stop:
    """A page of a folder: its file, and its title in plain words."""

    file: str
    title: str

    @property
    def name(self) -> str:
        return self.file.removesuffix(".html")


@dataclass(frozen=True)
class Links:
    """The pages beside one page."""

    index: bool = False
    next: Stop | None = None
    card: int = 0  # of the story, where that leads here

    @property
    def home(self) -> str:
        """The links to the index and the story, before the parts of a page."""
        if not self.index:
            return ""
        story = f'<a href="{STORY}#card-{self.card}">Story</a>' if self.card else ""
        return f'<a class="home" href="{INDEX}">All pages</a>{story}'

    @property
    def onward(self) -> str:
        """The links below a page: what comes next, and all there is."""
        if not self.index:
            return ""
        after = ""
        if self.next is not None:
            after = (
                f'<a rel="next" href="{plain(self.next.file)}">'
                f"<small>Next</small>{typeset(self.next.title)}</a>"
            )
        return f'<p class="onward">{after}<a class="home" href="{INDEX}">All pages</a></p>'


ALONE = Links()
HOME, ONWARD = "<!--home-->", "<!--onward-->"  # where a page has its links


BESIDE = re.compile(r"<!--beside: (.*?)-->", re.S)


def beside(pages: Sequence[tuple[str, str]]) -> str:
    """A line that leads to other pages, (name, what is said of it), in a folder that has them."""
    if not pages:
        return ""
    lead = " · ".join(f'<a href="{plain(name)}.html">{plain(said)}</a>' for name, said in pages)
    return f'<!--beside: <p class="beside">{lead}</p>-->'


def linked(html: str, links: Links) -> str:
    """A page with its links to others put in."""
    if links.index:
        html = BESIDE.sub(r"\1", html)
    return html.replace(HOME, links.home).replace(ONWARD, links.onward)


def cited(source: str, paper: Paper | None = None) -> str:
    """Where something stands, as HTML, its paper linked to; without `paper`, those it names."""
    if paper is not None:
        about = f"{plain(paper.authors)}: <cite>{plain(paper.title)}</cite>"
        return f"{plain(source)} · {about}, {_link(paper)}"
    parts = []
    for part in source.split("; "):
        of, text = named(part), plain(part)
        number = f"arXiv:{of.identifier}" if of is not None else ""
        if of is not None and number in text:
            text = text.replace(number, _link(of))
        elif of is not None:
            text += f" ({_link(of)})"
        parts.append(text)
    return "; ".join(parts)


def _link(paper: Paper) -> str:
    return f'<a href="{plain(paper.url)}">arXiv:{plain(paper.identifier)}</a>'


def named(source: str) -> Paper | None:
    """The built-in paper with whose name a source begins; None where it begins with none."""
    from ... import claim_texts

    name = source.partition(",")[0].partition(" ")[0]
    return claim_texts.papers().get(name)
