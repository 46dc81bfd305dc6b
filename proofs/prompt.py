"""How examples and queries become tokens, and what the embedding may read of each token."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from proofs.slotmap import SlotMap
from proofs.stream import DIMENSION, Layout, Slot, split_entry
from proofs.vocabulary import FORMS, Form, boolean, one_of, unread, whole


@dataclass(frozen=True)
class Tokens:
    """Where the parts of one prompt are: token numbers from 0."""

    total: int
    context: range  # tokens of the examples (and the register); the queries come after them
    x: range  # tokens that carry x_1 … x_n
    y: range  # tokens that carry y_1 … y_n: the same ones in a joint prompt
    queries: range

    @property
    def examples(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Prompt:
    """The token sequence of a prompt and its embedding into the stream.

    form: "joint" has one token (x_j, y_j) per example, "interleaved" has x_1, y_1, x_2, y_2, …;
    the queries follow, one token each, with y = 0. `register` puts one token without an example
    in front. The embedding reads these features of a token: x (d,), y (), one () = 1, index ()
    = the token's number, position (positions,) = one-hot of that number, query () = 1 on queries,
    register () = 1 on the register, x_example (d,) and x_query (d,) = x on tokens of one kind only.
    """

    d: Any  # or the letter "d", until `at` puts the number in
    embedding: SlotMap
    form: Form = "joint"
    register: bool = False
    positions: int = 0

    def __post_init__(self) -> None:
        if self.d != DIMENSION:
            whole(self.d, 1, "d")
        one_of(self.form, FORMS, "form of the prompt")
        boolean(self.register, "register")
        whole(self.positions, 0, "positions")
        object.__setattr__(self, "embedding", self.embedding.without_zeros())
        for block in self.embedding:
            one_of(
                split_entry(block.source)[0],
                (slot.name for slot in self.features.slots),
                "feature of a token",
            )

    def at(self, d: int) -> Prompt:
        """The same prompt with inputs of dimension d."""
        return replace(self, d=d)

    @cached_property
    def features(self) -> Layout:
        """Layout of what the embedding reads."""
        return Layout(
            (
                Slot("x", (self.d,)),
                Slot("y"),
                Slot("one"),
                Slot("index"),
                Slot("position", (self.positions,)),
                Slot("query"),
                Slot("register"),
                Slot("x_example", (self.d,)),
                Slot("x_query", (self.d,)),
            )
        )

    def tokens(self, n: int, m: int) -> Tokens:
        """Token numbers for n examples and m queries."""
        first = 1 if self.register else 0
        if self.form == "joint":
            step = 1
        elif self.form == "interleaved":
            step = 2
        else:
            unread(self.form, "form", "the prompt")
        end = first + step * n
        return Tokens(
            total=end + m,
            context=range(0, end),
            x=range(first, end, step),
            y=range(first + step - 1, end, step),
            queries=range(end, end + m),
        )

    def read(self, X: Any, y: Any, queries: Any, tokens: Tokens, numbers: Any) -> dict[str, Any]:
        """The features that the embedding uses, each (tokens, size) in the number system."""
        wanted = {split_entry(block.source)[0] for block in self.embedding}
        total = tokens.total
        made: dict[str, Any] = {}
        if "x" in wanted:
            made["x"] = numbers.assemble(total, [(tokens.x, X), (tokens.queries, queries)])
        if "x_example" in wanted:
            made["x_example"] = numbers.assemble(total, [(tokens.x, X)])
        if "x_query" in wanted:
            made["x_query"] = numbers.assemble(total, [(tokens.queries, queries)])
        if "y" in wanted:
            made["y"] = numbers.assemble(total, [(tokens.y, y)])
        constants = {
            "one": lambda: [[1]] * total,
            "index": lambda: [[t] for t in range(total)],
            "position": lambda: [
                [int(t == p) for p in range(self.positions)] for t in range(total)
            ],
            "query": lambda: [[int(t in tokens.queries)] for t in range(total)],
            "register": lambda: [[int(self.register and t == 0)] for t in range(total)],
        }
        for name, rows in constants.items():
            if name in wanted:
                made[name] = numbers.constant(rows())
        return made
