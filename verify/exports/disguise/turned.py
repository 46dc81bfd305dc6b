"""What rounding costs more where a number is read of many units, and written into all of them.

In exact arithmetic a turned stream holds what the pairs held. In floats two things are others.

Reading. A number is w · x, with |w|² = 1/2 and |x|² = 2 |v|², v all that a token holds: so a sum of
products, in any order, is off by roundings of |v| and no longer of the number alone. What a norm
rounds is the same each time (`absolute`; of several numbers together no more than that, as they
are read at right angles), what the sum rounds is not (`own`).

Leaks. What is rounded in a unit is no error of the slot that is written, but has a part in the
direction of every slot, whose norms together are no more than the rounding's, over sqrt(2); and a
part that is in none. So everything that a token holds is off by as much, keys too, and the norm of
that is added up here (`leaked`) for all tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flint import arb

from ..formats import Format
from ..head_error import Reading
from ..propagation import Setting
from ..spectrum import LinearHead

ELEMENTWISE = (
    4  # roundings of a unit in a norm: less the mean, over the root, times gain, plus bias
)


@dataclass
class Leaks:
    """What no token is off by in any slot, nor outside of all slots, by leaks so far."""

    most: arb = field(default_factory=arb)


@dataclass(frozen=True)
class Turned(Setting):
    """A setting where slots are turned into `units` units of the stream."""

    leaks: Leaks = field(default_factory=Leaks)

    @property
    def units(self) -> int:
        """Of the stream, without the pairs of N and of the roles."""
        return self.room.width - 2 * (len(self.room.roles) + 1)

    def read(self, square: arb) -> Reading:
        """What a number is off by that is read of all units.

        What is outside of all slots is part of the variance, and its mean is subtracted from it.
        Roles are part of the variance too, and keep pairs of their own.
        """
        form, leaked = self.form, self.leaks.most
        pair = super().read(square + 2 * leaked**2)
        square = square - self.roles + 2 * leaked**2
        grown = 1 + pair.relative
        mean = pair.common + grown * leaked * (arb(2) / self.room.width).sqrt()
        norm = grown * square.sqrt() + mean * (arb(self.units) / 2).sqrt()
        absolute = pair.absolute * self.units + form.gamma(ELEMENTWISE) * norm
        own = form.gamma(self.units + 1) * norm  # weights are rounded, products, and sums
        constant = grown * (1 + mean / self.constants.unit) - 1
        return Reading(pair.relative, absolute, mean, own, constant, whole=absolute)

    @property
    def sink(self) -> Reading:
        """The sink holds zeros, which are read as zeros."""
        return Reading(arb(0), arb(0))


@dataclass(frozen=True)
class Carried:
    """What a head carries: numbers in all, slots read for them, and how large it is written.

    size: the norm of the map from what is carried to what is written.
    """

    numbers: int
    signs: int
    size: arb

    def rounded(self, keys: int, places: int, form: Format) -> arb:
        """What a stream is off by in norm, per norm of what is carried, by products and sums.

        Over keys each number by its own share, so that norms add up; over the places of all heads
        each unit of the stream by the sizes of all numbers.
        """
        return self.size * (
            form.gamma(keys + 1) + arb(self.numbers).sqrt() * form.gamma(places + 2)
        )

    def read_apart(self, read: Reading) -> arb:
        """What the norm of all of it, of one token, is off by in each head."""
        return read.own * arb(self.numbers * self.signs).sqrt()


def carried(head: LinearHead, entries: Mapping[str, int]) -> Carried:
    """entries: how many numbers a slot is."""
    found = [(into, c, signs) for into in head.values for c, signs in head.carried(into)]
    return Carried(
        sum(entries[into] for into, _, _ in found),
        sum(len(signs) for _, _, signs in found),
        sum((c**2 for _, c, _ in found), arb(0)).sqrt(),
    )
