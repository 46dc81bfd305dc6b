"""Linear attention sees the examples of a prompt only through their moments G = sum_j z_j z_j^T.

z_j = (x_j, y_j). After any number of layers a token is a matrix times what it was at first, and the
matrix is a polynomial in G: so a prediction is one in G and the query, of (d + 1)(d + 2)/2 + d
letters, however many examples there are. It is found by running the network on the d + 1 basis
vectors as examples, with G as the mix of each head. A formula that sums over the examples is
evaluated alike. Of the difference the part that is linear in G is a sum over examples, and loses
nothing; the rest is bounded for all G with entries in their ranges, which is more than there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpq

from constructions.numbers import Unsupported
from constructions.witness import Witness
from proofs import formula
from proofs.layer import Head, Layer
from proofs.prompt import X_ALONE
from proofs.rule import Rule

from ...box import Box, Range, q_name, x_name, y_name
from ...formulas import Formula
from ...prompt_scope import ARRAYS, Scope
from . import separate
from .bernstein import WORK, Polynomial, up
from .difference import Programs
from .enclose import Enclosure
from .forms import Form, Letters
from .system import Entries

LARGE = 10_000  # terms, of which the Bernstein form takes long
READ = ("x", "y")  # features of a token: what else there is, a constant say, is no part of G


@dataclass(frozen=True)
class Moments:
    """The letters of G and of a query, for prompts of d inputs and n examples."""

    letters: Letters
    d: int
    n: int

    @staticmethod
    def at(d: int, n: int) -> Moments:
        places = [(a, b) for a in range(d + 1) for b in range(a, d + 1)]
        names = [g_name(a, b) for a, b in places] + [q_name(i) for i in range(d)]
        return Moments(Letters(names), d, n)

    def G(self) -> np.ndarray:
        """(d + 1, d + 1), symmetric."""
        size = self.d + 1
        return _array(size, size, lambda a, b: self.letters.letter(g_name(min(a, b), max(a, b))))

    def query(self) -> np.ndarray:
        """(1, d)"""
        return _array(1, self.d, lambda _, i: self.letters.letter(q_name(i)))

    def sums(self, box: Box) -> dict[str, Range]:
        """The ranges of the letters of G on a box of n examples."""
        ranges, size = box.ranges(), self.d + 1
        one = [x_name(0, i) for i in range(self.d)] + [y_name(0)]
        return {
            g_name(a, b): _sum_of_products(ranges[one[a]], ranges[one[b]], a == b, self.n)
            for a in range(size)
            for b in range(a, size)
        }

    def coarse(self, polynomial: Any, box: Box) -> Fraction:
        """A bound on it, and a norm: the sum of the largest absolute values of its terms, written
        in how far the letters of G are from the middle of their ranges.
        """
        context, sums = self.letters.context, self.sums(box)
        middle = {name: (low + high) / 2 for name, (low, high) in sums.items()}
        moved = polynomial.compose(
            *(
                letter + context.constant(_rational(middle.get(name, Fraction(0))))
                for name, letter in zip(context.names(), context.gens())
            )
        )
        largest = {name: max(map(abs, side)) for name, side in box.ranges().items()}
        largest |= {name: (high - low) / 2 for name, (low, high) in sums.items()}
        sizes = context.from_dict({at: abs(c) for at, c in moved.to_dict().items()})
        made = sizes(*(_rational(largest.get(name, Fraction(0))) for name in context.names()))
        return Fraction(int(made.p), int(made.q))

    # -- the network --

    def of_witness(self, witness: Witness) -> Form:
        """Its prediction. Raises Unsupported, with why, where it is none in G."""
        (made,) = self._mixed(witness).predict(*self._basis())
        return self.letters.element(made)

    def states(self, witness: Witness) -> list[dict[str, Any]]:
        """The slots of the basis vectors, then of the query, before and after each layer."""
        return self._mixed(witness).trace(*self._basis())

    def _basis(self) -> tuple[Any, ...]:
        unit = np.eye(self.d + 1, dtype=int).astype(object)
        system = Entries("moments", self.letters.element)
        return unit[:, : self.d], unit[:, self.d], self.query(), system

    def _mixed(self, witness: Witness) -> Witness:
        """The witness that reads the basis vectors, each as often as G says."""
        import sympy

        refuse_others(witness)
        size = range(self.d + 1)
        rows = [[sympy.Symbol(g_name(min(a, b), max(a, b))) for b in size] for a in size]
        mix = Rule(matrix=tuple(map(tuple, rows)))
        layers = (
            replace(layer, heads=tuple(self._head(head, mix) for head in layer.heads), holds=())
            for layer in witness.layer_list
        )
        return replace(witness, layer_list=tuple(layers), examples=None)

    def _head(self, head: Head, mix: Rule) -> Head:
        value = head.value
        if head.average:  # the basis vectors are no examples to be counted
            share = Fraction(1, self.n)
            value = type(value)(tuple(replace(b, coefficient=b.coefficient * share) for b in value))
        return replace(head, value=value, average="", mix=mix)

    # -- the algorithm --

    def of_formula(self, stated: Any, parameters: Mapping[str, Any]) -> Form:
        """What a formula predicts. Raises Unsupported where it uses an example by itself."""
        if not isinstance(stated, Formula) or stated.fields is not X_ALONE:
            raise Unsupported("moments know algorithms that are formulas in X and y")
        if stated.tokens != "query":
            raise Unsupported(f"moments know no prediction at {stated.tokens}")
        size, G, element = self.d + 1, self.G(), self.letters.element
        unit = _array(size, size, lambda a, b: element(int(a == b)))
        given: dict[str, Any] = {
            "X": Over(unit[:, : self.d], G),
            "y": Over(unit[:, self.d :], G),
            "n": Fraction(self.n),
            "I": unit[: self.d, : self.d],
            "O": _array(self.d, 1, lambda *_: element(0)),
            "x_t": self.query().T,
        }
        given |= {name: _taken(value, element) for name, value in parameters.items()}
        definitions, prediction = stated.at(parameters)
        scope = MomentScope(given, definitions)
        try:
            made = formula.evaluate(prediction, scope, ARITHMETIC)
        except (KeyError, TypeError) as error:
            raise Unsupported(f"moments do not know the formula: {error}") from None
        made = made.item() if isinstance(made, np.ndarray) and made.size == 1 else made
        return element(made, "a prediction")


def g_name(a: int, b: int) -> str:
    """The letter of sum_j z_ja z_jb, a <= b; the last row is y."""
    return f"g{a + 1}_{b + 1}"


def _rational(value: Fraction) -> fmpq:
    return fmpq(value.numerator, value.denominator)


def _array(rows: int, columns: int, entry: Any) -> np.ndarray:
    made = np.empty((rows, columns), dtype=object)
    for a, b in np.ndindex(rows, columns):
        made[a, b] = entry(a, b)
    return made


def _taken(value: Any, element: Any) -> Any:
    if isinstance(value, tuple):
        rows = [row if isinstance(row, tuple) else (row,) for row in value]
        return _array(len(rows), len(rows[0]), lambda a, b: element(rows[a][b]))
    return Fraction(value) if isinstance(value, int) else value


def refuse_others(witness: Witness) -> None:
    """Raises Unsupported for a network that sees more of the examples than G."""
    prompt = witness.prompt
    if prompt.fields is not X_ALONE or prompt.targets != 1 or witness.readout.tokens != "query":
        raise Unsupported("moments know prompts of x and one y, and a read-out at the query")
    if prompt.form != "joint" or prompt.register:
        raise Unsupported("moments know one token for each example")
    for block in prompt.embedding:
        if block.source.partition("[")[0] not in READ:
            raise Unsupported(f"moments know tokens of x and y alone, not of {block.source}")
    for layer in witness.layer_list:
        if layer.mlp is not None:
            raise Unsupported(f"moments know no MLP, which layer {layer.name} has")
        if replace(layer, heads=(), name="", holds=()) != Layer("", ()):
            raise Unsupported(f"moments know no norm, which layer {layer.name} has")
        for head in layer.heads:
            plain = head.mask is None and head.mix is None and head.keys == "context"
            if head.attention != "linear" or not plain or head.average not in ("", "examples"):
                raise Unsupported(
                    f"moments know linear attention over all examples; {layer.name} has other heads"
                )


# -- formulas that sum over the examples ------------------------------------------------------


@dataclass(frozen=True)
class Over:
    """An array (n, k) over the examples, [X, y] `by`, or transposed; by (d + 1, k)."""

    by: np.ndarray
    G: np.ndarray
    turned: bool = False

    def like(self, by: Any) -> Over:
        return replace(self, by=by)


class MomentScope(Scope):
    """Definitions are evaluated in the arithmetic of moments."""

    def __missing__(self, name: str) -> Any:
        if name not in self.definitions:
            raise KeyError(f"{name}, which is of one example")
        self[name] = formula.evaluate(self.definitions[name], self, ARITHMETIC)
        return self[name]


def _sum(sign: str) -> Any:
    def made(left: Any, right: Any) -> Any:
        if not isinstance(left, Over) and not isinstance(right, Over):
            return ARRAYS[sign](left, right)
        if isinstance(left, Over) and isinstance(right, Over) and left.turned == right.turned:
            return left.like(ARRAYS[sign](left.by, right.by))
        raise Unsupported("moments know no number that is added to every example")

    return made


def _product(left: Any, right: Any) -> Any:
    if isinstance(left, Over) and isinstance(right, Over):
        if left.turned and not right.turned:
            return left.by.T @ left.G @ right.by
        raise Unsupported("moments know no matrix of examples by examples: write X.T*(X*w)")
    if isinstance(left, Over):
        if isinstance(right, np.ndarray) and right.shape != (1, 1):
            if left.turned:
                raise Unsupported("moments know no vector of one number an example")
            return left.like(left.by @ right)
        return left.like(ARRAYS["*"](left.by, right))
    if isinstance(right, Over):
        if isinstance(left, np.ndarray) and left.shape != (1, 1):
            if not right.turned:
                raise Unsupported("moments know no vector of one number an example")
            return right.like(right.by @ left.T)
        return right.like(ARRAYS["*"](left, right.by))
    return ARRAYS["*"](left, right)


def _quotient(left: Any, right: Any) -> Any:
    if isinstance(right, Over):
        raise Unsupported("moments know no division by examples")
    return (
        left.like(ARRAYS["/"](left.by, right))
        if isinstance(left, Over)
        else ARRAYS["/"](left, right)
    )


def _turned(value: Any) -> Any:
    return (
        replace(value, turned=not value.turned) if isinstance(value, Over) else ARRAYS["T"](value)
    )


ARITHMETIC = {
    "number": int,
    "+": _sum("+"),
    "-": _sum("-"),
    "*": _product,
    "/": _quotient,
    "neg": lambda value: value.like(-value.by) if isinstance(value, Over) else -value,
    "T": _turned,
}


# -- the difference ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """Network - algorithm, a polynomial in the letters of `moments`."""

    moments: Moments
    polynomial: Any

    @property
    def is_zero(self) -> bool:
        """Whether they are one function, of prompts of more examples than d at least."""
        return bool(self.polynomial.is_zero())

    def enclosure(self, box: Box, work: float = WORK) -> Enclosure:
        """A bound for every prompt of a box of as many examples."""
        if self.is_zero:
            return Enclosure(0.0, "the zero function of the examples' moments", zero=True)
        n, d = self.moments.n, self.moments.d
        names = tuple(self.moments.letters.context.names())
        ranges, sums = box.ranges(), self.moments.sums(box)
        one = [x_name(0, i) for i in range(d)] + [y_name(0)]
        queries = {q_name(i): ranges[q_name(i)] for i in range(d)}
        single: dict[tuple[int, ...], Any] = {}
        for exponents, c in self.polynomial.to_dict().items():
            if sum(e for name, e in zip(names, exponents) if name in sums) == 1:
                single[exponents] = c
        owners: dict[str, int | None] = {name: 0 for name in one} | dict.fromkeys(queries)
        alone = {name: ranges[name] for name in one} | queries
        linear = separate.magnitude(_of_example(single, names, one, d), owners, alone, 0.02, work)
        rest = self.polynomial - self.moments.letters.context.from_dict(single)
        high = n * Fraction(linear.high) + self._apart(rest, box, work)
        if single and not rest.is_zero():  # what is linear and what is not may cancel
            high = min(high, self._apart(self.polynomial, box, work))
        at = {name: linear.at[name] for name in queries if name in linear.at}
        for j in range(n):  # all examples where the linear part is largest
            mine = [x_name(j, i) for i in range(d)] + [y_name(j)]
            at |= {to: linear.at[name] for to, name in zip(mine, one) if name in linear.at}
        how = "the moments of the examples, the part that is linear in them example by example"
        return Enclosure(up(high), how, at=at)

    def _apart(self, polynomial: Any, box: Box, work: float) -> Fraction:
        """A bound where every letter has its range by itself: the better one of two."""
        coarse = self.moments.coarse(polynomial, box)
        if polynomial.is_zero() or len(polynomial) > LARGE:
            return coarse
        names = tuple(self.moments.letters.context.names())
        sides = self.moments.sums(box) | box.ranges()
        made = Polynomial.of(polynomial.to_dict(), names)
        wide = {name: sides[name] for name in made.variables}
        return min(
            coarse, Fraction(separate.magnitude(made, dict.fromkeys(wide), wide, 0.02, work).high)
        )


def of(programs: Programs) -> Difference | None:
    """The difference of two programs, where several layers see many examples by their moments."""
    box, witness = programs.box, programs.witness
    several = len(witness.layer_list) > 1 and box.n > box.d + 1
    if not several or any(True for _ in box.varying()):
        return None
    try:
        return difference(witness, programs.algorithm, box.lettered(str), box.n)
    except Unsupported:
        return None


def difference(witness: Witness, stated: Any, parameters: Mapping[str, Any], n: int) -> Difference:
    """Of a network and a formula on prompts of n examples.

    Raises Unsupported where one of the two is no polynomial in G and the query.
    """
    moments = Moments.at(witness.d, n)
    refuse_others(witness)
    made = (moments.of_witness(witness) - moments.of_formula(stated, parameters)).polynomial
    if made is None:
        raise Unsupported("the difference is no polynomial in the moments")
    return Difference(moments, made)


def _sum_of_products(a: Range, b: Range, same: bool, n: int) -> Range:
    """The range of the sum of n products of two numbers of these ranges."""
    ends = [p * q for p in a for q in b]
    if same:
        squares = [end * end for end in a]
        low = Fraction(0) if a[0] <= 0 <= a[1] else min(squares)
        return n * low, n * max(squares)
    return n * min(ends), n * max(ends)


def _of_example(
    terms: Mapping[tuple[int, ...], Any], names: tuple[str, ...], one: list[str], d: int
) -> Polynomial:
    """A polynomial that is linear in G at G = z z^T, in the letters of one example and a query."""
    places = {g_name(a, b): (one[a], one[b]) for a in range(d + 1) for b in range(a, d + 1)}
    order = (*one, *(q_name(i) for i in range(d)))
    made: dict[tuple[int, ...], Fraction] = {}
    for exponents, c in terms.items():
        powers = dict.fromkeys(order, 0)
        for name, e in zip(names, exponents):
            for used in places.get(name, (name,)) if e else ():
                powers[used] += e
        key = tuple(powers.values())
        made[key] = made.get(key, Fraction(0)) + Fraction(int(c.p), int(c.q))
    return Polynomial.of({k: c for k, c in made.items() if c}, order)
