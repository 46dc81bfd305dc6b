"""witness measure: which algorithm a model's predictions follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from .options import SET

DIMENSION, EXAMPLES = 4, 12  # of the prompts, where neither the model nor the caller says


def measure(
    name: Annotated[
        str,
        typer.Argument(
            metavar="MODEL.py:FUNCTION|NAME",
            help="A function (X, y, queries) -> predictions, or a torch module; or a witness.",
        ),
    ],
    settings: SET = None,
    d: Annotated[int, typer.Option("--d", help="Inputs have so many numbers; 0: 4.")] = 0,
    n: Annotated[int, typer.Option("--n", help="Examples in a prompt; 0: 12.")] = 0,
    prompts: Annotated[int, typer.Option(help="Prompts of SPD, ILWD, SimE and SimW.")] = 64,
    noise: Annotated[float, typer.Option(help="Standard deviation of the noise in y there.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the prompts.")] = 0,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write it as JSON; - for stdout.")
    ] = None,
) -> None:
    """Measure a model: its fingerprint, and how alike it is to every algorithm.

    The fingerprint says which algorithm it follows, within an error, or that it follows none.
    """
    from ..inputs.errors import WrongCall, at_least
    from ..inputs.files import check_writable, write
    from ..learners.model import NoModelError
    from ..learners.report import measured, to_json, to_text
    from ..report.as_json import dumps
    from ..report.tables import console

    for option, value in (("d", d), ("n", n), ("seed", seed)):
        at_least(option, value)
    at_least("prompts", prompts, 2)
    if not 0 <= noise < float("inf"):
        raise WrongCall(f"--noise is a standard deviation from 0 on, not {noise}")
    check_writable(json)
    given, known = _model(name, settings or [], d, n)
    size = {"d": known.get("d") or d or DIMENSION, "n": known.get("n") or n or EXAMPLES}
    try:
        result = measured(given, **size, prompts=prompts, noise=noise, seed=seed)
    except NoModelError as error:
        raise WrongCall(f"{name}: {error}") from None
    if json is not None:
        chosen = {**size, "prompts": prompts, "noise": noise, "seed": seed}
        write(json, dumps(to_json(name, chosen, result)))
    if json != "-":
        console().print(to_text(name, result), markup=False)


def _model(name: str, settings: list[str], d: int, n: int) -> tuple[Any, Mapping[str, int]]:
    """The model, and the sizes of prompts that it is made for."""
    from ..inputs.claim_files import split
    from ..inputs.errors import WrongCall

    found = split(name)
    if found is None:
        return _witness(name, settings, d, n)
    file, function = found
    if function is None:
        raise WrongCall(f"{name}: name the function of the file, as {file}:predict")
    if settings:
        raise WrongCall("--set is for parameters of a witness; a model's sizes are --d and --n")
    return load(file, function), {}


def load(file: str, function: str) -> Any:
    """What a Python file calls by that name. Raises WrongCall with the line that fails."""
    import runpy
    from pathlib import Path

    from ..inputs.claim_files import neighbours
    from ..inputs.errors import WrongCall
    from ..inputs.where_raised import refusal

    path = Path(file)
    if not path.is_file():
        raise WrongCall(f"{file}: there is no such file")
    try:
        with neighbours(path):
            made = runpy.run_path(str(path), run_name=f"model_file_{path.stem}")
    except (Exception, SystemExit) as error:
        raise WrongCall(refusal(path, error)) from None
    if function not in made:
        there = ", ".join(name for name, one in made.items() if callable(one) and name[0] != "_")
        raise WrongCall(f"{file} has no {function}; it has {there or 'no function'}")
    return made[function]


def _witness(name: str, settings: list[str], d: int, n: int) -> tuple[Any, Mapping[str, int]]:
    from ..inputs.names import subject
    from ..inputs.settings import fill, needed, parse
    from ..learners.calibration import suited

    what = subject(name)
    given = parse(name, what.signature, settings)
    sizes = {
        "d": int(given.get("d") or d or DIMENSION),
        "n": int(given.get("examples") or n or EXAMPLES),
    }
    if what.file is None and what.claim is None:
        given = suited(name, given, sizes["d"], sizes["n"])
    given = {**given, **fill(what.signature, given, what.defaults(needed(what.signature, given)))}
    witness = what.build(given)
    return witness, {"d": witness.d, "n": witness.examples or sizes["n"]}
