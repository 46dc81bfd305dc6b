"""The free constants of an export, searched for the least error that can be certified."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np
from flint import arb

from constructions.exports.one_by_one import is_one_by_one
from constructions.exports.write import Constants, checkpoint
from constructions.weights import Weights

from ..checks.bounds.balls import top
from .formats import BFLOAT16, FLOAT16, FLOAT32, REALS, Format
from .one_by_one import search as sigmoids
from .one_by_one.error import OneByOne
from .propagation import Propagation
from .spectrum import PromptBox
from .weighted_means import WeightedMeans

PAIRS = (1, 2, 3, 4)
SPREADS = tuple(0.4 * 2 ** (-i / 2) for i in range(-2, 10))
SINKS = (12.0, 13.5, 14.5, 15.0, 15.5, 17.0, 18.5, 20.0, 22.0, 25.0)
UNITS = tuple(2**power for power in range(10, 21, 2))
FORMATS = (FLOAT32, BFLOAT16, FLOAT16)


@dataclass(frozen=True)
class Choice:
    """pairs, spread (the largest tau |s|), sink and unit, as `Propagation.constants` takes them."""

    pairs: int = 1
    spread: float = 0.1
    sink: float = 20.0
    unit: int = 2**16


@dataclass(frozen=True)
class Certificate:
    """Bounds on |exported - witness| for every prompt of a box, with these constants.

    bounds: by format, of everything; architecture: what is left in exact arithmetic.
    """

    constants: Constants
    architecture: float
    bounds: dict[str, float]

    def rounding(self, form: str) -> float:
        """What is left for rounding."""
        return self.bounds[form] - self.architecture


Bounded = Propagation | WeightedMeans | OneByOne


def bounded(weights: Weights, box: PromptBox) -> Bounded:
    """What bounds the export's error for every prompt of the box, by the kind of attention.

    Raises NoExport or NoCertificate.
    """
    if is_one_by_one(weights):
        return OneByOne(weights, box)
    kinds = {head.attention for layer in weights.layer_list for head in layer.heads}
    return (WeightedMeans if "softmax" in kinds else Propagation)(weights, box)


def search(propagation: Bounded, form: Format = FLOAT32) -> Constants:
    """The constants of the least certified error in this format: first the best order and spread,
    then one constant after the other."""
    if isinstance(propagation, OneByOne):
        return sigmoids.search(propagation, form)

    def error(choice: Choice) -> float:
        found = top(_error(propagation, _constants(propagation, choice), form))
        return found if found == found else inf

    best = _least(error, (Choice(p, s) for p in PAIRS for s in SPREADS[::2]))
    best = _least(error, (replace(best, sink=sink) for sink in SINKS))
    near = (best.spread * 2 ** (i / 4) for i in range(-3, 4))
    best = _least(error, (replace(best, spread=spread) for spread in near))
    best = _least(error, (replace(best, unit=unit) for unit in UNITS))
    return _constants(propagation, best)


def certificate(propagation: Bounded, constants: Constants) -> Certificate:
    """The bounds in every format, of given constants; none where a weight is no normal number."""
    tensors = checkpoint(propagation.weights, constants, kind=np.float64).tensors.values()
    weights = np.concatenate([np.abs(tensor[tensor != 0]) for tensor in tensors])
    bounds = {
        form.name: top(_error(propagation, constants, form))
        if 2.0**form.tiny <= weights.min() and weights.max() < 2.0 ** (form.largest - 1)
        else inf
        for form in FORMATS
    }
    return Certificate(constants, top(_error(propagation, constants, REALS)), bounds)


def _error(propagation: Bounded, constants: Any, form: Format) -> arb:
    """Constants are those of the writer that the bound is of."""
    return propagation.error(constants, form)


def _constants(propagation: Propagation | WeightedMeans, choice: Choice) -> Constants:
    return propagation.constants(choice.pairs, choice.spread, choice.sink, choice.unit)


def _least(error: Callable[[Choice], float], among: Iterable[Choice]) -> Choice:
    return min(among, key=error)
