"""Checks of the exact primitives: in fractions, and the real forward pass in balls."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb
from hypothesis import strategies as st

from constructions.numbers.ball import Ball
from constructions.papers.akyurek2022.exact import exact_layer, run_exactly, with_positions
from constructions.papers.akyurek2022.operations import Aff, Mov, Program, Raw
from constructions.witness import Witness
from proofs.layer import Readout
from proofs.prompt import Prompt
from proofs.slotmap import slot_map
from proofs.stream import layout

from ...claim import Budget, CheckResult, Differs, check
from ...hunt import hunt
from ...strategies import as_text, fractions
from .balls import at_most, precision, top

BITS = 128
Operation = Mov | Aff | Raw
Compile = Callable[[Any, Any], Any]


@st.composite
def cases(draw: Any, kind: str) -> dict[str, Any]:
    """An operation of a kind on columns of a drawn prompt: d, n, one query, random rows."""
    d, n = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    T, width = 2 * n + 1, 2 * d + 2  # rows y, x (d), p (d + 1)

    def rows(size: int) -> tuple[int, int]:
        start = draw(st.integers(0, width - size))
        return start, start + size

    def weight(m: int, k: int) -> Any:
        return tuple(tuple(draw(fractions()) for _ in range(k)) for _ in range(m))

    size = draw(st.integers(1, d))
    operation: Operation
    if kind == "mov":
        t = draw(st.integers(0, T - 1))
        operation = Mov(draw(st.integers(0, t)), t, rows(size), rows(size))
    elif kind == "aff":
        first, second = draw(st.integers(0, d)), draw(st.integers(0, d))
        operation = Aff(
            rows(first) if first else (),
            rows(second) if second else (),
            rows(size),
            W1=weight(size, first) if first else None,
            W2=weight(size, second) if second else None,
            b=draw(fractions()),
        )
    else:
        seen = tuple(tuple(j for j in range(i) if draw(st.booleans())) for i in range(T))
        s, r, w = (rows(size) for _ in range(3))
        weights = {name: weight(size, size) for name in ("Wo", "Wa", "W")}
        operation = Raw("+", s, r, w, seen, **weights)
    return {
        "operation": operation,
        "X": [[draw(fractions()) for _ in range(d)] for _ in range(n)],
        "y": [draw(fractions()) for _ in range(n)],
        "query": [draw(fractions()) for _ in range(d)],
    }


def _stream(case: dict[str, Any]) -> tuple[Any, int]:
    d, T = len(case["query"]), 2 * len(case["y"]) + 1
    return with_positions(layout(y=(), x=(d,), p=(d + 1,)), T), T


def _columns(case: dict[str, Any], stream: Any, T: int) -> Any:
    """The printed prompt with its positions, H[t][row]."""
    plain = Program((), stream, T).prompt(case["X"], case["y"], [case["query"]])
    start = stream.rows("position").start
    for t, column in enumerate(plain):
        column[start + t] = Fraction(1)
    return plain


def _named(case: dict[str, Any]) -> dict[str, Any]:
    return {"operation": str(case["operation"])} | {
        name: as_text(case[name]) for name in ("X", "y", "query")
    }


@check("exact", "exact")
def in_fractions(budget: Budget, kind: str, compile: Compile = exact_layer) -> CheckResult:
    """The layer with its softmax weights as fractions does the operation, on every case."""

    def test(case: dict[str, Any]) -> None:
        stream, T = _stream(case)
        H = _columns(case, stream, T)
        found = run_exactly(compile(case["operation"], stream), stream, H)
        wanted = case["operation"].apply(H)
        for t, (ours, theirs) in enumerate(zip(found, wanted)):
            for row, (a, b) in enumerate(zip(ours, theirs)):
                if a != b:
                    place = {"layer": 1, "slot": f"row {row}", "token": t}
                    place |= {"is": as_text(a), "should": as_text(b)}
                    off = float(abs(a - b))
                    raise Differs(f"row {row} of column {t}", _named(case), place, off, 0.0)

    run = hunt(cases(kind), test, budget)
    return CheckResult(True, run, 0.0, 0.0, "softmax weights are fractions; equal")


def _apart(ball: Any, exact: Fraction) -> tuple[bool, float]:
    """Whether a ball misses an exact number, and an upper bound on their distance."""
    with precision(1024):  # the exact number's own ball is far narrower
        distance = ball - arb(exact.numerator) / exact.denominator
        return not distance.contains(0), top(distance)


@check("enclosure", "tested")
def in_balls(budget: Budget, kind: str, compile: Compile = exact_layer) -> CheckResult:
    """The forward pass itself, softmax and logarithms in balls, encloses the operation's result.

    On drawn streams: tested. Balls that lost half of their bits are too wide to decide anything.
    """
    widest = 0.0
    embedding = slot_map(*((name, name) for name in ("x", "y", "position")))

    def test(case: dict[str, Any]) -> None:
        nonlocal widest
        stream, T = _stream(case)
        prompt = Prompt(len(case["query"]), embedding, form="interleaved", positions=T)
        layer = compile(case["operation"], stream)
        witness = Witness("exact layer", stream, prompt, (layer,), Readout("y"))
        X, y, query = (np.array(case[name], dtype=object) for name in ("X", "y", "query"))
        states = witness.trace(X, y, query[None], Ball(BITS))[-1]
        wanted = case["operation"].apply(_columns(case, stream, T))
        for slot in stream.slots:
            for t in range(T):
                ours = np.asarray(states[slot.name][t], dtype=object).ravel()
                theirs = [wanted[t][row] for row in stream.rows(slot.name)]
                for a, b in zip(ours, theirs):
                    misses, apart = _apart(a, Fraction(b))
                    widest = max(widest, apart)
                    if misses:
                        where, radius = f"{slot.name} of column {t}", top(a - a.mid())
                        raise Differs(
                            f"{where} off by {apart:.1e}", _named(case), None, apart, radius
                        )

    run = hunt(cases(kind), test, budget)
    decided = True if widest < 2.0 ** (-BITS // 2) else None
    detail = (
        f"forward pass at {BITS} bits: every ball holds the exact number, apart by at most "
        f"{at_most(widest, 1)} on these streams"
    )
    return CheckResult(decided, run, widest, None, detail)
