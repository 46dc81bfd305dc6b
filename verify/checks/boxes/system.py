"""The number system in which a witness runs on normal forms, or on jets."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from constructions.numbers import Unsupported
from constructions.numbers.flint import FlintNumbers
from constructions.numbers.seen import Seen
from constructions.numbers.symbolic import Table
from proofs.exact import Exact

Number = TypeVar("Number")


def with_number(operation: Callable[[Number, Any], Number]) -> Callable[[Number, Any], Number]:
    """An operation on two numbers; with an array numpy does it, entry by entry."""

    @wraps(operation)
    def made(self: Number, other: Any) -> Number:
        return NotImplemented if isinstance(other, np.ndarray) else operation(self, other)

    return made


class Entries(FlintNumbers):
    """Entries are what `element` makes of numbers: they add, multiply, invert and know functions.

    An algorithm computes with the same entries in plain Python.
    """

    matrix = Table

    def __init__(self, name: str, element: Callable[[Any, str], Any]) -> None:
        self.name, self._element = name, element
        self._zero = element(0, "0")

    @property
    def zero(self) -> Any:
        return self._zero

    def element(self, value: Any, what: str = "a value") -> Any:
        return self._element(value, what)

    def give(self, value: Any) -> Any:
        return value

    def zeros(self, tokens: int, size: int) -> Table:
        return Table(tokens, size, [self._zero] * (tokens * size))

    def refuse_zero(self, divisors: list[Any]) -> None:
        if any(divisor.is_zero for divisor in divisors):
            raise ZeroDivisionError("normalised attention: the scores of a token sum to 0")

    def relu(self, a: Any) -> Any:
        return self.entrywise(lambda entry: entry.relu(), a)

    def gelu(self, a: Any) -> Any:
        root = self.element(2).sqrt()
        return self.entrywise(lambda x: x * ((x / root).erf() + 1) / 2, a)

    def exp(self, a: Any) -> Any:
        return self.entrywise(lambda entry: entry.exp(), a)

    def softmax(self, scores: Any, seen: Seen | None, null: bool) -> Any:
        made = []
        for t, row in enumerate(self.table(scores)):
            keys = [j for j in range(len(row)) if seen is None or seen.rows[t][j]]
            shares = self.shares([row[j] for j in keys], null)
            at = dict(zip(keys, shares, strict=True))
            made.append([at.get(j, self._zero) for j in range(len(row))])
        return self.from_table(made, scores.ncols())

    def shares(self, scores: list[Any], null: bool) -> list[Any]:
        """e^score / sum of all e^score, with one more score 0 if null."""
        if not scores:
            return []
        powers = [score.exp() for score in scores]
        share = sum(powers, self.element(int(null))).inverse()
        return [power * share for power in powers]

    def layer_norm(self, a: Any, epsilon: Exact = 0) -> Any:
        return self._normed(a, epsilon, True)

    def rms_norm(self, a: Any, epsilon: Exact = 0) -> Any:
        return self._normed(a, epsilon, False)

    def _normed(self, a: Any, epsilon: Exact, centred: bool) -> Any:
        """u / sqrt(mean of u^2 + epsilon), u = a - mean of a if `centred`, else a."""
        made = []
        for row in self.table(a):
            mean = sum(row, self._zero) / len(row) if centred else self._zero
            units = [entry - mean for entry in row]
            size = sum((entry * entry for entry in units), self._zero) / len(row)
            share = (size + self.element(epsilon)).sqrt().inverse()
            made.append([entry * share for entry in units])
        return self.from_table(made, a.ncols())


def from_sympy(value: Any, letter: Callable[[str], Any], constant: Callable[[Any], Any]) -> Any:
    """A rational function of symbols, of `letter(name)`; what has no symbol is `constant(it)`.

    Raises Unsupported for another function of a symbol.
    """
    import sympy

    if not value.free_symbols:
        return constant(value)
    if value.is_Symbol:
        return letter(value.name)
    if isinstance(value, sympy.Add | sympy.Mul):
        parts = [from_sympy(part, letter, constant) for part in value.args]
        made = parts[0]
        for part in parts[1:]:
            made = made + part if isinstance(value, sympy.Add) else made * part
        return made
    if isinstance(value, sympy.Pow) and value.exp.is_Integer:
        base = from_sympy(value.base, letter, constant)
        return base ** int(value.exp)
    raise Unsupported(f"no enclosure is known of the weight {value}")
