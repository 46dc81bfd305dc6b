"""Arguments and options that several commands take."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Annotated, Any

import typer

NAME = Annotated[
    str,
    typer.Argument(
        metavar="NAME|CLAIM|FILE.py[:CLAIM]", help="A witness, a claim, or a claim of your own."
    ),
]
SET = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter, e.g. d=4.")
]
AS = Annotated[
    str | None,
    typer.Option("--as", metavar="VARIANT", help="printed, repaired or improved, for a claim."),
]
JSON = Annotated[bool, typer.Option("--json", help="Machine-readable, on standard output.")]
WORKERS = Annotated[
    int, typer.Option(help="Processes; results do not depend on it. 0: one per core.")
]


def called(context: typer.Context, other: Mapping[str, Any]) -> str:
    """The call of a command once more, with some parameters other than they were, as a shell takes
    it."""
    values = {**context.params, **other}
    words = context.command_path.split()
    for parameter in context.command.params:
        value = values.get(parameter.name or "")
        if parameter.param_type_name == "argument":
            words.append(str(value))
        elif value is True:
            words.append(_longest(parameter.opts))
        elif value is False and parameter.default is None and parameter.secondary_opts:
            words.append(_longest(parameter.secondary_opts))
        elif value not in (None, False, [], parameter.default):
            for one in value if isinstance(value, list | tuple) else [value]:
                words += [_longest(parameter.opts), str(one)]
    return shlex.join(words)


def _longest(names: list[str]) -> str:
    return max(names, key=len)
