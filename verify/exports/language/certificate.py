"""How far the logits of an exported induction head are from 0 and 1, for every text.

Both heads choose: of all keys that a token sees one is right, and in exact arithmetic the scores of
the others are below its own by different whole multiples of the sharpness beta (`scores.py`). So
the others together have at most 1/(exp(beta) - 1) of what the right one has of a softmax, and where
no logarithm of an exponential is off by more than t, exp(2 t)/(exp(beta) - 1) of it. That is so of
every text of up to so many tokens, and they need not be run.

What is carried is 0 or 1. The right key has the exponential of 0, which is 1. To round a sum of
floats to nearest costs no more than the smaller summand, for the larger is a float; so the
denominator, and what is added up of the values, are off by the roundings of the right key's share
and by what the other keys have, and not by a rounding for every key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np
from flint import arb

from constructions.exports.gpt2 import Constants
from constructions.exports.words import word_model
from constructions.weights import Weights

from ...checks.bounds.balls import ball, top
from ..formats import FLOAT32, FUNCTION, REALS, Format
from ..head_error import Reading
from ..propagation import INFINITE, Setting
from ..search import FORMATS, UNITS, Certificate
from ..spectrum import largest
from .scores import Products, choices


@dataclass(frozen=True)
class Texts:
    """Texts of up to `length` tokens: token 0 first, then tokens 1, …, d in any order."""

    d: int
    length: int

    @property
    def words(self) -> str:
        others = "1" if self.d == 1 else f"from 1 to {self.d}"
        return f"text of up to {self.length} tokens, the first 0, the others {others}"


@dataclass(frozen=True)
class Product:
    """A summand weight * q * k of a score, |q| <= query, |k| <= key but for `wrong`.

    zeros: further summands of that kind whose q is 0.
    """

    weight: arb
    query: arb
    key: arb
    wrong: arb = arb(0)
    zeros: int = 0

    @property
    def size(self) -> arb:
        return self.weight * self.query * (self.key + self.wrong)

    def off(self, read: Reading) -> arb:
        """By how much the summands are off together when queries and keys are read."""
        asking = (1 + read.relative) * self.query + read.absolute
        asked = (1 + read.relative) * (self.key + self.wrong) + read.absolute
        nothing = self.zeros * read.absolute * asked
        return self.weight * (asking * asked - self.query * self.key + nothing)


@dataclass(frozen=True)
class Choice:
    """A softmax head among up to n keys of which one is right, as is said above."""

    products: tuple[Product, ...]
    n: int
    sharpness: arb
    form: Format

    def off(self, read: Reading) -> arb:
        """What no logarithm of an exponential is off by: the largest score is subtracted first.

        A score is a sum of products of a query, its weight, the root of the head's size, a key.
        """
        form, summands = self.form, sum(1 + one.zeros for one in self.products)
        size = sum((one.size for one in self.products), arb(0))
        reading = sum((one.off(read) for one in self.products), arb(0))
        score = reading + form.gamma(summands + 12) * (size + reading)
        subtracted = 2 * form.unit * (size + score)
        return score + subtracted - (1 - FUNCTION * form.unit).log()

    def others(self, read: Reading) -> arb:
        """What all other keys have of a softmax, of what the right one has."""
        off = self.off(read)
        if not bool(2 * off < self.sharpness):
            return INFINITE  # another may seem to be the right one
        return (2 * off).exp() / (self.sharpness.exp() - 1) + self.n * self.form.least

    def error(self, read: Reading) -> arb:
        """How far from 0 or 1 what the head writes is."""
        form, others = self.form, self.others(read)
        if not bool(others < 1):
            return INFINITE
        rounded = (1 + form.unit) ** 3  # of the share, a reciprocal and a product; of its product
        value = 1 + read.relative + read.absolute
        right = (1 + read.relative) * rounded - 1 + read.absolute * rounded
        denominator = 2 * others * (1 + form.gamma(self.n))
        rest = others * value * rounded
        return right + denominator + 2 * rest * (1 + form.gamma(self.n))


class Retrieval:
    """The bound for one induction head. Raises NoExport or NoCertificate where it is none."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.texts = Texts(weights.d, int(weights.parameters["length"]))
        self.sharpness = weights.parameters["sharpness"]
        self.choices = choices(weights, self.texts.length, self.sharpness)
        self.room = word_model(weights, 1, 1).room

    def search(self, form: Format = FLOAT32) -> Constants:
        """The unit N of the least error in this format; of softmax heads nothing else is free."""
        return min(map(self.constants, UNITS), key=lambda one: top(self.error(one, form)))

    def constants(self, unit: int) -> Constants:
        """A softmax head is one head, and sees no sink. Raises ValueError."""
        return Constants(1, 0.0, unit, ((1.0,), (1.0,)))

    def certificate(self, constants: Constants) -> Certificate:
        """The bounds in every format; none where a weight is no normal number of it."""
        made = word_model(self.weights, self.texts.length, constants.unit, kind=np.float64)
        weights = np.concatenate([np.abs(one[one != 0]) for one in made.tensors.values()])
        bounds = {
            form.name: top(self.error(constants, form))
            if 2.0**form.tiny <= weights.min() and weights.max() < 2.0 ** (form.largest - 1)
            else inf
            for form in FORMATS
        }
        return Certificate(constants, top(self.error(constants, REALS)), bounds)

    def error(self, constants: Constants, form: Format) -> arb:
        """A bound on |logit - 1| of the right token and |logit| of others, at every token."""
        setting = Setting(self.room, constants, form)
        after, held = self._heads(form, setting.read)
        read = setting.read(held)
        rounded = (1 + read.relative) * (1 + form.unit) ** 3 - 1
        found = (after + rounded * (1 + after) + read.absolute).upper()
        return found if found.is_finite() else INFINITE

    def own_error(self) -> arb:
        """A bound on how far what the witness itself predicts is from 0 and 1, at every token."""
        return self._heads(REALS, lambda _: Reading(arb(0), arb(0)))[0].upper()

    def _heads(self, form: Format, read: Callable[[arb], Reading]) -> tuple[arb, arb]:
        """How far off what the second head writes is, and the squares that a token holds then.

        read: how a token is read of which all squares but those of N add up to so much.
        """
        n, d, sharpness = self.texts.length, self.texts.d, ball(self.sharpness)
        held = 1 + self._held()
        by_number = self._products(self.choices.first)
        before = Choice(by_number, n, sharpness, form).error(read(held))
        held += _one_hot(before, d)
        same = Product(abs(ball(self.choices.gain)), arb(1), arb(1), before, d - 1)
        by_number = self._products(self.choices.second)
        after = Choice((*by_number, same), n, sharpness, form).error(read(held))
        return after, held + _one_hot(after, d + 1)

    def _products(self, of: Products) -> tuple[Product, ...]:
        sizes = {unit: ball(max(map(abs, row))) for unit, row in self.choices.numbers.items()}
        return tuple(
            Product(abs(ball(weight)), sizes[asking], sizes[asked])
            for (asking, asked), weight in of.items()
        )

    def _held(self) -> arb:
        """The most that the squares of all that depends on a token's number add up to."""
        squares = zip(*([value**2 for value in row] for row in self.choices.numbers.values()))
        return largest([ball(sum(token)) for token in squares])


def _one_hot(off: arb, size: int) -> arb:
    """The most that the squares of a one-hot word add up to, each number off by so much."""
    return (1 + off) ** 2 + (size - 1) * off**2
