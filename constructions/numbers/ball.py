"""Rigorous intervals: every operation rounds outward, so a printed bound is a theorem."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

import flint
from flint import arb, arb_mat

from proofs.exact import Exact, is_symbolic
from proofs.flint_precision import precision
from proofs.vocabulary import Entrywise

from .flint import FlintNumbers, to_fraction
from .seen import Seen

SYSTEMS = ("ball",)
MOST_BITS = 2**20


class Ball(FlintNumbers):
    """python-flint arb matrices at `precision` bits; predictions come back as flint.arb.

    A user's arb is taken as the whole interval that it is: so a box of inputs is enclosed.
    """

    decides_with = "rational"
    name = "ball"
    matrix = arb_mat
    folds = True

    def __init__(self, precision: int = 128) -> None:
        if precision < 2:
            raise ValueError(f"the precision of balls must be at least 2 bits, not {precision}")
        self.precision = precision

    @property
    def _more_bits(self) -> str:
        """What to ask for, in Python as on the command line."""
        return f"numbers ball:{4 * self.precision} have more bits"

    def working(self) -> AbstractContextManager[None]:
        return precision(self.precision)

    def element(self, value: Any, what: str = "a value") -> arb:
        if isinstance(value, arb):
            if not value.is_finite():
                raise ValueError(f"{what} has {value}, which is not finite")
            return value
        if type(value) is int:
            return arb(value)
        if is_symbolic(value):
            return _from_sympy(value, flint.ctx.prec)
        fraction = to_fraction(value, what)
        return arb(fraction.numerator) / arb(fraction.denominator)

    def take_up(self, rows: int, size: int, values: list[Any], what: str = "a value") -> arb_mat:
        if set(map(type, values)) <= {int}:
            return arb_mat(rows, size, values)
        return super().take_up(rows, size, values, what)

    def give(self, value: arb) -> arb:
        return value

    def refuse_zero(self, divisors: list[arb]) -> None:
        if any(divisor.contains(0) for divisor in divisors):
            raise ZeroDivisionError(
                f"normalised attention: at {self.precision} bits the scores of a token may sum to "
                f"0; {self._more_bits}"
            )

    def relu(self, a: Any) -> Any:
        zero = arb(0)
        return self.entrywise(lambda x: x.max(zero), a)

    def gelu(self, a: Any) -> Any:
        root = arb(2).sqrt()
        return self.entrywise(lambda x: x / 2 * (1 + (x / root).erf()), a)

    def exp(self, a: Any) -> Any:
        return self.entrywise(lambda x: x.exp(), a)

    def applied(self, a: Any, function: Entrywise) -> Any:
        if function.balls is None:
            return super().applied(a, function)
        ball = function.balls

        def enclosed(x: arb) -> arb:
            made = ball(x)
            if not isinstance(made, arb):
                raise TypeError(f"{function.name} of an arb is {made!r}, not an arb")
            return made

        return self.entrywise(enclosed, a)

    def softmax(self, scores: Any, seen: Seen | None, null: bool) -> Any:
        made = []
        for t, row in enumerate(self.table(scores)):
            sees = [True] * len(row) if seen is None else seen.rows[t]
            middles = [entry.mid() for entry, visible in zip(row, sees) if visible]
            top = max(middles, key=float) if middles else arb(0)
            if null:
                top = top.max(arb(0)).mid()
            powers = [
                (entry - top).exp() if visible else arb(0) for entry, visible in zip(row, sees)
            ]
            total = sum(powers, (-top).exp() if null else arb(0))
            made.append([power / total for power in powers])
        return self.from_table(made, scores.ncols())

    def layer_norm(self, a: Any, epsilon: Exact = 0) -> Any:
        return self._normed(a, epsilon, "layer norm: at {} bits the variance of a token", True)

    def rms_norm(self, a: Any, epsilon: Exact = 0) -> Any:
        return self._normed(a, epsilon, "RMS norm: at {} bits the size of a token", False)

    def _normed(self, a: Any, epsilon: Exact, what: str, centred: bool) -> Any:
        """u / sqrt(mean of u^2 + epsilon), u = a - mean of a if `centred`, else a."""
        made, more = [], self.element(epsilon)
        for row in self.table(a):
            if centred:
                mean = sum(row, arb(0)) / len(row)
                row = [entry - mean for entry in row]
            square = sum((entry * entry for entry in row), arb(0)) / len(row) + more
            if not square > 0:
                raise ZeroDivisionError(
                    f"{what.format(self.precision)} may be 0; {self._more_bits}"
                )
            size = square.sqrt()
            made.append([entry / size for entry in row])
        return self.from_table(made, a.ncols())


@lru_cache(maxsize=4096)
def _from_sympy(value: Any, bits: int) -> arb:
    """A constant sympy expression as a ball, at the present precision of so many bits.

    Raises Unsupported if a parameter is free.
    """
    import sympy

    from .base import Unsupported

    if value.free_symbols:
        raise Unsupported(f"ball numbers cannot hold the weight {value}: a parameter is free")
    if value.is_Rational:
        return arb(int(value.p)) / arb(int(value.q))
    if value == sympy.pi:
        return arb.pi()
    if value == sympy.E:
        return arb(1).exp()
    parts = [_from_sympy(part, bits) for part in value.args]
    if isinstance(value, sympy.Add):
        return sum(parts, arb(0))
    if isinstance(value, sympy.Mul):
        product = arb(1)
        for part in parts:
            product = product * part
        return product
    if isinstance(value, sympy.Pow):
        return parts[0].sqrt() if value.exp == sympy.Rational(1, 2) else parts[0] ** parts[1]
    if isinstance(value, sympy.exp):
        return parts[0].exp()
    if isinstance(value, sympy.log):
        return parts[0].log()
    if isinstance(value, sympy.sin):
        return parts[0].sin()
    if isinstance(value, sympy.cos):
        return parts[0].cos()
    raise Unsupported(f"ball numbers do not know {value.func.__name__}")


def system(name: str) -> Ball:
    """The system of this name, "ball" or "ball:512"."""
    if name == "ball":
        return Ball()
    bits = name.partition(":")[2]
    if not (bits.isdecimal() and 2 <= int(bits) <= MOST_BITS):
        raise ValueError(f"{name!r}: balls have from 2 to {MOST_BITS} bits, as in ball:512")
    return Ball(int(bits))
