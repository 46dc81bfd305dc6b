"""Expectations of polynomials in Gaussian variables, exactly: Isserlis' theorem.

E[v_1 … v_2k] of jointly Gaussian variables of mean 0 is the sum over all pairings of the product
of the pairs' covariances. Here it is a recursion: the first variable is paired with each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from operator import mul
from typing import Any

from flint import fmpq_mpoly

from constructions.numbers.polynomial import Polynomial

Powers = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class GaussianVector:
    """Letters of a ring that are jointly Gaussian: mean 0, covariances of the same ring."""

    letters: tuple[str, ...]
    covariance: Sequence[Sequence[fmpq_mpoly]]
    one: fmpq_mpoly
    _known: dict[Powers, fmpq_mpoly] = field(default_factory=dict)

    def moment(self, powers: Powers) -> fmpq_mpoly:
        """E of the product of the letters to these powers."""
        if sum(powers) % 2:
            return self.one * 0
        if not any(powers):
            return self.one
        if powers not in self._known:
            first = next(i for i, power in enumerate(powers) if power)
            rest = list(powers)
            rest[first] -= 1
            total = self.one * 0
            for other, power in enumerate(rest):
                if power and self.covariance[first][other] != 0:
                    paired = list(rest)
                    paired[other] -= 1
                    expected = self.moment(tuple(paired))
                    total += power * self.covariance[first][other] * expected
            self._known[powers] = total
        return self._known[powers]


class Expectation:
    """E over independent Gaussian vectors; the other letters of the ring are constants."""

    def __init__(self, ring: Polynomial, vectors: Sequence[GaussianVector]) -> None:
        self.ring, self.vectors = ring, tuple(vectors)
        place = {letter: number for number, letter in enumerate(ring.letters)}
        self._places = [[place[letter] for letter in vector.letters] for vector in self.vectors]
        random = {number for places in self._places for number in places}
        self._constant = [number not in random for number in range(len(ring.letters))]
        self._known: dict[tuple[Powers, ...], fmpq_mpoly] = {}

    def __call__(self, polynomial: fmpq_mpoly) -> fmpq_mpoly:
        """E[polynomial], a polynomial in the letters that are not random."""
        constants: dict[tuple[Powers, ...], dict[Powers, Any]] = {}
        for exponents, coefficient in polynomial.to_dict().items():
            powers = list(map(int, exponents))
            drawn = tuple([tuple([powers[i] for i in places]) for places in self._places])
            if any([sum(one) % 2 for one in drawn]):
                continue
            rest = tuple(map(mul, powers, self._constant))
            constants.setdefault(drawn, {})[rest] = coefficient
        total = self.ring.element(0)
        for drawn, terms in constants.items():
            total += self._moment(drawn) * self.ring.context.from_dict(terms)
        return total

    def _moment(self, drawn: tuple[Powers, ...]) -> fmpq_mpoly:
        """E of the product of the vectors' letters to these powers."""
        if drawn not in self._known:
            moments = (vector.moment(one) for vector, one in zip(self.vectors, drawn) if any(one))
            self._known[drawn] = prod(moments, start=self.ring.element(1))
        return self._known[drawn]
