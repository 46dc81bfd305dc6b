"""A prompt's tokens in the calculus: groups of equal form, with what the embedding reads.

All n examples are one group with the rows X (in an interleaved prompt two: the x tokens and the
y tokens), or, where the weights tell single tokens apart, one group each. One row stands for any
of the m queries: no other token may see it (`assembled` makes sure), and it is known which it is
only by its place q among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy

from proofs.calculus import form as c
from proofs.calculus.form import Form
from proofs.stream import DIMENSION

ONE = sympy.Integer(1)
# a query's place among the queries, from 0
PLACE = sympy.Symbol("q", integer=True, nonnegative=True)
Shape = tuple[Any, ...]  # (), (d,), (d, d), d the letter; other axes are numbers


class OutsideCalculusError(ValueError):
    """The witness does something that words of matrices cannot say."""


@dataclass(frozen=True, eq=False)
class Group:
    """Tokens of one form: `rows` of them with features; row i is token number first + step * i."""

    name: str
    rows: Any
    features: Mapping[str, Form]
    context: bool
    first: Any
    step: Any = ONE

    def matches(self, tokens: str | int) -> bool:
        """Whether these are tokens of that kind: "all", "context", "query" or a number."""
        if isinstance(tokens, str):
            return tokens == "all" or (tokens == "context") == self.context
        return self.context and self.rows == 1 and self.first == tokens

    @cached_property
    def columns(self) -> dict[str, Form]:
        """The features of one token, as columns."""
        return {name: rows.T for name, rows in self.features.items()}


class Sizes:
    """What the numbers of a witness's axes stand for: d for the letter, others for themselves.

    Raises OutsideCalculusError where a number of targets, or of a part of x, that is no letter is
    the number d too: a slot of so many numbers may be either, and is another one at another d.
    """

    def __init__(self, prompt: Any) -> None:
        self.d, fields = prompt.d, prompt.fields
        axes = {axis for part in fields.parts.slots for axis in part.shape} | {prompt.targets}
        self.others = {axis for axis in axes if axis not in (DIMENSION, 0, 1)}
        if self.d in self.others:
            raise OutsideCalculusError(
                f"targets, or a part of x, of {self.d} numbers where d = {self.d} too: they are "
                'told apart at another d, or by the letter "d"'
            )

    def axis(self, size: Any) -> Any:
        """The axis in the calculus; None for a number that is no size of the prompt."""
        if size in (self.d, DIMENSION):
            return c.d
        return sympy.Integer(size) if size in self.others or size == 1 else None

    def shape(self, shape: Shape) -> Shape | None:
        """The shape in the calculus; None where an axis has no meaning in it."""
        made = tuple(self.axis(size) for size in shape)
        return None if None in made else made

    def features(self, prompt: Any) -> dict[str, Shape]:
        """The shapes of what the parts of x, and y, give a token; of every other feature ()."""
        fields = prompt.fields
        made: dict[str, Shape] = {}
        for part in fields.parts.slots:
            shape = self.shape(part.shape)
            if shape is None or len(shape) > 1:
                raise OutsideCalculusError(f"the part {part.name} of x, of shape {part.shape}")
            made |= dict.fromkeys((part.name, f"{part.name}_example", f"{part.name}_query"), shape)
        if prompt.targets != 1:
            made["y"] = (self.axis(prompt.targets),)
        return made


def ones(rows: Any) -> Form:
    """The column of ones."""
    return c.number(1) if rows == 1 else c.letter(f"1_{rows}", rows, 1)


def places(rows: Any) -> Form:
    """The column 0, 1, …, rows - 1."""
    return c.zero(1, 1) if rows == 1 else c.letter(f"i_{rows}", rows, 1)


def groups(witness: Any, examples: int | None = None) -> list[Group]:
    """The prompt's groups of tokens, the query last.

    All examples together, unless their number is fixed by the witness or by `examples`. Raises
    OutsideCalculusError where one-hot positions are read and that number is not fixed.
    """
    prompt = witness.prompt
    shapes = Sizes(prompt).features(prompt)
    parts = [part.name for part in prompt.fields.parts.slots]
    if prompt.form not in ("joint", "interleaved"):
        raise OutsideCalculusError(f"a prompt of the form {prompt.form}")
    one_hot = "position" in _sources(prompt.embedding)
    fixed = witness.examples if witness.examples is not None else examples
    made: list[Group] = []
    end = sympy.Integer(0)  # how many tokens there are so far

    def add(name: str, features: Mapping[str, Form], rows: Any = ONE, apart: Any = ONE) -> None:
        """A group of `rows` tokens, `apart` from each other, from the next token on."""
        number = end * ones(rows) + apart * places(rows)
        known = {"one": ones(rows), **features}
        if rows == 1 and end < prompt.positions:
            known[f"position[{end}]"] = c.number(1)
        if not number.vanishes:
            known["index"] = number
        made.append(Group(name, rows, known, True, end, apart))

    if prompt.register:
        add("register", {"register": c.number(1)})
        end += 1
    if fixed is None:
        if one_hot:
            raise OutsideCalculusError("tokens are told apart: the number of examples is needed")
        x: dict[str, Form] = {}
        for name in parts:
            matrix = matrix_of(name, shapes[name])
            x |= {name: matrix, f"{name}_example": matrix}
        y = {"y": matrix_of("y", shapes.get("y", ()))} if prompt.targets != 0 else {}
        if prompt.form == "joint":
            add("examples", {**x, **y}, c.n)
            end += c.n
        else:
            add("x of the examples", x, c.n, sympy.Integer(2))
            end += 1
            add("y of the examples", y, c.n, sympy.Integer(2))
            end += 2 * c.n - 1
    else:
        for i in range(1, fixed + 1):
            x = {}
            for name in parts:
                row = row_of(name, f"{{{i}}}" if shapes[name] else str(i), shapes[name])
                x |= {name: row, f"{name}_example": row}
            shape = shapes.get("y", ())
            y = {"y": row_of("y", f"{{{i}}}" if shape else str(i), shape)}
            y = y if prompt.targets != 0 else {}
            for name, features in (
                (("example", {**x, **y}),)
                if prompt.form == "joint"
                else (("x of example", x), ("y of example", y))
            ):
                add(f"{name} {i}", features)
                end += 1
    query = {"query": c.number(1), "one": c.number(1)}
    for name in prompt.fields.query_parts:
        row = row_of(name, "*", shapes[name])
        query |= {name: row, f"{name}_query": row}
    query["index"] = c.number(end + PLACE)
    if one_hot and prompt.positions > end:
        raise OutsideCalculusError("one-hot positions tell queries apart, and one stands for all")
    made.append(Group("query", ONE, query, False, end + PLACE))
    return made


def matrix_of(name: str, shape: Shape) -> Form:
    """The rows of all examples: X of the part x, y of the targets, of a part what it is named."""
    known = {"x": c.X} if shape == (c.d,) else {"y": c.y} if shape == () else {}
    letter = "X" if name == "x" else name
    return known.get(name, c.letter(letter, c.n, shape[0] if shape else 1))


def row_of(name: str, index: str, shape: Shape) -> Form:
    """One token's row, a letter of its own; of a single number a symbol."""
    if shape == ():
        return c.number(sympy.Symbol(f"{name}_{index}"))
    return c.letter(f"{name}_{index}", shape[0], 1).T


def _sources(slots: Any) -> set[str]:
    return {block.source.partition("[")[0] for block in slots}
