"""Letters: the prompt is made of sympy symbols, and so are the predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from proofs.exact import is_symbolic

from .base import Unsupported
from .flint import ExactPrompts, FlintNumbers, as_objects, to_fraction


class Table:
    """A matrix of field elements, with the few methods of a flint matrix that are used."""

    def __init__(self, rows: int, columns: int, entries: list[Any]) -> None:
        self._shape, self._entries = (rows, columns), list(entries)

    def nrows(self) -> int:
        return self._shape[0]

    def ncols(self) -> int:
        return self._shape[1]

    def entries(self) -> list[Any]:
        return self._entries

    def array(self) -> np.ndarray:
        made = np.empty(len(self._entries), dtype=object)
        made[:] = self._entries
        return made.reshape(self._shape)

    def transpose(self) -> Table:
        return _table(self.array().T)

    def __setitem__(self, at: tuple[int, int], value: Any) -> None:
        self._entries[at[0] * self._shape[1] + at[1]] = value

    def __add__(self, other: Table) -> Table:
        return _table(self.array() + other.array())

    def __mul__(self, other: Any) -> Table:
        if isinstance(other, Table):
            return _table(self.array() @ other.array())
        return Table(*self._shape, [entry * other for entry in self._entries])


def _table(a: np.ndarray) -> Table:
    rows, columns = a.shape
    return Table(rows, columns, list(a.ravel()))


SYSTEMS = ("symbolic",)


class Symbolic(FlintNumbers):
    """Rational functions over the fractions in all letters of prompt and weights, reduced."""

    name = "symbolic"
    matrix = Table

    def __init__(self) -> None:
        self.field: Any = None

    def prompts(self, X: Any, y: Any, queries: Any, witness: Any) -> ExactPrompts:
        from sympy import QQ

        letters = set(witness.free_symbols)
        for part in (X, y, queries):
            for entry in as_objects(part, "the prompt").ravel():
                letters |= getattr(entry, "free_symbols", set())
        ordered = sorted(letters, key=str)
        self.field = QQ.frac_field(*ordered) if ordered else QQ
        return ExactPrompts(self, X, y, queries, witness)

    def element(self, value: Any, what: str = "a value") -> Any:
        from sympy.polys.polyerrors import CoercionFailed

        if is_symbolic(value):
            try:
                return self.field.from_sympy(value)
            except CoercionFailed:
                raise Unsupported(
                    f"symbolic numbers take rational functions, not {value}"
                ) from None
        fraction = to_fraction(value, what)
        return self.field.from_sympy(_rational(fraction.numerator, fraction.denominator))

    def zeros(self, tokens: int, size: int) -> Table:
        return Table(tokens, size, [self.field.zero] * (tokens * size))

    def give(self, value: Any) -> Any:
        return self.field.to_sympy(value)

    def relu(self, a: Any) -> Any:
        return self.entrywise(self._relu, a)

    def _relu(self, entry: Any) -> Any:
        """max(entry, 0) of a number; a letter has no sign."""
        value = self.field.to_sympy(entry)
        if not value.is_number:
            raise Unsupported("symbolic numbers have no ReLU: the sign of a letter is not known")
        return entry if value > 0 else self.field.zero


def _rational(p: int, q: int) -> Any:
    from sympy import Rational

    return Rational(p, q)


def system(name: str) -> Symbolic:
    """The system of this name."""
    return Symbolic()
