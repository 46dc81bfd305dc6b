"""The error of an exported witness whose heads are softmax heads, for every prompt of a box.

A softmax head gives a mean of values with weights w_j = exp(s_j)/sum_i exp(s_i). Where each score
is off by at most t, the weights that are too large are so by exp(t), the others too small by
exp(-t), at the worst; a share p of all becomes p exp(t)/(p exp(t) + (1 - p) exp(-t)), which is off
by no more than tanh(t/2), whatever p is. So the mean of values in [-v, v] is off by at most
2 v tanh(t/2), and what the values themselves are off by reaches it as their mean.

Scores are of slots that no layer writes. What tokens hold that nobody reads are means of such
values too, so that it is bounded, and no token's norm is above what is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from flint import arb

from constructions.exports.copies import copies
from constructions.exports.gpt2 import (
    FAR,
    POSITIONS,
    Checkpoint,
    Constants,
    checkpoint,
    room_for,
)
from constructions.weights import Weights

from ..checks.bounds.balls import ball
from . import spectrum
from .formats import FUNCTION, Format
from .head_error import Reading
from .propagation import INFINITE, Setting
from .spectrum import LinearHead, LinearLayer, NoCertificate, PromptBox


@dataclass(frozen=True)
class Scores:
    """Scores scale * sum_f q_f k_f, |q_f| <= query and |k_f| <= key, f one of `features`."""

    query: arb
    key: arb
    scale: arb
    features: int

    @property
    def largest(self) -> arb:
        return self.scale * self.features * self.query * self.key

    def computed(self, read: Reading, form: Format) -> arb:
        """What no score is off by: queries and keys are read, multiplied and added up."""
        own = (1 + read.relative) * self.query + read.absolute
        other = (1 + read.relative) * self.key + read.absolute
        reading = self.scale * self.features * (own * other - self.query * self.key)
        return reading + form.gamma(self.features + 9) * (self.largest + reading)

    def off(self, read: Reading, form: Format) -> arb:
        """What no logarithm of its exponential is off by: the largest score is subtracted first."""
        score = self.computed(read, form)
        subtracted = form.unit * 2 * (self.largest + score)
        return score + subtracted - (1 - FUNCTION * form.unit).log()


@dataclass(frozen=True)
class Means:
    """Weighted means of at most n values, whose scores are below `score` and off by `off`."""

    n: int
    score: arb
    off: arb
    form: Format

    @property
    def hidden(self) -> arb:
        """The weights of all keys that are not to be seen, above those that are."""
        return POSITIONS * (2 * (self.score + self.off) - arb(FAR) / 2).exp()

    def known(self) -> bool:
        """Whether no weight is lost to underflow, and keys that are not to be seen are not."""
        least = -2 * (self.score + self.off)
        tiny = self.form.tiny * arb(2).log()
        return bool(least > tiny) and bool(self.score + self.off < FAR / 8)

    def error(self, exact: arb, held: arb, anywhere: arb) -> arb:
        """How far off a mean is, beside what its values are off by.

        exact: values of the witness are below this; held: those of the export; anywhere: those at
        keys that are not to be seen.
        """
        form = self.form
        moved = 2 * exact * (self.off / 2).tanh()
        # the denominator, the quotient, products, their sum
        rounded = (1 + form.gamma(self.n)) ** 2 * (1 + form.unit) ** 2 - 1
        seen = moved + (rounded + 2 * self.hidden) * held
        return seen + 2 * self.hidden * anywhere


@dataclass(frozen=True)
class Held:
    """Of every slot, entry by entry: what its values are below, and off by."""

    size: Mapping[str, arb]
    off: Mapping[str, arb]

    def both(self, name: str) -> arb:
        return self.size[name] + self.off[name]


@dataclass(frozen=True)
class Tokens:
    """The examples of the copy that is right, the queries; what no entry of any token is above."""

    examples: Held
    query: Held
    anywhere: Mapping[str, arb]


class WeightedMeans:
    """One witness on one box. Raises NoCertificate where it is not of the kind that is bounded."""

    def __init__(self, weights: Weights, box: PromptBox) -> None:
        self.weights, self.box, self.order = weights, box, copies(weights)
        self.layers = spectrum.layers_of(weights, "softmax")
        written = {into for layer in self.layers for head in layer.heads for into in head.values}
        for layer in self.layers:
            if layer.mlp:
                raise NoCertificate(f"{weights.name}: an MLP beside softmax attention")
            for name in (slot for head in layer.heads for slot in (head.query, head.key)):
                if name in written:
                    raise NoCertificate(f"{weights.name}: the scores of a head, of {name}, change")

    def constants(self, unit: int) -> Constants:
        """Nothing else is free: a softmax head is one head, and does not see the sink."""
        return Constants(1, 0.0, unit, tuple((1.0,) * len(layer.heads) for layer in self.layers))

    def error(self, constants: Constants, form: Format) -> arb:
        """A bound on |exported - witness| at every query of every prompt of the box."""
        setting = self._setting(constants, form)
        if not bool(2 * arb(constants.unit) ** 2 < arb(2) ** form.largest):
            return INFINITE  # the variance is no number of the format
        now: Tokens | None = self._start(setting)
        for layer in self.layers:
            if now is not None:
                now = self.after(layer, now, setting)
        return INFINITE if now is None else self._read_off(now, setting)

    def checkpoint(
        self, constants: Constants, kind: type[np.floating[Any]] = np.float32
    ) -> Checkpoint:
        """The export, in floats of a kind."""
        return checkpoint(self.weights, constants, kind=kind)

    def _setting(self, constants: Constants, form: Format) -> Setting:
        return Setting(room_for(self.weights, self.order, constants.pairs), constants, form)

    def _start(self, setting: Setting) -> Tokens:
        return self.embedded(setting.form)

    def embedded(self, form: Format) -> Tokens:
        """A coefficient of the embedding costs a rounding; a query has y = 0."""
        made = []
        for most in ({"x": self.box.x, "y": self.box.y}, {"x": self.box.query, "y": 0}):
            size = {slot.name: arb(0) for slot in self.weights.layout.slots}
            for block in self.weights.prompt.embedding:
                size[block.destination] += abs(ball(block.coefficient)) * ball(most[block.source])
            made.append(Held(size, {name: form.unit * one for name, one in size.items()}))
        examples, query = made
        return Tokens(
            examples, query, {name: examples.both(name).max(query.both(name)) for name in size}
        )

    def _read(self, held: Mapping[str, arb], setting: Setting) -> Reading:
        """How a token is read no entry of which is above these."""
        sizes = {slot.name: slot.size for slot in self.weights.layout.slots}
        square = sum((sizes[name] * one**2 for name, one in held.items()), arb(0))
        return setting.read(square + setting.roles)

    def after(self, layer: LinearLayer, now: Tokens, setting: Setting) -> Tokens | None:
        """The tokens after a layer; None where there is no bound."""
        read = self._read(now.anywhere, setting)
        if not bool(read.relative < arb(1) / 4):
            return None
        made = []
        for token in (now.examples, now.query):
            size, off = dict(token.size), dict(token.off)
            for head in layer.heads:
                means = self._means(head, token, now, read, setting.form)
                if not means.known():
                    return None
                for into in head.values:
                    exact, added = _written(head, into, now, means, read)
                    added += setting.form.gamma(len(layer.heads)) * (exact + added)
                    size[into], off[into] = size[into] + exact, off[into] + added
            for into in {into for head in layer.heads for into in head.values}:
                off[into] += setting.form.unit * (size[into] + off[into])
            made.append(Held(size, off))
        return Tokens(made[0], made[1], _anywhere(layer, now.anywhere, read, setting.form))

    def _means(
        self, head: LinearHead, token: Held, now: Tokens, read: Reading, form: Format
    ) -> Means:
        """Queries are keys of later queries, though not to be seen. The embedding is a rounding."""
        key = now.examples.size[head.key].max(now.query.size[head.key])
        scores = Scores(token.size[head.query], key, abs(head.scale), self.weights.d)
        embedded = replace(read, relative=(1 + read.relative) * (1 + form.unit) - 1)
        return Means(self.box.n, scores.largest, scores.off(embedded, form), form)

    def _read_off(self, now: Tokens, setting: Setting) -> arb:
        """The last norm, and the read-out."""
        name, query = self.weights.readout.slot, now.query
        read = self._read({slot: query.both(slot) for slot in query.size}, setting)
        rounded = (1 + read.relative) * (1 + setting.form.unit) ** 3 - 1
        reached = query.off[name] + rounded * query.both(name) + read.absolute
        return (abs(ball(self.weights.readout.coefficient)) * reached).upper()


def _written(
    head: LinearHead, into: str, now: Tokens, means: Means, read: Reading
) -> tuple[arb, arb]:
    """What a head adds to a slot: its largest size, and what it is off by."""
    form, size, off = means.form, arb(0), arb(0)
    numbers = head.carried(into)
    for c, signs in numbers:
        exact = sum((now.examples.size[name] for name in signs), arb(0))
        wrong = sum((now.examples.off[name] for name in signs), arb(0))
        summed = (1 + read.relative) * (1 + form.gamma(2 * len(signs) + 2)) - 1
        wrong += summed * (exact + wrong) + 2 * len(signs) * read.absolute
        other = sum((now.anywhere[name] + read.absolute for name in signs), arb(0))
        wrong += means.error(exact, exact + wrong, 2 * other)
        # the weight, its product, the sum of all that is carried
        rounded = form.gamma(len(numbers) + 3)
        size += c * exact
        off += c * (wrong + rounded * (exact + wrong))
    return size, off


def _anywhere(
    layer: LinearLayer, held: Mapping[str, arb], read: Reading, form: Format
) -> dict[str, arb]:
    """Shares are positive and add up to 1 but for rounding, whatever it is that a token sees."""
    made = dict(held)
    grown = (1 + read.relative) * (1 + form.gamma(POSITIONS)) ** 2 * (1 + form.unit) ** 8
    for head in layer.heads:
        for into, values in head.values.items():
            for name, c in values.items():
                made[into] += abs(c) * (grown * held[name] + 2 * read.absolute)
    return {name: one * (1 + form.unit) for name, one in made.items()}
