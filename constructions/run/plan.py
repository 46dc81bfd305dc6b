"""What a forward pass does to a prompt of n examples and m queries, written down once.

A plan is a list of steps. Those that the results do not need are dropped, products are ordered,
every array is given back after its last use, and the plan then runs in any arithmetic and on any
number of prompts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from ..numbers.base import Numbers
from .products import in_least_arithmetic
from .steps import ARGUMENTS, Array, Step

PRODUCTS, OVER = ("product", "add_product"), "add_product_over"


class Plan:
    """Steps from X (n, inputs), y (n, targets), queries (m, query_inputs) to results, of which the
    last is the prediction (tokens, size)."""

    def __init__(
        self, given: Sequence[Array], steps: Iterable[Step], results: Sequence[Array]
    ) -> None:
        self.steps = tuple(in_least_arithmetic(list(steps), results))
        number = {array: i for i, array in enumerate((*given, *(s.made for s in self.steps)))}
        last = {number[array]: i for i, step in enumerate(self.steps) for array in step.arrays}
        last |= {number[result]: len(self.steps) for result in results}
        over = written_over(self.steps, results)
        done: list[list[int]] = [[] for _ in range(len(self.steps) + 1)]
        for array, position in last.items():
            done[position].append(array)
        self._numbered = tuple(
            (
                OVER if step.made in over else step.method,
                ARGUMENTS.get(step.method),
                tuple(number[array] for array in step.arrays),
                tuple(map(_whole, step.known)),
                number[step.made],
                tuple(finished),
            )
            for step, finished in zip(self.steps, done)
        )
        self._count, self._results = len(number), [number[result] for result in results]

    def results(self, numbers: Numbers, *prompt: Any) -> list[Any]:
        """Every result at (X, y, queries), arrays of that number system."""
        held: list[Any] = [*prompt, *[None] * (self._count - len(prompt))]
        at = held.__getitem__
        for method, arguments, arrays, known, made, done in self._numbered:
            if arguments is None:
                held[made] = getattr(numbers, method)(*map(at, arrays), *known)
            else:
                held[made] = getattr(numbers, method)(*arguments([*map(at, arrays)], known))
            for i in done:
                held[i] = None
        return [held[i] for i in self._results]

    def run(self, numbers: Numbers, *prompt: Any) -> Any:
        """The prediction (tokens, size)."""
        return self.results(numbers, *prompt)[-1]


def written_over(steps: Sequence[Step], results: Iterable[Array]) -> set[Array]:
    """The sums that may be made over what a product is added to: another product, read by nothing
    afterwards, and only by products before, so that no array is a view of it."""
    own = {step.made for step in steps if step.method in PRODUCTS} - {*results}
    own -= {array for step in steps if step.method not in PRODUCTS for array in step.arrays}
    last = {array: step.made for step in steps for array in step.arrays}
    sums = {step.made: step.arrays[0] for step in steps if step.method == "add_product"}
    return {made for made, old in sums.items() if old in own and last[old] is made}


def _whole(value: Any) -> Any:
    """Whole fractions as ints, which are faster."""
    return value.numerator if type(value) is Fraction and value.denominator == 1 else value
