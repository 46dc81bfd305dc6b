"""A small prompt through every layer, printed against what the witness says of its slots."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from constructions.numbers import FLOATS, Unsupported
from constructions.numbers import get as number_system
from constructions.witness import Witness
from proofs.stream import split_entry

from ..checks.case import compared, reference
from ..inputs.errors import WrongCall
from ..inputs.names import Subject
from ..inputs.region import limit, spectrum
from ..inputs.settings import call, fill, needed
from ..report.text import console, short
from ..strategies import Case
from .regression import algorithm_of


def prompt(d: int, n: int, m: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X (n, d), y (n,), queries (m, d) of small whole numbers, no row of X zero."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-2, 4, size=(n, d))
    X[(X == 0).all(axis=1), 0] = 1
    y, queries = rng.integers(-3, 4, size=n), rng.integers(1, 4, size=(m, d))
    return tuple(_fractions(part) for part in (X, y, queries))  # type: ignore[return-value]


def print_trace(
    subject: Subject, given: Mapping[str, Any], n: int, seed: int, numbers: str | None
) -> bool:
    """Prints the trace; True if a slot does not hold what it should (in exact arithmetic)."""
    if n < 1:
        raise WrongCall(f"--n must be at least 1, not {n}")
    if seed < 0:
        raise WrongCall(f"--seed must be at least 0, not {seed}")
    chosen = fill(subject.signature, given, subject.defaults(needed(subject.signature, given)))
    for key in ("examples", "n"):
        if key in given:
            n = int(given[key])
        elif key in chosen:
            chosen[key] = n
    witness = subject.build({**given, **chosen})
    n = witness.examples or n  # some are for prompts of one length only
    X, y, queries = prompt(witness.d, n, 1, seed)
    if better := _converging(subject.name, {**given, **chosen}, chosen, X):
        chosen |= better
        witness = subject.build({**given, **chosen})
    case = Case({**given, **chosen}, X, y, queries)
    system, states = _states(witness, case, numbers)
    out = console()
    out.print(f"{subject.name}  {call({**given, **chosen})}", markup=False)
    if chosen:
        out.print(f"chosen     {call(chosen)} (set others with --set)", markup=False)
    for j in range(n):
        out.print(f"example {j + 1:<2} x = {short(X[j].tolist())}, y = {y[j]}", markup=False)
    out.print(f"query      x = {short(queries[0].tolist())}", markup=False)
    out.print(f"numbers    {system}", markup=False)
    held = list(compared(witness, case, system)) if system in ("rational", *FLOATS) else []
    wrong = [one for one in held if one["is"] != one["should"]] if system == "rational" else []
    labels = _labels(witness, n)
    for number, state in enumerate(states):
        name = f"layer {number}: {witness.layer_list[number - 1].name}" if number else "embedding"
        out.print(f"\n{name}", markup=False)
        here = [one for one in held if one["layer"] == number]
        out.print(_layer_table(witness, state, here, labels, system))
    prediction = witness.predict(X, y, queries, system)[0]
    want = reference(algorithm_of(subject), case, Fraction)[0] if _has_algorithm(subject) else None
    out.print(f"\nprediction {short(prediction)}", markup=False)
    if want is not None:
        out.print(f"algorithm  {short(want)}", markup=False)
    if wrong:
        first = wrong[0]
        out.print(
            f"first wrong in layer {first['layer']} ({first['name']}), slot {first['slot']}, token "
            f"{first['token']}: is {short(first['is'])}, should be {short(first['should'])}",
            style="red",
            markup=False,
        )
    elif held and system == "rational":
        out.print(f"every slot holds what it should ({len(held)} compared exactly)", style="green")
    return bool(wrong)


def _converging(
    name: str, parameters: Mapping[str, Any], chosen: Mapping[str, Any], X: np.ndarray
) -> dict[str, Any]:
    """A step size (or alpha) that nobody set, as 1/q inside the region of convergence."""
    bound = limit(name, parameters, spectrum(X.astype(float)))
    if bound is None or bound[0] not in chosen:
        return {}
    return {bound[0]: Fraction(1, math.ceil(2 / bound[1]))}


def _states(witness: Witness, case: Case, numbers: str | None) -> tuple[str, list[dict[str, Any]]]:
    """The trace in the number system asked for; without one, in fractions where that can be."""
    try:
        system = number_system(numbers or "rational").name
        return system, witness.trace(case.X, case.y, case.queries, system)
    except Unsupported as error:
        if numbers is not None:
            raise WrongCall(f"{witness.name}: {error}") from None
        return "float64", witness.trace(case.X, case.y, case.queries, "float64")
    except (ValueError, ArithmeticError) as error:
        raise WrongCall(f"{witness.name}: {' '.join(str(error).split())}") from None


def _has_algorithm(subject: Subject) -> bool:
    try:
        algorithm_of(subject)
    except WrongCall:
        return False
    return True


def _labels(witness: Witness, n: int) -> list[str]:
    tokens = witness.prompt.tokens(n, 1)
    made = ["register"] * tokens.total
    for j, t in enumerate(tokens.y):
        made[t] = f"y{j + 1}"
    for j, t in enumerate(tokens.x):
        made[t] = f"x{j + 1}, y{j + 1}" if witness.prompt.form == "joint" else f"x{j + 1}"
    for t in tokens.queries:
        made[t] = "query"
    return made


def _layer_table(
    witness: Witness,
    state: Mapping[str, Any],
    held: list[dict[str, Any]],
    labels: list[str],
    system: str,
) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    made.add_column("slot", no_wrap=True)
    made.add_column("holds", no_wrap=True)
    for label in labels:
        made.add_column(label, justify="right")
    for slot in witness.layout.slots:
        about = {one["token"]: one for one in held if split_entry(one["slot"])[0] == slot.name}
        said = list(dict.fromkeys(one["holds"] for one in about.values()))
        cells = []
        for token in range(len(labels)):
            actual = state[slot.name][token]
            entries = list(np.asarray(actual, dtype=object).ravel())
            text = Text(_vector(entries))
            one = about.get(token)
            if one is not None and system == "rational" and one["is"] != one["should"]:
                text.stylize("red")
                text.append(f"\nshould be {_vector(one['should'])}", style="bold red")
            cells.append(text)
        if all(cell.plain in ("0", "") or set(cell.plain) <= set("(0, )") for cell in cells):
            continue
        made.add_row(slot.name, "; ".join(said), *cells)
    return made


def _vector(entries: list[Any]) -> str:
    text = ", ".join(map(_number, entries))
    return short(f"({text})" if len(entries) > 1 else text, 40)


def _number(value: Any) -> str:
    """Floats shortened; exact numbers as they are, or as a decimal where they grow long."""
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    exact = str(value)
    if len(exact) <= 12 or not isinstance(value, (int, Fraction)):
        return exact
    try:
        return f"≈{float(value):.6g}"
    except OverflowError:
        return short(exact, 20)


def _fractions(array: np.ndarray) -> np.ndarray:
    made = np.empty(array.shape, dtype=object)
    made.ravel()[:] = [Fraction(int(entry)) for entry in array.ravel()]
    return made
