"""Expressions of witnesses as MathML, written by sympy, and as JSON trees for the page."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from html import escape
from typing import Any

from proofs.exact import Exact, as_text, is_symbolic, nearest_float
from proofs.formula import SCALARS, Language, in_letters, names, parse, to_json

GREEK = {"step_size": "eta", "ridge": "lambda", "lam": "lambda", "penalty": "lambda"}
# what sympy prints, and as it stands in books: signs that are minus signs, thin spaces around names
# that are words, and what is next to a state, phi_next, as φ′
TIMES, NEXT, WORD = "<mo>&#8290;</mo>", r"<msub>(<mi>[^<]*</mi>)", "<mi>[a-z]{3,}</mi>"
THIN = '<mspace width=".17em"></mspace>'
IN_BOOKS = (
    (re.compile("&InvisibleTimes;"), "&#8290;"),
    (re.compile("<mo>-</mo>"), "<mo>−</mo>"),
    (re.compile("<mn>-([^<]*</mn>)"), r"<mrow><mo>−</mo><mn>\1</mrow>"),
    (re.compile(f"{TIMES}(?=(?:<mrow>)?{WORD})"), THIN),
    (re.compile(f"({WORD}){TIMES}"), rf"\1{THIN}"),
    (re.compile(f"{NEXT}<mi>next</mi></msub>"), r"<msup>\1<mo>′</mo></msup>"),
    (
        re.compile(f"{NEXT}<mrow><mi>next</mi><mo> </mo>(<mi>[^<]*</mi>)</mrow></msub>"),
        r"<msubsup>\1\2<mo>′</mo></msubsup>",
    ),
)
LARGEST = 2**53  # whole numbers up to here are floats exactly
LONG = 12  # characters of a fraction that nobody reads any more
TERMS = 4  # of a sum that stays in one line
Tree = Any  # a number, a name, or [operator, Tree, …]
# what scripts/algebra.js evaluates
ON_PAGES = Language(
    (*SCALARS.signs, "T"),
    ("ceil", "sqrt", "log", "exp", "abs", "erf", "relu"),
    decimals=True,
)


@lru_cache(maxsize=4096)
def mathml(text: str) -> str:
    """A `holds` or definition expression ("2*M0 - M0*S*M0", "w3.T*x_t") as a <math> element.

    A sum of many terms is one for each of them, between which a line can be broken.
    """
    return _in_lines("", _renamed(in_letters(text)))


def equation(name: str, text: str) -> str:
    """name = text, as `mathml` writes it."""
    left = _printer().doprint(_renamed(in_letters(name)))
    return _in_lines(f"{left}<mo>=</mo>", _renamed(in_letters(text)))


def _in_lines(before: str, expression: Any) -> str:
    printer = _printer()
    terms = printer.terms(expression) if getattr(expression, "is_Add", False) else []
    if len(terms) <= TERMS:
        whole = printer.doprint(expression)
        return f"<math><mrow>{before}{whole}</mrow></math>" if before else f"<math>{whole}</math>"
    made = [f"<math><mrow>{before}{printer.doprint(terms[0])}</mrow></math>"]
    for term in terms[1:]:
        minus = term.could_extract_minus_sign()
        sign = f'<mo form="infix">{"−" if minus else "+"}</mo>'
        made.append(f"<math><mrow>{sign}{printer.doprint(-term if minus else term)}</mrow></math>")
    return " ".join(made)


def coefficient_mathml(value: Exact) -> str:
    """An exact coefficient as MathML; long fractions as their nearest float."""
    if is_symbolic(value):
        return f"<math>{_printer().doprint(_renamed(value))}</math>"
    if isinstance(value, Fraction) and len(as_text(value)) > LONG:
        return f"<math><mn>{nearest_float(value):.4g}</mn></math>"
    from sympy import Rational

    return f"<math>{_printer().doprint(Rational(value.numerator, value.denominator))}</math>"


def numbers_mathml(value: Any) -> str:
    """A number, a vector (a column) or a matrix as MathML."""
    if not isinstance(value, (tuple, list)):
        return coefficient_mathml(value)
    rows = [row if isinstance(row, (tuple, list)) else (row,) for row in value]
    cells = "".join(
        f"<mtr>{''.join(f'<mtd>{_inside(numbers_mathml(v))}</mtd>' for v in row)}</mtr>"
        for row in rows
    )
    return f"<math><mo>(</mo><mtable>{cells}</mtable><mo>)</mo></math>"


def _inside(math: str) -> str:
    return math.removeprefix("<math>").removesuffix("</math>")


@lru_cache(maxsize=4096)
def tree(text: str) -> Tree:
    """An expression of the same language as a JSON tree: ["*", "M1", "x_t"], ["T", "X"]."""
    return to_json(text)


def coefficient_tree(value: Exact) -> Tree:
    """An exact coefficient as a number where a float holds it, else as a tree that makes it."""
    if isinstance(value, int) and abs(value) <= LARGEST:
        return value
    if isinstance(value, Fraction) and max(abs(value.numerator), value.denominator) <= LARGEST:
        return ["/", value.numerator, value.denominator]
    if is_symbolic(value) and value.free_symbols:
        letters = {symbol.name for symbol in value.free_symbols}
        text = str(value)
        only_letters = names(parse(text, ON_PAGES)) <= letters  # neither pi nor E
        return scalar_tree(text if only_letters else str(value.evalf(17)))
    return nearest_float(value)


@lru_cache(maxsize=4096)
def scalar_tree(text: str) -> Tree:
    """A formula that a page's script evaluates, as a JSON tree: with **, functions, decimals."""
    return to_json(parse(text, ON_PAGES))


def power(text: Any) -> Tree | None:
    """A text "(1 - alpha*s)**k" as [base, exponent]; None if it is none."""
    made = scalar_tree(text) if isinstance(text, str) and text else None
    return made[1:] if isinstance(made, list) and made[0] == "**" else None


@lru_cache(maxsize=1)
def _printer() -> Any:
    from sympy.printing.mathml import MathMLPresentationPrinter

    class Printer(MathMLPresentationPrinter):
        """sympy's printer, with fractions of non-commuting letters and the minus sign upright."""

        def doprint(self, expression: Any) -> str:
            text = super().doprint(expression)
            for printed, in_books in IN_BOOKS:
                text = printed.sub(in_books, text)
            return text

        def terms(self, expression: Any) -> list[Any]:
            """Those of a sum as written: what is added before what is taken away."""
            return sorted(expression.args, key=lambda term: term.could_extract_minus_sign())

        def _print_Mul(self, expression: Any) -> Any:
            below = [
                f for f in expression.args if not f.is_commutative and f.is_Pow and f.exp == -1
            ]
            if not below:
                return super()._print_Mul(expression)
            above = [f for f in expression.args if f not in below]
            fraction = self.dom.createElement("mfrac")
            fraction.appendChild(self._print(type(expression)(*above)))
            fraction.appendChild(self._print(type(expression)(*(f.base for f in below))))
            return fraction

        def _print_Add(self, expression: Any, order: Any = None) -> Any:
            row = self.dom.createElement("mrow")
            for i, term in enumerate(self.terms(expression)):
                if term.could_extract_minus_sign():
                    sign = self.dom.createElement("mo")
                    sign.appendChild(self.dom.createTextNode("-"))
                    row.appendChild(sign)
                    term = -term
                elif i:
                    sign = self.dom.createElement("mo")
                    sign.appendChild(self.dom.createTextNode("+"))
                    row.appendChild(sign)
                if term.is_Add:
                    row.appendChild(self.parenthesize(term, 10**6))
                else:
                    row.appendChild(self._print(term))
            return row

    return Printer()


def _renamed(expression: Any) -> Any:
    """The expression for readers: Greek letters, and long fractions to three digits."""
    from sympy import Float, Rational, Symbol

    named: dict[Any, Any] = {
        number: Float(number, 3)
        for number in getattr(expression, "atoms", lambda *_: ())(Rational)
        if len(str(number)) > LONG
    }
    named |= {
        symbol: Symbol(GREEK[symbol.name], commutative=symbol.is_commutative)
        for symbol in getattr(expression, "free_symbols", ())
        if symbol.name in GREEK
    }
    return expression.xreplace(named) if named else expression


def plain(text: Any) -> str:
    """Text for HTML."""
    return escape(str(text), quote=True)
