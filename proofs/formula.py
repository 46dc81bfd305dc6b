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
import operator
from collections.abc import Callable, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from typing import Any, TypeAlias

from proofs.exact import LONG_POWER, Exact, exact, refuse_long_power, written_out

Tree: TypeAlias = ast.expr
# what each sign does, under "number" what a number that is written out is, and each function
Arithmetic: TypeAlias = Mapping[str, Callable[..., Any]]

SIGNS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.USub: "neg",
}  # fmt: skip
WRITTEN = {"neg": "-", "T": ".T"}  # signs that are called otherwise than they are written
PYTHON: Arithmetic = {
    "number": lambda value: value,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "neg": operator.neg,
}


@dataclass(frozen=True)
class Language:
    """What a formula may consist of, besides names, parentheses and whole numbers."""

    signs: tuple[str, ...]
    functions: tuple[str, ...] = ()  # of one argument
    several: tuple[str, ...] = ()  # of one or more
    decimals: bool = False  # whether numbers may have a decimal point

    @property
    def words(self) -> str:
        """What there is, "+, -, *, /, .T, relu(…), names and whole numbers"."""
        signs = [WRITTEN.get(sign, sign) for sign in self.signs]
        functions = [f"{name}(…)" for name in (*self.functions, *self.several)]
        every = ", ".join(dict.fromkeys((*signs, *functions)))
        return f"{every}, names and {'numbers' if self.decimals else 'whole numbers'}"

    def has(self, node: ast.AST) -> bool:
        match node:
            case ast.BinOp(op=sign) | ast.UnaryOp(op=sign):
                return SIGNS.get(type(sign)) in self.signs
            case ast.Constant(value=value):
                return isinstance(value, (int, float) if self.decimals else int)
            case ast.Attribute(attr="T"):
                return "T" in self.signs
            case ast.Call(func=ast.Name(id=function), args=[_], keywords=[]):
                return function in (*self.functions, *self.several)
            case ast.Call(func=ast.Name(id=function), args=[_, *_], keywords=[]):
                return function in self.several
            case _:
                return isinstance(node, (ast.Name, ast.Load, ast.operator, ast.unaryop))


MATRICES = Language(("+", "-", "*", "/", "neg", "T"), ("relu",))
SCALARS = Language(("+", "-", "*", "/", "neg", "**"), ("sqrt", "exp", "erf", "log"))
COUNTS = Language(("+", "-", "*", "**"))  # polynomials in sizes
BOUNDS = Language(  # of what a theorem promises, in its constants
    SCALARS.signs, ("sqrt", "exp", "log", "log2", "ceil", "floor", "abs"), ("min", "max"), True
)


@lru_cache(maxsize=4096)
def parse(text: str, language: Language = MATRICES) -> Tree:
    """The syntax tree of a formula. Raises ValueError where it is not in the language."""
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"{text!r} is no expression: {error.msg}") from None
    for node in ast.walk(tree):
        if not language.has(node):
            raise ValueError(
                f"{text!r}: {ast.unparse(node)} is not in the language, which has {language.words}"
            )
    return tree


@lru_cache(maxsize=4096)
def _named(tree: Tree) -> tuple[ast.Name, ...]:
    """Where names stand for values; a function's name stands for none."""
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return tuple(
        node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions
    )


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
    the language or a sign has no meaning, KeyError for a name without a value, and whatever the
    arithmetic raises.
    """
    tree = parse(formula) if isinstance(formula, str) else formula
    return _read(tree)(scope, arithmetic)


Reading: TypeAlias = Callable[[Mapping[str, Any], Arithmetic], Any]


@lru_cache(maxsize=4096)
def _read(tree: Tree) -> Reading:
    """Parts first, so that long formulas are read without going deep."""
    for part in reversed(list(ast.walk(tree))):
        if isinstance(part, ast.expr):
            with suppress(ValueError, KeyError):  # said where it is met
                _reading(part)
    return _reading(tree)


@lru_cache(maxsize=2**14)  # of parts of formulas: the same are evaluated again and again
def _reading(node: Tree) -> Reading:
    """What finds the value of a formula in a scope and an arithmetic."""
    match node:
        case ast.BinOp(left=left, op=sign, right=right):
            return _applied(SIGNS[type(sign)], left, right)
        case ast.Name(id=name):
            return lambda scope, arithmetic: scope[name]
        case ast.Constant(value=number):
            return lambda scope, arithmetic: _made("number", arithmetic, number)
        case ast.Attribute(value=inner):
            return _applied("T", inner)
        case ast.Call(func=ast.Name(id=function), args=arguments):
            return _applied(function, *arguments)
        case ast.UnaryOp(op=sign, operand=inner):
            return _applied(SIGNS[type(sign)], inner)
    raise ValueError(f"{ast.unparse(node)} is not in the language")


def _applied(sign: str, *operands: Tree) -> Reading:
    first, *more = map(_reading, operands)
    if not more:
        return lambda scope, arithmetic: _made(sign, arithmetic, first(scope, arithmetic))
    if len(more) == 1:
        [second] = more
        return lambda scope, arithmetic: _made(
            sign, arithmetic, first(scope, arithmetic), second(scope, arithmetic)
        )
    return lambda scope, arithmetic: _made(
        sign, arithmetic, *[read(scope, arithmetic) for read in (first, *more)]
    )


def _made(sign: str, arithmetic: Arithmetic, *values: Any) -> Any:
    try:
        operation = arithmetic[sign]
    except KeyError:
        raise ValueError(f"{sign} is not in the language") from None
    return operation(*values)


def in_sympy(tree: Tree) -> Any:
    """The value of a formula of scalars in sympy, names but pi and E being symbols."""
    import sympy

    functions = {name: getattr(sympy, name) for name in SCALARS.functions}
    constants = Names({"pi": sympy.pi, "E": sympy.E}, sympy.Symbol)

    def power(base: Any, exponent: Any) -> Any:
        if base.is_Rational and exponent.is_Integer:
            refuse_long_power(Fraction(int(base.p), int(base.q)), int(exponent))
        return base**exponent

    known = {**PYTHON, **functions, "number": sympy.Integer, "**": power}
    return evaluate(tree, constants, known)


def scalar(text: str) -> Exact:
    """The exact scalar of a text such as "-1/2" or "sqrt(2*pi)", names being parameters.

    Raises ValueError where the text is none.
    """
    if not isinstance(text, str):
        raise ValueError(f"a coefficient is {text!r}, not text")
    try:
        return exact(written_out(text))
    except ValueError:
        if LONG_POWER.search(text):
            raise
    try:
        tree = parse(text, SCALARS)
    except ValueError:
        raise ValueError(f"{text!r} is no exact number") from None
    return exact(in_sympy(tree))


# -- printing --------------------------------------------------------------------------------------

# names of numbers, which may be printed in any place of a product
PRINTED_AS_SCALARS = ("n", "alpha", "ridge", "step_size", "eta", "lam")


def in_letters(text: str) -> Any:
    """The formula in non-commuting sympy letters, transposes as letters of their own.

    For printing (LaTeX, MathML): products keep their order, M2 is M with index 2.
    """
    import sympy

    def letter(name: str) -> tuple[Any, Any]:
        stem, index = split_index(name)
        printed = f"{stem}_{index}" if index else name
        scalar = name in PRINTED_AS_SCALARS
        return tuple(sympy.Symbol(p, commutative=scalar) for p in (printed, printed + "__T"))

    def both(operation: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *pairs: tuple(operation(*side) for side in zip(*pairs))

    # each value is a pair, of an expression and its transpose
    arithmetic = {sign: both(operation) for sign, operation in PYTHON.items()} | {
        "number": lambda value: (sympy.Integer(value), sympy.Integer(value)),
        "*": lambda left, right: (left[0] * right[0], right[1] * left[1]),
        "T": lambda pair: (pair[1], pair[0]),
        "relu": both(sympy.Function("relu")),
    }
    return evaluate(text, Names({}, letter), arithmetic)[0]


def latex(formula: str | Tree, new: Mapping[str, str] | None = None) -> str:
    """The formula in LaTeX, as it was written; names are said as `new` has them."""
    from sympy import Symbol
    from sympy import latex as printed

    def closed(value: tuple[int, str], level: int) -> str:
        """In parentheses unless it binds as closely: sums 0, products 1, all else 2."""
        return value[1] if value[0] >= level else rf"\left({value[1]}\right)"

    signs: dict[str, Callable[..., tuple[int, str]]] = {
        "number": lambda value: (2, str(value)),
        "+": lambda a, b: (0, f"{a[1]} + {b[1]}"),
        "-": lambda a, b: (0, f"{a[1]} - {closed(b, 1)}"),
        "*": lambda a, b: (1, f"{closed(a, 1)} {closed(b, 1)}"),
        "/": lambda a, b: (2, rf"\frac{{{a[1]}}}{{{b[1]}}}"),
        "neg": lambda a: (0, f"-{closed(a, 1)}"),
        "T": lambda a: (2, rf"{closed(a, 2)}^\top"),
        "relu": lambda a: (2, rf"\mathrm{{relu}}({a[1]})"),
    }
    said = {"x_t": "x_t", "y_t": "y_t", **(new or {})}
    named = Names({k: (2, v) for k, v in said.items()}, lambda k: (2, printed(Symbol(k))))
    return evaluate(formula, named, signs)[1]


def to_json(formula: str | Tree) -> Any:
    """A formula as JSON: a number, a name, or ["*", "M1", "x_t"], ["T", "X"], ["relu", "w"]."""
    arithmetic = Names({"number": PYTHON["number"]}, lambda sign: lambda *of: [sign, *of])
    return evaluate(formula, Names({}, str), arithmetic)
