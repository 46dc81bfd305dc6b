"""The folder of all pages: an index, the story, constructions in teaching order, papers, texts.

Every page leads to the index and to the next one; all of them lie in one folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import constructions

from ... import pool
from ...claim import Claim, builtin, failing
from ...claim_texts import claims_of_papers
from ...inputs.progress import Say, nothing
from ...kept import Kept
from ...papers import paper_of
from .. import pages
from ..acts import card_of, story_html
from ..build import lesson_of, shown, with_example
from ..lesson import rich
from ..lessons import Chapter, chapter
from ..mathml import plain
from ..report_page import frame
from .documents import cards, documents
from .index_table import INDEX_SCRIPT, statements_index
from .links import INDEX, STORY, Links, Stop, linked
from .reference import made_by

TITLE = "A transformer can learn by attention alone: here are weights that do it"
LEAD = (
    "The pages run transformers whose weights come from a proof, layer by layer, on numbers that "
    "you can change. Nothing is trained, and nothing is fetched."
)
BEGIN = "Begin here: how attention takes a gradient step"
TEXTS = "texts"  # the documents, which are made together


@dataclass(frozen=True)
class Made:
    """A page, finished but for its links, and what the index says of it."""

    stop: Stop
    html: str
    card: str = ""  # of a construction
    chapter: Chapter = (0, "")
    place: tuple[Any, ...] = ()  # in its chapter
    entries: tuple[Mapping[str, Any], ...] = ()  # of a statement, as a report has them

    @classmethod
    def from_json(cls, made: Mapping[str, Any]) -> Made:
        """The page that `asdict` wrote."""
        number, title = made["chapter"]
        known = {name: tuple(made[name]) for name in ("place", "entries")}
        return cls(Stop(**made["stop"]), made["html"], made["card"], (number, title), **known)


def site(
    report: Mapping[str, Any] | None = None,
    workers: int = 0,
    progress: Say = nothing,
    kept: Kept | None = None,
) -> dict[str, str]:
    """{file name: HTML} of the index and every page: constructions, and statements of papers.

    Verdicts are those of the report of `check --json`. What is not in it and is expected to fail as
    printed is checked quickly, now; the rest is said not to have been run. `progress` hears of each
    construction and statement whose page is finished. `kept`: pages of before, for which no report
    was given, and which are not made again.
    """
    names, ids = constructions.names(), statements()
    calls: list[tuple[str, Any]] = [(name, None) for name in (TEXTS, STORY, *names)]
    calls += [(name, of_statement(report, name)) for name in ids]
    found: dict[str, tuple[Made, ...]] = {}
    for name, made in _all(calls, workers or os.cpu_count() or 1, kept):
        found[name] = made
        if name not in (TEXTS, STORY):
            progress(name)
    (story,), texts = found.pop(STORY), found.pop(TEXTS)
    pages_of = {name: made for name, (made,) in found.items()}
    taught = sorted((pages_of[name] for name in names), key=lambda made: (made.chapter, made.place))
    told = [pages_of[name] for name in ids]
    written = {
        made.stop.file: linked(made.html, Links(True, after, card_of(made.stop.name)))
        for made, after in followed([*taught, *told, *texts])
    }
    opening = linked(story.html, Links(True, [*taught, *told][0].stop))
    return {INDEX: index_page(taught, told), STORY: opening, **written}


def _all(
    calls: Sequence[tuple[str, Any]], workers: int, kept: Kept | None
) -> Iterator[tuple[str, tuple[Made, ...]]]:
    """Every page, as they come: those that are kept, then those that are made."""
    missing = []
    for name, run in calls:
        known = kept.get(kept_as(name)) if kept is not None and not run else None
        if known is not None:
            yield name, tuple(map(Made.from_json, known["pages"]))
        else:
            missing.append((name, run))
    several = workers if len(missing) >= pool.WORTH_IT else 1
    with closing(pool.each(make, missing, several, ordered=False, ahead="all")) as results:
        runs = dict(missing)
        for name, made in results:
            if kept is not None and not runs[name]:
                kept.put(kept_as(name), {"pages": list(map(asdict, made))})
            yield name, made


def kept_as(name: str) -> str:
    """What is kept under: the texts with what made their reference, which is no part of Witness."""
    return f"{name} {made_by()}".rstrip() if name == TEXTS else name


def statements() -> list[str]:
    """The ids of the statements of papers, which are not loaded for this."""
    return list(dict.fromkeys(said["id"] for said in claims_of_papers()))


def of_papers() -> dict[str, dict[str, Claim]]:
    """{id: {variant: claim}} of the built-in claims of papers."""
    by_id: dict[str, dict[str, Claim]] = {}
    for claim in builtin():
        if paper_of(claim) is not None:
            by_id.setdefault(claim.id, {})[claim.variant] = claim
    return by_id


def of_statement(report: Mapping[str, Any] | None, name: str) -> dict[str, Mapping[str, Any]]:
    """{variant: entry} of the report about a built-in claim; a user's may be named like it."""
    claims = report["claims"] if report else ()
    return {
        entry["variant"]: entry for entry in claims if entry["id"] == name and "file" not in entry
    }


def followed(made: Sequence[Made]) -> Iterator[tuple[Made, Stop | None]]:
    """Every page with the one that comes after it; after the last there is none."""
    yield from zip(made, [*(one.stop for one in made[1:]), None])


# -- one page -------------------------------------------------------------------------------------


def make(name: str, run: Mapping[str, Mapping[str, Any]] | None) -> tuple[str, tuple[Made, ...]]:
    """The page of a construction (`run` is None), or of a statement, and what of it was run; the
    story; or all TEXTS."""
    if name == TEXTS:
        return name, tuple(Made(stop, html) for stop, html in documents().items())
    if name == STORY:
        return name, (Made(Stop(STORY, BEGIN), story_html()),)
    return name, (_construction(name) if run is None else _statement(name, run),)


def _construction(name: str) -> Made:
    from .cards import card

    html = pages.html_of(name, {})
    witness, chosen = shown(name, {})
    lesson = with_example(name, lesson_of(name), witness, chosen)
    file = f"{name}.html"
    parts = {(layer.heads, layer.mlp) for layer in witness.layer_list}
    return Made(
        Stop(file, lesson.title),
        html,
        card=(
            f'<li class="panel"><a href="{plain(file)}">{card(witness, lesson)}'
            f"<b>{plain(lesson.title)}</b></a><p>{rich(lesson.lead)}</p></li>"
        ),
        chapter=chapter(name),
        # what has a small stream and few kinds of layers is read first
        place=(len(witness.layout.slots), len(parts), witness.width, name),
    )


def _statement(name: str, run: Mapping[str, Mapping[str, Any]]) -> Made:
    variants = of_papers()[name]
    if name in failing() and "printed" not in run:
        run = {**run, "printed": pages.found(variants["printed"])}
    claim = variants.get("printed") or next(iter(variants.values()))
    file = f"{name}.html"
    entries = tuple(
        entry | {"href": f"{file}{where_wrong(entry)}"}
        for one in variants.values()
        for entry in (dict(run.get(one.variant) or pages.not_run(one)),)
    )
    return Made(
        Stop(file, f"{pages.title_of(claim)} ({claim.id})"),
        pages.claim_page(claim, variants, run),
        entries=entries,
    )


def where_wrong(entry: Mapping[str, Any]) -> str:
    """Where the page of a claim that fails begins: where its counterexample first differs."""
    from ..pairs import pair_of

    first = entry.get("first_difference") or {}
    runs = entry.get("counterexample") and pair_of(entry["id"]) is not None
    return f"#layer={first['layer']}&data=counterexample0" if runs and "layer" in first else ""


# -- the index ------------------------------------------------------------------------------------


def index_page(taught: Sequence[Made], told: Sequence[Made]) -> str:
    """The index: where to begin, a card for each construction, a row for each statement."""
    chapters = "".join(
        f'<h3>{plain(title)}</h3><ul class="cards">{"".join(made.card for made in group)}</ul>'
        for (_, title), group in groupby(taught, key=lambda made: made.chapter)
    )
    entries = [entry for made in told for entry in made.entries]
    body = (
        f'<p class="ways"><a class="begin" href="{STORY}">{plain(BEGIN)}</a>'
        '<a href="#constructions">Gallery</a>'
        '<a href="#papers">Papers, statement by statement</a>'
        '<a href="#documents">Tutorial, lecture, reference</a></p>'
        '<h2 id="constructions">Gallery: a picture of every construction</h2>'
        f'<p class="key">{KEY}</p>{chapters}'
        f'<h2 id="papers">Papers, statement by statement</h2>{statements_index(entries)}'
        f'<h2 id="documents">To read and to look up</h2>{cards()}'
    )
    return frame(TITLE, LEAD, body, script=INDEX_SCRIPT)


KEY = (
    "In each picture layers follow each other to the right; the rows are the slots of memory that "
    "every token has. The fuller the colour, the larger what is in it; a dot says that this layer "
    "wrote it. "
    "An arc is a layer of attention, a bend one of an MLP."
)
