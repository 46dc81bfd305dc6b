"""giannou2023: a looped transformer that executes SUBLEQ, layer by layer as its authors build it.

Text read: subleq.py and utils.py of the authors' repository jysohn1108/Looped-Transformer (the
paper's own text, arXiv:2301.13196, was at hand as its abstract only). A command (a, b, c) does
mem[b] <- mem[b] - mem[a], and goes to c where that is at most 0, else to the next command. Columns
are one scratchpad, here the query, then memory and commands, here the examples; column t of them
has the address t = 1, 2, …, as bits -1 and 1, the highest first, and the scratchpad has zeros.
Words and pointers are such bits too, words in two's complement.

Biases that the code gives to its first column alone are weights of the row that marks the
scratchpad; there is one scratchpad column. The code's clamp takes the largest error of the prompt
at hand for epsilon, which no weights are: here epsilon is a parameter.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from proofs.layer import MLP, Head, Layer, Readout
from proofs.prompt import Prompt
from proofs.rule import Rule, rule
from proofs.slotmap import Block, SlotMap, slot_map
from proofs.stream import Layout, layout

from .. import notation as n
from ..parameters import number, whole
from ..witness import Witness

SOURCE = "giannou2023, SUBLEQ (arXiv:2301.13196; the authors' subleq.py)"
LARGE = 100  # the code's constant by which a unit is off outside the scratchpad, or inside it
EPSILON = Fraction(1, 10)  # of the clamp
COMMANDS = 8  # that a drawn program executes at least

Row: TypeAlias = tuple[str, int]  # a slot and the number of an entry
Terms: TypeAlias = Mapping[Row, Any]
MARK, ONE = ("scratchpad", 0), ("one", 0)


@dataclass
class Units:
    """ReLU units, collected: each reads a sum of rows and writes to rows; `mlp` makes W_1, W_2."""

    stream: Layout
    units: list[tuple[dict[Row, Any], dict[Row, Any]]] = field(default_factory=list)

    def add(self, reads: Terms, writes: Terms) -> None:
        self.units.append((dict(reads), dict(writes)))

    def take_off(self, rows: Iterable[Row]) -> None:
        """x <- x - relu(x) + relu(-x) = 0."""
        for row in rows:
            self.add({row: 1}, {row: -1})
            self.add({row: -1}, {row: 1})

    def bias(self, row: Row, value: Any, where: Row) -> None:
        """The bias of a row: `where` is 1 in the columns that get it, and 0 in the others."""
        self.add({where: 1}, {row: value})

    def mlp(self) -> MLP:
        inner = self._blocks([reads for reads, _ in self.units], into=True)
        outer = self._blocks([writes for _, writes in self.units], into=False)
        return MLP(SlotMap(tuple(outer)), SlotMap(tuple(inner)), activation="relu")

    def _blocks(self, of_units: Sequence[dict[Row, Any]], into: bool) -> Iterable[Block]:
        for name in dict.fromkeys(slot for unit in of_units for slot, _ in unit):
            size = self.stream[name].size
            rows = [[unit.get((name, i), 0) for i in range(size)] for unit in of_units]
            if into:
                yield Block("hidden", name, matrix=tuple(map(tuple, rows)))
            else:
                yield Block(name, "hidden", matrix=tuple(zip(*rows, strict=True)))


def rows_of(slot: str, size: int, start: int = 0) -> list[Row]:
    return [(slot, i) for i in range(start, start + size)]


def entry(row: Row) -> str:
    return f"{row[0]}[{row[1]}]"


# -- columns --------------------------------------------------------------------------------------


def addresses(k: int) -> tuple[Rule, ...]:
    """The bits of a column's address, the highest first: of t + 1 for example t, 0 at a query."""
    return tuple(
        rule(f"(2*((t + 1) // {2**bit} % 2) - 1) * (t < n)") for bit in range(k - 1, -1, -1)
    )


def computer(word: int, address: int) -> Layout:
    """The rows of a column: of a command, of memory, of the scratchpad, and of all."""
    N, k = word, address
    return layout(
        command=(3 * k,),
        memory=(N,),
        first=(N,),  # mem[a], later the flag in its first row
        second=(N,),  # mem[b], later the difference
        pointers=(3 * k,),
        counter=(k,),
        position=(k,),
        buffer=(max(3 * k, 2 * N),),
        scratchpad=(1,),
        one=(1,),
    )


def columns(word: int, address: int) -> Prompt:
    """X (n, word + 4 address): memory, command, nothing; a query: counter, the last command.

    A column of memory has zeros for its command, and the other way round.
    """
    return Prompt(
        word,
        slot_map(
            ("memory", "memory"),
            ("command", "command_example"),
            ("pointers", "command_query"),
            ("counter", "counter_query"),
            ("position", "address"),
            ("scratchpad", "query"),
            ("one", "one"),
        ),
        parts=layout(memory="d", command=(3 * address,), counter=(address,)),
        query_parts=("counter", "command"),
        targets=0,
        encodings=(("address", addresses(address)),),
    )


# -- layers ---------------------------------------------------------------------------------------


def look_up(
    stream: Layout, pointer: Sequence[Row], copied: Iterable[tuple[Row, Row]], temperature: Any
) -> Head:
    """Q = K = [pointer + position], softmax of temperature <q, k> over all columns.

    pointer: rows of one slot; copied: (where it goes, what is read).
    """
    slot, size = pointer[0][0], stream[pointer[0][0]].size
    chosen = tuple(tuple(int(row == (slot, i)) for i in range(size)) for row in pointer)
    key = (Block("f", slot, matrix=chosen), Block("f", "position"))
    return Head(
        query=SlotMap(tuple(replace(block, coefficient=temperature) for block in key)),
        key=SlotMap(key),
        value=slot_map(*((entry(to), entry(source)) for to, source in copied)),
        attention="softmax",
        keys="full",
    )


def replaced(units: Units, kept: Sequence[Row], buffer: Sequence[Row], inside: bool) -> None:
    """kept <- kept + relu(u - …) - relu(-u - …), u = 2 buffer - 2 kept, in or outside the
    scratchpad; the buffer becomes 0."""
    off = {MARK: LARGE, ONE: -LARGE} if inside else {MARK: -LARGE}
    for old, new in zip(kept, buffer, strict=True):
        units.add({old: -2, new: 2, **off}, {old: 1})
        units.add({old: 2, new: -2, **off}, {old: -1})
    units.take_off(buffer)


def read(
    stream: Layout,
    name: str,
    wanted: Iterable[tuple[Sequence[Row], Sequence[Row], Sequence[Row]]],
    temperature: Any,
) -> Layer:
    """wanted: (pointer, source, kept). A head for each: the column that the pointer names and the
    scratchpad itself, which has the same score, have half of the softmax each; so
    kept + 2 (source + kept)/2 - 2 kept is the source."""
    units, heads, start = Units(stream), [], 0
    for pointer, source, kept in wanted:
        buffer = rows_of("buffer", len(kept), start)
        copied = [*zip(buffer, source, strict=True), *zip(buffer, kept, strict=True)]
        heads.append(look_up(stream, pointer, copied, temperature))
        replaced(units, kept, buffer, inside=True)
        start += len(kept)
    return Layer(name, tuple(heads), units.mlp())


def write(
    stream: Layout, pointer: Sequence[Row], source: Sequence[Row], kept: Sequence[Row],
    temperature: Any,
) -> Layer:  # fmt: skip
    """As `read`, but it is the column that the pointer names in which `kept` is replaced."""
    units, buffer = Units(stream), rows_of("buffer", len(kept))
    copied = [*zip(buffer, kept, strict=True), *zip(buffer, source, strict=True)]
    replaced(units, kept, buffer, inside=False)
    head = look_up(stream, pointer, copied, temperature)
    return Layer("write memory", (head,), units.mlp())


def add(units: Units, summands: Sequence[Sequence[Row]], more: int, to: Sequence[Row]) -> None:
    """to <- to + the sum of words and of `more`, modulo 2^bits, in the scratchpad.

    Bit i of a sum s of the lowest i bits is 2 (ramp(s - M) - ramp(s - 2M) + ramp(s - 3M)) - 1 with
    ramp(u) = relu(u + 1) - relu(u), M = 2^(i - 1): as printed, the middle one from above, as
    relu(2M - s) - relu(2M - 1 - s) - 1.
    """
    size = len(to)
    for i in range(1, size + 1):
        half = Fraction(2**i - 1, 2)  # bits -1, 1 are 2 b - 1 of bits b = 0, 1
        lowest = {word[size - j]: Fraction(2 ** (j - 1), 2) for word in summands
                  for j in range(1, i + 1)}  # fmt: skip
        offset, M = len(summands) * half + more, 2 ** (i - 1)
        writes = to[size - i]
        for sign, bias in ((1, -M), (-1, 2 * M - 1), (1, -3 * M)):
            reads = {row: sign * c for row, c in lowest.items()}
            units.add({**reads, MARK: sign * offset + bias + 1}, {writes: 2})
            units.add({**reads, MARK: sign * offset + bias}, {writes: -2})
        units.bias(writes, -3, MARK)


def subtract(stream: Layout, first: Sequence[Row], second: Sequence[Row]) -> tuple[Layer, ...]:
    """second <- second - first, first <- 0, by two's complement: -r is its flipped bits plus 1."""
    N = len(first)
    flipped, negative = rows_of("buffer", N), rows_of("buffer", N, N)
    flip, increase, total = Units(stream), Units(stream), Units(stream)
    for row, to in zip(first, flipped, strict=True):
        flip.add({row: -1}, {to: 2})
        flip.bias(to, -1, MARK)
    add(increase, [flipped], 1, negative)
    add(total, [negative, second], 0, second)
    total.take_off((*flipped, *negative, *first, *second))
    return (
        Layer("flip the bits", mlp=flip.mlp()),
        Layer("add 1", mlp=increase.mlp()),
        Layer("add", mlp=total.mlp()),
    )


def branch(
    stream: Layout, difference: Sequence[Row], flag: Row, target: Sequence[Row]
) -> tuple[Layer, ...]:
    """flag = 1 where the difference is at most 0; counter <- target then, else counter + 1."""
    N, k = len(difference), len(target)
    counter = rows_of("counter", k)
    decide, increase, choose = Units(stream), Units(stream), Units(stream)
    decide.add({difference[0]: 1}, {flag: 1})
    decide.add({**{row: -1 for row in difference}, MARK: 1 - N}, {flag: 1})
    decide.take_off(difference)
    add(increase, [counter], 1, counter)
    increase.take_off(counter)
    for old, new in zip(counter, target, strict=True):
        for sign in (1, -1):
            choose.add({new: sign, flag: 1, MARK: -1}, {old: sign})
            choose.add({old: sign, flag: -1}, {old: sign})
    choose.take_off((*counter, flag))
    return (
        Layer("flag", mlp=decide.mlp()),
        Layer("next command", mlp=increase.mlp()),
        Layer("branch", mlp=choose.mlp()),
    )


def clamp(stream: Layout, rows: Iterable[Row], epsilon: Any) -> Layer:
    """-1 below -1 + epsilon, 0 between -epsilon and epsilon, 1 from 1 - epsilon on; lines between.

    (relu(x + 1 - e) - relu(x + e) + relu(x - e) - relu(x - 1 + e))/(1 - 2e) - 1, and -x.
    """
    e = number("epsilon", epsilon)
    if not 0 < e < Fraction(1, 2):
        raise ValueError(f"epsilon is between 0 and 1/2, not {epsilon}")
    units, slope = Units(stream), 1 / (1 - 2 * e)
    for row in rows:
        for bias, sign in ((1 - e, 1), (e, -1), (-e, 1), (e - 1, -1)):
            units.add({row: 1, ONE: bias}, {row: sign * slope})
        units.bias(row, -1, ONE)
        units.take_off((row,))
    return Layer("clamp", mlp=units.mlp())


# -- transformers ---------------------------------------------------------------------------------


def reader(d: int, address: int, temperature: Any) -> Witness:
    """The layer that reads: columns of d numbers, a query of a counter and d numbers to replace."""
    k = whole("address", address)
    stream = layout(
        value=(d,), kept=(d,), counter=(k,), position=(k,), buffer=(d,), scratchpad=(1,), one=(1,)
    )
    wanted = (rows_of("counter", k), rows_of("value", d), rows_of("kept", d))
    return Witness(
        name="giannou2023, read",
        layout=stream,
        prompt=Prompt(
            d,
            slot_map(
                ("value", "value_example"),
                ("kept", "value_query"),
                ("counter", "counter_query"),
                ("position", "address"),
                ("scratchpad", "query"),
                ("one", "one"),
            ),
            parts=layout(value="d", counter=(k,)),
            query_parts=("counter", "value"),
            targets=0,
            encodings=(("address", addresses(k)),),
        ),
        layer_list=(read(stream, "read", [wanted], temperature),),
        readout=Readout("kept"),
        source=SOURCE,
    )


def subtractor(d: int) -> Witness:
    """The three layers that subtract: a query has two words, and gets second - first."""
    N = whole("d", d)
    stream = layout(first=(N,), second=(N,), buffer=(2 * N,), scratchpad=(1,))
    return Witness(
        name="giannou2023, subtract",
        layout=stream,
        prompt=Prompt(
            N,
            slot_map(("first", "first"), ("second", "second"), ("scratchpad", "query")),
            parts=layout(first="d", second="d"),
            targets=0,
        ),
        layer_list=subtract(stream, rows_of("first", N), rows_of("second", N)),
        readout=Readout("second"),
        source=SOURCE,
    )


def program(values: Mapping[str, Any], seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X, y and the query of a machine: two words that are 1, and the one command that takes the
    first off the second and comes to itself; of another seed words and commands that are drawn."""
    N, k = values["d"], values["address"]
    words, commands, counter = drawn_program(N, k, seed) if seed else ([1, 1], [(1, 2, 3)], 3)
    rows = [[*_bits(word, N), *[0] * (4 * k)] for word in words]
    for command in commands:
        rows.append([*[0] * N, *(bit for at in command for bit in _bits(at, k)), *[0] * k])
    asked = [[*_bits(counter, k), *[0] * (3 * k)]]
    X, queries = (np.array(part, dtype=object) * Fraction(1) for part in (rows, asked))
    return X, np.zeros((len(rows), 0), dtype=object), queries


Command: TypeAlias = tuple[int, int, int]


def drawn_program(N: int, k: int, seed: int) -> tuple[list[int], list[Command], int]:
    """Words, commands and the address of the first one, as many as addresses of k bits reach; the
    program does not run past its last command in `COMMANDS` of them."""
    rng, count = random.Random(f"{N} {k} {seed}"), 2**k - 1
    of_words = max(2, count // 2)
    while True:
        words = [rng.randrange(2**N) for _ in range(of_words)]
        at, targets = range(1, of_words + 1), range(of_words + 1, count + 1)
        commands = [(rng.choice(at), rng.choice(at), rng.choice(targets)) for _ in targets]
        first = counter = rng.choice(targets)
        memory = list(words)
        for _ in range(COMMANDS):
            if counter > count:
                break
            a, b, c = commands[counter - of_words - 1]
            memory[b - 1] = (memory[b - 1] - memory[a - 1]) % 2**N
            at_most_0 = memory[b - 1] == 0 or memory[b - 1] >= 2 ** (N - 1)
            counter = c if at_most_0 else counter + 1
        else:
            return words, commands, first


def _bits(number: int, size: int) -> list[int]:
    return [2 * (number >> i & 1) - 1 for i in reversed(range(size))]


@n.construction(
    parameters={
        "d": n.Whole(example=2),
        "address": n.Whole(least=2, example=2),
        "temperature": n.Number(above=0, example=10),
        "epsilon": n.Number(above=0, default=EPSILON),
        "loops": n.Whole(least=0, default=1),
        "clamped": n.OneOf(of=(True, False), default=True),
    },
    steps="loops",
    fields=lambda values: columns(values["d"], values["address"]).fields,
    targets=0,
    sample=program,
    claim="giannou2023.subleq",
    source=SOURCE,
)
def subleq(
    d: int, address: int, temperature: Any, epsilon: Any, loops: int, clamped: bool
) -> Witness:
    """One loop, ten layers, executes one command on words of d bits and addresses of `address`.

    Predicted is the memory of every column, 0 in those of commands.
    """
    N, k = whole("d", d), whole("address", address)
    stream = computer(N, k)
    command, memory = rows_of("command", 3 * k), rows_of("memory", N)
    first, second = rows_of("first", N), rows_of("second", N)
    pointers, counter = rows_of("pointers", 3 * k), rows_of("counter", k)
    a, b, c = pointers[:k], pointers[k : 2 * k], pointers[2 * k :]
    loop = (
        read(stream, "read the command", [(counter, command, pointers)], temperature),
        read(stream, "read memory", [(a, memory, first), (b, memory, second)], temperature),
        *subtract(stream, first, second),
        write(stream, b, second, memory, temperature),
        *branch(stream, second, first[0], c),
        clamp(stream, (*memory, *counter, *pointers), epsilon),
    )
    return Witness(
        name="giannou2023, SUBLEQ",
        layout=stream,
        prompt=columns(N, k),
        layer_list=(loop if clamped else loop[:-1]) * whole("loops", loops, 0),
        readout=Readout("memory", tokens="examples"),
        source=SOURCE,
    )
