"""Operations of a number system on named arrays, written down as steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

from proofs.exact import Exact


class Array:
    """The name of a (rows, columns) array that a step makes, or that the prompt gives."""

    __slots__ = ("columns", "rows")

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns


class Step(NamedTuple):
    """made = numbers.method(...) of arrays and of what is known before there is a prompt."""

    method: str
    arrays: tuple[Array, ...]
    known: tuple[Any, ...]
    made: Array


# the shape that a method makes of its arrays and of what is known; else that of its first array
SHAPES: dict[str, Callable[..., tuple[int, int]]] = {
    "constant": lambda rows: (len(rows), len(rows[0])),
    "zeros": lambda tokens, size: (tokens, size),
    "assemble": lambda a, *more: (more[-2], a.columns),
    "rows": lambda a, tokens: (len(tokens), a.columns),
    "columns": lambda a, start, stop: (a.rows, stop - start),
    "concatenate": lambda *arrays: (arrays[0].rows, sum(a.columns for a in arrays)),
    "transpose": lambda a: (a.columns, a.rows),
    "product": lambda a, b, c: (a.rows, b.columns),
    "contract": lambda a, b, left, right, out, sizes: (a.rows, prod(dict(sizes)[i] for i in out)),
    "pattern": lambda a, block, destination, source: (a.rows, prod(destination)),
    "row_sums": lambda a, extra: (a.rows, 1),
}
# how a method takes them; else the arrays come first
ARGUMENTS: dict[str, Callable[[list[Any], tuple[Any, ...]], tuple[Any, ...]]] = {
    "assemble": lambda arrays, known: (known[0], list(zip(known[1], arrays))),
    "concatenate": lambda arrays, known: (arrays,),
    "scale": lambda arrays, known: (*known, *arrays),
    "combine": lambda arrays, known: (list(zip(known, arrays)),),
    "add_product": lambda arrays, known: (known[0], *arrays, known[1]),
    "contract": lambda arrays, known: (
        arrays[0], known[0], arrays[1], known[1], known[2], dict(known[3])
    ),
}  # fmt: skip


class Recorder:
    """Collects steps; one that is the same as an earlier one is not repeated."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._made: dict[tuple[Any, ...], Array] = {}

    def __call__(self, method: str, *arrays: Array, known: tuple[Any, ...] = ()) -> Array:
        """The array that the method makes."""
        key = method, arrays, known
        made = self._made.get(key)
        if made is None:
            shape = SHAPES.get(method, lambda a, *more: (a.rows, a.columns))
            made = self._made[key] = Array(*shape(*arrays, *known))
            self.steps.append(Step(method, arrays, known, made))
            if method == "transpose":
                self._made[method, (made,), ()] = arrays[0]
        return made

    def combine(self, terms: Sequence[tuple[Exact, Array]]) -> Array:
        """Sum of c * a."""
        if len(terms) > 1:
            coefficients, arrays = zip(*terms)
            return self("combine", *arrays, known=coefficients)
        ((c, a),) = terms
        return a if c == 1 else self("scale", a, known=(c,))
