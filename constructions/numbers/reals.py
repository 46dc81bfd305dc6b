"""Real numbers that decide what can be decided: fractions where they are exact, balls elsewhere.

Formulas of theorems ("ceil(2*kappa*log(B/eps)) + 1") are evaluated in them. Where a ball is too
wide to tell what a ceiling is, or which number is the larger, the precision is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import ceil, floor, isqrt
from typing import Any

from flint import arb

from proofs.flint_precision import precision
from proofs.formula import BOUNDS, evaluate, parse

Real = Fraction | arb
PRECISIONS = (128, 512, 2048, 8192)
LARGEST_POWER = 4096  # of fractions; beyond they are balls


class Unresolved(ArithmeticError):
    """A ball is too wide at the present precision to tell what was asked."""


def as_ball(value: Any) -> arb:
    """An exact number as a ball at the present precision."""
    if isinstance(value, arb):
        return value
    value = Fraction(value)
    return arb(value.numerator) / arb(value.denominator)


def add(a: Real, b: Real) -> Real:
    return _both(lambda x, y: x + y, a, b)


def multiply(a: Real, b: Real) -> Real:
    return _both(lambda x, y: x * y, a, b)


def root(a: Real) -> Real:
    """The square root; a fraction where it is one."""
    if isinstance(a, Fraction) and a >= 0:
        parts = isqrt(a.numerator), isqrt(a.denominator)
        if (parts[0] ** 2, parts[1] ** 2) == (a.numerator, a.denominator):
            return Fraction(*parts)
    return _finite(as_ball(a).sqrt(), "sqrt", a)


def largest(a: Real, *others: Real) -> Real:
    """The larger one: a fraction where it is known to be that, else the ball of the maximum."""
    for b in others:
        if isinstance(a, Fraction) and isinstance(b, Fraction):
            a = max(a, b)
        elif as_ball(a) >= as_ball(b):
            continue
        elif as_ball(b) >= as_ball(a):
            a = b
        else:
            a = as_ball(a).max(as_ball(b))
    return a


def at_most(a: Real, b: Real) -> bool:
    """Whether a <= b. Raises Unresolved where the balls do not tell."""
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a <= b
    left, right = as_ball(a), as_ball(b)
    if left <= right:
        return True
    if left > right:
        return False
    raise Unresolved(f"whether {left.str(8)} <= {right.str(8)}")


def valued(text: str, scope: Mapping[str, Any], where: Mapping[str, str] | None = None) -> Real:
    """A formula's value; `where` defines names by formulas, in order, before it.

    Raises ValueError for text that is none, a name without a value, or what no precision resolves.
    """
    return resolved(lambda: _valued(text, scope, where or {}), text)


def resolved(compute: Callable[[], Any], what: str) -> Any:
    """compute() at the first precision that resolves it. Raises ValueError if none does."""
    for bits in PRECISIONS:
        with precision(bits):
            try:
                return compute()
            except Unresolved as error:
                last = error
    raise ValueError(f"{what}: {PRECISIONS[-1]} bits cannot tell {last}")


def _valued(text: str, scope: Mapping[str, Any], where: Mapping[str, str]) -> Real:
    known: dict[str, Real] = {
        k: v if isinstance(v, arb) else _exact(k, v) for k, v in scope.items()
    }
    for name, formula in (*where.items(), ("", text)):
        try:
            value: Real = evaluate(parse(formula, BOUNDS), known, ARITHMETIC)
        except KeyError as error:
            there = ", ".join(known) or "nothing"
            raise ValueError(f"{formula!r}: {error.args[0]} has no value; {there} has") from None
        except ZeroDivisionError:
            raise ValueError(f"{formula!r} divides by 0") from None
        known[name] = value
    return known[""]


def _exact(name: str, value: Any) -> Fraction:
    try:
        return Fraction(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, not {value!r}") from None


def _both(operation: Callable[[Any, Any], Any], a: Real, b: Real) -> Real:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return Fraction(operation(a, b))
    made: Real = operation(as_ball(a), as_ball(b))
    return made


def _divide(a: Real, b: Real) -> Real:
    if isinstance(b, arb) and b.contains(0):
        raise Unresolved(f"whether {b.str(8)} is 0")
    return _both(lambda x, y: x / y, a, b)


def _power(a: Real, b: Real) -> Real:
    if isinstance(b, Fraction) and b.denominator == 1:
        if a == 0 and b < 0:
            raise ZeroDivisionError
        if isinstance(a, Fraction) and abs(b) <= LARGEST_POWER:
            return Fraction(a ** int(b))
        return as_ball(a) ** int(b)
    if isinstance(b, Fraction) and b.denominator == 2 and isinstance(a, Fraction):
        return _power(root(a), b * 2)
    return _finite(as_ball(a) ** as_ball(b), "power", a)


def _exp(a: Real) -> Real:
    return Fraction(1) if a == 0 else as_ball(a).exp()


def _log(a: Real) -> Real:
    return Fraction(0) if a == 1 else _finite(as_ball(a).log(), "log", a)


def _log2(a: Real) -> Real:
    if isinstance(a, Fraction) and a > 0:
        bits = a.numerator.bit_length() - a.denominator.bit_length()
        if a == Fraction(2) ** bits:
            return Fraction(bits)
    return _finite(as_ball(a).log() / arb(2).log(), "log2", a)


def _whole(rounding: Callable[[Fraction], int], in_balls: Callable[[arb], arb]) -> Any:
    def rounded(a: Real) -> Fraction:
        if isinstance(a, Fraction):
            return Fraction(rounding(a))
        only = in_balls(a).unique_fmpz()
        if only is None:
            raise Unresolved(f"which whole number is next to {a.str(8)}")
        return Fraction(int(only))

    return rounded


def _absolute(a: Real) -> Real:
    return largest(a, -a)


def _smallest(a: Real, *others: Real) -> Real:
    return -largest(-a, *(-b for b in others))


def _finite(value: arb, function: str, of: Real) -> arb:
    if value.is_finite():
        return value
    if isinstance(of, Fraction):
        raise ValueError(f"{function} of {of} is not defined")
    raise Unresolved(f"whether {function} of {of.str(8)} is defined")


ARITHMETIC: Mapping[str, Callable[..., Any]] = {
    "number": lambda value: Fraction(str(value)),
    "+": add,
    "-": lambda a, b: add(a, -b),
    "*": multiply,
    "/": _divide,
    "**": _power,
    "neg": lambda a: -a,
    "sqrt": root,
    "exp": _exp,
    "log": _log,
    "log2": _log2,
    "ceil": _whole(ceil, lambda a: a.ceil()),
    "floor": _whole(floor, lambda a: a.floor()),
    "abs": _absolute,
    "min": _smallest,
    "max": largest,
}
