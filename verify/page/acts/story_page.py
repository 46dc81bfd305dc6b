"""Puts the story together: its template, cards, weights and scripts as one HTML file."""

from __future__ import annotations

import json

from ..build import resource, style
from .cards import CARDS, Card, coloured
from .weights import weights

SCRIPTS = (
    "scripts/matrix.js",
    "scripts/rule.js",
    "scripts/interpreter.js",
    "scripts/algebra.js",
    "scripts/model.js",
    "scripts/dom.js",
    "scripts/draw.js",
)


def story_html() -> str:
    """The story as one self-contained HTML page."""
    script = '"use strict";\n' + "\n".join(resource(file) for file in SCRIPTS)
    data = json.dumps(weights(), separators=(",", ":"), ensure_ascii=False)
    parts = {
        "cards": "".join(card_html(i, card) for i, card in enumerate(CARDS, start=1)),
        "style": style(),
        "data": data.replace("</", "<\\/"),
        "script": f"(function () {{\n{script}\n}})();",
    }
    text = resource("acts/story.html")
    for key, value in parts.items():
        text = text.replace(f"<!--{key}-->", value)
    return text


def card_html(number: int, card: Card) -> str:
    """A card as an article that the keyboard can reach."""
    paragraphs = "".join(f"<p>{coloured(p)}</p>" for p in card.text)
    return (
        f'<article class="card" id="card-{number}" tabindex="-1" aria-labelledby="title-{number}">'
        f'<h2 id="title-{number}"><span class="number">{number}</span> {card.title}</h2>'
        f"{paragraphs}{card.extra}"
        f'<p class="task"><b>Try.</b> {coloured(card.task)}</p></article>'
    )
