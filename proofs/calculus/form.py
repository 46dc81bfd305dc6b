"""The algebra that decides what slots hold, for all n and d at once.

Tokens are rows. The n context tokens hold X (n, d) and y (n, 1), m query tokens hold
Z (m, d). A slot, stacked over tokens, is a sum of coefficient · word, a word being a
product of letters such as X T Xᵀ y; a linear head is again such a product,

    rows of the result = Q (Kᵀ V),   Q, K, V the stacked query, key and value slots,

so a whole linear-attention transformer stays inside this algebra.

Normal form. Letters do not commute. Transposition goes down to the letters, a symmetric
letter is its own transpose, A A⁻¹ cancels, and a factor of shape 1 × 1 (aᵀ P a) leaves
the word as a scalar, the same one as its transpose. Words in normal form are linearly
independent as long as n and d are not bounded, coefficients are rational functions in
normal form, so two forms are equal for every n and d if and only if their normal forms
are. (Equality found here holds for each n, d ≥ 1; a difference found here shows from
some n, d on.) Letters that stand for polynomials in S = XᵀX commute with each other and
with S: runs of them are sorted. So are runs of diagonal letters, which commute with each other.

Where every matrix is a polynomial in S = XᵀX, one commuting variable s is enough: p ↦ p(S) is a
homomorphism of rings from polynomials in one variable to matrices, so an identity between
polynomials gives one between matrices, and since S is symmetric so is every p(S). Nothing is
lost: at d = 1, S takes every non-negative value, so matrix identities for all prompts give back
the polynomials'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from typing import Any

import sympy
from flint import Ordering, fmpz_mpoly, fmpz_mpoly_ctx
from sympy.polys.fields import sfield
from sympy.polys.orderings import lex
from sympy.polys.polyutils import _sort_gens
from sympy.polys.rings import PolyElement, PolyRing

from proofs.calculus.words import ONE, Letter, Size, Word, is_gram, normal_word, transpose_word

n, d, m = sympy.symbols("n d m", integer=True, positive=True)


LEGIBLE = 40  # operations in a coefficient


class ShapeError(ValueError):
    """Forms whose shapes do not fit."""


@dataclass(frozen=True, eq=False)
class Form:
    """A sum of coefficient · word, of shape rows × columns."""

    rows: Size
    columns: Size
    terms: Mapping[Word, sympy.Expr]

    @staticmethod
    def collect(rows: Size, columns: Size, terms: Iterable[tuple[Word, sympy.Expr]]) -> Form:
        parts: dict[Word, list[sympy.Expr]] = {}
        for word, coefficient in terms:
            factor, rest = normal_word(word)
            parts.setdefault(rest, []).append(_times(factor, coefficient))
        sums = {
            word: one if not more else _kept_sum(one, *more) for word, (one, *more) in parts.items()
        }
        return Form(rows, columns, sums)

    def __add__(self, other: Form) -> Form:
        if (self.rows, self.columns) != (other.rows, other.columns):
            raise ShapeError(
                f"shapes {self.rows}×{self.columns} and {other.rows}×{other.columns} "
                "cannot be added"
            )
        both = [*self.terms.items(), *other.terms.items()]
        return Form.collect(self.rows, self.columns, both)

    def __neg__(self) -> Form:
        return -1 * self

    def __sub__(self, other: Form) -> Form:
        return self + (-other)

    def __rmul__(self, scalar: Any) -> Form:
        scalar = sympy.sympify(scalar)
        made = {word: _times(scalar, c) for word, c in self.terms.items()}
        return Form(self.rows, self.columns, made)

    def __truediv__(self, scalar: Any) -> Form:
        return (ONE / sympy.sympify(scalar)) * self

    def __matmul__(self, other: Form) -> Form:
        if self.columns != other.rows:
            raise ShapeError(
                f"shapes {self.rows}×{self.columns} and {other.rows}×{other.columns} "
                "cannot be multiplied"
            )
        products = (
            (left + right, _times(a, b))
            for left, a in self.terms.items()
            for right, b in other.terms.items()
        )
        return Form.collect(self.rows, other.columns, products)

    def __pow__(self, exponent: int) -> Form:
        power = identity(self.rows)
        for _ in range(exponent):
            power = power @ self
        return power

    @property
    def T(self) -> Form:
        turned = ((transpose_word(word), c) for word, c in self.terms.items())
        return Form.collect(self.columns, self.rows, turned)

    def normal(self) -> dict[Word, sympy.Expr]:
        """Words with their non-zero coefficients as reduced fractions."""
        fractions = ((word, reduced(c)) for word, c in self.terms.items())
        return {word: c for word, c in fractions if c != 0}

    @property
    def vanishes(self) -> bool:
        """Whether its normal form has no word."""
        return all(map(_vanishes, self.terms.values()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Form):
            return NotImplemented
        if (self.rows, self.columns) != (other.rows, other.columns):
            return False
        alike = self.terms == other.terms and all(map(_defined, self.terms.values()))
        return alike or (self - other).vanishes

    __hash__ = None  # type: ignore[assignment]

    def scalar(self) -> sympy.Expr:
        """The value of a 1 × 1 form as a scalar expression."""
        if (self.rows, self.columns) != (1, 1):
            raise ValueError(f"a {self.rows}×{self.columns} form is not a scalar")
        return sympy.Add(*self.terms.values())

    def subs(self, values: Mapping[Any, Any]) -> Form:
        """Coefficients with `values` put in for their symbols."""
        return Form(self.rows, self.columns, {w: c.subs(values) for w, c in self.terms.items()})

    def latex(self) -> str:
        """The normal form as LaTeX."""
        parts = []
        for word, c in self.normal().items():
            body = " ".join(letter.latex() for letter in word)
            if not body:
                body = "I" if self.rows != 1 else ""
            if body and c in (1, -1):
                text = body if c == 1 else "-" + body
            else:
                # factors of a long coefficient take long and are no easier to read
                number = sympy.latex(sympy.factor(c) if c.count_ops() <= LEGIBLE else c)
                if body and c.is_Add:
                    number = rf"\left({number}\right)"
                text = f"{number} {body}".strip()
            parts.append(text)
        return " + ".join(parts).replace("+ -", "- ") if parts else "0"


def _times(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    """Their product; most coefficients are 1, which is not to be multiplied with."""
    return b if a is ONE else a if b is ONE else _kept_product(a, b)


@lru_cache(maxsize=2**14)  # the same few coefficients come up in every word of every step
def _kept_product(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    return a * b


@lru_cache(maxsize=2**14)
def _kept_sum(*parts: sympy.Expr) -> sympy.Expr:
    return sympy.Add(*parts)


@lru_cache(maxsize=4096)  # the same few fractions come up in every word of a product
def reduced(coefficient: sympy.Expr) -> sympy.Expr:
    """A rational function as a reduced fraction."""
    if coefficient.is_Atom:
        return coefficient
    if not coefficient.free_symbols:
        return sympy.cancel(sympy.together(coefficient))
    numerator, denominator = cancelled(coefficient)
    return numerator.as_expr() / denominator.as_expr()


@lru_cache(maxsize=4096)
def _vanishes(coefficient: sympy.Expr) -> bool:
    """Whether a rational function is 0."""
    known = is_zero(coefficient)
    return reduced(coefficient) == 0 if known is None else known


Quotient = tuple[PolyElement, PolyElement]
Polynomials = tuple[fmpz_mpoly, fmpz_mpoly]


def cancelled(coefficient: sympy.Expr) -> Quotient:
    """Numerator and denominator of a rational function, without a common factor."""
    if (made := in_letters(coefficient)) is not None:
        return made
    _, fraction = sfield(coefficient)
    return fraction.numer, fraction.denom


def in_letters(coefficient: sympy.Expr) -> Quotient | None:
    """`cancelled` for sums, products and whole powers of letters and rational numbers, which are
    added and multiplied as python-flint's polynomials, never expanded as expressions; None of
    anything else."""
    ring, known = _ring(frozenset(coefficient.free_symbols))
    if (made := _quotient(coefficient, known)) is None:
        return None
    above, below = made
    common = above.gcd(below)
    if below.leading_coefficient() < 0:
        common = -common
    return _as_sympy(above / common, ring), _as_sympy(below / common, ring)


def _defined(coefficient: sympy.Expr) -> bool:
    """Whether nothing in it was divided by 0, which equals nothing."""
    return not coefficient.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo)


def is_zero(coefficient: sympy.Expr) -> bool | None:
    """Whether it is 0, of what `in_letters` knows; None of anything else."""
    made = _quotient(coefficient, _ring(frozenset(coefficient.free_symbols))[1])
    return None if made is None else not made[0]


def _as_sympy(polynomial: fmpz_mpoly, ring: PolyRing) -> PolyElement:
    return ring.from_dict({powers: ring.domain(int(c)) for powers, c in polynomial.terms()})


@lru_cache(maxsize=256)
def _ring(letters: frozenset[sympy.Symbol]) -> tuple[PolyRing, Mapping[sympy.Expr, fmpz_mpoly]]:
    """Polynomials in the letters, and each letter, and 1, as one; in the order in which sympy sorts
    them, which decides about signs."""
    ring = PolyRing(_sort_gens(letters), sympy.ZZ, lex)
    context = fmpz_mpoly_ctx.get([f"x{k}" for k in range(ring.ngens)], Ordering.lex)
    known = dict(zip(ring.symbols, context.gens(), strict=True))
    return ring, known | {ONE: context.constant(1)}


def _quotient(value: sympy.Expr, known: Mapping[sympy.Expr, fmpz_mpoly]) -> Polynomials | None:
    """Numerator and denominator, not reduced."""
    if value.is_Symbol:
        return (known[value], known[ONE]) if value.is_commutative else None
    if value.is_Rational:
        return int(value.p) * known[ONE], int(value.q) * known[ONE]
    if value.is_Pow and value.exp.is_Integer:
        base = _quotient(value.base, known)
        if base is None or (value.exp < 0 and not base[0]):
            return None
        above, below = (part ** abs(int(value.exp)) for part in base)
        return (below, above) if value.exp < 0 else (above, below)
    if not (value.is_Add or value.is_Mul):
        return None
    parts = []
    for argument in value.args:
        if (part := _quotient(argument, known)) is None:
            return None
        parts.append(part)
    return reduce(_sum if value.is_Add else _product, parts)


def _product(one: Polynomials, other: Polynomials) -> Polynomials:
    return one[0] * other[0], one[1] * other[1]


def _sum(one: Polynomials, other: Polynomials) -> Polynomials:
    (a, below), (b, other_below) = one, other
    if below == other_below:
        return a + b, below
    common = below.gcd(other_below)
    left, right = below / common, other_below / common
    return a * right + b * left, below * right


def letter(
    name: str, rows: Any, columns: Any, symmetric: bool = False, commuting: bool = False,
    diagonal: bool = False,
) -> Form:  # fmt: skip
    """A single matrix letter as a form; `commuting` for a polynomial in S."""
    own_transpose = symmetric or commuting or diagonal
    one = Letter(
        name, sympy.sympify(rows), sympy.sympify(columns), own_transpose, commuting,
        diagonal=diagonal,
    )  # fmt: skip
    return Form(one.rows, one.columns, {(one,): ONE})


def is_polynomial_in_s(form: Form) -> bool:
    """Whether every word is a product of S = XᵀX and commuting letters."""
    for word in form.terms:
        rest = word
        while rest:
            size = 1 if rest[0].commuting else 2 if is_gram(rest[:2]) else 0
            if not size:
                return False
            rest = rest[size:]
    return form.rows == form.columns == d


def inverse_letter(form: Form) -> Form:
    """The inverse of a single square letter, assumed to exist."""
    ((word, coefficient),) = form.terms.items()
    if len(word) != 1 or coefficient != 1 or word[0].rows != word[0].columns:
        raise ValueError("only a single square letter has an inverse letter")
    other = replace(word[0], inverse=not word[0].inverse)
    return Form(form.rows, form.columns, {(other,): ONE})


def identity(size: Any) -> Form:
    return Form(sympy.sympify(size), sympy.sympify(size), {(): ONE})


def zero(rows: Any, columns: Any) -> Form:
    return Form(sympy.sympify(rows), sympy.sympify(columns), {})


def number(value: Any) -> Form:
    """A scalar as a 1 × 1 form."""
    return Form(ONE, ONE, {(): sympy.sympify(value)})


def head(value: Form, key: Form, query: Form) -> Form:
    """A linear head: row t of the result is Σ_j value_j ⟨key_j, query_t⟩, j over the context."""
    return query @ (key.T @ value)


def rewrite(form: Form, left: Form, right: Form) -> Form:
    """`form` with every occurrence of the single word `left` replaced by the form `right`."""
    ((pattern, coefficient),) = left.terms.items()
    if coefficient != 1 or not pattern or (left.rows, left.columns) != (right.rows, right.columns):
        raise ValueError("rewriting needs one word and a form of its shape")
    size = len(pattern)
    total = zero(form.rows, form.columns)
    for word, c in form.terms.items():
        pieces: list[Word | None] = []
        plain: Word = ()
        while word:
            if word[:size] == pattern:
                pieces, plain, word = [*pieces, plain, None], (), word[size:]
            else:
                plain, word = (*plain, word[0]), word[1:]
        product = identity(form.rows)
        for piece in (*pieces, plain):
            if piece is None:
                product = product @ right
            elif piece:
                product = product @ Form(piece[0].rows, piece[-1].columns, {piece: ONE})
        total = total + c * product
    return total


X = letter("X", n, d)
y = letter("y", n, 1)
Z = letter("Z", m, d)
S = X.T @ X
