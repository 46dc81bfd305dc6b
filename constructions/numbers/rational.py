"""Exact fractions: equality means equality."""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import Any

from flint import fmpq, fmpz, fmpz_mat

from proofs.exact import Exact, is_symbolic
from proofs.vocabulary import Entrywise

from .base import Unsupported
from .common_denominator import ONE, CommonDenominator, common_multiple, reduced, refuse_long, total
from .flint import FlintNumbers, to_fraction
from .folded import Folded, flat

SYSTEMS = ("rational",)


class Rational(FlintNumbers):
    """Integers over one denominator for a whole array; predictions are fractions.Fraction."""

    name = "rational"
    matrix = fmpz_mat
    folds = True
    zero = fmpz(0)

    def element(self, value: Any, what: str = "a value") -> fmpq:
        if isinstance(value, fmpq):
            return value
        fraction = self._fraction(value, what)
        return fmpq(fraction.numerator, fraction.denominator)

    def _fraction(self, value: Any, what: str = "a value") -> int | Fraction:
        if isinstance(value, (int, Fraction)):
            return value
        if is_symbolic(value):
            held = f"the weight {value}" if what == "a value" else f"{value}, which {what} has"
            raise Unsupported(f"rational numbers cannot hold {held}")
        return to_fraction(value, what)

    # -- making arrays, and giving them back --

    def take_up(
        self, rows: int, size: int, values: list[Any], what: str = "a value"
    ) -> CommonDenominator:
        kinds = set(map(type, values))
        if kinds <= {int}:
            return CommonDenominator(fmpz_mat(rows, size, values))
        if not kinds <= {int, Fraction}:
            values = [self._fraction(value, what) for value in values]
        ratios = [value.as_integer_ratio() for value in values]
        denominators = {denominator for _, denominator in ratios}
        common = lcm(*denominators)
        by = {denominator: common // denominator for denominator in denominators}
        numerators = [numerator * by[denominator] for numerator, denominator in ratios]
        return CommonDenominator(fmpz_mat(rows, size, numerators), fmpz(common))

    def over(self, matrix: fmpz_mat, *arrays: Any) -> CommonDenominator:
        if len(arrays) < 2:
            return CommonDenominator(matrix, arrays[0].denominator if arrays else ONE)
        first, second = arrays
        return reduced(matrix, first.denominator * second.denominator)

    def alike(self, arrays: list[Any]) -> list[CommonDenominator]:
        common = common_multiple(a.denominator for a in arrays)
        return [flat(a).over(common) for a in arrays]

    def given(self, a: Any) -> list[Fraction]:
        return flat(a).fractions()

    # -- moving without arithmetic: only the entries that stay are asked for --

    def rows(self, a: Any, tokens: range) -> Any:
        if tokens == range(0, a.nrows()):
            return a
        return flat(a).part(tokens, range(a.ncols()))

    def columns(self, a: Any, start: int, stop: int) -> Any:
        if (start, stop) == (0, a.ncols()):
            return a
        return flat(a).part(range(a.nrows()), range(start, stop))

    # -- arithmetic --

    def scale(self, c: Exact, a: Any) -> Any:
        if c == 1:
            return a
        c = self._fraction(c)
        if isinstance(a, Folded):
            return Folded(a.folded.times(c.numerator, c.denominator))
        return a.times(c.numerator, c.denominator)

    def combine(self, terms: list[tuple[Exact, Any]]) -> Any:
        if len(terms) == 1:
            return self.scale(*terms[0])
        factors = [self._fraction(c) for c, _ in terms]
        folded = next((a for _, a in terms if isinstance(a, Folded)), None)
        matrices = [a if folded is None else folded.alike(a) for _, a in terms]
        made = total([(c.numerator, c.denominator, a) for c, a in zip(factors, matrices)])
        return made if folded is None else Folded(made)

    def product(self, a: Any, b: Any, c: Exact) -> Any:
        a, b = flat(a), flat(b)
        if c != 1:  # the smaller one is scaled
            if a.nrows() * a.ncols() < b.nrows() * b.ncols():
                a = self.scale(c, a)
            else:
                b = self.scale(c, b)
        return a * b

    def add_product(self, c: Exact, old: Any, a: Any, b: Any, scale: Exact) -> Any:
        return self.combine([(c, old), (scale, flat(a) * flat(b))])

    def multiply(self, a: Any, b: Any) -> Any:
        refuse_long(flat(a), flat(b))
        return super().multiply(a, b)

    def row_sums(self, a: Any, extra: int) -> CommonDenominator:
        a = flat(a)
        rows, size = a.nrows(), a.ncols()
        sums = a.numerators * fmpz_mat(size, 1, [1] * size)
        if extra:
            sums = sums + fmpz_mat(rows, 1, [extra * a.denominator] * rows)
        return CommonDenominator(sums, a.denominator)

    def divide(self, a: Any, b: Any) -> CommonDenominator:
        divisors = b.entries()
        self.refuse_zero(divisors)
        common = common_multiple(divisors)
        a = flat(a)
        if any(divisor != common for divisor in divisors):
            rows = [
                [entry * by for entry in row]
                for row, by in zip(self.table(a), [common // divisor for divisor in divisors])
            ]
            a = self.from_table(rows, a.ncols(), a)
        made = a.times(b.denominator, common)
        return reduced(made.numerators, made.denominator)

    def applied(self, a: Any, function: Entrywise) -> CommonDenominator:
        if function.rational is None:
            return super().applied(a, function)
        made = [function.rational(entry) for entry in self.given(a)]
        return self.take_up(a.nrows(), a.ncols(), made, function.name)

    def relu(self, a: Any) -> CommonDenominator:
        return self.entrywise(lambda x: x if x > 0 else self.zero, a)


def system(name: str) -> Rational:
    """The system of this name."""
    return Rational()
