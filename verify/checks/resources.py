"""resources: layers, width, heads and weights, counted on what was assembled.

A count is fitted exactly as a polynomial in the sizes (more points than coefficients, so that a
wrong form has no fit) and set against the paper's formula.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from ..claim import Budget, CheckResult, Claim, Promise
from .case import build

VARIABLES = {
    "d": "d", "n": "n", "k": "k",
    "examples": "n", "iterations": "k", "steps": "k", "layers": "k",
}  # fmt: skip


def run(claim: Claim, budget: Budget) -> CheckResult:
    """Counts at every size of `claim.sizes` and compares with every promise."""
    assert claim.witness is not None and claim.sizes is not None
    sizes = list(claim.sizes())
    points = [variables(parameters) for parameters in sizes]
    witnesses = [build(claim.witness, parameters) for parameters in sizes]
    details = []
    for promise in claim.promises:
        counts = [getattr(witness, promise.quantity) for witness in witnesses]
        fault = broken(promise, points, counts)
        if fault is not None:
            at, count, limit = fault
            return CheckResult(
                False, len(sizes), float(count), float(limit),
                f"{promise.quantity} = {count} at {at}, promised {promise.relation} {limit}",
                {"parameters": {name: str(value) for name, value in at.items()},
                 promise.quantity: count},
            )  # fmt: skip
        details.append(describe(promise, points, counts))
    return CheckResult(True, len(sizes), detail="; ".join(details))


def variables(parameters: Mapping[str, Any]) -> dict[str, int]:
    """The sizes d, n, k among a witness's parameters."""
    return {
        VARIABLES[name]: value
        for name, value in parameters.items()
        if name in VARIABLES and isinstance(value, int)
    }


def broken(
    promise: Promise, points: Sequence[Mapping[str, int]], counts: Sequence[int]
) -> tuple[Mapping[str, int], int, int] | None:
    """The first size at which the promise is not kept."""
    if promise.relation == "O":
        fitted, promised = fit(points, counts), _polynomial(promise.formula)
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
    relation = (
        f"O({promise.formula})"
        if promise.relation == "O"
        else (f"{promise.relation} {promise.formula}")
    )
    return f"{promise.quantity} = {form}, promised {relation}"


def fit(points: Sequence[Mapping[str, int]], counts: Sequence[int], degree: int = 3) -> Any:
    """The polynomial of least degree that has exactly these values, or None.

    Only degrees with fewer coefficients than points are tried: each fit has been tested.
    """
    import sympy

    names = sorted({name for point in points for name in point})
    varying = [name for name in names if len({point[name] for point in points}) > 1]
    letters = sympy.symbols(varying)
    distinct = {tuple(point[name] for name in varying) for point in points}
    for total in range(degree + 1):
        powers = [p for p in product(range(total + 1), repeat=len(varying)) if sum(p) <= total]
        if len(powers) >= len(distinct) and len(distinct) > 1:
            break
        rows = [
            [sympy.prod(point[name] ** e for name, e in zip(varying, power)) for power in powers]
            for point in points
        ]
        unknowns = sympy.symbols(f"c:{len(powers)}")
        solved = sympy.linsolve((sympy.Matrix(rows), sympy.Matrix(list(counts))), *unknowns)
        if solved:
            (values,) = solved
            if any(v.free_symbols for v in values):
                break  # the sizes do not pin it down
            return sum(
                (v * sympy.prod(x**e for x, e in zip(letters, power))
                 for v, power in zip(values, powers)),
                sympy.Integer(0),
            )  # fmt: skip
    return None


def grows_at_most(count: Any, promised: Any) -> bool:
    """Whether count = O(promised) when any of the variables grows, alone or together."""
    import sympy

    letters = sorted(count.free_symbols | promised.free_symbols, key=str)
    s = sympy.Symbol("s")
    for chosen in product((False, True), repeat=len(letters)):
        growing = {x: s if grows else sympy.Integer(2) for x, grows in zip(letters, chosen)}
        degrees = [sympy.degree(sympy.expand(f.subs(growing)) + 0 * s, s) if f.subs(growing).has(s)
                   else 0 for f in (count, promised)]  # fmt: skip
        if degrees[0] > degrees[1]:
            return False
    return True


def _polynomial(formula: str) -> Any:
    import sympy

    return sympy.sympify(formula, locals={name: sympy.Symbol(name) for name in ("d", "n", "k")})


def value(formula: str, at: Mapping[str, int]) -> int:
    """A formula such as "2*d + k + 3" at sizes. Raises ValueError on anything else."""
    tree = ast.parse(formula, mode="eval")
    for node in ast.walk(tree):
        if not isinstance(
            node,
            (ast.Expression, ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Pow, ast.Name, ast.Load,
             ast.Constant),
        ):  # fmt: skip
            raise ValueError(f"{formula!r} is no polynomial in the sizes")
    return int(eval(compile(tree, "<formula>", "eval"), {"__builtins__": {}}, dict(at)))
