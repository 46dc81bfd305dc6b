"""Rates and limits, by exact arithmetic and never by a fit.

`order`: prediction - algorithm = c eps^p + …, the witness run in power series whose coefficients
are rational functions of the prompt. `limit`: what a prediction tends to as a constant grows, with
a bound for every value of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import sympy

from constructions.numbers import Unsupported
from constructions.numbers.ball import Ball
from constructions.numbers.decaying import Decay, Decaying
from constructions.numbers.reals import Real, add, as_ball, largest, multiply, valued
from constructions.numbers.series import ROOT, Laurent, Series
from constructions.witness import Witness
from proofs.flint_precision import precision

from ...claim import Budget, CheckResult, Differs, Domain, check
from ...hunt import hunt
from ...strategies import Case, as_text
from ..bounds.balls import top
from ..case import build as built
from ..case import objects, reference
from .evidence import about_its_own

Builder = Callable[..., Witness]
Sizes = Sequence[Mapping[str, Any]]
FURTHER = (2, 4, 8, 16)  # how many powers beyond the exponent the series are taken
MULTIPLES = (1, 2, 5, 20)  # of the start: where a promised bound that is not proved is tried
PLACES = tuple(map(Fraction, ("1", "2", "-1", "0", "1/2")))
BITS = 256
NONE = 10**9  # the exponent of a series that is 0 as far as it is known

# -- exponents -------------------------------------------------------------------------------------


@check("proof", "derived")
@about_its_own
def order(
    budget: Budget,
    build: Builder,
    algorithm: Callable[..., Any],
    exponent: int | str,
    sizes: Sizes,
    leading: Callable[..., Any] | None = None,
    letter: str = "eps",
    prompt: Callable[..., tuple[Any, Any, Any]] | None = None,
) -> CheckResult:
    """prediction - algorithm is of order letter^exponent exactly, as the letter goes to 0.

    At every one of `sizes`, which has d, n, m (1 where not given) and what the builder takes, its
    step being the letter: build(**parameters, letter=…). All of the prompt is letters, or
    prompt(**size, letter=…) makes it, of sympy expressions. exponent: a number, or a formula in the
    sizes. leading(X, y, queries): the coefficients (m,) of the leading term, where they are stated.
    For each prompt, as letter -> 0; nothing is said of prompts that change with it.
    """
    told = []
    for number, size in enumerate(sizes, start=1):
        power = _whole(exponent, size)
        given = _prompt(size, letter, prompt)
        case = Case({}, *given)
        series, run = _series(build, algorithm, size, letter, case, power)
        for k in range(min([power, *(_first(one) for one in series)]), power):
            for q, one in enumerate(series):
                found = one.coefficient(k)
                if found != 0:
                    raise Differs(
                        f"at {_sizes(size)} the coefficient of {letter}^{k} is "
                        f"{sympy.factor(found)}, not 0",
                        _seen(case, found, {"query": q, f"coefficient of {letter}^{k}": found}),
                        cases=number,
                    )
        coefficients = [one.coefficient(power) for one in series]
        if all(c == 0 for c in coefficients):
            further = min(map(_first, series))
            instead = f"of order {letter}^{further}" if further < NONE else "smaller than that"
            coefficient = f"the coefficient of {letter}^{power}"
            raise Differs(
                f"at {_sizes(size)} {coefficient} is 0: the error is {instead}",
                {**_named(size), "power": power},
                cases=number,
            )
        if leading is not None:
            stated = np.ravel(leading(*given))
            for q, (c, should) in enumerate(zip(coefficients, stated, strict=True)):
                off = sympy.cancel(sympy.together(
                    run.field.to_sympy(run.field.from_sympy(c))
                    - sympy.sympify(should).subs(sympy.pi, run.root**2 / 2)
                ))  # fmt: skip
                if off != 0:
                    values = {"query": q, "coefficient": c, "stated": should}
                    raise Differs(
                        f"at {_sizes(size)} the leading coefficient is {sympy.factor(c)}, stated "
                        f"{should}",
                        _seen(case, off, values),
                        cases=number,
                    )
        shown = str(sympy.factor(coefficients[0]))
        told.append(f"{_sizes(size)}: ({shown}) {letter}^{power}" if len(shown) < 120 else
                    f"{_sizes(size)}: order {letter}^{power}")  # fmt: skip
    detail = (
        f"prediction - algorithm as {letter} -> 0, for every prompt of letters, its first term "
        f"exactly (at the first query): {'; '.join(told)}"
    )
    return CheckResult(True, len(sizes), 0.0, 0.0, detail)


def _series(
    build: Builder,
    algorithm: Callable[..., Any],
    size: Mapping[str, Any],
    letter: str,
    case: Case,
    power: int,
) -> tuple[list[Laurent], Series]:
    """prediction - algorithm at each query, known up to the power and beyond."""
    names = sorted(
        {str(e) for array in (case.X, case.y, case.queries) for one in array.ravel()
         for e in getattr(one, "free_symbols", ())}
    )  # fmt: skip
    parameters = {k: v for k, v in size.items() if k not in ("n", "m")}
    witness = build(**parameters, **{letter: sympy.Symbol(letter)})
    for further in FURTHER:
        run = Series(letter, power + further, names)
        got = witness.predict(case.X, case.y, case.queries, run)
        in_series = Case({**parameters, letter: sympy.Symbol(letter)}, case.X, case.y, case.queries)
        should = np.ravel(reference(algorithm, in_series, run.element))
        made = [run.element(a) - run.element(b) for a, b in zip(got, should, strict=True)]
        if all(one.known > power for one in made):
            return made, run
    raise Unsupported(f"{power + FURTHER[-1]} powers of {letter} do not reach {letter}^{power}")


def _first(one: Laurent) -> int:
    return min(one.coefficients, default=NONE)


def _whole(exponent: int | str, size: Mapping[str, Any]) -> int:
    if isinstance(exponent, int):
        return exponent
    value = valued(exponent, {k: v for k, v in size.items() if isinstance(v, (int, Fraction))})
    if not isinstance(value, Fraction) or value.denominator != 1:
        raise ValueError(f"the exponent {exponent} is {value}, not a whole number")
    return int(value)


def _prompt(
    size: Mapping[str, Any], letter: str, make: Callable[..., tuple[Any, Any, Any]] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X (n, d), y (n,), queries (m, d) of sympy expressions."""
    if make is not None:
        X, y, queries = make(**size, **{letter: sympy.Symbol(letter)})
        return objects(X, sympy.sympify), objects(y, sympy.sympify), objects(queries, sympy.sympify)
    d, n, m = (size.get(name, 1) for name in ("d", "n", "m"))

    def letters(name: str, rows: int) -> np.ndarray:
        made = [[sympy.Symbol(f"{name}{i + 1}_{j + 1}") for j in range(d)] for i in range(rows)]
        return np.array(made, dtype=object).reshape(rows, d)

    y = np.array([sympy.Symbol(f"y{i + 1}") for i in range(n)], dtype=object)
    return letters("x", n), y, letters("q", m)


def _seen(case: Case, nonzero: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """The prompt in small numbers at which this coefficient is not 0, and the values there."""
    root = sympy.Symbol(ROOT, positive=True)
    letters = sorted(nonzero.free_symbols - {root}, key=str)
    others = {e for array in (case.X, case.y, case.queries) for one in array.ravel()
              for e in one.free_symbols} - set(letters)  # fmt: skip
    for numbers in product(PLACES, repeat=len(letters)):
        at = dict(zip(letters, map(sympy.Rational, numbers)))
        if nonzero.subs(at) in (0, sympy.nan, sympy.zoo):
            continue
        at |= dict.fromkeys((e for e in others if str(e)[:1] in "xyq"), sympy.Integer(0))
        shown = {
            name: [[str(e.subs(at)) for e in row] for row in np.atleast_2d(array)]
            for name, array in (("X", case.X), ("y", case.y), ("queries", case.queries))
        }
        told = {name: str(sympy.sympify(v).subs(at).subs(root, sympy.sqrt(2 * sympy.pi)))
                for name, v in values.items()}  # fmt: skip
        return {**shown, **told}
    return {name: str(value) for name, value in values.items()}


def _named(size: Mapping[str, Any]) -> dict[str, Any]:
    return {name: as_text(value) for name, value in size.items()}


def _sizes(size: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {as_text(value)}" for name, value in size.items()) or "this size"


# -- limits ----------------------------------------------------------------------------------------


@check("exact", "exact")
def limit(
    budget: Budget,
    build: Builder,
    algorithm: Callable[..., Any],
    cases: Callable[[], Any],
    constant: str = "beta",
    start: Any = 1,
    within: tuple[str, str] | None = None,
    quantities: Callable[[Case], Mapping[str, Any]] | None = None,
    domain: Domain | None = None,
) -> CheckResult:
    """As the constant grows the prediction of build(**parameters, constant) tends to the algorithm.

    On every case the limit is taken exactly, and |prediction - limit| is bounded for every value of
    the constant from `start` on. within = (C, gap): formulas in the case's parameters, d, n and
    `quantities(case)`; then the distance is to be at most C exp(-gap constant), which is proved
    from the bound, or refuted at a value of the constant, or else left open.
    """
    smallest: Fraction | None = None
    unproved, compared = 0, 0

    def once(case: Case) -> None:
        nonlocal smallest, unproved, compared
        letter = sympy.Symbol(constant)
        got = built(build, {**case.parameters, constant: letter}).predict(
            case.X, case.y, case.queries, Decaying(constant, start)
        )
        should = np.ravel(reference(algorithm, case, Fraction))
        for q, (one, target) in enumerate(zip(got, should, strict=True)):
            if one.limit != target:
                raise Differs(
                    f"query {q}: as {constant} grows the prediction tends to {one.limit}, the "
                    f"algorithm gives {target}",
                    {**case.to_json(), "limit": str(one.limit), "algorithm": str(target)},
                )
            for gap, _ in one.bounds():
                smallest = gap if smallest is None else min(smallest, gap)
            if within is not None:
                compared += 1
                size, gap = _promised(within, case, quantities)
                if not _proved(one, size, gap):
                    _tried(build, case, q, (constant, Fraction(start)), (target, size, gap))
                    unproved += 1

    count = hunt(cases(), once, budget, domain)
    detail = f"the limit for {constant} -> infinity is the algorithm's, exactly"
    if smallest is not None:
        detail += (
            f"; for every {constant} >= {start} the distance is at most a sum of C exp(-gap "
            f"{constant}), proved for each prompt, gap at least {smallest}"
        )
    if within is not None:
        promised = f"({within[0]}) exp(-({within[1]}) {constant})"
        if unproved:
            detail += f"; within {promised} is not proved for {unproved} of {compared} predictions"
            return CheckResult(None, count, detail=detail)
        detail += (
            f"; within {promised} for each of {compared} predictions, decreasing in {constant}"
        )
    return CheckResult(True, count, 0.0, 0.0, detail)


def _tried(
    build: Builder,
    case: Case,
    q: int,
    growing: tuple[str, Fraction],
    promised: tuple[Fraction, Real, Real],
) -> None:
    """Raises Differs where |prediction - target| <= size exp(-gap constant) is seen to be wrong."""
    (constant, start), (target, size, gap) = growing, promised
    for multiple in MULTIPLES:
        at = start * multiple
        witness = built(build, {**case.parameters, constant: at})
        with precision(BITS):
            got = witness.predict(case.X, case.y, case.queries, Ball(BITS))[q]
            off = abs(got - as_ball(target))
            allowed = as_ball(size) * (-as_ball(gap) * as_ball(at)).exp()
            if off > allowed:
                raise Differs(
                    f"query {q}, {constant} = {at}: off by {off.str(5)}, promised is at most "
                    f"{allowed.str(5)}",
                    {**case.to_json(), constant: str(at)},
                    max_error=top(off),
                    bound=top(allowed),
                )


def _promised(
    within: tuple[str, str], case: Case, quantities: Callable[[Case], Mapping[str, Any]] | None
) -> tuple[Real, Real]:
    n, d = case.X.shape
    known = {"n": n, "d": d} | {
        name: value for name, value in case.parameters.items() if isinstance(value, (int, Fraction))
    }
    known |= quantities(case) if quantities is not None else {}
    return valued(within[0], known), valued(within[1], known)


def _proved(one: Decay, size: Real, gap: Real) -> bool:
    """Whether sum of C_i t^k exp(-gap_i t) <= size exp(-gap t) follows for every t >= start."""
    total: Real = Fraction(0)
    with precision(BITS):
        for (own, power), bound in one.bounds().items():
            rest = add(own, -gap)  # t^power exp(-rest t) is largest at power/rest
            if power == 0 and at_least_0(rest):
                total = add(total, bound)
            elif power and as_ball(rest) > 0:
                at = largest(one.over.start, as_ball(power) / as_ball(rest))
                peak = as_ball(at) ** power * (-as_ball(rest) * as_ball(at)).exp()
                total = add(total, multiply(bound, peak))
            else:
                return False
        if isinstance(total, Fraction) and isinstance(size, Fraction):
            return total <= size
        return bool(as_ball(total) <= as_ball(size))


def at_least_0(value: Real) -> bool:
    """Whether it is seen to be."""
    return value >= 0 if isinstance(value, Fraction) else bool(value >= 0)
