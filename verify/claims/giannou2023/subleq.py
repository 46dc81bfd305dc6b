"""giannou2023: one loop executes one SUBLEQ command; programs run to their end; the clamp.

A loop that is off by less than epsilon before the clamp ends at an exact state. So programs are run
in balls, loop after loop, and the error of one loop is bounded for every state, layer by layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from ...checks.case import build as witness_at
from ...checks.statements import theorem
from ...claim import Budget, Check, CheckResult, Differs, Domain, Promise, check, claim, repair
from ...hunt import hunt
from ...strategies import Case
from . import PAPER
from .columns import NotSo
from .loop import Loop
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
from .reading import NARROW, read_error
from .relus import clamps

BITS = 192  # of balls
WIDE = 512  # of those that go through many loops
TEMPERATURE = Fraction(10)  # the code's


Build: TypeAlias = Callable[..., Any]


def built(build: Build, machine: Machine, temperature: Fraction, loops: int = 1) -> Witness:
    """The loops that a claim's builder makes for machines of this size."""
    given = {"d": machine.word, "address": machine.address, "temperature": temperature}
    return witness_at(build, given | {"loops": loops})


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
    written = (1 + changed) * (2 * (T - 1) + 4 * S) / (1 + 1 / T) + changed
    elsewhere = (1 + changed) * 4 * (S + q * T)
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


KEPT = ("memory", "counter", "pointers")  # what a loop leaves to the next


def follow(build: Build, states: Sequence[Machine], temperature: Fraction, before: int = 0) -> None:
    """The looped transformer, from the first of these states on through all of them, in balls.

    Raises Differs where a loop is not off by less than epsilon before its clamp, or is not the
    interpreter's next state after it; NotSo where the clamp is not seen to remove all that is less
    than epsilon, which makes the state exact. `before`: cases before the first.
    """
    loops, first = len(states), states[0]
    witness = built(build, first, temperature, loops)
    body, rest = divmod(witness.layers, loops)
    if rest or not body:
        raise NotSo(f"{loops} loops have {witness.layers} layers")
    X, asked = first.columns()
    allowed = {-1: paper.EPSILON, 0: NARROW}  # before the clamp, and after it
    wanted = {(body * loop + layer, slot)
              for loop in range(1, loops + 1) for layer in allowed for slot in KEPT}  # fmt: skip
    size = BITS + loops * (4 * first.word + 8)  # a loop takes less than that off
    with precision(size):
        held = trace(witness, X, None, asked, Ball(size), wanted)
        for loop, state in enumerate(states, start=1):
            for layer, bound in allowed.items():
                found = _kept(state.step(), held[body * loop + layer])
                name = max(KEPT, key=lambda part: top(found[part]))
                if all(one < ball(bound) for one in found.values()):
                    continue
                when = "after" if bound == NARROW else "before"
                if not found[name] > ball(bound):
                    raise NotSo(f"{name} is not known to {size} bits {when} the clamp")
                raise Differs(
                    f"{name} is off by {found[name].str(4)} {when} the clamp",
                    {
                        "memory": list(state.memory), "commands": [list(c) for c in state.commands],
                        "counter": state.counter, "bits": state.word,
                        "temperature": str(temperature),
                        "next memory": list(state.step().memory), "next": state.step().counter,
                    },
                    None,
                    max_error=top(found[name]), bound=float(bound), cases=before + loop,
                )  # fmt: skip
        for last in {id(one): one for one in witness.layer_list[body - 1 :: body]}.values():
            clamps(last, witness.layout, KEPT, paper.EPSILON)


def _kept(after: Machine, held: Mapping[str, Any]) -> dict[str, arb]:
    """How far what a loop leaves is from the state of the interpreter."""
    right: dict[str, Any] = {
        "memory": np.ravel(np.array(after.words(), dtype=object)),
        "counter": bits(after.counter, after.address),
        "pointers": after.pointers(after.last),
    }
    n = len(after.memory) + len(after.commands)
    made = {name: held[name][:n] if name == "memory" else held[name][-1] for name in KEPT}
    return {
        name: reduce(
            arb.max, [abs(x - ball(t)) for x, t in zip(np.ravel(made[name]), wanted, strict=True)]
        )
        for name, wanted in right.items()
    }


# programs, and what their memory, numbered from 0, shall hold at the end
Ended: TypeAlias = tuple[Machine, dict[int, int]]
PROGRAMS: tuple[Ended, ...] = (
    (addition(4, 3, -5), {1: -2}),
    (multiplication(5, 3, 4), {0: 12}),
    (sorting(4, (3, -2)), {0: -2, 1: 3}),
)


@check("steps", "exact")
@about_its_own
def executes(budget: Budget, build: Build, of: Sequence[Ended] = PROGRAMS) -> CheckResult:
    """Each program to its end, by as many loops of what is built as the interpreter takes steps."""
    loops, ended = 0, []
    for machine, wanted in of:
        temperature = enough(machine.word, machine.address)
        states = list(machine.run())
        try:
            follow(build, states, temperature, loops)
        except NotSo as reason:
            return CheckResult(None, loops, detail=str(reason))
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
def steps(budget: Budget, build: Build) -> CheckResult:
    """One loop from a state that is drawn."""

    def once(state: Machine) -> None:
        follow(build, [state], enough(state.word, state.address))

    fewer = replace(budget, cases=min(budget.cases, 12))
    try:
        cases = hunt(machines(), once, fewer)
    except NotSo as reason:
        return CheckResult(None, detail=str(reason))
    return CheckResult(True, cases, 0.0, 0.0, "one loop from any state")


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
    checks=lambda build: (executes(build), steps(build)),
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
def drifts(budget: Budget, machine: Machine = DRIFT) -> CheckResult:
    """The loops of a program one after the other, without the clamp: until a bit is wrong."""
    states = list(machine.run())
    bare = paper.subleq(machine.word, machine.address, TEMPERATURE, clamped=False)
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
    return (executes(one_loop, PROGRAMS[1:2]),)


ENCLOSED = [(N, k) for N in range(1, 5) for k in range(2, 5)]  # bits of words, of addresses


@check("enclosure", "enclosed")
@about_its_own
def bounded(budget: Budget, build: Build, bounds: Any = errors) -> CheckResult:
    """At the temperature that is enough for every state: each part within its bound, and the clamp
    removes it. First of states that are drawn, then of every one, layer by layer."""
    worst, seen = 0.0, 0.0

    def once(state: Machine) -> None:
        nonlocal seen
        temperature = enough(state.word, state.address)
        with precision(BITS):
            promised = bounds(state.word, state.address, temperature)
            (found,) = off([state], built(build, state, temperature))
            for name in PARTS:
                if not found[name] <= promised[name]:
                    raise Differs(
                        f"{name} is off by {found[name].str(4)}, the bound is "
                        f"{promised[name].str(4)}",
                        {"machine": str(state), "temperature": str(temperature)},
                        max_error=top(found[name]), bound=top(promised[name]),
                    )  # fmt: skip
            seen = max(seen, *(top(found[name]) for name in KEPT))

    cases = hunt(machines(), once, replace(budget, cases=min(budget.cases, 20)))
    sizes = [(N, k) for N, k in ENCLOSED if N <= 2 and k <= 3] if budget.quick else ENCLOSED
    try:
        for N, k in sizes:
            worst = max(worst, *passed_on(build, N, k, bounds).values())
    except NotSo as reason:
        return CheckResult(None, cases, seen, detail=str(reason))
    table = ", ".join(
        f"{enough(N, k)} at N = {N}, n = {2**k}" for N, k in ((4, 4), (8, 5), (16, 8))
    )
    most = [max(one) for one in zip(*sizes)]
    return CheckResult(
        True, cases, seen, worst,
        f"before the clamp a loop is off by at most {at_most(worst)}, layer by layer, and by no "
        f"more than the formula; {at_most(seen)} is the largest seen; enough by the formula is "
        f"lambda = {table}",
        box=f"memory, program and counter of machines with N to {most[0]} bits a word and n to "
        f"{2 ** most[1]} columns, at the temperature that is enough for N and n",
    )  # fmt: skip


def passed_on(build: Build, word: int, address: int, bounds: Any = errors) -> dict[str, float]:
    """How far what one loop leaves may be off before the clamp, for every state of a size.

    Raises NotSo where that is not less than epsilon, or a part's is not within its bound.
    """
    temperature = enough(word, address)
    with precision(BITS):
        given = {"d": word, "address": address, "temperature": temperature}
        found = Loop(witness_at(build, given), word, address).errors()
        promised = bounds(word, address, temperature)
        for name in PARTS:
            if not found[name] <= promised[name]:
                raise NotSo(
                    f"N = {word}, n = {2**address}: the layers may leave {name} off by "
                    f"{found[name].str(4)}, the formula gives {promised[name].str(4)}"
                )
        for name in KEPT:
            if not found[name] < ball(paper.EPSILON):
                raise NotSo(f"N = {word}, n = {2**address}: {name} may be off by epsilon")
        return {name: top(found[name]) for name in KEPT}


@claim(
    "giannou2023.subleq.states",
    variant="improved",
    expected="approximates",
    source=f"{PAPER}, the SUBLEQ loop, before its clamp",
    statement=r"\text{every state } \pm 1,\ \lambda = \lambda(N, n): \text{ each loop is off by "
    r"less than } \varepsilon \text{ before the clamp, and by nothing after it}",
    note="the bound is a formula in N, n, lambda, of the order (N + 1) 4^N lambda exp(-2 lambda) "
    "log2(n)^2; lambda(N, n) is the least multiple of 1/4 at which it is below epsilon. For the N "
    "and n of the box it is compared with what the layers that are built pass on",
)
def every_state() -> tuple[Check, ...]:
    """For every state one loop is off by less than the clamp removes, by a formula."""
    return (bounded(one_loop), theorem("giannou2023.loop", "giannou2023.clamp"))
