"""giannou2023: a looped transformer that executes SUBLEQ: reading, subtracting, a loop, programs.

Text read: the authors' code (jysohn1108/Looped-Transformer: subleq.py, utils.py, README.md) and the
abstract of arXiv:2301.13196v1; the numbers of its lemmas were not at hand, so that claims name the
block. What is executed is that code's Q, K, V, W_1, b_1, W_2, b_2 (constructions.papers.giannou2023
says where biases and epsilon differ). Two's complement wraps around, as its interpreter does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from math import ceil
from typing import Any

import numpy as np
from flint import arb
from hypothesis import strategies as st

from constructions.numbers.ball import Ball
from constructions.papers import giannou2023 as paper
from constructions.witness import Witness
from proofs.flint_precision import precision
from proofs.prompt import fields_of
from proofs.stream import layout

from .. import algorithms
from ..checks.analysis.evidence import about_its_own
from ..checks.bounds.balls import at_most, ball, top
from ..checks.statements import counts, theorem
from ..claim import Budget, Check, CheckResult, Differs, Domain, Promise, check, claim, repair
from ..hunt import hunt
from ..strategies import Case, as_text

BITS = 192  # of balls
NOTE = "text read: the authors' code; the paper's own numbering was not at hand"
Command = tuple[int, int, int]


def bits(value: int, size: int) -> list[Fraction]:
    """-1 and 1 for the binary digits of a number modulo 2^size, the highest first."""
    return [Fraction(2 * (value >> i & 1) - 1) for i in reversed(range(size))]


def number(word: Sequence[Any]) -> int:
    """The number of bits -1 and 1 in two's complement."""
    size = len(word)
    total = sum(2 ** (size - 1 - i) for i, bit in enumerate(word) if bit > 0)
    return total - 2**size if word[0] > 0 else total


# -- reading --------------------------------------------------------------------------------------


def read_error(address: int, temperature: Any) -> arb:
    """4 (W - 1)/(W + 1), W = (1 + exp(-2 temperature))^address, as a ball."""
    W = (1 + (-2 * ball(temperature)).exp()) ** address
    return 4 * (W - 1) / (W + 1)


def smallest_temperature(address: int, error: Any) -> arb:
    """lambda(n, delta) = -1/2 log(rho^(1/log2 n) - 1), rho = (4 + delta)/(4 - delta), n = 2^k."""
    delta = ball(error)
    rho = (4 + delta) / (4 - delta)
    return -((rho.log() / address).exp() - 1).log() / 2


def worst_content(address: int, counter: int, temperature: Any, layer: Any = paper.reader) -> arb:
    """The largest error of reading over all contents in [-1, 1], of n = 2^address columns, which
    have all addresses, and of the scratchpad.

    With content j in row j alone, and 1, the layer gives the factor of every column's content:
    it is linear in them. The error is largest where all signs are those of the factors.
    """
    n = 2**address
    witness = layer(n + 1, address, temperature)
    unit = np.eye(n + 1, dtype=int).astype(object) * Fraction(1)
    X = np.concatenate([unit[:n], np.zeros((n, address), dtype=int)], axis=1).astype(object)
    asked = np.array([[*bits(counter, address), *unit[n]]], dtype=object)
    with precision(BITS):
        factors = np.ravel(witness.predict(X, None, asked, Ball(BITS)))
        each = (abs(factor - int(j == counter - 1)) for j, factor in enumerate(factors))
        return sum(each, arb(0))


SIZES = (1, 2, 3, 4)  # of an address
TEMPERATURE = Fraction(10)  # the code's
NARROW = Fraction(1, 2**100)


@check("enclosure", "enclosed")
@about_its_own
def reads(budget: Budget, layer: Any = paper.reader) -> CheckResult:
    """Whichever the contents, the error is at most the formula's, which the worst ones attain."""
    cases, worst = 0, 0.0
    with precision(BITS):
        for k in SIZES:
            for temperature in (Fraction(1), TEMPERATURE):
                formula = read_error(k, temperature)
                for counter in range(1, 2**k + 1):
                    cases += 1
                    off = worst_content(k, counter, temperature, layer)
                    if not abs(off - formula) < ball(NARROW):
                        raise Differs(
                            f"n = {2**k}, column {counter}: off by up to {off.str(5)}, the "
                            f"formula gives {formula.str(5)}",
                            {"n": 2**k, "counter": counter, "temperature": str(temperature)},
                            max_error=top(off), bound=top(formula), cases=cases,
                        )  # fmt: skip
            worst = max(worst, top(read_error(k, TEMPERATURE) + ball(NARROW)))
    return CheckResult(
        True, cases, worst, worst,
        "the largest error is 4 (W - 1)/(W + 1), W = (1 + exp(-2 lambda))^log2(n), at lambda = 1 "
        f"and 10, at 10 below {at_most(worst)}; it vanishes as lambda grows",
        box=f"every content in [-1, 1] of n columns and the scratchpad, every counter, n = 2, "
        f"..., {2 ** SIZES[-1]}, lambda = {TEMPERATURE}",
    )  # fmt: skip


@claim(
    "giannou2023.read",
    source="giannou2023, the read operation (read_inst)",
    expected="approximates",
    statement=r"Q = K = [p_c + p],\; v \leftarrow v + \mathrm{relu}(2b - 2v) - \mathrm{relu}(2v - "
    r"2b),\; b = V X\, \mathrm{softmax}(\lambda X^\top K^\top Q X): v \to \text{ the column at } "
    r"p_c,\; \lambda \to \infty",
    note=NOTE,
)
def reading() -> tuple[Check, ...]:
    """The column at the counter is copied into the scratchpad, up to an error that vanishes."""
    return (reads(),)


ERRORS = tuple(map(Fraction, ("1", "1/10", "1/1000", "1/1000000")))
STEP = Fraction(1, 2**40)


@check("exact", "exact")
@about_its_own
def smallest(budget: Budget, formula: Any = smallest_temperature) -> CheckResult:
    """At the formula's temperature the largest error is delta: above it is less, below it more."""
    cases = 0
    with precision(BITS):
        for k in SIZES:
            for delta in ERRORS:
                cases += 1
                middle = formula(k, delta)
                at = Fraction(int((middle / ball(STEP)).floor().unique_fmpz())) * STEP
                counter = cases % 2**k + 1
                above, below = (worst_content(k, counter, at + s * STEP) for s in (2, -1))
                if not (above <= ball(delta) and below > ball(delta)):
                    raise Differs(
                        f"n = {2**k}, delta = {delta}: around lambda = {middle.str(8)} the error "
                        f"is {above.str(8)} and {below.str(8)}",
                        {"n": 2**k, "delta": str(delta), "lambda": middle.str(12)},
                        max_error=top(above), bound=top(ball(delta)), cases=cases,
                    )  # fmt: skip
    shown = smallest_temperature(5, Fraction(1, 10))
    return CheckResult(
        True, cases, 0.0, 0.0,
        f"for n to {2 ** SIZES[-1]} and delta from 1 to 1e-6; n = 32, delta = 1/10: {shown.str(4)}",
    )  # fmt: skip


@claim(
    "giannou2023.read.temperature",
    variant="improved",
    source="giannou2023, the read operation, how large lambda has to be",
    statement=r"\text{error} \leq \delta \text{ for all contents in } [-1, 1] \iff \lambda \geq "
    r"\lambda(n, \delta) = -\tfrac12 \log\big(\rho^{1/\log_2 n} - 1\big),\; \rho = "
    r"\tfrac{4 + \delta}{4 - \delta}",
    note="n = 2^k columns at all addresses, beside the scratchpad; with fewer the error is smaller. "
    "It is near 1/2 log(2 log2(n)/delta) for small delta. The theorem of that name is for every n",
)
def temperature() -> tuple[Check, ...]:
    """The smallest temperature for a given error, as a formula."""
    return (smallest(), theorem("giannou2023.read", "giannou2023.temperature"))


@check("exact", "exact")
@about_its_own
def copies(budget: Budget) -> CheckResult:
    """What the softmax writes into the buffer, of one column, v = 1, and an empty scratchpad.

    The two scores are the same, so that each has half at every temperature.
    """
    witness = paper.reader(1, 1, TEMPERATURE)
    X, asked = [[Fraction(1), Fraction(0)]], [[*bits(1, 1), Fraction(0)]]
    (layer,) = witness.layer_list
    bare = witness.with_layers((replace(layer, mlp=None),))
    bare = replace(bare, readout=replace(bare.readout, slot="buffer"))
    given = [np.array(rows, dtype=object) for rows in (X, asked)]
    with precision(BITS):
        (made,) = np.ravel(bare.predict(given[0], None, given[1], Ball(BITS)))
        if abs(made - 1) < arb(1) / 4:
            return CheckResult(None, detail=f"the buffer is {made.str(5)}")
        raise Differs(
            f"the column holds 1, the softmax gives {made.str(5)}: half the column, half the "
            "scratchpad, which has the same score, at every temperature",
            {"X": as_text(X), "query": as_text(asked), "softmax": made.str(5), "column": "1"},
        )


@claim(
    "giannou2023.read.softmax",
    source="giannou2023, the read operation, read of its softmax alone",
    expected="refuted",
    statement=r"V X\, \mathrm{softmax}(\lambda X^\top K^\top Q X) \to \text{ the column at } p_c,\; "
    r"Q = K = [p_c + p],\; \lambda \to \infty",
    note="Q = K also makes the scratchpad's own score the largest; " + NOTE,
)
def softmax_alone() -> tuple[Check, ...]:
    """The softmax alone copies the column at the counter."""
    return (copies(),)


@repair(
    "giannou2023.read.softmax",
    "with the layer's MLP, which takes what the scratchpad had before off twice the softmax",
    statement=r"2 V X\, \mathrm{softmax}(\lambda X^\top K^\top Q X) - v \to \text{ the column}",
    expected="approximates",
)
def softmax_and_mlp() -> tuple[Check, ...]:
    """Twice the softmax, less what was there before, is the column, up to what vanishes."""
    return (reads(),)


# -- subtracting ----------------------------------------------------------------------------------

WORDS = fields_of(layout(first="d", second="d"), None)


def difference(X: Any, y: Any, queries: Any) -> Any:
    """The bits of second - first modulo 2^N, from whole numbers."""
    N = queries.shape[1] // 2
    return np.array([bits(number(row[N:]) - number(row[:N]), N) for row in queries], dtype=object)


def words(N: int, pairs: Sequence[tuple[int, int]]) -> Case:
    rows = [[*bits(a, N), *bits(b, N)] for a, b in pairs]
    X = np.array([[Fraction(0)] * (2 * N)], dtype=object)
    y = np.zeros((1, 0), dtype=object)
    return Case({"d": N}, X, y, np.array(rows, dtype=object), WORDS, 0)


@st.composite
def pairs_of_words(draw: Any) -> Case:
    N = draw(st.integers(1, 8))
    word = st.integers(-(2 ** (N - 1)), 2 ** (N - 1) - 1)
    return words(N, draw(st.lists(st.tuples(word, word), min_size=1, max_size=3)))


def _range(N: int) -> range:
    return range(-(2 ** (N - 1)), 2 ** (N - 1))


@check("exact", "exact")
@about_its_own
def every_pair(budget: Budget, build: Any = paper.subtractor) -> CheckResult:
    """All pairs of words of up to 5 bits, in fractions."""
    cases = 0
    for N in range(1, 5 if budget.quick else 6):
        pairs = [(a, b) for a in _range(N) for b in _range(N)]
        case = words(N, pairs)
        made = build(N).predict(case.X, None, case.queries, "rational")
        cases += len(pairs)
        for (a, b), got in zip(pairs, made, strict=True):
            if list(got) != bits(b - a, N):
                raise Differs(
                    f"N = {N}, b - a = {b} - {a}: the bits {as_text(list(got))}",
                    {"N": N, "a": a, "b": b, "bits": as_text(list(got))},
                    cases=cases,
                )
    return CheckResult(True, cases, 0.0, 0.0, "every pair of words of 1, 2, … bits, in fractions")


@claim(
    "giannou2023.subtract",
    source="giannou2023, the subtraction (subtract_mem)",
    statement=r"\text{three ReLU layers: } \bar a = 2\,\mathrm{relu}(-a) - 1,\; -a = \bar a + 1,\; "
    r"b - a = b + (-a) \text{ on bits } \pm 1 \text{ in two's complement, for every } N",
    algorithm=difference,
    cases=pairs_of_words,
    checks=lambda: (every_pair(),),
    theorems=("giannou2023.subtract",),
    promises=(Promise("layers", "3"), Promise("hidden", "16*d")),
    sizes=lambda: [{"d": N} for N in range(1, 6)],
    note="modulo 2^N; the theorem of that name is for every N. " + NOTE,
)
def subtraction(d: int) -> Witness:
    """Words of any number of bits are subtracted exactly."""
    return paper.subtractor(d)


def fits(case: Case) -> bool:
    """Whether every difference is a word of N bits."""
    N = case.parameters["d"]
    return all(number(row[N:]) - number(row[:N]) in _range(N) for row in case.queries)


def as_integers(X: Any, y: Any, queries: Any) -> Any:
    """The whole number second - first, in bits of -1 and 1 but for the first, which carries more:
    2^(N-1) (1 + first)/2 is minus what the other bits leave."""
    N = queries.shape[1] // 2
    made = []
    for row in queries:
        value = number(row[N:]) - number(row[:N])
        low = bits(value, N)[1:]
        rest = sum(2 ** (N - 2 - i) for i, bit in enumerate(low) if bit > 0)
        made.append([Fraction(2 * (rest - value), 2 ** (N - 1)) - 1, *low])
    return np.array(made, dtype=object)


@claim(
    "giannou2023.subtract.integers",
    source="giannou2023, the subtraction, read of whole numbers",
    expected="refuted",
    statement=r"\text{the bits of } b - a \text{ stand for the whole number, for every } a, b",
    algorithm=as_integers,
    cases=pairs_of_words,
    note="the difference of two words of N bits may need N + 1; the branch then sees a wrong sign",
)
def whole_numbers(d: int) -> Witness:
    """The difference is that of whole numbers."""
    return paper.subtractor(d)


@repair(
    "giannou2023.subtract.integers",
    "where -2^(N-1) <= b - a < 2^(N-1)",
    domain=Domain("-2^(N-1) <= b - a < 2^(N-1)", fits),
)
def whole_numbers_that_fit(d: int) -> Witness:
    """Where it has N bits, the difference is that of whole numbers."""
    return paper.subtractor(d)


# -- a loop ---------------------------------------------------------------------------------------


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
        memory, counter = algorithms.subleq(self.memory, self.commands, self.counter, self.word)
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
        rows += [[*empty, *self.pointers(one), *empty[:0], *[Fraction(0)] * k]
                 for one in self.commands]  # fmt: skip
        scratchpad = [*bits(self.counter, k), *self.pointers(self.last)]
        return np.array(rows, dtype=object), np.array([scratchpad], dtype=object)

    def words(self) -> list[list[Fraction]]:
        """The memory rows of all columns: 0 where a command stands."""
        empty = [Fraction(0)] * self.word
        return [bits(value, self.word) for value in self.memory] + [empty] * len(self.commands)


@cache
def loop(word: int, address: int, temperature: Fraction) -> Witness:
    """One loop without its last layer, the clamp."""
    return paper.subleq(word, address, temperature, clamped=False)


PARTS = ("pointers", "operands", "difference", "memory", "flag", "counter")


def off(state: Machine, witness: Witness) -> dict[str, arb]:
    """How far parts of the stream are from the interpreter's, where layers 1, 2, 5, 6, 7, 9 leave
    them; of memory and pointers also at the end."""
    X, asked = state.columns()
    held = witness.trace(X, None, asked, Ball(BITS))
    after = state.step()
    a, b, _ = after.last or (0, 0, 0)
    N = state.word
    second, changed = state.memory[b - 1], after.memory[b - 1]

    def far(layer: int, slot: str, wanted: Sequence[Any], at: Any = -1) -> arb:
        found = np.ravel(held[layer][slot][at])
        each = [abs(x - ball(t)) for x, t in zip(found, wanted, strict=True)]
        worst = each[0]
        for one in each[1:]:
            worst = worst.max(one)
        return worst

    pointers = state.pointers(after.last)
    every = [bit for word in after.words() for bit in word]
    n = len(every) // N
    flag = [Fraction(int(changed <= 0)), *[Fraction(0)] * (N - 1)]
    return {
        "pointers": far(1, "pointers", pointers).max(far(9, "pointers", pointers)),
        "operands": far(2, "first", bits(state.memory[a - 1], N)).max(
            far(2, "second", bits(second, N))
        ),
        "difference": far(5, "second", bits(changed, N)),
        "memory": far(6, "memory", every, slice(0, n)).max(far(9, "memory", every, slice(0, n))),
        "flag": far(7, "first", flag),
        "counter": far(9, "counter", bits(after.counter, state.address)),
    }


def errors(word: int, address: int, temperature: Any) -> dict[str, arb]:
    """Bounds on the same for every state: any memory, commands and counter of addresses that differ.

    With e the error of the pointers (theorem giannou2023.read), a pointer's score with its own
    column and with the scratchpad differ by at most u = k (1 + e) e when reading, k e when writing,
    and one that differs in h bits is lower by 2 h (1 - e) at least, or 2 h. Theorem
    giannou2023.loop passes that on. The flag is a sum of two ReLUs of one and of N bits; of the four
    that choose the counter two can be other than 0 for a pointer and a flag that are off.
    """
    N, k, t = word, address, ball(temperature)
    q = (-2 * t).exp()
    e = read_error(k, temperature)
    T, S = (t * k * e * (1 + e)).exp(), (1 + (-2 * t * (1 - e)).exp()) ** k - 1
    operands = (T - 1 + 3 * S) / (1 + 1 / T)
    grown = ball(Fraction(4, 3)) * (4**N - 1) - (2**N - 1)
    changed = operands * grown
    T, S = (t * k * e).exp(), (1 + q) ** k - 1
    written = (2 * (T - 1) + 4 * S) / (1 + 1 / T) + changed
    elsewhere = 4 * (S + q * T)
    flag = (N + 1) * changed
    return {
        "pointers": e,
        "operands": operands,
        "difference": changed,
        "memory": written.max(elsewhere),
        "flag": flag,
        "counter": e + 2 * flag,
    }


@cache
def enough(word: int, address: int, epsilon: Fraction = paper.EPSILON) -> Fraction:
    """The least multiple of 1/4 for a temperature at which all errors of a loop are below epsilon,
    for every state."""
    with precision(BITS):
        quarter = 4
        while not all(one < ball(epsilon) for one in errors(word, address, Fraction(quarter, 4)).values()):
            quarter += 1
    return Fraction(quarter, 4)


def follows(
    state: Machine, witness: Witness, epsilon: Fraction, temperature: Fraction, cases: int = 1
) -> arb:
    """The largest error of one loop before the clamp. Raises Differs where it is not below epsilon:
    below, the clamp (theorem giannou2023.clamp) gives the interpreter's next state, exactly."""
    with precision(BITS):
        found = off(state, witness)
        worst = max(found.values(), key=top)
        kept = [found[name] for name in ("memory", "counter", "pointers")]
        if not all(one < ball(epsilon) for one in kept):
            name = max(("memory", "counter", "pointers"), key=lambda part: top(found[part]))
            raise Differs(
                f"{name} is off by {found[name].str(4)} before the clamp",
                {
                    "memory": list(state.memory), "commands": [list(c) for c in state.commands],
                    "counter": state.counter, "bits": state.word,
                    "temperature": str(temperature),
                    "next memory": list(state.step().memory), "next": state.step().counter,
                },
                {"slot": name, "layer": {"memory": 6, "counter": 9, "pointers": 1}[name]},
                max_error=top(found[name]), bound=float(epsilon), cases=cases,
            )  # fmt: skip
        return worst


# -- programs -------------------------------------------------------------------------------------


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
    """a becomes a b, for b from 1 on (README of the authors): temp = -a, then b - 1 times a += a."""
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


def programs(quick: bool) -> list[tuple[Machine, dict[int, int]]]:
    """Programs, and what their memory (numbered from 0) shall hold at the end."""
    made = [
        (addition(4, 3, -5), {1: -2}),
        (addition(6, -17, 30), {1: 13}),
        (multiplication(5, 3, 4), {0: 12}),
        (sorting(4, (3, -2)), {0: -2, 1: 3}),
    ]
    if not quick:
        made += [
            (multiplication(7, -7, 9), {0: -63}),
            (sorting(4, (2, -3, 1)), {0: -3, 1: 1, 2: 2}),
        ]
    return made


@check("steps", "exact")
@about_its_own
def executes(budget: Budget, build: Any = loop) -> CheckResult:
    """Each program to its end: loop after loop from the interpreter's state, in balls.

    A loop that starts at an exact state and is off by less than epsilon before the clamp ends at an
    exact state; so what is compared step by step is what the looped transformer runs through.
    """
    loops, ended = 0, []
    for machine, wanted in programs(budget.quick):
        temperature = enough(machine.word, machine.address)
        witness = build(machine.word, machine.address, temperature)
        steps, state = 0, machine
        for state in machine.run():
            follows(state, witness, paper.EPSILON, temperature, loops)
            steps, loops = steps + 1, loops + 1
        if any(state.memory[at] != value for at, value in wanted.items()):
            return CheckResult(None, loops, detail=f"the interpreter ends at {state.memory}")
        ended.append(f"{steps} loops, lambda = {temperature}")
    return CheckResult(
        True, loops, 0.0, 0.0,
        "add, multiply, sort run to their end, every loop equal to the interpreter's step ("
        + "; ".join(ended) + ")",
    )  # fmt: skip


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
    counter = draw(st.integers(m + 1, m + count - 1)) if count > 1 else m + 1
    last = draw(st.one_of(st.none(), command))
    return Machine(N, k, tuple(memory), tuple(commands), counter, last)


@check("steps", "exact")
@about_its_own
def steps(budget: Budget, build: Any = loop) -> CheckResult:
    """One loop from a state that is drawn."""

    def once(state: Machine) -> None:
        temperature = enough(state.word, state.address)
        follows(state, build(state.word, state.address, temperature), paper.EPSILON, temperature)

    fewer = replace(budget, cases=min(budget.cases, 40))
    return CheckResult(True, hunt(machines(), once, fewer), 0.0, 0.0, "one loop from any state")


LAYERS = (Promise("layers", "10*loops"), Promise("heads", "2"))
LOOP_SIZES = [
    {"d": N, "address": k, "temperature": TEMPERATURE, "loops": loops}
    for N, k, loops in ((2, 2, 1), (4, 3, 2), (8, 5, 3))
]
SUBLEQ = (
    r"\text{ten layers: mem}[b] \leftarrow \text{mem}[b] - \text{mem}[a],\; p \leftarrow c "
    r"\text{ if mem}[b] \leq 0, \text{ else } p + 1"
)


@claim(
    "giannou2023.subleq",
    source="giannou2023, the SUBLEQ loop (subleq.py)",
    statement=SUBLEQ + r"; \text{ clamped to } -1, 0, 1 \text{ the error does not grow}",
    note="each loop begins at an exact state: the clamp makes it so, for epsilon = 1/10 and a "
    "temperature that is given by a formula. " + NOTE,
)
def one_loop() -> tuple[Check, ...]:
    """A loop of ten layers executes one SUBLEQ command; programs run to their end as interpreted."""
    return (executes(), steps(), counts(paper.subleq, LAYERS, lambda: LOOP_SIZES))


@check("enclosure", "enclosed")
@about_its_own
def bounded(budget: Budget, bounds: Any = errors) -> CheckResult:
    """At the temperature that is enough for every state: each part within its bound."""
    worst, seen = 0.0, 0.0

    def once(state: Machine) -> None:
        nonlocal worst, seen
        temperature = enough(state.word, state.address)
        with precision(BITS):
            promised = bounds(state.word, state.address, temperature)
            found = off(state, loop(state.word, state.address, temperature))
            for name in PARTS:
                if not found[name] <= promised[name]:
                    raise Differs(
                        f"{name} is off by {found[name].str(4)}, the bound is "
                        f"{promised[name].str(4)}",
                        {"machine": str(state), "temperature": str(temperature)},
                        max_error=top(found[name]), bound=top(promised[name]),
                    )  # fmt: skip
            kept = ("memory", "counter", "pointers")
            worst = max(worst, *(top(promised[name]) for name in kept))
            seen = max(seen, *(top(found[name]) for name in kept))

    cases = hunt(machines(), once, replace(budget, cases=min(budget.cases, 40)))
    sizes = [(N, k) for N in range(1, 5) for k in range(2, 5)]
    with precision(BITS):
        for N, k in sizes:
            made = errors(N, k, enough(N, k))
            worst = max(worst, *(top(made[name]) for name in ("memory", "counter", "pointers")))
    table = ", ".join(f"{enough(N, k)} at N = {N}, n = {2**k}" for N, k in ((4, 4), (8, 5), (16, 8)))
    return CheckResult(
        True, cases, seen, worst,
        f"before the clamp a loop is off by at most {at_most(worst)} < 1/10, {at_most(seen)} is the "
        f"largest seen; enough is lambda = {table}",
        box="every memory, program, counter of machines with N to 4 bits a word and n to 16 "
        "columns, at the temperature that is enough for N and n",
    )  # fmt: skip


@claim(
    "giannou2023.subleq.states",
    variant="improved",
    expected="approximates",
    source="giannou2023, the SUBLEQ loop, before its clamp",
    statement=r"\text{every state } \pm 1,\ \lambda \geq \lambda(N, n): \text{ each loop is off by "
    r"less than } \varepsilon \text{ before the clamp, and by nothing after it}",
    note="what one loop is off by is a formula in N, n and lambda, which grows like 4^N n^0 "
    "exp(-2 lambda): lambda(N, n) is about N log 2 and a logarithm of the rest",
)
def every_state() -> tuple[Check, ...]:
    """For every state one loop is off by less than the clamp removes, with the bound as a formula."""
    return (bounded(), theorem("giannou2023.loop", "giannou2023.clamp"))
