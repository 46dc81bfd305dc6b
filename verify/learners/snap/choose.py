"""The simplest algorithm that a trained network is near enough to, and how far off it is.

Distances are bounds for every prompt of a box: the sum of the largest absolute values of the terms
of the difference, a polynomial in the moments (`Moments.coarse`), which is a norm. An algorithm is
found if its distance is at most a share of the bound on its own predictions. Its numbers are the
nearest ones, then rounded to the simplest fractions within the noise: twice the root mean square of
all that is left of the coefficients that reach a prediction. It at most doubles the distance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from ...box import Box
from ...checks.boxes.certificate import Certificate, certify
from ..fingerprint import asked
from ..intervals import Interval, root_mean_square
from ..judging import apart
from .algorithms import Groups, Kind, Stated, kinds
from .reach import reaching
from .read import Trained, coefficients
from .simplest import near

HALVINGS = 64  # of how far numbers are rounded
EFFORTS = (0.25, 1.0)  # of a quick check and of a full one: the claim is to pass both


@dataclass(frozen=True)
class Candidate:
    """An algorithm with its nearest numbers; distance and size are bounds on the box."""

    kind: Kind
    groups: Groups
    distance: Fraction  # of the network from it
    size: Fraction  # of what it predicts

    @property
    def share(self) -> float:
        return float(self.distance / self.size) if self.size else float("inf")

    @property
    def words(self) -> str:
        """With numbers of three digits at most where they are not rounded yet."""
        return self.kind.words(tuple(tuple(map(_short, group)) for group in self.groups))


@dataclass(frozen=True)
class Choice:
    """An algorithm with rounded numbers, the same before, and simpler ones that are too far off."""

    found: Candidate
    nearest: Candidate
    rejected: tuple[Candidate, ...]


@dataclass(frozen=True)
class Snapped:
    """What a network is.

    coefficients, reach: of the layers, and those that reach a prediction.
    certificates: of the network against the algorithm on the box, of a quick and a full check.
    """

    trained: Trained
    box: Box
    choice: Choice
    coefficients: int
    reach: int
    certificates: tuple[Certificate, ...]

    @property
    def stated(self) -> Stated:
        found, trained = self.choice.found, self.trained
        return found.kind.stated(found.groups, trained.reading, trained.d)

    @property
    def bound(self) -> float:
        """On |network - algorithm| for every prompt of the box, whichever check asks."""
        return max(_high(one) for one in self.certificates)

    def measured(self) -> dict[str, Interval]:
        """How far the network is from the algorithm on the prompts by which `fingerprint` decides:
        by kind, and "together"; relative, and root mean squares over prompts."""
        trained = self.trained
        algorithm = self.stated.witness(trained.reading, trained.d)
        errors = {
            kind: apart(trained.witness.predict(*batch), algorithm.predict(*batch))
            for kind, batch in asked(trained.d, trained.n).deciding.items()
        }
        errors["together"] = np.concatenate(list(errors.values()))
        return {kind: root_mean_square(each) for kind, each in errors.items()}

    @property
    def exact(self) -> bool:
        """Whether the network is the algorithm: the difference is the zero function."""
        return all(one.enclosure is not None and one.enclosure.zero for one in self.certificates)


class NoAlgorithmError(ValueError):
    """No algorithm is near enough; says which is nearest, and how far off. One line."""


def snap(trained: Trained, box: Box, tolerance: Fraction) -> Snapped:
    """The algorithm of a network, certified. Raises NoAlgorithmError."""
    choice = choose(trained, box, tolerance)
    found = choice.found
    stated = found.kind.stated(found.groups, trained.reading, trained.d)
    asked = replace(box, parameters=stated.matrices)

    def network(d: int, **matrices: Any) -> Any:
        return trained.witness

    certificates = tuple(
        certify(network, stated.formula(), asked, effort=effort) for effort in EFFORTS
    )
    reach = sum(map(len, reaching(trained.layers, trained.d)))
    coefficients = sum(map(len, trained.layers))
    return Snapped(trained, asked, choice, coefficients, reach, certificates)


def choose(trained: Trained, box: Box, tolerance: Fraction) -> Choice:
    """The algorithm of a network.

    tolerance: of the bound on the algorithm's predictions, how much the bound on the difference may
    be. Raises NoAlgorithmError.
    """
    rejected: list[Candidate] = []
    for kind in kinds(len(trained.layers)):
        nearest = candidate(trained, box, kind, kind.read_off(trained))
        if nearest.share <= tolerance:
            return Choice(rounded(trained, box, nearest, tolerance), nearest, tuple(rejected))
        rejected.append(nearest)
    best = min(rejected, key=lambda one: one.share)
    raise NoAlgorithmError(
        f"{trained.file}: no algorithm that is known is within {float(tolerance):.3g} of the bound "
        f"on its predictions; nearest is {best.words}, off by {best.share:.3g} of that"
    )


def candidate(trained: Trained, box: Box, kind: Kind, groups: Groups) -> Candidate:
    stated = kind.stated(groups, trained.reading, trained.d)
    predicted: Any = trained.moments.of_formula(stated.formula(), stated.matrices).polynomial
    assert predicted is not None
    distance = trained.moments.coarse(trained.prediction - predicted, box)
    return Candidate(kind, groups, distance, trained.moments.coarse(predicted, box))


def rounded(trained: Trained, box: Box, nearest: Candidate, tolerance: Fraction) -> Candidate:
    """With the simplest numbers within the noise, or within what the file's floats leave open.

    The distance is at most doubled, and in no case more than the tolerance.
    """
    open_ends = 16 * trained.unit * nearest.size
    most = min(max(2 * nearest.distance, open_ends), tolerance * nearest.size)
    within = max(noise(trained, nearest), 16 * trained.unit * _largest(nearest.groups))
    for _ in range(HALVINGS):
        groups = tuple(tuple(near(e, within) for e in group) for group in nearest.groups)
        made = candidate(trained, box, nearest.kind, groups)
        if made.distance <= most:
            return made
        within /= 2
    return nearest


def noise(trained: Trained, nearest: Candidate) -> Fraction:
    """Twice the root mean square, as rates, of what is left of the coefficients that reach a
    prediction: what was dropped, and what was moved when numbers were tied."""
    stated = nearest.kind.stated(nearest.groups, trained.reading, trained.d)
    squares = []
    for layer, blocks, places in zip(
        trained.layers,
        stated.blocks(trained.reading),
        reaching(trained.layers, trained.d),
        strict=True,
    ):
        ideal = coefficients(blocks, trained.d + 1, trained.n)
        squares += [(layer[place] - ideal.get(place, 0)) ** 2 for place in places]
    if not squares:
        return Fraction(0)
    return Fraction(2 * trained.reading.times * math.sqrt(sum(squares) / len(squares)))


def _largest(groups: Groups) -> Fraction:
    return max(abs(entry) for group in groups for entry in group)


def _high(one: Certificate) -> float:
    """Of the enclosure, or infinity."""
    return float("inf") if one.enclosure is None else one.enclosure.high


def _short(number: Fraction) -> Fraction:
    """It, or the simplest that is a thousandth part from it where it is long."""
    return number if number.denominator < 1000 else near(number, abs(number) / 1000)
