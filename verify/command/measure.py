"""witness measure: which algorithm a model's predictions follow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from .options import SET

DIMENSION, EXAMPLES = 4, 12  # of the prompts, where neither the model nor the caller says
MOST_LAYERS, MOST_D, MOST_N = 1000, 100, 1000  # of what is measured in minutes
MOST_NUMBERS, MOST_PROMPTS = 5000, 10_000  # d n of a prompt, prompts: more take hours
LONG = 100  # numbers in the examples of a prompt, from which on it takes half a minute
# what a model that was saved may be called, whether or not it is there
SAVED = (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".onnx", ".h5")


OF_ONES_OWN = (
    "a model of your own is given as MODEL.py:FUNCTION, a function (X, y, queries) -> predictions, "
    "or a torch module that the file loads"
)


class Given(NamedTuple):
    """A model, and the sizes of prompts that it is made for; 0 where it takes any.

    inputs: (low, high) where inputs have to lie for it to be its algorithm.
    """

    model: Any
    d: int = 0
    n: int = 0
    inputs: tuple[float, float] | None = None


def measure(
    name: Annotated[
        str,
        typer.Argument(
            metavar="MODEL.py:FUNCTION|NAME|FILE.safetensors",
            help="A function (X, y, queries) -> predictions, of numpy arrays, or a torch module; a "
            "witness; or a learner that `witness train` made.",
        ),
    ],
    settings: SET = None,
    d: Annotated[int, typer.Option("--d", help="Inputs have so many numbers; 0: 4.")] = 0,
    n: Annotated[int, typer.Option("--n", help="Examples in a prompt; 0: 12.")] = 0,
    prompts: Annotated[
        int, typer.Option(help="Prompts of the papers' measures; 0: 64, or as a code takes.")
    ] = 0,
    noise: Annotated[float, typer.Option(help="Standard deviation of the noise in y there.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the prompts.")] = 0,
    within: Annotated[
        float, typer.Option(help="Relative error up to which an algorithm is accepted.")
    ] = 0.01,
    paper: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="PAPER", help="Measure as the released code of fu2023 or akyurek2022."
        ),
    ] = None,
    layers: Annotated[
        bool, typer.Option(help="Read every layer, where hidden states are known.")
    ] = True,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write it as JSON; - for stdout.")
    ] = None,
    html: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write it as a page; - for stdout.")
    ] = None,
) -> None:
    """Say which algorithm a model runs, and how near others come.

    The fingerprint says which algorithm it follows, within an error, or that it follows none.

    A function is called with a batch of B prompts, numpy arrays X (B, n, d), y (B, n) and queries
    (B, m, d), and answers (B, m); one that fails on it with one prompt after the other, X (n, d),
    y (n,) and queries (m, d), and answers (m,). torch.as_tensor takes the arrays. A module is
    called with tensors in its own format.
    """
    from ..inputs.errors import WrongCall
    from ..inputs.files import check_outputs, write
    from ..inputs.progress import Progress
    from ..learners.model import FailsError, NoModelError
    from ..learners.report.measured import measure as measured
    from ..report.as_json import dumps
    from ..report.tables import console

    _check(d, n, prompts, noise, seed, within, paper)
    check_outputs({"--json": json, "--html": html}, (name,))
    sizes = _sizes(paper)
    given = _given(name, settings or [], d, n, sizes)
    d_asked, n_asked = given.d or d or sizes["d"], given.n or n or sizes["n"]
    _refuse_hours(d_asked, n_asked)
    with Progress("parts", at_once=d_asked * n_asked >= LONG) as progress:

        def say(what: str) -> None:
            progress.done(what)

        try:
            result = measured(
                given.model, d=d_asked, n=n_asked, prompts=prompts or None, noise=noise, seed=seed,
                within=within, as_=paper, layers=layers, inputs=given.inputs, name=name, say=say,
            )  # fmt: skip
        except FailsError as error:
            said = [
                f"--{letter} ({asked})"
                for letter, own, here, asked in (
                    ("d", given.d, d, d_asked),
                    ("n", given.n, n, n_asked),
                )
                if not own and not here
            ]
            hint = f"; say its sizes by {' and '.join(said)}" if said else ""
            raise WrongCall(f"{name}: {error}{hint}") from None
        except NoModelError as error:
            raise WrongCall(f"{name}: {error}") from None
    if json is not None:
        write(json, dumps(result.to_json()))
    if html is not None:
        write(html, result.to_html())
    if "-" not in (json, html):
        console().print(str(result))


def _check(
    d: int, n: int, prompts: int, noise: float, seed: int, within: float, paper: str | None
) -> None:
    from ..inputs.errors import MOST_SEED, WrongCall, at_least
    from ..learners.likeness.released import PAPERS

    at_least("d", d, most=MOST_D)
    at_least("n", n, most=MOST_N)
    at_least("seed", seed, most=MOST_SEED)
    if prompts:
        at_least("prompts", prompts, 2, MOST_PROMPTS)
    if not 0 <= noise < float("inf"):
        raise WrongCall(f"--noise is a standard deviation from 0 on, not {noise}")
    if not 0 < within < float("inf"):
        raise WrongCall(f"--within is a relative error above 0, not {within}")
    if paper is not None and paper not in PAPERS:
        raise WrongCall(f"--as takes {' or '.join(PAPERS)}, not {paper!r}")


def _refuse_hours(d: int, n: int) -> None:
    from ..inputs.errors import WrongCall

    if d * n > MOST_NUMBERS:
        raise WrongCall(
            f"d = {d} and n = {n} would take hours: --d times --n is at most {MOST_NUMBERS} here "
            "(verify.measure takes any)"
        )


def _sizes(paper: str | None) -> Mapping[str, int]:
    """Of prompts, where neither the model nor the caller says."""
    from ..learners.likeness.released import SIZES

    return SIZES if paper is not None else {"d": DIMENSION, "n": EXAMPLES}


def _given(name: str, settings: list[str], d: int, n: int, sizes: Mapping[str, int]) -> Given:
    from ..inputs.claim_files import split
    from ..inputs.errors import WrongCall

    found = split(name)
    if found is None and _is_learner(name):
        if settings:
            raise WrongCall("--set is for parameters of a witness; a learner has its own")
        return _learner(name, d, n)
    if found is None:
        return _witness(name, settings, d or sizes["d"], n or sizes["n"])
    file, function = found
    if function is None:
        raise WrongCall(f"{name}: name the function of the file, as {file}:predict")
    if settings:
        raise WrongCall("--set is for parameters of a witness; a model's sizes are --d and --n")
    return Given(load(file, function))


def load(file: str, function: str) -> Any:
    """What a Python file calls by that name. Raises WrongCall with the line that fails."""
    import runpy

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


def _is_learner(name: str) -> bool:
    import constructions

    if name.endswith(".safetensors"):
        return True
    if name in constructions.names():
        return False
    from ..learners import trained

    return name in trained.names()


def _learner(name: str, d: int, n: int) -> Given:
    """What `witness train` made, on prompts as it was trained on unless the caller says others."""
    from ..inputs.errors import WrongCall
    from ..learners import trained

    try:
        learner = trained.load(name)
    except trained.NoLearnerError as error:
        also = f"; {OF_ONES_OWN}" if Path(name).is_file() else ""
        raise WrongCall(f"{error}{also}") from None
    own = learner.settings
    if d not in (0, own.d):
        raise WrongCall(f"{name} was trained on inputs of {own.d} numbers, not of {d}")
    return Given(learner, own.d, n or own.n)


def _witness(name: str, settings: list[str], d: int, n: int) -> Given:
    """The witness, with parameters that suit the prompts where nobody gives them."""
    import constructions

    from ..inputs.errors import WrongCall
    from ..inputs.names import subject
    from ..inputs.settings import at_most, fill, needed, parse
    from ..learners.calibration import suited

    try:
        what = subject(name)
    except WrongCall:
        if Path(name).suffix not in SAVED and not Path(name).exists():
            raise
        raise WrongCall(f"{name} is no Python file: {OF_ONES_OWN}") from None
    what.refuse_no_regression("what is measured is on")
    most = at_most(MOST_LAYERS, d=MOST_D, examples=MOST_N)
    given = parse(name, what.signature, settings, most)
    d, n = int(given.get("d") or d), int(given.get("examples") or n)
    if name in constructions.names():
        given = suited(name, given, d, n)
    given = {**given, **fill(what.signature, given, what.defaults(needed(what.signature, given)))}
    witness = what.build(given)
    inputs = constructions.get(name).inputs if name in constructions.names() else None
    return Given(witness, witness.d, witness.examples or n, inputs)
