"""witness bench: how fast witnesses run, and how well the checks tell right from wrong."""

from __future__ import annotations

import os
from typing import Annotated

import typer


def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="Small sizes; the goals are for the full ones.")
    ] = False,
    sensitivity: Annotated[
        bool,
        typer.Option("--sensitivity", help="Instead: which changed weights are noticed."),
    ] = False,
    soundness: Annotated[
        int,
        typer.Option(metavar="CASES", help="Instead: how many of so many sound cases are refuted."),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of --sensitivity and --soundness.")] = 0,
    device: Annotated[
        str, typer.Option(metavar="cpu|cuda", help="Where predictions in floats run.")
    ] = "cpu",
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the figures as JSON; - for stdout.")
    ] = None,
    plot: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Draw time against d, n, k and B, beside the cost model."
        ),
    ] = None,
) -> int:
    """Measure speed and memory against baselines.

    Exit status 1: --sensitivity missed a mutant that a check claims to cover, or --soundness found
    a sound case refuted, or a prediction off by more than its bound without a warning.
    """
    from ..inputs.errors import MOST_SEED, WrongCall, at_least
    from ..inputs.files import check_outputs, write
    from ..inputs.progress import Progress
    from ..report.as_json import dumps
    from ..report.tables import console

    if sensitivity and soundness:
        raise WrongCall("--sensitivity and --soundness are two measurements; ask for one")
    at_least("soundness", soundness, most=10**8)
    if (sensitivity or soundness) and plot is not None:
        raise WrongCall("--plot is for the figures of speed; the others draw nothing")
    if device not in ("cpu", "cuda"):
        raise WrongCall(f"--device takes cpu or cuda, not {device!r}")
    if device == "cuda":
        import torch

        if sensitivity or soundness:
            raise WrongCall("--device is for the figures of speed; the others run on the processor")
        if not torch.cuda.is_available():
            raise WrongCall("--device cuda: torch sees no GPU here; see `witness doctor`")
    at_least("seed", seed, most=MOST_SEED)
    check_outputs({"--json": json, "--plot": plot})
    with Progress("figures") as progress:
        if sensitivity:
            from ..quality import sensitivity as measured

            result = measured.run(None, quick, seed, progress)
            table = measured.table(result)
        elif soundness:
            from ..quality import soundness as judged

            result = judged.run(soundness, seed, os.cpu_count() or 1, progress=progress)
            table = judged.table(result)
        else:
            from ..quality import speed as timed

            result = timed.run(quick, progress, device)
            table = timed.table(result)
            if plot is not None:
                timed.plot(result, plot)
    if json is not None:
        write(json, dumps(result))
    if json != "-":
        console().print(table)
    return int(any(result.get(found) for found in ("missed", "refuted", "silent")))
