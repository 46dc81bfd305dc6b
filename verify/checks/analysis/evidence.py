"""Derived evidence of a check that made its object itself: the layers that it was given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

from ...claim import CheckResult, Differs, Object

Given = ParamSpec("Given")
One = TypeVar("One")


def some(sizes: Sequence[One]) -> Sequence[One]:
    """The same. Raises ValueError for none: nothing would be checked."""
    if not sizes:
        raise ValueError("no size is given at which the statement is checked")
    return sizes


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
