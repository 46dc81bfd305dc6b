"""What the slots of a witness hold, in the singular basis of X, for every prompt of a box.

Where a witness's slots are vectors (d,) and numbers (), its scores are products of vectors, and
nothing turns the one into the other, a vector slot of all examples is V f(s) U^T, X^T being
V s U^T, and a number slot is y^T U g(s) U^T. Here f and g are what the witness computes of the one
example x = s, y = 1 with d = n = 1: attention is sums of products of matrices, and there they are
diagonal. At a query q a vector slot is F(X^T X) q, F(s²) being what the query x = 1 holds there.

s is at most r sqrt(n d) where |x| <= r. That range is cut into pieces, each a ball, so that the
largest of a product of slots is that of one s and not of several.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, reduce
from operator import add, mul

from flint import arb

from constructions.exports.gpt2 import TOGETHER, refuse
from constructions.weights import Weights
from proofs.exact import Exact
from proofs.layer import Head
from proofs.slotmap import SlotMap

from ..checks.bounds.balls import ball, interval

PIECES = 512
COARSE = 64  # where there is an array of two of them
ONE = arb(1)
Pieces = tuple[arb, ...]
ZERO: Pieces = (arb(0),) * PIECES


class NoCertificate(ValueError):
    """There is no bound for this witness; the message says what stands in the way."""


@dataclass(frozen=True)
class PromptBox:
    """Prompts of at most n examples: |x|, |y| and |query| entry by entry at most these."""

    d: int
    n: int
    x: Fraction = Fraction(1)
    y: Fraction = Fraction(1)
    query: Fraction = Fraction(1)

    @property
    def words(self) -> str:
        sizes = f"|x| <= {self.x}, |y| <= {self.y}, |query| <= {self.query}, entry by entry"
        return f"{sizes}; d = {self.d}, at most {self.n} examples"

    @cached_property
    def largest(self) -> arb:
        """Of the singular values of X."""
        return ball(self.x) * (ball(self.n) * self.d).sqrt()

    @cached_property
    def rank(self) -> int:
        return min(self.n, self.d)

    @cached_property
    def pieces(self) -> Pieces:
        """The range of a singular value."""
        top = self.largest.upper()
        return tuple(
            (top * interval(i, i + 1) / PIECES).intersection(arb(0).union(top * 2))
            for i in range(PIECES)
        )


class Exactly(PromptBox):
    """Prompts of exactly n examples: for weights that are made for so many."""

    @property
    def words(self) -> str:
        return super().words.replace("at most ", "exactly ")


@dataclass(frozen=True, eq=False)
class Slots:
    """Every slot in the singular basis: of the examples, and at the query x = 1."""

    examples: Mapping[str, Pieces]
    query: Mapping[str, Pieces]

    @cached_property
    def coarse(self) -> Slots:
        """The same in COARSE pieces."""

        def hulls(of: Pieces) -> Pieces:
            step = len(of) // COARSE
            return tuple(hull(of[i : i + step]) for i in range(0, len(of), step))

        sides = self.examples, self.query
        return Slots(*({name: hulls(of) for name, of in side.items()} for side in sides))


@dataclass(frozen=True, eq=False)
class LinearHead:
    """A head in words: score = scale * <query, key>, values {slot written: {slot read: weight}}.

    together: the slots written all of whose weights are of one size.
    """

    query: str
    key: str
    scale: arb
    values: Mapping[str, Mapping[str, arb]]
    together: frozenset[str]

    def carried(self, into: str) -> list[tuple[arb, dict[str, arb]]]:
        """What is carried to a slot: (size of the weight, {slot read: sign}) of each number."""
        values = self.values[into]
        if into in self.together:
            size = abs(next(iter(values.values())))
            return [(size, {name: c.sgn() for name, c in values.items()})]
        return [(abs(c), {name: arb(1)}) for name, c in values.items()]


@dataclass(frozen=True)
class LinearLayer:
    """Heads, and the linear MLP {slot written: {slot read: weight}}."""

    heads: tuple[LinearHead, ...]
    mlp: Mapping[str, Mapping[str, arb]]


def layers_of(
    weights: Weights, attention: str = "linear", factor: arb = ONE
) -> tuple[LinearLayer, ...]:
    """The layers as products of slots, heads times any number of the ball `factor`.

    Raises NoCertificate where they are something else.
    """
    refuse(weights)
    shapes = {slot.name: slot.shape for slot in weights.layout.slots}
    for name, shape in shapes.items():
        if shape not in ((), (weights.d,)):
            raise NoCertificate(f"{weights.name}: slot {name} is neither a number nor a vector")
    for block in weights.prompt.embedding:
        wanted = {"x": (weights.d,), "y": ()}.get(block.source)
        if (
            wanted is None
            or shapes.get(block.destination) != wanted
            or block.matrix
            or block.pattern
        ):
            raise NoCertificate(f"{weights.name}: the embedding {block} is no multiple of x or y")
    made = []
    for layer in weights.layer_list:
        for kind in (head.attention for head in layer.heads if head.attention != attention):
            raise NoCertificate(f"{weights.name}: {kind} attention is not {attention}")
        heads = tuple(_head(weights, shapes, head, factor) for head in layer.heads)
        mlp: Mapping[str, Mapping[str, arb]] = {}
        if layer.mlp is not None:
            if layer.mlp.inner is not None:
                raise NoCertificate(
                    f"{weights.name}: the MLP of layer {layer.name} has an inner map"
                )
            mlp = _map(weights, shapes, layer.mlp.outer)
        made.append(LinearLayer(heads, mlp))
    return tuple(made)


def refuse_rounded(weights: Weights) -> None:
    """Raises NoCertificate where floats would round what the embedding writes."""
    written: set[str] = set()
    for block in weights.prompt.embedding:
        parts = abs(Fraction(block.coefficient)).as_integer_ratio()
        if 0 in parts or any(part & (part - 1) for part in parts) or block.destination in written:
            raise NoCertificate(f"{weights.name}: the embedding {block} would be rounded")
        written.add(block.destination)


def _head(
    weights: Weights, shapes: Mapping[str, tuple[int, ...]], head: Head, factor: arb
) -> LinearHead:
    sides = []
    for side in (head.query, head.key):
        blocks = tuple(side)
        if len(blocks) != 1 or blocks[0].matrix or blocks[0].pattern:
            raise NoCertificate(f"{weights.name}: the scores of {head.name} read several slots")
        if shapes[blocks[0].source] == ():
            raise NoCertificate(f"{weights.name}: the scores of {head.name} are of numbers")
        sides.append(blocks[0])
    query, key = sides
    scale = ball(query.coefficient) * ball(key.coefficient) * factor
    values = _map(weights, shapes, head.value)
    sizes: dict[str, set[Exact]] = {}
    for block in head.value:
        sizes.setdefault(block.destination, set()).add(abs(block.coefficient))
    together = frozenset(
        into for into, found in sizes.items() if len(found) == 1 and len(values[into]) <= TOGETHER
    )
    return LinearHead(query.source, key.source, scale, values, together)


def _map(
    weights: Weights, shapes: Mapping[str, tuple[int, ...]], slots: SlotMap
) -> dict[str, dict[str, arb]]:
    made: dict[str, dict[str, arb]] = {}
    for block in slots:
        alike = shapes.get(block.source) == shapes.get(block.destination)
        if block.matrix or block.pattern or not alike:
            raise NoCertificate(f"{weights.name}: {block} is no multiple of a slot of its kind")
        row = made.setdefault(block.destination, {})
        if block.source in row:
            raise NoCertificate(f"{weights.name}: {block} stands there twice")
        row[block.source] = ball(block.coefficient)
    return made


def start(weights: Weights, box: PromptBox) -> Slots:
    """What the embedding puts there."""
    examples = {slot.name: ZERO for slot in weights.layout.slots}
    query = dict(examples)
    one = (arb(1),) * PIECES
    for block in weights.prompt.embedding:
        c = ball(block.coefficient)
        of = box.pieces if block.source == "x" else one
        examples[block.destination] = total((examples[block.destination], times(c, of)))
        if block.source == "x":
            query[block.destination] = total((query[block.destination], times(c, one)))
    return Slots(examples, query)


def attended(layer: LinearLayer, slots: Slots) -> Slots:
    """The slots after the heads."""
    examples, query = dict(slots.examples), dict(slots.query)
    for head in layer.heads:
        key = slots.examples[head.key]
        for into, values in head.values.items():
            read = combined(values, slots.examples)
            for side, written in ((slots.examples, examples), (slots.query, query)):
                score = times(head.scale, product(side[head.query], key))
                written[into] = total((written[into], product(read, score)))
    return Slots(examples, query)


def computed(layer: LinearLayer, slots: Slots) -> Slots:
    """The slots after the MLP, from those after the heads."""
    examples, query = dict(slots.examples), dict(slots.query)
    for into, values in layer.mlp.items():
        for side, written in ((slots.examples, examples), (slots.query, query)):
            written[into] = total((side[into], combined(values, side)))
    return Slots(examples, query)


def moved(layer: LinearLayer, slots: Slots, by: Slots) -> Slots:
    """How far the slots after the heads move where those before move by so little; keys do not."""
    examples, query = dict(by.examples), dict(by.query)
    for head in layer.heads:
        key = times(head.scale, slots.examples[head.key])
        for into, values in head.values.items():
            read, more = combined(values, slots.examples), combined(values, by.examples)
            for side, change, written in ((slots.examples, by.examples, examples),
                                          (slots.query, by.query, query)):  # fmt: skip
                both = total((product(more, side[head.query]), product(read, change[head.query])))
                written[into] = total((written[into], product(both, key)))
    return Slots(examples, query)


def difference(after: Slots, before: Slots) -> Slots:
    """What was written between the two."""
    examples, query = (
        {name: total((side[name], times(arb(-1), of))) for name, of in other.items()}
        for side, other in ((after.examples, before.examples), (after.query, before.query))
    )
    return Slots(examples, query)


# -- pieces -----------------------------------------------------------------------------------


def combined(values: Mapping[str, arb], side: Mapping[str, Pieces]) -> Pieces:
    """The sum of slots with weights."""
    return total(times(c, side[name]) for name, c in values.items())


def times(c: arb, of: Pieces) -> Pieces:
    return tuple(map(c.__mul__, of))


def product(a: Pieces, b: Pieces) -> Pieces:
    return tuple(map(mul, a, b))


def total(parts: Iterable[Pieces]) -> Pieces:
    return reduce(lambda sums, part: tuple(map(add, sums, part)), parts, ZERO)


def hull(of: Sequence[arb]) -> arb:
    """A ball around all of them."""
    return reduce(arb.min, map(arb.lower, of)).union(reduce(arb.max, map(arb.upper, of)))


def largest(of: Iterable[arb]) -> arb:
    """The largest absolute value."""
    return reduce(arb.max, map(arb.abs_upper, of), arb(0))
