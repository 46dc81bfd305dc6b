"""What the forward pass asks of a number system. Arrays are (tokens, size)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from proofs.exact import Exact
from proofs.prompt import X_ALONE
from proofs.slotmap import Block
from proofs.vocabulary import Entrywise

from .seen import Seen


class Unsupported(ValueError):
    """A number system was asked for something that it cannot do exactly or rigorously."""


class Numbers(ABC):
    """One arithmetic. Every method is pure: no argument is changed, but by `add_product_over`.

    decides_with: the number system that decides where this one cannot.
    """

    name: str
    decides_with: str | None = None

    def working(self) -> AbstractContextManager[None]:
        """Held while a witness runs in this arithmetic."""
        return nullcontext()

    # -- making arrays --

    @abstractmethod
    def prompts(self, X: Any, y: Any, queries: Any, witness: Any) -> Prompts:
        """The user's arrays, checked (ValueError) and taken up into this arithmetic."""

    @abstractmethod
    def constant(self, rows: Sequence[Sequence[Exact]]) -> Any:
        """Array from exact scalars."""

    def of_token_numbers(self, total: int, row: Callable[[Any], list[Any]]) -> Any:
        """(total, size): of every token number t from 0 its row of whole numbers, or of bools."""
        return self.constant([[int(entry) for entry in row(t)] for t in range(total)])

    @abstractmethod
    def zeros(self, tokens: int, size: int) -> Any: ...

    @abstractmethod
    def assemble(self, total: int, parts: list[tuple[range, Any]]) -> Any:
        """(total, size) with each part's rows at the given tokens and zeros elsewhere."""

    def added_up(self, a: Any) -> Any:
        """The same; a plan must not put off the sums and products of which it is made."""
        return a

    # -- moving without arithmetic --

    @abstractmethod
    def rows(self, a: Any, tokens: range) -> Any: ...

    @abstractmethod
    def columns(self, a: Any, start: int, stop: int) -> Any: ...

    @abstractmethod
    def concatenate(self, arrays: list[Any]) -> Any:
        """Side by side, along the columns."""

    @abstractmethod
    def place(self, a: Any, index: int, size: int) -> Any:
        """(tokens, size), zero but for column `index`, which is the one column of `a`."""

    @abstractmethod
    def transpose(self, a: Any) -> Any: ...

    @abstractmethod
    def masked(self, scores: Any, seen: Seen) -> Any:
        """Scores (tokens, keys) with those of keys that a token does not see set to 0."""

    # -- linear arithmetic --

    @abstractmethod
    def scale(self, c: Exact, a: Any) -> Any: ...

    @abstractmethod
    def combine(self, terms: list[tuple[Exact, Any]]) -> Any:
        """Sum of c * a."""

    @abstractmethod
    def product(self, a: Any, b: Any, c: Exact) -> Any:
        """c * (a @ b)."""

    def add_product(self, c: Exact, old: Any, a: Any, b: Any, scale: Exact) -> Any:
        """c * old + scale * (a @ b)."""
        return self.combine([(c, old), (1, self.product(a, b, scale))])

    def add_product_over(self, c: Exact, old: Any, a: Any, b: Any, scale: Exact) -> Any:
        """The same, where `old` is read no more and may be written over."""
        return self.add_product(c, old, a, b, scale)

    @abstractmethod
    def contract(
        self, a: Any, left: str, b: Any, right: str, out: str, sizes: dict[str, int]
    ) -> Any:
        """Per token the sum of a[left] * b[right] over the letters not in `out`.

        Rows are row-major in their letters. A letter of both is summed, one of either is kept.
        """

    @abstractmethod
    def times_matrix(self, a: Any, matrix: tuple[tuple[Exact, ...], ...]) -> Any:
        """a @ matrix^T: the matrix applied to every row."""

    @abstractmethod
    def pattern(
        self, a: Any, block: Block, destination: tuple[int, ...], source: tuple[int, ...]
    ) -> Any:
        """The 0/1 matrix of the block's index pattern applied to every row."""

    @abstractmethod
    def row_sums(self, a: Any, extra: int) -> Any:
        """(tokens, 1): extra + the sum of each row."""

    # -- the rest --

    @abstractmethod
    def multiply(self, a: Any, b: Any) -> Any:
        """Entry by entry."""

    @abstractmethod
    def divide(self, a: Any, b: Any) -> Any:
        """Each row of a by the one entry in b's row. Raises ZeroDivisionError on 0."""

    def normalised(self, scores: Any, null: bool) -> Any:
        """Each row of scores by its sum, to which the null key adds 1."""
        return self.divide(scores, self.row_sums(scores, int(null)))

    @abstractmethod
    def divide_rows(self, a: Any, divisors: list[int]) -> Any: ...

    @abstractmethod
    def relu(self, a: Any) -> Any: ...

    def gelu(self, a: Any) -> Any:
        """x/2 (1 + erf(x / sqrt 2))."""
        raise Unsupported(f"{self.name} numbers have no GeLU: its values are irrational")

    def exp(self, a: Any) -> Any:
        raise Unsupported(f"{self.name} numbers have no exp: its values are irrational")

    def applied(self, a: Any, function: Entrywise) -> Any:
        """A user's function of every entry."""
        raise Unsupported(f"{self.name} numbers have no {function.name}: it was not given for them")

    def softmax(self, scores: Any, seen: Seen | None, null: bool) -> Any:
        """Softmax of each row over the keys that are seen (at least one, or null), all if that is
        None, with an extra logit 0 if null."""
        raise Unsupported(f"{self.name} numbers have no softmax: its values are irrational")

    def layer_norm(self, a: Any, epsilon: Exact = 0) -> Any:
        """(a - mean) / sqrt(variance + epsilon) of each row."""
        raise Unsupported(f"{self.name} numbers have no layer norm: its values are irrational")

    def rms_norm(self, a: Any, epsilon: Exact = 0) -> Any:
        """a / sqrt(mean of a^2 + epsilon) of each row."""
        raise Unsupported(f"{self.name} numbers have no RMS norm: its values are irrational")


class Prompts(ABC):
    """A user's batch of prompts inside one number system."""

    X: Any
    y: Any
    queries: Any
    n: int
    m: int
    batch: tuple[int, ...]  # shape of the batch
    predicted: tuple[int, ...]  # shape of one prompt's predictions
    floats: bool = False

    def working(self) -> AbstractContextManager[Any]:
        """Held while the prompts are run."""
        return nullcontext()

    @abstractmethod
    def each(self) -> Iterator[tuple[Any, Any, Any]]:
        """(X (n, inputs), y (n, targets), queries (m, query_inputs)) per run; a torch batch is
        one run."""

    @abstractmethod
    def outside(self, part: Any, low: int, high: int) -> Any:
        """An entry of X, y or queries that is certainly not in [low, high], or None."""

    @abstractmethod
    def join(self, made: list[Any]) -> Any:
        """What the runs made, put together."""

    @abstractmethod
    def give(self, result: Any) -> Any:
        """Predictions, (…, tokens) or (…, tokens, size), in the user's kind of array."""

    @abstractmethod
    def give_slot(self, array: Any, tokens: int, shape: tuple[int, ...]) -> Any:
        """(…, tokens, *shape) in the user's kind of array."""


def completed(X: Any, y: Any, queries: Any, witness: Any) -> tuple[Any, Any, Any]:
    """X, y, queries; y may be left out where there are no targets, queries where the prediction
    is none of theirs. Raises ValueError where they may not."""
    if y is not None and queries is not None:
        return X, y, queries
    import numpy as np

    shape = X.shape if hasattr(X, "shape") else np.shape(X)

    def nothing(*sizes: int) -> Any:
        of_torch = hasattr(X, "new_zeros")
        return (
            X.new_zeros(*shape[:-2], *sizes) if of_torch else np.zeros((*shape[:-2], *sizes), int)
        )

    if y is None:
        if witness.prompt.targets != 0:
            raise ValueError("the prompt needs y, the targets of the examples")
        y = nothing(*shape[-2:-1], 0)
    if queries is None:
        if witness.readout.tokens == "query":
            raise ValueError("the prompt needs queries, at which the witness predicts")
        queries = nothing(0, witness.prompt.query_inputs)
    return X, y, queries


def check_shapes(
    X: tuple[int, ...], y: tuple[int, ...], queries: tuple[int, ...], witness: Any
) -> tuple[int, ...]:
    """The common batch shape of X (…, n, inputs), y (…, n) or, where there is not one target,
    (…, n, targets), queries (…, m, query_inputs); ValueError otherwise."""
    prompt, examples = witness.prompt, witness.examples
    targets = () if prompt.targets == 1 else (prompt.target_count,)
    fields = prompt.fields.at(prompt.d)
    plain = prompt.fields is X_ALONE
    of_x, of_query = ("d", "d") if plain else (fields.parts.width, fields.of_query.width)
    if len(X) < 2:
        raise ValueError(f"X must have shape (..., n, {of_x}), not {X}")
    if len(y) < 1:
        raise ValueError("y must have shape (..., n), not a single number")
    if len(queries) < 2:
        raise ValueError(f"queries must have shape (..., m, {of_query}), not {queries}")
    n = X[-2]
    if n < 1:
        raise ValueError("the prompt is empty: X needs at least one example")
    for name, given, parts in (
        ("X has", X[-1], fields.parts),
        ("queries have", queries[-1], fields.of_query),
    ):
        wanted = parts.width
        if given != wanted and plain:
            raise ValueError(f"{name} d = {given} columns, the witness was built for d = {wanted}")
        if given != wanted:
            said = ", ".join(f"{part.name}: {part.size}" for part in parts.slots) or "no part"
            raise ValueError(f"{name} {given} columns, the witness reads {wanted} ({said})")
    if targets and y[-1] != targets[0]:
        raise ValueError(f"y must have shape (..., n, {targets[0]}), not {y}")
    if y[: len(y) - len(targets)][-1:] != (n,):
        count = y[len(y) - len(targets) - 1] if len(y) > len(targets) else 0
        one = "; y[..., 0] has such a shape" if not targets and y[-2:] == (n, 1) else ""
        raise ValueError(
            f"y has {count} values for n = {n} examples: its shape is {y}, and not (..., n"
            f"{''.join(f', {size}' for size in targets)}){one}"
        )
    if examples is not None and n != examples:
        raise ValueError(f"the prompt has n = {n} examples, the witness was built for {examples}")
    of_y = y[: len(y) - len(targets) - 1]
    if X[:-2] == of_y == queries[:-2]:
        return X[:-2]
    import numpy as np

    try:
        return tuple(np.broadcast_shapes(X[:-2], of_y, queries[:-2]))
    except ValueError:
        raise ValueError(
            f"batch shapes {X[:-2]}, {of_y}, {queries[:-2]} of X, y, queries do not fit together"
        ) from None
