"""What the forward pass does to a prompt of n examples and m queries, written down once.

The pass runs in a number system whose arrays are only names (`Planning`): every operation becomes
a step. The steps that the prediction does not need are dropped, every array is given back after
its last use, and the plan then runs in any arithmetic and on any number of prompts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any, NamedTuple

from proofs.exact import Exact
from proofs.slotmap import Block

from ..numbers.base import Numbers, Prompts


class Array:
    """The name of a (rows, columns) array that a step makes, or that the prompt gives."""

    __slots__ = ("columns", "rows")

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns


class Step(NamedTuple):
    """made = numbers.method(*args); arrays stand in args by themselves or inside lists."""

    method: str
    args: tuple[Any, ...]
    made: Array


class Plan:
    """Steps from X (n, d), y (n, 1), queries (m, d) to the prediction (m, 1)."""

    def __init__(self, given: Sequence[Array], steps: Iterable[Step], result: Array) -> None:
        self.steps = tuple(_reassociated(list(steps), result))
        number = {array: i for i, array in enumerate((*given, *(s.made for s in self.steps)))}
        last = {number[array]: i for i, step in enumerate(self.steps) for array in _reads(step)}
        last[number[result]] = len(self.steps)
        done: list[list[int]] = [[] for _ in range(len(self.steps) + 1)]
        for array, position in last.items():
            done[position].append(array)
        self._numbered = tuple(
            (step.method, _numbered(step.args, number), number[step.made], tuple(finished))
            for step, finished in zip(self.steps, done)
        )
        self._count, self._result = len(number), number[result]

    def run(self, numbers: Numbers, *prompt: Any) -> Any:
        """The prediction (m, 1) at (X, y, queries), arrays of that number system."""
        held: list[Any] = [*prompt, *[None] * (self._count - len(prompt))]
        for method, args, made, done in self._numbered:
            given = [
                held[a] if type(a) is _Held else _filled(a, held) if type(a) is list else a
                for a in args
            ]
            held[made] = getattr(numbers, method)(*given)
            for i in done:
                held[i] = None
        return held[self._result]


class _Held(int):
    """The number under which a running plan holds an array."""


def _numbered(args: Any, number: dict[Array, int]) -> Any:
    """Arguments with numbers for arrays, and whole fractions as ints, which are faster."""
    if isinstance(args, Array):
        return _Held(number[args])
    if isinstance(args, (list, tuple)) and not isinstance(args, NotAnArray):
        return type(args)(_numbered(arg, number) for arg in args)
    return int(args) if isinstance(args, Fraction) and args.denominator == 1 else args


def _filled(arg: Any, held: list[Any]) -> Any:
    """An argument with the arrays for their numbers, also inside a list."""
    if type(arg) is _Held:
        return held[arg]
    if type(arg) is list or type(arg) is tuple:
        return type(arg)([_filled(one, held) for one in arg])
    return arg


class NotAnArray(tuple):
    """An argument that holds no arrays, however deep it is."""


def _reads(step: Step) -> Iterator[Array]:
    """The arrays that a step reads."""
    for arg in step.args:
        if isinstance(arg, Array):
            yield arg
        elif type(arg) is list:
            for one in arg:
                for part in one if isinstance(one, tuple) else (one,):
                    if isinstance(part, Array):
                        yield part


def _needed(steps: Sequence[Step], result: Array) -> list[Step]:
    """The steps that the result depends on."""
    wanted, kept = {result}, []
    for step in reversed(steps):
        if step.made in wanted:
            kept.append(step)
            wanted.update(_reads(step))
    return kept[::-1]


def _reassociated(steps: list[Step], result: Array) -> list[Step]:
    """Products in the order of least arithmetic: (a p) q for a (p q) where a has few rows.

    Also a p q + a b for a (p q + b), and the same from the right; only where nothing else reads
    the product that is taken apart.
    """
    steps = _needed(steps, result)
    maker = {step.made: step for step in steps}
    uses = Counter(array for step in steps for array in _reads(step))
    uses[result] += 1
    backwards: list[Step] = []
    while steps:
        step = steps.pop()
        if not uses[step.made]:  # what read it was taken apart
            continue
        before = _single(step, maker, uses)
        if before is None:
            backwards.append(step)
            continue
        instead = _taken_apart(step, before)
        uses.subtract([*_reads(step), *_reads(before)])
        for one in instead:
            uses.update(_reads(one))
            maker[one.made] = one
        steps += instead
    return backwards[::-1]


def _single(step: Step, maker: Mapping[Array, Step], uses: Mapping[Array, int]) -> Step | None:
    """The product that this product alone reads, where the other factor has few rows or columns."""
    if step.method != "product":
        return None
    a, b, _ = step.args
    for inner, few in ((b, a.rows), (a, b.columns)):
        before = maker.get(inner)
        if before and before.method in ("product", "add_product") and uses[inner] == 1:
            p, q = before.args[-3:-1]
            if few * q.rows * (p.rows + q.columns) < p.rows * q.columns * (q.rows + few):
                return before
    return None


def _taken_apart(step: Step, before: Step) -> list[Step]:
    """Steps that do the product `step` without making what `before` makes."""
    a, b, c = step.args
    *kept, p, q, scale = before.args
    if before.made is b:
        first, other = _product(a, p, 1), lambda old: _product(a, old, 1)
        factors = first.made, q
    else:
        first, other = _product(q, b, 1), lambda old: _product(old, b, 1)
        factors = p, first.made
    if not kept:
        return [first, Step("product", (*factors, c * scale), step.made)]
    share, old = kept
    rest = other(old)
    args = (c * share, rest.made, *factors, c * scale)
    return [rest, first, Step("add_product", args, step.made)]


def _product(a: Array, b: Array, c: Exact) -> Step:
    return Step("product", (a, b, c), Array(a.rows, b.columns))


class Planning(Numbers):
    """Arrays are names; `steps` collects what would be done, transposes once and not times 1."""

    name = "plan"

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._transposed: dict[Array, Array] = {}
        self._one: Array | None = None

    def _step(self, method: str, rows: int, columns: int, *args: Any) -> Array:
        made = Array(rows, columns)
        self.steps.append(Step(method, args, made))
        return made

    def prompts(self, X: Any, y: Any, queries: Any, witness: Any) -> Prompts:
        raise TypeError("a plan is made for sizes, not for prompts")

    def constant(self, rows: Sequence[Sequence[Exact]]) -> Array:
        if list(map(list, rows)) != [[1]]:
            return self._step("constant", len(rows), len(rows[0]) if rows else 0, NotAnArray(rows))
        if self._one is None:
            self._one = self._step("constant", 1, 1, NotAnArray(rows))
        return self._one

    def zeros(self, tokens: int, size: int) -> Array:
        return self._step("zeros", tokens, size, tokens, size)

    def assemble(self, total: int, parts: list[tuple[range, Array]]) -> Array:
        return self._step("assemble", total, parts[0][1].columns, total, parts)

    def rows(self, a: Array, tokens: range) -> Array:
        return self._step("rows", len(tokens), a.columns, a, tokens)

    def columns(self, a: Array, start: int, stop: int) -> Array:
        return self._step("columns", a.rows, stop - start, a, start, stop)

    def concatenate(self, arrays: list[Array]) -> Array:
        columns = sum(a.columns for a in arrays)
        return self._step("concatenate", arrays[0].rows, columns, arrays)

    def place(self, a: Array, index: int, size: int) -> Array:
        return self._step("place", a.rows, size, a, index, size)

    def transpose(self, a: Array) -> Array:
        if a is self._one:
            return a
        if a not in self._transposed:
            made = self._step("transpose", a.columns, a.rows, a)
            self._transposed |= {a: made, made: a}
        return self._transposed[a]

    def lower(self, scores: Array) -> Array:
        return self._like("lower", scores)

    def _like(self, method: str, a: Array, *args: Any) -> Array:
        return self._step(method, a.rows, a.columns, a, *args)

    def scale(self, c: Exact, a: Array) -> Array:
        return a if c == 1 else self._step("scale", a.rows, a.columns, c, a)

    def combine(self, terms: list[tuple[Exact, Array]]) -> Array:
        if len(terms) == 1:
            return self.scale(*terms[0])
        return self._step("combine", terms[0][1].rows, terms[0][1].columns, terms)

    def product(self, a: Array, b: Array, c: Exact) -> Array:
        if self._one in (a, b):
            return self.scale(c, b if a is self._one else a)
        return self._step("product", a.rows, b.columns, a, b, c)

    def add_product(self, c: Exact, old: Array, a: Array, b: Array, scale: Exact) -> Array:
        return self._step("add_product", old.rows, old.columns, c, old, a, b, scale)

    def contract(
        self, a: Array, left: str, b: Array, right: str, out: str, sizes: dict[str, int]
    ) -> Array:
        size = prod(sizes[letter] for letter in out)
        return self._step("contract", a.rows, size, a, left, b, right, out, sizes)

    def times_matrix(self, a: Array, matrix: tuple[tuple[Exact, ...], ...]) -> Array:
        return self._step("times_matrix", a.rows, len(matrix), a, NotAnArray(matrix))

    def pattern(
        self, a: Array, block: Block, destination: tuple[int, ...], source: tuple[int, ...]
    ) -> Array:
        size = prod(destination)
        shapes = NotAnArray(destination), NotAnArray(source)
        return self._step("pattern", a.rows, size, a, block, *shapes)

    def row_sums(self, a: Array, extra: int) -> Array:
        return self._step("row_sums", a.rows, 1, a, extra)

    def multiply(self, a: Array, b: Array) -> Array:
        return self._like("multiply", a, b)

    def divide(self, a: Array, b: Array) -> Array:
        return self._like("divide", a, b)

    def divide_rows(self, a: Array, divisors: list[int]) -> Array:
        return self._like("divide_rows", a, NotAnArray(divisors))

    def relu(self, a: Array) -> Array:
        return self._like("relu", a)

    def gelu(self, a: Array) -> Array:
        return self._like("gelu", a)

    def softmax(self, scores: Array, causal: bool, null: bool) -> Array:
        return self._like("softmax", scores, causal, null)

    def layer_norm(self, a: Array) -> Array:
        return self._like("layer_norm", a)
