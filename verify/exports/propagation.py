"""The error of an exported witness for every prompt of a box, from those of its heads and MLPs.

What an exported layer adds to the witness's own layer on the same numbers is its noise: a Frobenius
norm over all examples of a copy, and a norm at a query, for every slot. Its first order runs to the
prediction through the layers as they are without errors (`backward.py`); by itself what all copies
have alike, of the keys that they read and of heads that are not quite linear. What is of second
order, products of errors, is noise too. For these, and for what numbers with errors do to the
noise, coarser bounds on all errors so far are carried along, and bounds on what any token holds.
These norms hold of +v and of -v, the two units of a pair, each by itself: they may be rounded
apart.

A factor that all heads of a layer have in common is no noise: how far the prediction moves with it
is known in each direction. So the layers here have any such factor that is near enough to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from flint import arb

from constructions.exports.copies import copies
from constructions.exports.gpt2 import (
    EPSILON,
    FAR,
    Checkpoint,
    Constants,
    Room,
    checkpoint,
    room_for,
)
from constructions.weights import Weights

from ..checks.bounds.balls import ball, interval
from . import spectrum
from .backward import Backward, Places, Weighed
from .formats import FUNCTION, Format
from .head_error import Asked, HeadError, Reading, drift, errors, left_out, unlike, unseen
from .sizes import Sizes
from .spectrum import LinearHead, LinearLayer, NoCertificate, PromptBox, Slots

INFINITE = arb("inf")
TINIEST, LARGEST = 1e-300, 1e300  # scores whose scales float64 holds
DRIFT = Fraction(1, 4096)  # the most that the factor of a layer's heads may be away from 1
Held = tuple[dict[str, arb], ...]  # what no token exceeds: of each copy, and of the queries


@dataclass
class Errors:
    """Of every slot: of all examples, a Frobenius norm; of a query."""

    examples: dict[str, arb]
    query: dict[str, arb]

    def add(self, name: str, examples: arb, query: arb) -> None:
        self.examples[name] = self.examples.get(name, arb(0)) + examples
        self.query[name] = self.query.get(name, arb(0)) + query


@dataclass
class Alike:
    """What is off at all tokens alike, each for its query.

    examples: as of Errors, of all examples of one copy; weighed: of a head and a slot that it
    writes the Frobenius norm of what queries are multiplied by too much.
    """

    examples: dict[str, arb] = field(default_factory=dict)
    weighed: Weighed = field(default_factory=dict)


@dataclass(frozen=True)
class Asker:
    """Tokens that ask a head: how they and their keys are read, how many they are, and what is at
    most the norm of their query, one of their scores, and the Frobenius norm of all; exact: the
    last two of the query without errors."""

    read: Reading
    many: arb
    query: arb
    score: arb
    scores: arb
    exact: tuple[arb, arb]


def reading(width: int, unit: int, square: arb, form: Format) -> Reading:
    """What numbers are off by that are read through a norm of `width` units beside N = unit.

    square: of all but N. The variance is off by D + 8 roundings, its root by half of them, and ten
    are to come. The mean, which is 0, comes out as up to D + 4 roundings of 4 N/D.
    """
    whole = arb(unit) ** 2
    if not (bool(square * width < whole) and bool(2 * whole < arb(2) ** form.largest)):
        return Reading(INFINITE, INFINITE, INFINITE)
    exact = whole + width * arb(EPSILON) / 2
    scaling = ((exact + square) / exact).sqrt() * (1 + form.gamma(width + 8) / 2)
    mean = form.gamma(width + 4) * 4 * unit / width
    absolute = 10 * form.unit * mean + 4 * unit * form.least
    relative = scaling * (1 + form.unit) ** 10 - 1
    return Reading(relative, absolute, mean * (1 + relative))


@dataclass(frozen=True)
class Readings:
    """How tokens are read on which something depends, and how any token is."""

    needed: Reading
    every: Reading


@dataclass(frozen=True)
class Setting:
    """Constants, the room that they take, and the format."""

    room: Room
    constants: Constants
    form: Format

    def read(self, square: arb) -> Reading:
        """What numbers are off by when they are read through a norm; square: of all but N."""
        return reading(self.room.width, self.constants.unit, square, self.form)

    @cached_property
    def roles(self) -> arb:
        """The squares of a token's roles."""
        return len(self.room.roles) * arb(1).max((arb(self.constants.sink) / FAR) ** 2)

    @cached_property
    def sink(self) -> Reading:
        """How the score of the sink is read, which holds nothing but roles."""
        read = self.read(self.roles)
        return Reading(read.relative + read.absolute * FAR / self.constants.sink, arb(0))


class Propagation:
    """One witness on one box. Raises NoCertificate where it is not of the kind that is bounded."""

    def __init__(self, weights: Weights, box: PromptBox) -> None:
        self.weights, self.box, self.order = weights, box, copies(weights)
        self.layers = spectrum.layers_of(weights, factor=interval(1 - DRIFT, 1 + DRIFT))
        spectrum.refuse_rounded(weights)  # nothing here bounds an error of what keys are
        self.exact = [spectrum.start(weights, box)]
        self.between: list[Slots] = []
        for layer in self.layers:
            self.between.append(spectrum.attended(layer, self.exact[-1]))
            self.exact.append(spectrum.computed(layer, self.between[-1]))
        self.names = [slot.name for slot in weights.layout.slots]
        vectors = frozenset(slot.name for slot in weights.layout.slots if slot.shape)
        written = {into for layer in self.layers for into in _written(layer)}
        for head in (head for layer in self.layers for head in layer.heads):
            if head.key in written:
                raise NoCertificate(f"{weights.name}: the keys of a head, {head.key}, change")
        self.sizes = Sizes(box, vectors, frozenset(self.names) - written)
        self.rooms: dict[int, Room] = {}  # a search asks the same again and again
        self.usual: dict[tuple[int, Constants], arb] = {}  # of what was asked last

    def _backward(self, alike: bool) -> Backward:
        sizes = self.sizes
        norms = sizes.y, sizes.question
        return Backward(self.layers, self.exact, self.order, sizes.vectors, *norms, alike=alike)

    @property
    def _read_out(self) -> tuple[str, arb]:
        return self.weights.readout.slot, ball(self.weights.readout.coefficient)

    @cached_property
    def places(self) -> Places:
        """How the prediction depends on errors that copies have each for itself."""
        return self._backward(alike=False).places(*self._read_out)

    @cached_property
    def _alike(self) -> tuple[Places, list[Weighed]]:
        return self._backward(alike=True).both(*self._read_out)

    @property
    def alike(self) -> Places:
        """The same of errors that all copies have alike."""
        return self._alike[0]

    @property
    def weighed(self) -> list[Weighed]:
        """The same of what queries are multiplied by."""
        return self._alike[1]

    @cached_property
    def moves(self) -> list[arb]:
        """How far the prediction moves with the factor of each layer's heads, per unit."""
        (slot, coefficient), moves = self._read_out, []
        for number, (before, after) in enumerate(zip(self.exact, self.between)):
            by = spectrum.computed(self.layers[number], spectrum.difference(after, before))
            for layer, slots in zip(self.layers[number + 1 :], self.exact[number + 1 :]):
                by = spectrum.computed(layer, spectrum.moved(layer, slots, by))
            moves.append(self.sizes.at_query(by, slot) * abs(coefficient))
        return moves

    @cached_property
    def scores(self) -> list[list[arb]]:
        """What no score of each head exceeds, layer by layer."""
        of_heads = [[self.sizes.score(slots, head) for head in layer.heads]
                    for layer, slots in zip(self.layers, self.exact)]  # fmt: skip
        return [[own.max(asked) for own, asked in row] for row in of_heads]

    def constants(self, pairs: int, spread: float, sink: float, unit: int) -> Constants:
        """tau of each head so that no score of the box is above `spread` when multiplied by it.

        Raises NoCertificate where that is no number of float64.
        """
        scores = [[float(one.upper()) for one in row] for row in self.scores]
        for size in chain.from_iterable(scores):
            if not TINIEST < size < LARGEST:
                raise NoCertificate(
                    f"{self.weights.name}: scores of up to {size:.2g} for {self.box.words}: "
                    "float64 does not hold what scales them; take fewer layers or smaller weights"
                )
        scales = tuple(tuple(spread / size for size in row) for row in scores)
        return Constants(pairs, sink, unit, scales)

    def room(self, constants: Constants) -> Room:
        """What the export takes."""
        if constants.pairs not in self.rooms:
            self.rooms[constants.pairs] = self._room(constants.pairs)
        return self.rooms[constants.pairs]

    def _room(self, pairs: int) -> Room:
        return room_for(self.weights, self.order, pairs)

    def checkpoint(
        self, constants: Constants, kind: type[np.floating[Any]] = np.float32
    ) -> Checkpoint:
        """The export, in floats of a kind."""
        return checkpoint(self.weights, constants, kind=kind)

    def error(self, constants: Constants, form: Format) -> arb:
        """A bound on |exported - witness| at every query of every prompt of the box."""
        setting = self._setting(constants, form)
        factor = drift(arb(constants.sink), form, setting.sink).exp() - 1
        if not bool(factor < ball(DRIFT) / 2):
            return INFINITE
        now, reached = self._embedded(setting), arb(0)
        for number, moves in enumerate(self.moves):
            reached += ((1 + factor) * (1 + self._usual(number, constants)) - 1) * moves
        held = self._known(0, now, ({},) * (self.order.count + 1))
        for number, layer in enumerate(self.layers):
            if not bool(most(held) < arb(2) ** (min(form.largest, 128) - 8)):
                return INFINITE
            keys = held[self.order.reads[number]]
            reads = self._readings(number, layer, setting, held, keys)
            noise, alike, held = self._of_heads(number, layer, now, setting, reads, held)
            if not known(held):
                return INFINITE
            now = self._after_heads(number, layer, now, noise, alike)
            self._rounded(noise, now, self.between[number], setting.form)
            reads = self._readings(number, layer, setting, held)
            later, held = self._of_mlp(number, layer, now, setting, reads, held)
            if not known(held):
                return INFINITE
            now = self._after_mlp(layer, now, later)
            self._rounded(later, now, self.exact[number + 1], setting.form)
            held = self._known(number + 1, now, held)
            every, same = self.places[number][0].examples, self.alike[number][0].examples
            for name, off in alike.examples.items():
                reached += every[name].min(same[name]) * off
            reached += sum(
                (self.weighed[number][n] * off for n, off in alike.weighed.items()), arb(0)
            )
            for place, one in zip(self.places[number], (noise, later)):
                reached += sum((place.examples[n] * off for n, off in one.examples.items()), arb(0))
                reached += sum((place.query[n] * off for n, off in one.query.items()), arb(0))
        read = setting.read(square(held[-1:]) + setting.roles)
        found = (reached + self._read_off(now, setting, read)).upper()
        return found if found.is_finite() else INFINITE  # infinity times 0 is no number

    def _setting(self, constants: Constants, form: Format) -> Setting:
        return Setting(self.room(constants), constants, form)

    def _embedded(self, setting: Setting) -> Errors:
        """Of the tokens as they come: none, since nothing of them is rounded."""
        return Errors(*(dict.fromkeys(self.names, arb(0)) for _ in range(2)))

    def _known(self, number: int, now: Errors, held: Held) -> Held:
        """What tokens hold before a layer: what is right there is as large as it has to be."""
        slots, sizes = self.exact[number], self.sizes
        made = [dict(one) for one in held]
        for name in self.names:
            right = max(self.order.right[number][u] for u in self.weights.layout.rows(name))
            for copy in range(right, self.order.count):
                made[copy][name] = sizes.of_token(slots, name) + now.examples[name]
            made[-1][name] = sizes.at_query(slots, name) + now.query[name]
        return tuple(made)

    def _usual(self, number: int, constants: Constants) -> arb:
        """Half of what the pairs of a layer leave out, of each of its heads at the most."""
        if (number, constants) in self.usual:
            return self.usual[number, constants]
        most = arb(0)
        for score, scale in zip(self.scores[number], constants.scales[number], strict=True):
            most = most.max(left_out(constants.pairs, ball(scale) * score))
        self.usual = {(number, constants): (most / 2).min(ball(DRIFT) / 4).upper()}
        return self.usual[number, constants]

    def _readings(
        self, number: int, layer: LinearLayer, setting: Setting, held: Held,
        *keys: dict[str, arb],
    ) -> Readings:  # fmt: skip
        """Needed are keys, and the tokens in which what the layer writes is right."""
        rows = (self.weights.layout.rows(name) for name in _written(layer))
        right = min((self.order.right[number + 1][u] for of in rows for u in of), default=0)
        needed = (*keys, *held[right:])
        return Readings(*(setting.read(square(these) + setting.roles) for these in (needed, held)))

    # -- the noise of heads and MLP ---------------------------------------------------------------

    def _of_heads(
        self, number: int, layer: LinearLayer, now: Errors, setting: Setting, reads: Readings,
        held: Held,
    ) -> tuple[Errors, Alike, Held]:  # fmt: skip
        """The noise, beside it what tokens have alike, and what they hold then: those before the
        copy that is read see no keys."""
        noise, made = Errors({}, {}), tuple(dict(one) for one in held)
        alike, sink = Alike(), arb(setting.constants.sink)
        other = unlike(sink, setting.form, reads.needed, setting.sink)
        scales, pairs = setting.constants.scales[number], setting.constants.pairs
        slots, root, copy = self.exact[number], arb(self.box.n).sqrt(), self.order.reads[number]
        for at, (head, scale) in enumerate(zip(layer.heads, scales, strict=True)):
            asked, tau = spectrum.largest([one[head.query] for one in held]), ball(scale)
            # what is not to be seen has keys too, queries among them
            key = abs(head.scale) * spectrum.largest([one[head.key] for one in held])
            if not bool(pairs * tau * key * (1 + reads.every.relative) ** 2 * asked < FAR / 4):
                return (
                    Errors(*(dict.fromkeys(head.values, INFINITE) for _ in range(2))),
                    alike,
                    made,
                )
            asked = self._asked(number, head, held)
            whole = abs(head.scale) * self.sizes.spectral(slots, head.key)
            for into, values in head.values.items():
                wrong = sum((abs(c) * now.examples[n] for n, c in values.items()), arb(0))
                off = whole * wrong
                noise.add(into, off * now.examples[head.query], off * now.query[head.query])
                summed = self._summed(layer, into, pairs)
                examples, query, token = (
                    self._of_head(number, head, into, now, setting, asker,
                                  self._alone(number, head, now, setting, tau, summed, asker))
                    for asker in self._askers(number, head, now, reads, asked)
                )  # fmt: skip
                hidden = unseen() * 2 * pairs / tau * most(held)
                hidden *= sum((abs(c) for c in values.values()), arb(0))
                alike.examples[into] = alike.examples.get(into, arb(0)) + examples[0]
                values_held = self.sizes.frobenius(slots, values) + wrong
                weighed = alike.weighed[at, into] = other * whole * values_held
                noise.add(into, examples[1] + root * hidden, sum(query, hidden))
                held_then = (whole * values_held + weighed) * asked
                for place, one in enumerate(made):
                    one[into] += hidden + (sum(token, held_then) if place >= copy else 0)
        return noise, alike, _rounded_up(made, setting.form)

    def _summed(self, layer: LinearLayer, into: str, pairs: int) -> int:
        """How many roundings a product of a share and a value meets until it is written."""
        carried = (len(one.carried(into)) for one in layer.heads if into in one.values)
        return self.box.n + 2 * pairs * sum(carried)

    def _asked(self, number: int, head: LinearHead, held: Held) -> arb:
        """The largest query of a token that sees keys."""
        return spectrum.largest([one[head.query] for one in held[self.order.reads[number] :]])

    def _askers(
        self, number: int, head: LinearHead, now: Errors, reads: Readings, held: arb
    ) -> tuple[Asker, ...]:
        """All examples that are right, a query, and any token, whose query is up to `held`."""
        slots, sizes = self.exact[number], self.sizes
        token = sizes.of_token(slots, head.key) * abs(head.scale)
        spectral = abs(head.scale) * sizes.spectral(slots, head.key)
        off, off_query = now.examples[head.query], now.query[head.query]
        own, asked = sizes.score(slots, head)
        of_all, of_query = sizes.all_scores(slots, head), sizes.scores(slots, head)[1]
        return (
            Asker(reads.needed, arb(self.box.n).sqrt(), sizes.of_token(slots, head.query) + off,
                  own + token * off, of_all + spectral * off, (own, of_all)),
            Asker(reads.needed, arb(1), sizes.at_query(slots, head.query) + off_query,
                  asked + token * off_query, of_query + spectral * off_query, (asked, of_query)),
            Asker(reads.every, arb(1), held, token * held, spectral * held,
                  (token * held, spectral * held)),
        )  # fmt: skip

    def _key(self, number: int, head: LinearHead, now: Errors) -> arb:
        """The norm of one key: no layer writes it."""
        return self.sizes.of_token(self.exact[number], head.key)

    def _alone(
        self, number: int, head: LinearHead, now: Errors, setting: Setting, tau: arb, summed: int,
        asker: Asker,
    ) -> HeadError:  # fmt: skip
        """What is off of a head whose values are numbers without errors."""
        key, scale = self._key(number, head, now), abs(head.scale)
        return errors(Asked(
            self.box.n, asker.score, scale * key * asker.query,
            asker.query, key, scale, self.box.d, summed, tau,
            arb(setting.constants.sink), setting.constants.pairs, asker.score - asker.exact[0],
            self._usual(number, setting.constants),
        ), setting.form, asker.read, setting.sink)  # fmt: skip

    def _of_head(
        self, number: int, head: LinearHead, into: str, now: Errors, setting: Setting,
        asker: Asker, found: HeadError,
    ) -> tuple[arb, arb]:  # fmt: skip
        """What the exported head adds, on numbers with the errors that they have: what is alike for
        tokens whose query would be the same, and the rest.

        found: what is off on numbers without errors.
        Each of `many` tokens has an error of its own, beside what is a share of all scores.
        """
        slots, sizes, root = self.exact[number], self.sizes, arb(self.box.n).sqrt()
        many, read, form = asker.many, asker.read, setting.form
        score, scores = asker.exact
        other = unlike(arb(setting.constants.sink), form, read, setting.sink)
        grown, alike, rest = 1 + found.relative + other, arb(0), arb(0)
        for c, signs in head.carried(into):
            wrong = sum((now.examples[name] for name in signs), arb(0))
            tokens = sizes.summed(slots, signs) + root * wrong
            alike += c * found.relative * scores * (sizes.frobenius(slots, signs) + wrong)
            alike += c * many * found.alike * tokens
            rest += c * many * found.absolute * tokens
            # a sum of several units is another in each head: they add up in any order
            each = form.gamma(2 * len(signs) - 1) if len(signs) > 1 else arb(0)
            rounded = (1 + read.relative) * (1 + form.gamma(2 * len(signs) + 2)) - 1
            numbers = self.box.d if into in sizes.vectors else 1
            entries = arb(numbers).sqrt()
            common = self.box.n * entries * read.common  # some units before the others
            for name in signs:
                held = sizes.frobenius(slots, name) + now.examples[name]
                tokens = sizes.summed(slots, name) + root * now.examples[name]
                alike += c * rounded * (held * scores * grown + many * found.alike * tokens)
                rest += c * rounded * (held * (asker.scores - scores) * grown
                                       + many * found.absolute * tokens)  # fmt: skip
                own = c * many * each * (1 + rounded) * found.apart * (tokens + common)
                alike, rest = alike + own, rest + own * found.shaken
            lost = c * many * read.of(numbers) * len(signs) * (1 + rounded) * self.box.n
            alike += lost * (score * grown + found.alike)
            rest += lost * ((asker.score - score) * grown + found.absolute + each * found.apart)
            rest += (1 + c) * many * entries * found.lost
        return alike, rest

    def _of_mlp(
        self, number: int, layer: LinearLayer, now: Errors, setting: Setting, reads: Readings,
        held: Held,
    ) -> tuple[Errors, Held]:  # fmt: skip
        """The noise, and what tokens hold then."""
        noise, form, slots = Errors({}, {}), setting.form, self.between[number]
        after = tuple(dict(one) for one in held)
        for into, values in layer.mlp.items():
            # two hidden units each, read, GELU, and added up
            own = (1 + 2 * FUNCTION * form.unit) * (1 + form.gamma(2 * len(values) + 3))
            rounded, in_any = (
                (1 + read.relative) * own - 1 for read in (reads.needed, reads.every)
            )
            numbers = self.box.d if into in self.sizes.vectors else 1
            for name, c in values.items():
                lost, lost_in_any = (
                    2 * own * (1 + read.relative) * (
                        abs(c) * read.of(numbers)
                        + 8 * (1 + abs(c)) * form.least * arb(numbers).sqrt()
                    )
                    for read in (reads.needed, reads.every)
                )  # fmt: skip
                whole = self.sizes.frobenius(slots, name) + now.examples[name]
                asked = self.sizes.at_query(slots, name) + now.query[name]
                noise.add(
                    into,
                    abs(c) * rounded * whole + lost * arb(self.box.n).sqrt(),
                    abs(c) * rounded * asked + lost,
                )
                for before, one in zip(held, after, strict=True):
                    one[into] += abs(c) * (1 + in_any) * before[name] + lost_in_any
        return noise, _rounded_up(after, form)

    def _rounded(self, noise: Errors, now: Errors, after: Slots, form: Format) -> None:
        """What is written is added to the stream, with a rounding: noise, and an error from now."""
        for name in noise.query:
            whole = self.sizes.frobenius(after, name) + now.examples[name]
            asked = self.sizes.at_query(after, name) + now.query[name]
            for one in (noise, now):
                one.add(name, form.unit * whole, form.unit * asked)

    # -- errors so far, coarsely ------------------------------------------------------------------

    def _after_heads(
        self, number: int, layer: LinearLayer, now: Errors, noise: Errors, alike: Alike
    ) -> Errors:
        made, slots, sizes = (
            Errors(dict(now.examples), dict(now.query)),
            self.exact[number],
            self.sizes,
        )
        for head in layer.heads:
            own, asked = sizes.scores(slots, head)
            key = abs(head.scale) * sizes.spectral(slots, head.key)
            for into, values in head.values.items():
                wrong = sum((abs(c) * now.examples[n] for n, c in values.items()), arb(0))
                turned = key * sizes.spectral(slots, values)
                made.add(
                    into,
                    wrong * own + turned * now.examples[head.query],
                    wrong * asked + turned * now.query[head.query],
                )
        for name in noise.query:
            made.add(name, noise.examples[name], noise.query[name])
        for name, off in alike.examples.items():
            made.add(name, off, arb(0))
        for (at, into), off in alike.weighed.items():
            query = layer.heads[at].query
            made.add(into, off * sizes.spectral(slots, query),
                     off * sizes.at_query(slots, query))  # fmt: skip
        return made

    def _after_mlp(self, layer: LinearLayer, now: Errors, noise: Errors) -> Errors:
        made = Errors(dict(now.examples), dict(now.query))
        for into, values in layer.mlp.items():
            for name, c in values.items():
                made.add(into, abs(c) * now.examples[name], abs(c) * now.query[name])
        for name in noise.query:
            made.add(name, noise.examples[name], noise.query[name])
        return made

    def _read_off(self, now: Errors, setting: Setting, read: Reading) -> arb:
        """The last norm, and the read-out."""
        name, slots = self.weights.readout.slot, self.exact[-1]
        rounded = (1 + read.relative) * (1 + setting.form.unit) ** 3 - 1
        held = self.sizes.at_query(slots, name) + now.query[name]
        off = rounded * held + read.absolute * (1 + rounded)
        return abs(ball(self.weights.readout.coefficient)) * off


def most(held: Held) -> arb:
    return spectrum.largest([size for one in held for size in one.values()])


def known(held: Held) -> bool:
    """Whether there is a bound; without one nothing is squared: FLINT ends Python at infinities
    that are off by infinity."""
    return bool(most(held).is_finite())


def square(held: Held) -> arb:
    """The largest sum of squares of what a token holds, but for roles and N."""
    return spectrum.largest([sum((size**2 for size in one.values()), arb(0)) for one in held])


def _rounded_up(held: Held, form: Format) -> Held:
    return tuple({name: size * (1 + form.unit) for name, size in one.items()} for one in held)


def _written(layer: LinearLayer) -> set[str]:
    return {*layer.mlp, *(into for head in layer.heads for into in head.values)}
