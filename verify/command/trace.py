"""witness trace: a small prompt through every layer, against what the witness says of its slots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..inputs.errors import MOST_SEED, WrongCall, at_least
from ..report.tables import console, grid, number, readable, short
from .options import AS, NAME, SET

if TYPE_CHECKING:
    import numpy as np

    from constructions.witness import Witness
    from proofs.stream import Layout

    from ..inputs.names import Subject
    from ..strategies import Case


SHOWN = 8  # examples that are shown of many
MOST_LAYERS, MOST_D = 1000, 100  # of a small prompt, of which every layer is printed
IN_FRACTIONS = 16  # layers up to which fractions are chosen: their digits may double with each


def trace(
    name: NAME,
    settings: SET = None,
    variant: AS = None,
    examples: Annotated[int, typer.Option("--n", help="Number of examples.")] = 3,
    seed: Annotated[int, typer.Option(help="Seed of the small prompt.")] = 0,
    numbers: Annotated[
        str, typer.Option(help="Number system; rational where it runs in that, to 16 layers.")
    ] = "",
) -> int:
    """Follow a small prompt through every layer.

    Every slot is set against what the witness says that it holds. Exit status 1: one is wrong.
    """
    from ..inputs.names import subject
    from ..inputs.settings import at_most, parse

    at_least("n", examples, 1)
    at_least("seed", seed, most=MOST_SEED)
    found = subject(name, variant)
    given = parse(name, found.signature, settings or (), at_most(MOST_LAYERS, d=MOST_D))
    return int(print_trace(found, given, examples, seed, numbers or None))


def prompt(
    witness: Witness, function: Any, n: int, m: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X, y, queries of small whole numbers for the witness, no row of X zero; of eighths where x
    has to lie between two numbers."""
    import numpy as np

    from ..checks.case import objects
    from ..checks.symbolic import shapes_of

    of_x, of_y, of_queries = shapes_of(witness.prompt, n, m)
    rng = np.random.default_rng(seed)
    X = rng.integers(-2, 4, size=of_x)
    X[(X == 0).all(axis=1), 0] = 1
    y, queries = rng.integers(-3, 4, size=of_y), rng.integers(1, 4, size=of_queries)
    if between := getattr(function, "outputs", None):
        low, high = between
        y = low + y % (high - low + 1)
    X, y, queries = (objects(part, Fraction) for part in (X, y, queries))
    if between := getattr(function, "inputs", None):
        low, high = between
        eighth: Any = Fraction(high - low, 8)
        X, queries = ((part + 2) * eighth + low for part in (X, queries))
    return X, y, queries


def print_trace(
    subject: Subject, given: Mapping[str, Any], n: int, seed: int, numbers: str | None
) -> bool:
    """Prints the trace; True if a slot does not hold what it should (in exact arithmetic)."""
    from constructions.numbers import FLOATS

    from ..checks.case import InexactReference, arithmetic, compared, reference
    from ..checks.judge import algorithm_of
    from ..inputs.settings import call, fill, needed
    from ..report.report import first_wrong
    from ..strategies import Case

    chosen = fill(subject.signature, given, subject.defaults(needed(subject.signature, given)))
    for key in ("examples", "n"):
        if key in given:
            n = int(given[key])
        elif key in chosen:
            chosen[key] = n
    witness = subject.build({**given, **chosen})
    n = witness.examples or n  # some are for prompts of one length only
    sample = getattr(subject.function, "sample", None)
    if sample is not None:  # not everything is a prompt of it
        X, y, queries = sample(subject.function.values(**given, **chosen))  # type: ignore[attr-defined]
        n = len(X)
    else:
        X, y, queries = prompt(witness, subject.function, n, 1, seed)
    if better := _converging(subject.name, {**given, **chosen}, chosen, X):
        chosen |= better
        witness = subject.build({**given, **chosen})
    of = witness.prompt
    case = Case({**given, **chosen}, X, y, queries, of.fields, of.targets)
    if subject.outside(case):  # a prompt that the claim speaks of, if one is known
        case = subject.case(witness.d, n, case.parameters) or case
        case = replace(case, queries=case.queries[:1])
        X, y, queries = case.X, case.y, case.queries
    else:
        case = subject.answered(case)
        case = replace(case, queries=case.queries[:1])
        X, y, queries = case.X, case.y, case.queries
        n = len(X)
    system, states = _states(witness, case, numbers)
    out = console()

    def line(text: str, style: str | None = None) -> None:
        out.print(text, style=style, soft_wrap=True)

    line(f"{subject.name}  {call({**given, **chosen})}")
    if chosen:
        line(f"chosen     {call(chosen)} ({subject.source}set others with --set)")
    at = witness.prompt.fields.at(witness.d)
    shown = _some(n, SHOWN, 1)
    for j, target in enumerate(y.tolist()):
        if j not in shown:
            if j == SHOWN:
                line(f"…          {n - len(shown)} more examples, which are traced and not shown")
            continue
        said = f", y = {short(target)}" if of.targets != 0 else ""
        line(f"example {j + 1:<2} {_carried(at.parts, X[j])}{said}")
    if len(queries):
        line(f"query      {_carried(at.of_query, queries[0])}")
    many = witness.layers > IN_FRACTIONS and not numbers
    line(f"numbers    {system}{'; fractions of many layers grow long' if many else ''}")
    if words := subject.outside(case):
        line(f"domain     this prompt is outside it: {words}", "yellow")
    exact = system == "rational"
    soon = witness.layers <= IN_FRACTIONS or exact  # the exact values have as many digits
    held = list(compared(witness, case, system, soon)) if exact or system in FLOATS else []
    wrong = [one for one in held if exact and one["is"] != one["should"]]
    labels = _labels(witness, n, len(queries))
    of_tokens = _some(len(labels), SHOWN, 2)
    for layer, state in enumerate(states):
        named = readable(witness.layer_list[layer - 1].name) if layer else ""
        name = f"layer {layer}: {named}" if layer else "embedding"
        line(f"\n{name}")
        here = [one for one in held if one["layer"] == layer]
        out.print(_layer_table(witness, state, here, labels, of_tokens, exact))
    predicted = witness.predict(X, y, queries, system)
    line(f"\nprediction {short(_alone(predicted))}")
    try:
        algorithm = algorithm_of(subject)
    except WrongCall:
        pass  # a claim about a layer has none
    else:
        try:
            numbers_of = arithmetic(witness) if soon else float
            said = short(_alone(reference(algorithm, case, numbers_of, predicted.shape)))
        except InexactReference as error:
            said = f"decides nothing: {error}"
        except ValueError as error:
            if not subject.outside(case):
                raise
            said = f"says nothing of this prompt: {error}"
        line(f"algorithm  {said}")
    if wrong:
        line(first_wrong(wrong[0]), "red")
    elif held and exact:
        line(f"every slot holds what it should ({len(held)} compared exactly)", "green")
    return bool(wrong)


def _converging(
    name: str, parameters: Mapping[str, Any], chosen: Mapping[str, Any], X: np.ndarray
) -> dict[str, Any]:
    """A step size (or alpha) that nobody set, as 1/q inside the region of convergence."""
    from ..inputs.region import limit, spectrum

    bound = limit(name, parameters, spectrum(X.astype(float)))
    if bound is None or bound.parameter not in chosen:
        return {}
    if bound.from_below:
        return {bound.parameter: math.ceil(bound.value)}
    return {bound.parameter: Fraction(1, math.ceil(2 / bound.value))}


def _some(count: int, first: int, last: int) -> Sequence[int]:
    """The numbers from 0 on; of too many the first ones and the last."""
    if count <= first + last + 1:
        return range(count)
    return [*range(first), *range(count - last, count)]


def _carried(parts: Layout, row: np.ndarray) -> str:
    """A row of X, or of queries: "x = (1, 2)", or each part."""
    at = ((part.name, parts.rows(part.name)) for part in parts.slots)
    return ", ".join(f"{name} = {short(row[rows.start : rows.stop].tolist())}" for name, rows in at)


def _alone(predictions: np.ndarray) -> Any:
    """The one prediction, where there is only one, else all."""
    made = predictions.tolist()
    return made[0] if len(made) == 1 else made


def _states(witness: Witness, case: Case, numbers: str | None) -> tuple[str, list[dict[str, Any]]]:
    """The trace in the number system asked for; without one, in fractions where that can be and
    ends soon."""
    from constructions.numbers import Unsupported
    from constructions.numbers import get as number_system

    if numbers is None and witness.layers > IN_FRACTIONS:
        numbers = "float64"
    try:
        system = numbers or "rational"
        return system, witness.trace(case.X, case.y, case.queries, number_system(system))
    except Unsupported as error:
        if numbers is not None:
            raise WrongCall(f"{witness.name}: {error}") from None
        return "float64", witness.trace(case.X, case.y, case.queries, "float64")
    except (ValueError, ArithmeticError) as error:
        raise WrongCall(f"{witness.name}: {' '.join(str(error).split())}") from None


def _labels(witness: Witness, n: int, asked: int) -> list[str]:
    tokens = witness.prompt.tokens(n, asked)
    made = ["register"] * tokens.total
    for j, t in enumerate(tokens.y):
        made[t] = f"y{j + 1}"
    for j, t in enumerate(tokens.x):
        joint = witness.prompt.form == "joint" and witness.prompt.targets != 0
        made[t] = f"x{j + 1}, y{j + 1}" if joint else f"x{j + 1}"
    for t in tokens.queries:
        made[t] = "query"
    return made


def _layer_table(
    witness: Witness,
    state: Mapping[str, Any],
    held: list[dict[str, Any]],
    labels: list[str],
    of_tokens: Sequence[int],
    exact: bool,
) -> Any:
    import numpy as np
    from rich.text import Text

    from proofs.stream import split_entry

    made = grid(("slot", "holds"), no_wrap=True)
    for token in of_tokens:
        if token - 1 not in of_tokens and token:
            made.add_column("…")
        made.add_column(labels[token], justify="right")
    for slot in witness.layout.slots:
        about = {one["token"]: one for one in held if split_entry(one["slot"])[0] == slot.name}
        said = list(dict.fromkeys(one["holds"] for one in about.values()))
        cells = []
        for token in of_tokens:
            if token - 1 not in of_tokens and token:
                cells.append(Text("…"))
            entries = list(np.asarray(state[slot.name][token], dtype=object).ravel())
            text = Text(_vector(entries))
            one = about.get(token)
            if one is not None and exact and one["is"] != one["should"]:
                text.stylize("red")
                text.append(f"\nshould be {_vector(one['should'])}", style="bold red")
            cells.append(text)
        if all(cell.plain in ("0", "") or set(cell.plain) <= set("(0, )…") for cell in cells):
            continue
        made.add_row(slot.name, "; ".join(said), *cells)
    return made


def _vector(entries: list[Any]) -> str:
    text = ", ".join(number(entry, digits=6, widest=12) for entry in entries)
    return short(f"({text})" if len(entries) > 1 else text, 40)
