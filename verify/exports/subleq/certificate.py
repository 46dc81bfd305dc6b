"""That GPT-2 says what SUBLEQ does: for every program, memory and number of commands, in float32.

A text is well formed if it lists words behind addresses and commands behind labels, no label twice,
and then runs: `>p`, and for each command `-a @b =v >q`, where commands that are reached stand in
the text, and addresses that are read were written. Then what follows a token depends on few bits,
and is proved of one token, for all of them; since tokens are whole, it holds of all that follow.

1. What a unit of the stream holds is -1, 0 or 1, and off by at most what is said of its slot.
2. A head chooses: the score of the key that is meant is above any other's by a gap, which is read
   off the weights (`choices.py`). Less what both are off by, its exponential is nothing, so that
   the head copies. Where no key is meant, it makes a mean of such units, within [-1, 1].
3. An MLP writes what is specified, for all values of what it reads (`ramps.py`).
4. Of the logits, products of the last hidden state with the tokens, the right one is the largest.

Rounding is that of `formats.py`. Adding less than a quarter of a last digit changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import floor
from typing import Any, TypeAlias

import numpy as np
from flint import arb

from constructions.exports.gpt2 import Constants
from constructions.exports.language_model import LanguageModel
from constructions.exports.subleq import FOLLOWS, KINDS, PARTS, UNIT, WANTS, token_units
from proofs.layer import Layer

from ...checks.bounds.balls import ball, top
from ..formats import FLOAT32
from ..propagation import Setting
from ..spectrum import NoCertificate
from .choices import MEAN, Asks, choice, copied, copies, reading
from .ramps import ANYTHING, Domains, Ramps, Values, Wanted

BIT, NONE = (-1, 1), (0,)
Unit: TypeAlias = tuple[str, int, Domains, Wanted | None]


@dataclass(frozen=True)
class Certificate:
    """code: what a unit of kind, address and word is off by after the last norm, from the token
    that is right; margin: by what its logit is above all others, at least."""

    code: float
    margin: float


@dataclass(frozen=True)
class Copied:
    """What a head is to do: to put what the key holds that is meant into a slot."""

    slot: str
    source: str
    pointer: str
    asks: Sequence[Asks]


def _latest(slot: str, *meant: str) -> Copied:
    """The latest token of some kinds; without any, the latest token of all, which is the asking."""
    others = tuple(kind for kind in KINDS if kind not in meant)
    asks = [Asks(kind, meant) for kind in KINDS] + [Asks(kind, others, meant) for kind in others]
    return Copied(slot, "address", "", asks)


_WANTED = [Asks(kind, (part,), unique=True) for kind, part in WANTS.items()]
HEADS = (
    (_latest("owner", "write", "label"), _latest("counter", "goto"), _latest("source", "take")),
    (
        Copied("operand", "address", "counter", _WANTED),
        Copied("first", "word", "source", [Asks("write", ("word",))]),
        Copied("second", "word", "owner", [Asks("write", ("word",))]),
    ),
)


def at_least(margin: float) -> str:
    """A margin as text, rounded down."""
    return f"{floor(1000 * margin) / 1000:.3f}"


def certificate(model: LanguageModel) -> Certificate:
    """Raises NoCertificate where it is not proved."""
    return _Proof(model).found()


class _Proof:
    """off: of each slot, what a unit of it is off by in the stream, as far as the proof is."""

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.stream = model, model.witness.layout
        self.setting = Setting(model.room, Constants(1, 1.0, UNIT, ()), FLOAT32)
        self.off = {slot.name: arb(0) for slot in self.stream.slots}
        self.N, self.k = self.stream["word"].size, self.stream["address"].size

    def found(self) -> Certificate:
        look_back, execute = self.model.witness.layer_list
        self._attention(look_back, HEADS[0])
        self._mlp(look_back, self._prepared())
        self._attention(execute, HEADS[1])
        self._mlp(execute, self._answered())
        return self._logits()

    def _read(self) -> dict[str, arb]:
        """What units are off by as a norm gives them; none is above 1 but for that, and a mean."""
        squares = (len(self.stream.rows(name)) * (1 + e) ** 2 for name, e in self.off.items())
        whole = sum(squares, arb(0)) * (1 + MEAN) ** 2
        return reading(self.setting.read(whole), self.off)

    def _attention(self, layer: Layer, promised: Sequence[Copied]) -> None:
        read = self._read()
        if len(layer.heads) != len(promised):
            raise NoCertificate(f"{layer.name}: {len(layer.heads)} heads")
        for head, one in zip(layer.heads, promised, strict=True):
            copies(head, self.stream, one.source, one.slot)
            chosen = choice(head, self.stream, one.pointer)
            gap = min(chosen.gap(asks) for asks in one.asks)
            self.off[one.slot] = copied(head, self.stream, one.source, gap, read, FLOAT32)

    def _mlp(self, layer: Layer, specified: Iterable[Unit]) -> None:
        """A slot is off by what its unit is that is off the most."""
        ramps, written = Ramps(layer.mlp, self.stream, FLOAT32, self._read()), dict(self.off)
        seen = set()
        for slot, i, domains, wanted in specified:
            made = self.off[slot] + ramps.written(slot, i, domains, wanted)
            written[slot] = written[slot].max(made)
            seen.add(self.stream.rows(slot)[i])
        if extra := ramps.writes - seen:
            raise NoCertificate(f"{layer.name} writes unit {min(extra)}, which is not specified")
        self.off = written

    # -- what MLPs are to write --

    def _token(self, kind: str) -> dict[str, Any]:
        """What a token of a kind holds, of any number."""
        return {
            "kind": [(int(one == kind),) for one in KINDS],
            "address": NONE if kind == "word" else BIT,
            "word": BIT if kind == "word" else NONE,
        }

    def _prepared(self) -> Iterator[Unit]:
        """flag and next, at every token."""
        N, k = self.N, self.k

        def at_most_0(value: Values) -> np.ndarray:
            number = _number(value, "word", N, N)
            return np.where((number == 0) | (number >= 2 ** (N - 1)), 1, -1)

        def one_more(value: Values, i: int) -> np.ndarray:
            return _bit(_number(value, "counter", k, k - i) + 1, k - i - 1)

        for kind in KINDS:
            token = self._token(kind) | {"flag": NONE, "next": NONE}
            yield "flag", 0, token, at_most_0 if kind == "word" else _constant(-1)
            for i in range(k):
                yield "next", i, {**token, "counter": BIT}, partial(one_more, i=i)
                # before the first `>` the counter is the token's own address, or nothing
                yield "next", i, {**token, "counter": NONE}, None

    def _answered(self) -> Iterator[Unit]:
        """What follows a token of the run. What no head means is anything within [-1, 1]."""
        N, k = self.N, self.k

        def branch(value: Values, i: int) -> np.ndarray:
            return np.where(value("flag", 0) > 0, value("operand", i), value("next", i))

        def operand(value: Values, i: int) -> np.ndarray:
            return value("operand", i)

        def difference(value: Values, i: int) -> np.ndarray:
            less = _number(value, "first", N, N - i)
            return _bit(_number(value, "second", N, N - i) - less, N - i - 1)

        addresses = {"goto": operand, "take": operand, "word": branch}
        for kind, following in FOLLOWS.items():
            token = self._token(kind) | {
                "flag": BIT if kind == "word" else (-1,),
                "next": BIT,
                "operand": BIT if kind in WANTS else ANYTHING,
                "first": BIT if kind == "write" else ANYTHING,
                "second": BIT if kind == "write" else ANYTHING,
            }
            for i, one in enumerate(KINDS):
                yield "kind", i, token, _constant(int(one == following))
            for i in range(k):
                address = addresses.get(kind)
                yield "address", i, token, partial(address, i=i) if address else _constant(0)
            for i in range(N):
                subtracted = partial(difference, i=i) if kind == "write" else _constant(0)
                yield "word", i, token, subtracted

    # -- what is said --

    def _logits(self) -> Certificate:
        """The largest logit is that of the token that follows."""
        read, rows = self._read(), token_units(self.model.tokens, self.model.witness)
        units = [unit for name in PARTS for unit in self.stream.rows(name)]
        rows, off = rows[:, units], [read[name] for name in PARTS for _ in self.stream.rows(name)]
        lost = FLOAT32.gamma(2 * len(units) + 4) * 4 * sum((1 + e for e in off), arb(0))
        least, tokens = np.inf, self.model.tokens
        for i in (i for i, (kind, _) in enumerate(tokens) if kind in FOLLOWS.values()):
            # both units of a pair; of two logits the difference is off only where tokens differ
            above = 2 * (rows[i] - rows) @ rows[i] - 2 * np.abs(rows[i] - rows) @ list(
                map(top, off)
            )
            least = min(least, np.delete(above, i).min())
        margin = ball(least) - lost - arb(2) ** -40
        if not bool(margin > 0):
            raise NoCertificate("the logit of the right token is not above all others")
        return Certificate(max(map(top, off)), float(margin.lower()) * (1 - 2**-50))


def _constant(value: int) -> Wanted:
    return lambda values: value


def _number(value: Values, slot: str, size: int, count: int) -> Any:
    """The number of the lowest bits."""
    return sum(2**j * (value(slot, size - 1 - j) > 0) for j in range(count))


def _bit(number: np.ndarray, j: int) -> np.ndarray:
    """-1 or 1 for the digit of 2^j."""
    return 2 * (number >> j & 1) - 1
