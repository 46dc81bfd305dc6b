"""Boxes of inputs: a range for every number of a prompt, of a size, and for parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from proofs.exact import exact

Range = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class Between:
    """Every number from low to high: the range of a parameter."""

    low: Any
    high: Any

    def __post_init__(self) -> None:
        _range((self.low, self.high), "a parameter")

    @property
    def range(self) -> Range:
        return _range((self.low, self.high), "a parameter")


@dataclass(frozen=True)
class Box:
    """All prompts of n examples of dimension d and one query, with their entries in ranges.

    x, y, query: a number r for [-r, r], a pair (low, high), or for x and query d of these, one for
    each coordinate. parameters: what the builder and the algorithm take, each a value or
    Between(low, high); a vector or matrix may hold some. Raises ValueError for what is no range.
    """

    d: int
    n: int
    x: Any = 1
    y: Any = 1
    query: Any = 1
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("d", "n"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                raise ValueError(f"a box's {name} must be a whole number from 1 on")
        self.ranges()

    def ranges(self) -> dict[str, Range]:
        """The range of each letter: x1_1 … xn_d, y1 … yn, q_1 … q_d, then the parameters'."""
        x, query = (_coordinates(getattr(self, name), self.d, name) for name in ("x", "query"))
        made = {x_name(j, i): x[i] for j in range(self.n) for i in range(self.d)}
        made |= {y_name(j): _range(self.y, "y") for j in range(self.n)}
        made |= {q_name(i): query[i] for i in range(self.d)}
        for name, between in self.varying():
            if name in made:
                raise ValueError(f"a box's parameter {name} has the name of an input")
            made[name] = between.range
        return made

    def varying(self) -> Iterator[tuple[str, Between]]:
        """Every parameter, or entry of one, that has a range, by its letter's name."""
        for name, value in self.parameters.items():
            yield from _varying(name, value)

    def lettered(self, letter: Any) -> dict[str, Any]:
        """The parameters with letter(name) where one has a range; d where it is not among them."""
        return {"d": self.d} | {
            name: _lettered(name, value, letter) for name, value in self.parameters.items()
        }

    @property
    def words(self) -> str:
        """ "|x| <= 1, |y| <= 1, |query| <= 1; d = 5, n = 10, one query"."""
        inputs = [_words(name, getattr(self, name)) for name in ("x", "y", "query")]
        ranging = [_words(name, (b.low, b.high)) for name, b in self.varying()]
        return "; ".join((", ".join((*inputs, *ranging)), self.sizes))

    @property
    def sizes(self) -> str:
        """ "d = 5, n = 10, one query", and the parameters that have one value."""
        fixed = [
            f"{name} = {_short(value)}"
            for name, value in self.parameters.items()
            if not any(True for _ in _varying(name, value))
        ]
        return ", ".join((f"d = {self.d}, n = {self.n}, one query", *fixed))


def x_name(j: int, i: int) -> str:
    """The letter of coordinate i of example j, both from 0."""
    return f"x{j + 1}_{i + 1}"


def y_name(j: int) -> str:
    return f"y{j + 1}"


def q_name(i: int) -> str:
    return f"q_{i + 1}"


def _range(value: Any, what: str) -> Range:
    """(low, high) of a number r, for [-r, r], or of a pair. Raises ValueError."""
    try:
        if isinstance(value, (tuple, list)):
            low, high = (Fraction(exact(end)) for end in value)
        else:
            high = Fraction(exact(value))
            low = -high
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"the range of {what} must be a number or a pair (low, high), not {value!r}"
        ) from None
    if low > high:
        raise ValueError(f"the range of {what} is empty: {value!r}")
    return low, high


def _coordinates(value: Any, d: int, what: str) -> list[Range]:
    """d ranges."""
    if isinstance(value, (tuple, list)) and any(isinstance(one, (tuple, list)) for one in value):
        if len(value) != d:
            raise ValueError(f"{what} has {len(value)} ranges for d = {d} coordinates")
        return [_range(one, what) for one in value]
    return [_range(value, what)] * d


def _varying(name: str, value: Any) -> Iterator[tuple[str, Between]]:
    if isinstance(value, Between):
        yield name, value
    elif isinstance(value, (tuple, list)):
        for i, entry in enumerate(value):
            yield from _varying(f"{name}_{i + 1}", entry)


def _lettered(name: str, value: Any, letter: Any) -> Any:
    if isinstance(value, Between):
        return letter(name)
    if isinstance(value, (tuple, list)):
        return tuple(_lettered(f"{name}_{i + 1}", entry, letter) for i, entry in enumerate(value))
    return value


def _words(name: str, value: Any) -> str:
    if isinstance(value, (tuple, list)) and any(isinstance(one, (tuple, list)) for one in value):
        return ", ".join(_words(f"{name}_{i + 1}", one) for i, one in enumerate(value))
    low, high = _range(value, name)
    if low == high:
        return f"{name} = {low}"
    if low == -high:
        return f"|{name}| <= {high}"
    return f"{low} <= {name} <= {high}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
