"""Forms of the calculus from and to sympy's matrix expressions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy

from proofs.calculus.form import Form, identity, inverse_letter, letter, zero


def from_sympy(expression: Any, symmetric: Iterable[Any] = ()) -> Form:
    """The form of a sympy matrix expression (sums, products, transposes, integer powers).

    `symmetric` names the MatrixSymbols that equal their transpose. Raises TypeError for
    an operation that the calculus does not have.
    """
    fixed = tuple(symmetric)
    e = expression

    def go(part: Any) -> Form:
        return from_sympy(part, fixed)

    if isinstance(e, sympy.MatrixSymbol):
        return letter(e.name, e.rows, e.cols, symmetric=e in fixed)
    if isinstance(e, sympy.Identity):
        return identity(e.rows)
    if isinstance(e, sympy.ZeroMatrix):
        return zero(*e.shape)
    if isinstance(e, sympy.MatAdd):
        first, *rest = map(go, e.args)
        for part in rest:
            first = first + part
        return first
    if isinstance(e, sympy.MatMul):
        coefficient, factors = e.as_coeff_matrices()
        product = go(factors[0])
        for part in factors[1:]:
            product = product @ go(part)
        return coefficient * product
    if isinstance(e, sympy.Transpose):
        return go(e.arg).T
    if isinstance(e, sympy.Inverse):
        return inverse_letter(go(e.arg))
    if isinstance(e, sympy.MatPow) and e.exp.is_Integer and e.exp >= 0:
        return go(e.base) ** int(e.exp)
    raise TypeError(f"the calculus has no {type(e).__name__}")


def to_sympy(form: Form) -> Any:
    """The sympy matrix expression of a form; inverse to `from_sympy` up to normal form."""
    total: Any = sympy.ZeroMatrix(form.rows, form.columns)
    for word, coefficient in form.normal().items():
        product: Any = sympy.Identity(form.rows)
        for one in word:
            shape = (one.columns, one.rows) if one.transposed else (one.rows, one.columns)
            symbol: Any = sympy.MatrixSymbol(one.name, *shape)
            symbol = symbol.inverse() if one.inverse else symbol
            product = product * (symbol.T if one.transposed else symbol)
        total = total + coefficient * product
    return total
