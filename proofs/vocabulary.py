"""The words that a witness is made of, and the refusal of every other word, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal, NoReturn, get_args

Keys = Literal["context", "full", "causal"]
Average = Literal["", "keys", "examples"]
Activation = Literal["identity", "relu", "gelu"]
Form = Literal["joint", "interleaved"]

KEYS: tuple[str, ...] = get_args(Keys)
AVERAGES: tuple[str, ...] = get_args(Average)
ACTIVATIONS: tuple[str, ...] = get_args(Activation)
FORMS: tuple[str, ...] = get_args(Form)
TOKENS = ("all", "context", "query")


@dataclass(frozen=True)
class Attention:
    """What becomes of the scores of a head.

    weigh: the weight of a score, entry by entry, in the methods of a number system; the score
    itself where there is none. shares: the weights of a token are divided by their sum.
    exponential: each is the exponential of the score.
    """

    words: str
    weigh: Callable[[Any, Any], Any] | None = None
    shares: bool = False
    exponential: bool = False


# every kind of attention; a reading that knows only some of them refuses the others by name
ATTENTION: dict[str, Attention] = {
    "linear": Attention("linear attention, weight = score"),
    "relu": Attention(
        "ReLU attention, weight = max(score, 0)", lambda numbers, scores: numbers.relu(scores)
    ),
    "softmax": Attention("softmax attention", shares=True, exponential=True),
    "normalised": Attention("normalised attention, weight = score / sum of scores", shares=True),
}

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


def attention(name: Any, reading: str) -> Attention:
    """The kind of attention of this name. Raises ValueError in the name of the reading."""
    if not (isinstance(name, str) and name in ATTENTION):
        unread(name, "attention", reading)
    return ATTENTION[name]


def boolean(value: Any, what: str) -> None:
    """Raises ValueError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{what} must be True or False, not {value!r}")


def several(value: Any, kind: type, what: str) -> tuple[Any, ...]:
    """`value` as a tuple. Raises TypeError unless it is one, or a list, of this kind."""
    if isinstance(value, kind):
        raise TypeError(
            f"{what} are given as a tuple: write (…,), with a comma, around a single one"
        )
    if not isinstance(value, (tuple, list)) or not all(isinstance(one, kind) for one in value):
        raise TypeError(f"{what} must be a tuple of {kind.__name__}, not {value!r}")
    return tuple(value)


def whole(value: Any, least: int, what: str) -> None:
    """Raises ValueError unless `value` is a whole number and at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{what} must be a whole number of at least {least}, not {value!r}")


def is_reserved(name: str) -> bool:
    """Whether formulas already use the name for a part of the prompt."""
    return name in RESERVED or (name[:1] in NUMBERED and name[1:].isdecimal())
