"""Puts the story together: its template, cards, weights and scripts as one HTML file."""

from __future__ import annotations

from ..build import resource, script, style
from ..glossary import glossed_page
from ..shared import embedded
from ..site.links import beside
from .cards import CARDS, Card, coloured
from .weights import weights

# the last is of this page alone: its names are not for the others
STYLES = ("styles/base.css", "styles/site.css", "styles/acts.css")
SCRIPTS = (
    "scripts/shared.js",
    "scripts/matrix.js",
    "scripts/rule.js",
    "scripts/interpreter.js",
    "scripts/algebra.js",
    "scripts/model.js",
    "scripts/dom.js",
    "scripts/draw.js",
    "scripts/acts/marks.js",
    "scripts/acts/runs.js",
    "scripts/acts/points.js",
    "scripts/acts/bars.js",
    "scripts/acts/contours.js",
    "scripts/acts/race.js",
    "scripts/acts/stage.js",
    "scripts/acts/cards.js",
)


def story_html() -> str:
    """The story as one self-contained HTML page."""
    parts = {
        "cards": "".join(card_html(i, card) for i, card in enumerate(CARDS, start=1)),
        "links": links(),
        "style": style(STYLES),
        "data": embedded(weights()),
        "script": script(SCRIPTS),
    }
    text = resource("acts/story.html")
    for key, value in parts.items():
        text = text.replace(f"<!--{key}-->", value)
    return glossed_page(text)


def card_html(number: int, card: Card) -> str:
    """A card as an article that the keyboard can reach."""
    text = "".join(p if p.startswith("<p") else f"<p>{p}</p>" for p in card.text)
    answer = f"<details><summary>What is behind it</summary><p>{card.answer}</p></details>"
    return coloured(
        f'<article class="card" id="card-{number}" tabindex="-1" aria-labelledby="title-{number}">'
        f'<h2 id="title-{number}"><span class="card-number">{number}</span>{card.title}</h2>'
        f'{text}{card.extra}<p class="task"><b>Try it.</b> {card.task}</p>'
        f"{answer if card.answer else ''}{beside(card.pages)}</article>"
    )


def links() -> str:
    """One link a card, and both neighbours."""
    made = "".join(
        f'<a href="#card-{i}" aria-label="Card {i}: {card.title}">{i}</a>'
        for i, card in enumerate(CARDS, start=1)
    )
    return (
        '<button type="button" data-card="-1" aria-label="Card before">←</button>'
        f'{made}<button type="button" data-card="1" aria-label="Next card">→</button>'
    )
