"""witness list and show: what there is, and how it is built."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .options import AS, JSON, NAME, SET


def list_all(
    json: JSON = False,
    claims: Annotated[bool, typer.Option("--claims", help="List the claims too.")] = False,
) -> None:
    """Every witness, with its parameters."""
    import constructions

    from ..report.as_json import dumps

    witnesses = []
    for name, taken, about in constructions.listed():
        parameters = [
            {
                "name": key,
                "takes": parameter.words,
                "required": parameter.default is parameter.REQUIRED,
                "default": None if parameter.default is parameter.REQUIRED else parameter.default,
            }
            for key, parameter in taken.items()
        ]
        said = about.strip().split("\n\n")[0]
        witnesses.append(
            {"name": name, "summary": " ".join(said.split()), "parameters": parameters}
        )
    known = _claims() if claims else []
    if json:
        made = {"schema": "witness-list/1", "witnesses": witnesses}
        print(dumps(made | ({"claims": known} if claims else {})), end="")
        return
    for one in witnesses:
        print(f"{one['name']}({', '.join(map(_shown, one['parameters']))})")
        print(f"    {one['summary']}")
    if claims:
        print()
        for claim in known:
            print(f"{claim['id']:34} {claim['variant']:9} {claim['summary']}")
    else:
        print("\n`witness show NAME` has the layers, `witness list --claims` the claims.")


def _shown(parameter: Any) -> str:
    if parameter["required"]:
        return str(parameter["name"])
    return f"{parameter['name']}={parameter['default']!r}"


def _claims() -> list[dict[str, Any]]:
    from ..claim import builtin

    shown = ("id", "variant", "source", "summary", "expected")
    return [{name: getattr(claim, name) for name in shown} for claim in builtin()]


def show(
    name: NAME,
    settings: SET = None,
    variant: AS = None,
    matrices: Annotated[
        bool, typer.Option("--matrices", help="Write out every weight matrix too.")
    ] = False,
    json: JSON = False,
) -> None:
    """The layers, slots and weights, readable.

    Sizes that are not set are small; numbers that are not set stay letters.
    """
    from ..inputs.errors import WrongCall
    from ..inputs.names import subject
    from ..inputs.settings import call, fill, needed, parse
    from ..report.as_json import dumps
    from . import describe

    found = subject(name, variant)
    given = parse(name, found.signature, settings or ())
    defaults = found.defaults(needed(found.signature, given))
    chosen = fill(found.signature, given, defaults, letters=not json)
    in_numbers = ""
    try:
        witness = found.build(given | chosen)
    except WrongCall as error:
        numbers = fill(found.signature, given, defaults)
        if found.file is None or numbers == chosen:
            raise
        witness, chosen = found.build(given | numbers), numbers
        in_numbers = f"in letters it cannot be built: {error}"
    if json:
        print(dumps(witness.to_json() | {"digest": witness.digest}), end="")
        return
    print(f"{name}  {call(given | chosen)}")
    if chosen:
        print(f"chosen     {call(chosen)} ({found.source}set others with --set)")
    if in_numbers:
        print(f"numbers    {in_numbers}")
    for line in describe.lines(witness):
        print(line)
    if matrices:
        for line in describe.matrices(witness):
            print(line)
