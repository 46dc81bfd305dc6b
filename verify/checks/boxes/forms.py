"""Normal forms in which a difference of two programs is taken before anything is enclosed.

A form is a quotient of sums of c(x) exp(u(x)), c and u polynomials with rational coefficients in
the letters of the prompt. Exponentials of different polynomials are linearly independent over the
rational functions (of numbers by Lindemann and Weierstrass), so that a sum is the zero function
exactly when no term is left. What is no such function of its argument (a ReLU, a root, an
exponential of a quotient) is a letter of its own: an atom, the same one for the same argument.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cmp_to_key
from numbers import Rational
from typing import Any

from flint import Ordering, fmpq, fmpq_mpoly, fmpq_mpoly_ctx

from constructions.numbers import Unsupported
from proofs.exact import is_symbolic

from .system import from_sympy, with_number

SPARE = 48  # atoms
MOST_TERMS = 400_000  # of a product, counted before like terms are joined

Polynomial = fmpq_mpoly
Terms = dict[str, tuple[Polynomial, Polynomial]]  # text of the exponent: exponent, coefficient


class Comparisons:
    """What an algorithm was told when it compared letters; every way is to be gone.

    `script` holds the answers of the first questions; every later one is answered with yes.
    """

    def __init__(self, script: tuple[bool, ...] = ()) -> None:
        self.script, self.answers = script, list[bool]()
        self._known: dict[tuple[str, str], bool] = {}

    def answer(self, relation: str, text: str) -> bool:
        if (relation, text) not in self._known:
            asked = len(self.answers)
            self.answers.append(self.script[asked] if asked < len(self.script) else True)
            self._known[relation, text] = self.answers[-1]
        return self._known[relation, text]


@dataclass(frozen=True)
class Atom:
    """function(argument), a letter that is defined."""

    function: str
    argument: Form


class Letters:
    """The letters of a prompt and of parameters, and what is made of them: atoms and divisors."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        spare = [f"atom{k}" for k in range(SPARE)]
        self.context = fmpq_mpoly_ctx.get([*self.names, *spare], Ordering.lex)
        self.atoms: list[Atom] = []
        self.divisors: list[Sum] = []
        self.not_zero: list[Form] = []  # what a program compared with 0, and found to be another
        self.comparisons = Comparisons()
        self._atoms: dict[tuple[str, str], int] = {}
        self._divisors: dict[str, int] = {}
        self._generators = self.context.gens()
        self.zero = self.context.constant(0)
        self.one = self.context.constant(1)

    def letter(self, name: str) -> Form:
        """Raises Unsupported for a name that is none of them."""
        if name not in self.names:
            raise Unsupported(f"{name} is no letter of the box")
        return self._polynomial(self._generators[self.names.index(name)])

    def constant(self, value: Any) -> Form:
        value = Fraction(value)
        return self._polynomial(self.context.constant(fmpq(value.numerator, value.denominator)))

    def _polynomial(self, polynomial: Polynomial) -> Form:
        return Form(self, Sum.of(polynomial, self), {})

    def element(self, value: Any, what: str = "a value") -> Form:
        """A number, a symbol of one of these names, or a rational function of them, as a form.

        Raises Unsupported for what is none.
        """
        if isinstance(value, Form):
            return value
        if is_symbolic(value):
            return self._of_sympy(value)
        if isinstance(value, float) or isinstance(value, Rational):
            return self.constant(value)
        try:
            return self.constant(value)
        except (TypeError, ValueError):
            raise Unsupported(f"normal forms do not know {what} {value!r}") from None

    def _of_sympy(self, value: Any) -> Form:
        def constant(number: Any) -> Form:
            if not number.is_Rational:
                raise Unsupported(f"normal forms have no irrational number {number}")
            return self.constant(Fraction(int(number.p), int(number.q)))

        return from_sympy(value, self.letter, constant)

    def atom(self, function: str, argument: Form) -> Form:
        """The letter function(argument)."""
        key = function, argument.text
        if key not in self._atoms:
            if len(self.atoms) == SPARE:
                raise Unsupported(f"more than {SPARE} values of ReLU, roots and the like")
            self._atoms[key] = len(self.names) + len(self.atoms)
            self.atoms.append(Atom(function, argument))
        return self._polynomial(self._generators[self._atoms[key]])

    def divisor(self, by: Sum) -> int:
        """The number of a divisor, the same for the same one."""
        if by.text not in self._divisors:
            self._divisors[by.text] = len(self.divisors)
            self.divisors.append(by)
        return self._divisors[by.text]


@dataclass(frozen=True, eq=False)
class Sum:
    """sum of coefficient * exp(exponent), by the exponent's text; nothing with coefficient 0."""

    terms: Terms
    _text: list[str] = field(default_factory=list, repr=False)

    @staticmethod
    def of(polynomial: Polynomial, letters: Letters) -> Sum:
        """The polynomial itself."""
        zero = letters.zero
        return Sum({} if polynomial.is_zero() else {str(zero): (zero, polynomial)})

    @property
    def text(self) -> str:
        """Equal for equal sums."""
        if not self._text:
            lines = (f"({c})*exp({u})" for u, (_, c) in sorted(self.terms.items()))
            self._text.append(" + ".join(lines))
        return self._text[0]

    def plain(self) -> Polynomial | None:
        """The polynomial that it is, if it has no exponential; None for one, and for 0."""
        if len(self.terms) == 1:
            ((exponent, coefficient),) = self.terms.values()
            return coefficient if exponent.is_zero() else None
        return None

    def __add__(self, other: Sum) -> Sum:
        made = dict(self.terms)
        for text, (exponent, coefficient) in other.terms.items():
            _accumulate(made, text, exponent, coefficient)
        return Sum(made)

    def __mul__(self, other: Sum) -> Sum:
        made: Terms = {}
        size = sum(len(c) for _, c in self.terms.values()) * sum(
            len(c) for _, c in other.terms.values()
        )
        if size > MOST_TERMS:
            raise Unsupported(f"written out, the two have more than {MOST_TERMS} terms")
        for exponent, coefficient in self.terms.values():
            for more, factor in other.terms.values():
                total = exponent + more
                _accumulate(made, str(total), total, coefficient * factor)
        return Sum(made)

    def scaled(self, by: fmpq) -> Sum:
        if by == 0:
            return Sum({})
        return Sum({text: (u, c * by) for text, (u, c) in self.terms.items()})

    def shifted(self, by: Polynomial) -> Sum:
        """Times exp(by)."""
        made: Terms = {}
        for exponent, coefficient in self.terms.values():
            total = exponent + by
            made[str(total)] = total, coefficient
        return Sum(made)

    def in_order(self) -> list[tuple[Polynomial, Polynomial]]:
        """(exponent, coefficient) by exponents; a shift of all exponents leaves the order."""
        order = cmp_to_key(_sign_of_difference)
        return sorted(self.terms.values(), key=lambda term: order(term[0]))


def _accumulate(terms: Terms, text: str, exponent: Polynomial, coefficient: Polynomial) -> None:
    known = terms.get(text)
    total = coefficient if known is None else known[1] + coefficient
    if total.is_zero():
        terms.pop(text, None)
    else:
        terms[text] = exponent, total


def _sign_of_difference(a: Polynomial, b: Polynomial) -> int:
    """The sign of the leading coefficient of a - b."""
    difference = a - b
    if difference.is_zero():
        return 0
    return 1 if difference.leading_coefficient() > 0 else -1


class Form:
    """numerator / product of divisors: a number for a program that computes with letters."""

    __slots__ = ("_text", "by", "letters", "over")

    def __init__(self, letters: Letters, over: Sum, by: Mapping[int, int]) -> None:
        self.letters, self.over = letters, over
        self.by = dict(by) if over.terms else {}
        self._text: str | None = None

    @property
    def text(self) -> str:
        """Equal for forms that are written alike."""
        if self._text is None:
            below = "".join(f"/D{number}^{power}" for number, power in sorted(self.by.items()))
            self._text = f"[{self.over.text}]{below}"
        return self._text

    @property
    def terms(self) -> int:
        """How many terms are written, divisors included."""
        sums = [self.over, *(self.letters.divisors[number] for number in self.by)]
        return 1 + sum(len(c) + len(u) for one in sums for u, c in one.terms.values())

    @property
    def is_zero(self) -> bool:
        """Whether it is the zero function."""
        return not self.over.terms

    @property
    def polynomial(self) -> Polynomial | None:
        """The polynomial that it is, in letters and atoms; None if it is none."""
        if self.is_zero:
            return self.letters.zero
        return None if self.by else self.over.plain()

    @property
    def plain(self) -> bool:
        """Whether it is a polynomial in letters alone."""
        polynomial = self.polynomial
        if polynomial is None:
            return False
        return not any(polynomial.degrees()[len(self.letters.names) :])

    @property
    def value(self) -> fmpq | None:
        """The number that it is, whatever the letters; None if it depends on them."""
        polynomial = self.polynomial
        if polynomial is None or not polynomial.is_constant():
            return None
        return fmpq(0) if polynomial.is_zero() else polynomial.leading_coefficient()

    # -- arithmetic --

    def _like(self, other: Any) -> Form:
        return other if isinstance(other, Form) else self.letters.element(other)

    def _factors(self, powers: Mapping[int, int]) -> Sum:
        made = Sum.of(self.letters.one, self.letters)
        for number, power in powers.items():
            for _ in range(power):
                made = made * self.letters.divisors[number]
        return made

    @with_number
    def __add__(self, other: Any) -> Form:
        other = self._like(other)
        if self.is_zero or other.is_zero:
            return other if self.is_zero else self
        if self.by == other.by:
            return Form(self.letters, self.over + other.over, self.by)
        mine: Counter[int] = Counter(self.by)
        theirs: Counter[int] = Counter(other.by)
        common: Counter[int] = mine | theirs
        left = self.over * self._factors(common - mine)
        return Form(self.letters, left + other.over * self._factors(common - theirs), common)

    @with_number
    def __mul__(self, other: Any) -> Form:
        other = self._like(other)
        if self.is_zero or other.is_zero:
            return self if self.is_zero else other
        for one, constant in ((self, other), (other, self)):
            if (value := constant.value) is not None:
                return Form(self.letters, one.over.scaled(value), one.by)
        by = Counter(self.by) + Counter(other.by)
        return Form(self.letters, self.over * other.over, by)

    def inverse(self) -> Form:
        """1 / self, and what is divided by is remembered: it must not vanish."""
        if self.is_zero:
            raise ZeroDivisionError("division by 0, whatever the prompt")
        exponent, coefficient = self.over.in_order()[0]
        lead = coefficient.leading_coefficient()
        above = self._factors(self.by).shifted(-exponent).scaled(1 / lead)
        below = self.over.shifted(-exponent).scaled(1 / lead)
        plain = below.plain()
        if plain is not None and plain.is_constant():
            return Form(self.letters, above, {})
        return Form(self.letters, above, {self.letters.divisor(below): 1})

    def __neg__(self) -> Form:
        return Form(self.letters, self.over.scaled(fmpq(-1)), self.by)

    @with_number
    def __sub__(self, other: Any) -> Form:
        return self + -self._like(other)

    def __rsub__(self, other: Any) -> Form:
        return self._like(other) - self

    @with_number
    def __truediv__(self, other: Any) -> Form:
        other = self._like(other)
        if (value := other.value) is not None and value != 0:
            return Form(self.letters, self.over.scaled(1 / value), self.by)
        return self * other.inverse()

    def __rtruediv__(self, other: Any) -> Form:
        return self._like(other) / self

    __radd__ = __add__
    __rmul__ = __mul__

    def __pow__(self, power: int) -> Form:
        if not isinstance(power, int):
            raise Unsupported(f"normal forms do not know the power {power!r}")
        base = self if power >= 0 else self.inverse()
        made = self.letters.constant(1)
        for _ in range(abs(power)):
            made = made * base
        return made

    # -- functions --

    def _exponent(self) -> Polynomial | None:
        """The form as a polynomial in letters, atoms and inverses of polynomials; None if none."""
        exponent = Form(self.letters, self.over, {})
        for number, power in self.by.items():
            divisor = Form(self.letters, self.letters.divisors[number], {})
            if divisor.polynomial is None:
                return None
            exponent = exponent * self.letters.atom("inverse", divisor) ** power
        return exponent.polynomial

    def exp(self) -> Form:
        exponent = self._exponent()
        if exponent is None:
            return self.letters.atom("exp", self)
        return Form(self.letters, Sum({str(exponent): (exponent, self.letters.one)}), {})

    def relu(self) -> Form:
        """max(self, 0): relu(c u) = c relu(u) for c > 0, relu(-u) = relu(u) - u."""
        if (value := self.value) is not None:
            return self if value > 0 else self * 0
        exponent, coefficient = self.over.in_order()[0]
        lead = coefficient.leading_coefficient()
        unit = self / Fraction(int(lead.p), int(lead.q))
        positive = self.letters.atom("relu", unit)
        positive = positive if lead > 0 else positive - unit
        return positive * abs(Fraction(int(lead.p), int(lead.q)))

    def max(self, other: Any) -> Form:
        return self._like(other) + (self - other).relu()

    def min(self, other: Any) -> Form:
        return self - (self - other).relu()

    def __abs__(self) -> Form:
        return self.relu() * 2 - self

    def _function(self, name: str) -> Form:
        return self.letters.atom(name, self)

    def sqrt(self) -> Form:
        return self._function("sqrt")

    def erf(self) -> Form:
        return self._function("erf")

    def tanh(self) -> Form:
        return self._function("tanh")

    def log(self) -> Form:
        return self._function("log")

    # -- comparisons, which ask for both answers unless the difference is a number --

    def _compared(self, other: Any, relation: str, holds: Callable[[fmpq], bool]) -> bool:
        difference = self - other
        if (value := difference.value) is not None:
            return holds(value)
        return self.letters.comparisons.answer(relation, difference.text)

    def __gt__(self, other: Any) -> bool:
        return self._compared(other, ">", lambda value: value > 0)

    def __ge__(self, other: Any) -> bool:
        return self._compared(other, ">=", lambda value: value >= 0)

    def __lt__(self, other: Any) -> bool:
        return self._like(other) > self

    def __le__(self, other: Any) -> bool:
        return self._like(other) >= self

    def __eq__(self, other: object) -> bool:
        """Whether it is the same function; of two that are not, that they differ is remembered."""
        difference = self - other
        if difference.value is None:
            self.letters.not_zero.append(difference)
        return difference.is_zero

    def __hash__(self) -> int:
        raise Unsupported(
            "normal forms are in no set and no key: numbers that are equal would be told apart"
        )

    def __bool__(self) -> bool:
        return self != 0
