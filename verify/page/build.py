"""Puts a page together: template, style, scripts, data and the finished example."""

from __future__ import annotations

import inspect
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from typing import Any

import constructions
from constructions.witness import Witness

from .export import Export, construction
from .lesson import Lesson, rich
from .lessons import GENERAL, lessons
from .mathml import plain
from .story import given, story

WIDEST = 200  # hidden units of a stream that a reader can still scroll through
SCRIPTS = (
    "scripts/matrix.js",
    "scripts/rule.js",
    "scripts/interpreter.js",
    "scripts/algebra.js",
    "scripts/model.js",
    "scripts/dom.js",
    "scripts/draw.js",
    "scripts/stream.js",
    "scripts/layer.js",
    "scripts/prompt.js",
    "scripts/chart.js",
    "scripts/exercises.js",
    "scripts/state.js",
    "scripts/events.js",
    "scripts/address.js",
    "scripts/main.js",
)
STYLES = ("styles/base.css",)
FONT = re.compile(r'url\("([^":]+\.woff2)"\)')


def resource(name: str) -> str:
    """Text of a file beside this one."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def style() -> str:
    """The style sheet of every page, its font inside."""
    return FONT.sub(
        lambda found: f'url("data:font/woff2;base64,{_base64(found[1])}")',
        "\n".join(resource(file) for file in STYLES),
    )


def _base64(name: str) -> str:
    return b64encode(files(__package__).joinpath(name).read_bytes()).decode()


def construction_page(name: str, parameters: Mapping[str, Any]) -> str:
    """The teaching page of a construction as HTML; `parameters` override its lesson's.

    Raises ValueError or TypeError on a name or parameters that `constructions.build` refuses.
    """
    constructions.get(name)  # an unknown name is refused before anything is made
    lesson = lesson_of(name)
    chosen = {key: _exact(value) for key, value in {**lesson.parameters, **parameters}.items()}
    witness = constructions.build(name, **chosen)
    if witness.width > WIDEST:
        raise ValueError(
            f"a page shows up to {WIDEST} numbers per token, and {name} has {witness.width} at "
            "this size: choose a smaller d"
        )
    lesson = fitted_to(lesson, witness)
    export = Export()
    family = construction(export, name, chosen, lesson.sizes)
    return page(
        title=lesson.title,
        name=name,
        lesson=lesson,
        source=witness.source,
        sides=[{"variant": "", "label": "", "family": family}],
        export=export,
        given=given(witness, lesson),
        example=story(witness, lesson),
        start=family["start"] | family["scalars"],
    )


def lesson_of(name: str) -> Lesson:
    """The lesson about a construction; one without words of its own is made of its docstrings."""
    if name in (known := lessons()):
        return known[name]
    made = constructions.get(name)
    module = inspect.getmodule(made.parts)
    about = inspect.getdoc(module) if module is not None else ""
    text = [part for part in (about or "").split("\n\n") if part]
    return Lesson(
        construction=name,
        title=name.replace("_", " ").capitalize(),
        lead=literal(made.__doc__.split("\n\n")[0]),
        paragraphs=tuple(literal(part) for part in text),
        layers={"embedding": ""},
        lens="last layer",
        parameters={
            key: parameter.small
            for key, parameter in made.parameters.items()
            if parameter.default is parameter.REQUIRED
        },
        exercises=GENERAL,
        goal="answer",
    )


def literal(text: str) -> str:
    """Text in which braces and stars are no markup."""
    return text.replace("{", "(").replace("}", ")").replace("*", "·")


def fitted_to(lesson: Lesson, witness: Witness) -> Lesson:
    """The lesson with an example of the witness's own d and n."""
    d, n = witness.d, witness.examples or len(lesson.y)
    if d == len(lesson.X[0]) and n == len(lesson.y):
        return lesson
    X = tuple(
        tuple(float((3 * i * i + 5 * i * j + 2 * j + 1) % 5 - 2) for j in range(d))
        for i in range(n)
    )
    y = tuple(float((2 * i * i + 3 * i) % 7 - 2) for i in range(n))
    return replace(lesson, X=X, y=y, queries=(tuple(2.0**-j for j in range(d)),))


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
) -> str:
    """One self-contained page as HTML."""
    data = {
        "name": name,
        "title": title,
        "lesson": lesson.to_json(),
        "sides": sides,
        "pools": export.pools(),
        "start": dict(start),
        "example": {"X": lesson.X, "y": lesson.y, "queries": lesson.queries},
        **(extra or {}),
    }
    text = resource("page.html")
    script = '"use strict";\n' + "\n".join(resource(file) for file in SCRIPTS)
    parts = {
        "title": plain(title),
        "name": plain(name),
        "source": plain(source),
        "lead": rich(lesson.lead),
        "notice": notice,
        "paragraphs": "".join(f"<p>{rich(p)}</p>" for p in lesson.paragraphs),
        "given": given,
        "example": example,
        "exercises": exercises(lesson),
        "link": '<a href="#exercises">Exercises</a>' if lesson.exercises else "",
        "style": style(),
        "data": json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/"),
        "script": f"(function () {{\n{script}\n}})();",
    }
    for key, value in parts.items():
        text = text.replace(f"<!--{key}-->", value)
    return text


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
            return Fraction(value)
        except ValueError:
            return value
    return value
