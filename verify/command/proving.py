"""witness prove: theorems for every dimension, by sympy and by Coq's kernel."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def prove(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CLAIM|THEOREM]...", help="What to prove; everything by default."),
    ] = None,
    kernel: Annotated[
        str | None, typer.Option(metavar="coq", help="Have Coq's kernel check its theorems too.")
    ] = None,
    steps: Annotated[
        str | None, typer.Option(metavar="latex|markdown", help="Print the steps of every proof.")
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the outcomes as JSON; - for stdout.")
    ] = None,
) -> int:
    """Prove constructions for every n, d and k.

    sympy decides every line of a proof; --kernel coq has Coq check the generated weights too.

    Exit status 1: a theorem is not proved; 2: Coq was asked for and is not here.
    """
    from ..inputs.errors import WrongCall
    from ..inputs.files import check_writable, write
    from ..inputs.progress import Progress
    from ..report import text
    from . import prove as proving

    if kernel not in (None, "coq"):
        raise WrongCall(f"--kernel takes coq, not {kernel!r}")
    if steps not in (None, "latex", "markdown"):
        raise WrongCall(f"--steps takes latex or markdown, not {steps!r}")
    check_writable(json)
    chosen, in_coq = proving.choose(names or (), kernel == "coq")
    built = proving.transformers(names or ())
    loud = json != "-"
    done: list[dict[str, Any]] = []

    def add(proof: Any, outcome: dict[str, Any]) -> None:
        done.append(outcome)
        if loud:
            _say(outcome)
            for line in proving.steps(proof, steps) if steps else ():
                print(line)

    with Progress("theorems", len(built) + len(chosen)) as progress:
        for claim, given in built:
            progress(claim.id)
            add(*proving.assembled(claim, given))
            progress.done(claim.id)
        for theorem in chosen:
            progress(theorem.id)
            proof = theorem.prove()
            progress.done(theorem.id)
            add(proof, proving.entry(proof))
    results = proving.kernel(in_coq, Progress) if in_coq else []
    if kernel == "coq" and not in_coq and loud:
        print(f"no theorem in Coq bears on {', '.join(names or ())}")
    for result in results if loud else ():
        _say(result)
    if json is not None:
        made = {"schema": "witness-proofs/1", "theorems": done, "kernel": results}
        write(json, text.dumps(made | {"versions": text.versions()}))
    everything = done + results
    missing = [one for one in everything if one["status"] == "not run"]
    failed = [one for one in everything if one["status"] == "failed"]
    if loud:
        kinds = [
            [one for one in everything if (one["kind"] == "transformer") is of]
            for of in (True, False)
        ]
        said = [
            f"{sum(one['status'] == 'proved' for one in found)} of {len(found)} {what}"
            for found, what in zip(kinds, ("transformers", "theorems"))
            if found
        ]
        print(f"{', '.join(said)} proved", end="")
        assuming = sum(bool(one["assumes"]) for one in everything if one["status"] == "proved")
        print(f", {assuming} of them under assumptions" if assuming else "", end="")
        print(f", {len(missing)} not run" if missing else "")
    if failed:
        return 1
    if missing:
        raise WrongCall(f"--kernel coq: {missing[0]['detail']}; see `witness doctor`")
    return 0


def _say(one: dict[str, Any]) -> None:
    from .prove import plain

    kind = f" ({one['kind']})" if one["kind"] else ""
    head = f"{one['status']:7}  {one['by']:5}  {one['seconds']:6.2f} s"
    print(f"{head}  {one['id']}{kind}: {plain(one['statement'])}")
    for assumption in one["assumes"]:
        print(f"         assumes: {plain(assumption)}")
    if one["status"] == "failed":
        print(f"         fails at: {one['detail']}")
