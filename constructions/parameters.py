"""Checks of what a witness is built from. Each raises ValueError or TypeError with one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from proofs.exact import Exact, exact, is_symbolic


def whole(name: str, value: Any, least: int = 1) -> int:
    """`value` as an int of at least `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if (number := value.__index__()) < least:
        raise ValueError(f"{name} must be at least {least}, not {number}")
    return number


def number(name: str, value: Any, *, above: int | None = None, least: int | None = None) -> Exact:
    """`value` exactly; bounds are not asked of a symbol."""
    value = exact(value, name)
    if is_symbolic(value):
        return value
    if above is not None and not value > above:
        raise ValueError(f"{name} must be greater than {above}, not {float(value):g}")
    if least is not None and not value >= least:
        raise ValueError(f"{name} must be at least {least}, not {float(value):g}")
    return value


def vector(name: str, value: Any, d: int) -> tuple[Exact, ...] | None:
    """`value` as d exact numbers, or None."""
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a list of {d} numbers, not {value!r}")
    entries = tuple(exact(entry, f"an entry of {name}") for entry in value)
    if len(entries) != d:
        raise ValueError(f"{name} must have d = {d} entries, not {len(entries)}")
    return entries


def choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """`value` if it is one of `choices`."""
    if value not in choices:
        allowed = " or ".join(repr(c) for c in choices)
        raise ValueError(f"{name} must be {allowed}, not {value!r}")
    return value


def substitute(weights: Mapping[str, Any], **values: Exact) -> dict[str, Exact]:
    """Solved weights with the named parameters put in: {weight: exact scalar}."""
    from sympy import Rational, Symbol

    def term(value: Exact) -> Any:
        return value if is_symbolic(value) else Rational(value.numerator, value.denominator)

    chosen = {Symbol(name): term(value) for name, value in values.items()}
    return {name: exact(weight.subs(chosen)) for name, weight in weights.items()}
