"""enclosed: network and algorithm are within a proved bound of each other on every input of a box.

Beside the bound stands the largest difference that a search found: both programs were run there, in
fractions or balls. Where the difference is the zero function of the prompt, for these n and d, that
is decided exactly, and the evidence is an identity, not a bound.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from constructions.numbers import Unsupported

from ...box import Box
from ...claim import Budget, Check, CheckResult, Differs, check
from ...strategies import Case, as_text
from ..bounds.balls import at_most
from ..case import left_open, reference
from . import moments, search, separate
from .bernstein import WORK
from .difference import Forms, Programs
from .enclose import Enclosure, NotBounded, enclosed

QUICK = 0.25  # of the effort of a full run
LARGE = 50_000  # terms of two programs from which on fewer points are tried


@dataclass(frozen=True)
class Certificate:
    """What is known of |network - algorithm| on a box.

    enclosure: the bound, None where there is none, and why; found: attained at `case`, where the
    two predict `ours` and `theirs`.
    """

    enclosure: Enclosure | None
    why: str
    found: float
    case: Case
    ours: Any
    theirs: Any
    seconds: float

    @property
    def ratio(self) -> float:
        """Of the bound to what is attained."""
        if self.enclosure is None or not self.found:
            return float("inf")
        return self.enclosure.high / self.found


# floats only search here, and what overflows or is undefined in them is not found
@np.errstate(all="ignore")
def certify(make: Any, algorithm: Any, box: Box, seed: int = 0, effort: float = 1.0) -> Certificate:
    """The certificate of a builder of witnesses against an algorithm on a box.

    It depends on nothing but its arguments: `effort` is how much is computed, not for how long.
    """
    start = time.perf_counter()
    programs = Programs(make, algorithm, box)
    why = ""
    forms: Forms | None = None
    searching = True
    seen = moments.of(programs)
    try:
        if seen is None:
            forms = programs.forms()
            searching = not forms.are_one
        else:
            searching = not seen.is_zero
    except (Unsupported, TypeError) as error:  # an algorithm that rounds, say: not of letters
        why = str(error)
    found = 0.0
    point: Mapping[str, Fraction] = separate.point({}, programs.ranges)
    for one in [_searched(programs, forms, seed, effort)] if searching else tried(programs):
        if (apart := programs.apart_at(one)) > found:
            found, point = apart, one
    if found and not searching:
        why = (
            "as functions of letters the two are one, but run in numbers they differ: the builder "
            "or the algorithm does something else with letters"
        )
        ours, theirs = programs.at(programs.case(point))
        took = time.perf_counter() - start
        return Certificate(None, why, found, programs.case(point), ours, theirs, took)
    enclosure = None
    try:
        enclosure = (
            enclosed(programs, forms, found, effort)
            if seen is None
            else seen.enclosure(box, effort * WORK)
        )
    except NotBounded as error:
        why = f"{error}; {why}" if why else str(error)
    if enclosure is not None and enclosure.at is not None:
        other = separate.point(enclosure.at, programs.ranges)
        if (more := programs.apart_at(other)) > found:
            found, point = more, other
    if enclosure is not None and found > enclosure.high:
        raise AssertionError(
            f"a difference of {found} was found where {enclosure.how} bounds it by {enclosure.high}"
        )
    case = programs.case(point)
    ours, theirs = programs.at(case) if found else (None, None)
    return Certificate(enclosure, why, found, case, ours, theirs, time.perf_counter() - start)


def tried(programs: Programs) -> Iterator[dict[str, Fraction]]:
    """Points at which what is one function of letters is run in numbers: the middle, the ends, 0
    and 1 where the box has them, of all letters and of parameters alone, and some between."""
    ranges, parameters = programs.ranges, {name for name, _ in programs.box.varying()}
    parts = (Fraction(0), Fraction(1, 2), Fraction(1), Fraction(1, 3), Fraction(6, 7))
    for part in parts:
        yield {name: low + part * (high - low) for name, (low, high) in ranges.items()}
    for value in (Fraction(0), Fraction(1)):
        yield {name: min(max(value, low), high) for name, (low, high) in ranges.items()}
        yield {
            name: min(max(value, low), high) if name in parameters else (low + 6 * high) / 7
            for name, (low, high) in ranges.items()
        }
    for first in range(len(parts)):
        mixed = (parts[(first + k * (k + 1) // 2) % len(parts)] for k in range(len(ranges)))
        yield {name: low + part * (high - low) for part, (name, (low, high)) in
               zip(mixed, ranges.items())}  # fmt: skip


def _searched(
    programs: Programs, forms: Forms | None, seed: int, effort: float
) -> Mapping[str, Fraction]:
    """The point of the box at which the programs were found to be farthest apart.

    Nothing here knows how the difference is bounded, so that a bound that is wrong is seen.
    """
    if forms is None or len(forms.theirs) > 1:
        return search.ascend(_run(programs), programs.ranges, effort / 4, seed, 2)[1]
    floats = search.InFloats(forms.letters)
    ours, theirs = floats.compiled(forms.ours), floats.compiled(forms.theirs[0])
    terms = forms.ours.terms + forms.theirs[0].terms
    starts = max(2, min(search.STARTS, LARGE // terms))
    return search.ascend(
        lambda points: ours(points) - theirs(points),
        programs.ranges,
        effort * min(1, LARGE / terms / 2),
        seed,
        starts,
    )[1]


def _run(programs: Programs) -> search.Values:
    """Network - algorithm at points (points, letters); in floats, if the weights are numbers."""
    names, box = list(programs.ranges), programs.box

    def exactly(points: np.ndarray) -> np.ndarray:
        return np.array([programs.apart_at(dict(zip(names, map(Fraction, p)))) for p in
                         points.tolist()])  # fmt: skip

    def in_floats(points: np.ndarray) -> np.ndarray:
        n, d = box.n, box.d
        X, y, queries = np.split(points, [n * d, n * d + n], axis=1)
        X, queries = X.reshape(-1, n, d), queries.reshape(-1, 1, d)
        parameters = box.lettered(str)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            ours = programs.witness.predict(X, y, queries)[:, 0]
            theirs = [
                reference(programs.algorithm, Case(parameters, *prompt))[0]
                for prompt in zip(X, y, queries)
            ]
        return ours - np.array(theirs, dtype=float)

    return exactly if any(True for _ in box.varying()) else in_floats


# -- the check --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """Network against algorithm on a box. within: the error that is claimed; equal: none is."""

    make: Any
    algorithm: Any
    box: Box
    within: Any = None
    equal: bool = False
    kept: dict[tuple[int, bool], Certificate] = field(default_factory=dict)

    def certificate(self, budget: Budget) -> Certificate:
        """Found once for all that ask."""
        key = budget.seed, budget.quick
        if key not in self.kept:
            effort = QUICK if budget.quick else 1.0
            self.kept[key] = certify(self.make, self.algorithm, self.box, budget.seed, effort)
        return self.kept[key]


def checks(
    make: Any, algorithm: Any, boxes: Iterable[Box], within: Any = None, equal: bool = False
) -> tuple[Check, ...]:
    """Of each box: whether the two are one function there, and how far at most they are apart."""
    asked = [Question(make, algorithm, box, within, equal) for box in boxes]
    return tuple(check for one in asked for check in (identical(one), bounded(one)))


@check("identity", "exact")
@left_open
def identical(budget: Budget, asked: Question) -> CheckResult:
    """Decides whether the difference is the zero function of the letters, at this n and d."""
    found, sizes = asked.certificate(budget), asked.box.sizes
    if found.enclosure is not None and found.enclosure.zero:
        detail = f"one function of every prompt at {sizes}: the normal forms are the same"
        return CheckResult(True, 1, 0.0, 0.0, detail)
    if asked.equal and found.found > 0:
        detail = f"at {sizes} they differ by {found.found:.3g}"
        raise Differs(detail, _shown(found), None, found.found, 0.0)
    why = f": {found.why}" if found.why else ""
    return CheckResult(None, 1, found.found, None, f"not seen to be one function at {sizes}{why}")


@check("enclosure", "enclosed")
@left_open
def bounded(budget: Budget, asked: Question) -> CheckResult:
    """A bound for every input of the box, against what is claimed, if it says."""
    found, box, within = asked.certificate(budget), asked.box, asked.within
    attained = f"largest difference found {found.found:.3g}"
    if within is not None and found.found > within:
        detail = f"off by {found.found:.6g} where at most {within} is claimed"
        raise Differs(detail, _shown(found), None, found.found, float(within))
    if found.enclosure is None:
        return CheckResult(None, 1, found.found, None, f"no bound: {found.why}; {attained}")
    high, how = found.enclosure.high, found.enclosure.how
    if found.enclosure.zero:
        return CheckResult(True, 1, 0.0, 0.0, f"no difference: {how}", box=box.words)
    if within is not None and high > within:
        detail = f"at most {at_most(high, 3)} is proved where {within} is claimed; {attained}"
        return CheckResult(None, 1, found.found, high, detail, box=box.words)
    detail = f"{attained}: the bound is {at_most(found.ratio, 3)} times that; by {how}"
    return CheckResult(True, 1, found.found, high, detail, box=box.words)


def _shown(found: Certificate) -> dict[str, Any]:
    return found.case.to_json() | {
        "prediction": [_text(found.ours)],
        "algorithm": [_text(found.theirs)],
    }


def _text(value: Any) -> Any:
    """Exact text of a fraction; of a ball the digits that it is sure of."""
    return str(value) if hasattr(value, "rad") else as_text(value)
