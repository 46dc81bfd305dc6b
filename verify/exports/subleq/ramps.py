"""What an MLP of GELUs writes, for all values of what it reads.

A unit that is written depends on few units, of which all values are tried. The hidden units are
then multiples of 1/4 STEEP, which floats of 64 bits add up exactly, and none of them is near 0: so
GELU is max(x, 0) there, and in a neighbourhood. What is written is linear in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from flint import arb

from constructions.exports.language_model import mlp_weights
from proofs.layer import MLP
from proofs.stream import Layout

from ...checks.bounds.balls import ball, top
from ..formats import FUNCTION, Format
from ..spectrum import NoCertificate
from .choices import MEAN

FAR = 8  # what a hidden unit is away from 0 at least
# |gelu(x) - max(x, 0)| <= TAIL |x| beyond FAR, of both forms of GELU: exp(-x^2/2), or less
TAIL = (-(arb(FAR) ** 2) / 2).exp()
Domains: TypeAlias = Mapping[str, Any]  # of each slot, what its units may be
ANYTHING = ()  # within [-1, 1], of a unit that is a mean
Values: TypeAlias = Callable[[str, int], np.ndarray]  # a slot's unit, on all that is tried
Wanted: TypeAlias = Callable[[Values], "np.ndarray | int"]


@dataclass(frozen=True)
class Ramps:
    """off: what a unit of each slot is off by, as it is read."""

    mlp: MLP | None
    stream: Layout
    form: Format
    off: Mapping[str, arb]

    def written(self, slot: str, i: int, domains: Domains, wanted: Wanted | None) -> arb:
        """What the unit is off by after the MLP, beside what it was off by before.

        domains: of each slot, the values that its units may have, or of each unit. What is wanted
        is None where it only has to be within [-1, 1].
        Raises NoCertificate where for some values it is anything else.
        """
        inner, outer = mlp_weights(self.mlp, self.stream)
        unit, one = self.stream.rows(slot)[i], self.stream.rows("one")[0]
        hidden = np.flatnonzero(outer[unit])
        inner, weights = inner[hidden], outer[unit, hidden]
        used = sorted({unit, *map(int, np.flatnonzero(inner.any(axis=0)))} - {one})
        names = [(each.name, j) for each in self.stream.slots for j in range(each.size)]
        tried = [_tried(domains, names[u]) for u in used]
        values = np.stack([each.ravel() for each in np.meshgrid(*tried)], axis=1).astype(float)
        reads, biases = inner[:, used], inner[:, one]
        units = values @ reads.T + biases
        mean = 1 + 2 * MEAN
        off = [self.off[slot] + (mean if domains[slot] is ANYTHING else 0)
               for slot, _ in (names[u] for u in used)]  # fmt: skip
        sizes = [_weighted(row, [1 + each for each in off]) + abs(ball(bias))
                 for row, bias in zip(reads, biases, strict=True)]  # fmt: skip
        rounded = [self.form.gamma(2 * len(used) + 3) * size for size in sizes]
        around = [_weighted(row, off) + e for row, e in zip(reads, rounded, strict=True)]
        least = np.abs(units).min(axis=0)
        if not all(ball(z) >= FAR + e for z, e in zip(least, around, strict=True)):
            raise NoCertificate(f"{slot}[{i}]: a hidden unit comes near 0")
        on = units > 0
        made = values[:, used.index(unit)] + (on * units) @ weights
        if wanted is None:
            right = np.abs(made) <= 1
        else:
            right = made == wanted(lambda name, j: values[:, self._place(used, name, j)])
        if not right.all():
            raise NoCertificate(f"{slot}[{i}] is not what it should be")
        slopes = np.abs((on * weights) @ reads) @ [_up(each) for each in off]
        # of each value that is tried: what is below 0 gives nothing, whatever it is rounded to
        sizes_of, shares = np.abs(units) + [_up(e) for e in around], np.abs(weights)
        function = FUNCTION * self.form.unit + TAIL
        lost = on @ (shares * [_up(e) for e in rounded]) + _up(function) * sizes_of @ shares
        summed = _up(self.form.gamma(len(hidden) + 4)) * (3 + (on * sizes_of) @ shares + lost)
        return ball((slopes + lost + summed).max()) * (1 + arb(2) ** -30)

    @property
    def writes(self) -> set[int]:
        """The units that the MLP writes."""
        return set(map(int, np.flatnonzero(mlp_weights(self.mlp, self.stream)[1].any(axis=1))))

    def _place(self, used: list[int], name: str, j: int) -> int:
        unit = self.stream.rows(name)[j]
        if unit not in used:
            raise NoCertificate(f"the MLP does not read {name}[{j}]")
        return used.index(unit)


def _tried(domains: Domains, name: tuple[str, int]) -> Sequence[int]:
    slot, i = name
    if slot not in domains:
        raise NoCertificate(f"the MLP reads {slot}, of which nothing is known")
    given = domains[slot]
    if given is ANYTHING:
        return (0,)
    return given[i] if isinstance(given[0], Sequence) else given


def _weighted(weights: np.ndarray, of: Sequence[arb]) -> arb:
    return sum((abs(ball(w)) * e for w, e in zip(weights, of, strict=True) if w), arb(0))


def _up(value: arb) -> float:
    return top(value) * (1 + 2**-30)
