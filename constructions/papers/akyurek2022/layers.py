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

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from proofs.layer import MLP, Head, Holds, Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, slot_map
from proofs.stream import Layout, Slot

from ...witness import Witness
from .operations import Aff, Div, Mov, Mul, Operation, Program, Raw, size, span, vector
from .parts import Constants, Parts, Term, Unit, whole
from .sparse import Matrix, identity, of_weight, selection, written_out

WORKSPACE = ("position", "pad", "balance", "scratch")


# Near the searched optimum of float64 (verify.claims.precision).
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
    try:
        heads, mlp = _kept(operation, stream, constants)
    except TypeError as error:  # weights that are lists, say
        if "unhashable" not in str(error):
            raise
        heads, mlp = _built(operation, stream, constants)
    return Layer(name or str(operation), heads, mlp, norm=mlp is not None)


def _built(
    operation: Operation, stream: Layout, constants: Constants
) -> tuple[tuple[Head, ...], MLP | None]:
    build: Any = {Mov: _mov, Aff: _aff, Mul: _mul, Div: _div, Raw: _raw}[type(operation)]
    made: tuple[tuple[Head, ...], MLP | None] = build(operation, Parts(stream, constants))
    return made


_kept = lru_cache(maxsize=1024)(_built)  # a chain does the same for every example


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
    copy = [(span(mov.rows), identity(size(mov.rows)))]
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
            terms.append((span(rows), of_weight(weight, m, size(rows))))
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
    cube = [(i, k, j) for i in range(a) for k in range(b) for j in range(c)]  # A1[i,k] A2[k,j]
    left = selection([i * b + k for i, k, j in cube], a * b)
    right = selection([k * c + j for i, k, j in cube], b * c)
    sums = [{(i * b + k) * c + j: 1 for k in range(b)} for i in range(a) for j in range(c)]
    out = Matrix(len(cube), tuple(sums))
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
    copy: list[Term] = [(span(div.rows), identity(m, 1 / whole(M)))]
    head = parts.norm_head([(scratch, copy), (span(div.to), [])], ([div.by], identity(1, N)))
    mlp = Unit(parts)
    mlp.bypass(scratch, span(div.to), 1, parts.undo * M, both=True)
    return (head,), mlp.mlp()


def _raw(raw: Raw, parts: Parts) -> tuple[tuple[Head, ...], MLP | None]:
    """Two heads: the mean over K(i), and the token itself (lemma 3).

    With ⊙ the factors meet in scratch. Where ⊙ leaves columns with empty K alone, a third head
    clears the destination of the other columns.
    """
    Wo, Wa, W = _weights(raw)
    kept = {i: read for i, read in enumerate(raw.K) if read}
    own = {i: (i,) for i in (kept if raw.empty == "keep" else range(len(raw.K)))}
    if raw.star == "+":
        both = [(span(raw.r), Wo.times(Wa))]
        read = parts.head("read", kept, parts.write(raw.w, both, clear=False))
        self_ = parts.head("self", own, parts.write(raw.w, [(span(raw.s), Wo.times(W))]))
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
        gone: list[Term] = [(span(raw.w), identity(size(raw.w), -1))]
        heads.append(parts.head("clear", own, parts.write(raw.w, []) + parts.unbalance(gone)))
    mlp = Unit(parts)
    mlp.product((u, identity(m)), (v, identity(m)), span(raw.w), Wo)
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
        Wo, Wa, W = _weights(raw)
        if raw.star == "+":
            mean: list[Term] = [(span(raw.r), Wo.times(Wa))]
            reading += parts.write(raw.w, mean, clear=False) + parts.unbalance(mean)
            writes.append((span(raw.w), [(span(raw.s), Wo.times(W))]))
        else:
            m = raw.inner
            u, v, free = free[:m], free[m : 2 * m], free[2 * m :]
            mean = [(span(raw.r), Wa)]
            reading += parts.write(u, mean, clear=False) + parts.unbalance(mean)
            writes += [(u, []), (v, [(span(raw.s), W)]), (span(raw.w), [])]
            mlp.product((u, identity(m)), (v, identity(m)), span(raw.w), Wo)
    read = parts.head("read", dict(enumerate(K)), reading)
    self_ = parts.norm_head(writes, parts.constant((constants.large,)))
    return Layer("RAWs in parallel", (read, self_), mlp.mlp(), norm=True)


def _weights(raw: Raw) -> tuple[Matrix, Matrix, Matrix]:
    """W_o, W_a, W."""
    Wo, Wa, W = raw.weights()
    return (
        written_out(Wo, raw.inner), written_out(Wa, size(raw.r)), written_out(W, size(raw.s)),
    )  # fmt: skip


__all__ = ["FLOAT64", "WORKSPACE", "Constants", "layer", "parallel", "transformer", "workspace"]
