"""Every witness, measured: what the fingerprint and each measure say of a model that is known."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

import constructions
from constructions.parameters import Examples, Matrix, Number, Parameter, Whole, typed

from .. import algorithms
from ..inputs.errors import WrongCall
from ..inputs.region import spectrum, suit, value_of
from .data import gaussian
from .equality import exactly
from .families import SPECTRAL
from .fingerprint import Fingerprint, fingerprint

D, N = 3, 8
DRAWS = 64  # prompts by whose largest eigenvalue a step size is chosen
ROOM = 2  # how much larger than theirs the data may be


class Known(NamedTuple):
    """A witness with the parameters that it was built with."""

    name: str
    parameters: Mapping[str, Any]
    witness: Any
    d: int
    n: int


def suited(name: str, given: Mapping[str, Any], d: int, n: int, seed: int = 0) -> dict[str, Any]:
    """All parameters of a construction for Gaussian prompts of these sizes, `given` ones kept.

    Whole numbers that nobody gave are those of its example; step sizes suit the prompt, of a few
    drawn ones, whose largest eigenvalue is the largest, with room to spare. Raises WrongCall.
    """
    batch = gaussian(np.random.default_rng(seed), DRAWS, n, d, 1)
    tops = np.linalg.norm(batch.X, ord=2, axis=(1, 2))
    X = batch.X[int(np.argmax(tops))] * ROOM
    kinds = {
        key: kind
        for key, kind in constructions.get(name).parameters.items()
        if kind.example is not None and key != "d" and not isinstance(kind, Examples)
    }
    chosen = dict(given)
    for key, kind in kinds.items():
        if isinstance(kind, Whole):
            chosen.setdefault(key, kind.example)
    while True:
        try:
            return suit(name, constructions.signature(name), chosen, X)[0]
        except WrongCall:
            # what the region and the data do not decide
            missing = next((key for key in kinds if key not in chosen), None)
            if missing is None:
                raise
            chosen[missing] = _example(kinds[missing], chosen, X)


def _example(kind: Parameter, chosen: Mapping[str, Any], X: np.ndarray) -> Any:
    """A number of the scale that it has on the data, if that is known; else the example, of a
    matrix its entries over again for (d, d)."""
    if isinstance(kind, Number) and kind.unit:
        return typed(f"{value_of(kind.unit, chosen, spectrum(X)):.3g}")
    if isinstance(kind, Matrix):
        rows, d = kind.example, X.shape[1]
        size = len(rows)
        return tuple(
            tuple(rows[i % size][j % size] if i // size == j // size else 0 for j in range(d))
            for i in range(d)
        )
    return kind.example


def known(name: str, d: int = D, n: int = N, seed: int = 0, **given: Any) -> Known:
    """The witness for prompts of these sizes, in the dimension that it takes if it takes no other.

    given: parameters, the rest as they suit the prompts. Raises WrongCall, TypeError or ValueError.
    """
    of_d = constructions.get(name).parameters["d"]
    for size in dict.fromkeys((d, of_d.small)):
        try:
            parameters = suited(name, given, size, n, seed)
            return Known(name, parameters, constructions.build(name, **parameters), size, n)
        except ValueError as error:
            refused = error
    raise refused


def measured(one: Known, seed: int = 0) -> Fingerprint:
    """The fingerprint of a known witness."""
    inputs = constructions.get(one.name).inputs
    return fingerprint(one.witness, one.d, one.n, seed=seed, inputs=inputs)


def algorithm(name: str) -> str:
    """The function of `verify.algorithms` that a construction is a witness of; "" if of none."""
    found = constructions.get(name).equals or name
    return found if isinstance(found, str) and hasattr(algorithms, found) else ""


def proved(one: Known, found: Fingerprint) -> dict[str, Any] | None:
    """The exact parameters at which the algorithm that was found is the witness's own, for every n,
    d and prompt; None where that is not decided: for what sees more than eigenvalues."""
    own = algorithm(one.name)
    if not own or found.best not in {family.name for family in SPECTRAL}:
        return None
    taken = inspect.signature(getattr(algorithms, own)).parameters
    values = constructions.get(one.name).values(**one.parameters)
    given = {key: _exact(value) for key, value in values.items() if key in taken}
    if any(given.pop("w0", None) or ()):
        return None
    return exactly(found.best, found.parameters, own, given)


def _exact(value: Any) -> Any:
    """A number as a fraction; whole ones that count stay what they are."""
    return value if isinstance(value, (int, str, tuple)) or value is None else Fraction(value)
