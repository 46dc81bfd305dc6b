"""A bound on the difference of a network and an algorithm, for every input of a box.

The difference is taken first, as a normal form, and then enclosed by what suits it:

- the zero function: 0, exactly;
- a polynomial: its Bernstein form, example by example (`separate`, `bernstein`);
- a mean with softmax weights: by its values; the difference of two: `softmax`;
- a quotient of polynomials, N/Z: from the maximum of N - M Z for a number M that is near;
- a polynomial in exponentials, ReLUs, …: these are bounded, and so is a polynomial in numbers of
  those ranges;
- anything else, and what has no normal form: balls with slopes, and bisection.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from typing import Any

from flint import arb

from constructions.numbers import Unsupported

from ...box import Range
from ..bounds.balls import ball, interval, precision, top
from . import separate, softmax
from .bernstein import WORK, Polynomial, fraction, halves, up
from .difference import Forms, Programs
from .forms import Form, Letters, Sum

BITS = 96
SLOPES = 20_000  # boxes * letters^2 that are bisected
Ranges = Mapping[str, Range]


class NotBounded(Exception):
    """Nothing here bounds the difference; says why."""


@dataclass(frozen=True)
class Enclosure:
    """|difference| <= high on the box, or (zero) the difference is the zero function.

    at: where it was seen to be large, if the way to the bound saw that.
    """

    high: float
    how: str
    boxes: int = 1
    zero: bool = False
    at: Mapping[str, Fraction] | None = None


class Bounds:
    """Bounds on forms over the ranges of their letters."""

    def __init__(
        self, letters: Letters, ranges: Ranges, owners: separate.Owners, work: float = WORK
    ) -> None:
        self.letters, self.ranges, self.owners = letters, dict(ranges), dict(owners)
        self.work = work
        self._names = tuple(letters.context.names())  # letters, then atoms
        self._known: dict[Any, float] = {}

    # -- polynomials --

    def polynomial(self, given: Any) -> Polynomial:
        """In letters and atoms, whose ranges are found first."""
        made = Polynomial.of(given.to_dict(), self._names)
        self._atoms_of(made)
        return made

    def magnitude(self, polynomial: Any, tolerance: float = 0.02) -> Fraction:
        """No less than its largest absolute value; of two that are alike it is found once."""
        if polynomial.is_zero():
            return Fraction(0)
        made = self.polynomial(polynomial)
        key = separate.alike(made, self.owners, self.ranges)
        if key not in self._known:
            found = separate.magnitude(made, self.owners, self.ranges, tolerance, self.work / 4)
            self._known[key] = found.high
        return Fraction(self._known[key])

    def range(self, polynomial: Any) -> tuple[Fraction, Fraction]:
        """An interval that holds all its values."""
        if polynomial.is_zero():
            return Fraction(0), Fraction(0)
        made = self.polynomial(polynomial)
        high, low = (
            separate.largest(one, self.owners, self.ranges, 0.0, 0.02, self.work / 16).high
            for one in (made, -made)
        )
        return -Fraction(low), Fraction(high)

    # -- what is no polynomial of its argument --

    def _atoms_of(self, polynomial: Polynomial) -> None:
        for name in polynomial.variables:
            if name not in self.ranges:
                number = int(name.removeprefix("atom"))
                atom = self.letters.atoms[number]
                argument = atom.argument.polynomial
                if argument is None:
                    raise NotBounded(f"{atom.function} of a quotient")
                low, high = self.range(argument)
                self._add(name, _image(atom.function, low, high), argument)

    def _add(self, name: str, side: Range, argument: Any) -> None:
        """A letter of this range, the example's if the argument speaks of one alone."""
        owners = {self.owners[used] for used in self.polynomial(argument).variables} - {None}
        self.ranges[name] = side
        self.owners[name] = owners.pop() if len(owners) == 1 else None

    def sum(self, one: Sum) -> Fraction:
        """No less than the absolute value of a sum with exponentials."""
        return self._magnitude(self.lowered(one))

    def _magnitude(self, made: Polynomial) -> Fraction:
        found = separate.magnitude(made, self.owners, self.ranges, 0.05, self.work / 4)
        return Fraction(found.high)

    def lowered(self, one: Sum) -> Polynomial:
        """The sum as a polynomial in its letters, in e^u for some of its exponents u, and in
        e^(v - u) - 1 for each other exponent v, with the u that is nearest to it.
        """
        bases: list[tuple[str, Any]] = []
        terms: dict[tuple[int, ...], Any] = {}
        extra: list[str] = []
        parts: list[tuple[Any, list[tuple[str, ...]]]] = []
        for exponent, coefficient in one.in_order():
            if exponent.is_zero():
                parts.append((coefficient, [()]))
                continue
            near = min(
                ((self.magnitude(exponent - base, 0.2), name, base) for name, base in bases),
                default=None, key=lambda found: found[0],
            )  # fmt: skip
            if near is not None and near[0] < 1:
                name = f"exp{len(self.ranges)}"
                low, high = self.range(exponent - near[2])
                self._add(name, _image("expm1", low, high), exponent - near[2])
                extra.append(name)
                parts.append((coefficient, [(near[1],), (near[1], name)]))
            else:
                name = f"exp{len(self.ranges)}"
                low, high = self.range(exponent)
                self._add(name, _image("exp", low, high), exponent)
                extra.append(name)
                bases.append((name, exponent))
                parts.append((coefficient, [(name,)]))
        names = (*self._names, *extra)
        for coefficient, products in parts:
            for product in products:
                tail = tuple(int(name in product) for name in extra)
                for exponents, c in coefficient.to_dict().items():
                    key = (*map(int, exponents), *(0,) * (len(self._names) - len(exponents)), *tail)
                    terms[key] = terms.get(key, Fraction(0)) + fraction(c)
        made = Polynomial.of({k: c for k, c in terms.items() if c != 0}, names)
        self._atoms_of(made)
        return made

    def away_from_zero(self, one: Sum) -> Fraction:
        """A number > 0 that is no more than |sum|. Raises NotBounded if none is found."""
        if positive(one):
            lows = [
                Fraction(down_exp(self.range(u)[0])) * fraction(c.leading_coefficient())
                for u, c in one.terms.values()
            ]
            if (least := sum(lows, Fraction(0))) > 0:
                return least
        made = self.lowered(one)
        for signed in (made, -made):
            found = separate.largest(signed, self.owners, self.ranges, 0.0, 0.05, self.work / 8)
            if found.high < 0:
                return -Fraction(found.high)
        raise NotBounded("a divisor may be 0 on the box")


def positive(one: Sum) -> bool:
    """Whether it is a sum of exponentials with numbers > 0 before them."""
    return all(c.is_constant() and c.leading_coefficient() > 0 for _, c in one.terms.values())


def down_exp(low: Fraction) -> float:
    with precision(BITS):
        value = ball(low).exp()
        nearest = float(value.mid())
        while nearest > 0 and not ball(nearest) <= value:
            nearest = math.nextafter(nearest, 0)
    return nearest


def _image(function: str, low: Fraction, high: Fraction) -> Range:
    """The range of a monotone function on [low, high], outward."""
    if function == "inverse":
        if low <= 0 <= high:
            raise NotBounded("a divisor may be 0 on the box")
        return 1 / high, 1 / low
    if function == "relu":
        return max(low, Fraction(0)), max(high, Fraction(0))
    if function in ("sqrt", "log") and low <= 0:
        raise NotBounded(f"{function} of what may be 0 on the box")
    if function not in ("exp", "expm1", "sqrt", "log", "tanh", "erf"):
        raise NotBounded(f"no range is known of {function}")
    with precision(BITS):
        ends = [getattr(ball(end), function)() for end in (low, high)]
        if not all(end.is_finite() for end in ends):
            raise NotBounded(f"{function} of what is too large on the box")
        return _end(ends[0].lower()), _end(ends[1].upper())


def _end(value: arb) -> Fraction:
    """An exact ball as the number that it is."""
    mantissa, exponent = value.mid().man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


# -- the ways to bound a difference -----------------------------------------------------------


def enclosed(
    programs: Programs, forms: Forms | None, found: float, effort: float = 1.0
) -> Enclosure:
    """The best bound that is found; `found` is a difference that is attained.

    Raises NotBounded where there is none.
    """
    if forms is not None:
        try:
            return _of_forms(programs, forms, found, effort)
        except (NotBounded, Unsupported, OverflowError) as error:
            try:
                return bisected(programs, found, effort)
            except NotBounded:
                raise NotBounded(str(error)) from None
    return bisected(programs, found, effort)


def _of_forms(programs: Programs, forms: Forms, found: float, effort: float) -> Enclosure:
    bounds = Bounds(forms.letters, programs.ranges, programs.owners, effort * WORK)
    for divisor in forms.letters.divisors:
        if not positive(divisor):
            bounds.away_from_zero(divisor)
    for difference in forms.letters.not_zero:
        bounds.away_from_zero(difference.over)
    made = [_way(bounds, forms.ours, one, found) for one in forms.theirs]
    worst = max(made, key=lambda one: one.high)
    zero = all(one.zero for one in made)
    return Enclosure(worst.high, worst.how, sum(one.boxes for one in made), zero, worst.at)


def _way(bounds: Bounds, ours: Form, theirs: Form, found: float) -> Enclosure:
    """For one way through the algorithm."""
    two = softmax.smoother(ours), softmax.smoother(theirs)
    if two[0] is not None and two[1] is not None and ours.by != theirs.by:
        high = softmax.difference(two[0], two[1], bounds.magnitude)
        if high is not None:
            return Enclosure(up(high), "two softmax layers along the way from one to the other")
    difference = ours - theirs
    if difference.is_zero:
        return Enclosure(0.0, "the zero function", zero=True)
    polynomial = difference.polynomial
    if polynomial is not None:
        made = bounds.polynomial(polynomial)
        result = separate.magnitude(made, bounds.owners, bounds.ranges, 0.02, bounds.work)
        how = "the Bernstein form of the difference"
        return Enclosure(result.high, how, result.boxes, at=result.at)
    if (mean := softmax.smoother(difference)) is not None:
        high = max(bounds.magnitude(value) for value in mean.values)
        return Enclosure(up(high), "a mean of its values by softmax weights")
    if not difference.by:
        return Enclosure(up(bounds.sum(difference.over)), "a polynomial in bounded exponentials")
    return _quotient(bounds, difference, found)


def _quotient(bounds: Bounds, difference: Form, found: float) -> Enclosure:
    """|N / Z| <= M + max(|N| - M |Z|, 0) / min |Z| for every M >= 0."""
    letters = bounds.letters
    below = Sum.of(letters.one, letters)
    for number, power in difference.by.items():
        for _ in range(power):
            below = below * letters.divisors[number]
    least = bounds.away_from_zero(below)
    above, under = bounds.lowered(difference.over), bounds.lowered(below)
    near = Fraction(found) * Fraction(101, 100)
    middle = {name: (low + high) / 2 for name, (low, high) in bounds.ranges.items()}
    sign = 1 if under.at(middle) > 0 else -1
    worst = 0.0
    for one in (above, -above):
        made = _plus(one, under, -near * sign)
        worst = max(worst, separate.largest(
            made, bounds.owners, bounds.ranges, 0.0, 0.02, bounds.work / 4
        ).high)  # fmt: skip
    high = near + max(Fraction(worst), Fraction(0)) / least
    return Enclosure(up(high), "the Bernstein form of the difference over its denominator")


def _plus(one: Polynomial, other: Polynomial, by: Fraction) -> Polynomial:
    """one + by * other."""
    names = tuple(dict.fromkeys((*one.variables, *other.variables)))
    terms: dict[tuple[int, ...], Fraction] = {}
    for polynomial, factor in ((one, Fraction(1)), (other, by)):
        for exponents, coefficient in zip(polynomial.exponents, polynomial.coefficients):
            known = dict(zip(polynomial.variables, exponents))
            key = tuple(known.get(name, 0) for name in names)
            terms[key] = terms.get(key, Fraction(0)) + factor * coefficient
    return Polynomial.of(terms, names)


# -- balls with slopes ------------------------------------------------------------------------


def bisected(programs: Programs, found: float, effort: float = 1.0) -> Enclosure:
    """Both programs in balls with slopes, in the centred form, and boxes cut in two.

    A box is cut where slope times width is largest. Raises NotBounded.
    """
    names = list(programs.ranges)
    number, boxes = count(), 0
    most = effort * SLOPES / len(names) ** 2
    why = ["in balls the difference has no finite bound on the box"]

    def node(sides: tuple[Range, ...]) -> tuple[float, int, tuple[Range, ...], int]:
        nonlocal boxes
        boxes += 1
        balls = [interval(*side) for side in sides]
        widest = max(range(len(sides)), key=lambda i: sides[i][1] - sides[i][0])
        try:
            over = programs.apart(dict(zip(names, balls)))
        except (Unsupported, ZeroDivisionError) as error:  # a smaller box may decide it
            why.append(str(error))
            return -math.inf, next(number), sides, widest
        high = top(over.value)
        if over.slopes is None:
            return -high, next(number), sides, -1
        middle = [ball((low + upper) / 2) for low, upper in sides]
        centred = programs.apart(dict(zip(names, middle))).value
        varying = [i for i, one in enumerate(balls) if not one.is_exact()]
        moved = []
        for place, i in enumerate(varying):
            step = over.slopes[0, place] * (balls[i] - middle[i])
            centred = centred + step
            moved.append((top(step), i))
        return -min(high, top(centred)), next(number), sides, max(moved)[1]

    with precision(BITS):
        try:
            heap = [node(tuple(programs.ranges.values()))]
            while -heap[0][0] > 1.05 * found and boxes < most:
                _, _, sides, axis = heap[0]
                if axis < 0:
                    break
                heapq.heappop(heap)
                for half in halves(sides[axis]):
                    heapq.heappush(heap, node((*sides[:axis], half, *sides[axis + 1 :])))
        except TypeError as error:  # a function that is not known of balls with slopes
            raise NotBounded(str(error)) from None
    high = -heap[0][0]
    if not math.isfinite(high):
        raise NotBounded(why[-1])
    return Enclosure(high, "balls with slopes, by bisection", boxes)
