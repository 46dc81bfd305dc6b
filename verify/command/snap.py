"""witness snap: from the weights of a trained linear self-attention to a claim that is proved."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..learners.snap.choose import Snapped
    from ..learners.snap.read import Reading
    from ..report.report import Report


def snap(
    weights: Annotated[
        str,
        typer.Argument(metavar="WEIGHTS.safetensors", help="One or two layers, tokens (x, y)."),
    ],
    output: Annotated[str, typer.Option("-o", metavar="CLAIM.py", help="The claim file.")],
    n: Annotated[
        int | None, typer.Option("--n", help="Examples in a prompt, as it was trained for.")
    ] = None,
    d: Annotated[
        int | None, typer.Option("--d", help="Numbers in an input; one less than in a token.")
    ] = None,
    factor: Annotated[
        str | None, typer.Option(help="Of Z + factor P Z M (Z^T Q Z): 1/n, or a number; 1/n.")
    ] = None,
    read: Annotated[
        int | None, typer.Option(help="The prediction is 1 or -1 times the query's y; -1.")
    ] = None,
    heads: Annotated[int, typer.Option(help="Of torch's projections.")] = 1,
    name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TENSOR=MATRIX",
            help="Which matrix a tensor is, as P.{l}=P, or P.{l}=P^T where it is stored "
            "transposed; {l} is the number of the layer, {h} of the head.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="TENSOR", help="A tensor to leave out.")
    ] = None,
    scale: Annotated[
        str | None, typer.Option(help="What torch's scores are multiplied by, say 1/2.")
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(help="Numbers of a prompt are up to this; 1, with two layers 1/2."),
    ] = None,
    tolerance: Annotated[
        str, typer.Option(help="How far off, as a share of the bound on what is predicted.")
    ] = "1/10",
) -> int:
    """Snap trained weights to an algorithm, and write its claims.

    The gauge is removed, what is dead is dropped, numbers become simple fractions, and the simplest
    of gradient descent, GD++ and preconditioned descent that is within the tolerance is taken. The
    file claims that it is that algorithm for every n and d, and how far the trained network is
    from it on a box. Status 1 where no algorithm is near enough, and then nothing is written.
    What the file does not say itself (`witness train` writes it) is told by options.
    """
    from ..claim import load_file
    from ..engine import run
    from ..inputs.errors import WrongCall, positive
    from ..inputs.files import check_outputs, write
    from ..learners.snap.choose import NoAlgorithmError
    from ..learners.snap.claim_file import text

    to = _claim_file(output)
    given: dict[str, Any] = {"n": n, "d": d, "factor": factor, "read": read, "scale": scale}
    given |= {"names": _names(name), "ignore": tuple(ignore) if ignore else None}
    reading = _reading(weights, {k: v for k, v in given.items() if v is not None}, heads)
    check_outputs({"-o": output}, (weights,))
    share = positive("tolerance", tolerance)
    try:
        found = _snapped(weights, reading, None if box is None else positive("box", box), share)
    except NoAlgorithmError as error:
        typer.echo(f"witness: {error}; nothing is written", err=True)
        return 1
    if found.bound == float("inf"):
        raise WrongCall(f"{weights}: {found.certificates[0].why}")
    write(to, text(found, to))
    reports = [run(claim) for claim in load_file(to)]
    typer.echo(told(found, to, reports))
    return 0 if all(one.as_expected for one in reports) else 1


def _claim_file(output: str) -> Path:
    import re

    from ..inputs.errors import WrongCall

    to = Path(output)
    if to.suffix != ".py" or not re.fullmatch(r"[A-Za-z0-9_.-]+", to.stem):
        raise WrongCall(f"-o {output}: a claim file is named like my_claim.py")
    return to


def _names(options: list[str] | None) -> dict[str, str] | None:
    """{tensor: matrix} of what --name says; None where nothing does."""
    from ..inputs.errors import WrongCall

    made = {}
    for option in options or ():
        tensor, equals, matrix = option.rpartition("=")
        if not (tensor and equals and matrix):
            raise WrongCall(f"--name is a tensor and its matrix, as P.0=P, not {option!r}")
        made[tensor] = matrix
    return made or None


def _reading(weights: str, given: dict[str, Any], heads: int) -> Reading:
    from ..inputs.errors import WrongCall, at_least
    from ..learners.snap.read import NoWeightsError, Reading, said

    try:
        known = {**said(weights), **given}
    except NoWeightsError as error:
        raise WrongCall(str(error)) from None
    if "n" not in known:
        raise WrongCall(f"{weights} does not say for how many examples it was trained: --n")
    for option in ("n", "d"):
        if option in known:
            at_least(option, known[option], 1)
    at_least("heads", heads, 1)
    if known.get("read", -1) not in (1, -1):
        raise WrongCall(f"--read is 1 or -1, not {known['read']}")
    return Reading(**known, heads=heads)


def _snapped(weights: str, reading: Reading, size: Fraction | None, share: Fraction) -> Snapped:
    from ..box import Box
    from ..inputs.errors import WrongCall
    from ..learners.snap.choose import snap as snapped
    from ..learners.snap.read import NoWeightsError
    from ..learners.snap.read import read as read_weights

    try:
        trained = read_weights(weights, reading)
    except NoWeightsError as error:
        raise WrongCall(str(error)) from None
    if size is None:
        size = Fraction(1, len(trained.layers))
    return snapped(trained, Box(trained.d, trained.n, size, size, size), share)


def told(found: Snapped, to: Path, reports: list[Report]) -> str:
    """What was found, for people."""
    from ..checks.bounds.balls import at_most

    trained, choice = found.trained, found.choice
    largest = max(one.found for one in found.certificates)
    numbers = sum(map(len, choice.found.groups))
    lines = [
        ("weights", f"{trained.weights} numbers; without gauge {found.coefficients} coefficients, "
                    f"{found.reach} of which reach a prediction"),
        ("kept", f"{numbers}; what was dropped, tied, rounded is {choice.found.share:.2g} of the "
                 f"predictions, by bounds on both ({choice.nearest.share:.2g} before rounding)"),
        ("algorithm", choice.found.words),
        *(("", said) for said in [_convention(found), _against(found), _best_for(found)]
          if said),
        *(("simpler", f"{one.words}: off by {one.share:.2g} of the predictions")
          for one in choice.rejected),
        ("off", f"at most {at_most(found.bound)} for {found.box.words} (enclosed)"),
        ("", f"the largest difference found is {largest:.2g} (tested)"),
        ("measured", _measured(found)),
        ("wrote", str(to)),
        *((one.claim.id, f"{one.verdict}{_strengths(one)}") for one in reports),
    ]  # fmt: skip
    wide = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:{wide}}  {line}" for name, line in lines)


def _against(found: Snapped) -> str:
    """Of a rate below 0, by which the loss grows: that the prediction may have been read with the
    other sign."""
    if min((layer.get("eta", 0) for layer in found.stated.layers), default=0) >= 0:
        return ""
    other = -found.trained.reading.read
    return (
        f"a negative rate, which climbs the loss: does the model predict {other} times y, "
        f"--read {other}?"
    )


def _best_for(found: Snapped) -> str:
    """The noise for which one step of this rate is the best one, on Gaussian data."""
    stated, trained = found.stated, found.trained
    rate = stated.layers[0].get("eta", 0)
    if len(stated.layers) > 1 or rate <= 0:
        return ""
    eta = Fraction(rate) / trained.reading.times
    noise = 1 / eta - trained.n - trained.d - 1
    if noise < 0:
        return ""
    return (
        f"{eta} = 1/(n + d + 1 + v) with v = {noise}: the best single step for noise of that "
        "variance"
    )


def _convention(found: Snapped) -> str:
    """Of which loss the rates are: also of the one by which `witness measure` gives them."""
    per, times = found.trained.reading.per, found.trained.reading.times
    rates = [layer["eta"] for layer in found.stated.layers if "eta" in layer]
    step = f"w - {'rate' if rates else 'matrix'} X^T (X w - y)"
    if per == "1":
        return f"a step is {step}, on half the sum of squares"
    said = f"a step is {step}/n, on half the mean square"
    if not rates:
        return f"{said}; on half the sum of squares the matrix is divided by n = {times}"
    every = ", ".join(str(eta / times) for eta in dict.fromkeys(rates))
    return f"{said}; on half the sum of squares, as in `witness measure`, the rate is {every}"


def _measured(found: Snapped) -> str:
    """The error as the fingerprint has it, on its prompts."""
    from ..learners.fingerprint import WITHIN

    off = found.measured()
    all_of_them = off.pop("together")
    kinds = ", ".join(f"{kind} {error.value:.2g}" for kind, error in off.items())
    within = [kind for kind, error in off.items() if error.high <= WITHIN]
    return (
        f"relative error {all_of_them.value:.2g} ({all_of_them.low:.2g} to {all_of_them.high:.2g}) "
        f"on the prompts of `witness measure`: {kinds} (tested); within its {WITHIN:g} on "
        f"{'all together' if all_of_them.high <= WITHIN else ' and '.join(within) or 'none'}"
    )


def _strengths(report: Report) -> str:
    found = getattr(report.verdict, "strengths", ())
    return f" ({', '.join(found)})" if found else ""
