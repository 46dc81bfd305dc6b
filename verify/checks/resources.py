"""resources: layers, width, heads and weights, counted on what was assembled.

A count is fitted exactly as a polynomial in the sizes (more points than coefficients, so that a
wrong form has no fit) and set against the paper's formula.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from proofs.formula import COUNTS, PYTHON, SCALARS, evaluate, in_sympy, names, parse

from ..claim import Budget, CheckResult, Differs, Promise, check
from ..report.tables import told
from .case import build

VARIABLES = {"d": "d", "n": "n", "k": "k", "examples": "n"} | dict.fromkeys(
    ("iterations", "steps", "layers"), "k"
)


@check("resources", "exact")
def counts(
    budget: Budget,
    make: Callable[..., Any],
    promises: Sequence[Promise],
    sizes: Callable[[], Sequence[Mapping[str, Any]]],
    of: str = "",
    besides: Sequence[str] = (),
) -> CheckResult:
    """What make(**parameters) has at each size, against what is promised.

    `of` says which of a claim's witnesses these are, where there are several. `besides` are
    quantities of which nothing need be promised: they have to be polynomials of the sizes.
    """
    which = f"{of}: " if of else ""
    given = list(sizes())
    named = {name for promise in promises for name in names(parse(promise.formula, SCALARS))}
    points = [variables(parameters, named) for parameters in given]
    witnesses = [build(make, parameters) for parameters in given]
    details = []
    for promise in promises:
        if promise.quantity == "norm":
            raise ValueError("a norm is no count: verify.for_every sets it against a formula")
        counted = [getattr(witness, promise.quantity) for witness in witnesses]
        fault = broken(promise, points, counted)
        if fault is not None:
            at, count, limit = fault
            raise Differs(
                f"{which}{promise.quantity} = {count} at {told(at)}, "
                f"promised {promise.relation} {limit}",
                {"parameters": {k: str(v) for k, v in at.items()}, promise.quantity: count},
                max_error=float(count),
                bound=float(limit),
                cases=len(given),
            )
        details.append(describe(promise, points, counted))
    for quantity in besides:
        counted = [getattr(witness, quantity) for witness in witnesses]
        fitted = fit(points, counted)
        if fitted is None:
            found = ", ".join(f"{n} at {told(at)}" for at, n in list(zip(points, counted))[:4])
            raise Differs(f"{which}{quantity} is no polynomial of the sizes: {found}", {})
        if all(promise.quantity != quantity for promise in promises):
            details.append(f"{quantity} = {fitted}")
    return CheckResult(True, len(given), detail=which + "; ".join(details))


def variables(parameters: Mapping[str, Any], named: Collection[str] = ()) -> dict[str, int]:
    """The sizes d, n, k among a witness's parameters, and those that promises call by `named`."""
    return {
        name if name in named else VARIABLES[name]: value
        for name, value in parameters.items()
        if (name in named or name in VARIABLES) and isinstance(value, int)
    }


PROMISED = re.compile(
    r"(O\()?((?:one|two|three|[dnk\d])(?:[ +^]*[dnk\d])*)\)? (layer|unit|head)s?\b"
)
COUNTED = {"layer": "layers", "unit": "width", "head": "heads"}
WORDS = {"one": "1", "two": "2", "three": "3"}


def promised(text: str) -> tuple[Promise, ...]:
    """ "k + 8 layers of two heads, O(d) units": at most so many, and so much growth."""
    made = []
    for order, said, of in PROMISED.findall(text):
        formula = WORDS.get(said) or re.sub(r"(?<=[dnk\d]) (?=[dnk])", "*", said).replace("^", "**")
        made.append(Promise(COUNTED[of], formula, "O" if order else "<="))
    return tuple(made)


def broken(
    promise: Promise, points: Sequence[Mapping[str, int]], counts: Sequence[int]
) -> tuple[Mapping[str, int], int, int] | None:
    """The first size at which the promise is not kept."""
    if promise.relation == "O":
        fitted, promised = fit(points, counts), polynomial(promise.formula)
        if fitted is None or not grows_at_most(fitted, promised):
            return points[-1], counts[-1], value(promise.formula, points[-1])
        return None
    for at, count in zip(points, counts):
        limit = value(promise.formula, at)
        if count > limit or (promise.relation == "=" and count != limit):
            return at, count, limit
    return None


def describe(promise: Promise, points: Sequence[Mapping[str, int]], counts: Sequence[int]) -> str:
    """ "width = 2*d + 2, promised <= 2*d + 3"."""
    fitted = fit(points, counts)
    form = str(fitted) if fitted is not None else "no polynomial"
    bound = f"O({promise.formula})"
    if promise.relation != "O":
        bound = f"{promise.relation} {promise.formula}"
    return f"{promise.quantity} = {form}, promised {bound}"


def fit(points: Sequence[Mapping[str, int]], counts: Sequence[int], degree: int = 3) -> Any:
    """The polynomial of least degree that has exactly these values, or None.

    Only degrees with fewer coefficients than points are tried: each fit has been tested.
    """
    import sympy
    from flint import fmpq_mat

    if not points:
        return None
    names = sorted({name for point in points for name in point})
    varying = [name for name in names if len({point[name] for point in points}) > 1]
    letters = sympy.symbols(varying)
    distinct = {tuple(point[name] for name in varying) for point in points}
    for total in range(degree + 1):
        powers = [p for p in product(range(total + 1), repeat=len(varying)) if sum(p) <= total]
        if len(powers) >= len(distinct) and len(distinct) > 1:
            break
        rows = [
            [prod(point[name] ** e for name, e in zip(varying, power)) for power in powers]
            for point in points
        ]
        beside = [[*row, count] for row, count in zip(rows, counts)]
        reduced, rank = fmpq_mat(beside).rref()
        solved = reduced.tolist()
        if not any(solved[rank - 1][:-1]):
            continue  # no polynomial of this degree has these values
        if rank < len(powers):
            break  # the sizes do not pin it down
        monomials = (sympy.prod(x**e for x, e in zip(letters, power)) for power in powers)
        values = (sympy.Rational(int(row[-1].p), int(row[-1].q)) for row in solved)
        return sympy.Add(*(value * monomial for value, monomial in zip(values, monomials)))
    return None


def grows_at_most(count: Any, promised: Any) -> bool:
    """Whether count = O(promised) when any of the variables grows, alone or together."""
    import sympy

    letters = sorted(count.free_symbols | promised.free_symbols, key=str)
    s = sympy.Symbol("s")
    for chosen in product((False, True), repeat=len(letters)):
        growing = {x: s if grows else sympy.Integer(2) for x, grows in zip(letters, chosen)}
        grown, allowed = (sympy.Poly(f.subs(growing), s).degree() for f in (count, promised))
        if max(grown, 0) > max(allowed, 0):  # of 0 the degree is below 0
            return False
    return True


def polynomial(formula: str) -> Any:
    """A formula such as "d**2/2 + k" in sympy's symbols. Raises ValueError on other text."""
    return in_sympy(parse(formula, SCALARS))


def value(formula: str, at: Mapping[str, int]) -> int:
    """A formula such as "2*d + k + 3" at sizes. Raises ValueError on anything else."""
    try:
        return evaluate(parse(formula, COUNTS), at, PYTHON)
    except ValueError:
        raise ValueError(f"{formula!r} is no polynomial in the sizes") from None
    except KeyError as error:
        missing = error.args[0]
        raise ValueError(f"{formula!r}: there is no size {missing}, only {', '.join(at)}") from None
