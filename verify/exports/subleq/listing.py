"""Programs of SUBLEQ as text, and their runs as the interpreter has them."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from constructions.exports.gpt2 import POSITIONS
from constructions.exports.subleq import END, Token, text

from ... import algorithms

Command: TypeAlias = tuple[int, int, int]
PER_COMMAND = 4  # tokens of a run
COMMANDS = 60  # of a drawn run, at most


@dataclass(frozen=True)
class Program:
    """Memory stands at 1, 2, …, commands after it; the command at `counter` is the first.

    bits: of words; address: of addresses. After the largest address comes 0, the end.
    """

    bits: int
    address: int
    memory: tuple[int, ...]
    commands: tuple[Command, ...]
    counter: int

    def tokens(self) -> list[Token]:
        """Its text."""
        made: list[Token] = []
        for at, word in enumerate(self.memory, start=1):
            made += [("write", at), ("word", word)]
        for at, (a, b, c) in enumerate(self.commands, start=len(self.memory) + 1):
            made += [("label", at), ("a", a), ("b", b), ("c", c)]
        return [*made, ("goto", self.counter)]

    def run(self, most: int) -> list[Token]:
        """The text of its run, by the interpreter: up to where no command is, or to `most`."""
        memory: list[int] = list(self.memory)
        counter, made = self.counter, list[Token]()
        for _ in range(most):
            number = counter - len(memory) - 1
            if not 0 <= number < len(self.commands):
                break
            a, b, _ = self.commands[number]
            memory, counter = algorithms.subleq_command(memory, self.commands, counter, self.bits)
            counter %= 2**self.address
            made += [("take", a), ("write", b), ("word", memory[b - 1]), ("goto", counter)]
        return made


def written(tokens: Iterable[Token]) -> str:
    """A text."""
    return " ".join(map(text, tokens))


def memory(said: str) -> dict[str, int]:
    """What each address holds at the end of a text: the latest word behind it."""
    words = said.split()
    return {at[1:]: int(word[1:]) for at, word in zip(words, words[1:]) if at[0] == "@"}


def example(word: int, address: int) -> Program:
    """A product, a sum or a difference: what there are addresses and bits for. It ends."""
    end = END[1]
    if address >= 4 and word >= 5:  # add 3 to what is at 1, 4 - 1 times
        loop = ((1, 3, 7), (5, 2, end), (3, 1, 9), (4, 4, 7))
        return Program(word, address, (3, 4, 0, 0, 1), loop, 6)
    if address >= 3:
        return Program(word, address, (1, -1, 0), ((1, 3, 5), (3, 2, end)), 4)
    return Program(word, address, (1, 0), ((1, 2, end),), 3)


def drawn(word: int, address: int, seed: int) -> Program:
    """Any memory, any commands with pointers into it; now and then one goes to the end.

    There is room for COMMANDS.
    """
    rng, most = random.Random(f"{word} {address} {seed}"), 2**address - 1
    while True:
        size = rng.randint(1, most - 1)
        count = rng.randint(1, most - size)
        if 2 * size + 4 * count + 1 + PER_COMMAND * COMMANDS <= POSITIONS:
            break
    at, targets = range(1, size + 1), range(size + 1, size + count + 1)
    half = 2 ** (word - 1)
    commands = tuple(
        (rng.choice(at), rng.choice(at), rng.choice(targets) if rng.random() < 0.95 else END[1])
        for _ in range(count)
    )
    memory = tuple(rng.randrange(-half, half) for _ in at)
    return Program(word, address, memory, commands, rng.choice(targets))
