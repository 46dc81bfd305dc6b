"""A bound C eps^p on an error, for every small eps and every prompt of a box.

That nothing comes before eps^p is seen in exact series; the rest is bounded by Taylor models.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial, reduce
from typing import Any

import numpy as np
import sympy
from flint import arb

from constructions.numbers import Unsupported
from constructions.numbers.ball import Ball
from constructions.numbers.reals import as_ball
from constructions.numbers.taylor import Taylor
from proofs.flint_precision import precision

from ...claim import Budget, CheckResult, Differs, check
from ...strategies import Case
from ..bounds.balls import at_most, interval
from ..bounds.balls import top as top_of
from ..case import left_open, objects, of_plain_prompts, reference
from .evidence import in_a_letter, some
from .exponents import (
    FURTHER,
    Builder,
    Sizes,
    nothing_before,
    prompt_of,
    series_of,
    sizes_in_words,
    whole_power,
)

BITS = 256
CORNERS = 24  # prompts at which an error is tried beside its bound


@check("enclosure", "enclosed")
@left_open
def vanishing(
    budget: Budget,
    build: Builder,
    algorithm: Callable[..., Any],
    exponent: int | str,
    sizes: Sizes,
    top: Any,
    box: Any = 1,
    within: Any = None,
    letter: str = "eps",
    prompt: Callable[..., tuple[Any, Any, Any]] | None = None,
) -> CheckResult:
    """|prediction - algorithm| <= C letter^exponent for every 0 < letter <= top, with a proved C.

    For every prompt whose letters are at most `box` in absolute value; see `order` for the rest.
    That nothing comes before letter^exponent is shown in exact series, and C is the sum of what
    Taylor models in balls leave from there on. `within`: the C that is promised.
    """
    if not (Fraction(top) > 0 and Fraction(box) >= 0):
        raise ValueError(f"no {letter} is above 0 and at most {top}, or no letter at most {box}")
    top, box, told, bound, seen = Fraction(top), Fraction(box), [], 0.0, 0.0
    for number, size in enumerate(some(sizes), start=1):
        power = whole_power(exponent, size)
        case = Case({}, *prompt_of(size, letter, prompt))
        series, _ = series_of(build, algorithm, size, letter, case, power)
        nothing_before(series, power, size, letter, case, number)
        constant = _constant(build, algorithm, size, (letter, top), case, power, box)
        worst, where = _attained(build, algorithm, size, (letter, top), case, power, box, budget)
        if worst > constant:
            raise Unsupported(
                f"{worst.str(5)} {letter}^{power} is attained at {letter} = {top}, where "
                f"{constant.str(5)} is the bound: the builder or the algorithm does something else "
                "with numbers than with letters"
            )
        if within is not None and worst > as_ball(within):
            raise Differs(
                f"at {sizes_in_words(size)}, {letter} = {top}: the error is {worst.str(5)} "
                f"{letter}^{power}, promised is {within}",
                {**where, letter: str(top)},
                max_error=top_of(worst * as_ball(top) ** power),
                bound=top_of(as_ball(within) * as_ball(top) ** power),
                cases=number,
            )
        told.append(
            f"{sizes_in_words(size)}: error at most {at_most(top_of(constant), 3)} "
            f"{letter}^{power}, {float(worst):.3g} {letter}^{power} is attained"
        )
        bound = max(bound, top_of(constant * as_ball(top) ** power))
        seen = max(seen, float(worst * as_ball(top) ** power))
        if within is not None and not constant <= as_ball(within):
            return CheckResult(None, number, seen, detail=f"{told[-1]}; promised is {within}")
    words = f"0 < {letter} <= {top} and prompt whose letters are at most {box} in absolute value"
    detail = f"{'; '.join(told)}; the bound grows with {letter}: the limit is the algorithm's"
    return CheckResult(True, len(sizes), seen, bound, detail, box=words)


def _constant(
    build: Builder,
    algorithm: Callable[..., Any],
    size: Mapping[str, Any],
    letter: tuple[str, Fraction],
    case: Case,
    power: int,
    box: Fraction,
) -> arb:
    """The smallest C that Taylor models of several orders give."""
    (name, top), found = letter, []
    X, y, queries = (
        objects(a, lambda e: _interval(e, name, box)) for a in (case.X, case.y, case.queries)
    )
    inside = Case({}, X, y, queries)
    parameters = {k: v for k, v in size.items() if k not in ("n", "m")}
    witness = in_a_letter(build, parameters, name, (top, top / 3, top / 1000))
    of_plain_prompts(witness, "a statement of a vanishing error")
    last = f"{power + FURTHER[-1]} powers of {name} do not reach {name}^{power}"
    for further in FURTHER:
        run = Taylor(name, power + further, top)
        with run.working():
            X, y, queries = (objects(a, run.element) for a in (inside.X, inside.y, inside.queries))
            at = Case({**parameters, name: sympy.Symbol(name)}, X, y, queries)
            try:
                got = witness.predict(X, y, queries, run)
                should = np.ravel(reference(algorithm, at, run.element))
            except ZeroDivisionError as error:
                last = str(error)
                continue
            models = [run.element(a) - run.element(b) for a, b in zip(got, should, strict=True)]
            if all(model.order >= power for model in models):
                found.append(reduce(arb.max, (model.since(power).size(power) for model in models)))
    if not found:
        raise Unsupported(last)
    return min(found, key=float)


def _interval(entry: Any, letter: str, box: Fraction) -> Any:
    """A letter of the prompt as an interval; numbers and what is made of `letter` as they are."""
    if not entry.free_symbols or {e.name for e in entry.free_symbols} == {letter}:
        return entry
    if not entry.is_Symbol:
        raise Unsupported(f"{entry} in the prompt is neither a letter nor made of {letter}")
    return interval(-box, box)


def _attained(
    build: Builder,
    algorithm: Callable[..., Any],
    size: Mapping[str, Any],
    letter: tuple[str, Fraction],
    case: Case,
    power: int,
    box: Fraction,
    budget: Budget,
) -> tuple[arb, dict[str, Any]]:
    """The largest |error| / letter^power at `top` on corners and drawn prompts, and where it is."""
    name, top = letter
    names = sorted({e for a in (case.X, case.y, case.queries) for one in a.ravel()
                    for e in one.free_symbols if e.name != name}, key=str)  # fmt: skip
    draw = random.Random(budget.seed)
    parameters = {k: v for k, v in size.items() if k not in ("n", "m")}
    witness = build(**parameters, **{name: top})
    worst, where = arb(0), dict[str, Any]()
    with precision(BITS):
        for number in range(CORNERS):
            values = [box * draw.choice((-1, 1)) if number % 2 else box * draw.randint(-8, 8) / 8
                      for _ in names]  # fmt: skip
            at = {**dict(zip(names, map(sympy.Rational, values))), sympy.Symbol(name): top}
            into = partial(_at, numbers=at)
            X, y, queries = (objects(a, into) for a in (case.X, case.y, case.queries))
            one = Case({**parameters, name: top}, X, y, queries)
            got = witness.predict(X, y, queries, Ball(BITS))
            should = np.ravel(reference(algorithm, one, as_ball))
            for a, b in zip(got, should, strict=True):
                off = abs(a - as_ball(b)).lower() / as_ball(top) ** power
                if off > worst:
                    worst, where = off, one.to_json()
    return worst, where


def _at(entry: Any, numbers: Mapping[Any, Any]) -> Fraction:
    return Fraction(str(entry.subs(numbers)))
