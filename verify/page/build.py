"""Puts a page together: template, style, scripts, data and the finished example."""

from __future__ import annotations

import inspect
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

import constructions
from constructions.witness import Witness
from proofs.exact import written_out
from proofs.layer import Layer
from proofs.stream import split_entry

from ..checks.symbolic import shapes_of
from .export import Export, construction
from .glossary import glossed_page
from .lesson import Lesson, Picture, rich
from .lessons import GENERAL, lessons
from .mathml import plain
from .pictures import picture_of
from .readable import pattern_words, typeset
from .shared import embedded
from .site.links import cited
from .story import given, story, tones

WIDEST = 200  # hidden units of a stream that a reader can still scroll through
SCRIPTS = (
    "scripts/shared.js",
    "scripts/matrix.js",
    "scripts/rule.js",
    "scripts/interpreter.js",
    "scripts/algebra.js",
    "scripts/model.js",
    "scripts/dom.js",
    "scripts/draw.js",
    "scripts/stream.js",
    "scripts/layer.js",
    "scripts/plot.js",
    "scripts/chart.js",
    "scripts/exercises.js",
    "scripts/state/fields.js",
    "scripts/state/steps.js",
    "scripts/state/verdict.js",
    "scripts/state/table.js",
    "scripts/state/controls.js",
    "scripts/pictures/panel.js",
    "scripts/pictures/handles.js",
    "scripts/pictures/descent.js",
    "scripts/pictures/inverse.js",
    "scripts/pictures/data.js",
    "scripts/pictures/selection.js",
    "scripts/pictures/curve.js",
    "scripts/pictures/threshold.js",
    "scripts/pictures/product.js",
    "scripts/pictures/words.js",
    "scripts/pictures/written.js",
    "scripts/state.js",
    "scripts/state/present.js",
    "scripts/events.js",
    "scripts/address.js",
    "scripts/state/history.js",
    "scripts/state/files.js",
    "scripts/state/csv.js",
    "scripts/state/figure_files.js",
    "scripts/main.js",
)
STYLES = (
    "styles/base.css",
    "styles/pictures.css",
    "styles/instrument.css",
    "styles/site.css",
)
FONT = re.compile(r'url\("([^":]+\.woff2)"\)')


def resource(name: str) -> str:
    """Text of a file beside this one."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@lru_cache(maxsize=2)
def style(sheets: tuple[str, ...] = STYLES) -> str:
    """The style sheet of a page, its font inside."""
    return FONT.sub(
        lambda found: f'url("data:font/woff2;base64,{_base64(found[1])}")',
        "\n".join((*(resource(file) for file in sheets), tones())),
    )


@lru_cache(maxsize=2)
def script(files_: tuple[str, ...]) -> str:
    """These scripts as one, without the lines of comment and the indentation."""
    lines = (line.strip() for file in files_ for line in resource(file).splitlines())
    told = "\n".join(line for line in lines if line and not line.startswith("//"))
    return f'(function () {{\n"use strict";\n{told}\n}})();'


def _base64(name: str) -> str:
    return b64encode(files(__package__).joinpath(name).read_bytes()).decode()


def construction_page(name: str, parameters: Mapping[str, Any]) -> str:
    """The teaching page of a construction as HTML; `parameters` override its lesson's.

    Raises ValueError or TypeError on a name or parameters that `constructions.build` refuses.
    """
    constructions.get(name)  # an unknown name is refused before anything is made
    lesson = lesson_of(name)
    witness, chosen = shown(name, parameters)
    if witness.width > WIDEST:
        raise ValueError(
            f"a page shows up to {WIDEST} numbers per token, and {name} has {witness.width} at "
            "this size: choose a smaller d"
        )
    lesson = with_example(name, lesson, witness, chosen)
    export = Export()
    family = construction(export, name, chosen, lesson.sizes)
    return page(
        title=lesson.title,
        name=name,
        lesson=lesson,
        source=cited(witness.source),
        sides=[{"variant": "", "label": "", "family": family}],
        export=export,
        given=given(witness, lesson),
        example=story(witness, lesson),
        start=family["start"] | family["scalars"],
        picture=picture_of(lesson, witness),
    )


def shown(name: str, parameters: Mapping[str, Any]) -> tuple[Witness, dict[str, Any]]:
    """The construction that a page starts from, and its parameters: the lesson's, and these."""
    given = {**lesson_of(name).parameters, **parameters}
    chosen = {key: _exact(value) for key, value in given.items()}
    return constructions.build(name, **chosen), chosen


def with_example(name: str, lesson: Lesson, witness: Witness, chosen: Mapping[str, Any]) -> Lesson:
    """The lesson with an example that suits the witness, which these parameters made."""
    made = constructions.get(name)
    if made.sample is not None:
        X, y, queries = (part.astype(float) for part in made.sample(made.values(**chosen)))
        return replace(lesson, X=X.tolist(), y=y.tolist(), queries=queries.tolist())
    return fitted_to(lesson, witness)


def lesson_of(name: str) -> Lesson:
    """The lesson about a construction; one without words of its own is made of its docstrings."""
    if name in (known := lessons()):
        return known[name]
    made = constructions.get(name)
    module = inspect.getmodule(made.parts)
    about = inspect.getdoc(module) if module is not None else ""
    text = [part for part in (about or "").split("\n\n") if part]
    parameters = {
        key: parameter.small
        for key, parameter in made.parameters.items()
        if parameter.default is parameter.REQUIRED
    }
    said = " ".join(made.__doc__.split("\n\n")[0].split())
    title, _, more = said.partition(". ")
    layers = made(**parameters).layer_list
    return Lesson(
        construction=name,
        title=title.rstrip(".") or name.replace("_", " ").capitalize(),
        lead=literal(more) or "What every layer of it writes into the stream, on a small prompt.",
        paragraphs=tuple(literal(part) for part in text),
        layers={layer.name.rstrip("0123456789"): described(layer) for layer in layers},
        lens="last layer",
        parameters=parameters,
        exercises=GENERAL,
        goal="answer",
    )


def described(layer: Layer) -> str:
    """What a layer does, in a sentence made of its parts."""
    parts = [
        f"The head “{head.name.rstrip('0123456789 ') or 'without a name'}” reads the tokens with "
        f"{head.attention} attention and writes {_listed(b.destination for b in head.value)}."
        for head in layer.heads
    ]
    if layer.mlp is not None:
        written = _listed(block.destination for block in layer.mlp.outer)
        parts.append(f"The MLP ({layer.mlp.activation}) writes {written} at every token.")
    return literal(" ".join(parts) or "It leaves the stream as it is.")


def _listed(slots: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(split_entry(slot)[0] for slot in slots)) or "nothing"


def literal(text: str) -> str:
    """Text in which braces and stars are no markup."""
    return text.replace("{", "(").replace("}", ")").replace("*", "·")


def fitted_to(lesson: Lesson, witness: Witness) -> Lesson:
    """The lesson with an example of the witness's own sizes: of x, y and queries, and its n."""
    prompt, n = witness.prompt, witness.examples or len(lesson.y)
    shapes = of_x, of_y, of_queries = shapes_of(prompt, n, len(lesson.queries))
    if shapes == tuple(np.shape(part) for part in (lesson.X, lesson.y, lesson.queries)):
        return lesson

    low, high = witness.outputs or (-2, 4)

    def target(i: int) -> float:
        return float((2 * i * i + 3 * i) % (high - low + 1) + low)

    X = tuple(
        tuple(float((3 * i * i + 5 * i * j + 2 * j + 1) % 5 - 2) for j in range(of_x[1]))
        for i in range(n)
    )
    y = tuple(target(i) if len(of_y) == 1 else tuple(map(target, range(i, i + of_y[1])))
              for i in range(n))  # fmt: skip
    asked = tuple(2.0**-j for j in range(of_queries[1]))
    return replace(lesson, X=X, y=y, queries=(asked,) if asked else ())


def page(
    *,
    title: str,
    name: str,
    lesson: Lesson,
    source: str,
    sides: list[dict[str, Any]],
    export: Export,
    given: str,
    example: str,
    start: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
    notice: str = "",
    picture: Picture | None = None,
) -> str:
    """One self-contained page as HTML; `source`, `given`, `example` and `notice` are HTML too."""
    data = {
        "name": name,
        "title": title,
        "lesson": lesson.to_json(),
        "sides": sides,
        "pools": export.pools(),
        "start": dict(start),
        "picture": picture.to_json() if picture is not None else None,
        "example": {"X": lesson.X, "y": lesson.y, "queries": lesson.queries},
        "patterns": patterns(export.pools()["maps"]),
        **(extra or {}),
    }
    text = resource("page.html")
    parts = {
        "title": plain(title),
        "heading": typeset(title),
        "name": plain(name),
        "source": source,
        "lead": rich(lesson.lead),
        "notice": notice,
        "picture": panel(picture) if picture is not None else "",
        "paragraphs": "".join(f"<p>{rich(p)}</p>" for p in lesson.paragraphs),
        "given": given,
        "example": example,
        "exercises": exercises(lesson),
        "link": '<a href="#exercises">Exercises</a>' if lesson.exercises else "",
        "style": style(),
        "data": embedded(data),
        "script": script(SCRIPTS),
    }
    for key, value in parts.items():
        text = text.replace(f"<!--{key}-->", value)
    return glossed_page(text)


def patterns(maps: Iterable[list[dict[str, Any]] | None]) -> dict[str, str]:
    """The patterns of blocks, and what they do in words."""
    found = {block["pattern"] for blocks in maps for block in blocks or () if block.get("pattern")}
    return {pattern: pattern_words(pattern) for pattern in sorted(found)}


def panel(picture: Picture) -> str:
    """The place of the picture on the first screen; the script draws it."""
    return (
        '<section id="picture" class="picture" aria-label="The idea as a picture" hidden>'
        '<div class="picture-bar" id="picture-bar"></div>'
        '<div class="picture-figure" id="picture-figure"></div>'
        f'<p class="picture-caption">{rich(picture.caption)}</p></section>'
    )


def exercises(lesson: Lesson) -> str:
    """The questions, their hints and reasons folded away; the script adds the checks."""
    made: list[str] = []
    if not lesson.exercises:
        return ""
    for i, exercise in enumerate(lesson.exercises):
        made.append(
            f'<li id="exercise-{i}"><p>{rich(exercise.question)}</p>'
            f'<div class="check" data-exercise="{i}"></div>'
            f"<details><summary>Hint</summary><p>{rich(exercise.hint)}</p></details>"
            f'<details class="reason"><summary>Why</summary><p>{rich(exercise.reason)}</p>'
            "</details>"
            "</li>"
        )
    return (
        '<section id="exercises" aria-labelledby="exercises-title">'
        '<h2 id="exercises-title">Exercises'
        f'</h2><ol class="exercises">{"".join(made)}</ol></section>'
    )


def _exact(value: Any) -> Any:
    """Text like "1/6" as a Fraction where it is one, in sequences too."""
    if isinstance(value, (tuple, list)):
        return tuple(_exact(entry) for entry in value)
    if isinstance(value, str):
        try:
            return written_out(value)
        except ValueError:
            return value
    return value
