"""Optima of an expected loss for every dimension d at once, d being a letter as n is.

The layers have blocks c I between slots of d numbers, or of one, and nothing else: so every slot
of d numbers is a sum of vectors x_i, x_q, w, and every number a polynomial in their inner products,
the same one for every d. In the expectation of a product of k inner products Isserlis' pairings
join the 2k vectors into loops, and each loop, having an inner product of its own, is a factor
sum_i delta_ii = d. So it is a polynomial in d of degree at most k, and k is read off the layers:
its values at k + 1 dimensions, each taken exactly, are the polynomial. Where some vectors are
single coordinates, those are the ends of chains that give no factor, and the polynomial holds from
the dimension on that has the coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations_with_replacement, permutations, product
from math import prod
from operator import mul
from typing import Any

import sympy
from flint import fmpq_mpoly

from constructions.numbers import Unsupported
from constructions.witness import Witness
from proofs.layer import Layer
from proofs.slotmap import SlotMap

from ...claim import Budget, CheckResult, Differs, check
from ..case import left_open
from ..proof import REACH, same_shapes, shape_free
from .evidence import about_its_own
from .losses import Loss, Regression, Sum, identity, plain
from .optimum import evaluated, fraction, in_numbers, instances, refuted, written_out

d = sympy.Symbol("d")
INNER = {"x": 0, "y": 1, "one": 0}  # inner products in what a token carries: y = w.x + noise


class Layers:
    """A builder's one layer for every d, checked to be one text, and its losses at each d."""

    def __init__(self, build: Callable[[int], Witness], data: Regression) -> None:
        if data.covariance is not identity or data.prior is not identity:
            raise Unsupported("for every d, x ~ N(0, I) and w ~ N(0, I) are what is known")
        self.build, self.data = build, data
        self.witness = uniform(build)
        self.error = max(inner_products(self.witness), 1)  # the target w.x_q is one
        self._known: dict[int, Loss] = {}
        taken = {str(d)} & {*self.loss(1).letters, *self.loss(1).weights}
        if taken:
            raise ValueError("d is the dimension, and no letter of weights or data")

    def loss(self, size: int) -> Loss:
        """The loss at a dimension."""
        if size not in self._known:
            self._known[size] = Loss(self.build(size), self.data)
        return self._known[size]

    @cached_property
    def field(self) -> Any:
        """The rational functions in d, n and the letters of the data."""
        return sympy.QQ.frac_field(d, *map(sympy.Symbol, self.loss(1).letters))

    def stated(self, weights: Callable[[Any], Mapping[str, Any]]) -> dict[str, Any]:
        """{weight: its value in the letters d, n and those of the data}."""
        return written_out(weights(d), self.loss(1), known=("d",))

    def expected(
        self,
        of: Callable[[Loss], fmpq_mpoly],
        stated: Mapping[str, Any],
        degree: int,
        least: int = 1,
    ) -> Any:
        """An expectation at the stated weights for every d >= least, as a rational function.

        of(loss at a dimension): a polynomial, of `degree` at most in d.
        """
        points = range(least, least + degree + 1)
        values = (self.loss(here).at(of(self.loss(here)), self.field, stated) for here in points)
        bases = (self._basis(here, points) for here in points)
        return sum(map(mul, values, bases), self.field.zero)

    def _basis(self, here: int, points: Iterable[int]) -> Any:
        """Lagrange's polynomial in d, 1 at `here` and 0 at the other points: one of the ring, in
        which there is nothing to cancel."""
        others, ring = [other for other in points if other != here], self.field.field.ring
        scale = sympy.QQ(1, prod(here - other for other in others))
        return prod((ring(d) - other for other in others), start=ring(scale))


def uniform(build: Callable[[int], Witness]) -> Witness:
    """The witness at d = 2, its blocks being c I and the same at d = 1 to REACH.

    Raises Unsupported for blocks of another kind, and where they are others at another d.
    """
    here = build(2)
    for parts in here.slot_maps():
        for block in parts:
            entries = any("[" in name for name in (block.destination, block.source))
            if block.matrix is not None or block.pattern is not None or entries:
                raise Unsupported(f"for every d blocks are c I, and {block} is not")
    for size in range(1, REACH + 1):
        other = build(size)
        if shape_free(other) != shape_free(here) or not same_shapes(here, other):
            raise Unsupported(f"the layers at d = {size} are others than at d = 2")
    if any(axes not in ((), (2,)) for axes in (slot.shape for slot in here.layout.slots)):
        raise Unsupported("for every d slots have d numbers or one")
    three = build(3)
    for slot, wider in zip(here.layout.slots, three.layout.slots):
        if slot.shape and wider.shape != (3,):
            raise Unsupported(f"slot {slot.name} has 2 numbers whatever d is")
    return here


def inner_products(witness: Witness) -> int:
    """The largest number of inner products in a monomial of the prediction, read off its layers.

    A slot of d numbers counts its inner products and one open vector, and a score closes two.
    Raises Unsupported for what is no linear attention, or a token with other features.
    """
    held: dict[str, int] = {}
    for block in witness.prompt.embedding:
        if block.source not in INNER:
            raise Unsupported(f"a token with {block.source}: of x, y and 1 it is known")
        held[block.destination] = max(held.get(block.destination, 0), INNER[block.source])
    shapes = {slot.name: bool(slot.shape) for slot in witness.layout.slots}
    for layer in witness.layer_list:
        held = _after(layer, held, shapes)
    return held.get(witness.readout.slot, 0)


def _after(layer: Layer, held: Mapping[str, int], vector: Mapping[str, bool]) -> dict[str, int]:
    """Inner products in each slot after a layer of linear attention and a linear MLP."""

    def through(parts: SlotMap, state: Mapping[str, int]) -> dict[str, int]:
        made: dict[str, int] = {}
        for block in parts:
            if block.source in state:
                made[block.destination] = max(made.get(block.destination, 0), state[block.source])
        return made

    made = dict(held)
    for head in layer.heads:
        if head.attention != "linear":
            raise Unsupported(f"{head.attention} attention: for every d it is linear")
        query, key = (through(part, held) for part in (head.query, head.key))
        closed = {block.destination: vector[block.source] for block in head.query}
        score = max((query[f] + key[f] + closed[f] for f in query.keys() & key.keys()), default=0)
        for slot, count in through(head.value, held).items():
            made[slot] = max(made.get(slot, 0), score + count)
    if layer.mlp is not None:
        hidden = through(layer.mlp.inner, made) if layer.mlp.inner is not None else made
        for slot, count in through(layer.mlp.outer, hidden).items():
            made[slot] = max(made.get(slot, 0), count)
    return made


# -- the statements --------------------------------------------------------------------------------


@check("proof", "derived")
@left_open
@about_its_own
def optimum_for_every_d(
    budget: Budget,
    build: Callable[[int], Witness],
    weights: Callable[[Any], Mapping[str, Any]],
    data: Regression,
    least: Callable[[Any], Any] | None = None,
) -> CheckResult:
    """No weights of build(d) have a lower expected loss than weights(d), for every d and every n.

    build: of a number d, one layer of linear attention with letters for weights, in blocks c I.
    weights, least: as in `optimum`, of the letter d or a number. A refutation names numbers for all
    letters, d among them, and weights that have a lower loss.
    """
    layers = Layers(build, data)
    stated = layers.stated(weights)
    names = dict.fromkeys(name for size in (1, 2) for name in layers.loss(size).features)
    degree = inner_products(layers.witness) + layers.error
    for name in names:
        if layers.expected(partial(_with_error, name), stated, degree) != 0:
            return _lower(layers, weights, degree, budget, [])
    value = _least(layers, stated, least, len(names))
    detail = (
        f"E[error * feature] = 0 for {', '.join(names)}: a polynomial in d of degree {degree} at "
        f"most, known from its values at d = 1 to {degree + 1}; for every n and every d, "
        f"{data.words(1)}, no weights have a lower expected loss. {_built()} Least loss {value}"
    )
    return CheckResult(True, len(names), 0.0, 0.0, detail)


@check("proof", "derived")
@left_open
@about_its_own
def best_layer(
    budget: Budget,
    build: Callable[[int], Witness],
    weights: Callable[[Any], Mapping[str, Any]],
    data: Regression,
    least: Callable[[Any], Any] | None = None,
) -> CheckResult:
    """No layer of linear self-attention has a lower expected loss, whatever its heads and weights.

    As `optimum_for_every_d`, among all layers that read the examples' tokens (x, y), the query's
    own (x_q, 0) or not, biases or not, in any number of linear heads with any query, key and value,
    add the result to the query's token, and are read linearly: with z = (1, x, y) such a prediction
    is a combination of sum_i z_i a z_i b z_q c and of z_q a z_q b z_q c. All of these are tried, up
    to the names of coordinates: data and error are the same when coordinates are permuted. What is
    refuted is so by the builder's own weights, or by one such feature that is to be added.
    """
    layers = Layers(build, data)
    stated = layers.stated(weights)
    kinds = Kind.all()
    for kind in kinds:
        degree = kind.inner_products + layers.error
        least_d = max(1, kind.coordinates)
        if layers.expected(kind.with_error, stated, degree, least_d) != 0:
            return _lower(layers, weights, degree, budget, [kind])
    value = _least(layers, stated, least, len(kinds))
    detail = (
        f"E[error * feature] = 0 for each of the {len(kinds)} kinds of features, up to names of "
        "coordinates, of which every layer of linear self-attention makes its "
        f"prediction; polynomials in d, known from values at as many d as their degrees ask; for "
        f"every n and every d, {data.words(1)}, no such layer has a lower expected loss, whatever "
        f"its heads. {_built()} Least loss {value}"
    )
    return CheckResult(True, len(kinds), 0.0, 0.0, detail)


def _built() -> str:
    return f"The builder makes these layers at d = 1 to {REACH}."


def _with_error(name: str, loss: Loss) -> fmpq_mpoly:
    """E[error * the weights' monomial's feature]; 0 where this d has no such feature."""
    feature = loss.features.get(name)
    return loss.ring.element(0) if feature is None else loss.product(feature, loss.error)


def _least(
    layers: Layers, stated: Mapping[str, Any], least: Callable[[Any], Any] | None, cases: int
) -> Any:
    """The least loss for every d. Raises Differs where another is stated."""
    found = layers.expected(lambda loss: loss.value, stated, 2 * layers.error)
    value = sympy.factor(layers.field.to_sympy(found))
    if least is not None and sympy.cancel(value - plain(least(d))) != 0:
        shown = {"least loss": str(value), "stated": str(plain(least(d)))}
        raise Differs(f"the least loss is {value}, not {shown['stated']}", shown, cases=cases)
    return value


def _lower(
    layers: Layers,
    weights: Callable[[Any], Mapping[str, Any]],
    degree: int,
    budget: Budget,
    kinds: list[Kind],
) -> CheckResult:
    """Raises Differs with a lower loss at a dimension; decides nothing where none is found."""
    found = CheckResult(None)
    for size in range(1, degree + 2):
        loss = layers.loss(size)
        at = written_out(weights(size), loss)
        field = sympy.QQ.frac_field(*map(sympy.Symbol, loss.letters))
        inner = {name: loss.at(_with_error(name, loss), field, at) for name in loss.features}
        wrong = {name: field.to_sympy(value) for name, value in inner.items() if value != 0}
        if wrong:
            found = refuted(loss, at, wrong, len(wrong), budget)
        for kind in kinds:
            if kind.coordinates <= size:
                _added(loss, at, kind)
    return found if found.detail else found.named(
        detail="the condition fails for the letter d, but at no number d that was tried: weights "
        "are stated otherwise for a letter than for a number"
    )  # fmt: skip


def _added(loss: Loss, at: Mapping[str, Any], kind: Kind) -> None:
    """Raises Differs where a multiple of one feature, added to the prediction, lowers the loss."""
    feature = kind.of(loss)
    inner, square = kind.with_error(loss), loss.product(feature, feature)
    for numbers in instances(loss):
        try:
            weights = {name: fraction(value.subs(numbers)) for name, value in at.items()}
        except ValueError:
            continue
        along, length, here = (
            evaluated(in_numbers(loss, numbers, value), weights)
            for value in (inner, square, loss.value)
        )
        if along != 0:
            factor = -along / length
            there = here - along**2 / length
            shown = {
                "d": loss.witness.d,
                **{name: str(value) for name, value in numbers.items()},
                "weights": {name: str(value) for name, value in weights.items() if value},
                "loss": str(here),
                "added": f"{factor} {kind}",
                "lower loss": str(there),
            }
            where = ", ".join(f"{name} = {value}" for name, value in numbers.items())
            raise Differs(
                f"d = {loss.witness.d}, {where}: with {factor} {kind} added the expected loss is "
                f"{there} < {here}",
                shown,
            )


# -- all that a layer of linear self-attention can say ---------------------------------------------


@dataclass(frozen=True)
class Kind:
    """A feature: the product of entries of the query's token and, if there are any `summed`, of
    entries of an example's, summed over the examples.

    Entries are "one", "y" or the number of a coordinate of x.
    """

    query: tuple[str | int, ...]
    summed: tuple[str | int, ...] = ()

    @classmethod
    def all(cls) -> list[Kind]:
        """Every feature, one of those that differ by names of coordinates and the order alone.

        A token that reads the query's own multiplies three of its entries; one of them may be 1.
        """
        own = combinations_with_replacement(("one", "x"), 3)
        pairs = combinations_with_replacement(("one", "x", "y"), 2)
        entries: list[tuple[tuple[str, ...], tuple[str, ...]]] = [(query, ()) for query in own]
        entries += [((one,), pair) for one, pair in product(("one", "x"), pairs)]
        made: dict[str, Kind] = {}
        for query, summed in entries:
            for numbered in _all_numbered(*query, *summed):
                one = cls(numbered[: len(query)], numbered[len(query) :])
                made.setdefault(one._name, one)
        return list(made.values())

    @property
    def _name(self) -> str:
        """Equal for those that differ by names of coordinates and the order alone."""

        def renamed(entries: Iterable[str | int]) -> list[str | int]:
            names: dict[int, int] = {}
            return [names.setdefault(e, len(names)) if isinstance(e, int) else e for e in entries]

        orders = product(permutations(self.query), permutations(self.summed))
        return min(str(renamed((*query, "sum", *summed))) for query, summed in orders)

    @property
    def coordinates(self) -> int:
        """How many coordinates it names: at a smaller d it does not exist."""
        return len({e for e in (*self.query, *self.summed) if isinstance(e, int)})

    @property
    def inner_products(self) -> int:
        """Each y has one."""
        return self.summed.count("y")

    def of(self, loss: Loss) -> Sum:
        """The feature at this dimension."""
        one, none = loss.ring.element(1), loss.ring.element(0)
        own = prod((loss.entry(-1, e) for e in self.query), start=one)
        if not self.summed:
            return Sum(own, (none, none))
        first, second = (prod((loss.entry(t, e) for e in self.summed), start=own) for t in (0, 1))
        return Sum(none, (first, second))

    def with_error(self, loss: Loss) -> fmpq_mpoly:
        """E[error * feature]."""
        return loss.product(self.of(loss), loss.error)

    def __str__(self) -> str:
        def entry(e: str | int, token: str) -> str:
            return "1" if e == "one" else f"y_{token}" if e == "y" else f"x_{token}[{e}]"

        own = [entry(e, "q") for e in self.query if e != "one"]
        summed = [entry(e, "i") for e in self.summed]
        return " ".join(["sum_i", *summed, *own] if summed else own or ["1"])


def _all_numbered(*entries: str) -> Iterator[tuple[Any, ...]]:
    """Every way of coordinates of x being equal or not: x, x as 0, 0 and as 0, 1."""
    made: list[tuple[Any, ...]] = [()]
    for e in entries:
        longer = []
        for one in made:
            used = len({k for k in one if isinstance(k, int)})
            longer += [(*one, k) for k in (range(used + 1) if e == "x" else (e,))]
        made = longer
    yield from made
