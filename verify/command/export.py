"""witness export: a witness as a checkpoint of a model that people use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import SET

TARGETS = ("gpt2",)
STEPS = 3  # where nobody says how many


def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A construction of `witness list`.")],
    to: Annotated[str, typer.Option("--to", metavar="|".join(TARGETS), help="The model's class.")],
    output: Annotated[
        str, typer.Option("-o", metavar="FOLDER", help="The folder to write; not there yet.")
    ],
    settings: SET = None,
    examples: Annotated[int, typer.Option("--n", help="The most examples in a prompt.")] = 8,
    x: Annotated[str, typer.Option(help="Entries of x are up to this.")] = "1",
    y: Annotated[str, typer.Option(help="Targets are up to this.")] = "1",
    query: Annotated[str | None, typer.Option(help="Entries of queries; as those of x.")] = None,
) -> None:
    """Write a witness as a checkpoint, its error bounded by proof.

    gpt2: transformers' GPT2Model, unmodified, prompts as inputs_embeds. The free constants are
    those of the least error that can be certified for the prompts that the options describe.
    Parameters that are not set suit the largest of these prompts. `witness check FOLDER` checks
    the folder.
    """
    from constructions.exports.gpt2 import NoExport

    from ..checks.bounds.balls import at_most
    from ..exports import folder
    from ..exports.spectrum import NoCertificate, PromptBox
    from ..inputs.errors import WrongCall, at_least, positive
    from ..inputs.files import write
    from ..inputs.names import subject
    from ..inputs.settings import call

    if to not in TARGETS:
        raise WrongCall(f"--to takes {', '.join(TARGETS)}, not {to!r}")
    at_least("n", examples, 1)
    found = subject(name)
    sizes = [positive(option, text) for option, text in (("x", x), ("y", y), ("query", query or x))]
    into = _new_folder(output)
    parameters = _parameters(found, settings or (), examples, sizes[0])
    try:
        witness = found.build(parameters)
        made = folder.export(name, witness, PromptBox(witness.d, examples, *sizes))
    except (NoExport, NoCertificate) as error:
        raise WrongCall(str(error)) from None
    needed, most = (
        2 + made.checkpoint.copies.count * examples,
        made.checkpoint.config["n_positions"],
    )
    if needed > most:
        raise WrongCall(
            f"--n {examples}: with a query these are {needed} tokens, of {most} at most"
        )
    bound = made.certificate.bounds["float32"]
    if bound == float("inf"):
        raise WrongCall(f"{name}: no bound is finite for {made.box.words} and these parameters")
    into.mkdir(parents=True)
    for file, content in made.files().items():
        write(into / file, content)
    config = made.checkpoint.config
    shape = f"{witness.layers} layers, {config['n_head']} heads, {config['n_embd']} units"
    cost = at_most(made.certificate.architecture)
    for line in (
        f"{name}  {call(witness.parameters)}",
        f"GPT-2  {shape}; the examples {made.checkpoint.copies.count} times",
        f"error  at most {at_most(bound)} in float32, {cost} in exact arithmetic (enclosed)",
        f"       for {made.box.words}",
        f"wrote  {output}; next: witness check {output}",
    ):
        typer.echo(line)


def _new_folder(output: str) -> Path:
    """The folder, which is not there or empty. Raises WrongCall."""
    from ..inputs.errors import WrongCall

    path = Path(output)
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()
    if path.exists() or path.is_symlink():
        raise WrongCall(f"{output} is there already; nothing is overwritten")
    if not path.resolve().parent.is_dir():
        raise WrongCall(f"{output}: there is no folder {path.parent}")
    return path


def _parameters(found: Any, settings: Any, n: int, x: Any) -> dict[str, Any]:
    """Those that are set; others as suit the prompt whose examples are all as large as can be."""
    import numpy as np

    from ..inputs.region import suit
    from ..inputs.settings import parse

    given = parse(found.name, found.signature, settings)
    for key, value in (("d", 3), ("steps", STEPS), ("iterations", STEPS)):
        if key in found.signature.parameters:
            given.setdefault(key, value)
    largest = np.full((n, int(given.get("d", 1))), float(x))
    return suit(found.name, found.signature, given, largest)[0]
