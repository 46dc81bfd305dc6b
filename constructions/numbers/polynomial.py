"""Polynomials over the fractions, in letters that are named when the system is made.

    ring = Polynomial(("a", "x1", "x2"))
    (value,) = witness.predict([["x1"]], …, ring)   # entries: sympy letters or ring.letter("x1")
    ring.terms(value)                               # {exponents: fraction}

Expanded, in python-flint's sparse polynomials: much faster than the rational functions of
`symbolic`, and without their quotients. The letters may stand in the prompt and in the weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from flint import Ordering, fmpq, fmpq_mpoly, fmpq_mpoly_ctx

from proofs.exact import is_symbolic

from .base import Unsupported
from .flint import ExactPrompts, FlintNumbers, to_fraction
from .symbolic import Table


class Polynomial(FlintNumbers):
    """Polynomials in these letters; predictions are flint.fmpq_mpoly of the ring `context`."""

    name = "polynomial"
    matrix = Table

    def __init__(self, letters: Iterable[Any]) -> None:
        self.letters = tuple(dict.fromkeys(map(str, letters)))
        self.context = fmpq_mpoly_ctx.get(self.letters, Ordering.degrevlex)
        self._letter = dict(zip(self.letters, self.context.gens()))

    def letter(self, name: Any) -> fmpq_mpoly:
        """The letter as a polynomial. Raises Unsupported for one that the ring lacks."""
        if str(name) not in self._letter:
            raise Unsupported(f"{name} is no letter of these polynomials, which have {self._has()}")
        return self._letter[str(name)]

    def element(self, value: Any, what: str = "a value") -> fmpq_mpoly:
        if isinstance(value, fmpq_mpoly):
            if value.context() != self.context:
                raise ValueError(f"{what} has {value}, a polynomial in other letters")
            return value
        if is_symbolic(value):
            return self.context.from_dict(self._from_sympy(value))
        fraction = to_fraction(value, what)
        return self.context.constant(fmpq(fraction.numerator, fraction.denominator))

    def _from_sympy(self, value: Any) -> dict[tuple[int, ...], fmpq]:
        try:
            return _terms(value, self.letters)
        except ValueError as error:
            raise Unsupported(f"polynomial numbers in {self._has()}: {error}") from None

    def _has(self) -> str:
        return ", ".join(self.letters) or "no letters"

    def prompts(self, X: Any, y: Any, queries: Any, witness: Any) -> ExactPrompts:
        X, y, queries = (_as_objects(part) for part in (X, y, queries))
        return ExactPrompts(self, X, y, queries, witness)

    def zeros(self, tokens: int, size: int) -> Table:
        return Table(tokens, size, [self.element(0)] * (tokens * size))

    def give(self, value: Any) -> fmpq_mpoly:
        return value

    def terms(self, value: fmpq_mpoly) -> Mapping[tuple[int, ...], Fraction]:
        """{exponents, in the order of `letters`: coefficient}, without zeros."""
        return {
            tuple(map(int, exponents)): Fraction(int(c.p), int(c.q))
            for exponents, c in value.to_dict().items()
        }

    def divide(self, a: Any, b: Any) -> Any:
        divisors = b.entries()
        self.refuse_zero(divisors)
        for divisor in divisors:
            if not divisor.is_constant():
                raise Unsupported(f"polynomial numbers cannot divide by {divisor}")
        rows = [
            [entry * (1 / divisor.leading_coefficient()) for entry in row]
            for row, divisor in zip(self.table(a), divisors)
        ]
        return self.from_table(rows, a.ncols())

    def relu(self, a: Any) -> Any:
        return self.entrywise(self._relu, a)

    def _relu(self, entry: fmpq_mpoly) -> fmpq_mpoly:
        """max(entry, 0) of a number; a letter has no sign."""
        if entry.is_zero():
            return entry
        if not entry.is_constant():
            raise Unsupported("polynomial numbers have no ReLU: the sign of a letter is not known")
        return entry if entry.leading_coefficient() > 0 else self.element(0)


def _as_objects(part: Any) -> Any:
    """Nested lists as an array; numpy would take the polynomials in them for sequences."""
    if not isinstance(part, (list, tuple)):
        return part
    shape, entries = _nested(part)
    made = np.empty(len(entries), dtype=object)
    made[:] = entries
    return made.reshape(shape)


def _nested(part: Any) -> tuple[tuple[int, ...], list[Any]]:
    """The shape and the entries of nested lists. Raises ValueError if they are no array."""
    if isinstance(part, np.ndarray):
        return part.shape, list(part.ravel())
    if not isinstance(part, (list, tuple)):
        return (), [part]
    shapes, entries = zip(*map(_nested, part)) if part else (((),), ())
    if len(set(shapes)) > 1:
        raise ValueError("the prompt is not a rectangular array of numbers")
    return (len(part), *shapes[0]), [entry for row in entries for entry in row]


@lru_cache(maxsize=4096)
def _terms(value: Any, letters: tuple[str, ...]) -> dict[tuple[int, ...], fmpq]:
    """{exponents: coefficient} of a sympy polynomial. Raises ValueError if it is none in these."""
    import sympy

    extra = sorted(str(letter) for letter in value.free_symbols if str(letter) not in letters)
    if extra:
        raise ValueError(f"{', '.join(extra)} in {value} is no letter of theirs")
    own = sorted(value.free_symbols, key=str)
    if not own:
        if not value.is_Rational:
            raise ValueError(f"{value} is no fraction")
        return {(0,) * len(letters): fmpq(int(value.p), int(value.q))}
    try:
        poly = sympy.Poly(value, *own, domain=sympy.QQ)
    except (sympy.PolynomialError, sympy.CoercionFailed):
        raise ValueError(f"{value} is no polynomial over the fractions") from None
    places = [letters.index(str(letter)) for letter in own]
    made = {}
    for powers, coefficient in poly.terms():
        exponents = [0] * len(letters)
        for place, power in zip(places, powers):
            exponents[place] = int(power)
        fraction = sympy.Rational(coefficient)
        made[tuple(exponents)] = fmpq(int(fraction.p), int(fraction.q))
    return made
