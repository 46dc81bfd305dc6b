"""The error of an exported witness for every prompt of a box, from those of its heads and MLPs.

What an exported layer adds to the witness's own layer on the same numbers is its noise: a Frobenius
norm over all examples of a copy, and a norm at a query, for every slot. Its first order runs to the
prediction through the layers as they are without errors (`backward.py`). What is of second order,
products of errors, is noise too. For these, and for what numbers with errors do to the noise,
coarser bounds on all errors so far are carried along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flint import arb

from constructions.exports.copies import copies
from constructions.exports.gpt2 import EPSILON, FAR, Constants, Room, room_for
from constructions.weights import Weights

from ..checks.bounds.balls import ball
from . import spectrum
from .backward import Backward
from .formats import FUNCTION, Format
from .head_error import Asked, Reading, errors, unseen
from .sizes import Sizes
from .spectrum import LinearHead, LinearLayer, NoCertificate, PromptBox, Slots

INFINITE = arb("inf")
MOST = 120  # tokens that nobody reads stay below 2^120: infinity times 0 would be no number


@dataclass
class Errors:
    """Of every slot: of all examples, a Frobenius norm; of a query."""

    examples: dict[str, arb]
    query: dict[str, arb]

    def add(self, name: str, examples: arb, query: arb) -> None:
        self.examples[name] = self.examples.get(name, arb(0)) + examples
        self.query[name] = self.query.get(name, arb(0)) + query


@dataclass(frozen=True)
class Setting:
    """Constants, the room that they take, and the format."""

    room: Room
    constants: Constants
    form: Format

    def read(self, square: arb) -> Reading:
        """What numbers are off by when they are read through a norm; square: of the rest, summed.

        The variance is off by D + 8 roundings, its root by half of them, and ten are to come. The
        mean, which is 0, comes out as up to D + 4 roundings of 4 N/D.
        """
        width, form = self.room.width, self.form
        if not bool(square * width < arb(self.constants.unit) ** 2):
            return Reading(INFINITE, INFINITE)
        exact = arb(self.constants.unit) ** 2 + width * arb(EPSILON) / 2
        scaling = ((exact + square) / exact).sqrt() * (1 + form.gamma(width + 8) / 2)
        mean = form.gamma(width + 4) * 4 * self.constants.unit / width
        return Reading(scaling * (1 + form.unit) ** 10 - 1, 10 * form.unit * mean)

    @property
    def roles(self) -> arb:
        """The squares of a token's roles."""
        return len(self.room.roles) * arb(1).max((arb(self.constants.sink) / FAR) ** 2)

    @property
    def sink(self) -> Reading:
        """How the score of the sink is read, which holds nothing but roles."""
        read = self.read(self.roles)
        return Reading(read.relative + read.absolute * FAR / self.constants.sink, arb(0))

    def fits(self) -> bool:
        """Whether the weights are numbers of the format."""
        smallest = min((s for scales in self.constants.scales for s in scales), default=1.0)
        weight = arb(self.constants.sink).exp() * 2 / ball(smallest)
        return bool(weight.max(arb(2 * self.constants.unit)) < arb(2) ** self.form.largest)


class Propagation:
    """One witness on one box. Raises NoCertificate where it is not of the kind that is bounded."""

    def __init__(self, weights: Weights, box: PromptBox) -> None:
        self.weights, self.box, self.order = weights, box, copies(weights)
        self.layers = spectrum.layers_of(weights)
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
        backward = Backward(self.layers, self.exact, vectors, self.sizes.y, self.sizes.question)
        self.places = backward.places(weights.readout.slot, ball(weights.readout.coefficient))

    def constants(self, pairs: int, spread: float, sink: float, unit: int) -> Constants:
        """tau of each head so that no score of the box is above `spread` when multiplied by it."""
        scales = tuple(
            tuple(
                spread / float(own.max(asked).upper())
                for own, asked in (self.sizes.score(slots, head) for head in layer.heads)
            )
            for layer, slots in zip(self.layers, self.exact)
        )
        return Constants(pairs, sink, unit, scales)

    def error(self, constants: Constants, form: Format) -> arb:
        """A bound on |exported - witness| at every query of every prompt of the box."""
        setting = Setting(room_for(self.weights, self.order, constants.pairs), constants, form)
        if not setting.fits():
            return INFINITE
        zero = dict.fromkeys(self.names, arb(0))
        now, reached = Errors(dict(zero), dict(zero)), arb(0)
        unread = self._largest(self.exact[0], now)
        for number, layer in enumerate(self.layers):
            read = setting.read(self._square(self.exact[number], now) + setting.roles)
            most = max(unread.values(), key=float)
            if not bool(most < arb(2) ** MOST):
                return INFINITE
            noise = self._of_heads(number, layer, now, setting, read, most)
            now = self._after_heads(number, layer, now, noise)
            later = self._of_mlp(number, layer, now, setting, read)
            now = self._after_mlp(layer, now, later)
            for place, one in zip(self.places[number], (noise, later)):
                reached += sum((place.examples[n] * off for n, off in one.examples.items()), arb(0))
                reached += sum((place.query[n] * off for n, off in one.query.items()), arb(0))
            unread = self._unread(layer, unread, constants, number)
        return (reached + self._read_off(now, setting)).upper()

    # -- the noise of heads and MLP ---------------------------------------------------------------

    def _of_heads(
        self, number: int, layer: LinearLayer, now: Errors, setting: Setting, read: Reading,
        unread: arb,
    ) -> Errors:  # fmt: skip
        noise = Errors({}, {})
        for head, tau in zip(layer.heads, setting.constants.scales[number]):
            parts = 2 * setting.constants.pairs * len(layer.heads)
            for into in head.values:
                off = (
                    sum((abs(c) * now.examples[n] for n, c in head.values[into].items()), arb(0))
                    * abs(head.scale)
                    * self.sizes.spectral(self.exact[number], {head.key: arb(1)})
                )
                noise.add(into, off * now.examples[head.query], off * now.query[head.query])
                made = [
                    self._of_head(number, head, into, now, setting, read, ball(tau), parts, asking)
                    for asking in (False, True)
                ]
                hidden = unseen() * parts / ball(tau) * unread
                hidden *= sum((abs(c) for c in head.values[into].values()), arb(0))
                noise.add(into, made[0] + arb(self.box.n).sqrt() * hidden, made[1] + hidden)
        self._rounded(noise, set(noise.query), self.between[number], now, setting.form)
        return noise

    def _of_head(
        self, number: int, head: LinearHead, into: str, now: Errors, setting: Setting,
        read: Reading, tau: arb, parts: int, asking: bool,
    ) -> arb:  # fmt: skip
        """What the exported head adds, on numbers with the errors that they have.

        To a query's slot, or to all of the examples': then `many` tokens, each with an error of its
        own beside what is a share of all scores.
        """
        slots, sizes, root = self.exact[number], self.sizes, arb(self.box.n).sqrt()
        off = (now.query if asking else now.examples)[head.query]
        query = (sizes.at_query if asking else sizes.of_token)(slots, head.query) + off
        key = sizes.of_token(slots, head.key) * abs(head.scale)
        score = sizes.score(slots, head)[asking] + key * off
        spectral = abs(head.scale) * sizes.spectral(slots, {head.key: arb(1)})
        scores = sizes.scores(slots, head)[1] if asking else sizes.all_scores(slots, head)
        scores += spectral * off
        many = arb(1) if asking else root
        carried = head.carried(into)
        asked = Asked(
            self.box.n, score, key * query, arb(self.box.d).sqrt() * (key + query),
            self.box.d, parts * len(carried), tau, arb(setting.constants.sink),
            setting.constants.pairs,
        )  # fmt: skip
        relative, absolute = errors(asked, setting.form, read, setting.sink)
        added = arb(0)
        for c, signs in carried:
            wrong = sum((now.examples[name] for name in signs), arb(0))
            added += c * relative * scores * (sizes.frobenius(slots, signs) + wrong)
            added += c * many * absolute * (sizes.summed(slots, signs) + root * wrong)
            rounded = (1 + read.relative) * (1 + setting.form.gamma(2 * len(signs) + 2)) - 1
            for name in signs:
                held = sizes.frobenius(slots, {name: arb(1)}) + now.examples[name]
                added += c * rounded * held * (scores * (1 + relative) + many * absolute * root)
            entries = arb(self.box.d if into in sizes.vectors else 1).sqrt() * self.box.n
            added += c * many * read.absolute * entries * (score * (1 + relative) + absolute)
        return added

    def _of_mlp(
        self, number: int, layer: LinearLayer, now: Errors, setting: Setting, read: Reading
    ) -> Errors:
        noise, form, slots = Errors({}, {}), setting.form, self.between[number]
        for into, values in layer.mlp.items():
            # two hidden units each, read, GELU, and added up
            rounded = (1 + read.relative) * (1 + 2 * FUNCTION * form.unit)
            rounded = rounded * (1 + form.gamma(2 * len(values) + 3)) - 1
            entries = arb(self.box.d if into in self.sizes.vectors else 1).sqrt()
            for name, c in values.items():
                whole = self.sizes.frobenius(slots, {name: arb(1)}) + now.examples[name]
                asked = self.sizes.at_query(slots, name) + now.query[name]
                lost = 2 * read.absolute * entries
                noise.add(
                    into,
                    abs(c) * (rounded * whole + lost * arb(self.box.n).sqrt()),
                    abs(c) * (rounded * asked + lost),
                )
        self._rounded(noise, set(layer.mlp), self.exact[number + 1], now, form)
        return noise

    def _rounded(
        self, noise: Errors, names: set[str], after: Slots, now: Errors, form: Format
    ) -> None:
        """What is written is added to the stream, with a rounding; `now` is doubled for it."""
        for name in names:
            whole = self.sizes.frobenius(after, {name: arb(1)}) + noise.examples[name]
            asked = self.sizes.at_query(after, name) + noise.query[name]
            most = 8 * sum(now.examples.values(), arb(0)) * (1 + self.box.largest**2)
            noise.add(name, form.unit * (whole + most), form.unit * (asked + most))

    # -- errors so far, coarsely ------------------------------------------------------------------

    def _after_heads(self, number: int, layer: LinearLayer, now: Errors, noise: Errors) -> Errors:
        made, slots, sizes = (
            Errors(dict(now.examples), dict(now.query)),
            self.exact[number],
            self.sizes,
        )
        for head in layer.heads:
            own, asked = sizes.scores(slots, head)
            key = abs(head.scale) * sizes.spectral(slots, {head.key: arb(1)})
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
        return made

    def _after_mlp(self, layer: LinearLayer, now: Errors, noise: Errors) -> Errors:
        made = Errors(dict(now.examples), dict(now.query))
        for into, values in layer.mlp.items():
            for name, c in values.items():
                made.add(into, abs(c) * now.examples[name], abs(c) * now.query[name])
            made.add(into, noise.examples[into], noise.query[into])
        return made

    def _largest(self, slots: Slots, now: Errors) -> dict[str, arb]:
        """What a slot of no token exceeds."""
        sizes = self.sizes
        return {
            name: (sizes.of_token(slots, name) + now.examples[name]).max(
                sizes.at_query(slots, name) + now.query[name]
            )
            for name in self.names
        }

    def _square(self, slots: Slots, now: Errors) -> arb:
        return 2 * sum((size**2 for size in self._largest(slots, now).values()), arb(0))

    def _unread(
        self, layer: LinearLayer, held: Mapping[str, arb], constants: Constants, number: int
    ) -> dict[str, arb]:
        """What a slot of no token exceeds, be it right or not: weights add up to 1."""
        made = dict(held)
        for head, tau in zip(layer.heads, constants.scales[number]):
            z = ball(tau) * abs(head.scale) * held[head.query] * held[head.key] * constants.pairs
            share = 2 * constants.pairs * arb(constants.sink).exp() / ball(tau)
            if bool(z < 8):
                share = share.min(4 * self.box.n * constants.pairs * z.sinh() / ball(tau))
            for into, values in head.values.items():
                made[into] += share * sum((abs(c) * held[n] for n, c in values.items()), arb(0))
        after = dict(made)
        for into, values in layer.mlp.items():
            after[into] += 2 * sum((abs(c) * made[n] for n, c in values.items()), arb(0))
        return after

    def _read_off(self, now: Errors, setting: Setting) -> arb:
        """The last norm, and the read-out."""
        name, slots = self.weights.readout.slot, self.exact[-1]
        read = setting.read(self._square(slots, now) + setting.roles)
        rounded = (1 + read.relative) * (1 + setting.form.unit) ** 3 - 1
        held = self.sizes.at_query(slots, name) + now.query[name]
        return abs(ball(self.weights.readout.coefficient)) * (rounded * held + read.absolute)


def _written(layer: LinearLayer) -> set[str]:
    return {*layer.mlp, *(into for head in layer.heads for into in head.values)}
