"""A number for every pair of tokens, as data: a rule in two numbers, or the numbers themselves.

    rule("decay**(t - j) * (j <= t)", decay=Fraction(1, 2))

One little language, read as Python reads it: + - * / // % **, comparisons, and, or, not, min, max,
abs, sin, cos, pi, whole numbers and decimals. Values are exact: whole numbers, fractions, and
sympy's numbers where a root, a sine or a letter is asked for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

from proofs.exact import Exact, exact, is_symbolic, refuse_long_power

# t: the token that reads, j: the key (both counted from 0); r, c: row and column of a mix;
# n: the number of examples, N: of all tokens
VARIABLES = ("t", "j", "r", "c", "n", "N")
FUNCTIONS = ("min", "max", "abs", "sin", "cos")
WORDS = (*VARIABLES, *FUNCTIONS, "pi", "and", "or", "not")

_TEXT = re.compile(r"[A-Za-z0-9_ .+\-*/%<>=!(),]+")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")

Value = Callable[[Mapping[str, Any]], Any]
Pair = tuple[str, str]


class UndecidedError(ValueError):
    """A comparison of letters, of which nothing says how it comes out."""


@dataclass(frozen=True)
class Rule:
    """A number for every pair of tokens: of a `text` with `constants`, or the rows of a `matrix`.

    Raises ValueError for what is not in the language, with what is.
    """

    text: str = ""
    constants: tuple[tuple[str, Exact], ...] = ()
    matrix: tuple[tuple[Exact, ...], ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise ValueError(f"a rule is a text or a matrix, not {self.text!r}")
        if (self.matrix is None) == (not self.text):
            raise ValueError("a rule has a text or a matrix, one of them")
        if self.matrix is not None:
            if self.constants:
                raise ValueError("a rule that is a matrix has no constants")
            rows = tuple(
                tuple(exact(entry, "an entry of a rule") for entry in row) for row in self.matrix
            )
            if not rows or not rows[0] or len({len(row) for row in rows}) > 1:
                raise ValueError("the matrix of a rule has rows of different lengths, or none")
            object.__setattr__(self, "matrix", rows)
            return
        object.__setattr__(self, "text", " ".join(self.text.split()))
        constants = tuple(
            (_name(name), exact(value, f"the constant {name} of a rule"))
            for name, value in self.constants
        )
        if len(dict(constants)) < len(constants):
            raise ValueError(f"rule {self.text!r}: a constant is given twice")
        object.__setattr__(self, "constants", tuple(sorted(constants)))
        names = self.names  # the text is read here, whether or not anything is asked of it
        unused = [name for name, _ in constants if name not in names]
        if unused:
            raise ValueError(f"rule {self.text!r} has no {unused[0]!r}")

    def __str__(self) -> str:
        if self.matrix is not None:
            return f"a matrix, {len(self.matrix)} x {len(self.matrix[0])}"
        known = ", ".join(f"{name} = {value}" for name, value in self.constants)
        return f"{self.text} where {known}" if known else self.text

    def __reduce__(self) -> tuple[Any, ...]:
        return Rule, (self.text, self.constants, self.matrix)  # without what was made of the text

    @cached_property
    def _parsed(self) -> tuple[Value, frozenset[str]]:
        return _compiled(self.text, tuple(name for name, _ in self.constants))

    @property
    def names(self) -> frozenset[str]:
        """The numbers and constants that the text names; none of a matrix."""
        return frozenset() if self.matrix is not None else self._parsed[1]

    @property
    def free_symbols(self) -> frozenset[Any]:
        """Letters among its numbers."""
        numbers = [value for _, value in self.constants]
        numbers += [entry for row in self.matrix or () for entry in row]
        found: set[Any] = set()
        for number in numbers:
            found |= getattr(number, "free_symbols", set())
        return frozenset(found)

    def mapped(self, number: Callable[[Exact], Exact]) -> Rule:
        """The same rule with other numbers: numbers for letters, say."""
        constants = tuple((name, number(value)) for name, value in self.constants)
        rows = self.matrix and tuple(tuple(map(number, row)) for row in self.matrix)
        return Rule(self.text, constants, rows)

    def uses(self, *words: str) -> bool:
        """Whether one of these words stands in the text."""
        return bool(set(re.findall("[A-Za-z_0-9]+", self.text)) & set(words))

    def check(self, variables: Sequence[str], what: str) -> None:
        """Raises ValueError where it names a number that there is not in such a place."""
        for name in sorted(self.names - set(dict(self.constants))):
            if name not in variables:
                raise ValueError(
                    f"{what}, rule {self.text!r}: there is no {name!r} here, but "
                    f"{', '.join(variables)}"
                )

    def value(self, **at: Any) -> Exact:
        """Its value where t, j, … are those numbers (or letters of sympy).

        Raises ValueError where there is none; UndecidedError where letters cannot be compared.
        """
        assert self.matrix is None
        try:
            return _number(self._parsed[0]({**at, **dict(self.constants)}))
        except ZeroDivisionError:
            where = ", ".join(f"{name} = {number}" for name, number in at.items())
            raise ValueError(f"rule {self.text!r} divides by 0 at {where}") from None

    def table(
        self, pair: Pair, rows: range, columns: range, n: int, total: int
    ) -> tuple[tuple[Exact, ...], ...]:
        """Its values for tokens `rows` and `columns`, called `pair`, of `total` with n examples.

        Raises ValueError where it is a matrix of another size.
        """
        return _table(self, pair, rows, columns, n, total)


def rule(value: Any, **constants: Any) -> Rule:
    """rule("j < t"), rule("decay**(t - j)", decay=Fraction(1, 2)), or the rows of a matrix."""
    if isinstance(value, Rule):
        if constants:
            raise ValueError("a rule that is made already takes no constants")
        return value
    if isinstance(value, str):
        return Rule(value, tuple(constants.items()))
    if constants:
        raise ValueError("a rule that is a matrix has no constants")
    try:
        rows = tuple(tuple(row) for row in value)
    except TypeError:
        raise ValueError(f"a rule is a text or rows of numbers, not {value!r}") from None
    return Rule(matrix=rows)


def is_zero(value: Exact) -> bool | None:
    """Whether a number is 0; None of letters that may be."""
    if not is_symbolic(value):
        return bool(value == 0)
    if value.is_zero is not None:
        return bool(value.is_zero)
    return None if value.free_symbols else bool(value.equals(0))


@lru_cache(maxsize=128)
def _table(
    one: Rule, pair: Pair, rows: range, columns: range, n: int, total: int
) -> tuple[tuple[Exact, ...], ...]:
    if one.matrix is not None:
        size = len(one.matrix), len(one.matrix[0])
        if size != (len(rows), len(columns)):
            raise ValueError(
                f"the rule is a matrix, {size[0]} x {size[1]}, where {len(rows)} tokens "
                f"({pair[0]}) meet {len(columns)} ({pair[1]})"
            )
        return one.matrix
    first, second = pair
    return tuple(
        tuple(one.value(**{first: i, second: j, "n": n, "N": total}) for j in columns) for i in rows
    )


def _name(name: Any) -> str:
    if not (isinstance(name, str) and name.isascii() and name.isidentifier()) or name in WORDS:
        raise ValueError(f"{name!r} is no name of a constant of a rule")
    return name


def _number(value: Any) -> Exact:
    if type(value) is int:
        return value
    return int(value) if isinstance(value, bool) else exact(value, "the value of a rule")


# -- reading ----------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _compiled(text: str, constants: tuple[str, ...]) -> tuple[Value, frozenset[str]]:
    """What evaluates the text, and the names in it."""
    if not _TEXT.fullmatch(text):
        odd = next(mark for mark in text if not _TEXT.fullmatch(mark))
        raise ValueError(f"rule {text!r}: {odd!r} is no part of a rule")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"rule {text!r} is no formula") from None
    reader = _Reader(text, constants)
    return reader.read(tree), frozenset(reader.names)


class _Reader:
    """From Python's tree of a formula to a function of what its names are."""

    def __init__(self, text: str, constants: Iterable[str]) -> None:
        self.text, self.known = text, (*VARIABLES, *constants)
        self.names: set[str] = set()

    def refuse(self, node: ast.AST) -> ValueError:
        part = ast.get_source_segment(self.text, node) or type(node).__name__
        names = [name for name in self.known if name not in VARIABLES]
        return ValueError(
            f"rule {self.text!r}: {part!r} is not known; there are {', '.join(VARIABLES)}"
            f"{''.join(f', {name}' for name in names)}, numbers, + - * / // % **, comparisons, "
            f"and, or, not, pi, {', '.join(FUNCTIONS)}"
        )

    def read(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Constant):
            return self._constant(node)
        if isinstance(node, ast.Name):
            return self._named(node)
        if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
            operation, left, right = (
                BINARY[type(node.op)],
                self.read(node.left),
                self.read(node.right),
            )
            return lambda at: operation(left(at), right(at))
        if isinstance(node, ast.UnaryOp):
            inner = self.read(node.operand)
            if isinstance(node.op, ast.USub):
                return lambda at: -_number(inner(at))
            if isinstance(node.op, ast.UAdd):
                return lambda at: _number(inner(at))
            if isinstance(node.op, ast.Not):
                return lambda at: not _truth(inner(at))
        if isinstance(node, ast.BoolOp):
            return self._both(isinstance(node.op, ast.And), [self.read(v) for v in node.values])
        if isinstance(node, ast.Compare) and all(type(op) in COMPARE for op in node.ops):
            return self._compare(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        raise self.refuse(node)

    def _constant(self, node: ast.Constant) -> Value:
        written = ast.get_source_segment(self.text, node) or ""
        if not _NUMBER.fullmatch(written):
            raise self.refuse(node)
        value = _number(Fraction(written))
        return lambda at: value

    def _named(self, node: ast.Name) -> Value:
        name = node.id
        if name == "pi":
            return lambda at: _pi()
        if name not in self.known:
            raise self.refuse(node)
        self.names.add(name)
        return lambda at: at[name]

    def _both(self, every: bool, values: list[Value]) -> Value:
        """`and` (every), else `or`: as in Python the value of the operand that decides."""

        def decide(at: Mapping[str, Any]) -> Any:
            made: Any = every
            for value in values:
                made = value(at)
                if _truth(made) != every:
                    return made
            return made

        return decide

    def _compare(self, node: ast.Compare) -> Value:
        operands = [self.read(one) for one in (node.left, *node.comparators)]
        tests = [COMPARE[type(op)] for op in node.ops]

        def compare(at: Mapping[str, Any]) -> bool:
            left = operands[0](at)
            for test, operand in zip(tests, operands[1:]):
                right = operand(at)
                if not test(_sign(_minus(left, right))):
                    return False
                left = right
            return True

        return compare

    def _call(self, node: ast.Call) -> Value:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        several = name in ("min", "max")
        if name not in FUNCTIONS or node.keywords or not (several or len(node.args) == 1):
            raise self.refuse(node)
        if not node.args:
            raise self.refuse(node)
        arguments = [self.read(one) for one in node.args]
        if several:
            sign = 1 if name == "max" else -1

            def extreme(at: Mapping[str, Any]) -> Any:
                first, *others = (argument(at) for argument in arguments)
                for other in others:
                    first = other if _sign(_minus(other, first)) == sign else first
                return first

            return extreme
        (inner,) = arguments
        if name == "abs":
            return lambda at: _times_sign(_number(inner(at)))
        return lambda at: _trigonometric(name, _number(inner(at)))


# -- arithmetic -------------------------------------------------------------------------------


def _sympy(value: Exact) -> Any:
    import sympy

    return sympy.sympify(value)


def _pi() -> Any:
    import sympy

    return sympy.pi


def _both_exact(left: Any, right: Any) -> tuple[Exact, Exact, bool]:
    left, right = _number(left), _number(right)
    return left, right, is_symbolic(left) or is_symbolic(right)


def _plus(left: Any, right: Any) -> Exact:
    left, right, letters = _both_exact(left, right)
    return _number(_sympy(left) + _sympy(right) if letters else left + right)


def _minus(left: Any, right: Any) -> Exact:
    return _plus(left, -_number(right))


def _times(left: Any, right: Any) -> Exact:
    left, right, letters = _both_exact(left, right)
    return _number(_sympy(left) * _sympy(right) if letters else left * right)


def _divided(left: Any, right: Any) -> Exact:
    left, right, letters = _both_exact(left, right)
    if is_zero(right):
        raise ZeroDivisionError
    return _number(_sympy(left) / _sympy(right) if letters else Fraction(left) / right)


def _floor(left: Any, right: Any) -> Exact:
    quotient = _divided(left, right)
    if not is_symbolic(quotient):
        return quotient.__floor__()
    import sympy

    return _number(sympy.floor(quotient))


def _remainder(left: Any, right: Any) -> Exact:
    return _minus(left, _times(right, _floor(left, right)))


def _power(base: Any, exponent: Any) -> Exact:
    base, exponent, letters = _both_exact(base, exponent)
    if is_zero(base) and _sign(exponent) < 0:
        raise ZeroDivisionError
    if letters or not isinstance(exponent, int):
        made = _sympy(base) ** _sympy(exponent)
        if made.is_extended_real is False:
            raise ValueError(f"the power {base}**{exponent} of a rule is no real number")
        return _number(made)
    refuse_long_power(base, exponent)
    return _number(Fraction(base) ** exponent)


def _trigonometric(name: str, angle: Exact) -> Exact:
    import sympy

    return _number(getattr(sympy, name)(_sympy(angle)))


def _times_sign(value: Exact) -> Exact:
    return -value if _sign(value) < 0 else value


def _truth(value: Any) -> bool:
    return bool(value) if isinstance(value, bool) else _sign(value) != 0


def _sign(value: Any) -> int:
    """-1, 0 or 1. Raises UndecidedError of letters whose sign is not known."""
    value = _number(value)
    if not is_symbolic(value):
        return (value > 0) - (value < 0)
    if value.free_symbols:
        value = value.expand()
    for known, sign in (("is_positive", 1), ("is_negative", -1), ("is_zero", 0)):
        if getattr(value, known):
            return sign
    if value.free_symbols:
        raise UndecidedError(f"the sign of {value} is not known")
    if value.equals(0):
        return 0
    return 1 if value > 0 else -1


BINARY: dict[type[ast.operator], Callable[[Any, Any], Exact]] = {
    ast.Add: _plus,
    ast.Sub: _minus,
    ast.Mult: _times,
    ast.Div: _divided,
    ast.FloorDiv: _floor,
    ast.Mod: _remainder,
    ast.Pow: _power,
}
COMPARE: dict[type[ast.cmpop], Callable[[int], bool]] = {
    ast.Lt: lambda sign: sign < 0,
    ast.LtE: lambda sign: sign <= 0,
    ast.Gt: lambda sign: sign > 0,
    ast.GtE: lambda sign: sign >= 0,
    ast.Eq: lambda sign: sign == 0,
    ast.NotEq: lambda sign: sign != 0,
}
