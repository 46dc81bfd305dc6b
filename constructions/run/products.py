"""The products of a plan in the order of least arithmetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .steps import Array, Step


def needed(steps: Sequence[Step], results: Sequence[Array]) -> list[Step]:
    """The steps that the results depend on, and those that may find that there is no result."""
    refusing = refusals(steps)
    wanted, kept = {*results, *refusing}, []
    for step in reversed(steps):
        if step.made in wanted:
            kept.append(step)
            wanted.update(step.arrays)
    return kept[::-1]


def refusals(steps: Sequence[Step]) -> set[Array]:
    """What is divided by a sum of scores that may be 0: it has to be made, whoever reads it."""
    sums = {step.made for step in steps if step.method == "row_sums" and step.known == (0,)}
    return {step.made for step in steps if step.method == "divide" and step.arrays[1] in sums}


def in_least_arithmetic(steps: Sequence[Step], results: Sequence[Array]) -> list[Step]:
    """The steps that are needed: a product with what is done to it alone as one step, and
    (a p) q for a (p q) where a has few rows.

    Also a p q + a b for a (p q + b), and the same from the right; and (a + p) b for a b + p b where
    they are added one after the other. Only where nothing else reads what is taken apart.
    """
    steps = gathered(joined(needed(steps, results), results), results)
    kept = [*results, *refusals(steps)]
    maker, uses = _made_and_used(steps, kept)
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
        uses.subtract([*step.arrays, *before.arrays])
        for one in instead:
            uses.update(one.arrays)
            maker[one.made] = one
        steps += instead
    return unrepeated(backwards[::-1], results)


def unrepeated(steps: Sequence[Step], results: Sequence[Array]) -> list[Step]:
    """The steps without those that do again what an earlier one has done."""
    done: dict[tuple[Any, ...], Array] = {}
    same: dict[Array, Array] = {}
    kept = []
    for step in steps:
        step = step._replace(arrays=tuple(same.get(array, array) for array in step.arrays))
        made = done.setdefault(step[:3], step.made) if step.arrays else step.made
        if made is step.made or step.made in results:
            kept.append(step)
        else:
            same[step.made] = made
    return kept


def _made_and_used(
    steps: Sequence[Step], results: Sequence[Array]
) -> tuple[dict[Array, Step], Counter[Array]]:
    """Which step makes each array, and how often each is read."""
    uses = Counter(array for step in steps for array in step.arrays)
    uses.update(results)
    return {step.made: step for step in steps}, uses


def joined(steps: Sequence[Step], results: Sequence[Array]) -> list[Step]:
    """c (a b) as one product, and c old + a b as one step, where nothing else reads a b."""
    maker, uses = _made_and_used(steps, results)
    inside: set[Array] = set()
    made = []
    for step in reversed(steps):
        if step.made in inside:
            continue
        if step.method in ("scale", "combine"):
            for i, array in enumerate(step.arrays):
                before = maker.get(array)
                if before and before.method == "product" and uses[array] == 1:
                    together = _together(step, i, before)
                    if together is not None:
                        step = together
                        inside.add(array)
                        break
        made.append(step)
    return made[::-1]


def _together(step: Step, i: int, product: Step) -> Step | None:
    """One step for a sum and for the product that is its array i."""
    (scale,) = product.known
    scale = step.known[i] * scale
    if step.method == "scale":
        return Step("product", product.arrays, (scale,), step.made)
    summed = product.arrays[0].columns > 1
    if len(step.arrays) > 2 or (summed and 1 in (step.made.rows, step.made.columns)):
        return None  # sums of more are added at once; a sum of products gains nothing in a vector
    old, c = step.arrays[1 - i], step.known[1 - i]
    return Step("add_product", (old, *product.arrays), (c, scale), step.made)


def gathered(steps: Sequence[Step], results: Sequence[Array]) -> list[Step]:
    """old + (a + p) b for (old + a b) + p b, where nothing else reads the inner sum; and the same
    from the right."""
    _, uses = _made_and_used(steps, results)
    made: dict[Array, Step] = {}
    for step in steps:
        before = made.get(step.arrays[0]) if step.arrays else None
        instead = _gathered(step, before) if before and uses[before.made] == 1 else []
        if before and instead:
            del made[before.made]
        made |= {one.made: one for one in instead or [step]}
    return list(made.values())


def _gathered(step: Step, before: Step) -> list[Step]:
    """A sum of factors and one product of it; none where the two products share no factor."""
    if not step.method == before.method == "add_product":
        return []
    (old, *inner), (_, *outer) = before.arrays, step.arrays
    (c, scale), (share, last) = before.known, step.known
    for shared, other in ((0, 1), (1, 0)):
        if inner[shared] is outer[shared]:
            factors = inner[other], outer[other]
            summed = inner[other] = Array(factors[0].rows, factors[0].columns)
            return [
                Step("combine", factors, (share * scale, last), summed),
                Step("add_product", (old, *inner), (share * c, 1), step.made),
            ]
    return []


def _single(step: Step, maker: Mapping[Array, Step], uses: Mapping[Array, int]) -> Step | None:
    """The product that this product alone reads, where the other factor has few rows or columns."""
    if step.method != "product":
        return None
    a, b = step.arrays
    for inner, few in ((b, a.rows), (a, b.columns)):
        before = maker.get(inner)
        if before and before.method in ("product", "add_product") and uses[inner] == 1:
            p, q = before.arrays[-2:]
            if few * q.rows * (p.rows + q.columns) < p.rows * q.columns * (q.rows + few):
                return before
    return None


def _taken_apart(step: Step, before: Step) -> list[Step]:
    """Steps that do the product `step` without making what `before` makes."""
    (a, b), (c,) = step.arrays, step.known
    *kept, p, q = before.arrays
    *share, scale = before.known
    other: Callable[[Array], Step]
    if before.made is b:
        first, other = _product(a, p), lambda old: _product(a, old)
        factors = first.made, q
    else:
        first, other = _product(q, b), lambda old: _product(old, b)
        factors = p, first.made
    if not kept:
        return [first, Step("product", factors, (c * scale,), step.made)]
    rest = other(kept[0])
    arrays = (rest.made, *factors)
    return [rest, first, Step("add_product", arrays, (c * share[0], c * scale), step.made)]


def _product(a: Array, b: Array) -> Step:
    return Step("product", (a, b), (1,), Array(a.rows, b.columns))
