"""What a construction's parameters are, and checks of what a witness is built from.

Each check raises ValueError or TypeError with one line.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from proofs.exact import Exact, exact, is_symbolic

REQUIRED = inspect.Parameter.empty


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter: what values it takes, its default, and one value as an example.

    `may_be_letter`: the weights can be written down with a named letter in its place.
    """

    default: Any = REQUIRED
    example: Any = None
    annotation = "Any"
    may_be_letter = False

    def taken(self, name: str, value: Any, d: int) -> Any:
        """The value as the construction works with it. Raises ValueError or TypeError."""
        raise NotImplementedError

    @property
    def words(self) -> str:
        """What it takes, for people."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Whole(Parameter):
    """A whole number, at least `least`."""

    least: int = 1
    annotation = "int"

    def taken(self, name: str, value: Any, d: int) -> int:
        return whole(name, value, self.least)

    @property
    def words(self) -> str:
        return f"a whole number, at least {self.least}"


@dataclass(frozen=True, kw_only=True)
class Number(Parameter):
    """An exact number: above, at least or below a bound, where given."""

    above: int | None = None
    least: int | None = None
    below: int | None = None
    may_be_letter = True

    def taken(self, name: str, value: Any, d: int) -> Exact:
        value = number(name, value, above=self.above, least=self.least)
        if self.below is not None and not is_symbolic(value) and not value < self.below:
            raise ValueError(f"{name} must be less than {self.below}, not {float(value):g}")
        return value

    @property
    def words(self) -> str:
        bounds = (("greater than", self.above), ("at least", self.least), ("less than", self.below))
        said = [f"{relation} {bound}" for relation, bound in bounds if bound is not None]
        return ", ".join(["a number", *said])


@dataclass(frozen=True, kw_only=True)
class OneOf(Parameter):
    """One of some words (or small whole numbers)."""

    of: tuple[Any, ...]

    @property
    def annotation(self) -> str:  # type: ignore[override]
        return f"Literal[{', '.join(repr(word) for word in self.of)}]"

    def taken(self, name: str, value: Any, d: int) -> Any:
        return choice(name, value, self.of)

    @property
    def words(self) -> str:
        return " or ".join(str(word) for word in self.of)


@dataclass(frozen=True, kw_only=True)
class Numbers(Parameter):
    """`size` numbers, "d" for as many as x has; the zero vector where None is given."""

    size: Any = "d"
    above: int | None = None
    annotation = "Sequence[Any]"

    def taken(self, name: str, value: Any, d: int) -> tuple[Exact, ...]:
        size = d if self.size == "d" else self.size
        if value is None and self.default is None:
            return (0,) * size
        made = vector(name, value, size) or ()
        return tuple(number(f"an entry of {name}", entry, above=self.above) for entry in made)

    @property
    def words(self) -> str:
        return f"{self.size} numbers"


@dataclass(frozen=True, kw_only=True)
class Rows(Parameter):
    """A matrix, given by rows of d numbers; square of size d unless any number of rows will do."""

    square: bool = True
    annotation = "Sequence[Sequence[Any]]"

    def taken(self, name: str, value: Any, d: int) -> tuple[tuple[Exact, ...], ...] | None:
        if value is None and self.default is None:
            return None
        many = f"d = {d}" if self.square else "some"
        if isinstance(value, str) or not hasattr(value, "__len__"):
            raise TypeError(f"{name} must be {many} rows, not {value!r}")
        if self.square and len(value) != d:
            raise ValueError(f"{name} must have d = {d} rows, not {len(value)}")
        return tuple(vector(f"a row of {name}", row, d) or () for row in value)

    @property
    def words(self) -> str:
        return "d rows of d numbers" if self.square else "rows of d numbers"


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
