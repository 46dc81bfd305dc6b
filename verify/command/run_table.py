"""`witness run`: reads a table, chooses what is not given, runs, and prints the comparison."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..inputs.errors import WrongCall
from ..inputs.files import check_writable, write
from ..inputs.names import Subject, subject
from ..inputs.progress import Progress
from ..inputs.region import suit
from ..inputs.settings import call, convert, parse, text
from ..inputs.tables import Table, header_of, read_csv, read_state, require
from ..pool import one_thread
from ..report import text as report
from . import regression

NUMBERS = ("float64", "float32", "bfloat16", "float16", "rational", "ball")
LARGE = 1_000_000  # numbers in X from which on several threads are worth starting


@dataclass(frozen=True)
class Problem:
    """X (n, d), y (n,), queries (m, d), the queries' row numbers and true targets if known."""

    X: np.ndarray
    y: np.ndarray
    queries: np.ndarray
    labels: tuple[int, ...]
    truth: np.ndarray | None
    about: tuple[str, ...]
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """What the user asked for: the command's arguments and options."""

    name: str
    data: str
    target: str | None
    query: str | None
    features: str | None
    settings: tuple[str, ...]
    intercept: bool
    numbers: str
    hold_out: float
    seed: int
    rows: int
    json: str | None
    output: str | None


def main(asked: Call) -> None:
    """The command. Raises WrongCall."""
    if asked.numbers not in NUMBERS:
        raise WrongCall(f"--numbers takes {', '.join(NUMBERS)}, not {asked.numbers!r}")
    for option, value in (("rows", asked.rows), ("seed", asked.seed)):
        if value < 0:
            raise WrongCall(f"--{option} must be 0 or more, not {value}")
    for path in (asked.json, asked.output):
        check_writable(path)
    if asked.json == "-" and asked.output == "-":
        raise WrongCall("only one of --json and -o can go to standard output")
    found = subject(asked.name)
    saved = asked.data.lower().endswith(".json")
    problem = from_state(found, asked) if saved else from_tables(asked)
    given = problem.parameters | parse(asked.name, found.signature, asked.settings)
    parameters, why = suit(asked.name, found.signature, given, problem.X.astype(float))
    with Progress("prompts", 1) as progress, one_thread(problem.X.size < LARGE):
        progress(f"{asked.name} on {len(problem.X)} examples")
        result = regression.run(
            found, parameters, problem.X, problem.y, problem.queries, asked.numbers
        )
    if asked.output is not None:
        write(asked.output, predictions_csv(problem, result))
    if asked.json is not None:
        write(asked.json, report.dumps(document(found, parameters, problem, result, asked.numbers)))
    if "-" not in (asked.json, asked.output):
        show(found, parameters, why, problem, result, asked.numbers, asked.rows)


# -- input ------------------------------------------------------------------------------------


def from_tables(asked: Call) -> Problem:
    """Examples from one CSV file; queries from another, or from rows held out."""
    data, target = asked.data, asked.target
    if target is None:
        raise WrongCall("--target is missing: the column of the data to predict")
    header = header_of(data)
    require(data, header, target)
    names = tuple(name for name in header if name != target)
    if asked.features is not None:
        listed = (part.strip() for part in asked.features.split(","))
        names = tuple(dict.fromkeys(part for part in listed if part))
        for name in names:
            require(data, header, name)
        if target in names:
            raise WrongCall(f"--features holds the target {target!r}")
    if not names:
        raise WrongCall(f"{data} has no column but the target {target!r}; predictions need one")
    table = read_csv(data, (*names, target))
    X, y = _features(table, names, asked.intercept), table.column(target)
    columns = _plural(len(names), "column") + (" and an intercept" if asked.intercept else "")
    if asked.query is not None:
        asked_for, truth = _queries(asked.query, names, target, asked.features is not None)
        about = (
            f"examples   {_plural(len(X), 'row')} of {data}, {columns}",
            f"queries    {_plural(len(asked_for), 'row')} of {asked.query}",
        )
        queries = _features(asked_for, names, asked.intercept)
        return Problem(X, y, queries, tuple(range(1, len(queries) + 1)), truth, about)
    kept, out = regression.split(len(X), asked.hold_out, asked.seed)
    shown = ", ".join(str(row + 1) for row in out[:8]) + (", …" if len(out) > 8 else "")
    about = (
        f"examples   {len(kept)} of the {_plural(len(X), 'row')} of {data}, {columns}",
        f"queries    {_plural(len(out), 'row')} held out (seed {asked.seed}): {shown}",
    )
    labels = tuple(int(row) + 1 for row in out)
    return Problem(X[kept], y[kept], X[out], labels, y[out], about)


def _features(table: Table, names: tuple[str, ...], intercept: bool) -> np.ndarray:
    """Values (rows, d) of the columns, a last one of ones with `intercept`."""
    X = table.select(names)
    return np.column_stack([X, np.ones(len(X))]) if intercept else X


def _queries(
    path: str, names: tuple[str, ...], target: str, chosen: bool
) -> tuple[Table, np.ndarray | None]:
    """The queries' columns in the order of `names`, and the targets if the file has them."""
    header = header_of(path)
    for name in names:
        if name not in header:
            raise WrongCall(
                f"{path} has no column {name!r}, which the data has; it needs {', '.join(names)}"
            )
    extra = [name for name in header if name not in (*names, target)]
    if extra and not chosen:
        raise WrongCall(f"{path} has a column {extra[0]!r} that the data does not have")
    if target in header:
        table = read_csv(path, (*names, target))
        return Table(path, names, table.select(names)), table.column(target)
    return read_csv(path, names), None


def from_state(found: Subject, asked: Call) -> Problem:
    """The prompt and parameters that the teaching page saved."""
    path = asked.data
    unfit = {"--target": asked.target, "--query": asked.query, "--features": asked.features}
    for option, value in unfit.items():
        if value is not None:
            raise WrongCall(f"{option} is for CSV files; {path} holds a whole prompt")
    state = read_state(path)
    if state.witness != found.name:
        raise WrongCall(f"{path} is a state of {state.witness}, not of {found.name}")
    parameters = {
        key: convert(found.name, found.signature, key, value)
        for key, value in state.parameters.items()
    }
    n, d = state.X.shape
    if len(state.y) != n:
        raise WrongCall(f"{path}: X has {n} rows, y {len(state.y)}")
    if state.queries.shape[1] != d:
        raise WrongCall(f"{path}: X has {d} columns, queries {state.queries.shape[1]}")
    about = (f"prompt     {_plural(n, 'example')} saved in {path}",)
    labels = tuple(range(1, len(state.queries) + 1))
    return Problem(state.X, state.y, state.queries, labels, None, about, parameters)


# -- output -----------------------------------------------------------------------------------


def show(
    found: Subject,
    parameters: Mapping[str, Any],
    why: Mapping[str, str],
    problem: Problem,
    result: regression.Run,
    numbers: str,
    rows: int,
) -> None:
    """The comparison, in text."""
    from rich import box
    from rich.table import Table as Grid

    out = report.console()

    def line(said: str, style: str | None = None) -> None:
        out.print(said, markup=False, style=style)

    for said in problem.about:
        line(said)
    line(f"witness    {found.name} {call(parameters)}")
    for key, reason in why.items():
        line(f"chosen     {key} = {_parameter(parameters[key])}: {reason}")
    witness = found.build(parameters)
    line(f"           {_plural(witness.layers, 'layer')}, width {witness.width}, in {numbers}")
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in ("row", "transformer", "algorithm", result.closed_name):
        grid.add_column(head, justify="right")
    if problem.truth is not None:
        grid.add_column("target", justify="right")
    for q in range(min(rows, len(problem.labels))):
        cells = [result.transformer[q], result.algorithm[q], result.closed_form[q]]
        if problem.truth is not None:
            cells.append(problem.truth[q])
        grid.add_row(str(problem.labels[q]), *map(_number, cells))
    line("")
    if rows:
        out.print(grid)
        left = len(problem.labels) - rows
        if left > 0:
            line(f"… {_plural(left, 'row')} more; -o FILE.csv has all")
        line("")
    for said in summary(problem, result, numbers):
        line(said)
    for said in result.warnings:
        line(f"warning    {said}", "yellow")


def summary(problem: Problem, result: regression.Run, numbers: str) -> list[str]:
    """What separates the three columns."""
    row = problem.labels[result.worst]
    if result.explained is None and numbers == "rational":
        same = "none: equal in fractions" if result.difference == 0 else f"{result.difference:.3g}"
        made = [f"transformer against algorithm  {same}"]
    else:
        explained = result.explained
        said = f"largest difference {result.difference:.2g}, in row {row}"
        if explained is None:
            said += "; it is not finite"
        elif numbers == "ball":
            said += f"; the enclosure has radius {explained:.2g}"
        else:
            printed = 2.0**-52 * abs(float(result.algorithm[result.worst]))  # balls as floats
            all_of_it = result.difference <= explained + printed
            verdict = "all of it" if all_of_it else "NOT all of it"
            if verdict != "all of it" and not result.decides:
                verdict = "not all of it, but the algorithm's own rounding is not bounded"
            said += f"; rounding in {numbers} explains {verdict} (up to {explained:.2g} there)"
        said += f"; the algorithm ran in {result.reference}"
        said += "" if result.decides else ", which decides nothing"
        made = [f"transformer against algorithm    {said}"]
    gap = np.abs(result.transformer.astype(float) - result.closed_form.astype(float)).max()
    made.append(f"transformer against closed form  largest difference {gap:.2g}")
    if problem.truth is not None:
        errors = [
            f"{name} {regression.error(values, problem.truth):.4g}"
            for name, values in (
                ("transformer", result.transformer),
                ("closed form", result.closed_form),
            )
        ]
        made.append(f"root mean square error on the targets  {', '.join(errors)}")
        mean = regression.error(np.full(len(problem.truth), problem.y.mean()), problem.truth)
        if mean < regression.error(result.closed_form, problem.truth):
            made.append(
                f"the mean of the examples' targets does better ({mean:.4g}): the algorithms fit "
                "no constant; --intercept adds one"
            )
    return made


def document(
    found: Subject,
    parameters: Mapping[str, Any],
    problem: Problem,
    result: regression.Run,
    numbers: str,
) -> dict[str, Any]:
    """Everything, as plain data."""
    truth: list[Any] = [None] * len(problem.labels)
    if problem.truth is not None:
        truth = [float(value) for value in problem.truth]
    return {
        "schema": "witness-run/1",
        "witness": found.name,
        "parameters": {key: text(value) for key, value in parameters.items()},
        "digest": found.build(parameters).digest,
        "numbers": numbers,
        "examples": len(problem.X),
        "closed_form": result.closed_name,
        "predictions": [
            {
                "row": row,
                "transformer": _plain(result.transformer[q]),
                "algorithm": _plain(result.algorithm[q]),
                "closed_form": _plain(result.closed_form[q]),
                "target": truth[q],
            }
            for q, row in enumerate(problem.labels)
        ],
        "largest_difference": result.difference,
        "largest_difference_row": problem.labels[result.worst],
        "rounding_bound": result.explained,
        "warnings": list(result.warnings),
        "versions": report.versions(),
    }


def predictions_csv(problem: Problem, result: regression.Run) -> str:
    """One line per query: row, transformer, algorithm, closed_form[, target]."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    known = problem.truth is not None
    writer.writerow(["row", "transformer", "algorithm", "closed_form", *(["target"] * known)])
    for q, row in enumerate(problem.labels):
        cells = [result.transformer[q], result.algorithm[q], result.closed_form[q]]
        if problem.truth is not None:
            cells.append(problem.truth[q])
        writer.writerow([row, *(_plain(cell) for cell in cells)])
    return out.getvalue()


def _plain(value: Any) -> Any:
    """Floats as floats, exact numbers as text."""
    return float(value) if isinstance(value, (float, np.floating)) else str(value)


def _number(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.10g}"
    exact = str(value)
    return exact if len(exact) <= 24 else f"{float(value):.10g}"


def _parameter(value: Any) -> str:
    """As typed, and as a decimal where that is shorter to read."""
    exact = text(value)
    return exact if "/" not in exact else f"{float(value):.6g}"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
