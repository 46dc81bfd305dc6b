"""Every witness, measured: what the fingerprint and each measure say of a model that is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


class Known(NamedTuple):
    """A witness with the parameters that it was built with."""

    name: str
    parameters: Mapping[str, Any]
    witness: Any
    d: int
    n: int


def witnesses(d: int = D, n: int = N, seed: int = 0) -> Iterator[Known]:
    """Every construction that takes prompts of n examples in d dimensions (or in one).

    Whole numbers are those of its example; step sizes suit the prompt, of a few drawn ones, whose
    largest eigenvalue is the largest, so that none of them diverges.
    """
    for name in constructions.names():
        for size in (d, 1):
            try:
                yield _known(name, size, n, seed)
                break
            except (TypeError, ValueError, WrongCall):
                if size == 1:
                    raise


def _known(name: str, d: int, n: int, seed: int) -> Known:
    batch = gaussian(np.random.default_rng(seed), DRAWS, n, d, 1)
    tops = np.linalg.norm(batch.X, ord=2, axis=(1, 2))
    X = batch.X[int(np.argmax(tops))] * 2
    made = constructions.get(name)
    chosen = {
        key: kind.example
        for key, kind in made.parameters.items()
        if isinstance(kind, Whole) and key not in ("d", "examples", "n") and kind.example is not None
    }
    for key, kind in made.parameters.items():
        try:
            given, _ = suit(name, constructions.signature(name), chosen, X)
            break
        except WrongCall:  # what nothing chooses is as in the example
            if key not in chosen and kind.example is not None:
                chosen[key] = kind.example
    given, _ = suit(name, constructions.signature(name), chosen, X)
    return Known(name, given, constructions.build(name, **given), d, n)


def measured(known: Known, seed: int = 0) -> Fingerprint:
    """The fingerprint of a known witness."""
    return fingerprint(known.witness, known.d, known.n, seed=seed)
