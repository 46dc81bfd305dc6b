"""Derived evidence of a check that made its object itself: the layers that it was given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import sympy

from constructions.numbers import Unsupported
from constructions.witness import Witness

from ...claim import CheckResult, Differs, Object
from ..case import build as built
from ..proof import substituted

Given = ParamSpec("Given")
One = TypeVar("One")


def some(sizes: Sequence[One]) -> Sequence[One]:
    """The same. Raises ValueError for none: nothing would be checked."""
    if not sizes:
        raise ValueError("no size is given at which the statement is checked")
    return sizes


def in_a_letter(
    build: Callable[..., Any], parameters: Mapping[str, Any], name: str, values: Iterable[Fraction]
) -> Witness:
    """What is built with a letter for one parameter.

    Raises Unsupported where, at one of the values, the builder makes another transformer of the
    number than the letter stands for: then what is shown of the letter says nothing of numbers.
    """
    letter = sympy.Symbol(name)
    made: Witness = built(build, {**parameters, name: letter})
    for value in values:
        number = sympy.Rational(value.numerator, value.denominator)
        of_number = built(build, {**parameters, name: value})
        if substituted(made, {letter: number}).digest != substituted(of_number, {}).digest:
            raise Unsupported(
                f"with {name} = {value} the builder makes another transformer than with a letter"
            )
    return made


def about_its_own(look: Callable[Given, CheckResult]) -> Callable[Given, CheckResult]:
    """The same, what it found (or found wrong) being about the claim that asks."""

    @wraps(look)
    def made(*given: Given.args, **named: Given.kwargs) -> CheckResult:
        try:
            found = look(*given, **named)
        except Differs as failure:
            found = failure.found
        return found.named(about=Object())

    return made
