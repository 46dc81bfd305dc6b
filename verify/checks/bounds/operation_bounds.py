r"""How far one layer is from one operation, for every stream of a box, read off its weights.

The layer is that of `akyurek2022.layers`, h <- h' + W_1 gelu(W_2 norm(h')), h' = h + heads. Nothing
is assumed of its weights; where they are wrong the bound is large, or the layer is not covered.

Heads. The scores read positions alone, which are known, so the softmax weights are balls and h' is
a polynomial in the entries of h (and in the letters among the weights), with balls as coefficients.

Layer norm. Let p be the pad's entry of h', q the balance's, mu the mean. Then W sigma^2 =
(p - mu)^2 + (q - mu)^2 + sum of the other (h'_i - mu)^2 =: 2 p^2 g, where
(q - mu)/p = -(1 - mu/p) + (p + q - 2 mu)/p, and p + q is small as a polynomial: so g is near 1,
and norm(h')_i = (h'_i - mu) sqrt(W/2) kappa with kappa = 1/(|p| sqrt(g)).

GeLU. Of a hidden unit a = kappa f, f a polynomial: gelu(a) = a/2 + a^2/sqrt(2 pi) - r with
0 <= r <= a^4/(6 sqrt(2 pi)), for every a, since 2/sqrt(pi) (z - z^3/3) <= erf(z) <= 2/sqrt(pi) z
for z >= 0 and a erf(a/sqrt 2) is even; |gelu(a) - a| = |a| Phi(-|a|) <= phi(a) for a > 0 and
|gelu(a)| <= phi(a) for a < 0, phi the normal density, because t (1 - Phi(t)) <= phi(t). Each unit
is taken as the one of a, 0 and a/2 + a^2/sqrt(2 pi) that is nearest to it on the box. So

    layer = h' + kappa L + kappa^2 Q, off by at most the sum of the units' remainders,

L of first and Q of second degree in h'. With kappa known up to a small interval, what the operation
does is subtracted coefficient by coefficient. For a quotient y/|c|, p is eta c plus a little, and
kappa |c| = 1/(|eta + (p - eta c)/c| sqrt(g)) is what is known:
layer - y/|c| = h' + (kappa |c| L - y)/|c|.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from flint import arb

from constructions.numbers.ball import Ball
from constructions.papers.akyurek2022.operations import Aff, Div, Operation
from proofs.exact import is_symbolic
from proofs.layer import MLP, Head, Layer, Norm
from proofs.stream import Layout

from .balls import ball, interval
from .polynomials import Monomial, Polynomial, Quotient, Ranges, accumulate

Entries = list[list[arb]]  # H[token][row], an interval each
Target = Polynomial | Quotient


class NotCovered(Exception):
    """A layer or a program of which no bound can be given here; the message says why."""


# -- weights and letters ----------------------------------------------------------------------


class Box:
    """A stream and the letters among the weights: what ranges over which interval.

    letters: {"step_size": …}; "1/ridge" stands for the inverse of a letter.
    """

    def __init__(self, entries: Entries, letters: Mapping[str, arb]) -> None:
        self.columns, self.width = len(entries), len(entries[0])
        self.names = list(letters)
        flat = [value for column in entries for value in column]
        self.ranges = Ranges((*flat, *letters.values()))
        self.entries = entries

    def variable(self, token: int, row: int) -> Polynomial:
        return self.ranges.variable(token * self.width + row)

    def number(self, token: int, row: int) -> int:
        """The variable's number."""
        return token * self.width + row

    def letter(self, name: str) -> Polynomial:
        if name not in self.names:
            raise NotCovered(f"the weight {name} has no range")
        return self.ranges.variable(self.columns * self.width + self.names.index(name))

    def weight(self, value: Any) -> Polynomial:
        """A weight as a polynomial in the letters."""
        return in_letters(value, self.letter, lambda number: self.ranges.constant(number))


def in_letters(
    value: Any, letter: Callable[[str], Any], constant: Callable[[Any], Any] = ball
) -> Any:
    """A weight with its letters, and inverses of letters, replaced. Raises NotCovered otherwise."""
    if not is_symbolic(value):
        return constant(value)
    if not value.free_symbols:
        return constant(irrational(value))
    if value.is_Symbol:
        return letter(str(value))
    if value.is_Pow and value.base.is_Symbol and value.exp == -1:
        return letter(f"1/{value.base}")
    if value.is_Add or value.is_Mul:
        first, *others = (in_letters(part, letter, constant) for part in value.args)
        for other in others:
            first = first + other if value.is_Add else first * other
        return first
    raise NotCovered(f"the weight {value} is no polynomial in its letters and their inverses")


def with_weights(operation: Operation, convert: Callable[[Any], Any]) -> Operation:
    """The operation with every weight converted."""

    def each(weight: Any) -> Any:
        if weight is None:
            return None
        return tuple(map(each, weight)) if isinstance(weight, tuple) else convert(weight)

    if isinstance(operation, Aff):
        made = {name: each(getattr(operation, name)) for name in ("W1", "W2", "b")}
        return replace(operation, **made)
    return operation


def irrational(value: Any) -> arb:
    """A constant weight such as sqrt(pi/2) 2^80, at the present precision."""
    return Ball().element(value)


def _numeric(value: Any, where: str) -> arb:
    if is_symbolic(value):
        if value.free_symbols:
            raise NotCovered(f"{where} has a letter, {value}")
        return irrational(value)
    return ball(value)


# -- heads ------------------------------------------------------------------------------------


def mixing(head: Head, layout: Layout, entries: Entries) -> list[list[arb]]:
    """The softmax weights of a causal head whose scores do not depend on the prompt."""
    plain = head.mask is None and head.mix is None
    if head.attention != "softmax" or head.keys != "causal" or not plain:
        raise NotCovered(f"head {head.name!r} is no causal softmax without mask and mix")
    features = head.query.features(layout, {})
    queries, keys = (slots.entries(features, layout) for slots in (head.query, head.key))
    for _, row in (*queries, *keys):
        if not all(column[row].is_exact() for column in entries):
            raise NotCovered(f"the scores of head {head.name!r} depend on the prompt")

    def read(matrix: Mapping[tuple[int, int], Any], column: list[arb]) -> list[arb]:
        made = [arb(0)] * features.width
        for (feature, row), weight in matrix.items():
            if column[row] != 0:
                made[feature] += _numeric(weight, "a score") * column[row]
        return made

    asked = [read(queries, column) for column in entries]
    offered = [read(keys, column) for column in entries]
    table = []
    for t, query in enumerate(asked):
        scores = [sum((a * b for a, b in zip(query, key)), arb(0)) for key in offered[: t + 1]]
        highest = max((score.mid() for score in scores), key=float)
        powers = [(score - highest).exp() for score in scores]
        total = sum(powers, (-highest).exp() if head.null else arb(0))
        table.append([power / total for power in powers])
    return table


def attended(layer: Layer, layout: Layout, box: Box) -> list[list[Polynomial]]:
    """h' = h + what the heads add, as polynomials."""
    result = [[box.variable(t, row) for row in range(box.width)] for t in range(box.columns)]
    added: list[dict[int, dict[Monomial, arb]]] = [{} for _ in range(box.columns)]
    for head in layer.heads:
        table = mixing(head, layout, box.entries)
        for (row, read), weight in head.value.entries(layout, layout).items():
            factor = box.weight(weight)
            for j in range(box.columns):
                for monomial, c in (box.variable(j, read) * factor).terms.items():
                    for t in range(j, box.columns):
                        accumulate(added[t].setdefault(row, {}), monomial, table[t][j] * c)
    for column, new in zip(result, added):
        for row, terms in new.items():
            column[row] = (column[row] + Polynomial(box.ranges, terms)).pruned()
    return result


# -- layer norm and MLP -----------------------------------------------------------------------


@dataclass(frozen=True)
class Normed:
    """One column's layer norm: norm(h')_i = (h'_i - mean) sqrt(W/2) kappa."""

    mean: Polynomial
    pad: Polynomial
    root: arb  # sqrt(g)

    @property
    def sign(self) -> int:
        """Of the pad, which is nowhere 0."""
        return 1 if self.pad.value() > 0 else -1

    @cached_property
    def kappa(self) -> arb:
        return 1 / (abs(self.pad.value()) * self.root)

    def share(self, f: Polynomial) -> arb:
        """How often the pad is in f, by the pad's largest term."""
        terms, over = self.pad.terms, self.pad.over
        largest = max(terms, key=lambda m: (abs(terms[m]) * over.size(m)).abs_upper())
        return (f.terms.get(largest, arb(0)) / terms[largest]).mid()


def normed(column: Sequence[Polynomial], layout: Layout) -> Normed | None:
    """None where the pad may be 0."""
    if "pad" not in layout or "balance" not in layout:
        raise NotCovered("a layer norm without the two pads that undo it")
    (pad,), (balance,) = layout.rows("pad"), layout.rows("balance")
    W = layout.width
    total = column[0]
    for one in column[1:]:
        total = total + one
    mean = (total / W).pruned()
    p, mu = column[pad].value(), mean.value()
    if not (p > 0 or p < 0):
        return None
    first = 1 - mu / p
    second = -first + (column[pad] + column[balance] - mean * 2).value() / p
    others = arb(0)
    for row, one in enumerate(column):
        if row not in (pad, balance):
            size = abs((one.value() - mu) / p).abs_upper()
            others = others + size * size
    squares = first * first + second * second + others * arb(0).union(arb(1))
    return Normed(mean, column[pad], (squares / 2).sqrt())


@dataclass(frozen=True)
class Written:
    """What an MLP adds to one row: kappa linear + kappa^2 quadratic, off by at most `remainder`."""

    linear: Polynomial
    quadratic: Polynomial
    remainder: arb


Sparse = list[tuple[int, int, arb]]  # (row, column, weight)


def weights(mlp: MLP, layout: Layout) -> tuple[Sparse, Sparse]:
    """(inner, outer) of a plain GeLU MLP."""
    if mlp.activation != "gelu" or mlp.gate is not None or mlp.inner is None:
        raise NotCovered("an MLP that is no plain GeLU MLP")
    hidden = mlp.hidden(layout)
    inner, outer = mlp.inner.entries(hidden, layout), mlp.outer.entries(layout, hidden)
    return (
        [(unit, row, _numeric(weight, "the MLP")) for (unit, row), weight in inner.items()],
        [(row, unit, _numeric(weight, "the MLP")) for (row, unit), weight in outer.items()],
    )


def written(
    inner: Sparse, outer: Sparse, column: Sequence[Polynomial], norm: Normed
) -> dict[int, Written]:
    """Every row that the MLP writes to, for one column."""
    root = (arb(len(column)) / 2).sqrt()
    sums: dict[int, Polynomial] = {}
    centred = {row: column[row] - norm.mean for row in {row for _, row, _ in inner}}
    for unit, row, weight in inner:
        made = centred[row] * (weight * root)
        sums[unit] = sums[unit] + made if unit in sums else made
    nothing = Polynomial(norm.mean.over, {})
    forms = {unit: _unit(f.pruned(), norm) for unit, f in sums.items()}
    rows: dict[int, Written] = {}
    for row, unit, weight in outer:
        if unit not in forms:
            continue  # gelu(0) = 0
        linear, quadratic, remainder = forms[unit]
        before = rows.get(row, Written(nothing, nothing, arb(0)))
        rows[row] = Written(
            before.linear + linear * weight,
            before.quadratic + quadratic * weight,
            before.remainder + remainder * abs(weight),
        )
    return rows


def _unit(f: Polynomial, norm: Normed) -> tuple[Polynomial, Polynomial, arb]:
    """(linear, quadratic, remainder) of gelu(kappa f), the nearest of the three forms."""
    nothing = Polynomial(f.over, {})
    share = norm.share(f)  # kappa (share * pad) is +-share / sqrt(g), however wide the pad's range
    a = norm.sign * share / norm.root + (f - norm.pad * share).value() * norm.kappa
    largest = a.abs_upper()
    root = (2 * arb.pi()).sqrt()
    third = largest**4 / (6 * root)
    tail = (-(a.abs_lower() ** 2) / 2).exp() / root
    if a > 0 and tail < third:
        return f, nothing, tail
    if a < 0 and tail < third:
        return nothing, nothing, tail
    return f * Fraction(1, 2), (f * f) * (1 / root), third


# -- a layer against an operation -------------------------------------------------------------


@dataclass(frozen=True)
class After:
    """After a layer: how far each program row is from its target, what range the others have.

    Infinite (not a finite ball) where no bound could be given.
    """

    errors: list[list[arb]]  # [token][program row]
    workspace: list[list[arb]]  # [token][row - program rows]


def after(
    layer: Layer,
    layout: Layout,
    box: Box,
    targets: Sequence[Sequence[Target]],
    tokens: range | None = None,
) -> After:
    """One layer on every stream of the box, against targets[token][program row].

    `tokens`: those to look at; all, if not given.
    """
    streams = attended(layer, layout, box)
    program = len(targets[0])
    if layer.norms() != ({"norm": Norm()} if layer.mlp is not None else {}):
        raise NotCovered("an MLP without the layer norm before it, or another norm")
    inner, outer = weights(layer.mlp, layout) if layer.mlp is not None else ([], [])
    errors, workspace = [], []
    for t in range(box.columns) if tokens is None else tokens:
        column, wanted = streams[t], targets[t]
        norm = normed(column, layout) if layer.mlp is not None else None
        rows = written(inner, outer, column, norm) if norm is not None else {}
        # rows of which nothing is known, since the layer norm may divide by 0
        lost = {row for row, _, _ in outer} if norm is None else set()
        errors.append(
            [
                arb("inf") if r in lost else _off(column[r], rows.get(r), norm, wanted[r])
                for r in range(program)
            ]
        )
        workspace.append(
            [
                arb("nan") if r in lost else _range(column[r], rows.get(r), norm)
                for r in range(program, layout.width)
            ]
        )
    return After(errors, workspace)


def operation_error(
    operation: Operation | Sequence[Operation],
    layer: Layer,
    layout: Layout,
    rows: int,
    least: Any = None,
    letters: Mapping[str, arb] | None = None,
) -> arb:
    """A bound on |layer - operation|, every entry, for every |h| <= 1 in the first `rows` rows.

    The workspace is empty but for the one-hot positions. Several operations are done one after
    the other. Of a quotient, |divisor| >= `least` in every column: a column is bounded for either
    sign of its own divisor, whatever the others hold.
    """
    operations = [operation] if isinstance(operation, Operation) else list(operation)
    columns = layout["position"].size
    positions = layout.rows("position")
    unit = interval(-1, 1)

    def start(t: int) -> list[arb]:
        rest = [arb(int(row - positions.start == t)) for row in range(rows, layout.width)]
        return [unit] * rows + rest

    def errors(entries: Entries, tokens: range) -> list[list[arb]]:
        box = Box(entries, letters or {})
        wanted: Any = [[box.variable(t, row) for row in range(rows)] for t in range(columns)]
        for one in operations:
            wanted = with_weights(one, box.weight).apply(wanted)
        return after(layer, layout, box, wanted, tokens).errors

    plain = [start(t) for t in range(columns)]
    divisors = [one.by for one in operations if isinstance(one, Div)]
    if not divisors:
        return _largest(e for column in errors(plain, range(columns)) for e in column)
    made: list[arb] = []
    for t in range(columns):
        for low, high in ((least, 1), (-1, -least)):
            entries = [list(column) for column in plain]
            for row in divisors:
                entries[t][row] = interval(low, high)
            made += errors(entries, range(t, t + 1))[0]
    return _largest(made)


def _largest(values: Iterable[arb]) -> arb:
    largest = arb(0)
    for value in values:
        if not value.is_finite():
            return arb("inf")
        largest = largest.max(value.abs_upper())
    return largest


def _off(before: Polynomial, made: Written | None, norm: Normed | None, target: Target) -> arb:
    """A bound on |row - target|."""
    if isinstance(target, Quotient):
        return _quotient_off(before, made, norm, target)
    if made is None or norm is None:
        return arb(0) if before is target else (before - target).size()
    first, second = norm.kappa, norm.kappa * norm.kappa
    near = before + made.linear * first.mid() + made.quadratic * second.mid() - target
    unsure = abs(first - first.mid()) * made.linear.size()
    unsure = unsure + abs(second - second.mid()) * made.quadratic.size()
    return near.size() + unsure + made.remainder


def _quotient_off(
    before: Polynomial, made: Written | None, norm: Normed | None, target: Quotient
) -> arb:
    """A bound on |row - y/|c||, c a variable that is nowhere 0."""
    c, y = target.divisor, target.numerator
    least = c.value().abs_lower()
    if made is None or norm is None or not least > 0 or len(c.terms) != 1 or not c.rest == 0:
        return arb("inf")
    ((monomial, one),) = c.terms.items()
    eta = norm.pad.terms.get(monomial, arb(0)) / one
    beside = (norm.pad - c * eta).value() / c.value()
    known = 1 / (abs(eta + beside) * norm.root)  # kappa |c|
    if not known.is_finite():
        return arb("inf")
    near = (made.linear * known.mid() - y).size() + abs(known - known.mid()) * made.linear.size()
    second = (norm.kappa * norm.kappa) * made.quadratic.size()
    return before.size() + near / least + second + made.remainder


def _range(before: Polynomial, made: Written | None, norm: Normed | None) -> arb:
    """The interval of a row."""
    if made is None or norm is None:
        return before.value()
    first, second = norm.kappa, norm.kappa * norm.kappa
    sum_ = before.value() + first * made.linear.value() + second * made.quadratic.value()
    return sum_ + made.remainder * arb(0, 1)
