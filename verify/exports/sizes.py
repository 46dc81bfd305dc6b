"""How large a slot can be on a box of prompts, of one token and of all, by its singular values.

"The Frobenius norm of a slot" is that of the matrix of all examples' slots.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from flint import arb

from ..checks.bounds.balls import ball
from . import spectrum
from .spectrum import LinearHead, Pieces, PromptBox, Slots

Carried: TypeAlias = str | Mapping[str, arb]  # a slot, or a sum of slots of one kind with weights


@dataclass(frozen=True)
class Sizes:
    """Of one witness. vectors: the slots (d,); inputs: those that no layer writes."""

    box: PromptBox
    vectors: frozenset[str]
    inputs: frozenset[str]
    known: dict[Any, tuple[arb, arb]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def y(self) -> arb:
        """|y| of all examples."""
        return ball(self.box.y) * arb(self.box.n).sqrt()

    @cached_property
    def question(self) -> arb:
        """|query|."""
        return ball(self.box.query) * arb(self.box.d).sqrt()

    def unit(self, name: str) -> arb:
        """What a singular value stands for: a number slot of all examples is a row of y."""
        return arb(1) if name in self.vectors else self.y

    def spectral(self, slots: Slots, carried: Carried) -> arb:
        """The operator norm of what is carried."""
        return self._sums(slots, carried)[0] * self.unit(_first(carried))

    def _sums(self, slots: Slots, carried: Carried) -> tuple[arb, arb]:
        """The largest of it over all pieces: of the examples, of the query x = 1."""
        weights = _weights(carried)
        return self._once(
            (slots, "sum", _exactly(carried)),
            lambda: (
                spectrum.largest(spectrum.combined(weights, slots.examples)),
                spectrum.largest(spectrum.combined(weights, slots.query)),
            ),
        )

    def _once(self, asked: Any, find: Callable[[], tuple[arb, arb]]) -> tuple[arb, arb]:
        """A search for constants asks the same again and again."""
        if asked not in self.known:
            self.known[asked] = find()
        return self.known[asked]

    def frobenius(self, slots: Slots, carried: Carried) -> arb:
        """The squares of the singular values of X add up to no more than the largest can be."""
        norm = self.spectral(slots, carried)
        if _first(carried) not in self.vectors:
            return norm
        shares = self._sums(slots, carried)[1]
        return (norm * arb(self.box.rank).sqrt()).min(shares * self.box.largest)

    def summed(self, slots: Slots, carried: Carried) -> arb:
        """The norms of the tokens' vectors, added up over the examples."""
        weights = _weights(carried).items()
        tokens = sum((abs(c) * self.of_token(slots, name) for name, c in weights), arb(0))
        by_norm = arb(self.box.n).sqrt() * self.frobenius(slots, carried)
        return by_norm.min(self.box.n * tokens)

    def of_token(self, slots: Slots, name: str) -> arb:
        """The norm of the slot of one example."""
        return self._of_slot(slots, name)[0]

    def at_query(self, slots: Slots, name: str) -> arb:
        return self._of_slot(slots, name)[1]

    def _of_slot(self, slots: Slots, name: str) -> tuple[arb, arb]:
        """Both."""
        return self._once((slots, name), lambda: self._found(slots, name))

    def _found(self, slots: Slots, name: str) -> tuple[arb, arb]:
        of_all, of_query = self._sums(slots, name)
        asked = of_query * self.question * self.unit(name)
        if name in self.vectors:
            return of_all.min(of_query * ball(self.box.x) * arb(self.box.d).sqrt()), asked
        return of_all * (ball(self.box.y) if name in self.inputs else self.y), asked

    def scores(self, slots: Slots, head: LinearHead) -> tuple[arb, arb]:
        """The operator norm of all scores of the examples' tokens; the norm of a query's."""
        own, asked = self._once((slots, head), lambda: self._products(slots.examples, slots, head))
        return abs(head.scale) * own, abs(head.scale) * asked * self.question

    @staticmethod
    def _products(keys: Mapping[str, Pieces], slots: Slots, head: LinearHead) -> tuple[arb, arb]:
        """The largest product with a key, of the examples' queries and of the query x = 1."""
        key = keys[head.key]
        own = spectrum.largest(spectrum.product(key, slots.examples[head.query]))
        return own, spectrum.largest(spectrum.product(key, slots.query[head.query]))

    def all_scores(self, slots: Slots, head: LinearHead) -> arb:
        """The Frobenius norm of all scores of the examples' tokens."""
        own = self.scores(slots, head)[0]
        asked = (slots, head, "squares")
        shares = self._once(asked, lambda: self._products(slots.query, slots, head))[1]
        trace = abs(head.scale) * shares * self.box.largest**2
        return (own * trace.min(own * self.box.rank)).sqrt()

    def score(self, slots: Slots, head: LinearHead) -> tuple[arb, arb]:
        """What no score of an example's token exceeds, and of a query's."""
        own, asked = self.scores(slots, head)
        key = self.of_token(slots, head.key) * abs(head.scale)
        return (
            own.min(key * self.of_token(slots, head.query)),
            asked.min(key * self.at_query(slots, head.query)),
        )


def _weights(carried: Carried) -> Mapping[str, arb]:
    return {carried: arb(1)} if isinstance(carried, str) else carried


def _first(carried: Carried) -> str:
    return next(iter(_weights(carried)))


def _exactly(carried: Carried) -> Any:
    """What is carried as a key; a name is quickly compared."""
    if isinstance(carried, str):
        return carried
    return tuple((name, *_ends(c)) for name, c in carried.items())


def _ends(value: arb) -> tuple[Any, Any]:
    """A ball as whole numbers."""
    return value.mid().man_exp(), value.rad().man_exp()
