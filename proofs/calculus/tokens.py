"""A prompt's tokens in the calculus: groups of equal form, with what the embedding reads.

All n examples are one group with the rows X (in an interleaved prompt two: the x tokens and the
y tokens), or, where the weights tell single tokens apart, one group each. One row stands for any
of the m queries: no other token may see it (`assembled` makes sure), and it is known which it is
only by its place q among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from proofs.calculus import form as c
from proofs.calculus.form import Form

ONE = sympy.Integer(1)
# a query's place among the queries, from 0
PLACE = sympy.Symbol("q", integer=True, nonnegative=True)
VECTORS = ("x", "x_example", "x_query")
FEATURES = (*VECTORS, "y", "one", "index", "position", "query", "register")


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
        if number.normal():
            known["index"] = number
        made.append(Group(name, rows, known, True, end, apart))

    if prompt.register:
        add("register", {"register": c.number(1)})
        end += 1
    if fixed is None:
        if one_hot:
            raise OutsideCalculusError("tokens are told apart: the number of examples is needed")
        x, y = {"x": c.X, "x_example": c.X}, {"y": c.y}
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
            row = c.letter(f"x_{{{i}}}", c.d, 1).T
            x, y = {"x": row, "x_example": row}, {"y": c.number(sympy.Symbol(f"y_{i}"))}
            for name, features in (
                (("example", {**x, **y}),)
                if prompt.form == "joint"
                else (("x of example", x), ("y of example", y))
            ):
                add(f"{name} {i}", features)
                end += 1
    row = c.letter("x_*", c.d, 1).T
    query = {"x": row, "x_query": row, "query": c.number(1), "one": c.number(1)}
    query["index"] = c.number(end + PLACE)
    if one_hot and prompt.positions > end:
        raise OutsideCalculusError("one-hot positions tell queries apart, and one stands for all")
    made.append(Group("query", ONE, query, False, end + PLACE))
    return made


def _sources(slots: Any) -> set[str]:
    return {block.source.partition("[")[0] for block in slots}
