"""How a table that was refused can be read: every option that is missing, in one command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..inputs.errors import WrongCall
from ..inputs.tables import (
    Text,
    cells_of,
    closest,
    header_of,
    is_missing,
    is_number,
    listed,
    listing,
    pointed,
    word,
)
from ..report.tables import plural
from .problem import read

MARKS = (";", "\t", "|", ",")  # between cells, tried in this order


@dataclass(frozen=True)
class Rereading:
    """The options {name: value} by which a table is read, those of the call among them, and what is
    left out of it then: columns of text, rows that lack a cell."""

    options: Mapping[str, Any]
    without: tuple[str, ...]

    @property
    def words(self) -> str:
        """ "this reads it, without …"."""
        return f"this reads it{', without ' if self.without else ''}{' and '.join(self.without)}"


def rereading(path: str, target: str, features: str | None, how: Text) -> Rereading | None:
    """What reads the table, and was seen to; None where nothing does that is known here, and where
    the call itself does."""
    try:
        made = _rereading(path, target, features, how)
        told = made.options
        read(path, told["target"], told["features"], False, how=_how(how, told))
    except (WrongCall, _NoWay):
        return None
    asked = {**_options(how), "target": target, "features": features}
    return made if made.options != asked else None


class _NoWay(ValueError):
    """Nothing is known that reads it."""


def _options(how: Text) -> dict[str, Any]:
    return {
        "separator": None if how.separator is None else word(how.separator),
        "decimal": how.decimal,
        "index": how.index,
        "complete": how.complete,
    }


def _how(how: Text, options: Mapping[str, Any]) -> Text:
    return replace(how, **{key: options[key] for key in _options(how)})


def _rereading(path: str, target: str, features: str | None, how: Text) -> Rereading:
    how = _separated(path, target, how)
    header = header_of(path, how)
    if not header[0] and len(header) > 1 and not how.index:
        how = replace(how, index=True)
        header = header[1:]
    how = replace(how, decimal=_decimal(path, how))
    cells = {name: column for name, column in _columns(path, header, how).items() if name}
    numeric = [name for name, column in cells.items() if _holds_numbers(column)]
    target = _meant(header, target)
    if target not in numeric:
        raise _NoWay
    others = [name for name in header if name != target]
    if features is None:
        used = [name for name in numeric if name != target]
        named = None if used == others else listing(used)
    else:
        every = (features,) if features in header else listed(features)
        used = [_meant(header, name) for name in every]
        named = features if used == list(every) else listing(used)
    if not used or not set(used) <= set(numeric):
        raise _NoWay
    lacking = sum(
        any(map(is_missing, row)) for row in zip(*(cells[one] for one in (*used, target)))
    )
    how = replace(how, complete=how.complete or lacking > 0)
    text = [name for name in others if name and name not in numeric] if features is None else []
    without = [f"{'column' if len(text) == 1 else 'columns'} {', '.join(map(repr, text[:4]))}"
               f"{', …' if len(text) > 4 else ''} (not all numbers)"] if text else []  # fmt: skip
    without += [f"{plural(lacking, 'row')} in which a cell is missing"] if lacking else []
    return Rereading({**_options(how), "target": target, "features": named}, tuple(without))


def _separated(path: str, target: str, how: Text) -> Text:
    """As it is said, where that makes columns; else with the mark that makes the most of them, and
    the target one."""
    if how.separator is not None and len(header_of(path, how)) > 1:
        return how
    tried = []
    for mark in (None, *MARKS):
        try:
            other = replace(how, separator=mark)
            header = header_of(path, other)
        except WrongCall:
            continue
        tried.append(((target in header, len(header)), other))
    return max(tried, key=lambda one: one[0], default=((), how))[1]


def _columns(path: str, header: Sequence[str], how: Text) -> dict[str, list[str]]:
    """{name: its cells} of columns whose name is there once."""
    body = cells_of(path, how)
    return {
        name: [pointed(str(cell), how.decimal) for cell in body.iloc[1:, place]]
        for place, name in enumerate(header)
        if header.count(name) == 1
    }


def _decimal(path: str, how: Text) -> str | None:
    """As it is said; a comma, where more cells are numbers with it than with a point."""
    if how.decimal is not None or how.of(path)["sep"] == ",":
        return how.decimal
    commas = points = 0
    for column in _columns(path, header_of(path, how), how).values():
        for cell in column:
            points += "." in cell and is_number(cell)
            commas += cell.count(",") == 1 and is_number(cell.replace(",", "."))
    return "," if commas > points else None


def _holds_numbers(column: Sequence[str]) -> bool:
    """Whether all that is there is numbers, and something is."""
    there = [cell for cell in column if not is_missing(cell)]
    return bool(there) and all(map(is_number, there))


def _meant(header: Sequence[str], name: str) -> str:
    """The column of that name, at that place from 1 on, or of the closest name."""
    if name in header:
        return name
    if name.isdecimal() and 1 <= int(name) <= len(header):
        return header[int(name) - 1]
    return closest(name, header)
