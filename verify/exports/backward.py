"""What of an error made in a layer reaches the prediction, in the singular basis.

Backwards from the prediction: to an error of a query's vector slot the prediction is sensitive by
a_i psi(s_i) in direction i, |a| <= |y|; to one of a vector slot of the examples of one copy by
a_i b_j M(s_i, s_j), |b| <= |query|; to one of their number slots by b_j beta(s_j); to one of the
query's number slots by a number. Each layer multiplies by what it does to an error of that
direction, so no direction is taken for the worst of one layer and for the worst of another. psi,
beta and M are arrays of balls over the pieces of the range of s.

Every copy of the examples has roundings of its own, and they may be the worst for each of the
directions in which the copies matter: so there is an M of each copy, and norms are added up. What
all copies are off by alike, since keys are read once, reaches the prediction with the sign that it
has: then one copy stands for all, and what the layers do to its errors is added up as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb

from constructions.exports.copies import Copies

from . import spectrum
from .spectrum import COARSE, LinearHead, LinearLayer, Slots

Array = Any  # of arb: (1,), (COARSE,) or (COARSE, COARSE)
Arrays = dict[tuple[str, int], Array]  # of a slot in a copy, the last "copy" being the queries


@dataclass(frozen=True)
class Sensitive:
    """How the prediction depends on errors of each slot at one place, norms put in."""

    examples: dict[str, arb]
    query: dict[str, arb]


Weighed = dict[tuple[int, str], arb]  # of a head, by its number, and a slot that it writes
Places = list[tuple[Sensitive, Sensitive]]  # of each layer: after its heads, after its MLP


class Backward:
    """The layers, backwards, of errors of each copy or, `alike`, of those that all copies have.

    vectors: the slots (d,); y and query: the norms of all examples' y and of a query.
    """

    def __init__(
        self, layers: Sequence[LinearLayer], exact: Sequence[Slots], order: Copies,
        vectors: frozenset[str], y: arb, query: arb, *, alike: bool = False,
    ) -> None:  # fmt: skip
        self.layers, self.vectors, self.alike = layers, vectors, alike
        self.reads = (0,) * len(layers) if alike else order.reads
        self.queries = 1 if alike else order.count  # where they are among the copies
        self.exact = [slots.coarse for slots in exact]
        self.norms = y, query

    def places(self, readout: str, coefficient: arb) -> Places:
        """How the prediction depends on errors of each slot, at each place."""
        return self.both(readout, coefficient)[0]

    def both(self, readout: str, coefficient: arb) -> tuple[Places, list[Weighed]]:
        """These, and how the prediction depends on what each layer's heads multiply queries by.

        A head writes N q at each token of query q, so it does where N is off, at all tokens alike:
        in the singular basis N_ij f(s_j) at the examples, N_ij F(s_j) at the query.
        """
        one = _zeros(int(readout in self.vectors)) + abs(coefficient)
        sensitive: Arrays = {(readout, self.queries): one}
        places, weighed = [], []
        for number in reversed(range(len(self.layers))):
            after_mlp = self._norms(sensitive)
            sensitive = self._before_mlp(number, sensitive)
            places.append((self._norms(sensitive), after_mlp))
            weighed.append(self._weighed(number, sensitive) if self.alike else {})
            sensitive = self._before_heads(number, sensitive)
        return places[::-1], weighed[::-1]

    def _weighed(self, number: int, after: Arrays) -> Weighed:
        (y, q), slots, made = self.norms, self.exact[number], Weighed()
        for at, head in enumerate(self.layers[number].heads):
            own, asked = _array(slots.examples[head.query]), _array(slots.query[head.query])
            for into in head.values:
                vector = into in self.vectors
                total = _zeros(2 if vector else 1)
                if (into, 0) in after:
                    total = total + after[into, 0] * own
                if (into, self.queries) in after:
                    of = after[into, self.queries]
                    total = total + (of[:, None] if vector else of) * asked
                made[at, into] = _top(total) * (y if vector else 1) * q
        return made

    def _norms(self, sensitive: Arrays) -> Sensitive:
        y, q = self.norms
        made = Sensitive(*(dict.fromkeys(self.exact[0].examples, arb(0)) for _ in range(2)))
        for (name, at), array in sensitive.items():
            side = made.query if at == self.queries else made.examples
            by = (y if name in self.vectors else 1) * (1 if at == self.queries else q)
            side[name] += _top(array) * by
        return made

    def _before_heads(self, number: int, after: Arrays) -> Arrays:
        """What the errors before the heads do to the prediction, by what those after them do."""
        before: Arrays = {}
        slots, copy = self.exact[number], self.reads[number]

        def add(name: str, at: int, array: Array) -> None:
            before[name, at] = before[name, at] + array if (name, at) in before else array

        for (into, at), array in after.items():
            heads = [head for head in self.layers[number].heads if into in head.values]
            if at == self.queries:
                for name, factor in self._of_query(into, heads, slots).items():
                    add(name, at, self._size(factor) * array)
                for name, share in self._of_asked(into, heads, slots):
                    add(name, copy, array[:, None] * share if into in self.vectors
                        else array * share)  # fmt: skip
                continue
            for name, factor in self._of_examples(into, heads, slots).items():
                add(name, at, _outer(self._size(factor), array))
            if self.alike or at > copy:
                for name, factor in self._of_read(into, heads, slots).items():
                    add(name, copy, _outer(self._size(factor), array))
        return before

    def _size(self, factor: Array) -> Array:
        """Signs count where errors are alike."""
        return factor if self.alike else _abs(factor)

    def _before_mlp(self, number: int, after: Arrays) -> Arrays:
        made = dict(after)
        for (into, at), array in after.items():
            for name, c in self.layers[number].mlp.get(into, {}).items():
                more = array * (c if self.alike else _beside(c, name == into))
                made[name, at] = made[name, at] + more if (name, at) in made else more
        return made

    def _of_examples(
        self, into: str, heads: Sequence[LinearHead], slots: Slots
    ) -> dict[str, Array]:
        """{slot: what its error is multiplied by in its own token}; (i, j) or (j,)."""
        made: dict[str, Array] = {into: _zeros(2 if into in self.vectors else 1) + 1}
        for head in heads:
            left = self._read(head, into, slots)[:, None] * (_zeros(2) + 1)
            made[head.query] = made.get(head.query, _zeros(2)) + left
        return made

    def _of_read(self, into: str, heads: Sequence[LinearHead], slots: Slots) -> dict[str, Array]:
        """As above, in the tokens that heads read."""
        vector, made = into in self.vectors, dict[str, Array]()
        for head in heads:
            scores = spectrum.product(slots.examples[head.key], slots.examples[head.query])
            right = _array(scores) * head.scale
            for name, c in head.values[into].items():
                old = made.get(name, _zeros(2 if vector else 1))
                made[name] = old + (right[None, :] * c if vector else right * c)
        return made

    def _of_query(self, into: str, heads: Sequence[LinearHead], slots: Slots) -> dict[str, Array]:
        made: dict[str, Array] = {into: _zeros(1 if into in self.vectors else 0) + 1}
        for head in heads:
            made[head.query] = made.get(head.query, _zeros(1)) + self._read(head, into, slots)
        return made

    def _of_asked(
        self, into: str, heads: Sequence[LinearHead], slots: Slots
    ) -> Iterator[tuple[str, Array]]:
        """(slot, what its error in the tokens that a query reads is multiplied by), (j,)."""
        for head in heads:
            score = spectrum.product(slots.examples[head.key], slots.query[head.query])
            for name, c in head.values[into].items():
                yield name, self._size(_array(score) * head.scale * c)

    @staticmethod
    def _read(head: LinearHead, into: str, slots: Slots) -> Array:
        values = spectrum.combined(head.values[into], slots.examples)
        return _array(spectrum.product(values, slots.examples[head.key])) * head.scale


def _beside(c: arb, itself: bool) -> arb:
    """What an MLP's weight adds to a size, which is there already if it is of the slot itself."""
    return abs(1 + c) - 1 if itself else abs(c)


def _zeros(axes: int) -> Array:
    made = np.empty((COARSE,) * axes or (1,), dtype=object)
    made.fill(arb(0))
    return made


def _array(of: spectrum.Pieces) -> Array:
    made = np.empty(len(of), dtype=object)
    made[:] = list(of)
    return made


def _abs(of: Array) -> Array:
    return np.frompyfunc(lambda value: value.abs_upper(), 1, 1)(of)


def _top(of: Array) -> arb:
    return spectrum.largest(list(of.ravel()))


def _outer(factor: Array, of: Array) -> Array:
    """factor times sensitivity: of a number slot (j,) to a vector slot (i, j) too."""
    if factor.ndim == 2 and of.ndim == 1:
        return factor * of[None, :]
    return factor * of
