"""The error of a disguised witness of linear heads: that of the pairs, and what turning adds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import log2
from typing import Any

import numpy as np
from flint import arb

from constructions.exports import disguise
from constructions.exports.disguise import Disguise
from constructions.exports.gpt2 import Checkpoint, Constants, Room
from constructions.weights import Weights

from ...checks.bounds.balls import ball
from .. import spectrum
from ..backward import Backward
from ..formats import FUNCTION, Format
from ..head_error import HeadError, Reading, unseen
from ..propagation import (
    Alike,
    Asker,
    Errors,
    Held,
    Propagation,
    Readings,
    Setting,
    known,
    most,
    square,
)
from ..spectrum import LinearHead, LinearLayer, PromptBox
from .turned import Turned, carried

SLOPES = arb(63) / 50  # |g'(u)| + |g'(-u)| of GELU g, where g'(u) + g'(-u) = 1 and g' < 1.13
CURVATURE = 2  # |g''(u)| + |g''(-u)| of it is less


class TurnedPropagation(Propagation):
    """`Propagation` of a witness that a seed disguises: the bound is the same for every seed."""

    def __init__(self, weights: Weights, box: PromptBox, disguised: Disguise) -> None:
        super().__init__(disguise.scaled(weights, disguised), box)
        self.witness, self.disguise = weights, disguised
        self.entries = {slot.name: slot.size for slot in weights.layout.slots}
        # what is rounded in the embedding reaches the prediction through all layers
        order = replace(self.order, reads=(0, *self.order.reads))
        layers, exact = (LinearLayer((), {}), *self.layers), (self.exact[0], *self.exact)
        norms = self.sizes.y, self.sizes.question
        backward = Backward(layers, exact, order, self.sizes.vectors, *norms)
        (_, self.from_start), *self.places = backward.places(*self._read_out)

    def _room(self, pairs: int) -> Room:
        return disguise.room(self.weights, self.order, pairs)

    def checkpoint(
        self, constants: Constants, kind: type[np.floating[Any]] = np.float32
    ) -> Checkpoint:
        return disguise.disguised(self.witness, constants, self.disguise, kind=kind)

    def error(self, constants: Constants, form: Format) -> arb:
        start = self._embedded(self._setting(constants, form))
        reached = sum(
            (self.from_start.examples[n] * off for n, off in start.examples.items()), arb(0)
        )
        reached += sum((self.from_start.query[n] * off for n, off in start.query.items()), arb(0))
        return (super().error(constants, form) + reached).upper()

    def _setting(self, constants: Constants, form: Format) -> Turned:
        return Turned(self.room(constants), constants, form)

    def _embedded(self, setting: Setting) -> Errors:
        """Each unit of a token is rounded once."""
        slots, sizes = self.exact[0], self.sizes
        tokens = (
            sum((size(slots, name) ** 2 for name in self.names), arb(0)).sqrt()
            for size in (sizes.of_token, sizes.at_query)
        )
        made = super()._embedded(setting)
        self._leak(setting, setting.form.unit * spectrum.largest(list(tokens)), made)
        return made

    def _leak(self, setting: Setting, size: arb, noise: Errors, held: Held = ()) -> None:
        """Every slot of every token is off by so much more."""
        assert isinstance(setting, Turned)
        setting.leaks.most += size
        for name in self.names:
            noise.add(name, size * arb(self.box.n).sqrt(), size)
            for one in held:
                one[name] += size

    @staticmethod
    def _added(setting: Setting, held: Held, leak: arb) -> arb:
        """What is rounded where a block adds to what is held, in all units."""
        assert isinstance(setting, Turned)
        return setting.form.unit * (square(held).sqrt() + setting.leaks.most + leak)

    # -- heads ------------------------------------------------------------------------------------

    def _of_heads(
        self, number: int, layer: LinearLayer, now: Errors, setting: Setting, reads: Readings,
        held: Held,
    ) -> tuple[Errors, Alike, Held]:  # fmt: skip
        noise, alike, made = super()._of_heads(number, layer, now, setting, reads, held)
        if not known(made):
            return noise, alike, made
        form, pairs, leak = setting.form, setting.constants.pairs, arb(0)
        places = 2 * pairs * sum(carried(head, self.entries).numbers for head in layer.heads)
        for head, scale in zip(layer.heads, setting.constants.scales[number], strict=True):
            asked, of = self._asked(number, head, held), carried(head, self.entries)
            any_token, tau = self._askers(number, head, now, reads, asked)[-1], ball(scale)
            summed = self.box.n + places
            found = self._alone(number, head, now, setting, tau, summed, any_token)
            rounded = of.rounded(self.box.n, places, form) * found.apart
            rounded *= self._carried(number, head, now, reads.needed)
            hidden = unseen() * 2 * pairs / tau * most(held) * self.box.n
            leak += rounded + arb(of.numbers).sqrt() * of.size * hidden
            leak += setting.room.width * found.lost
        leak += self._added(setting, made, leak)
        self._leak(setting, leak, noise, made)
        return noise, alike, made

    def _key(self, number: int, head: LinearHead, now: Errors) -> arb:
        return super()._key(number, head, now) + now.examples[head.key]

    def _summed(self, layer: LinearLayer, into: str, pairs: int) -> int:
        """None: what rounding adds where heads are added up is a leak."""
        return 0

    def _askers(
        self, number: int, head: LinearHead, now: Errors, reads: Readings, held: arb
    ) -> tuple[Asker, ...]:
        """Keys are off as well."""
        off = abs(head.scale) * now.examples[head.key]
        return tuple(
            replace(one, score=one.score + off * one.query,
                    scores=one.scores + off * one.many * one.query)
            for one in super()._askers(number, head, now, reads, held)
        )  # fmt: skip

    def _of_head(
        self, number: int, head: LinearHead, into: str, now: Errors, setting: Setting,
        asker: Asker, found: HeadError,
    ) -> tuple[arb, arb]:  # fmt: skip
        """Places of a head are read each with errors of their own, each place of all units."""
        alike, rest = super()._of_head(number, head, into, now, setting, asker, found)
        of, slots, values = carried(head, self.entries), self.exact[number], head.values[into]
        own = asker.many * of.size * found.apart * self.box.n * of.read_apart(asker.read)
        wrong = sum((abs(c) * now.examples[n] for n, c in values.items()), arb(0))
        moved = abs(head.scale) * now.examples[head.key] * asker.many * asker.query
        rest += moved * (self.sizes.spectral(slots, values) + wrong)
        return alike + own, rest + own * found.shaken

    def _carried(self, number: int, head: LinearHead, now: Errors, read: Reading) -> arb:
        """The norms of what is carried of each token, added up."""
        slots, root, total = self.exact[number], arb(self.box.n).sqrt(), arb(0)
        for into in head.values:
            for _, signs in head.carried(into):
                wrong = sum((now.examples[name] for name in signs), arb(0))
                total += self.sizes.summed(slots, signs) + root * wrong
                total += self.box.n * arb(self.entries[into]).sqrt() * len(signs) * read.absolute
        apart = carried(head, self.entries).read_apart(read)
        return (1 + read.relative) * total + self.box.n * apart

    # -- MLPs -------------------------------------------------------------------------------------

    def _of_mlp(
        self, number: int, layer: LinearLayer, now: Errors, setting: Setting, reads: Readings,
        held: Held,
    ) -> tuple[Errors, Held]:  # fmt: skip
        """A hidden unit reads a sum of slots, for itself; what is off in a norm, for it and for its
        twin, is counted as of pairs."""
        noise, made = super()._of_mlp(number, layer, now, setting, reads, held)
        if not layer.mlp or not known(made):
            return noise, made
        form, sources = setting.form, {name for values in layer.mlp.values() for name in values}
        size = sum((abs(c) ** 2 for values in layer.mlp.values() for c in values.values()), arb(0))
        size, units = size.sqrt(), sum(self.entries[name] for name in sources)
        needed, every = (
            (SLOPES + CURVATURE * read.own) * arb(units).sqrt() * read.own
            + 2 * FUNCTION * form.unit * self._hidden(read, units, sources, held)
            for read in (reads.needed, reads.every)
        )
        for into in layer.mlp:
            noise.add(into, arb(self.box.n).sqrt() * size * needed, size * needed)
            for one in made:
                one[into] += size * every
        leak = form.gamma(setting.room.hidden + 4) * arb(units).sqrt()
        leak *= size * (self._hidden(reads.every, units, sources, held) + every)
        leak += 8 * (1 + size) * setting.room.hidden * form.least
        leak += self._added(setting, made, leak)
        self._leak(setting, leak, noise, made)
        return noise, made

    def _hidden(self, read: Reading, units: int, sources: Iterable[str], held: Held) -> arb:
        """The norm of all that hidden units read of a token."""
        squares = (sum((one[name] ** 2 for name in sources), arb(0)) for one in held)
        whole = (1 + read.relative) * spectrum.largest([one.sqrt() for one in squares])
        return whole + read.of(units)


def scales(weights: Weights, box: PromptBox) -> tuple[tuple[str, int], ...]:
    """By how much each slot is written larger, so that it is about as large as the largest input.

    Slots that one number is made of keep one scale. Raises NoExport or NoCertificate.
    """
    plain = Propagation(weights, box)
    largest = {
        name: spectrum.largest(
            [size(slots, name) for slots in plain.exact
             for size in (plain.sizes.of_token, plain.sizes.at_query)]
        )
        for name in plain.names
    }  # fmt: skip
    together = {name: {name} for name in plain.names}
    for head in (head for layer in plain.layers for head in layer.heads):
        for _, signs in (one for into in head.values for one in head.carried(into)):
            group = set().union(*(together[name] for name in signs))
            together |= dict.fromkeys(group, group)
    inputs = max(float(largest[name]) for name in plain.sizes.inputs)
    powers = {}
    for name, group in together.items():
        size = max(float(largest[one]) for one in group)
        if 0 < size < inputs and not group & plain.sizes.inputs:
            powers[name] = int(log2(inputs / size))
    return tuple((name, 2**power) for name, power in powers.items() if power)
