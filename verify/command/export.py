"""witness export: a witness as a checkpoint of a model that people use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import SET

GRAPHS = ("onnx", "torch", "safetensors")
TARGETS = ("gpt2", *GRAPHS)
STEPS = 3  # where nobody says how many
EXAMPLES = 8
MOST_LAYERS, MOST_D = 200, 1000  # torch traces every layer; weights are written out densely
LANGUAGE = "subleq"  # in GPT-2 its prompt is a text
WORDS = 8  # of a vocabulary


def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A construction of `witness list`.")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="|".join(TARGETS),
            help="gpt2: a checkpoint of transformers' GPT2Model, which TransformerLens opens too; "
            "onnx, torch (torch.export), safetensors: the witness itself.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "-o", metavar="FOLDER|FILE", help="What to write; not there yet. FILE: not for gpt2."
        ),
    ],
    settings: SET = None,
    examples: Annotated[
        int | None, typer.Option("--n", help="The most examples in a prompt; 8 if not said.")
    ] = None,
    x: Annotated[str, typer.Option(help="Entries of x are up to this.")] = "1",
    y: Annotated[
        str | None, typer.Option(help="gpt2: targets are up to this; 1 if not said.")
    ] = None,
    query: Annotated[
        str | None, typer.Option(help="gpt2: entries of queries; as those of x.")
    ] = None,
    disguise: Annotated[
        int | None,
        typer.Option(
            metavar="SEED",
            help="gpt2: turn the residual stream, heads and hidden units at random, so that "
            "nothing stands on an axis; the truth is turned along.",
        ),
    ] = None,
    numbers: Annotated[
        str | None,
        typer.Option(metavar="float64|float32", help="Not for gpt2; float64 if not said."),
    ] = None,
) -> None:
    """Write a witness as a model that others load.

    gpt2: a folder with a checkpoint of transformers' GPT2Model, unmodified, prompts as
    inputs_embeds, and a proved bound on its error. The free constants are those of the least error
    that can be certified for the prompts that the options describe. induction_head and subleq
    are language models, a GPT2LMHeadModel of token ids. `witness check FOLDER` checks the folder.
    Others: the witness itself, `to_torch()`, as one file, or as a folder with the file
    and its card; for any number of prompts, examples and queries where the witness is. It is run
    on drawn prompts before it is written. Parameters that are not set suit the largest prompt.
    """
    from constructions.exports.gpt2 import NoExport

    from ..exports.spectrum import NoCertificate
    from ..inputs.errors import WrongCall, at_least, positive
    from ..inputs.names import subject
    from ..report.tables import plural

    if to not in TARGETS:
        raise WrongCall(f"--to takes {', '.join(TARGETS)}, not {to!r}")
    if examples is not None:
        at_least("n", examples, 1)
    if disguise is not None:
        at_least("disguise", disguise, 0)
    n = EXAMPLES if examples is None else examples
    found, entries = subject(name), positive("x", x)
    try:
        if to in GRAPHS:
            for option, given in (("--y", y), ("--query", query)):
                if given is not None:
                    raise WrongCall(
                        f"{option} is of --to gpt2, whose bound is for a box of prompts"
                    )
            if disguise is not None:
                raise WrongCall("--disguise is of --to gpt2, whose units are free")
            into = _new(output)
            parameters = _parameters(found, settings or (), n, entries, on=None)
            _graph(to, found, parameters, numbers, examples, into, output)
        else:
            if numbers is not None:
                raise WrongCall("--numbers is not for --to gpt2; a GPT-2 is in float32")
            if found.name == LANGUAGE or _reads_words(found):
                boxes = {
                    "--n": examples,
                    "--x": None if x == "1" else x,
                    "--y": y,
                    "--query": query,
                }
                for option, said in {**boxes, "--disguise": disguise}.items():
                    if said is not None:
                        raise WrongCall(f"{option} is not for {name} in GPT-2, which reads a text")
                write = _subleq if found.name == LANGUAGE else _language_model
                return write(found, settings or (), output)
            sizes = [entries, positive("y", y or "1"), positive("query", query or x)]
            into = _new(output)
            on = f"for {plural(n, 'example')} with entries of x up to {entries} (--n, --x)"
            parameters = _parameters(found, settings or (), n, entries, on, storage="tokens")
            _gpt2(name, found.build(parameters), n, sizes, into, output, disguise)
    except (NoExport, NoCertificate) as error:
        raise WrongCall(str(error)) from None


def _gpt2(
    name: str,
    witness: Any,
    n: int,
    sizes: list[Any],
    into: Path,
    output: str,
    seed: int | None,
) -> None:
    from ..checks.bounds.balls import at_most
    from ..exports import folder
    from ..exports.search import disguise_of
    from ..exports.spectrum import PromptBox
    from ..inputs.errors import WrongCall
    from ..inputs.settings import call
    from ..report.tables import plural

    box = PromptBox(witness.d, n, *sizes)
    disguise = None if seed is None else disguise_of(witness, box, seed)
    made = folder.export(name, witness, box, disguise=disguise)
    config, copies = made.checkpoint.config, made.checkpoint.copies.count
    needed, most = 2 + copies * n, config["n_positions"]
    if needed > most:
        raise WrongCall(f"--n {n}: with a query these are {needed} tokens, of {most} at most")
    bound = made.certificate.bounds["float32"]
    if bound == float("inf"):
        raise WrongCall(f"{name}: no bound is finite for {made.box.words} and these parameters")
    _write_folder(into, made.files())
    often = "once" if copies == 1 else plural(copies, "time")
    shape = f"{witness.layers} layers, {config['n_head']} heads, {config['n_embd']} units"
    if seed is not None:
        shape += f"; disguised by seed {seed}"
    cost = at_most(made.certificate.architecture)
    for line in (
        f"{name}  {call(witness.parameters)}",
        f"GPT-2  {shape}; the examples {often}",
        f"error  at most {at_most(bound)} in float32, {cost} in exact arithmetic (enclosed)",
        f"       for {made.box.words}",
        f"wrote  {output}; next: witness check {output}",
    ):
        typer.echo(line)


def _subleq(found: Any, settings: Any, output: str) -> None:
    from ..checks.bounds.balls import at_most
    from ..exports.subleq import export
    from ..exports.subleq.certificate import at_least
    from ..inputs.errors import WrongCall
    from ..inputs.settings import call, parse

    given = parse(found.name, found.signature, settings)
    for name in given:
        if name not in export.DEFAULTS:
            raise WrongCall(
                f"{name} is of the looped transformer; {found.name} in GPT-2 takes "
                f"{' and '.join(export.DEFAULTS)}, the bits of a word and of an address"
            )
    into, parameters = _new(output), export.DEFAULTS | given
    try:
        made = export.export(**parameters)
    except ValueError as error:
        raise WrongCall(f"{found.name} in GPT-2: {error}") from None
    _write_folder(into, made.files())
    config = made.checkpoint.config
    for line in (
        f"{found.name}  {call(parameters)}",
        f"GPT-2  {config['n_layer']} layers, {config['n_head']} heads, {config['n_embd']} units, "
        f"{config['vocab_size']} words; it continues a program by its run",
        f"error  at most {at_most(made.certificate.code)} in float32 (enclosed); the right word is "
        f"ahead of all others by {at_least(made.certificate.margin)} or more,",
        "       for every program, memory and number of commands",
        f"wrote  {output}; next: witness check {output}",
    ):
        typer.echo(line)


def _reads_words(found: Any) -> bool:
    """Whether its prompts are texts, so that it is written with token ids."""
    from constructions.exports.words import speaks

    from ..tables.suited import construction_of

    made = construction_of(found)
    if made is None or made.targets != 0:
        return False
    return speaks(made(**{name: kind.small for name, kind in made.parameters.items()}))


def _language_model(found: Any, settings: Any, output: str) -> None:
    from ..checks.bounds.balls import at_most
    from ..exports.language.export import export as exported
    from ..inputs.errors import WrongCall
    from ..inputs.settings import call, parse

    into, given = _new(output), {"d": WORDS, **parse(found.name, found.signature, settings)}
    made = exported(found.name, found.build(given))
    config, bound = made.checkpoint.config, made.certificate.bounds["float32"]
    if not bound < 1 / 2:
        raise WrongCall(f"{found.name}: no logit is certain for every {made.box.words}")
    _write_folder(into, made.files())
    shape = f"{config['n_layer']} layers, {config['n_head']} heads, {config['n_embd']} units"
    cost = at_most(made.certificate.architecture)
    for line in (
        f"{found.name}  {call(made.witness.parameters)}",
        f"GPT-2  {shape}; a language model of {config['vocab_size']} tokens",
        f"error  of a logit at most {at_most(bound)} in float32, {cost} in exact arithmetic "
        "(enclosed): the largest is the right one",
        f"       for every {made.box.words}",
        f"wrote  {output}; next: witness check {output}",
    ):
        typer.echo(line)


def _graph(
    to: str,
    found: Any,
    parameters: dict[str, Any],
    numbers: str | None,
    n: int | None,
    into: Path,
    output: str,
) -> None:
    from ..exports import graphs
    from ..inputs.errors import WrongCall
    from ..inputs.files import write
    from ..inputs.settings import call

    form, numbers = graphs.forms()[to], numbers or graphs.NUMBERS[0]
    if numbers not in graphs.NUMBERS:
        raise WrongCall(f"--numbers takes {' or '.join(graphs.NUMBERS)}, not {numbers!r}")
    if into.suffix not in ("", form.suffix):
        raise WrongCall(f"{output}: a file of --to {to} ends in {form.suffix}; else it is a folder")
    witness = found.build(parameters)
    made = graphs.export(to, found.name, parameters, witness, numbers, n)
    if into.suffix:
        write(into, made.content)
    else:
        card = graphs.card(made, witness).encode()
        _write_folder(into, {form.file: made.content, "README.md": card})
    inputs = ", ".join(f"{k} ({', '.join(map(str, v))})" for k, v in made.about["inputs"].items())
    said = [f"{what} {made.about[what]}" for what in form.more]
    for line in (
        f"{found.name}  {call(parameters)}",
        f"{to:6} {', '.join([numbers, *said])}: {inputs}",
        f"error  {made.found}",
        f"wrote  {output}{f'; next: witness check {output}' if made.checked else ''}",
    ):
        typer.echo(line)


def _write_folder(into: Path, files: dict[str, bytes]) -> None:
    from ..inputs.files import write

    into.mkdir(parents=True)
    for file, content in files.items():
        write(into / file, content)


def _new(output: str) -> Path:
    """The path, where nothing is, or an empty folder. Raises WrongCall."""
    from ..inputs.errors import WrongCall

    path = Path(output)
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()
    if path.exists() or path.is_symlink():
        raise WrongCall(f"{output} is there already; nothing is overwritten")
    if not path.resolve().parent.is_dir():
        raise WrongCall(f"{output}: there is no folder {path.parent}")
    return path


def _parameters(
    found: Any, settings: Any, n: int, x: Any, on: str | None, **preferred: Any
) -> dict[str, Any]:
    """Those that are set; others as suit the prompt whose examples are all as large as can be.

    on: the prompts of which there will be no others, in words; those that are set have to suit
    them, or raise WrongCall. A file that takes any prompt has none (None).
    """
    import numpy as np

    from ..inputs.region import suit
    from ..inputs.settings import at_most, parse

    given = parse(found.name, found.signature, settings, at_most(MOST_LAYERS, d=MOST_D))
    usual = {"d": 3, "steps": STEPS, "iterations": STEPS, **preferred}
    for key, value in usual.items():
        if key in found.signature.parameters:
            given.setdefault(key, value)
    largest = np.full((n, int(given.get("d", 1))), float(x))
    return suit(found.name, found.signature, given, largest, on=on)[0]
