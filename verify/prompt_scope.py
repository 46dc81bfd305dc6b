"""Values of formulas on one prompt, in the arithmetic of its numbers, exact or not."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from proofs import formula
from proofs.formula import Arithmetic, Names
from proofs.letters import entries
from proofs.prompt import X_ALONE, Fields
from proofs.stream import Layout


class Scope(dict[str, Any]):
    """Values of names: those given, and definitions evaluated when first asked for."""

    def __init__(self, given: Mapping[str, Any], definitions: Mapping[str, str]) -> None:
        super().__init__(given)
        self.definitions = definitions

    def __missing__(self, name: str) -> Any:
        if name not in self.definitions:
            raise KeyError(f"{name} is not defined")
        # definitions refer to earlier ones: the recursion follows that order
        self[name] = evaluate(self.definitions[name], self)
        return self[name]

    def at(self, **given: Any) -> Mapping[str, Any]:
        """This scope with some names replaced, for one token."""
        return Names(given, self.__getitem__)


def prompt_scope(
    X: Any,
    y: Any,
    definitions: Any,
    parameters: Mapping[str, Any],
    fields: Fields = X_ALONE,
) -> Scope:
    """Names of one prompt: X (n, d), y (n, 1), n, I, O (d, 1), x1, y1, …, and the parameters.

    Of a list of numbers, or of matrices, also each, eta1, eta2, …, where nothing else has the name.
    With parts of x the rows of each by its name, X being those of x; y has all targets.
    """
    X = np.asarray(X)
    n = len(X)
    d = X.shape[1]
    if fields is not X_ALONE:
        d = parameters["d"] if "d" in parameters else fields.dimension(d)
    y = np.asarray(y).reshape(n, -1)
    zero = X[0, 0] * 0  # in the arithmetic of X
    identity = np.full((d, d), zero, dtype=object)
    for i in range(d):
        identity[i, i] = zero + 1
    given: dict[str, Any] = {
        **columns_of(X, fields.at(d).parts),
        "y": y,
        "n": n,
        "I": identity,
        "O": np.full((d, 1), zero, dtype=object),
    }
    for i in range(n):
        if "X" in given:
            given[f"x{i + 1}"] = given["X"][i].reshape(-1, 1)
        given[f"y{i + 1}"] = y[i, 0] if y.shape[1] == 1 else y[i].reshape(-1, 1)
    for name, value in parameters.items():
        if isinstance(value, tuple) and value and isinstance(value[0], tuple):
            given[name] = np.array(value, dtype=object)
        elif isinstance(value, tuple):
            column = np.empty((len(value), 1), dtype=object)
            column[:, 0] = value
            given[name] = column
        elif not isinstance(value, str):
            given[name] = Fraction(value) if isinstance(value, int) else value
    definitions = dict(definitions)
    numbered = entries(parameters)
    for name in numbered.keys() - given.keys() - definitions.keys():
        value = numbered[name]
        given[name] = np.array(value, dtype=object) if isinstance(value, tuple) else value
    return Scope(given, definitions)


def columns_of(rows: np.ndarray, parts: Layout) -> dict[str, np.ndarray]:
    """The columns (n, size) of each part in rows of all of them; X of the part x."""
    made = {}
    for part in parts.slots:
        at = parts.rows(part.name)
        made["X" if part.name == "x" else part.name] = rows[:, at.start : at.stop]
    return made


def token_names(
    row: Any, layout: Layout, fields: Fields, d: int, y: Any = None, targets: int = 1
) -> dict[str, Any]:
    """What one token carries, as columns: x_t (d, 1), or each part's, and y_t.

    `layout` has the parts that are in the row; the others, and y where there is none, are 0.
    """
    row = np.asarray(row)
    zero = row[0] * 0 if row.size else 0
    made = {}
    for part in fields.at(d).parts.slots:
        at = layout.rows(part.name) if part.name in layout else None
        held = np.full(part.size, zero, dtype=object) if at is None else row[at.start : at.stop]
        made[f"{part.name}_t"] = held.reshape(-1, 1)
    column = np.full(targets, zero, dtype=object) if y is None else np.asarray(y).reshape(-1)
    made["y_t"] = column[0] if len(column) == 1 else column.reshape(-1, 1)
    return made


class ShapesDiffer(ValueError):
    """Two sides whose shapes do not fit: what is wrong, and the formula in which it is."""

    def __init__(self, said: str, text: str = "") -> None:
        super().__init__(f"{text}: {said}" if text else said)
        self.said, self.text = said, text


def evaluate(text: str, scope: Mapping[str, Any]) -> Any:
    """Value of a formula: a matrix as a two-dimensional array, or a number. Raises ShapesDiffer."""
    try:
        return formula.evaluate(text, scope, ARRAYS)
    except ShapesDiffer as error:
        if error.text:  # of a definition that this formula asks for
            raise
        raise ShapesDiffer(error.said, text) from None


def _number(value: Any) -> Any:
    """A 1 x 1 matrix as the number that it is."""
    if isinstance(value, np.ndarray) and value.shape == (1, 1):
        return value[0, 0]
    return value


def _each(array: np.ndarray, function: Callable[[Any], Any]) -> np.ndarray:
    made = np.empty(array.shape, dtype=array.dtype)
    made.ravel()[:] = [function(entry) for entry in array.ravel()]
    return made


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """The two sides of a sum, a fraction taken into the arithmetic of the other side."""
    left, right = _number(left), _number(right)
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        rows, columns = zip(left.shape, right.shape)  # a row goes to every row: X*A.T + b.T
        one_way = (max(rows), max(columns)) in (left.shape, right.shape)
        if not one_way or {*rows} - {1, max(rows)} or {*columns} - {1, max(columns)}:
            raise ShapesDiffer(f"a sum of shapes {left.shape} and {right.shape}, which differ")
    return _taken(left, right), _taken(right, left)


def _taken(value: Any, other: Any) -> Any:
    one = other.flat[0] if isinstance(other, np.ndarray) and other.size else other
    if not isinstance(value, Fraction) or isinstance(one, (int, Fraction)):
        return value
    return (one * 0 + value.numerator) / value.denominator


EXACT = {int, Fraction}


def _product(left: Any, right: Any) -> Any:
    """The matrix product, or a multiple: fractions in the arithmetic of the other factor."""
    left, right = _number(left), _number(right)
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        if left.shape[1] != right.shape[0]:
            raise ShapesDiffer(f"shape {left.shape} times {right.shape}: {left.shape[1]} columns "
                               f"meet {right.shape[0]} rows; .T transposes")  # fmt: skip
        return left @ right
    if isinstance(right, np.ndarray):
        left, right = right, left
    if isinstance(left, np.ndarray):
        if type(right) in EXACT and EXACT.issuperset(map(type, left.ravel())):
            return left * right
        return _each(left, lambda entry: _product(entry, right))
    if isinstance(left, Fraction) and not isinstance(right, (int, Fraction)):
        left, right = right, left
    if isinstance(right, Fraction) and not isinstance(left, (int, Fraction)):
        return left * right.numerator / right.denominator
    return left * right


def _quotient(left: Any, right: Any) -> Any:
    """left / right, exact where both are; a matrix entry by entry."""
    left, right = _number(left), _number(right)
    if isinstance(right, np.ndarray):
        raise ValueError("division by a matrix")
    if isinstance(left, np.ndarray):
        return _each(left, lambda entry: _quotient(entry, right))
    if isinstance(left, int) and isinstance(right, (int, Fraction)):
        left = Fraction(left)
    if isinstance(right, Fraction) and not isinstance(left, Fraction):
        return left * right.denominator / right.numerator
    if isinstance(left, Fraction) and not isinstance(right, (int, Fraction)):
        return left.numerator / (right * left.denominator)
    return left / right


def _relu(value: Any) -> Any:
    """max(entry, 0) of every entry, of balls too."""
    if isinstance(value, np.ndarray):
        return _each(value.astype(object), _relu)
    zero = value * 0
    return value.max(zero) if hasattr(value, "rad") else max(value, zero)


ARRAYS: Arithmetic = {
    "number": int,
    "+": lambda left, right: operator.add(*_alike(left, right)),
    "-": lambda left, right: operator.sub(*_alike(left, right)),
    "*": _product,
    "/": _quotient,
    "neg": operator.neg,
    "T": lambda value: value.T if isinstance(value, np.ndarray) else value,
    "relu": _relu,
}
