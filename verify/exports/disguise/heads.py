"""The error of a disguised witness of linear heads: that of the pairs, and what turning adds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from flint import arb

from constructions.exports import disguise
from constructions.exports.gpt2 import Checkpoint, Constants, Room
from constructions.weights import Weights

from ...checks.bounds.balls import ball
from .. import spectrum
from ..backward import Backward
from ..formats import FUNCTION, Format
from ..head_error import HeadError, Reading, unseen
from ..propagation import Asker, Errors, Held, Propagation, Setting, most, square
from ..spectrum import LinearHead, LinearLayer, PromptBox
from .turned import Turned


class TurnedPropagation(Propagation):
    """`Propagation` of a witness that a seed disguises: the bound is the same for every seed."""

    def __init__(self, weights: Weights, box: PromptBox, seed: int) -> None:
        super().__init__(weights, box)
        self.seed = seed
        # what is rounded in the embedding reaches the prediction through all layers
        order = replace(self.order, reads=(0, *self.order.reads))
        layers, exact = (LinearLayer((), {}), *self.layers), (self.exact[0], *self.exact)
        sizes, readout = self.sizes, weights.readout
        backward = Backward(layers, exact, order, sizes.vectors, sizes.y, sizes.question)
        self.from_start = backward.places(readout.slot, ball(readout.coefficient))[0][1]

    def room(self, constants: Constants) -> Room:
        return disguise.room(self.weights, self.order, constants.pairs)

    def checkpoint(
        self, constants: Constants, kind: type[np.floating[Any]] = np.float32
    ) -> Checkpoint:
        return disguise.disguised(self.weights, constants, self.seed, kind=kind)

    def error(self, constants: Constants, form: Format) -> arb:
        start = self._embedded(self._setting(constants, form))
        reached = sum((self.from_start.examples[n] * off for n, off in start.examples.items()), arb(0))
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

    # -- heads ------------------------------------------------------------------------------------

    def _of_heads(
        self, number: int, layer: LinearLayer, now: Errors, setting: Setting, read: Reading,
        held: Held,
    ) -> tuple[Errors, Held]:  # fmt: skip
        noise, made = super()._of_heads(number, layer, now, setting, read, held)
        copy, form, leak = self.order.reads[number], setting.form, arb(0)
        for head, scale in zip(layer.heads, setting.constants.scales[number], strict=True):
            asked = spectrum.largest([one[head.query] for one in held[copy:]])
            any_token = self._askers(number, head, now, asked)[2]
            tau, added = ball(scale), setting.room.heads * setting.room.size
            found = self._alone(number, head, now, setting, read, tau, added, any_token)
            # sums over keys, then over all places of all heads
            summed = form.gamma(self.box.n + added + 6) * found.apart * self._carried(
                number, head, now, read
            )
            hidden = unseen() * 2 * setting.constants.pairs / tau * most(held) * self.box.n
            leak += self._places(head).sqrt() * _size(head) * (summed + hidden)
            leak += setting.room.width * found.lost
        leak += form.unit * (square(made).sqrt() + leak)
        self._leak(setting, leak, noise, made)
        return noise, made

    def _key(self, number: int, head: LinearHead, now: Errors) -> arb:
        return super()._key(number, head, now) + now.examples[head.key]

    def _askers(self, number: int, head: LinearHead, now: Errors, held: arb) -> tuple[Asker, ...]:
        """Keys are off as well."""
        off = abs(head.scale) * now.examples[head.key]
        return tuple(
            replace(one, score=one.score + off * one.query,
                    scores=one.scores + off * one.many * one.query)
            for one in super()._askers(number, head, now, held)
        )  # fmt: skip

    def _of_head(
        self, number: int, head: LinearHead, into: str, now: Errors, setting: Setting,
        read: Reading, tau: arb, added: int, asker: Asker,
    ) -> arb:  # fmt: skip
        """Places of a head are read each with errors of their own, and each is read of all units.

        What rounding adds where heads are added up is a leak.
        """
        pairs = super()._of_head(number, head, into, now, setting, read, tau, 0, asker)
        apart = self._alone(number, head, now, setting, read, tau, 0, asker).apart
        own = asker.many * _size(head) * apart * self.box.n * self._read_apart(head, read)
        slots, values, wrong = self.exact[number], head.values[into], arb(0)
        wrong = sum((abs(c) * now.examples[n] for n, c in values.items()), arb(0))
        moved = abs(head.scale) * now.examples[head.key] * asker.many * asker.query
        return pairs + own + moved * (self.sizes.spectral(slots, values) + wrong)

    def _read_apart(self, head: LinearHead, read: Reading) -> arb:
        """The norm of what is carried of a token is off by so much in each head."""
        signs = sum(len(signs) for into in head.values for _, signs in head.carried(into))
        return read.own * (self._places(head) * signs).sqrt()

    def _carried(self, number: int, head: LinearHead, now: Errors, read: Reading) -> arb:
        """The norms of what is carried of each token, added up."""
        slots, root, total = self.exact[number], arb(self.box.n).sqrt(), arb(0)
        for into in head.values:
            for _, signs in head.carried(into):
                wrong = sum((now.examples[name] for name in signs), arb(0))
                total += self.sizes.summed(slots, signs) + root * wrong
                total += self.box.n * self._entries(into).sqrt() * len(signs) * read.absolute
        return (1 + read.relative) * total + self.box.n * self._read_apart(head, read)

    def _entries(self, name: str) -> arb:
        return arb(self.box.d if name in self.sizes.vectors else 1)

    def _places(self, head: LinearHead) -> arb:
        """How many numbers a head carries."""
        return sum((self._entries(into) * len(head.carried(into)) for into in head.values), arb(0))

    # -- MLPs -------------------------------------------------------------------------------------

    def _of_mlp(
        self, number: int, layer: LinearLayer, now: Errors, setting: Setting, read: Reading,
        held: Held,
    ) -> tuple[Errors, Held]:  # fmt: skip
        """A hidden unit reads a sum of slots, and GELU's slope is at most 9/8."""
        noise, made = super()._of_mlp(number, layer, now, setting, read, held)
        if not layer.mlp:
            return noise, made
        form, sources = setting.form, {name for values in layer.mlp.values() for name in values}
        size = sum((abs(c) ** 2 for values in layer.mlp.values() for c in values.values()), arb(0))
        size, units = size.sqrt(), sum((self._entries(name) for name in sources), arb(0))
        whole = (1 + read.relative) * spectrum.largest(
            [sum((one[name] ** 2 for name in sources), arb(0)).sqrt() for one in held]
        )
        apart = units.sqrt() * (read.own + read.absolute)
        each = size * (3 * apart + 2 * FUNCTION * form.unit * whole)
        for into in layer.mlp:
            noise.add(into, arb(self.box.n).sqrt() * each, each)
            for one in made:
                one[into] += each
        leak = size * form.gamma(setting.room.hidden + 4) * units.sqrt() * (whole + 3 * apart)
        leak += 8 * (1 + size) * setting.room.hidden * form.least
        leak += form.unit * (square(made).sqrt() + leak)
        self._leak(setting, leak, noise, made)
        return noise, made


def _size(head: LinearHead) -> arb:
    """The norm of the map from what is carried to what is written."""
    squares = (c**2 for into in head.values for c, _ in head.carried(into))
    return sum(squares, arb(0)).sqrt()


__all__ = ["HeadError", "TurnedPropagation"]
