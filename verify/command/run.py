"""witness run: a witness on a table of one's own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from numbers import Rational
from typing import TYPE_CHECKING, Annotated, Any

import typer

from constructions.numbers import get as number_system
from constructions.numbers import names as number_systems
from constructions.numbers import without_bits
from proofs.exact import as_text

from ..inputs.errors import MOST_SEED, WrongCall, at_least
from ..inputs.files import check_inputs, check_outputs, write
from ..inputs.progress import Progress
from ..report.as_json import dumps, versions
from ..report.tables import console, grid, number, plural, print_whole
from .options import NAME, SET, called

if TYPE_CHECKING:
    from constructions.witness import Witness

    from ..inputs.tables import Text
    from ..tables.compare import Run
    from ..tables.problem import Problem

NUMBERS = tuple(name for name in number_systems() if name != "symbolic")  # rows are numbers
LARGE = 1_000_000  # numbers in X from which on several threads are worth starting
LARGEST = 1e150  # whose square float64 holds, and a sum of them
BEYOND = (
    "float64 does not hold what is computed of such numbers; give the columns in other units, or "
    "parameters of other sizes by --set"
)


def run(
    context: typer.Context,
    name: NAME,
    data: Annotated[
        str,
        typer.Option(
            metavar="FILE.csv",
            help="The examples (.csv, .tsv, .parquet, .xlsx, - for standard input); or a page's "
            "state: saved (.json), or its address (FILE.html#…).",
        ),
    ],
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column to predict, or its position.")
    ] = None,
    query: Annotated[
        str | None, typer.Option(metavar="FILE.csv", help="Rows to predict; default: held out.")
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(metavar="A,B,…", help='To predict from; "A,B" for one with a comma; all.'),
    ] = None,
    separator: Annotated[
        str | None,
        typer.Option(metavar="SIGN", help="Between cells, or tab; a comma, in .tsv a tab."),
    ] = None,
    decimal: Annotated[
        str | None, typer.Option(metavar=".|,", help="In a number; with a comma cells end in ;.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of a text file: utf-8, latin-1, utf-16, …; default utf-8.")
    ] = None,
    index: Annotated[
        bool, typer.Option("--index", help="The first column only numbers the rows: leave it out.")
    ] = False,
    complete: Annotated[
        bool, typer.Option("--drop-incomplete", help="Leave out rows in which a cell is missing.")
    ] = False,
    settings: SET = None,
    intercept: Annotated[
        bool, typer.Option("--intercept", help="Add a column of ones to the features.")
    ] = False,
    standardise: Annotated[
        bool | None,
        typer.Option(help="Columns on one scale; default: where the condition number needs it."),
    ] = None,
    numbers: Annotated[
        str, typer.Option(help="float64, float32, bfloat16, float16, rational, ball or ball:BITS.")
    ] = "float64",
    hold_out: Annotated[float, typer.Option(help="Share of the rows held out.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Seed of the choice of rows held out.")] = 0,
    rows: Annotated[int, typer.Option(help="Rows of the table that are printed.")] = 10,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write everything as JSON; - for stdout.")
    ] = None,
    output: Annotated[
        str | None, typer.Option("-o", metavar="FILE.csv", help="Write every prediction.")
    ] = None,
) -> None:
    """Predict rows of your own table.

    The rows of the table are the examples of the prompt. The transformer's predictions stand
    beside the algorithm's own and the closed form's, with the largest difference and what
    rounding explains of it.
    """
    if without_bits(numbers) not in NUMBERS:
        raise WrongCall(f"--numbers takes {', '.join(NUMBERS)}, not {numbers!r}")
    if ":" in numbers:  # the others' modules load torch
        try:
            number_system(numbers)
        except ValueError as error:
            raise WrongCall(f"--numbers: {error}") from None
    at_least("rows", rows)
    at_least("seed", seed, most=MOST_SEED)
    check_outputs({"--json": json, "-o": output}, (name, data, query))
    if data == query == "-":
        raise WrongCall("only one of --data and --query can be standard input")
    check_inputs((data, query))
    from ..inputs.memory import give_back, keep_little
    from ..inputs.names import subject
    from ..inputs.settings import parse
    from ..inputs.tables import Text
    from ..tables import problem as examples

    keep_little()
    how = Text(separator, decimal, encoding, index, complete)
    state = examples.state(name, data)
    found = subject(name, state.variant if state is not None else None)
    found.refuse_no_regression("the rows of a table are")
    if state is not None:
        for option, value in (("target", target), ("query", query), ("features", features)):
            if value is not None:
                raise WrongCall(f"--{option} is for CSV files; {data} holds a whole prompt")
        if how != Text():
            raise WrongCall(f"{data} holds a whole prompt, and no table to be told how it is read")
        if standardise:
            raise WrongCall(f"--standardise is for CSV files; {data} holds a whole prompt")
        problem = examples.saved(found, state, data)
    elif target is None:
        raise WrongCall("--target is missing: the column of the data to predict")
    else:
        exact = without_bits(numbers) in ("rational", "ball")
        with _read_another_way(context, data, target, features, how):
            table = examples.read(data, target, features, intercept, exact, how)
        problem = table.held_out(hold_out, seed) if query is None else table.queried(query)
        del table  # a large one is not held twice
    given = problem.parameters | parse(name, found.signature, settings or ())
    # only now, for they load torch: a call that is refused is refused at once
    from ..pool import one_thread
    from ..tables import compare
    from ..tables.dependent import dependent
    from ..tables.suited import scaled, suited

    large = problem.X.size >= LARGE
    threads = nullcontext() if large else one_thread()
    if large:
        give_back()
    with _in_floats(name):
        for said in dependent(problem):
            problem = problem.told(said)
        problem = problem if state is not None else scaled(found, problem, standardise)
        parameters, why = suited(found, given, problem)
        with Progress("parts", compare.PARTS) as progress, threads:
            result = compare.run(found, parameters, problem, numbers, progress)
        _refuse_not_finite(name, problem, result)
    witness = result.witness
    if output is not None:
        write(output, predictions_csv(problem, result))
    if json is not None:
        write(json, dumps(document(name, witness, parameters, problem, result, numbers)))
    if "-" not in (json, output):
        show(name, witness, parameters, why, problem, result, numbers, rows)


@contextmanager
def _read_another_way(
    context: typer.Context, data: str, target: str, features: str | None, how: Text
) -> Iterator[None]:
    """To what is refused of a table is added the call that reads it, if there is one."""
    from ..tables.rereading import rereading

    try:
        yield
    except WrongCall as error:
        other = rereading(data, target, features, how)
        if other is None:
            raise
        said = str(error) if str(error).endswith("?") else f"{error};"
        raise WrongCall(f"{said} {other.words}: {called(context, other.options)}") from None


@contextmanager
def _in_floats(name: str) -> Iterator[None]:
    """What leaves the sizes that float64 holds is infinite without a word of numpy's; what cannot
    go on from there is refused. Raises WrongCall."""
    import numpy as np

    try:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            yield
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        said = " ".join(str(error.args[-1] if error.args else error).split())
        raise WrongCall(f"{name}: {BEYOND} ({said})") from None


def _refuse_not_finite(name: str, problem: Problem, result: Run) -> None:
    """Raises WrongCall where a prediction, or the square of one, is not finite: whatever is said of
    it, a difference or a mean error, would be infinite or nan."""
    scaled = problem.scaling is not None  # of numbers on one scale nothing is large
    for what, values in result.columns.items():
        for label, value in zip(problem.labels, values):
            unknown = what == "target" and float(value) != float(value)
            if not unknown and not abs(float(value)) < LARGEST:
                said = what.replace("_", " ")
                exactly = (
                    ", or --numbers rational" if scaled and float(value) != float(value) else ""
                )
                raise WrongCall(
                    f"{name}: {said}, row {label}: {float(value):.3g}; {BEYOND}{exactly}"
                )


def show(
    name: str,
    witness: Witness,
    parameters: Mapping[str, Any],
    why: Mapping[str, str],
    problem: Problem,
    result: Run,
    numbers: str,
    rows: int,
) -> None:
    """The comparison, in text."""
    from ..inputs.settings import call
    from ..tables.compare import summary

    out = console()

    def line(said: str, style: str | None = None) -> None:
        out.print(said, style=style, soft_wrap=True)

    for said in problem.about:
        line(said)
    line(f"witness    {name} {call(parameters)}")
    for key, reason in why.items():
        line(f"chosen     {key} = {_parameter(parameters[key])}: {reason}")
    line(f"           {plural(witness.layers, 'layer')}, width {witness.width}, in {numbers}")
    line("")
    if rows:
        heads = ("row", *result.columns)
        cells = [
            [str(label), *map(_cell, values)]
            for label, values in zip(problem.labels[:rows], zip(*result.columns.values()))
        ]
        limit = result.limit.name.partition(",")[0]
        names = [limit if head == "closed_form" else head for head in heads]
        print_whole(out, grid(names, cells, justify="right"))
        left = len(problem.labels) - rows
        if left > 0:
            line(f"… {plural(left, 'row')} more; -o FILE.csv has all")
        line("")
    for said in summary(problem, result, numbers):
        line(said)
    for said in result.warnings[len(result.rounding) if result.beyond else 0 :]:
        line(f"warning    {said}", "yellow")


def _cell(value: Any) -> str:
    return number(value, digits=10, widest=24) if value == value else "not known"


def _parameter(value: Any) -> str:
    """As typed, and as a decimal where that is shorter to read."""
    from ..inputs.settings import text

    exact = text(value)
    fraction = isinstance(value, Rational) and "/" in exact
    return f"{float(value):.6g}" if fraction else exact


def document(
    name: str,
    witness: Witness,
    parameters: Mapping[str, Any],
    problem: Problem,
    result: Run,
    numbers: str,
) -> dict[str, Any]:
    """Everything, as plain data."""
    from ..inputs.settings import text

    unknown = {key: None for key in ("closed_form", "target") if key not in result.columns}
    predictions = [
        {"row": label, **dict(zip(result.columns, map(_plain, values))), **unknown}
        for label, values in zip(problem.labels, zip(*result.columns.values()))
    ]
    return {
        "schema": "witness-run/1",
        "witness": name,
        "parameters": {key: text(value) for key, value in parameters.items()},
        "digest": witness.digest,
        "edits": {path: text(value) for path, value in problem.edits.items()},
        "numbers": numbers,
        "examples": len(problem.X),
        "left_out": {of: list(numbers) for of, numbers in problem.left_out.items()},
        "closed_form": result.limit.name,
        "scaling": _scaling(problem),
        "predictions": predictions,
        "largest_difference": result.difference,
        "largest_difference_row": problem.labels[result.worst],
        "rounding_bound": result.explained,
        "warnings": list(result.warnings),
        "versions": versions(),
    }


def _scaling(problem: Problem) -> dict[str, list[str]] | None:
    """What the embedding reads in the place of x: (x - centre) / unit, a number for each column."""
    if problem.scaling is None:
        return None
    return {
        "centre": [as_text(value) for value in problem.scaling.centre],
        "unit": [as_text(value) for value in problem.scaling.unit],
    }


def predictions_csv(problem: Problem, result: Run) -> str:
    """One line per query: row, transformer, algorithm, closed_form[, target]."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["row", *result.columns])
    for label, values in zip(problem.labels, zip(*result.columns.values())):
        writer.writerow([label, *map(_plain, values)])
    return out.getvalue()


def _plain(value: Any) -> Any:
    """Floats as floats, exact numbers as text; None of a target that is not known."""
    if value != value:
        return None
    return as_text(value) if isinstance(value, Rational) else float(value)
