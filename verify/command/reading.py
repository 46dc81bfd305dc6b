"""witness list, show, trace: what there is, and how it is built."""

from __future__ import annotations

from typing import Annotated, Any

import typer

NAME = Annotated[str, typer.Argument(metavar="NAME", help="A witness, or a claim.")]
SET = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter, e.g. d=4.")
]
AS = Annotated[
    str | None,
    typer.Option("--as", metavar="VARIANT", help="printed, repaired or improved, for a claim."),
]
JSON = Annotated[bool, typer.Option("--json", help="Machine-readable, on standard output.")]


def list_all(
    json: JSON = False,
    claims: Annotated[bool, typer.Option("--claims", help="List the claims too.")] = False,
) -> None:
    """Every witness, with its parameters."""
    import constructions

    from ..inputs.settings import takes

    witnesses = []
    for name in constructions.names():
        signature = constructions.signature(name)
        parameters = [
            {
                "name": key,
                "takes": takes(parameter),
                "required": parameter.default is parameter.empty,
                "default": None if parameter.default is parameter.empty else parameter.default,
            }
            for key, parameter in signature.parameters.items()
        ]
        said = (constructions.function(name).__doc__ or "").strip().split("\n\n")[0]
        witnesses.append(
            {"name": name, "summary": " ".join(said.split()), "parameters": parameters}
        )
    known = _claims() if claims else []
    if json:
        import sys
        from json import dumps

        made: dict[str, Any] = {"schema": "witness-list/1", "witnesses": witnesses}
        if claims:
            made["claims"] = known
        sys.stdout.write(dumps(made, indent=2, ensure_ascii=False, default=str) + "\n")
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

    return [
        {
            "id": claim.id,
            "variant": claim.variant,
            "source": claim.source,
            "summary": claim.summary,
            "expected": claim.expected,
        }
        for claim in builtin()
    ]


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
    from ..inputs.names import subject
    from ..inputs.settings import call, fill, needed, parse
    from ..report import text
    from . import describe

    found = subject(name, variant)
    given = parse(name, found.signature, settings or ())
    defaults = found.defaults(needed(found.signature, given))
    chosen = fill(found.signature, given, defaults, letters=not json)
    witness = found.build(given | chosen)
    if json:
        print(text.dumps(witness.to_json() | {"digest": witness.digest}), end="")
        return
    print(f"{name}  {call(given | chosen)}")
    if chosen:
        print(f"chosen     {call(chosen)} (set others with --set)")
    for line in describe.lines(witness):
        print(line)
    if matrices:
        for line in describe.matrices(witness):
            print(line)


def trace(
    name: NAME,
    settings: SET = None,
    variant: AS = None,
    examples: Annotated[int, typer.Option("--n", help="Number of examples.")] = 3,
    seed: Annotated[int, typer.Option(help="Seed of the small prompt.")] = 0,
    numbers: Annotated[
        str, typer.Option(help="Number system; rational where the witness can run in it.")
    ] = "",
) -> None:
    """Follow a small prompt through every layer.

    Every slot is set against what the witness says that it holds. Exit status 1: one is wrong.
    """
    from ..inputs.names import subject
    from ..inputs.settings import parse
    from .trace import print_trace

    found = subject(name, variant)
    given = parse(name, found.signature, settings or ())
    wrong = print_trace(found, given, examples, seed, numbers or None)
    if wrong:
        raise typer.Exit(1)
