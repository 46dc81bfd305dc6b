"""witness run: a witness on a table of one's own."""

from __future__ import annotations

from typing import Annotated

import typer

from .reading import SET


def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A witness.")],
    data: Annotated[
        str, typer.Option(metavar="FILE.csv", help="The examples; or a saved state (.json).")
    ],
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column to predict.")
    ] = None,
    query: Annotated[
        str | None, typer.Option(metavar="FILE.csv", help="Rows to predict; default: held out.")
    ] = None,
    features: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="Columns to predict from; default: all.")
    ] = None,
    settings: SET = None,
    intercept: Annotated[
        bool, typer.Option("--intercept", help="Add a column of ones to the features.")
    ] = False,
    numbers: Annotated[
        str, typer.Option(help="float64, float32, bfloat16, float16, rational or ball.")
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
    from . import run_table

    run_table.main(
        run_table.Call(
            name, data, target, query, features, tuple(settings or ()), intercept, numbers,
            hold_out, seed, rows, json, output,
        )
    )  # fmt: skip
