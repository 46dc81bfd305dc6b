"""The little language of `Holds` and `Witness.definitions`: "2*M0 - M0*S*M0", "w3.T*x_t".

Names, whole numbers, + - * /, parentheses, .T and relu(...), entry by entry; * is the matrix
product, a 1 x 1 matrix is a number, and a number added to a matrix is added to every entry.
Nothing else is accepted.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

OPERATORS: dict[type, str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


@lru_cache(maxsize=4096)
def parse(text: str) -> ast.expr:
    """The syntax tree of an expression. Raises ValueError where it is not in the language."""
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"{text!r} is no expression: {error.msg}") from None
    for node in ast.walk(tree):
        allowed = isinstance(
            node, (ast.BinOp, ast.UnaryOp, ast.USub, ast.Name, ast.Load, *OPERATORS)
        )
        number = isinstance(node, ast.Constant) and isinstance(node.value, int)
        transpose = isinstance(node, ast.Attribute) and node.attr == "T"
        if not (allowed or number or transpose or _is_relu(node)):
            raise ValueError(f"{text!r}: {ast.unparse(node)} is not in the language")
    return tree


def _is_relu(node: ast.AST) -> bool:
    """Whether the node is relu(expression)."""
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return called and node.func.id == "relu" and len(node.args) == 1 and not node.keywords  # type: ignore[attr-defined]


def names(text: str) -> frozenset[str]:
    """Names that occur in an expression."""
    found = {node.id for node in ast.walk(parse(text)) if isinstance(node, ast.Name)}
    return frozenset(found - {"relu"})


class Scope(Mapping[str, Any]):
    """Values of names: those given, and definitions evaluated when first asked for."""

    def __init__(self, given: Mapping[str, Any], definitions: Mapping[str, str]) -> None:
        self._values = dict(given)
        self._definitions = definitions

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            if name not in self._definitions:
                raise KeyError(f"{name} is not defined")
            # definitions refer to earlier ones: the recursion follows that order
            self._values[name] = evaluate(self._definitions[name], self)
        return self._values[name]

    def __iter__(self) -> Any:
        return iter({**self._values, **self._definitions})

    def __len__(self) -> int:
        return len({**self._values, **self._definitions})

    def at(self, **given: Any) -> Mapping[str, Any]:
        """This scope with some names replaced, for one token."""
        return _Local(given, self)


class _Local(Mapping[str, Any]):
    def __init__(self, given: Mapping[str, Any], outer: Mapping[str, Any]) -> None:
        self._given, self._outer = given, outer

    def __getitem__(self, name: str) -> Any:
        return self._given[name] if name in self._given else self._outer[name]

    def __iter__(self) -> Any:
        return iter({**self._outer, **self._given})

    def __len__(self) -> int:
        return len({**self._outer, **self._given})


def prompt_scope(X: Any, y: Any, definitions: Any, parameters: Mapping[str, Any]) -> Scope:
    """Names of one prompt: X (n, d), y (n, 1), n, I, O (d, 1), x1, y1, …, and the parameters."""
    X = np.asarray(X)
    n, d = X.shape
    y = np.asarray(y).reshape(n, 1)
    zero = X[0, 0] * 0  # in the arithmetic of X
    identity = np.full((d, d), zero, dtype=object)
    for i in range(d):
        identity[i, i] = zero + 1
    given: dict[str, Any] = {
        "X": X,
        "y": y,
        "n": n,
        "I": identity,
        "O": np.full((d, 1), zero, dtype=object),
    }
    for i in range(n):
        given[f"x{i + 1}"] = X[i].reshape(d, 1)
        given[f"y{i + 1}"] = y[i, 0]
    for name, value in parameters.items():
        if isinstance(value, tuple) and value and isinstance(value[0], tuple):
            given[name] = np.array(value, dtype=object)
        elif isinstance(value, tuple):
            column = np.empty((len(value), 1), dtype=object)
            column[:, 0] = value
            given[name] = column
        elif not isinstance(value, str):
            given[name] = Fraction(value) if isinstance(value, int) else value
    return Scope(given, dict(definitions))


def evaluate(text: str, scope: Mapping[str, Any]) -> Any:
    """Value of an expression: a matrix as a two-dimensional array, or a number."""
    return _walk(parse(text), scope)


def _walk(node: ast.expr, scope: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return scope[node.id]
    if isinstance(node, ast.Constant):
        return int(node.value)  # type: ignore[arg-type]  # a whole number in every arithmetic
    if isinstance(node, ast.Attribute):
        value = _walk(node.value, scope)
        return value.T if isinstance(value, np.ndarray) else value
    if isinstance(node, ast.UnaryOp):
        return -_walk(node.operand, scope)
    if isinstance(node, ast.Call):
        return _relu(_walk(node.args[0], scope))
    assert isinstance(node, ast.BinOp)
    left, right = _number(_walk(node.left, scope)), _number(_walk(node.right, scope))
    both = isinstance(left, np.ndarray) and isinstance(right, np.ndarray)
    if isinstance(node.op, ast.Mult):
        return left @ right if both else _times(left, right)
    if isinstance(node.op, ast.Div):
        if isinstance(right, np.ndarray):
            raise ValueError("division by a matrix")
        return _over(left, right)
    function: Callable[[Any, Any], Any] = (
        operator.add if isinstance(node.op, ast.Add) else operator.sub
    )
    return function(*_alike(left, right))


def _times(left: Any, right: Any) -> Any:
    """left * right, one of them a number: a fraction in the arithmetic of the other factor."""
    for array, number in ((left, right), (right, left)):
        if isinstance(array, np.ndarray):
            made = np.empty(array.shape, dtype=array.dtype)
            made.ravel()[:] = [_times(entry, number) for entry in array.ravel()]
            return made
    if isinstance(left, Fraction) and not isinstance(right, (int, Fraction)):
        left, right = right, left
    if isinstance(right, Fraction) and not isinstance(left, (int, Fraction)):
        return left * right.numerator / right.denominator
    return left * right


def _over(left: Any, right: Any) -> Any:
    """left / right, exact where both are; a matrix entry by entry."""
    if isinstance(left, np.ndarray):
        made = np.empty(left.shape, dtype=left.dtype)
        made.ravel()[:] = [_over(entry, right) for entry in left.ravel()]
        return made
    if isinstance(left, int) and isinstance(right, (int, Fraction)):
        left = Fraction(left)
    if isinstance(right, Fraction) and not isinstance(left, Fraction):
        return left * right.denominator / right.numerator
    if isinstance(left, Fraction) and not isinstance(right, (int, Fraction)):
        return left.numerator / (right * left.denominator)
    return left / right


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """The two sides of a sum, a fraction taken into the arithmetic of the other side."""
    return _taken(left, right), _taken(right, left)


def _taken(value: Any, other: Any) -> Any:
    """A fraction in the arithmetic of the other side; anything else as it is."""
    one = other.flat[0] if isinstance(other, np.ndarray) and other.size else other
    if not isinstance(value, Fraction) or isinstance(one, (int, Fraction)):
        return value
    return (one * 0 + value.numerator) / value.denominator


def _relu(value: Any) -> Any:
    """max(entry, 0) of every entry, of balls too."""

    def positive(entry: Any) -> Any:
        zero = entry * 0
        return entry.max(zero) if hasattr(entry, "rad") else max(entry, zero)

    if not isinstance(value, np.ndarray):
        return positive(value)
    made = np.empty(value.shape, dtype=object)
    made.ravel()[:] = [positive(entry) for entry in value.ravel()]
    return made


def _number(value: Any) -> Any:
    """A 1 x 1 matrix as the number that it is."""
    if isinstance(value, np.ndarray) and value.shape == (1, 1):
        return value[0, 0]
    return value


def to_sympy(text: str) -> Any:
    """The expression in non-commuting sympy letters, transposes as letters of their own.

    For printing (LaTeX, MathML): products keep their order, M2 is M with index 2.
    """
    return _letters(parse(text))


def _letters(node: ast.expr, transposed: bool = False) -> Any:
    import sympy

    if isinstance(node, ast.Name):
        stem = node.id.rstrip("0123456789")
        name = f"{stem}_{node.id[len(stem) :]}" if stem != node.id and stem else node.id
        if transposed:
            name += "__T"
        scalar = node.id in ("n", "alpha", "ridge", "step_size", "eta", "lam")
        return sympy.Symbol(name, commutative=scalar)
    if isinstance(node, ast.Constant):
        return sympy.Integer(int(node.value))  # type: ignore[arg-type]
    if isinstance(node, ast.Attribute):
        return _letters(node.value, not transposed)
    if isinstance(node, ast.UnaryOp):
        return -_letters(node.operand, transposed)
    if isinstance(node, ast.Call):
        return sympy.Function("relu")(_letters(node.args[0], transposed))
    assert isinstance(node, ast.BinOp)
    left, right = _letters(node.left, transposed), _letters(node.right, transposed)
    if isinstance(node.op, ast.Mult):
        return right * left if transposed else left * right
    if isinstance(node.op, ast.Div):
        return left / right
    return left + right if isinstance(node.op, ast.Add) else left - right
