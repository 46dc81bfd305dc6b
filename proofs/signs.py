"""The sign of an expression for all values that its symbols' assumptions allow.

A sign that is returned is proved; None says that it was not decided. Powers of a number above 1
become 1 + u, u ≥ 0, where their exponent is not negative; that e^v and v belong together is
forgotten, which only makes the statement stronger. What is left is a quotient of polynomials. Each
of its factors is decided on its own: an even power of a real one is never negative; one whose
coefficients share a sign has it, where no symbol is negative; one in a single letter is decided by
its real roots.
"""

from __future__ import annotations

from typing import Any, Literal

import sympy

from proofs.calculus.form import reduced

Sign = Literal[">", ">=", "=", "<=", "<"]
OPPOSITE: dict[Sign, Sign] = {">": "<", ">=": "<=", "=": "=", "<=": ">=", "<": ">"}


def sign(expression: Any) -> Sign | None:
    """How the expression compares with 0 wherever it is defined, None if that is not decided.

    Raises ValueError for a symbol that is not said to be real: the statement has no domain.
    """
    value = sympy.sympify(expression)
    strange = sorted(str(s) for s in value.free_symbols if not s.is_real)
    if strange:
        raise ValueError(f"{', '.join(strange)} must be said to be real, to have a sign")
    quotient = reduced(_without_powers(sympy.expand_power_exp(value)))
    if quotient == 0:
        return "="
    if not quotient.is_rational_function(*quotient.free_symbols):
        return None
    above, below = map(_product, sympy.fraction(quotient))
    if above is None or below is None:
        return None
    # where the quotient is defined, its denominator is not 0
    return above if below.startswith(">") else OPPOSITE[above]


def positive(expression: Any) -> bool:
    return sign(expression) == ">"


def nonnegative(expression: Any) -> bool:
    return sign(expression) in (">", ">=", "=")


def _without_powers(value: Any) -> Any:
    """Powers of numbers above 1 with a symbolic exponent as letters with a sign."""
    found: dict[Any, Any] = {}
    for power in sorted(value.atoms(sympy.Pow, sympy.exp), key=str):
        base, exponent = power.as_base_exp()
        if power in found or exponent.is_number or not (base - 1).is_positive:
            continue
        size = exponent if exponent.is_nonnegative else -exponent
        if size.is_nonnegative:
            above = 1 + sympy.Dummy("u", nonnegative=True, positive=size.is_positive or None)
            found[power] = above if size is exponent else 1 / above
        else:
            found[power] = sympy.Dummy("u", positive=True)
        found[1 / power] = 1 / found[power]
    return value.xreplace(found)


def _product(polynomial: Any) -> Sign | None:
    """The sign of a product, by those of its factors where it is not seen without them."""
    if (whole := _coefficients(polynomial)) is not None:
        return whole
    constant, factors = sympy.factor_list(polynomial)
    if not constant.is_real:
        return None
    negative, strict = bool(constant < 0), True
    for factor, power in factors:
        found = _factor(factor)
        if power % 2 == 0 and found is None:
            found = ">="
        if found is None:
            return None
        if found.startswith("<") and power % 2:
            negative = not negative
        strict = strict and found in ("<", ">")
    if strict:
        return "<" if negative else ">"
    return "<=" if negative else ">="


def _factor(polynomial: Any) -> Sign | None:
    found = _coefficients(polynomial)
    if found is None and len(polynomial.free_symbols) == 1:
        return _roots(polynomial, *polynomial.free_symbols)
    return found


def _coefficients(polynomial: Any) -> Sign | None:
    """By the coefficients' common sign, of a polynomial in letters that are not negative."""
    letters = polynomial.free_symbols
    if not letters or not all(letter.is_nonnegative for letter in letters):
        return None
    terms = sympy.Poly(polynomial, *letters).as_dict(native=False)
    signs = {bool(c > 0) for c in terms.values() if c.is_real}
    if len(signs) != 1 or not all(c.is_real for c in terms.values()):
        return None
    strict = any(
        all(power == 0 or s.is_positive for power, s in zip(powers, letters, strict=True))
        for powers in terms
    )
    if signs == {True}:
        return ">" if strict else ">="
    return "<" if strict else "<="


def _roots(polynomial: Any, symbol: Any) -> Sign | None:
    """By the real roots of a polynomial in one letter with rational coefficients."""
    form = sympy.Poly(polynomial, symbol)
    if not form.domain.is_ZZ and not form.domain.is_QQ:
        return None
    roots = sympy.real_roots(form, multiple=True)
    if symbol.is_nonnegative:
        # a root at 0 does not matter for x > 0, and would be a factor x otherwise
        roots = [root for root in roots if root > 0]
    if roots:
        return None
    value = form.eval(1)
    strict: Sign = ">" if value > 0 else "<"
    if symbol.is_nonnegative and not symbol.is_positive and form.eval(0) == 0:
        return ">=" if value > 0 else "<="
    return strict
