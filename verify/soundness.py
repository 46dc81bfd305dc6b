"""No false alarms: sound cases, over all number systems, none of which may be refuted.

The witnesses are proved right, so every refutation would be an error of a check. Where a number
system cannot decide, that must be what is said, together with one that can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from constructions.numbers import FLOATS

from .judging import as_claim, judge
from .strategies import Case
from .subjects import subject

NUMBERS = ("float64", "float32", "bfloat16", "float16", "ball", "rational")
OUTCOMES = ("equal", "within bound", "encloses", "undecided", "refuted")
WITNESSES = ("gradient_descent", "sherman_morrison", "newton")
CASES = 100_000
EXACT_SIZES = (1, 2, 3, 4)
SIZES = (1, 2, 3, 4, 5, 8)
LARGE = (16, 32, 64)  # one float case in LARGE_EVERY
LARGE_EVERY = 50


def case(seed: int, number: int) -> tuple[str, str, Case]:
    """(witness, number system, prompt and parameters) of one case; the same for the same numbers.

    X has entries of size 1e-150 to 1e150, a condition number to 1e15, and at times a zero row,
    equal rows or rank 1.
    """
    rng = np.random.default_rng([seed, number])
    name, numbers = str(rng.choice(WITNESSES)), str(rng.choice(NUMBERS))
    sizes: tuple[int, ...] = SIZES if numbers in FLOATS else EXACT_SIZES
    if sizes is SIZES and number % LARGE_EVERY == 0:
        sizes = LARGE
    d, n = (int(rng.choice(sizes)) for _ in range(2))
    if sizes is LARGE and name == "sherman_morrison":
        n = min(n, 16)
    reach = {"float16": 3.0, "float32": 36.0, "bfloat16": 36.0}.get(numbers, 150.0)
    scale = 10.0 ** rng.uniform(-reach, reach)
    if rng.random() < 0.5:
        scale = 10.0 ** rng.uniform(-2, 2)
    rank = min(n, d)
    left = np.linalg.qr(rng.standard_normal((n, rank)))[0]
    right = np.linalg.qr(rng.standard_normal((d, rank)))[0]
    spread = (10.0 ** rng.uniform(0, 15)) ** -np.linspace(0, 1, rank)
    X = scale * (left * spread) @ right.T
    kind = rng.random()
    if kind < 0.1:
        X[-1] = 0
    elif kind < 0.2:
        X[-1] = X[0]
    elif kind < 0.25:
        X = np.outer(np.arange(1, n + 1), X[0])
    y = 10.0 ** rng.uniform(-reach, reach) * rng.standard_normal(n)
    queries = rng.standard_normal((1, d)) * 10.0 ** rng.uniform(-3, 3)
    return name, numbers, Case(_parameters(name, X, rng), X, y, queries)


def _parameters(name: str, X: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """Parameters inside the region of convergence, exact, however large or small X is."""
    top = sum((Fraction(float(entry)) ** 2 for entry in X.ravel()), Fraction(0)) or Fraction(1)
    top = _short(top)
    n, d = X.shape
    if name == "gradient_descent":
        loss = str(rng.choice(("sum", "mean")))
        return {"d": d, "steps": int(rng.integers(0, 6)), "step_size": 1 / (4 * top), "loss": loss}
    if name == "sherman_morrison":
        storage = str(rng.choice(("matrix", "tokens")))
        ridge = top * Fraction(1, int(10 ** rng.integers(0, 7)))
        return {"d": d, "examples": n, "ridge": ridge, "storage": storage}
    attention = str(rng.choice(("linear", "relu")))
    prompt = str(rng.choice(("joint", "interleaved")))
    return {"d": d, "iterations": int(rng.integers(0, 9 if d < 16 else 4)), "alpha": 1 / top**2,
            "attention": attention, "prompt": prompt}  # fmt: skip


def _short(value: Fraction) -> Fraction:
    """The power of two above a positive fraction."""
    power = value.numerator.bit_length() - value.denominator.bit_length() + 1
    return Fraction(2) ** power


def one(seed: int, number: int) -> dict[str, Any]:
    """The outcome of one case."""
    name, numbers, drawn = case(seed, number)
    said = judge(as_claim(subject(name)), drawn, numbers)
    return {"number": number, "witness": name, "numbers": numbers, **said}


def run(
    cases: int = CASES,
    seed: int = 0,
    workers: int = 1,
    start: int = 0,
    progress: Callable[[str], None] = lambda what: None,
) -> dict[str, Any]:
    """Cases start … start + cases - 1: counts of outcomes, every refuted case, and whether each
    undecided one named a number system that decides it."""
    from .report import versions

    outcomes: Counter[tuple[str, str, str]] = Counter()
    refuted, silent = [], []
    for said in _outcomes(cases, seed, workers, start):
        outcomes[said["witness"], said["numbers"], said["outcome"]] += 1
        if said["outcome"] == "refuted":
            refuted.append(said)
        if said["outcome"] == "undecided" and not said["decides"]:
            silent.append(said)
        progress(f"{sum(outcomes.values())} of {cases} cases, {len(refuted)} refuted")
    return {
        "schema": "witness-soundness/1",
        "seed": seed,
        "start": start,
        "cases": cases,
        "outcomes": [
            {"witness": w, "numbers": system, "outcome": outcome, "count": count}
            for (w, system, outcome), count in sorted(outcomes.items())
        ],
        "refuted": refuted,
        "undecided without a way out": silent,
        "versions": versions(),
    }


def _outcomes(cases: int, seed: int, workers: int, start: int) -> Iterator[dict[str, Any]]:
    numbers = range(start, start + cases)
    if workers == 1:
        yield from (one(seed, number) for number in numbers)
        return
    from joblib import Parallel, delayed

    chunks = [numbers[i : i + 50] for i in range(0, cases, 50)]
    jobs = (delayed(_chunk)(seed, chunk) for chunk in chunks)
    for made in Parallel(n_jobs=workers, return_as="generator")(jobs):
        yield from made


def _chunk(seed: int, numbers: range) -> list[dict[str, Any]]:
    from .pool import one_thread

    with one_thread():
        return [one(seed, number) for number in numbers]


def table(result: dict[str, Any]) -> Any:
    """A rich table: rows witness and number system, columns outcomes."""
    from rich.table import Table

    counts = {(o["witness"], o["numbers"], o["outcome"]): o["count"] for o in result["outcomes"]}
    made = Table(title=f"{result['cases']} sound cases, seed {result['seed']}")
    for column in ("witness", "numbers", *OUTCOMES):
        made.add_column(column)
    for name, system in sorted({key[:2] for key in counts}):
        row = [str(counts.get((name, system, outcome), 0)) for outcome in OUTCOMES]
        made.add_row(name, system, *row)
    return made
