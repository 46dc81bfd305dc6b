"""Number systems: the arithmetics in which a witness can run."""

from __future__ import annotations

from typing import Any

from .base import Numbers, Unsupported

FLOATS = ("float64", "float32", "bfloat16", "float16")
NAMES = (*FLOATS, "rational", "ball", "symbolic")

__all__ = ["FLOATS", "NAMES", "Numbers", "Unsupported", "get"]


def get(numbers: Any) -> Numbers:
    """The number system of a name (or itself). Raises ValueError on an unknown name."""
    if isinstance(numbers, Numbers):
        return numbers
    if numbers in FLOATS:
        from .floats import Floats

        return Floats(numbers)
    if numbers == "rational":
        from .rational import Rational

        return Rational()
    if numbers == "ball":
        from .ball import Ball

        return Ball()
    if numbers == "symbolic":
        from .symbolic import Symbolic

        return Symbolic()
    raise ValueError(f"unknown number system {numbers!r}; there are {', '.join(NAMES)}")
