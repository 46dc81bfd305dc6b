"""Every construction at a small size, in all the words that its parameters take: as it says."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from itertools import product
from typing import Any

import numpy as np

import constructions
from constructions.construction import Construction
from constructions.parameters import Number, Numbers, OneOf, Parameter, Rows, Whole
from constructions.witness import Witness


def fractions(numbers: Any) -> np.ndarray:
    """An array of fractions."""
    return np.vectorize(Fraction, otypes=[object])(numbers)


def entries(*shape: int) -> tuple[Any, ...]:
    """A vector, or rows, of small numbers that differ; none of them is 0."""
    count = shape[0] * (shape[1] if len(shape) > 1 else 1)
    values = tuple(Fraction((-1) ** k * (k + 2), 2) for k in range(count))
    return values if len(shape) == 1 else tuple(values[i :: shape[0]] for i in range(shape[0]))


def tried(name: str, kind: Parameter, d: int, n: int) -> tuple[Any, ...]:
    """Values of a parameter: each word, and beside a default what is none."""
    if isinstance(kind, OneOf):
        return kind.of
    if isinstance(kind, Whole):
        return ({"d": d, "examples": n}.get(name, kind.small),)
    if isinstance(kind, Number) and kind.least == 0 and kind.default is not kind.REQUIRED:
        return kind.default, Fraction(1, 3)
    if isinstance(kind, Numbers) and kind.default is None:
        return None, entries(d)
    if isinstance(kind, Rows):
        return (None, entries(d, d)) if kind.default is None else (entries(d, d),)
    return (kind.small,)


def choices(made: Construction, d: int, n: int) -> Iterator[dict[str, Any]]:
    """Parameters for d columns and n examples that go together."""
    axes = [tried(name, kind, d, n) for name, kind in made.parameters.items()]
    for values in product(*axes):
        given = dict(zip(made.parameters, values))
        try:
            made(**given)
        except ValueError:
            continue
        yield given


@cache
def examples(d: int = 3, n: int = 4) -> dict[str, tuple[str, dict[str, Any]]]:
    """{label: (construction, parameters)} of all that run in fractions, on any such prompt."""
    found = {}
    for name in constructions.names():
        made = constructions.get(name)
        for given in choices(made, d, n):
            if not made(**given).irrational:
                said = [name, *(value for value in given.values() if isinstance(value, str))]
                said += [key for key, kind in made.parameters.items()
                         if kind.default in (0, None) and given[key] not in (0, None)]  # fmt: skip
                found["-".join(said)] = name, given
    return found


def every(d: int = 3, n: int = 4) -> Iterator[tuple[str, Witness]]:
    """Each example with its label: its weights as such, which run on any prompt."""
    for label, (name, given) in examples(d, n).items():
        yield label, constructions.get(name)(**given)
