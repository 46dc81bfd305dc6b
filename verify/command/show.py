"""witness list and show: what there is, and how it is built."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .options import AS, JSON, NAME, SET

WRITTEN_OUT = 200  # the most d at which matrices are printed


def list_all(
    json: JSON = False,
    claims: Annotated[bool, typer.Option("--claims", help="List the claims too.")] = False,
    papers: Annotated[
        bool, typer.Option("--papers", help="List the papers instead, a line for each.")
    ] = False,
) -> None:
    """Every witness with its parameters; or every claim, or paper."""
    import constructions

    from ..inputs.files import write
    from ..report.as_json import dumps

    if papers:
        if claims:
            from ..inputs.errors import WrongCall

            raise WrongCall("list takes --papers or --claims, not both")
        _list_papers(json)
        return
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
        write("-", dumps(made | ({"claims": known} if claims else {})))
        return
    for one in witnesses:
        print(f"{one['name']}({', '.join(map(_shown, one['parameters']))})")
        print(f"    {one['summary']}")
    if claims:
        print()
        for claim in known:
            read = f" (read {claim['reading']})" if claim["reading"] else ""
            print(f"{claim['id']:34} {claim['variant']:9} {claim['summary']}{read}")
    else:
        print(
            "\n`witness show NAME` has the layers, `witness list --claims` the claims, "
            "`witness list --papers` the papers."
        )


def _list_papers(json: bool) -> None:
    """Every paper: a line about its statements, title and authors. Nothing is run."""
    from .. import claim_texts
    from ..inputs.files import write
    from ..report import index
    from ..report.as_json import dumps

    known = claim_texts.papers()
    listed = index.by_paper(index.statements(claim_texts.claims_of_papers()))
    if json:
        made = [
            paper.to_json()
            | {
                "url": paper.url,
                "line": index.line(name, listed.get(name, []), paper),
                "statements": [_statement(row) for row in listed.get(name, [])],
            }
            for name, paper in known.items()
        ]
        write("-", dumps({"schema": "witness-list/1", "papers": made}))
        return
    for name, paper in known.items():
        print(index.line(name, listed.get(name, []), paper))
        print(f"    {paper.title}\n    {paper.authors}")
    print(
        "\nVerdicts are those that the claims expect; `witness check PAPER` finds them anew, "
        "`witness explain --all -o FOLDER` writes an index of every statement."
    )


def _statement(row: Any) -> dict[str, Any]:
    """One statement: what is expected of it as printed, or as `reading` says that it is read, and
    repaired; null where there is none."""
    said, repaired = row.said, row.repaired
    return {
        "id": said["id"],
        "source": said["source"],
        "reading": row.reading or None,
        "summary": said["summary"],
        "printed": row.printed and row.printed["expected"],
        "repaired": repaired and repaired["expected"],
        "repair": repaired["repair"] if repaired else None,
    }


def _shown(parameter: Any) -> str:
    if parameter["required"]:
        return str(parameter["name"])
    from ..inputs.settings import text

    if parameter["default"] is None:
        return f"[{parameter['name']}]"
    return f"{parameter['name']}={text(parameter['default'])}"


def _claims() -> list[dict[str, Any]]:
    from ..claim import builtin

    shown = ("id", "variant", "source", "reading", "summary", "expected")
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
    from ..inputs.files import write
    from ..inputs.names import subject
    from ..inputs.settings import at_most, call, fill, needed, parse
    from ..report.as_json import dumps
    from . import describe

    found = subject(name, variant)
    most = at_most(**({"d": WRITTEN_OUT} if matrices else {}))
    given = parse(name, found.signature, settings or (), most)
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
        write("-", dumps(witness.to_json() | {"digest": witness.digest}))
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
