"""witness train: small learners, trained on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..learners.trained.settings import Settings

SUFFIX = ".safetensors"
DIMENSION, EXAMPLES = 5, 20


def train(
    learner: Annotated[
        str | None,
        typer.Argument(metavar="[linear_attention|gpt|lstm]", help="What is trained."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o", metavar=f"FILE{SUFFIX}", help="Weights; the curve beside it. A folder for --all."
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Train every learner of the package again.")
    ] = False,
    d: Annotated[int | None, typer.Option("--d", help="Inputs have so many numbers; 5.")] = None,
    n: Annotated[int | None, typer.Option("--n", help="Examples in a prompt; 20.")] = None,
    layers: Annotated[int | None, typer.Option(help="1; of a gpt 3, of an lstm 2.")] = None,
    noise: Annotated[float | None, typer.Option(help="Standard deviation of it in y; 0.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of Adam; 2000, 3000 or 6000.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of start and prompts; 0.")] = None,
    width: Annotated[int | None, typer.Option(help="Of gpt and lstm; 64 and 97.")] = None,
    heads: Annotated[int | None, typer.Option(help="Of a gpt; 4.")] = None,
    batch: Annotated[int | None, typer.Option(help="Prompts in a step; 512 or 64.")] = None,
    rate: Annotated[float | None, typer.Option(help="Largest rate of Adam.")] = None,
    starts: Annotated[
        int | None, typer.Option(help="Starts of which the best goes on; of linear attention 8.")
    ] = None,
) -> None:
    """Train a small learner in context, from a seed.

    Linear self-attention of one layer takes seconds, others a minute or a few. Prompts are
    Gaussian: x, w ~ N(0, I), y = w.x + noise. The file has the settings as metadata; it goes
    wherever weights go: `witness measure`, `witness snap`, `verify.learners.trained.load`. On one
    machine and one version of torch, equal seeds give equal files.
    """
    from ..inputs.errors import WrongCall
    from ..learners.trained.settings import NoLearnerError, Settings

    given: dict[str, Any] = {
        "d": d, "n": n, "layers": layers, "noise": noise, "steps": steps, "seed": seed,
        "width": width, "heads": heads, "batch": batch, "rate": rate, "starts": starts,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    if output is None:
        raise WrongCall(f"-o FILE{SUFFIX} is needed (with --all -o FOLDER): where to write it")
    if every:
        if learner is not None or given:
            raise WrongCall("--all takes -o alone: it trains the package's learners as they are")
        _all(output)
        return
    if learner is None:
        raise WrongCall("name a learner: linear_attention, gpt or lstm; or --all")
    if Path(output).suffix != SUFFIX:
        raise WrongCall(f"-o must be a file that ends in {SUFFIX}, not {output}")
    try:
        settings = Settings.of(learner, **{"d": DIMENSION, "n": EXAMPLES, **given})
    except NoLearnerError as error:
        raise WrongCall(str(error)) from None
    _trained([(settings, Path(output))])


def _all(folder: str) -> None:
    from ..inputs.errors import WrongCall
    from ..learners.trained.recipes import RECIPES

    if not Path(folder).is_dir():
        raise WrongCall(f"{folder}: there is no such folder")
    _trained([(one, Path(folder) / f"{name}{SUFFIX}") for name, one in RECIPES.items()])


def _trained(learners: list[tuple[Settings, Path]]) -> None:
    """Trains them one after the other, and says how each fared."""
    import time

    from ..inputs.files import check_outputs
    from ..inputs.progress import Progress
    from ..learners.trained.stored import save
    from ..learners.trained.training import all_steps
    from ..learners.trained.training import train as trained
    from ..report.tables import console, grid

    for _, path in learners:
        check_outputs({"-o": path, "its curve": path.with_suffix(".json")})
    rows = []
    with Progress("steps", sum(all_steps(settings) for settings, _ in learners)) as progress:
        for settings, path in learners:

            def say(step: int, loss: float, path: Path = path) -> None:
                progress.done(f"{path.stem}: error {loss:.4g}")

            def begin(step: int, loss: float, path: Path = path) -> None:
                progress.done(f"{path.stem}: starts are tried, error {loss:.4g}")

            start = time.process_time()
            learner, curve = trained(settings, say, begin)
            seconds = time.process_time() - start
            save(path, learner, curve)
            size = sum(one.numel() for one in learner.parameters())
            errors = (curve.losses[0], curve.losses[-1], curve.bayes)
            rows.append((str(path), f"{size}", *(f"{e:.3g}" for e in errors), f"{seconds:.0f}"))
    heads = ("written", "parameters", "error before", "after", "of Bayes' predictor", "seconds")
    console().print(grid(heads, rows))
