"""How examples and queries become tokens, and what the embedding may read of each token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from keyword import iskeyword
from numbers import Integral
from typing import Any

from proofs.exact import Exact
from proofs.rule import Rule, rule
from proofs.slotmap import SlotMap
from proofs.stream import DIMENSION, Layout, Slot, split_entry
from proofs.vocabulary import (
    FORMS,
    READOUTS,
    Form,
    boolean,
    is_reserved,
    one_of,
    unread,
    whole,
)

ENCODED = ("t", "n", "N")  # what the rules of an encoding may name
OF_ONE_KIND = ("_example", "_query")  # of a part's name: the feature that only these tokens have
COLUMN = "_t"  # of a part's name: one token's part as a column, in formulas


@dataclass(frozen=True)
class Span:
    """The numbers of a range whose ends have no value yet: torch's sizes in a graph for any n."""

    start: Any
    stop: Any
    step: int = 1

    def __bool__(self) -> bool:
        return bool(self.start < self.stop)


def between(start: Any, stop: Any, step: int = 1) -> Any:
    """range(start, stop, step), a Span where the ends are no numbers."""
    if type(start) is type(stop) is int:  # asked for at every prediction
        return range(start, stop, step)
    known = isinstance(start, Integral) and isinstance(stop, Integral)
    return range(int(start), int(stop), step) if known else Span(start, stop, step)


def count(tokens: Any) -> Any:
    """How many token numbers there are; of a Span that starts below its end, a size."""
    if isinstance(tokens, Span):
        return (tokens.stop - tokens.start + tokens.step - 1) // tokens.step
    return len(tokens)


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
        return count(self.x)

    def read_out(self, tokens: str) -> range:
        """The tokens at which a read-out predicts: queries, those of x_1 … x_n, or all."""
        one_of(tokens, READOUTS, "tokens of a read-out")
        every = {"query": self.queries, "examples": self.x, "all": between(0, self.total)}
        return every[tokens]


@dataclass(frozen=True)
class Fields:
    """The named parts of x: the columns of X in order, and which of them a query has.

    Axes may be the letter "d". As it stands, x is one part of d numbers, which queries have too.
    The matrix of a part in formulas is named like it, but X for the part x.
    """

    parts: Layout = Layout((Slot("x", (DIMENSION,)),))
    query_parts: tuple[str, ...] = ("x",)

    def __post_init__(self) -> None:
        if not isinstance(self.parts, Layout) or not self.parts.slots:
            raise ValueError(
                f"parts of x are a layout, such as layout(a='d', b=''), not {self.parts!r}"
            )
        names = [part.name for part in self.parts.slots]
        for name in names:
            if not name.isidentifier() or iskeyword(name) or is_reserved(name):
                raise ValueError(f"{name!r} is no name of a part of x")
            if name.endswith((*OF_ONE_KIND, COLUMN)):
                raise ValueError(f"a part of x is not named {name!r}, which is another's feature")
        for name in self.query_parts:
            one_of(name, names, "part of a query")
        if len(set(self.query_parts)) < len(self.query_parts):
            raise ValueError(f"a query has each part once, not {self.query_parts}")

    @cached_property
    def of_query(self) -> Layout:
        """The parts of a query, in the order of the columns of queries."""
        return Layout(tuple(self.parts[name] for name in self.query_parts))

    def at(self, d: Any) -> Fields:
        """The same for inputs of dimension d."""
        return _sized(self, d) if type(d) is int else replace(self, parts=self.parts.at(d))

    def dimension(self, columns: int) -> int:
        """The d at which an example has so many columns. Raises ValueError where there is none."""
        if not any(DIMENSION in part.shape for part in self.parts.slots):
            raise ValueError("no part of x depends on d")
        d = 1
        while (width := self.parts.at(d).width) < columns:
            d += 1
        if width != columns:
            raise ValueError(f"X has {columns} columns, which its parts have for no d")
        return d


@lru_cache(maxsize=256)
def _sized(fields: Fields, d: int) -> Fields:
    """`fields.at(d)`, which every prompt of that size asks for."""
    return replace(fields, parts=fields.parts.at(d))


X_ALONE = Fields()


def fields_of(parts: Layout | None, query_parts: Sequence[str] | None) -> Fields:
    """The parts of x, and of a query those that are named, or all."""
    if parts is None and query_parts is None:
        return X_ALONE
    parts = X_ALONE.parts if parts is None else parts
    every = [part.name for part in parts.slots] if query_parts is None else query_parts
    return Fields(parts, tuple(every))


@dataclass(frozen=True)
class Prompt:
    """The token sequence of a prompt and its embedding into the stream.

    form: "joint" has one token (x_j, y_j) per example, "interleaved" has x_1, y_1, x_2, y_2, …;
    the queries follow, one token each, with y = 0. `register` puts one token without an example
    in front. `parts` names column ranges of x, phi="d", r="", so that X has as many columns as
    they have numbers; `query_parts` are those that a query has, in the order of its columns, all
    of them where nothing else is said. `targets` is how many numbers one y has, or "d"; y is
    (n,) where it is 1, and there is no y where it is 0. `encodings` name functions of the token's
    number: (("phase", (rule("sin(t)"), rule("cos(t)"))), ...), each with the rules of its numbers,
    in t and the numbers n of examples and N of all tokens.

    The embedding reads these features of a token: x (d,), or each part by its name; y (targets,);
    one () = 1, index () = the token's number, position (positions,) = one-hot of that number,
    query () = 1 on queries, register () = 1 on the register; x_example (d,) and x_query (d,), and
    likewise of every part, = x on tokens of one kind only; each of the encodings by its name.
    """

    d: Any  # or the letter "d", until `at` puts the number in
    embedding: SlotMap
    form: Form = "joint"
    register: bool = False
    positions: int = 0
    parts: Layout | None = None
    query_parts: tuple[str, ...] | None = None
    targets: Any = 1
    encodings: tuple[tuple[str, tuple[Rule, ...]], ...] = ()

    def __post_init__(self) -> None:
        if self.d != DIMENSION:
            whole(self.d, 1, "d")
        one_of(self.form, FORMS, "form of the prompt")
        boolean(self.register, "register")
        whole(self.positions, 0, "positions")
        if self.targets != DIMENSION:
            whole(self.targets, 0, "targets")
        if self.targets == 0 and self.form == "interleaved":
            raise ValueError("an interleaved prompt has tokens of y, and here are no targets")
        if self.query_parts is not None:
            object.__setattr__(self, "query_parts", tuple(self.query_parts))
        object.__setattr__(self, "embedding", self.embedding.without_zeros())
        object.__setattr__(self, "encodings", _encodings(self.encodings))
        known = [slot.name for slot in self.features.slots]  # parts and encodings are checked here
        for block in self.embedding:
            one_of(split_entry(block.source)[0], known, "feature of a token")

    def at(self, d: int) -> Prompt:
        """The same prompt with inputs of dimension d."""
        return replace(self, d=d)

    @cached_property
    def fields(self) -> Fields:
        """The parts of x, axes in letters where they were given so."""
        return fields_of(self.parts, self.query_parts)

    @property
    def inputs(self) -> int:
        """Columns of X."""
        return self.fields.at(self.d).parts.width

    @property
    def query_inputs(self) -> int:
        """Columns of queries."""
        return self.fields.at(self.d).of_query.width

    @property
    def target_count(self) -> Any:
        """How many numbers one y has."""
        return self.d if self.targets == DIMENSION else self.targets

    @cached_property
    def features(self) -> Layout:
        """Layout of what the embedding reads."""
        shape = () if self.targets == 1 else (self.target_count,)
        y = (Slot("y", shape),) if self.targets != 0 else ()
        encoded = tuple(Slot(name, (len(rules),)) for name, rules in self.encodings)
        return _features(self.fields.at(self.d), y, self.positions, encoded)

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
            context=between(0, end),
            x=between(first, end, step),
            y=between(first + step - 1, end, step),
            queries=between(end, end + m),
        )

    def read(self, X: Any, y: Any, queries: Any, tokens: Tokens, numbers: Any) -> dict[str, Any]:
        """The features that the embedding uses, each (tokens, size) in the number system.

        X (n, inputs), y (n, targets) and queries (m, query_inputs) are arrays of it.
        """
        wanted = {split_entry(block.source)[0] for block in self.embedding}
        total = tokens.total
        made: dict[str, Any] = {}
        for name, carried in self._carried(X, queries, tokens, numbers):
            if name in wanted:
                size = self.features[name].size
                made[name] = (
                    numbers.assemble(total, [(at, part()) for at, part in carried])
                    if carried
                    else numbers.zeros(total, size)
                )
        if "y" in wanted:
            made["y"] = numbers.assemble(total, [(tokens.y, y)])
        constants: dict[str, Callable[[Any], list[Any]]] = {
            "one": lambda t: [1],
            "index": lambda t: [t],
            "position": lambda t: [t == p for p in range(self.positions)],
            "query": lambda t: [t >= tokens.queries.start],
            "register": lambda t: [(t == 0) * self.register],
        }
        for name, row in constants.items():
            if name in wanted:
                made[name] = numbers.of_token_numbers(total, row)
        for name, rules in self.encodings:
            if name in wanted:
                made[name] = numbers.constant(encoded(rules, tokens))
        return made

    def _carried(
        self, X: Any, queries: Any, tokens: Tokens, numbers: Any
    ) -> Iterator[tuple[str, list[tuple[range, Any]]]]:
        """For each feature of x: the tokens that carry it, and what makes their columns."""
        fields = self.fields.at(self.d)
        of_example, of_query = fields.parts, fields.of_query

        def columns(array: Any, layout: Layout, name: str) -> Any:
            rows = layout.rows(name)
            whole_width = len(rows) == layout.width
            return array if whole_width else numbers.columns(array, rows.start, rows.stop)

        for part in of_example.slots:
            name = part.name
            examples = [(tokens.x, lambda name=name: columns(X, of_example, name))]
            asked = []
            if name in of_query and tokens.queries:
                asked = [(tokens.queries, lambda name=name: columns(queries, of_query, name))]
            yield name, examples + asked
            yield f"{name}_example", examples
            yield f"{name}_query", asked


@lru_cache(maxsize=256)
def _features(
    fields: Fields, y: tuple[Slot, ...], positions: int, encoded: tuple[Slot, ...]
) -> Layout:
    """`Prompt.features`, which prompts have in common."""
    return Layout(
        (
            *fields.parts.slots,
            *y,
            Slot("one"),
            Slot("index"),
            Slot("position", (positions,)),
            Slot("query"),
            Slot("register"),
            *(
                Slot(part.name + kind, part.shape)
                for part in fields.parts.slots
                for kind in OF_ONE_KIND
                if kind == "_example" or part.name in fields.query_parts
            ),
            *encoded,
        )
    )


# -- encodings of a token's number --------------------------------------------------------------


def binary(bits: int) -> tuple[Rule, ...]:
    """The binary digits of a token's number, the least first."""
    whole(bits, 1, "bits")
    return tuple(rule(f"t // {2**bit} % 2") for bit in range(bits))


def sinusoidal(pairs: int, base: Any = 10000) -> tuple[Rule, ...]:
    """sin(t / base^(i/pairs)), cos(t / base^(i/pairs)) for i = 0, 1, ..., pairs - 1."""
    whole(pairs, 1, "pairs")
    made: list[Rule] = []
    for i in range(pairs):
        angle = "t / base**share" if i else "t"
        known = {"base": base, "share": Fraction(i, pairs)} if i else {}
        made += [rule(f"{function}({angle})", **known) for function in ("sin", "cos")]
    return tuple(made)


def encoded(rules: Sequence[Rule], tokens: Tokens) -> list[list[Exact]]:
    """The rows of an encoding: of every token the values of the rules."""
    sizes = {"n": tokens.examples, "N": tokens.total}
    return [[one.value(t=t, **sizes) for one in rules] for t in range(tokens.total)]


def _encodings(given: Any) -> tuple[tuple[str, tuple[Rule, ...]], ...]:
    """Names with their rules. Raises ValueError where it is none."""
    made = []
    for name, rules in given:
        one = (rules,) if isinstance(rules, (Rule, str)) else rules
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"{name!r} is no name of an encoding")
        rules = tuple(rule(each) for each in one)
        for each in rules:
            if each.matrix is not None:
                raise ValueError(f"encoding {name}: a rule in {', '.join(ENCODED)}, not a matrix")
            each.check(ENCODED, f"encoding {name}")
        if not rules:
            raise ValueError(f"encoding {name} has no rule")
        made.append((name, rules))
    return tuple(made)
