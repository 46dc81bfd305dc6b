"""giannou2023: one loop executes one SUBLEQ command; programs run to their end; the clamp.

A loop that starts at an exact state, and is off by less than epsilon before the clamp, ends at an
exact state. So it is enough to look at one loop at a time, in balls, and to bound its error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache, reduce
from typing import Any, TypeAlias

import numpy as np
from flint import arb
from hypothesis import strategies as st

from constructions.numbers.ball import Ball
from constructions.papers import giannou2023 as paper
from constructions.run.forward import trace
from constructions.witness import Witness
from proofs.flint_precision import precision

from ... import algorithms
from ...checks.analysis.evidence import about_its_own
from ...checks.bounds.balls import at_most, ball, top
from ...checks.statements import theorem
from ...claim import Budget, Check, CheckResult, Differs, Domain, Promise, check, claim, repair
from ...hunt import hunt
from ...strategies import Case
from . import PAPER
from .machines import (
    NOTE,
    Machine,
    addition,
    bits,
    is_machine,
    machines,
    multiplication,
    sorting,
)
from .reading import read_error

BITS = 192  # of balls
WIDE = 512  # of those that go through many loops
TEMPERATURE = Fraction(10)  # the code's


@cache
def loop(word: int, address: int, temperature: Fraction) -> Witness:
    """One loop without its last layer, the clamp."""
    return paper.subleq(word, address, temperature, clamped=False)


PARTS = ("pointers", "operands", "difference", "memory", "flag", "counter")
READ = {
    *((layer, "pointers") for layer in (1, 9)),
    *((layer, "memory") for layer in (6, 9)),
    *((layer, "first") for layer in (2, 7)),
    *((layer, "second") for layer in (2, 5)),
    (9, "counter"),
}


def off(states: Sequence[Machine], witness: Witness) -> list[dict[str, arb]]:
    """Of states of one size: how far parts of the stream are from the interpreter's, where layers
    1, 2, 5, 6, 7, 9 leave them; of memory and pointers also at the end."""
    X, asked = map(np.stack, zip(*(state.columns() for state in states)))
    held = trace(witness, X, None, asked, Ball(BITS), READ)
    return [
        _off(state, [{slot: made[i] for slot, made in layer.items()} for layer in held])
        for i, state in enumerate(states)
    ]


def _off(state: Machine, held: Sequence[Mapping[str, Any]]) -> dict[str, arb]:
    after = state.step()
    a, b, _ = after.last or (0, 0, 0)
    N = state.word
    second, changed = state.memory[b - 1], after.memory[b - 1]

    def far(layer: int, slot: str, wanted: Sequence[Any], at: Any = -1) -> arb:
        found = np.ravel(held[layer][slot][at])
        each = [abs(x - ball(t)) for x, t in zip(found, wanted, strict=True)]
        return reduce(arb.max, each)

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
    """Bounds on the same for every state: any memory, commands, counter; addresses differ.

    With e the error of the pointers (theorem giannou2023.read), a pointer's score with its own
    column and with the scratchpad differ by at most u = k (1 + e) e when reading, k e when writing,
    and one that differs in h bits is lower by 2 h (1 - e) at least, or 2 h. Theorem
    giannou2023.loop passes that on. The flag is a sum of two ReLUs, of one and of N bits; of the
    four that choose the counter, two can be other than 0 for a pointer and a flag that are off.
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
        while not all(
            one < ball(epsilon) for one in errors(word, address, Fraction(quarter, 4)).values()
        ):
            quarter += 1
    return Fraction(quarter, 4)


def follow(
    states: Sequence[Machine],
    witness: Witness,
    epsilon: Fraction,
    temperature: Fraction,
    before: int = 1,
) -> None:
    """Raises Differs where the error of one loop from one of the states is not below epsilon before
    the clamp: below, the clamp (theorem giannou2023.clamp) gives the interpreter's next state,
    exactly. `before`: cases before the first."""  # fmt: skip
    with precision(BITS):
        for cases, (state, found) in enumerate(zip(states, off(states, witness)), start=before):
            kept = {name: found[name] for name in ("memory", "counter", "pointers")}
            if all(one < ball(epsilon) for one in kept.values()):
                continue
            name = max(kept, key=lambda part: top(kept[part]))
            raise Differs(
                f"{name} is off by {found[name].str(4)} before the clamp",
                {
                    "memory": list(state.memory), "commands": [list(c) for c in state.commands],
                    "counter": state.counter, "bits": state.word,
                    "temperature": str(temperature),
                    "next memory": list(state.step().memory), "next": state.step().counter,
                },
                None,
                max_error=top(found[name]), bound=float(epsilon), cases=cases,
            )  # fmt: skip


# programs, and what their memory, numbered from 0, shall hold at the end
Ended: TypeAlias = tuple[Machine, dict[int, int]]
PROGRAMS: tuple[Ended, ...] = (
    (addition(4, 3, -5), {1: -2}),
    (multiplication(5, 3, 4), {0: 12}),
    (sorting(4, (3, -2)), {0: -2, 1: 3}),
)


@check("steps", "exact")
@about_its_own
def executes(budget: Budget, of: Sequence[Ended] = PROGRAMS, build: Any = loop) -> CheckResult:
    """Each program to its end: loop after loop from the interpreter's state, in balls.

    A loop that starts at an exact state and is off by less than epsilon before the clamp ends at an
    exact state; so what is compared step by step is what the looped transformer runs through.
    """
    loops, ended = 0, []
    for machine, wanted in of:
        temperature = enough(machine.word, machine.address)
        witness = build(machine.word, machine.address, temperature)
        states = list(machine.run())
        follow(states, witness, paper.EPSILON, temperature, loops)
        loops += len(states)
        last = states[-1].memory
        if any(last[at] != value for at, value in wanted.items()):
            return CheckResult(None, loops, detail=f"the interpreter ends at {last}")
        ended.append(f"{len(states)} loops, lambda = {temperature}")
    return CheckResult(
        True, loops, 0.0, 0.0,
        "the programs run to their end, every loop equal to the interpreter's step ("
        + "; ".join(ended) + ")",
    )  # fmt: skip


@check("steps", "exact")
@about_its_own
def steps(budget: Budget, build: Any = loop) -> CheckResult:
    """One loop from a state that is drawn."""

    def once(state: Machine) -> None:
        temperature = enough(state.word, state.address)
        follow([state], build(state.word, state.address, temperature), paper.EPSILON, temperature)

    fewer = replace(budget, cases=min(budget.cases, 12))
    return CheckResult(True, hunt(machines(), once, fewer), 0.0, 0.0, "one loop from any state")


LAYERS = (Promise("layers", "10*loops"), Promise("heads", "2"))
LOOP_SIZES = [
    {"d": N, "address": k, "temperature": TEMPERATURE, "loops": loops}
    for N, k in ((2, 2), (4, 3))
    for loops in (1, 2, 3)
]


def case_of(state: Machine) -> Case:
    """A machine as a prompt: columns of memory, then of commands; the query is its counter."""
    X, asked = state.columns()
    given: dict[str, Any] = {"d": state.word, "address": state.address}
    given["temperature"] = enough(state.word, state.address)
    fields = paper.columns(state.word, state.address).fields
    return Case(given, X, np.zeros((len(X), 0), dtype=object), asked, fields, 0)


def prompts() -> st.SearchStrategy[Case]:
    """Prompts of drawn machines."""
    return machines().map(case_of)


SUBLEQ = (
    r"\text{ten layers: mem}[b] \leftarrow \text{mem}[b] - \text{mem}[a],\; p \leftarrow c "
    r"\text{ if mem}[b] \leq 0, \text{ else } p + 1"
)


@claim(
    "giannou2023.subleq",
    source=f"{PAPER}, the SUBLEQ loop (subleq.py)",
    algorithm=algorithms.subleq,
    cases=prompts,
    domain=Domain("memory, commands that point into it, a counter that is a command's", is_machine),
    checks=lambda: (executes(), steps()),
    promises=LAYERS,
    sizes=lambda: LOOP_SIZES,
    statement=SUBLEQ + r"; \text{ clamped to } -1, 0, 1 \text{ the error does not grow}",
    note="each loop begins at an exact state: the clamp makes it so, for epsilon = 1/10 and a "
    "temperature that is given by a formula. " + NOTE,
)
def one_loop(d: int, address: int, temperature: Fraction, loops: int = 1) -> Witness:
    """A loop of ten layers executes one SUBLEQ command, so that programs run to their end."""
    return paper.subleq(d, address, temperature, loops=loops)


DRIFT = PROGRAMS[1][0]


@check("steps", "exact")
@about_its_own
def drifts(budget: Budget, machine: Machine = DRIFT, build: Any = loop) -> CheckResult:
    """The loops of a program one after the other, without the clamp: until a bit is wrong."""
    states = list(machine.run())
    bare = build(machine.word, machine.address, TEMPERATURE)
    X, asked = machine.columns()
    found: list[arb] = []
    with precision(WIDE):
        read = {(bare.layers * loops, "memory") for loops in range(1, len(states))}
        held = trace(bare.unrolled(len(states) - 1), X, None, asked, Ball(WIDE), read)
        for loops, state in enumerate(states[1:], start=1):
            wanted = state.words()
            made = held[bare.layers * loops]["memory"][: len(wanted)]
            flat = np.ravel(np.array(wanted, dtype=object))
            pairs = list(zip(np.ravel(made), flat, strict=True))
            each = [abs(x - ball(t)) for x, t in pairs]
            worst = reduce(arb.max, each)
            found.append(worst)
            if worst > 1:
                shown = [one.str(2, radius=False) for one in found]
                at = max(range(len(each)), key=lambda i: top(each[i]))
                raise Differs(
                    f"memory is off by {', '.join(shown)} after loops 1 to {loops}: a bit is wrong",
                    {
                        "memory": list(machine.memory),
                        "commands": [list(one) for one in machine.commands],
                        "bits": machine.word, "temperature": str(TEMPERATURE),
                        "loops": loops, "off": shown,
                    },
                    {
                        "layer": bare.layers * (loops - 1) + 6, "name": bare.layer_list[5].name,
                        "slot": f"memory[{at % machine.word}]", "token": at // machine.word,
                        "is": pairs[at][0].str(3, radius=False), "should": str(pairs[at][1]),
                    },
                    max_error=top(worst), bound=1.0, cases=loops,
                )  # fmt: skip
    return CheckResult(None, len(found), detail="no bit is wrong on this program")


@claim(
    "giannou2023.subleq.unclamped",
    source=f"{PAPER}, the SUBLEQ loop, read without its last layer",
    reading="without its last layer",
    expected="refuted",
    statement=SUBLEQ + r" \text{ again and again, with nine layers: without the clamp}",
    note="at the code's temperature 10, on its README's program for a product; " + NOTE,
)
def unclamped() -> tuple[Check, ...]:
    """The loop needs no clamp: the error of one loop does not disturb the next."""
    return (drifts(),)


@repair(
    "giannou2023.subleq.unclamped",
    "with the clamp, after which each loop begins at an exact state",
    statement=SUBLEQ + r", \text{ with the clamp as the tenth}",
)
def clamped() -> tuple[Check, ...]:
    """With the clamp every loop begins anew."""
    return (executes(PROGRAMS[1:2]),)


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
            (found,) = off([state], loop(state.word, state.address, temperature))
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

    cases = hunt(machines(), once, replace(budget, cases=min(budget.cases, 20)))
    sizes = [(N, k) for N in range(1, 5) for k in range(2, 5)]
    with precision(BITS):
        for N, k in sizes:
            made = errors(N, k, enough(N, k))
            worst = max(worst, *(top(made[name]) for name in ("memory", "counter", "pointers")))
    table = ", ".join(
        f"{enough(N, k)} at N = {N}, n = {2**k}" for N, k in ((4, 4), (8, 5), (16, 8))
    )
    return CheckResult(
        True, cases, seen, worst,
        f"before the clamp a loop is off by at most {at_most(worst)}, {at_most(seen)} is the "
        f"largest seen; enough is lambda = {table}",
        box="memory, program and counter of machines with N to 4 bits a word and n to 16 "
        "columns, at the temperature that is enough for N and n",
    )  # fmt: skip


@claim(
    "giannou2023.subleq.states",
    variant="improved",
    expected="approximates",
    source=f"{PAPER}, the SUBLEQ loop, before its clamp",
    statement=r"\text{every state } \pm 1,\ \lambda = \lambda(N, n): \text{ each loop is off by "
    r"less than } \varepsilon \text{ before the clamp, and by nothing after it}",
    note="the bound is a formula in N, n, lambda, of the order (N + 1) 4^N lambda exp(-2 lambda) "
    "log2(n)^2; lambda(N, n) is the least multiple of 1/4 at which it is below epsilon",
)
def every_state() -> tuple[Check, ...]:
    """For every state one loop is off by less than the clamp removes, by a formula."""
    return (bounded(), theorem("giannou2023.loop", "giannou2023.clamp"))
