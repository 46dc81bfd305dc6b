"""Every witness, measured: what the fingerprint and each measure say of a model that is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

import constructions
from constructions.parameters import Whole

from ..inputs.errors import WrongCall
from ..inputs.region import suit
from .data import gaussian
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
        if kind.example is not None and key not in ("d", "examples", "n")
    }
    chosen = dict(given)
    for key, kind in kinds.items():
        if isinstance(kind, Whole):
            chosen.setdefault(key, kind.example)
    while True:
        try:
            return suit(name, constructions.signature(name), chosen, X)[0]
        except WrongCall:
            # what nothing chooses is as in the example
            missing = next((key for key in kinds if key not in chosen), None)
            if missing is None:
                raise
            chosen[missing] = kinds[missing].example


def known(name: str, d: int = D, n: int = N, seed: int = 0) -> Known:
    """The witness for prompts of these sizes, or with d = 1 if it takes no other."""
    try:
        given = suited(name, {}, d, n, seed)
        return Known(name, given, constructions.build(name, **given), d, n)
    except (TypeError, ValueError, WrongCall):
        if d == 1:
            raise
        return known(name, 1, n, seed)


def measured(one: Known, seed: int = 0) -> Fingerprint:
    """The fingerprint of a known witness."""
    return fingerprint(one.witness, one.d, one.n, seed=seed)
