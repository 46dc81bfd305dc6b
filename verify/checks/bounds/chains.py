"""Programs of primitives: their exact meaning against an algorithm, their transformer in balls.

`exact` decides a chain in fractions, operation by operation. `enclosure` says how far what a
claim's builder makes of it is from the algorithm: on drawn prompts, run in balls at two settings
of the free constants, where the error must shrink as the constants grow; and for every prompt and
parameter of a box, by `chain_bounds`. The operations only say what each layer is to do.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from constructions.numbers.ball import Ball
from constructions.papers.akyurek2022.layers import FLOAT64, Constants
from constructions.papers.akyurek2022.operations import Columns, Program
from constructions.run.forward import run_once
from constructions.witness import Witness

from ...claim import Budget, Check, CheckResult, Differs, check
from ...hunt import hunt_each
from ...prompt_scope import evaluate, prompt_scope
from ...strategies import Case, as_text
from ..case import objects, reference, text, witness_of
from .balls import at_most, ball, precision, top
from .chain_bounds import Inputs, Known, equal_in_letters, lettered, prompt_error
from .operation_bounds import NotCovered

COARSE = Constants(128, 2**50, 2**5, Fraction(1, 2**20), 2**10)
FINE = Constants()
SHRINKS = 2.0**-25  # scale^2 and 1/large fall by 2^-40 and 2^-50 from COARSE to FINE
Make = Callable[..., Any]  # parameters -> constructions.papers.akyurek2022.Chain
Build = Callable[..., Witness]  # parameters, and the free constants by their names -> Witness


@check("exact", "exact")
def exact(
    budget: Budget, make: Make, algorithm: Callable[..., Any], cases: Callable[..., Any]
) -> CheckResult:
    """The chain's operations, done exactly, predict what the algorithm does.

    cases(d) is a strategy at one d: small d come first, so that a counterexample is small.
    """
    part = replace(budget, cases=max(5, budget.cases // 4))
    stages = ((cases(d), part) for d in (1, 2, 3, 5))
    run = hunt_each(stages, lambda case: compare(make, algorithm, case))
    detail = "done exactly, the operations predict this; d = 1 to 5"
    return CheckResult(True, run, 0.0, 0.0, detail)


def compare(make: Make, algorithm: Callable[..., Any], case: Case) -> None:
    """Raises Differs if the operations, done exactly, are not the algorithm on this case."""
    chain = make(**case.parameters)
    got = Fraction(chain.predict(case.X, case.y, case.queries))
    want = Fraction(reference(algorithm, case, Fraction)[0])
    if got == want:
        return
    difference = first_operation(chain, case) or {
        "layer": len(chain.program.operations),
        "slot": chain.readout,
        "token": chain.program.columns - 1,
        "is": as_text(got),
        "should": as_text(want),
    }
    raise Differs(
        f"operation {difference['layer']}, slot {difference['slot']}",
        case.to_json() | {"prediction": as_text(got), "algorithm": as_text(want)},
        difference,
        float(abs(got - want)),
        0.0,
    )


def first_operation(chain: Any, case: Case) -> dict[str, Any] | None:
    """The first operation that does not leave what the chain says, in fractions."""
    program: Program = chain.program
    states = program.run(program.prompt(case.X, case.y, case.queries))
    parameters = {
        name: tuple(map(Fraction, value)) if isinstance(value, tuple) else Fraction(value)
        for name, value in chain.parameters.items()
    }
    X, y, queries = (objects(part, Fraction) for part in (case.X, case.y, case.queries))
    scope = prompt_scope(X, y, chain.definitions, parameters).at(x_t=queries[0].reshape(-1, 1))
    for number, held in enumerate(chain.holds, start=1):
        for one in held:
            found = [Fraction(states[number][one.tokens][r]) for r in program.stream.rows(one.slot)]
            should = evaluate(one.expression, scope)
            expected = list(np.asarray(should, dtype=object).ravel())
            if found != expected:
                return {
                    "layer": number,
                    "name": str(program.operations[number - 1]),
                    "slot": one.slot,
                    "token": one.tokens,
                    "holds": one.expression,
                    "is": text(found),
                    "should": text(expected),
                }
    return None


# -- in balls ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Boxes:
    """Inputs for all of which a chain is bounded, at several sizes.

    sizes: (d, examples), the first two of them if it has to be quick. vectors: parameters that are
    vectors. known: ranges of entries that interval arithmetic does not see, with their proof.
    """

    inputs: Inputs
    sizes: Sequence[tuple[int, int]]
    vectors: tuple[str, ...] = ()
    known: Callable[[Any, Inputs], Known] = lambda chain, inputs: {}


def enclosure(
    build: Build,
    make: Make,
    algorithm: Callable[..., Any],
    sizes: Callable[[Budget], Sequence[dict[str, Any]]],
    boxes: Boxes | None = None,
    note: Callable[[Sequence[tuple[dict[str, Any], float]]], str] | None = None,
) -> Check:
    """What `build` makes predicts what the algorithm does, up to a bound for every input.

    `make` says which operations its layers are to do, of the same parameters. `sizes` gives these,
    with "d" and "examples"; prompts are drawn at random, and a transformer that computes something
    else is refuted on one of them. Without `boxes`, or where no bound that shrinks is found, the
    largest error of these prompts is all that is said: tested.
    """

    @check("enclosure", "tested" if boxes is None else "enclosed")
    def comes_close(budget: Budget) -> CheckResult:
        errors = _approaches(build, make, algorithm, sizes(budget), budget.seed)
        worst = max(error for _, error in errors)
        seen = f"largest error on {len(errors)} drawn prompts, d to "
        seen += f"{max(p['d'] for p, _ in errors)}: {at_most(worst)}"
        parts = [f"at scale 2^-40, large 2^100: {seen}", *([note(errors)] if note else [])]
        tested = CheckResult(True, len(errors), worst, None, "; ".join(parts))
        return tested if boxes is None else _bounded(tested, build, make, algorithm, boxes, budget)

    return comes_close()


def compiled(build: Build, parameters: Mapping[str, Any]) -> Callable[[Constants], Witness]:
    """The transformer of some parameters, with the free constants left to be given."""
    return lambda constants: witness_of(build, {**parameters, **vars(constants)})


def _approaches(
    build: Build, make: Make, algorithm: Any, sizes: Sequence[dict[str, Any]], seed: int
) -> list[tuple[dict[str, Any], float]]:
    """The certified errors on drawn prompts. Raises Differs where one does not shrink."""
    found: list[tuple[dict[str, Any], float]] = []
    for parameters in sizes:
        case = prompt(seed, parameters)
        transformer = compiled(build, parameters)
        want = Fraction(reference(algorithm, case, Fraction)[0])
        shown = case.to_json() | {"algorithm": as_text(want)}
        try:
            fine = falling_error(transformer, case, want, len(found) + 1)
        except Differs as failure:
            chain = make(**parameters)
            difference = first_operation(chain, case) or first_layer(chain, transformer, case)
            failure.found = failure.found.named(counterexample=shown, first_difference=difference)
            raise
        found.append((parameters, fine))
    return found


def _bounded(
    tested: CheckResult, build: Build, make: Make, algorithm: Any, boxes: Boxes, budget: Budget
) -> CheckResult:
    """The same result with a bound for every input of the boxes, or with why there is none."""
    sizes = boxes.sizes[:2] if budget.quick else boxes.sizes
    inputs = boxes.inputs
    worst = dict.fromkeys((COARSE, FINE, FLOAT64), 0.0)

    def without_box(reason: str) -> CheckResult:
        why = f"no bound for every input at d = {d}, n = {examples}: {reason}"
        return tested.named(detail=f"{tested.detail}; {why}")

    for d, examples in sizes:
        parameters = lettered(inputs, d, examples, boxes.vectors)
        chain, transformer = make(**parameters), compiled(build, parameters)
        for constants, before in worst.items():
            try:
                known, witness = boxes.known(chain, inputs), transformer(constants)
                bound = top(prompt_error(chain, witness, constants, inputs, known))
            except NotCovered as reason:
                if constants == FINE:
                    return without_box(str(reason))
                bound = math.inf
            worst[constants] = max(before, bound)
        if not shrinks(worst[COARSE], worst[FINE]):
            return without_box(
                f"from {worst[COARSE]:.1e} to {worst[FINE]:.1e} it does not shrink as it should"
            )
        if not equal_in_letters(chain, algorithm):
            for number in range(20):
                drawn = inputs.draw(random.Random(number), d, examples, boxes.vectors)
                compare(make, algorithm, prompt(number, drawn))
            why = "in letters the operations are not the algorithm, and no drawn prompt shows it"
            return tested.named(passed=None, detail=f"d = {d}, n = {examples}: {why}")
    box = f"{inputs.words}; (d, n) = {', '.join(map(str, sizes))}; {in_words(FINE)}; no rounding"
    usual = f"with {in_words(FLOAT64)}: at most {at_most(worst[FLOAT64])} on the same box"
    return tested.named(bound=worst[FINE], box=box, detail=f"{tested.detail}; {usual}")


def in_words(constants: Constants) -> str:
    """scale 2^-40, large 2^100, …"""

    def power(value: Any) -> str:
        exponent = math.log2(value)
        return f"2^{int(exponent)}" if exponent == int(exponent) else str(value)

    return ", ".join(f"{name} {power(value)}" for name, value in vars(constants).items())


def shrinks(coarse: float, fine: float) -> bool:
    """Whether an error fell as it should from COARSE to FINE; below normal floats it is 0."""
    return fine <= max(coarse * SHRINKS, sys.float_info.min)


def prompt(seed: int, parameters: dict[str, Any]) -> Case:
    """Entries are quarters between -1 and 1, none of them 0.

    At one seed and d, a prompt of more examples starts with the examples of a shorter one.
    """
    d, n = parameters["d"], parameters["examples"]
    draw = random.Random(seed * 64 + d)

    def row(size: int = d) -> list[Fraction]:
        return [Fraction(draw.choice((-4, -3, -2, -1, 1, 2, 3, 4)), 4) for _ in range(size)]

    queries = np.array([row()], dtype=object)
    examples = [(row(), *row(1)) for _ in range(n)]
    X = np.array([x for x, _ in examples], dtype=object)
    y = np.array([target for _, target in examples], dtype=object)
    return Case(parameters, X, y, queries)


def error(build: Callable[[Constants], Witness], case: Case, want: Any, at: Constants) -> float:
    """A certified upper bound on |prediction - want|, the transformer run in balls."""
    witness = build(at)
    bits = at.bits(witness.layers)
    (got,) = run_once(witness, case.X, case.y, case.queries, Ball(bits))
    with precision(bits):
        return top(got - ball(want))


def falling_error(
    build: Callable[[Constants], Witness], case: Case, want: Any, cases: int
) -> float:
    """The error with FINE constants. Raises Differs unless it fell as it should from COARSE on."""
    coarse, fine = (error(build, case, want, constants) for constants in (COARSE, FINE))
    if not shrinks(coarse, fine):
        detail = f"off by {fine:.1e}, and by {coarse:.1e} with coarser constants"
        raise Differs(detail, case.to_json(), None, fine, coarse * SHRINKS, cases)
    return fine


def first_layer(
    chain: Any, transformer: Callable[[Constants], Witness], case: Case
) -> dict[str, Any] | None:
    """The first layer after which the transformer's slots are not the operations'."""
    program: Program = chain.program
    states = program.run(program.prompt(case.X, case.y, case.queries))
    runs = []
    for constants in (COARSE, FINE):
        witness = transformer(constants)
        bits = constants.bits(witness.layers)
        with precision(bits):
            trace = witness.trace(case.X, case.y, case.queries, Ball(bits))
            runs.append([slot_errors(program, s, H) for s, H in zip(trace, states, strict=True)])
    for number, (coarse, fine) in enumerate(zip(*runs)):
        for (slot, token), off in fine.items():
            if not shrinks(coarse[slot, token], off):
                return {"layer": number, "slot": slot, "token": token, "off by": f"{off:.2e}"}
    return None


def slot_errors(program: Program, stream: Any, H: Columns) -> dict[tuple[str, int], float]:
    """The largest |entry - exact entry| of every slot and token of the program's rows."""
    made = {}
    for slot in program.stream.slots:
        rows = program.stream.rows(slot.name)
        entries = np.asarray(stream[slot.name], dtype=object).reshape(len(H), -1)
        for token, column in enumerate(H):
            off = [ball(e) - ball(column[row]) for e, row in zip(entries[token], rows)]
            made[slot.name, token] = max(map(top, off), default=0.0)
    return made
