"""The chains of akyurek2022 as Coq terms: what their operations, done exactly, leave in a column.

A chain is built at several d, for one example; operation after operation is written as a term over
that example x, y, the query x_t and the chain's constants. A range of rows is read as it was last
written: one that overlaps it otherwise raises `NotUniformError`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .formulas import COQ, Term
from .terms import NotUniformError, coefficient

if TYPE_CHECKING:
    from constructions.papers.akyurek2022.chains import Chain
    from constructions.papers.akyurek2022.operations import Aff, Operation, Range
    from proofs.stream import Slot

PAPER = "akyurek2022"
DIMENSIONS = range(2, 8)
READ, ASKED = 1, 2  # the columns where the example is worked on, and where the query stands


@dataclass(frozen=True)
class ChainSource:
    """One chain to write down: its name in Coq, how it is built, and which slot of the example's
    column holds the weights. `explicit` gives matrices and vectors that it is built with a term.
    """

    name: str
    build: Callable[[int], Chain]
    explicit: Callable[[int], Mapping[Any, Term]]
    variables: str
    weights: str = "w"


def sources() -> Iterator[ChainSource]:
    """The chains of theorem 1, repaired and with the printed sign, and of theorem 2."""
    import sympy

    from constructions.papers.akyurek2022 import chains

    alpha, ridge = sympy.symbols("alpha lambda")

    def start(d: int) -> tuple[Any, ...]:
        return sympy.symbols(f"w_:{d}", seq=True)

    def descent(as_printed: Collection[str]) -> Callable[[int], Chain]:
        return lambda d: chains.theorem1_chain(d, alpha, ridge, start(d), 1, as_printed)

    def constants(d: int) -> dict[Any, Term]:
        return {(start(d),): Term("w^T", ("1", "d")), start(d): Term("w", ("d", "1"))}

    variables = "Variables (alpha lambda : F) (w : 'cV[F]_d).\n"
    yield ChainSource("akyurek2022_theorem1_repaired", descent(()), constants, variables)
    yield ChainSource("akyurek2022_theorem1_sign", descent(("sign",)), constants, variables)
    yield ChainSource(
        "akyurek2022_theorem2",
        lambda d: chains.theorem2_chain(d, ridge),
        lambda d: {
            tuple(1 / ridge if i == j else 0 for i in range(d) for j in range(d)): Term(
                "(lambda^-1)%:M", ("d", "d")
            )
        },
        "Variable lambda : F.\n",
    )


def section(source: ChainSource) -> str:
    """A Coq section that defines the weights that the chain makes, and what it predicts."""
    texts = {_Written(source, d).definitions() for d in DIMENSIONS}
    if len(texts) != 1:
        raise NotUniformError(f"{source.name}: the operations are not the same for every d")
    (definitions,) = texts
    return (
        f"Section {source.name}.\n"
        f"Variables (F : realFieldType) (d : nat) (x x_t : 'cV[F]_d) (y : F).\n"
        f"{source.variables}{definitions}End {source.name}.\n"
    )


class _Written:
    """The terms of one chain at one d."""

    def __init__(self, source: ChainSource, d: int) -> None:
        self.source, self.d, self.chain = source, d, source.build(d)
        self.explicit = source.explicit(d)
        stream = self.chain.program.stream
        self.slots: dict[Range, Slot] = {
            (stream.rows(s.name).start, stream.rows(s.name).stop): s for s in stream.slots
        }
        given = {s.name: rows for rows, s in self.slots.items()}
        self.start: dict[tuple[int, Range], Term] = {
            (0, given["x"]): Term("x", ("d", "1")),
            (READ, given["y"]): Term("y"),
            (ASKED, given["x"]): Term("x_t", ("d", "1")),
        }
        self.lets: dict[str, Term] = {}

    def definitions(self) -> str:
        program = self.chain.program
        (weights,) = [rows for rows, s in self.slots.items() if s.name == self.source.weights]
        wanted = {"_weights": (READ, weights), "": (ASKED, program.operations[-1].to)}
        made = ""
        for suffix, (column, rows) in wanted.items():
            self.lets = {}
            last = self.value(len(program.operations), column, rows)
            lets = "".join(f"  let {name} := {term.text} in\n" for name, term in self.lets.items())
            made += (
                f"Definition {self.source.name}{suffix} : {last.kind} :=\n{lets}  {last.text}.\n"
            )
        return made

    def value(self, done: int, column: int, rows: Range) -> Term:
        """What these rows of a column hold after the first `done` operations."""
        from constructions.papers.akyurek2022.operations import Mov

        if not done:
            return self.start.get((column, rows)) or self._zero(rows)
        operation = self.chain.program.operations[done - 1]
        moves = {t: s for s, t in operation.pairs} if isinstance(operation, Mov) else None
        if moves is not None and column not in moves or not _overlap(operation.to, rows):
            return self.value(done - 1, column, rows)
        if operation.to != rows:
            raise NotUniformError(f"{self.source.name}: {operation} writes a part of rows {rows}")
        if isinstance(operation, Mov):
            assert moves is not None
            return self.value(done - 1, moves[column], operation.rows)
        name = f"{self._name(rows)}_{done}"
        made = self._made(operation, lambda read: self.value(done - 1, column, read))
        self.lets[name] = made
        return Term(name, made.shape)

    def _made(self, operation: Operation, read: Callable[[Range], Term]) -> Term:
        from constructions.papers.akyurek2022.operations import Aff, Div, Mul

        match operation:
            case Mul(a=a, b=b, c=c):
                left = self._as(read(operation.left), a, b)
                made = COQ["*"](left, self._as(read(operation.right), b, c))
                return COQ["T"](made.number) if made.shape[:1] == ("1",) else made.number
            case Div(by=by):
                divided, divisor = read(operation.rows), read((by, by + 1))
                return Term(f"(`|{divisor.text}|^-1 *: {divided.text})", divided.shape)
            case Aff():
                return self._affine(operation, read)
        raise NotUniformError(f"{self.source.name}: {operation} is not written down")

    def _affine(self, operation: Aff, read: Callable[[Range], Term]) -> Term:
        parts = []
        for rows, weight in ((operation.first, operation.W1), (operation.second, operation.W2)):
            if weight is not None:
                parts.append(COQ["*"](self._constant(weight), read(rows)).number)
        if operation.b is not None:
            parts.append(self._constant(operation.b))
        made = parts[0]
        for part in parts[1:]:
            made = COQ["+"](made, part)
        return made

    def _constant(self, value: Any) -> Term:
        if isinstance(value, tuple):
            if value not in self.explicit:
                raise NotUniformError(f"{self.source.name}: {value} is no given matrix or vector")
            return self.explicit[value]
        return Term(coefficient(value))

    def _as(self, term: Term, rows: int, columns: int) -> Term:
        """A slot as a rows x columns matrix: a vector may be a column or a row."""
        if rows == 1 and columns == self.d:
            return COQ["T"](term)
        return term

    def _zero(self, rows: Range) -> Term:
        shape = ((), ("d", "1"), ("d", "d"))[len(self.slots[rows].shape)]
        return Term("0" if not shape else f"(0 : {Term('', shape).kind})", shape)

    def _name(self, rows: Range) -> str:
        """The slot's name; that of the slot around them for other rows."""
        around = [s.name for (i, j), s in self.slots.items() if i <= rows[0] and rows[1] <= j]
        return around[0]


def _overlap(a: Range, b: Range) -> bool:
    return max(a[0], b[0]) < min(a[1], b[1])
