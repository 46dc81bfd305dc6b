"""The error of a disguised witness of softmax heads: that of the pairs, and what turning adds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from flint import arb

from constructions.exports import disguise
from constructions.exports.disguise import Disguise
from constructions.exports.gpt2 import Checkpoint, Constants
from constructions.weights import Weights

from .. import spectrum
from ..formats import Format
from ..head_error import Reading
from ..propagation import INFINITE, Setting
from ..spectrum import LinearHead, LinearLayer, PromptBox
from ..weighted_means import Held, Tokens, WeightedMeans
from .turned import Turned, carried


class TurnedMeans(WeightedMeans):
    """`WeightedMeans` of a witness that a seed disguises: the bound is the same for every seed."""

    def __init__(self, weights: Weights, box: PromptBox, disguised: Disguise) -> None:
        super().__init__(disguise.scaled(weights, disguised), box)
        self.witness, self.disguise = weights, disguised
        self.entries = {slot.name: slot.size for slot in weights.layout.slots}

    def checkpoint(
        self, constants: Constants, kind: type[np.floating[Any]] = np.float32
    ) -> Checkpoint:
        return disguise.disguised(self.witness, constants, self.disguise, kind=kind)

    def _setting(self, constants: Constants, form: Format) -> Turned:
        room = disguise.room(self.weights, self.order, constants.pairs)
        return Turned(room, constants, form)

    def _start(self, setting: Setting) -> Tokens:
        """Each unit of a token is rounded once."""
        now = super()._start(setting)
        return self._leak(setting, setting.form.unit * self._norm(now), now)

    def _norm(self, now: Tokens) -> arb:
        """Of all that a token holds."""
        squares = (self.entries[name] * one**2 for name, one in now.anywhere.items())
        return sum(squares, arb(0)).sqrt()

    def _leak(self, setting: Setting, size: arb, now: Tokens) -> Tokens:
        """Every slot of every token is off by so much more."""
        assert isinstance(setting, Turned)
        setting.leaks.most += size
        examples, query = (
            Held(one.size, {name: off + size for name, off in one.off.items()})
            for one in (now.examples, now.query)
        )
        return Tokens(examples, query, {name: one + size for name, one in now.anywhere.items()})

    def _read(self, held: Any, setting: Setting) -> Reading:
        """Queries and keys are off by what has leaked into them, and each number by its own."""
        assert isinstance(setting, Turned)
        read = super()._read(held, setting)
        absolute = read.absolute + read.own + setting.leaks.most
        return replace(read, absolute=absolute, whole=INFINITE)  # of several no more is known

    def after(self, layer: LinearLayer, now: Tokens, setting: Setting) -> Tokens | None:
        made = super().after(layer, now, setting)
        if made is None:
            return None
        read, form, leak = self._read(now.anywhere, setting), setting.form, arb(0)
        places = sum(carried(head, self.entries).numbers for head in layer.heads)
        for head in layer.heads:
            of = carried(head, self.entries)
            mean = self._carried(head, now, read)
            # sums over keys, then over the places of all heads
            summed = (form.gamma(self.box.n + places + 8) * arb(of.numbers).sqrt()) * mean
            leak += of.size * (summed + of.read_apart(read))
        assert isinstance(setting, Turned)
        leak += form.unit * (self._norm(made) + setting.leaks.most + leak)
        return self._leak(setting, leak, made)

    def _carried(self, head: LinearHead, now: Tokens, read: Reading) -> arb:
        """The norm of what is carried of a token: a mean of such is no larger."""
        squares = arb(0)
        for into in head.values:
            for _, signs in head.carried(into):
                of_all = sum((now.anywhere[name] + read.absolute for name in signs), arb(0))
                squares += self.entries[into] * ((1 + read.relative) * of_all) ** 2
        return spectrum.largest([squares.sqrt()])
