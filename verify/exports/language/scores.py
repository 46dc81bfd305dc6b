"""Which key an induction head chooses, and by how much: read off its layers, for every text.

A unit of the stream depends on the token's number alone, or is one of a one-hot word, or is what
the first head makes of such. So scores are numbers that are known for every pair of tokens, and
more by one gain where the word before the key is that of the query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from constructions.exports.gpt2 import products
from constructions.exports.language_model import by_number, embedded
from constructions.weights import Weights
from proofs.layer import Head

from ..spectrum import NoCertificate

Products = Mapping[tuple[int, int], Any]  # {(unit of the query, unit of the key): weight}
Numbers = Mapping[int, Sequence[Any]]  # {unit: its value at token 0, 1, …}


@dataclass(frozen=True)
class Choices:
    """Of both heads what they multiply of units that depend on a token's number, `numbers`; of the
    second beside that the gain of a key that matches."""

    numbers: Numbers
    first: Products
    second: Products
    gain: Any


def choices(weights: Weights, length: int, sharpness: Any) -> Choices:
    """For every text of up to `length` tokens each head has one right key, of the highest score:

    the first the token before, or of token 0 itself, whose word it copies; the second, where the
    word of the token was before, what followed it the last time, else token 0; it copies what that
    is. The scores of all keys that a token sees are different whole multiples of the sharpness,
    whichever match. Raises NoCertificate with what is otherwise.
    """
    numbers = _numbers(weights, length)
    if len(weights.layer_list) != 2 or any(len(one.heads) != 1 for one in weights.layer_list):
        raise NoCertificate(f"{weights.name}: an induction head is two layers of one head")
    (first,), (second,) = (layer.heads for layer in weights.layer_list)
    start, word, before, following = (
        tuple(weights.layout.rows(name)) for name in ("start", "word", "before", "next")
    )
    _copies(weights, first, dict(zip(before, word)))
    _copies(weights, second, dict(zip(following, (*start, *word))))
    scored = products(weights, second)
    gains = {scored.pop((asking, asked), 0) for asking, asked in zip(word, before)}
    found = Choices(numbers, products(weights, first), scored, gains.pop())
    if gains:
        raise NoCertificate(f"{weights.name}: words do not match all alike")
    for head, made in ((first, found.first), (second, found.second)):
        if not {unit for pair in made for unit in pair} <= set(numbers):
            raise NoCertificate(f"{weights.name}: the scores of the {head.name} head read more")
    for t in range(length):
        _looks_back(found, t, sharpness)
        _finds_the_last(found, t, sharpness)
    return found


def _looks_back(found: Choices, t: int, sharpness: Any) -> None:
    scores = _scores(found.first, found.numbers, t)
    _differ(scores, sharpness, f"the first head, token {t}")
    if max(scores) != scores[max(t - 1, 0)]:
        raise NoCertificate(f"the first head, token {t}: the token before is not the highest")


def _finds_the_last(found: Choices, t: int, sharpness: Any) -> None:
    start, *others = _scores(found.second, found.numbers, t)
    matching = [score + found.gain for score in others]
    rising = [*sorted(others), start, *matching]
    _differ(rising, sharpness, f"the second head, token {t}")
    if rising != sorted(rising):
        raise NoCertificate(
            f"the second head, token {t}: the last that matches is not the highest, then token 0"
        )


def _differ(scores: Sequence[Any], sharpness: Any, where: str) -> None:
    whole = [Fraction(score) / Fraction(sharpness) for score in scores]
    if any(one.denominator != 1 for one in whole) or len(set(whole)) < len(whole):
        raise NoCertificate(f"{where}: scores are no different whole multiples of {sharpness}")


def _scores(products: Products, numbers: Numbers, t: int) -> list[Any]:
    """Of keys 0, …, t for token t."""
    return [
        sum(w * numbers[asking][t] * numbers[asked][j] for (asking, asked), w in products.items())
        for j in range(t + 1)
    ]


def _copies(weights: Weights, head: Head, wanted: Mapping[int, int]) -> None:
    written = head.value.entries(weights.layout, weights.layout)
    if dict(written) != dict.fromkeys(wanted.items(), 1):
        raise NoCertificate(f"{weights.name}: the {head.name} head copies something else")


def _numbers(weights: Weights, length: int) -> Numbers:
    """The units that depend on a token's number; that of words is the word, others begin as 0."""
    stream, features = weights.layout, weights.prompt.features
    begins = {"register": [[int(t == 0)] for t in range(length)]}
    found = embedded(weights, by_number(weights, length) | begins)
    of_words = {row: i for i, row in enumerate(features.rows("word"))}
    words = {(unit, of_words[row]): weight
             for (unit, row), weight in weights.prompt.embedding.entries(stream, features).items()
             if row in of_words}  # fmt: skip
    wanted = {(unit, i): 1 for i, unit in enumerate(stream.rows("word"))}
    if words != wanted or set(found) & {u for name in ("word", "before", "next")
                                        for u in stream.rows(name)}:  # fmt: skip
        raise NoCertificate(f"{weights.name}: words are not embedded as one-hot words")
    return found


def attended(found: Choices, text: Sequence[Any]) -> list[list[int]]:
    """Of both heads the key of the highest score for every token of a text, in exact arithmetic."""
    first, second = [], []
    for t, word in enumerate(text):
        first.append(_highest(_scores(found.first, found.numbers, t)))
        scores = _scores(found.second, found.numbers, t)
        for j in range(2, t + 1):  # before token 1 is no word
            scores[j] += found.gain * (text[j - 1] == word)
        second.append(_highest(scores))
    return [first, second]


def _highest(scores: Sequence[Any]) -> int:
    return max(range(len(scores)), key=scores.__getitem__)
