"""No false alarms, and none missing: sound cases, over all number systems.

The witnesses are proved right, so every refutation would be an error of a check. Where a number
system cannot decide, that must be what is said, together with one that can. And no prediction in
floats may be off by half of the format's digits without a warning: such a case is `silent`.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np

from constructions import PrecisionWarning
from constructions.numbers import FLOATS, get

from ..checks import floats as numeric
from ..checks.case import build
from ..checks.judge import as_claim, judge
from ..claim import Claim
from ..hunt import Differs
from ..inputs.names import subject
from ..inputs.progress import Say, nothing
from ..pool import each
from ..report import tables
from ..report.as_json import versions
from ..strategies import Case

NUMBERS = ("float64", "float32", "bfloat16", "float16", "ball", "rational")
OUTCOMES = ("equal", "within bound", "encloses", "undecided", "undefined", "silent", "refuted")
WITNESSES = (
    "gradient_descent", "sherman_morrison", "newton", "recursive_least_squares",
    "paired_least_squares", "momentum", "chebyshev", "lasso", "kernel_regression", "selection",
)  # fmt: skip
CASES = 100_000
EXACT_SIZES = (1, 2, 3)
SIZES = (1, 1, 2, 2, 3, 4, 6)
LARGE = (16, 32, 64)  # one float case in LARGE_EVERY, of three witnesses
LARGE_EVERY = 200
# decades above and below 1 that entries reach, and a format's number next to 0
REACH = {"float16": 3.0, "float32": 36.0, "bfloat16": 36.0}
SUBNORMAL = {"float64": 5e-324, "float32": 1e-45, "bfloat16": 9e-41, "float16": 6e-8}


def case(seed: int, number: int) -> tuple[str, str, Case]:
    """(witness, number system, prompt and parameters) of one case; the same for the same numbers.

    X has entries of size 1e-150 to 1e150, a condition number to 1e15 or columns of scales 10^-7.5
    to 10^7.5, and at times a zero row, equal rows, rank 1, small whole numbers, entries next to 0.
    Ridges go down to 1e-14 of X; selections come near a tie, ReLUs to their kink.
    """
    rng = np.random.default_rng([seed, number])
    name, numbers = str(rng.choice(WITNESSES)), str(rng.choice(NUMBERS))
    sizes: tuple[int, ...] = SIZES if numbers in FLOATS else EXACT_SIZES
    if numbers in FLOATS and number % LARGE_EVERY == 0:
        name, sizes = str(rng.choice(WITNESSES[:3])), LARGE
    d, n, m = int(rng.choice(sizes)), int(rng.choice(sizes)), int(rng.choice((1, 1, 2)))
    if sizes is LARGE and name == "sherman_morrison":
        n = min(n, 16)
    n = max(n, 2) if name == "selection" else n
    X, y, queries = _prompt(rng, n, d, m, numbers)
    parameters = _parameters(name, X, y, rng)
    if name == "selection":
        y[-1] = _tie(X, y, parameters["ridges"], rng)
    return name, numbers, Case(parameters, X, y, queries)


def _prompt(
    rng: np.random.Generator, n: int, d: int, m: int, numbers: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    reach = REACH.get(numbers, 150.0)
    scale = 10.0 ** rng.uniform(-reach, reach)
    if rng.random() < 0.5:
        scale = 10.0 ** rng.uniform(-2, 2)
    rank = min(n, d)
    left = np.linalg.qr(rng.standard_normal((n, rank)))[0]
    right = np.linalg.qr(rng.standard_normal((d, rank)))[0]
    spread = (10.0 ** rng.uniform(0, 15)) ** -np.linspace(0, 1, rank)
    X = scale * (left * spread) @ right.T
    y = 10.0 ** rng.uniform(-reach, reach) * rng.standard_normal(n)
    queries = rng.standard_normal((m, d)) * 10.0 ** rng.uniform(-3, 3)
    kind = rng.random()
    if kind < 0.1:
        X[-1] = 0
    elif kind < 0.2:
        X[-1] = X[0]
    elif kind < 0.25:
        X = np.outer(np.arange(1, n + 1), X[0])
    elif kind < 0.4:
        columns = 10.0 ** (rng.uniform(0, min(7.5, reach)) * rng.uniform(-1, 1, d))
        X, queries = rng.standard_normal((n, d)) * columns, queries * columns
        y = rng.standard_normal(n)
    elif kind < 0.5:  # whole numbers: ties and kinks
        X, y = rng.integers(-2, 3, (n, d)).astype(float), rng.integers(-2, 3, n).astype(float)
        queries = rng.integers(-2, 3, (m, d)).astype(float)
    elif kind < 0.6:
        for part in (X, y, queries):
            tiny = SUBNORMAL.get(numbers, 5e-324) * float(rng.integers(1, 2**20))
            part.ravel()[rng.random(part.size) < 0.4] = tiny * rng.choice((-1, 0, 1))
    limit = {"float16": 6e4, "float32": 3e38, "bfloat16": 3e38}.get(numbers, math.inf)
    return tuple(np.clip(part, -limit, limit) for part in (X, y, queries))


def _parameters(
    name: str, X: np.ndarray, y: np.ndarray, rng: np.random.Generator
) -> dict[str, Any]:
    """Parameters inside the region of convergence, exact, however large or small X is."""
    top = sum((Fraction(float(entry)) ** 2 for entry in X.ravel()), Fraction(0)) or Fraction(1)
    top = _short(top)
    n, d = X.shape
    ridge = top * Fraction(1, int(10 ** rng.integers(0, 15)))
    steps = {"d": d, "steps": int(rng.integers(1, 5)), "step_size": 1 / (4 * top)}
    if name == "gradient_descent":
        loss = str(rng.choice(("sum", "mean")))
        return steps | {"steps": int(rng.integers(0, 6)), "loss": loss}
    if name == "sherman_morrison":
        storage = str(rng.choice(("matrix", "tokens")))
        return {"d": d, "examples": n, "ridge": ridge, "storage": storage}
    if name in ("recursive_least_squares", "paired_least_squares"):
        return {"d": d, "examples": n, "ridge": ridge}
    if name == "momentum":
        return steps | {"momentum": Fraction(int(rng.integers(1, 8)), 9)}
    if name == "chebyshev":
        lowest = top / int(10 ** rng.integers(1, 5))
        return {"d": d, "steps": steps["steps"], "lowest": lowest, "highest": top}
    if name == "lasso":
        return steps | {"penalty": _penalty(X, y, rng)}
    if name == "kernel_regression":
        features = tuple(map(tuple, rng.integers(-2, 3, (2, d)).tolist()))
        offsets = (0, int(rng.integers(-1, 2)))
        size = 1 / (4 * (top * 8 * d + 2 * n))
        return steps | {"step_size": size, "kernel": "relu", "features": features,
                        "offsets": offsets}  # fmt: skip
    if name == "selection":
        return {"d": d, "examples": n, "validation": 1, "ridges": (ridge, ridge * 3)}
    attention = str(rng.choice(("linear", "relu")))
    prompt = str(rng.choice(("joint", "interleaved")))
    most = (4 if d >= 16 else 7) if rng.random() < 0.9 else (4 if d >= 16 else 9)
    return {"d": d, "iterations": int(rng.integers(0, most)), "alpha": 1 / top**2,
            "attention": attention, "prompt": prompt}  # fmt: skip


def _penalty(X: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Fraction:
    """Half of the time one that has an entry of the first step exactly at the kink of its ReLU."""
    column = int(rng.integers(X.shape[1]))
    pairs = zip(X[:, column].tolist(), y.tolist())
    at_kink = 2 * abs(sum((Fraction(a) * Fraction(b) for a, b in pairs), Fraction(0)))
    if rng.random() < 0.5 and at_kink:
        return at_kink
    return (_short(at_kink) if at_kink else Fraction(1)) / int(10 ** rng.integers(0, 4))


def _tie(
    X: np.ndarray, y: np.ndarray, ridges: tuple[Fraction, Fraction], rng: np.random.Generator
) -> float:
    """A last target at which both ridge strengths err alike, exactly, nearly, or not at all."""
    with np.errstate(all="ignore"):
        found = []
        for ridge in ridges:
            gram = X[:-1].T @ X[:-1] + float(ridge) * np.eye(X.shape[1])
            try:
                found.append(float(X[-1] @ np.linalg.solve(gram, X[:-1].T @ y[:-1])))
            except np.linalg.LinAlgError:
                return float(y[-1])
        tie = (found[0] + found[1]) / 2 * (1 + rng.choice((0.0, 1.0)) * 10 ** rng.uniform(-16, 0))
    return tie if abs(tie) < 6e4 and rng.random() < 0.7 else float(y[-1])


def _short(value: Fraction) -> Fraction:
    """The power of two above a positive fraction."""
    power = value.numerator.bit_length() - value.denominator.bit_length() + 1
    return Fraction(2) ** power


def one(seed: int, number: int) -> dict[str, Any]:
    """The outcome of one case."""
    name, numbers, drawn = case(seed, number)
    claim = as_claim(subject(name))
    said = in_floats(claim, drawn, numbers) if numbers in FLOATS else judge(claim, drawn, numbers)
    return {"number": number, "witness": name, "numbers": numbers, **said}


def in_floats(claim: Claim, drawn: Case, numbers: str) -> dict[str, Any]:
    """What `judge` says; or "silent", with the largest error, where a prediction is off by more
    than sqrt(u) of the largest one, or is not finite, and nothing was warned of."""
    assert claim.witness is not None and claim.algorithm is not None
    decides = get(numbers).decides_with
    open_case = {"outcome": "undecided", "error": None, "bound": None, "decides": decides}
    witness = build(claim.witness, drawn.parameters)
    prompt = drawn.X, drawn.y, drawn.queries
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            got = np.asarray(witness.predict(*prompt, numbers), dtype=float)
    except (ZeroDivisionError, ValueError) as error:
        if isinstance(error, ValueError) and "not finite" not in str(error):
            raise
        return open_case | {"detail": str(error)}
    warned = any(issubclass(one.category, PrecisionWarning) for one in caught)
    if not np.isfinite(got).all():
        return open_case | ({} if warned else {"outcome": "silent", "error": math.inf})
    bound = witness.rounding_bound(*prompt, numbers)
    size = float(np.abs(got).max())
    told = math.sqrt(numeric.unit_roundoff(numbers)) * size
    narrow = np.minimum(np.where(np.isfinite(bound), bound, math.inf), max(told, 1e-300)) * 2.0**-20
    try:
        want = numeric.enclosed(claim.algorithm, drawn, lambda q: float(narrow[q]))
    except ZeroDivisionError as error:
        return open_case | {"detail": str(error)}
    try:
        compared = numeric.within(drawn, got, bound, want, numbers)
    except Differs as failure:
        found = failure.found
        refuted = {"outcome": "refuted", "error": found.max_error, "bound": found.bound}
        return refuted | {"decides": None}
    off = max(numeric.distance(ball, float(value))[0] for ball, value in zip(want, got))
    if off > told and not warned:
        return open_case | {"outcome": "silent", "error": off}
    if compared is None:
        return open_case
    return {"outcome": "within bound", "error": compared[0], "bound": compared[1], "decides": None}


def run(
    cases: int = CASES,
    seed: int = 0,
    workers: int = 1,
    start: int = 0,
    progress: Say = nothing,
) -> dict[str, Any]:
    """Cases start … start + cases - 1: counts of outcomes, every refuted and every silent case,
    and whether each undecided one named a number system that decides it."""
    outcomes: Counter[tuple[str, str, str]] = Counter()
    refuted, silent, lost = [], [], []
    chunks = [range(i, min(i + 50, start + cases)) for i in range(start, start + cases, 50)]
    with closing(each(_chunk, [(seed, chunk) for chunk in chunks], workers)) as made:
        for said in chain.from_iterable(made):
            outcomes[said["witness"], said["numbers"], said["outcome"]] += 1
            if said["outcome"] == "refuted":
                refuted.append(said)
            if said["outcome"] == "silent":
                silent.append(said)
            if said["outcome"] == "undecided" and not said["decides"]:
                lost.append(said)
            progress(
                f"{sum(outcomes.values())} of {cases} cases, {len(refuted)} refuted, "
                f"{len(silent)} silent"
            )
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
        "silent": silent,
        "undecided without a way out": lost,
        "versions": versions(),
    }


def _chunk(seed: int, numbers: range) -> list[dict[str, Any]]:
    return [one(seed, number) for number in numbers]


def _rows(result: Mapping[str, Any], *by: str) -> dict[tuple[str, ...], list[str]]:
    """Counts of each outcome, added up over what is not named: {("newton", "ball"): ["0", …]}."""
    counts: dict[tuple[str, ...], Counter[str]] = {}
    for said in result["outcomes"]:
        row = counts.setdefault(tuple(said[name] for name in by), Counter())
        row[said["outcome"]] += said["count"]
    return {key: [str(row[outcome]) for outcome in OUTCOMES] for key, row in counts.items()}


def table(result: Mapping[str, Any]) -> Any:
    """A rich table: rows witness and number system, columns outcomes."""
    rows = [(*key, *row) for key, row in sorted(_rows(result, "witness", "numbers").items())]
    made = tables.grid(("witness", "numbers", *OUTCOMES), rows)
    made.title = f"{result['cases']} sound cases, seed {result['seed']}"
    return made


def markdown(result: Mapping[str, Any]) -> str:
    """One report, added up over the witnesses, for README."""
    counts, none = _rows(result, "numbers"), ["0"] * len(OUTCOMES)
    rows = [(system, *counts.get((system,), none)) for system in NUMBERS]
    return (
        f"{tables.markdown(('number system', *OUTCOMES), rows)}\n"
        f"{result['cases']} sound cases, seed {result['seed']}: "
        f"{len(result['refuted'])} refuted, {len(result['silent'])} off without a warning, "
        f"{len(result['undecided without a way out'])} undecided without naming a number system "
        "that decides.\n"
    )
