"""What of an error made in a layer reaches the prediction, in the singular basis.

Backwards from the prediction: to an error of a query's vector slot the prediction is sensitive by
a_i psi(s_i) in direction i, |a| <= |y|; to one of the examples' vector slots by
a_i b_j M(s_i, s_j), |b| <= |query|; to one of the examples' number slots by b_j beta(s_j); to one
of the query's number slots by a number. Each layer multiplies by what it does to an error of that
direction, so no direction is taken for the worst of one layer and for the worst of another. psi,
beta and M are arrays of balls over the pieces of the range of s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb

from . import spectrum
from .spectrum import LinearHead, LinearLayer, Slots

COARSE = 64  # pieces here
Array = Any  # of arb: (1,), (COARSE,) or (COARSE, COARSE)
Arrays = dict[str, Array]


@dataclass(frozen=True)
class Sensitive:
    """How the prediction depends on errors of each slot at one place, norms put in."""

    examples: Mapping[str, arb]
    query: Mapping[str, arb]


class Backward:
    """The layers, backwards; `vectors` are the slots (d,)."""

    def __init__(
        self, layers: Sequence[LinearLayer], exact: Sequence[Slots], vectors: frozenset[str],
        y: arb, query: arb,
    ) -> None:  # fmt: skip
        self.layers, self.vectors = layers, vectors
        self.exact = [_coarse(slots) for slots in exact]
        self.norms = y, query

    def places(self, readout: str, coefficient: arb) -> list[tuple[Sensitive, Sensitive]]:
        """Of each layer: after its heads, after its MLP."""
        names = list(self.exact[0].examples)
        examples: Arrays = {name: _zeros(2 if name in self.vectors else 1) for name in names}
        query: Arrays = {name: _zeros(int(name in self.vectors)) for name in names}
        query[readout] = query[readout] + abs(coefficient)
        found = []
        for number in reversed(range(len(self.layers))):
            after_mlp = self._norms(examples, query)
            layer = self.layers[number]
            examples, query = _before_mlp(layer, examples), _before_mlp(layer, query)
            found.append((self._norms(examples, query), after_mlp))
            examples, query = self._before_heads(layer, self.exact[number], examples, query)
        return found[::-1]

    def _norms(self, examples: Arrays, query: Arrays) -> Sensitive:
        y, q = self.norms
        return Sensitive(
            {n: _top(a) * q * (y if n in self.vectors else 1) for n, a in examples.items()},
            {n: _top(a) * (y if n in self.vectors else 1) for n, a in query.items()},
        )

    def _before_heads(
        self, layer: LinearLayer, slots: Slots, examples: Arrays, query: Arrays
    ) -> tuple[Arrays, Arrays]:
        """What the errors before the heads do to the prediction, by what those after them do."""
        before = {name: array * 0 for name, array in examples.items()}
        asked = {name: array * 0 for name, array in query.items()}
        for into in examples:
            mine = [head for head in layer.heads if into in head.values]
            for name, factor in self._of_examples(into, mine, slots).items():
                before[name] = before[name] + _outer(_abs(factor), examples[into])
            for name, factor in self._of_query(into, mine, slots).items():
                asked[name] = asked[name] + _abs(factor) * query[into]
            for head in mine:
                score = _array(spectrum.product(
                    slots.examples[head.key], slots.query[head.query]
                )) * head.scale  # fmt: skip
                for name, c in head.values[into].items():
                    share = _abs(score * c)
                    if into in self.vectors:
                        before[name] = before[name] + query[into][:, None] * share[None, :]
                    else:
                        before[name] = before[name] + query[into] * share
        return before, asked

    def _of_examples(
        self, into: str, heads: Sequence[LinearHead], slots: Slots
    ) -> dict[str, Array]:
        """{slot: what its error is multiplied by}; (i,) rows i of a vector slot, (i, j) or (j,)."""
        vector = into in self.vectors
        made: dict[str, Array] = {into: _zeros(2 if vector else 1) + 1}
        for head in heads:
            scores = spectrum.product(slots.examples[head.key], slots.examples[head.query])
            right = _array(scores) * head.scale
            for name, c in head.values[into].items():
                old = made.get(name, _zeros(2 if vector else 1))
                made[name] = old + (right[None, :] * c if vector else right * c)
            left = self._read(head, into, slots)
            if vector:
                made[head.query] = made.get(head.query, _zeros(2)) + left[:, None]
            else:
                made[head.query] = made.get(head.query, _zeros(2)) + left[:, None] * (_zeros(2) + 1)
        return made

    def _of_query(self, into: str, heads: Sequence[LinearHead], slots: Slots) -> dict[str, Array]:
        made: dict[str, Array] = {into: _zeros(1 if into in self.vectors else 0) + 1}
        for head in heads:
            made[head.query] = made.get(head.query, _zeros(1)) + self._read(head, into, slots)
        return made

    @staticmethod
    def _read(head: LinearHead, into: str, slots: Slots) -> Array:
        values = spectrum.combined(head.values[into], slots.examples)
        return _array(spectrum.product(values, slots.examples[head.key])) * head.scale


def _before_mlp(layer: LinearLayer, after: Arrays) -> Arrays:
    made = dict(after)
    for into, values in layer.mlp.items():
        if into in values:
            made[into] = made[into] + after[into] * (abs(1 + values[into]) - 1)
    for into, values in layer.mlp.items():
        for name, c in values.items():
            if name != into:
                made[name] = made[name] + after[into] * abs(c)
    return made


def _coarse(slots: Slots) -> Slots:
    def hulls(of: spectrum.Pieces) -> spectrum.Pieces:
        step = len(of) // COARSE
        return tuple(spectrum.hull(of[i : i + step]) for i in range(0, len(of), step))

    return Slots(
        {name: hulls(of) for name, of in slots.examples.items()},
        {name: hulls(of) for name, of in slots.query.items()},
    )


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
