"""The one little language of formulas: parse, evaluate in any arithmetic, rename, print.

    "2*M0 - M0*S*M0"     "w3.T*x_t"     "relu(v1 - step_size*penalty)"

Names, whole numbers, + - * /, parentheses, .T and relu(...), entry by entry; * is the matrix
product, a 1 x 1 matrix is a number, and a number added to a matrix is added to every entry.
Layers say in it what they hold (`Holds`), witnesses and claims what an algorithm computes. Exact
scalars ("sqrt(2*pi)/3") and counts ("d**2 + 3*n") are written in languages of their own, read by
the same parser and walked by the same `evaluate`. Nothing is ever run as code.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from typing import Any, TypeAlias

from proofs.exact import Exact, exact

Tree: TypeAlias = ast.expr


@dataclass(frozen=True)
class Language:
    """What a formula may consist of, besides names, parentheses and whole numbers."""

    operators: tuple[type[ast.AST], ...]
    functions: tuple[str, ...] = ()  # of one argument
    transposes: bool = False  # whether .T may follow
    decimals: bool = False  # whether numbers may have a decimal point

    def has(self, node: ast.AST) -> bool:
        match node:
            case ast.BinOp(op=operator) | ast.UnaryOp(op=operator):
                return isinstance(operator, self.operators)
            case ast.Constant(value=value):
                return isinstance(value, (int, float) if self.decimals else int)
            case ast.Attribute(attr="T"):
                return self.transposes
            case ast.Call(func=ast.Name(id=function), args=[_], keywords=[]):
                return function in self.functions
            case _:
                return isinstance(node, (ast.Name, ast.Load, ast.operator, ast.unaryop))


MATRICES = Language((ast.Add, ast.Sub, ast.Mult, ast.Div, ast.USub), ("relu",), transposes=True)
SCALARS = Language((*MATRICES.operators, ast.Pow), ("sqrt", "exp", "erf", "log"))
COUNTS = Language((ast.Add, ast.Sub, ast.Mult, ast.Pow))  # polynomials in sizes


@lru_cache(maxsize=4096)
def parse(text: str, language: Language = MATRICES) -> Tree:
    """The syntax tree of a formula. Raises ValueError where it is not in the language."""
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"{text!r} is no expression: {error.msg}") from None
    for node in ast.walk(tree):
        if not language.has(node):
            raise ValueError(f"{text!r}: {ast.unparse(node)} is not in the language")
    return tree


def _named(tree: Tree) -> list[ast.Name]:
    """Where names stand for values; a function's name stands for none."""
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return [
        node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions
    ]


def names(formula: str | Tree) -> Set[str]:
    """Names that occur in a formula, in the order of its tree, outermost first.

    Raises ValueError where a text is not in the language.
    """
    tree = parse(formula) if isinstance(formula, str) else formula
    return dict.fromkeys(node.id for node in _named(tree)).keys()


def rename(text: str, new: Mapping[str, str]) -> str:
    """The text with names replaced, otherwise as it was written.

    Only names of values: the T of a transpose and the name of a function stay.
    """
    written = text.encode()
    line_starts = [0, *accumulate(len(line) for line in written.splitlines(keepends=True))]
    made, copied = b"", 0
    for node in sorted(_named(parse(text)), key=lambda node: (node.lineno, node.col_offset)):
        if node.id in new:
            start = line_starts[node.lineno - 1] + node.col_offset
            made += written[copied:start] + new[node.id].encode()
            assert node.end_col_offset is not None
            copied = line_starts[node.lineno - 1] + node.end_col_offset
    return (made + written[copied:]).decode()


def split_index(name: str) -> tuple[str, str]:
    """A name and the digits at its end: M and 2 of M2, x_t and nothing of x_t."""
    stem = name.rstrip("0123456789")
    return (stem, name[len(stem) :]) if stem else (name, "")


# -- values ----------------------------------------------------------------------------------------


class Arithmetic:
    """What the signs of a formula mean: here what they mean in Python."""

    def number(self, value: Any) -> Any:
        """The value of a number that is written out."""
        return value

    def operand(self, value: Any) -> Any:
        """A value as a sign between two values takes it."""
        return value

    def add(self, left: Any, right: Any) -> Any:
        return left + right

    def subtract(self, left: Any, right: Any) -> Any:
        return left - right

    def multiply(self, left: Any, right: Any) -> Any:
        return left * right

    def divide(self, left: Any, right: Any) -> Any:
        return left / right

    def power(self, left: Any, right: Any) -> Any:
        return left**right

    def negative(self, value: Any) -> Any:
        return -value

    def transpose(self, value: Any) -> Any:
        raise ValueError("a transpose is not in the language")

    def function(self, name: str, value: Any) -> Any:
        """The function of this name, entry by entry. Raises ValueError for one it has not."""
        raise ValueError(f"{name} is not in the language")


class Names(dict[str, Any]):
    """Values of the names `given`, of every other name what `otherwise` makes of it."""

    def __init__(self, given: Mapping[str, Any], otherwise: Callable[[str], Any]) -> None:
        super().__init__(given)
        self.otherwise = otherwise

    def __missing__(self, name: str) -> Any:
        return self.otherwise(name)


def evaluate(formula: str | Tree, scope: Mapping[str, Any], arithmetic: Arithmetic) -> Any:
    """Value of a formula: names have the values of `scope`, signs the meaning of `arithmetic`.

    A text is one of matrices; others are given parsed. Raises ValueError where a text is not in
    the language, KeyError for a name without a value, and what the arithmetic raises.
    """

    def value(node: Tree) -> Any:
        match node:
            case ast.Name(id=name):
                return scope[name]
            case ast.Constant(value=number):
                return arithmetic.number(number)
            case ast.Attribute(value=inner):
                return arithmetic.transpose(value(inner))
            case ast.UnaryOp(operand=inner):
                return arithmetic.negative(value(inner))
            case ast.Call(func=ast.Name(id=name), args=[inner]):
                return arithmetic.function(name, value(inner))
            case ast.BinOp(op=operator):
                left = arithmetic.operand(value(node.left))
                right = arithmetic.operand(value(node.right))
                return _combined(operator, left, right, arithmetic)
        raise ValueError(f"{ast.unparse(node)} is not in the language")

    return value(parse(formula) if isinstance(formula, str) else formula)


def _combined(operator: ast.operator, left: Any, right: Any, arithmetic: Arithmetic) -> Any:
    match operator:
        case ast.Add():
            return arithmetic.add(left, right)
        case ast.Sub():
            return arithmetic.subtract(left, right)
        case ast.Mult():
            return arithmetic.multiply(left, right)
        case ast.Div():
            return arithmetic.divide(left, right)
        case ast.Pow():
            return arithmetic.power(left, right)
    raise ValueError(f"{type(operator).__name__} is not in the language")


# -- exact scalars ---------------------------------------------------------------------------------


class SympyScalars(Arithmetic):
    """Scalars of sympy, with the functions that `SCALARS` names."""

    def number(self, value: int) -> Any:
        import sympy

        return sympy.Integer(value)

    def function(self, name: str, value: Any) -> Any:
        import sympy

        return getattr(sympy, name)(value)


def scalar(text: str) -> Exact:
    """The exact scalar of a text such as "-1/2" or "sqrt(2*pi)", names being parameters.

    Raises ValueError where the text is none.
    """
    if not isinstance(text, str):
        raise ValueError(f"a coefficient is {text!r}, not text")
    try:
        return exact(Fraction(text))
    except ValueError:
        pass
    import sympy

    try:
        tree = parse(text, SCALARS)
    except ValueError:
        raise ValueError(f"{text!r} is no exact number") from None
    parameters = Names({"pi": sympy.pi, "E": sympy.E}, sympy.Symbol)
    return exact(evaluate(tree, parameters, SympyScalars()))


# -- printing --------------------------------------------------------------------------------------

# names of numbers, which may be printed in any place of a product
PRINTED_AS_SCALARS = ("n", "alpha", "ridge", "step_size", "eta", "lam")


class _Letters(Arithmetic):
    """Pairs: an expression in letters that do not commute, and its transpose."""

    def letter(self, name: str) -> tuple[Any, Any]:
        import sympy

        stem, index = split_index(name)
        printed = f"{stem}_{index}" if index else name
        scalar = name in PRINTED_AS_SCALARS
        return (
            sympy.Symbol(printed, commutative=scalar),
            sympy.Symbol(printed + "__T", commutative=scalar),
        )

    def number(self, value: int) -> tuple[Any, Any]:
        import sympy

        return sympy.Integer(value), sympy.Integer(value)

    def add(self, left: Any, right: Any) -> tuple[Any, Any]:
        return left[0] + right[0], left[1] + right[1]

    def subtract(self, left: Any, right: Any) -> tuple[Any, Any]:
        return left[0] - right[0], left[1] - right[1]

    def multiply(self, left: Any, right: Any) -> tuple[Any, Any]:
        return left[0] * right[0], right[1] * left[1]

    def divide(self, left: Any, right: Any) -> tuple[Any, Any]:
        return left[0] / right[0], left[1] / right[1]

    def negative(self, value: Any) -> tuple[Any, Any]:
        return -value[0], -value[1]

    def transpose(self, value: Any) -> tuple[Any, Any]:
        return value[1], value[0]

    def function(self, name: str, value: Any) -> tuple[Any, Any]:
        import sympy

        return sympy.Function(name)(value[0]), sympy.Function(name)(value[1])


def to_sympy(text: str) -> Any:
    """The formula in non-commuting sympy letters, transposes as letters of their own.

    For printing (LaTeX, MathML): products keep their order, M2 is M with index 2.
    """
    letters = _Letters()
    return evaluate(text, Names({}, letters.letter), letters)[0]


class _JsonTrees(Arithmetic):
    """Lists that name the operation first: ["*", "M1", "x_t"], ["T", "X"]."""

    def add(self, left: Any, right: Any) -> list[Any]:
        return ["+", left, right]

    def subtract(self, left: Any, right: Any) -> list[Any]:
        return ["-", left, right]

    def multiply(self, left: Any, right: Any) -> list[Any]:
        return ["*", left, right]

    def divide(self, left: Any, right: Any) -> list[Any]:
        return ["/", left, right]

    def power(self, left: Any, right: Any) -> list[Any]:
        return ["**", left, right]

    def negative(self, value: Any) -> list[Any]:
        return ["neg", value]

    def transpose(self, value: Any) -> list[Any]:
        return ["T", value]

    def function(self, name: str, value: Any) -> list[Any]:
        return [name, value]


def to_json(formula: str | Tree) -> Any:
    """A formula as JSON: a number, a name, or a list of an operation and what it is of."""
    return evaluate(formula, Names({}, str), _JsonTrees())
