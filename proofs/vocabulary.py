"""The words that a witness is made of, and the refusal of every other word, by name."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any, Literal, NoReturn, get_args

Attention = Literal["linear", "relu", "softmax", "normalised"]
Keys = Literal["context", "full", "causal"]
Average = Literal["", "keys", "examples"]
Activation = Literal["identity", "relu", "gelu"]
Form = Literal["joint", "interleaved"]

ATTENTION: tuple[str, ...] = get_args(Attention)
KEYS: tuple[str, ...] = get_args(Keys)
AVERAGES: tuple[str, ...] = get_args(Average)
ACTIVATIONS: tuple[str, ...] = get_args(Activation)
FORMS: tuple[str, ...] = get_args(Form)
TOKENS = ("all", "context", "query")

# what formulas over a prompt call its parts
RESERVED = ("X", "y", "n", "I", "O", "x_t", "y_t", "relu")
NUMBERED = ("x", "y")  # x1, y1, x2, ...: single examples


def one_of(value: Any, words: Iterable[str], what: str) -> None:
    """Raises ValueError unless `value` is one of the words."""
    words = tuple(words)
    if not (isinstance(value, str) and value in words):
        there = ", ".join(word or "''" for word in words)
        raise ValueError(f"unknown {what} {value!r}; there are {there}")


def unread(value: Any, what: str, reading: str) -> NoReturn:
    """Raises ValueError: a reading met a word of the vocabulary that it has no rule for."""
    raise ValueError(f"{reading} does not know {what} {value!r}")


def boolean(value: Any, what: str) -> None:
    """Raises ValueError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{what} must be True or False, not {value!r}")


def whole(value: Any, least: int, what: str) -> None:
    """Raises ValueError unless `value` is a whole number and at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{what} must be a whole number of at least {least}, not {value!r}")


def is_reserved(name: str) -> bool:
    """Whether formulas already use the name for a part of the prompt."""
    return name in RESERVED or (name[:1] in NUMBERED and name[1:].isdecimal())
