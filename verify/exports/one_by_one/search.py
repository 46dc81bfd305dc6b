"""The sigmoids of an export, searched for the least error that can be certified."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import product
from math import inf

from constructions.exports.one_by_one import Constants
from constructions.exports.sigmoids import divider, odd

from ...checks.bounds.balls import top
from ..formats import FLOAT32, Format
from .error import OneByOne
from .fits import Fit, fit_error, fit_seen

PAIRS = (2, 3, 4)
SPREADS = tuple(2 ** (-i / 2) for i in range(-1, 5))
OFFSETS = (0.0, -1.0, -2.0)
HEADS = (5, 6, 7, 8)
SLOPES = tuple(2 ** (-i / 2) for i in range(1, 7))
GROWTHS = (1.8, 2.0, 2.2, 2.5)
BELOW = (-2.0, -3.0, -4.0)
UNITS = (2**14, 2**16, 2**18)


@dataclass(frozen=True)
class Choice:
    """pairs, spread (the largest score of the first pair) and offset of linear heads; heads, slope,
    growth and offset (`below`) of a division; unit."""

    pairs: int = 3
    spread: float = 0.5
    offset: float = 0.0
    heads: int = 7
    slope: float = 0.3
    growth: float = 2.3
    below: float = -3.0
    unit: int = 2**16


def constants(propagation: OneByOne, choice: Choice) -> Constants:
    """What a choice stands for on this box."""
    highest, largest = (float(propagation.largest(kind)) for kind in ("linear", "normalised"))
    return Constants(choice.unit, {
        "linear": odd(choice.pairs, choice.spread / highest, choice.offset, highest),
        "normalised": divider(choice.heads, choice.slope, choice.growth, choice.below, largest),
    })  # fmt: skip


def search(propagation: OneByOne, form: Format = FLOAT32) -> Constants:
    """The constants of the least certified error in this format, one part after the other."""

    def error(choice: Choice, fit: Fit = fit_error) -> float:
        return top(propagation.error(constants(propagation, choice), form, fit))

    def divided(choice: Choice, fit: Fit = fit_error) -> float:
        return top(propagation.divides(constants(propagation, choice), form, fit).shared)

    dividers = product(HEADS, SLOPES, GROWTHS)
    best = _least(divided, (Choice(heads=k, slope=s, growth=g) for k, s, g in dividers))
    near = product(BELOW, (2 ** (i / 8) for i in range(-2, 3)))
    best = _least(divided, (replace(best, below=b, slope=best.slope * by) for b, by in near))
    lines = product(PAIRS, SPREADS, OFFSETS)
    best = _least(error, (replace(best, pairs=p, spread=s, offset=b) for p, s, b in lines))
    best = _least(error, (replace(best, spread=best.spread * 2 ** (i / 8)) for i in range(-3, 4)))
    best = _least(error, (replace(best, unit=unit) for unit in UNITS))
    return constants(propagation, best)


def _least(error: Callable[..., float], among: Iterable[Choice]) -> Choice:
    """The first of those whose error is least. Fits are bounded where what is seen of them is no
    worse than what was found."""
    choices = list(among)
    least, best = inf, 0
    seen = [error(choice, fit_seen) for choice in choices]
    for at in sorted(range(len(choices)), key=seen.__getitem__):
        if seen[at] <= least:
            least, best = min((least, best), (error(choices[at]), at))
    return choices[best]
