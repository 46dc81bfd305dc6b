"""SUBLEQ as a language: a program is a text, its run the text's only continuation.

A command (a, b, c) does mem[b] <- mem[b] - mem[a], and goes to c where that is at most 0, else to
the next command. The text is a list of what was written, and of what is to be done:

    @1 =3 @2 =5        mem[1] is 3, mem[2] is 5
    7: a1 b2 c9        at 7 stands the command (1, 2, 9)
    >7                 go to 7
    -1 @2 =2 >8        each command: take mem[1] off mem[2], which becomes 2; go to 8

What a model says after `>7` is what the command at 7 does. It reads memory as the latest word that
stands behind an address, so that nothing is ever overwritten, as a causal model cannot; it says
`@2 =2` as the program's text said what memory is at first. `>0` is the end.

Two layers suffice. In the first, each token looks back: to the latest address or label, whose it
is (`owner`); to the latest `>`, the command that is executed (`counter`); to the latest `-`
(`source`). Its MLP adds 1 to the counter, and compares a word with 0. In the second, a token
fetches from the command at the counter what its kind wants: `>` a, `-` b, a word c; and the words
at two addresses. Its MLP subtracts, branches, and puts what comes next in the place of what the
token was.

Heads choose: the key that is meant has a score that is far above all others. ReLUs are GELUs of
large arguments, none of them near 0, since what they read is -1 or 1 (a kind: 0 or 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from proofs.layer import MLP, Head, Layer, Readout
from proofs.prompt import Prompt
from proofs.rule import rule
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import Layout, layout

from ..papers.giannou2023 import ONE, Row, Units, rows_of
from ..weights import Weights
from ..witness import Witness
from .gpt2 import POSITIONS
from .language_model import LanguageModel, Vocabulary, embedded, language_model

# what a token is, and how it is written around its number
KINDS = {
    "write": "@{}", "word": "={}", "goto": ">{}", "take": "-{}",
    "label": "{}:", "a": "a{}", "b": "b{}", "c": "c{}",
    "unknown": "?",
}  # fmt: skip
FOLLOWS = {"goto": "take", "take": "write", "write": "word", "word": "goto"}
WANTS = {"goto": "a", "take": "b", "word": "c"}  # which part of a command
STEEP = 64  # of GELUs: arguments of ReLUs are multiplied by it
POINTED = 64  # the score of a bit that agrees
RECENT = 2**17  # the score of all positions: one later is 128 more
ABOVE = Fraction(5, 4)  # of what matters more than all positions, times as much
LARGEST = {"d": 8, "address": 7}  # bits of words, and of addresses
LEAST = {"d": 1, "address": 2}
SIZE = 64  # of a head, GPT-2's own; its root is a power of two
UNIT = 4096  # N
PARTS = ("kind", "address", "word")  # of a token

Token: TypeAlias = tuple[str, int]
END: Token = ("goto", 0)  # no command stands at 0
UNKNOWN: Token = ("unknown", 0)  # any word that is no other token


def vocabulary(word: int, address: int) -> list[Token]:
    """All tokens, (kind, number), in the order of their ids; words are in two's complement."""
    half = 2 ** (word - 1)
    numbers = {kind: range(2**address) for kind in KINDS}
    numbers |= {"word": range(-half, half), "unknown": range(1)}
    return [(kind, number) for kind in KINDS for number in numbers[kind]]


def text(token: Token) -> str:
    """A token as it is written, such as @3."""
    kind, number = token
    return KINDS[kind].format(number)


def bits(number: int, size: int) -> list[int]:
    """-1 and 1 for the binary digits of a number modulo 2^size, the highest first."""
    return [2 * (number >> i & 1) - 1 for i in reversed(range(size))]


def held(tokens: Iterable[Token], word: int, address: int) -> dict[str, list[list[int]]]:
    """What tokens say, (tokens, size) of each of PARTS."""
    made: dict[str, list[list[int]]] = {part: [] for part in PARTS}
    for kind, number in tokens:
        made["kind"].append([int(one == kind) for one in KINDS])
        for slot, size in (("address", address), ("word", word)):
            mine = (kind == "word") == (slot == "word")
            made[slot].append(bits(number, size) if mine else [0] * size)
    return made


def token_units(tokens: Iterable[Token], weights: Weights) -> np.ndarray:
    """What tokens hold in the stream of `decoder`: (tokens, units)."""
    said = held(tokens, *(weights.layout[name].size for name in ("word", "address")))
    rows = np.zeros((len(said["kind"]), weights.width))
    for unit, values in embedded(weights, said).items():
        rows[:, unit] = values
    return rows


def machine(word: int, address: int) -> LanguageModel:
    """The GPT-2 that runs SUBLEQ on words and addresses of so many bits. Raises ValueError.

    The slot `one` holds N, so that a constant is a bias; a logit is the product of the last hidden
    state with the token's embedding. But for the norms' gain every weight is a power of two times a
    small whole number, and a float as it is.
    """
    witness, tokens = decoder(word, address), vocabulary(word, address)
    end = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), tokens.index(END))
    said = Vocabulary(tokens, held(tokens, word, address), True, end)
    return language_model(witness, said, POSITIONS, UNIT, size=SIZE, one="one")


def decoder(word: int, address: int) -> Witness:
    """The two layers. Columns of a prompt are tokens (kind, address, word), position by position.

    After them kind, address and word are those of the token that comes next. Raises ValueError for
    words of no bits, addresses of less than 2, or of either more than `LARGEST`.
    """
    for name, size in (("d", word), ("address", address)):
        if not (isinstance(size, int) and LEAST[name] <= size <= LARGEST[name]):
            raise ValueError(f"{name} is from {LEAST[name]} to {LARGEST[name]} bits, not {size}")
    N, k = word, address
    stream = layout(
        kind=(len(KINDS),),
        address=(k,),
        word=(N,),
        place=(1,),
        owner=(k,),  # the address or label that the token belongs to
        counter=(k,),  # the command that is executed
        source=(k,),  # the address of what is taken off
        flag=(1,),  # 1 where a word is at most 0, else -1
        next=(k,),  # counter + 1
        operand=(k,),  # of the command, what the kind of the token wants
        first=(N,),  # the word at the source
        second=(N,),  # the word at the owner
        one=(1,),
    )
    look_back = Layer(
        "look back",
        (
            recent("owner", "write", "label"),
            recent("counter", "goto"),
            recent("source", "take"),
        ),
        _prepare(stream, N, k),
    )
    execute = Layer(
        "execute",
        (_operand(), _memory("source", "first"), _memory("owner", "second")),
        _answer(stream, N, k),
    )
    return Witness(
        name="SUBLEQ as a language",
        layout=stream,
        prompt=Prompt(
            N,
            slot_map(*((part, part) for part in (*PARTS, "place", "one"))),
            parts=layout(kind=(len(KINDS),), address=(k,), word="d"),
            query_parts=PARTS,
            targets=0,
            encodings=(("place", (rule(f"t/{POSITIONS}"),)),),
        ),
        layer_list=(look_back, execute),
        readout=Readout("word", tokens="all"),
    )


# -- heads ------------------------------------------------------------------------------------


def _marked(feature: str, weight: Fraction | int, *rows: Sequence[str]) -> Block:
    """A feature that is `weight` for tokens of the kinds in each of its rows."""
    matrix = tuple(tuple(weight * (one in kinds) for one in KINDS) for kinds in rows)
    return Block(feature, "kind", matrix=matrix)


def recent(slot: str, *kinds: str) -> Head:
    """The address of the latest token of some kinds; where there is none, of the token itself."""
    return Head(
        query=slot_map(("late", "one", RECENT)),
        key=SlotMap((_marked("late", ABOVE, kinds), Block("late", "place"))),
        value=slot_map((slot, "address")),
        attention="softmax",
        keys="causal",
        name=slot,
    )


def _operand() -> Head:
    """From the command at the counter, the part that the kind wants."""
    asked = [[kind for kind, part in WANTS.items() if part == one] for one in WANTS.values()]
    offered = [[part] for part in WANTS.values()]
    return Head(
        query=SlotMap((Block("pointer", "counter", POINTED), _marked("part", 2 * POINTED, *asked))),
        key=SlotMap((Block("pointer", "owner"), _marked("part", 1, *offered))),
        value=slot_map(("operand", "address")),
        attention="softmax",
        keys="causal",
        name="operand",
    )


def _memory(pointer: str, slot: str) -> Head:
    """The latest word at an address."""
    return Head(
        query=slot_map(("pointer", pointer, RECENT * ABOVE / 2), ("late", "one", RECENT)),
        key=SlotMap(
            (Block("pointer", "owner"), _marked("late", ABOVE, ["word"]), Block("late", "place"))
        ),
        value=slot_map((slot, "word")),
        attention="softmax",
        keys="causal",
        name=slot,
    )


# -- MLPs -------------------------------------------------------------------------------------

Terms: TypeAlias = Mapping[Row, Fraction | int]


def _prepare(stream: Layout, N: int, k: int) -> MLP:
    """flag, and next = counter + 1."""
    units, flag, word = Units(stream), ("flag", 0), rows_of("word", N)
    _where_most(units, {word[0]: 1}, 1, {flag: 2})
    _where_most(units, dict.fromkeys(word, -1), N, {flag: 2})
    for i in range(k):  # the number of the lowest i + 1 bits, and 1
        constant, steps = Fraction(2 ** (i + 1) + 1, 2), ((2**i, 1), (2 * 2**i, -1))
        _steps(units, _lowest("counter", k, i + 1), constant, steps, ("next", k - 1 - i))
    _constants(units, dict.fromkeys([flag, *rows_of("next", k)], -1))
    return _gelu(units)


def _answer(stream: Layout, N: int, k: int) -> MLP:
    """What comes next, in the place of what the token was."""
    units, address, word = Units(stream), rows_of("address", k), rows_of("word", N)
    for kind, following in FOLLOWS.items():
        written = word if following == "word" else address  # bits b are 2 [b = 1] - 1
        moved = {**_kind(following), **dict.fromkeys(_kind(kind), -1)}
        _where_most(units, _kind(kind), 1, {**moved, **dict.fromkeys(written, -1)})
    for i, row in enumerate(address):
        fetched, flag = ("operand", i), ("flag", 0)
        _where_most(units, {fetched: 1, **_kind("goto", "take", weight=4)}, 5, {row: 2})
        _where_most(units, {fetched: 1, flag: 2, **_kind("word", weight=4)}, 7, {row: 2})
        _where_most(units, {("next", i): 1, flag: -2, **_kind("word", weight=4)}, 7, {row: 2})
    for i in range(N):  # second + the flipped bits of first + 1, from 1 to 2^(i + 2) - 1
        negative = {bit: -value for bit, value in _lowest("first", N, i + 1).items()}
        reads, most = {**_lowest("second", N, i + 1), **negative}, 2 ** (i + 2)
        for M, c in ((2**i, 1), (2 * 2**i, -1), (3 * 2**i, 1)):  # M is beyond it for other kinds
            gate = _kind("write", weight=most - M)
            _steps(units, {**reads, **gate}, 2 ** (i + 1) - most + M, ((M, c),), word[N - 1 - i])
    for row in (*address, *word):
        _ramp(units, {row: 1}, 2, {row: -1})
    _constants(units, dict.fromkeys([*address, *word], 2))
    return _gelu(units)


def _kind(*names: str, weight: int = 1) -> dict[Row, int]:
    return {("kind", list(KINDS).index(name)): weight for name in names}


def _lowest(slot: str, size: int, count: int) -> dict[Row, Fraction]:
    """The number of the lowest bits, but for its constant (2^count - 1)/2."""
    return {(slot, size - 1 - j): Fraction(2**j, 2) for j in range(count)}


def _steps(
    units: Units, reads: Terms, constant: Fraction | int, steps: Iterable[tuple[int, int]], row: Row
) -> None:
    """2 c where reads + constant >= M, for each (M, c): of whole numbers, 1/4 from every kink."""
    for M, c in steps:
        _ramp(units, reads, constant - M + Fraction(3, 4), {row: 4 * c})
        _ramp(units, reads, constant - M + Fraction(1, 4), {row: -4 * c})


def _where_most(units: Units, reads: Terms, most: int, writes: Terms) -> None:
    """What is written where a sum of whole numbers is `most`, which it does not exceed."""
    _ramp(units, reads, Fraction(1, 2) - most, {row: 2 * value for row, value in writes.items()})


def _constants(units: Units, writes: Terms) -> None:
    _ramp(units, {}, 1, writes)


def _ramp(units: Units, reads: Terms, bias: Fraction | int, writes: Terms) -> None:
    """writes times max(reads + bias, 0)."""
    inside = {row: STEEP * value for row, value in reads.items()}
    outside = {row: Fraction(value) / STEEP for row, value in writes.items()}
    units.add({**inside, ONE: STEEP * bias}, outside)


def _gelu(units: Units) -> MLP:
    return replace(units.mlp(), activation="gelu")
