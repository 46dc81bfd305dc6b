"""giannou2023: what a softmax over addresses copies, and the smallest temperature for an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
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

from ...checks.analysis.evidence import about_its_own
from ...checks.bounds.balls import at_most, ball, top
from ...checks.case import build as witness_at
from ...checks.statements import theorem
from ...claim import Budget, Check, CheckResult, Differs, Domain, check, claim, repair
from ...strategies import Case, as_text
from . import PAPER
from .machines import NOTE, are_bits, bits, number

BITS = 192  # of balls


def read_error(address: int, temperature: Any) -> arb:
    """4 (W - 1)/(W + 1), W = (1 + exp(-2 temperature))^address, as a ball."""
    W = (1 + (-2 * ball(temperature)).exp()) ** address
    return 4 * (W - 1) / (W + 1)


def smallest_temperature(address: int, error: Any) -> arb:
    """lambda(n, delta) = -1/2 log(rho^(1/log2 n) - 1), rho = (4 + delta)/(4 - delta), n = 2^k."""
    delta = ball(error)
    rho = (4 + delta) / (4 - delta)
    return -((rho.log() / address).exp() - 1).log() / 2


def built(build: Callable[..., Any], d: int, address: int, temperature: Any) -> Witness:
    """The reader that a claim's builder makes."""
    return witness_at(build, {"d": d, "address": address, "temperature": temperature})


@cache  # of two claims
def worst_content(witness: Witness, address: int, counter: int) -> arb:
    """The largest error of a reader of 2^address + 1 numbers: over all contents in [-1, 1], of
    n = 2^address columns, which have all addresses, and of the scratchpad.

    With content j in row j alone, and 1, the layer gives the factor of every column's content:
    it is linear in them. The error is largest where all signs are those of the factors.
    """
    n = 2**address
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
def reads(budget: Budget, build: Callable[..., Any]) -> CheckResult:
    """Whichever the contents, the error is at most the formula's, which the worst ones attain."""
    cases, worst = 0, 0.0
    with precision(BITS):
        for k in SIZES:
            for temperature in (Fraction(1), TEMPERATURE):
                formula = read_error(k, temperature)
                witness = built(build, 2**k + 1, k, temperature)
                for counter in range(1, 2**k + 1):
                    cases += 1
                    off = worst_content(witness, k, counter)
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
        box=f"content in [-1, 1] of n columns and the scratchpad, every counter, n = 2, "
        f"..., {2 ** SIZES[-1]}, lambda = {TEMPERATURE}",
    )  # fmt: skip


def column_at_the_counter(X: Any, y: Any, queries: Any, address: int) -> Any:
    """The values, (m, d), of the column whose number, from 1 on, each query's counter has."""
    d, last = X.shape[1] - address, 2**address - 1
    at = [number(row[:address]) & last for row in queries]
    return np.array([X[t - 1, :d] for t in at], dtype=object)


def is_memory(case: Case) -> bool:
    """Whether addresses tell the columns apart and each counter is the address of one."""
    k, n = case.parameters["address"], len(case.X)
    if n > 2**k or any(map(any, case.X[:, case.X.shape[1] - k :])):
        return False
    counters = [row[:k] for row in case.queries]
    known = [bits(t, k) for t in range(1, n + 1)]
    return all(are_bits(counter) and list(counter) in known for counter in counters)


@st.composite
def columns(draw: Any) -> Case:
    """Columns of d numbers, a query with the address of one of them and what it held before."""
    k, d = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    n = draw(st.integers(1, 2**k - 1))
    entry = st.builds(Fraction, st.integers(-4, 4), st.just(4))
    rows = [[*(draw(entry) for _ in range(d)), *[Fraction(0)] * k] for _ in range(n)]
    asked = [[*bits(draw(st.integers(1, n)), k), *(draw(entry) for _ in range(d))]]
    given = {"d": d, "address": k, "temperature": TEMPERATURE}
    X, queries = (np.array(part, dtype=object) for part in (rows, asked))
    fields = fields_of(layout(value="d", counter=(k,)), ("counter", "value"))
    return Case(given, X, np.zeros((n, 0), dtype=object), queries, fields, 0)


@claim(
    "giannou2023.read",
    source=f"{PAPER}, the read operation (read_inst)",
    expected="approximates",
    algorithm=column_at_the_counter,
    cases=columns,
    domain=Domain("columns at addresses 1, 2, ...; a counter that is one of theirs", is_memory),
    checks=lambda build: (reads(build),),
    statement=r"Q = K = [p_c + p],\; v \leftarrow v + \mathrm{relu}(2b - 2v) - \mathrm{relu}(2v - "
    r"2b),\; b = V X\, \mathrm{softmax}(\lambda X^\top K^\top Q X): v \to \text{ the column at } "
    r"p_c,\; \lambda \to \infty",
    note=NOTE,
)
def reading(d: int, address: int, temperature: Fraction) -> Witness:
    """The column at the counter is copied into the scratchpad, up to an error that vanishes."""
    return paper.reader(d, address, temperature)


ERRORS = tuple(map(Fraction, ("1", "1/10", "1/1000", "1/1000000")))
STEP = Fraction(1, 2**40)


@check("exact", "exact")
@about_its_own
def smallest(
    budget: Budget, build: Callable[..., Any], formula: Any = smallest_temperature
) -> CheckResult:
    """At the formula's temperature the largest error is delta: above it is less, below it more."""
    cases = 0
    with precision(BITS):
        for k in SIZES:
            for delta in ERRORS:
                cases += 1
                middle = formula(k, delta)
                at = Fraction(int((middle / ball(STEP)).floor().unique_fmpz())) * STEP
                counter = cases % 2**k + 1
                around = (built(build, 2**k + 1, k, at + s * STEP) for s in (2, -1))
                above, below = (worst_content(one, k, counter) for one in around)
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
    source=f"{PAPER}, the read operation, how large lambda has to be",
    statement=r"\text{error} \leq \delta \text{ for all contents in } [-1, 1] \text{ exactly "
    r"where } \lambda \geq \lambda(n, \delta) = -\tfrac12 \log\big(\rho^{1/\log_2 n} - 1\big),"
    r"\; \rho = \tfrac{4 + \delta}{4 - \delta}",
    note="n = 2^k columns at all addresses, beside the scratchpad; fewer are no worse. "
    "It is near 1/2 log(2 log2(n)/delta) for small delta. The theorem of that name is for every n",
)
def temperature() -> tuple[Check, ...]:
    """The smallest temperature for a given error, as a formula."""
    return (smallest(reading), theorem("giannou2023.read", "giannou2023.temperature"))


@check("exact", "exact")
@about_its_own
def copies(budget: Budget, build: Callable[..., Any]) -> CheckResult:
    """What the softmax writes into the buffer, of one column, v = 1, and an empty scratchpad.

    The two scores are the same, so that each has half at every temperature.
    """
    witness = built(build, 1, 1, TEMPERATURE)
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
    source=f"{PAPER}, the read operation, read of its softmax alone",
    reading="of its softmax alone",
    expected="refuted",
    statement=r"V X\, \mathrm{softmax}(\lambda X^\top K^\top Q X) \to \text{ the column at } p_c, "
    r"Q = K = [p_c + p],\; \lambda \to \infty",
    note="Q = K also makes the scratchpad's own score the largest; " + NOTE,
)
def softmax_alone() -> tuple[Check, ...]:
    """The softmax alone copies the column at the counter."""
    return (copies(reading),)


@repair(
    "giannou2023.read.softmax",
    "with the layer's MLP, which takes what the scratchpad had before off twice the softmax",
    statement=r"2 V X\, \mathrm{softmax}(\lambda X^\top K^\top Q X) - v \to \text{ the column}",
    expected="approximates",
)
def softmax_and_mlp() -> tuple[Check, ...]:
    """Twice the softmax, less what was there before, is the column, up to what vanishes."""
    return (reads(reading),)
