"""What a construction's parameters are, and checks of what a witness is built from.

Each check raises ValueError or TypeError with one line.
"""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from proofs.exact import LONG_POWER, MOST_WHOLE, Exact, exact, is_symbolic
from proofs.letters import is_invertible, is_positive_definite, is_symmetric

BETWEEN_ROWS = re.compile(r"[\])]\s*,\s*[\[(]")
REQUIRED = inspect.Parameter.empty


@dataclass(frozen=True, kw_only=True)
class Parameter(ABC):
    """One parameter: what values it takes, its default, and a value small enough to read.

    `may_be_letter`: the weights can be written down with a named letter in its place.
    """

    REQUIRED: ClassVar[Any] = REQUIRED
    may_be_letter: ClassVar[bool] = False
    default: Any = REQUIRED
    example: Any = None

    @property
    @abstractmethod
    def words(self) -> str:
        """What it takes, for people."""

    @abstractmethod
    def read(self, value: Any) -> Any:
        """A value from text or JSON. Raises ValueError."""

    def taken(self, name: str, value: Any, d: int) -> Any:
        """The value as the construction works with it. Raises ValueError or TypeError."""
        return value

    def agree(self, name: str, values: Mapping[str, Any]) -> None:
        """Raises ValueError where it does not fit the other values."""
        return None

    @property
    def small(self) -> Any:
        """A value to start from: the example, else the default; REQUIRED if there is neither."""
        return self.default if self.example is None else self.example


@dataclass(frozen=True, kw_only=True)
class Whole(Parameter):
    """A whole number, at least `least`; cases are drawn up to `tried` more."""

    least: int = 1
    tried: int = 3

    @property
    def words(self) -> str:
        return "a whole number"

    def read(self, value: Any) -> int:
        number = typed(value)
        if number.denominator != 1:
            raise ValueError(f"{value!r} is not whole")
        return number.numerator

    def taken(self, name: str, value: Any, d: int) -> int:
        return whole(name, value, self.least)

    @property
    def small(self) -> int:
        known = (self.example, None if self.default is REQUIRED else self.default, self.least)
        return next(value for value in known if value is not None)


@dataclass(frozen=True, kw_only=True)
class Examples(Whole):
    """How many examples the prompts have, where the weights depend on it."""


@dataclass(frozen=True, kw_only=True)
class Number(Parameter):
    """An exact number: above, at least or below a bound, where given.

    unit: the scale that it has on data, in the largest eigenvalue `top` of X^T X: "top" for a
    ridge.
    """

    unit: str = ""
    above: int | None = None
    least: int | None = None
    below: int | None = None
    may_be_letter: ClassVar[bool] = True

    @property
    def words(self) -> str:
        return "a number, such as 1/3 or 0.01"

    def read(self, value: Any) -> Exact:
        return exact(typed(value))

    def taken(self, name: str, value: Any, d: int) -> Exact:
        value = number(name, value, above=self.above, least=self.least)
        if self.below is not None and not is_symbolic(value) and not value < self.below:
            raise ValueError(f"{name} must be less than {self.below}, not {float(value):g}")
        return value


@dataclass(frozen=True, kw_only=True)
class NumberPerStep(Number):
    """One exact number for all steps, bounded as a Number; or one for each, of any sign and size.

    steps: the parameter that counts them. Trained layers have rates that nobody would choose.
    """

    steps: str

    @property
    def words(self) -> str:
        return "a number, such as 1/3 or 0.01, or one for each step, separated by commas"

    def read(self, value: Any) -> Any:
        several = isinstance(value, list) or (isinstance(value, str) and "," in value)
        return entries(value) if several else super().read(value)

    def taken(self, name: str, value: Any, d: int) -> Any:
        if isinstance(value, str) or not isinstance(value, Iterable):
            return super().taken(name, value, d)
        return vector(name, value, None)

    def agree(self, name: str, values: Mapping[str, Any]) -> None:
        value, steps = values[name], values[self.steps]
        if isinstance(value, tuple) and len(value) != steps:
            raise ValueError(
                f"{name} must have a number for each of {self.steps} = {steps}, not {len(value)}"
            )


@dataclass(frozen=True, kw_only=True)
class OneOf(Parameter):
    """One of some words (or small whole numbers).

    Given as {word: what the construction computes with it}, where the table of costs has a line for
    it, the first word is the default.
    """

    of: Any
    computes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.of, Mapping):
            object.__setattr__(self, "computes", tuple(self.of.values()))
            object.__setattr__(self, "default", next(iter(self.of)))
        object.__setattr__(self, "of", tuple(self.of))

    @property
    def words(self) -> str:
        return " or ".join(str(word) for word in self.of)

    def read(self, value: Any) -> Any:
        for word in self.of:
            if str(word) == str(value):
                return word
        raise ValueError(f"{value!r} is none of {self.words}")

    def taken(self, name: str, value: Any, d: int) -> Any:
        return choice(name, value, self.of)

    @property
    def small(self) -> Any:
        return self.of[0] if self.default is REQUIRED else self.default


@dataclass(frozen=True, kw_only=True)
class Numbers(Parameter):
    """`size` numbers, None for any number of them. The zero vector where None is given, if it is
    known how long."""

    size: Any = None
    above: int | None = None

    @property
    def words(self) -> str:
        return "numbers separated by commas"

    def read(self, value: Any) -> Any:
        return None if value is None else entries(value)

    def taken(self, name: str, value: Any, d: int) -> tuple[Exact, ...] | None:
        size = d if self.size == "d" else self.size
        if value is None and self.default is None:
            return (0,) * size if size is not None else None
        made = vector(name, value, size) or ()
        return tuple(number(f"an entry of {name}", entry, above=self.above) for entry in made)


@dataclass(frozen=True, kw_only=True)
class Vector(Numbers):
    """As many numbers as x has."""

    size: Any = "d"


@dataclass(frozen=True, kw_only=True)
class Rows(Parameter):
    """Any number of rows of d numbers."""

    @property
    def words(self) -> str:
        return "numbers separated by commas, rows by semicolons"

    def read(self, value: Any) -> Any:
        if value is None:
            return None
        made = entries(value)
        row = isinstance(value, str) and made and not isinstance(made[0], tuple)
        return (made,) if row else made

    def taken(self, name: str, value: Any, d: int) -> tuple[tuple[Exact, ...], ...] | None:
        if value is None and self.default is None:
            return None
        if isinstance(value, str) or not hasattr(value, "__len__"):
            raise TypeError(f"{name} must be {self.rows_of(d)}, not {value!r}")
        return tuple(vector(f"a row of {name}", row, d) or () for row in value)

    def rows_of(self, d: int) -> str:
        """How many rows there are, in words."""
        return "rows"


@dataclass(frozen=True, kw_only=True)
class Matrix(Rows):
    """A d × d matrix: any, or one that is symmetric, invertible or positive definite (then it is
    both). What is not so is refused; a matrix of letters is taken to be invertible and positive
    definite, and has to be written down symmetric."""

    symmetric: bool = False
    invertible: bool = False
    positive_definite: bool = False

    @property
    def region(self) -> str:
        """What it has to be: "symmetric and invertible"; "" where it may be any."""
        if self.positive_definite:
            return "positive definite"
        kinds = ["symmetric"] * self.symmetric + ["invertible"] * self.invertible
        return " and ".join(kinds)

    @property
    def words(self) -> str:
        return super().words + (f", {self.region}" if self.region else "")

    def taken(self, name: str, value: Any, d: int) -> tuple[tuple[Exact, ...], ...] | None:
        if hasattr(value, "__len__") and not isinstance(value, str) and len(value) != d:
            raise ValueError(f"{name} must have {self.rows_of(d)}, not {len(value)}")
        rows = super().taken(name, value, d)
        if rows is not None and not self.contains(rows):
            raise ValueError(f"{name} must be {self.region}, not {_short(rows)}")
        return rows

    def rows_of(self, d: int) -> str:
        return f"d = {d} rows"

    def contains(self, rows: tuple[tuple[Exact, ...], ...]) -> bool:
        """Whether a matrix is what it has to be."""
        return (
            (not self.symmetric or is_symmetric(rows))
            and (not self.invertible or is_invertible(rows))
            and (not self.positive_definite or is_positive_definite(rows))
        )


@dataclass(frozen=True, kw_only=True)
class MatrixPerStep(Matrix):
    """One d × d matrix for all steps, or one for each.

    steps: the parameter that counts them.
    """

    steps: str

    @property
    def words(self) -> str:
        return f"{super().words}; or a matrix for each step, separated by |"

    def read(self, value: Any) -> Any:
        if isinstance(value, str) and "|" in value:
            return tuple(super(MatrixPerStep, self).read(one) for one in value.split("|"))
        return super().read(value)

    def taken(self, name: str, value: Any, d: int) -> Any:
        if not is_per_step(value):
            return super().taken(name, value, d)
        return tuple(super(MatrixPerStep, self).taken(f"{name}{k}", one, d)
                     for k, one in enumerate(value, start=1))  # fmt: skip

    def agree(self, name: str, values: Mapping[str, Any]) -> None:
        value, steps = values[name], values[self.steps]
        if is_per_step(value) and len(value) != steps:
            raise ValueError(
                f"{name} must have a matrix for each of {self.steps} = {steps}, not {len(value)}"
            )


def is_per_step(value: Any) -> bool:
    """Whether it is a list of matrices, and no matrix; the empty list is one for no steps."""
    nested = isinstance(value, (tuple, list)) and all(isinstance(e, (tuple, list)) for e in value)
    return nested and all(isinstance(row, (tuple, list)) for one in value for row in one)


def _short(rows: tuple[tuple[Exact, ...], ...]) -> str:
    """A matrix as it is typed, cut where it is long."""
    text = ";".join(",".join(map(str, row)) for row in rows)
    return text if len(text) <= 60 else f"{text[:60]}…"


@dataclass(frozen=True, kw_only=True)
class Flag(Parameter):
    """True or false."""

    @property
    def words(self) -> str:
        return "true or false"

    def read(self, value: Any) -> bool:
        if str(value).lower() not in ("true", "false"):
            raise ValueError(f"{value!r} is neither true nor false")
        return str(value).lower() == "true"


@dataclass(frozen=True, kw_only=True)
class Word(Parameter):
    """Any text."""

    @property
    def words(self) -> str:
        return "a word"

    def read(self, value: Any) -> str:
        return str(value)


def with_dimension(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """The parameters of a construction, with d in front where it is not among them."""
    return {**({} if "d" in parameters else {"d": Whole(example=2)}), **parameters}


# -- values as they are typed -----------------------------------------------------------------


def typed(value: Any) -> Fraction:
    """A JSON number or text such as "1/3" or "0.01", exactly as typed. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{value!r} is no number")
    if isinstance(value, int):
        return Fraction(value)
    text = repr(value) if isinstance(value, float) else value  # its shortest decimal: as typed
    if len(text) > 400 or LONG_POWER.search(text):
        raise ValueError("a number that nobody means, and that would fill the memory")
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise ValueError(f"{value!r} is no finite number") from None


def entries(value: Any) -> tuple[Any, ...]:
    """ "1,2" as (1, 2); "1,0;0,1", "((1,0),(0,1))" and lists of lists as rows of a matrix. Raises
    ValueError."""
    if isinstance(value, str):
        flat = BETWEEN_ROWS.sub(";", value)
        rows = [row.split(",") for row in flat.strip("[]() ").split(";")]
        value = rows if len(rows) > 1 else rows[0]
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is no list of numbers")
    return tuple(entries(e) if isinstance(e, list) else exact(typed(e)) for e in value)


# -- values as they are given to a construction -----------------------------------------------


def whole(name: str, value: Any, least: int = 1) -> int:
    """`value` as an int from `least` to MOST_WHOLE."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if (number := value.__index__()) < least:
        raise ValueError(f"{name} must be at least {least}, not {number}")
    if number > MOST_WHOLE:
        raise ValueError(f"{name} must be at most {MOST_WHOLE}, not {number}")
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


def vector(name: str, value: Any, d: int | None) -> tuple[Exact, ...] | None:
    """`value` as d exact numbers (None: any number of them), or None."""
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Iterable):
        many = "numbers" if d is None else f"{d} numbers"
        raise TypeError(f"{name} must be a list of {many}, not {value!r}")
    entries = tuple(exact(entry, f"an entry of {name}") for entry in value)
    if d is not None and len(entries) != d:
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
