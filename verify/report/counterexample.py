"""A counterexample as one would write it on paper: examples and queries, a row each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from .tables import in_print, number

ROWS, COLUMNS, WIDEST = 8, 8, 14  # of a table, and characters of a number, that are shown
PROMPT = ("X", "y", "queries", "prediction", "algorithm")

Row = list[str]


@dataclass(frozen=True)
class Table:
    """Columns of one length: the heads of each, and its rows, a cell for every head."""

    title: str
    heads: tuple[Row, ...]
    rows: tuple[tuple[Row, ...], ...]


@dataclass(frozen=True)
class Shown:
    """A counterexample as readers see it: what is named in a line, its tables, and whether parts
    of them are left out."""

    named: Mapping[str, Any]
    tables: tuple[Table, ...]
    in_part: bool

    @property
    def said(self) -> str:
        """What is named, in one line."""
        return in_print(", ".join(f"{name} = {_text(value)}" for name, value in self.named.items()))

    @property
    def shortened(self) -> bool:
        """Whether anything of it is, what is named included."""
        return self.in_part or _is_large([list(self.named.values())])


def shown(counterexample: Mapping[str, Any]) -> Shown:
    """Parameters, and what else is no part of a prompt, by name; examples and queries as tables,
    the answers beside the queries. What has no prompt is named throughout."""
    parameters = counterexample.get("parameters") or {}
    apart = (*PROMPT, "parameters", "parts", "query_parts")
    others = {name: v for name, v in counterexample.items() if name not in apart}
    named = {**parameters, **others}
    X, y, queries = (counterexample.get(name) for name in PROMPT[:3])
    if not all(isinstance(part, list) and part for part in (X, queries)):
        rest = {name: counterexample[name] for name in PROMPT if name in counterexample}
        return Shown({**named, **rest}, (), False)
    assert X is not None and queries is not None
    y = None if y == [[]] * len(X) else y
    of_x, of_query = (counterexample.get(name) for name in ("parts", "query_parts"))
    examples = _table("examples", [*_parts(X, of_x), *([("y", y)] if y else [])])
    answers = [(name, counterexample[name]) for name in PROMPT[3:] if counterexample.get(name)]
    asked = _parts(queries, of_query)
    if all(len(values) == len(queries) for _, values in answers):  # predictions of the queries
        tables = [examples, _table("queries", [*asked, *answers])]
    else:
        tables = [examples, _table("queries", asked), _table("predictions", answers)]
    return Shown(named, tuple(tables), _is_large([X, queries, y or []]))


def lines(counterexample: Mapping[str, Any]) -> Iterator[str]:
    """The counterexample line by line; parts of a large one are left out, and that is said."""
    made = shown(counterexample)
    alone = [name for name in PROMPT if not made.tables and name in made.named]
    said = replace(made, named={k: v for k, v in made.named.items() if k not in alone}).said
    yield f"counterexample{': ' if said else ''}{said}"
    yield from (f"  {name} = {_text(made.named[name])}" for name in alone)
    for table in made.tables:
        yield f"  {table.title}"
        for row in (table.heads, *table.rows):
            cells = []
            for k, entries in enumerate(row):
                column = [table.heads[k], *(other[k] for other in table.rows)]
                widths = [max(map(len, cells_)) for cells_ in zip(*column)]
                cells.append("  ".join(map(str.rjust, entries, widths)))
            yield "    " + " │ ".join(cells)
    if made.in_part:
        yield "  in part; `--json FILE` writes the whole of it, every digit"


def _table(title: str, columns: Sequence[tuple[str, Sequence[Any]]]) -> Table:
    """Rows of the columns' values side by side: vectors entry by entry, numbers as they are."""
    parts = [_cells(name, values) for name, values in columns]
    heads, *rows = zip(*parts)
    return Table(title, heads, tuple(rows))


def _parts(
    rows: Sequence[Sequence[Any]], widths: Mapping[str, int] | None
) -> list[tuple[str, Sequence[Any]]]:
    """The rows as columns of one name: x, or each part of it."""
    if not widths:
        return [("x", rows)]
    made: list[tuple[str, Sequence[Any]]] = []
    start = 0
    for name, width in widths.items():
        made.append((name, [list(row[start : start + width]) for row in rows]))
        start += width
    return made


def _cells(name: str, values: Sequence[Any]) -> list[Row]:
    """A head, and the entries of each row, as many in each."""
    rows = [_entries(value) for value in _shortened(values, ROWS)]
    size = max(len(value) if isinstance(value, list) else 1 for value in values)
    vector = any(isinstance(value, list) and len(value) > 1 for value in values)
    head = [f"{name}_{i}" for i in range(1, size + 1)] if vector else [name]
    head = _shortened(head, COLUMNS)
    return [head, *(row if len(row) == len(head) else ["…"] * len(head) for row in rows)]


def _entries(value: Any) -> Row:
    entries = value if isinstance(value, list) else [value]
    return [_text(entry) for entry in _shortened(entries, COLUMNS)]


def _shortened(values: Sequence[Any], most: int) -> list[Any]:
    """The values, of many the first and the last."""
    return list(values) if len(values) <= most else [*values[: most - 2], "…", values[-1]]


def _is_large(parts: Sequence[Sequence[Any]]) -> bool:
    def wide(value: Any) -> bool:
        if isinstance(value, list):
            return len(value) > COLUMNS or any(map(wide, value))
        return len(str(value)) > WIDEST

    return any(len(part) > ROWS or any(map(wide, part)) for part in parts)


def _text(value: Any) -> str:
    """A number of a report as one line, long ones rounded; several of them in parentheses."""
    if isinstance(value, Mapping):
        return f"({', '.join(f'{name} = {_text(one)}' for name, one in value.items())})"
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(_text, _shortened(value, COLUMNS)))})"
    if len(str(value)) > WIDEST:
        try:
            return number(Fraction(str(value)), digits=6, widest=WIDEST)
        except (ValueError, ZeroDivisionError):
            pass
    return str(value)
