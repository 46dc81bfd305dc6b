"""How large a slot can be on a box of prompts, of one token and of all, by its singular values.

"The Frobenius norm of a slot" is that of the matrix of all examples' slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flint import arb

from ..checks.bounds.balls import ball
from . import spectrum
from .spectrum import LinearHead, PromptBox, Slots


@dataclass(frozen=True)
class Sizes:
    """Of one witness. vectors: the slots (d,); inputs: those that no layer writes."""

    box: PromptBox
    vectors: frozenset[str]
    inputs: frozenset[str]

    @property
    def y(self) -> arb:
        """|y| of all examples."""
        return ball(self.box.y) * arb(self.box.n).sqrt()

    @property
    def question(self) -> arb:
        """|query|."""
        return ball(self.box.query) * arb(self.box.d).sqrt()

    def unit(self, name: str) -> arb:
        """What a singular value stands for: a number slot of all examples is a row of y."""
        return arb(1) if name in self.vectors else self.y

    def spectral(self, slots: Slots, carried: Mapping[str, arb]) -> arb:
        """The operator norm of a sum of slots of one kind, with weights."""
        sums = spectrum.combined(carried, slots.examples)
        return spectrum.largest(sums) * self.unit(next(iter(carried)))

    def frobenius(self, slots: Slots, carried: Mapping[str, arb]) -> arb:
        """The squares of the singular values of X add up to no more than the largest can be."""
        norm = self.spectral(slots, carried)
        if next(iter(carried)) not in self.vectors:
            return norm
        shares = spectrum.largest(spectrum.combined(carried, slots.query))
        return (norm * arb(self.box.rank).sqrt()).min(shares * self.box.largest)

    def summed(self, slots: Slots, carried: Mapping[str, arb]) -> arb:
        """The norms of the tokens' vectors, added up over the examples."""
        tokens = sum((abs(c) * self.of_token(slots, name) for name, c in carried.items()), arb(0))
        by_norm = arb(self.box.n).sqrt() * self.frobenius(slots, carried)
        return by_norm.min(self.box.n * tokens)

    def of_token(self, slots: Slots, name: str) -> arb:
        """The norm of the slot of one example."""
        whole = self.spectral(slots, {name: arb(1)})
        if name in self.vectors:
            x = ball(self.box.x) * arb(self.box.d).sqrt()
            return whole.min(spectrum.largest(slots.query[name]) * x)
        if name in self.inputs:
            return whole.min(spectrum.largest(slots.examples[name]) * ball(self.box.y))
        return whole

    def at_query(self, slots: Slots, name: str) -> arb:
        return spectrum.largest(slots.query[name]) * self.question * self.unit(name)

    def scores(self, slots: Slots, head: LinearHead) -> tuple[arb, arb]:
        """The operator norm of all scores of the examples' tokens; the norm of a query's."""
        key = slots.examples[head.key]
        own = spectrum.largest(spectrum.product(key, slots.examples[head.query]))
        asked = spectrum.largest(spectrum.product(key, slots.query[head.query]))
        return abs(head.scale) * own, abs(head.scale) * asked * self.question

    def all_scores(self, slots: Slots, head: LinearHead) -> arb:
        """The Frobenius norm of all scores of the examples' tokens."""
        own = self.scores(slots, head)[0]
        shares = spectrum.product(slots.query[head.key], slots.query[head.query])
        trace = abs(head.scale) * spectrum.largest(shares) * self.box.largest**2
        return (own * trace.min(own * self.box.rank)).sqrt()

    def score(self, slots: Slots, head: LinearHead) -> tuple[arb, arb]:
        """What no score of an example's token exceeds, and of a query's."""
        own, asked = self.scores(slots, head)
        key = self.of_token(slots, head.key) * abs(head.scale)
        return (
            own.min(key * self.of_token(slots, head.query)),
            asked.min(key * self.at_query(slots, head.query)),
        )
