"""Texts that are drawn, and what is right after each of their tokens."""

from __future__ import annotations

import numpy as np

from ...algorithms import what_followed
from .certificate import Texts


def drawn(texts: Texts, count: int, seed: int) -> np.ndarray:
    """Token ids (count, length) of texts that are unlike each other.

    A third each: words of all kinds; one word again and again, with others here and there; all
    words in turn, in a new order each time, so that what is asked for is as far back as can be.
    """
    random, words = np.random.default_rng(seed), texts.length - 1
    ids = np.zeros((count, texts.length), dtype=np.int64)
    for number, text in enumerate(ids):
        said = random.integers(1, texts.d + 1, words)
        if number % 3 == 1:
            said = np.where(random.random(words) < 0.8, said[0], said)
        if number % 3 == 2:
            turns = -(-words // texts.d)
            every = [random.permutation(texts.d) + 1 for _ in range(turns)]
            said = np.concatenate(every)[:words]
        text[1:] = said
    return ids


def answers(ids: np.ndarray) -> np.ndarray:
    """The token that is right after each token, (count, tokens); 0 where nothing followed."""
    return np.array([[answer or 0 for answer in what_followed(text)] for text in ids.tolist()])
