r"""Piecewise-linear functions as ReLUs, and the sigmoid's own error bound.

With knots a_0 < … < a_m, values f_0, …, f_m and slopes g_i between a_{i−1} and a_i,

    f(v) = f_0 + Σ_i (g_{i+1} − g_i) relu(v − a_i),   g_0 = g_{m+1} = 0,

is linear between the knots and constant outside them. The sigmoid σ is interpolated at knots
symmetric about 0 at rational values near σ(a_i), exactly ½ at 0. On a piece with slope g the
error is largest at an end or where σ' = g, that is where σ = (1 ± √(1 − 4g))/2: `sigmoid_error`
evaluates it there in balls, so that what it gives is a bound for every real v.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

from proofs.exact import as_text
from proofs.flint_precision import precision

Table = tuple[tuple[Fraction, Fraction], ...]  # (knot, value)


def relu_form(table: Table) -> tuple[Fraction, tuple[tuple[Fraction, Fraction], ...]]:
    """f_0 and (change of slope, knot) of every ReLU."""
    slopes = [Fraction(0)]
    for (a, f), (b, g) in zip(table, table[1:]):
        slopes.append((g - f) / (b - a))
    slopes.append(Fraction(0))
    changes = [after - before for before, after in zip(slopes, slopes[1:])]
    return table[0][1], tuple(
        (change, knot) for change, (knot, _) in zip(changes, table) if change != 0
    )


def as_formula(table: Table, argument: str) -> str:
    """f(argument) in the language of formulas, entry by entry."""
    floor, relus = relu_form(table)
    terms = (f"({as_text(change)})*relu({argument} - ({as_text(knot)}))" for change, knot in relus)
    return f"({as_text(floor)}) + " + " + ".join(terms)


def value(table: Table, v: Any) -> Any:
    """f(v) by interpolation, without any ReLU; v a Fraction."""
    if v <= table[0][0]:
        return table[0][1]
    for (a, f), (b, g) in zip(table, table[1:]):
        if v <= b:
            return f + (g - f) * (v - a) / (b - a)
    return table[-1][1]


@cache
def sigmoid_table(pieces: int, reach: int, bits: int = 40) -> Table:
    """Knots −reach … reach at equal distances, 2·`pieces` of them between; values to `bits`."""
    from flint import arb

    with precision(4 * bits):
        upper = []
        for i in range(1, pieces + 1):
            knot = Fraction(reach * i, pieces)
            exact = 1 / (1 + (-arb(knot.numerator) / knot.denominator).exp())
            mantissa, exponent = exact.mid().man_exp()
            scaled = int(mantissa) * Fraction(2) ** (int(exponent) + bits)
            upper.append((knot, Fraction(round(scaled), 2**bits)))
    lower = [(-knot, 1 - value) for knot, value in reversed(upper)]
    return (*lower, (Fraction(0), Fraction(1, 2)), *upper)


@cache
def sigmoid_error(table: Table) -> float:
    """A bound on |f(v) − σ(v)| over all real v, outward rounded."""
    from flint import arb

    def ball(q: Fraction) -> Any:
        return arb(q.numerator) / q.denominator

    with precision(128):
        (_, f_first), (_, f_last) = table[0], table[-1]
        # beyond the knots σ runs from its value there to 0 or 1, f stays
        worst = [ball(f_first), 1 - ball(f_last)]
        for (a, f), (b, g) in zip(table, table[1:]):
            slope = ball((g - f) / (b - a))
            places = [ball(a), ball(b)]
            inside = 1 - 4 * slope
            if not inside < 0:
                root = inside.max(arb(0)).sqrt()
                for sign in (1, -1):
                    level = (1 + sign * root) / 2
                    if level > 0 and level < 1:
                        # a critical point outside [a, b] is moved to the nearest end
                        places.append((level / (1 - level)).log().max(ball(a)).min(ball(b)))
            for v in places:
                line = ball(f) + slope * (v - ball(a))
                worst.append(abs(line - 1 / (1 + (-v).exp())))
        bound = worst[0]
        for entry in worst[1:]:
            bound = bound.max(entry)
        return float(bound.upper()) * (1 + 2.0**-50)
