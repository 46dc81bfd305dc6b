"""A prompt's tokens in the calculus: groups of equal form, with what the embedding reads.

All n examples are one group with the rows X, or, where the weights tell single tokens apart,
one group each. One row stands for any query, since no other token sees it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from proofs import calculus as c
from proofs.calculus import Form

ONE = sympy.Integer(1)


class OutsideCalculusError(ValueError):
    """The witness does something that words of matrices cannot say."""


@dataclass(frozen=True, eq=False)
class Group:
    """Tokens of one form: `rows` of them with features, at token `number` if it is one token."""

    name: str
    rows: Any
    features: Mapping[str, Form]
    context: bool
    number: int | None = None

    def matches(self, tokens: str | int) -> bool:
        """Whether these are tokens of that kind: "all", "context", "query" or a number."""
        if isinstance(tokens, str):
            return tokens == "all" or (tokens == "context") == self.context
        return self.number == tokens


def ones(rows: Any) -> Form:
    return c.number(1) if rows == 1 else c.letter(f"1_{rows}", rows, 1)


def groups(witness: Any, examples: int | None = None) -> list[Group]:
    """The prompt's groups of tokens, the query last.

    All examples in one group, unless their number is fixed by the witness or by `examples`.
    """
    prompt = witness.prompt
    fixed = witness.examples if witness.examples is not None else examples
    made: list[Group] = []

    def single(name: str, features: Mapping[str, Form]) -> None:
        number = len(made)
        known = {"one": c.number(1), f"position[{number}]": c.number(1), **features}
        if number:
            known["index"] = c.number(number)
        made.append(Group(name, ONE, known, True, number))

    if prompt.register:
        single("register", {"register": c.number(1)})
    if fixed is None:
        if prompt.form != "joint" or {"position", "index"} & _sources(prompt.embedding):
            raise OutsideCalculusError("tokens are told apart: the number of examples is needed")
        together = {"x": c.X, "y": c.y, "one": ones(c.n), "x_example": c.X}
        made.append(Group("examples", c.n, together, True))
    else:
        for i in range(1, fixed + 1):
            row = c.letter(f"x_{{{i}}}", c.d, 1).T
            x, y = {"x": row, "x_example": row}, {"y": c.number(sympy.Symbol(f"y_{i}"))}
            if prompt.form == "joint":
                single(f"example {i}", {**x, **y})
            else:
                single(f"x of example {i}", x)
                single(f"y of example {i}", y)
    row = c.letter("x_*", c.d, 1).T
    query = {"x": row, "x_query": row, "query": c.number(1), "one": c.number(1)}
    if fixed is not None:
        query |= {"index": c.number(len(made)), f"position[{len(made)}]": c.number(1)}
    made.append(Group("query", ONE, query, False, None))
    return made


def _sources(slots: Any) -> set[str]:
    return {block.source.partition("[")[0] for block in slots}
