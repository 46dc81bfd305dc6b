"""A number that notices floats: an algorithm that is run on it computes in no other arithmetic.

Balls take floats silently: 1 / float(len(X)) times a ball is a ball around the wrong number.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb

from constructions.numbers.ball import precision

from ..strategies import Case
from .case import InexactReference, reference, refuse_inexact

BITS = 128


class Strict:
    """A ball that only whole numbers and fractions may meet; raises InexactReference on floats."""

    __slots__ = ("ball",)

    def __init__(self, value: Any) -> None:
        fraction = Fraction(value)
        self.ball = arb(fraction.numerator) / arb(fraction.denominator)

    def __float__(self) -> float:
        raise InexactReference("the algorithm turns numbers into floats")

    def __getattr__(self, name: str) -> Any:
        """What balls can do besides, such as exp and sqrt."""
        found = getattr(self.ball, name)
        if not callable(found):
            return found
        return lambda *given: _wrapped(found(*(_ball(one) for one in given)))

    def __neg__(self) -> Strict:
        return _wrapped(-self.ball)

    def __pos__(self) -> Strict:
        return self

    def __abs__(self) -> Strict:
        return _wrapped(abs(self.ball))

    def __bool__(self) -> bool:
        return bool(self.ball)

    def __hash__(self) -> int:
        return hash(self.ball)


def _wrapped(value: Any) -> Any:
    if not isinstance(value, arb):
        return value
    made = Strict.__new__(Strict)
    made.ball = value
    return made


def _ball(value: Any) -> Any:
    if isinstance(value, Strict):
        return value.ball
    if isinstance(value, (bool, int, np.integer)):
        return arb(int(value))
    if isinstance(value, Fraction):
        return arb(value.numerator) / arb(value.denominator)
    if isinstance(value, (float, np.floating)):
        raise InexactReference(f"the algorithm computes in floats: it has {value!r}")
    return value


def _binary(operation: Callable[[Any, Any], Any], swapped: bool) -> Any:
    def method(self: Strict, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        mine, theirs = self.ball, _ball(other)
        return _wrapped(operation(theirs, mine) if swapped else operation(mine, theirs))

    return method


for _name in ("add", "sub", "mul", "truediv", "pow"):
    setattr(Strict, f"__{_name}__", _binary(getattr(operator, _name), False))
    setattr(Strict, f"__r{_name}__", _binary(getattr(operator, _name), True))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Strict, f"__{_name}__", _binary(getattr(operator, _name), False))


def refuse_floats(algorithm: Callable[..., Any], case: Case) -> None:
    """Raises InexactReference if the algorithm computes in floats where it is given other numbers.

    Once for each algorithm and each shape of a prompt. What else goes wrong is left to the run
    itself.
    """
    shapes = tuple(np.shape(part) for part in (case.X, case.y, case.queries))
    words = tuple(sorted((k, v) for k, v in case.parameters.items() if isinstance(v, str)))
    probe = _Probe(algorithm, (shapes, words), case)
    try:
        said = _said(probe)
    except TypeError:  # an algorithm that is no key
        said = _said.__wrapped__(probe)
    if said is not None:
        raise InexactReference(said)


@dataclass(frozen=True)
class _Probe:
    """A case of an algorithm, equal to every other of the same kind."""

    algorithm: Callable[..., Any]
    kind: Any
    case: Case = field(compare=False)


@functools.lru_cache(maxsize=1024)
def _said(probe: _Probe) -> str | None:
    try:
        with precision(BITS):
            refuse_inexact(reference(probe.algorithm, probe.case, Strict, ...))
    except InexactReference as error:
        return str(error)
    except Exception:  # comparisons of balls, functions that they do not have
        pass
    return None
