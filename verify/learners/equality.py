"""Whether two algorithms that see the data through eigenvalues are one function: decided exactly.

Each predicts x^T r(S) X^T y with a rational function r, so that one prompt tells all of it: the
example x = t, y = 1, and the query 1, t a letter, where the prediction is r(t^2) t. Equal there,
two of them are equal for every n, d and prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from .. import algorithms

NEAR = 1e-6  # relative distance of an exact parameter from the float that stands for it
DIGITS = 10**9  # largest denominator of a fraction that a float may stand for


def exactly(
    name: str, parameters: Mapping[str, Any], of: str, known: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The exact parameters next to these floats at which the algorithm `name` is `of` with its
    exact, `known` ones; None if there are none.

    Those are fractions, or else zeros of the polynomials that the coefficients of r give.
    """
    wanted = in_letters(of, known)
    fractions = {key: _fraction(value) for key, value in parameters.items()}
    if in_letters(name, fractions) == wanted:
        return fractions
    if any(isinstance(value, tuple) for value in parameters.values()):
        return None  # rates of many steps, of which polynomials are not solved
    reals = [key for key, value in parameters.items() if isinstance(value, float)]
    letters = {key: sympy.Symbol(key, positive=True) for key in reals}
    gap = sympy.numer(sympy.together(in_letters(name, {**parameters, **letters}) - wanted))
    equations = sympy.Poly(gap, T).coeffs()
    for found in sympy.solve(equations, list(letters.values()), dict=True):
        values = {key: found.get(letter, letter) for key, letter in letters.items()}
        near = all(
            value.is_number and abs(complex(value) - parameters[key]) <= NEAR * parameters[key]
            for key, value in values.items()
        )
        if near and sympy.simplify(gap.subs(found)) == 0:
            return {**parameters, **values}
    return None


T = sympy.Symbol("t")


def in_letters(name: str, parameters: Mapping[str, Any]) -> Any:
    """The prediction r(t^2) t for the example (t, 1) and the query 1, in lowest terms."""

    def taken(value: Any) -> Any:
        if isinstance(value, tuple):
            return np.array([field(sympy.sympify(entry)) for entry in value], dtype=object)
        return field(sympy.sympify(value)) if _is_real(value) else value

    letters = sorted(
        {s for value in parameters.values() for s in getattr(value, "free_symbols", ())}, key=str
    )
    field = sympy.QQ.frac_field(T, *letters)
    X, y, query = (
        np.array(entries, dtype=object)
        for entries in ([[field(T)]], [field.one], [[field.one]])
    )  # fmt: skip
    given = {key: taken(value) for key, value in parameters.items()}
    made = getattr(algorithms, name)(X, y, query, **given)[0]
    return sympy.cancel(made.as_expr())


def _is_real(value: Any) -> bool:
    """A parameter that is no count and no word."""
    return isinstance(value, (Fraction, float)) or hasattr(value, "free_symbols")


def _fraction(value: Any) -> Any:
    """The fraction that a float stands for."""
    if isinstance(value, tuple):
        return tuple(map(_fraction, value))
    return Fraction(value).limit_denominator(DIGITS) if isinstance(value, float) else value
