"""The exact order of an error in a constant that goes to 0, by power series and never by a fit.

prediction - algorithm = c eps^p + …: the witness and the algorithm are run in series whose
coefficients are rational functions of the prompt, so that it is known which of them are 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import sympy

from constructions.numbers import Unsupported
from constructions.numbers.reals import valued
from constructions.numbers.series import ROOT, Laurent, Series
from constructions.witness import Witness

from ...claim import Budget, CheckResult, Differs, check
from ...report.tables import told
from ...strategies import Case, as_text
from ..case import left_open, objects, of_plain_prompts, reference
from .evidence import about_its_own, in_a_letter, some
from .losses import plain

Builder = Callable[..., Witness]
Sizes = Sequence[Mapping[str, Any]]
FURTHER = (2, 4, 8, 16)  # how many powers beyond the exponent the series are taken
NONE = 10**9  # the exponent of a series that is 0 as far as it is known
NEAR_0 = tuple(Fraction(1, 10**k) for k in (1, 3, 6))  # where the letter is compared with numbers
PLACES = tuple(map(Fraction, ("1", "2", "-1", "0", "1/2")))


@check("proof", "derived")
@left_open
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
    for number, size in enumerate(some(sizes), start=1):
        power = whole_power(exponent, size)
        given = prompt_of(size, letter, prompt)
        case = Case({}, *given)
        series, run = series_of(build, algorithm, size, letter, case, power)
        nothing_before(series, power, size, letter, case, number)
        coefficients = [one.coefficient(power) for one in series]
        if all(c == 0 for c in coefficients):
            further = min(map(_first, series))
            instead = f"of order {letter}^{further}" if further < NONE else "smaller than that"
            coefficient = f"the coefficient of {letter}^{power}"
            raise Differs(
                f"at {sizes_in_words(size)} {coefficient} is 0: the error is {instead}",
                {**_named(size), "power": power},
                cases=number,
            )
        if leading is not None:
            stated = np.ravel(leading(*given))
            for q, (c, should) in enumerate(zip(coefficients, stated, strict=True)):
                off = sympy.cancel(sympy.together(
                    run.field.to_sympy(run.field.from_sympy(c))
                    - plain(should).subs(sympy.pi, run.root**2 / 2)
                ))  # fmt: skip
                if off != 0:
                    values = {"query": q, "coefficient": c, "stated": should}
                    raise Differs(
                        f"at {sizes_in_words(size)} the leading coefficient is "
                        f"{sympy.factor(c)}, stated {should}",
                        _seen(case, off, values, letter),
                        cases=number,
                    )
        shown = str(sympy.factor(coefficients[0]))
        told.append(f"{sizes_in_words(size)}: ({shown}) {letter}^{power}" if len(shown) < 120 else
                    f"{sizes_in_words(size)}: order {letter}^{power}")  # fmt: skip
    detail = (
        f"prediction - algorithm as {letter} -> 0, for every prompt of letters, its first term "
        f"exactly (at the first query): {'; '.join(told)}"
    )
    return CheckResult(True, len(sizes), 0.0, 0.0, detail)


def nothing_before(
    series: Sequence[Laurent],
    power: int,
    size: Mapping[str, Any],
    letter: str,
    case: Case,
    cases: int,
) -> None:
    """Raises Differs where a coefficient before that of the power is not 0."""
    for k in range(min([power, *map(_first, series)]), power):
        for q, one in enumerate(series):
            found = one.coefficient(k)
            if found != 0:
                raise Differs(
                    f"at {sizes_in_words(size)} the coefficient of {letter}^{k} is "
                    f"{sympy.factor(found)}, not 0",
                    _seen(case, found, {"query": q, f"coefficient of {letter}^{k}": found}, letter),
                    cases=cases,
                )


def series_of(
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
    witness = in_a_letter(build, parameters, letter, NEAR_0)
    of_plain_prompts(witness, "a statement of a rate")
    last = f"{power + FURTHER[-1]} powers of {letter} do not reach {letter}^{power}"
    for further in FURTHER:
        run = Series(letter, power + further, names)
        in_series = Case({**parameters, letter: sympy.Symbol(letter)}, case.X, case.y, case.queries)
        try:
            got = witness.predict(case.X, case.y, case.queries, run)
            should = np.ravel(reference(algorithm, in_series, run.element))
        except ZeroDivisionError as error:  # of what more powers may show to be other than 0
            last = str(error)
            continue
        made = [run.element(a) - run.element(b) for a, b in zip(got, should, strict=True)]
        if all(one.known > power for one in made):
            return made, run
    raise Unsupported(last)


def _first(one: Laurent) -> int:
    return min(one.coefficients, default=NONE)


def whole_power(exponent: int | str, size: Mapping[str, Any]) -> int:
    if isinstance(exponent, int):
        return exponent
    value = valued(exponent, {k: v for k, v in size.items() if isinstance(v, (int, Fraction))})
    if not isinstance(value, Fraction) or value.denominator != 1:
        raise ValueError(f"the exponent {exponent} is {value}, not a whole number")
    return int(value)


def prompt_of(
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


def _seen(case: Case, nonzero: Any, values: Mapping[str, Any], letter: str) -> dict[str, Any]:
    """The prompt in small numbers at which this coefficient is not 0, and the values there."""
    root = sympy.Symbol(ROOT, positive=True)
    letters = sorted(nonzero.free_symbols - {root}, key=str)
    others = {e for array in (case.X, case.y, case.queries) for one in array.ravel()
              for e in one.free_symbols} - set(letters)  # fmt: skip
    for numbers in product(PLACES, repeat=len(letters)):
        at = dict(zip(letters, map(sympy.Rational, numbers)))
        if nonzero.subs(at) in (0, sympy.nan, sympy.zoo):
            continue
        at |= {other: sympy.Integer(0) for other in others if other.name != letter}
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


def sizes_in_words(size: Mapping[str, Any]) -> str:
    return told(_named(size)) or "this size"
