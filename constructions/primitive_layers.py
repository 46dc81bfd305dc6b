"""One operation of akyurek2022, one layer of its transformer.

The printed layer: causal softmax heads with one extra logit 0, then
h <- W_1 gelu(W_2 norm(a + h)) + a + h, layer norm before the MLP and only there. Positions are
one-hot. Everything linear happens in heads that read the token itself; products and quotients in
the MLP, which layer norm is undone for by two units that hold N and -N - (sum of the rest).

    stream = workspace(layout(y=(), x=(2,), p=()), columns=3)
    layer(Mul(1, 2, 1, (1, 3), (1, 3), (3, 4)), stream, Constants())

The free constants are parameters, exact or symbols; see Constants.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from .exact import Exact, is_symbolic
from .primitives import (
    Aff,
    Div,
    Mov,
    Mul,
    Operation,
    Program,
    Range,
    Raw,
    matrix,
    size,
    span,
    vector,
)
from .prompt import Prompt
from .slotmap import Block, SlotMap, slot_map
from .stream import Layout, Slot
from .transformer import MLP, Head, Holds, Layer, Readout, Witness

Term = tuple[Sequence[int], Sequence[Sequence[Exact]]]  # (rows read, weights)
WORKSPACE = ("position", "pad", "balance", "scratch")


@dataclass(frozen=True)
class Constants:
    """What the paper calls large or leaves free.

    sharpness   N of a query, "attends to one token"
    large       N of lemmas 6 and 8, undoes the layer norm
    very_large  M of lemma 8
    scale       factor inside the GeLU product of lemma 4
    bypass      N of lemma 5, carries a number through the GeLU
    """

    sharpness: Exact = 256
    large: Exact = 2**100
    very_large: Exact = 2**10
    scale: Exact = Fraction(1, 2**40)
    bypass: Exact = 2**10

    def bits(self, layers: int) -> int:
        """Precision for balls: each product widens them by up to 1/scale, the pads by `large`."""
        lost = math.log2(float(1 / _whole(self.scale))) + 24
        return 256 + int(math.log2(float(self.large)) + lost * layers)


# Near the best for each float format at the sizes of a small example; the precision table has
# the searched optima.
FLOAT64 = Constants(128, 2**29, 1, Fraction(1, 2**18), 2**10)


def workspace(stream: Layout, columns: int, operations: Iterable[Operation] = ()) -> Layout:
    """`stream` with the units that the layers need after it: positions, two pads, scratch."""
    scratch = max((_scratch(operation) for operation in operations), default=0)
    extra = [Slot("position", (columns,)), Slot("pad"), Slot("balance")]
    if scratch:
        extra.append(Slot("scratch", (scratch,)))
    return Layout((*stream.slots, *extra))


def _scratch(operation: Operation) -> int:
    if isinstance(operation, Div):
        return size(operation.to)
    if isinstance(operation, Raw) and operation.star == "⊙":
        return 2 * operation.inner
    return 0


def layer(operation: Operation, stream: Layout, constants: Constants, name: str = "") -> Layer:
    """The layer that does `operation` on a stream made by `workspace`."""
    build: Any = {Mov: _mov, Aff: _aff, Mul: _mul, Div: _div, Raw: _raw}[type(operation)]
    heads, mlp = build(operation, Parts(stream, constants))
    return Layer(name or str(operation), heads, mlp, norm=mlp is not None)


def transformer(
    program: Program,
    d: int,
    readout: str,
    constants: Constants,
    *,
    name: str,
    examples: int,
    parameters: Mapping[str, Any],
    definitions: tuple[tuple[str, str], ...] = (),
    holds: Sequence[tuple[Holds, ...]] = (),
    source: str = "",
) -> Witness:
    """The whole program, one layer per operation, on the printed prompt with one query.

    The program's stream starts with the slots y () and x (d,).
    """
    stream = workspace(program.stream, program.columns, program.operations)
    embedding = slot_map(("y", "y"), ("x", "x"), ("position", "position"))
    notes = holds or [()] * len(program.operations)
    layers = tuple(
        Layer(made.name, made.heads, made.mlp, made.norm, note)
        for note, made in zip(
            notes,
            (
                layer(operation, stream, constants, f"{number}: {operation}")
                for number, operation in enumerate(program.operations, start=1)
            ),
            strict=True,
        )
    )
    return Witness(
        name=name,
        layout=stream,
        prompt=Prompt(d, embedding, form="interleaved", positions=program.columns),
        layer_list=layers,
        readout=Readout(readout),
        parameters=parameters,
        definitions=definitions,
        examples=examples,
        source=source,
    )


# -- the five operations ----------------------------------------------------------------------


def _mov(mov: Mov, parts: Parts) -> tuple[tuple[Head, ...], MLP | None]:
    """One head reads column s at t, one subtracts what t held; all other columns read nothing."""
    copy = [(span(mov.rows), _identity(size(mov.rows)))]
    read = parts.head(
        "read", {t: (s,) for s, t in mov.pairs}, parts.write(mov.to, copy, clear=False)
    )
    clear = parts.head("clear", {t: (t,) for _, t in mov.pairs}, parts.write(mov.to, []))
    return (read, clear), None


def _aff(aff: Aff, parts: Parts) -> tuple[tuple[Head, ...], MLP | None]:
    """One head by which each column reads itself; b comes from the one-hot position."""
    m = size(aff.to)
    terms: list[Term] = []
    for rows, weight in ((aff.first, aff.W1), (aff.second, aff.W2)):
        if weight is not None:
            terms.append((span(rows), matrix(weight, m, size(rows))))
    b = vector(aff.b, m)
    if any(entry != 0 for entry in b):
        terms.append(parts.constant(b))
    return (parts.head("self", None, parts.write(aff.to, terms)),), None


def _mul(mul: Mul, parts: Parts) -> tuple[tuple[Head, ...], MLP | None]:
    """Lemma 4 behind lemma 6: the head sets the pads, the MLP multiplies.

    Destination units that are factors too stay until the MLP, which subtracts them (lemma 5).
    """
    a, b, c = mul.a, mul.b, mul.c
    factors = {*span(mul.left), *span(mul.right)}
    written = [row for row in span(mul.to) if row not in factors]
    late = [row for row in span(mul.to) if row in factors]
    head = parts.norm_head([(written, [])], parts.constant((parts.constants.large,)))
    left = [
        [int(i == r and k == s) for r in range(a) for s in range(b)] for i, k, j in _cube(a, b, c)
    ]
    right = [
        [int(k == r and j == s) for r in range(b) for s in range(c)] for i, k, j in _cube(a, b, c)
    ]
    out = [
        [int(i == r and j == s) for i, k, j in _cube(a, b, c)] for r in range(a) for s in range(c)
    ]
    mlp = Unit(parts)
    mlp.product((span(mul.left), left), (span(mul.right), right), span(mul.to), out)
    if late:
        mlp.bypass(late, late, -1, parts.undo)
    return (head,), mlp.mlp()


def _div(div: Div, parts: Parts) -> tuple[tuple[Head, ...], MLP | None]:
    """Lemma 8: scratch holds y/M, the pads N c and -N c - …, so the layer norm divides by |c|."""
    N, M = parts.constants.large, parts.constants.very_large
    m = size(div.rows)
    scratch = parts.rows("scratch")[:m]
    copy: list[Term] = [(span(div.rows), _identity(m, 1 / _whole(M)))]
    head = parts.norm_head([(scratch, copy), (span(div.to), [])], ([div.by], [[N]]))
    mlp = Unit(parts)
    mlp.bypass(scratch, span(div.to), 1, parts.undo * M, both=True)
    return (head,), mlp.mlp()


def _raw(raw: Raw, parts: Parts) -> tuple[tuple[Head, ...], MLP | None]:
    """Two heads: the mean over K(i), and the token itself (lemma 3).

    With ⊙ the factors meet in scratch. Where ⊙ leaves columns with empty K alone, a third head
    clears the destination of the other columns.
    """
    Wo, Wa, W = raw.weights()
    kept = {i: read for i, read in enumerate(raw.K) if read}
    own = {i: (i,) for i in (kept if raw.empty == "keep" else range(len(raw.K)))}
    if raw.star == "+":
        both = [(span(raw.r), _product(Wo, Wa))]
        read = parts.head("read", kept, parts.write(raw.w, both, clear=False))
        self_ = parts.head("self", own, parts.write(raw.w, [(span(raw.s), _product(Wo, W))]))
        return (read, self_), None
    m = raw.inner
    u, v = parts.rows("scratch")[:m], parts.rows("scratch")[m : 2 * m]
    mean: list[Term] = [(span(raw.r), Wa)]
    read_blocks = parts.write(u, mean, clear=False) + parts.unbalance(mean)
    read = parts.head("read", kept, read_blocks)
    every = len(own) == len(raw.K)
    writes: list[Any] = [(u, []), (v, [(span(raw.s), W)])]
    if every:
        writes.append((span(raw.w), []))
    self_ = parts.norm_head(writes, parts.constant((parts.constants.large,)))
    heads = [read, self_]
    if not every:
        gone: list[Term] = [(span(raw.w), _identity(size(raw.w), -1))]
        heads.append(parts.head("clear", own, parts.write(raw.w, []) + parts.unbalance(gone)))
    mlp = Unit(parts)
    mlp.product((u, _identity(m)), (v, _identity(m)), span(raw.w), Wo)
    return tuple(heads), mlp.mlp()


def parallel(raws: Sequence[Raw], stream: Layout, constants: Constants) -> Layer:
    """Lemma 7: RAWs with one K and disjoint units in one layer of two heads."""
    parts = Parts(stream, constants)
    K = raws[0].K
    reading: list[Block] = []
    writes: list[Any] = []
    mlp = Unit(parts)
    free = list(parts.rows("scratch")) if "scratch" in stream else []
    for raw in raws:
        Wo, Wa, W = raw.weights()
        if raw.star == "+":
            mean: list[Term] = [(span(raw.r), _product(Wo, Wa))]
            reading += parts.write(raw.w, mean, clear=False) + parts.unbalance(mean)
            writes.append((span(raw.w), [(span(raw.s), _product(Wo, W))]))
        else:
            m = raw.inner
            u, v, free = free[:m], free[m : 2 * m], free[2 * m :]
            mean = [(span(raw.r), Wa)]
            reading += parts.write(u, mean, clear=False) + parts.unbalance(mean)
            writes += [(u, []), (v, [(span(raw.s), W)]), (span(raw.w), [])]
            mlp.product((u, _identity(m)), (v, _identity(m)), span(raw.w), Wo)
    read = parts.head("read", dict(enumerate(K)), reading)
    self_ = parts.norm_head(writes, parts.constant((constants.large,)))
    return Layer("RAWs in parallel", (read, self_), mlp.mlp(), norm=True)


# -- heads ------------------------------------------------------------------------------------


class Parts:
    """Heads and slot maps on the rows of one stream."""

    def __init__(self, stream: Layout, constants: Constants) -> None:
        self.stream, self.constants = stream, constants
        self.columns = stream["position"].size
        from sympy import Rational, sqrt

        self.unscale = sqrt(Rational(2, stream.width))  # sqrt(2/L)
        self.undo = self.unscale * constants.large  # undoes the layer norm (lemma 6)

    def rows(self, slot: str) -> range:
        return self.stream.rows(slot)

    def constant(self, values: Sequence[Exact]) -> Term:
        """Constants as a linear function of the one-hot position, whose entries add up to 1."""
        return self.rows("position"), [[value] * self.columns for value in values]

    def head(
        self, name: str, reads: Mapping[int, tuple[int, ...]] | None, value: list[Block]
    ) -> Head:
        """Column t attends to the columns reads[t], evenly; not in `reads`: to nothing.

        None: each column attends to itself. Keys are e_i; a query is N e_i, or -N everywhere.
        """
        N = self.constants.sharpness
        if reads is None or (
            len(reads) == self.columns and all(r == (t,) for t, r in reads.items())
        ):
            query = Block("at", "position", N)
        else:
            columns = range(self.columns)
            rows = tuple(
                tuple((1 if i in reads[t] else 0) if t in reads else -1 for t in columns)
                for i in columns
            )
            query = Block("at", "position", N, matrix=rows)
        key = slot_map(("at", "position"))
        return Head(
            SlotMap((query,)), key, slot_map(*value), "softmax", "causal", null=True, name=name
        )

    def write(self, to: Sequence[int], terms: Sequence[Term], clear: bool = True) -> list[Block]:
        """Value blocks: rows `to` receive the terms, minus what they held."""
        to = span(tuple(to)) if isinstance(to, tuple) else to
        made = []
        for rows, weights in terms:
            made += self.blocks(to, rows, weights)
        if clear:
            made += self.blocks(to, to, _identity(len(to), -1))
        return made

    def unbalance(self, terms: Sequence[Term]) -> list[Block]:
        """-(sum of the terms) to the balance, for a head beside `norm_head`."""
        made = []
        for rows, weights in terms:
            sums = [-sum((row[j] for row in weights), start=0) for j in range(len(rows))]
            made += self.blocks(self.rows("balance"), rows, [sums])
        return made

    def norm_head(self, writes: Sequence[tuple[Sequence[int], Sequence[Term]]], pad: Term) -> Head:
        """The self head that writes, and sets pad = P, balance = -P - (sum of all other units)."""
        made: list[Block] = []
        written: set[int] = set()
        for to, terms in writes:
            made += self.write(to, terms) + self.unbalance(terms)
            written.update(to)
        pads = (*self.rows("pad"), *self.rows("balance"))
        made += self.write(self.rows("pad"), [pad]) + self.unbalance([pad])
        made += self.write(self.rows("balance"), [])
        rest = [row for row in range(self.stream.width) if row not in written and row not in pads]
        made += self.blocks(self.rows("balance"), rest, [[-1] * len(rest)])
        return self.head("self, with the pads", None, made)

    def blocks(
        self, to: Sequence[int], rows: Sequence[int], weights: Sequence[Sequence[Exact]]
    ) -> list[Block]:
        """Blocks of the matrix `weights` from `rows` to `to`, whole slots where they fit."""
        made = []
        for target, i, m in pieces(self.stream, to):
            for source, j, n in pieces(self.stream, rows):
                part = tuple(tuple(row[j : j + n]) for row in weights[i : i + m])
                made += _block(target, source, part, self.stream.shape(source))
        return made


def pieces(stream: Layout, rows: Sequence[int]) -> list[tuple[str, int, int]]:
    """(reference, offset, size): `rows` as whole slots and single entries `slot[i]`."""
    owner = _owners(stream)
    made, at = [], 0
    while at < len(rows):
        name = owner[rows[at]]
        whole = stream.rows(name)
        if list(rows[at : at + len(whole)]) == list(whole):
            made.append((name, at, len(whole)))
            at += len(whole)
        else:
            made.append((f"{name}[{rows[at] - whole.start}]", at, 1))
            at += 1
    return made


@lru_cache(maxsize=64)
def _owners(stream: Layout) -> tuple[str, ...]:
    """The slot of each row."""
    return tuple(slot.name for slot in stream.slots for _ in range(slot.size))


def _block(
    target: str, source: str, weights: tuple[tuple[Exact, ...], ...], shape: tuple[int, ...] = ()
) -> list[Block]:
    """The block of a matrix in its shortest form; none if the matrix is 0."""
    m, n = len(weights), len(weights[0])
    first = weights[0][0]
    if all(entry == 0 for row in weights for entry in row):
        return []
    if m == n and all(
        weights[i][j] == (first if i == j else 0) for i in range(m) for j in range(n)
    ):
        return [Block(target, source, first)]
    if m == 1 and all(entry == first for entry in weights[0]) and len(shape) in (1, 2):
        return [Block(target, source, first, "<-" + "ij"[: len(shape)])]
    return [Block(target, source, matrix=weights)]


def scaled(blocks: Sequence[Block], scale: Exact) -> list[Block]:
    """scale * blocks."""
    return [replace(block, coefficient=scale * block.coefficient) for block in blocks]


# -- the MLP ----------------------------------------------------------------------------------


class Unit:
    """Hidden units of one GeLU MLP behind the layer norm, put together product by product."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.inner: list[Block] = []
        self.outer: list[Block] = []
        self.count = 0

    def product(self, left: Term, right: Term, to: Sequence[int], out: Any) -> None:
        """to += out (left * right), entry by entry: sqrt(pi/2)/e^2 (g(e(x+y)) - g(ex) - g(ey))."""
        from sympy import pi, sqrt

        scale = self.parts.constants.scale
        back = sqrt(pi / 2) / _sympy(scale) ** 2
        enlarge = scale * self.parts.undo
        both = self._feature("sum", (*left, enlarge), (*right, enlarge))
        self._write(to, both, out, back)
        for name, (rows, weights) in (("left", left), ("right", right)):
            used = [j for j in range(len(rows)) if any(row[j] != 0 for row in weights)]
            kept = [[int(j == k) for k in range(len(rows))] for j in used]
            alone = self._feature(name, (rows, kept, enlarge))
            spread = _product(out, [[row[j] for j in used] for row in weights])
            self._write(to, alone, spread, -back)

    def bypass(
        self,
        rows: Sequence[int],
        to: Sequence[int],
        sign: int,
        scale: Exact,
        both: bool = False,
    ) -> None:
        """to += sign * scale * norm(rows), as g(K + z) - g(K) (lemma 5).

        K comes from the pad; `both` adds g(-K + z) - g(-K), as the pad may be negative.
        """
        K = self.parts.constants.bypass * self.parts.unscale
        m = len(rows)
        pad = self.parts.rows("pad")
        for k in (K, -K) if both else (K,):
            moved = self._feature("moved", (rows, _identity(m), scale), (pad, [[1]] * m, k))
            base = self._feature("base", (pad, [[1]], k))
            self._write(to, moved, _identity(m), sign)
            self._write(to, base, [[1]] * m, -sign)

    def _feature(self, name: str, *terms: tuple[Sequence[int], Any, Exact]) -> str:
        """A new hidden feature, the sum of scale * weights * rows over the terms."""
        self.count += 1
        feature = f"{name}{self.count}"
        for rows, weights, scale in terms:
            for source, j, n in pieces(self.parts.stream, rows):
                part = tuple(tuple(row[j : j + n]) for row in weights)
                self.inner += scaled(_block(feature, source, part), scale)
        return feature

    def _write(self, to: Sequence[int], feature: str, weights: Any, scale: Exact) -> None:
        for target, i, m in pieces(self.parts.stream, to):
            part = tuple(tuple(row) for row in weights[i : i + m])
            self.outer += scaled(_block(target, feature, part), scale)

    def mlp(self) -> MLP | None:
        if not self.inner:
            return None
        return MLP(slot_map(*self.outer), slot_map(*self.inner), activation="gelu")


# -- small matrices ---------------------------------------------------------------------------


def _identity(n: int, c: Exact = 1) -> list[list[Exact]]:
    return [[c if i == j else 0 for j in range(n)] for i in range(n)]


def _cube(a: int, b: int, c: int) -> list[tuple[int, int, int]]:
    """(i, k, j) of every product A1[i, k] A2[k, j]."""
    return [(i, k, j) for i in range(a) for k in range(b) for j in range(c)]


def _product(left: Any, right: Any) -> list[list[Exact]]:
    return [
        [sum(row[k] * right[k][j] for k in range(len(right))) for j in range(len(right[0]))]
        for row in left
    ]


def _whole(value: Exact) -> Exact:
    return Fraction(value) if isinstance(value, int) else value


def _sympy(value: Exact) -> Any:
    from sympy import Rational

    if is_symbolic(value):
        return value
    return Rational(value.numerator, value.denominator)


__all__ = [
    "FLOAT64",
    "WORKSPACE",
    "Constants",
    "Range",
    "layer",
    "parallel",
    "transformer",
    "workspace",
]
