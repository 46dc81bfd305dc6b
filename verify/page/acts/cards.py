"""What the eight cards say; {query:…} and the like colour a word by its role."""

from __future__ import annotations

import re
from dataclasses import dataclass

ROLES = ("query", "key", "value", "written")


@dataclass(frozen=True)
class Card:
    """One card: `title` is a sentence, `text` paragraphs of HTML, `task` ends it; `extra` is HTML
    that the script fills or listens to."""

    title: str
    text: tuple[str, ...]
    task: str
    extra: str = ""


CARDS: tuple[Card, ...] = ()


def coloured(text: str) -> str:
    """{query:asks} as a span of that role."""
    return re.sub(
        rf"\{{({'|'.join(ROLES)}):([^}}]*)\}}", r'<span class="\1">\2</span>', text
    )
