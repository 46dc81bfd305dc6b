"""Random witnesses of every construction, and prompts on which floats have a hard time."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from typing import Any

import numpy as np

import constructions
from constructions.parameters import Examples, Matrix, Number, OneOf, Parameter, Rows, Vector, Whole
from constructions.witness import Witness
from verify.checks.symbolic import shapes_of

Prompt = tuple[np.ndarray, np.ndarray, np.ndarray]
REACH = {"float64": 150.0, "float32": 18.0, "bfloat16": 18.0, "float16": 2.0}  # decades
SUBNORMAL = {"float64": 5e-324, "float32": 1e-45, "bfloat16": 9e-41, "float16": 6e-8}


def prompt(rng: np.random.Generator, made: Witness, n: int, m: int, numbers: str) -> Prompt:
    """Of any scale, with columns of any scale, rank 1, zeros, equal rows, subnormals, integers."""
    reach = REACH[numbers]
    X, y, queries = (rng.standard_normal(shape) for shape in shapes_of(made.prompt, n, m))
    kind = rng.integers(9)
    if kind == 0:
        X, y, queries = (10.0 ** rng.uniform(-reach, reach) * part for part in (X, y, queries))
    elif kind == 1:
        scales = 10.0 ** rng.uniform(-min(7.5, reach), min(7.5, reach), X.shape[1])
        X, queries = X * scales, queries * scales[: queries.shape[1]]
    elif kind == 2:
        X = np.outer(rng.standard_normal(n), X[0])
    elif kind == 3:
        X, y, queries = (np.round(2 * part) for part in (X, y, queries))
    elif kind == 4:
        X[-1], queries[0] = X[0], 0
    elif kind == 5:
        tiny = SUBNORMAL[numbers] * rng.integers(1, 1000)
        for part in (X, y, queries):
            part.ravel()[rng.random(part.size) < 0.5] = rng.choice([tiny, -tiny, 0.0])
    elif kind == 6:
        X[rng.random(X.shape) < 0.6] = 0
        y[rng.random(y.shape) < 0.5] = 0
    elif kind == 7:
        y = y * 10.0 ** rng.uniform(-reach, reach)
    return X, y, queries


def value(rng: np.random.Generator, key: str, kind: Parameter, d: int, n: int) -> Any:
    """A value of a parameter; a ridge is between 1e-14 and 1, half of the time above 1e-2."""
    if key == "d":
        return d
    if isinstance(kind, OneOf):
        return kind.of[rng.integers(len(kind.of))]
    if isinstance(kind, Whole):
        return n if isinstance(kind, Examples) else int(kind.least + rng.integers(kind.tried))
    if kind.default is not kind.REQUIRED and (kind.default or rng.random() < 0.5):
        return kind.default  # one that is not 0 always: the free constants of the literal chains
    small = Fraction(1, int(10 ** rng.uniform(0, rng.choice([2, 14]))))
    if isinstance(kind, Number):
        return small if kind.unit == "top" else Fraction(int(rng.integers(1, 20)), 40)
    if isinstance(kind, Rows):
        rows = d if isinstance(kind, Matrix) else 3
        return tuple(tuple(int(e) for e in row) for row in rng.integers(-2, 3, (rows, d)))
    many = d if isinstance(kind, Vector) else 3
    return [small, small + 1] if kind.size == 2 else [0, 1, -1][:many]


def case(
    name: str, rng: np.random.Generator, n: int, m: int, numbers: str
) -> tuple[Witness, Prompt]:
    """The construction at a small size, with a prompt of n examples, or of its own where not every
    one is its prompt; its kinks are at small whole numbers."""
    made = constructions.get(name)
    while True:
        d = int(rng.integers(1, 4))
        given = {key: value(rng, key, kind, d, n) for key, kind in made.parameters.items()}
        with suppress(ValueError):  # of what does not go together another is drawn
            witness = made(**given)
            if made.sample is None:
                return witness, prompt(rng, witness, n, m, numbers)
            X, y, queries = made.sample(made.values(**given))
            return witness, (X.astype(float), y.astype(float), queries.astype(float))
