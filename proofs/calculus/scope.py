"""Values of formulas in the calculus: the names of one witness, and what the signs mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from proofs import formula
from proofs.calculus import form as c
from proofs.calculus.arrays import Arrays, indexed
from proofs.calculus.form import Form
from proofs.calculus.run import Run
from proofs.calculus.tokens import OutsideCalculusError, ones
from proofs.formula import Arithmetic, Names
from proofs.letters import entries, is_square, is_vector
from proofs.vocabulary import NUMBERED


@dataclass(frozen=True, eq=False)
class Stack:
    """A matrix given by blocks of rows: X when every example is a token of its own."""

    blocks: tuple[Form, ...]
    turned: bool = False

    @property
    def T(self) -> Stack:
        return Stack(self.blocks, not self.turned)


class UndefinedError(ValueError):
    """A name that nothing defines."""


class Scope:
    """Names of one witness: the prompt, its parameters and its definitions."""

    def __init__(
        self,
        parameters: Mapping[str, Any],
        arrays: Arrays,
        run: Run,
        definitions: Mapping[str, str],
    ) -> None:
        self.definitions = definitions
        self.shapes, self.carried = run.shapes, run.carried
        self.known: dict[str, Any] = {
            "n": run.examples,
            "I": c.identity(c.d),
            "O": c.zero(c.d, 1),
        }
        self.letters: dict[str, Form] = {}
        self.found: dict[str, Any] = {}  # values of definitions, in the letters so far
        for feature in (*(part.name for part in run.witness.prompt.fields.parts.slots), "y"):
            rows = [g.features[feature] for g in run.groups if g.context and feature in g.features]
            if not rows:
                continue
            together = rows[0].rows == c.n
            name = "X" if feature == "x" else feature
            self.known[name] = rows[0] if together else Stack(tuple(rows))
            if feature in NUMBERED and not together:
                single = {f"{feature}{i}": plain(row.T) for i, row in enumerate(rows, start=1)}
                self.known |= single
        for name, value in parameters.items():
            if is_vector(value):
                self.known[name] = arrays.value(value) if any(value) else c.zero(c.d, 1)
            elif is_square(value):
                self.known[name] = arrays.value(value)
            elif value is not None and not isinstance(value, (str, tuple)):
                self.known[name] = sympy.sympify(value)
        for name, value in entries(parameters).items():
            if name not in self.known and name not in definitions:
                matrix = is_square(value)
                self.known[name] = arrays.value(value) if matrix else sympy.sympify(value)
        self.known["d"] = c.d  # never the number at which the witness was built

    def value(self, name: str) -> Any:
        """The name's letter, or else its value. Raises ValueError where it is not defined."""
        if name in self.letters:
            return self.letters[name]
        if name in self.known:
            return self.known[name]
        if name not in self.definitions:
            raise UndefinedError(f"{name} is not defined")
        if name not in self.found:
            value = self.evaluate(self.definitions[name], {})
            if isinstance(value, Form):
                value = Form(value.rows, value.columns, value.normal())
            self.found[name] = value
        return self.found[name]

    def evaluate(self, text: str, local: Mapping[str, Any]) -> Any:
        """A form, a stack or a scalar; names of `local` come before those of the scope."""
        return formula.evaluate(text, Names(local, self.value), FORMS)

    def settle(self, text: str, vectors: bool) -> None:
        """Make an expression's defined matrices (and vectors) letters of their own."""
        for name in formula.names(text):
            if name not in self.definitions:
                continue
            value = self.value(name)
            if name in self.letters or not isinstance(value, Form):
                continue
            if value.rows != value.columns and not vectors:
                continue
            if len(value.normal()) < 2:  # S, or α S: short enough as it is
                continue
            symmetric = value.rows == value.columns and value == value.T
            self.letters[name] = c.letter(
                indexed(name),
                value.rows,
                value.columns,
                symmetric,
                commuting=c.is_polynomial_in_s(value),
            )
            self.found.clear()


def plain(value: Any) -> Any:
    """A 1 × 1 form as a scalar."""
    if isinstance(value, Form) and (value.rows, value.columns) == (1, 1):
        return value.scalar()
    return value


def _sum(left: Any, right: Any) -> Any:
    left, right = plain(left), plain(right)
    if isinstance(left, Stack) and isinstance(right, Stack) and left.turned == right.turned:
        pairs = zip(left.blocks, right.blocks, strict=True)
        return Stack(tuple(a + b for a, b in pairs), left.turned)
    if isinstance(left, Stack) or isinstance(right, Stack):
        raise OutsideCalculusError("a sum with single tokens")
    if isinstance(left, Form) and not isinstance(right, Form):
        right = right * _ones_like(left)
    elif isinstance(right, Form) and not isinstance(left, Form):
        left = left * _ones_like(right)
    return left + right


def _ones_like(value: Form) -> Form:
    """The matrix of ones of its shape: a number added to a matrix is added to every entry."""
    return ones(value.rows) @ ones(value.columns).T


def _product(left: Any, right: Any) -> Any:
    left, right = plain(left), plain(right)
    if isinstance(left, Stack) or isinstance(right, Stack):
        return _stack_product(left, right)
    if isinstance(left, Form) and isinstance(right, Form):
        return left @ right
    return right * left if isinstance(left, Form) else left * right


def _negated(value: Any) -> Any:
    return _product(sympy.Integer(-1), value)


def _quotient(left: Any, right: Any) -> Any:
    right = plain(right)
    if isinstance(right, (Form, Stack)):
        raise OutsideCalculusError("division by a matrix")
    return _product(left, 1 / right)


def _stack_product(left: Any, right: Any) -> Any:
    if isinstance(left, Stack) and isinstance(right, Stack):
        if not left.turned or right.turned:
            raise OutsideCalculusError("a product over tokens that is not a sum over them")
        first, *rest = (a.T @ b for a, b in zip(left.blocks, right.blocks, strict=True))
        return sum(rest, first)
    if isinstance(left, Stack) and not left.turned:
        matrix = isinstance(right, Form)
        return Stack(tuple(b @ right if matrix else right * b for b in left.blocks))
    if isinstance(right, Stack) and not isinstance(left, Form):
        return Stack(tuple(left * b for b in right.blocks), right.turned)
    if isinstance(left, Form) and isinstance(right, Stack) and right.turned:
        return Stack(tuple(b @ left.T for b in right.blocks), True)
    raise OutsideCalculusError("a product with single tokens")


FORMS: Arithmetic = {
    "number": sympy.Integer,
    "+": _sum,
    "-": lambda left, right: _sum(left, _negated(right)),
    "*": _product,
    "/": _quotient,
    "neg": _negated,
    "T": lambda value: value.T if isinstance(value, (Form, Stack)) else value,
}
