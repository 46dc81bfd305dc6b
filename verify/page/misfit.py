"""What does not fit in an ill-posed statement, drawn from the evidence of its verdict.

A misfit is data, as `constructions.papers.akyurek2022.operations.IllPosed` has it: a column that
reads one that it must not, or a matrix of other sides than are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .mathml import plain

MOST = 8  # columns, and cells along a side, that are drawn one by one
WIDE, HIGH, GAP = 52, 84, 30  # of a column
CELL = 34
NAMED = 290  # wide enough for what stands below the columns


def misfit_html(misfit: Mapping[str, Any] | None) -> str:
    """The picture with its caption; "" where there is nothing to draw.

    Raises ValueError on a misfit that cannot be drawn.
    """
    if misfit is None:
        return ""
    drawings: dict[Any, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
        "columns": _columns,
        "shapes": _shapes,
    }
    kind = misfit.get("kind")
    if kind not in drawings:
        raise ValueError(f"a misfit is of {' or '.join(drawings)}, not of {kind!r}")
    try:
        svg, caption = drawings[kind](misfit)
    except (KeyError, TypeError, IndexError):
        raise ValueError(f"this is no misfit of {kind}: {misfit}") from None
    return f'<figure class="misfit">{svg}<figcaption>{plain(caption)}</figcaption></figure>'


# -- a column that reads what it must not ---------------------------------------------------------


def _columns(misfit: Mapping[str, Any]) -> tuple[str, str]:
    s, t, needs = misfit["reads"], misfit["writes"], misfit["needs"]
    places = _places(misfit["columns"], t if s is None else s, t)
    if s is None:  # what is missing stands before its reader
        places.insert(places.index(t), None)
    left = {k: number * (WIDE + GAP) + 8 for number, k in enumerate(places) if k is not None}
    top = 62
    parts = []
    for number, k in enumerate(places):
        x = number * (WIDE + GAP) + 8
        if k is None:
            parts.append(
                _text(
                    x + WIDE / 2,
                    top + HIGH / 2 + 5,
                    "none" if s is None and places[number + 1 : number + 2] == [t] else "…",
                )
            )
        else:
            parts.append(_rectangle(x, top, WIDE, HIGH, "wrong" if k in (s, t) else ""))
            parts.append(_text(x + WIDE / 2, top + HIGH / 2 + 5, str(k)))
    middle = left[t] + WIDE / 2
    if s is None:
        nothing = left[t] - WIDE - GAP
        parts.append(_rectangle(nothing, top, WIDE, HIGH, "missing"))
        arrow = _arc(nothing + WIDE / 2, middle, top, "wrong dashed")
        caption = (
            f"Column {t} has no column to read: {needs} leaves none. A mean over nothing is "
            "undefined."
        )
    elif s == t:
        arrow = _path(
            f"M {middle - 12} {top} C {middle - 34} {top - 58}, "
            f"{middle + 34} {top - 58}, {middle + 12} {top - 3}",
            "wrong",
        ) + _head(middle + 12, top)
        caption = f"Column {t} reads itself, and only columns before it may be read: {needs}."
    else:
        arrow = _arc(left[s] + WIDE / 2, middle, top, "wrong")
        caption = f"Column {t} takes from column {s}, but {needs} is required: " + (
            "attention looks back only, and this arrow points from a later token to an earlier one."
            if s > t
            else "it is not among those that may be read."
        )
    right = max(left.values()) + WIDE
    parts += [arrow, _forward(min(left.values()), right, top + HIGH + 24)]
    height = top + HIGH + 56
    return _svg(max(right + 8, NAMED), height, caption, "".join(parts)), caption


def _places(columns: int, s: int, t: int) -> list[int | None]:
    """The columns that are drawn: all, or those around s and t; None where some are left out."""
    if columns <= MOST:
        return list(range(columns))
    near = sorted({k + step for k in (s, t) for step in (-1, 0, 1) if 0 <= k + step < columns})
    made: list[int | None] = [None] if near[0] > 0 else []
    for k, after in zip(near, [*near[1:], columns]):
        made += [k] if after == k + 1 else [k, None]
    return made


def _forward(left: float, right: float, y: float) -> str:
    """The way in which a prompt is read, below its columns."""
    line = _path(f"M {left} {y} L {right - 6} {y}", "allowed")
    head = f'<path class="tip allowed" d="M {right} {y} l -10 -5 l 0 10 z"></path>'
    return (
        line
        + head
        + _text(
            max((left + right) / 2, NAMED / 2),
            y + 20,
            "columns of the prompt, later ones to the right",
            "small",
        )
    )


def _arc(start: float, end: float, top: float, kind: str) -> str:
    height = 46 + min(8, abs(start - end) / 40)
    middle = (start + end) / 2
    curve = f"M {start} {top} Q {middle} {top - 2 * height + 20}, {end} {top - 4}"
    return _path(curve, kind) + _head(end, top)


def _head(x: float, y: float) -> str:
    return f'<path class="tip wrong" d="M {x} {y} l -6 -11 l 12 0 z"></path>'


# -- sides that do not fit ------------------------------------------------------------------------


def _shapes(misfit: Mapping[str, Any]) -> tuple[str, str]:
    name, (rows, columns), (m, n) = misfit["name"], misfit["is"], misfit["should"]
    differ = {"height": rows != m, "width": columns != n}
    top, between = 46, 130
    there, wide, high = _matrix(70, top, rows, columns, differ)
    needed, its_width, its_height = _matrix(70 + wide + between, top, m, n, differ, "needed")
    x = 70 + wide + between / 2 - 10
    middle = top + max(high, its_height) / 2
    titles = _text(70 + wide / 2, 18, "given") + _text(
        70 + wide + between + its_width / 2, 18, "needed"
    )
    caption = f"{name} is {_sides(rows, columns)}, and {_sides(m, n)} is needed: " + (
        "the marked sides do not fit."
    )
    parts = titles + there + needed + _text(x, middle + 8, "≠", "unequal")
    width = 70 + wide + between + its_width + 30
    return _svg(width, top + max(high, its_height) + 16, caption, parts), caption


def _sides(rows: int, columns: int) -> str:
    return f"{rows} × {columns}"


def _matrix(
    x: float, y: float, rows: int, columns: int, differ: Mapping[str, bool], kind: str = ""
) -> tuple[str, float, float]:
    """A rectangle of cells with its sides labelled; its width and height."""
    across, down = min(columns, MOST), min(rows, MOST)
    wide, high = across * CELL, down * CELL
    cells = "".join(
        _rectangle(x + j * CELL, y + i * CELL, CELL, CELL, kind)
        for i in range(down)
        for j in range(across)
    )
    if not cells:  # nothing at all has no side
        cells = _rectangle(x, y, CELL, CELL, "missing")
        wide = high = CELL
    sides = (
        (f"M {x - 8} {y} L {x - 8} {y + high}", "height", x - 22, y + high / 2 + 5, rows),
        (f"M {x} {y - 7} L {x + wide} {y - 7}", "width", x + wide / 2, y - 12, columns),
    )
    for line, side, at_x, at_y, count in sides:
        mark = "wrong" if differ[side] else "allowed"
        cells += _path(line, mark) + _text(at_x, at_y, str(count), f"side {mark}")
    return cells, wide, high


# -- parts of an SVG ------------------------------------------------------------------------------


def _svg(width: float, height: float, title: str, inside: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" style="max-width:{width:g}px" role="img" '
        f'aria-label="{plain(title)}">{inside}</svg>'
    )


def _rectangle(x: float, y: float, wide: float, high: float, kind: str) -> str:
    of_kind = f" {kind}" if kind else ""
    return (
        f'<rect class="box{of_kind}" x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" '
        'rx="3"></rect>'
    )


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    of_kind = f' class="{kind}"' if kind else ""
    return f'<text{of_kind} x="{x:g}" y="{y:g}" text-anchor="middle">{plain(text)}</text>'


def _path(d: str, kind: str) -> str:
    return f'<path class="{kind}" d="{d}"></path>'
