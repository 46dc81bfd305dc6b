"""Random witnesses in the words of Layer.v, each with a small exact prompt.

Those of `witnesses` are mostly refused by the writer for Coq, for one entry or one matrix of
theirs; these use every word that Layer.v has, and no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from random import Random
from typing import Any

import plain
from witnesses import Case

from constructions.witness import Witness
from proofs.layer import MLP, Head, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, SlotMap
from proofs.stream import Layout, Slot
from verify.checks.coq.terms import FEATURES, PATTERNS, SHAPES, Rows, Writer

Space = dict[str, str]  # shapes, as Layer.v has them, by the names of slots or features

COEFFICIENTS = (1, 1, 1, -1, 2, -2, Fraction(1, 2), Fraction(-3, 4))
NUMBERS = (0, 1, 1, -1, 2, -2, 3, Fraction(1, 2), Fraction(-1, 4))
LETTERS = "abijkxyz"
# every way to make a shape: (shape read, pattern with letters i and j; None as it stands)
WAYS: dict[str, list[tuple[str, str | None]]] = {
    shape: [(shape, None), (shape, None)]
    + [(reads, pattern) for pattern, (_, reads, makes) in PATTERNS.items() if makes == shape]
    for shape in SHAPES
}


def cases(count: int, seed: int) -> list[Case]:
    """`count` witnesses of one or two layers, whose predictions need every layer."""
    random, found = Random(seed), []
    while len(found) < count:
        case = drawn(random, len(found))
        layers = case.witness.layer_list
        shorter = [layers[:k] + layers[k + 1 :] for k in range(len(layers))]
        try:
            whole, *parts = (
                plain.predict(case.witness.with_layers(kept), *case.prompt)
                for kept in (layers, *shorter)
            )
        except ZeroDivisionError:  # normalised attention whose scores cancel
            continue
        if whole not in parts and max(map(_digits, whole)) < 60:
            found.append(case)
    return found


def drawn(random: Random, number: int) -> Case:
    """One witness and a prompt; `number` sees to it that every form of prompt has its turn."""
    d, n, m = (random.choice((1, 2, 2)) for _ in range(3))
    form, register = ("joint", "interleaved")[number % 2], bool(number // 2 % 2)
    positions = random.choice((0, 1, 3, 5))
    sizes = {"Scalar": (), "Vector": (d,), "Matrix": (d, d), "Positions": (positions,)}
    space = {"a": "Scalar", "u": "Vector", "A": "Matrix"}
    space |= {name: shape for name, shape in MORE.items() if random.random() < 0.4}
    if positions:
        space["position"] = "Positions"
    names = random.sample(list(space), len(space))
    layout = Layout(tuple(Slot(name, sizes[space[name]]) for name in names))
    entries = [random.choice((0, 1, -1, 2, Fraction(1, 2))) for _ in range(d * d)]
    rows = tuple(tuple(entries[i * d : (i + 1) * d]) for i in range(d))
    drawing = Drawing(random, d, rows, positions)
    witness = Witness(
        f"witness {number}",
        layout,
        drawing.prompt(space, form, register),
        tuple(drawing.layer(f"layer {k}", space) for k in range(random.choice((1, 1, 2)))),
        Readout(
            random.choice([name for name, shape in space.items() if shape == "Scalar"]),
            random.choice((1, 1, -1, 2, Fraction(1, 2))),
        ),
        {"rows": rows},
    )
    X, queries = ([_numbers(random, d) for _ in range(rows)] for rows in (n, m))
    return Case(witness, X, _numbers(random, n), queries)


MORE = {"b": "Scalar", "v": "Vector", "B": "Matrix"}


class Drawing:
    """Parts of one witness of dimension d; its explicit matrices are `rows`, or their first row."""

    def __init__(self, random: Random, d: int, rows: Rows, positions: int) -> None:
        self.random, self.d, self.rows, self.positions = random, d, rows, positions

    def prompt(self, space: Space, form: Any, register: bool) -> Prompt:
        features = dict(FEATURES)
        if not self.positions:
            del features["position"]
        blocks = [Block("u", "x"), Block("a", "y")]
        if "position" in space:
            blocks.append(Block("position", "position"))
        blocks += self.blocks(space, features, 1, 4)
        return Prompt(self.d, SlotMap(tuple(blocks)), form, register, self.positions)

    def layer(self, name: str, space: Space) -> Layer:
        heads = tuple(self.head(space) for _ in range(self.random.choice((0, 1, 1, 2))))
        mlp = self.mlp(space) if not heads or self.random.random() < 0.6 else None
        return Layer(name, heads, mlp)

    def head(self, space: Space) -> Head:
        attention = self.random.choice(("linear", "linear", "relu", "normalised"))
        # features are of the sizes that their sources fix: no letter is new
        features = self.features(space, letters=False)
        query = self.to_features(features, space, letters=False)
        key = self.to_features(features, space, letters=False)
        divided = attention != "normalised"
        return Head(
            SlotMap(tuple(query)),
            SlotMap(tuple(self.random.sample(key, len(key)))),
            SlotMap(tuple(self.blocks(space, space, 1, 3))),
            attention,
            self.random.choice(("context", "full")),
            self.random.choice(("", "examples")) if divided else "",
            not divided and self.random.random() < 0.7,
        )

    def mlp(self, space: Space) -> MLP:
        activation = self.random.choice(("identity", "relu"))
        gated = self.random.random() < 0.6
        if self.random.random() < 0.4:
            outer = SlotMap(tuple(self.blocks(space, space, 1, 3)))
            written = [block.source for block in outer if "[" not in block.source]
            chosen = {name: space[name] for name in self.random.sample(sorted(space), 1)}
            chosen |= {name: space[name] for name in written}
            letters = self.random.random() < 0.5
            gate = SlotMap(tuple(self.to_features(chosen, space, letters))) if gated else None
            return MLP(outer, gate=gate, activation=activation, letters=self.sizes(letters))
        features = self.features(space, letters=True)
        return MLP(
            SlotMap(tuple(self.blocks(space, features, 1, 3))),
            SlotMap(tuple(self.to_features(features, space, letters=True))),
            SlotMap(tuple(self.to_features(features, space, letters=True))) if gated else None,
            activation,
            self.sizes(True),
        )

    def sizes(self, letters: bool) -> tuple[tuple[str, int], ...]:
        return tuple((letter, self.d) for letter in LETTERS) if letters else ()

    # -- blocks -------------------------------------------------------------------------------

    def features(self, space: Space, letters: bool) -> Space:
        """Names and shapes of one or two features."""
        shapes = [shape for shape in space.values() if letters or shape != "Matrix"] + ["Matrix"]
        names = self.random.choice((["f"], ["f", "g 1"], ["g 1", "g 2"]))
        return {name: self.random.choice(shapes) for name in names}

    def to_features(self, features: Space, space: Space, letters: bool) -> list[Block]:
        """One block or two that make each feature."""
        return [
            # (1,) is what a row makes of a hidden feature, which patterns do not take for a number
            self.block(name, shape, space, letters, row=not letters)
            for name, shape in features.items()
            for _ in range(self.random.choice((1, 1, 2)))
        ]

    def blocks(self, to: Space, source: Space, least: int, most: int) -> list[Block]:
        made = []
        for _ in range(self.random.randint(least, most)):
            writable = [name for name, shape in to.items() if self.ways(shape, source)]
            name = self.random.choice(writable)
            made.append(self.block(name, to[name], source))
        return made

    def ways(
        self, shape: str, source: Space, letters: bool = True, row: bool = True
    ) -> list[tuple[str, str | None]]:
        """How a shape can be made out of what there is; new letters only where they have sizes."""
        found: list[tuple[str, str | None]] = []
        for reads, pattern in WAYS[shape]:
            new = pattern is not None and set(pattern.split("<-")[0]) - set(pattern.split("<-")[1])
            if letters or not new:
                found += [(name, pattern) for name in source if source[name] == reads]
        for name in source:
            if source[name] == "Positions" and self.positions:
                place = f"{name}[{self.random.randrange(self.positions)}]"
                if shape == "Scalar":
                    found += [(place, None), (place, "<-")]
                if shape == "Vector" and letters:
                    found.append((place, "i<-"))
            if row and source[name] == "Vector" and shape == "Scalar":
                found += [(name, "row")]
            if row and source[name] == shape == "Vector" and self.d > 1:  # else it is the row
                found += [(name, "rows")]
        return found

    def block(
        self, name: str, shape: str, source: Space, letters: bool = True, row: bool = True
    ) -> Block:
        """Any block that makes `shape`, under letters of any name."""
        read, pattern = self.random.choice(self.ways(shape, source, letters, row))
        c = self.random.choice(COEFFICIENTS)
        if pattern in ("row", "rows"):
            return Block(name, read, c, matrix=self.rows[:1] if pattern == "row" else self.rows)
        if pattern is not None:
            i, j = self.random.sample(LETTERS, 2)
            pattern = pattern.translate(str.maketrans("ij", i + j))
        return Block(name, read, c, pattern)


def writer(case: Case, row: str, rows: str) -> Writer:
    """The writer of its terms; explicit matrices, if the case has them, are called so."""
    witness, matrix = case.witness, case.witness.parameters.get("rows", ())
    explicit = {matrix: (f"(Apply {rows})", "Vector"), matrix[:1]: (f"(Row {row})", "Scalar")}
    return Writer(witness.name, explicit if matrix else {}, witness.d, witness.prompt.positions)


def words(cases: Sequence[Case]) -> set[str]:
    """The names of Layer.v that the terms of these cases use, with what they embed."""
    used: set[str] = set()
    for case in cases:
        text = writer(case, "w", "A").witness(case.witness)
        for mark in '()[];:"':
            text = text.replace(mark, " ")
        used |= set(text.split())
        used |= {f"{case.witness.prompt.form}, register {case.witness.prompt.register}"}
        for layer in case.witness.layer_list:
            if layer.mlp is not None:
                inner, gate = layer.mlp.inner is not None, layer.mlp.gate is not None
                used.add(f"{layer.mlp.activation}, inner {inner}, gate {gate}")
            for head in layer.heads:
                used |= {f"average {head.average}", f"null {head.null}"}
        used |= {f"d {case.witness.d}", f"n {len(case.X)}", f"m {len(case.queries)}"}
    return used


def _numbers(random: Random, count: int) -> list[Fraction]:
    return [Fraction(random.choice(NUMBERS)) for _ in range(count)]


def _digits(value: Fraction) -> int:
    return len(str(value))
