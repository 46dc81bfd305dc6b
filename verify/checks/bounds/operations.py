"""One compiled operation against its exact meaning: on one stream, and on a whole box of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from flint import arb

from constructions.numbers.ball import Ball
from constructions.papers.akyurek2022.layers import Constants, layer, workspace
from constructions.papers.akyurek2022.operations import Columns, Operation
from constructions.witness import Witness
from proofs.layer import Layer, Readout
from proofs.prompt import Prompt
from proofs.slotmap import Block, slot_map
from proofs.stream import Layout

from ...claim import Budget, Differs
from ...strategies import as_text
from .balls import ball, interval, precision, top
from .operation_bounds import operation_error


def alone(made: Layer, whole: Layout, stream: Layout, columns: int) -> Witness:
    """One layer as a witness whose tokens carry the program rows of `stream`, all of them."""
    width = stream.width
    blocks = [Block("position", "position")]
    for slot in stream.slots:
        rows = stream.rows(slot.name)
        chosen = tuple(tuple(int(row == k) for k in range(width)) for row in rows)
        blocks.append(Block(slot.name, "x", matrix=chosen))
    return Witness(
        name="one layer",
        layout=whole,
        prompt=Prompt(width, slot_map(*blocks), positions=columns),
        layer_list=(made,),
        readout=Readout("pad"),
        examples=columns - 1,
    )


@lru_cache(maxsize=256)
def compiled(operation: Operation, stream: Layout, columns: int, constants: Constants) -> Witness:
    """The layer of one operation, as such a witness."""
    whole = workspace(stream, columns, [operation])
    return alone(layer(operation, whole, constants), whole, stream, columns)


def run(witness: Witness, stream: Layout, H: Columns) -> list[list[arb]]:
    """What such a witness makes of H, as columns of balls, in the precision that is set."""
    import flint

    *context, query = H
    after = witness.trace(context, [0] * len(context), [query], Ball(flint.ctx.prec))[-1]
    result: list[list[arb]] = [[] for _ in H]
    for slot in stream.slots:
        entries = np.asarray(after[slot.name], dtype=object).reshape(len(H), -1)
        for column, row in zip(result, entries, strict=True):
            column += [ball(entry) for entry in row]
    return result


def off_by(
    operations: Sequence[Operation], witness: Witness, stream: Layout, H: Columns, bits: int
) -> float:
    """The largest certified error of a layer's entries against operations done one by one."""
    want = H
    for operation in operations:
        want = operation.apply(want)
    with precision(bits):
        got = run(witness, stream, H)
        pairs = [(g, w) for gs, ws in zip(got, want) for g, w in zip(gs, ws, strict=True)]
        return max(top(g - ball(w)) for g, w in pairs)


def bound(
    operation: Operation,
    stream: Layout,
    columns: int,
    constants: Constants,
    least: Fraction | None = None,
    letters: Mapping[str, tuple[Any, Any]] | None = None,
) -> float:
    """sup |layer - operation| over all entries and all |h| <= 1, with |divisor| >= least.

    `letters` are weights that range over intervals.
    """
    whole = workspace(stream, columns, [operation])
    with precision(constants.bits(2)):
        ranges = {name: interval(*ends) for name, ends in (letters or {}).items()}
        made = layer(operation, whole, constants)
        return top(operation_error(operation, made, whole, stream.width, least, ranges))


def draw_box(
    draw: random.Random, stream: Layout, columns: int, away: int | None, least: Any
) -> Columns:
    """Entries of the box in eighths, corners not rare; row `away` keeps `least` from 0."""
    made = []
    for _ in range(columns):
        column: list[Any] = [
            Fraction(draw.choice((-8, 8, draw.randint(-8, 8))), 8) for _ in range(stream.width)
        ]
        if away is not None and abs(column[away]) < least:
            column[away] = draw.choice((-1, 1)) * least
        made.append(column)
    return made


def worst_point(operation: Operation, stream: Layout, H: Columns, constants: Constants) -> float:
    """The largest certified |layer - operation| of any entry, on one stream.

    At twice as many bits as `bound`, so that no ball is wider than what it is compared with.
    """
    witness = compiled(operation, stream, len(H), constants)
    return off_by([operation], witness, stream, H, 2 * constants.bits(2))


@dataclass
class Drawn:
    """What layers did at drawn streams: how many, the largest error, the largest share of a bound.

    The box is that of `draw_box`.
    """

    budget: Budget
    stream: Layout
    columns: int
    cases: int = 0
    largest: float = 0.0
    share: float = 0.0

    def __post_init__(self) -> None:
        self.draw = random.Random(self.budget.seed)

    def stay_inside(
        self,
        limits: Mapping[Constants, float],
        off: Callable[[Columns, Constants], float],
        named: Mapping[str, Any],
        away: int | None = None,
        least: Any = None,
    ) -> None:
        """Raises Differs where off(H, constants) exceeds its limit; the last constants count."""
        for _ in range(3 if self.budget.quick else 10):
            H = draw_box(self.draw, self.stream, self.columns, away, least)
            self.cases += 1
            for constants, limit in limits.items():
                error = off(H, constants)
                if not error <= limit:
                    shown = {**named, "H": [as_text(column) for column in H]}
                    raise Differs(f"off by {error:.1e}", shown, None, error, limit, self.cases)
                self.share = max(self.share, error / limit if limit else 0.0)
            self.largest = max(self.largest, error)
