"""A counterexample as one would write it on paper: examples and queries, a row each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from .tables import in_print, number

ROWS, COLUMNS, WIDEST = 8, 8, 14  # of a table, and characters of a number, that are shown
PROMPT = ("X", "y", "queries", "prediction", "algorithm")

Row = list[str]


def lines(counterexample: Mapping[str, Any]) -> Iterator[str]:
    """The counterexample line by line; parts of a large one are left out, and that is said."""
    parameters = counterexample.get("parameters") or {}
    apart = (*PROMPT, "parameters", "parts", "query_parts")
    others = {name: v for name, v in counterexample.items() if name not in apart}
    said = in_print(
        ", ".join(f"{name} = {_text(value)}" for name, value in (parameters | others).items())
    )
    yield f"counterexample{': ' if said else ''}{said}"
    X, y, queries = (counterexample.get(name) for name in PROMPT[:3])
    if not all(isinstance(part, list) and part for part in (X, queries)):
        yield from (
            f"  {name} = {_text(counterexample[name])}" for name in PROMPT if name in counterexample
        )
        return
    assert X is not None and queries is not None
    y = None if y == [[]] * len(X) else y
    of_x, of_query = (counterexample.get(name) for name in ("parts", "query_parts"))
    yield from _table("examples", [*_parts(X, of_x), *([("y", y)] if y else [])])
    answers = [(name, counterexample[name]) for name in PROMPT[3:] if counterexample.get(name)]
    if all(len(values) == len(queries) for _, values in answers):  # predictions of the queries
        yield from _table("queries", [*_parts(queries, of_query), *answers])
    else:
        yield from _table("queries", _parts(queries, of_query))
        yield from _table("predictions", answers)
    if _is_large([X, queries, y or []]):
        yield "  in part; `--json FILE` writes the whole of it, in exact numbers"


def _table(title: str, columns: Sequence[tuple[str, Sequence[Any]]]) -> Iterator[str]:
    """Rows of the columns' values side by side: vectors entry by entry, numbers as they are."""
    yield f"  {title}"
    parts = [_cells(name, values) for name, values in columns]
    for k in range(len(parts[0])):
        yield "    " + " │ ".join(part[k] for part in parts)


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


def _cells(name: str, values: Sequence[Any]) -> list[str]:
    """A head and a cell for each row, all of one width."""
    rows = [_entries(value) for value in _shortened(values, ROWS)]
    size = max(len(value) if isinstance(value, list) else 1 for value in values)
    vector = any(isinstance(value, list) and len(value) > 1 for value in values)
    head = [f"{name}_{i}" for i in range(1, size + 1)] if vector else [name]
    head = _shortened(head, COLUMNS)
    rows = [row if len(row) == len(head) else ["…"] * len(head) for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    return ["  ".join(map(str.rjust, row, widths)) for row in (head, *rows)]


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
