"""What was found, as a claim file: two claims, with the numbers in it as a reader would write them.

The first is that the snapped layers are the algorithm, for every n and d; the second that the
trained network, read from its file, is within a bound of it on a box.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from .algorithms import Stated
from .choose import Snapped
from .read import REST, Reading

WIDTH = 100
COUNTED = ("No", "One", "Two")


def text(snapped: Snapped, to: Path) -> str:
    """The Python file that is to stand at `to`."""
    stated, trained = snapped.stated, snapped.trained
    layers = len(stated.layers)
    plural = "s" if layers > 1 else ""
    matrices = bool(stated.matrices)
    takes = ", ".join(("d", *stated.matrices))
    every = "n and d" if not matrices else "n, d and any matrix"
    name = snapped.choice.found.words
    made = [
        f'"""{COUNTED[layers]} trained layer{plural} of linear self-attention: {name}.',
        "",
        f"From {trained.file.name} by `witness snap`; `witness check {to.name}` proves it again.",
        '"""',
        "",
        *_imports(snapped),
        *(_matrices(stated.matrices)),
        *_formula(stated),
        "",
        "",
        *_layer(stated, trained.reading),
        "",
        "",
        *_decorator(f"{to.stem}.algorithm", _first(stated, f"{name}: for every {every}")),
        f"def snapped({takes}):",
        '    """The trained layers without gauge and noise, their numbers rounded."""',
        f"    layers = [{', '.join(map(_call, stated.layers))}]",
        '    return from_matrices(layers, rows={"x": "d", "y": 1}, d=d, '
        f'read={{"y": {trained.reading.read}}})',
        "",
        "",
        *_decorator(f"{to.stem}.trained", _second(snapped)),
        f"def trained({takes}):",
        '    """The weights as they were trained, each float as the fraction that it is."""',
        *_trained(snapped, to),
    ]
    return "\n".join(made) + "\n"


def _imports(snapped: Snapped) -> Iterator[str]:
    stated = snapped.stated
    numbers = [value for layer in stated.layers for value in layer.values()]
    numbers += [entry for rows in stated.matrices.values() for row in rows for entry in row]
    numbers.append(Fraction(snapped.box.x))
    if any(isinstance(number, Fraction) and number.denominator > 1 for number in numbers):
        yield "from fractions import Fraction"
    yield "from pathlib import Path"
    yield ""
    if stated.matrices:
        yield "import numpy as np"
        yield ""
    yield "from constructions import from_matrices, layers_from"
    names = ["Box", "claim", "formula", *(["matrix"] if stated.matrices else []), "strategies"]
    yield f"from verify import {', '.join(names)}"
    yield ""


def _matrices(matrices: Mapping[str, Any]) -> Iterator[str]:
    """Each as a tuple of rows."""
    for name, rows in matrices.items():
        yield f"{name} = ("
        for row in rows:
            entries = ", ".join(map(_number, row))
            yield f"    ({entries}{',' if len(row) == 1 else ''}),"
        yield ")"
    if matrices:
        yield ""


def _formula(stated: Stated) -> Iterator[str]:
    arguments = [json.dumps(stated.prediction)]
    for name, value in stated.given.items():
        arguments.append(f"{name}={_literal(value)}")
    yield from _called("algorithm = formula", arguments)


def _literal(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_literal(k)}: {_literal(v)}" for k, v in value.items()) + "}"
    return json.dumps(value)


def _layer(stated: Stated, reading: Reading) -> Iterator[str]:
    given = tuple(stated.layers[0])
    factor = f', "factor": "{reading.per}"' if reading.per != "1" else ""
    yield f"def layer({', '.join(given)}):"
    said = "1/n " if reading.per != "1" else ""
    yield f'    """Z + {said}P Z M (Z^T Q Z), M = diag(I_n, 0), by blocks of the rows x and y."""'
    sign = "" if reading.read > 0 else "-"
    if "A" in given:
        P, Q = '{("y", "y"): 1}', f'{{("x", "x"): {sign}np.array(A).T}}'
    elif "gamma" in given:
        P, Q = '{("x", "x"): gamma, ("y", "y"): eta}', f'{{("x", "x"): {sign}1}}'
    else:
        P, Q = '{("y", "y"): eta}', f'{{("x", "x"): {sign}1}}'
    yield f"    P, Q = {P}, {Q}"
    yield f'    return {{"P": P, "Q": Q, "M": "examples"{factor}}}'


def _call(layer: Mapping[str, Any]) -> str:
    return f"layer({', '.join(v if isinstance(v, str) else _number(v) for v in layer.values())})"


def _number(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return f"Fraction({value.numerator}, {value.denominator})"


def _first(stated: Stated, statement: str) -> list[str]:
    given = [f"statement={json.dumps(statement)}", "algorithm=algorithm"]
    drawn = ", ".join(f"{name}=strategies.matrix()" for name in stated.matrices)
    given += [f"cases=lambda: strategies.prompts({drawn})", "domain=strategies.ANY"]
    letters = "".join(f', "{name}": matrix("{name}")' for name in stated.matrices)
    return [*given, f'assembled=lambda: [{{"d": 3{letters}}}]']


def _second(snapped: Snapped) -> list[str]:
    box = snapped.box
    r = _number(Fraction(box.x))
    size = "" if r == "1" else f", x={r}, y={r}, query={r}"
    names = snapped.stated.matrices
    given = f", parameters={{{', '.join(f'{json.dumps(n)}: {n}' for n in names)}}}" if names else ""
    made = [
        f'statement="the trained network is near it: {box.d} inputs, {box.n} examples"',
        "algorithm=algorithm",
        f"box=Box(d={box.d}, n={box.n}{size}{given})",
    ]
    if not snapped.exact:
        made += [f"within={within(snapped.bound)}", 'expected="approximates"']
    return made


def within(bound: float) -> str:
    """The bound with two digits, rounded up."""
    return str(float(Context(prec=2, rounding=ROUND_CEILING).plus(Decimal(bound))))


def _trained(snapped: Snapped, to: Path) -> Iterator[str]:
    trained, reading = snapped.trained, snapped.trained.reading
    place = Path(os.path.relpath(trained.file.resolve(), to.resolve().parent)).as_posix()
    told = "".join(f", {name}={_literal(value)}" for name, value in trained.told.items())
    rest = f', "{REST}": {trained.width - trained.d - 1}' if trained.width > trained.d + 1 else ""
    yield f"    file = Path(__file__).parent / {json.dumps(place)}"
    yield f"    layers = layers_from(file{told})"
    yield (
        f'    return from_matrices(layers, rows={{"x": "d", "y": 1{rest}}}, d=d, '
        f'read={{"y": {reading.read}}})'
    )


def _decorator(id: str, given: list[str]) -> Iterator[str]:
    yield from _called("@claim", [json.dumps(id), *given])


def _called(what: str, arguments: list[str]) -> Iterator[str]:
    """On one line where that fits, else as many as fit on each."""
    if len(line := f"{what}({', '.join(arguments)})") <= WIDTH:
        yield line
        return
    yield f"{what}("
    line = ""
    for argument in arguments:
        if line and len(line) + len(argument) + 2 > WIDTH - 4:
            yield f"    {line}"
            line = ""
        line += f"{' ' if line else ''}{argument},"
    yield f"    {line}"
    yield ")"
