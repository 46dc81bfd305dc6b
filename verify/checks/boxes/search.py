"""Searching a box for the largest difference: coordinate ascent in floats, from many starts.

What is found here is a point. How far apart the two programs are there is computed by running them,
in fractions or in balls (`certificate`), not by what is written here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from ...box import Range
from .bernstein import Polynomial
from .forms import Atom, Form, Letters, Sum

Values = Callable[[np.ndarray], np.ndarray]  # points (points, letters) -> (points,)
STARTS, SWEEPS = 8, 24


FUNCTIONS: dict[str, Values] = {
    "relu": lambda a: np.maximum(a, 0),
    "inverse": lambda a: 1 / a,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "log": np.log,
    "tanh": np.tanh,
    "erf": np.vectorize(math.erf, otypes=[float]),
}


class InFloats:
    """Forms over some letters, evaluated in floats at many points at once."""

    def __init__(self, letters: Letters) -> None:
        self.letters = letters
        self.names = (*letters.names, *(f"atom{k}" for k in range(len(letters.atoms))))
        self._atoms = [(atom.function, self._form(atom.argument)) for atom in letters.atoms]
        self.width = len(letters.names)

    def compiled(self, form: Form) -> Values:
        """The form's values at points of the letters alone."""
        values = self._form(form)

        def at(points: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                return values(self._with_atoms(points))

        return at

    def _with_atoms(self, points: np.ndarray) -> np.ndarray:
        full = np.zeros((len(points), len(self.names)))
        full[:, : self.width] = points
        for k, (function, argument) in enumerate(self._atoms):
            full[:, self.width + k] = FUNCTIONS[function](argument(full))
        return full

    def _form(self, form: Form) -> Values:
        above = self._sum(form.over)
        below = [(self._sum(self.letters.divisors[k]), power) for k, power in form.by.items()]

        def at(points: np.ndarray) -> np.ndarray:
            value, shift = above(points)
            for divisor, power in below:
                other, moved = divisor(points)
                value, shift = value / other**power, shift - power * moved
            return value * np.exp(shift)

        return at

    def _sum(self, one: Sum) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """(s, m): the sum is s e^m, which keeps large exponents in range."""
        terms = [(self._polynomial(u), self._polynomial(c)) for u, c in one.terms.values()]

        def at(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            if not terms:
                return np.zeros(len(points)), np.zeros(len(points))
            exponents = np.array([u(points) for u, _ in terms])
            most = exponents.max(axis=0)
            parts = np.array([c(points) for _, c in terms]) * np.exp(exponents - most)
            return parts.sum(axis=0), most

        return at

    def _polynomial(self, polynomial: Any) -> Values:
        if polynomial.is_zero():
            return lambda points: np.zeros(len(points))
        made = Polynomial.of(_cut(polynomial.to_dict(), len(self.names)), self.names)
        if not made.variables:
            value = float(made.coefficients[0])
            return lambda points: np.full(len(points), value)
        columns = [self.names.index(name) for name in made.variables]
        return lambda points: made.values(points[:, columns])


def _cut(terms: Mapping[tuple[Any, ...], Any], width: int) -> dict[tuple[Any, ...], Any]:
    return {exponents[:width]: coefficient for exponents, coefficient in terms.items()}


def ascend(
    values: Values,
    ranges: Mapping[str, Range],
    effort: float = 1.0,
    seed: int = 0,
    starts: int = STARTS,
) -> tuple[float, dict[str, Fraction]]:
    """(|value|, point) at the best point of the box that was found, in floats.

    One coordinate after the other is moved to the best of its ends, the middle and steps that
    become smaller, from corners and from points inside.
    """
    rng = np.random.default_rng(seed)
    box = list(ranges.values())
    lows, highs = (np.array([float(side[end]) for side in box]) for end in (0, 1))

    def sizes(points: np.ndarray) -> np.ndarray:
        return np.nan_to_num(np.abs(values(points)), nan=-1.0, posinf=-1.0)

    many = rng.uniform(lows, highs, (64 * starts, len(box)))
    corners = np.where(rng.integers(0, 2, many.shape).astype(bool), highs, lows)
    shrunk = rng.uniform(0, 1, (len(many), 1))  # corners of smaller boxes, too
    middle = (lows + highs) / 2
    many[::3], many[1::3] = corners[::3], (middle + shrunk * (corners - middle))[1::3]
    order = np.argsort(-sizes(many), kind="stable")
    points = many[order[:starts]].copy()
    best = sizes(points)
    step = 0.5
    for _ in range(math.ceil(effort * SWEEPS)):
        if step < 1e-4:
            break
        before = best.max()
        for v in rng.permutation(len(box)):
            width = step * (highs[v] - lows[v])
            if width == 0:
                continue
            tried = [np.full(len(points), at) for at in (lows[v], middle[v], highs[v])]
            tried += [
                np.clip(points[:, v] + by * width, lows[v], highs[v]) for by in (-1, -0.3, 0.3, 1)
            ]
            moved = np.repeat(points[None], len(tried), axis=0)
            moved[:, :, v] = tried
            found = sizes(moved.reshape(-1, len(box))).reshape(len(tried), -1)
            which, rows = found.argmax(axis=0), np.arange(len(points))
            better = found[which, rows] > best
            points[better, v] = moved[which, rows, v][better]
            best = np.where(better, found[which, rows], best)
        if best.max() <= before * (1 + 1e-3):
            step /= 3
    at = points[int(best.argmax())]
    exact = {
        name: min(max(Fraction(value), low), high)
        for (name, (low, high)), value in zip(ranges.items(), at.tolist())
    }
    return float(best.max()), exact


__all__ = ["Atom", "InFloats", "ascend"]
