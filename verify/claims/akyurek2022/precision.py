"""akyurek2022.precision: how precise the constructions can be in floats, at their best constants.

The paper: "we may make each of these operations as precise as desired (or allowed by system
precision)". For each lemma and theorem and each float format the free constants are searched
for the least error over a fixed set of inputs. That error is split in two: what the construction
costs at these constants (in balls, so that nothing rounds) and what rounding adds.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from flint import fmpq

from constructions.numbers.ball import Ball
from constructions.papers.akyurek2022 import chains as paper
from constructions.papers.akyurek2022.layers import Constants
from constructions.run.forward import predictions

from ... import algorithms
from ...checks.bounds.balls import at_most, ball, precision, top
from ...checks.bounds.chains import enclosure
from ...checks.search import Axis, minimise
from ...claim import Budget, Check, CheckResult, Differs, check, claim
from ...pool import one_thread
from ...report import tables
from . import PAPER
from .approximations import BITS, gelu, literal
from .theorems import ridge_boxes

FORMATS = {"float64": 53, "float32": 24, "bfloat16": 8}  # significant bits
DIMENSIONS = (2, 4, 8)
Exponents = Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """One line of the table: errors, the largest over the inputs; constants, as exponents of 2."""

    what: str
    d: int | None
    format: str
    error: float
    construction: float
    rounding: float
    constants: Exponents
    tried: int

    @property
    def name(self) -> str:
        return self.what if self.d is None else f"{self.what}, d = {self.d}"


@dataclass(frozen=True)
class Subject:
    """Something with free constants, on fixed inputs: its values in a format and in balls.

    `wanted` are the exact values; `floats(exponents, format)` and `balls(exponents)` what the
    construction gives.
    """

    what: str
    d: int | None
    wanted: Sequence[Fraction]
    floats: Callable[[Exponents, str], np.ndarray]
    balls: Callable[[Exponents], Sequence[Any]]
    axes: Callable[[int], dict[str, Axis]]
    start: Exponents | None = None  # where its search begins, if not on the grid of its axes


def power(exponent: float) -> Fraction:
    """2^exponent: exactly for whole exponents, else the nearest float64, taken exactly."""
    return Fraction(2) ** int(exponent) if exponent == int(exponent) else Fraction(2.0**exponent)


# -- the four lemmas --------------------------------------------------------------------------


def _number(draw: random.Random, bits: int, low: int = -1) -> Fraction:
    """A number of the format with all its `bits` in use, between low and 1."""
    one = 1 << (bits - 1)
    return Fraction(draw.randint(low * one, one - 1) | 1, one)


def _lemma4(bits: int) -> Subject:
    draw = random.Random(4)
    pairs = [(_number(draw, bits), _number(draw, bits)) for _ in range(100)]
    one = Fraction(1)
    pairs += [(x, x) for x, _ in pairs[:20]] + [(one, one), (-one, one)]

    @cache
    def given(format: str) -> list[Any]:
        return [_tensor([p[i] for p in pairs], format) for i in (0, 1)]

    def floats(at: Exponents, format: str) -> np.ndarray:
        import torch

        (x, y), system = given(format), _system(format)
        e = float(power(at["scale"]))
        made = system.gelu(e * (x + y)) - system.gelu(e * x) - system.gelu(e * y)
        return (made * (math.sqrt(math.pi / 2) / e**2)).to(torch.float64).numpy()

    def balls(at: Exponents) -> list[Any]:
        import flint

        e = ball(power(at["scale"]))
        factor = (flint.arb.pi() / 2).sqrt() / e**2
        ends = [(ball(x) * e, ball(y) * e) for x, y in pairs]
        return [factor * (gelu(x + y) - gelu(x) - gelu(y)) for x, y in ends]

    wanted = [x * y for x, y in pairs]
    return Subject("lemma 4", None, wanted, floats, balls, lambda p: {"scale": Axis(-p, 2)})


def _lemma5(bits: int) -> Subject:
    draw = random.Random(5)
    inputs = [_number(draw, bits) for _ in range(100)] + [Fraction(-1), Fraction(1)]
    given = cache(partial(_tensor, inputs))

    def floats(at: Exponents, format: str) -> np.ndarray:
        import torch

        N = float(power(at["bypass"]))
        made = _system(format).gelu(given(format) + N) - N
        return made.to(torch.float64).numpy()

    def balls(at: Exponents) -> list[Any]:
        N = ball(power(at["bypass"]))
        return [gelu(N + ball(x)) - N for x in inputs]

    return Subject("lemma 5", None, inputs, floats, balls, lambda p: {"bypass": Axis(0, 8)})


def _norm(what: str, divide: bool, bits: int) -> Subject:
    """Lemma 6, or lemma 8 with `divide`: four numbers, three zeros, |c| in [1/2, 2] or 1."""
    draw = random.Random(6)
    cases = []
    for _ in range(32):
        size = 1 + _number(draw, bits - 1, 0) if divide else Fraction(1)
        c = size * draw.choice((-1, 1)) / draw.choice((1, 2) if divide else (1,))
        cases.append((c, [_number(draw, bits) for _ in range(4)]))

    @cache
    def given(format: str) -> tuple[Any, Any]:
        import torch

        c = _tensor([c for c, _ in cases], format)[:, None]
        return c, torch.stack([_tensor(y, format) for _, y in cases])

    def floats(at: Exponents, format: str) -> np.ndarray:
        import torch

        N, M = float(power(at["large"])), float(power(at.get("very_large", 0)))
        c, y = given(format)
        y = y / M
        pads = torch.cat([N * c, -N * c - y.sum(-1, keepdim=True)], -1)
        normed = _system(format).layer_norm(torch.cat([pads, y, torch.zeros_like(y[:, :3])], -1))
        made = normed[:, 2:] * (math.sqrt(2 / 9) * N * M)
        return made.to(torch.float64).numpy().ravel()

    def balls(at: Exponents) -> list[Any]:
        N, M = power(at["large"]), power(at.get("very_large", 0))
        return [entry for c, y in cases for entry in literal(N, M, c, y, 3)[2:]]

    def axes(p: int) -> dict[str, Axis]:
        large = {"large": Axis(0, p, 1 if not divide else 2)}
        return large | {"very_large": Axis(0, 12, 4)} if divide else large

    wanted = [v / abs(c) for c, y in cases for v in (*y, *([Fraction(0)] * 3))]
    return Subject(what, None, wanted, floats, balls, axes)


# -- the two theorems -------------------------------------------------------------------------


def _theorem(number: int, d: int, bits: int, prompts: int = 12) -> Subject:
    """A repaired chain on a few prompts of one example."""
    draw = random.Random(d)

    def entry() -> Fraction:
        return _number(draw, bits)

    X = np.array([[[entry() for _ in range(d)]] for _ in range(prompts)], dtype=object)
    y = np.array([[entry()] for _ in range(prompts)], dtype=object)
    queries = np.array([[[entry() for _ in range(d)]] for _ in range(prompts)], dtype=object)
    if number == 1:
        w0 = tuple(entry() for _ in range(d))
        step, decay = Fraction(1, 8), Fraction(1, 4)
        chain = paper.theorem1_chain(d, step, decay, w0)
        algorithm = partial(
            algorithms.one_pass_sgd, step_size=step, ridge=decay, w0=np.array(w0, dtype=object)
        )
    else:
        chain = paper.theorem2_chain(d, 1)
        algorithm = partial(algorithms.ridge, ridge=Fraction(1))

    def constants(at: Exponents) -> Constants:
        chosen = {name: power(exponent) for name, exponent in at.items()}
        return replace(Constants(very_large=1), **chosen)

    def predicted(witness: Any, numbers: Any) -> Any:
        prompts, made = predictions(witness, X, y, queries, numbers)  # no bound is needed here
        return prompts.give(made)[:, 0]

    def floats(at: Exponents, format: str) -> np.ndarray:
        return np.asarray(predicted(chain.transformer(constants(at)), format), dtype=float)

    def balls(at: Exponents) -> list[Any]:
        chosen = constants(at)
        witness = chain.transformer(chosen)
        return list(predicted(witness, Ball(chosen.bits(witness.layers))))

    def axes(p: int) -> dict[str, Axis]:
        made = {
            "large": Axis(0, p, 3),
            "scale": Axis(-p // 2 - 2, 2, 3),
            "sharpness": Axis(4, 8),
        }
        if number == 2:
            made |= {"bypass": Axis(3, 7), "very_large": Axis(0, 8)}
        return made

    # near where what is left out and what rounding adds are alike: for a norm at about 2^(p/2),
    # for a product, where they are scale^2 and 2^-p/scale, at 2^(-p/3)
    start = {"large": bits // 2 + 3, "scale": -(bits // 3), "sharpness": 4}
    if number == 2:
        start |= {"bypass": 3, "very_large": 1}
    wanted = [Fraction(algorithm(X[i], y[i], queries[i])[0]) for i in range(prompts)]
    return Subject(f"theorem {number}", d, wanted, floats, balls, axes, start)


# -- the table --------------------------------------------------------------------------------


def _system(format: str) -> Any:
    from constructions.numbers import get

    return get(format)


def _tensor(values: Sequence[Fraction], format: str) -> Any:
    import torch

    return torch.tensor([float(v) for v in values], dtype=_system(format).dtype)


def _error(subject: Subject, at: Exponents, format: str) -> float:
    """The largest error over the inputs, computed without rounding; infinite on overflow."""
    with np.errstate(all="ignore"):
        values = [float(v) for v in subject.floats(at, format)]
    if not all(map(math.isfinite, values)):
        return math.inf
    off = (
        abs(fmpq(*v.as_integer_ratio()) - fmpq(w.numerator, w.denominator))
        for v, w in zip(values, subject.wanted, strict=True)
    )
    largest = max(off)
    return int(largest.p) / int(largest.q)


def _lemmas(bits: int) -> tuple[Subject, ...]:
    norms = _norm("lemma 6", False, bits), _norm("lemma 8", True, bits)
    return _lemma4(bits), _lemma5(bits), *norms


def _search(
    subject: Subject, format: str, starts: Sequence[Exponents] = (), quick: bool = False
) -> Row:
    axes = subject.axes(FORMATS[format])
    sections = 0 if quick or subject.d else 4  # a theorem's error is flat between powers of two
    found = minimise(lambda at: _error(subject, at, format), axes, starts, sections)
    values = subject.floats(found.at, format)
    with precision(max(BITS, 1024)):
        exact = subject.balls(found.at)
        made = max(top(e - ball(w)) for e, w in zip(exact, subject.wanted, strict=True))
        rounded = max(top(e - ball(float(v))) for e, v in zip(exact, values, strict=True))
    return Row(
        subject.what, subject.d, format, found.error, made, rounded, dict(found.at), found.tried
    )


def precision_table(quick: bool = False) -> tuple[Row, ...]:
    """Best attainable errors: lemmas 4, 5, 6, 8, and both theorems at d = 2, 4, 8.

    `quick` has only the lemmas, at powers of two.
    """
    return _table(quick)


@cache
def _table(quick: bool) -> tuple[Row, ...]:
    made: list[Row] = []
    with one_thread():
        for format, bits in FORMATS.items():
            made += [_search(subject, format, quick=quick) for subject in _lemmas(bits)]
            for number in () if quick else (1, 2):
                made += _dimensions(number, format)
    return tuple(made)


def _dimensions(number: int, format: str, dims: Sequence[int] = DIMENSIONS) -> list[Row]:
    """A theorem at each d, upwards: from its start and from the optimum before."""
    rows: list[Row] = []
    for d in dims:
        subject = _theorem(number, d, FORMATS[format])
        assert subject.start is not None
        before = [row.constants for row in rows[-1:]]
        rows.append(_search(subject, format, [subject.start, *before]))
    return rows


def _by_name(quick: bool) -> dict[str, dict[str, Row]]:
    """{line of the table: {format: row}}."""
    made: dict[str, dict[str, Row]] = {}
    for row in precision_table(quick):
        made.setdefault(row.name, {})[row.format] = row
    return made


def precision_markdown(quick: bool = False) -> str:
    """The table in Markdown: least error found (construction, rounding) per format, rounded up."""
    lines = []
    for name, rows in _by_name(quick).items():
        cells = [
            "{} ({}, {})".format(*(at_most(e, 1) for e in (r.error, r.construction, r.rounding)))
            for r in (rows[format] for format in FORMATS)
        ]
        lines.append((name, *cells))
    return tables.markdown(("", *FORMATS), lines)


def precision_plot(path: str | Path, quick: bool = False) -> None:
    """Best error of every line and format, the construction's part and rounding's beside it."""
    from matplotlib.figure import Figure

    table = _by_name(quick)
    figure = Figure(figsize=(9, 4.5))
    axis = figure.subplots()
    for k, format in enumerate(FORMATS):
        chosen = [rows[format] for rows in table.values()]
        places = [i + (k - 1) * 0.27 for i in range(len(chosen))]
        axis.bar(places, [r.error for r in chosen], 0.25, color=f"C{k}", alpha=0.35, label=format)
        axis.plot(places, [r.construction for r in chosen], "_", color=f"C{k}", markersize=10)
        axis.plot(places, [r.rounding for r in chosen], ".", color=f"C{k}")
        axis.axhline(2.0 ** -FORMATS[format], color=f"C{k}", linewidth=0.7, linestyle=":")
    axis.set_yscale("log")
    # what lemma 5 itself costs is off the scale
    axis.set_ylim(1e-17, 1e3)
    axis.set_xticks(range(len(table)), list(table), rotation=30, ha="right")
    axis.set_ylabel("largest error at the best constants")
    axis.set_title("bar: best error; dash: construction; dot: rounding; line: unit roundoff")
    axis.legend(loc="upper right", ncols=len(FORMATS), frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=130)


# -- the claim --------------------------------------------------------------------------------


@check("numeric", "tested")
def _attained(budget: Budget) -> CheckResult:
    """The split adds up, and constants eight times larger or smaller are no better."""
    rows = precision_table(budget.quick)
    for row in rows:
        at, shown = f"{row.name}, {row.format}", {"what": row.name, "format": row.format}
        parts = row.construction + row.rounding
        if not row.error <= parts * (1 + 2.0**-50):
            detail = f"{at}: the split does not add up"
            raise Differs(detail, shown, None, row.error, parts, len(rows))
        subjects = [s for s in _lemmas(FORMATS[row.format]) if s.what == row.what]
        for subject, (name, exponent) in product(subjects, row.constants.items()):
            for moved in (exponent - 3, exponent + 3):
                off = _error(subject, {**row.constants, name: moved}, row.format)
                if off < row.error:
                    shown[name] = f"2^{moved}"
                    raise Differs(f"{at}: not the best", shown, None, off, row.error, len(rows))
    text = []
    for format in FORMATS:
        best = ", ".join(f"{r.name}: {at_most(r.error, 1)}" for r in rows if r.format == format)
        text.append(f"{format}: {best}")
    tried = sum(row.tried for row in rows)
    detail = f"least of the largest errors on fixed inputs, in {tried} runs; {'; '.join(text)}"
    domain = "up to 128 inputs of each lemma, 12 prompts of each theorem, drawn once"
    return CheckResult(True, tried, None, None, detail, domain=domain)


@claim(
    "akyurek2022.precision",
    source=f"{PAPER}, appendix",
    statement=r"\text{each operation is as precise as desired, or as system precision allows}",
    summary="errors shrink at will in exact arithmetic; in floats to about sqrt(unit roundoff)",
    expected="approximates",
    note="the enclosure is theorem 2's chain at d = 2; the table has every lemma and format",
)
def precision_claim() -> tuple[Check, ...]:
    def sizes(budget: Budget) -> list[dict[str, Any]]:
        return [{"d": 2, "examples": 1, "ridge": ridge} for ridge in (Fraction(1, 2), 1, 3)]

    return (
        enclosure(
            paper.akyurek2022_theorem2, paper.theorem2_chain, algorithms.ridge, sizes,
            ridge_boxes((2, 1)),
        ),
        _attained(),
    )  # fmt: skip
