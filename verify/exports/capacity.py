"""How much of each construction the smallest GPT-2 that was released can hold."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import count
from typing import Any

from constructions.construction import Construction
from constructions.exports.copies import copies
from constructions.exports.gpt2 import NoExport
from constructions.exports.shapes import GPT2_SMALL, Shape, too_large

from ..quality.resources_table import Row, at_size, ours
from ..report import tables
from .search import PAIRS, bounded
from .spectrum import NoCertificate, PromptBox

EXAMPLES = (8, 32, 64, 128, 256, 512)  # columns of the table


@cache
def exportable() -> tuple[Row, ...]:
    """Every construction that has steps and can be exported, with the choice that it needs."""
    return tuple(filter(_exported, ours()))


def _exported(row: Row) -> bool:
    if not isinstance(row.build, Construction) or not isinstance(row.build.steps, str):
        return False
    witness = sized(row, d=2, steps=2)
    if witness.examples is not None:
        return False  # of n examples it takes no more than n steps, and no fewer
    try:
        bounded(witness, PromptBox(2, 2))
    except (NoExport, NoCertificate):
        return False
    return True


def sized(row: Row, d: int, steps: int) -> Any:
    """The witness of one line, of these sizes."""
    assert isinstance(row.build, Construction)
    given = {name: values[0] for name, values in row.sizes.items()}
    return row.build(**at_size(row, given | {"d": d, str(row.build.steps): steps}))


def fits(row: Row, d: int, steps: int, n: int, shape: Shape = GPT2_SMALL) -> bool:
    """Whether it fits for n examples, with at least one pair of heads for a linear one."""
    witness = sized(row, d, steps)
    order = copies(witness)
    return not too_large(witness, order, min(PAIRS), n, shape)


def most_steps(row: Row, d: int, n: int, shape: Shape = GPT2_SMALL) -> int:
    """The largest number of steps that fits, 0 if none does."""
    return next(steps for steps in count() if not fits(row, d, steps + 1, n, shape))


def largest_d(row: Row, shape: Shape = GPT2_SMALL) -> int:
    """The largest d at which one step fits."""
    return next(d for d in count() if not fits(row, d + 1, 1, 1, shape))


def markdown(shape: Shape = GPT2_SMALL) -> str:
    """The table; README's copy is held equal to it."""
    heads = (
        "construction", "computes", "largest d", *(f"k for n = {n}" for n in EXAMPLES),
    )  # fmt: skip
    lines = []
    for row in exportable():
        top = largest_d(row, shape)
        steps = (_from_to(most_steps(row, d, n, shape) for d in (1, top)) for n in EXAMPLES)
        lines.append((f"`{row.construction}`", row.computes, str(top), *steps))
    return tables.markdown(heads, lines)


def _from_to(steps: Iterator[int]) -> str:
    """What fits for the least d, and for the largest, if that is less."""
    found = sorted(set(steps))
    return " to ".join(str(one) if one else "none" for one in found)
