"""The operations mov, mul, div, aff and RAW of akyurek2022 (lemma 1, appendix), as data.

A program is a tuple of operations on a matrix H (rows: hidden units, columns: tokens, both from
0; a range (i, j) is rows i..j-1, () is no row). `Program.run` is their exact meaning over any
numbers; `primitive_layers.layer` compiles one operation to one layer of the printed transformer.
Printed rows are the rows of the program's Layout.

    Mov(0, 1, (1, 3), (1, 3))                       rows 1..2 of column 0 to column 1
    Mul(2, 1, 1, (1, 3), (0, 1), (3, 5))            in each column, (2 x 1)(1 x 1)
    Div((1, 3), 0, (3, 5))                          in each column, rows 1..2 over |row 0|
    Aff((1, 3), (), (3, 4), W1=((5, 6),), b=1)      in each column, W1 h + W2 h' + b
    Raw("+", s, r, w, K=((0,), (0, 1)))             read, combine, write
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from proofs.exact import Exact
from proofs.stream import Layout

Range = tuple[int, ...]  # (i, j) or ()
Weight = Any  # None, a number c for c*I, or rows of a matrix
Columns = list[list[Any]]  # H as columns: H[t][row]


class IllPosed(ValueError):
    """A printed statement whose shapes, indices or side conditions do not fit; `.where` says it.

    `.misfit` is the same as data, where it is one of these two, else None:

        {"kind": "columns", "reads": s, "writes": t, "columns": T, "needs": "t ≥ s"}
            column t reads column s, which it must not; s is None where it reads no column at all
        {"kind": "shapes", "name": "A2", "is": (2, 1), "should": (1, 1)}
            rows x columns of what is there, and of what is needed
    """

    def __init__(self, where: str, misfit: Mapping[str, Any] | None = None) -> None:
        super().__init__(where)
        self.where = where
        self.misfit = misfit


@dataclass(frozen=True)
class Mov:
    """Rows `rows` of column s go to rows `to` of column t; printed condition t >= s.

    `source` and `target` may be equally long tuples of columns: the same move in several places.
    """

    source: int | tuple[int, ...]
    target: int | tuple[int, ...]
    rows: Range
    to: Range

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """(s, t) of each move."""
        return tuple(zip(_tuple(self.source), _tuple(self.target), strict=True))

    def check(self) -> None:
        if len(_tuple(self.source)) != len(_tuple(self.target)):
            raise IllPosed("as many sources as targets are needed")
        if len(set(_tuple(self.target))) < len(_tuple(self.target)):
            raise IllPosed("a target column is written twice")
        for s, t in self.pairs:
            if t < s:
                raise IllPosed(
                    f"column s = {s} is copied to t = {t}, but t >= s is required",
                    unseen(s, t, "t ≥ s"),
                )
        _go(self.rows, self.to)

    def apply(self, H: Columns) -> Columns:
        after = [list(column) for column in H]
        for s, t in self.pairs:
            for row, old in zip(span(self.to), span(self.rows)):
                after[t][row] = H[s][old]
        return after

    def reads(self) -> tuple[Range, ...]:
        return (self.rows,)

    def __str__(self) -> str:
        return f"mov(; {self.source}, {self.target}, {_show(self.rows)}, {_show(self.to)})"


@dataclass(frozen=True)
class Mul:
    """In each column: rows `left` as a x b times rows `right` as b x c, row-major, to `to`."""

    a: int
    b: int
    c: int
    left: Range
    right: Range
    to: Range

    def check(self) -> None:
        _holds("A1", self.left, self.a, self.b)
        _holds("A2", self.right, self.b, self.c)
        _holds("A1 A2", self.to, self.a, self.c)

    def apply(self, H: Columns) -> Columns:
        a, b, c = self.a, self.b, self.c
        after = []
        for column in H:
            left = [column[row] for row in span(self.left)]
            right = [column[row] for row in span(self.right)]
            products = [
                sum((left[i * b + k] * right[k * c + j] for k in range(b)), start=0)
                for i in range(a)
                for j in range(c)
            ]
            after.append(_put(column, self.to, products))
        return after

    def reads(self) -> tuple[Range, ...]:
        return self.left, self.right

    def __str__(self) -> str:
        ranges = ", ".join(map(_show, (self.left, self.right, self.to)))
        return f"mul(; {self.a}, {self.b}, {self.c}, {ranges})"


@dataclass(frozen=True)
class Div:
    """In each column: rows `rows` over the absolute value of row `by`, to `to`."""

    rows: Range
    by: int
    to: Range

    def check(self) -> None:
        _go(self.rows, self.to)

    def apply(self, H: Columns) -> Columns:
        return [
            _put(column, self.to, [column[row] / abs(column[self.by]) for row in span(self.rows)])
            for column in H
        ]

    def reads(self) -> tuple[Range, ...]:
        return self.rows, (self.by, self.by + 1)

    def __str__(self) -> str:
        return f"div(; {_show(self.rows)}, {self.by}, {_show(self.to)})"


@dataclass(frozen=True)
class Aff:
    """In each column: W1 h[first] + W2 h[second] + b, to `to`; b is a number or one per row."""

    first: Range
    second: Range
    to: Range
    W1: Weight = None
    W2: Weight = None
    b: Any = None

    def check(self) -> None:
        for name, rows, weight in (("W1", self.first, self.W1), ("W2", self.second, self.W2)):
            if (weight is None) != (size(rows) == 0):
                raise IllPosed(f"{name} has {size(rows)} rows to act on")
            if weight is not None:
                fits(weight, size(self.to), size(rows), name)
        vector(self.b, size(self.to))

    def apply(self, H: Columns) -> Columns:
        terms = [
            (rows, weight)
            for rows, weight in ((self.first, self.W1), (self.second, self.W2))
            if weight is not None
        ]
        after = []
        for column in H:
            made = list(vector(self.b, size(self.to)))
            for rows, weight in terms:
                made = _add(made, _times(weight, [column[row] for row in span(rows)]))
            after.append(_put(column, self.to, made))
        return after

    def reads(self) -> tuple[Range, ...]:
        return self.first, self.second

    def __str__(self) -> str:
        ranges = ", ".join(map(_show, (self.first, self.second, self.to)))
        weights = [
            (n, w) for n, w in (("W1", self.W1), ("W2", self.W2), ("b", self.b)) if w is not None
        ]
        return f"aff(; {ranges}, {', '.join(f'{n} = {_short(w)}' for n, w in weights)})"


@dataclass(frozen=True)
class Raw:
    """h_i[w] <- W_o((W_a/|K(i)| sum_{j in K(i)} h_j[r]) * (W h_i[s])), * being "+" or "⊙".

    K gives K(i) for each column i. `strict` asks j < i of every j in K(i), otherwise j <= i.
    Where K(i) is empty the mean is undefined: `empty` "keep" leaves the column alone, "zero"
    takes the empty mean as 0, "refuse" raises.
    """

    star: Literal["+", "⊙"]
    s: Range
    r: Range
    w: Range
    K: tuple[tuple[int, ...], ...]
    Wo: Weight = 1
    Wa: Weight = 1
    W: Weight = 1
    strict: bool = True
    empty: Literal["keep", "zero", "refuse"] = "keep"

    @property
    def inner(self) -> int:
        """Number of entries that are combined."""
        for weight in (self.Wa, self.W):
            if isinstance(weight, Sequence):
                return len(weight)
        return size(self.r)

    @property
    def to(self) -> Range:
        return self.w

    def weights(self) -> tuple[Any, Any, Any]:
        """W_o, W_a, W written out."""
        m = self.inner
        return (
            matrix(self.Wo, size(self.w), m, "W_o"),
            matrix(self.Wa, m, size(self.r), "W_a"),
            matrix(self.W, m, size(self.s), "W"),
        )

    def check(self) -> None:
        self.weights()
        for i, read in enumerate(self.K):
            for j in read:
                if j > i or (self.strict and j == i):
                    sign = "<" if self.strict else "<="
                    raise IllPosed(
                        f"K({i}) holds {j}, but j {sign} i is required",
                        unseen(j, i, "j < i" if self.strict else "j ≤ i", len(self.K)),
                    )
            if not read and self.empty == "refuse":
                raise IllPosed(
                    f"K({i}) is empty, so 1/|K({i})| is undefined",
                    unseen(None, i, "j < i" if self.strict else "j ≤ i", len(self.K)),
                )

    def apply(self, H: Columns) -> Columns:
        Wo, Wa, W = self.weights()
        after = [list(column) for column in H]
        for i, read in enumerate(self.K):
            if not read and self.empty == "keep":
                continue
            total = [sum((H[j][row] for j in read), start=0) for row in span(self.r)]
            mean = [entry / len(read) for entry in _times(Wa, total)] if read else [0] * self.inner
            own = _times(W, [H[i][row] for row in span(self.s)])
            if self.star == "+":
                both = _add(mean, own)
            else:
                both = [p * q for p, q in zip(mean, own)]
            after[i] = _put(H[i], self.w, _times(Wo, both))
        return after

    def reads(self) -> tuple[Range, ...]:
        return self.r, self.s

    def __str__(self) -> str:
        return f"RAW(; {self.star}, {_show(self.s)}, {_show(self.r)}, {_show(self.w)})"


Operation = Mov | Mul | Div | Aff | Raw


@dataclass(frozen=True)
class Program:
    """Operations on a matrix of `columns` columns, whose rows are those of `stream`.

    Raises IllPosed, with the operation's number from 1, when a side condition is not met.
    """

    operations: tuple[Operation, ...]
    stream: Layout
    columns: int

    def __post_init__(self) -> None:
        for number, operation in enumerate(self.operations, start=1):
            try:
                operation.check()
                for rows in (*operation.reads(), operation.to):
                    _inside(rows, self.stream.width)
                if isinstance(operation, Mov):
                    for t in (t for pair in operation.pairs for t in pair):
                        if not 0 <= t < self.columns:
                            raise IllPosed(f"there is no column {t} among {self.columns}")
                if isinstance(operation, Raw) and len(operation.K) != self.columns:
                    raise IllPosed(f"K is given for {len(operation.K)} of {self.columns} columns")
            except IllPosed as error:
                misfit = error.misfit
                if misfit is not None and misfit["kind"] == "columns":
                    misfit = {**misfit, "columns": self.columns}
                said = f"operation {number}, {operation}: {error.where}"
                raise IllPosed(said, misfit) from None

    def run(self, H: Columns) -> list[Columns]:
        """H at the start and after every operation, exactly."""
        made = [[list(column) for column in H]]
        for operation in self.operations:
            made.append(operation.apply(made[-1]))
        return made

    def result(
        self, H: Columns, row: int, do: Callable[[Operation, Columns], Columns] | None = None
    ) -> Any:
        """What `run` leaves in a row of the last column; what this is not made of is not computed.

        do: what does an operation instead of `apply`.
        """
        columns = list(H)
        for operation, made in zip(self.operations, self._needed(row), strict=True):
            alone = isinstance(operation, Mul | Div | Aff)  # each column is by itself
            read = [columns[t] for t in made] if alone else columns
            after = do(operation, read) if do else operation.apply(read)
            for place, t in enumerate(made):
                columns[t] = after[place if alone else t]
        return columns[-1][row]

    def _needed(self, row: int) -> list[list[int]]:
        """Of each operation the columns in which it makes what `result` is made of."""
        needed, made = {(self.columns - 1, row)}, []
        for operation in reversed(self.operations):
            columns = sorted({t for t, r in needed if r in span(operation.to)})
            sources: dict[int, tuple[int, ...]] = {t: (t,) for t in columns}
            if isinstance(operation, Mov):
                sources = {t: (s,) for s, t in operation.pairs if t in columns}
            elif isinstance(operation, Raw):
                read = {t for t in columns if operation.K[t] or operation.empty != "keep"}
                sources = {t: (t, *operation.K[t]) for t in sorted(read)}
            needed -= {(t, r) for t in sources for r in span(operation.to)}
            rows = [r for one in operation.reads() for r in span(one)]
            needed |= {(s, r) for of in sources.values() for s in of for r in rows}
            made.append(list(sources))
        return made[::-1]

    def prompt(self, X: Any, y: Any, queries: Any) -> Columns:
        """The printed prompt [0; x_1], [y_1; 0], …, [0; x] of examples and queries, zero-padded."""
        columns: Columns = []
        for x, value in zip(X, y, strict=True):
            columns += [[0, *x], [value, *([0] * len(x))]]
        columns += [[0, *x] for x in queries]
        return [column + [0] * (self.stream.width - len(column)) for column in columns]

    def rows(self, slot: str) -> Range:
        """(i, j) of a slot."""
        rows = self.stream.rows(slot)
        return rows.start, rows.stop


# -- ranges, weights --------------------------------------------------------------------------


def span(rows: Range) -> range:
    """The rows of a range."""
    return range(*rows) if rows else range(0)


def size(rows: Range) -> int:
    """Number of rows of a range."""
    return len(span(rows))


def matrix(weight: Weight, m: int, n: int, name: str = "a weight") -> tuple[tuple[Exact, ...], ...]:
    """A weight written out as m x n; a number c stands for c*I. Raises IllPosed."""
    fits(weight, m, n, name)
    if isinstance(weight, Sequence):
        return tuple(tuple(row) for row in weight)
    return tuple(tuple(weight if i == j else 0 for j in range(n)) for i in range(m))


def fits(weight: Weight, m: int, n: int, name: str = "a weight") -> None:
    """Raises IllPosed if a weight is not m x n."""
    if isinstance(weight, Sequence):
        if len(weight) != m or any(len(row) != n for row in weight):
            is_ = len(weight), len(weight[0]) if weight else 0
            said = f"{name} is {is_[0]} x {is_[1]}, not {m} x {n}"
            raise IllPosed(said, unfit(name, is_, (m, n)))
    elif m != n:
        raise IllPosed(
            f"{name} = {weight}*I cannot take {n} rows to {m}", unfit(name, (n, n), (m, n))
        )


def vector(b: Any, m: int) -> tuple[Exact, ...]:
    """A shift written out; None is 0, a number goes to each row. Raises IllPosed."""
    if b is None:
        return (0,) * m
    if not isinstance(b, Sequence):
        return (b,) * m
    if len(b) != m:
        raise IllPosed(f"b has {len(b)} entries, not {m}", unfit("b", (len(b), 1), (m, 1)))
    return tuple(b)


def _tuple(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


def unseen(s: int | None, t: int, needs: str, columns: int | None = None) -> dict[str, Any]:
    """That column t reads column s; there are as many as are named where nobody says."""
    least = 1 + max(t, s if s is not None else 0)
    return {
        "kind": "columns",
        "reads": s,
        "writes": t,
        "columns": columns or least,
        "needs": needs,
    }


def unfit(name: str, is_: tuple[int, int], should: tuple[int, int]) -> dict[str, Any]:
    """That something has these rows and columns where others are needed."""
    return {"kind": "shapes", "name": name, "is": is_, "should": should}


def _holds(name: str, rows: Range, m: int, n: int) -> None:
    """Raises IllPosed unless the rows are as many as an m x n matrix has entries."""
    if size(rows) != m * n:
        raise IllPosed(
            f"{name}, {m} x {n}, has {size(rows)} rows where {m * n} are needed",
            unfit(name, (size(rows), 1), (m, n)),
        )


def _go(rows: Range, to: Range) -> None:
    if size(rows) != size(to):
        raise IllPosed(
            f"{size(rows)} rows cannot go to {size(to)}",
            unfit("what is moved", (size(rows), 1), (size(to), 1)),
        )


def _inside(rows: Range, width: int) -> None:
    if rows and not 0 <= rows[0] <= rows[1] <= width:
        raise IllPosed(f"rows {_show(rows)} are not among the {width} rows")


def _put(column: list[Any], rows: Range, values: Sequence[Any]) -> list[Any]:
    after = list(column)
    for row, value in zip(span(rows), values, strict=True):
        after[row] = value
    return after


def _times(weight: Weight, values: Sequence[Any]) -> list[Any]:
    if not isinstance(weight, Sequence):
        return [weight * v for v in values]
    return [sum((w * v for w, v in zip(row, values)), start=0) for row in weight]


def _add(left: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    return [p + q for p, q in zip(left, right, strict=True)]


def _show(rows: Range) -> str:
    return f"({', '.join(map(str, rows))})"


def _short(weight: Any) -> str:
    if not isinstance(weight, Sequence):
        return str(weight)
    text = str(tuple(tuple(map(str, w)) if isinstance(w, Sequence) else str(w) for w in weight))
    return text.replace("'", "") if len(text) < 40 else "…"
