"""The free constants of an export, searched for the least error that can be certified."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from math import inf
from typing import Any, Protocol

import numpy as np
from flint import arb

from constructions.exports import gpt2
from constructions.exports.constants import Constants
from constructions.exports.disguise import Disguise
from constructions.exports.gpt2 import Checkpoint, NoExport
from constructions.exports.one_by_one import is_one_by_one
from constructions.weights import Weights

from ..checks.bounds.balls import top
from .disguise.heads import TurnedPropagation, scales
from .disguise.means import TurnedMeans
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
WORTH = (
    0.8  # a pair more is two heads more for each linear one: for less of an error it is not made
)
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


class Bounded(Protocol):
    """A witness on a box, and what bounds its export; constants are those of its writer."""

    @property
    def weights(self) -> Weights: ...

    def checkpoint(
        self, constants: Any, kind: type[np.floating[Any]] = np.float32
    ) -> Checkpoint: ...

    def error(self, constants: Any, form: Format) -> arb: ...


def bounded(weights: Weights, box: PromptBox, disguise: Disguise | None = None) -> Bounded:
    """What bounds the export's error for every prompt of the box, by the kind of attention.

    Raises NoExport or NoCertificate.
    """
    if is_one_by_one(weights):
        if disguise is not None:
            raise NoExport(
                f"{weights.name}: of heads that read one example no disguise is certified"
            )
        return OneByOne(weights, box)
    softmax = _softmax(weights)
    if disguise is not None:
        return (TurnedMeans if softmax else TurnedPropagation)(weights, box, disguise)
    return (WeightedMeans if softmax else Propagation)(weights, box)


def disguise_of(weights: Weights, box: PromptBox, seed: int) -> Disguise:
    """Slots are written larger where heads are linear. Raises NoExport or NoCertificate."""
    if is_one_by_one(weights) or _softmax(weights):
        return Disguise(seed)
    return Disguise(seed, scales(weights, box))


def _softmax(weights: Weights) -> bool:
    return any(one.attention == "softmax" for layer in weights.layer_list for one in layer.heads)


def search(propagation: Bounded, form: Format = FLOAT32) -> Constants:
    """The constants of the least certified error in this format: first the order and spread, of
    fewer pairs of heads where more are hardly better, then one constant after the other."""
    if isinstance(propagation, OneByOne):
        return sigmoids.search(propagation, form)
    if isinstance(propagation, WeightedMeans):
        units = map(propagation.constants, UNITS)
        return min(units, key=lambda one: top(propagation.error(one, form)))
    assert isinstance(propagation, Propagation)

    def constants(choice: Choice) -> gpt2.Constants:
        return propagation.constants(choice.pairs, choice.spread, choice.sink, choice.unit)

    @cache
    def error(choice: Choice) -> float:
        return top(propagation.error(constants(choice), form))

    of_pairs = [_least(error, (Choice(p, s) for s in SPREADS[::2])) for p in PAIRS]
    least = min(map(error, of_pairs))
    best = next(one for one in of_pairs if error(one) * WORTH <= least)
    best = _least(error, (replace(best, sink=sink) for sink in SINKS))
    near = (best.spread * 2 ** (i / 4) for i in range(-3, 4))
    best = _least(error, (replace(best, spread=spread) for spread in near))
    best = _least(error, (replace(best, unit=unit) for unit in UNITS))
    return constants(best)


def certificate(propagation: Bounded, constants: Constants) -> Certificate:
    """The bounds in every format, of given constants; none where a weight is no normal number."""
    tensors = propagation.checkpoint(constants, np.float64).tensors.values()
    weights = np.concatenate([np.abs(tensor[tensor != 0]) for tensor in tensors])
    bounds = {
        form.name: top(propagation.error(constants, form))
        if 2.0**form.tiny <= weights.min() and weights.max() < 2.0 ** (form.largest - 1)
        else inf
        for form in FORMATS
    }
    return Certificate(constants, top(propagation.error(constants, REALS)), bounds)


def _least(error: Callable[[Choice], float], among: Iterable[Choice]) -> Choice:
    return min(among, key=error)
