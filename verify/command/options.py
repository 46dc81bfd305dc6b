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
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """As a shell takes it; with escapes where it holds what a line cannot show, such as a tab."""
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_escaped, word))}'"


def _escaped(sign: str) -> str:
    if sign.isprintable():
        return rf"\{sign}" if sign in "\\'" else sign
    return "".join(rf"\x{byte:02x}" for byte in sign.encode("utf-8", "surrogateescape"))


def _longest(names: list[str]) -> str:
    return max(names, key=len)
