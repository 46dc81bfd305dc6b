"""The words that a witness is made of, and the refusal of every other word, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal, NoReturn, get_args

from .exact import MOST_WHOLE

Keys = Literal["context", "full", "causal", "strictly causal"]
Average = Literal["", "keys", "examples"]
Form = Literal["joint", "interleaved"]

KEYS: tuple[str, ...] = get_args(Keys)
AVERAGES: tuple[str, ...] = get_args(Average)
FORMS: tuple[str, ...] = get_args(Form)
NORMS = ("layer", "rms")
TOKENS = ("all", "context", "query")
READOUTS = ("query", "examples", "all")  # where a read-out predicts

# which keys j token t sees, of those that its head reads: j <= t + this number
DIAGONALS = {"causal": 0, "strictly causal": -1}


@dataclass(frozen=True)
class Entrywise:
    """A function of one number, told to each number system that has it.

    floats: of a torch tensor, entry by entry; balls: of one flint.arb, which it has to enclose;
    rational: of one Fraction, exactly.
    """

    name: str
    floats: Callable[[Any], Any] | None = None
    balls: Callable[[Any], Any] | None = None
    rational: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Attention:
    """What becomes of the scores of a head.

    weigh: the weight of a score, entry by entry, in the methods of a number system; the score
    itself where there is none. shares: the weights of a token are divided by their sum.
    exponential: each is the exponential of the score. irrational: it takes fractions to others.
    """

    words: str
    weigh: Callable[[Any, Any], Any] | None = None
    shares: bool = False
    exponential: bool = False
    irrational: bool = False


@dataclass(frozen=True)
class Activation:
    """What becomes of the hidden units of an MLP, in the methods of a number system; themselves
    where there is none. irrational: it takes fractions to others."""

    words: str
    apply: Callable[[Any, Any], Any] | None = None
    irrational: bool = False


# Every kind of attention and every activation. `constructions.attention` and `.activation` add to
# them; a reading that knows only some of them refuses the others by name.
ATTENTION: dict[str, Attention] = {
    "linear": Attention("linear attention, weight = score"),
    "relu": Attention(
        "ReLU attention, weight = max(score, 0)", lambda numbers, scores: numbers.relu(scores)
    ),
    "softmax": Attention("softmax attention", shares=True, exponential=True, irrational=True),
    "normalised": Attention("normalised attention, weight = score / sum of scores", shares=True),
    "exponential": Attention(
        "exponential attention, weight = exp(score)", exponential=True, irrational=True
    ),
}
ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation("the identity"),
    "relu": Activation("ReLU", lambda numbers, units: numbers.relu(units)),
    "gelu": Activation("GeLU", lambda numbers, units: numbers.gelu(units), irrational=True),
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


def activation(name: Any, reading: str) -> Activation:
    """The activation of this name. Raises ValueError in the name of the reading."""
    if not (isinstance(name, str) and name in ACTIVATIONS):
        unread(name, "activation", reading)
    return ACTIVATIONS[name]


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
    """Raises ValueError unless `value` is a whole number from `least` to MOST_WHOLE."""
    if type(value) is int and least <= value <= MOST_WHOLE:
        return
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{what} must be a whole number of at least {least}, not {value!r}")
    if int(value) > MOST_WHOLE:
        raise ValueError(f"{what} must be a whole number of at most {MOST_WHOLE}, not {value}")


def is_reserved(name: str) -> bool:
    """Whether formulas already use the name for a part of the prompt."""
    return name in RESERVED or (name[:1] in NUMBERED and name[1:].isdecimal())
