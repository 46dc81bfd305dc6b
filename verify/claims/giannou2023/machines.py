"""Words as bits, the state of a SUBLEQ machine as the columns of a prompt, and programs.

Text read for all claims of giannou2023: the authors' code (jysohn1108/Looped-Transformer:
subleq.py, utils.py, README.md) and the abstract of arXiv:2301.13196v1; the numbers of its lemmas
were not at hand, so that claims name the block of the code. What is executed is that code's Q, K,
V, W_1, b_1, W_2, b_2 (constructions.papers.giannou2023 says where biases and epsilon differ).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st

from ... import algorithms
from ...strategies import Case

NOTE = "text read: the authors' code; the paper's own numbering was not at hand"
Command: TypeAlias = tuple[int, int, int]


def bits(value: int, size: int) -> list[Fraction]:
    """-1 and 1 for the binary digits of a number modulo 2^size, the highest first."""
    return [Fraction(2 * (value >> i & 1) - 1) for i in reversed(range(size))]


def are_bits(word: Any) -> bool:
    return all(abs(entry) == 1 for entry in word)


def number(word: Sequence[Any]) -> int:
    """The number of bits -1 and 1 in two's complement."""
    size = len(word)
    total = sum(2 ** (size - 1 - i) for i, bit in enumerate(word) if bit > 0)
    return total - 2**size if word[0] > 0 else total


@dataclass(frozen=True)
class Machine:
    """Words of `word` bits, addresses of `address` bits: memory, then commands, from 1 on.

    last: the command that was executed before, of which the scratchpad still has the pointers.
    """

    word: int
    address: int
    memory: tuple[int, ...]
    commands: tuple[Command, ...]
    counter: int
    last: Command | None = None

    def step(self) -> Machine:
        """After one command, by the interpreter."""
        memory, counter = algorithms.subleq_command(
            self.memory, self.commands, self.counter, self.word
        )
        command = self.commands[self.counter - len(self.memory) - 1]
        return replace(self, memory=tuple(memory), counter=counter, last=command)

    def run(self) -> Iterator[Machine]:
        """All states, the first one included, until a command goes to itself and changes nothing.

        Raises ValueError where that is not so within 1000 steps.
        """
        state = self
        for _ in range(1000):
            yield state
            following = state.step()
            if (following.memory, following.counter) == (state.memory, state.counter):
                return
            state = following
        raise ValueError("the program does not come to its end within 1000 steps")

    def pointers(self, command: Command | None) -> list[Fraction]:
        """Their bits; nothing where there is no command."""
        if command is None:
            return [Fraction(0)] * (3 * self.address)
        return [bit for at in command for bit in bits(at, self.address)]

    def columns(self) -> tuple[np.ndarray, np.ndarray]:
        """X (columns, word + 4 address) and the scratchpad (1, 4 address)."""
        N, k = self.word, self.address
        rows = [[*bits(value, N), *[Fraction(0)] * (4 * k)] for value in self.memory]
        empty = [Fraction(0)] * N
        rows += [[*empty, *self.pointers(one), *[Fraction(0)] * k]
                 for one in self.commands]  # fmt: skip
        scratchpad = [*bits(self.counter, k), *self.pointers(self.last)]
        return np.array(rows, dtype=object), np.array([scratchpad], dtype=object)

    def words(self) -> list[list[Fraction]]:
        """The memory rows of all columns: 0 where a command stands."""
        empty = [Fraction(0)] * self.word
        return [bits(value, self.word) for value in self.memory] + [empty] * len(self.commands)


# -- programs -------------------------------------------------------------------------------------


def read_off(X: Any, queries: Any, address: int) -> Machine:
    """The machine of which these are the columns and the scratchpad."""
    k, N = address, X.shape[1] - 4 * address
    memory = [row[:N] for row in X if row[0] != 0]
    commands = [row[N : N + 3 * k] for row in X if row[0] == 0]
    (scratchpad,) = queries
    last = _pointers(scratchpad[k:], k) if scratchpad[k] != 0 else None
    return Machine(
        N, k, tuple(map(number, memory)), tuple(_pointers(one, k) for one in commands),
        _address(scratchpad[:k]), last,
    )  # fmt: skip


def is_machine(case: Case) -> bool:
    """Whether the columns of a prompt are memory, then commands, and the query is its counter."""
    k, N = case.parameters["address"], case.parameters["d"]
    parts = [(row[:N], row[N : N + 3 * k], row[N + 3 * k :]) for row in case.X]
    kinds = [
        0 if are_bits(memory) and not any(command) else 1 if are_bits(command) else 2
        for memory, command, rest in parts
        if not any(rest) and (are_bits(memory) or not any(memory))
    ]
    fits = len(case.X) < 2**k and len(case.queries) == 1
    if not fits or len(kinds) < len(parts) or kinds != sorted(kinds) or 2 in kinds:
        return False
    (counter, last) = np.split(case.queries[0], [k])
    if not are_bits(counter) or not (are_bits(last) or not any(last)):
        return False
    try:
        read_off(case.X, case.queries, k).step()
    except ValueError:
        return False
    return True


def _pointers(row: Any, k: int) -> Command:
    a, b, c = (_address(row[start : start + k]) for start in (0, k, 2 * k))
    return a, b, c


def _address(word: Any) -> int:
    return number(word) % 2 ** len(word)


def program(word: int, values: Sequence[int], commands: Sequence[tuple[Any, ...]]) -> Machine:
    """Memory `values`, then 0 and -1, with which the last command stays where it is.

    Commands are written in numbers of memory from 0 on; (a, b) goes on to the next one either way,
    (a, b, j) to command number j from 0 on.
    """
    memory = (*values, 0, -1)
    first = len(memory) + 1
    made = [
        (one[0] + 1, one[1] + 1, first + (one[2] if len(one) > 2 else i + 1))
        for i, one in enumerate(commands)
    ]
    made.append((len(memory) - 1, len(memory), first + len(commands)))
    address = (first + len(commands)).bit_length()
    return Machine(word, address, memory, tuple(made), first)


def addition(word: int, a: int, b: int) -> Machine:
    """b becomes a + b; a third number is 0 before."""
    return program(word, (a, b, 0), [(0, 2), (2, 1)])


def multiplication(word: int, a: int, b: int) -> Machine:
    """a becomes a b, for b from 1 on, as in the authors' README: b - 1 times a is added."""
    return program(word, (a, b, 0, 0, 1), [(0, 2), (4, 1, 4), (2, 0), (3, 3, 1)])


def sorting(word: int, values: Sequence[int]) -> Machine:
    """Values in ascending order: neighbours that are in the wrong order are exchanged."""
    size = len(values)
    d, u = size, size + 1
    commands: list[tuple[int, ...]] = []
    for last in range(size - 1, 0, -1):
        for x, y in zip(range(last), range(1, last + 1)):
            skip = len(commands) + 9
            commands += [(d, d), (u, u), (x, u), (u, d), (y, d, skip)]  # d = x - y
            commands += [(d, x), (u, u), (d, u), (u, y)]
    return program(word, (*values, 0, 0), commands)


def every(word: int, address: int) -> Iterator[Machine]:
    """Every state of every machine of this size."""
    values = range(-(2 ** (word - 1)), 2 ** (word - 1))
    for m, count in product(range(1, 2**address - 1), range(1, 2**address - 1)):
        if m + count >= 2**address:
            continue
        places, targets = range(1, m + 1), range(m + 1, m + count + 1)
        each = list(product(places, places, targets))
        for memory, commands, counter, last in product(
            product(values, repeat=m), product(each, repeat=count), targets, (None, *each)
        ):
            yield Machine(word, address, memory, commands, counter, last)


@st.composite
def machines(draw: Any) -> Machine:
    """Any memory, any commands with pointers into it, any counter and command before."""
    N, k = draw(st.integers(1, 4)), draw(st.integers(2, 4))
    m = draw(st.integers(1, 2**k - 2))
    count = draw(st.integers(1, 2**k - 1 - m))
    word = st.integers(-(2 ** (N - 1)), 2 ** (N - 1) - 1)
    memory = draw(st.lists(word, min_size=m, max_size=m))
    command = st.tuples(st.integers(1, m), st.integers(1, m), st.integers(m + 1, m + count))
    commands = draw(st.lists(command, min_size=count, max_size=count))
    counter = draw(st.integers(m + 1, m + count))
    last = draw(st.one_of(st.none(), command))
    return Machine(N, k, tuple(memory), tuple(commands), counter, last)
